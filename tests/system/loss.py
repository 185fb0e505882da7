"""What the tests of loss share: an MDF with a fault beside a good one, the way to it, and what the books must say."""
import ctypes
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import fixture
from fixture import udp_frame
from poi_lab import mdf, x1

TARGET, PAYLOAD = "192.0.2.10", 900
GOOD = "127.0.0.5"  # has room for seconds: it is a thread of the test, and may have to wait for a core
DETECTED = 5.0  # seconds until a fault is known
REPORTED = 1.0  # and then until the ADMF hears of it
OUTAGE = re.compile(r"outage of ([0-9.]+) s since \S+, ([0-9]+) PDUs lost")
CLONE_NEWNET = 0x40000000


class Far:
	"""A network namespace at the other end of a veth pair, with an address of its own."""

	_number = 0

	def __init__(self):
		Far._number += 1
		self.name = f"poiloss{os.getpid()}-{Far._number:d}"
		self.near, self.far = f"poi{os.getpid() % 100000}n{Far._number:d}", f"poi{os.getpid() % 100000}f{Far._number:d}"
		net = f"198.18.{os.getpid() % 250}."
		self.here, self.address = net + "1", net + "2"
		fixture.ip("netns", "add", self.name)
		try:
			fixture.ip("link", "add", self.near, "type", "veth", "peer", "name", self.far, "netns", self.name)
			fixture.ip("addr", "add", self.here + "/30", "dev", self.near)
			fixture.ip("-n", self.name, "addr", "add", self.address + "/30", "dev", self.far)
			self.near_up(True)
			self.far_up(True)
		except Exception:
			self.close()
			raise

	def near_up(self, up):
		fixture.ip("link", "set", self.near, "up" if up else "down")

	def far_up(self, up):
		fixture.ip("-n", self.name, "link", "set", self.far, "up" if up else "down")

	def nft(self, text):
		subprocess.run(["ip", "netns", "exec", self.name, "nft", "-f", "-"], input=text, text=True, check=True,
			capture_output=True)

	def reset(self, port, on):
		"""Answers everything to this port with RST, or stops that."""
		if on:
			self.nft("table inet loss { chain in { type filter hook input priority 0;\n"
				f"tcp dport {port} reject with tcp reset\n}}\n}}\n")
		else:
			self.nft("delete table inet loss\n")

	def socket(self):
		"""A TCP socket of that namespace."""
		made = []

		def inside():  # a thread of its own: it never comes back
			with open("/run/netns/" + self.name) as f:
				if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET):
					return
			made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
		thread = threading.Thread(target=inside)
		thread.start()
		thread.join()
		return made[0]

	def close(self):
		fixture.ip("link", "del", self.near, check=False)
		fixture.ip("netns", "del", self.name, check=False)


class Mdf(mdf.Mdf):
	"""With a small window, elsewhere when asked, and faults that can be switched."""

	def __init__(self, pki, far=None, window=4096, address="127.0.0.1"):
		self._far, self._window = far, window
		self.stalled = self.over = False
		self.trickle = 0  # octets a second
		super().__init__(pki.path("mdf.pem"), pki.path("mdf.key"), pki.path("ca.pem"),
			address=far.address if far else address)
		# An old connection may still be read while a new one is: a number that comes late need not be a repeat.
		self.again, self._known, self._see = 0, set(), self._continuity.see
		self._continuity.see = self._counting

	def start(self):
		s = self._far.socket() if self._far else socket.socket()
		s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		if self._window:
			s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._window)
		s.bind((self.address, self.port))
		s.listen(64)
		self.port = s.getsockname()[1]
		self._listener, self._stopping = s, False
		self._spawn(self._accept)
		return self

	def stop(self):
		self.over, self.stalled, self.trickle = True, False, 0
		super().stop()

	def _recv(self, tls, view):
		while self.stalled and not self.over:
			time.sleep(0.01)
		due = time.monotonic() + (1 / self.trickle if self.trickle else 0)
		while self.trickle and time.monotonic() < due:
			time.sleep(0.01)
		return super()._recv(tls, view[:1] if self.trickle else view)

	def _counting(self, context, sequence, local=None):
		wrong, new = self._see(context, sequence, local)
		self.again += (context, sequence) in self._known
		self._known.add((context, sequence))
		return wrong, new

	@property
	def held(self):
		"""Different PDUs that it holds."""
		with self._lock:
			return self.counts["x2"] + self.counts["x3"] - self.again


