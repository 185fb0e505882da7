"""Every promise over the end of either process, or of both: kill -9 and SIGTERM, with and without a store, the ADMF there or
away meanwhile. truth.py judges by what the ADMF was answered and told, and by markers in what the MDFs hold. POI_ROW=text
chooses rows by their names; without POI_LONG a few of them run."""
import itertools
import json
import os
import re
import signal
import sys
import time
import unittest

import fixture
import loss
import truth
from fixture import LONG, udp_frame, wait_until
from poi_lab import admf, x1

ROW = os.environ.get("POI_ROW", "")
ENDS = "kill", "SIGTERM"
OF = "control", "dataplane", "both", "control then dataplane", "dataplane then control"
ROWS = ["%s of %s, %s store, ADMF %s" % row for row in itertools.product(ENDS, OF, ("with", "without"), ("there", "away"))]
SHORT = ("kill of control, without store, ADMF away", "SIGTERM of dataplane, without store, ADMF there",
	"kill of both, with store, ADMF away", "SIGTERM of both, with store, ADMF there")
MARKER = re.compile(rb"<([a-z]+):([0-9]+)>")
LOST = re.compile(r"([0-9]+) PDUs (?:held|lost: queued|lost,|of an earlier process were|of a destination that was removed were)")
IN_DOUBT = re.compile(r"PDUs lost, ([0-9]+) in doubt")
TIME_P2 = 2  # of the network element whose ADMF falls silent
STALLED = 60  # frames for the MDF that takes none of them
TOLD_WITHIN = 20  # seconds: an attempt that found nobody is made again after some
PAYLOAD = 600


class Mdf(loss.Mdf):
	"""Keeps the markers of all that it takes."""

	def __init__(self, poi):
		super().__init__(poi.pki, window=4096)
		self.markers, self._on_pdu = set(), self._note

	def _counting(self, context, sequence, local=None):
		return None, True

	def _note(self, p):
		found = MARKER.search(bytes(p.payload))
		if found:
			self.markers.add((found.group(1).decode(), int(found.group(2))))

	def of(self, name):
		return {n for at, n in list(self.markers) if at == name}


