"""One gNB, one UPF, one queue, two workers: with `spread: software` both are busy, every packet arrives once, and each
session's packets are in order at one worker. With `spread: tunnel` a port whose device cannot look inside says so."""
import collections
import struct

import test_upf
from fixture import udp_frame
from poi_lab import x1
from test_upf import GNB, N3, PEER, UPF

USERS, EACH = 40, 50
STEP = 500  # frames at a time: a ring holds them all


def user(i):
	return f"10.45.0.{i + 1}"


def packet(i, number, up):
	"""Packet `number` of user i, with a PDU session container."""
	ends = (user(i), PEER) if up else (PEER, user(i))
	content = udp_frame(*ends, struct.pack(">II", i, number), (4000, 443))[14:]
	header = struct.pack(">BBHI", 0x34, 255, len(content) + 8, 1000 + i) + struct.pack(">IBBBB", 0x85, 1, up << 4, 9, 0)
	return udp_frame(*((GNB, UPF) if up else (UPF, GNB)), header + content, (2152, 2152))


class Software(test_upf.Upf):
	ports, workers, queues = (N3.replace(" }", ", spread: software }"),), 2, 1

	def test_one_pair_of_addresses_fills_both_workers(self):
		m = self.mdf()
		self.task([x1.target_cidr("10.45.0.0/24")], m)
		port = self.poi.status()["ports"][0]
		self.assertEqual((port["queues"], port["spread"]), (1, "software"))
		self.assertIn("users' packets in tunnels over rings to all workers", self.poi.dataplane.text())
		frames = [packet(i, n, (i + n) & 1) for n in range(EACH) for i in range(USERS)]
		alone = [udp_frame(user(i), PEER, struct.pack(">II", USERS, i), (4000, 443)) for i in range(USERS)]
		for start in range(0, len(frames), STEP):
			self.send(frames[start:start + STEP] + alone[start // STEP:start // STEP + 1])
		plain = len(range(0, len(frames), STEP))
		status = self.poi.balanced()
		self.assertNotIn("handover_full", {k for k, n in status["packets"].items() if n})
		got = self.pdus(m, len(frames) + plain)
		seen, where = collections.Counter(), {}
		for p in got:
			i, number = struct.unpack(">II", bytes(p.payload)[-8:])
			if i == USERS:
				continue
			self.assertEqual(number, seen[i], f"user {i}: each once, in order")
			seen[i] += 1
			where.setdefault(i, set()).add(bytes(p.first(7)))
		self.assertEqual(seen, {i: EACH for i in range(USERS)})
		self.assertEqual({len(w) for w in where.values()}, {1}, "a session has one worker")
		owners = collections.Counter(next(iter(w)) for w in where.values())
		self.assertEqual(len(owners), 2, owners)
		self.assertGreater(min(owners.values()), USERS // 5)


class Tunnel(test_upf.Upf):
	ports, workers, queues = (N3.replace(" }", ", spread: tunnel }"),), 2, 2

	def test_a_device_that_cannot_goes_on_by_itself(self):
		m = self.mdf()
		self.task([x1.target_cidr("10.45.0.0/24")], m)
		port = self.poi.status()["ports"][0]
		self.assertEqual((port["queues"], port["spread"]), (2, "device"))
		log = self.poi.dataplane.text()
		self.assertIn("spread: tunnel is not possible: it does not spread by addresses alone with our key", log)
		said = self.poi.poi("check", self.poi.file, timeout=60).stdout
		self.assertIn("spread: tunnel was asked for and the NIC cannot", said)
		self.send([packet(i, 0, True) for i in range(USERS)])
		self.poi.balanced()
		self.assertEqual(len(self.pdus(m, USERS)), USERS)
