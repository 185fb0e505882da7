// Applies PFCP messages to the rules of a session.

#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_rules_internal.h"
#include "dataplane/session/session_string_internal.h"

#include <string.h>

#define ACTION_FORW 0x0002u
#define IE_REMOVE_PDR 15
#define IE_REMOVE_FAR 16
#define IE_REMOVE_QER 18
#define IE_REMOVE_ENDPOINT 130

static struct rule_pdr *find_pdr(struct rules *r, uint16_t id)
{
	for (unsigned i = 0; i < r->n_pdrs; i++)
		if (r->pdr[i].id == id)
			return &r->pdr[i];
	return NULL;
}

static struct rule_endpoint *find_endpoint(struct rules *r, uint8_t id)
{
	for (unsigned i = 0; i < r->n_endpoints; i++)
		if (r->endpoint[i].id == id)
			return &r->endpoint[i];
	return NULL;
}

// ---- one part each ----

static uint32_t take_ni(struct sessions *st, struct unpacked *u, const struct span *ni)
{
	uint32_t id = ni->length ? string_ni(st, ni->octets, ni->length) : SESSION_NONE;

	return unpack_note(st, u, id);
}

static bool prefix_same(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->family == b->family && a->length == b->length &&
	       memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

struct users { // as a message names them
	const struct ue_address *at;
	uint8_t n;
};

// True if the UPF is to choose an address of that family, or has not chosen yet.
static bool to_choose(const struct users *u, uint8_t family)
{
	for (unsigned i = 0; i < u->n; i++)
		if (u->at[i].choose && u->at[i].prefix.family == family)
			return true;
	return false;
}

static bool names_family(const struct users *u, uint8_t family)
{
	for (unsigned i = 0; i < u->n; i++)
		if (!u->at[i].choose && u->at[i].prefix.family == family)
			return true;
	return false;
}

static bool names_prefix(const struct users *u, const struct ip_prefix *x)
{
	for (unsigned i = 0; i < u->n; i++)
		if (!u->at[i].choose && prefix_same(&u->at[i].prefix, x))
			return true;
	return false;
}

static void add_users(struct rule_pdi *d, const struct users *u)
{
	for (unsigned i = 0; i < u->n && d->n_ue < PFCP_UE_MAX; i++) {
		bool known = u->at[i].choose;
		for (unsigned j = 0; j < d->n_ue && !known; j++)
			known = prefix_same(&d->ue[j], &u->at[i].prefix);
		if (!known)
			d->ue[d->n_ue++] = u->at[i].prefix;
	}
}

// Sets the users of a PDI. A field that the UPF is still to choose keeps its old value until the
// answer.
static void set_users(struct rule_pdi *d, const struct users *asked)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->n_ue; i++)
		if (to_choose(asked, d->ue[i].family))
			d->ue[n++] = d->ue[i];
	d->n_ue = (uint8_t)n;
	add_users(d, asked);
}

// The answer replaces the fields to be chosen, and nothing that the request gives: a framed route
// stays beside the address. `asked` NULL: the request is unknown.
static void answer_users(
	struct rule_pdi *d, const struct users *asked, const struct users *answered)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->n_ue; i++) {
		const struct ip_prefix *x = &d->ue[i];
		bool chosen = !asked || (to_choose(asked, x->family) && !names_prefix(asked, x));
		if (!chosen || !names_family(answered, x->family))
			d->ue[n++] = *x;
	}
	d->n_ue = (uint8_t)n;
	add_users(d, answered);
}

static void set_pdi(
	struct rule_pdi *d, uint32_t ni, const struct pfcp_fteid *fteid, const struct users *users)
{
	if (!fteid->present)
		d->has_local = false;
	else if (!fteid->choose) {
		d->has_local = true;
		d->local = fteid->end;
	}
	d->ni = ni;
	set_users(d, users);
}

