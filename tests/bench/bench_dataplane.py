#!/usr/bin/python3
"""Packets a second of the dataplane with TASKS tasks in force, beside its own rate without tasks and beside
dpdk-testpmd, one worker each. Prints a table.
  POI_BUILD=build-release tests/bench/bench_dataplane.py [pcap] [memif] [inline] [match] [--rounds 5] [--seconds 1.5]
Real processes. All stand ready side by side; only the one whose turn it is runs (the others are stopped by
signal), in turn, ROUNDS times. Behind net_pcap the worker never idles, so its packets are divided by the CPU time
of its thread and other load on the machine does not count; over net_memif by the clock. Wants two cores, root,
512 MiB of free hugepages or more (else all without) and dpdk-testpmd."""
import argparse
import contextlib
import glob
import os
import pty
import re
import shutil
import signal
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import json

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "system"), os.path.join(HERE, "..", "lab")]

import fixture  # noqa: E402
from poi_lab import x1  # noqa: E402

TESTPMD = "dpdk-testpmd"
TARGET = "192.0.2.10"
MEMORY = 128  # MiB for each process that handles packets


def write_pcap(path, frames, one_in=0):
	"""64-octet frames (60 and the checksum that is not there) of many hosts; each `one_in`-th is the target's."""
	with open(path, "wb") as out:
		out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
		for n in range(frames):
			source = TARGET if one_in and n % one_in == 0 else f"172.20.{n >> 8}.{n & 255}"
			frame = fixture.udp_frame(source, f"198.18.{n * 7 >> 8 & 255}.{n * 7 & 255}", bytes(18), (1024 + n, 443))
			out.write(struct.pack("<IIII", 0, n, len(frame), len(frame)) + frame)


def memory(share=3):
	"""EAL arguments, the same for everyone that is compared."""
	with open("/proc/meminfo") as f:
		free = int(dict(line.split(":") for line in f).get("HugePages_Free", "0").split()[0])
	return f"-m {MEMORY}" if fixture.ROOT and free * 2 >= share * MEMORY else f"--no-huge -m {MEMORY}"


class Subject:
	"""A process whose worker handles packets, and whoever feeds it; stopped except when it is its turn."""

	def __init__(self, name):
		self.name, self.feeders = name, []

	def pids(self):
		raise NotImplementedError

	def packets(self):
		raise NotImplementedError

	def worker(self):
		"""The thread that polls: the busiest one called worker."""
		found = []
		for path in glob.glob(f"/proc/{self.pids()[0]:d}/task/*/comm"):
			with open(path) as f:
				if "worker" in f.read():
					found.append(os.path.dirname(path))
		return max(found, key=thread_ns)

	def signal(self, number):
		for pid in self.pids() + [f.child.pid for f in self.feeders]:
			os.kill(pid, number)

	def sample(self):
		n = self.packets()
		return n, thread_ns(self.worker()), time.monotonic_ns()

	def measure(self, seconds, by_cpu):
		self.signal(signal.SIGCONT)
		try:
			time.sleep(0.25)
			n0, cpu0, at0 = self.sample()
			time.sleep(seconds)
			n1, cpu1, at1 = self.sample()
		finally:
			self.signal(signal.SIGSTOP)
		return (n1 - n0) * 1e3 / (cpu1 - cpu0 if by_cpu else at1 - at0)  # million a second


def thread_ns(folder):
	with open(folder + "/schedstat") as f:
		return int(f.read().split()[0])


