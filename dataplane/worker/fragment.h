#pragma once

// Ports for later fragments of users' datagrams: they carry none themselves and follow the
// first. Users' fragments are never reassembled; each stays a packet of its own. One
// table per worker, all memory taken at creation. Pure code: packets are opaque handles.
//
// Every fragment is matched when it comes, so criteria without ports neither wait nor miss one. A
// later fragment that came before its first is held besides, by reference and within bounds, and
// comes back through fragment_take when the first has passed (then rules with ports are matched
// again), or when it is given up.

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/packet/packet.h"

struct fragment_settings {
	uint32_t datagrams;	     // remembered at a time; at least 4
	uint32_t holds;		     // packets held at a time; at least 4
	uint32_t holds_per_datagram; // at least 1
	uint64_t timeout_ns;	     // how long ports are remembered
	uint64_t hold_ns;	     // how long a packet is held
	uint64_t seed[2];	     // secret
};

#define FRAGMENT_DEFAULTS                                                                    \
	.datagrams = 4096, .holds = 256, .holds_per_datagram = 8, .timeout_ns = 30000000000, \
	.hold_ns = 2000000000

struct fragment_release {
	struct packet_view view; // as it was; resolved: with ports in its last layer
	void *packet;
	const void *origin;
	uint64_t in_force;
	uint64_t time_ns; // when it was received
	uint8_t outcome;  // PACKET_FRAGMENT_HELD: resolved; FRAGMENT_EXPIRED, _LIMIT: given up
};

// A burst, and what comes back with the packets of it that are held.
struct fragment_burst {
	bool wants_ports; // some rule asks for ports
	const void *origin;
	uint64_t in_force; // which tasks were
	uint64_t now_ns;   // never goes backwards
};

struct fragment_counts {
	uint64_t remembered; // first fragments with ports
	uint64_t replaced;   // ... whose datagram was known with other ports: the newest holds
	uint64_t evicted;    // datagrams forgotten before their time
	uint64_t followed;   // later fragments that got ports at once
	uint64_t portless;   // later fragments whose first had no ports to give
	uint64_t held, resolved, expired, limit; // held = resolved + expired + limit + held now
};

struct fragment_table;

// NULL when out of memory or the settings are out of range.
struct fragment_table *fragment_table_new(const struct fragment_settings *s);
void fragment_table_free(struct fragment_table *t);

// The packets named in `mask` have a fragment as their last layer. First ones are remembered; later
// ones get the ports of their first (LAYER_PORTS_FOLLOWED) or, when some rule asks for ports, are
// held: their outcome becomes FRAGMENT_HELD, or FRAGMENT_LIMIT when there was no room (or no
// packet: NULL). Returns the mask of held packets, each of which must stay readable until it has
// come back.
uint32_t fragment_resolve(struct fragment_table *t, struct packet_view *views, void *const *packets,
	uint32_t mask, const struct fragment_burst *b);

// Gives up what has been held for too long; `all`: everything.
void fragment_expire(struct fragment_table *t, uint64_t now_ns, bool all);

// The next packet that comes back, in the order of arrival within its datagram, or NULL. Valid
// until the next call of any function here.
const struct fragment_release *fragment_take(struct fragment_table *t);

// Packets held, and those that fragment_take has not handed back yet.
uint32_t fragment_held(const struct fragment_table *t);
void fragment_counts(const struct fragment_table *t, struct fragment_counts *out);
