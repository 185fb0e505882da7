"""A mediation function that is gone, slow or hostile, beside a good one: figures of detection, cost and return. The
whole courses are in test_loss.py."""
import os
import ssl
import time

from faults.common import figure
from loss import DETECTED, Far, Loss


class Mdf(Loss):
	def course(self, what, bad, start, end):
		self.begin(bad)
		since = time.monotonic()
		start()
		self.detected(since)
		known = time.monotonic() - since
		status, sent = self.rest()
		self.sums(status, sent)
		away = self.of(self.bad_did, status)
		end()
		since = time.monotonic()
		status = self.ended(sent)
		lost = self.of(self.bad_did, status)["dropped"]
		figure("1" if "slow" not in what else "2", "MDF %s: known and told" % what, "%.2f s" % known, "%g s" % DETECTED)
		figure("1" if "slow" not in what else "2", "its return",
			"%.2f s; %d owed, %d lost by name, %d had waited; the other MDF: %d of %d" % (time.monotonic() - since, sent, lost,
				away["queued"], self.good.held, sent))

	def test_gone(self):
		far = Far()
		self.addCleanup(far.close)
		self.course("gone (link cut)", self.made(far), lambda: far.far_up(False), lambda: far.far_up(True))

	def test_slow(self):
		bad = self.made()
		self.course("slow (window closed)", bad, lambda: setattr(bad, "stalled", True), lambda: setattr(bad, "stalled", False))

	def test_hostile(self):
		bad = self.made(window=0)

		def talk():
			with bad._lock:
				connections = [c for c in bad._connections if isinstance(c, ssl.SSLSocket)]
			for c in connections:
				c.sendall(os.urandom(4096))
		self.course("hostile (garbage)", bad, talk, lambda: None)


del Loss
