#include "dataplane/session/session_internal.h"

#include <stddef.h>
#include <string.h>

// By then a control plane has given it up, whichever it is (10 s three times is the most seen).
#define UNANSWERED_NS 30000000000ull
#define HOLDERS_MAX 8u // of one way

// ---- lists ----

static void pair_link(struct sessions *st, struct session *s, struct pair *p)
{
	struct session *head = session_table_get(&st->sessions, p->sessions);

	s->epoch = p->epoch;
	s->previous = SESSION_NONE;
	s->next = p->sessions;
	if (head)
		head->previous = s->number;
	p->sessions = s->number;
	p->n++;
}

static void pair_unlink(struct sessions *st, struct session *s)
{
	struct pair *p = pair_at(st, s->pair);
	struct session *next = session_table_get(&st->sessions, s->next);
	struct session *previous = session_table_get(&st->sessions, s->previous);

	if (next)
		next->previous = s->previous;
	if (previous)
		previous->next = s->next;
	else if (s->epoch == p->epoch)
		p->sessions = s->next;
	else
		for (struct reaping *r = st->reap; r; r = r->next)
			if (r->session == s->number)
				r->session = s->next;
	if (s->epoch == p->epoch) {
		p->n--;
		st->counts.sessions--;
	}
}

static void partial_unlink(struct sessions *st, struct session *s)
{
	struct session *newer = session_table_get(&st->sessions, s->newer);
	struct session *older = session_table_get(&st->sessions, s->older);

	*(newer ? &newer->older : &st->newest_partial) = s->older;
	*(older ? &older->newer : &st->oldest_partial) = s->newer;
}

static void partial_link(struct sessions *st, struct session *s)
{
	struct session *newest = session_table_get(&st->sessions, st->newest_partial);

	s->newer = SESSION_NONE;
	s->older = st->newest_partial;
	*(newest ? &newest->newer : &st->oldest_partial) = s->number;
	st->newest_partial = s->number;
}

void session_set_partial(struct sessions *st, struct session *s, bool partial)
{
	struct pair *p = pair_at(st, s->pair);
	bool current = s->epoch == p->epoch;

	if (partial == ((s->flags & SESSION_PARTIAL) != 0))
		return;
	s->flags ^= SESSION_PARTIAL;
	if (partial) {
		st->counts.partial++;
		partial_link(st, s);
	} else {
		partial_unlink(st, s);
	}
	if (current) {
		p->n_partial += partial ? 1 : UINT32_MAX;
		st->counts.partial_now += partial ? 1 : UINT32_MAX;
	}
}

void session_heard(struct sessions *st, struct session *s)
{
	s->heard_ns = st->now_ns;
	if (s->flags & SESSION_PARTIAL) {
		partial_unlink(st, s);
		partial_link(st, s);
	}
}

void session_move(struct sessions *st, struct session *s, struct pair *to)
{
	struct pair *from = pair_at(st, s->pair);
	bool partial = s->flags & SESSION_PARTIAL;

	if (from == to || s->epoch != from->epoch)
		return;
	pair_unlink(st, s);
	from->n_partial -= partial;
	s->pair = to->number;
	pair_link(st, s, to);
	to->n_partial += partial;
	st->counts.sessions++;
}

// ---- indexes ----

static bool contains(const uint64_t *keys, unsigned n, uint64_t key)
{
	for (unsigned i = 0; i < n; i++)
		if (keys[i] == key)
			return true;
	return false;
}

// False when the session cannot be found by all of its keys.
static bool index_changes(
	struct sessions *st, const struct rules *old, const struct rules *new, uint32_t number)
{
	bool whole = true;
	uint64_t from[SESSION_KEYS_MAX], to[SESSION_KEYS_MAX];
	unsigned n_from = old ? session_keys(st, old, from) : 0;
	unsigned n_to = new ? session_keys(st, new, to) : 0;

