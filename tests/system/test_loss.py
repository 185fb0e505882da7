"""What is owed and what is lost when an MDF or the way to it fails: every copy is accounted for, exactly; the others
lose nothing; the ADMF is told at the start and at the end."""
import os
import signal
import ssl
import time
import unittest

import fixture
from loss import DETECTED, Far, Loss, REPORTED

PAUSE = 30 if fixture.LONG else 6
SLOW = 60 if fixture.LONG else 20


class Moved(Loss):
	def moved(self):
		"""A stalled MDF is exchanged for another. Both, the PDUs delivered before, and the frames sent."""
		bad = self.made()
		self.begin(bad)
		bad.stalled = True
		time.sleep(1)
		before = self.of(self.bad_did)["delivered"]
		new = self.made(window=0)
		self.ok(self.poi.admf.modify_destination(self.bad_did, new.address, new.port))
		bad.stalled = False
		self.assertTrue(new.wait_pdus(500, 5), new.summary())
		sent = len(self.stream.finish())
		fixture.wait_until(lambda: self.of(self.bad_did)["offered"] == sent and not self.of(self.bad_did)["queued"], 5, "all sent")
		new.wait_quiet(0.3, 3)
		return bad, new, before, sent


class Peer(Moved):
	"""The MDF itself is the fault."""

	def test_stalled(self):
		"""Reads nothing: a closed window."""
		bad = self.made()
		self.a_fault(bad, lambda: setattr(bad, "stalled", True), lambda: setattr(bad, "stalled", False), drops=True)

	def test_pause(self):
		"""A window that is closed for longer than before, by a peer that answers TCP's probes: never cut."""
		bad = self.made()
		self.begin(bad)
		bad.stalled = True
		time.sleep(PAUSE)
		bad.stalled = False
		_, sent = self.rest()
		d = self.of(self.bad_did, self.exact(sent))
		self.assertEqual((bad.summary()["connections"], d["in_doubt"]), (1, 0), bad.summary())

	@fixture.long
	def test_very_slow(self):
		"""20 kB/s: its window opens every few seconds only."""
		bad = self.made(window=0)
		self.begin(bad)
		bad.behaviour.slow = 20_000
		end = time.monotonic() + SLOW
		while time.monotonic() < end:
			self.other_unharmed(self.poi.status())
			self.assertEqual(bad.counts["connections"], 1, bad.summary())
			time.sleep(0.5)
		bad.behaviour.slow = 0
		_, sent = self.rest()
		d = self.of(self.bad_did, self.exact(sent))
		self.assertEqual((bad.summary()["connections"], d["in_doubt"]), (1, 0), bad.summary())

	def test_moved_while_it_stalls(self):
		"""After the OK of ModifyDestination the new MDF has all that the old one did not acknowledge."""
		bad, new, before, sent = self.moved()
		d = self.of(self.bad_did)
		# What the old one had read behind its last acknowledged keepalive comes again at the new one, with its number.
		self.assertGreaterEqual(bad.held, before, d)
		self.assertEqual(new.again, 0, d)
		self.assertEqual(len(bad._known | new._known), sent - d["dropped"], d)
		self.assertLessEqual(len(bad._known & new._known), bad.held - before, d)

	@fixture.long
	def test_certificates_while_it_is_slow(self):
		"""SIGHUP: a slow MDF goes on to receive until what is sent is acknowledged, and nothing is sent twice."""
		bad = self.made(window=65536)
		self.begin(bad)
		bad.behaviour.slow = 60_000
		time.sleep(2)
		os.kill(self.poi.dataplane.child.pid, signal.SIGHUP)
		last, longest, since = bad.counts["octets"], 0.0, time.monotonic()
		end = since + 10
		while time.monotonic() < end:
			time.sleep(0.05)
			if bad.counts["octets"] != last:
				longest, since, last = max(longest, time.monotonic() - since), time.monotonic(), bad.counts["octets"]
		self.assertLess(max(longest, time.monotonic() - since), 3, bad.summary())
		bad.behaviour.slow = 0
		self.assertTrue(bad.wait(lambda m: m.counts["connections"] == 2, 20), bad.summary())
		_, sent = self.rest()
		d = self.of(self.bad_did, self.exact(sent))
		self.assertEqual((d["in_doubt"], bad.again), (0, 0), d)

	def test_one_octet_a_second(self):
		bad = self.made()
		self.a_fault(bad, lambda: setattr(bad, "trickle", 1), lambda: setattr(bad, "trickle", 0), drops=True)

	def test_slow(self):
		"""Reads steadily, a fifteenth of what it is owed: no fault of the destination and never cut; what does not fit is
		lost by name, told as the task's loss, and is exactly what the MDF misses."""
		bad = self.made()
		self.begin(bad)
		bad.behaviour.slow = 100_000  # octets a second
		since = time.monotonic()
		for _ in range(5):
			before = bad.counts["octets"]
			time.sleep(1)
			self.assertGreater(bad.counts["octets"], before, bad.summary())
			status = self.poi.status()
			self.other_unharmed(status)
			self.assertEqual(self.of(self.bad_did, status)["state"], "up")
		fixture.wait_until(lambda: self.of(self.bad_did)["dropped"], 3, "the buffer is full")
		fixture.wait_until(lambda: self.reports(self.xid, kind="ReportTaskIssue"), REPORTED + DETECTED, "the ADMF hears of the loss")
		self.assertLess(bad.counts["octets"], 250_000 * (time.monotonic() - since) + 500_000, "it was slow")
		bad.behaviour.slow = 0
		_, sent = self.rest()
		d = self.of(self.bad_did, self.exact(sent))
		self.assertEqual((bad.summary()["connections"], d["in_doubt"] - d["unsettled"]), (1, 0), bad.summary())
		self.assertEqual((d["lost"]["buffer_full"], bad.held), (d["dropped"], sent - d["dropped"]), d)
		self.assertEqual(self.reports(self.bad_did), [])

	def test_flapping(self):
		"""Cut again and again."""
		bad = self.made(window=0)
		self.begin(bad)
		since = time.monotonic()
		bad.cut()
		self.detected(since)
		for _ in range(2):
			connections = bad.counts["connections"]
			self.assertTrue(bad.wait(lambda m, n=connections: m.counts["connections"] > n, 4))
			time.sleep(0.1)
			bad.cut()
		_, sent = self.rest()
		self.ended(sent)

	def test_garbage(self):
		bad = self.made(window=0)

		def talk():
			with bad._lock:
				connections = [c for c in bad._connections if isinstance(c, ssl.SSLSocket)]
			for c in connections:
				c.sendall(b"\xff" * 64)
		self.a_fault(bad, talk, lambda: None)

	def test_closes_inside_a_pdu(self):
		bad = self.made(window=0)
		self.a_fault(bad, lambda: setattr(bad.behaviour, "close_mid_pdu", 1), lambda: None)

	def test_hangs_in_the_handshake(self):
		bad = self.made(window=0)
		bad.behaviour.hang_handshake = True

		def end():
			bad.behaviour.hang_handshake = False
			bad.cut()
		self.a_fault(bad, lambda: None, end, drops=True)



