// Takes messages of PFCP: requests here, responses in session_pfcp_answer.c.

#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_message_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_rules_internal.h"
#include "dataplane/session/session_string_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_unpack_internal.h"

#include <string.h>

// Requests of PFCP, and what waits of them. Answers: session_pfcp_answer.c.

// The rest of the session's life is followed from its establishment on. It is there before it is
// accepted: what the request itself names is added.
static void ask_establishment(
	struct sessions *st, const struct pfcp_arrival *in, struct transaction *t)
{
	const struct pfcp_message *m = in->m;
	struct pair *pair = pfcp_pair(st, in->packet, &m->node, true);

	if (!pair) { // no room for its nodes: it is not followed, which makes its tasks unsure
		sessions_refuse(st);
		return;
	}
	if (pair->setup_pending) { // no sessions are established before the setup was accepted
		pair->setup_pending = false;
		pair->associated = true;
		st->counts.restarts += pair_restart(st, pair);
	}
	sessions_room(st);
	struct unpacked *u = unpack_new(st, KIND_PFCP);
	struct rules *r = &u->rules;
	r->cp = m->f_seid;
	pfcp_own_address(&r->cp, &in->packet->source.address);
	rules_user(r, &m->user);
	rules_dnn(st, u, &m->dnn);
	rules_csids(st, u, m->csid, m->n_csids);
	struct session *s = session_create(st, r, pair->index);
	unpack_close(st, u);
	if (!s)
		return;
	struct selectors *before = selectors_open(st); // none
	transaction_names(st, t, m);
	transaction_attach(st, t, s);
	session_missed(st, s, in->m->broken);
	session_after(st, s, before, CAUSE_MESSAGE);
}

static bool end_names(const struct tunnel_end *e, const struct selector *w)
{
	return e->teid == w->teid &&
	       ((e->v4.family == w->prefix.family && !memcmp(e->v4.b, w->prefix.b, 16)) ||
		       (e->v6.family == w->prefix.family && !memcmp(e->v6.b, w->prefix.b, 16)));
}

static bool names(const struct pfcp_message *m, const struct selector *w)
{
	for (unsigned i = 0; i < m->n_fars; i++)
		if (m->far[i].v.has_outer && end_names(&m->far[i].v.outer, w))
			return true;
	for (unsigned i = 0; i < m->n_pdrs; i++)
		if (m->pdr[i].v.pdi.fteid.present && !m->pdr[i].v.pdi.fteid.choose &&
			end_names(&m->pdr[i].v.pdi.fteid.end, w))
			return true;
	return false;
}

// A selector that another session took, and that this message gives to its session again, counts as
// new.
static void renew_named(struct sessions *st, const struct session *s, const struct pfcp_message *m,
	struct selectors *before)
{
	for (uint32_t i = 0; i < before->n;) {
		const struct selector *w = &before->selector[i];
		if (w->kind == BINDING_TUNNEL && names(m, w) &&
			!session_index_has(&st->index, selector_hash(st, s->kind, w), s->index))
			before->selector[i] = before->selector[--before->n];
		else
			i++;
	}
}

// The session of the UP SEID to which the message goes. The UPF may call itself by another address
// than it has here (NAT, or several N4 interfaces): then the only one of that SEID between the
// nodes.
static struct session *asked_session(struct sessions *st, const struct pfcp_arrival *in)
{
	const struct ip_address *to = &in->packet->destination.address;
	struct session *s = session_by_seid(st, true, KIND_PFCP, to, in->m->seid, NULL);

	if (s)
		return s;
	return session_by_up_seid(st, node_of(st, &in->packet->source.address, NULL, false),
		node_of(st, to, NULL, false), in->m->seid);
}

static struct session *asked_partial(struct sessions *st, const struct pfcp_arrival *in)
{
	struct unpacked *u = unpack_new(st, KIND_PFCP);
	struct f_seid *up = &u->rules.up;
	const struct ip_address *to = &in->packet->destination.address;

	*up = (struct f_seid){.present = true, .seid = in->m->seid};
	pfcp_set_address(up, to);
	struct session *s = pfcp_partial(st, &u->rules, in->packet);
	unpack_close(st, u);
	return s;
}

static void ask_modification(
	struct sessions *st, const struct pfcp_arrival *in, struct transaction *t)
{
	struct session *s = asked_session(st, in);

	if (!s)
		s = asked_partial(st, in);
	if (!s)
		return;
	struct selectors *before = session_before(st, s);
	if (s->flags & SESSION_OVERTAKEN)
		renew_named(st, s, in->m, before);
	transaction_names(st, t, in->m);
	transaction_attach(st, t, s);
	session_missed(st, s, in->m->broken);
	session_heard(st, s);
	session_after(st, s, before, CAUSE_MESSAGE);
}

static void ask_deletion(struct sessions *st, const struct pfcp_arrival *in, struct transaction *t)
{
	struct session *s = asked_session(st, in);

	if (!s) {
		struct pair *pair = pfcp_pair(st, in->packet, NULL, false);
		if (pair)
			transaction_of_pair(st, t, pair->index);
		return;
	}
	bool full = s->n_pending == ASKED_OF_SESSION_MAX;
	struct selectors *before = full ? session_before(st, s) : NULL;
	session_heard(st, s);
	transaction_attach(st, t, s);
	if (full)
		session_after(st, s, before, CAUSE_MESSAGE);
}

static void ask_setup(struct sessions *st, const struct pfcp_arrival *in, struct transaction *t)
{
	struct pair *pair = pfcp_pair(st, in->packet, &in->m->node, true);

	if (!pair)
		return;
	t->pair = pair->index;
	pair->setup_pending = !in->m->retention;
}