class Ours(Subject):
	def __init__(self, name, eal, ports, tasks, closing):
		super().__init__(name)
		# TIME1 is not what is measured: beside other programs 1,000 tasks at once may take longer.
		self.poi = fixture.Poi(eal=eal, ports=ports, xsd=False, x1_extra="x1: { time1: 30, time2: 90 }\n"
			"limits: { pings: 100000, settings: 1000, streams: 1000 }")
		closing.callback(self.close)
		with open(self.poi.file) as f:
			text = f.read()
		with open(self.poi.file, "w") as out:
			# With infinite_rx net_pcap keeps its file in packet buffers, beside those that are reckoned.
			out.write(re.sub(r"( *)idle-sleep-us: 50", r"\1idle-sleep-us: 0\n\1mbufs: 16384", text))
		self.poi.start()
		self.did = x1.new_id()
		if not self.poi.admf.create_destination(self.did, "127.0.0.1", 45000).completed:
			raise RuntimeError("no destination")
		if tasks:
			self.load(tasks)
		if self.poi.status()["tasks"] != tasks:
			raise RuntimeError(f"{self.poi.status()['tasks']} tasks are in force")

	def load(self, tasks):
		batch = min(tasks, 1000)
		command = [os.path.join(fixture.BUILD, "tests", "bench", "x1load"), "--port", str(self.poi.port), "--pki",
			self.poi.pki.folder, "--did", self.did, "--request", "ActivateTask", "--count", str(tasks // batch),
			"--connections", "2", "--streams", "1", "--batch", str(batch)]
		done = subprocess.run(command, capture_output=True, text=True, check=False)
		if done.returncode:
			raise RuntimeError(f"x1load: {done.stderr.strip() or done.stdout}")

	def pids(self):
		return [self.poi.dataplane.child.pid, self.poi.control.child.pid]

	def packets(self):
		return self.poi.status()["packets"]["received"]

	def ready(self):
		return all(p["link_up"] for p in self.poi.status()["ports"])

	def close(self):
		for process in (self.poi.dataplane, self.poi.control):
			if process and process.running:
				process.child.send_signal(signal.SIGCONT)
		self.poi.close()


class Testpmd(Subject):
	"""testpmd with its prompt, for its counters; one forwarding core."""

	def __init__(self, name, vdevs, mode, closing, core=None):
		super().__init__(name)
		main, other = fixture.cpus()
		other = other if core is None else core
		master, slave = pty.openpty()
		command = testpmd_command(f"sut{id(self)}", (main, other), memory(), vdevs) + ["-i", "--forward-mode=" + mode,
			"--total-num-mbufs=32768", "--disable-link-check"]
		self.child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=subprocess.STDOUT)
		os.close(slave)
		self.master, self.text, self.lock = master, "", threading.Condition()
		threading.Thread(target=self._read, daemon=True).start()
		closing.callback(self.close)
		self.say("", r"testpmd> *$")
		if core is None:
			self.start()

	def start(self, how=""):
		self.say("start" + how, r"packets/burst")

	def _read(self):
		with contextlib.suppress(OSError):
			while True:
				piece = os.read(self.master, 65536).decode(errors="replace")
				with self.lock:
					self.text = (self.text + piece)[-65536:]
					self.lock.notify_all()

	def say(self, command, until, timeout=20):
		"""Sends a command; what came up to and with `until`."""
		with self.lock:
			if command:
				self.text = ""
			os.write(self.master, command.encode() + b"\n")
			if not self.lock.wait_for(lambda: re.search(until, self.text, re.S), timeout):
				raise RuntimeError(f"dpdk-testpmd: no answer to {command}:\n{self.text[-2000:]}")
			return self.text

	def pids(self):
		return [self.child.pid]

	def packets(self):
		text = self.say("show port stats all", r"RX-packets.*testpmd> *$")
		return sum(int(n) for n in re.findall(r"RX-packets: *(\d+)", text))

	def ready(self):
		return self.packets() >= 0

	def close(self):
		self.child.kill()
		self.child.wait()
		os.close(self.master)


def testpmd_command(prefix, cpus, eal_memory, vdevs):
	in_memory = [] if "--no-huge" in eal_memory else ["--in-memory"]
	return [shutil.which(TESTPMD), "--no-pci", *in_memory, *eal_memory.split(), "--no-telemetry", "--file-prefix", prefix,
		"--lcores", "0@%d,1@%d" % cpus, *["--vdev=" + v for v in vdevs], "--"]


def feeder(folder, vdevs, mode, closing, *more):
	"""A testpmd on the other core that only sends, or sends back."""
	main, _ = fixture.cpus()
	command = testpmd_command(f"feed{len(os.listdir(folder))}", (main, main), "--no-huge -m 96", vdevs) + ["--auto-start",
		"--forward-mode=" + mode, "--total-num-mbufs=8192", "--stats-period=3600", "--disable-link-check", *more]
	process = fixture.Process(command, os.path.join(folder, f"feeder{len(os.listdir(folder))}.log"))
	closing.callback(process.kill)
	return process


