"""Targets by session and by subscriber through the real processes: the lab's core network plays scenarios over the
monitored links, and the MDF gets exactly the frames that the model says, each once."""
import collections
import os
import re
import shutil
import tempfile
import time
import unittest
import uuid

import fixture
from feed import Feed
from poi_lab import n4, n4_model, n4_wire, n4_scenarios as scenarios, pdu, x1
from test_following import targets_of

TUNNELS = "{ device: net_pcap0, mode: probe, tunnel: gtpu, link: n3, gtp-endpoints: [198.51.100.0/24, \"2001:db8:100::/64\"], " \
	"signalling: [pfcp, gtpv2c, radius] }"
PLAIN = "{ device: net_pcap1, mode: probe, link: n6 }"
MARK = re.compile(rb"n4 frame (\d{8})")


def spread(octets):
	"""Both directions between two addresses give the same: RSS on addresses alone, symmetric."""
	return sum(octets[26:34] if octets[12:14] == b"\x08\0" else octets[22:54])


class Network:
	"""The product with a port for tunnels and signalling, and perhaps one for N6, each fed by pipes, one a worker."""

	def __init__(self, workers=1, plain=False):
		self.folder = tempfile.mkdtemp(prefix="poi-n4-")
		self.feeds, self.poi, self.world = {}, None, 0
		try:
			eal = ""
			for number, name in enumerate(("n3", "n6")[:1 + plain]):
				self.feeds[name] = [Feed(os.path.join(self.folder, "%s-%d" % (name, n))) for n in range(workers)]
				eal += " --vdev net_pcap%d" % number + "".join(",rx_pcap=" + feed.path for feed in self.feeds[name])
			if workers > 1:
				mine = sorted(os.sched_getaffinity(0))
				eal += " --lcores " + ",".join("%d@%d" % (n, mine[n % len(mine)]) for n in range(workers + 1))
			self.poi = fixture.Poi(eal=eal.strip(), ports=(TUNNELS, PLAIN)[:1 + plain], xsd=False)
			if workers > 1:
				with open(self.poi.file) as file:
					text = re.sub(r"main-cpu: \d+", "main-cpu: 0", file.read())
				with open(self.poi.file, "w") as file:
					file.write(re.sub(r"workers: \[\d+\]", "workers: %s" % list(range(1, workers + 1)), text))
			self.poi.start()
		except BaseException:
			self.close()
			raise

	def next_world(self):
		self.world += 1
		return self.world - 1

	def received(self):
		"""Waits until everything sent so far has been received. Fillers go on, so a sum alone does not say of which feed
		the missing ones are: each must have sent more since than are missing of all."""
		feeds = [feed for group in self.feeds.values() for feed in group]
		marks = [feed.total for feed in feeds]
		def all_in():
			since = min(feed.total - mark for feed, mark in zip(feeds, marks))
			got = self.poi.status()["packets"]["received"]
			return since >= sum(feed.total for feed in feeds) - got
		fixture.wait_until(all_in, 20, "all frames are received")

	def followed(self):
		"""Waits until what signalling said so far is in force, however busy the machine is: a task's OK says so."""
		xid = x1.new_id()
		for answer in self.poi.admf.send([x1.Message("ActivateTask", x1.task_details(xid, xml({"imsi": "001019999999999"}), [self.did])),
				x1.Message("DeactivateTask", x1.xid_body(xid))]):
			if not answer.completed:
				raise AssertionError(str(answer))

	def play(self, frames):
		"""Sends the frames in order, to the workers as a card spreads them. Signalling is received, and in force, before what
		follows is sent, and what was sent before it is received before."""
		before = None
		for frame in frames:
			feeds = self.feeds.get("n6" if frame.link == "n6" else "n3")
			if not feeds:
				continue
			if before is not None and (frame.user is None) != (before.user is None):
				self.received()
			if before is not None:
				gap = (frame.time_ns - before.time_ns) / 1e9
				time.sleep(gap if gap > 0.1 else 0)
				if frame.user and not before.user:
					self.followed()
			feeds[spread(frame.octets) % len(feeds)].send([frame.octets])
			before = frame
		self.received()

	def close(self):
		for feeds in self.feeds.values():
			for feed in feeds:
				feed.close()
		if self.poi:
			self.poi.close()
		shutil.rmtree(self.folder, ignore_errors=True)


