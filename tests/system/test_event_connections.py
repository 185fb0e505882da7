"""poi-events alone, between functions that behave badly and a dataplane of our own: answered where that can be, cut where that is
bounded, and nobody else waits."""
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import unittest

import fixture
from fixture import wait_until
from poi_lab import nf

HELLO, EVENT, ANSWER, FUNCTION = 1, 2, 3, 4
CONNECTED, GONE, BEGIN, END = 1, 2, 3, 4
OK, REFUSED, LATER = 0, 1, 2
SMF, AMF = 1, 2
VERSION, WINDOW, LINE_MAX = 1, 256, 49152
SCHEMA = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "schema", "events.schema.json")
TWO = (("smf-1", os.getuid(), SMF), ("smf-2", os.getuid(), SMF))


class Dataplane:
	"""The dataplane's end of the socket."""

	def __init__(self, path, functions, version=VERSION):
		self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		self._socket.settimeout(5)
		self._socket.connect(path)
		self.functions = functions
		hello = struct.pack(">BHI", HELLO, version, len(functions))
		for name, uid, records in functions:
			hello += struct.pack(">H", len(name)) + name.encode() + struct.pack(">IB", uid, records)
		self._socket.send(hello)

	def take(self):
		"""The next message: (EVENT, number, function, kind, snapshot) or (FUNCTION, function, state); None: it is closed."""
		try:
			m = self._socket.recv(65536)
		except ConnectionError:
			m = b""
		if not m:
			return None
		if m[0] == FUNCTION:
			return (FUNCTION, *struct.unpack(">HB", m[1:4]))
		number, function, kind, _, snapshot = struct.unpack(">IHBBB", m[1:10])
		return (EVENT, number, function, kind, bool(snapshot))

	def states(self, n):
		return [self.take()[1:] for _ in range(n)]

	def answer(self, event, result=OK, text=""):
		self._socket.send(struct.pack(">BIBBH", ANSWER, event[1], result, 1 if result == REFUSED else 0, len(text)) + text.encode())

	def silent(self, seconds=0.3):
		self._socket.settimeout(seconds)
		try:
			return self.take() is None
		except TimeoutError:
			return True
		finally:
			self._socket.settimeout(5)

	def close(self):
		self._socket.close()


class Function(nf.Function):
	def closed(self):
		try:
			while True:
				self.line()
		except (nf.Closed, ConnectionError):
			return True


class Folder(unittest.TestCase):
	def test_it_is_made_and_open_to_functions(self):
		"""One folder, whatever the umask; what is above it is the operator's."""
		folder = tempfile.mkdtemp(prefix="poi-test-")
		self.addCleanup(shutil.rmtree, folder)
		def start(*names):
			return subprocess.Popen(["sh", "-c", 'umask 077; exec "$@"', "sh", fixture.program("poi-events"), "--folder",
				os.path.join(folder, *names), "--dataplane-user", "0"], stderr=subprocess.PIPE, text=True)
		child = start("sockets")
		wait_until(lambda: os.path.exists(os.path.join(folder, "sockets", "functions.sock")), 5, "poi-events listens")
		child.terminate()
		self.assertEqual(child.communicate(timeout=5)[0], None)
		self.assertEqual((child.returncode, os.stat(os.path.join(folder, "sockets")).st_mode & 0o7777), (0, 0o755))
		child = start("none", "sockets")
		self.assertIn("No such file or directory", child.communicate(timeout=5)[1])
		self.assertEqual(child.returncode, 1)


