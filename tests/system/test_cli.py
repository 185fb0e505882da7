"""The program `poi`: what it says, its exit codes, its help and completion, and that it only looks."""
import glob
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import fixture
from fixture import TOP, udp_frame
from poi_lab import x1

COMMANDS = ("check", "status", "top", "config dump", "config describe", "audit verify", "bench", "version", "health", "completion")
OK, NOT_OK, USAGE, UNREACHABLE = range(4)


def run(*arguments, timeout=30, **more):
	return subprocess.run([fixture.program("poi"), *arguments], capture_output=True, text=True, timeout=timeout, check=False, **more)


class Help(unittest.TestCase):
	def test_lists_every_command(self):
		done = run("help")
		self.assertEqual(done.returncode, OK)
		listed = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +[A-Z]", done.stdout, re.M)
		self.assertEqual(sorted(listed), sorted(COMMANDS))
		self.assertEqual(run("--help").stdout, done.stdout)
		self.assertEqual(run().returncode, USAGE)

	def test_teaches_at_every_level(self):
		for command in COMMANDS:
			done = run("help", *command.split())
			self.assertEqual(done.returncode, OK, command)
			self.assertRegex(done.stdout, fr"\AUsage: poi {command}\b")
			self.assertRegex(done.stdout, r"(?m)^  (poi|diff|journalctl) ", f"{command}: no example")
			self.assertIn("Exit codes of every command", done.stdout)
			self.assertEqual(run(*command.split(), "--help").stdout, done.stdout)

	def test_examples_are_commands(self):
		for command in COMMANDS:
			for line in re.findall(r"(?m)^  poi (.*)", run("help", *command.split()).stdout):
				words = re.sub(r"  .*|[|>].*", "", line).split()
				self.assertTrue(" ".join(words[:2]) in COMMANDS or words[0] in COMMANDS, line)
				known = re.findall(r"(?m)^  (?:-c, )?(--[a-z]+)", run("help", *command.split()).stdout)
				for word in words:
					if word.startswith("--"):
						self.assertIn(word, known, line)

	def test_unknown_suggests(self):
		for typed, meant in (("stats", "status"), ("chek", "check"), ("tpo", "top"), ("audit", "audit verify"),
				("config", "config dump"), ("verison", "version"), ("benchmark", "bench")):
			done = run(typed)
			self.assertEqual(done.returncode, USAGE)
			self.assertIn(f'did you mean "poi {meant}"?', done.stderr, typed)
		done = run("activate-task")
		self.assertEqual(done.returncode, USAGE)
		self.assertNotIn("did you mean", done.stderr)

	def test_odd_arguments(self):
		for arguments in (("status", "--jsno"), ("status", "-c"), ("status", "extra"), ("top", "--seconds", "0"),
				("top", "--count", "x"), ("status", "--watch", "1", "--json"), ("audit", "verify", "--head", "12"),
				("completion", "fish"), ("completion",), ("health",), ("health", "both"), ("bench", "--seconds", "-1")):
			done = run(*arguments)
			self.assertEqual(done.returncode, USAGE, arguments)
			self.assertEqual(done.stdout, "", arguments)
		self.assertIn("poi help status", run("status", "--jsno").stderr)


