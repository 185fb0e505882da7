// Remembers for some minutes which sessions of RADIUS accounting have stopped.

#include "dataplane/session/session_stopped_internal.h"
#include "dataplane/session/session_key_internal.h"

#define STOPPED_MAX 65536u
#define STOPPED_NS 600000000000ull // ten minutes

static void take_out(struct sessions *st, struct stopped *s)
{
	struct stopped_sessions *all = st->stopped;

	TAILQ_REMOVE(&all->list, s, by_age);
	session_index_remove(&all->index, &st->memory, s->key, s->index);
	session_table_remove(&all->table, &st->memory, s->index);
}

void stopped_forget(struct sessions *st, struct stopped *s)
{
	take_out(st, s);
	session_release(&st->memory, s);
}

static bool forget_oldest(struct sessions *st)
{
	struct stopped *oldest = TAILQ_FIRST(&st->stopped->list);

	if (!oldest)
		return false;
	st->counts.stops_forgotten++;
	stopped_forget(st, oldest);
	return true;
}

uint64_t stopped_key(const struct sessions *st, const struct rules *r, uint32_t epoch)
{
	const uint64_t words[2] = {key_text(st, KEY_NAME, r->name, r->name_length), epoch};

	return session_hash(st->s.seed, KEY_STOPPED, words, sizeof(words));
}

struct stopped *stopped_find(const struct sessions *st, uint64_t key)
{
	struct index_cursor c = session_index_find(&st->stopped->index, key);

	for (uint32_t i; (i = session_index_next(&c)) != SESSION_NONE;) {
		struct stopped *s = session_table_get(&st->stopped->table, i);
		if (s->key == key)
			return s;
	}
	return NULL;
}

static struct stopped *stopped_new(struct sessions *st, uint64_t key)
{
	struct stopped_sessions *all = st->stopped;
	struct stopped *s = session_alloc(&st->memory, sizeof(*s));

	if (!s)
		return NULL;
	s->key = key;
	s->index = session_table_add(&all->table, &st->memory, s);
	if (s->index == SESSION_NONE)
		goto no_number;
	if (session_index_add(&all->index, &st->memory, key, s->index) == INDEX_ADDED)
		return s;
	session_table_remove(&all->table, &st->memory, s->index);
no_number:
	session_release(&st->memory, s);
	return NULL;
}

void stopped_remember(
	struct sessions *st, uint64_t key, const struct account_time *when, bool superseded)
{
	struct stopped_sessions *all = st->stopped;
	struct stopped *s = stopped_find(st, key);

	if (s)
		TAILQ_REMOVE(&all->list, s, by_age);
	else if (all->table.live == STOPPED_MAX)
		(void)forget_oldest(st);
	while (!s && !(s = stopped_new(st, key)))
		if (!forget_oldest(st)) {
			st->counts.stops_forgotten++;
			return;
		}
	s->since_ns = st->now_ns;
	s->when = *when;
	s->superseded = superseded;
	TAILQ_INSERT_TAIL(&all->list, s, by_age);
}

void stopped_expire(struct sessions *st)
{
	for (struct stopped *s;
		(s = TAILQ_FIRST(&st->stopped->list)) && s->since_ns + STOPPED_NS < st->now_ns;)
		stopped_forget(st, s);
}

struct stopped_sessions *stopped_sessions_new(struct sessions *st)
{
	struct stopped_sessions *all = session_alloc(&st->memory, sizeof(*all));

	if (all)
		TAILQ_INIT(&all->list);
	return all;
}

void stopped_sessions_free(struct sessions *st)
{
	struct stopped_sessions *all = st->stopped;

	if (!all)
		return;
	for (struct stopped *s; (s = TAILQ_FIRST(&all->list));)
		stopped_forget(st, s);
	session_table_free(&all->table, &st->memory);
	session_index_free(&all->index, &st->memory);
	session_release(&st->memory, all);
}
