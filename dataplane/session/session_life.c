// Begins, changes and ends sessions, and keeps the index of their keys.

#include "dataplane/session/session_binding_internal.h"
#include "dataplane/session/session_hashed_internal.h"
#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_life_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_string_internal.h"
#include "dataplane/session/session_transaction_internal.h"
#include "dataplane/session/session_unpack_internal.h"

#include <stddef.h>
#include <string.h>

// ---- lists ----

static void pair_link(struct sessions *st, struct session *s, struct pair *p)
{
	struct session *head = session_table_get(&st->sessions, p->sessions);

	s->restart_epoch = p->restart_epoch;
	s->previous = SESSION_NONE;
	s->next = p->sessions;
	if (head)
		head->previous = s->index;
	p->sessions = s->index;
	p->n++;
}

static void pair_unlink(struct sessions *st, struct session *s)
{
	struct pair *p = pair_at(st, s->pair);
	struct session *next = session_table_get(&st->sessions, s->next);
	struct session *previous = session_table_get(&st->sessions, s->previous);
	struct reaping *r;

	if (next)
		next->previous = s->previous;
	if (previous)
		previous->next = s->next;
	else if (s->restart_epoch == p->restart_epoch)
		p->sessions = s->next;
	else
		STAILQ_FOREACH (r, &st->departures->reap, link)
			if (r->session == s->index)
				r->session = s->next;
	if (s->restart_epoch == p->restart_epoch) {
		p->n--;
		st->counts.sessions--;
	}
}

static void partial_unlink(struct sessions *st, struct session *s)
{
	struct session *newer = session_table_get(&st->sessions, s->newer);
	struct session *older = session_table_get(&st->sessions, s->older);

	*(newer ? &newer->older : &st->departures->newest_partial) = s->older;
	*(older ? &older->newer : &st->departures->oldest_partial) = s->newer;
}

static void partial_link(struct sessions *st, struct session *s)
{
	struct session *newest = session_table_get(&st->sessions, st->departures->newest_partial);

	s->newer = SESSION_NONE;
	s->older = st->departures->newest_partial;
	*(newest ? &newest->newer : &st->departures->oldest_partial) = s->index;
	st->departures->newest_partial = s->index;
}

void session_set_partial(struct sessions *st, struct session *s, bool partial)
{
	struct pair *p = pair_at(st, s->pair);
	bool current = s->restart_epoch == p->restart_epoch;

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
	s->heard_s = (uint32_t)(st->now_ns / NS_PER_S);
	if (s->flags & SESSION_PARTIAL) {
		partial_unlink(st, s);
		partial_link(st, s);
	}
}

void session_move(struct sessions *st, struct session *s, struct pair *to)
{
	struct pair *from = pair_at(st, s->pair);
	bool partial = s->flags & SESSION_PARTIAL;

	if (from == to || s->restart_epoch != from->restart_epoch)
		return;
	pair_unlink(st, s);
	from->n_partial -= partial;
	s->pair = to->index;
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
	struct sessions *st, const struct rules *old, const struct rules *new, uint32_t index)
{
	bool all_added = true;
	uint64_t from[SESSION_KEYS_MAX], to[SESSION_KEYS_MAX];
	unsigned n_from = old ? session_keys(st, old, from) : 0;
	unsigned n_to = new ? session_keys(st, new, to) : 0;

	for (unsigned i = 0; i < n_from; i++)
		if (!contains(to, n_to, from[i]))
			session_index_remove(&st->index, &st->memory, from[i], index);
	for (unsigned i = 0; i < n_to; i++)
		if (!contains(from, n_from, to[i]))
			all_added &= session_index_add(&st->index, &st->memory, to[i], index) !=
				     INDEX_NO_MEMORY;
	return all_added;
}

static void members(struct sessions *st, const struct rules *r, uint32_t index, bool is)
{
	for (unsigned i = 0; i < r->n_csids; i++)
		string_member(st, r->csid[i], index, is);
	for (unsigned i = 0; i < r->n_pdrs; i++)
		string_member(st, pdr_pdi(r, &r->pdr[i])->ni, index, is);
}

// ---- the record ----

static struct session *new_record(struct sessions *st, const struct rules *r)
{
	uint32_t length = record_pack(r, workspace_record(st));

	if (length == 0)
		return NULL;
	struct session *s = session_alloc(&st->memory, offsetof(struct session, body) + length);
	if (!s)
		return NULL;
	s->length = (uint16_t)length;
	s->kind = r->kind;
	memcpy(s->body, workspace_record(st), length);
	return s;
}

bool sessions_have_room(const struct sessions *st)
{
	// what a new session takes at most beside its record: entries, a transaction, a chunk
	const uint64_t margin = (64 << 10) + st->memory.kept;

	return st->counts.sessions < st->s.sessions_max &&
	       st->memory.used + margin <= st->s.memory_max;
}

struct session *session_create(struct sessions *st, const struct rules *r, uint32_t pair)
{
	struct session *s = NULL;

	if (sessions_have_room(st))
		s = new_record(st, r);
	if (!s)
		goto refused;
	s->index = session_table_add(&st->sessions, &st->memory, s);
	if (s->index == SESSION_NONE)
		goto no_number;
	s->pair = pair;
	s->generation = ++st->generations;
	s->path = s->generation;
	s->heard_s = (uint32_t)(st->now_ns / NS_PER_S);
	s->newer = s->older = SESSION_NONE;
	rules_strings(st, r, true);
	pair_link(st, s, pair_at(st, pair));
	st->counts.sessions++;
	st->n_events += s->kind == KIND_EVENT;
	if (!index_changes(st, NULL, r, s->index))
		s->flags |= SESSION_LOSS;
	hashed_change(st, s, NULL, r);
	members(st, r, s->index, true);
	return s;
no_number:
	session_release(&st->memory, s);
refused:
	sessions_refuse(st);
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
	struct unpacked *old = unpack_open(st, s);
	rules_strings(st, r, true);
	if (!index_changes(st, &old->rules, r, n->index))
		n->flags |= SESSION_LOSS;
	hashed_change(st, n, &old->rules, r);
	members(st, &old->rules, n->index, false);
	members(st, r, n->index, true);
	rules_strings(st, &old->rules, false);
	unpack_close(st, old);
	st->sessions.chunk[n->index >> 10][n->index & 1023] = n;
	session_release(&st->memory, s);
	return n;
}

// ---- whose a selector is ----

void session_end(struct sessions *st, struct session *s, enum session_end why)
{
	if (session_is_over(st, s))
		why = END_LOST;
	session_leave(st, s);
	path_mark(st, s);
	correlation_end(st, s);
	memberships_end(st, s, why == END_LOST || why == END_FORGOTTEN, why == END_RELEASED);
	transactions_forget(st, s);
	session_set_partial(st, s, false);
	struct unpacked *u = unpack_open(st, s);
	(void)index_changes(st, &u->rules, NULL, s->index);
	hashed_change(st, s, &u->rules, NULL);
	members(st, &u->rules, s->index, false);
	rules_strings(st, &u->rules, false);
	unpack_close(st, u);
	pair_unlink(st, s);
	session_missed_end(st, s);
	st->n_events -= s->kind == KIND_EVENT;
	session_table_remove(&st->sessions, &st->memory, s->index);
	session_release(&st->memory, s);
	if (why == END_RELEASED)
		st->counts.released++;
}
