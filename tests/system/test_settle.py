"""What counts as delivered: what the MDF has read, by the markers in its payloads, not what its TCP or a proxy took."""
import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time

import fixture
from fixture import udp_frame
from poi_lab import mdf, x1

TARGET = "192.0.2.10"
# An MDF of its own process: each marker is in the file before a keepalive behind it is acknowledged.
COUNTER = """
import os, re, sys, threading
from poi_lab import mdf
port, pki, name = sys.argv[1:]
out = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
def note(p):
	os.write(out, re.search(rb"<[0-9]+>", bytes(p.payload)).group())
mdf.Mdf(*(os.path.join(pki, f) for f in ("mdf.pem", "mdf.key", "ca.pem")), port=int(port), on_pdu=note).start()
threading.Event().wait()
"""
MARKER = re.compile(rb"<([0-9]+)>")


def frame(n):
	return udp_frame(TARGET, "198.51.100.1", (b"<%d>" % n).ljust(400, b"."))


class Proxy:
	"""Relays a connection to an MDF; `drops` makes it take, and acknowledge, what it never hands on."""

	def __init__(self, port):
		self.to, self.drops, self.dropped, self.open = port, False, 0, []
		self._listener = socket.create_server(("127.0.0.1", 0))
		self.port = self._listener.getsockname()[1]
		threading.Thread(target=self._accept, daemon=True).start()

	def _accept(self):
		with contextlib.suppress(OSError):
			while True:
				near, _ = self._listener.accept()
				far = socket.create_connection(("127.0.0.1", self.to))
				self.open += [near, far]
				threading.Thread(target=self._relay, args=(near, far, True), daemon=True).start()
				threading.Thread(target=self._relay, args=(far, near, False), daemon=True).start()

	def _relay(self, source, to, counts):
		with contextlib.suppress(OSError):
			while octets := source.recv(65536):
				if self.drops and counts:
					self.dropped += len(octets)
				else:
					to.sendall(octets)
		self._end(source, to)

	@staticmethod
	def _end(*sockets):
		for s in sockets:
			with contextlib.suppress(OSError):
				s.shutdown(socket.SHUT_RDWR)

	def cut(self):
		ends, self.open = self.open, []
		self._end(*ends)

	def close(self):
		self._listener.close()
		self.cut()


