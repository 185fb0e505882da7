// Tasks come, change and go; the fail-safe stops all of one network element.

#include "dataplane/builder/builder_internal.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/tasks/rules.h"
#include "shared/log.h"
#include "shared/now.h"

static int task_check(const struct builder *b, const struct channel_task *t)
{
	const char *why;

	if (!ne_entry_find(b->task_table, &t->ne))
		return POI_ERR_NOT_FOUND;
	bool follows = t->session.kinds ||
		       alternatives_sum(t->alternatives, t->alternatives_length).n_sessions;
	if (follows && !bindings_followed(b->bindings))
		return POI_ERR_UNSUPPORTED;
	if (t->delivery == 0 || t->delivery > (DELIVERY_X2 | DELIVERY_X3) ||
		t->n_destinations == 0 || t->n_destinations > RULE_DESTINATIONS_MAX ||
		(t->delivery & DELIVERY_X2 && !x2_task_valid(t)))
		return POI_ERR_INVALID;
	for (uint8_t i = 0; i < t->n_destinations; i++) {
		if (!destination_entry_find(b->task_table, &t->ne, &t->did[i]))
			return POI_ERR_NOT_FOUND;
		for (uint8_t k = 0; k < i; k++)
			if (id_equal(&t->did[i], &t->did[k]))
				return POI_ERR_INVALID;
	}
	return channel_task_check(t, &why);
}

// A task put to an element whose fail-safe has fired starts its deadline anew, as a message of its
// ADMF does, so that no task is ever without one.
static void rearm(struct builder *b, const struct id16 *ne, uint64_t now_ms)
{
	struct ne_entry *n = ne_entry_find(b->task_table, ne);

	if (n && !n->armed)
		(void)ne_entry_heard(b->task_table, ne, now_ms);
}

// Fills the X2 fields that follow from the rule.
static void x2_complete(struct x2_task *x, const struct rule *r)
{
	if (!x)
		return;
	x->slot = r->slot;
	x->context = r->context_x2;
	x->n_destinations = r->n_destinations;
	memcpy(x->destination, r->destination, sizeof(x->destination));
}

// Before it is published; `old` is the version it replaces, or NULL.
static void reports_begin(struct builder *b, struct x2_task *x, struct task_resources *old)
{
	if (old && old->x2)
		old->x2->successor = x;
	if (b->reporter && x && x->report == REPORT_PDSR)
		reporter_join(b->reporter);
}

// Its records of network functions will come. What an event shows is no packet: a criterion of
// packets beside its session leaves none of them.
static int records_begin(struct builder *b, struct task_entry *task)
{
	struct session_target *targets = NULL;

	if (!b->functions || !task->records || task->filter.kinds & ~FILTER_DIRECTION)
		return POI_OK;
	int n = task_entry_targets(task, &targets);
	int r = n > 0 ? functions_task_enter(b->functions, task->resources->x2, task->records,
				targets, (uint32_t)n, &task->resources->function)
		      : n;
	if (n > 0)
		explicit_bzero(targets, (size_t)n * sizeof(*targets));
	free(targets);
	return r;
}

static void records_end(struct builder *b, struct task_resources *resources)
{
	if (resources->function)
		functions_task_leave(b->functions, resources->function);
	resources->function = NULL;
}

// The task is in force; `before`: its predecessor's resources, or NULL.
static void records_start(
	struct builder *b, const struct task_resources *resources, struct task_resources *before)
{
	if (resources->function)
		functions_task_start(
			b->functions, resources->function, before ? before->function : NULL);
	if (before)
		records_end(b, before);
}

// The task's rules leave the table with the next commit.
static void rules_leave(struct builder *b, struct task_resources *resources)
{
	if (resources->bound)
		bindings_end(b->bindings, resources->bound);
	else
		(void)table_remove(b->tables, rule_key_own(resources->slot));
	bindings_unpark(resources->kept);
	resources->kept = NULL;
	b->dirty = true;
}

// A modification keeps sequence numbers (TS 103 221-2 clause 5.3.9), also of sessions that the task
// does not name meanwhile.
static void numbers_go_on(struct builder *b, struct task_entry *task, struct task_resources *old)
{
	struct task_resources *resources = task->resources;
	struct bound_task *from = old->bound ? old->bound : old->kept;

	if (from && resources->bound)
		bindings_sessions_keep(b->bindings, resources->bound, from);
	else if (from)
		resources->kept = bindings_sessions_park(b->bindings, task, from);
	bindings_unpark(old->kept);
	old->kept = NULL;
}

// Its predecessor's rules, if any, leave; it has none.
static void rules_none(struct builder *b, struct task_entry *task, struct task_resources *old)
{
	if (old) {
		numbers_go_on(b, task, old);
		rules_leave(b, old);
	}
}

// Its own rule takes the place of the old one's; the rules of a session task come with the commit.
static int rules_enter(struct builder *b, struct task_entry *task, struct task_resources *old)
{
	struct task_resources *resources = task->resources;
	struct rule rule;

	rule_make(b->task_table, &b->links, task, &rule);
	x2_complete(resources->x2, &rule);
	if (!task_entry_sees_packets(task)) {
		rules_none(b, task, old);
		return POI_OK;
	}
	if (old && old->bound && bindings_take_over(b->bindings, old->bound, task)) {
		resources->bound = old->bound;
		old->bound = NULL;
		b->dirty = true;
		return POI_OK;
	}
	bool many = task->session || task->alternatives_length; // rules
	int r = many ? bindings_begin(b->bindings, task, now_wall_ns(), &resources->bound)
		     : table_put(b->tables, &rule);
	if (r == POI_OK && old)
		numbers_go_on(b, task, old);
	if (r == POI_OK && old && (old->bound || resources->bound))
		rules_leave(b, old);
	b->dirty |= r == POI_OK;
	return r;
}

