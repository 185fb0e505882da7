// Marks what has changed, for the end of the message: sessions to bind anew, subscriptions to
// report.

#include "dataplane/session/session_subscription_internal.h"

struct marks *marks_new(struct sessions *st)
{
	return session_alloc(&st->memory, sizeof(struct marks));
}

void marks_free(struct sessions *st)
{
	if (!st->marks)
		return;
	session_release(&st->memory, st->marks->dirty);
	session_release(&st->memory, st->marks);
}

void session_mark(struct sessions *st, struct session *s)
{
	struct marks *m = st->marks;

	if (s->flags & SESSION_DIRTY)
		return;
	if (!array_room(&st->memory, (void **)&m->dirty, &m->dirty_size, m->n_dirty + 1,
		    sizeof(*m->dirty))) {
		s->flags |= SESSION_LOSS;
		return;
	}
	s->flags |= SESSION_DIRTY;
	m->dirty[m->n_dirty++] = s->index;
}

void subscription_mark(struct sessions *st, struct subscription *w)
{
	if (w->dirty)
		return;
	w->dirty = true;
	SLIST_INSERT_HEAD(&st->marks->subscriptions, w, of_dirty);
}

void subscriptions_mark_all(struct sessions *st)
{
	for (uint32_t i = 0; i < session_table_end(&st->subscriptions->table); i++) {
		struct subscription *w = session_table_get(&st->subscriptions->table, i);
		if (w)
			subscription_mark(st, w);
	}
}

// Whose session it was is not known: every subscription may miss something.
void bind_refused(struct sessions *st)
{
	st->marks->blind = true;
	st->marks->blind_ns = st->now_ns;
}

void sessions_refuse(struct sessions *st)
{
	st->counts.refused++;
	bind_refused(st);
}
