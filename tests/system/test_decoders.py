"""The decoders of signalling against Wireshark's dissector: on real captures (and on what the lab's player makes)
both say the same of every message."""
import ipaddress
import json
import os
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import fixture
from poi_lab import n4, n4_scenarios

CAPTURES = os.path.join(fixture.TOP, "..", "shared", "pcaps")
PORTS = ("-d", "udp.port==1813,radius")
PFCP_FOLLOWED = {1, 2, 5, 6, 9, 10, 14, 15, *range(50, 58)}
GTPV2_FOLLOWED = {1, 2, *range(32, 38), *range(95, 103), 170, 171, 211, 212}
REQUESTS = {50, 52, 54, 56, 1, 5, 9, 14}


class Ie:
	"""One IE, or a message: the dissector's fields by name, and IEs inside by type."""

	def __init__(self, node, prefix):
		self.node, self.prefix, self.inner, self._leaves = node, prefix, [], {}
		self._collect(node, node)

	def _collect(self, node, top):
		for child in node:
			if child.tag != "field":
				continue
			if any(c.get("name") == self.prefix + ".ie_type" for c in child):
				self.inner.append(Ie(child, self.prefix))
				continue
			self._leaves.setdefault(child.get("name"), []).append(child)
			self._collect(child, top)

	def has(self, name):
		return name in self._leaves

	def show(self, name):
		return self._leaves[name][0].get("show")

	def number(self, name):
		return int(self.show(name), 0)

	def value(self, name):
		return self._leaves[name][0].get("value")

	@property
	def type(self):
		return self.number(self.prefix + ".ie_type")

	@property
	def instance(self):
		return self.number(self.prefix + ".instance")

	def all(self, *types):
		return [ie for ie in self.inner if ie.type in types]

	def first(self, *types):
		return next(iter(self.all(*types)), None)


def put(out, key, value):
	if value not in (None, ""):
		out[key] = value


def addresses(out, ie, v4, v6):
	for key, name in (("v4", v4), ("v6", v6)):
		if ie.has(name):
			out[key] = str(ipaddress.ip_address(ie.show(name)))


def pfcp_fteid(out, ie):
	if ie is None:
		return
	out["choose"] = ie.number("pfcp.f_teid_flags.ch")
	if out["choose"]:
		if ie.number("pfcp.f_teid_flags.ch_id"):
			out["choose_id"] = int(ie.show("pfcp.f_teid.choose_id"), 16)
		return
	out["teid"] = ie.number("pfcp.f_teid.teid")
	addresses(out, ie, "pfcp.f_teid.ipv4_addr", "pfcp.f_teid.ipv6_addr")


def pfcp_ue(ies):
	out = []
	for ie in ies:
		if ie.has("pfcp.ue_ip_addr_ipv4"):
			out.append(ie.show("pfcp.ue_ip_addr_ipv4") + "/32")
		elif ie.number("pfcp.ue_ip_address_flag.chv4"):
			out.append("choose4")
		length = 64
		if ie.has("pfcp.ue_ip_addr_ipv6_prefix"):
			length -= ie.number("pfcp.ue_ip_addr_ipv6_prefix")
		if ie.has("pfcp.ue_ip_addr_ipv6_prefix_length"):
			length = ie.number("pfcp.ue_ip_addr_ipv6_prefix_length") or length
		if ie.has("pfcp.ue_ip_addr_ipv6"):
			out.append(str(ipaddress.ip_network((ie.show("pfcp.ue_ip_addr_ipv6"), length), strict=False)))
		elif ie.number("pfcp.ue_ip_address_flag.chv6"):
			out.append("choose6")
	return out


def pfcp_sdf(ie):
	out = {}
	if ie.has("pfcp.flow_desc"):
		out["flow"] = ie.value("pfcp.flow_desc")
	if ie.has("pfcp.sdf_filter_id"):
		out["id"] = ie.number("pfcp.sdf_filter_id")
	return out


def one(ie, kind, name):
	found = ie.first(kind)
	return None if found is None else found.number(name)


