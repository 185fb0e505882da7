// State changes: ActivateTask, ModifyTask, DeactivateTask, DeactivateAllTasks (TS 103 221-1 clause
// 6.2), and the way to those of destinations.
// Operations keep keys, not pointers: the fail-safe may take a task away while they wait.
#include "control/x1/x1_change_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "control/state/pending_reports.h"
#include "control/x1/x1_destination.h"
#include "shared/log.h"

static const char no_store[] = "the sealed store cannot be written";
static const char no_audit[] = "the audit log cannot be written";

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int x1_generic_error(enum x1_request_type t)
{
	switch (t) {
	case X1_ACTIVATE_TASK:
		return X1_ERR_ACTIVATE;
	case X1_MODIFY_TASK:
		return X1_ERR_MODIFY;
	case X1_DEACTIVATE_TASK:
		return X1_ERR_DEACTIVATE;
	case X1_DEACTIVATE_ALL_TASKS:
		return X1_ERR_DEACTIVATE_ALL;
	case X1_CREATE_DESTINATION:
		return X1_ERR_DESTINATION;
	case X1_MODIFY_DESTINATION:
		return X1_ERR_DESTINATION_MODIFY;
	case X1_REMOVE_DESTINATION:
		return X1_ERR_DESTINATION_REMOVE;
	case X1_REMOVE_ALL_DESTINATIONS:
		return X1_ERR_REMOVE_ALL;
	default:
		return X1_ERR_GENERIC;
	}
}

bool x1_is_change(enum x1_request_type t)
{
	return x1_generic_error(t) != X1_ERR_GENERIC;
}

const char *x1_publish_error_text(int rc)
{
	return rc == POI_ERR_TOO_LARGE ? "the details are larger than 64 KiB"
	       : rc == POI_ERR_CLOSED  ? x1_no_dataplane
	       : rc == POI_ERR_IO      ? no_store
				       : poi_error_text(rc);
}

void x1_answer_id(struct exchange *x, const struct x1_message *m, int code, const struct id16 *id)
{
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	x1_answer(x, m, code, text);
}

void x1_bulk_step(struct x1_operation *op)
{
	if (--op->remaining)
		return;
	if (op->result)
		x1_operation_finish(
			op, x1_generic_error(op->type), x1_publish_error_text(op->result));
	else
		x1_operation_finish(op, 0, NULL);
}

void x1_put_back(void *context, int result, const struct channel_task_status *status)
{
	if (result && result != POI_ERR_CLOSED)
		log_error("channel: what was put back was refused: %s", poi_error_text(result));
}

// What the dataplane was given is not wanted any more. Also where it was refused: when memory runs
// out there the change stays, and waits for the next publication.
static void take_back(struct x1_operation *op)
{
	int rc = publish_task_remove(publish_of(op), op->ne, &op->id, NULL, NULL);

	if (rc && rc != POI_ERR_CLOSED)
		log_error("channel: a task that is gone could not be taken back: %s",
			poi_error_text(rc));
}

// A change of `t` was refused, or is not kept: what is known here is put again, for the change may
// wait there for the next publication.
static void put_back(struct x1_operation *op, const struct registry_task *t)
{
	if (t->removing) // it is on its way: nothing may come behind it
		return;
	int rc = publish_task_put(publish_of(op), t, x1_put_back, NULL);
	if (rc && rc != POI_ERR_CLOSED)
		log_error("channel: a task could not be put back: %s", poi_error_text(rc));
}

// ActivateTask.

