// Begins and ends subscriptions, and binds what is there already.

#include "dataplane/session/session_binding_internal.h"
#include "dataplane/session/session_hashed_internal.h"
#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_life_internal.h"
#include "dataplane/session/session_string_internal.h"
#include "dataplane/session/session_transaction_internal.h"

#include <ctype.h>
#include <string.h>

// ---- what a subscription asks for ----

// ---- where it is found: by its most selective criterion ----

// No index leads to its sessions: all are looked at, in sessions_walk. A look that is under way
// goes once round again, which serves both. `binds`: of each it may be wanted, not only of those
// that hash contexts lead to.
static void walk_begin(struct sessions *st, struct subscription *w, bool binds)
{
	struct subscriptions *all = st->subscriptions;

	all->walk_end = all->walk_left = session_table_end(&st->sessions);
	if (all->walk_end == 0)
		return;
	all->walk_binds = all->walk_binds || binds;
	w->walking = true;
	LIST_INSERT_HEAD(&all->walking, w, of_walk);
}

static void walk_over(struct sessions *st, struct subscription *w)
{
	LIST_REMOVE(w, of_walk);
	w->walking = false;
	subscription_mark(st, w);
}

bool sessions_walk(struct sessions *st, uint32_t n)
{
	struct subscriptions *all = st->subscriptions;

	if (LIST_EMPTY(&all->walking)) { // all that wanted it have ended
		all->walk_left = 0;
		all->walk_binds = false;
	}
	if (all->walk_left == 0)
		return false;
	st->memory.for_tasks = true;
	for (; n > 0 && all->walk_left > 0; n--, all->walk_left--) {
		struct session *s = session_at(st, all->walk_at);
		if (s)
			hashed_look(st, s);
		if (s && all->walk_binds)
			session_mark(st, s);
		all->walk_at = all->walk_at + 1 < all->walk_end ? all->walk_at + 1 : 0;
	}
	st->memory.for_tasks = false;
	if (all->walk_left == 0) {
		hashed_looked_at_all(st);
		all->walk_binds = false;
	}
	while (all->walk_left == 0 && !LIST_EMPTY(&all->walking))
		walk_over(st, LIST_FIRST(&all->walking));
	bind_flush(st);
	return all->walk_left > 0;
}

static void mark_members(struct sessions *st, const struct session_string *ni)
{
	for (uint32_t c = 0; c < ni->n_chunks; c++)
		for (uint32_t i = 0; ni->members[c] && i < (1u << MEMBERS_SHIFT) / 64; i++)
			for (uint64_t word = ni->members[c][i]; word; word &= word - 1) {
				uint32_t index = c << MEMBERS_SHIFT | i * 64 |
						 (uint32_t)__builtin_ctzll(word);
				struct session *s = session_at(st, index);
				if (s)
					session_mark(st, s);
			}
	// and those that are only asked for
	const struct transaction *t;
	TAILQ_FOREACH (t, &st->transactions->asked.list, by_age) {
		struct session *s = session_table_get(&st->sessions, t->session);
		if (s)
			session_mark(st, s);
	}
}

static void mark_found(
	struct sessions *st, const struct session_index *x, uint64_t key, uint8_t flag)
{
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(x, key, found);

	for (uint32_t i = 0; i < n; i++) {
		struct session *s = session_at(st, found[i]);
		if (!s)
			continue;
		s->flags |= flag;
		session_mark(st, s);
	}
}

// False: one is crowded, and any session may have it.
static bool mark_keys(struct sessions *st, const struct subscription_way *w)
{
	for (unsigned i = 0; i < w->n_entries; i++) {
		uint64_t key = w->entry[i].of->key;
		if (session_index_crowded(&st->index, key))
			return false;
		mark_found(st, &st->index, key, 0);
	}
	return true;
}

// The scan of all sessions finds those of a crowded digest that the index has no room for.
static void mark_digest(struct sessions *st, const struct subscription_way *w)
{
	uint64_t key = w->entry[0].of->key;

	if (session_index_crowded(&w->hashed->index, key))
		w->hashed->complete = false;
	mark_found(st, &w->hashed->index, key, SESSION_HASHED_WANTED);
}

static void mark_satisfying(struct sessions *st, struct subscription *w)
{
	if (subscription_by_name(w)) {
		const struct session_string *ni = string_get(st, w->ni);
		if (ni->value == 0)
			walk_begin(st, w, true);
		else
			mark_members(st, ni);
		return;
	}
	bool crowded = false, unhashed = false;
	for (uint32_t i = 0; i < w->n_ways; i++) {
		struct subscription_way *way = &w->way[i];
		if (subscription_by_digest(way))
			mark_digest(st, way);
		else
			crowded = !mark_keys(st, way) || crowded;
		unhashed = unhashed || (way->hashed && !way->hashed->complete);
	}
	if (crowded || unhashed)
		walk_begin(st, w, crowded);
}

