"""The session store against the lab's model, message by message and without processes: for every scenario, with every
one of its signalling datagrams lost in turn, each target gets the packets that the model says."""
import ipaddress
import json
import os
import struct
import subprocess
import unittest

import fixture
from poi_lab import n4, n4_model, n4_wire, n4_scenarios as scenarios

FOLLOW = os.path.join(fixture.BUILD, "tests", "oracle", "follow_signalling")
LINKS = ("n3", "n9", "n6")


def encoded(target):
	"""(direction, canonical octets) of a target of the model."""
	kinds, out = 0, b""
	def text(value):
		return struct.pack(">H", len(value)) + value.encode()
	if "fseid" in target:
		seid, address = target["fseid"]
		kinds |= 1
		packed = ipaddress.ip_address(address).packed if address else b""
		out += struct.pack(">QB", seid, {0: 0, 4: 1, 16: 2}[len(packed)]) + packed
	if "pdr" in target:
		kinds |= 2
		out += struct.pack(">H", target["pdr"])
	if "qer" in target:
		kinds |= 4
		out += struct.pack(">I", target["qer"])
	if "ni" in target:
		kinds |= 8
		octets = n4_wire.instance_octets(target["ni"])
		out += bytes([len(octets)]) + octets
	for bit, key, length in ((0x10, "imsi", None), (0x20, "msisdn", None), (0x40, "imei", 14), (0x80, "imeisv", None), (0x100, "nai", None)):
		if key in target:
			kinds |= bit
			out += text(target[key][:length])
	return {None: 0, "Inbound": 3, "Outbound": 2}[target.get("direction")], struct.pack(">H", kinds) + out


def followed(played, targets):
	"""For each target {number of a frame: how often the store's bindings give it}."""
	lines, users = [], []
	for n, target in enumerate(targets):
		direction, octets = encoded(target)
		lines.append(f"watch {n} {direction:d} {octets.hex()}")
	for frame in played:
		if frame.payload is not None:
			m = frame.messages[0]
			lines.append("take %d %s %s %d %s %d %s" % (frame.time_ns, m["protocol"], *m["from"], *m["to"], frame.payload.hex()))
		elif frame.user is not None and frame.user["kind"] != 254:
			u = frame.user
			users.append(frame)
			ports = u["ports"] if u["protocol"] == 17 else (0, 0)
			lines.append(f"user {frame.time_ns:d} {u['outer'][1] if u['outer'] else '-'} "
				f"{u['teid'] or 0:d} {u['ends'][0]} {ports[0]:d} {u['ends'][1]} {ports[1]:d} "
				f"{u['protocol']:d} {-1 if u['qfi'] is None else u['qfi']:d}")
	done = subprocess.run([FOLLOW], input="\n".join(lines) + "\n", capture_output=True, text=True)
	if done.returncode:
		raise AssertionError(f"follow_signalling ended with {done.returncode}: {done.stderr[-2000:]}")
	out = [{} for _ in targets]
	for frame, line in zip(users, done.stdout.splitlines(), strict=True):
		for n in json.loads(line):
			out[n][frame.number] = out[n].get(frame.number, 0) + 1
	return out


def targets_of(player):
	"""Kinds of targets that mean the scenario's first session, and some that mean a part of it."""
	who, imsi = player.subscriber(), {"imsi": player.subscriber()["imsi"]}
	out = [imsi, {"msisdn": who["msisdn"]}, {"imei": who["imei"]}, {"imeisv": who["imei"]}, {"nai": who["nai"]},
		{**imsi, "direction": "Inbound"}, {"imsi": player.subscriber(1)["imsi"]}]
	first = player.sessions[0]
	if isinstance(first, n4.Session):
		cp, up = (first.seid, player.smf.n4), (first.up_seid, player.upf.n4)
		out += [{"fseid": cp}, {"fseid": up}, {"fseid": (first.up_seid, None)}, {"ni": "internet"},
			{**imsi, "ni": "text:internet"}, {"fseid": up, "direction": "Outbound"}, {"fseid": cp, "qer": 1}]
		out += [{"fseid": up, "pdr": number} for number in (1, 2, 3, 4, *(f[0] for f in first.flows), *(f[0] + 100 for f in first.flows))]
		out += [{"fseid": up, "qer": f[2]} for f in first.flows]
	return out


class Store(unittest.TestCase):
	maxDiff = None

	def check(self, name, lost=None):
		player = n4.play(name, lost)
		targets = targets_of(player)
		for target, got in zip(targets, followed(player.frames, targets)):
			must, may = n4_model.expected(player.frames, target, LINKS)
			with self.subTest(name, lost=lost, target=target):
				self.assertEqual((sorted(must - set(got)), sorted(set(got) - must - may)), ([], []), "(missing, too much)")
				self.assertEqual({n for n, times in got.items() if times > 1}, set(), "more than once")


def scenario_case(name):
	def nothing_lost(self):
		self.check(name)

	def one_lost(self):
		for lost in range(1, n4.play(name).datagrams + 1):
			self.check(name, lost)
	return nothing_lost, one_lost


for _name in scenarios.SCENARIOS:
	_whole, _lossy = scenario_case(_name)
	setattr(Store, f"test_{_name}", _whole)
	setattr(Store, f"test_{_name}_with_loss", _lossy)
