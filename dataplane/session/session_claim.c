// Decides whose a selector is, when several sessions show it, and keeps the index of selectors.

#include "dataplane/session/session_binding_internal.h"
#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_life_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_unpack_internal.h"

#define HOLDERS_MAX 8u // of one selector

void holders_mark(struct sessions *st, uint64_t hash, uint32_t but)
{
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index, hash, found);

	for (uint32_t i = 0; i < n; i++) {
		struct session *o =
			found[i] == but ? NULL : session_table_get(&st->sessions, found[i]);
		if (o && !SLIST_EMPTY(&o->memberships))
			session_mark(st, o);
	}
}

// The selector as another session shows it, when it does, in `shown` (false: it does not).
static bool held_by(struct sessions *st, const struct session *o, const struct selector *w,
	struct selector *shown)
{
	struct selectors *theirs = session_selectors(st, o);
	const struct selector *found = selectors_find(theirs, w);

	if (found)
		*shown = *found;
	selectors_close(st, theirs);
	return found != NULL;
}

// One user has an address at two anchors, a connection at two gateways during a relocation: none
// takes it from the other, and what is left when one ends goes on.
static bool same_user(struct sessions *st, const struct rules *own, const struct session *o)
{
	struct unpacked *u = unpack_open(st, o);
	const struct rules *theirs = &u->rules;
	bool same = own->msisdn != SESSION_ABSENT && own->msisdn == theirs->msisdn;

	if (own->imsi != SESSION_ABSENT || theirs->imsi != SESSION_ABSENT)
		same = own->imsi == theirs->imsi;
	unpack_close(st, u);
	return same;
}

static bool shares(struct sessions *st, const struct claimant *c, const struct session *o)
{
	// Two network functions of one path have one pair.
	return (c->session->pair != o->pair || o->kind == KIND_EVENT) && same_user(st, c->rules, o);
}

// Gives the selector to the session of the accepted response for good, also against a session that
// asked for it before (`since`: the order of the request) without a response. An address in another
// network instance is another address.
static void overtake(
	struct sessions *st, const struct claimant *c, const struct selector *w, uint32_t since)
{
	const struct session *s = c->session;
	uint64_t hash = selector_hash(st, s->kind, w);
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index, hash, found);
	struct selector theirs;

	for (uint32_t i = 0; i < n; i++) {
		struct session *o = found[i] == s->index ? NULL : session_at(st, found[i]);
		if (!o || o->kind != s->kind || !held_by(st, o, w, &theirs))
			continue;
		if ((!theirs.accepted && theirs.order > since) ||
			(w->kind == BINDING_ADDRESS && theirs.ni != w->ni) || shares(st, c, o))
			continue;
		session_index_remove(&st->index, &st->memory, hash, o->index);
		o->flags |= SESSION_OVERTAKEN;
		if (s->broken & SIGNALLING_BROKEN_IMSI) // they may be one user's
			o->flags |= SESSION_LOSS;
		session_mark(st, o);
	}
}

enum owner session_owns(struct sessions *st, const struct claimant *c, const struct selector *w)
{
	const struct session *s = c->session;
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index, selector_hash(st, s->kind, w), found);
	enum owner own = OWN_NOT;
	struct selector theirs;

	for (uint32_t i = 0; i < n; i++)
		if (found[i] == s->index)
			own = OWN;
	for (uint32_t i = 0; i < n && own > OWN_AMBIGUOUS; i++) {
		struct session *o = found[i] == s->index ? NULL : session_at(st, found[i]);
		if (!o || o->kind != s->kind || !held_by(st, o, w, &theirs))
			continue;
		bool later = theirs.order > w->order; // asked for
		if (w->kind == BINDING_ADDRESS && theirs.ni != w->ni)
			own = same_user(st, c->rules, o) ? OWN_OF_USER : OWN_AMBIGUOUS;
		else if (later && !shares(st, c, o))
			own = OWN_NOT;
	}
	return own;
}

static bool indexed(struct sessions *st, const struct session *s, const struct selector *w)
{
	return session_index_has(&st->index, selector_hash(st, s->kind, w), s->index);
}

// True if no session shows it any more, and its owner has had a message since.
static bool deserted(struct sessions *st, const struct session *s, const struct selector *w)
{
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index, selector_hash(st, s->kind, w), found);
	struct selector theirs;

	for (uint32_t i = 0; i < n; i++) {
		const struct session *o = session_at(st, found[i]);
		if (found[i] == s->index || (o && o->kind == s->kind && held_by(st, o, w, &theirs)))
			return false;
	}
	return true;
}