static void set_flows(
	struct sessions *st, struct unpacked *u, struct rule_pdr *p, const struct pfcp_pdi *m)
{
	p->n_sdfs = 0;
	for (unsigned i = 0; i < m->n_sdf; i++) {
		struct rule_sdf *s = &p->sdf[p->n_sdfs++];
		*s = (struct rule_sdf){
			.text = SESSION_NONE, .has_id = m->sdf[i].has_id, .id = m->sdf[i].id};
		if (m->sdf[i].flow.length)
			s->text = string_take(
				st, STRING_SDF, m->sdf[i].flow.octets, m->sdf[i].flow.length);
		s->text = unpack_note(st, u, s->text);
	}
}

// Filters that the UPF has by itself stand first, as one that is not known: they stay when the PDI
// is replaced, and until the rule is created anew. Others may be active when some are deactivated.
static bool is_of_up(const struct rule_pdr *p)
{
	return p->n_sdfs > 0 && p->sdf[0].text == SESSION_NONE && !p->sdf[0].has_id;
}

static void set_of_up(struct rule_pdr *p)
{
	if (is_of_up(p))
		return;
	if (p->n_sdfs == PFCP_SDFS_MAX) {
		p->other = true;
		p->n_sdfs--;
	}
	memmove(&p->sdf[1], &p->sdf[0], p->n_sdfs * sizeof(p->sdf[0]));
	p->sdf[0] = (struct rule_sdf){.text = SESSION_NONE};
	p->n_sdfs++;
}

static void set_packets(
	struct sessions *st, struct unpacked *u, struct rule_pdr *p, const struct pfcp_pdr *m)
{
	p->source =
		m->pdi.source_interface < 0 ? UNKNOWN_INTERFACE : (uint8_t)m->pdi.source_interface;
	p->endpoint = m->pdi.endpoint;
	p->other = m->pdi.other;
	p->between = m->pdi.between;
	p->qfis = m->pdi.qfis;
	set_pdi(&p->pdi, take_ni(st, u, &m->pdi.ni), &m->pdi.fteid,
		&(struct users){m->pdi.ue, m->pdi.n_ue});
	set_flows(st, u, p, &m->pdi);
}

static void set_pdr(
	struct sessions *st, struct unpacked *u, struct rule_pdr *p, const struct pfcp_pdr *m)
{
	if (m->has_precedence)
		p->precedence = m->precedence;
	if (m->has_far) {
		p->has_far = true;
		p->far = m->far;
	}
	if (m->has_qers) {
		p->n_qers = m->n_qers;
		memcpy(p->qer, m->qer, m->n_qers * sizeof(*p->qer));
	}
	bool of_up = m->of_up || is_of_up(p);
	if (m->pdi.present)
		set_packets(st, u, p, m);
	if (of_up)
		set_of_up(p);
}

static struct rule_pdr *add_pdr(struct rules *r, uint16_t id)
{
	if (r->n_pdrs == RULES_PDRS_MAX) {
		r->overflow = true;
		return NULL;
	}
	struct rule_pdr *p = &r->pdr[r->n_pdrs++];
	memset(p, 0, sizeof(*p));
	p->id = id;
	p->source = UNKNOWN_INTERFACE;
	p->endpoint = -1;
	p->pdi.ni = SESSION_NONE;
	return p;
}

// A rule that is updated but was never seen is one whose creation was missed.
static void ask_pdr(struct sessions *st, struct unpacked *u, const struct pfcp_pdr *m, bool create)
{
	struct rules *r = &u->rules;
	struct rule_pdr *p = find_pdr(r, m->id);

	if (p && create) {
		struct rule_pdi kept = p->pdi;
		memset(p, 0, sizeof(*p));
		p->id = m->id;
		p->source = UNKNOWN_INTERFACE;
		p->endpoint = -1;
		p->pdi = kept;
		p->pdi.ni = SESSION_NONE;
	} else if (!p) {
		p = add_pdr(r, m->id);
	}
	if (p)
		set_pdr(st, u, p, m);
}

