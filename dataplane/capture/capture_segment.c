// Segments for the worker's rings: from its pool, within the quota of the destination and the
// budget of all workers.

#include "dataplane/capture/capture_internal.h"
#include "shared/channel.h"

#define SWEEP 64 // rings looked at when segments are short

static void warm(struct capture *c, struct segment *s)
{
	if (s->warm)
		return;
	s->warm = true;
	atomic_store_explicit(&c->warmed,
		atomic_load_explicit(&c->warmed, memory_order_relaxed) + 1, memory_order_relaxed);
}

struct segment *capture_take_segment(struct capture *c)
{
	struct segment *s = c->free[--c->n_free];
	uint32_t number = (uint32_t)(s - c->segments);

	s->octets = c->octets + (size_t)number * SEGMENT_SIZE;
	if (number >= c->segments_used) {
		c->segments_used = number + 1;
		if (c->s.box)
			box_use(c->s.box, BOX_SEGMENTS, c->s.worker, c->segments_used);
	}
	warm(c, s);
	return s;
}

void capture_put_segment(struct copy_ring *r, struct segment *s)
{
	uint32_t opened = atomic_load_explicit(&r->opened, memory_order_relaxed);

	s->sequence = opened;
	s->first = atomic_load_explicit(&r->pushed, memory_order_relaxed);
	atomic_store_explicit(&s->ring, r->number, memory_order_release);
	r->at[opened & r->mask] = s;
	atomic_store_explicit(&r->opened, opened + 1, memory_order_release);
}

// Collects segments that delivery threads have given back; true when there is a free segment now.
static bool refill(struct capture *c)
{
	for (uint32_t i = 0; i <= c->s.n_deliver; i++) {
		struct return_ring *b = &c->back[i];
		uint32_t head = atomic_load_explicit(&b->head, memory_order_acquire);
		for (; b->tail != head; b->tail++)
			c->free[c->n_free++] = b->at[b->tail & c->return_mask];
	}
	return c->n_free > 0;
}

// The pool is empty: segments that lie open, wholly delivered, with destinations that have gone
// quiet are closed, so that deliver gives them back. A bounded look each time.
static void sweep(struct capture *c)
{
	struct copy_ring *closed[SWEEP];
	unsigned n = 0;

	// Pairs with capture_detach, which waits for the end of a sweep that may have seen the
	// ring.
	atomic_store_explicit(&c->sweeping, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	// Rings attached since this look are younger than any that could lie idle.
	uint32_t places = atomic_load_explicit(&c->places, memory_order_relaxed);
	for (unsigned i = 0; i < SWEEP && i < places; i++) {
		uint32_t at = c->sweep_at++ % places;
		struct copy_ring *r = atomic_load_explicit(
			&c->ring[at / COPY_KINDS][at % COPY_KINDS], memory_order_acquire);
		if (!r || !r->open ||
			atomic_load_explicit(&r->released, memory_order_relaxed) !=
				atomic_load_explicit(&r->pushed, memory_order_relaxed))
			continue;
		ring_close_segment(r);
		closed[n++] = r;
	}
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < n; i++)
		ring_notify(c, closed[i]);
	atomic_store_explicit(&c->sweeping, 0, memory_order_release);
}

// Sums the octets in the rings of all workers for the destination and kind. Lines of other workers
// are read, once a segment.
static uint64_t queued_together(const struct copy_quota *q)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < q->n; i++) {
		const struct copy_ring *r = q->ring[i];
		// Released first: what is pushed and released in between must not make it negative.
		uint64_t released = atomic_load_explicit(&r->released_octets, memory_order_acquire);
		sum += atomic_load_explicit(&r->pushed_octets, memory_order_relaxed) - released;
	}
	return sum;
}

// The budget of all workers has a segment for this one. Half of its share it may leave lying open
// with destinations that have gone quiet; beyond that it closes some with each that it takes, for
// the others.
static bool take_from_budget(struct capture *c)
{
	struct segment_budget *b = c->s.budget;

	if (!b)
		return true;
	if (c->n_segments - c->n_free > segment_budget_share(b) / 2)
		sweep(c);
	if (c->granted == 0)
		c->granted = segment_budget_grant(b);
	if (c->granted == 0)
		return false;
	c->granted--;
	segment_budget_count(&b->taken[c->s.worker]);
	return true;
}

int capture_open_segment(struct capture *c, struct copy_ring *r, size_t size)
{
	uint32_t opened = atomic_load_explicit(&r->opened, memory_order_relaxed);

	if (opened - atomic_load_explicit(&r->returned, memory_order_acquire) > r->mask ||
		(r->shared && queued_together(r->shared) + size > r->quota))
		return LOSS_BUFFER_FULL;
	// Each time, not only when the stack is empty: else every segment of the pool would be
	// touched before one is used again, and memory and cache with it.
	if (!refill(c) || !take_from_budget(c)) {
		sweep(c);
		return LOSS_NO_MEMORY;
	}
	struct segment *s = capture_take_segment(c);
	atomic_store_explicit(&s->pushed, 0, memory_order_relaxed);
	atomic_store_explicit(&s->closed, 0, memory_order_relaxed);
	s->sent = 0; // published with the segment
	r->open = s;
	r->open_copies = 0;
	r->open_end = 0;
	capture_put_segment(r, s);
	return -1;
}
