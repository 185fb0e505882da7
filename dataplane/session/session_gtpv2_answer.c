// Responses of GTPv2-C: what they give to sessions, and which sessions end by them.

#include "dataplane/session/session_gtpv2_internal.h"
#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_rules_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_unpack_internal.h"

struct answered { // a request with its response
	const struct gtpv2_arrival *in;
	struct transaction *t;
};

// Each end has a row of its own, and waits for nothing of the other's. What the server asks for
// waits for the user, one bearer longer than another: only what such a request gives is worth a
// guess.
static bool shows(const struct transaction *answered, const struct transaction *earlier)
{
	if (gtpv2_from_server(earlier->type) != gtpv2_from_server(answered->type))
		return false;
	return !gtpv2_from_server(earlier->type) || earlier->type == GTPV2_CREATE_BEARER_REQUEST;
}

// Requests of the session that wait before `t` must have been accepted.
static void assume_earlier(
	struct sessions *st, struct session *s, const struct transaction *t, struct rules *r)
{
	for (struct transaction *e = SLIST_FIRST(&s->pending), *next; e && e != t; e = next) {
		next = SLIST_NEXT(e, of_session);
		if (!shows(t, e))
			continue;
		struct decoded *request = decoded_open_request(st, e);
		if (request->gtpv2.type == GTPV2_CREATE_SESSION_REQUEST)
			s->flags |= SESSION_ACCEPTED;
		rules_gtpv2(r, &request->gtpv2, NULL);
		rules_gtpv2_user(r, &request->gtpv2, NULL);
		decoded_close(request);
		transaction_assume(st, e);
		s->flags |= SESSION_LOSS;
		st->counts.unanswered++;
	}
}

// Adds what the response `m` to `request` gives.
static void apply(struct sessions *st, struct rules *r, const struct gtpv2_message *request,
	const struct gtpv2_arrival *in)
{
	const struct gtpv2_message *m = in->m;

	rules_gtpv2_user(r, request, m);
	if (request->type != GTPV2_CREATE_SESSION_REQUEST) {
		st->counts.modified++;
		return;
	}
	// on S5 the server's own F-TEID stands where S11 carries the PGW's
	const struct gtpv2_fteid *server = gtpv2_control(m, 0);
	if (!server && r->kind == KIND_S5)
		server = gtpv2_control(m, 1);
	if (server)
		r->up = gtpv2_control_of(server, &in->packet->source.address);
	st->counts.established++;
}

// `t` is detached.
static void answer_rules(
	struct sessions *st, const struct session *s, struct rules *r, const struct answered *a)
{
	struct decoded *request = decoded_open_request(st, a->t);

	if (a->t->state == TRANSACTION_ASSUMED)
		rules_gtpv2_late(st, s, r, &(struct gtpv2_exchange){&request->gtpv2, a->in->m});
	else
		rules_gtpv2(r, &request->gtpv2, a->in->m);
	apply(st, r, &request->gtpv2, a->in);
	decoded_close(request);
	rules_gtpv2_handover(st, s, r);
}

static void accept_answer(
	struct sessions *st, const struct gtpv2_arrival *in, struct transaction *t)
{
	struct session *s = transaction_session(st, t);

	if (!s)
		return;
	struct selectors *before = session_before(st, s);
	struct unpacked *u = unpack_open(st, s);
	if (t->state == TRANSACTION_ASKED)
		assume_earlier(st, s, t, &u->rules);
	transaction_detach(st, t);
	answer_rules(st, s, &u->rules, &(struct answered){in, t});
	if (t->type == GTPV2_CREATE_SESSION_REQUEST)
		rules_csids(st, u, in->m->csid, in->m->n_csids);
	s->flags |= SESSION_ACCEPTED;
	session_missed(st, s, in->m->broken);
	if (t->type == GTPV2_CREATE_SESSION_REQUEST && !u->rules.up.present)
		session_missed(st, s, SIGNALLING_BROKEN_SESSION); // where requests go to
	if (rules_gtpv2_untold(&u->rules))
		session_missed(st, s, SIGNALLING_BROKEN_SESSION);
	session_heard(st, s);
	struct session *new = session_replace(st, s, &u->rules);
	unpack_close(st, u);
	session_after(st, new ? new : s, before, CAUSE_MESSAGE);
}

