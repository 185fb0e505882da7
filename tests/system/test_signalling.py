"""Targets by session and by subscriber through the real processes: the lab's core network plays scenarios over the
monitored links, and the MDF gets exactly the frames that the model says, each once."""
import collections
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
import uuid

import fixture
import test_decoders
from feed import BURST, Feed
from poi_lab import n4, n4_model, n4_wire, n4_scenarios as scenarios, pcap, pdu, x1
from test_following import targets_of

TUNNELS = "{ device: net_pcap0, mode: probe, tunnel: gtpu, link: n3, gtp-endpoints: [198.51.100.0/24, \"2001:db8:100::/64\"], " \
	"signalling: [pfcp, gtpv2c, radius] }"
SIGNALLING = "{ device: net_pcap0, mode: probe, link: n3, signalling: [pfcp, gtpv2c, radius] }"
PLAIN = "{ device: net_pcap1, mode: probe, link: n6 }"
MARK = re.compile(rb"n4 frame (\d{8})")


def spread(octets):
	"""Both directions between two addresses give the same: RSS on addresses alone, symmetric."""
	return sum(octets[26:34] if octets[12:14] == b"\x08\0" else octets[22:54])


class Network:
	"""The product with a port for signalling, where it may look into tunnels, and perhaps one for N6, each fed by pipes,
	one a worker. `options`: of fixture.Poi."""

	def __init__(self, workers=1, plain=False, tunnels=True, **options):
		self.folder = tempfile.mkdtemp(prefix="poi-n4-")
		self.feeds, self.poi, self.world = {}, None, 0
		try:
			eal = ""
			for number, name in enumerate(("n3", "n6")[:1 + plain]):
				self.feeds[name] = [Feed(os.path.join(self.folder, f"{name}-{n}")) for n in range(workers)]
				eal += f" --vdev net_pcap{number}" + "".join(",rx_pcap=" + feed.path for feed in self.feeds[name])
			if workers > 1:
				mine = sorted(os.sched_getaffinity(0))
				eal += " --lcores " + ",".join(f"{n}@{mine[n % len(mine)]:d}" for n in range(workers + 1))
			self.poi = fixture.Poi(eal=eal.strip(), ports=(TUNNELS if tunnels else SIGNALLING, PLAIN)[:1 + plain], xsd=False,
				**options)
			if workers > 1:
				with open(self.poi.file) as file:
					text = re.sub(r"main-cpu: \d+", "main-cpu: 0", file.read())
				with open(self.poi.file, "w") as file:
					file.write(re.sub(r"workers: \[\d+\]", f"workers: {list(range(1, workers + 1))}", text))
			self.poi.start()
		except BaseException:
			self.close()
			raise

	def next_world(self):
		self.world += 1
		return self.world - 1

	def received(self):
		"""Waits until everything sent so far has been received and a burst after it: what was before is done with. Of a port
		with several feeds, a sum does not say of which feed the missing frames are: each must have sent more since than are
		missing of all."""
		marks = [[feed.total for feed in group] for group in self.feeds.values()]
		def all_in():
			since = [min(feed.total - mark for feed, mark in zip(*each)) for each in zip(self.feeds.values(), marks)]
			got = [port["received"] for port in self.poi.status()["ports"]]
			return all(port >= mark[0] + BURST if len(group) == 1 else after >= sum(feed.total for feed in group) - port
				for group, mark, after, port in zip(self.feeds.values(), marks, since, got))
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
			out.append(f"<x1:{plain[key]}>{value[:14] if key == 'imei' else value}</x1:{plain[key]}>")
		elif key == "fseid":
			out.append(x1.target_fseid(*value))
		else:
			name = {"pdr": "PDRID", "qer": "QERID", "ni": "NetworkInstance", "direction": "GTPTunnelDirection"}[key]
			out.append(x1.target_upf(name, n4_wire.instance_octets(value).hex().upper() if key == "ni" else value))
	return out


