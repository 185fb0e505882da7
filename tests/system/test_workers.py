"""Several workers are one product: what is configured for a destination is not divided among them."""
import unittest

import test_profiles
from fixture import udp_frame
from poi_lab import x1

PORT = {"tunnel": "none"}
TARGET = "192.0.2.10"
N = 45000


class OneFlow(unittest.TestCase):
	def test_one_flow_has_the_whole_buffer(self):
		"""The MDF is away; all that one worker captures has room, as much as the destination's buffer holds."""
		fed = test_profiles.FedPoi(PORT, keep=True, workers=4)
		self.addCleanup(fed.close)
		fed.activate({x1.new_id(): [x1.target_ipv4(TARGET)]})
		port = fed.mdf.port
		fed.mdf.stop()
		fed.feeds[2].send([udp_frame(TARGET, "198.51.100.1", (b"%d " % n).ljust(1000, b".")) for n in range(N)])  # 50 MB of 128 MiB
		fed.poi.received(sum(feed.total for feed in fed.feeds), 60)
		destination = fed.poi.status()["destinations"][0]
		self.assertEqual((destination["queued"], destination["dropped"]), (N, 0), destination)
		second = fed.poi.mdf(keep=True, port=port)
		self.addCleanup(second.stop)
		self.assertTrue(second.wait_pdus(N, 60), second.summary())
		numbers = [int(bytes(pdu.payload[28:]).split(b" ", 1)[0]) for pdu in second.kept]
		self.assertEqual(numbers, list(range(N)))
