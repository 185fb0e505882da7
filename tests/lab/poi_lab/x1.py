"""X1 messages of TS 103 221-1: building requests, reading answers, checking them against an XSD."""
import datetime
import ipaddress
import os
import subprocess
import tempfile
import uuid
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

X1 = "http://uri.etsi.org/03221/X1/2017/10"
C = "http://uri.etsi.org/03280/common/2017/07"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
E3GPP = "urn:3GPP:ns:li:3GPPX1Extensions:r18:v6"
VERSION = "v1.8.1"
LATER = "v1.13.1"  # of requests that V1.8.1 does not have
HASHED_ID, DESTINATION_SET = X1 + "/HashedID", X1 + "/DestinationSet"
HASH_CONTEXT_TYPE, DESTINATION_SET_TYPE = f"Q{{{HASHED_ID}}}HashContext", f"Q{{{DESTINATION_SET}}}DestinationSetDetails"


def now():
	return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def new_id():
	return str(uuid.uuid4())


def full_ipv6(text):
	return ipaddress.IPv6Address(text).exploded


class Message:
	"""One request: its type ("ActivateTask") and the XML behind the envelope."""

	def __init__(self, kind, body="", transaction=None):
		self.kind, self.body = kind, body
		self.transaction = transaction or new_id()


def container(messages, admf, ne, version=VERSION):
	"""The whole X1Request document."""
	out = [f'<?xml version="1.0" encoding="UTF-8"?>\n<x1:X1Request xmlns:x1="{X1}" xmlns:xsi="{XSI}" xmlns:c="{C}">']
	for m in messages:
		out.append(f'\n  <x1:x1RequestMessage xsi:type="x1:{m.kind}Request">')
		for name, value in (("admfIdentifier", admf), ("neIdentifier", ne), ("messageTimestamp", now()),
				("version", version), ("x1TransactionId", m.transaction)):
			out.append(f"\n    <x1:{name}>{escape(value)}</x1:{name}>")
		out.append(m.body)
		out.append("\n  </x1:x1RequestMessage>")
	out.append("\n</x1:X1Request>\n")
	return "".join(out)


# --- parts
def target_ipv4(text):
	return f"<x1:ipv4Address>{escape(text)}</x1:ipv4Address>"


def target_ipv6(text):
	return f"<x1:ipv6Address>{full_ipv6(text)}</x1:ipv6Address>"


def target_cidr(text):
	network = ipaddress.ip_network(text)
	if network.version == 4:
		return f"<x1:ipv4Cidr><c:IPv4CIDR>{network}</c:IPv4CIDR></x1:ipv4Cidr>"
	return f"<x1:ipv6Cidr>{network.network_address.exploded}/{network.prefixlen:d}</x1:ipv6Cidr>"


def target_port(protocol, text):
	if "-" in text:
		first, last = text.split("-")
		return f"<x1:{protocol}PortRange><c:start>{int(first)}</c:start><c:end>{int(last)}</c:end></x1:{protocol}PortRange>"
	return f"<x1:{protocol}Port>{int(text)}</x1:{protocol}Port>"


def target_teid(text):
	return f"<x1:gtpuTunnelId>{int(str(text), 0)}</x1:gtpuTunnelId>"


def target_upf(name, inner):
	"""An identifier of TS 33.128 table 6.2.3-7: FTEID, FSEID, PDRID, QERID, NetworkInstance, GTPTunnelDirection."""
	return ('<x1:targetIdentifierExtension><x1:Owner>3GPP</x1:Owner><e:UPFLIT3TargetIdentifierExtensions xmlns:e="%s">'
		"<e:UPFLIT3TargetIdentifier><e:%s>%s</e:%s></e:UPFLIT3TargetIdentifier>"
		"</e:UPFLIT3TargetIdentifierExtensions></x1:targetIdentifierExtension>") % (E3GPP, name, inner, name)


def _with_address(inner, address):
	if address:
		ip = ipaddress.ip_address(address)
		inner += f"<e:IPv{ip.version}Address>{ip.exploded}</e:IPv{ip.version}Address>"
	return inner


def target_fteid(teid, address=None):
	return target_upf("FTEID", _with_address(f"<e:TEID>{int(str(teid), 0)}</e:TEID>", address))


