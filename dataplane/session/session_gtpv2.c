#include "dataplane/session/session_internal.h"

#include <string.h>

// GTPv2-C on S11 and S5/S8. A session is one PDN connection: on S11 all of a user's share the pair
// of control TEIDs and differ in the EBI of their default bearer. Nothing can be asked for by a
// session whose creation was missed (no identity, no PFCP), so there are no partial ones.

#define S11_MME 10
#define S11_SGW 11
#define OF_A_USER_MAX 16u  // PDN connections
#define PIGGYBACKING 0x10u // octet 1 of the header

const struct gtpv2_message *gtpv2_kept(struct sessions *st, const struct transaction *t)
{
	struct gtpv2_message *m = st->gtpv2[1];
	uint32_t used;
	bool more;

	enum signalling_reason why = gtpv2_decode(t->raw, t->length, m, &used, &more);
	if (why != SIGNALLING_OK && why != SIGNALLING_LIMIT) { // it was read before
		m->type = 0;
		m->n_bearers = m->n_ebis = m->n_csids = m->n_control = 0;
	}
	return m;
}

// ---- whose message it is ----

// EBIs are sets of bits: 0 is none.
static uint32_t ebi_bit(uint8_t ebi)
{
	return ebi < 16 ? (1u << ebi) & ~1u : 0; // what has none yet is numbered beyond
}

static uint32_t ebis_of(const struct rules *r)
{
	uint32_t ebis = ebi_bit(r->default_ebi);

	for (unsigned i = 0; i < r->n_bearers; i++)
		ebis |= ebi_bit(r->bearer[i].ebi);
	return ebis;
}

// Sessions of a control TEID at an address; with `ebis` only those that have one of the bearers.
// A user has no more than OF_A_USER_MAX: others are not followed, and have lost a message.
static unsigned sessions_of(struct sessions *st, bool up, const struct ip_address *address,
	uint32_t teid, uint32_t ebis, uint32_t out[OF_A_USER_MAX])
{
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(
		&st->index, key_seid(st, up ? KEY_UP : KEY_CP, 1, address, teid), found);
	unsigned matched = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct session *s = session_at(st, found[i]);
		if (!s || (s->kind != KIND_S11 && s->kind != KIND_S5))
			continue;
		record_unpack(s, st->rules[1]);
		const struct rules *r = st->rules[1];
		if (!seid_at(up ? &r->up : &r->cp, address, teid))
			continue;
		if (ebis && !(ebis_of(r) & ebis))
			continue;
		if (matched < OF_A_USER_MAX) {
			out[matched++] = s->number;
		} else {
			s->flags |= SESSION_LOSS;
			session_mark(st, s);
		}
	}
	return matched;
}

static void attach(struct sessions *st, struct transaction *t, uint32_t number)
{
	struct session *s = session_at(st, number);

	if (!s)
		return;
	session_before(st, s, st->before);
	if (t->session == SESSION_NONE)
		transaction_attach(st, t, s);
	else if (!transaction_sibling(st, t, s))
		s->flags |= SESSION_LOSS;
	if (st->limited)
		s->flags |= SESSION_LOSS;
	session_heard(st, s);
	session_after(st, s, st->before);
}

static uint32_t ebis_named(const struct gtpv2_message *m)
{
	uint32_t ebis = m->type == GTPV2_RELEASE_ACCESS_REQUEST ? 0 : ebi_bit(m->linked_ebi);

	if (ebis)
		return ebis;
	for (unsigned i = 0; i < m->n_ebis; i++)
		ebis |= ebi_bit(m->ebi[i]);
	for (unsigned i = 0; i < m->n_bearers; i++)
		if (m->bearer[i].has_ebi)
			ebis |= ebi_bit(m->bearer[i].ebi);
	return ebis;
}

