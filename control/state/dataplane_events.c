#include "control/state/dataplane_events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/state/pending_reports.h"
#include "control/state/persistence.h"
#include "control/xml/x1_types.h"
#include "shared/log.h"

static void queue_issue(struct control *c, enum issue_scope scope, enum issue_type type,
	uint16_t ne, const struct id16 *id, uint32_t code, const char *text)
{
	struct issue i = {.scope = (uint8_t)scope, .type = (uint8_t)type, .ne = ne, .code = code};

	if (id)
		i.id = *id;
	snprintf(i.text, sizeof(i.text), "%s", text);
	issues_put(c->issues, &i);
}

static void audit_act(struct control *c, const char *act, uint16_t ne, const struct id16 *id,
	int32_t code, const char *note)
{
	struct audit_record r = {.act = act, .id = id, .code = code, .note = note};

	if (ne < c->config->n_nes)
		r.ne = c->config->nes[ne].ne_identifier;
	if (audit_write(c->audit, &r))
		log_error("audit: a local act could not be recorded");
}

void events_warning(struct control *c, uint16_t ne, const char *text)
{
	log_kind(WARNING, WARNING, "%s: %s", c->config->nes[ne].ne_identifier, text);
	queue_issue(c, ISSUE_NE, ISSUE_WARNING, ne, NULL, X1_STATUS_WARNING, text);
}

void events_audit(struct control *c, const char *act, uint16_t ne, int32_t code, const char *note)
{
	audit_act(c, act, ne, NULL, code, note);
}

void events_fault_of(struct control *c, uint16_t ne, enum fault_kind kind, const char *text)
{
	if (fault_raise(registry_ne_faults(c->registry, ne), kind, X1_STATUS_FAULT, text) != 1)
		return;
	log_kind(ERROR, FAULT, "%s: fault: %s", c->config->nes[ne].ne_identifier, text);
	queue_issue(c, ISSUE_NE, ISSUE_FAULT, ne, NULL, X1_STATUS_FAULT, text);
}

void events_clear_of(struct control *c, uint16_t ne, enum fault_kind kind, const char *text)
{
	if (!fault_clear(registry_ne_faults(c->registry, ne), kind))
		return;
	log_kind(NOTICE, FAULT_CLEAR, "%s: cleared: %s", c->config->nes[ne].ne_identifier, text);
	queue_issue(c, ISSUE_NE, ISSUE_CLEAR, ne, NULL, X1_STATUS_CLEARED, text);
}

void events_ne_fault(struct control *c, enum fault_kind kind, const char *text)
{
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		events_fault_of(c, ne, kind, text);
}

void events_ne_clear(struct control *c, enum fault_kind kind, const char *text)
{
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		events_clear_of(c, ne, kind, text);
}

void events_actioned(struct control *c, enum issue_scope scope, uint16_t ne, const struct id16 *id,
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

void events_task_leaves(struct control *c, const struct registry_task *t, const struct id16 *own)
{
	bool done = t->pending == PENDING_DEACTIVATE;

	if (t->pending == PENDING_NONE || (own && id_equal(own, &t->pending_transaction)))
		return;
	events_actioned(c, ISSUE_TASK, t->ne, &t->xid, &t->pending_transaction, done,
		done ? NULL : "the task was stopped meanwhile");
}

void events_destination_leaves(struct control *c, const struct registry_destination *d)
{
	if (d->pending)
		events_actioned(c, ISSUE_DESTINATION, d->ne, &d->did, &d->pending_transaction,
			false, "the destination was removed meanwhile");
}

// The channel's hooks.

// What was answered `Acknowledged` before this process, or the connection, went down: its presence
// in the dataplane's state shows that it was done.
static void complete_pending(struct control *c)
{
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++) {
		for (struct registry_task *t = registry_task_first(c->registry, ne); t;
			t = t->next) {
			if (t->pending == PENDING_NONE || t->state != TASK_COMPLETE)
				continue;
			bool done = t->pending != PENDING_DEACTIVATE;
			events_actioned(c, ISSUE_TASK, ne, &t->xid, &t->pending_transaction, done,
				done ? NULL : "the task is still active");
			t->pending = PENDING_NONE;
			publish_task_memo(c->publish, t);
		}
		for (struct registry_destination *d = registry_destination_first(c->registry, ne);
			d; d = d->next) {
			if (!d->pending || !d->ready)
				continue;
			events_actioned(c, ISSUE_DESTINATION, ne, &d->did, &d->pending_transaction,
				true, NULL);
			d->pending = false;
			publish_destination_memo(c->publish, d);
		}
	}
}

