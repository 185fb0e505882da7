"""The lab's core network: its messages are read by Wireshark without complaint, and its model finds without signalling's
loss exactly the packets that the scenario itself counts as the session's."""
import collections
import os
import subprocess
import tempfile
import unittest

from poi_lab import n4, n4_model, n4_scenarios as scenarios

LINKS = ("n3", "n9", "n6")
# what tells that a tunnel or an address is somebody else's now, lost: nobody can know it
UNKNOWABLE = {("handover_tunnel_to_another", 11), ("accounting", 11)}


def imsi(player):
	return {"imsi": player.subscriber()["imsi"]}


def owned(player):
	"""Frames of the sessions that are the target's."""
	mine = {s for s in player.sessions if s.user.get("imsi") == player.subscriber()["imsi"]}
	return {f.number for f in player.frames if f.owner in mine}


class Model(unittest.TestCase):
	def test_nothing_lost(self):
		for name in scenarios.SCENARIOS:
			with self.subTest(name):
				player = n4.play(name)
				must, may = n4_model.expected(player.frames, imsi(player), LINKS)
				if name not in scenarios.MAY_DIFFER:
					self.assertEqual((must, may), (owned(player), set()))
				self.assertLessEqual(must, owned(player))

	def test_one_message_lost(self):
		"""Nobody else's packets, whichever message is lost; and something of the target's is still found."""
		found = collections.Counter()
		for name in scenarios.SCENARIOS:
			for lost in range(1, n4.play(name).datagrams + 1):
				with self.subTest(name, lost=lost):
					player = n4.play(name, lost)
					must, _ = n4_model.expected(player.frames, imsi(player), LINKS)
					strangers = {f.number for f in player.frames if f.owner} - owned(player)
					self.assertEqual(bool(must & strangers), (name, lost) in UNKNOWABLE)
					found[name] += len(must)
		self.assertGreater(sum(found.values()), 1000)

	def test_other_targets(self):
		player = n4.play("life")
		first = player.sessions[0]
		who = player.subscriber()
		for target in (*({k: who[k]} for k in ("imsi", "msisdn", "nai")), {"imei": who["imei"][:14]}, {"imeisv": who["imei"]},
				{"fseid": (first.seid, None)}, {"fseid": (first.up_seid, player.upf.n4)}):
			self.assertEqual(n4_model.expected(player.frames, target, LINKS)[0], owned(player), target)
		up = n4_model.expected(player.frames, {**imsi(player), "direction": "Inbound"})[0]
		down = n4_model.expected(player.frames, {**imsi(player), "direction": "Outbound"})[0]
		self.assertTrue(up and down and not up & down)
		self.assertEqual(up | down, n4_model.expected(player.frames, imsi(player))[0])

	def test_rules(self):
		player = n4.play("flows")
		seid = (player.sessions[0].seid, player.smf.n4)
		parts = [n4_model.expected(player.frames, {"fseid": seid, "pdr": n})[0] for n in (1, 2, 10, 11, 12, 110, 111, 112)]
		self.assertEqual(sum(map(len, parts)), len(owned(player)))  # each packet is of one rule
		self.assertEqual(set().union(*parts), owned(player))
		self.assertTrue(all(parts[n] for n in (0, 1, 2, 3, 5, 6, 7)))
		self.assertEqual(n4_model.expected(player.frames, {"fseid": seid, "qer": 1})[0], owned(player))
		self.assertEqual(n4_model.expected(player.frames, {"fseid": seid, "qer": 3})[0], parts[3] | parts[6])


class Messages(unittest.TestCase):
	def test_read_by_wireshark(self):
		with tempfile.TemporaryDirectory() as folder:
			path, played = os.path.join(folder, "all.pcap"), []
			for name in scenarios.SCENARIOS:
				played += n4.play(name).frames
			n4.write(played, path)
			def fields(condition):
				done = subprocess.run(["tshark", "-r", path, "-n", "-Y", condition, "-T", "fields", "-e", "frame.number",
					"-e", "_ws.expert.message"], capture_output=True, text=True, check=True)
				return done.stdout.splitlines()
			self.assertEqual(fields("_ws.malformed || _ws.expert.severity == \"Error\""), [])
			datagrams = sum(1 for f in played if f.messages)
			self.assertEqual(len(fields("pfcp || gtpv2 || radius")), datagrams)