// To which sessions the request belongs: those whose bearers it names; all of the user's when it
// names none.
static void attach_all(struct sessions *st, const struct signalling_packet *p,
	const struct gtpv2_message *m, struct transaction *t, bool up)
{
	uint32_t of[OF_A_USER_MAX];
	unsigned n = sessions_of(st, up, &p->destination.address, m->teid, ebis_named(m), of);

	for (unsigned i = 0; i < n; i++)
		attach(st, t, of[i]);
}

// ---- nodes ----

static uint32_t node(struct sessions *st, const struct ip_address *a, bool create)
{
	return node_by_octets(st, (uint8_t)(NODE_GTPV2 | a->family), a->b, 16, create);
}

static bool is_present(
	const struct transaction *t, const struct session *s, const struct pair *pair)
{
	return s && s->life == t->life && s->pair == pair->number && s->epoch == pair->epoch;
}

// Its creation was asked for, and not by the node that has restarted.
static bool waits(struct sessions *st, const struct session *s, const struct ip_address *restarted)
{
	if (s->flags & SESSION_SETTLED)
		return false;
	record_unpack(s, st->rules[1]);
	const struct f_seid *cp = &st->rules[1]->cp;
	return !seid_at(cp, restarted, cp->seid);
}

static void keep(struct sessions *st, struct session *s, struct pair *in)
{
	session_move(st, s, in);
	for (struct transaction *x = s->pending; x; x = x->next)
		transaction_of_pair(st, x, in->number);
}

// Where sessions are while those that they are among end: a node that no message comes from.
static struct pair *pair_aside(struct sessions *st)
{
	uint32_t nobody = node_by_octets(st, NODE_GTPV2, "", 0, true);
	struct pair *aside = pair_of(st, nobody, nobody, true);

	if (!aside) {
		st->counts.refused++;
		bind_refused(st);
	}
	return aside;
}

// The sessions of the pair end, but not those that the restarted node has now: whose request it
// accepts with this answer to `t`, and whose creation it has still to answer.
static void restart(struct sessions *st, const struct signalling_packet *p,
	const struct gtpv2_message *m, const struct transaction *t, struct pair *pair)
{
	struct pair *aside = pair_aside(st);

	for (const struct transaction *x = gtpv2_accepted(m) ? t : NULL; x && aside;
		x = x->sibling) {
		struct session *s = session_table_get(&st->sessions, x->session);
		if (is_present(x, s, pair))
			keep(st, s, aside);
	}
	for (struct transaction *x = st->asked.oldest; x && aside; x = x->newer) {
		struct session *s = session_table_get(&st->sessions, x->session);
		if (x->protocol == SIGNALLING_GTPV2C && x->type == GTPV2_CREATE_SESSION_REQUEST &&
			is_present(x, s, pair) && waits(st, s, &p->source.address))
			keep(st, s, aside);
	}
	pair_heartbeat(st, node(st, &p->source.address, false),
		node(st, &p->destination.address, false), m->recovery);
	for (struct session *s; aside && (s = session_table_get(&st->sessions, aside->sessions));)
		keep(st, s, pair);
}

// `t`: what the message answers; NULL for a request.
static void heartbeat(struct sessions *st, const struct signalling_packet *p,
	const struct gtpv2_message *m, const struct transaction *t)
{
	uint32_t sender = node(st, &p->source.address, false);
	struct pair *pair = pair_of(st, sender, node(st, &p->destination.address, false), false);

	if (!m->has_recovery || !pair || sender == SESSION_NONE)
		return;
	unsigned side = pair->node[0] == sender ? 0 : 1;
	if (pair->has_recovery[side] && pair->recovery[side] != m->recovery)
		restart(st, p, m, t, pair);
	else
		pair_recovery(pair, sender, m->recovery);
}

// ---- requests ----

static struct f_seid control_of(const struct gtpv2_fteid *f)
{
	return (struct f_seid){
		.present = true, .seid = f->end.teid, .v4 = f->end.v4, .v6 = f->end.v6};
}

