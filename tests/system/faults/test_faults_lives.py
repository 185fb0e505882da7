"""Second lives: every fault of delivery while a process is restarted, killed, or its destination's identifier is used
again. Judged by a counter of payload markers at the MDFs (lives.py)."""
import json
import os
import random
import shutil
import subprocess
import time
import unittest

import fixture
import test_names
from faults import lives
from faults.common import FaultCase, fail_calls, figure, spool_thread
from fixture import LONG, wait_until
from poi_lab import x1

FIRST, AGAIN = 50, 60  # PDUs of each destination: before the fault, after the event
SECONDS = 60  # for everything to be held or told as lost
SEED = int(os.environ.get("POI_SEED", "20261201"))
FIGURE = "%d captured, %d held, %d told as lost, %d in doubt, %d twice"


class Lives(FaultCase):
	"""All faults at once, each at a destination of its own with a target of its own; then one event."""

	FAULTS = lives.Gone, lives.Stalled, lives.Slow, lives.Hostile, lives.Unacknowledging, lives.Named
	DELIVERY = "buffer: 1MiB\nkeepalive: { enabled: true, time-p1: 60, time-p2: 4 }"
	SPOOL = "64MiB"
	DISK, WHERE = 0, ""  # octets of a file system of its own
	MORE = 1000  # PDUs of each destination while its fault lasts
	X1 = "x1: { time1: 1, time2: 2 }"

	def configure(self):
		self.named_dids = [x1.new_id() for _ in range(8)]
		self.names = test_names.NameServer()
		self.names.start()
		self.addCleanup(self.names.close)
		test_names.Names.prepare(self.poi)
		self.place = self.poi.path("spool")
		os.mkdir(self.place, 0o700)
		if self.DISK:
			subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.DISK:d},mode=0700", "tmpfs", self.place], check=True)
			self.addCleanup(subprocess.run, ["umount", "-l", self.place], check=False)
		with open(self.poi.file) as f:
			text = f.read()
		text = text.replace("delivery:\n", "delivery:\n  spool: { folder: %s, key: %s, size: %s }\n"
			"  overrides: [%s]\n" % (self.place, self.key("spool.key"), self.SPOOL,
				", ".join(f"{{ match: {did}, peer-identity: mdf-01 }}" for did in self.named_dids)), 1)
		with open(self.poi.file, "w") as out:
			out.write(text)
		self.append(f"store: {{ file: tasks.store, key: {self.key('root.key')} }}\n")

	marker = 0

	def destination_reports(self, did):
		return [(r, t) for i, r, t in self.read("ReportDestinationIssue") if i == did]

	def read(self, kind):
		if not os.path.exists(self.reports_file):
			return []
		with open(self.reports_file) as f:
			lines = [json.loads(line) for line in f if line.endswith("\n")]
		return [(r["id"], r["report"], r.get("description") or r.get("text") or "") for r in lines if r["type"] == kind]

	def send(self, n):
		"""So many of each; returns when the dataplane has them all."""
		before = self.poi.status()["packets"]["received"]
		first, self.marker = self.marker, self.marker + n
		frames = [f for of_one in zip(*(j.frames(first, n) for j in self.judges)) for f in of_one]
		for at in range(0, len(frames), 100):
			self.link.send(frames[at:at + 100], 25, 0.004)
		self.poi.received(before + len(frames), 30)

	def begin_faults(self):
		self.faults = [kind(self, n) for n, kind in enumerate(self.FAULTS)]
		self.judges = [lives.Judge(self, f) for f in self.faults]
		for f in self.faults:
			self.ok(f.create())
			self.ok(self.poi.admf.activate(f.xid, [x1.target_ipv4(f.target)], [f.did]))
		self.send(FIRST)
		for j in self.judges:
			wait_until(lambda j=j: len(j.held(j.fault.mdf)) == FIRST, 10, lambda j=j: f"{j.fault.name} is up: {j.status()}")
		wait_until(lambda: not self.poi.status()["unsettled"], 5, "all are acknowledged")
		self.disk_fails()
		for f in self.faults:
			f.begin()
		time.sleep(0.3)
		self.send(self.MORE)
		time.sleep(1.5)  # what is held is counted once a second

	def over(self):
		"""Nothing is left for the next life."""
		for name in ("dataplane", "control"):  # after a case that failed half way
			if not getattr(self.poi, name).running:
				getattr(self.poi, "start_" + name)()
		self.poi.wait_control()
		self.poi.admf.one("DeactivateAllTasks")
		self.poi.admf.one("RemoveAllDestinations")
		for f in self.faults:
			f.mdf.stop()
			if f.new:
				f.new.stop()
		wait_until(lambda: not self.poi.status()["destinations"], 10, "all are removed")

	def disk_fails(self):
		pass

	def connected(self):
		wait_until(lambda: self.poi.connected() and self.poi.status()["tasks"] == len(self.faults), fixture.READY,
			lambda: f"control and dataplane are connected: {self.poi.try_status()}")

	# --- the events
	def ending(self, heir=False):
		for j in self.judges:
			j.fault.mdf.peer_ends()
			if not heir:
				j.note()
		for j in self.judges if not heir else ():
			j.ends.append(time.time())

	def stop(self):
		self.ending()
		self.assertEqual(self.poi.dataplane.stop(30), 0)
		self.poi.start_dataplane()

	def kill_dataplane(self):
		self.ending(True)
		self.poi.dataplane.kill()
		self.poi.start_dataplane()

	def kill_control(self):
		self.poi.control.kill()
		self.poi.start_control()

	def kill_both(self):
		self.ending()
		self.poi.control.kill()
		self.poi.dataplane.kill()
		self.poi.start()

	def removed(self):
		for f in self.faults:
			self.assertTrue(self.poi.admf.deactivate(f.xid).ok)
			self.assertTrue(self.poi.admf.remove_destination(f.did).ok)

	def made_again(self):
		"""Each identifier for another MDF."""
		for f in self.faults:
			f.new = lives.Counter(self.poi.pki)
			f.new.start()
			self.addCleanup(f.new.stop)
			if isinstance(f, lives.Named):
				self.names.zone[f.NAME] = (1, ["127.0.0.9", f.new.address])
			wait_until(lambda f=f: f.create(f.new).completed, 20, f"{f.name}: the identifier is free")
			f.xid = x1.new_id()
			self.ok(self.poi.admf.activate(f.xid, [x1.target_ipv4(f.target)], [f.did]))

	def again_after_a_kill(self):
		self.ending()
		self.poi.dataplane.kill()
		wait_until(lambda: not self.poi.admf.activate(x1.new_id(), [x1.target_ipv4("203.0.113.1")], [self.faults[0].did]).ok, 5,
			"control notices")
		self.removed()
		self.poi.start_dataplane()
		self.poi.wait_control()
		self.made_again()

	def again(self):
		"""While both live: what is owed is drained for as long as that may last, and the rest is told."""
		self.ending()
		self.removed()
		self.made_again()

	def second_life(self, what, event):
		self.begin_faults()
		event()
		self.connected()
		self.send(AGAIN)
		time.sleep(0.5)
		for f in self.faults:
			f.end()
		lives.settle_down(self.judges, SECONDS)
		sums = [0] * 5
		for j in self.judges:
			one = j.judged()
			if LONG:
				figure("16", f"{j.fault.name}, {what}", FIGURE % one)
			sums = [a + b for a, b in zip(sums, one)]
		figure("16", f"{len(self.faults)} faults{self.WHERE}: {what}", FIGURE % tuple(sums), "0 unsaid, 0 foreign")
		return sums

	def all(self, *events):
		self.poi.start()
		for what, event in events:
			with self.subTest(what):
				try:
					self.second_life(what, event)
				except Exception:
					print("# " + self.poi.dataplane.text()[-1500:].replace("\n", "\n# "))
					raise
			self.over()