// Undoes an assumed acceptance after a refusal: tunnels without a new owner are removed; the rest
// is past.
static struct session *take_back_late(
	struct sessions *st, struct session *s, const struct transaction *t)
{
	struct unpacked *u = unpack_open(st, s);
	struct decoded *request = decoded_open_request(st, t);

	rules_gtpv2_late(st, s, &u->rules, &(struct gtpv2_exchange){&request->gtpv2, NULL});
	decoded_close(request);
	s->flags |= SESSION_LOSS;
	struct session *new = session_replace(st, s, &u->rules);
	unpack_close(st, u);
	return new ? new : s;
}

static void take_back(struct sessions *st, struct transaction *t)
{
	struct session *s = transaction_session(st, t);

	if (!s)
		return;
	struct selectors *before = session_before(st, s);
	transaction_detach(st, t);
	if (t->state == TRANSACTION_ASSUMED)
		s = take_back_late(st, s, t);
	session_after(st, s, before, CAUSE_MESSAGE);
	if (!(s->flags & SESSION_ACCEPTED))
		session_end(st, s, END_SUPERSEDED); // it never was
}

// By the IMSI, without one by the IMEI.
static uint64_t user_key(const struct sessions *st, const struct rules *r)
{
	return r->imsi != SESSION_ABSENT ? key_number(st, KEY_IMSI, r->imsi)
					 : key_number(st, KEY_IMEI, r->imei);
}

struct user {
	uint64_t imsi, imei, msisdn;
};

static struct user user_in(const struct rules *r)
{
	return (struct user){.imsi = r->imsi, .imei = r->imei, .msisdn = r->msisdn};
}

static struct user user_of(struct sessions *st, const struct session *s)
{
	struct unpacked *u = unpack_open(st, s);
	const struct user x = user_in(&u->rules);

	unpack_close(st, u);
	return x;
}

static bool both(uint64_t a, uint64_t b)
{
	return a != SESSION_ABSENT && b != SESSION_ABSENT;
}

// By the first number that both have. Without one they are two users, unless nothing at all is
// known of both.
static bool is_another(const struct sessions *st, const struct user *a, const struct user *b)
{
	if (both(a->imsi, b->imsi))
		return a->imsi != b->imsi;
	if (both(a->imei, b->imei))
		return key_number(st, KEY_IMEI, a->imei) != key_number(st, KEY_IMEI, b->imei);
	if (both(a->msisdn, b->msisdn))
		return a->msisdn != b->msisdn;
	return (a->imsi & a->imei & a->msisdn & b->imsi & b->imei & b->msisdn) != SESSION_ABSENT;
}

// Another subscriber's session has its client's end: a move or the end of the session was missed.
// Its tunnels stay its own until another session is given them.
static void lose_client(struct sessions *st, struct session *s)
{
	struct unpacked *u = unpack_open(st, s);

	u->rules.cp = (struct f_seid){};
	s->flags |= SESSION_LOSS;
	s = session_replace(st, s, &u->rules);
	unpack_close(st, u);
	if (s)
		session_mark(st, s);
}

// One end of the session's control tunnel is its user's from now on. A server that gives its end
// to another user has let go what it had there.
static void take_end(struct sessions *st, uint32_t index, bool up)
{
	const struct session *s = session_at(st, index);
	uint32_t of[OF_A_USER_MAX];
	struct f_seid own[2];

	if (!s)
		return;
	record_seids(s, &own[0], &own[1]);
	const struct f_seid *e = &own[up];
	const struct gtpv2_end end = {
		.up = up, .address = e->v4.family ? &e->v4 : &e->v6, .teid = (uint32_t)e->seid};
	const struct user user = user_of(st, s);
	unsigned n = e->present ? gtpv2_sessions_of(st, &end, 0, of) : 0;
	for (unsigned i = 0; i < n; i++) {
		struct session *o = of[i] == index ? NULL : session_at(st, of[i]);
		const struct user theirs = o ? user_of(st, o) : user;
		if (!o || !(o->flags & SESSION_ACCEPTED) || !is_another(st, &user, &theirs))
			continue;
		if (up)
			session_end(st, o, END_LOST);
		else
			lose_client(st, o);
	}
}

// Distinguishes one PDN connection from another.
struct connection {
	struct f_seid cp;
	struct user user;
	uint8_t ebi, kind;
};

