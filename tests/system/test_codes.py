"""Every code of table 46 that a network element can send, each by a request whose most specific code it is.
All answers are judged by the official schemas where those are at hand."""
import json
import os
import re
import sys
import uuid

import fixture
from poi_lab import dataplane, schema, x1

ABSENT = "7a500001-0001-4001-8001-00000000dead"
TARGET = [x1.target_ipv4("192.0.2.10")]
NEVER = {1050: "an ADMF sends it", 3030: "several destinations are supported",
	9010: "warnings are of the network element, and ReportNEIssue of V1.8.1 has no place for a code; see test_warning"}


class Codes(fixture.PoiCase):
	"""With the real dataplane."""

	@classmethod
	def setUpClass(cls):
		super().setUpClass()
		cls.admf = cls.poi.admf
		cls.admf.xsd = schema.Schema.find()

	def setUp(self):
		super().setUp()
		self.addCleanup(self.clear)

	def refused(self, code, answer):
		super().refused(code, answer)
		self.assertTrue(answer.element is not None)
		return answer

	def dest(self, delivery="X3Only"):
		did = x1.new_id()
		self.ok(self.admf.create_destination(did, "127.0.0.1", 45000, delivery))
		return did

	def task(self, did, targets=None, **more):
		xid = x1.new_id()
		self.ok(self.admf.activate(xid, targets or TARGET, [did], **more))
		return xid

	def client(self, identity="admf", **more):
		client = self.poi.client(identity, **more)
		client.xsd = self.admf.xsd
		return client

	def test_1000_generic(self):
		"""A request of ours to the ADMF, sent to us."""
		self.refused(1000, self.admf.one("ReportNEIssue",
			"<x1:typeOfNeIssueMessage>Warning</x1:typeOfNeIssueMessage><x1:description>x</x1:description>"))

	def test_1010_schema(self):
		for kind, body in (("DeactivateTask", "<x1:xId>none</x1:xId>"), ("DeactivateTask", ""),
				("Ping", f"<x1:xId>{ABSENT}</x1:xId>"),
				("CreateDestination", x1.destination_details(ABSENT, "127.0.0.1", 1).replace("X2andX3", "X4Only")),
				("ActivateTask", x1.task_details(ABSENT.upper(), TARGET, [ABSENT])),
				("ActivateTask", x1.task_details(ABSENT, ["<x1:ipv4Address>192.0.2.256</x1:ipv4Address>"], [ABSENT])),
				("ActivateTask", x1.task_details(ABSENT, [x1.target_teid(4294967296)], [ABSENT])),
				("ActivateTask", x1.task_details(ABSENT, [], [ABSENT]))):
			with self.subTest(kind + body):
				self.refused(1010, self.admf.one(kind, body))

	def test_1020_version(self):
		for version in ("v2.0.0", "v0.9.1", "1.8.1", "v1.8", "v1.\u0663.1", "v1.8.1.1"):
			with self.subTest(version):
				answer = self.refused(1020, self.admf.send([x1.Message("Ping")], version)[0])
				self.assertEqual(answer.description, "v1.8.1")

	def test_1030_certificate(self):
		self.refused(1030, self.client(admf="admf-99").one("Ping"))
		self.refused(1030, self.client("wrong-uid-admf").one("Ping"))

	def test_1030_before_others(self):
		"""Whoever is not entitled learns nothing about ids, versions or content."""
		client = self.client(admf="admf-99", ne="poi-99")
		self.refused(1030, client.send([x1.Message("DeactivateTask", x1.xid_body(ABSENT))], "v2.0.0")[0])
		self.refused(1030, client.one("DeactivateTask", "<x1:xId>none</x1:xId>"))

	def test_1040_responsible(self):
		self.refused(1040, self.client("wrong-uid-admf", admf="admf-99").one("Ping"))

	def test_1060_network_element(self):
		self.refused(1060, self.client(ne="poi-99").one("Ping"))

	def test_1080_request(self):
		foo = x1.hash_context(x1.new_id(), bytes(8)).replace(x1.HASHED_ID, "exampleGenericObject")
		answer = self.refused(1080, self.admf.send([x1.Message("CreateObject", foo)], "v1.13.1")[0])
		self.assertIn("Q{exampleGenericObject}HashContext", answer.description)

	def test_2050_object_exists(self):
		ident = x1.new_id()
		self.ok(self.admf.create_hash_context(ident, bytes(8)))
		self.assertEqual(self.refused(2050, self.admf.create_hash_context(ident, bytes(9))).description, ident)
		self.ok(self.admf.delete_object(ident))
		self.assertEqual(self.refused(2060, self.admf.delete_object(ident)).description, ident)

	def test_2060_object_unknown(self):
		self.refused(2060, self.admf.get_object(ABSENT))
		self.refused(2060, self.admf.modify_set(ABSENT, [self.dest()]))
		self.refused(2060, self.admf.activate(x1.new_id(), TARGET, [], dsids=[ABSENT]))

	def test_1080_for_old_requester(self):
		"""Before V1.9 the code does not exist."""
		self.refused(1000, self.admf.send([x1.Message("DeleteAllObjects")], "v1.8.1")[0])

	def test_2010_xid_exists(self):
		did = self.dest()
		xid = self.task(did)
		answer = self.refused(2010, self.admf.activate(xid, TARGET, [did]))
		self.assertEqual(answer.description, xid)
		# more specific than what is wrong inside
		self.refused(2010, self.admf.activate(xid, ["<x1:imsi>204081234567890</x1:imsi>"], [ABSENT], delivery="X2andX3"))

	def test_2020_xid_unknown(self):
		for answer in (self.admf.deactivate(ABSENT), self.admf.get_task(ABSENT), self.admf.modify(ABSENT, TARGET, [ABSENT])):
			self.assertEqual(self.refused(2020, answer).description, ABSENT)

	def test_2030_did_exists(self):
		did = self.dest()
		self.assertEqual(self.refused(2030, self.admf.create_destination(did, "127.0.0.1", 45000)).description, did)

	def test_2040_did_unknown(self):
		for answer in (self.admf.remove_destination(ABSENT), self.admf.get_destination(ABSENT),
				self.admf.modify_destination(ABSENT, "127.0.0.1", 45000), self.admf.activate(x1.new_id(), TARGET, [ABSENT]),
				self.admf.modify(self.task(self.dest()), TARGET, [ABSENT])):
			self.assertEqual(self.refused(2040, answer).description, ABSENT)

	def test_3000_activate(self):
		did = self.dest()
		wrong = "<x1:ipv4Cidr><c:IPv4CIDR>192.0.2.1/24</c:IPv4CIDR></x1:ipv4Cidr>"
		service = "<x1:listOfServiceTypes><x1:serviceType>data</x1:serviceType></x1:listOfServiceTypes>"
		self.refused(3000, self.admf.activate(x1.new_id(), [wrong], [did]))
		self.refused(3000, self.admf.activate(x1.new_id(), TARGET, [did], extensions=service))
		self.ok(self.admf.activate(x1.new_id(), TARGET, [did], correlation=1 << 64))  # "shall be ignored"

	def test_3050_service_type(self):
		"""Requesters of later minors: data is intercepted, whatever else is on the list; V1.8.1 has no such list."""
		did = self.dest()
		def services(*names):
			return "<x1:listOfServiceTypes>%s</x1:listOfServiceTypes>" % "".join(
				f"<x1:serviceType>{n}</x1:serviceType>" for n in names)
		def ask(kind, xid, *names, version="v1.13.1"):
			details = x1.task_details(xid, TARGET, [did], extensions=services(*names))
			return self.admf.send([x1.Message(kind, details)], version)[0]
		xid = x1.new_id()
		self.refused(3050, ask("ActivateTask", xid, "voice", "messaging"))
		self.ok(ask("ActivateTask", xid, "voice", "data"))
		answer = self.admf.one("GetTaskDetails", x1.xid_body(xid), "v1.13.1")
		self.assertEqual([e.text for e in answer.all("serviceType")], ["voice", "data"])
		self.assertEqual(self.admf.get_task(xid).all("serviceType"), [], "V1.8.1 has none")
		self.refused(3050, ask("ModifyTask", xid, "LALS"))
		self.refused(3001, ask("ModifyTask", xid, "data", version="v1.8.1"))

	def test_3001_modify(self):
		did = self.dest()
		xid = self.task(did)
		wrong = "<x1:ipv4Cidr><c:IPv4CIDR>192.0.2.1/24</c:IPv4CIDR></x1:ipv4Cidr>"
		service = "<x1:listOfServiceTypes><x1:serviceType>data</x1:serviceType></x1:listOfServiceTypes>"
		self.refused(3001, self.admf.modify(xid, [wrong], [did]))
		self.refused(3001, self.admf.modify(xid, TARGET, [did], extensions=service))
		self.ok(self.admf.modify(xid, TARGET, [did], correlation=1 << 64))

	def test_3010_target(self):
		did = self.dest()
		xid = self.task(did)
		for target in ("<x1:imsi>204081234567890</x1:imsi>", "<x1:imei>49015420323751</x1:imei>", "<x1:nai>a@b</x1:nai>",
				"<x1:gtpcTunnelId>1</x1:gtpcTunnelId>", "<x1:telUri>tel:+4912345</x1:telUri>",
				"<x1:targetIdentifierExtension><x1:Owner>somebody</x1:Owner></x1:targetIdentifierExtension>"):
			with self.subTest(target):
				self.refused(3010, self.admf.activate(x1.new_id(), [target], [did]))
				self.refused(3010, self.admf.modify(xid, [target], [did]))
				# also beside one that is supported: the more specific one
				self.refused(3010, self.admf.activate(x1.new_id(), TARGET + [target], [did]))

	def test_3020_combination(self):
		did = self.dest()
		xid = self.task(did)
		for targets in ([x1.target_ipv4("192.0.2.1"), x1.target_ipv6("2001:db8::1")],
				[x1.target_port("tcp", "80"), x1.target_port("udp", "80")], [x1.target_teid(1)],
				[x1.target_ipv4(f"192.0.2.{n}") for n in (1, 2, 3)],
				[x1.target_port("tcp", str(n)) for n in (80, 81, 82)]):
			with self.subTest(str(targets)):
				self.refused(3020, self.admf.activate(x1.new_id(), targets, [did]))
				self.refused(3020, self.admf.modify(xid, targets, [did]))

	def test_3040_delivery(self):
		x2, x3 = self.dest("X2Only"), self.dest()
		xid = self.task(x3)
		self.ok(self.admf.activate(x1.new_id(), TARGET, [x3, x2]))  # X3 has a destination, X2 is not sent
		for dids in ([x2], []):
			with self.subTest(str(len(dids))):
				self.refused(3040, self.admf.activate(x1.new_id(), TARGET, dids))
				self.refused(3040, self.admf.modify(xid, TARGET, dids))

	def test_6001_delivery_lost(self):
		did = self.dest("X2andX3")
		self.task(did)
		self.refused(6001, self.admf.modify_destination(did, "127.0.0.1", 45000, "X2Only"))

	def test_6020_destination_type(self):
		body = x1.destination_details(x1.new_id(), "127.0.0.1", 45000)
		start, end = body.index("<x1:ipAddressAndPort>"), body.index("</x1:deliveryAddress>")
		did = self.dest()
		for other in (body.replace("TCPPort", "UDPPort"),
				*(body[:start] + inside + body[end:] for inside in ("<x1:e164Number>4912345</x1:e164Number>",
				"<x1:uri>http://127.0.0.1:80/</x1:uri>", "<x1:emailAddress>a@b.example</x1:emailAddress>"))):
			with self.subTest(other):
				self.refused(6020, self.admf.one("CreateDestination", other))
				self.refused(6020, self.admf.one("ModifyDestination", re.sub(r"(?<=<x1:dId>)[^<]*", did, other)))

	def test_7010_in_use(self):
		did = self.dest()
		xid = self.task(did)
		self.assertIn(xid, self.refused(7010, self.admf.remove_destination(did)).description)

	def test_8010_in_use(self):
		did = self.dest()
		self.dest()
		self.task(did)
		answer = self.refused(8010, self.admf.one("RemoveAllDestinations"))
		self.assertIn(did, answer.description)
		self.assertEqual(len(self.admf.one("ListAllDetails").all("dId")), 2)  # all or nothing

	def test_all_but_these(self):
		"""Each code that the product knows has a case here, or a reason why not."""
		with open(os.path.join(fixture.TOP, "control", "xml", "x1_types.h")) as f:
			known = {int(n) for n in re.findall(r"\bX1_(?:ERR|STATUS)_\w+ = (\d+)", f.read())}
		cases = {int(n.split("_")[1]) for c in (Codes, Switches, Limits, Played, Reported) for n in dir(c)
			if re.match(r"test_\d{4}", n)}
		self.assertEqual(known - set(NEVER), cases)

	def test_official_schema_judged(self):
		if not self.admf.xsd:
			self.skipTest("no reference data")
		before = self.admf.xsd.checked
		self.ok(self.admf.one("Ping"))
		self.assertEqual(self.admf.xsd.checked, before + 1)
		self.assertIsNotNone(self.admf.xsd.check(b"<a/>"))  # the judge does judge


