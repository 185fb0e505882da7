"""Ports of every kind, several queues and workers, links that come and go, and starts and ends of the process."""
import contextlib
import ctypes
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import fixture
from fixture import udp_frame, wait_until
from poi_lab import pcap, pdu, x1

TARGET = "192.0.2.10"
TESTPMD = "/usr/bin/dpdk-testpmd"


def frames(n, source=TARGET, word=b"x", size=60):
	return [udp_frame(source, "198.51.100.1", (b"%s %d " % (word, i)).ljust(size, b".")) for i in range(n)]


def edit(poi, *changes):
	"""Changes the configuration of a product that was not started yet."""
	with open(poi.file) as f:
		text = f.read()
	for old, new in changes:
		if old not in text:
			raise AssertionError(f"{old!r} is not in the configuration")
		text = text.replace(old, new)
	with open(poi.file, "w") as out:
		out.write(text)


class Case(unittest.TestCase):
	def make(self, eal, ports, *changes, start=True, **more):
		poi = fixture.Poi(eal=eal, ports=ports, **more)
		self.addCleanup(poi.close)
		edit(poi, *changes)
		if start:
			poi.start()
		return poi

	def make_link(self, mtu=1500):
		link = fixture.Link(mtu)
		self.addCleanup(link.close)
		return link

	def intercept(self, poi, target=None):
		m = poi.mdf(keep=True)
		did, xid = x1.new_id(), x1.new_id()
		self.assertTrue(poi.admf.create_destination(did, m.address, m.port).completed)
		answer = poi.admf.activate(xid, [target or x1.target_ipv4(TARGET)], [did])
		self.assertTrue(answer.completed, str(answer))
		return m, xid

	def captured(self, m, n, timeout=10):
		self.assertTrue(m.wait_pdus(n, timeout), m.summary())


class Workers(Case):
	"""Two workers share a port's two queues. Cores are shared where the machine has only two."""

	def setUp(self):
		link = self.make_link()
		main, other = fixture.cpus()
		eal = fixture.af_packet(0, link.inner) + f",qpairs=2 --lcores 0@{main:d},1@{main:d},2@{other:d}"
		self.link = link
		self.poi = self.make(eal, ("{ device: net_af_packet0, mode: probe }",), (f"workers: [{other:d}]", "workers: [61, 62]"))

	def test_each_has_its_own_sequences(self):
		m, _ = self.intercept(self.poi, x1.target_cidr("192.0.2.0/24"))
		n = 4000
		self.link.send([udp_frame(f"192.0.2.{i % 200 + 1}", "198.51.100.1", b"%d" % i, (1000 + i % 200, 5000)) for i in range(n)])
		self.captured(m, n)
		self.assertTrue(m.good, m.summary())
		by_point = {}
		for p in m.kept:
			by_point.setdefault(p.first(pdu.IPID), []).append(p.sequence)
		self.assertEqual(len(by_point), 2, "both workers captured")
		for numbers in by_point.values():
			self.assertEqual(numbers, list(range(len(numbers))), "each context counts from 0 without a gap")
		status = self.poi.balanced()
		self.assertEqual((status["packets"]["received"], status["matches"], status["delivered"]), (n, n, n))
		self.assertIn("2 receive queues (spread by the device, perhaps by ports", self.poi.dataplane.text())


