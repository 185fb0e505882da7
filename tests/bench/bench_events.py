#!/usr/bin/python3
"""Events of a network function through both programs: events a second, and how long the `ok` took.
  POI_BUILD=build-release tests/bench/bench_events.py [--sessions 100000] [--runs 3]
Real processes; one in a hundred sessions is a target's. Wants a quiet machine with two cores: the worker has one, all
else the other."""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "system"), os.path.join(HERE, "..", "lab")]

import fixture  # noqa: E402
from poi_lab import x1  # noqa: E402

EVENTS = """\
events:
  folder: events
  user: "0"
  functions:
    - { name: smf-1, user: "0", records: [smf] }
signalling: { sessions: 2000000, memory: 3GiB }
"""


def load(poi, first, count, rate, sessions):
	done = subprocess.run([os.path.join(fixture.BUILD, "tests", "bench", "events_load"), poi.path("events/functions.sock"), "smf-1",
		str(first), str(count), str(rate), str(sessions), "1"], capture_output=True, text=True, check=False)
	if not done.stdout:
		raise RuntimeError(done.stderr)
	return json.loads(done.stdout)


def main():
	parser = argparse.ArgumentParser()
	parser.add_argument("--sessions", type=int, default=100000)
	parser.add_argument("--runs", type=int, default=3)
	o = parser.parse_args()
	main_cpu, _ = fixture.cpus()
	poi = fixture.Poi(ports=("{ device: net_null0, mode: probe, tunnel: gtpu, link: n3 }",), ne_extra="records: [smf]\n", x1_extra=EVENTS, xsd=False)
	os.mkdir(poi.path("events"), 0o755)
	taker = fixture.Process(["taskset", "-c", str(main_cpu), fixture.program("poi-events"), "--folder", poi.path("events"), "--dataplane-user", "root"], poi.path("events.log"))
	try:
		poi.start()
		os.sched_setaffinity(0, {main_cpu})  # the MDF and what makes the load, too
		mdf = poi.mdf()
		did = x1.new_id()
		poi.admf.create_destination(did, mdf.address, mdf.port)
		for n in range(o.sessions // 100):
			poi.admf.activate(x1.new_id(), [f"<x1:supiimsi>00101{n * 100:010d}</x1:supiimsi>"], [did], delivery="X2Only")
		time.sleep(1)
		print("| load | events/s | p50 us | p99 us | most us | not taken |\n|---|---|---|---|---|---|")
		for what, rate in (("sessions begin, as fast as answered", 0), ("modifications, as fast as answered", 0), ("modifications, 10,000/s", 10000)):
			runs = []
			for _ in range(1 if what.startswith("sessions") else o.runs):
				first, count = (0, o.sessions) if what.startswith("sessions") else (o.sessions, o.sessions * 2)
				runs.append(load(poi, first, count, rate, o.sessions))
				time.sleep(1)
			row = {k: statistics.median(r[k] for r in runs) for k in runs[0]}
			spread = f" ({min(r['per_second'] for r in runs)} to {max(r['per_second'] for r in runs)})" if len(runs) > 1 else ""
			print(f"| {what} | {row['per_second']}{spread} | {row['p50_us']} | {row['p99_us']} | {row['most_us']} | {row['not_taken']} |", flush=True)
		print("events:", json.dumps(poi.status()["events"]["functions"]))
	finally:
		poi.close()
		taker.stop()
		shutil.rmtree(poi.folder, ignore_errors=True)


if __name__ == "__main__":
	main()
