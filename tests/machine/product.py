"""The product inside a guest: configures it, starts it by systemd, counts what it delivers."""

import json
import re
import time

import wire
from qemu import MachineError

TARGET, OTHER, SERVER = "192.0.2.10", "192.0.2.11", "198.51.100.1"

CONFIGURATION = """\
network-elements:
  - ne-identifier: poi-01
    admf-identifier: admf-01
    listen: "127.0.0.1:8443"
    tls: {{ certificate: ne.pem, key: {key}, ca: ca.pem }}
{top}delivery:
  nf-identifier: nf.machine.example
  interception-point: machine-1
  tls: {{ certificate: ne.pem, key: {key}, ca: ca.pem }}
{delivery}dataplane:
  eal: "{eal}"
  main-cpu: 0
  workers: [{workers}]
  idle-sleep-us: 500
{dataplane}  ports:
{ports}
audit: {{ file: /var/log/poi/audit.jsonl }}
"""


def indented(text, by):
	return "".join(" " * by + line + "\n" for line in text.splitlines())


class Product:
	"""What a test does with poi-control and poi-dataplane of one guest, as an operator would."""

	def __init__(self, machine):
		self.machine = machine

	# --- set up
	def install(self, folder="packages"):
		"""Installs the packages of a folder of the share by apt, without a network."""
		return self.machine.run(
			"DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends --allow-downgrades"
			f" install /share/{folder}/*.deb",
			timeout=600,
		)

	def certificates(self):
		"""Gives the network element the lab's certificates, with the key's owner as docs/install.md says."""
		folder = self.machine.python("make_pki()")
		self.machine.run(
			f"cp {folder}/ne.pem {folder}/ca.pem /etc/poi/ && chmod 644 /etc/poi/*.pem"
			f" && install -o poi -g poi -m 600 {folder}/ne.key /etc/poi/keys/ne.key"
		)

	def hugepages(self, n=512):
		self.machine.run(f"sysctl -q -w vm.nr_hugepages={n}")

	def bind(self, slot, driver="vfio-pci"):
		"""Binds the card of a slot to vfio-pci; returns its PCI address."""
		address = self.machine.pci(slot)
		self.machine.run(f"modprobe {driver}; dpdk-devbind.py -b {driver} {address}")
		return address

	def persist(self, slots=(0,), hugepages=512):
		"""Makes hugepages, drivers and units last over a reboot, as the runbook says.

		Stops poi-dataplane: the kernel waits for the end of its use of a card that changes drivers.
		"""
		self.machine.run("systemctl stop poi-dataplane", timeout=120)
		self.machine.write("/etc/sysctl.d/50-poi.conf", f"vm.nr_hugepages={hugepages}\n")
		for slot in slots:
			self.machine.run(f"driverctl set-override {self.machine.pci(slot)} vfio-pci")
		self.machine.run("systemctl enable -q poi-control poi-dataplane")

	def configure(
		self, ports, eal="", workers="1", key="keys/ne.key", top="", delivery="", dataplane=""
	):
		"""Writes /etc/poi/poi.yaml. `ports`: YAML of each; the other texts are lines of YAML."""
		text = CONFIGURATION.format(
			ports="\n".join("    - " + port for port in ports),
			eal=("--in-memory " + eal).strip(),
			workers=workers,
			key=key,
			top=indented(top, 0),
			delivery=indented(delivery, 2),
			dataplane=indented(dataplane, 2),
		)
		self.machine.write("/etc/poi/poi.yaml", text, "640", "root:poi")

	def quick(self, slots=(0,), port="{{ device: {address}, mode: probe }}", **more):
		"""Does all of it for cards in these slots, and starts the units. Returns the addresses."""
		self.machine.python("use(URL)")
		self.hugepages()
		self.certificates()
		addresses = [self.bind(slot) for slot in slots]
		allowed = " ".join(f"-a {address}" for address in addresses)
		ports = more.pop("ports", None) or [port.format(address=a) for a in addresses]
		self.configure(ports, eal=f"{more.pop('eal', '')} {allowed}".strip(), **more)
		self.start()
		return addresses

	def check(self):
		"""Returns what poi check says FAIL to, each as (subject, text)."""
		said = self.machine.run("poi check", check=False)
		fails = re.findall(r"^FAIL\s+(\S.*?)\s{2,}(.*)$", said.out, re.M)
		if bool(fails) != bool(said.status):
			raise AssertionError(f"poi check's status and its lines differ: {said}")
		return fails

	# --- units
	def start(self):
		self.machine.run("systemctl start poi-dataplane poi-control", timeout=180)
		self.ready()

	def restart(self):
		self.machine.run("systemctl restart poi-dataplane poi-control", timeout=180)
		self.ready()

	def stop(self):
		self.machine.run("systemctl stop poi-control poi-dataplane", timeout=120)

	def ready(self, timeout=90):
		"""Waits until both programs are connected and X1 takes requests; returns the status."""
		end = time.monotonic() + timeout * self.machine.patience
		status = None
		while time.monotonic() < end:
			status = self.try_status()
			control = status and status["control"]
			if control and control.get("dataplane_connected") and control.get("recovered"):
				if self.machine.python("one('ListAllDetails')") == "ok":
					return status
			time.sleep(0.3)
		raise MachineError(f"the product is not ready within {timeout} s; poi status says {status}")

	def journal(self, lines=40):
		return self.machine.out(
			f"journalctl -o short-precise --no-pager -n {lines} -u poi-control -u poi-dataplane"
		)

	def pid(self, unit):
		return int(self.machine.out(f"systemctl show -P MainPID {unit}"))

	# --- status
	def try_status(self):
		"""Returns what poi status says, or None while the dataplane does not answer."""
		done = self.machine.run("poi status --json", check=False)
		try:
			status = json.loads(done.out)
		except ValueError:
			return None
		return status if status["dataplane"]["reachable"] else None

	def status(self):
		status = self.try_status()
		if not status:
			raise MachineError("poi status: the dataplane does not answer")
		return status

	def wait_status(self, condition, what, timeout=60):
		"""Waits until condition(status) holds; returns the status."""
		end = time.monotonic() + timeout * self.machine.patience
		while True:
			status = self.try_status()
			if status and condition(status):
				return status
			if time.monotonic() > end:
				raise MachineError(f"not within {timeout} s: {what}\n{json.dumps(status)[:3000]}")
			time.sleep(0.3)

	def received(self, n, timeout=60):
		"""Waits until the dataplane has received at least n frames since its start."""
		return self.wait_status(
			lambda s: s["packets"]["received"] >= n, f"{n} frames received", timeout
		)

	def balanced(self, timeout=30):
		"""Waits until the ledger balances with nothing queued; returns the status."""
		return self.wait_status(
			lambda s: s["ledger"]["balanced"] and not s.get("queued") and not s.get("unsettled"),
			"the ledger balances",
			timeout,
		)

	# --- lab
	def mdf(self, name="mdf", port=0):
		"""Starts an MDF and creates a destination for it; returns its DID."""
		self.machine.python(f"mdf({name!r}, {port})")
		return self.machine.python(f"destination({name!r})")

	def activate(self, kind="ipv4", value=TARGET, name="mdf"):
		"""Activates a task; returns its XID."""
		return self.machine.python(f"activate({kind!r}, {value!r}, {name!r})")

	def marks(self, name="mdf"):
		"""Returns {stream: {number: how often delivered}}."""
		found = self.machine.python(f"marks({name!r})")
		return {s: {int(n): count for n, count in numbers.items()} for s, numbers in found.items()}

	def send_exactly(self, slot, stream, n=100, length=0, name="mdf", timeout=60, **frame):
		"""Sends n frames of the target and n of another, in turn; requires the target's, each once.

		Returns the number delivered of (target, other); raises when a count is wrong.
		"""
		before = self.status()["packets"]["received"]
		sent = []
		mine = wire.stream(stream, TARGET, SERVER, range(n), length, **frame)
		others = wire.stream(stream + "other", OTHER, SERVER, range(n), length, **frame)
		for pair in zip(mine, others):
			sent += pair
		self.machine.wires[slot].send(sent)
		self.received(before + len(sent), timeout)
		return self.delivered_exactly(stream, range(n), name, timeout)

	def delivered_exactly(self, stream, numbers, name="mdf", timeout=60):
		"""Waits for the numbers of a stream at the MDF, each once and none of the other's."""
		wanted = {n: 1 for n in numbers}
		end = time.monotonic() + timeout * self.machine.patience
		while True:
			found = self.marks(name)
			if found.get(stream, {}) == wanted or time.monotonic() > end:
				break
			time.sleep(0.3)
		self.machine.python(f"settled({name!r}, 0.5)")
		found = self.marks(name)
		mine = found.get(stream, {})
		if mine != wanted:
			missing = sorted(set(wanted) - set(mine))
			twice = sorted(n for n, count in mine.items() if count > 1)
			extra = sorted(set(mine) - set(wanted))
			raise AssertionError(
				f"stream {stream}: {len(mine)} of {len(wanted)} delivered; missing {missing[:20]},"
				f" more than once {twice[:20]}, unexpected {extra[:20]}"
			)
		if found.get(stream + "other") or found.get("unmarked"):
			raise AssertionError(
				f"delivered without a task: {found.get(stream + 'other')},"
				f" without a mark {found.get('unmarked')}"
			)
		return len(mine), 0
