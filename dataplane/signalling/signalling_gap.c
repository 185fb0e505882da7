// The gap between a message and its rules: the time passed, and the tunnels of dropped packets.

#include "dataplane/signalling/signalling_gap.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 4096u // a power of two; 576 KiB a worker
#define WAYS 4u	     // tunnels of one place that are distinguished

// Tunnels whose packets were let go, the newest of their place. One line; `ns` 0: none.
struct gone {
	alignas(64) _Atomic uint64_t ns[WAYS];
	_Atomic uint64_t forgotten_ns; // newest time of those that had to make room
	_Atomic uint32_t teid[WAYS];
};

struct gap_worker {		     // one worker's
	struct gone gone[2][PLACES]; // [1]: some task has the packet
	// TEID and digest of the address of the last packet of a place that was sampled.
	_Atomic uint64_t sample[PLACES], sample_ns[PLACES];
	_Atomic uint64_t carried_ns;
};

struct signalling_gap {
	alignas(64) _Atomic uint64_t passed_ns; // alone in its line: the follower writes it often
	alignas(64) uint32_t n_workers;
	struct gap_worker worker[];
};

struct signalling_gap *signalling_gap_new(uint32_t n_workers)
{
	size_t octets = sizeof(struct signalling_gap) + n_workers * sizeof(struct gap_worker);
	struct signalling_gap *g = aligned_alloc(alignof(struct signalling_gap), octets);

	if (!g)
		return NULL;
	memset(g, 0, octets);
	g->n_workers = n_workers;
	return g;
}

void signalling_gap_free(struct signalling_gap *g)
{
	free(g);
}

void signalling_gap_pass(struct signalling_gap *g, uint64_t ns)
{
	if (ns > atomic_load_explicit(&g->passed_ns, memory_order_relaxed))
		// Partner: the acquire in signalling_gap_passed. The publication before it is seen
		// too.
		atomic_store_explicit(&g->passed_ns, ns, memory_order_release);
}

uint64_t signalling_gap_passed(const struct signalling_gap *g)
{
	return atomic_load_explicit(&g->passed_ns, memory_order_acquire);
}

// TEIDs are often given out in a row, or with a counter in their upper half.
static uint32_t place_of(uint32_t teid)
{
	return (teid * 2654435769u) >> 20;
}

_Static_assert(PLACES == 1u << 12, "place_of gives 12 bits");

// One writer, so all its reads are relaxed. The grace period orders its writes for the readers that
// judge; they may also read those of a later packet.
void signalling_gap_let_go(
	struct signalling_gap *g, uint32_t worker, uint32_t teid, uint64_t ns, bool taken)
{
	struct gone *p = &g->worker[worker].gone[taken][place_of(teid)];
	uint64_t oldest_ns = UINT64_MAX;
	unsigned oldest = 0;

	for (unsigned i = 0; i < WAYS; i++) {
		uint64_t at = atomic_load_explicit(&p->ns[i], memory_order_relaxed);
		if (at && atomic_load_explicit(&p->teid[i], memory_order_relaxed) == teid) {
			if (ns > at)
				atomic_store_explicit(&p->ns[i], ns, memory_order_relaxed);
			return;
		}
		if (at < oldest_ns) {
			oldest_ns = at;
			oldest = i;
		}
	}
	if (oldest_ns > atomic_load_explicit(&p->forgotten_ns, memory_order_relaxed))
		atomic_store_explicit(&p->forgotten_ns, oldest_ns, memory_order_relaxed);
	// Partner: the acquire in newest_of. A reader that misses the one before sees that one is
	// forgotten.
	atomic_store_explicit(&p->teid[oldest], teid, memory_order_release);
	atomic_store_explicit(&p->ns[oldest], ns, memory_order_relaxed);
}

static uint64_t newest_of(const struct gone *p, uint32_t teid)
{
	uint64_t newest = 0, forgotten;

	for (unsigned i = 0; i < WAYS; i++) {
		uint32_t at = atomic_load_explicit(&p->teid[i], memory_order_acquire);
		uint64_t ns = atomic_load_explicit(&p->ns[i], memory_order_relaxed);
		if (at == teid && ns > newest)
			newest = ns;
	}
	forgotten = atomic_load_explicit(&p->forgotten_ns, memory_order_relaxed);
	return forgotten > newest ? forgotten : newest;
}

uint64_t signalling_gap_gone(const struct signalling_gap *g, uint32_t teid, bool taken)
{
	uint64_t newest = 0;

	for (uint32_t i = 0; i < g->n_workers; i++) {
		uint64_t ns = newest_of(&g->worker[i].gone[taken][place_of(teid)], teid);
		newest = ns > newest ? ns : newest;
	}
	return newest;
}

static uint64_t sample_of(uint32_t teid, uint8_t family, const uint8_t *address)
{
	uint32_t digest = family;

	for (unsigned i = 0; i < (family == 4 ? 4u : 16u); i++)
		digest = (digest ^ address[i]) * 16777619u;
	return (uint64_t)teid << 32 | digest;
}

void signalling_gap_sample(struct signalling_gap *g, uint32_t worker, uint32_t teid, uint8_t family,
	const uint8_t *address, uint64_t ns)
{
	struct gap_worker *w = &g->worker[worker];
	uint32_t place = place_of(teid);

	// Relaxed, and the two can be of different packets for a moment: a hint for operators.
	atomic_store_explicit(
		&w->sample[place], sample_of(teid, family, address), memory_order_relaxed);
	atomic_store_explicit(&w->sample_ns[place], ns, memory_order_relaxed);
	atomic_store_explicit(&w->carried_ns, ns, memory_order_relaxed);
}

bool signalling_gap_elsewhere(const struct signalling_gap *g, uint32_t teid, uint8_t family,
	const uint8_t *address, uint64_t since_ns)
{
	uint64_t own = sample_of(teid, family, address);
	uint32_t place = place_of(teid);

	for (uint32_t i = 0; i < g->n_workers; i++) {
		const struct gap_worker *w = &g->worker[i];
		uint64_t seen = atomic_load_explicit(&w->sample[place], memory_order_relaxed);
		uint64_t ns = atomic_load_explicit(&w->sample_ns[place], memory_order_relaxed);
		if (ns >= since_ns && seen >> 32 == teid && seen != own)
			return true;
	}
	return false;
}

uint64_t signalling_gap_carried(const struct signalling_gap *g)
{
	uint64_t newest = 0;

	for (uint32_t i = 0; i < g->n_workers; i++) {
		uint64_t ns = atomic_load_explicit(&g->worker[i].carried_ns, memory_order_relaxed);
		newest = ns > newest ? ns : newest;
	}
	return newest;
}