class Loss(fixture.PoiCase):
	"""One task that goes to an MDF with a fault and to one without. `self.bad` and `self.good`."""

	KEEPALIVE = "{ enabled: true, time-p1: 60, time-p2: 180 }"
	RATE = 1500

	@classmethod
	def setUpClass(cls):
		cls.link = fixture.Link()
		cls.addClassCleanup(cls.link.close)
		cls.admf_port = fixture.free_port()
		folder = tempfile.mkdtemp(prefix="poi-admf-")
		cls.addClassCleanup(shutil.rmtree, folder, True)
		cls.reports_file = os.path.join(folder, "reports.jsonl")
		command = [sys.executable, "-B", os.path.join(fixture.TOP, "tests", "lab", "poi_lab", "admf_server.py"), "--listen",
			f"127.0.0.1:{cls.admf_port:d}", "--pki", fixture.shared_pki().folder, "--out", cls.reports_file]
		# Before the POI: a first report that finds nobody would hold up those behind it.
		listening = fixture.Process(command, os.path.join(folder, "admf.log"),
			{"PYTHONPATH": os.path.join(fixture.TOP, "tests", "lab")})
		cls.addClassCleanup(listening.stop)
		fixture.wait_until(cls.admf_listens, fixture.READY, "the ADMF listens")
		super().setUpClass()

	@classmethod
	def admf_listens(cls):
		with socket.socket() as s:
			return s.connect_ex(("127.0.0.1", cls.admf_port)) == 0

	OVERRIDES = DELIVERY = DATAPLANE = ""  # more of the configuration

	@classmethod
	def options(cls):
		return {"eal": fixture.af_packet(0, cls.link.inner), "ports": ("{ device: net_af_packet0, mode: probe }" + cls.DATAPLANE,),
			"ne_extra": f"admf-url: https://127.0.0.1:{cls.admf_port:d}/X1/ADMF", "delivery_extra":
			f"keepalive: {cls.KEEPALIVE}\nbuffer: 1MiB\noverrides: [{{ match: 198.18.0.0/15, "
			f"peer-identity: mdf-01 }}, {{ match: {GOOD}/32, peer-identity: mdf-01, buffer: 16MiB "
			f"}}{cls.OVERRIDES}]\n{cls.DELIVERY}"}

	def setUp(self):
		super().setUp()
		self.addCleanup(self.clear)
		self.before = self.poi.status()
		self.good = self.made(window=0, address=GOOD)
		self.stream = None
		self.addCleanup(lambda: self.stream and self.stream.finish())

	def made(self, far=None, window=4096, **more):
		m = Mdf(self.poi.pki, far, window, **more)
		m.start()
		self.addCleanup(m.stop)
		return m

	def begin(self, bad):
		"""A task with traffic to both; returns when both take PDUs."""
		self.bad, self.began = bad, time.monotonic()
		self.bad_did, self.good_did = self.destination(bad), self.destination(self.good)
		self.xid = x1.new_id()
		self.ok(self.poi.admf.activate(self.xid, [x1.target_ipv4(TARGET)], [self.bad_did, self.good_did]))
		self.stream = fixture.Stream(self.link, lambda n: udp_frame(TARGET, "198.51.100.1", (b"%d " % n).ljust(PAYLOAD, b".")),
			self.RATE)
		self.stream.start()
		if not bad.behaviour.hang_handshake:
			self.assertTrue(bad.wait_pdus(50, 5), bad.summary())
		self.assertTrue(self.good.wait_pdus(50, 5), self.good.summary())

	def of(self, did, status=None):
		return [d for d in (status or self.poi.status())["destinations"] if d["did"] == did][0]

	def detected(self, since):
		"""Waits for the fault to be known, in time; the other destination does not notice it."""
		while True:
			status = self.poi.status()
			self.other_unharmed(status)
			state = self.of(self.bad_did, status)
			if state["reason"] and state["state"] != "up":
				break
			self.assertLess(time.monotonic() - since, DETECTED, state)
			time.sleep(0.05)
		self.assertLess(time.monotonic() - since, DETECTED, state)
		fixture.wait_until(lambda: self.reports(self.bad_did), REPORTED, "the ADMF hears of it")
		said = self.poi.admf.get_destination(self.bad_did).text("destinationDeliveryStatus")
		if self.of(self.bad_did)["state"] != "up":  # a short one may be over
			self.assertEqual(said, "deliveryFault")
		return state

	def other_unharmed(self, status):
		other = self.of(self.good_did, status)
		self.assertEqual((other["dropped"], other["in_doubt"] - other["unsettled"], other["state"]), (0, 0, "up"), other)
		self.assertLess(other["queued"], self.RATE // 2, other)  # not half a second of traffic

	def sums(self, status, sent):
		"""matched = acknowledged + dropped + queued + in doubt: for each destination, the whole and the task."""
		for did in (self.bad_did, self.good_did):
			d = self.of(did, status)
			self.assertEqual(d["offered"], sent, d)
			self.assertEqual(d["delivered"] + d["dropped"] + d["queued"] + d["in_doubt"], sent, d)
			self.assertEqual(sum(d["lost"].values()), d["dropped"], d)
		self.whole(status, sent)

	def whole(self, status, sent):
		grown = {k: status[k] - self.before[k] for k in ("matches", "offered", "delivered", "queued", "in_doubt")}
		lost = sum(status["lost"].values()) - sum(self.before["lost"].values())
		self.assertEqual((grown["matches"], grown["offered"]), (sent, 2 * sent), grown)
		self.assertEqual(grown["delivered"] + lost + grown["queued"] + grown["in_doubt"], 2 * sent, (grown, lost))
		self.assertTrue(status["ledger"]["balanced"], status)

	def holds(self, m, did, status):
		"""The MDF holds between acknowledged and acknowledged + in doubt, but for what it took and threw away."""
		self.assertTrue(m.read_out(), m.summary())
		d, held, thrown = self.of(did, status), m.held, m.counts["thrown_away"]
		self.assertLessEqual(held, d["delivered"] + d["in_doubt"], (d, m.summary()))
		self.assertGreaterEqual(held + thrown, d["delivered"], (d, thrown, m.summary()))

	def rest(self):
		"""Stops the traffic; waits until all of it is matched and nothing moves any more: (status, frames sent)."""
		sent = len(self.stream.finish())
		last = [None]

		def settled():
			status = self.poi.status()
			now = [(d["did"], d["delivered"], d["queued"], d["in_doubt"]) for d in status["destinations"]]
			same, last[0] = now == last[0], now
			other = self.of(self.good_did, status)
			same = same and status["ledger"]["balanced"]  # at rest
			return status if same and status["matches"] - self.before["matches"] == sent and not other["queued"] and not other["unsettled"] else None
		return fixture.wait_until(settled, 4, lambda: f"all {sent} packets are matched: {self.poi.status()}"), sent

	def reports(self, id_, full=False, kind="ReportDestinationIssue"):
		"""What the ADMF was told of a destination or task; `full`: with the details."""
		if not os.path.exists(self.reports_file):
			return []
		with open(self.reports_file) as f:
			lines = [json.loads(line) for line in f if line.endswith("\n")]
		return [(r["report"], r["description"]) if full else r["report"] for r in lines
			if r["type"] == kind and r["id"] == id_]

	def outages(self, did):
		"""(seconds, PDUs lost) of every clear."""
		return [(float(m.group(1)), int(m.group(2))) for report, text in self.reports(did, full=True)
			for m in [OUTAGE.search(text)] if report == "AllClear" and m]

	def exact(self, sent):
		"""Everything left arrives, and the books agree with what the MDFs hold."""
		def drained():
			status = self.poi.status()
			d = self.of(self.bad_did, status)
			return status if d["state"] == "up" and not d["queued"] and not d["unsettled"] and status["ledger"]["balanced"] else None
		status = fixture.wait_until(drained, 6, f"the queue drains: {self.of(self.bad_did)}")
		self.bad.wait_quiet(0.1, 2)
		self.sums(status, sent)
		self.other_unharmed(status)
		self.holds(self.bad, self.bad_did, status)
		self.assertEqual(self.good.held, sent, self.good.summary())
		self.assertTrue(self.good.good, self.good.summary())
		amount = self.ok(self.poi.admf.get_task(self.xid)).text("amountOfX3Data")
		self.assertEqual(int(amount), sent * (28 + PAYLOAD))
		return status

	def ended(self, sent):
		"""The fault is over: the books are exact, and the ADMF has heard how long it was and what it cost."""
		status = self.exact(sent)
		fixture.wait_until(lambda: len(self.reports(self.bad_did)) >= 2, 3, "the ADMF hears of "
			f"start and end: {self.reports(self.bad_did)}")
		reports = self.reports(self.bad_did)
		self.assertEqual((reports[0], reports[-1]), ("NonTerminatingFault", "AllClear"), reports)
		self.assertEqual(self.reports(self.good_did), [])
		self.assertEqual(self.poi.admf.get_destination(self.bad_did).text("destinationDeliveryStatus"), "activeAndWorking")
		# A clear says how long it was and exactly what it cost.
		outages = self.outages(self.bad_did)
		self.assertEqual(len(outages), reports.count("AllClear"), self.reports(self.bad_did, full=True))
		lost, dropped = sum(lost for _, lost in outages), self.of(self.bad_did, status)["dropped"]
		if len(outages) == 1:
			self.assertEqual(lost, dropped, outages)
		else:  # between two of them too, while the queue is still full
			self.assertLessEqual(lost, dropped, outages)
		self.assertLess(sum(seconds for seconds, _ in outages), time.monotonic() - self.began)
		return status

	def a_fault(self, bad, start, end, drops=None):
		"""The whole course of one fault."""
		self.begin(bad)
		since = time.monotonic()
		start()
		self.detected(since)
		status, sent = self.rest()
		self.sums(status, sent)
		if drops is not None:
			self.assertEqual(self.of(self.bad_did, status)["dropped"] > 0, drops, self.of(self.bad_did, status))
		end()
		return self.ended(sent)
