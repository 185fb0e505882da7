"""poi check: every mistake is named with file, line and column; a good file passes."""
import os
import re
import subprocess
import tempfile
import unittest

import fixture


class Check(unittest.TestCase):
	@classmethod
	def setUpClass(cls):
		cls.poi = fixture.Poi()
		cls.addClassCleanup(cls.poi.close)
		with open(cls.poi.file) as f:
			cls.good = f.read()

	def check(self, text):
		with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=self.poi.folder) as f:
			f.write(text)
			f.flush()
			done = subprocess.run([self.poi.programs["poi"], "check", f.name], capture_output=True, text=True, timeout=10)
			return done.returncode, done.stdout + done.stderr, os.path.basename(f.name)

	def test_good(self):
		status, text, _ = self.check(self.good)
		self.assertEqual(status, 0, text)

	def test_events(self):
		"""A function of a user that does not exist, and a folder that is not there."""
		status, text, _ = self.check(self.good + "events:\n  folder: gone\n  user: root\n  functions:\n"
			"    - { name: smf-1, user: nobody-at-all, records: [smf] }\n    - { name: smf-2, user: root, records: [smf] }\n")
		self.assertEqual(status, 1, text)
		self.assertRegex(text, r"FAIL  events +smf-1: no user nobody-at-all on this machine, .* useradd --system nobody-at-all")
		self.assertRegex(text, r"ok    events +smf-2: its process runs as root")
		self.assertRegex(text, r"warn  events +events.folder: \S+/gone ")

	def refused(self, old, new, word):
		self.assertIn(old, self.good)
		changed = self.good.replace(old, new, 1)
		status, text, name = self.check(changed)
		self.assertNotEqual(status, 0, text)
		found = re.search(re.escape(name) + r":(\d+):(\d+): ", text)
		self.assertTrue(found, f"no file:line:column in: {text}")
		line = changed.splitlines()[int(found.group(1)) - 1]
		self.assertIn(word, line, f"line {found.group(1)} of: {text}")
		return text

	def test_unknown_key(self):
		self.refused("  main-cpu:", "  mian-cpu: 0\n  main-cpu:", "mian-cpu")

	def test_unknown_top_level_key(self):
		self.refused("delivery:\n", "delivary: 1\ndelivery:\n", "delivary")

	def test_bad_number(self):
		self.refused("idle-sleep-us: 50", "idle-sleep-us: often", "often")

	def test_bad_word(self):
		self.refused("mode: probe", "mode: prone", "prone")

	def test_bad_address(self):
		self.refused('listen: "127.0.0.1', 'listen: "127.0.0.300', "127.0.0.300")

	def test_bad_prefix(self):
		self.refused("mode: probe", "mode: probe, tunnel: gtpu, gtp-endpoints: [198.51.100.1/33]", "/33")

	def test_syntax(self):
		# the parser notices on the line after the bracket left open
		self.refused("  workers: [", "  workers: [[", "idle-sleep-us")

	def test_missing_key(self):
		text = self.good.replace("    admf-identifier: admf-01\n", "")
		status, out, _ = self.check(text)
		self.assertNotEqual(status, 0)
		self.assertIn("admf-identifier", out)

	def test_same_element_twice(self):
		start = self.good.index("  - ne-identifier")
		end = self.good.index("delivery:")
		status, out, _ = self.check(self.good[:end] + self.good[start:end] + self.good[end:])
		self.assertNotEqual(status, 0, out)

	def test_inline_without_peer(self):
		status, out, _ = self.check(self.good.replace("mode: probe", "mode: inline"))
		self.assertNotEqual(status, 0, out)

	def test_missing_file(self):
		done = self.poi.poi("check", self.poi.path("absent.yaml"))
		self.assertNotEqual(done.returncode, 0)
		self.assertIn("absent.yaml", done.stdout + done.stderr)

	def test_processes_refuse_it_too(self):
		path = self.poi.path("bad.yaml")
		with open(path, "w") as out:
			out.write(self.good.replace("main-cpu:", "mian-cpu:"))
		for name in ("poi-control", "poi-dataplane"):
			done = subprocess.run([self.poi.programs[name], "-c", path], capture_output=True, text=True, timeout=20)
			self.assertNotEqual(done.returncode, 0, name)
			self.assertRegex(done.stdout + done.stderr, r"bad\.yaml:\d+:\d+: ", name)

	def test_dump_is_accepted(self):
		done = self.poi.poi("config", "dump", "-c", self.poi.file)
		self.assertEqual(done.returncode, 0, done.stderr)
		status, text, _ = self.check(done.stdout)
		self.assertEqual(status, 0, text)
