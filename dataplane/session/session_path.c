// Looks at the other sessions of one path of the user plane: those that share a correlation ID.

#include "dataplane/session/session_binding_internal.h"
#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_life_internal.h"
#include "dataplane/session/session_unpack_internal.h"

#include <string.h>

#define PATH_MAX_SESSIONS 8u // functions of one path; more are not looked at

// The others; `out` has room for PATH_MAX_SESSIONS.
static uint32_t others(const struct sessions *st, const struct session *s, struct session **out)
{
	uint32_t n = 0;

	if (!(s->flags & SESSION_CORRELATED))
		return 0;
	struct index_cursor c = session_index_find(&st->index, key_number(st, KEY_PATH, s->path));
	for (uint32_t i; n < PATH_MAX_SESSIONS && (i = session_index_next(&c)) != SESSION_NONE;) {
		struct session *o = i == s->index ? NULL : session_at(st, i);
		if (o && o->path == s->path)
			out[n++] = o;
	}
	return n;
}

static const struct membership *of(const struct session *s, const struct subscription *w)
{
	const struct membership *b;

	SLIST_FOREACH (b, &s->memberships, of_session)
		if (b->subscription == w)
			return b;
	return NULL;
}

bool path_on_n6(const struct sessions *st, const struct session *s, const struct subscription *w)
{
	struct session *o[PATH_MAX_SESSIONS];
	bool found = false;

	for (uint32_t i = others(st, s, o); i > 0 && !found; i--) {
		const struct membership *b = of(o[i - 1], w);
		found = b && b->on_n6;
	}
	return found;
}

bool path_on_first(const struct sessions *st, const struct session *s, const struct subscription *w)
{
	struct session *o[PATH_MAX_SESSIONS];
	bool found = false;

	for (uint32_t i = others(st, s, o); i > 0 && !found; i--) {
		const struct membership *b = of(o[i - 1], w);
		found = b && b->on_first;
	}
	return found;
}

static bool says_n9(struct sessions *st, const struct session *s, const struct selector *w)
{
	struct selectors *shown = session_selectors(st, s);
	bool found = false;

	for (uint32_t i = 0; i < shown->n && !found; i++) {
		const struct selector *x = &shown->selector[i];
		found = x->kind == BINDING_TUNNEL && x->link == CONFIG_LINK_N9 &&
			x->teid == w->teid && x->prefix.family == w->prefix.family &&
			memcmp(x->prefix.b, w->prefix.b, sizeof(x->prefix.b)) == 0;
	}
	selectors_close(st, shown);
	return found;
}

uint8_t path_link(struct sessions *st, const struct session *s, const struct selector *w)
{
	struct session *o[PATH_MAX_SESSIONS];
	uint32_t n = w->link == CONFIG_LINK_N3 ? others(st, s, o) : 0;

	for (uint32_t i = 0; i < n; i++)
		if (says_n9(st, o[i], w))
			return CONFIG_LINK_N9;
	return w->link;
}

void path_mark(struct sessions *st, const struct session *s)
{
	struct session *o[PATH_MAX_SESSIONS];

	for (uint32_t i = others(st, s, o); i > 0; i--)
		if (!SLIST_EMPTY(&o[i - 1]->memberships))
			session_mark(st, o[i - 1]);
}
