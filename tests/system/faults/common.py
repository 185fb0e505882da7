"""What the fault cases share: a running product with traffic on it, an ADMF that takes its reports, and the line with
the figure."""
import json
import os
import subprocess
import sys
import time
import unittest

import fixture
from fixture import udp_frame, wait_until
from poi_lab import x1

TARGET, OTHER = "192.0.2.10", "198.51.100.1"
PAYLOAD = 200


def figure(row, what, value, bound=None):
	"""One row of the table of faults with its figure: shown by tests/run."""
	print("# fault %-2s %-58s %s%s" % (row, what, value, f" (bound {bound})" if bound else ""), flush=True)


def spool_thread(poi):
	"""The thread of poi-dataplane that reads and writes the spool."""
	tasks = f"/proc/{poi.dataplane.child.pid}/task"
	for tid in os.listdir(tasks):
		with open(f"{tasks}/{tid}/comm") as f:
			if f.read().strip() == "poi-spool":
				return tid
	raise AssertionError("no thread of the spool")


def fail_calls(tid, call, error, when, out="/dev/null"):
	"""Lets calls of the thread fail from now on, until the tracer that it returns is ended."""
	tracer = subprocess.Popen(["strace", "-qq", "-o", out, "-e", "trace=" + call, "-e",
		f"inject={call}:error={error}:when={when}", "-p", tid], stderr=subprocess.DEVNULL)

	def attached():
		with open(f"/proc/{tid}/status") as f:
			return "TracerPid:\t0\n" not in f.read()
	try:
		wait_until(attached, 5, "strace is there")
	except AssertionError:
		tracer.terminate()
		tracer.wait()
		raise
	return tracer


class FaultCase(unittest.TestCase):
	"""A probe port on a veth link, one task that goes to one MDF, numbered packets of its target, and an ADMF."""

	DELIVERY = X1 = EXTRA = ""

	def setUp(self):
		self.link = fixture.Link()
		self.addCleanup(self.link.close)
		self.admf_port = fixture.free_port()
		self.poi = fixture.Poi(eal=fixture.af_packet(0, self.link.inner), ports=("{ device: net_af_packet0, mode: probe }",),
			ne_extra=f"admf-url: https://127.0.0.1:{self.admf_port:d}/X1/ADMF", delivery_extra=self.DELIVERY, x1_extra=self.X1)
		self.addCleanup(self.poi.close)
		self.configure()
		self.reports_file = self.poi.path("reports.jsonl")
		self.listening = fixture.Process([sys.executable, "-B", os.path.join(fixture.TOP, "tests", "lab", "poi_lab",
			"admf_server.py"), "--listen", f"127.0.0.1:{self.admf_port:d}", "--pki", self.poi.pki.folder, "--out",
			self.reports_file], self.poi.path("admf.log"), {"PYTHONPATH": os.path.join(fixture.TOP, "tests", "lab")})
		self.addCleanup(self.listening.stop)
		self.stream = None
		self.addCleanup(lambda: self.stream and self.stream.finish())

	def configure(self):
		"""Changes the configuration before anything starts."""

	def append(self, text):
		with open(self.poi.file, "a") as out:
			out.write(text)

	def key(self, name):
		"""A key file for the store, the spool or the audit log."""
		path = self.poi.path(name)
		with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
			out.write(os.urandom(32))
		return path

	def begin(self, rate=500):
		"""Starts both, a task for TARGET with its MDF, and the traffic."""
		self.poi.start()
		self.mdf = self.poi.mdf()
		self.did, self.xid = x1.new_id(), x1.new_id()
		self.ok(self.poi.admf.create_destination(self.did, self.mdf.address, self.mdf.port))
		self.ok(self.poi.admf.activate(self.xid, [x1.target_ipv4(TARGET)], [self.did]))
		self.flow(rate)

	def flow(self, rate=500):
		self.stream = fixture.Stream(self.link, lambda n: udp_frame(TARGET, OTHER, (b"%d " % n).ljust(PAYLOAD, b".")), rate)
		self.stream.start()

	def ok(self, answer):
		self.assertTrue(answer.completed, str(answer))
		return answer

	def reports(self, kind="ReportNEIssue"):
		"""[(type of report, text)] that the ADMF has heard."""
		if not os.path.exists(self.reports_file):
			return []
		with open(self.reports_file) as f:
			lines = [json.loads(line) for line in f if line.endswith("\n")]
		return [(r["report"], r.get("text") or r.get("description") or "") for r in lines if r["type"] == kind]

	def heard(self, word, timeout=5):
		return wait_until(lambda: [r for r in self.reports() if word in json.dumps(r)], timeout,
			f"the ADMF hears of {word!r}: {self.reports()}")

	def all_arrives(self, extra=0):
		"""Stops the traffic: every packet sent is matched, delivered and held once."""
		sent = len(self.stream.finish()) + extra
		self.stream = None
		status = wait_until(lambda: (lambda s: s if s["matches"] >= sent and not s.get("queued") and not s.get("unsettled") else None)(self.poi.status()), 10,
			lambda: f"all {sent} packets are delivered: {self.poi.status()}")
		self.mdf.wait_quiet(0.2, 3)
		self.assertEqual((status["matches"], sum(status["lost"].values())), (sent, 0), status)
		self.assertTrue(status["ledger"]["balanced"], status)
		self.assertEqual(self.mdf.counts["x3"], sent, self.mdf.summary())
		self.assertTrue(self.mdf.good, self.mdf.summary())
		return sent

	def growing(self, timeout=3, by=50):
		"""PDUs arrive: what is tasked is still intercepted."""
		start, since = self.mdf.counts["x3"], time.monotonic()
		wait_until(lambda: self.mdf.counts["x3"] >= start + by, timeout, "interception goes on")
		return time.monotonic() - since

	def resources(self, process):
		pid = process.child.pid
		with open(f"/proc/{pid}/statm") as f:
			return len(os.listdir(f"/proc/{pid}/fd")), int(f.read().split()[1]) * 4096
