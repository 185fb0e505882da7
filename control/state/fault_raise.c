// Raises and clears faults, and queues what the ADMFs must be told of them and of completed
// requests.
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

void fault_raise_ne(struct control *c, uint16_t ne, enum fault_kind kind, const char *text)
{
	if (fault_raise(registry_ne_faults(c->registry, ne), kind, X1_STATUS_FAULT, text) != 1)
		return;
	log_kind(ERROR, FAULT, "%s: fault: %s", c->config->nes[ne].ne_identifier, text);
	issue_queue(c, ISSUE_NE, ISSUE_FAULT, ne, NULL, X1_STATUS_FAULT, text);
	changed(c, ne);
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

void issue_actioned(struct control *c, enum issue_scope scope, uint16_t ne, const struct id16 *id,
	const struct id16 *transaction, bool done, const char *text)
{
	char transaction_text[ID_TEXT_SIZE];
	struct issue i = {
		.scope = (uint8_t)scope,
		.type = done ? ISSUE_DONE : ISSUE_NOT_DONE,
		.ne = ne,
		.code = done ? X1_STATUS_ACTIONED : X1_STATUS_TERMINATING,
		.transaction = *transaction,
	};
	struct audit_record r = {
		.act = "actioned",
		.ne = c->config->nes[ne].ne_identifier,
		.id = id,
		.transaction = transaction,
		.code = (int32_t)i.code,
		.note = text,
	};

	id_format(transaction, transaction_text);
	if (id)
		i.id = *id;
	snprintf(i.text, sizeof(i.text), "%s%s%s", transaction_text, text ? ": " : "",
		text ? text : "");
	issues_put(c->issues, &i);
	if (audit_write(c->audit, &r))
		log_error("audit: a completed request could not be recorded");
}

void issue_task_leaves(struct control *c, const struct registry_task *t, const struct id16 *own)
{
	bool done = t->pending == PENDING_DEACTIVATE;

	if (t->pending == PENDING_NONE || (own && id_equal(own, &t->pending_transaction)))
		return;
	issue_actioned(c, ISSUE_TASK, t->ne, &t->xid, &t->pending_transaction, done,
		done ? NULL : "the task was stopped meanwhile");
}

void issue_destination_leaves(struct control *c, const struct registry_destination *d)
{
	if (d->pending)
		issue_actioned(c, ISSUE_DESTINATION, d->ne, &d->did, &d->pending_transaction, false,
			"the destination was removed meanwhile");
}
