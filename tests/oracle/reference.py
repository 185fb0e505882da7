"""What a point of interception must make of a frame, written from the decisions about the meaning of a task
(ARCHITECTURE.md: conversations and ends, direction, layers of a tunnel port, payload formats). Naive on purpose: it
takes each frame and each task alone, slices octets, and knows no tables, bursts or offsets kept for later."""
import ipaddress

VLAN_TYPES, MPLS_TYPES = {0x8100, 0x88A8, 0x9100}, {0x8847, 0x8848}
EXTENSIONS = {0, 43, 44, 51, 60, 135, 139, 140}
PORTED = {6: 20, 17: 8, 33: 12, 132: 12}  # protocols with ports and the octets of their smallest header
VLAN_MAX, MPLS_MAX, EXTENSIONS_MAX, AH_MAX, GTPU_MAX, LAYERS_MAX = 4, 8, 8, 8, 8, 4
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
	"""The layers and tunnels of a frame that came in on `port`: a set of names out of gtpu, gre, ipip, vxlan."""

	def __init__(self, octets, port):
		self.octets, self.port = octets, port
		self.layers, self.tunnels, self.ethernet = [], [], None
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
		self.typed(self.number(at + 12, 2), at + 14, end)

	def typed(self, kind, at, end):
		for depth in range(VLAN_MAX + 1):
			if kind not in VLAN_TYPES:
				break
			if depth == VLAN_MAX:
				raise Fault
			self.need(at, 4, end)
			kind, at = self.number(at + 2, 2), at + 4
		if kind == 0x0800:
			self.ipv4(at, end)
		elif kind == 0x86DD:
			self.ipv6(at, end)
		elif kind in MPLS_TYPES:
			self.mpls(at, end)
		elif kind == 0x8864:
			self.pppoe(at, end)

	def mpls(self, at, end):
		for _ in range(MPLS_MAX):
			self.need(at, 4, end)
			bottom, at = self.octets[at + 2] & 1, at + 4
			if bottom:
				self.need(at, 1, end)
				return self.shows_ip(at, end) and self.by_version(at, end)
		raise Fault

	def shows_ip(self, at, end):
		"""Behind labels: a header whose checksum and length are right."""
		version, word = self.octets[at] >> 4, self.ip_word(at, end)
		if word > end - at:
			return False
		if version == 6:
			return word >= 40 and (end - at - word in (0, 4) or len(self.octets) <= 64)
		header = (self.octets[at] & 15) * 4
		return version == 4 and 20 <= header <= end - at and \
			sum(self.number(at + i, 2) for i in range(0, header, 2)) % 65535 == 0

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
		if promised <= end and not promised < at + self.ip_word(at, end) <= end:
			end = promised
		if protocol == 0x21:
			self.ipv4(at, end)
		elif protocol == 0x57:
			self.ipv6(at, end)

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
			if l.ports[1] == 2152 and "gtpu" in self.port:
				self.gtpu(l, at + 8, end, length - 8)
			elif l.ports[1] == 4789 and "vxlan" in self.port:
				self.need(at + 8, 8, end)
				l.carrier = True
				self.link(at + 16, end)
		elif l.protocol == 47 and "gre" in self.port:
			self.gre(at, end)
		elif l.protocol == 4 and "ipip" in self.port:
			self.ipv4(at, end)
		elif l.protocol == 41 and "ipip" in self.port:
			self.ipv6(at, end)

	def gre(self, at, end):
		self.need(at, 4, end)
		flags, kind = self.number(at, 2), self.number(at + 2, 2)
		if flags & 0x4007:
			return
		size = 4 + 4 * bin(flags & 0xB000).count("1")
		self.need(at, size, end)
		if kind == 0x6558:
			self.link(at + size, end)
		else:
			self.typed(kind, at + size, end)

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

	def content(self, at, end, size):
		"""A T-PDU is IP when its own length says so, else Ethernet when it looks like it, else what its version says."""
		if not size:
			return
		self.need(at, 1, end)
		version, here = self.octets[at] >> 4, end - at
		if self.ip_word(at, end) != size and here >= 14:
			kind = self.number(at + 12, 2)
			inner = self.octets[at + 14] >> 4 if here > 14 else None
			if (kind, inner) in ((0x0800, 4), (0x86DD, 6)) or kind in VLAN_TYPES | MPLS_TYPES | {0x0806, 0x8863, 0x8864, 0x88CC}:
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
