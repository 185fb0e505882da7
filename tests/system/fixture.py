"""Starts and stops the product for a test: configuration, certificates, both processes, an MDF, an ADMF
and links to send frames into. Everything a test starts is ended by process id, whatever happens."""
import ctypes
import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from poi_lab import admf, mdf, pcap, pki, platforms, x1

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("POI_BUILD", os.path.join(TOP, "build"))
ROOT = os.geteuid() == 0
LONG = bool(os.environ.get("POI_LONG"))
READY = 20  # seconds a process may take to be ready

_pki = None


def long(test):
	"""A test or class that waits for long; others show most of it in less."""
	return unittest.skipUnless(LONG, "in the long run")(test)


def shared_pki():
	"""One set of certificates for all tests of a run."""
	global _pki
	if _pki is None:
		folder = tempfile.mkdtemp(prefix="poi-pki-")
		atexit.register(shutil.rmtree, folder, True)
		_pki = pki.Pki(folder, days=30).make()  # so short that the network element warns of it
	return _pki


def reference(name):
	"""Path of a reference capture, or None: $POI_PCAPS, or beside the project."""
	for folder in (os.environ.get("POI_PCAPS"), os.path.join(TOP, "..", "shared", "pcaps"), os.path.join(TOP, "..", "shared", "cases")):
		if folder and os.path.exists(os.path.join(folder, name)):
			return os.path.join(folder, name)
	return None


def program(name):
	for folder in ("control/cli", "control", "dataplane", "events", ""):
		path = os.path.join(BUILD, folder, name)
		if os.path.isfile(path) and os.access(path, os.X_OK):
			return path
	raise RuntimeError(f"{name} is not built in {BUILD}")


def free_port():
	with socket.socket() as s:
		s.bind(("127.0.0.1", 0))
		return s.getsockname()[1]


def cpus():
	"""(main, worker) of the CPUs we may use."""
	mine = sorted(os.sched_getaffinity(0))
	return (mine[0], mine[1]) if len(mine) > 1 else (mine[0], mine[0])


def memory_arguments():
	with open("/proc/meminfo") as f:
		values = dict(line.split(":") for line in f)
	free = int(values.get("HugePages_Free", "0").split()[0])
	return "-m 256" if free >= 192 and ROOT else "--no-huge -m 256"


TIME_ERROR, STA_UNSYNC, STATUS_AT = 5, 0x40, 40  # of struct timex on x86-64


def clock_is_synchronised():
	"""As the kernel holds."""
	raw = (ctypes.c_ubyte * 512)()
	state = ctypes.CDLL(None).adjtimex(raw)
	return state != TIME_ERROR and not int.from_bytes(raw[STATUS_AT:STATUS_AT + 4], "little") & STA_UNSYNC


def wait_until(condition, timeout, what):
	"""`what` was awaited: a text, or a function that makes it when the time is over."""
	end = time.monotonic() + timeout
	while time.monotonic() < end:
		value = condition()
		if value:
			return value
		time.sleep(0.02)
	raise AssertionError(f"not within {timeout:g} s: {what() if callable(what) else what}")


def ip(*arguments, check=True):
	done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
	if check and done.returncode:
		raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
	return done


class Link:
	"""A veth pair: the dataplane polls `inner`, the test sends into `outer`. Nothing else talks on it."""

	_number = 0

	def __init__(self, mtu=1500):
		if not ROOT:
			raise unittest.SkipTest("needs root for network devices")
		Link._number += 1
		self.inner = f"poi{os.getpid() % 100000}a{Link._number:d}"
		self.outer = f"poi{os.getpid() % 100000}b{Link._number:d}"
		self._mtu, self._socket = mtu, None
		self.make()

	def make(self):
		"""Makes the pair, also anew after it was deleted."""
		if self._socket:
			self._socket.close()
		ip("link", "add", self.inner, "type", "veth", "peer", "name", self.outer)
		for name in (self.inner, self.outer):
			quiet_link(name)
			ip("link", "set", name, "mtu", str(self._mtu), "up")
		self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
		self._socket.bind((self.outer, 0))

	def send(self, frames, burst=32, pause=0.001):
		"""Sends the frames in order, not faster than the receiving ring drains."""
		for n, frame in enumerate(frames, 1):
			self._socket.send(frame)
			if n % burst == 0:
				time.sleep(pause)

	@contextlib.contextmanager
	def listening(self):
		"""receive(n, timeout): up to n frames that came out of the POI's end since now."""
		with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as s:
			s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
			s.bind((self.outer, 3))

			def receive(n, timeout=3):
				s.settimeout(timeout)
				got = []
				with contextlib.suppress(TimeoutError):
					while len(got) < n:
						octets, address = s.recvfrom(4096)
						if address[2] != socket.PACKET_OUTGOING:
							got.append(octets)
				return got

			yield receive

	def close(self):
		self._socket.close()
		ip("link", "del", self.inner, check=False)


