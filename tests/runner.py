"""Builds, runs the suites, counts cases. Started by tests/run."""
import argparse
import concurrent.futures
import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
sys.path.append(os.path.join(TOP, "tests", "lab"))
from poi_lab import platforms  # noqa: E402

LIMIT = 75 * 60  # seconds for all suites without --long
GRACE = 30  # seconds between asking a cut suite to end and ending it
# What fails beside others is run again alone, so often: if it passes each time it is named, and does not fail the run. Where
# more than so many fail, something is wrong with all of them, and none is run again.
AGAIN, AGAIN_MAX = 3, 3
NOT_RUN = 3  # exit status when nothing failed, but the clock kept a suite from its end
THREADED = re.compile(r"^(table_rcu|table_threads|task_counters|deliver\w*|connections|kept|settle|mdf\w*|worker|handover|capture|reporter|channel\w*|spool|resolve|signalling_ring_threads|follower\w*)$")
HUGEPAGES = 512  # of 2 MiB; DPDK takes memory from them when they are there
# of the system tests, in the short form: X1, X2, X3, following, restarts, the program poi
SHORT = ("test_x1.", "test_x1_x2.", "test_traffic.", "test_signalling.", "test_restart.", "test_config.", "test_channel.", "test_documents.")
# clang, lint, asan and fuzz share one build: all of it with AddressSanitizer, UndefinedBehaviorSanitizer and the
# coverage that guides libFuzzer, with the loops for each generation of the CPU as a package has them.
CLANG, FUZZ_OPTIONS = {"CC": "clang"}, ["-Dfuzz=true", "-Db_lundef=false", "-Ddataplane-march=x86-64-v2"]
GOOD = ("OK", "EXPECTEDFAIL", "SKIP")  # results of meson
TAP_LINE = re.compile(r"^\s*(not ok|ok)\b(.*)$", re.MULTILINE)


class Clock(Exception):
	"""The time for all suites is over: the suite at hand is not run to its end."""


class Tally:
	def __init__(self):
		self.passed = self.failed = self.skipped = 0
		self.failures, self.not_run, self.again = [], [], []

	def add(self, suite, name, good, skipped=False):
		if skipped:
			self.skipped += 1
		elif good:
			self.passed += 1
		else:
			self.failed += 1
			self.failures.append(f"{suite}: {name}")

	def tap(self, suite, text):
		"""Counts the TAP lines of `text`; how many there were."""
		n = 0
		for verdict, rest in TAP_LINE.findall(text):
			n += 1
			self.add(suite, rest.lstrip(" -0123456789").strip(), verdict == "ok", bool(re.search(r"#\s*skip", rest, re.I)))
		return n

	def line(self):
		text = f"{self.passed:d} passed, {self.failed:d} failed"
		return text + (f", {self.skipped:d} skipped" if self.skipped else "")


