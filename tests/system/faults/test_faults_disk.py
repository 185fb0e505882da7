"""Disk full, EIO and failing fsync on every write in turn, injected by strace: never an OK that is not on disk,
interception goes on, the ADMF hears of it."""
import collections
import http.client
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

import fixture
import test_spool
from faults.common import FaultCase, fail_calls, figure, spool_thread
from fixture import wait_until
from poi_lab import x1
from loss import Mdf

STEP = 1 if fixture.LONG else 3  # of the writes, each STEP-th is looked at


@unittest.skipUnless(shutil.which("strace"), "needs strace")
class Disk(FaultCase):
	"""Control under strace. A round: start it, make changes while the n-th call fails, kill it, look at the disk."""

	FILE = None  # whose calls fail

	def configure(self):
		self.append(f"store: {{ file: {self.poi.path('tasks.sealed')}, key: {self.key('store.key')} }}\n")

	def start_control(self, inject):
		"""With `inject` (strace's words); the trace lists what was injected."""
		call = inject.split(":")[0]
		self.trace = self.poi.path("strace.txt")
		command = ["strace", "-f", "-qq", "-o", self.trace, "-P", self.poi.path(self.FILE), "-e", "trace=" + call, "-e",
			"inject=" + inject, self.poi.programs["poi-control"], "-c", self.poi.file]
		self.poi.admf.close()
		self.poi.control = fixture.Process(command, self.poi.path("control.log"))

	def injected(self):
		with open(self.trace) as f:
			return "INJECTED" in f.read()

	def kill_control(self):
		"""kill -9 of control; its tracer ends with it and has written its trace then."""
		tracer = self.poi.control.child
		with open(f"/proc/{tracer.pid}/task/{tracer.pid}/children") as f:
			for pid in f.read().split():
				os.kill(int(pid), signal.SIGKILL)
		tracer.wait(10)
		self.poi.control = None

	def serving(self):
		"""Until X1 answers; False when the program has refused to start, which is also an answer to a bad disk."""
		end = time.monotonic() + fixture.READY
		while time.monotonic() < end:
			if not self.poi.control.running:
				return False
			try:
				if self.poi.admf.one("Ping").ok:
					return True
			except (OSError, http.client.HTTPException):
				self.poi.admf.close()
			time.sleep(0.02)
		raise AssertionError("control neither serves nor ends")

	def changes(self):
		"""[(kind, XID, answer OK)] of three changes to a task of their own."""
		xid, done = x1.new_id(), []
		for kind, ask in (("activate", lambda: self.poi.admf.activate(xid, [x1.target_ipv4("192.0.2.77")], [self.did])),
				("modify", lambda: self.poi.admf.modify(xid, [x1.target_ipv4("192.0.2.78")], [self.did])),
				("deactivate", lambda: self.poi.admf.deactivate(xid))):
			try:
				done.append((kind, xid, ask().completed))
			except (OSError, http.client.HTTPException):
				done.append((kind, xid, False))
		return done

	def on_disk(self, done):
		"""Every change that was OKed has its line in the audit log, but deactivations, which come before the disk."""
		with open(self.poi.path("audit.jsonl"), errors="replace") as f:
			lines = f.read().splitlines()
		for kind, xid, ok in done:
			if ok and kind != "deactivate":
				self.assertTrue([n for n in lines if xid in n and kind in n.lower()], f"{kind} of {xid} was OKed and is not on disk")

	def held(self):
		return {e.text for e in self.poi.admf.one("ListAllDetails").all("xId")}

	def round(self, inject):
		"""(was the fault met, OKs, refusals)"""
		self.start_control(inject)
		serving, done = self.serving(), []
		if serving:
			wait_until(lambda: self.poi.connected() or not self.poi.control.running, fixture.READY, "connected")
			done = self.changes()
			self.growing()
		if self.poi.control.running:
			self.kill_control()
		self.poi.control = None
		met = self.injected()
		self.on_disk(done)
		return met, sum(ok for _, _, ok in done), sum(not ok for _, _, ok in done), serving

	def every(self, call, error, step, row="4"):
		rounds = oks = refusals = refused_starts = n = 0
		while True:
			n += step
			met, ok, refused, serving = self.round(f"{call}:error={error}:when={n}")
			if not met:
				break
			rounds, oks, refusals, refused_starts = rounds + 1, oks + ok, refusals + refused, refused_starts + (not serving)
			self.assertLess(n, 500)
		self.assertGreater(rounds, 0, f"no {call} was met")
		self.poi.start_control()
		self.assertEqual(self.held(), {self.xid}, "after the disk is well")
		self.poi.control.stop()
		self.poi.control = None
		figure(row, f"{error} of {self.FILE}: {call}, each {step:d}. in turn",
			f"{rounds:d} rounds, {oks:d} OK all on disk, {refusals:d} refused, {refused_starts:d} starts refused")

	def stays(self, call, error):
		"""From some moment on for good: refusals and a fault; then the disk is well again."""
		self.start_control(f"{call}:error={error}:when=12+")
		self.assertTrue(self.serving())
		wait_until(lambda: self.poi.connected(), fixture.READY, "connected")
		refused = 0
		for _ in range(12):
			done = self.changes()
			refused += sum(not ok for kind, _, ok in done if kind == "activate")
		self.assertGreater(refused, 0, "tasks were accepted that cannot be recorded")
		self.growing()
		started = time.monotonic()
		self.heard("audit" if self.FILE.startswith("audit") else "store")
		figure("4", f"{error} of {self.FILE} for good: {call}", f"{refused} of 12 activations refused, ADMF told, interception goes on")
		self.assertLess(time.monotonic() - started, 5)
		self.kill_control()
		self.assertTrue(self.injected())
		self.poi.start_control()
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4("192.0.2.79")], [self.did]))

	def run_all(self, single, lasting):
		self.begin()
		self.kill_first()
		for call, error in single:
			self.every(call, error, 1 if "sync" in call else STEP)
		for call, error in lasting:
			self.stays(call, error)
		self.all_arrives()

	def kill_first(self):
		self.poi.control.stop()
		self.poi.control = None