def xml(target):
	"""A target of the model as X1 says it."""
	out = []
	plain = {"imsi": "imsi", "msisdn": "e164Number", "nai": "nai", "imeisv": "peiImeisv", "imei": "imei"}
	for key, value in target.items():
		if key in plain:
			out.append("<x1:%s>%s</x1:%s>" % (plain[key], value[:14] if key == "imei" else value, plain[key]))
		elif key == "fseid":
			out.append(x1.target_fseid(*value))
		else:
			name = {"pdr": "PDRID", "qer": "QERID", "ni": "NetworkInstance", "direction": "GTPTunnelDirection"}[key]
			out.append(x1.target_upf(name, n4_wire.instance_octets(value).hex().upper() if key == "ni" else value))
	return out


class Played(unittest.TestCase):
	"""The scenarios with one worker, on N3."""

	workers, plain = 1, False
	maxDiff = None

	@classmethod
	def setUpClass(cls):
		cls.network = Network(cls.workers, cls.plain)
		cls.addClassCleanup(cls.network.close)
		cls.poi = cls.network.poi
		cls.mdf = cls.poi.mdf(keep=True)
		cls.did = cls.network.did = x1.new_id()
		answer = cls.poi.admf.create_destination(cls.did, cls.mdf.address, cls.mdf.port)
		assert answer.completed, str(answer)

	@classmethod
	def scenarios(cls):
		return list(scenarios.SCENARIOS)

	def tearDown(self):
		self.poi.admf.one("DeactivateAllTasks")

	def activate(self, targets):
		"""{XID: target}"""
		out = {}
		for target in targets:
			xid = x1.new_id()
			answer = self.poi.admf.activate(xid, xml(target), [self.did])
			self.assertTrue(answer.completed, "%s: %s" % (target, answer))
			out[xid] = target
		return out

	def delivered(self):
		"""{XID: Counter of frame numbers} since the last call, once everything has come."""
		self.poi.balanced()
		self.mdf.read_out()
		out = collections.defaultdict(collections.Counter)
		kept, self.mdf.kept = self.mdf.kept, []
		for p in kept:
			if p.type == pdu.X3:
				found = MARK.search(bytes(p.payload))
				out[str(uuid.UUID(bytes=bytes(p.xid)))][int(found.group(1)) if found else None] += 1
		return out

	def links(self, target):
		"""Where a task is bound: the anchor's side before N3; a direction is of a tunnel."""
		return ("n6",) if self.plain and "direction" not in target else ("n3",)

	def check(self, name, lost=None):
		player = n4.play(name, lost, self.network.next_world())
		tasks = self.activate(targets_of(player))
		self.network.play(player.frames)
		got = self.delivered()
		for xid, target in tasks.items():
			must, may = n4_model.expected(player.frames, target, self.links(target))
			with self.subTest(name, lost=lost, target=target):
				numbers = set(got[xid])
				self.assertEqual((sorted(must - numbers), [n for n in numbers if n not in must | may]), ([], []), "(missing, too much)")
				self.assertEqual({n for n, times in got[xid].items() if times > 1}, set(), "more than once")


class PlayedByTwo(Played):
	"""With two workers: signalling comes to one of them, users' packets to either."""

	workers = 2


class PlayedOnN6(Played):
	"""With a port behind the UPF, where a task without a direction is bound."""

	plain = True

	@classmethod
	def scenarios(cls):
		"""Those with packets on N6."""
		return [name for name in scenarios.SCENARIOS if any(f.link == "n6" for f in n4.play(name).frames)]


LOSSES = (("life", 3), ("life", 4), ("life", 7), ("life", 8), ("handover_tunnel_to_another", 6), ("tunnel_from_smf", 2),
	("tunnel_used_again", 8), ("idle_tunnel_to_another", 8))


def case(name, lost=None):
	return lambda self: self.check(name, lost)


for _class in (Played, PlayedByTwo, PlayedOnN6):
	for _name in _class.scenarios():
		setattr(_class, "test_%s" % _name, case(_name))
for _name, _lost in LOSSES:
	setattr(PlayedByTwo, "test_%s_without_%d" % (_name, _lost), case(_name, _lost))
for _name in set(scenarios.SCENARIOS) - set(PlayedOnN6.scenarios()):
	setattr(PlayedOnN6, "test_%s" % _name, None)  # inherited, and without a packet there
del _class