static const struct gtpv2_fteid *control(const struct gtpv2_message *m, uint8_t instance)
{
	for (unsigned i = 0; i < m->n_control; i++)
		if (m->control[i].instance == instance)
			return &m->control[i];
	return NULL;
}

static void ask_session(struct sessions *st, const struct signalling_packet *p,
	const struct gtpv2_message *m, struct transaction *t)
{
	const struct gtpv2_fteid *sender = control(m, 0);
	struct rules *r = st->rules[2];
	struct pair *pair = pair_of(st, node(st, &p->source.address, true),
		node(st, &p->destination.address, true), true);

	if (!sender || !pair) {
		st->counts.refused++;
		bind_refused(st);
		return;
	}
	heartbeat(st, p, m, NULL);
	rules_clear(r, sender->interface == S11_MME ? KIND_S11 : KIND_S5);
	r->cp = control_of(sender);
	rules_user(r, &m->user);
	r->default_ebi = m->linked_ebi;
	for (unsigned i = 0; i < m->n_bearers && !r->default_ebi; i++)
		if (!m->bearer[i].removed)
			r->default_ebi = m->bearer[i].ebi;
	if (m->apn.length)
		r->dnn = string_ni(st, m->apn.octets, m->apn.length);
	for (unsigned i = 0; i < m->n_csids && r->n_csids < RULES_CSIDS_MAX; i++)
		r->n_csids += (uint8_t)csids_take(
			st, &m->csid[i], r->csid + r->n_csids, RULES_CSIDS_MAX - r->n_csids);
	struct session *s = session_create(st, r, pair->number);
	rules_strings(st, r, false); // the record has its own
	if (!s)
		return;
	st->before->n = 0;
	transaction_attach(st, t, s);
	if (st->limited)
		s->flags |= SESSION_LOSS;
	session_after(st, s, st->before);
}

static bool from_server(uint8_t type)
{
	return type == GTPV2_CREATE_BEARER_REQUEST || type == GTPV2_UPDATE_BEARER_REQUEST ||
	       type == GTPV2_DELETE_BEARER_REQUEST;
}

static void take_response(struct sessions *st, const struct signalling_packet *p,
	const struct gtpv2_message *m, struct transaction *t);

// An accepted creation is told to the client's end that asked for it; anything else is of another
// request with the same number.
static bool answers(struct sessions *st, const struct transaction *t, const struct gtpv2_message *m)
{
	if (t->state == TRANSACTION_ANSWERED || t->type != GTPV2_CREATE_SESSION_REQUEST ||
		!gtpv2_accepted(m))
		return true;
	const struct gtpv2_fteid *sender = control(gtpv2_kept(st, t), 0);
	return !sender || sender->end.teid == m->teid;
}

// False: it was another request's, of the same number.
static bool join_one(struct sessions *st, const struct signalling_packet *p, struct transaction *t,
	const struct early *e)
{
	const struct signalling_packet response = early_packet(e, p->time_ns);
	uint32_t used;
	bool more;

	enum signalling_reason why = gtpv2_decode(e->octets, e->length, st->gtpv2[0], &used, &more);
	if ((why != SIGNALLING_OK && why != SIGNALLING_LIMIT) || !answers(st, t, st->gtpv2[0]))
		return false;
	st->limited = why == SIGNALLING_LIMIT;
	take_response(st, &response, st->gtpv2[0], t);
	return true;
}

static void join_early(
	struct sessions *st, const struct signalling_packet *p, struct transaction *t)
{
	struct early *e;

	for (bool joined = false; !joined && (e = transaction_early(st, t->key));) {
		joined = join_one(st, p, t, e);
		st->counts.unmatched_responses += !joined;
		early_free(st, e);
	}
}

// The message as it is without another one behind it: a retransmission may come alone.
static struct span alone(struct sessions *st, const struct span *whole)
{
	if (!(whole->octets[0] & PIGGYBACKING) || whole->length > RECORD_MAX)
		return *whole;
	memcpy(st->pack, whole->octets, whole->length);
	st->pack[0] &= (uint8_t)~PIGGYBACKING;
	return (struct span){st->pack, whole->length};
}

