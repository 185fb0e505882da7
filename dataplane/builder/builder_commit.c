// Publishes what changed and waits for the grace period; the base is rebuilt on a thread of its
// own.

#include "dataplane/builder/builder_internal.h"

#include <stdlib.h>
#include <sys/eventfd.h>

#include "shared/log.h"
#include "shared/now.h"

int builder_fold_fd(const struct builder *e)
{
	return e->fold_fd;
}

// After the grace period: the last summaries are queued before anything is answered or given back.
static void reports_end(struct builder *e)
{
	if (!e->reporter)
		return;
	struct task_hold *l;
	LIST_FOREACH(l, &e->pending, next)
	if (l->x2 && l->x2->report == REPORT_PDSR)
		reporter_leave(e->reporter, l->x2);
	reporter_wait(e->reporter);
}

// After a grace period: no worker can push for these any more.
static void grace_over(struct builder *e)
{
	reports_end(e);
	bindings_settled(e->bindings, e->measure, now_wall_ns());
	e->measure = false;
	for (struct task_hold *l; (l = LIST_FIRST(&e->pending));) {
		LIST_REMOVE(l, next);
		task_hold_give_contexts(e, l);
		if (l->keeps_slot) {
			task_hold_drop(l);
			continue;
		}
		free(l->x2);
		l->x2 = NULL;
		bindings_drop(l->bound);
		l->bound = NULL;
		LIST_INSERT_HEAD(&e->draining, l, next);
		e->n_draining++;
	}
	while (e->removed) {
		struct destination_entry *d = e->removed;
		e->removed = (struct destination_entry *)d->link.next;
		deliver_remove(e->deliver, d->index);
		destination_entry_free(d);
	}
}

static void *fold_run(void *argument)
{
	struct builder *e = argument;

	table_fold_run(e->fold);
	(void)eventfd_write(e->fold_fd, 1);
	return NULL;
}

static void fold_start(struct builder *e)
{
	if (e->fold)
		return;
	e->fold = table_fold_begin(e->builder);
	if (!e->fold || pthread_create(&e->fold_thread, NULL, fold_run, e) == 0)
		return;
	// Without a thread it takes the builder's time: late answers, but no growing delta.
	table_fold_run(e->fold);
	table_fold_finish(e->builder, e->fold);
	e->fold = NULL;
	e->dirty = true;
}

static int commit(struct builder *e)
{
	int changes = bindings_apply(e->bindings);

	if (changes < 0)
		return changes;
	e->dirty |= changes > 0;
	if (e->dirty) {
		const struct table *next = table_commit(e->builder, e->generation + 1);
		if (!next)
			return POI_ERR_NOMEM;
		const struct table *old = table_rcu_publish(e->table_rcu, next);
		e->generation++;
		e->dirty = false;
		table_retire(e->builder, old);
		fold_start(e);
	}
	grace_over(e);
	return POI_OK;
}

int builder_commit(struct builder *e)
{
	int r;

	// What a new task's sessions are known by must be in force with it.
	bindings_settle(e->bindings);
	r = commit(e);
	// What came and went is in that table; more of it that came meanwhile has its next turn.
	if (r == POI_OK && bindings_wait(e->bindings))
		r = commit(e);
	return r;
}

int builder_follow_fd(const struct builder *e)
{
	return bindings_follow_fd(e->bindings);
}

void builder_follow(struct builder *e)
{
	e->measure = true;
	if (builder_commit(e) != POI_OK)
		log_error("no memory to publish the match table; trying again");
}

bool builder_next_report(struct builder *e, struct bound_report *out)
{
	return bindings_news(e->bindings, out);
}

void builder_report_again(struct builder *e)
{
	bindings_retell(e->bindings);
}

void builder_followed(const struct builder *e, struct bindings_counts *out)
{
	bindings_counts(e->bindings, out);
}

void builder_folded(struct builder *e)
{
	eventfd_t done;

	if (eventfd_read(e->fold_fd, &done) != 0 || !e->fold)
		return;
	pthread_join(e->fold_thread, NULL);
	table_fold_finish(e->builder, e->fold);
	e->fold = NULL;
	e->dirty = true;
	if (builder_commit(e) != POI_OK)
		log_error("no memory to publish the match table; trying again");
}
