"""Logs and reloads: the table of message kinds against its catalogue, levels on SIGHUP, keys that need a
restart, and processes of two neighbouring channel versions."""
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import unittest

import fixture
from fixture import Poi, wait_until

HELLO, HELLO_REFUSED, VERSION = 1, 3, -10


def source(*names):
	with open(os.path.join(fixture.TOP, *names)) as f:
		return f.read()


def channel_version():
	return int(re.search(r"#define CHANNEL_VERSION (\d+)", source("shared", "channel.h")).group(1))


def software():
	return re.search(r'POI_VERSION "([^"]+)"', source("shared", "version.h")).group(1)


class Catalogue(unittest.TestCase):
	def test_every_kind_is_explained_once(self):
		kinds = dict(re.findall(r'X\((\w+), "([0-9a-f]{32})"', source("shared", "log_kinds.h")))
		self.assertGreater(len(kinds), 20)
		explained = re.findall(r"^-- ([0-9a-f]{32})$", source("packaging", "journal", "poi.catalog"), re.M)
		self.assertEqual(sorted(kinds.values()), sorted(explained))
		self.assertEqual(len(set(explained)), len(explained))
		used = set()
		for folder in ("control", "dataplane", "shared"):
			for where, _, names in os.walk(os.path.join(fixture.TOP, folder)):
				for name in names:
					if name.endswith(".c"):
						used |= set(re.findall(r"(?:log_kind\(\s*\w+,\s*|LOG_KIND_)(\w+)", source(where, name)))
		self.assertEqual(set(kinds) - used, set(), "kinds that nothing says")

	def test_the_journal_takes_the_catalogue(self):
		if not shutil.which("journalctl"):
			self.skipTest("no journalctl here")
		with tempfile.TemporaryDirectory() as root:
			for folder in ("usr/lib/systemd/catalog", "var/lib/systemd/catalog"):
				os.makedirs(os.path.join(root, folder))
			shutil.copy(os.path.join(fixture.TOP, "packaging", "journal", "poi.catalog"),
				os.path.join(root, "usr/lib/systemd/catalog"))
			done = subprocess.run(["journalctl", "--root", root, "--update-catalog"], capture_output=True, text=True)
			self.assertEqual((done.returncode, done.stderr), (0, ""))
			self.assertTrue(os.listdir(os.path.join(root, "var/lib/systemd/catalog")))


class Reload(unittest.TestCase):
	def setUp(self):
		self.poi = Poi()
		self.addCleanup(self.poi.close)

	def change(self, *pairs):
		with open(self.poi.file) as f:
			text = f.read()
		for old, new in pairs:
			self.assertIn(old, text)
			text = text.replace(old, new, 1)
		with open(self.poi.file, "w") as f:
			f.write(text)

	def hang_up(self):
		seen = [p.text().count(word) for p, word in self.words()]
		for process, _ in self.words():
			process.child.send_signal(signal.SIGHUP)
		for (process, word), before in zip(self.words(), seen):
			wait_until(lambda: process.text().count(word) > before, 5, f"a reload of {process.command[0]}")

	def words(self):
		return ((self.poi.control, "certificates were read again"), (self.poi.dataplane, "delivery certificates were read again"))

	def connected_again(self):
		"""control is restarted; whether the dataplane says so at this level."""
		before = len(self.poi.dataplane.text())
		self.poi.control.stop()
		self.poi.start_control()
		return "channel: control is connected" in self.poi.dataplane.text()[before:]

	def test_the_level_of_both(self):
		self.change(("audit: {", "log: { level: warning }\naudit: {"))
		self.poi.start()
		self.assertNotIn("channel: control is connected", self.poi.dataplane.text(), "it is only a notice")
		self.change(("level: warning", "level: notice"))
		self.hang_up()
		self.assertTrue(self.connected_again())
		self.change(("level: notice", "level: error"))
		for process in (self.poi.control, self.poi.dataplane):
			process.child.send_signal(signal.SIGHUP)
		wait_until(lambda: not self.connected_again(), 5, "errors only")
		before = len(self.poi.control.text())
		self.assertFalse(self.connected_again())
		self.assertEqual(self.poi.control.text()[before:], "", "nor does control say more")

	def test_what_needs_a_restart_is_named_by_its_key(self):
		self.poi.start()
		self.change(("idle-sleep-us: 50", "idle-sleep-us: 60"), ("nf.test.example", "other.test.example"))
		self.hang_up()
		for process in (self.poi.control, self.poi.dataplane):
			for key in ("dataplane.idle-sleep-us", "delivery.nf-identifier"):
				self.assertRegex(process.text(), fr"notice: configuration: {re.escape(key)} has changed: this needs a restart")
			self.assertEqual(process.text().count("needs a restart"), 2)

	def test_a_broken_file_changes_nothing(self):
		self.poi.start()
		self.change(("idle-sleep-us: 50", "idle-sleep-us: fifty"))
		for process in (self.poi.control, self.poi.dataplane):
			process.child.send_signal(signal.SIGHUP)
			wait_until(lambda: re.search(r"reload rejected, the old one stays: .*poi\.yaml:\d+:\d+: ", process.text()), 5, "a word")
		self.change(("idle-sleep-us: fifty", "idle-sleep-us: 50"))  # poi status reads it too
		self.assertTrue(self.poi.connected())


