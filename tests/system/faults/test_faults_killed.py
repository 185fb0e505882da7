"""kill -9 of poi-dataplane, alone or with poi-control, while an MDF takes nothing: by the markers in the payloads that the
MDF holds at the end, and never by the product's own counts alone."""
import collections
import json
import os
import random
import re
import time

import fixture
import loss
from faults.common import FaultCase, PAYLOAD, TARGET, OTHER, figure
from fixture import LONG, udp_frame, wait_until
from poi_lab import pdu, x1

N = 3000  # frames a round
SEED = int(os.environ.get("POI_SEED", "20261201"))


class Mdf(loss.Mdf):
	"""Keeps all that it takes: also what an old connection still holds while a new one is read."""

	def __init__(self, pki):
		super().__init__(pki, window=4096)
		self._keep = True

	def _counting(self, context, sequence, local=None):
		return None, True

	def held(self):
		"""{marker: [(context, number), ...]}"""
		found = collections.defaultdict(list)
		for p in list(self.kept):
			payload = p.payload
			marker = int(payload[28:].split(b" ")[0])
			found[marker].append((p.context, p.sequence))
		return found


class Killed(FaultCase):
	DELIVERY = "buffer: 64MiB"

	def begin_stalled(self):
		self.poi.start()
		self.mdf = Mdf(self.poi.pki)
		self.mdf.start()
		self.addCleanup(self.mdf.stop)
		self.did, self.xid, self.sent = x1.new_id(), x1.new_id(), 0
		self.ok(self.poi.admf.create_destination(self.did, self.mdf.address, self.mdf.port))
		self.ok(self.poi.admf.activate(self.xid, [x1.target_ipv4(TARGET)], [self.did]))

	def frames(self, n):
		self.link.send([udp_frame(TARGET, OTHER, (b"%d " % (self.sent + i)).ljust(PAYLOAD, b".")) for i in range(n)])
		self.sent += n

	def matched(self, n=None):
		n = self.sent if n is None else n
		return wait_until(lambda: (lambda s: s if s and s.get("matches", 0) >= n else None)(self.poi.try_status()), 20,
			lambda: f"{n} matched: {self.poi.try_status()}")

	def one(self):
		return [d for d in self.poi.status()["destinations"] if d["did"] == self.did][0]

	def owed(self):
		d = self.one()
		return d["queued"] + d["in_doubt"]

	def again(self):
		"""A new poi-dataplane, which has the task."""
		self.poi.start_dataplane()
		wait_until(lambda: (lambda s: s and s["tasks"] == 1)(self.poi.try_status()), 20, "control has replayed the task")

	def judged(self):
		"""All is taken; (held, copies that came twice)."""
		self.mdf.stalled = False
		wait_until(lambda: (lambda s: not s["queued"] + s["in_doubt"] and s["delivered"] + s["dropped"] >= s["offered"])(self.one()), 60,
			lambda: f"nothing waits any more: {self.one()}")
		self.mdf.wait_quiet(0.5, 5)
		held = self.mdf.held()
		twice = 0
		for marker, numbers in held.items():
			self.assertEqual(len(set(numbers)), 1, f"marker {marker:d} came with several numbers: {set(numbers)}")
			twice += len(numbers) - 1
		contexts = {n[0] for numbers in held.values() for n in numbers}
		self.assertEqual(len(contexts), 1, "the sequence context goes on")
		by_number = collections.Counter(n for numbers in held.values() for n in set(numbers))
		self.assertEqual([n for n, c in by_number.items() if c > 1], [], "a number stands for one PDU")
		return held, twice

	def balanced(self):
		status = wait_until(lambda: (lambda s: s if s["ledger"]["balanced"] else None)(self.poi.status()), 10,
			lambda: f"the ledger balances: {json.dumps(self.poi.status())}")
		task = [d for d in status["destinations"] if d["did"] == self.did][0]
		self.assertEqual(task["offered"], task["delivered"] + task["dropped"] + task["queued"] + task["in_doubt"], task)
		return status

	def test_dataplane_at_rest(self):
		"""Every PDU that was captured comes, with its number; the books go on."""
		self.begin_stalled()
		self.frames(20)
		self.assertTrue(self.mdf.wait_pdus(20), self.mdf.summary())
		self.mdf.stalled = True
		for _ in range(3):  # and what an heir has inherited has an heir
			self.frames(N)
			self.matched()
			self.poi.dataplane.kill()
			self.again()
			self.assertGreater(self.owed(), N // 2, self.one())
		self.assertEqual(self.one()["offered"], self.sent)
		self.frames(N)
		self.matched()
		held, twice = self.judged()
		self.assertEqual(sorted(held), list(range(self.sent)), "none is missing")
		status = self.balanced()
		d = self.one()
		self.assertEqual((d["offered"], d["delivered"], d["dropped"]), (self.sent, self.sent, 0), d)
		self.assertEqual((status["matches"], sum(status["lost"].values())), (self.sent, 0), status)
		self.assertEqual(sorted(n[0][1] for n in held.values()), list(range(self.sent)), "every number is there")
		figure("5", "kill -9 of poi-dataplane at rest, 3 in a row", f"{len(held)} of {self.sent} "
			f"captured held, {twice:d} twice", "0 missing")

	def test_dataplane_under_traffic(self):
		"""None is missing but what came while no dataplane ran, and what the counts name."""
		self.begin_stalled()
		rng = random.Random(SEED)
		for n in range(20 if LONG else 4):
			self.mdf.stalled = n % 2 == 0
			self.flow(3000)
			time.sleep(rng.uniform(0.3, 1.0))
			self.poi.dataplane.kill()
			self.again()
			time.sleep(0.3)
			self.stream.finish()
			self.stream = None
			time.sleep(0.2)
		held, twice = self.judged()
		status = self.balanced()
		d = self.one()
		numbers = sorted({n[0][1] for n in held.values()})
		missing = numbers[-1] + 1 - len(numbers)
		self.assertEqual(missing, d["dropped"], f"each gap is a loss that is counted: {d}")
		self.assertLessEqual(d["dropped"], 20 if LONG else 4, "at most the one that was being made")
		self.assertEqual(d["delivered"], len(held), d)
		self.assertEqual(status["matches"], len(held) + d["dropped"], status)
		figure("5", "kill -9 of poi-dataplane under traffic", f"{len(held)} held, "
			f"{d['dropped']:d} counted as lost, {twice:d} twice")

	def flow(self, rate=500):
		start = self.flowed = getattr(self, "flowed", 0) + 1000000
		self.stream = fixture.Stream(self.link,
			lambda n: udp_frame(TARGET, OTHER, (b"%d " % (start + n)).ljust(PAYLOAD, b".")), rate)
		self.stream.start()

	@fixture.long
	def test_heir_killed_too(self):
		"""Killed again at any moment of its start: before it has what the first one held, while it takes that over, and
		after it."""
		self.begin_stalled()
		self.mdf.stalled = True
		self.frames(N)
		self.matched()
		rng = random.Random(SEED)
		for _ in range(40 if LONG else 8):
			self.poi.dataplane.kill()
			self.poi.start_dataplane(wait=False)
			time.sleep(rng.uniform(0.2, 1.5))
		self.poi.dataplane.kill()
		self.again()
		self.frames(10)
		self.matched()
		held, twice = self.judged()
		self.assertEqual(sorted(held), list(range(self.sent)), "none is missing")
		d = self.one()
		self.assertEqual((d["offered"], d["delivered"], d["dropped"]), (self.sent, self.sent, 0), d)
		self.balanced()
		figure("5", "kill -9 of an heir at its start, many times", f"{len(held)} of {self.sent} held, {twice:d} twice",
			"0 missing")

	def test_name_changed_meanwhile(self):
		"""What was captured comes as it was; what is new has another IPID, and numbers of its own from 0."""
		self.begin_stalled()
		self.mdf.stalled = True
		self.frames(N)
		self.matched()
		self.poi.dataplane.kill()
		with open(self.poi.file) as f:
			text = f.read()
		changed = re.sub(r"interception-point: \S+", "interception-point: another", text)
		self.assertNotEqual(changed, text)
		with open(self.poi.file, "w") as f:
			f.write(changed)
		self.again()
		self.frames(50)
		self.matched()
		self.mdf.stalled = False
		wait_until(lambda: len(self.mdf.held()) >= self.sent, 60, lambda: f"all come: {self.one()}")
		held = self.mdf.held()
		self.assertEqual(sorted(held), list(range(self.sent)))
		names = {context[4].split(b".")[0] for numbers in held.values() for context, _ in numbers}
		self.assertEqual(len(names), 2, names)
		new = [held[N + n][0] for n in range(50)]
		self.assertEqual([(c[4].split(b".")[0], s) for c, s in new], [(b"another", s) for s in range(50)])
		self.balanced()

	def test_address_changed_meanwhile(self):
		"""What one MDF was owed never goes to another, and is lost with its number."""
		self.begin_stalled()
		self.mdf.stalled = True
		self.frames(N)
		self.matched()
		time.sleep(0.2)
		self.poi.dataplane.kill()
		owed = N - self.mdf.counts["x3"]
		other = Mdf(self.poi.pki)
		other.start()
		self.addCleanup(other.stop)
		self.assertTrue(self.poi.admf.deactivate(self.xid).ok)
		self.assertTrue(self.poi.admf.remove_destination(self.did).ok)
		self.poi.start_dataplane()
		self.poi.wait_control()
		self.ok(self.poi.admf.create_destination(self.did, other.address, other.port))
		self.ok(self.poi.admf.activate(self.xid, [x1.target_ipv4(TARGET)], [self.did]))
		self.frames(10)
		self.assertTrue(other.wait_pdus(10), other.summary())
		other.wait_quiet(0.5, 3)
		self.assertEqual(sorted(other.held()), list(range(N, N + 10)))
		said = self.heard("gone are lost")
		lost = int(said[0][1].split("killed: ")[1].split(" ")[0])
		self.assertTrue(owed - 200 <= lost <= N, (owed, lost, said))
		self.balanced()
		figure("5", "kill -9, then another MDF by the same name", f"{lost} of {N} told as lost, none at the other")


@fixture.long
class WithSpool(Killed):
	"""Most of what is owed is on disk, the rest in memory: both come."""

	def configure(self):
		with open(self.poi.file) as f:
			text = f.read()
		folder = self.poi.path("spool")
		text = text.replace("buffer: 64MiB", f"buffer: 4MiB\n  spool: {{ folder: {folder}, key: "
			f"{self.key('spool.key')}, size: 64MiB }}")
		with open(self.poi.file, "w") as f:
			f.write(text)

	def test_with_a_spool(self):
		self.begin_stalled()
		self.mdf.stalled = True
		for _ in range(2):
			for _ in range(6):
				self.frames(N)
				self.matched()
			self.poi.dataplane.kill()
			self.again()
		self.frames(20)
		self.matched()
		self.mdf.stalled = False
		wait_until(lambda: len(self.mdf.held()) >= self.sent - self.one()["dropped"], 90,
			lambda: f"{len(self.mdf.held())} of {self.sent}, {self.one()}")
		held, twice = self.judged()
		# A slow disk may cost room in memory meanwhile; that has its own name.
		lost = {k: n for k, n in self.one()["lost"].items() if n and k != "buffer_full"}
		self.assertEqual((len(held) + self.one()["dropped"], lost), (self.sent, {}), self.one())
		self.balanced()
		figure("5", "kill -9 of poi-dataplane with a spool, twice", f"{len(held)} of {self.sent} held, {twice:d} twice",
			"0 missing")


class BothKinds(Killed):
	"""Header reports beside the content: both go on."""

	def configure(self):
		with open(self.poi.file) as f:
			text = f.read()
		with open(self.poi.file, "w") as f:
			f.write(text.replace("admf-url:", "x2-report: pdhr\n    admf-url:", 1))

	def test_both_kinds(self):
		self.poi.start()
		self.mdf = Mdf(self.poi.pki)
		self.mdf.start()
		self.addCleanup(self.mdf.stop)
		self.did, self.xid, self.sent = x1.new_id(), x1.new_id(), 0
		self.ok(self.poi.admf.create_destination(self.did, self.mdf.address, self.mdf.port))
		self.ok(self.poi.admf.activate(self.xid, [x1.target_ipv4(TARGET)], [self.did], delivery="X2andX3"))
		self.mdf.stalled = True
		self.frames(N)
		self.matched()
		self.poi.dataplane.kill()
		self.again()
		self.frames(100)
		self.matched()
		self.mdf.stalled = False
		wait_until(lambda: not self.owed(), 60, lambda: f"nothing waits any more: {self.one()}")
		self.mdf.wait_quiet(0.5, 5)
		for kind in (pdu.X2, pdu.X3):
			numbers = {(p.context, p.sequence) for p in list(self.mdf.kept) if p.type == kind}
			self.assertEqual(len({c for c, _ in numbers}), 1)
			self.assertEqual(sorted(n for _, n in numbers), list(range(self.sent)), f"every number of kind {kind:d}")
		d = self.one()
		self.assertEqual((d["offered"], d["delivered"], d["dropped"]), (2 * self.sent, 2 * self.sent, 0), d)
		self.balanced()


class BothKilled(Killed):
	"""With a store: the tasks come back, and the loss is told with the last known count, never 0."""

	def configure(self):
		self.append(f"store: {{ file: tasks.store, key: {self.key('root.key')} }}\n")

	def test_both(self):
		self.begin_stalled()
		self.mdf.stalled = True
		self.frames(N)
		self.matched()
		time.sleep(1)  # TCP takes no more
		queued = self.owed()
		time.sleep(3)  # counted once a second
		self.poi.control.kill()
		self.poi.dataplane.kill()
		self.poi.start()
		said = wait_until(lambda: [r for r in self.reports("ReportDestinationIssue") if "was killed" in r[1]], 15,
			f"the ADMF hears of the loss: {self.reports('ReportDestinationIssue')}")
		lost = int(said[0][1].split("killed: ")[1].split(" ")[0])
		self.assertEqual(lost, queued, said)
		figure("5", "kill -9 of both", f"{lost} PDUs told as lost, {queued:d} were held", "the last known count")


for name in [n for n in dir(Killed) if n.startswith("test_")]:
	setattr(BothKilled, name, None)
	setattr(WithSpool, name, None)
	setattr(BothKinds, name, None)
del FaultCase
