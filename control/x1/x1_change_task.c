// ActivateTask, ModifyTask, DeactivateTask (TS 103 221-1 clause 6.2).
// Operations keep keys, not pointers: the fail-safe may take a task away while they wait.
#include "control/x1/x1_change_internal.h"

#include <stdlib.h>

#include "control/state/fail_safe.h"
#include "control/state/persistence.h"
#include "shared/log.h"
#include "shared/now.h"

static const char stopped_meanwhile[] = "the task was stopped meanwhile";

// Removes a refused or unwanted task from the dataplane. A refusal for lack of memory leaves the
// change there, pending until the next publication.
static void take_back(struct x1_operation *op)
{
	int rc = publish_task_remove(publish_of(op), op->ne, &op->id, NULL, NULL);

	if (rc && rc != POI_ERR_CLOSED)
		log_error("channel: a task that is gone could not be taken back: %s",
			poi_error_text(rc));
}

// Puts the registry's details of `t` again after a refused or failed change, which may be pending
// at the dataplane until the next publication.
static void put_back(struct x1_operation *op, const struct registry_task *t)
{
	if (t->removing) // a removal is in flight and must be the last request
		return;
	int rc = publish_task_put(publish_of(op), t, x1_put_back, NULL);
	if (rc && rc != POI_ERR_CLOSED)
		log_error("channel: a task could not be put back: %s", poi_error_text(rc));
}

// ActivateTask.

// Handles the loss of the dataplane during a change that was answered `Acknowledged`. Returns true
// if that ends the operation.
static bool left_to_replay(struct x1_operation *op, struct registry_task *t)
{
	if (op->exchange || op->dispatch->stopping)
		return false;
	// The replay to the next dataplane completes the activation, unless the deactivation behind
	// it ends with the connection.
	if (!t->removing) {
		x1_operation_cancel(op);
		return true;
	}
	if (t->pending == PENDING_ACTIVATE)
		t->pending = PENDING_NONE;
	x1_operation_finish(op, X1_ERR_ACTIVATE, stopped_meanwhile);
	return true;
}

// Returns 0, or the reason why an activation that is in force must be undone.
static int may_keep(const struct x1_operation *op, const struct registry_task *t)
{
	if (!persistence_kept(control_of(op), &op->position))
		return POI_ERR_IO;
	// A destination can have failed after the dataplane accepted the task.
	return registry_destinations_known(registry_of(op), t) ? 0 : POI_ERR_NOT_FOUND;
}

static void activated(void *context, int result, const struct channel_task_status *status)
{
	struct x1_operation *op = context;
	struct registry_task *t = registry_task_find(registry_of(op), op->ne, &op->id);

	if (!t) {
		if (result != POI_ERR_CLOSED)
			take_back(op);
		x1_operation_finish(op, X1_ERR_ACTIVATE, stopped_meanwhile);
		return;
	}
	if (result == POI_ERR_CLOSED && left_to_replay(op, t))
		return;
	if (!result)
		result = may_keep(op, t);
	if (result) {
		if (result != POI_ERR_CLOSED)
			take_back(op);
		registry_task_remove(registry_of(op), t);
		persistence_task_gone(control_of(op), op->ne, &op->id);
		x1_operation_finish(op, X1_ERR_ACTIVATE, x1_publish_error_text(result));
		return;
	}
	fail_safe_spare(control_of(op), t);
	registry_task_set_state(registry_of(op), t, TASK_COMPLETE);
	if (t->pending == PENDING_ACTIVATE) {
		t->pending = PENDING_NONE;
		publish_task_memo(publish_of(op), t);
	}
	x1_operation_finish(op, 0, NULL);
}

// Creates the task and its operation. Returns false, with the request answered, if memory is
// exhausted or the details are too large.
static bool make_task(struct exchange *x, const struct x1_message *m,
	const struct channel_task *details, const struct x1_task_room *room,
	struct registry_task **t, struct x1_operation **op)
{
	bool large = m->task->xml_length > CHANNEL_MEMO_MAX;

	*t = registry_task_new(x->ne, details, m->task->xml, m->task->xml_length);
	bool named = *t && !registry_task_set_objects(*t, room->object, room->n_objects);
	*op = named ? x1_change_new(x, m, &m->task->xid) : NULL;
	if (*op) {
		(*t)->n_named = room->n_named;
		(*t)->implicit = m->task->has_implicit && m->task->implicit_deactivation;
		return true;
	}
	registry_task_free(*t);
	x1_answer(x, m, x1_generic_error(m->type),
		x1_publish_error_text(large ? POI_ERR_TOO_LARGE : POI_ERR_NOMEM));
	return false;
}

