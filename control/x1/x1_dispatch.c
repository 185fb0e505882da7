// Checks, audits and executes the messages of request containers in slices, so that a container of
// a thousand messages does not delay others.
#include "control/x1/x1_dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "control/state/fault_raise.h"
#include "control/state/persistence.h"
#include "control/x1/x1_internal.h"
#include "shared/log.h"
#include "shared/now.h"

#define TURN_MESSAGES 100
#define AGAIN_MS 20

// Lifetime of an exchange: arrived -> executed in slices -> open while anything waits -> responded,
// freed. Operations that were answered `Acknowledged` outlive it.

// Turns.

// Returns true if message `index` was answered at TIME1 and is not to be executed.
static bool left_out(const struct exchange *x, uint32_t index)
{
	return x->late && !x->owed[index];
}

// Chooses at most `budget` messages of `x` for this turn and writes the audit lines of their state
// changes. A list ends the slice: messages behind it wait for it.
static bool write_ahead(struct exchange *x, uint32_t budget)
{
	bool any = false;
	const char *text;

	while (x->ahead < x->container->n_messages && x->ahead - x->done < budget) {
		uint32_t i = x->ahead;
		const struct x1_message *m = &x->container->messages[i];
		int code = x1_check(x, i, &text);
		if (x1_check_starting(code, text))
			break;
		x->ahead++;
		if (x1_is_list(m->type))
			break;
		if (!x1_is_change(m->type) || code || left_out(x, i))
			continue;
		any = x->changes = true;
		x->unaudited[i] = x1_audit(x, m, "accepted", 0, NULL) != 0;
	}
	return any;
}

// Moves the exchanges of this turn to `chosen`.
static void choose(struct x1_dispatch *d, struct exchanges *chosen, bool *changes)
{
	struct exchange *x;
	uint32_t budget = TURN_MESSAGES;

	while (budget && (x = STAILQ_FIRST(&d->run)) != NULL) {
		STAILQ_REMOVE_HEAD(&d->run, run_entry);
		if (!left_out(x, x->done) && x1_must_wait(x, x->done)) {
			x1_block(x);
			continue;
		}
		// Messages that an earlier turn chose and did not execute are audited already.
		if (x->ahead == x->done)
			*changes = write_ahead(x, budget) || *changes;
		uint32_t n = x->ahead - x->done;
		budget -= n < budget ? n : budget;
		STAILQ_INSERT_TAIL(chosen, x, run_entry);
	}
}

static void mark_unaudited(const struct exchanges *chosen)
{
	struct exchange *x;

	STAILQ_FOREACH (x, chosen, run_entry) {
		for (uint32_t i = x->done; i < x->ahead; i++)
			x->unaudited[i] = true;
	}
}

static void make_durable(struct x1_dispatch *d, const struct exchanges *chosen)
{
	struct control *c = d->control;

	if (audit_sync(c->audit)) {
		mark_unaudited(chosen);
		fault_raise_all(c, FAULT_AUDIT, "the audit log cannot be written");
	} else {
		fault_clear_all(c, FAULT_AUDIT, "the audit log is written again");
	}
}

// Executes chosen messages of `x` until the time `until`. Frees `x` if it waits for nothing else.
static void execute_slice(struct exchange *x, uint64_t until)
{
	uint32_t n = x->container->n_messages;

	while (x->done < x->ahead && now_monotonic_us() < until) {
		if (!left_out(x, x->done) && x1_must_wait(x, x->done)) {
			x1_block(x);
			return;
		}
		uint32_t i = x->done++;
		if (!left_out(x, i))
			x1_execute(x, i);
	}
	if (x->done < n) {
		if (!x->listing)
			x1_enqueue(x);
	} else if (x->late) {
		TAILQ_REMOVE(&x->dispatch->late, x, entry);
		x1_exchange_free(x);
	} else if (!--x->waiting) {
		x1_respond(x);
	}
}

// Moves blocked exchanges back into the run queue.
static void unblock(struct x1_dispatch *d)
{
	struct exchange *x;

	STAILQ_FOREACH (x, &d->blocked, run_entry)
		x->place = X1_RUN;
	STAILQ_CONCAT(&d->run, &d->blocked);
	x1_bulk_recheck(d);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval at_once, again = {.tv_usec = AGAIN_MS * 1000};
	struct x1_dispatch *d = arg;
	struct exchanges chosen = STAILQ_HEAD_INITIALIZER(chosen);
	struct exchange *x;
	bool changes = false;

	if (d->stopping)
		return;
	unblock(d);
	choose(d, &chosen, &changes);
	if (changes)
		make_durable(d, &chosen);
	uint64_t until = now_monotonic_us() + X1_TURN_US;
	while ((x = STAILQ_FIRST(&chosen)) != NULL && now_monotonic_us() < until) {
		STAILQ_REMOVE_HEAD(&chosen, run_entry);
		x->place = X1_NOT_QUEUED;
		execute_slice(x, until);
	}
	// Exchanges without time left come first in the next turn.
	STAILQ_CONCAT(&chosen, &d->run);
	STAILQ_CONCAT(&d->run, &chosen);
	// The store must be synced before the dataplane can acknowledge a request of this turn.
	persistence_sync(d->control);
	// Leave the loop to other events first. Most events wake the exchanges that wait for them;
	// changes by the dataplane itself (a recovery, the fail-safe) do not.
	bool more = !STAILQ_EMPTY(&d->run);
	if ((more || !STAILQ_EMPTY(&d->blocked) || !LIST_EMPTY(&d->bulk)) &&
		evtimer_add(d->turn, more ? &at_once : &again))
		log_error("X1: no timer: requests wait for the next one");
}