class Completion(unittest.TestCase):
	"""Made from the command table; asked here as the shell asks it."""

	def bash(self, *words):
		script = run("completion", "bash").stdout + "COMP_WORDS=(%s)\nCOMP_CWORD=%d\n_poi\nprintf '%%s\\n' \"${COMPREPLY[@]}\"\n" % (
			" ".join(f"'{w}'" for w in words), len(words) - 1)
		done = subprocess.run(["bash", "--norc"], input=script, capture_output=True, text=True, check=False)
		self.assertEqual((done.returncode, done.stderr), (0, ""))
		return set(done.stdout.split())

	def options(self, command):
		return set(re.findall(r"(--[a-z]+)", run("help", *command.split()).stdout.split("\n\n")[-2])) | {"--help"}

	def test_bash(self):
		self.assertEqual(self.bash("poi", ""), {c.split()[0] for c in COMMANDS} | {"help"})
		self.assertEqual(self.bash("poi", "st"), {"status"})
		self.assertEqual(self.bash("poi", "config", ""), {"dump", "describe"})
		self.assertEqual(self.bash("poi", "audit", ""), {"verify"})
		self.assertEqual(self.bash("poi", "completion", ""), {"bash", "zsh"})
		self.assertEqual(self.bash("poi", "health", ""), {"control", "dataplane"})
		self.assertEqual(self.bash("poi", "status", "--w"), {"--watch"})
		for command in ("status", "top", "bench", "version", "audit verify", "config dump"):
			self.assertEqual(self.bash("poi", *command.split(), "--"), self.options(command), command)
		with tempfile.NamedTemporaryFile(suffix=".yaml") as f:
			self.assertIn(f.name, self.bash("poi", "status", "-c", f.name[:-3]))
			self.assertIn(f.name, self.bash("poi", "check", f.name[:-3]))

	def test_zsh(self):
		text = run("completion", "zsh").stdout
		done = subprocess.run(["zsh", "-n"], input=text, capture_output=True, text=True, check=False)
		self.assertEqual((done.returncode, done.stderr), (0, ""))
		# _arguments and compadd as the shell would call them
		probe = "compadd() { print -rl -- compadd \"$@\" }\n_arguments() { print -rl -- \"$@\" }\n" + text.replace('_poi "$@"', "")
		for command in COMMANDS:
			words = ["poi", *command.split(), ""]
			script = probe + f"words=({' '.join(words[:-1])} '')\nCURRENT={len(words)}\n_poi\n"
			done = subprocess.run(["zsh", "-f"], input=script, capture_output=True, text=True, check=False)
			self.assertEqual((done.returncode, done.stderr), (0, ""), command)
			offered = set(re.findall(r"(?m)^(--[a-z]+)", done.stdout))
			if command not in ("completion", "config describe"):
				self.assertEqual(offered, self.options(command), command)
		script = probe + "words=(poi '')\nCURRENT=2\n_poi\n"
		done = subprocess.run(["zsh", "-f"], input=script, capture_output=True, text=True, check=False)
		self.assertEqual(set(done.stdout.split()) - {"compadd"}, {c.split()[0] for c in COMMANDS} | {"help"})


