"""Half an hour of random faults of the MDF, of the way to it and of the ADMF's mind (POI_LONG=1, or POI_SOAK=seconds;
twenty seconds otherwise): the ledger is exact, nobody else notices, and memory, descriptors and packet buffers are
where they were. POI_SEED picks the faults."""
import contextlib
import os
import random
import ssl
import threading
import time
import unittest

import fixture
from fixture import udp_frame
from loss import Far, Loss, PAYLOAD
from poi_lab import x1

SECONDS = int(os.environ.get("POI_SOAK", 1800 if fixture.LONG else 20))
SETTLE = 6  # seconds in which the destinations that were removed drain
WARM = 6  # seconds of faults before anything is measured: what is taken once stays
REPORTS_AT_ONCE = 4  # control/report/x1_report.h
CHURNED = "192.0.2.20"  # target of the tasks that come and go


class Churn(threading.Thread):
	"""The ADMF cannot make up its mind: tasks and destinations are made, changed and removed, with traffic to them."""

	def __init__(self, case, m, seed):
		super().__init__(daemon=True)
		self.case, self.mdf, self.chance, self.done, self.wrong, self.rounds = case, m, random.Random(seed), False, None, 0
		self.admf = case.poi.client()

	def ok(self, answer):
		if not answer.completed:
			raise AssertionError(str(answer))

	def round(self):
		did, xid = x1.new_id(), x1.new_id()
		targets = [x1.target_ipv4(CHURNED)]
		port = self.mdf.port if self.chance.random() < 0.7 else fixture.free_port()  # nobody there
		self.ok(self.admf.create_destination(did, self.mdf.address, port))
		self.ok(self.admf.activate(xid, targets, [did]))
		time.sleep(self.chance.uniform(0.05, 0.5))
		self.ok(self.admf.modify_destination(did, self.mdf.address, self.mdf.port, name="moved"))
		self.ok(self.admf.modify(xid, targets + [x1.target_port("udp", "4000")], [did]))
		time.sleep(self.chance.uniform(0.05, 0.5))
		self.ok(self.admf.deactivate(xid))
		self.ok(self.admf.remove_destination(did))
		self.rounds += 1

	def run(self):
		try:
			while not self.done:
				self.round()
		except Exception as e:  # told where the test ends
			self.wrong = e

	def finish(self):
		self.done = True
		self.join(20)
		if self.wrong:
			raise self.wrong


