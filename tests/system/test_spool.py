"""The spool through the real processes: what memory cannot hold waits on disk, in order; a restart of the dataplane
replays it; a disk that is full or fails loses nothing unsaid, and the ADMF hears of it."""
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import fixture
from loss import Loss, PAYLOAD, TARGET
from fixture import udp_frame
from poi_lab import x1

MIB = 1 << 20
EMPTY = 128  # octets of a spool's file that holds no PDU, at most


class Spool(Loss):
	"""The MDF `bad` goes away and comes back; more than memory holds is owed to it meanwhile."""

	SIZE = "64MiB"
	RATE = 2500
	OVERRIDES = ", { match: 127.0.0.0/8, buffer: 4MiB }"  # a second and a half: a disk may be busy
	DISK = None  # octets of a file system of its own

	@classmethod
	def setUpClass(cls):
		cls.folder = tempfile.mkdtemp(prefix="poi-spool-")
		cls.addClassCleanup(shutil.rmtree, cls.folder, True)
		cls.place = os.path.join(cls.folder, "spool")
		os.mkdir(cls.place, 0o700)
		if cls.DISK:
			subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={cls.DISK:d},mode=0700", "tmpfs", cls.place], check=True)
			cls.addClassCleanup(subprocess.run, ["umount", "-l", cls.place], check=False)
		key = os.path.join(cls.folder, "key")
		with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
			out.write("0123456789abcdef0123456789abcdef")
		cls.DELIVERY = f"spool: {{ folder: {cls.place}, key: {key}, size: {cls.SIZE} }}"
		super().setUpClass()

	def on_disk(self):
		return sum(os.stat(os.path.join(self.place, f)).st_blocks * 512 for f in os.listdir(self.place))

	def away(self, m):
		m.refuse()
		m.cut()

	def begin_away(self, seconds):
		"""Traffic with the MDF away for so long; the frames sent."""
		bad = self.made(window=0)
		self.begin(bad)
		self.away(bad)
		self.detected(time.monotonic())
		time.sleep(seconds)
		return self.rest()

	def back(self, m, timeout=40):
		m.start()
		self.drained(m, timeout)

	def drained(self, m, timeout=40):
		def drained():
			d = self.of(self.bad_did)
			return d["state"] == "up" and not d["queued"] and not d["unsettled"]
		fixture.wait_until(drained, timeout, f"all is delivered: {self.of(self.bad_did)}")
		self.assertTrue(m.read_out(), m.summary())

	def heard(self, text):
		return [(report, said) for report, said in self.reports(self.bad_did, full=True) if text in said]

	def test_away_and_back(self):
		"""Far beyond the memory of 4 MiB: nothing is lost, nothing twice, all in order."""
		status, sent = self.begin_away(4)
		self.sums(status, sent)
		d = self.of(self.bad_did, status)
		self.assertEqual(d["dropped"], 0, d)
		self.assertGreater(d["queued_octets"], 4 * MIB, d)
		self.assertGreater(self.on_disk(), 3 * MIB)
		for name in os.listdir(self.place):  # sealed
			with open(os.path.join(self.place, name), "rb") as f:
				self.assertNotIn(b"........", f.read())
		self.back(self.bad)
		status = self.poi.status()
		self.sums(status, sent)
		self.assertEqual(self.of(self.bad_did, status)["delivered"], sent)
		self.assertEqual(self.bad.held, sent, self.bad.summary())
		self.assertEqual((self.bad.summary()["gaps"], self.bad.summary()["repeats"]), (0, 0), self.bad.summary())
		self.assertEqual(self.heard("spool"), [])
		self.assertEqual(self.outages(self.bad_did)[-1][1], 0)  # an outage that cost nothing

	def test_hangs_in_the_handshake(self):
		"""What memory cannot hold goes to disk while an attempt is under way, too."""
		bad = self.made(window=0)
		bad.behaviour.hang_handshake = True
		self.begin(bad)
		time.sleep(3)  # an attempt ends after 4 s
		self.assertEqual(self.of(self.bad_did)["state"], "connecting")
		status, sent = self.rest()
		self.sums(status, sent)
		d = self.of(self.bad_did, status)
		self.assertGreater(d["queued_octets"], 4 * MIB, d)
		self.assertEqual(d["dropped"], 0, d)
		bad.behaviour.hang_handshake = False
		bad.cut()
		self.drained(bad)
		self.assertEqual((bad.held, bad.summary()["gaps"]), (sent, 0), bad.summary())

	def test_restart_of_the_dataplane(self):
		"""What is on disk when it ends is delivered by the next one, before anything new."""
		status, sent = self.begin_away(3)
		lost = self.of(self.bad_did, status)["dropped"]
		self.assertEqual(self.poi.dataplane.stop(20), 0)
		kept = self.on_disk()
		self.assertGreater(kept, 2 * MIB)
		self.poi.start_dataplane()
		fixture.wait_until(lambda: self.poi.connected() and self.poi.status()["tasks"] == status["tasks"], fixture.READY,
			"the tasks are in force again")
		new = [udp_frame(TARGET, "198.51.100.1", b"new".ljust(PAYLOAD, b"."))] * 20
		before = self.bad.counts["x3"]
		self.link.send(new)
		self.back(self.bad)
		summary = self.bad.summary()
		recovered = summary["x3"] - before - len(new)
		# All of it came back, what was in memory too.
		self.assertGreater(recovered, 2 * MIB // (PAYLOAD + 150), summary)
		self.assertLessEqual(recovered, sent)
		# What it had read and not acknowledged when it went comes again, with its numbers.
		self.assertEqual(summary["repeats"], 0, summary)
		self.assertLessEqual(summary["resent"], before, summary)
		self.assertEqual((lost, summary["missing"]), (0, 0), summary)
		self.assertEqual(self.bad.held, sent + len(new), summary)
		d = self.of(self.bad_did)
		# What was found stands in the sums of the destination and the whole.
		both = sent - before + summary["resent"] + len(new)
		self.assertEqual((d["offered"], d["delivered"], d["dropped"]), (both, both, 0), d)
		self.assertTrue(self.poi.balanced())


class Small(Spool):
	"""The spool's own bound."""

	SIZE = "4MiB"

	def full(self, text):
		status, sent = self.begin_away(5)
		self.sums(status, sent)
		d = self.of(self.bad_did, status)
		self.assertGreater(d["lost"]["buffer_full"], 0, d)
		self.assertEqual(d["dropped"], d["lost"]["buffer_full"], d)
		self.assertGreater(d["queued_octets"], MIB, d)
		fixture.wait_until(lambda: self.heard(text), 2, f"the ADMF hears of it: {self.reports(self.bad_did, full=True)}")
		self.back(self.bad)
		status = self.poi.status()
		self.sums(status, sent)
		d = self.of(self.bad_did, status)
		self.assertEqual(self.bad.held, d["delivered"], (d, self.bad.summary()))
		self.assertEqual(d["delivered"] + d["dropped"], sent, d)
		# The report's clears tell the same loss: a short segment may still find room where a long one did not, and ends
		# a fault. The gaps that the MDF sees are that loss.
		def told():
			texts = [s for r, s in self.heard("PDUs lost meanwhile") if r == "AllClear"]
			return sum(int(re.search(r"([0-9]+) PDUs lost meanwhile", s).group(1)) for s in texts)
		fixture.wait_until(lambda: told() >= d["dropped"], 5, "the spool's fault is cleared: "
			f"{self.reports(self.bad_did, full=True)}")
		self.assertEqual(told(), d["dropped"], self.reports(self.bad_did, full=True))
		self.assertEqual(sum(lost for _, lost in self.outages(self.bad_did)), d["dropped"])

	def test_away_and_back(self):
		self.full("the spool is full")

	test_restart_of_the_dataplane = test_hangs_in_the_handshake = None


@fixture.long
class FullDisk(Small):
	"""The disk is smaller than the spool may be."""

	SIZE, DISK = "64MiB", 3 * MIB

	def test_away_and_back(self):
		self.full("spool: ")


if __name__ == "__main__":
	unittest.main()
