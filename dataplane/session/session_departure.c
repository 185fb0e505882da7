// Keeps what is on its way out: sessions of a past restart epoch, tunnels left by handovers.

#include "dataplane/session/session_life_internal.h"

struct departures *departures_new(struct sessions *st)
{
	struct departures *d = session_alloc(&st->memory, sizeof(*d));

	if (!d)
		return NULL;
	d->oldest_partial = d->newest_partial = SESSION_NONE;
	STAILQ_INIT(&d->reap);
	STAILQ_INIT(&d->linger);
	return d;
}

void departures_free(struct sessions *st)
{
	struct departures *d = st->departures;

	if (!d)
		return;
	for (struct lingering *l; (l = STAILQ_FIRST(&d->linger));) {
		STAILQ_REMOVE_HEAD(&d->linger, link);
		session_release(&st->memory, l);
	}
	for (struct reaping *r; (r = STAILQ_FIRST(&d->reap));) {
		STAILQ_REMOVE_HEAD(&d->reap, link);
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
	STAILQ_INSERT_TAIL(&st->departures->linger, l, link);
}
