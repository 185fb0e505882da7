"""The decoder of records of network functions: octets by hand, and what it must refuse."""
import unittest

from poi_lab import pdu, records

ESTABLISHMENT = bytes.fromhex("30548105041312" "0f01a24ba649a111810f") + b"001010000000001" + bytes.fromhex(
	"820100850105a60c8104010203048204c00002018701018c08") + b"internet" + bytes.fromhex("8f0101b910a10ea10c8104010203048204c0000201")
REPORT = bytes.fromhex("301881050413120f01a20fbf380ca204810201028301028401" "07")  # a tag of two octets
VALUE = {"sUPI": {"iMSI": "001010000000001"}, "sUPIUnauthenticated": False, "pDUSessionID": 5, "gTPTunnelID": {"tEID": 0x01020304,
	"iPv4Address": "c0000201"}, "pDUSessionType": "iPv4", "dNN": "internet", "requestType": "initialRequest", "gTPTunnelInfo": {
	"fiveGSGTPTunnels": {"uLNGUUPTunnelInformation": {"tEID": 0x01020304, "iPv4Address": "c0000201"}}}}


class Records(unittest.TestCase):
	def test_an_establishment(self):
		self.assertEqual(records.decode(ESTABLISHMENT), ("r18", "SMFPDUSessionEstablishment", VALUE))

	def test_a_report(self):
		release, name, value = records.decode(REPORT)
		self.assertEqual((release, name), ("r18", "SMSReport"))
		self.assertEqual(value, {"sMSTPDUData": {"sMSTPDU": "0102"}, "messageType": "deliverReportAck", "rPMessageReference": 7})

	def test_every_cut_and_every_octet_more_is_refused(self):
		for octets in (ESTABLISHMENT, REPORT):
			for n in range(len(octets)):
				with self.assertRaises(records.Invalid, msg=n):
					records.decode(octets[:n])
			with self.assertRaises(records.Invalid):
				records.decode(octets + b"\0")

	def test_no_other_octets_give_the_same(self):
		"""Whatever octet changes, it is refused or reads differently."""
		for octets in (ESTABLISHMENT, REPORT):
			said = records.decode(octets)
			for at in range(len(octets)):
				for bit in range(8):
					other = bytearray(octets)
					other[at] ^= 1 << bit
					try:
						self.assertNotEqual(records.decode(bytes(other)), said, (at, bit))
					except records.Invalid:
						pass

	def test_forms_that_are_longer_than_they_need_be(self):
		for octets in (b"\x30\x81" + ESTABLISHMENT[1:], ESTABLISHMENT[:11] + b"\xbf\x06" + ESTABLISHMENT[12:]):
			with self.assertRaises(records.Invalid):
				records.decode(octets)

	def test_lines_for_people(self):
		lines = pdu.record_lines(ESTABLISHMENT)
		self.assertIn("SMFPDUSessionEstablishment (r18)", lines[0])
		self.assertTrue(any('"dNN": "internet"' in line for line in lines))
		self.assertIn("cannot be read", pdu.record_lines(b"\x30\0")[0])
