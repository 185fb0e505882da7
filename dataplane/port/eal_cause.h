#pragma once

// Why the EAL has no port for a device, or does not start: from what it logged and what /sys shows.

#include <stddef.h>

struct eal_story {
	const char *root; // whose /sys; "" but in tests
	const char *log;  // what the EAL logged
	const char *eal;  // dataplane.eal
	const char *user; // the user of this process
};

// Writes "CAUSE (the EAL: "its own sentence"); what to type".
void eal_cause_of_port(const struct eal_story *s, const char *device, char *why, size_t size);
// The same for an EAL that did not start; `error` is its own word for it.
void eal_cause_of_start(const struct eal_story *s, const char *error, char *why, size_t size);
