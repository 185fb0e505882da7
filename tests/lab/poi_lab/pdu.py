"""X2/X3 PDUs of TS 103 221-2: a strict decoder, independent of the product's own.

Every rule has a name, which is what a violation is reported under.
"""
import struct
import uuid
import xml.etree.ElementTree as ElementTree

X2, X3, KEEPALIVE, KEEPALIVE_ACK = 1, 2, 3, 4
TYPES = {X2: "X2", X3: "X3", KEEPALIVE: "keepalive", KEEPALIVE_ACK: "keepalive-ack"}
FORMATS = {0: "none", 1: "TS 102 232-1", 2: "TS 33.128", 3: "TS 33.108", 4: "proprietary", 5: "IPv4", 6: "IPv6",
	7: "Ethernet", 8: "RTP", 9: "SIP", 10: "DHCP", 11: "RADIUS", 12: "GTP-U", 13: "MSRP", 14: "EpsIRIContent",
	15: "MIME", 16: "unstructured", 17: "PS-PDU payload"}
X2_FORMATS = {1, 2, 3, 4, 5, 6, 9, 10, 11, 14, 15, 17}
X3_FORMATS = {1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 15, 16, 17}
DIRECTIONS = {0: "keepalive", 1: "unknown", 2: "to target", 3: "from target", 4: "both", 5: "not applicable"}

GTPU = 12  # payload format
RECORDS = 2  # likewise, of TS 33.128
NFID, IPID, SEQUENCE, TIMESTAMP, MATCHED, OTHER, AXRI = 6, 7, 8, 9, 17, 18, 21
ATTRIBUTES = {1: "TS 102 232-1 defined", 2: "TS 33.128 defined", 3: "TS 33.108 defined", 4: "proprietary",
	5: "domain ID", NFID: "NFID", IPID: "IPID", SEQUENCE: "sequence number", TIMESTAMP: "timestamp",
	10: "source IPv4", 11: "destination IPv4", 12: "source IPv6", 13: "destination IPv6", 14: "source port",
	15: "destination port", 16: "IP protocol", MATCHED: "matched target", OTHER: "other target",
	19: "MIME type", 20: "MIME transfer encoding", AXRI: "additional XID information", 22: "SDP"}
LENGTHS = {SEQUENCE: (4,), TIMESTAMP: (8,), 10: (4,), 11: (4,), 12: (16,), 13: (16,), 14: (2,), 15: (2,), 16: (1,),
	AXRI: (24, 28)}
REPEATABLE = {1, 2, 3, 4, MATCHED, OTHER, AXRI}
TEXT = {5, NFID, IPID, MATCHED, OTHER, 19, 20, 22}
HEADER = 40
NO_ID = bytes(16)

# first octets of a PDU, in one go
_FIXED = struct.Struct(">BBHIIHH16sQ")
_TLV = struct.Struct(">HH")


class Violation(Exception):
	"""A PDU breaks a rule: `rule` is its short name."""

	def __init__(self, rule, text):
		super().__init__(f"{rule}: {text}")
		self.rule = rule


class Pdu:
	__slots__ = ("major", "minor", "type", "header_length", "payload_length", "format", "direction", "xid",
		"correlation", "attributes", "payload", "octets", "sequence", "time_ns")

	def values(self, kind):
		return [v for k, v in self.attributes if k == kind]

	def first(self, kind):
		for k, v in self.attributes:
			if k == kind:
				return v
		return None

	@property
	def further(self):
		"""What attributes 21 name: (context, sequence number or None) of each further task."""
		return [((self.type, v[:16], *self.context[2:5], int.from_bytes(v[16:24], "big")),
			int.from_bytes(v[24:], "big") if len(v) == 28 else None) for v in self.values(AXRI)]

	@property
	def context(self):
		"""The sequence context: kind, XID, domain, NFID, IPID, correlation ID."""
		return (self.type, self.xid, self.first(5), self.first(NFID), self.first(IPID), self.correlation)


def size(octets, at=0, largest=1 << 24):
	"""Octets of the PDU at `at`, or None when its length fields are not there yet."""
	if len(octets) - at < 12:
		return None
	header, payload = struct.unpack_from(">II", octets, at + 4)
	if header < HEADER:
		raise Violation("header-length", f"{header:d}, less than 40")
	if header + payload > largest:
		raise Violation("size", f"{header + payload:d} octets, more than {largest:d}")
	return header + payload