static void format_time(time_t t, char out[32])
{
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void tell_back(struct control *c, bool adopted, uint32_t tasks)
{
	char text[FAULT_TEXT_MAX], from[32], to[32];

	format_time(time(NULL), to);
	snprintf(text, sizeof(text), "the dataplane was reached at %s%s", to,
		c->part ? "" : ", all tasks are in force");
	if (c->outage_from) {
		format_time(c->outage_from, from);
		snprintf(text, sizeof(text),
			"the dataplane was away from %s to %s, all tasks are in force again", from,
			to);
	}
	c->outage_from = 0;
	events_ne_clear(c, FAULT_DATAPLANE_LOST, text);
	if (!adopted || c->fresh || c->part)
		return;
	snprintf(text, sizeof(text),
		"X1 was restarted at %s; the dataplane went on and %u tasks were taken over", to,
		tasks);
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		events_warning(c, ne, text);
}

static void on_ready(void *context, bool adopted)
{
	struct control *c = context;
	uint32_t tasks = 0;

	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		tasks += registry_task_count(c->registry, ne);
	log_notice("in force: %u tasks", tasks);
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		audit_act(c, adopted ? "adopted" : "replayed", ne, NULL, 0, NULL);
	tell_back(c, adopted, tasks);
	pending_reports_settle(c->pending_reports);
	if (adopted)
		complete_pending(c);
	persistence_settle(c);
	if (c->part && !c->part_untold) // nobody is to be told
		publish_part_told(c->publish);
	c->part = false;
}

// The tasks of a part: the ADMF hears once that others may be missing, as it does where all are.
// Until it has answered the dataplane stays without its mark, and the next process says so again.
static const struct id16 part_report = {{1}};

static bool on_part(void *context)
{
	struct control *c = context;

	if (persistence_restore(c))
		return true;
	c->part = true;
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++) {
		struct issue i = {.scope = ISSUE_NE,
			.type = ISSUE_WARNING,
			.ne = ne,
			.code = X1_STATUS_WARNING,
			.id = part_report};
		snprintf(i.text, sizeof(i.text),
			"database cleared: X1 ended before the dataplane had all tasks back; %u "
			"are taken over, others may be missing",
			registry_task_count(c->registry, ne));
		log_kind(WARNING, WARNING, "%s: %s", c->config->nes[ne].ne_identifier, i.text);
		audit_act(c, "database-cleared", ne, NULL, 0, i.text);
		issues_put(c->issues, &i);
		c->part_untold += c->config->nes[ne].admf_url != NULL;
	}
	return false;
}

void events_told(struct control *c, const struct issue *i)
{
	if (i->scope != ISSUE_NE || !id_equal(&i->id, &part_report) || !c->part_untold)
		return;
	if (!--c->part_untold)
		publish_part_told(c->publish);
}

// Both processes are new and empty.
static void on_fresh(void *context)
{
	struct control *c = context;

	c->fresh = true;
	persistence_adopt(c);
}

// The old process's conditions ended with it; the new one tells its own.
static void on_restarted(void *context)
{
	static const char text[] = "poi-dataplane was restarted; what is still wrong is told anew";
	struct control *c = context;

	events_ne_clear(c, FAULT_LEDGER, text);
	events_ne_clear(c, FAULT_SECURITY, text);
	for (uint32_t i = 0; i < c->config->dataplane.n_ports; i++) {
		events_ne_clear(c, (enum fault_kind)(FAULT_LINK + i), text);
		events_ne_clear(c, (enum fault_kind)(FAULT_PORT_LOSS + i), text);
	}
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++) {
		for (struct registry_destination *d = registry_destination_first(c->registry, ne);
			d; d = d->next) {
			bool delivery = fault_clear(&d->faults, FAULT_DELIVERY);
			bool spool = fault_clear(&d->faults, FAULT_SPOOL);
			d->down = false;
			if (delivery || spool)
				queue_issue(c, ISSUE_DESTINATION, ISSUE_CLEAR, ne, &d->did,
					X1_STATUS_CLEARED, text);
		}
		for (struct registry_task *t = registry_task_first(c->registry, ne); t;
			t = t->next)
			if (fault_clear(&t->faults, FAULT_LOSS))
				queue_issue(c, ISSUE_TASK, ISSUE_CLEAR, ne, &t->xid,
					X1_STATUS_CLEARED, text);
	}
}

