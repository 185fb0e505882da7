"""Random tasks over a small world, and frames that hit them often: right ones of every encapsulation, and hostile
ones made from those."""
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "pktgen-profiles"))

import frames as f  # noqa: E402

V4 = [f"192.0.2.{n}" for n in range(1, 13)]
V6 = [f"2001:db8:45::{n:x}" for n in range(1, 9)] + [f"2001:db8:46::{n:x}" for n in range(1, 5)]
ENDPOINTS = ["198.51.100.0/28", "2001:db8:100::/64"]
GATES = ["198.51.100.1", "198.51.100.2", "203.0.113.1", "203.0.113.2"]  # two are ours
GATES6 = ["2001:db8:100::1", "2001:db8:200::1"]
PORTS = [53, 443, 2152, 4789, 4000, 4001, 4002, 8472, 6081]
TEIDS = [1, 2, 3, 0xFFFFFFFF]
MACS = [f"02:00:00:00:00:{n:02x}" for n in (1, 2, 3)]


OPENED = ("gre", "ipip", "vxlan", "vxlan-gpe", "geneve", "tzsp", "etherip", "mpls-in-udp", "mpls-pseudowire")  # keys of the port


def mac(rng):
	return bytes.fromhex(rng.choice(MACS).replace(":", ""))


# --- tasks: keyword arguments of reference.Task
def task(rng):
	six = rng.random() < 0.4
	def an_address():
		a = rng.choice(V6 if six else V4)
		if rng.random() < 0.6:
			return a
		return rng.choice(("2001:db8:45::/64", "2001:db8::/32", "2001:db8:45::4/126") if six else
			("192.0.2.0/30", "192.0.2.8/29", "192.0.2.0/24", "198.51.100.0/28"))
	def a_port():
		return rng.choice([str(p) for p in PORTS] + ["4000-4001", "50-500", "1-65535"])
	protocol = rng.choice(("tcp", "udp", "udp"))
	kind = rng.choice(("a", "a", "a", "aa", "p", "ap", "ap", "aap", "app", "pp", "t", "t", "ta", "tp", "f", "fa", "m", "ma", "mp", "mm"))
	wanted = {}
	if kind.count("a"):
		wanted["addresses"] = [an_address()]
		if kind.count("a") == 2:
			other = an_address()
			if other == wanted["addresses"][0]:
				other = "2001:db8:46::/64" if six else "192.0.2.12"
			wanted["addresses"].append(other)
	if kind.count("p"):
		wanted["protocol"] = protocol
		wanted["ports"] = rng.sample([str(p) for p in PORTS], 2) if kind.count("p") == 2 else [a_port()]
	if "t" in kind:
		wanted["teid"] = rng.choice(TEIDS)
	if "f" in kind:
		wanted["fteid"] = (rng.choice(TEIDS), rng.choice(GATES + GATES6))
	if "m" in kind:
		wanted["macs"] = rng.sample(MACS, kind.count("m"))
	return wanted


# --- packets
def user(rng, depth=0):
	"""An IP packet, perhaps one that carries others."""
	six = rng.random() < 0.4
	source, destination = (rng.choice(V6 if six else V4) for _ in range(2))
	if depth < 3 and rng.random() < (0.35 if depth == 0 else 0.2):
		return carrier(rng, depth)
	body = rng.randbytes(rng.choice((0, 1, 18, 18, 40, 300)))
	protocol = rng.choice((f.UDP, f.UDP, f.TCP, 132, 50, f.ICMP if not six else 58))
	ports = rng.choice(PORTS), rng.choice(PORTS)
	if protocol == f.UDP:
		body = f.udp(*ports, body)
	elif protocol == f.TCP:
		body = f.tcp(*ports, body, sequence=rng.getrandbits(32))
	elif protocol == 132:
		body = ports[0].to_bytes(2, "big") + ports[1].to_bytes(2, "big") + bytes(8) + body
	else:
		body = bytes(8) + body
	if six:
		for _ in range(rng.choice((0, 0, 0, 1, 2, 8, 9))):
			body, protocol = f.option_header(protocol, rng.choice((8, 16))) + body, rng.choice((60, 60, 0, 43))
		return f.ipv6(source, destination, protocol, body)
	return f.ipv4(source, destination, protocol, body, ident=rng.getrandbits(16), options=bytes(rng.choice((0, 0, 0, 4, 40))))


def extensions(rng):
	"""Extension headers of a G-PDU, at times one too many."""
	n = rng.choice((2, 7, 8, 9))
	return b"\xc0" + b"\1\0\0\xc0" * (n - 1) + b"\1\0\0\0"


