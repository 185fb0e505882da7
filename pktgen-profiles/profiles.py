"""The profiles: what is sent, what is provisioned, and what a right point of interception makes of it. Hits and
outcomes are known from how a frame was made; nothing here parses a packet."""
import collections
import random

import frames as f

GNB, UPF = "198.51.100.10", "198.51.100.20"
GNB6, UPF6 = "2001:db8:100::10", "2001:db8:100::20"
TARGET, TARGET6 = "192.0.2.10", "2001:db8:45::10"
PLAIN = {"mode": "probe"}
N3 = {"mode": "probe", "tunnel": "gtpu", "link": "n3",
	"gtp-endpoints": [GNB + "/32", UPF + "/32", GNB6 + "/128", UPF6 + "/128"]}
WRAPPED = {"mode": "probe", "gre": True, "ipip": True, "vxlan": True}

PROFILES = {}


class Profile:
	"""One profile while it is being made."""

	def __init__(self, name, seed, about, port):
		self.name, self.about, self.port = name, about, port
		self.rng = random.Random(f"{name} {seed}")
		self.frames, self.outcomes, self.hits = [], collections.Counter(), collections.Counter()
		self.tasks = {}
		self.rounds = None  # [(first frame, names of the tasks in force)] when they change
		self.range = None  # lines of Pktgen's range mode, where that can say the same

	def task(self, name, **targets):
		"""Provisions a task; the criteria by their names in X1."""
		self.tasks[name] = [{"type": kind, "value": value} for kind, value in targets.items()]
		return name

	def add(self, frame, outcome, *hits):
		self.frames.append(frame)
		self.outcomes[outcome] += 1
		self.hits.update(hits)

	def expectation(self):
		rounds = self.rounds or [(0, sorted(self.tasks))]
		return {"profile": self.name, "about": self.about, "frames": len(self.frames), "port": self.port,
			"tasks": [{"name": n, "targets": t, "hits": self.hits[n]} for n, t in self.tasks.items()],
			"outcomes": dict(sorted(self.outcomes.items())),
			"rounds": [{"first": first, "in_force": names} for first, names in rounds]}


def profile(name, about, port=PLAIN):
	def register(make):
		def build(seed, packets):
			p = Profile(name, seed, about, port)
			make(p, packets)
			return p
		PROFILES[name] = build
		return make
	return register


# --- plain traffic
IMIX = (60,) * 7 + (590,) * 4 + (1514,)


def stranger(p, n, size):
	"""A UDP frame between hosts that no task names."""
	source, destination = "10.0.%d.%d" % divmod(n % 65000 + 1, 256), "172.16.%d.%d" % divmod(p.rng.randrange(1, 65000), 256)
	body = f.udp(1024 + n % 60000, 53, bytes(max(0, size - 42)))
	return f.ether(f.IPV4, f.ipv4(source, destination, f.UDP, body, ident=n & 0xFFFF), least=60)


def no_match(p, packets, sizes):
	for i in range(100):
		p.task(f"host-{i}", ipv4Address=f"192.0.2.{i + 1}")
	p.task("network", ipv4Cidr="203.0.113.0/24")
	p.task("conversation", ipv4Address="10.0.0.1", tcpPort="443")  # the host talks, but not by TCP
	for n in range(packets):
		p.add(stranger(p, n, sizes[n % len(sizes)]), "ip")


@profile("no-match-64", "64-octet frames of hosts that no task names")
def _(p, packets):
	no_match(p, packets, (60,))
	p.range = ["range 0 size 64 64 64 0", "range 0 src ip 10.0.0.1 10.0.0.1 10.0.253.232 0.0.0.1",
		"range 0 dst ip 172.16.0.1 172.16.0.1 172.16.253.231 0.0.0.7", "range 0 proto udp",
		"range 0 src port 1024 1024 61023 1", "range 0 dst port 53 53 53 0"]


@profile("no-match-imix", "simple IMIX (7:4:1 of 64, 594 and 1518 octets) of hosts that no task names")
def _(p, packets):
	no_match(p, packets, IMIX)


