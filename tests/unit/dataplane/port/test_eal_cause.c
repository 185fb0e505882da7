// Causes of missing ports and of failed starts, from texts of DPDK 22.11 and 24.11 and from the
// EAL.
#include "dataplane/port/eal_cause.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_log.h>

#include "dataplane/port/eal.h"
#include "dataplane/port/eal_log.h"
#include "shared/nic_driver.h"

static char root[64];
static char why[1024];

static void shell(const char *command)
{
	char line[1024];

	snprintf(line, sizeof(line), "set -e; cd %s; %s", root, command);
	cr_assert_eq(system(line), 0, "%s", line);
}

// An 82574L bound to vfio-pci, in IOMMU group 2.
static void setup(void)
{
	strcpy(root, "/tmp/test_eal_cause.XXXXXX");
	cr_assert_not_null(mkdtemp(root));
	shell("mkdir -p sys/bus/pci/devices/0000:02:00.0 sys/kernel/iommu_groups/2/devices; "
	      "ln -s x sys/kernel/iommu_groups/2/devices/0000:02:00.0; "
	      "cd sys/bus/pci/devices/0000:02:00.0; ln -s ../d/vfio-pci driver; "
	      "ln -s ../../../../kernel/iommu_groups/2 iommu_group; "
	      "echo 0x8086 > vendor; echo 0x10d3 > device");
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", root);
	cr_assert_eq(system(command), 0);
}

TestSuite(eal_cause, .init = setup, .fini = teardown);

static void ask(const char *device, const char *eal, const char *log)
{
	const struct eal_story s = {.root = root, .log = log, .eal = eal, .user = "poi"};

	eal_cause_of_port(&s, device, why, sizeof(why));
}

static void port(const char *log)
{
	ask("0000:02:00.0", "--in-memory", log);
}

#define SAYS(text) cr_expect_not_null(strstr(why, text), "%s", why)

Test(eal_cause, a_group_that_belongs_to_root)
{
	port("EAL: Detected CPU lcores: 3\n"
	     "EAL: Probe PCI driver: net_e1000_em (8086:10d3) device: 0000:02:00.0 (socket -1)\n"
	     "EAL: Cannot open /dev/vfio/2: Permission denied\n"
	     "EAL: Failed to open VFIO group 2\n"
	     "EAL: Requested device 0000:02:00.0 cannot be used\n");
	SAYS("user poi may not open /dev/vfio/2 (the EAL: \"Cannot open /dev/vfio/2: Permission "
	     "denied\"); systemctl restart systemd-udevd && udevadm trigger --settle "
	     "--subsystem-match=vfio");
	port("EAL: Cannot open VFIO container /dev/vfio/vfio, error 13 (Permission denied)\n");
	SAYS("user poi may not open /dev/vfio/vfio");
	port("EAL: Cannot open /dev/vfio/2: Operation not permitted\n");
	SAYS("the unit's DeviceAllow= lacks /dev/vfio/2");
	SAYS("write DeviceAllow=char-vfio rw");
	port("EAL: Cannot open VFIO container /dev/vfio/vfio, error 1 (Operation not permitted)\n");
	SAYS("the unit's DeviceAllow= lacks /dev/vfio/vfio");
	SAYS("write DeviceAllow=/dev/vfio/vfio rw");
	port("EAL: Cannot open /dev/vfio/2: Device or resource busy\n"
	     "PCI_BUS: Requested device 0000:02:00.0 cannot be used\n");
	SAYS("in use by another program (the EAL: \"Cannot open /dev/vfio/2: Device or resource "
	     "busy\"); "
	     "see which: fuser -v /dev/vfio/2");
	port("EAL: 0000:02:00.0 not managed by VFIO driver, skipping\n");
	SAYS("/dev/vfio/2 is not there for this program");
	// Another port's group.
	port("EAL: Cannot open /dev/vfio/21: Permission denied\n");
	cr_expect_null(strstr(why, "may not open"), "%s", why);
}