static void activated(void *context, int result, const struct channel_task_status *status)
{
	struct x1_operation *op = context;
	struct registry_task *t = registry_task_find(registry_of(op), op->ne, &op->id);

	if (!t) { // stopped meanwhile
		if (result != POI_ERR_CLOSED)
			take_back(op);
		x1_operation_finish(op, X1_ERR_ACTIVATE, "the task was stopped meanwhile");
		return;
	}
	if (result == POI_ERR_CLOSED && !op->exchange && !op->dispatch->stopping) {
		// Answered `Acknowledged`: the replay to the next dataplane completes it, unless
		// the deactivation behind it is done with the dataplane's end.
		if (!t->removing) {
			x1_operation_cancel(op);
			return;
		}
		if (t->pending == PENDING_ACTIVATE)
			t->pending = PENDING_NONE;
		x1_operation_finish(op, X1_ERR_ACTIVATE, "the task was stopped meanwhile");
		return;
	}
	if (!result && !persistence_kept(control_of(op), &op->mark))
		result = POI_ERR_IO;
	// A destination that failed, and was there all the same when the task came.
	if (!result && !registry_destinations_known(registry_of(op), t))
		result = POI_ERR_NOT_FOUND;
	if (result) {
		if (result != POI_ERR_CLOSED)
			take_back(op);
		registry_task_remove(registry_of(op), t);
		persistence_task_gone(control_of(op), op->ne, &op->id);
		x1_operation_finish(op, X1_ERR_ACTIVATE, x1_publish_error_text(result));
		return;
	}
	t->state = TASK_COMPLETE;
	if (t->pending == PENDING_ACTIVATE) {
		t->pending = PENDING_NONE;
		publish_task_memo(publish_of(op), t);
	}
	x1_operation_finish(op, 0, NULL);
}

