// Decides which messages must wait before their execution (clause 6.1 leaves the order inside a
// container open). Messages of a container are executed in order: one that waits delays those
// behind it.
#include "control/x1/x1_internal.h"

enum wait {
	GO,
	UNTIL_TIME1, // at TIME1 it is executed, and refused with the reason
	ON,	     // at TIME1 it is answered `Acknowledged`
};

// Returns true if operations of this container are in progress.
static bool own(const struct exchange *x)
{
	return !LIST_EMPTY(&x->operations) || !LIST_EMPTY(&x->behind);
}

static enum wait busy(const struct exchange *x)
{
	return own(x) ? ON : UNTIL_TIME1;
}

static bool task_busy(const struct registry_task *t)
{
	return t->removing || t->modifying ||
	       (t->state == TASK_AWAITING && !fault_has(t->faults, FAULT_DATAPLANE_LOST));
}

static bool destinations_change(const struct exchange *x, const struct x1_task_details *d)
{
	const struct registry *r = x->dispatch->control->registry;

	for (uint32_t i = 0; i < d->n_dids; i++) {
		const struct registry_destination *known =
			registry_destination_find(r, x->ne, &d->dids[i]);
		if (known && known->modifying)
			return true;
	}
	return false;
}

// Requests about objects wait for all operations of their own container, which may create the
// objects that they name.
static enum wait wait_of_object(const struct exchange *x, const struct x1_message *m)
{
	const struct objects *all = registry_objects(x->dispatch->control->registry);
	const struct id16 *id = x1_message_id(m);
	const struct object *o = id ? objects_find(all, x->ne, id) : NULL;
	bool deletes = m->type == X1_DELETE_OBJECT || m->type == X1_DELETE_ALL_OBJECTS;

	if (m->type == X1_DELETE_ALL_OBJECTS)
		o = objects_first(all, x->ne);
	while (m->type == X1_DELETE_ALL_OBJECTS && o && !o->removing && !o->modifying)
		o = objects_next(o);
	if (own(x) || (deletes && o && o->removing))
		return ON;
	if (m->type == X1_GET_OBJECT)
		return GO;
	return o && (o->modifying || o->removing) ? UNTIL_TIME1 : GO;
}

static enum wait wait_of_task(const struct exchange *x, const struct x1_message *m)
{
	const struct registry *r = x->dispatch->control->registry;
	const struct registry_task *t = registry_task_find(r, x->ne, x1_message_id(m));

	switch (m->type) {
	case X1_ACTIVATE_TASK:
		if (t && t->removing)
			return busy(x);
		return own(x) && (m->task->n_dsids || destinations_change(x, m->task)) ? ON : GO;
	case X1_MODIFY_TASK:
		if (t && (task_busy(t) || registry_task_objects_change(r, t)))
			return busy(x);
		return own(x) && (m->task->n_dsids || destinations_change(x, m->task)) ? ON : GO;
	case X1_DEACTIVATE_TASK:
		return t && t->removing ? ON : GO;
	default: // a query
		return t && own(x) && task_busy(t) ? ON : GO;
	}
}

static enum wait wait_of_destination(const struct exchange *x, const struct x1_message *m)
{
	const struct registry *r = x->dispatch->control->registry;
	const struct registry_destination *d =
		registry_destination_find(r, x->ne, x1_message_id(m));

	if (!d)
		return GO;
	switch (m->type) {
	case X1_CREATE_DESTINATION:
		return d->removing ? busy(x) : GO;
	case X1_MODIFY_DESTINATION:
		if (d->removing || d->modifying || !d->ready)
			return busy(x);
		return d->references && x->user_operations ? ON : GO;
	case X1_REMOVE_DESTINATION:
		return d->removing || (d->references && x->user_operations) ? ON : GO;
	default: // a query
		return own(x) && (d->removing || d->modifying || !d->ready) ? ON : GO;
	}
}

// Returns true while a DeactivateAllTasks walks and the request changes tasks, or while tasks of
// the fail-safe are ending and the request changes objects that they may use.
static bool walked_over(const struct exchange *x, enum x1_request_type t)
{
	const struct x1_dispatch *d = x->dispatch;

	switch (t) {
	case X1_ACTIVATE_TASK:
	case X1_MODIFY_TASK:
	case X1_DEACTIVATE_TASK:
	case X1_DEACTIVATE_ALL_TASKS:
		return x1_walks(d, x->ne);
	case X1_MODIFY_OBJECT:
		return x1_walks(d, x->ne) || registry_batches(d->control->registry, x->ne);
	case X1_MODIFY_DESTINATION:
	case X1_REMOVE_DESTINATION:
	case X1_REMOVE_ALL_DESTINATIONS:
	case X1_DELETE_OBJECT:
	case X1_DELETE_ALL_OBJECTS:
		return registry_batches(d->control->registry, x->ne);
	default:
		return false;
	}
}

static enum wait wait_of(const struct exchange *x, uint32_t index)
{
	const struct x1_message *m = &x->container->messages[index];
	enum publish_state state = publish_state(x->dispatch->control->publish);
	const char *text;
	int code = x1_check(x, index, &text);

	if (code)
		return x1_check_starting(code, text) ? UNTIL_TIME1 : GO;
	if (walked_over(x, m->type))
		return ON;
	if (state == PUBLISH_DOWN) // refused, or done at once
		return GO;
	if (state != PUBLISH_READY && x1_adds(m->type))
		return UNTIL_TIME1;
	switch (m->type) {
	case X1_ACTIVATE_TASK:
	case X1_MODIFY_TASK:
	case X1_DEACTIVATE_TASK:
	case X1_GET_TASK_DETAILS:
		return wait_of_task(x, m);
	case X1_CREATE_DESTINATION:
	case X1_MODIFY_DESTINATION:
	case X1_REMOVE_DESTINATION:
	case X1_GET_DESTINATION_DETAILS:
		return wait_of_destination(x, m);
	case X1_CREATE_OBJECT:
	case X1_MODIFY_OBJECT:
	case X1_DELETE_OBJECT:
	case X1_DELETE_ALL_OBJECTS:
	case X1_GET_OBJECT:
		return wait_of_object(x, m);
	case X1_REMOVE_ALL_DESTINATIONS:
		return x->user_operations ? ON : GO;
	default:
		return x1_is_list(m->type) && own(x) ? ON : GO;
	}
}

static bool joins(const struct exchange *x, const struct x1_message *m)
{
	const struct registry *r = x->dispatch->control->registry;
	const struct registry_task *t = NULL;
	const struct registry_destination *d = NULL;
	const struct object *o = NULL;

	if (m->type == X1_DEACTIVATE_TASK)
		t = registry_task_find(r, x->ne, &m->id);
	if (m->type == X1_REMOVE_DESTINATION)
		d = registry_destination_find(r, x->ne, &m->id);
	if (m->type == X1_DELETE_OBJECT)
		o = objects_find(registry_objects(r), x->ne, &m->id);
	return (t && t->removing) || (d && d->removing) || (o && o->removing);
}

bool x1_must_wait(struct exchange *x, uint32_t index)
{
	if (wait_of(x, index) == GO)
		return false;
	x->joined = x->joined || joins(x, &x->container->messages[index]);
	return true;
}

bool x1_waits_past_time1(const struct exchange *x, uint32_t index)
{
	return wait_of(x, index) == ON;
}