class Manual(unittest.TestCase):
	"""The pages render without a warning and say what the programs know."""

	FOLDER = os.path.join(fixture.BUILD, "packaging", "man")

	def page(self, name):
		done = subprocess.run(["man", "--warnings=all", "-l", os.path.join(self.FOLDER, name)], capture_output=True, text=True, check=False,
			env={**os.environ, "MANWIDTH": "800", "MAN_KEEP_FORMATTING": "", "LC_ALL": "C.UTF-8"})
		self.assertEqual((done.returncode, done.stderr), (0, ""), name)
		return done.stdout

	def test_all_render(self):
		for name in ("poi.1", "poi-control.8", "poi-dataplane.8", "poi.yaml.5"):
			text = self.page(name)
			for section in ("NAME", "DESCRIPTION", "SEE ALSO"):
				self.assertRegex(text, fr"(?m)^{section}$", name)
			self.assertNotIn("@", re.sub(r"\S+@\S+", "", text))
			source = os.path.join(self.FOLDER, name + ".scd")
			if not os.path.exists(source):
				source = os.path.join(TOP, "packaging", "man", name + ".scd")
			with open(source) as f:
				self.assertEqual(subprocess.run(["scdoc"], stdin=f, capture_output=True, check=False).returncode, 0)

	def test_every_key(self):
		text = self.page("poi.yaml.5")
		rows = [line.split("\t") for line in run("config", "describe").stdout.splitlines()]
		self.assertGreater(len(rows), 80)
		for path, kind, default, meaning in rows:
			found = re.search(fr"(?m)^ {{7}}{re.escape(path)}\n {{11}}(.*)$", text)
			self.assertTrue(found, path)
			self.assertEqual(found.group(1)[1:len(meaning)], meaning[1:], path)
			if default not in ("", "absent", "required"):
				if "default below" in found.group(1):  # a line for each part
					below = re.split(r"(?m)^ {7}\S", text[found.end():])[0]
					self.assertEqual("".join(below.split()), default, path)
				else:
					self.assertIn("default " + default, found.group(1), path)
		# and the tables themselves, read from the source
		names = set()
		for table in glob.glob(os.path.join(TOP, "shared", "config_table*.c")):
			with open(table) as f:
				names |= set(re.findall(r'(?:\.name = |(?:NUMBER|BOOL|SIZE|WORD|OPTIONAL)\(\s*)"([a-z0-9-]+)"', f.read()))
		self.assertGreater(len(names), 60)
		self.assertEqual(names, {re.split(r"[.]", path)[-1] for path, *_ in rows})

	def test_every_command_and_option(self):
		text = self.page("poi.1")
		for command in COMMANDS:
			section = re.search(fr"(?ms)^   poi {command}\b.*?(?=^   poi |^[A-Z])", text)
			self.assertTrue(section, command)
			for option in re.findall(r"(?m)^  (?:-c, )?(--[a-z]+)", run("help", *command.split()).stdout):
				self.assertIn(option, section.group(0), command)
		for code in "0123":
			self.assertRegex(text, fr"(?m)^       {code}\n")

	def test_options_of_the_daemons(self):
		for name in ("poi-control", "poi-dataplane"):
			text = self.page(name + ".8")
			usage = subprocess.run([fixture.program(name), "--help"], capture_output=True, text=True, check=True).stdout
			for option in re.findall(r"--[a-z]+", usage):
				self.assertIn(option, text, name)


