"""A real core's traffic through the real processes, in lock-step: users' packets as its eNBs sent and received them, each
once, whatever its functions say of their links and whichever links have a port."""
import collections
import gzip
import json
import os
import shutil
import subprocess
import tempfile
import unittest
import uuid

import fixture
import test_signalling
from feed import Feed
from poi_lab import pcap, pdu, x1

FOLDER = "core/epc-life"
SIGNALLING = {"s11": "gtpv2c", "s5c": "gtpv2c", "sxa": "pfcp", "sxb": "pfcp"}
USERS = ("001010000000001", "001010000000002", "001010000000003")
PACKETS = (806, 714, 775)  # of each user, on each link
IDENTITY = {"imsi": "<x1:imsi>%s</x1:imsi>", "msisdn": "<x1:e164Number>491700000%d</x1:e164Number>",
	"imei": "<x1:peiImei>3500000000000%d</x1:peiImei>"}
ALL_SIGNALLING = dict.fromkeys(SIGNALLING)


def path(name):
	return fixture.reference(f"{FOLDER}/{name}")


def checksum(header):
	total = sum(int.from_bytes(header[at:at + 2], "big") for at in range(0, len(header), 2))
	return 0xffff - (total % 0xffff or 0xffff)


def cut(octets):
	"""The frames that leave the server's card for one that its kernel had not cut yet: TCP segments of what the other end
	takes, 1360 octets over IPv4 and 1340 over IPv6, less the options."""
	ip4 = octets[12:14] == b"\x08\0"
	tcp = 14 + (4 * (octets[14] & 15) if ip4 else 40)
	if octets[23 if ip4 else 20] != 6:
		return [octets]
	data = tcp + 4 * (octets[tcp + 12] >> 4)
	most = (1360 if ip4 else 1340) - (data - tcp - 20)
	out = []
	for at in range(data, len(octets), most):
		frame = bytearray(octets[:data] + octets[at:at + most])
		frame[tcp + 4:tcp + 8] = (int.from_bytes(frame[tcp + 4:tcp + 8], "big") + at - data & 0xffffffff).to_bytes(4, "big")
		if at + most < len(octets):
			frame[tcp + 13] &= ~9  # PSH and FIN are the last one's
		if ip4:
			frame[16:18] = (len(frame) - 14).to_bytes(2, "big")
			frame[18:20] = (int.from_bytes(frame[18:20], "big") + len(out) & 0xffff).to_bytes(2, "big")
			frame[24:26] = bytes(2)
			frame[24:26] = checksum(frame[14:tcp]).to_bytes(2, "big")
		else:
			frame[18:20] = (len(frame) - 54).to_bytes(2, "big")
		out.append(bytes(frame))
	return out or [octets]


def capture(name):
	"""[(time, frame)] of a link."""
	frames = pcap.read(path(name + ".pcap"))[1]
	return [(time_ns, frame) for time_ns, octets in frames for frame in cut(octets)] if name == "sgi" else frames


class Links(test_signalling.Network):
	"""A port for each link, in their order: {name of the capture: link, or None for one with signalling alone}."""

	def __init__(self, links):
		self.folder = tempfile.mkdtemp(prefix="poi-core-")
		self.feeds, self.poi, ports, eal = {}, None, [], ""
		try:
			for number, (name, link) in enumerate(links.items()):
				self.feeds[name] = [Feed(os.path.join(self.folder, name))]
				eal += f" --vdev net_pcap{number},rx_pcap={self.feeds[name][0].path}"
				more = {"n3": ", tunnel: gtpu, link: n3", "n9": ", tunnel: gtpu, link: n9", "n6": ", link: n6"}.get(link, "")
				if name in SIGNALLING:
					more += f", signalling: [{SIGNALLING[name]}]"
				ports.append(f"{{ device: net_pcap{number}, mode: probe{more} }}")
			self.poi = fixture.Poi(eal=eal.strip(), ports=ports, xsd=False)
			self.poi.start()
		except BaseException:
			self.close()
			raise

	def replay(self):
		frames = []
		for name in self.feeds:
			frames += [(time_ns, name, octets) for time_ns, octets in capture(name)]
		frames.sort(key=lambda frame: frame[0])
		before = None
		for _, name, octets in frames:
			signals = name in SIGNALLING
			if before is not None and signals != before:
				self.received()
				if before:
					self.followed()
			elif signals:
				self.received()
			self.feeds[name][0].send([octets])
			before = signals
		self.received()

	def close(self):
		super().close()
		shutil.rmtree(self.folder, ignore_errors=True)


def inner(payload):
	"""The user's packet in a G-PDU."""
	at = 8
	if payload[0] & 7:
		kind, at = payload[11], 12
		while kind:
			kind, at = payload[at + 4 * payload[at] - 1], at + 4 * payload[at]
	return bytes(payload[at:])


def truth():
	"""{IMSI: Counter of the packets that its eNB sent and received}"""
	out, imsi = collections.defaultdict(collections.Counter), {}
	with gzip.open(path("ran.jsonl.gz"), "rt") as lines:
		for event in map(json.loads, lines):
			if event["ev"] == "attach":
				imsi[event["ue"]] = event["imsi"]
			elif event["ev"] in ("ul", "dl"):
				out[imsi[event["ue"]]][bytes.fromhex(event["p"])] += 1
	return out


