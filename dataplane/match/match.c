// Matches bursts in stages: sifts, gathers the keys of what is left, probes all, verifies each
// candidate with match_rule.

#include "dataplane/match/match.h"

#include <limits.h>

#include "dataplane/match/match_gather_internal.h"
#include "dataplane/match/match_internal.h"
#include "dataplane/match/match_many_internal.h"

// ---- verify ----

static bool port_in(const struct filter *f, const struct packet_view *v, unsigned e, unsigned which)
{
	const struct packet_layer *l = &v->layer[e >> 1];
	uint16_t port = e & 1 ? l->dport : l->sport;

	if (!has_user_ports(l) || l->protocol != f->protocol)
		return false;
	for (unsigned i = 0; i < f->port[which].n; i++)
		if (port >= f->port[which].range[i].first && port <= f->port[which].range[i].last)
			return true;
	return false;
}

// Does the rule's anchor lie at this end of this layer?
static bool anchored_at(
	const struct filter *f, const struct packet_view *v, unsigned e, unsigned which, bool port)
{
	if (port)
		return port_in(f, v, e, which);
	return ip_prefix_covers(&f->address[which], v->layer[e >> 1].family, end_address(v, e));
}

static const uint8_t *mac_at(const struct packet_view *v, unsigned i)
{
	if (i < 2)
		return v->length >= 14 ? v->data + 6 * i : NULL;
	return v->flags & VIEW_ETHERNET ? v->data + v->gtp + v->gtp_header + 6 * (i - 2) : NULL;
}

// A rule that several places of a packet lead to counts at the first of them.
static bool is_first(
	const struct filter *f, const struct packet_view *v, unsigned place, unsigned which)
{
	if (place >= PLACE_MAC) {
		const uint8_t *own = mac_at(v, place - PLACE_MAC);
		for (unsigned i = 0; i < place - PLACE_MAC; i++)
			if (mac_at(v, i) && !memcmp(mac_at(v, i), f->mac[0], 6))
				return false;
		return own && !memcmp(own, f->mac[0], 6);
	}
	if (place >= PLACE_TEID) {
		for (unsigned i = 0; i < place - PLACE_TEID; i++)
			if ((i ? v->nested[i - 1].teid : v->teid) == f->teid)
				return false;
		return true;
	}
	bool port = place % PLACES_END >= PLACE_PORT;
	for (unsigned e = 0; e < place / PLACES_END; e++)
		if (anchored_at(f, v, e, which, port))
			return false;
	return anchored_at(f, v, place / PLACES_END, which, port);
}

static bool verify(
	const struct search *s, const struct probe *p, const struct index_entry *e, struct hit *hit)
{
	const struct packet_view *v = &s->views[p->packet];

	if ((e->key ^ p->key) >> 1)
		return false;
	if (!p->delta && table_is_void(s->t, rule_key(e->rule)))
		return false;
	if (!is_first(&e->rule->filter, v, p->place, e->key & 1))
		return false;
	if (!match_rule(e->rule, s->port, v, hit))
		return false;
	hit->rule = e->rule;
	hit->packet = p->packet;
	return true;
}

static void locate(struct search *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct probe *p = &s->probe[i];
		const struct index *x = p->delta ? s->t->delta : s->t->base;
		p->start = x->start[p->key >> x->shift];
		p->end = x->start[(p->key >> x->shift) + 1];
		if (p->start != p->end)
			__builtin_prefetch(&x->entry[p->start]);
	}
	for (unsigned i = 0; i < s->n; i++) {
		const struct probe *p = &s->probe[i];
		const struct index *x = p->delta ? s->t->delta : s->t->base;
		if (p->start != p->end && !((x->entry[p->start].key ^ p->key) >> 1)) {
			const char *rule = (const char *)x->entry[p->start].rule;
			__builtin_prefetch(rule);
			__builtin_prefetch(rule + 64);
			__builtin_prefetch(rule + 128);
		}
	}
}

// ---- bound rules and alternatives: several may have one task's slot, and the task wants the
// packet once ----

