// Takes sessions that network functions show by their events.

#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_message_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_rules_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_unpack_internal.h"

#include <string.h>

// A function that waits for its answer reports a session in order and to its end: nothing is asked
// for, nothing is partial, and no silence ends one.

// Interfaces of TS 29.274 clause 8.22 whose ends are seen where those of N3 are.
#define INTERFACE_ACCESS 0     // S1-U eNodeB: packets to it are to the target
#define INTERFACE_USER_PLANE 1 // S1-U SGW

// Restarts end nothing: a function's sessions end by its snapshot.
static struct pair *pair_of_events(struct sessions *st)
{
	uint32_t node = node_by_octets(st, NODE_EVENTS, "", 0, true);

	return pair_of(st, node, node, true);
}

static void add_end(struct rules *r, uint8_t interface, const struct tunnel_end *end)
{
	struct rule_bearer *b = r->n_bearers > 0 ? &r->bearer[r->n_bearers - 1] : NULL;

	if (!b || b->n_ends == GTPV2_ENDS_MAX) {
		b = &r->bearer[r->n_bearers++];
		*b = (struct rule_bearer){.ebi = r->n_bearers};
	}
	b->end[b->n_ends].interface = interface;
	b->end[b->n_ends++].end = *end;
}

static unsigned at_most(unsigned n, unsigned most)
{
	return n < most ? n : most;
}

// Access network's ends come first: those of one place are compared after a handover.
static void set_ends(struct rules *r, const struct session_event *e)
{
	_Static_assert(2 * SESSION_EVENT_TUNNELS <= RULES_BEARERS_MAX * GTPV2_ENDS_MAX, "room");

	for (unsigned i = 0; i < at_most(e->n_downlink, SESSION_EVENT_TUNNELS); i++)
		add_end(r, INTERFACE_ACCESS, &e->downlink[i]);
	for (unsigned i = 0; i < at_most(e->n_uplink, SESSION_EVENT_TUNNELS); i++)
		add_end(r, INTERFACE_USER_PLANE, &e->uplink[i]);
}

static void set_seid(struct f_seid *out, const struct f_seid *f)
{
	*out = *f;
	out->present = f->v4.family || f->v6.family;
}

static void set_name(struct rules *r, const struct session_event *e)
{
	memcpy(r->name, e->name, e->name_length);
	r->name_length = e->name_length;
}

// `u`: opened last, with the name.
static void set_rules(struct sessions *st, struct unpacked *u, const struct session_event *e)
{
	struct rules *r = &u->rules;

	set_seid(&r->cp, &e->cp);
	set_seid(&r->up, &e->up);
	rules_user(r, &e->user);
	for (unsigned i = 0; i < at_most(e->n_addresses, RADIUS_ADDRESSES_MAX); i++)
		r->ue[r->n_ue++] = e->address[i];
	set_ends(r, e);
	rules_dnn(st, u, &e->dnn);
}

// Updates what follows from the record; `before`: opened, with its former selectors. The
// correlation ID leaves with records from here on, bound or not.
static void lives(struct sessions *st, struct session *s, struct selectors *before)
{
	s->flags |= SESSION_ACCEPTED;
	session_heard(st, s);
	session_after(st, s, before, CAUSE_MESSAGE);
	if (st->s.correlate)
		correlation_used(st, s);
}

static uint64_t correlation_of(const struct sessions *st, const struct session *s)
{
	return st->s.correlate ? session_correlation(st, s) : 0;
}

static struct session *begin_session(struct sessions *st, const struct rules *r)
{
	struct pair *pair = pair_of_events(st);

	if (!pair) {
		sessions_refuse(st);
		return NULL;
	}
	(void)sessions_room(st);
	struct session *s = session_create(st, r, pair->index);
	if (!s)
		return NULL;
	st->counts.established++;
	lives(st, s, selectors_open(st));
	return s;
}

// Tunnels that an earlier handover left are still left.
static void keep_lingers(struct sessions *st, const struct session *s, struct rules *r)
{
	struct unpacked *old = unpack_open(st, s);

	r->n_lingers = old->rules.n_lingers;
	memcpy(r->linger, old->rules.linger, r->n_lingers * sizeof(r->linger[0]));
	unpack_close(st, old);
	rules_gtpv2_handover(st, s, r);
}

// NULL without memory: the session is as it was, and the function will report it again.
static struct session *change_session(struct sessions *st, struct session *s, struct rules *r)
{
	const uint8_t loss = s->flags & SESSION_LOSS;
	struct selectors *before = session_before(st, s);

	keep_lingers(st, s, r);
	struct session *new = session_replace(st, s, r);
	if (!new) {
		selectors_close(st, before);
		s->flags = (uint8_t)((s->flags & ~SESSION_LOSS) | loss);
		bind_refused(st);
		return NULL;
	}
	st->counts.modified++;
	lives(st, new, before);
	return new;
}

static void take_is(struct sessions *st, struct unpacked *u, struct session_event *e)
{
	set_rules(st, u, e);
	struct session *s = session_by_name(st, &u->rules);
	if (s)
		s = change_session(st, s, &u->rules);
	else
		s = begin_session(st, &u->rules);
	e->result = s ? POI_OK : POI_ERR_NOMEM;
	e->correlation = s ? correlation_of(st, s) : 0;
}

static void take_end(struct sessions *st, const struct unpacked *u, struct session_event *e)
{
	struct session *s = session_by_name(st, &u->rules);

	e->result = s ? POI_OK : POI_ERR_NOT_FOUND;
	if (!s)
		return;
	e->correlation = correlation_of(st, s);
	session_end(st, s, END_RELEASED);
}

static void take_session(struct sessions *st, struct session_event *e)
{
	struct unpacked *u = unpack_new(st, KIND_EVENT);

	set_name(&u->rules, e);
	if (e->kind == SESSION_EVENT_IS)
		take_is(st, u, e);
	else
		take_end(st, u, e);
	unpack_close(st, u);
}

void event_take(struct sessions *st, struct session_event *e)
{
	struct marks *m = st->marks;

	e->correlation = 0;
	e->result = POI_OK;
	if (e->kind == SESSION_EVENT_FUNCTION_LOST)
		m->functions_lost++;
	else if (e->kind == SESSION_EVENT_FUNCTION_BACK)
		m->functions_lost -= m->functions_lost > 0;
	else if (e->name_length == 0 || e->name_length > SESSION_EVENT_NAME)
		e->result = POI_ERR_INVALID;
	else
		take_session(st, e);
}