@fixture.long
class Well(Lives):
	def test_lives(self):
		self.all(
			("SIGTERM of poi-dataplane", self.stop),
			("kill -9 of poi-dataplane", self.kill_dataplane),
			("kill -9 of poi-control", self.kill_control),
			("kill -9 of both", self.kill_both),
			("identifier used again", self.again),
			("kill -9, identifier used again", self.again_after_a_kill))

	def second_life(self, what, event):
		captured, held, told, _, _ = super().second_life(what, event)
		if event == self.stop:
			self.assertEqual((held, told), (captured, 0), "a planned restart loses nothing where a spool is")


@fixture.long
class RandomKills(Lives):
	"""One life after another, each ended by kill -9 of either process or of both, while the faults come and go."""

	FAULTS = lives.Gone, lives.Stalled, lives.Unacknowledging
	MORE = 200
	KILLS = 200 if LONG else 6

	def test_lives(self):
		rng = random.Random(SEED)
		events = self.kill_dataplane, self.kill_control, self.kill_both
		ended = dict.fromkeys(events, 0)
		self.poi.start()
		self.begin_faults()
		failing = set(self.faults)
		for n in range(self.KILLS):
			event = events[n] if n < len(events) else rng.choice(events)
			self.send(rng.randrange(20, 100))
			# What is held is counted once a second; where both die, that is what is told.
			time.sleep(rng.uniform(1.3, 1.6) if event == self.kill_both else rng.uniform(0, 0.5))
			event()
			self.connected()
			ended[event] += 1
			f = rng.choice(self.faults)
			(f.end if f in failing else f.begin)()
			failing ^= {f}
		for f in failing:
			f.end()
		lives.settle_down(self.judges, SECONDS)
		sums = tuple(map(sum, zip(*(j.judged() for j in self.judges))))
		figure("16", "%d times kill -9 of poi-dataplane, %d of poi-control, %d of both" % tuple(ended.values()), FIGURE % sums,
			"0 unsaid, 0 foreign")


class FullDisk(Lives):
	"""The spool has room for a part."""

	FAULTS = lives.Gone, lives.Stalled, lives.Unacknowledging
	DISK, WHERE, MORE = 2 << 20, " and a full disk", 2500

	def test_lives(self):
		events = [("SIGTERM of poi-dataplane", self.stop), ("kill -9 of both", self.kill_both)]
		if LONG:
			events += [("kill -9 of poi-dataplane", self.kill_dataplane), ("kill -9 of poi-control", self.kill_control),
				("identifier used again", self.again), ("kill -9, identifier used again", self.again_after_a_kill)]
		self.all(*events)


@fixture.long
@unittest.skipUnless(shutil.which("strace"), "needs strace")
class FailingDisk(FullDisk):
	"""Each write to the spool fails while the first process lives."""

	DISK, WHERE, CALL = 0, " and a disk that fails", "pwrite64"

	def disk_fails(self):
		tracer = fail_calls(spool_thread(self.poi), self.CALL, "EIO", "1+")
		self.addCleanup(tracer.wait)
		self.addCleanup(tracer.terminate)


class DiskThatFailsToRead(FailingDisk):
	"""The same with reads."""

	CALL, WHERE = "pread64", " and a disk that cannot be read"


del FaultCase, Lives
