#!/usr/bin/python3
"""X1 under load, over mutual TLS, with TASKS tasks present: requests a second, latency, memory. Prints a table.
  POI_BUILD=build-release tests/bench/bench_x1.py [--tasks 100000] [--quick] [--long] [--http1]
Real processes; the dataplane polls a port without traffic. Wants a quiet machine with two cores."""
import argparse
import json
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "system"), os.path.join(HERE, "..", "lab")]

import fixture  # noqa: E402
from poi_lab import x1  # noqa: E402

PER_CONTAINER = 1000


class Bench:
	def __init__(self, options):
		self.options, self.rows, self.failed = options, [], []
		self.poi = fixture.Poi(x1_extra="limits: { pings: 100000, settings: 1000, streams: 1000 }")
		self.poi.start()
		self.did = x1.new_id()
		if not self.poi.admf.create_destination(self.did, "127.0.0.1", 45000).completed:
			raise RuntimeError("no destination")

	def command(self, request, count, connections=4, streams=16, batch=1):
		command = [os.path.join(fixture.BUILD, "tests", "bench", "x1load"), "--port", str(self.poi.port), "--pki",
			self.poi.pki.folder, "--did", self.did, "--request", request, "--count", str(count), "--connections",
			str(connections), "--streams", str(streams), "--batch", str(batch)]
		return command + (["--http1"] if self.options.http1 else [])

	def load(self, request, count, **more):
		done = subprocess.run(self.command(request, count, **more), capture_output=True, text=True, check=False)
		if done.returncode:
			raise RuntimeError(f"{request}: {done.stderr.strip() or done.stdout}")
		return json.loads(done.stdout)

	def rss(self):
		with open(f"/proc/{self.poi.control.child.pid}/statm") as f:
			return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

	def cpu(self):
		"""Seconds of CPU that poi-control has used."""
		with open(f"/proc/{self.poi.control.child.pid}/stat") as f:
			fields = f.read().rpartition(")")[2].split()
		return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

	def row(self, what, value, goal, good):
		self.rows.append((what, value, goal, {True: "yes", False: "no", None: ""}[good]))
		print("| %s | %s | %s | %s |" % self.rows[-1], flush=True)
		if good is False:
			self.failed.append(what)

	def rate(self, what, request, count, goal, p99=20.0, **more):
		before = self.cpu()
		r = self.load(request, count, **more)
		# CPU of the server alone: the load generator and the polling worker share the same two cores
		each = (self.cpu() - before) / r["requests"] * 1e6
		ms = r["ms"]
		self.row(f"{what} ({r['protocol']})", f"{r['per_second']:d}/s, p50 "
			f"{ms['p50']:.1f}, p99 {ms['p99']:.1f}, worst {ms['max']:.1f} ms, {each:.0f} us CPU "
			"each", f"{goal:d}/s, p99 {p99:g} ms" if goal else "",
			r["per_second"] >= goal and ms["p99"] < p99 if goal else None)
		return r

	def preload(self):
		before, start, left = self.rss(), time.monotonic(), self.options.tasks
		r = self.load("ActivateTask", left // PER_CONTAINER, connections=2, streams=1, batch=PER_CONTAINER)
		self.row(f"{left} tasks in containers of {PER_CONTAINER}", f"{r['messages_per_second']:d}/s", "", None)
		self.row("memory of poi-control for each", f"{(self.rss() - before) * (1 << 20) / left:.0f} octets", "2048",
			(self.rss() - before) * (1 << 20) / left <= 2048)
		self.preload_seconds = time.monotonic() - start

	def details(self):
		"""The largest answer while another peer pings one by one."""
		big = subprocess.Popen(self.command("GetAllDetails", 3, connections=1, streams=1), stdout=subprocess.PIPE, text=True)
		slowest, pings = 0.0, 0
		while big.poll() is None:
			r = self.load("Ping", 50, connections=1, streams=1)
			slowest, pings = max(slowest, r["ms"]["max"]), pings + 50
		r = json.loads(big.stdout.read())
		self.row("GetAllDetails", f"{r['ms']['max'] / 1e3:.2f} s, "
			f"{int(r['octets'] / r['requests'] / (1 << 20))} MiB", "", None)
		self.row(f"slowest of {pings:d} Pings meanwhile", f"{slowest:.1f} ms", "50 ms", slowest < 50)

	def flat(self, count):
		self.load("Ping", 20000)
		before = self.rss()
		self.load("Ping", count)
		self.row(f"memory after {count} Pings", f"{self.rss() - before:+.1f} MiB", "flat", self.rss() - before < 4)

	def run(self):
		n = 5000 if self.options.quick else 30000
		print("| what | measured | goal | met |\n|---|---|---|---|")
		self.preload()
		self.rate("Ping", "Ping", n, 10000)
		self.rate("Ping, one at a time", "Ping", n // 10, 0, connections=1, streams=1)
		self.rate("ActivateTask", "ActivateTask", n // 2, 3000)
		self.rate("ActivateTask, one at a time", "ActivateTask", n // 10, 0, connections=1, streams=1)
		self.details()
		self.flat(1000000 if self.options.long else n)
		status = self.poi.status()
		self.row("tasks in force at the end", f"{status['tasks']:d}", "", None)

	def close(self):
		self.poi.close()


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("--tasks", type=int, default=100000)
	parser.add_argument("--quick", action="store_true", help="fewer requests")
	parser.add_argument("--long", action="store_true", help="a million Pings for the memory")
	parser.add_argument("--http1", action="store_true")
	bench = Bench(parser.parse_args())
	try:
		bench.run()
	finally:
		bench.close()
	return 1 if bench.failed else 0


if __name__ == "__main__":
	sys.exit(main())
