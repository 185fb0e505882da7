"""Links that flap, a receiver that cannot keep up, pools that are too small: told at once, over at once."""
import os
import re
import signal
import time
import unittest

import fixture
from faults.common import FaultCase, OTHER, TARGET, figure
from feed import Feed
from fixture import udp_frame, wait_until
from poi_lab import x1

FLAPS = 1000 if fixture.LONG else 100


class Flaps(FaultCase):
	def port(self):
		return self.poi.status()["ports"][0]

	def cable(self, state):
		fixture.ip("link", "set", self.link.outer, state)

	@fixture.long
	def test_flaps(self):
		"""Down and up again and again: the last state is known, nothing is left behind, traffic goes on at once."""
		self.begin()
		self.growing()
		sent = len(self.stream.finish())
		self.stream = None
		since = time.monotonic()
		self.cable("down")
		wait_until(lambda: not self.port()["link_up"], 2, "the link is down")
		down = time.monotonic() - since
		self.heard("down")
		figure("9", "link down until it is known", f"{down:.2f} s", "1 s")
		self.assertLess(down, 1.2)
		self.cable("up")
		wait_until(lambda: self.port()["link_up"], 2, "the link is up")
		before = self.resources(self.poi.dataplane)
		for n in range(FLAPS):
			self.cable("down")
			time.sleep(0.01)
			self.cable("up")
			time.sleep(0.01)
		wait_until(lambda: self.port()["link_up"], 3, "the link is up")
		since = time.monotonic()
		self.flow()
		self.growing()
		back = time.monotonic() - since
		after = self.resources(self.poi.dataplane)
		self.all_arrives(sent)
		self.assertLessEqual(after[0], before[0])
		self.assertLess(after[1] - before[1], 1 << 20)
		figure("9", f"{FLAPS} flaps", f"next 50 PDUs after {back:.2f} s; "
			f"{after[0] - before[0]:+d} descriptors, {after[1] - before[1]:+d} octets")


class Overload(FaultCase):
	"""The process does not run for a while: what the ring cannot hold is a fault with a number, and then it is over."""

	@staticmethod
	def stopped(pid):
		states = []
		for thread in os.listdir(f"/proc/{pid}/task"):
			with open(f"/proc/{pid}/task/{thread}/stat") as f:
				states.append(f.read().rsplit(") ", 1)[1][0])
		return set(states) == {"T"}

	def test_stopped_consumer(self):
		self.begin(200)
		self.growing()
		self.stream.finish()
		self.stream = None
		before = self.poi.status()
		pid = self.poi.dataplane.child.pid
		burst = [udp_frame(TARGET, OTHER, b"%d" % n) for n in range(20000)]
		os.kill(pid, signal.SIGSTOP)
		wait_until(lambda: self.stopped(pid), 2, "every thread has stopped")
		try:
			self.link.send(burst)
		finally:
			os.kill(pid, signal.SIGCONT)
		since = time.monotonic()

		def counted():
			now = self.poi.status()
			port = now["ports"][0]
			got = now["packets"]["received"] - before["packets"]["received"]
			missed = port["imissed"] - before["ports"][0]["imissed"]
			return (now, got, missed) if got + missed >= len(burst) else None
		status, got, missed = wait_until(counted, 5, lambda: f"each frame is received or counted as missed: {self.poi.status()['ports']}")
		took = time.monotonic() - since
		self.assertEqual(got + missed, len(burst))
		self.assertGreater(missed, 0, "the ring held all of it")
		self.assertTrue(status["ledger"]["balanced"])
		self.heard("lose")
		figure("10", "consumer stopped while 20,000 frames came", f"{got} received, {missed:d} missed and told; known after {took:.2f} s")
		had = self.mdf.counts["x3"]
		since = time.monotonic()
		self.link.send(burst[:32])
		self.mdf.wait_pdus(had + 32, 2)
		figure("10", "after it", f"32 new packets delivered within {time.monotonic() - since:.3f} s")


class SmallPool(FaultCase):
	"""The smallest pool, and users' fragments whose first never comes: they are held by reference, two seconds long."""

	FRAGMENTS = 20000

	def configure(self):
		self.feed = Feed(self.poi.path("in"))
		self.addCleanup(self.feed.close)
		with open(self.poi.file) as f:
			text = f.read().replace("dataplane:\n", "dataplane:\n  mbufs: 1024\n", 1)
		text = re.sub(r"--vdev net_af_packet0[^\s\"]*", "--vdev net_pcap0,rx_pcap=" + self.feed.path, text).replace("net_af_packet0", "net_pcap0")
		with open(self.poi.file, "w") as out:
			out.write(text)

	@staticmethod
	def later(n):
		"""A fragment of a datagram of its own: more to come, at offset 128."""
		frame = bytearray(udp_frame(TARGET, OTHER, b"x" * 64))
		frame[18:20], frame[20:22], frame[24:26] = (n & 0xFFFF).to_bytes(2, "big"), b"\x20\x10", b"\0\0"
		total = sum(int.from_bytes(frame[i:i + 2], "big") for i in range(14, 34, 2))
		total = (total & 0xFFFF) + (total >> 16)
		frame[24:26] = (~((total & 0xFFFF) + (total >> 16)) & 0xFFFF).to_bytes(2, "big")
		return bytes(frame)

	def test_held_fragments(self):
		self.begin(0)
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4(OTHER), x1.target_port("udp", "5000")], [self.did]))
		self.feed.send([self.later(n) for n in range(self.FRAGMENTS)])
		since, had = time.monotonic(), self.mdf.counts["x3"]
		good = [udp_frame("192.0.2.99", OTHER, b"%d" % n) for n in range(64)]  # of the task with a port only
		self.feed.send(good)
		self.poi.received(self.feed.total)
		took = time.monotonic() - since
		status = self.poi.balanced()
		expected = self.FRAGMENTS + len(good)  # the fragments belong to the task with the address alone
		self.assertTrue(self.mdf.wait_pdus(expected, 5), self.mdf.summary())
		self.assertEqual(self.mdf.wait_quiet(0.3, 3), expected)
		self.assertEqual((status["matches"], sum(status["lost"].values())), (expected, 0), status)
		figure("10", f"pool of 1,024, {self.FRAGMENTS:d} fragments without a first",
			f"{expected:d} PDUs, 0 lost; all received {took:.2f} s after, pool never empty: {status['packets']['nombuf']:d}")

	def begin(self, rate=0):
		self.flow = lambda _: None
		super().begin()


del FaultCase
