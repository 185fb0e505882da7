"""TRex STL: simple IMIX (7:4:1 of 64, 594 and 1518 octets) of hosts that no task names.

start -f imix.py -m 100%
"""
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from trex.stl.api import STLPktBuilder, STLScVmRaw, STLStream, STLTXCont, STLVmFixIpv4, STLVmFlowVar, STLVmWrFlowVar

MIX = ((60, 7), (590, 4), (1514, 1))  # octets without the check sequence, share


class Profile:
	def get_streams(self, **_):
		streams = []
		for size, share in MIX:
			base = Ether(src="02:00:00:00:00:10", dst="02:00:00:00:00:20") / IP(src="10.0.0.1", dst="172.16.0.1") / \
				UDP(sport=1024, dport=53, chksum=0)
			vm = STLScVmRaw([
				STLVmFlowVar(name="source", min_value="10.0.0.1", max_value="10.0.253.232", size=4, op="inc"),
				STLVmWrFlowVar(fv_name="source", pkt_offset="IP.src"),
				STLVmFixIpv4(offset="IP")])
			streams.append(STLStream(name=f"imix-{size}", mode=STLTXCont(pps=share),
				packet=STLPktBuilder(pkt=base / bytes(size - len(base)), vm=vm)))
		return streams


def register():
	return Profile()
