#pragma once

// Ethernet and what lies between it and IP: tags, LLC, MPLS, PPPoE, NSH.

#include "dataplane/packet/parse_shows_internal.h"

// Ethernet behind a label stack (RFC 4448): with a control word, which begins with four bits of 0,
// or without. Its IP has to show itself as IP does behind labels. Leaves `at` on the Ethernet
// header.
static bool enter_pseudowire(struct parse_state *w)
{
	struct content c = content_of(w, w->end - w->at, true);

	if (!w->port->mpls_pseudowire || is_inside_gtpu(w))
		return false;
	if (c.here >= 18 && c.p[0] >> 4 == 0 && shows_ethernet(behind(c, 4)))
		w->at += 4;
	else if (!shows_ethernet(c))
		return false;
	w->wrap = WRAP_MIRROR;
	return true;
}

// Behind a label stack nothing names the protocol: it may be IP, or Ethernet whose MAC address
// begins as IP does. IP has to show itself, so that no addresses are invented.
static enum step leave_labels(struct parse_state *w)
{
	struct content c = content_of(w, w->end - w->at, true);

	if (is_ipv4_header(&c))
		return ip_length(w) > c.size ? fail(w, PACKET_MPLS_TRUNCATED) : STEP_IPV4;
	if (shows_ipv6(&c))
		return STEP_IPV6;
	return enter_pseudowire(w) ? STEP_ETHERNET : leave_closed(w, UNOPENED_MPLS, 0);
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

// Ends the content at the PPPoE length, at `end`. The length is ignored where the frame ends before
// that, and where an IP packet goes beyond it and the frame holds all of that.
static void end_pppoe(struct parse_state *w, uint32_t end)
{
	uint32_t ip_end = w->at + ip_length(w);

	if (end > w->end || (ip_end > end && ip_end <= w->end))
		w->lie = PACKET_PPPOE_CLAMPED;
	else
		w->end = end;
}

// Parses the content of PPP: `at` is behind its protocol.
static enum step parse_ppp(struct parse_state *w, uint16_t protocol)
{
	switch (protocol) {
	case 0x0021:
		return STEP_IPV4;
	case 0x0057:
		return STEP_IPV6;
	case 0x0281: // labels
	case 0x0283:
		return parse_mpls(w);
	default:
		if (protocol < 0x8000) // those above control the link
			return leave_closed(w, UNOPENED_PPP, protocol);
		return STEP_DONE;
	}
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
	if (protocol == 0x0021 || protocol == 0x0057)
		end_pppoe(w, content);
	else if (w->end > content)
		w->end = content;
	return parse_ppp(w, protocol);
}

// RFC 8300: base header, service path, and context that is passed over.
static enum step parse_nsh(struct parse_state *w)
{
	const uint8_t *p = w->d + w->at;

	if (left(w) < 8)
		return fail(w, PACKET_VLAN_TRUNCATED);
	uint32_t size = (p[1] & 0x3fu) * 4;
	if (p[0] >> 6 != 0 || p[0] & 0x20 || size < 8) // another version, or management
		return leave_closed(w, UNOPENED_ETHERTYPE, ETHERTYPE_NSH);
	if (left(w) < size)
		return fail(w, PACKET_VLAN_TRUNCATED);
	w->at += size;
	switch (p[3]) {
	case 1:
		return STEP_IPV4;
	case 2:
		return STEP_IPV6;
	case 3:
		return STEP_ETHERNET;
	case 5:
		return parse_mpls(w);
	default:
		return leave_closed(w, UNOPENED_NSH, p[3]);
	}
}

// 802.1ah: the instance tag, and the customer's frame.
static enum step parse_itag(struct parse_state *w)
{
	if (left(w) < 4)
		return fail(w, PACKET_VLAN_TRUNCATED);
	w->at += 4;
	return STEP_ETHERNET;
}

static enum step parse_named(struct parse_state *w, uint16_t type)
{
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
	case ETHERTYPE_NSH:
		return parse_nsh(w);
	case ETHERTYPE_ITAG:
		return parse_itag(w);
	case ETHERTYPE_ARP:
	case ETHERTYPE_LLDP:
	case ETHERTYPE_PPPOE_DISCOVERY:
	case 0x8809: // slow protocols (LACP)
	case 0x888e: // 802.1X
	case 0x88f7: // precision time
	case 0x8902: // connectivity faults
	case 0x9000: // loopback
		return STEP_DONE;
	default:
		return leave_closed(w, UNOPENED_ETHERTYPE, type);
	}
}

