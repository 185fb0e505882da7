"""What is delivered: exactly the target's packets, whole, in the right format, between the two OKs."""
import os
import struct
import time
import unittest
import uuid

import fixture
from fixture import frames_of, reference, tshark, udp_frame
from poi_lab import pcap, pdu, x1

ENDPOINT = "10.132.15.176"  # the GTP-U endpoint in rtmp.pcap that the TEIDs of uplink packets belong to


def need(name):
	path = reference(name)
	if not path:
		raise unittest.SkipTest("no reference data")
	return path


class Plain(fixture.TrafficCase):
	"""A port without tunnels."""

	def packets(self):
		return [bytes(p.payload) for p in self.mdf.kept]

	def frames(self, n=4):
		return [udp_frame("192.0.2.10", f"198.51.100.{i + 1}", b"out %d" % i) for i in range(n)] + \
			[udp_frame(f"198.51.100.{i + 1}", "192.0.2.10", b"in %d" % i, (5000, 4000)) for i in range(n)]

	def strangers(self):
		return [udp_frame("192.0.2.11", "198.51.100.1", b"stranger"), udp_frame("192.0.2.1", "192.0.2.0", b"neighbour")]

	def test_address(self):
		xid = self.activate(x1.target_ipv4("192.0.2.10"))
		mine = self.frames()
		self.send(self.strangers() + mine + self.strangers())
		self.assertTrue(self.mdf.wait_pdus(len(mine)), self.mdf.summary())
		self.mdf.wait_quiet()
		self.assertEqual(self.packets(), [f[14:] for f in mine])
		self.assertEqual([p.direction for p in self.mdf.kept], [3] * 4 + [2] * 4)
		for p in self.mdf.kept:
			self.assertEqual((p.type, p.format, p.minor, p.correlation), (pdu.X3, 5, 5, 0))
			self.assertEqual(uuid.UUID(bytes=p.xid), uuid.UUID(xid))
			self.assertEqual(p.first(pdu.NFID), b"nf.test.example")
			self.assertTrue(p.first(pdu.IPID).startswith(b"point-1"))
			self.assertLess(abs(p.time_ns - time.time_ns()), 20 * 10**9)
		self.assertTrue(self.mdf.good, self.mdf.summary())

	def test_product_id_names_the_pdus(self):
		product = x1.new_id()
		self.activate(x1.target_ipv4("192.0.2.10"), product=product)
		self.send(self.frames(1))
		self.assertTrue(self.mdf.wait_pdus(2))
		self.assertEqual({uuid.UUID(bytes=p.xid) for p in self.mdf.kept}, {uuid.UUID(product)})

	def test_everything_in_a_task_must_hold(self):
		self.activate(x1.target_ipv4("192.0.2.10"), x1.target_port("udp", "4000"))
		mine = [udp_frame("192.0.2.10", "198.51.100.1", b"a", (4000, 9)), udp_frame("198.51.100.1", "192.0.2.10", b"b", (9, 4000))]
		other = [udp_frame("192.0.2.10", "198.51.100.1", b"c", (9, 4000)),  # port at the other end
			udp_frame("192.0.2.10", "198.51.100.1", b"d", (9, 9)), udp_frame("192.0.2.11", "198.51.100.1", b"e", (4000, 9))]
		self.send(other + mine)
		self.assertTrue(self.mdf.wait_pdus(2))
		self.mdf.wait_quiet()
		self.assertEqual(self.packets(), [f[14:] for f in mine])

	def test_conversation(self):
		self.activate(x1.target_ipv4("192.0.2.10"), x1.target_ipv4("198.51.100.1"))
		mine = self.frames()
		self.send(mine)
		self.mdf.wait_pdus(2)
		self.mdf.wait_quiet()
		self.assertEqual(self.packets(), [mine[0][14:], mine[4][14:]])

	def test_prefix(self):
		self.activate(x1.target_cidr("198.51.100.0/30"))
		frames = [udp_frame("192.0.2.7", f"198.51.100.{i}", b"x") for i in range(8)]
		self.send(frames)
		self.mdf.wait_pdus(4)
		self.mdf.wait_quiet()
		self.assertEqual(self.packets(), [f[14:] for f in frames[:4]])

	def test_port_range(self):
		self.activate(x1.target_port("udp", "5000-5002"))
		frames = [udp_frame("192.0.2.7", "198.51.100.1", b"x", (9, 4998 + i)) for i in range(7)]
		self.send(frames)
		self.mdf.wait_pdus(3)
		self.mdf.wait_quiet()
		self.assertEqual(self.packets(), [f[14:] for f in frames[2:5]])

	def test_two_tasks_one_packet(self):
		one, two = self.activate(x1.target_ipv4("192.0.2.10")), self.activate(x1.target_cidr("192.0.2.0/24"))
		self.send(self.frames(1))
		self.assertTrue(self.mdf.wait_pdus(4), self.mdf.summary())
		self.assertEqual(sorted(str(uuid.UUID(bytes=p.xid)) for p in self.mdf.kept), sorted([one, one, two, two]))
		self.assertTrue(self.mdf.good, self.mdf.summary())

	def test_two_destinations_get_the_same_octets(self):
		second = self.poi.mdf(keep=True)
		self.addCleanup(second.stop)
		did = self.destination(second)
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4("192.0.2.10")], [self.did, did]))
		self.send(self.frames())
		for m in (self.mdf, second):
			self.assertTrue(m.wait_pdus(8), m.summary())
		self.assertEqual([p.octets for p in self.mdf.kept], [p.octets for p in second.kept])
		self.clear()

	def test_modify(self):
		xid = self.activate(x1.target_ipv4("192.0.2.10"))
		self.send(self.frames(1))
		self.ok(self.poi.admf.modify(xid, [x1.target_ipv4("192.0.2.11")], [self.did]))
		after = [udp_frame("192.0.2.11", "198.51.100.1", b"after")]
		self.send(self.frames(1) + after)
		self.assertTrue(self.mdf.wait_pdus(3))
		self.mdf.wait_quiet()
		self.assertEqual(self.packets()[2:], [after[0][14:]])
		self.assertEqual([p.sequence for p in self.mdf.kept], [0, 1, 2])

	def test_ethernet_padding_is_not_delivered(self):
		self.activate(x1.target_ipv4("192.0.2.10"))
		frame = udp_frame("192.0.2.10", "198.51.100.1", b"short")
		self.send([frame + bytes(60 - len(frame))])
		self.assertTrue(self.mdf.wait_pdus(1))
		self.assertEqual(self.packets(), [frame[14:]])

	def test_task_status_counts(self):
		xid = self.activate(x1.target_ipv4("192.0.2.10"))
		mine = self.frames()
		self.send(mine)
		self.mdf.wait_pdus(8)
		answer = self.ok(self.poi.admf.get_task(xid))
		self.assertEqual(int(answer.text("amountOfX3Data")), sum(len(f) - 14 for f in mine))
		self.assertIsNotNone(answer.text("timeOfLastIntercept"))

	def test_ledger(self):
		before = self.poi.balanced()
		self.activate(x1.target_ipv4("192.0.2.10"))
		self.send(self.frames() + self.strangers())
		self.assertTrue(self.mdf.wait_pdus(8))
		after = fixture.wait_until(lambda: (lambda s: s if s["delivered"] - before["delivered"] == 8 else None)(self.poi.status()), 5,
			"delivered 8 more")
		self.assertEqual(after["packets"]["received"] - before["packets"]["received"], 10)
		self.assertEqual(after["packets"]["classified"] - before["packets"]["classified"], 10)
		self.assertEqual(after["matches"] - before["matches"], 8)
		self.assertTrue(after["ledger"]["balanced"])

	def test_malformed_frames_have_names(self):
		good = udp_frame("192.0.2.10", "198.51.100.1", b"x")
		bad = [good[:20], good[:14] + b"\x41" + good[15:], good[:16] + b"\0\x10" + good[18:], b"\x02" * 12 + b"\x08\x00"]
		before = self.poi.status()["packets"]
		self.send(bad)
		after = self.poi.balanced()["packets"]
		dropped = sum(after["dropped"].values()) - sum(before["dropped"].values())
		self.assertEqual(after["received"] - before["received"], dropped + after["classified"] - before["classified"])
		self.assertEqual(dropped, len(bad), after)

	def between(self, rate=1500, seconds=0.7):
		"""Sends a numbered stream, activates and deactivates meanwhile; times and numbers."""
		stream = fixture.Stream(self.link, lambda n: udp_frame("192.0.2.10", "198.51.100.1", struct.pack(">Q", n)), rate)
		before = self.poi.status()["packets"]["received"]
		stream.start()
		time.sleep(0.2)
		xid = x1.new_id()
		self.ok(self.poi.admf.activate(xid, [x1.target_ipv4("192.0.2.10")], [self.did]))
		activated = time.time_ns()
		time.sleep(seconds)
		asked = time.time_ns()
		answer = self.ok(self.poi.admf.deactivate(xid))
		time.sleep(0.2)
		sent = stream.finish()
		self.poi.received(before + len(sent))
		self.mdf.wait_quiet()
		numbers = [struct.unpack(">Q", p.payload[28:36])[0] for p in self.mdf.kept]
		return sent, numbers, activated, asked, answer

	def test_in_force_means_in_force(self):
		for _ in range(3):
			self.mdf.kept.clear()
			sent, numbers, activated, asked, answer = self.between()
			owed = [n for n, t in enumerate(sent) if activated <= t and t < asked - 5_000_000]
			self.assertTrue(owed)
			self.assertEqual(sorted(set(owed) - set(numbers)), [], "sent after the OK of the activation and not delivered")
			self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
			late = [p for p in self.mdf.kept if p.time_ns > answer.time_ns + 1000]
			self.assertEqual(late, [], "captured after the OK of the deactivation")
			self.assertLess(numbers[-1], len(sent) - 1)


