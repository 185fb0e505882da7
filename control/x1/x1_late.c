// Reports of requests that were answered `Acknowledged` (TS 103 221-1 clause 5.2.2).
#include "control/x1/x1_internal.h"

#include "control/state/fault_raise.h"
#include "control/state/pending_reports.h"
#include "control/state/persistence.h"

const struct id16 *x1_message_id(const struct x1_message *m)
{
	if (m->task)
		return &m->task->xid;
	if (m->destination)
		return &m->destination->did;
	if (m->object)
		return &m->object->id;
	return m->has_id ? &m->id : NULL;
}

bool x1_changes_users(enum x1_request_type t)
{
	switch (t) {
	case X1_ACTIVATE_TASK:
	case X1_MODIFY_TASK:
	case X1_DEACTIVATE_TASK:
	case X1_DEACTIVATE_ALL_TASKS:
	case X1_CREATE_OBJECT:
	case X1_MODIFY_OBJECT:
	case X1_DELETE_OBJECT:
	case X1_DELETE_ALL_OBJECTS:
		return true;
	default:
		return false;
	}
}

static enum issue_scope scope_of(enum x1_request_type t)
{
	switch (t) {
	case X1_ACTIVATE_TASK:
	case X1_MODIFY_TASK:
	case X1_DEACTIVATE_TASK:
		return ISSUE_TASK;
	case X1_CREATE_DESTINATION:
	case X1_MODIFY_DESTINATION:
	case X1_REMOVE_DESTINATION:
		return ISSUE_DESTINATION;
	default:
		return ISSUE_NE;
	}
}

// Returns true if the task or destination of a failed request still exists, as it was before.
static bool goes_on(
	const struct registry *r, enum x1_request_type t, uint16_t ne, const struct id16 *id)
{
	switch (t) {
	case X1_MODIFY_TASK:
	case X1_DEACTIVATE_TASK:
		return registry_task_find(r, ne, id) != NULL;
	case X1_MODIFY_DESTINATION:
	case X1_REMOVE_DESTINATION:
		return registry_destination_find(r, ne, id) != NULL;
	default:
		return false;
	}
}

static void publish_memo(
	struct control *c, enum issue_scope scope, uint16_t ne, const struct id16 *id)
{
	struct registry_task *t = registry_task_find(c->registry, ne, id);
	struct registry_destination *d = registry_destination_find(c->registry, ne, id);

	if (scope == ISSUE_TASK && t)
		publish_task_memo(c->publish, t);
	else if (scope == ISSUE_DESTINATION && d)
		publish_destination_memo(c->publish, d);
}

// Stores the state after a report: no request is pending, and a fault may be new. The next process
// may have nothing but the store.
static void store_state(
	struct control *c, enum issue_scope scope, uint16_t ne, const struct id16 *id)
{
	const struct registry_task *t = registry_task_find(c->registry, ne, id);
	const struct registry_destination *d = registry_destination_find(c->registry, ne, id);

	if (scope == ISSUE_TASK && t)
		persistence_task_state(c, t);
	else if (scope == ISSUE_DESTINATION && d)
		persistence_destination_state(c, d);
}

void x1_report_late(struct x1_dispatch *d, enum x1_request_type type, uint16_t ne,
	const struct id16 *id, const struct id16 *transaction, int code, const char *text)
{
	struct control *c = d->control;
	enum issue_scope scope = scope_of(type);

	if (code && goes_on(c->registry, type, ne, id)) {
		issue_not_actioned(c, scope, ne, id, transaction, code, text);
		publish_memo(c, scope, ne, id);
	} else {
		issue_actioned(
			c, scope, ne, scope == ISSUE_NE ? NULL : id, transaction, code, text);
	}
	if (scope != ISSUE_NE)
		store_state(c, scope, ne, id);
	pending_reports_done(c->pending_reports, ne, transaction);
}
