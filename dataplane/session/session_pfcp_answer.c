#include "dataplane/session/session_internal.h"

#include <string.h>

#define CAUSE_NO_SESSION 65
#define ANSWER_NS 5000000000ull // a request without an answer is sent again before

static bool accepted(const struct pfcp_message *m)
{
	return m->cause > 0 && m->cause < 64;
}

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
	session_before(st, s, st->before);
	transaction_detach(st, t);
	session_after(st, s, st->before);
	if (!(s->flags & (SESSION_SETTLED | SESSION_PARTIAL)))
		session_end(st, s, END_SUPERSEDED); // it never was
}

// ---- accepted ----

static void take_over(struct sessions *st, struct rules *r, const struct transaction *t)
{
	const struct pfcp_message *m = pfcp_kept(st, t);

	if (t->type == PFCP_MODIFICATION_REQUEST && m->f_seid.present)
		r->cp = m->f_seid;
}

static void ask(struct sessions *st, struct rules *r, const struct transaction *t,
	const struct pfcp_message *response, struct applied *a)
{
	if (t->type != PFCP_DELETION_REQUEST)
		rules_ask(st, r, pfcp_kept(st, t), response, a);
	take_over(st, r, t);
}

// With what was asked later and is in force already.
static void ask_in_order(struct sessions *st, struct rules *r, const struct transaction *t,
	const struct pfcp_message *response, struct applied *a)
{
	ask(st, r, t, response, a);
	for (const struct transaction *x = t->sibling; x; x = x->sibling)
		ask(st, r, x, NULL, a);
}

// Whether its answer may still come: those of two requests may change places on their way, and a
// request is sent again when it seems lost. That a session was established needs no answer any
// more.
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

// What was asked before, and whose answer was not seen for so long, must have been accepted as
// well: a control plane does not ask anew before.
static void assume_earlier(struct sessions *st, struct session *s, const struct transaction *t,
	const struct pfcp_message *response, struct rules *r, struct applied *a)
{
	struct transaction *next;

	for (struct transaction *e = s->pending; e && e != t; e = next) {
		next = e->next;
		if (leave_waiting(st, e, t, response))
			continue;
		if (e->type == PFCP_DELETION_REQUEST) {
			transaction_assume(st, e); // refused: the session lives
			continue;
		}
		ask_in_order(st, r, e, NULL, a);
		transaction_siblings_free(st, e);
		transaction_assume(st, e);
		if (e->type == PFCP_ESTABLISHMENT_REQUEST)
			s->flags |= SESSION_SETTLED;
		s->flags |= SESSION_LOSS;
		st->counts.unanswered++;
	}
}

// The session with what `t` asked, as the response has it; ends what is superseded by it.
static struct session *settle(struct sessions *st, struct session *s, struct transaction *t,
	const struct signalling_packet *p, const struct pfcp_message *m, const struct f_seid *up)
{
	struct rules *r = st->rules[2];
	struct applied *a = st->applied[2];
	bool late = t->state == TRANSACTION_ASSUMED;

	session_before(st, s, st->before);
	record_unpack(s, r);
	if (!late)
		assume_earlier(st, s, t, m, r, a);
	transaction_detach(st, t);
	if (!late)
		ask_in_order(st, r, t, m, a);
	const struct pfcp_message *request = pfcp_kept(st, t);
	if (up && up->present)
		r->up = *up;
	rules_answer(st, r, request, m);
	rules_handover(st, s, st->before, r);
	s->flags |= SESSION_SETTLED;
	if (st->limited)
		s->flags |= SESSION_LOSS;
	session_heard(st, s);
	bool taken_over = t->type == PFCP_MODIFICATION_REQUEST && pfcp_kept(st, t)->f_seid.present;
	struct session *new = session_replace(st, s, r);
	applied_drop(st, a);
	struct pair *pair = taken_over && !late ? pfcp_pair(st, p, NULL, true) : NULL;
	if (pair && new) // another SMF of the set: its own restart is what ends it now
		session_move(st, new, pair);
	if (new && t->type == PFCP_ESTABLISHMENT_REQUEST)
		session_set_partial(st, new, false);
	session_after(st, new ? new : s, st->before);
	return new ? new : s;
}

