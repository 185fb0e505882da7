// The ring of one worker's signalling datagrams: copied in, in order, never waiting.

#include "dataplane/signalling/signalling_ring.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT 8u
#define SKIP UINT32_MAX // the rest up to the end of the memory is unused
#define OCTETS_MIN 4096u
#define OCTETS_MAX (1u << 30)

// Records lie whole, one behind the other; a datagram's octets follow its record.
struct record {
	uint32_t size; // octets to the next record, or SKIP
	uint32_t length;
	uint64_t time_ns;
	struct signalling_end source, destination;
	uint8_t protocol;
};

// Positions only grow; `mask` gives the place.
struct signalling_ring {
	uint8_t *at;
	uint64_t mask;
	alignas(64) _Atomic uint64_t head; // worker release, follower acquire: records are there
	uint64_t tail_seen;		   // the worker's
	_Atomic uint64_t full;		   // written by the worker alone, relaxed: a statistic
	alignas(64) _Atomic uint64_t tail; // follower release, worker acquire: room is free again
};

struct signalling_ring *signalling_ring_new(uint32_t octets)
{
	struct signalling_ring *r;
	uint64_t size = OCTETS_MIN;

	while (size < octets && size < OCTETS_MAX)
		size *= 2;
	if (size < octets)
		return NULL;
	r = aligned_alloc(alignof(struct signalling_ring), sizeof(*r));
	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->mask = size - 1;
	r->at = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->at == MAP_FAILED) {
		free(r);
		return NULL;
	}
	madvise(r->at, size, MADV_DONTDUMP); // subscribers' identities
	return r;
}

void signalling_ring_free(struct signalling_ring *r)
{
	if (!r)
		return;
	munmap(r->at, r->mask + 1);
	free(r);
}

static bool room(struct signalling_ring *r, uint64_t end)
{
	if (end - r->tail_seen <= r->mask + 1)
		return true;
	r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
	return end - r->tail_seen <= r->mask + 1;
}

static bool lost(struct signalling_ring *r)
{
	uint64_t full = atomic_load_explicit(&r->full, memory_order_relaxed);

	atomic_store_explicit(&r->full, full + 1, memory_order_relaxed);
	return false;
}

bool signalling_ring_push(struct signalling_ring *r, const struct signalling_packet *p)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t size = (sizeof(struct record) + (uint64_t)p->length + ALIGNMENT - 1) &
			~(uint64_t)(ALIGNMENT - 1);
	uint64_t to_end = r->mask + 1 - (head & r->mask);
	uint64_t skipped = size > to_end ? to_end : 0;

	if (size > r->mask || !room(r, head + skipped + size))
		return lost(r);
	if (skipped) { // to_end is a multiple of the alignment, so the mark fits
		memcpy(r->at + (head & r->mask), &(uint32_t){SKIP}, sizeof(uint32_t));
		head += skipped;
	}
	struct record *to = (struct record *)(void *)(r->at + (head & r->mask));
	to->size = (uint32_t)size;
	to->length = p->length;
	to->time_ns = p->time_ns;
	to->source = p->source;
	to->destination = p->destination;
	to->protocol = p->protocol;
	if (p->length)
		memcpy(to + 1, p->octets, p->length);
	atomic_store_explicit(&r->head, head + size, memory_order_release);
	return true;
}

// The record at the tail, past a skipped end; NULL when there is none.
static const struct record *oldest(struct signalling_ring *r, uint64_t *tail)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
	uint32_t size;

	*tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	if (*tail == head)
		return NULL;
	memcpy(&size, r->at + (*tail & r->mask), sizeof(size));
	if (size == SKIP) // a record follows: the mark is published together with it
		*tail += r->mask + 1 - (*tail & r->mask);
	return (const struct record *)(const void *)(r->at + (*tail & r->mask));
}

bool signalling_ring_peek(struct signalling_ring *r, struct signalling_packet *out)
{
	uint64_t tail;
	const struct record *from = oldest(r, &tail);

	if (!from)
		return false;
	*out = (struct signalling_packet){.time_ns = from->time_ns,
		.protocol = from->protocol,
		.source = from->source,
		.destination = from->destination,
		.octets = (const uint8_t *)(from + 1),
		.length = from->length};
	return true;
}

void signalling_ring_pop(struct signalling_ring *r)
{
	uint64_t tail;
	const struct record *from = oldest(r, &tail);

	if (from)
		atomic_store_explicit(&r->tail, tail + from->size, memory_order_release);
}

uint64_t signalling_ring_full(const struct signalling_ring *r)
{
	return atomic_load_explicit(&r->full, memory_order_relaxed);
}