class Settle(fixture.TrafficCase):
	@classmethod
	def options(cls):
		return {**super().options(), "delivery_extra": "keepalive: { enabled: true, time-p1: 60, time-p2: 3 }\n"
			"overrides: [{ match: 127.0.0.2/32, peer-identity: mdf-01, require-ack: false, settle: tcp }]"}

	def of(self, did):
		return [d for d in self.poi.status()["destinations"] if d["did"] == did][0]

	def to(self, port, address="127.0.0.1"):
		did = x1.new_id()
		self.ok(self.poi.admf.create_destination(did, address, port))
		self.ok(self.poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], [did]))
		return did

	def numbers(self, m):
		return [int(MARKER.search(bytes(p.payload)).group(1)) for p in list(m.kept)]

	def settled(self, did, n, timeout=20):
		fixture.wait_until(lambda: self.of(did)["delivered"] == n, timeout, f"{n} delivered: {self.of(did)}")

	@fixture.long
	def test_a_proxy_that_drops(self):
		m = self.poi.mdf(keep=True)
		self.addCleanup(m.stop)
		proxy = Proxy(m.port)
		self.addCleanup(proxy.close)
		did = self.to(proxy.port)
		self.send([frame(n) for n in range(100)])
		self.settled(did, 100)
		proxy.drops = True
		self.send([frame(n) for n in range(100, 400)])
		fixture.wait_until(lambda: proxy.dropped > 300 * 400, 10, "the proxy took them")
		time.sleep(0.5)
		d = self.of(did)
		self.assertEqual((d["delivered"], d["in_doubt"], d["unsettled"], d["queued"]), (100, 300, 300, 0), d)
		fixture.wait_until(lambda: "no keepalive acknowledged" in self.of(did)["reason"], 15, f"it is noticed: {self.of(did)}")
		self.assertEqual(self.of(did)["delivered"], 100)
		proxy.drops = False
		self.settled(did, 400)
		self.assertEqual(sorted(set(self.numbers(m))), list(range(400)))
		self.assertEqual(self.of(did)["in_doubt"], 0)
		self.poi.balanced()

	def test_an_mdf_that_is_killed(self):
		"""A process of its own, killed with -9 again and again under traffic; its file is the strict counter."""
		port, files = fixture.free_port(), []

		def start():
			files.append(self.poi.path(f"killed-{len(files)}"))
			command = [sys.executable, "-B", "-c", COUNTER, str(port), self.poi.pki.folder, files[-1]]
			with open(files[-1] + ".log", "wb") as log:
				child = subprocess.Popen(command, stdout=log, stderr=log,
					env={**os.environ, "PYTHONPATH": os.path.join(fixture.TOP, "tests", "lab")})
			self.addCleanup(child.wait)
			self.addCleanup(child.kill)
			return child
		child = start()
		did = self.to(port)
		stream = fixture.Stream(self.link, frame, 1500)
		stream.start()
		self.addCleanup(stream.finish)
		for _ in range(4):
			fixture.wait_until(lambda: self.of(did)["state"] == "up", 20, f"it takes PDUs: {self.of(did)}")
			time.sleep(1.5)
			child.kill()
			child.wait()
			self.assertLessEqual(self.of(did)["delivered"], len(self.read(files)))
			child = start()
		n = len(stream.finish())
		self.settled(did, n, 40)
		child.kill()
		child.wait()
		self.assertEqual(self.read(files), set(range(n)))
		self.assertEqual((self.of(did)["dropped"], self.of(did)["in_doubt"]), (0, 0))
		self.poi.balanced()

	@staticmethod
	def read(files):
		held = set()
		for name in files:
			with contextlib.suppress(FileNotFoundError), open(name, "rb") as f:
				held |= {int(v) for v in MARKER.findall(f.read())}
		return held

	@fixture.long
	def test_an_mdf_that_closes_after_500(self):
		"""Each connection is closed after 500 PDUs, with what lies unread behind them."""
		class Closes(mdf.Mdf):
			def _take(self, pending, local, keepalive):
				before = len(self.kept)
				done, answer = super()._take(pending, local, keepalive)
				keepalive.append(len(self.kept) - before)
				return done, (answer if sum(keepalive[1:]) < 500 else None)

			def _throw_away(self, tls, pending):
				socket.socket.shutdown(tls, socket.SHUT_RDWR)
		pki = self.poi.pki
		m = Closes(pki.path("mdf.pem"), pki.path("mdf.key"), pki.path("ca.pem"), keep=True).start()
		self.addCleanup(m.stop)
		did = self.to(m.port)
		stream = fixture.Stream(self.link, frame, 1000)
		stream.start()
		self.addCleanup(stream.finish)
		for _ in range(30):
			time.sleep(0.1)
			delivered = self.of(did)["delivered"]
			self.assertLessEqual(delivered, len(set(self.numbers(m))))
		n = len(stream.finish())
		self.settled(did, n, 60)
		self.assertEqual(sorted(set(self.numbers(m))), list(range(n)))
		self.assertGreater(m.counts["connections"], 2)
		self.assertEqual((self.of(did)["dropped"], self.of(did)["in_doubt"]), (0, 0))
		self.poi.balanced()

	def test_one_that_never_acknowledges(self):
		"""By TCP, and said so everywhere."""
		m = self.poi.mdf(keep=True, address="127.0.0.2", behaviour=mdf.Behaviour(ack=False))
		self.addCleanup(m.stop)
		did = self.to(m.port, "127.0.0.2")
		self.send([frame(n) for n in range(50)])
		self.settled(did, 50)
		self.assertEqual(self.of(did)["settle"], "tcp")
		answer = self.ok(self.poi.admf.get_destination(did))
		self.assertEqual(answer.text("destinationDeliveryStatus"), "activeAndWorking")
		self.assertIn("settle: tcp", answer.text("errorDescription"))
		self.assertEqual(answer.text("errorCode"), "9010")
		other = x1.new_id()
		self.ok(self.poi.admf.create_destination(other, "127.0.0.1", m.port))
		fixture.wait_until(lambda: other in [d["did"] for d in self.poi.status()["destinations"]], 5, "it is there")
		self.assertEqual(self.of(other)["settle"], "keepalive")
		self.assertNotIn("settle", self.ok(self.poi.admf.get_destination(other)).text("errorDescription") or "")
