#pragma once

// A NIC on PCI as /sys shows it, and what the kernel's vfio-pci needs of its IOMMU group. All
// functions look below `root`, "" for this machine.

#include <stdbool.h>
#include <stddef.h>

struct nic_id {
	unsigned vendor, device, sub_vendor, sub_device;
};

struct nic {
	char address[16]; // with the domain
	bool present;
	char driver[64]; // of the kernel; "" when none is bound
	char group[16];	 // number of the IOMMU group; "" without an IOMMU
	bool noiommu;	 // the group is one of vfio's noiommu mode
	char node[64];	 // of the group: "/dev/vfio/7"
	struct nic_id id;
};

// True for "0000:03:00.0" and "03:00.0".
bool nic_is_address(const char *device);

// Writes the address as the kernel and DPDK have it: with the domain, in lower case.
void nic_address(const char *given, char out[16]);
// True when the `n` bytes of a -a or -b name the address: in any form, "pci:" may precede.
bool nic_is_same(const char *given, size_t n, const char *address);

// Reads the NIC's properties from /sys.
void nic_read(const char *root, const char *given, struct nic *out);

// True when every other device of the NIC's IOMMU group is bound to vfio, to pci-stub or to
// nothing, or is a bridge of PCI to PCI. Else *other is the first that is not, *driver what it is
// bound to.
bool nic_is_viable(const char *root, const struct nic *n, char other[16], char driver[64]);

// True when the kernel's driver hands the device to DPDK, or shares it (mlx5_core, mlx4_core).
bool nic_driver_fits(const char *driver);
// True for mlx5_core and mlx4_core.
bool nic_driver_shares(const char *driver);
// True for drivers that need root: uio_pci_generic and igb_uio.
bool nic_driver_is_uio(const char *driver);
