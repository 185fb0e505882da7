// Publishes what changed and waits for the grace period; the base is rebuilt on a thread of its
// own.

#include "dataplane/builder/builder_internal.h"

#include <stdlib.h>
#include <sys/eventfd.h>

#include "shared/log.h"
#include "shared/now.h"

int builder_fold_fd(const struct builder *b)
{
	return b->fold_fd;
}

// After the grace period: the last summaries are queued before anything is answered or given back.
static void reports_end(struct builder *b)
{
	if (!b->reporter)
		return;
	struct task_resources *own;
	LIST_FOREACH (own, &b->pending, next)
		if (own->x2 && own->x2->report == REPORT_PDSR)
			reporter_leave(b->reporter, own->x2);
	bindings_reports_leave(b->bindings);
	reporter_wait(b->reporter);
}

// After a grace period: no worker can push for these any more.
static void grace_over(struct builder *b)
{
	reports_end(b);
	bindings_in_force(b->bindings, b->measure, now_wall_ns());
	b->measure = false;
	for (struct task_resources *own; (own = LIST_FIRST(&b->pending));) {
		LIST_REMOVE(own, next);
		task_resources_give_contexts(b, own);
		if (own->keeps_slot) {
			task_resources_drop(own);
			continue;
		}
		free(own->x2);
		own->x2 = NULL;
		bindings_drop(own->bound);
		own->bound = NULL;
		task_counters_leaves(b->counters, own->slot);
		builder_drain_add(b, own);
	}
	for (struct destination_entry *d; (d = SLIST_FIRST(&b->removed));) {
		SLIST_REMOVE_HEAD(&b->removed, removed);
		deliver_remove(b->deliver, d->index);
		destination_entry_free(d);
	}
}

static void *fold_run(void *argument)
{
	struct builder *b = argument;

	(void)pthread_setname_np(pthread_self(), "poi-fold");
	table_fold_run(b->fold);
	(void)eventfd_write(b->fold_fd, 1);
	return NULL;
}

static void fold_start(struct builder *b)
{
	if (b->fold)
		return;
	b->fold = table_fold_begin(b->tables);
	if (!b->fold || pthread_create(&b->fold_thread, NULL, fold_run, b) == 0)
		return;
	// Without a thread it takes the builder's time: late answers, but no growing delta.
	table_fold_run(b->fold);
	table_fold_finish(b->tables, b->fold);
	b->fold = NULL;
	b->dirty = true;
}

static int commit(struct builder *b)
{
	int changes = bindings_apply(b->bindings);

	if (changes < 0)
		return changes;
	b->dirty |= changes > 0;
	if (b->dirty) {
		const struct table *next = table_commit(b->tables, b->generation + 1);
		if (!next)
			return POI_ERR_NOMEM;
		const struct table *old = table_rcu_publish(b->table_rcu, next);
		b->generation++;
		b->dirty = false;
		table_retire(b->tables, old);
		fold_start(b);
	}
	grace_over(b);
	return POI_OK;
}

int builder_commit(struct builder *b)
{
	int r;

	// The selectors of a new task's sessions must be in force with it.
	bindings_wait_done(b->bindings);
	r = commit(b);
	// A rule that came and went is in that table and one more; later changes wait.
	for (int i = 0; i < 2 && r == POI_OK && bindings_need_commit(b->bindings); i++)
		r = commit(b);
	return r;
}

int builder_follow_fd(const struct builder *b)
{
	return bindings_follow_fd(b->bindings);
}

void builder_follow(struct builder *b)
{
	b->measure = true;
	if (builder_commit(b) != POI_OK)
		log_error("no memory to publish the match table; trying again");
}

int builder_events_fd(const struct builder *b)
{
	return b->functions ? functions_fd(b->functions) : -1;
}

void builder_events(struct builder *b)
{
	if (!functions_take(b->functions))
		return;
	const bool in_force = builder_commit(b) == POI_OK;
	if (!in_force)
		log_error("no memory to publish the match table; trying again");
	functions_finish(b->functions, in_force);
}

void builder_events_tick(struct builder *b, uint64_t now_ms, bool complete)
{
	if (b->functions && complete)
		functions_tick(b->functions, now_ms);
	else if (b->functions)
		functions_rest(b->functions);
}

void builder_watch(struct builder *b, uint64_t now_ns)
{
	bindings_quiet_tick(b->bindings, now_ns);
}

bool builder_next_report(struct builder *b, uint64_t now_ns, struct bound_report *out)
{
	bindings_late_tick(b->bindings, now_ns);
	return bindings_next_report(b->bindings, out);
}

void builder_report_again(struct builder *b)
{
	bindings_report_again(b->bindings);
}

void builder_followed(const struct builder *b, struct bindings_counts *out)
{
	bindings_counts(b->bindings, out);
}

void builder_folded(struct builder *b)
{
	eventfd_t done;

	if (eventfd_read(b->fold_fd, &done) != 0 || !b->fold)
		return;
	pthread_join(b->fold_thread, NULL);
	table_fold_finish(b->tables, b->fold);
	b->fold = NULL;
	b->dirty = true;
	if (builder_commit(b) != POI_OK)
		log_error("no memory to publish the match table; trying again");
}
