"""Small inputs that were read wrong once, each played in order through the real processes: what a task gets of each file,
with one worker and with two."""
import re
import time
import unittest
import uuid

import fixture
from poi_lab import x1
from test_profiles import FedPoi

N3 = {"tunnel": "gtpu", "link": "n3", "gtp-endpoints": ["198.51.100.0/24"], "signalling": ["pfcp"]}
S11 = {**N3, "signalling": ["gtpv2c"]}
RADIUS = {"link": "n6", "signalling": ["radius"], "signalling-peers": ["10.20.0.0/24"]}
SIGNALLING = {port.to_bytes(2, "big") for port in (1813, 2123, 8805)}
N6 = {"link": "n6"}
USER4, USER6 = x1.target_ipv4("192.0.2.10"), x1.target_ipv6("2001:db8::10")
PAUSE = 0.7  # at each change between signalling and packets


# Wrappings by what opens them: nothing, or a key of the port.
ALWAYS = ("cisco-cmd-8909", "llc-snap-ip", "nsh-894f", "qinq-9200", "vntag-8926")
KEYS = {"erspan-I": "gre", "erspan-II": "gre", "gre-v1-pptp": "gre", "geneve": "geneve", "mpls-in-udp-6635": "mpls-in-udp",
	"mpls-pw-cw": "mpls-pseudowire", "mpls-pw-nocw-mac45": "mpls-pseudowire", "vxlan-8472": "vxlan-ports"}
NEVER = ("l2tpv3-ip115",)
NAMES = {"l2tpv3-ip115": "protocol 115", "erspan-I": "protocol 47", "erspan-II": "protocol 47", "gre-v1-pptp": "protocol 47",
	"geneve": "udp 6081", "mpls-in-udp-6635": "udp 6635", "mpls-pw-cw": "mpls", "mpls-pw-nocw-mac45": "mpls",
	"vxlan-8472": "udp 8472"}
FEED = "ethertype 0x88b5"  # what a feed sends between frames
ENOUGH = 64  # samples before a link is judged
ENDS = bytes((192, 0, 2, 10, 198, 51, 100, 1))


def is_signalling(frame):
	return frame[23:24] == b"\x11" and not {frame[34:36], frame[36:38]}.isdisjoint(SIGNALLING)


def runs(frames):
	"""Frames in their order, cut where their kind changes."""
	run = []
	for frame in frames:
		if run and is_signalling(frame) != is_signalling(run[-1]):
			yield run
			run = []
		run.append(frame)
	yield run


