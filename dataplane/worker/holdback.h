#pragma once

// The gap at a session's start: user packets can follow the message that shows their tunnel by less
// time than it takes until that is in force. While tasks by session exist, and for a moment after
// any signalling, and until the follower has passed that, a worker keeps references to the
// tunnelled packets in a bounded ring, each until the follower has passed its time, and matches
// them again when the table has changed: only against bound rules that were not in the table that
// saw them first, and that hold since the packet was received or before. Another task's rule may
// come later still, so a packet that was taken stays, and with it the slots of the tasks that have
// it: a task's rules are replaced all the time, and it gets each packet once. Without such tasks
// nothing is kept and nothing is scanned.

#include "dataplane/port/port.h"
#include "dataplane/signalling/signalling_gap.h"
#include "dataplane/worker/worker_scene.h"

#define HOLDBACK_TASKS 4u // that took one packet; more are not kept apart
// Buffers of datagrams put together that are kept at most: reassembly goes on with the rest.
#define HOLDBACK_REASSEMBLED 192u

struct holdback_settings {
	const struct lane *lanes;	    // stay the caller's
	struct signalling_tap *const *taps; // of all workers
	uint32_t n_taps;
	uint32_t packets; // held at most: references to packet buffers
	uint64_t age_ns;		    // held at least so long
	struct signalling_gap *gap;	    // with the follower; NULL: without one
	uint32_t worker;		    // its number
};

// Never more than an eighth of a port's packet buffers, so that it can always receive: all workers
// share them, and hold those of one port at worst.
static inline uint32_t holdback_room(uint32_t wanted, uint32_t mbufs, uint32_t workers)
{
	uint32_t most = mbufs / 8 / workers;

	return wanted < most ? wanted : most;
}

// NULL when out of memory.
struct holdback *holdback_new(const struct holdback_settings *s);
void holdback_free(struct holdback *e); // the worker has ended, nothing is held

// Slots of the tasks that have a packet.
struct holdback_taken {
	uint32_t slot[HOLDBACK_TASKS];
	uint32_t n; // beyond HOLDBACK_TASKS: not all are here
};

// Hits of a burst; `taken` by packet. Rules of all kinds: a task can be given a bound one instead.
void holdback_note(struct holdback_taken *taken, const struct hit *hits, unsigned n);

// Packets of one lane that were matched with the scene's table.
struct holdback_burst {
	uint32_t lane, n;
	const struct packet_view *views;
	struct rte_mbuf *const *mbufs;
	const struct holdback_taken *taken; // by packet
	const uint64_t *received_ns; // by packet; NULL: at the scene's time
	bool reassembled; // put together: its fragments were matched on the outermost layer
};

// True if packets received now are worth holding.
bool holdback_open(struct holdback *e, const struct table *t, uint64_t now_ns);
void holdback_hold(
	struct holdback *e, const struct worker_scene *scene, const struct holdback_burst *b);

// A packet that the worker looks at again: where its tunnel goes.
void holdback_sample(struct holdback *e, const struct port_traits *port, const struct packet_view *v,
	uint64_t now_ns);

bool holdback_waiting(const struct holdback *e);
// True if some wait that this table has not seen.
bool holdback_behind(const struct holdback *e, const struct table *t);
// Matches again where the table has changed, and gives up what has waited for too long and whose
// signalling is in force; `all`: everything.
void holdback_tend(struct holdback *e, const struct worker_scene *scene, bool all);
