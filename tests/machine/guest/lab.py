"""Runs in the guest's agent: certificates, the ADMF and the MDFs that the tests speak to.

The names here are those that the host's Machine.python() may use.
"""

import collections
import os
import re
import time

from poi_lab import admf as lab_admf
from poi_lab import mdf as lab_mdf
from poi_lab import pki, x1

PKI = "/var/lib/machine/pki"
URL = "https://127.0.0.1:8443/X1/NE"
MARK = re.compile(rb"mark (\w+) (\d{8})")

_admf = None
_url = URL
mdfs = {}  # name -> Mdf
dids = {}  # name -> DID


def make_pki(addresses=()):
	"""Makes the certificates once for the life of the disk; returns their folder."""
	if not os.path.exists(f"{PKI}/crl.pem"):
		os.makedirs(PKI, exist_ok=True)
		pki.Pki(PKI, addresses=("127.0.0.1", "::1", *addresses)).make(bad=False)
	return PKI


def use(url):
	"""Says where X1 is."""
	global _url
	_url = url
	forget_admf()


def admf():
	global _admf
	if _admf is None:
		_admf = lab_admf.Admf(_url, make_pki(), timeout=60)
	return _admf


def forget_admf():
	"""Makes the next request load the certificates again."""
	global _admf
	if _admf:
		_admf.close()
	_admf = None


def one(kind, body=""):
	"""Returns the result of one X1 request as text; "" while X1 cannot be reached."""
	try:
		answer = admf().one(kind, body)
	except OSError as e:
		return f"unreachable: {e}"
	return answer.result or ("ok" if answer.ok else str(answer))


def mdf(name="mdf", port=0, **more):
	"""Starts an MDF; returns its port."""
	folder = make_pki()
	more.setdefault("keep", True)
	files = (f"{folder}/mdf.pem", f"{folder}/mdf.key", f"{folder}/ca.pem")
	mdfs[name] = lab_mdf.Mdf(*files, port=port, **more).start()
	return mdfs[name].port


def stop_mdf(name="mdf"):
	mdfs.pop(name).stop()


def completed(answer):
	if not answer.completed:
		raise AssertionError(str(answer))
	return answer


def destination(name="mdf", did=None, delivery="X2andX3"):
	"""Creates a destination for the MDF of that name; returns its DID."""
	dids[name] = did or x1.new_id()
	m = mdfs[name]
	completed(admf().create_destination(dids[name], m.address, m.port, delivery))
	return dids[name]


TARGETS = {
	"ipv4": x1.target_ipv4,
	"ipv6": x1.target_ipv6,
	"cidr": x1.target_cidr,
	"mac": lambda text: f"<x1:macAddress>{text}</x1:macAddress>",
	"udp": lambda text: x1.target_port("udp", text),
	"tcp": lambda text: x1.target_port("tcp", text),
}


def activate(kind, value, name="mdf", xid=None, **more):
	"""Activates a task and requires AcknowledgedAndCompleted; returns its XID."""
	xid = xid or x1.new_id()
	completed(admf().activate(xid, [TARGETS[kind](value)], [dids[name]], **more))
	return xid


def deactivate(xid):
	completed(admf().deactivate(xid))


def clear():
	"""Deactivates every task, removes every destination."""
	return [one("DeactivateAllTasks"), one("RemoveAllDestinations")]


def wait_pdus(n, name="mdf", timeout=20):
	return mdfs[name].wait_pdus(n, timeout)


def settled(name="mdf", quiet=1.0, timeout=20):
	"""Waits until nothing new comes; returns the number of PDUs."""
	return mdfs[name].wait_quiet(quiet, timeout)


def marks(name="mdf"):
	"""Returns how often each mark of the host's frames was delivered: {"stream": {number: count}}."""
	found = collections.defaultdict(collections.Counter)
	for p in list(mdfs[name].kept):
		mark = MARK.search(bytes(p.payload))
		if mark:
			found[mark.group(1).decode()][int(mark.group(2))] += 1
		else:
			found["unmarked"][len(p.payload)] += 1
	return {stream: dict(numbers) for stream, numbers in found.items()}


def lengths(name="mdf"):
	"""Returns the payload length of each PDU in order of arrival."""
	return [len(p.payload) for p in list(mdfs[name].kept)]


def payloads(name="mdf"):
	"""Returns the payload of each PDU in order of arrival, as hexadecimal text."""
	return [bytes(p.payload).hex() for p in list(mdfs[name].kept)]


def reset(name="mdf"):
	"""Forgets the PDUs kept so far."""
	mdfs[name].kept.clear()


def summary(name="mdf"):
	return mdfs[name].summary()


def wait_x1(timeout=60):
	"""Waits until X1 answers; returns the last answer."""
	end = time.monotonic() + timeout
	while True:
		last = one("ListAllDetails")
		if last in ("ok", "AcknowledgedAndCompleted") or time.monotonic() > end:
			return last
		time.sleep(0.3)


def renew(name="ne"):
	"""Issues another certificate of the same identity, signed by the same authority."""
	authority = pki.Pki(PKI)
	config = os.path.join(PKI, "ca.cnf")
	if not os.path.exists(config):  # make() leaves certificates and keys only
		with open(config, "w") as out:
			out.write(pki.CA_CONFIG.format(name="ca"))
		for file, text in (("ca.index", ""), ("ca.serial", "2000\n")):
			with open(os.path.join(PKI, file), "w") as out:
				out.write(text)
	uid = {"ne": authority.ne, "admf": authority.admf, "mdf": authority.mdf}[name]
	authority.issue(name, uid, addresses=authority.addresses, names=authority.names)