// Requests for the UP F-SEID that came before the establishment's response made a session of their
// own. They belong to this one.
static void adopt(struct sessions *st, struct session *s, struct session *other)
{
	struct transaction *moved[16];
	unsigned n = 0;

	session_before(st, other, st->before);
	while (other->pending && n < 16) {
		moved[n] = other->pending;
		transaction_detach(st, moved[n++]);
	}
	session_after(st, other, st->before);
	session_before(st, s, st->before);
	for (unsigned i = 0; i < n; i++)
		transaction_attach(st, moved[i], s);
	session_after(st, s, st->before);
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
	uint32_t found[INDEX_RUN_MAX], number = s->number, n = 0;
	const uint32_t pair = s->pair;

	record_unpack(s, st->rules[2]);
	const struct f_seid cp = st->rules[2]->cp;
	const struct ip_address *a = cp.v4.family ? &cp.v4 : &cp.v6;
	if (cp.present)
		n = session_candidates(&st->index, key_seid(st, KEY_CP, 0, a, cp.seid), found);
	for (uint32_t i = 0; i < n; i++) {
		struct session *o = found[i] == number ? NULL : session_at(st, found[i]);
		if (!o || o->kind != KIND_PFCP || o->pair != pair ||
			!(o->flags & (SESSION_SETTLED | SESSION_PARTIAL)))
			continue;
		record_unpack(o, st->rules[1]);
		if (seid_at(&st->rules[1]->cp, a, cp.seid))
			session_end(st, o, END_SUPERSEDED);
	}
}

static void answer_establishment(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_message *m, struct transaction *t)
{
	struct session *s = transaction_session(st, t);

	if (!accepted(m)) {
		rejected(st, t);
		return;
	}
	if (!s)
		return;
	bool late = t->state == TRANSACTION_ASSUMED;
	node_of(st, &p->source.address, &m->node, true);
	s = settle(st, s, t, p, m, &m->f_seid);
	uint32_t number = s->number;
	adopt_at(st, s, &m->f_seid.v4, m->f_seid.seid);
	adopt_at(st, s, &m->f_seid.v6, m->f_seid.seid);
	s = session_at(st, number);
	st->counts.established++;
	if (!s)
		return;
	if (!late)
		end_same_cp(st, s);
	record_unpack(s, st->rules[1]);
	const struct rules *r = st->rules[1];
	if (r->imsi == SESSION_ABSENT && r->msisdn == SESSION_ABSENT && r->imei == SESSION_ABSENT &&
		r->nai_length == 0)
		st->counts.identity_unseen++;
}

static void set_cp(
	struct sessions *st, struct session *s, const struct signalling_packet *p, uint64_t seid)
{
	struct rules *r = st->rules[2];

	record_unpack(s, r);
	if (r->cp.present)
		return;
	r->cp = (struct f_seid){.present = true, .seid = seid};
	*(p->destination.address.family == 6 ? &r->cp.v6 : &r->cp.v4) = p->destination.address;
	session_replace(st, s, r);
}