class Watchdog(Case):
	"""systemd is told that we live only while every worker moves."""

	SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17

	def ptrace(self, request, thread):
		libc = ctypes.CDLL(None, use_errno=True)
		if libc.ptrace(ctypes.c_long(request), ctypes.c_long(thread), None, None) != 0:
			raise unittest.SkipTest(f"ptrace: {os.strerror(ctypes.get_errno())}")

	def heard(self, seconds):
		got, end = [], time.monotonic() + seconds
		while time.monotonic() < end:
			self.notify.settimeout(max(0.01, end - time.monotonic()))
			with contextlib.suppress(TimeoutError):
				got.append(self.notify.recv(4096).decode())
		return got

	def test_stuck_worker(self):
		folder = tempfile.mkdtemp(prefix="poi-notify-")
		self.addCleanup(shutil.rmtree, folder)
		self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		self.addCleanup(self.notify.close)
		self.notify.bind(os.path.join(folder, "s"))
		poi = self.make("--vdev net_null0,no-rx=1", ("{ device: net_null0, mode: probe }",), start=False)
		poi.dataplane = fixture.Process([poi.programs["poi-dataplane"], "-c", poi.file], poi.path("dataplane.log"),
			{"NOTIFY_SOCKET": os.path.join(folder, "s")})
		wait_until(lambda: "READY=1" in "".join(self.heard(0.2)), 10, "READY=1")
		self.assertRegex(poi.dataplane.text(), "workers poll [0-9]+ ms after the start")
		self.assertIn("WATCHDOG=1", self.heard(2.5))
		names = {}
		for path in glob.glob(f"/proc/{poi.dataplane.child.pid}/task/*/comm"):
			with open(path) as f:
				names[f.read().strip()] = int(path.split("/")[4])
		workers = [tid for name, tid in names.items() if "worker" in name]
		self.assertEqual(len(workers), 1, names)
		self.ptrace(self.SEIZE, workers[0])
		self.ptrace(self.INTERRUPT, workers[0])
		os.waitpid(workers[0], 0x40000000)  # __WALL
		self.heard(1.2)
		self.assertEqual(self.heard(3), [], "no sign of life for a worker that does not move")
		self.ptrace(self.DETACH, workers[0])
		self.assertIn("WATCHDOG=1", self.heard(3))

	def test_hangup_reads_certificates_again(self):
		poi = self.make("--vdev net_null0,no-rx=1", ("{ device: net_null0, mode: probe }",))
		poi.dataplane.child.send_signal(signal.SIGHUP)
		wait_until(lambda: "delivery certificates were read again" in poi.dataplane.text(), 5, "the certificates were read")
		self.assertTrue(poi.status()["dataplane"]["reachable"])


