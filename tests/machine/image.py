"""Builds the guest's disk: a Debian with systemd, a kernel and what the packages depend on."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
CACHE = os.environ.get("POI_MACHINE_CACHE", os.path.join(TOP, "out", "machine"))
SIZE = "4G"
RECIPE = 1  # counts changes of what is done with the lists below

# What a server has, what the tests judge with, and the DPDK programs that are not ours.
PACKAGES = """
	systemd systemd-sysv udev dbus kmod procps linux-image-amd64 initramfs-tools zstd
	iproute2 iputils-ping ethtool pciutils tcpdump curl openssl ca-certificates libpam-systemd
	python3 python3-lxml libxml2-utils dpdk librte-meta-net driverctl
""".split()

# The guest has no network and no clock to set; these would only spend its time.
MASKED = """
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
	e2scrub_reap.service dpdk.service man-db.timer systemd-timesyncd.service systemd-networkd-wait-online.service
""".split()

FILES = {
	"etc/hostname": "poi-machine\n",
	"etc/hosts": "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 poi-machine\n",
	"etc/fstab": "/dev/vda / ext4 defaults,noatime 0 1\n"
	"share /share 9p trans=virtio,version=9p2000.L,ro,msize=262144 0 0\n",
	"etc/modules-load.d/machine.conf": "9pnet_virtio\n9p\n",
	"etc/initramfs-tools/conf.d/machine": "MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n",
	"usr/share/initramfs-tools/modules.d/machine": "virtio_pci\nvirtio_blk\next4\ncrc32c_generic\n",
	# Everything that systemd and the product log at notice and above also reaches the console's log.
	"etc/systemd/journald.conf.d/machine.conf": "[Journal]\nStorage=persistent\nForwardToConsole=yes\n"
	"TTYPath=/dev/ttyS0\nMaxLevelConsole=notice\nRateLimitIntervalSec=0\n",
	# A guest on a busy host may need minutes for what a server does in a second.
	"etc/systemd/system.conf.d/machine.conf": "[Manager]\nDefaultTimeoutStartSec=900s\n"
	"DefaultDeviceTimeoutSec=900s\n",
	"etc/systemd/system/machine-agent.service": """\
[Unit]
Description=Agent of the machine's tests
RequiresMountsFor=/share
After=dbus.socket
[Service]
ExecStart=/usr/bin/python3 -B /share/guest/agent.py
Restart=always
OOMScoreAdjust=-1000
[Install]
WantedBy=multi-user.target
""",
}


class BuildFailed(Exception):
	"""A command of the build failed; its last lines are the text."""


def run(command, log, **more):
	with open(log, "ab") as out:
		out.write(f"+ {command}\n".encode())
		out.flush()
		done = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False, **more)
	if done.returncode:
		with open(log, errors="replace") as f:
			tail = "".join(f.readlines()[-30:])
		raise BuildFailed(f"{command}: status {done.returncode}\n{tail}")


def mirror(release):
	"""Returns the Debian mirror that this machine's apt uses."""
	done = subprocess.run(
		["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", f"Codename: {release}"],
		capture_output=True,
		text=True,
		check=False,
	)
	return (done.stdout.split() or ["http://deb.debian.org/debian"])[0]


def dependencies(debs):
	"""Returns the names that the packages depend on, without the packages themselves."""
	names = set()
	for deb in debs:
		for field in ("Depends", "Recommends"):
			text = subprocess.run(
				["dpkg-deb", "-f", deb, field], capture_output=True, text=True, check=True
			).stdout
			if field == "Depends" or os.path.basename(deb).startswith("poi_"):
				alternatives = [part.split("|")[0] for part in text.split(",")]
				names |= {re.sub(r"[(:\[].*", "", part).strip() for part in alternatives}
	return sorted(names - {"", "poi", "poi-lab"})


