#pragma once

// How a capture and its rings look inside. For capture.c and capture_segment.c, the
// worker's side, and capture_ring.c, deliver's.

#include <stdalign.h>

#include "dataplane/capture/capture.h"

#define CAPTURE_LINE 64
#define READY_SIZE \
	(COPY_DESTINATIONS_MAX * COPY_KINDS * 2) // each ring is in it at most twice: see stream_cut

#define RINGS_MAX (COPY_DESTINATIONS_MAX * COPY_KINDS * 2) // with those that are being drained

// Lies in the box, where the next process reads the words that are not pointers.
struct copy_ring {
	// Written by the worker.
	struct capture *capture;
	struct segment *open; // NULL: none
	uint32_t open_copies; // descriptors written; those behind open->pushed are not published
	uint32_t open_end;    // octets written
	uint64_t quota;
	const struct copy_quota *shared; // NULL: none
	uint32_t max_pdu;
	uint32_t mask;	  // of `at`
	uint64_t touched; // burst number of the last push
	uint8_t minor;
	_Atomic uint32_t state;	 // enum box_state; the builder's, and FREE is delivery's
	uint32_t number;	 // its place, from 1
	uint32_t kept, kind;	 // see copy_ring_settings
	_Atomic uint32_t opened; // segments ever; worker release, deliver acquire
	// Single writer, relaxed readers; `pushed` release, for a next process that reads the
	// copies before it.
	_Atomic uint64_t offered, pushed, pushed_octets;
	_Atomic uint64_t lost[LOSS_COUNT];
	// Written by deliver, but `armed`, which the worker takes back.
	alignas(CAPTURE_LINE) _Atomic uint64_t
		released_octets; // deliver release, worker acquire: `at` is free
	_Atomic uint64_t released;
	_Atomic uint32_t returned; // segments given back; deliver release, worker acquire
	_Atomic uint32_t armed;
	_Atomic uint64_t accounted; // segment << 32 | copy: release, for the next process
	uint32_t deliver;
	void *owner;
	struct segment **at; // by sequence number
};

struct return_ring { // deliver -> worker, one per delivery thread and one of the builder's
	alignas(CAPTURE_LINE) _Atomic uint32_t head; // written by deliver, release; worker acquire
	_Atomic uint32_t cooled; // segments whose memory deliver gave back; relaxed, a sum
	alignas(CAPTURE_LINE) uint32_t tail; // the worker's own
	struct segment **at;
};

struct ready_queue { // worker -> deliver
	alignas(CAPTURE_LINE) _Atomic uint32_t
		head; // written by the worker, release; deliver acquire
	alignas(CAPTURE_LINE) _Atomic uint32_t tail; // deliver's own, relaxed
	struct copy_ring *at[READY_SIZE];
};

struct capture {
	struct capture_settings s;
	struct match_many *many;
	uint32_t n_segments;
	uint32_t n_free;
	uint32_t granted;	 // segments it may take before it asks the budget again
	_Atomic uint32_t warmed; // cold segments taken so far; the worker's, deliver reads relaxed
	uint32_t return_mask;
	uint32_t sweep_at;
	_Atomic uint32_t places; // of `ring`, no more were ever attached; the builder's, relaxed
	uint32_t n_touched;
	_Atomic uint32_t sweeping; // the worker looks at rings that no table may name any more
	uint64_t burst;		   // from 1: a new ring was touched in none
	struct copy_ring
		*touched[2 * PACKET_BURST * RULE_DESTINATIONS_MAX + 2 * RULE_DESTINATIONS_MAX];
	struct segment **free; // a stack: the segment used last is the warmest
	struct segment *segments;
	uint8_t *octets;
	uint32_t segments_used;			     // those ever taken are below; the worker's
	struct copy_ring *rings;		     // RINGS_MAX places
	uint32_t rings_used, rings_made, rings_next; // the builder's
	_Atomic uint32_t rings_freed;		     // by several threads
	uint32_t n_waiting;			     // rings of an earlier process
	struct return_ring back[CAPTURE_DELIVER_MAX + 1];
	struct ready_queue *ready; // n_deliver
	struct copy_ring *_Atomic ring[COPY_DESTINATIONS_MAX][COPY_KINDS];
};

// Every counter here has one writer; relaxed, because readers compare sums only at rest.
static inline void count(_Atomic uint64_t *to, uint64_t n)
{
	atomic_store_explicit(
		to, atomic_load_explicit(to, memory_order_relaxed) + n, memory_order_relaxed);
}

// The ring's owner is notified once; it asks again with copy_ring_arm. The caller has put a full
// fence between its last store to the ring and this look at `armed` (partner: copy_ring_arm).
static inline void ring_notify(struct capture *c, struct copy_ring *r)
{
	if (!atomic_load_explicit(&r->armed, memory_order_relaxed) ||
		!atomic_exchange_explicit(&r->armed, 0, memory_order_acq_rel))
		return;
	struct ready_queue *q = &c->ready[r->deliver];
	uint32_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
	q->at[head % READY_SIZE] = r;
	atomic_store_explicit(&q->head, head + 1, memory_order_release);
}

// Publishes what was written to the ring since the last time.
static inline void ring_publish(struct copy_ring *r)
{
	if (r->open)
		atomic_store_explicit(&r->open->pushed, r->open_copies, memory_order_release);
}

static inline void ring_close_segment(struct copy_ring *r)
{
	ring_publish(r);
	atomic_store_explicit(&r->open->closed, 1, memory_order_release);
	r->open = NULL;
}

// capture_ring.c: a place for a ring, zeroed but for its number; the caller sets LIVE. NULL when
// all are taken.
struct copy_ring *ring_place(struct capture *c);
// Room for the segments of a ring with this quota, and for those that it has. 0 or NOMEM.
int ring_room_make(struct copy_ring *r, uint64_t quota);

// capture_segment.c: takes a segment off the stack, which is not empty, with its octets.
struct segment *capture_take_segment(struct capture *c);
// Makes it the ring's newest.
void capture_put_segment(struct copy_ring *r, struct segment *s);
// A segment for the ring, with room for `size` octets. The loss, or -1.
int capture_open_segment(struct capture *c, struct copy_ring *r, size_t size);