static struct connection connection_of(struct sessions *st, const struct session *s)
{
	struct unpacked *u = unpack_open(st, s);
	const struct connection c = {.cp = u->rules.cp,
		.user = user_in(&u->rules),
		.ebi = u->rules.default_ebi,
		.kind = s->kind};

	unpack_close(st, u);
	return c;
}

// The same PDN connection of the same control TEID was there already. With another server it goes
// on until it is deleted there: a relocation has both for a while.
static void end_superseded(struct sessions *st, uint32_t index)
{
	const struct session *s = session_at(st, index);
	uint32_t of[OF_A_USER_MAX];

	if (!s)
		return;
	const uint32_t pair = s->pair;
	const struct connection c = connection_of(st, s);
	const struct gtpv2_end end = {
		.address = c.cp.v4.family ? &c.cp.v4 : &c.cp.v6, .teid = (uint32_t)c.cp.seid};
	unsigned n = gtpv2_sessions_of(st, &end, gtpv2_ebi_bit(c.ebi), of);
	for (unsigned i = 0; i < n; i++) {
		struct session *o = of[i] == index ? NULL : session_at(st, of[i]);
		if (!o || o->kind != c.kind || o->pair != pair || !(o->flags & SESSION_ACCEPTED))
			continue;
		const struct connection theirs = connection_of(st, o);
		if (!is_another(st, &c.user, &theirs.user) &&
			(theirs.ebi == c.ebi || c.kind == KIND_S5))
			session_end(st, o, END_SUPERSEDED);
	}
}

static bool share_interface(const struct rule_bearer *a, const struct rule_bearer *b)
{
	for (unsigned i = 0; a && b && i < a->n_ends; i++)
		for (unsigned j = 0; j < b->n_ends; j++)
			if (a->end[i].interface == b->end[j].interface)
				return true;
	return false;
}

// Has a bearer of the same user with the number of the default one of `a`; on S5/S8 over the same
// kind of access, since a handover between two kinds has both for a while.
static bool collide(const struct sessions *st, const struct rules *a, const struct rules *b)
{
	const struct rule_bearer *theirs = rules_bearer(b, a->default_ebi);

	if (user_key(st, a) != user_key(st, b) || a->default_ebi == 0 ||
		(b->default_ebi != a->default_ebi && !theirs))
		return false;
	return a->kind == KIND_S11 || share_interface(rules_bearer(a, a->default_ebi), theirs);
}

// A session whose default bearer it is ends, another loses the bearer.
static void end_collision(struct sessions *st, const struct rules *r, struct session *o)
{
	struct unpacked *u = unpack_open(st, o);
	const bool collides = collide(st, r, &u->rules);
	const bool whole = u->rules.default_ebi == r->default_ebi;
	struct selectors *before = NULL;

	if (collides && !whole) {
		before = session_before(st, o);
		rules_drop_bearer(&u->rules, r->default_ebi);
		struct session *new = session_replace(st, o, &u->rules);
		o = new ? new : o;
	}
	unpack_close(st, u);
	if (before)
		session_after(st, o, before, CAUSE_MESSAGE);
	else if (collides)
		session_end(st, o, END_SUPERSEDED);
}

static void end_colliding(
	struct sessions *st, const struct session *s, const struct rules *r, uint32_t gateway)
{
	const uint32_t index = s->index;
	const uint8_t kind = s->kind;
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index, user_key(st, r), found);

	for (uint32_t i = 0; i < n; i++) {
		struct session *o = found[i] == index ? NULL : session_at(st, found[i]);
		if (!o || o->kind != kind || !(o->flags & SESSION_ACCEPTED))
			continue;
		const struct pair *pair = pair_at(st, o->pair);
		if (pair->node[0] == gateway || pair->node[1] == gateway)
			end_collision(st, r, o);
	}
}

// The gateway has deleted what it had of the same user and bearer, whichever client it was of (TS
// 29.274 clause 7.2.1).
static void end_collided(struct sessions *st, const struct gtpv2_arrival *response, uint32_t index)
{
	const struct session *s = session_at(st, index);

	if (!s)
		return;
	struct unpacked *u = unpack_open(st, s);
	if (u->rules.imsi != SESSION_ABSENT || u->rules.imei != SESSION_ABSENT)
		end_colliding(
			st, s, &u->rules, gtpv2_node(st, &response->packet->source.address, false));
	unpack_close(st, u);
}