static void take_request(
	struct sessions *st, const struct signalling_packet *p, const struct gtpv2_message *m)
{
	uint64_t key = transaction_key(st, p, m->sequence, m->type, false);
	const struct span whole = alone(st, &m->whole);
	struct transaction *t = transaction_ask(st, p, key, m->type, &whole);

	if (!t)
		return;
	st->counts.requests++;
	if (m->type == GTPV2_CREATE_SESSION_REQUEST) {
		ask_session(st, p, m, t);
	} else {
		heartbeat(st, p, m, NULL);
		if (m->type != GTPV2_DELETE_PDN_SET_REQUEST)
			attach_all(st, p, m, t, !from_server(m->type));
	}
	join_early(st, p, t);
}

// ---- responses ----

// Each end has a row of its own, and waits for nothing of the other's. What the server asks for
// waits for the user, one bearer longer than another: only what such a request gives is worth a
// guess.
static bool shows(const struct transaction *answered, const struct transaction *earlier)
{
	if (from_server(earlier->type) != from_server(answered->type))
		return false;
	return !from_server(earlier->type) || earlier->type == GTPV2_CREATE_BEARER_REQUEST;
}

// What waits of the session before `t` must have been accepted.
static void assume_earlier(
	struct sessions *st, struct session *s, const struct transaction *t, struct rules *r)
{
	for (struct transaction *e = s->pending, *next; e && e != t; e = next) {
		next = e->next;
		if (!shows(t, e))
			continue;
		const struct gtpv2_message *request = gtpv2_kept(st, e);
		if (request->type == GTPV2_CREATE_SESSION_REQUEST)
			s->flags |= SESSION_SETTLED;
		rules_gtpv2(r, request, NULL);
		transaction_assume(st, e);
		s->flags |= SESSION_LOSS;
		st->counts.unanswered++;
	}
}

static void apply(struct sessions *st, const struct session *s, struct rules *r,
	const struct transaction *t, const struct gtpv2_message *m)
{
	const bool late = t->state == TRANSACTION_ASSUMED;
	const struct gtpv2_message *request = gtpv2_kept(st, t);

	if (late)
		rules_gtpv2_late(st, s, r, request, m);
	else
		rules_gtpv2(r, request, m);
	if (request->type != GTPV2_CREATE_SESSION_REQUEST) {
		st->counts.modified++;
		return;
	}
	// on S5 the server's own F-TEID stands where S11 carries the PGW's
	const struct gtpv2_fteid *server = control(m, 0) ? control(m, 0) : control(m, 1);
	if (server)
		r->up = control_of(server);
	st->counts.established++;
}

static void settle(struct sessions *st, struct transaction *t, const struct gtpv2_message *m)
{
	struct session *s = transaction_session(st, t);
	struct rules *r = st->rules[2];

	if (!s)
		return;
	session_before(st, s, st->before);
	record_unpack(s, r);
	if (t->state == TRANSACTION_ASKED)
		assume_earlier(st, s, t, r);
	transaction_detach(st, t);
	apply(st, s, r, t, m);
	rules_gtpv2_handover(st, s, r);
	s->flags |= SESSION_SETTLED;
	if (st->limited)
		s->flags |= SESSION_LOSS;
	session_heard(st, s);
	struct session *new = session_replace(st, s, r);
	session_after(st, new ? new : s, st->before);
}

// Refused after it was taken for accepted: tunnels that nobody was given go; the rest is past.
static struct session *take_back_late(
	struct sessions *st, struct session *s, const struct transaction *t)
{
	struct rules *r = st->rules[2];

	record_unpack(s, r);
	rules_gtpv2_late(st, s, r, gtpv2_kept(st, t), NULL);
	s->flags |= SESSION_LOSS;
	struct session *new = session_replace(st, s, r);
	return new ? new : s;
}

