"""Destinations known by a host name, against a name server of our own: how long an answer holds, and what happens
when the name moves. The dataplane sees an /etc/resolv.conf of its own (a private mount)."""
import os
import socket
import struct
import threading
import time

import fixture
from fixture import udp_frame, wait_until
from poi_lab import x1

TARGET, NAME = "192.0.2.10", "mdf.poi.test"
SERVER, OTHER = (f"127.{net:d}.{os.getpid() >> 8 & 255}.{(os.getpid() & 255) % 254 + 1}" for net in (53, 54))
OLD, NEW = "127.0.0.2", "127.0.0.3"
A = 1


class NameServer(threading.Thread):
	"""UDP. `zone`: name to (ttl, addresses), to an error code, or to None: no answer at all."""

	def __init__(self, address=SERVER):
		super().__init__(daemon=True)
		self.address = address
		self.zone, self.asked = {}, []  # asked: (monotonic time, name) of questions for A
		self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		self._socket.bind((address, 53))

	def run(self):
		while True:
			try:
				question, peer = self._socket.recvfrom(512)
			except OSError:
				return
			if not question:
				return
			labels, at = [], 12
			while question[at]:
				labels.append(question[at + 1:at + 1 + question[at]].decode())
				at += 1 + question[at]
			name, kind = ".".join(labels).lower(), struct.unpack(">H", question[at + 1:at + 3])[0]
			if kind == A:
				self.asked.append((time.monotonic(), name))
			found = self.zone.get(name, 3)
			if found is None:
				continue
			code, records = (found, []) if isinstance(found, int) else (0, found[1] if kind == A else [])
			reply = question[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(records), 0, 0) + question[12:at + 5]
			for address in records:
				reply += struct.pack(">HHHIH", 0xc00c, A, 1, found[0], 4) + socket.inet_aton(address)
			self._socket.sendto(reply, peer)

	def close(self):
		self._socket.sendto(b"", (self.address, 53))
		self.join()
		self._socket.close()

	def times(self, name=NAME):
		return [t for t, n in self.asked if n == name]