class OnlyLooks(fixture.TrafficCase):
	"""No command changes anything, and none shows a target."""

	TARGET = "203.0.113.77"

	def test_sources_know_no_change(self):
		folder = os.path.join(TOP, "control", "cli")
		sources = [n for n in os.listdir(folder) if re.fullmatch(r"cli\w*\.[ch]", n)]
		self.assertGreater(len(sources), 10)
		allowed = {"HELLO", "HELLO_OK", "HELLO_REFUSED", "STATUS_GET", "STATUS", "WORKERS_GET", "WORKERS", "DESTINATION_STATUS_GET",
			"DESTINATION_STATUS", "STATE_END", "CONTROL_STATUS_GET", "CONTROL_STATUS", "EVENT", "VERSION", "MESSAGE_MAX",
			"PORTS_MAX", "WORKERS_MAX", "ROLE_OBSERVER", "SIGNALLING_GET", "FUNCTIONS_GET", "SIGNALLING"}
		for name in sources:
			with open(os.path.join(folder, name)) as f:
				text = f.read()
			self.assertEqual(set(re.findall(r"\bCHANNEL_([A-Z_]+)\b", text)) - allowed, set(), name)
			self.assertNotRegex(text, r"channel_(en|de)code_(task|memo|object|destination|ne)\b|task_store|registry|sealed_file_", name)

	def test_no_command_shows_a_target(self):
		xid = self.activate(x1.target_ipv4(self.TARGET))
		self.send([udp_frame(self.TARGET, "198.51.100.1", b"secret payload")] * 5)
		self.assertTrue(self.mdf.wait_pdus(5))
		before = self.poi.balanced()  # nothing is on its way any more
		for command in COMMANDS:
			arguments = command.split()
			if command == "completion":
				arguments.append("bash")
			elif command == "health":
				arguments += ["dataplane", "-c", self.poi.file]
			elif command != "config describe":
				arguments += ["-c", self.poi.file]
			if command in ("top", "bench"):
				arguments += ["--seconds", "0.05"]
			for more in ([], ["--json"]):
				if more and "--json" not in run("help", *command.split()).stdout:
					continue
				done = run(*arguments, *more)
				self.assertIn(done.returncode, (OK, NOT_OK), command + done.stderr)
				for secret in (self.TARGET, xid, "secret payload"):
					self.assertNotIn(secret, done.stdout + done.stderr, command)
		after = self.poi.status()
		for key in ("tasks", "generation", "matches", "delivered"):
			self.assertEqual(before[key], after[key], key)

	def test_health_is_of_one_process(self):
		ask = lambda *words: (lambda d: (d.returncode, d.stdout.strip()))(run("health", *words, "-c", self.poi.file))
		for name in ("control", "dataplane"):
			self.assertEqual(ask(name), (OK, f"poi-{name} answers"))
			self.assertEqual(ask(name, "--ready"), (OK, f"poi-{name} is ready"))
		self.poi.dataplane.kill()
		self.assertEqual(ask("dataplane"), (UNREACHABLE, ""))
		self.assertEqual(ask("control"), (OK, "poi-control answers"))
		fixture.wait_until(lambda: ask("control", "--ready") == (UNREACHABLE, "poi-control is not ready"), 3, "control has noticed")
		self.poi.start_dataplane()
		fixture.wait_until(lambda: ask("control", "--ready")[0] == OK, 10, "the two are together again")

	def test_status_names(self):
		self.activate(x1.target_ipv4(self.TARGET))
		status = self.poi.status()
		for path in ("packets.received packets.classified packets.dropped.eth_truncated matches delivered ledger.balanced generation tasks "
				"destinations control.reachable control.requests dataplane.reachable dataplane.uptime_ms per_worker").split():
			value = status
			for key in path.split("."):
				self.assertIn(key, value, path)
				value = value[key]
		for key in ("did", "state", "queued", "delivered", "dropped"):
			self.assertIn(key, status["destinations"][0])
		for key in ("cpu", "node", "queues", "received", "classified", "matches", "loops", "busy_loops", "busy_ns"):
			self.assertIn(key, status["per_worker"][0])
		self.assertEqual({"driver": "net_af_packet", "spread": "one_queue"},
			{k: v for k, v in status["ports"][0].items() if k in ("driver", "spread")})

	def test_the_clock_is_what_the_kernel_says(self):
		synchronised = fixture.clock_is_synchronised()
		clock = fixture.wait_until(lambda: (lambda c: c["known"] and c)(self.poi.status()["clock"]), 3, "the clock was looked at")
		self.assertEqual(clock["synchronised"], synchronised)
		self.assertIn("synchronised, within" if synchronised else "NOT SYNCHRONISED", run("status", "-c", self.poi.file).stdout)

	def test_live(self):
		self.activate(x1.target_ipv4(self.TARGET))
		stream = fixture.Stream(self.link, lambda i: udp_frame(self.TARGET, "198.51.100.1", b"x" * 200), rate=1000)
		stream.start()
		try:
			time.sleep(0.3)
			done = run("status", "-c", self.poi.file, "--watch", "2.5", "--count", "2")  # delivered once a second
			self.assertEqual(done.returncode, OK, done.stderr)
			rates = re.findall(r"rates +([\d.]+) Mpps +matches (\d+)/s +delivered (\d+)/s +([\d.]+) Gbit/s", done.stdout)
			self.assertEqual(len(rates), 2, done.stdout)
			mpps, matches, delivered, _ = map(float, rates[1])
			self.assertTrue(0 < mpps < 0.01 and 100 < matches < 5000 and 100 < delivered < 5000, done.stdout)
			top = json.loads(run("top", "-c", self.poi.file, "--seconds", "2.5", "--count", "1", "--json").stdout)
			self.assertEqual(len(top["workers"]), 1)
			worker = top["workers"][0]
			self.assertTrue(100 < worker["packets_per_second"] < 5000 and 100 < worker["matches_per_second"] < 5000, worker)
			self.assertTrue(0 < worker["ns_per_packet"] < 10**7 and worker["busy_permille"] < 1000, worker)
			busy = {d["did"]: d for d in top["destinations"]}[self.did]
			self.assertTrue(busy["state"] == "up" and busy["delivered_per_second"] > 100 and busy["bits_per_second"] > 100 * 228 * 8, busy)
			text = run("top", "-c", self.poi.file, "--seconds", "0.3").stdout
			self.assertRegex(text, r"(?m)^0 +\d+ +\d+ +1 +[\d.]+%")
			self.assertIn(self.did, text)
		finally:
			stream.finish()


