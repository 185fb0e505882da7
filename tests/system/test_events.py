"""Events of network functions: records on X2, content of the same session on X3, and what restarts make of them."""
import os
import random
import socket
import subprocess
import sys
import threading
import time

import fixture
from fixture import wait_until
from poi_lab import nf, records, x1
from test_signalling_x1 import subscriber

IMSI = "001010000077001"
EVENTS = """\
events:
  folder: events
  user: "0"
  functions:
    - { name: smf-1, user: "0", records: [smf] }
    - { name: amf-1, user: "0", records: [amf] }
    - { name: smsf-1, user: "0", records: [smsf] }
"""
UPF = "198.51.100.20"
GUTI = {"mCC": "001", "mNC": "01", "aMFRegionID": 1, "aMFSetID": 1, "aMFPointer": 1, "fiveGTMSI": 7}
ASSOCIATION = ('<x1:taskDetailsExtensions><x1:Owner>3GPP</x1:Owner><e:X1Extensions xmlns:e="%s"><e:IdentifierAssociation>'
	"<e:IdentifierAssociationEventsGenerated>%s</e:IdentifierAssociationEventsGenerated></e:IdentifierAssociation>"
	"</e:X1Extensions></x1:taskDetailsExtensions>")


class Events(fixture.TrafficCase):
	PORT = "{ device: net_af_packet0, mode: probe, tunnel: gtpu, link: n3 }"

	@classmethod
	def options(cls):
		return {**super().options(), "ne_extra": "records: [smf, amf, smsf]\n", "x1_extra": EVENTS}

	@classmethod
	def prepare(cls, poi):
		os.mkdir(poi.path("events"), 0o755)
		cls.start_events()
		cls.addClassCleanup(lambda: cls.events.stop())

	@classmethod
	def start_events(cls):
		cls.events = fixture.Process([fixture.program("poi-events"), "--folder", cls.poi.path("events"), "--dataplane-user", "root"],
			cls.poi.path("events.log"))

	def function(self, name):
		"""Connects when poi-events has the functions' names."""
		def connect():
			try:
				f = nf.Function(self.poi.path("events/functions.sock"), name)
			except OSError:
				return None
			if f.wanted(1):
				return f
			f.close()
			return None
		f = wait_until(connect, 20, f"poi-events wants a snapshot of {name}")
		self.addCleanup(f.close)
		return f

	def taken(self, answer):
		self.assertTrue(answer.get("ok"), answer)

	def status_of(self, name):
		return next(f for f in self.poi.status()["events"]["functions"] if f["name"] == name)

	def packet(self, number, teid=0x1000, ue="10.45.0.7"):
		"""From the user to the network, in the tunnel of the session."""
		inner = fixture.udp_frame(ue, "192.0.2.80", b"mark%04d" % number)[14:]
		gtpu = b"\x30\xff" + len(inner).to_bytes(2, "big") + teid.to_bytes(4, "big")
		return fixture.udp_frame("198.51.100.10", UPF, gtpu + inner, (2152, 2152))

	def records(self, n=None, timeout=5):
		"""The X2 PDUs, when there are n."""
		if n is not None:
			wait_until(lambda: len([p for p in self.mdf.kept if p.type == 1]) >= n, timeout,
				lambda: f"{n} records, not {len([p for p in self.mdf.kept if p.type == 1])}")
		self.mdf.wait_quiet()
		return [p for p in self.mdf.kept if p.type == 1]

	def content(self):
		self.mdf.wait_quiet()
		return [p for p in self.mdf.kept if p.type == 2]