// A rule of a session comes before one that the task names by itself: signalling has the packet's
// owner.
static bool is_before(const struct rule *a, const struct rule *b)
{
	if (a->alternative != b->alternative)
		return a->alternative < b->alternative;
	return a->from_ns != b->from_ns ? a->from_ns < b->from_ns : a->binding < b->binding;
}

struct found { // hits, and room for them
	struct hit *hits;
	unsigned n, room;
};

#define COMPARED 16 // hits of a packet, each with each
#define AHEAD 16 // entries of a bucket whose rules are fetched before

static void merge(struct hit *into, const struct hit *other)
{
	uint8_t a = into->direction, b = other->direction;

	if (is_before(other->rule, into->rule))
		*into = *other;
	if (a == PDU_DIRECTION_UNKNOWN || a == b)
		into->direction = b;
	else
		into->direction = b == PDU_DIRECTION_UNKNOWN ? a : PDU_DIRECTION_BOTH;
}

enum merging { MERGED, ALONE, TOO_MANY };

// Is there a hit of its task on its packet already? It stands for both then. Not looked at further
// than `most` hits back.
static __attribute__((noinline)) enum merging merge_into(
	struct hit *hits, unsigned n, const struct hit *hit, unsigned most)
{
	for (unsigned i = n; i-- > 0 && hits[i].packet == hit->packet;) {
		if (hits[i].rule->binding && hits[i].rule->slot == hit->rule->slot) {
			merge(&hits[i], hit);
			return MERGED;
		}
		if (n - i >= most)
			return TOO_MANY;
	}
	return ALONE;
}

// ---- a packet that holds more hits than a call takes ----

// A task's bound rules have to come together, so that the hit stands for all of them. Such a packet
// is searched in parts, each of some slots: `number` of 2^bits. A part with more hits than there is
// room for is halved.
static bool in_part(const struct match_cursor *c, uint32_t slot)
{
	return ((uint64_t)match_many_spread(slot) << c->bits) >> 32 == c->number;
}

// Takes a hit of the part. False: no room.
static bool take(const struct match_cursor *c, struct found *f, const struct hit *hit)
{
	uint32_t *place = NULL;

	if (hit->rule->binding && c->many) {
		place = match_many_place(c->many, hit->rule->slot);
		if (*place != MATCH_MANY_FREE) {
			merge(&f->hits[*place], hit);
			return true;
		}
	} else if (hit->rule->binding && merge_into(f->hits, f->n, hit, f->n) == MERGED) {
		return true;
	}
	if (f->n == f->room)
		return false;
	if (place)
		*place = f->n;
	f->hits[f->n++] = *hit;
	return true;
}

static bool take_probe(const struct search *s, const struct match_cursor *c, const struct probe *p,
	struct found *f)
{
	const struct index *x = p->delta ? s->t->delta : s->t->base;

	for (uint32_t at = p->start; at < p->end; at++) {
		struct hit hit;
		if (at + AHEAD < p->end) {
			const char *rule = (const char *)x->entry[at + AHEAD].rule;
			__builtin_prefetch(rule);
			__builtin_prefetch(rule + 64);
		}
		if (c->bits && !in_part(c, x->entry[at].rule->slot))
			continue;
		if (verify(s, p, &x->entry[at], &hit) && !take(c, f, &hit))
			return false;
	}
	return true;
}

static bool search_part(const struct search *of, const struct match_cursor *c, struct found *f)
{
	struct search s = {.t = of->t, .port = of->port, .views = of->views};

	f->n = 0;
	if (c->many)
		match_many_begin(c->many);
	do {
		s.n = 0;
		s.full = false;
		gather(&s, c->packet);
		locate(&s);
		for (unsigned i = 0; i < s.n; i++)
			if (!take_probe(&s, c, &s.probe[i], f))
				return false;
		s.first_stage = s.next_stage;
	} while (s.full);
	return true;
}

