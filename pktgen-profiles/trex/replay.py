"""TRex STL: sends a generated capture, so every profile can be used: malformed frames, fragments, encapsulations.

start -f replay.py -t --file /tmp/profiles/malformed.pcap -m 100%
"""
import argparse

from trex.stl.api import STLProfile


class Profile:
	def get_streams(self, tunables=(), **_):
		parser = argparse.ArgumentParser(description=__doc__)
		parser.add_argument("--file", required=True)
		parser.add_argument("--count", type=int, default=1, help="times to send it, 0 without end")
		parser.add_argument("--gap", type=float, default=10.0, help="microseconds between frames")
		a = parser.parse_args(list(tunables))
		return STLProfile.load_pcap(a.file, ipg_usec=a.gap, loop_count=a.count).get_streams()


def register():
	return Profile()
