// Keeps what is on its way out: sessions of a past epoch, tunnels left by handovers.

#include "dataplane/session/session_life_internal.h"

struct departures *departures_new(struct sessions *st)
{
	struct departures *d = session_alloc(&st->memory, sizeof(*d));

	if (!d)
		return NULL;
	d->oldest_partial = d->newest_partial = SESSION_NONE;
	d->reap_end = &d->reap;
	d->linger_end = &d->linger;
	return d;
}

void departures_free(struct sessions *st)
{
	struct departures *d = st->departures;

	if (!d)
		return;
	while (d->linger) {
		struct lingering *l = d->linger;
		d->linger = l->next;
		session_release(&st->memory, l);
	}
	while (d->reap) {
		struct reaping *r = d->reap;
		d->reap = r->next;
		session_release(&st->memory, r);
	}
	session_release(&st->memory, d);
}

void sessions_linger(struct sessions *st, uint32_t session, uint64_t until_ns)
{
	struct lingering *l = session_alloc(&st->memory, sizeof(*l));

	if (!l)
		return; // it lasts until the session's next handover, or its end
	l->session = session;
	l->until_ns = until_ns;
	*st->departures->linger_end = l;
	st->departures->linger_end = &l->next;
}