def sink_start(pki):
	"""Takes TLS connections and throws away what comes; its port."""
	context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	context.load_cert_chain(pki.path("mdf.pem"), pki.path("mdf.key"))
	context.load_verify_locations(pki.path("ca.pem"))
	context.verify_mode = ssl.CERT_REQUIRED
	listener = socket.create_server(("127.0.0.1", 0))

	def swallow(raw):
		piece = bytearray(256 * 1024)
		with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as tls:
			while tls.recv_into(piece):
				pass

	def accept():
		while True:
			threading.Thread(target=swallow, args=(listener.accept()[0],), daemon=True).start()

	threading.Thread(target=accept, daemon=True).start()
	return listener.getsockname()[1]


class Figures:
	def __init__(self, options):
		self.o, self.missed, self.rows = options, 0, []

	def in_turn(self, subjects, by_cpu):
		"""Median rate and spread by subject, and of each against the first in the same round."""
		rates = {s.name: [] for s in subjects}
		for s in subjects:
			s.signal(signal.SIGSTOP)
		for n in range(self.o.rounds):
			for s in subjects if n % 2 == 0 else reversed(subjects):
				rates[s.name].append(s.measure(self.o.seconds, by_cpu))
		return rates

	def table(self, title, rates, ours, goals):
		unit = "Mpps"
		print(f"\n## {title}\n\n| | {unit}, median (spread) | ours against it, median (spread) | "
			"goal | met |\n|---|---|---|---|---|", flush=True)
		for name, values in rates.items():
			row = f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
			if name == ours:
				print(f"| {name} | {row} | | | |")
				continue
			ratios = [a / b for a, b in zip(rates[ours], values)]
			m, goal = statistics.median(ratios), goals.get(name)
			met = "" if goal is None else "yes" if m >= goal else "no"
			self.missed += met == "no"
			print("| %s | %s | %.2f (%.2f to %.2f) | %s | %s |" % (name, row, m, min(ratios), max(ratios),
				f"{goal:.2f}" if goal else "", met), flush=True)

	def ours(self):
		return f"ours, {self.o.tasks} tasks"

	def pcap(self, closing, folder):
		"""Behind net_pcap with infinite_rx: ours, ours without tasks, testpmd rxonly."""
		path = os.path.join(folder, "frames.pcap")
		write_pcap(path, self.o.frames)
		device = f"net_pcap0,rx_pcap={path},infinite_rx=1"
		port = ("{ device: net_pcap0, mode: probe }",)
		subjects = []
		for make in (lambda: Ours(self.ours(), "--vdev " + device, port, self.o.tasks, closing),
				lambda: Ours("ours, 0 tasks", "--vdev " + device, port, 0, closing),
				lambda: Testpmd("testpmd rxonly", [device], "rxonly", closing)):
			subjects.append(make())
			subjects[-1].signal(signal.SIGSTOP)
		self.table("net_pcap, 64 B, no match", self.in_turn(subjects, True), self.ours(),
			{"ours, 0 tasks": 0.90, "testpmd rxonly": 0.75})

	def memif(self, closing, folder):
		"""The same over net_memif; each has a testpmd txonly of its own that sends."""
		def device(n, role):
			return f"net_memif0,role={role},socket={folder}/{n}.sock,socket-abstract=no,secret=none"
		port, subjects = ("{ device: net_memif0, mode: probe }",), []
		for n, make in enumerate((lambda: Ours(self.ours(), "--vdev " + device(0, "server"), port, self.o.tasks, closing),
				lambda: Ours("ours, 0 tasks", "--vdev " + device(1, "server"), port, 0, closing),
				lambda: Testpmd("testpmd rxonly", [device(2, "server")], "rxonly", closing))):
			s = make()
			s.feeders.append(feeder(folder, [device(n, "client")], "txonly", closing))
			fixture.wait_until(lambda: s.packets() > 100000, 20, f"{s.name}: packets come over memif")
			s.signal(signal.SIGSTOP)
			subjects.append(s)
		self.table("net_memif, 64 B, no match", self.in_turn(subjects, False), self.ours(),
			{"ours, 0 tasks": 0.90, "testpmd rxonly": 0.85})

	def inline(self, closing, folder):
		"""Between two net_memif ports; a testpmd io on the other core sends every frame back, so that a few hundred
		go round for ever and the slower of the two sets the rate."""
		def devices(n, role):
			return [f"net_memif{k},role={role},id={k},socket={folder}/inline{n}-{k}.sock,socket-abstract=no,secret=none"
				for k in (0, 1)]
		ports = ("{ device: net_memif0, mode: inline, peer: net_memif1 }", "{ device: net_memif1, mode: inline, peer: net_memif0 }")
		subjects = []
		for n, make in enumerate((
				lambda: Ours(self.ours(), " ".join("--vdev " + d for d in devices(0, "server")), ports, self.o.tasks, closing),
				lambda: Ours("ours, 0 tasks", " ".join("--vdev " + d for d in devices(1, "server")), ports, 0, closing),
				lambda: Testpmd("testpmd io", devices(2, "server"), "io", closing))):
			s = make()
			back = Testpmd("back", devices(n, "client"), "io", closing, core=fixture.cpus()[0])
			s.feeders.append(back)
			time.sleep(2.5)  # memif connects once a second
			back.start(" tx_first 8")
			fixture.wait_until(lambda: s.packets() > 100000, 10, f"{s.name}: packets go round")
			s.signal(signal.SIGSTOP)
			subjects.append(s)
		self.table("inline between two net_memif, 64 B, no match, both directions", self.in_turn(subjects, False), self.ours(),
			{"testpmd io": 0.80})

	def match(self, closing, folder):
		"""One packet in a hundred matches; its content goes over TLS to a sink on the other core."""
		path = [os.path.join(folder, n) for n in ("none.pcap", "one.pcap")]
		write_pcap(path[0], 8100)
		write_pcap(path[1], 8100, 100)
		port, subjects = ("{ device: net_pcap0, mode: probe }",), []
		for name, p in (("ours, no match", path[0]), ("ours, 1 % match", path[1])):
			s = Ours(name, f"--vdev net_pcap0,rx_pcap={p},infinite_rx=1", port, self.o.tasks, closing)
			sink = sink_start(s.poi.pki)
			did = x1.new_id()
			if not (s.poi.admf.create_destination(did, "127.0.0.1", sink).completed and
					s.poi.admf.activate(x1.new_id(), [x1.target_ipv4(TARGET)], [did]).completed):
				raise RuntimeError("no task")
			s.signal(signal.SIGSTOP)
			subjects.append(s)
		rates = self.in_turn(subjects, True)
		self.table("net_pcap, 64 B, 1 % match", {"ours, 1 % match": rates["ours, 1 % match"], "ours, no match": rates["ours, no match"]},
			"ours, 1 % match", {"ours, no match": 0.85})
		s = subjects[1]
		s.signal(signal.SIGCONT)
		status = s.poi.status()
		print(f"\nOf {status['matches']:d} matches {status['delivered']:d} were delivered, "
			f"{status.get('queued') or 0:d} queued, {status['lost']['buffer_full']:d} found the "
			"buffer full.")


