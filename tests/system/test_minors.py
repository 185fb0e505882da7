"""What a requester of each minor gets (docs/minors.md): every sample of the official archives and messages made for later
minors have their decided answer, each valid under the official schema of the requester's minor."""
import os
import re
import unittest

import fixture
from poi_lab import schema, x1

HERE = os.path.dirname(os.path.realpath(__file__))
KEPT = os.path.join(HERE, "answers_v1_8_1.txt")
SCHEMAS = ((13, "x1-validate.xsd"), (19, "x1-validate-v1.19.1.xsd"), (999, "x1-validate-v1.22.1.xsd"))
OK, DETAILS, TOP = "AcknowledgedAndCompleted", "details", "TopLevelError"
# Answers to a sample as it is, but for the identifiers of both sides: one for each message, in order.
SAMPLES = {
	"PingRequest": [OK], "KeepaliveRequest": [OK],
	"CreateDestinationRequest": [OK],
	"GetDestinationDetailsRequest": [DETAILS],
	"RemoveDestinationRequest": [OK],
	"ActivateTaskRequest": [3010],  # e164Number
	"ModifyTaskRequest": [2020],
	"DeactivateTaskRequest": [2020], "GetTaskDetailsRequest": [2020],
	"GetNEStatusRequest": [DETAILS], "GetAllDetailsRequest": [DETAILS], "ListAllDetailsRequest": [DETAILS],
	"RemoveAllDestinationsRequest": [OK],
	"ReportTaskIssueRequest": [1000], "ReportDestinationIssueRequest": [1000], "ReportNEIssueRequest": [1000],
	"CreateObject": [1080],  # of a type that is the sample's own
	"GetObject": [2060], "ListObject": [DETAILS],
	"DeleteAllObjectsRequest": [TOP],  # its X1TransactionID is none: 35 digits
	"CreateDestinationSet": [OK, OK, OK, 3010],  # e164Number
	"CreateHashedID": [OK, 3010],  # no port follows signalling
}
SETS = ("CreateDestinationSet", "CreateHashedID")  # with the same objectId
# The answer where a later minor asks the same; whatever is not here is as above.
LATER = {"ReportTaskIssueRequest": [1080], "ReportDestinationIssueRequest": [1080], "ReportNEIssueRequest": [1080]}
# The same of requesters that know no generic objects.
EARLIER = {"CreateObject": [1000], "GetObject": [1000], "ListObject": [1000], "CreateDestinationSet": [OK, OK, 1000, 3010],
	"CreateHashedID": [1000, 3010]}
# The kept answers are of requests of V1.8.1, but for the one that shows how a destination is just then.
CORE = [n for n in SAMPLES if n.endswith("Request") and n != "GetDestinationDetailsRequest"]
UUID = "7a500001-0001-4001-8001-000000000001"
XPOLICY = f"<x1:trafficPolicyReference>{UUID}</x1:trafficPolicyReference>"


def services(*names):
	return "<x1:listOfServiceTypes>%s</x1:listOfServiceTypes>" % "".join(f"<x1:serviceType>{n}</x1:serviceType>" for n in names)


def ports(protocol, *numbers):
	return "<x1:%sPortList>%s</x1:%sPortList>" % (protocol, "".join(f"<x1:{protocol}Port>{n}</x1:{protocol}Port>"
		for n in numbers), protocol)


