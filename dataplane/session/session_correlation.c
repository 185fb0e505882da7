// Gives each session its correlation ID, and reports the end of the last session of one.

#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_life_internal.h"

static uint64_t key_of(const struct sessions *st, const struct session *s)
{
	return key_number(st, KEY_PATH, s->path);
}

// SipHash of the path's number under a key of its own use: an ID cannot be predicted, nor the key
// derived from it, and a session needs four bytes for it.
uint64_t session_correlation(const struct sessions *st, const struct session *s)
{
	uint64_t correlation = key_number(st, KEY_CORRELATION, s->path);

	return correlation ? correlation : 1; // 0 is that of none
}

void correlation_used(struct sessions *st, struct session *s)
{
	if (s->flags & SESSION_CORRELATED)
		return;
	if (session_index_add(&st->index, &st->memory, key_of(st, s), s->index) == INDEX_ADDED)
		s->flags |= SESSION_CORRELATED;
}

void correlation_share(struct sessions *st, struct session *s, struct session *with)
{
	s->path = with->path;
	correlation_used(st, with);
	correlation_used(st, s);
}

static bool is_shared(const struct sessions *st, const struct session *s)
{
	struct index_cursor c = session_index_find(&st->index, key_of(st, s));

	for (uint32_t i; (i = session_index_next(&c)) != SESSION_NONE;) {
		const struct session *o = session_table_get(&st->sessions, i);
		if (i != s->index && o && o->path == s->path)
			return true;
	}
	return false;
}

void correlation_end(struct sessions *st, const struct session *s)
{
	if (!(s->flags & SESSION_CORRELATED))
		return;
	session_index_remove(&st->index, &st->memory, key_of(st, s), s->index);
	if (!is_shared(st, s) && st->s.sink.over)
		st->s.sink.over(st->s.sink.context, session_correlation(st, s));
}
