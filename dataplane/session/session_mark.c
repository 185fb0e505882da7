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

#define REFUSED_NS 60000000000ull

// The subscriber of the session is unknown: every subscription may miss something.
static void blind_for(struct sessions *st, uint64_t ns)
{
	struct marks *m = st->marks;

	m->blind = true;
	if (st->now_ns + ns > m->blind_until_ns)
		m->blind_until_ns = st->now_ns + ns;
}

void bind_refused(struct sessions *st)
{
	blind_for(st, REFUSED_NS);
}

void sessions_unread(struct sessions *st)
{
	blind_for(st, st->s.answered_ns);
}

static void count_broken(struct marks *m, uint8_t broken, bool more)
{
	for (unsigned bit = 0; bit < 8; bit++) {
		if (!(broken & 1u << bit))
			continue;
		m->n_broken[bit] += more ? 1 : UINT32_MAX;
		m->broken &= (uint8_t) ~(1u << bit);
		m->broken |= (uint8_t)(m->n_broken[bit] ? 1u << bit : 0);
	}
}

void session_missed(struct sessions *st, struct session *s, uint8_t missed)
{
	if (!missed)
		return;
	const uint8_t fresh = missed & SIGNALLING_BROKEN_IDENTITY & (uint8_t)~s->broken;

	count_broken(st->marks, fresh, true);
	s->broken |= fresh;
	if (missed & SIGNALLING_BROKEN_SESSION && !(s->flags & SESSION_LOSS)) {
		s->flags |= SESSION_LOSS;
		session_mark(st, s);
	}
}

void session_missed_end(struct sessions *st, const struct session *s)
{
	count_broken(st->marks, s->broken, false);
}

static uint32_t hashed_kind(const struct session_target *t)
{
	return t->kinds & SESSION_HASHED ? session_hashed_kind(t->hashed.identity) : 0;
}

bool subscription_blind(const struct sessions *st, const struct subscription *w)
{
	static const struct {
		uint32_t kind;
		uint8_t broken;
	} kinds[] = {{SESSION_IMSI, SIGNALLING_BROKEN_IMSI},
		{SESSION_MSISDN, SIGNALLING_BROKEN_MSISDN}, {SESSION_IMEI, SIGNALLING_BROKEN_IMEI},
		{SESSION_IMEISV, SIGNALLING_BROKEN_IMEI}, {SESSION_NAI, SIGNALLING_BROKEN_NAI},
		{SESSION_NI, SIGNALLING_BROKEN_NI}, {SESSION_FSEID, SIGNALLING_BROKEN_SEID}};

	uint32_t asked = 0;
	for (uint32_t i = 0; i < w->n_ways; i++)
		asked |= w->way[i].target.kinds | hashed_kind(&w->way[i].target);
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (asked & kinds[i].kind && st->marks->broken & kinds[i].broken)
			return true;
	return false;
}

void sessions_refuse(struct sessions *st)
{
	st->counts.refused++;
	bind_refused(st);
}