static bool on_resume(void *context)
{
	return persistence_resume(context);
}

static void on_element(void *context, uint16_t ne, const uint8_t *memo, uint32_t length)
{
	struct control *c = context;

	pending_reports_adopt(c->pending_reports, ne, memo, length);
}

static uint64_t on_remaining(void *context, uint16_t ne)
{
	return persistence_remaining_ms(context, ne);
}

static void on_lost(void *context)
{
	struct control *c = context;
	char text[FAULT_TEXT_MAX], from[32];

	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		audit_act(c, "dataplane-lost", ne, NULL, X1_STATUS_FAULT, NULL);
	if (!c->outage_from)
		c->outage_from = time(NULL);
	format_time(c->outage_from, from);
	snprintf(text, sizeof(text), "the dataplane does not answer since %s", from);
	events_ne_fault(c, FAULT_DATAPLANE_LOST, text);
}

static void on_replayed(
	void *context, bool destination, uint16_t ne, const struct id16 *id, int result)
{
	struct control *c = context;

	if (destination) {
		struct registry_destination *d = registry_destination_find(c->registry, ne, id);
		if (d && d->pending) {
			d->pending = false;
			events_actioned(c, ISSUE_DESTINATION, ne, id, &d->pending_transaction,
				!result, result ? poi_error_text(result) : NULL);
			publish_destination_memo(c->publish, d);
		}
		return;
	}
	struct registry_task *t = registry_task_find(c->registry, ne, id);
	if (!t) { // gone while its put was on its way: by the fail-safe, say
		if (!result && publish_task_remove(c->publish, ne, id, NULL, NULL))
			log_error("channel: a task that is gone could not be taken back");
		return;
	}
	// Its answer was `Acknowledged`: an activation that fails late never comes into force.
	if (result && t->pending == PENDING_ACTIVATE) {
		events_actioned(c, ISSUE_TASK, ne, id, &t->pending_transaction, false,
			poi_error_text(result));
		if (publish_task_remove(c->publish, ne, id, NULL, NULL))
			log_error("channel: a task that is gone could not be taken back");
		registry_task_remove(c->registry, t);
		persistence_task_gone(c, ne, id);
		return;
	}
	if (result) {
		t->state = TASK_AWAITING;
		if (fault_raise(&t->faults, FAULT_DATAPLANE_LOST, X1_STATUS_FAULT,
			    "the dataplane could not take the task back") == 1)
			queue_issue(c, ISSUE_TASK, ISSUE_FAULT, ne, id, X1_STATUS_FAULT,
				"the dataplane could not take the task back");
		return;
	}
	t->state = TASK_COMPLETE;
	bool memo = fault_clear(&t->faults, FAULT_DATAPLANE_LOST);
	if (memo)
		queue_issue(c, ISSUE_TASK, ISSUE_CLEAR, ne, id, X1_STATUS_CLEARED,
			"the dataplane took the task back");
	if (t->pending != PENDING_NONE) {
		bool done = t->pending != PENDING_DEACTIVATE;
		events_actioned(c, ISSUE_TASK, ne, id, &t->pending_transaction, done,
			done ? NULL : "the task is still active");
		t->pending = PENDING_NONE;
		memo = true;
	}
	if (memo)
		publish_task_memo(c->publish, t);
}

// A task that the fail-safe stopped: it is gone here too. The tombstone stays with the dataplane
// until the ADMF was told; where nobody is to be told it is cleared at once.
static void on_wiped(void *context, uint16_t ne, const struct id16 *xid)
{
	struct control *c = context;
	struct id16 key = *xid;
	struct registry_task *t = registry_task_find(c->registry, ne, &key);

	if (t) {
		events_task_leaves(c, t, NULL);
		registry_task_remove(c->registry, t);
	}
	persistence_task_gone(c, ne, &key);
	audit_act(c, "fail-safe", ne, &key, X1_STATUS_TERMINATING,
		"task stopped: the ADMF was silent");
	queue_issue(c, ISSUE_TASK, ISSUE_TERMINATING, ne, &key, X1_STATUS_TERMINATING,
		"stopped by the fail-safe: the ADMF was silent for TIME_P2");
	if (!c->config->nes[ne].admf_url && publish_tombstone_clear(c->publish, ne, &key))
		log_warning("channel: a tombstone stays until the next connection");
}