static void take_back(struct sessions *st, struct transaction *t)
{
	struct session *s = transaction_session(st, t);

	if (!s)
		return;
	session_before(st, s, st->before);
	transaction_detach(st, t);
	if (t->state == TRANSACTION_ASSUMED)
		s = take_back_late(st, s, t);
	session_after(st, s, st->before);
	if (!(s->flags & SESSION_SETTLED))
		session_end(st, s, END_SUPERSEDED); // it never was
}

// Another user has its client's end: that it moved, or that the session ended, was not seen. What
// tunnels it had are its own until somebody else is given them.
static void lose_client(struct sessions *st, struct session *s)
{
	struct rules *r = st->rules[2];

	record_unpack(s, r);
	r->cp = (struct f_seid){};
	s->flags |= SESSION_LOSS;
	s = session_replace(st, s, r);
	if (s)
		session_mark(st, s);
}

// The same PDN connection of the same control TEID was there already. With another server it goes
// on until it is deleted there: a relocation has both for a while.
static void end_superseded(struct sessions *st, uint32_t number)
{
	struct session *s = session_at(st, number);
	uint32_t of[OF_A_USER_MAX];

	if (!s)
		return;
	record_unpack(s, st->rules[2]);
	const struct f_seid cp = st->rules[2]->cp;
	uint8_t ebi = st->rules[2]->default_ebi, kind = s->kind;
	const uint64_t imsi = st->rules[2]->imsi;
	const uint32_t pair = s->pair;
	const struct ip_address *a = cp.v4.family ? &cp.v4 : &cp.v6;
	unsigned n = sessions_of(st, false, a, (uint32_t)cp.seid, ebi_bit(ebi), of);
	for (unsigned i = 0; i < n; i++) {
		struct session *o = of[i] == number ? NULL : session_at(st, of[i]);
		if (!o || o->kind != kind || o->pair != pair || !(o->flags & SESSION_SETTLED))
			continue;
		record_unpack(o, st->rules[1]);
		const uint64_t theirs = st->rules[1]->imsi;
		if (imsi != SESSION_ABSENT && theirs != SESSION_ABSENT && imsi != theirs)
			lose_client(st, o);
		else if (st->rules[1]->default_ebi == ebi || kind == KIND_S5)
			session_end(st, o, END_SUPERSEDED);
	}
}

// By the IMSI, without one by the IMEI.
static uint64_t user_key(const struct sessions *st, const struct rules *r)
{
	return r->imsi != SESSION_ABSENT ? key_number(st, KEY_IMSI, r->imsi)
					 : key_number(st, KEY_IMEI, r->imei);
}

static bool share_interface(const struct rule_bearer *a, const struct rule_bearer *b)
{
	for (unsigned i = 0; a && b && i < a->n_ends; i++)
		for (unsigned j = 0; j < b->n_ends; j++)
			if (a->end[i].interface == b->end[j].interface)
				return true;
	return false;
}

// With the same default bearer of the same user; on S5/S8 over the same kind of access, since a
// handover between two kinds has both for a while.
static bool collide(const struct sessions *st, const struct rules *a, const struct rules *b)
{
	if (user_key(st, a) != user_key(st, b) || a->default_ebi != b->default_ebi ||
		a->default_ebi == 0)
		return false;
	return a->kind == KIND_S11 ||
	       share_interface(rules_bearer(a, a->default_ebi), rules_bearer(b, b->default_ebi));
}

// The gateway has deleted what it had of the same user and bearer, whichever client it was of (TS
// 29.274 clause 7.2.1).
static void end_collided(
	struct sessions *st, const struct signalling_packet *response, uint32_t number)
{
	const struct session *s = session_at(st, number);
	const struct rules *r = st->rules[2]; // nothing that ends a session uses it
	uint32_t found[INDEX_RUN_MAX], gateway = node(st, &response->source.address, false);

