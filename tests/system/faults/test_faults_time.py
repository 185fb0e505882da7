"""Steps of the clock, and certificates that expire, are exchanged or revoked."""
import datetime
import http.client
import os
import shutil
import signal
import socket
import ssl
import tempfile
import threading
import time
import unittest

import fixture
from faults.common import FaultCase, figure
from fixture import wait_until
from poi_lab import pki, x1

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
HOUR, YEAR = 3600, 365 * 86400


@unittest.skipUnless(os.path.exists(FAKETIME), "needs faketime")
class Clock(FaultCase):
	"""Both processes see a wall clock that the test moves; the monotonic one is the kernel's."""

	X1 = "x1:\n  keepalive: { time-p1: 1, time-p2: 4 }"

	def configure(self):
		self.offset = self.poi.path("faketime")
		self.step(0)
		environment = {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": self.offset, "FAKETIME_NO_CACHE": "1",
			"FAKETIME_DONT_FAKE_MONOTONIC": "1"}
		for name in ("poi-control", "poi-dataplane"):
			program = self.poi.programs[name]
			self.poi.programs[name] = script = self.poi.path(name)
			with open(script, "w") as out:
				out.write("#!/bin/sh\n%s exec %s \"$@\"\n" % (" ".join("%s=%s" % v for v in environment.items()), program))
			os.chmod(script, 0o700)

	def step(self, seconds):
		with open(self.offset + ".new", "w") as out:
			out.write(f"{seconds:+d}\n")
		os.rename(self.offset + ".new", self.offset)

	def keep_alive(self):
		"""Keepalives four times a second until the answer is collected by `still`."""
		self.beating, self.beats, self.missed = True, 0, 0

		def beat():
			client = self.poi.client(timeout=3)
			while self.beating:
				try:
					self.beats += client.one("Keepalive").ok
				except (OSError, http.client.HTTPException):
					self.missed += 1
					client.close()
				time.sleep(0.25)
		self.beater = threading.Thread(target=beat, daemon=True)
		self.beater.start()

	def still(self):
		self.beating = False
		self.beater.join()

	def test_steps(self):
		"""An hour and ten years, forth and back: nothing stops, nothing is lost, times say what the clock says."""
		self.begin(300)
		self.keep_alive()
		self.growing()
		for seconds in (HOUR, -HOUR, 10 * YEAR, 0, -10 * YEAR, 0):
			self.step(seconds)
			took = self.growing(5)
			time.sleep(0.6)
			self.assertTrue(self.poi.control.running and self.poi.dataplane.running)
			self.assertTrue(self.poi.status()["ledger"]["balanced"])
			figure("8", f"clock stepped to {seconds:+d} s", f"next 50 PDUs after {took:.2f} s")
		self.still()
		self.assertIn(self.xid, {e.text for e in self.poi.admf.one("ListAllDetails").all("xId")})
		sent = self.all_arrives()
		self.assertIn("clock was stepped", self.poi.dataplane.text())
		figure("8", "after six steps", f"{sent} packets, {sent} PDUs, 0 lost, {self.beats:d} keepalives, task in force")

	def test_fail_safe_does_not_follow_the_clock(self):
		"""TIME_P2 of silence is counted by a clock that nobody can set."""
		self.begin(300)
		silent = time.monotonic()
		self.ok(self.poi.admf.one("Keepalive"))
		self.step(-HOUR)
		time.sleep(1)
		self.assertEqual(self.poi.status()["tasks"], 1)
		self.step(10 * YEAR)
		time.sleep(1)
		self.assertEqual(self.poi.status()["tasks"], 1, "ten years of a wrong clock are no silence")
		self.step(-HOUR)
		wait_until(lambda: not self.poi.status()["tasks"], 4, "the tasks end")
		took = time.monotonic() - silent
		figure("3", "ADMF silent, TIME_P2 4 s, clock stepped thrice", f"tasks ended after {took:.2f} s", "4 to 5 s")
		self.assertGreaterEqual(took, 4.0)
		self.assertLess(took, 5.0)
		self.step(0)
		self.heard("TIME_P2")


class LongPki(pki.Pki):
	"""Keeps the authority's files, so that more can be issued later."""

	def tidy(self):
		pass


