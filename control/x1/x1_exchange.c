// One HTTP request with its X1 messages: its answers, their audit lines, TIME1, and the way out.
#include "control/x1/x1_internal.h"

#include <stdlib.h>
#include <string.h>

#include "control/state/fault_raise.h"
#include "control/state/persistence.h"
#include "shared/log.h"
#include "shared/now.h"

void x1_exchange_free(struct exchange *x)
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

struct x1_envelope x1_envelope_of(const struct exchange *x, const struct x1_message *m)
{
	const struct config_ne *ne = &x->dispatch->control->config->nes[x->ne];
	const char *admf = m ? m->admf_identifier : x->container->admf_identifier;

	struct x1_envelope e = {
		.admf_identifier = admf && *admf ? admf : x->peer_uid,
		.ne_identifier = ne->ne_identifier,
		.time_ns = now_wall_ns(),
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

// The identifiers that were claimed, where they are others than this network element's own.
static void put_claims(struct audit_record *r, const struct config_ne *ne, const char *admf,
	const char *claimed_ne)
{
	if (admf && strcmp(admf, ne->admf_identifier) != 0)
		r->claims_admf = admf;
	if (claimed_ne && strcmp(claimed_ne, ne->ne_identifier) != 0)
		r->claims_ne = claimed_ne;
}

// 0 or IO.
int x1_audit(
	struct exchange *x, const struct x1_message *m, const char *act, int code, const char *note)
{
	const struct config_ne *ne = &x->dispatch->control->config->nes[x->ne];
	struct audit_record r = {
		.act = act,
		.ne = ne->ne_identifier,
		.peer_uid = x->peer_uid,
		.peer_address = x->peer_address,
		.code = code,
		.note = note && *note ? note : NULL,
		.limited = !x->responsible,
	};

	put_claims(&r, ne, m ? m->admf_identifier : x->container->admf_identifier,
		m ? m->ne_identifier : NULL);
	if (m) {
		r.request = x1_request_name(m->type);
		r.id = message_id(m);
		r.transaction = &m->transaction;
	}
	return audit_write(x->dispatch->control->audit, &r);
}

void x1_audit_answer(struct exchange *x, const struct x1_message *m, int code, const char *note)
{
	struct control_counters *n = &x->dispatch->control->counters;

	n->requests++;
	if (code)
		n->errors++;
	// The state change itself is on disk already ("accepted"); a lost result is a fault.
	if (x1_audit(x, m, "answered", code, note))
		fault_raise_all(
			x->dispatch->control, FAULT_AUDIT, "the audit log cannot be written");
}

void x1_audit_object(struct x1_operation *op, const char *act, const struct id16 *id)
{
	struct control *c = op->dispatch->control;
	struct audit_record r = {.act = act,
		.ne = c->config->nes[op->ne].ne_identifier,
		.request = x1_request_name(op->type),
		.id = id,
		.transaction = &op->transaction};

	if (audit_write(c->audit, &r))
		fault_raise_all(c, FAULT_AUDIT, "the audit log cannot be written");
}

void x1_answer(struct exchange *x, const struct x1_message *m, int code, const char *text)
{
	struct x1_envelope e = x1_envelope_of(x, m);

	if (code)
		x1_response_error(x1_out(x), &e, m->type, code, text ? text : "");
	else
		x1_response_ok(x1_out(x), &e, m->type, true);
	x1_audit_answer(x, m, code, code ? text : NULL);
}

void x1_answer_id(struct exchange *x, const struct x1_message *m, int code, const struct id16 *id)
{
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	x1_answer(x, m, code, text);
}

static void count_latency(const struct exchange *x)
{
	struct control_counters *n = &x->dispatch->control->counters;

	latency_note(x->changes ? &n->changes : &n->queries, now_monotonic_ns() - x->received_ns);
}

void x1_leave(struct exchange *x)
{
	count_latency(x);
	if (x->out.error || x->dispatch->stopping)
		http_refuse(x->http, 503);
	else
		http_respond(x->http, x->out.text, x->out.length);
	if (!x->out.error && !x->dispatch->stopping)
		x->out = (struct x1_buffer){0};
	x1_exchange_free(x);
}

// Answers to state changes wait for the end of the loop's turn, where one fdatasync of the store
// serves all.
void x1_respond(struct exchange *x)
{
	struct x1_dispatch *d = x->dispatch;

	x1_response_end(&x->out);
	TAILQ_REMOVE(&d->open, x, entry);
	if (!x->changes || d->stopping) {
		x1_leave(x);
		return;
	}
	TAILQ_INSERT_TAIL(&d->outbox, x, entry);
	event_active(d->leave, EV_TIMEOUT, 0);
}

void x1_on_sync(evutil_socket_t fd, short what, void *arg)
{
	struct x1_dispatch *d = arg;

	if (audit_sync(d->control->audit))
		fault_raise_all(d->control, FAULT_AUDIT, "the audit log cannot be written");
}

void x1_on_leave(evutil_socket_t fd, short what, void *arg)
{
	struct x1_dispatch *d = arg;
	struct exchange *x;

	persistence_sync(d->control);
	// The state changes themselves are on disk already ("accepted"); their results follow with
	// the next change, or soon (decision 19).
	struct timeval soon = {.tv_sec = 1};
	if (!evtimer_pending(d->sync, NULL) && evtimer_add(d->sync, &soon))
		x1_on_sync(-1, 0, d);
	while ((x = TAILQ_FIRST(&d->outbox)) != NULL) {
		TAILQ_REMOVE(&d->outbox, x, entry);
		x1_leave(x);
	}
}

void x1_enqueue(struct exchange *x)
{
	STAILQ_INSERT_TAIL(&x->dispatch->run, x, run_entry);
}

void x1_run_soon(struct exchange *x)
{
	x1_enqueue(x);
	event_active(x->dispatch->turn, EV_TIMEOUT, 0);
}

// TIME1.

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct exchange *x = arg;
	struct x1_operation *op, *next;

	x->waiting++; // held: the last answer must not free it under this loop
	for (op = LIST_FIRST(&x->operations); op; op = next) {
		next = LIST_NEXT(op, entry);
		op->kind->time_up(op);
	}
	if (!--x->waiting)
		x1_respond(x);
}

// A little before TIME1 itself, since the answer must be there within it.
void x1_start_deadline(struct exchange *x)
{
	const struct config_ne *ne = &x->dispatch->control->config->nes[x->ne];
	int64_t ms = (int64_t)ne->x1.time1 * 900 -
		     (int64_t)((now_monotonic_ns() - x->received_ns) / 1000000);

	if (ms < 1)
		ms = 1;
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
	if (!x->deadline)
		x->deadline = evtimer_new(x->dispatch->control->base, on_deadline, x);
	if (!x->deadline || evtimer_add(x->deadline, &tv))
		log_error("X1: no timer: an answer may come later than TIME1");
}