def pfcp_pdr(ie):
	out = {"part": {1: 0, 9: 1, 8: 2, 256: 2}[ie.type], "id": one(ie, 56, "pfcp.pdr_id")}
	put(out, "precedence", one(ie, 29, "pfcp.precedence"))
	if ie.type in (8, 256):
		pfcp_fteid(out, ie.first(21))
		put(out, "ue", pfcp_ue(ie.all(93)) or None)
		return out
	put(out, "far", identifier(ie.first(108), "far"))
	if ie.all(109):
		out["qers"] = [identifier(q, "qer") for q in ie.all(109)]
	pdi = ie.first(2)
	if pdi is None:
		return out
	put(out, "source_interface", one(pdi, 20, "pfcp.source_interface"))
	put(out, "endpoint", one(pdi, 131, "pfcp.traffic_endpoint_id"))
	if pdi.all(124):
		out["qfis"] = sum({1 << q.number("pfcp.qfi_value") for q in pdi.all(124)})
	if pdi.first(22):
		out["ni"] = pdi.first(22).value("pfcp.network_instance")
	if pdi.all(23):
		out["sdf"] = [pfcp_sdf(s) for s in pdi.all(23)]
	pfcp_fteid(out, pdi.first(21))
	put(out, "ue", pfcp_ue(pdi.all(93)) or None)
	return out


def identifier(ie, kind):
	"""FAR and QER identifiers with their bit of predefined rules."""
	if ie is None:
		return None
	return ie.number(f"pfcp.{kind}_id") | (ie.number(f"pfcp.{kind}_id_flg") << 31)


def pfcp_far(ie):
	out = {"part": {3: 0, 10: 1}[ie.type], "id": identifier(ie.first(108), "far")}
	action = ie.first(44)
	if action is not None:
		octets = bytes.fromhex(action.node.get("value"))[4:6]
		out["action"] = int.from_bytes(octets, "little")
	parameters = ie.first(4, 11)
	if parameters is None:
		return out
	put(out, "destination_interface", one(parameters, 42, "pfcp.dst_interface"))
	if parameters.first(22):
		out["ni"] = parameters.first(22).value("pfcp.network_instance")
	header = parameters.first(84)
	if header is not None and header.has("pfcp.outer_hdr_creation.teid"):
		out["teid"] = header.number("pfcp.outer_hdr_creation.teid")
		addresses(out, header, "pfcp.outer_hdr_creation.ipv4", "pfcp.outer_hdr_creation.ipv6")
	put(out, "endpoint", one(parameters, 131, "pfcp.traffic_endpoint_id"))
	return out


def pfcp_endpoint(ie):
	out = {"part": {127: 0, 129: 1, 128: 2}[ie.type], "id": one(ie, 131, "pfcp.traffic_endpoint_id")}
	if ie.first(22):
		out["ni"] = ie.first(22).value("pfcp.network_instance")
	pfcp_fteid(out, ie.first(21))
	put(out, "ue", pfcp_ue(ie.all(93)) or None)
	return out


def pfcp_removed(m):
	out = []
	for ie in m.all(15, 16, 18, 130):
		out.append([ie.type, 0, {15: lambda: one(ie, 56, "pfcp.pdr_id"), 16: lambda: identifier(ie.first(108), "far"),
			18: lambda: identifier(ie.first(109), "qer"), 130: lambda: one(ie, 131, "pfcp.traffic_endpoint_id")}[ie.type]()])
	return out


