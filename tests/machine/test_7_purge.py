"""The packages are taken away again: nothing of them is left."""

from test_2_restarts import LifeCase


class Purge(LifeCase):
	def test_1_remove_stops_the_units(self):
		control, dataplane = self.poi.pid("poi-control"), self.poi.pid("poi-dataplane")
		self.machine.run("DEBIAN_FRONTEND=noninteractive apt-get -y remove poi", timeout=300)
		self.machine.run(f"! kill -0 {control} && ! kill -0 {dataplane}")
		units = self.machine.out("systemctl list-units --all --no-legend 'poi-*'")
		self.assertEqual(units, "")

	def test_2_purge_leaves_nothing(self):
		self.machine.run("DEBIAN_FRONTEND=noninteractive apt-get -y purge poi poi-lab", timeout=300)
		left = self.machine.out(
			"rm -rf /etc/systemd/system/poi-.service.d; ls -d /etc/poi /usr/bin/poi* /usr/share/poi* /usr/share/doc/poi* /run/poi /var/lib/poi /var/log/poi"
			" /lib/systemd/system/poi-* /etc/systemd/system/poi-* /etc/systemd/system/*/poi-*"
			" /usr/lib/sysusers.d/poi* /usr/lib/tmpfiles.d/poi* /lib/udev/rules.d/*poi*"
			" /usr/lib/systemd/catalog/poi* /usr/share/man/man?/poi* 2>/dev/null || true"
		)
		self.assertEqual(left, "")
		self.assertEqual(self.machine.out("ps -u poi -o pid= || true"), "")
		self.assertEqual(self.machine.out("dpkg -l 'poi*' 2>/dev/null | grep -E '^[a-z]i|^rc' || true"), "")

	def test_3_devices_are_roots_again(self):
		group = self.machine.out(f"basename $(readlink /sys/bus/pci/devices/{self.machine.pci(0)}/iommu_group)")
		owner = self.machine.out(f"stat -c '%U %G' /dev/vfio/{group}")
		self.assertEqual(owner, "root root")

	def test_4_journal_is_clean(self):
		"""systemd has no word about units, users or rules that are gone."""
		self.machine.run("systemctl daemon-reload && udevadm control --reload && systemd-tmpfiles --create")
		failed = self.machine.out("systemctl --failed --no-legend")
		self.assertEqual(failed, "")
