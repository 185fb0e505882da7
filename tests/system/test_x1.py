"""X1: every request of TS 103 221-1 V1.8.1, its errors, HTTP and TLS. Each answer is checked against the
official schema where that is at hand."""
import http.client
import os
import ssl
import subprocess
import time

import fixture
from poi_lab import x1

ABSENT = "7a500001-0001-4001-8001-00000000dead"


class Exchange(fixture.PoiCase):
	def setUp(self):
		super().setUp()
		self.addCleanup(self.clear)
		self.admf = self.poi.admf

	def dest(self, delivery="X2andX3", port=45000):
		did = x1.new_id()
		self.ok(self.admf.create_destination(did, "127.0.0.1", port, delivery))
		return did

	def task(self, targets=None, dids=None, **more):
		xid = x1.new_id()
		self.ok(self.admf.activate(xid, targets or [x1.target_ipv4("192.0.2.10")], dids or [self.dest()], **more))
		return xid

	# --- clause 6.6 and 6.4
	def test_ping(self):
		self.ok(self.admf.one("Ping"))

	def test_keepalive(self):
		self.ok(self.admf.one("Keepalive"))

	def test_ne_status(self):
		answer = self.ok(self.admf.one("GetNEStatus"))
		self.assertIn(answer.text("neStatus"), ("OK", "Faults"))

	def test_envelope(self):
		message = x1.Message("Ping")
		answer = self.admf.send([message])[0]
		self.assertEqual(answer.transaction, message.transaction)
		self.assertEqual((answer.text("admfIdentifier"), answer.text("neIdentifier"), answer.text("version")),
			("admf-01", "poi-01", "v1.8.1"))
		self.assertLess(abs(answer.time_ns - time.time_ns()), 5 * 10**9)

	# --- clause 6.3
	def test_destination_life(self):
		did = self.dest(port=45001)
		self.refused(2030, self.admf.create_destination(did, "127.0.0.1", 45001))
		answer = self.ok(self.admf.get_destination(did))
		self.assertIn("45001", x1.ElementTree.tostring(answer.element).decode())
		self.ok(self.admf.modify_destination(did, "127.0.0.1", 45002))
		answer = self.ok(self.admf.get_destination(did))
		self.assertIn("45002", x1.ElementTree.tostring(answer.element).decode())
		self.ok(self.admf.remove_destination(did))
		self.refused(2040, self.admf.get_destination(did))

	def test_destination_unknown(self):
		self.refused(2040, self.admf.remove_destination(ABSENT))
		self.refused(2040, self.admf.modify_destination(ABSENT, "127.0.0.1", 45000))
		self.refused(2040, self.admf.get_destination(ABSENT))

	def test_destination_ipv6(self):
		did = x1.new_id()
		self.ok(self.admf.create_destination(did, "::1", 45000))
		self.assertEqual(len(self.ok(self.admf.get_destination(did)).all("destinationDetails")), 1)

	def test_destination_in_use(self):
		did = self.dest()
		self.task(dids=[did])
		self.refused(7010, self.admf.remove_destination(did))
		self.refused(8010, self.admf.one("RemoveAllDestinations"))

	def test_destination_udp(self):
		body = x1.destination_details(x1.new_id(), "127.0.0.1", 45000).replace("TCPPort", "UDPPort")
		answer = self.admf.one("CreateDestination", body)
		self.refused(6020, answer)

	def test_destination_of_another_kind(self):
		body = x1.destination_details(x1.new_id(), "127.0.0.1", 45000)
		start, end = body.index("<x1:ipAddressAndPort>"), body.index("</x1:deliveryAddress>")
		answer = self.admf.one("CreateDestination", body[:start] + "<x1:e164Number>4912345</x1:e164Number>" + body[end:])
		self.refused(6020, answer)

	def test_remove_all_destinations(self):
		self.dest()
		self.dest(port=45003)
		self.ok(self.admf.one("RemoveAllDestinations"))
		self.assertEqual(self.admf.one("ListAllDetails").all("dId"), [])

	# --- clause 6.2
	def test_task_life(self):
		did = self.dest()
		xid = self.task([x1.target_ipv4("192.0.2.10")], [did])
		answer = self.ok(self.admf.get_task(xid))
		self.assertEqual(answer.text("ipv4Address"), "192.0.2.10")
		self.assertEqual(answer.text("provisioningStatus"), "complete")
		self.assertEqual(answer.text("numberOfModifications") or "0", "0")
		self.refused(2010, self.admf.activate(xid, [x1.target_ipv4("192.0.2.10")], [did]))
		self.ok(self.admf.modify(xid, [x1.target_ipv4("192.0.2.11")], [did]))
		answer = self.ok(self.admf.get_task(xid))
		self.assertEqual(answer.text("ipv4Address"), "192.0.2.11")
		self.assertEqual(answer.text("numberOfModifications"), "1")
		self.ok(self.admf.deactivate(xid))
		self.refused(2020, self.admf.get_task(xid))

	def test_task_unknown(self):
		did = self.dest()
		self.refused(2020, self.admf.deactivate(ABSENT))
		self.refused(2020, self.admf.get_task(ABSENT))
		self.refused(2020, self.admf.modify(ABSENT, [x1.target_ipv4("192.0.2.10")], [did]))

	def test_task_targets(self):
		did = self.dest()
		for targets in ([x1.target_ipv6("2001:db8::1")], [x1.target_cidr("198.51.100.0/24")], [x1.target_cidr("2001:db8::/32")],
				[x1.target_port("tcp", "443")], [x1.target_port("udp", "5000-5100")],
				[x1.target_ipv4("192.0.2.1"), x1.target_port("tcp", "80")],
				[x1.target_ipv4("192.0.2.1"), x1.target_ipv4("192.0.2.2")],
				["<x1:macAddress>02:00:00:00:00:01</x1:macAddress>"]):
			with self.subTest(str(targets)):
				self.task(targets, [did])

	def test_task_targets_that_cannot_meet(self):
		did = self.dest()
		for targets in ([x1.target_ipv4("192.0.2.1"), x1.target_ipv6("2001:db8::1")],
				[x1.target_port("tcp", "80"), x1.target_port("udp", "80")],
				[x1.target_ipv4(f"192.0.2.{n}") for n in (1, 2, 3)]):
			with self.subTest(str(targets)):
				self.refused(3020, self.admf.activate(x1.new_id(), targets, [did]))

	def test_teid_without_endpoint(self):
		answer = self.refused(3020, self.admf.activate(x1.new_id(), [x1.target_teid(1)], [self.dest()]))
		self.assertIn("gtp-endpoints", answer.description)

	def test_target_not_supported(self):
		did = self.dest()
		for target in ("<x1:imsi>204081234567890</x1:imsi>", "<x1:sipUri>sip:a@b.example</x1:sipUri>",
				"<x1:e164Number>4912345</x1:e164Number>"):
			with self.subTest(target):
				self.refused(3010, self.admf.activate(x1.new_id(), [target], [did]))

	def test_cidr_with_host_bits(self):
		target = "<x1:ipv4Cidr><c:IPv4CIDR>198.51.100.7/24</c:IPv4CIDR></x1:ipv4Cidr>"
		self.refused(3000, self.admf.activate(x1.new_id(), [target], [self.dest()]))

	def test_destinations_of_a_task(self):
		target = [x1.target_ipv4("192.0.2.10")]
		self.refused(2040, self.admf.activate(x1.new_id(), target, [ABSENT]))
		self.refused(3040, self.admf.activate(x1.new_id(), target, []))
		self.refused(3040, self.admf.activate(x1.new_id(), target, [self.dest("X2Only")], delivery="X3Only"))

	def test_never_an_ok_that_intercepts_nothing(self):
		self.refused(3000, self.admf.activate(x1.new_id(), [x1.target_ipv4("192.0.2.10")], [self.dest()], delivery="X2Only"))

	def test_header_reporting(self):
		"""Taken and shown again, or refused; never an OK that ignores it."""
		xid = x1.new_id()
		answer = self.admf.activate(xid, [x1.target_ipv4("192.0.2.10")], [self.dest()], delivery="X2Only",
			extensions=x1.header_reporting("pdhr"))
		if answer.ok:
			self.assertIn("HeaderReporting", x1.ElementTree.tostring(self.admf.get_task(xid).element).decode())
		else:
			self.refused(3000, answer)

	def test_what_narrows_is_refused(self):
		did = self.dest()
		extra = "\n<x1:listOfServiceTypes><x1:serviceType>data</x1:serviceType></x1:listOfServiceTypes>"
		unknown = "<x1:taskDetailsExtensions><x1:Owner>example</x1:Owner></x1:taskDetailsExtensions>"
		for name, extension in (("service types", extra), ("extension", unknown)):
			with self.subTest(name):
				self.refused(3000, self.admf.activate(x1.new_id(), [x1.target_ipv4("192.0.2.10")], [did], extensions=extension))

	def test_failed_modify_changes_nothing(self):
		did = self.dest()
		xid = self.task([x1.target_ipv4("192.0.2.10")], [did])
		self.assertFalse(self.admf.modify(xid, [x1.target_ipv4("192.0.2.10"), x1.target_ipv6("2001:db8::1")], [did]).ok)
		self.assertEqual(self.admf.get_task(xid).text("ipv4Address"), "192.0.2.10")

	def test_deactivate_all(self):
		did = self.dest()
		for n in range(3):
			self.task([x1.target_ipv4(f"192.0.2.{n + 1}")], [did])
		self.ok(self.admf.one("DeactivateAllTasks"))
		self.assertEqual(self.admf.one("ListAllDetails").all("xId"), [])

	def test_lists(self):
		did = self.dest()
		xids = {self.task([x1.target_ipv4(f"192.0.2.{n + 1}")], [did]) for n in range(3)}
		listed = self.ok(self.admf.one("ListAllDetails"))
		self.assertEqual({e.text for e in listed.all("xId")}, xids)
		self.assertEqual({e.text for e in listed.all("dId")}, {did})
		everything = self.ok(self.admf.one("GetAllDetails"))
		self.assertEqual({e.text for e in everything.all("xId")}, xids)
		self.assertEqual(len(everything.all("destinationResponseDetails")), 1)
		for kind, name in (("GetAllTaskDetails", "taskResponseDetails"), ("GetAllDestinationDetails", "destinationResponseDetails")):
			answer = self.ok(self.admf.one(kind))
			self.assertEqual(len(answer.all(name)), 3 if "Task" in kind else 1, kind)

	# --- the rest of the requests, and containers
	def test_reports_are_for_the_admf(self):
		body = "<x1:typeOfNeIssueMessage>Warning</x1:typeOfNeIssueMessage><x1:description>x</x1:description>"
		self.refused(1000, self.admf.one("ReportNEIssue", body))

	def test_newer_requests(self):
		for kind in ("DeleteAllObjects",):
			answer = self.admf.one(kind)
			self.assertIn(answer.error, (1000, 1080), str(answer))

	def test_container(self):
		did, xid = x1.new_id(), x1.new_id()
		answers = self.admf.send([x1.Message("CreateDestination", x1.destination_details(did, "127.0.0.1", 45000)),
			x1.Message("Ping"), x1.Message("GetTaskDetails", x1.xid_body(xid))])
		self.ok(answers[0])
		self.ok(answers[1])
		self.refused(2020, answers[2])

	def test_teardown_in_one_container(self):
		"""What depends on an earlier message is executed after it; clause 6.1 leaves the order open."""
		dids, xids = [self.dest() for _ in range(3)], []
		for did in dids:
			xids += [self.task(dids=[did]) for _ in range(4)]
		for xid in xids[:2]:
			answers = self.admf.send([x1.Message("ModifyTask", x1.task_details(xid, [x1.target_ipv4("192.0.2.99")], dids)),
				x1.Message("DeactivateTask", x1.xid_body(xid)), x1.Message("GetTaskDetails", x1.xid_body(xid)),
				x1.Message("ActivateTask", x1.task_details(xid, [x1.target_ipv4("192.0.2.98")], dids))])
			self.refused(2020, answers.pop(2))
			for answer in answers:
				self.ok(answer)
		messages = []
		for did in dids:
			messages += [x1.Message("DeactivateTask", x1.xid_body(xid)) for xid in xids[:4]]
			del xids[:4]
		messages += [x1.Message("RemoveDestination", x1.did_body(did)) for did in dids] + [x1.Message("ListAllDetails")]
		answers = self.admf.send(messages)
		for answer in answers:
			self.ok(answer)
		self.assertEqual(answers[-1].all("dId") + answers[-1].all("xId"), [])
		self.task(dids=[self.dest()])
		for answer in self.admf.send([x1.Message("DeactivateAllTasks"), x1.Message("RemoveAllDestinations")]):
			self.ok(answer)

	def test_container_with_one_bad_message(self):
		answers = self.admf.send([x1.Message("Ping"), x1.Message("DeactivateTask", "<x1:xId>not an id</x1:xId>")])
		self.ok(answers[0])
		self.refused(1010, answers[1])

	def top_level(self, body):
		status, answer = self.admf.post(body)
		self.assertEqual(status, 200)
		if self.poi.xsd:
			self.assertIsNone(self.poi.xsd.check(answer), answer)
		self.assertTrue(x1.read_answers(answer)[None].top_level)

	def test_not_parsable(self):
		good = x1.container([x1.Message("Ping")], "admf-01", "poi-01")
		for name, body in {"not XML": "hello", "empty": "<a/>", "cut": good[:-20], "binary": b"\x00\xff" * 20,
				"document type": good.replace("?>\n", "?>\n<!DOCTYPE x [<!ENTITY a 'b'>]>\n", 1),
				"unknown type": good.replace("x1:PingRequest", "x1:PongRequest"),
				"wrong namespace": good.replace("2017/10", "2017/11"),
				"no transaction": good[:good.index("<x1:x1TransactionId>")] + "</x1:x1RequestMessage></x1:X1Request>"}.items():
			with self.subTest(name):
				self.top_level(body)

	def test_identities(self):
		self.refused(1060, self.poi.client(ne="poi-99").one("Ping"))
		self.refused(1030, self.poi.client(admf="admf-02").one("Ping"))

	def test_version(self):
		self.ok(self.admf.send([x1.Message("Ping")], "v1.13.1")[0])
		self.refused(1020, self.admf.send([x1.Message("Ping")], "v2.0.1")[0])

	def test_schema_error(self):
		good = x1.task_details(x1.new_id(), [x1.target_ipv4("192.0.2.300")], [ABSENT])
		answer = self.refused(1010, self.admf.one("ActivateTask", good))
		self.assertNotIn("192.0.2.300", answer.description)

	# --- clause 7.2: HTTP
	def raw(self, method="POST", path="/X1/NE", body=b"", headers=None):
		context = self.admf._tls
		connection = http.client.HTTPSConnection("127.0.0.1", self.poi.port, timeout=15, context=context)
		try:
			connection.request(method, path, body, headers or {})
			return connection.getresponse().status
		finally:
			connection.close()

	def test_http_faults(self):
		good = x1.container([x1.Message("Ping")], "admf-01", "poi-01").encode()
		self.assertEqual(self.raw(body=good), 200)
		self.assertEqual(self.raw("GET"), 405)
		self.assertEqual(self.raw(path="/elsewhere", body=good), 404)

	def test_body_too_large(self):
		try:
			status = self.raw(body=b"<a>" + b" " * (2 << 20))
		except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
			return  # refused while we were still sending
		self.assertEqual(status, 413)

	def test_http2(self):
		path = self.poi.path("ping.xml")
		with open(path, "w") as out:
			out.write(x1.container([x1.Message("Ping")], "admf-01", "poi-01"))
		done = subprocess.run(["curl", "-sS", "--http2", "--noproxy", "*", "--cacert", self.poi.pki.path("ca.pem"), "--cert",
			self.poi.pki.path("admf.pem"), "--key", self.poi.pki.path("admf.key"), "--data-binary", "@" + path, "-H",
			"Content-Type: application/xml", "-w", "\n%{http_version} %{http_code}", self.poi.url], capture_output=True, text=True)
		self.assertEqual(done.returncode, 0, done.stderr)
		body, _, last = done.stdout.rpartition("\n")
		self.assertEqual(last, "2 200")
		self.assertEqual(next(iter(x1.read_answers(body).values())).result, "AcknowledgedAndCompleted")

	def test_many_on_one_connection(self):
		for _ in range(50):
			self.ok(self.admf.one("Ping"))

	def test_official_examples(self):
		"""Each of ETSI's own request samples gets an answer that is X1."""
		xsd = x1.Xsd.find()
		if not xsd:
			self.skipTest("no reference data")
		folder = os.path.join(os.path.dirname(xsd.schema), "v1.13.1", "examples")
		seen = 0
		for name in sorted(os.listdir(folder)):
			if name.endswith("Request_example.xml"):
				with open(os.path.join(folder, name), "rb") as f:
					answers = self.admf.send_document(f.read().decode())
				self.assertTrue(answers, name)
				seen += 1
		self.assertGreater(seen, 10)


