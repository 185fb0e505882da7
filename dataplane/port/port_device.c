// Watches the devices under the ports for removal and reset, and gives removed ones back.

#include "dataplane/port/port_device.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/stat.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#define PCI_FOLDER "/sys/bus/pci/devices"
#define PCI_CLASS_AT 8 // class and revision: of a PCI device that is there never all ones
#define PATH_SIZE 256

// In the EAL's interrupt thread: vfio-pci asks for the device back before the kernel removes it.
static void on_bus_event(const char *name, enum rte_dev_event_type type, void *context)
{
	struct port_device *d = context;

	(void)name;
	if (type == RTE_DEV_EVENT_REMOVE)
		atomic_store_explicit(&d->removed, true, memory_order_release);
}

// In the EAL's interrupt thread, or in whichever the driver finds out.
static int on_port_event(uint16_t port, enum rte_eth_event_type type, void *context, void *unused)
{
	struct port_device *d = context;

	(void)port;
	(void)unused;
	atomic_store_explicit(type == RTE_ETH_EVENT_INTR_RESET ? &d->reset : &d->removed, true,
		memory_order_release);
	return 0;
}

// Returns the last part of what /sys/bus/pci/devices/NAME/`link` points to, or "" if there is none.
static void pci_link(const char *name, const char *link, char *out, size_t size)
{
	char path[PATH_SIZE], target[PATH_MAX];

	out[0] = '\0';
	if (snprintf(path, sizeof(path), PCI_FOLDER "/%s/%s", name, link) >= (int)sizeof(path))
		return;
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return;
	target[n] = '\0';
	snprintf(out, size, "%s", basename(target));
}

// Returns the inode of a PCI device's folder in /sys, 0 if there is none.
static uint64_t pci_inode(const char *name)
{
	char path[PATH_SIZE];
	struct stat s;

	if (snprintf(path, sizeof(path), PCI_FOLDER "/%s/", name) >= (int)sizeof(path) ||
		stat(path, &s) != 0)
		return 0;
	return s.st_ino;
}

static void watch_pci(struct port_device *d)
{
	char path[PATH_SIZE];

	pci_link(d->name, "driver", d->kernel_driver, sizeof(d->kernel_driver));
	snprintf(path, sizeof(path), PCI_FOLDER "/%s/config", d->name);
	d->config_fd = open(path, O_RDONLY | O_CLOEXEC);
	d->inode = pci_inode(d->name);
}

void port_device_watch(struct port_device *d, uint16_t port, unsigned if_index)
{
	struct rte_eth_dev_info info;

	*d = (struct port_device){.port = port, .if_index = if_index, .config_fd = -1};
	if (rte_eth_dev_info_get(port, &info) != 0)
		return;
	snprintf(d->name, sizeof(d->name), "%s", rte_dev_name(info.device));
	if (if_index > 0 && !if_indextoname(if_index, d->interface))
		d->if_index = 0;
	const struct rte_bus *bus = rte_dev_bus(info.device);
	if (bus && strcmp(rte_bus_name(bus), "pci") == 0)
		watch_pci(d);
	d->called_back = rte_dev_event_callback_register(d->name, on_bus_event, d) == 0;
	(void)rte_eth_dev_callback_register(port, RTE_ETH_EVENT_INTR_RMV, on_port_event, d);
	(void)rte_eth_dev_callback_register(port, RTE_ETH_EVENT_INTR_RESET, on_port_event, d);
}

// Returns whether the configuration space still answers. The open file of a device that the kernel
// removed fails; one that was pulled out without notice reads as all ones.
bool port_device_answers(const struct port_device *d)
{
	uint32_t class_revision;

	return d->config_fd < 0 || (pread(d->config_fd, &class_revision, sizeof(class_revision),
					    PCI_CLASS_AT) == (ssize_t)sizeof(class_revision) &&
					   class_revision != UINT32_MAX);
}

static bool interface_is_there(unsigned if_index)
{
	char name[IF_NAMESIZE];

	return if_indextoname(if_index, name) != NULL;
}

enum device_state port_device_state(const struct port_device *d)
{
	if (atomic_load_explicit(&d->removed, memory_order_acquire) || !port_device_answers(d))
		return DEVICE_REMOVED;
	if (d->if_index > 0 && !interface_is_there(d->if_index))
		return DEVICE_REMOVED;
	return atomic_load_explicit(&d->reset, memory_order_acquire) ? DEVICE_RESET
								     : DEVICE_PRESENT;
}

static void unregister(struct port_device *d)
{
	if (d->called_back)
		(void)rte_dev_event_callback_unregister(d->name, on_bus_event, d);
	d->called_back = false;
	(void)rte_eth_dev_callback_unregister(d->port, RTE_ETH_EVENT_INTR_RMV, on_port_event, d);
	(void)rte_eth_dev_callback_unregister(d->port, RTE_ETH_EVENT_INTR_RESET, on_port_event, d);
}

// vfio-pci holds the removal back until the device's file is closed; rte_dev_remove closes it.
void port_device_release(struct port_device *d)
{
	struct rte_eth_dev_info info;

	if (d->released || d->if_index > 0)
		return;
	d->released = true;
	unregister(d);
	// Two ports may be of one device, which the other has taken along.
	if (!rte_eth_dev_is_valid_port(d->port) || rte_eth_dev_info_get(d->port, &info) != 0)
		return;
	(void)rte_eth_dev_stop(d->port);
	(void)rte_eth_dev_close(d->port);
	(void)rte_dev_remove(info.device);
}

static bool group_is_accessible(const struct port_device *d)
{
	char group[32], path[PATH_SIZE];

	pci_link(d->name, "iommu_group", group, sizeof(group));
	snprintf(path, sizeof(path), "/dev/vfio/%s", group);
	return group[0] && access(path, R_OK | W_OK) == 0;
}

// The sandbox forbids opening these files, not looking at their links.
bool port_device_returned(struct port_device *d)
{
	char driver[sizeof(d->kernel_driver)];

	if (d->if_index > 0)
		return if_nametoindex(d->interface) > 0;
	if (!d->kernel_driver[0])
		return false;
	pci_link(d->name, "driver", driver, sizeof(driver));
	bool other = pci_inode(d->name) != d->inode;
	bool here = strcmp(driver, d->kernel_driver) == 0 && (other || port_device_answers(d)) &&
		    (strcmp(driver, "vfio-pci") != 0 || group_is_accessible(d));
	d->absent |= other || !here;
	return here && d->absent;
}

void port_device_forget(struct port_device *d)
{
	if (!d->released)
		unregister(d);
	if (d->config_fd >= 0)
		close(d->config_fd);
	d->config_fd = -1;
}
