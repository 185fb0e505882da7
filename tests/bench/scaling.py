#!/usr/bin/python3
"""How much of a port's traffic a machine carries, by a model of three queues: the port, the workers, the delivery
threads. Prints the tables of docs/scaling.md.

tests/bench/scaling.py [--ghz N] [--driver CYCLES] [--delivery GBIT] [--port GBIT] [--threads N] [--balance N]

The cycles are those of a clock of 2.1 GHz, as the time stamp counter of the machine counts them on which they were taken."""
import argparse

# Cycles of a worker for a packet that matches nothing, and for one that is captured, without its octets
# (tests/bench/bench_worker.c), and octets a cycle into the ring (bench_capture.c).
IDLE = {"plain": 70.0, "GTP-U": 96.0}
CAPTURED = 440.0
COPIED = 2.0
WIRE = 24  # octets of preamble, gap and FCS around a frame as a port counts it
X3 = 89  # octets of an X3 PDU before its payload


def carried(size, kind, share, workers, a):
	"""(Gbit/s on the wire that are carried, what limits them) for frames of `size` octets."""
	frame_gbit = (size + WIRE) * 8e-9
	port = a.port / frame_gbit
	cycles = a.driver + IDLE[kind] + share * (CAPTURED + size / COPIED)
	limits = {"port": port, "workers": workers * a.balance * a.ghz * 1e9 / cycles}
	if share:
		limits["delivery"] = a.threads * a.delivery * 1e9 / 8 / (size - 14 + X3) / share
	name = min(limits, key=limits.get)
	return limits[name] * frame_gbit, name


def main():
	parser = argparse.ArgumentParser()
	parser.add_argument("--ghz", type=float, default=2.1, help="clock of the workers' CPUs")
	parser.add_argument("--driver", type=float, default=60, help="cycles a packet of the NIC's driver: assumed")
	parser.add_argument("--delivery", type=float, default=9, help="Gbit/s of a delivery thread, its share of the kernel included")
	parser.add_argument("--port", type=float, default=100, help="Gbit/s of the port")
	parser.add_argument("--threads", type=int, default=4, help="delivery threads")
	parser.add_argument("--balance", type=float, default=0.8, help="mean load of the workers while the busiest is full: assumed")
	a = parser.parse_args()
	for kind in IDLE:
		print(f"\n{kind}, port of {a.port:g} Gbit/s, {a.ghz:g} GHz, {a.threads:d} delivery threads: Gbit/s carried (what limits)\n")
		print("| frame | matching | 8 workers | 16 workers | 32 workers |\n|---|---|---|---|---|")
		for size in (64, 128, 256, 512, 1500) if kind == "plain" else (128, 256, 512, 1500):
			for share in (0, 0.01, 0.1, 1):
				row = [carried(size, kind, share, n, a) for n in (8, 16, 32)]
				print("| %d | %g %% | %s |" % (size, share * 100, " | ".join("%.0f (%s)" % x for x in row)))


if __name__ == "__main__":
	main()