class Sessions(Events):
	def test_a_session_from_its_establishment_to_its_release(self):
		smf = self.function("smf-1")
		self.activate(subscriber("supiimsi", IMSI), delivery="X2andX3")
		self.send([self.packet(1)])
		self.taken(smf.event("SMFPDUSessionEstablishment", nf.establishment(IMSI, ue="10.45.0.7"), "s1"))
		self.send([self.packet(2), self.packet(3)])
		self.taken(smf.event("SMFPDUSessionEstablishment", nf.establishment("001010000077002", teid=0x2000), "s2"))
		self.send([self.packet(4, 0x2000)])
		self.taken(smf.event("SMFPDUSessionRelease", nf.release(IMSI), "s1"))
		self.send([self.packet(5)])
		records = self.records(2)
		self.assertEqual(len(records), 2)
		content = self.content()
		self.assertEqual([bytes(p.payload)[-8:] for p in content], [b"mark0002", b"mark0003"])
		self.assertNotEqual(records[0].correlation, 0)
		self.assertEqual({p.correlation for p in records + content}, {records[0].correlation})
		self.assertIn(IMSI.encode(), bytes(records[0].payload))
		self.poi.balanced()
		self.taken(smf.event("SMFPDUSessionRelease", nf.release("001010000077002"), "s2"))

	def test_what_is_known_before_the_task(self):
		smf, amf = self.function("smf-1"), self.function("amf-1")
		self.taken(smf.event("SMFPDUSessionEstablishment", nf.establishment(IMSI, teid=0x3000, ue="10.45.0.9"), "s3"))
		self.taken(amf.event("AMFRegistration", {"registrationType": "initial", "registrationResult": "threeGPPAccess",
			"sUPI": {"iMSI": IMSI}, "gUTI": GUTI}, "r3"))
		self.activate(subscriber("supiimsi", IMSI), delivery="X2andX3")
		records = self.records(2)
		self.assertEqual([p.direction for p in records], [5, 5])
		self.send([self.packet(1, 0x3000)])
		content = self.content()
		self.assertEqual(len(content), 1)
		self.assertEqual(sorted({p.correlation for p in records}), sorted({0, content[0].correlation}))
		self.taken(smf.event("SMFPDUSessionRelease", nf.release(IMSI), "s3"))
		self.taken(amf.event("AMFDeregistration", {"deregistrationDirection": "uEInitiated", "accessType": "threeGPPAccess",
			"sUPI": {"iMSI": IMSI}, "gUTI": GUTI}, "r3"))
		self.assertEqual(len(self.records(4)), 4)
		self.poi.balanced()

	def test_what_is_missing_is_refused_by_name(self):
		smf = self.function("smf-1")
		value = nf.establishment(IMSI)
		del value["gTPTunnelInfo"]
		answer = smf.event("SMFPDUSessionEstablishment", value, "s4")
		self.assertEqual(answer["error"], "SMFPDUSessionEstablishment.gTPTunnelInfo: missing (table 6.2.3-1)")
		self.assertIn("error", smf.event("AMFRegistration", {}, "r4"))
		self.assertIn("error", smf.event("NoSuchRecord", {}, "s4"))
		smf.write(b"no json\n")
		self.assertIn("error", smf.line())
		self.taken(smf.event("SMFPDUSessionEstablishment", nf.establishment(IMSI), "s4"))
		self.taken(smf.event("SMFPDUSessionRelease", nf.release(IMSI), "s4"))
		counts = self.status_of("smf-1")
		self.assertEqual(counts["received"], counts["taken"] + counts["refused"] + counts["later"])

	def test_no_identity_is_shown(self):
		smf = self.function("smf-1")
		self.activate(subscriber("supiimsi", IMSI), delivery="X2andX3")
		self.taken(smf.event("SMFPDUSessionEstablishment", nf.establishment(IMSI), "s5-secret"))
		smf.event("SMFPDUSessionEstablishment", {"sUPI": {"iMSI": IMSI}, "odd" + IMSI: 1}, "s6")
		self.taken(smf.event("SMFPDUSessionRelease", nf.release(IMSI), "s5-secret"))
		for name in ("events.log", "dataplane.log", "control.log"):
			with open(self.poi.path(name), errors="replace") as f:
				text = f.read()
			self.assertNotIn(IMSI, text, name)
			self.assertNotIn("secret", text, name)
		shown = [self.poi.poi("status", "-c", self.poi.file, *more).stdout for more in ((), ("--json",))]
		shown.append(subprocess.run(["curl", "-s", "--unix-socket", self.poi.path("run/metrics.sock"), "http://poi/metrics"], capture_output=True,
			text=True, check=True).stdout)
		for text in shown:
			self.assertIn("smf-1", text)
			self.assertNotIn(IMSI, text)
			self.assertNotIn("secret", text)

	def test_a_name_that_another_user_gets(self):
		smf = self.function("smf-1")
		self.activate(subscriber("supiimsi", IMSI), delivery="X2andX3")
		self.taken(smf.event("SMFPDUSessionEstablishment", nf.establishment(IMSI, teid=0x9000), "n1"))
		self.send([self.packet(1, 0x9000)])
		self.taken(smf.event("SMFPDUSessionEstablishment", nf.establishment("001010000077009", teid=0x9000), "n1"))
		self.send([self.packet(2, 0x9000)])
		self.taken(smf.event("SMFPDUSessionEstablishment", nf.establishment(IMSI, teid=0x9000), "n1"))
		self.send([self.packet(3, 0x9000)])
		records, content = self.records(2), self.content()
		self.assertEqual([bytes(p.payload)[-8:] for p in content], [b"mark0001", b"mark0003"])
		self.assertEqual([p.correlation for p in records], [p.correlation for p in content])
		self.assertNotEqual(records[0].correlation, records[1].correlation)
		self.taken(smf.event("SMFPDUSessionRelease", nf.release(IMSI), "n1"))
		self.records(3)
		self.poi.balanced()


