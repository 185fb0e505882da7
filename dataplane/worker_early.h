#pragma once

// The gap at a session's start: user packets can follow the message that shows their tunnel by less
// time than it takes until that is in force. While tasks by session exist, and for a moment after
// any signalling was heard, a worker keeps references to the tunnelled packets that no bound rule
// took, in a bounded ring, and matches them again when the table has changed: only against bound
// rules that were not in the table that saw them first, and that hold since the packet was received
// or before. Without such tasks nothing is kept and nothing is looked at.

#include "dataplane/worker_fragments.h"

struct worker_early;

struct worker_early_settings {
	const struct lane *lanes;	    // stay the caller's
	struct signalling_tap *const *taps; // of all workers
	uint32_t n_taps;
	uint32_t packets; // held at most: references to packet buffers
	uint64_t age_ns;
};

// NULL when out of memory.
struct worker_early *worker_early_new(const struct worker_early_settings *s);
void worker_early_free(struct worker_early *e); // the worker has ended, nothing is held

// Whether packets received now are worth holding.
bool worker_early_open(const struct worker_early *e, const struct table *t, uint64_t now_ns);
// A burst of lane `lane` that was matched with scene->table; `taken`: packets that a bound rule
// took.
void worker_early_hold(struct worker_early *e, uint32_t lane, const struct worker_scene *scene,
	const struct packet_view *views, struct rte_mbuf **mbufs, uint32_t n, uint32_t taken);

bool worker_early_waiting(const struct worker_early *e);
// Matches again where the table has changed, and gives up what has waited for too long; `all`:
// everything.
void worker_early_tend(struct worker_early *e, const struct worker_scene *scene, bool all);
