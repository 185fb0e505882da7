#pragma once

// The shortest way through what most frames are: Ethernet with at most one tag, IP without options,
// extensions or fragments, TCP or UDP; the same within GTP-U. It takes a frame as a whole or leaves it
// to the general way, with the same view.

#include "dataplane/packet/parse_mirror_internal.h"

struct fast_ports {    // destination ports that the fast path leaves to the general one
	uint64_t bits; // of tunnel_bits
	bool gtpu;
	const struct port_traits *port;
};

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

// Notes the ends of the user's IP header at `at`. Returns the shape's family.
static inline __attribute__((always_inline)) uint8_t shape_ends(
	struct packet_view *v, uint32_t at, uint8_t family)
{
	const uint8_t *ip = v->data + at;

	v->end[0] = family == 4 ? wire_load32(ip + 12) : load64(ip + 8);
	v->end[1] = family == 4 ? wire_load32(ip + 16) : load64(ip + 24);
	return family == 4 ? SHAPE_V4 : SHAPE_V6;
}

// Reads the header of a user's packet at `at` that ends at `end` by its own word, as what carries it
// does. False: it is not plain, or not all of it that matters is there.
static inline __attribute__((always_inline)) bool fast_user(
	const struct packet_view *v, uint32_t at, uint32_t end, struct packet_layer *l)
{
	const uint8_t *ip = v->data + at;
	uint32_t header;

	if (at + 28 > end || end > v->length)
		return false;
	if (ip[0] == 0x45) {
		if (wire_load16(ip + 6) & 0x3fff || at + wire_load16(ip + 2) != end)
			return false;
		*l = (struct packet_layer){.family = 4, .protocol = ip[9], .source = 12, .address_length = 4};
		header = 20;
	} else {
		if (ip[0] >> 4 != 6 || at + 48 > end || at + 40 + wire_load16(ip + 4) != end)
			return false;
		*l = (struct packet_layer){.family = 6, .protocol = ip[6], .source = 8, .address_length = 16};
		header = 40;
	}
	const uint8_t *p = ip + header;
	uint32_t content = end - at - header;
	l->sport = wire_load16(p);
	l->dport = wire_load16(p + 2);
	if (l->protocol == PROTOCOL_UDP) {
		uint32_t udp = wire_load16(p + 4);
		if (udp < 8 || udp > content || l->dport == PORT_GTPU)
			return false;
	} else if (l->protocol == PROTOCOL_TCP && content >= 20) {
		uint32_t tcp = (p[12] >> 4) * 4u;
		if (tcp < 20 || tcp > content)
			return false;
	} else {
		return false;
	}
	l->l3 = (uint16_t)at;
	l->l4 = (uint16_t)(at + header);
	l->length = (uint16_t)(end - at);
	l->flags = LAYER_PORTS;
	l->wrap = WRAP_GTPU;
	return true;
}

// A G-PDU with at most a PDU session container. Its carrier's header of `ip` octets at `l3` and of UDP are
// in order, and 8 octets behind them are there. `length`: of the carrier by its own word.
static __attribute__((noinline)) bool fast_gtpu(
	struct packet_view *v, uint32_t l3, uint32_t ip, uint32_t length)
{
	const uint32_t udp = l3 + ip;
	const uint8_t *p = v->data + udp + 8;
	uint32_t start = udp + 8, datagram = udp + wire_load16(v->data + udp + 4);
	uint32_t at = start + 8, end = at + wire_load16(p + 2);
	struct packet_layer user;

	if ((p[0] & 0xf8) != 0x30 || p[1] != 255 || end > datagram || end > v->length)
		return false;
	uint8_t flags = VIEW_GTPU, type = 0, qfi = 0;
	if (p[0] & 0x07) {
		if (end < at + 8)
			return false;
		at += 4;
		if (p[0] & 0x04 && p[11]) {
			if (p[11] != 0x85 || p[12] != 1 || p[13] >> 4 > 1 || p[15])
				return false;
			flags |= VIEW_PDU_SESSION;
			type = p[13] >> 4;
			qfi = p[14] & 0x3f;
			at += 4;
		}
	}
	if (!fast_user(v, at, end, &user))
		return false;
	v->outcome = PACKET_GTPU;
	v->flags = flags;
	v->n_layers = 2;
	v->shape = SHAPE_GTP | (ip == 20 ? 0 : SHAPE_CARRIER6) | shape_ends(v, at, user.family);
	v->carrier = load64(v->data + l3 + 12);
	v->gtp_outer = 0;
	v->gtp_header = (uint16_t)(at - start);
	v->pdu_type = type;
	v->qfi = qfi;
	v->n_nested = 0;
	v->gtp = (uint16_t)start;
	v->gtp_length = (uint16_t)(end - start);
	v->teid = wire_load32(p + 4);
	v->layer[0] = (struct packet_layer){.l3 = (uint16_t)l3,
		.l4 = (uint16_t)udp,
		.length = (uint16_t)length,
		.sport = wire_load16(v->data + udp),
		.dport = PORT_GTPU,
		.family = ip == 20 ? 4 : 6,
		.protocol = PROTOCOL_UDP,
		.flags = LAYER_PORTS | LAYER_CARRIER,
		.source = ip == 20 ? 12 : 8,
		.address_length = ip == 20 ? 4 : 16};
	v->layer[1] = user;
	return true;
}

