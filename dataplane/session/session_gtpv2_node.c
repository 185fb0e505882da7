// Restarts of GTPv2-C nodes: which sessions end by them, and which the restarted node has now.

#include "dataplane/session/session_gtpv2_internal.h"
#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_rules_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_unpack_internal.h"

uint32_t gtpv2_node(struct sessions *st, const struct ip_address *a, bool create)
{
	return node_by_octets(st, (uint8_t)(NODE_GTPV2 | a->family), a->b, 16, create);
}

static bool is_present(
	const struct transaction *t, const struct session *s, const struct pair *pair)
{
	return s && s->generation == t->generation && s->pair == pair->index &&
	       s->restart_epoch == pair->restart_epoch;
}

// Its creation was asked for, and not by the node that has restarted.
static bool waits(const struct session *s, const struct ip_address *restarted)
{
	if (s->flags & SESSION_ACCEPTED)
		return false;
	struct f_seid cp, up;
	record_seids(s, &cp, &up);
	return !seid_at(&cp, restarted, cp.seid);
}

static void keep(struct sessions *st, struct session *s, struct pair *in)
{
	struct transaction *x;

	session_move(st, s, in);
	SLIST_FOREACH (x, &s->pending, of_session)
		transaction_of_pair(st, x, in->index);
}

// Where sessions are while those that they are among end: a node that no message comes from.
static struct pair *pair_aside(struct sessions *st)
{
	uint32_t nobody = node_by_octets(st, NODE_GTPV2, "", 0, true);
	struct pair *aside = pair_of(st, nobody, nobody, true);

	if (!aside) {
		sessions_refuse(st);
	}
	return aside;
}

// The sessions of the pair end, but not those that the restarted node has now: whose request it
// accepts with this answer to `t`, and whose creation it has still to answer.
static void restart(struct sessions *st, const struct gtpv2_arrival *in,
	const struct transaction *t, struct pair *pair)
{
	struct pair *aside = pair_aside(st);
	const struct transaction *x;

	for (t = gtpv2_accepted(in->m) ? t : NULL; t && aside; t = SLIST_NEXT(t, sibling)) {
		struct session *s = session_table_get(&st->sessions, t->session);
		if (is_present(t, s, pair))
			keep(st, s, aside);
	}
	TAILQ_FOREACH (x, &st->transactions->asked.list, by_age) {
		struct session *s = session_table_get(&st->sessions, x->session);
		if (aside && x->protocol == SIGNALLING_GTPV2C &&
			x->type == GTPV2_CREATE_SESSION_REQUEST && is_present(x, s, pair) &&
			waits(s, &in->packet->source.address))
			keep(st, s, aside);
	}
	pair_heartbeat(st, gtpv2_node(st, &in->packet->source.address, false),
		gtpv2_node(st, &in->packet->destination.address, false), in->m->recovery);
	for (struct session *s; aside && (s = session_table_get(&st->sessions, aside->sessions));)
		keep(st, s, pair);
}

void gtpv2_heartbeat(
	struct sessions *st, const struct gtpv2_arrival *in, const struct transaction *t)
{
	const struct gtpv2_message *m = in->m;
	uint32_t sender = gtpv2_node(st, &in->packet->source.address, false);
	struct pair *pair =
		pair_of(st, sender, gtpv2_node(st, &in->packet->destination.address, false), false);

	if (!m->has_recovery || !pair || sender == SESSION_NONE)
		return;
	unsigned side = pair->node[0] == sender ? 0 : 1;
	if (pair->has_recovery[side] && pair->recovery[side] != m->recovery)
		restart(st, in, t, pair);
	else
		pair_recovery(pair, sender, m->recovery);
}
