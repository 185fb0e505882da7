"""Inline between two cards of two drivers, with a download through it."""

import contextlib
import hashlib
import os
import subprocess
import tempfile
import time

from poi_lab import pcap
from test_nic_cards import E1000E, VIRTIO, CardsCase

CLIENT, SERVER = "10.55.0.1", "10.55.0.2"
SIZE = 400_000


def inside(name, *command, **more):
	"""Runs a command of the host in the network namespace of that name."""
	return subprocess.run(["ip", "netns", "exec", name, *command], check=True, capture_output=True, **more)


class Inline(CardsCase):
	"""A host behind each of two cards; what they say to each other goes through poi-dataplane."""

	FRESH = False
	SLOTS = {E1000E: CLIENT, VIRTIO: SERVER}

	@classmethod
	def prepare(cls):
		cls.poi.stop()
		cls.addresses = [cls.poi.bind(slot) for slot in cls.SLOTS]
		a, b = cls.addresses
		ports = [f"{{ device: {x}, mode: inline, peer: {y} }}" for x, y in ((a, b), (b, a))]
		cls.poi.quick(slots=tuple(cls.SLOTS), ports=ports, workers="1, 2", dataplane="mbufs: 4096")
		cls.poi.mdf("inline")
		cls.poi.activate("ipv4", CLIENT, "inline")
		cls.spaces = {slot: f"poim{os.getpid()}n{slot}" for slot in cls.SLOTS}
		for slot, address in cls.SLOTS.items():
			cls.host(slot, cls.spaces[slot], address)

	@classmethod
	def host(cls, slot, space, address):
		"""Puts a wire's end into a namespace of its own, as a host that uses no offload."""
		tap = cls.machine.wires[slot].name
		subprocess.run(["ip", "netns", "add", space], check=True)
		cls.addClassCleanup(cls.back, space, tap)
		subprocess.run(["ip", "link", "set", tap, "netns", space], check=True)
		inside(space, "sysctl", "-qw", f"net.ipv6.conf.{tap}.disable_ipv6=1")
		inside(space, "ethtool", "-K", tap, "tx", "off", "sg", "off", "tso", "off", "gso", "off", "gro", "off")
		inside(space, "ip", "address", "add", f"{address}/24", "dev", tap)
		inside(space, "ip", "link", "set", tap, "mtu", "1500", "up")

	@staticmethod
	def back(space, tap):
		subprocess.run(["ip", "netns", "exec", space, "ip", "link", "set", tap, "netns", str(os.getpid())],
			capture_output=True, check=False)
		subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)

	def space(self, slot):
		return self.spaces[slot]

	@contextlib.contextmanager
	def running(self, slot, *command):
		child = subprocess.Popen(["ip", "netns", "exec", self.space(slot), *command],
			stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
		try:
			time.sleep(2)
			yield child
		finally:
			child.terminate()
			child.wait()

	def test_1_download(self):
		"""The file arrives whole, and the MDF has what tcpdump saw, packet for packet."""
		with tempfile.TemporaryDirectory(prefix="poi-machine-") as folder:
			octets = os.urandom(SIZE)
			with open(os.path.join(folder, "blob"), "wb") as out:
				out.write(octets)
			seen = os.path.join(folder, "seen.pcap")
			tap = self.machine.wires[E1000E].name
			with (
				self.running(VIRTIO, "python3", "-m", "http.server", "8080", "--bind", SERVER, "-d", folder),
				self.running(E1000E, "tcpdump", "-Z", "root", "-U", "-s", "0", "-i", tap, "-w", seen, "ip"),
			):
				got = inside(self.space(E1000E), "curl", "-s", "-m", "150", f"http://{SERVER}:8080/blob").stdout
				self.assertEqual(hashlib.sha256(got).hexdigest(), hashlib.sha256(octets).hexdigest())
				self.machine.python("settled('inline', 2.0)")
			frames = [octets for _, octets in pcap.read(seen)[1]]
		delivered = self.machine.python("payloads('inline')")
		wanted = [self.packet(f).hex() for f in frames]
		self.assertGreater(len(wanted), SIZE // 1460)
		self.assertEqual(sorted(delivered), sorted(wanted))
		status = self.poi.balanced()
		self.assertEqual(status["forwarded"], {"sent": status["packets"]["received"], "tx_full": 0})

	@staticmethod
	def packet(frame):
		"""Returns the IP packet of a frame, without the padding of a short one."""
		return frame[14 : 14 + int.from_bytes(frame[16:18], "big")]

	def test_2_one_side_goes(self):
		"""Frames towards a card that was taken out are counted; the other port is received from."""
		self.machine.unplug(E1000E, 90)
		self.wait_told(f"port {self.addresses[0]}: device removed")
		before = self.poi.status()
		code = (
			"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
			f"for n in range(10): s.sendto(b'mark gone %08d' % n, ('{CLIENT}', 9))"
		)
		inside(self.space(VIRTIO), "ip", "neighbour", "replace", CLIENT, "lladdr", "02:00:00:00:00:01", "dev",
			self.machine.wires[VIRTIO].name)
		inside(self.space(VIRTIO), "python3", "-c", code)
		self.poi.wait_status(
			lambda s: s["forwarded"]["tx_full"] >= before["forwarded"]["tx_full"] + 10,
			"ten frames counted as not sent",
		)
		self.assertEqual(self.poi.marks("inline").get("gone"), {n: 1 for n in range(10)})
		self.poi.balanced()
