"""The packages are taken away again: nothing of them is left."""

from test_2_restarts import LifeCase


APT = "DEBIAN_FRONTEND=noninteractive apt-get -y"
PLACES = """
	/usr/bin/poi* /usr/share/poi* /usr/share/doc/poi* /run/poi /var/lib/poi /var/log/poi
	/lib/systemd/system/poi-* /etc/systemd/system/poi-* /etc/systemd/system/*/poi-*
	/usr/lib/sysusers.d/poi* /usr/lib/tmpfiles.d/poi* /lib/udev/rules.d/*poi*
	/usr/lib/systemd/catalog/poi* /usr/share/man/man?/poi*
""".split()


class Purge(LifeCase):
	def units(self):
		return self.machine.out("systemctl list-units --all --plain --no-legend 'poi-*'").splitlines()

	def theirs(self):
		"""Returns what the operator has put into /etc/poi: all but the package's own poi.yaml."""
		return self.machine.out("find /etc/poi -type f ! -name poi.yaml | sort").split()

	def test_1_remove_stops_the_units(self):
		"""What enabled them stays until a purge, as configuration does: systemd misses the files."""
		control, dataplane = self.poi.pid("poi-control"), self.poi.pid("poi-dataplane")
		self.machine.run(f"{APT} remove poi", timeout=300)
		self.machine.run(f"! kill -0 {control} && ! kill -0 {dataplane}")
		for unit in self.units():
			self.assertEqual(unit.split()[1:4], ["not-found", "inactive", "dead"], unit)

	def test_2_purge_leaves_nothing(self):
		self.machine.run("rm -rf /etc/systemd/system/poi-.service.d")  # ours, see case.py
		before = self.theirs()
		self.assertIn("/etc/poi/keys/ne.key", before)
		self.machine.run(f"{APT} purge poi poi-lab", timeout=300)
		left = self.machine.out(f"ls -d {' '.join(PLACES)} 2>/dev/null || true")
		self.assertEqual(left, "")
		self.assertEqual(self.theirs(), before, "the operator's own stays")
		self.machine.run("[ ! -e /etc/poi/poi.yaml ]")
		self.assertEqual(self.machine.out("ps -u poi -o pid= || true"), "")
		form = "${db:Status-Abbrev} ${Package}\\n"
		known = self.machine.out(f"dpkg-query -W -f '{form}' 'poi*' || true")
		self.assertNotRegex(known, r"(?m)^.[icHUFWt]", "dpkg has files of it")

	def test_3_devices_are_roots_again(self):
		link = f"/sys/bus/pci/devices/{self.machine.pci(0)}/iommu_group"
		group = self.machine.out(f"basename $(readlink {link})")
		owner = self.machine.out(f"stat -c '%U %G %a' /dev/vfio/{group}")
		self.assertEqual(owner, "root root 600")

	def test_4_journal_is_clean(self):
		"""systemd has no word about units, users or rules that are gone."""
		self.machine.run("systemctl daemon-reload && udevadm control --reload")
		self.machine.run("systemd-tmpfiles --create")
		self.assertEqual(self.units(), [])
		failed = self.machine.out("systemctl --failed --no-legend")
		self.assertEqual(failed, "")