class AuditLog(Disk):
	FILE = "audit.jsonl"

	def test_full(self):
		self.run_all([("write", "ENOSPC")], [("write", "ENOSPC")])

	@fixture.long
	def test_sync(self):
		self.run_all([("fdatasync", "EIO")], [("fdatasync", "EIO")])


class Store(Disk):
	FILE = "tasks.sealed"

	def test_full(self):
		self.run_all([("pwrite64", "ENOSPC")], [("pwrite64", "ENOSPC")])

	@fixture.long
	def test_sync(self):
		self.run_all([("fdatasync", "EIO")], [("fdatasync", "EIO")])

	def test_oked_tasks_survive_both(self):
		"""Whatever failed before: after kill -9 of both the store brings back exactly what was OKed."""
		self.begin()
		self.kill_first()
		held, n = {self.xid}, 0
		for call, error in (("pwrite64", "ENOSPC"), ("fdatasync", "EIO"), ("fsync", "EIO"), ("rename", "EIO")):
			for when in (1, 2, 5) if not fixture.LONG else range(1, 12):
				self.start_control(f"{call}:error={error}:when={when:d}")
				if self.serving():
					wait_until(lambda: self.poi.connected(), fixture.READY, "connected")
					for _ in range(3):
						xid = x1.new_id()
						if self.poi.admf.activate(xid, [x1.target_ipv4("192.0.2.80")], [self.did]).completed:
							held.add(xid)
					self.kill_control()
				n += 1
				self.poi.control = None
		self.stream.finish()
		self.stream = None
		self.poi.dataplane.kill()
		self.poi.start()
		self.assertEqual(self.held(), held)
		figure("4", f"both killed after {n} failures of the store", f"{len(held)} of {len(held)} OKed tasks are back")


@unittest.skipUnless(shutil.which("strace"), "needs strace")
class Spool(FaultCase):
	def configure(self):
		folder = self.poi.path("spool")
		os.mkdir(folder, 0o700)
		with open(self.poi.file) as f:
			text = f.read()
		text = text.replace("delivery:\n", "delivery:\n  buffer: 1MiB\n  spool: { folder: "
			f"{folder}, key: {self.key('spool.key')}, size: 64MiB }}\n", 1)
		with open(self.poi.file, "w") as out:
			out.write(text)

	def slow_mdf(self):
		m = Mdf(self.poi.pki)
		m.start()
		self.addCleanup(m.stop)
		return m

	def test_full(self):
		"""The spool's disk is full while an MDF reads nothing: what does not fit is lost by name, nothing else is."""
		self.poi.mdf = lambda: self.slow_mdf()
		self.begin(3000)
		self.growing()
		pid = str(self.poi.dataplane.child.pid)
		tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC",
			"-p", pid], stderr=subprocess.PIPE)
		try:
			time.sleep(0.3)
			self.mdf.stalled = True
			wait_until(lambda: sum(self.poi.status()["lost"].values()) > 0, 20, "the loss is counted")
			self.assertTrue(self.poi.dataplane.running)
		finally:
			tracer.terminate()
			tracer.wait()
		self.mdf.stalled = False
		sent = len(self.stream.finish())
		self.stream = None
		status = wait_until(lambda: (lambda s: s if s["matches"] >= sent and not s.get("queued") and not s.get("unsettled") else None)(self.poi.status()), 40,
			lambda: f"the rest is delivered: {self.poi.status()}")
		lost = sum(status["lost"].values())
		self.assertEqual(status["delivered"] + lost + status["in_doubt"], status["offered"], status)
		self.assertTrue(status["ledger"]["balanced"])
		figure("4", "ENOSPC of the spool while an MDF reads nothing", f"{sent} packets, "
			f"{status['delivered']:d} delivered, {lost} lost by name, sums exact")


