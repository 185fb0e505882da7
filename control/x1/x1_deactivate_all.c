// DeactivateAllTasks (TS 103 221-1 clause 6.2.4): a walk over the tasks in slices. Other requests
// that change tasks of the network element wait until the walk has ended, so it visits exactly the
// tasks at its start.
#include "control/x1/x1_change_internal.h"

#include <stdlib.h>

#include "control/state/slice.h"
#include "shared/now.h"

struct x1_walk { // owned by the dispatcher until its end
	LIST_ENTRY(x1_walk) entry;
	struct slice slice;
	struct registry_cursor cursor;
	struct x1_operation *op;
	bool others; // the walk found tasks that other requests are removing
};

// Removes a task from the registry, without a dataplane that could capture for it (decision 12).
static void remove_task(struct x1_operation *op, struct registry_task *t)
{
	struct control *c = control_of(op);

	x1_audit_object(op, "deactivated", &t->xid);
	persistence_task_gone(c, t->ne, &t->xid);
	issue_task_leaves(c, t, NULL);
	registry_task_remove(c->registry, t);
}

static void object_deactivated(void *context, int result, const struct channel_task_status *status)
{
	struct bulk_object *object = context;
	struct x1_operation *op = object->op;

	if (removed_there(result)) {
		x1_task_gone(op, &object->id);
		x1_audit_object(op, "deactivated", &object->id);
	} else {
		x1_task_stays(op, &object->id);
		op->result = op->result ? op->result : result;
	}
	free(object);
	x1_bulk_step(op);
}

// Asks the dataplane to remove one task.
static void ask(struct x1_operation *op, struct registry_task *t)
{
	struct bulk_object *object = malloc(sizeof(*object));

	if (object)
		*object = (struct bulk_object){op, t->xid};
	int rc = object ? publish_task_remove(
				  publish_of(op), op->ne, &t->xid, object_deactivated, object)
			: POI_ERR_NOMEM;
	if (rc) {
		free(object);
		op->result = op->result ? op->result : rc;
		return;
	}
	t->removing = true;
	op->remaining++;
}

// If the fail-safe interrupted the walk, waits for its batch and walks again: tasks that it did not
// stop are then back in the list.
static enum slice_result at_end(struct x1_walk *w)
{
	struct registry *r = registry_of(w->op);

	if (!w->cursor.cut)
		return SLICE_DONE;
	if (registry_batches(r, w->op->ne))
		return SLICE_MORE;
	registry_cursor_end(&w->cursor);
	registry_cursor_begin(r, w->op->ne, &w->cursor);
	return SLICE_MORE;
}

static enum slice_result step(void *context)
{
	struct x1_walk *w = context;
	struct x1_operation *op = w->op;
	struct registry_task *t = registry_cursor_task(&w->cursor);

	if (!t)
		return at_end(w);
	// Look again in each slice: the dataplane can connect or disconnect between two.
	if (publish_state(publish_of(op)) == PUBLISH_DOWN)
		remove_task(op, t);
	else if (t->removing)
		w->others = true;
	else
		ask(op, t);
	return SLICE_MORE;
}

static void forget(struct x1_walk *w)
{
	registry_cursor_end(&w->cursor);
	LIST_REMOVE(w, entry);
	free(w);
}

static void over(void *context)
{
	struct x1_walk *w = context;
	struct x1_operation *op = w->op;
	bool others = w->others;

	forget(w);
	x1_wake(op->dispatch);
	if (others)
		x1_bulk_wait(op);
	x1_bulk_step(op);
}

bool x1_walks(const struct x1_dispatch *d, uint16_t ne)
{
	const struct x1_walk *w;

	LIST_FOREACH (w, &d->walks, entry) {
		if (w->op->ne == ne)
			return true;
	}
	return false;
}

void x1_walks_stop(struct x1_dispatch *d)
{
	struct x1_walk *w = LIST_FIRST(&d->walks), *next;

	for (; w; w = next) {
		struct x1_operation *op = w->op;
		next = LIST_NEXT(w, entry);
		slice_end(publish_slices(d->control->publish), &w->slice);
		forget(w);
		// The walk is incomplete: the next process judges by the tasks that are left.
		op->result = op->result ? op->result : POI_ERR_CLOSED;
		x1_bulk_step(op);
	}
}

void x1_deactivate_all_tasks(struct exchange *x, const struct x1_message *m)
{
	struct x1_dispatch *d = x->dispatch;
	struct control *c = d->control;

	if (!c->config->nes[x->ne].x1.deactivate_all_tasks) {
		x1_answer(x, m, X1_ERR_DEACTIVATE_ALL_DISABLED,
			"DeactivateAllTasks message is not enabled");
		return;
	}
	struct x1_walk *w = calloc(1, sizeof(*w));
	struct x1_operation *op = w ? x1_change_new(x, m, NULL) : NULL;
	if (!op) {
		free(w);
		x1_answer(x, m, X1_ERR_DEACTIVATE_ALL, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	op->asked_ns = now_wall_ns();
	op->asked_order = registry_order(c->registry);
	op->remaining = 1; // held by the walk
	w->op = op;
	registry_cursor_begin(c->registry, x->ne, &w->cursor);
	LIST_INSERT_HEAD(&d->walks, w, entry);
	slice_begin(publish_slices(c->publish), &w->slice, step, over, w);
}
