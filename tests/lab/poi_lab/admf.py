"""An ADMF's requesting side: X1 over mutually authenticated HTTPS/1.1."""
import http.client
import json
import os
import ssl
import sys
import time
import urllib.parse

from poi_lab import x1

REQUESTS = ("Ping", "Keepalive", "GetNEStatus", "GetAllDetails", "ListAllDetails", "DeactivateAllTasks",
	"RemoveAllDestinations", "GetAllTaskDetails", "GetAllDestinationDetails")


class BadAnswer(Exception):
	"""The network element's answer breaks X1 or HTTP."""


class Admf:
	"""`pki`: folder of poi-lab pki; `identity`: which certificate to show. Keeps one connection."""

	def __init__(self, url, pki, identity="admf", admf="admf-01", ne="poi-01", xsd=None, timeout=15, log=None):
		self.url = urllib.parse.urlsplit(url)
		self.admf, self.ne, self.xsd, self.timeout, self.log = admf, ne, xsd, timeout, log
		self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
		self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
		self._tls.load_verify_locations(os.path.join(pki, "ca.pem"))
		if identity:
			self._tls.load_cert_chain(os.path.join(pki, identity + ".pem"), os.path.join(pki, identity + ".key"))
		self._connection = None
		self.took = 0.0  # seconds of the last exchange

	def close(self):
		if self._connection:
			self._connection.close()
			self._connection = None

	# --- transport
	def post(self, body, headers=None):
		"""(HTTP status, body) of one POST. Opens the connection again when it was closed meanwhile."""
		if isinstance(body, str):
			body = body.encode()
		fields = {"Content-Type": "application/xml", **(headers or {})}
		for attempt in (0, 1):
			fresh = self._connection is None
			if fresh:
				self._connection = http.client.HTTPSConnection(self.url.hostname, self.url.port or 443,
					timeout=self.timeout, context=self._tls)
			try:
				start = time.monotonic()
				self._connection.request("POST", self.url.path or "/X1/NE", body, fields)
				response = self._connection.getresponse()
				answer = response.read()
				self.took = time.monotonic() - start
				return response.status, answer
			except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError,
					http.client.CannotSendRequest):
				self.close()
				if fresh or attempt:
					raise
			except Exception:
				self.close()
				raise
		raise AssertionError("not reached")

	def send(self, messages, version=x1.VERSION):
		"""Sends the messages in one container; their answers in the same order."""
		document = x1.container(messages, self.admf, self.ne, version)
		answers = self.send_document(document)
		if None in answers:
			return [answers[None]] * len(messages)
		if len(answers) != len(messages):
			raise BadAnswer(f"{len(answers)} answers to {len(messages)} messages")
		return [answers[m.transaction] for m in messages]

	def send_document(self, document):
		"""Answers by transaction id."""
		if self.log:
			self.log("request", document)
		status, body = self.post(document)
		if status != 200:
			raise BadAnswer(f"HTTP status {status}")
		if self.log:
			self.log("response", body.decode())
		if self.xsd:
			wrong = self.xsd.check(body)
			if wrong:
				raise BadAnswer("the answer breaks the schema: " + wrong)
		return x1.read_answers(body)

	def one(self, kind, body="", version=x1.VERSION):
		return self.send([x1.Message(kind, body)], version)[0]

	# --- requests
	def create_destination(self, did, address, port, delivery="X2andX3", name=None):
		return self.one("CreateDestination", x1.destination_details(did, address, port, delivery, name))

	def modify_destination(self, did, address, port, delivery="X2andX3", name=None):
		return self.one("ModifyDestination", x1.destination_details(did, address, port, delivery, name))

	def remove_destination(self, did):
		return self.one("RemoveDestination", x1.did_body(did))

	def activate(self, xid, targets, dids, *more, **named):
		return self.one("ActivateTask", x1.task_details(xid, targets, dids, *more, **named), _version_of(named))

	def modify(self, xid, targets, dids, *more, **named):
		return self.one("ModifyTask", x1.task_details(xid, targets, dids, *more, **named), _version_of(named))

	def create_set(self, ident, dids, kind="Redundant"):
		return self.one("CreateObject", x1.destination_set(ident, dids, kind), x1.LATER)

	def modify_set(self, ident, dids, kind="Redundant"):
		return self.one("ModifyObject", x1.destination_set(ident, dids, kind, element="modifyObject"), x1.LATER)

	def create_hash_context(self, ident, salt, algorithm="sha-256"):
		return self.one("CreateObject", x1.hash_context(ident, salt, algorithm), x1.LATER)

	def get_object(self, ident):
		return self.one("GetObject", x1.object_body(ident), x1.LATER)

	def delete_object(self, ident):
		return self.one("DeleteObject", x1.object_body(ident), x1.LATER)

	def deactivate(self, xid):
		return self.one("DeactivateTask", x1.xid_body(xid))

	def get_task(self, xid):
		return self.one("GetTaskDetails", x1.xid_body(xid))

	def get_destination(self, did):
		return self.one("GetDestinationDetails", x1.did_body(did))


