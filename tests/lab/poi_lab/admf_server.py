"""An ADMF's answering side: takes a network element's own requests (Ping, Report...Issue) over
mutually authenticated HTTPS, answers them, and writes each message as one JSON line.

Also runs by itself: python3 -m poi_lab.admf_server --pki DIR --out FILE.
"""
import argparse
import datetime
import http.server
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape, quoteattr

X1 = "http://uri.etsi.org/03221/X1/2017/10"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
UID = "userId"  # what Python's ssl calls 0.9.2342.19200300.100.1.1
BINDING = "urn:etsi:li:103221-1:cert-binding:NE:"
ANSWERED = {  # request: elements of (id, type, code, text)
	"Ping": (None, None, None, None),
	"ReportTaskIssue": ("xId", "taskReportType", "taskIssueErrorCode", "taskIssueDetails"),
	"ReportDestinationIssue": ("dId", "destinationReportType", "destinationIssueErrorCode", "destinationIssueDetails"),
	"ReportNEIssue": (None, "typeOfNeIssueMessage", "issueCode", "description"),
}
MISBEHAVIOURS = ("error:CODE, top-level, http500, hang, close, slow:SECONDS, wrong-ne, first-N-fail, "
	"poison:TEXT (http500 to a request that holds it)")
BODY_MAX = 16 << 20


def now():
	return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Misbehaviour:
	"""What to do wrong; `text` as on the command line, "" for nothing."""

	def __init__(self, text=""):
		self.error = self.poison = None
		self.slow = 0.0
		self.fail_first = 0
		self.top_level = self.http500 = self.hang = self.close = self.wrong_ne = False
		for item in filter(None, re.split(r"[,\s]+", text)):
			name, _, value = item.partition(":")
			first = re.fullmatch(r"first-(\d+)-fail", item)
			if first:
				self.fail_first = int(first.group(1))
			elif name == "error" and value.isdigit():
				self.error = int(value)
			elif name == "poison" and value:
				self.poison = value.encode()
			elif name == "slow":
				self.slow = float(value)
			elif item in ("top-level", "http500", "hang", "close", "wrong-ne"):
				setattr(self, item.replace("-", "_"), True)
			else:
				raise ValueError(f"{item}: not one of {MISBEHAVIOURS}")


class Refused(Exception):
	"""The request cannot be answered message by message (clause 6.1)."""


def read_container(body):
	"""The x1RequestMessage elements of a request, with their kinds. Raises Refused."""
	if re.search(rb"<!DOCTYPE", body):
		raise Refused("DTD")
	try:
		root = ElementTree.fromstring(body)
	except ElementTree.ParseError:
		raise Refused("not well formed") from None
	if root.tag != f"{{{X1}}}X1Request" or not len(root):
		raise Refused("not an X1Request with messages")
	found = []
	for element in root:
		kind = (element.get(f"{{{XSI}}}type") or "").rpartition(":")[2]
		if element.tag != f"{{{X1}}}x1RequestMessage" or not kind.endswith("Request"):
			raise Refused("a message without a known type")
		found.append((kind[:-len("Request")], element))
	return found


def field(element, name):
	text = element.findtext(f"{{{X1}}}{name}") if name else None
	return text.strip() if text is not None else None


class Xsd:
	"""The official schemas through xmllint, `folder` holding the driver x1-validate.xsd."""

	def __init__(self, folder):
		self.driver = os.path.join(folder, "x1-validate.xsd")
		if not os.path.exists(self.driver):
			raise FileNotFoundError(self.driver)

	def check(self, body):
		"""None, or the first complaint."""
		with tempfile.NamedTemporaryFile(suffix=".xml") as file:
			file.write(body)
			file.flush()
			done = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", self.driver, file.name],
				capture_output=True, text=True)
		return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["xmllint failed"])[0]


