"""What an attacker sends to X1 over HTTP/2, where it is offered: frames by hand. As in test_attack."""
import contextlib
import random
import struct
import time

import fixture
from attack import SEED, TIMEOUT, AttackCase

DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
	return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def hpack(*fields):
	"""Literals without indexing or Huffman coding; lengths below 127."""
	return b"".join(b"\x00" + bytes([len(n)]) + n + bytes([len(v)]) + v for n, v in fields)


REQUEST = hpack((b":method", b"POST"), (b":scheme", b"https"), (b":path", b"/X1/NE"), (b":authority", b"a"),
	(b"content-type", b"application/xml"))


class Http2(AttackCase):
	"""Floods and broken frames. The connection may be ended; nobody else may notice."""

	def setUp(self):
		super().setUp()
		self.open().close()  # skips

	def open(self):
		s = self.tls(context=self.context(alpn=("h2", "http/1.1")))
		if s.selected_alpn_protocol() != "h2":
			self.skipTest("HTTP/2 is not offered")
		s.sendall(PREFACE + frame(SETTINGS, 0, 0))
		return s

	def flood(self, what, make, most=50000, ended=True):
		"""make(n): the n-th piece. Until the server ends the connection, or `most` are sent."""
		with self.watched(what):
			s, sent, start = self.open(), 0, time.monotonic()
			s.settimeout(5)
			try:
				while sent < most and time.monotonic() - start < 10:
					s.sendall(b"".join(make(n) for n in range(sent, sent + 50)))
					sent += 50
				said, over = self.read_all(s, TIMEOUT + 4)
			except OSError:
				said, over = b"", True
			print("# %s: %s%s after %d sent" % (what, "ended" if over else "went on", ", GOAWAY" if GOAWAY in self.kinds(said) else "",
				sent), flush=True)
			if ended:
				self.assertTrue(over)

	def test_good(self):
		s = self.open()
		s.sendall(frame(HEADERS, END_HEADERS, 1, REQUEST) + frame(DATA, END_STREAM, 1, self.ping[:16000]))
		s.settimeout(3)
		out = b""
		with contextlib.suppress(TimeoutError):
			while b"AcknowledgedAndCompleted" not in out:
				out += s.recv(65536)
		self.assertIn(b"PingResponse", out)

	def test_rapid_reset(self):
		self.flood("rapid reset", lambda n: frame(HEADERS, END_HEADERS, 2 * n + 1, REQUEST) + frame(RESET, 0, 2 * n + 1, b"\0\0\0\x08"))

	def test_made_you_reset(self):
		"""Frames that make the server reset the streams itself."""
		self.flood("made-you-reset", lambda n: frame(HEADERS, END_HEADERS, 2 * n + 1, REQUEST) +
			frame(WINDOW, 0, 2 * n + 1, b"\0\0\0\0"))

	def test_settings(self):
		self.flood("settings", lambda n: frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)))

	def test_ping(self):
		self.flood("pings", lambda n: frame(PING, 0, 0, struct.pack(">Q", n)))

	def test_continuation(self):
		start = [frame(HEADERS, 0, 1, REQUEST)]
		self.flood("continuations", lambda n: (start.pop() if start else b"") + frame(CONTINUATION, 0, 1, hpack((b"x-%d" % n, b"y" * 100))))

	def test_empty_continuation(self):
		start = [frame(HEADERS, 0, 1, REQUEST)]
		self.flood("empty continuations", lambda n: (start.pop() if start else b"") + frame(CONTINUATION, 0, 1))

	def test_empty_data(self):
		start = [frame(HEADERS, END_HEADERS, 1, REQUEST)]
		self.flood("empty DATA", lambda n: (start.pop() if start else b"") + frame(DATA, 0, 1))

	def test_window(self):
		self.flood("window updates", lambda n: frame(WINDOW, 0, 0, b"\0\0\0\x01"), ended=False)

	def test_priority(self):
		self.flood("priorities", lambda n: frame(PRIORITY, 0, 2 * n + 1, b"\0\0\0\0\x10"), ended=False)

	def test_header_bomb(self):
		"""A large field put into the table once, then named again and again."""
		store = b"\x40\x05x-big\x7f\x81\x1e" + b"a" * 4000
		start = [frame(HEADERS, 0, 1, REQUEST + store)]
		self.flood("header bomb", lambda n: (start.pop() if start else b"") + frame(CONTINUATION, 0, 1, b"\xbe" * 16000), most=1000)

	def test_many_streams(self):
		"""Requests that never end: the limit of streams, then the deadline."""
		self.flood("open streams", lambda n: frame(HEADERS, END_HEADERS, 2 * n + 1, REQUEST), most=1000)

	@staticmethod
	def kinds(octets):
		"""The kinds of the frames in a stream."""
		at, out = 0, []
		while at + 9 <= len(octets):
			out.append(octets[at + 3])
			at += 9 + int.from_bytes(octets[at:at + 3], "big")
		return out

	def test_slow(self):
		"""Each stream is reset, or its connection ended, by the deadline of the phase."""
		with self.watched("20 slow HTTP/2 bodies"):
			sockets = [self.open() for _ in range(20)]
			for s in sockets:
				s.sendall(frame(HEADERS, END_HEADERS, 1, REQUEST) + frame(DATA, 0, 1, b"<"))
			end = time.monotonic() + TIMEOUT + 3
			for s in sockets:
				out, closed = self.read_all(s, max(0.05, end - time.monotonic()))
				self.assertTrue(closed or RESET in self.kinds(out), self.kinds(out))

	def test_broken_frames(self):
		cases = {"frame too large": frame(DATA, 0, 1, b"a" * 20000), "settings of 5": frame(SETTINGS, 0, 0, b"12345"),
			"ping of 7": frame(PING, 0, 0, b"1234567"), "even stream": frame(HEADERS, END_HEADERS, 2, REQUEST),
			"data before headers": frame(DATA, END_STREAM, 1, b"a"), "window 0": frame(WINDOW, 0, 0, b"\0\0\0\0"),
			"window overflow": frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff"), "push": frame(PUSH, END_HEADERS, 1, b"\0\0\0\2" + REQUEST),
			"bad HPACK": frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"), "continuation alone": frame(CONTINUATION, 4, 1, b""),
			"padding too long": frame(DATA, 8, 1, b"\xff"), "stream 0": frame(HEADERS, END_HEADERS, 0, REQUEST),
			"depends on itself": frame(HEADERS, END_HEADERS | 0x20, 1, b"\0\0\0\1\x10" + REQUEST)}
		with self.watched("broken frames"):
			for name, raw in cases.items():
				with self.subTest(name):
					s = self.open()
					with contextlib.suppress(OSError):
						s.sendall(raw)
					s.settimeout(1)
					out = self.read_all(s, TIMEOUT * 3 + 4)[0]
					self.assertNotIn(b"AcknowledgedAndCompleted", out)

	def test_smuggling(self):
		"""Fields that only mean something in HTTP/1.1, lengths that do not match."""
		n = len(self.stop)
		for name, extra, body in (("transfer-encoding", [(b"transfer-encoding", b"chunked")], b"%x\r\n%s\r\n0\r\n\r\n" % (n, self.stop)),
				("connection", [(b"connection", b"keep-alive")], self.stop), ("short length", [(b"content-length", b"%d" % (n - 1))], self.stop),
				("long length", [(b"content-length", b"%d" % (n + 1))], self.stop), ("line break", [(b"x", b"a\r\nb: c")], self.stop),
				("capitals", [(b"Content-Length", b"%d" % n)], self.stop), ("second path", [(b":path", b"/")], self.stop)):
			with self.subTest(name):
				s = self.open()
				with contextlib.suppress(OSError):
					s.sendall(frame(HEADERS, END_HEADERS, 1, REQUEST + hpack(*extra)) + frame(DATA, END_STREAM, 1, body))
				s.settimeout(1)
				self.assertNotIn(b"DeactivateAllTasksResponse", self.read_all(s, 1)[0])

	def test_random_frames(self):
		rng = random.Random(SEED)
		with self.watched("random frames"):
			for _ in range(300 if fixture.LONG else 40):
				s = self.open()
				with contextlib.suppress(OSError):
					for _ in range(30):
						payload = rng.choice((REQUEST, rng.randbytes(rng.randrange(60)), b"\0\0\0\1", b"\0" * 8, b""))
						s.sendall(frame(rng.randrange(12), rng.randrange(256), rng.choice((0, 1, 1, 3, 5, 2)), payload))
				s.close()