def decode(octets, lengths=True):
	"""One whole PDU. Raises Violation on the first rule broken. Without `lengths` those inside the payload may lie: they
	are delivered as they came on the link."""
	p = Pdu()
	p.octets = octets
	if len(octets) < HEADER:
		raise Violation("truncated", f"{len(octets)} octets")
	(p.major, p.minor, p.type, p.header_length, p.payload_length, p.format, p.direction, p.xid,
		p.correlation) = _FIXED.unpack_from(octets)
	if p.header_length + p.payload_length != len(octets) or p.header_length < HEADER:
		raise Violation("length", f"header {p.header_length:d} and payload {p.payload_length:d} of {len(octets)} octets")
	if p.major != 0 or not 1 <= p.minor <= 6:
		raise Violation("version", f"{p.major:d}.{p.minor:d}")
	if p.type not in TYPES:
		raise Violation("type", str(p.type))
	p.attributes = _attributes(octets, p.header_length)
	p.payload = octets[p.header_length:]
	sequence = p.first(SEQUENCE)
	p.sequence = None if sequence is None else int.from_bytes(sequence, "big")
	time = p.first(TIMESTAMP)
	p.time_ns = None
	if time is not None:
		seconds, nanoseconds = struct.unpack(">II", time)
		if nanoseconds > 999_999_999:
			raise Violation("timestamp", f"{nanoseconds:d} nanoseconds")
		p.time_ns = seconds * 1_000_000_000 + nanoseconds
	if p.type in (KEEPALIVE, KEEPALIVE_ACK):
		_check_keepalive(p)
	else:
		_check_content(p, lengths)
	return p


def _attributes(octets, end):
	at, found, seen = HEADER, [], set()
	while at < end:
		if end - at < 4:
			raise Violation("attribute-overrun", f"{end - at:d} octets left")
		kind, length = _TLV.unpack_from(octets, at)
		at += 4
		if at + length > end:
			raise Violation("attribute-overrun", f"attribute {kind:d} of {length} octets")
		if not 1 <= kind <= 22:
			raise Violation("attribute-type", str(kind))
		if kind in LENGTHS and length not in LENGTHS[kind]:
			raise Violation("attribute-length", f"attribute {kind:d} of {length} octets")
		if kind in seen and kind not in REPEATABLE:
			raise Violation("attribute-repeated", str(kind))
		seen.add(kind)
		value = bytes(octets[at:at + length])
		if kind in TEXT:
			try:
				value.decode("utf-8")
			except UnicodeDecodeError:
				raise Violation("attribute-text", f"attribute {kind:d} is not UTF-8") from None
		found.append((kind, value))
		at += length
	return found


def _check_keepalive(p):
	if p.payload_length or p.format or p.direction or p.correlation or bytes(p.xid) != NO_ID:
		raise Violation("keepalive", "a field other than version, type, header length and sequence is not zero")
	if [k for k, _ in p.attributes] != [SEQUENCE]:
		raise Violation("keepalive", f"attributes {[k for k, _ in p.attributes]}, not exactly one sequence number")


def _check_content(p, lengths):
	allowed = X2_FORMATS if p.type == X2 else X3_FORMATS
	if p.format not in allowed:
		raise Violation("format", f"format {p.format:d} in an {TYPES[p.type]} PDU")
	if not 1 <= p.direction <= 5:
		raise Violation("direction", str(p.direction))
	if bytes(p.xid) == NO_ID:
		raise Violation("xid", "zero")
	kinds = {k for k, _ in p.attributes}
	need = [NFID, IPID, SEQUENCE, TIMESTAMP] + ([MATCHED] if p.type == X2 else [])
	for kind in need:
		if kind not in kinds:
			raise Violation("attribute-missing", f"{ATTRIBUTES[kind]} in an {TYPES[p.type]} PDU")
	for kind in (NFID, IPID):
		if not p.first(kind):
			raise Violation("attribute-length", f"{ATTRIBUTES[kind]} is empty")
	for value in p.values(AXRI):
		if value[:16] == NO_ID:
			raise Violation("xid", "zero in an additional XID")
	for value in p.values(MATCHED) + p.values(OTHER):
		_check_target(value.decode())
	_check_payload(p, lengths)


def _check_target(text):
	"""Attributes 17 and 18 hold the contents of one TargetIdentifier: exactly one element."""
	try:
		inside = list(ElementTree.fromstring(f"<x xmlns:c='urn:c' xmlns:x1='urn:x1'>{text}</x>"))
	except ElementTree.ParseError:
		raise Violation("matched-target", "not XML") from None
	if len(inside) != 1:
		raise Violation("matched-target", f"{len(inside)} elements")