class Carrier(Case):
	"""DPDK calls a port on a kernel interface up whatever its cable does."""

	def setUp(self):
		self.link = self.make_link()
		self.poi = self.make(fixture.af_packet(0, self.link.inner), ("{ device: net_af_packet0, mode: probe }",))

	def cable(self, state):
		fixture.ip("link", "set", self.link.outer, state)

	def is_up(self):
		return self.poi.status()["ports"][0]["link_up"]

	def told(self, what):
		return self.poi.dataplane.text().count(f"port net_af_packet0: link {what}")

	def test_down_and_up(self):
		m, _ = self.intercept(self.poi)
		self.link.send(frames(10))
		self.captured(m, 10)
		self.assertTrue(self.is_up())
		self.cable("down")
		wait_until(lambda: not self.is_up(), 2, "the link is down")
		time.sleep(1.2)
		self.assertEqual((self.told("down"), self.told("up")), (1, 0), "said once")
		self.cable("up")
		wait_until(self.is_up, 2, "the link is up")
		self.assertEqual((self.told("down"), self.told("up")), (1, 1))
		self.link.send(frames(10, word=b"again"))
		self.captured(m, 20)
		self.assertTrue(m.good, m.summary())
		self.poi.balanced()

	def test_a_new_control_knows(self):
		"""It is in no task's memo: the dataplane says it again, and its end clears it."""
		def faults():
			return "".join(self.poi.admf.one("GetNEStatus").element.itertext())

		self.assertTrue(self.poi.admf.one("DeactivateAllTasks").completed)
		self.cable("down")
		wait_until(lambda: "link down" in faults(), 3, "the fault is listed")
		for _ in range(2):
			self.poi.control.kill()
			self.poi.start_control()
			wait_until(lambda: "port net_af_packet0: link down" in faults(), 3, "the new one lists it")
		self.assertEqual(self.told("down"), 1, "the log has it once")
		self.cable("up")
		wait_until(lambda: self.poi.admf.one("GetNEStatus").text("neStatus") == "OK", 3, "it is cleared")
		self.poi.control.kill()
		self.poi.start_control()
		self.assertEqual(self.poi.admf.one("GetNEStatus").text("neStatus"), "OK")

	def test_flaps(self):
		def held():
			pid = self.poi.dataplane.child.pid
			with open(f"/proc/{pid}/statm") as f:
				return len(os.listdir(f"/proc/{pid}/fd")), int(f.read().split()[1]) * 4096

		m, _ = self.intercept(self.poi)
		self.link.send(frames(10))
		self.captured(m, 10)
		time.sleep(1)
		files, memory = held()
		for _ in range(100):
			self.cable("down")
			time.sleep(0.02)
			self.cable("up")
			time.sleep(0.02)
		wait_until(self.is_up, 2, "the link is up")
		self.link.send(frames(10))
		self.captured(m, 20)
		now_files, now_memory = held()
		self.assertLessEqual(now_files, files)
		self.assertLess(now_memory - memory, 1 << 20)
		self.poi.balanced()

	def test_down_at_the_start(self):
		self.poi.dataplane.stop()
		self.cable("down")
		self.poi.start_dataplane()
		wait_until(lambda: self.told("down") >= 1, 3, "the link that was never up is reported")
		self.assertFalse(self.is_up())

	def test_interface_gone(self):
		fixture.ip("link", "del", self.link.inner)
		wait_until(lambda: not self.is_up(), 3, "the link is down")
		self.assertTrue(self.poi.dataplane.running)
		self.assertIn("port net_af_packet0: device removed", self.poi.dataplane.text())

	def test_interface_back(self):
		"""The socket of a port stays with the interface that went: only a new process has the new one."""
		m, _ = self.intercept(self.poi)
		self.link.send(frames(10))
		self.captured(m, 10)
		fixture.ip("link", "del", self.link.inner)
		wait_until(lambda: not self.is_up(), 3, "the link is down")
		self.link.make()
		self.assertEqual(self.poi.dataplane.child.wait(5), 75)
		self.assertIn("restarting: port net_af_packet0: the removed device is back", self.poi.dataplane.text())
		self.poi.start_dataplane()
		wait_until(lambda: self.poi.connected() and self.poi.status()["tasks"] == 1, 10, "the task is back")
		wait_until(lambda: self.poi.admf.one("GetNEStatus").text("neStatus") == "OK", 5, "the faults are cleared")
		self.link.send(frames(10, word=b"again"))
		self.captured(m, 20)


PLAIN = frames(1)[0]
TAGGED = [PLAIN[:12] + tags + PLAIN[12:] for tags in
	(b"\x81\x00\x00\x05", b"\x88\xa8\x00\x07\x81\x00\x00\x05", b"\x81\x00\x00\x07\x81\x00\x00\x05")]


class Frames(Case):
	"""What is on the wire is what is delivered: long frames, tagged frames."""

	def send_raw(self, interface, octets):
		with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
			s.bind((interface, 0))
			for o in octets:
				s.send(o)

	def test_jumbo_in_one_buffer(self):
		link = self.make_link(9000)
		poi = self.make(f"--vdev net_af_packet0,iface={link.inner},blocksz=65536,framesz=16384,framecnt=256",
			("{ device: net_af_packet0, mode: probe }",), ("  idle-sleep-us: 50\n", "  idle-sleep-us: 50\n  mbuf-size: 16384\n  mbufs: 2048\n"))
		m, _ = self.intercept(poi)
		mine = frames(20, size=8900)
		link.send(mine, 4)
		self.captured(m, 20)
		self.assertEqual([bytes(p.payload) for p in m.kept], [f[14:] for f in mine])
		poi.balanced()

	def test_jumbo_in_several_buffers(self):
		name = f"poitap{os.getpid() % 10000}"
		poi = self.make(f"--vdev net_tap0,iface={name}", ("{ device: net_tap0, mode: probe }",))
		fixture.quiet_link(name)
		fixture.ip("link", "set", name, "mtu", "9000", "up")
		m, _ = self.intercept(poi)
		mine = frames(20, size=8900) + frames(20, size=2300) + frames(20)
		self.send_raw(name, mine)
		self.captured(m, 60)
		self.assertEqual([bytes(p.payload) for p in m.kept], [f[14:] for f in mine])
		poi.balanced()

	def test_below_tags(self):
		"""802.1Q and QinQ, where the kernel takes the outer tag off and the driver puts it back."""
		link = self.make_link()
		poi = self.make(fixture.af_packet(0, link.inner), ("{ device: net_af_packet0, mode: probe }",))
		m, _ = self.intercept(poi)
		link.send(TAGGED)
		self.captured(m, 3)
		self.assertEqual([bytes(p.payload) for p in m.kept], [PLAIN[14:]] * 3)

	def test_tags_stay(self):
		"""A target's Ethernet frames are delivered with their tags."""
		name = f"poitap{os.getpid() % 10000}"
		poi = self.make(f"--vdev net_tap0,iface={name}", ("{ device: net_tap0, mode: probe }",))
		fixture.quiet_link(name)
		m, _ = self.intercept(poi, "<x1:macAddress>02:00:00:00:00:01</x1:macAddress>")
		self.send_raw(name, TAGGED)
		self.captured(m, 3)
		self.assertEqual([bytes(p.payload) for p in m.kept], TAGGED)


