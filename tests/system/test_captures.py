"""Real captures: for every address, prefix, port and TEID in a file, what the MDF got is what Wireshark's dissector
selects, octet by octet. All tasks of a file are in force at once."""
import collections
import hashlib
import ipaddress
import subprocess
import unittest
import uuid
import xml.etree.ElementTree as ElementTree

import fixture
from poi_lab import pdu, x1
from test_profiles import FedPoi

ENDS = {"icmp", "icmpv6", "esp", "data", "ah"}  # what is quoted or hidden behind these is no layer of the frame
PREFERENCES = ("ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE")


def tshark_layers(path):
	"""For each frame [{family, source, destination, at, length, protocol, ports, carrier, teid, fragment}, ...],
	outermost first, from the dissector's fields and positions."""
	done = subprocess.run(["tshark", "-r", path, "-n", "-T", "pdml", *(a for p in PREFERENCES for a in ("-o", p))],
		capture_output=True, check=True)
	return [list(_layers(packet)) for packet in ElementTree.fromstring(done.stdout).iter("packet")]


def _layers(packet):
	current = None
	for proto in packet.iter("proto"):
		name = proto.get("name")
		def field(n, proto=proto):
			found = proto.find(f".//field[@name='{n}']")
			return None if found is None else found.get("show")
		if name in ("ip", "ipv6"):
			if current:
				yield current
			four = name == "ip"
			current = {"family": 4 if four else 6, "source": field(name + ".src"), "destination": field(name + ".dst"),
				"at": int(proto.get("pos")), "length": int(field("ip.len")) if four else 40 + int(field("ipv6.plen")),
				"ports": None, "protocol": None, "carrier": False, "teid": None, "fragment": None}
			if four and (field("ip.flags.mf") in ("1", "True") or int(field("ip.frag_offset"))):
				current["fragment"] = field("ip.id")
			if field("ipv6.fraghdr.ident"):
				current["fragment"] = field("ipv6.fraghdr.ident")
		elif name == "ipv6.fraghdr" and current:
			current["fragment"] = field("ipv6.fraghdr.ident")
		elif name in ("udp", "tcp") and current and not current["ports"]:
			current["protocol"] = name
			current["ports"] = (int(field(name + ".srcport")), int(field(name + ".dstport")))
		elif name == "gtp" and current and field("gtp.message") in ("0xff", "255"):
			current["carrier"], current["teid"] = True, int(field("gtp.teid"), 0)
		elif name == "vxlan" and current:
			current["carrier"] = True
		elif name in ENDS:
			break
	if current:
		yield current


def follow(frames):
	"""Later fragments take the ports of their first, wherever that is in the file."""
	def key(layer):
		return layer["source"], layer["destination"], layer["fragment"]
	firsts = {key(l): (l["protocol"], l["ports"]) for layers in frames for l in layers if l["fragment"] and l["ports"]}
	for layers in frames:
		for l in layers:
			if l["fragment"] and not l["ports"] and key(l) in firsts:
				l["protocol"], l["ports"] = firsts[key(l)]


def packet_of(frame, layer):
	return frame[layer["at"]:layer["at"] + layer["length"]]


def has_address(test):
	"""The first layer with such an end."""
	return lambda layers: next((l for l in layers if test(l["source"]) or test(l["destination"])), None)


def has_port(protocol, port):
	return lambda layers: next((l for l in layers if l["protocol"] == protocol and not l["carrier"] and port in l["ports"]), None)


def has_teid(teid, destination):
	return lambda layers: next((layers[n + 1] for n, l in enumerate(layers[:-1]) if l["teid"] == teid and
		l["destination"] == destination), None)


def tasks_of(frames, ports=True, least=1):
	"""[(name, targets, which layer of a frame is selected)] for everything that occurs."""
	layers = [l for frame in frames for l in frame]
	addresses = sorted({a for l in layers for a in (l["source"], l["destination"])})
	for a in addresses:
		four = ":" not in a
		yield a, [(x1.target_ipv4 if four else x1.target_ipv6)(a)], has_address(lambda x, a=a: x == a)
		network = ipaddress.ip_network(f"{a}/{24 if four else 64}", strict=False)
		yield str(network), [x1.target_cidr(str(network))], has_address(lambda x, n=network: ipaddress.ip_address(x) in n)
	for protocol, port in sorted({(l["protocol"], p) for l in layers if ports and l["ports"] for p in l["ports"]}):
		yield f"{protocol} {port}", [x1.target_port(protocol, str(port))], has_port(protocol, port)
	for teid, end in sorted({(l["teid"], l["destination"]) for l in layers if l["teid"] is not None}):
		yield f"TEID {teid:#x}", [x1.target_teid(teid)], has_teid(teid, end)


