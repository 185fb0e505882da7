#pragma once

// A machine made of files, for the parts of `poi check` to look at. For one test program each.

#include "control/cli/cli_check.h"

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

static inline void say(void *context, enum check_verdict v, const char *area, const char *text)
{
	static const char *const names[] = {"ok", "hint", "warn", "FAIL"};
	size_t at = strlen(said);

	n[v]++;
	snprintf(said + at, sizeof(said) - at, "%s %s %s\n", names[v], area, text);
}

static struct check check = {.config = &config, .say = say, .root = root};

static inline void forget(void)
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

static inline void folder(const char *path)
{
	char command[600];

	snprintf(command, sizeof(command), "mkdir -p %s%s", root, path);
	cr_assert_eq(system(command), 0);
}

static inline void bind_driver(const char *device, const char *driver)
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

static inline void own(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s", root, path);
	cr_assert_eq(chown(full, uid, gid), 0, "this test needs root");
	cr_assert_eq(chmod(full, mode), 0);
}

static inline void be_in_group(const char *device, unsigned group)
{
	char path[512], to[128];

	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/iommu_group", root, device);
	snprintf(to, sizeof(to), "../../../../kernel/iommu_groups/%u", group);
	cr_assert_eq(symlink(to, path), 0);
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%u/devices/%s", group, device);
	folder(path);
}

// An 82574L that vfio-pci has, DPDK's driver for it, and the unit with its user.
static inline void put_nic(void)
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
static inline void setup(void)
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

static inline void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", root);
	cr_assert_eq(system(command), 0);
}

#define SAYS(text) cr_expect_not_null(strstr(said, text), "%s", said)
