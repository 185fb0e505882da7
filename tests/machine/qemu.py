"""One virtual machine: QEMU with an IOMMU and PCI cards, its monitor, its console and its agent."""

import contextlib
import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import wire

SLOTS = 4
MEMORY = 3072
CPUS = 3
BOOT = 300  # seconds that a boot may take
PATIENCE = 4  # every limit of time is so many times as long without KVM
QEMU = shlex.split(os.environ.get("POI_QEMU", "qemu-system-x86_64"))

# What must not stand on the console: the kernel's faults, and units of systemd that fail.
CONSOLE_ERRORS = re.compile(
	r"Oops|BUG:|WARNING: CPU|Call Trace|Kernel panic|segfault|general protection|trap invalid"
	r"|DMAR:.*(fault|error)|vfio.*(error|fail|invalid)|soft lockup|hung task|blocked for more than"
	r"|Out of memory|oom-kill|I/O error|EXT4-fs error|AER:.*[Ee]rror"
	r"|Failed to start|Dependency failed|Failed with result|core-dump|Watchdog timeout"
	r"|Assertion .* failed|AddressSanitizer",
)
# Seen at every boot of this machine type with Debian's kernel, and not about us.
CONSOLE_HARMLESS = re.compile(r"^$")


class MachineError(Exception):
	"""The machine did not do what was asked of it."""


class Answer:
	"""What a command in the guest said."""

	def __init__(self, command, reply):
		self.command = command
		self.status, self.out, self.err = reply["status"], reply["out"], reply["err"]

	def __str__(self):
		return f"$ {self.command}\nstatus {self.status}\n{self.out}{self.err}"


class Lines:
	"""A socket that carries one JSON object a line. Only for one thread at a time."""

	def __init__(self, path, timeout=20):
		self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
		end = time.monotonic() + timeout
		while True:
			try:
				self._socket.connect(path)
				break
			except OSError:
				if time.monotonic() > end:
					raise
				time.sleep(0.05)
		self._pending = b""

	def send(self, message):
		self._socket.sendall((json.dumps(message) + "\n").encode())

	def next(self, timeout):
		"""Returns the next object, or None after `timeout` seconds."""
		end = time.monotonic() + timeout
		while True:
			line, found, rest = self._pending.partition(b"\n")
			if found:
				self._pending = rest
				with contextlib.suppress(ValueError):  # a boot in the middle of a line
					return json.loads(line)
				continue
			left = end - time.monotonic()
			if left <= 0 or not select.select([self._socket], [], [], left)[0]:
				return None
			piece = self._socket.recv(65536)
			if not piece:
				raise MachineError("QEMU has ended")
			self._pending += piece

	def close(self):
		self._socket.close()


def kvm_fault(kernel, seconds=15):
	"""Boots the kernel under KVM; returns "" if it says a word in time, else why KVM is of no use."""
	if not os.access("/dev/kvm", os.R_OK | os.W_OK):
		return "no access to /dev/kvm"
	with tempfile.TemporaryDirectory(prefix="poi-machine-") as folder:
		console = os.path.join(folder, "console")
		said = os.path.join(folder, "qemu.log")
		with open(said, "wb") as out:
			child = subprocess.Popen(
				[*QEMU, "-nodefaults", "-display", "none", "-machine", "q35,accel=kvm"]
				+ ["-cpu", "host", "-m", "512", "-kernel", kernel, "-no-reboot"]
				+ ["-append", "console=ttyS0 panic=-1", "-serial", f"file:{console}"],
				stdin=subprocess.DEVNULL,
				stdout=out,
				stderr=subprocess.STDOUT,
			)
		try:
			end = time.monotonic() + seconds
			while time.monotonic() < end and child.poll() is None:
				with contextlib.suppress(FileNotFoundError), open(console, errors="replace") as f:
					if "Linux version" in f.read():
						return ""
				time.sleep(0.2)
			if child.poll() is None:
				return f"a kernel said nothing in {seconds} s under KVM"
			with open(said, errors="replace") as f:
				words = f.read().split("\n")[0].strip()
			return f"QEMU ended with status {child.returncode} under KVM: {words}"
		finally:
			child.kill()
			child.wait()


