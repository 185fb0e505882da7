"""The two processes back each other up: kill -9 of either loses no task."""
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import unittest

import fixture
from fixture import udp_frame
from poi_lab import controller, pdu, x1

TARGET = "192.0.2.10"


class Kill(unittest.TestCase):
	def setUp(self):
		self.link = fixture.Link()
		self.addCleanup(self.link.close)
		self.poi = fixture.Poi(eal=fixture.af_packet(0, self.link.inner), ports=("{ device: net_af_packet0, mode: probe }",))
		self.addCleanup(self.poi.close)
		self.poi.start()
		self.mdf = self.poi.mdf(keep=True)
		self.did, self.xid = x1.new_id(), x1.new_id()
		self.good(self.poi.admf.create_destination(self.did, "127.0.0.1", self.mdf.port))
		self.good(self.poi.admf.activate(self.xid, [x1.target_ipv4(TARGET)], [self.did]))

	def good(self, answer):
		self.assertTrue(answer.completed, str(answer))
		return answer

	def frames(self, n=20, word=b"x"):
		return [udp_frame(TARGET, "198.51.100.1", b"%s %d" % (word, i)) for i in range(n)]

	def captured(self, n):
		self.assertTrue(self.mdf.wait_pdus(n), self.mdf.summary())

	def listed(self):
		return {e.text for e in self.poi.admf.one("ListAllDetails").all("xId")}

	def amounts(self):
		answer = self.good(self.poi.admf.get_task(self.xid))
		return int(answer.text("amountOfX3Data") or 0), answer.text("timeOfLastIntercept")

	def test_amounts_are_since_the_activation(self):
		"""Over restarts of either process, in turn; what the ADMF was told never becomes less."""
		frames, octets = self.frames(), sum(len(f) - 14 for f in self.frames())
		self.link.send(frames)
		self.captured(20)
		fixture.wait_until(lambda: self.amounts()[0] == octets, 5, f"counted: {self.amounts()}")
		last = self.amounts()[1]
		self.assertIsNotNone(last)
		self.poi.dataplane.kill()
		self.assertEqual(self.amounts(), (octets, last))
		self.poi.start_dataplane()
		fixture.wait_until(self.poi.connected, 10, "control and dataplane are connected")
		self.assertEqual(self.amounts(), (octets, last))
		self.link.send(frames)
		fixture.wait_until(lambda: self.amounts()[0] == 2 * octets, 10, f"both: {self.amounts()}")
		later = self.amounts()[1]
		self.assertGreater(later, last)
		self.good(self.poi.admf.modify(self.xid, [x1.target_ipv4(TARGET)], [self.did]))
		self.assertEqual(self.amounts(), (2 * octets, later))
		self.poi.control.kill()
		self.poi.start_control()
		self.assertEqual(self.amounts(), (2 * octets, later))
		# What nobody asked for is noted once a second.
		self.link.send(frames)
		self.captured(60)
		time.sleep(2.5)
		self.poi.dataplane.kill()
		self.poi.start_dataplane()
		fixture.wait_until(self.poi.connected, 10, "control and dataplane are connected")
		self.assertEqual(self.amounts()[0], 3 * octets)

	def test_control(self):
		before = self.poi.admf.get_task(self.xid).text("ipv4Address")
		self.link.send(self.frames())
		self.captured(20)
		self.poi.control.kill()
		self.link.send(self.frames())
		self.captured(40)  # the dataplane goes on alone
		self.poi.start_control()
		self.assertEqual(self.listed(), {self.xid})
		self.assertEqual(self.poi.admf.get_task(self.xid).text("ipv4Address"), before)
		self.assertEqual({e.text for e in self.poi.admf.one("ListAllDetails").all("dId")}, {self.did})
		self.link.send(self.frames())
		self.captured(60)
		self.assertEqual([p.sequence for p in self.mdf.kept], list(range(60)))
		self.assertTrue(self.mdf.good, self.mdf.summary())
		self.good(self.poi.admf.deactivate(self.xid))
		self.good(self.poi.admf.remove_destination(self.did))

	def test_control_with_a_removal_acknowledged(self):
		"""Nothing is left that could say that a report is owed, but for the network element's memo."""
		self.poi.dataplane.child.send_signal(signal.SIGSTOP)
		try:
			answer = self.poi.admf.deactivate(self.xid)
			self.assertEqual(answer.result, "Acknowledged", str(answer))
			self.poi.control.kill()
		finally:
			self.poi.dataplane.child.send_signal(signal.SIGCONT)
		self.poi.start_control()
		self.assertEqual(self.listed(), set())
		with open(self.poi.path("audit.jsonl")) as f:
			told = [line for line in map(json.loads, f) if line["act"] == "actioned"]
		self.assertEqual([(line["id"], line["code"]) for line in told], [(self.xid, 9040)])

	def test_control_many_times(self):
		xids = {self.xid}
		for n in range(5):
			xid = x1.new_id()
			self.good(self.poi.admf.activate(xid, [x1.target_ipv4(f"192.0.2.{100 + n}")], [self.did]))
			xids.add(xid)
			self.poi.control.kill()
			self.poi.start_control()
			self.assertEqual(self.listed(), xids)

	def test_dataplane(self):
		self.link.send(self.frames())
		self.captured(20)
		first = self.mdf.kept[0].first(pdu.IPID)
		self.poi.dataplane.kill()
		self.assertEqual(self.listed(), {self.xid})
		self.poi.start_dataplane()
		fixture.wait_until(lambda: self.poi.status()["tasks"] == 1, 10, "control has replayed the task")
		self.link.send(self.frames())
		# What was not accounted for when it was killed comes again, with its number.
		fixture.wait_until(lambda: len(self.mdf.kept) >= 40, 10, lambda: f"40 different ones: {self.mdf.summary()}")
		again = self.mdf.kept[-1].first(pdu.IPID)
		self.assertEqual(first, again)  # the sequence contexts go on: control kept what the killed one held
		self.assertEqual([p.sequence for p in self.mdf.kept], list(range(40)))
		self.assertTrue(self.mdf.good, self.mdf.summary())
		self.good(self.poi.admf.deactivate(self.xid))
		n = self.mdf.wait_quiet()
		self.link.send(self.frames())
		self.assertEqual(self.mdf.wait_quiet(0.5, 2), n)

	def test_dataplane_dead(self):
		self.poi.dataplane.kill()
		fixture.wait_until(lambda: not self.poi.admf.activate(x1.new_id(), [x1.target_ipv4("192.0.2.1")], [self.did]).ok, 5,
			"control notices")
		answer = self.poi.admf.activate(x1.new_id(), [x1.target_ipv4("192.0.2.1")], [self.did])
		self.assertEqual(answer.error, 3000, str(answer))
		answer = self.poi.admf.modify(self.xid, [x1.target_ipv4("192.0.2.1")], [self.did])
		self.assertEqual(answer.error, 3001, str(answer))
		self.assertEqual(self.poi.admf.one("GetNEStatus").text("neStatus"), "Faults")
		self.good(self.poi.admf.deactivate(self.xid))
		self.assertNotIn(self.xid, self.listed())
		self.poi.start_dataplane()
		self.poi.wait_control()
		self.link.send(self.frames())
		self.assertEqual(self.mdf.wait_quiet(0.5, 2), 0)

	def test_both(self):
		self.poi.control.kill()
		self.poi.dataplane.kill()
		self.poi.start()
		self.assertEqual(self.listed(), set())
		self.link.send(self.frames())
		self.assertEqual(self.mdf.wait_quiet(0.5, 2), 0)

	def test_stop(self):
		"""SIGTERM ends both with status 0."""
		self.link.send(self.frames())
		self.captured(20)
		self.assertEqual(self.poi.close(), [0, 0])


