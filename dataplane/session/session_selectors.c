// Works out the selectors in which a session's packets are seen.

#include "dataplane/session/session_selector_internal.h"

#include <string.h>

#include "shared/pdu.h"

enum { ACCESS = 0, CORE = 1, SGI = 2, CP_FUNCTION = 3, VN = 4 }; // source interfaces

bool selector_same(const struct selector *a, const struct selector *b)
{
	return a->teid == b->teid && a->kind == b->kind && a->role == b->role &&
	       a->prefix.family == b->prefix.family && a->prefix.length == b->prefix.length &&
	       memcmp(a->prefix.b, b->prefix.b, sizeof(a->prefix.b)) == 0;
}

const struct selector *selectors_find(const struct selectors *w, const struct selector *x)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (selector_same(&w->selector[i], x))
			return &w->selector[i];
	return NULL;
}

static struct selector *find(struct selectors *w, const struct selector *x)
{
	return (struct selector *)selectors_find(w, x);
}

static void add(struct selectors *w, const struct selector *x)
{
	struct selector *known = find(w, x);

	if (known) {
		known->pdrs |= x->pdrs;
		known->linger = known->linger && x->linger;
		known->session_wide = known->session_wide && x->session_wide;
	} else if (w->n == SELECTORS_MAX) {
		w->overflow = true;
	} else {
		w->selector[w->n++] = *x;
	}
}

bool tunnel_end_same(const struct tunnel_end *a, const struct tunnel_end *b)
{
	return a->teid == b->teid && memcmp(&a->v4, &b->v4, sizeof(a->v4)) == 0 &&
	       memcmp(&a->v6, &b->v6, sizeof(a->v6)) == 0;
}

static struct ip_prefix exact(const struct ip_address *a)
{
	struct ip_prefix p = {.family = a->family, .length = a->family == 4 ? 32 : 128};

	memcpy(p.b, a->b, sizeof(p.b));
	return p;
}

// Either address may carry the packets (both families: a dual stack tunnel).
static void add_tunnel(struct selectors *w, struct selector x, const struct tunnel_end *end)
{
	x.kind = BINDING_TUNNEL;
	x.teid = end->teid;
	if (end->v4.family) {
		x.prefix = exact(&end->v4);
		add(w, &x);
	}
	if (end->v6.family) {
		x.prefix = exact(&end->v6);
		add(w, &x);
	}
}

static const struct selector uplink_n3 = {
	.direction = PDU_DIRECTION_FROM_TARGET, .link = CONFIG_LINK_N3, .accepted = true};
static const struct selector downlink_n3 = {
	.direction = PDU_DIRECTION_TO_TARGET, .link = CONFIG_LINK_N3, .accepted = true};
static const struct selector uplink_n9 = {
	.direction = PDU_DIRECTION_FROM_TARGET, .link = CONFIG_LINK_N9, .accepted = true};
static const struct selector downlink_n9 = {
	.direction = PDU_DIRECTION_TO_TARGET, .link = CONFIG_LINK_N9, .accepted = true};

static void add_addresses(
	struct selectors *w, const struct ip_prefix *ue, unsigned n, uint32_t ni, uint64_t pdrs)
{
	for (unsigned i = 0; i < n; i++) {
		struct selector x = {.kind = BINDING_ADDRESS,
			.link = CONFIG_LINK_N6,
			.accepted = true,
			.ni = ni,
			.prefix = ue[i],
			.pdrs = pdrs,
			.session_wide = pdrs == 0};
		add(w, &x);
	}
}

static void add_outer(
	struct selectors *w, const struct rule_far *f, bool from_access, uint64_t pdrs)
{
	struct selector x = from_access ? uplink_n9 : f->between ? downlink_n9 : downlink_n3;

	x.role = ROLE_OUTER;
	x.pdrs = pdrs;
	x.session_wide = pdrs == 0;
	add_tunnel(w, x, &f->outer);
}

// A source base station's forwarding after a handover: its packets were seen on their way there
// already.
static bool forwards_back(const struct rule_pdr *p, const struct rule_far *f)
{
	return p->source == ACCESS && f && f->interface == ACCESS;
}

// One PDR. What the control plane exchanges with the user (N4-u) shares the user's tunnels on N3
// and is left out between the functions.
static void add_pdr(struct selectors *w, const struct rules *r, unsigned i)
{
	const struct rule_pdr *p = &r->pdr[i];
	const struct rule_pdi *d = pdr_pdi(r, p);
	const struct rule_far *f = p->has_far ? rules_far(r, p->far) : NULL;
	bool outer = f && f->has_outer && far_forwards(f);
	bool access = p->source == ACCESS || p->source == UNKNOWN_INTERFACE;
	struct selector x = !access ? downlink_n9 : p->between ? uplink_n9 : uplink_n3;

	if (p->source == CP_FUNCTION || forwards_back(p, f))
		return;
	x.pdrs = 1ull << i;
	if (d->has_local)
		add_tunnel(w, x, &d->local);
	else if (p->source == CORE || p->source == SGI)
		add_addresses(w, d->ue, d->n_ue, d->ni, x.pdrs);
	if (!outer)
		return;
	if (p->source == UNKNOWN_INTERFACE)
		add_outer(w, f, f->interface == CORE, x.pdrs);
	else if (access ? f->interface == CORE : f->interface == ACCESS)
		add_outer(w, f, access, x.pdrs);
}

