"""The second life of a spool: a destination whose process died, was removed meanwhile, or is created again. Judged by
the payload markers that the MDFs hold, not by the product's counts."""
import os
import re
import time
import unittest

import fixture
import test_spool
from loss import TARGET
from poi_lab import x1

DISCARDED = re.compile(r"([0-9]+) PDUs .*discarded")


class Lives(test_spool.Spool):
	test_away_and_back = test_hangs_in_the_handshake = test_restart_of_the_dataplane = None

	def discarded(self):
		"""PDUs that the ADMF was told were discarded, by any report of the network element or a destination."""
		if not os.path.exists(self.reports_file):
			return []
		with open(self.reports_file) as f:
			return [int(m.group(1)) for m in map(DISCARDED.search, f) if m]

	def connected(self):
		fixture.wait_until(self.poi.connected, fixture.READY, "control and dataplane are connected")

	def files(self):
		return [n for n in os.listdir(self.place) if self.bad_did in n]

	def gone_files(self, old):
		fixture.wait_until(lambda: not set(old) & set(self.files()), 10, f"the old files are removed: {self.files()}")

	def made_again(self, other):
		self.ok(self.poi.admf.create_destination(self.bad_did, other.address, other.port))
		fixture.wait_until(lambda: self.of(self.bad_did)["state"] == "up", 10, "the new destination is connected")
		time.sleep(1)

	def nothing_inherited(self, sent, before):
		"""The identifier is created for another MDF: it gets nothing of what was owed to the first."""
		old = self.files()
		other = self.made(window=0)
		self.connected()
		self.made_again(other)
		self.assertEqual((other.held, other.counts["x3"]), (0, 0), other.summary())
		self.gone_files(old)
		told = fixture.wait_until(lambda: self.discarded()[before:], 5, "the ADMF is told what was discarded")
		self.assertGreater(sum(told), 0)
		self.assertLessEqual(sum(told), sent)
		return sum(told)


class Again(Lives):
	"""The identifier used again."""

	def test_removed_while_the_dataplane_is_dead(self):
		before = len(self.discarded())
		_, sent = self.begin_away(3)
		self.assertGreater(self.on_disk(), test_spool.MIB)
		self.poi.dataplane.kill()
		fixture.wait_until(lambda: not self.poi.admf.activate(x1.new_id(), [x1.target_ipv4("192.0.2.1")],
			[self.bad_did]).ok, 5, "control notices")
		self.ok(self.poi.admf.deactivate(self.xid))
		self.ok(self.poi.admf.remove_destination(self.bad_did))
		self.poi.start_dataplane()
		self.nothing_inherited(sent, before)

	def test_both_killed_without_a_store(self):
		before = len(self.discarded())
		_, sent = self.begin_away(3)
		self.assertGreater(self.on_disk(), test_spool.MIB)
		self.poi.control.kill()
		self.poi.dataplane.kill()
		self.poi.start()
		self.nothing_inherited(sent, before)


class Age(Lives):
	"""Decision 13: the spool is used while the ADMF was heard within TIME_P2, however old its file is."""

	P2 = 6

	@classmethod
	def options(cls):
		return {**super().options(), "x1_extra": "x1:\n  keepalive: { time-p1: 1, time-p2: "
			f"{cls.P2:d} }}"}

	def heard_for(self, seconds):
		end = time.monotonic() + seconds
		while time.monotonic() < end:
			self.ok(self.poi.admf.one("Keepalive"))
			time.sleep(0.5)

	@fixture.long
	def test_an_admf_that_is_heard(self):
		self.begin_away(2)
		self.heard_for(self.P2 + 3)  # nothing is written meanwhile
		self.assertEqual(self.poi.dataplane.stop(20), 0)
		before, owed = self.bad.counts["x3"], self.on_disk()
		self.assertGreater(owed, test_spool.MIB)
		self.poi.start_dataplane()
		self.connected()
		self.bad.start()
		fixture.wait_until(lambda: self.heard_for(0.1) or self.bad.counts["x3"] - before > 1000, 15, "the spool is delivered")
		self.assertEqual(self.discarded(), [])

	def test_an_admf_that_is_silent(self):
		_, sent = self.begin_away(2)
		self.heard_for(0.1)
		self.assertEqual(self.poi.dataplane.stop(20), 0)
		old = self.files()
		time.sleep(self.P2 + 1)
		before = self.bad.counts["x3"]
		self.bad.start()
		self.poi.start_dataplane()
		told = fixture.wait_until(self.discarded, 15, "the ADMF is told what was discarded")
		self.assertTrue(0 < sum(told) <= sent, told)
		time.sleep(1)
		self.assertEqual(self.bad.counts["x3"], before, self.bad.summary())
		self.assertTrue(all(os.stat(os.path.join(self.place, n)).st_size < test_spool.EMPTY for n in old if n in self.files()))


