#pragma once

// Counters of the workers and the snapshots that are compared. Each worker counts
// into its own lines with plain stores; on request it copies them once, at its quiescent point, so
// the numbers of one snapshot belong together.

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/config.h"
#include "shared/ledger.h"

#define UNOPENED_SLOTS 8

// Headers that one worker did not open on one port, of the sampled frames. The rarest kind gives
// way to a new one, which takes over its count: the commonest stay.
struct unopened_sample {
	uint64_t sampled, unopened, wrapped;
	struct {
		uint32_t what; // UNOPENED(), 0: free
		uint64_t frames;
	} slot[UNOPENED_SLOTS];
};

struct worker_counters {
	uint64_t received;
	uint64_t outcome[PACKET_OUTCOME_COUNT];
	uint64_t forward[FORWARD_OUTCOME_COUNT];
	uint64_t hits;		    // (packet, task) pairs
	uint64_t loops, busy_loops; // busy: with packets
	// Held for sessions about to be bound: in all, then matched, given up, without room.
	uint64_t held, held_matched, held_expired, held_full;
	uint64_t tunnels_lost; // datagrams of tunnels whose fragments were given up
	uint64_t busy_cycles;	    // from the first burst in hand to the last one's end
	uint64_t handover_full[CONFIG_PORTS_MAX]; // by the port's place; in `received` too
	uint64_t bursts;
	struct unopened_sample sample[CONFIG_PORTS_MAX]; // by the port's place in the configuration
};

struct worker_stats {
	_Alignas(64) struct worker_counters now; // the worker's own
	_Alignas(64) struct worker_counters snapshot;
	_Atomic uint64_t served;	  // of `snapshot`; worker release, reader acquire
	_Atomic uint32_t polling; // 1 once the worker has passed its first loop
	uint64_t generation;	  // of the table it reads; belongs to `snapshot`
	// Asked by the worker between two quiescent states; set before it starts, NULL: not asked.
	uint64_t (*read_generation)(const void *of);
	const void *generation_of;
};

_Static_assert(sizeof(struct worker_stats) % 64 == 0 &&
		       offsetof(struct worker_stats, snapshot) % 64 == 0 &&
		       offsetof(struct worker_stats, served) / 64 !=
			       (offsetof(struct worker_stats, now) + sizeof(struct worker_counters) - 1) / 64,
	"what a worker counts lies on no line that another thread reads or writes");

struct stats {
	_Alignas(64) _Atomic uint64_t request; // reader release, worker acquire
	uint32_t n_workers;
	struct worker_stats *worker; // n_workers
};

// NULL when out of memory.
struct stats *stats_new(uint32_t n_workers);
void stats_free(struct stats *s);

// Worker, once per loop at its quiescent point.
static inline void stats_answer(const struct stats *s, struct worker_stats *w)
{
	uint64_t request = atomic_load_explicit(&s->request, memory_order_acquire);

	if (__builtin_expect(request == atomic_load_explicit(&w->served, memory_order_relaxed), 1))
		return;
	w->snapshot = w->now;
	if (w->read_generation)
		w->generation = w->read_generation(w->generation_of);
	// Partner: the acquire in stats_snapshot.
	atomic_store_explicit(&w->served, request, memory_order_release);
}

// One reader thread: asks every worker for a snapshot and adds them up into `out` (imissed,
// nombuf and ierrors are left alone). Waits at most 50 ms for a worker that does not answer, and then uses its
// previous snapshot; returns whether all were fresh. Does not wait when `running` is false.
bool stats_snapshot(struct stats *s, bool running, struct packet_balance *out);

// Fills the unopened headers of port `i`, of all workers as of the last snapshot.
void stats_unopened(const struct stats *s, uint32_t i, struct unopened_share *out);

// Packets of port `i` that found another worker's ring full, of all workers as of the last snapshot.
uint64_t stats_handover_full(const struct stats *s, uint32_t i);

// Worker `i` as of the last snapshot.
const struct worker_counters *stats_worker(const struct stats *s, uint32_t i);

// After a fresh snapshot: whether every worker read the table of this generation.
bool stats_generation_is(const struct stats *s, uint64_t generation);

bool stats_all_polling(const struct stats *s);
