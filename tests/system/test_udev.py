"""The udev rule of the package, judged by udev itself (udevadm test) on devices that umockdev pretends."""
import os
import re
import subprocess
import tempfile
import unittest

from fixture import TOP

RULE = os.path.join(TOP, "packaging/udev/60-poi-vfio.rules")
DEVICES = """P: /devices/virtual/vfio/2
N: vfio/2
E: DEVNAME=/dev/vfio/2
E: MAJOR=243
E: MINOR=0
E: SUBSYSTEM=vfio
A: dev=243:0

P: /devices/virtual/misc/vfio
N: vfio/vfio
E: DEVNAME=/dev/vfio/vfio
E: MAJOR=10
E: MINOR=196
E: DEVMODE=0666
E: SUBSYSTEM=misc
A: dev=10:196
"""
# udevadm writes to /run/udev and /dev: only in a mount namespace of its own, with a group poi.
SCRIPT = """set -e
mount -t tmpfs none /run
mkdir -p /run/udev/rules.d
[ "$1" = none ] || cp "$1" /run/udev/rules.d/
cp /etc/group /run/group
getent group poi >/dev/null || echo poi:x:54321: >>/run/group
mount --bind /run/group /etc/group
mkdir -p /run/dev/pts
for device in null:3 zero:5 random:8 urandom:9; do
	mknod -m 666 /run/dev/${device%:*} c 1 ${device#*:}
done
mount -t devpts -o newinstance,ptmxmode=0666 none /run/dev/pts
ln -s pts/ptmx /run/dev/ptmx
mount --rbind /run/dev /dev
exec umockdev-run -d "$2" -- udevadm test "$3"
"""


class Rule(unittest.TestCase):
	def ask(self, device, rule=RULE):
		"""(mode, group) that the last of udev's rules gives, each None without one."""
		with tempfile.NamedTemporaryFile("w", suffix=".umockdev") as f:
			f.write(DEVICES)
			f.flush()
			done = subprocess.run(["unshare", "-m", "sh", "-c", SCRIPT, "sh", rule, f.name, "/sys/devices/virtual/" + device],
				capture_output=True, text=True, timeout=30, check=False)
		text = done.stdout + done.stderr
		self.assertEqual(done.returncode, 0, text)
		self.assertIn("ACTION=add", text)
		self.assertNotRegex(text, r"poi-vfio\.rules:\d+ .*(Invalid|Unknown|ignoring)")
		with open("/etc/group") as f:
			here = re.search(r"(?m)^poi:[^:]*:(\d+):", f.read())
		groups = {here.group(1) if here else "54321": "poi"}
		mode = re.findall(r": \S+\.rules:\d+ MODE (\d+)", text)
		group = re.findall(r": \S+\.rules:\d+ GROUP (\d+)", text)
		return mode[-1] if mode else None, groups.get(group[-1], group[-1]) if group else None

	def test_the_group_of_a_nic_is_for_poi(self):
		self.assertEqual(self.ask("vfio/2", "none"), (None, None))
		self.assertEqual(self.ask("vfio/2"), ("0660", "poi"))

	def test_the_container_stays_as_debian_has_it(self):
		self.assertEqual(self.ask("misc/vfio", "none"), ("0666", None))
		self.assertEqual(self.ask("misc/vfio"), ("0666", None))
