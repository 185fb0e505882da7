// `poi check` as the unit's user: its groups, rights and drop-ins, and the devices it may open.
#include "tests/unit/control/cli/check_world.h"

TestSuite(check_unit, .init = setup, .fini = teardown);

// Root may open what the unit's user may not.
Test(check_unit, a_group_that_belongs_to_root)
{
	own("/dev/vfio/2", 0, 0, 0600);
	check_ports(&check);
	SAYS("FAIL service 0000:03:00.0: user poi cannot open /dev/vfio/2, which belongs to "
	     "root:root, "
	     "mode 0600; systemctl restart systemd-udevd && udevadm trigger --settle "
	     "--subsystem-match=vfio");
	forget();
	char path[512];
	snprintf(path, sizeof(path), "%s/usr/lib/udev/rules.d/60-poi-vfio.rules", root);
	cr_assert_eq(unlink(path), 0);
	check_ports(&check);
	SAYS("the udev rule 60-poi-vfio.rules is missing: apt install --reinstall poi");
	forget();
	own("/dev/vfio/2", 0, GROUP_OF_POI, 0640);
	check_ports(&check);
	SAYS("FAIL service 0000:03:00.0: user poi cannot open /dev/vfio/2");
	forget();
	own("/dev/vfio/2", 4700, 0, 0600);
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	own("/dev/vfio/vfio", 0, 0, 0600);
	check_ports(&check);
	SAYS("user poi cannot open /dev/vfio/vfio");
}

Test(check_unit, what_drop_ins_change)
{
	put("[Service]\nUser=other\nGroup=\nGroup=other\n",
		"/etc/systemd/system/poi-dataplane.service.d/user.conf");
	check_ports(&check);
	SAYS("FAIL service 0000:03:00.0: user other cannot open /dev/vfio/2");
	SAYS("SupplementaryGroups=poi");
	forget();
	put("[Service]\nSupplementaryGroups=poi\n",
		"/run/systemd/system/poi-dataplane.service.d/zroups.conf");
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	forget();
	own("/dev/vfio/2", 0, 4712, 0660); // a group of /etc/group
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	forget();
	put("[Service]\nDeviceAllow=\nDeviceAllow=/dev/vfio/vfio rw\nDeviceAllow=char-vfio r\n",
		"/etc/systemd/system/poi-dataplane.service.d/devices.conf");
	check_ports(&check);
	SAYS("FAIL service 0000:03:00.0: DeviceAllow=char-vfio rw is missing for other to open "
	     "/dev/vfio/2");
	SAYS("/poi/systemd/60-poi-vfio.conf && systemctl daemon-reload");
	forget();
	// The file of an earlier folder hides that of a later one.
	put("[Service]\nDeviceAllow=char-vf* rw\n",
		"/etc/systemd/system.control/poi-dataplane.service.d/devices.conf");
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	forget();
	put("[Service]\nPrivateDevices=yes\n",
		"/etc/systemd/system/poi-dataplane.service.d/private.conf");
	check_ports(&check);
	SAYS("write PrivateDevices=no below [Service]");
	forget();
	put("[Service]\nLimitMEMLOCK=64M\nPrivateDevices=no\n",
		"/etc/systemd/system/poi-dataplane.service.d/private.conf");
	check_ports(&check);
	SAYS("FAIL service other may lock 64 MiB, and a NIC's IOMMU locks all 256 MiB of the EAL");
	forget();
	put("[Service]\nLimitMEMLOCK=256M:1G\n",
		"/etc/systemd/system/poi-dataplane.service.d/private.conf");
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	put("[Service]\nUser=gone\n", "/etc/systemd/system/poi-dataplane.service.d/zzz.conf");
	check_ports(&check);
	SAYS("FAIL service no user gone, which the unit names");
	forget();
	put("[Service]\nUser=root\n", "/etc/systemd/system/poi-dataplane.service.d/zzz.conf");
	own("/dev/vfio/2", 4700, 4700, 0600); // without CAP_DAC_OVERRIDE root is one user of many
	check_ports(&check);
	SAYS("user root cannot open /dev/vfio/2");
}

