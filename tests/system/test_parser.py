"""The parser against tshark, frame by frame: over every reference capture, and over generated stacks of wrappings with
random nesting and a lie in a length field. Each frame has a verdict; one without a known verdict fails."""
import collections
import glob
import ipaddress
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import fixture
from poi_lab import pcap
from test_captures import ENDS, PREFERENCES

sys.path.append(os.path.join(fixture.TOP, "tests", "oracle"))
sys.path.append(os.path.join(fixture.TOP, "pktgen-profiles"))

import frames as f  # noqa: E402

DUMP = os.path.join(fixture.BUILD, "tests", "oracle", "dump_packets")
STACKS = 45000 if fixture.LONG else 300
OF_CAPTURE = 1000000 if fixture.LONG else 100  # frames of a capture, about, from all of it
SEED = int(os.environ.get("POI_SEED", "1"))
WORD_LABEL, NO_WORD_LABEL = 900, 901  # pseudowires: tshark has to be told
DECODE_AS = ("ethertype==0x9200,vlan", "udp.port==8472,vxlan", f"mpls.label=={WORD_LABEL},pwethcw",
	f"mpls.label=={NO_WORD_LABEL},pwethnocw")
# What may be said of a frame, and nothing else.
VERDICTS = {
	"same": "both find the same layers at the same places",
	"broken": "the parser counts the frame as broken and finds the layers before the fault",
	"not opened": "the parser says what it did not open and finds the layers before that",
	"user's": "a mirror's wrapping in a G-PDU, which the parser leaves to the user",
	"not shown": "a length lies, and so the content of a tunnel or a label stack does not show itself",
	"clamped": "a length lies, the parser takes what is around it and finds more than tshark",
	"cut off": "tshark stops at a length that lies, the parser goes by the other lengths",
}


class Stack:
	"""Octets and the places of the length fields in them: (offset, octets, name)."""

	def __init__(self, octets, fields=(), layers=()):
		self.octets, self.fields, self.layers = octets, list(fields), list(layers)

	def within(self, whole, *own):
		"""This at the end of `whole`, whose own length fields are `own`."""
		shift = len(whole) - len(self.octets)
		moved = [(at + shift, n, name) for at, n, name in self.fields]
		return Stack(whole, [*own, *moved], [(at + shift, *rest) for at, *rest in self.layers])


def user(rng):
	six = rng.random() < 0.4
	ends = rng.sample([f"2001:db8::{n:x}" for n in range(1, 9)] if six else [f"192.0.2.{n}" for n in range(1, 9)], 2)
	ports = rng.choice((7001, 7002)), rng.choice((7003, 7004))
	body = rng.randbytes(rng.choice((0, 1, 18, 40, 200)))
	upper = f.udp(*ports, body) if rng.random() < 0.6 else f.tcp(*ports, body)
	protocol = f.UDP if len(upper) == 8 + len(body) else f.TCP
	return packet(ends, protocol, Stack(upper, [(4, 2, "udp")] if protocol == f.UDP else []), ports)


def packet(ends, protocol, content, ports=None):
	four = ":" not in ends[0]
	whole = f.ip(*ends, protocol, content.octets)
	stack = content.within(whole, (2, 2, "ipv4") if four else (4, 2, "ipv6"))
	address = b"".join(ipaddress.ip_address(e).packed for e in ends).hex()
	stack.layers.insert(0, (0, 4 if four else 6, address, ports))
	return stack


def kind_of(stack):
	return f.IPV4 if stack.octets[0] >> 4 == 4 else f.IPV6


def ethernet(rng, stack, kind=None):
	"""A frame of an IP packet or of what has a type, perhaps behind headers of a link."""
	kind = kind_of(stack) if kind is None else kind
	for _ in range(rng.choice((0, 0, 0, 1, 2))):
		tag = rng.choice((0x8100, 0x88A8, 0x9100, 0x9200, 0x8926, 0x893F, 0x8909))
		fields = {**f.TAG_FIELDS, 0x8100: b"\0\7", 0x88A8: b"\0\7", 0x9100: b"\0\7"}[tag]
		kind, stack = tag, stack.within(fields + kind.to_bytes(2, "big") + stack.octets)
	return stack.within(f.ether(kind, stack.octets))


def linked(rng, stack):
	"""A frame of an IP packet."""
	how, four = rng.randrange(9), kind_of(stack) == f.IPV4
	if how == 0:
		length, octets = f.snap(kind_of(stack), stack.octets)
		return stack.within(f.ether(length, octets), (12, 2, "llc"))
	if how == 1:
		return ethernet(rng, stack.within(f.nsh(1 if four else 2, stack.octets), (1, 1, "nsh")), 0x894F)
	if how == 2:
		inner = ethernet(rng, stack)
		return ethernet(rng, inner.within(f.nsh(3, inner.octets, bytes(4)), (1, 1, "nsh")), 0x894F)
	if how == 3:
		return ethernet(rng, stack.within(f.mpls(stack.octets, 16, 17)), f.MPLS)
	if how == 4:
		return ethernet(rng, pseudowire(rng, stack), f.MPLS)
	if how == 5:
		return ethernet(rng, stack.within(f.pppoe(stack.octets, 0x21 if four else 0x57), (4, 2, "pppoe")), f.PPPOE)
	if how == 6:
		inner = ethernet(rng, stack)
		return inner.within(f.ether(0x88E7, b"\0\0\1\x23" + inner.octets))
	return ethernet(rng, stack)