def quiet_link(name):
	"""No IPv6 chatter, no offloads that would join or alter frames."""
	with contextlib.suppress(OSError):
		with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w") as out:
			out.write("1")
	subprocess.run(["ethtool", "-K", name, "tso", "off", "gso", "off", "gro", "off", "rx", "off", "tx", "off"],
		capture_output=True, check=False)


def af_packet(number, interface):
	"""EAL arguments of a port on a kernel interface; framesz: one frame and its kernel header."""
	return f"--vdev net_af_packet{number},iface={interface},blocksz=65536,framesz=2048,framecnt=8192"


class Process:
	"""One program, its output in a file."""

	def __init__(self, command, log, env=None):
		self.command, self.log = command, log
		self._out = open(log, "ab")
		self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._out, stderr=subprocess.STDOUT,
			env={**os.environ, **(env or {})})

	@property
	def running(self):
		return self.child.poll() is None

	def kill(self):
		"""kill -9."""
		self._end(signal.SIGKILL)

	def stop(self, timeout=10):
		"""Asks nicely; the exit status (None when it had to be killed)."""
		if self.running:
			self.child.send_signal(signal.SIGTERM)
		try:
			status = self.child.wait(timeout)
		except subprocess.TimeoutExpired:
			self._end(signal.SIGKILL)
			status = None
		self._out.close()
		return status

	def _end(self, number):
		if self.running:
			self.child.send_signal(number)
		self.child.wait()

	def text(self):
		with open(self.log, errors="replace") as f:
			return f.read()


CONFIG = """\
runtime-dir: {run}
network-elements:
  - ne-identifier: poi-01
    admf-identifier: admf-01
    listen: "127.0.0.1:{port}"
{ne_extra}    tls: {{ certificate: {pki}/ne.pem, key: {pki}/ne.key, ca: {pki}/ca.pem, crl: {pki}/crl.pem }}
{x1_extra}delivery:
  nf-identifier: nf.test.example
  interception-point: point-1
  tls: {{ certificate: {pki}/ne.pem, key: {pki}/ne.key, ca: {pki}/ca.pem }}
  drain: {drain}
{delivery_extra}dataplane:
  eal: "--no-pci --in-memory --no-telemetry --file-prefix poi-{prefix} {memory} {eal}"
  main-cpu: {main}
  workers: [{worker}]
  idle-sleep-us: 50
  ports:
{ports}
audit: {{ file: {folder}/audit.jsonl }}
"""


