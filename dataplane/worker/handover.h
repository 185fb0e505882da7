#pragma once

// Worker to worker: of a lane that spreads, the worker that polls it hands each user's packets to
// the one that they belong to (spread.h). That one parses, counts, matches and captures them as if
// they lay in a queue of its own, of which the ring is a part: a PDU's time is when it took the
// packet, and only what hangs on the time of signalling asks for when it was received. The ledger
// counts a packet at its owner, or, where the ring was full, as handover_full where it was received.

#include <stdint.h>

#include "dataplane/port/port.h"
#include "dataplane/worker/handover_ring.h"
#include "dataplane/worker/spread.h"
#include "dataplane/worker/stats.h"

struct handover_in {
	struct handover_ring *ring;
	const struct lane *lane; // of those behind the worker's own
};

struct handover_worker { // one worker's
	struct spread spread;
	uint32_t self;
	uint32_t n_in;
	struct handover_in *in;
	struct handover_ring **out; // by lane and worker; NULL: it stays
	uint32_t n_out;		    // lanes times workers
	uint32_t dirty[CONFIG_WORKERS_MAX]; // places in `out` with packets to publish
	uint32_t n_dirty;
};

#define HANDOVER_SLOTS_MAX 1024u // a power of two
#define HANDOVER_SLOTS_MIN 32u	 // a burst

struct handover_settings {
	uint32_t n_workers;
	// By worker: its lanes, and behind them those from which it is handed packets (ports_lanes);
	// they stay the caller's.
	const struct lane *lanes[CONFIG_WORKERS_MAX];
	uint32_t n_lanes[CONFIG_WORKERS_MAX], n_handed[CONFIG_WORKERS_MAX];
	// Buffers of each port: rings hold at most a quarter of them. 0: the port has
	// PACKET_BUFFERS_HANDED for each ring.
	uint32_t mbufs;
	uint64_t seed[2];
};

struct handover;

// INVALID: the rings would have no room for a burst: too few packet buffers. NOMEM.
[[nodiscard]] int handover_new(const struct handover_settings *s, struct handover **out);
// The same for these ports; NULL without an error when none of them spreads. `why` names the key to
// change.
[[nodiscard]] int handover_open(const struct ports *ports, const struct config_dataplane *d,
	struct handover **out, char *why, size_t why_size);
void handover_free(struct handover *h); // the workers have ended; NULL allowed
// The part of one worker; NULL when nothing is handed to or by it.
struct handover_worker *handover_of(struct handover *h, uint32_t worker);

// Puts those of a burst of lane `lane` that belong to others into their rings, counts and frees
// those without room, and moves the rest to the front in its order; returns how many those are. No
// worker sees them before handover_publish.
uint16_t handover_burst(struct handover_worker *h, const struct lane *lane, uint32_t number,
	struct rte_mbuf **mbufs, uint16_t n, uint64_t now_ns, struct worker_counters *c);
void handover_publish(struct handover_worker *h);

// This worker hands nothing over any more.
void handover_leave(struct handover_worker *h);
// The same for the workers from number `first` on, which were never started. NULL allowed.
void handover_leave_from(struct handover *h, uint32_t first);
// All that comes to this worker has come and was taken.
bool handover_ended(const struct handover_worker *h);