def some_match(every):
	def make(p, packets):
		out, back = p.task("target", ipv4Address=TARGET), p.task("target-dns", ipv4Address=TARGET, udpPort="53")
		for n in range(packets):
			if n % every:
				p.add(stranger(p, n, 60), "ip")
				continue
			k = n // every
			peer, port = f"172.16.0.{k % 250 + 1}", 53 if k % 4 == 0 else 4000  # the port is the peer's
			if k % 2:
				packet = f.ipv4(TARGET, peer, f.UDP, f.udp(53 if k % 8 == 1 else 5000, port, bytes(18)), ident=k & 0xFFFF)
			else:
				packet = f.ipv4(peer, TARGET, f.UDP, f.udp(port, 5000, bytes(18)), ident=k & 0xFFFF)
			p.add(f.ether(f.IPV4, packet, least=60), "ip", out, *([back] if k % 8 == 1 else []))
	return make


for _percent, _every in (("0.1", 1000), ("1", 100), ("10", 10), ("100", 1)):
	profile(f"match-{_percent}", f"64-octet frames, one in {_every:d} of the target")(some_match(_every))


# --- GTP-U
def gtpu_sessions(up, sessions):
	"""Every session has its TEID and a user with an address; 16 of each kind are targets."""
	def make(p, packets):
		base = 0x10000 if up else 0x20000
		chosen = sorted(p.rng.sample(range(sessions), min(16, sessions)))
		def user(s):
			return "2001:db8:46::%x:%x" % divmod(s + 1, 65536) if s % 4 == 3 else f"10.{46 + (s >> 16)}.{s >> 8 & 255}.{s & 255}"
		for s in chosen:
			p.task(f"teid-{s:d}", gtpuTunnelId=base + s)
			p.task(f"user-{s:d}", **{"ipv6Address" if s % 4 == 3 else "ipv4Address": user(s)})
		p.task("fteid", fteid={"teid": base + chosen[0], "address": UPF if up else GNB})
		p.task("fteid-elsewhere", fteid={"teid": base + chosen[0], "address": "198.51.100.77"})
		p.task("reversed", fteid={"teid": base + chosen[0], "address": GNB if up else UPF})
		wanted = set(chosen)
		for n in range(max(packets, sessions)):
			s = n % sessions
			v6, server = s % 4 == 3, ("2001:db8:ffff::80" if s % 4 == 3 else "203.0.113.80")
			ends = (user(s), server) if up else (server, user(s))
			ports = (40000 + n % 1000, 443) if up else (443, 40000 + n % 1000)
			body = bytes((n * 7 % 251,)) * (16 + n % 5 * 24)
			upper = f.udp(*ports, body) if n & 1 else f.tcp(*ports, body, sequence=n)
			kind = f.UDP if n & 1 else f.TCP
			if v6:
				inner = f.ipv6(*ends, kind, f.with_checksum(*ends, kind, upper))
			else:
				inner = f.ipv4(*ends, kind, upper, ident=n & 0xFFFF)
			outer = f.tunnel(*((GNB, UPF) if up else (UPF, GNB)), base + s, inner, pdu_type=1 if up else 0)
			hits = [f"teid-{s:d}", f"user-{s:d}"] if s in wanted else []
			p.add(f.of_packet(outer), "gtpu", *hits, *(["fteid"] if s == chosen[0] else []))
		p.add(f.of_packet(f.tunnel(GNB, "198.51.100.99", base + chosen[0], inner, pdu_type=1)), "gtpu",
			*([f"user-{s:d}"] if s in wanted else []))  # a right TEID towards nobody's endpoint
		p.add(f.of_packet(f.tunnel(GNB, UPF, 0, b"\0\0", kind=1)), "gtpu_signalling")
	return make


for _way in ("up", "down"):
	for _n in (1, 2000, 65536):
		profile(f"gtpu-{_way}-{_n:d}", f"GTP-U {_way}link with PDU session containers, {_n:d} tunnels", N3)(
			gtpu_sessions(_way == "up", _n))