PARTS = ("pcap", "memif", "inline", "match")


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("part", nargs="*", choices=[[], *PARTS], help=f"only these of {', '.join(PARTS)}")
	parser.add_argument("--tasks", type=int, default=100000)
	parser.add_argument("--rounds", type=int, default=5)
	parser.add_argument("--frames", type=int, default=8192,
		help="different ones behind net_pcap (default %(default)s: touched in L2 and L3, as behind a NIC)")
	parser.add_argument("--nice", type=int, default=0, help="priority of everything, -15 beside other work")
	parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement (default %(default)s)")
	o = parser.parse_args()
	if not shutil.which(TESTPMD):
		parser.error("no dpdk-testpmd (package dpdk)")
	os.nice(o.nice)
	figures = Figures(o)
	for part in o.part or PARTS:
		folder = tempfile.mkdtemp(prefix="poi-bench-")
		try:
			with contextlib.ExitStack() as closing:
				getattr(figures, part)(closing, folder)
		finally:
			shutil.rmtree(folder, ignore_errors=True)
	return 1 if figures.missed else 0


if __name__ == "__main__":
	# fixture's own choice depends on what is free at the moment: everyone compared gets the same
	choice = memory()
	fixture.memory_arguments = memory = lambda *_: choice
	sys.exit(main())