class Case(unittest.TestCase):
	workers, plain, tunnels = 1, False, True
	maxDiff = None

	@classmethod
	def setUpClass(cls):
		cls.network = Network(cls.workers, cls.plain, cls.tunnels)
		cls.addClassCleanup(cls.network.close)
		cls.poi = cls.network.poi
		cls.mdf = cls.poi.mdf(keep=True)
		cls.did = cls.network.did = x1.new_id()
		answer = cls.poi.admf.create_destination(cls.did, cls.mdf.address, cls.mdf.port)
		assert answer.completed, str(answer)

	def tearDown(self):
		self.poi.admf.one("DeactivateAllTasks")

	def activate(self, targets):
		"""{XID: target}"""
		out = {}
		for target in targets:
			xid = x1.new_id()
			answer = self.poi.admf.activate(xid, xml(target), [self.did])
			if "direction" in target and not self.tunnels:
				self.assertEqual(answer.error, 3010, f"a direction is of a tunnel: {answer}")
				continue
			self.assertTrue(answer.completed, f"{target}: {answer}")
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
		"""Where a task is bound: the anchor's side before N3; a direction is of a tunnel, and rules are told in tunnels."""
		parts = {"direction", "pdr", "qer", "ni"} & set(target)
		return ("n6",) if self.plain and not (self.tunnels and parts) else ("n3",)

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


class Played(Case):
	"""The scenarios with one worker, on N3."""


class PlayedByTwo(Case):
	"""With two workers: signalling comes to one of them, users' packets to either."""

	workers = 2


class PlayedOnN6(Case):
	"""With a port behind the UPF, where a task without a direction is bound: the scenarios with packets there."""

	plain = True

	def test_a_tunnel_beside_a_subscriber(self):
		"""A task that names both is about the tunnel, on N3."""
		player = n4.play("life", world=self.network.next_world())
		s = player.sessions[0]
		xid = x1.new_id()
		answer = self.poi.admf.activate(xid, xml({"imsi": player.subscriber()["imsi"]}) + [x1.target_fteid(s.teid, s.upf.n3)], [self.did])
		self.assertTrue(answer.completed, str(answer))
		self.network.play(player.frames)
		wanted = [f.number for f in player.frames if f.owner is s and f.user["outer"] and f.user["teid"] == s.teid]
		self.assertEqual(sorted(self.delivered()[xid].elements()), wanted)


class PlayedBehind(Case):
	"""The same where nothing looks into tunnels."""

	plain, tunnels = True, False


class Hashed(Case):
	"""A subscriber that the task names by a digest: the packets of whoever has that identity, whichever comes first."""

	NAMESPACE = x1.X1 + "/HashedID"

	def ask(self, kind, body):
		return self.poi.admf.send([x1.Message(kind, body)], version="v1.9.1")[0]

	def context(self, algorithm, salt):
		out = x1.new_id()
		answer = self.ask("CreateObject", '<x1:createObject xmlns:h="%s" xsi:type="h:HashContext"><x1:objectId>%s</x1:objectId>'
			"<h:hashAlgorithm>%s</h:hashAlgorithm><h:salt>%s</h:salt></x1:createObject>" % (self.NAMESPACE, out, algorithm, salt.hex()))
		self.assertTrue(answer.completed, str(answer))
		return out

	def activate_hashed(self, context, identity, digest):
		xid = x1.new_id()
		target = ('<x1:hashedIdentifier xmlns:h="%s"><h:hashContextID>%s</h:hashContextID><h:targetIdentityType>%s</h:targetIdentityType>'
			"<h:hashDigest>%s</h:hashDigest></x1:hashedIdentifier>" % (self.NAMESPACE, context, identity, digest))
		return xid, self.ask("ActivateTask", x1.task_details(xid, [target], [self.did]))

	def test_by_digest(self):
		player = n4.play("life", world=self.network.next_world())
		imsi = player.subscriber()["imsi"]
		salt, later = os.urandom(8), os.urandom(20)
		first = self.context("sha-256", salt)
		digest = hashlib.sha256(salt + imsi.encode()).hexdigest()
		xid, answer = self.activate_hashed(first, "IMSI", digest)
		self.assertTrue(answer.completed, str(answer))
		stranger, answer = self.activate_hashed(first, "IMSI", hashlib.sha256(salt + b"001019999999999").hexdigest())
		self.assertTrue(answer.completed, str(answer))
		self.assertEqual(self.ask("DeleteObject", f"<x1:objectId>{first}</x1:objectId>").ok, False, "it is in use")
		half = next(n for n, frame in enumerate(player.frames) if frame.user) + 1
		self.network.play(player.frames[:half])
		second = self.context("sha3-512", later)
		behind, answer = self.activate_hashed(second, "SUPIIMSI", hashlib.sha3_512(later + imsi.encode()).hexdigest())
		self.assertTrue(answer.completed, str(answer))
		self.network.play(player.frames[half:])
		got = self.delivered()
		must, may = n4_model.expected(player.frames, {"imsi": imsi}, self.links({}))
		self.assertGreater(len(must), 5)
		rest = {frame.number for frame in player.frames[half:]}
		for task, these in ((xid, must), (behind, must & rest)):
			self.assertEqual((sorted(these - set(got[task])), sorted(set(got[task]) - these - may)), ([], []), "(missing, too much)")
			self.assertEqual({n for n, times in got[task].items() if times > 1}, set(), "more than once")
		self.assertFalse(got[stranger])
		self.assertEqual(self.activate_hashed(x1.new_id(), "IMSI", digest)[1].error, 2060)
		self.assertEqual(self.activate_hashed(second, "IMSI", digest)[1].error, 3010, "a digest of another length")


