"""Clauses of TS 103 221-1 that no other test shows, and docs/conformance.md against the text of the standard."""
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import unittest
import uuid

import fixture
from poi_lab import x1

ABSENT = "7a500001-0001-4001-8001-00000000dead"


class Requests(fixture.PoiCase):
	def setUp(self):
		super().setUp()
		self.addCleanup(self.clear)
		self.admf = self.poi.admf

	def dest(self):
		did = x1.new_id()
		self.ok(self.admf.create_destination(did, "127.0.0.1", 45000))
		return did

	def test_no_parameters(self):
		"""A request without parameters that has one is refused, and nothing is done of it."""
		did = self.dest()
		for kind in ("DeactivateAllTasks", "RemoveAllDestinations", "GetNEStatus", "GetAllDetails", "ListAllDetails", "Ping",
				"Keepalive"):
			for name in ("xId", "dId"):
				with self.subTest(kind + " " + name):
					self.refused(1010, self.admf.one(kind, f"<x1:{name}>{ABSENT}</x1:{name}>"))
		self.ok(self.admf.get_destination(did))

	def test_empty_lists(self):
		for kind, names in (("GetAllDetails", ("listOfTaskResponseDetails", "listOfDestinationResponseDetails")),
				("ListAllDetails", ("ListOfXIDs", "ListOfDIDs"))):
			answer = self.ok(self.admf.one(kind))
			self.assertEqual([(n, len(answer.all(n)), len(answer.all(n)[0])) for n in names], [(n, 1, 0) for n in names])

	def test_status_of_all(self):
		"""GetAllDetails has the network element's status: its value and its list of faults."""
		answer = self.ok(self.admf.one("GetAllDetails"))
		self.assertIn(answer.text("neStatus"), ("OK", "Faults"))
		self.assertEqual(answer.text("neStatus") == "Faults", len(answer.all("neStatusDetails")[0].findall(".//{*}unresolvedFault")) > 0)

	def test_amounts_are_there(self):
		"""Also of a task that has intercepted nothing."""
		xid = x1.new_id()
		self.ok(self.admf.activate(xid, [x1.target_ipv4("192.0.2.10")], [self.dest()]))
		answer = self.ok(self.admf.get_task(xid))
		self.assertEqual([answer.text(n) for n in ("amountOfX2Data", "amountOfX3Data", "numberOfModifications")], ["0", "0", "0"])
		self.assertIsNone(answer.text("timeOfLastIntercept"))
		self.assertIsNone(answer.text("timeOfLastModification"))


class Local(fixture.PoiCase):
	"""A change by the local administrator is on record and told."""

	@classmethod
	def setUpClass(cls):
		cls.port = fixture.free_port()
		cls.poi = fixture.Poi(ne_extra=f"admf-url: https://127.0.0.1:{cls.port}/X1/ADMF")
		cls.addClassCleanup(cls.poi.close)
		cls.out = cls.poi.path("reports.jsonl")
		admf = fixture.Process([sys.executable, "-B", os.path.join(fixture.TOP, "tests", "lab", "poi_lab", "admf_server.py"),
			"--listen", f"127.0.0.1:{cls.port}", "--pki", cls.poi.pki.folder, "--out", cls.out], cls.poi.path("admf.log"),
			{"PYTHONPATH": os.path.join(fixture.TOP, "tests", "lab")})
		cls.addClassCleanup(admf.stop)
		cls.poi.start()

	def lines(self, name):
		if not os.path.exists(self.poi.path(name)):
			return []
		with open(self.poi.path(name)) as f:
			return [json.loads(line) for line in f if line.endswith("\n")]

	def test_reload(self):
		self.poi.control.child.send_signal(signal.SIGHUP)
		told = fixture.wait_until(lambda: [r for r in self.lines("reports.jsonl") if r["type"] == "ReportNEIssue"
			and "configuration was read again" in r["description"]], 15, "the ADMF is told")
		self.assertEqual([r["report"] for r in told], ["Warning"])
		self.assertEqual([r["act"] for r in self.lines("audit.jsonl") if r["act"] == "reload"], ["reload"])
		transactions = [r["transaction"] for r in self.lines("reports.jsonl")]
		self.assertEqual(len(set(transactions)), len(transactions))
		self.assertEqual({uuid.UUID(t).version for t in transactions}, {4})


