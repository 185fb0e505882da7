#pragma once

// How a frame is parsed: what is to be read next, and how far the octets go. The parser's files
// hold functions of one translation unit, which the compiler puts into one loop.

#include <string.h>

#include "dataplane/packet/parse.h"
#include "shared/wire.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_TEB 0x6558 // Ethernet inside GRE
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_ERSPAN_III 0x22eb
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_PPP 0x880b
#define ETHERTYPE_MPLS 0x8847
#define ETHERTYPE_MPLS_UPSTREAM 0x8848
#define ETHERTYPE_PPPOE_DISCOVERY 0x8863
#define ETHERTYPE_PPPOE 0x8864
#define ETHERTYPE_QINQ 0x88a8
#define ETHERTYPE_ERSPAN 0x88be
#define ETHERTYPE_LLDP 0x88cc
#define ETHERTYPE_ITAG 0x88e7 // 802.1ah
#define ETHERTYPE_CMD 0x8909  // Cisco metadata
#define ETHERTYPE_VNTAG 0x8926
#define ETHERTYPE_ETAG 0x893f // 802.1BR
#define ETHERTYPE_NSH 0x894f  // RFC 8300
#define ETHERTYPE_QINQ_OLD 0x9100
#define ETHERTYPE_QINQ_OTHER 0x9200
#define ETHERTYPE_LEAST 0x0600 // below it an Ethernet header has a length
#define LLC_LENGTH_MAX 1500

#define PROTOCOL_ICMP 1
#define PROTOCOL_IPV4 4
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_DCCP 33
#define PROTOCOL_IPV6 41
#define PROTOCOL_GRE 47
#define PROTOCOL_ESP 50
#define PROTOCOL_AH 51
#define PROTOCOL_ICMPV6 58
#define PROTOCOL_NONE 59
#define PROTOCOL_ETHERIP 97
#define PROTOCOL_SCTP 132

#define PORT_GTPU 2152
#define PORT_VXLAN 4789
#define PORT_VXLAN_GPE 4790
#define PORT_GENEVE 6081
#define PORT_MPLS 6635
#define PORT_TZSP 37008
#define PREFETCH_AHEAD 8
#define NO_FAULT PACKET_OUTCOME_COUNT
#define OFFSETS_MAX 65535u // what the view's 16-bit offsets reach

// The header to read next at `at`.
enum step { STEP_DONE, STEP_ETHERNET, STEP_IPV4, STEP_IPV6, STEP_UPPER };

struct parse_state {
	struct packet_view *v;
	const struct port_traits *port;
	const uint8_t *d;
	uint32_t readable; // octets that may be touched
	uint32_t end;	   // the end of the content by the innermost enclosing header; <= total
	uint32_t at;
	uint32_t vouched; // octets of the upper layer by the IP header's word; may exceed the frame
	uint8_t wrap;	  // what carries the next IP layer
	uint8_t fault;	  // enum packet_outcome or NO_FAULT
	uint8_t lie;	  // a length field was not believed: enum packet_outcome or NO_FAULT
	bool signalling;
	bool asked;	   // `unopened` is wanted
	uint8_t ethernets; // Ethernet headers passed
	uint32_t unopened; // what the walk ended on without a look inside: UNOPENED()
};

static inline enum step fail(struct parse_state *w, enum packet_outcome o)
{
	w->fault = (uint8_t)o;
	return STEP_DONE;
}

// Ends the walk on something that this port does not open.
static inline enum step leave_closed(
	struct parse_state *w, enum unopened_kind kind, uint32_t number)
{
	w->unopened = UNOPENED(kind, number);
	return STEP_DONE;
}

// Wrappings of a mirror or a provider are not opened in a user's own packets.
static inline bool is_inside_gtpu(const struct parse_state *w)
{
	return w->v->flags & VIEW_GTPU;
}

// Octets from `at` that exist and belong to the content.
static inline uint32_t left(const struct parse_state *w)
{
	uint32_t limit = w->end < w->readable ? w->end : w->readable;

	return limit > w->at ? limit - w->at : 0;
}

// Octets of the IP packet at `at` by its own word; 0 where none begins there.
static inline uint32_t ip_length(const struct parse_state *w)
{
	const uint8_t *p = w->d + w->at;

	if (left(w) < 6)
		return 0;
	return p[0] >> 4 == 4 ? wire_load16(p + 2) : p[0] >> 4 == 6 ? wire_load16(p + 4) + 40u : 0;
}

// The version nibble decides where nothing else names the protocol.
static enum step by_version(const struct parse_state *w)
{
	uint8_t version = w->d[w->at] >> 4;

	return version == 4 ? STEP_IPV4 : version == 6 ? STEP_IPV6 : STEP_DONE;
}
