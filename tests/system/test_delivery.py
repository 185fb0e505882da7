"""Delivery when the MDF is not its best: nothing is lost without a name, nothing goes to a stranger."""
import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest
import xml.etree.ElementTree as ElementTree

import fixture
from fixture import udp_frame
from poi_lab import mdf, pdu, x1

TARGET = "192.0.2.10"


def frames(n, size=100):
	return [udp_frame(TARGET, "198.51.100.1", (b"%d " % i).ljust(size, b".")) for i in range(n)]


class Delivery(fixture.TrafficCase):
	@classmethod
	def options(cls):
		return {**super().options(), "delivery_extra": "keepalive: { enabled: true, time-p1: 1, time-p2: 3 }\nbuffer: 1MiB"}

	def setUp(self):
		super().setUp()
		self.xid = self.activate(x1.target_ipv4(TARGET))

	def of(self, did):
		return [d for d in self.poi.status()["destinations"] if d["did"] == did][0]

	def test_cut_and_back(self):
		"""Cut in the middle of a stream: what the MDF holds and what the ledger says agree, no gap."""
		stream = fixture.Stream(self.link, lambda n: frames(1)[0], 2000)
		stream.start()
		for _ in range(3):
			time.sleep(0.4)
			self.mdf.cut()
		time.sleep(0.5)
		sent = stream.finish()
		self.mdf.wait(lambda m: len(m.kept) >= len(sent), 10)
		self.mdf.wait_quiet(1)
		summary = self.mdf.summary()
		self.assertEqual((summary["gaps"], summary["repeats"]), (0, 0), summary)
		self.assertEqual(len(self.mdf.kept), len(sent))
		self.assertGreaterEqual(summary["connections"], 3)
		self.poi.balanced()

	def test_absent_then_present(self):
		"""Nothing is lost while the buffer lasts."""
		port = self.mdf.port
		self.mdf.stop()
		self.send(frames(100))
		second = self.poi.mdf(keep=True, port=port)
		self.addCleanup(second.stop)
		self.assertTrue(second.wait_pdus(100, 40), second.summary())
		self.assertTrue(second.good, second.summary())

	def test_buffer_full_is_counted_and_seen_as_gap(self):
		port = self.mdf.port
		self.mdf.stop()
		n = 3000
		self.send(frames(n, 1000))  # 3 MB into 1 MiB

		for _ in range(100):
			now = self.of(self.did)
			if now["queued"] + now["dropped"] == n:
				break
			time.sleep(0.1)
		self.assertEqual(now["queued"] + now["dropped"], n, (now, self.poi.status()["packets"]))
		queued, total = now["queued"], now["dropped"]
		self.assertGreater(total, 0, self.poi.status())
		self.assertEqual(now["lost"]["buffer_full"], total)
		second = self.poi.mdf(keep=True, port=port)
		self.addCleanup(second.stop)
		self.assertTrue(second.wait_pdus(queued, 40), second.summary())
		self.send(frames(1))
		self.assertTrue(second.wait_pdus(queued + 1, 10), second.summary())
		summary = second.summary()
		self.assertEqual((summary["missing"], summary["x3"]), (total, queued + 1), summary)
		self.poi.balanced()

	def test_slow_one_does_not_slow_another(self):
		second = self.poi.mdf(behaviour=mdf.Behaviour(slow=20000))
		self.addCleanup(second.stop)
		did = self.destination(second)
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], [did]))
		self.send(frames(1000, 1000))
		self.assertTrue(self.mdf.wait_pdus(1000, 5), self.mdf.summary())
		self.assertTrue(self.mdf.good, self.mdf.summary())

	def test_hanging_handshake_does_not_stop_another(self):
		second = self.poi.mdf(behaviour=mdf.Behaviour(hang_handshake=True))
		self.addCleanup(second.stop)
		did = self.destination(second)
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], [did]))
		self.send(frames(100))
		self.assertTrue(self.mdf.wait_pdus(100, 5), self.mdf.summary())

	def test_keepalives(self):
		self.send(frames(1))
		self.assertTrue(self.mdf.wait(lambda m: m.counts["keepalives"] >= 3, 8), self.mdf.summary())
		self.assertEqual(self.mdf.summary()["connections"], 1)
		self.assertTrue(self.mdf.good)

	def test_no_acknowledgement(self):
		"""Without acknowledgements for TIME_P2 the connection is made anew."""
		self.mdf.behaviour.ack = False
		self.send(frames(1))
		self.assertTrue(self.mdf.wait(lambda m: m.counts["connections"] >= 2, 15), self.mdf.summary())

	def test_garbage(self):
		"""What is no PDU ends the connection, not the product."""
		second = self.poi.mdf(behaviour=mdf.Behaviour(garbage=True))
		self.addCleanup(second.stop)
		did = self.destination(second)
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], [did]))
		self.send(frames(50))
		self.assertTrue(self.mdf.wait_pdus(50, 5))
		self.assertTrue(self.poi.dataplane.running)

	def test_destination_status(self):
		self.send(frames(5))
		self.assertTrue(self.mdf.wait_pdus(5))
		answer = self.ok(self.poi.admf.get_destination(self.did))
		self.assertEqual(answer.text("destinationDeliveryStatus"), "activeAndWorking")
		self.mdf.refuse()
		self.mdf.cut()
		self.send(frames(5))
		fixture.wait_until(lambda: self.poi.admf.get_destination(self.did).text("destinationDeliveryStatus") == "deliveryFault", 10,
			"the destination is reported as faulty")

	def test_moved_destination(self):
		second = self.poi.mdf(keep=True)
		self.addCleanup(second.stop)
		self.send(frames(5))
		self.assertTrue(self.mdf.wait_pdus(5))
		self.ok(self.poi.admf.modify_destination(self.did, "127.0.0.1", second.port))
		self.send(frames(5))
		self.assertTrue(second.wait_pdus(5), second.summary())