def carrier(rng, depth):
	inner = user(rng, depth + 1)
	kind = f.IPV4 if inner[0] >> 4 == 4 else f.IPV6
	six = rng.random() < 0.25
	ends = [rng.choice(GATES6 if six else GATES) for _ in range(2)]
	how = rng.choice(("gtpu",) * 8 + ("ethernet", "unknown", "signalling", "vxlan", "gre", "ipip", "mirror", "mirror"))
	if how in ("gtpu", "ethernet", "unknown", "signalling"):
		content = {"gtpu": inner, "ethernet": f.ether(kind, inner, mac(rng), mac(rng)), "unknown": rng.randbytes(rng.randrange(30)),
			"signalling": b"\x0e\0"}[how]
		options = {"pdu_type": rng.choice((None, 0, 1, 1)), "extensions": rng.choice((b"", b"", b"\xc0\1\0\0\0", extensions(rng)))}
		if how == "signalling":
			options = {"kind": rng.choice((1, 2, 26, 254))}
		return f.tunnel(*ends, rng.choice(TEIDS), content, **options)
	if how == "mirror":
		return mirror(rng, ends, kind, inner)
	if how == "vxlan":
		return f.ip(*ends, f.UDP, f.udp(rng.choice(PORTS), f.VXLAN_PORT, f.vxlan(rng.randrange(9), f.ether(kind, inner, mac(rng), mac(rng)))))
	if how == "gre":
		body = f.gre(f.TEB, f.ether(kind, inner)) if rng.random() < 0.3 else f.gre(kind, inner, key=rng.choice((None, 7)))
		return f.ip(*ends, f.GRE, body)
	return f.ip(*ends, f.IPIP if kind == f.IPV4 else f.SIXIN4, inner)


def mirror(rng, ends, kind, inner):
	"""What mirrors and providers wrap a packet in."""
	whole = f.ether(kind, inner, mac(rng), mac(rng))
	labels = f.mpls(inner, *range(16, 16 + rng.choice((1, 2))))
	wire = f.mpls(rng.choice((b"", bytes(4))) + whole, 16)
	how = rng.randrange(8)
	if how == 0:
		return f.ip(*ends, f.GRE, rng.choice((f.erspan(1, whole), f.erspan(2, whole), f.erspan(3, whole), f.gre(f.MPLS, labels),
			f.pptp(inner, 0x21 if kind == f.IPV4 else 0x57), f.gre(0x894F, f.nsh(1 if kind == f.IPV4 else 2, inner)))))
	if how == 1:
		return f.ip(*ends, 97, f.etherip(whole))
	port, body = rng.choice(((8472, f.vxlan(1, whole)), (4790, f.gpe(3, whole)), (4790, f.gpe(1 if kind == f.IPV4 else 2, inner)),
		(4790, f.gpe(5, labels)), (6081, f.geneve(f.TEB, whole, bytes(rng.choice((0, 4, 8))))), (6081, f.geneve(kind, inner)),
		(37008, f.tzsp(whole, rng.choice((b"", b"\0", b"\x28\4abcd")))), (6635, labels), (6635, wire)))
	return f.ip(*ends, f.UDP, f.udp(rng.choice(PORTS), port, body))


def linked(rng, kind, packet):
	"""(ethertype, octets) behind headers of a link."""
	how = rng.randrange(5)
	if how == 0:
		return f.snap(kind, packet)
	if how == 1:
		return f.MPLS, f.mpls(rng.choice((b"", bytes(4))) + f.ether(kind, packet, mac(rng), mac(rng)), 16, 17)
	if how == 2:
		return 0x894F, f.nsh(1 if kind == f.IPV4 else 2, packet, bytes(rng.choice((0, 4, 16))))
	return f.tagged(rng.choice((0x9200, 0x8926, 0x893F, 0x8909, 0x88E7)), kind, packet)


def frame(rng):
	packet = user(rng)
	kind = f.IPV4 if packet[0] >> 4 == 4 else f.IPV6
	how = rng.random()
	if how < 0.2:
		kind, packet = f.tags(kind, packet, *rng.sample(range(4095), rng.choice((1, 1, 2, 4, 5))))
	elif how < 0.25:
		kind, packet = f.MPLS, f.mpls(packet, *range(16, 16 + rng.choice((1, 2, 8, 9))))
	elif how < 0.3:
		kind, packet = f.PPPOE, f.pppoe(packet, 0x21 if kind == f.IPV4 else 0x57)
	elif how < 0.42:
		kind, packet = linked(rng, kind, packet)
	return f.ether(kind, packet, mac(rng), mac(rng), least=rng.choice((0, 60)))


def hostile(rng, good):
	"""A frame that is a little, or quite, wrong."""
	octets = bytearray(good)
	for _ in range(rng.choice((1, 1, 1, 2, 4))):
		how = rng.randrange(5)
		if how == 0:
			del octets[rng.randrange(14, len(octets) + 1):]
		elif how == 1:
			octets[rng.randrange(len(octets))] = rng.choice((0, 1, 4, 0x45, 0x60, 0x7F, 0x80, 0xFF, rng.randrange(256)))
		elif how == 2:
			octets[rng.randrange(len(octets))] ^= 1 << rng.randrange(8)
		elif how == 3 and len(octets) < 1400:
			octets += rng.randbytes(rng.randrange(1, 60))
		else:  # lengths live early in a header
			at = rng.randrange(14, max(15, min(len(octets) - 1, 120)))
			octets[at:at + 2] = rng.choice((0, 7, 8, 20, len(octets) - at, len(octets), 65535)).to_bytes(2, "big")
		if len(octets) < 15:
			octets += bytes(15 - len(octets))
	return bytes(octets)