	for (unsigned i = 0; i < n_from; i++)
		if (!contains(to, n_to, from[i]))
			session_index_remove(&st->index, &st->memory, from[i], number);
	for (unsigned i = 0; i < n_to; i++)
		if (!contains(from, n_from, to[i]))
			whole &= session_index_add(&st->index, &st->memory, to[i], number) !=
				 INDEX_NO_MEMORY;
	return whole;
}

static void members(struct sessions *st, const struct rules *r, uint32_t number, bool is)
{
	for (unsigned i = 0; i < r->n_csids; i++)
		string_member(st, r->csid[i], number, is);
	for (unsigned i = 0; i < r->n_pdrs; i++)
		string_member(st, pdr_pdi(r, &r->pdr[i])->ni, number, is);
}

// ---- the record ----

static struct session *new_record(struct sessions *st, const struct rules *r)
{
	uint32_t length = record_pack(r, st->pack);

	if (length == 0)
		return NULL;
	struct session *s = session_alloc(&st->memory, offsetof(struct session, body) + length);
	if (!s)
		return NULL;
	s->length = (uint16_t)length;
	s->kind = r->kind;
	memcpy(s->body, st->pack, length);
	return s;
}

static bool make_room(struct sessions *st)
{
	// what a new session takes at most beside its record: entries, a transaction, a chunk
	const uint64_t margin = (64 << 10) + st->memory.kept;

	while (st->counts.sessions >= st->s.sessions_max ||
		st->memory.used + margin > st->s.memory_max) {
		struct session *oldest = session_table_get(&st->sessions, st->oldest_partial);
		if (st->counts.sessions < st->s.sessions_max && st->reap) {
			sessions_reap(st, 64); // what a restart left is in the way
			continue;
		}
		// then what was asked for and never answered
		if (transactions_give_up(st, UNANSWERED_NS))
			continue;
		if (!oldest)
			return false;
		st->counts.evicted++;
		session_end(st, oldest, END_FORGOTTEN);
	}
	return true;
}

struct session *session_create(struct sessions *st, const struct rules *r, uint32_t pair)
{
	struct session *s = NULL;

	if (make_room(st))
		s = new_record(st, r);
	if (!s)
		goto refused;
	s->number = session_table_add(&st->sessions, &st->memory, s);
	if (s->number == SESSION_NONE)
		goto no_number;
	s->pair = pair;
	s->life = ++st->lives;
	s->heard_ns = st->now_ns;
	s->newer = s->older = SESSION_NONE;
	rules_strings(st, r, true);
	pair_link(st, s, pair_at(st, pair));
	st->counts.sessions++;
	if (!index_changes(st, NULL, r, s->number))
		s->flags |= SESSION_LOSS;
	members(st, r, s->number, true);
	return s;
no_number:
	session_release(&st->memory, s);
refused:
	st->counts.refused++;
	bind_refused(st);
	return NULL;
}

struct session *session_replace(struct sessions *st, struct session *s, const struct rules *r)
{
	struct session *n = new_record(st, r);

	if (!n) {
		s->flags |= SESSION_LOSS; // it goes on as it was known
		st->counts.refused++;
		return NULL;
	}
	uint16_t length = n->length;
	memcpy(n, s, offsetof(struct session, body));
	n->length = length;
	record_unpack(s, st->rules[1]);
	rules_strings(st, r, true);
	if (!index_changes(st, st->rules[1], r, n->number))
		n->flags |= SESSION_LOSS;
	members(st, st->rules[1], n->number, false);
	members(st, r, n->number, true);
	rules_strings(st, st->rules[1], false);
	st->sessions.chunk[n->number >> 10][n->number & 1023] = n;
	session_release(&st->memory, s);
	return n;
}

// ---- whose a way is ----