class Poi:
	"""The product, set up in a folder of its own. `ports`: YAML lines of dataplane.ports; `eal`: vdevs."""

	def __init__(self, eal="--vdev net_null0,no-rx=1", ports=("{ device: net_null0, mode: probe }",), ne_extra="",
			x1_extra="", delivery_extra="", xsd=True, drain=3):
		self.programs = {n: program(n) for n in ("poi-control", "poi-dataplane", "poi")}
		self.pki = shared_pki()
		self.folder = tempfile.mkdtemp(prefix="poi-test-")
		os.mkdir(os.path.join(self.folder, "run"), 0o700)
		self.port = free_port()
		self.file = os.path.join(self.folder, "poi.yaml")
		main, worker = cpus()
		with open(self.file, "w") as out:
			out.write(CONFIG.format(run=os.path.join(self.folder, "run"), port=self.port, pki=self.pki.folder,
				folder=self.folder, prefix=os.path.basename(self.folder), memory=memory_arguments(), eal=eal, main=main,
				worker=worker, ports="\n".join("    - " + p for p in ports), ne_extra=indented(ne_extra, 4),
				x1_extra=indented(x1_extra, 0), delivery_extra=indented(delivery_extra, 2), drain=drain))
		self.url = f"https://127.0.0.1:{self.port}/X1/NE"
		self.xsd = x1.Xsd.find() if xsd else None
		self.control = self.dataplane = None
		self._kinds = ()
		self._closing = contextlib.ExitStack()
		self.admf = self.client()

	# --- the lab around it
	def client(self, identity="admf", **more):
		client = admf.Admf(self.url, self.pki.folder, identity, xsd=self.xsd, **more)
		self._closing.callback(client.close)
		return client

	def mdf(self, **more):
		m = mdf.Mdf(self.pki.path("mdf.pem"), self.pki.path("mdf.key"), self.pki.path("ca.pem"), **more).start()
		self._closing.callback(m.stop)
		return m

	# --- processes
	def start(self):
		self.start_dataplane()
		self.start_control()
		return self

	def start_dataplane(self, wait=True):
		if not self._kinds:
			with open(self.file) as f:
				self._kinds = [platforms.kind_of(d) for d in sorted(set(platforms.devices(f.read())))]
			platforms.begin(self._kinds)
			self._closing.callback(platforms.end, self._kinds)
		self.dataplane = Process([self.programs["poi-dataplane"], "-c", self.file], self.path("dataplane.log"))
		if wait:
			wait_until(lambda: self._alive(self.dataplane) and self.try_status(), READY, "poi-dataplane answers poi status")

	def start_control(self, wait=True):
		self.control = Process([self.programs["poi-control"], "-c", self.file], self.path("control.log"))
		if wait:
			self.wait_control()

	def wait_control(self, timeout=READY):
		"""Until X1 takes requests: the registry is complete and the dataplane connected."""
		def ready():
			self._alive(self.control)
			try:
				return self.admf.one("ListAllDetails").ok
			except OSError:
				return False
		wait_until(ready, timeout, "X1 takes requests")
		if self.dataplane and self.dataplane.running:
			wait_until(self.connected, timeout, "control and dataplane are connected")

	def connected(self):
		status = self.try_status()
		return bool(status) and status["control"].get("dataplane_connected") and status["control"].get("recovered")

	def _alive(self, process):
		if not process.running:
			raise AssertionError(f"{os.path.basename(process.command[0])} ended with status "
				f"{process.child.returncode}:\n{process.text()[-3000:]}")
		return True

	def close(self):
		"""Ends everything; the exit statuses of (control, dataplane), None for one not running."""
		self._closing.close()
		statuses = []
		for process in (self.control, self.dataplane):
			statuses.append(process.stop() if process and process.running else None)
		if os.environ.get("POI_KEEP"):
			print(f"# kept: {self.folder}")
		else:
			shutil.rmtree(self.folder, ignore_errors=True)
		return statuses

	# --- looking
	def path(self, name):
		return os.path.join(self.folder, name)

	def poi(self, *arguments, timeout=10):
		return subprocess.run([self.programs["poi"], *arguments], capture_output=True, text=True, timeout=timeout)

	def try_status(self):
		"""What poi status says, or None while the dataplane does not answer. Control need not."""
		done = self.poi("status", "-c", self.file, "--json")
		try:
			status = json.loads(done.stdout)
		except ValueError:
			return None
		return status if status["dataplane"]["reachable"] else None

	def status(self):
		status = self.try_status()
		if not status:
			raise AssertionError("poi status: the dataplane does not answer")
		return status

	def balanced(self, timeout=5):
		"""Waits until the ledger balances at rest with nothing queued; the status."""
		return wait_until(lambda: (lambda s: s if s["ledger"]["balanced"] and not s.get("queued") and not s.get("unsettled") else None)(self.status()),
			timeout, lambda: f"the ledger balances: {json.dumps(self.status())}")

	def received(self, n, timeout=10):
		"""Waits until the dataplane has received at least n frames."""
		return wait_until(lambda: self.status()["packets"]["received"] >= n, timeout, f"{n} frames received")


def indented(text, by):
	return "".join(" " * by + line + "\n" for line in text.splitlines())


class PoiCase(unittest.TestCase):
	"""A test class with one running product; `options()` says how it is set up."""

	@classmethod
	def options(cls):
		return {}

	@classmethod
	def prepare(cls, poi):
		"""Changes it before its programs start."""

	@classmethod
	def setUpClass(cls):
		cls.poi = Poi(**cls.options())
		cls.addClassCleanup(cls.poi.close)
		cls.prepare(cls.poi)
		cls.poi.start()

	def setUp(self):
		self.addCleanup(self._explain)

	def _explain(self):
		"""On a failure the processes' last words are part of the report."""
		for name in ("control", "dataplane"):
			process = getattr(self.poi, name)
			if process and not process.running and process.child.returncode not in (0, -9):
				raise AssertionError(f"poi-{name} ended with {process.child.returncode}:\n{process.text()[-3000:]}")

	def ok(self, answer):
		self.assertTrue(answer.completed, str(answer))
		return answer

	def refused(self, code, answer):
		self.assertEqual(answer.kind, "ErrorResponse", str(answer))
		self.assertEqual(answer.error, code, str(answer))
		return answer

	def destination(self, m, delivery="X2andX3"):
		did = x1.new_id()
		self.ok(self.poi.admf.create_destination(did, m.address, m.port, delivery))
		return did

	def clear(self):
		self.poi.admf.one("DeactivateAllTasks")
		self.poi.admf.one("RemoveAllDestinations")