class ExitCodes(unittest.TestCase):
	@classmethod
	def setUpClass(cls):
		cls.poi = fixture.Poi()
		cls.addClassCleanup(cls.poi.close)
		cls.away = fixture.Poi()  # never started
		cls.addClassCleanup(cls.away.close)
		cls.poi.start()

	def code(self, *arguments):
		return run(*arguments).returncode

	def test_all(self):
		file, away, bad = self.poi.file, self.away.file, self.away.path("bad.yaml")
		with open(bad, "w") as out:
			out.write("nothing: 1\n")
		self.assertEqual(self.code("status", "-c", file), OK)
		self.assertEqual(self.code("top", "-c", file, "--seconds", "0.1"), OK)
		self.assertEqual(self.code("version", "-c", file), OK)
		self.assertEqual(self.code("config", "dump", file), OK)
		self.assertEqual(self.code("audit", "verify", "-c", file), OK)
		for command in (["status"], ["top"], ["status", "--json"], ["status", "--watch", "0.1"]):
			self.assertEqual(self.code(*command, "-c", away), UNREACHABLE, command)
			self.assertEqual(self.code(*command, "-c", bad), USAGE, command)
		for command in (["config", "dump"], ["audit", "verify"], ["bench"], ["version"]):
			self.assertEqual(self.code(*command, "-c", bad), USAGE, command)
		self.assertEqual(self.code("check", bad), NOT_OK)
		self.assertEqual(self.code("audit", "verify", "-c", away), UNREACHABLE)
		self.assertEqual(self.code("audit", "verify", "-c", file, "--head", "0" * 64), NOT_OK)

	def test_one_process_away(self):
		self.poi.control.stop()
		try:
			self.assertEqual(self.code("status", "-c", self.poi.file), UNREACHABLE)
			self.assertEqual(self.code("top", "-c", self.poi.file, "--seconds", "0.1"), OK)
		finally:
			self.poi.start_control()

	def test_nobody_there_is_named(self):
		for name in ("status", "top"):
			done = run(name, "-c", self.away.file)
			self.assertIn("poi: poi-dataplane does not run", done.stderr)
			self.assertNotIn("closed by the peer", done.stderr)
		self.assertIn("poi: poi-control does not run", run("status", "-c", self.away.file).stderr)

	@classmethod
	def paths(cls, value, at=""):
		if isinstance(value, dict):
			return {p for k, v in value.items() for p in cls.paths(v, at + "." + k)}
		return {at}

	def test_every_field_is_there_whoever_answers(self):
		def fields(file):
			status = json.loads(run("status", "-c", file, "--json").stdout)
			status["signalling"]["counters"] = 0  # their names are the dataplane's
			return status, self.paths(status)
		status, all_fields = fields(self.poi.file)
		self.assertEqual((status["dataplane"]["state"], status["control"]["state"]), ("running", "running"))
		away, there = fields(self.away.file)
		self.assertEqual(there, all_fields)
		self.assertEqual((away["matches"], away["control"]["tasks"], away["control"]["reachable"]), (None, None, False))
		self.poi.control.stop()
		try:
			status, there = fields(self.poi.file)
			self.assertEqual(there, all_fields)
			self.assertEqual((status["control"]["state"], status["tasks"]), ("does not run", 0))
		finally:
			self.poi.start_control()

	def test_a_hanging_process_is_no_other_user(self):
		self.poi.control.child.send_signal(signal.SIGSTOP)
		try:
			done = run("status", "-c", self.poi.file)
			self.assertEqual(done.returncode, UNREACHABLE)
			self.assertIn("poi-control runs and has not answered for 5 s", done.stderr)
			self.assertIn("control     runs, but does not answer", done.stdout)
			done = run("version", "-c", self.poi.file)
			self.assertIn("poi-control runs, but does not answer", done.stdout)
			self.assertNotIn("user", done.stdout + done.stderr)
		finally:
			self.poi.control.child.send_signal(signal.SIGCONT)

	def test_changed_audit_line(self):
		log = self.poi.path("audit.jsonl")
		copy = self.away.path("copy.jsonl")
		with open(log) as f, open(copy, "w") as out:
			lines = f.readlines()
			out.writelines([lines[0].replace("start", "stort"), *lines[1:]])
		self.assertEqual(self.code("audit", "verify", "-c", self.poi.file, "--file", copy), NOT_OK)

	def test_version(self):
		done = run("version", "-c", self.poi.file)
		for library in ("OpenSSL 3", "libxml2 2", "nghttp2 1", "libcurl 7", "libevent 2", "DPDK 22.11"):
			self.assertIn(library, done.stdout)
		self.assertEqual(done.stdout.count("runs, same channel version"), 2, done.stdout)
		away = run("version", "-c", self.away.file)
		self.assertEqual((away.returncode, away.stdout.count("does not run")), (OK, 2))

	def test_another_channel_version_is_named(self):
		"""Something that speaks the next version of the channel on control's socket."""
		path = self.away.path("run/control.sock")
		with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
			s.bind(path)
			s.listen(4)
			pid = os.fork()
			if not pid:
				while True:
					c = s.accept()[0]
					hello = c.recv(4096)
					c.send(b"\0\x03\0\0" + hello[4:8] + b"\x00\x63" + (-10 & 0xFFFFFFFF).to_bytes(4, "big") + b"\0\x039.9")
			try:
				done = run("version", "-c", self.away.file)
				self.assertEqual(done.returncode, NOT_OK, done.stderr)
				self.assertIn("poi-control runs with another channel version: restart it, version 9.9", done.stdout)
				lines = run("check", self.away.file)
				self.assertEqual(lines.returncode, NOT_OK)
				self.assertIn("runs as version 9.9, which speaks another channel; systemctl restart poi-control", lines.stdout)
			finally:
				os.kill(pid, 9)
				os.waitpid(pid, 0)
				os.unlink(path)

	def test_bench(self):
		done = run("bench", "-c", self.poi.file, "--seconds", "0.1", "--json")
		self.assertEqual(done.returncode, OK, done.stderr)
		figures = json.loads(done.stdout)
		for name in ("aes128gcm_16k_octets_per_second", "aes128gcm_1400_octets_per_second", "tls_octets_per_second",
				"handshakes_per_second", "copy_octets_per_second", "audit_sync_us", "audit_sync_p99_us", "core_percent"):
			self.assertGreater(figures[name], 0, name)
		self.assertIsNone(figures["worker_ns_per_packet"])  # nothing comes in
		self.assertGreaterEqual(figures["audit_sync_p99_us"], figures["audit_sync_us"])
		self.assertFalse([n for n in os.listdir(self.poi.folder) if "bench" in n])
		text = run("bench", "-c", self.poi.file, "--seconds", "0.1").stdout
		for word in ("AES-128-GCM", "TLS records", "TLS handshakes", "memory", "audit log's disk", "workers"):
			self.assertIn(word, text)


