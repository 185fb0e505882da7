// The turns of X1: who may ask, what is executed when, and how long it may take. A container is
// executed in slices, so that nobody waits for somebody else's thousand messages.
#include "control/x1/x1_dispatch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "control/state/dataplane_events.h"
#include "shared/log.h"
#include "shared/version.h"

#define TURN_MESSAGES 100

// Checks.

// Versions v1.<digits>.<digits> are understood (ASCII digits only); `minor` is set then.
static bool version_understood(const char *v, unsigned *minor)
{
	if (!v || strncmp(v, "v1.", 3) != 0)
		return false;
	v += 3;
	size_t n = strspn(v, "0123456789");
	if (!n || n > 6 || v[n] != '.')
		return false;
	*minor = (unsigned)strtoul(v, NULL, 10);
	v += n + 1;
	n = strspn(v, "0123456789");
	return n && !v[n];
}

// Who asks, in the order of the codes: certificate, responsible ADMF, this network element.
static int check_identity(const struct exchange *x, const struct x1_message *m, bool certificate)
{
	const struct config_ne *ne = &x->dispatch->control->config->nes[x->ne];

	if (!certificate)
		return X1_ERR_ADMF_MISMATCH;
	if (strcmp(m->admf_identifier, ne->admf_identifier) != 0)
		return X1_ERR_NOT_RESPONSIBLE;
	if (!m->ne_identifier || strcmp(m->ne_identifier, ne->ne_identifier) != 0)
		return X1_ERR_NE_MISMATCH;
	return 0;
}

// 0, or the code to refuse with; *text stays "" where table 46 suggests none.
static int check(const struct exchange *x, uint32_t index, const char **text)
{
	const struct x1_message *m = &x->container->messages[index];
	const struct control *c = x->dispatch->control;
	unsigned minor = 0;
	int code = check_identity(x, m, x->certificate[index]);

	*text = "";
	if (code)
		return code;
	if (!version_understood(m->version, &minor)) {
		*text = POI_X1_VERSION;
		return X1_ERR_VERSION;
	}
	if (m->schema_error) {
		*text = m->why ? m->why : "";
		return X1_ERR_SCHEMA;
	}
	switch (m->type) {
	case X1_PING:
	case X1_KEEPALIVE:
		break;
	case X1_REPORT_TASK_ISSUE:
	case X1_REPORT_DESTINATION_ISSUE:
	case X1_REPORT_NE_ISSUE:
		*text = "a network element sends this request, it does not receive it";
		return X1_ERR_GENERIC;
	case X1_GET_ALL_GENERIC_OBJECT_DETAILS:
	case X1_CREATE_OBJECT:
	case X1_MODIFY_OBJECT:
	case X1_GET_OBJECT:
	case X1_DELETE_OBJECT:
	case X1_LIST_OBJECTS_OF_TYPE:
	case X1_DELETE_ALL_OBJECTS:
		*text = "generic objects are not supported";
		return minor >= 9 ? X1_ERR_UNSUPPORTED_REQUEST : X1_ERR_GENERIC;
	default:
		if (publish_recovered(c->publish))
			break;
		*text = "starting: the tasks of the dataplane are not recovered yet";
		return X1_ERR_GENERIC;
	}
	return 0;
}

static void heard(struct exchange *x)
{
	struct control *c = x->dispatch->control;

	publish_heard(c->publish, x->ne);
	persistence_heard(c, x->ne);
	if (fault_clear(registry_ne_faults(c->registry, x->ne), FAULT_FAIL_SAFE)) {
		struct issue i = {.scope = ISSUE_NE,
			.type = ISSUE_CLEAR,
			.ne = x->ne,
			.code = X1_STATUS_CLEARED,
			.text = "the ADMF was heard again"};
		issues_put(c->issues, &i);
	}
}

// Queries of one object.

static void query_answer(struct x1_operation *op)
{
	struct exchange *x = op->exchange;
	struct x1_envelope e = x1_envelope_of(x, op->message);
	int code = x1_query_write(op->query, x1_out(x), &e);
	char text[ID_TEXT_SIZE];

	if (code) {
		id_format(&op->id, text);
		x1_response_error(x1_out(x), &e, op->type, code, text);
	}
	x1_audit_answer(x, op->message, code, NULL);
	x1_operation_cancel(op);
	if (!x->waiting)
		x1_respond(x);
}

