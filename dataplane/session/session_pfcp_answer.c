// Takes responses of PFCP whose request waits.

#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_message_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_rules_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_unpack_internal.h"

#include <string.h>

#define ANSWER_NS 5000000000ull // a request without an answer is sent again before

// ---- rejected ----

static void rejected(struct sessions *st, struct transaction *t)
{
	struct session *s = transaction_session(st, t);

	st->counts.rejected++;
	if (!s)
		return;
	if (t->state == TRANSACTION_ASSUMED) { // too late to take it back
		s->flags |= SESSION_LOSS;
		session_mark(st, s);
		return;
	}
	struct selectors *before = session_before(st, s);
	transaction_detach(st, t);
	session_after(st, s, before, CAUSE_MESSAGE);
	if (!(s->flags & (SESSION_ACCEPTED | SESSION_PARTIAL)))
		session_end(st, s, END_SUPERSEDED); // it never was
}

// ---- accepted ----

static void ask(struct sessions *st, struct unpacked *u, const struct transaction *t,
	const struct pfcp_message *response)
{
	struct decoded *d = decoded_open_request(st, t);

	if (t->type != PFCP_DELETION_REQUEST)
		rules_ask(st, u, &d->pfcp, response);
	if (t->type == PFCP_MODIFICATION_REQUEST && d->pfcp.f_seid.present)
		u->rules.cp = d->pfcp.f_seid; // it is taken over
	decoded_close(d);
}

// With what was asked later and is in force already.
static void ask_in_order(struct sessions *st, struct unpacked *u, const struct transaction *t,
	const struct pfcp_message *response)
{
	ask(st, u, t, response);
	while ((t = SLIST_NEXT(t, sibling)))
		ask(st, u, t, NULL);
}

// True if its answer may still come: those of two requests may change places on their way, and a
// request is sent again when it seems lost. An established session needs no answer to its
// establishment any more.
static bool leave_waiting(struct sessions *st, struct transaction *e, const struct transaction *t,
	const struct pfcp_message *response)
{
	if (e->type == PFCP_ESTABLISHMENT_REQUEST || e->time_ns + ANSWER_NS < st->now_ns)
		return false;
	if (e->type == PFCP_DELETION_REQUEST)
		return true;
	// what failed of the later one is not known to its copy
	return response->n_removed == 0 && transaction_keep_later(st, e, t);
}

// An accepted response, and what it is of.
struct answer {
	const struct pfcp_arrival *in;
	struct transaction *t;
	bool late;	 // it was taken for accepted before
	bool taken_over; // another SMF of the set has the session now
};

// Earlier requests without an answer for so long must have been accepted as well: a control plane
// does not ask anew before.
static void assume_earlier(
	struct sessions *st, struct session *s, const struct answer *a, struct unpacked *u)
{
	struct transaction *next;

	for (struct transaction *e = SLIST_FIRST(&s->pending); e && e != a->t; e = next) {
		next = SLIST_NEXT(e, of_session);
		if (leave_waiting(st, e, a->t, a->in->m))
			continue;
		if (e->type == PFCP_DELETION_REQUEST) {
			transaction_assume(st, e); // refused: the session lives
			continue;
		}
		ask_in_order(st, u, e, NULL);
		transaction_siblings_free(st, e);
		transaction_assume(st, e);
		if (e->type == PFCP_ESTABLISHMENT_REQUEST)
			s->flags |= SESSION_ACCEPTED;
		s->flags |= SESSION_LOSS;
		st->counts.unanswered++;
	}
}

// The rules with what was asked, as the response has it.
static void answer_rules(
	struct sessions *st, struct session *s, struct answer *a, struct unpacked *u)
{
	const struct pfcp_message *m = a->in->m;
	bool establishment = a->t->type == PFCP_ESTABLISHMENT_REQUEST;

	if (!a->late)
		assume_earlier(st, s, a, u);
	transaction_detach(st, a->t);
	if (!a->late)
		ask_in_order(st, u, a->t, m);
	if (establishment && m->f_seid.present)
		u->rules.up = m->f_seid;
	struct decoded *request = decoded_open_request(st, a->t);
	a->taken_over = a->t->type == PFCP_MODIFICATION_REQUEST && request->pfcp.f_seid.present;
	rules_answer(st, &u->rules, &request->pfcp, m);
	if (rules_untold(&u->rules, &request->pfcp, m))
		session_missed(st, s, SIGNALLING_BROKEN_SESSION);
	decoded_close(request);
}

