#pragma once

// The naive parser's result (reference_packet.c) for the naive matcher (reference.c).

#include "tests/unit/dataplane/match/reference.h"

struct ref_layer {
	int family;
	uint8_t src[16], dst[16];
	int has_ports, carrier, proto;
	int sport, dport;
	int in_gtp; // below the first G-PDU header
};

struct ref_tunnel {
	uint32_t teid;
	int outer; // layer
	int type;  // -1 unknown, 0 downlink, 1 uplink
};

struct ref {
	const uint8_t *f;
	long have; // octets
	const struct port_traits *port;
	struct ref_layer layer[8];
	int layers;
	struct ref_tunnel tunnel[8];
	int tunnels;
	const uint8_t *mac[2]; // frame, Ethernet content of the first tunnel
	int ethernets;
};

// An Ethernet frame from `at` to `end`, and all that it carries.
void ref_ethernet(struct ref *r, long at, long end);
