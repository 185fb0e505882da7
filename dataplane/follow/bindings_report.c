// Reports what has become of tasks by session: which wait, which are followed, which are over.

#include "dataplane/follow/bindings_internal.h"

void bindings_note(struct bindings *b, struct bound_task *t)
{
	if (t->queued)
		return;
	t->queued = true;
	TAILQ_INSERT_TAIL(&b->pending, t, of_pending);
}

void bindings_note_all(struct bindings *b)
{
	struct hash_cursor c = hash_table_all(&b->tasks);

	for (struct hash_link *l; (l = hash_cursor_next(&c));)
		bindings_note(b, HASH_OBJECT(l, struct bound_task, by_subscription));
}

void bindings_forget_note(struct bindings *b, struct bound_task *t)
{
	if (!t->queued)
		return;
	TAILQ_REMOVE(&b->pending, t, of_pending);
	t->queued = false;
}

static enum bound_condition condition(const struct bindings *b, const struct bound_task *t)
{
	if (b->losing || t->late_ns || (t->state.unsure && !t->state.unseen))
		return BOUND_UNSURE;
	if (t->state.unseen)
		return BOUND_UNSEEN;
	return t->state.bound_once ? BOUND_FOLLOWED : BOUND_WAITING;
}

bool bindings_next_report(struct bindings *b, struct bound_report *out)
{
	for (struct bound_task *t; (t = TAILQ_FIRST(&b->pending));) {
		enum bound_condition now = condition(b, t);
		*out = (struct bound_report){.ne = t->task->link.ne,
			.xid = t->task->link.id,
			.sessions = t->state.sessions};
		if (!t->reported || t->last != now) {
			t->reported = true;
			t->last = out->condition = now;
			return true;
		}
		bindings_forget_note(b, t);
		// In doubt there may be another session that was not seen. What a packet shows by
		// itself goes on without any.
		bool ended = t->ends && !t->owns && now != BOUND_UNSURE && now != BOUND_UNSEEN;
		t->ends = t->ends && !ended;
		if (ended) {
			out->condition = BOUND_ENDED;
			return true;
		}
	}
	return false;
}

void bindings_report_again(struct bindings *b)
{
	struct hash_cursor c = hash_table_all(&b->tasks);

	for (struct hash_link *l; (l = hash_cursor_next(&c));) {
		struct bound_task *t = HASH_OBJECT(l, struct bound_task, by_subscription);
		t->reported = false;
		t->ends = t->over;
		bindings_note(b, t);
	}
}

bool bindings_follows(const struct bound_task *t)
{
	return t->follows;
}

uint32_t bindings_sessions(const struct bound_task *t)
{
	return t->state.sessions;
}

void bindings_counts(const struct bindings *b, struct bindings_counts *out)
{
	*out = (struct bindings_counts){
		.tasks = b->tasks.n,
		.rules = b->rules.n,
		.late = b->late,
		.quiet = b->quiet,
		.elsewhere = b->elsewhere,
		.measured = b->latency.n,
		.p50_ns = latency_percentile(&b->latency, 50),
		.p99_ns = latency_percentile(&b->latency, 99),
		.most_ns = b->latency.most_ns,
	};
	struct hash_cursor c = hash_table_all(&b->tasks);
	for (struct hash_link *l; (l = hash_cursor_next(&c));) {
		enum bound_condition now =
			condition(b, HASH_OBJECT(l, struct bound_task, by_subscription));
		out->waiting += now == BOUND_WAITING;
		out->unsure += now == BOUND_UNSURE || now == BOUND_UNSEEN;
	}
}