static void on_fail_safe(struct control *c, uint16_t ne)
{
	static const char text[] = "no X1 request for TIME_P2: all tasks were stopped";
	struct registry_task *t = registry_task_first(c->registry, ne), *next;

	log_kind(ERROR, FAIL_SAFE, "fail-safe: %s (network element %s)", text,
		c->config->nes[ne].ne_identifier);
	if (fault_raise(registry_ne_faults(c->registry, ne), FAULT_FAIL_SAFE, X1_STATUS_FAULT,
		    text) == 1)
		queue_issue(c, ISSUE_NE, ISSUE_FAULT, ne, NULL, X1_STATUS_FAULT, text);
	for (; t; t = next) {
		next = t->next;
		if (t->state == TASK_COMPLETE) // what is on its way is answered by its own result
			on_wiped(c, ne, &t->xid);
	}
	if (audit_sync(c->audit))
		log_error("audit: the fail-safe's record is not on disk");
}

static bool uses(const struct registry_task *t, const struct id16 *did)
{
	for (uint8_t i = 0; i < t->n_destinations; i++) {
		if (id_equal(&registry_task_dids(t)[i], did))
			return true;
	}
	return false;
}

static void on_destination(struct control *c, uint16_t ne, const struct channel_event *e)
{
	struct registry_destination *d = registry_destination_find(c->registry, ne, &e->id);
	char text[FAULT_TEXT_MAX];

	if (!d)
		return;
	d->down = e->kind == EVENT_DESTINATION_DOWN;
	if (d->down) {
		snprintf(text, sizeof(text), "not reachable: %s", e->text);
		if (fault_raise(&d->faults, FAULT_DELIVERY, X1_STATUS_FAULT, text) == 1)
			queue_issue(c, ISSUE_DESTINATION, ISSUE_FAULT, ne, &e->id, X1_STATUS_FAULT,
				text);
		publish_destination_memo(c->publish, d);
		return;
	}
	if (fault_clear(&d->faults, FAULT_DELIVERY))
		queue_issue(
			c, ISSUE_DESTINATION, ISSUE_CLEAR, ne, &e->id, X1_STATUS_CLEARED, e->text);
	publish_destination_memo(c->publish, d);
	for (struct registry_task *t = registry_task_first(c->registry, ne); t; t = t->next) {
		if (!t->faults || !uses(t, &e->id) || !fault_clear(&t->faults, FAULT_LOSS))
			continue;
		queue_issue(c, ISSUE_TASK, ISSUE_CLEAR, ne, &t->xid, X1_STATUS_CLEARED,
			"delivery works again");
		publish_task_memo(c->publish, t);
	}
}

static void on_spool(struct control *c, uint16_t ne, const struct channel_event *e)
{
	struct registry_destination *d = registry_destination_find(c->registry, ne, &e->id);
	bool fault = e->kind == EVENT_SPOOL_FAULT;

	if (!d)
		return;
	if (fault ? fault_raise(&d->faults, FAULT_SPOOL, X1_STATUS_FAULT, e->text) != 1
		  : !fault_clear(&d->faults, FAULT_SPOOL))
		return;
	queue_issue(c, ISSUE_DESTINATION, fault ? ISSUE_FAULT : ISSUE_CLEAR, ne, &e->id,
		fault ? X1_STATUS_FAULT : X1_STATUS_CLEARED, e->text);
	publish_destination_memo(c->publish, d);
}

static void on_task_loss(struct control *c, uint16_t ne, const struct channel_event *e)
{
	struct registry_task *t = registry_task_find(c->registry, ne, &e->id);
	char text[FAULT_TEXT_MAX];

	if (!t)
		return;
	snprintf(text, sizeof(text), "%llu PDUs lost: %s", (unsigned long long)e->copies,
		e->loss < LOSS_COUNT ? copy_loss_name(e->loss) : "unknown");
	bool was = fault_has(t->faults, FAULT_LOSS);
	int rc = fault_raise(&t->faults, FAULT_LOSS, X1_STATUS_FAULT, text);
	if (rc < 0 || was)
		return;
	queue_issue(c, ISSUE_TASK, ISSUE_FAULT, ne, &e->id, X1_STATUS_FAULT, text);
	publish_task_memo(c->publish, t);
}

