// What state changes share: their error codes, bulk requests, and what becomes of one at TIME1.
#include "control/x1/x1_change_internal.h"

#include "control/state/pending_reports.h"
#include "shared/log.h"

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
	       : rc == POI_ERR_IO      ? "the sealed store cannot be written"
				       : poi_error_text(rc);
}

void x1_put_back(void *context, int result, const struct channel_task_status *status)
{
	if (result && result != POI_ERR_CLOSED)
		log_error("channel: what was put back was refused: %s", poi_error_text(result));
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

// What takes away leaves nothing that could say that it was asked.
static void note_removal(struct x1_operation *op)
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

static void note_pending(struct x1_operation *op)
{
	struct registry_task *t = registry_task_find(registry_of(op), op->ne, &op->id);
	struct registry_destination *d;

	note_removal(op);
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

// TIME1 has passed: the request is answered `Acknowledged`, and what must survive notes that it is
// pending.
static void time_up(struct x1_operation *op)
{
	struct exchange *x = op->exchange;
	struct x1_envelope e = x1_envelope_of(x, op->message);

	x1_response_ok(x1_out(x), &e, op->type, false);
	x->dispatch->control->counters.acknowledged++;
	x1_audit_answer(x, op->message, 0, "acknowledged");
	x1_operation_detach(op);
	note_pending(op);
}

struct x1_operation *x1_change_new(
	struct exchange *x, const struct x1_message *m, const struct id16 *id)
{
	static const struct x1_operation_kind kind = {.time_up = time_up};

	return x1_operation_new(x, m, id, &kind);
}
