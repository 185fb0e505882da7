"""Reads the xIRI of a UPF (TS 33.128: PDHeaderReport, PDSummaryReport) strictly, with nothing of the product."""
import calendar
import re
import socket
import time

RELEASES = {bytes.fromhex("0413120f01"): "r18", bytes.fromhex("0413130301"): "r19"}
TRIGGERS = {1: "timer", 2: "packets", 3: "bytes", 4: "start", 5: "end"}


class Invalid(Exception):
	pass


def tlvs(octets):
	at, out = 0, []
	while at < len(octets):
		if at + 2 > len(octets):
			raise Invalid("cut header")
		tag, length, at = octets[at], octets[at + 1], at + 2
		if length >= 0x80:
			n = length & 0x7F
			length = int.from_bytes(octets[at:at + n], "big")
			if n == 0 or length < 0x80 or octets[at] == 0:
				raise Invalid("length form")
			at += n
		if at + length > len(octets):
			raise Invalid("cut value")
		out.append((tag, octets[at:at + length]))
		at += length
	return out


def one(octets, tag):
	got = tlvs(octets)
	if len(got) != 1 or got[0][0] != tag:
		raise Invalid(f"expected one value with tag {tag:02x}")
	return got[0][1]


def number(octets):
	value = int.from_bytes(octets, "big", signed=True)
	if value < 0 or (len(octets) > 1 and octets[0] == 0 and octets[1] < 0x80):
		raise Invalid("integer")
	return value


def address(octets):
	(tag, value), = tlvs(octets)
	if (tag, len(value)) not in ((0x81, 4), (0x82, 16)):
		raise Invalid("address")
	return socket.inet_ntop(socket.AF_INET if tag == 0x81 else socket.AF_INET6, value)


def moment(octets):
	"""Nanoseconds since the epoch."""
	match = re.fullmatch(r"(\d{14})(\.\d{0,8}[1-9])?Z", octets.decode())
	if not match:
		raise Invalid("time")
	seconds = calendar.timegm(time.strptime(match[1], "%Y%m%d%H%M%S"))
	return seconds * 1000000000 + (int(match[2][1:].ljust(9, "0")) if match[2] else 0)


FIELDS = {0x81: ("session_id", number), 0xA2: ("source", address), 0x83: ("sport", number), 0xA4: ("destination", address),
	0x85: ("dport", number), 0x86: ("protocol", number), 0x87: ("flow_label", number), 0x88: ("direction", number)}
PACKET = {**FIELDS, 0x89: ("size", number)}
SUMMARY = {**FIELDS, 0x89: ("trigger", lambda v: TRIGGERS[number(v)]), 0x8A: ("first", moment), 0x8B: ("last", moment),
	0x8C: ("packets", number), 0x8D: ("bytes", number), 0x8E: ("session", lambda v: {b"\0": False, b"\xff": True}[v])}


def decode(octets):
	"""Its fields; `kind` is pdhr or pdsr."""
	parts = tlvs(one(octets, 0x30))
	if [t for t, _ in parts] != [0x81, 0xA2] or parts[0][1] not in RELEASES:
		raise Invalid("payload or release")
	(tag, record), = tlvs(parts[1][1])
	known = {0xAE: PACKET, 0xAF: SUMMARY}[tag]
	got = tlvs(record)
	tags = [t & 0x1F for t, _ in got]
	if tags != sorted(set(tags)):
		raise Invalid("order of fields")
	out = {known[t][0]: known[t][1](v) for t, v in got}
	missing = {name for name, _ in known.values()} - set(out) - {"sport", "dport", "flow_label"}
	if missing or out["session_id"] != 255 or ("flow_label" in out) != (":" in out["source"]):
		raise Invalid(f"fields: {out}")
	return {**out, "kind": "pdhr" if tag == 0xAE else "pdsr", "release": RELEASES[parts[0][1]]}
