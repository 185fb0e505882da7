#pragma once

// Finds the octets of a frame that are the payload of a hit's X3 PDU, and their format (TS 103
// 221-2 table 5.4.1-1). A packet that the configured format cannot carry goes in one that can, so
// that nothing is lost:
//   automatic  12 for a tunnelled packet, else 5 or 6; 7 for a MAC address
//   12         as automatic, and 12 too for the MAC address of a tunnelled Ethernet frame
//   5, 6       the IP packet in the format of its own version; without one inside a tunnel, the
//              content of the tunnel: 7 for an Ethernet frame, else 16
//   7          the Ethernet frame inside the tunnel, else the frame as it was on the link

#include <stdint.h>

#include "dataplane/packet/packet.h"

// EXTENT_WHOLE: the frame holds all of it; TAKEN: no, and its port wants it so (deliver-cut).
enum extent_cut { EXTENT_WHOLE, EXTENT_CUT, EXTENT_TAKEN };

struct extent { // the payload of a hit, in octets of its frame
	uint32_t start;
	uint32_t length;
	uint16_t format; // enum pdu_format
	uint8_t cut;	 // enum extent_cut
};

// `wanted`: 0 automatic, 5, 6, 7 or 12.
struct extent extent_of(uint8_t wanted, const struct hit *h, const struct packet_view *v);