class Devices(Case):
	"""Each kind of virtual device starts and passes traffic."""

	def test_null(self):
		poi = self.make("--vdev net_null0,size=128", ("{ device: net_null0, mode: probe }",))
		status = poi.received(10000)
		self.assertTrue(poi.status()["ledger"]["balanced"], status)

	def test_tap(self):
		name = f"poitap{os.getpid() % 10000}"
		poi = self.make(f"--vdev net_tap0,iface={name}", ("{ device: net_tap0, mode: probe }",))
		fixture.quiet_link(name)
		m, _ = self.intercept(poi)
		with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
			s.bind((name, 0))
			for f in frames(50):
				s.send(f)
		self.captured(m, 50)
		fixture.ip("link", "set", name, "down")
		wait_until(lambda: not poi.status()["ports"][0]["link_up"], 3, "the link is down")

	def test_ring_and_pcap_as_one_wire(self):
		"""pcap file -> ring -> pcap file: every frame passes two ports and comes out once."""
		folder = tempfile.mkdtemp(prefix="poi-ring-")
		self.addCleanup(shutil.rmtree, folder)
		sent = frames(300)
		out = pcap.Writer(os.path.join(folder, "in.pcap"), pcap.LINK_ETHERNET)
		for i, f in enumerate(sent):
			out.write(i, f)
		out.close()
		poi = self.make(f"--vdev net_pcap0,rx_pcap={folder}/in.pcap,tx_pcap={folder}/out.pcap --vdev net_ring0",
			("{ device: net_pcap0, mode: inline, peer: net_ring0 }", "{ device: net_ring0, mode: inline, peer: net_pcap0 }"))
		poi.received(600)
		status = poi.balanced()
		self.assertEqual(status["packets"]["received"], 600)
		poi.dataplane.stop()
		self.assertEqual([f for _, f in pcap.read(os.path.join(folder, "out.pcap"))[1]], sent)

	@unittest.skipUnless(os.path.exists(TESTPMD), "no dpdk-testpmd")
	def test_memif(self):
		"""A container's way in: testpmd passes a veth's frames into shared memory that we poll."""
		link = self.make_link()
		folder = tempfile.mkdtemp(prefix="poi-memif-")
		self.addCleanup(shutil.rmtree, folder)
		shared = f"socket={folder}/m.sock,socket-abstract=no,secret=none"
		poi = self.make("--vdev net_memif0,role=server," + shared, ("{ device: net_memif0, mode: probe }",))
		self.assertFalse(poi.status()["ports"][0]["link_up"])
		main, other = fixture.cpus()
		peer = fixture.Process([TESTPMD, "--no-pci", "--no-huge", "-m", "256", "--no-telemetry", "--file-prefix",
			f"peer{os.getpid()}", "--lcores", f"0@{other:d},1@{main:d}", "--vdev=net_af_packet0,iface=%s,blocksz=65536,framesz=2048,framecnt=8192" %
			link.inner, "--vdev=net_memif0,role=client," + shared, "--", "--auto-start", "--forward-mode=io",
			"--total-num-mbufs=16384", "--mbuf-size=2500", "--stats-period=3600"], os.path.join(folder, "peer.log"))
		self.addCleanup(peer.kill)
		try:
			wait_until(lambda: poi.status()["ports"][0]["link_up"], 15, "the peer is connected")
		except AssertionError as e:
			raise AssertionError(f"{e}\n{peer.text()[-2000:]}\n{poi.dataplane.text()[-1500:]}") from None
		m, _ = self.intercept(poi)

		def through():
			link.send(frames(1, "192.0.2.99"))
			time.sleep(0.05)
			return poi.status()["packets"]["received"]
		wait_until(through, 10, "testpmd forwards")
		mine = frames(500)
		link.send(mine)
		self.captured(m, 500)
		self.assertEqual([bytes(p.payload) for p in m.kept], [f[14:] for f in mine])
		peer.kill()
		wait_until(lambda: not poi.status()["ports"][0]["link_up"], 5, "the peer's end is seen")
		poi.balanced()