class Row(unittest.TestCase):
	maxDiff = None

	starts = 0

	# --- the lab
	def build(self, store):
		self.link = fixture.Link()
		self.addCleanup(self.link.close)
		pki = fixture.shared_pki()
		self.admf_port, port = fixture.free_port(), fixture.free_port()
		url = f"https://127.0.0.1:{self.admf_port:d}/X1/ADMF"
		second = ("  - ne-identifier: poi-02\n    admf-identifier: admf-01\n    listen: \"127.0.0.1:%d\"\n    admf-url: %s\n"
			"    x1: { keepalive: { enabled: true, time-p1: 1, time-p2: %d } }\n"
			"    tls: { certificate: %s, key: %s, ca: %s }\nx1: { time1: 1, time2: 2 }\n") % (port, url, TIME_P2,
			pki.path("second-ne.pem"), pki.path("second-ne.key"), pki.path("ca.pem"))
		self.poi = fixture.Poi(eal=fixture.af_packet(0, self.link.inner), ports=("{ device: net_af_packet0, mode: probe }",),
			ne_extra="admf-url: " + url, x1_extra=second, drain=60, xsd=False)
		self.addCleanup(self.poi.close)
		if store:
			key = self.poi.path("root.key")
			with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
				out.write(os.urandom(32))
			with open(self.poi.file, "a") as out:
				out.write("store: { file: tasks.store, key: root.key }\n")
		self.reports = truth.Reports(self.poi.path("reports.jsonl"))
		self.misbehaviour = self.poi.path("misbehave")
		self.second = admf.Admf(f"https://127.0.0.1:{port}/X1/NE", pki.folder, "admf", ne="poi-02")
		self.addCleanup(self.second.close)
		self.truth, self.other = truth.Truth("poi-01"), truth.Truth("poi-02")
		self.sent = {}

	def start_admf(self):
		self.listening = fixture.Process([sys.executable, "-B", os.path.join(fixture.TOP, "tests", "lab", "poi_lab",
			"admf_server.py"), "--listen", f"127.0.0.1:{self.admf_port:d}", "--ne", "", "--pki", self.poi.pki.folder, "--out",
			self.reports.path, "--misbehave-file", self.misbehaviour], self.poi.path("admf.log"),
			{"PYTHONPATH": os.path.join(fixture.TOP, "tests", "lab")})
		self.addCleanup(self.listening.stop)

	def mdf(self, listens=True):
		m = Mdf(self.poi)
		m.start()
		self.addCleanup(m.stop)
		if not listens:
			m.refuse()
		return m

	def create(self, m, client=None, model=None):
		did = x1.new_id()
		body = x1.destination_details(did, m.address, m.port)
		model = model or self.truth
		model.took((client or self.poi.admf).one("CreateDestination", body), model.destinations, did, body)
		return did

	def task(self, kind, xid, target, dids, client=None, model=None, **more):
		body = x1.task_details(xid, [x1.target_ipv4(target)], dids, **more)
		model = model or self.truth
		return model.took((client or self.poi.admf).one(kind, body), model.tasks, xid, body)

	def gone(self, kind, key, book):
		body = x1.xid_body(key) if book is self.truth.tasks else x1.did_body(key)
		return self.truth.took(self.poi.admf.one(kind, body), book, key, None)

	TARGETS = {"active": "192.0.2.1", "before": "192.0.2.2", "after": "192.0.2.3", "deactivated": "192.0.2.4",
		"late": "192.0.2.5", "stalled": "192.0.2.6", "stopped": "192.0.2.7", "down": "192.0.2.8"}

	def send(self, name, n):
		first = self.sent.get(name, 0)
		self.sent[name] = first + n
		frames = [udp_frame(self.TARGETS[name], "198.51.100.1", (b"<%s:%d>" % (name.encode(), first + i)).ljust(PAYLOAD, b"."))
			for i in range(n)]
		before = self.poi.status()["packets"]["received"]
		self.link.send(frames)
		self.poi.received(before + n)

	def audited(self, act, identifier):
		with open(self.poi.path("audit.jsonl")) as f:
			return any(r["act"] == act and r.get("id") == identifier for r in map(json.loads, f))

	# --- its states
	def destinations(self):
		self.good, self.stalled = self.mdf(), self.mdf()
		self.down, self.cleared, self.back = self.mdf(False), self.mdf(False), self.mdf(False)
		self.good_did, self.stalled_did = self.create(self.good), self.create(self.stalled)
		self.down_did, self.cleared_did, self.back_did = (self.create(m) for m in (self.down, self.cleared, self.back))

	def tasks(self):
		xids = {name: x1.new_id() for name in ("active", "modified", "deactivated", "late", "stalled", "down")}
		self.xids = xids
		self.task("ActivateTask", xids["active"], self.TARGETS["active"], [self.good_did], correlation=7)
		self.task("ActivateTask", xids["modified"], self.TARGETS["before"], [self.down_did])
		self.task("ModifyTask", xids["modified"], self.TARGETS["after"], [self.good_did, self.back_did], product=x1.new_id())
		self.task("ActivateTask", xids["deactivated"], self.TARGETS["deactivated"], [self.good_did])
		self.gone("DeactivateTask", xids["deactivated"], self.truth.tasks)
		self.task("ActivateTask", xids["down"], self.TARGETS["down"], [self.down_did, self.cleared_did])
		self.task("ActivateTask", xids["stalled"], self.TARGETS["stalled"], [self.stalled_did])

	def silence(self):
		"""A task of the network element whose ADMF says nothing from now on."""
		did, xid = self.create(self.good, self.second, self.other), x1.new_id()
		self.task("ActivateTask", xid, self.TARGETS["stopped"], [did], self.second, self.other)
		self.other.tasks.clear()
		self.other.stopped.add(xid)
		return xid

	def faults(self):
		for did in (self.down_did, self.cleared_did, self.back_did):
			wait_until(lambda did=did: self.reports.of(did, "NonTerminatingFault"), 10, f"the fault of {did} is told")
		self.truth.standing.add(self.down_did)
		self.truth.over |= {self.cleared_did, self.back_did}

	def unanswered(self, there):
		"""From now on no report is answered."""
		if there:
			with open(self.misbehaviour, "w") as out:
				out.write("close")
		else:
			self.listening.stop()

	def owe(self, stopped):
		"""Reports that are owed: a clear, the late end of a request, the end of a task by the fail-safe, that of a removal."""
		self.cleared.start()
		self.stalled.stalled = True
		self.send("stalled", STALLED)
		self.gone("DeactivateTask", self.xids["stalled"], self.truth.tasks)
		self.poi.dataplane.child.send_signal(signal.SIGSTOP)
		try:
			late = self.task("ActivateTask", self.xids["late"], self.TARGETS["late"], [self.good_did])
		finally:
			self.poi.dataplane.child.send_signal(signal.SIGCONT)
		self.assertEqual(late.result, "Acknowledged", str(late))
		wait_until(lambda: self.audited("actioned", self.xids["late"]), 10, "the late request is completed")
		removal = self.gone("RemoveDestination", self.stalled_did, self.truth.destinations)
		self.assertEqual(removal.result, "Acknowledged", str(removal))
		wait_until(lambda: self.audited("fail-safe", stopped), 10, "the fail-safe has ended its task")
		wait_until(lambda: self.poi.admf.get_destination(self.cleared_did).text("destinationDeliveryStatus") ==
			"activeAndWorking", 10, "the fault is over")

	# --- the end
	def end(self, how, of):
		names = {"both": ("control", "dataplane")}.get(of) or tuple(of.split(" then "))
		for n, name in enumerate(names):
			if n and of != "both":
				time.sleep(0.5)
			process = getattr(self.poi, name)
			if how == "kill":
				process.kill()
			elif of == "both":
				process.child.send_signal(signal.SIGTERM)
			else:
				self.assertEqual(process.stop(), 0, process.text()[-2000:])
		if of == "both":
			for name in names:
				getattr(self.poi, name).child.wait(15)
		return names

	def again(self, names):
		for name in names:
			getattr(self.poi, "start_" + name)(wait=False)
		wait_until(lambda: self.poi.connected(), fixture.READY, lambda: f"control and dataplane are connected: {self.poi.try_status()}")

	def row(self, how, of, store, admf_is):
		both, there = of not in ("control", "dataplane"), admf_is == "there"
		self.build(store)
		self.start_admf()
		self.poi.start()
		self.destinations()
		stopped = self.silence()
		self.tasks()
		self.send("active", 50)
		wait_until(lambda: len(self.good.of("active")) == 50, 10, "PDUs arrive")
		self.faults()
		self.unanswered(there)
		self.owe(stopped)
		stream = fixture.Stream(self.link, lambda n: udp_frame(self.TARGETS["active"], "198.51.100.1",
			(b"<flow:%d>" % n).ljust(PAYLOAD, b".")), 200)
		stream.start()
		self.addCleanup(stream.finish)
		time.sleep(1.2)  # what memory holds is counted once a second
		if there:
			os.unlink(self.misbehaviour)
		self.starts = len(self.cleared_told())
		names = self.end(how, of)
		self.back.start()
		if both and not store:
			self.truth.forgotten()
			self.other.forgotten()
			self.other.destinations.clear()
		self.again(names)
		self.stalled.stalled = False
		flowed = len(stream.finish())
		if not there:
			self.start_admf()
		self.judge(both, store, of, flowed)

	# --- what must hold
	def judge(self, both, store, of, flowed):
		models = self.truth, self.other
		wait_until(lambda: not [m for model in models for m in model.missing(self.reports)], TOLD_WITHIN, Later(
			lambda: f"the ADMF is told: {[m for model in models for m in model.missing(self.reports)]}"))
		wait_until(lambda: not self.truth.wrong(self.poi.admf.one("GetAllDetails")), 5, Later(
			lambda: f"what was answered holds: {self.truth.wrong(self.poi.admf.one('GetAllDetails'))}"))
		self.assertEqual(self.poi.status()["tasks"], len(self.truth.tasks))
		self.traffic(of, flowed)
		self.stalled_told()
		if both:
			wait_until(lambda: not store == bool(self.cleared_told()), 5, Later(lambda: "a lost database is told, one that is "
				f"kept is not: {self.cleared_told()}"))
		self.assertEqual([w for m in models for w in m.twice(self.reports) + m.of_element(self.reports, m.ne)], [])
		status = self.poi.admf.one("GetNEStatus")
		lost = both and not store  # until the ADMF provisions again
		self.assertEqual(status.text("neStatus"), "Faults" if lost else "OK", str(status))
		self.assertEqual("database cleared" in "".join(status.element.itertext()), lost)
		self.assertEqual(truth.held(self.second.one("GetAllDetails"))[0], {})

	def cleared_told(self):
		"""Of a start before the end there is one too. That the other element's store is too old is right."""
		return [r["description"] for r in self.reports.all() if r["ne"] == self.truth.ne and
			"database cleared" in (r["description"] or "")][self.starts:]

	def traffic(self, of, flowed):
		"""By markers: what is in force is taken, nothing else ever was."""
		in_force = {"active": self.xids["active"] in self.truth.tasks, "after": self.xids["modified"] in self.truth.tasks,
			"late": self.xids["late"] in self.truth.tasks, "before": False, "deactivated": False, "stopped": False}
		since = {name: self.sent.get(name, 0) for name in in_force}
		for name in in_force:
			self.send(name, 10)
		for name, taken in in_force.items():
			new = set(range(since[name], since[name] + 10))
			if taken:
				wait_until(lambda name=name, new=new: new <= self.good.of(name), 10, f"the task of {name!r} is in force")
		self.good.wait_quiet(0.2, 3)
		for name, taken in in_force.items():
			if not taken:
				self.assertEqual({n for n in self.good.of(name) if n >= since[name]}, set(), f"{name!r} is not in force")
		self.assertEqual(self.good.of("before") | self.good.of("deactivated") | self.good.of("stopped"), set())
		flow = self.good.of("flow")
		self.assertLessEqual(flow, set(range(flowed)))
		if of == "control":
			wait_until(lambda: self.good.of("flow") == set(range(flowed)), 10, Later(
				lambda: f"the dataplane goes on: {len(self.good.of('flow'))} of {flowed:d}"))

	def stalled_told(self):
		"""What was captured for the MDF that took nothing comes, or is told as lost."""
		def whole():
			texts = self.reports.texts(self.stalled_did)
			told = sum(int(m.group(1)) for t in texts for p in (LOST, IN_DOUBT) for m in [p.search(t)] if m)
			return len(self.stalled.of("stalled")) + told >= STALLED
		wait_until(whole, TOLD_WITHIN, Later(lambda: f"{STALLED} captured, "
			f"{len(self.stalled.of('stalled'))} held; told: "
			f"{self.reports.texts(self.stalled_did)}"))


class Later:
	"""A text that is made when it is shown."""

	def __init__(self, make):
		self.make = make

	def __str__(self):
		return str(self.make())


def case(name):
	how, of, store, admf_is = re.fullmatch("(kill|SIGTERM) of (.*), (with|without) store, ADMF (there|away)", name).groups()

	def run(self):
		start = time.monotonic()
		try:
			self.row(how, of, store == "with", admf_is)
		except BaseException:
			print(f"# FAILED {name}, {time.monotonic() - start:.1f} s", flush=True)
			raise
		print(f"# held: {name}, {time.monotonic() - start:.1f} s", flush=True)
	return run


for each in ROWS:
	if ROW in each and (ROW or LONG or each in SHORT):
		setattr(Row, "test_" + re.sub("[^A-Za-z]+", "_", each), case(each))