class Versions(unittest.TestCase):
	"""Programs of two neighbouring channel versions refuse each other, in words that name both."""

	def setUp(self):
		self.poi = Poi()
		self.addCleanup(self.poi.close)
		self.socket = os.path.join(self.poi.folder, "run", "dataplane.sock")

	def test_the_dataplane_refuses_its_neighbours(self):
		self.poi.start_dataplane()
		for version in (channel_version() - 1, channel_version() + 1):
			name = b"0.0.%d" % version
			with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
				s.settimeout(5)
				s.connect(self.socket)
				s.send(struct.pack(">HHIHBQH", HELLO, 0, 7, version, 1, 4711, len(name)) + name)
				answer = s.recv(4096)
				self.assertEqual(s.recv(4096), b"", "and closes")
			self.assertEqual(struct.unpack(">HHIHi", answer[:14]), (HELLO_REFUSED, 0, 7, channel_version(), VERSION))
			self.assertIn(software().encode(), answer)
			self.assertRegex(self.poi.dataplane.text(), r"error: channel: version refused: the peer \(%s\) speaks channel version "
				r"%d, this poi-dataplane \(%s\) speaks %d; install both" % (re.escape(name.decode()), version,
				re.escape(software()), channel_version()))

	def test_control_says_what_refused_it(self):
		for version in (channel_version() - 1, channel_version() + 1):
			self.refused_by(version)

	def refused_by(self, version):
		name = b"0.0.%d" % version
		with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
			s.bind(self.socket)
			s.listen()
			s.settimeout(fixture.READY)
			self.poi.start_control(wait=False)
			peer, _ = s.accept()
			with peer:
				hello = peer.recv(4096)
				self.assertEqual(struct.unpack(">HHIHB", hello[:11])[3:], (channel_version(), 1))
				self.assertIn(software().encode(), hello)
				peer.send(struct.pack(">HHIHiH", HELLO_REFUSED, 0, struct.unpack(">HHI", hello[:8])[2], version, VERSION,
					len(name)) + name)
				peer.settimeout(5)
				self.assertEqual(peer.recv(4096), b"", "control goes")
			wanted = r"error: channel: version refused: the dataplane \(%s\) speaks channel version %d, this poi-control " \
				r"\(%s\) speaks %d" % (re.escape(name.decode()), version, re.escape(software()), channel_version())
			wait_until(lambda: re.search(wanted, self.poi.control.text()), 5, wanted)
		self.assertTrue(self.poi.control.running, "it waits for the right partner")
		self.poi.control.stop()
		os.unlink(self.socket)
