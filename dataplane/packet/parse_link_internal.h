#pragma once

// Ethernet and what lies between it and IP: VLAN tags, MPLS, PPPoE.

#include "dataplane/packet/parse_internal.h"

#define FRAME_PADDED 64u // octets of the longest frame that is filled up, with its check sequence
#define FRAME_CHECK 4u	 // octets of a check sequence that the mirror left

// Returns whether the IPv4 header of `header` octets has the right checksum.
static bool ipv4_checksum_holds(const uint8_t *ip, uint32_t header)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < header; i += 2)
		sum += wire_load16(ip + i);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

// Behind a label stack nothing names the protocol: it may be IP, or Ethernet (RFC 4448) whose MAC
// address begins as IP does. IP has to show itself, so that no addresses are invented.
static enum step leave_labels(struct parse_state *w)
{
	const uint8_t *ip = w->d + w->at;
	uint32_t header = (ip[0] & 15u) * 4, rest = w->end - w->at, length = ip_length(w);

	if (ip[0] >> 4 == 4) {
		if (header < 20 || left(w) < header || !ipv4_checksum_holds(ip, header))
			return STEP_DONE;
		return length > rest ? fail(w, PACKET_MPLS_TRUNCATED) : STEP_IPV4;
	}
	if (ip[0] >> 4 != 6 || length < 40 || length > rest)
		return STEP_DONE;
	uint32_t behind = rest - length;
	return behind == 0 || behind == FRAME_CHECK || w->v->total <= FRAME_PADDED ? STEP_IPV6
										   : STEP_DONE;
}

static enum step parse_mpls(struct parse_state *w)
{
	for (unsigned i = 0; i < PARSE_MPLS_MAX; i++) {
		if (left(w) < 4)
			return fail(w, PACKET_MPLS_TRUNCATED);
		bool bottom = w->d[w->at + 2] & 1;
		w->at += 4;
		if (bottom)
			return left(w) ? leave_labels(w) : fail(w, PACKET_MPLS_TRUNCATED);
	}
	return fail(w, PACKET_MPLS_DEPTH);
}

// Ends the content where the PPPoE length says, at `end`. The length is not believed where the frame
// ends before that, nor where an IP packet goes beyond it and the frame holds all of that.
static void end_pppoe(struct parse_state *w, uint32_t end)
{
	uint32_t ip_end = w->at + ip_length(w);

	if (end > w->end || (ip_end > end && ip_end <= w->end))
		w->lie = PACKET_PPPOE_CLAMPED;
	else
		w->end = end;
}

// RFC 2516 session stage: version and type 1, code 0, session, length, then a PPP protocol.
static enum step parse_pppoe(struct parse_state *w)
{
	if (left(w) < 8)
		return fail(w, PACKET_PPPOE_TRUNCATED);
	const uint8_t *p = w->d + w->at;
	if (p[0] != 0x11 || p[1] != 0)
		return STEP_DONE;
	uint32_t length = wire_load16(p + 4), content = w->at + 6 + length;
	bool compressed = p[6] & 1; // one octet (RFC 1661 clause 6.5)
	uint16_t protocol = compressed ? p[6] : wire_load16(p + 6);
	if (length < (compressed ? 1 : 2))
		return fail(w, PACKET_PPPOE_LENGTH);
	w->at += compressed ? 7 : 8;
	if (protocol != 0x0021 && protocol != 0x0057)
		return STEP_DONE;
	end_pppoe(w, content);
	return protocol == 0x0021 ? STEP_IPV4 : STEP_IPV6;
}

static enum step parse_ethertype(struct parse_state *w, uint16_t type)
{
	unsigned tags = 0;

	while (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ || type == ETHERTYPE_QINQ_OLD) {
		if (tags++ == PARSE_VLAN_MAX)
			return fail(w, PACKET_VLAN_DEPTH);
		if (left(w) < 4)
			return fail(w, PACKET_VLAN_TRUNCATED);
		type = wire_load16(w->d + w->at + 2);
		w->at += 4;
	}
	switch (type) {
	case ETHERTYPE_IPV4:
		return STEP_IPV4;
	case ETHERTYPE_IPV6:
		return STEP_IPV6;
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_UPSTREAM:
		return parse_mpls(w);
	case ETHERTYPE_PPPOE:
		return parse_pppoe(w);
	default:
		return STEP_DONE;
	}
}

static enum step parse_ethernet(struct parse_state *w)
{
	if (left(w) < 14)
		return fail(w, PACKET_ETH_TRUNCATED);
	uint16_t type = wire_load16(w->d + w->at + 12);
	w->at += 14;
	return parse_ethertype(w, type);
}

// Ethernet is what the content may be when it is no IP packet of exactly this length.
static bool looks_ethernet(const struct parse_state *w)
{
	if (left(w) < 14)
		return false;
	const uint8_t *p = w->d + w->at;
	switch (wire_load16(p + 12)) {
	case ETHERTYPE_IPV4:
		return left(w) > 14 && p[14] >> 4 == 4;
	case ETHERTYPE_IPV6:
		return left(w) > 14 && p[14] >> 4 == 6;
	case ETHERTYPE_ARP:
	case ETHERTYPE_VLAN:
	case ETHERTYPE_QINQ:
	case ETHERTYPE_QINQ_OLD:
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_UPSTREAM:
	case ETHERTYPE_PPPOE_DISCOVERY:
	case ETHERTYPE_PPPOE:
	case ETHERTYPE_LLDP:
		return true;
	default:
		return false;
	}
}
