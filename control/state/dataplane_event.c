// One event of the dataplane: the faults of destinations, tasks and ports, and the ends of tasks.
#include "control/state/dataplane_events_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/state/fail_safe.h"
#include "control/state/fault_raise.h"
#include "control/state/persistence.h"
#include "control/state/task_walk.h"
#include "control/xml/x1_types.h"
#include "shared/log.h"
#include "shared/now.h"

// Renews the copies that the dataplane and the store keep of an object whose faults changed.
static void task_changed(struct control *c, struct registry_task *t)
{
	publish_task_memo(c->publish, t);
	persistence_task_state(c, t);
}

static void destination_changed(struct control *c, struct registry_destination *d)
{
	publish_destination_memo(c->publish, d);
	persistence_destination_state(c, d);
}

static void on_fail_safe(struct control *c, uint16_t ne, const struct channel_event *e)
{
	fail_safe_fire(c, ne, true);
}

static void on_admf_silent(struct control *c, uint16_t ne, const struct channel_event *e)
{
	fail_safe_announce(c, ne);
}

static bool uses(const struct registry_task *t, const struct id16 *did)
{
	for (uint8_t i = 0; i < t->n_destinations; i++) {
		if (id_equal(&registry_task_dids(t)[i], did))
			return true;
	}
	return false;
}

struct loss_walk { // over the tasks of a destination that delivers again
	LIST_ENTRY(loss_walk) entry;
	struct task_walk walk;
	struct control *control;
	uint16_t ne;
	struct id16 did;
	uint64_t returned_ns; // a loss that was raised later stands
};

static void clear_loss(void *context, struct registry_task *t)
{
	const struct loss_walk *l = context;
	const struct fault *f = fault_find(t->faults, FAULT_LOSS);

	if (!f || f->raised_ns > l->returned_ns || !uses(t, &l->did))
		return;
	(void)fault_clear(&t->faults, FAULT_LOSS);
	issue_queue(l->control, ISSUE_TASK, ISSUE_CLEAR, t->ne, &t->xid, X1_STATUS_CLEARED,
		"delivery works again");
	task_changed(l->control, t);
}

static void loss_walk_over(void *context)
{
	struct loss_walk *l = context;

	LIST_REMOVE(l, entry);
	free(l);
}

void dataplane_event_stop(struct control *c)
{
	struct loss_walk *l = LIST_FIRST(&c->loss_walks), *next;

	for (; l; l = next) {
		next = LIST_NEXT(l, entry);
		task_walk_stop(&l->walk);
		loss_walk_over(l);
	}
}

// One walk a destination: when it goes and returns again the walk begins anew.
static void walk_over_losses(struct control *c, uint16_t ne, const struct id16 *did)
{
	static const struct task_walk_use use = {.each = clear_loss, .done = loss_walk_over};
	struct loss_walk *l = LIST_FIRST(&c->loss_walks);

	while (l && (l->ne != ne || !id_equal(&l->did, did)))
		l = LIST_NEXT(l, entry);
	if (l)
		task_walk_stop(&l->walk);
	else if (!(l = calloc(1, sizeof(*l)))) {
		log_error("channel: out of memory: ended losses are not cleared");
		return;
	} else
		LIST_INSERT_HEAD(&c->loss_walks, l, entry);
	l->control = c;
	l->ne = ne;
	l->did = *did;
	l->returned_ns = now_monotonic_ns();
	task_walk_begin(&l->walk, publish_slices(c->publish), c->registry, ne, &use, l);
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
			issue_queue(c, ISSUE_DESTINATION, ISSUE_FAULT, ne, &e->id, X1_STATUS_FAULT,
				text);
		destination_changed(c, d);
		return;
	}
	snprintf(text, sizeof(text), "%s", e->text);
	if (d->lost_at_stop) // its own number alone would be less than was lost
		snprintf(text, sizeof(text),
			"delivering again; %llu PDUs lost when poi-dataplane stopped, %llu in the "
			"outage since",
			(unsigned long long)d->lost_at_stop, (unsigned long long)e->copies);
	d->lost_at_stop = 0;
	if (fault_clear(&d->faults, FAULT_DELIVERY))
		issue_queue(c, ISSUE_DESTINATION, ISSUE_CLEAR, ne, &e->id, X1_STATUS_CLEARED, text);
	destination_changed(c, d);
	walk_over_losses(c, ne, &e->id);
}

