#pragma once

// All writers of PDUs: a capture for each worker, one for the reporter behind them, and one for the
// functions where events are configured (legacy_writers).

#include "dataplane/capture/capture.h"
#include "shared/config.h"

struct writers {
	struct segment_budget *budget; // of the workers' captures
	struct capture *capture[SLOT_WRITERS_MAX];
	struct report_ring *report_ring[CONFIG_WORKERS_MAX]; // header digests on their way
};

struct writers_settings {
	const struct config *config;
	struct box *box; // NULL: nothing outlives the process
	struct task_counters *slots;
	uint64_t incarnation;
};

// The workers' part of delivery.buffer-total; before the box is planned. 0 or NOMEM.
[[nodiscard]] int writers_budget(struct writers *w, const struct config *c);
uint64_t writers_pool(const struct writers *w);			 // octets of each worker's
uint64_t writers_other_pool(const struct config_delivery *d);	 // of each of the others
// 0, NOMEM, or the error of an IPID with `why`.
[[nodiscard]] int writers_open(
	struct writers *w, const struct writers_settings *s, char *why, size_t why_size);
void writers_close(struct writers *w); // after all threads have stopped; of zeros as well