	if (!s)
		return;
	const uint8_t kind = s->kind;
	record_unpack(s, st->rules[2]);
	if (r->imsi == SESSION_ABSENT && r->imei == SESSION_ABSENT)
		return;
	uint32_t n = session_candidates(&st->index, user_key(st, r), found);
	for (uint32_t i = 0; i < n; i++) {
		struct session *o = found[i] == number ? NULL : session_at(st, found[i]);
		if (!o || o->kind != kind || !(o->flags & SESSION_SETTLED))
			continue;
		const struct pair *pair = pair_at(st, o->pair);
		if (pair->node[0] != gateway && pair->node[1] != gateway)
			continue;
		record_unpack(o, st->rules[1]);
		if (collide(st, r, st->rules[1]))
			session_end(st, o, END_SUPERSEDED);
	}
}

static void end_one(struct sessions *st, struct transaction *t, enum session_end why)
{
	struct session *s = transaction_session(st, t);

	transaction_detach(st, t);
	if (s)
		session_end(st, s, why);
}

// The answer to a creation was lost; a later accepted request to a control TEID that was not known
// shows that it was accepted, and what that TEID is.
static bool prove(struct sessions *st, const struct signalling_packet *p,
	const struct gtpv2_message *m, struct transaction *t)
{
	struct gtpv2_message *request = st->gtpv2[1];
	uint32_t of[OF_A_USER_MAX];

	gtpv2_kept(st, t);
	uint8_t ebi = request->n_bearers ? request->bearer[0].ebi : request->linked_ebi;
	uint32_t teid = request->teid;
	unsigned n = sessions_of(st, false, &p->destination.address, m->teid, ebi_bit(ebi), of);
	for (unsigned i = 0; i < n; i++) {
		struct session *s = session_at(st, of[i]);
		if (!s)
			continue;
		record_unpack(s, st->rules[2]);
		if (st->rules[2]->up.present)
			continue;
		struct f_seid *up = &st->rules[2]->up;
		*up = (struct f_seid){.present = true, .seid = teid};
		*(p->source.address.family == 6 ? &up->v6 : &up->v4) = p->source.address;
		session_replace(st, s, st->rules[2]);
		attach(st, t, of[i]);
		return true;
	}
	return false;
}

// The client's end is another one, or another client's: of all that the server has under its end.
static void move_client(struct sessions *st, const struct signalling_packet *p, uint32_t server,
	const struct f_seid *client)
{
	uint32_t of[OF_A_USER_MAX];
	struct rules *r = st->rules[2];
	struct pair *pair = pair_of(st, node(st, &p->destination.address, true),
		node(st, &p->source.address, true), true);
	unsigned n = sessions_of(st, true, &p->source.address, server, 0, of);

	for (unsigned i = 0; i < n; i++) {
		struct session *s = session_at(st, of[i]);
		if (!s)
			continue;
		record_unpack(s, r);
		r->cp = *client;
		s = session_replace(st, s, r);
		if (s && pair)
			session_move(st, s, pair);
	}
}

static bool ends_sessions(const struct gtpv2_message *request)
{
	return request->type == GTPV2_DELETE_SESSION_REQUEST ||
	       (request->type == GTPV2_DELETE_BEARER_REQUEST && request->linked_ebi);
}

