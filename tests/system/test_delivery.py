"""Delivery when the MDF is not its best: nothing is lost without a name, nothing goes to a stranger."""
import time
import unittest

import fixture
from fixture import udp_frame
from poi_lab import mdf, x1

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
		queued = fixture.wait_until(lambda: self.of(self.did)["queued"], 5, "something is queued")
		total = self.of(self.did)["dropped"]
		self.assertGreater(total, 0, self.poi.status())
		self.assertEqual(self.of(self.did)["lost"]["buffer_full"], total)
		self.assertEqual(queued + total, n)
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