class Image:
	"""Kernel, initial RAM disk and root disk of one release, kept under a hash of their recipe."""

	def __init__(self, release="bookworm", further=()):
		self.release = release
		self.names = sorted({*PACKAGES, *further})
		recipe = repr((RECIPE, release, self.names, MASKED, FILES, SIZE)).encode()
		self.key = f"{release}-{hashlib.sha256(recipe).hexdigest()[:12]}"
		self.folder = os.path.join(CACHE, self.key)
		self.disk, self.kernel, self.initrd = (
			os.path.join(self.folder, name) for name in ("disk.raw", "vmlinuz", "initrd")
		)
		self.log = os.path.join(CACHE, f"{self.key}.log")

	def ready(self):
		"""Builds the image unless it is there; returns the seconds that it took."""
		os.makedirs(CACHE, exist_ok=True)
		start = time.monotonic()
		with open(os.path.join(CACHE, f"{self.key}.lock"), "w") as lock:
			fcntl.flock(lock, fcntl.LOCK_EX)
			if not os.path.exists(self.folder):
				self._build()
		return time.monotonic() - start

	def _build(self):
		work = self.folder + ".new"
		root = os.path.join(work, "root")
		unmount(root)  # a run that was killed
		shutil.rmtree(work, ignore_errors=True)
		os.makedirs(root)
		run(
			["debootstrap", "--variant=minbase", self.release, root, mirror(self.release)],
			self.log,
		)
		self._sources(root)
		with open(f"{root}/etc/dpkg/dpkg.cfg.d/machine", "w") as out:
			out.write("force-unsafe-io\n")  # a build that is cut off is thrown away
		with mounted(root):
			self._install(root)
		self._configure(root)
		for name, pattern in (("vmlinuz", "vmlinuz-"), ("initrd", "initrd.img-")):
			found = sorted(n for n in os.listdir(f"{root}/boot") if n.startswith(pattern))
			shutil.copyfile(f"{root}/boot/{found[-1]}", os.path.join(work, name))
		disk = os.path.join(work, "disk.raw")
		run(["mkfs.ext4", "-q", "-F", "-L", "root", "-d", root, disk, SIZE], self.log)
		shutil.rmtree(root)
		os.rename(work, self.folder)

	@staticmethod
	def _sources(root):
		"""Gives the guest this machine's apt sources, as tests/package does."""
		with contextlib.suppress(FileNotFoundError):
			os.unlink(f"{root}/etc/apt/sources.list")
		for name in ("sources.list", "sources.list.d", "apt.conf.d"):
			if os.path.isdir(f"/etc/apt/{name}"):
				shutil.copytree(f"/etc/apt/{name}", f"{root}/etc/apt/{name}", dirs_exist_ok=True)
			elif os.path.exists(f"/etc/apt/{name}"):
				shutil.copy(f"/etc/apt/{name}", f"{root}/etc/apt/{name}")
		if os.path.exists("/etc/resolv.conf"):
			shutil.copyfile("/etc/resolv.conf", f"{root}/etc/resolv.conf")

	def _install(self, root):
		install = ["apt-get", "-qq", "-y", "--no-install-recommends", "install", *self.names]
		write_files(root)
		inside(root, ["apt-get", "-qq", "update"], self.log)
		inside(root, install, self.log)
		write_files(root)  # what an installation has written itself
		inside(root, ["systemctl", "enable", "machine-agent.service"], self.log)
		inside(root, ["systemctl", "mask", *MASKED], self.log)
		inside(root, ["apt-get", "clean"], self.log)

	@staticmethod
	def _configure(root):
		for name in ("share", "var/log/journal"):
			os.makedirs(f"{root}/{name}", exist_ok=True)
		for name in os.listdir(f"{root}/etc/apt/sources.list.d"):
			os.unlink(f"{root}/etc/apt/sources.list.d/{name}")
		shutil.rmtree(f"{root}/var/lib/apt/lists")
		os.makedirs(f"{root}/var/lib/apt/lists/partial")
		for name in ("etc/machine-id", "etc/resolv.conf"):
			with open(f"{root}/{name}", "w"):
				pass


def write_files(root):
	for name, text in FILES.items():
		path = os.path.join(root, name)
		os.makedirs(os.path.dirname(path), exist_ok=True)
		with open(path, "w") as out:
			out.write(text)


def inside(root, command, log):
	"""Runs a command in the new Debian, without this machine's environment."""
	environment = [
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"DEBIAN_FRONTEND=noninteractive",
		"LC_ALL=C.UTF-8",
	]
	run(["chroot", root, "/usr/bin/env", "-i", *environment, *command], log)


def folders_of(root):
	return [os.path.join(root, name) for name in ("dev", "proc", "sys")]


def unmount(root):
	for folder in folders_of(root):
		if os.path.ismount(folder):
			subprocess.run(["umount", folder], check=True)


@contextlib.contextmanager
def mounted(root):
	"""Gives the new Debian the few devices that installing needs."""
	folders = folders_of(root)
	subprocess.run(["mount", "-t", "tmpfs", "dev", folders[0]], check=True)
	subprocess.run(["mount", "-t", "proc", "proc", folders[1]], check=True)
	subprocess.run(["mount", "-t", "sysfs", "-o", "ro", "sys", folders[2]], check=True)
	devices = (("null", 1, 3), ("zero", 1, 5), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0))
	for name, major, minor in devices:
		os.mknod(f"{folders[0]}/{name}", 0o020666, os.makedev(major, minor))
		os.chmod(f"{folders[0]}/{name}", 0o666)
	os.mkdir(f"{folders[0]}/shm")
	os.symlink("/proc/self/fd", f"{folders[0]}/fd")
	try:
		yield
	finally:
		unmount(root)
