"""Tasks by session and by subscriber: what X1 answers, what is told of them, and that they follow."""
import json
import os
import shutil
import socket
import sys
import tempfile
import time
import unittest

import fixture
from fixture import wait_until
from frozen import frozen
from poi_lab import n4, x1

IMSI = "001010000021309"


def targets(*members, space=x1.E3GPP):
	"""Members of the 3GPP extension: (name, XML inside)."""
	inside = "".join(f"<e:UPFLIT3TargetIdentifier><e:{n}>{v}</e:{n}></e:UPFLIT3TargetIdentifier>" for n, v in members)
	return ('<x1:targetIdentifierExtension><x1:Owner>3GPP</x1:Owner><e:UPFLIT3TargetIdentifierExtensions xmlns:e="%s">%s'
		"</e:UPFLIT3TargetIdentifierExtensions></x1:targetIdentifierExtension>") % (space, inside)


def fseid(seid, address=None):
	return "FSEID", f"<e:SEID>{seid}</e:SEID>" + (f"<e:IPv4Address>{address}</e:IPv4Address>" if address else "")


def subscriber(kind, value):
	return f"<x1:{kind}>{value}</x1:{kind}>"


class Followed(fixture.TrafficCase):
	"""One port that sees it all: N4 and N3."""

	PORT = "{ device: net_af_packet0, mode: probe, tunnel: gtpu, signalling: [pfcp] }"

	tests = 0

	def setUp(self):
		super().setUp()
		self.player, self.at = n4.Player(), 0
		Followed.tests += 1  # the POI remembers: each test is about other sessions
		for node in (self.player.smf, self.player.upf):
			node.sequence, node.next_seid, node.next_teid = (Followed.tests * n for n in (1000, 100, 0x1000))
		self.player._ue = 10 * Followed.tests

	def play(self, pause=0.05):
		"""Sends what was played since, with a pause behind signalling."""
		frames = self.player.frames[self.at:]
		self.at = len(self.player.frames)
		for frame in frames:
			self.send([frame.octets])
			if frame.link == "signalling":
				time.sleep(pause)
		return frames

	def expect(self, frames):
		"""Exactly these frames were delivered, each once."""
		wanted = sorted(n4.MARK % f.number for f in frames)
		self.mdf.wait_pdus(len(wanted), 3)
		self.mdf.wait_quiet()
		got = sorted(bytes(p.payload)[-len(wanted[0]):] for p in self.mdf.kept) if wanted else [p.payload for p in self.mdf.kept]
		self.assertEqual(got, wanted)

	def users(self, frames, session):
		return [f for f in frames if f.owner is session]


class Named(Followed):
	"""Only what goes between these nodes is believed."""

	PORT = "{ device: net_af_packet0, mode: probe, tunnel: gtpu, signalling: [pfcp], signalling-peers: [10.250.0.10/32, 10.250.0.20/32] }"

	def test_a_stranger_binds_nothing(self):
		self.activate(subscriber("supiimsi", IMSI))
		p = self.player
		forged = n4.Session(p, imsi=IMSI, smf=p.smf2).establish()
		forged.up(1)
		mine = n4.Session(p, imsi=IMSI).establish()
		mine.up(2)
		self.expect(self.users(self.play(), mine))
		self.assertEqual(self.poi.status()["signalling"]["counters"]["strangers"], 2)


