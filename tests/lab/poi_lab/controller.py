"""Plays poi-control towards poi-dataplane (shared/channel.h): gives it elements, destinations and tasks without X1."""
import hashlib
import os
import socket
import struct
import uuid

VERSION = 17
HELLO, HELLO_OK, NE_PUT, DESTINATION_PUT, DESTINATION_REMOVE, TASK_PUT, TASK_REMOVE, EVENT = 1, 2, 10, 12, 13, 14, 15, 45
ACK, STATE_GET, EVENTS_DONE, ANSWER, STATE_END = 40, 20, 21, 19, 44
DESTINATION_DOWN = 1
X2, X3 = 1, 2
PDHR, PDSR = 1, 2


class Refused(Exception):
	pass


def text(value):
	octets = value.encode()
	return struct.pack(">H", len(octets)) + octets


def ne_id(identifier):
	return hashlib.sha256(identifier.encode()).digest()[:16]


def attribute_17(*targets):
	"""The XML of each matched target identifier as one attribute."""
	return b"".join(struct.pack(">HH", 17, len(t.encode())) + t.encode() for t in targets)


def ipv4_filter(address, length=32):
	return struct.pack(">IBBB4s", 1, 1, 4, length, socket.inet_aton(address))


def ipv6_filter(address):
	return struct.pack(">IBBB16s", 1, 1, 6, 128, socket.inet_pton(socket.AF_INET6, address))


class Controller:
	def __init__(self, path, ne="poi-01", fail_safe_ms=0, payload_format=0, axri=False):
		self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		self._socket.settimeout(10)
		self._socket.connect(path)
		self._request, self.events, self.ne = 0, [], ne_id(ne)
		self.numbers = []  # of the events
		kind, _ = self._ask(HELLO, struct.pack(">HBQ", VERSION, 1, int.from_bytes(os.urandom(8), "big")) + text("lab"))
		if kind != HELLO_OK:
			raise Refused("hello: %d" % kind)
		self._do(NE_PUT, self.ne + text(ne) + struct.pack(">QQQBBBBI", fail_safe_ms, 0, 0, 0, 0, payload_format, axri, 0))

	def close(self):
		self._socket.close()

	def _ask(self, kind, body):
		self._request += 1
		self._socket.send(struct.pack(">HHI", kind, 0, self._request) + body)
		while True:
			datagram = self._socket.recv(1 << 17)
			if not datagram:
				raise Refused("closed")
			got, _, request = struct.unpack(">HHI", datagram[:8])
			if got == EVENT:
				self.events.append(datagram[8:])
				self.numbers.append(request)
			elif request == self._request:
				return got, datagram[8:]

	def _do(self, kind, body):
		got, answer = self._ask(kind, body)
		result = struct.unpack(">i", answer[:4])[0] if got == ACK else -999
		if result:
			raise Refused("message %d: %d" % (kind, result))

	def destination(self, address, port, delivery=X2 | X3):
		did = uuid.uuid4()
		self._do(DESTINATION_PUT, self.ne + did.bytes + struct.pack(">BB", delivery, 4) + socket.inet_aton(address) + text("") +
			struct.pack(">HIQ", port, 0, int.from_bytes(did.bytes[:8], "big") | 1))
		return did

	def state(self):
		"""Asks for all that the dataplane holds. From now on it sends events."""
		self._request += 1
		self._socket.send(struct.pack(">HHI", STATE_GET, 0, self._request))
		while struct.unpack(">HHI", self._socket.recv(1 << 17)[:8])[0] != STATE_END:
			pass

	def heard(self, kind):
		"""Numbers of the events of this kind that were sent before the dataplane's next answer."""
		self._do(ANSWER, b"")
		return [n for n, e in zip(self.numbers, self.events) if e[0] == kind]

	def done(self, number):
		"""Nothing is to be done any more for the events up to this one."""
		self._socket.send(struct.pack(">HHI", EVENTS_DONE, 0, number))

	def remove_destination(self, did):
		self._do(DESTINATION_REMOVE, self.ne + did.bytes)

	def task(self, filters, dids, matched=b"", delivery=X2, report=PDHR, triggers=(0, 0, 0, 0), xid=None, correlation=0,
			product=None):
		"""`triggers`: seconds, packets, bytes, session. The XID."""
		xid = xid or uuid.uuid4()
		self._do(TASK_PUT, self.ne + xid.bytes + (product or xid).bytes + struct.pack(">QBBBB", correlation, delivery, report, 0,
			len(dids)) + b"".join(d.bytes for d in dids) + struct.pack(">IQQB", *triggers) + filters + struct.pack(">H",
			len(matched)) + matched + struct.pack(">I", 0))
		return xid

	def remove_task(self, xid):
		self._do(TASK_REMOVE, self.ne + xid.bytes)