class Registrations(Events):
	def association(self, kind):
		return ASSOCIATION % (x1.E3GPP, kind)

	def play(self, amf, name):
		place = {"locationInfo": {"userLocation": {"nRLocation": {"tAI": {"pLMNID": {"mCC": "001", "mNC": "01"}, "tAC": "000001"},
			"nCGI": {"pLMNID": {"mCC": "001", "mNC": "01"}, "nRCellID": "0000000010"}}}}}
		self.taken(amf.event("AMFRegistration", {"registrationType": "initial", "registrationResult": "threeGPPAccess",
			"sUPI": {"iMSI": IMSI}, "gUTI": GUTI}, name))
		self.taken(amf.event("AMFIdentifierAssociation", {"sUPI": {"iMSI": IMSI}, "gUTI": GUTI, "location": place}, name))
		self.taken(amf.event("AMFLocationUpdate", {"sUPI": {"iMSI": IMSI}, "location": place}, name))
		self.taken(amf.event("AMFDeregistration", {"deregistrationDirection": "uEInitiated", "accessType": "threeGPPAccess",
			"sUPI": {"iMSI": IMSI}, "gUTI": GUTI}, name))

	def test_associations_only_where_they_are_asked_for(self):
		amf = self.function("amf-1")
		for extension, count in (("", 3), (self.association("All"), 4), (self.association("IdentifierAssociation"), 2)):
			with self.subTest(extension):
				before = len(self.records())
				xid = self.activate(subscriber("supiimsi", IMSI), delivery="X2Only", extensions=extension)
				self.play(amf, "r1")
				self.assertEqual(len(self.records(before + count)), before + count)
				self.ok(self.poi.admf.deactivate(xid))

	def test_a_message_has_its_own_direction(self):
		smsf = self.function("smsf-1")
		self.activate(subscriber("supiimsi", IMSI), delivery="X2Only")
		self.taken(smsf.event("SMSMessage", {"originatingSMSParty": {"sUPI": {"iMSI": IMSI}}, "terminatingSMSParty": {"gPSI": {"mSISDN": "491700000001"}},
			"direction": "fromTarget", "linkTransferStatus": "transferSucceeded", "sMSTPDUData": {"sMSTPDU": "0102"},
			"messageType": "submit", "rPMessageReference": 1}))
		self.assertEqual([p.direction for p in self.records(1)], [3])

	def test_user_data_of_messages_is_left_out(self):
		smsf = self.function("smsf-1")
		truncate = (f'<x1:taskDetailsExtensions><x1:Owner>3GPP</x1:Owner><e:X1Extensions xmlns:e="{x1.E3GPP}"><e:SMSFExtensions>'
			"<e:TruncateTPUserData/></e:SMSFExtensions></e:X1Extensions></x1:taskDetailsExtensions>")
		self.activate(subscriber("supiimsi", IMSI), delivery="X2Only", extensions=truncate)
		head, text = "01010b911326880736f4000005", "e8329bfd06"
		self.taken(smsf.event("SMSMessage", {"originatingSMSParty": {"sUPI": {"iMSI": IMSI}}, "terminatingSMSParty": {"gPSI": {"mSISDN": "491700000001"}},
			"direction": "fromTarget", "linkTransferStatus": "transferSucceeded", "sMSTPDUData": {"sMSTPDU": head + text},
			"messageType": "submit", "rPMessageReference": 1}))
		record, = self.records(1)
		self.assertEqual(records.decode(bytes(record.payload))[2]["sMSTPDUData"], {"truncatedSMSTPDU": head})
		self.assertNotIn(bytes.fromhex(text), bytes(record.octets))


