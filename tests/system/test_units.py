"""The service's files, and what both programs do for a service manager: readiness, signs of life, a status
line, credentials, and memory that nobody else gets to see."""
import contextlib
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import fixture
from fixture import Poi, Process, wait_until
from poi_lab import x1

MOST = {"poi-control": 15, "poi-dataplane": 25}  # exposure of systemd-analyze security, times ten


class Files(unittest.TestCase):
	def setUp(self):
		if not shutil.which("systemd-analyze"):
			self.skipTest("no systemd here")
		self.folder = tempfile.mkdtemp(prefix="poi-units-")
		self.addCleanup(shutil.rmtree, self.folder, True)

	def unit(self, name, *changes):
		with open(os.path.join(fixture.TOP, "packaging", "systemd", name + ".service.in")) as f:
			text = f.read().replace("@bindir@", os.path.dirname(fixture.program(name)))
		for old, new in changes:
			self.assertIn(old, text)
			text = text.replace(old, new)
		path = os.path.join(self.folder, name + ".service")
		with open(path, "w") as f:
			f.write(text)
		return path

	def exposure(self, name, *changes):
		done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={MOST[name]:d}",
			self.unit(name, *changes)], capture_output=True, text=True)
		figure = re.search(r"exposure level for \S+ ([0-9.]+)", done.stdout.replace(":", ""))
		return done.returncode, figure and float(figure.group(1))

	def test_exposure(self):
		for name, most in MOST.items():
			code, figure = self.exposure(name)
			print(f"# {name}: exposure {figure}, at most {most / 10:.1f}")
			self.assertEqual(code, 0, f"{name}: {figure}")

	def test_exposure_sees_a_hole(self):
		code, figure = self.exposure("poi-control", ("ProtectSystem=strict", "ProtectSystem=no"), ("NoNewPrivileges=yes", ""))
		self.assertNotEqual(code, 0, figure)

	def allowed(self, name):
		"""System calls that the unit's filter leaves, as systemd puts its lines together."""
		def expand(words):
			found = set()
			for word in words:
				if not word.startswith("@"):
					found.add(word)
					continue
				done = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True)
				found |= expand(line.strip() for line in done.stdout.splitlines()[1:] if line.strip() and "#" not in line)
			return found
		left = set()
		with open(self.unit(name)) as f:
			for words in re.findall(r"^SystemCallFilter=(~?)(.*)$", f.read(), re.M):
				left = left - expand(words[1].split()) if words[0] else left | expand(words[1].split())
		return left | expand(["@default"])

	def test_the_filter_leaves_what_the_programs_call(self):
		"""From their first system call to their last, a reload in between."""
		if not shutil.which("strace") or not fixture.ROOT:
			self.skipTest("needs strace and root")
		poi = Poi()
		self.addCleanup(poi.close)
		traces = {}
		for name in ("poi-dataplane", "poi-control"):
			traces[name] = os.path.join(self.folder, name + ".trace")
			process = Process(["strace", "-f", "-qq", "-o", traces[name], poi.programs[name], "-c", poi.file],
				poi.path(name.split("-")[1] + ".log"))
			setattr(poi, name.split("-")[1], process)
			self.addCleanup(process.stop)
		poi.wait_control()
		poi.admf.activate(x1.new_id(), [x1.target_ipv4("192.0.2.10")], [])
		for process in (poi.control, poi.dataplane):
			with open(f"/proc/{process.child.pid}/task/{process.child.pid}/children") as f:
				traced = int(f.read().split()[0])
			os.kill(traced, signal.SIGHUP)
			wait_until(lambda: "read again" in process.text(), 10, "a reload")
			os.kill(traced, signal.SIGTERM)
			wait_until(lambda: not process.running, 20, "its end")
		for name, path in traces.items():
			with open(path, errors="replace") as f:
				called = set(re.findall(r"^\d+ +(\w+)\(", f.read(), re.M))
			self.assertGreater(len(called), 30, name)
			print(f"# {name} makes {len(called)} different system calls")
			# the EAL asks for port I/O on behalf of old virtio devices and goes on without; control has root's
			# capabilities to give up here, in its unit it has none more than it keeps
			spare = {"poi-dataplane": {"iopl"}, "poi-control": {"capset"}}[name]
			self.assertEqual(called - spare - self.allowed(name), set(), f"{name} calls what its unit forbids")

	def test_systemd_understands_every_line(self):
		for name in MOST:
			done = subprocess.run(["systemd-analyze", "verify", "--man=no", self.unit(name)], capture_output=True, text=True)
			said = [line for line in done.stderr.splitlines() if name in line]
			self.assertEqual(said, [], done.stderr)

	def drop_ins(self, *names):
		"""The packaged ones for kinds of ports, or those named, put beside the unit; returns the unit's path."""
		folder = os.path.join(self.folder, "poi-dataplane.service.d")
		shutil.rmtree(folder, True)
		os.mkdir(folder)
		packaged = glob.glob(os.path.join(fixture.TOP, "packaging/systemd/ports/*.conf"))
		for path in packaged:
			if not names or os.path.basename(path) in names:
				shutil.copy(path, folder)
		self.assertEqual(len(os.listdir(folder)), len(names) or len(packaged))
		return self.unit("poi-dataplane")

	def test_systemd_understands_every_drop_in(self):
		def said():
			done = subprocess.run(["systemd-analyze", "verify", "--man=no", self.drop_ins()], capture_output=True, text=True)
			return [line for line in done.stderr.splitlines() if "poi" in line]
		self.assertEqual(said(), [])
		path = os.path.join(self.folder, "poi-dataplane.service.d", "60-poi-tap.conf")
		with open(path, "a") as f:
			f.write("AmbientCapability=CAP_NET_ADMIN\n")
		done = subprocess.run(["systemd-analyze", "verify", "--man=no", self.unit("poi-dataplane")], capture_output=True, text=True)
		self.assertIn("AmbientCapability", done.stderr, "a wrong line is seen")

	def test_every_drop_in_is_installed(self):
		with open(os.path.join(fixture.TOP, "packaging/meson.build")) as f:
			listed = set(re.findall(r"'systemd/ports/([^']+)'", f.read()))
		self.assertEqual(listed, set(os.listdir(os.path.join(fixture.TOP, "packaging/systemd/ports"))))

	def test_the_least_is_less(self):
		def exposure():
			done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", os.path.join(self.folder,
				"poi-dataplane.service")], capture_output=True, text=True)
			return float(re.search(r"exposure level for \S+ ([0-9.]+)", done.stdout.replace(":", "")).group(1))
		self.unit("poi-dataplane")
		shipped = exposure()
		self.drop_ins("50-poi-least.conf", "60-poi-vfio.conf")
		least = exposure()
		print(f"# poi-dataplane: exposure {shipped:.1f} as shipped, {least:.1f} with the least and vfio")
		self.assertLess(least, shipped)

	def test_the_user_and_the_folders(self):
		root = os.path.join(self.folder, "root")
		for folder in ("etc", "run", "var/log", "var/lib"):
			os.makedirs(os.path.join(root, folder))
		for tool, kind in (("systemd-sysusers", "sysusers"), ("systemd-tmpfiles", "tmpfiles")):
			done = subprocess.run([tool, "--root=" + root] + (["--create"] if kind == "tmpfiles" else []) +
				[os.path.join(fixture.TOP, "packaging", kind, "poi.conf")], capture_output=True, text=True)
			self.assertEqual(done.returncode, 0, done.stderr)
		with open(os.path.join(root, "etc/passwd")) as f:
			user = [line.split(":") for line in f if line.startswith("poi:")][0]
		self.assertEqual(user[6].strip(), "/usr/sbin/nologin")
		for folder in ("run/poi", "run/poi-ports", "var/lib/poi", "var/log/poi"):
			state = os.stat(os.path.join(root, folder))
			self.assertEqual(state.st_mode & 0o777, 0o700, folder)
			self.assertIn(state.st_uid, (int(user[2]), os.geteuid()))