static void ask_far(struct rules *r, const struct pfcp_far *m, bool create)
{
	struct rule_far *f = (struct rule_far *)rules_far(r, m->id);

	if (!f && r->n_fars == RULES_FARS_MAX) {
		r->overflow = true;
		return;
	}
	if (!f || create) {
		bool missed = !f && !create;
		f = f ? f : &r->far[r->n_fars++];
		*f = (struct rule_far){.id = m->id,
			.interface = UNKNOWN_INTERFACE,
			.action = missed ? ACTION_FORW : 0};
	}
	if (m->has_action)
		f->action = m->action;
	if (m->has_interface)
		f->interface = m->destination_interface;
	if (m->has_interface_type)
		f->between = m->between;
	if (m->has_outer) {
		f->has_outer = true;
		f->outer = m->outer;
	}
}

static void ask_endpoint(
	struct sessions *st, struct unpacked *u, const struct pfcp_endpoint *m, bool create)
{
	struct rules *r = &u->rules;
	struct rule_endpoint *e = find_endpoint(r, m->id);

	if (!e && r->n_endpoints == RULES_ENDPOINTS_MAX) {
		r->overflow = true;
		return;
	}
	if (!e) {
		e = &r->endpoint[r->n_endpoints++];
		memset(e, 0, sizeof(*e));
		e->id = m->id;
		e->pdi.ni = SESSION_NONE;
		create = true;
	}
	// an update holds only changes
	struct rule_pdi old = e->pdi;
	set_pdi(&e->pdi, take_ni(st, u, &m->ni), &m->fteid, &(struct users){m->ue, m->n_ue});
	if (create)
		return;
	if (!m->fteid.present) {
		e->pdi.has_local = old.has_local;
		e->pdi.local = old.local;
	}
	if (!m->ni.length)
		e->pdi.ni = old.ni;
	if (m->n_ue == 0) {
		e->pdi.n_ue = old.n_ue;
		memcpy(e->pdi.ue, old.ue, sizeof(old.ue));
	}
}

// ---- removal ----

static void remove_pdr_at(struct rules *r, unsigned i)
{
	r->n_pdrs--;
	memmove(&r->pdr[i], &r->pdr[i + 1], (r->n_pdrs - i) * sizeof(r->pdr[0]));
}

static void remove_pdrs(struct rules *r, bool by_endpoint, uint32_t id)
{
	for (unsigned i = 0; i < r->n_pdrs;) {
		const struct rule_pdr *p = &r->pdr[i];
		if (by_endpoint ? p->endpoint == (int32_t)id : p->id == id)
			remove_pdr_at(r, i);
		else
			i++;
	}
}

static void remove_far(struct rules *r, uint32_t id)
{
	for (unsigned i = 0; i < r->n_fars; i++)
		if (r->far[i].id == id) {
			r->n_fars--;
			memmove(&r->far[i], &r->far[i + 1], (r->n_fars - i) * sizeof(r->far[0]));
			return;
		}
}

static void remove_qer(struct rules *r, uint32_t id)
{
	for (unsigned i = 0; i < r->n_pdrs; i++) {
		struct rule_pdr *p = &r->pdr[i];
		unsigned n = 0;
		for (unsigned j = 0; j < p->n_qers; j++)
			if (p->qer[j] != id)
				p->qer[n++] = p->qer[j];
		p->n_qers = (uint8_t)n;
	}
}

static void remove_endpoint(struct rules *r, uint32_t id)
{
	remove_pdrs(r, true, id);
	for (unsigned i = 0; i < r->n_endpoints; i++)
		if (r->endpoint[i].id == id) {
			r->n_endpoints--;
			memmove(&r->endpoint[i], &r->endpoint[i + 1],
				(r->n_endpoints - i) * sizeof(r->endpoint[0]));
			return;
		}
}

static void remove_parts(struct rules *r, const struct pfcp_message *m)
{
	for (unsigned i = 0; i < m->n_removed; i++) {
		if (m->removed[i].failed)
			continue;
		uint32_t id = m->removed[i].id;
		if (m->removed[i].kind == IE_REMOVE_PDR)
			remove_pdrs(r, false, id);
		else if (m->removed[i].kind == IE_REMOVE_FAR)
			remove_far(r, id);
		else if (m->removed[i].kind == IE_REMOVE_QER)
			remove_qer(r, id);
		else if (m->removed[i].kind == IE_REMOVE_ENDPOINT)
			remove_endpoint(r, id);
	}
}