Test(eal_cause, groups_of_the_iommu)
{
	shell("mkdir sys/bus/pci/devices/0000:02:00.1; "
	      "ln -s ../d/e1000e sys/bus/pci/devices/0000:02:00.1/driver; "
	      "ln -s x sys/kernel/iommu_groups/2/devices/0000:02:00.1");
	port("EAL: 0000:02:00.0 VFIO group is not viable! Not all devices in IOMMU group bound to "
	     "VFIO or unbound\nEAL: Requested device 0000:02:00.0 cannot be used\n");
	SAYS("its IOMMU group 2 is not viable: the kernel has 0000:02:00.1 of it, driver e1000e "
	     "(the EAL: "
	     "\"0000:02:00.0 VFIO group is not viable!");
	SAYS("dpdk-devbind.py --bind=vfio-pci 0000:02:00.1");
	port("EAL: Cannot set up DMA remapping, error 12 (Cannot allocate memory)\n"
	     "EAL: 0000:02:00.0 DMA remapping failed, error 12 (Cannot allocate memory)\n");
	SAYS("(the EAL: \"Cannot set up DMA remapping, error 12 (Cannot allocate memory)\")");
	SAYS("LimitMEMLOCK=infinity");
	port("EAL: 0000:02:00.0 failed to select IOMMU type\n");
	SAYS("vfio does not accept its IOMMU group 2");
	port("EAL: Getting a vfio_dev_fd for 0000:02:00.0 failed\n");
	SAYS("another program has it; see which: fuser -v /dev/vfio/2");
	// The kernel itself refuses a group of the noiommu mode, not the unit's cgroup.
	shell("echo vfio-noiommu > sys/kernel/iommu_groups/2/name");
	port("EAL: Cannot open /dev/vfio/noiommu-2: Operation not permitted\n");
	SAYS("noiommu mode needs CAP_SYS_RAWIO, which the unit lacks");
	cr_expect_null(strstr(why, "DeviceAllow"), "%s", why);
	shell("rm sys/bus/pci/devices/0000:02:00.0/iommu_group");
	port("");
	SAYS("in no IOMMU group");
}

Test(eal_cause, what_sys_shows)
{
	port("EAL: Requested device 0000:02:00.0 cannot be used\n");
	SAYS("the EAL cannot use it (\"Requested device 0000:02:00.0 cannot be used\")");
	port("");
	SAYS("the EAL cannot use it and gives no reason; see: poi check");
	shell("echo 0x8139 > sys/bus/pci/devices/0000:02:00.0/device");
	port("");
	SAYS("no driver of Debian's DPDK supports 8086:8139");
	shell("cd sys/bus/pci/devices/0000:02:00.0; rm driver; ln -s ../d/e1000e driver");
	port("");
	SAYS("not bound to vfio-pci, the kernel has it (driver e1000e); modprobe "
	     "vfio-pci; dpdk-devbind.py --bind=vfio-pci 0000:02:00.0");
	shell("cd sys/bus/pci/devices/0000:02:00.0; rm driver; ln -s ../d/uio_pci_generic driver");
	port("");
	SAYS("driver uio_pci_generic serves root only, and this runs as poi");
	shell("rm sys/bus/pci/devices/0000:02:00.0/driver");
	port("");
	SAYS("no driver is bound to it; modprobe vfio-pci");
	ask("0000:07:00.0", "", "");
	SAYS("this machine has no such device");
}

Test(eal_cause, what_the_configuration_leaves_out)
{
	static const char *const out[] = {"--no-pci", "-a 0000:03:00.0", "-a0000:03:00.0",
		"--allow=0000:03:00.0,x=1", "-b 02:00.0", "--block 0000:02:00.0"};
	static const char *const in[] = {"", "-a 02:00.0", "-a0000:02:00.0 -a 0000:03:00.0",
		"--allow 0000:03:00.0 --allow=0000:02:00.0,x=1", "-b 0000:03:00.0",
		"-a pci:0000:02:00.0,x=1"};

	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
		ask("02:00.0", out[i], "");
		SAYS("dataplane.eal keeps the EAL off it");
	}
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		ask("02:00.0", in[i], "");
		cr_expect_null(strstr(why, "keeps the EAL off"), "%s: %s", in[i], why);
	}
}

Test(eal_cause, virtual_devices)
{
	ask("net_null7", "--vdev net_null0", "EAL: Detected CPU lcores: 2\n");
	SAYS("no such device; a virtual device needs --vdev net_null7,...");
	ask("net_af_packet0", "",
		"rte_pmd_init_internals(): net_af_packet0: ioctl failed (SIOCGIFINDEX):No such "
		"device\n"
		"vdev_probe(): failed to initialize net_af_packet0 device\n"
		"EAL: Bus (vdev) probe failed.\n");
	SAYS("its driver refuses (\"rte_pmd_init_internals(): net_af_packet0: ioctl failed "
	     "(SIOCGIFINDEX):No such device\"); correct its --vdev");
}

static void start(const char *log)
{
	const struct eal_story s = {.root = root, .log = log, .eal = "", .user = "poi"};

	eal_cause_of_start(&s, "ERROR", why, sizeof(why));
}