class Sizes(Events):
	"""One destination of the task takes less than the other."""

	@classmethod
	def options(cls):
		return {**super().options(), "delivery_extra": "overrides: [{ match: 127.0.0.4/32, peer-identity: mdf-01, max-pdu: 600 }]"}

	def metric(self):
		text = subprocess.run(["curl", "-s", "--unix-socket", self.poi.path("run/metrics.sock"), "http://poi/metrics"], capture_output=True,
			text=True, check=True).stdout
		return dict(line.split(" ") for line in text.splitlines() if not line.startswith("#")).get("poi_events_shortened_total")

	def test_a_record_loses_optional_members_until_it_fits(self):
		m = self.poi.mdf(keep=True, address="127.0.0.4")
		self.addCleanup(m.stop)
		xid = x1.new_id()
		self.ok(self.poi.admf.activate(xid, [subscriber("supiimsi", IMSI)], [self.did, self.destination(m)], delivery="X2Only"))
		smf = self.function("smf-1")
		self.assertEqual((self.poi.status()["events"]["shortened"], self.metric()), (0, "0"))
		more = {"gPSI": {"mSISDN": "491700000001"}, "sMPDUDNRequest": "ab" * 700, "rATType": "nR"}
		self.taken(smf.event("SMFPDUSessionEstablishment", nf.establishment(IMSI, **more), "t1"))
		self.taken(smf.event("SMFPDUSessionRelease", nf.release(IMSI, cause="other"), "t1"))
		whole = [records.decode(bytes(p.payload))[2] for p in self.records(2)]
		self.assertTrue(m.wait_pdus(2), m.summary())
		self.assertTrue(m.good, m.summary())
		less = [records.decode(bytes(p.payload))[2] for p in m.kept]
		self.assertEqual([set(one) - set(other) for one, other in zip(whole, less)], [{"sMPDUDNRequest"}, set()])
		self.assertEqual(less[0], {name: value for name, value in whole[0].items() if name != "sMPDUDNRequest"})
		self.assertLessEqual(max(len(p.octets) for p in m.kept), 600)
		self.assertEqual([p.sequence for p in m.kept], [0, 1])
		self.assertEqual(self.poi.status()["events"]["shortened"], 1)
		self.assertIn("without optional members", self.poi.poi("status", "-c", self.poi.file).stdout)
		wait_until(lambda: self.metric() == "1", 5, "the metric")
		with open(self.poi.path("dataplane.log"), errors="replace") as f:
			self.assertIn("events: optional members left out of 1 PDUs", f.read())
		self.poi.balanced()


class Lives(Events):
	def test_a_killed_poi_events(self):
		smf = self.function("smf-1")
		self.activate(subscriber("supiimsi", IMSI), delivery="X2andX3")
		self.taken(smf.event("SMFPDUSessionEstablishment", nf.establishment(IMSI, teid=0x5000), "s7"))
		self.events.kill()
		self.start_events()
		smf = self.function("smf-1")
		smf.snapshot([("SMFPDUSessionEstablishment", nf.establishment(IMSI, teid=0x5000), "s7")])
		self.send([self.packet(7, 0x5000)])
		self.assertEqual([bytes(p.payload)[-8:] for p in self.content()], [b"mark0007"])
		self.assertEqual(len(self.records(1)), 1, "a snapshot of what is known makes no record")
		self.taken(smf.event("SMFPDUSessionRelease", nf.release(IMSI), "s7"))
		self.records(2)
		self.poi.balanced()

	def test_a_killed_dataplane(self):
		smf = self.function("smf-1")
		self.activate(subscriber("supiimsi", IMSI), delivery="X2andX3")
		self.taken(smf.event("SMFPDUSessionEstablishment", nf.establishment(IMSI, teid=0x6000), "s8"))
		self.records(1)
		self.poi.dataplane.kill()
		answer = smf.event("SMFPDUSessionEstablishment", nf.establishment("001010000077003", teid=0x6001), "s9")
		self.assertTrue(answer.get("later"), answer)
		self.poi.start_dataplane()
		self.poi.wait_control()
		self.assertTrue(smf.wanted(20), "the new dataplane wants to see all sessions")
		wait_until(lambda: self.poi.status()["tasks"] == 1, 20, "the task is back")
		answers = smf.snapshot([("SMFPDUSessionEstablishment", nf.establishment(IMSI, teid=0x6000), "s8")])
		self.taken(answers[0])
		self.send([self.packet(8, 0x6000)])
		self.assertEqual([bytes(p.payload)[-8:] for p in self.content()], [b"mark0008"])
		self.taken(smf.event("SMFPDUSessionRelease", nf.release(IMSI), "s8"))
		self.poi.balanced()

	def test_odd_functions_hold_up_nobody(self):
		smf = self.function("smf-1")
		path = self.poi.path("events/functions.sock")
		for octets in (b"{" * 4000, b"x" * 200000, b'{"id":1', b"\xff\xfe\n", b"[]\n", b""):
			with socket.socket(socket.AF_UNIX) as s:
				s.connect(path)
				s.settimeout(2)
				try:
					s.sendall(octets)
				except OSError:
					pass
				self.taken(smf.event("SMFPDUSessionEstablishment", nf.establishment(IMSI, teid=0x7000), "s10"))
				self.taken(smf.event("SMFPDUSessionRelease", nf.release(IMSI), "s10"))

	def test_another_user_is_refused(self):
		self.function("smf-1")
		code = "import os,sys; os.setuid(65534); sys.path.insert(0, %r); from poi_lab import nf; f = nf.Function(%r); print(f.line())" % (
			os.path.join(fixture.TOP, "tests", "lab"), self.poi.path("events/functions.sock"))
		os.chmod(self.poi.folder, 0o755)
		done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
		self.assertNotIn("ok", done.stdout)
		self.assertTrue("error" in done.stdout or "Closed" in done.stderr or "denied" in done.stderr, done.stdout + done.stderr)


