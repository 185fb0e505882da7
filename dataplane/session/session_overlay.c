// Applies the requests of a session that wait on top of its record.

#include "dataplane/session/session_life_internal.h"
#include "dataplane/session/session_rules_internal.h"
#include "dataplane/session/session_transaction_internal.h"
#include "dataplane/session/session_unpack_internal.h"

static void unite(struct ways *all, const struct ways *stage, uint32_t order)
{
	for (uint32_t i = 0; i < stage->n; i++) {
		struct way *known = (struct way *)ways_find(all, &stage->way[i]);
		if (known) {
			if (!known->accepted)
				known->order = order;
			continue;
		}
		if (all->n == WAYS_MAX) {
			all->overflow = true;
			return;
		}
		struct way *x = &all->way[all->n++];
		*x = stage->way[i];
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
	ways_of(&u->rules, out->all);
	if (out->each)
		out->each(out->context, &u->rules, out->all, 0);
	if (SLIST_EMPTY(&s->pending))
		return;
	struct ways *stage = ways_open(st);
	const struct transaction *t;
	SLIST_FOREACH (t, &s->pending, of_session) {
		overlay(st, u, t);
		ways_of(&u->rules, stage);
		if (out->each)
			out->each(out->context, &u->rules, stage, t->order);
		unite(out->all, stage, t->order);
	}
	ways_close(st, stage);
}

struct ways *session_selectors(struct sessions *st, const struct session *s)
{
	struct ways *all = ways_open(st);
	struct unpacked *u = unpack_open(st, s);

	session_stages(st, s, u, &(struct stages){.all = all});
	unpack_close(st, u);
	return all;
}
