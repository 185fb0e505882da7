"""Frames from plain fields, octet by octet: quick enough for 65,536 tunnels, and able to say what is wrong."""
import ipaddress
import struct

IPV4, IPV6, VLAN, QINQ, MPLS, PPPOE, ARP, TEB = 0x0800, 0x86DD, 0x8100, 0x88A8, 0x8847, 0x8864, 0x0806, 0x6558
ICMP, IPIP, TCP, UDP, SIXIN4, GRE = 1, 4, 6, 17, 41, 47
GTPU_PORT, VXLAN_PORT = 2152, 4789
MAC_A, MAC_B = bytes.fromhex("020000000010"), bytes.fromhex("020000000020")

_cache = {}


def address(text):
	"""Octets of an address; of octets, the same."""
	if isinstance(text, bytes):
		return text
	packed = _cache.get(text)
	if packed is None:
		packed = _cache[text] = ipaddress.ip_address(text).packed
	return packed


def checksum(octets):
	if len(octets) & 1:
		octets += b"\0"
	total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
	total = (total & 0xFFFF) + (total >> 16)
	return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def ether(kind, payload, source=MAC_A, destination=MAC_B, least=0):
	"""`least`: octets without the check sequence, filled up with zeros (60 on a wire)."""
	frame = destination + source + kind.to_bytes(2, "big") + payload
	return frame + bytes(max(0, least - len(frame)))


def tags(kind, payload, *vlans):
	"""(ethertype, octets) of a payload behind VLAN tags, outermost first; more than one: outer ones are 802.1ad."""
	for n, vlan in enumerate(reversed(vlans)):
		payload = vlan.to_bytes(2, "big") + kind.to_bytes(2, "big") + payload
		kind = VLAN if n == 0 else QINQ
	return kind, payload


def mpls(payload, *labels):
	return b"".join(struct.pack(">I", label << 12 | (n == len(labels) - 1) << 8 | 64) for n, label in enumerate(labels)) + payload


def pppoe(payload, protocol=0x0021, session=1, length=None, code=0):
	return struct.pack(">BBHHH", 0x11, code, session, len(payload) + 2 if length is None else length, protocol) + payload


def ip(source, destination, protocol, payload, **more):
	"""IPv4 or IPv6, by its addresses."""
	return (ipv4 if len(address(source)) == 4 else ipv6)(source, destination, protocol, payload, **more)


def ipv4(source, destination, protocol, payload, ident=0, offset=0, more=False, total=None, options=b"", first=None):
	"""`offset`: of a fragment, in octets. `total`, `first`: a total length or first octet that is not the right one."""
	header = struct.pack(">BBHHHBBH4s4s", 0x40 + 5 + len(options) // 4 if first is None else first, 0,
		20 + len(options) + len(payload) if total is None else total, ident, (0x2000 if more else 0) | offset // 8, 64,
		protocol, 0, address(source), address(destination)) + options
	return header[:10] + checksum(header).to_bytes(2, "big") + header[12:] + payload


def ipv6(source, destination, protocol, payload, length=None, first=0x60):
	return struct.pack(">BBHHBB16s16s", first, 0, 0, len(payload) if length is None else length, protocol, 64,
		address(source), address(destination)) + payload


def fragment_header(following, offset, more, ident):
	return struct.pack(">BBHI", following, 0, offset | more, ident)