// The unit does not start with a group that is not there.
Test(check_unit, groups_of_the_unit)
{
	static const char drop_in[] = "/etc/systemd/system/poi-dataplane.service.d/groups.conf";

	put("[Service]\nGroup=other\nSupplementaryGroups=poi\n", drop_in);
	put("root:x:0:\npoi:x:4711:\nother:x:4701:\n", "/etc/group");
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	forget();
	put("[Service]\nUser=4700\nGroup=4711\nSupplementaryGroups=4701\n", drop_in);
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	SAYS("ports are opened as poi,");
	forget();
	put("[Service]\nGroup=gone\n", drop_in);
	check_ports(&check);
	SAYS("FAIL service there is no group gone, which the unit names");
	forget();
	put("[Service]\nSupplementaryGroups=poi left\n", drop_in);
	check_ports(&check);
	SAYS("FAIL service there is no group left, which the unit names");
}

Test(check_unit, groups_of_the_iommu)
{
	put("0x020000\n", "/sys/bus/pci/devices/0000:03:00.1/class");
	be_in_group("0000:03:00.1", 2);
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	bind_driver("0000:03:00.1", "e1000e");
	check_ports(&check);
	SAYS("FAIL iommu 0000:03:00.0: its IOMMU group 2 is not viable: the kernel has "
	     "0000:03:00.1 of "
	     "it (driver e1000e); dpdk-devbind.py --bind=vfio-pci 0000:03:00.1");
	forget();
	// Only a bridge of PCI to PCI leaves the kernel out of its DMA.
	put("0x060100\n", "/sys/bus/pci/devices/0000:03:00.1/class"); // to ISA
	check_ports(&check);
	SAYS("FAIL iommu 0000:03:00.0: its IOMMU group 2 is not viable");
	forget();
	put("0x060400\n", "/sys/bus/pci/devices/0000:03:00.1/class");
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	put("vfio-noiommu\n", "/sys/kernel/iommu_groups/2/name");
	check_ports(&check);
	SAYS("FAIL iommu 0000:03:00.0: vfio's noiommu mode needs CAP_SYS_RAWIO, which poi lacks");
	forget();
	char path[512];
	snprintf(path, sizeof(path), "%s" NIC "/iommu_group", root);
	cr_assert_eq(unlink(path), 0);
	check_ports(&check);
	SAYS("FAIL iommu 0000:03:00.0: in no IOMMU group");
	SAYS("intel_iommu=on");
}

Test(check_unit, drivers_of_dpdk)
{
	char package[64];

	put("0x10fb\n", NIC "/device");
	check_ports(&check);
	snprintf(package, sizeof(package), "apt install librte-net-ixgbe%u",
		(unsigned)atoi(strstr(nic_driver_folder(), "pmds-") + 5));
	SAYS("FAIL port 0000:03:00.0: no installed driver of DPDK supports 8086:10fb");
	SAYS(package);
	forget();
	put("0x10ec\n", NIC "/vendor");
	put("0x8139\n", NIC "/device");
	check_ports(&check);
	SAYS("FAIL port 0000:03:00.0: no driver of Debian's DPDK supports 10ec:8139");
	forget();
	put("PMD_INFO_STRING= {\"name\": \"net_own\", \"pci_ids\": [[4332, 33081, 65535, 65535]]}",
		"/opt/librte_own.so");
	config.dataplane.eal = (char *)"--in-memory -m 256 -d /opt/librte_own.so";
	check_ports(&check);
	SAYS("ok port 0000:03:00.0: 10ec:8139, DPDK's driver net_own (librte_own.so)");
}