static void mark_holders(struct sessions *st, uint64_t hash, uint32_t but)
{
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index, hash, found);

	for (uint32_t i = 0; i < n; i++) {
		struct session *o =
			found[i] == but ? NULL : session_table_get(&st->sessions, found[i]);
		if (o && o->bonds)
			session_mark(st, o);
	}
}

// Of a past epoch, and not cleared away yet.
static bool is_over(const struct sessions *st, const struct session *o)
{
	return o->epoch != pair_at(st, o->pair)->epoch;
}

// The way as another session shows it, when it does; in st->probe.
static const struct way *held_by(struct sessions *st, const struct session *o, const struct way *w)
{
	session_selectors(st, o, 1, st->probe, NULL, NULL);
	return ways_find(st->probe, w);
}

// Of the session in rules[0]. One user has an address at two anchors, a connection at two gateways
// during a relocation: none takes it from the other, and what is left when one ends goes on.
static bool same_user(struct sessions *st, const struct session *o)
{
	const struct rules *own = st->rules[0], *theirs = st->rules[1];

	record_unpack(o, st->rules[1]);
	if (own->imsi != SESSION_ABSENT || theirs->imsi != SESSION_ABSENT)
		return own->imsi == theirs->imsi;
	return own->msisdn != SESSION_ABSENT && own->msisdn == theirs->msisdn;
}

static bool shares(struct sessions *st, const struct session *s, const struct session *o)
{
	return s->pair != o->pair && same_user(st, o);
}

// The accepted response gives the way to its session for good, also against who asked for it before
// (`since`: the serial of the request) and never heard. An address in another network instance is
// another address.
static void overtake(
	struct sessions *st, const struct session *s, const struct way *w, uint32_t since)
{
	uint64_t hash = way_hash(st, s->kind, w);
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index, hash, found);

	for (uint32_t i = 0; i < n; i++) {
		struct session *o =
			found[i] == s->number ? NULL : session_table_get(&st->sessions, found[i]);
		if (!o || o->kind != s->kind || is_over(st, o))
			continue;
		const struct way *theirs = held_by(st, o, w);
		if (!theirs || (!theirs->settled && theirs->serial > since) ||
			(w->way == BINDING_ADDRESS && theirs->ni != w->ni) || shares(st, s, o))
			continue;
		session_index_remove(&st->index, &st->memory, hash, o->number);
		o->flags |= SESSION_OVERTAKEN;
		session_mark(st, o);
	}
}

enum owner session_owns(struct sessions *st, const struct session *s, const struct way *w)
{
	uint64_t hash = way_hash(st, s->kind, w);
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index, hash, found);
	enum owner own = OWN_NOT;

	for (uint32_t i = 0; i < n; i++)
		if (found[i] == s->number)
			own = OWN;
	for (uint32_t i = 0; i < n && own > OWN_AMBIGUOUS; i++) {
		struct session *o =
			found[i] == s->number ? NULL : session_table_get(&st->sessions, found[i]);
		if (!o || o->kind != s->kind || is_over(st, o))
			continue;
		const struct way *theirs = held_by(st, o, w);
		if (!theirs)
			continue;
		bool later = theirs->serial > w->serial; // asked for
		if (w->way == BINDING_ADDRESS && theirs->ni != w->ni)
			own = same_user(st, o) ? OWN_OF_USER : OWN_AMBIGUOUS;
		else if (later && !shares(st, s, o))
			own = OWN_NOT;
	}
	return own;
}

static bool indexed(struct sessions *st, const struct session *s, const struct way *w)
{
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index, way_hash(st, s->kind, w), found);

	for (uint32_t i = 0; i < n; i++)
		if (found[i] == s->number)
			return true;
	return false;
}

// Nobody shows it any more, and its session has been heard of.
static bool deserted(struct sessions *st, const struct session *s, const struct way *w)
{
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index, way_hash(st, s->kind, w), found);

	for (uint32_t i = 0; i < n; i++) {
		const struct session *o = session_table_get(&st->sessions, found[i]);
		if (found[i] == s->number || (o && o->kind == s->kind && held_by(st, o, w) != NULL))
			return false;
	}
	return true;
}

