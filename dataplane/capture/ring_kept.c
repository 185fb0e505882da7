// Reads an earlier process's rings out of its box, and takes them over.

#include "dataplane/capture/ring_kept.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/capture/capture_internal.h"
#include "shared/channel.h"

struct reading {
	const struct copy_ring *ring;
	const struct segment *segment;
	const uint8_t *octets;
	uint64_t n_rings, n_segments;
};

// True for segments that a ring still has: those marked as its own, opened and not accounted for.
static bool is_held(const struct reading *b, const struct segment *s)
{
	uint32_t number = atomic_load_explicit(&s->ring, memory_order_acquire);

	if (number == 0 || number > b->n_rings)
		return false;
	const struct copy_ring *r = &b->ring[number - 1];
	if (atomic_load_explicit(&r->state, memory_order_acquire) == BOX_FREE)
		return false;
	uint32_t opened = atomic_load_explicit(&r->opened, memory_order_acquire);
	uint32_t from = (uint32_t)(atomic_load_explicit(&r->accounted, memory_order_acquire) >> 32);
	return s->sequence - from < opened - from;
}

// Copies of a segment: of one that is not closed, those that its ring has counted.
static uint32_t copies_of(const struct copy_ring *r, const struct segment *s)
{
	uint64_t n = atomic_load_explicit(&s->closed, memory_order_acquire)
			     ? atomic_load_explicit(&s->pushed, memory_order_acquire)
			     : atomic_load_explicit(&r->pushed, memory_order_acquire) - s->first;

	return n <= SEGMENT_COPIES ? (uint32_t)n : 0;
}

static bool has_order(const struct segment *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (s->copy[i].end > SEGMENT_SIZE || (i > 0 && s->copy[i].end < s->copy[i - 1].end))
			return false;
	return true;
}

static int by_ring(const void *a, const void *b)
{
	const struct kept_segment *x = a, *y = b;
	uint32_t rx = atomic_load_explicit(&x->segment->ring, memory_order_relaxed);
	uint32_t ry = atomic_load_explicit(&y->segment->ring, memory_order_relaxed);

	if (rx != ry)
		return rx < ry ? -1 : 1;
	return (int32_t)(x->sequence - y->sequence) < 0 ? -1 : 1;
}

// All that are held, in their order. NULL: no memory.
static struct kept_segment *collect(const struct reading *b, uint32_t *n)
{
	struct kept_segment *all = malloc((b->n_segments + 1) * sizeof(*all));

	*n = 0;
	for (uint64_t i = 0; all && i < b->n_segments; i++) {
		const struct segment *s = &b->segment[i];
		if (!is_held(b, s))
			continue;
		const struct copy_ring *r =
			&b->ring[atomic_load_explicit(&s->ring, memory_order_relaxed) - 1];
		uint64_t accounted = atomic_load_explicit(&r->accounted, memory_order_acquire);
		struct kept_segment k = {.segment = s,
			.octets = b->octets + i * SEGMENT_SIZE,
			.to = copies_of(r, s),
			.sequence = s->sequence};
		if (s->sequence == (uint32_t)(accounted >> 32))
			k.from = (uint32_t)accounted;
		if (k.from < k.to && has_order(s, k.to))
			all[(*n)++] = k;
	}
	if (all && *n > 0)
		qsort(all, *n, sizeof(*all), by_ring);
	return all;
}

static void read_ring(const struct copy_ring *r, struct kept_ring *out)
{
	uint64_t lost = 0;

	out->kept = r->kept;
	out->kind = r->kind == COPY_X2 ? COPY_X2 : COPY_X3;
	// In the order in which a worker counts: what it offers ends as pushed or lost.
	uint64_t pushed = atomic_load_explicit(&r->pushed, memory_order_acquire);
	for (int i = 0; i < LOSS_COUNT; i++) {
		out->lost[i] = atomic_load_explicit(&r->lost[i], memory_order_relaxed);
		lost += out->lost[i];
	}
	out->offered = atomic_load_explicit(&r->offered, memory_order_relaxed);
	out->making = out->offered > pushed + lost ? out->offered - pushed - lost : 0;
}

