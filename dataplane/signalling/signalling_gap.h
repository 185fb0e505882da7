#pragma once

// The gap between a message and its rules in force, shared by workers and the follower: how far
// signalling has been followed, and which tunnels had packets that were dropped meanwhile or go to
// other addresses than messages name. Workers hold packets until the first has passed them;
// bindings judge by the second if a rule came too late for some.

#include <stdbool.h>
#include <stdint.h>

struct signalling_gap;

// For workers numbered from 0. NULL when out of memory.
struct signalling_gap *signalling_gap_new(uint32_t n_workers);
void signalling_gap_free(struct signalling_gap *g);

// All that signalling received before `ns` (wall clock) means is in force: every worker has left the
// tables without it. Never goes back. The follower or the builder, under the follower's lock.
void signalling_gap_pass(struct signalling_gap *g, uint64_t ns);
// Any thread. A worker that reads it has, or gets with its next load, a table with all of that.
uint64_t signalling_gap_passed(const struct signalling_gap *g);

// Worker `worker` gives up a packet received at `ns` in a tunnel with this TEID (host order).
// `taken`: some task has it.
void signalling_gap_let_go(
	struct signalling_gap *g, uint32_t worker, uint32_t teid, uint64_t ns, bool taken);
// Newest receive time of a packet let go in a tunnel with this TEID, 0: none. Where many tunnels had
// some at once it can be another's, but none is forgotten. Any thread; complete for what workers let
// go before their last quiescent state, when a grace period has passed since.
uint64_t signalling_gap_gone(const struct signalling_gap *g, uint32_t teid, bool taken);

// Few packets are sampled, so an absent one proves nothing. Worker `worker` has one, received at
// `ns`, in a tunnel to this address (of `family` 4 or 6, in network byte order).
void signalling_gap_sample(struct signalling_gap *g, uint32_t worker, uint32_t teid, uint8_t family,
	const uint8_t *address, uint64_t ns);
// True if the last packet sampled with this TEID was received at or after `since_ns` and went to
// another address. Any thread.
bool signalling_gap_elsewhere(const struct signalling_gap *g, uint32_t teid, uint8_t family,
	const uint8_t *address, uint64_t since_ns);
// Receive time of the last packet of a tunnel that was looked at, 0: none. Any thread.
uint64_t signalling_gap_carried(const struct signalling_gap *g);
