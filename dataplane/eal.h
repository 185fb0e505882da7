#pragma once

// DPDK's environment from the configuration.

#include <stddef.h>

#include "shared/config.h"

#define EAL_ARGUMENTS_MAX 128

struct eal_arguments {
	int n;
	char *argument[EAL_ARGUMENTS_MAX + 1]; // zero-terminated list
	char *text;			       // what the entries point into
};

// Splits as a shell does: blanks separate, '...' keeps everything, "..." knows \" and \\, a
// backslash outside quotes keeps the next character. Nothing is expanded and nothing is run. 0,
// NOMEM, SYNTAX (open quote) or TOO_LARGE. Free `text` afterwards.
[[nodiscard]] int eal_split(const char *line, struct eal_arguments *out);

// The worker cores and the main core of the configuration as --lcores=..., telemetry off, a file
// prefix of this runtime directory, and dataplane.eal, which wins where it says otherwise. On
// failure `why` says what to change. Call from the thread that is to be the main core.
[[nodiscard]] int eal_start(const struct config *config, char *why, size_t why_size);
void eal_stop(void);

// Writes why there is no port for the device: the cause, the EAL's own sentence where it said one,
// and what to type. `eal` is dataplane.eal.
void eal_why_no_port(const char *eal, const char *device, char *why, size_t size);

// The lcore that runs worker `worker`, or -1 when the EAL has too few.
int eal_worker_lcore(unsigned worker);

// Where the EAL has its own files, if it has any. Valid until eal_stop.
const char *eal_runtime_dir(void);