// Few sessions can claim one selector at a time; a peer with more wants to make each message slow.
// One that was never accepted makes room.
static void make_place(struct sessions *st, uint64_t hash)
{
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index, hash, found), live = 0;

	if (n < HOLDERS_MAX)
		return;
	for (uint32_t i = 0; i < n; i++)
		live += session_at(st, found[i]) != NULL;
	for (uint32_t i = 0; i < n && live >= HOLDERS_MAX; i++) {
		struct session *o = session_at(st, found[i]);
		if (!o || o->flags & SESSION_ACCEPTED)
			continue;
		session_index_remove(&st->index, &st->memory, hash, o->index);
		o->flags |= SESSION_OVERTAKEN | SESSION_LOSS;
		session_mark(st, o);
		return;
	}
}

static void claim(struct sessions *st, struct session *s, const struct selector *w)
{
	uint64_t hash = selector_hash(st, s->kind, w);

	make_place(st, hash);
	if (session_index_add(&st->index, &st->memory, hash, s->index) != INDEX_ADDED)
		s->flags |= SESSION_OVERTAKEN | SESSION_LOSS;
	holders_mark(st, hash, s->index);
}

struct selectors *session_before(struct sessions *st, const struct session *s)
{
	return session_selectors(st, s);
}

static bool same_seid(const struct f_seid *a, const struct f_seid *b)
{
	return (b->v4.family && seid_at(a, &b->v4, b->seid)) ||
	       (b->v6.family && seid_at(a, &b->v6, b->seid));
}

// True if an event and signalling show one session: of one user, or of one F-SEID where not both
// have the user's identity.
static bool same_session(struct sessions *st, const struct rules *own, const struct session *o)
{
	struct unpacked *u = unpack_open(st, o);
	const struct rules *theirs = &u->rules;
	bool same;

	if (own->imsi != SESSION_ABSENT && theirs->imsi != SESSION_ABSENT)
		same = own->imsi == theirs->imsi;
	else if (own->msisdn != SESSION_ABSENT && theirs->msisdn != SESSION_ABSENT)
		same = own->msisdn == theirs->msisdn;
	else
		same = (own->kind == KIND_PFCP || theirs->kind == KIND_PFCP) &&
		       (same_seid(&own->cp, &theirs->cp) || same_seid(&own->up, &theirs->up));
	unpack_close(st, u);
	return same;
}

struct meeting {
	uint8_t kind, role;
};

// Finds a session of that kind that shows the selector in that role. `event`: one of the two is by
// events. False: there is none.
static bool meet_one(struct sessions *st, const struct claimant *c, struct session *s,
	const struct selector *w, const struct meeting *with, bool event)
{
	uint32_t found[INDEX_RUN_MAX];
	struct selector like = *w, theirs;

	like.role = with->role;
	uint32_t n = session_candidates(&st->index, selector_hash(st, with->kind, &like), found);
	for (uint32_t i = 0; i < n; i++) {
		struct session *o = found[i] == s->index ? NULL : session_at(st, found[i]);
		if (!o || o->kind != with->kind || (o->kind == s->kind && o->pair == s->pair))
			continue;
		if (event && !same_session(st, c->rules, o))
			continue;
		if (!event && !same_user(st, c->rules, o))
			continue;
		if (!held_by(st, o, &like, &theirs))
			continue;
		correlation_share(st, s, o);
		return true;
	}
	return false;
}

// One subscriber's sessions of different functions that meet in a tunnel are one path of the user
// plane: an intermediate UPF and the anchor, the SGW's and the PGW's, the SGW after a relocation.
// One that is set up anew between the same two nodes is another. Events and signalling also meet in
// an address.
static void meet(
	struct sessions *st, const struct claimant *c, struct session *s, const struct selector *w)
{
	static const struct meeting with[] = {{KIND_PFCP, ROLE_LOCAL}, {KIND_PFCP, ROLE_OUTER},
		{KIND_S11, ROLE_LOCAL}, {KIND_S5, ROLE_LOCAL}, {KIND_RADIUS, ROLE_LOCAL}};
	static const struct meeting events = {KIND_EVENT, ROLE_LOCAL};
	const bool event = s->kind == KIND_EVENT;
	const unsigned n = !event && w->kind != BINDING_TUNNEL ? 0
			   : w->kind == BINDING_TUNNEL	       ? 4
							       : 5;

