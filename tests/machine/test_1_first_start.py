"""A new machine: the packages are installed, and `poi check` alone leads to a running product."""

import re

import case

NE, PORT = "192.0.2.10", 443  # what the package's own poi.yaml says
URL = f"https://{NE}:{PORT}/X1/NE"


class FirstStart(case.MachineCase):
	INSTALLED = False

	def test_1_installation(self):
		"""Both packages are installed with what is there, and nothing is started.

		udev reads its rules between the steps, before there is a group poi, as it may on a slow
		machine. apt in one go is what the upgrade does.
		"""
		self.machine.run("dpkg --unpack /share/packages/*.deb", timeout=300)
		self.machine.run("sleep 4; udevadm trigger --settle --subsystem-match=misc")
		early = self.machine.out("journalctl -b -o cat -u systemd-udevd")
		self.machine.run("DEBIAN_FRONTEND=noninteractive dpkg --configure -a", timeout=300)
		self.machine.run("getent passwd poi")
		self.assertEqual(self.machine.out("stat -c '%a %U %G' /etc/poi"), "750 root poi")
		active = self.machine.out("systemctl is-active poi-control poi-dataplane || true")
		self.assertEqual(active.split(), ["inactive", "inactive"])
		failed = self.machine.out("systemctl --failed --no-legend")
		self.assertEqual(failed, "")
		self.assertIn("Unknown group 'poi'", early, "udev has read no rule of the package")

	def obey(self, subject, text):
		"""Does what a line of poi check says to type; what it cannot know comes from the site."""
		m = self.machine
		# what only the site has: its certificates, its card, its address
		if subject.startswith("certificate"):
			folder = m.python(f"make_pki({[NE]!r})")
			m.run(f"cp {folder}/ne.pem {folder}/ca.pem /etc/poi/")
			m.run(f"install -o poi -g poi -m 600 {folder}/ne.key /etc/poi/keys/ne.key")
			return
		if "there is no such device" in text:
			command = re.search(r"see: (lspci .*)", text).group(1)
			cards = m.out(command).splitlines()
			self.assertEqual(len(cards), 1, cards)
			m.run(f"sed -i 's/0000:03:00.0/{cards[0].split()[0]}/g' /etc/poi/poi.yaml")
			return
		if subject.startswith("listen"):
			command = re.search(r"(ip address add \S+)/PREFIX dev INTERFACE", text).group(1)
			m.run(f"{command}/32 dev lo")
			return
		# everything else says itself what to type
		for pattern in (
			r"sysctl \S+=\d+",
			r"modprobe \S+; dpdk-devbind.py --bind=\S+ \S+",
			r"systemctl restart systemd-udevd && udevadm trigger --settle --subsystem-match=vfio$",
		):
			found = re.search(pattern, text)
			if found and "is missing" not in text:
				m.run(found.group(0))
				return
		found = re.search(r"ip link set it down, then: (.*dpdk-devbind.py --bind=\S+ (\S+))", text)
		if found:
			interfaces = m.out(f"ls /sys/bus/pci/devices/{found.group(2)}/net").split()
			for interface in interfaces:
				m.run(f"ip link set {interface} down")
			m.run(found.group(1))
			return
		raise AssertionError(f"the new machine does not start; poi check says: {subject}: {text}")

	def test_2_check_is_enough(self):
		obeyed = []
		for _ in range(12):
			fails = self.poi.check()
			if not fails:
				break
			print(f"# poi check: {len(fails)} FAIL: {fails[0][0]}: {fails[0][1][:110]}", flush=True)
			self.assertNotIn(fails[0], obeyed, "what poi check says to type does not help")
			obeyed.append(fails[0])
			self.obey(*fails[0])
		else:
			self.fail(f"poi check still says FAIL: {fails}")
		self.machine.run("systemctl enable -q --now poi-control poi-dataplane", timeout=180)
		self.machine.python(f"use({URL!r})")
		status = self.poi.ready()
		self.assertTrue(status["ports"][0]["link_up"], status["ports"])

	def test_3_runs_as_its_user_on_the_card(self):
		"""The port is the PCI card by vfio-pci, opened by the user poi, and an IOMMU maps it."""
		address = self.machine.pci(0)
		driver = self.machine.out(f"basename $(readlink /sys/bus/pci/devices/{address}/driver)")
		self.assertEqual(driver, "vfio-pci")
		self.assertEqual(self.poi.status()["ports"][0]["name"], address)
		pid = self.poi.pid("poi-dataplane")
		group = self.machine.out(f"basename $(readlink /sys/bus/pci/devices/{address}/iommu_group)")
		opened = self.machine.out(f"ls -l /proc/{pid}/fd")
		self.assertIn(f"/dev/vfio/{group}", opened)
		self.assertEqual(self.machine.out(f"stat -c %U /proc/{pid}"), "poi")
		for unit in ("poi-control", "poi-dataplane"):
			process = f"/proc/{self.poi.pid(unit)}"
			# root has the entries of a process that may not be dumped, whoever runs it
			self.assertEqual(self.machine.out(f"stat -c %U {process}/mem"), "root", unit)
			capabilities = self.machine.out(f"grep CapEff {process}/status").split()[1]
			print(f"# {unit}: effective capabilities {capabilities}", flush=True)
		self.assertEqual(int(self.machine.out(f"grep CapEff /proc/{pid}/status").split()[1], 16), 0)
		kind = self.machine.out(f"cat /sys/kernel/iommu_groups/{group}/type")
		unsafe = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
		noiommu = self.machine.out(f"cat {unsafe} 2>/dev/null || echo N")
		self.assertEqual((kind.startswith("DMA") or kind == "identity", noiommu), (True, "N"), kind)

	def test_4_traffic(self):
		self.poi.mdf()
		self.poi.activate()
		self.assertEqual(self.poi.send_exactly(0, "first"), (100, 0))
		status = self.poi.balanced()
		self.assertEqual((status["matches"], status["delivered"]), (100, 100))

	def test_5_stop_and_start(self):
		self.machine.run("systemctl restart poi-dataplane")
		self.poi.ready()
		self.assertEqual(self.poi.send_exactly(0, "again"), (100, 0))
		self.machine.run("systemctl stop poi-control poi-dataplane", timeout=120)
		left = self.machine.run("pgrep -u poi", check=False)
		self.assertNotEqual(left.status, 0, left.out)