class Kills(Events):
	"""Any of the three programs is killed, again and again, while an SMF hands over sessions of a target."""
	ROUNDS = 20 if fixture.LONG else 5

	def sender(self, stop):
		"""Each establishment until it is taken; what was answered or not stays noted."""
		live, number, function = {}, 0, None
		while not stop.is_set():
			try:
				if function is None:
					function = nf.Function(self.poi.path("events/functions.sock"), "smf-1", timeout=5)
					function.asked, seen = 0, 0
				teid = 0x100000 + number
				value = nf.establishment(IMSI, session=number % 16, teid=teid)
				self.tries[teid] = self.tries.get(teid, 0) + 1
				answer = function.event("SMFPDUSessionEstablishment", value, f"kills-{number}")
				if function.asked > seen:
					seen = function.asked
					function.snapshot([("SMFPDUSessionEstablishment", nf.establishment(IMSI, session=n % 16, teid=0x100000 + n), f"kills-{n}") for n in live])
				if answer.get("ok"):
					self.taken_teids.add(teid)
					live[number] = True
					number += 1
				elif "error" in answer and "id" in answer:
					self.refusals.append(answer)
					return
				else:
					time.sleep(0.02)
				while len(live) > 4:
					old = next(iter(live))
					if not function.event("SMFPDUSessionRelease", nf.release(IMSI, session=old % 16), f"kills-{old}").get("later"):
						del live[old]
			except (OSError, nf.Closed, ValueError):
				if function:
					function.close()
				function = None
				time.sleep(0.05)

	def test_no_acknowledged_event_is_lost(self):
		self.activate(subscriber("supiimsi", IMSI), delivery="X2Only")
		self.tries, self.taken_teids, self.refusals = {}, set(), []
		stop = threading.Event()
		thread = threading.Thread(target=self.sender, args=(stop,))
		thread.start()
		dice = random.Random(20261203)
		try:
			for _ in range(self.ROUNDS):
				time.sleep(dice.uniform(0.5, 1.5))
				victim = dice.choice(("events", "control", "dataplane"))
				if victim == "events":
					self.events.kill()
					type(self).start_events()
				elif victim == "control":
					self.poi.control.kill()
					self.poi.start_control()
				else:
					self.poi.dataplane.kill()
					self.poi.start_dataplane()
					self.poi.wait_control(40)
		finally:
			time.sleep(2)
			stop.set()
			thread.join(30)
		self.assertEqual(self.refusals, [])
		self.assertFalse(thread.is_alive())
		self.assertGreater(len(self.taken_teids), 50)

		def seen():
			found = {}
			for p in list(self.mdf.kept):
				_, name, value = records.decode(bytes(p.payload))
				if name.endswith(("Establishment", "EstablishedPDUSession")):
					found[value["gTPTunnelID"]["tEID"]] = found.get(value["gTPTunnelID"]["tEID"], 0) + 1
			return found
		wait_until(lambda: not self.taken_teids - set(seen()), 30, lambda: f"missing: {sorted(self.taken_teids - set(seen()))[:20]}")
		print(f"# {len(self.taken_teids)} events taken, {sum(seen().values())} records, {sum(n - 1 for n in self.tries.values())} sent again")
