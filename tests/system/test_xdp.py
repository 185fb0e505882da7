"""AF_XDP on a veth: whatever way the process ends, the interface is left without an XDP program, and a next start works."""
import json
import os
import subprocess
import unittest

import fixture
from fixture import udp_frame, wait_until

TESTPMD = "/usr/bin/dpdk-testpmd"


def frames(n, word=b"x"):
	return [udp_frame("192.0.2.10", "198.51.100.1", (b"%s %d " % (word, i)).ljust(60, b".")) for i in range(n)]


class Xdp(unittest.TestCase):
	def setUp(self):
		self.link = fixture.Link()
		self.addCleanup(self.link.close)
		self.poi = fixture.Poi(eal=f"--vdev net_af_xdp0,iface={self.link.inner}", ports=("{ device: net_af_xdp0, mode: probe }",))
		self.addCleanup(self.poi.close)

	def program(self):
		"""The id of the program that the kernel has on the interface, None without one."""
		done = subprocess.run(["ip", "-j", "-d", "link", "show", "dev", self.link.inner], capture_output=True, text=True, check=True)
		return json.loads(done.stdout)[0].get("xdp", {}).get("prog", {}).get("id")

	def receives(self, word):
		before = self.poi.status()["packets"]["received"]
		self.link.send(frames(50, word))
		wait_until(lambda: self.poi.status()["packets"]["received"] - before == 50, 5, "the port receives")
		self.assertIsNotNone(self.program(), "it comes by a program")

	def test_stops(self):
		self.poi.start()
		for n in range(2):
			self.receives(b"stop %d" % n)
			self.assertEqual(self.poi.dataplane.stop(), 0)
			self.assertIsNone(self.program(), "no program is left on the interface")
			self.poi.start_dataplane()
			wait_until(self.poi.connected, 10, "control speaks to the new one")
		self.receives(b"last")
		self.poi.balanced()

	def test_kills(self):
		self.poi.start()
		for n in range(2):
			self.receives(b"kill %d" % n)
			self.poi.dataplane.kill()
			wait_until(lambda: self.program() is None, 2, "the kernel takes the program off")
			self.poi.start_dataplane()
			wait_until(self.poi.connected, 10, "control speaks to the new one")
		self.receives(b"last")
		self.poi.balanced()

	@unittest.skipUnless(os.path.exists(TESTPMD), "no dpdk-testpmd")
	def test_a_program_of_somebody_else_stays(self):
		"""Another process that was killed left its program: a port works with it, and leaves it where it was."""
		main, other = fixture.cpus()
		peer = fixture.Process([TESTPMD, "--no-pci", "--no-huge", "-m", "256", "--no-telemetry", "--file-prefix",
			f"xdp{os.getpid()}", "--lcores", f"0@{other:d},1@{main:d}", f"--vdev=net_af_xdp0,iface={self.link.inner}",
			"--", "--auto-start", "--forward-mode=rxonly", "--total-num-mbufs=16384", "--stats-period=3600"],
			self.poi.path("peer.log"), {"LIBXDP_SKIP_DISPATCHER": "1"})
		self.addCleanup(peer.kill)
		wait_until(self.program, 15, "the other has its program there")
		peer.kill()
		left = self.program()
		self.assertIsNotNone(left, "a kill leaves it")
		self.poi.start()
		self.receives(b"found")
		self.assertIn(f"uses the XDP program that was on {self.link.inner} before", self.poi.dataplane.text())
		self.assertEqual(self.poi.dataplane.stop(), 0)
		self.assertEqual(self.program(), left)