static void end_one(struct sessions *st, struct transaction *t, enum session_end why)
{
	struct session *s = transaction_session(st, t);

	transaction_detach(st, t);
	if (s)
		session_end(st, s, why);
}

// The server's end was not known.
static bool gain_server(struct sessions *st, struct session *s, const struct f_seid *server)
{
	struct unpacked *u = unpack_open(st, s);
	bool unknown = !u->rules.up.present;

	if (unknown) {
		u->rules.up = *server;
		session_replace(st, s, &u->rules);
	}
	unpack_close(st, u);
	return unknown;
}

// The answer to a creation was lost; a later accepted request to a control TEID that was not known
// shows that it was accepted, and what that TEID is.
static bool prove(struct sessions *st, const struct gtpv2_arrival *in, struct transaction *t)
{
	const struct gtpv2_end client = {
		.address = &in->packet->destination.address, .teid = in->m->teid};
	uint32_t of[OF_A_USER_MAX];
	struct decoded *d = decoded_open_request(st, t);
	const struct gtpv2_message *request = &d->gtpv2;
	uint8_t ebi = request->n_bearers ? request->bearer[0].ebi : request->linked_ebi;
	struct f_seid server = {.present = true, .seid = request->teid};

	decoded_close(d);
	pfcp_set_address(&server, &in->packet->source.address);
	unsigned n = gtpv2_sessions_of(st, &client, gtpv2_ebi_bit(ebi), of);
	for (unsigned i = 0; i < n; i++) {
		struct session *s = session_at(st, of[i]);
		if (!s || !gain_server(st, s, &server))
			continue;
		gtpv2_attach(st, t, of[i], in->m->broken);
		return true;
	}
	return false;
}

static struct session *give_client(
	struct sessions *st, struct session *s, const struct f_seid *client)
{
	struct unpacked *u = unpack_open(st, s);

	u->rules.cp = *client;
	s = session_replace(st, s, &u->rules);
	unpack_close(st, u);
	return s;
}

// The client's end is another one, or another client's: of all that the server has under its end.
static void move_client(struct sessions *st, const struct signalling_packet *p, uint32_t teid,
	const struct f_seid *client)
{
	const struct gtpv2_end server = {.up = true, .address = &p->source.address, .teid = teid};
	uint32_t of[OF_A_USER_MAX];
	struct pair *pair = pair_of(st, gtpv2_node(st, &p->destination.address, true),
		gtpv2_node(st, &p->source.address, true), true);
	unsigned n = gtpv2_sessions_of(st, &server, 0, of);

	for (unsigned i = 0; i < n; i++) {
		struct session *s = session_at(st, of[i]);
		s = s ? give_client(st, s, client) : NULL;
		if (s && pair)
			session_move(st, s, pair);
	}
	if (n > 0)
		take_end(st, of[0], false);
}

static bool ends_sessions(const struct gtpv2_message *request)
{
	return request->type == GTPV2_DELETE_SESSION_REQUEST ||
	       (request->type == GTPV2_DELETE_BEARER_REQUEST && request->linked_ebi);
}

static uint32_t changed_bearers(const struct gtpv2_message *request, const struct gtpv2_message *m)
{
	uint32_t ebis = 0;

	if (request->type == GTPV2_CREATE_BEARER_REQUEST)
		return gtpv2_ebi_bit(request->linked_ebi);
	if (request->type != GTPV2_MODIFY_BEARER_REQUEST &&
		request->type != GTPV2_MODIFY_ACCESS_REQUEST &&
		request->type != GTPV2_UPDATE_BEARER_REQUEST)
		return 0;
	for (unsigned i = 0; i < request->n_bearers; i++) {
		const struct gtpv2_bearer *b = &request->bearer[i];
		if (!b->removed && rules_bearer_accepted(m, b->ebi))
			ebis |= gtpv2_ebi_bit(b->ebi);
	}
	return ebis;
}

// The result of a request.
struct outcome {
	uint8_t type;
	bool accepted, gone, ends, created;
	uint8_t linked;	      // the default bearer of the connection that gets one more
	uint32_t bearers;     // EBIs that it changes, as far as they are accepted
	uint32_t to;	      // TEID
	struct f_seid client; // the end that it moves to
};

