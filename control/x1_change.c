// State changes: ActivateTask, ModifyTask, DeactivateTask, DeactivateAllTasks, CreateDestination,
// ModifyDestination, RemoveDestination, RemoveAllDestinations (TS 103 221-1 clauses 6.2 and 6.3).
// Operations keep keys, not pointers: the fail-safe may take a task away while they wait.
#include "control/x1_dispatch_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "control/x1_destination.h"
#include "shared/log.h"

static const char no_dataplane[] = "the dataplane is not available";
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

static struct registry *registry_of(const struct x1_operation *op)
{
	return op->dispatch->control->registry;
}

static struct publish *publish_of(const struct x1_operation *op)
{
	return op->dispatch->control->publish;
}

static const char *publish_error_text(int rc)
{
	return rc == POI_ERR_TOO_LARGE ? "the details are larger than 64 KiB"
	       : rc == POI_ERR_CLOSED  ? no_dataplane
				       : poi_error_text(rc);
}

static void answer_id(
	struct exchange *x, const struct x1_message *m, int code, const struct id16 *id)
{
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	x1_answer(x, m, code, text);
}

// What the dataplane has just put in force is not wanted any more.
static void take_back(struct x1_operation *op)
{
	int rc = publish_task_remove(publish_of(op), op->ne, &op->id, NULL, NULL);

	if (rc && rc != POI_ERR_CLOSED)
		log_error("channel: a task that is gone could not be taken back: %s",
			poi_error_text(rc));
}

// ActivateTask.

