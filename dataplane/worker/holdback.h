#pragma once

// The gap at a session's start: user packets can follow the message that shows their tunnel by less
// time than it takes until that is in force. While tasks by session exist, and for a moment after
// any signalling was heard, a worker keeps references to the tunnelled packets in a bounded ring,
// and matches them again when the table has changed: only against bound rules that were not in the
// table that saw them first, and that hold since the packet was received or before. Another task's
// rule may come later still, so a packet that was taken stays, and with it the slots of the tasks
// that have it: a task's rules are replaced all the time, and it gets each packet once. Without
// such tasks nothing is kept and nothing is looked at.

#include "dataplane/worker/worker_fragments.h"

#define EARLY_TASKS 4u // that took one packet; more are not kept apart
// Buffers of datagrams put together that are kept at most: reassembly goes on with the rest.
#define EARLY_WHOLES 192u

struct worker_early;

struct worker_early_settings {
	const struct lane *lanes;	    // stay the caller's
	struct signalling_tap *const *taps; // of all workers
	uint32_t n_taps;
	uint32_t packets; // held at most: references to packet buffers
	uint64_t age_ns;
};

// Never more than an eighth of a port's packet buffers, so that it can always receive: all workers
// share them, and hold those of one port at worst.
static inline uint32_t worker_early_room(uint32_t wanted, uint32_t mbufs, uint32_t workers)
{
	uint32_t most = mbufs / 8 / workers;

	return wanted < most ? wanted : most;
}

// NULL when out of memory.
struct worker_early *worker_early_new(const struct worker_early_settings *s);
void worker_early_free(struct worker_early *e); // the worker has ended, nothing is held

// Slots of the tasks that have a packet.
struct early_taken {
	uint32_t slot[EARLY_TASKS];
	uint32_t n; // beyond EARLY_TASKS: not all are here
};

// Hits of a burst; `taken` by packet. Rules of all kinds: a task can be given a bound one instead.
void early_note(struct early_taken *taken, const struct hit *hits, unsigned n);

// Packets of one lane that were matched with the scene's table.
struct early_burst {
	uint32_t lane, n;
	const struct packet_view *views;
	struct rte_mbuf *const *mbufs;
	const struct early_taken *taken; // by packet
	bool whole; // put together: its fragments were matched on the outermost layer
};

// Whether packets received now are worth holding.
bool worker_early_open(const struct worker_early *e, const struct table *t, uint64_t now_ns);
void worker_early_hold(
	struct worker_early *e, const struct worker_scene *scene, const struct early_burst *b);

bool worker_early_waiting(const struct worker_early *e);
// Whether some wait that this table has not seen.
bool worker_early_behind(const struct worker_early *e, const struct table *t);
// Matches again where the table has changed, and gives up what has waited for too long; `all`:
// everything.
void worker_early_tend(struct worker_early *e, const struct worker_scene *scene, bool all);