	for (unsigned i = 0; i < n; i++)
		if (meet_one(st, c, s, w, &with[i], event))
			return;
	if (!event && st->n_events > 0)
		(void)meet_one(st, c, s, w, &events, true);
}

// Shares the path of the session that `f` names on N4, as the other source shows it.
static bool meet_seid(struct sessions *st, const struct claimant *c, struct session *s,
	const struct f_seid *f, bool up)
{
	const struct ip_address *const at[] = {&f->v4, &f->v6};
	const uint8_t kind = s->kind == KIND_EVENT ? KIND_PFCP : KIND_EVENT;
	uint32_t found[INDEX_RUN_MAX];

	for (unsigned a = 0; a < 2; a++) {
		if (!f->present || !at[a]->family)
			continue;
		uint32_t n = session_candidates(&st->index,
			key_seid(st, up ? KEY_UP : KEY_CP, protocol_of(KIND_PFCP), at[a], f->seid),
			found);
		for (uint32_t i = 0; i < n; i++) {
			struct session *o = session_at(st, found[i]);
			struct f_seid of[2];
			if (!o || o->kind != kind)
				continue;
			record_seids(o, &of[0], &of[1]);
			if (!seid_at(&of[up], at[a], f->seid) || !same_session(st, c->rules, o))
				continue;
			correlation_share(st, s, o);
			return true;
		}
	}
	return false;
}

// An F-SEID is there before any selector is.
static void meet_by_seid(struct sessions *st, const struct claimant *c, struct session *s)
{
	if (s->flags & SESSION_CORRELATED || (s->kind != KIND_EVENT && s->kind != KIND_PFCP) ||
		st->n_events == 0)
		return;
	if (!meet_seid(st, c, s, &c->rules->cp, false))
		(void)meet_seid(st, c, s, &c->rules->up, true);
}

// Takes from the index what the session shows no more.
static void leave(struct sessions *st, const struct session *s, const struct selectors *before,
	const struct selectors *after)
{
	for (uint32_t i = 0; i < before->n; i++) {
		if (after && selectors_find(after, &before->selector[i]))
			continue;
		uint64_t hash = selector_hash(st, s->kind, &before->selector[i]);
		session_index_remove(&st->index, &st->memory, hash, s->index);
		holders_mark(st, hash, s->index);
	}
}

void session_leave(struct sessions *st, const struct session *s)
{
	struct selectors *shown = session_selectors(st, s);

	leave(st, s, shown, NULL);
	selectors_close(st, shown);
}

struct change {
	struct session *session;
	enum session_cause cause;
};

// One selector after the change; `b`: as it was before, NULL when it was not there.
static void come(struct sessions *st, const struct change *c, const struct selector *w,
	const struct selector *b)
{
	struct session *s = c->session;
	bool accepts = w->accepted && (!b || !b->accepted);
	bool heard = c->cause == CAUSE_MESSAGE;

	if (!b)
		claim(st, s, w);
	else if (s->flags & SESSION_OVERTAKEN &&
		 (accepts ? !indexed(st, s, w) : heard && deserted(st, s, w)))
		claim(st, s, w);
	else if (w->order != b->order) // asked for again, or refused: whose it is may change
		holders_mark(st, selector_hash(st, s->kind, w), s->index);
}

void session_after(
	struct sessions *st, struct session *s, struct selectors *before, enum session_cause cause)
{
	struct selectors *after = selectors_open(st);
	struct unpacked *u = unpack_open(st, s);
	const struct claimant c = {s, &u->rules};

	session_stages(st, s, u, &(struct stages){.all = after});
	leave(st, s, before, after);
	if (before->n == 0)
		meet_by_seid(st, &c, s);
	for (uint32_t i = 0; i < after->n; i++) {
		const struct selector *w = &after->selector[i], *b = selectors_find(before, w);
		come(st, &(struct change){s, cause}, w, b);
		if (!b && (w->kind == BINDING_TUNNEL || st->n_events > 0) &&
			!(s->flags & SESSION_CORRELATED))
			meet(st, &c, s, w);
		if (w->accepted && (!b || !b->accepted))
			overtake(st, &c, w, b ? b->order : UINT32_MAX);
	}
	if (after->overflow)
		s->flags |= SESSION_LOSS;
	if (!SLIST_EMPTY(&s->memberships) || st->subscriptions->table.live)
		session_mark(st, s);
	path_mark(st, s); // its names of a tunnel may be new to theirs
	unpack_close(st, u);
	selectors_close(st, after);
	selectors_close(st, before);
}
