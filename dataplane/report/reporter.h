#pragma once

// The one thread that counts and times summary reports: takes the header digests of
// all workers, keeps the flows, and writes the reports as X2 PDUs through a capture of its own, so
// that each sequence context has one writer. It sleeps while no task wants summaries.

#include "dataplane/capture/capture.h"
#include "dataplane/report/report_flow.h"

struct reporter_settings {
	struct report_ring *const *rings; // one per worker
	uint32_t n_rings;
	struct capture *capture; // its own
	uint32_t flows;
	uint64_t idle_ns;
};

struct reporter;

struct reporter *reporter_new(const struct reporter_settings *s); // NULL when out of memory
[[nodiscard]] int reporter_start(struct reporter *r);
// The workers have stopped: takes what they left, ends every flow with its last report. Before
// delivery stops.
void reporter_stop(struct reporter *r);
void reporter_free(struct reporter *r);

// Builder thread. A task that wants summaries is about to be published.
void reporter_join(struct reporter *r);
// It left; the grace period is over, so no digest of it will come. Its flows go on under
// t->successor, or end. `t` may be freed after the next reporter_wait.
void reporter_leave(struct reporter *r, struct x2_task *t);
// Returns when every task that left has had its last reports queued. At once when none did.
void reporter_wait(struct reporter *r);

struct report_flow_counts reporter_counts(struct reporter *r);
