// The hooks of the channel: what follows from a dataplane that is reached, replayed to, or lost.
#include "control/state/dataplane_events_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "control/state/fail_safe.h"
#include "control/state/fault_raise.h"
#include "control/state/pending_reports.h"
#include "control/state/persistence.h"
#include "control/state/report_keeper.h"
#include "control/xml/x1_types.h"
#include "shared/log.h"

static void complete_task(struct control *c, struct registry_task *t)
{
	if (t->pending == PENDING_DEACTIVATE)
		issue_not_actioned(c, ISSUE_TASK, t->ne, &t->xid, &t->pending_transaction,
			X1_ERR_DEACTIVATE, NULL);
	else
		issue_actioned(c, ISSUE_TASK, t->ne, &t->xid, &t->pending_transaction, 0, NULL);
	t->pending = PENDING_NONE;
}

// Completes requests that were answered `Acknowledged` before this process or the connection went
// down: the object's presence in the dataplane's state shows that the request was executed.
static void complete_destinations(struct control *c)
{
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++) {
		for (struct registry_destination *d = registry_destination_first(c->registry, ne);
			d; d = registry_destination_next(d)) {
			if (!d->pending || !d->ready)
				continue;
			issue_actioned(c, ISSUE_DESTINATION, ne, &d->did, &d->pending_transaction,
				0, NULL);
			d->pending = false;
			publish_destination_memo(c->publish, d);
			persistence_destination_state(c, d);
		}
	}
}

static void on_adopted(void *context, struct registry_task *t)
{
	struct control *c = context;

	report_standing_task(c, t);
	if (t->pending == PENDING_NONE || t->state != TASK_COMPLETE)
		return;
	complete_task(c, t);
	publish_task_memo(c->publish, t);
	persistence_task_state(c, t);
}

static void format_time(time_t t, char out[32])
{
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

// Returns a text that names the objects of `ne` in force.
static const char *in_force(const struct control *c, uint16_t ne)
{
	if (c->recovery_incomplete)
		return "";
	if (fault_has(*registry_ne_faults(c->registry, ne), FAULT_FAIL_SAFE))
		return ", no task is in force: the ADMF was silent";
	return registry_tasks_awaiting(c->registry, ne) ? ", not all tasks are in force"
							: ", all tasks are in force";
}

static void report_return(struct control *c, bool adopted, uint32_t tasks)
{
	char text[FAULT_TEXT_MAX], from[32], to[32];

	format_time(time(NULL), to);
	format_time(c->outage_from, from);
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++) {
		if (c->outage_from)
			snprintf(text, sizeof(text), "the dataplane was away from %s to %s%s", from,
				to, in_force(c, ne));
		else
			snprintf(text, sizeof(text), "the dataplane was reached at %s%s", to,
				in_force(c, ne));
		fault_clear_ne(c, ne, FAULT_DATAPLANE_LOST, text);
	}
	c->outage_from = 0;
	if (!adopted || c->fresh || c->recovery_incomplete)
		return;
	snprintf(text, sizeof(text),
		"X1 was restarted at %s; the dataplane went on and %u tasks were taken over", to,
		tasks);
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		fault_warn(c, ne, text);
}

static void on_stopping(void *context)
{
	dataplane_event_stop(context);
	fail_safe_stop(context);
	persistence_stop(context);
}

static void put_queue(struct control *c, const struct registry_destination *set)
{
	(void)persistence_destination(c, set, NULL);
	if (publish_destination_put(c->publish, set, NULL, NULL))
		log_warning("channel: the queue of a destination set could not be put");
}

// The queue that a redundant set has by what its members are now; `old` is what it had. NULL: it
// has what it needs.
static struct registry_destination *queue_of(
	struct control *c, const struct object *o, const struct registry_destination *old)
{
	struct channel_destination channel;

	if (old ? old->removing || registry_set_current(c->registry, old, &o->details)
		: o->modifying || o->removing)
		return NULL;
	registry_set_destination(c->registry, o->ne, &o->details, &channel);
	if (!channel.n_ends)
		return NULL;
	channel.creation = old ? old->creation : registry_creation();
	struct registry_destination *set = registry_destination_new(o->ne, &channel, "", 0);
	int rc = !set  ? POI_ERR_NOMEM
		 : old ? registry_destination_replace(c->registry, set)
		       : registry_destination_add(c->registry, set);
	if (rc) {
		registry_destination_free(set);
		log_error("registry: a destination set is without its queue, or with earlier ends: "
			  "%s",
			poi_error_text(rc));
		return NULL;
	}
	set->ready = true;
	return set;
}