def _check_payload(p, lengths=True):
	body = p.payload
	if not p.payload_length:
		raise Violation("payload", "empty")
	if p.format == 5:
		if body[0] >> 4 != 4 or len(body) < 20 or lengths and int.from_bytes(body[2:4], "big") != len(body):
			raise Violation("payload", "not exactly one IPv4 datagram")
	elif p.format == 6:
		if body[0] >> 4 != 6 or len(body) < 40 or lengths and int.from_bytes(body[4:6], "big") + 40 != len(body):
			raise Violation("payload", "not exactly one IPv6 datagram")
	elif p.format == 7:
		if len(body) < 14:
			raise Violation("payload", "shorter than an Ethernet header")
	elif p.format == 12:
		gtpu_inner(body, lengths)


def gtpu_inner(body, lengths=True):
	"""Offset of the user packet in a format 12 payload; the GTP-U header is checked on the way."""
	if len(body) < 8 or body[0] >> 5 != 1 or not body[0] & 0x10:
		raise Violation("payload", "no GTPv1 header at its start")
	if lengths and int.from_bytes(body[2:4], "big") + 8 != len(body):
		raise Violation("payload", f"GTP-U length {int.from_bytes(body[2:4], 'big')} of {len(body)} octets")
	if not body[0] & 7:
		return 8
	if len(body) < 12:
		raise Violation("payload", "GTP-U optional fields cut")
	at, following = 12, body[11] if body[0] & 4 else 0
	while following:
		if at >= len(body) or not body[at] or at + 4 * body[at] > len(body):
			raise Violation("payload", "GTP-U extension header")
		at += 4 * body[at]
		following = body[at - 1]
	return at


def user_packet(p):
	"""The IP packet a PDU carries, or None: formats 5 and 6, the inner packet of format 12."""
	if p.format in (5, 6):
		return p.payload
	if p.format == 12 and p.payload[1] == 255:
		inner = p.payload[gtpu_inner(p.payload, False):]  # judged before
		return inner if inner and inner[0] >> 4 in (4, 6) else None
	return None


def keepalive_ack(sequence, minor=5):
	return struct.pack(">BBHIIHH16sQHHI", 0, minor, KEEPALIVE_ACK, 48, 0, 0, 0, NO_ID, 0, SEQUENCE, 4, sequence)


class Continuity:
	"""Watches the sequence numbers of every context: from 0, one by one, modulo 2^32.

	After a cut connection a sender may send again what was in doubt: on a connection's first PDU of a
	context the number may lie behind (`resent`), from there on it is one by one again.
	"""

	def __init__(self, start_anywhere=False):
		self._next = {}  # context -> number expected next, over all connections
		self._anywhere = start_anywhere
		self.gaps = self.repeats = self.missing = self.resent = 0

	def see(self, context, sequence, local=None):
		"""(text saying what is wrong or None, whether this PDU is new). `local`: the connection's dict."""
		known = self._next.get(context, sequence if self._anywhere else 0)
		expected = known if local is None else local.get(context, known)
		following = (sequence + 1) & 0xFFFFFFFF
		if sequence == expected == known:
			self._next[context] = following
			if local is not None:
				local[context] = following
			return None, True
		return self._unusual(context, sequence, known, expected, local)

	def _unusual(self, context, sequence, known, expected, local):
		ahead = (sequence - known) & 0xFFFFFFFF
		following = (sequence + 1) & 0xFFFFFFFF
		first_here = local is not None and context not in local
		if local is not None:
			local[context] = following
		if ahead >= 0x80000000:  # a number that was there before
			if sequence == expected or first_here:
				self.resent += 1
				return None, False
			self.repeats += 1
			return f"number {sequence} again, expected {expected:d}", False
		self._next[context] = following
		if not ahead and sequence == expected:
			return None, True
		self.gaps += 1
		self.missing += ahead
		return f"gap of {(sequence - expected) & 0xFFFFFFFF} before {sequence}", True

	@property
	def contexts(self):
		return len(self._next)


def _show(kind, value):
	if kind in (SEQUENCE, 14, 15, 16):
		return str(int.from_bytes(value, "big"))
	if kind == TIMESTAMP:
		return time_text(int.from_bytes(value[:4], "big") * 1_000_000_000 + int.from_bytes(value[4:], "big"))
	if kind in (10, 11, 12, 13):
		import ipaddress
		return str(ipaddress.ip_address(value))
	if kind in TEXT:
		return value.decode()
	if kind == AXRI:
		return "XID %s, correlation ID %d%s" % (uuid.UUID(bytes=value[:16]), int.from_bytes(value[16:24], "big"),
			f", sequence number {int.from_bytes(value[24:], 'big')}" if len(value) == 28 else "")
	return value.hex()


def time_text(ns):
	import datetime
	seconds, fraction = divmod(ns, 1_000_000_000)
	moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
	return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{fraction:09d}Z"


