#pragma once

// Header digests of matched packets on their way from one worker to the reporter: one producer, one
// consumer, fixed records of a cache line.

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/capture/header_report.h"

struct x2_task;

struct header_digest {
	const struct x2_task *task;
	uint64_t time_ns; // receive time of the burst
	struct header_facts facts;
};
static_assert(sizeof(struct header_digest) == 64, "one cache line each");

struct report_ring {
	struct header_digest *at;
	uint32_t mask;
	alignas(64) _Atomic uint32_t head; // worker release, reporter acquire
	uint32_t written;		   // the worker's own: not published yet
	uint32_t tail_seen;
	alignas(64) _Atomic uint32_t tail; // reporter release, worker acquire: places are free
};

// `records`: a power of two. NULL when out of memory.
struct report_ring *report_ring_new(uint32_t records);
void report_ring_free(struct report_ring *r);

// Worker: the place for the next digest, or NULL when the ring is full. Published together with
// others by report_ring_publish.
static inline struct header_digest *report_ring_next(struct report_ring *r)
{
	if (r->written - r->tail_seen > r->mask) {
		r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
		if (r->written - r->tail_seen > r->mask)
			return NULL;
	}
	return &r->at[r->written++ & r->mask];
}

static inline void report_ring_publish(struct report_ring *r)
{
	if (atomic_load_explicit(&r->head, memory_order_relaxed) != r->written)
		atomic_store_explicit(&r->head, r->written, memory_order_release);
}
