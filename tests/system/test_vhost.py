"""Shared memory with another process: net_vhost and net_memif as the side that listens, dpdk-testpmd as the mirror that sends."""
import os
import time
import unittest

import fixture
from fixture import udp_frame, wait_until
from poi_lab import x1

TESTPMD = "/usr/bin/dpdk-testpmd"
TARGET = "192.0.2.10"
N, OTHERS = 500, 300


def mixture():
	"""N frames of the target of many lengths among OTHERS of somebody else: all of them, and the target's."""
	mine = [udp_frame(TARGET, "198.51.100.1", (b"mine %d " % i).ljust(20 + i % 1400, b".")) for i in range(N)]
	rest = [udp_frame("192.0.2.99", "198.51.100.1", b"other %d" % i) for i in range(OTHERS)]
	return [frame for pair in zip(mine, rest) for frame in pair] + mine[OTHERS:], mine


@unittest.skipUnless(os.path.exists(TESTPMD), "no dpdk-testpmd")
class Shared(unittest.TestCase):
	def begin(self, device, arguments):
		"""A product with one port on a socket in its folder, and a task for the target."""
		poi = fixture.Poi(ports=(f"{{ device: {device}, mode: probe }}",))
		self.addCleanup(poi.close)
		self.socket = poi.path("mirror.sock")
		with open(poi.file) as f:
			text = f.read()
		with open(poi.file, "w") as f:
			f.write(text.replace("--vdev net_null0,no-rx=1", "--vdev " + arguments % self.socket))
		self.poi = poi
		poi.start()
		self.mdf = poi.mdf(keep=True)
		did = x1.new_id()
		self.assertTrue(poi.admf.create_destination(did, self.mdf.address, self.mdf.port).completed)
		self.assertTrue(poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], [did]).completed)
		return poi

	def peer(self, device, name):
		"""A second DPDK process that passes the frames of a link on to the device; both are through when it returns."""
		link = fixture.Link()
		self.addCleanup(link.close)
		main, other = fixture.cpus()
		peer = fixture.Process([TESTPMD, "--no-pci", "--no-huge", "-m", "256", "--no-telemetry", "--file-prefix", name + str(os.getpid()),
			"--lcores", f"0@{other:d},1@{main:d}", f"--vdev=net_af_packet0,iface={link.inner},blocksz=65536,framesz=2048,framecnt=8192",
			"--vdev=" + device % self.socket, "--", "--auto-start", "--forward-mode=io", "--total-num-mbufs=16384",
			"--mbuf-size=2500", "--stats-period=3600"], self.poi.path(name + ".log"))
		self.addCleanup(peer.kill)

		def through():
			before = self.received()
			link.send([udp_frame("192.0.2.98", "198.51.100.1", b"through")])
			time.sleep(0.05)
			return self.received() > before
		try:
			wait_until(through, 15, "frames come through")
		except AssertionError as e:
			raise AssertionError(f"{e}\n{peer.text()[-1500:]}\n{self.poi.dataplane.text()[-1500:]}") from None
		return peer, link

	def port(self):
		return self.poi.status()["ports"][0]

	def received(self):
		return self.poi.status()["packets"]["received"]

	def delivered(self, device, name="peer", before=0):
		"""All frames of a new peer are counted, those of the target delivered, octet by octet and in their order."""
		peer, link = self.peer(device, name)
		wait_until(lambda: self.port()["link_up"], 2, "the link is reported")
		received = self.received()
		frames, mine = mixture()
		link.send(frames)
		wait_until(lambda: self.received() - received >= len(frames), 5, "all frames are received")
		self.assertTrue(self.mdf.wait_pdus(before + N, 10), self.mdf.summary())
		self.assertEqual([bytes(p.payload) for p in self.mdf.kept[before:]], [f[14:] for f in mine])
		status = self.poi.balanced()
		self.assertEqual(status["packets"]["received"] - received, N + OTHERS)
		self.assertEqual((status["matches"], status["delivered"]), (before + N, before + N))
		return peer


class Vhost(Shared):
	FRONT = "net_virtio_user0,path=%s,queue_size=1024"

	def test_every_frame_of_each_peer(self):
		"""The peer is killed, and another one connects: the port goes on by itself."""
		self.begin("net_vhost0", "net_vhost0,iface=%s")
		self.assertFalse(self.port()["link_up"])
		self.assertFalse(self.port()["counts_losses"])
		self.delivered(self.FRONT).kill()
		wait_until(lambda: not self.port()["link_up"], 5, "the peer's end is seen")
		self.delivered(self.FRONT, "second", before=N)

	def test_starts_over_its_own_socket(self):
		poi = self.begin("net_vhost0", "net_vhost0,iface=%s")
		for end in ("stop", "kill"):
			getattr(poi.dataplane, end)()
			self.assertTrue(os.path.exists(self.socket), "the sandbox keeps a process from removing it")
			poi.start_dataplane()
			wait_until(poi.connected, 10, "control speaks to the new one")
			self.assertNotIn("failed to bind", poi.dataplane.text())
		self.delivered(self.FRONT)

	def test_as_the_side_that_connects(self):
		"""The peer listens: the port starts without it, and both ends find each other again whichever restarts."""
		poi = self.begin("net_vhost0", "net_vhost0,iface=%s,client=1")
		peer = self.delivered(self.FRONT + ",server=1")
		peer.kill()
		os.unlink(self.socket)
		peer = self.delivered(self.FRONT + ",server=1", "second", before=N)
		poi.dataplane.stop()
		poi.start_dataplane()
		wait_until(lambda: self.port()["link_up"], 5, "the new one finds the same peer")

	def test_check_and_refusal(self):
		poi = self.begin("net_vhost0", "net_vhost0,iface=%s")
		self.assertRegex(poi.poi("check", poi.file).stdout, r"(?m)^ok +port +net_vhost0: listens on " + self.socket)
		poi.dataplane.stop()
		with open(poi.file) as f:
			text = f.read()
		with open(poi.file, "w") as f:
			f.write(text.replace(f"net_vhost0,iface={self.socket}", f"net_virtio_user0,server=1,path={self.socket}")
				.replace("net_vhost0", "net_virtio_user0"))
		self.assertRegex(poi.poi("check", poi.file).stdout, r"(?m)^FAIL +port +net_virtio_user0: .* use net_vhostN")
		dataplane = fixture.Process([poi.programs["poi-dataplane"], "-c", poi.file], poi.path("dataplane.log"))
		self.addCleanup(dataplane.kill)
		wait_until(lambda: not dataplane.running, 5, "it refuses to start")
		self.assertIn("virtio_user with server=1 blocks the start", dataplane.text())


class Memif(Shared):
	SERVER = "net_memif0,role=server,socket=%s,socket-abstract=no,secret=none"
	CLIENT = "net_memif0,role=client,socket=%s,socket-abstract=no,secret=none"

	def test_starts_over_its_own_socket(self):
		poi = self.begin("net_memif0", self.SERVER)
		for end in ("stop", "kill"):
			getattr(poi.dataplane, end)()
			self.assertTrue(os.path.exists(self.socket), "the sandbox keeps a process from removing it")
			poi.start_dataplane()
			wait_until(poi.connected, 10, "control speaks to the new one")
		self.delivered(self.CLIENT)