static bool has_address(const struct rule_pdi *d, const struct ip_prefix *ue)
{
	for (unsigned i = 0; i < d->n_ue; i++)
		if (d->ue[i].family == ue->family && d->ue[i].length == ue->length &&
			memcmp(d->ue[i].b, ue->b, sizeof(ue->b)) == 0)
			return true;
	return d->n_ue == 0;
}

// To which rules of the uplink a packet from each address can belong: they may not name it.
static void add_uplinks(struct selectors *w, const struct rules *r)
{
	for (unsigned i = 0; i < r->n_pdrs; i++) {
		const struct rule_pdr *p = &r->pdr[i];
		if (p->source != ACCESS ||
			forwards_back(p, p->has_far ? rules_far(r, p->far) : NULL))
			continue;
		for (uint32_t j = 0; j < w->n; j++)
			if (w->selector[j].kind == BINDING_ADDRESS &&
				has_address(pdr_pdi(r, p), &w->selector[j].prefix))
				w->selector[j].uplink |= 1ull << i;
	}
}

// Adds rules of a partial session without the PDRs that lead to them.
static void add_unreferenced(struct selectors *w, const struct rules *r)
{
	for (unsigned i = 0; i < r->n_fars; i++) {
		const struct rule_far *f = &r->far[i];
		bool referenced = !f->has_outer || !far_forwards(f) || f->interface == CP_FUNCTION;
		for (unsigned j = 0; j < r->n_pdrs && !referenced; j++)
			referenced = r->pdr[j].has_far && r->pdr[j].far == f->id;
		if (!referenced)
			add_outer(w, f, f->interface == CORE, 0);
	}
}

// TS 29.274 clause 8.22: whose end it is.
static const struct selector *selector_of_interface(uint8_t interface)
{
	switch (interface) {
	case 0:	 // S1-U eNodeB
	case 2:	 // S12 RNC
	case 15: // S4 SGSN
	case 38: // S11-U MME
		return &downlink_n3;
	case 1:	 // S1-U SGW
	case 3:	 // S12 SGW
	case 16: // S4 SGW
	case 39: // S11-U SGW
		return &uplink_n3;
	case 4:	 // S5/S8 SGW
	case 31: // S2b ePDG
	case 34: // S2a TWAN
		return &downlink_n9;
	case 5:	 // S5/S8 PGW
	case 33: // S2b PGW
	case 37: // S2a PGW
		return &uplink_n9;
	default:
		return NULL;
	}
}

static void add_bearers(struct selectors *w, const struct rules *r)
{
	for (unsigned i = 0; i < r->n_bearers; i++)
		for (unsigned j = 0; j < r->bearer[i].n_ends; j++) {
			const struct selector *form =
				selector_of_interface(r->bearer[i].end[j].interface);
			if (!form)
				continue;
			struct selector x = *form;
			x.session_wide = true;
			add_tunnel(w, x, &r->bearer[i].end[j].end);
		}
}

static void add_lingers(struct selectors *w, const struct rules *r)
{
	for (unsigned i = 0; i < r->n_lingers; i++) {
		const struct rule_linger *l = &r->linger[i];
		struct selector x = {.kind = BINDING_TUNNEL,
			.role = r->kind == KIND_PFCP ? ROLE_OUTER : ROLE_LOCAL,
			.link = l->link,
			.direction = l->direction,
			.linger = true,
			.accepted = true,
			.teid = l->teid,
			.prefix = l->prefix};
		for (unsigned j = 0; j < l->n_pdrs; j++)
			for (unsigned k = 0; k < r->n_pdrs; k++)
				if (r->pdr[k].id == l->pdr[j])
					x.pdrs |= 1ull << k;
		x.session_wide = x.pdrs == 0;
		add(w, &x);
	}
}

void selectors_of(const struct rules *r, struct selectors *out)
{
	out->n = 0;
	out->overflow = false;
	for (unsigned i = 0; i < r->n_pdrs; i++)
		add_pdr(out, r, i);
	add_uplinks(out, r);
	if (r->partial)
		add_unreferenced(out, r);
	add_bearers(out, r);
	add_addresses(out, r->ue, r->n_ue, r->dnn, 0);
	add_lingers(out, r);
}
