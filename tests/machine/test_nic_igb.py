"""The product on an Intel 82576 by net_e1000_igb, where QEMU has that card (8.0 and later; $POI_QEMU names another one)."""

import subprocess
import unittest

import qemu
from test_nic_cards import CardsCase, CardTests, cases
from wire import Nic


def has_igb():
	done = subprocess.run(
		[*qemu.QEMU, "-machine", "none", "-device", "igb,help"], capture_output=True, check=False
	)
	return done.returncode == 0 and b"igb options" in done.stdout


@cases
class Igb(CardTests, CardsCase):
	NICS = (Nic("igb", backend="tap"),)
	CARDS = {0: "igb"}
	CONSOLE = ()

	@classmethod
	def setUpClass(cls):
		if not has_igb():
			raise unittest.SkipTest("this QEMU has no igb card: 8.0 or later has")
		super().setUpClass()
