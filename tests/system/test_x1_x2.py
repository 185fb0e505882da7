"""From an X1 task to xIRI at an MDF: header reporting as the ADMF, and as an SMF over LI_T2 and LI_T3, asks for it."""
import os
import shutil
import tempfile
import unittest
import uuid

import fixture
from feed import Feed
from fixture import udp_frame
from poi_lab import x1, xiri

TARGET, PEER = "192.0.2.10", "198.51.100.1"


class FromX1(unittest.TestCase):
	ne_extra = ""

	def setUp(self):
		folder = tempfile.mkdtemp(prefix="poi-feed-")
		self.addCleanup(shutil.rmtree, folder, True)
		self.feed = Feed(os.path.join(folder, "in"))
		self.poi = fixture.Poi(eal="--vdev net_pcap0,rx_pcap=" + self.feed.path, ports=("{ device: net_pcap0, mode: probe }",),
			delivery_extra="flow-idle: 2", ne_extra=self.ne_extra)
		self.addCleanup(self.poi.close)
		self.addCleanup(self.feed.close)
		self.poi.start()
		self.mdf = self.poi.mdf(keep=True)
		self.addCleanup(self.mdf.stop)
		self.did = x1.new_id()
		self.ok(self.poi.admf.create_destination(self.did, self.mdf.address, self.mdf.port, "X2andX3"))

	def ok(self, answer):
		self.assertTrue(answer.completed, str(answer))

	def refused(self, code, answer):
		self.assertEqual((answer.kind, answer.error), ("ErrorResponse", code), str(answer))

	def activate(self, delivery, extensions="", **more):
		xid = x1.new_id()
		return xid, self.poi.admf.activate(xid, [x1.target_ipv4(TARGET)], [self.did], delivery=delivery, extensions=extensions, **more)

	def send(self, n):
		self.feed.send([udp_frame(TARGET, PEER, bytes(100)) for _ in range(n)])
		self.poi.received(self.feed.total)

	def pdus(self, n):
		self.assertTrue(self.mdf.wait_pdus(n, 10), self.mdf.summary())
		self.mdf.wait_quiet(0.3)
		self.assertTrue(self.mdf.good, self.mdf.summary())
		self.assertEqual(len(self.mdf.kept), n)
		return list(self.mdf.kept)


class Admf(FromX1):
	def test_packets(self):
		xid, answer = self.activate("X2Only", x1.header_reporting("pdhr"))
		self.ok(answer)
		self.send(12)
		for p in self.pdus(12):
			self.assertEqual((p.type, p.format, str(uuid.UUID(bytes=bytes(p.xid)))), (1, 2, xid))
			self.assertEqual(p.first(17), b"<ipv4Address>192.0.2.10</ipv4Address>")
			self.assertEqual(xiri.decode(bytes(p.payload))["size"], 128)
		self.poi.balanced()

	def test_summaries_and_content_at_once(self):
		xid, answer = self.activate("X2andX3", x1.header_reporting("pdsr", packets=10))
		self.ok(answer)
		self.send(25)
		self.pdus(25 + 3)
		self.ok(self.poi.admf.deactivate(xid))
		told = [xiri.decode(bytes(p.payload)) for p in self.pdus(25 + 4) if p.type == 1]
		self.assertEqual([(x["trigger"], x["packets"]) for x in told], [("start", 1), ("packets", 10), ("packets", 10), ("end", 4)])
		self.poi.balanced()

	def test_survives_both_restarts(self):
		_, answer = self.activate("X2Only", x1.header_reporting("pdhr"))
		self.ok(answer)
		self.poi.control.kill()
		self.poi.start_control()
		self.send(5)
		self.pdus(5)

	def test_without_a_report_nothing_is_promised(self):
		for delivery in ("X2Only", "X2andX3"):
			self.refused(3000, self.activate(delivery)[1])
		self.refused(1010, self.activate("X2Only", x1.header_reporting("pdsr"))[1])  # the schema wants a trigger


class Smf(FromX1):
	"""role: triggered. The SMF is the ADMF of this network element (TS 33.128 clause 6.2.3.3)."""
	ne_extra = "role: triggered\nx2-report: pdhr"

	def test_content_carries_product_and_correlation(self):
		product = x1.new_id()
		self.refused(3000, self.activate("X3Only")[1])
		self.refused(3000, self.activate("X3Only", correlation=7)[1])
		xid, answer = self.activate("X3Only", correlation=4711, product=product)
		self.ok(answer)
		self.send(3)
		for p in self.pdus(3):
			self.assertEqual((p.type, p.correlation), (2, 4711))
			self.assertEqual(str(uuid.UUID(bytes=bytes(p.xid))), product)
		self.refused(3001, self.poi.admf.modify(xid, [x1.target_ipv4(TARGET)], [self.did], correlation=4712, product=product))
		self.ok(self.poi.admf.modify(xid, [x1.target_ipv4("192.0.2.99")], [self.did], correlation=4711, product=product))

	def test_default_report(self):
		_, answer = self.activate("X2Only", correlation=1, product=x1.new_id())
		self.ok(answer)
		self.send(4)
		self.assertEqual({(p.type, p.format) for p in self.pdus(4)}, {(1, 2)})