class Manager(unittest.TestCase):
	"""A service manager's end of NOTIFY_SOCKET."""

	def setUp(self):
		self.poi = Poi()
		self.addCleanup(self.poi.close)
		self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		self.addCleanup(self.socket.close)
		self.socket.bind(self.poi.path("notify"))
		self.socket.settimeout(0.1)
		self.told = []

	def program(self, name, env=None):
		process = Process([fixture.program(name), "-c", self.poi.file], self.poi.path(name.split("-")[1] + ".log"),
			{"NOTIFY_SOCKET": self.poi.path("notify"), **(env or {})})
		self.addCleanup(process.stop)
		setattr(self.poi, name.split("-")[1], process)
		return process

	def heard(self, word, timeout=10):
		"""Waits for a line that holds the word and takes it; others stay for the next call."""
		end = time.monotonic() + timeout
		while True:
			for line in self.told:
				if word in line:
					self.told.remove(line)
					return line
			if time.monotonic() > end:
				break
			with contextlib.suppress(TimeoutError):
				self.told += self.socket.recv(4096).decode().splitlines()
		raise AssertionError("the service manager did not hear %r; the logs:\n%s" % (word, "".join(
			p.text()[-2000:] for p in (self.poi.control, self.poi.dataplane) if p)))

	def test_ready_alive_and_a_status_line(self):
		self.program("poi-dataplane")
		self.heard("READY=1")
		self.assertEqual(self.heard("STATUS="), "STATUS=1 ports, 1 workers; poi-control away; the ledger balances")
		self.heard("WATCHDOG=1")
		self.program("poi-control", {"WATCHDOG_USEC": "400000"})
		self.heard("READY=1")
		self.heard("STATUS=1 network element; poi-dataplane connected; 1 fault")  # nobody has provisioned
		self.heard("STATUS=1 ports, 1 workers; poi-control connected; the ledger balances")
		self.heard("WATCHDOG=1", 1)
		self.poi.dataplane.stop()
		self.heard("STOPPING=1")
		self.assertRegex(self.heard("poi-dataplane away"), r"away; [1-9]\d* fault")

	def test_either_may_start_first(self):
		self.program("poi-control")
		self.heard("READY=1")
		self.heard("poi-dataplane away")
		self.program("poi-dataplane")
		self.heard("READY=1")
		self.heard("poi-dataplane connected")

	def test_keys_are_credentials(self):
		folder = self.poi.path("credentials")
		os.mkdir(folder, 0o700)
		shutil.copy(os.path.join(self.poi.pki.folder, "ne.key"), os.path.join(folder, "ne.key"))
		os.chmod(os.path.join(folder, "ne.key"), 0o440)  # an ACL's mask looks like this
		with open(self.poi.file) as f:
			text = f.read()
		with open(self.poi.file, "w") as f:
			f.write(text.replace(f"key: {self.poi.pki.folder}/ne.key", "key: credential:ne.key"))
		for name in ("poi-dataplane", "poi-control"):
			self.program(name, {"CREDENTIALS_DIRECTORY": folder})
			self.heard("READY=1")
		self.poi.wait_control()
		self.poi.control.stop()
		control = self.program("poi-control")
		wait_until(lambda: not control.running, 10, "no key without the manager's folder")
		self.assertIn("credential:ne.key", control.text())
		with open(self.poi.file, "w") as f:
			f.write(text.replace(f"key: {self.poi.pki.folder}/ne.key", f"key: {folder}/ne.key"))
		control = self.program("poi-control")
		wait_until(lambda: not control.running, 10, "such a mode is refused elsewhere")
		self.assertIn("others may read the key", control.text())


