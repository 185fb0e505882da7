"""From the release before to this one, with a task in force and a sealed store."""

import re

import case
import packages

OTHER_VERSION = "b4f530bf0b534a29b30c96e9c70ef6ec"  # MESSAGE_ID: the programs are of two versions


def channel(text):
	return int(re.search(r"define CHANNEL_VERSION (\d+)", text).group(1))


class Upgrade(case.MachineCase):
	INSTALLED = False

	@classmethod
	def prepare(cls):
		cls.what = case.session.previous()
		print(f"# upgrade from {cls.what}", flush=True)
		cls.poi.install("previous")
		cls.machine.run("dpkg-query -W poi poi-lab")
		# The release before had no udev rule: its manual told the operator to write one.
		cls.machine.write("/etc/udev/rules.d/50-operator.rules", 'SUBSYSTEM=="vfio", GROUP="poi", MODE="0660"\n')
		cls.machine.run(
			"udevadm control --reload && openssl rand 32 > /etc/poi/keys/store.key"
			" && chown poi:poi /etc/poi/keys/store.key && chmod 600 /etc/poi/keys/store.key"
		)
		cls.poi.quick(top="store: { file: /var/lib/poi/store, key: keys/store.key }")
		cls.poi.mdf()
		cls.xid = cls.poi.activate()

	def exact(self, stream):
		self.assertEqual(self.poi.send_exactly(0, stream), (100, 0))

	def test_1_before(self):
		self.exact("before")

	def test_2_install_changes_nothing_that_runs(self):
		"""The old processes go on intercepting until the operator restarts them."""
		pids = self.poi.pid("poi-control"), self.poi.pid("poi-dataplane")
		self.poi.install()
		self.assertEqual(pids, (self.poi.pid("poi-control"), self.poi.pid("poi-dataplane")))
		self.assertEqual(self.machine.out("dpkg-query -W -f '${Version}' poi"), packages.version())
		self.assertEqual(self.machine.python("marks()")["before"], {str(n): 1 for n in range(100)})
		self.machine.run("[ -z \"$(systemctl list-units -q --state=failed)\" ]")

	def test_3_one_restart(self):
		"""As the runbook says: programs of two channel versions refuse each other and say so."""
		with open(f"{packages.TOP}/shared/channel.h") as f:
			now = channel(f.read())
		commit = re.search(r": ([0-9a-f]{7,}) ", self.what).group(1)
		before = channel(packages.git("show", f"{commit}:shared/channel.h"))
		print(f"# channel {before}, then {now}", flush=True)
		self.machine.run("systemctl restart poi-dataplane")
		if before == now:
			self.poi.ready()
			self.exact("onerestart")
		else:
			self.machine.wait(f"journalctl -b -o cat MESSAGE_ID={OTHER_VERSION} | grep .", 60)
			said = self.machine.run("poi version", check=False)
			self.assertIn("channel", said.out)

	def test_4_both_restarted(self):
		"""The task is in force again, from the store, with no word of the ADMF."""
		self.machine.run("systemctl restart poi-control")
		self.poi.ready()
		self.poi.wait_status(lambda s: s["tasks"] == 1, "the task is back", 60)
		self.exact("after")
		details = self.machine.python(f"str(admf().get_task({self.xid!r}))")
		self.assertNotIn("Error", details)

	def test_5_rule_of_the_package(self):
		"""Without the operator's own rule the device is the product's by the package's."""
		self.machine.run("rm /etc/udev/rules.d/50-operator.rules && udevadm control --reload")
		self.poi.stop()
		address = self.machine.pci(0)
		self.machine.run(f"dpdk-devbind.py -u {address}; dpdk-devbind.py -b vfio-pci {address}")
		self.poi.start()
		self.exact("packagerule")