class Stored(unittest.TestCase):
	"""With a store nothing is lost either where poi-control is killed while it gives tasks back."""

	def setUp(self):
		folder = tempfile.mkdtemp(prefix="poi-key-")
		self.addCleanup(shutil.rmtree, folder, True)
		key = os.path.join(folder, "root.key")
		with open(os.open(key, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as f:
			f.write(os.urandom(32))
		self.poi = fixture.Poi(x1_extra=f"store: {{ file: tasks.store, key: {key} }}")
		self.addCleanup(self.poi.close)
		self.poi.start()
		self.did, self.xid = x1.new_id(), x1.new_id()
		for answer in (self.poi.admf.create_destination(self.did, "127.0.0.1", 9),
				self.poi.admf.activate(self.xid, [x1.target_ipv4(TARGET)], [self.did])):
			self.assertTrue(answer.completed, str(answer))

	def test_killed_in_a_replay(self):
		for _ in range(2):
			self.poi.control.kill()
			self.poi.dataplane.kill()
			self.poi.start_dataplane()
			# A controller that came as far as the network element, and was not the first one.
			controller.Controller(self.poi.path("run/dataplane.sock")).close()
			self.poi.start_control()
			self.assertEqual({e.text for e in self.poi.admf.one("ListAllDetails").all("xId")}, {self.xid})
			self.assertEqual(self.poi.status()["tasks"], 1)
		self.poi.control.kill()
		self.poi.start_control()
		self.assertIn("the dataplane went on and 1 tasks were taken over", self.poi.control.text())


class Reported(unittest.TestCase):
	"""With an ADMF that takes reports, once it is there."""

	X1 = ""

	def setUp(self):
		self.admf_port = fixture.free_port()
		self.poi = fixture.Poi(ne_extra=f"admf-url: https://127.0.0.1:{self.admf_port:d}/X1/ADMF", x1_extra=self.X1)
		self.addCleanup(self.poi.close)
		self.out = self.poi.path("reports.jsonl")

	def start_admf(self):
		admf = fixture.Process([sys.executable, "-B", os.path.join(fixture.TOP, "tests", "lab", "poi_lab", "admf_server.py"),
			"--listen", f"127.0.0.1:{self.admf_port:d}", "--pki", self.poi.pki.folder, "--out", self.out], self.poi.path("admf.log"),
			{"PYTHONPATH": os.path.join(fixture.TOP, "tests", "lab")})
		self.addCleanup(admf.stop)

	def reports(self, kind):
		try:
			with open(self.out) as f:
				lines = [json.loads(line) for line in f if line.endswith("\n")]
				return [line for line in lines if line["report"] == kind]
		except OSError:
			return []


class ReportsOverRestarts(Reported):
	"""What the ADMF has not answered stays owed, whoever ends meanwhile and however."""

	def over(self, end):
		self.poi.start()
		did, xid = x1.new_id(), x1.new_id()
		self.assertTrue(self.poi.admf.create_destination(did, "127.0.0.1", 9).completed)
		self.poi.dataplane.child.send_signal(signal.SIGSTOP)
		try:
			answer = self.poi.admf.activate(xid, [x1.target_ipv4(TARGET)], [did])
		finally:
			self.poi.dataplane.child.send_signal(signal.SIGCONT)
		self.assertEqual(answer.result, "Acknowledged", str(answer))
		fixture.wait_until(lambda: '"actioned"' in self.audit(), 10, "the request is completed")
		end()
		self.start_admf()
		fixture.wait_until(lambda: self.reports("FullyActionedAndSuccessful"), 60, "the ADMF hears of it")
		self.assertEqual({line["id"] for line in self.reports("FullyActionedAndSuccessful")}, {xid})

	def audit(self):
		with open(self.poi.path("audit.jsonl")) as f:
			return f.read()

	def again(self):
		self.poi.start_control()

	def test_control_killed(self):
		self.over(lambda: (self.poi.control.kill(), self.again()))

	def test_control_stopped(self):
		self.over(lambda: (self.poi.control.stop(), self.again()))

	def test_dataplane_killed_then_control(self):
		def end():
			self.poi.dataplane.kill()
			self.poi.start_dataplane()
			fixture.wait_until(self.poi.connected, 10, "control and dataplane are connected")
			self.poi.control.kill()
			self.again()
		self.over(end)


class FailSafeOfMany(Reported):
	"""However many tasks the fail-safe stops at once: the ADMF hears of each."""

	N = 10500
	X1 = "x1:\n  keepalive: { time-p1: 1, time-p2: 5 }"

	def setUp(self):
		super().setUp()
		self.start_admf()
		self.poi.xsd = self.poi.admf.xsd = None  # the answers are many
		self.poi.start()

	def terminated(self):
		return {line["id"] for line in self.reports("TerminatingFault")}

	@fixture.long
	def test_each_is_told(self):
		did, xids = x1.new_id(), [x1.new_id() for _ in range(self.N)]
		self.assertTrue(self.poi.admf.create_destination(did, "127.0.0.1", 9).completed)
		for first in range(0, self.N, 500):
			answers = self.poi.admf.send([x1.Message("ActivateTask", x1.task_details(xid,
				[x1.target_ipv4(f"10.0.{n >> 8}.{n & 255}")], [did])) for n, xid in enumerate(xids[first:first + 500], first)])
			self.assertTrue(all(a.completed for a in answers), str(answers[0]))
		fixture.wait_until(lambda: self.poi.status()["tasks"] == 0, 20, "the fail-safe has stopped them")
		fixture.wait_until(lambda: self.terminated() == set(xids), 90, "each is told")


class FailSafe(unittest.TestCase):
	"""ADMF silent for TIME_P2: the tasks end, whether or not control lives."""

	TIME_P2 = 3

	def setUp(self):
		self.link = fixture.Link()
		self.addCleanup(self.link.close)
		self.poi = fixture.Poi(eal=fixture.af_packet(0, self.link.inner), ports=("{ device: net_af_packet0, mode: probe }",),
			x1_extra=f"x1:\n  keepalive: {{ time-p1: 1, time-p2: {self.TIME_P2:d} }}")
		self.addCleanup(self.poi.close)
		self.poi.start()
		self.mdf = self.poi.mdf(keep=True)
		did, self.xid = x1.new_id(), x1.new_id()
		self.assertTrue(self.poi.admf.create_destination(did, "127.0.0.1", self.mdf.port).ok)
		self.asked = time.time_ns()
		self.assertTrue(self.poi.admf.activate(self.xid, [x1.target_ipv4(TARGET)], [did]).ok)
		self.heard = time.time_ns()

	def stream(self, seconds):
		stream = fixture.Stream(self.link, lambda n: udp_frame(TARGET, "198.51.100.1", b"%d" % n), 200)
		stream.start()
		time.sleep(seconds)
		stream.finish()
		self.mdf.wait_quiet(0.5, 3)
		last = max(p.time_ns for p in self.mdf.kept)
		self.assertGreater(last - self.heard, (self.TIME_P2 - 0.1) * 1e9)
		self.assertLess(last - self.heard, (self.TIME_P2 + 1.1) * 1e9)

	def test_control_alive(self):
		self.stream(5)
		self.assertEqual(self.poi.admf.one("ListAllDetails").all("xId"), [])

	def test_control_dead(self):
		self.poi.control.kill()
		self.stream(5)

	def test_keepalive_keeps(self):
		for _ in range(5):
			self.assertTrue(self.poi.admf.one("Keepalive").ok)
			time.sleep(1)
		self.link.send([udp_frame(TARGET, "198.51.100.1", b"x")])
		self.assertTrue(self.mdf.wait_pdus(1))

	def told(self, word):
		"""Lines of the audit log about one act."""
		with open(self.poi.path("audit.jsonl")) as f:
			return [line for line in map(json.loads, f) if line["act"] == word]

	def test_dataplane_away(self):
		"""Nobody keeps the time for poi-control then: it stops the tasks itself, and they do not come back."""
		self.poi.dataplane.kill()
		fixture.wait_until(lambda: self.told("fail-safe"), 6, "the fail-safe stops the tasks")
		self.assertGreater(time.time_ns() - self.asked, self.TIME_P2 * 1e9)
		self.assertEqual([line["id"] for line in self.told("fail-safe")], [self.xid])
		self.poi.start_dataplane()
		fixture.wait_until(self.poi.connected, 10, "control and dataplane are connected")
		self.assertEqual(self.poi.status()["tasks"], 0)
		self.link.send([udp_frame(TARGET, "198.51.100.1", b"x")])
		self.assertEqual(self.mdf.wait_quiet(0.5, 2), 0)


class LaterModel(Reported):
	"""x1.keepalive.model later: the ADMF is told at TIME_P2, whether or not control lives then, and its tasks end at TIME_P3."""

	X1 = "x1:\n  keepalive: { model: later, time-p1: 1, time-p2: 2, time-p3: 8 }"

	def setUp(self):
		super().setUp()
		self.start_admf()
		self.poi.start()
		self.did, self.xid = x1.new_id(), x1.new_id()
		self.assertTrue(self.poi.admf.create_destination(self.did, "127.0.0.1", 9).completed)
		self.assertTrue(self.poi.admf.activate(self.xid, [x1.target_ipv4(TARGET)], [self.did]).completed)
		self.heard = time.monotonic()

	def told(self, kind="FaultReport"):
		return [line for line in self.reports(kind) if "keepalives not received" in line["description"]]

	@fixture.long
	def test_control_dead_at_time_p2(self):
		self.poi.control.kill()
		time.sleep(3)
		self.poi.start_control(wait=False)  # what is asked here would be a word of the ADMF
		fixture.wait_until(self.told, 5, "it is told by the next control")
		self.assertLess(time.monotonic() - self.heard, 8)
		fixture.wait_until(lambda: self.poi.status()["tasks"] == 0, 8, "the fail-safe has stopped them")
		self.assertGreater(time.monotonic() - self.heard, 7.9)
		self.assertEqual(len(self.told()), 1, "once")
		self.assertTrue(self.poi.admf.one("Keepalive").ok)
		fixture.wait_until(lambda: len(self.reports("FaultCleared")) >= 2, 5, "both are cleared")


class FailSafeOverRestarts(FailSafe):
	"""The deadline is TIME_P2 after the ADMF was heard, whichever process lives."""

	TIME_P2 = 10

	test_control_alive = test_control_dead = test_keepalive_keeps = test_dataplane_away = None

	def test_dataplane(self):
		time.sleep(2)
		self.poi.dataplane.kill()
		self.poi.start_dataplane()
		fixture.wait_until(self.poi.connected, 10, "control and dataplane are connected")
		self.assertEqual(self.poi.status()["tasks"], 1)
		self.stream(self.heard / 1e9 + 12 - time.time())

	@fixture.long
	def test_control_then_dataplane(self):
		"""Each has the time from the other."""
		time.sleep(1)
		self.poi.control.kill()
		self.poi.start_control(wait=False)  # what is asked here would be a word of the ADMF
		fixture.wait_until(self.poi.connected, 10, "control and dataplane are connected")
		time.sleep(1)
		self.poi.dataplane.kill()
		self.poi.start_dataplane()
		fixture.wait_until(self.poi.connected, 10, "control and dataplane are connected")
		self.stream(self.heard / 1e9 + 12 - time.time())