class Switches(fixture.PoiCase):
	@classmethod
	def options(cls):
		return {"x1_extra": "x1:\n  keepalive: { enabled: false }\n  deactivate-all-tasks: false\n  remove-all-destinations: false"}

	def test_1070_keepalive(self):
		self.refused(1070, self.poi.admf.one("Keepalive"))

	def test_5010_deactivate_all(self):
		self.refused(5010, self.poi.admf.one("DeactivateAllTasks"))

	def test_8020_remove_all(self):
		self.refused(8020, self.poi.admf.one("RemoveAllDestinations"))


class Limits(fixture.PoiCase):
	@classmethod
	def options(cls):
		return {"x1_extra": "limits: { tasks: 2, destinations: 2 }"}

	def test_3000_6000_limits(self):
		admf = self.poi.admf
		dids = [x1.new_id() for _ in range(3)]
		for did in dids[:2]:
			self.ok(admf.create_destination(did, "127.0.0.1", 45000))
		self.refused(6000, admf.create_destination(dids[2], "127.0.0.1", 45000))
		for _ in range(2):
			self.ok(admf.activate(x1.new_id(), TARGET, dids[:1]))
		self.refused(3000, admf.activate(x1.new_id(), TARGET, dids[:1]))


class Played(fixture.PoiCase):
	"""With a dataplane that refuses."""

	@classmethod
	def options(cls):
		return {"x1_extra": "x1: { time1: 1, time2: 2 }"}

	@classmethod
	def setUpClass(cls):
		cls.poi = fixture.Poi(**cls.options())
		cls.addClassCleanup(cls.poi.close)
		cls.admf = cls.poi.admf
		cls.admf.xsd = schema.Schema.find()
		cls.poi.start_control(wait=False)
		fixture.wait_until(cls.answers_ping, fixture.READY, "Ping is answered")
		cls.before = cls.admf.one("ListAllDetails")
		cls.played = dataplane.Dataplane(os.path.join(cls.poi.folder, "run", "dataplane.sock"))
		cls.addClassCleanup(cls.played.stop)
		fixture.wait_until(lambda: cls.admf.one("ListAllDetails").ok, fixture.READY, "control adopts the dataplane")
		fixture.wait_until(cls.usable, fixture.READY, "control is ready")

	@classmethod
	def answers_ping(cls):
		try:
			return cls.admf.one("Ping").completed
		except OSError:
			return False

	@classmethod
	def usable(cls):
		did = x1.new_id()
		return cls.admf.create_destination(did, "127.0.0.1", 45000).completed and cls.admf.remove_destination(did).completed

	def setUp(self):
		super().setUp()
		self.addCleanup(self.healthy)
		self.did, self.xid = x1.new_id(), x1.new_id()
		self.ok(self.admf.create_destination(self.did, "127.0.0.1", 45000))
		self.ok(self.admf.activate(self.xid, TARGET, [self.did]))

	def healthy(self):
		self.played.hold.clear()
		self.played.release()
		self.played.result.clear()
		self.clear()

	def failing(self, *kinds):
		self.played.result.update({k: dataplane.NOMEM for k in kinds})

	def listed(self, name):
		return {e.text for e in self.ok(self.admf.one("ListAllDetails")).all(name)}

	def test_1000_not_recovered(self):
		"""Before the dataplane was heard, what is in force is not known: no answer claims to know."""
		self.refused(1000, self.before)

	def test_3000_dataplane(self):
		self.failing(dataplane.TASK_PUT)
		xid = x1.new_id()
		self.refused(3000, self.admf.activate(xid, TARGET, [self.did]))
		self.refused(2020, self.admf.get_task(xid))

	def test_3001_dataplane(self):
		self.failing(dataplane.TASK_PUT)
		self.refused(3001, self.admf.modify(self.xid, [x1.target_ipv4("192.0.2.77")], [self.did]))
		self.assertEqual(self.listed("xId"), {self.xid})
		del self.played.result[dataplane.TASK_PUT]
		self.ok(self.admf.modify(self.xid, [x1.target_ipv4("192.0.2.78")], [self.did]))

	def test_4000_deactivate(self):
		self.failing(dataplane.TASK_REMOVE)
		self.refused(4000, self.admf.deactivate(self.xid))
		self.assertEqual(self.listed("xId"), {self.xid})

	def test_5000_deactivate_all(self):
		self.failing(dataplane.TASK_REMOVE)
		self.refused(5000, self.admf.one("DeactivateAllTasks"))
		self.assertEqual(self.listed("xId"), {self.xid})

	def test_6000_create(self):
		self.failing(dataplane.DESTINATION_PUT)
		did = x1.new_id()
		self.refused(6000, self.admf.create_destination(did, "127.0.0.1", 45000))
		self.refused(2040, self.admf.get_destination(did))

	def test_6001_modify(self):
		self.failing(dataplane.DESTINATION_PUT)
		self.refused(6001, self.admf.modify_destination(self.did, "127.0.0.1", 45001))

	def test_7000_remove(self):
		self.ok(self.admf.deactivate(self.xid))
		self.failing(dataplane.DESTINATION_REMOVE)
		self.refused(7000, self.admf.remove_destination(self.did))
		self.assertEqual(self.listed("dId"), {self.did})

	def test_8000_remove_all(self):
		self.ok(self.admf.deactivate(self.xid))
		self.failing(dataplane.DESTINATION_REMOVE)
		self.refused(8000, self.admf.one("RemoveAllDestinations"))
		self.assertEqual(self.listed("dId"), {self.did})