static void on_task_clear(struct control *c, uint16_t ne, const struct channel_event *e)
{
	struct registry_task *t = registry_task_find(c->registry, ne, &e->id);
	char text[FAULT_TEXT_MAX];

	if (!t || !fault_clear(&t->faults, FAULT_LOSS))
		return;
	snprintf(text, sizeof(text), "%llu PDUs were lost in all, none for 5 seconds",
		(unsigned long long)e->copies);
	queue_issue(c, ISSUE_TASK, ISSUE_CLEAR, ne, &e->id, X1_STATUS_CLEARED, text);
	publish_task_memo(c->publish, t);
}

// Tasks by session or subscriber. Texts say how many sessions, never whose.
static void raise_followed(
	struct control *c, struct registry_task *t, enum fault_kind kind, const char *text)
{
	enum fault_kind other = kind == FAULT_UNBOUND ? FAULT_UNSURE : FAULT_UNBOUND;

	(void)fault_clear(&t->faults, other);
	if (fault_raise(&t->faults, kind, X1_STATUS_FAULT, text) == 1)
		queue_issue(c, ISSUE_TASK, ISSUE_FAULT, t->ne, &t->xid, X1_STATUS_FAULT, text);
	publish_task_memo(c->publish, t);
}

static void on_followed(struct control *c, uint16_t ne, const struct channel_event *e)
{
	struct registry_task *t = registry_task_find(c->registry, ne, &e->id);
	unsigned long long sessions = e->copies;
	char text[FAULT_TEXT_MAX];

	if (!t)
		return;
	if (e->kind == EVENT_TASK_WAITING) {
		raise_followed(c, t, FAULT_UNBOUND,
			"no session of it has been seen yet: bound to 0 sessions");
		return;
	}
	if (e->kind == EVENT_TASK_UNSURE) {
		snprintf(text, sizeof(text),
			"signalling was missed, sessions of it may be unknown: bound to %llu "
			"sessions",
			sessions);
		raise_followed(c, t, FAULT_UNSURE, text);
		return;
	}
	bool waited = fault_clear(&t->faults, FAULT_UNBOUND);
	bool unsure = fault_clear(&t->faults, FAULT_UNSURE);
	if (!waited && !unsure)
		return;
	snprintf(text, sizeof(text), "bound to %llu sessions", sessions);
	queue_issue(c, ISSUE_TASK, ISSUE_CLEAR, ne, &e->id, X1_STATUS_CLEARED, text);
	publish_task_memo(c->publish, t);
}

// ImplicitDeactivationAllowed (TS 103 221-1 clause 6.2.1.2): the task ends with its last session.
struct ending {
	struct control *control;
	uint16_t ne;
	struct id16 xid;
};

static void on_task_left(void *context, int result, const struct channel_task_status *status)
{
	static const char text[] = "its last session is over";
	struct ending *w = context;
	struct control *c = w->control;
	struct registry_task *t = registry_task_find(c->registry, w->ne, &w->xid);

	if (result && result != POI_ERR_NOT_FOUND) { // the next session that ends tries again
		if (t) {
			t->removing = false;
			if (result != POI_ERR_CLOSED && publish_task_put(c->publish, t, NULL, NULL))
				log_warning("channel: a task could not be put back");
		}
	} else if (t) {
		registry_task_remove(c->registry, t);
		persistence_task_gone(c, w->ne, &w->xid);
		audit_act(c, "implicit-deactivation", w->ne, &w->xid, X1_STATUS_TERMINATING, text);
		queue_issue(
			c, ISSUE_TASK, ISSUE_IMPLICIT, w->ne, &w->xid, X1_STATUS_TERMINATING, text);
	}
	free(w);
}

static void on_task_ended(struct control *c, uint16_t ne, const struct channel_event *e)
{
	struct registry_task *t = registry_task_find(c->registry, ne, &e->id);
	struct ending *w;

	if (!t || !t->implicit || t->removing || t->modifying || t->state != TASK_COMPLETE)
		return;
	w = malloc(sizeof(*w));
	if (!w)
		return;
	*w = (struct ending){c, ne, e->id};
	t->removing = true;
	if (publish_task_remove(c->publish, ne, &w->xid, on_task_left, w)) {
		t->removing = false;
		free(w);
	}
}

