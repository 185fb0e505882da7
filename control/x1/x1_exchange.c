// An HTTP request with its X1 messages: answers, their audit lines and the response.
#include "control/x1/x1_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/state/fault_raise.h"
#include "control/state/persistence.h"
#include "shared/log.h"
#include "shared/now.h"

#define NOTE_MAX 240 // bytes of a reason in the audit log

void x1_exchange_free(struct exchange *x)
{
	struct x1_operation *op;

	while ((op = LIST_FIRST(&x->behind)) != NULL) { // these go on without the exchange
		LIST_REMOVE(op, entry);
		op->origin = NULL;
	}
	if (x->deadline)
		event_free(x->deadline);
	x1_buffer_free(&x->out);
	x1_buffer_free(&x->aside);
	x1_container_free(x->container);
	free(x->peer_uid);
	free(x->peer_address);
	free(x->certificate);
	free(x->unaudited);
	free(x->owed);
	x->dispatch->held -= x->held;
	if (x->late)
		x->dispatch->late_octets -= x->octets;
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
	if (m && x1_version_supported(m->version))
		e.version = config_x1_announced(&ne->x1, x1_version_minor(m->version));
	return e;
}

// Returns a claimed identifier in a form that may be logged: a peer could send anything in it, even
// a target's value.
static const char *claim(const struct config *c, const char *own, const char *claimed)
{
	if (!claimed || strcmp(claimed, own) == 0)
		return NULL;
	for (uint32_t i = 0; i < c->n_nes; i++)
		if (strcmp(claimed, c->nes[i].admf_identifier) == 0 ||
			strcmp(claimed, c->nes[i].ne_identifier) == 0)
			return claimed;
	return "unknown";
}

// Returns 0 or IO.
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
		.note = note || !x->by_san ? note : "certificate bound by subjectAltName",
		.limited = !x->responsible,
	};

	r.claims_admf = claim(x->dispatch->control->config, ne->admf_identifier,
		m ? m->admf_identifier : x->container->admf_identifier);
	r.claims_ne = m ? claim(x->dispatch->control->config, ne->ne_identifier, m->ne_identifier)
			: NULL;
	if (m) {
		r.request = x1_request_name(m->type);
		r.id = x1_message_id(m);
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
	// The accepted state change is already on disk ("accepted"); a result that is not written
	// is a fault.
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
	x1_answer_noted(x, m, code, text, code && text && *text ? text : NULL);
}

void x1_refused(struct exchange *x, const struct x1_message *m, const struct x1_refusal *why)
{
	x1_answer_noted(x, m, why->code, why->text, why->note);
}

void x1_answer_noted(struct exchange *x, const struct x1_message *m, int code, const char *text,
	const char *note)
{
	static const struct id16 none;
	const struct id16 *id = x1_message_id(m);
	struct x1_envelope e;
	char brief[NOTE_MAX];

	if (note) {
		snprintf(brief, sizeof(brief), "%s", note);
		note = brief;
	}
	if (x->late) {
		x1_report_late(
			x->dispatch, m->type, x->ne, id ? id : &none, &m->transaction, code, note);
		return;
	}
	e = x1_envelope_of(x, m);
	if (code)
		x1_response_error(x1_out(x), &e, m->type, code, text ? text : "");
	else
		x1_response_ok(x1_out(x), &e, m->type, true);
	x1_audit_answer(x, m, code, note);
}

void x1_answer_id(struct exchange *x, const struct x1_message *m, int code, const struct id16 *id)
{
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	x1_answer(x, m, code, text);
}

void x1_answer_removing(
	struct exchange *x, const struct x1_message *m, int code, const struct id16 *id)
{
	char text[ID_TEXT_SIZE], reason[ID_TEXT_SIZE + 64];

	id_format(id, text);
	snprintf(reason, sizeof(reason), "%s: its removal is not completed yet", text);
	x1_answer(x, m, code, reason);
}

void x1_acknowledge(struct exchange *x, const struct x1_message *m)
{
	struct x1_envelope e = x1_envelope_of(x, m);

	x1_response_ok(x1_out(x), &e, m->type, false);
	x->dispatch->control->counters.acknowledged++;
	x1_audit_answer(x, m, 0, "acknowledged");
}

static void count_latency(const struct exchange *x)
{
	struct control_counters *n = &x->dispatch->control->counters;

	latency_note(x->changes ? &n->changes : &n->queries, now_monotonic_ns() - x->received_ns);
}

// Marks every message of `x` that was answered `Acknowledged` as still to be executed.
static void stay_late(struct exchange *x)
{
	struct x1_dispatch *d = x->dispatch;

	x->http = NULL;
	x1_buffer_free(&x->out);
	TAILQ_INSERT_TAIL(&d->late, x, entry);
	x1_run_soon(x);
}

void x1_leave(struct exchange *x)
{
	bool refused = x->out.error || x->dispatch->stopping;

	count_latency(x);
	if (refused)
		http_refuse(x->http, 503);
	else
		http_respond(x->http, x->out.text, x->out.length);
	if (!refused)
		x->out = (struct x1_buffer){0};
	if (x->late && !refused)
		stay_late(x);
	else
		x1_exchange_free(x);
}

// Defers answers to state changes to the end of the event-loop iteration, where one fdatasync of
// the store serves all.
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
	// The accepted state changes are already on disk ("accepted"); their results are written
	// with the next change or within a second (decision 19).
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
	x->place = X1_RUN;
	STAILQ_INSERT_TAIL(&x->dispatch->run, x, run_entry);
}

void x1_run_soon(struct exchange *x)
{
	x1_enqueue(x);
	event_active(x->dispatch->turn, EV_TIMEOUT, 0);
}

void x1_block(struct exchange *x)
{
	x->place = X1_BLOCKED;
	STAILQ_INSERT_TAIL(&x->dispatch->blocked, x, run_entry);
}

void x1_unqueue(struct exchange *x)
{
	if (x->place == X1_RUN)
		STAILQ_REMOVE(&x->dispatch->run, x, exchange, run_entry);
	else if (x->place == X1_BLOCKED)
		STAILQ_REMOVE(&x->dispatch->blocked, x, exchange, run_entry);
	x->place = X1_NOT_QUEUED;
}

void x1_wake(struct x1_dispatch *d)
{
	if (!d->stopping && (!STAILQ_EMPTY(&d->blocked) || !LIST_EMPTY(&d->bulk)))
		event_active(d->turn, EV_TIMEOUT, 0);
}
