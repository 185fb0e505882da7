"""Header reports (TS 33.128 clause 6.2.3.5) out of the real dataplane, tasked over its channel."""
import collections
import os
import shutil
import socket
import struct
import tempfile
import time
import unittest

import fixture
from feed import Feed
from fixture import udp_frame, wait_until
from poi_lab import controller, xiri
from poi_lab.controller import PDHR, PDSR, X2, X3

TARGET, PEER = "192.0.2.10", "198.51.100.1"
MATCHED = controller.attribute_17(f"<ipv4Address>{TARGET}</ipv4Address>")


def tcp_frame(source, destination, ports, flags, payload=b""):
	frame = bytearray(udp_frame(source, destination, bytes(12) + payload, ports))
	frame[23] = 6
	frame[34 + 12:34 + 14] = bytes([0x50, flags])
	return bytes(frame)


def ipv6_frame(source, destination, payload, ports=(4000, 5000), label=0xABCDE):
	udp = struct.pack(">HHHH", *ports, 8 + len(payload), 0) + payload
	return (b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x86\xdd" + struct.pack(">IHBB", 6 << 28 | 0x55 << 20 | label, len(udp), 17, 64) +
		socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination) + udp)


def fragments(source, destination):
	"""The first two fragments of one UDP datagram."""
	whole = udp_frame(source, destination, bytes(range(200)))
	ip = whole[14:34]
	def part(offset, octets, more):
		head = ip[:2] + struct.pack(">HHHBBH", 20 + len(octets), 77, (0x2000 if more else 0) | offset // 8, 64, 17, 0) + ip[12:]
		return whole[:14] + head + octets
	return [part(0, whole[34:34 + 104], True), part(104, whole[34 + 104:], False)]


class HeaderReports(unittest.TestCase):
	delivery = "flow-idle: 2"

	def setUp(self):
		folder = tempfile.mkdtemp(prefix="poi-feed-")
		self.addCleanup(shutil.rmtree, folder, True)
		self.feed = Feed(os.path.join(folder, "in"))
		self.poi = fixture.Poi(eal="--vdev net_pcap0,rx_pcap=" + self.feed.path,
			ports=("{ device: net_pcap0, mode: probe }",), delivery_extra=self.delivery)
		self.addCleanup(self.poi.close)
		self.addCleanup(self.feed.close)
		self.poi.start_dataplane()
		self.pcap = self.poi.path("x2.pcap")
		self.mdf = self.poi.mdf(keep=True, pdus=self.pcap)
		self.addCleanup(self.mdf.stop)
		self.control = self.connect()
		self.did = self.control.destination(self.mdf.address, self.mdf.port)

	def connect(self, **more):
		control = controller.Controller(self.poi.path("run/dataplane.sock"), **more)
		self.addCleanup(control.close)
		return control

	def send(self, frames):
		self.feed.send(frames)
		self.poi.received(self.feed.total)

	def reports(self, n=None, timeout=10):
		if n is not None:
			self.assertTrue(self.mdf.wait_pdus(n, timeout), self.mdf.summary())
		self.mdf.wait_quiet(0.3)
		self.assertTrue(self.mdf.good, self.mdf.summary())
		got = [(p, xiri.decode(bytes(p.payload))) for p in self.mdf.kept if p.type == 1]
		for p, _ in got:
			self.assertEqual((p.format, p.first(17)), (2, b"<ipv4Address>192.0.2.10</ipv4Address>"))
			self.assertLessEqual(p.header_length, 320)
		if n is not None:
			self.assertEqual(len(got), n, [x for _, x in got])
		return got

	def summaries(self, n, timeout=10):
		return [x for _, x in self.reports(n, timeout)]

	def told(self, n, timeout=10):
		return [(x["trigger"], x["packets"]) for x in self.summaries(n, timeout)]


class Packets(HeaderReports):
	def test_each_matching_packet(self):
		self.control.task(controller.ipv4_filter(TARGET), [self.did], MATCHED, correlation=77)
		frames = [udp_frame(TARGET, PEER, bytes(10 + i)) for i in range(20)]
		frames += [udp_frame(PEER, TARGET, bytes(5), (5000, 4000)), udp_frame("192.0.2.11", PEER, b"other")]
		self.send(frames + fragments(TARGET, PEER))
		got = self.reports(23)
		for i, (p, x) in enumerate(got[:20]):
			self.assertEqual((x["source"], x["destination"], x["sport"], x["dport"], x["protocol"], x["direction"], x["size"]),
				(TARGET, PEER, 4000, 5000, 17, 1, 38 + i))
			self.assertEqual((p.direction, p.correlation, p.sequence), (3, 77, i))
		self.assertEqual((got[20][1]["direction"], got[20][0].direction), (2, 2))
		first, later = got[21][1], got[22][1]
		self.assertEqual((first["sport"], first["size"]), (4000, 124))
		self.assertNotIn("sport", later)
		self.assertNotIn("dport", later)
		self.poi.balanced()

	def test_ipv6(self):
		self.control.task(controller.ipv6_filter("2001:db8::1"), [self.did], MATCHED)
		self.send([ipv6_frame("2001:db8::1", "2001:db8::2", bytes(40))])
		(_, x), = self.reports(1)
		self.assertEqual((x["source"], x["flow_label"], x["size"], x["protocol"]), ("2001:db8::1", 0xABCDE, 48, 17))

	def test_both_kinds(self):
		self.control.task(controller.ipv4_filter(TARGET), [self.did], MATCHED, X2 | X3)
		self.send([udp_frame(TARGET, PEER, b"%d" % i) for i in range(50)])
		self.assertTrue(self.mdf.wait_pdus(100), self.mdf.summary())
		self.assertEqual(collections.Counter(p.type for p in self.mdf.kept), {1: 50, 2: 50})
		self.assertTrue(self.mdf.good, self.mdf.summary())
		self.poi.balanced()

	def test_needs_a_report_and_its_target(self):
		for more in ({"matched": b""}, {"report": 0}, {"report": PDSR}, {"report": 3}, {"matched": b"\0\x12\0\1a"}):
			with self.assertRaises(controller.Refused, msg=more):
				self.control.task(controller.ipv4_filter(TARGET), [self.did], **{"matched": MATCHED, "report": PDHR, **more})


class Summaries(HeaderReports):
	def task(self, *triggers, **more):
		return self.control.task(controller.ipv4_filter(TARGET), [self.did], MATCHED, report=PDSR, triggers=triggers, **more)

	def test_flow_from_start_to_idle_end(self):
		self.task(0, 10, 0, 0)
		self.send([udp_frame(TARGET, PEER, bytes(100)) for _ in range(25)])
		got = self.summaries(4)
		self.assertEqual([(x["trigger"], x["packets"], x["bytes"]) for x in got],
			[("start", 1, 128), ("packets", 10, 1280), ("packets", 10, 1280), ("end", 4, 512)])
		self.assertEqual({x["session"] for x in got}, {False})
		self.assertTrue(all(x["first"] <= x["last"] for x in got))
		self.poi.balanced()

	def test_deactivation_reports_before_its_ok(self):
		xid = self.task(60, 0, 0, 0)
		self.send([udp_frame(TARGET, PEER, bytes(100), (port, 53)) for port in range(1, 41) for _ in range(3)])
		self.reports(40)
		self.control.remove_task(xid)
		after = time.time_ns()
		got = self.reports(80)[40:]
		self.assertEqual({x["trigger"] for _, x in got}, {"end"})
		self.assertEqual({(x["packets"], x["bytes"]) for _, x in got}, {(2, 256)})
		self.assertTrue(all(p.time_ns <= after for p, _ in got))
		self.assertEqual([p.sequence for p, _ in got], list(range(40, 80)))
		self.poi.balanced()

	def test_fail_safe_reports(self):
		self.task(60, 0, 0, 0)
		self.send([udp_frame(TARGET, PEER, bytes(100)) for _ in range(3)])
		self.control.close()
		self.connect(fail_safe_ms=300)
		self.assertEqual(self.told(2), [("start", 1), ("end", 2)])

	def test_stopping_the_process_reports(self):
		self.task(60, 0, 0, 0)
		self.send([udp_frame(TARGET, PEER, bytes(100)) for _ in range(3)])
		self.assertEqual(self.told(1), [("start", 1)])
		self.feed.close()
		self.assertEqual(self.poi.dataplane.stop(), 0)
		self.assertEqual(self.told(2), [("start", 1), ("end", 2)])

	def test_timer_and_session(self):
		self.task(1, 0, 0, 1)
		self.send([udp_frame(TARGET, PEER, bytes(100), (port, 53)) for port in (1, 2) for _ in range(3)])
		got = self.summaries(4)
		self.assertEqual(sorted((x["trigger"], x["sport"], x["packets"], x["session"]) for x in got[2:4]),
			[("timer", 1, 2, True), ("timer", 2, 2, True)])

	def test_modification_goes_on_with_the_flow(self):
		xid = self.task(0, 100, 0, 0)
		self.send([udp_frame(TARGET, PEER, bytes(10)) for _ in range(5)])
		self.task(0, 6, 0, 0, xid=xid)
		self.send([udp_frame(TARGET, PEER, bytes(10)) for _ in range(2)])
		self.assertEqual(self.told(2), [("start", 1), ("packets", 6)])

	def test_connection_closed_by_both_sides(self):
		self.task(0, 1000, 0, 0)
		ports, back = (40000, 443), (443, 40000)
		self.send([tcp_frame(TARGET, PEER, ports, 2), tcp_frame(PEER, TARGET, back, 0x12), tcp_frame(TARGET, PEER, ports, 0x10),
			tcp_frame(TARGET, PEER, ports, 0x11), tcp_frame(PEER, TARGET, back, 0x11), tcp_frame(TARGET, PEER, ports, 0x10)])
		start = time.monotonic()
		got = self.summaries(4, 1.8)
		self.assertLess(time.monotonic() - start, 1.9, "not by being idle")
		self.assertEqual(sorted((x["direction"], x["packets"]) for x in got if x["trigger"] == "end"), [(1, 3), (2, 1)])

	def test_sums_are_exact_under_load(self):
		xid = self.task(1, 7, 3000, 0)
		sent = collections.Counter()
		frames = []
		for i in range(20000):
			port, size = 1 + i * 7919 % 300, i % 400
			frames.append(udp_frame(TARGET, PEER, bytes(size), (port, 53)))
			sent[port, "packets"] += 1
			sent[port, "bytes"] += 28 + size
		self.send(frames)
		self.control.remove_task(xid)
		wait_until(lambda: sum(xiri.decode(bytes(p.payload))["packets"] for p in list(self.mdf.kept)) >= len(frames), 10,
			"every packet is in a report")
		got = collections.Counter()
		for _, x in self.reports():
			got[x["sport"], "packets"] += x["packets"]
			got[x["sport"], "bytes"] += x["bytes"]
		self.assertEqual(got, sent)
		points = {p.first(7) for p in self.mdf.kept}
		self.assertEqual(len(points), 1)
		self.assertIn(b"point-1.a.", points.pop())
		self.poi.balanced()


class Release(HeaderReports):
	delivery = "xiri-release: r19"

	def test_is_told(self):
		self.control.task(controller.ipv4_filter(TARGET), [self.did], MATCHED)
		self.send([udp_frame(TARGET, PEER, b"x")])
		self.assertEqual(self.reports(1)[0][1]["release"], "r19")


@unittest.skipUnless(shutil.which("tshark"), "tshark is not here")
class Oracle(HeaderReports):
	def test_every_kind_is_read_by_tshark(self):
		self.control.task(controller.ipv4_filter(TARGET), [self.did], MATCHED)
		self.control.task(controller.ipv6_filter("2001:db8::1"), [self.did], MATCHED, report=PDSR, triggers=(60, 2, 0, 0))
		self.send([udp_frame(TARGET, PEER, bytes(11)), *fragments(TARGET, PEER)])
		self.send([ipv6_frame("2001:db8::1", "2001:db8::2", bytes(40)) for _ in range(3)])
		self.reports(6)
		self.mdf.flush()
		fields = ("li5g.type", "li5g.pf", "lix2.event", "lix2.sourcePort", "lix2.packetSize", "lix2.pDSRSummaryTrigger",
			"lix2.packetCount", "lix2.byteCount", "lix2.iPv6flowLabel", "lix2.direction", "_ws.expert.message")
		lines = fixture.tshark(self.pcap, "-o", 'uat:user_dlts:"User 0 (DLT=147)","li5g","0","","0",""', "-T", "fields",
			*(a for f in fields for a in ("-e", f)))
		rows = sorted(tuple(line.split("\t")) for line in lines)
		self.assertEqual(len(rows), 6, rows)
		# Its module is older than useSessionTrigger, which newer releases make mandatory: nothing else is strange to it.
		for r in rows:
			self.assertTrue(not r[10] or (r[5] and "beyond the end of the known sequence" in r[10]), r)
		packets = sorted((r[3], r[4], r[9]) for r in rows if r[4])
		self.assertEqual(packets, [("", "124", "1"), ("4000", "124", "1"), ("4000", "39", "1")], rows)
		summaries = sorted((r[5], r[6], r[7], r[8], r[9]) for r in rows if r[5])
		self.assertEqual(summaries, [("2", "2", "96", "703710", "1"), ("4", "1", "48", "703710", "1"),
			("5", "0", "0", "703710", "1")], rows)