def target_fseid(seid, address=None):
	return target_upf("FSEID", _with_address(f"<e:SEID>{int(str(seid), 0)}</e:SEID>", address))


def header_reporting(kind="pdhr", packets=0, octets=0, seconds=0):
	if kind == "pdhr":
		inside = "<e:PDHR/>"
	else:
		triggers = [("TimerExpiry", seconds), ("PacketCount", packets), ("ByteCount", octets)]
		inside = "<e:PDSR>%s</e:PDSR>" % "".join(f"<e:PDSRTriggerType><e:{n}>{v:d}</e:{n}></e:PDSRTriggerType>"
			for n, v in triggers if v)
	return ('<x1:taskDetailsExtensions><x1:Owner>3GPP</x1:Owner><e:X1Extensions xmlns:e="%s"><e:HeaderReporting><e:PDHType>'
		"%s</e:PDHType></e:HeaderReporting></e:X1Extensions></x1:taskDetailsExtensions>") % (E3GPP, inside)


def task_details(xid, targets, dids, delivery="X3Only", correlation=None, product=None, extensions="", middle="", dsids=()):
	"""`targets`: XML of each target identifier (see target_*). `middle`: XML after listOfDIDs. `dsids`: destination sets."""
	return ("\n    <x1:taskDetails>\n      <x1:xId>%s</x1:xId>\n      <x1:targetIdentifiers>%s\n      </x1:targetIdentifiers>"
		"\n      <x1:deliveryType>%s</x1:deliveryType>\n      <x1:listOfDIDs>%s</x1:listOfDIDs>%s%s%s%s\n    </x1:taskDetails>") % (
		xid, "".join(f"\n        <x1:targetIdentifier>{t}</x1:targetIdentifier>" for t in targets), delivery,
		"".join(f"<x1:dId>{d}</x1:dId>" for d in dids) + "".join(f"<x1:dSId>{d}</x1:dSId>" for d in dsids), middle,
		f"\n      <x1:correlationID>{correlation:d}</x1:correlationID>" if correlation is not None else "",
		f"\n      <x1:productID>{product}</x1:productID>" if product else "", extensions)


def destination_details(did, address, port, delivery="X2andX3", name=None):
	ip = ipaddress.ip_address(address)
	return ("\n    <x1:destinationDetails>\n      <x1:dId>%s</x1:dId>%s\n      <x1:deliveryType>%s</x1:deliveryType>"
		"\n      <x1:deliveryAddress><x1:ipAddressAndPort><c:address><c:IPv%dAddress>%s</c:IPv%dAddress></c:address>"
		"<c:port><c:TCPPort>%d</c:TCPPort></c:port></x1:ipAddressAndPort></x1:deliveryAddress>\n    </x1:destinationDetails>") % (
		did, f"\n      <x1:friendlyName>{escape(name)}</x1:friendlyName>" if name else "", delivery, ip.version,
		ip.exploded, ip.version, port)


def destination_uri(did, uri, delivery="X2andX3"):
	return ("\n    <x1:destinationDetails>\n      <x1:dId>%s</x1:dId>\n      <x1:deliveryType>%s</x1:deliveryType>"
		"\n      <x1:deliveryAddress><x1:uri>%s</x1:uri></x1:deliveryAddress>\n    </x1:destinationDetails>") % (
		did, delivery, escape(uri))


def xid_body(xid):
	return f"\n    <x1:xId>{xid}</x1:xId>"


def did_body(did):
	return f"\n    <x1:dId>{did}</x1:dId>"


def object_body(ident):
	return f"\n    <x1:objectId>{ident}</x1:objectId>"


def object_type_body(name):
	"""`name`: Q{namespace}name."""
	return f"\n    <x1:objectType>{escape(name)}</x1:objectType>"


def _generic_object(element, ident, space, kind, content):
	return '\n    <x1:%s xmlns:g="%s" xsi:type="g:%s">\n      <x1:objectId>%s</x1:objectId>%s\n    </x1:%s>' % (
		element, space, kind, ident, content, element)


def hash_context(ident, salt, algorithm="sha-256", element="createObject"):
	"""`salt`: octets. `element`: modifyObject for ModifyObject."""
	return _generic_object(element, ident, HASHED_ID, "HashContext",
		f"\n      <g:hashAlgorithm>{algorithm}</g:hashAlgorithm>\n      <g:salt>{salt.hex()}</g:salt>")


