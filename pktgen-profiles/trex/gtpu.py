"""TRex STL: GTP-U with PDU session containers, uplink or downlink, over so many tunnels. TEIDs and nodes are those of
the profiles gtpu-up-* and gtpu-down-*, so their gtpuTunnelId tasks apply: each TEID of a target gets one packet in
`tunnels`.

start -f gtpu.py -t --tunnels 2000 -m 100%
start -f gtpu.py -t --tunnels 65536 --down 1 -m 100%
"""
import argparse
import struct

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from trex.stl.api import STLPktBuilder, STLScVmRaw, STLStream, STLTXCont, STLVmFlowVar, STLVmWrFlowVar

GNB, UPF = "198.51.100.10", "198.51.100.20"
TEID_AT = 14 + 20 + 8 + 4
QFI = 9


def gtpu(teid, down, user):
	"""A G-PDU with a PDU session container, TS 29.281 and TS 38.415, by hand: the scapy that comes with TRex has no such
	container."""
	container = struct.pack(">BBBB", 1, 0 if down else 0x10, QFI, 0)
	more = struct.pack(">HBB", 0, 0, 0x85) + container + user
	return struct.pack(">BBHI", 0x34, 255, len(more), teid) + more


class Profile:
	def get_streams(self, tunables=(), **_):
		parser = argparse.ArgumentParser(description=__doc__)
		parser.add_argument("--tunnels", type=int, default=1)
		parser.add_argument("--down", type=int, default=0)
		a = parser.parse_args(list(tunables))
		first = 0x20000 if a.down else 0x10000
		ends = (UPF, GNB) if a.down else (GNB, UPF)
		user = IP(src="203.0.113.80", dst="10.46.0.0") if a.down else IP(src="10.46.0.0", dst="203.0.113.80")
		ports = (443, 40000) if a.down else (40000, 443)
		user = bytes(user / UDP(sport=ports[0], dport=ports[1], chksum=0) / bytes(64))
		base = Ether(src="02:00:00:00:00:10", dst="02:00:00:00:00:20") / IP(src=ends[0], dst=ends[1]) / \
			UDP(sport=2152, dport=2152, chksum=0) / gtpu(first, a.down, user)
		vm = STLScVmRaw([
			STLVmFlowVar(name="teid", min_value=first, max_value=first + a.tunnels - 1, size=4, op="inc"),
			STLVmWrFlowVar(fv_name="teid", pkt_offset=TEID_AT)])
		return [STLStream(name="gtpu", packet=STLPktBuilder(pkt=base, vm=vm), mode=STLTXCont(pps=1000))]


def register():
	return Profile()