// ---- whole messages ----

static bool failed(const struct pfcp_message *response, uint8_t kind, uint32_t id)
{
	for (unsigned i = 0; response && i < response->n_removed; i++)
		if (response->removed[i].failed && response->removed[i].kind == kind &&
			response->removed[i].id == id)
			return true;
	return false;
}

void rules_ask(struct sessions *st, struct unpacked *u, const struct pfcp_message *m,
	const struct pfcp_message *response)
{
	struct rules *r = &u->rules;

	remove_parts(r, m);
	for (unsigned part = PFCP_CREATE; part <= PFCP_UPDATE; part++) {
		bool create = part == PFCP_CREATE;
		for (unsigned i = 0; i < m->n_endpoints; i++)
			if (m->endpoint[i].part == part && m->endpoint[i].v.has_id &&
				!failed(response, IE_REMOVE_ENDPOINT, m->endpoint[i].v.id))
				ask_endpoint(st, u, &m->endpoint[i].v, create);
		for (unsigned i = 0; i < m->n_fars; i++)
			if (m->far[i].part == part && m->far[i].v.has_id &&
				!failed(response, IE_REMOVE_FAR, m->far[i].v.id))
				ask_far(r, &m->far[i].v, create);
		for (unsigned i = 0; i < m->n_pdrs; i++)
			if (m->pdr[i].part == part && m->pdr[i].v.has_id &&
				!failed(response, IE_REMOVE_PDR, m->pdr[i].v.id))
				ask_pdr(st, u, &m->pdr[i].v, create);
	}
}

static void set_local(struct rule_pdi *d, const struct pfcp_fteid *local)
{
	if (local && local->present && !local->choose) {
		d->has_local = true;
		d->local = local->end;
	}
}

const struct pfcp_fteid *rules_created(const struct pfcp_message *response, bool pdr, uint32_t id)
{
	for (unsigned i = 0; pdr && i < response->n_pdrs; i++)
		if (response->pdr[i].part == PFCP_CREATED && response->pdr[i].v.id == id &&
			response->pdr[i].v.local.present)
			return &response->pdr[i].v.local;
	for (unsigned i = 0; !pdr && i < response->n_endpoints; i++)
		if (response->endpoint[i].part == PFCP_CREATED &&
			response->endpoint[i].v.id == id && response->endpoint[i].v.fteid.present)
			return &response->endpoint[i].v.fteid;
	return NULL;
}

const struct pfcp_fteid *rules_created_for_group(
	const struct pfcp_message *request, const struct pfcp_message *response, uint8_t choose_id)
{
	const struct pfcp_fteid *f = NULL;

	for (unsigned i = 0; !f && i < request->n_pdrs; i++) {
		const struct pfcp_fteid *asked = &request->pdr[i].v.pdi.fteid;
		if (asked->choose && asked->has_choose_id && asked->choose_id == choose_id)
			f = rules_created(response, true, request->pdr[i].v.id);
	}
	for (unsigned i = 0; !f && i < request->n_endpoints; i++) {
		const struct pfcp_fteid *asked = &request->endpoint[i].v.fteid;
		if (asked->choose && asked->has_choose_id && asked->choose_id == choose_id)
			f = rules_created(response, false, request->endpoint[i].v.id);
	}
	return f;
}

static void answer_groups(
	struct rules *r, const struct pfcp_message *request, const struct pfcp_message *response)
{
	for (unsigned i = 0; i < request->n_pdrs; i++) {
		const struct pfcp_pdr *asked = &request->pdr[i].v;
		struct rule_pdr *p = find_pdr(r, asked->id);
		if (p && asked->pdi.fteid.choose && asked->pdi.fteid.has_choose_id &&
			!rules_created(response, true, asked->id))
			set_local(&p->pdi, rules_created_for_group(
						   request, response, asked->pdi.fteid.choose_id));
	}
	for (unsigned i = 0; i < request->n_endpoints; i++) {
		const struct pfcp_endpoint *asked = &request->endpoint[i].v;
		struct rule_endpoint *e = find_endpoint(r, asked->id);
		if (e && asked->fteid.choose && asked->fteid.has_choose_id &&
			!rules_created(response, false, asked->id))
			set_local(&e->pdi,
				rules_created_for_group(request, response, asked->fteid.choose_id));
	}
}

