#pragma once

// Stable places beside the tables: a republished table never resets a number.
//   slot     one per task: its counters, one set per worker (single writer: that worker)
//   context  one per sequence context (X2|X3, header XID, correlation ID), reference-counted by its
//            tasks; one number per worker, because each worker has its own IPID (decision 15)
// Chunks are allocated by the builder thread and never move. A chunk's pointer is stored with
// release before the table that names a slot in it is published; workers load it relaxed after they
// loaded that table (ordered by live's publication).

#include <stdatomic.h>
#include <stdint.h>

#include "dataplane/capture/box.h"
#include "shared/config.h"
#include "shared/ids.h"
#include "shared/ledger.h"

#define SLOT_CHUNK_BITS 12
#define SLOT_CHUNK (1u << SLOT_CHUNK_BITS)
#define SLOT_WRITERS_MAX (CONFIG_WORKERS_MAX + 2) // the workers, the reporter, the functions
#define SLOT_CHUNKS_MAX 512 // 2,097,152 tasks
#define BOUND_PLACES 16384u // bound rules whose packets are counted apart; more share places

// Written by one worker only, plain stores; others read with relaxed atomics (64-bit, no tearing).
struct slot_counters {
	uint64_t matched;
	uint64_t offered;
	uint64_t lost[LOSS_COUNT];     // losses at the worker; deliver counts its own
	uint64_t x2_octets, x3_octets; // payload octets matched
	uint64_t cut;                  // of offered: with what the mirror left of the packet
	uint64_t last_ns;
};

struct task_counters_worker { // one per worker
	struct slot_counters *_Atomic counters[SLOT_CHUNKS_MAX];
	uint32_t *_Atomic sequence[SLOT_CHUNKS_MAX];
	_Atomic uint64_t bound_ns[BOUND_PLACES]; // by rule.binding: its last packet
};

struct task_counters {
	uint32_t n_workers;
	struct task_counters_worker *worker[SLOT_WRITERS_MAX];
};

static inline struct slot_counters *slot_counters_of(struct task_counters_worker *w, uint32_t slot)
{
	struct slot_counters *chunk =
		atomic_load_explicit(&w->counters[slot >> SLOT_CHUNK_BITS], memory_order_relaxed);
	return &chunk[slot & (SLOT_CHUNK - 1)];
}

// A packet received at `ns` was taken by a bound rule. Single writer; relaxed: a hint for operators.
static inline void slot_bound_hit(struct task_counters_worker *w, uint32_t binding, uint64_t ns)
{
	atomic_store_explicit(&w->bound_ns[binding % BOUND_PLACES], ns, memory_order_relaxed);
}

// The next sequence number's place; single writer, so plain ++.
static inline uint32_t *slot_sequence_of(struct task_counters_worker *w, uint32_t context)
{
	uint32_t *chunk = atomic_load_explicit(
		&w->sequence[context >> SLOT_CHUNK_BITS], memory_order_relaxed);
	return &chunk[context & (SLOT_CHUNK - 1)];
}

struct task_counters_owner; // allocation state; builder thread only

struct task_counters_owner *task_counters_new(uint32_t n_workers);
// Plans the parts in a box, and uses them from now on: before the first slot is taken.
void task_counters_plan(struct box_plan *p, uint32_t n_workers);
void task_counters_box(struct task_counters_owner *o, struct box *b);
void task_counters_free(struct task_counters_owner *o);
struct task_counters *task_counters_of(struct task_counters_owner *o);

// A zeroed slot (all workers). 0, NOMEM or LIMIT.
[[nodiscard]] int task_counters_take(struct task_counters_owner *o, uint32_t *slot);
// For the next process: whose slot it is, and that the task has left.
void task_counters_name(struct task_counters_owner *o, uint32_t slot, const struct id16 *ne,
	const struct id16 *xid);
void task_counters_leaves(struct task_counters_owner *o, uint32_t slot);
// Only after the grace period and after every ring's tail has passed the last copy of this slot.
// Its numbers stay in task_counters_totals.
void task_counters_give(struct task_counters_owner *o, uint32_t slot);

// The context of this key, created with numbers from 0 or referenced once more. 0, NOMEM or LIMIT.
[[nodiscard]] int task_counters_context_take(struct task_counters_owner *o, uint8_t kind,
	const struct id16 *header_xid, uint64_t correlation, uint32_t *context);
void task_counters_context_give(struct task_counters_owner *o, uint32_t context);

// Sum of a slot's counters over all workers. Exact only when the workers are at rest.
void task_counters_read(const struct task_counters_owner *o, uint32_t slot, struct slot_counters *sum);
// Receive time of the last packet that a bound rule took, 0: none. Of numbers beyond BOUND_PLACES it
// can be another's, or that of an earlier rule with this number. Any thread.
uint64_t task_counters_bound_ns(const struct task_counters_owner *o, uint32_t binding);
// Sum over every slot that ever was, given-back ones included.
void task_counters_totals(const struct task_counters_owner *o, struct slot_counters *sum);
uint32_t task_counters_taken(const struct task_counters_owner *o); // slots in use
// Corrects what is offered in all by this much, as a sum modulo 2^64.
void task_counters_correct(struct task_counters_owner *o, uint64_t offered);
