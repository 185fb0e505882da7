"""TRex STL: 64-octet UDP frames of hosts that no task names, and one in `every` of the target 192.0.2.10.

start -f match.py -t --every 100 -m 100%
Tasks and shares are those of the profiles match-0.1 to match-100; --every 0 is no-match-64.
"""
import argparse

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from trex.stl.api import STLPktBuilder, STLScVmRaw, STLStream, STLTXCont, STLVmFixIpv4, STLVmFlowVar, STLVmWrFlowVar

TARGET = "192.0.2.10"
PADDING = bytes(18)  # 60 octets and the check sequence


class Profile:
	@staticmethod
	def strangers(pps):
		base = Ether(src="02:00:00:00:00:10", dst="02:00:00:00:00:20") / IP(src="10.0.0.1", dst="172.16.0.1") / \
			UDP(sport=1024, dport=53, chksum=0) / PADDING
		vm = STLScVmRaw([
			STLVmFlowVar(name="source", min_value="10.0.0.1", max_value="10.0.253.232", size=4, op="inc"),
			STLVmWrFlowVar(fv_name="source", pkt_offset="IP.src"),
			STLVmFlowVar(name="destination", min_value="172.16.0.1", max_value="172.16.253.231", size=4, op="random"),
			STLVmWrFlowVar(fv_name="destination", pkt_offset="IP.dst"),
			STLVmFixIpv4(offset="IP")])
		return STLStream(name="strangers", packet=STLPktBuilder(pkt=base, vm=vm), mode=STLTXCont(pps=pps))

	@staticmethod
	def target(pps):
		base = Ether(src="02:00:00:00:00:10", dst="02:00:00:00:00:20") / IP(src=TARGET, dst="172.16.0.1") / \
			UDP(sport=5000, dport=4000, chksum=0) / PADDING
		return STLStream(name="target", packet=STLPktBuilder(pkt=base), mode=STLTXCont(pps=pps))

	def get_streams(self, tunables=(), **_):
		parser = argparse.ArgumentParser(description=__doc__)
		parser.add_argument("--every", type=int, default=100, help="one frame in this many is the target's; 0 none, 1 all")
		every = parser.parse_args(list(tunables)).every
		if every == 0:
			return [self.strangers(1000)]
		if every == 1:
			return [self.target(1000)]
		return [self.strangers(every - 1), self.target(1)]


def register():
	return Profile()
