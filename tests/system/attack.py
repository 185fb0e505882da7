"""What the attackers of X1 have in common: connections and requests by hand, and the good peer that is watched
meanwhile."""
import contextlib
import os
import socket
import ssl
import statistics
import threading
import time

import fixture
from poi_lab import admf, schema, x1

SEED = int(os.environ.get("POI_SEED", "103707"))
ATTACKER = "127.0.0.2"
TIMEOUT = 2  # of every phase, as configured here
PEER_CAP = 32
TYPICAL = 0.05  # seconds to a Ping's answer under attack
GROWTH = 24 << 20  # octets of resident memory that an attack may leave behind
PARSE = 0.25  # seconds for the worst document


def octets(document):
	return document if isinstance(document, bytes) else document.encode()


def post(body, *fields, path="/X1/NE", length=None):
	"""A POST as raw octets; `fields` before the end of the header."""
	head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/xml",
		f"Content-Length: {len(body) if length is None else length}", *fields]
	return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Watch(threading.Thread):
	"""A good peer that pings without a break."""

	def __init__(self, poi):
		super().__init__(daemon=True)
		self.client = admf.Admf(poi.url, poi.pki.folder, timeout=20)
		self.took, self.failed, self.over = [], [], threading.Event()

	def run(self):
		while not self.over.wait(0.005):
			try:
				answer = self.client.one("Ping")
				self.took.append(self.client.took)
				if not answer.completed:
					self.failed.append(str(answer))
			except Exception as error:  # noqa: BLE001 whatever it is, it is a failure
				self.failed.append(repr(error))

	def finish(self):
		self.over.set()
		self.join()
		self.client.close()


class AttackCase(fixture.PoiCase):
	@classmethod
	def options(cls):
		return {"x1_extra": f"limits: {{ handshake-timeout: {TIMEOUT}, header-timeout: {TIMEOUT}, "
			f"body-timeout: {TIMEOUT}, connections-per-peer: {PEER_CAP} }}"}

	@classmethod
	def setUpClass(cls):
		super().setUpClass()
		cls.poi.admf.xsd = schema.Schema.find()
		cls.did, cls.xid = x1.new_id(), x1.new_id()
		with open(f"/proc/{cls.poi.control.child.pid}/maps") as f:
			cls.sanitized = "libasan" in f.read()  # its quarantine keeps what was freed
		cls.stop = octets(x1.container([x1.Message("DeactivateAllTasks")], "admf-01", "poi-01"))
		cls.ping = octets(x1.container([x1.Message("Ping")], "admf-01", "poi-01"))

	def setUp(self):
		super().setUp()
		self.pid = self.poi.control.child.pid
		client = self.poi.client()
		client.create_destination(self.did, "127.0.0.1", 45000)
		client.activate(self.xid, [x1.target_ipv4("192.0.2.10")], [self.did])
		self.unharmed()
		self.addCleanup(self.unharmed)

	def unharmed(self):
		"""The same process still holds the same task and answers at once."""
		self.assertTrue(self.poi.control.running and self.poi.dataplane.running)
		client = self.poi.client()
		client.xsd = None
		answer = client.one("ListAllDetails")
		self.assertEqual([e.text for e in answer.all("xId")], [self.xid])

	def rss(self):
		with open(f"/proc/{self.pid}/statm") as f:
			return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

	def descriptors(self):
		return len(os.listdir(f"/proc/{self.pid}/fd"))

	@contextlib.contextmanager
	def watched(self, what):
		"""Good Pings meanwhile; prints and judges their times and the growth of memory."""
		before, watch = self.rss(), Watch(self.poi)
		watch.start()
		time.sleep(0.1)
		try:
			yield
		finally:
			watch.finish()
		took = sorted(watch.took)
		p99 = took[int(len(took) * 0.99)]
		grown = self.rss() - before
		print(f"# {what}: Ping of another peer: {len(took)}, median "
			f"{statistics.median(took) * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, worst "
			f"{took[-1] * 1e3:.1f} ms; memory {grown // 1024:+d} KiB", flush=True)
		self.assertEqual(watch.failed, [])
		self.assertLess(statistics.median(took), TYPICAL)
		if not self.sanitized:
			self.assertLess(grown, GROWTH)

	# --- connections
	def tcp(self, source=ATTACKER):
		s = socket.create_connection(("127.0.0.1", self.poi.port), 10, (source, 0))
		self.addCleanup(s.close)
		return s

	def context(self, identity="admf", alpn=("http/1.1",)):
		c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
		c.load_verify_locations(self.poi.pki.path("ca.pem"))
		if identity:
			c.load_cert_chain(self.poi.pki.path(identity + ".pem"), self.poi.pki.path(identity + ".key"))
		c.set_alpn_protocols(list(alpn))
		return c

	def tls(self, identity="admf", source=ATTACKER, context=None):
		s = (context or self.context(identity)).wrap_socket(self.tcp(source), server_hostname="127.0.0.1")
		self.addCleanup(s.close)
		return s

	@staticmethod
	def read_all(s, seconds=8):
		"""Everything until the other side closes, and whether it did."""
		s.settimeout(seconds)
		out = b""
		try:
			while True:
				more = s.recv(65536)
				if not more:
					return out, True
				out += more
		except TimeoutError:
			return out, False
		except OSError:
			return out, True

	def exchange(self, raw, seconds=8):
		"""(status codes answered, closed): one raw message on its own connection."""
		s = self.tls()
		with contextlib.suppress(OSError):
			s.sendall(raw)
		out, closed = self.read_all(s, seconds)
		statuses = [int(line.split()[1]) for line in out.split(b"\r\n") if line.startswith(b"HTTP/1.")]
		s.close()
		return statuses, closed

	def closed_within(self, sockets, seconds):
		"""Seconds until the last of them was closed by the other side."""
		start, left = time.monotonic(), list(sockets)
		while left and time.monotonic() - start < seconds:
			for s in list(left):
				s.settimeout(0.01)
				try:
					if not s.recv(65536):
						left.remove(s)
				except (TimeoutError, ssl.SSLWantReadError):
					pass
				except OSError:
					left.remove(s)
			time.sleep(0.02)
		self.assertEqual(len(left), 0, f"still open after {seconds:.1f} s")
		return time.monotonic() - start
