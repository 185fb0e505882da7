#pragma once

// The worker's tap for the follower: datagrams of the signalling that a port shows, copied into the
// worker's ring. They are matched and delivered like any other packet besides; no user's packet
// waits for them.

#include <stdint.h>

#include "dataplane/packet/packet.h"
#include "dataplane/signalling/signalling_ring.h"
#include "shared/config.h"

// Signalling that a port shows, and the peers it accepts it from. Read-only for workers.
struct signalling_shown {
	uint8_t protocols; // bit per enum signalling_protocol
	uint8_t n_peers;   // 0: any
	struct ip_prefix peer[CONFIG_SIGNALLING_PEERS_MAX];
};

// The protocols of `wanted` (a bit per enum signalling_protocol) that a UDP datagram between these
// ports can be of; SIGNALLING_PROTOCOLS: none. Requests go to the port, responses come from it.
static inline unsigned signalling_protocol_of(uint8_t wanted, uint16_t sport, uint16_t dport)
{
	if (wanted & 1u << SIGNALLING_PFCP && (dport == 8805 || sport == 8805))
		return SIGNALLING_PFCP;
	if (wanted & 1u << SIGNALLING_GTPV2C && (dport == 2123 || sport == 2123))
		return SIGNALLING_GTPV2C;
	if (wanted & 1u << SIGNALLING_RADIUS &&
		(dport == 1813 || sport == 1813 || dport == 1646 || sport == 1646))
		return SIGNALLING_RADIUS;
	return SIGNALLING_PROTOCOLS;
}

// True if signalling in this frame is accepted: each layer goes between peers. The innermost alone
// would not do: a user's GRE or VXLAN can carry any addresses.
static inline bool signalling_believed(
	const struct signalling_shown *s, const struct packet_view *v)
{
	for (unsigned e = 0; s->n_peers > 0 && e < 2u * v->n_layers; e++) {
		const struct packet_layer *l = &v->layer[e / 2];
		const uint8_t *end = v->data + l->l3 + l->source + (e & 1 ? l->address_length : 0);
		bool peer = false;
		for (unsigned i = 0; i < s->n_peers && !peer; i++)
			peer = ip_prefix_covers(&s->peer[i], l->family, end);
		if (!peer)
			return false;
	}
	return true;
}

struct signalling_tap;

// One a worker; the ring stays the caller's. NULL when out of memory.
struct signalling_tap *signalling_tap_new(struct signalling_ring *ring);
void signalling_tap_free(struct signalling_tap *t);

// A parsed burst of a port with signalling. `mbufs` are the frames behind `views` (struct rte_mbuf
// *, for octets beyond the first segment). A datagram that is not all there is left out: it counts
// as lost.
void signalling_tap_burst(struct signalling_tap *t, const struct signalling_shown *shown,
	const struct packet_view *views, void *const *mbufs, unsigned n, uint64_t time_ns);
// Receive time of the last one; any thread. The line is written only when there is one.
uint64_t signalling_tap_heard(const struct signalling_tap *t);
// The worker: so many datagrams of signalling have come in part only.
void signalling_tap_lost(struct signalling_tap *t, uint64_t n);
uint64_t signalling_tap_cut(const struct signalling_tap *t); // datagrams left out; any thread
// Datagrams with an end that is no peer: not looked at. Any thread.
uint64_t signalling_tap_strangers(const struct signalling_tap *t);