// Few frames ask: it stays out of the way of the others.
static __attribute__((noinline)) enum udp_tunnel tunnel_by_port(
	const struct port_traits *port, uint16_t dport)
{
	return tunnel_of(port, dport);
}

// Behind a plain header of `ip` octets at `l3`, in a datagram of `length`: writes the whole view
// when TCP or UDP is in order there. 20 octets beyond an IPv4 header and 8 beyond an IPv6 header are readable.
static inline __attribute__((always_inline)) bool fast_upper(
	const struct fast_ports *special, struct packet_view *v, struct packet_layer l, uint32_t ip)
{
	const uint8_t *p = v->data + l.l3 + ip;

	l.sport = wire_load16(p);
	l.dport = wire_load16(p + 2);
	if (l.protocol == PROTOCOL_TCP) {
		if (ip == 40 && l.l3 + ip + 20 > v->length)
			return false;
		uint32_t header = (p[12] >> 4) * 4u;
		if (header < 20 || ip + header > l.length)
			return false;
	} else if (l.protocol == PROTOCOL_UDP) {
		uint32_t udp = wire_load16(p + 4);
		if (udp < 8 || ip + udp > l.length)
			return false;
		if (special->bits & port_bit(l.dport)) {
			if (l.dport == PORT_GTPU && special->gtpu)
				return udp >= 16 && (ip == 20 || l.l3 + ip + 16 <= v->length) &&
				       fast_gtpu(v, l.l3, ip, l.length);
			if (tunnel_by_port(special->port, l.dport) != UDP_NONE)
				return false;
		}
	} else {
		return false;
	}
	l.l4 = (uint16_t)(l.l3 + ip);
	l.flags = LAYER_PORTS;
	v->outcome = PACKET_IP;
	v->flags = 0;
	v->n_layers = 1;
	v->shape = shape_ends(v, l.l3, l.family);
	v->teid = 0;
	v->layer[0] = l;
	return true;
}

// Ethernet, at most one tag, IP without options or fragments, TCP or UDP, nothing cut.
static inline __attribute__((always_inline)) bool parse_fast(
	const struct fast_ports *special, struct packet_view *v)
{
	const uint8_t *d = v->data;
	uint32_t l3 = 14;

	if (v->length < 14 + 4 + 40 || v->total > OFFSETS_MAX)
		return false;
	uint16_t type = wire_load16(d + 12);
	if (type == ETHERTYPE_VLAN) {
		type = wire_load16(d + 16);
		l3 = 18;
	}
	const uint8_t *ip = d + l3;
	if (type == ETHERTYPE_IPV4) {
		uint16_t length = wire_load16(ip + 2);
		if (ip[0] != 0x45 || wire_load16(ip + 6) & 0x3fff || length < 20 ||
			l3 + length > v->total)
			return false;
		struct packet_layer l = {.l3 = (uint16_t)l3,
			.length = length,
			.family = 4,
			.protocol = ip[9],
			.source = 12,
			.address_length = 4};
		return fast_upper(special, v, l, 20);
	}
	if (type == ETHERTYPE_IPV6) {
		uint32_t length = 40u + wire_load16(ip + 4);
		if (ip[0] >> 4 != 6 || length < 48 || l3 + length > v->total || l3 + 48 > v->length)
			return false;
		struct packet_layer l = {.l3 = (uint16_t)l3,
			.length = (uint16_t)length,
			.family = 6,
			.protocol = ip[6],
			.source = 8,
			.address_length = 16};
		return fast_upper(special, v, l, 40);
	}
	return false;
}
