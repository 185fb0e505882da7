"""The whole path against a naive reference: random tasks, right and hostile packets, and what the MDF received,
PDU by PDU."""
import collections
import ipaddress
import os
import random
import sys
import unittest
import uuid

import fixture
from poi_lab import pcap, x1
from test_profiles import FedPoi

sys.path.append(os.path.join(fixture.TOP, "tests", "oracle"))

import reference  # noqa: E402
import traffic  # noqa: E402

PORT = {"mode": "probe", "tunnel": "gtpu", "link": "n3", "gtp-endpoints": traffic.ENDPOINTS, **{key: True for key in traffic.OPENED}, "vxlan-ports": [8472]}
LOOKS_INTO = {"gtpu", 8472, *traffic.OPENED}
ROUNDS, PACKETS, TASKS = (15, 20000, 30) if fixture.LONG else (1, 20000, 30)
SEED = int(os.environ.get("POI_SEED", "1"))


def targets(wanted):
	"""The X1 form of a task."""
	out = []
	for text in wanted.get("addresses", ()):
		if "/" in text:
			out.append(x1.target_cidr(text))
		else:
			out.append((x1.target_ipv6 if ":" in text else x1.target_ipv4)(text))
	out += [x1.target_port(wanted["protocol"], p) for p in wanted.get("ports", ())]
	if "teid" in wanted:
		out.append(x1.target_teid(wanted["teid"]))
	if "fteid" in wanted:
		out.append(x1.target_fteid(*wanted["fteid"]))
	out += [f"<x1:macAddress>{m}</x1:macAddress>" for m in wanted.get("macs", ())]
	return out


class Oracle(unittest.TestCase):
	def start(self, workers):
		self.fed = FedPoi(PORT, keep=True, workers=workers, lengths=False)
		self.addCleanup(self.fed.close)
		self.cut = 0
		self.endpoints = [ipaddress.ip_network(e) for e in traffic.ENDPOINTS]

	def packets(self, rng):
		"""Frames without fragments: which of those belong together is not one frame's matter."""
		frames = []
		while len(frames) < PACKETS:
			octets = traffic.frame(rng)
			if rng.random() < 0.4:
				octets = traffic.hostile(rng, octets)
			seen = reference.Frame(octets, LOOKS_INTO)
			if len(octets) <= 1514 and not any(l.fragment for l in seen.layers):
				frames.append((octets, seen))
		return frames

	def round(self, seed):
		rng = random.Random(seed)
		wanted = [traffic.task(rng) for _ in range(TASKS)]
		tasks = {x1.new_id(): (w, reference.Task(**w)) for w in wanted}
		frames = self.packets(rng)
		self.fed.mdf.kept.clear()
		before = self.fed.poi.status()
		self.fed.activate({xid: targets(w) for xid, (w, _) in tasks.items()})
		self.fed.send([octets for octets, _ in frames])
		self.fed.deactivate(tasks)
		status = self.fed.settled()
		self.assertTrue(self.fed.mdf.wait(lambda m: len(m.kept) >= status["delivered"] - before["delivered"], 30))
		got = collections.defaultdict(collections.Counter)
		for p in self.fed.mdf.kept:
			got[str(uuid.UUID(bytes=p.xid))][(p.format, p.direction, bytes(p.payload))] += 1
		matches = cut = 0
		wrong, empty = [], 0
		for xid, (w, task) in tasks.items():
			expected, of = collections.Counter(), {}
			for octets, seen in frames:
				hit = task.hit(seen, self.endpoints)
				if hit is None:
					continue
				matches += 1
				if hit[2] is None:
					cut += 1
					continue
				expected[hit] += 1
				of[hit] = octets
			empty += not expected
			for what, difference in (("missing", expected - got[xid]), ("too many", got[xid] - expected)):
				wrong += [(what, n, w, hit, of.get(hit)) for hit, n in difference.items()]
		self.report(seed, wrong)
		self.assertEqual(status["matches"] - before["matches"], matches)
		self.assertEqual(status["lost"]["truncated_frame"] - before["lost"]["truncated_frame"], cut)
		self.assertLess(empty, TASKS // 2, "most tasks must find something for the comparison to say much")
		summary = self.fed.mdf.summary()
		self.assertEqual((summary["repeats"], summary["resent"], summary["violations"]), (0, 0, summary["gaps"]), summary)
		self.cut += cut
		self.assertLessEqual(summary["missing"], self.cut, "each gap is a packet that the frame did not hold whole")

	def report(self, seed, wrong):
		if not wrong:
			return
		name = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"poi-oracle-{seed}.pcap")
		out = pcap.Writer(name, pcap.LINK_ETHERNET)
		for number, w in enumerate(w for w in wrong if w[4]):
			out.write(number, w[4])
		out.close()
		lines = [f"{what} {n}: {task}, format {hit[0]:d} direction {hit[1]:d}, payload "
			f"{hit[2][:64].hex()}, frame "
			f"{octets and octets[:160].hex()}" for what, n, task, hit, octets in wrong[:12]]
		self.fail("seed %d, %d differences (frames in %s)\n%s" % (seed, len(wrong), name, "\n".join(lines)))

	def rounds(self, workers):
		self.start(workers)
		for n in range(ROUNDS):
			with self.subTest(seed=SEED + n):
				try:
					self.round(SEED + n)
				finally:
					self.fed.alive()
		self.assertEqual(self.fed.close(), [0, 0])

	def test_one_worker(self):
		self.rounds(1)

	def test_two_workers(self):
		"""Each worker has a queue of its own; together they deliver the same."""
		self.rounds(2)
