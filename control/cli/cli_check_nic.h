#pragma once

// `poi check` of NICs on PCI, judged as the unit's user.

#include "control/cli/cli_check_unit.h"
#include "shared/nic.h"

// Reads the unit into *u and reports its source; with `nics` also whether it may lock the memory
// that a NIC's IOMMU pins.
void check_service(const struct check *c, struct check_unit *u, bool nics);
// Checks one PCI port: its kernel driver, DPDK's driver, its IOMMU group, and which users may open
// it.
void check_nic(const struct check *c, const struct check_unit *u, const char *given);
