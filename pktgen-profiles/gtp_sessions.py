#!/usr/bin/python3
"""Writes a pcap of GTP-U sessions on an N3 link, and beside it (FILE.json) the hits to expect: per uplink
and downlink TEID, per user address, and for the whole file. Same arguments, same octets.

Each session is one user with an IPv4 or an IPv6 address; its packets alternate between uplink (gNB to UPF,
PDU session container type 1) and downlink (type 0), UDP and TCP. Every eighth frame is not a user's: an
echo request, or plain IP between the two nodes.
"""
import argparse
import collections
import json
import random
import sys

from scapy.all import IP, TCP, UDP, Ether, IPv6, Raw
from scapy.contrib.gtp import GTP_U_Header, GTPEchoRequest, GTPPDUSessionContainer
from scapy.utils import PcapWriter

GNB, UPF = "198.51.100.10", "198.51.100.20"
GNB_MAC, UPF_MAC = "02:00:00:00:00:10", "02:00:00:00:00:20"
SERVERS = (("203.0.113.80", "2001:db8:ffff::80"), ("203.0.113.53", "2001:db8:ffff::53"))


class Session:
	def __init__(self, number):
		self.uplink, self.downlink = 0x10000 + number, 0x20000 + number  # TEIDs: the UPF's and the gNB's
		self.v6 = number % 4 == 3
		self.address = f"2001:db8:45::{number + 1:x}" if self.v6 else "10.45.%d.%d" % divmod(number + 1, 256)

	def packet(self, up, rng):
		server = rng.choice(SERVERS)[self.v6]
		ends = {"src": self.address, "dst": server} if up else {"src": server, "dst": self.address}
		inner = IPv6(**ends) if self.v6 else IP(id=rng.randrange(65536), **ends)
		ports = {"sport": 40000 + rng.randrange(1000), "dport": 443} if up else {"sport": 443, "dport": 40000 + rng.randrange(1000)}
		inner /= (TCP(seq=rng.randrange(1 << 32), flags="A", **ports) if rng.randrange(2) else UDP(**ports))
		return inner / Raw(rng.randbytes(rng.choice((16, 120, 600, 1200))))


def frame(session, up, rng):
	outer = IP(src=GNB, dst=UPF) if up else IP(src=UPF, dst=GNB)
	ether = Ether(src=GNB_MAC, dst=UPF_MAC) if up else Ether(src=UPF_MAC, dst=GNB_MAC)
	container = GTPPDUSessionContainer(type=1 if up else 0, QFI=9)
	tunnel = GTP_U_Header(teid=session.uplink if up else session.downlink, E=1, next_ex=0x85)
	return ether / outer / UDP(sport=2152, dport=2152) / tunnel / container / session.packet(up, rng)


def stranger(rng):
	ether = Ether(src=GNB_MAC, dst=UPF_MAC)
	if rng.randrange(2):
		return ether / IP(src=GNB, dst=UPF) / UDP(sport=2152, dport=2152) / GTP_U_Header(teid=0, S=1, gtp_type=1) / GTPEchoRequest()
	return ether / IP(src=GNB, dst=UPF) / UDP(sport=9999, dport=9) / Raw(rng.randbytes(50))


def main():
	parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
	parser.add_argument("out", metavar="FILE.pcap")
	parser.add_argument("--sessions", type=int, default=8)
	parser.add_argument("--packets", type=int, default=400, help="frames in all, default %(default)s")
	parser.add_argument("--seed", type=int, default=1)
	a = parser.parse_args()
	rng = random.Random(a.seed)
	sessions = [Session(n) for n in range(a.sessions)]
	teids, addresses, frames = collections.Counter(), collections.Counter(), []
	for n in range(a.packets):
		if n % 8 == 7:
			frames.append(stranger(rng))
			continue
		session, up = rng.choice(sessions), bool(n % 2)
		frames.append(frame(session, up, rng))
		teids[session.uplink if up else session.downlink] += 1
		addresses[session.address] += 1
	with PcapWriter(a.out, linktype=1, sync=False) as out:
		for n, f in enumerate(frames):
			f.time = 1_700_000_000 + n / 1000
			out.write(f)
	expected = {"frames": len(frames), "gtp_endpoints": [UPF + "/32", GNB + "/32"], "gnb": GNB, "upf": UPF,
		"sessions": [{"address": s.address, "uplink_teid": s.uplink, "downlink_teid": s.downlink,
			"uplink": teids[s.uplink], "downlink": teids[s.downlink], "packets": addresses[s.address]} for s in sessions]}
	with open(a.out + ".json", "w") as out:
		json.dump(expected, out, indent=2)
		out.write("\n")
	return 0


sys.exit(main())
