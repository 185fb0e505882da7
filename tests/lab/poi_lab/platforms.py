"""Counts which kinds of port the claims of a run rest on, so that a run can say so at its end."""

import collections
import re

PCI = re.compile(r"^([0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-9]$")
VIRTUAL = re.compile("emulated|virtual machine")
NOTHING = "no port"
REAL = "a PCI card of this machine"
# What a DPDK device stands for. All of these are software of this machine.
SOFTWARE = {
	"net_af_packet": "kernel interface (veth), net_af_packet",
	"net_af_xdp": "kernel interface (veth), net_af_xdp",
	"net_tap": "kernel interface (tap), net_tap",
	"net_pcap": "capture file or kernel interface, net_pcap",
	"net_null": "no frames or made-up ones, net_null",
	"net_ring": "memory ring, net_ring",
	"net_memif": "shared memory, net_memif",
}

_active = collections.Counter()
_used = set()
counts = collections.Counter()  # kinds of a claim -> number of claims


def kind_of(device):
	"""Returns what a port of dataplane.ports stands for, in words."""
	if PCI.match(device):
		with open("/proc/cpuinfo") as f:
			virtual = " hypervisor " in f.read()
		return "a PCI card of this virtual machine" if virtual else REAL
	return SOFTWARE.get(device.rstrip("0123456789"), device.rstrip("0123456789"))


def devices(text):
	"""Returns the devices that a configuration's ports name."""
	return re.findall(r"device:\s*([\w:.]+)", text)


def begin(kinds):
	"""A product with ports of these kinds runs from now on."""
	_active.update(kinds)
	_used.update(kinds)


def end(kinds):
	_active.subtract(kinds)


def start_claim():
	"""A claim begins: it rests on what runs now and what is started within it."""
	_used.clear()
	_used.update(kind for kind, n in _active.items() if n > 0)


def count_claim():
	"""A claim was judged."""
	counts[" + ".join(sorted(_used)) or NOTHING] += 1


def lines():
	"""Returns one line for each kind, which tests/runner.py reads again."""
	return [f"ran on {kinds}: {n} cases" for kinds, n in sorted(counts.items())]


def read(text):
	"""Returns {kinds: cases} of the lines in a suite's output."""
	found = collections.Counter()
	for kinds, n in re.findall(r"^# ran on (.+): (\d+) cases$", text, re.M):
		found[kinds] += int(n)
	return found


def summary(suites, unit="cases"):
	"""Returns what a run says at its end. `suites`: {suite: {kinds: cases}} of what ran."""
	total, where = collections.Counter(), collections.defaultdict(set)
	for suite, found in suites.items():
		for kinds, n in found.items():
			total[kinds] += n
			where[kinds].add(suite)
	groups = (
		("without a port", lambda k: k == NOTHING),
		("on ports of software", lambda k: k != NOTHING and not VIRTUAL.search(k) and REAL not in k),
		("on PCI cards of a virtual machine", VIRTUAL.search),
		("on real PCI cards", lambda k: REAL in k),
	)
	out = [f"what these {unit} ran on:"]
	for title, belongs in groups:
		kinds = [k for k in sorted(total) if belongs(k)]
		out.append(f"  {title}: {sum(total[k] for k in kinds) or 'none'}")
		if title == "without a port":
			continue
		for k in kinds:
			suites_of = f" ({', '.join(sorted(where[k]))})" if len(suites) > 1 else ""
			out.append(f"    {total[k]:6} {k}{suites_of}")
	return out
