// Finds the user in a plain G-PDU, and by its address the worker.

#include "dataplane/worker/spread.h"

#include <string.h>

#include "shared/filter.h"
#include "shared/keyed_hash.h"
#include "shared/wire.h"

#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define TYPE_VLAN 0x8100
#define TYPE_QINQ 0x88a8
#define TAGS_MAX 2
#define PORT_GTPU 2152
#define EXTENSIONS_MAX 4
#define EXTENSION_PDU_SESSION 0x85
#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_ESP 50
#define PROTOCOL_ICMPV6 58
#define PROTOCOL_SCTP 132

enum towards { UNKNOWN, FROM_USER, TO_USER };

struct carrier {
	uint32_t l3; // outer IP header
	uint8_t family;
	uint32_t gtp; // GTP-U header
};

struct content { // of the G-PDU
	uint32_t at, end;
	enum towards towards;
};

static inline bool find_carrier(const uint8_t *d, uint32_t length, struct carrier *c)
{
	uint32_t at = 14;

	if (length < at + TAGS_MAX * 4 + 40 + 8 + 8)
		return false;
	uint16_t type = wire_load16(d + 12);
	for (unsigned i = 0; i < TAGS_MAX && (type == TYPE_VLAN || type == TYPE_QINQ); i++) {
		type = wire_load16(d + at + 2);
		at += 4;
	}
	c->l3 = at;
	if (type == TYPE_IPV4) {
		if (d[at] != 0x45 || wire_load16(d + at + 6) & 0x3fff || d[at + 9] != PROTOCOL_UDP)
			return false;
		c->family = 4;
		at += 20;
	} else {
		if (type != TYPE_IPV6 || d[at] >> 4 != 6 || d[at + 6] != PROTOCOL_UDP)
			return false;
		c->family = 6;
		at += 40;
	}
	c->gtp = at + 8;
	return wire_load16(d + at + 2) == PORT_GTPU;
}

static inline bool pass_extensions(
	const uint8_t *d, uint32_t length, uint8_t next, struct content *c)
{
	for (unsigned i = 0; next; i++) {
		if (i == EXTENSIONS_MAX || c->at + 4 > length)
			return false;
		const uint8_t *p = d + c->at;
		uint32_t size = p[0] * 4u;
		if (size == 0 || c->at + size > length)
			return false;
		if (next == EXTENSION_PDU_SESSION && p[1] >> 4 <= 1 && c->towards == UNKNOWN)
			c->towards = p[1] >> 4 ? FROM_USER : TO_USER;
		next = p[size - 1];
		c->at += size;
	}
	return true;
}

static inline bool find_content(const uint8_t *d, uint32_t length, uint32_t gtp, struct content *c)
{
	const uint8_t *p = d + gtp;

	if ((p[0] & 0xf0) != 0x30 || p[1] != 255)
		return false;
	c->at = gtp + 8;
	c->end = c->at + wire_load16(p + 2);
	c->towards = UNKNOWN;
	if (!(p[0] & 0x07))
		return true;
	if (c->at + 4 > length)
		return false;
	c->at += 4;
	return pass_extensions(d, length, p[0] & 0x04 ? p[11] : 0, c);
}

// True for what carries nothing that is looked into, and of which no fragment can come.
static inline bool is_plain(const uint8_t *upper, uint8_t protocol)
{
	switch (protocol) {
	case PROTOCOL_UDP:
		return wire_load16(upper + 2) != PORT_GTPU;
	case PROTOCOL_TCP:
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
	case PROTOCOL_ESP:
	case PROTOCOL_SCTP:
		return true;
	default:
		return false;
	}
}

static bool is_ours(const struct port_traits *port, uint8_t family, const uint8_t *address)
{
	for (unsigned i = 0; i < port->n_endpoints; i++)
		if (ip_prefix_covers(&port->endpoint[i], family, address))
			return true;
	return false;
}

// Without a container the gateway's end decides.
static __attribute__((noinline)) enum towards by_endpoints(
	const struct port_traits *port, const uint8_t *d, const struct carrier *c)
{
	const uint8_t *source = d + c->l3 + (c->family == 4 ? 12 : 8);
	bool from_us = is_ours(port, c->family, source);
	bool to_us = is_ours(port, c->family, source + (c->family == 4 ? 4 : 16));

	return from_us == to_us ? UNKNOWN : to_us ? FROM_USER : TO_USER;
}

static inline uint64_t end_hash(const struct spread *s, uint64_t end, uint64_t family)
{
	const uint64_t words[2] = {end, family};

	return keyed_hash(s->seed, words, 2);
}

static inline uint32_t owner_of(
	const struct spread *s, enum towards towards, const uint64_t end[2], uint64_t family)
{
	// The sum is the same both ways. One hash alone would make all pairs of one sum alike.
	uint64_t h = towards == UNKNOWN ? end_hash(s, end[0], family) + end_hash(s, end[1], family)
					: end_hash(s, end[towards == TO_USER], family);

	return (uint32_t)((h >> 32) * s->n_workers >> 32);
}

static inline uint64_t word_at(const uint8_t *p, unsigned octets)
{
	uint64_t v = 0;

	memcpy(&v, p, octets);
	return v;
}

uint32_t spread_owner(const struct spread *s, const struct port_traits *port, const uint8_t *data,
	uint32_t length)
{
	struct carrier carrier;
	struct content c;

	if (!find_carrier(data, length, &carrier) || !find_content(data, length, carrier.gtp, &c) ||
		c.end > length || c.at + 28 > c.end)
		return SPREAD_STAYS;
	const uint8_t *ip = data + c.at;
	uint64_t end[2];
	uint8_t family = ip[0] >> 4;
	if (family == 4) {
		uint32_t header = (ip[0] & 15) * 4u;
		if (header < 20 || c.at + header + 8 > c.end ||
			c.at + wire_load16(ip + 2) != c.end || wire_load16(ip + 6) & 0x3fff ||
			!is_plain(ip + header, ip[9]))
			return SPREAD_STAYS;
		end[0] = word_at(ip + 12, 4);
		end[1] = word_at(ip + 16, 4);
	} else {
		if (family != 6 || c.at + 48 > c.end || c.at + 40 + wire_load16(ip + 4) != c.end ||
			!is_plain(ip + 40, ip[6]))
			return SPREAD_STAYS;
		end[0] = word_at(ip + 8, 8);
		end[1] = word_at(ip + 24, 8);
	}
	if (c.towards == UNKNOWN && port->n_endpoints)
		c.towards = by_endpoints(port, data, &carrier);
	return owner_of(s, c.towards, end, family);
}
