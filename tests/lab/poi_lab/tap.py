"""Runs unittest suites and reports in TAP, one line a case, so that tests/run counts cases."""
import sys
import time
import traceback
import unittest

from poi_lab import platforms


class _Result(unittest.TestResult):
	def __init__(self, out):
		super().__init__()
		self._out, self.number, self.bad, self.started = out, 0, 0, time.monotonic()

	def startTest(self, test):
		super().startTest(test)
		self.started = time.monotonic()
		platforms.start_claim()

	def _line(self, good, test, note=""):
		self.number += 1
		self.bad += not good
		name = test.id().removeprefix("__main__.")
		took = f" ({time.monotonic() - self.started:.1f} s)"
		print(f"{'ok' if good else 'not ok'} {self.number} - {name}{note}{took if not note else ''}",
			file=self._out, flush=True)

	def _explain(self, error):
		for line in "".join(traceback.format_exception(*error)).rstrip().splitlines():
			print("# " + line, file=self._out, flush=True)

	def addSuccess(self, test):
		platforms.count_claim()
		self._line(True, test)

	def addFailure(self, test, err):
		platforms.count_claim()
		self._line(False, test)
		self._explain(err)

	addError = addFailure

	def addSkip(self, test, reason):
		self._line(True, test, " # SKIP " + reason)

	def addSubTest(self, test, subtest, err):
		if err:
			self._line(False, subtest)
			self._explain(err)

	def addExpectedFailure(self, test, err):
		self._line(False, test)

	def addUnexpectedSuccess(self, test):
		self._line(False, test)


def run(suite, out=sys.stdout):
	"""0 when all passed."""
	result = _Result(out)
	suite.run(result)
	for line in platforms.lines():
		print("# " + line, file=out)
	print(f"1..{result.number}", file=out, flush=True)
	return 1 if result.bad else 0


def main(modules, patterns=()):
	"""All tests of the named modules whose id contains one of `patterns`."""
	suite, loader = unittest.TestSuite(), unittest.defaultTestLoader
	def flat(tests):
		for t in tests:
			if isinstance(t, unittest.TestSuite):
				yield from flat(t)
			else:
				yield t
	chosen = {}
	for module in modules:
		for test in flat(loader.loadTestsFromName(module)):
			if not patterns or any(p in test.id() for p in patterns):
				chosen.setdefault(type(test), []).append(test)
	for tests in chosen.values():
		suite.addTests(tests)
	return run(suite)
