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
	return c->session->pair != o->pair && same_user(st, c->rules, o);
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

// One subscriber's sessions of different functions that meet in a tunnel are one path of the user
// plane: an intermediate UPF and the anchor, the SGW's and the PGW's, the SGW after a relocation.
// One that is set up anew between the same two nodes is another.
static void meet(
	struct sessions *st, const struct claimant *c, struct session *s, const struct selector *w)
{
	static const struct {
		uint8_t kind, role;
	} end[] = {{KIND_PFCP, ROLE_LOCAL}, {KIND_PFCP, ROLE_OUTER}, {KIND_S11, ROLE_LOCAL},
		{KIND_S5, ROLE_LOCAL}};
	uint32_t found[INDEX_RUN_MAX];
	struct selector like = *w, theirs;

	for (unsigned e = 0; e < sizeof(end) / sizeof(end[0]); e++) {
		like.role = end[e].role;
		uint32_t n = session_candidates(
			&st->index, selector_hash(st, end[e].kind, &like), found);
		for (uint32_t i = 0; i < n; i++) {
			struct session *o = found[i] == s->index ? NULL : session_at(st, found[i]);
			if (!o || o->kind != end[e].kind ||
				(o->kind == s->kind && o->pair == s->pair) ||
				!same_user(st, c->rules, o) || !held_by(st, o, &like, &theirs))
				continue;
			correlation_share(st, s, o);
			return;
		}
	}
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
	for (uint32_t i = 0; i < after->n; i++) {
		const struct selector *w = &after->selector[i], *b = selectors_find(before, w);
		come(st, &(struct change){s, cause}, w, b);
		if (!b && w->kind == BINDING_TUNNEL && !(s->flags & SESSION_CORRELATED))
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