# (name, the minors that have it, target or None, rest of the details, answer, word of the refusal)
MADE = (
	("TCP ports", (22,), ports("tcp", 80, 443), "", OK, ""),
	("UDP ports", (22,), ports("udp", 53, 5353), "", OK, ""),
	("VRF", (22,), "<x1:vrf>red</x1:vrf>", "", 3010, "vrf"),
	("service access", (19, 22), "<x1:serviceAccessIdentifier>a</x1:serviceAccessIdentifier>", "", 3010, "serviceAccessIdentifier"),
	("EUI-64", (13, 19, 22), "<x1:eui64>00:00:5e:ff:fe:00:53:00</x1:eui64>", "", 3010, "eui64"),
	("e-mail", (13, 19, 22), "<x1:internationalizedEmailAddress>a@example.org</x1:internationalizedEmailAddress>", "", 3010,
		"internationalizedEmailAddress"),
	("data", (13, 19, 22), None, services("voice", "data"), OK, ""),
	("no data", (13, 19, 22), None, services("voice", "messaging"), 3050, "listOfServiceTypes"),
	("RCS", (13, 19, 22), None, services("RCS"), 3050, "listOfServiceTypes"),
	("traffic policy", (19, 22), None, f"<x1:listOfTrafficPolicyReferences>{XPOLICY}</x1:listOfTrafficPolicyReferences>", 3000,
		"policy"),
	("extension", (13, 19, 22), None, "<x1:taskDetailsExtensions><x1:Owner>example</x1:Owner></x1:taskDetailsExtensions>", 3000,
		"taskDetailsExtensions"),
	("IRI policy", (23,), None, "<x1:listOfIRIPolicyReferences/>", 3000, "policy"),
	("no schema has it", (30,), None, "<x1:listOfMarvels/>", 1010, "an element that is not known"),
)


def judged(minor, folder):
	"""The official schema of a minor."""
	return schema.Schema(folder, (next(name for last, name in SCHEMAS if minor <= last),))


def answer_of(answer):
	if answer.top_level:
		return TOP
	return answer.error if answer.kind == "ErrorResponse" else answer.result or DETAILS


def normal(octets):
	"""An answer without what differs each time."""
	text = re.sub(r"(<x1:messageTimestamp>)[^<]*", r"\1T", octets.decode())
	return re.sub(r"\s+", " ", text).strip()


class Samples(fixture.PoiCase):
	@classmethod
	def options(cls):
		return {"xsd": False}  # judged here, by the minor

	def setUp(self):
		super().setUp()
		xsd = x1.Xsd.find()
		if not xsd:
			self.skipTest("no reference data")
		self.folder = os.path.dirname(xsd.schema)
		self.empty()

	def empty(self):
		admf = self.poi.admf
		self.assertTrue(admf.one("DeactivateAllTasks").ok)
		fixture.wait_until(lambda: admf.one("DeleteAllObjects", "", x1.LATER).completed, 10, "no object is left")
		fixture.wait_until(lambda: admf.one("RemoveAllDestinations").completed, 10, "no destination is left")

	def sample(self, name, version=None):
		with open(os.path.join(self.folder, "v1.13.1", "examples", name + "_example.xml"), encoding="utf-8") as f:
			text = f.read().replace(">admfID<", ">admf-01<").replace(">neID<", ">poi-01<")
		return re.sub(r"(version>)v[0-9.]+", r"\g<1>" + version, text) if version else text

	def answers(self, text):
		"""The answers to the messages of a document, in their order, each valid; and the octets."""
		status, octets = self.poi.admf.post(text)
		self.assertEqual(status, 200)
		minors = [int(m) for m in re.findall(r"version>v1\.(\d+)", text)]
		wrong = judged(max(minors), self.folder).check(octets)
		self.assertIsNone(wrong, f"{wrong}\n{octets.decode()}")
		got = x1.read_answers(octets)
		if None in got:
			return [got[None]], octets
		return [got[t] for t in re.findall(r"<(?:\w+:)?x1TransactionId>([^<]*)<", text)], octets


