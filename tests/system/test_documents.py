"""What the documents promise an operator: the runbook names every fault, alert, reason and outcome that the code has,
and the commands for curl as the ADMF do what they say."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import fixture
from poi_lab import x1

DOC = os.path.join(fixture.TOP, "packaging", "doc")


def read(*path):
	with open(os.path.join(fixture.TOP, *path)) as f:
		return f.read()


def section(text, title):
	"""The names in backquotes of one section: of its tables those of the first column."""
	part = re.search(fr"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.M | re.S).group(1)
	cells = [line.split("|")[1] if line.startswith("|") else line for line in part.splitlines()]
	return set(re.findall(r"`(\w+)`", "\n".join(cells)))


class Runbook(unittest.TestCase):
	def setUp(self):
		self.text = read("packaging", "doc", "RUNBOOK.md")

	def named(self, title, names):
		words = section(self.text, title)
		self.assertGreater(len(names), 1)
		self.assertEqual(sorted(set(names) - words), [], f"not in the section {title!r} of the runbook")

	def macro(self, name):
		"""The names in the list macro of shared/ledger.h."""
		body = re.search(fr"#define {name}\(X\)(.*?)\n\n", read("shared", "ledger.h"), re.S).group(1)
		return re.findall(r'X\(\w+, "(\w+)"', body)

	def test_packet_outcomes(self):
		self.named("What packets were", self.macro("PACKET_OUTCOMES") + self.macro("FORWARD_OUTCOMES"))

	def test_lost_copies(self):
		self.named("Lost copies", self.macro("COPY_LOSSES"))

	def test_faults(self):
		"""The kinds of network elements by their names in metrics, those of tasks and destinations by their constants."""
		header = read("control", "state", "faults.h")
		kinds = re.findall(r'X\(FAULT_\w+, "(\w+)"\)', header)
		constants = set(re.findall(r"^\tFAULT_(\w+) = \d+,", header, re.M))
		known = set(re.findall(r"X\(FAULT_(\w+), ", header))
		self.named("Faults reported to the ADMF", kinds + [c.lower() for c in constants - known])

	def test_events(self):
		header = read("shared", "channel.h")
		self.named("Events of the dataplane", set(re.findall(r"\bEVENT_(\w+) = \d+", header)))

	def test_alerts(self):
		alerts = re.findall(r"- alert: (\w+)", read("packaging", "monitoring", "poi-alerts.yml"))
		self.assertGreater(len(alerts), 10)
		self.assertEqual([a for a in alerts if not re.search(fr"\b{a}\b", self.text)], [])

	def test_nothing_is_made_up(self):
		"""Alerts that the runbook names are there."""
		alerts = read("packaging", "monitoring", "poi-alerts.yml")
		self.assertEqual([a for a in set(re.findall(r"\bPoi[A-Z]\w+", self.text)) if f"alert: {a}\n" not in alerts], [])


class Keys(unittest.TestCase):
	def test_keys_of_the_interoperability_page_exist(self):
		"""Every last part of a key that the page names in its tables is a key of the configuration."""
		done = subprocess.run([fixture.program("poi"), "config", "describe"], capture_output=True, text=True, check=True)
		keys = {part for line in done.stdout.splitlines() for part in re.split(r"[.\[\]]+", line.split("\t")[0])}
		page = read("packaging", "doc", "INTEROPERABILITY.md")
		named = {word.split(":")[0] for row in re.findall(r"\| ([^|]*) \|$", page, re.M) for code in re.findall(r"`([^`]+)`", row)
			for word in re.split(r"[.\[\]]+", code) if re.fullmatch(r"[a-z][a-z0-9-]+(: \w+)?", word)}
		self.assertGreater(len(named), 10)
		self.assertEqual(sorted(named - keys), [])


class Curl(fixture.PoiCase):
	"""The commands of packaging/doc/requests/README.md, as they stand there but for the first line."""

	def test_the_exchange(self):
		blocks = re.findall(r"^```sh\n(.*?)^```$", read("packaging", "doc", "requests", "README.md"), re.M | re.S)
		self.assertEqual(len(blocks), 1)
		first, rest = blocks[0].split("\n", 1)
		self.assertRegex(first, r"^pki=\S+ ne=\S+ requests=/usr/share/doc/poi/requests$")
		files = sorted(n[:-4] for n in os.listdir(os.path.join(DOC, "requests")) if n.endswith(".xml"))
		self.assertEqual(re.findall(r"^ask (\S+)$", rest, re.M), files, "every file is used, in order")
		m = self.poi.mdf(port=9999)
		self.addCleanup(m.stop)
		done = subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", "pki=%s ne=%s requests=%s\n%s" % (
				self.poi.pki.folder, self.poi.url, os.path.join(DOC, "requests"), rest)],
			cwd=fixture.TOP, capture_output=True, text=True, timeout=60, env={**os.environ, "no_proxy": "*"})
		self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
		answers = re.findall(r"<x1:(oK|errorCode)>([^<]*)<", done.stdout) or re.findall(r"<(?:\w+:)?(oK|errorCode)>([^<]*)<", done.stdout)
		self.assertEqual([a for a in answers if a[0] == "errorCode"], [], done.stdout)
		self.assertEqual(done.stdout.count("<?xml"), len(files))
		changes = [n for n in files if re.search("create|activate|modify|remove", n)]
		self.assertEqual(len([a for a in answers if a[1] == "AcknowledgedAndCompleted"]) >= len(changes), True, answers)
		self.assertIn("192.0.2.10", done.stdout)
		self.assertEqual(self.poi.status()["tasks"], 0)

	def test_files_are_valid(self):
		xsd = x1.Xsd.find()
		if not xsd:
			self.skipTest("no reference data")
		for name in sorted(os.listdir(os.path.join(DOC, "requests"))):
			if name.endswith(".xml"):
				self.assertFalse(xsd.check(read("packaging", "doc", "requests", name).encode()), name)


class Pages(unittest.TestCase):
	"""Every link leads somewhere, every page is led to, and a whole configuration in one is accepted."""

	@classmethod
	def setUpClass(cls):
		listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=fixture.TOP, capture_output=True, text=True, check=False)
		cls.pages = sorted(p for p in set(listed.stdout.split()) if os.path.exists(os.path.join(fixture.TOP, p)))
		if listed.returncode or not cls.pages:
			raise unittest.SkipTest("no git here")

	def links(self, page):
		text = re.sub(r"(?ms)^```.*?^```$", "", read(page))
		for target in re.findall(r"\]\(([^)\s]+)\)", text):
			if not re.match(r"[a-z]+:", target):
				path, _, anchor = target.partition("#")
				yield os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page, anchor

	def anchors(self, page):
		return {re.sub(r"[^\w -]", "", t.lower()).strip().replace(" ", "-") for t in re.findall(r"(?m)^#+ (.*)$", read(page))}

	def test_links(self):
		seen = 0
		for page in self.pages:
			for target, anchor in self.links(page):
				seen += 1
				self.assertTrue(os.path.exists(os.path.join(fixture.TOP, target)), f"{page}: {target}")
				if anchor and target.endswith(".md"):
					self.assertIn(anchor, self.anchors(target), page)
		self.assertGreater(seen, 50)

	def test_every_page_is_led_to(self):
		reached, new = set(), {"README.md"}
		while new:
			reached |= new
			new = {t for p in new for t, _ in self.links(p) if t.endswith(".md") and os.path.exists(os.path.join(fixture.TOP, t))} - reached
		self.assertEqual([p for p in self.pages if p.startswith("docs/") and p not in reached], [])

	def test_readme_is_short(self):
		self.assertLessEqual(len(read("README.md").splitlines()), 150)

	def test_whole_configurations_are_accepted(self):
		whole = 0
		for page in self.pages:
			for block in re.findall(r"(?ms)^```yaml\n(.*?)^```$", read(page)):
				if not all(re.search(fr"(?m)^{key}:", block) for key in ("network-elements", "delivery", "dataplane", "audit")):
					continue
				whole += 1
				with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
					f.write(block)
					f.flush()
					done = subprocess.run([fixture.program("poi"), "config", "dump", "-c", f.name], capture_output=True, text=True, check=False)
				self.assertEqual((done.returncode, done.stderr), (0, ""), page)
		self.assertGreaterEqual(whole, 2)


class Demo(unittest.TestCase):
	def test_without_root(self):
		"""The replay works for anybody, in ordinary memory, and says what is left out."""
		out = tempfile.mkdtemp(prefix="poi-demo-")
		self.addCleanup(shutil.rmtree, out, True)
		command = [sys.executable, "-B", os.path.join(fixture.TOP, "tests", "demo.py")]
		if fixture.ROOT:
			os.chmod(out, 0o777)
			command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
			if subprocess.run(command[:4] + ["test", "-r", command[-1]], check=False).returncode:
				self.skipTest("the tree cannot be read by others")
		done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd="/", check=False,
			env={**os.environ, "POI_DEMO_OUT": os.path.join(out, "demo"), "POI_BUILD": fixture.BUILD, "NO_COLOR": "1", "HOME": out})
		self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
		self.assertIn("acts a, c, d and e are left out", done.stdout)
		self.assertNotIn("FAILED", done.stdout)
		self.assertGreaterEqual(done.stdout.count("[ok]"), 6)


if __name__ == "__main__":
	unittest.main()
