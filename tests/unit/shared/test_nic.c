// NICs as a folder of files shows them, and the drivers that DPDK has for their ids.
#include "shared/nic.h"
#include "shared/nic_driver.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static void shell(const char *command)
{
	char line[2048];

	snprintf(line, sizeof(line), "set -e; cd %s; %s", root, command);
	cr_assert_eq(system(line), 0, "%s", line);
}

static void setup(void)
{
	strcpy(root, "/tmp/test_nic.XXXXXX");
	cr_assert_not_null(mkdtemp(root));
	shell("for d in 0000:03:00.0 0000:03:00.1 0000:00:01.0; do mkdir -p sys/bus/pci/devices/$d "
	      "sys/kernel/iommu_groups/7/devices/$d; "
	      "ln -s ../../../../kernel/iommu_groups/7 sys/bus/pci/devices/$d/iommu_group; "
	      "echo 0x020000 > sys/bus/pci/devices/$d/class; done; cd sys/bus/pci/devices; "
	      "echo 0x060400 > 0000:00:01.0/class; ln -s ../x/pcieport 0000:00:01.0/driver; "
	      "echo 0x8086 > 0000:03:00.0/vendor; echo 0x10d3 > 0000:03:00.0/device; "
	      "echo 0x15d9 > 0000:03:00.0/subsystem_vendor; echo 0xa > "
	      "0000:03:00.0/subsystem_device; "
	      "ln -s ../x/vfio-pci 0000:03:00.0/driver");
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", root);
	cr_assert_eq(system(command), 0);
}

TestSuite(nic, .init = setup, .fini = teardown);

Test(nic, what_sys_shows)
{
	struct nic n;

	nic_read(root, "03:00.0", &n);
	cr_expect(n.present && !n.noiommu);
	cr_expect_str_eq(n.address, "0000:03:00.0");
	cr_expect_str_eq(n.driver, "vfio-pci");
	cr_expect_str_eq(n.group, "7");
	cr_expect_str_eq(n.node, "/dev/vfio/7");
	cr_expect(n.id.vendor == 0x8086 && n.id.device == 0x10d3 && n.id.sub_vendor == 0x15d9 &&
		  n.id.sub_device == 0xa);
	shell("echo vfio-noiommu > sys/kernel/iommu_groups/7/name");
	nic_read(root, "0000:03:00.0", &n);
	cr_expect(n.noiommu);
	cr_expect_str_eq(n.node, "/dev/vfio/noiommu-7");
	shell("rm sys/bus/pci/devices/0000:03:00.0/iommu_group");
	nic_read(root, "0000:03:00.0", &n);
	cr_expect_str_eq(n.group, "");
	nic_read(root, "0000:04:00.0", &n);
	cr_expect(!n.present && !n.driver[0]);
}

