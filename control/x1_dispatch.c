#include "control/x1_dispatch_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/events.h"
#include "shared/log.h"
#include "shared/version.h"

// Lifetime of an exchange: inbox -> executed -> (open while anything waits) -> responded, freed.
// Operations that were answered `Acknowledged` outlive it.

static void exchange_free(struct exchange *x)
{
	if (x->deadline)
		event_free(x->deadline);
	x1_buffer_free(&x->out);
	x1_container_free(x->container);
	free(x->peer_uid);
	free(x->peer_address);
	free(x->certificate);
	free(x->unaudited);
	free(x);
}

static uint64_t realtime_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct x1_envelope envelope(const struct exchange *x, const struct x1_message *m)
{
	const struct config_ne *ne = &x->dispatch->control->config->nes[x->ne];
	const char *admf = m ? m->admf_identifier : x->container->admf_identifier;

	struct x1_envelope e = {
		.admf_identifier = admf && *admf ? admf : x->peer_uid,
		.ne_identifier = ne->ne_identifier,
		.time_ns = realtime_ns(),
	};

	if (m)
		e.transaction = m->transaction;
	return e;
}

static const struct id16 *message_id(const struct x1_message *m)
{
	if (m->task)
		return &m->task->xid;
	if (m->destination)
		return &m->destination->did;
	return m->has_id ? &m->id : NULL;
}

// 0 or IO.
static int audit_message(
	struct exchange *x, const struct x1_message *m, const char *act, int code, const char *note)
{
	struct control *c = x->dispatch->control;
	struct audit_record r = {
		.act = act,
		.ne = c->config->nes[x->ne].ne_identifier,
		.peer_uid = x->peer_uid,
		.peer_address = x->peer_address,
		.code = code,
		.note = note,
	};

	if (m) {
		r.request = x1_request_name(m->type);
		r.id = message_id(m);
		r.transaction = &m->transaction;
	}
	return audit_write(c->audit, &r);
}

static void audit_answer(struct exchange *x, const struct x1_message *m, int code, const char *note)
{
	// The state change itself is on disk already ("accepted"); a lost result is a fault.
	if (audit_message(x, m, "answered", code, note))
		events_ne_fault(
			x->dispatch->control, FAULT_AUDIT, "the audit log cannot be written");
}

static void count_answer(struct exchange *x, int code)
{
	struct control_counters *n = &x->dispatch->control->counters;

	n->requests++;
	if (code)
		n->errors++;
}

void x1_answer(struct exchange *x, const struct x1_message *m, int code, const char *text)
{
	struct x1_envelope e = envelope(x, m);

	if (code)
		x1_response_error(&x->out, &e, m->type, code, text ? text : "");
	else
		x1_response_ok(&x->out, &e, m->type, true);
	count_answer(x, code);
	audit_answer(x, m, code, NULL); // texts may name values: they go to the ADMF alone
}

static void exchange_unlink(struct exchange *x)
{
	if (x->previous)
		x->previous->next = x->next;
	else if (x->dispatch->open == x)
		x->dispatch->open = x->next;
	if (x->next)
		x->next->previous = x->previous;
}

static void exchange_leave(struct exchange *x)
{
	if (x->out.error || x->dispatch->stopping)
		http_refuse(x->http, 503);
	else
		http_respond(x->http, x->out.text, x->out.length);
	exchange_free(x);
}

// Answers to state changes wait for the end of the loop's turn, where one fdatasync serves all.
static void exchange_respond(struct exchange *x)
{
	struct x1_dispatch *d = x->dispatch;

	x1_response_end(&x->out);
	exchange_unlink(x);
	if (!x->changes || d->stopping) {
		exchange_leave(x);
		return;
	}
	x->next = x->previous = NULL;
	if (d->outbox_last)
		d->outbox_last->next = x;
	else
		d->outbox_first = x;
	d->outbox_last = x;
	event_active(d->leave, EV_TIMEOUT, 0);
}

static void on_leave(evutil_socket_t fd, short what, void *arg)
{
	struct x1_dispatch *d = arg;
	struct exchange *x = d->outbox_first;

	d->outbox_first = d->outbox_last = NULL;
	store_sync(d->control);
	// The state changes themselves are on disk already ("accepted").
	if (audit_sync(d->control->audit))
		events_ne_fault(d->control, FAULT_AUDIT, "the audit log cannot be written");
	while (x) {
		struct exchange *next = x->next;
		exchange_leave(x);
		x = next;
	}
}

// Operations.

struct x1_operation *x1_operation_new(
	struct exchange *x, const struct x1_message *m, const struct id16 *id)
{
	struct x1_operation *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->dispatch = x->dispatch;
	op->exchange = x;
	op->message = m;
	op->type = m->type;
	op->ne = x->ne;
	op->transaction = m->transaction;
	if (id)
		op->id = *id;
	op->next = x->operations;
	if (op->next)
		op->next->previous = op;
	x->operations = op;
	x->waiting++;
	return op;
}

