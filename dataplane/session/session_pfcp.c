#include "dataplane/session/session_internal.h"

#include <string.h>

// Requests of PFCP, and what waits of them. Answers: session_pfcp_answer.c.

const struct pfcp_message *pfcp_kept(struct sessions *st, const struct transaction *t)
{
	struct pfcp_message *m = st->pfcp[1];
	uint32_t used;
	bool more;

	if (st->kept_serial == t->serial)
		return m;
	st->kept_serial = t->serial;
	enum signalling_reason why = pfcp_decode(t->raw, t->length, m, &used, &more);
	if (why != SIGNALLING_OK && why != SIGNALLING_LIMIT) { // it was read before
		m->type = 0;
		m->n_pdrs = m->n_fars = m->n_endpoints = m->n_removed = m->n_csids = 0;
	}
	return m;
}

void pfcp_overlay(
	struct sessions *st, struct rules *r, const struct transaction *t, struct applied *a)
{
	if (t->type == PFCP_ESTABLISHMENT_REQUEST || t->type == PFCP_MODIFICATION_REQUEST)
		rules_ask(st, r, pfcp_kept(st, t), NULL, a);
}

struct pair *pfcp_pair(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_node *sender, bool create)
{
	uint32_t from = node_of(st, &p->source.address, sender, create);
	uint32_t to = node_of(st, &p->destination.address, NULL, create);

	return pair_of(st, from, to, create);
}

// No room for its nodes: the session is not followed, which its tasks have to know.
static void refused(struct sessions *st)
{
	st->counts.refused++;
	bind_refused(st);
}

struct session *pfcp_partial(
	struct sessions *st, const struct rules *r, const struct signalling_packet *p)
{
	struct pair *pair = pfcp_pair(st, p, NULL, true);

	if (!pair) {
		refused(st);
		return NULL;
	}
	struct session *s = session_create(st, r, pair->number);
	if (s)
		session_set_partial(st, s, true);
	return s;
}

// The rest of the session's life is followed from its establishment on. It is there before it is
// accepted: what the request itself names is added.
static void ask_establishment(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_message *m, struct transaction *t)
{
	struct rules *r = st->rules[2];
	struct pair *pair = pfcp_pair(st, p, &m->node, true);

	if (!pair) {
		refused(st);
		return;
	}
	if (pair->setup_pending) { // nobody establishes sessions before the setup was accepted
		pair->setup_pending = false;
		pair->associated = true;
		st->counts.restarts += pair_restart(st, pair);
	}
	rules_clear(r, KIND_PFCP);
	r->cp = m->f_seid;
	rules_user(r, &m->user);
	if (m->dnn.length)
		r->dnn = string_ni(st, m->dnn.octets, m->dnn.length);
	for (unsigned i = 0; i < m->n_csids && r->n_csids < RULES_CSIDS_MAX; i++)
		r->n_csids += (uint8_t)csids_take(
			st, &m->csid[i], r->csid + r->n_csids, RULES_CSIDS_MAX - r->n_csids);
	struct session *s = session_create(st, r, pair->number);
	rules_strings(st, r, false); // the record has its own
	if (!s)
		return;
	st->before->n = 0;
	transaction_names(st, t, m);
	transaction_attach(st, t, s);
	if (st->limited)
		s->flags |= SESSION_LOSS;
	session_after(st, s, st->before);
}

static bool end_names(const struct tunnel_end *e, const struct way *w)
{
	return e->teid == w->teid &&
	       ((e->v4.family == w->prefix.family && !memcmp(e->v4.b, w->prefix.b, 16)) ||
		       (e->v6.family == w->prefix.family && !memcmp(e->v6.b, w->prefix.b, 16)));
}

static bool names(const struct pfcp_message *m, const struct way *w)
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

// A way that another session took, and that this message gives to its session again, counts as new.
static void renew_named(struct sessions *st, const struct session *s, const struct pfcp_message *m,
	struct ways *before)
{
	for (uint32_t i = 0; i < before->n;) {
		const struct way *w = &before->way[i];
		if (w->way == BINDING_TUNNEL && names(m, w) &&
			!session_index_has(&st->index, way_hash(st, s->kind, w), s->number))
			before->way[i] = before->way[--before->n];
		else
			i++;
	}
}

// The session of the UP SEID to which the message goes. The UPF may call itself by another address
// than it has here (NAT, or several N4 interfaces): then the only one of that SEID between the
// nodes.
static struct session *asked_session(
	struct sessions *st, const struct signalling_packet *p, const struct pfcp_message *m)
{
	struct session *s =
		session_by_seid(st, true, KIND_PFCP, &p->destination.address, m->seid, NULL);

	if (s)
		return s;
	return session_by_up_seid(st, node_of(st, &p->source.address, NULL, false),
		node_of(st, &p->destination.address, NULL, false), m->seid);
}

static void ask_modification(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_message *m, struct transaction *t)
{
	struct session *s = asked_session(st, p, m);

	if (!s) {
		struct rules *r = st->rules[2];
		rules_clear(r, KIND_PFCP);
		r->up = (struct f_seid){.present = true, .seid = m->seid};
		*(p->destination.address.family == 6 ? &r->up.v6 : &r->up.v4) =
			p->destination.address;
		s = pfcp_partial(st, r, p);
	}
	if (!s)
		return;
	session_before(st, s, st->before);
	if (s->flags & SESSION_OVERTAKEN)
		renew_named(st, s, m, st->before);
	transaction_names(st, t, m);
	transaction_attach(st, t, s);
	if (st->limited)
		s->flags |= SESSION_LOSS;
	session_heard(st, s);
	session_after(st, s, st->before);
}

