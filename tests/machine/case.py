"""The base of every test on a machine: gets one that fits, judges its console after each case."""

import atexit
import os
import shutil
import time
import unittest

import image
import packages
import qemu
from poi_lab import platforms
from product import Product
from wire import Nic


class Session:
	"""What all cases of one run share: image, packages, acceleration, the machine that runs now."""

	def __init__(self, accel="auto", release="bookworm", keep=None):
		self.keep = keep
		self.accel, self.release = accel, release
		self.folder = keep or os.path.join(image.CACHE, f"run-{os.getpid()}")
		os.makedirs(self.folder, exist_ok=True)
		self.debs, self.image = (), None
		self._key = ""
		self._spec = self._machine = None
		self._previous = None
		self.booted = []  # (seconds, what)

	def prepare(self, say):
		"""Builds packages and image where they are missing; says what each took."""
		image.prune()
		start = time.monotonic()
		self.debs, self._key = packages.current()
		say(f"packages: {time.monotonic() - start:.0f} s ({packages.version()}, {self._key})")
		self.image = image.Image(self.release, image.dependencies(self.debs))
		took = self.image.ready()
		size = os.stat(self.image.disk).st_blocks * 512 >> 20
		say(f"image: {took:.0f} s ({self.image.key}, {size} MiB)")
		if self.accel == "auto":
			start = time.monotonic()
			fault = qemu.kvm_fault(self.image.kernel)
			self.accel = "tcg" if fault else "kvm"
			say(f"acceleration: {self.accel} ({time.monotonic() - start:.0f} s to find out)")
			if fault:
				say(f"without KVM: {fault}")
		else:
			say(f"acceleration: {self.accel}, as asked")
		self._share()

	def _share(self):
		self.share = os.path.join(self.folder, "share")
		shutil.rmtree(self.share, ignore_errors=True)
		os.makedirs(os.path.join(self.share, "packages"))
		for deb in self.debs:
			shutil.copy(deb, os.path.join(self.share, "packages"))
		shutil.copytree(os.path.join(image.HERE, "guest"), os.path.join(self.share, "guest"))
		lab = os.path.join(image.TOP, "tests", "lab")
		ignore = shutil.ignore_patterns("__pycache__")
		shutil.copytree(lab, os.path.join(self.share, "tests", "lab"), ignore=ignore)

	def previous(self):
		"""Puts the packages of the release before into /share/previous; returns what they are."""
		if self._previous is None:
			debs, self._previous = packages.previous()
			folder = os.path.join(self.share, "previous")
			os.makedirs(folder, exist_ok=True)
			for deb in debs:
				shutil.copy(deb, folder)
		return self._previous

	def installed(self):
		"""Returns a disk with the packages installed and nothing configured."""
		name = f"installed-{self.image.key}-{self._key}-{self.accel}.qcow2"
		disk = os.path.join(image.CACHE, name)
		if not os.path.exists(disk):
			machine = self._new(())
			try:
				Product(machine).install()
				machine.power_off()
				os.replace(machine.disk, disk)
			finally:
				machine.remove()
		return disk

	def _new(self, nics, disk=None, arguments=""):
		machine = qemu.Machine(
			self.image, self.share, nics, self.accel, disk, arguments, folder=self.folder
		)
		try:
			machine.start()
		except BaseException:
			(machine.stop if self.keep else machine.remove)()
			raise
		if self.accel != "kvm":
			self._patient(machine)
		self.booted.append((machine.took, "+".join(n.device for n in nics) or "no card"))
		print(f"# boot of {machine.took:.0f} s: {self.booted[-1][1]}", flush=True)
		return machine

	@staticmethod
	def _patient(machine):
		"""Gives the units' watchdog the time that a guest without KVM on a busy host may need."""
		folder = "/etc/systemd/system/poi-.service.d"
		machine.write(
			f"{folder}/machine.conf", f"[Service]\nWatchdogSec={10 * machine.patience}\n"
		)
		machine.run("systemctl daemon-reload")

	def machine(self, nics=(), installed=True, arguments="", fresh=False):
		"""Returns a running machine: the one that runs if it has these cards, unless `fresh`."""
		spec = (tuple(n.key() for n in nics), installed, arguments)
		if self._machine and (fresh or not self._fits(spec)):
			self.close()
		if not self._machine:
			disk = self.installed() if installed else None
			self._machine, self._spec = self._new(nics, disk, arguments), spec
		return self._machine

	def _fits(self, spec):
		"""Returns whether the running machine will do: packages installed by a case count."""
		if spec == self._spec:
			return True
		nics, installed, arguments = spec
		if not installed or self._spec != (nics, False, arguments):
			return False
		return self._machine.run("dpkg-query -W poi", check=False).status == 0

	def close(self):
		"""Ends the machine that runs; its disk and console stay where --keep says."""
		if self._machine:
			machine, self._machine = self._machine, None
			(machine.stop if self.keep else machine.remove)()

	def finish(self):
		self.close()
		if not self.keep:
			shutil.rmtree(self.folder, ignore_errors=True)


session = None


def begin(**more):
	"""Starts the one session of this run."""
	global session
	session = Session(**more)
	atexit.register(session.finish)
	return session


class MachineCase(unittest.TestCase):
	"""One machine for the whole class. The class attributes say which."""

	NICS = (Nic("e1000e"),)  # slot 0, 1, ... in this order; up to qemu.SLOTS
	INSTALLED = True  # False: the packages are not installed yet
	ARGUMENTS = ""  # added to the kernel's command line
	FRESH = True  # False: take over the machine of the class before if it has the same cards
	CONSOLE = ()  # patterns of console errors that every case of the class expects

	@classmethod
	def setUpClass(cls):
		cls.machine = session.machine(cls.NICS, cls.INSTALLED, cls.ARGUMENTS, cls.FRESH)
		cls.poi = Product(cls.machine)
		kinds = {f"{nic.device} emulated by QEMU ({session.accel})" for nic in cls.NICS}
		platforms.begin(kinds)
		cls.addClassCleanup(platforms.end, kinds)
		errors = cls.machine.console_errors(cls.CONSOLE)
		if errors:
			raise AssertionError("errors on the console at boot:\n" + "\n".join(errors[:20]))
		cls.prepare()

	@classmethod
	def prepare(cls):
		"""Is run once before the cases of the class."""

	def setUp(self):
		self._expected = list(self.CONSOLE)
		self.addCleanup(self._console)

	def expect_console(self, *patterns):
		"""Allows console errors that match, for this case."""
		self._expected += patterns

	def _console(self):
		errors = self.machine.console_errors(self._expected)
		if errors:
			raise AssertionError("errors on the console:\n" + "\n".join(errors[:20]))

	def run(self, result=None):
		"""Adds the guest's last words to a failure."""
		bad = getattr(result, "bad", 0)
		super().run(result)
		if getattr(result, "bad", 0) > bad:
			self._explain()

	def _explain(self):
		try:
			text = self.poi.journal(30)
		except Exception as e:
			text = f"no journal: {e}\n{self.machine.tail(30)}"
		print("# the guest's journal of the product:")
		for line in text.splitlines():
			print(f"#   {line[:300]}", flush=True)
