"""A poi-dataplane that cannot start: the last line of its log names the cause and what to type."""
import glob
import os
import re
import unittest

import fixture


class Cause(unittest.TestCase):
	def last_line(self, change=lambda text: text, **options):
		poi = fixture.Poi(**options)
		self.addCleanup(poi.close)
		with open(poi.file) as f:
			text = change(f.read())
		with open(poi.file, "w") as f:
			f.write(text)
		poi.start_dataplane(wait=False)
		self.assertNotEqual(poi.dataplane.child.wait(20), 0)
		return poi.dataplane.text().splitlines()[-1]

	def test_a_capture_that_is_not_there(self):
		line = self.last_line(eal="--vdev net_pcap0,rx_pcap=/absent.pcap", ports=("{ device: net_pcap0, mode: probe }",))
		self.assertRegex(line, r"port net_pcap0: its driver refuses \(\".*/absent\.pcap: No such file.*\"\); correct its --vdev")

	def test_an_interface_that_is_not_there(self):
		line = self.last_line(eal="--vdev net_af_packet0,iface=absent0", ports=("{ device: net_af_packet0, mode: probe }",))
		self.assertRegex(line, r"port net_af_packet0: its driver refuses \(\".*SIOCGIFINDEX.*No such device.*\"\)")

	def test_nics(self):
		ports = ('{ device: "0000:ff:1f.7", mode: probe }',)
		line = self.last_line(ports=ports)
		self.assertIn("port 0000:ff:1f.7: this machine has no such device; see: lspci -D", line)
		# The EAL touches none of this machine's own NICs.
		for device in glob.glob("/sys/bus/pci/devices/*")[:1]:
			address = os.path.basename(device)
			line = self.last_line(lambda text: text.replace("0000:ff:1f.7", address), ports=ports)
			self.assertIn(f"port {address}: dataplane.eal keeps the EAL off it; take --no-pci out", line)

	def test_a_driver_that_is_not_there(self):
		line = self.last_line(eal="--vdev net_bogus0")
		self.assertIn("a device of dataplane.eal is unknown (the EAL: \"Unable to parse device 'net_bogus0'\")", line)

	def test_memory_that_is_not_there(self):
		line = self.last_line(lambda text: re.sub(r"(--no-huge )?-m 256", "-m 99999999", text))
		self.assertRegex(line, r"the EAL does not start: .*(hugepages are missing|memory is missing) \(the EAL: \"")
