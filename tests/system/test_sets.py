"""Destination sets over X1 with real MDFs: a Duplicate set is every member, a Redundant one the first that is up; also over
kill -9 of the dataplane, and of both processes, under load."""
import time
import unittest

import fixture
import pair
import truth
from faults import common
from fixture import udp_frame, wait_until
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


@fixture.long
class Killed(common.FaultCase):
	"""A task on a Redundant set of two, and packets all the time."""

	DELIVERY = "failback: 1\nbuffer: 64MiB"
	RATE = 500

	def configure(self):
		self.key("root.key")
		self.append("store: { file: tasks.store, key: root.key }\n")

	def begin_pair(self):
		self.poi.start()
		self.pair = pair.Pair(self, self.poi.pki)
		self.first, self.second = self.pair.ends
		self.dsid, self.xid, self.dids = x1.new_id(), x1.new_id(), [x1.new_id() for _ in self.pair.ends]
		for did, m in zip(self.dids, self.pair.ends):
			self.ok(self.poi.admf.create_destination(did, m.address, m.port))
		self.details = x1.destination_set(self.dsid, self.dids, name="pair", element="object")
		self.ok(self.poi.admf.one("CreateObject", x1.destination_set(self.dsid, self.dids, name="pair"), x1.LATER))
		self.ok(self.poi.admf.activate(self.xid, [x1.target_ipv4(common.TARGET)], [], dsids=[self.dsid]))
		self.load = pair.Load(self.link, lambda n: udp_frame(common.TARGET, common.OTHER, b"%d " % n), self.RATE)
		self.addCleanup(self.load.finish)
		self.load.start()
		self.goes_on(self.first)

	def one(self):
		return [d for d in self.poi.status()["destinations"] if d["did"] == self.dsid][0]

	def goes_on(self, m):
		"""What is sent from now on is at this end."""
		since, before = self.load.sent, m.markers
		wait_until(lambda: len({n for n in m.markers - before if n >= since}) >= 100, 20, lambda: f"the stream is at {m.name}: {self.one()}")

	def again(self, *names):
		for name in names:
			getattr(self.poi, name).kill()
		for name in names:
			getattr(self.poi, "start_" + name)(wait=False)
		wait_until(self.poi.connected, 20, "control and dataplane are connected")
		wait_until(lambda: self.poi.status()["tasks"] == 1, 20, "the task is there")

	def states(self, *expected):
		"""DestinationStatus of each member."""
		def said():
			return [self.poi.admf.get_destination(did).text("destinationDeliveryStatus") for did in self.dids]
		wait_until(lambda: said() == list(expected), 15, f"{list(expected)}, not {said()}")

	def as_it_was(self):
		"""The object, its use and the ends' order."""
		shown = self.ok(self.poi.admf.get_object(self.dsid)).find("genericObjectResponseDetails")[0]
		self.assertEqual(truth.canonical(shown), truth.asked(self.details))
		named = self.ok(self.poi.admf.get_task(self.xid)).find("listOfDIDs")
		self.assertEqual([(e.tag.rpartition("}")[2], e.text) for e in named], [("dSId", self.dsid)])
		self.assertEqual([e["did"] for e in self.one()["ends"]], self.dids)
		self.assertEqual(self.poi.admf.delete_object(self.dsid).error, 1000)
		self.assertEqual(self.poi.admf.remove_destination(self.dids[1]).error, 7010)

	def at_rest(self):
		"""Stops the load; the set's counts when nothing waits."""
		self.sent = self.load.finish()
		d = wait_until(lambda: (lambda d: d if not d["queued"] + d["in_doubt"] and d["delivered"] + d["dropped"] >= d["offered"] else None)(
			self.one()), 30, lambda: f"all is acknowledged: {self.one()}")
		self.assertTrue(self.pair.read_out())
		return d

	def test_dataplane(self):
		self.begin_pair()
		self.again("dataplane")
		self.goes_on(self.first)
		self.as_it_was()
		self.states("activeAndWorking", "activeAndWorking")
		self.first.kill()
		self.goes_on(self.second)
		self.states("deliveryFault", "activeAndWorking")
		self.again("dataplane")
		self.goes_on(self.second)
		self.states("deliveryFault", "activeAndWorking")
		self.second.kill()
		time.sleep(0.5)
		self.states("deliveryFault", "deliveryFault")
		waiting = self.one()["queued"] + self.one()["in_doubt"]
		self.again("dataplane")
		self.as_it_was()
		self.assertGreaterEqual(self.one()["queued"] + self.one()["in_doubt"], waiting)
		self.states("deliveryFault", "deliveryFault")
		self.first.revive()
		self.goes_on(self.first)
		self.states("activeAndWorking", "deliveryFault")
		self.second.revive()
		self.states("activeAndWorking", "activeAndWorking")
		d = self.at_rest()
		held, again = self.pair.judge(self)
		self.assertEqual(len(held), 1, "the sequence context goes on")
		(numbers,) = held.values()
		missing = max(numbers) + 1 - len(numbers)
		self.assertEqual((missing, d["delivered"]), (d["dropped"], len(numbers)), d)  # each gap is a loss that is counted
		self.assertLessEqual(d["dropped"], 3, "at most the one that was being made, a kill")
		status = self.poi.balanced()
		self.assertEqual(status["matches"], d["offered"])
		print(f"# kill -9 of poi-dataplane, three times: {self.sent} sent, "
			f"{status['matches']:d} matched, {len(numbers)} held, {d['dropped']:d} lost and "
			f"counted, {again:d} came again", flush=True)

	def test_both(self):
		"""What memory held is lost; the set, its task and its ends are as they were, and what comes from then on is at the
		preferred end that is up."""
		self.begin_pair()
		for down in (None, self.first):
			if down:
				down.kill()
				self.goes_on(self.second)
			self.again("control", "dataplane")
			self.as_it_was()
			self.goes_on(self.second if down else self.first)
			self.states("deliveryFault" if down else "activeAndWorking", "activeAndWorking")
		ready = self.load.sent
		self.first.revive()
		self.goes_on(self.first)
		self.states("activeAndWorking", "activeAndWorking")
		d = self.at_rest()
		held, again = self.pair.judge(self)
		self.assertEqual(len(held), 3, "each life has a sequence context of its own")
		for numbers in held.values():
			self.assertEqual(sorted(numbers), list(range(len(numbers))))
		self.assertEqual(set(range(ready, self.sent)) - self.pair.held, set())
		last = max(held.values(), key=lambda numbers: max(numbers.values()))
		self.assertEqual((d["delivered"], d["dropped"]), (len(last), 0), d)
		self.poi.balanced()
		print(f"# kill -9 of both, twice: {self.sent} sent, {len(self.pair.held)} held, {again:d} came again", flush=True)


if __name__ == "__main__":
	unittest.main()
