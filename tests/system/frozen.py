"""Threads of a process that get no CPU for a while."""
import contextlib
import ctypes
import glob
import os
import unittest

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000


def ptrace(request, thread):
	libc = ctypes.CDLL(None, use_errno=True)
	if libc.ptrace(ctypes.c_long(request), ctypes.c_long(thread), None, None) != 0:
		raise unittest.SkipTest(f"ptrace: {os.strerror(ctypes.get_errno())}")


def threads(pid):
	"""Name by number."""
	names = {}
	for path in glob.glob(f"/proc/{pid}/task/*/comm"):
		with open(path) as f:
			names[int(path.split("/")[4])] = f.read().strip()
	return names


@contextlib.contextmanager
def frozen(pid, but):
	"""All threads whose names lack `but` stand still meanwhile."""
	stopped = []
	try:
		for thread, name in sorted(threads(pid).items()):
			if but in name:
				continue
			ptrace(SEIZE, thread)
			stopped.append(thread)
			ptrace(INTERRUPT, thread)
			os.waitpid(thread, WALL)
		yield stopped
	finally:
		for thread in stopped:
			ptrace(DETACH, thread)