class Losses(fixture.TrafficCase):
	"""A task that loses copies says so, and says when it is over."""

	@classmethod
	def options(cls):
		return {**super().options(), "delivery_extra": "buffer: 1MiB"}

	def faults(self, xid):
		return "PDUs lost: buffer_full" in "".join(self.poi.admf.get_task(xid).element.itertext())

	def test_task(self):
		mine, quiet = self.activate(x1.target_ipv4(TARGET)), self.activate(x1.target_ipv4("192.0.2.200"))
		self.send(frames(1))
		self.assertTrue(self.mdf.wait_pdus(1))
		self.mdf.stop()
		self.assertFalse(self.faults(mine))
		for _ in range(4):  # a connection that is just ending takes some with it
			self.send(frames(3000, size=1000))
			if sum(d["dropped"] for d in self.poi.status()["destinations"]) > 0:
				break
		self.assertGreater(sum(d["dropped"] for d in self.poi.status()["destinations"]), 0)
		wait_until(lambda: self.faults(mine), 4, "the loss is a fault of the task")
		self.assertFalse(self.faults(quiet), "a task that lost nothing has none")


class Lifetimes(Case):
	"""Starts and ends, gentle and not: nothing is left behind, and a start takes how long it takes."""

	def huge(self):
		with open("/proc/meminfo") as f:
			return int(dict(line.split(":") for line in f).get("HugePages_Free", "0").split()[0])

	def round(self, poi, end):
		poi.start_dataplane()
		end()

	def run_rounds(self, n, end):
		link = self.make_link()
		poi = self.make(fixture.af_packet(0, link.inner), ("{ device: net_af_packet0, mode: probe }",), start=False)
		self.round(poi, lambda: poi.dataplane.stop())
		free = self.huge()
		for _ in range(n):
			self.round(poi, lambda: end(poi))
			self.assertIn("workers poll", poi.dataplane.text())
		times = [int(line.split("workers poll ")[1].split()[0]) for line in poi.dataplane.text().splitlines() if "workers poll" in line]
		print(f"# start to the first poll: {len(times)} starts, median {sorted(times)[len(times) // 2]:d} ms, worst {max(times):d} ms")
		wait_until(lambda: self.huge() >= free, 5, "hugepages are back")
		left = glob.glob(f"/var/run/dpdk/poi-{os.path.basename(poi.folder)}*/*") + glob.glob(f"/dev/hugepages/*{os.path.basename(poi.folder)}*")
		self.assertEqual(left, [])

	def test_stops(self):
		self.run_rounds(20 if fixture.LONG else 8, lambda poi: self.assertEqual(poi.dataplane.stop(), 0))

	def test_kills(self):
		self.run_rounds(200 if fixture.LONG else 10, lambda poi: poi.dataplane.kill())