// Logical link control behind a length, which is not looked at: IP has its own.
static enum step parse_llc(struct parse_state *w)
{
	const uint8_t *p = w->d + w->at;

	if (left(w) < 3)
		return STEP_DONE;
	if (is_snap(p, left(w))) {
		w->at += 8;
		return parse_named(w, wire_load16(p + 6));
	}
	if (p[0] == 6 && p[1] == 6 && p[2] == 3) {
		w->at += 3;
		return STEP_IPV4;
	}
	if (p[0] == 0x42 || p[0] == 0xfe || p[0] == 0xaa) // spanning tree, IS-IS, makers' own
		return STEP_DONE;
	return leave_closed(w, UNOPENED_LLC, p[0]);
}

// Passes the tags; leaves `at` behind the type, which it returns in `type`.
static bool pass_tags(struct parse_state *w, uint16_t *type)
{
	unsigned tags = 0;
	uint32_t size;

	while ((size = tag_size(*type)) != 0) {
		if (tags++ == PARSE_VLAN_MAX) {
			fail(w, PACKET_VLAN_DEPTH);
			return false;
		}
		if (left(w) < size + 2) {
			fail(w, PACKET_VLAN_TRUNCATED);
			return false;
		}
		if (*type == ETHERTYPE_CMD && !is_metadata(w->d + w->at)) {
			leave_closed(w, UNOPENED_ETHERTYPE, *type);
			return false;
		}
		*type = wire_load16(w->d + w->at + size);
		w->at += size + 2;
	}
	return true;
}

static enum step parse_ethertype(struct parse_state *w, uint16_t type)
{
	return pass_tags(w, &type) ? parse_named(w, type) : STEP_DONE;
}

static enum step parse_ethernet(struct parse_state *w)
{
	if (left(w) < 14)
		return fail(w, PACKET_ETH_TRUNCATED);
	if (w->ethernets++ == PARSE_ETHERNET_MAX)
		return fail(w, PACKET_VLAN_DEPTH);
	uint16_t type = wire_load16(w->d + w->at + 12);
	w->at += 14;
	if (!pass_tags(w, &type))
		return STEP_DONE;
	return type <= LLC_LENGTH_MAX ? parse_llc(w) : parse_named(w, type);
}

// The type of an Ethernet header, for content that cannot be IP.
static bool has_known_type(const struct content *c)
{
	if (c->here < 14)
		return false;
	uint16_t type = wire_load16(c->p + 12);
	switch (type) {
	case ETHERTYPE_IPV4:
		return c->here > 14 && c->p[14] >> 4 == 4;
	case ETHERTYPE_IPV6:
		return c->here > 14 && c->p[14] >> 4 == 6;
	case ETHERTYPE_ARP:
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_UPSTREAM:
	case ETHERTYPE_PPPOE_DISCOVERY:
	case ETHERTYPE_PPPOE:
	case ETHERTYPE_LLDP:
		return true;
	default:
		return is_vlan(type);
	}
}

// The content of a G-PDU, of `size` octets, is Ethernet where it is no IP packet of exactly its
// length and has no IPv4 header with a right checksum. Where its first octet could be IP's, all of
// it has to show Ethernet: what looks like a type may be half of an IP address.
static __attribute__((noinline)) bool shows_no_ip(const struct parse_state *w, uint32_t size)
{
	const struct content c = content_of(w, size, false);

	if (c.here == 0 || is_ipv4_header(&c))
		return false;
	return by_version(w) == STEP_DONE ? has_known_type(&c) : shows_ethernet(c);
}

static inline bool looks_ethernet(const struct parse_state *w, uint32_t size)
{
	return ip_length(w) != size && shows_no_ip(w, size);
}