Test(nic, addresses)
{
	static const char *const same[] = {"0000:3b:00.0", "3b:00.0", "0000:3B:00.0", "3B:00.0",
		"pci:0000:3b:00.0", "pci:3B:00.0"};
	static const char *const others[] = {
		"", "pci:", "0000:3b:00.1", "b:00.0", "0001:3b:00.0", "0000:3b:00.0x", "net_null0"};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		cr_expect(nic_is_same(same[i], strlen(same[i]), "0000:3b:00.0"), "%s", same[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		cr_expect(!nic_is_same(others[i], strlen(others[i]), "0000:3b:00.0"), "%s",
			others[i]);
	cr_expect(nic_is_same("03:00.0,x=1", 7, "0000:03:00.0"));
}

Test(nic, what_spoils_a_group)
{
	char other[16], driver[64];
	struct nic n;

	nic_read(root, "0000:03:00.0", &n);
	cr_expect(nic_is_viable(root, &n, other, driver));
	shell("ln -s ../x/igb sys/bus/pci/devices/0000:03:00.1/driver");
	cr_expect(!nic_is_viable(root, &n, other, driver));
	cr_expect_str_eq(other, "0000:03:00.1");
	cr_expect_str_eq(driver, "igb");
	shell("ln -sfn ../x/vfio-pci sys/bus/pci/devices/0000:03:00.1/driver");
	cr_expect(nic_is_viable(root, &n, other, driver));
}

// DPDK's own reader of the same libraries is the judge: for each id of each library one of the
// drivers that it names, and the package of that library.
Test(nic, installed_drivers_as_dpdk_reads_them, .timeout = 120)
{
	static const char list[] =
		"import glob, json, re, subprocess, sys\n"
		"for path in sorted(glob.glob(sys.argv[1] + '/librte_net_*.so')):\n"
		"  out = subprocess.run(['dpdk-pmdinfo.py', path], capture_output=True, "
		"check=True).stdout\n"
		"  for d in json.loads(out):\n"
		"    for i in d.get('pci_ids', ()) if d['name'][:4] in ('net_', 'mlx5') else ():\n"
		"      print(path, d['name'], i['vendor'], i['device'], i.get('subsystem_vendor', "
		"'1'), "
		"i.get('subsystem_device', '1'))\n";
	char path[512], name[64], found[256], package[128], expected[128];
	struct nic_id id;
	unsigned n = 0;

	setenv("LIST", list, 1);
	setenv("FOLDER", nic_driver_folder(), 1);
	FILE *f = popen("python3 -c \"$LIST\" $FOLDER", "r");
	cr_assert_not_null(f);
	while (fscanf(f, "%511s %63s %x %x %x %x", path, name, &id.vendor, &id.device,
		       &id.sub_vendor, &id.sub_device) == 6) {
		n++;
		cr_expect(nic_driver_find(path, &id, found, sizeof(found)), "%s %s", path, name);
		cr_expect_eq(strncmp(found, name, strlen(name)), 0, "%s %s", found, name);
		if (n % 16 == 0)
			cr_expect(nic_driver_find(nic_driver_folder(), &id, found, sizeof(found)));
		cr_expect(nic_driver_package(&id, package, sizeof(package)), "%04x:%04x", id.vendor,
			id.device);
		const char *library = strstr(path, "librte_net_");
		snprintf(expected, sizeof(expected), "%.*s", (int)strcspn(library, "."), library);
		for (char *c = expected; *c; c++)
			*c = (char)(*c == '_' ? '-' : *c);
		// An id of two drivers: that of ice is for a mode that has to be asked for.
		cr_expect(strcmp(name, "net_ice_dcf") == 0 ||
				  strncmp(package, expected, strlen(expected)) == 0,
			"%s %s", package, expected);
	}
	cr_expect_eq(pclose(f), 0);
	cr_expect_gt(n, 500);
}

// A package is named for an id only where the drivers of this release have it.
Test(nic, ids_of_one_release_only)
{
	static const struct nic_id ids[] = {
		{0x14e4, 0x1760, 1, 1}, {0x1137, 0x0071, 0x1137, 0x0071}};
	char out[256];

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		cr_expect_eq(nic_driver_package(&ids[i], out, sizeof(out)),
			nic_driver_find(nic_driver_folder(), &ids[i], out, sizeof(out)),
			"%04x:%04x", ids[i].vendor, ids[i].device);
}

Test(nic, ids_that_no_driver_has)
{
	struct nic_id id = {.vendor = 0x10ec, .device = 0x8139, .sub_vendor = 1, .sub_device = 1};
	char out[256];

	cr_expect(!nic_driver_find(nic_driver_folder(), &id, out, sizeof(out)), "%s", out);
	cr_expect(!nic_driver_package(&id, out, sizeof(out)), "%s", out);
	cr_expect(nic_driver_any(nic_driver_folder()));
	cr_expect(!nic_driver_any(root));
}

Test(nic, libraries_that_are_none)
{
	const struct nic_id id = {.vendor = 0x8086, .device = 0x10d3};
	char out[256], path[128];

	snprintf(path, sizeof(path), "%s", root);
	shell("printf 'PMD_INFO_STRING= {\"name\": \"net_x\", \"pci_ids\": [[32902, 4307, 65535, "
	      "65535]]}'"
	      " > librte_net_open.so");
	cr_expect(!nic_driver_find(path, &id, out, sizeof(out)), "a text without its end");
	shell("printf 'PMD_INFO_STRING= {\"name\": \"net_x\", \"pci_ids\": [[32902, 4307\\0' > "
	      "librte_net_open.so");
	cr_expect(!nic_driver_find(path, &id, out, sizeof(out)));
	shell("printf 'PMD_INFO_STRING= {\"pci_ids\": [[32902, 4307, 65535, 65535]]}\\0' > "
	      "librte_net_open.so");
	cr_expect(!nic_driver_find(path, &id, out, sizeof(out)));
	shell("printf 'PMD_INFO_STRING= {\"name\": \"net_x\", \"pci_ids\": [[1, 2, 3, 4], [32902, "
	      "4307, 65535, 65535]]}\\0' "
	      "> librte_net_open.so; : > librte_net_empty.so; mkdir librte_net_folder.so");
	cr_expect(nic_driver_find(path, &id, out, sizeof(out)));
	cr_expect_str_eq(out, "net_x (librte_net_open.so)");
}
