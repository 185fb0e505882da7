"""poi check judges by the unit as a running systemd has it: a user manager in namespaces of its own."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import fixture
from fixture import TOP, wait_until

# systemctl asks the user manager in place of the system's; the rest is what poi check does by itself.
SCRIPT = """set -e
mount -t tmpfs none /run
mkdir -p /run/systemd/system /run/user/0/systemd/user /run/bin
cp -r "$1"/. /run/user/0/systemd/user/
cp /etc/passwd /etc/group /run/
getent passwd poi >/dev/null || { echo poi:x:54321:54321::/:/bin/false >>/run/passwd; echo poi:x:54321: >>/run/group; }
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group
printf '#!/bin/sh\\nexec /usr/bin/systemctl --user "$@"\\n' >/run/bin/systemctl
chmod 755 /run/bin/systemctl
export XDG_RUNTIME_DIR=/run/user/0
/lib/systemd/systemd --user --unit=basic.target >/run/log 2>&1 &
manager=$!
for i in $(seq 100); do systemctl --user is-system-running >/dev/null 2>&1 && break; sleep 0.1; done
PATH=/run/bin:$PATH "$2" check "$3" || true
# Its control groups are not in a namespace.
kill -KILL $manager
wait $manager || true
find /sys/fs/cgroup -depth -type d -name init.scope -cnewer /run/passwd -exec rmdir {} + 2>/dev/null || true
"""


class Unit(unittest.TestCase):
	def check(self, drop_in=None, device='"0000:ff:1f.7"', eal=None, packaged=()):
		poi = fixture.Poi(ports=(f"{{ device: {device}, mode: probe }}",), **({"eal": eal} if eal else {}))
		self.addCleanup(poi.close)
		with tempfile.TemporaryDirectory() as units:
			with open(os.path.join(TOP, "packaging/systemd/poi-dataplane.service.in")) as f:
				text = f.read().replace("@bindir@", "/usr/bin")
			with open(os.path.join(units, "poi-dataplane.service"), "w") as out:
				out.write(text)
			os.mkdir(os.path.join(units, "poi-dataplane.service.d"))
			for name in packaged:
				shutil.copy(os.path.join(TOP, "packaging/systemd/ports", name), os.path.join(units, "poi-dataplane.service.d"))
			if drop_in:
				with open(os.path.join(units, "poi-dataplane.service.d", "test.conf"), "w") as out:
					out.write("[Service]\n" + drop_in)
			done = subprocess.run(["unshare", "-m", "--fork", "--pid", "--kill-child", "--mount-proc", "sh", "-c", SCRIPT, "sh", units,
				poi.programs["poi"], poi.file], capture_output=True, text=True, timeout=60, check=False)
		lines = [line for line in done.stdout.splitlines() if line[6:].startswith("service")]
		self.assertTrue(lines, done.stdout + done.stderr)
		return "\n".join(lines)

	def test_the_unit_as_it_is_installed(self):
		self.assertEqual(self.check(), "ok    service      ports are opened as poi, judged by systemctl show")

	def test_a_drop_in(self):
		text = self.check("LimitMEMLOCK=64M\n")
		self.assertIn("ports are opened as poi, judged by systemctl show", text)
		self.assertIn("FAIL  service      poi may lock 64 MiB, and a NIC's IOMMU locks all 256 MiB of the EAL", text)
		self.assertIn("FAIL  service      no user absent, which the unit names", self.check("User=absent\n"))

	def test_each_kind_of_port(self):
		"""The lines of the packaged drop-ins, as systemd merges them, are those that poi check demands."""
		for kind, device, eal, missing in (
			("af-packet", "net_af_packet0", "--vdev net_af_packet0,iface=lo", "CAP_NET_RAW, CAP_NET_ADMIN, RestrictAddressFamilies=AF_PACKET is"),
			("af-xdp", "net_af_xdp0", "--vdev net_af_xdp0,iface=lo",
				"CAP_NET_RAW, CAP_NET_ADMIN, CAP_SYS_ADMIN, RestrictAddressFamilies=AF_XDP, SystemCallFilter=bpf is"),
			("tap", "net_tap0", "--vdev net_tap0", "CAP_NET_ADMIN, DeviceAllow=/dev/net/tun rw is"),
		):
			least = self.check(None, device, eal, ("50-poi-least.conf",))
			self.assertIn("judged by systemctl show", least)
			self.assertIn(f"FAIL  service      {device}: {missing} missing for poi", least)
			self.assertRegex(least, fr"/poi/systemd/60-poi-{kind}\.conf && systemctl daemon-reload")
			enough = self.check(None, device, eal, ("50-poi-least.conf", f"60-poi-{kind}.conf"))
			self.assertEqual(enough, "ok    service      ports are opened as poi, judged by systemctl show")
			every = self.check(None, device, eal, sorted(os.listdir(os.path.join(TOP, "packaging/systemd/ports"))))
			self.assertEqual(every, enough)


@unittest.skipUnless(fixture.ROOT and shutil.which("setpriv"), "needs root and setpriv")
class Least(unittest.TestCase):
	"""A port opens with the capabilities of its drop-in and no other, as a user without rights."""

	def capabilities(self, kind):
		with open(os.path.join(TOP, f"packaging/systemd/ports/60-poi-{kind}.conf")) as f:
			lines = re.findall(r"^(AmbientCapabilities|CapabilityBoundingSet)=(.*)$", f.read(), re.M)
		self.assertEqual(len({words for _, words in lines}), len(lines) // 2, "both lines are the same")
		return lines[0][1].lower().replace("cap_", "").split() if lines else []

	def opens(self, device, eal, capabilities):
		"""Starts the dataplane with these; returns whether the port is there after a while, and the log."""
		poi = fixture.Poi(eal=eal, ports=(f"{{ device: {device}, mode: probe }}",))
		self.addCleanup(poi.close)
		pki = poi.path("pki")
		shutil.copytree(poi.pki.folder, pki)
		with open(poi.file) as f:
			text = f.read().replace(poi.pki.folder, pki).replace("SOCKET", poi.path("run/port.sock"))
		with open(poi.file, "w") as f:
			f.write(re.sub(r"(?<! --no-huge) -m 256", " --no-huge -m 256", text))
		subprocess.run(["chown", "-R", "65534:65534", poi.folder], check=True)
		words = ",".join(["-all"] + ["+" + c for c in capabilities])
		poi.dataplane = fixture.Process(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=" + words,
			"--ambient-caps=" + words, "--bounding-set=" + words, poi.programs["poi-dataplane"], "-c", poi.file], poi.path("log"))
		wait_until(lambda: poi.try_status() or not poi.dataplane.running, 15, "it runs or ends")
		return bool(poi.dataplane.running), poi.dataplane.text()[-1500:]

	def test_each_capability(self):
		link = fixture.Link()
		self.addCleanup(link.close)
		for kind, device, eal, needed in (
			("af-packet", "net_af_packet0", f"--vdev net_af_packet0,iface={link.inner},blocksz=4096,framesz=2048,framecnt=64", None),
			("af-packet", "net_pcap0", f"--vdev net_pcap0,iface={link.inner}", ["net_raw"]),
			("af-xdp", "net_af_xdp0", f"--vdev net_af_xdp0,iface={link.inner}", None),
			("tap", "net_tap0", f"--vdev net_tap0,iface=least{os.getpid() % 10000}", None),
			("memif", "net_memif0", "--vdev net_memif0,role=server,socket=SOCKET,socket-abstract=no", None),
			("vhost", "net_vhost0", "--vdev net_vhost0,iface=SOCKET", None),
		):
			packaged = self.capabilities(kind)
			for less in [None, *(needed or packaged)]:
				given = [c for c in (needed or packaged) if c != less]
				# the unit has LimitMEMLOCK=infinity, which stands for this one
				running, log = self.opens(device, eal, given + ["ipc_lock"])
				self.assertEqual(running, less is None, f"{device} with {given}: {log}")


if __name__ == "__main__":
	unittest.main()
