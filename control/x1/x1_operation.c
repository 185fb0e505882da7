// One X1 message that waits: for the dataplane, or for a list to be written.
#include "control/x1/x1_internal.h"

#include <stdlib.h>

#include "control/state/fault_raise.h"
#include "control/state/pending_reports.h"

struct x1_operation *x1_operation_new(struct exchange *x, const struct x1_message *m,
	const struct id16 *id, const struct x1_operation_kind *kind)
{
	struct x1_operation *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->kind = kind;
	op->dispatch = x->dispatch;
	op->exchange = x;
	op->message = m;
	op->type = m->type;
	op->ne = x->ne;
	op->transaction = m->transaction;
	if (id)
		op->id = *id;
	LIST_INSERT_HEAD(&x->operations, op, entry);
	x->waiting++;
	return op;
}

void x1_operation_detach(struct x1_operation *op)
{
	LIST_REMOVE(op, entry);
	op->exchange->waiting--;
	op->exchange = NULL;
	op->message = NULL;
}

void x1_operation_cancel(struct x1_operation *op)
{
	if (op->exchange)
		x1_operation_detach(op);
	if (op->kind->release)
		op->kind->release(op);
	free(op);
}

static void report_late(struct x1_operation *op, int code, const char *text)
{
	enum issue_scope scope = ISSUE_NE;

	switch (op->type) {
	case X1_ACTIVATE_TASK:
	case X1_MODIFY_TASK:
	case X1_DEACTIVATE_TASK:
		scope = ISSUE_TASK;
		break;
	case X1_CREATE_DESTINATION:
	case X1_MODIFY_DESTINATION:
	case X1_REMOVE_DESTINATION:
		scope = ISSUE_DESTINATION;
		break;
	default:
		break;
	}
	issue_actioned(op->dispatch->control, scope, op->ne, scope == ISSUE_NE ? NULL : &op->id,
		&op->transaction, code == 0, text);
}

void x1_operation_finish(struct x1_operation *op, int code, const char *text)
{
	struct exchange *x = op->exchange;

	if (!x) {
		if (!op->dispatch->stopping) {
			report_late(op, code, text);
			pending_reports_done(op->dispatch->control->pending_reports, op->ne, &op->transaction);
		}
		free(op);
		return;
	}
	if (!op->dispatch->stopping)
		x1_answer(x, op->message, code, text);
	x1_operation_cancel(op);
	// During the execution of the container the count is kept up by x1_dispatch.c.
	if (!x->waiting)
		x1_respond(x);
}
