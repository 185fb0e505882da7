"""The product on three cards by three drivers at once: net_e1000_em, net_virtio, net_vmxnet3. Judged by marks in the
payload and by the bytes that were sent. docs/nics.md has the table of what is seen here, and why a case is not there."""

import random
import subprocess

import case
import wire
from qemu import MachineError
from wire import Nic

E1000E, VIRTIO, VMXNET3 = 0, 1, 2
DRIVERS = {
	"e1000e": "net_e1000_em",
	"virtio": "net_virtio",
	"vmxnet3": "net_vmxnet3",
	"igb": "net_e1000_igb",
}
QUEUES = {"e1000e": 1, "virtio": 2, "vmxnet3": 2, "igb": 2}
SPREADS = ("virtio", "igb")  # the driver of e1000e has no RSS, QEMU's model of vmxnet3 has none
NETWORK = "10.1.0.0/16"  # of a task
STRANGER = "52:54:00:00:02:09"  # an address that no card has, of another task
CONVERSATIONS = 64

# QEMU's vmxnet3 reads address 0 when it is activated and ended.
QUIRKS = (
	r"DMAR: \[DMA (Read|Write) NO_PASID\] Request device \[03:00\.0\] fault addr 0x0 ",
	r"DMAR: DRHD: handling fault status reg",
)

CONTEXTS = f"""
found = {{}}
for p in list(mdfs["mdf"].kept):
	mark = MARK.search(bytes(p.payload))
	if mark:
		found.setdefault(mark[1].decode() + str(int(mark[2]) % {CONVERSATIONS}), []).append(p.context[4].hex())
found
"""


def cases(cls):
	"""Gives the class each method of CardTests once for each of its cards."""
	for name, method in vars(CardTests).items():
		if name.startswith("case_"):
			for slot, card in cls.CARDS.items():
				setattr(cls, f"test_{name[5:]}_{card}", lambda self, m=method, s=slot: m(self, s))
	return cls


def mac(text):
	return bytes.fromhex(text.replace(":", ""))


def ip(*arguments):
	subprocess.run(["ip", *arguments], check=True, capture_output=True)


class CardsCase(case.MachineCase):
	"""Three ports of one dataplane with two workers."""

	CARDS = {E1000E: "e1000e", VIRTIO: "virtio", VMXNET3: "vmxnet3"}

	NICS = (
		Nic("e1000e", backend="tap"),
		Nic("virtio-net-pci", "rss=on", backend="tap", queues=2),
		Nic("vmxnet3", backend="tap"),
	)
	CONSOLE = QUIRKS

	@classmethod
	def prepare(cls):
		for w in cls.machine.wires.values():
			ip("link", "set", w.name, "mtu", "9300")
		cls.addresses = cls.poi.quick(slots=tuple(cls.CARDS), workers="1, 2", dataplane="mbufs: 4096")
		cls.poi.mdf()
		cls.poi.activate()
		cls.poi.activate("cidr", NETWORK)
		cls.poi.activate("mac", STRANGER)

	def port(self, slot, status=None):
		status = status or self.poi.status()
		return next(p for p in status["ports"] if p["name"] == self.addresses[slot])

	def ne_status(self):
		"""Returns what the ADMF is answered about the network element, with all faults."""
		return self.machine.python("''.join(admf().one('GetNEStatus').element.itertext())")

	def wait_told(self, text, present=True):
		for _ in range(100):
			if (text in self.ne_status()) == present:
				return
			self.machine.run("sleep 0.3")
		raise MachineError(f"{text!r} {'not ' if present else 'still '}told to the ADMF: {self.ne_status()}")

	def exchange(self, slot, frames):
		"""Sends frames; returns the payloads that come out, sorted: two workers have no common order."""
		self.machine.python("reset()")
		before = self.port(slot)["received"]
		self.machine.wires[slot].send(frames, pause=0.005)
		self.poi.wait_status(
			lambda s: self.port(slot, s)["received"] >= before + len(frames), "all received"
		)
		self.machine.python("settled('mdf', 1.0)")
		return sorted(bytes.fromhex(p) for p in self.machine.python("payloads()"))