static void ask_deletion(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_message *m, struct transaction *t)
{
	struct session *s = asked_session(st, p, m);

	if (!s) {
		struct pair *pair = pfcp_pair(st, p, NULL, false);
		if (pair)
			transaction_of_pair(st, t, pair->number);
		return;
	}
	bool full = s->n_pending == ASKED_OF_SESSION_MAX;
	if (full)
		session_before(st, s, st->before);
	session_heard(st, s);
	transaction_attach(st, t, s);
	if (full)
		session_after(st, s, st->before);
}

static void ask_setup(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_message *m, struct transaction *t)
{
	struct pair *pair = pfcp_pair(st, p, &m->node, true);

	if (!pair)
		return;
	t->pair = pair->number;
	pair->setup_pending = !m->retention;
}

static void ask_release(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_message *m, struct transaction *t)
{
	struct pair *pair = pfcp_pair(st, p, NULL, false);

	if (pair)
		t->pair = pair->number;
}

static void report_request(
	struct sessions *st, const struct signalling_packet *p, const struct pfcp_message *m)
{
	struct session *s =
		session_by_seid(st, false, KIND_PFCP, &p->destination.address, m->seid, NULL);

	if (!s)
		return;
	session_heard(st, s);
	if (m->deleted_by_up)
		session_end(st, s, END_RELEASED);
}

// Another SMF of the set may take the session over in its answer.
static void report_response(
	struct sessions *st, const struct signalling_packet *p, const struct pfcp_message *m)
{
	struct session *s = asked_session(st, p, m);
	struct rules *r = st->rules[2];

	if (!s || !m->f_seid.present)
		return;
	session_before(st, s, st->before);
	record_unpack(s, r);
	r->cp = m->f_seid;
	s = session_replace(st, s, r);
	if (!s)
		return;
	struct pair *pair = pfcp_pair(st, p, NULL, true);
	if (pair)
		session_move(st, s, pair);
	session_after(st, s, st->before);
}

// False: it was another request's, of the same number.
static bool join_one(struct sessions *st, const struct signalling_packet *p, struct transaction *t,
	const struct early *e)
{
	uint32_t used;
	bool more;
	const struct signalling_packet response = early_packet(e, p->time_ns);
	enum signalling_reason why = pfcp_decode(e->octets, e->length, st->pfcp[0], &used, &more);
	if ((why != SIGNALLING_OK && why != SIGNALLING_LIMIT) || !pfcp_answers(st, t, st->pfcp[0]))
		return false;
	st->limited = why == SIGNALLING_LIMIT;
	pfcp_take_response(st, &response, st->pfcp[0], t);
	return true;
}

static void join_early(
	struct sessions *st, const struct signalling_packet *p, struct transaction *t)
{
	struct early *e;

	for (bool joined = false; !joined && (e = transaction_early(st, t->key));) {
		joined = join_one(st, p, t, e);
		if (!joined) {
			st->counts.unmatched_responses++;
			pfcp_early_lost(st, e);
		}
		early_free(st, e);
	}
}

static void take_request(
	struct sessions *st, const struct signalling_packet *p, const struct pfcp_message *m)
{
	uint64_t key = transaction_key(st, p, m->sequence, m->type, false);
	struct transaction *t = transaction_ask(st, p, key, m->type, &m->whole);

	if (!t)
		return;
	st->counts.requests++;
	if (m->type == PFCP_ESTABLISHMENT_REQUEST)
		ask_establishment(st, p, m, t);
	else if (m->type == PFCP_MODIFICATION_REQUEST)
		ask_modification(st, p, m, t);
	else if (m->type == PFCP_DELETION_REQUEST)
		ask_deletion(st, p, m, t);
	else if (m->type == PFCP_ASSOCIATION_SETUP_REQUEST)
		ask_setup(st, p, m, t);
	else
		ask_release(st, p, m, t);
	join_early(st, p, t);
}

static void take_message(
	struct sessions *st, const struct signalling_packet *p, const struct pfcp_message *m)
{
	st->counts.messages++;
	switch (m->type) {
	case PFCP_HEARTBEAT_REQUEST:
	case PFCP_HEARTBEAT_RESPONSE:
		if (m->has_recovery)
			pair_heartbeat(st, node_of(st, &p->source.address, NULL, false),
				node_of(st, &p->destination.address, NULL, false), m->recovery);
		break;
	case PFCP_REPORT_REQUEST:
		report_request(st, p, m);
		break;
	case PFCP_REPORT_RESPONSE:
		report_response(st, p, m);
		break;
	case PFCP_ESTABLISHMENT_REQUEST:
	case PFCP_MODIFICATION_REQUEST:
	case PFCP_DELETION_REQUEST:
	case PFCP_ASSOCIATION_SETUP_REQUEST:
	case PFCP_ASSOCIATION_RELEASE_REQUEST:
	case PFCP_SET_DELETION_REQUEST:
		take_request(st, p, m);
		break;
	default: // every response is one more than its request
		pfcp_take_response(st, p, m,
			transaction_find(st,
				transaction_key(st, p, m->sequence, (uint8_t)(m->type - 1), true)));
	}
}

void pfcp_take(struct sessions *st, const struct signalling_packet *p)
{
	const uint8_t *at = p->octets;
	uint32_t left = p->length, used = 0;

	for (bool more = true; more && left > 0; at += used, left -= used) {
		enum signalling_reason why = pfcp_decode(at, left, st->pfcp[0], &used, &more);
		st->counts.reason[SIGNALLING_PFCP][why]++;
		st->limited = why == SIGNALLING_LIMIT;
		if (why == SIGNALLING_OK || why == SIGNALLING_LIMIT)
			take_message(st, p, st->pfcp[0]);
		if (used == 0 || used > left)
			break;
	}
}