def _version_of(named):
	return x1.LATER if named.get("dsids") else x1.VERSION


def printer(kind, text):
	print(f"--- X1 {kind}")
	print(text.rstrip())


def _targets(a):
	found = [x1.target_ipv4(v) for v in a.ipv4] + [x1.target_ipv6(v) for v in a.ipv6]
	found += [x1.target_cidr(v) for v in a.cidr]
	found += [x1.target_port("tcp", v) for v in a.tcp_port] + [x1.target_port("udp", v) for v in a.udp_port]
	found += [x1.target_teid(v) for v in a.teid]
	for value in a.fteid:
		teid, _, address = value.partition("@")
		found.append(x1.target_fteid(teid, address or None))
	if not found:
		raise SystemExit("activate and modify need a target: --ipv4, --ipv6, --cidr, --tcp-port, --udp-port, --teid, --fteid")
	return found


def _task_body(a):
	extension = x1.header_reporting(a.report) if a.report else ""
	if not a.did and not a.dsid:
		raise SystemExit("activate and modify need a destination: --did, --dsid")
	return x1.task_details(a.xid, _targets(a), a.did, a.delivery or "X3Only", a.correlation, a.product, extension, dsids=a.dsid)


def _object_body(a):
	element = a.request.partition("-")[0] + "Object"
	if a.request.endswith("-set"):
		return x1.destination_set(a.id, a.did, a.type, element=element)
	return x1.hash_context(a.id, bytes.fromhex(a.salt), a.algorithm, element)


def _destination_body(a):
	address, _, port = a.to.rpartition(":")
	return x1.destination_details(a.did, address.strip("[]"), int(port), a.delivery or "X2andX3", a.friendly_name)


def _message(a):
	builders = {
		"create-destination": ("CreateDestination", _destination_body), "modify-destination": ("ModifyDestination", _destination_body),
		"remove-destination": ("RemoveDestination", lambda a: x1.did_body(a.did)),
		"get-destination": ("GetDestinationDetails", lambda a: x1.did_body(a.did)),
		"activate": ("ActivateTask", _task_body), "modify": ("ModifyTask", _task_body),
		"deactivate": ("DeactivateTask", lambda a: x1.xid_body(a.xid)),
		"get-task": ("GetTaskDetails", lambda a: x1.xid_body(a.xid)),
		"create-set": ("CreateObject", _object_body), "modify-set": ("ModifyObject", _object_body),
		"create-hash-context": ("CreateObject", _object_body), "modify-hash-context": ("ModifyObject", _object_body),
		"get-object": ("GetObject", lambda a: x1.object_body(a.id)), "delete-object": ("DeleteObject", lambda a: x1.object_body(a.id)),
		"list-objects": ("ListObjectsOfType", lambda a: x1.object_type_body(TYPES[a.type])),
		**{name: (kind, lambda a: "") for name, kind in SIMPLE.items()}}
	kind, build = builders[a.request]
	return x1.Message(kind, build(a))


SIMPLE = {"ping": "Ping", "keepalive": "Keepalive", "get-status": "GetNEStatus", "get-all": "GetAllDetails",
	"list-all": "ListAllDetails", "deactivate-all": "DeactivateAllTasks", "remove-all": "RemoveAllDestinations",
	"get-all-tasks": "GetAllTaskDetails", "get-all-destinations": "GetAllDestinationDetails",
	"get-all-objects": "GetAllGenericObjectDetails", "delete-all-objects": "DeleteAllObjects"}
TYPES = {"hash-context": x1.HASH_CONTEXT_TYPE, "destination-set": x1.DESTINATION_SET_TYPE}