Test(eal_cause, starts_that_fail)
{
	start("EAL: Detected CPU lcores: 2\nEAL: No free 2048 kB hugepages reported on node 0\n"
	      "EAL: FATAL: Cannot get hugepage information.\nEAL: Cannot get hugepage "
	      "information.\n");
	SAYS("the EAL does not start: ERROR: hugepages are missing (the EAL: \"Cannot get hugepage "
	     "information.\"); sysctl vm.nr_hugepages=256");
	start("EAL: Cannot create lock on '/run/dpdk/poi/config'. Is another primary process "
	      "running?\n");
	SAYS("another program has the same EAL files");
	start("EAL: Detected CPU lcores: 2\nEAL: something else\n");
	SAYS("ERROR (the EAL: \"something else\"); correct dataplane.eal");
	start("EAL: Detected CPU lcores: 2\nEAL: lcore 99 unavailable\n"
	      "EAL: invalid core list, please check specified cores are part of 0-1\n");
	SAYS("a CPU is not there (the EAL: \"invalid core list, please check specified cores are "
	     "part "
	     "of 0-1\")");
	// Every start names the sizes that have no pages.
	start("EAL: No available 1048576 kB hugepages reported\n"
	      "EAL: Not enough memory available on socket 0! Requested: 4096MB, available: 512MB\n"
	      "EAL: FATAL: Cannot init memory\n");
	SAYS("memory is missing (the EAL: \"Not enough memory available on socket 0!");
	start("EAL: No available 1048576 kB hugepages reported\n"
	      "EAL: FATAL: Cannot init multi-process\n");
	SAYS("ERROR (the EAL: \"FATAL: Cannot init multi-process\"); correct dataplane.eal");
	start("");
	SAYS("\"nothing\"");
}

// --- the EAL itself ---

static struct config config = {.runtime_dir = (char *)"/run/test-eal-cause"};

static int run_eal(const char *eal)
{
	config.dataplane.eal = (char *)eal;
	config.dataplane.n_workers = 1;
	struct placement placed;

	return eal_start(&config, &placed, why, sizeof(why));
}

Test(eal_cause, a_capture_that_is_not_there)
{
	static const char eal[] = "--no-huge -m 64 --no-pci --vdev net_pcap0,rx_pcap=/absent.pcap";

	cr_assert_eq(run_eal(eal), 0, "%s", why);
	eal_why_no_port(eal, "net_pcap0", why, sizeof(why));
	SAYS("its driver refuses (");
	SAYS("/absent.pcap: No such file or directory");
	eal_why_no_port(eal, "net_null0", why, sizeof(why));
	SAYS("no such device");
	eal_stop();
	cr_expect_str_eq(eal_log_text(), "");
}

Test(eal_cause, a_device_of_no_driver)
{
	cr_assert_neq(run_eal("--no-huge -m 64 --no-pci --vdev net_bogus0"), 0);
	SAYS("a device of dataplane.eal is unknown (the EAL: \"Unable to parse device "
	     "'net_bogus0'\")");
}

Test(eal_cause, a_cpu_that_is_not_there)
{
	cr_assert_neq(run_eal("--no-huge -m 64 --no-pci -l 1000"), 0);
	SAYS("a CPU is not there (the EAL: \"");
}

Test(eal_cause, memory_that_is_not_there)
{
	cr_assert_neq(run_eal("--in-memory -m 100000000 --no-pci"), 0);
	SAYS("the EAL does not start: ");
	cr_expect(strstr(why, "hugepages are missing") || strstr(why, "memory is missing"), "%s",
		why);
}

// The oldest is dropped when it does not fit.
Test(eal_cause, the_log_is_bounded)
{
	char text[256];

	eal_log_start();
	for (int i = 0; i < 1000; i++)
		rte_log(RTE_LOG_ERR, RTE_LOGTYPE_EAL, "EAL: line %d of a thousand lines\n", i);
	eal_log_stop();
	rte_log(RTE_LOG_ERR, RTE_LOGTYPE_EAL, "EAL: not kept\n");
	size_t n = strlen(eal_log_text());
	cr_expect(n > 16000 && n <= 16384, "%zu", n);
	snprintf(text, sizeof(text), "EAL: line 999 of a thousand lines\n");
	cr_expect_str_eq(eal_log_text() + n - strlen(text), text);
	cr_expect_eq(strncmp(eal_log_text(), "EAL: line ", 10), 0);
	eal_log_free();
	cr_expect_str_eq(eal_log_text(), "");
}
