"""Destination sets over X1 with real MDFs: a Duplicate set is every member, a Redundant one the first that is up."""
import unittest

import fixture
from poi_lab import x1


class Sets(fixture.TrafficCase):
	def setUp(self):
		super().setUp()
		self.other = self.poi.mdf(keep=True)
		self.addCleanup(self.other.stop)
		self.second = self.destination(self.other)
		self.dsid, self.xid, self.sent = x1.new_id(), x1.new_id(), 0

	def clear(self):
		self.poi.admf.one("DeactivateAllTasks")
		fixture.wait_until(lambda: self.poi.admf.one("DeleteAllObjects", "", x1.LATER).completed, 10, "no object is left")
		fixture.wait_until(lambda: self.poi.admf.one("RemoveAllDestinations").completed, 10, "no destination is left")

	def name_it(self):
		self.ok(self.poi.admf.activate(self.xid, [x1.target_ipv4("192.0.2.10")], [], dsids=[self.dsid]))

	def packets(self, n):
		self.send([fixture.udp_frame("192.0.2.10", "198.51.100.1", b"%06d" % (self.sent + i)) for i in range(n)])
		self.sent += n

	def at(self, mdf):
		return {bytes(p.payload)[-6:] for p in mdf.kept}

	def status(self, did):
		answer = self.ok(self.poi.admf.get_destination(did))
		return answer.text("destinationDeliveryStatus"), [e.text for e in answer.all("errorDescription")]

	def test_duplicate(self):
		self.ok(self.poi.admf.create_set(self.dsid, [self.did, self.second], "Duplicate"))
		self.name_it()
		self.packets(10)
		for mdf in (self.mdf, self.other):
			self.assertTrue(mdf.wait_pdus(10, 5))
		self.ok(self.poi.admf.modify_set(self.dsid, [self.second], "Duplicate"))
		self.packets(10)
		self.assertTrue(self.other.wait_pdus(20, 5))
		self.mdf.wait_quiet()
		self.assertEqual(len(self.mdf.kept), 10)
		self.refused(7010, self.poi.admf.remove_destination(self.second))
		self.ok(self.poi.admf.remove_destination(self.did))

	def test_redundant(self):
		self.ok(self.poi.admf.create_set(self.dsid, [self.did, self.second]))
		self.name_it()
		self.packets(10)
		self.assertTrue(self.mdf.wait_pdus(10, 5))
		self.assertEqual(self.other.kept, [])
		self.mdf.stop()
		self.packets(10)
		fixture.wait_until(lambda: len(self.at(self.mdf) | self.at(self.other)) == 20, 15, "every packet is at one of them")
		fixture.wait_until(lambda: self.status(self.did)[0] == "deliveryFault", 10, "the member has a fault")
		self.assertTrue(any("as an end of set " + self.dsid in text for text in self.status(self.did)[1]))
		self.assertEqual(self.status(self.second)[0], "activeAndWorking")
		# a control that comes anew knows all of it
		self.poi.control.kill()
		self.poi.start_control()
		self.assertEqual(self.status(self.did)[0], "deliveryFault")
		self.assertIn(self.dsid, self.ok(self.poi.admf.get_object(self.dsid)).text("objectId"))
		self.refused(1000, self.poi.admf.delete_object(self.dsid))
		self.ok(self.poi.admf.modify_set(self.dsid, [self.second]))
		self.assertFalse(any("as an end of set" in text for text in self.status(self.did)[1]))  # its own connection is down still
		self.packets(10)
		fixture.wait_until(lambda: len(self.at(self.mdf) | self.at(self.other)) == 30, 10, "every packet")
		self.ok(self.poi.admf.deactivate(self.xid))
		self.ok(self.poi.admf.delete_object(self.dsid))
		self.ok(self.poi.admf.remove_destination(self.second))


if __name__ == "__main__":
	unittest.main()
