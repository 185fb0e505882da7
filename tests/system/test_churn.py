"""Tasks come and go under full load; afterwards everything is where it was. POI_LONG=1: ten minutes."""
import os
import random
import struct
import time
import unittest

import fixture
from fixture import udp_frame
from poi_lab import x1

SECONDS = 600 if os.environ.get("POI_LONG") else 6


def descriptors(pid):
	"""At rest: the connection of the look before may still be on its way out, what leaks stays."""
	least = len(os.listdir(f"/proc/{pid}/fd"))
	for _ in range(20):
		time.sleep(0.02)
		least = min(least, len(os.listdir(f"/proc/{pid}/fd")))
	return least


def resident(pid):
	with open(f"/proc/{pid}/status") as f:
		return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


class Churn(unittest.TestCase):
	def setUp(self):
		self.poi = fixture.Poi(eal="--vdev net_pcap0,rx_pcap=load.pcap,infinite_rx=1",
			ports=("{ device: net_pcap0, mode: probe }",), delivery_extra="buffer: 8MiB\nbuffer-total: 32MiB", xsd=False)
		self.addCleanup(self.poi.close)
		frames = [udp_frame(f"192.0.2.{1 + n % 250}", "198.51.100.1", b"x" * 18, (1000 + n, 53)) for n in range(500)]
		with open(self.poi.path("load.pcap"), "wb") as out:
			out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
			for frame in frames:
				out.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
		self.poi.start()
		self.mdf = self.poi.mdf()
		self.did = x1.new_id()
		self.ok([self.poi.admf.create_destination(self.did, self.mdf.address, self.mdf.port)])

	def ok(self, answers):
		for answer in answers:
			self.assertTrue(answer.completed, str(answer))

	def activate(self, addresses):
		ids = [x1.new_id() for _ in addresses]
		self.ok(self.poi.admf.send([x1.Message("ActivateTask", x1.task_details(xid, [x1.target_ipv4(a)], [self.did]))
			for xid, a in zip(ids, addresses)]))
		return ids

	def deactivate(self, ids):
		self.ok(self.poi.admf.send([x1.Message("DeactivateTask", x1.xid_body(xid)) for xid in ids]))

	def settled(self):
		fixture.wait_until(lambda: all(d["queued"] + d["unsettled"] == 0 for d in self.poi.status()["destinations"]), 30, "queues are empty")
		status = self.poi.status()
		self.assertTrue(status["ledger"]["balanced"], status)
		return status

	def rounds(self, seconds):
		"""Twenty tasks a turn; one in forty has traffic."""
		rng, end, live, changes = random.Random(11), time.monotonic() + seconds, [], 0
		while time.monotonic() < end:
			addresses = [f"10.{rng.randrange(256):d}.{rng.randrange(256):d}.{rng.randrange(256):d}" for _ in range(20)]
			if rng.random() < 0.5:
				addresses[0] = f"192.0.2.{rng.randrange(1, 250):d}"
			live.append(self.activate(addresses))
			changes += 20
			while len(live) > 30:
				self.deactivate(live.pop(rng.randrange(len(live))))
				changes += 20
		for ids in live:
			self.deactivate(ids)
		return changes

	def test_everything_is_back_where_it_was(self):
		self.rounds(2)  # what is taken once stays
		self.settled()
		pids = [self.poi.control.child.pid, self.poi.dataplane.child.pid]
		before = [(descriptors(p), resident(p)) for p in pids]
		first = self.poi.status()
		changes = self.rounds(SECONDS)
		status = self.settled()
		after = [(descriptors(p), resident(p)) for p in pids]
		print("# %d changes in %d s under %.1f Mpps; descriptors and resident KiB before %s, after %s" % (changes, SECONDS,
			(status["packets"]["received"] - first["packets"]["received"]) / SECONDS / 1e6, before, after))
		self.assertEqual(status["tasks"], 0)
		self.assertEqual([port["nombuf"] for port in status["ports"]], [0])
		self.assertGreater(status["matches"], first["matches"])
		for (fd, _), (fd_after, _) in zip(before, after):
			self.assertLessEqual(fd_after, fd)
		for (_, kib), (_, kib_after) in zip(before, after):
			self.assertLess(kib_after, kib + 64 * 1024)