class Check(unittest.TestCase):
	def poi_of(self, **options):
		poi = fixture.Poi(**options)
		self.addCleanup(poi.close)
		return poi

	def check(self, poi, change=lambda text: text, code=NOT_OK):
		"""(verdict, area, text) of every line of `poi check` on the changed file."""
		with open(poi.file) as f:
			text = change(f.read())
		path = poi.path("changed.yaml")
		with open(path, "w") as out:
			out.write(text)
		done = run("check", path)
		lines = [(line[:5].strip(), line[6:18].strip(), line[19:]) for line in done.stdout.splitlines()[:-1]]
		self.assertEqual(done.returncode, code, done.stdout)
		self.assertEqual({v for v, _, _ in lines} - {"ok", "hint", "warn", "FAIL"}, set())
		self.assertEqual(code == NOT_OK, any(v == "FAIL" for v, _, _ in lines))
		counted = [sum(v == word for v, _, _ in lines) for word in ("ok", "hint", "warn", "FAIL")]
		self.assertEqual(done.stdout.splitlines()[-1], "%d ok, %d hint, %d warn, %d FAIL" % tuple(counted))
		found = json.loads(run("check", "--json", path).stdout)
		self.assertEqual([(c["verdict"], c["area"]) for c in found["checks"]], [line[:2] for line in lines])
		self.assertEqual([found["ok"], found["hint"], found["warn"], found["fail"]], counted)
		return lines

	def fails(self, lines, area, words):
		self.assertTrue(any(v == "FAIL" and a == area and words in t for v, a, t in lines), f"{words} in {lines}")

	def hints(self, lines, area, words):
		self.assertTrue(any(v == "hint" and a == area and words in t for v, a, t in lines), f"{words} in {lines}")

	def warns(self, lines, area, words):
		self.assertTrue(any(v == "warn" and a == area and words in t for v, a, t in lines), f"{words} in {lines}")

	def test_good_and_looked_at(self):
		poi = self.poi_of()
		before = sorted(os.listdir(poi.folder)), sorted(os.listdir(poi.path("run")))
		lines = self.check(poi, code=OK)
		areas = {a for _, a, _ in lines}
		for area in ("config", "certificate", "folder", "disk", "listen", "cpu", "hugepages", "swap", "core dumps", "port", "clock",
				"processes"):
			self.assertIn(area, areas)
		after = [n for n in sorted(os.listdir(poi.folder)) if n != "changed.yaml"], sorted(os.listdir(poi.path("run")))
		self.assertEqual(before, after, "it left something behind")
		# what is not ok says what to type or change
		for verdict, _, text in lines:
			if verdict != "ok":
				self.assertRegex(text, r"; ", text)

	def test_certificates(self):
		poi = self.poi_of()

		def identity(name, ca="ca"):
			def change(text):
				return text.replace("/ne.pem", f"/{name}.pem", 1).replace("/ne.key", f"/{name}.key", 1)
			return change
		self.fails(self.check(poi, identity("expired-admf")), "certificate", "has expired")
		self.fails(self.check(poi, identity("other-admf")), "certificate", "not good as a TLS server by its own ca")
		self.fails(self.check(poi, identity("client-only-mdf")), "certificate", "not good as a TLS server")
		self.fails(self.check(poi, identity("revoked-admf")), "certificate", "revoked")
		self.fails(self.check(poi, identity("no-uid-admf")), "certificate", 'the Subject\'s UID is ""')
		self.fails(self.check(poi, identity("wrong-uid-admf")), "certificate", 'UID is "admf-99"')
		self.fails(self.check(poi, lambda t: t.replace("/ne.key", "/mdf.key", 1)), "certificate", "key")
		self.fails(self.check(poi, lambda t: t.replace("/ca.pem", "/absent.pem", 1)), "certificate", "absent.pem")
		lines = self.check(poi, lambda t: identity("wrong-san-mdf")(t).replace("poi-01", "mdf-01", 1), OK)
		self.hints(lines, "certificate", "subjectAltName lacks 127.0.0.1")

	def test_key_modes(self):
		poi = self.poi_of()
		key = poi.path("ne.key")
		with open(poi.pki.path("ne.key")) as f, open(key, "w") as out:
			out.write(f.read())
		os.chmod(key, 0o640)
		self.fails(self.check(poi, lambda t: t.replace(poi.pki.path("ne.key"), key, 1)), "certificate", "chmod 600 " + key)
		audit = poi.path("audit.key")
		with open(audit, "w") as out:
			out.write("k" * 32)
		os.chmod(audit, 0o644)
		with_key = lambda t: t.replace("audit: {", f"audit: {{ key: {audit},")  # noqa: E731
		self.fails(self.check(poi, with_key), "key", "chmod 600 " + audit)
		os.chmod(audit, 0o600)
		self.assertIn(("ok", "key"), [line[:2] for line in self.check(poi, with_key, OK)])

	def test_credentials_of_the_service_manager(self):
		poi = self.poi_of()

		def as_credential(name):
			return lambda t: t.replace(poi.pki.path("ne.key"), "credential:ne.key", 1).replace("/ne.pem", f"/{name}.pem", 1)
		lines = self.check(poi, as_credential("ne"), OK)
		self.assertTrue(any(v == "ok" and a == "certificate" and "credential ne.key" in t for v, a, t in lines), lines)
		self.assertTrue(any(v == "ok" and "carries its ne-identifier" in t for v, _, t in lines), lines)
		self.fails(self.check(poi, as_credential("other-admf")), "certificate", "not good as a TLS server")
		self.fails(self.check(poi, as_credential("absent")), "certificate", "absent.pem")
		self.fails(self.check(poi, as_credential("revoked-admf")), "certificate", "revoked")
		lines = self.check(poi, lambda t: t.replace("audit: {", "audit: { key: credential:audit-key,"), OK)
		self.assertTrue(any(a == "key" and "credential audit-key" in t for _, a, t in lines), lines)

	def test_listening(self):
		poi = self.poi_of()
		with socket.create_server(("127.0.0.1", poi.port)):
			self.fails(self.check(poi), "listen", f"ss -ltnp 'sport = :{poi.port}'")
		self.fails(self.check(poi, lambda t: t.replace("127.0.0.1:", "192.0.2.123:", 1)), "listen", "no interface has the address")
		lines = self.check(poi, lambda t: t + 'metrics: { listen: '
			f'"127.0.0.1:{fixture.free_port():d}" }}\n', OK)
		self.assertTrue(any(a == "listen" and "metrics" in t for _, a, t in lines))

	def test_machine(self):
		poi = self.poi_of()
		self.fails(self.check(poi, lambda t: re.sub(r"main-cpu: \d+", "main-cpu: 999", t)), "cpu", "there is no CPU 999")
		self.fails(self.check(poi, lambda t: t.replace("--vdev net_null0", "--vdev net_null7")), "port", "add --vdev net_null0")
		self.fails(self.check(poi, lambda t: t.replace("{ device: net_null0", '{ device: "0000:ff:1f.7"')), "port", "lspci")
		self.fails(self.check(poi, lambda t: re.sub(r"(--no-huge )?-m 256", "-m 99999999", t)), "hugepages", "sysctl vm.nr_hugepages=")
		self.warns(self.check(poi, lambda t: t.replace("mode: probe", "mode: probe, tunnel: gtpu"), OK), "tunnel", "gtp-endpoints")
		shown = lambda more: lambda t: t.replace("mode: probe", "mode: probe, signalling: [pfcp]" + more)
		self.warns(self.check(poi, shown(""), OK), "signalling", "signalling-peers")
		lines = self.check(poi, shown(", signalling-peers: [192.0.2.0/24]"), OK)
		self.assertFalse([line for line in lines if line[1] == "signalling"], lines)

	def test_folders(self):
		poi = self.poi_of()
		self.fails(self.check(poi, lambda t: t.replace("/audit.jsonl", "/absent/audit.jsonl")), "folder", "mkdir -p -m 0700")
		os.chmod(poi.path("run"), 0o777)
		self.fails(self.check(poi), "folder", "chmod 700")
		os.chmod(poi.path("run"), 0o700)

	def test_running(self):
		poi = self.poi_of()
		poi.start()
		lines = self.check(poi, code=OK)
		self.assertTrue(any(a == "listen" and "in use while poi-control runs" in t for _, a, t in lines), lines)
		self.assertEqual([t for _, a, t in lines if a == "processes"], ["poi-dataplane runs", "poi-control runs"])
		self.assertTrue(any(a == "spread" and "one_queue" in t for _, a, t in lines), lines)