// Makes a task outside the table, with its element's settings and its own resources. `before`:
// those of its predecessor, or NULL.
static int task_make(struct builder *b, const struct channel_task *t,
	const struct task_resources *before, struct task_entry **out)
{
	const struct ne_entry *ne = ne_entry_find(b->task_table, &t->ne);
	struct task_entry *task = task_entry_make(t);

	if (!task)
		return POI_ERR_NOMEM;
	task->payload_format = ne->payload_format;
	task->axri = ne->axri;
	int r = task_resources_take(b, t, before ? &before->slot : NULL, &task->resources);
	if (r != POI_OK) {
		task_entry_free(task);
		return r;
	}
	*out = task;
	return POI_OK;
}

static void task_undo(struct builder *b, struct task_entry *task, bool keeps_slot)
{
	records_end(b, task->resources);
	task_resources_give_contexts(b, task->resources);
	if (!keeps_slot)
		builder_slot_drain(b, task->resources->slot); // it may be an earlier process's
	task_resources_drop(task->resources);
	task_entry_free(task);
}

// Puts the task where `old` was, or beside all others, and its rules with it. After an error
// everything is as before.
static int task_enter(struct builder *b, struct task_entry *task, struct task_entry *old,
	struct task_resources *before)
{
	int r = task_entry_insert(b->task_table, task, old);

	if (r != POI_OK)
		return r;
	r = rules_enter(b, task, before);
	if (r == POI_OK)
		return r;
	if (!old)
		task_entry_take(b->task_table, task);
	else
		(void)task_entry_insert(b->task_table, old, task); // a swap: cannot fail
	return r;
}

int builder_task_put(struct builder *b, const struct channel_task *t, uint64_t now_ms)
{
	struct task_entry *old = task_entry_find(b->task_table, &t->ne, &t->xid), *task;
	struct task_resources *before = old && !old->tombstone ? old->resources : NULL;
	int r = task_check(b, t);

	if (r == POI_OK)
		r = task_make(b, t, before, &task);
	if (r != POI_OK)
		return r;
	if (old)
		reconcile_leaves(&b->reconcile, old);
	r = records_begin(b, task);
	if (r == POI_OK)
		r = task_enter(b, task, old, before);
	if (old)
		reconcile_enters(&b->reconcile, r == POI_OK ? task : old);
	if (r != POI_OK) {
		task_undo(b, task, before != NULL);
		return r;
	}
	reports_begin(b, task->resources->x2, before);
	records_start(b, task->resources, before);
	if (before) {
		task->resources->loss = before->loss; // the slot's counters go on
		task_resources_leave(b, before, true);
	}
	task_entry_free(old);
	rearm(b, &t->ne, now_ms);
	return POI_OK;
}

static void not_losing(struct builder *b, const struct task_resources *resources)
{
	b->losing -= resources->loss.active;
}

int builder_task_remove(struct builder *b, const struct channel_object *o)
{
	struct task_entry *t = task_entry_find(b->task_table, &o->ne, &o->id);

	if (!t)
		return POI_ERR_NOT_FOUND;
	reconcile_leaves(&b->reconcile, t);
	if (t->resources) {
		not_losing(b, t->resources);
		records_end(b, t->resources);
		rules_leave(b, t->resources);
		task_resources_leave(b, t->resources, false);
	}
	task_entry_take(b->task_table, t);
	task_entry_free(t);
	return POI_OK;
}

bool builder_fail_safe(struct builder *b, uint64_t now_ms, struct id16 *ne)
{
	struct ne_entry *n = ne_entry_fire(b->task_table, now_ms);

	if (!n)
		return false;
	*ne = n->ne;
	for (struct task_entry *t = task_entry_first(b->task_table); t; t = task_entry_next(t)) {
		if (t->tombstone || !id_equal(&t->link.ne, ne))
			continue;
		reconcile_leaves(&b->reconcile, t);
		struct task_resources *resources = task_entry_bury(b->task_table, t);
		not_losing(b, resources);
		records_end(b, resources);
		rules_leave(b, resources);
		task_resources_leave(b, resources, false);
	}
	if (builder_commit(b) != POI_OK)
		log_error("no memory to publish the match table; trying again");
	return true;
}

bool builder_silence(struct builder *b, uint64_t now_ms, struct id16 *ne)
{
	const struct ne_entry *n = ne_entry_fall_silent(b->task_table, now_ms);

	if (n)
		*ne = n->ne;
	return n != NULL;
}

uint64_t builder_next_deadline(const struct builder *b, uint64_t now_ms)
{
	uint64_t least = UINT64_MAX;

	for (const struct ne_entry *n = ne_entry_first(b->task_table); n; n = ne_entry_next(n)) {
		uint64_t left = ne_entry_remaining(n, now_ms);
		uint64_t silence = ne_entry_silence_remaining(n, now_ms);
		if (left < least)
			least = left;
		if (silence < least)
			least = silence;
	}
	return least;
}