class Alone(unittest.TestCase):
	FUNCTIONS = TWO

	def setUp(self):
		self.folder = tempfile.mkdtemp(prefix="poi-test-")
		self.addCleanup(shutil.rmtree, self.folder)
		os.chmod(self.folder, 0o755)
		self.process = fixture.Process([fixture.program("poi-events"), "--folder", self.folder, "--dataplane-user", str(os.getuid())],
			os.path.join(self.folder, "log"))
		self.addCleanup(lambda: self.assertEqual(self.process.stop(), 0))
		wait_until(lambda: "functions connect in" in self.process.text(), 5, "poi-events listens")

	def path(self, name):
		return os.path.join(self.folder, name)

	def dataplane(self, functions=None, **more):
		d = Dataplane(self.path("dataplane.sock"), functions or self.FUNCTIONS, **more)
		self.addCleanup(d.close)
		return d

	def function(self, name=None):
		f = Function(self.path("functions.sock"), name)
		self.addCleanup(f.close)
		return f

	def pair(self):
		"""A dataplane, and a function whose coming it has seen."""
		d = self.dataplane()
		f = self.function("smf-1")
		self.assertEqual(d.take(), (FUNCTION, 0, CONNECTED))
		return d, f

	def send(self, f, session="s"):
		return f.send("SMFPDUSessionRelease", {"pDUSessionID": 5}, session)

	def served(self, d, name="smf-2"):
		"""Another function is served at once."""
		f = self.function(name)
		self.assertEqual(d.take(), (FUNCTION, 1, CONNECTED))
		began = time.monotonic()
		number = self.send(f)
		d.answer(d.take())
		self.assertEqual(f.line(), {"id": number, "ok": True})
		self.assertLess(time.monotonic() - began, 0.5)
		f.close()
		self.assertEqual(d.take(), (FUNCTION, 1, GONE))

	def cpu(self):
		with open(f"/proc/{self.process.child.pid}/stat") as f:
			fields = f.read().rsplit(")", 1)[1].split()
		return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

	def idle(self, seconds=0.5):
		before = self.cpu()
		time.sleep(seconds)
		self.assertLess(self.cpu() - before, seconds / 4, "it spins")


class Answers(Alone):
	def test_in_the_order_of_the_events(self):
		d, f = self.pair()
		numbers = [self.send(f, f"s{i}") for i in range(3)]
		events = [d.take() for _ in numbers]
		self.assertEqual([(e[2], e[3], e[4]) for e in events], [(0, 2, False)] * 3)
		d.answer(events[2])
		d.answer(events[1], REFUSED, 'SMFPDUSessionRelease."odd": unknown')
		d.answer(events[0], LATER)
		self.assertEqual([f.line() for _ in numbers], [{"id": numbers[0], "later": True},
			{"id": numbers[1], "error": 'SMFPDUSessionRelease."odd": unknown'}, {"id": numbers[2], "ok": True}])

	def test_without_a_dataplane_later(self):
		f = self.function("smf-1")
		self.assertEqual(f.event("SMFPDUSessionRelease", {}, "s"), {"id": 1, "later": True})
		d = self.dataplane()
		self.assertEqual(d.take(), (FUNCTION, 0, CONNECTED))
		self.assertTrue(f.wanted(2))
		number = self.send(f)
		self.assertEqual(d.take()[0], EVENT)
		d.close()
		self.assertEqual(f.line(), {"id": number, "later": True})
		self.assertEqual(f.event("SMFPDUSessionRelease", {}, "s"), {"id": number + 1, "later": True})
		d = self.dataplane()
		self.assertEqual(d.take(), (FUNCTION, 0, CONNECTED))
		self.assertTrue(f.wanted(2))

	def test_a_snapshot_that_a_dataplane_has_not_had_whole(self):
		"""Its rest is no news, and its end would end sessions."""
		d, f = self.pair()
		f.say({"snapshot": "begin"})
		self.send(f)
		self.assertEqual(d.take(), (FUNCTION, 0, BEGIN))
		self.assertEqual(d.take()[4], True)
		d.close()
		self.assertEqual(f.line(), {"id": 1, "later": True})
		d = self.dataplane()
		self.assertEqual(d.take(), (FUNCTION, 0, CONNECTED))
		self.assertEqual(f.event("SMFPDUSessionRelease", {}, "s"), {"id": 2, "later": True})
		f.say({"snapshot": "end"})
		self.send(f)
		self.assertEqual(d.take()[::4], (EVENT, False))
		f.say({"snapshot": "begin"})
		f.say({"snapshot": "end"})
		self.assertEqual(d.states(2), [(0, BEGIN), (0, END)])

	def test_a_record_of_another_kind_of_function(self):
		d, f = self.pair()
		self.assertIn("error", f.event("AMFDeregistration", {}, "r"))
		self.assertTrue(d.silent())


