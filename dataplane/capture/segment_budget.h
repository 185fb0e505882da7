#pragma once

// Bounds the segments that the workers of a process may hold together: one cap for all, whichever
// worker needs them. Each worker maps a pool as large as the cap and touches the part that it uses;
// the rest is for the others. No line here has two writers: a worker counts segments taken, a
// delivery thread those given back, and a worker that takes one reads the others' lines.

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "shared/config.h"

#define SEGMENT_BUDGET_LINE 64

struct segment_count {
	alignas(SEGMENT_BUDGET_LINE) _Atomic uint64_t n; // one writer; relaxed, as sums only
};

struct segment_budget {
	uint32_t segments; // the cap
	uint32_t n_workers, n_deliver;
	struct segment_count *taken;	// n_workers: segments ever taken, by worker
	struct segment_count *returned; // n_deliver: segments ever given back, by delivery thread
};

// For `octets` of segments. NULL when out of memory or when that is less than a segment.
struct segment_budget *segment_budget_new(uint64_t octets, uint32_t n_workers, uint32_t n_deliver);
void segment_budget_free(struct segment_budget *b); // after those that use it; NULL allowed

// Worker: how many segments it may take before it asks again; 0: none is free. What all workers
// were granted at one moment is never more than what was free then.
uint32_t segment_budget_grant(const struct segment_budget *b);

static inline void segment_budget_count(struct segment_count *c)
{
	atomic_store_explicit(
		&c->n, atomic_load_explicit(&c->n, memory_order_relaxed) + 1, memory_order_relaxed);
}

// An even share: what a worker may keep touched.
static inline uint32_t segment_budget_share(const struct segment_budget *b)
{
	return b->segments / b->n_workers;
}