def option_header(following, octets=8):
	"""A destination options header full of padding."""
	return struct.pack(">BBBB", following, octets // 8 - 1, 1, octets - 4) + bytes(octets - 4)


def udp(sport, dport, payload=b"", length=None):
	return struct.pack(">HHHH", sport, dport, 8 + len(payload) if length is None else length, 0) + payload


def tcp(sport, dport, payload=b"", sequence=0, offset=5):
	return struct.pack(">HHIIBBHHH", sport, dport, sequence, 0, offset << 4, 0x10, 65535, 0, 0) + payload


def with_checksum(source, destination, protocol, upper):
	"""The same with the checksum that IPv6 wants."""
	at = 6 if protocol == UDP else 16
	pseudo = address(source) + address(destination) + struct.pack(">IHBB", len(upper), 0, 0, protocol)
	value = checksum(pseudo + upper[:at] + b"\0\0" + upper[at + 2:]) or 0xFFFF
	return upper[:at] + value.to_bytes(2, "big") + upper[at + 2:]


def gtpu(teid, payload=b"", pdu_type=None, qfi=9, kind=255, length=None, first=None, extensions=b""):
	"""`pdu_type`: with a PDU session container, 0 downlink or 1 uplink. `extensions`: further or other headers, the
	first one's type in front."""
	rest = payload
	flags = 0x30
	if pdu_type is not None:
		following = extensions[:1] or b"\0"
		rest = b"\0\0\0\x85" + bytes((1, pdu_type << 4, qfi)) + following + extensions[1:] + payload
		flags = 0x34
	elif extensions:
		rest = b"\0\0\0" + extensions + payload
		flags = 0x34
	return struct.pack(">BBHI", flags if first is None else first, kind, len(rest) if length is None else length, teid) + rest


def tunnel(source, destination, teid, payload, **more):
	"""An IP packet that carries `payload` through a GTP-U tunnel."""
	return ip(source, destination, UDP, udp(GTPU_PORT, GTPU_PORT, gtpu(teid, payload, **more)))


def vxlan(vni, frame):
	return struct.pack(">II", 0x08000000, vni << 8) + frame


def gre(kind, payload, key=None):
	return struct.pack(">HH", 0x2000 if key is not None else 0, kind) + (b"" if key is None else key.to_bytes(4, "big")) + payload


def gpe(following, payload, vni=1):
	return struct.pack(">BBBBI", 0x0C, 0, 0, following, vni << 8) + payload


def geneve(kind, payload, options=b"", vni=1):
	return struct.pack(">BBHI", len(options) // 4, 0, kind, vni << 8) + options + payload


def tzsp(frame, tags=b""):
	return b"\1\0\0\1" + tags + b"\1" + frame


def etherip(frame):
	return b"\x30\0" + frame


def erspan(kind, frame):
	"""GRE with ERSPAN I, II or III."""
	if kind == 1:
		return struct.pack(">HH", 0, 0x88BE) + frame
	header = struct.pack(">II", 0x10010001, 0) if kind == 2 else struct.pack(">III", 0x20010001, 0, 0)
	return struct.pack(">HHI", 0x1000, 0x88BE if kind == 2 else 0x22EB, 1) + header + frame


def pptp(payload, protocol=0x0021):
	"""GRE of version 1 with PPP."""
	return struct.pack(">HHHHI", 0x3001, 0x880B, len(payload) + 4, 7, 1) + b"\xff\3" + protocol.to_bytes(2, "big") + payload


def nsh(following, payload, context=b""):
	return struct.pack(">BBBBI", 0x0F, 0xC0 | 2 + len(context) // 4, 2, following, 0x1FF) + context + payload


def snap(kind, payload):
	"""(length, octets): LLC and SNAP."""
	return len(payload) + 8, b"\xaa\xaa\3\0\0\0" + kind.to_bytes(2, "big") + payload


TAG_FIELDS = {0x9200: b"\0\x64", 0x8926: b"\0\1\0\2", 0x893F: b"\0\0\0\0\0\1", 0x8909: b"\1\1\0\1\0\x64"}


def tagged(tag, kind, payload):
	"""(ethertype, octets) behind one tag of TAG_FIELDS, or the instance tag of 802.1ah."""
	if tag == 0x88E7:
		return tag, b"\0\0\1\x23" + ether(kind, payload)
	return tag, TAG_FIELDS[tag] + kind.to_bytes(2, "big") + payload


def fragments(packet, size, ident):
	"""The fragments of an IP packet; `size`: payload octets of each but the last, a multiple of 8."""
	parts = []
	head, protocol = (20, packet[9]) if packet[0] >> 4 == 4 else (40, packet[6])
	body = packet[head:]
	for at in range(0, len(body), size):
		more = at + size < len(body)
		if head == 20:
			parts.append(ipv4(packet[12:16], packet[16:20], protocol, body[at:at + size], ident=ident, offset=at, more=more))
		else:
			parts.append(ipv6(packet[8:24], packet[24:40], 44, fragment_header(protocol, at, more, ident) + body[at:at + size]))
	return parts


def of_packet(packet, least=0):
	"""The Ethernet frame of an IP packet."""
	return ether(IPV4 if packet[0] >> 4 == 4 else IPV6, packet, least=least)
