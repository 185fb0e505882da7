#pragma once

// The only for(;;) of a core. Per loop: poll every lane, take what others have handed over, quiescent
// state, snapshot when asked.

#include <stdatomic.h>
#include <stdint.h>

#include "dataplane/capture/capture.h"
#include "dataplane/worker/clock.h"
#include "dataplane/match/table_rcu.h"
#include "dataplane/port/port.h"
#include "dataplane/worker/stats.h"
#include "dataplane/worker/handover.h"
#include "dataplane/worker/holdback.h"
#include "dataplane/worker/worker_fragments.h"

// Filled by main before the launch, the worker's own afterwards. It writes here in every loop: two
// workers in an array share no cache line, nor the pair of lines that a CPU fetches at once.
#define WORKER_LINES 128

struct worker {
	// Behind these lie those from which it is handed packets.
	_Alignas(WORKER_LINES) const struct lane *lanes;
	uint32_t n_lanes;
	uint32_t idle_sleep_us; // 0: spin
	struct table_rcu *table_rcu;
	const struct clock *clock;
	struct capture *capture;
	struct worker_fragments *fragments;
	struct signalling_tap *tap; // NULL: no lane shows signalling
	struct holdback *holdback;  // with `tap`
	struct handover_worker *handover; // NULL: nothing is handed to it or by it
	const struct stats *stats;
	struct worker_stats *counters;
	const _Atomic bool *stop;
	uint64_t busy_from; // cycles at this loop's first burst, 0: none yet
	uint64_t last_ns;   // time never goes backwards on one worker
};

_Static_assert(sizeof(struct worker) % WORKER_LINES == 0, "the next worker begins on its own line");

// An lcore function: runs until *stop; `argument` is a struct worker.
int worker_run(void *argument);