def pseudowire(rng, stack):
	inner = stack.within(f.ether(kind_of(stack), stack.octets))
	word = rng.random() < 0.5
	return inner.within(f.mpls((bytes(4) if word else b"") + inner.octets, WORD_LABEL if word else NO_WORD_LABEL))


def over_udp(ends, port, content):
	return packet(ends, f.UDP, content.within(f.udp(40001, port, content.octets), (4, 2, "udp")), (40001, port))


def carried(rng, stack):
	"""An IP packet that carries an IP packet."""
	ends = rng.sample([f"2001:db8:1::{n:x}" for n in (1, 2, 3)] if rng.random() < 0.25 else [f"203.0.113.{n}" for n in (1, 2, 3)], 2)
	four, how = kind_of(stack) == f.IPV4, rng.randrange(16)
	frame = ethernet(rng, stack) if how in (1, 2, 3, 6, 7, 8, 10) else None
	labels = stack.within(f.mpls(stack.octets, 16))
	if how < 6:
		gre = {0: lambda: stack.within(f.gre(kind_of(stack), stack.octets, key=7)), 1: lambda: frame.within(f.erspan(1, frame.octets)),
			2: lambda: frame.within(f.erspan(2, frame.octets)), 3: lambda: frame.within(f.erspan(3, frame.octets)),
			4: lambda: labels.within(f.gre(f.MPLS, labels.octets)),
			5: lambda: stack.within(f.pptp(stack.octets, 0x21 if four else 0x57), (4, 2, "pptp"))}[how]()
		return packet(ends, f.GRE, gre)
	if how == 6:
		return packet(ends, 97, frame.within(f.etherip(frame.octets)))
	if how in (7, 8):
		return over_udp(ends, 4789 if how == 7 else 8472, frame.within(f.vxlan(5, frame.octets)))
	if how == 9:
		return over_udp(ends, 4790, stack.within(f.gpe(1 if four else 2, stack.octets)))
	if how == 10:
		if rng.random() < 0.5:
			return over_udp(ends, 37008, frame.within(f.tzsp(frame.octets, b"\x28\4abcd"), (5, 1, "tzsp")))
		return over_udp(ends, 6081, frame.within(f.geneve(f.TEB, frame.octets, b"\1\2\3\1abcd"), (0, 1, "geneve")))
	if how == 11:
		return over_udp(ends, 6635, labels)
	if how == 12:
		return packet(ends, f.IPIP if four else f.SIXIN4, stack)
	pdu = f.gtpu(9, stack.octets, pdu_type=rng.choice((None, 1)))
	return over_udp(ends, 2152, stack.within(pdu, (2, 2, "gtpu")))


def generated(rng):
	"""(frame, name of the field that lies or None, layers that were built)."""
	stack = user(rng)
	for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 4))):
		stack = carried(rng, stack)
	stack = linked(rng, stack)
	if rng.random() < 0.5 or not stack.fields:
		return stack.octets, None, stack.layers
	return (*lie(rng, stack), stack.layers)


