#pragma once

// Ethernet and what lies between it and IP: VLAN tags, MPLS, PPPoE.

#include "dataplane/packet/parse_internal.h"

static enum step parse_mpls(struct parse_state *w)
{
	for (unsigned i = 0; i < PARSE_MPLS_MAX; i++) {
		if (left(w) < 4)
			return fail(w, PACKET_MPLS_TRUNCATED);
		bool bottom = w->d[w->at + 2] & 1;
		w->at += 4;
		if (bottom)
			return left(w) ? by_version(w) : fail(w, PACKET_MPLS_TRUNCATED);
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