// Containers.

static void answer_top_level(struct exchange *x)
{
	struct x1_envelope e = x1_envelope_of(x, NULL);

	x->dispatch->control->counters.top_level_errors++;
	x1_top_level_error(&x->out, &e);
	if (x1_audit(x, NULL, "top-level-error", X1_ERR_SCHEMA, x->container->why))
		fault_raise_all(
			x->dispatch->control, FAULT_AUDIT, "the audit log cannot be written");
	x1_leave(x);
}

static void begin(struct x1_dispatch *d, struct http_exchange *http,
	const struct http_request *request, struct x1_container *container, uint64_t received_ns)
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
	x->by_san = request->peer_by_san;
	x->peer_address = strdup(request->peer_address);
	x->certificate = calloc(n + 1, sizeof(bool));
	x->unaudited = calloc(n + 1, sizeof(bool));
	x->received_ns = received_ns;
	x->octets = request->body_length;
	x->responsible = http_peer_is(http, d->control->config->nes[x->ne].admf_identifier);
	if (!x->peer_uid || !x->peer_address || !x->certificate || !x->unaudited) {
		x1_exchange_free(x);
		http_refuse(http, 503);
		return;
	}
	if (container->top_level_error || !n) {
		answer_top_level(x);
		return;
	}
	// Check certificates while the connection is certain to exist.
	for (uint32_t i = 0; i < n; i++) {
		const char *admf = container->messages[i].admf_identifier;
		const char *before = i ? container->messages[i - 1].admf_identifier : NULL;
		x->certificate[i] = admf && before && !strcmp(admf, before)
					    ? x->certificate[i - 1]
					    : admf && http_peer_is(http, admf);
	}
	TAILQ_INSERT_HEAD(&d->open, x, entry);
	x1_response_begin(&x->out);
	x->waiting = 1; // held until every message was seen
	if (!x1_time1_start(x))
		log_error("X1: no timer: an answer may come later than TIME1");
	x1_run_soon(x);
}

void x1_dispatch_container(struct x1_dispatch *d, struct http_exchange *http,
	const struct http_request *request, struct x1_container *container)
{
	begin(d, http, request, container, now_monotonic_ns());
}

void x1_dispatch_request(void *context, struct http_exchange *x, const struct http_request *request)
{
	struct x1_dispatch *d = context;
	bool strict = d->control->config->nes[request->ne].x1.require_uuid_v4;
	uint64_t received_ns = now_monotonic_ns(); // reading a large container takes time
	struct x1_container *c =
		x1_decode(strict ? d->strict : d->plain, request->body, request->body_length);

	begin(d, x, request, c, received_ns);
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
	TAILQ_INIT(&d->open);
	TAILQ_INIT(&d->outbox);
	TAILQ_INIT(&d->late);
	STAILQ_INIT(&d->run);
	STAILQ_INIT(&d->blocked);
	TAILQ_INIT(&d->lists);
	d->turn = evtimer_new(c->base, on_turn, d);
	d->leave = evtimer_new(c->base, x1_on_leave, d);
	d->sync = evtimer_new(c->base, x1_on_sync, d);
	d->list = evtimer_new(c->base, x1_on_list, d);
	if (!d->turn || !d->leave || !d->sync || !d->list) {
		x1_dispatch_free(d);
		return NULL;
	}
	return d;
}

// Reports messages that were answered `Acknowledged` and will not be executed. The next process
// judges a removal by the objects that are left.
static void report_unexecuted(const struct exchange *x)
{
	for (uint32_t i = x->done; i < x->container->n_messages; i++) {
		const struct x1_message *m = &x->container->messages[i];

		if (x->owed[i] && x1_adds(m->type))
			x1_report_late(x->dispatch, m->type, x->ne, x1_message_id(m),
				&m->transaction, x1_generic_error(m->type),
				"poi-control was stopped before it was executed");
	}
}

void x1_dispatch_stop(struct x1_dispatch *d)
{
	const struct exchange *x;

	d->stopping = true;
	x1_walks_stop(d);
	x1_plans_stop(d);
	registry_end_removals(d->control->registry);
	TAILQ_FOREACH (x, &d->late, entry)
		report_unexecuted(x);
}

void x1_dispatch_free(struct x1_dispatch *d)
{
	struct exchange *x;

	if (!d)
		return;
	d->stopping = true;
	// NOLINTBEGIN(clang-analyzer-unix.Malloc): a response takes it off the list
	while ((x = TAILQ_FIRST(&d->open)) != NULL) {
		while (!LIST_EMPTY(&x->operations))
			x1_operation_cancel(LIST_FIRST(&x->operations));
		x1_respond(x);
	}
	// NOLINTEND(clang-analyzer-unix.Malloc)
	while ((x = TAILQ_FIRST(&d->outbox)) != NULL) { // responses whose audit lines are written
		TAILQ_REMOVE(&d->outbox, x, entry);
		x1_leave(x);
	}
	while ((x = TAILQ_FIRST(&d->late)) != NULL) {
		TAILQ_REMOVE(&d->late, x, entry);
		x1_exchange_free(x);
	}
	while (!LIST_EMPTY(&d->bulk)) // answered above
		x1_operation_cancel(LIST_FIRST(&d->bulk));
	struct event *events[] = {d->turn, d->leave, d->sync, d->list};
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (events[i])
			event_free(events[i]);
	}
	free(d);
}
