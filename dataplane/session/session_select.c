// Makes the select that decides which packets belong to the wanted rules.

#include "dataplane/session/session_selector_internal.h"
#include "dataplane/session/session_string_internal.h"

#include <string.h>

#include "shared/pdu.h"

// The flow description that an SDF filter stands for: its own, or the one that was given under its
// id in the same session.
static const struct session_string *flow_of(
	const struct sessions *st, const struct rules *r, const struct rule_sdf *s)
{
	if (s->text != SESSION_NONE)
		return string_get(st, s->text);
	for (unsigned i = 0; s->has_id && i < r->n_pdrs; i++)
		for (unsigned j = 0; j < r->pdr[i].n_sdfs; j++) {
			const struct rule_sdf *d = &r->pdr[i].sdf[j];
			if (d->has_id && d->id == s->id && d->text != SESSION_NONE)
				return string_get(st, d->text);
		}
	return NULL;
}

static bool same_users(const struct rule_pdi *a, const struct rule_pdi *b)
{
	if (a->n_ue != b->n_ue)
		return false;
	for (unsigned i = 0; i < a->n_ue; i++)
		if (a->ue[i].family != b->ue[i].family || a->ue[i].length != b->ue[i].length ||
			memcmp(a->ue[i].b, b->ue[i].b, sizeof(a->ue[i].b)) != 0)
			return false;
	return true;
}

// Where rules name different addresses of the user, a packet's own address is part of the choice.
static bool users_differ(const struct rules *r, uint64_t pdrs)
{
	const struct rule_pdi *first = NULL;

	for (unsigned i = 0; i < r->n_pdrs; i++) {
		const struct rule_pdi *d = pdr_pdi(r, &r->pdr[i]);
		if (!(pdrs >> i & 1))
			continue;
		if (first && !same_users(first, d))
			return true;
		first = d;
	}
	return false;
}

static void set_users(struct pdr_choice *c, const struct rule_pdi *d)
{
	_Static_assert(PFCP_UE_MAX <= PDR_USERS_MAX, "a rule's addresses");

	c->n_users = d->n_ue;
	memcpy(c->user, d->ue, d->n_ue * sizeof(d->ue[0]));
}

static bool choice_of(const struct sessions *st, const struct select_query *q,
	const struct rule_pdr *p, struct pdr_choice *out)
{
	bool uplink = q->of != SELECT_DOWNLINK;

	out->n_users = 0;
	out->uplink = uplink;
	out->qfis = q->of == SELECT_UPLINK_BEHIND ? 0 : p->qfis;
	out->n_flows = 0;
	if (p->other || p->n_sdfs > PDR_FLOWS_MAX)
		return false;
	for (unsigned i = 0; i < p->n_sdfs; i++) {
		const struct session_string *text = flow_of(st, q->rules, &p->sdf[i]);
		if (!text || pdr_flow_parse((const char *)text->octets, text->length, uplink,
				     &out->flow[out->n_flows++]) != POI_OK)
			return false;
	}
	return true;
}

// Lower precedence values come first; equal ones in the order of their creation.
static unsigned in_order(const struct rules *r, uint64_t pdrs, uint8_t *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->n_pdrs; i++) {
		if (!(pdrs >> i & 1))
			continue;
		unsigned at = n++;
		for (; at > 0 && r->pdr[out[at - 1]].precedence > r->pdr[i].precedence; at--)
			out[at] = out[at - 1];
		out[at] = (uint8_t)i;
	}
	return n;
}

// Behind the UPF, a packet identifies its rule only where all ask for one tunnel end and the same
// QFIs.
static bool known_behind(const struct rules *r, uint64_t pdrs)
{
	const struct rule_pdr *first = NULL;
	const struct tunnel_end *end = NULL;

	for (unsigned i = 0; i < r->n_pdrs; i++) {
		const struct rule_pdi *d = pdr_pdi(r, &r->pdr[i]);
		if (!(pdrs >> i & 1))
			continue;
		if (first && first->qfis != r->pdr[i].qfis)
			return false;
		first = &r->pdr[i];
		if (end && d->has_local && !tunnel_end_same(end, &d->local))
			return false;
		if (d->has_local)
			end = &d->local;
	}
	return true;
}

int select_make(
	const struct sessions *st, const struct select_query *q, const struct pdr_select **out)
{
	const struct rules *r = q->rules;
	struct pdr_choice choice[PDR_SELECT_MAX];
	uint8_t order[RULES_PDRS_MAX];

	*out = NULL;
	if (!(q->pdrs & q->wanted))
		return POI_ERR_NOT_FOUND;
	if (!(q->pdrs & ~q->wanted))
		return POI_OK;
	if (q->of == SELECT_UPLINK_BEHIND && !known_behind(r, q->pdrs))
		return POI_ERR_INVALID;
	bool by_user = users_differ(r, q->pdrs);
	unsigned n = in_order(r, q->pdrs, order);
	while (n > 0 && !(q->wanted >> order[n - 1] & 1))
		n--; // behind the last that is wanted nothing matters
	if (n > PDR_SELECT_MAX)
		return POI_ERR_INVALID;
	for (unsigned i = 0; i < n; i++) {
		const struct rule_pdr *p = &r->pdr[order[i]];
		choice[i].wanted = q->wanted >> order[i] & 1;
		if (!choice_of(st, q, p, &choice[i]))
			return POI_ERR_INVALID;
		if (by_user)
			set_users(&choice[i], pdr_pdi(r, p));
	}
	*out = pdr_select_new(choice, n);
	return *out ? POI_OK : POI_ERR_NOMEM;
}