// Reads the details. Returns false, with the request answered, if they are refused.
static bool may_activate(struct exchange *x, const struct x1_message *m,
	struct channel_task *details, struct x1_task_room *room)
{
	struct control *c = x->dispatch->control;
	struct x1_refusal why;

	const struct registry_task *there = registry_task_find(c->registry, x->ne, &m->task->xid);

	if (there && there->removing)
		x1_answer_removing(x, m, X1_ERR_XID_EXISTS, &m->task->xid);
	else if (there)
		x1_answer_id(x, m, X1_ERR_XID_EXISTS, &m->task->xid);
	else if (x1_task_build(c->config, c->registry, x->ne, m->task, NULL, details, room, &why))
		x1_refused(x, m, &why);
	else if (registry_task_count(c->registry, x->ne) >= c->config->limits.tasks)
		x1_answer(x, m, X1_ERR_ACTIVATE, "the configured number of tasks is reached");
	else if (publish_state(c->publish) != PUBLISH_READY)
		x1_answer(x, m, X1_ERR_ACTIVATE, x1_no_dataplane);
	else
		return true;
	return false;
}

void x1_activate_task(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct channel_task details;
	struct x1_task_room room;
	struct registry_task *t;
	struct x1_operation *op;

	if (!may_activate(x, m, &details, &room) || !make_task(x, m, &details, &room, &t, &op))
		return;
	t->activated_ns = now_wall_ns();
	int rc = registry_task_add(c->registry, t);
	if (rc) {
		registry_task_free(t);
	} else {
		rc = persistence_task(c, t, &op->position);
		if (!rc)
			rc = publish_task_put(c->publish, t, activated, op);
		if (rc) {
			persistence_task_gone(c, x->ne, &m->task->xid);
			registry_task_remove(c->registry, t);
		}
	}
	if (rc)
		x1_operation_finish(op, X1_ERR_ACTIVATE, x1_publish_error_text(rc));
}

// ModifyTask: total replacement, all or nothing; the old details stay in force until the new are.

// Stores details that are in force at the dataplane. Returns 0, or IO if they are not on disk.
static int keep_modified(struct x1_operation *op, const struct registry_task *new)
{
	struct control *c = control_of(op);
	int rc = persistence_kept(c, &op->position) ? 0 : POI_ERR_IO;

	if (!rc && persistence_rewritten(c, &op->position))
		rc = persistence_task(c, new, NULL);
	return rc ? POI_ERR_IO : 0;
}

// Ends the modification: the old details stay in force, if the task still exists.
static void not_modified(
	struct x1_operation *op, struct registry_task *old, struct registry_task *new, int result)
{
	if (!old && result != POI_ERR_CLOSED)
		take_back(op);
	if (old && (old->memo_pending || new->pending != PENDING_NONE))
		publish_task_memo(publish_of(op), old);
	registry_task_free(new);
	x1_operation_finish(
		op, X1_ERR_MODIFY, old ? x1_publish_error_text(result) : stopped_meanwhile);
}

static void modified(void *context, int result, const struct channel_task_status *status)
{
	struct x1_operation *op = context;
	struct registry *r = registry_of(op);
	struct registry_task *old = registry_task_find(r, op->ne, &op->id);
	struct registry_task *new = op->task;

	op->task = NULL;
	registry_refer(r, new, -1);
	if (old)
		old->modifying = false;
	if (old && !result)
		result = keep_modified(op, new);
	if (old && result) { // keep the old details
		(void)persistence_task(control_of(op), old, NULL);
		if (result != POI_ERR_CLOSED)
			put_back(op, old);
	}
	if (result || !old) {
		not_modified(op, old, new, result);
		return;
	}
	bool memo = new->pending != PENDING_NONE || old->faults || old->memo_pending;
	new->pending = PENDING_NONE;
	new->state = TASK_COMPLETE;
	result = registry_task_replace(r, new);
	if (result) { // a destination vanished: excluded by the references held
		log_error("registry: a modification could not be kept: %s", poi_error_text(result));
		registry_task_free(new);
		x1_operation_finish(op, X1_ERR_MODIFY, poi_error_text(result));
		return;
	}
	(void)fault_request_over(control_of(op), ISSUE_TASK, op->ne, &op->id, &new->faults);
	if (memo)
		publish_task_memo(publish_of(op), new);
	x1_operation_finish(op, 0, NULL);
}