class Certificates(FaultCase):
	"""With certificates of its own, issued while it runs."""

	def setUp(self):
		folder = tempfile.mkdtemp(prefix="poi-pki-")
		self.addCleanup(shutil.rmtree, folder, True)
		self.pki = LongPki(folder).make(bad=False)
		self.shared, fixture._pki = fixture.shared_pki(), self.pki
		try:
			super().setUp()
		finally:
			fixture._pki = self.shared

	def reload(self):
		for process in (self.poi.control, self.poi.dataplane):
			process.child.send_signal(signal.SIGHUP)

	def issue_ne(self, name="ne", end=None):
		start = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)).strftime("%Y%m%d%H%M%SZ") if end else None
		self.pki.issue(name, self.pki.ne, addresses=self.pki.addresses, names=self.pki.names, start=start,
			end=end.strftime("%Y%m%d%H%M%SZ") if end else None)

	@fixture.long
	def test_our_own_expires(self):
		"""Connections that stand go on; new ones fail at the peer; the ADMF is told; a new one mends it."""
		end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=9)
		self.issue_ne(end=end)
		self.begin(300)
		self.growing()
		while datetime.datetime.now(datetime.timezone.utc) < end + datetime.timedelta(seconds=1):
			time.sleep(0.1)
		took = self.growing()
		self.assertEqual(self.poi.status()["tasks"], 1)
		with self.assertRaises((ssl.SSLError, OSError)):
			self.poi.client().one("Ping")  # this ADMF looks at dates
		figure("7", "our own certificate expired", f"next 50 PDUs after {took:.2f} s, new X1 connections refused by the ADMF")
		self.issue_ne()
		self.reload()
		wait_until(self.pings, 5, "the new certificate is in use")
		self.all_arrives()

	def pings(self):
		try:
			return self.poi.client().one("Ping").ok
		except (OSError, http.client.HTTPException):
			return False

	def test_exchanged_while_requests_come(self):
		"""Each of several new certificates: no request fails, no PDU is lost."""
		self.begin(500)
		failed, done, over = [], [0], threading.Event()

		def ask():
			while not over.is_set():
				client = self.poi.client()
				try:
					for _ in range(5):
						if not client.one("Ping").ok:
							failed.append("not OK")
						done[0] += 1
				except (OSError, http.client.HTTPException) as e:
					failed.append(repr(e))
				client.close()
		asking = threading.Thread(target=ask, daemon=True)
		asking.start()
		rotations = 20 if fixture.LONG else 5
		try:
			for _ in range(rotations):
				self.issue_ne("next")
				for kind in ("key", "pem"):  # read together at the signal only
					os.replace(self.pki.path("next." + kind), self.pki.path("ne." + kind))
				self.reload()
				time.sleep(0.3)
		finally:
			over.set()
			asking.join()
		self.assertEqual(failed, [])
		sent = self.all_arrives()
		figure("7", f"{rotations} rotations under requests and traffic", f"{done[0]:d} requests, 0 failed; {sent} PDUs, 0 lost")

	def connect(self, session=None):
		context = ssl.create_default_context(cafile=self.pki.path("ca.pem"))
		context.load_cert_chain(self.pki.path("admf.pem"), self.pki.path("admf.key"))
		context.maximum_version = ssl.TLSVersion.TLSv1_2  # where a refusal is part of the handshake
		with socket.create_connection(("127.0.0.1", self.poi.port), 5) as s, \
				self.context_of(session, context).wrap_socket(s, server_hostname="127.0.0.1", session=session and session[1]) as tls:
			return tls.context, tls.session, tls.session_reused

	@staticmethod
	def context_of(session, context):
		return session[0] if session else context

	def test_revoked(self):
		"""A certificate on a new CRL is refused after the reload, also with a session from before."""
		self.begin(300)
		before = self.connect()
		self.pki.revoke("admf")
		self.pki.crl()
		self.reload()

		def refused(session):
			try:
				self.connect(session)
				return False
			except (ssl.SSLError, OSError):
				return True
		started = time.monotonic()
		wait_until(lambda: refused(None), 5, "the revoked ADMF is refused")
		took = time.monotonic() - started
		self.assertTrue(refused(before) if before[1] else True, "refused with a session from before")
		self.growing()
		figure("7", "ADMF's certificate revoked, CRL reloaded", f"refused after {took:.2f} s, sessions from before too")


del FaultCase