def describe(p, payload_octets=48):
	"""A PDU for a person, several lines."""
	lines = [f"{TYPES[p.type]} PDU, version {p.major:d}.{p.minor:d}, {p.header_length:d} + {p.payload_length:d} octets"]
	if p.type in (X2, X3):
		lines += [f"  payload format   {p.format:d} ({FORMATS.get(p.format, '?')})",
			f"  direction        {p.direction:d} ({DIRECTIONS[p.direction]})",
			f"  XID              {uuid.UUID(bytes=bytes(p.xid))}",
			f"  correlation ID   {p.correlation:d}"]
	for kind, value in p.attributes:
		lines.append(f"  {ATTRIBUTES[kind]!s:<16} {_show(kind, value)}")
	if p.payload_length:
		lines.append("  payload          "
			f"{bytes(p.payload[:payload_octets]).hex(' ')}{' ...' if p.payload_length > payload_octets else ''}")
		packet = user_packet(p)
		if packet is not None:
			lines.append(f"  user packet      {packet_text(packet)}")
		if p.type == X2 and p.format == RECORDS:
			lines += record_lines(bytes(p.payload))
	return "\n".join(lines)


def record_lines(payload):
	"""The xIRI of a UPF, or the record of a network function."""
	import json

	from poi_lab import records, xiri
	try:
		release, name, value = records.decode(payload)
	except records.Invalid as not_of_a_function:
		try:
			value = xiri.decode(payload)
			release, name = value.pop("release"), value.pop("kind")
		except (xiri.Invalid, KeyError):
			return [f"  record           cannot be read: {not_of_a_function}"]
	return [f"  record           {name} ({release})", *("    " + line for line in json.dumps(value, indent=2).splitlines())]


def packet_text(packet):
	"""Five-tuple and size of an IP packet, in one line."""
	import ipaddress
	if packet[0] >> 4 == 4:
		protocol, head = packet[9], 4 * (packet[0] & 15)
		ends = [str(ipaddress.ip_address(bytes(packet[at:at + 4]))) for at in (12, 16)]
		later = int.from_bytes(packet[6:8], "big") & 0x1FFF
	else:
		protocol, head, later = packet[6], 40, 0
		ends = [f"[{ipaddress.ip_address(bytes(packet[at:at + 16]))}]" for at in (8, 24)]
	if protocol in (6, 17) and not later and len(packet) >= head + 4:
		ports = struct.unpack_from(">HH", packet, head)
		ends = ["%s:%d" % pair for pair in zip(ends, ports)]
	name = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6"}.get(protocol, f"protocol {protocol:d}")
	return f"{name} {ends[0]} -> {ends[1]}, {len(packet)} octets"


def command(arguments):
	from poi_lab import pcap
	with open(arguments.file, "rb") as f:
		start = f.read(4)
	if start in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4"):
		link, records = pcap.read(arguments.file)
		if link != pcap.LINK_USER0:
			print(f"{arguments.file}: link type {link:d}, PDUs have {pcap.LINK_USER0:d}")
			return 2
		units = [octets for _, octets in records]
	else:
		units = split(arguments.file)
	bad, continuity = 0, Continuity(start_anywhere=arguments.any_start)
	shown = 0
	for number, octets in enumerate(units, 1):
		try:
			p = decode(octets)
			wrong = continuity.see(p.context, p.sequence)[0] if p.type in (X2, X3) else None
		except Violation as v:
			p, wrong = None, str(v)
		if wrong:
			bad += 1
		if shown < arguments.count or wrong:
			shown += 1
			print(f"#{number} {describe(p) if p else ''}")
			if wrong:
				print(f"  WRONG: {wrong}")
	print(f"{len(units)} PDUs, {continuity.contexts:d} contexts, {bad} wrong")
	return 1 if bad else 0


def split(path):
	"""PDUs of a raw stream in a file; the rest that is no whole PDU comes last."""
	with open(path, "rb") as f:
		data = f.read()
	at, units = 0, []
	while at < len(data):
		try:
			n = size(data, at)
		except Violation:
			n = None
		if n is None or at + n > len(data):
			units.append(data[at:])
			break
		units.append(data[at:at + n])
		at += n
	return units


def options(parser):
	parser.add_argument("file", help="a pcap of link type 147 (mdf --pdus) or a raw stream of PDUs")
	parser.add_argument("-n", "--count", type=int, default=1 << 60, metavar="N", help="print the first N only (faults always)")
	parser.add_argument("--any-start", action="store_true", help="contexts need not start at 0 (a capture from the middle)")
	parser.set_defaults(run=command)
