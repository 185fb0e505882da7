"""What systemd does to the units: restarts, kills, a stopped process and its watchdog."""

import case
from product import TARGET
from wire import Stream


class LifeCase(case.MachineCase):
	"""An installed guest with one card; the product runs with one task."""

	FRESH = False

	@classmethod
	def prepare(cls):
		if cls.machine.run("systemctl is-active poi-control poi-dataplane", check=False).status:
			cls.poi.quick()
		else:
			cls.poi.ready()
		cls.machine.python("clear()")
		cls.machine.python("[stop_mdf(name) for name in list(mdfs)]")
		cls.poi.mdf()
		cls.xid = cls.poi.activate()

	def stream(self, name, slot=0):
		"""Starts to send the target's frames; finish() of what it returns ends that."""
		stream = Stream(self.machine.wires[slot], name, TARGET)
		self.addCleanup(stream.finish)
		stream.start()
		return stream

	def exact(self, stream, **more):
		self.assertEqual(self.poi.send_exactly(0, stream, **more), (100, 0))


class Restarts(LifeCase):
	CONSOLE = (r"poi-(control|dataplane)\.service: (Failed with result|Main process exited)",)

	def restarted(self, unit, before):
		"""Requires that the unit runs again, in another process, within a minute."""
		self.machine.wait(
			f"systemctl is-active {unit} && [ $(systemctl show -P MainPID {unit}) != {before} ]"
		)
		self.poi.ready()

	def test_1_restart_of_control_under_traffic(self):
		stream = self.stream("controlrestart")
		self.machine.run("systemctl restart poi-control")
		self.poi.ready()
		self.poi.delivered_exactly("controlrestart", stream.finish())

	def test_2_restart_of_dataplane(self):
		self.machine.run("systemctl restart poi-dataplane")
		self.poi.ready()
		self.exact("dataplanerestart")

	def test_3_restart_of_both(self):
		"""Both away at once: without a store the tasks are gone by design, and the ADMF knows it."""
		self.poi.stop()
		self.poi.start()
		self.assertEqual(self.poi.status()["tasks"], 0)
		self.machine.python("clear(); forget_admf()")
		self.machine.python("destination('mdf')")
		self.__class__.xid = self.poi.activate()
		self.exact("bothrestart")

	def test_4_kill_of_control_under_traffic(self):
		before = self.poi.pid("poi-control")
		stream = self.stream("controlkill")
		self.machine.run(f"kill -9 {before}")
		self.restarted("poi-control", before)
		self.poi.delivered_exactly("controlkill", stream.finish())

	def test_5_kill_of_dataplane(self):
		before = self.poi.pid("poi-dataplane")
		self.machine.run(f"kill -9 {before}")
		self.restarted("poi-dataplane", before)
		self.exact("dataplanekill")
		pages = self.machine.out("ls /dev/hugepages")
		self.assertEqual(pages, "", "files in hugetlbfs outlive the kill")

	def test_6_kill_of_both(self):
		control, dataplane = self.poi.pid("poi-control"), self.poi.pid("poi-dataplane")
		self.machine.run(f"kill -9 {control} {dataplane}")
		self.restarted("poi-control", control)
		self.restarted("poi-dataplane", dataplane)
		self.machine.python("clear()")
		self.machine.python("destination('mdf')")
		self.__class__.xid = self.poi.activate()
		self.exact("bothkill")

	def stopped(self, unit):
		"""Stops the process and waits for the watchdog to have it replaced."""
		before = self.poi.pid(unit)
		self.expect_console(rf"{unit}\.service: Watchdog timeout")
		self.machine.run(f"kill -STOP {before}")
		self.restarted(unit, before)
		said = self.machine.out(f"journalctl -b -u {unit} --no-pager")
		self.assertIn("Watchdog timeout", said)

	def test_7_stopped_control(self):
		self.stopped("poi-control")
		self.exact("controlstop")

	def test_8_stopped_dataplane(self):
		self.stopped("poi-dataplane")
		self.exact("dataplanestop")
		self.poi.balanced()

	def test_9_reboot_without_a_store(self):
		"""Units that are enabled come up with the machine; the tasks are gone by design."""
		self.poi.persist()
		self.machine.reboot()
		self.poi.ready(120)
		self.assertEqual(self.poi.status()["tasks"], 0)
		self.poi.mdf()
		self.poi.activate()
		self.exact("reboot")