@profile("gtpu-nested", "GTP-U over IPv6, GTP-U inside GTP-U, Ethernet and unknown content, and a user's own port 2152", N3)
def _(p, packets):
	outer, inner = p.task("outer-teid", gtpuTunnelId=0x501), p.task("inner-teid", gtpuTunnelId=0x502)
	user, six = p.task("user", ipv4Address=TARGET), p.task("user-v6", ipv6Address=TARGET6)
	both = p.task("user-in-tunnel", ipv4Address=TARGET, gtpuTunnelId=0x501)
	gate = p.task("gate-port", udpPort="2152")
	for n in range(max(8, packets // 100)):
		packet = f.ipv4(TARGET, "203.0.113.1", f.UDP, f.udp(1000 + n, 9, b"user"), ident=n)
		packet6 = f.ipv6(TARGET6, "2001:db8::9", f.UDP, f.with_checksum(TARGET6, "2001:db8::9", f.UDP, f.udp(1, 9, b"user")))
		p.add(f.of_packet(f.tunnel(GNB, UPF, 0x501, packet, pdu_type=1)), "gtpu", outer, user, both)
		p.add(f.of_packet(f.tunnel(GNB6, UPF6, 0x501, packet6, pdu_type=1)), "gtpu", outer, six)
		p.add(f.of_packet(f.tunnel(GNB, UPF, 0x601, f.tunnel(UPF, GNB, 0x502, packet, pdu_type=0), pdu_type=1)), "gtpu", inner, user)
		# nested: the inner tunnel leads to nobody's endpoint, so its TEID is a stranger's
		p.add(f.of_packet(f.tunnel(GNB, UPF, 0x601, f.tunnel("10.9.9.9", "10.8.8.8", 0x501, packet), pdu_type=1)), "gtpu", user)
		p.add(f.of_packet(f.tunnel(GNB, UPF, 0x501, f.of_packet(packet), pdu_type=1)), "gtpu", outer, user, both)
		p.add(f.of_packet(f.tunnel(GNB, UPF, 0x501, b"\x01\x02\x03\x04 neither", pdu_type=1)), "gtpu_unstructured", outer)
		# the ports of a layer that carries a tunnel are nobody's, an answer's source port is payload
		p.add(f.of_packet(f.ipv4("203.0.113.5", "203.0.113.6", f.UDP, f.udp(2152, 999, b"plain"))), "ip", gate)
		p.add(f.of_packet(f.tunnel(GNB, UPF, 0x601, f.ipv4("203.0.113.5", "203.0.113.6", f.UDP, f.udp(5, 53, b"x")))), "gtpu")


# --- IPv6
@profile("ipv6", "IPv6 with and without extension headers; address, /64 and port tasks")
def _(p, packets):
	host, net = p.task("host", ipv6Address=TARGET6), p.task("network", ipv6Cidr="2001:db8:45::/64")
	port, both = p.task("port", udpPort="4000"), p.task("host-and-port", ipv6Address=TARGET6, udpPort="4000")
	for n in range(packets):
		kind = n % 10
		other = f"2001:db8:99::{n % 60000 + 1:x}"
		mine = TARGET6 if kind < 3 else f"2001:db8:45::{0x1000 + n % 1000:x}" if kind < 5 else f"2001:db8:45:1::{n % 100 + 1:x}"
		hits = {0: [host, net], 1: [host, net, port, both], 2: [host, net], 3: [net], 4: [net], 5: [port]}.get(kind, [])
		ports = (4000 if kind in (1, 5) else 4001, 53)
		if kind == 2:
			body, following = f.with_checksum(mine, other, f.TCP, f.tcp(4000, 53, bytes(10))), f.TCP
		else:
			body, following = f.with_checksum(mine, other, f.UDP, f.udp(*ports, bytes(n % 40))), f.UDP
		if n % 3 == 0:
			body, following = f.option_header(following, 8 + n % 3 * 8) + body, 60
		if n % 7 == 0:
			body, following = f.option_header(following) + body, 0
		if n % 11 == 0:  # an atomic fragment is a whole datagram
			body, following = (body, following) if following != f.UDP else (f.fragment_header(following, 0, 0, n) + body, 44)
		p.add(f.ether(f.IPV6, f.ipv6(mine, other, following, body), least=60), "ip", *hits)


# --- encapsulations
@profile("encapsulations", "VLAN, QinQ, MPLS, PPPoE, VXLAN, GRE and IP in IP, IPv4 and IPv6 inside", WRAPPED)
def _(p, packets):
	for name, value in (("plain", 20), ("vlan", 21), ("qinq", 22), ("mpls", 23), ("pppoe", 24), ("vxlan", 25), ("gre", 26), ("ipip", 27)):
		p.task(name, ipv4Address=f"192.0.2.{value:d}")
		p.task(name + "-v6", ipv6Address=f"2001:db8:45::{value:d}")
	carrier, port = p.task("carrier", ipv4Address="198.51.100.1"), p.task("tunnel-port", udpPort="4789")
	p.task("mac", macAddress="02:00:00:00:00:99")
	for n in range(max(4, packets // 20)):
		def packets_of(value):
			return ((f.ipv4(f"192.0.2.{value:d}", "203.0.113.9", f.UDP, f.udp(7, 8, bytes(n % 30)), ident=n), f.IPV4, ""),
				(f.ipv6(f"2001:db8:45::{value:d}", "2001:db8::9", f.TCP, f.tcp(7, 8, bytes(n % 30))), f.IPV6, "-v6"))
		def outer(protocol, body):
			return f.of_packet(f.ipv4("198.51.100.1", "198.51.100.2", protocol, body, ident=n))
		for packet, kind, suffix in packets_of(20):
			p.add(f.ether(kind, packet, least=60), "ip", "plain" + suffix)
		for packet, kind, suffix in packets_of(21):
			p.add(f.ether(*f.tags(kind, packet, n % 4095), least=64), "ip", "vlan" + suffix)
		for packet, kind, suffix in packets_of(22):
			p.add(f.ether(*f.tags(kind, packet, 100, n % 4095), least=68), "ip", "qinq" + suffix)
		for packet, kind, suffix in packets_of(23):
			p.add(f.ether(f.MPLS, f.mpls(packet, *range(16, 17 + n % 8)), least=60), "ip", "mpls" + suffix)
		for packet, kind, suffix in packets_of(24):
			body = f.pppoe(packet, 0x0021 if kind == f.IPV4 else 0x0057)
			p.add(f.ether(*f.tags(f.PPPOE, body, *([7] if n % 2 else [])), least=60), "ip", "pppoe" + suffix)
		for packet, kind, suffix in packets_of(25):
			frame = f.ether(kind, packet, source=bytes.fromhex("020000000099"))
			p.add(outer(f.UDP, f.udp(50000, f.VXLAN_PORT, f.vxlan(n, frame))), "tunnel", "vxlan" + suffix, carrier)
		for packet, kind, suffix in packets_of(26):
			body = f.gre(f.TEB, f.ether(kind, packet)) if n % 3 == 0 else f.gre(kind, packet, key=n if n % 2 else None)
			p.add(outer(f.GRE, body), "tunnel", "gre" + suffix, carrier)
		for packet, kind, suffix in packets_of(27):
			p.add(outer(f.IPIP if kind == f.IPV4 else f.SIXIN4, packet), "tunnel", "ipip" + suffix, carrier)
		p.add(f.ether(f.ARP, bytes(28), source=bytes.fromhex("020000000099"), least=60), "not_ip", "mac")
		p.add(f.of_packet(f.ipv4("203.0.113.1", "203.0.113.2", f.UDP, f.udp(4789, 50000, b"answer"))), "ip", port)


# --- fragments
def datagram(n, v6, port, size, source=None):
	source = source or (TARGET6 if v6 else TARGET)
	peer = "2001:db8::9" if v6 else "203.0.113.9"
	upper = f.udp(port, 53, bytes((n + k) & 255 for k in range(size)))
	return f.ip(source, peer, f.UDP, f.with_checksum(source, peer, f.UDP, upper))


@profile("fragments-user", "users' own fragments: address tasks get each, port tasks get later ones by their first")
def _(p, packets):
	four, six = p.task("host", ipv4Address=TARGET), p.task("host-v6", ipv6Address=TARGET6)
	port, both = p.task("port", udpPort="4000"), p.task("host-and-port", ipv4Address=TARGET, udpPort="4000")
	for n in range(max(8, packets // 20)):
		v6, wanted, strange = bool(n % 2), n % 4 < 2, n % 8 > 5
		source = ("2001:db8:77::1" if v6 else "203.0.113.77") if strange else None
		hits = ([] if strange else [six if v6 else four]) + ([port] if wanted else [])
		hits += [both] if wanted and not v6 and not strange else []
		for part in f.fragments(datagram(n, v6, 4000 if wanted else 4001, 900 + n % 700, source), 512, n + 1):
			p.add(f.of_packet(part, least=60), "ip", *hits)


@profile("fragments-user-tunnelled", "users' fragments inside GTP-U", N3)
def _(p, packets):
	host, teid, port = p.task("host", ipv4Address=TARGET), p.task("tunnel", gtpuTunnelId=0x701), p.task("port", udpPort="4000")
	for n in range(max(8, packets // 20)):
		wanted = n % 2 == 0
		for part in f.fragments(datagram(n, False, 4000 if wanted else 4001, 900 + n % 700), 512, n + 1):
			mine = n % 3 != 0
			p.add(f.of_packet(f.tunnel(GNB, UPF, 0x701 if mine else 0x702, part, pdu_type=1)), "gtpu", host,
				*([teid] if mine else []), *([port] if wanted else []))


@profile("fragments-tunnel", "the tunnel's own fragments are one packet: in order, reversed and mixed", N3)
def _(p, packets):
	host, teid = p.task("host", ipv4Address=TARGET), p.task("tunnel", gtpuTunnelId=0x701)
	six = p.task("host-v6", ipv6Address=TARGET6)
	for n in range(max(8, packets // 50)):
		v6 = n % 4 == 3
		inner = datagram(n, v6, 4000, 1300 + n % 150)
		ends = (GNB6, UPF6) if n % 5 == 4 else (GNB, UPF)
		parts = f.fragments(f.tunnel(*ends, 0x701 if n % 3 else 0x702, inner, pdu_type=1), 1000 if n % 2 else 504, n + 1)
		if n % 6 == 1:
			parts.reverse()
		elif n % 6 == 2:
			p.rng.shuffle(parts)
		for part in parts[:-1]:
			p.add(f.of_packet(part, least=60), "fragment_held")
		p.add(f.of_packet(parts[-1], least=60), "gtpu", six if v6 else host, *([teid] if n % 3 else []))


# --- malformed
@profile("malformed", "each outcome of a frame at least once; what was certain before the fault still matches",
	{**N3, "gre": True, "ipip": True, "vxlan": True})
def _(p, packets):
	host, six, teid = p.task("host", ipv4Address=TARGET), p.task("host-v6", ipv6Address=TARGET6), p.task("tunnel", gtpuTunnelId=0x801)
	port = p.task("port", udpPort="4000")
	peer, peer6 = "203.0.113.9", "2001:db8::9"
	good = f.ipv4(TARGET, peer, f.UDP, f.udp(4000, 53, b"payload"))
	good6 = f.ipv6(TARGET6, peer6, f.UDP, f.udp(4000, 53, b"payload"))
	def four(protocol, body, **more):
		return f.ether(f.IPV4, f.ipv4(TARGET, peer, protocol, body, **more))
	def in6(following, body, **more):
		return f.ether(f.IPV6, f.ipv6(TARGET6, peer6, following, body, **more))
	def tun(message):
		return f.of_packet(f.ipv4(GNB, UPF, f.UDP, f.udp(2152, 2152, message)))
	def once():
		add = p.add
		add(f.of_packet(good), "ip", host, port)
		add(f.of_packet(good6), "ip", six, port)
		add(f.ether(f.ARP, bytes(46)), "not_ip")
		add(tun(f.gtpu(0x801, good, pdu_type=1)), "gtpu", teid, host, port)
		add(tun(f.gtpu(0x801, bytes(20))), "gtpu_unstructured", teid)
		add(tun(f.gtpu(0, b"\x0e\0", kind=2)), "gtpu_signalling")
		add(four(f.IPIP, good), "tunnel", host, port)
		# links
		add((f.MAC_B + f.MAC_A)[:13], "eth_truncated")
		add(f.ether(f.VLAN, b"\0\1\x08"), "vlan_truncated")
		add(f.ether(*f.tags(f.IPV4, good, 1, 2, 3, 4, 5)), "vlan_depth")
		add(f.ether(f.MPLS, f.mpls(b"", 16, 17)[:6]), "mpls_truncated")
		add(f.ether(f.MPLS, f.mpls(b"", 16)), "mpls_truncated")
		add(f.ether(f.MPLS, f.mpls(good, *range(16, 25))), "mpls_depth")
		add(f.ether(f.PPPOE, f.pppoe(good)[:7]), "pppoe_truncated")
		add(f.ether(f.PPPOE, f.pppoe(good, length=len(good) + 3)), "pppoe_clamped", host, port)
		add(f.ether(f.PPPOE, f.pppoe(good, length=1)), "pppoe_length")
		# IPv4
		add(f.ether(f.IPV4, good[:19]), "ipv4_truncated")
		add(f.ether(f.IPV4, f.ipv4(TARGET, peer, f.UDP, b"", options=bytes(8))[:24]), "ipv4_truncated")
		add(four(f.UDP, bytes(8), first=0x65), "ipv4_version")
		add(four(f.UDP, bytes(8), first=0x44), "ipv4_header_length")
		add(four(f.UDP, bytes(8), total=19), "ipv4_total_length")
		add(four(f.UDP, f.udp(4000, 53), total=0), "ip_no_length", host, port)
		# IPv6
		add(f.ether(f.IPV6, good6[:39]), "ipv6_truncated")
		add(in6(f.UDP, bytes(8), first=0x40), "ipv6_version")
		add(in6(f.UDP, f.udp(4000, 53), length=0), "ip_no_length", six, port)
		add(in6(f.UDP, b"", length=0), "ipv6_payload_length", six)
		add(in6(60, b"\x11\0\1\4"), "ipv6_ext_truncated", six)
		add(in6(60, b"\x11\3\1\4" + bytes(12)), "ipv6_ext_truncated", six)
		add(in6(60, b"".join(f.option_header(60) for _ in range(9)) + bytes(8)), "ipv6_ext_depth", six)
		# above: ports of four octets that were there are certain
		add(four(f.UDP, f.udp(4001, 53)[:6]), "l4_truncated", host)
		add(four(f.TCP, f.tcp(4000, 53)[:19]), "l4_truncated", host)
		add(four(f.ICMP, b"\x08\0"), "l4_truncated", host)
		add(four(f.UDP, f.udp(4001, 53, bytes(4), length=7)), "udp_length", host)
		add(four(f.UDP, f.udp(4001, 53, bytes(4), length=13)), "udp_length", host)
		add(four(f.TCP, f.tcp(4000, 53, offset=4)), "tcp_offset", host)
		add(four(f.TCP, f.tcp(4000, 53, offset=6)), "tcp_offset", host)
		# GTP-U
		add(tun(f.gtpu(0x801, b"")[:7]), "gtpu_truncated")
		add(tun(f.gtpu(0x801, good, first=0x10)), "gtpu_version")
		add(tun(f.gtpu(0x801, good, first=0x50)), "gtpu_version")
		add(tun(f.gtpu(0x801, good, length=len(good) + 1)), "gtpu_clamped", teid, host, port)
		add(tun(f.gtpu(0x801, good, length=len(good) + 8)), "gtpu_clamped", teid, host, port)
		add(tun(f.gtpu(0x801, good, length=len(good) - 8)), "gtpu_clamped", teid, host, port)
		add(tun(f.gtpu(0x801, b"\0\0", first=0x34)), "gtpu_length")
		add(tun(f.gtpu(0x801, b"\0\0\0\x85", first=0x34)), "gtpu_ext_truncated")
		add(tun(f.gtpu(0x801, b"\0\0\0\x85\2\0\0\0", first=0x34)), "gtpu_ext_truncated")
		add(tun(f.gtpu(0x801, b"\0\0\0\x85\0\0\0\0" + good, first=0x34)), "gtpu_ext_length")
		add(tun(f.gtpu(0x801, good, extensions=b"\xc0" + b"\1\0\0\xc0" * 9 + b"\1\0\0\0")), "gtpu_ext_depth")
		# further tunnels: the layer that carries was certain
		add(four(f.GRE, b"\0\0\x08"), "gre_truncated", host)
		add(four(f.GRE, b"\x20\0\x08\0\0\0"), "gre_truncated", host)
		add(four(f.UDP, f.udp(9, f.VXLAN_PORT, b"\x08\0\0\0\0")), "ip", host)
		deep = good
		for _ in range(4):
			deep = f.ipv4("203.0.113.1", "203.0.113.2", f.IPIP, deep)
		add(f.of_packet(deep), "tunnel_depth")  # the target is in the layer too many
	for _ in range(max(1, packets // 400)):
		once()


# --- churn
@profile("churn", "tasks come and go while the target talks: hits only while a task is in force")
def _(p, packets):
	size, rounds = max(20, packets // 20), 20
	for i in range(8):
		p.task(f"host-{i}", ipv4Address=f"192.0.2.{i + 1}")
		p.task(f"host-{i}-port", ipv4Address=f"192.0.2.{i + 1}", udpPort="53")
	p.rounds = []
	for r in range(rounds):
		force = sorted(p.rng.sample(sorted(p.tasks), p.rng.randrange(len(p.tasks))))
		p.rounds.append((len(p.frames), force))
		for n in range(size):
			host, port = p.rng.randrange(8), p.rng.choice((53, 54))
			packet = f.ipv4(f"192.0.2.{host + 1:d}", "203.0.113.9", f.UDP, f.udp(port, 99, bytes(18)), ident=n)
			hits = [f"host-{host:d}"] + ([f"host-{host:d}-port"] if port == 53 else [])
			p.add(f.ether(f.IPV4, packet, least=60), "ip", *[h for h in hits if h in force])
