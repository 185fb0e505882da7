"""Each traffic profile of pktgen-profiles through the real processes: hits per task and outcomes exactly as written
beside it."""
import collections
import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
import tempfile
import types
import unittest
import unittest.mock
import uuid

import fixture
from feed import Feed
from poi_lab import pcap, pdu, x1

GENERATE = os.path.join(fixture.TOP, "pktgen-profiles", "generate")
PACKETS = 100000 if fixture.LONG else 4000
TARGETS = {
	"ipv4Address": x1.target_ipv4, "ipv6Address": x1.target_ipv6, "ipv4Cidr": x1.target_cidr, "ipv6Cidr": x1.target_cidr,
	"udpPort": lambda v: x1.target_port("udp", v), "tcpPort": lambda v: x1.target_port("tcp", v),
	"gtpuTunnelId": x1.target_teid, "fteid": lambda v: x1.target_fteid(v["teid"], v["address"]),
	"macAddress": lambda v: f"<x1:macAddress>{v}</x1:macAddress>",
}


def yaml_port(port, device="net_pcap0"):
	"""One line of dataplane.ports."""
	def text(value):
		if isinstance(value, list):
			return "[%s]" % ", ".join(f'"{v}"' for v in value)
		return str(value).lower() if isinstance(value, bool) else str(value)
	return "{ %s }" % ", ".join(f"{k}: {text(v)}" for k, v in {"device": device, **port}.items())


class FedPoi:
	"""The product with one net_pcap port, a feed and a queue of it for each worker, and an MDF that counts PDUs of
	each XID."""

	def __init__(self, port, keep=False, workers=1, lengths=True, delivery=""):
		self.folder = tempfile.mkdtemp(prefix="poi-feed-")
		self.feeds, self.poi = [], None
		try:
			self.feeds += [Feed(os.path.join(self.folder, f"in-{n}")) for n in range(workers)]
			eal = "--vdev net_pcap0" + "".join(",rx_pcap=" + feed.path for feed in self.feeds)
			if workers > 1:  # logical cores, so that few CPUs can have many workers
				mine = sorted(os.sched_getaffinity(0))
				eal += " --lcores " + ",".join(f"{n}@{mine[n % len(mine)]:d}" for n in range(workers + 1))
			self.poi = fixture.Poi(eal=eal, ports=(yaml_port(port),), xsd=False, delivery_extra="buffer: 128MiB\n" + delivery)
			if workers > 1:
				with open(self.poi.file) as file:
					text = file.read()
				text = re.sub(r"main-cpu: \d+", "main-cpu: 0", text)
				text = re.sub(r"workers: \[\d+\]", f"workers: {list(range(1, workers + 1))}", text)
				with open(self.poi.file, "w") as file:
					file.write(text)
			self.poi.start()
			self.mdf = self.poi.mdf(keep=keep, lengths=lengths)
			self.did = x1.new_id()
			self.one(self.poi.admf.create_destination(self.did, self.mdf.address, self.mdf.port))
		except BaseException:
			self.close()
			raise

	@staticmethod
	def one(answer):
		if not answer.completed:
			raise AssertionError(str(answer))

	def activate(self, tasks):
		"""`tasks`: {XID: XML of targets}."""
		pairs = list(tasks.items())
		for at in range(0, len(pairs), 1000):
			for answer in self.poi.admf.send([x1.Message("ActivateTask", x1.task_details(xid, targets, [self.did]))
					for xid, targets in pairs[at:at + 1000]]):
				self.one(answer)

	def deactivate(self, xids):
		xids = list(xids)
		for at in range(0, len(xids), 1000):
			for answer in self.poi.admf.send([x1.Message("DeactivateTask", x1.xid_body(xid)) for xid in xids[at:at + 1000]]):
				self.one(answer)

	def send(self, frames):
		"""Sends, in turns where there are several workers, and waits until all are received."""
		for n, feed in enumerate(self.feeds):
			feed.send(frames[n::len(self.feeds)])
		self.poi.received(sum(feed.total for feed in self.feeds), 60)

	def outcomes(self):
		"""Frames by outcome since the start, without the feed's own; call after `send`."""
		packets = self.poi.status()["packets"]
		counts = collections.Counter({**packets["classes"], **packets["dropped"]})
		counts["not_ip"] -= packets["received"] - sum(feed.sent for feed in self.feeds)
		return +counts, packets

	def alive(self):
		"""Fails with the last words of a process that has ended."""
		for process in (self.poi.control, self.poi.dataplane):
			if not process.running:
				raise AssertionError(f"{os.path.basename(process.command[0])} ended with status "
					f"{process.child.returncode}:\n{process.text()[-3000:]}")

	def settled(self):
		"""Waits until every match has been delivered and acknowledged; the status."""
		return fixture.wait_until(lambda: (lambda s: s if s["ledger"]["balanced"] and not s["queued"] and not s["unsettled"] else None)(self.poi.status()), 30,
			"everything is delivered")

	def counts(self):
		"""X3 PDUs by XID."""
		counts = collections.Counter()
		for context, n in dict(self.mdf.per_context).items():
			counts[str(uuid.UUID(bytes=context[1]))] += n
		return counts

	def close(self):
		statuses = None
		for feed in self.feeds:
			feed.close()
		if self.poi:
			statuses = self.poi.close()
		shutil.rmtree(self.folder, ignore_errors=True)
		return statuses