// The session with what `t` asked, as the response has it.
static struct session *accept_answer(struct sessions *st, struct session *s, struct transaction *t,
	const struct pfcp_arrival *in)
{
	struct answer a = {.in = in, .t = t, .late = t->state == TRANSACTION_ASSUMED};
	struct selectors *before = session_before(st, s);
	struct unpacked *u = unpack_open(st, s);

	answer_rules(st, s, &a, u);
	rules_handover(st, s, before, &u->rules);
	s->flags |= SESSION_ACCEPTED;
	session_missed(st, s, in->m->broken);
	session_heard(st, s);
	struct session *new = session_replace(st, s, &u->rules);
	unpack_close(st, u);
	struct pair *pair = a.taken_over && !a.late ? pfcp_pair(st, in->packet, NULL, true) : NULL;
	if (pair && new) // another SMF of the set: its own restart is what ends it now
		session_move(st, new, pair);
	if (new && t->type == PFCP_ESTABLISHMENT_REQUEST)
		session_set_partial(st, new, false);
	s = new ? new : s;
	session_after(st, s, before, CAUSE_MESSAGE);
	return s;
}

// Requests for the UP F-SEID that came before the establishment's response made a session of their
// own. They belong to this one.
static void adopt(struct sessions *st, struct session *s, struct session *other)
{
	struct transaction *moved[16];
	unsigned n = 0;
	struct selectors *before = session_before(st, other);

	while (!SLIST_EMPTY(&other->pending) && n < 16) {
		moved[n] = SLIST_FIRST(&other->pending);
		transaction_detach(st, moved[n++]);
	}
	session_after(st, other, before, CAUSE_MESSAGE);
	before = session_before(st, s);
	for (unsigned i = 0; i < n; i++)
		transaction_attach(st, moved[i], s);
	session_after(st, s, before, CAUSE_MESSAGE);
	session_end(st, other, END_SUPERSEDED);
}

static void adopt_at(
	struct sessions *st, struct session *s, const struct ip_address *address, uint64_t seid)
{
	struct session *other =
		address->family ? session_by_seid(st, true, KIND_PFCP, address, seid, s) : NULL;

	if (other && other->flags & SESSION_PARTIAL)
		adopt(st, s, other);
	else if (other)
		session_end(st, other, END_SUPERSEDED); // the UPF has given its SEID anew
}

// An SMF that establishes a session under a CP F-SEID in use has forgotten the old one.
static void end_same_cp(struct sessions *st, const struct session *s)
{
	uint32_t found[INDEX_RUN_MAX], index = s->index, n = 0;
	const uint32_t pair = s->pair;
	struct f_seid cp, up, theirs;

	record_seids(s, &cp, &up);
	const struct ip_address *a = cp.v4.family ? &cp.v4 : &cp.v6;
	if (cp.present)
		n = session_candidates(&st->index, key_seid(st, KEY_CP, 0, a, cp.seid), found);
	for (uint32_t i = 0; i < n; i++) {
		struct session *o = found[i] == index ? NULL : session_at(st, found[i]);
		if (!o || o->kind != KIND_PFCP || o->pair != pair ||
			!(o->flags & (SESSION_ACCEPTED | SESSION_PARTIAL)))
			continue;
		record_seids(o, &theirs, &up);
		if (seid_at(&theirs, a, cp.seid))
			session_end(st, o, END_SUPERSEDED);
	}
}

static bool has_identity(struct sessions *st, const struct session *s)
{
	struct unpacked *u = unpack_open(st, s);
	const struct rules *r = &u->rules;
	bool has = r->imsi != SESSION_ABSENT || r->msisdn != SESSION_ABSENT ||
		   r->imei != SESSION_ABSENT || r->nai_length > 0;

	unpack_close(st, u);
	return has;
}

static void answer_establishment(
	struct sessions *st, const struct pfcp_arrival *in, struct transaction *t)
{
	const struct pfcp_message *m = in->m;
	struct session *s = transaction_session(st, t);

	if (!pfcp_accepted(m)) {
		rejected(st, t);
		return;
	}
	if (!s)
		return;
	bool late = t->state == TRANSACTION_ASSUMED;
	node_of(st, &in->packet->source.address, &m->node, true);
	s = accept_answer(st, s, t, in);
	uint32_t index = s->index;
	adopt_at(st, s, &m->f_seid.v4, m->f_seid.seid);
	adopt_at(st, s, &m->f_seid.v6, m->f_seid.seid);
	s = session_at(st, index);
	st->counts.established++;
	if (!s)
		return;
	if (!late)
		end_same_cp(st, s);
	st->counts.identity_unseen += !has_identity(st, s);
}