// ---- life ----

static struct subscription *find_subscription(const struct sessions *st, uint64_t id)
{
	struct index_cursor c =
		session_index_find(&st->subscriptions->index, key_number(st, KEY_SUBSCRIPTION, id));

	for (uint32_t i; (i = session_index_next(&c)) != SESSION_NONE;) {
		struct subscription *w = session_table_get(&st->subscriptions->table, i);
		if (w->id == id)
			return w;
	}
	return NULL;
}

static void subscription_free(struct sessions *st, struct subscription *w)
{
	for (uint32_t i = 0; i < w->n_ways; i++)
		hash_context_drop(st, w->way[i].hashed);
	string_drop(st, w->ni);
	session_release(&st->memory, w);
}

static struct subscription_way way_of(const struct session_target *t)
{
	return (struct subscription_way){
		.target = *t,
		.imsi = digits_pack(t->imsi),
		.msisdn = digits_pack(t->msisdn),
		.imei = digits_pack(t->imei),
		.imeisv = digits_pack(t->imeisv),
	};
}

static int subscription_begin(struct sessions *st, uint64_t id, const struct session_target *t,
	uint32_t n, uint8_t direction)
{
	if (find_subscription(st, id))
		return POI_ERR_EXISTS;
	struct subscription *w = session_alloc(&st->memory, sizeof(*w) + n * sizeof(w->way[0]));
	if (!w)
		return POI_ERR_NOMEM;
	w->id = id;
	w->ni = SESSION_NONE;
	w->direction = direction & (uint8_t)~SUBSCRIPTION_TUNNELS;
	w->n_ways = n;
	for (uint32_t i = 0; i < n; i++) {
		w->way[i] = way_of(&t[i]);
		if (t[i].kinds & SESSION_HASHED &&
			!(w->way[i].hashed = hash_context_take(st, &t[i].hashed)))
			goto no_name;
	}
	w->tunnels = w->direction != FILTER_ANY_DIRECTION || direction & SUBSCRIPTION_TUNNELS ||
		     (!subscription_wants_all(w) && st->s.links && link_class_tunnels(st->s.links));
	if (t->kinds & SESSION_NI) {
		w->ni = string_ni(st, t->ni, t->ni_length);
		if (w->ni == SESSION_NONE)
			goto no_name;
	}
	w->index = session_table_add(&st->subscriptions->table, &st->memory, w);
	if (w->index == SESSION_NONE)
		goto no_name;
	if (subscription_enter(st, w) != POI_OK)
		goto no_index;
	st->subscriptions->by_name += subscription_by_name(w);
	subscription_mark(st, w);
	mark_satisfying(st, w);
	bind_flush(st);
	return POI_OK;
no_index:
	subscription_leave(st, w);
	session_table_remove(&st->subscriptions->table, &st->memory, w->index);
no_name:
	subscription_free(st, w);
	return POI_ERR_NOMEM;
}

int sessions_subscribe_any(struct sessions *st, uint64_t id, const struct session_target *targets,
	uint32_t n, uint8_t direction)
{
	st->memory.for_tasks = true;
	int r = subscription_begin(st, id, targets, n, direction);
	st->memory.for_tasks = false;
	return r;
}

int sessions_subscribe(
	struct sessions *st, uint64_t id, const struct session_target *t, uint8_t direction)
{
	return sessions_subscribe_any(st, id, t, 1, direction);
}

int sessions_unsubscribe(struct sessions *st, uint64_t id)
{
	struct subscription *w = find_subscription(st, id);

	if (!w)
		return POI_ERR_NOT_FOUND;
	while (!LIST_EMPTY(&w->memberships))
		membership_drop(st, LIST_FIRST(&w->memberships));
	if (w->walking)
		LIST_REMOVE(w, of_walk);
	st->subscriptions->by_name -= subscription_by_name(w);
	subscription_leave(st, w);
	session_table_remove(&st->subscriptions->table, &st->memory, w->index);
	subscription_free(st, w);
	return POI_OK;
}

struct subscriptions *subscriptions_new(struct sessions *st)
{
	return session_alloc(&st->memory, sizeof(struct subscriptions));
}

void subscriptions_free(struct sessions *st)
{
	struct subscriptions *all = st->subscriptions;

	if (!all)
		return;
	for (uint32_t i = 0; i < session_table_end(&all->table); i++) {
		struct subscription *w = session_table_get(&all->table, i);
		if (w)
			subscription_free(st, w);
	}
	session_table_free(&all->table, &st->memory);
	session_index_free(&all->index, &st->memory);
	for (uint32_t i = 0; i < session_table_end(&all->indexes); i++)
		session_release(&st->memory, session_table_get(&all->indexes, i));
	session_table_free(&all->indexes, &st->memory);
	session_index_free(&all->key_index, &st->memory);
	session_release(&st->memory, all);
}