class Soak(Loss):
	RATE = 1000
	DATAPLANE = "\n  mbufs: 8192"  # a leak of a few hundred shows as frames without a buffer

	def to_the_admf(self):
		"""Socket numbers of connections that reports go through: those that came together leave one each to be used again."""
		with open("/proc/net/tcp") as f:
			lines = [line.split() for line in f.readlines()[1:]]
		return {f"socket:[{line[9]}]" for line in lines if int(line[2].split(":")[1], 16) == self.admf_port}

	def resources(self):
		"""Resident KiB and descriptors of control and dataplane, but for connections to the ADMF."""
		found, reports = [], self.to_the_admf()
		for process in (self.poi.control, self.poi.dataplane):
			with open(f"/proc/{process.child.pid}/status") as f:
				rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
			folder = f"/proc/{process.child.pid}/fd"
			links = []
			for fd in os.listdir(folder):
				with contextlib.suppress(FileNotFoundError):  # closed since
					links.append(os.readlink(os.path.join(folder, fd)))
			self.assertLessEqual(len(reports.intersection(links)), REPORTS_AT_ONCE)
			found.append((rss, len([link for link in links if link not in reports])))
		return found

	def whole(self, status, sent):
		"""Tasks come and go: the whole is more than the task that stays, and still exact."""
		grown = {k: status[k] - self.before[k] for k in ("matches", "offered", "delivered", "queued", "in_doubt")}
		lost = sum(status["lost"].values()) - sum(self.before["lost"].values())
		self.assertEqual(grown["matches"], grown["offered"] - sent, grown)  # two copies of the one, one of the others
		self.assertEqual(grown["delivered"] + lost + grown["queued"] + grown["in_doubt"], grown["offered"], (grown, lost))
		self.assertTrue(status["ledger"]["balanced"], status)

	def other_unharmed(self, status):
		"""Nothing is lost. How soon it is delivered is judged by the cases of single faults: in half an hour the machine
		may be busy elsewhere for a second, and the good MDF with it."""
		other = self.of(self.good_did, status)
		self.assertEqual((other["dropped"], other["in_doubt"] - other["unsettled"], other["state"]), (0, 0, "up"), other)

	def rest(self):
		sent = len(self.stream.finish())
		self.other.finish()
		fixture.wait_until(lambda: self.of(self.bad_did)["offered"] == sent, 10, f"all {sent} are matched")
		return self.poi.status(), sent

	def kill(self, m):
		"""The MDF's process is gone: its connections, its listener, and what it had not read."""
		m.refuse()
		m.cut()

	@staticmethod
	def talk(m):
		with m._lock:
			connections = [c for c in m._connections if isinstance(c, ssl.SSLSocket)]
		for c in connections:
			try:
				c.sendall(b"\xff" * 64)
			except (OSError, ValueError):
				pass  # it was being cut

	def faults(self, far, bad):
		def nothing():
			pass

		def mid_pdu():
			bad.behaviour.close_mid_pdu, bad._cut_done = 1, False
		return {
			"stall": (lambda: setattr(bad, "stalled", True), lambda: setattr(bad, "stalled", False)),
			"an octet a second": (lambda: setattr(bad, "trickle", 1), lambda: setattr(bad, "trickle", 0)),
			"link down here": (lambda: far.near_up(False), lambda: far.near_up(True)),
			"link down there": (lambda: far.far_up(False), lambda: far.far_up(True)),
			"reset": (lambda: far.reset(bad.port, True), lambda: far.reset(bad.port, False)),
			"kill": (lambda: self.kill(bad), bad.start),
			"garbage": (lambda: self.talk(bad), nothing),
			"close inside a PDU": (mid_pdu, lambda: setattr(bad.behaviour, "close_mid_pdu", 0)),
			"cut": (bad.cut, nothing)}

	def shake(self, chance, faults, seconds):
		end, happened = time.monotonic() + seconds, {}
		while time.monotonic() < end:
			name = chance.choice(sorted(faults))
			on, off = faults[name]
			happened[name] = happened.get(name, 0) + 1
			on()
			try:
				hold = time.monotonic() + chance.uniform(0.1, 8 if SECONDS > 60 else 3)
				while time.monotonic() < hold:
					self.other_unharmed(self.poi.status())
					time.sleep(0.2)
			finally:
				off()
			time.sleep(chance.uniform(0.1, 3 if SECONDS > 60 else 1))
		return happened

	def test_random_faults(self):
		chance = random.Random(int(os.environ.get("POI_SEED", "1")))
		far = Far()
		self.addCleanup(far.close)
		bad = self.made(far)
		self.begin(bad)
		self.other = fixture.Stream(self.link, lambda n: udp_frame(CHURNED, "198.51.100.1", b"%d" % n), 200)
		self.other.start()
		self.addCleanup(self.other.finish)
		churn = Churn(self, self.made(window=0), 2)
		churn.start()
		self.addCleanup(lambda: setattr(churn, "done", True))
		faults = self.faults(far, bad)
		self.shake(chance, faults, min(WARM + SECONDS // 20, 60))
		start = self.resources()
		happened = self.shake(chance, faults, SECONDS)
		churn.finish()
		now_running = self.resources()
		fixture.wait_until(lambda: self.of(self.bad_did)["state"] == "up", 60, "up again")
		fixture.wait_until(lambda: not self.of(self.bad_did)["queued"] or self.of(self.bad_did)["state"] == "up", 20, "drains")
		_, sent = self.rest()
		time.sleep(SETTLE)
		status = self.ended(sent)
		print("# %d s, faults %s, %d rounds of tasks and destinations; KiB and descriptors before %s, after %s; sent %d, %s" % (
			SECONDS, happened, churn.rounds, start, now_running, sent,
			{k: self.of(self.bad_did, status)[k] for k in ("delivered", "dropped", "in_doubt", "connects")}))
		self.clear()
		time.sleep(SETTLE)
		for (rss, descriptors), (rss_then, descriptors_then) in zip(self.resources(), start):
			self.assertLessEqual(descriptors, descriptors_then)
			self.assertLess(rss - rss_then, 8192)  # KiB: pages of buffers that were touched for the first time
		self.assertEqual(sum(p["nombuf"] for p in self.poi.status()["ports"]), 0)
		self.assertEqual(self.poi.status()["tasks"], 0)


if __name__ == "__main__":
	unittest.main()
