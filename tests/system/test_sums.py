"""Summaries against somebody else's sums: what tshark counts of a capture is what the reports of its flows add up to,
for each flow and direction; and every kind of record says to tshark what it says to us."""
import collections
import datetime
import glob
import ipaddress
import os
import random
import re
import shutil
import subprocess
import tempfile
import unittest
import uuid

import fixture
from fixture import frames_of, reference, udp_frame
from poi_lab import controller, pcap, xiri
from poi_lab.controller import PDHR, PDSR
from test_x2 import HeaderReports, PEER, TARGET, fragments, ipv6_frame, tcp_frame

PORTS = {"6": "tcp", "17": "udp", "33": "dccp", "132": "sctp"}
FIELDS = ("frame.protocols", "ip.src", "ip.dst", "ip.proto", "ip.len", "ip.frag_offset", "ipv6.src", "ipv6.dst", "ipv6.plen",
	"ipv6.nxt", "ipv6.fraghdr.offset", "ipv6.fraghdr.nxt", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport", "dccp.srcport", "dccp.dstport", "sctp.srcport", "sctp.dstport")


def counted(path):
	"""{(source, destination, protocol, ports or None): [packets, octets]} of the outermost IP layer, from tshark's fields;
	octets as the records count them: Total Length of IPv4, Payload Length of IPv6."""
	sums = collections.defaultdict(lambda: [0, 0])
	lines = fixture.tshark(path, "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE",
		"-T", "fields", "-E", "occurrence=f", *(a for f in FIELDS for a in ("-e", f)))
	for line in lines:
		f = dict(zip(FIELDS, line.split("\t")))
		layers = f["frame.protocols"].split(":")
		family = next((p for p in layers if p in ("ip", "ipv6")), None)
		if not family:
			continue
		if family == "ip":
			source, destination, protocol, octets, later = f["ip.src"], f["ip.dst"], f["ip.proto"], f["ip.len"], f["ip.frag_offset"]
		else:
			source, destination, protocol, octets, later = (f["ipv6.src"], f["ipv6.dst"], f["ipv6.nxt"], f["ipv6.plen"],
				f["ipv6.fraghdr.offset"])
			if protocol == "44":
				protocol = f["ipv6.fraghdr.nxt"]
			elif protocol in ("0", "43", "60"):
				protocol = {"tcp": "6", "udp": "17", "icmpv6": "58"}.get(next((p for p in layers if p in ("tcp", "udp", "icmpv6")), ""), "")
		kind = PORTS.get(protocol)
		ports = (int(f[kind + ".srcport"]), int(f[kind + ".dstport"])) if kind and not int(later or 0) and f[kind + ".srcport"] else None
		at = sums[source, destination, int(protocol or 0), ports]
		at[0] += 1
		at[1] += int(octets)
	return dict(sums)


def conversations(path, kind):
	"""{(source, destination, ports): [packets, octets of frames]} from tshark's conversation statistics."""
	done = subprocess.run(["tshark", "-r", path, "-n", "-q", "-z", "conv," + kind], capture_output=True, text=True, check=True)
	sums = {}
	units = {"bytes": 1, "kB": 1000, "MB": 1000000}
	for line in done.stdout.splitlines():
		m = re.match(r"(\S+):(\d+)\s+<->\s+(\S+):(\d+)\s+(\d+)\s+(\d+) (\w+)\s+(\d+)\s+(\d+) (\w+)\s", line)
		if not m:
			continue
		a, b, ports = m[1].strip("[]"), m[3].strip("[]"), (int(m[2]), int(m[4]))
		if units[m[7]] != 1 or units[m[10]] != 1:
			raise ValueError(f"tshark rounds: {line}")
		for key, packets, octets in (((b, a, ports[::-1]), m[5], m[6]), ((a, b, ports), m[8], m[9])):
			if int(packets):
				sums[key] = [int(packets), int(octets)]
	return sums


@unittest.skipUnless(shutil.which("tshark"), "tshark is not here")
class Sums(HeaderReports):
	delivery = "flow-idle: 30"

	def setUp(self):
		super().setUp()
		self.addresses = {}  # XID -> address

	def watch(self, address, *triggers):
		make = controller.ipv6_filter if ":" in address else controller.ipv4_filter
		tag = "ipv6Address" if ":" in address else "ipv4Address"
		xid = self.control.task(make(address), [self.did], controller.attribute_17(f"<{tag}>{address}</{tag}>"), report=PDSR,
			triggers=triggers)
		self.addresses[xid] = address

	def summed(self):
		"""Ends the tasks; {address: {flow: [packets, octets]}} of all their reports."""
		for xid in self.addresses:
			self.control.remove_task(xid)
		addresses, self.addresses = self.addresses, {}
		self.poi.balanced(20)
		self.mdf.wait_quiet(0.4)
		self.assertTrue(self.mdf.good, self.mdf.summary())
		sums = {a: collections.defaultdict(lambda: [0, 0]) for a in addresses.values()}
		directions = collections.defaultdict(set)
		for p in self.mdf.kept:
			x = xiri.decode(bytes(p.payload))
			address = addresses[uuid.UUID(bytes=bytes(p.xid))]
			flow = x["source"], x["destination"], x["protocol"], (x["sport"], x["dport"]) if "sport" in x else None
			sums[address][flow][0] += x["packets"]
			sums[address][flow][1] += x["bytes"]
			directions[address, flow].add((p.direction, x["direction"]))
		for (address, flow), seen in directions.items():
			expected = (4, 1) if flow[0] == flow[1] else (3, 1) if flow[0] == address else (2, 2)
			self.assertEqual(seen, {expected}, flow)
		return sums

	def check(self, frames, path, triggers):
		self.mdf.kept.clear()
		expected = counted(path)
		ends = sorted({a for flow in expected for a in flow[:2]})
		for address in ends:
			self.watch(address, *triggers)
		self.send(frames)
		sums = self.summed()
		for address in ends:
			self.assertEqual(dict(sums[address]), {flow: n for flow, n in expected.items() if address in flow[:2]}, address)
		return expected

	def test_reference_captures(self):
		if not reference("README.md"):
			self.skipTest("no reference data")
		flows = 0
		for path in sorted(glob.glob(os.path.join(os.path.dirname(reference("README.md")), "*.pcap*"))):
			try:
				frames = frames_of(path)
			except ValueError:
				continue  # not Ethernet
			with self.subTest(os.path.basename(path)):
				with tempfile.NamedTemporaryFile(suffix=".pcap") as plain:
					subprocess.run(["editcap", "-F", "nsecpcap", path, plain.name], check=True, capture_output=True)
					flows += len(self.check(frames, plain.name, (1, 5, 2000, 0)))
		self.assertGreater(flows, 50)

	def test_generated_traffic_and_conversation_statistics(self):
		r = random.Random(20)
		frames = []
		for _ in range(3000):
			port = r.randrange(1, 80)
			out, size = r.random() < 0.6, r.randrange(0, 200)
			ends, ports = ((TARGET, PEER), (port, 53)) if out else ((PEER, TARGET), (53, port))
			frames.append(udp_frame(*ends, bytes(18 + size), ports) if r.random() < 0.7 else
				tcp_frame(*ends, ports, 0x10, bytes(size)))
		path = self.poi.path("generated.pcap")
		out = pcap.Writer(path, pcap.LINK_ETHERNET)
		for i, frame in enumerate(frames):
			out.write(1700000000000000000 + i * 1000000, frame)
		out.close()
		self.watch(TARGET, 1, 7, 3000, 0)
		self.send(frames)
		got = self.summed()[TARGET]
		for kind, protocol in (("udp", 17), ("tcp", 6)):
			ours = {(s, d, ports): [n, octets + 14 * n] for (s, d, p, ports), (n, octets) in got.items() if p == protocol}
			self.assertEqual(ours, conversations(path, kind), kind)
			self.assertGreater(len(ours), 60)
		self.assertEqual(dict(got), counted(path))


@unittest.skipUnless(shutil.which("tshark"), "tshark is not here")
class EveryKind(HeaderReports):
	delivery = "flow-idle: 1"
	NAMES = {"sourceIPAddress": "source", "sourcePort": "sport", "destinationPort": "dport", "nextLayerProtocol": "protocol",
		"iPv6flowLabel": "flow_label", "direction": "direction", "packetSize": "size", "packetCount": "packets", "byteCount": "bytes",
		"pDUSessionID": "session_id"}

	def test_tshark_reads_what_we_meant(self):
		v6 = "2001:db8::1", "2001:db8::2"
		def icmp(frame, protocol):
			frame = bytearray(frame)
			frame[23 if frame[12:14] == b"\x08\0" else 20] = protocol
			return bytes(frame)
		four = [udp_frame(TARGET, PEER, bytes(11)), udp_frame(PEER, TARGET, bytes(9), (5000, 4000)),
			tcp_frame(TARGET, PEER, (40000, 443), 0x10, b"abc"), icmp(udp_frame(TARGET, PEER, bytes(20)), 1), *fragments(TARGET, PEER)]
		six = [ipv6_frame(*v6, bytes(40)), ipv6_frame(v6[1], v6[0], bytes(4), (5000, 4000), 0), icmp(ipv6_frame(*v6, bytes(8)), 58)]
		for triggers, report in (((0, 0, 0, 0), PDHR), ((1, 0, 0, 0), PDSR), ((0, 2, 0, 0), PDSR), ((0, 0, 100, 0), PDSR), ((0, 3, 0, 1), PDSR)):
			self.control.task(controller.ipv4_filter(TARGET), [self.did], MATCHED_4, report=report, triggers=triggers)
			self.control.task(controller.ipv6_filter(v6[0]), [self.did], MATCHED_6, report=report, triggers=triggers)
		for _ in range(3):
			self.send(four + six)
		fixture.wait_until(lambda: {x["trigger"] for x in map(self.read, list(self.mdf.kept)) if x["kind"] == "pdsr"} ==
			{"timer", "packets", "bytes", "start", "end"}, 10, "every trigger")
		self.mdf.wait_quiet(1.5)
		self.mdf.flush()
		fields = ["lix2." + n for n in (*self.NAMES, "pDSRSummaryTrigger", "firstPacketTimestamp", "lastPacketTimestamp", "event")]
		lines = fixture.tshark(self.pcap, "-o", 'uat:user_dlts:"User 0 (DLT=147)","li5g","0","","0",""', "-T", "fields", "-E",
			"occurrence=a", "-E", "aggregator=|", *(a for f in (*fields, "lix2.iPv4Address", "lix2.iPv6Address", "_ws.expert.message",
				"_ws.malformed") for a in ("-e", f)))
		self.assertEqual(len(lines), len(self.mdf.kept))
		kinds = collections.Counter()
		for line, p in zip(lines, self.mdf.kept):
			x = self.read(p)
			*values, trigger, first, last, _, a4, a6, expert, malformed = line.split("\t")
			for name, value in list(zip(self.NAMES, values))[1:]:
				self.assertEqual(value, str(x[self.NAMES[name]]) if self.NAMES[name] in x else "", (name, x))
			self.assertEqual((a4 or a6).split("|"), [ipaddress.ip_address(x[e]).packed.hex() for e in ("source", "destination")])
			# Its module is older than useSessionTrigger: nothing else is strange to it.
			known = "BER Error: This field lies beyond the end of the known sequence definition." if trigger else ""
			self.assertIn((expert, malformed), (("", ""), (known, "_ws.malformed")), x)
			if x["kind"] == "pdsr":
				self.assertEqual(xiri.TRIGGERS[int(trigger)], x["trigger"])
				for text, ns in ((first, x["first"]), (last, x["last"])):
					moment = datetime.datetime.fromtimestamp(ns // 10**9, datetime.timezone.utc)
					self.assertIn(moment.strftime("%Y %H:%M:%S") + f".{ns % 10**9:09d} UTC", text)
			kinds[x["kind"], x.get("trigger"), 4 if a4 else 6, x["protocol"], "sport" in x] += 1
		for family, protocol, ports in ((4, 17, True), (4, 17, False), (4, 6, True), (4, 1, False), (6, 17, True), (6, 58, False)):
			for kind, trigger in (("pdhr", None), *(("pdsr", t) for t in ("start", "end", "timer", "packets"))):
				self.assertIn((kind, trigger, family, protocol, ports), kinds)
		self.assertIn(("pdsr", "bytes", 4, 17, True), kinds)

	@staticmethod
	def read(p):
		return xiri.decode(bytes(p.payload))


MATCHED_4 = controller.attribute_17(f"<ipv4Address>{TARGET}</ipv4Address>")
MATCHED_6 = controller.attribute_17("<ipv6Address>2001:0db8:0000:0000:0000:0000:0000:0001</ipv6Address>")
