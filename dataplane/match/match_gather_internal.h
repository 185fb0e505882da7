#pragma once

// Gathering: the keys of a packet that sifting let through.

#include "dataplane/match/match_sift_internal.h"

// A stage is a place in the base (even) or the delta (odd).
static void add_probe(struct search *s, unsigned packet, unsigned place, uint64_t key)
{
	for (unsigned delta = 0; delta < 2; delta++) {
		const struct index *x = delta ? s->t->delta : s->t->base;
		if (!x->n_entries || place * 2 + delta < s->first_stage || s->full)
			continue;
		if (s->n == PROBES_MAX) {
			s->full = true;
			s->next_packet = (uint16_t)packet;
			s->next_stage = (uint16_t)(place * 2 + delta);
			return;
		}
		__builtin_prefetch(&x->start[key >> x->shift]);
		s->probe[s->n++] = (struct probe){.key = key,
			.place = (uint16_t)place,
			.packet = (uint8_t)packet,
			.delta = (uint8_t)delta};
	}
}

static void gather_v4(struct search *s, unsigned packet, unsigned place, const uint8_t *a)
{
	const struct table *t = s->t;
	uint32_t address = wire_load32(a);
	uint64_t lengths = t->base->lengths4 | t->delta->lengths4;
	bool near = near_has(t->filters, &t->seeds, address);

	if (!near)
		lengths &= low_bits(t->filters->fine);
	if (lengths & low_bits(t->filters->fine) && !cover_has(t->filters, address))
		lengths &= ~low_bits(t->filters->fine);
	for (; lengths; lengths &= lengths - 1) {
		unsigned length = (unsigned)__builtin_ctzll(lengths);
		uint64_t h = hash_v4(&t->seeds, mask_v4(address, length));
		add_probe(s, packet, place + length,
			key_finish(&t->seeds, h, ANCHOR_PREFIX4, length));
	}
	if (near && t->kinds & KIND(EXACT4))
		add_probe(s, packet, place + 32,
			key_finish(&t->seeds, hash_v4(&t->seeds, address), ANCHOR_PREFIX4, 32));
}

static void gather_lengths6(struct search *s, unsigned packet, unsigned place, const uint8_t *a,
	unsigned base, uint64_t lengths)
{
	uint8_t cut[16];

	for (; lengths; lengths &= lengths - 1) {
		unsigned length = base + (unsigned)__builtin_ctzll(lengths);
		mask_v6(a, length, cut);
		add_probe(s, packet, place + length,
			key_finish(&s->t->seeds, hash_v6(&s->t->seeds, cut), ANCHOR_PREFIX6,
				length));
	}
}

static void gather_v6(struct search *s, unsigned packet, unsigned place, const uint8_t *a)
{
	const struct table *t = s->t;
	const struct index *base = t->base, *delta = t->delta;
	uint64_t x = load64(a), shorter = low_bits(t->filters->near_length);
	uint64_t lengths = base->lengths6[0] | delta->lengths6[0];
	bool near = near_has(t->filters, &t->seeds, x);

	if (!near)
		lengths &= shorter;
	if (lengths & shorter && !six_has(t->filters, &t->seeds, x))
		lengths &= ~shorter;
	gather_lengths6(s, packet, place, a, 0, lengths);
	if (!near)
		return;
	gather_lengths6(s, packet, place, a, 64, base->lengths6[1] | delta->lengths6[1]);
	if (!(t->kinds & KIND(EXACT6)))
		return;
	uint64_t h = hash_v6(&t->seeds, a);
	if (bloom_has(&t->filters->whole6, (uint32_t)(h >> 32)))
		add_probe(s, packet, place + 128, key_finish(&t->seeds, h, ANCHOR_PREFIX6, 128));
}

static void gather_port(
	struct search *s, unsigned packet, unsigned place, uint8_t protocol, uint16_t port)
{
	const struct table *t = s->t;

	if (!bit_of(t->filters->port[protocol == 17], port))
		return;
	for (uint32_t m = t->base->port_logs | t->delta->port_logs; m; m &= m - 1) {
		unsigned log2 = (unsigned)__builtin_ctz(m);
		add_probe(s, packet, place + PLACE_PORT + log2,
			key_port(&t->seeds, protocol, port, log2));
	}
}

static void gather_teid(struct search *s, unsigned packet, unsigned place, uint32_t teid)
{
	const struct seeds *seeds = &s->t->seeds;

	if (bloom_has(&s->t->filters->teid, sift_hash(seeds, teid)))
		add_probe(
			s, packet, place, key_finish(seeds, hash_v4(seeds, teid), ANCHOR_TEID, 0));
}

static void gather_macs(struct search *s, unsigned packet, unsigned place, const uint8_t *frame)
{
	for (unsigned i = 0; i < 2; i++) {
		uint64_t h = hash_mix(&s->t->seeds, load_mac(frame + 6 * i), 0);
		if (bloom_has(&s->t->filters->mac, (uint32_t)(h >> 32)))
			add_probe(s, packet, place + i, key_finish(&s->t->seeds, h, ANCHOR_MAC, 0));
	}
}

static void gather(struct search *s, unsigned packet)
{
	const struct packet_view *v = &s->views[packet];
	uint32_t kinds = s->t->kinds;

	for (unsigned e = 0; e < 2u * v->n_layers; e++) {
		const struct packet_layer *l = &v->layer[e >> 1];
		if (l->family == 4)
			gather_v4(s, packet, e * PLACES_END, end_address(v, e));
		else
			gather_v6(s, packet, e * PLACES_END, end_address(v, e));
		if (kinds & KIND(PORT) && has_user_ports(l))
			gather_port(s, packet, e * PLACES_END, l->protocol,
				e & 1 ? l->dport : l->sport);
	}
	if (kinds & KIND(TEID) && v->flags & VIEW_GTPU) {
		gather_teid(s, packet, PLACE_TEID, v->teid);
		for (unsigned i = 0; i < v->n_nested; i++)
			gather_teid(s, packet, PLACE_TEID + 1 + i, v->nested[i].teid);
	}
	if (kinds & KIND(MAC)) {
		if (v->length >= 14)
			gather_macs(s, packet, PLACE_MAC, v->data);
		if (v->flags & VIEW_ETHERNET)
			gather_macs(s, packet, PLACE_MAC + 2, v->data + v->gtp + v->gtp_header);
	}
}
