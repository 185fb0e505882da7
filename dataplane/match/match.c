// Matches bursts in stages: sifts, gathers the keys of what is left, probes all, verifies each
// candidate with match_rule.

#include "dataplane/match/match.h"

#include "dataplane/match/match_gather_internal.h"
#include "dataplane/match/match_internal.h"

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
			__builtin_prefetch(rule + offsetof(struct rule, filter));
			__builtin_prefetch(rule + offsetof(struct rule, filter) + 64);
		}
	}
}

// ---- bound rules: several may have one task's slot, and the task wants the packet once ----

static bool is_before(const struct rule *a, const struct rule *b)
{
	return a->from_ns != b->from_ns ? a->from_ns < b->from_ns : a->binding < b->binding;
}

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

// Over all bound rules of the hit's task that hold on its packet: makes the hit what stands for all
// of them, and returns the first in the order of search. Slow; only where a packet's hits do not
// fit into one call.
static __attribute__((noinline)) const struct rule *merge_bound(
	const struct search *of, struct hit *hit)
{
	const struct rule *first = NULL;
	const uint32_t slot = hit->rule->slot;
	struct search s = {.t = of->t, .port = of->port, .views = of->views};

	do {
		s.n = 0;
		s.full = false;
		gather(&s, hit->packet);
		locate(&s);
		for (unsigned i = 0; i < s.n; i++) {
			const struct probe *p = &s.probe[i];
			const struct index *x = p->delta ? s.t->delta : s.t->base;
			for (uint32_t at = p->start; at < p->end; at++) {
				const struct rule *r = x->entry[at].rule;
				struct hit other;
				if (!r->binding || r->slot != slot ||
					!verify(&s, p, &x->entry[at], &other))
					continue;
				merge(hit, &other);
				first = first ? first : r;
			}
		}
		s.first_stage = s.next_stage;
	} while (s.full);
	return first;
}

// Is this hit the first of its task on its packet? If not, it is merged into the one there is.
static __attribute__((noinline)) bool admit(const struct search *s, const struct match_cursor *c,
	struct hit *hits, unsigned n_hits, struct hit *hit)
{
	const struct rule *own = hit->rule;

	if (c->split &&
		hit->packet == c->packet) // an earlier call may have had it, and made it whole
		return merge_bound(s, hit) == own;
	for (unsigned i = n_hits; i-- > 0 && hits[i].packet == hit->packet;)
		if (hits[i].rule->binding && hits[i].rule->slot == own->slot) {
			merge(&hits[i], hit);
			return false;
		}
	return true;
}

static void split(const struct search *s, struct match_cursor *c, struct hit *hits, unsigned n_hits)
{
	for (unsigned i = n_hits; i-- > 0 && hits[i].packet == c->packet;)
		if (hits[i].rule->binding)
			(void)merge_bound(s, &hits[i]);
	c->split = true;
}

// All gathered probes; false when `hits` was full, with the cursor on what comes next.
static bool probe_all(struct search *s, struct match_cursor *c, struct hit *hits, unsigned max_hits,
	unsigned *n_hits)
{
	locate(s);
	for (unsigned i = 0; i < s->n; i++) {
		const struct probe *p = &s->probe[i];
		const struct index *x = p->delta ? s->t->delta : s->t->base;
		uint32_t at = p->start + (i == 0 ? c->position : 0);
		for (; at < p->end; at++) {
			struct hit hit;
			if (!verify(s, p, &x->entry[at], &hit))
				continue;
			if (__builtin_expect(hit.rule->binding != 0, 0) &&
				!admit(s, c, hits, *n_hits, &hit))
				continue;
			if (*n_hits == max_hits) {
				c->packet = p->packet;
				c->stage = (uint16_t)(p->place * 2 + p->delta);
				c->position = at - p->start;
				split(s, c, hits, *n_hits);
				return false;
			}
			hits[(*n_hits)++] = hit;
		}
		if (i == 0)
			c->position = 0;
	}
	return true;
}

unsigned match_burst(const struct table *t, const struct port_traits *port,
	const struct packet_view *views, unsigned n, struct match_cursor *cursor, struct hit *hits,
	unsigned max_hits)
{
	unsigned n_hits = 0;
	uint32_t mask;

	if (!t->kinds || !(mask = sift(t, views, cursor->packet, n))) {
		cursor->done = true;
		return 0;
	}
	struct search s;
	s.t = t;
	s.port = port;
	s.views = views;
	s.first_stage = cursor->stage;
	s.next_packet = cursor->packet;
	while (mask) {
		s.n = 0;
		s.full = false;
		while (mask && !s.full) {
			unsigned packet = (unsigned)__builtin_ctz(mask);
			if (packet != s.next_packet)
				s.first_stage = 0;
			gather(&s, packet);
			s.first_stage = 0;
			if (!s.full)
				mask &= mask - 1;
		}
		if (!probe_all(&s, cursor, hits, max_hits, &n_hits))
			return n_hits;
		if (s.full)
			s.first_stage = s.next_stage;
	}
	cursor->done = true;
	return n_hits;
}
