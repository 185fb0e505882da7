"""A mediation function that is gone, slow or hostile, beside a good one: figures of detection, cost and return. The
whole courses are in test_loss.py."""
import math
import os
import random
import ssl
import time

import fixture
from faults.common import figure
from loss import DETECTED, Far, Loss

ROUNDS = 100 if fixture.LONG else 8
BACK = 2.5  # p99


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
		figure("1" if "slow" not in what else "2", f"MDF {what}: known and told", f"{known:.2f} s", f"{DETECTED:g} s")
		figure("1" if "slow" not in what else "2", "its return",
			f"{time.monotonic() - since:.2f} s; {sent} owed, {lost} lost by name, "
			f"{away['queued']:d} had waited; the other MDF: {self.good.held:d} of {sent}")

	def test_gone(self):
		far = Far()
		self.addCleanup(far.close)
		self.course("gone (link cut)", self.made(far), lambda: far.far_up(False), lambda: far.far_up(True))

	def test_slow(self):
		bad = self.made()
		self.course("slow (window closed)", bad, lambda: setattr(bad, "stalled", True), lambda: setattr(bad, "stalled", False))

	@fixture.long
	def test_return(self):
		"""An MDF that comes back after any time is found again: the pause between attempts stays short while copies wait."""
		bad = self.made(window=0)
		self.begin(bad)
		took = []
		for n in range(ROUNDS):
			bad.refuse()
			bad.cut()
			time.sleep(random.uniform(1, 12 if fixture.LONG else 6))
			connections = bad.counts["connections"]
			bad.start()
			since = time.monotonic()
			self.assertTrue(bad.wait(lambda m, had=connections: m.counts["connections"] > had, 10), bad.summary())
			took.append(time.monotonic() - since)
			time.sleep(0.2)
		took.sort()
		p99 = took[math.ceil(0.99 * ROUNDS) - 1]
		figure("1", f"MDF back after 1 to 12 s: connected again, {ROUNDS} times", "median "
			f"{took[ROUNDS // 2]:.2f} s, p99 {p99:.2f} s, slowest "
			f"{took[-1]:.2f} s", f"p99 {BACK:g} s")
		self.assertLess(p99, BACK)

	def test_hostile(self):
		bad = self.made(window=0)

		def talk():
			with bad._lock:
				connections = [c for c in bad._connections if isinstance(c, ssl.SSLSocket)]
			for c in connections:
				c.sendall(os.urandom(4096))
		self.course("hostile (garbage)", bad, talk, lambda: None)


del Loss
