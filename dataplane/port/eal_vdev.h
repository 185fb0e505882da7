#pragma once

// The --vdev options of dataplane.eal, before the EAL creates their devices.

#include <stddef.h>

#include "dataplane/port/eal_arguments.h"

// Refuses devices that would block the start: INVALID with the reason in `why`. Logs a warning for
// devices that lose their peer. Removes socket files of an earlier process on which no process
// listens: net_memif and net_vhost fail to start over one, and the sandbox prevents a process from
// removing its own at the stop.
[[nodiscard]] int eal_vdev_prepare(const struct eal_arguments *a, char *why, size_t size);