class WrongMdf(fixture.TrafficCase):
	"""No octet goes to a peer that does not prove who it is."""

	def impostor(self, identity):
		pki = self.poi.pki
		m = mdf.Mdf(pki.path(identity + ".pem"), pki.path(identity + ".key"), pki.path("ca.pem"), keep=True).start()
		self.addCleanup(m.stop)
		did = self.destination(m)
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], [did]))
		self.send(frames(10))
		time.sleep(1.5)
		self.assertEqual(m.summary()["octets"], 0)
		return did

	def test_wrong_address_in_certificate(self):
		self.impostor("wrong-san-mdf")

	def test_other_authority(self):
		self.impostor("other-mdf")

	def test_expired(self):
		self.impostor("expired-mdf")

	def test_wrong_purpose(self):
		self.impostor("client-only-mdf")


class Options(fixture.TrafficCase):
	"""What the configuration says of single destinations, and every kind of address."""

	@classmethod
	def options(cls):
		overrides = ("{ match: 127.0.0.2/32, peer-identity: mdf-01, connections: 2 }",
			"{ match: 127.0.0.3/32, peer-identity: mdf-01, version-minor: 6 }",
			"{ match: 127.0.0.4/32, peer-identity: mdf-01, max-pdu: 300 }")
		return {**super().options(), "ne_extra": "x2-report: pdhr", "delivery_extra":
			f"keepalive: {{ enabled: true, time-p1: 1, time-p2: 3 }}\nbuffer: 1MiB\noverrides: [{', '.join(overrides)}]"}

	def at(self, address, **more):
		m = self.poi.mdf(keep=True, address=address, **more)
		self.addCleanup(m.stop)
		return m, self.destination(m)

	def of(self, did):
		return [d for d in self.poi.status()["destinations"] if d["did"] == did][0]

	def task(self, *dids, delivery="X2andX3"):
		xid = x1.new_id()
		self.ok(self.poi.admf.activate(xid, [x1.target_ipv4(TARGET)], dids, delivery))
		return xid

	def exact(self, did, n):
		d = self.of(did)
		self.assertEqual((d["offered"], d["delivered"], d["dropped"], d["queued"], d["in_doubt"]), (n, n, 0, 0, 0), d)

	def test_one_connection_for_both(self):
		m, did = self.at("127.0.0.1")
		self.task(did)
		self.send(frames(50))
		self.assertTrue(m.wait_pdus(100), m.summary())
		self.assertEqual(m.kinds(), [[pdu.X2, pdu.X3]])
		self.assertTrue(m.good, m.summary())
		fixture.wait_until(lambda: not self.of(did)["queued"] + self.of(did)["unsettled"], 5, "all acknowledged")
		self.exact(did, 100)

	def test_two_connections(self):
		"""X2 and X3 each on their own: keepalives, accounting and faults of each; together the destination's."""
		m, did = self.at("127.0.0.2")
		self.task(did)
		self.send(frames(50))
		self.assertTrue(m.wait_pdus(100), m.summary())
		self.assertEqual(sorted(m.kinds()), [[pdu.X2], [pdu.X3]])
		fixture.wait_until(lambda: not self.of(did)["queued"] + self.of(did)["unsettled"], 5, "all acknowledged")
		self.exact(did, 100)
		self.assertTrue(m.wait(lambda m: m.counts["keepalives"] >= 6, 6), m.summary())
		self.assertEqual((m.summary()["connections"], self.of(did)["state"]), (2, "up"))
		# One of them is cut: the other goes on, and the destination is what the worse one is.
		x3 = next(tls for tls, local in m.by_connection if {c[0] for c in local} == {pdu.X3})
		before = m.counts["x2"]
		m.refuse()
		socket.socket.shutdown(x3, socket.SHUT_RDWR)
		fixture.wait_until(lambda: self.of(did)["state"] == "down", 3, "the fault is the destination's")
		self.send(frames(50))
		self.assertTrue(m.wait(lambda m: m.counts["x2"] == before + 50, 3), m.summary())
		m.start()
		self.assertTrue(m.wait(lambda m: m.counts["x3"] == 100, 8), m.summary())
		fixture.wait_until(lambda: self.of(did)["state"] == "up" and not self.of(did)["queued"] + self.of(did)["unsettled"], 5, "up again")
		self.exact(did, 200)
		self.assertEqual(m.summary()["connections"], 3)
		self.assertTrue(m.good, m.summary())
		self.poi.balanced()

	def test_a_connection_that_is_not_needed(self):
		m, _ = self.at("127.0.0.2")
		did = self.destination(m, "X3Only")
		xid = self.task(did, delivery="X3Only")
		self.send(frames(10))
		self.assertTrue(m.wait_pdus(10), m.summary())
		self.assertEqual(self.of(did)["state"], "up")
		self.ok(self.poi.admf.deactivate(xid))
		self.ok(self.poi.admf.remove_destination(did))
		fixture.wait_until(lambda: did not in [d["did"] for d in self.poi.status()["destinations"]], 7, "it is gone")

	def test_version_minor(self):
		five, did_five = self.at("127.0.0.1")
		six, did_six = self.at("127.0.0.3")
		self.task(did_five, did_six)
		self.send(frames(20))
		for m, minor in ((five, 5), (six, 6)):
			self.assertTrue(m.wait_pdus(40), m.summary())
			self.assertEqual({(p.major, p.minor) for p in m.kept}, {(0, minor)})
			self.assertTrue(m.good, m.summary())
		# But for the version octet they are the same.
		held = [sorted((p.context, p.sequence, p.time_ns, bytes(p.payload)) for p in m.kept) for m in (five, six)]
		self.assertEqual(*held)

	def test_largest_pdu(self):
		"""What exceeds it is lost under its name, seen as a gap, and the ADMF can ask about it."""
		m, did = self.at("127.0.0.4")
		xid = self.task(did, delivery="X3Only")
		self.send(frames(10) + frames(5, 1000) + frames(10))
		self.assertTrue(m.wait_pdus(20), m.summary())
		self.assertEqual((m.summary()["x3"], m.summary()["missing"]), (20, 5), m.summary())
		self.assertEqual(self.of(did)["lost"]["pdu_too_large"], 5)
		fixture.wait_until(lambda: not self.of(did)["queued"] + self.of(did)["unsettled"], 5, "all acknowledged")
		fixture.wait_until(lambda: "pdu_too_large" in ElementTree.tostring(self.poi.admf.get_task(xid).element).decode(), 3,
			"the task's status names it")
		self.poi.balanced()

	def test_ipv6(self):
		m, did = self.at("::1")
		self.task(did)
		self.send(frames(20))
		self.assertTrue(m.wait_pdus(40), m.summary())
		self.assertTrue(m.good, m.summary())
		fixture.wait_until(lambda: not self.of(did)["queued"] + self.of(did)["unsettled"], 5, "all acknowledged")
		self.exact(did, 40)

	def test_host_name(self):
		"""The certificate must carry the name."""
		m = self.poi.mdf(keep=True)
		self.addCleanup(m.stop)
		did = x1.new_id()
		self.ok(self.poi.admf.one("CreateDestination", x1.destination_uri(did, f"tls://localhost:{m.port}")))
		self.task(did)
		self.send(frames(20))
		self.assertTrue(m.wait_pdus(40), m.summary())
		self.assertTrue(m.good, m.summary())

	def test_a_name_without_address(self):
		did = x1.new_id()
		self.ok(self.poi.admf.one("CreateDestination", x1.destination_uri(did, "tls://nowhere.invalid:4711")))
		good, did_good = self.at("127.0.0.1")
		self.task(did, did_good)
		fixture.wait_until(lambda: self.of(did)["state"] == "down", 10, "it cannot be resolved")
		self.assertIn("host name", self.of(did)["reason"])
		self.send(frames(20))
		self.assertTrue(good.wait_pdus(40), good.summary())

	def test_new_certificate(self):
		"""SIGHUP: live connections are made anew with it, and nothing is lost or sent twice."""
		m, did = self.at("127.0.0.1")
		self.task(did)
		stream = fixture.Stream(self.link, lambda n: frames(1)[0], 500)
		stream.start()
		self.assertTrue(m.wait_pdus(50), m.summary())
		os.kill(self.poi.dataplane.child.pid, signal.SIGHUP)
		self.assertTrue(m.wait(lambda m: m.counts["connections"] == 2, 8), m.summary())
		time.sleep(0.3)
		sent = len(stream.finish())
		self.assertTrue(m.wait_pdus(2 * sent), m.summary())
		self.assertEqual((m.summary()["resent"], m.summary()["gaps"], len(m.kept)), (0, 0, 2 * sent), m.summary())