static void end_changed(struct control *c, struct registry_destination *member, const char *text)
{
	if (fault_clear(&member->faults, FAULT_END))
		issue_queue(c, ISSUE_DESTINATION, ISSUE_CLEAR, member->ne, &member->did,
			X1_STATUS_CLEARED, text);
	destination_changed(c, member);
}

void dataplane_end_left(struct control *c, uint16_t ne, const struct id16 *did)
{
	struct registry_destination *member = registry_destination_find(c->registry, ne, did);

	if (member && fault_has(member->faults, FAULT_END) &&
		!registry_end_down(c->registry, ne, did))
		end_changed(c, member, "no set has it as an end that is down any more");
}

// A member's fault as an end is apart from the one that it has as a destination of its own, and
// stands while any set has it down.
static void on_end(struct control *c, uint16_t ne, const struct channel_event *e)
{
	struct registry_destination *set = registry_destination_find(c->registry, ne, &e->id);
	struct registry_destination *member = registry_destination_find(c->registry, ne, &e->end);
	bool down = e->kind == EVENT_END_DOWN;
	char text[FAULT_TEXT_MAX], id[ID_TEXT_SIZE];

	if (!set || !member || !registry_end_note(set, &e->end, down))
		return;
	destination_changed(c, set);
	if (!down) {
		if (!registry_end_down(c->registry, ne, &e->end))
			end_changed(c, member, e->text);
		return;
	}
	id_format(&e->id, id);
	snprintf(text, sizeof(text), "not reachable as an end of set %s: %.90s", id, e->text);
	if (fault_raise(&member->faults, FAULT_END, X1_STATUS_FAULT, text) == 1)
		issue_queue(c, ISSUE_DESTINATION, ISSUE_FAULT, ne, &e->end, X1_STATUS_FAULT, text);
	destination_changed(c, member);
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
	issue_queue(c, ISSUE_DESTINATION, fault ? ISSUE_FAULT : ISSUE_CLEAR, ne, &e->id,
		fault ? X1_STATUS_FAULT : X1_STATUS_CLEARED, e->text);
	destination_changed(c, d);
}

// Content that an earlier process captured and that is not delivered.
static void on_discarded(struct control *c, uint16_t ne, const struct channel_event *e)
{
	char text[FAULT_TEXT_MAX], did[ID_TEXT_SIZE];

	audit_act(c, "content-discarded", ne, &e->id, X1_STATUS_WARNING, e->text);
	struct registry_destination *d = registry_destination_find(c->registry, ne, &e->id);
	if (d && !e->subject[0]) {
		d->lost_at_stop += e->loss == LOSS_STOPPED ? e->copies : 0;
		issue_queue(c, ISSUE_DESTINATION, ISSUE_WARNING, ne, &e->id, X1_STATUS_WARNING,
			e->text);
		return;
	}
	// The destination is no more: a report of its own would be taken for its successor's.
	id_format(&e->id, did);
	snprintf(text, sizeof(text), "%.110s (%s)", e->text, did);
	fault_warn(c, ne, text);
}

// Completes a removal. Without a request that waits for it only a loss is reported.
static void on_gone(struct control *c, uint16_t ne, const struct channel_event *e)
{
	struct registry_destination *d = registry_destination_find(c->registry, ne, &e->id);
	char text[FAULT_TEXT_MAX], did[ID_TEXT_SIZE];

	if (d && d->gone) {
		d->gone(d->gone_context, e->copies, e->text);
		return;
	}
	if (!e->copies)
		return;
	id_format(&e->id, did);
	snprintf(text, sizeof(text), "%.110s (%s)", e->text, did);
	fault_warn(c, ne, text);
}

