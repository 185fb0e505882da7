// An X1 message that waits for the dataplane or for a list.
#include "control/x1/x1_internal.h"

#include <stdlib.h>

#include "control/state/fault_raise.h"

struct x1_operation *x1_operation_new(struct exchange *x, const struct x1_message *m,
	const struct id16 *id, const struct x1_operation_kind *kind)
{
	struct x1_operation *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->kind = kind;
	op->dispatch = x->dispatch;
	op->type = m->type;
	op->ne = x->ne;
	op->transaction = m->transaction;
	if (id)
		op->id = *id;
	x->user_operations += x1_changes_users(op->type);
	if (x->late) { // its response was sent
		op->origin = x;
		op->noted = true;
		x->started = op;
		LIST_INSERT_HEAD(&x->behind, op, entry);
		return op;
	}
	op->exchange = x;
	op->message = m;
	LIST_INSERT_HEAD(&x->operations, op, entry);
	x->waiting++;
	return op;
}

// Removes the operation from the lists of its exchange.
static void part(struct x1_operation *op)
{
	struct exchange *x = op->exchange ? op->exchange : op->origin;

	if (op->in_bulk)
		LIST_REMOVE(op, bulk_entry);
	op->in_bulk = false;
	if (!x)
		return;
	LIST_REMOVE(op, entry);
	x->user_operations -= x1_changes_users(op->type);
	x->waiting -= op->exchange != NULL;
	if (x->started == op)
		x->started = NULL;
	op->exchange = op->origin = NULL;
	op->message = NULL;
}

void x1_operation_detach(struct x1_operation *op)
{
	struct exchange *x = op->exchange;

	LIST_REMOVE(op, entry);
	x->waiting--;
	op->exchange = NULL;
	op->message = NULL;
	if (x->done < x->container->n_messages) { // these may depend on it
		op->origin = x;
		LIST_INSERT_HEAD(&x->behind, op, entry);
	} else {
		x->user_operations -= x1_changes_users(op->type);
	}
}

void x1_operation_cancel(struct x1_operation *op)
{
	part(op);
	if (op->kind->release)
		op->kind->release(op);
	free(op);
}

void x1_operation_finish(struct x1_operation *op, int code, const char *text)
{
	struct exchange *x = op->exchange;
	struct x1_dispatch *d = op->dispatch;

	x1_wake(d);
	if (!code && !d->stopping && op->kind->changes)
		fault_clear_ne(d->control, op->ne, FAULT_DATABASE,
			"the ADMF provisions the network element again");
	if (!x) {
		if (!d->stopping)
			x1_report_late(
				d, op->type, op->ne, &op->id, &op->transaction, code, text);
		part(op);
		free(op);
		return;
	}
	if (!d->stopping)
		x1_answer(x, op->message, code, text);
	x1_operation_cancel(op);
	// x1_dispatch.c holds the count during the execution of the container.
	if (!x->waiting)
		x1_respond(x);
}
