#pragma once

// STATUS and the ledger's self-check: snapshots of the workers, the ports' counters,
// the slots' sums and delivery's own sums, compared with each other.

#include "dataplane/builder/builder.h"
#include "dataplane/port/port.h"
#include "dataplane/worker/stats.h"
#include "dataplane/port/debounce.h"
#include "shared/cpu_plan.h"

struct status_sources {
	struct stats *stats;
	struct ports *ports;
	const struct task_counters_owner *counters;
	const struct deliver *deliver;
	const struct follower *follower; // NULL: neither signalling nor events are followed
	const struct functions *functions; // NULL: no events are configured
	const struct cpu_plan *cpus;
	uint64_t cycles_hz; // of the workers' cycle counter
};

// Fills packets, copies, balanced, workers, ports and port[]. `balanced`: every frame received has
// an outcome, every copy that the workers owe is acknowledged, lost, in doubt or on a ring by
// delivery's own count. Returns true if every worker answered, that is, moved.
bool status_collect(const struct status_sources *s, struct channel_status *out);

// Fills workers and worker[] for as long as they have run, then the ports' side.
void status_workers(
	const struct status_sources *s, uint64_t running_ns, struct channel_workers *out);

// Fills the counters of signalling; all 0 without a follower.
void status_signalling(const struct status_sources *s, const struct builder *builder,
	struct channel_signalling *out);

// Takes the result of one check; EVENT_LEDGER_FAULT when the difference stayed, EVENT_LEDGER_CLEAR,
// or 0 when nothing changed.
int ledger_debounce(struct debounce *w, bool balanced);
