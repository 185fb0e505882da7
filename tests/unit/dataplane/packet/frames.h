#pragma once

// Frames and rules for tests and benchmarks: headers are put one behind the other, frame_finish
// fills in the lengths; the random ones come from small pools, so that frames and rules meet.

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/packet/packet.h"
#include "dataplane/match/table.h"

struct frame {
	uint8_t b[2048];
	uint32_t n;
	unsigned n_fix;
	struct {
		uint8_t kind;
		uint16_t at;
	} fix[16]; // headers whose length covers what follows
};

struct rng {
	uint64_t s;
};
uint32_t rng_next(struct rng *r);
uint32_t rng_below(struct rng *r, uint32_t n);

void frame_raw(struct frame *f, const void *octets, uint32_t n);
void frame_zero(struct frame *f, uint32_t n);
void frame_u16(struct frame *f, uint16_t v);
void frame_ethernet(struct frame *f, uint16_t type); // starts a frame or an inner one
void frame_vlan(struct frame *f, uint16_t type);     // behind a header whose type was the tag's
void frame_mpls(struct frame *f, int bottom);
void frame_pppoe(struct frame *f, uint16_t protocol);
void frame_ipv4(struct frame *f, uint32_t source, uint32_t destination, uint8_t protocol);
void frame_ipv6(
	struct frame *f, uint32_t source, uint32_t destination, uint8_t next); // 2001:db8::x
void frame_udp(struct frame *f, uint16_t source, uint16_t destination);
void frame_tcp(struct frame *f, uint16_t source, uint16_t destination);
void frame_gtpu(struct frame *f, uint8_t type, uint32_t teid);
// G-PDU with a PDU session container: `pdu_type` 0 downlink, 1 uplink.
void frame_gtpu_session(struct frame *f, uint32_t teid, uint8_t pdu_type, uint8_t qfi);
void frame_finish(struct frame *f);

// True if two views of one frame agree in all that their flags name.
bool views_equal(const struct packet_view *a, const struct packet_view *b);

// Any of the shapes that the parser handles, often damaged. Addresses, ports, TEIDs, MACs from the
// pools.
void frame_random(struct frame *f, struct rng *r);
// The commonest frames: a user's packet, plain or in one G-PDU, whole; networks of IPv6 differ too.
void frame_user(struct frame *f, struct rng *r);
// A normalised and checked filter from the same pools.
void rule_random(struct rule *rule, struct rng *r, uint32_t slot);
// A bound one. `also`: where to keep its further criteria; `udp`: the select to use sometimes.
struct rule_room {
	struct filter also;
	const struct pdr_select *udp;
};
void rule_random_bound(struct rule *rule, struct rng *r, uint32_t binding, struct rule_room *room);
void port_random(struct port_traits *port, struct rng *r);