Test(check_unit, capabilities_as_systemd_reads_them)
{
	static const char drop_in[] = "/etc/systemd/system/poi-dataplane.service.d/caps.conf";

	config.dataplane.ports[0].device = (char *)"net_tap0";
	config.dataplane.eal = (char *)"--vdev net_tap0,iface=up0";
	// "~" alone is all of them again; without any before, "~X" is all but X.
	put("[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=~\n"
	    "AmbientCapabilities=\nAmbientCapabilities=~CAP_BPF\n",
		drop_in);
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	put("[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=~CAP_NET_ADMIN\n", drop_in);
	check_ports(&check);
	SAYS("FAIL service net_tap0: CAP_NET_ADMIN is missing");
	forget();
	put("[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=CAP_CHOWN\n"
	    "CapabilityBoundingSet=~CAP_CHOWN\nCapabilityBoundingSet=CAP_NET_ADMIN\n",
		drop_in);
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
}

Test(check_unit, memory_locks_as_systemd_reads_them)
{
	static const char *const enough[] = {
		"1P", "1E", "256 M", "infinity:infinity", "1T\nLimitMEMLOCK="};
	char text[128];

	for (size_t i = 0; i < sizeof(enough) / sizeof(enough[0]); i++) {
		snprintf(text, sizeof(text), "[Service]\nLimitMEMLOCK=%s\n", enough[i]);
		put(text, "/etc/systemd/system/poi-dataplane.service.d/memory.conf");
		check_ports(&check);
		cr_expect(!n[CHECK_FAIL], "%s: %s", enough[i], said);
		forget();
	}
}

// A unit that is masked has no user.
Test(check_unit, a_masked_unit)
{
	char path[512];

	folder("/etc/systemd/system");
	snprintf(path, sizeof(path), "%s/etc/systemd/system/poi-dataplane.service", root);
	cr_assert_eq(symlink("/dev/null", path), 0);
	check_ports(&check);
	SAYS("FAIL service poi-dataplane.service is masked");
}

// A /dev of its own has no devices but null, zero and the like, whatever DeviceAllow= is.
Test(check_unit, private_devices)
{
	put("[Service]\nPrivateDevices=yes\n",
		"/etc/systemd/system/poi-dataplane.service.d/private.conf");
	config.dataplane.ports[0].device = (char *)"net_tap0";
	config.dataplane.eal = (char *)"--vdev net_tap0,iface=up0";
	check_ports(&check);
	SAYS("FAIL service net_tap0: PrivateDevices=no is missing for poi to open /dev/net/tun");
	SAYS("PrivateDevices=no");
	forget();
	put("[Service]\nPrivateDevices=yes\nDeviceAllow=char-infiniband_verbs rw\n",
		"/etc/systemd/system/poi-dataplane.service.d/private.conf");
	config.dataplane.ports[0].device = (char *)"03:00.0";
	config.dataplane.eal = (char *)"";
	bind_driver("0000:03:00.0", "mlx5_core");
	folder(NIC "/infiniband_verbs/uverbs0");
	check_ports(&check);
	SAYS("FAIL service 03:00.0: PrivateDevices=no is missing for poi to open "
	     "/dev/infiniband/uverbs0");
	SAYS("PrivateDevices=no");
}

Test(check_unit, without_a_unit)
{
	char path[512];

	snprintf(path, sizeof(path), "%s" UNIT_FOLDER, root);
	cr_assert_eq(unlink(path), 0);
	check_ports(&check);
	SAYS("ok service ports are opened as root, judged by the user of this process, for there "
	     "is "
	     "no "
	     "poi-dataplane.service");
}

Test(check_unit, paths_that_the_units_cannot_see)
{
	config.runtime_dir = (char *)"/run/poi";
	config.audit.file = (char *)"/tmp/poi/audit.jsonl";
	config.audit.key = (char *)"/etc/poi/keys/audit.key";
	config.delivery.tls.key = (char *)"/run/user/0/ne.key";
	check_files(&check);
	SAYS("warn place audit: the units cannot see /tmp/poi/audit.jsonl");
	SAYS("warn place delivery: the units cannot see /run/user/0/ne.key");
	cr_expect(!strstr(said, "place audit.key"), "%s", said);
	cr_expect(!strstr(said, "place runtime-dir"), "%s", said);
}
