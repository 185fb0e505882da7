#!/usr/bin/python3
"""CPU time that the dataplane's threads take while nothing is captured, in percent of one CPU, with 0, 1 and 100 connected
destinations. The worker polls, whatever it has to do, and is left out. Prints a table: medians of ROUNDS, lowest and highest.
  POI_BUILD=build-release tests/bench/bench_idle.py [--rounds 5] [--seconds 2]"""
import argparse
import contextlib
import glob
import os
import statistics
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "system"), os.path.join(HERE, "..", "lab")]

import fixture  # noqa: E402
from poi_lab import x1  # noqa: E402



def spent(pid):
	"""{thread's name: seconds of CPU time}, of all threads of that name; nanoseconds are counted."""
	out = {}
	for task in glob.glob(f"/proc/{pid}/task/*"):
		with open(task + "/comm") as comm, open(task + "/schedstat") as stat:
			name = comm.read().strip()
			out[name] = out.get(name, 0) + int(stat.read().split()[0]) / 1e9
	return out


def measure(poi, rounds, seconds):
	"""{thread: [percent]}"""
	out = {}
	for _ in range(rounds):
		before, start = spent(poi.dataplane.child.pid), time.monotonic()
		time.sleep(seconds)
		after, took = spent(poi.dataplane.child.pid), time.monotonic() - start
		for name, value in after.items():
			out.setdefault(name, []).append(100 * (value - before.get(name, 0)) / took)
	return out


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--rounds", type=int, default=5)
	parser.add_argument("--seconds", type=float, default=2)
	arguments = parser.parse_args()
	print("%-14s%-20s%10s%22s" % ("destinations", "thread", "percent", "lowest to highest"))
	with contextlib.closing(fixture.Poi(xsd=False)) as poi:
		poi.start()
		mdf = poi.mdf()
		made = 0
		for count in (0, 1, 100):
			while made < count:
				if not poi.admf.create_destination(x1.new_id(), mdf.address, mdf.port).completed:
					raise SystemExit("the destination was refused")
				made += 1
			fixture.wait_until(lambda: sum(d["state"] == "up" for d in poi.status()["destinations"]) == count, 30, "all are up")
			time.sleep(1)
			for name, percent in sorted(measure(poi, arguments.rounds, arguments.seconds).items()):
				if statistics.median(percent) >= 0.01 and not name.startswith(("dpdk-worker", "rte-worker", "lcore")):
					print(f"{count:<14d}{name!s:<20}{statistics.median(percent):10.2f}{min(percent):14.2f} to {max(percent):.2f}", flush=True)


if __name__ == "__main__":
	main()