// Few can be asked for one way at a time; who asks for more wants to make each message slow. One
// that was never accepted makes room.
static void make_place(struct sessions *st, uint64_t hash)
{
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index, hash, found);

	for (uint32_t i = 0; i < n && n >= HOLDERS_MAX; i++) {
		struct session *o = session_table_get(&st->sessions, found[i]);
		if (!o || o->flags & SESSION_SETTLED)
			continue;
		session_index_remove(&st->index, &st->memory, hash, o->number);
		o->flags |= SESSION_OVERTAKEN | SESSION_LOSS;
		session_mark(st, o);
		return;
	}
}

static void claim(struct sessions *st, struct session *s, const struct way *w)
{
	uint64_t hash = way_hash(st, s->kind, w);

	make_place(st, hash);
	if (session_index_add(&st->index, &st->memory, hash, s->number) != INDEX_ADDED)
		s->flags |= SESSION_OVERTAKEN | SESSION_LOSS;
	mark_holders(st, hash, s->number);
}

void session_before(struct sessions *st, const struct session *s, struct ways *before)
{
	session_selectors(st, s, 0, before, NULL, NULL);
}

void session_after(struct sessions *st, struct session *s, const struct ways *before)
{
	struct ways *after = st->after;

	session_selectors(st, s, 0, after, NULL, NULL);
	for (uint32_t i = 0; i < before->n; i++)
		if (!ways_find(after, &before->way[i])) {
			uint64_t hash = way_hash(st, s->kind, &before->way[i]);
			session_index_remove(&st->index, &st->memory, hash, s->number);
			mark_holders(st, hash, s->number);
		}
	for (uint32_t i = 0; i < after->n; i++) {
		const struct way *w = &after->way[i], *b = ways_find(before, w);
		bool settles = w->settled && (!b || !b->settled);
		if (!b)
			claim(st, s, w);
		else if (s->flags & SESSION_OVERTAKEN &&
			 (settles ? !indexed(st, s, w) : !st->by_time && deserted(st, s, w)))
			claim(st, s, w);
		else if (w->serial != b->serial) // asked for again, or refused: whose it is may change
			mark_holders(st, way_hash(st, s->kind, w), s->number);
		if (settles)
			overtake(st, s, w, b ? b->serial : UINT32_MAX);
	}
	if (after->overflow)
		s->flags |= SESSION_LOSS;
	if (s->bonds || st->subscriptions.live)
		session_mark(st, s);
}

void session_end(struct sessions *st, struct session *s, enum session_end why)
{
	if (s->epoch != pair_at(st, s->pair)->epoch)
		why = END_LOST;
	session_selectors(st, s, 0, st->after, NULL, NULL);
	for (uint32_t i = 0; i < st->after->n; i++) {
		uint64_t hash = way_hash(st, s->kind, &st->after->way[i]);
		session_index_remove(&st->index, &st->memory, hash, s->number);
		mark_holders(st, hash, s->number);
	}
	bind_end(st, s, why);
	transactions_forget(st, s);
	session_set_partial(st, s, false);
	record_unpack(s, st->rules[0]);
	(void)index_changes(st, st->rules[0], NULL, s->number);
	members(st, st->rules[0], s->number, false);
	rules_strings(st, st->rules[0], false);
	pair_unlink(st, s);
	session_table_remove(&st->sessions, &st->memory, s->number);
	session_release(&st->memory, s);
	if (why == END_RELEASED)
		st->counts.released++;
}

struct session *session_at(struct sessions *st, uint32_t number)
{
	struct session *s = session_table_get(&st->sessions, number);

	if (s && s->epoch != pair_at(st, s->pair)->epoch) {
		session_end(st, s, END_LOST);
		return NULL;
	}
	return s;
}