class Machine:
	"""A guest that is started, spoken to and ended. `share` is /share in it, read-only."""

	def __init__(self, image, share, nics=(), accel="tcg", disk=None, arguments="", folder=None):
		self.image, self.share, self.accel = image, share, accel
		self.nics, self._arguments = list(nics), arguments
		self.folder = tempfile.mkdtemp(prefix="guest-", dir=folder)
		self.console = os.path.join(self.folder, "console.log")
		self.disk = os.path.join(self.folder, "disk.qcow2")
		self._backing = disk or image.disk
		self.wires = {}
		self._child = self._agent = self._qmp = None
		self._answers, self._next = {}, 0
		self._turn = threading.Lock()
		self._boots = []
		self._console_at = 0
		self.patience = 1 if accel == "kvm" else PATIENCE
		self.events = []  # of QEMU's monitor
		self.took = 0.0  # seconds of the last boot

	# --- life
	def start(self):
		"""Starts QEMU and waits until the guest's agent answers."""
		form = "qcow2" if self._backing.endswith(".qcow2") else "raw"
		subprocess.run(
			["qemu-img", "create", "-q", "-f", "qcow2", "-b", self._backing, "-F", form, self.disk],
			check=True,
		)
		for slot, nic in enumerate(self.nics):
			self.wires[slot] = nic.wire(self.folder, slot)
		begun = time.monotonic()
		with open(os.path.join(self.folder, "qemu.log"), "wb") as out:
			self._child = subprocess.Popen(
				self.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
			)
		try:
			self._agent = Lines(os.path.join(self.folder, "agent"))
			self._qmp = Lines(os.path.join(self.folder, "qmp"))
		except OSError as e:
			raise MachineError(f"QEMU does not start: {e}\n{self._qemu_log()}") from e
		self.monitor("qmp_capabilities")
		self.wait_boot(begun=begun)
		return self

	def command(self):
		kvm = self.accel == "kvm"
		fixed = f"""
			-nodefaults -no-user-config -display none -name guest-{os.getpid()}
			-machine q35{",kernel-irqchip=split" if kvm else ""}
			-accel {"kvm" if kvm else "tcg,thread=multi"} -cpu {"host" if kvm else "max"}
			-smp {CPUS} -m {MEMORY}
			-device intel-iommu,intremap=on,caching-mode=on
			-kernel {self.image.kernel} -initrd {self.image.initrd}
			-drive file={self.disk},if=none,id=disk,cache=unsafe -device virtio-blk-pci,drive=disk
			-virtfs local,path={self.share},mount_tag=share,security_model=none,readonly=on
			-device virtio-rng-pci -serial file:{self.console}
			-device virtio-serial-pci
			-chardev socket,id=agent,path={self.folder}/agent,server=on,wait=off
			-device virtserialport,chardev=agent,name=poi.agent
			-qmp unix:{self.folder}/qmp,server=on,wait=off
		"""
		out = [*QEMU, *fixed.split()]
		append = "root=/dev/vda rw console=ttyS0 loglevel=7 panic=-1 net.ifnames=1 intel_iommu=on "
		out += ["-append", (append + "iommu=pt " + self._arguments).strip()]
		for slot in range(SLOTS):
			port = f"pcie-root-port,id=slot{slot},chassis={slot + 1},addr={16 + slot:#x}"
			out += ["-device", port]
		for slot, nic in enumerate(self.nics):
			out += ["-netdev", self.wires[slot].netdev()]
			pairs = nic.device_arguments(slot)
			out += ["-device", ",".join([pairs[0][1], *(f"{k}={v}" for k, v in pairs[1:])])]
		return out

	def wait_boot(self, begun=None, timeout=BOOT):
		"""Waits until the agent of another boot says hello, and systemd has started everything."""
		begun = begun or time.monotonic()
		timeout *= self.patience
		known, end = len(self._boots), begun + timeout
		while len(self._boots) == known:
			self._alive()
			self._take(0.5)
			if time.monotonic() > end:
				raise MachineError(f"no boot within {timeout} s; the console's end:\n{self.tail()}")
		self.run("systemctl is-system-running --wait", timeout=BOOT, check=False)
		self.took = time.monotonic() - begun

	def reset(self):
		"""Resets the machine as its button would, and waits until it is up again."""
		self.monitor("system_reset")
		self.wait_boot()

	def reboot(self):
		"""Asks systemd for a reboot, and waits until the machine is up again."""
		self.run("systemctl --no-block reboot", check=False)
		self.wait_boot()

	def power_off(self, timeout=120):
		"""Shuts the guest down in order and ends QEMU."""
		with contextlib.suppress(MachineError):
			self.run("systemctl --no-block poweroff", check=False)
		with contextlib.suppress(subprocess.TimeoutExpired):
			self._child.wait(timeout * self.patience)
		status = self._child.poll()
		self.stop()
		if status != 0:
			raise MachineError(f"no orderly shutdown (QEMU's status: {status})\n{self.tail()}")

	def stop(self):
		"""Ends QEMU at once."""
		if self._child and self._child.poll() is None:
			self._child.send_signal(signal.SIGTERM)
			try:
				self._child.wait(10)
			except subprocess.TimeoutExpired:
				self._child.kill()
				self._child.wait()
		for thing in (self._agent, self._qmp, *self.wires.values()):
			if thing:
				thing.close()
		self._agent = self._qmp = None
		self.wires = {}

	def remove(self):
		"""Stops and removes all that it had on the disk."""
		self.stop()
		shutil.rmtree(self.folder, ignore_errors=True)

	def _alive(self):
		if self._child.poll() is not None:
			raise MachineError(f"QEMU ended with {self._child.returncode}\n{self._qemu_log()}")

	def _qemu_log(self):
		with open(os.path.join(self.folder, "qemu.log"), errors="replace") as f:
			return f.read()[-3000:]

	# --- the agent
	def _take(self, timeout):
		message = self._agent.next(timeout)
		if message is None:
			return
		if "hello" in message:
			if message["hello"] not in self._boots:
				self._boots.append(message["hello"])
			self._answers.clear()
		else:
			self._answers[message.get("id")] = message

	def _ask(self, request, timeout):
		with self._turn:
			self._next += 1
			timeout *= self.patience
			number, end, boots = self._next, time.monotonic() + timeout, len(self._boots)
			self._agent.send({"id": number, **request})
			while number not in self._answers:
				self._alive()
				if time.monotonic() > end:
					raise MachineError(f"no answer within {timeout} s to {request}\n{self.tail()}")
				if len(self._boots) != boots:
					raise MachineError(f"the guest has booted meanwhile: {request}\n{self.tail()}")
				self._take(min(1.0, max(0.0, end - time.monotonic())))
			return self._answers.pop(number)

	def run(self, command, timeout=120, check=True):
		"""Runs a shell command as root. A status other than 0 raises unless check=False."""
		limit = timeout * self.patience
		reply = self._ask({"run": command, "timeout": limit}, timeout + 30)
		if "error" in reply:
			raise MachineError(reply["error"])
		answer = Answer(command, reply)
		if check and answer.status:
			raise MachineError(str(answer))
		return answer

	def out(self, command, **more):
		"""Returns what a command says, without the last line's end."""
		return self.run(command, **more).out.rstrip("\n")

	def python(self, code, timeout=120):
		"""Runs code in the guest's lab (guest/lab.py); returns the value of its last expression."""
		reply = self._ask({"python": code}, timeout)
		if "error" in reply:
			raise MachineError(f"{code}\n{reply['error']}")
		return reply["value"]

	def write(self, path, text, mode="644", owner="root:root"):
		"""Writes a file in the guest."""
		quoted = shlex.quote(path)
		self.run(
			f"mkdir -p \"$(dirname {quoted})\" && printf %s {shlex.quote(text)} > {quoted}"
			f" && chmod {mode} {quoted} && chown {owner} {quoted}"
		)

	def wait(self, command, timeout=60, pause=0.5):
		"""Repeats a command until its status is 0; returns the answer."""
		end = time.monotonic() + timeout * self.patience
		while True:
			answer = self.run(command, check=False)
			if answer.status == 0:
				return answer
			if time.monotonic() > end:
				raise MachineError(f"not within {timeout} s:\n{answer}")
			time.sleep(pause)

	# --- the monitor
	def monitor(self, command, **arguments):
		"""Runs a command of QEMU's monitor; returns its value. Events go to self.events."""
		self._qmp.send({"execute": command, **({"arguments": arguments} if arguments else {})})
		while True:
			message = self._qmp.next(60)
			if message is None:
				raise MachineError(f"QEMU's monitor does not answer to {command}")
			if "event" in message:
				self.events.append(message)
			elif "error" in message:
				raise MachineError(f"{command}: {message['error'].get('desc')}")
			elif "return" in message:
				return message["return"]

	def event(self, name, timeout=60):
		"""Waits for an event of QEMU; returns it."""
		end = time.monotonic() + timeout * self.patience
		while True:
			for message in self.events:
				if message["event"] == name:
					self.events.remove(message)
					return message
			if time.monotonic() > end:
				raise MachineError(f"no event {name} within {timeout} s")
			message = self._qmp.next(1)
			if message:
				self.events.append(message)

	def link(self, slot, up):
		"""Pulls the cable of a card, or plugs it in."""
		self.monitor("set_link", name=f"nic{slot}", up=up)

	def unplug(self, slot, timeout=60):
		"""Takes a card out as an operator would: the guest is asked and lets go of it."""
		self.monitor("device_del", id=f"nic{slot}")
		if timeout:
			self.event("DEVICE_DELETED", timeout)

	def plug(self, slot, nic, new_wire=True):
		"""Puts a card into a free slot. With new_wire=False it hangs on the wire that is there."""
		if new_wire:
			if slot in self.wires:
				with contextlib.suppress(MachineError):
					self.monitor("netdev_del", id=self.wires[slot].id)
				self.wires.pop(slot).close()
			self.wires[slot] = nic.wire(self.folder, slot)
			kind, *pairs = self.wires[slot].netdev().split(",")
			self.monitor("netdev_add", type=kind, **nested(pairs))
		pairs = dict(nic.device_arguments(slot))
		self.monitor("device_add", **pairs)

	# --- cards as the guest sees them
	def pci(self, slot):
		"""Returns the address that the guest gave the card in that slot, such as 0000:01:00.0."""
		path = f"/sys/bus/pci/devices/0000:00:{16 + slot:02x}.0"
		return self.out(f"ls {path} | grep -E '^0000:[0-9a-f:]+\\.[0-9]$' | head -1")

	# --- the console
	def tail(self, lines=40):
		with contextlib.suppress(FileNotFoundError), open(self.console, errors="replace") as f:
			return "".join(f.readlines()[-lines:])
		return ""

	def console_new(self):
		"""Returns what the console said since the last call."""
		with open(self.console, "rb") as f:
			f.seek(self._console_at)
			octets = f.read()
		self._console_at += len(octets)
		return octets.decode(errors="replace")

	def console_errors(self, expected=()):
		"""Returns new lines of the console that look like errors and match no expected pattern."""
		found = []
		for line in self.console_new().splitlines():
			if not CONSOLE_ERRORS.search(line) or CONSOLE_HARMLESS.search(line):
				continue
			if not any(re.search(pattern, line) for pattern in expected):
				found.append(line)
		return found


def nested(pairs):
	"""Turns local.type=unix into {"local": {"type": "unix"}}, as the monitor wants it."""
	out = {}
	for pair in pairs:
		name, _, value = pair.partition("=")
		at, *path = name.split(".")
		if path:
			out.setdefault(at, {})[path[0]] = value
		elif at == "queues":
			out[at] = int(value)
		elif value in ("on", "off"):
			out[at] = value == "on"
		else:
			out[at] = value
	return out