// Reads the details. Returns false, with the request answered, if they are refused.
static bool may_modify(struct exchange *x, const struct x1_message *m,
	const struct registry_task *old, struct channel_task *details, struct x1_task_room *room)
{
	struct control *c = x->dispatch->control;
	struct x1_refusal why;

	if (!old)
		x1_answer_id(x, m, X1_ERR_XID_UNKNOWN, &m->task->xid);
	else if (old->removing)
		x1_answer_removing(x, m, X1_ERR_MODIFY, &m->task->xid);
	else if (x1_task_build(c->config, c->registry, x->ne, m->task, old, details, room, &why))
		x1_refused(x, m, &why);
	else if (publish_state(c->publish) != PUBLISH_READY)
		x1_answer(x, m, X1_ERR_MODIFY, x1_no_dataplane);
	else if (old->modifying || old->state != TASK_COMPLETE)
		x1_answer(
			x, m, X1_ERR_MODIFY, "another request for this task is not completed yet");
	else if (registry_task_objects_change(c->registry, old))
		x1_answer(x, m, X1_ERR_MODIFY,
			"another request for a set of this task is not completed yet");
	else
		return true;
	return false;
}

void x1_modify_task(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct registry_task *new, *old = registry_task_find(c->registry, x->ne, &m->task->xid);
	struct channel_task details;
	struct x1_task_room room;
	struct x1_operation *op;

	if (!may_modify(x, m, old, &details, &room) || !make_task(x, m, &details, &room, &new, &op))
		return;
	new->activated_ns = old->activated_ns;
	new->modifications = old->modifications + 1;
	new->before = old->before; // the new memo contains them
	new->modified_ns = now_wall_ns();
	op->task = new;
	int rc = persistence_task(c, new, &op->position);
	if (!rc)
		rc = publish_task_put(c->publish, new, modified, op);
	if (rc) {
		(void)persistence_task(c, old, NULL);
		op->task = NULL;
		registry_task_free(new);
		x1_operation_finish(op, X1_ERR_MODIFY, x1_publish_error_text(rc));
		return;
	}
	old->modifying = true;
	registry_refer(c->registry, new, 1);
}

// DeactivateTask. Without a dataplane nothing is captured, so removal from the registry is enough
// (decision 12).

void x1_task_gone(struct x1_operation *op, const struct id16 *xid)
{
	struct registry_task *t = registry_task_find(registry_of(op), op->ne, xid);

	if (t) {
		if (!op->dispatch->stopping)
			issue_task_leaves(control_of(op), t, &op->transaction);
		registry_task_remove(registry_of(op), t);
	}
	persistence_task_gone(control_of(op), op->ne, xid);
}

void x1_task_stays(struct x1_operation *op, const struct id16 *xid)
{
	struct registry_task *t = registry_task_find(registry_of(op), op->ne, xid);

	if (!t)
		return;
	t->removing = false;
	(void)persistence_task(control_of(op), t, NULL); // a rewrite of the store has left it out
	put_back(op, t);
}

static void deactivated(void *context, int result, const struct channel_task_status *status)
{
	struct x1_operation *op = context;

	if (removed_there(result)) {
		x1_task_gone(op, &op->id);
		x1_operation_finish(op, 0, NULL);
		return;
	}
	x1_task_stays(op, &op->id);
	x1_operation_finish(op, X1_ERR_DEACTIVATE, x1_publish_error_text(result));
}

void x1_deactivate_task(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct registry_task *t = registry_task_find(c->registry, x->ne, &m->id);

	if (!t && x->joined) { // removed by another request, which this one waited for
		x1_answer(x, m, 0, NULL);
		return;
	}
	if (!t || t->removing) {
		x1_answer_id(x, m, X1_ERR_XID_UNKNOWN, &m->id);
		return;
	}
	if (publish_state(c->publish) == PUBLISH_DOWN) {
		issue_task_leaves(c, t, NULL);
		registry_task_remove(c->registry, t);
		persistence_task_gone(c, x->ne, &m->id);
		x1_answer(x, m, 0, NULL);
		return;
	}
	struct x1_operation *op = x1_change_new(x, m, &m->id);
	if (!op) {
		x1_answer(x, m, X1_ERR_DEACTIVATE, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	int rc = publish_task_remove(c->publish, x->ne, &m->id, deactivated, op);
	if (rc)
		x1_operation_finish(op, X1_ERR_DEACTIVATE, x1_publish_error_text(rc));
	else
		t->removing = true;
}
