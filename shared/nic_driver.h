#pragma once

// Finds the driver of DPDK for a NIC's PCI id: among the installed ones, by their own lists
// (PMD_INFO_STRING), else among all of Debian's, by a table.

#include "shared/nic.h"

// Returns the folder from which the EAL loads its drivers.
const char *nic_driver_folder(void);

// Looks for the id in one library, or in every librte_net_* of a folder. Writes the driver's name
// and its library. False when no driver there supports the id.
bool nic_driver_find(const char *path, const struct nic_id *id, char *out, size_t size);

// True when the folder (or the one library) is there and has at least one NIC's driver with ids.
bool nic_driver_any(const char *path);

// Writes the Debian package that has the id's driver, of the release that the EAL's folder belongs
// to. False when Debian has no driver for it.
bool nic_driver_package(const struct nic_id *id, char *out, size_t size);