class Threads(fixture.TrafficCase):
	"""As many delivery threads as the check of the configuration allows."""

	@classmethod
	def options(cls):
		return {**super().options(), "delivery_extra": "threads: 16\nbuffer: 1MiB"}

	def test_sixteen(self):
		mdfs = [self.poi.mdf(keep=True) for _ in range(16)]
		for m in mdfs:
			self.addCleanup(m.stop)
		dids = [self.destination(m) for m in mdfs]
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], dids[:8], "X3Only"))
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], dids[8:], "X3Only"))
		self.send(frames(50))
		for m in mdfs:
			self.assertTrue(m.wait_pdus(50), m.summary())


class OnlyTls(fixture.TrafficCase):
	"""TLS 1.2 at least, and never clear text."""

	@classmethod
	def options(cls):
		return {**super().options(), "delivery_extra": "settle: tcp"}  # openssl s_server acknowledges nothing

	def test_old_version(self):
		old = mdf.Mdf(self.poi.pki.path("mdf.pem"), self.poi.pki.path("mdf.key"), self.poi.pki.path("ca.pem"))
		old._context.set_ciphers("ALL:@SECLEVEL=0")
		old._context.minimum_version = ssl.TLSVersion.TLSv1
		old._context.maximum_version = ssl.TLSVersion.TLSv1_1
		old.start()
		self.addCleanup(old.stop)
		self.refused(old)
		self.assertGreater(old.counts["handshakes_failed"], 0)
		self.assertEqual(old.counts["octets"], 0)

	def test_version_1_2(self):
		m = mdf.Mdf(self.poi.pki.path("mdf.pem"), self.poi.pki.path("mdf.key"), self.poi.pki.path("ca.pem"), keep=True)
		m._context.maximum_version = ssl.TLSVersion.TLSv1_2
		m.start()
		self.addCleanup(m.stop)
		self.activate_to(m)
		self.send(frames(20))
		self.assertTrue(m.wait_pdus(20), m.summary())
		self.assertTrue(m.good, m.summary())

	def test_renegotiation(self):
		"""An MDF that asks for it (openssl s_server, TLS 1.2) is refused; what comes after goes over a new connection,
		and the books are exact."""
		port, pki, out = fixture.free_port(), self.poi.pki, self.poi.path("s_server")
		with open(out, "wb") as log:
			server = subprocess.Popen(["openssl", "s_server", "-tls1_2", "-accept", f"127.0.0.1:{port}", "-cert", pki.path("mdf.pem"),
				"-key", pki.path("mdf.key"), "-CAfile", pki.path("ca.pem"), "-Verify", "1", "-verify_return_error"],
				stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)
		self.addCleanup(server.wait)
		self.addCleanup(server.stdin.close)
		self.addCleanup(server.kill)

		def said():
			with open(out, "rb") as f:
				return f.read()

		def numbers():
			return sorted(int(n) for n in re.findall(rb"<([0-9]+)>", said()))
		did, sent = x1.new_id(), 0
		self.ok(self.poi.admf.create_destination(did, "127.0.0.1", port))
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], [did]))
		for round_ in range(1, 4):
			self.send([udp_frame(TARGET, "198.51.100.1", b"<%d>" % n) for n in range(sent, sent + 20)])
			sent += 20
			fixture.wait_until(lambda n=sent: numbers() == list(range(n)), 10, f"it holds {sent}: {said()[-500:]}")
			fixture.wait_until(lambda: not self.poi.status()["queued"] + self.poi.status()["unsettled"], 5, "all is acknowledged")
			server.stdin.write(b"R\n")
			server.stdin.flush()
			fixture.wait_until(lambda n=round_: said().count(b"no renegotiation") == n, 5, f"refused: {said()[-500:]}")
		status = self.poi.balanced()
		d = [d for d in status["destinations"] if d["did"] == did][0]
		self.assertEqual((d["offered"], d["delivered"], d["dropped"], d["in_doubt"]), (sent, sent, 0, 0), d)
		fixture.wait_until(lambda: said().count(b"BEGIN SSL SESSION PARAMETERS") == 4, 5, "each refusal ended one connection")

	def activate_to(self, m):
		did = self.destination(m)
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], [did]))
		return did

	def refused(self, m):
		did = self.activate_to(m)
		self.send(frames(20))
		fixture.wait_until(lambda: [d for d in self.poi.status()["destinations"] if d["did"] == did][0]["state"] == "down", 6,
			"it is refused")

	def test_a_peer_that_speaks_clear_text(self):
		"""Everything that it gets begins a TLS handshake; no octet of a PDU does."""
		got = []
		with socket.socket() as listener:
			listener.bind(("127.0.0.1", 0))
			listener.listen(8)
			listener.settimeout(0.2)

			def serve():
				while not got or got[-1] is not None:
					try:
						connection, _ = listener.accept()
					except TimeoutError:
						continue
					except OSError:
						return
					with connection:
						connection.settimeout(1)
						connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
						with contextlib.suppress(OSError):
							octets = b""
							while piece := connection.recv(65536):
								octets += piece
						got.append(octets)
			thread = threading.Thread(target=serve, daemon=True)
			thread.start()
			plain = mdf.Mdf.__new__(mdf.Mdf)
			plain.address, plain.port = listener.getsockname()
			self.refused(plain)
			fixture.wait_until(lambda: got, 3, "it was tried")
			time.sleep(1)
			got.append(None)
			thread.join(5)
		for octets in filter(None, got):
			self.assertEqual(octets[0], 0x16, octets[:8])  # handshake, then an alert at most
			self.assertLess(len(octets), 2048)
			self.assertNotIn(b"......", octets)


