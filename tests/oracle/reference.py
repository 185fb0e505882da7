"""What a point of interception must make of a frame, written from the decisions about the meaning of a task
(docs/decisions: conversations and ends, direction, layers of a tunnel port, payload formats). Naive on purpose: it
takes each frame and each task alone, slices octets, and knows no tables, bursts or offsets kept for later."""
import ipaddress

VLAN_TYPES, MPLS_TYPES = {0x8100, 0x88A8, 0x9100, 0x9200}, {0x8847, 0x8848}
# Octets between a tag's ethertype and the next one: 802.1Q, VN-tag, 802.1BR, Cisco metadata (version and length of 1).
TAGS = {**{kind: 2 for kind in VLAN_TYPES}, 0x8926: 4, 0x893F: 6, 0x8909: 6}
UDP_TUNNELS = {2152: "gtpu", 4789: "vxlan", 4790: "vxlan-gpe", 6081: "geneve", 37008: "tzsp", 6635: "mpls-in-udp"}
EXTENSIONS = {0, 43, 44, 51, 60, 135, 139, 140}
PORTED = {6: 20, 17: 8, 33: 12, 132: 12}  # protocols with ports and the octets of their smallest header
VLAN_MAX, MPLS_MAX, EXTENSIONS_MAX, AH_MAX, GTPU_MAX, LAYERS_MAX, ETHERNET_MAX, TZSP_MAX = 4, 8, 8, 8, 8, 4, 8, 32
FROM, TO, BOTH, UNKNOWN = 3, 2, 4, 1


class Fault(Exception):
	"""Nothing behind this place is certain; what was found before stands."""


class Layer:
	def __init__(self, at, length, cut, source, destination):
		self.at, self.length, self.cut, self.source, self.destination = at, length, cut, source, destination
		self.protocol, self.ports, self.carrier, self.fragment = None, None, False, None

	@property
	def later(self):
		return self.fragment is not None and self.fragment[1]


class Tunnel:
	def __init__(self, teid, outer, at, end, inner):
		self.teid, self.outer, self.at, self.end, self.inner = teid, outer, at, end, inner
		self.container = None  # PDU type


