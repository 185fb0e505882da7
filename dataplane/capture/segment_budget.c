// Counts the segments that the workers hold together.

#include "dataplane/capture/segment_budget.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/capture/capture.h"

#define GRANT_MAX \
	8u // segments: a worker that was granted many and is slow to take them takes old room

static struct segment_count *counts_new(uint32_t n)
{
	struct segment_count *c = aligned_alloc(SEGMENT_BUDGET_LINE, n * sizeof(*c));

	if (c)
		memset(c, 0, n * sizeof(*c));
	return c;
}

struct segment_budget *segment_budget_new(uint64_t octets, uint32_t n_workers, uint32_t n_deliver)
{
	uint64_t segments = octets / SEGMENT_SIZE;

	if (segments == 0 || segments > UINT32_MAX / 2 || n_workers == 0 || n_deliver == 0)
		return NULL;
	struct segment_budget *b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	*b = (struct segment_budget){.segments = (uint32_t)segments,
		.n_workers = n_workers,
		.n_deliver = n_deliver,
		.taken = counts_new(n_workers),
		.returned = counts_new(n_deliver)};
	if (b->taken && b->returned)
		return b;
	segment_budget_free(b);
	return NULL;
}

void segment_budget_free(struct segment_budget *b)
{
	if (!b)
		return;
	free(b->taken);
	free(b->returned);
	free(b);
}

static uint64_t sum(const struct segment_count *c, uint32_t n)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < n; i++)
		all += atomic_load_explicit(&c[i].n, memory_order_relaxed);
	return all;
}

uint32_t segment_budget_grant(const struct segment_budget *b)
{
	// Given back is read first: a segment that moves in between counts as taken.
	uint64_t returned = sum(b->returned, b->n_deliver);
	uint64_t held = sum(b->taken, b->n_workers) - returned;

	if (held >= b->segments)
		return 0;
	uint64_t room = b->segments - held;
	uint64_t part = room / b->n_workers;
	if (part == 0)
		return 1; // the last ones go to the first worker; all at once take one more each at
			  // most
	return part < GRANT_MAX ? (uint32_t)part : GRANT_MAX;
}