def lie(rng, stack):
	octets = bytearray(stack.octets)
	at, size, name = rng.choice(stack.fields)
	right = int.from_bytes(octets[at:at + size], "big")
	wrong = rng.choice((0, 1, 7, right - 1, right + 1, right - 8, right + 8, right // 2, right + 600, 256 ** size - 1)) % 256 ** size
	octets[at:at + size] = wrong.to_bytes(size, "big")
	if name == "ipv4":
		head = bytes(octets[at - 2:at + 8]) + b"\0\0" + bytes(octets[at + 10:at + 18])
		octets[at + 8:at + 10] = f.checksum(head).to_bytes(2, "big")
	return bytes(octets), name if wrong != right else None


class Seen:
	"""What the parser says of a frame."""

	def __init__(self, line):
		self.outcome, unopened, *layers = line.split()
		self.unopened = int(unopened, 16)
		self.layers = []
		for text in layers:
			family, address, protocol, source, destination, at, _ = text.split(",")
			ports = (int(source), int(destination)) if protocol in ("6", "17") and source != "-" else None
			self.layers.append((int(at), int(family), address, ports))


def parsed(frames):
	given = b"".join(struct.pack("=I", len(frame)) + frame for frame in frames)
	done = subprocess.run([DUMP], input=given, capture_output=True, check=True)
	return [Seen(line) for line in done.stdout.decode().splitlines()]


def dissected(frames):
	"""Layers of each frame as tshark has them."""
	with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
		out = pcap.Writer(file.name, pcap.LINK_ETHERNET)
		for number, frame in enumerate(frames):
			out.write(number, frame)
		out.close()
		settings = [a for p in PREFERENCES for a in ("-o", p)] + [a for d in DECODE_AS for a in ("-d", d)]
		done = subprocess.run(["tshark", "-r", file.name, "-n", "-T", "pdml", *settings], capture_output=True, check=True)
		return [layers_of(p) for p in ElementTree.fromstring(done.stdout).iter("packet")]


def layers_of(packet):
	"""(place, family, addresses, ports) of each IP header, up to what is quoted or closed."""
	layers = []
	for proto in packet.iter("proto"):
		name = proto.get("name")
		shown = {field.get("name"): field.get("show") for field in proto.iter("field")}
		if name in ("ip", "ipv6") and name + ".dst" in shown:
			address = b"".join(ipaddress.ip_address(shown[name + end]).packed for end in (".src", ".dst")).hex()
			layers.append((int(proto.get("pos")), 4 if name == "ip" else 6, address, None))
		elif name in ("udp", "tcp") and layers and not layers[-1][3] and name + ".dstport" in shown:
			layers[-1] = (*layers[-1][:3], (int(shown[name + ".srcport"]), int(shown[name + ".dstport"])))
		elif name in ENDS and name != "ah":
			break
	return layers


def begins(long, short):
	"""Ports may be missing where a header was not reached."""
	return len(short) <= len(long) and all(a[:3] == b[:3] and (a[3] == b[3] or None in (a[3], b[3])) for a, b in zip(long, short))


def is_broken(outcome):
	return outcome.endswith(("_truncated", "_depth", "_length", "_version", "_offset")) and outcome != "ip_no_length"


def verdict(seen, theirs, lies):
	"""A key of VERDICTS, or None."""
	ours = seen.layers
	if len(ours) == len(theirs) and begins(theirs, ours):
		return "same"
	if begins(theirs, ours):
		if is_broken(seen.outcome):
			return "broken"
		if seen.unopened:
			return "not opened"
		if seen.outcome.startswith("gtpu"):
			return "user's"
		return "not shown" if lies else None
	if begins(ours, theirs) and lies:
		return "clamped" if seen.outcome.endswith(("_clamped", "ip_no_length")) else "cut off"
	return None


@unittest.skipUnless(os.path.exists(DUMP), "not built")
class Parser(unittest.TestCase):
	maxDiff = None

	def judge(self, name, frames, lies, allowed=tuple(VERDICTS)):
		"""Counts of verdicts; fails at the first frames without one that is allowed."""
		counts, wrong = collections.Counter(), []
		ours, theirs = parsed(frames), dissected(frames)
		self.assertEqual((len(ours), len(theirs)), (len(frames), len(frames)))
		for frame, seen, stack, lying in zip(frames, ours, theirs, lies):
			found = verdict(seen, stack, lying)
			counts[found] += 1
			if found not in allowed:
				wrong.append(f"{found}, lie in {lying}: parser {seen.outcome} {seen.unopened:x} "
					f"{seen.layers}\n  tshark {stack}\n  {frame[:300].hex()}")
		print("# %s: %s" % (name, ", ".join(f"{n} {v}" for v, n in counts.most_common())))
		self.assertEqual(wrong[:5], [], f"{len(wrong)} of {len(frames)} frames")
		return counts

	def test_captures(self):
		first = fixture.reference("vxlan.pcap")
		if not first:
			self.skipTest("no reference data")
		folder = os.path.dirname(first)
		files = sorted(p for p in glob.glob(os.path.join(folder, "**", "*.pcap*"), recursive=True))
		self.assertGreater(len(files), 8)
		frames = []
		for path in files:
			some = fixture.frames_of(path)
			frames += some[::max(1, len(some) // OF_CAPTURE)]
		self.judge(f"{len(files)} captures", frames, [None] * len(frames), ("same",))

	def test_generated(self):
		rng = random.Random(SEED)
		counts = collections.Counter()
		for at in range(0, STACKS, 1500):
			made = [generated(rng) for _ in range(min(1500, STACKS - at))]
			frames, lies, built = zip(*made)
			counts += self.judge(f"generated from {at}", frames, lies)
			self.all_found(parsed(frames), lies, built)
		self.assertGreater(counts["same"], STACKS // 2)

	def all_found(self, ours, lies, built):
		"""Of a stack without a lie the parser finds all that was put in, but what is too deep and a mirror's in a G-PDU."""
		whole = 0
		for seen, lying, layers in zip(ours, lies, built):
			if lying:
				continue
			self.assertTrue(begins(layers, seen.layers), (seen.outcome, seen.layers, layers))
			whole += len(seen.layers) == len(layers)
			if len(seen.layers) < len(layers):
				self.assertTrue(seen.outcome.endswith("_depth") or seen.outcome.startswith("gtpu"), (seen.outcome, layers))
		self.assertGreater(whole, len(built) // 4)


if __name__ == "__main__":
	unittest.main()