static struct outcome outcome_of(
	const struct gtpv2_message *request, const struct gtpv2_arrival *in)
{
	const struct gtpv2_message *m = in->m;
	const struct gtpv2_fteid *sender =
		request->type == GTPV2_MODIFY_BEARER_REQUEST ||
				request->type == GTPV2_MODIFY_ACCESS_REQUEST
			? gtpv2_control(request, 0)
			: NULL;
	const struct ip_address *asker = &in->packet->destination.address;
	const bool lost = m->cause == GTPV2_NOT_FOUND;
	struct outcome o = {.type = request->type,
		.ends = ends_sessions(request),
		.linked = request->type == GTPV2_CREATE_BEARER_REQUEST ? request->linked_ebi : 0,
		.bearers = changed_bearers(request, m),
		.to = request->teid,
		.client = sender ? gtpv2_control_of(sender, asker) : (struct f_seid){}};

	// a bearer that the client does not have is gone as one that it lets go
	o.accepted =
		gtpv2_accepted(m) || (lost && o.type == GTPV2_DELETE_BEARER_REQUEST && !o.ends);
	o.gone = lost && !o.accepted && o.type != GTPV2_CREATE_SESSION_REQUEST;
	o.created = o.accepted && o.type == GTPV2_CREATE_SESSION_REQUEST;
	return o;
}

// A bearer that both ends have and that is not known: its creation was missed, of a session that is
// known or of another one of the user.
static void miss_bearers(
	struct sessions *st, const struct gtpv2_arrival *in, const struct outcome *o)
{
	const struct gtpv2_end end = {.up = !gtpv2_from_server(o->type),
		.address = &in->packet->source.address,
		.teid = o->to};
	uint32_t of[OF_A_USER_MAX], known = 0;
	unsigned n = o->bearers && o->accepted ? gtpv2_sessions_of(st, &end, 0, of) : 0;

	for (unsigned i = 0; i < n; i++) {
		const struct session *s = session_at(st, of[i]);
		if (gtpv2_is_connection(st, s, o->linked))
			known |= gtpv2_ebis(st, s);
	}
	for (unsigned i = 0; i < n && o->bearers & ~known; i++)
		session_missed(st, session_at(st, of[i]), SIGNALLING_BROKEN_SESSION);
}

static void answer_sessions(struct sessions *st, const struct gtpv2_arrival *in,
	struct transaction *t, const struct outcome *o)
{
	for (struct transaction *x = t; x; x = SLIST_NEXT(x, sibling)) {
		if ((o->ends && o->accepted) || o->gone)
			end_one(st, x, o->ends ? END_RELEASED : END_LOST);
		else if (o->accepted)
			accept_answer(st, in, x);
		else
			take_back(st, x);
	}
}

static void answer(struct sessions *st, const struct gtpv2_arrival *in, struct transaction *t)
{
	struct decoded *d = decoded_open_request(st, t);
	struct outcome o = outcome_of(&d->gtpv2, in);
	bool set = o.type == GTPV2_DELETE_PDN_SET_REQUEST;

	if (set && gtpv2_accepted(in->m))
		nodes_set_deletion(st, d->gtpv2.csid, d->gtpv2.n_csids);
	decoded_close(d);
	if (set)
		return;
	if (t->session == SESSION_NONE && o.accepted &&
		(o.type == GTPV2_MODIFY_BEARER_REQUEST || o.type == GTPV2_DELETE_SESSION_REQUEST))
		o.created = prove(st, in, t);
	const struct session *first = transaction_session(st, t);
	const uint32_t index = first ? first->index : SESSION_NONE;
	st->counts.rejected += !o.accepted && !o.gone;
	answer_sessions(st, in, t, &o);
	miss_bearers(st, in, &o);
	if (o.created) {
		take_end(st, index, false);
		take_end(st, index, true);
		end_superseded(st, index);
		end_collided(st, in, index);
	}
	if (o.client.present && o.accepted)
		move_client(st, in->packet, o.to, &o.client);
}

void gtpv2_take_response(struct sessions *st, const struct gtpv2_arrival *in, struct transaction *t)
{
	if (t->state == TRANSACTION_ANSWERED) {
		st->counts.retransmissions += transaction_repeats(st, t, &in->m->raw);
		return;
	}
	st->counts.responses++;
	gtpv2_heartbeat(st, in, t); // before: what is accepted now is of the time after a restart
	answer(st, in, t);
	transaction_detach(st, t);
	transaction_answered(st, t, &in->m->raw);
}