int kept_rings(const struct box *old, uint32_t writer, kept_each each, void *context)
{
	uint32_t n, next = 0;
	struct reading b = {0};

	b.ring = box_part(old, BOX_RINGS, writer, sizeof(*b.ring), &b.n_rings);
	b.segment = box_part(old, BOX_SEGMENTS, writer, sizeof(*b.segment), &b.n_segments);
	b.octets = box_part(old, BOX_OCTETS, writer, SEGMENT_SIZE, NULL);
	if (!b.ring || !b.segment || !b.octets)
		return POI_ERR_INVALID;
	struct kept_segment *all = collect(&b, &n);
	if (!all)
		return POI_ERR_NOMEM;
	for (uint32_t i = 0; i < b.n_rings; i++) {
		struct kept_ring k = {.segment = &all[next]};
		for (; next < n && atomic_load_explicit(
					   &all[next].segment->ring, memory_order_relaxed) == i + 1;
			next++)
			k.n++;
		if (atomic_load_explicit(&b.ring[i].state, memory_order_acquire) == BOX_FREE)
			continue;
		read_ring(&b.ring[i], &k);
		each(context, &k);
	}
	free(all);
	return POI_OK;
}

struct copy_ring *capture_wait(struct capture *c, uint32_t kept, enum copy_kind k)
{
	for (uint32_t i = 0; i < c->rings_used; i++)
		if (c->rings[i].kept == kept && c->rings[i].kind == (uint32_t)k &&
			atomic_load_explicit(&c->rings[i].state, memory_order_relaxed) ==
				BOX_WAITING)
			return &c->rings[i];
	struct copy_ring *r = ring_place(c);
	if (!r)
		return NULL;
	r->kept = kept;
	r->kind = (uint32_t)k;
	r->deliver = c->s.n_deliver; // the builder gives back what it gives up
	r->quota = UINT64_MAX;
	c->n_waiting++;
	atomic_store_explicit(&r->state, BOX_WAITING, memory_order_release);
	return r;
}

struct copy_ring *capture_waiting(struct capture *c)
{
	for (uint32_t i = 0; c->n_waiting > 0 && i < c->rings_used; i++)
		if (atomic_load_explicit(&c->rings[i].state, memory_order_relaxed) == BOX_WAITING)
			return &c->rings[i];
	return NULL;
}

void copy_ring_give_up(struct copy_ring *r)
{
	r->capture->n_waiting--;
	copy_ring_free(r);
}

int copy_ring_take_over(struct copy_ring *r, const struct kept_segment *k, const uint32_t *slot)
{
	struct capture *c = r->capture;
	uint32_t start = k->from ? k->segment->copy[k->from - 1].end : 0, n = k->to - k->from;
	uint32_t octets = k->segment->copy[k->to - 1].end - start;
	uint32_t opened = atomic_load_explicit(&r->opened, memory_order_relaxed);

	if (c->n_free == 0 || (c->s.budget && segment_budget_grant(c->s.budget) == 0))
		return POI_ERR_NOMEM;
	if ((!r->at || opened > r->mask) && ring_room_make(r, (uint64_t)opened * SEGMENT_SIZE))
		return POI_ERR_NOMEM;
	if (c->s.budget)
		segment_budget_count(&c->s.budget->taken[c->s.worker]);
	struct segment *s = capture_take_segment(c);
	memcpy(s->octets, k->octets + start, octets);
	for (uint32_t i = 0; i < n; i++) {
		const struct copy_descriptor *d = &k->segment->copy[k->from + i];
		s->copy[i] = (struct copy_descriptor){d->end - start, slot[d->slot], d->payload};
	}
	atomic_store_explicit(&s->pushed, n, memory_order_relaxed);
	atomic_store_explicit(&s->closed, 1, memory_order_relaxed);
	s->sent = 0;
	capture_put_segment(r, s);
	count(&r->pushed_octets, octets);
	count(&r->pushed, n);
	count(&r->offered, n);
	return POI_OK;
}

void copy_ring_inherit(struct copy_ring *r, const uint64_t *lost)
{
	for (int i = 0; i < LOSS_COUNT; i++) {
		count(&r->lost[i], lost[i]);
		count(&r->offered, lost[i]);
	}
}

void capture_waiting_counts(const struct capture *c, uint32_t kept, struct copy_ring_counts *add)
{
	for (uint32_t i = 0; c->n_waiting > 0 && i < c->rings_used; i++)
		if (c->rings[i].kept == kept && atomic_load_explicit(&c->rings[i].state,
							memory_order_relaxed) == BOX_WAITING)
			copy_ring_counts(&c->rings[i], add);
}

uint32_t copy_ring_kept(const struct copy_ring *r)
{
	return r->kept;
}
