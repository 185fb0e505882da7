"""The audit log: a line of every X1 exchange in either direction, of every warning, and of a stranger no more than
its limit."""
import json
import os
import signal
import sys

import fixture
from fixture import wait_until
from poi_lab import x1


class Exchanges(fixture.PoiCase):
	@classmethod
	def options(cls):
		cls.report_port = fixture.free_port()
		return {"ne_extra": f"admf-url: https://127.0.0.1:{cls.report_port:d}/X1/ADMF"}

	def lines(self, **having):
		with open(self.poi.path("audit.jsonl")) as f:
			records = [json.loads(line) for line in f]
		return [r for r in records if all(r.get(k.replace("_", "-")) == v for k, v in having.items())]

	def admf_answers(self, *how):
		command = [sys.executable, "-B", os.path.join(fixture.TOP, "tests", "lab", "poi_lab", "admf_server.py"), "--listen",
			f"127.0.0.1:{self.report_port:d}", "--pki", self.poi.pki.folder, "--out", self.poi.path("reports.jsonl"), *how]
		server = fixture.Process(command, self.poi.path("admf.log"))
		self.addCleanup(server.stop)
		return server

	def reload(self):
		before = len(self.lines(act="warning"))
		self.poi.control.child.send_signal(signal.SIGHUP)
		wait_until(lambda: len(self.lines(act="warning")) > before, 5, "the warning of a reload in the audit log")

	def test_a_warning_is_logged_without_an_admf(self):
		self.reload()
		line = self.lines(act="warning")[-1]
		self.assertEqual((line["ne"], line["note"]), ("poi-01", "the configuration was read again"))

	def test_a_report_is_logged_with_its_answer(self):
		refusing = self.admf_answers("--misbehave", "error:3000")
		self.reload()
		wait_until(lambda: self.lines(act="reported", code=3000, request="ReportNEIssue"), 70, "a report that was refused")
		refusing.stop()
		self.admf_answers()
		before = len(self.lines(act="reported", code=0))
		self.reload()
		wait_until(lambda: len(self.lines(act="reported", code=0)) > before, 70, "a report that was answered with OK")
		with open(self.poi.path("reports.jsonl")) as f:
			text = f.read()
		for line in self.lines(act="reported"):
			self.assertIn(line["transaction"], text)
			self.assertEqual(line["peer-uid"], "admf-01")
		self.assertTrue(self.lines(act="unanswered"), "reports before there was an ADMF")

	def test_a_refusal_has_its_reason_and_what_was_claimed(self):
		self.refused(1060, self.poi.client(ne="poi-99").one("Ping"))
		self.refused(1030, self.poi.client(admf="admf-02").one("Ping"))
		self.assertEqual(self.lines(code=1060)[-1]["claims-ne"], "unknown")
		self.assertEqual(self.lines(code=1030)[-1]["claims-admf"], "unknown")
		details = x1.task_details(x1.new_id(), [x1.target_ipv4("192.0.2.300")], [x1.new_id()])
		self.refused(1010, self.poi.admf.one("ActivateTask", details))
		self.assertIn("ipv4Address", self.lines(code=1010)[-1]["note"])
		with open(self.poi.path("audit.jsonl")) as f:
			self.assertNotIn("192.0.2.300", f.read())

	def test_a_bulk_request_names_its_tasks(self):
		did = x1.new_id()
		self.ok(self.poi.admf.create_destination(did, "127.0.0.1", 45000))
		xids = [x1.new_id() for _ in range(3)]
		for n, xid in enumerate(xids):
			self.ok(self.poi.admf.activate(xid, [x1.target_ipv4(f"192.0.2.{10 + n}")], [did], delivery="X3Only"))
		self.ok(self.poi.admf.one("DeactivateAllTasks"))
		self.ok(self.poi.admf.one("RemoveAllDestinations"))
		self.assertEqual(sorted(r["id"] for r in self.lines(act="deactivated")), sorted(xids))
		self.assertEqual([r["id"] for r in self.lines(act="removed")], [did])

	def test_a_certificate_that_is_not_responsible_cannot_fill_it(self):
		client = self.poi.client("wrong-uid-admf", admf="admf-99")
		before = os.path.getsize(self.poi.path("audit.jsonl"))
		for _ in range(4):
			answers = client.send([x1.Message("Ping") for _ in range(2500)])
			for answer in answers:
				self.refused(1040, answer)
		grown = os.path.getsize(self.poi.path("audit.jsonl")) - before
		self.assertLess(grown, 20000, "10,000 messages of a stranger")
		self.ok(self.poi.admf.one("Ping"))
		self.assertEqual(self.poi.control.stop(), 0)
		written = len(self.lines(act="answered", peer_uid="admf-99"))
		left_out = self.lines(act="left-out", peer_uid="admf-99")
		self.assertEqual(sum(int(r["note"].split()[0]) for r in left_out), 10000 - written)
		self.assertEqual(self.poi.poi("audit", "verify", "-c", self.poi.file).returncode, 0)
		self.poi.start_control()