static void operation_detach(struct x1_operation *op)
{
	struct exchange *x = op->exchange;

	*(op->previous ? &op->previous->next : &x->operations) = op->next;
	if (op->next)
		op->next->previous = op->previous;
	op->next = op->previous = NULL;
	op->exchange = NULL;
	op->message = NULL;
	x->waiting--;
}

void x1_operation_cancel(struct x1_operation *op)
{
	if (op->exchange)
		operation_detach(op);
	x1_query_free(op->query);
	free(op);
}

static void report_late(struct x1_operation *op, int code, const char *text)
{
	enum issue_scope scope = ISSUE_NE;

	switch (op->type) {
	case X1_ACTIVATE_TASK:
	case X1_MODIFY_TASK:
	case X1_DEACTIVATE_TASK:
		scope = ISSUE_TASK;
		break;
	case X1_CREATE_DESTINATION:
	case X1_MODIFY_DESTINATION:
	case X1_REMOVE_DESTINATION:
		scope = ISSUE_DESTINATION;
		break;
	default:
		break;
	}
	events_actioned(op->dispatch->control, scope, op->ne, scope == ISSUE_NE ? NULL : &op->id,
		&op->transaction, code == 0, code ? text : NULL);
}

void x1_operation_finish(struct x1_operation *op, int code, const char *text)
{
	struct exchange *x = op->exchange;

	if (!x) {
		if (!op->dispatch->stopping)
			report_late(op, code, text);
		free(op);
		return;
	}
	if (!op->dispatch->stopping)
		x1_answer(x, op->message, code, text);
	x1_operation_cancel(op);
	// During the execution of the container the count is kept up by exchange_execute.
	if (!x->waiting)
		exchange_respond(x);
}

// Queries.

static void query_answer(struct x1_operation *op)
{
	struct exchange *x = op->exchange;
	struct x1_envelope e = envelope(x, op->message);
	int code = x1_query_write(op->query, &x->out, &e);
	char text[ID_TEXT_SIZE];

	if (code) {
		id_format(&op->id, text);
		x1_response_error(&x->out, &e, op->type, code, text);
	}
	count_answer(x, code);
	audit_answer(x, op->message, code, NULL);
	x1_operation_cancel(op);
	if (!x->waiting)
		exchange_respond(x);
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
	if (!op->query)
		x1_operation_finish(op, X1_ERR_GENERIC, poi_error_text(POI_ERR_NOMEM));
	else if (ready)
		query_answer(op);
}

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
	store_heard(c, x->ne);
	if (fault_clear(registry_ne_faults(c->registry, x->ne), FAULT_FAIL_SAFE)) {
		struct issue i = {.scope = ISSUE_NE,
			.type = ISSUE_CLEAR,
			.ne = x->ne,
			.code = X1_STATUS_CLEARED,
			.text = "the ADMF was heard again"};
		issues_put(c->issues, &i);
	}
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
	default:
		query(x, m);
	}
}

// TIME1.

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct exchange *x = arg;

	x->waiting++; // held: the last answer must not free it under this loop
	while (x->operations) {
		struct x1_operation *op = x->operations;

		if (op->query) { // only 6.2 and 6.3 may be `Acknowledged`: what is known must do
			query_answer(op);
			continue;
		}
		struct x1_envelope e = envelope(x, op->message);
		x1_response_ok(&x->out, &e, op->type, false);
		count_answer(x, 0);
		x->dispatch->control->counters.acknowledged++;
		audit_answer(x, op->message, 0, "acknowledged");
		operation_detach(op);
		x1_change_acknowledged(op);
	}
	x->waiting--;
	exchange_respond(x);
}

// A little before TIME1 itself, since the answer must be there within it.
static void start_deadline(struct exchange *x)
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
	x->deadline = evtimer_new(x->dispatch->control->base, on_deadline, x);
	if (!x->deadline || event_add(x->deadline, &tv))
		log_error("X1: no timer: an answer may come later than TIME1");
}

// One turn of the loop.

// Writes the audit lines of the state changes in `x`. Returns whether there were any.
static bool write_ahead(struct exchange *x)
{
	bool any = false;
	const char *text;

	for (uint32_t i = 0; i < x->container->n_messages; i++) {
		const struct x1_message *m = &x->container->messages[i];
		if (!x1_is_change(m->type) || check(x, i, &text))
			continue;
		any = x->changes = true;
		x->unaudited[i] = audit_message(x, m, "accepted", 0, NULL) != 0;
	}
	return any;
}

static void mark_unaudited(struct exchange *x)
{
	for (; x; x = x->next)
		memset(x->unaudited, 1, x->container->n_messages * sizeof(bool));
}