class PeerByTcp(Moved):
	"""What its TCP has acknowledged is what a stalled MDF can read, to the PDU."""

	DELIVERY = "settle: tcp"

	def test_moved_while_it_stalls(self):
		"""After the OK of ModifyDestination the kernel sends nothing more to the old MDF: it reads what its TCP had
		acknowledged before, and the new one has all the rest."""
		bad, new, before, sent = self.moved()
		d = self.of(self.bad_did)
		self.assertLessEqual(bad.held, before + 1, (before, d))  # the last one's octets, not yet all known as acknowledged
		self.assertEqual((d["in_doubt"], new.again), (0, 0), d)
		self.assertEqual(len(bad._known | new._known), sent - d["dropped"], d)
		self.assertEqual(len(bad._known & new._known), 0)


class Untold(Loss):
	"""The fault is over while nobody is there who could be told."""
	RATE = 500

	def gone_and_back(self, away):
		bad = self.made(window=0)
		self.begin(bad)
		bad.refuse()
		bad.cut()
		self.detected(time.monotonic())
		self.rest()
		away(bad)
		fixture.wait_until(self.poi.connected, fixture.READY, "connected again")
		fixture.wait_until(lambda: self.reports(self.bad_did)[-1] == "AllClear", 5, "the ADMF hears of the end")
		self.assertEqual(self.poi.admf.get_destination(self.bad_did).text("destinationDeliveryStatus"), "activeAndWorking")
		self.assertEqual(self.reports(self.bad_did), ["NonTerminatingFault", "AllClear"])

	def test_while_control_is_away(self):
		def away(bad):
			self.poi.control.kill()
			bad.start()
			self.assertTrue(bad.wait(lambda m: m.counts["connections"] > 1, 40), bad.summary())
			time.sleep(0.3)
			self.poi.start_control()
		self.gone_and_back(away)

	def test_the_clock(self):
		"""The ADMF is warned when the clock that dates PDUs is not synchronised, by every control that comes; a dataplane
		that is reached again warns of nothing new."""
		def warned():
			return len([text for _, text in self.reports(None, full=True, kind="ReportNEIssue") if "clock" in text])
		unsure = 0 if fixture.clock_is_synchronised() else 1
		fixture.wait_until(lambda: self.poi.status()["clock"]["known"], 3, "the clock was looked at")
		fixture.wait_until(lambda: warned() >= unsure, 5, "the ADMF is warned")
		before = warned()
		self.poi.dataplane.kill()
		self.poi.start_dataplane()
		fixture.wait_until(self.poi.connected, fixture.READY, "connected again")
		fixture.wait_until(lambda: self.poi.status()["clock"]["known"], 3, "the clock was looked at again")
		time.sleep(1.5)
		self.assertEqual(warned(), before)
		self.poi.control.kill()
		self.poi.start_control()
		fixture.wait_until(lambda: warned() == before + unsure, 5, "the next control warns")

	def test_while_the_dataplane_is_away(self):
		def away(bad):
			self.poi.dataplane.kill()
			bad.start()
			self.poi.start_dataplane()
		self.gone_and_back(away)


class Silent(Loss):
	KEEPALIVE = "{ enabled: true, time-p1: 1, time-p2: 3 }"
	RATE = 500

	def test_never_acknowledges_keepalives(self):
		bad = self.made(window=0)
		bad.behaviour.ack = False
		self.a_fault(bad, lambda: None, lambda: setattr(bad.behaviour, "ack", True))


class Way(Loss):
	"""The MDF is well; the way to it is not."""

	def setUp(self):
		super().setUp()
		self.far = Far()
		self.addCleanup(self.far.close)

	def test_link_cut_here(self):
		self.a_fault(self.made(self.far), lambda: self.far.near_up(False), lambda: self.far.near_up(True), drops=True)

	def test_link_cut_there(self):
		self.a_fault(self.made(self.far), lambda: self.far.far_up(False), lambda: self.far.far_up(True), drops=True)

	def test_reset(self):
		"""Something in between resets every connection."""
		bad = self.made(self.far)
		self.a_fault(bad, lambda: self.far.reset(bad.port, True), lambda: self.far.reset(bad.port, False))


if __name__ == "__main__":
	unittest.main()
