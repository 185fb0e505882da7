"""Octets of PFCP, GTPv2-C and RADIUS messages from plain fields: what an SMF, a UPF, an MME or a NAS writes.

A message is a dictionary. PFCP: type, sequence, seid (absent: a node message), node, cause, recovery, f_seid (seid,
address, ...), user {imsi, imei, msisdn, nai}, dnn, pdn_type, create_pdr, update_pdr, created_pdr, create_far,
update_far, create_qer, create_endpoint, update_endpoint, created_endpoint, remove_pdr, remove_far, remove_qer,
remove_endpoint, flags {resti, psdbu}, retention, psrei, failed [(kind, id)], report. A rule is a dictionary too; see
the functions below. An F-TEID is ("choose", id or None) or (teid, address, ...)."""
import ipaddress
import struct

PFCP_PORT, GTPC_PORT, RADIUS_PORT = 8805, 2123, 1813


def packed(address):
	return ipaddress.ip_address(address).packed


def by_family(addresses):
	"""(IPv4 octets or b"", IPv6 octets or b"")"""
	found = {4: b"", 16: b""}
	for a in addresses:
		found[len(packed(a))] = packed(a)
	return found[4], found[16]


def tbcd(digits):
	digits += "F" * (len(digits) % 2)
	return bytes(int(digits[i + 1] + digits[i], 16) for i in range(0, len(digits), 2))


def labels(name):
	return b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))


def instance_octets(ni):
	"""A Network Instance: "text:internet" as text, else labels; octets as they are."""
	if isinstance(ni, bytes):
		return ni
	return ni[5:].encode() if ni.startswith("text:") else labels(ni)


# --- PFCP
def ie(kind, value):
	return struct.pack(">HH", kind, len(value)) + value


def fteid(value):
	if value[0] == "choose":
		families = 3 if len(value) < 3 else value[2]
		if value[1] is None:
			return ie(21, bytes([4 | families]))
		return ie(21, bytes([12 | families, value[1]]))
	four, six = by_family(value[1:])
	return ie(21, bytes([bool(four) | bool(six) << 1]) + struct.pack(">I", value[0]) + four + six)


def f_seid(seid, *addresses):
	four, six = by_family(addresses)
	return ie(57, bytes([bool(six) | bool(four) << 1]) + struct.pack(">Q", seid) + four + six)


def ue_address(value, destination=False):
	"""An address, a pair of both families, "choose4", or an IPv6 prefix with its length."""
	sd = 4 if destination else 0
	if value == "choose4":
		return ie(93, bytes([sd | 0x10]))
	parts = value if isinstance(value, tuple) else (value,)
	length = next((int(p.partition("/")[2]) for p in parts if "/" in p and ":" in p), None)
	four, six = by_family([p.partition("/")[0] for p in parts])
	flags = bool(six) | bool(four) << 1 | sd | (0x40 if length not in (None, 64) else 0)
	return ie(93, bytes([flags]) + four + six + (bytes([length]) if flags & 0x40 else b""))


def sdf(text):
	"""A flow description, or a number: the filter defined under it before; both: (number, text)."""
	if isinstance(text, int):
		return ie(23, bytes([0x10, 0]) + struct.pack(">I", text))
	number = None
	if isinstance(text, tuple):
		number, text = text
	octets = bytes([1 | (0x10 if number is not None else 0), 0]) + struct.pack(">H", len(text)) + text.encode()
	return ie(23, octets + (struct.pack(">I", number) if number is not None else b""))


def common_of_pdi(rule, destination):
	out = b""
	if rule.get("fteid"):
		out += fteid(rule["fteid"])
	if rule.get("ni") is not None:
		out += ie(22, instance_octets(rule["ni"]))
	for address in rule.get("ue", ()):
		out += ue_address(address, destination)
	return out


def pdr(kind, rule):
	"""id, precedence, source (0 access, 1 core, 3 CP function), fteid, ni, ue [...], sdf [...], qfi, endpoint, far,
	qers [...]; without source: no PDI."""
	out = ie(56, struct.pack(">H", rule["id"]))
	if "precedence" in rule:
		out += ie(29, struct.pack(">I", rule["precedence"]))
	if "source" in rule:
		pdi = ie(20, bytes([rule["source"]])) + common_of_pdi(rule, rule["source"] == 1)
		if "endpoint" in rule:
			pdi += ie(131, bytes([rule["endpoint"]]))
		pdi += b"".join(sdf(text) for text in rule.get("sdf", ()))
		if rule.get("qfi"):
			pdi += ie(124, bytes([rule["qfi"]]))
		out += ie(2, pdi)
		if rule["source"] == 0:
			out += ie(95, b"\x06\x01")
	if "far" in rule:
		out += ie(108, struct.pack(">I", rule["far"]))
	out += b"".join(ie(109, struct.pack(">I", q)) for q in rule.get("qers", ()))
	return ie(kind, out)