class Minors(Samples):
	def test_each_sample_has_a_row(self):
		names = {n[:-len("_example.xml")] for n in os.listdir(os.path.join(self.folder, "v1.13.1", "examples"))
			if n.endswith("_example.xml")}
		self.assertEqual(set(SAMPLES), {n for n in names if "Response" not in n})

	def play(self, version, changed):
		for name, wanted in SAMPLES.items():
			with self.subTest(name):
				if name in SETS:
					self.empty()
				got, _ = self.answers(self.sample(name, version))
				self.assertEqual([answer_of(a) for a in got], changed.get(name, wanted), [str(a) for a in got])
				if name in SETS:
					self.listed(version, OK in changed.get(name, wanted)[-2:])

	def listed(self, version, there):
		"""Objects are in the lists of who knows them, and in nobody else's."""
		for kind in ("GetAllDetailsRequest", "ListAllDetailsRequest"):
			for asked, has in ((version or "v1.13.1", there), ("v1.8.1", False)):
				got, octets = self.answers(self.sample(kind, asked))
				self.assertEqual([answer_of(a) for a in got], [DETAILS])
				self.assertEqual(b"30fbde5e-3195-4a22-b3e9-15e1d60d0528" in octets, has, (kind, asked))

	def test_samples_as_they_are(self):
		self.play(None, {})

	def test_samples_of_v1_8_1(self):
		self.play("v1.8.1", EARLIER)

	def test_samples_of_later_minors(self):
		for minor in (9, 13, 19, 22):
			with self.subTest(minor):
				self.play(f"v1.{minor:d}.1", LATER)
				self.empty()

	def test_responses_are_no_requests(self):
		folder = os.path.join(self.folder, "v1.13.1", "examples")
		names = [n for n in sorted(os.listdir(folder)) if "Response" in n]
		self.assertGreater(len(names), 15)
		for name in names:
			with self.subTest(name):
				got, _ = self.answers(self.sample(re.sub(r"_example", "", name)[:-4]) if not name.endswith("2.xml") else
					open(os.path.join(folder, name), encoding="utf-8").read())
				self.assertEqual([answer_of(a) for a in got], [TOP])

	def test_made(self):
		did = x1.new_id()
		self.assertTrue(self.poi.admf.create_destination(did, "127.0.0.1", 9).completed)
		for name, minors, target, rest, wanted, word in MADE:
			for minor in minors:
				with self.subTest(f"{name} {minor:d}"):
					xid = x1.new_id()
					details = x1.task_details(xid, [target or x1.target_ipv4("192.0.2.10")], [did], extensions=rest)
					request = x1.container([x1.Message("ActivateTask", details)], "admf-01", "poi-01", f"v1.{minor:d}.1")
					if minor < 23:
						self.assertIsNone(judged(minor, self.folder).check(request), "the question is a right one")
					(got,), _ = self.answers(request)
					self.assertEqual(answer_of(got), wanted, str(got))
					self.assertIn(word, got.description or "")
					if wanted == OK and target is None:
						shown, earlier = (x1.ElementTree.tostring(self.poi.admf.one("GetTaskDetails", x1.xid_body(xid), version).element).decode()
							for version in (f"v1.{minor:d}.1", x1.VERSION))
						for service in re.findall(r"serviceType>(\w+)<", rest):
							self.assertIn(f">{service}<", shown)
							self.assertNotIn(f">{service}<", earlier)

	def test_v1_8_1_as_ever(self):
		"""What an ADMF of V1.8.1 got before later minors were served, octet by octet (POI_RECORD writes the file anew)."""
		lines = []
		for name in CORE:
			_, octets = self.answers(self.sample(name, "v1.8.1"))
			lines.append(f"{name}\t{normal(octets)}\n")
		if os.environ.get("POI_RECORD"):
			with open(KEPT, "w", encoding="utf-8") as out:
				out.writelines(lines)
		with open(KEPT, encoding="utf-8") as f:
			self.assertEqual(lines, f.readlines())


class Announced(Samples):
	"""x1.version: what answers to an ADMF of that minor or a later one say, each valid there, and not an octet else."""

	@classmethod
	def options(cls):
		return {"x1_extra": "x1: { version: v1.13.1 }", **super().options()}

	def test_samples(self):
		for asked, said in ((8, "v1.8.1"), (9, "v1.8.1"), (13, "v1.13.1"), (19, "v1.13.1"), (22, "v1.13.1")):
			for name in SAMPLES:
				with self.subTest(f"{name} {asked:d}"):
					if name in SETS:
						self.empty()
					got, octets = self.answers(self.sample(name, f"v1.{asked:d}.1"))
					wanted = "v1.8.1" if got[0].top_level else said  # of no message, and so of no minor
					self.assertEqual(set(re.findall(rb"<x1:version>([^<]*)<", octets)), {wanted.encode()})
			self.empty()

	def test_v1_8_1_as_ever(self):
		with open(KEPT, encoding="utf-8") as f:
			kept = dict(line.rstrip("\n").split("\t") for line in f)
		for name in CORE:
			with self.subTest(name):
				self.assertEqual(normal(self.answers(self.sample(name, "v1.8.1"))[1]), kept[name])


if __name__ == "__main__":
	unittest.main()
