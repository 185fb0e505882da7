// Reads from /sys what is bound to a NIC on PCI, its ids and its IOMMU group.
#include "shared/nic.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices/"
#define GROUPS "/sys/kernel/iommu_groups/"
#define CLASS_BRIDGE 0x06

bool nic_is_address(const char *device)
{
	static const char *const shapes[] = {"xxxx:xx:xx.x", "xx:xx.x"};

	for (size_t k = 0; k < 2; k++) {
		const char *shape = shapes[k];
		size_t i = 0;
		while (shape[i] && (shape[i] == 'x' ? isxdigit((unsigned char)device[i]) != 0
						    : device[i] == shape[i]))
			i++;
		if (!shape[i] && !device[i])
			return true;
	}
	return false;
}

// The last name of a link's target; "" when there is no link.
static void link_name(const char *path, char *out, size_t size)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	target[n < 0 ? 0 : n] = '\0';
	const char *slash = strrchr(target, '/');
	snprintf(out, size, "%.*s", (int)size - 1, slash ? slash + 1 : target);
}

static bool read_line(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	bool read = f && fgets(out, (int)size, f);

	if (f)
		fclose(f);
	if (read)
		out[strcspn(out, "\n")] = '\0';
	else
		out[0] = '\0';
	return read;
}

static unsigned read_id(const char *root, const char *address, const char *name)
{
	char path[4096], text[32];

	snprintf(path, sizeof(path), "%s" DEVICES "%s/%s", root, address, name);
	return read_line(path, text, sizeof(text)) ? (unsigned)strtoul(text, NULL, 16) : 0;
}

static void driver_of(const char *root, const char *address, char out[64])
{
	char path[4096];

	snprintf(path, sizeof(path), "%s" DEVICES "%s/driver", root, address);
	link_name(path, out, 64);
}

void nic_read(const char *root, const char *given, struct nic *out)
{
	char path[4096], name[64];

	*out = (struct nic){0};
	// The kernel writes the domain, too, and lower case.
	snprintf(out->address, sizeof(out->address), "%s%s",
		strchr(given, ':') == strrchr(given, ':') ? "0000:" : "", given);
	for (char *c = out->address; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	snprintf(path, sizeof(path), "%s" DEVICES "%s", root, out->address);
	out->present = access(path, F_OK) == 0;
	driver_of(root, out->address, out->driver);
	snprintf(path, sizeof(path), "%s" DEVICES "%s/iommu_group", root, out->address);
	link_name(path, out->group, sizeof(out->group));
	out->id = (struct nic_id){
		.vendor = read_id(root, out->address, "vendor"),
		.device = read_id(root, out->address, "device"),
		.sub_vendor = read_id(root, out->address, "subsystem_vendor"),
		.sub_device = read_id(root, out->address, "subsystem_device"),
	};
	if (!out->group[0])
		return;
	snprintf(path, sizeof(path), "%s" GROUPS "%s/name", root, out->group);
	out->noiommu = read_line(path, name, sizeof(name)) && strcmp(name, "vfio-noiommu") == 0;
	snprintf(out->node, sizeof(out->node), "/dev/vfio/%s%s", out->noiommu ? "noiommu-" : "",
		out->group);
}

static bool spoils(const char *root, const char *address, char driver[64])
{
	driver_of(root, address, driver);
	return driver[0] && strncmp(driver, "vfio", 4) != 0 && strcmp(driver, "pci-stub") != 0 &&
	       read_id(root, address, "class") >> 16 != CLASS_BRIDGE;
}

bool nic_is_viable(const char *root, const struct nic *n, char other[16], char driver[64])
{
	char path[4096];
	struct dirent *e;
	bool viable = true;

	snprintf(path, sizeof(path), "%s" GROUPS "%s/devices", root, n->group);
	DIR *d = opendir(path);
	while (viable && d && (e = readdir(d))) {
		if (!nic_is_address(e->d_name) || strcmp(e->d_name, n->address) == 0)
			continue;
		viable = !spoils(root, e->d_name, driver);
		snprintf(other, 16, "%.15s", e->d_name);
	}
	if (d)
		closedir(d);
	return viable;
}

bool nic_driver_shares(const char *driver)
{
	return strcmp(driver, "mlx5_core") == 0 || strcmp(driver, "mlx4_core") == 0;
}

bool nic_driver_is_uio(const char *driver)
{
	return strcmp(driver, "uio_pci_generic") == 0 || strcmp(driver, "igb_uio") == 0;
}

bool nic_driver_fits(const char *driver)
{
	return strcmp(driver, "vfio-pci") == 0 || nic_driver_is_uio(driver) ||
	       nic_driver_shares(driver);
}
