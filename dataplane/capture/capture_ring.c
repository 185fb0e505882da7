// The side of the rings that delivery uses.

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dataplane/capture/capture_internal.h"

// A free one of the places that were used, or the next; RINGS_MAX: none.
static uint32_t free_place(struct capture *c)
{
	// Partner: copy_ring_free; one that is freed meanwhile is found the next time.
	uint32_t freed = atomic_load_explicit(&c->rings_freed, memory_order_acquire);

	for (uint32_t i = 0; c->rings_made - freed < c->rings_used && i < c->rings_used; i++) {
		uint32_t at = c->rings_next++ % c->rings_used;
		if (atomic_load_explicit(&c->rings[at].state, memory_order_acquire) == BOX_FREE)
			return at;
	}
	return c->rings_used < RINGS_MAX ? c->rings_used++ : RINGS_MAX;
}

struct copy_ring *ring_place(struct capture *c)
{
	uint32_t at = free_place(c);

	if (at == RINGS_MAX)
		return NULL;
	c->rings_made++;
	if (c->s.box)
		box_use(c->s.box, BOX_RINGS, c->s.worker, c->rings_used);
	struct copy_ring *r = &c->rings[at];
	memset(r, 0, sizeof(*r));
	r->capture = c;
	r->number = at + 1;
	r->armed = 1;
	return r;
}

int ring_room_make(struct copy_ring *r, uint64_t quota)
{
	uint32_t size = 4, opened = atomic_load_explicit(&r->opened, memory_order_relaxed);

	// Twice the segments that full ones would need: small bursts between sweeps close early.
	while ((size < 2 * (quota / SEGMENT_SIZE + 2) || size <= opened) && size < 1u << 30)
		size *= 2;
	struct segment **at = calloc(size, sizeof(struct segment *));
	if (!at)
		return POI_ERR_NOMEM;
	for (uint32_t i = 0; i < opened; i++)
		at[i] = r->at[i];
	free(r->at);
	r->at = at;
	r->mask = size - 1;
	return POI_OK;
}

// The ring of an earlier process that goes on as this one, or NULL.
static struct copy_ring *waiting(struct capture *c, const struct copy_ring_settings *s)
{
	for (uint32_t i = 0; c->n_waiting > 0 && i < c->rings_used; i++) {
		struct copy_ring *r = &c->rings[i];
		if (r->kept != s->kept || r->kind != (uint32_t)s->kind ||
			atomic_load_explicit(&r->state, memory_order_relaxed) != BOX_WAITING)
			continue;
		return r;
	}
	return NULL;
}

struct copy_ring *copy_ring_new(struct capture *c, const struct copy_ring_settings *s)
{
	struct copy_ring *old = waiting(c, s), *r = old;

	if (s->deliver >= c->s.n_deliver)
		return NULL;
	if (!r)
		r = ring_place(c);
	if (!r)
		return NULL;
	if (ring_room_make(r, s->quota)) {
		c->rings_made -=
			old == NULL; // the place is still free; an old one's content waits on
		return NULL;
	}
	c->n_waiting -= old != NULL;
	r->kept = s->kept;
	r->kind = (uint32_t)s->kind;
	r->quota = s->quota;
	r->shared = s->shared;
	if (s->shared)
		s->shared->ring[s->shared->n++] = r;
	r->max_pdu = s->max_pdu;
	r->minor = s->minor;
	r->deliver = s->deliver;
	r->owner = s->owner;
	atomic_store_explicit(&r->state, BOX_LIVE, memory_order_release);
	return r;
}

void capture_attach(struct capture *c, uint16_t destination, enum copy_kind k, struct copy_ring *r)
{
	uint32_t places = (destination + 1u) * COPY_KINDS;

	atomic_store_explicit(&c->ring[destination][k], r, memory_order_release);
	if (places > atomic_load_explicit(&c->places, memory_order_relaxed))
		atomic_store_explicit(
			&c->places, places, memory_order_relaxed); // the builder alone
}

void capture_detach(struct capture *c, uint16_t destination, enum copy_kind k)
{
	atomic_store_explicit(&c->ring[destination][k], NULL, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst); // pairs with sweep, which ends in a microsecond
	while (atomic_load_explicit(&c->sweeping, memory_order_acquire))
		sched_yield();
}

void copy_ring_free(struct copy_ring *r)
{
	if (!r)
		return;
	while (r->returned != r->opened)
		copy_ring_release_segment(r);
	free(r->at);
	r->at = NULL;
	struct capture *c = r->capture;
	atomic_store_explicit(&r->state, BOX_FREE, memory_order_release);
	// Partner: free_place.
	atomic_fetch_add_explicit(&c->rings_freed, 1, memory_order_release);
}

void *copy_ring_owner(const struct copy_ring *r)
{
	return r->owner;
}

