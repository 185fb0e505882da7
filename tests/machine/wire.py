"""Network cards of the guest and the loopback wires that the host sends and receives frames on."""

import contextlib
import errno
import os
import select
import socket
import struct
import subprocess
import threading
import time

LARGEST = 65536


class Nic:
	"""One card: QEMU's device name, further properties of it, and which wire it hangs on.

	`queues` > 1 needs backend="tap". `mac` is made from the slot unless given.
	"""

	def __init__(self, device="e1000e", properties="", backend="dgram", queues=1, mac=None):
		self.device, self.properties, self.backend = device, properties, backend
		self.queues, self.mac = queues, mac

	def key(self):
		return (self.device, self.properties, self.backend, self.queues, self.mac)

	def mac_of(self, slot):
		return self.mac or f"52:54:00:00:01:{slot:02x}"

	def device_arguments(self, slot):
		"""Returns what follows -device, or goes into device_add, as pairs."""
		pairs = [
			("driver", self.device),
			("id", f"nic{slot}"),
			("netdev", f"wire{slot}"),
			("mac", self.mac_of(slot)),
			("bus", f"slot{slot}"),
		]
		if self.device.startswith("virtio-net"):
			pairs += [("disable-legacy", "on"), ("iommu_platform", "on")]
			if self.queues > 1:
				pairs += [("mq", "on"), ("vectors", str(2 * self.queues + 2))]
		pairs += [tuple(part.split("=", 1)) for part in self.properties.split(",") if part]
		return pairs

	def wire(self, folder, slot):
		if self.backend == "tap":
			return TapWire(slot, self.queues)
		return DgramWire(folder, slot)


class DgramWire:
	"""A wire of Unix datagrams, one frame each. A full card makes the sender wait: no loss."""

	def __init__(self, folder, slot):
		self.id = f"wire{slot}"
		self._guest = os.path.join(folder, f"wire{slot}.guest")
		self._host = os.path.join(folder, f"wire{slot}.host")
		self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
			self.socket.setsockopt(socket.SOL_SOCKET, option, 4 << 20)
		self.socket.bind(self._host)

	def netdev(self):
		return (
			f"dgram,id={self.id},local.type=unix,local.path={self._guest},"
			f"remote.type=unix,remote.path={self._host}"
		)

	def send(self, frames, timeout=60, pause=0.0):
		"""Sends frames in order; each waits until the card takes the ones before it."""
		self.socket.settimeout(timeout)
		for frame in frames:
			self.socket.sendto(frame, self._guest)
			if pause:
				time.sleep(pause)

	def receive(self, n, timeout=5):
		"""Returns up to n frames that the guest sent, waiting `timeout` seconds for each."""
		got = []
		self.socket.settimeout(timeout)
		with contextlib.suppress(TimeoutError):
			while len(got) < n:
				got.append(self.socket.recv(LARGEST))
		return got

	def drain(self):
		"""Drops what the guest has sent so far; returns the number of frames."""
		n = 0
		while select.select([self.socket], [], [], 0)[0]:
			self.socket.recv(LARGEST)
			n += 1
		return n

	def close(self):
		self.socket.close()
		for path in (self._guest, self._host):
			with contextlib.suppress(FileNotFoundError):
				os.unlink(path)


class TapWire:
	"""A wire that is a tap device of the host, with several queues. Frames pass by AF_PACKET."""

	def __init__(self, slot, queues):
		self.id, self.queues = f"wire{slot}", queues
		self.name = f"poim{os.getpid() % 100000}t{slot}"
		several = ["multi_queue"] if queues > 1 else []
		self._ip("tuntap", "add", "dev", self.name, "mode", "tap", *several)
		with contextlib.suppress(OSError):
			with open(f"/proc/sys/net/ipv6/conf/{self.name}/disable_ipv6", "w") as out:
				out.write("1")
		self.socket = None
		self._open()

	def _open(self):
		if self.socket:
			self.socket.close()
		self._ip("link", "set", self.name, "mtu", "9000", "up")
		self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
		self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
		self.socket.bind((self.name, 3))

	@staticmethod
	def _ip(*arguments):
		done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
		if done.returncode:
			raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")

	def netdev(self):
		several = f",queues={self.queues}" if self.queues > 1 else ""
		return f"tap,id={self.id},ifname={self.name},script=no,downscript=no,vhost=off{several}"

	def send(self, frames, timeout=60, pause=0.001):
		"""Sends frames in order. The tap drops what does not fit its queue: leave a pause."""
		del timeout
		try:
			self.socket.send(b"")
		except OSError as e:
			if e.errno in (errno.ENXIO, errno.ENETDOWN):  # the tap was in a namespace meanwhile
				self._open()
		for frame in frames:
			self.socket.send(frame)
			if pause:
				time.sleep(pause)

	def receive(self, n, timeout=5):
		got = []
		self.socket.settimeout(timeout)
		with contextlib.suppress(TimeoutError):
			while len(got) < n:
				octets, address = self.socket.recvfrom(LARGEST)
				if address[2] != socket.PACKET_OUTGOING:
					got.append(octets)
		return got

	def drain(self):
		n = 0
		while select.select([self.socket], [], [], 0)[0]:
			self.socket.recvfrom(LARGEST)
			n += 1
		return n

	def close(self):
		self.socket.close()
		subprocess.run(["ip", "link", "del", self.name], capture_output=True, check=False)


# --- frames
def checksum(octets):
	if len(octets) % 2:
		octets += b"\0"
	total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
	total = (total & 0xFFFF) + (total >> 16)
	return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def mark(stream, number, length=0):
	"""Returns the payload that guest/lab.py's marks() finds again, filled up to `length` bytes."""
	text = b"mark %s %08d" % (stream.encode(), number)
	return text + b"." * max(0, length - len(text))


def udp(source, destination, payload, ports=(4000, 5000), vlans=(), macs=None):
	"""Returns an Ethernet frame with IPv4 and UDP. `vlans`: tags, outermost first."""
	to, of = macs or (b"\x52\x54\0\0\1\0", b"\x52\x54\0\0\2\1")
	body = struct.pack(">HHHH", *ports, 8 + len(payload), 0) + payload
	head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, 64, 17, 0)
	head += socket.inet_aton(source) + socket.inet_aton(destination)
	head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
	tags = b"".join(struct.pack(">HH", 0x8100, tag) for tag in vlans)
	return (to + of + tags + b"\x08\0" + head + body).ljust(60, b"\0")


def stream(name, source, destination, numbers, length=0, **more):
	"""Returns one marked frame for each number."""
	return [udp(source, destination, mark(name, n, length), **more) for n in numbers]


class Stream(threading.Thread):
	"""Sends marked frames of one source, in order of their numbers, until finish() is called."""

	def __init__(self, wire, name, source, destination="198.51.100.1", rate=20):
		super().__init__(daemon=True)
		self._wire, self._name, self._ends, self._gap = wire, name, (source, destination), 1 / rate
		self._over = threading.Event()
		self.sent = 0

	def run(self):
		while not self._over.is_set():
			self._wire.send([udp(*self._ends, mark(self._name, self.sent))])
			self.sent += 1
			self._over.wait(self._gap)

	def finish(self):
		"""Ends it; returns the numbers that were sent."""
		self._over.set()
		self.join()
		return range(self.sent)