class Follow(Followed):
	def test_a_session_is_followed(self):
		self.activate(subscriber("supiimsi", IMSI))
		p = self.player
		p.associate()
		mine, other = n4.Session(p, imsi=IMSI), n4.Session(p, imsi="001010000021310")
		for s in (mine, other):
			s.establish()
			s.up(2)
			s.connect(p.gnb(1))
			s.up(2)
			s.down(3)
		frames = self.play()
		mine.release()
		self.play()
		late = len(p.frames)
		mine.up(2)
		self.play()
		self.assertEqual(len(p.frames), late + 2)
		self.expect(self.users(frames, mine))
		self.assertEqual([pdu.direction for pdu in self.mdf.kept], [3] * 4 + [2] * 3)
		self.assertEqual({pdu.format for pdu in self.mdf.kept}, {12})
		self.poi.balanced()

	def test_a_session_known_before_its_task(self):
		p = self.player
		s = n4.Session(p, imsi=IMSI)
		s.establish().connect(p.gnb(1))
		s.up(2)
		self.play()
		xid = self.activate(targets(fseid(s.seid, p.smf.n4)))
		s.up(2)
		s.down(2)
		inside = self.play()
		self.ok(self.poi.admf.one("DeactivateTask", f"<x1:xId>{xid}</x1:xId>"))
		s.up(2)
		self.play()
		self.expect(self.users(inside, s))

	def test_a_modification_changes_the_session(self):
		p = self.player
		one, two = n4.Session(p, imsi=IMSI), n4.Session(p, imsi="001010000021310")
		for s in (one, two):
			s.establish().connect(p.gnb(1))
		self.play()
		xid = self.activate(subscriber("imsi", IMSI))
		one.up(2)
		two.up(2)
		first = self.play()
		self.ok(self.poi.admf.modify(xid, [subscriber("imsi", "001010000021310")], [self.did]))
		one.up(2)
		two.up(2)
		second = self.play()
		self.ok(self.poi.admf.modify(xid, [x1.target_ipv4(one.ue)], [self.did]))
		one.up(1)
		two.up(1)
		third = self.play()
		self.ok(self.poi.admf.modify(xid, [subscriber("imsi", IMSI), x1.target_port("udp", "4000")], [self.did]))
		one.up(1)
		one.up(1, ports=(4001, 5000))
		fourth = self.play()
		self.expect(self.users(first, one) + self.users(second, two) + self.users(third, one) + self.users(fourth, one)[:1])


	def test_modified_under_traffic(self):
		"""Not a packet is lost or comes twice while the task is replaced again and again."""
		p = self.player
		s = n4.Session(p, imsi="001010000021319")
		s.establish().connect(p.gnb(1))
		self.play()
		xid = self.activate(subscriber("imsi", "001010000021319"))
		s.up(6000)
		s.down(6000)
		frames = p.frames[self.at:]
		self.at = len(p.frames)
		stream = fixture.Stream(self.link, lambda n: frames[n % len(frames)].octets, rate=2000)
		stream.start()
		for i in range(25):
			one = [subscriber("imsi", "001010000021319")] + ([x1.target_cidr("10.0.0.0/8")] if i % 2 else [])
			self.ok(self.poi.admf.modify(xid, one, [self.did]))
		sent = len(stream.finish())
		self.assertGreater(sent, 50)
		self.assertLess(sent, len(frames))
		self.expect(frames[:sent])


class Early(Followed):
	"""User packets right behind the message that shows their tunnel: they come faster than a table changes."""

	def test_none_is_lost(self):
		self.activate(subscriber("imsi", "001010000021320"))
		p, mine = self.player, []
		for _ in range(20):
			s = n4.Session(p, imsi="001010000021320")
			s.establish()
			s.up(5)
			s.connect(p.gnb(1))
			s.up(1)
			s.down(5)
			mine.append(s)
		frames = p.frames[self.at:]
		for i in range(0, len(frames), 15):  # a session's frames back to back
			self.send([f.octets for f in frames[i:i + 15]])
		self.expect([f for f in frames if f.owner in mine])
		early = self.poi.status()["signalling"]["early"]
		self.assertGreater(early["held"], 0)
		self.assertGreater(early["matched"], 0)
		self.poi.balanced()

	def events(self):
		return self.poi.status()["signalling"]["counters"]

	def test_none_is_lost_while_only_workers_run(self):
		"""Builder and follower get no CPU for much longer than packets are held in any case."""
		self.activate(subscriber("imsi", "001010000021323"))
		late, mine = self.events()["late_rules"], []
		for _ in range(20):
			s = n4.Session(self.player, imsi="001010000021323")
			s.establish()
			s.up(10)
			mine.append(s)
		with frozen(self.poi.dataplane.child.pid, "worker") as stopped:
			self.assertGreaterEqual(len(stopped), 2)
			self.link.send([f.octets for f in self.player.frames[self.at:]])
			time.sleep(0.5)
		self.expect([f for f in self.player.frames[self.at:] if f.owner in mine])
		self.assertEqual(self.events()["late_rules"], late)

	def test_more_than_is_held_while_only_workers_run(self):
		"""What gives way is lost, and that is said: counted, and its task is unsure."""
		imsi = "001010000021324"
		self.activate(subscriber("imsi", imsi))
		late, unsure = self.events()["late_rules"], self.poi.status()["signalling"]["unsure"]
		s = n4.Session(self.player, imsi=imsi)
		s.establish()
		s.up(700)
		with frozen(self.poi.dataplane.child.pid, "worker"):
			self.link.send([f.octets for f in self.player.frames[self.at:]])
			time.sleep(0.3)
		wait_until(lambda: self.events()["late_rules"] > late, 5, "a rule was late")
		self.assertEqual(self.poi.status()["signalling"]["unsure"], unsure + 1)

	def test_nothing_is_held_without_such_tasks(self):
		self.activate(x1.target_ipv4("192.0.2.1"))
		before = self.poi.status()["signalling"]["early"]["held"]
		s = n4.Session(self.player, imsi=IMSI)
		s.establish()
		s.up(5)
		self.send([f.octets for f in self.player.frames])
		self.assertEqual(self.poi.status()["signalling"]["early"]["held"], before)

	def test_held_packets_go(self):
		"""Those of strangers are given up, and no packet buffer stays behind."""
		self.activate(subscriber("imsi", "001010000021321"))
		for _ in range(50):
			s = n4.Session(self.player, imsi="001010000021322")
			s.establish()
			s.up(20)
		self.send([f.octets for f in self.player.frames])
		time.sleep(0.1)
		early = self.poi.status()["signalling"]["early"]
		self.assertEqual(early["held"], early["matched"] + early["given_up"] + early["no_room"])
		self.expect([])