static void exchange_execute(struct exchange *x)
{
	struct x1_dispatch *d = x->dispatch;

	x->next = d->open;
	x->previous = NULL;
	if (x->next)
		x->next->previous = x;
	d->open = x;
	x1_response_begin(&x->out);
	x->waiting = 1; // held until every message was looked at
	for (uint32_t i = 0; i < x->container->n_messages; i++) {
		if (!check_identity(x, &x->container->messages[i], x->certificate[i]))
			heard(x);
		execute(x, i);
	}
	if (--x->waiting)
		start_deadline(x);
	else
		exchange_respond(x);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct x1_dispatch *d = arg;
	struct control *c = d->control;
	struct exchange *first = d->inbox_first;
	bool changes = false;

	d->inbox_first = d->inbox_last = NULL;
	for (struct exchange *x = first; x; x = x->next)
		changes = write_ahead(x) || changes;
	if (changes) {
		if (audit_sync(c->audit)) {
			mark_unaudited(first);
			events_ne_fault(c, FAULT_AUDIT, "the audit log cannot be written");
		} else {
			events_ne_clear(c, FAULT_AUDIT, "the audit log is written again");
		}
	}
	while (first) {
		struct exchange *x = first;
		first = x->next;
		exchange_execute(x);
	}
	// Before any of this turn's requests can have been acknowledged by the dataplane.
	if (changes)
		store_sync(c);
}

static void answer_top_level(struct exchange *x)
{
	struct x1_envelope e = envelope(x, NULL);

	x->dispatch->control->counters.top_level_errors++;
	x1_top_level_error(&x->out, &e);
	if (audit_message(x, NULL, "top-level-error", X1_ERR_SCHEMA, x->container->why))
		events_ne_fault(
			x->dispatch->control, FAULT_AUDIT, "the audit log cannot be written");
	if (x->out.error)
		http_refuse(x->http, 503);
	else
		http_respond(x->http, x->out.text, x->out.length);
	exchange_free(x);
}

void x1_dispatch_container(struct x1_dispatch *d, struct http_exchange *http,
	const struct http_request *request, struct x1_container *container)
{
	struct exchange *x = container && !d->stopping ? calloc(1, sizeof(*x)) : NULL;
	uint32_t n = container ? container->n_messages : 0;

	if (!x) {
		x1_container_free(container);
		http_refuse(http, 503);
		return;
	}
	x->dispatch = d;
	x->http = http;
	x->container = container;
	x->ne = request->ne;
	x->peer_uid = strdup(request->peer_uid);
	x->peer_address = strdup(request->peer_address);
	x->certificate = calloc(n + 1, sizeof(bool));
	x->unaudited = calloc(n + 1, sizeof(bool));
	clock_gettime(CLOCK_MONOTONIC, &x->received);
	if (!x->peer_uid || !x->peer_address || !x->certificate || !x->unaudited) {
		exchange_free(x);
		http_refuse(http, 503);
		return;
	}
	if (container->top_level_error || !n) {
		answer_top_level(x);
		return;
	}
	// Now, while the connection is certain to be there.
	for (uint32_t i = 0; i < n; i++) {
		const char *admf = container->messages[i].admf_identifier;
		const char *before = i ? container->messages[i - 1].admf_identifier : NULL;
		x->certificate[i] = admf && before && !strcmp(admf, before)
					    ? x->certificate[i - 1]
					    : admf && http_peer_is(http, admf);
	}
	if (d->inbox_last)
		d->inbox_last->next = x;
	else
		d->inbox_first = x;
	d->inbox_last = x;
	event_active(d->turn, EV_TIMEOUT, 0);
}

void x1_dispatch_request(void *context, struct http_exchange *x, const struct http_request *request)
{
	struct x1_dispatch *d = context;
	bool strict = d->control->config->nes[request->ne].x1.require_uuid_v4;

	x1_dispatch_container(d, x, request,
		x1_decode(strict ? d->strict : d->plain, request->body, request->body_length));
}

struct x1_dispatch *x1_dispatch_new(
	struct control *c, struct x1_decoder *plain, struct x1_decoder *strict)
{
	struct x1_dispatch *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->control = c;
	d->plain = plain;
	d->strict = strict;
	d->turn = evtimer_new(c->base, on_turn, d);
	d->leave = evtimer_new(c->base, on_leave, d);
	if (!d->turn || !d->leave) {
		x1_dispatch_free(d);
		return NULL;
	}
	return d;
}

void x1_dispatch_stop(struct x1_dispatch *d)
{
	d->stopping = true;
}

void x1_dispatch_free(struct x1_dispatch *d)
{
	if (!d)
		return;
	d->stopping = true;
	while (d->open) {
		struct exchange *x = d->open;
		while (x->operations)
			x1_operation_cancel(x->operations);
		exchange_respond(x);
	}
	while (d->inbox_first) {
		struct exchange *x = d->inbox_first;
		d->inbox_first = x->next;
		http_refuse(x->http, 503);
		exchange_free(x);
	}
	while (d->outbox_first) { // done, and its audit lines are written
		struct exchange *x = d->outbox_first;
		d->outbox_first = x->next;
		exchange_leave(x);
	}
	if (d->turn)
		event_free(d->turn);
	if (d->leave)
		event_free(d->leave);
	free(d);
}