class Runner:
	def __init__(self, options):
		self.options, self.tally, self.started = options, Tally(), time.monotonic()
		self.ran_on = {}  # suite -> what its cases ran on, as far as it said

	def left(self):
		return 24 * 3600 if self.options.long else LIMIT - (time.monotonic() - self.started)

	def run(self, command, env=None, cut=None):
		"""(exit status, output). When time is up, ends the whole process group, hands what was said until then to
		`cut` and raises Clock."""
		if self.left() <= 0:
			raise Clock
		child = subprocess.Popen(command, cwd=TOP, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE,
			stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
		out, over = [], []

		def end(*_):
			os.killpg(child.pid, signal.SIGKILL if over else signal.SIGTERM)
			over.append(time.time())
			signal.alarm(GRACE)

		previous = signal.signal(signal.SIGALRM, end)
		signal.alarm(int(self.left()) + 1)
		try:
			for line in child.stdout:
				if not over:  # what is said at the end of a cut run is the cut's doing
					out.append(line)
			child.wait()
		finally:
			signal.alarm(0)
			signal.signal(signal.SIGALRM, previous)
			if child.poll() is None:
				os.killpg(child.pid, signal.SIGTERM)
				child.wait()
		if over:
			if cut:
				cut("".join(out), over[0])
			raise Clock
		return child.returncode, "".join(out)

	def build(self, suite, folder, options=(), env=None, targets=()):
		"""Configures and builds `folder`; False (and one failed case) when that does not work."""
		status, out = self.configure(folder, options, env)
		if status:
			return self._broken(suite, folder, out)
		status, out = self.run(["ninja", "-C", folder, *targets], env)
		return not status or self._broken(suite, folder, out)

	def configure(self, folder, options=(), env=None):
		"""Sets the folder up, where a warning is an error if `options` do not say otherwise, or looks again which sources there are."""
		if os.path.exists(os.path.join(TOP, folder, "build.ninja")):
			return self.run(["meson", "setup", "--reconfigure", folder, *options], env)
		shutil.rmtree(os.path.join(TOP, folder), ignore_errors=True)
		return self.run(["meson", "setup", folder, "-Dwerror=true", *options], env)

	def _broken(self, suite, folder, out):
		self.tally.add(suite, f"build of {folder}", False)
		print("\n".join("  " + line for line in out.rstrip().splitlines()[-30:]))
		return False

	def meson_tests(self, suite, folder, names=(), env=None):
		log = os.path.join(TOP, folder, "meson-logs", "testlog.json")
		with contextlib.suppress(FileNotFoundError):
			os.unlink(log)

		def results(until=None):
			if not os.path.exists(log):
				return []
			with open(log) as f:
				found = [json.loads(line) for line in f if line.strip()]
			return [r for r in found if until is None or r["starttime"] + r["duration"] < until]

		command = ["meson", "test", "-C", folder, "--no-rebuild", "--timeout-multiplier", "4"]
		status, out = self.run([*command, *names], env, cut=lambda _, when: self._meson_results(suite, results(when - 1)))
		found = results()
		if not found:
			self.tally.add(suite, f"meson test found no test (status {status})", False)
			print(out)
		bad = [r["name"] for r in found if r["result"] not in GOOD]
		passed = {}
		if 0 < len(bad) <= AGAIN_MAX:
			os.unlink(log)
			try:
				self.run([*command, "--num-processes", "1", "--repeat", str(AGAIN), *(n.split(" / ")[-1] for n in bad)], env)
			except Clock:  # too late for a second run: the first counts
				self._meson_results(suite, found)
				raise
			runs = results()
			passed = {r["name"]: r for r in runs if r["name"] in bad and
				[n["result"] for n in runs if n["name"] == r["name"]] == ["OK"] * AGAIN}
		self._meson_results(suite, found, passed)

	def _meson_results(self, suite, results, passed=()):
		"""`passed`: of programs that failed, by name, a run alone in which they passed."""
		for result in results:
			good = result["result"] in GOOD
			if not good:
				tail = ((result["stdout"] or "") + (result["stderr"] if "stderr" in result else "")).rstrip().splitlines()[-25:]
				print("\n".join([f"  {result['name']}: {result['result']}"] + ["    " + line for line in tail]))
			if result["name"] in passed:
				self.tally.again.append(f"{suite}/{result['name']}")
				result, good = passed[result["name"]], True  # noqa: PLW2901
			counted = self.tally.tap(suite + "/" + result["name"], result["stdout"] or "")
			# a crash or a time-out may come between the lines; without lines the program is the case
			if not counted or (not good and "not ok" not in result["stdout"]):
				self.tally.add(suite, f"{result['name']} ({result['result']})", good, result["result"] == "SKIP")

	def alone(self, suite, command, env, out):
		"""`out` of a run, in which the cases that pass when `command NAME` runs them alone have passed."""
		bad = list(dict.fromkeys(re.findall(r"^not ok \d+ - (\S+)", out, re.MULTILINE)))
		for name in bad if len(bad) <= AGAIN_MAX else ():
			passed = re.compile(fr"^ok \d+ - {re.escape(name)}(?![^ \n])(?!.*# *skip)", re.MULTILINE | re.IGNORECASE)
			if all(not status and passed.search(said) for status, said in (self.run([*command, name], env) for _ in range(AGAIN))):
				self.tally.again.append(f"{suite}: {name}")
				out = re.sub(fr"^not ok (\d+ - {re.escape(name)}\b)", r"ok \1", out, flags=re.MULTILINE)
		return out

	def program(self, suite, command, env=None, show=None, again=None):
		"""A program that speaks TAP; its lines that start with `show` are shown. `again`: the command that runs the case of a
		name alone."""
		before = self.tally.failed

		def explain(out):
			print("\n".join("  " + line for line in [n for n in out.splitlines() if not n.startswith("ok ")][:400]))

		def cut(out, _):
			self.tally.tap(suite, out)
			if self.tally.failed > before:
				explain(out)

		status, out = self.run(command, env, cut)
		if status:
			explain(out)
		last, over = out, None
		try:
			last = self.alone(suite, again, env, out) if status and again else out
		except Clock as e:  # too late for a second run: the first counts
			over = e
		counted = self.tally.tap(suite, last)
		self.ran_on[suite] = platforms.read(out)
		if not counted or (status and last == out and self.tally.failed == before):
			self.tally.add(suite, f"{command[0]} ended with status {status}", False)
		for line in out.splitlines():
			if re.search(r"#\s*skip", line, re.I) or (show and line.startswith(show)):
				print("  " + line)
		if over:
			raise over

	# --- suites
	def rules(self):
		self.program("rules", ["tests/rules/check"])
		self.program("rules", ["tests/rules/test_runner.py"])

	def lab(self):
		self.program("lab", ["tests/lab/test_lab.py", *self.options.match])

	def package(self):
		for release in ("bookworm", "trixie"):
			self.program("package", ["tests/package", "--release", release])

	def trixie(self):
		"""What the quick form shows, in a Debian 13: its last line counts."""
		status, out = self.run(["tests/in-debian", "trixie"])
		lines = out.rstrip().splitlines()
		print("\n".join("  " + line for line in lines[-60 if status else -20:]))
		counted = re.match(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", lines[-1] if lines else "")
		if counted and not status:
			self.tally.passed += int(counted.group(1))
			self.tally.skipped += int(counted.group(3) or 0)
		else:
			self.tally.add("trixie", f"tests/in-debian trixie ended with status {status}", False)

	def machine(self):
		"""Whole machines with systemd, PCI cards and an IOMMU."""
		match = [part for text in self.options.match for part in ("--match", text)]
		self.program("machine", ["tests/machine/run", *match], show="# machine: ")

	def conformance(self):
		"""Our X1 schema against the official ones: thousands of verdicts, counted as one case here."""
		status, out = self.run(["tests/conformance/run"])
		lines = out.rstrip().splitlines()
		print("\n".join("  " + line for line in lines[-40 if status else -2:]))
		self.tally.add("conformance", "schema/x1.xsd", status == 0, any("skipped:" in line for line in lines))

	def unit(self):
		if self.build("unit", "build"):
			self.meson_tests("unit", "build")

	def clang(self):
		"""The whole tree with clang, warnings being errors; gcc's turn is the build of `unit`."""
		if self.build("clang", "build-fuzz", FUZZ_OPTIONS, CLANG):
			self.tally.add("clang", "the tree builds without a warning", True)

	def lint(self):
		"""clang-tidy and cppcheck over the product."""
		if self.build("lint", "build-fuzz", FUZZ_OPTIONS, CLANG, ["schema/x1_schema_embedded.c"]):
			self.program("lint", ["tests/lint/run", "build-fuzz"])

	def coverage(self):
		"""Lines of parsers and codecs that the unit tests and the corpus reach."""
		status, out = self.configure("build-coverage", ["-Db_coverage=true", "-Dbuildtype=debug"])
		if status:
			self._broken("coverage", "build-coverage", out)
		else:
			self.program("coverage", ["tests/coverage/run", "build-coverage"], show="# ")

	def asan(self):
		env = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1",
			"LSAN_OPTIONS": f"suppressions={os.path.join(TOP, 'tests', 'lsan.supp')}:print_suppressions=0",
			"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
		if self.build("asan", "build-fuzz", FUZZ_OPTIONS, {**CLANG, **env}):
			self.meson_tests("asan", "build-fuzz", env=env)

	def tsan(self):
		"""The units with threads, under ThreadSanitizer, with the stand-in for Criterion of tests/tsan."""
		env = {"CC": "clang", "PKG_CONFIG_PATH": os.path.join(TOP, "tests", "tsan"),
			"TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={os.path.join(TOP, 'tests', 'tsan', 'suppressions')}"}
		options = ["-Db_sanitize=thread", "-Db_lundef=false", "-Dwerror=false"]
		status, out = self.configure("build-tsan", options, env)
		if status:
			return self._broken("tsan", "build-tsan", out)
		status, out = self.run(["meson", "introspect", "--tests", "build-tsan"])
		tests = [t for t in json.loads(out) if THREADED.match(t["name"])] if not status else []
		if not tests:
			return self.tally.add("tsan", "no unit with threads", False)
		targets = sorted({os.path.relpath(t["cmd"][0], os.path.join(TOP, "build-tsan")) for t in tests})
		if self.build("tsan", "build-tsan", options, env, targets):
			self.meson_tests("tsan", "build-tsan", [t["name"] for t in tests], env)
		return None

	def fuzz(self):
		"""Runs every fuzz target over its corpus and some seconds beyond, 10 minutes with --long."""
		if not self.build("fuzz", "build-fuzz", FUZZ_OPTIONS, CLANG):
			return
		folder = os.path.join(TOP, "build-fuzz", "tests", "fuzz")
		programs = sorted(n for n in os.listdir(folder) if n.startswith("fuzz_") and os.access(os.path.join(folder, n), os.X_OK)
			and os.path.isfile(os.path.join(folder, n)))
		if not programs:
			self.tally.add("fuzz", "no fuzz target built", True, skipped=True)
		with concurrent.futures.ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
			results = dict(zip(programs, pool.map(functools.partial(self._fuzz, folder), programs)))
		for name, (status, out) in results.items():
			if status is not None:
				self.tally.add("fuzz", name, status == 0)
			if status:
				print("\n".join("  " + line for line in out.splitlines()[-30:]))
		if any(status is None for status, _ in results.values()):
			raise Clock

	def _fuzz(self, folder, name):
		"""One target, one core; it ends by itself. No status when there is no time for it."""
		corpus = os.path.join(TOP, "tests", "fuzz", "corpus", name)
		work = os.path.join(folder, name + ".found")
		os.makedirs(work, exist_ok=True)
		seconds = 600 if self.options.long else 15
		if self.left() < seconds:
			return None, ""
		limits = [] if self.options.long else ["-runs=20000"]
		command = [os.path.join(folder, name), "-seed=1", "-rss_limit_mb=2048", f"-artifact_prefix={work}/",
			f"-max_total_time={seconds}", *limits, work, *([corpus] if os.path.isdir(corpus) else [])]
		try:
			done = subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
				errors="replace", timeout=seconds + 120, check=False)
		except subprocess.TimeoutExpired:
			return 1, f"{name} did not end after {seconds + 120} s"
		return done.returncode, done.stdout

	def short(self):
		"""The system tests that a change breaks first."""
		self.system("short", self.options.match or SHORT)

	def system(self, suite="system", match=None):
		if not self.build(suite, "build"):
			return
		env = {"POI_BUILD": os.path.join(TOP, "build")}
		if self.options.long:
			env["POI_LONG"] = "1"
		with hugepages():
			self.program(suite, ["tests/system/run", *(match or self.options.match)], env, show="# fault ", again=["tests/system/run"])


@contextlib.contextmanager
def hugepages():
	"""At least HUGEPAGES free, if we may; given back afterwards. Without them DPDK runs with --no-huge."""
	knob = "/proc/sys/vm/nr_hugepages"

	def read():
		with open("/proc/meminfo") as f:
			values = dict(line.split(":") for line in f)
		return [int(values.get("HugePages_" + n, "0").split()[0]) for n in ("Total", "Free")]

	total, free = read()
	changed = False
	if os.geteuid() == 0 and free < HUGEPAGES:
		with contextlib.suppress(OSError):
			with open(knob, "w") as out:
				out.write(str(total + HUGEPAGES - free))
			changed = True
	try:
		yield
	finally:
		if changed:
			with contextlib.suppress(OSError):
				with open(knob, "w") as out:
					out.write(str(total))


SUITES = ("rules", "lab", "conformance", "unit", "clang", "lint", "coverage", "asan", "tsan", "fuzz", "system")
LONG = ("package", "trixie", "machine")  # with --long, or by name
QUICK = ("rules", "lab", "conformance", "unit", "short")  # without --all: one build, the main ways of the processes


def main(arguments=None, kind=Runner):
	parser = argparse.ArgumentParser(prog="tests/run")
	parser.add_argument("--suite", action="append", choices=(*SUITES, "short", *LONG))
	parser.add_argument("--all", action="store_true")
	parser.add_argument("--long", action="store_true")
	parser.add_argument("--match", action="append", default=[])
	options = parser.parse_args(arguments)
	runner = kind(options)
	for name in options.suite or (SUITES + LONG if options.long else SUITES if options.all else QUICK):
		print(f"== {name}", flush=True)
		before, start = (runner.tally.passed, runner.tally.failed, runner.tally.skipped), time.monotonic()
		try:
			getattr(runner, name)()
		except Clock:
			runner.tally.not_run.append(name)
		after = (runner.tally.passed, runner.tally.failed, runner.tally.skipped)
		passed, failed, skipped = (b - a for a, b in zip(before, after))
		said = runner.ran_on.setdefault(name, platforms.read(""))
		said[platforms.NOTHING] += max(0, passed + failed - sum(said.values()))
		print("   %d passed, %d failed, %d skipped (%.0f s)%s" % (passed, failed, skipped, time.monotonic() - start,
			", not run to its end" if name in runner.tally.not_run else ""), flush=True)
	if runner.tally.again:
		print(f"failed beside others, passed {AGAIN} times alone:")
		for name in runner.tally.again:
			print("  " + name)
	if runner.tally.failures:
		print("failed:")
		for failure in runner.tally.failures:
			print("  " + failure)
	print("\n".join(platforms.summary(runner.ran_on)))
	if "machine" not in runner.ran_on:
		print("    emulated PCI cards, an IOMMU and systemd: tests/run --suite machine")
	for name in runner.tally.not_run:
		print(f"not run: {name} (clock)")
	print(runner.tally.line())
	return 1 if runner.tally.failed else NOT_RUN if runner.tally.not_run else 0


if __name__ == "__main__":
	sys.exit(main())