// The session of the CP SEID that one with this UP SEID is: one that has it, perhaps with another
// address; else the one whose establishment waits (the newest: a control plane asks anew when it
// was refused); else what is known of one in part. NULL: none.
static struct session *same_session(struct sessions *st, const struct session *but,
	const struct ip_address *cp, uint64_t seid, const struct f_seid *up)
{
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index, key_seid(st, KEY_CP, 0, cp, seid), found);
	struct session *best = NULL;
	unsigned best_rank = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct session *o = found[i] == but->number ? NULL : session_at(st, found[i]);
		if (!o || o->kind != KIND_PFCP)
			continue;
		record_unpack(o, st->rules[1]);
		const struct f_seid *theirs = &st->rules[1]->up;
		bool same = theirs->present && up->present && theirs->seid == up->seid;
		unsigned rank = same ? 3 : theirs->present ? 0 : o->flags & SESSION_PARTIAL ? 1 : 2;
		bool newer = best && rank == best_rank && session_is_newer(o, best);
		if (seid_at(&st->rules[1]->cp, cp, seid) && (rank > best_rank || newer)) {
			best = o;
			best_rank = rank;
		}
	}
	return best;
}

// The response names the session by its CP SEID. That may be one whose UP SEID is not known yet:
// the answer to its establishment was lost, and this one proves that it was accepted.
static struct session *link_partial(struct sessions *st, struct session *s,
	const struct signalling_packet *p, const struct pfcp_message *m)
{
	uint32_t number = s->number;

	record_unpack(s, st->rules[1]);
	const struct f_seid up = st->rules[1]->up;
	struct session *other = same_session(st, s, &p->destination.address, m->seid, &up);
	if (!other) {
		set_cp(st, s, p, m->seid);
		return session_at(st, number);
	}
	uint32_t to = other->number;
	record_unpack(other, st->rules[2]);
	if (!st->rules[2]->up.present)
		st->rules[2]->up = up;
	other = session_replace(st, other, st->rules[2]);
	if (!other)
		return session_at(st, number);
	adopt(st, other, s);
	return session_at(st, to);
}

static void answer_modification(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_message *m, struct transaction *t)
{
	struct session *s = transaction_session(st, t);

	if (s && m->cause == CAUSE_NO_SESSION) {
		transaction_detach(st, t);
		session_end(st, s, END_LOST);
		return;
	}
	if (!accepted(m)) {
		rejected(st, t);
		return;
	}
	if (s && s->flags & SESSION_PARTIAL)
		s = link_partial(st, s, p, m);
	if (!s)
		return;
	settle(st, s, t, p, m, NULL);
	st->counts.modified++;
}

static void answer_deletion(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_message *m, struct transaction *t)
{
	struct session *s = t ? transaction_session(st, t) : NULL;
	// asked of none that is known; else that one only: it may be over, and its SEID used again
	bool unknown = !t || t->life == 0;

	if (!accepted(m) && m->cause != CAUSE_NO_SESSION) {
		st->counts.rejected++;
		if (t)
			transaction_detach(st, t);
		return;
	}
	if (t)
		transaction_detach(st, t);
	if (unknown)
		s = session_by_seid(st, false, KIND_PFCP, &p->destination.address, m->seid, NULL);
	if (s)
		session_end(st, s, END_RELEASED);
}

// ---- associations ----

static void answer_setup(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_message *m, struct transaction *t)
{
	struct pair *pair = pair_at(st, t->pair);

	if (!pair)
		return;
	bool over = pair->setup_pending;
	pair->setup_pending = false;
	if (!accepted(m))
		return;
	const struct pfcp_message *request = pfcp_kept(st, t);
	node_of(st, &p->source.address, &m->node, true);
	// asked to be kept, sessions may be dropped all the same
	if (over || (request->retention && !m->psrei))
		st->counts.restarts += pair_restart(st, pair);
	pair->associated = true;
	uint32_t asker = node_of(st, &p->destination.address, NULL, false);
	uint32_t answerer = node_of(st, &p->source.address, NULL, false);
	struct pair *now = pair_of(st, asker, answerer, true);
	for (struct pair *x = pair; x; x = x == now ? NULL : now) {
		if (request->has_recovery)
			pair_recovery(x, asker, request->recovery);
		if (m->has_recovery)
			pair_recovery(x, answerer, m->recovery);
		x->associated = true;
	}
}

