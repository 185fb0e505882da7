"""Odd but legal signalling: every message of the real captures, and of the lab's scenarios, changed in ways that its
receiver bears, or made unreadable, is either used as it was or makes those unsure who may miss something by it. Never
is something hidden while nobody is unsure."""
import collections
import os
import random
import struct
import subprocess
import tempfile
import unittest

import fixture
from poi_lab import n4, n4_scenarios
from test_decoders import decoded

PORTS = {8805: "pfcp", 2123: "gtpv2c", 1813: "radius"}
GROUPS = {"pfcp": {1, 2, 3, 4, 8, 9, 10, 11, 15, 16, 18, 127, 128, 129, 130, 256, 272}, "gtpv2c": {93}, "radius": set()}
# Whose octets are all of the value: with one more, or one less, they say something else.
TEXTS = {"pfcp": {22, 60, 65, 153, 155, 159}, "gtpv2c": {1, 71, 75, 76, 132}, "radius": {1, 22, 26, 31, 32, 44, 99}}
UNKNOWN = {"pfcp": [(0x7ff0, 0), (0x8009, 0)], "gtpv2c": [(212, 15)], "radius": [(250, 0)]}
MOST = 4000  # changes of a capture; of a scenario SOME
SOME = 400


class Message:
	"""A message as a tree: [(type, instance, octets or a list of the same)]."""

	def __init__(self, protocol, octets):
		self.protocol = protocol
		if protocol == "radius":
			self.head, self.rest = octets[:20], b""
			end = struct.unpack_from(">H", octets, 2)[0]
		else:
			end = 4 + struct.unpack_from(">H", octets, 2)[0]
			long = octets[0] & (1 if protocol == "pfcp" else 8)
			self.head = octets[:(16 if protocol == "pfcp" else 12) if long else 8]
			self.rest = octets[end:]  # of a bundle
		self.ies = self.parse(octets[len(self.head):end])

	def parse(self, octets):
		out = []
		while octets:
			if self.protocol == "pfcp":
				kind, length = struct.unpack_from(">HH", octets)
				instance, at = 0, 4
			elif self.protocol == "gtpv2c":
				kind, length, instance = struct.unpack_from(">BHB", octets)
				at = 4
			else:
				kind, length = octets[0], octets[1] - 2
				instance, at = 0, 2
			value = octets[at:at + length]
			out.append((kind, instance, self.parse(value) if kind in GROUPS[self.protocol] else value))
			octets = octets[at + length:]
		return out

	def build(self, ies):
		out = b""
		for kind, instance, value in ies:
			value = self.build(value) if isinstance(value, list) else value
			if self.protocol == "pfcp":
				out += struct.pack(">HH", kind, len(value)) + value
			elif self.protocol == "gtpv2c":
				out += struct.pack(">BHB", kind, len(value), instance) + value
			else:
				out += bytes((kind, len(value) + 2)) + value
		return out

	def octets(self, ies):
		body = self.build(ies)
		length = len(self.head) + len(body) - (0 if self.protocol == "radius" else 4)
		return self.head[:2] + struct.pack(">H", length) + self.head[4:] + body + self.rest

	def unreadable(self):
		"""(what, octets): only the header may say whose it is, or nothing."""
		octets = self.head + self.build(self.ies) + self.rest
		yield "cut short", octets[:-1]
		yield "cut to its header", octets[:len(self.head)]
		yield "a body of ones", self.head + b"\xff" * len(self.build(self.ies)) + self.rest
		yield "a body of noise", self.head + random.Random(octets).randbytes(len(self.build(self.ies))) + self.rest
		if self.protocol != "radius":
			yield "another version", bytes((octets[0] ^ 0x60,)) + octets[1:]
		yield "a stump", octets[:3]

	def odd(self, ies=None):
		"""(what, tree) for each change, of this list and of those in it."""
		ies = self.ies if ies is None else ies
		if len(ies) > 1:
			yield "reversed", ies[::-1]
		for kind, instance in UNKNOWN[self.protocol]:
			unknown = [(kind, instance, b"\0\x09abc")]
			yield "unknown in front", unknown + ies
			yield "unknown behind", ies + unknown
		for n, (kind, instance, value) in enumerate(ies):
			before, after = ies[:n], ies[n + 1:]
			yield f"{kind:d} doubled", [*before, ies[n], ies[n], *after]
			yield f"{kind:d} empty", [*before, (kind, instance, b""), *after]
			if isinstance(value, list):
				for what, inner in self.odd(value):
					yield f"{kind:d}: {what}", [*before, (kind, instance, inner), *after]
			elif kind not in TEXTS[self.protocol]:
				yield f"{kind:d} longer", [*before, (kind, instance, value + b"\0"), *after]
				if value:
					yield f"{kind:d} shorter", [*before, (kind, instance, value[:-1]), *after]