def sessions(name):
	"""Each user plane function's F-SEID in a capture of PFCP."""
	rows = fixture.tshark(path(name + ".pcap"), "-Y", "pfcp.msg_type == 51", "-T", "fields", "-e", "pfcp.f_seid.ipv4", "-e", "pfcp.seid")
	return {(int(seid.split(",")[-1], 0), address.split(",")[-1]) for address, seid in (row.split("\t") for row in rows)}


@unittest.skipUnless(path("ran.jsonl.gz"), "no reference data")
class Core(unittest.TestCase):
	maxDiff = None

	def play(self, links, targets):
		"""{name of the target: Counter of users' packets}, delivered for tasks that stay without a doubt."""
		network = Links(links)
		self.addCleanup(network.close)
		poi = network.poi
		mdf = poi.mdf(keep=True)
		did = network.did = x1.new_id()
		self.assertTrue(poi.admf.create_destination(did, mdf.address, mdf.port).completed)
		names = {}
		for name, target in targets.items():
			xid = x1.new_id()
			answer = poi.admf.activate(xid, [target], [did])
			self.assertTrue(answer.completed, str(answer))
			names[xid] = name
		network.replay()
		poi.balanced()
		mdf.read_out()
		self.assertTrue(mdf.good, mdf.summary())
		out = {name: collections.Counter() for name in targets}
		for p in mdf.kept:
			if p.type == pdu.X3:
				out[names[str(uuid.UUID(bytes=bytes(p.xid)))]][inner(p.payload) if p.format == 12 else bytes(p.payload)] += 1
		network.close()
		return out

	def judge(self, got, wanted):
		"""As many as there were, and each one of the user's."""
		for (imsi, _), packets in got.items():
			with self.subTest(imsi):
				self.assertEqual(packets - self.all[imsi], collections.Counter(), "another's, or twice")
		self.assertEqual({name: packets.total() for name, packets in got.items()}, wanted)

	def judge_sessions(self, got):
		"""Each session's packets are one user's, and together they are all of them."""
		by_user = collections.defaultdict(collections.Counter)
		for name, packets in got.items():
			whose = [imsi for imsi in USERS if packets and not packets - self.all[imsi]]
			self.assertEqual(len(whose), 1, f"{name}: {packets.total():d} packets")
			by_user[whose[0]] += packets
		self.assertEqual([by_user[imsi] - self.all[imsi] for imsi in USERS], [collections.Counter()] * 3, "twice")
		self.assertEqual(tuple(by_user[imsi].total() for imsi in USERS), PACKETS)

	@classmethod
	def setUpClass(cls):
		cls.all = truth()

	def users(self, *kinds):
		out, wanted = {}, {}
		for number, imsi in enumerate(USERS, 1):
			for kind in kinds:
				out[imsi, kind] = IDENTITY[kind] % (imsi if kind == "imsi" else number)
				wanted[imsi, kind] = PACKETS[number - 1]
		return out, wanted

	def follow(self, links, kinds, seids=None):
		"""Tasks by the users' identities and by the F-SEIDs of a PFCP link, together."""
		targets, wanted = self.users(*kinds)
		gateways = {seid: x1.target_fseid(*seid) for seid in (sessions(seids) if seids else ())}
		got = self.play(links, {**targets, **gateways})
		self.judge({name: got[name] for name in targets}, wanted)
		if gateways:
			self.judge_sessions({name: got[name] for name in gateways})

	def test_s1_with_s11(self):
		self.follow({"s11": None, "s1u": "n3"}, IDENTITY)

	def test_s1_with_sxa(self):
		self.follow({"sxa": None, "s1u": "n3"}, (), "sxa")

	def test_s5_as_n3(self):
		self.follow({"sxb": None, "s5u": "n3"}, ["imsi"], "sxb")

	def test_s5_as_n9_alone(self):
		"""This PGW says Interface Type N3 of its tunnels on S5."""
		self.follow({"sxb": None, "s5u": "n9"}, IDENTITY, "sxb")

	def test_both_tunnels_with_all_signalling(self):
		self.follow({**ALL_SIGNALLING, "s1u": "n3", "s5u": "n9"}, IDENTITY, "sxb")

	def test_sessions_of_the_sgw_beside_n6(self):
		self.follow({"sxa": None, "s1u": "n3", "sgi": "n6"}, (), "sxa")

	def behind(self, links):
		frames = collections.Counter(frame[14:] for _, frame in capture("sgi"))
		targets, wanted = self.users("imsi")
		got = self.play(links, targets)
		self.assertEqual(sum(got.values(), collections.Counter()) - frames, collections.Counter(), "another's, or twice")
		self.assertEqual({name: packets.total() for name, packets in got.items()}, wanted)

	def test_sgi_with_sxb(self):
		self.behind({"sxb": None, "sgi": "n6"})

	def test_all_links(self):
		self.behind({**ALL_SIGNALLING, "s1u": "n3", "s5u": "n9", "sgi": "n6"})


if __name__ == "__main__":
	unittest.main()