class Captures(unittest.TestCase):
	maxDiff = None

	def replay(self, name, port, wanted, ports=True):
		"""`wanted`: kinds of task that must occur, so that no case passes by finding nothing."""
		path = fixture.reference(name)
		if not path:
			self.skipTest("no reference data")
		frames, layers = fixture.frames_of(path), tshark_layers(path)
		self.assertEqual(len(frames), len(layers))
		follow(layers)
		tasks = {}
		for label, targets, select in tasks_of(layers, ports):
			tasks.setdefault(label, (x1.new_id(), targets, select))
		fed = FedPoi({"mode": "probe", **port}, keep=True)
		self.addCleanup(fed.close)
		fed.activate({xid: targets for xid, targets, _ in tasks.values()})
		fed.send(frames)
		status = fed.settled()
		self.assertTrue(fed.mdf.wait_pdus(status["delivered"]), status)
		got = collections.defaultdict(collections.Counter)
		for p in fed.mdf.kept:
			got[str(uuid.UUID(bytes=p.xid))][hashlib.sha256(bytes(pdu.user_packet(p))).digest()] += 1
		kinds = collections.Counter()
		for label, (xid, _, select) in tasks.items():
			expected, numbers = collections.Counter(), collections.defaultdict(list)
			for n, (frame, stack) in enumerate(zip(frames, layers), 1):
				layer = select(stack)
				if layer:
					digest = hashlib.sha256(packet_of(frame, layer)).digest()
					expected[digest] += 1
					numbers[digest].append(n)
			kinds[label.split()[0] if " " in label else "network" if "/" in label else "address"] += bool(expected)
			with self.subTest(file=name, task=label):
				missing = sorted(n for d in expected - got[xid] for n in numbers[d])
				self.assertEqual(missing, [], "frames that did not arrive")
				self.assertEqual(sum((got[xid] - expected).values()), 0, "packets beyond those "
					f"of frames {sorted(n for found in numbers.values() for n in found)}")
		for kind in wanted:
			self.assertGreater(kinds[kind], 0, kind)
		self.assertTrue(fed.mdf.good, fed.mdf.summary())
		self.assertEqual(fed.close(), [0, 0])

	def test_rtmp(self):
		path = fixture.reference("rtmp.pcap")
		ends = sorted({l["destination"] for f in tshark_layers(path) for l in f if l["teid"] is not None}) if path else ()
		self.replay("rtmp.pcap", {"tunnel": "gtpu", "link": "n3", "gtp-endpoints": [e + "/32" for e in ends]},
			("address", "network", "tcp", "TEID"))

	def test_ipv6_in_gtp(self):
		path = fixture.reference("ipv6_in_gtp.pcap")
		ends = sorted({l["destination"] for f in tshark_layers(path) for l in f if l["teid"] is not None}) if path else ()
		self.replay("ipv6_in_gtp.pcap", {"tunnel": "gtpu", "link": "n3", "gtp-endpoints": [e + "/32" for e in ends]},
			("address", "network", "udp", "TEID"))

	def test_http_ipv6(self):
		self.replay("http_ipv6.pcap", {}, ("address", "network", "tcp", "udp"))

	def test_dns_fragmented(self):
		"""Address and prefix tasks never miss a fragment."""
		self.replay("dns_fragmented.pcap", {}, ("address", "network"), ports=False)

	def test_dns_fragmented_by_port(self):
		"""A later fragment follows its first."""
		self.replay("dns_fragmented.pcap", {}, ("address", "network", "udp", "tcp"))

	def test_6in4(self):
		self.replay("6in4tunnel.pcap", {"ipip": True}, ("address", "network", "tcp", "udp"))

	def test_vxlan(self):
		self.replay("vxlan.pcap", {"vxlan": True}, ("address", "network", "tcp", "udp"))
