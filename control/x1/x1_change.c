// Functions that all state changes share: error codes, bulk requests, and the answer at TIME1.
#include "control/x1/x1_change_internal.h"

#include "control/state/pending_reports.h"
#include "shared/log.h"
#include "shared/now.h"

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

bool x1_adds(enum x1_request_type t)
{
	return t == X1_ACTIVATE_TASK || t == X1_MODIFY_TASK || t == X1_CREATE_DESTINATION ||
	       t == X1_MODIFY_DESTINATION || t == X1_CREATE_OBJECT || t == X1_MODIFY_OBJECT;
}

bool x1_is_change(enum x1_request_type t)
{
	return x1_generic_error(t) != X1_ERR_GENERIC || t == X1_CREATE_OBJECT ||
	       t == X1_MODIFY_OBJECT || t == X1_DELETE_OBJECT || t == X1_DELETE_ALL_OBJECTS;
}

const char *x1_publish_error_text(int rc)
{
	return rc == POI_ERR_TOO_LARGE ? "the details are larger than 64 KiB"
	       : rc == POI_ERR_CLOSED  ? x1_no_dataplane
	       : rc == POI_ERR_IO      ? "the sealed store cannot be written"
				       : poi_error_text(rc);
}

void x1_put_back(void *context, int result, const struct channel_task_status *status)
{
	if (result && result != POI_ERR_CLOSED)
		log_error("channel: what was put back was refused: %s", poi_error_text(result));
}

void x1_put_back_begun(int rc)
{
	if (rc && rc != POI_ERR_CLOSED)
		log_error(
			"channel: what was in force could not be put back: %s", poi_error_text(rc));
}

void x1_bulk_wait(struct x1_operation *op)
{
	op->remaining++;
	op->in_bulk = true;
	LIST_INSERT_HEAD(&op->dispatch->bulk, op, bulk_entry);
}

// Returns true if an object of the bulk request is being removed by another request. Sets *left if
// any task of the request is still in the registry.
static bool others_remove(const struct x1_operation *op, bool *left)
{
	const struct registry *r = registry_of(op);
	const struct registry_task *t = NULL;
	const struct registry_destination *d = NULL;

	*left = false;
	if (op->type == X1_DEACTIVATE_ALL_TASKS)
		t = registry_task_first(r, op->ne);
	else
		d = registry_destination_first(r, op->ne);
	for (; t; t = registry_task_next(t)) {
		if (t->order > op->asked_order) // activated after the request, as are all behind it
			break;
		*left = true;
		if (t->removing)
			return true;
	}
	for (; d; d = registry_destination_next(d)) {
		if (d->removing)
			return true;
	}
	return false;
}

void x1_bulk_recheck(struct x1_dispatch *d)
{
	struct x1_operation *op, *next;
	bool left;

	for (op = LIST_FIRST(&d->bulk); op; op = next) {
		next = LIST_NEXT(op, bulk_entry);
		if (others_remove(op, &left))
			continue;
		LIST_REMOVE(op, bulk_entry);
		op->in_bulk = false;
		if (left && !op->result && op->type == X1_DEACTIVATE_ALL_TASKS)
			op->result = POI_ERR_IN_USE; // a removal failed
		x1_bulk_step(op);
	}
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

// Adds a removal to the pending reports: once the object is removed, nothing else records the
// request.
static void note_removal(
	struct control *c, enum x1_request_type type, const struct pending_report *about)
{
	struct pending_report r = *about;

	switch (type) {
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
	pending_reports_add(c->pending_reports, &r);
}

void x1_note_unbegun(struct exchange *x, const struct x1_message *m)
{
	const struct id16 *id = x1_message_id(m);
	struct pending_report r = {
		.ne = x->ne, .transaction = m->transaction, .asked_ns = now_wall_ns()};

	if (id)
		r.id = *id;
	note_removal(x->dispatch->control, m->type, &r);
}

void x1_note_pending(struct x1_operation *op)
{
	struct registry_task *t = registry_task_find(registry_of(op), op->ne, &op->id);
	struct registry_destination *d;
	struct pending_report r = {.ne = op->ne,
		.id = op->id,
		.transaction = op->transaction,
		.asked_ns = op->asked_ns};

	if (!op->noted)
		note_removal(control_of(op), op->type, &r);
	op->noted = true;
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

// Answers the request `Acknowledged` at TIME1, and records in memo and store that its end is still
// to be reported.
static void time_up(struct x1_operation *op)
{
	x1_acknowledge(op->exchange, op->message);
	x1_operation_detach(op);
	x1_note_pending(op);
}

struct x1_operation *x1_change_new(
	struct exchange *x, const struct x1_message *m, const struct id16 *id)
{
	static const struct x1_operation_kind kind = {.time_up = time_up, .changes = true};

	return x1_operation_new(x, m, id, &kind);
}