class Users(Alone):
	def test_a_second_connection_waits_for_the_first_to_go(self):
		d, first = self.pair()
		second = self.function("smf-1")
		self.assertIn("already", second.line()["error"])
		self.assertTrue(second.closed())
		first.close()
		self.function("smf-1")
		self.assertEqual(d.states(2), [(0, GONE), (0, CONNECTED)])

	def test_one_that_died_with_events_in_hand_comes_back(self):
		d, first = self.pair()
		for i in range(WINDOW + 10):
			self.send(first)
		for _ in range(WINDOW):
			self.assertEqual(d.take()[0], EVENT)
		first.close()
		self.idle()
		second = self.function("smf-1")
		self.assertEqual(d.states(2), [(0, GONE), (0, CONNECTED)])
		number = self.send(second)
		event = d.take()
		d.answer(event)
		self.assertEqual(second.line(), {"id": number, "ok": True})

	def test_names(self):
		d, f = self.pair()
		self.assertIn("error", self.function("smf-3").line())
		nameless = self.function()
		self.send(nameless)
		self.assertIn("first line", nameless.line()["error"])
		f.say({"function": "smf-2"})
		self.assertIn("another", f.line()["error"])
		self.assertEqual(d.take(), (FUNCTION, 0, GONE))

	def test_many_connections_of_one_user(self):
		d = self.dataplane()
		many = [self.function() for _ in range(40)]
		self.assertTrue(wait_until(lambda: any(m.closed() for m in many[12:]), 5, "some are refused"))
		for m in many:
			m.close()
		self.served(d)

	def test_other_users_are_refused(self):
		if not fixture.ROOT:
			self.skipTest("needs root to become somebody else")
		self.pair()
		reading, writing = os.pipe()
		child = os.fork()
		if child == 0:
			word = b""
			try:
				os.setgid(65534)
				os.setuid(65534)
				word = Function(self.path("functions.sock")).line()["error"].encode()
				word += b"; " + repr(Dataplane(self.path("dataplane.sock"), TWO).take()).encode()
			except BaseException as e:  # noqa: B902
				word += repr(e).encode()
			os.write(writing, word)
			os._exit(0)
		os.waitpid(child, 0)
		word = os.read(reading, 1000).decode()
		os.close(reading)
		os.close(writing)
		self.assertTrue(word.startswith("no function") and word.endswith(("None", "BrokenPipeError(32, 'Broken pipe')")), word)

	def test_a_dataplane_of_another_version(self):
		d = self.dataplane(version=VERSION + 1)
		self.assertIsNone(d.take())


