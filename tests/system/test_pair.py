"""Ten minutes of an MDF pair (POI_LONG=1; POI_PAIR=seconds): a Redundant set made over X1 whose ends are killed, stalled,
cut and revived in random turns under load. Every PDU is at one of them; gaps are the losses that are counted, and what comes
again had not been acknowledged. POI_SEED picks the turns."""
import collections
import os
import random
import time

import fixture
import pair
from faults import common
from fixture import udp_frame, wait_until
from poi_lab import x1

SECONDS = int(os.environ.get("POI_PAIR", 600))
SEED = int(os.environ.get("POI_SEED", "20261202"))
RATE, PAYLOAD = 1000, 300
TIME_P2 = 4  # of the keepalives of X2 and X3: an end that reads nothing for so long is left
# With an end that is well: one that reads nothing is left, then one whose handshake takes its 4 s; back-off of 2 s, failback.
AT_MOST = TIME_P2 + 4 + 2 + 2
KNOWN_WELL = 30 * 1.25 + 4 + 2  # back-off of a destination's own connection, which nothing waits for; its handshake
LOOK = 60  # seconds between two rests at which all is compared


@fixture.long
class Turns(common.FaultCase):
	DELIVERY = f"failback: 1\nbuffer: 2MiB\nkeepalive: {{ enabled: true, time-p1: 1, time-p2: {TIME_P2} }}"

	def begin_pair(self):
		self.poi.start()
		self.pair = pair.Pair(self, self.poi.pki, window=4096, patience=TIME_P2 - 1)
		self.dsid, self.xid, self.dids = x1.new_id(), x1.new_id(), [x1.new_id() for _ in self.pair.ends]
		for did, m in zip(self.dids, self.pair.ends):
			self.ok(self.poi.admf.create_destination(did, m.address, m.port))
		self.ok(self.poi.admf.create_set(self.dsid, self.dids))
		self.ok(self.poi.admf.activate(self.xid, [x1.target_ipv4(common.TARGET)], [], dsids=[self.dsid]))
		self.load = pair.Load(self.link, lambda n: udp_frame(common.TARGET, common.OTHER, (b"%d " % n).ljust(PAYLOAD, b".")), RATE)
		self.addCleanup(self.load.finish)
		self.load.start()
		self.well = {m: time.monotonic() for m in self.pair.ends}  # since when; absent: it is not
		self.longest, self.moved = 0.0, time.monotonic()
		self.happened = collections.Counter()

	def one(self):
		return [d for d in self.poi.status()["destinations"] if d["did"] == self.dsid][0]

	def hold(self, seconds):
		"""Looks that the stream goes on while an end is well."""
		end, read, moved = time.monotonic() + seconds, self.pair.read, self.moved
		while time.monotonic() < end:
			time.sleep(0.1)
			now = time.monotonic()
			if self.pair.read != read:
				read, moved = self.pair.read, now
			if self.well:
				still = now - max(moved, min(self.well.values()))
				self.longest = max(self.longest, still)
				if still >= AT_MOST:
					self.fail(f"seed {SEED}: nothing comes for {still:.1f} s although an end is well: {self.one()}")
		self.moved = moved

	def turn(self, chance):
		m = chance.choice(self.pair.ends)
		what = chance.choice(("kill", "stall", "cut") if m in self.well else ("revive", "revive", "revive", "kill" if m.up else "stall"))
		if what == "stall" and not m.up:
			what = "revive"
		self.happened[what] += 1
		if what == "revive":
			m.revive()
			self.well.setdefault(m, time.monotonic())
		elif what == "cut":
			m.cut()
		else:
			self.well.pop(m, None)
			m.kill() if what == "kill" else setattr(m, "stalled", True)

	def rest(self):
		"""Both ends are well and nothing waits: the set's counts."""
		for m in self.pair.ends:
			m.revive()
			self.well.setdefault(m, time.monotonic())
		self.hold(3)

		def low():
			d = self.one()
			return d["state"] == "up" and d["queued"] + d["in_doubt"] < 3 * RATE
		wait_until(low, 30, lambda: f"what waited is delivered: {self.one()}")
		for did in self.dids:
			wait_until(lambda did=did: self.poi.admf.get_destination(did).text("destinationDeliveryStatus") == "activeAndWorking", KNOWN_WELL,
				lambda: f"both ends are known to be well: {self.one()}")

	def judged(self, sent):
		d = wait_until(lambda: (lambda d: d if d["offered"] == sent and not d["queued"] + d["in_doubt"] else None)(self.one()), 30,
			lambda: f"all {sent} are acknowledged or lost: {self.one()}")
		self.assertTrue(self.pair.read_out())
		held, again = self.pair.judge(self)
		self.assertEqual(len(held), 1, "one sequence context")
		(numbers,) = held.values()
		missing = set(range(sent)) - set(numbers)
		self.assertEqual((len(missing), len(numbers)), (d["dropped"], d["delivered"]), f"gaps are what is counted as lost: {d}")
		self.assertEqual(sum(d["lost"].values()), d["dropped"], d)
		self.assertEqual([m for n, m in numbers.items() if n != m], [], "numbers follow the packets")
		status = self.poi.balanced()
		self.assertEqual((status["matches"], status["packets"]["received"]), (sent, sent))
		return d, again

	def test_turns(self):
		chance = random.Random(SEED)
		self.begin_pair()
		start, looked, turns = time.monotonic(), time.monotonic(), 0
		while time.monotonic() - start < SECONDS:
			self.turn(chance)
			turns += 1
			self.hold(chance.choice((0.2, 1, chance.uniform(0.1, 9))))
			if time.monotonic() - looked > LOOK:
				self.rest()
				looked = time.monotonic()
		self.rest()
		sent = self.load.finish()
		d, again = self.judged(sent)
		self.assertGreater(min(len(m.markers) for m in self.pair.ends), 0)
		print("# seed %d: %d s, %d turns %s; %d sent, %d held, %d lost and counted, %d came again, %s at the ends; %d connections, %d left inside a PDU; "
			"longest without a PDU while an end was well %.1f s" % (SEED, time.monotonic() - start, turns, dict(self.happened), sent,
			d["delivered"], d["dropped"], again, [len(m.markers) for m in self.pair.ends], d["connects"], sum(m.broken_off for m in self.pair.ends), self.longest), flush=True)
