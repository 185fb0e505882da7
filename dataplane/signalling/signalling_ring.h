#pragma once

// Signalling datagrams on their way from one worker to the follower: one producer, one consumer,
// copied octets. A datagram without room is lost and counted; the worker never waits.

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/signalling/signalling.h"

struct signalling_ring;

// `octets`: room, rounded up to a power of two. NULL when out of memory.
struct signalling_ring *signalling_ring_new(uint32_t octets);
void signalling_ring_free(struct signalling_ring *r);

// Worker. False: no room (counted).
bool signalling_ring_push(struct signalling_ring *r, const struct signalling_packet *p);

// Follower. The oldest datagram; its octets stay until signalling_ring_pop. False: none.
bool signalling_ring_peek(struct signalling_ring *r, struct signalling_packet *out);
void signalling_ring_pop(struct signalling_ring *r);
uint64_t signalling_ring_full(const struct signalling_ring *r); // datagrams lost; any thread
