#pragma once

// IPv4 and IPv6 with its extension headers: each adds a layer to the view.

#include "dataplane/packet/parse_internal.h"

#define JUMBO_MAX 0xffffffu // longer than any frame

static inline uint8_t cut_flags(const struct parse_state *w)
{
	return w->port->deliver_cut ? LAYER_CUT | LAYER_CUT_TAKEN : LAYER_CUT;
}

// A new layer at `at` whose datagram has `length` octets by its own word; narrows `end` to it.
static struct packet_layer *add_layer(struct parse_state *w, uint32_t length)
{
	struct packet_layer *l = &w->v->layer[w->v->n_layers++];
	uint32_t end = w->at + length;

	*l = (struct packet_layer){.l3 = (uint16_t)w->at, .wrap = w->wrap};
	l->length = (uint16_t)(length < OFFSETS_MAX ? length : OFFSETS_MAX);
	if (end > w->end)
		l->flags = cut_flags(w);
	else
		w->end = end;
	return l;
}

// The octets from `at` to the end of the enclosing header, for a packet with a length of 0, as
// segmentation offload (TSO) and BIG TCP have it.
static uint32_t without_length(struct parse_state *w)
{
	w->lie = PACKET_IP_NO_LENGTH;
	return w->end - w->at;
}

// A frame longer than the view's offsets reach holds more than that of a packet without a length.
static void mark_cut(const struct parse_state *w, struct packet_layer *l)
{
	if (w->lie == PACKET_IP_NO_LENGTH && w->v->total > OFFSETS_MAX)
		l->flags |= cut_flags(w);
}

// IPv4 passes over authentication headers (RFC 4302), as IPv6 does among its extension headers. `end`
// is that of the datagram by its own word.
static enum step parse_authentication(struct parse_state *w, struct packet_layer *l, uint32_t end)
{
	for (unsigned n = 0; l->protocol == PROTOCOL_AH; n++) {
		if (n == PARSE_AH_MAX)
			return fail(w, PACKET_AH_DEPTH);
		if (left(w) < 8)
			return fail(w, PACKET_AH_TRUNCATED);
		const uint8_t *p = w->d + w->at;
		uint32_t size = (p[1] + 2u) * 4;
		if (left(w) < size)
			return fail(w, PACKET_AH_TRUNCATED);
		l->protocol = p[0];
		w->at += size;
	}
	w->vouched = end - w->at;
	return STEP_UPPER;
}

static enum step parse_ipv4(struct parse_state *w)
{
	if (w->v->n_layers == PACKET_LAYERS_MAX)
		return fail(w, PACKET_TUNNEL_DEPTH);
	if (left(w) < 20)
		return fail(w, PACKET_IPV4_TRUNCATED);
	const uint8_t *ip = w->d + w->at;
	if (ip[0] >> 4 != 4)
		return fail(w, PACKET_IPV4_VERSION);
	uint32_t header = (ip[0] & 15u) * 4;
	if (header < 20)
		return fail(w, PACKET_IPV4_HEADER_LENGTH);
	if (left(w) < header)
		return fail(w, PACKET_IPV4_TRUNCATED);
	uint32_t length = wire_load16(ip + 2);
	if (length == 0)
		length = without_length(w);
	if (length < header)
		return fail(w, PACKET_IPV4_TOTAL_LENGTH);
	struct packet_layer *l = add_layer(w, length);
	mark_cut(w, l);
	l->family = 4;
	l->source = 12;
	l->address_length = 4;
	l->protocol = ip[9];
	uint16_t fragment = wire_load16(ip + 6);
	if (fragment & 0x3fff) {
		l->fragment_id = wire_load16(ip + 4);
		l->flags |= fragment & 0x1fff ? LAYER_FRAGMENT_LATER : LAYER_FRAGMENT_FIRST;
	}
	if (fragment & 0x1fff)
		return STEP_DONE;
	uint32_t end = w->at + length;
	w->at += header;
	return parse_authentication(w, l, end);
}

static inline bool is_extension(uint8_t next)
{
	switch (next) {
	case 0:	  // hop-by-hop options
	case 43:  // routing
	case 44:  // fragment
	case 51:  // authentication
	case 60:  // destination options
	case 135: // mobility
	case 139: // host identity
	case 140: // shim6
		return true;
	default:
		return false;
	}
}

// Passes over the extension headers; `end` is that of the datagram by its own word.
static enum step parse_extensions(
	struct parse_state *w, struct packet_layer *l, uint8_t next, uint32_t end)
{
	for (unsigned n = 0; is_extension(next); n++) {
		if (n == PARSE_IPV6_EXT_MAX)
			return fail(w, PACKET_IPV6_EXT_DEPTH);
		if (left(w) < 8)
			return fail(w, PACKET_IPV6_EXT_TRUNCATED);
		const uint8_t *p = w->d + w->at;
		uint32_t size = next == 44 ? 8 : next == 51 ? (p[1] + 2u) * 4 : (p[1] + 1u) * 8;
		if (left(w) < size)
			return fail(w, PACKET_IPV6_EXT_TRUNCATED);
		uint8_t kind = next;
		next = p[0];
		w->at += size;
		if (kind != 44)
			continue;
		uint16_t fragment = wire_load16(p + 2);
		if (!(fragment & 0xfff9)) // an atomic fragment is a whole datagram
			continue;
		l->fragment_id = wire_load32(p + 4);
		l->flags |= fragment & 0xfff8 ? LAYER_FRAGMENT_LATER : LAYER_FRAGMENT_FIRST;
		if (fragment & 0xfff8) {
			l->protocol = next;
			return STEP_DONE;
		}
	}
	l->protocol = next;
	w->vouched = end - w->at;
	return STEP_UPPER;
}

// Octets behind an IPv6 header whose payload length is 0: those of a jumbo payload option (RFC 2675),
// else all that there are.
static uint32_t long_payload(struct parse_state *w)
{
	const uint8_t *ip = w->d + w->at;

	if (ip[6] == PROTOCOL_NONE)
		return 0;
	if (ip[6] == 0 && left(w) >= 48 && ip[42] == 0xc2 && ip[43] == 4) {
		uint32_t jumbo = wire_load32(ip + 44);
		w->lie = PACKET_IP_NO_LENGTH;
		return jumbo < JUMBO_MAX ? jumbo : JUMBO_MAX;
	}
	return w->end - w->at > 40 ? without_length(w) - 40 : 0;
}

static enum step parse_ipv6(struct parse_state *w)
{
	if (w->v->n_layers == PACKET_LAYERS_MAX)
		return fail(w, PACKET_TUNNEL_DEPTH);
	if (left(w) < 40)
		return fail(w, PACKET_IPV6_TRUNCATED);
	const uint8_t *ip = w->d + w->at;
	if (ip[0] >> 4 != 6)
		return fail(w, PACKET_IPV6_VERSION);
	uint32_t payload = wire_load16(ip + 4);
	if (payload == 0)
		payload = long_payload(w);
	struct packet_layer *l = add_layer(w, 40 + payload);
	uint32_t end = w->at + 40 + payload;
	mark_cut(w, l);
	l->family = 6;
	l->source = 8;
	l->address_length = 16;
	l->protocol = ip[6];
	if (payload == 0 && ip[6] != PROTOCOL_NONE)
		return fail(w, PACKET_IPV6_PAYLOAD_LENGTH);
	w->at += 40;
	return parse_extensions(w, l, ip[6], end);
}