static void answer_release(
	struct sessions *st, const struct pfcp_message *m, const struct transaction *t)
{
	struct pair *pair = pair_at(st, t->pair);

	if (!pair || !accepted(m))
		return;
	pair->associated = false;
	st->counts.restarts += pair_restart(st, pair);
}

// ---- responses whose request was not seen ----

static void alone_establishment(
	struct sessions *st, const struct signalling_packet *p, const struct pfcp_message *m)
{
	struct rules *r = st->rules[2];
	const struct ip_address *up = m->f_seid.v4.family ? &m->f_seid.v4 : &m->f_seid.v6;

	if (!accepted(m) || !m->f_seid.present ||
		session_by_seid(st, true, KIND_PFCP, up, m->f_seid.seid, NULL))
		return;
	rules_clear(r, KIND_PFCP);
	r->up = m->f_seid;
	r->cp = (struct f_seid){.present = true, .seid = m->seid};
	*(p->destination.address.family == 6 ? &r->cp.v6 : &r->cp.v4) = p->destination.address;
	rules_answer(st, r, NULL, m);
	struct session *s = pfcp_partial(st, r, p);
	if (!s)
		return;
	s->flags |= SESSION_SETTLED;
	st->before->n = 0;
	session_after(st, s, st->before);
}

static void alone_modification(
	struct sessions *st, const struct signalling_packet *p, const struct pfcp_message *m)
{
	struct session *s =
		session_by_seid(st, false, KIND_PFCP, &p->destination.address, m->seid, NULL);
	struct rules *r = st->rules[2];

	if (s && m->cause == CAUSE_NO_SESSION) {
		session_end(st, s, END_LOST);
		return;
	}
	if (!accepted(m) || (s && m->n_pdrs == 0))
		return;
	if (!s) {
		rules_clear(r, KIND_PFCP);
		r->cp = (struct f_seid){.present = true, .seid = m->seid};
		*(p->destination.address.family == 6 ? &r->cp.v6 : &r->cp.v4) =
			p->destination.address;
		s = pfcp_partial(st, r, p);
	}
	if (!s)
		return;
	session_before(st, s, st->before);
	record_unpack(s, r);
	rules_answer(st, r, NULL, m);
	struct session *new = session_replace(st, s, r);
	session_after(st, new ? new : s, st->before);
}

static void alone(
	struct sessions *st, const struct signalling_packet *p, const struct pfcp_message *m)
{
	transaction_keep_early(st, p,
		transaction_key(st, p, m->sequence, (uint8_t)(m->type - 1), true), &m->whole);
	if (m->type == PFCP_ESTABLISHMENT_RESPONSE)
		alone_establishment(st, p, m);
	else if (m->type == PFCP_MODIFICATION_RESPONSE)
		alone_modification(st, p, m);
	else if (m->type == PFCP_DELETION_RESPONSE)
		answer_deletion(st, p, m, NULL);
}

// The request did not come later either: what it changed is not known.
void pfcp_early_lost(struct sessions *st, const struct early *e)
{
	uint32_t used;
	bool more;

	if (pfcp_decode(e->octets, e->length, st->pfcp[0], &used, &more) != SIGNALLING_OK ||
		st->pfcp[0]->type != PFCP_MODIFICATION_RESPONSE || !accepted(st->pfcp[0]))
		return;
	struct session *s = session_by_seid(
		st, false, KIND_PFCP, &e->destination.address, st->pfcp[0]->seid, NULL);
	if (!s)
		return;
	s->flags |= SESSION_LOSS;
	session_mark(st, s);
}

// Two different answers to one establishment: the UPF did not see that it was asked twice, and has
// two sessions until they are deleted.
static void second_answer(
	struct sessions *st, const struct signalling_packet *p, const struct pfcp_message *m)
{
	struct session *s = m->type == PFCP_ESTABLISHMENT_RESPONSE && accepted(m)
				    ? session_by_seid(st, false, KIND_PFCP, &p->destination.address,
					      m->seid, NULL)
				    : NULL;
	struct rules *r = st->rules[2];

