#!/usr/bin/python3
"""The lab's own tests: what judges the product is judged here first."""
import os
import socket
import ssl
import struct
import sys
import tempfile
import threading
import unittest
import http.server

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

from poi_lab import admf, controller, mdf, pcap, pdu, pki, tap, x1  # noqa: E402

# a packet data header report of TS 33.128: 10.45.0.2:51000 -> 198.51.100.80:443, TCP, 60 octets
PDHR = bytes.fromhex(
	"0005000100000082000000330002000329f28e1cf230486aa860f5a784ab91720102030405060708"
	"000600117570662d312e6578616d706c652e6f7267000700054952492d310008000400000000000900086955b900075bcd15"
	"001100243c69707634416464726573733e31302e34352e302e323c2f69707634416464726573733e"
	"303181050413120f01a228ae26810200ffa20681040a2d0002830300c738a4068104c6336450850201bb86010688010189013c")
IPV4 = bytes.fromhex("4500001c000100004011f9d0c0000201c63364010035003500080000")
GTPU = bytes.fromhex("34ff00240000abcd00000085010003 00".replace(" ", "")) + IPV4


def tlv(kind, value):
	return struct.pack(">HH", kind, len(value)) + value


def make(kind=pdu.X3, form=5, payload=IPV4, sequence=0, ns=1_700_000_000_000_000_001, direction=3, xid=b"\x11" * 16,
		attributes=None, minor=5, major=0):
	if attributes is None:
		attributes = tlv(6, b"nf") + tlv(7, b"p.0.1") + tlv(8, struct.pack(">I", sequence)) + \
			tlv(9, struct.pack(">II", ns // 10**9, ns % 10**9))
	return struct.pack(">BBHIIHH16sQ", major, minor, kind, 40 + len(attributes), len(payload), form, direction, xid, 0) + \
		attributes + payload


def keepalive(sequence, kind=pdu.KEEPALIVE):
	return struct.pack(">BBHIIHH16sQ", 0, 5, kind, 48, 0, 0, 0, bytes(16), 0) + tlv(8, struct.pack(">I", sequence))


class Controller(unittest.TestCase):
	def test_speaks_the_channel_of_the_product(self):
		with open(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "shared", "channel.h")) as f:
			self.assertIn(f"#define CHANNEL_VERSION {controller.VERSION:d}\n", f.read())


class Decoder(unittest.TestCase):
	def test_worked_example(self):
		p = pdu.decode(PDHR)
		self.assertEqual((p.type, p.format, p.direction, p.correlation, p.sequence), (1, 2, 3, 0x0102030405060708, 0))
		self.assertEqual(p.first(pdu.NFID), b"upf-1.example.org")
		self.assertEqual(p.first(pdu.MATCHED), b"<ipv4Address>10.45.0.2</ipv4Address>")
		self.assertEqual(p.time_ns, 0x6955b900 * 10**9 + 0x075bcd15)
		self.assertIn("XID              29f28e1c-f230-486a-a860-f5a784ab9172", pdu.describe(p))

	def test_gtpu_inner(self):
		p = pdu.decode(make(form=12, payload=GTPU))
		self.assertEqual(pdu.user_packet(p), IPV4)

	def test_keepalive(self):
		self.assertEqual(pdu.decode(keepalive(7)).sequence, 7)
		self.assertEqual(pdu.decode(pdu.keepalive_ack(9)).type, 4)

	def breaks(self, rule, octets):
		with self.assertRaises(pdu.Violation) as caught:
			pdu.decode(octets)
		self.assertEqual(caught.exception.rule, rule)

	def test_rules(self):
		attributes = make()[40:-len(IPV4)]
		nf, ip, seq, ts = tlv(6, b"nf"), tlv(7, b"p"), tlv(8, bytes(4)), tlv(9, bytes(8))
		cases = {
			"major": ("version", make(major=5, minor=0)), "minor 0": ("version", make(minor=0)),
			"minor 7": ("version", make(minor=7)), "type": ("type", make(kind=5)),
			"truncated": ("truncated", make()[:39]), "length": ("length", make() + b"x"),
			"format 12 in X2": ("format", make(kind=1, form=12)), "format 9 in X3": ("format", make(form=9)),
			"format 0": ("format", make(form=0)), "direction 0": ("direction", make(direction=0)),
			"direction 6": ("direction", make(direction=6)), "xid": ("xid", make(xid=bytes(16))),
			"overrun": ("attribute-overrun", make(attributes=attributes + b"\0\6\0\x05a")),
			"short tlv": ("attribute-overrun", make(attributes=attributes + b"\0\6\0")),
			"type 23": ("attribute-type", make(attributes=attributes + tlv(23, b"x"))),
			"type 0": ("attribute-type", make(attributes=attributes + tlv(0, b"x"))),
			"sequence of 8": ("attribute-length", make(attributes=nf + ip + tlv(8, bytes(8)) + ts)),
			"time of 12": ("attribute-length", make(attributes=nf + ip + seq + tlv(9, bytes(12)))),
			"nanoseconds": ("timestamp", make(attributes=nf + ip + seq + tlv(9, struct.pack(">II", 1, 10**9)))),
			"twice": ("attribute-repeated", make(attributes=attributes + tlv(6, b"nf"))),
			"no nfid": ("attribute-missing", make(attributes=ip + seq + ts)),
			"no ipid": ("attribute-missing", make(attributes=nf + seq + ts)),
			"no sequence": ("attribute-missing", make(attributes=nf + ip + ts)),
			"no time": ("attribute-missing", make(attributes=nf + ip + seq)),
			"x2 without 17": ("attribute-missing", make(kind=1)),
			"bad utf-8": ("attribute-text", make(attributes=tlv(6, b"\xff") + ip + seq + ts)),
			"bare target": ("matched-target", make(kind=1, attributes=attributes + tlv(17, b"10.0.0.1"))),
			"two targets": ("matched-target", make(kind=1, attributes=attributes + tlv(17, b"<a/><b/>"))),
			"empty": ("payload", make(payload=b"")), "v6 as v4": ("payload", make(payload=b"\x60" + IPV4[1:])),
			"datagram cut": ("payload", make(payload=IPV4[:-1])), "padding": ("payload", make(payload=IPV4 + b"\0")),
			"outer IP as GTP-U": ("payload", make(form=12, payload=IPV4)),
			"GTP-U length": ("payload", make(form=12, payload=GTPU[:-1])),
			"GTP-U extension": ("payload", make(form=12, payload=GTPU[:12] + b"\0" + GTPU[13:])),
			"keepalive with xid": ("keepalive", keepalive(1)[:16] + b"\1" + keepalive(1)[17:]),
			"keepalive bare": ("keepalive", struct.pack(">BBHIIHH16sQ", 0, 5, 3, 40, 0, 0, 0, bytes(16), 0)),
			"keepalive payload": ("keepalive", keepalive(1)[:8] + b"\0\0\0\1" + keepalive(1)[12:] + b"x"),
		}
		for name, (rule, octets) in cases.items():
			with self.subTest(name):
				self.breaks(rule, octets)

	def test_length_fields(self):
		self.assertIsNone(pdu.size(b"\0\5\0\2"))
		self.assertEqual(pdu.size(PDHR), len(PDHR))
		with self.assertRaises(pdu.Violation):
			pdu.size(PDHR[:7] + b"\x27" + PDHR[8:12])
		with self.assertRaises(pdu.Violation):
			pdu.size(b"\0\5\0\2\xff\xff\xff\xff\xff\xff\xff\xff")


	def test_further_tasks(self):
		always = tlv(6, b"nf") + tlv(7, b"p.0.1") + tlv(8, bytes(4)) + tlv(9, bytes(8))
		p = pdu.decode(make(attributes=always + tlv(21, b"\x22" * 16 + struct.pack(">QI", 77, 5)) + tlv(21, b"\x33" * 16 + bytes(8))))
		self.assertEqual([(c[1][0], c[5], n) for c, n in p.further], [(0x22, 77, 5), (0x33, 0, None)])
		self.assertEqual({c[2:5] for c, _ in p.further}, {p.context[2:5]}, "the point and the function are the PDU's")
		self.assertIn("XID 22222222-2222-2222-2222-222222222222, correlation ID 77, sequence number 5", pdu.describe(p))
		with self.assertRaises(pdu.Violation):
			pdu.decode(make(attributes=always + tlv(21, bytes(28))))


class Sequence(unittest.TestCase):
	def test_order(self):
		c = pdu.Continuity()
		self.assertEqual([c.see("a", n)[0] for n in (0, 1, 2)], [None] * 3)
		self.assertIn("gap of 2", c.see("a", 5)[0])
		self.assertIn("again", c.see("a", 5)[0])
		self.assertIsNone(c.see("b", 0)[0])
		self.assertIn("gap of 1", c.see("c", 1)[0])
		self.assertEqual((c.gaps, c.missing, c.repeats, c.contexts), (2, 3, 1, 3))

	def test_wrap(self):
		c = pdu.Continuity()
		c._next["a"] = 0xFFFFFFFF
		self.assertEqual([c.see("a", n)[0] for n in (0xFFFFFFFF, 0, 1)], [None] * 3)

	def test_resent_after_reconnect(self):
		c, first, second = pdu.Continuity(), {}, {}
		for n in range(5):
			c.see("a", n, first)
		self.assertEqual(c.see("a", 3, second), (None, False))
		self.assertEqual(c.see("a", 4, second), (None, False))
		self.assertEqual(c.see("a", 5, second), (None, True))
		self.assertEqual((c.resent, c.repeats, c.gaps), (2, 0, 0))
		self.assertIn("again", c.see("a", 4, second)[0])

	def test_gap_after_reconnect(self):
		c, first, second = pdu.Continuity(), {}, {}
		c.see("a", 0, first)
		self.assertIn("gap of 1", c.see("a", 2, second)[0])


class WithPki(unittest.TestCase):
	@classmethod
	def setUpClass(cls):
		cls.folder = tempfile.TemporaryDirectory()
		cls.pki = pki.Pki(cls.folder.name).make()

	@classmethod
	def tearDownClass(cls):
		cls.folder.cleanup()

	def path(self, name):
		return self.pki.path(name)

	def client(self, identity="ne"):
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
		context.load_verify_locations(self.path("ca.pem"))
		if identity:
			context.load_cert_chain(self.path(identity + ".pem"), self.path(identity + ".key"))
		return context

	def connect(self, m, identity="ne"):
		return self.client(identity).wrap_socket(socket.create_connection(("127.0.0.1", m.port), 5), server_hostname="127.0.0.1")

	def mdf(self, **more):
		m = mdf.Mdf(self.path("mdf.pem"), self.path("mdf.key"), self.path("ca.pem"), **more).start()
		self.addCleanup(m.stop)
		return m


class Receiver(WithPki):
	def test_key_modes(self):
		for name in os.listdir(self.folder.name):
			if name.endswith(".key"):
				self.assertEqual(os.stat(self.path(name)).st_mode & 0o777, 0o600)

	def test_stream(self):
		pdus, payload = self.path("p.pcap"), self.path("u.pcap")
		m = self.mdf(pdus=pdus, payload=payload)
		s = self.connect(m)
		sent = [make(sequence=n, ns=n * 10**9 + 7) for n in range(200)]
		stream = b"".join(sent) + make(form=12, payload=GTPU, sequence=200)
		for at in range(0, len(stream), 777):  # no PDU edge where a read ends
			s.sendall(stream[at:at + 777])
		# closed only after all was read: unread session tickets would turn the close into a reset
		self.assertTrue(m.wait_pdus(201, 5), m.summary())
		s.close()
		m.stop()
		self.assertTrue(m.summary()["good"], m.summary())
		link, records = pcap.read(pdus)
		self.assertEqual((link, [octets for _, octets in records[:200]]), (147, sent))
		self.assertEqual(records[3][0], 3 * 10**9 + 7)
		self.assertEqual({octets for _, octets in pcap.read(payload)[1]}, {IPV4})

	def test_fast_path_sees_wrong_payload(self):
		m = self.mdf()
		with self.connect(m) as s:
			s.sendall(make(sequence=0) + make(sequence=1) + make(sequence=2, payload=IPV4[:3] + b"\x1d" + IPV4[4:]))
			m.wait(lambda m: m.violations, 5)
		self.assertIn("payload", m.summary()["first_violations"][0])

	def test_fast_path_sees_gap_and_repeat(self):
		m = self.mdf()
		with self.connect(m) as s:
			s.sendall(b"".join(make(sequence=n) for n in (0, 1, 3, 4, 4)))
			m.wait_pdus(5, 5)
		summary = m.summary()
		self.assertEqual((summary["gaps"], summary["missing"], summary["repeats"], summary["good"]), (1, 1, 1, False))

	def test_cut_inside_pdu_is_seen(self):
		m = self.mdf()
		s = self.connect(m)
		s.sendall(make()[:50])
		s.unwrap()
		s.close()
		m.wait(lambda m: m.violations, 5)
		self.assertIn("inside a PDU", m.summary()["first_violations"][0])

	def test_keepalive(self):
		m = self.mdf()
		with self.connect(m) as s:
			s.sendall(keepalive(0))
			self.assertEqual(s.recv(100), pdu.keepalive_ack(0))
			s.sendall(keepalive(0))
			m.wait(lambda m: m.violations, 5)
		self.assertIn("keepalive", m.summary()["first_violations"][0])

	def test_no_ack(self):
		m = self.mdf(behaviour=mdf.Behaviour(ack=False))
		with self.connect(m) as s:
			s.sendall(keepalive(0))
			s.settimeout(0.3)
			with self.assertRaises(TimeoutError):
				s.recv(1)

	def test_no_certificate(self):
		m = self.mdf()
		with self.assertRaises(ssl.SSLError):
			with self.connect(m, None) as s:
				s.recv(1)
		m.wait(lambda m: m.counts["handshakes_failed"], 5)
		self.assertEqual(m.summary()["handshakes_failed"], 1)

	def test_other_authority(self):
		m = self.mdf()
		with self.assertRaises(ssl.SSLError):
			with self.connect(m, "other-admf") as s:
				s.recv(1)

	def test_misbehaviours(self):
		m = self.mdf(behaviour=mdf.Behaviour(hang_handshake=True))
		raw = socket.create_connection(("127.0.0.1", m.port), 5)
		raw.settimeout(0.3)
		with self.assertRaises(TimeoutError):
			self.client().wrap_socket(raw, server_hostname="127.0.0.1")
		raw.close()
		m = self.mdf(behaviour=mdf.Behaviour(garbage=True))
		with self.connect(m) as s:
			self.assertEqual(s.recv(64), b"\xff" * 64)
		m = self.mdf(behaviour=mdf.Behaviour(close_mid_pdu=2))
		with self.connect(m) as s:
			s.sendall(make(sequence=0) + make(sequence=1))
			self.assertEqual(s.recv(1), b"")
		self.assertEqual(m.summary()["x3"], 1)


ANSWER = """<?xml version="1.0"?><x1:X1Response xmlns:x1="%s" xmlns:xsi="%s"><x1:x1ResponseMessage xsi:type="x1:%s">
<x1:admfIdentifier>admf-01</x1:admfIdentifier><x1:neIdentifier>poi-01</x1:neIdentifier>
<x1:messageTimestamp>2026-11-22T08:15:30.004210Z</x1:messageTimestamp><x1:version>v1.8.1</x1:version>
<x1:x1TransactionId>%s</x1:x1TransactionId>%s</x1:x1ResponseMessage></x1:X1Response>"""
ERROR = ("<x1:requestMessageType>%s</x1:requestMessageType><x1:errorInformation><x1:errorCode>2010</x1:errorCode>"
	"<x1:errorDescription>known</x1:errorDescription></x1:errorInformation>")


class Requester(WithPki):
	"""The ADMF against a small server of this test."""

	def setUp(self):
		test = self
		self.bodies = []

		class Handler(http.server.BaseHTTPRequestHandler):
			protocol_version = "HTTP/1.1"

			def log_message(self, *_):
				pass

			def do_POST(self):
				body = self.rfile.read(int(self.headers["Content-Length"]))
				test.bodies.append(body.decode())
				root = x1.ElementTree.fromstring(body)
				message = root[0]
				kind = message.get(f"{{{x1.XSI}}}type")[3:].removesuffix("Request")
				transaction = message.findtext(f"{{{x1.X1}}}x1TransactionId")
				if "known" in test.mode:
					inside, answer = ERROR % kind, "ErrorResponse"
				else:
					inside, answer = f"<x1:oK>{test.mode}</x1:oK>", kind + "Response"
				out = (ANSWER % (x1.X1, x1.XSI, answer, transaction, inside)).encode()
				self.send_response(200)
				self.send_header("Content-Length", str(len(out)))
				self.end_headers()
				self.wfile.write(out)

		self.mode = "AcknowledgedAndCompleted"
		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		server.daemon_threads = True
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain(self.path("ne.pem"), self.path("ne.key"))
		context.load_verify_locations(self.path("ca.pem"))
		context.verify_mode = ssl.CERT_REQUIRED
		server.socket = context.wrap_socket(server.socket, server_side=True)
		threading.Thread(target=server.serve_forever, daemon=True).start()
		self.addCleanup(server.server_close)
		self.addCleanup(server.shutdown)
		self.url = f"https://127.0.0.1:{server.server_port:d}/X1/NE"
		self.admf = admf.Admf(self.url, self.folder.name)
		self.addCleanup(self.admf.close)

	def test_ok(self):
		self.assertTrue(self.admf.one("Ping").completed)
		self.mode = "Acknowledged"
		answer = self.admf.deactivate(x1.new_id())
		self.assertTrue(answer.ok and not answer.completed)
		self.assertEqual(answer.time_ns, 1795335330_004210000)

	def test_error(self):
		self.mode = "known"
		answer = self.admf.activate(x1.new_id(), [x1.target_ipv4("192.0.2.1")], [x1.new_id()])
		self.assertEqual((answer.ok, answer.error), (False, 2010))

	def test_schema_of_answers_is_checked(self):
		self.admf.xsd = x1.Xsd.find()
		if not self.admf.xsd:
			self.skipTest("no reference data")
		self.assertTrue(self.admf.one("Ping").ok)
		self.mode = "Yes"
		with self.assertRaises(admf.BadAnswer):
			self.admf.one("Ping")

	def test_no_certificate(self):
		with self.assertRaises((ssl.SSLError, OSError)):
			admf.Admf(self.url, self.folder.name, identity=None).one("Ping")

	def test_requests_are_valid(self):
		xsd = x1.Xsd.find()
		if not xsd:
			self.skipTest("no reference data")
		did = x1.new_id()
		targets = [[x1.target_ipv4("192.0.2.1"), x1.target_port("tcp", "443")], [x1.target_ipv6("2001:db8::1")],
			[x1.target_cidr("198.51.100.0/24")], [x1.target_cidr("2001:db8::/32")], [x1.target_port("udp", "5000-5100")],
			[x1.target_teid("0xabcd")], [x1.target_fteid(7, "198.51.100.1")]]
		for t in targets:
			self.admf.activate(x1.new_id(), t, [did], delivery="X2andX3", correlation=5, product=x1.new_id(),
				extensions=x1.header_reporting("pdsr", packets=5))
		self.admf.create_destination(did, "::1", 5000, name="a<b")
		self.admf.modify_destination(did, "127.0.0.1", 5000)
		self.admf.remove_destination(did)
		self.admf.get_task(did)
		self.admf.get_destination(did)
		for kind in admf.REQUESTS:
			self.admf.one(kind)
		for body in self.bodies:
			self.assertIsNone(xsd.check(body), body)


if __name__ == "__main__":
	sys.exit(tap.main(["__main__", "test_n4", "test_record_tables", "test_records"], sys.argv[1:]))