def destination_set(ident, dids, kind="Redundant", name=None, element="createObject", preferences=None):
	"""`dids`: the most preferred first, or with `preferences` as they say."""
	members = "".join(f"\n        <g:AssociatedDID><g:dId>{d}</g:dId><g:preference>{n}</g:preference></g:AssociatedDID>"
		for d, n in zip(dids, preferences or range(1, len(dids) + 1)))
	return _generic_object(element, ident, DESTINATION_SET, "DestinationSetDetails",
		"%s\n      <g:listOfAssociatedDIDs>%s\n      </g:listOfAssociatedDIDs>\n      <g:destinationSetType>%s</g:destinationSetType>" % (
		f"\n      <g:friendlyName>{escape(name)}</g:friendlyName>" if name else "", members, kind))


# --- answers
class Answer:
	"""One x1ResponseMessage, or a top-level error."""

	def __init__(self, element, top_level=False):
		self.element, self.top_level = element, top_level
		kind = element.get(f"{{{XSI}}}type") or ""
		self.kind = "TopLevelError" if top_level else kind.rpartition(":")[2]
		self.transaction = self.text("x1TransactionId")
		self.result = self.text("oK")
		self.error = int(self.text("errorCode") or 0)
		self.description = self.text("errorDescription")
		self.timestamp = self.text("messageTimestamp")

	def find(self, name):
		return self.element.find(f".//{{{X1}}}{name}")

	def all(self, name):
		return self.element.findall(f".//{{{X1}}}{name}")

	def text(self, name):
		found = self.find(name)
		return None if found is None else (found.text or "").strip()

	@property
	def ok(self):
		"""oK present, or a query answered with its details."""
		if self.top_level or self.kind == "ErrorResponse":
			return False
		return self.result in ("AcknowledgedAndCompleted", "Acknowledged") or self.result is None

	@property
	def completed(self):
		return self.ok and self.result in ("AcknowledgedAndCompleted", None)

	@property
	def time_ns(self):
		"""messageTimestamp as nanoseconds since the epoch."""
		moment = datetime.datetime.fromisoformat(self.timestamp.replace("Z", "+00:00"))
		whole = int(moment.replace(microsecond=0).timestamp())
		return whole * 1_000_000_000 + moment.microsecond * 1000

	def __str__(self):
		if self.top_level:
			return "top-level error"
		if self.kind == "ErrorResponse":
			return f"ErrorResponse {self.error:d} {self.description}"
		return f"{self.kind} {self.result or ''}"


def read_answers(body):
	"""All answers of a response document, by transaction id; a top-level error under None."""
	root = ElementTree.fromstring(body)
	if root.tag == f"{{{X1}}}X1TopLevelErrorResponse":
		return {None: Answer(root, True)}
	if root.tag != f"{{{X1}}}X1Response":
		raise ValueError(f"the answer's root is {root.tag}")
	answers = [Answer(e) for e in root.findall(f"{{{X1}}}x1ResponseMessage")]
	return {a.transaction: a for a in answers}


class Xsd:
	"""Validates documents with xmllint against a schema file."""

	def __init__(self, schema):
		self.schema = schema

	@staticmethod
	def find(folder=None):
		"""The official schema's driver in `folder`, in $POI_XSD, or beside the project; None without."""
		here = os.path.dirname(os.path.realpath(__file__))
		beside = os.path.join(here, "..", "..", "..", "..", "shared", "etsi-schemas")
		for candidate in (folder, os.environ.get("POI_XSD"), beside):
			if candidate:
				path = os.path.join(candidate, "x1-validate.xsd") if os.path.isdir(candidate) else candidate
				if os.path.exists(path):
					return Xsd(os.path.abspath(path))
		return None

	def check(self, text):
		"""None when valid, else xmllint's words."""
		with tempfile.NamedTemporaryFile("wb", suffix=".xml") as f:
			f.write(text if isinstance(text, bytes) else text.encode())
			f.flush()
			done = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", self.schema, f.name],
				capture_output=True, text=True)
		return None if done.returncode == 0 else done.stderr.replace(f.name, "answer").strip()