class Stop(Lives):
	"""A planned restart loses nothing, whatever the MDF does meanwhile."""

	dropped = 0  # by processes that were restarted

	def restarted(self):
		self.dropped += self.of(self.bad_did)["dropped"]
		self.assertEqual(self.poi.dataplane.stop(20), 0)
		self.poi.start_dataplane()
		self.connected()

	def whole(self, sent, in_turn=True):
		"""All arrives but what was counted as lost before the restart: a disk that stands still for longer than memory
		lasts costs that much, whoever restarts what."""
		owed = sent - self.dropped

		def all_there():
			return self.bad.held >= owed and not self.of(self.bad_did)["queued"]
		try:
			fixture.wait_until(all_there, 40, "all are delivered")
		except AssertionError:
			self.fail(f"{sent} sent, {self.dropped:d} lost before: {self.bad.summary()} {self.of(self.bad_did)}")
		self.assertEqual(self.bad.held, owed, self.bad.summary())
		if in_turn:
			self.assertEqual(self.bad.summary()["missing"], self.dropped, self.bad.summary())
		self.assertEqual(self.of(self.bad_did)["dropped"], 0)
		self.assertEqual(self.discarded(), [])

	def sent(self, seconds):
		time.sleep(seconds)
		return len(self.stream.finish())

	def test_twice_while_the_mdf_is_away(self):
		_, sent = self.begin_away(2)
		self.restarted()
		self.restarted()
		self.bad.start()
		self.whole(sent)

	@fixture.long
	def test_a_reader_that_stalls(self):
		"""What was sent and is not acknowledged, what waits before the spool, in it and behind it."""
		bad = self.made(window=0)
		self.begin(bad)
		bad.stalled = True
		sent = self.sent(6)
		self.poi.received(sent)
		self.assertGreater(self.on_disk(), test_spool.MIB)
		self.restarted()
		bad.stalled = False
		self.whole(sent, in_turn=False)  # the old connection is still read while the new one is

	def test_while_the_spool_drains(self):
		_, sent = self.begin_away(4)
		self.bad.trickle = 0
		self.bad.start()
		fixture.wait_until(lambda: self.of(self.bad_did)["state"] == "up", 10, "the MDF is back")
		self.restarted()
		self.whole(sent)

	def test_under_traffic(self):
		self.begin(self.made(window=0))
		time.sleep(0.5)
		before = len(self.stream.finish())
		self.poi.received(before)
		self.restarted()
		self.whole(before)


class StopByTcp(Stop):
	"""Where TCP's word makes a PDU delivered: what the kernel of the MDF has taken it reads, whatever ends the connection."""

	@classmethod
	def options(cls):
		o = super().options()
		return {**o, "delivery_extra": o["delivery_extra"] + "\nsettle: tcp"}


class Removed(Lives):
	"""RemoveDestination at the end of a warrant: what is owed goes out first, and the ADMF hears what became of it."""

	DRAIN = 60

	@classmethod
	def options(cls):
		return {**super().options(), "x1_extra": "x1: { time1: 1, time2: 2 }", "drain": cls.DRAIN}

	def removed(self):
		self.ok(self.poi.admf.deactivate(self.xid))
		answer = self.poi.admf.remove_destination(self.bad_did)
		self.assertEqual((answer.ok, answer.result), (True, "Acknowledged"), str(answer))
		self.assertGreater(self.of(self.bad_did)["queued"] + self.of(self.bad_did)["unsettled"], 0)

	def ended(self, sent, lost, unacknowledged=0):
		"""The late report, with the numbers; then the identifier is free."""
		def said():
			return [t for r, t in self.reports(self.bad_did, full=True) if r == "FullyActionedAndSuccessful"]
		text = fixture.wait_until(said, 30, f"the end of the removal: {self.reports(self.bad_did, full=True)}")[0]
		self.assertIn(f" {lost} PDUs lost", text)
		self.assertEqual(self.bad.held + lost - unacknowledged, sent, (text, self.bad.summary()))
		if lost:
			self.assertIn(": 0 PDUs delivered", text)
		self.assertEqual(self.files(), [])
		self.ok(self.poi.admf.create_destination(self.bad_did, "127.0.0.1", self.bad.port))

	def test_an_mdf_that_comes_back(self):
		_, sent = self.begin_away(3)
		self.removed()
		self.bad.start()
		self.ended(sent, 0)

	@fixture.long
	def test_over_a_restart(self):
		_, sent = self.begin_away(3)
		self.removed()
		self.assertEqual(self.poi.dataplane.stop(20), 0)
		self.poi.start_dataplane()
		self.connected()
		time.sleep(1)
		self.bad.start()
		self.ended(sent, 0)

	def test_over_a_kill(self):
		_, sent = self.begin_away(3)
		self.removed()
		self.poi.dataplane.kill()
		self.poi.start_dataplane()
		self.connected()
		time.sleep(1)
		self.bad.start()
		self.ended(sent, 0)

	@fixture.long
	def test_a_slow_reader(self):
		bad = self.made(window=0)
		self.begin(bad)
		bad.stalled = True
		time.sleep(5)
		sent = len(self.stream.finish())
		self.poi.received(sent)
		self.removed()
		bad.stalled = False
		self.ended(sent, 0)

	def test_nothing_owed(self):
		self.begin(self.made(window=0))
		sent = len(self.stream.finish())
		fixture.wait_until(lambda: self.bad.held == sent, 10, "all is delivered")
		self.ok(self.poi.admf.deactivate(self.xid))
		self.ok(self.poi.admf.remove_destination(self.bad_did))


