"""The figures of benchmarks as JSON, and the pictures made of them."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

import fixture

BENCH = os.path.join(fixture.TOP, "tests", "bench")


class Pictures(unittest.TestCase):
	def run_bench(self, folder, name, *arguments):
		subprocess.run([os.path.join(fixture.BUILD, "tests", "bench", name), *arguments], check=True, capture_output=True, timeout=60,
			env={**os.environ, "POI_BENCH_JSON": folder})

	def plot(self, folder, out):
		return subprocess.run([sys.executable, "-B", os.path.join(BENCH, "plot.py"), folder, out], capture_output=True, text=True, timeout=60,
			check=False)

	def test_figures_become_pictures(self):
		with tempfile.TemporaryDirectory() as folder:
			self.run_bench(folder, "bench_deliver", "1")
			self.run_bench(folder, "bench_commit", "1")
			lines = set()
			for path in glob.glob(os.path.join(folder, "*.json")):
				with open(path) as f:
					figures = json.load(f)
				self.assertRegex(figures["cpu"], r"\w.*, with(out)? AVX-512")
				self.assertTrue(figures["points"])
				for p in figures["points"]:
					self.assertTrue(0 < p["low"] <= p["median"] <= p["high"], p)
					lines.add(p["line"])
			out = [os.path.join(folder, n) for n in ("one", "two")]
			for o in out:
				done = self.plot(folder, o)
				self.assertEqual(done.returncode, 0, done.stderr)
			drawn = ""
			for name in ("deliver.svg", "commit.svg"):
				texts = []
				for o in out:
					with open(os.path.join(o, name)) as f:
						texts.append(f.read())
				self.assertEqual(texts[0], texts[1], "the same figures make the same picture")
				xml.dom.minidom.parseString(texts[0])
				drawn += texts[0]
			for line in lines:
				self.assertIn(line, drawn)

	def test_what_is_not_there_is_said(self):
		with tempfile.TemporaryDirectory() as folder:
			done = self.plot(folder, folder)
			self.assertIn("no figures", done.stderr)
			with open(os.path.join(folder, "x.json"), "w") as f:
				json.dump({"bench": "x", "points": []}, f)
			self.assertIn("no picture is known for the benchmark x", self.plot(folder, folder).stderr)

	def test_pictures_of_the_page_are_there(self):
		with open(os.path.join(fixture.TOP, "BENCHMARKS.md")) as f:
			named = re.findall(r"\]\((docs/figures/[^)]+)\)", f.read())
		self.assertTrue(named)
		for name in named:
			xml.dom.minidom.parse(os.path.join(fixture.TOP, name))

	def test_the_tables_of_the_model_are_its_own(self):
		"""docs/scaling.md has what tests/bench/scaling.py prints."""
		done = subprocess.run([sys.executable, "-B", os.path.join(BENCH, "scaling.py")], capture_output=True, text=True, timeout=20, check=True)
		with open(os.path.join(fixture.TOP, "docs", "scaling.md")) as f:
			self.assertIn(done.stdout.strip(), f.read())


if __name__ == "__main__":
	fixture.main()
