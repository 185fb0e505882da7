// Gives each session its correlation ID, and says when the last session of one is over.

#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_life_internal.h"

static uint64_t key_of(const struct sessions *st, uint64_t correlation)
{
	return key_number(st, KEY_CORRELATION, correlation);
}

// SipHash of a counter under a key of its own use: nobody can foresee one, or tell the key from it.
uint64_t correlation_new(struct sessions *st)
{
	uint64_t correlation;

	do
		correlation = key_number(st, KEY_CORRELATION_NEW, ++st->correlations);
	while (correlation == 0); // that of none
	return correlation;
}

void correlation_used(struct sessions *st, struct session *s)
{
	if (s->flags & SESSION_CORRELATED)
		return;
	if (session_index_add(&st->index, &st->memory, key_of(st, s->correlation), s->index) ==
		INDEX_ADDED)
		s->flags |= SESSION_CORRELATED;
}

void correlation_share(struct sessions *st, struct session *s, struct session *with)
{
	s->correlation = with->correlation;
	correlation_used(st, with);
	correlation_used(st, s);
}

static bool is_shared(const struct sessions *st, const struct session *s)
{
	struct index_cursor c = session_index_find(&st->index, key_of(st, s->correlation));

	for (uint32_t i; (i = session_index_next(&c)) != SESSION_NONE;) {
		const struct session *o = session_table_get(&st->sessions, i);
		if (i != s->index && o && o->correlation == s->correlation)
			return true;
	}
	return false;
}

void correlation_end(struct sessions *st, const struct session *s)
{
	if (!(s->flags & SESSION_CORRELATED))
		return;
	session_index_remove(&st->index, &st->memory, key_of(st, s->correlation), s->index);
	if (!is_shared(st, s) && st->s.sink.over)
		st->s.sink.over(st->s.sink.context, s->correlation);
}