class RemovedInVain(Removed):
	"""The time for it runs out: the rest is lost, and told."""

	DRAIN = 3
	test_an_mdf_that_comes_back = test_a_slow_reader = test_nothing_owed = None
	test_over_a_restart = test_over_a_kill = None

	@fixture.long
	def test_an_mdf_that_stays_away(self):
		status, sent = self.begin_away(3)
		d = self.of(self.bad_did, status)
		lost = d["queued"] + d["unsettled"]  # with what the MDF has and never acknowledged
		self.assertGreaterEqual(self.bad.held + lost, sent, self.bad.summary())
		self.assertGreater(lost, 500)
		self.removed()
		self.ended(sent, lost, self.bad.held + lost - sent)


class Told(test_spool.Loss):
	"""Without a spool a planned stop loses what is queued: the ADMF hears the number, from task and destination."""

	OVERRIDES = ", { match: 127.0.0.0/8, buffer: 32MiB }"

	def stopped(self):
		self.begin(self.made(window=0))
		self.bad.refuse()
		self.bad.cut()
		self.detected(time.monotonic())
		time.sleep(1)
		status, sent = self.rest()
		d = self.of(self.bad_did, status)
		lost = d["queued"] + d["unsettled"]  # what was sent and not acknowledged would have been sent again
		self.assertGreater(lost, 500)
		self.assertEqual(d["delivered"] + lost, sent, d)
		self.assertGreaterEqual(self.bad.held + lost, sent, self.bad.summary())
		return lost

	def heard(self, lost, id_, kind):
		def said():
			return [text for _, text in self.reports(id_, full=True, kind=kind) if f"{lost} PDUs" in text]
		return fixture.wait_until(said, 15, f"{lost} PDUs are told: {self.reports(id_, full=True, kind=kind)}")

	def test_the_dataplane_alone(self):
		lost = self.stopped()
		self.assertEqual(self.poi.dataplane.stop(20), 0)
		self.poi.start_dataplane()
		fixture.wait_until(self.poi.connected, fixture.READY, "connected")
		self.heard(lost, self.bad_did, "ReportDestinationIssue")
		self.heard(lost, self.xid, "ReportTaskIssue")
		fixture.wait_until(lambda: self.of(self.bad_did)["state"] == "down", 5, "the MDF is still away")
		self.bad.start()
		clear = fixture.wait_until(lambda: [t for r, t in self.reports(self.bad_did, full=True) if "delivering again" in t], 15,
			"the end of the outage")
		self.assertIn(f"{lost} PDUs lost", clear[-1])
		fixture.wait_until(lambda: self.poi.admf.get_task(self.xid).text("provisioningStatus") == "complete" and
			not self.poi.admf.get_task(self.xid).all("errorCode"), 10, "no fault stays")

	def test_both(self):
		"""Nobody is left who knows the task; the destination's number is told all the same, once."""
		lost = self.stopped()
		self.assertEqual(self.poi.control.stop(20), 0)
		self.assertEqual(self.poi.dataplane.stop(20), 0)
		self.poi.start()
		told = re.compile(fr"{lost} PDUs lost.*{self.bad_did}")

		def said():
			with open(self.reports_file) as f:
				return [line for line in f if told.search(line)]
		fixture.wait_until(said, 15, f"{lost} PDUs are told")
		self.poi.control.kill()
		self.poi.start_control()
		time.sleep(1)
		self.assertEqual(len(said()), 1)


if __name__ == "__main__":
	unittest.main()