class Profiles(unittest.TestCase):
	maxDiff = None

	@classmethod
	def setUpClass(cls):
		cls.folder = tempfile.mkdtemp(prefix="poi-profiles-")
		cls.addClassCleanup(shutil.rmtree, cls.folder, True)
		subprocess.run([GENERATE, cls.folder, "--packets", str(PACKETS)], check=True)

	def load(self, name):
		with open(os.path.join(self.folder, name + ".json")) as f:
			expected = json.load(f)
		frames = [octets for _, octets in pcap.read(os.path.join(self.folder, name + ".pcap"))[1]]
		self.assertEqual(len(frames), expected["frames"])
		return expected, frames

	def replay(self, name):
		expected, frames = self.load(name)
		xids = {t["name"]: [] for t in expected["tasks"]}  # an identifier for each time that the task comes
		targets = {t["name"]: [TARGETS[i["type"]](i["value"]) for i in t["targets"]] for t in expected["tasks"]}
		fed = FedPoi(expected["port"], lengths=name != "malformed")
		self.addCleanup(fed.close)
		force = set()
		for n, this in enumerate(expected["rounds"]):
			wanted = set(this["in_force"])
			fed.deactivate(xids[t][-1] for t in sorted(force - wanted))
			for t in wanted - force:
				xids[t].append(x1.new_id())
			fed.activate({xids[t][-1]: targets[t] for t in sorted(wanted - force)})
			force = wanted
			end = expected["rounds"][n + 1]["first"] if n + 1 < len(expected["rounds"]) else len(frames)
			fed.send(frames[this["first"]:end])
		hits = sum(t["hits"] for t in expected["tasks"])
		outcomes, packets = fed.outcomes()
		self.assertEqual(dict(outcomes), expected["outcomes"])
		self.assertEqual(packets["classified"] + sum(packets["dropped"].values()), packets["received"])
		status = fed.settled()
		fed.mdf.wait_pdus(status["delivered"])
		counts = fed.counts()
		self.assertEqual({t["name"]: sum(counts[x] for x in xids[t["name"]]) for t in expected["tasks"]},
			{t["name"]: t["hits"] for t in expected["tasks"]})
		self.assertEqual((status["matches"], status["delivered"]), (hits, hits), status)
		self.assertTrue(fed.mdf.good, fed.mdf.summary())
		self.assertEqual(fed.close(), [0, 0])

	def test_same_arguments_same_octets(self):
		again = tempfile.mkdtemp(prefix="poi-profiles-")
		self.addCleanup(shutil.rmtree, again, True)
		names = ("malformed", "churn", "gtpu-up-2000")
		subprocess.run([GENERATE, again, "--packets", str(PACKETS), *(a for n in names for a in ("--profile", n))], check=True)
		for name in names:
			for suffix in (".pcap", ".json", ".pkt"):
				with open(os.path.join(again, name + suffix), "rb") as a, open(os.path.join(self.folder, name + suffix), "rb") as b:
					self.assertEqual(a.read(), b.read(), name + suffix)