class Captured(Case):
	"""Real captures: the packets of a subscriber's tunnels, as Wireshark's fields of the signalling name them."""

	def frames(self, name):
		"""Of a capture in Linux's cooked form, as Ethernet: [(number, Frame)]."""
		path = fixture.reference(name)
		if not path:
			self.skipTest("no reference data")
		with tempfile.NamedTemporaryFile(suffix=".pcap") as plain:
			subprocess.run(["editcap", "-F", "nsecpcap", path, plain.name], check=True, capture_output=True)
			link, records = pcap.read(plain.name)
		self.assertEqual(link, 113)
		signalling = {number for number, *_ in test_decoders.judged(path)}
		return path, [n4.Frame(n, 0, "n3", bytes(12) + octets[14:], user=None if n in signalling else {})
			for n, (_, octets) in enumerate(records, 1)]

	def replay(self, name, target, tunnels):
		"""`tunnels`: {(address, TEID)} given to the target."""
		path, frames = self.frames(name)
		xid, = self.activate([target])
		self.network.play(frames)
		rows = fixture.tshark(path, "-Y", "gtp.message == 0xff && !icmp.type == 3", "-T", "fields", "-E", "occurrence=f", "-e", "frame.number",
			"-e", "ip.dst", "-e", "gtp.teid")
		wanted = [int(n) for n, address, teid in (row.split("\t") for row in rows) if (address, int(teid, 0)) in tunnels]
		self.poi.balanced()
		self.mdf.read_out()
		got = collections.Counter(bytes(p.payload) for p in self.mdf.kept if str(uuid.UUID(bytes=bytes(p.xid))) == xid)
		self.assertGreater(len(wanted), 5)
		def message(octets):  # the simulator of one capture pads its datagrams behind the message
			return octets[42:50 + int.from_bytes(octets[44:46], "big")]
		names = {message(frame.octets): frame.number for frame in frames}
		self.assertEqual(sorted(names[octets] for octets in got.elements()), wanted)

	def test_5g(self):
		path = fixture.reference("n4_5g_choose.pcapng")
		if not path:
			self.skipTest("no reference data")
		tunnels, access = set(), set()
		for _, _, _, (m, *_) in test_decoders.judged(path):
			access |= {p["id"] for p in m.get("pdrs", ()) if p["part"] == 0 and p["source_interface"] == 0}
			tunnels |= {(p["v4"], p["teid"]) for p in m.get("pdrs", ()) if p["part"] == 2 and p["id"] in access}
			tunnels |= {(f["v4"], f["teid"]) for f in m.get("fars", ()) if f.get("destination_interface") == 0 and "teid" in f}
		self.replay("n4_5g_choose.pcapng", {"imsi": "001010000021309"}, tunnels)

	def test_epc_on_s11(self):
		path = fixture.reference("epc_s11_sxa_sxb.pcapng")
		if not path:
			self.skipTest("no reference data")
		ends = [end for _, _, _, found in test_decoders.judged(path) for m in found for bearer in m.get("bearers", ())
			for end in bearer["ends"] if end["interface"] in (0, 1)]
		self.replay("epc_s11_sxa_sxb.pcapng", {"imsi": "901707364000060"}, {(end["v4"], end["teid"]) for end in ends})