class TrafficCase(PoiCase):
	"""With one probe port on a veth link; `self.link.send` puts frames on it."""

	PORT = "{ device: net_af_packet0, mode: probe }"
	MTU = 1500

	@classmethod
	def setUpClass(cls):
		cls.link = Link(cls.MTU)
		cls.addClassCleanup(cls.link.close)
		super().setUpClass()

	@classmethod
	def options(cls):
		return {"eal": af_packet(0, cls.link.inner), "ports": (cls.PORT,)}

	def setUp(self):
		super().setUp()
		self.mdf = self.poi.mdf(keep=True)
		self.addCleanup(self.mdf.stop)
		self.did = self.destination(self.mdf)
		self.addCleanup(self.clear)

	def activate(self, *targets, xid=None, **more):
		xid = xid or x1.new_id()
		self.ok(self.poi.admf.activate(xid, list(targets), [self.did], **more))
		return xid

	def send(self, frames):
		"""Sends and waits until all are received."""
		before = self.poi.status()["packets"]["received"]
		self.link.send(frames)
		self.poi.received(before + len(frames))


class Stream(threading.Thread):
	"""Sends numbered UDP packets until told to stop; remembers when each left."""

	def __init__(self, link, make, rate=2000):
		super().__init__(daemon=True)
		self.link, self.make, self.rate = link, make, rate
		self.sent = []  # time_ns just before sending; the index is the number
		self._stop_now = threading.Event()

	def run(self):
		gap, due = 1.0 / self.rate, time.monotonic()
		while not self._stop_now.is_set():
			frame = self.make(len(self.sent))
			self.sent.append(time.time_ns())
			self.link.send([frame])
			due += gap
			time.sleep(max(0.0, due - time.monotonic()))

	def finish(self):
		self._stop_now.set()
		self.join()
		return self.sent


def udp_frame(source, destination, payload, ports=(4000, 5000)):
	"""Ethernet, IPv4 and UDP with right checksums of the header (UDP's own is 0, not used)."""
	udp = ports[0].to_bytes(2, "big") + ports[1].to_bytes(2, "big") + (8 + len(payload)).to_bytes(2, "big") + b"\0\0" + payload
	head = bytearray(b"\x45\0" + (20 + len(udp)).to_bytes(2, "big") + b"\0\1\0\0\x40\x11\0\0" + socket.inet_aton(source) +
		socket.inet_aton(destination))
	total = sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, 20, 2))
	total = (total & 0xFFFF) + (total >> 16)
	total = (total & 0xFFFF) + (total >> 16)
	head[10:12] = (~total & 0xFFFF).to_bytes(2, "big")
	return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0" + bytes(head) + udp


def tshark(path, *arguments):
	"""Lines of tshark's field output."""
	done = subprocess.run(["tshark", "-r", path, "-n", *arguments], capture_output=True, text=True, check=False)
	if done.returncode:
		raise RuntimeError(f"tshark: {done.stderr.strip()}")
	return done.stdout.splitlines()


LINK_COOKED = 113


def frames_of(path):
	"""The frames of an Ethernet capture of any format that Wireshark reads, or those that a cooked one's would be."""
	with tempfile.NamedTemporaryFile(suffix=".pcap") as plain:
		done = subprocess.run(["editcap", "-F", "nsecpcap", path, plain.name], capture_output=True, text=True, check=False)
		if done.returncode:
			raise RuntimeError(f"editcap: {done.stderr.strip()}")
		link, records = pcap.read(plain.name)
	if link == LINK_COOKED:  # of "any" interface: the protocol is in its last two octets
		return [bytes(12) + octets[14:] for _, octets in records]
	if link != pcap.LINK_ETHERNET:
		raise ValueError(f"{path}: link type {link:d}")
	return [octets for _, octets in records]
