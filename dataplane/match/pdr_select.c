// Decides which of the rules that share a tunnel a packet belongs to.

#include "dataplane/match/pdr_select.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct choice {
	uint64_t qfis;
	bool wanted;
	uint8_t n;
	uint16_t first; // of its flows
	bool uplink;
	uint8_t n_users;
	struct ip_prefix user[PDR_USERS_MAX];
};

struct pdr_select {
	_Atomic uint32_t references;
	uint32_t n;
	uint64_t digest;
	struct pdr_flow *flow; // behind the choices
	struct choice choice[];
};

struct digest {
	uint64_t v;
};

static void digest_octets(struct digest *d, const void *octets, size_t length)
{
	const uint8_t *p = octets;

	for (size_t i = 0; i < length; i++)
		d->v = (d->v ^ p[i]) * 0x100000001b3u; // FNV-1a
}

static void digest_number(struct digest *d, uint32_t v)
{
	digest_octets(d, &v, sizeof(v));
}

static void digest_prefix(struct digest *d, const struct ip_prefix *p)
{
	digest_number(d, p->family);
	if (!p->family)
		return;
	digest_number(d, p->length);
	digest_octets(d, p->b, sizeof(p->b));
}

static void digest_ports(struct digest *d, const struct port_set *s)
{
	digest_number(d, s->n);
	for (unsigned i = 0; i < s->n; i++)
		digest_number(d, (uint32_t)s->range[i].first << 16 | s->range[i].last);
}

// Field by field: octets between fields mean nothing.
static void digest_flow(struct digest *d, const struct pdr_flow *f)
{
	digest_number(d, f->any_protocol ? 256u : f->protocol);
	digest_prefix(d, &f->source);
	digest_prefix(d, &f->destination);
	digest_ports(d, &f->source_ports);
	digest_ports(d, &f->destination_ports);
}

static bool bounded(const struct pdr_choice *c)
{
	if (c->n_flows > PDR_FLOWS_MAX || c->n_users > PDR_USERS_MAX)
		return false;
	for (unsigned i = 0; i < c->n_flows; i++)
		if (c->flow[i].source_ports.n > FILTER_RANGES_MAX ||
			c->flow[i].destination_ports.n > FILTER_RANGES_MAX)
			return false;
	return true;
}

struct pdr_select *pdr_select_new(const struct pdr_choice *choices, uint32_t n)
{
	struct digest d = {.v = 0xcbf29ce484222325u};
	size_t flows = 0;

	if (n > PDR_SELECT_MAX)
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		if (!bounded(&choices[i]))
			return NULL;
		flows += choices[i].n_flows;
	}
	static_assert(sizeof(struct pdr_select) % alignof(struct pdr_flow) == 0 &&
			      sizeof(struct choice) % alignof(struct pdr_flow) == 0,
		"flows behind choices are aligned");
	struct pdr_select *s =
		malloc(sizeof(*s) + n * sizeof(struct choice) + flows * sizeof(struct pdr_flow));
	if (!s)
		return NULL;
	atomic_init(&s->references, 1);
	s->n = n;
	s->flow = (struct pdr_flow *)(void *)&s->choice[n];
	flows = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct pdr_choice *c = &choices[i];
		struct choice *o = &s->choice[i];
		*o = (struct choice){.qfis = c->qfis,
			.wanted = c->wanted,
			.n = c->n_flows,
			.first = (uint16_t)flows,
			.uplink = c->uplink,
			.n_users = c->n_users};
		memcpy(o->user, c->user, c->n_users * sizeof(o->user[0]));
		digest_octets(&d, &c->qfis, sizeof(c->qfis));
		digest_number(&d, (uint32_t)c->uplink << 24 | (uint32_t)c->n_users << 16 |
					  (uint32_t)c->wanted << 8 | c->n_flows);
		for (unsigned k = 0; k < c->n_users; k++)
			digest_prefix(&d, &c->user[k]);
		for (unsigned k = 0; k < c->n_flows; k++) {
			s->flow[flows++] = c->flow[k];
			digest_flow(&d, &c->flow[k]);
		}
	}
	s->digest = d.v;
	return s;
}

const struct pdr_select *pdr_select_hold(const struct pdr_select *s)
{
	struct pdr_select *own = (struct pdr_select *)(uintptr_t)s;

	if (own) // relaxed: a holder of one reference may take another
		atomic_fetch_add_explicit(&own->references, 1, memory_order_relaxed);
	return s;
}

void pdr_select_drop(const struct pdr_select *s)
{
	struct pdr_select *own = (struct pdr_select *)(uintptr_t)s;

	// release what was read through this reference; acquire what all others released before
	// freeing
	if (own && atomic_fetch_sub_explicit(&own->references, 1, memory_order_acq_rel) == 1)
		free(own);
}

uint64_t pdr_select_digest(const struct pdr_select *s)
{
	return s->digest;
}

static bool ports_hold(const struct port_set *s, uint16_t port)
{
	if (!s->n)
		return true;
	for (unsigned i = 0; i < s->n; i++)
		if (port >= s->range[i].first && port <= s->range[i].last)
			return true;
	return false;
}

static bool address_holds(const struct ip_prefix *p, uint8_t family, const uint8_t *address)
{
	return !p->family || ip_prefix_covers(p, family, address);
}

// A later fragment without its first has no ports: it is of no flow that names some.
static bool flow_holds(
	const struct pdr_flow *f, const struct packet_view *v, const struct packet_layer *l)
{
	const uint8_t *source = v->data + l->l3 + l->source;

	if (!f->any_protocol && f->protocol != l->protocol)
		return false;
	if (!address_holds(&f->source, l->family, source) ||
		!address_holds(&f->destination, l->family, source + l->address_length))
		return false;
	if (!f->source_ports.n && !f->destination_ports.n)
		return true;
	return l->flags & (LAYER_PORTS | LAYER_PORTS_FOLLOWED) &&
	       ports_hold(&f->source_ports, l->sport) &&
	       ports_hold(&f->destination_ports, l->dport);
}

static bool user_holds(const struct choice *c, const struct packet_view *v, uint8_t layer)
{
	const struct packet_layer *l = &v->layer[layer];
	const uint8_t *user = v->data + l->l3 + l->source + (c->uplink ? 0 : l->address_length);

	for (unsigned i = 0; i < c->n_users; i++)
		if (ip_prefix_covers(&c->user[i], l->family, user))
			return true;
	return false;
}

bool pdr_select_wants(const struct pdr_select *s, const struct packet_view *v,
	const struct packet_nested *g, uint8_t layer)
{
	// A tunnel whose content is no IP packet is identified by the layer that carries it.
	bool ip = layer < v->n_layers && !(v->flags & VIEW_GTPU && layer == v->gtp_outer);

	for (uint32_t i = 0; i < s->n; i++) {
		const struct choice *c = &s->choice[i];
		bool holds = c->n == 0;
		if (c->qfis && !(g && g->flags & VIEW_PDU_SESSION && c->qfis >> (g->qfi & 63) & 1))
			continue;
		if (c->n_users && !(ip && user_holds(c, v, layer)))
			continue;
		for (unsigned k = 0; ip && k < c->n && !holds; k++)
			holds = flow_holds(&s->flow[c->first + k], v, &v->layer[layer]);
		if (holds)
			return c->wanted;
	}
	return false;
}