class Behind(unittest.TestCase):
	"""Through a pipe: users' packets that follow the message of their session without a gap, in one burst of the worker."""

	tests = 0

	@classmethod
	def setUpClass(cls):
		cls.network = Network()
		cls.addClassCleanup(cls.network.close)
		cls.poi = cls.network.poi
		cls.feed = cls.network.feeds["n3"][0]
		cls.mdf = cls.poi.mdf(keep=True)
		cls.did = cls.network.did = x1.new_id()
		answer = cls.poi.admf.create_destination(cls.did, cls.mdf.address, cls.mdf.port)
		assert answer.completed, str(answer)

	def setUp(self):
		self.player = n4.Player()
		Behind.tests += 1  # the POI remembers: each test is about other sessions
		for node in (self.player.smf, self.player.upf):
			node.sequence, node.next_seid, node.next_teid = (Behind.tests * n for n in (1000, 100, 0x1000))
		self.player._ue = 10 * Behind.tests

	def tearDown(self):
		self.poi.admf.one("DeactivateAllTasks")

	def activate(self, *targets):
		xid = x1.new_id()
		answer = self.poi.admf.activate(xid, list(targets), [self.did])
		self.assertTrue(answer.completed, str(answer))
		return xid

	def kept(self):
		"""PDUs since the last call, once everything has come."""
		self.network.received()
		time.sleep(0.1)  # longer than a packet is held
		self.poi.balanced()
		self.mdf.read_out()
		kept, self.mdf.kept = self.mdf.kept, []
		return kept

	@staticmethod
	def numbers(kept):
		return sorted(int(MARK.search(bytes(p.payload)).group(1)) for p in kept)

	def fragmented(self, octets, ident):
		"""A frame with an IPv4 packet, in two."""
		ends = tuple(".".join(map(str, octets[at:at + 4])) for at in (26, 30))
		body = octets[34:]
		return [n4.frames.ether(n4.frames.IPV4, n4.frames.ip(*ends, n4.frames.UDP, body[a:b], ident=ident, offset=a, more=a == 0))
			for a, b in ((0, 48), (48, None))]

	def test_outer_fragments(self):
		"""Of tunnel packets that came in fragments none is lost either."""
		imsi = "001010000021330"
		self.activate(f"<x1:imsi>{imsi}</x1:imsi>")
		p = self.player
		for _ in range(20):
			at = len(p.frames)
			s = n4.Session(p, imsi=imsi)
			s.establish()
			s.up(5)
			batch = []
			for f in p.frames[at:]:
				batch += self.fragmented(f.octets, f.number) if f.user else [f.octets]
			self.feed.send(batch)
			time.sleep(0.05)
		self.assertEqual(self.numbers(self.kept()), [f.number for f in p.frames if f.owner])

	def test_a_short_session(self):
		"""Set up, used and released within a turn of the builder."""
		imsi, p = "001010000021341", self.player
		self.activate(f"<x1:imsi>{imsi}</x1:imsi>")
		for _ in range(20):
			at = len(p.frames)
			s = n4.Session(p, imsi=imsi)
			s.establish()
			s.up(5)
			s.release()
			self.feed.send([f.octets for f in p.frames[at:]])
			time.sleep(0.05)
		self.assertEqual(self.numbers(self.kept()), [f.number for f in p.frames if f.owner])

	def test_modified_while_sessions_come(self):
		imsi, p = "001010000021340", self.player
		xid = self.activate(f"<x1:imsi>{imsi}</x1:imsi>")
		for _ in range(100):
			n4.Session(p, imsi=imsi).establish().up(5)
		def run():
			for at in range(0, len(p.frames), 7):
				self.feed.send([f.octets for f in p.frames[at:at + 7]])
				time.sleep(0.01)
		thread = threading.Thread(target=run)
		thread.start()
		while thread.is_alive():
			self.assertTrue(self.poi.admf.modify(xid, [f"<x1:imsi>{imsi}</x1:imsi>"], [self.did]).completed)
		thread.join()
		self.assertEqual(self.numbers(self.kept()), [f.number for f in p.frames if f.owner])

	def test_a_second_task(self):
		"""A rule of the session comes that another task is about: its packets are that task's as well as the subscriber's,
		each once."""
		imsi, p = "001010000021333", self.player
		by_imsi = self.activate(f"<x1:imsi>{imsi}</x1:imsi>")
		of_rule = []
		for _ in range(20):
			s = n4.Session(p, imsi=imsi)
			xid = self.activate(x1.target_fseid(s.seid, p.smf.n4), x1.target_upf("PDRID", "7"))
			at = len(p.frames)
			s.establish()
			self.feed.send([f.octets for f in p.frames[at:]])
			self.network.received()
			self.network.followed()
			at = len(p.frames)
			s.modify(create_pdr=[{"id": 7, "precedence": 9, "source": 0, "ni": s.ni, "ue": [s.ue], "fteid": s.local, "far": 2, "qers": [1]}])
			s.up(5)
			self.feed.send([f.octets for f in p.frames[at:]])
			of_rule += [(xid, f.number) for f in p.frames[at:] if f.owner]
		kept = self.kept()
		mine = [q for q in kept if str(uuid.UUID(bytes=bytes(q.xid))) == by_imsi]
		rest = [(str(uuid.UUID(bytes=bytes(q.xid))), self.numbers([q])[0]) for q in kept if q not in mine]
		self.assertEqual(self.numbers(mine), [f.number for f in p.frames if f.owner])
		self.assertEqual(sorted(rest), sorted(of_rule))

	def test_numbers_follow_time(self):
		"""A packet that was held has a lower number than those received after it."""
		imsi = "001010000021331"
		self.activate(f"<x1:imsi>{imsi}</x1:imsi>")
		turned, held = 0, self.poi.status()["signalling"]["early"]["matched"]
		for _ in range(10):
			at = len(self.player.frames)
			s = n4.Session(self.player, imsi=imsi)
			s.establish()
			s.up(600)
			self.feed.send([f.octets for f in self.player.frames[at:]])
			kept = sorted(self.kept(), key=lambda p: p.sequence)
			turned += sum(b.time_ns < a.time_ns for a, b in zip(kept, kept[1:]))
		self.assertGreater(self.poi.status()["signalling"]["early"]["matched"], held)
		self.assertEqual(turned, 0)

	def test_lost_fragment_of_signalling(self):
		"""It may have been anybody's message: tasks are unsure. Fragments of users that are lost say nothing."""
		imsi = "001010000021332"
		self.activate(f"<x1:imsi>{imsi}</x1:imsi>")
		p = self.player
		s = n4.Session(p, imsi=imsi)
		s.establish()
		s.up(5)
		for f in p.frames:
			self.feed.send(self.fragmented(f.octets, f.number)[f.number % 2:][:1] if f.user else [f.octets])
		time.sleep(2.5)  # fragments are given up
		before = self.poi.status()["signalling"]
		self.assertEqual((before["lost"], before["unsure"]), (0, 0))
		at = len(p.frames)
		n4.Session(p, imsi=imsi).establish(fragments=2)
		frames = [f.octets for f in p.frames[at:]]
		self.feed.send(frames[:1] + frames[2:])
		def told():
			after = self.poi.status()["signalling"]
			return after["lost"] == 1 and after["unsure"] == 1
		fixture.wait_until(told, 10, "the task is unsure")


LOSSES = (("life", 3), ("life", 4), ("life", 7), ("life", 8), ("handover_tunnel_to_another", 6), ("tunnel_from_smf", 2),
	("tunnel_used_again", 8), ("idle_tunnel_to_another", 8))


def case(name, lost=None):
	return lambda self: self.check(name, lost)


# Each with one worker on N3; of the other ways each takes some of them, and all in the long run.
for _number, _name in enumerate(scenarios.SCENARIOS):
	def way(turn, number=_number, name=_name):
		return case(name) if number % 3 == turn else fixture.long(case(name))

	setattr(Played, f"test_{_name}", case(_name))
	setattr(PlayedByTwo, f"test_{_name}", way(0))
	if any(f.link == "n6" for f in n4.play(_name).frames):
		setattr(PlayedOnN6, f"test_{_name}", way(1))
		setattr(PlayedBehind, f"test_{_name}", way(2))
for _name, _lost in LOSSES:
	setattr(PlayedByTwo, f"test_{_name}_without_{_lost:d}", case(_name, _lost))
