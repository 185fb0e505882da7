// Judges whether a rule came into force too late for packets of its session, and keeps its task in
// doubt for a while.

#include "dataplane/follow/bindings_internal.h"

#include <string.h>

#include "shared/log.h"

static bool same_end(const struct binding *a, const struct binding *b)
{
	return a->kind == b->kind && a->teid == b->teid && a->prefix.family == b->prefix.family &&
	       memcmp(a->prefix.b, b->prefix.b, sizeof(a->prefix.b)) == 0;
}

// It has, or had until this publication, another rule of the tunnel: what a task took, it took.
static bool had(const struct bindings *b, const struct bound_task *t, const struct binding *by)
{
	const struct bound_rule *o;

	LIST_FOREACH (o, &t->rules, of_task)
		if (o->put < b->published && same_end(&o->binding, by))
			return true;
	LIST_FOREACH (o, &b->left, of_task)
		if (o->task == t && same_end(&o->binding, by))
			return true;
	return false;
}

static bool is_held(const struct bindings *b, const struct binding *by)
{
	return b->patience.held && by->kind == BINDING_TUNNEL;
}

// Once the rule is in force it takes packets itself, which are let go then: other tasks' are looked
// at before.
uint64_t bindings_late_mark(
	const struct bindings *b, const struct bound_task *t, const struct binding *by)
{
	if (!is_held(b, by))
		return 0;
	uint64_t gone_ns = signalling_gap_gone(b->patience.gap, by->teid, true);
	return gone_ns >= bindings_since(t, by) && !had(b, t, by) ? gone_ns : 0;
}

static bool came_late(const struct bindings *b, const struct bound_rule *o, uint64_t now_ns)
{
	uint64_t from_ns = bindings_since(o->task, &o->binding), gone_ns;

	if (!b->patience.unsure_ns || !o->task->settled)
		return false;
	if (!is_held(b, &o->binding))
		return now_ns > from_ns + b->patience.early_ns;
	gone_ns = signalling_gap_gone(b->patience.gap, o->binding.teid, false);
	return gone_ns >= from_ns || o->gone_ns >= from_ns;
}

void bindings_late_judge(struct bindings *b, struct bound_rule *o, uint64_t now_ns)
{
	if (!came_late(b, o, now_ns))
		return;
	struct bound_task *t = o->task;
	if (LIST_EMPTY(&b->late_tasks))
		log_warning("signalling: a rule came into force %llu ms after its message, too "
			    "late for "
			    "packets of its session: its task is unsure",
			(unsigned long long)(now_ns - o->binding.from_ns) / 1000000);
	b->late++;
	if (!t->late_ns)
		LIST_INSERT_HEAD(&b->late_tasks, t, of_late);
	t->late_ns = now_ns;
	bindings_note(b, t);
}

void bindings_late_settle(struct bindings *b)
{
	for (struct bound_task *t; (t = LIST_FIRST(&b->new_tasks));) {
		LIST_REMOVE(t, of_late);
		t->settled = true;
	}
}

void bindings_late_forget(struct bound_task *t)
{
	if (!t->settled || t->late_ns)
		LIST_REMOVE(t, of_late);
	t->settled = true;
	t->late_ns = 0;
}

void bindings_late_tick(struct bindings *b, uint64_t now_ns)
{
	for (struct bound_task *t = LIST_FIRST(&b->late_tasks), *next; t; t = next) {
		next = LIST_NEXT(t, of_late);
		if (now_ns < t->late_ns + b->patience.unsure_ns)
			continue;
		bindings_late_forget(t);
		bindings_note(b, t);
	}
}