static void set_cp(struct sessions *st, struct session *s, const struct pfcp_arrival *in)
{
	struct unpacked *u = unpack_open(st, s);
	struct f_seid *cp = &u->rules.cp;

	if (!cp->present) {
		*cp = (struct f_seid){.present = true, .seid = in->m->seid};
		pfcp_set_address(cp, &in->packet->destination.address);
		session_replace(st, s, &u->rules);
	}
	unpack_close(st, u);
}

// The session of the response's CP SEID that one with this UP SEID is: one that has it, perhaps
// with another address; else the one whose establishment waits (the newest: a control plane asks
// anew when it was refused); else what is known of one in part. NULL: none.
static struct session *same_session(struct sessions *st, const struct session *but,
	const struct pfcp_arrival *in, const struct f_seid *up)
{
	const struct ip_address *address = &in->packet->destination.address;
	const uint64_t seid = in->m->seid;
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index, key_seid(st, KEY_CP, 0, address, seid), found);
	struct session *best = NULL;
	unsigned best_rank = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct session *o = found[i] == but->index ? NULL : session_at(st, found[i]);
		struct f_seid cp, theirs;
		if (!o || o->kind != KIND_PFCP)
			continue;
		record_seids(o, &cp, &theirs);
		bool same = theirs.present && up->present && theirs.seid == up->seid;
		unsigned rank = same ? 3 : theirs.present ? 0 : o->flags & SESSION_PARTIAL ? 1 : 2;
		bool newer = best && rank == best_rank && session_is_newer(o, best);
		if (seid_at(&cp, address, seid) && (rank > best_rank || newer)) {
			best = o;
			best_rank = rank;
		}
	}
	return best;
}

// The response names the session by its CP SEID. That may be one whose UP SEID is not known yet:
// the answer to its establishment was lost, and this one proves that it was accepted.
static struct session *link_partial(
	struct sessions *st, struct session *s, const struct pfcp_arrival *in)
{
	uint32_t index = s->index;
	struct f_seid cp, up;

	record_seids(s, &cp, &up);
	struct session *other = same_session(st, s, in, &up);
	if (!other) {
		set_cp(st, s, in);
		return session_at(st, index);
	}
	uint32_t to = other->index;
	struct unpacked *u = unpack_open(st, other);
	if (!u->rules.up.present)
		u->rules.up = up;
	other = session_replace(st, other, &u->rules);
	unpack_close(st, u);
	if (!other)
		return session_at(st, index);
	adopt(st, other, s);
	return session_at(st, to);
}

static void answer_modification(
	struct sessions *st, const struct pfcp_arrival *in, struct transaction *t)
{
	struct session *s = transaction_session(st, t);

	if (s && in->m->cause == PFCP_NO_SESSION) {
		transaction_detach(st, t);
		session_end(st, s, END_LOST);
		return;
	}
	if (!pfcp_accepted(in->m)) {
		rejected(st, t);
		return;
	}
	if (s && s->flags & SESSION_PARTIAL)
		s = link_partial(st, s, in);
	if (!s)
		return;
	accept_answer(st, s, t, in);
	st->counts.modified++;
}

static void answer_deletion(
	struct sessions *st, const struct pfcp_arrival *in, struct transaction *t)
{
	struct session *s = transaction_session(st, t);

	transaction_detach(st, t);
	// asked of that one only: it may be over, and its SEID used again
	if (t->generation == 0)
		pfcp_alone_deletion(st, in);
	else if (!pfcp_deleted(in->m))
		st->counts.rejected++;
	else if (s)
		session_end(st, s, END_RELEASED);
}

// ---- associations ----

// Handles both nodes' restart stamps, for the pair that was asked and the one that they are by now.
static void note_setup(struct sessions *st, const struct pfcp_arrival *in, struct pair *pair,
	const struct pfcp_message *request)
{
	const struct pfcp_message *m = in->m;
	uint32_t asker = node_of(st, &in->packet->destination.address, NULL, false);
	uint32_t answerer = node_of(st, &in->packet->source.address, NULL, false);
	struct pair *now = pair_of(st, asker, answerer, true);

	for (struct pair *x = pair; x; x = x == now ? NULL : now) {
		if (request->has_recovery)
			pair_recovery(x, asker, request->recovery);
		if (m->has_recovery)
			pair_recovery(x, answerer, m->recovery);
		x->associated = true;
	}
}

