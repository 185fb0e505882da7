#pragma once

#include "dataplane/packet/packet.h"

// Bounds of what is looked into; one more is the outcome named *_DEPTH.
#define PARSE_VLAN_MAX 4     // tags of one Ethernet header
#define PARSE_ETHERNET_MAX 8 // Ethernet headers of one frame
#define PARSE_TZSP_TAGS_MAX 32
#define PARSE_MPLS_MAX 8
#define PARSE_IPV6_EXT_MAX 8
#define PARSE_AH_MAX 8
#define PARSE_GTPU_EXT_MAX 8

// Parses `n` (at most PACKET_BURST) frames whose data, length and total are set in `views`; fills
// the rest, but of `layer` only the first n_layers and of the GTP-U fields only those that `flags`
// names. Prefetches as a staged loop. Never reads beyond `length`, never fails: each outcome is an
// enum packet_outcome, and n_layers counts only layers that are certain:
//   - a layer counts once its fixed header and lengths hold together; a fault behind it leaves it
//   in
//   - a datagram longer than the frame is not a fault (mirror ports cut): LAYER_CUT
//   - a length of GTP-U or PPPoE that lies, and an IP length of 0, give way to that of what is
//   around
//     it: GTPU_CLAMPED, PPPOE_CLAMPED, IP_NO_LENGTH
//   - octets beyond the IP length (Ethernet padding) are never looked at
//   - nothing is looked for behind a fragment: tunnels are entered after reassembly only
// GTP-U (TS 29.281) is UDP destination port 2152 on a port with tunnel gtpu. Other tunnels over UDP
// are such only where their content shows itself as one; nothing of theirs is opened inside a
// G-PDU, where a user could forge the packets of another. Behind labels IPv4 must have the right
// checksum and length, IPv6 the right length. Returns a bit per frame whose last layer is a
// fragment (LAYER_FRAGMENT_*).
uint32_t parse_burst(const struct port_traits *port, struct packet_view *views, unsigned n);

// Parses one frame header by header. parse_burst has a shorter way for plain ones and gives the same
// view: this is what it is compared with. Returns whether the last layer is a fragment.
bool parse_by_layers(const struct port_traits *port, struct packet_view *view);

// Parses one frame again and returns the layer that was not opened: UNOPENED(), or 0. ARP, LLDP and
// other types that carry no user's packets are not named, nor the content of a G-PDU. For samples:
// not for each frame.
uint32_t parse_unopened(const struct port_traits *port, const struct packet_view *view);