class Frame:
	"""The layers and tunnels of a frame that came in on `port`: a set of its keys' names and of VXLAN's further UDP ports."""

	def __init__(self, octets, port):
		self.octets, self.port = octets, port
		self.layers, self.tunnels, self.ethernet, self.ethernets = [], [], None, 0
		try:
			self.link(0, len(octets))
		except Fault:
			pass

	def number(self, at, n):
		return int.from_bytes(self.octets[at:at + n], "big")

	@staticmethod
	def need(at, n, end):
		if end - at < n:
			raise Fault

	def link(self, at, end):
		self.need(at, 14, end)
		self.ethernets += 1
		if self.ethernets > ETHERNET_MAX:
			raise Fault
		kind, at = self.tags(self.number(at + 12, 2), at + 14, end)
		if kind is not None and kind > 1500:
			self.named(kind, at, end)
		elif kind is not None and self.snap(at, end):
			self.named(self.number(at + 6, 2), at + 8, end)
		elif kind is not None and end - at >= 3 and self.octets[at:at + 3] == b"\6\6\3":
			self.ipv4(at + 3, end)

	def tags(self, kind, at, end):
		"""The type and place of what is behind the tags; type None: not known."""
		for depth in range(VLAN_MAX + 1):
			if kind not in TAGS:
				return kind, at
			if depth == VLAN_MAX:
				raise Fault
			self.need(at, TAGS[kind] + 2, end)
			if kind == 0x8909 and self.number(at, 2) != 0x0101:
				return None, at
			kind, at = self.number(at + TAGS[kind], 2), at + TAGS[kind] + 2

	def snap(self, at, end):
		"""RFC 1042 and 802.1H: an ethertype behind LLC."""
		return end - at >= 8 and self.octets[at:at + 6] in (b"\xaa\xaa\3\0\0\0", b"\xaa\xaa\3\0\0\xf8")

	def typed(self, kind, at, end):
		kind, at = self.tags(kind, at, end)
		if kind is not None:
			self.named(kind, at, end)

	def named(self, kind, at, end):
		readers = {0x0800: self.ipv4, 0x86DD: self.ipv6, 0x8864: self.pppoe, 0x894F: self.nsh, **dict.fromkeys(MPLS_TYPES, self.mpls)}
		if kind in readers:
			readers[kind](at, end)
		elif kind == 0x88E7:  # 802.1ah: the instance, and a whole frame
			self.need(at, 4, end)
			self.link(at + 4, end)

	def nsh(self, at, end):
		"""RFC 8300."""
		self.need(at, 8, end)
		size, following = (self.octets[at + 1] & 63) * 4, self.octets[at + 3]
		if self.octets[at] & 0xE0 or size < 8:
			return
		self.need(at, size, end)
		reader = {1: self.ipv4, 2: self.ipv6, 3: self.link, 5: self.mpls}.get(following)
		if reader:
			reader(at + size, end)

	def mpls(self, at, end):
		for _ in range(MPLS_MAX):
			self.need(at, 4, end)
			bottom, at = self.octets[at + 2] & 1, at + 4
			if bottom:
				self.need(at, 1, end)
				return self.behind_labels(at, end)
		raise Fault

	def behind_labels(self, at, end):
		if self.shows_ip(at, end):
			return self.by_version(at, end)
		if "mpls-pseudowire" not in self.port or self.tunnels:
			return
		if self.checksum_holds(at, end):  # IPv4 that the frame does not hold
			return
		if not self.octets[at] >> 4 and self.shows_ethernet(at + 4, end, end, True):
			self.link(at + 4, end)
		elif self.shows_ethernet(at, end, end, True):
			self.link(at, end)

	def checksum_holds(self, at, end):
		"""Of an IPv4 header (RFC 1071)."""
		if at >= end or self.octets[at] >> 4 != 4:
			return False
		header = (self.octets[at] & 15) * 4
		return 20 <= header <= end - at and sum(self.number(at + i, 2) for i in range(0, header, 2)) % 65535 == 0

	def shows_ip(self, at, end, padded=True):
		"""Behind labels: a header whose checksum and length are right. `padded`: the frame may have been filled up."""
		if at >= end:
			return False
		version, word = self.octets[at] >> 4, self.ip_word(at, end)
		if word > end - at:
			return False
		if version == 6:
			return end - at >= 40 and (end - at - word in (0, 4) or padded and len(self.octets) <= 64)
		return version == 4 and self.checksum_holds(at, end)

	def fits_ip(self, version, at, end, promised, labels, padded=True):
		"""IP whose version and lengths hold within `promised`; behind labels as above."""
		least = 20 if version == 4 else 40
		if end - at < least or self.octets[at] >> 4 != version:
			return False
		if version == 6:
			word = self.number(at + 4, 2) + 40
			rest = promised - at - word
			return rest >= 0 and (not labels or rest in (0, 4) or padded and len(self.octets) <= 64)
		header, word = (self.octets[at] & 15) * 4, self.number(at + 2, 2)
		return 20 <= header <= end - at and (word == 0 or header <= word <= promised - at) and \
			(not labels or self.checksum_holds(at, end))

	def shows_ethernet(self, at, end, promised, labels=False, padded=True):
		"""An Ethernet header, and behind its tags what its type says; `promised`: where it ends by the word of what carries it."""
		if end - at < 14:
			return False
		try:
			kind, at = self.tags(self.number(at + 12, 2), at + 14, end)
		except Fault:
			return False
		here = end - at
		if kind in (0x0800, 0x86DD):
			return self.fits_ip(4 if kind == 0x0800 else 6, at, end, promised, labels, padded)
		if kind == 0x0806:
			return here >= 28 and self.octets[at:at + 6] == b"\0\1\10\0\6\4"
		if kind in (0x8863, 0x8864):
			return here >= 6 and self.octets[at] == 0x11
		if kind in MPLS_TYPES | {0x894F, 0x88E7, 0x88CC}:
			return here >= 4
		return kind is not None and 8 <= kind <= min(1500, promised - at) and self.snap(at, end)

	def by_version(self, at, end):
		version = self.octets[at] >> 4
		if version == 4:
			self.ipv4(at, end)
		elif version == 6:
			self.ipv6(at, end)

	def pppoe(self, at, end):
		self.need(at, 8, end)
		if self.octets[at] != 0x11 or self.octets[at + 1] != 0:
			return
		size = 1 if self.octets[at + 6] & 1 else 2  # compressed, or not
		length, protocol = self.number(at + 4, 2), self.number(at + 6, size)
		if length < size:
			raise Fault
		promised, at = at + 6 + length, at + 6 + size
		if protocol in (0x281, 0x283):
			return self.mpls(at, min(end, promised))
		if promised <= end and not promised < at + self.ip_word(at, end) <= end:
			end = promised
		if protocol == 0x21:
			self.ipv4(at, end)
		elif protocol == 0x57:
			self.ipv6(at, end)

	def ppp(self, at, end):
		"""PPP behind GRE: address and control may be there, the protocol may be of one octet."""
		if self.octets[at:min(end, at + 2)] == b"\xff\3":
			at += 2
		if end - at < 2:
			return
		size = 1 if self.octets[at] & 1 else 2
		reader = {0x21: self.ipv4, 0x57: self.ipv6, 0x281: self.mpls, 0x283: self.mpls}.get(self.number(at, size))
		if reader and end - at > size:
			reader(at + size, end)

	def ip_word(self, at, end):
		"""What an IP packet says of its own length, or 0."""
		if end - at < 6:
			return 0
		version = self.octets[at] >> 4
		return self.number(at + 2, 2) if version == 4 else self.number(at + 4, 2) + 40 if version == 6 else 0

	def layer(self, at, length, end, source, destination):
		l = Layer(at, length, at + length > end, source, destination)
		self.layers.append(l)
		return l, min(end, at + length)

	def ipv4(self, at, end):
		if len(self.layers) == LAYERS_MAX:
			raise Fault
		self.need(at, 20, end)
		header, length = (self.octets[at] & 15) * 4, self.number(at + 2, 2)
		if self.octets[at] >> 4 != 4 or header < 20:
			raise Fault
		self.need(at, header, end)
		length = length or end - at  # as it came
		if length < header:
			raise Fault
		l, end = self.layer(at, length, end, self.octets[at + 12:at + 16], self.octets[at + 16:at + 20])
		l.protocol = self.octets[at + 9]
		offset = self.number(at + 6, 2)
		if offset & 0x3FFF:
			l.fragment = (self.number(at + 4, 2), bool(offset & 0x1FFF))
		if l.later:
			return
		promised, at = at + length, at + header
		for depth in range(AH_MAX + 1):
			if l.protocol != 51:
				break
			if depth == AH_MAX:
				raise Fault
			self.need(at, 8, end)
			size = (self.octets[at + 1] + 2) * 4
			self.need(at, size, end)
			l.protocol, at = self.octets[at], at + size
		self.upper(l, at, end, promised - at)

	def ipv6(self, at, end):
		if len(self.layers) == LAYERS_MAX:
			raise Fault
		self.need(at, 40, end)
		if self.octets[at] >> 4 != 6:
			raise Fault
		length, following = self.number(at + 4, 2), self.octets[at + 6]
		if not length and following == 0 and end - at >= 48 and self.octets[at + 42:at + 44] == b"\xc2\4":
			length = self.number(at + 44, 4)  # a jumbogram
		elif not length and following != 59:
			length = end - at - 40  # as it came
		promised = at + 40 + length
		l, end = self.layer(at, 40 + length, end, self.octets[at + 8:at + 24], self.octets[at + 24:at + 40])
		if not length and following != 59:
			raise Fault
		at += 40
		for depth in range(EXTENSIONS_MAX + 1):
			if following not in EXTENSIONS:
				break
			if depth == EXTENSIONS_MAX:
				raise Fault
			self.need(at, 8, end)
			size = 8 if following == 44 else (self.octets[at + 1] + 2) * 4 if following == 51 else (self.octets[at + 1] + 1) * 8
			self.need(at, size, end)
			if following == 44 and self.number(at + 2, 2) & 0xFFF9:
				l.fragment = (self.number(at + 4, 4), bool(self.number(at + 2, 2) & 0xFFF8))
			following, at = self.octets[at], at + size
			if l.later:
				l.protocol = following
				return
		l.protocol = following
		self.upper(l, at, end, promised - at)

	def upper(self, l, at, end, promised):
		"""`promised`: octets of the upper layer by the IP header's word."""
		if l.protocol in PORTED:
			if end - at >= 4:
				l.ports = (self.number(at, 2), self.number(at + 2, 2))
			self.need(at, PORTED[l.protocol], end)
		if l.fragment:
			return
		if l.protocol == 17:
			length = self.number(at + 4, 2)
			if length < 8 or length > promised:
				raise Fault
			end = min(end, at + length)
			self.datagram(l, at + 8, end, at + length)
		elif l.protocol == 47 and "gre" in self.port:
			self.gre(at, end)
		elif l.protocol == 97 and "etherip" in self.port:
			self.etherip(at, end)
		elif l.protocol == 4 and "ipip" in self.port:
			self.ipv4(at, end)
		elif l.protocol == 41 and "ipip" in self.port:
			self.ipv6(at, end)

	def datagram(self, l, at, end, promised):
		"""The content of a UDP datagram, which ends at `promised` by its own word."""
		name = "vxlan" if l.ports[1] in self.port else UDP_TUNNELS.get(l.ports[1])
		if name == "gtpu" and name in self.port:
			return self.gtpu(l, at, end, promised - at)
		if self.tunnels or name not in self.port and l.ports[1] not in self.port:
			return None  # what a mirror wraps is no user's business
		found = self.shows_tunnel(name, at, end, promised)
		if found:
			l.carrier = True
			reader, at = found
			reader(at, end)
		return None

	def shows_tunnel(self, name, at, end, promised):
		"""(how to read it, where it begins) of what shows itself as the tunnel of that name."""
		here, octet = end - at, self.octets[at:end]
		kind = None  # ethertype of the content; 0x6558: Ethernet
		if name == "vxlan" and here >= 8 and octet[0] & 8:
			kind, at = 0x6558, at + 8
		elif name == "vxlan-gpe" and here >= 8 and octet[0] & 0x39 == 8:
			kinds = {1: 0x0800, 2: 0x86DD, 3: 0x6558, 4: 0x894F, 5: 0x8847}
			kind, at = (kinds.get(octet[3]) if octet[0] & 4 else 0x6558), at + 8
		elif name == "geneve" and here >= 8 and not octet[0] >> 6:
			kind, at = self.number(at + 2, 2), at + 8 + (octet[0] & 63) * 4
		elif name == "tzsp":
			kind, at = self.tzsp(at, end)
		elif name == "mpls-in-udp":
			kind = 0x8847
		if kind is None or at > end:
			return None
		if kind == 0x6558:
			return self.shows_ethernet(at, end, promised, padded=False) and (self.link, at)
		if kind in (0x0800, 0x86DD):
			version = 4 if kind == 0x0800 else 6
			return self.fits_ip(version, at, end, promised, False) and (self.by_version, at)
		if kind == 0x894F:
			return end - at >= 4 and (self.nsh, at)
		return kind in MPLS_TYPES and self.shows_labels(at, end, promised) and (self.mpls, at)

	def tzsp(self, at, end):
		"""Version 1, a received or sent frame of Ethernet; its tags end with one of type 1."""
		if end - at < 5 or self.octets[at:at + 2] not in (b"\1\0", b"\1\1") or self.number(at + 2, 2) != 1:
			return None, at
		at += 4
		for _ in range(TZSP_MAX):
			if at >= end:
				break
			if self.octets[at] == 1:
				return 0x6558, at + 1
			if self.octets[at] and at + 1 >= end:
				break
			at += 1 if not self.octets[at] else 2 + self.octets[at + 1]
		return None, at

	def shows_labels(self, at, end, promised):
		for _ in range(MPLS_MAX):
			if end - at < 4:
				return False
			bottom, at = self.octets[at + 2] & 1, at + 4
			if not bottom:
				continue
			if any(self.fits_ip(version, at, end, promised, True, False) for version in (4, 6)):
				return True
			return "mpls-pseudowire" in self.port and at < end and (
				not self.octets[at] >> 4 and self.shows_ethernet(at + 4, end, promised, True, False) or
				self.shows_ethernet(at, end, promised, True, False))
		return False

	def gre(self, at, end):
		"""RFC 2784 and 2890; RFC 2637 (version 1) carries PPP."""
		self.need(at, 4, end)
		flags, kind = self.number(at, 2), self.number(at + 2, 2)
		size = 4 + 4 * bin(flags & 0xB000).count("1")
		if flags & 0xF807 == 0x3001 and kind == 0x880B:
			size += 4 * (flags >> 7 & 1)
		elif flags & 0x4007:
			return
		self.need(at, size, end)
		at += size
		if kind == 0x6558:
			self.link(at, end)
		elif kind == 0x880B:
			self.ppp(at, end)
		elif kind in MPLS_TYPES | {0x88BE, 0x22EB}:
			if not self.tunnels:
				self.mirrored(kind, flags, at, end)
		elif kind > 1500:
			self.typed(kind, at, end)

	def mirrored(self, kind, flags, at, end):
		"""ERSPAN I, II and III, labels: what a mirror sends through GRE."""
		if kind in MPLS_TYPES:
			self.mpls(at, end)
		elif kind == 0x88BE and not flags & 0x1000:
			self.link(at, end)
		elif kind == 0x88BE:
			self.need(at, 8, end)
			if self.octets[at] >> 4 == 1:
				self.link(at + 8, end)
		else:
			self.need(at, 12, end)
			size, content = 20 if self.octets[at + 11] & 1 else 12, self.octets[at + 10] >> 2 & 31
			if self.octets[at] >> 4 == 2 and content in (0, 2):
				self.need(at, size + 1, end)
				(self.link if content == 0 else self.by_version)(at + size, end)

	def etherip(self, at, end):
		"""RFC 3378."""
		if end - at >= 2 and self.number(at, 2) == 0x3000 and not self.tunnels:
			self.link(at + 2, end)

	def gtpu(self, l, at, end, size):
		self.need(at, 8, end)
		flags, kind, length = self.octets[at], self.octets[at + 1], self.number(at + 2, 2)
		if flags & 0xF0 != 0x30:
			raise Fault
		if kind != 255:
			return
		message, promised, datagram = at, at + 8 + length, at + size
		at += 8
		tunnel = Tunnel(self.number(message + 4, 4), l, message, 0, 0)
		if flags & 7:
			at = self.gtpu_options(tunnel, flags, at, end, datagram)
		# What is behind the message is padding, but not where that cuts an IP packet.
		if not at <= promised <= datagram or promised < at + self.ip_word(at, end) <= datagram:
			promised = datagram
		end = tunnel.end = min(end, promised)
		l.carrier = True
		tunnel.inner = at
		self.tunnels.append(tunnel)
		self.content(at, end, promised - at)

	def gtpu_options(self, tunnel, flags, at, end, promised):
		self.need(at, 4, promised)
		self.need(at, 4, end)
		following, at = (self.octets[at + 3] if flags & 4 else 0), at + 4
		for depth in range(GTPU_MAX + 1):
			if not following:
				return at
			if depth == GTPU_MAX:
				raise Fault
			self.need(at, 4, end)
			size = self.octets[at] * 4
			if not size:
				raise Fault
			self.need(at, size, end)
			if following == 0x85 and self.octets[at + 1] >> 4 <= 1 and tunnel.container is None:
				tunnel.container = self.octets[at + 1] >> 4
			following, at = self.octets[at + size - 1], at + size
		return at

	def is_ethernet(self, at, end, promised):
		"""Where the first octet may be IP's, all of it has to show Ethernet: a type may be half of an address."""
		if self.octets[at] >> 4 in (4, 6):
			return self.shows_ethernet(at, end, promised)
		if end - at < 14:
			return False
		kind, inner = self.number(at + 12, 2), self.octets[at + 14] >> 4 if end - at > 14 else None
		return (kind, inner) in ((0x0800, 4), (0x86DD, 6)) or \
			kind in VLAN_TYPES | MPLS_TYPES | {0x0806, 0x8863, 0x8864, 0x88CC}

	def content(self, at, end, size):
		"""A T-PDU is IP when its own length or checksum says so, else Ethernet when it looks like it, else what its version says."""
		if not size:
			return
		self.need(at, 1, end)
		if self.ip_word(at, end) != size and not self.checksum_holds(at, end) and self.is_ethernet(at, end, at + size):
			if len(self.tunnels) == 1:
				self.ethernet = at
			return self.link(at, end)
		self.by_version(at, end)