def created_pdr(rule, kind=8):
	out = ie(56, struct.pack(">H", rule["id"]))
	if rule.get("fteid"):
		out += fteid(rule["fteid"])
	return ie(kind, out + b"".join(ue_address(a) for a in rule.get("ue", ())))


ACTIONS = {"drop": 1, "forw": 2, "buff": 4, "nocp": 8, "dupl": 16}


def outer_header(value):
	four, six = by_family(value[1:])
	return ie(84, struct.pack(">HI", (0x0100 if four else 0) | (0x0200 if six else 0), value[0]) + four + six)


def far(kind, rule):
	"""id, action {"forw", ...}, destination, ni, outer (teid, address, ...), end_marker; long_action: two octets."""
	out = ie(108, struct.pack(">I", rule["id"]))
	if "action" in rule:
		bits = sum(ACTIONS[a] for a in rule["action"])
		out += ie(44, bytes([bits, 0]) if rule.get("long_action") else bytes([bits]))
	inner = b""
	if "destination" in rule:
		inner += ie(42, bytes([rule["destination"]]))
	if rule.get("ni") is not None:
		inner += ie(22, instance_octets(rule["ni"]))
	if rule.get("outer"):
		inner += outer_header(rule["outer"])
	if rule.get("end_marker"):
		inner += ie(49, b"\x02")
	if inner:
		out += ie(4 if kind == 3 else 11, inner)
	return ie(kind, out)


def endpoint(kind, rule):
	out = ie(131, bytes([rule["id"]])) + common_of_pdi(rule, False)
	return ie(kind, out)


def user_id(user):
	flags, out = 0, b""
	for bit, key in enumerate(("imsi", "imei", "msisdn", "nai")):
		if user.get(key):
			value = user[key].encode() if key == "nai" else tbcd(user[key])
			flags |= 1 << bit
			out += bytes([len(value)]) + value
	return ie(141, bytes([flags]) + out)


def node_id(text):
	try:
		return ie(60, bytes([0 if len(packed(text)) == 4 else 1]) + packed(text))
	except ValueError:
		return ie(60, b"\x02" + labels(text))


RULES = (("create_pdr", lambda r: pdr(1, r)), ("update_pdr", lambda r: pdr(9, r)), ("created_pdr", created_pdr),
	("updated_pdr", lambda r: created_pdr(r, 256)), ("create_far", lambda r: far(3, r)), ("update_far", lambda r: far(10, r)),
	("create_endpoint", lambda r: endpoint(127, r)), ("update_endpoint", lambda r: endpoint(129, r)),
	("created_endpoint", lambda r: endpoint(128, r)),
	("create_qer", lambda r: ie(7, ie(109, struct.pack(">I", r)) + ie(25, b"\0"))),
	("remove_pdr", lambda r: ie(15, ie(56, struct.pack(">H", r)))), ("remove_far", lambda r: ie(16, ie(108, struct.pack(">I", r)))),
	("remove_qer", lambda r: ie(18, ie(109, struct.pack(">I", r)))), ("remove_endpoint", lambda r: ie(130, ie(131, bytes([r])))))


def pfcp(m, follow_on=False):
	out = b""
	if "node" in m:
		out += node_id(m["node"])
	if "cause" in m:
		out += ie(19, bytes([m["cause"]]))
	if "f_seid" in m:
		out += f_seid(*m["f_seid"])
	if "recovery" in m:
		out += ie(96, struct.pack(">I", m["recovery"]))
	for key, write in RULES:
		out += b"".join(write(rule) for rule in m.get(key, ()))
	if "pdn_type" in m:
		out += ie(113, bytes([m["pdn_type"]]))
	if m.get("user"):
		out += user_id(m["user"])
	if "dnn" in m:
		out += ie(159, labels(m["dnn"]))
	if "report" in m:
		out += ie(39, bytes([m["report"]])) + (ie(83, ie(56, struct.pack(">H", m["report_pdr"]))) if "report_pdr" in m else b"")
	if m.get("resti"):
		out += ie(186, b"\x01")
	if m.get("retention"):
		out += ie(183, b"")
	if m.get("psrei"):
		out += ie(184, b"\x01")
	if m.get("csids"):  # (node, number ...)
		node, *numbers = m["csids"]
		out += ie(65, bytes([len(numbers)]) + packed(node) + b"".join(struct.pack(">H", n) for n in numbers))
	if m.get("psdbu"):
		out += ie(161, b"\x01")
	for kind, number in m.get("failed", ()):
		out += ie(114, bytes([kind]) + struct.pack(">H" if kind == 0 else ">I", number))
	head = struct.pack(">I", m["sequence"] << 8)
	if "seid" in m:
		head = struct.pack(">Q", m["seid"]) + head
	flags = 0x20 | ("seid" in m) | (4 if follow_on else 0)
	return struct.pack(">BBH", flags, m["type"], len(head) + len(out)) + head + out


