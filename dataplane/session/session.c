#include "dataplane/session/session_internal.h"

#include <stdlib.h>
#include <string.h>

// Sessions of a restart are cleared away with ticks, which are short for messages wait for them.
// Where half of the memory is in use, one with each second message too, so one for each new session:
// together they take no more room than before.
#define REAP_EVERY 2u
#define REAP_A_TICK 128u
#define KEPT_PART 16u // of the memory: for tasks alone

static bool make_scratch(struct sessions *st)
{
	st->pack = malloc(RECORD_MAX);
	st->early_at = calloc(EARLY_SLOTS, sizeof(*st->early_at));
	st->before = malloc(sizeof(*st->before));
	st->after = malloc(sizeof(*st->after));
	st->probe = malloc(sizeof(*st->probe));
	st->radius = malloc(sizeof(*st->radius));
	bool done = st->pack && st->early_at && st->before && st->after && st->probe && st->radius;
	for (unsigned i = 0; i < SCRATCH; i++) {
		st->rules[i] = calloc(1, sizeof(struct rules));
		st->ways[i] = malloc(sizeof(struct ways));
		st->applied[i] = calloc(1, sizeof(struct applied));
		done = done && st->rules[i] && st->ways[i] && st->applied[i];
	}
	for (unsigned i = 0; i < 2; i++) {
		st->pfcp[i] = malloc(sizeof(struct pfcp_message));
		st->gtpv2[i] = malloc(sizeof(struct gtpv2_message));
		done = done && st->pfcp[i] && st->gtpv2[i];
	}
	return done;
}

static void free_scratch(struct sessions *st)
{
	free(st->pack);
	free(st->early_at);
	free(st->before);
	free(st->after);
	free(st->probe);
	free(st->radius);
	for (unsigned i = 0; i < SCRATCH; i++) {
		free(st->rules[i]);
		free(st->ways[i]);
		free(st->applied[i]);
	}
	for (unsigned i = 0; i < 2; i++) {
		free(st->pfcp[i]);
		free(st->gtpv2[i]);
	}
}

struct sessions *sessions_new(const struct sessions_settings *s)
{
	struct sessions *st = calloc(1, sizeof(*st));

	if (!st)
		return NULL;
	st->s = *s;
	st->memory.max = s->memory_max;
	st->memory.kept = s->memory_max / KEPT_PART;
	st->oldest_partial = st->newest_partial = SESSION_NONE;
	st->reap_end = &st->reap;
	st->linger_end = &st->linger;
	st->early_end = &st->early;
	if (make_scratch(st))
		return st;
	sessions_free(st);
	return NULL;
}

static void sessions_release(struct sessions *st)
{
	for (uint32_t i = 0; i < session_table_end(&st->sessions); i++) {
		struct session *s = session_table_get(&st->sessions, i);
		if (!s)
			continue;
		for (struct bond *b = s->bonds, *next; b; b = next) {
			next = b->next_of_session;
			session_release(&st->memory, b->hold);
			session_release(&st->memory, b);
		}
		session_release(&st->memory, s);
	}
	session_table_free(&st->sessions, &st->memory);
	session_index_free(&st->index, &st->memory);
	while (st->linger) {
		struct lingering *l = st->linger;
		st->linger = l->next;
		session_release(&st->memory, l);
	}
}

void sessions_free(struct sessions *st)
{
	if (!st)
		return;
	sessions_release(st);
	transactions_free(st);
	subscriptions_free(st);
	bounds_free(st);
	nodes_free(st);
	strings_free(st);
	session_release(&st->memory, st->dirty);
	session_release(&st->memory, st->release);
	session_release(&st->memory, st->desire);
	session_release(&st->memory, st->matched);
	free_scratch(st);
	free(st);
}

static void pass_time(struct sessions *st, uint64_t now_ns)
{
	if (now_ns > st->now_ns)
		st->now_ns = now_ns;
	if (st->untold)
		bounds_retry(st);
	sessions_expire(st);
}

void sessions_take(struct sessions *st, const struct signalling_packet *p)
{
	pass_time(st, p->time_ns);
	st->told_ns = p->time_ns;
	if (st->counts.since_ns == 0)
		st->counts.since_ns = p->time_ns;
	if (p->protocol == SIGNALLING_PFCP)
		pfcp_take(st, p);
	else if (p->protocol == SIGNALLING_GTPV2C)
		gtpv2_take(st, p);
	else if (p->protocol == SIGNALLING_RADIUS)
		radius_take(st, p);
	if (st->reap && st->memory.used > st->memory.max / 2 && ++st->reap_turn % REAP_EVERY == 0)
		sessions_reap(st, 1);
	bind_flush(st);
}

void sessions_tick(struct sessions *st, uint64_t now_ns)
{
	pass_time(st, now_ns);
	st->told_ns = st->now_ns;
	sessions_reap(st, REAP_A_TICK);
	bind_flush(st);
}

void sessions_counts(const struct sessions *st, struct session_counts *out)
{
	*out = st->counts;
	out->octets = st->memory.used;
	out->nodes = st->strings.of_kind[STRING_NODE];
}