// A process before may have ended between the change of a member and that of its sets, or between a
// set and its queue: at its creation, and behind the queue's removal where it was being deleted.
static void complete_sets(struct control *c, uint16_t ne)
{
	const struct object *o = objects_first(registry_objects(c->registry), ne);

	for (; o; o = objects_next(o)) {
		if (o->details.set != OBJECT_SET_REDUNDANT)
			continue;
		const struct registry_destination *set =
			queue_of(c, o, registry_destination_find(c->registry, ne, &o->details.id));
		if (set)
			put_queue(c, set);
	}
}

static void follow_sets(struct control *c, const struct registry_task *t)
{
	int rc = 0;
	struct registry_task *new = t->modifying || t->removing
					    ? NULL
					    : registry_task_planned(c->registry, t, NULL, &rc);

	if (new) {
		(void)persistence_task(c, new, NULL);
		rc = publish_task_put(c->publish, new, NULL, NULL);
	}
	if (new && !rc)
		rc = registry_task_replace(c->registry, new);
	if (rc) {
		registry_task_free(new);
		(void)persistence_task(c, t, NULL);
		log_error("registry: a task keeps the earlier members of its destination sets: %s",
			poi_error_text(rc));
	}
}

// A process before may have ended while the tasks of a modified Duplicate set were planned anew.
static void complete_tasks(struct control *c, uint16_t ne)
{
	struct registry_task *t = registry_task_first(c->registry, ne), *next;

	for (; t && objects_count(registry_objects(c->registry), ne) > 0; t = next) {
		next = registry_task_next(t);
		if (t->n_objects)
			follow_sets(c, t);
	}
}

// Removes queues whose set is gone and that no request names. Owed content is sent first, and a
// loss is reported.
static void remove_stray_queues(struct control *c, uint16_t ne)
{
	struct registry_destination *d = registry_destination_first(c->registry, ne), *next;

	for (; d; d = next) {
		next = registry_destination_next(d);
		if (!d->n_ends || d->references || d->removing ||
			objects_find(registry_objects(c->registry), ne, &d->did))
			continue;
		const struct id16 did = d->did;
		if (publish_destination_remove(c->publish, ne, &did, NULL, NULL)) {
			log_warning("channel: the queue of a destination set that is not there "
				    "could not be removed");
			continue;
		}
		persistence_destination_gone(c, ne, &did);
		registry_destination_remove(c->registry, d);
	}
}

static void on_ready(void *context, bool adopted)
{
	struct control *c = context;
	uint32_t tasks = 0;

	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		tasks += registry_task_count(c->registry, ne);
	log_notice("in force: %u tasks", tasks);
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		complete_sets(c, ne);
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		complete_tasks(c, ne);
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		remove_stray_queues(c, ne);
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		audit_act(c, adopted ? "adopted" : "replayed", ne, NULL, 0, NULL);
	report_return(c, adopted, tasks);
	report_standing(c);
	pending_reports_report_adopted(c->pending_reports);
	if (adopted)
		complete_destinations(c);
	persistence_follow_registry(c);
	if (c->recovery_incomplete && !c->incomplete_unreported) // no ADMF takes reports
		publish_incomplete_reported(c->publish);
	c->recovery_incomplete = false;
}

// Identifies the report that tasks may be missing. Until every ADMF has answered it the dataplane's
// complete flag stays cleared, and the next process reports the same.
static const struct id16 incomplete_report = {{1}};

// Faults and removals under way of the network elements come with the stored tasks.
static void restore_elements(struct control *c)
{
	for (uint16_t ne = 0; c->task_store && ne < registry_nes(c->registry); ne++) {
		uint32_t length;
		const uint8_t *memo = task_store_element(c->task_store, ne, &length);
		if (memo)
			pending_reports_adopt(c->pending_reports, ne, memo, length);
	}
}

// `held`: the complete flag decides when it is reported.
static void raise_incomplete(struct control *c, uint16_t ne, const char *text)
{
	struct fault **faults = registry_ne_faults(c->registry, ne);

	if (fault_raise(faults, FAULT_DATABASE, X1_STATUS_FAULT, text) < 0)
		log_error("X1: out of memory: a fault is reported and not listed");
	for (struct fault *f = *faults; f; f = f->next)
		f->told = f->told || f->kind == FAULT_DATABASE;
	if (c->faults_changed)
		c->faults_changed(c, ne);
}