@unittest.skipUnless(shutil.which("strace"), "needs strace")
class SpoolCalls(test_spool.Spool):
	"""Each call on the spool's file fails in turn, while an MDF stops reading and goes on: the tracer sits on the spool's
	thread alone."""

	# The spool is used after 1.1 s; a store that failed is tried again a second later, and memory lasts 2.2 s.
	RATE = 2000
	OVERRIDES = ", { match: 127.0.0.0/8, buffer: 5MiB }"
	test_away_and_back = test_restart_of_the_dataplane = None

	def largest(self):
		return max(os.path.getsize(os.path.join(self.place, f)) for f in os.listdir(self.place))

	def lost(self):
		return {k: n for k, n in self.of(self.bad_did)["lost"].items() if n}

	def round(self, call, error, when, stalled=1.5, over=True):
		"""(was the fault met, what it cost, what the ADMF heard)"""
		trace = os.path.join(self.folder, "trace")
		lost, heard = self.lost(), len(self.reports(self.bad_did))
		tracer = fail_calls(spool_thread(self.poi), call, error, when, trace)

		def injected():
			with open(trace) as f:
				return "INJECTED" in f.read()
		try:
			self.bad.stalled = True
			time.sleep(stalled)
			self.other_unharmed(self.poi.status())
			self.bad.stalled = False
			wait_until(lambda: self.of(self.bad_did)["queued"] < self.RATE // 4, 10, f"it catches up: {self.of(self.bad_did)}")
			wait_until(lambda: injected() or self.largest() < test_spool.EMPTY, 5, "the file begins anew, or cannot")
		finally:
			tracer.terminate()
			tracer.wait()
		met = injected()
		if met:
			def told():
				said = self.reports(self.bad_did, full=True)[heard:]
				return said if [r for r, text in said if r == "NonTerminatingFault" and text.startswith("spool")] \
					and (not over or said[-1][0] == "AllClear") else None
			said = wait_until(told, 5, f"{call} {error} {when}: the ADMF hears of start and end: "
				f"{self.reports(self.bad_did, full=True)}")
		else:
			said = []
		now = self.lost()
		return met, {k: n - lost.get(k, 0) for k, n in now.items() if n > lost.get(k, 0)}, said

	@fixture.long
	def test_each_in_turn(self):
		"""One call that fails costs nothing but where it holds the only copy: a read. Memory goes on meanwhile."""
		self.begin(self.made(window=1 << 16))
		met = collections.Counter()
		steps = range(1, 25) if fixture.LONG else (1, 2, 3, 5, 8, 12)
		rounds = [("pwrite64", ("ENOSPC", "EIO")[n % 2], n) for n in steps]
		rounds += [(call, "EIO", n) for call in ("ftruncate", "pread64") for n in (steps if fixture.LONG else (1, 2))]
		for call, error, n in rounds:
			was_met, cost, said = self.round(call, error, n)
			met[call] += was_met
			self.assertIn(f" {sum(cost.values()):d} PDUs lost meanwhile", said[-1][1] if was_met else " 0 PDUs lost meanwhile")
			self.assertLessEqual(set(cost), {"spool_unreadable"} if call == "pread64" else set(), (call, error, n, cost, said))
		for call in ("pwrite64", "ftruncate", "pread64"):
			self.assertGreater(met[call], 0, f"no {call} was met")
		self.assertGreater(self.lost().get("spool_unreadable", 0), 0, "what cannot be read is lost by name")
		# Each second one, as often as it comes: blocks that were delivered are let go of all the same.
		_, cost, _ = self.round("pwrite64", "EIO", "2+2", 2.7)
		self.assertLessEqual(set(cost), {"buffer_full"})
		# For good: what memory does not hold is lost by name.
		_, cost, _ = self.round("pwrite64", "EIO", "1+", 2.7, over=False)
		self.assertEqual(list(cost), ["buffer_full"])
		_, sent = self.rest()
		status = self.exact(sent)
		wait_until(lambda: self.reports(self.bad_did)[-1] == "AllClear", 3, "the last one is over too")
		clears = [int(n) for n in re.findall(r"([0-9]+) PDUs lost meanwhile", str(self.reports(self.bad_did, full=True)))]
		self.assertEqual(sum(clears), self.of(self.bad_did, status)["dropped"], clears)
		self.assertLess(self.largest(), test_spool.EMPTY)
		d = self.of(self.bad_did, status)
		self.assertEqual((self.bad.held, self.bad.summary()["repeats"], self.bad.summary()["connections"]),
			(sent - d["dropped"], 0, 1), (d, self.bad.summary()))
		figure("4", "EIO and ENOSPC of each call on the spool's file in turn", "%s met, %d packets, lost %s, sums exact" % (
			", ".join(f"{n} {call}" for call, n in met.items()), sent, self.lost()))


del Disk, FaultCase  # run through those above only