class CardTests:
	"""What comes in, how it is spread, and what happens when the link or the card goes."""

	def case_1_counts(self, slot):
		before = self.port(slot)["received"]
		self.poi.send_exactly(slot, f"plain{slot}")
		port = self.port(slot)
		self.assertEqual(port["received"] - before, 200)
		self.assertEqual((port["imissed"], port["nombuf"], port["ierrors"]), (0, 0, 0))
		self.assertEqual(port["driver"], DRIVERS[self.CARDS[slot]])
		self.poi.balanced()

	def case_2_spread(self, slot):
		"""Both directions of a conversation come to one worker; with RSS both workers have some."""
		self.machine.python("reset()")
		pick = random.Random(slot)
		ends = [(f"10.1.{pick.randrange(256)}.{pick.randrange(1, 255)}", f"10.{pick.randrange(2, 255)}."
			f"{pick.randrange(256)}.{pick.randrange(1, 255)}") for _ in range(CONVERSATIONS)]
		frames, n = [], 0
		for turn in range(4):
			for c, (a, b) in enumerate(ends):
				mark = wire.mark("talk", turn * CONVERSATIONS + c, 80)
				there = turn % 2 == 0
				frames.append(wire.udp(*((a, b) if there else (b, a)), mark, (4000, 5000) if there else (5000, 4000)))
		before = self.port(slot)["received"]
		self.machine.wires[slot].send(frames, pause=0.005)
		self.poi.wait_status(
			lambda s: self.port(slot, s)["received"] >= before + len(frames), "all received"
		)
		self.machine.python("settled('mdf', 1.0)")
		found = self.machine.python(CONTEXTS)
		self.assertEqual(len(found), CONVERSATIONS)
		self.assertEqual({len(of) for of in found.values()}, {4})
		self.assertEqual([c for c, of in found.items() if len(set(of)) > 1], [], "conversations on two workers")
		workers = {of[0]: 0 for of in found.values()}
		for of in found.values():
			workers[of[0]] += 1
		card, port = self.CARDS[slot], self.port(slot)
		print(f"# conversations of each worker, {card}: {sorted(workers.values())}", flush=True)
		self.assertEqual(port["queues"], QUEUES[card])
		if card in SPREADS:
			self.assertEqual(port["spread"], "addresses")
			self.assertEqual(len(workers), 2, "both workers have packets")
			self.assertGreater(min(workers.values()), CONVERSATIONS // 5, workers)
		else:
			self.assertEqual(len(workers), 1, workers)

	def case_3_tags_and_strangers(self, slot):
		"""A frame to an address that is not the card's, with no, one and two tags, byte for byte."""
		frames = [
			wire.udp("203.0.113.1", "203.0.113.2", wire.mark("tag", n, 60), vlans=tags,
				macs=(mac(STRANGER), b"\x02\0\0\0\0\x07"))
			for n, tags in enumerate(((), (100,), (200, 100)))
		]
		self.assertEqual(self.exchange(slot, frames), sorted(frames))

	def case_4_long(self, slot):
		"""Jumbo frames, bare and with two tags, and such as take two buffers."""
		frames = [
			wire.udp("10.1.1.1", "10.2.2.2", wire.mark("long", n, length), vlans=tags)
			for n, (length, tags) in enumerate(((2500, ()), (8972, ()), (8972, (7,)), (8972, (9, 7))))
		]
		bare = [f[14 + 4 * tags :] for f, tags in zip(frames, (0, 0, 1, 2))]
		if self.CARDS[slot] != "vmxnet3":
			self.assertEqual(self.exchange(slot, frames), sorted(bare))
			return
		# QEMU's model gives this driver one buffer a frame: what is longer is counted and told.
		before = self.port(slot)["ierrors"]
		self.machine.wires[slot].send(frames, pause=0.005)
		self.poi.wait_status(
			lambda s: self.port(slot, s)["ierrors"] == before + len(frames), "all counted"
		)
		self.wait_told(f"port {self.addresses[slot]} loses frames")
		self.wait_told(f"port {self.addresses[slot]} loses frames", False)

	def case_5_link(self, slot):
		name = self.addresses[slot]
		self.machine.link(slot, False)
		self.poi.wait_status(lambda s: not self.port(slot, s)["link_up"], "the link is down")
		self.wait_told(f"port {name}: link down")
		for other in self.CARDS:
			if other != slot:
				self.poi.send_exactly(other, f"beside{slot}{other}", 20)
		self.machine.link(slot, True)
		self.poi.wait_status(lambda s: self.port(slot, s)["link_up"], "the link is up")
		self.wait_told(f"port {name}: link down", False)
		self.assertIn(f"port {name}: link up", self.poi.journal(200))
		self.poi.send_exactly(slot, f"back{slot}")

	def case_6_unplug(self, slot):
		"""The card is taken out under traffic on the others, and put back."""
		name = self.addresses[slot]
		before = self.port(slot)["received"]
		pid = self.poi.pid("poi-dataplane")
		self.machine.unplug(slot, 90)
		self.wait_told(f"port {name}: device removed")
		port = self.port(slot)
		self.assertEqual((port["link_up"], port["received"]), (False, before))
		for other in self.CARDS:
			if other != slot:
				self.poi.send_exactly(other, f"alone{slot}{other}")
		self.assertEqual(self.poi.pid("poi-dataplane"), pid, "the process goes on")
		self.poi.balanced()
		self.machine.plug(slot, self.NICS[slot], new_wire=False)
		self.machine.wait(f"test -e /sys/bus/pci/devices/{name}")
		self.poi.bind(slot)
		for _ in range(100):
			if self.poi.pid("poi-dataplane") not in (0, pid):
				break
			self.machine.run("sleep 0.3")
		self.poi.ready()
		self.assertIn(f"restarting: port {name}: the removed device is back", self.poi.journal(200))
		self.poi.wait_status(
			lambda s: s["tasks"] == 3 and all(p["link_up"] for p in s["ports"]), "all is as before"
		)
		self.wait_told("device removed", False)
		self.poi.send_exactly(slot, f"again{slot}")


@cases
class Cards(CardTests, CardsCase):
	"""Three cards in one machine."""

	def test_7_one_buffer(self):
		"""Where a card gives one buffer a frame, buffers of a jumbo frame's size take it."""
		self.machine.run("sed -i 's/^  mbufs: 4096/  mbufs: 2048\\n  mbuf-size: 9728/' /etc/poi/poi.yaml")
		pid = self.poi.pid("poi-dataplane")
		self.machine.run("systemctl restart poi-dataplane", timeout=180)
		self.assertNotEqual(self.poi.pid("poi-dataplane"), pid)
		self.poi.ready()
		self.poi.wait_status(
			lambda s: s["tasks"] == 3 and all(p["link_up"] for p in s["ports"]), "all is as before"
		)
		frames = [wire.udp("10.1.1.1", "10.2.2.2", wire.mark("long", 0, 8972))]
		for slot in self.CARDS:
			self.assertEqual(self.exchange(slot, frames), [f[14:] for f in frames], self.CARDS[slot])
