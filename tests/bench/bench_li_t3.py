#!/usr/bin/python3
"""LI_T3 as a busy SMF uses it: activations and deactivations a second, and whether what is answered is in force
while that load runs. Prints a table.
  POI_BUILD=build-release tests/bench/bench_li_t3.py [--tasks 10000] [--count 20000]
Real processes. The samples have a run of their own: their frames come through a pipe, and a worker that waits for a
pipe passes no grace period meanwhile, so that the pace of the pipe would be that of the answers. Wants a quiet machine with two cores."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "system"), os.path.join(HERE, "..", "lab")]

import fixture  # noqa: E402
from feed import Feed  # noqa: E402
from poi_lab import smf, x1  # noqa: E402

UE, PEER = "192.0.2.%d", "198.51.100.80"
SCENARIO = "mdf3 127.0.0.1:%d\nupf 198.51.100.20\nsessions %d\nlive %d\nsetup x3\nrelease\n"


class Bench:
	def __init__(self, options, folder):
		"""`folder`: for the pipe, or None: a port without traffic."""
		self.o, self.missed = options, []
		self.feed = Feed(os.path.join(folder, "in")) if folder else None
		device, eal = ("net_pcap0", "--vdev net_pcap0,rx_pcap=" + self.feed.path) if folder else ("net_null0", "--vdev net_null0,no-rx=1")
		self.poi = fixture.Poi(eal=eal, ports=(
			f"{{ device: {device}, mode: probe, tunnel: gtpu, link: n3, gtp-endpoints: [198.51.100.20/32] }}",),
			ne_extra="role: triggered", x1_extra="limits: { pings: 100000, settings: 1000, streams: 1000 }", xsd=False)
		self.poi.start()
		self.mdf = self.poi.mdf(keep=True)
		self.did = x1.new_id()
		self.must(self.poi.admf.create_destination(self.did, self.mdf.address, self.mdf.port))

	@staticmethod
	def must(answer):
		if not answer.completed:
			raise RuntimeError(str(answer))

	def row(self, what, value, goal, good):
		print(f"| {what} | {value} | {goal} | { {True: 'yes', False: 'no', None: ''}[good] } |", flush=True)
		if good is False:
			self.missed.append(what)

	def details(self, xid, target, number):
		return x1.task_details(xid, [target], [self.did], correlation=number, product=x1.new_id())

	def preload(self):
		for at in range(0, self.o.tasks, 500):
			for answer in self.poi.admf.send([x1.Message("ActivateTask", self.details(x1.new_id(), x1.target_fteid(1 << 31 | n,
					"198.51.100.20"), n)) for n in range(at, min(at + 500, self.o.tasks))]):
				if not answer.ok:
					raise RuntimeError(str(answer))

	def load(self):
		return subprocess.Popen([os.path.join(fixture.BUILD, "tests", "bench", "x1load"), "--port", str(self.poi.port), "--pki",
			self.poi.pki.folder, "--did", self.did, "--request", "Trigger", "--count", str(self.o.count), "--connections", "4",
			"--streams", "4"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

	def one_sample(self, n):
		"""A frame right after each OK: the first is captured, the second is not. Whether the first was missed."""
		ue, xid, before = UE % (n % 250 + 1), x1.new_id(), len(self.mdf.kept)
		self.must(self.poi.admf.activate(xid, [x1.target_ipv4(ue)], [self.did], correlation=n, product=x1.new_id()))
		self.feed.send([fixture.udp_frame(ue, PEER, b"after activation")])
		seen = self.mdf.wait(lambda m: len(m.kept) > before, 5)
		self.must(self.poi.admf.deactivate(xid))
		self.feed.send([fixture.udp_frame(ue, PEER, b"after deactivation")])
		return not seen

	def figures(self, load):
		out, err = load.communicate()
		if load.returncode:
			raise RuntimeError(err.strip() or out)
		return json.loads(out)

	def rate(self):
		self.preload()
		r = self.figures(self.load())
		self.row(f"activations and deactivations in force ({r['protocol']})", "%d/s of each, p50 %.1f, p99 %.1f ms" % (
			r["per_second"] / 2, r["ms"]["p50"], r["ms"]["p99"]), "1000/s", r["per_second"] >= 2000)
		self.scenario()
		self.end()

	def samples(self):
		self.preload()
		load, missed, samples = self.load(), 0, 0
		while load.poll() is None:
			missed, samples = missed + self.one_sample(samples), samples + 1
		self.figures(load)
		time.sleep(0.5)
		many = sum(bytes(p.payload).endswith(b"after deactivation") for p in self.mdf.kept)
		self.row(f"of {samples:d} sampled meanwhile, not in force after the OK", f"{missed:d}, still in force after the other {many:d}",
			"0", not missed and not many)
		self.end()

	def end(self):
		status = self.poi.balanced(20)
		self.row("tasks at the end, ledger", f"{status['tasks']:d}, balances", "", None)

	def scenario(self):
		"""The same over HTTP/1.1 from poi-lab smf, whose own cost is in it."""
		s = smf.parse(SCENARIO % (self.mdf.port, self.o.count // 4, 200))
		o = argparse.Namespace(url=self.poi.url, pki=self.poi.pki.folder, identity="admf", admf="admf-01", ne="poi-01", timeout=15,
			rate=0, connections=4)
		f = smf.run(o, s, {"mdf3": self.did, "mdf2": self.did})
		a, d = f["requests"]["ActivateTask"], f["requests"]["DeactivateTask"]
		self.row("poi-lab smf, one session a request (http/1.1)", f"{a['per_second']:d}/s of "
			f"each, p99 {a['ms']['p99']:.1f} and {d['ms']['p99']:.1f} ms, "
			f"{f['wrong']:d} wrong", "", None if not f["wrong"] else False)

	def close(self):
		self.poi.close()
		if self.feed:
			self.feed.close()


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--tasks", type=int, default=10000)
	parser.add_argument("--count", type=int, default=20000, help="requests")
	options = parser.parse_args()
	folder = tempfile.mkdtemp(prefix="poi-bench-")
	missed = []
	print(f"{options.tasks} tasks present\n\n| what | measured | goal | met |\n|---|---|---|---|")
	try:
		for part, place in ((Bench.rate, None), (Bench.samples, folder)):
			bench = Bench(options, place)
			try:
				part(bench)
			finally:
				bench.close()
			missed += bench.missed
	finally:
		shutil.rmtree(folder, ignore_errors=True)
	return 1 if missed else 0


if __name__ == "__main__":
	sys.exit(main())