static void answer_setup(struct sessions *st, const struct pfcp_arrival *in, struct transaction *t)
{
	const struct pfcp_message *m = in->m;
	struct pair *pair = pair_at(st, t->pair);

	if (!pair)
		return;
	bool over = pair->setup_pending;
	pair->setup_pending = false;
	if (!pfcp_accepted(m))
		return;
	struct decoded *request = decoded_open_request(st, t);
	node_of(st, &in->packet->source.address, &m->node, true);
	// asked to be kept, sessions may be dropped all the same
	if (over || (request->pfcp.retention && !m->psrei))
		st->counts.restarts += pair_restart(st, pair);
	pair->associated = true;
	note_setup(st, in, pair, &request->pfcp);
	decoded_close(request);
}

static void answer_release(
	struct sessions *st, const struct pfcp_arrival *in, struct transaction *t)
{
	struct pair *pair = pair_at(st, t->pair);

	if (!pair || !pfcp_accepted(in->m))
		return;
	pair->associated = false;
	st->counts.restarts += pair_restart(st, pair);
}

static void answer_set_deletion(
	struct sessions *st, const struct pfcp_arrival *in, struct transaction *t)
{
	if (!pfcp_accepted(in->m))
		return;
	struct decoded *request = decoded_open_request(st, t);
	nodes_set_deletion(st, request->pfcp.csid, request->pfcp.n_csids);
	decoded_close(request);
}

// ---- whose response it is ----

// A request that waits gives the session that CP SEID anew.
static bool gives_cp_seid(struct sessions *st, const struct transaction *t, uint64_t seid)
{
	struct decoded *d = decoded_open_request(st, t);
	bool gives = d->pfcp.f_seid.present && d->pfcp.f_seid.seid == seid;

	decoded_close(d);
	return gives;
}

// The CP SEID of the session as its record has it, or as a takeover that waits gives it anew.
static bool has_cp_seid(
	struct sessions *st, const struct session *s, const struct transaction *t, uint64_t seid)
{
	struct f_seid cp, up;

	record_seids(s, &cp, &up);
	if (!cp.present || cp.seid == seid ||
		(t->state == TRANSACTION_ASSUMED && gives_cp_seid(st, t, seid)))
		return true;
	const struct transaction *x;
	SLIST_FOREACH (x, &s->pending, of_session)
		if (gives_cp_seid(st, x, seid))
			return true;
	return false;
}

static bool answers_establishment(
	struct sessions *st, const struct transaction *t, const struct pfcp_message *m)
{
	struct decoded *d = decoded_open_request(st, t);
	const struct f_seid *cp = &d->pfcp.f_seid;
	bool answers = !cp->present || cp->seid == m->seid;

	decoded_close(d);
	return answers;
}

// A sequence number is used again after a restart, or by the next node with the address; a wrong
// match would give one session the tunnels of another.
bool pfcp_answers(struct sessions *st, const struct transaction *t, const struct pfcp_message *m)
{
	if (m->seid == 0 && !pfcp_accepted(m)) // of a session that the UPF does not have
		return true;
	if (m->type == PFCP_ESTABLISHMENT_RESPONSE)
		return answers_establishment(st, t, m);
	if (m->type != PFCP_MODIFICATION_RESPONSE && m->type != PFCP_DELETION_RESPONSE)
		return true;
	const struct session *s = transaction_session(st, t);
	return !s || has_cp_seid(st, s, t, m->seid);
}

void pfcp_take_response(struct sessions *st, const struct pfcp_arrival *in, struct transaction *t)
{
	const struct pfcp_message *m = in->m;

	if (!t || (t->state != TRANSACTION_ANSWERED && !pfcp_answers(st, t, m))) {
		pfcp_take_alone(st, in);
		return;
	}
	if (t->state == TRANSACTION_ANSWERED) {
		if (transaction_repeats(st, t, &m->raw))
			st->counts.retransmissions++;
		else
			pfcp_second_answer(st, in);
		return;
	}
	st->counts.responses++;
	if (m->type == PFCP_ESTABLISHMENT_RESPONSE)
		answer_establishment(st, in, t);
	else if (m->type == PFCP_MODIFICATION_RESPONSE)
		answer_modification(st, in, t);
	else if (m->type == PFCP_DELETION_RESPONSE)
		answer_deletion(st, in, t);
	else if (m->type == PFCP_ASSOCIATION_SETUP_RESPONSE)
		answer_setup(st, in, t);
	else if (m->type == PFCP_ASSOCIATION_RELEASE_RESPONSE)
		answer_release(st, in, t);
	else if (m->type == PFCP_SET_DELETION_RESPONSE)
		answer_set_deletion(st, in, t);
	transaction_detach(st, t);
	transaction_answered(st, t, &m->raw);
}
