#pragma once

// The parser's view of one frame, and the matcher's result. Offsets are octets from the start of
// the frame; nothing points outside the octets that were there.

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "shared/config.h"
#include "shared/ledger.h"

#define PACKET_BURST 32
#define PACKET_LAYERS_MAX 4 // IP headers, outermost first

#define LAYER_PORTS 0x01u          // sport and dport are valid
#define LAYER_FRAGMENT_FIRST 0x02u // offset 0, more to come
#define LAYER_FRAGMENT_LATER 0x04u
#define LAYER_CUT 0x08u            // the frame holds fewer octets than the IP header promises
#define LAYER_CARRIER 0x10u        // its UDP carries a tunnel: the ports are the tunnel's, not a user's
#define LAYER_CUT_TAKEN 0x40u      // with LAYER_CUT: delivered with what there is (deliver-cut)
#define LAYER_PORTS_FOLLOWED 0x20u // sport and dport are those of the datagram's first fragment

// The carrier of this layer; WRAP_MIRROR: Geneve, TZSP, EtherIP, MPLS in UDP, a pseudowire.
enum layer_wrap { WRAP_NONE, WRAP_GTPU, WRAP_IPIP, WRAP_GRE, WRAP_VXLAN, WRAP_MIRROR };

struct packet_layer {
	uint16_t l3;         // IP header
	uint16_t l4;         // upper-layer header; 0 when none was reached
	uint16_t length;     // octets of the whole datagram by its own length field (at most 65535)
	uint16_t sport, dport; // host order
	uint8_t family;      // 4 or 6
	uint8_t protocol;    // final upper-layer protocol, extension headers passed over
	uint8_t flags;       // LAYER_*
	uint8_t wrap;        // enum layer_wrap
	uint8_t source;      // offset of the source address from l3 (12 or 8)
	uint8_t address_length; // 4 or 16; destination follows the source
	uint32_t fragment_id; // with LAYER_FRAGMENT_*
};

#define VIEW_GTPU 0x01u      // gtp_*, teid, n_nested are valid (a G-PDU on a tunnel port)
#define VIEW_PDU_SESSION 0x02u // pdu_type and qfi are valid (PDU session container)
#define VIEW_UNSTRUCTURED 0x04u // G-PDU content holds no IP
#define VIEW_ETHERNET 0x08u  // G-PDU content is an Ethernet frame, 14 octets of it are there
#define VIEW_HELD 0x10u	     // held_ns is valid: matched again, for bound rules of that time

// A G-PDU inside a G-PDU: a tunnel carried through the tunnel. Only the fields that a TEID needs.
struct packet_nested {
	uint32_t teid;    // host order
	uint8_t outer;    // index of the layer whose UDP carries it
	uint8_t flags;    // VIEW_PDU_SESSION
	uint8_t pdu_type;
	uint8_t qfi;
};

// The ports are there, its own or those of its first fragment, and they are a user's.
static inline bool layer_user_ports(const struct packet_layer *l)
{
	return l->flags & (LAYER_PORTS | LAYER_PORTS_FOLLOWED) && !(l->flags & LAYER_CARRIER);
}

// The shape of most frames: one IP layer with the ports of a user, or that in one G-PDU. Then `end`
// is valid. Bits, so that a burst's shapes are compared at once.
#define SHAPE_V4 0x01u // the user's layer
#define SHAPE_V6 0x02u
#define SHAPE_GTP 0x04u // layer 0 carries it; else it is layer 0
#define SHAPE_CARRIER6 0x08u // with SHAPE_GTP: the carrier is IPv6; else it is IPv4 and `carrier` is valid
enum packet_shape {
	SHAPE_OTHER = 0,
	SHAPE_PLAIN4 = SHAPE_V4,
	SHAPE_PLAIN6 = SHAPE_V6,
	SHAPE_GTP4 = SHAPE_GTP | SHAPE_V4,
	SHAPE_GTP6 = SHAPE_GTP | SHAPE_V6
};

// Fields that every frame's matching reads come first, within one cache line.
struct packet_view {
	const uint8_t *data;  // first segment
	uint32_t length;      // octets contiguous at `data`
	uint32_t total;       // octets of the whole frame
	// Not SHAPE_OTHER: source and destination of the user's layer. An IPv4 address in host order;
	// of an IPv6 address the first eight octets, the first of them lowest.
	uint64_t end[2];
	uint64_t carrier;     // source and destination of an IPv4 carrier as they stand in the frame
	uint8_t outcome;      // enum packet_outcome
	uint8_t flags;        // VIEW_*
	uint8_t n_layers;
	uint8_t shape;        // enum packet_shape, SHAPE_CARRIER6
	uint32_t teid;        // host order; 0 without VIEW_GTPU
	uint8_t gtp_outer;    // index of the layer whose UDP carries the (outermost) GTP-U header
	uint8_t pdu_type;     // 0 downlink, 1 uplink
	uint8_t qfi;
	uint8_t n_nested;     // further GTP-U headers inside, outermost first
	uint16_t gtp_header;  // octets from gtp to the inner packet (extension headers can exceed 255)
	uint16_t gtp;         // GTP-U header
	uint16_t gtp_length;  // octets of its message that the frame holds, header included
	struct packet_layer layer[PACKET_LAYERS_MAX];
	struct packet_nested nested[PACKET_LAYERS_MAX - 1];
	uint64_t held_ns; // received then
};

// Properties of a frame's port for the parser and the matcher. Read-only for workers.
struct port_traits {
	uint8_t tunnel; // enum config_tunnel
	uint8_t link;   // enum config_link
	bool gre, ipip, vxlan; // `vxlan`: on its own UDP port
	bool vxlan_gpe, geneve, tzsp, etherip, mpls_in_udp;
	bool mpls_pseudowire; // label stacks carry Ethernet
	uint8_t n_vxlan_ports;
	uint16_t vxlan_port[CONFIG_VXLAN_PORTS_MAX]; // further ones
	bool deliver_cut; // packets whose frame was cut go out with what there is
	uint8_t n_aliases;
	uint8_t n_endpoints;
	struct ip_prefix endpoint[CONFIG_ENDPOINTS_MAX]; // gtp-endpoints
	struct config_alias alias[CONFIG_ALIASES_MAX];	 // gtp-aliases
};

// The address that signalling has for the one in a packet: no other, where this link has it for another.
static inline const uint8_t *port_advertised(
	const struct port_traits *port, uint8_t family, const uint8_t *seen)
{
	for (unsigned i = 0; i < port->n_aliases; i++) {
		const struct config_alias *a = &port->alias[i];
		if (a->seen.family == family && !memcmp(a->seen.b, seen, family == 4 ? 4 : 16))
			return a->advertised.b;
	}
	return seen;
}

struct rule;

#define HIT_WHOLE_FRAME 0xff // MAC criteria: no IP layer is meant

struct hit {
	const struct rule *rule;
	uint16_t packet;    // index in the burst
	uint8_t layer;      // index of the IP layer that the criteria held on, or HIT_WHOLE_FRAME
	uint8_t direction;  // enum pdu_direction
	uint8_t tunnelled;  // 1: that layer is carried by GTP-U (format 12 is possible). A TEID whose
			    // content holds no IP layer names the carrying layer, with tunnelled 1
};