// Reports to the network element's ADMF; a destination that was removed since is named by its DID.
static void on_killed(struct control *c, uint16_t ne, const struct channel_event *e)
{
	static const struct id16 none;
	char text[FAULT_TEXT_MAX], did[ID_TEXT_SIZE];

	if (!e->subject[0] && registry_destination_find(c->registry, ne, &e->id)) {
		issue_queue(c, ISSUE_DESTINATION, ISSUE_WARNING, ne, &e->id, X1_STATUS_WARNING,
			e->text);
		return;
	}
	id_format(&e->id, did);
	snprintf(text, sizeof(text), "%.110s (%s)", e->text, did);
	fault_warn(c, ne, id_equal(&e->id, &none) ? e->text : text);
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
	issue_queue(c, ISSUE_TASK, ISSUE_FAULT, ne, &e->id, X1_STATUS_FAULT, text);
	task_changed(c, t);
}

static void on_task_clear(struct control *c, uint16_t ne, const struct channel_event *e)
{
	struct registry_task *t = registry_task_find(c->registry, ne, &e->id);
	char text[FAULT_TEXT_MAX];

	if (!t || !fault_clear(&t->faults, FAULT_LOSS))
		return;
	snprintf(text, sizeof(text), "%llu PDUs were lost in all, none for 5 seconds",
		(unsigned long long)e->copies);
	issue_queue(c, ISSUE_TASK, ISSUE_CLEAR, ne, &e->id, X1_STATUS_CLEARED, text);
	task_changed(c, t);
}

// Tasks by session or subscriber. Texts have the number of sessions, never a subscriber.
static void raise_followed(
	struct control *c, struct registry_task *t, enum fault_kind kind, const char *text)
{
	static const enum fault_kind each[] = {FAULT_UNBOUND, FAULT_UNSURE, FAULT_UNSEEN};

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		if (each[i] != kind)
			(void)fault_clear(&t->faults, each[i]);
	if (fault_raise(&t->faults, kind, X1_STATUS_FAULT, text) == 1)
		issue_queue(c, ISSUE_TASK, ISSUE_FAULT, t->ne, &t->xid, X1_STATUS_FAULT, text);
	task_changed(c, t);
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
			"signalling was missed or came into force late, sessions of it may be "
			"unknown or lack packets: bound to %llu sessions",
			sessions);
		raise_followed(c, t, FAULT_UNSURE, text);
		return;
	}
	if (e->kind == EVENT_TASK_UNSEEN) {
		snprintf(text, sizeof(text),
			"no port shows the tunnels of a session of it, nothing of that is "
			"captured: "
			"bound to %llu sessions",
			sessions);
		raise_followed(c, t, FAULT_UNSEEN, text);
		return;
	}
	bool waited = fault_clear(&t->faults, FAULT_UNBOUND);
	bool unsure = fault_clear(&t->faults, FAULT_UNSURE);
	bool unseen = fault_clear(&t->faults, FAULT_UNSEEN);
	if (!waited && !unsure && !unseen)
		return;
	snprintf(text, sizeof(text), "bound to %llu sessions", sessions);
	issue_queue(c, ISSUE_TASK, ISSUE_CLEAR, ne, &e->id, X1_STATUS_CLEARED, text);
	task_changed(c, t);
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
		audit_act(c, "implicit-deactivation", w->ne, &w->xid, 0, text);
		issue_queue(c, ISSUE_TASK, ISSUE_IMPLICIT, w->ne, &w->xid, 0, text);
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
		log_warning("channel: event for unknown port %s", e->subject);
		return;
	}
	bool deaf = e->kind == EVENT_PORT_DEAF;
	enum fault_kind first = link ? FAULT_LINK : deaf ? FAULT_PORT_DEAF : FAULT_PORT_LOSS;
	enum fault_kind kind = (enum fault_kind)(first + i);
	if (e->kind == EVENT_LINK_DOWN || e->kind == EVENT_PORT_LOSS || deaf)
		fault_raise_all(c, kind, e->text);
	else
		fault_clear_all(c, kind, e->text);
}