// Each port has faults of its own: one that comes back clears nothing of another.
static void on_port(struct control *c, const struct channel_event *e)
{
	const struct config_dataplane *d = &c->config->dataplane;
	bool link = e->kind == EVENT_LINK_DOWN || e->kind == EVENT_LINK_UP;
	uint32_t i = 0;

	while (i < d->n_ports && strcmp(d->ports[i].device, e->subject))
		i++;
	if (i == d->n_ports) {
		log_warning("channel: an event about port %s, which the configuration lacks",
			e->subject);
		return;
	}
	enum fault_kind kind = (enum fault_kind)((link ? FAULT_LINK : FAULT_PORT_LOSS) + i);
	if (e->kind == EVENT_LINK_DOWN || e->kind == EVENT_PORT_LOSS)
		events_ne_fault(c, kind, e->text);
	else
		events_ne_clear(c, kind, e->text);
}

// Each dataplane that is reached says how its clock is, good or bad.
static void on_clock(struct control *c, const struct channel_event *e)
{
	bool unsure = e->kind == EVENT_CLOCK_UNSURE;

	if (unsure == c->clock_unsure)
		return;
	c->clock_unsure = unsure;
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		events_warning(c, ne, e->text);
}

static void on_event(void *context, const struct channel_event *e)
{
	struct control *c = context;
	char text[FAULT_TEXT_MAX];
	int32_t ne = registry_ne_index(c->registry, &e->ne);

	snprintf(text, sizeof(text), "%s", e->text);
	switch (e->kind) {
	case EVENT_DESTINATION_DOWN:
	case EVENT_DESTINATION_UP:
		if (ne >= 0)
			on_destination(c, (uint16_t)ne, e);
		return;
	case EVENT_SPOOL_FAULT:
	case EVENT_SPOOL_CLEAR:
		if (ne >= 0)
			on_spool(c, (uint16_t)ne, e);
		return;
	case EVENT_TASK_LOSS:
		if (ne >= 0)
			on_task_loss(c, (uint16_t)ne, e);
		return;
	case EVENT_FAIL_SAFE:
		if (ne >= 0)
			on_fail_safe(c, (uint16_t)ne);
		return;
	case EVENT_LEDGER_FAULT:
		events_ne_fault(c, FAULT_LEDGER, text);
		return;
	case EVENT_LEDGER_CLEAR:
		events_ne_clear(c, FAULT_LEDGER, text);
		return;
	case EVENT_LINK_DOWN:
	case EVENT_LINK_UP:
	case EVENT_PORT_LOSS:
	case EVENT_PORT_CLEAR:
		on_port(c, e);
		return;
	case EVENT_TASK_CLEAR:
		if (ne >= 0)
			on_task_clear(c, (uint16_t)ne, e);
		return;
	case EVENT_TASK_WAITING:
	case EVENT_TASK_UNSURE:
	case EVENT_TASK_FOLLOWED:
		if (ne >= 0)
			on_followed(c, (uint16_t)ne, e);
		return;
	case EVENT_TASK_ENDED:
		if (ne >= 0)
			on_task_ended(c, (uint16_t)ne, e);
		return;
	case EVENT_CLOCK_UNSURE:
	case EVENT_CLOCK_SURE:
		on_clock(c, e);
		return;
	case EVENT_SECURITY_FAULT:
		events_ne_fault(c, FAULT_SECURITY, text);
		return;
	case EVENT_SECURITY_CLEAR:
		events_ne_clear(c, FAULT_SECURITY, text);
		return;
	default:
		log_warning("channel: event %u is not known", e->kind);
	}
}

const struct publish_hooks *events_hooks(void)
{
	static const struct publish_hooks hooks = {
		.ready = on_ready,
		.lost = on_lost,
		.event = on_event,
		.wiped = on_wiped,
		.replayed = on_replayed,
		.fresh = on_fresh,
		.part = on_part,
		.restarted = on_restarted,
		.resume = on_resume,
		.element = on_element,
		.remaining_ms = on_remaining,
	};

	return &hooks;
}
