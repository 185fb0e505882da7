// The parts of `poi check` against a machine made of files.
#include "control/cli_check.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/nic_driver.h"

static char root[64];
static struct config config;
static char said[16384];
static unsigned n[CHECK_FAIL + 1];

static void say(void *context, enum check_verdict v, const char *area, const char *text)
{
	static const char *const names[] = {"ok", "warn", "FAIL"};
	size_t at = strlen(said);

	n[v]++;
	snprintf(said + at, sizeof(said) - at, "%s %s %s\n", names[v], area, text);
}

static struct check check = {.config = &config, .say = say, .root = root};

static void forget(void)
{
	said[0] = '\0';
	memset(n, 0, sizeof(n));
}

__attribute__((format(printf, 2, 3))) static void put(const char *text, const char *format, ...)
{
	char path[512], command[600];
	va_list args;
	int at = snprintf(path, sizeof(path), "%s", root);

	va_start(args, format);
	vsnprintf(path + at, sizeof(path) - (size_t)at, format, args);
	va_end(args);
	snprintf(command, sizeof(command), "mkdir -p $(dirname %s)", path);
	cr_assert_eq(system(command), 0);
	FILE *f = fopen(path, "w");
	cr_assert_not_null(f);
	fwrite(text, 1, strlen(text) + (strncmp(text, "PMD_", 4) == 0),
		f); // libraries have its NUL
	fclose(f);
}

static void folder(const char *path)
{
	char command[600];

	snprintf(command, sizeof(command), "mkdir -p %s%s", root, path);
	cr_assert_eq(system(command), 0);
}

static void bind_driver(const char *device, const char *driver)
{
	char path[512], to[512];

	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/driver", root, device);
	snprintf(to, sizeof(to), "../../drivers/%s", driver);
	(void)unlink(path);
	cr_assert_eq(symlink(to, path), 0);
}

#define NIC "/sys/bus/pci/devices/0000:03:00.0"
#define GROUP_OF_POI 4711
#define UNIT_FOLDER "/usr/lib/systemd/system/poi-dataplane.service"

static void own(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s", root, path);
	cr_assert_eq(chown(full, uid, gid), 0, "this test needs root");
	cr_assert_eq(chmod(full, mode), 0);
}

static void be_in_group(const char *device, unsigned group)
{
	char path[512], to[128];

	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/iommu_group", root, device);
	snprintf(to, sizeof(to), "../../../../kernel/iommu_groups/%u", group);
	cr_assert_eq(symlink(to, path), 0);
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%u/devices/%s", group, device);
	folder(path);
}

// An 82574L that vfio-pci has, DPDK's driver for it, and the unit with its user.
static void put_nic(void)
{
	put("1\n", NIC "/numa_node");
	put("0x8086\n", NIC "/vendor");
	put("0x10d3\n", NIC "/device");
	put("0x020000\n", NIC "/class");
	bind_driver("0000:03:00.0", "vfio-pci");
	be_in_group("0000:03:00.0", 2);
	put("", "/dev/vfio/vfio");
	own("/dev/vfio/vfio", 0, 0, 0666);
	put("", "/dev/vfio/2");
	own("/dev/vfio/2", 0, GROUP_OF_POI, 0660);
	put("PMD_INFO_STRING= {\"name\": \"net_e1000_em\", \"pci_ids\": [[32902, 4307, 65535, "
	    "65535]]}",
		"%s/librte_net_e1000.so", nic_driver_folder());
	put("", "/usr/lib/udev/rules.d/60-poi-vfio.rules");
	put("root:x:0:0::/:/bin/sh\npoi:x:4700:4711::/:/bin/false\nother:x:4701:4701::/:/bin/"
	    "false\n",
		"/etc/passwd");
	put("root:x:0:\npoi:x:4711:\nother:x:4701:\nmore:x:4712:other\n", "/etc/group");
	put("[Unit]\nUser=root\n[Service]\nUser=poi\nGroup=poi\nLimitMEMLOCK=infinity\n"
	    "AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN\n"
	    "CapabilityBoundingSet=CAP_NET_RAW \\\n CAP_NET_ADMIN\nDevicePolicy=closed\n"
	    "DeviceAllow=/dev/vfio/vfio rw\nDeviceAllow=char-vfio rw\nDeviceAllow=/dev/net/tun "
	    "rw\n",
		UNIT_FOLDER);
}