static void query_done(void *context)
{
	query_answer(context);
}

static void query(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	bool ready = false;
	char text[ID_TEXT_SIZE];

	if (m->type == X1_GET_TASK_DETAILS && !registry_task_find(c->registry, x->ne, &m->id)) {
		id_format(&m->id, text);
		x1_answer(x, m, X1_ERR_XID_UNKNOWN, text);
		return;
	}
	struct x1_operation *op = x1_operation_new(x, m, m->has_id ? &m->id : NULL);
	if (!op) {
		x1_answer(x, m, X1_ERR_GENERIC, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	op->query = x1_query_start(c, m->type, x->ne, &op->id, query_done, op, &ready);
	if (op->query && x1_version_minor(m->version) >= 14)
		x1_query_extended(op->query);
	if (!op->query)
		x1_operation_finish(op, X1_ERR_GENERIC, poi_error_text(POI_ERR_NOMEM));
	else if (ready)
		query_answer(op);
}

static void execute(struct exchange *x, uint32_t index)
{
	const struct x1_message *m = &x->container->messages[index];
	const struct config_ne *ne = &x->dispatch->control->config->nes[x->ne];
	const char *text;
	int code = check(x, index, &text);

	if (code) {
		x1_answer(x, m, code, text);
		return;
	}
	if (x1_is_change(m->type)) {
		x1_change(x, m, x->unaudited[index]);
		return;
	}
	switch (m->type) {
	case X1_PING:
		x1_answer(x, m, 0, NULL);
		return;
	case X1_KEEPALIVE:
		if (ne->x1.keepalive.enabled)
			x1_answer(x, m, 0, NULL);
		else
			x1_answer(x, m, X1_ERR_KEEPALIVE_DISABLED, "keepalives are disabled");
		return;
	case X1_LIST_ALL_DETAILS:
	case X1_GET_ALL_DETAILS:
	case X1_GET_ALL_TASK_DETAILS:
	case X1_GET_ALL_DESTINATION_DETAILS:
		x1_list_request(x, m);
		return;
	default:
		query(x, m);
	}
}

// TIME1.

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct exchange *x = arg;
	struct x1_operation *next;

	x->waiting++; // held: the last answer must not free it under this loop
	for (struct x1_operation *op = x->operations; op; op = next) {
		next = op->next;
		if (op->query) { // only 6.2 and 6.3 may be `Acknowledged`: what is known must do
			query_answer(op);
			continue;
		}
		if (op->list) {
			x1_list_hurry(op->list);
			continue;
		}
		struct x1_envelope e = x1_envelope_of(x, op->message);
		x1_response_ok(x1_out(x), &e, op->type, false);
		x->dispatch->control->counters.acknowledged++;
		x1_audit_answer(x, op->message, 0, "acknowledged");
		x1_operation_detach(op);
		x1_change_acknowledged(op);
	}
	if (!--x->waiting)
		x1_respond(x);
}

// A little before TIME1 itself, since the answer must be there within it.
void x1_start_deadline(struct exchange *x)
{
	const struct config_ne *ne = &x->dispatch->control->config->nes[x->ne];
	struct timespec now;
	int64_t ms = (int64_t)ne->x1.time1 * 900;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms -= (now.tv_sec - x->received.tv_sec) * 1000 +
	      (now.tv_nsec - x->received.tv_nsec) / 1000000;
	if (ms < 1)
		ms = 1;
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
	if (!x->deadline)
		x->deadline = evtimer_new(x->dispatch->control->base, on_deadline, x);
	if (!x->deadline || evtimer_add(x->deadline, &tv))
		log_error("X1: no timer: an answer may come later than TIME1");
}

// Turns.

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool is_list(enum x1_request_type t)
{
	return t == X1_LIST_ALL_DETAILS || t == X1_GET_ALL_DETAILS ||
	       t == X1_GET_ALL_TASK_DETAILS || t == X1_GET_ALL_DESTINATION_DETAILS;
}

static void enqueue(struct x1_dispatch *d, struct exchange *x)
{
	x->run_next = NULL;
	if (d->run_last)
		d->run_last->run_next = x;
	else
		d->run_first = x;
	d->run_last = x;
}

void x1_turn_add(struct exchange *x)
{
	enqueue(x->dispatch, x);
	event_active(x->dispatch->turn, EV_TIMEOUT, 0);
}

// Chooses the messages that `x` may have executed in this turn, at most `budget`, and writes the
// audit lines of their state changes. A list ends the slice: what is behind it waits for it.
static bool write_ahead(struct exchange *x, uint32_t budget)
{
	bool any = false;
	const char *text;

	while (x->ahead < x->container->n_messages && x->ahead - x->done < budget) {
		uint32_t i = x->ahead++;
		const struct x1_message *m = &x->container->messages[i];
		if (is_list(m->type))
			break;
		if (!x1_is_change(m->type) || check(x, i, &text))
			continue;
		any = x->changes = true;
		x->unaudited[i] = x1_audit(x, m, "accepted", 0, NULL) != 0;
	}
	return any;
}

// Takes off the queue what this turn may execute; returns its first.
static struct exchange *choose(struct x1_dispatch *d, bool *changes)
{
	struct exchange *first = d->run_first, *last = NULL;
	uint32_t budget = TURN_MESSAGES;

	for (struct exchange *x = first; x && budget; x = x->run_next) {
		// What an earlier turn had no time for is on disk already.
		if (x->ahead == x->done)
			*changes = write_ahead(x, budget) || *changes;
		uint32_t n = x->ahead - x->done;
		budget -= n < budget ? n : budget;
		last = x;
	}
	d->run_first = last ? last->run_next : first;
	if (!d->run_first)
		d->run_last = NULL;
	if (last)
		last->run_next = NULL;
	return last ? first : NULL;
}

static void mark_unaudited(struct exchange *x)
{
	for (; x; x = x->run_next) {
		for (uint32_t i = x->done; i < x->ahead; i++)
			x->unaudited[i] = true;
	}
}

static void make_durable(struct x1_dispatch *d, struct exchange *first)
{
	struct control *c = d->control;

	if (audit_sync(c->audit)) {
		mark_unaudited(first);
		events_ne_fault(c, FAULT_AUDIT, "the audit log cannot be written");
	} else {
		events_ne_clear(c, FAULT_AUDIT, "the audit log is written again");
	}
}

// Frees `x` when that was the last it waited for.
static void execute_slice(struct exchange *x, int64_t until)
{
	struct x1_dispatch *d = x->dispatch;
	uint32_t n = x->container->n_messages;

	while (x->done < x->ahead && now_us() < until) {
		uint32_t i = x->done++;
		if (!check_identity(x, &x->container->messages[i], x->certificate[i]))
			heard(x);
		execute(x, i);
	}
	if (x->done < n) {
		if (!x->listing)
			enqueue(d, x);
	} else if (--x->waiting) {
		x1_start_deadline(x);
	} else {
		x1_respond(x);
	}
}

void x1_on_turn(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval at_once;
	struct x1_dispatch *d = arg;
	bool changes = false;

	if (d->stopping)
		return;
	struct exchange *first = choose(d, &changes);
	if (changes)
		make_durable(d, first);
	int64_t until = now_us() + X1_TURN_US;
	while (first && now_us() < until) {
		struct exchange *x = first;
		first = x->run_next;
		execute_slice(x, until);
	}
	if (first) { // no time left: they come first in the next turn
		struct exchange *last = first;
		while (last->run_next)
			last = last->run_next;
		last->run_next = d->run_first;
		d->run_last = d->run_first ? d->run_last : last;
		d->run_first = first;
	}
	// Before any of this turn's requests can have been acknowledged by the dataplane.
	persistence_sync(d->control);
	// Not at once: whoever else has something to do comes first.
	if (d->run_first && evtimer_add(d->turn, &at_once))
		log_error("X1: no timer: requests wait for the next one");
}