FIELDS = ("frame.time_epoch", "ip.src", "udp.srcport", "ip.dst", "udp.dstport", "udp.payload", "frame.number")


def datagrams(path):
	"""[(seconds, source, port, destination, port, octets, number of the frame)] of the signalling in a capture."""
	done = subprocess.run(["tshark", "-r", path, "-n", "-Y", "udp && !icmp && ip", "-T", "fields", "-E", "occurrence=f",
		*(x for f in FIELDS for x in ("-e", f))], capture_output=True, text=True, check=True)
	out = []
	for line in done.stdout.splitlines():
		when, source, sport, destination, dport, payload, number = line.split("\t")
		if {int(sport), int(dport)} & set(PORTS):
			out.append((float(when), source, int(sport), destination, int(dport), bytes.fromhex(payload.replace(":", "")), int(number)))
	return out


def protocol_of(datagram):
	return PORTS.get(datagram[4]) or PORTS[datagram[2]]


def messages_of(played):
	return ["message %s %.9f %s %d %s %d %s" % (protocol_of(d), d[0] - played[0][0] + 1, *d[1:5], d[5].hex()) for d in played]


def everything(value):
	"""(key, value) of all objects in it."""
	if isinstance(value, dict):
		for key, inner in value.items():
			yield key, inner
			yield from everything(inner)
	elif isinstance(value, list):
		for inner in value:
			yield from everything(inner)


def watches(messages):
	"""Tasks for all that occurs in what the decoders say."""
	out = set()
	for key, value in everything(messages):
		if key in ("imsi", "msisdn"):
			out.add((key, value))
		elif key == "imei":
			out.add((key, value[:14]))
		elif key == "nai":
			out.add((key, bytes.fromhex(value).decode()))
		elif key == "ni":
			out.add((key, value))
		elif key == "f_seid":
			out.add(("seid", str(value)))
	return sorted(out)[:64]