class Told(Followed):
	"""What the ADMF is answered and told."""

	@classmethod
	def setUpClass(cls):
		cls.admf_port = fixture.free_port()
		folder = tempfile.mkdtemp(prefix="poi-admf-")
		cls.addClassCleanup(shutil.rmtree, folder, True)
		cls.reports_file = os.path.join(folder, "reports.jsonl")
		xsd = x1.Xsd.find()
		command = [sys.executable, "-B", os.path.join(fixture.TOP, "tests", "lab", "poi_lab", "admf_server.py"), "--listen",
			f"127.0.0.1:{cls.admf_port:d}", "--pki", fixture.shared_pki().folder, "--out", cls.reports_file]
		listening = fixture.Process(command + (["--xsd", os.path.dirname(xsd.schema)] if xsd else []),
			os.path.join(folder, "admf.log"), {"PYTHONPATH": os.path.join(fixture.TOP, "tests", "lab")})
		cls.addClassCleanup(listening.stop)
		wait_until(cls.admf_listens, fixture.READY, "the ADMF listens")
		super().setUpClass()

	@classmethod
	def admf_listens(cls):
		with socket.socket() as s:
			return s.connect_ex(("127.0.0.1", cls.admf_port)) == 0

	@classmethod
	def options(cls):
		return {**super().options(), "ne_extra": f"admf-url: https://127.0.0.1:{cls.admf_port:d}/X1/ADMF"}

	def reports(self, xid):
		if not os.path.exists(self.reports_file):
			return []
		with open(self.reports_file) as f:
			return [r for r in (json.loads(line) for line in f if line.endswith("\n")) if r["id"] == xid]

	def reported(self, xid, *kinds):
		wait_until(lambda: [r["report"] for r in self.reports(xid)] == list(kinds), 15,
			f"reports {kinds}; there are {self.reports(xid)}")
		return self.reports(xid)[-1]

	def faults(self, xid):
		return [e.text for e in self.ok(self.poi.admf.get_task(xid)).all("errorDescription")]

	def test_waiting_until_bound(self):
		imsi = "001010000021315"
		xid = self.activate(subscriber("supiimsi", imsi))
		line = self.reported(xid, "NonTerminatingFault")
		self.assertNotIn(imsi, json.dumps(line))
		self.assertEqual(len(self.faults(xid)), 1)
		self.assertGreaterEqual(self.poi.status()["signalling"]["unresolved"], 1)
		s = n4.Session(self.player, imsi=imsi)
		s.establish()
		self.play()
		self.reported(xid, "NonTerminatingFault", "AllClear")
		self.assertEqual(self.faults(xid), [])
		status = self.poi.status()["signalling"]
		self.assertEqual((status["tasks"], status["unresolved"], status["unsure"]), (1, 0, 0))
		self.assertGreater(status["rules"], 0)
		self.assertGreater(status["since_ns"], 0)
		self.assertGreater(status["binding"]["measured"], 0)
		self.assertGreaterEqual(status["counters"]["pfcp"]["ok"], 2)
		self.assertNotIn(imsi, self.poi.poi("status", "-c", self.poi.file).stdout)

	def test_how_many_sessions(self):
		imsi = "001010000021314"
		sessions = [n4.Session(self.player, imsi=imsi) for _ in range(2)]
		for session in sessions:
			session.establish()
		self.play()
		xid = self.activate(subscriber("imsi", imsi))
		newer = self.poi.client()
		newer.xsd = None  # the schema of before V1.14 does not know TaskStatusExtensions

		def told(version):
			answer = newer.send([x1.Message("GetTaskDetails", f"<x1:xId>{xid}</x1:xId>")], version)[0]
			return [e.text for e in self.ok_details(answer).all("Owner")]

		self.assertEqual(told("v1.14.1"), ["poi: bound to 2 sessions"])
		self.assertEqual(told("v1.8.1"), [])
		sessions[0].release()
		self.play()
		self.assertEqual(told("v1.22.1"), ["poi: bound to 1 sessions"])

	def ok_details(self, answer):
		self.assertTrue(answer.ok, str(answer))
		return answer

	def test_ends_with_its_session(self):
		xid = self.activate(subscriber("imsi", "001010000021311"), middle="<x1:implicitDeactivationAllowed>true</x1:implicitDeactivationAllowed>")
		stays = self.activate(subscriber("imsi", "001010000021311"))
		s = n4.Session(self.player, imsi="001010000021311")
		s.establish()
		self.play()
		self.reported(xid, "NonTerminatingFault", "AllClear")
		s.release()
		self.play()
		self.reported(xid, "NonTerminatingFault", "AllClear", "ImplicitDeactivation")
		self.refused(2020, self.poi.admf.get_task(xid))
		self.ok(self.poi.admf.get_task(stays))
		self.assertEqual(self.faults(stays), [])

	def lives(self, xid):
		time.sleep(1)
		self.assertEqual([r["report"] for r in self.reports(xid) if r["report"] == "ImplicitDeactivation"], [])
		self.ok(self.poi.admf.get_task(xid))

	def may_end(self, imsi, *more):
		return self.activate(subscriber("imsi", imsi), *more, middle="<x1:implicitDeactivationAllowed>true</x1:implicitDeactivationAllowed>")

	def test_idle_is_no_end(self):
		imsi = "001010000021401"
		xid = self.may_end(imsi, targets(("GTPTunnelDirection", "Outbound")))
		s = n4.Session(self.player, imsi=imsi)
		s.establish().connect(self.player.gnb(1))
		self.play()
		self.reported(xid, "NonTerminatingFault", "AllClear")
		s.idle()
		self.play()
		self.lives(xid)

	def test_a_refused_establishment_is_no_end(self):
		imsi = "001010000021402"
		xid = self.may_end(imsi)
		s = n4.Session(self.player, imsi=imsi)
		s.established(s.send(s.establishment()), fail=75)
		self.play()
		self.lives(xid)
		self.reported(xid, "NonTerminatingFault")  # none has been seen yet
		n4.Session(self.player, imsi=imsi).establish()
		self.play()
		self.reported(xid, "NonTerminatingFault", "AllClear")

	def test_a_lost_association_is_no_end(self):
		imsi = "001010000021403"
		xid = self.may_end(imsi)
		p = self.player
		p.associate()
		n4.Session(p, imsi=imsi).establish()
		self.play()
		self.reported(xid, "NonTerminatingFault", "AllClear")
		p.associate()
		self.play()
		self.lives(xid)

	def test_an_end_before_another_session_is_none(self):
		imsi = "001010000021404"
		xid = self.may_end(imsi)
		s = n4.Session(self.player, imsi=imsi)
		s.establish()
		self.play()
		self.reported(xid, "NonTerminatingFault", "AllClear")
		self.poi.control.kill()
		s.release()
		self.play()
		n4.Session(self.player, imsi=imsi).establish()
		self.play()
		self.poi.start_control()
		self.lives(xid)

	def test_after_a_restart_of_control(self):
		xid = self.activate(subscriber("imsi", "001010000021312"))
		self.reported(xid, "NonTerminatingFault")
		self.poi.control.kill()
		self.poi.start_control()
		self.reported(xid, "NonTerminatingFault", "NonTerminatingFault")  # it stands, and is told again
		s = n4.Session(self.player, imsi="001010000021312")
		s.establish()
		s.up(2)
		frames = self.play()
		self.expect(self.users(frames, s))
		self.reported(xid, "NonTerminatingFault", "NonTerminatingFault", "AllClear")

	def test_ends_while_control_is_away(self):
		xid = self.activate(subscriber("imsi", "001010000021316"), middle="<x1:implicitDeactivationAllowed>true</x1:implicitDeactivationAllowed>")
		s = n4.Session(self.player, imsi="001010000021316")
		s.establish()
		self.play()
		self.reported(xid, "NonTerminatingFault", "AllClear")
		self.poi.control.kill()
		s.release()
		self.play()
		self.poi.start_control()
		wait_until(lambda: self.poi.admf.get_task(xid).error == 2020, 10, "the task has ended")
		self.assertEqual(self.poi.status()["signalling"]["tasks"], 0)

	def test_after_a_restart_of_the_dataplane(self):
		xid = self.activate(subscriber("imsi", "001010000021313"))
		self.poi.dataplane.kill()
		self.poi.start_dataplane()
		wait_until(self.poi.connected, fixture.READY, "control is connected")
		wait_until(lambda: self.poi.status()["signalling"]["tasks"] == 1, 10, "the task is back")
		s = n4.Session(self.player, imsi="001010000021313")
		s.establish()
		s.up(2)
		frames = self.play()
		self.expect(self.users(frames, s))
		self.assertEqual(self.faults(xid), [])