class Odd(Alone):
	def test_garbage(self):
		d, f = self.pair()
		f.write(b"\x00\xff\xfe garbage \n{}\n[1]\n{\"id\":7,\"SMFPDUSessionRelease\":1}\n\n")
		self.assertEqual([sorted(f.line()) for _ in range(5)], [["error"], ["error"], ["error"], ["error", "id"], ["error"]])
		f.write(os.urandom(200000).replace(b"\n", b"") + b"\n")
		self.assertTrue(f.closed())
		self.assertEqual(d.take(), (FUNCTION, 0, GONE))
		self.assertIn("6 wrong", self.process.text())
		self.served(d)

	def test_half_a_line(self):
		d, f = self.pair()
		f.write(b'{"id":1,"time":"2026-12-03T05:00:00Z","session":"s","SMFPDUSess')
		self.served(d)
		f.write(b'ionRelease":{}}\n')
		event = d.take()
		d.answer(event)
		self.assertEqual(f.line(), {"id": 1, "ok": True})
		f.write(b'{"id":2')
		f.close()
		self.assertEqual(d.take(), (FUNCTION, 0, GONE))

	def test_one_that_sends_no_more_gets_its_answers(self):
		d, f = self.pair()
		number = self.send(f)
		f._socket.shutdown(socket.SHUT_WR)
		event = d.take()
		self.idle()
		d.answer(event)
		self.assertEqual(f.line(), {"id": number, "ok": True})
		self.assertTrue(f.closed())
		self.assertEqual(d.take(), (FUNCTION, 0, GONE))

	def test_a_line_without_an_end(self):
		d, f = self.pair()
		number = self.send(f)
		event = d.take()
		f.write(b"x" * LINE_MAX)
		self.served(d)
		f._socket.settimeout(0.3)
		try:
			f.write(b"x" * (1 << 20))
		except OSError:
			pass
		self.assertIn("48 KiB", f.line()["error"])
		self.assertEqual(d.take(), (FUNCTION, 0, GONE))
		d.answer(event)
		self.assertEqual(f.line(), {"id": number, "ok": True}, "what it sent before is answered")
		self.assertTrue(f.closed())

	def test_the_longest_line(self):
		d, f = self.pair()
		head = b'{"id":1,"time":"2026-12-03T05:00:00Z","session":"s","SMFPDUSessionRelease":{"odd":"'
		f.write(head + b"x" * (LINE_MAX - len(head) - 3) + b'"}}\n')
		d.answer(d.take())
		self.assertEqual(f.line(), {"id": 1, "ok": True})
		values = b'{"id":2,"time":"2026-12-03T05:00:00Z","session":"s","SMFPDUSessionRelease":{"l":[' + b",".join([b"1"] * 2046) + b'],"odd":"'
		f.write(values + b"x" * (LINE_MAX - len(values) - 3) + b'"}}\n')
		self.assertEqual(f.line()["id"], 2, "more than a message has")

	def test_one_that_reads_no_answers(self):
		d, f = self.pair()
		f._socket.setblocking(False)
		line = json.dumps({"id": 1 << 53, "bad": "x"}).encode() + b"\n"
		stopped = 0
		while stopped < 20:
			try:
				f._socket.send(line * 100)
			except BlockingIOError:
				stopped += 1
				time.sleep(0.02)
		self.idle()
		self.served(d)
		f._socket.settimeout(5)
		self.assertIn("error", f.line())

	def test_a_window_that_is_full(self):
		d, f = self.pair()
		f._socket.setblocking(False)
		line = json.dumps({"id": 1, "time": nf.now(), "session": "s", "SMFPDUSessionRelease": {}}).encode() + b"\n"
		f._socket.settimeout(5)
		f._socket.sendall(line * 3 * WINDOW)
		events = [d.take() for _ in range(WINDOW)]
		self.assertTrue(d.silent(), "no more than the window")
		self.idle()
		self.served(d)
		began = time.monotonic()
		for e in events:
			d.answer(e)
		for _ in range(2 * WINDOW):
			d.answer(d.take())
		for _ in range(3 * WINDOW):
			self.assertEqual(f.line(), {"id": 1, "ok": True})
		self.assertLess(time.monotonic() - began, 1)

	def test_a_dataplane_that_takes_nothing(self):
		"""Comings and goings wait for it, in their order; its connection stays."""
		d, f = self.pair()
		f._socket.setblocking(False)
		line = json.dumps({"id": 1, "time": nf.now(), "session": "s", "SMFPDUSessionRelease": {"odd": "x" * 40000}}).encode() + b"\n"
		stopped, rest = 0, b""
		while stopped < 20:
			rest = rest or line
			try:
				rest = rest[f._socket.send(rest):]
			except BlockingIOError:
				stopped += 1
				time.sleep(0.02)
		for _ in range(5):
			other = self.function("smf-2")
			self.assertTrue(other.wanted(2))
			other.close()
		last = self.function("smf-2")
		self.assertTrue(last.wanted(2))
		self.idle()
		states = []
		while (1, CONNECTED) not in states:
			m = d.take()
			self.assertIsNotNone(m, "its connection is kept")
			if m[0] == FUNCTION:
				states.append(m[1:])
		self.assertEqual(states, [(1, CONNECTED)])

	def test_odd_messages_of_a_dataplane(self):
		for octets in (b"\x63", struct.pack(">BIBBH", ANSWER, 1, 9, 0, 0), struct.pack(">BHI", HELLO, VERSION, 0), b"\x03"):
			with self.subTest(octets=octets):
				d = self.dataplane()
				d._socket.send(octets)
				self.assertIsNone(d.take())
		self.served(self.dataplane((("smf-0", os.getuid(), SMF), ("smf-2", os.getuid(), SMF))))