class Beginning(fixture.unittest.TestCase):
	def test_a_destination_right_behind_the_first_ping(self):
		"""What can be taken while the recovery runs waits for it, within TIME1."""
		poi = fixture.Poi(x1_extra="x1: { time1: 20, time2: 40 }")  # DPDK may take long to start
		self.addCleanup(poi.close)
		poi.admf.timeout = 40
		poi.start_control(wait=False)

		def pinged():
			try:
				return poi.admf.one("Ping").completed
			except OSError:
				return False

		fixture.wait_until(pinged, fixture.READY, "Ping is answered")
		status = poi.admf.one("GetNEStatus")
		self.assertEqual(status.text("neStatus"), "Faults")
		self.assertIn("not recovered yet", status.text("errorDescription"))
		poi.start_dataplane(wait=False)
		answer = poi.admf.create_destination(x1.new_id(), "127.0.0.1", 45000)
		self.assertTrue(answer.completed, str(answer))
		self.assertEqual(poi.admf.one("GetNEStatus").text("neStatus"), "OK")


class Identity(fixture.PoiCase):
	"""Who is let in: clause 8.2."""

	def handshake_fails(self, identity):
		with self.assertRaises((ssl.SSLError, OSError)):
			self.poi.client(identity).one("Ping")

	def test_no_certificate(self):
		self.handshake_fails(None)

	def test_other_authority(self):
		self.handshake_fails("other-admf")

	def test_expired(self):
		self.handshake_fails("expired-admf")

	def test_wrong_purpose(self):
		self.handshake_fails("server-only-admf")

	def test_revoked(self):
		self.handshake_fails("revoked-admf")

	def test_wrong_uid(self):
		self.refused(1030, self.poi.client("wrong-uid-admf").one("ListAllDetails"))

	def test_no_uid(self):
		self.refused(1030, self.poi.client("no-uid-admf").one("ListAllDetails"))

	def test_consistent_but_not_responsible(self):
		self.refused(1040, self.poi.client("wrong-uid-admf", admf="admf-99").one("ListAllDetails"))

	def test_weak_cipher(self):
		done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.poi.port}", "-tls1_2", "-cipher",
			"ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", "-cert", self.poi.pki.path("admf.pem"), "-key", self.poi.pki.path("admf.key")],
			stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
		self.assertIn("handshake failure", done.stderr + done.stdout)

	def test_good_one_still_works(self):
		self.ok(self.poi.admf.one("Ping"))


class Switches(fixture.PoiCase):
	@classmethod
	def options(cls):
		return {"x1_extra": "x1:\n  keepalive: { enabled: false }\n  deactivate-all-tasks: false\n  remove-all-destinations: false"}

	def test_disabled(self):
		self.refused(5010, self.poi.admf.one("DeactivateAllTasks"))
		self.refused(8020, self.poi.admf.one("RemoveAllDestinations"))
		self.refused(1070, self.poi.admf.one("Keepalive"))