	if (!s || !m->f_seid.present)
		return;
	const struct ip_address *up = m->f_seid.v4.family ? &m->f_seid.v4 : &m->f_seid.v6;
	record_unpack(s, r);
	if (seid_at(&r->up, up, m->f_seid.seid) ||
		session_by_seid(st, true, KIND_PFCP, up, m->f_seid.seid, NULL))
		return;
	record_unpack(s, r);
	r->up = m->f_seid;
	r->n_lingers = 0;
	rules_answer(st, r, NULL, m);
	rules_strings(st, r, true); // the session itself may have to make room
	struct session *twin = session_create(st, r, s->pair);
	rules_strings(st, r, false);
	if (!twin)
		return;
	twin->flags |= SESSION_SETTLED;
	st->before->n = 0;
	session_after(st, twin, st->before);
}

// The CP SEID of the session as its record has it, or as a takeover that waits gives it anew.
static bool has_cp_seid(
	struct sessions *st, const struct session *s, const struct transaction *t, uint64_t seid)
{
	record_unpack(s, st->rules[1]);
	const struct f_seid *cp = &st->rules[1]->cp;
	if (!cp->present || cp->seid == seid)
		return true;
	if (t->state == TRANSACTION_ASSUMED && pfcp_kept(st, t)->f_seid.present &&
		pfcp_kept(st, t)->f_seid.seid == seid)
		return true;
	for (const struct transaction *x = s->pending; x; x = x->next) {
		const struct pfcp_message *asked = pfcp_kept(st, x);
		if (asked->f_seid.present && asked->f_seid.seid == seid)
			return true;
	}
	return false;
}

// A sequence number is used again after a restart, or by whoever has the address next; and what was
// taken for an answer to one session would give it the tunnels of another.
bool pfcp_answers(struct sessions *st, const struct transaction *t, const struct pfcp_message *m)
{
	if (m->seid == 0 && !accepted(m)) // of a session that the UPF does not have
		return true;
	if (m->type == PFCP_ESTABLISHMENT_RESPONSE) {
		const struct f_seid *cp = &pfcp_kept(st, t)->f_seid;
		return !cp->present || cp->seid == m->seid;
	}
	if (m->type != PFCP_MODIFICATION_RESPONSE && m->type != PFCP_DELETION_RESPONSE)
		return true;
	const struct session *s = transaction_session(st, t);
	return !s || has_cp_seid(st, s, t, m->seid);
}

void pfcp_take_response(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_message *m, struct transaction *t)
{
	if (!t || (t->state != TRANSACTION_ANSWERED && !pfcp_answers(st, t, m))) {
		alone(st, p, m);
		return;
	}
	if (t->state == TRANSACTION_ANSWERED) {
		if (transaction_repeats(st, t, &m->whole))
			st->counts.retransmissions++;
		else
			second_answer(st, p, m);
		return;
	}
	st->counts.responses++;
	if (m->type == PFCP_ESTABLISHMENT_RESPONSE)
		answer_establishment(st, p, m, t);
	else if (m->type == PFCP_MODIFICATION_RESPONSE)
		answer_modification(st, p, m, t);
	else if (m->type == PFCP_DELETION_RESPONSE)
		answer_deletion(st, p, m, t);
	else if (m->type == PFCP_ASSOCIATION_SETUP_RESPONSE)
		answer_setup(st, p, m, t);
	else if (m->type == PFCP_ASSOCIATION_RELEASE_RESPONSE)
		answer_release(st, m, t);
	else if (m->type == PFCP_SET_DELETION_RESPONSE && accepted(m))
		nodes_set_deletion(st, pfcp_kept(st, t)->csid, pfcp_kept(st, t)->n_csids);
	transaction_detach(st, t);
	transaction_answered(st, t, &m->whole);
}