class Memory(unittest.TestCase):
	"""What of a process is locked, and what a core would hold."""

	@classmethod
	def setUpClass(cls):
		if not fixture.ROOT:
			raise unittest.SkipTest("needs root to look into the processes")
		cls.poi = Poi()
		cls.addClassCleanup(cls.poi.close)
		cls.poi.start()
		if "memory may be swapped out" in cls.poi.control.text():
			raise unittest.SkipTest("built without locking of memory (sanitizers), or it is not allowed here")

	def proc(self, process, name):
		with open(f"/proc/{process.child.pid}/{name}") as f:
			return f.read()

	def mappings(self, process):
		"""(first line, flags) of every mapping."""
		return re.findall(r"^([0-9a-f]+-[0-9a-f]+ .*)\n(?:\w+:.*\n)*?VmFlags:(.*)", self.proc(process, "smaps"), re.M)

	def test_nothing_is_swapped_and_no_core_is_left(self):
		for process in (self.poi.control, self.poi.dataplane):
			self.assertGreater(int(re.search(r"VmLck:\s+(\d+)", self.proc(process, "status")).group(1)), 1000)
			self.assertRegex(self.proc(process, "limits"), r"Max core file size\s+0\s+0 ")
			heap = [flags for line, flags in self.mappings(process) if line.endswith("[heap]")]
			self.assertTrue(heap and all(" lo" in flags for flags in heap), heap)

	def test_keys_and_packets_are_not_in_a_core(self):
		for process in (self.poi.control, self.poi.dataplane):
			# the heap of private keys: 4 MiB, between two pages without any access
			found = [flags for line, flags in self.mappings(process) if self.size(line) == 4 << 20 and " dd" in flags]
			self.assertTrue(found, f"no hidden heap for keys in {process.command[0]}")
		huge = [(line, flags) for line, flags in self.mappings(self.poi.dataplane) if " ht" in flags]
		if not huge:
			self.skipTest("no hugepages here")
		self.assertTrue(all(" dd" in flags for _, flags in huge), huge)

	@staticmethod
	def size(line):
		first, last = line.split()[0].split("-")
		return int(last, 16) - int(first, 16)

	def test_no_file_holds_packets(self):
		for link in glob.glob(f"/proc/{self.poi.dataplane.child.pid}/fd/*"):
			self.assertNotIn("huge", os.readlink(link).replace("(deleted)", "") if "memfd" not in os.readlink(link) else "")
		self.assertEqual(glob.glob("/dev/hugepages/poi-*"), [])


class InMemory(unittest.TestCase):
	def test_no_file_and_no_second_process(self):
		"""Without --in-memory in the file the EAL gets it, or without hugepages --no-shconf."""
		poi = Poi()
		self.addCleanup(poi.close)
		with open(poi.file) as f:
			text = f.read()
		self.assertIn("--in-memory ", text)
		with open(poi.file, "w") as f:
			f.write(text.replace("--in-memory ", "").replace("--no-telemetry ", ""))
		folder = poi.path("eal")
		os.mkdir(folder)
		poi.dataplane = Process([poi.programs["poi-dataplane"], "-c", poi.file], poi.path("dataplane.log"),
			{"RUNTIME_DIRECTORY": folder})
		wait_until(lambda: "running; workers poll" in poi.dataplane.text(), 20, "it runs")
		ours = ("dataplane.sock", "dataplane.last")  # the channel, and the last counts for whoever comes after a kill
		made = [name for _, _, names in os.walk(folder) for name in names if name not in ours]
		self.assertEqual(made, [], "no telemetry, no configuration, no socket of the EAL")
