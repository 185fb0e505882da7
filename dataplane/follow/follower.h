#pragma once

// The one thread that follows signalling: it takes datagrams from the workers' rings, keeps the
// session store and hands the store's changes to the builder thread, which alone touches the
// tables. Between builder and follower stand two lists under one lock, never a bound that could
// hold either up.

#include <stdint.h>
#include <sys/queue.h>

#include "dataplane/session/session.h"
#include "dataplane/signalling/signalling_gap.h"
#include "dataplane/signalling/signalling_ring.h"
#include "dataplane/signalling/signalling_tap.h"

struct follower;

struct follower_settings {
	struct signalling_ring *const *rings; // one a worker; the caller's
	struct signalling_tap *const *taps;   // likewise, for their losses; NULL: none
	uint32_t n_rings;
	struct signalling_gap *gap; // with the workers; the caller's; NULL: none hold packets
	struct sessions_settings sessions; // its sink is the follower's own
};

// NULL when out of memory or descriptors.
struct follower *follower_new(const struct follower_settings *s);
[[nodiscard]] int follower_start(struct follower *f);
void follower_stop(struct follower *f); // the workers have stopped
void follower_free(struct follower *f);

// Builder thread. A subscription's number is the builder's choice, never used twice. `n` targets, of
// which any is enough, and `direction` as in sessions_subscribe_any. 0 or NOMEM.
[[nodiscard]] int follower_subscribe(struct follower *f, uint64_t subscription,
	const struct session_target *targets, uint32_t n, uint8_t direction);
void follower_unsubscribe(struct follower *f, uint64_t subscription);
// Builder thread: hands the event to the store, in order with the commands above. It stays the
// caller's, and is the follower's until follower_wait_done has returned, which has its results and
// wakes the thread for all events of a batch.
void follower_event(struct follower *f, struct session_event *e);
// Returns when everything above has been done and its changes wait to be taken.
void follower_wait_done(struct follower *f);

// LOSS: signalling was lost on its way (state.unsure), or none for a while; of no one subscription.
// OVER: nothing more comes of binding.correlation; of no one subscription.
enum follower_change_kind {
	FOLLOWER_BIND,
	FOLLOWER_UNBIND,
	FOLLOWER_STATE,
	FOLLOWER_LOSS,
	FOLLOWER_OVER
};

struct follower_change { // in the order in which they came
	STAILQ_ENTRY(follower_change) link;
	uint64_t subscription;
	uint8_t kind;		// enum follower_change_kind
	struct binding binding; // BIND: holds a reference of its select; UNBIND: only the id
	struct subscription_state state;
};

STAILQ_HEAD(follower_changes, follower_change);

// Adds all changes that wait to `out`: the caller's to free with follower_change_free.
void follower_changes(struct follower *f, struct follower_changes *out);
// All that follower_changes has given is in force, and no worker uses a table without it: notifies
// workers that hold packets.
void follower_in_force(struct follower *f);
void follower_change_free(struct follower_change *c);
int follower_fd(const struct follower *f); // readable when changes wait; follower_changes clears it

// Snapshot of the store's counters and of the datagrams that were lost on their way.
void follower_counts(const struct follower *f, struct session_counts *out, uint64_t *lost);
