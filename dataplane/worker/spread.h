#pragma once

// Finds the worker that a tunnelled packet belongs to, where one pair of outer addresses is too much for one.
// By the user: both directions of a session go to one worker.
// Looks at a frame before it is parsed and takes only what is plain; whatever is not stays with the
// worker that received it: signalling, traffic outside tunnels, fragments of either layer, tunnels
// within tunnels, IPv6 with extension headers, Ethernet.

#include <stdint.h>

#include "dataplane/packet/packet.h"

#define SPREAD_STAYS UINT32_MAX

struct spread {
	uint64_t seed[2]; // secret: no peer chooses the worker of its packets
	uint32_t n_workers;
};

// The worker that a frame of this port belongs to, or SPREAD_STAYS; `length` octets are at `data`.
// The user's end is known by the PDU session container or by the port's gtp-endpoints, as directions
// are: it alone decides then (of IPv6 its prefix of 64 bits). Else both ends decide, in any order.
uint32_t spread_owner(const struct spread *s, const struct port_traits *port, const uint8_t *data,
	uint32_t length);