class Schema(Alone):
	FUNCTIONS = (("smf-1", os.getuid(), 7),)

	def test_the_schema_is_installed(self):
		if not os.path.isdir(os.path.join(fixture.BUILD, "meson-info")):
			self.skipTest("no build of meson")
		done = subprocess.run(["meson", "introspect", "--installed", fixture.BUILD], capture_output=True, text=True, check=True, timeout=60)
		places = {os.path.realpath(path): to for path, to in json.loads(done.stdout).items()}
		self.assertRegex(places[os.path.realpath(SCHEMA)], r"/share/poi/events\.schema\.json$")

	def test_each_record_of_the_schema_and_no_other(self):
		with open(SCHEMA) as f:
			records = [r["required"][0] for r in json.load(f)["$defs"]["event"]["oneOf"]]
		d, f = self.pair()
		kinds = []
		for name in records:
			f.send(name, {}, "s")
			event = d.take()
			kinds.append(event[3])
			d.answer(event)
			self.assertTrue(f.line().get("ok"), name)
		self.assertEqual(kinds, list(range(23)))

	def test_the_schema_takes_what_the_program_takes(self):
		try:
			import jsonschema
		except ImportError:
			self.skipTest("python3-jsonschema is not here")
		with open(SCHEMA) as f:
			schema = jsonschema.Draft202012Validator(json.load(f))
		d, f = self.pair()
		event = {"id": 1, "time": "2026-12-03T05:00:00.25Z", "session": "s", "SMFPDUSessionRelease": {"pDUSessionID": 5, "l": [True, {"a": "b"}]}}
		seid = {"sEID": "0011223344556677", "iPv4Address": "192.0.2.1"}
		without = {k: v for k, v in event.items() if k != "session"}
		for line in (event, {**event, "direction": "toTarget", "cpSEID": seid, "upSEID": {**seid, "iPv6Address": "2001:db8::1"}},
				{"id": 2, "time": "2026-12-03T05:00:00Z", "SMSReport": {}}, without, {**event, "id": -1}, {**event, "id": 1.5}, {**event, "time": "now"},
				{**event, "session": ""}, {**event, "direction": "up"}, {**event, "cpSEID": {"sEID": "1"}}, {**event, "upSEID": {**seid, "sEID": "x"}},
				{**event, "AMFDeregistration": {}}, {**event, "odd": 1}, {"id": 1, "time": event["time"], "session": "s"},
				{**event, "SMFPDUSessionRelease": {"a": None}}, {**event, "SMFPDUSessionRelease": 1}):
			with self.subTest(line=line):
				f.say(line)
				takes = schema.is_valid(line)
				if takes:
					d.answer(d.take())
				answer = f.line()
				self.assertEqual("ok" in answer, takes, answer)
				self.assertTrue(schema.is_valid(answer), answer)
		for line in ({"snapshot": "begin"}, {"snapshot": "end"}, {"snapshot": "wanted"}, {"function": "smf-1"}):
			self.assertTrue(schema.is_valid(line), line)