static void ask_release(struct sessions *st, const struct pfcp_arrival *in, struct transaction *t)
{
	struct pair *pair = pfcp_pair(st, in->packet, NULL, false);

	if (pair)
		t->pair = pair->index;
}

static void report_request(struct sessions *st, const struct pfcp_arrival *in)
{
	struct session *s = session_by_seid(
		st, false, KIND_PFCP, &in->packet->destination.address, in->m->seid, NULL);

	if (!s)
		return;
	session_heard(st, s);
	if (in->m->deleted_by_up)
		session_end(st, s, END_RELEASED);
	else
		session_missed(st, s, in->m->broken);
}

// Another SMF of the set may take the session over in its answer.
static void report_response(struct sessions *st, const struct pfcp_arrival *in)
{
	struct session *s = asked_session(st, in);

	if (s)
		session_missed(st, s, in->m->broken);
	if (!s || !in->m->f_seid.present)
		return;
	struct selectors *before = session_before(st, s);
	struct unpacked *u = unpack_open(st, s);
	u->rules.cp = in->m->f_seid;
	s = session_replace(st, s, &u->rules);
	unpack_close(st, u);
	if (!s) {
		selectors_close(st, before);
		return;
	}
	struct pair *pair = pfcp_pair(st, in->packet, NULL, true);
	if (pair)
		session_move(st, s, pair);
	session_after(st, s, before, CAUSE_MESSAGE);
}

static bool join_early(struct sessions *st, uint64_t time_ns, struct transaction *t,
	const struct early_response *e)
{
	const struct signalling_packet response = early_response_packet(e, time_ns);
	struct decoded *d = decoded_open(st);
	uint32_t used;
	bool more;

	enum signalling_reason why = pfcp_decode(e->octets, e->length, &d->pfcp, &used, &more);
	const struct pfcp_arrival in = {&response, &d->pfcp};
	pfcp_own_address(&d->pfcp.f_seid, &response.source.address);
	bool joined = signalling_usable(why) && pfcp_answers(st, t, &d->pfcp);
	if (joined)
		pfcp_take_response(st, &in, t);
	decoded_close(d);
	if (!joined)
		pfcp_early_response_lost(st, e);
	return joined;
}

static void take_request(struct sessions *st, const struct pfcp_arrival *in)
{
	const struct pfcp_message *m = in->m;
	uint64_t key = transaction_key(st, in->packet, m->sequence, m->type, false);
	struct transaction *t = transaction_ask(st, in->packet->protocol, key, &m->raw);

	if (!t)
		return;
	t->type = m->type;
	transaction_alias(st, t, in->packet, m->sequence);
	st->counts.requests++;
	if (m->type == PFCP_ESTABLISHMENT_REQUEST)
		ask_establishment(st, in, t);
	else if (m->type == PFCP_MODIFICATION_REQUEST)
		ask_modification(st, in, t);
	else if (m->type == PFCP_DELETION_REQUEST)
		ask_deletion(st, in, t);
	else if (m->type == PFCP_ASSOCIATION_SETUP_REQUEST)
		ask_setup(st, in, t);
	else
		ask_release(st, in, t);
	early_response_join(st, in->packet->time_ns, t, join_early);
}

static void take_message(struct sessions *st, const struct pfcp_arrival *in)
{
	const struct signalling_packet *p = in->packet;
	const struct pfcp_message *m = in->m;

	st->counts.messages++;
	switch (m->type) {
	case PFCP_HEARTBEAT_REQUEST:
	case PFCP_HEARTBEAT_RESPONSE:
		if (m->has_recovery)
			pair_heartbeat(st, node_of(st, &p->source.address, NULL, false),
				node_of(st, &p->destination.address, NULL, false), m->recovery);
		break;
	case PFCP_REPORT_REQUEST:
		report_request(st, in);
		break;
	case PFCP_REPORT_RESPONSE:
		report_response(st, in);
		break;
	case PFCP_ESTABLISHMENT_REQUEST:
	case PFCP_MODIFICATION_REQUEST:
	case PFCP_DELETION_REQUEST:
	case PFCP_ASSOCIATION_SETUP_REQUEST:
	case PFCP_ASSOCIATION_RELEASE_REQUEST:
	case PFCP_SET_DELETION_REQUEST:
		take_request(st, in);
		break;
	default: // every response is one more than its request
		pfcp_take_response(st, in,
			transaction_of_answer(st,
				transaction_key(st, p, m->sequence, (uint8_t)(m->type - 1), true)));
	}
}

void pfcp_take(struct sessions *st, const struct signalling_packet *p)
{
	const uint8_t *at = p->octets;
	uint32_t left = p->length, used = 0;
	struct decoded *d = decoded_open(st);

	for (bool more = true; more && left > 0; at += used, left -= used) {
		enum signalling_reason why = pfcp_decode(at, left, &d->pfcp, &used, &more);
		const struct pfcp_arrival in = {p, &d->pfcp};
		st->counts.reason[SIGNALLING_PFCP][why]++;
		pfcp_own_address(&d->pfcp.f_seid, &p->source.address);
		if (signalling_usable(why))
			take_message(st, &in);
		else if (why != SIGNALLING_TYPE)
			pfcp_take_unread(st, &in);
		if (more && (used == 0 || used == left))
			sessions_unread(st); // what follows is lost with it
		if (used == 0 || used > left)
			break;
	}
	decoded_close(d);
}
