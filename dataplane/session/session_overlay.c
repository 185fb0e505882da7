// Applies the requests of a session that wait on top of its record.

#include "dataplane/session/session_life_internal.h"
#include "dataplane/session/session_rules_internal.h"
#include "dataplane/session/session_transaction_internal.h"
#include "dataplane/session/session_unpack_internal.h"

static void unite(struct selectors *all, const struct selectors *stage, uint32_t order)
{
	for (uint32_t i = 0; i < stage->n; i++) {
		struct selector *known =
			(struct selector *)selectors_find(all, &stage->selector[i]);
		if (known) {
			if (!known->accepted)
				known->order = order;
			continue;
		}
		if (all->n == SELECTORS_MAX) {
			all->overflow = true;
			return;
		}
		struct selector *x = &all->selector[all->n++];
		*x = stage->selector[i];
		x->accepted = order == 0;
		x->order = order;
	}
}

static void overlay(struct sessions *st, struct unpacked *u, const struct transaction *t)
{
	bool pfcp = t->protocol == SIGNALLING_PFCP;

	if (pfcp && t->type != PFCP_ESTABLISHMENT_REQUEST && t->type != PFCP_MODIFICATION_REQUEST)
		return;
	struct decoded *d = decoded_open_request(st, t);
	if (pfcp)
		rules_ask(st, u, &d->pfcp, NULL);
	else
		rules_gtpv2(&u->rules, &d->gtpv2, NULL);
	decoded_close(d);
}

void session_stages(
	struct sessions *st, const struct session *s, struct unpacked *u, const struct stages *out)
{
	selectors_of(&u->rules, out->all);
	if (out->each)
		out->each(out->context, &u->rules, out->all, 0);
	if (SLIST_EMPTY(&s->pending))
		return;
	struct selectors *stage = selectors_open(st);
	const struct transaction *t;
	SLIST_FOREACH (t, &s->pending, of_session) {
		overlay(st, u, t);
		selectors_of(&u->rules, stage);
		if (out->each)
			out->each(out->context, &u->rules, stage, t->order);
		unite(out->all, stage, t->order);
	}
	selectors_close(st, stage);
}

struct selectors *session_selectors(struct sessions *st, const struct session *s)
{
	struct selectors *all = selectors_open(st);
	struct unpacked *u = unpack_open(st, s);

	session_stages(st, s, u, &(struct stages){.all = all});
	unpack_close(st, u);
	return all;
}
