#pragma once

// Packets on their way from the worker that received them to their owner: one producer, one
// consumer, one lane. Each side writes its own line and reads the other's only when its copy of
// that is used up.

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

struct handed {
	struct rte_mbuf *mbuf;
	uint64_t received_ns; // by the producer
};

struct handover_ring {
	_Alignas(64) uint32_t mask; // slots less one
	// The producer's line. Positions only grow and wrap.
	_Alignas(64) _Atomic uint32_t head; // producer release: what lies before it is there
	uint32_t next;			    // filled up to here, not published yet
	uint32_t tail_seen;
	_Atomic bool closed; // producer release: nothing comes any more
	// The consumer's.
	_Alignas(64) _Atomic uint32_t tail; // consumer release: what lies before it is free
	uint32_t head_seen;
	_Alignas(64) struct handed slot[];
};

// For `slots` packets, a power of two. NULL when out of memory.
struct handover_ring *handover_ring_new(uint32_t slots);
// Frees what is left in it. Both workers have ended.
void handover_ring_free(struct handover_ring *r);

// Producer. False: it is full, the packet stays the caller's.
static inline bool handover_ring_put(struct handover_ring *r, struct rte_mbuf *m, uint64_t ns)
{
	if (__builtin_expect(r->next - r->tail_seen > r->mask, 0)) {
		// Partner: the release in handover_ring_take, which has read the slots before.
		r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
		if (r->next - r->tail_seen > r->mask)
			return false;
	}
	r->slot[r->next++ & r->mask] = (struct handed){m, ns};
	return true;
}

// Producer: makes the packets put available. The producer's earlier writes are visible then, the
// time of its last signalling among them.
static inline void handover_ring_publish(struct handover_ring *r)
{
	// Partner: the acquire in handover_ring_end.
	atomic_store_explicit(&r->head, r->next, memory_order_release);
}

// Consumer: the position behind all that was published.
static inline uint32_t handover_ring_end(struct handover_ring *r)
{
	// Partner: the release in handover_ring_publish.
	r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
	return r->head_seen;
}

// Consumer: the position of the next packet.
static inline uint32_t handover_ring_at(const struct handover_ring *r)
{
	return atomic_load_explicit(&r->tail, memory_order_relaxed); // its own
}

// Consumer: takes at most `n` packets, in their order. They are its own then.
static inline unsigned handover_ring_take(
	struct handover_ring *r, struct rte_mbuf **mbufs, uint64_t *received_ns, unsigned n)
{
	uint32_t tail = handover_ring_at(r);

	if (r->head_seen == tail && handover_ring_end(r) == tail)
		return 0;
	uint32_t there = r->head_seen - tail;
	if (n > there)
		n = there;
	for (unsigned i = 0; i < n; i++) {
		const struct handed *h = &r->slot[(tail + i) & r->mask];
		mbufs[i] = h->mbuf;
		received_ns[i] = h->received_ns;
		__builtin_prefetch(h->mbuf);
	}
	// Partner: the acquire in handover_ring_put.
	atomic_store_explicit(&r->tail, tail + n, memory_order_release);
	return n;
}

// Producer, once: nothing comes any more.
static inline void handover_ring_close(struct handover_ring *r)
{
	// Partner: the acquire in handover_ring_ended.
	atomic_store_explicit(&r->closed, true, memory_order_release);
}

// Consumer: all that ever comes was taken.
static inline bool handover_ring_ended(struct handover_ring *r)
{
	// Partner: the release in handover_ring_close. The last head was published before it.
	return atomic_load_explicit(&r->closed, memory_order_acquire) &&
	       handover_ring_end(r) == handover_ring_at(r);
}
