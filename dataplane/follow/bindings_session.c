// Keeps, for each task and session, what PDUs with the session's correlation ID need: sequence
// contexts and an X2 side of their own.

#include "dataplane/follow/bindings_internal.h"

#include <stdlib.h>
#include <string.h>

// As those of a triggered element do (TS 33.128 table 6.2.3-6).
static bool names_its_own(const struct task_entry *t)
{
	return t->correlation != 0;
}

static uint64_t hash_of(const struct bindings *b, uint64_t correlation)
{
	return bindings_hash(&b->sessions, correlation);
}

static struct bound_session *find(
	const struct bindings *b, const struct bound_task *t, uint64_t correlation)
{
	struct hash_link *l = hash_table_first(&b->sessions, hash_of(b, correlation));

	for (; l; l = hash_table_next(l)) {
		struct bound_session *s = HASH_OBJECT(l, struct bound_session, by_correlation);
		if (s->task == t && s->correlation == correlation)
			return s;
	}
	return NULL;
}

static void give(struct bindings *b, struct bound_session *s)
{
	for (unsigned k = 0; k < COPY_KINDS; k++)
		if (s->kinds >> k & 1)
			task_counters_context_give(b->counters, s->context[k]);
	free(s->x2);
	free(s);
}

// The task's own X2 side under the session's correlation ID.
static int make_x2(struct bound_session *s, const struct x2_task *own)
{
	size_t octets = sizeof(*own) + own->matched_length;

	s->x2 = malloc(octets);
	if (!s->x2)
		return POI_ERR_NOMEM;
	memcpy(s->x2, own, octets);
	s->x2->successor = NULL;
	s->x2->leaving = false;
	s->x2->correlation = s->correlation;
	s->x2->context = s->context[COPY_X2];
	return POI_OK;
}

// One of `t` as the task is now; it is nowhere yet.
static int make(
	struct bindings *b, struct bound_task *t, uint64_t correlation, struct bound_session **out)
{
	const struct task_entry *task = t->task;
	struct bound_session *s = calloc(1, sizeof(*s));
	int r = POI_OK;

	if (!s)
		return POI_ERR_NOMEM;
	s->task = t;
	s->correlation = correlation;
	for (uint8_t k = 0; k < COPY_KINDS && r == POI_OK; k++) {
		if (!(task->delivery & (k == COPY_X2 ? DELIVERY_X2 : DELIVERY_X3)))
			continue;
		r = task_counters_context_take(
			b->counters, k, &task->header_xid, correlation, &s->context[k]);
		if (r == POI_OK)
			s->kinds |= (uint8_t)(1u << k);
	}
	if (r == POI_OK && task->delivery & DELIVERY_X2 && task->resources->x2)
		r = make_x2(s, task->resources->x2);
	if (r != POI_OK) {
		give(b, s);
		return r;
	}
	*out = s;
	return POI_OK;
}

static void enter(struct bindings *b, struct bound_session *s)
{
	// There is room for as many as memory has.
	(void)!hash_table_add(&b->sessions, &s->by_correlation, hash_of(b, s->correlation));
	LIST_INSERT_HEAD(&s->task->sessions, s, of_task);
	if (b->reporter && s->x2 && s->x2->report == REPORT_PDSR)
		reporter_join(b->reporter);
}

// After the next grace period what it holds is given back.
static void leave(struct bindings *b, struct bound_session *s)
{
	hash_table_remove(&b->sessions, &s->by_correlation);
	LIST_REMOVE(s, of_task);
	LIST_INSERT_HEAD(&b->left_sessions, s, of_task);
	if (s->x2)
		s->x2->leaving = true;
}

int bindings_session_of(
	struct bindings *b, struct bound_task *t, uint64_t correlation, struct bound_session **out)
{
	*out = NULL;
	if (correlation == 0 || !b->counters || names_its_own(t->task))
		return POI_OK;
	*out = find(b, t, correlation);
	if (*out)
		return POI_OK;
	int r = make(b, t, correlation, out);
	if (r == POI_OK)
		enter(b, *out);
	// Beyond SLOT_CHUNKS_MAX of contexts the task's own: content comes before correlation.
	return r == POI_ERR_LIMIT ? POI_OK : r;
}