def command(a):
	xsd = x1.Xsd.find(a.xsd)
	if a.xsd and not xsd:
		print(f"admf: no schema at {a.xsd}", file=sys.stderr)
		return 2
	client = Admf(a.url, a.pki, a.identity, a.admf, a.ne, xsd, a.timeout, printer if a.verbose else None)
	try:
		if a.request == "send":
			answers = []
			for name in a.file:
				with open(name) as f:
					answers += client.send_document(f.read()).values()
		else:
			later = "object" in a.request or a.request.endswith(("-set", "-hash-context")) or getattr(a, "dsid", None)
			answers = client.send([_message(a)], a.version or (x1.LATER if later else x1.VERSION))
	except (BadAnswer, OSError, ssl.SSLError, http.client.HTTPException) as e:
		print(f"admf: {e}", file=sys.stderr)
		return 2
	for answer in answers:
		if a.json:
			print(json.dumps({"kind": answer.kind, "result": answer.result, "error": answer.error,
				"description": answer.description, "seconds": client.took}))
		else:
			print(f"{answer} ({client.took * 1e3:.1f} ms{', valid against the XSD' if xsd else ''})")
	return 0 if answers and all(x.ok for x in answers) else 1


def options(parser):
	parser.add_argument("--url", default="https://127.0.0.1:443/X1/NE", help="X1 server, default %(default)s")
	parser.add_argument("--pki", required=True, metavar="DIR", help="folder made by poi-lab pki")
	parser.add_argument("--identity", default="admf", metavar="NAME", help="NAME.pem and NAME.key in it, default %(default)s")
	parser.add_argument("--admf", default="admf-01", help="admfIdentifier, default %(default)s")
	parser.add_argument("--ne", default="poi-01", help="neIdentifier, default %(default)s")
	parser.add_argument("--xsd", metavar="DIR", help="official schemas (x1-validate.xsd); every answer is checked against them")
	parser.add_argument("--timeout", type=float, default=15, metavar="S", help="TIME2, default %(default)s")
	parser.add_argument("--version", metavar="VERSION", help=f"of the requests, default {x1.VERSION}, or {x1.LATER} where that lacks them")
	parser.add_argument("-v", "--verbose", action="store_true", help="print request and response")
	parser.add_argument("--json", action="store_true", help="one JSON line an answer")
	parser.set_defaults(run=command)
	requests = parser.add_subparsers(dest="request", required=True, metavar="REQUEST")
	send = requests.add_parser("send", help="send files as they are")
	send.add_argument("file", nargs="+")
	for name in ("create-destination", "modify-destination"):
		p = requests.add_parser(name)
		p.add_argument("--did", required=True)
		p.add_argument("--to", required=True, metavar="ADDRESS:PORT")
		p.add_argument("--delivery", choices=("X2Only", "X3Only", "X2andX3"))
		p.add_argument("--friendly-name")
	for name in ("remove-destination", "get-destination"):
		requests.add_parser(name).add_argument("--did", required=True)
	for name in ("activate", "modify"):
		p = requests.add_parser(name, help="all criteria must hold together")
		p.add_argument("--xid", required=True)
		for option in ("ipv4", "ipv6", "cidr", "tcp-port", "udp-port", "teid"):
			p.add_argument("--" + option, action="append", default=[])
		p.add_argument("--fteid", action="append", default=[], metavar="TEID@ADDRESS")
		p.add_argument("--did", action="append", default=[])
		p.add_argument("--dsid", action="append", default=[], help="a destination set")
		p.add_argument("--delivery", choices=("X2Only", "X3Only", "X2andX3"))
		p.add_argument("--product")
		p.add_argument("--correlation", type=int)
		p.add_argument("--report", choices=("pdhr", "pdsr"), help="header reporting")
	for name in ("deactivate", "get-task"):
		requests.add_parser(name).add_argument("--xid", required=True)
	for name in ("create-set", "modify-set"):
		p = requests.add_parser(name)
		p.add_argument("--id", required=True)
		p.add_argument("--did", action="append", required=True, help="its members, the most preferred first")
		p.add_argument("--type", choices=("Redundant", "Duplicate"), default="Redundant")
	for name in ("create-hash-context", "modify-hash-context"):
		p = requests.add_parser(name)
		p.add_argument("--id", required=True)
		p.add_argument("--algorithm", choices=("sha-256", "sha-512", "sha3-512"), default="sha-256")
		p.add_argument("--salt", required=True, metavar="HEX")
	for name in ("get-object", "delete-object"):
		requests.add_parser(name).add_argument("--id", required=True)
	requests.add_parser("list-objects").add_argument("--type", choices=sorted(TYPES), required=True)
	for name in SIMPLE:
		requests.add_parser(name)