def pfcp(node):
	m = Ie(node, "pfcp")
	out = {"reason": "ok", "type": m.number("pfcp.msg_type")}
	if out["type"] not in PFCP_FOLLOWED:
		return {"reason": "type"}
	if m.number("pfcp.s"):
		out["seid"] = m.number("pfcp.seid")
	out["sequence"] = m.number("pfcp.seqno")
	request = out["type"] in REQUESTS
	if not request:
		put(out, "cause", one(m, 19, "pfcp.cause"))
	stamp = m.first(96)
	if stamp is not None:
		out["recovery"] = int(stamp.value("pfcp.recovery_time_stamp"), 16)
	if m.first(60):
		out["node"] = next(m.first(60).value(n) for n in ("pfcp.node_id_ipv4", "pfcp.node_id_ipv6", "pfcp.node_id_fqdn")
			if m.first(60).has(n))
	f_seid = m.first(57)
	if f_seid is not None:
		out["f_seid"] = f_seid.number("pfcp.seid")
		found = {}
		addresses(found, f_seid, "pfcp.f_seid.ipv4", "pfcp.f_seid.ipv6")
		out.update({"f_seid_" + k: v for k, v in found.items()})
	user = m.first(141)
	if user is not None and request:
		for key, name in (("imsi", "e212.imsi"), ("imei", "pfcp.user_id.imei"), ("msisdn", "e164.msisdn")):
			if user.has(name):
				out[key] = user.show(name)
		if user.has("pfcp.user_id.nai"):
			out["nai"] = user.value("pfcp.user_id.nai")
	if request:
		put(out, "pdn_type", one(m, 113, "pfcp.pdn_type"))
		if m.first(159):
			out["dnn"] = m.first(159).value("pfcp.apn_dnn")
	out["pdrs"] = [pfcp_pdr(ie) for ie in m.all(*((1, 9) if request else (8, 256)))]
	out["fars"] = [pfcp_far(ie) for ie in (m.all(3, 10) if request else ())]
	out["endpoints"] = [pfcp_endpoint(ie) for ie in m.all(*((127, 129) if request else (128,)))]
	out["removed"] = pfcp_removed(m) if request else []
	return out


def gtpv2_end(ie):
	out = {"interface": ie.number("gtpv2.f_teid_interface_type"), "instance": ie.instance,
		"teid": ie.number("gtpv2.f_teid_gre_key")}
	addresses(out, ie, "gtpv2.f_teid_ipv4", "gtpv2.f_teid_ipv6")
	return out


def gtpv2(node):
	m = Ie(node, "gtpv2")
	out = {"reason": "ok", "type": m.number("gtpv2.message_type")}
	if out["type"] not in GTPV2_FOLLOWED:
		return {"reason": "type"}
	if m.has("gtpv2.teid"):
		out["teid"] = m.number("gtpv2.teid")
	out["sequence"] = m.number("gtpv2.seq")
	put(out, "cause", one(m, 2, "gtpv2.cause"))
	put(out, "recovery", one(m, 3, "gtpv2.rec"))
	for key, kind, name in (("imsi", 1, "e212.imsi"), ("imei", 75, "gtpv2.mei"), ("msisdn", 76, "e164.msisdn")):
		if m.first(kind):
			out[key] = m.first(kind).show(name)
	if m.first(71):
		out["apn"] = m.first(71).value("gtpv2.apn")
	put(out, "ebi", next((ie.number("gtpv2.ebi") for ie in m.all(73) if ie.instance == 0), None))
	out["ue"] = []
	paa = m.first(79)
	if paa is not None:
		if paa.has("gtpv2.pdn_addr_and_prefix.ipv4") and paa.show("gtpv2.pdn_addr_and_prefix.ipv4") != "0.0.0.0":
			out["ue"].append(paa.show("gtpv2.pdn_addr_and_prefix.ipv4") + "/32")
		if paa.has("gtpv2.pdn_addr_and_prefix.ipv6") and paa.show("gtpv2.pdn_addr_and_prefix.ipv6") != "::":
			length = paa.number("gtpv2.pdn_ipv6_len") or 64
			out["ue"].append(str(ipaddress.ip_network((paa.show("gtpv2.pdn_addr_and_prefix.ipv6"), length), strict=False)))
	# TEID 0 names no end: of a PGW that has none yet
	out["control"] = [end for end in map(gtpv2_end, m.all(87)) if end["teid"]]
	out["bearers"] = []
	for ie in m.all(93):
		bearer = {"removed": int(ie.instance == 1)}
		put(bearer, "ebi", one(ie, 73, "gtpv2.ebi"))
		put(bearer, "cause", one(ie, 2, "gtpv2.cause"))
		bearer["ends"] = [gtpv2_end(end) for end in ie.all(87)]
		out["bearers"].append(bearer)
	return out