class Odd(unittest.TestCase):
	def play(self, name, unsure):
		path = fixture.reference(name)
		if not path:
			self.skipTest("skipped: no reference data")
		verdicts = self.judge(datagrams(path), MOST)
		self.assertGreater(verdicts.count("same"), verdicts.count("unsure"))
		self.assertGreaterEqual(verdicts.count("unsure"), unsure, "changes that hide something are among them")

	def verdicts(self, lines):
		done = subprocess.run([os.path.join(fixture.BUILD, "tests", "oracle", "play_signalling")], text=True,
			input="\n".join(lines) + "\n", capture_output=True, check=False)
		self.assertEqual(done.returncode, 0, done.stderr)
		return done.stdout.splitlines()

	def judge(self, played, most, known=True, middle=False):
		"""What the store makes of each change. `known`: nobody is unsure of what was really said. `middle`: only the message
		in the middle of those that are followed, made unreadable."""
		messages = decoded([(protocol_of(d), d[5].hex()) for d in played])
		lines, labels = ["watch %s %s" % w for w in watches(messages)], []
		lines += messages_of(played)
		lines.append("base")
		changes = []
		sent = collections.Counter(d[5] for d in played)
		# one copy of a message that is repeated would be another message
		numbers = [n for n, d in enumerate(played) if messages[n][0]["reason"] != "type" and sent[d[5]] == 1]
		# those between nodes tell of restarts only: what is bound goes on
		of_sessions = [n for n in numbers if messages[n][0].get("type") not in (1, 2)]
		for number in of_sessions[len(of_sessions) // 2:][:1] if middle else numbers:
			d = played[number]
			message = Message(protocol_of(d), d[5])
			self.assertEqual(message.octets(message.ies), d[5])
			if not middle:
				changes += [(number, what, message.octets(ies)) for what, ies in message.odd()]
			if number in of_sessions:
				changes += [(number, what, octets) for what, octets in message.unreadable()]
		step = len(changes) // most + 1
		for number, what, octets in changes[::step]:
			if len(octets) < 4096:
				lines.append(f"change {number} {octets.hex()}")
				labels.append(f"{what} of message {number} ({protocol_of(played[number])})")
		base, *verdicts = self.verdicts(lines)
		if known:
			self.assertEqual(base, "unsure of 0")
		self.assertEqual(len(verdicts), len(labels))
		wrong = ["%s: %s" % pair for pair in zip(labels, verdicts) if pair[1] not in ("same", "unsure")]
		if wrong:
			self.fail("hidden while nobody is unsure: %d of %d\n%s" % (len(wrong), len(verdicts), "\n".join(wrong[:40])))
		return verdicts

	def test_5g(self):
		self.play("n4_5g_choose.pcapng", 30)

	def test_epc(self):
		self.play("epc_s11_sxa_sxb.pcapng", 100)

	def test_epc_attach_and_detach(self):
		self.play("gtpv2_s11.pcap", 5)

	def test_core_s11(self):
		self.play("core/epc-life/s11.pcap", 100)

	def test_core_s5(self):
		self.play("core/epc-life/s5c.pcap", 50)

	def test_core_sxa(self):
		self.play("core/epc-life/sxa.pcap", 100)

	def test_core_sxb(self):
		self.play("core/epc-life/sxb.pcap", 100)

	def test_radius(self):
		self.play("radius-3gpp-vsa-broken-subattr.pcap", 2)

	def test_radius_without_addresses(self):
		self.play("radius_acct.pcap", 0)

	def scenarios(self):
		"""Yields (name, the datagrams of its signalling)."""
		frames = {name: n4.play(name).frames for name in n4_scenarios.SCENARIOS}
		first = 1
		with tempfile.TemporaryDirectory() as folder:
			path = os.path.join(folder, "all.pcap")
			n4.write([frame for played in frames.values() for frame in played], path)
			all_played = datagrams(path)
		for name, played in frames.items():
			numbers = range(first, first + len(played))
			first += len(played)
			yield name, [d for d in all_played if d[6] in numbers]

	def test_what_is_anothers(self):
		"""The player says so when one user's messages have another's number: the judge of the others can tell."""
		played = next(played for name, played in self.scenarios() if name == "handover_tunnel_to_another")
		first, second = (bytes.fromhex(f"00010100001203f{end}") for end in "01")
		lines = ["watch imsi 001010000021300", "watch imsi 001010000021301", *messages_of(played), "base"]
		numbers = [n for n, d in enumerate(played) if second in d[5]]
		self.assertEqual(len(numbers), 1)
		lines.append(f"change {numbers[0]:d} {played[numbers[0]][5].replace(second, first).hex()}")
		self.assertRegex(self.verdicts(lines)[1], "^takes at .* imsi 001010000021300$")

	def test_scenarios(self):
		"""What the lab's core network says: every few of the changes, and of those that cannot be read."""
		verdicts = []
		for name, played in self.scenarios():
			with self.subTest(scenario=name):
				verdicts += self.judge(played, SOME, known=False)
		self.assertGreater(verdicts.count("unsure"), 500, "changes that hide something are among them")

	def test_middle_message(self):
		"""Each scenario with the message in its middle replaced by one that cannot be read: who may miss something is
		unsure, and nobody gets what is another's."""
		verdicts = []
		for name, played in self.scenarios():
			with self.subTest(scenario=name):
				verdicts += self.judge(played, MOST, known=False, middle=True)
		self.assertGreater(len(verdicts), 5 * 45)
		self.assertGreater(verdicts.count("unsure"), 100, "changes that hide something are among them")


if __name__ == "__main__":
	unittest.main()