static bool on_incomplete(void *context)
{
	struct control *c = context;

	if (persistence_restore(c)) {
		restore_elements(c);
		return true;
	}
	c->recovery_incomplete = true;
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++) {
		struct issue i = {.scope = ISSUE_NE,
			.type = ISSUE_FAULT,
			.ne = ne,
			.code = X1_STATUS_FAULT,
			.id = incomplete_report,
			.held = true}; // by the complete flag
		snprintf(i.text, sizeof(i.text),
			"database cleared: X1 ended before the dataplane had all tasks back; %u "
			"are taken over, others may be missing",
			registry_task_count(c->registry, ne));
		log_kind(ERROR, FAULT, "%s: fault: %s", c->config->nes[ne].ne_identifier, i.text);
		raise_incomplete(c, ne, i.text);
		audit_act(c, "database-cleared", ne, NULL, 0, i.text);
		issues_put(c->issues, &i);
		c->incomplete_unreported += c->config->nes[ne].admf_url != NULL;
	}
	return false;
}

void dataplane_reported(struct control *c, const struct issue *i)
{
	if (i->scope != ISSUE_NE || !id_equal(&i->id, &incomplete_report) ||
		!c->incomplete_unreported)
		return;
	if (!--c->incomplete_unreported)
		publish_incomplete_reported(c->publish);
}

static void clear_loss(struct control *c, struct registry_task *t, const char *text)
{
	if (!fault_clear(&t->faults, FAULT_LOSS))
		return;
	persistence_task_state(c, t);
	issue_queue(c, ISSUE_TASK, ISSUE_CLEAR, t->ne, &t->xid, X1_STATUS_CLEARED, text);
}

static bool clear_delivery(struct registry_destination *d)
{
	bool delivery = fault_clear(&d->faults, FAULT_DELIVERY);
	bool spool = fault_clear(&d->faults, FAULT_SPOOL);
	bool end = fault_clear(&d->faults, FAULT_END);

	d->down = false;
	d->ends_down = 0;
	return delivery || spool || end;
}

static const char restarted_text[] =
	"poi-dataplane was restarted; faults that stand are reported again";

// The old process's conditions ended with it; the new one reports its own.
static void on_restarted(void *context)
{
	const char *text = restarted_text;
	struct control *c = context;

	fault_clear_all(c, FAULT_LEDGER, text);
	fault_clear_all(c, FAULT_SECURITY, text);
	fault_clear_all(c, FAULT_FRAGMENTS, text);
	for (uint32_t i = 0; i < c->config->dataplane.n_ports; i++) {
		fault_clear_all(c, (enum fault_kind)(FAULT_LINK + i), text);
		fault_clear_all(c, (enum fault_kind)(FAULT_PORT_LOSS + i), text);
		fault_clear_all(c, (enum fault_kind)(FAULT_PORT_DEAF + i), text);
	}
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++) {
		for (struct registry_destination *d = registry_destination_first(c->registry, ne);
			d; d = registry_destination_next(d)) {
			if (!clear_delivery(d))
				continue;
			persistence_destination_state(c, d);
			issue_queue(c, ISSUE_DESTINATION, ISSUE_CLEAR, ne, &d->did,
				X1_STATUS_CLEARED, text);
		}
	}
}

// Both processes are new and empty.
static void on_fresh(void *context)
{
	struct control *c = context;

	c->fresh = true;
	persistence_adopt_begin(c);
}

// Takes back the next object of the store. The conditions that it has were of an earlier dataplane.
static int on_restore(void *context)
{
	struct control *c = context;
	int rc = persistence_adopt_step(c);

	if (rc == POI_ERR_AGAIN)
		return rc;
	restore_elements(c);
	registry_dataplane_changed(c->registry);
	on_restarted(c);
	return rc;
}

static void on_revived(void *context, struct registry_task *t)
{
	clear_loss(context, t, restarted_text);
}

static bool on_resume(void *context)
{
	bool resumed = persistence_resume(context);

	if (resumed)
		restore_elements(context);
	return resumed;
}

static void on_element(void *context, uint16_t ne, const uint8_t *memo, uint32_t length)
{
	struct control *c = context;

	pending_reports_adopt(c->pending_reports, ne, memo, length);
}

// Ahead of all that this process reports by itself.
static void on_stated(void *context)
{
	report_take_over(context);
}

static void on_silent(void *context, uint16_t ne)
{
	fail_safe_fire(context, ne, false);
}

static void on_fell_silent(void *context, uint16_t ne)
{
	fail_safe_announce(context, ne);
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
	fault_raise_all(c, FAULT_DATAPLANE_LOST, text);
	issues_release(c->issues);
}