class Admf:
	"""State shared by all connections."""

	def __init__(self, arguments):
		self.admf, self.ne, self.path = arguments.admf, arguments.ne, arguments.path
		self.fixed = Misbehaviour(",".join(arguments.misbehave))
		self.control = arguments.misbehave_file
		self.xsd = Xsd(arguments.xsd) if arguments.xsd else None
		self.out = open(arguments.out, "a", buffering=1) if arguments.out else sys.stdout
		self.lock = threading.Lock()
		self.requests = self.messages = self.invalid = 0
		self.stopping = threading.Event()

	def misbehaviour(self):
		if self.control:
			try:
				with open(self.control) as file:
					return Misbehaviour(file.read())
			except FileNotFoundError:
				pass
		return self.fixed

	def count_request(self):
		with self.lock:
			self.requests += 1
			return self.requests

	def write(self, line):
		with self.lock:
			self.messages += 1
			self.invalid += line.get("schema") not in (None, "valid")
			self.out.write(json.dumps(line) + "\n")
			self.out.flush()

	def envelope(self, transaction, ne):
		out = f"<x1:admfIdentifier>{escape(self.admf)}</x1:admfIdentifier><x1:neIdentifier>{escape(ne)}</x1:neIdentifier>"
		out += f"<x1:messageTimestamp>{now()}</x1:messageTimestamp><x1:version>v1.8.1</x1:version>"
		return out + (f"<x1:x1TransactionId>{escape(transaction)}</x1:x1TransactionId>" if transaction else "")

	def top_level_error(self, ne):
		return '<?xml version="1.0" encoding="UTF-8"?>\n<x1:X1TopLevelErrorResponse xmlns:x1="%s">%s</x1:X1TopLevelErrorResponse>\n' % (
			X1, self.envelope(None, ne or self.ne))

	def judge(self, kind, element, identifiers):
		"""0, or the code of the ErrorResponse this message earns."""
		if kind not in ANSWERED:
			return 1000, "not a request to an ADMF"
		if field(element, "neIdentifier") not in identifiers:
			return 1050, "NE identifier does not match certificate details"
		if field(element, "admfIdentifier") != self.admf:
			return 1040, "unexpected ADMF identifier"
		if self.ne and field(element, "neIdentifier") != self.ne:
			return 1060, "unexpected NE identifier"
		if not re.fullmatch(r"v1\.[0-9]+\.[0-9]+", field(element, "version") or ""):
			return 1020, "v1.8.1"
		return 0, ""

	def answer(self, messages, identifiers, wrong):
		"""(body, [(code, text)]) of the whole container."""
		out = [f'<?xml version="1.0" encoding="UTF-8"?>\n<x1:X1Response xmlns:x1="{X1}" xmlns:xsi="{XSI}">']
		codes = []
		for kind, element in messages:
			code, text = self.judge(kind, element, identifiers)
			if wrong.error and not code:
				code, text = wrong.error, "as asked for"
			codes.append(code)
			ne = "somebody-else" if wrong.wrong_ne else field(element, "neIdentifier") or self.ne
			head = self.envelope(field(element, "x1TransactionId"), ne)
			if code:
				inside = ("<x1:requestMessageType>%s</x1:requestMessageType><x1:errorInformation><x1:errorCode>%d</x1:errorCode>"
					"<x1:errorDescription>%s</x1:errorDescription></x1:errorInformation>") % (escape(kind), code, escape(text))
				type_name = "x1:ErrorResponse"
			else:
				inside, type_name = "<x1:oK>AcknowledgedAndCompleted</x1:oK>", f"x1:{kind}Response"
			out.append(f"\n<x1:x1ResponseMessage xsi:type={quoteattr(type_name)}>{head}{inside}</x1:x1ResponseMessage>")
		out.append("\n</x1:X1Response>\n")
		return "".join(out), codes


def identifiers_of(certificate):
	"""Every UID of the subject and every cert-binding URI of a verified certificate."""
	found = {value for part in certificate.get("subject", ()) for name, value in part if name in (UID, "UID")}
	for kind, value in certificate.get("subjectAltName", ()):
		if kind == "URI" and value.startswith(BINDING):
			found.add(value[len(BINDING):])
	return found


class Handler(http.server.BaseHTTPRequestHandler):
	protocol_version = "HTTP/1.1"
	server_version, sys_version = "poi-lab", ""
	disable_nagle_algorithm = True

	def log_message(self, *_):
		pass

	def refuse(self, status):
		self.send_response(status)
		self.send_header("Content-Length", "0")
		if status != 200:
			self.send_header("Connection", "close")
			self.close_connection = True
		self.end_headers()

	def do_GET(self):
		self.refuse(405)

	do_PUT = do_DELETE = do_HEAD = do_GET

	def do_POST(self):
		admf = self.server.admf
		if self.path != admf.path:
			return self.refuse(404)
		length = self.headers.get("Content-Length", "")
		if self.headers.get("Transfer-Encoding") or not length.isdigit() or int(length) > BODY_MAX:
			return self.refuse(400)
		body = self.rfile.read(int(length))
		number, wrong = admf.count_request(), admf.misbehaviour()
		identifiers = identifiers_of(self.connection.getpeercert() or {})
		try:
			messages, why = read_container(body), None
		except Refused as refused:
			messages, why = [], str(refused)
		fault = self.transport_fault(wrong, number, body)
		if why or (wrong.top_level and not fault):
			answer, codes, fault = admf.top_level_error(None), [0] * len(messages), fault or "top-level"
		else:
			answer, codes = admf.answer(messages, identifiers, wrong)
		self.record(admf, body, messages, {"request": number, "identifiers": identifiers, "codes": codes, "fault": fault, "why": why})
		if fault in ("close", "hang"):
			if fault == "hang":
				admf.stopping.wait(3600)
			self.close_connection = True
			self.connection.close()
			return None
		admf.stopping.wait(wrong.slow)
		if fault == "http500":
			return self.refuse(500)
		octets = answer.encode()
		self.send_response(200)
		self.send_header("Content-Type", "application/xml")
		self.send_header("Content-Length", str(len(octets)))
		self.end_headers()
		self.wfile.write(octets)
		return None

	@staticmethod
	def transport_fault(wrong, number, body):
		if wrong.http500 or number <= wrong.fail_first or (wrong.poison and wrong.poison in body):
			return "http500"
		return "close" if wrong.close else "hang" if wrong.hang else None

	def record(self, admf, body, messages, how):
		schema = None
		if admf.xsd:
			schema = admf.xsd.check(body) or "valid"
		common = {"time": now(), "request": how["request"], "of": len(messages), "peer": sorted(how["identifiers"])}
		if schema:
			common["schema"] = schema
		if not messages:
			admf.write({**common, "type": None, "error": how["why"], "answer": how["fault"]})
		for index, (kind, element) in enumerate(messages):
			id_name, type_name, code_name, text_name = ANSWERED.get(kind, (None,) * 4)
			code = field(element, code_name)
			admf.write({**common, "index": index, "type": kind, "transaction": field(element, "x1TransactionId"),
				"sent": field(element, "messageTimestamp"), "ne": field(element, "neIdentifier"),
				"admf": field(element, "admfIdentifier"), "version": field(element, "version"),
				"id": field(element, id_name), "report": field(element, type_name),
				"code": int(code) if code else None, "description": field(element, text_name),
				"answer": how["fault"] or (str(how["codes"][index]) if how["codes"][index] else "ok")})


