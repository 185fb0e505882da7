"""What a device drops before this process has it is counted: each frame sent to a stopped process is received or missed."""
import os
import signal
import socket
import unittest

import fixture
from fixture import udp_frame, wait_until
from poi_lab import x1

BURST = 20000  # more than any ring here holds


class Stopped(unittest.TestCase):
	def begin(self, eal, device):
		poi = fixture.Poi(eal=eal, ports=(f"{{ device: {device}, mode: probe }}",))
		self.addCleanup(poi.close)
		poi.start()
		return poi

	@staticmethod
	def seen(poi):
		port = poi.status()["ports"][0]
		return port["received"], port["imissed"]

	def judge(self, poi, send):
		"""`send` sends the frames; every one of them is in a count, and the loss is told."""
		burst = [udp_frame("192.0.2.10", "198.51.100.1", b"%d" % n) for n in range(BURST)]
		send(burst[:100])
		received, missed = wait_until(lambda: self.seen(poi) if self.seen(poi)[0] >= 100 else None, 5, "the first are received")
		self.assertTrue(poi.status()["ports"][0]["counts_losses"])
		os.kill(poi.dataplane.child.pid, signal.SIGSTOP)
		try:
			send(burst)
		finally:
			os.kill(poi.dataplane.child.pid, signal.SIGCONT)

		def counted():
			now = self.seen(poi)
			return now if now[0] - received + now[1] - missed >= BURST else None
		now = wait_until(counted, 5, "each frame is received or missed")
		self.assertEqual(now[0] - received + now[1] - missed, BURST)
		self.assertGreater(now[1], missed, "the device held all of it")
		self.assertIn("loses frames", poi.dataplane.text())
		poi.balanced()
		print(f"# {poi.status()['ports'][0]['driver']}: {now[0] - received:d} received, {now[1] - missed:d} missed")

	@staticmethod
	def to_interface(name):
		def send(frames):
			with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
				s.bind((name, 0))
				for f in frames:
					s.send(f)
		return send

	def link(self):
		link = fixture.Link()
		self.addCleanup(link.close)
		return link

	def test_packet_socket(self):
		link = self.link()
		self.judge(self.begin(fixture.af_packet(0, link.inner), "net_af_packet0"), link.send)

	def test_xdp_socket(self):
		link = self.link()
		self.judge(self.begin(f"--vdev net_af_xdp0,iface={link.inner}", "net_af_xdp0"), link.send)

	def test_capture_library(self):
		link = self.link()
		self.judge(self.begin(f"--vdev net_pcap0,rx_iface_in={link.inner}", "net_pcap0"), link.send)

	def test_tap(self):
		name = f"poitap{os.getpid() % 10000}"
		poi = self.begin(f"--vdev net_tap0,iface={name}", "net_tap0")
		fixture.quiet_link(name)
		self.judge(poi, self.to_interface(name))

	def test_a_driver_that_counts_nothing(self):
		poi = self.begin("--vdev net_ring0", "net_ring0")
		self.assertFalse(poi.status()["ports"][0]["counts_losses"])
		self.assertIn("its driver does not count what is lost before it", poi.poi("status", "-c", poi.file).stdout)


class Cut(unittest.TestCase):
	"""A mirror that sends the beginning of each packet only."""

	def play(self, option):
		link = fixture.Link()
		self.addCleanup(link.close)
		poi = fixture.Poi(eal=fixture.af_packet(0, link.inner), ports=(f"{{ device: net_af_packet0, mode: probe{option} }}",))
		self.addCleanup(poi.close)
		poi.start()
		m = poi.mdf(keep=True, lengths=False)  # what is cut is shorter than it says
		did, xid = x1.new_id(), x1.new_id()
		self.assertTrue(poi.admf.create_destination(did, m.address, m.port).completed)
		self.assertTrue(poi.admf.activate(xid, [x1.target_ipv4("192.0.2.10")], [did]).completed)
		frames = [udp_frame("192.0.2.10", "198.51.100.1", (b"marker %d " % n).ljust(600, b".")) for n in range(12)]
		link.send([f[:200] if n % 2 else f for n, f in enumerate(frames)])
		return poi, m, [f[14:200] if n % 2 else f[14:] for n, f in enumerate(frames)]

	def test_by_default_they_are_lost_by_name(self):
		poi, m, sent = self.play("")
		m.wait_pdus(6)
		status = poi.balanced()
		self.assertEqual([bytes(p.payload) for p in m.kept], sent[::2])
		self.assertEqual((status["matches"], status["lost"]["truncated_frame"], status["cut"]), (12, 6, 0))

	def test_what_came_is_delivered_where_asked(self):
		poi, m, sent = self.play(", deliver-cut: true")
		m.wait_pdus(12)
		status = poi.balanced()
		self.assertEqual([bytes(p.payload) for p in m.kept], sent)
		self.assertEqual((status["matches"], status["delivered"], status["lost"]["truncated_frame"], status["cut"]), (12, 12, 0, 6))
