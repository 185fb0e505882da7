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
PACKETS = (806, 714, 775)  # of each user


def path(name):
	return fixture.reference("%s/%s" % (FOLDER, name))


class Links(test_signalling.Network):
	"""A port for each link, in their order: {name of the capture: link, or None for one with signalling alone}."""

	def __init__(self, links):
		self.folder = tempfile.mkdtemp(prefix="poi-core-")
		self.feeds, self.poi, ports, eal = {}, None, [], ""
		try:
			for number, (name, link) in enumerate(links.items()):
				self.feeds[name] = [Feed(os.path.join(self.folder, name))]
				eal += " --vdev net_pcap%d,rx_pcap=%s" % (number, self.feeds[name][0].path)
				more = {"n3": ", tunnel: gtpu, link: n3", "n9": ", tunnel: gtpu, link: n9", "n6": ", link: n6"}.get(link, "")
				if name in SIGNALLING:
					more += ", signalling: [%s]" % SIGNALLING[name]
				ports.append("{ device: net_pcap%d, mode: probe%s }" % (number, more))
			self.poi = fixture.Poi(eal=eal.strip(), ports=ports, xsd=False)
			self.poi.start()
		except BaseException:
			self.close()
			raise

	def replay(self):
		frames = []
		for name in self.feeds:
			frames += [(time_ns, name, octets) for time_ns, octets in pcap.read(path(name + ".pcap"))[1]]
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

	@classmethod
	def setUpClass(cls):
		cls.all = truth()

	def users(self):
		out, wanted = {}, {}
		for number, (imsi, packets) in enumerate(zip(USERS, PACKETS), 1):
			for kind, target in (("imsi", "<x1:imsi>%s</x1:imsi>" % imsi), ("msisdn", "<x1:e164Number>491700000%d</x1:e164Number>" % number)):
				out[imsi, kind], wanted[imsi, kind] = target, packets
		return out, wanted

	def test_s5_as_n9_alone(self):
		"""This PGW says Interface Type N3 of its tunnels on S5."""
		targets, wanted = self.users()
		self.judge(self.play({"sxb": None, "s5u": "n9"}, targets), wanted)

	@fixture.long
	def test_sessions_of_the_sgw_beside_n6(self):
		gateways = {seid: x1.target_fseid(*seid) for seid in sessions("sxa")}
		got = self.play({"sxa": None, "s1u": "n3", "sgi": "n6"}, gateways)
		totals = [packets.total() for packets in got.values()]
		self.assertEqual(sum(totals), sum(PACKETS))
		self.assertEqual(sum(got.values(), collections.Counter()) - sum(self.all.values(), collections.Counter()), collections.Counter())


if __name__ == "__main__":
	unittest.main()