class FailSafe(Followed):
	"""An ADMF that is silent stops tasks by session too."""

	@classmethod
	def options(cls):
		return {**super().options(), "x1_extra": "x1: { keepalive: { time-p1: 1, time-p2: 2 } }\n"}

	def test_stopped(self):
		self.activate(subscriber("imsi", "001010000021330"))
		s = n4.Session(self.player, imsi="001010000021330")
		s.establish()
		s.up(2)
		before = self.play()
		wait_until(lambda: self.poi.status()["signalling"]["tasks"] == 0, 10, "the fail-safe stops it")
		s.up(2)
		self.play()
		self.expect(self.users(before, s))
		self.assertEqual(self.poi.status()["signalling"]["rules"], 0)


class Refused(fixture.PoiCase):
	"""No port shows signalling, or the wrong one."""

	PORT = "{ device: net_null0, mode: probe, tunnel: gtpu }"

	@classmethod
	def options(cls):
		return {"ports": (cls.PORT,)}

	def refuse(self, code, *targets_, says=""):
		answer = self.refused(code, self.poi.admf.activate(x1.new_id(), list(targets_), [self.did]))
		self.assertIn(says, answer.text("errorDescription"))
		self.assertNotIn(IMSI, answer.text("errorDescription"))

	def setUp(self):
		super().setUp()
		self.did = x1.new_id()
		self.ok(self.poi.admf.create_destination(self.did, "127.0.0.1", 45000))
		self.addCleanup(self.clear)

	def test_nothing_to_resolve_it(self):
		key = "dataplane.ports[].signalling"
		for kind, value in (("imsi", IMSI), ("supiimsi", IMSI), ("e164Number", "4915112345678"), ("gpsiMsisdn", "4915112345678"),
				("imei", "49015420323751"), ("peiImei", "49015420323751"), ("peiImeiCheckDigit", "490154203237518"),
				("peiImeisv", "4901542032375101"), ("nai", "a@b.example"), ("supinai", "a@b.example"),
				("gpsiNai", "a@b.example")):
			with self.subTest(kind):
				self.refuse(3010, subscriber(kind, value), says=key)
		self.refuse(3010, targets(fseid(7)), says=key)
		self.refuse(3010, targets(("NetworkInstance", "08696e7465726e6574")), says=key)