// The dataplane is connected: its tasks may still be in force, which poi-control cannot see.
static void on_hung(void *context, bool hung)
{
	struct control *c = context;
	char text[FAULT_TEXT_MAX], at[32], to[32];

	if (hung) {
		c->hung_from = time(NULL);
		format_time(c->hung_from, at);
		snprintf(text, sizeof(text),
			"the dataplane is there and does not answer, seen at %s; what is in force "
			"may "
			"go on",
			at);
		for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
			audit_act(c, "dataplane-silent", ne, NULL, X1_STATUS_FAULT, NULL);
		fault_raise_all(c, FAULT_DATAPLANE_LOST, text);
		issues_release(c->issues);
		return;
	}
	format_time(c->hung_from, at);
	format_time(time(NULL), to);
	snprintf(text, sizeof(text), "the dataplane did not answer from %s to %s", at, to);
	fault_clear_all(c, FAULT_DATAPLANE_LOST, text);
}

static void on_destination_replayed(
	struct control *c, uint16_t ne, const struct id16 *id, int result)
{
	struct registry_destination *d = registry_destination_find(c->registry, ne, id);

	if (!d || !d->pending)
		return;
	d->pending = false;
	if (result) // it is put again with the next connection
		issue_not_actioned(c, ISSUE_DESTINATION, ne, id, &d->pending_transaction,
			X1_ERR_DESTINATION, poi_error_text(result));
	else
		issue_actioned(c, ISSUE_DESTINATION, ne, id, &d->pending_transaction, 0, NULL);
	publish_destination_memo(c->publish, d);
	persistence_destination_state(c, d);
}

static void take_back(struct control *c, uint16_t ne, const struct id16 *xid)
{
	if (publish_task_remove(c->publish, ne, xid, NULL, NULL))
		log_error("channel: a task that is gone could not be taken back");
}

static void on_task_refused(struct control *c, struct registry_task *t, int result)
{
	static const char text[] = "the dataplane could not take the task back";
	uint16_t ne = t->ne;
	const struct id16 xid = t->xid;

	// Its answer was `Acknowledged`: an activation that fails late never comes into force.
	if (t->pending == PENDING_ACTIVATE) {
		issue_actioned(c, ISSUE_TASK, ne, &xid, &t->pending_transaction, X1_ERR_ACTIVATE,
			poi_error_text(result));
		take_back(c, ne, &xid);
		registry_task_remove(c->registry, t);
		persistence_task_gone(c, ne, &xid);
		return;
	}
	registry_task_set_state(c->registry, t, TASK_AWAITING);
	if (fault_raise(&t->faults, FAULT_DATAPLANE_LOST, X1_STATUS_FAULT, text) == 1)
		issue_queue(c, ISSUE_TASK, ISSUE_FAULT, ne, &xid, X1_STATUS_FAULT, text);
}

static void on_task_replayed(struct control *c, struct registry_task *t)
{
	fail_safe_spare(c, t);
	registry_task_set_state(c->registry, t, TASK_COMPLETE);
	bool memo = fault_clear(&t->faults, FAULT_DATAPLANE_LOST);
	if (memo)
		issue_queue(c, ISSUE_TASK, ISSUE_CLEAR, t->ne, &t->xid, X1_STATUS_CLEARED,
			"the dataplane took the task back");
	if (t->pending != PENDING_NONE) {
		complete_task(c, t);
		memo = true;
	}
	if (!memo)
		return;
	publish_task_memo(c->publish, t);
	persistence_task_state(c, t);
}

static void on_replayed(
	void *context, bool destination, uint16_t ne, const struct id16 *id, int result)
{
	struct control *c = context;
	struct registry_task *t = destination ? NULL : registry_task_find(c->registry, ne, id);

	if (destination)
		on_destination_replayed(c, ne, id, result);
	else if (t && result)
		on_task_refused(c, t, result);
	else if (t)
		on_task_replayed(c, t);
	else if (!result) // gone while its put was pending: by the fail-safe, for example
		take_back(c, ne, id);
}

const struct publish_hooks *dataplane_hooks(void)
{
	static const struct publish_hooks hooks = {
		.adopted = on_adopted,
		.revived = on_revived,
		.stopping = on_stopping,
		.ready = on_ready,
		.lost = on_lost,
		.event = dataplane_event,
		.wiped = fail_safe_wiped,
		.replayed = on_replayed,
		.stated = on_stated,
		.fresh = on_fresh,
		.restore = on_restore,
		.incomplete = on_incomplete,
		.restarted = on_restarted,
		.resume = on_resume,
		.element = on_element,
		.silent = on_silent,
		.fell_silent = on_fell_silent,
		.hung = on_hung,
	};

	return &hooks;
}