class Server(http.server.ThreadingHTTPServer):
	daemon_threads = True
	block_on_close = False
	request_queue_size = 128

	def __init__(self, address, context, admf):
		self.context, self.admf = context, admf
		self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
		super().__init__(address, Handler)

	def finish_request(self, request, client_address):
		# the handshake belongs to the connection's own thread: one stalled peer must not stop the rest
		try:
			request.settimeout(30)
			with self.context.wrap_socket(request, server_side=True) as secured:
				secured.settimeout(300)
				self.RequestHandlerClass(secured, client_address, self)
		except (OSError, ssl.SSLError) as error:
			print(f"connection: {getattr(error, 'reason', None) or error}", file=sys.stderr, flush=True)

	def handle_error(self, request, client_address):
		print(f"request: {sys.exc_info()[1]}", file=sys.stderr, flush=True)


def tls_context(arguments):
	def path(given, name):
		return given or os.path.join(arguments.pki or ".", name)

	context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	context.minimum_version = ssl.TLSVersion.TLSv1_2
	context.verify_mode = ssl.CERT_REQUIRED
	context.load_verify_locations(path(arguments.ca, "ca.pem"))
	context.load_cert_chain(path(arguments.certificate, arguments.identity + ".pem"), path(arguments.key, arguments.identity + ".key"))
	context.set_alpn_protocols(["http/1.1"])
	return context


def add_arguments(parser):
	parser.add_argument("--listen", default="127.0.0.1:0", help="ADDRESS:PORT, port 0 for any (printed), default %(default)s")
	parser.add_argument("--path", default="/X1/ADMF", help="default %(default)s")
	parser.add_argument("--pki", help="folder made by poi-lab pki")
	parser.add_argument("--identity", default="admf", help="certificate of that folder to show, default %(default)s")
	parser.add_argument("--certificate", help="instead of --pki")
	parser.add_argument("--key", help="instead of --pki")
	parser.add_argument("--ca", help="instead of --pki")
	parser.add_argument("--admf", default="admf-01", help="our identifier, default %(default)s")
	parser.add_argument("--ne", default="poi-01", help="identifier of the only network element we know, \"\" for any, default %(default)s")
	parser.add_argument("--out", help="JSON lines go here, default standard output")
	parser.add_argument("--xsd", help="folder with the official schemas (x1-validate.xsd): check every request")
	parser.add_argument("--misbehave", action="append", default=[], metavar="WHAT", help=MISBEHAVIOURS)
	parser.add_argument("--misbehave-file", metavar="FILE", help="read WHAT from FILE before each answer, while it exists")


def stop(*_):
	raise KeyboardInterrupt


def run(args):
	signal.signal(signal.SIGTERM, stop)
	admf = Admf(args)
	address, _, port = args.listen.rpartition(":")
	server = Server((address.strip("[]"), int(port)), tls_context(args), admf)
	print(f"listening on {address}:{server.server_address[1]:d}", file=sys.stderr, flush=True)
	try:
		server.serve_forever(poll_interval=0.2)
	except KeyboardInterrupt:
		pass
	admf.stopping.set()
	server.server_close()
	print(f"{admf.requests:d} requests, {admf.messages:d} messages, {admf.invalid:d} against the schema", file=sys.stderr, flush=True)
	return 1 if admf.invalid else 0


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	add_arguments(parser)
	return run(parser.parse_args())


if __name__ == "__main__":
	sys.exit(main())