// Four CPUs on two nodes, 512 MiB of hugepages, one NIC.
static void setup(void)
{
	strcpy(root, "/tmp/test_check.XXXXXX");
	cr_assert_not_null(mkdtemp(root));
	memset(&config, 0, sizeof(config));
	config.file = root;
	config.runtime_dir = root;
	config.dataplane.eal = (char *)"--in-memory -m 256";
	config.dataplane.main_cpu = 0;
	config.dataplane.n_workers = 2;
	config.dataplane.workers[0] = 2;
	config.dataplane.workers[1] = 3;
	config.dataplane.n_ports = 1;
	config.dataplane.ports[0].device = (char *)"0000:03:00.0";
	put("0-3\n", "/sys/devices/system/cpu/online");
	put("2-3\n", "/sys/devices/system/cpu/isolated");
	for (unsigned i = 0; i < 4; i++) {
		char path[128], text[16];
		snprintf(text, sizeof(text), "%u\n", i);
		put(text, "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", i);
		put("performance\n", "/sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor", i);
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/node%u", i, i / 2);
		folder(path);
	}
	put("256\n", "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	put("256\n", "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
	put("Filename\tType\n", "/proc/swaps");
	put("core\n", "/proc/sys/kernel/core_pattern");
	put_nic();
	forget();
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", root);
	cr_assert_eq(system(command), 0);
}

#define SAYS(text) cr_expect_not_null(strstr(said, text), "%s", said)

TestSuite(check, .init = setup, .fini = teardown);

Test(check, lists_of_the_kernel)
{
	cr_expect(check_in_list("0-3,8", 0) && check_in_list("0-3,8", 3) &&
		  check_in_list("0-3,8", 8));
	cr_expect(
		!check_in_list("0-3,8", 4) && !check_in_list("0-3,8", 18) && !check_in_list("", 0));
	cr_expect(!check_in_list("none", 0) && check_in_list("7", 7));
}

Test(check, options_of_the_eal)
{
	char v[64];

	config.dataplane.eal = (char *)"-m256 --vdev net_null0 --vdev='net_pcap0,rx_pcap=a b.pcap' "
				       "--vdevs x --in-memory -a 0000:03:00.0";
	cr_expect(check_eal(&config, "-m", 0, v, sizeof(v)));
	cr_expect_str_eq(v, "256");
	cr_expect(check_eal(&config, "--vdev", 0, v, sizeof(v)));
	cr_expect_str_eq(v, "net_null0");
	cr_expect(check_eal(&config, "--vdev", 1, v, sizeof(v)));
	cr_expect_str_eq(v, "net_pcap0,rx_pcap=a b.pcap");
	cr_expect(!check_eal(&config, "--vdev", 2, v, sizeof(v)));
	cr_expect(check_eal(&config, "--in-memory", 0, v, sizeof(v)));
	cr_expect_str_eq(v, "");
	cr_expect(!check_eal(&config, "--no-huge", 0, v, sizeof(v)));
}

Test(check, a_machine_as_it_should_be)
{
	check_cpus(&check);
	check_memory(&check);
	check_ports(&check);
	cr_expect(!n[CHECK_WARN] && !n[CHECK_FAIL] && n[CHECK_OK] == 8, "%s", said);
	SAYS("ok service ports are opened as poi, judged by "
	     "/usr/lib/systemd/system/poi-dataplane.service "
	     "and 0 drop-ins");
	SAYS("ok port 0000:03:00.0: driver vfio-pci");
	SAYS("ok iommu 0000:03:00.0: group 2, poi can open /dev/vfio/2");
	SAYS("ok port 0000:03:00.0: 8086:10d3, DPDK's driver net_e1000_em (librte_net_e1000.so)");
}

Test(check, cpus)
{
	config.dataplane.workers[1] = 4;
	check_cpus(&check);
	SAYS("FAIL cpu dataplane.workers[1]: there is no CPU 4; write one of 0-3");
	forget();
	config.dataplane.workers[1] = 3;
	put("2\n", "/sys/devices/system/cpu/isolated");
	put("2-3\n", "/sys/devices/system/cpu/cpu2/topology/thread_siblings_list");
	put("2-3\n", "/sys/devices/system/cpu/cpu3/topology/thread_siblings_list");
	put("powersave\n", "/sys/devices/system/cpu/cpu2/cpufreq/scaling_governor");
	check_cpus(&check);
	SAYS("warn cpu worker 1: CPU 3 is not isolated");
	SAYS("warn cpu CPUs 2 and 3 of dataplane.workers are two threads of one core");
	SAYS("cpupower -c 2 frequency-set -g performance");
	cr_expect(n[CHECK_WARN] == 3 && !n[CHECK_FAIL], "%s", said);
}

Test(check, hugepages)
{
	put("16\n", "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
	check_memory(&check);
	SAYS("warn hugepages 32 of 512 MiB are free");
	forget();
	put("100\n", "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	check_memory(&check);
	SAYS("FAIL hugepages 200 MiB reserved, 256 MiB asked for in dataplane.eal; sysctl "
	     "vm.nr_hugepages=129");
	forget();
	put("1\n", "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages");
	put("1\n", "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages");
	check_memory(&check);
	SAYS("ok hugepages 1056 MiB free");
	forget();
	config.dataplane.eal = (char *)"--no-huge --socket-mem=1024,1024";
	check_memory(&check);
	SAYS("warn hugepages not used (--no-huge)");
	forget();
	config.dataplane.eal = (char *)"--socket-mem=1024,1024";
	check_memory(&check);
	SAYS("FAIL hugepages 1224 MiB reserved, 2048 MiB asked for");
	SAYS("warn hugepages packets lie in files of hugetlbfs");
	forget();
	config.dataplane.eal = (char *)"--in-memory";
	config.dataplane.mbufs = 4194304;
	config.dataplane.mbuf_size = 2304;
	check_memory(&check);
	SAYS("needed for the packet buffers");
}

Test(check, swap)
{
	put("Filename\tType\n/dev/sda2 partition\n", "/proc/swaps");
	check_memory(&check);
	SAYS("warn swap is on");
}

Test(check, nics)
{
	bind_driver("0000:03:00.0", "ixgbe");
	check_ports(&check);
	SAYS("FAIL port 0000:03:00.0: the kernel has it (driver ixgbe)");
	SAYS("modprobe vfio-pci; dpdk-devbind.py --bind=vfio-pci 0000:03:00.0");
	forget();
	config.dataplane.ports[0].device = (char *)"03:00.0";
	bind_driver("0000:03:00.0", "mlx5_core");
	check_ports(&check);
	SAYS("ok port 03:00.0: driver mlx5_core");
	SAYS("FAIL service 03:00.0: mlx5_core has no device of infiniband_verbs; modprobe mlx5_ib");
	forget();
	folder(NIC "/infiniband_verbs/uverbs0");
	check_ports(&check);
	SAYS("FAIL service 03:00.0: the unit does not open /dev/infiniband/uverbs0");
	SAYS("write DeviceAllow=char-infiniband_verbs rw below [Service]");
	forget();
	put("[Service]\nDeviceAllow=char-infiniband_verbs rw\n",
		"/etc/systemd/system/poi-dataplane.service.d/mlx5.conf");
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	SAYS("and 1 drop-ins");
	forget();
	bind_driver("0000:03:00.0", "uio_pci_generic");
	check_ports(&check);
	SAYS("FAIL port 03:00.0: driver uio_pci_generic serves root only, and the unit runs as "
	     "poi");
	forget();
	put("0\n", "/sys/bus/pci/devices/0000:03:00.0/numa_node");
	check_ports(&check);
	SAYS("is on memory node 0, CPU 2 of dataplane.workers on node 1");
	forget();
	config.dataplane.eal = (char *)"-a 0000:04:00.0 -a 05:00.0,x=1";
	check_ports(&check);
	SAYS("FAIL port 03:00.0: dataplane.eal allows others only; add -a 03:00.0");
	forget();
	config.dataplane.eal = (char *)"-a 04:00.0 --allow pci:0000:03:00.0";
	check_ports(&check);
	cr_expect_null(strstr(said, "allows others only"), "%s", said);
	forget();
	config.dataplane.eal = (char *)"-b 03:00.0";
	check_ports(&check);
	SAYS("FAIL port 03:00.0: dataplane.eal blocks it; take its -b out");
	config.dataplane.eal = (char *)"-a 03:00.0,x=1 --no-pci";
	forget();
	check_ports(&check);
	SAYS("FAIL port 03:00.0: dataplane.eal says --no-pci");
	config.dataplane.ports[0].device = (char *)"0000:09:00.0";
	check_ports(&check);
	SAYS("FAIL port 0000:09:00.0: there is no such device");
}

// Root may open what the unit's user may not.
Test(check, a_group_that_belongs_to_root)
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

Test(check, what_drop_ins_change)
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
	SAYS("FAIL service 0000:03:00.0: the unit does not open /dev/vfio/2");
	SAYS("write DeviceAllow=char-vfio rw below [Service] with: systemctl edit poi-dataplane");
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
	SAYS("FAIL service there is no user gone, as whom the unit runs");
	forget();
	put("[Service]\nUser=root\n", "/etc/systemd/system/poi-dataplane.service.d/zzz.conf");
	own("/dev/vfio/2", 4700, 4700, 0600); // without CAP_DAC_OVERRIDE root is one user of many
	check_ports(&check);
	SAYS("user root cannot open /dev/vfio/2");
}

// The unit does not start with a group that is not there.
Test(check, groups_of_the_unit)
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

Test(check, groups_of_the_iommu)
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

Test(check, drivers_of_dpdk)
{
	char package[64];

	put("0x10fb\n", NIC "/device");
	check_ports(&check);
	snprintf(package, sizeof(package), "apt install librte-net-ixgbe%u",
		(unsigned)atoi(strstr(nic_driver_folder(), "pmds-") + 5));
	SAYS("FAIL port 0000:03:00.0: no installed driver of DPDK knows 8086:10fb");
	SAYS(package);
	forget();
	put("0x10ec\n", NIC "/vendor");
	put("0x8139\n", NIC "/device");
	check_ports(&check);
	SAYS("FAIL port 0000:03:00.0: no driver of Debian's DPDK knows 10ec:8139");
	forget();
	put("PMD_INFO_STRING= {\"name\": \"net_own\", \"pci_ids\": [[4332, 33081, 65535, 65535]]}",
		"/opt/librte_own.so");
	config.dataplane.eal = (char *)"--in-memory -m 256 -d /opt/librte_own.so";
	check_ports(&check);
	SAYS("ok port 0000:03:00.0: 10ec:8139, DPDK's driver net_own (librte_own.so)");
}

Test(check, rights_of_ports_of_the_kernel)
{
	config.dataplane.ports[0].device = (char *)"net_af_packet0";
	config.dataplane.eal = (char *)"--vdev net_af_packet0,iface=up0";
	put("up\n", "/sys/class/net/up0/operstate");
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	put("[Service]\nCapabilityBoundingSet=~CAP_NET_RAW\n",
		"/etc/systemd/system/poi-dataplane.service.d/less.conf");
	check_ports(&check);
	SAYS("FAIL service net_af_packet0 needs CAP_NET_RAW, which poi lacks");
	forget();
	config.dataplane.ports[0].device = (char *)"net_tap0";
	config.dataplane.eal = (char *)"--vdev net_tap0,iface=up0";
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	put("[Service]\nDeviceAllow=\nAmbientCapabilities=\n",
		"/etc/systemd/system/poi-dataplane.service.d/less.conf");
	check_ports(&check);
	SAYS("FAIL service net_tap0 needs CAP_NET_ADMIN");
	SAYS("FAIL service net_tap0: the unit does not open /dev/net/tun");
	forget();
	config.dataplane.ports[0].device = (char *)"net_af_xdp0";
	config.dataplane.eal = (char *)"--vdev net_af_xdp0,iface=up0";
	check_ports(&check);
	SAYS("FAIL service net_af_xdp0 needs CAP_SYS_ADMIN, AF_XDP and bpf()");
	SAYS("use net_af_packet");
	forget();
	put("[Service]\nAmbientCapabilities=CAP_BPF\nCapabilityBoundingSet=CAP_BPF\n",
		"/etc/systemd/system/poi-dataplane.service.d/xdp.conf");
	check_ports(&check);
	SAYS("FAIL service net_af_xdp0 needs CAP_SYS_ADMIN"); // CAP_BPF looks no program up by its
							      // id
	forget();
	put("[Service]\nAmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN CAP_SYS_ADMIN\n"
	    "CapabilityBoundingSet=CAP_NET_RAW CAP_NET_ADMIN CAP_SYS_ADMIN\n",
		"/etc/systemd/system/poi-dataplane.service.d/xdp.conf");
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	SAYS("warn service net_af_xdp0 needs RestrictAddressFamilies=AF_XDP and "
	     "SystemCallFilter=bpf");
}

Test(check, capabilities_as_systemd_reads_them)
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
	SAYS("FAIL service net_tap0 needs CAP_NET_ADMIN");
	forget();
	put("[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=CAP_CHOWN\n"
	    "CapabilityBoundingSet=~CAP_CHOWN\nCapabilityBoundingSet=CAP_NET_ADMIN\n",
		drop_in);
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
}

Test(check, memory_locks_as_systemd_reads_them)
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

// A unit that is masked runs as nobody.
Test(check, a_masked_unit)
{
	char path[512];

	folder("/etc/systemd/system");
	snprintf(path, sizeof(path), "%s/etc/systemd/system/poi-dataplane.service", root);
	cr_assert_eq(symlink("/dev/null", path), 0);
	check_ports(&check);
	SAYS("FAIL service poi-dataplane.service is masked");
}

// A /dev of its own has no devices but null, zero and the like, whatever DeviceAllow= says.
Test(check, private_devices)
{
	put("[Service]\nPrivateDevices=yes\n",
		"/etc/systemd/system/poi-dataplane.service.d/private.conf");
	config.dataplane.ports[0].device = (char *)"net_tap0";
	config.dataplane.eal = (char *)"--vdev net_tap0,iface=up0";
	check_ports(&check);
	SAYS("FAIL service net_tap0: the unit does not open /dev/net/tun");
	SAYS("PrivateDevices=no");
	forget();
	put("[Service]\nPrivateDevices=yes\nDeviceAllow=char-infiniband_verbs rw\n",
		"/etc/systemd/system/poi-dataplane.service.d/private.conf");
	config.dataplane.ports[0].device = (char *)"03:00.0";
	config.dataplane.eal = (char *)"";
	bind_driver("0000:03:00.0", "mlx5_core");
	folder(NIC "/infiniband_verbs/uverbs0");
	check_ports(&check);
	SAYS("FAIL service 03:00.0: the unit does not open /dev/infiniband/uverbs0");
	SAYS("PrivateDevices=no");
}

Test(check, without_a_unit)
{
	char path[512];

	snprintf(path, sizeof(path), "%s" UNIT_FOLDER, root);
	cr_assert_eq(unlink(path), 0);
	check_ports(&check);
	SAYS("ok service ports are opened as root, judged by the user who runs this, for there is "
	     "no "
	     "poi-dataplane.service");
}

Test(check, virtual_devices)
{
	config.dataplane.ports[0].device = (char *)"net_null0";
	check_ports(&check);
	SAYS("FAIL port net_null0: nothing makes this device; add --vdev net_null0");
	forget();
	config.dataplane.eal = (char *)"--vdev net_null01 --vdev net_null0,size=64";
	check_ports(&check);
	SAYS("ok port net_null0: virtual device");
	forget();
	config.dataplane.ports[0].device = (char *)"net_af_packet0";
	config.dataplane.eal = (char *)"--vdev net_af_packet0,iface=up0";
	check_ports(&check);
	SAYS("FAIL port net_af_packet0: there is no interface up0");
	forget();
	put("down\n", "/sys/class/net/up0/operstate");
	check_ports(&check);
	SAYS("warn port net_af_packet0: interface up0 is down; ip link set up0 up");
	forget();
	config.dataplane.ports[0].device = (char *)"net_pcap0";
	config.dataplane.eal = (char *)"--vdev net_pcap0,rx_pcap=missing.pcap";
	check_ports(&check);
	SAYS("FAIL port net_pcap0: /tmp/missing.pcap: No such file");
	forget();
	config.dataplane.ports[0].device = (char *)"crypto_x0";
	config.dataplane.eal = (char *)"--vdev crypto_x0";
	check_ports(&check);
	SAYS("warn port crypto_x0: a virtual device that is not known here");
}

Test(check, what_is_accepted_and_worth_a_word)
{
	config.dataplane.ports[0].mode = CONFIG_PORT_INLINE;
	config.dataplane.ports[0].tunnel = CONFIG_TUNNEL_GTPU;
	config.n_nes = 1;
	config.nes[0].ne_identifier = (char *)"ne";
	check_policy(&check);
	SAYS("warn inline");
	SAYS("warn tunnel port 0000:03:00.0: without gtp-endpoints");
	SAYS("warn reports ne");
	SAYS("warn fail-safe ne");
	SAYS("warn audit");
	cr_expect_eq(n[CHECK_WARN], 5);
}