def radius(node):
	def leaf(name):
		return next((f for f in node.iter("field") if f.get("name") in (name, "radius." + name)), None)
	out = {"reason": "ok", "code": int(leaf("code").get("show"), 0)}
	if out["code"] not in (4, 5):
		return {"reason": "type"}
	out["identifier"] = int(leaf("id").get("show"), 0)
	for key, name, what in (("status", "Acct_Status_Type", "show"), ("session", "Acct_Session_Id", "value"),
			("nas_identifier", "NAS_Identifier", "value"), ("nas4", "NAS_IP_Address", "show"), ("nas6", "NAS_IPv6_Address", "show"),
			("imsi", "e212.imsi", "show"), ("imei", "3GPP_IMEISV", "show"), ("nai", "User_Name", "value")):
		if leaf(name) is not None:
			out[key] = int(leaf(name).get("show")) if key == "status" else leaf(name).get(what)
	calling = leaf("Calling_Station_Id")
	if calling is not None and calling.get("show").removeprefix("+").isdigit() and len(calling.get("show")) <= 17:
		out["msisdn"] = calling.get("show").removeprefix("+")
	out["addresses"] = [f.get("show") + "/32" for f in node.iter("field") if f.get("name") == "radius.Framed-IP-Address"
		and not f.get("show").startswith("255.255.255.25")]
	return out


READERS = {"pfcp": ("pfcp", pfcp), "gtpv2": ("gtpv2c", gtpv2), "radius": ("radius", radius)}


def judged(path):
	"""[(frame, protocol, payload in hex, what the dissector says of each message)] of a capture."""
	done = subprocess.run(["tshark", "-r", path, "-n", *PORTS, "-Y", "(pfcp || gtpv2 || radius) && !icmp", "-T", "pdml"],
		capture_output=True, check=True)
	out = []
	for packet in ElementTree.fromstring(done.stdout).iter("packet"):
		protos = list(packet.iter("proto"))
		name = next(p.get("name") for p in protos if p.get("name") in READERS)
		payload = next(f for f in packet.iter("field") if f.get("name") == "udp.payload").get("show").replace(":", "")
		frame = next(f for f in packet.iter("field") if f.get("name") == "num").get("show")
		protocol, reader = READERS[name]
		out.append((int(frame), protocol, payload, [reader(p) for p in protos if p.get("name") == name]))
	return out


def decoded(datagrams):
	"""What our decoders say: datagrams [(protocol, hex)]."""
	done = subprocess.run([os.path.join(fixture.BUILD, "tests", "oracle", "dump_signalling")], text=True,
		input="".join("%s %s\n" % d for d in datagrams), capture_output=True, check=True)
	return [json.loads(line) for line in done.stdout.splitlines()]


class Comparison(unittest.TestCase):
	maxDiff = 4000

	def compare(self, path, least):
		"""Both agree on every message; at least `least` of them are followed. Returns them."""
		theirs = judged(path)
		ours = decoded([(protocol, payload) for _, protocol, payload, _ in theirs])
		self.assertEqual(len(ours), len(theirs))
		followed = 0
		for (frame, _, _, expected), got in zip(theirs, ours):
			for message in got:
				if message["reason"] != "ok":
					message.pop("limit", None)
			self.assertEqual(got, expected, f"frame {frame:d}")
			followed += sum(m["reason"] == "ok" for m in got)
		self.assertGreaterEqual(followed, least)
		return theirs


class Captures(Comparison):
	def capture(self, name, least):
		path = os.path.join(CAPTURES, name)
		if not os.path.exists(path):
			self.skipTest("no reference data")
		return self.compare(path, least)

	def test_5g_with_choose(self):
		messages = [m for _, _, _, found in self.capture("n4_5g_choose.pcapng", 20) for m in found]
		self.assertEqual(sum(m["type"] == 50 for m in messages), 1)
		self.assertTrue(any(p.get("choose_id") == 5 for m in messages for p in m["pdrs"]))

	def test_epc_with_gtpv2(self):
		self.capture("epc_s11_sxa_sxb.pcapng", 150)

	def test_gtpv2_s11(self):
		self.capture("gtpv2_s11.pcap", 4)

	def test_radius_accounting(self):
		self.capture("radius_acct.pcap", 6)


class Played(Comparison):
	"""What the lab's core network says, hazards and all."""

	def test_scenarios(self):
		with tempfile.TemporaryDirectory() as folder:
			path = os.path.join(folder, "all.pcap")
			played = [frame for name in n4_scenarios.SCENARIOS for frame in n4.play(name).frames]
			n4.write(played, path)
			theirs = self.compare(path, 350)
		self.assertEqual(sum(len(found) for *_, found in theirs), sum(len(f.messages) for f in played))
