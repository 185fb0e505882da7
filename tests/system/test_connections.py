"""One MDF over several connections: what a worker sends of a task stays on one of them, and they stand for themselves."""
import collections
import socket
import unittest

import fixture
import test_profiles
from fixture import udp_frame
from poi_lab import pdu, x1

PORT = {"tunnel": "none"}
WORKERS = 4
TASKS = 5
EACH = 400  # frames of each task


def places(mdf):
	"""{context: the numbers of the connections that it came over}"""
	out = collections.defaultdict(list)
	for n, (_, local) in enumerate(list(mdf.by_connection)):
		for context in list(local):
			out[context].append(n)
	return out


class Several(unittest.TestCase):
	def several(self, connections):
		fed = test_profiles.FedPoi(PORT, keep=True, workers=WORKERS,
			delivery=f"connections: {connections:d}\nthreads: 2\nkeepalive: {{ enabled: true, "
				"time-p1: 1, time-p2: 4 }")
		self.addCleanup(fed.close)
		self.fed, self.mdf, self.xids = fed, fed.mdf, [x1.new_id() for _ in range(TASKS)]
		fed.activate({xid: [x1.target_ipv4(f"192.0.2.{n}")] for n, xid in enumerate(self.xids)})
		self.up(connections)

	def one(self):
		return self.fed.poi.status()["destinations"][0]

	def up(self, connections):
		return fixture.wait_until(lambda: (lambda d: d if (d["state"], d["connected"]) == ("up", connections) else None)(self.one()), 10,
			f"all {connections:d} are up")

	def send(self, rounds=EACH):
		# Each task has frames at every worker.
		self.fed.send([udp_frame(f"192.0.2.{task}", "198.51.100.1", b"%d" % n) for n in range(rounds // WORKERS)
			for task in range(TASKS) for _ in range(WORKERS)])

	def exact(self, each):
		self.fed.settled()
		d = self.one()
		self.assertEqual((d["offered"], d["delivered"], d["dropped"], d["in_doubt"]), (TASKS * each, TASKS * each, 0, 0), d)
		self.assertEqual(self.fed.counts(), dict.fromkeys(self.xids, each))
		summary = self.mdf.summary()
		self.assertTrue(summary["good"], summary)
		self.assertEqual((summary["contexts"], summary["gaps"], summary["missing"]), (TASKS * WORKERS, 0, 0), summary)

	def test_two(self):
		self.several(2)
		self.send()
		self.exact(EACH)
		found = places(self.mdf)
		self.assertEqual({len(at) for at in found.values()}, {1})
		self.assertEqual({at[0] for at in found.values()}, {0, 1}, "each has some")
		self.assertEqual(self.mdf.summary()["repeats"], 0)
		self.assertTrue(self.mdf.wait(lambda m: m.counts["keepalives"] >= 6, 8), "each has its keepalives")

	def test_three_and_one_is_cut(self):
		self.several(3)
		self.send()
		self.exact(EACH)
		mdf, before = self.mdf, places(self.mdf)
		self.assertEqual({len(at) for at in before.values()}, {1})
		self.assertEqual({at[0] for at in before.values()}, {0, 1, 2}, "each has some")
		mdf.refuse()
		socket.socket.shutdown(mdf.by_connection[1][0], socket.SHUT_RDWR)
		down = fixture.wait_until(lambda: (lambda d: d if d["state"] == "down" else None)(self.one()), 5, "the fault is the destination's")
		self.assertEqual((down["connected"], down["connections"]), (2, 3), down)
		self.send()
		others = [context for context, at in before.items() if at != [1]]
		cut = [context for context, at in before.items() if at == [1]]
		twice = 2 * EACH // WORKERS
		self.assertTrue(mdf.wait(lambda m: all(m.per_context[c] == twice for c in others), 10), "the others go on")
		self.assertEqual({mdf.per_context[c] for c in cut}, {EACH // WORKERS})
		self.assertEqual(self.one()["queued"], len(cut) * EACH // WORKERS)
		mdf.start()
		self.up(3)
		self.exact(2 * EACH)
		after = places(mdf)
		self.assertEqual({context: after[context] for context in others}, {context: before[context] for context in others})
		self.assertEqual({tuple(after[context]) for context in cut}, {(1, 3)})
		self.fed.poi.balanced()


class Killed(fixture.TrafficCase):
	@classmethod
	def options(cls):
		return {**super().options(), "ne_extra": "x2-report: pdhr", "delivery_extra": "connections: 2\nthreads: 2"}

	def test_what_waits_goes_on_where_it_was(self):
		"""kill -9 with copies for both connections in memory: the next process has each on its own again, in order."""
		self.activate(x1.target_ipv4("192.0.2.10"), delivery="X2andX3")
		frames = [udp_frame("192.0.2.10", "198.51.100.1", b"%d" % n) for n in range(60)]
		self.send(frames[:20])
		self.assertTrue(self.mdf.wait_pdus(40), self.mdf.summary())
		fixture.wait_until(lambda: not self.poi.status()["queued"] + self.poi.status()["unsettled"], 5, "all acknowledged")
		self.mdf.refuse()
		self.mdf.cut()
		fixture.wait_until(lambda: self.poi.status()["destinations"][0]["connected"] == 0, 5, "both are down")
		self.send(frames[20:])
		self.assertEqual(self.poi.status()["queued"], 80)
		self.poi.dataplane.kill()
		self.poi.start_dataplane()
		fixture.wait_until(self.poi.connected, 10, "control and dataplane are connected")
		self.mdf.start()
		self.assertTrue(self.mdf.wait_pdus(120), self.mdf.summary())
		self.assertEqual(sorted(map(tuple, filter(None, self.mdf.kinds()))), [(pdu.X2,), (pdu.X2,), (pdu.X3,), (pdu.X3,)])
		summary = self.mdf.summary()
		self.assertTrue(summary["good"], summary)
		self.assertEqual((summary["contexts"], summary["gaps"], summary["repeats"]), (2, 0, 0), summary)
		fixture.wait_until(lambda: self.poi.status()["destinations"][0]["connected"] == 2, 5, "both are up")
		self.poi.balanced()


if __name__ == "__main__":
	unittest.main()
