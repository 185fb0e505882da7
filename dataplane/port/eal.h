#pragma once

// DPDK's environment from the configuration.

#include <stddef.h>

#include "dataplane/port/placement.h"
#include "shared/config.h"

// The worker cores and the main core of the configuration as --lcores=..., telemetry off, a file
// prefix of this runtime directory, and dataplane.eal, which wins where it says otherwise. On
// failure `why` says what to change. Call from the thread that is to be the main core: it, the
// EAL's helper threads and those that it starts afterwards run on the control CPUs of `placed`,
// which is filled.
[[nodiscard]] int eal_start(
	const struct config *config, struct placement *placed, char *why, size_t why_size);
void eal_stop(void);

// Writes why there is no port for the device: the cause, the EAL's own sentence if any, and the
// command that helps. `eal` is dataplane.eal.
void eal_why_no_port(const char *eal, const char *device, char *why, size_t size);

// The lcore that runs worker `worker`, or -1 when the EAL has too few.
int eal_worker_lcore(unsigned worker);

// Names the calling thread after the worker that its lcore is.
void eal_name_worker(void);

// Where the EAL has its own files, if it has any. Valid until eal_stop.
const char *eal_runtime_dir(void);
