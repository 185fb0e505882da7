"""Classic pcap files with nanosecond time stamps: enough to write PDUs and packets and read them back."""
import struct

LINK_ETHERNET = 1
LINK_RAW = 101  # an IP packet without a link header
LINK_USER0 = 147  # one X2/X3 PDU a record
MAGIC_NS = 0xA1B23C4D
MAGIC_US = 0xA1B2C3D4


class Writer:
	"""One file; `write(time_ns, octets)`. Truncates what was there."""

	def __init__(self, path, link):
		self._out = open(path, "wb", buffering=1 << 20)
		self._out.write(struct.pack("<IHHiIII", MAGIC_NS, 2, 4, 0, 0, 0x7FFFFFFF, link))

	def write(self, time_ns, octets):
		seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
		n = len(octets)
		self._out.write(struct.pack("<IIII", seconds & 0xFFFFFFFF, nanoseconds, n, n))
		self._out.write(octets)

	def flush(self):
		self._out.flush()

	def close(self):
		self._out.close()


def read(path):
	"""(link type, [(time_ns, octets), ...]) of a pcap file, either octet order and resolution."""
	with open(path, "rb") as f:
		data = f.read()
	if len(data) < 24:
		raise ValueError(f"{path}: not a pcap file")
	for order in "<>":
		magic = struct.unpack_from(order + "I", data)[0]
		if magic in (MAGIC_NS, MAGIC_US):
			break
	else:
		raise ValueError(f"{path}: not a pcap file (pcapng: convert with editcap -F pcap)")
	scale = 1 if magic == MAGIC_NS else 1000
	link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
	at, records = 24, []
	while at + 16 <= len(data):
		seconds, fraction, kept, _ = struct.unpack_from(order + "IIII", data, at)
		at += 16
		if at + kept > len(data):
			break  # cut file: what was complete counts
		records.append((seconds * 1_000_000_000 + fraction * scale, data[at:at + kept]))
		at += kept
	return link, records