uint64_t copy_ring_room(const struct copy_ring *r)
{
	uint64_t pool = (uint64_t)r->capture->n_segments * SEGMENT_SIZE;

	return r->quota < pool ? r->quota : pool;
}

uint32_t copy_ring_sharers(const struct copy_ring *r)
{
	return r->shared ? r->shared->n : 1;
}

struct copy_ring *capture_ready(struct capture *c, uint32_t deliver)
{
	struct ready_queue *q = &c->ready[deliver];
	uint32_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);

	if (tail == atomic_load_explicit(&q->head, memory_order_acquire))
		return NULL;
	struct copy_ring *r = q->at[tail % READY_SIZE];
	atomic_store_explicit(&q->tail, tail + 1, memory_order_relaxed);
	return r;
}

static bool has_unseen(struct copy_ring *r, uint32_t seen_segment, uint32_t seen_copies)
{
	struct segment *s = copy_ring_segment(r, seen_segment);

	return s && (atomic_load_explicit(&s->closed, memory_order_acquire) ||
			    atomic_load_explicit(&s->pushed, memory_order_acquire) != seen_copies);
}

bool copy_ring_arm(struct copy_ring *r, uint32_t seen_segment, uint32_t seen_copies)
{
	atomic_store_explicit(&r->armed, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst); // pairs with publish_touched and sweep
	if (!has_unseen(r, seen_segment, seen_copies))
		return true;
	// When the worker was faster the ring already stands in the ready queue.
	return !atomic_exchange_explicit(&r->armed, 0, memory_order_acq_rel);
}

struct segment *copy_ring_segment(struct copy_ring *r, uint32_t sequence)
{
	uint32_t opened = atomic_load_explicit(&r->opened, memory_order_acquire);

	return (int32_t)(opened - sequence) > 0 ? r->at[sequence & r->mask] : NULL;
}

// A worker that was lent more than its share gives the memory back with the segment: else the pools
// of all workers would in time hold the cap each.
static void cool(struct capture *c, struct return_ring *b, struct segment *s)
{
	uint32_t cooled = 0;

	for (uint32_t i = 0; i <= c->s.n_deliver; i++)
		cooled += atomic_load_explicit(&c->back[i].cooled, memory_order_relaxed);
	if (atomic_load_explicit(&c->warmed, memory_order_relaxed) - cooled <=
			segment_budget_share(c->s.budget) ||
		(c->s.box ? box_punch(c->s.box, s->octets, SEGMENT_SIZE)
			  : madvise(s->octets, SEGMENT_SIZE, MADV_DONTNEED_LOCKED)))
		return;
	s->warm = false;
	atomic_store_explicit(&b->cooled,
		atomic_load_explicit(&b->cooled, memory_order_relaxed) + 1, memory_order_relaxed);
}

void copy_ring_give_back(struct copy_ring *r, struct segment *s)
{
	struct return_ring *b = &r->capture->back[r->deliver];
	uint32_t head = atomic_load_explicit(&b->head, memory_order_relaxed);

	// Partner: the next process, which takes it for none of the ring's any more.
	atomic_store_explicit(&s->ring, 0, memory_order_release);
	if (r->capture->s.budget)
		cool(r->capture, b, s);
	b->at[head & r->capture->return_mask] = s;
	atomic_store_explicit(&b->head, head + 1, memory_order_release);
	if (r->capture->s.budget)
		segment_budget_count(&r->capture->s.budget->returned[r->deliver]);
}

void copy_ring_forget(struct copy_ring *r, uint32_t n)
{
	uint32_t returned = atomic_load_explicit(&r->returned, memory_order_relaxed);

	atomic_store_explicit(&r->returned, returned + n, memory_order_release);
}

void copy_ring_release_segment(struct copy_ring *r)
{
	uint32_t returned = atomic_load_explicit(&r->returned, memory_order_relaxed);

	copy_ring_give_back(r, r->at[returned & r->mask]);
	copy_ring_forget(r, 1);
}

void copy_ring_accounted(struct copy_ring *r, uint32_t segment, uint32_t copy)
{
	// Partner: the next process.
	atomic_store_explicit(&r->accounted, (uint64_t)segment << 32 | copy, memory_order_release);
}

void copy_ring_release(struct copy_ring *r, uint64_t octets, uint64_t copies)
{
	count(&r->released_octets, octets);
	count(&r->released, copies);
}

static uint64_t load(const _Atomic uint64_t *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

void copy_ring_counts(const struct copy_ring *r, struct copy_ring_counts *add)
{
	add->offered += load(&r->offered);
	for (int i = 0; i < LOSS_COUNT; i++)
		add->lost[i] += load(&r->lost[i]);
	// Released first: a copy released in between must not make `queued` negative.
	uint64_t released = load(&r->released), released_octets = load(&r->released_octets);
	add->released += released;
	add->pushed += load(&r->pushed);
	add->queued_octets += load(&r->pushed_octets) - released_octets;
}