static void activate(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct channel_task details;
	uint8_t matched[CHANNEL_MATCHED_MAX];
	struct x1_refusal why;

	if (registry_task_find(c->registry, x->ne, &m->task->xid)) {
		x1_answer_id(x, m, X1_ERR_XID_EXISTS, &m->task->xid);
		return;
	}
	if (x1_task_build(c->config, c->registry, x->ne, m->task, NULL, &details, matched, &why)) {
		x1_answer(x, m, why.code, why.text);
		return;
	}
	if (registry_task_count(c->registry, x->ne) >= c->config->limits.tasks) {
		x1_answer(x, m, X1_ERR_ACTIVATE, "the configured number of tasks is reached");
		return;
	}
	if (publish_state(c->publish) != PUBLISH_READY) {
		x1_answer(x, m, X1_ERR_ACTIVATE, x1_no_dataplane);
		return;
	}
	struct registry_task *t =
		registry_task_new(x->ne, &details, m->task->xml, m->task->xml_length);
	struct x1_operation *op = t ? x1_operation_new(x, m, &m->task->xid) : NULL;
	if (!op) {
		registry_task_free(t);
		x1_answer(x, m, X1_ERR_ACTIVATE,
			x1_publish_error_text(m->task->xml_length > CHANNEL_MEMO_MAX
						      ? POI_ERR_TOO_LARGE
						      : POI_ERR_NOMEM));
		return;
	}
	t->implicit = m->task->has_implicit && m->task->implicit_deactivation;
	t->activated_ns = now_ns();
	int rc = registry_task_add(c->registry, t);
	if (rc) {
		registry_task_free(t);
	} else {
		rc = persistence_task(c, t, &op->mark);
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

// New details are in force there. 0 or IO: they are not on disk.
static int keep_modified(struct x1_operation *op, const struct registry_task *new)
{
	struct control *c = control_of(op);
	int rc = persistence_kept(c, &op->mark) ? 0 : POI_ERR_IO;

	if (!rc && persistence_rewritten(c, &op->mark))
		rc = persistence_task(c, new, NULL);
	return rc ? POI_ERR_IO : 0;
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
	if (old && result) { // as it was
		(void)persistence_task(control_of(op), old, NULL);
		if (result != POI_ERR_CLOSED)
			put_back(op, old);
	}
	if (result || !old) {
		if (!old && result != POI_ERR_CLOSED)
			take_back(op);
		if (old && (old->memo_owed || new->pending != PENDING_NONE))
			publish_task_memo(publish_of(op), old);
		registry_task_free(new);
		x1_operation_finish(op, X1_ERR_MODIFY,
			old ? x1_publish_error_text(result) : "the task was stopped meanwhile");
		return;
	}
	bool memo = new->pending != PENDING_NONE || old->faults || old->memo_owed;
	new->pending = PENDING_NONE;
	new->state = TASK_COMPLETE;
	result = registry_task_replace(r, new);
	if (result) { // a destination vanished: excluded by the references held
		log_error("registry: a modification could not be kept: %s", poi_error_text(result));
		registry_task_free(new);
		x1_operation_finish(op, X1_ERR_MODIFY, poi_error_text(result));
		return;
	}
	if (memo)
		publish_task_memo(publish_of(op), new);
	x1_operation_finish(op, 0, NULL);
}

static void modify(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct channel_task details;
	uint8_t matched[CHANNEL_MATCHED_MAX];
	struct x1_refusal why;
	struct registry_task *old = registry_task_find(c->registry, x->ne, &m->task->xid);

	if (!old || old->removing) {
		x1_answer_id(x, m, X1_ERR_XID_UNKNOWN, &m->task->xid);
		return;
	}
	if (x1_task_build(c->config, c->registry, x->ne, m->task, old, &details, matched, &why)) {
		x1_answer(x, m, why.code, why.text);
		return;
	}
	if (publish_state(c->publish) != PUBLISH_READY) {
		x1_answer(x, m, X1_ERR_MODIFY, x1_no_dataplane);
		return;
	}
	if (old->modifying || old->state != TASK_COMPLETE) {
		x1_answer(
			x, m, X1_ERR_MODIFY, "another request for this task is not completed yet");
		return;
	}
	struct registry_task *new =
		registry_task_new(x->ne, &details, m->task->xml, m->task->xml_length);
	struct x1_operation *op = new ? x1_operation_new(x, m, &m->task->xid) : NULL;
	if (!op) {
		registry_task_free(new);
		x1_answer(x, m, X1_ERR_MODIFY,
			x1_publish_error_text(m->task->xml_length > CHANNEL_MEMO_MAX
						      ? POI_ERR_TOO_LARGE
						      : POI_ERR_NOMEM));
		return;
	}
	new->implicit = m->task->has_implicit && m->task->implicit_deactivation;
	new->activated_ns = old->activated_ns;
	new->modifications = old->modifications + 1;
	new->modified_ns = now_ns();
	op->task = new;
	int rc = persistence_task(c, new, &op->mark);
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

// DeactivateTask and DeactivateAllTasks. A dataplane that is gone captures nothing: the registry's
// side is enough then (decision 12).

static void task_gone(struct x1_operation *op, const struct id16 *xid)
{
	struct registry_task *t = registry_task_find(registry_of(op), op->ne, xid);

	if (t) {
		if (!op->dispatch->stopping)
			events_task_leaves(control_of(op), t, &op->transaction);
		registry_task_remove(registry_of(op), t);
	}
	persistence_task_gone(control_of(op), op->ne, xid);
}

static void deactivated(void *context, int result, const struct channel_task_status *status)
{
	struct x1_operation *op = context;
	struct registry_task *t = registry_task_find(registry_of(op), op->ne, &op->id);

	if (removed_there(result)) {
		task_gone(op, &op->id);
		x1_operation_finish(op, 0, NULL);
		return;
	}
	if (t) {
		t->removing = false;
		put_back(op, t);
	}
	x1_operation_finish(op, X1_ERR_DEACTIVATE, x1_publish_error_text(result));
}

static void deactivate(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct registry_task *t = registry_task_find(c->registry, x->ne, &m->id);

	if (!t || t->removing) {
		x1_answer_id(x, m, X1_ERR_XID_UNKNOWN, &m->id);
		return;
	}
	if (publish_state(c->publish) == PUBLISH_DOWN) {
		events_task_leaves(c, t, NULL);
		registry_task_remove(c->registry, t);
		persistence_task_gone(c, x->ne, &m->id);
		x1_answer(x, m, 0, NULL);
		return;
	}
	struct x1_operation *op = x1_operation_new(x, m, &m->id);
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

static void deactivated_part(void *context, int result, const struct channel_task_status *status)
{
	struct part *part = context;
	struct x1_operation *op = part->op;
	struct registry_task *t = registry_task_find(registry_of(op), op->ne, &part->id);

	if (removed_there(result)) {
		task_gone(op, &part->id);
	} else {
		if (t) {
			t->removing = false;
			put_back(op, t);
		}
		op->result = op->result ? op->result : result;
	}
	free(part);
	x1_bulk_step(op);
}

static void deactivate_all(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct registry_task *next;

	if (!c->config->nes[x->ne].x1.deactivate_all_tasks) {
		x1_answer(x, m, X1_ERR_DEACTIVATE_ALL_DISABLED,
			"DeactivateAllTasks message is not enabled");
		return;
	}
	struct x1_operation *op = x1_operation_new(x, m, NULL);
	if (!op) {
		x1_answer(x, m, X1_ERR_DEACTIVATE_ALL, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	bool down = publish_state(c->publish) == PUBLISH_DOWN;
	op->asked_ns = now_ns();
	op->remaining = 1; // this loop
	for (struct registry_task *t = registry_task_first(c->registry, x->ne); t; t = next) {
		next = t->next;
		if (down) {
			persistence_task_gone(c, x->ne, &t->xid);
			events_task_leaves(c, t, NULL);
			registry_task_remove(c->registry, t);
			continue;
		}
		struct part *part = malloc(sizeof(*part));
		if (part)
			*part = (struct part){op, t->xid};
		int rc = part ? publish_task_remove(
					c->publish, x->ne, &t->xid, deactivated_part, part)
			      : POI_ERR_NOMEM;
		if (rc) {
			free(part);
			op->result = rc;
			continue;
		}
		t->removing = true;
		op->remaining++;
	}
	x1_bulk_step(op);
}

void x1_change(struct exchange *x, const struct x1_message *m, bool unaudited)
{
	bool adds = m->type == X1_ACTIVATE_TASK || m->type == X1_MODIFY_TASK ||
		    m->type == X1_CREATE_DESTINATION || m->type == X1_MODIFY_DESTINATION;

	if (unaudited && adds) { // what takes away is done all the same (decision 19)
		x1_answer(x, m, x1_generic_error(m->type), no_audit);
		return;
	}
	switch (m->type) {
	case X1_ACTIVATE_TASK:
		activate(x, m);
		return;
	case X1_MODIFY_TASK:
		modify(x, m);
		return;
	case X1_DEACTIVATE_TASK:
		deactivate(x, m);
		return;
	case X1_DEACTIVATE_ALL_TASKS:
		deactivate_all(x, m);
		return;
	case X1_CREATE_DESTINATION:
		x1_create_destination(x, m);
		return;
	case X1_MODIFY_DESTINATION:
		x1_modify_destination(x, m);
		return;
	case X1_REMOVE_DESTINATION:
		x1_remove_destination(x, m);
		return;
	default:
		x1_remove_all_destinations(x, m);
		return;
	}
}

// What takes away leaves nothing that could say that it was asked.
static void owe(struct x1_operation *op)
{
	struct pending_report r = {.ne = op->ne,
		.id = op->id,
		.transaction = op->transaction,
		.asked_ns = op->asked_ns};

	switch (op->type) {
	case X1_DEACTIVATE_TASK:
		r.kind = PENDING_REPORT_DEACTIVATE;
		break;
	case X1_DEACTIVATE_ALL_TASKS:
		r.kind = PENDING_REPORT_DEACTIVATE_ALL;
		break;
	case X1_REMOVE_DESTINATION:
		r.kind = PENDING_REPORT_REMOVE;
		break;
	case X1_REMOVE_ALL_DESTINATIONS:
		r.kind = PENDING_REPORT_REMOVE_ALL;
		break;
	default:
		return;
	}
	pending_reports_add(control_of(op)->pending_reports, &r);
}

void x1_change_acknowledged(struct x1_operation *op)
{
	struct registry_task *t = registry_task_find(registry_of(op), op->ne, &op->id);
	struct registry_destination *d;

	owe(op);
	switch (op->type) {
	case X1_ACTIVATE_TASK:
	case X1_DEACTIVATE_TASK:
		if (!t)
			return;
		t->pending = op->type == X1_ACTIVATE_TASK ? PENDING_ACTIVATE : PENDING_DEACTIVATE;
		t->pending_transaction = op->transaction;
		publish_task_memo(publish_of(op), t);
		(void)persistence_task(control_of(op), t, NULL);
		return;
	case X1_MODIFY_TASK:
		op->task->pending = PENDING_MODIFY;
		op->task->pending_transaction = op->transaction;
		publish_task_memo(publish_of(op), op->task);
		(void)persistence_task(control_of(op), op->task, NULL);
		return;
	case X1_CREATE_DESTINATION:
		d = registry_destination_find(registry_of(op), op->ne, &op->id);
		if (d) {
			d->pending = true;
			d->pending_transaction = op->transaction;
			publish_destination_memo(publish_of(op), d);
			(void)persistence_destination(control_of(op), d, NULL);
		}
		return;
	case X1_MODIFY_DESTINATION:
		op->destination->pending = true;
		op->destination->pending_transaction = op->transaction;
		publish_destination_memo(publish_of(op), op->destination);
		(void)persistence_destination(control_of(op), op->destination, NULL);
		return;
	default:
		return;
	}
}