// The hits of the next part that has any; 0: the packet has no more.
static __attribute__((noinline)) unsigned next_part(
	const struct search *s, struct match_cursor *c, struct hit *hits, unsigned max_hits)
{
	struct found f = {.hits = c->many ? c->many->hit : hits,
		.room = c->many ? MATCH_MANY_HITS : max_hits};

	while (c->number < 1ull << c->bits) {
		if (!search_part(s, c, &f) && c->bits < 32) {
			c->bits++;
			c->number *= 2;
			continue;
		}
		c->number++;
		if (f.n > 0)
			return f.n;
	}
	return 0;
}

// Some of the packet's hits; 0: it has no more.
static unsigned deal(
	const struct search *s, struct match_cursor *c, struct hit *hits, unsigned max_hits)
{
	if (!c->many)
		return next_part(s, c, hits, max_hits);
	if (c->dealt == c->found) {
		c->found = next_part(s, c, hits, max_hits);
		c->dealt = 0;
	}
	unsigned n = c->found - c->dealt < max_hits ? c->found - c->dealt : max_hits;
	memcpy(hits, c->many->hit + c->dealt, n * sizeof(*hits));
	c->dealt += n;
	return n;
}

static void begin_parts(struct match_cursor *c)
{
	c->parts = true;
	c->bits = 0;
	c->number = 0;
	c->found = c->dealt = 0;
}

// ---- all others ----

static void drop_packet(struct match_cursor *c, struct found *f, uint16_t packet)
{
	c->packet = packet;
	while (f->n > 0 && f->hits[f->n - 1].packet == packet)
		f->n--;
}

// All gathered probes. False: there was no room for all hits of a packet, or they are too many to be
// compared with each other. It is next then, and none of it is taken.
static bool probe_all(struct search *s, struct match_cursor *c, struct found *f)
{
	const unsigned most = c->many ? COMPARED : UINT_MAX;

	locate(s);
	for (unsigned i = 0; i < s->n; i++) {
		const struct probe *p = &s->probe[i];
		const struct index *x = p->delta ? s->t->delta : s->t->base;
		for (uint32_t at = p->start; at < p->end; at++) {
			struct hit hit;
			enum merging as = ALONE;
			if (!verify(s, p, &x->entry[at], &hit))
				continue;
			if (__builtin_expect(hit.rule->binding != 0, 0))
				as = merge_into(f->hits, f->n, &hit, most);
			if (as == MERGED)
				continue;
			if (as == TOO_MANY || f->n == f->room) {
				drop_packet(c, f, p->packet);
				return false;
			}
			f->hits[f->n++] = hit;
		}
	}
	return true;
}

// From the cursor's packet on. False: see above.
static bool search_all(struct search *s, struct match_cursor *c, uint32_t mask, struct found *f)
{
	s->first_stage = 0;
	s->next_packet = c->packet;
	while (mask) {
		s->n = 0;
		s->full = false;
		while (mask && !s->full) {
			unsigned packet = (unsigned)__builtin_ctz(mask);
			if (packet != s->next_packet)
				s->first_stage = 0;
			gather(s, packet);
			s->first_stage = 0;
			if (!s->full)
				mask &= mask - 1;
		}
		if (!probe_all(s, c, f))
			return false;
		if (s->full)
			s->first_stage = s->next_stage;
	}
	return true;
}

unsigned match_burst(const struct table *t, const struct port_traits *port,
	const struct packet_view *views, unsigned n, struct match_cursor *cursor, struct hit *hits,
	unsigned max_hits)
{
	struct found f = {.hits = hits, .room = max_hits};
	struct search s;
	uint32_t mask;

	s.t = t;
	s.port = port;
	s.views = views;
	for (;;) {
		if (cursor->parts) {
			f.n = deal(&s, cursor, hits, max_hits);
			if (f.n > 0)
				return f.n;
			cursor->parts = false;
			cursor->packet++;
		}
		if (cursor->packet >= n || !t->kinds ||
			!(mask = sift(t, views, cursor->packet, n)) ||
			search_all(&s, cursor, mask, &f)) {
			cursor->done = true;
			return f.n;
		}
		if (f.n > 0)
			return f.n;
		begin_parts(cursor);
	}
}