class Reported(fixture.PoiCase):
	"""The status codes: in lists of faults, and in what is reported to an ADMF that listens."""

	@classmethod
	def setUpClass(cls):
		cls.port = fixture.free_port()
		cls.poi = fixture.Poi(ne_extra=f"admf-url: https://127.0.0.1:{cls.port}/X1/ADMF", x1_extra="x1: { time1: 1, time2: 2 }")
		cls.addClassCleanup(cls.poi.close)
		cls.out = cls.poi.path("reports.jsonl")
		xsd = x1.Xsd.find()
		command = [sys.executable, "-B", os.path.join(fixture.TOP, "tests", "lab", "poi_lab", "admf_server.py"), "--listen",
			f"127.0.0.1:{cls.port}", "--pki", cls.poi.pki.folder, "--out", cls.out]
		cls.listening = fixture.Process(command + (["--xsd", os.path.dirname(xsd.schema)] if xsd else []),
			cls.poi.path("admf.log"), {"PYTHONPATH": os.path.join(fixture.TOP, "tests", "lab")})
		cls.addClassCleanup(cls.listening.stop)
		cls.admf = cls.poi.admf
		cls.admf.xsd = schema.Schema.find()
		cls.poi.start_control(wait=False)
		fixture.wait_until(lambda: cls.started(), fixture.READY, "control listens")
		cls.played = dataplane.Dataplane(os.path.join(cls.poi.folder, "run", "dataplane.sock"))
		cls.addClassCleanup(cls.played.stop)
		fixture.wait_until(lambda: cls.admf.one("ListAllDetails").ok, fixture.READY, "control adopts the dataplane")

	started = classmethod(Played.answers_ping.__func__)

	def setUp(self):
		super().setUp()
		self.did, self.xid = x1.new_id(), x1.new_id()
		fixture.wait_until(lambda: self.admf.create_destination(self.did, "127.0.0.1", 45000).completed, 10, "a destination")
		self.addCleanup(self.clear)
		self.addCleanup(self.played.hold.clear)

	def reports(self):
		if not os.path.exists(self.out):
			return []
		with open(self.out) as f:
			return [json.loads(line) for line in f if line.endswith("\n")]

	def reported(self, code, ident=None):
		def find():
			for line in self.reports():
				if line["code"] == code and (ident is None or line["id"] == ident):
					return line
			return None
		line = fixture.wait_until(find, 15, f"a report of {code}; there are {self.reports()}")
		if x1.Xsd.find():
			self.assertEqual(line["schema"], "valid")
		return line

	def acknowledged(self, result):
		self.played.hold.add(dataplane.TASK_PUT)
		message = x1.Message("ActivateTask", x1.task_details(self.xid, TARGET, [self.did]))
		answer = self.admf.send([message])[0]
		self.assertEqual(answer.result, "Acknowledged", str(answer))
		self.played.hold.clear()
		self.played.release(result)
		return message

	def test_9040_actioned(self):
		message = self.acknowledged(0)
		line = self.reported(9040, self.xid)
		self.assertEqual(line["report"], "FullyActionedAndSuccessful")
		self.assertIn(message.transaction, line["description"])
		self.assertNotEqual(line["transaction"], message.transaction)

	def test_9050_keepalives(self):
		"""FaultReport without a code to an ADMF of V1.8.1, Alert with its code to one of a later minor. It was heard since, so
		the clear follows."""
		def told(kind, code):
			return [line for line in self.reports() if line["report"] == kind and line["code"] == code and
				("keepalives not received" in line["description"] or "sends messages again" in line["description"])]
		for version, kind, code, clear in (("v1.8.1", "FaultReport", None, None), ("v1.13.1", "Alert", 9050, 9000)):
			self.ok(self.admf.send([x1.Message("Ping")], version)[0])
			self.played.event(dataplane.ADMF_SILENT)
			fixture.wait_until(lambda: told(kind, code), 15, f"a report of {kind} to {version}")
			fixture.wait_until(lambda: told("FaultCleared", clear), 15, "its clear")
		self.ok(self.admf.one("Ping"))

	def test_9030_terminating(self):
		self.ok(self.admf.activate(self.xid, TARGET, [self.did]))
		self.played.event(dataplane.FAIL_SAFE, str(uuid.UUID(int=0)))
		self.assertEqual(self.reported(9030, self.xid)["report"], "TerminatingFault")
		self.refused(2020, self.admf.get_task(self.xid))

	def test_late_activation_fails(self):
		message = self.acknowledged(dataplane.NOMEM)
		line = self.reported(3000, self.xid)
		self.assertEqual(line["report"], "FullyActionedAndUnsuccessful")
		self.assertIn(message.transaction, line["description"])
		self.refused(2020, self.admf.get_task(self.xid))

	def test_late_modification_fails(self):
		"""The task goes on: nothing says that it has ended (clause 6.5.2.2)."""
		self.ok(self.admf.activate(self.xid, TARGET, [self.did]))
		self.played.hold.add(dataplane.TASK_PUT)
		message = x1.Message("ModifyTask", x1.task_details(self.xid, [x1.target_ipv4("192.0.2.77")], [self.did]))
		self.assertEqual(self.admf.send([message])[0].result, "Acknowledged")
		self.played.hold.clear()
		self.played.release(dataplane.NOMEM)
		line = self.reported(3001, self.xid)
		self.assertEqual(line["report"], "NonTerminatingFault")
		self.assertIn(message.transaction, line["description"])
		answer = self.ok(self.admf.get_task(self.xid))
		self.assertNotIn("192.0.2.77", [e.text for e in answer.all("ipv4Address")])
		self.assertEqual([e.text for e in answer.all("errorCode")], ["3001"])
		self.ok(self.admf.modify(self.xid, [x1.target_ipv4("192.0.2.78")], [self.did]))
		self.assertEqual(self.reported(9000, self.xid)["report"], "AllClear")
		self.assertEqual(self.ok(self.admf.get_task(self.xid)).all("errorCode"), [])
		self.assertEqual([line for line in self.reports() if line["id"] == self.xid and line["code"] == 9030], [])

	def test_9020_fault(self):
		self.played.event(dataplane.DESTINATION_DOWN, self.did, "connection refused")
		self.assertEqual(self.reported(9020, self.did)["report"], "NonTerminatingFault")
		answer = self.ok(self.admf.get_destination(self.did))
		self.assertEqual([e.text for e in answer.all("errorCode")], ["9020"])
		self.assertEqual(answer.text("destinationDeliveryStatus"), "deliveryFault")

	def test_9000_cleared(self):
		self.played.event(dataplane.DESTINATION_DOWN, self.did)
		self.reported(9020, self.did)
		self.played.event(dataplane.DESTINATION_UP, self.did)
		self.assertEqual(self.reported(9000, self.did)["report"], "AllClear")
		answer = self.ok(self.admf.get_destination(self.did))
		self.assertEqual(answer.all("errorCode"), [])
		self.assertEqual(answer.text("destinationDeliveryStatus"), "activeAndWorking")

	def test_warning(self):
		"""These certificates live for 30 days: the network element says so."""
		line = fixture.wait_until(lambda: next((r for r in self.reports() if r["type"] == "ReportNEIssue"
			and r["report"] == "Warning" and "certificate" in r["description"]), None), 15, "a warning is reported")
		self.assertRegex(line["description"], "expires in [0-9]+ days")

	def test_network_element_fault(self):
		"""The dataplane goes: an unresolved fault of the network element, cleared when it is back."""
		cls = type(self)
		cls.played.stop()
		fixture.wait_until(lambda: "9020" in [e.text for e in self.admf.one("GetNEStatus").all("errorCode")], 15,
			"GetNEStatus lists 9020")
		fixture.wait_until(lambda: [r for r in self.reports() if r["type"] == "ReportNEIssue"
			and r["report"] == "FaultReport"], 15, "the fault is reported")
		os.unlink(os.path.join(self.poi.folder, "run", "dataplane.sock"))
		cls.played = dataplane.Dataplane(os.path.join(self.poi.folder, "run", "dataplane.sock"))
		fixture.wait_until(lambda: "9020" not in [e.text for e in self.admf.one("GetNEStatus").all("errorCode")], 15,
			"GetNEStatus lists 9020 no more")
		fixture.wait_until(lambda: [r for r in self.reports() if r["report"] in ("FaultCleared", "AllClear")], 15,
			"the end of the fault is reported")
