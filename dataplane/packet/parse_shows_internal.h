#pragma once

// Recognizes IP or Ethernet in octets without a certain protocol number. None of these functions
// moves on; each reads only the octets that are there.

#include "dataplane/packet/parse_internal.h"

#define FRAME_PADDED 64u // octets of the longest frame that is filled up, with its check sequence
#define FRAME_CHECK 4u	 // octets of a check sequence that the mirror left

// Octets that may be an IP packet or a frame: `size` of them by the word of what carries them, of
// which `here` are there.
struct content {
	const uint8_t *p;
	uint32_t here, size;
	bool labels; // a label stack carries it, which has no length and no protocol: believe
		     // nothing less than checksums and exact lengths
	bool padded; // the frame may have been filled up
};

// Returns whether the IPv4 header of `header` octets has the right checksum.
static bool ipv4_checksum_holds(const uint8_t *ip, uint32_t header)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < header; i += 2)
		sum += wire_load16(ip + i);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

// The header of an IPv4 packet is there and has the right checksum.
static bool is_ipv4_header(const struct content *c)
{
	uint32_t header = c->here ? (c->p[0] & 15u) * 4 : 0;

	return header >= 20 && c->here >= header && c->p[0] >> 4 == 4 &&
	       ipv4_checksum_holds(c->p, header);
}

static bool shows_ipv4(const struct content *c)
{
	if (c->here < 20 || c->p[0] >> 4 != 4)
		return false;
	uint32_t header = (c->p[0] & 15u) * 4, length = wire_load16(c->p + 2);
	if (header < 20 || c->here < header || length > c->size)
		return false;
	return (length == 0 || length >= header) &&
	       (!c->labels || ipv4_checksum_holds(c->p, header));
}

static bool shows_ipv6(const struct content *c)
{
	if (c->here < 40 || c->p[0] >> 4 != 6)
		return false;
	uint32_t length = wire_load16(c->p + 4) + 40u;
	if (length > c->size)
		return false;
	uint32_t behind = c->size - length;
	return !c->labels || behind == 0 || behind == FRAME_CHECK || c->padded;
}

static bool is_vlan(uint16_t type)
{
	return type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ || type == ETHERTYPE_QINQ_OLD ||
	       type == ETHERTYPE_QINQ_OTHER;
}

// Octets of a tag between its ethertype and the next one; 0 where the type is none of a tag.
static uint32_t tag_size(uint16_t type)
{
	return is_vlan(type)		 ? 2
	       : type == ETHERTYPE_VNTAG ? 4
	       : type == ETHERTYPE_ETAG	 ? 6
	       : type == ETHERTYPE_CMD	 ? 6
					 : 0;
}

// Version 1, and one option, which is a security group tag.
static bool is_metadata(const uint8_t *p)
{
	return p[0] == 1 && p[1] == 1;
}

static struct content behind(struct content c, uint32_t octets)
{
	c.p += octets;
	c.here -= octets;
	c.size -= octets;
	return c;
}

// Sub-network access protocol with an ethertype (RFC 1042, IEEE 802.1H).
static bool is_snap(const uint8_t *p, uint32_t here)
{
	return here >= 8 && p[0] == 0xaa && p[1] == 0xaa && p[2] == 3 && p[3] == 0 && p[4] == 0 &&
	       (p[5] == 0 || p[5] == 0xf8);
}

static bool shows_type(const struct content *c, uint16_t type)
{
	static const uint8_t arp[6] = {0, 1, 8, 0, 6, 4}; // of IPv4 over Ethernet

	switch (type) {
	case ETHERTYPE_IPV4:
		return shows_ipv4(c);
	case ETHERTYPE_IPV6:
		return shows_ipv6(c);
	case ETHERTYPE_ARP:
		return c->here >= 28 && !memcmp(c->p, arp, sizeof(arp));
	case ETHERTYPE_PPPOE_DISCOVERY:
	case ETHERTYPE_PPPOE:
		return c->here >= 6 && c->p[0] == 0x11;
	case ETHERTYPE_NSH:
	case ETHERTYPE_ITAG:
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_UPSTREAM:
	case ETHERTYPE_LLDP:
		return c->here >= 4;
	default:
		return type <= LLC_LENGTH_MAX && type >= 8 && type <= c->size &&
		       is_snap(c->p, c->here);
	}
}

// Recognizes an Ethernet header, and behind its tags the type's content.
static bool shows_ethernet(struct content c)
{
	if (c.here < 14 || c.size < 14)
		return false;
	uint16_t type = wire_load16(c.p + 12);
	c = behind(c, 14);
	for (unsigned n = 0; n <= PARSE_VLAN_MAX; n++) {
		uint32_t tag = tag_size(type);
		if (tag == 0)
			return shows_type(&c, type);
		if (c.here < tag + 2 || (type == ETHERTYPE_CMD && !is_metadata(c.p)))
			return false;
		type = wire_load16(c.p + tag);
		c = behind(c, tag + 2);
	}
	return false;
}

// The octets from `at`, `size` of them by the word of what carries them.
static struct content content_of(const struct parse_state *w, uint32_t size, bool labels)
{
	return (struct content){.p = w->d + w->at,
		.here = left(w) < size ? left(w) : size,
		.size = size,
		.labels = labels,
		.padded = w->v->total <= FRAME_PADDED};
}
