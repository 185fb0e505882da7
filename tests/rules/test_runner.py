#!/usr/bin/python3
"""The runner's clock: a suite that it cuts is named as not run, and is neither passed nor failed. TAP."""
import contextlib
import io
import json
import os
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "lab")]
sys.dont_write_bytecode = True

import runner  # noqa: E402
from poi_lab import tap  # noqa: E402

# Says two cases, then waits; asked to end, it blames the cut, as a test does whose processes were ended under it.
WAITS = "echo ok 1 - one; echo ok 2 - two; trap 'echo not ok 3 - cut; exit 1' TERM; sleep 60 & wait"
STUBBORN = "echo ok 1 - one; trap '' TERM; sleep 60 & wait; wait"


class Clock(unittest.TestCase):
	def setUp(self):
		self.addCleanup(setattr, runner, "LIMIT", runner.LIMIT)
		self.addCleanup(setattr, runner, "GRACE", runner.GRACE)
		runner.LIMIT, runner.GRACE = 2, 1

	def run_suites(self, **suites):
		"""(exit status, output) of a run whose suites are these shell scripts."""
		def suite(name, script):
			return lambda self: self.program(name, ["sh", "-c", script])

		kind = type("Scripts", (runner.Runner,), {name: suite(name, script) for name, script in suites.items()})
		out = io.StringIO()
		with contextlib.redirect_stdout(out):
			status = runner.main([a for name in suites for a in ("--suite", name)], kind)
		return status, out.getvalue().splitlines()

	def test_a_cut_suite_is_not_run(self):
		status, out = self.run_suites(rules=WAITS, lab="echo ok 1 - never")
		self.assertEqual(status, runner.NOT_RUN)
		self.assertEqual(out[-3:], ["not run: rules (clock)", "not run: lab (clock)", "2 passed, 0 failed"])
		self.assertNotIn("failed:", out)

	def test_a_failure_before_the_cut_stays_one(self):
		status, out = self.run_suites(rules="echo not ok 1 - broken; " + WAITS)
		self.assertEqual(status, 1)
		self.assertIn("  rules: broken", out)
		self.assertEqual(out[-2:], ["not run: rules (clock)", "2 passed, 1 failed"])

	def test_a_suite_that_does_not_end_is_ended(self):
		started = time.monotonic()
		status, out = self.run_suites(rules=STUBBORN)
		self.assertLess(time.monotonic() - started, 30)
		self.assertEqual((status, out[-1]), (runner.NOT_RUN, "1 passed, 0 failed"))

	def test_within_its_time_a_run_passes_or_fails(self):
		self.assertEqual(self.run_suites(rules="echo ok 1 - one")[0], 0)
		status, out = self.run_suites(rules="echo not ok 1 - one; exit 1")
		self.assertEqual((status, out[-1]), (1, "0 passed, 1 failed"))

	def again(self, *scripts):
		"""A run of one suite whose command ends as these scripts do, one after the other, the last for ever."""
		with tempfile.TemporaryDirectory() as folder:
			for n, script in enumerate(scripts):
				with open(os.path.join(folder, str(n)), "w") as out:
					out.write(script)
			script = f"cd {folder}; n=$(ls | head -1); . ./$n; s=$?; [ $(ls | wc -l) = 1 ] || rm $n; exit $s"
			kind = type("Scripts", (runner.Runner,), {"rules": lambda self: self.program(
				"rules", ["sh", "-c", script], again=["sh", "-c", script])})
			out = io.StringIO()
			with contextlib.redirect_stdout(out):
				status = runner.main(["--suite", "rules"], kind)
			return status, out.getvalue().splitlines()

	def test_what_passes_three_times_alone_is_named(self):
		runner.LIMIT = 60
		status, out = self.again("echo ok 1 - a.b; echo 'not ok 2 - c.d (1 s)'; echo '# why'; false", "echo ok 1 - c.d")
		self.assertEqual((status, out[-1]), (0, "2 passed, 0 failed"))
		self.assertIn("failed beside others, passed 3 times alone:", out)
		self.assertIn("  rules: c.d", out)
		self.assertIn("  # why", out)

	def test_what_fails_once_more_has_failed(self):
		runner.LIMIT = 60
		bad = "echo 'not ok 1 - c.d (1 s)'; false"
		for later in ([bad], ["echo ok 1 - c.d", bad], ["echo ok 1 - c.d"] * 2 + [bad]):
			status, out = self.again(bad, *later)
			self.assertEqual((status, out[-1]), (1, "0 passed, 1 failed"), later)
			self.assertIn("  rules: c.d (1 s)", out)

	def test_a_failure_stays_one_where_the_clock_cuts_its_second_run(self):
		status, out = self.again("echo ok 1 - a.b; echo 'not ok 2 - c.d (1 s)'; false", "sleep 60")
		self.assertEqual((status, out[-1]), (1, "1 passed, 1 failed"))
		self.assertIn("not run: rules (clock)", out)

	def test_a_run_without_the_case_is_no_second_run(self):
		runner.LIMIT = 60
		for later in ("echo 1..0", "echo ok 1 - c.d2", "echo ok 1 - c.d '# SKIP not here'"):
			status, out = self.again("echo 'not ok 1 - c.d (1 s)'; false", later)
			self.assertEqual((status, out[-1]), (1, "0 passed, 1 failed"), later)

	def test_where_many_fail_none_is_run_again(self):
		runner.LIMIT = 60
		status, out = self.again("for n in 1 2 3 4; do echo not ok $n - t$n; done; false", "echo ok 1 - t")
		self.assertEqual((status, out[-1]), (1, "0 passed, 4 failed"))

	def test_results_of_meson_count_if_they_came_before_the_cut(self):
		with tempfile.TemporaryDirectory(dir=runner.TOP, prefix="build-runner-") as folder:
			os.mkdir(os.path.join(folder, "meson-logs"))
			log = os.path.join(folder, "meson-logs", "testlog.json")
			done = {"name": "early", "starttime": time.time() - 60, "duration": 1, "result": "OK", "stdout": "ok 1 - early"}
			ended = {"name": "cut", "starttime": time.time() - 5, "duration": 3600, "result": "FAIL", "stdout": ""}
			script = f"for l in \"$@\"; do echo \"$l\"; done >{log}; sleep 60"
			path = os.environ["PATH"]
			with open(os.path.join(folder, "meson"), "w") as out:
				out.write(f"#!/bin/sh\nset -- '{json.dumps(done)}' '{json.dumps(ended)}'\n{script}\n")
			os.chmod(out.name, 0o755)
			os.environ["PATH"] = folder + ":" + path
			self.addCleanup(os.environ.__setitem__, "PATH", path)
			kind = type("Units", (runner.Runner,), {"unit": lambda self: self.meson_tests("unit", os.path.basename(folder))})
			said = io.StringIO()
			with contextlib.redirect_stdout(said):
				status = runner.main(["--suite", "unit"], kind)
		self.assertEqual(status, runner.NOT_RUN)
		self.assertEqual(said.getvalue().splitlines()[-2:], ["not run: unit (clock)", "1 passed, 0 failed"])


if __name__ == "__main__":
	sys.exit(tap.main(["test_runner"], sys.argv[1:]))
