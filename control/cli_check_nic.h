#pragma once

// `poi check` of NICs on PCI, judged as the unit's user.

#include "control/cli_check_unit.h"
#include "shared/nic.h"

// Reads the unit into *u and says what it is judged by; with `nics` also whether it may lock the
// memory that a NIC's IOMMU pins.
void check_service(const struct check *c, struct check_unit *u, bool nics);
// One port on PCI: its kernel driver, DPDK's driver, its IOMMU group, and who may open it.
void check_nic(const struct check *c, const struct check_unit *u, const char *given);
