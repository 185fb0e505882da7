"""A planned restart at the rate of a link, in the long run: what was captured is there, each with its number, whatever
memory held at that moment. The numbers of a life show what is missing in it but for its end; so the last frame of each
life is looked for, where the test knows which one that is."""
import json
import os
import signal
import subprocess
import sys
import time
import unittest

import fixture
import test_spool
from loss import TARGET
from poi_lab import x1

OCTETS, RATE = 1400, 1_000_000_000


@unittest.skipUnless(fixture.LONG, "in the long run")
class AtRate(test_spool.Spool):
	SIZE = "1GiB"
	OVERRIDES = ", { match: 127.0.0.0/8, buffer: 256MiB }"
	SETTLE = "keepalive"
	test_away_and_back = test_hangs_in_the_handshake = test_restart_of_the_dataplane = None

	@classmethod
	def options(cls):
		o = super().options()
		return {**o, "delivery_extra": o["delivery_extra"] + "\nbuffer-total: 512MiB\nsettle: " + cls.SETTLE}

	def helper(self, *arguments):
		p = subprocess.Popen([sys.executable, "-B", os.path.join(os.path.dirname(__file__), "rate.py"), *map(str, arguments)],
			stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
		self.addCleanup(p.stdout.close)
		self.addCleanup(p.wait)
		self.addCleanup(p.kill)
		return p

	def begin(self):
		self.taker = self.helper("take", self.poi.pki.folder)
		self.did = x1.new_id()
		self.ok(self.poi.admf.create_destination(self.did, "127.0.0.1", int(self.taker.stdout.readline())))
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], [self.did]))
		self.sender = self.helper("send", self.link.outer, TARGET, OCTETS, RATE)

	def restart_after(self, seconds, stall=0):
		before, started = self.poi.status()["matches"], time.monotonic()
		time.sleep(seconds - stall)
		lasts = []
		if stall:
			self.taker.send_signal(signal.SIGUSR1)
			time.sleep(stall)
			self.sender.send_signal(signal.SIGUSR1)
			lasts.append(int(self.sender.stdout.readline()) - 1)
			time.sleep(0.3)  # the port's ring runs empty
		held = self.of(self.did)
		bits = (self.poi.status()["matches"] - before) / (time.monotonic() - started) * OCTETS * 8
		begun = time.monotonic()
		self.assertEqual(self.poi.dataplane.stop(60), 0)
		stopped = time.monotonic() - begun
		self.poi.start_dataplane()
		fixture.wait_until(self.poi.connected, fixture.READY, "control and dataplane are connected")
		away = time.monotonic() - begun
		self.taker.send_signal(signal.SIGUSR2)
		self.sender.send_signal(signal.SIGUSR2)
		time.sleep(3)
		self.sender.terminate()
		sent = int(self.sender.stdout.readline())
		self.drained_all()
		self.taker.terminate()
		sums = json.loads(self.taker.stdout.readline())
		print(f"# planned restart at {bits / 1e9:.2f} Gbit/s ({self.SETTLE}), "
			f"{held['queued'] + held['unsettled']:d} PDUs waited: {sent} sent, "
			f"{sums['held']:d} held, {sums['missing']:d} numbers missing, {sums['again']:d} came "
			f"twice; stopped in {stopped:.1f} s, connected after {away:.1f} s")
		self.assertEqual((sums["missing"], sums["twice"], sums["wrong"]), (0, 0, []), sums)
		self.assertEqual(len(sums["lasts"]), 2, "two lives")
		self.assertEqual(sums["lasts"][-1 - len(lasts):], [*lasts, sent - 1], "the last frame of a life")
		self.assertEqual(self.of(self.did)["dropped"], 0)

	def drained_all(self):
		def drained():
			d = self.of(self.did)
			return not d["queued"] and not d["unsettled"]
		fixture.wait_until(drained, 60, f"all is delivered: {self.of(self.did)}")

	def test_under_way(self):
		self.begin()
		self.restart_after(4)

	def test_behind_a_reader_that_stalls(self):
		self.begin()
		self.restart_after(4, 0.5)


class AtRateByTcp(AtRate):
	SETTLE = "tcp"


if __name__ == "__main__":
	unittest.main()