class Inline(unittest.TestCase):
	"""Two ports as one wire: what comes in on one goes out of the other, and the target's is delivered."""

	def setUp(self):
		self.west, self.east = fixture.Link(), fixture.Link()
		self.addCleanup(self.west.close)
		self.addCleanup(self.east.close)
		self.poi = fixture.Poi(eal=fixture.af_packet(0, self.west.inner) + " " + fixture.af_packet(1, self.east.inner),
			ports=("{ device: net_af_packet0, mode: inline, peer: net_af_packet1 }",
				"{ device: net_af_packet1, mode: inline, peer: net_af_packet0 }"))
		self.addCleanup(self.poi.close)
		self.poi.start()
		self.mdf = self.poi.mdf(keep=True)
		did = x1.new_id()
		self.assertTrue(self.poi.admf.create_destination(did, "127.0.0.1", self.mdf.port).ok)
		self.assertTrue(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], [did]).ok)

	def test_wire(self):
		mine = frames(50)
		others = [udp_frame("192.0.2.77", "198.51.100.1", b"%d" % i) for i in range(50)]
		mixed = [f for pair in zip(mine, others) for f in pair]
		with self.west.listening() as from_west, self.east.listening() as from_east:
			self.west.send(mixed)
			self.assertEqual(from_east(100), mixed)
			self.east.send(others)
			self.assertEqual(from_west(50), others)
			self.assertEqual(from_east(1, 0.2) + from_west(1, 0.2), [])
		self.assertTrue(self.mdf.wait_pdus(50), self.mdf.summary())
		self.mdf.wait_quiet()
		self.assertEqual([bytes(p.payload) for p in self.mdf.kept], [f[14:] for f in mine])
		self.poi.balanced()
