// Raises and clears faults, and queues reports of them and of completed requests to the ADMFs.
#include "control/state/fault_raise.h"

#include <stdio.h>

#include "control/xml/x1_types.h"
#include "shared/log.h"

void issue_queue(struct control *c, enum issue_scope scope, enum issue_type type, uint16_t ne,
	const struct id16 *id, uint32_t code, const char *text)
{
	struct issue i = {.scope = (uint8_t)scope, .type = (uint8_t)type, .ne = ne, .code = code};

	if (id)
		i.id = *id;
	snprintf(i.text, sizeof(i.text), "%s", text);
	issues_put(c->issues, &i);
}

void audit_act(struct control *c, const char *act, uint16_t ne, const struct id16 *id, int32_t code,
	const char *note)
{
	struct audit_record r = {.act = act, .id = id, .code = code, .note = note};

	if (ne < c->config->n_nes)
		r.ne = c->config->nes[ne].ne_identifier;
	if (audit_write(c->audit, &r))
		log_error("audit: a local act could not be recorded");
}

void fault_warn(struct control *c, uint16_t ne, const char *text)
{
	log_kind(WARNING, WARNING, "%s: %s", c->config->nes[ne].ne_identifier, text);
	issue_queue(c, ISSUE_NE, ISSUE_WARNING, ne, NULL, X1_STATUS_WARNING, text);
}

static void changed(struct control *c, uint16_t ne)
{
	if (c->faults_changed)
		c->faults_changed(c, ne);
}

void fault_raise_ne_code(
	struct control *c, uint16_t ne, enum fault_kind kind, uint32_t code, const char *text)
{
	if (fault_raise(registry_ne_faults(c->registry, ne), kind, code, text) != 1)
		return;
	log_kind(ERROR, FAULT, "%s: fault: %s", c->config->nes[ne].ne_identifier, text);
	issue_queue(c, ISSUE_NE, ISSUE_FAULT, ne, NULL, code, text);
	changed(c, ne);
}

void fault_raise_ne(struct control *c, uint16_t ne, enum fault_kind kind, const char *text)
{
	fault_raise_ne_code(c, ne, kind, X1_STATUS_FAULT, text);
}

void fault_clear_ne(struct control *c, uint16_t ne, enum fault_kind kind, const char *text)
{
	if (!fault_clear(registry_ne_faults(c->registry, ne), kind))
		return;
	log_kind(NOTICE, FAULT_CLEAR, "%s: cleared: %s", c->config->nes[ne].ne_identifier, text);
	issue_queue(c, ISSUE_NE, ISSUE_CLEAR, ne, NULL, X1_STATUS_CLEARED, text);
	changed(c, ne);
}

void fault_raise_all(struct control *c, enum fault_kind kind, const char *text)
{
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		fault_raise_ne(c, ne, kind, text);
}

void fault_clear_all(struct control *c, enum fault_kind kind, const char *text)
{
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		fault_clear_ne(c, ne, kind, text);
}

static void audit_actioned(
	struct control *c, const struct issue *i, const struct id16 *id, const char *note)
{
	struct audit_record r = {
		.act = "actioned",
		.ne = c->config->nes[i->ne].ne_identifier,
		.id = id,
		.transaction = &i->transaction,
		.code = (int32_t)i->code,
		.note = note,
	};

	if (audit_write(c->audit, &r))
		log_error("audit: a completed request could not be recorded");
}

void issue_actioned(struct control *c, enum issue_scope scope, uint16_t ne, const struct id16 *id,
	const struct id16 *transaction, int code, const char *text)
{
	char transaction_text[ID_TEXT_SIZE];
	struct issue i = {
		.scope = (uint8_t)scope,
		.type = code ? ISSUE_NOT_DONE : ISSUE_DONE,
		.ne = ne,
		.code = code ? (uint32_t)code : X1_STATUS_ACTIONED,
		.transaction = *transaction,
	};

	id_format(transaction, transaction_text);
	if (id)
		i.id = *id;
	snprintf(i.text, sizeof(i.text), "%s%s%s", transaction_text, text ? ": " : "",
		text ? text : "");
	issues_put(c->issues, &i);
	audit_actioned(c, &i, id, text);
}

static const char *what_goes_on(int code)
{
	return code == X1_ERR_MODIFY || code == X1_ERR_DESTINATION_MODIFY
		       ? "the earlier details are in force"
	       : code == X1_ERR_DEACTIVATE	   ? "the task is still active"
	       : code == X1_ERR_DESTINATION_REMOVE ? "the destination is still there"
						   : "it is tried again";
}

// The list of faults of a task or destination; NULL when the object is gone.
static struct fault **faults_of(
	struct control *c, enum issue_scope scope, uint16_t ne, const struct id16 *id)
{
	struct registry_task *t = NULL;
	struct registry_destination *d = NULL;

	if (scope == ISSUE_TASK)
		t = registry_task_find(c->registry, ne, id);
	else
		d = registry_destination_find(c->registry, ne, id);
	return t ? &t->faults : d ? &d->faults : NULL;
}

void issue_not_actioned(struct control *c, enum issue_scope scope, uint16_t ne,
	const struct id16 *id, const struct id16 *transaction, int code, const char *text)
{
	struct fault **faults = faults_of(c, scope, ne, id);
	char transaction_text[ID_TEXT_SIZE];
	struct issue i = {
		.scope = (uint8_t)scope,
		.type = ISSUE_FAULT,
		.ne = ne,
		.code = (uint32_t)code,
		.id = *id,
		.transaction = *transaction,
	};

	id_format(transaction, transaction_text);
	snprintf(i.text, sizeof(i.text), "%s failed, %s%s%s", transaction_text, what_goes_on(code),
		text ? ": " : "", text ? text : "");
	if (faults && fault_raise(faults, FAULT_REQUEST, i.code, i.text) < 0)
		log_error("X1: out of memory: a fault is reported and not listed");
	issues_put(c->issues, &i);
	audit_actioned(c, &i, id, text ? text : what_goes_on(code));
}

bool fault_request_over(struct control *c, enum issue_scope scope, uint16_t ne,
	const struct id16 *id, struct fault **list)
{
	if (!fault_clear(list, FAULT_REQUEST))
		return false;
	issue_queue(
		c, scope, ISSUE_CLEAR, ne, id, X1_STATUS_CLEARED, "a later request was actioned");
	return true;
}

void issue_task_leaves(struct control *c, const struct registry_task *t, const struct id16 *own)
{
	bool done = t->pending == PENDING_DEACTIVATE;

	if (t->pending == PENDING_NONE || (own && id_equal(own, &t->pending_transaction)))
		return;
	issue_actioned(c, ISSUE_TASK, t->ne, &t->xid, &t->pending_transaction,
		done				 ? 0
		: t->pending == PENDING_ACTIVATE ? X1_ERR_ACTIVATE
						 : X1_ERR_MODIFY,
		done ? NULL : "the task was stopped meanwhile");
}

void issue_destination_leaves(struct control *c, const struct registry_destination *d)
{
	if (d->pending)
		issue_actioned(c, ISSUE_DESTINATION, d->ne, &d->did, &d->pending_transaction,
			d->ready ? X1_ERR_DESTINATION_MODIFY : X1_ERR_DESTINATION,
			"the destination was removed meanwhile");
}