class Task:
	"""The criteria of one task; all must hold."""

	def __init__(self, addresses=(), ports=(), protocol=None, teid=None, fteid=None, macs=()):
		self.addresses = [ipaddress.ip_network(a) for a in addresses]
		self.ports, self.protocol = [self._span(p) for p in ports], {"tcp": 6, "udp": 17}.get(protocol)
		self.teid, self.macs = teid, [bytes.fromhex(m.replace(":", "")) for m in macs]
		self.fteid = fteid and (fteid[0], ipaddress.ip_address(fteid[1]).packed)

	@staticmethod
	def _span(text):
		first, _, last = text.partition("-")
		return range(int(first), int(last or first) + 1)

	# --- ends of one layer
	def ends(self, l):
		"""None, or the direction: 3 from, 2 to the target, 4 both; 1 without an address."""
		def at(network, octets):
			a = ipaddress.ip_address(octets)
			return a.version == network.version and a in network
		if self.ports and (l.ports is None or l.carrier or l.protocol != self.protocol):
			return None
		here = [(l.source, l.ports and l.ports[0]), (l.destination, l.ports and l.ports[1])]
		found = set()
		for near, far, direction in ((here[0], here[1], FROM), (here[1], here[0], TO)):
			a, p = self.addresses, self.ports
			if a and not at(a[0], near[0]) or len(a) == 2 and not at(a[1], far[0]):
				continue
			if len(a) != 1:  # ports at either end
				good = not p or (near[1] in p[0] or far[1] in p[0] if len(p) == 1 else
					near[1] in p[0] and far[1] in p[1] or near[1] in p[1] and far[1] in p[0])
			elif len(p) == 2:
				good = near[1] in p[0] and far[1] in p[1] or near[1] in p[1] and far[1] in p[0]
			else:
				good = not p or near[1] in p[0]
			if good:
				found.add(direction)
		if not found:
			return None
		if not self.addresses:
			return UNKNOWN
		return BOTH if len(self.addresses) == 2 or len(found) == 2 else found.pop()

	def first_layer(self, layers, given=None):
		for l in layers:
			direction = self.ends(l)
			if direction:
				return l, (direction if self.addresses or given is None else given)
		return None

	# --- the whole frame
	def hit(self, frame, endpoints):
		"""None, or (format, direction, payload). Payload None: the frame does not hold all of it."""
		if self.macs:
			return self.by_mac(frame)
		if self.teid is not None or self.fteid:
			return self.by_tunnel(frame, endpoints)
		found = self.first_layer(frame.layers)
		return found and deliver(frame, *found)

	def by_mac(self, frame):
		for at in (0, frame.ethernet):
			if at is None or len(frame.octets) - at < 14:
				continue
			destination, source = frame.octets[at:at + 6], frame.octets[at + 6:at + 12]
			near, far = source == self.macs[0], destination == self.macs[0]
			if len(self.macs) == 2:  # two ends of one conversation
				near = far = sorted((source, destination)) == sorted(self.macs)
			if not near and not far:
				continue
			direction = BOTH if near and far else FROM if near else TO
			if self.addresses or self.ports:
				found = self.first_layer(frame.layers, direction)
				return found and deliver(frame, *found)
			if not at:
				return 7, direction, frame.octets
			t = frame.tunnels[0]  # the frame in the tunnel, not what carries it
			return 7, direction, None if t.outer.cut else frame.octets[at:t.end]
		return None

	def by_tunnel(self, frame, endpoints):
		def ours(octets):
			a = ipaddress.ip_address(octets)
			return any(a.version == e.version and a in e for e in endpoints)
		for t in frame.tunnels:
			if self.teid is not None and (t.teid != self.teid or not ours(t.outer.destination)):
				continue
			if self.fteid and (t.teid, t.outer.destination) != self.fteid:
				continue
			from_us, to_us = ours(t.outer.source), ours(t.outer.destination)
			if t.container is not None:
				direction = FROM if t.container else TO
			else:
				direction = UNKNOWN if from_us == to_us else FROM if to_us else TO
			inside = frame.layers[frame.layers.index(t.outer) + 1:]
			if self.addresses or self.ports:
				found = self.first_layer(inside, direction)
				if found:
					return deliver(frame, *found)
				continue
			return deliver(frame, inside[0] if inside else t.outer, direction, True)
		return None


def deliver(frame, layer, direction, tunnelled=False):
	"""Format and payload of a hit on a layer: the outermost tunnel's message, or the layer's own datagram."""
	if frame.tunnels:
		first = frame.tunnels[0]
		if tunnelled or frame.layers.index(layer) > frame.layers.index(first.outer):
			return 12, direction, None if first.outer.cut else frame.octets[first.at:first.end]
	octets = frame.octets[layer.at:layer.at + layer.length]
	return (5 if len(layer.source) == 4 else 6), direction, None if layer.cut else octets