static void answer(struct sessions *st, const struct signalling_packet *p,
	const struct gtpv2_message *m, struct transaction *t)
{
	const struct gtpv2_message *request = gtpv2_kept(st, t);
	const uint8_t type = request->type;

	if (type == GTPV2_DELETE_PDN_SET_REQUEST) {
		if (gtpv2_accepted(m))
			nodes_set_deletion(st, request->csid, request->n_csids);
		return;
	}
	// copies: whatever looks at a session puts another request there
	const bool ends = ends_sessions(request), lost = m->cause == GTPV2_NOT_FOUND;
	// a bearer that the client does not have is gone as one that it lets go
	const bool accepted =
		gtpv2_accepted(m) || (lost && type == GTPV2_DELETE_BEARER_REQUEST && !ends);
	const uint32_t server = request->teid;
	const struct gtpv2_fteid *sender =
		type == GTPV2_MODIFY_BEARER_REQUEST ? control(request, 0) : NULL;
	const struct f_seid client = sender ? control_of(sender) : (struct f_seid){};
	const bool gone = lost && !accepted && type != GTPV2_CREATE_SESSION_REQUEST;
	bool created = accepted && type == GTPV2_CREATE_SESSION_REQUEST;
	if (t->session == SESSION_NONE && accepted &&
		(type == GTPV2_MODIFY_BEARER_REQUEST || type == GTPV2_DELETE_SESSION_REQUEST))
		created = prove(st, p, m, t);
	const struct session *first = transaction_session(st, t);
	const uint32_t number = first ? first->number : SESSION_NONE;
	st->counts.rejected += !accepted && !gone;
	for (struct transaction *x = t; x; x = x->sibling) {
		if ((ends && accepted) || gone)
			end_one(st, x, ends ? END_RELEASED : END_LOST);
		else if (accepted)
			settle(st, x, m);
		else
			take_back(st, x);
	}
	if (created) {
		end_superseded(st, number);
		end_collided(st, p, number);
	}
	if (client.present && accepted)
		move_client(st, p, server, &client);
}

static void take_response(struct sessions *st, const struct signalling_packet *p,
	const struct gtpv2_message *m, struct transaction *t)
{
	if (t->state == TRANSACTION_ANSWERED) {
		st->counts.retransmissions += transaction_repeats(st, t, &m->whole);
		return;
	}
	st->counts.responses++;
	heartbeat(st, p, m, t); // before: what is accepted now is of the time after a restart
	answer(st, p, m, t);
	transaction_detach(st, t);
	transaction_answered(st, t, &m->whole);
}

static void take_message(
	struct sessions *st, const struct signalling_packet *p, const struct gtpv2_message *m)
{
	st->counts.messages++;
	switch (m->type) {
	case GTPV2_ECHO_REQUEST:
	case GTPV2_ECHO_RESPONSE:
		heartbeat(st, p, m, NULL);
		return;
	case GTPV2_CREATE_SESSION_REQUEST:
	case GTPV2_MODIFY_BEARER_REQUEST:
	case GTPV2_DELETE_SESSION_REQUEST:
	case GTPV2_CREATE_BEARER_REQUEST:
	case GTPV2_UPDATE_BEARER_REQUEST:
	case GTPV2_DELETE_BEARER_REQUEST:
	case GTPV2_DELETE_PDN_SET_REQUEST:
	case GTPV2_RELEASE_ACCESS_REQUEST:
	case GTPV2_MODIFY_ACCESS_REQUEST:
		take_request(st, p, m);
		return;
	default:
		break;
	}
	uint64_t key = transaction_key(st, p, m->sequence, (uint8_t)(m->type - 1), true);
	struct transaction *t = transaction_find(st, key);
	if (t && answers(st, t, m))
		take_response(st, p, m, t);
	else
		transaction_keep_early(st, p, key, &m->whole);
}

void gtpv2_take(struct sessions *st, const struct signalling_packet *p)
{
	const uint8_t *at = p->octets;
	uint32_t left = p->length, used = 0;

	for (bool more = true; more && left > 0; at += used, left -= used) {
		enum signalling_reason why = gtpv2_decode(at, left, st->gtpv2[0], &used, &more);
		st->counts.reason[SIGNALLING_GTPV2C][why]++;
		st->limited = why == SIGNALLING_LIMIT;
		if (why == SIGNALLING_OK || why == SIGNALLING_LIMIT)
			take_message(st, p, st->gtpv2[0]);
		if (used == 0 || used > left)
			break;
	}
}
