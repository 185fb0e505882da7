// The session store: its parts are made and freed here, and messages and ticks come in.

#include "dataplane/session/session.h"

#include <malloc.h>
#include <stdlib.h>

#include "dataplane/session/session_binding_internal.h"
#include "dataplane/session/session_hashed_internal.h"
#include "dataplane/session/session_message_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_stopped_internal.h"
#include "dataplane/session/session_string_internal.h"
#include "dataplane/session/session_unpack_internal.h"

// Sessions of a restart are cleared away with ticks, which are short for messages wait for them.
// Where half of the memory is in use, one with each second message too, so one for each new
// session: together they take no more room than before.
#define REAP_EVERY 2u
#define REAP_A_TICK 128u
#define KEPT_PART 16u // of the memory: for tasks alone

static bool make_parts(struct sessions *st)
{
	st->work = workspace_new(st);
	st->strings = strings_new(st);
	st->nodes = nodes_new(st);
	st->departures = departures_new(st);
	st->transactions = transactions_new(st);
	st->early_responses = early_responses_new(st);
	st->stopped = stopped_sessions_new(st);
	st->marks = marks_new(st);
	st->subscriptions = subscriptions_new(st);
	st->hashes = hash_contexts_new(st);
	st->bindings = binding_set_new(st);
	st->round = binding_round_new(st);
	return st->work && st->strings && st->nodes && st->departures && st->transactions &&
	       st->early_responses && st->stopped && st->marks && st->subscriptions && st->hashes &&
	       st->bindings && st->round;
}

struct sessions *sessions_new(const struct sessions_settings *s)
{
	struct sessions *st = calloc(1, sizeof(*st));

	if (!st)
		return NULL;
	st->s = *s;
	st->memory.max = s->memory_max;
	st->memory.used = malloc_usable_size(st);
	if (!make_parts(st)) {
		sessions_free(st);
		return NULL;
	}
	st->memory.fixed = st->memory.used;
	st->memory.kept = (st->memory.max - st->memory.fixed) / KEPT_PART;
	return st;
}

static void sessions_release(struct sessions *st)
{
	for (uint32_t i = 0; i < session_table_end(&st->sessions); i++) {
		struct session *s = session_table_get(&st->sessions, i);
		if (!s)
			continue;
		for (struct membership *b; (b = SLIST_FIRST(&s->memberships));) {
			SLIST_REMOVE_HEAD(&s->memberships, of_session);
			session_release(&st->memory, b->ref);
			session_release(&st->memory, b);
		}
		session_release(&st->memory, s);
	}
	session_table_free(&st->sessions, &st->memory);
	session_index_free(&st->index, &st->memory);
}

void sessions_free(struct sessions *st)
{
	if (!st)
		return;
	sessions_release(st);
	binding_round_free(st);
	marks_free(st);
	departures_free(st);
	early_responses_free(st);
	stopped_sessions_free(st);
	transactions_free(st);
	subscriptions_free(st);
	hash_contexts_free(st);
	binding_set_free(st);
	nodes_free(st);
	strings_free(st);
	workspace_free(st);
	free(st);
}

static void pass_time(struct sessions *st, uint64_t now_ns)
{
	if (now_ns > st->now_ns)
		st->now_ns = now_ns;
	bindings_retry(st);
	sessions_expire(st);
}

static bool wants_room(struct sessions *st)
{
	return !STAILQ_EMPTY(&st->departures->reap) && st->memory.used > st->memory.max / 2 &&
	       ++st->departures->reap_turn % REAP_EVERY == 0;
}

void sessions_take(struct sessions *st, const struct signalling_packet *p)
{
	pass_time(st, p->time_ns);
	st->message_ns = p->time_ns;
	if (st->counts.since_ns == 0)
		st->counts.since_ns = p->time_ns;
	if (p->protocol == SIGNALLING_PFCP)
		pfcp_take(st, p);
	else if (p->protocol == SIGNALLING_GTPV2C)
		gtpv2_take(st, p);
	else if (p->protocol == SIGNALLING_RADIUS)
		radius_take(st, p);
	if (wants_room(st))
		sessions_reap(st, 1);
	bind_flush(st);
}

void sessions_event(struct sessions *st, struct session_event *e)
{
	pass_time(st, e->time_ns);
	st->message_ns = e->time_ns;
	if (st->counts.since_ns == 0)
		st->counts.since_ns = e->time_ns;
	event_take(st, e);
	if (wants_room(st))
		sessions_reap(st, 1);
	bind_flush(st);
}

void sessions_tick(struct sessions *st, uint64_t now_ns)
{
	pass_time(st, now_ns);
	st->message_ns = st->now_ns;
	sessions_reap(st, REAP_A_TICK);
	bind_flush(st);
}

void sessions_counts(const struct sessions *st, struct session_counts *out)
{
	*out = st->counts;
	out->octets = st->memory.used;
	out->nodes = st->strings->of_kind[STRING_NODE];
}