void bindings_session_ref(struct bound_session *s)
{
	if (s)
		s->rules++;
}

void bindings_session_unref(struct bindings *b, struct bound_session *s)
{
	if (s && --s->rules == 0 && s->over)
		leave(b, s);
}

void bindings_session_over(struct bindings *b, uint64_t correlation)
{
	struct hash_link *l = hash_table_first(&b->sessions, hash_of(b, correlation)), *next;

	for (; l; l = next) {
		struct bound_session *s = HASH_OBJECT(l, struct bound_session, by_correlation);
		next = hash_table_next(l);
		if (s->correlation != correlation)
			continue;
		s->over = true;
		if (s->rules == 0)
			leave(b, s);
	}
}

void bindings_sessions_end(struct bindings *b, struct bound_task *t)
{
	while (!LIST_EMPTY(&t->sessions))
		leave(b, LIST_FIRST(&t->sessions));
}

static void give_all(struct bindings *b, struct bound_sessions *list)
{
	for (struct bound_session *s; (s = LIST_FIRST(list));) {
		LIST_REMOVE(s, of_task);
		give(b, s);
	}
}

// All of `from`'s under `t`, in `out`. NOMEM: none.
static int make_all(struct bindings *b, struct bound_task *t, const struct bound_task *from,
	struct bound_sessions *out)
{
	const struct bound_session *o;

	LIST_INIT(out);
	LIST_FOREACH (o, &from->sessions, of_task) {
		struct bound_session *s;
		int r = make(b, t, o->correlation, &s);
		if (r != POI_OK) {
			give_all(b, out);
			return POI_ERR_NOMEM;
		}
		s->over = o->over;
		LIST_INSERT_HEAD(out, s, of_task);
	}
	return POI_OK;
}

static void enter_all(struct bindings *b, struct bound_sessions *list)
{
	for (struct bound_session *s; (s = LIST_FIRST(list));) {
		LIST_REMOVE(s, of_task);
		enter(b, s);
	}
}

void bindings_sessions_keep(struct bindings *b, struct bound_task *t, const struct bound_task *from)
{
	struct bound_sessions made;

	if (!names_its_own(t->task) && make_all(b, t, from, &made) == POI_OK)
		enter_all(b, &made);
}

struct bound_task *bindings_sessions_park(
	struct bindings *b, struct task_entry *task, const struct bound_task *from)
{
	struct bound_task *t = LIST_EMPTY(&from->sessions) ? NULL : calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->of = b;
	t->ended = true;
	t->task = task;
	bindings_sessions_keep(b, t, from);
	t->task = NULL;
	return t;
}

void bindings_unpark(struct bound_task *parked)
{
	if (!parked)
		return;
	bindings_sessions_end(parked->of, parked);
	free(parked);
}

int bindings_sessions_renew(struct bindings *b, struct bound_task *t)
{
	struct bound_sessions made;
	struct bound_rule *o;

	if (names_its_own(t->task))
		LIST_INIT(&made);
	else if (make_all(b, t, t, &made))
		return POI_ERR_NOMEM;
	struct bound_session *s;
	LIST_FOREACH (s, &made, of_task) {
		struct bound_session *old = find(b, t, s->correlation);
		old->successor = s;
		s->rules = old->rules;
		if (old->x2)
			old->x2->successor = s->x2;
	}
	LIST_FOREACH (o, &t->rules, of_task)
		if (o->session)
			o->session = o->session->successor;
	bindings_sessions_end(b, t);
	enter_all(b, &made);
	return POI_OK;
}

void bindings_sessions_forget(struct bindings *b, struct bound_task *t)
{
	bindings_sessions_end(b, t);
	give_all(b, &b->left_sessions);
}

void bindings_reports_leave(struct bindings *b)
{
	struct bound_session *s;

	LIST_FOREACH (s, &b->left_sessions, of_task)
		if (b->reporter && s->x2 && s->x2->report == REPORT_PDSR)
			reporter_leave(b->reporter, s->x2);
}

void bindings_sessions_give(struct bindings *b)
{
	give_all(b, &b->left_sessions);
}