class GtpU(fixture.TrafficCase):
	PORT = f"{{ device: net_af_packet0, mode: probe, tunnel: gtpu, link: n3, gtp-endpoints: [{ENDPOINT}/32] }}"
	MTU = 1900  # what fits the port's buffers; longer frames of a capture came from a card that joins segments

	def setUp(self):
		super().setUp()
		self.payload_file = self.poi.path(f"payload-{x1.new_id()}.pcap")

	FIELDS = ("-T", "fields", "-E", "occurrence=l", "-e", "ip.src", "-e", "ip.dst", "-e", "ip.id", "-e", "ip.len", "-e", "tcp.seq_raw")

	def expected(self, path, display):
		return sorted(tshark(path, "-Y", display, *self.FIELDS))

	def delivered(self):
		writer = pcap.Writer(self.payload_file, pcap.LINK_RAW)
		for p in self.mdf.kept:
			writer.write(p.time_ns, pdu.user_packet(p))
		writer.close()
		return sorted(tshark(self.payload_file, *self.FIELDS))

	def replay(self, path, expected):
		self.send(frames_of(path))
		self.mdf.wait_pdus(len(expected))
		self.mdf.wait_quiet()
		self.assertEqual(self.delivered(), expected)
		self.assertTrue(self.mdf.good, self.mdf.summary())

	def test_by_teid(self):
		path = need("rtmp.pcap")
		teids = {line for line in tshark(path, "-Y", f"gtp && ip.dst == {ENDPOINT}", "-T", "fields", "-e", "gtp.teid") if line}
		self.assertTrue(teids)
		for teid in sorted(teids):
			self.mdf.kept.clear()
			xid = self.activate(x1.target_teid(int(teid, 16)))
			expected = self.expected(path, f"gtp.teid == {teid}")
			self.assertTrue(expected)
			self.send(frames_of(path))
			self.mdf.wait(lambda m: len(m.kept) >= len(expected), 5)
			self.mdf.wait_quiet()
			self.assertEqual(self.delivered(), expected)
			self.assertEqual({(p.format, p.first(pdu.IPID) is not None) for p in self.mdf.kept}, {(12, True)})
			self.assertEqual({bytes(p.payload[4:8]).hex() for p in self.mdf.kept}, {teid.removeprefix("0x")})
			self.ok(self.poi.admf.deactivate(xid))

	def test_teid_of_another_endpoint(self):
		"""A TEID means nothing away from the endpoint that gave it out."""
		path = need("rtmp.pcap")
		teid = tshark(path, "-Y", f"gtp && ip.src == {ENDPOINT}", "-T", "fields", "-e", "gtp.teid")[0]
		self.activate(x1.target_teid(int(teid, 16)))
		self.send(frames_of(path))
		self.mdf.wait_quiet(0.5, 2)
		self.assertEqual(self.mdf.kept, [])

	def test_by_inner_address(self):
		path = need("rtmp.pcap")
		inner = tshark(path, "-Y", "gtp", "-T", "fields", "-E", "occurrence=l", "-e", "ip.src")[0]
		self.activate(x1.target_ipv4(inner))
		self.replay(path, self.expected(path, f"ip.addr == {inner}"))

	def test_by_inner_ipv6_address(self):
		path = need("ipv6_in_gtp.pcap")
		address = [line for line in tshark(path, "-Y", "gtp && ipv6", "-T", "fields", "-E", "occurrence=l", "-e", "ipv6.src") if line][0]
		n = len(tshark(path, "-Y", f"ipv6.addr == {address}", "-T", "fields", "-e", "frame.number"))
		self.activate(x1.target_ipv6(address))
		self.send(frames_of(path))
		self.assertTrue(self.mdf.wait_pdus(n))
		self.mdf.wait_quiet()
		self.assertEqual(len(self.mdf.kept), n)
		self.assertEqual({p.format for p in self.mdf.kept}, {12})

	def test_plain_ipv6(self):
		path = need("http_ipv6.pcap")
		address = tshark(path, "-Y", "ipv6", "-T", "fields", "-e", "ipv6.src")[0]
		n = len(tshark(path, "-Y", f"ipv6.addr == {address} && frame.len <= 1914", "-T", "fields", "-e", "frame.number"))
		self.activate(x1.target_ipv6(address))
		self.send([f for f in frames_of(path) if len(f) <= 1914])
		self.assertTrue(self.mdf.wait_pdus(n), self.mdf.summary())
		self.mdf.wait_quiet()
		self.assertEqual((len(self.mdf.kept), {p.format for p in self.mdf.kept}), (n, {6}))

	def test_tshark_reads_the_pdus(self):
		"""An independent dissector agrees with what was delivered."""
		path = need("rtmp.pcap")
		inner = tshark(path, "-Y", "gtp", "-T", "fields", "-E", "occurrence=l", "-e", "ip.src")[0]
		self.activate(x1.target_ipv4(inner))
		expected = self.expected(path, f"ip.addr == {inner}")
		self.send(frames_of(path))
		self.assertTrue(self.mdf.wait_pdus(len(expected)))
		out = self.poi.path("pdus.pcap")
		writer = pcap.Writer(out, pcap.LINK_USER0)
		for p in self.mdf.kept:
			writer.write(p.time_ns, p.octets)
		writer.close()
		rows = tshark(out, "-o", 'uat:user_dlts:"User 0 (DLT=147)","li5g","0","","0",""', "-T", "fields", "-E", "occurrence=f",
			"-e", "li5g.ver", "-e", "li5g.type", "-e", "li5g.pf", "-e", "li5g.pl", "-e", "_ws.malformed")
		self.assertEqual(rows, [f"5\t2\t12\t{p.payload_length:d}\t" for p in self.mdf.kept])
		os.unlink(out)

	def test_malformed_stay_alone(self):
		"""A target's good packets among broken ones: each good one is delivered."""
		path = need("rtmp.pcap")
		inner = tshark(path, "-Y", "gtp", "-T", "fields", "-E", "occurrence=l", "-e", "ip.src")[0]
		self.activate(x1.target_ipv4(inner))
		expected = self.expected(path, f"ip.addr == {inner}")
		frames = []
		for n, frame in enumerate(frames_of(path)):
			frames += [frame, frame[:14 + n % len(frame)], frame[:36 + n % 20] + bytes(8) + frame[44 + n % 20:]]
		self.send([f for f in frames if len(f) >= 14])
		self.mdf.wait_pdus(len(expected))
		self.mdf.wait_quiet()
		delivered = set(self.delivered())
		self.assertEqual([x for x in expected if x not in delivered], [])
		self.poi.balanced()


class Replay(unittest.TestCase):
	"""Capture files read by DPDK itself (net_pcap): every frame is received and has an outcome."""

	def test_captures(self):
		names = [n for n in ("rtmp.pcap", "dns_fragmented.pcap", "6in4tunnel.pcap", "vxlan.pcap", "gtpv2_s11.pcap",
			"radius_acct.pcap", "http_ipv6.pcap", "ipv6_in_gtp.pcap") if reference(n)]
		if not names:
			self.skipTest("no reference data")
		for name in names:
			with self.subTest(name):
				n = len(frames_of(reference(name)))
				poi = fixture.Poi(eal=f"--vdev net_pcap0,rx_pcap={reference(name)}",
					ports=("{ device: net_pcap0, mode: probe, tunnel: gtpu, gtp-endpoints: [10.0.0.0/8] }",))
				try:
					poi.start_dataplane()
					poi.received(n)
					status = poi.balanced()
					self.assertEqual(status["packets"]["received"], n)
					self.assertEqual(status["packets"]["classified"] + sum(status["packets"]["dropped"].values()), n)
				finally:
					poi.close()