class Names(fixture.TrafficCase):
	DIDS = [x1.new_id() for _ in range(3)]

	@classmethod
	def options(cls):
		overrides = ", ".join(f"{{ match: {did}, peer-identity: mdf-01 }}" for did in cls.DIDS)
		return {**super().options(), "delivery_extra": f"buffer: 1MiB\noverrides: [{overrides}]"}

	@classmethod
	def setUpClass(cls):
		cls.names = NameServer()
		cls.names.start()
		cls.addClassCleanup(cls.names.close)
		super().setUpClass()

	@classmethod
	def prepare(cls, poi):
		"""A dataplane that asks our name server, and knows no hosts."""
		mounts = ""
		for name, text in (("resolv.conf", f"nameserver {SERVER}\n"), ("nsswitch.conf", "hosts: files dns\n")):
			with open(poi.path(name), "w") as out:
				out.write(text)
			mounts += f"mount --bind {poi.path(name)} /etc/{name}\n"
		inner, outer = poi.path("mounted"), poi.path("poi-dataplane")
		for path, text in ((inner, mounts + f"exec {poi.programs['poi-dataplane']} \"$@\"\n"),
				(outer, f"exec unshare -m --propagation private {inner} \"$@\"\n")):
			with open(path, "w") as out:
				out.write("#!/bin/sh\nset -e\n" + text)
			os.chmod(path, 0o755)
		poi.programs["poi-dataplane"] = outer

	def of(self, did):
		return [d for d in self.poi.status()["destinations"] if d["did"] == did][0]

	def at(self, address, port=0):
		m = self.poi.mdf(keep=True, address=address, port=port)
		self.addCleanup(m.stop)
		return m

	def named(self, did, name, port):
		self.ok(self.poi.admf.one("CreateDestination", x1.destination_uri(did, f"tls://{name}:{port}")))

	def task(self, *dids):
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], dids, "X3Only"))

	@fixture.long
	def test_a_name_moves(self):
		"""A live connection follows the name when its time is over, and not before: nothing is lost or sent twice, and
		it is no fault. What does not move it: another order, one more address, a name server that fails."""
		did, ttl = self.DIDS[0], 12
		old = self.at(OLD)
		new = self.at(NEW, old.port)
		self.names.zone[NAME] = (ttl, [OLD])
		self.named(did, NAME, old.port)
		self.task(did)
		stream = fixture.Stream(self.link, lambda n: udp_frame(TARGET, "198.51.100.1", b"%d" % n), 300)
		stream.start()
		self.addCleanup(stream.finish)
		self.assertTrue(old.wait_pdus(100), old.summary())
		self.names.zone[NAME] = (ttl, [NEW, OLD])
		wait_until(lambda: len(self.names.times()) == 2, ttl + 3, "asked again")
		self.names.zone[NAME] = 2
		wait_until(lambda: len(self.names.times()) > 2, ttl + 3, "asked a third time")
		self.names.zone[NAME] = (ttl, [NEW])
		self.assertEqual((old.summary()["connections"], new.summary()["connections"]), (1, 0))
		states = set()
		wait_until(lambda: states.add(self.of(did)["state"]) or new.counts["x3"] >= 300, ttl + 3, "it has moved")
		self.assertLessEqual(states, {"up", "connecting"})
		sent = len(stream.finish())
		self.assertTrue(new.wait(lambda m: len(old.kept) + len(m.kept) >= sent, 5), (old.summary(), new.summary()))
		status = self.poi.balanced()
		d = [d for d in status["destinations"] if d["did"] == did][0]
		self.assertEqual((d["offered"], d["delivered"], d["dropped"], d["in_doubt"], d["state"]), (sent, sent, 0, 0, "up"), d)
		held = [sorted(p.sequence for p in m.kept) for m in (old, new)]
		self.assertEqual(held[0] + held[1], list(range(sent)))
		self.assertEqual((old.summary()["connections"], new.summary()["connections"]), (1, 1))
		self.assertEqual((old.violations, new.summary()["gaps"]), ([], 1), new.violations)  # where it began
		self.assertEqual(self.poi.admf.get_destination(did).text("destinationDeliveryStatus"), "activeAndWorking")
		asked = self.names.times()
		self.assertGreaterEqual(asked[1] - asked[0], ttl)  # never before
		self.assertLess(asked[1] - asked[0], ttl + 2)

	def test_a_silent_name_server(self):
		"""It is known within 5 s, and delays no other name."""
		self.names.zone.update({"silent.poi.test": None, "quick.poi.test": (60, [OLD])})
		m = self.at(OLD)
		began = time.monotonic()
		self.named(self.DIDS[1], "silent.poi.test", m.port)
		self.named(self.DIDS[2], "quick.poi.test", m.port)
		self.task(self.DIDS[1], self.DIDS[2])
		wait_until(lambda: self.of(self.DIDS[2])["state"] == "up", 2, "the other is up")
		wait_until(lambda: self.of(self.DIDS[1])["state"] == "down", 5, "it is known")
		self.assertLess(time.monotonic() - began, 5.5)
		self.assertIn("host name", self.of(self.DIDS[1])["reason"])
		self.send([udp_frame(TARGET, "198.51.100.1", b"x")] * 20)
		self.assertTrue(m.wait_pdus(20), m.summary())
		# And when it speaks again, nothing was lost.
		self.names.zone["silent.poi.test"] = (60, [OLD])
		self.assertTrue(m.wait_pdus(40, 20), m.summary())

	def test_a_name_that_is_exchanged(self):
		"""Modified while the old name is still asked for: the new one counts at once, and what becomes of the old one
		is nobody's fault."""
		self.names.zone.update({"late.poi.test": None, "other.poi.test": (60, [OLD])})
		m, did = self.at(OLD), self.DIDS[0]
		self.named(did, "late.poi.test", m.port)
		self.task(did)
		wait_until(lambda: self.names.times("late.poi.test"), 3, "it is asked for")
		self.ok(self.poi.admf.one("ModifyDestination", x1.destination_uri(did, f"tls://other.poi.test:{m.port}")))
		wait_until(lambda: self.of(did)["state"] == "up", 1.5, f"the new name counts: {self.of(did)}")
		end = time.monotonic() + 5
		while time.monotonic() < end:
			self.assertEqual(self.of(did)["state"], "up", self.of(did))
			time.sleep(0.1)
		self.assertEqual(m.summary()["connections"], 1)

	def test_a_dead_address(self):
		"""A name with a dead address before the live one, whose answer runs out during the pause: neither a fault nor
		content lost, also after an outage of both."""
		did, name = self.DIDS[0], "two.poi.test"
		m = self.at(OLD)
		self.names.zone[name] = (1, ["127.0.0.9", OLD])
		self.named(did, name, m.port)
		self.task(did)
		self.send([udp_frame(TARGET, "198.51.100.1", b"x")] * 20)
		self.assertTrue(m.wait_pdus(20), m.summary())
		m.refuse()
		m.cut()
		wait_until(lambda: self.of(did)["state"] == "down", 5, f"both are dead: {self.of(did)}")
		wait_until(lambda: "2 addresses failed" in self.of(did)["reason"], 5, f"both were tried: {self.of(did)}")
		self.send([udp_frame(TARGET, "198.51.100.1", b"x")] * 20)
		time.sleep(15)  # longer than the answer holds, and pauses have reached their longest
		m.start()
		self.assertTrue(m.wait_pdus(40, 5), (m.summary(), self.of(did)))
		self.assertEqual(self.of(did)["dropped"], 0)
		# The same for the process that comes after a kill.
		self.poi.dataplane.kill()
		self.poi.start_dataplane()
		wait_until(lambda: self.poi.connected() and self.of(did)["state"] == "up", 20, "up again")
		self.send([udp_frame(TARGET, "198.51.100.1", b"x")] * 20)
		self.assertTrue(m.wait_pdus(60, 5), (m.summary(), self.of(did)))

	def test_another_name_server(self):
		"""What is written to /etc/resolv.conf holds for the next question."""
		second = NameServer(OTHER)
		second.start()
		self.addCleanup(second.close)
		self.names.zone["where.poi.test"] = 3
		second.zone["where.poi.test"] = (60, [OLD])
		m, did = self.at(OLD), self.DIDS[0]
		self.named(did, "where.poi.test", m.port)
		self.task(did)
		wait_until(lambda: self.of(did)["state"] == "down", 3, f"it is not known there: {self.of(did)}")

		def ask(server):
			with open(self.poi.path("resolv.conf"), "w") as out:
				out.write(f"nameserver {server}\n")
		self.addCleanup(ask, SERVER)
		ask(second.address)
		wait_until(lambda: self.of(did)["state"] == "up", 12, "the other one knows it")