// The last part that names the rule counts, as when it was asked.
static void answer_pdr(
	struct rule_pdr *p, const struct pfcp_message *request, const struct pfcp_pdr *m)
{
	const struct users answered = {m->ue, m->n_ue};
	struct users asked = {};

	for (unsigned i = 0; request && i < request->n_pdrs; i++)
		if (request->pdr[i].v.id == p->id && request->pdr[i].v.pdi.present)
			asked = (struct users){
				request->pdr[i].v.pdi.ue, request->pdr[i].v.pdi.n_ue};
	set_local(&p->pdi, &m->local);
	answer_users(&p->pdi, request ? &asked : NULL, &answered);
}

static void answer_endpoint(
	struct rule_endpoint *e, const struct pfcp_message *request, const struct pfcp_endpoint *m)
{
	const struct users answered = {m->ue, m->n_ue};
	struct users asked = {};

	for (unsigned i = 0; request && i < request->n_endpoints; i++)
		if (request->endpoint[i].v.id == e->id && request->endpoint[i].v.n_ue > 0)
			asked = (struct users){
				request->endpoint[i].v.ue, request->endpoint[i].v.n_ue};
	set_local(&e->pdi, &m->fteid);
	answer_users(&e->pdi, request ? &asked : NULL, &answered);
}

void rules_answer(struct sessions *st, struct rules *r, const struct pfcp_message *request,
	const struct pfcp_message *response)
{
	for (unsigned i = 0; i < response->n_endpoints; i++) {
		const struct pfcp_endpoint *m = &response->endpoint[i].v;
		struct rule_endpoint *e = find_endpoint(r, m->id);
		if (e && response->endpoint[i].part == PFCP_CREATED)
			answer_endpoint(e, request, m);
	}
	for (unsigned i = 0; i < response->n_pdrs; i++) {
		const struct pfcp_pdr *m = &response->pdr[i].v;
		if (response->pdr[i].part != PFCP_CREATED || !m->has_id)
			continue;
		struct rule_pdr *p = find_pdr(r, m->id);
		if (!p && !request)
			p = add_pdr(r, m->id); // its creation was missed
		if (p)
			answer_pdr(p, request, m);
	}
	if (request)
		answer_groups(r, request, response);
}

void rules_user(struct rules *r, const struct signalling_identity *user)
{
	if (*user->imsi.text)
		r->imsi = digits_pack(user->imsi.text);
	if (*user->msisdn.text)
		r->msisdn = digits_pack(user->msisdn.text);
	if (*user->imei.text)
		r->imei = digits_pack(user->imei.text);
	if (user->nai.length && user->nai.length <= sizeof(r->nai)) {
		r->nai_length = user->nai.length;
		memcpy(r->nai, user->nai.octets, user->nai.length);
	}
}

void rules_csids(struct sessions *st, struct unpacked *u, const struct span *csids, unsigned n)
{
	struct rules *r = &u->rules;

	for (unsigned i = 0; i < n && r->n_csids < RULES_CSIDS_MAX; i++) {
		uint32_t *out = r->csid + r->n_csids;
		uint32_t taken = csids_take(st, &csids[i], out, RULES_CSIDS_MAX - r->n_csids);
		for (uint32_t j = 0; j < taken; j++) {
			uint32_t noted = unpack_note(st, u, out[j]);
			if (noted != SESSION_NONE)
				r->csid[r->n_csids++] = noted;
		}
	}
}

void rules_dnn(struct sessions *st, struct unpacked *u, const struct span *name)
{
	if (!name->length)
		return;
	u->rules.dnn = unpack_note(st, u, string_ni(st, name->octets, name->length));
}
