"""Both programs confine themselves after their start, whole and with every thread, and what they do later
still works: reloads, rotated logs, new certificates, host names, the end. (What is forbidden is tried by
unit/shared/test_sandbox.c; all other system tests run confined too.)"""
import glob
import os
import shutil
import signal
import tempfile
import time
import unittest

from fixture import Poi, TrafficCase, udp_frame, wait_until
from poi_lab import x1

NET_BIND_SERVICE, IPC_LOCK = 1 << 10, 1 << 14


def threads(process):
	"""{name: /proc status as a dictionary} of every thread; the key carries the number too."""
	found = {}
	for path in glob.glob(f"/proc/{process.child.pid}/task/*/status"):
		with open(path) as f:
			status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
		found[f"{status['Name']} {status['Pid']}"] = status
	return found


def confined(process):
	return "confined: system calls, files" in process.text()


class Confined(TrafficCase):
	@classmethod
	def setUpClass(cls):
		super().setUpClass()
		for process in (cls.poi.control, cls.poi.dataplane):
			if "not confined: built with" in process.text():
				raise unittest.SkipTest("built without the sandbox (sanitizers or coverage)")

	def test_every_thread(self):
		for process, kept in ((self.poi.control, NET_BIND_SERVICE | IPC_LOCK), (self.poi.dataplane, IPC_LOCK)):
			self.assertRegex(process.text(), r"notice: confined: system calls, files \(Landlock \d+\), capabilities")
			found = threads(process)
			for name, status in found.items():
				self.assertEqual((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"), name)
				for which in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
					self.assertEqual(int(status[which], 16) & ~kept, 0, f"{which} of {name}")
			print(f"# {os.path.basename(process.command[0])}: {len(found)} threads confined")

	@classmethod
	def options(cls):
		"""With everything that touches files after the start: a store, a spool that is used early."""
		folder = tempfile.mkdtemp(prefix="poi-key-")
		cls.addClassCleanup(shutil.rmtree, folder, True)
		key = os.path.join(folder, "root.key")
		with open(os.open(key, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as f:
			f.write(os.urandom(32))
		return {**super().options(), "delivery_extra": "buffer: 256KiB\nbuffer-total: 16MiB\n"
			f"spool: {{ folder: spool, key: {key}, size: 64MiB }}\n", "x1_extra": f"store: {{ file: tasks.store, key: {key} }}\n"}

	def named(self, m):
		"""A destination known by its host name: resolved when it is needed, long after the start."""
		did = x1.new_id()
		self.ok(self.poi.admf.one("CreateDestination", "\n    <x1:destinationDetails>\n      <x1:dId>%s</x1:dId>"
			"\n      <x1:deliveryType>X3Only</x1:deliveryType>\n      <x1:deliveryAddress><x1:uri>tls://localhost:%d</x1:uri>"
			"</x1:deliveryAddress>\n    </x1:destinationDetails>" % (did, m.port)))
		return did

	def frames(self, n):
		return [udp_frame("192.0.2.10", "198.51.100.1", b"%d" % i + b"x" * 1000) for i in range(n)]

	def test_a_host_name_a_spool_and_a_store(self):
		did, xid, n = self.named(self.mdf), x1.new_id(), 1500
		self.ok(self.poi.admf.activate(xid, [x1.target_ipv4("192.0.2.10")], [did]))
		self.send(self.frames(10))
		self.assertTrue(self.mdf.wait_pdus(10), self.mdf.summary())
		port = self.mdf.port
		self.mdf.stop()
		for _ in range(n // 50):  # not faster than the spool takes it
			self.send(self.frames(50))
			time.sleep(0.02)
		wait_until(lambda: os.listdir(self.poi.path("spool")), 10, "what the buffer does not hold is spooled")
		self.assertGreater(os.path.getsize(self.poi.path("tasks.store")), 100, "the task is in the store")
		self.mdf = self.poi.mdf(keep=True, port=port)
		self.assertTrue(self.mdf.wait_pdus(n, 30), self.mdf.summary())
		for word in ("spool: ", "no spool", "store cannot"):
			self.assertNotIn(word, self.poi.dataplane.text() + self.poi.control.text())

	def test_what_rotates_is_followed(self):
		"""The audit log is renamed away and the certificates replaced by other files of their names."""
		log, folder = self.poi.path("audit.jsonl"), self.poi.pki.folder
		os.rename(log, log + ".1")
		for name in ("ne.pem", "ne.key", "ca.pem"):
			shutil.copy2(os.path.join(folder, name), os.path.join(folder, name + ".new"))
			os.rename(os.path.join(folder, name + ".new"), os.path.join(folder, name))
		for process, word in ((self.poi.control, "certificates were read again"),
				(self.poi.dataplane, "delivery certificates were read again")):
			before = process.text().count(word)
			process.child.send_signal(signal.SIGHUP)
			wait_until(lambda: process.text().count(word) > before, 5, "a reload: " + process.text()[-1000:])
			self.assertNotIn("reload rejected", process.text())
		self.poi.admf = self.poi.client()
		self.ok(self.poi.admf.one("Ping"))
		self.assertTrue(os.path.getsize(log) > 0, "a new audit log")
		self.activate(x1.target_ipv4("192.0.2.10"))
		self.send(self.frames(5))
		self.assertTrue(self.mdf.wait_pdus(5), self.mdf.summary())

	def test_ending_leaves_nothing(self):
		poi = Poi()
		self.addCleanup(poi.close)
		poi.start()
		self.assertTrue(confined(poi.control) and confined(poi.dataplane))
		self.assertEqual((poi.control.stop(), poi.dataplane.stop()), (0, 0))
		self.assertEqual(os.listdir(poi.path("run")), [], "the sockets are removed")


class Off(unittest.TestCase):
	def test_off_is_said_and_done(self):
		poi = Poi()
		self.addCleanup(poi.close)
		with open(poi.file, "a") as f:
			f.write("sandbox: off\n")
		poi.start()
		for process in (poi.control, poi.dataplane):
			self.assertRegex(process.text(), "warning: not confined: sandbox is off in the configuration")
			self.assertEqual({s["Seccomp"] for s in threads(process).values()}, {"0"})
