// Executes one message that has passed its checks.
#include "control/x1/x1_internal.h"

#include "control/state/fail_safe.h"
#include "control/state/fault_raise.h"
#include "control/state/persistence.h"

// Adopts the minor of the ADMF's requests for reports. `code`: result of the message's check.
static void note_minor(struct exchange *x, const struct x1_message *m, int code)
{
	struct control *c = x->dispatch->control;
	unsigned minor = x1_version_minor(m->version);
	uint16_t kept = minor > X1_MINOR_CORE ? (uint16_t)minor : 0;

	if (code == X1_ERR_ADMF_MISMATCH || code == X1_ERR_NOT_RESPONSIBLE ||
		code == X1_ERR_NE_MISMATCH || code == X1_ERR_VERSION ||
		kept == c->admf_minor[x->ne])
		return;
	c->admf_minor[x->ne] = kept;
	if (c->faults_changed) // the next process reads both from one memo
		c->faults_changed(c, x->ne);
}

void x1_heard(struct exchange *x, uint32_t index)
{
	struct control *c = x->dispatch->control;

	// The contact of a late message was counted at its arrival.
	if (x->late || x1_check_identity(x, &x->container->messages[index], x->certificate[index]))
		return;
	publish_heard(c->publish, x->ne);
	persistence_heard(c, x->ne);
	fail_safe_heard(c, x->ne);
}

static void ping(struct exchange *x, const struct x1_message *m)
{
	x1_answer(x, m, 0, NULL);
}

static void keepalive(struct exchange *x, const struct x1_message *m)
{
	if (x->dispatch->control->config->nes[x->ne].x1.keepalive.enabled)
		x1_answer(x, m, 0, NULL);
	else
		x1_answer(x, m, X1_ERR_KEEPALIVE_DISABLED, "keepalives are disabled");
}

typedef void (*execution)(struct exchange *x, const struct x1_message *m);

// Returns the function that executes a request of type `t`.
static execution execution_of(enum x1_request_type t)
{
	static const execution known[X1_REQUEST_COUNT] = {
		[X1_ACTIVATE_TASK] = x1_activate_task,
		[X1_MODIFY_TASK] = x1_modify_task,
		[X1_DEACTIVATE_TASK] = x1_deactivate_task,
		[X1_DEACTIVATE_ALL_TASKS] = x1_deactivate_all_tasks,
		[X1_CREATE_DESTINATION] = x1_create_destination,
		[X1_MODIFY_DESTINATION] = x1_modify_destination,
		[X1_REMOVE_DESTINATION] = x1_remove_destination,
		[X1_REMOVE_ALL_DESTINATIONS] = x1_remove_all_destinations,
		[X1_LIST_ALL_DETAILS] = x1_list_request,
		[X1_GET_ALL_DETAILS] = x1_list_request,
		[X1_GET_ALL_TASK_DETAILS] = x1_list_request,
		[X1_GET_ALL_DESTINATION_DETAILS] = x1_list_request,
		[X1_CREATE_OBJECT] = x1_create_object,
		[X1_MODIFY_OBJECT] = x1_modify_object,
		[X1_DELETE_OBJECT] = x1_delete_object,
		[X1_DELETE_ALL_OBJECTS] = x1_delete_all_objects,
		[X1_LIST_OBJECTS_OF_TYPE] = x1_list_request,
		[X1_GET_ALL_GENERIC_OBJECT_DETAILS] = x1_list_request,
		[X1_PING] = ping,
		[X1_KEEPALIVE] = keepalive,
	};

	return known[t] ? known[t] : x1_query_request;
}

bool x1_is_list(enum x1_request_type t)
{
	return execution_of(t) == x1_list_request;
}

static void change(struct exchange *x, const struct x1_message *m, bool unaudited)
{
	// Removals are executed even without an audit line (decision 19).
	if (unaudited && x1_adds(m->type))
		x1_answer(x, m, x1_generic_error(m->type), "the audit log cannot be written");
	else
		execution_of(m->type)(x, m);
}

void x1_execute(struct exchange *x, uint32_t index)
{
	const struct x1_message *m = &x->container->messages[index];
	const char *text;
	int code = x1_check(x, index, &text);

	x1_heard(x, index);
	note_minor(x, m, code);
	if (code)
		x1_answer_noted(x, m, code, text, x1_check_note(code, text));
	else if (x1_is_change(m->type))
		change(x, m, x->unaudited[index]);
	else
		execution_of(m->type)(x, m);
	if (x->started) // a late message whose operation is in progress
		x1_note_pending(x->started);
	x->started = NULL;
	x->joined = false;
}