class Path(fixture.PoiCase):
	@classmethod
	def options(cls):
		return {"ne_extra": "path: /li/x1"}

	@classmethod
	def prepare(cls, poi):
		poi.url = poi.url.replace("/X1/NE", "/li/x1")
		poi.admf = poi.client()

	def test_another(self):
		self.ok(self.poi.admf.one("Ping"))
		connection = http.client.HTTPSConnection("127.0.0.1", self.poi.port, timeout=15, context=self.poi.admf._tls)
		self.addCleanup(connection.close)
		connection.request("POST", "/X1/NE", x1.container([x1.Message("Ping")], "admf-01", "poi-01").encode())
		self.assertEqual(connection.getresponse().status, 404)


class Defaults(unittest.TestCase):
	def test_values(self):
		"""Without a word in the configuration: what the clauses name."""
		done = subprocess.run([fixture.program("poi"), "config", "describe"], capture_output=True, text=True, check=True)
		keys = {line.split("\t")[0]: line.split("\t")[1:] for line in done.stdout.splitlines()}
		for key, value in {"x1.time1": "5", "x1.time2": "15", "x1.keepalive.enabled": "true", "x1.keepalive.time-p1": "60",
				"x1.keepalive.time-p2": "3600", "x1.deactivate-all-tasks": "true", "x1.remove-all-destinations": "true",
				"network-elements[].path": "/X1/NE"}.items():
			with self.subTest(key):
				self.assertIn(value, keys[key])


class Table(unittest.TestCase):
	HEAD = re.compile(r"(?m)^[ \t]*(?:(?:21)?-04\)\d\d ?|Destinations |M[ \t]+)?((?:[4-8]|[ABC])(?:\.\d{1,2})+)[ \t]+[A-Z]"
		r"|^[ \t]*(?:(?:21)?-04\)\d\d ?)?(R\d{1,2})\)")

	def standard(self):
		"""The clause of each "shall", and which of the clause's it is, from the text of V1.8.1."""
		for folder in (os.environ.get("POI_SPECS"), os.path.join(fixture.TOP, "..", "shared", "specs")):
			name = os.path.join(folder or "", "TS_103_221-1_V1.8.1.txt")
			if folder and os.path.exists(name):
				with open(name, encoding="utf-8", errors="replace") as f:
					return self.numbered(f.read())
		self.skipTest("no reference data")
		return None

	def numbered(self, text):
		body = text[text.index("\n4.1.1 Overview"):]
		body = body[:re.search(r"Annex\W+D\b", body).start()]
		places = [(m.start(), m.group(1) or m.group(2)) for m in self.HEAD.finditer(body)]
		places += [(m.start(), None) for m in re.finditer(r"(?i)\bs\n?h\n?a\n?l\n?l\b", body)]
		found, clause, n = [], "", 0
		for _, name in sorted(places, key=lambda p: p[0]):
			n = 0 if name and name != clause else n + (name is None)
			clause = name or clause
			if name is None:
				found.append((clause, n))
		return found

	def test_every_shall_has_its_place(self):
		"""A row, in the standard's order, or a word in the list of those that are the ADMF's alone."""
		with open(os.path.join(fixture.TOP, "docs", "conformance.md")) as f:
			text = f.read()
		named = re.compile(r"([\w.]+) \((\d+)\)")
		rows = [(c, int(n)) for c, n in re.findall(r"(?m)^\| ([\w.]+) \((\d+)\) \|", text)]
		others = {(c, int(n)) for c, n in named.findall(re.search(r"(?m)^Those of the ADMF alone: (.*(?:\n.+)*)", text).group(1))}
		standard = self.standard()
		self.assertGreater(len(standard), 200)
		self.assertEqual(rows, [s for s in standard if s not in others])
		self.assertEqual(others - set(standard), set())
