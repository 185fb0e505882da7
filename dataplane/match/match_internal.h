#pragma once

// How a burst is searched: the places of a packet where a key can be found, and the probes made of
// them. The matcher's files hold functions of one translation unit.

#include "dataplane/match/match.h"
#include "dataplane/match/table_index.h"
#include "shared/pdu.h"
#include "shared/wire.h"

#define INLINE static inline __attribute__((always_inline))
#define PROBES_MAX 256

#define KIND(a) (1u << ANCHOR_##a)

// Places of a packet where a key can be found, in the fixed order that makes a rule found at
// several of them count at the first one only, and that lets a cursor come back to any of them:
//   (layer, end): a place per prefix length (the longest is the exact address), then per port block
//   then GTP-U headers outermost first, then MAC addresses
#define PLACES_END 160u // 129 prefix lengths, 17 port blocks
#define PLACE_PORT 130u
#define PLACE_TEID (2u * PACKET_LAYERS_MAX * PLACES_END)
#define PLACE_MAC (PLACE_TEID + PACKET_LAYERS_MAX)

struct probe {
	uint64_t key;
	uint32_t start, end; // entries of the bucket, once known
	uint16_t place;
	uint8_t packet;
	uint8_t delta;
};

struct search {
	const struct table *t;
	const struct port_traits *port;
	const struct packet_view *views;
	uint32_t n;	      // probes gathered
	uint32_t first_stage; // stages of the first packet that are already done
	bool full;
	uint16_t next_packet, next_stage; // where gathering stopped, when full
	struct probe probe[PROBES_MAX];
};

INLINE const uint8_t *end_address(const struct packet_view *v, unsigned place_end)
{
	const struct packet_layer *l = &v->layer[place_end >> 1];
	return v->data + l->l3 + l->source + (place_end & 1 ? l->address_length : 0);
}

INLINE bool has_user_ports(const struct packet_layer *l)
{
	return layer_user_ports(l) && (l->protocol == 6 || l->protocol == 17);
}
