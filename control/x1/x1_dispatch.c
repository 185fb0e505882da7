#include "control/x1/x1_dispatch_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/state/dataplane_events.h"
#include "control/state/pending_reports.h"
#include "shared/log.h"
#include "shared/version.h"

// Lifetime of an exchange: arrived -> executed in slices (x1_turn.c) -> open while anything waits
// -> responded, freed.
// Operations that were answered `Acknowledged` outlive it.

static void exchange_free(struct exchange *x)
{
	if (x->deadline)
		event_free(x->deadline);
	x1_buffer_free(&x->out);
	x1_buffer_free(&x->aside);
	x1_container_free(x->container);
	free(x->peer_uid);
	free(x->peer_address);
	free(x->certificate);
	free(x->unaudited);
	x->dispatch->held -= x->held;
	free(x);
}

static uint64_t realtime_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct x1_envelope x1_envelope_of(const struct exchange *x, const struct x1_message *m)
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
int x1_audit(
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

void x1_audit_answer(struct exchange *x, const struct x1_message *m, int code, const char *note)
{
	struct control_counters *n = &x->dispatch->control->counters;

	n->requests++;
	if (code)
		n->errors++;
	// The state change itself is on disk already ("accepted"); a lost result is a fault.
	if (x1_audit(x, m, "answered", code, note))
		events_ne_fault(
			x->dispatch->control, FAULT_AUDIT, "the audit log cannot be written");
}

void x1_answer(struct exchange *x, const struct x1_message *m, int code, const char *text)
{
	struct x1_envelope e = x1_envelope_of(x, m);

	if (code)
		x1_response_error(x1_out(x), &e, m->type, code, text ? text : "");
	else
		x1_response_ok(x1_out(x), &e, m->type, true);
	x1_audit_answer(x, m, code, NULL); // texts may name values: they go to the ADMF alone
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

static void count_latency(const struct exchange *x)
{
	struct control_counters *n = &x->dispatch->control->counters;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	request_latency_count(x->changes ? &n->changes : &n->queries,
		(uint64_t)((now.tv_sec - x->received.tv_sec) * 1000000 +
			   (now.tv_nsec - x->received.tv_nsec) / 1000));
}

static void exchange_leave(struct exchange *x)
{
	count_latency(x);
	if (x->out.error || x->dispatch->stopping)
		http_refuse(x->http, 503);
	else
		http_respond_take(x->http, x->out.text, x->out.length);
	if (!x->out.error && !x->dispatch->stopping)
		x->out = (struct x1_buffer){0};
	exchange_free(x);
}

// Answers to state changes wait for the end of the loop's turn, where one fdatasync of the store
// serves all.
void x1_respond(struct exchange *x)
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

static void on_settle(evutil_socket_t fd, short what, void *arg)
{
	struct x1_dispatch *d = arg;

	if (audit_sync(d->control->audit))
		events_ne_fault(d->control, FAULT_AUDIT, "the audit log cannot be written");
}

static void on_leave(evutil_socket_t fd, short what, void *arg)
{
	struct x1_dispatch *d = arg;
	struct exchange *x = d->outbox_first;

	d->outbox_first = d->outbox_last = NULL;
	persistence_sync(d->control);
	// The state changes themselves are on disk already ("accepted"); their results follow with
	// the next change, or soon (decision 19).
	struct timeval soon = {.tv_sec = 1};
	if (!evtimer_pending(d->settle, NULL) && evtimer_add(d->settle, &soon))
		on_settle(-1, 0, d);
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

void x1_operation_detach(struct x1_operation *op)
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
		x1_operation_detach(op);
	x1_query_free(op->query);
	x1_list_free(op->list);
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
		if (!op->dispatch->stopping) {
			report_late(op, code, text);
			pending_reports_done(
				op->dispatch->control->pending_reports, op->ne, &op->transaction);
		}
		free(op);
		return;
	}
	if (!op->dispatch->stopping)
		x1_answer(x, op->message, code, text);
	x1_operation_cancel(op);
	// During the execution of the container the count is kept up by x1_turn.c.
	if (!x->waiting)
		x1_respond(x);
}

static void answer_top_level(struct exchange *x)
{
	struct x1_envelope e = x1_envelope_of(x, NULL);

	x->dispatch->control->counters.top_level_errors++;
	x1_top_level_error(&x->out, &e);
	if (x1_audit(x, NULL, "top-level-error", X1_ERR_SCHEMA, x->container->why))
		events_ne_fault(
			x->dispatch->control, FAULT_AUDIT, "the audit log cannot be written");
	exchange_leave(x);
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
	x->next = d->open;
	if (x->next)
		x->next->previous = x;
	d->open = x;
	x1_response_begin(&x->out);
	x->waiting = 1; // held until every message was looked at
	x1_turn_add(x);
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
	d->turn = evtimer_new(c->base, x1_on_turn, d);
	d->leave = evtimer_new(c->base, on_leave, d);
	d->settle = evtimer_new(c->base, on_settle, d);
	d->list = evtimer_new(c->base, x1_on_list, d);
	if (!d->turn || !d->leave || !d->settle || !d->list) {
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
	// NOLINTBEGIN(clang-analyzer-unix.Malloc): a response takes it off the list
	while (d->open) {
		struct exchange *x = d->open;
		while (x->operations)
			x1_operation_cancel(x->operations);
		x1_respond(x);
	}
	// NOLINTEND(clang-analyzer-unix.Malloc)
	while (d->outbox_first) { // done, and its audit lines are written
		struct exchange *x = d->outbox_first;
		d->outbox_first = x->next;
		exchange_leave(x);
	}
	struct event *events[] = {d->turn, d->leave, d->settle, d->list};
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (events[i])
			event_free(events[i]);
	}
	free(d);
}
