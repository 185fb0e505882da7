"""The sealed store: tasks are in force again after the whole machine was away."""

from test_2_restarts import LifeCase

PORT = 9999  # the MDF's, which must be the same after a reboot


class Store(LifeCase):
	@classmethod
	def prepare(cls):
		super().prepare()
		cls.machine.run(
			"cd /etc/poi && openssl rand 32 > keys/store.key && chown poi:poi keys/store.key"
			" && chmod 600 keys/store.key"
			" && echo 'store: { file: /var/lib/poi/store, key: keys/store.key }' >> poi.yaml"
		)
		cls.poi.persist()
		cls.poi.restart()
		cls.machine.python("clear(); stop_mdf()")
		cls.did = cls.poi.mdf(port=PORT)
		cls.xid = cls.poi.activate()

	def back(self):
		"""Requires the task in force after the machine was away, before any ADMF spoke."""
		self.poi.wait_status(lambda s: s["tasks"] == 1, "the task is back from the store", 120)
		# after a boot the lab is new: it has no MDF and knows no destination
		self.machine.python(f"'mdf' in mdfs or mdf('mdf', {PORT}); dids['mdf'] = {self.did!r}")
		self.poi.ready(120)
		details = self.machine.python(f"str(admf().get_task({self.xid!r}))")
		self.assertNotIn("Error", details)

	def test_1_reboot(self):
		self.exact("beforereboot")
		self.machine.reboot()
		self.back()
		self.exact("afterreboot")

	def test_2_power_cut(self):
		"""A task that was answered is in force after a reset without a word to systemd."""
		second = self.poi.activate("ipv4", "192.0.2.77")
		self.machine.python(f"deactivate({second!r})")
		self.machine.reset()
		self.back()
		self.exact("afterreset")

	def test_3_values_are_sealed(self):
		"""No file of the state folder has the target's address."""
		folders = "/var/lib/poi /var/log/poi /run/poi"
		found = self.machine.run(f"grep -rlF -e 192.0.2.10 {folders}", check=False)
		self.assertEqual(found.out, "")

	def test_4_other_key_is_rejected(self):
		"""With another key the store is not read: poi-control does not start and says why."""
		self.expect_console(
			r"poi-control\.service: Failed with result", r"Failed to start poi-control\.service"
		)
		self.machine.run("cp -p /etc/poi/keys/store.key /root/store.key")
		self.machine.run("openssl rand 32 > /etc/poi/keys/store.key")
		self.poi.stop()
		since = self.machine.out("date +%s")
		self.machine.run("systemctl start --no-block poi-dataplane poi-control")
		said = f"journalctl -u poi-control -o cat --since @{since}"
		self.machine.wait(f"{said} | grep 'store /var/lib/poi/store: this key does not open it'")
		self.assertNotIn("taken back", self.machine.out(said))
		self.machine.run("systemctl stop poi-control poi-dataplane")
		self.machine.run("cp -p /root/store.key /etc/poi/keys/store.key")
		self.poi.start()
		self.back()
		self.exact("keyagain")

	@classmethod
	def tearDownClass(cls):
		cls.machine.python("clear()")
		cls.machine.run("sed -i '/^store:/d' /etc/poi/poi.yaml")
		cls.machine.run("rm -f /var/lib/poi/store /etc/poi/keys/store.key")
		cls.poi.restart()