class Cases(unittest.TestCase):
	maxDiff = None

	def play(self, name, port, targets, outcomes=None, lengths=True):
		"""Payloads that each target gets, with 1 and 2 workers; `outcomes` of the frames, where they say something. Without `lengths`
		those in the frames lie."""
		path = fixture.reference(name + ".pcap")
		if not path:
			self.skipTest("no reference data")
		frames = fixture.frames_of(path)
		both = []
		for workers in (1, 2):
			fed = FedPoi({"mode": "probe", **port}, keep=True, workers=workers, lengths=lengths)
			self.addCleanup(fed.close)
			xids = [x1.new_id() for _ in targets]
			fed.activate({xid: [target] for xid, target in zip(xids, targets)})
			for run in runs(frames):
				fed.send(run)
				time.sleep(PAUSE)
			status = fed.settled()
			fed.mdf.wait_pdus(status["delivered"])
			self.assertTrue(fed.mdf.good, fed.mdf.summary())
			counts, packets = fed.outcomes()
			self.assertEqual(packets["classified"] + sum(packets["dropped"].values()), packets["received"])
			if outcomes is not None:
				self.assertEqual(dict(counts), outcomes)
			self.assertEqual(status["matches"], sum(fed.counts().values()), "nothing is lost")
			both.append([sorted(bytes(p.payload) for p in fed.mdf.kept if str(uuid.UUID(bytes=bytes(p.xid))) == xid) for xid in xids])
			fed.alive()
			fed.close()
		self.assertEqual(both[0], both[1], "the same with two workers")
		return frames, both[0]

	def wrapped(self, opened, closed, port):
		"""The user's packet out of each of the files `opened` and of none of `closed`, each given to every worker of one product."""
		for workers in (1, 2):
			fed = FedPoi({"mode": "probe", **N6, **port}, keep=True, workers=workers)
			self.addCleanup(fed.close)
			xid, wanted = x1.new_id(), []
			fed.activate({xid: [USER4]})
			for name in (*opened, *closed):
				(frame,) = fixture.frames_of(fixture.reference(name + ".pcap"))
				before = fed.poi.status()["matches"]
				fed.send([frame] * workers)
				with self.subTest(file=name, workers=workers):
					self.assertEqual(fed.poi.status()["matches"] - before, workers if name in opened else 0)
				if name in opened:
					at = frame.rindex(ENDS) - 12
					wanted += [frame[at:at + 44]] * workers
			status = fed.settled()
			fed.mdf.wait_pdus(status["delivered"])
			self.assertTrue(fed.mdf.good, fed.mdf.summary())
			self.assertEqual(sorted(bytes(p.payload) for p in fed.mdf.kept), sorted(wanted))
			counts, packets = fed.outcomes()
			self.assertEqual(packets["dropped"], {}.fromkeys(packets["dropped"], 0), "nothing of this is broken")
			self.assertEqual(sum(counts.values()), workers * (len(opened) + len(closed)), "each frame is counted once")
			fed.send(fixture.frames_of(fixture.reference(closed[-1] + ".pcap")) * 1280 * workers)
			fixture.wait_until(lambda: fed.poi.status()["ports"][0]["unopened"]["sampled"] >= ENOUGH, 20, "frames of the feed are sampled")
			self.unopened(fed.poi.status()["ports"][0]["unopened"], closed)
			self.said(fed.poi, NAMES[closed[-1]])
			fed.alive()
			fed.close()

	def unopened(self, share, closed):
		"""What was not opened has its name, without anybody's address."""
		self.assertLessEqual(set(share["most"]), {NAMES[name] for name in closed} | {FEED})
		self.assertGreater(share["most"].get(NAMES[closed[-1]], 0), 0, share)
		self.assertLessEqual(share["wrapped"], share["frames"])
		self.assertLessEqual(share["frames"], share["sampled"])

	def said(self, poi, name):
		"""The link looks wrapped: to one who looks at the status, and to one who asks what is wrong."""
		share = poi.status()["ports"][0]["unopened"]
		self.assertTrue(share["looks_wrapped"])
		self.assertIn(name, share["most"])
		self.assertIn("the link looks wrapped", poi.poi("status", "-c", poi.file).stdout)
		lines = [line for line in poi.poi("check", poi.file, timeout=60).stdout.splitlines() if "looks wrapped" in line]
		self.assertEqual(len(lines), 1)
		self.assertIn(re.search("most by ([^:]*):", lines[0]).group(1), share["most"])

	@unittest.skipUnless(fixture.reference("geneve.pcap"), "no reference data")
	def test_wrappings_that_the_port_opens(self):
		keys = {key: True for key in KEYS.values() if key != "vxlan-ports"}
		self.wrapped((*ALWAYS, *KEYS), NEVER, {**keys, "vxlan-ports": [8472]})

	@unittest.skipUnless(fixture.reference("geneve.pcap"), "no reference data")
	def test_wrappings_that_the_port_does_not_open(self):
		"""Only what links have around each packet is opened on every port."""
		self.wrapped(ALWAYS, (*KEYS, *NEVER), {})

	def test_gtpu_length_counts_header(self):
		frames, (got,) = self.play("gtpu-length-counts-header", N3, ["<x1:imsi>001010000000109</x1:imsi>"],
			{"ip": 2, "gtpu": 3, "gtpu_clamped": 1}, lengths=False)
		self.assertEqual(got, sorted(f[42:] for f in frames[2:]), "the octets as they were")

	def test_control_end_without_address(self):
		"""A sender's F-TEID of neither family, as an MME sends it in each Modify Bearer Request, does not cost the message."""
		frames, (got,) = self.play("s11-mbr-addressless-fteid", S11, ["<x1:imsi>001010000000002</x1:imsi>"])
		self.assertEqual(got, sorted(f[42:] for f in frames if not is_signalling(f)))

	def test_created_rule_in_another_ie(self):
		"""A UPF that tells the F-TEID it chose in a Create PDR."""
		frames, (got,) = self.play("pfcp-create-pdr-ie1-in-response-choose", N3, ["<x1:imsi>001010000000103</x1:imsi>"])
		self.assertEqual(got, sorted(f[42:] for f in frames if not is_signalling(f)))

	def test_radius_broken_subattribute(self):
		frames, (got,) = self.play("radius-3gpp-vsa-broken-subattr", RADIUS, ["<x1:nai>alice@example.org</x1:nai>"])
		self.assertEqual(got, [f[14:] for f in frames if not is_signalling(f)])

	def test_mpls_pseudowire_without_control_word(self):
		"""No addresses are invented: those that its MAC addresses would be as IPv4."""
		targets = [x1.target_ipv4("8.0.69.0"), x1.target_ipv4("0.44.0.1"), x1.target_cidr("0.0.0.0/0")]
		_, got = self.play("mpls-pw-nocw-mac45", N6, targets, {"not_ip": 1})
		self.assertEqual(got, [[], [], []])

	def test_pppoe_pfc(self):
		frames, got = self.play("pppoe-pfc", N6, [USER4, x1.target_port("udp", "53")], {"ip": 1})
		self.assertEqual(got, [[frames[0][21:]]] * 2)

	def test_ipv4_ah(self):
		frames, got = self.play("ipv4-ah-tcp-port", N6, [x1.target_port("tcp", "80"), USER4], {"ip": 1})
		self.assertEqual(got, [[frames[0][14:]]] * 2)

	def test_radius_interim_after_stop(self):
		"""The packet of the session's life; not the one behind its Stop, whatever came behind that."""
		port = {**N6, "signalling": ["radius"], "signalling-peers": ["10.20.0.0/24"]}
		frames, (got,) = self.play("radius-interim-after-stop", port, ["<x1:nai>alice@example.org</x1:nai>"])
		self.assertEqual(got, [next(f for f in frames if not is_signalling(f))[14:]])

	def test_tso_and_bigtcp(self):
		frames, got = self.play("tso-and-bigtcp-length0", N6, [USER6, USER4], {"ip_no_length": 2}, lengths=False)
		self.assertEqual(got, [[frames[0][14:]], [frames[1][14:]]], "the octets of the frame")


if __name__ == "__main__":
	unittest.main()