// Each connected dataplane reports the state of its clock, good or bad.
static void on_clock(struct control *c, const struct channel_event *e)
{
	bool unsure = e->kind == EVENT_CLOCK_UNSURE;

	if (unsure == c->clock_unsure)
		return;
	c->clock_unsure = unsure;
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		fault_warn(c, ne, e->text);
}

// Ledger, tables and fragments are of the whole dataplane: faults of every network element.
static void on_dataplane(struct control *c, const struct channel_event *e)
{
	switch (e->kind) {
	case EVENT_LEDGER_FAULT:
		fault_raise_all(c, FAULT_LEDGER, e->text);
		break;
	case EVENT_LEDGER_CLEAR:
		fault_clear_all(c, FAULT_LEDGER, e->text);
		break;
	case EVENT_SECURITY_FAULT:
		fault_raise_all(c, FAULT_SECURITY, e->text);
		break;
	case EVENT_SECURITY_CLEAR:
		fault_clear_all(c, FAULT_SECURITY, e->text);
		break;
	case EVENT_FRAGMENTS_LOST:
		fault_raise_all(c, FAULT_FRAGMENTS, e->text);
		break;
	case EVENT_FRAGMENTS_CLEAR:
		fault_clear_all(c, FAULT_FRAGMENTS, e->text);
		break;
	default:
		break;
	}
}

void dataplane_event(void *context, const struct channel_event *e)
{
	static void (*const of_element[EVENT_LAST + 1])(
		struct control * c, uint16_t ne, const struct channel_event *e) = {
		[EVENT_DESTINATION_DOWN] = on_destination,
		[EVENT_DESTINATION_UP] = on_destination,
		[EVENT_END_DOWN] = on_end,
		[EVENT_END_UP] = on_end,
		[EVENT_SPOOL_FAULT] = on_spool,
		[EVENT_SPOOL_CLEAR] = on_spool,
		[EVENT_DISCARDED] = on_discarded,
		[EVENT_DESTINATION_GONE] = on_gone,
		[EVENT_TASK_LOSS] = on_task_loss,
		[EVENT_TASK_CLEAR] = on_task_clear,
		[EVENT_TASK_WAITING] = on_followed,
		[EVENT_TASK_UNSURE] = on_followed,
		[EVENT_TASK_UNSEEN] = on_followed,
		[EVENT_TASK_FOLLOWED] = on_followed,
		[EVENT_TASK_ENDED] = on_task_ended,
		[EVENT_FAIL_SAFE] = on_fail_safe,
		[EVENT_ADMF_SILENT] = on_admf_silent,
		[EVENT_KILLED] = on_killed,
	};
	static void (*const of_all[EVENT_LAST + 1])(
		struct control * c, const struct channel_event *e) = {
		[EVENT_LEDGER_FAULT] = on_dataplane,
		[EVENT_LEDGER_CLEAR] = on_dataplane,
		[EVENT_SECURITY_FAULT] = on_dataplane,
		[EVENT_SECURITY_CLEAR] = on_dataplane,
		[EVENT_FRAGMENTS_LOST] = on_dataplane,
		[EVENT_FRAGMENTS_CLEAR] = on_dataplane,
		[EVENT_LINK_DOWN] = on_port,
		[EVENT_LINK_UP] = on_port,
		[EVENT_PORT_LOSS] = on_port,
		[EVENT_PORT_CLEAR] = on_port,
		[EVENT_PORT_DEAF] = on_port,
		[EVENT_CLOCK_UNSURE] = on_clock,
		[EVENT_CLOCK_SURE] = on_clock,
	};
	struct control *c = context;
	int32_t ne = registry_ne_index(c->registry, &e->ne);

	if (e->kind <= EVENT_LAST && of_all[e->kind])
		of_all[e->kind](c, e);
	else if (e->kind > EVENT_LAST || !of_element[e->kind])
		log_warning("channel: event %u is not known", e->kind);
	else if (ne >= 0)
		of_element[e->kind](c, (uint16_t)ne, e);
}