def names():
	return subprocess.run([GENERATE, "--list"], check=True, capture_output=True, text=True).stdout.split()


# Of a family that differs in the number of tasks only, one is enough for a normal run.
LONG_ONES = ("gtpu-up-1", "gtpu-up-2000", "gtpu-down-1", "gtpu-down-2000", "match-0.1")

for _name in names():
	_test = lambda self, name=_name: self.replay(name)  # noqa: E731
	if _name in LONG_ONES:
		_test = fixture.long(_test)
	setattr(Profiles, "test_" + _name.replace("-", "_").replace(".", "_"), _test)


class Recorded:
	"""What a TRex profile asked for; stands where TRex's own classes are, which Debian does not have."""

	def __init__(self, *arguments, **named):
		self.arguments = arguments
		self.__dict__.update(named)


class Trex(unittest.TestCase):
	"""The streams of trex/*.py, as far as they can be judged without TRex: whole frames, fields where the variables
	write."""

	def streams(self, name, *tunables):
		kinds = ("STLPktBuilder", "STLScVmRaw", "STLStream", "STLTXCont", "STLVmFixIpv4", "STLVmFlowVar", "STLVmWrFlowVar", "STLProfile")
		api = types.ModuleType("trex.stl.api")
		for kind in kinds:
			setattr(api, kind, type(kind, (Recorded,), {}))
		modules = {"trex": types.ModuleType("trex"), "trex.stl": types.ModuleType("trex.stl"), "trex.stl.api": api,
			"scapy.contrib.gtp": types.ModuleType("scapy.contrib.gtp")}  # TRex's scapy knows less of GTP
		with unittest.mock.patch.dict(sys.modules, modules):
			made = runpy.run_path(os.path.join(fixture.TOP, "pktgen-profiles", "trex", name))
			return made["register"]().get_streams(tunables=list(tunables), direction=0, port_id=0), made

	def test_match(self):
		for every, rates in ((0, {"strangers": 1000}), (1, {"target": 1000}), (100, {"strangers": 99, "target": 1})):
			streams, made = self.streams("match.py", "--every", str(every))
			self.assertEqual({s.name: s.mode.pps for s in streams}, rates)
			for s in streams:
				octets = bytes(s.packet.pkt)
				self.assertEqual(len(octets), 60)
				self.assertEqual(octets[26:30] == socket.inet_aton(made["TARGET"]), s.name == "target")

	def test_imix(self):
		streams, _ = self.streams("imix.py")
		self.assertEqual([(len(bytes(s.packet.pkt)), s.mode.pps) for s in streams], [(60, 7), (590, 4), (1514, 1)])

	def test_gtpu(self):
		for down, first, kind in (("0", 0x10000, 1), ("1", 0x20000, 0)):
			streams, made = self.streams("gtpu.py", "--tunnels", "2000", "--down", down)
			octets, at = bytes(streams[0].packet.pkt), made["TEID_AT"]
			self.assertEqual(octets[at:at + 4], first.to_bytes(4, "big"))
			self.assertEqual(octets[at + 4:at + 12], b"\0\0\0\x85\x01" + bytes((kind << 4, 9)) + b"\0")
			variable, write = streams[0].packet.vm.arguments[0]
			self.assertEqual((variable.min_value, variable.max_value, write.pkt_offset), (first, first + 1999, at))