# --- GTPv2-C
def gie(kind, value, instance=0):
	return struct.pack(">BHB", kind, len(value), instance) + value


def gtpv2_fteid(interface, teid, *addresses, instance=0):
	four, six = by_family(addresses)
	return gie(87, bytes([(0x80 if four else 0) | (0x40 if six else 0) | interface]) + struct.pack(">I", teid) + four + six, instance)


def paa(value):
	parts = value if isinstance(value, tuple) else (value,)
	four, six = by_family([p.partition("/")[0] for p in parts])
	if four and six:
		return gie(79, b"\x03\x40" + six + four)
	return gie(79, b"\x02\x40" + six if six else b"\x01" + four)


def bearer(b):
	"""ebi, cause, ends [(interface, instance, teid, address)]; removed: instance 1."""
	out = gie(73, bytes([b["ebi"]])) if "ebi" in b else b""
	if "cause" in b:
		out += gie(2, bytes([b["cause"], 0]))
	for interface, instance, teid, *addresses in b.get("ends", ()):
		out += gtpv2_fteid(interface, teid, *addresses, instance=instance)
	return gie(93, out, 1 if b.get("removed") else 0)


def gtpv2(m, piggyback=False):
	"""type, sequence, teid, cause, recovery, user, apn, control [(interface, instance, teid, address)], ue, ebi, bearers."""
	out = b""
	for kind, key in ((1, "imsi"), (76, "msisdn"), (75, "imei")):
		if m.get("user", {}).get(key):
			out += gie(kind, tbcd(m["user"][key]))
	if "cause" in m:
		out += gie(2, bytes([m["cause"], 0]))
	if "recovery" in m:
		out += gie(3, bytes([m["recovery"]]))
	for interface, instance, teid, *addresses in m.get("control", ()):
		out += gtpv2_fteid(interface, teid, *addresses, instance=instance)
	if "apn" in m:
		out += gie(71, labels(m["apn"]))
	if "ue" in m:
		out += paa(m["ue"])
	if "ebi" in m:
		out += gie(73, bytes([m["ebi"]]))
	out += b"".join(bearer(b) for b in m.get("bearers", ()))
	head = struct.pack(">I", m["sequence"] << 8)
	if "teid" in m:
		head = struct.pack(">I", m["teid"]) + head
	flags = 0x40 | (8 if "teid" in m else 0) | (0x10 if piggyback else 0)
	return struct.pack(">BBH", flags, m["type"], len(head) + len(out)) + head + out


# --- RADIUS
def attribute(kind, value):
	return bytes([kind, 2 + len(value)]) + value


def radius(m):
	"""code, identifier, status, session, nas, name, ue [...], calling, user {imsi, imei}."""
	out = b""
	if "name" in m:
		out += attribute(1, m["name"].encode())
	if "nas" in m:
		out += attribute(4, packed(m["nas"]))
	for address in m.get("ue", ()):
		if ":" not in address:
			out += attribute(8, packed(address))
		else:
			base, _, length = address.partition("/")
			out += attribute(97, bytes([0, int(length or 64)]) + packed(base)[:8])
	if "calling" in m:
		out += attribute(31, m["calling"].encode())
	if "status" in m:
		out += attribute(40, struct.pack(">I", m["status"]))
	if "session" in m:
		out += attribute(44, m["session"].encode())
	for kind, key in ((1, "imsi"), (20, "imei")):
		if m.get("user", {}).get(key):
			value = m["user"][key].encode()
			out += attribute(26, struct.pack(">I", 10415) + attribute(kind, value))
	return struct.pack(">BBH", m["code"], m["identifier"], 20 + len(out)) + bytes(16) + out


WRITERS = {"pfcp": (PFCP_PORT, pfcp), "gtpv2c": (GTPC_PORT, gtpv2), "radius": (RADIUS_PORT, radius)}
