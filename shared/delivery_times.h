#pragma once

// Time of copies from the port to their mediation function's acknowledgement: a histogram with the
// bounds of the metric. Each copy is in it; their sum is one of times taken for evenly spread
// between those that were sampled. One writer; any thread may read (relaxed: values may be a moment
// apart).

#include <stdint.h>

#define DELIVERY_BOUNDS 16
#define DELIVERY_KINDS 2 // X2, X3

struct delivery_times {
	uint64_t sum_ns;
	uint64_t within[DELIVERY_BOUNDS + 1]; // [i]: above bound i - 1 and up to bound i; the last: beyond all
};

// Upper bound `at` in nanoseconds, from 100 us to 10 minutes; ascending.
static inline uint64_t delivery_bound(unsigned at)
{
	static const uint64_t bounds[DELIVERY_BOUNDS] = {100000, 250000, 500000, 1000000, 2500000,
		5000000, 10000000, 50000000, 100000000, 250000000, 500000000, 1000000000,
		2500000000, 10000000000, 60000000000, 600000000000};

	return bounds[at];
}

// The place in `within` of a time, looked for from the place `near` on.
static inline unsigned delivery_place(uint64_t ns, unsigned near)
{
	while (near < DELIVERY_BOUNDS && ns > delivery_bound(near))
		near++;
	while (near > 0 && ns <= delivery_bound(near - 1))
		near--;
	return near;
}

// Notes `n` times of one place and what they sum up to; the writer's own.
static inline void delivery_times_note(
	struct delivery_times *t, unsigned place, uint64_t n, uint64_t sum_ns)
{
	__atomic_store_n(&t->within[place], t->within[place] + n, __ATOMIC_RELAXED);
	__atomic_store_n(&t->sum_ns, t->sum_ns + sum_ns, __ATOMIC_RELAXED);
}

static inline void delivery_times_add(struct delivery_times *to, const struct delivery_times *from)
{
	to->sum_ns += __atomic_load_n(&from->sum_ns, __ATOMIC_RELAXED);
	for (unsigned i = 0; i <= DELIVERY_BOUNDS; i++)
		to->within[i] += __atomic_load_n(&from->within[i], __ATOMIC_RELAXED);
}