class RefusedBySession(Refused):
	PORT = "{ device: net_null0, mode: probe, tunnel: gtpu, signalling: [gtpv2c] }"

	def test_nothing_to_resolve_it(self):
		self.refuse(3010, targets(fseid(7, "192.0.2.1")), says="pfcp")
		self.refuse(3010, subscriber("nai", "a@b.example"), says="pfcp")
		xid = x1.new_id()
		self.ok(self.poi.admf.activate(xid, [subscriber("imsi", IMSI)], [self.did]))


class RefusedCombinations(Refused):
	PORT = "{ device: net_null0, mode: probe, tunnel: gtpu, signalling: [pfcp, radius] }"

	def test_nothing_to_resolve_it(self):
		one = fseid(7, "192.0.2.1")
		self.refuse(3020, targets(("PDRID", "1")))
		self.refuse(3020, targets(("QERID", "1")))
		self.refuse(3020, targets(("GTPTunnelDirection", "Inbound")))
		self.refuse(3020, targets(one, fseid(8)))
		self.refuse(3000, targets(one, ("PDRID", "65536")))
		self.refuse(3010, targets(one, ("PDR", "00")), says="PDR")
		self.refuse(3000, subscriber("peiImeiCheckDigit", "490154203237517"))
		self.refuse(3020, subscriber("imsi", IMSI), subscriber("imsi", "001010000021310"))
		for members in ((one,), (one, ("PDRID", "1")), (one, ("QERID", "4294967295")), (one, ("PDR", "003800020001")),
				(one, ("GTPTunnelDirection", "Outbound")), (("NetworkInstance", "08696e7465726e6574"),)):
			with self.subTest(members):
				xid = x1.new_id()
				self.ok(self.poi.admf.activate(xid, [targets(*members)], [self.did]))
				self.ok(self.poi.admf.get_task(xid))


if __name__ == "__main__":
	unittest.main()