static void activated(void *context, int result, const struct channel_task_status *status)
{
	struct x1_operation *op = context;
	struct registry_task *t = registry_task_find(registry_of(op), op->ne, &op->id);

	if (!t) { // stopped meanwhile
		if (!result)
			take_back(op);
		x1_operation_finish(op, X1_ERR_ACTIVATE, "the task was stopped meanwhile");
		return;
	}
	if (result == POI_ERR_CLOSED && !op->exchange && !op->dispatch->stopping) {
		// Answered `Acknowledged`: the replay to the next dataplane completes it.
		x1_operation_cancel(op);
		return;
	}
	if (result) {
		registry_task_remove(registry_of(op), t);
		x1_operation_finish(op, X1_ERR_ACTIVATE, publish_error_text(result));
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
	struct x1_refusal why;

	if (registry_task_find(c->registry, x->ne, &m->task->xid)) {
		answer_id(x, m, X1_ERR_XID_EXISTS, &m->task->xid);
		return;
	}
	if (x1_task_build(c->config, c->registry, x->ne, m->task, false, &details, &why)) {
		x1_answer(x, m, why.code, why.text);
		return;
	}
	if (registry_task_count(c->registry, x->ne) >= c->config->limits.tasks) {
		x1_answer(x, m, X1_ERR_ACTIVATE, "the configured number of tasks is reached");
		return;
	}
	if (publish_state(c->publish) != PUBLISH_READY) {
		x1_answer(x, m, X1_ERR_ACTIVATE, no_dataplane);
		return;
	}
	struct registry_task *t =
		registry_task_new(x->ne, &details, m->task->xml, m->task->xml_length);
	struct x1_operation *op = t ? x1_operation_new(x, m, &m->task->xid) : NULL;
	if (!op) {
		registry_task_free(t);
		x1_answer(x, m, X1_ERR_ACTIVATE,
			publish_error_text(m->task->xml_length > CHANNEL_MEMO_MAX
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
		rc = publish_task_put(c->publish, t, activated, op);
		if (rc)
			registry_task_remove(c->registry, t);
	}
	if (rc)
		x1_operation_finish(op, X1_ERR_ACTIVATE, publish_error_text(rc));
}

// ModifyTask: total replacement, all or nothing; the old details stay in force until the new are.

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
	if (result || !old) {
		if (!old && !result)
			take_back(op);
		registry_task_free(new);
		x1_operation_finish(op, X1_ERR_MODIFY,
			old ? publish_error_text(result) : "the task was stopped meanwhile");
		return;
	}
	bool memo = new->pending != PENDING_NONE || old->faults != NULL;
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
	struct x1_refusal why;
	struct registry_task *old = registry_task_find(c->registry, x->ne, &m->task->xid);

	if (!old || old->removing) {
		answer_id(x, m, X1_ERR_XID_UNKNOWN, &m->task->xid);
		return;
	}
	if (x1_task_build(c->config, c->registry, x->ne, m->task, true, &details, &why)) {
		x1_answer(x, m, why.code, why.text);
		return;
	}
	if (publish_state(c->publish) != PUBLISH_READY) {
		x1_answer(x, m, X1_ERR_MODIFY, no_dataplane);
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
			publish_error_text(m->task->xml_length > CHANNEL_MEMO_MAX
						   ? POI_ERR_TOO_LARGE
						   : POI_ERR_NOMEM));
		return;
	}
	new->implicit = m->task->has_implicit && m->task->implicit_deactivation;
	new->activated_ns = old->activated_ns;
	new->modifications = old->modifications + 1;
	new->modified_ns = now_ns();
	op->task = new;
	int rc = publish_task_put(c->publish, new, modified, op);
	if (rc) {
		op->task = NULL;
		registry_task_free(new);
		x1_operation_finish(op, X1_ERR_MODIFY, publish_error_text(rc));
		return;
	}
	old->modifying = true;
	registry_refer(c->registry, new, 1);
}

// DeactivateTask and DeactivateAllTasks. A dataplane that is gone captures nothing: the registry's
// side is enough then (decision 12).

static bool removed_there(int result)
{
	return !result || result == POI_ERR_NOT_FOUND || result == POI_ERR_CLOSED;
}

static void deactivated(void *context, int result, const struct channel_task_status *status)
{
	struct x1_operation *op = context;
	struct registry_task *t = registry_task_find(registry_of(op), op->ne, &op->id);

	if (removed_there(result)) {
		if (t)
			registry_task_remove(registry_of(op), t);
		x1_operation_finish(op, 0, NULL);
		return;
	}
	if (t)
		t->removing = false;
	x1_operation_finish(op, X1_ERR_DEACTIVATE, publish_error_text(result));
}

static void deactivate(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct registry_task *t = registry_task_find(c->registry, x->ne, &m->id);

	if (!t || t->removing) {
		answer_id(x, m, X1_ERR_XID_UNKNOWN, &m->id);
		return;
	}
	if (publish_state(c->publish) == PUBLISH_DOWN) {
		registry_task_remove(c->registry, t);
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
		x1_operation_finish(op, X1_ERR_DEACTIVATE, publish_error_text(rc));
	else
		t->removing = true;
}

struct part { // one object of a bulk request
	struct x1_operation *op;
	struct id16 id;
};

static void bulk_step(struct x1_operation *op)
{
	if (--op->remaining)
		return;
	if (op->result)
		x1_operation_finish(op, x1_generic_error(op->type), publish_error_text(op->result));
	else
		x1_operation_finish(op, 0, NULL);
}

static void deactivated_part(void *context, int result, const struct channel_task_status *status)
{
	struct part *part = context;
	struct x1_operation *op = part->op;
	struct registry_task *t = registry_task_find(registry_of(op), op->ne, &part->id);

	if (removed_there(result)) {
		if (t)
			registry_task_remove(registry_of(op), t);
	} else {
		if (t)
			t->removing = false;
		op->result = op->result ? op->result : result;
	}
	free(part);
	bulk_step(op);
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
	op->remaining = 1; // this loop
	for (struct registry_task *t = registry_task_first(c->registry, x->ne); t; t = next) {
		next = t->next;
		if (down) {
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
	bulk_step(op);
}

// Destinations.

static void created(void *context, int result, const struct channel_task_status *status)
{
	struct x1_operation *op = context;
	struct registry_destination *d =
		registry_destination_find(registry_of(op), op->ne, &op->id);

	if (result == POI_ERR_CLOSED && !op->exchange && d && !op->dispatch->stopping) {
		x1_operation_cancel(op); // the replay completes it
		return;
	}
	if (!d) {
		x1_operation_finish(
			op, X1_ERR_DESTINATION, "the destination was removed meanwhile");
		return;
	}
	if (result) {
		// Tasks on their way to it fail after it, for want of it.
		registry_destination_remove(registry_of(op), d);
		x1_operation_finish(op, X1_ERR_DESTINATION, publish_error_text(result));
		return;
	}
	d->ready = true;
	d->pending = false;
	x1_operation_finish(op, 0, NULL);
}

static void create(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	const struct x1_destination_details *details = m->destination;
	struct channel_destination channel;
	struct x1_refusal why;

	if (registry_destination_find(c->registry, x->ne, &details->did)) {
		answer_id(x, m, X1_ERR_DID_EXISTS, &details->did);
		return;
	}
	if (x1_destination_build(c->registry, x->ne, details, false, &channel, &why)) {
		x1_answer(x, m, why.code, why.text);
		return;
	}
	if (registry_destination_count(c->registry, x->ne) >= c->config->limits.destinations) {
		x1_answer(x, m, X1_ERR_DESTINATION,
			"the configured number of destinations is reached");
		return;
	}
	if (publish_state(c->publish) != PUBLISH_READY) {
		x1_answer(x, m, X1_ERR_DESTINATION, no_dataplane);
		return;
	}
	struct registry_destination *d =
		registry_destination_new(x->ne, &channel, details->xml, details->xml_length);
	struct x1_operation *op = d ? x1_operation_new(x, m, &details->did) : NULL;
	if (!op) {
		registry_destination_free(d);
		x1_answer(x, m, X1_ERR_DESTINATION, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	int rc = registry_destination_add(c->registry, d);
	if (rc) {
		registry_destination_free(d);
	} else {
		rc = publish_destination_put(c->publish, d, created, op);
		if (rc)
			registry_destination_remove(c->registry, d);
	}
	if (rc)
		x1_operation_finish(op, X1_ERR_DESTINATION, publish_error_text(rc));
}

static void destination_modified(
	void *context, int result, const struct channel_task_status *status)
{
	struct x1_operation *op = context;
	struct registry_destination *new = op->destination;
	struct registry_destination *old =
		registry_destination_find(registry_of(op), op->ne, &op->id);

	op->destination = NULL;
	if (old)
		old->modifying = false;
	if (!result) {
		new->ready = true;
		result = registry_destination_replace(registry_of(op), new);
	}
	if (result) {
		registry_destination_free(new);
		x1_operation_finish(op, X1_ERR_DESTINATION_MODIFY, publish_error_text(result));
		return;
	}
	x1_operation_finish(op, 0, NULL);
}

static void modify_destination(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	const struct x1_destination_details *details = m->destination;
	struct channel_destination channel;
	struct x1_refusal why;
	struct registry_destination *old =
		registry_destination_find(c->registry, x->ne, &details->did);

	if (!old || old->removing) {
		answer_id(x, m, X1_ERR_DID_UNKNOWN, &details->did);
		return;
	}
	if (x1_destination_build(c->registry, x->ne, details, true, &channel, &why)) {
		x1_answer(x, m, why.code, why.text);
		return;
	}
	if (old->references && (old->delivery & ~channel.delivery)) {
		x1_answer(x, m, X1_ERR_DESTINATION_MODIFY,
			"deliveryType: tasks that use the destination would lose it");
		return;
	}
	if (old->modifying || !old->ready) {
		x1_answer(x, m, X1_ERR_DESTINATION_MODIFY,
			"another request for this destination is not completed yet");
		return;
	}
	if (publish_state(c->publish) != PUBLISH_READY) {
		x1_answer(x, m, X1_ERR_DESTINATION_MODIFY, no_dataplane);
		return;
	}
	struct registry_destination *new =
		registry_destination_new(x->ne, &channel, details->xml, details->xml_length);
	struct x1_operation *op = new ? x1_operation_new(x, m, &details->did) : NULL;
	if (!op) {
		registry_destination_free(new);
		x1_answer(x, m, X1_ERR_DESTINATION_MODIFY, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	op->destination = new;
	int rc = publish_destination_put(c->publish, new, destination_modified, op);
	if (rc) {
		op->destination = NULL;
		registry_destination_free(new);
		x1_operation_finish(op, X1_ERR_DESTINATION_MODIFY, publish_error_text(rc));
		return;
	}
	old->modifying = true;
}

static void destination_removed(void *context, int result, const struct channel_task_status *status)
{
	struct x1_operation *op = context;
	struct registry_destination *d =
		registry_destination_find(registry_of(op), op->ne, &op->id);

	if (removed_there(result)) {
		if (d)
			registry_destination_remove(registry_of(op), d);
		x1_operation_finish(op, 0, NULL);
		return;
	}
	if (d)
		d->removing = false;
	x1_operation_finish(op, X1_ERR_DESTINATION_REMOVE, publish_error_text(result));
}

static void remove_destination(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct registry_destination *d = registry_destination_find(c->registry, x->ne, &m->id);
	char users[200];

	if (!d || d->removing) {
		answer_id(x, m, X1_ERR_DID_UNKNOWN, &m->id);
		return;
	}
	if (d->references) {
		x1_destination_users(c->registry, d, users, sizeof(users));
		x1_answer(x, m, X1_ERR_DESTINATION_IN_USE, users);
		return;
	}
	if (publish_state(c->publish) == PUBLISH_DOWN) {
		registry_destination_remove(c->registry, d);
		x1_answer(x, m, 0, NULL);
		return;
	}
	struct x1_operation *op = x1_operation_new(x, m, &m->id);
	if (!op) {
		x1_answer(x, m, X1_ERR_DESTINATION_REMOVE, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	int rc = publish_destination_remove(c->publish, x->ne, &m->id, destination_removed, op);
	if (rc)
		x1_operation_finish(op, X1_ERR_DESTINATION_REMOVE, publish_error_text(rc));
	else
		d->removing = true;
}

static void removed_part(void *context, int result, const struct channel_task_status *status)
{
	struct part *part = context;
	struct x1_operation *op = part->op;
	struct registry_destination *d =
		registry_destination_find(registry_of(op), op->ne, &part->id);

	if (removed_there(result)) {
		if (d)
			registry_destination_remove(registry_of(op), d);
	} else {
		if (d)
			d->removing = false;
		op->result = op->result ? op->result : result;
	}
	free(part);
	bulk_step(op);
}

static void remove_all(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct registry_destination *d = registry_destination_first(c->registry, x->ne), *next;
	char text[ID_TEXT_SIZE + 220], did[ID_TEXT_SIZE], users[180];

	if (!c->config->nes[x->ne].x1.remove_all_destinations) {
		x1_answer(x, m, X1_ERR_REMOVE_ALL_DISABLED,
			"RemoveAllDestinations request is not enabled");
		return;
	}
	for (struct registry_destination *each = d; each; each = each->next) {
		if (!each->references)
			continue;
		id_format(&each->did, did);
		x1_destination_users(c->registry, each, users, sizeof(users));
		snprintf(text, sizeof(text), "%s is used by %s", did, users);
		x1_answer(x, m, X1_ERR_REMOVE_ALL_IN_USE, text);
		return;
	}
	struct x1_operation *op = x1_operation_new(x, m, NULL);
	if (!op) {
		x1_answer(x, m, X1_ERR_REMOVE_ALL, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	bool down = publish_state(c->publish) == PUBLISH_DOWN;
	op->remaining = 1;
	for (; d; d = next) {
		next = d->next;
		if (down) {
			registry_destination_remove(c->registry, d);
			continue;
		}
		struct part *part = malloc(sizeof(*part));
		if (part)
			*part = (struct part){op, d->did};
		int rc = part ? publish_destination_remove(
					c->publish, x->ne, &d->did, removed_part, part)
			      : POI_ERR_NOMEM;
		if (rc) {
			free(part);
			op->result = rc;
			continue;
		}
		d->removing = true;
		op->remaining++;
	}
	bulk_step(op);
}

void x1_change(struct exchange *x, const struct x1_message *m, bool unaudited)
{
	bool adds = m->type == X1_ACTIVATE_TASK || m->type == X1_MODIFY_TASK ||
		    m->type == X1_CREATE_DESTINATION || m->type == X1_MODIFY_DESTINATION;

	if (unaudited && adds) { // what takes away is done all the same (decision 24)
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
		create(x, m);
		return;
	case X1_MODIFY_DESTINATION:
		modify_destination(x, m);
		return;
	case X1_REMOVE_DESTINATION:
		remove_destination(x, m);
		return;
	default:
		remove_all(x, m);
		return;
	}
}

void x1_change_acknowledged(struct x1_operation *op)
{
	struct registry_task *t = registry_task_find(registry_of(op), op->ne, &op->id);
	struct registry_destination *d;

	switch (op->type) {
	case X1_ACTIVATE_TASK:
	case X1_DEACTIVATE_TASK:
		if (!t)
			return;
		t->pending = op->type == X1_ACTIVATE_TASK ? PENDING_ACTIVATE : PENDING_DEACTIVATE;
		t->pending_transaction = op->transaction;
		publish_task_memo(publish_of(op), t);
		return;
	case X1_MODIFY_TASK:
		op->task->pending = PENDING_MODIFY;
		op->task->pending_transaction = op->transaction;
		publish_task_memo(publish_of(op), op->task);
		return;
	case X1_CREATE_DESTINATION:
		d = registry_destination_find(registry_of(op), op->ne, &op->id);
		if (d) {
			d->pending = true;
			d->pending_transaction = op->transaction;
		}
		return;
	default:
		return;
	}
}
