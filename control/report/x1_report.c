// Sends a network element's reports to its ADMF until they are answered.
#include "control/report/x1_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/util.h>

#include "control/report/x1_client.h"
#include "control/xml/x1_encode.h"
#include "control/report/x1_report_form.h"
#include "control/report/x1_report_queue.h"
#include "shared/log.h"
#include "shared/now.h"

#define CONTAINER_MAX 100
#define PARALLEL_MAX 16
#define TEXT_MAX (FAULT_TEXT_MAX + 48)
#define LATE_NS (5 * NOW_NS_PER_S)
#define OUTAGE_AFTER 3 // requests in a row without an answer: no longer one bad message's fault

struct request { // n == 0: this slot is free
	uint32_t n;
	struct report_item *items[CONTAINER_MAX];
};

struct x1_report {
	struct x1_report_options o;
	struct x1_client *client;
	struct report_queue *queue;
	struct event *wake;
	struct report_items given_up; // reported as dropped from the event loop
	uint32_t under_way;
	uint32_t failures;	// requests in a row without an answer
	uint64_t not_before_ms; // the ADMF is away: nothing is sent until then; 0 otherwise
	uint64_t credit_ms;	// of the rate: one request costs 1000 / rate
	uint64_t credited_at_ms;
	struct x1_report_counters counters;
	struct request requests[PARALLEL_MAX];
	struct x1_answer answers[CONTAINER_MAX];
};

// The wait after `attempt` (from 0) failed: doubling, with up to a quarter more so that the network
// elements that lost the same ADMF do not come back in step.
static uint64_t backoff_ms(const struct x1_report *r, uint32_t attempt)
{
	uint64_t wait = (uint64_t)r->o.backoff_ms << (attempt < 16 ? attempt : 16);
	uint32_t random;

	if (wait > r->o.backoff_max_ms) {
		wait = r->o.backoff_max_ms;
	}
	evutil_secure_rng_get_bytes(&random, sizeof(random));
	return wait + random % (wait / 4 + 1);
}

// --- building a request

// Returns the text with the time of the event, if the message is sent later: its own time is that
// of sending (clause 6.2). The details of a completed request are its X1TransactionID (table 46)
// and stay as they are.
static const char *text_of(const struct issue *i, uint64_t now_ns, char out[TEXT_MAX])
{
	time_t at = (time_t)(i->time_ns / NOW_NS_PER_S);
	char when[32];
	struct tm utc;

	if (!i->time_ns || now_ns < i->time_ns + LATE_NS || i->type == ISSUE_DONE ||
		i->type == ISSUE_NOT_DONE)
		return i->text;
	gmtime_r(&at, &utc);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	snprintf(out, TEXT_MAX, "%s (event at %s)", i->text, when);
	return out;
}

static unsigned minor_of(const struct x1_report *r)
{
	return r->o.minor != NULL ? *r->o.minor : X1_MINOR_CORE;
}

static void encode_item(struct x1_report *r, struct x1_buffer *b, struct report_item *item)
{
	const struct issue *i = &item->issue;
	uint64_t now_ns = now_wall_ns();
	char completed[ID_TEXT_SIZE], late[TEXT_MAX];
	const char *text = text_of(i, now_ns, late);
	const char *type = x1_report_type(i, minor_of(r));
	struct x1_fault fault = {.code = x1_report_code(i), .description = text};
	struct x1_envelope e = {.admf_identifier = r->o.ne->admf_identifier,
		.ne_identifier = r->o.ne->ne_identifier,
		.time_ns = now_ns,
		.version = config_x1_announced(&r->o.ne->x1, minor_of(r))};

	// each attempt is a new request (clause 5.2.3)
	item->transaction = id_random();
	e.transaction = item->transaction;
	if (i->text[0] == '\0' && (i->type == ISSUE_DONE || i->type == ISSUE_NOT_DONE)) {
		// table 46, 9040: the X1TransactionID of the request now actioned
		id_format(&i->transaction, completed);
		fault.description = completed;
	}
	switch (i->scope) {
	case REPORT_PING:
		x1_request_ping(b, &e);
		break;
	case ISSUE_NE:
		x1_request_report_ne_issue(
			b, &e, type, text, minor_of(r) >= X1_MINOR_ALERT ? fault.code : 0);
		break;
	case ISSUE_TASK:
		x1_put_report_task_issue(b, &e, &i->id, type, &fault);
		break;
	default:
		x1_put_report_destination_issue(b, &e, &i->id, type, &fault);
		break;
	}
}

static bool by_itself(const struct report_subject *s)
{
	return s->alone || s->scope == REPORT_PING || s->scope == ISSUE_NE;
}

static bool is_document(const struct request *q)
{
	return q->items[0]->issue.scope == REPORT_PING || q->items[0]->issue.scope == ISSUE_NE;
}

// Takes what may go now, in turn.
static uint32_t gather(struct x1_report *r, struct request *q, uint64_t now)
{
	struct report_subject *next, *s = report_queue_first(r->queue);

	for (; s != NULL && q->n < r->o.container_max; s = next) {
		next = TAILQ_NEXT(s, turn);
		if (s->not_before_ms > now || (q->n != 0 && by_itself(s))) {
			continue;
		}
		bool alone = by_itself(s);
		q->items[q->n++] = report_queue_take(r->queue, s);
		if (alone) {
			break;
		}
	}
	return q->n;
}

static void request_failed(struct x1_report *r, struct request *q, bool connection);

static void send_request(struct x1_report *r, struct request *q)
{
	struct x1_buffer body = {0};
	bool document = is_document(q);
	int error;

	if (!document) {
		x1_request_begin(&body);
	}
	for (uint32_t n = 0; n < q->n; n++) {
		encode_item(r, &body, q->items[n]);
	}
	if (!document) {
		x1_request_end(&body);
	}
	error = body.error != 0 ? body.error : x1_client_post(r->client, body.text, body.length, q);
	x1_buffer_free(&body);
	if (error != 0) {
		log_error("report to ADMF %s: %s", r->o.ne->admf_identifier, poi_error_text(error));
		request_failed(r, q, true);
		return;
	}
	r->under_way++;
	r->counters.requests++;
	r->counters.sent += q->n;
}

// --- when to send

static uint32_t cost_ms(const struct x1_report *r)
{
	return r->o.rate < 1000 ? 1000 / r->o.rate : 1;
}

static void add_credit(struct x1_report *r, uint64_t now)
{
	r->credit_ms += now - r->credited_at_ms;
	r->credited_at_ms = now;
	if (r->credit_ms > 1000) {
		r->credit_ms = 1000;
	}
}

static struct request *free_slot(struct x1_report *r)
{
	uint32_t limit = r->o.wait ? 0 : r->not_before_ms != 0 ? 1 : r->o.parallel;

	if (r->under_way >= limit) {
		return NULL;
	}
	for (uint32_t n = 0; n < r->o.parallel; n++) {
		if (r->requests[n].n == 0) {
			return &r->requests[n];
		}
	}
	return NULL;
}

static void sleep_until(struct x1_report *r, uint64_t at, uint64_t now)
{
	uint64_t wait = at > now ? at - now : 0;
	struct timeval delay = {
		.tv_sec = (time_t)(wait / 1000), .tv_usec = (suseconds_t)(wait % 1000 * 1000)};

	event_add(r->wake, &delay);
}

// The next moment at which something that waits may go.
static void plan(struct x1_report *r, uint64_t now)
{
	uint64_t at = UINT64_MAX;

	// most wait for nothing: then the first is enough
	for (struct report_subject *s = report_queue_first(r->queue); s != NULL && at > now;
		s = TAILQ_NEXT(s, turn)) {
		at = s->not_before_ms < at ? s->not_before_ms : at;
	}
	if (at == UINT64_MAX || free_slot(r) == NULL) {
		return; // an answer, or the next report, comes first
	}
	if (at < r->not_before_ms) {
		at = r->not_before_ms;
	}
	if (r->credit_ms < cost_ms(r) && at < now + cost_ms(r) - r->credit_ms) {
		at = now + cost_ms(r) - r->credit_ms;
	}
	sleep_until(r, at, now);
}

static void report_outcome(
	struct x1_report *r, struct report_item *item, enum x1_report_result result, int error_code)
{
	struct x1_report_outcome outcome = {.token = item->token,
		.result = result,
		.error_code = error_code,
		.ping = item->issue.scope == REPORT_PING,
		.issue = item->issue.scope == REPORT_PING ? NULL : &item->issue};

	if (r->o.done != NULL) {
		r->o.done(r->o.context, &outcome);
	}
	free(item);
}

static const char *request_name(const struct issue *i)
{
	static const char *const names[] = {[ISSUE_NE] = "ReportNEIssue",
		[ISSUE_TASK] = "ReportTaskIssue",
		[ISSUE_DESTINATION] = "ReportDestinationIssue",
		[REPORT_PING] = "Ping"};

	return names[i->scope];
}

static void exchanged(struct x1_report *r, const struct report_item *item, bool answered,
	int error_code, const char *why)
{
	struct x1_report_exchange e = {.issue = &item->issue,
		.request = request_name(&item->issue),
		.transaction = item->transaction,
		.n = 1,
		.answered = answered,
		.error_code = error_code,
		.why = why};

	if (item->issue.scope == REPORT_PING) {
		e.issue = NULL;
	}
	if (r->o.exchanged != NULL) {
		r->o.exchanged(r->o.context, &e);
	}
}

// Names the messages of a request that nothing answered.
static void not_exchanged(struct x1_report *r, const struct request *q, bool sent, const char *why)
{
	struct x1_report_exchange e = {.n = q->n, .why = why};

	for (uint32_t n = 0; sent && n < q->n; n++) {
		exchanged(r, q->items[n], false, 0, why);
	}
	if (!sent && q->n != 0 && r->o.exchanged != NULL) {
		r->o.exchanged(r->o.context, &e);
	}
}

static void report_given_up(struct x1_report *r)
{
	for (struct report_item *item; (item = TAILQ_FIRST(&r->given_up)) != NULL;) {
		TAILQ_REMOVE(&r->given_up, item, of_subject);
		report_outcome(r, item, X1_REPORT_DROPPED, 0);
	}
}

static void pump(evutil_socket_t fd, short what, void *context)
{
	struct x1_report *r = context;
	uint64_t now = now_monotonic_ms();
	struct request *q;

	report_given_up(r);
	add_credit(r, now);
	while (now >= r->not_before_ms && r->credit_ms >= cost_ms(r) &&
		(q = free_slot(r)) != NULL && gather(r, q, now) != 0) {
		r->credit_ms -= cost_ms(r);
		send_request(r, q);
	}
	plan(r, now);
}

// --- answers

static void answered(struct x1_report *r, struct report_item *item, const struct x1_answer *a)
{
	struct report_subject *s = item->subject;

	if (a->ok) {
		r->counters.answered++;
	} else {
		r->counters.errors++;
		log_kind(WARNING, ADMF_REFUSED, "ADMF %s refused a report of %s with error %d",
			r->o.ne->admf_identifier, r->o.ne->ne_identifier, a->error_code);
	}
	exchanged(r, item, true, a->ok ? 0 : a->error_code, NULL);
	s->attempts = 0;
	s->not_before_ms = 0;
	s->alone = false;
	report_queue_remove(r->queue, item);
	r->counters.waiting = report_queue_length(r->queue);
	report_outcome(r, item, a->ok ? X1_REPORT_OK : X1_REPORT_ERROR, a->error_code);
}

static bool meant_for_us(const struct x1_report *r, const struct x1_answer *a)
{
	return !a->top_level_error && strcmp(a->ne_identifier, r->o.ne->ne_identifier) == 0 &&
	       strcmp(a->admf_identifier, r->o.ne->admf_identifier) == 0;
}

// Ends the reports that were answered. Returns how many were.
static uint32_t match_answers(struct x1_report *r, struct request *q, int n_answers)
{
	uint32_t count = 0;

	for (int a = 0; a < n_answers; a++) {
		if (!meant_for_us(r, &r->answers[a])) {
			continue; // clause 8.2.4: disregard
		}
		for (uint32_t n = 0; n < q->n; n++) {
			if (id_equal(&q->items[n]->transaction, &r->answers[a].transaction)) {
				struct report_item *item = q->items[n];
				q->items[n] = q->items[--q->n];
				answered(r, item, &r->answers[a]);
				count++;
				break;
			}
		}
	}
	return count;
}

static const char *read_answers(
	struct x1_report *r, struct request *q, const struct x1_client_result *result, bool *any)
{
	int n;

	if (result->outcome != X1_CLIENT_ANSWERED) {
		return result->why;
	}
	if (result->status != 200) {
		return "HTTP status";
	}
	n = x1_decode_answers(
		r->o.decoder, result->body, result->length, r->answers, CONTAINER_MAX);
	if (n <= 0) {
		return "no X1 answer";
	}
	*any = match_answers(r, q, n) != 0;
	if (q->n == 0) {
		return NULL;
	}
	return r->answers[0].top_level_error ? "top-level error"
					     : "not the answers to our requests";
}

// Gives the messages back. `connection`: no fault of theirs, only the ADMF's absence counts.
static void request_failed(struct x1_report *r, struct request *q, bool connection)
{
	uint64_t now = now_monotonic_ms();

	for (uint32_t n = 0; n < q->n; n++) {
		struct report_subject *s = q->items[n]->subject;

		if (!connection) {
			s->alone = true;
			s->not_before_ms = now + backoff_ms(r, s->attempts++);
		}
		report_queue_return(r->queue, q->items[n]);
	}
	q->n = 0;
	if (now < r->not_before_ms) {
		return; // requests that were under way together fail together: once is enough
	}
	r->failures++;
	if (connection) {
		r->not_before_ms = now + backoff_ms(r, r->failures - 1);
	} else if (r->failures >= OUTAGE_AFTER) {
		r->not_before_ms = now + backoff_ms(r, r->failures - OUTAGE_AFTER);
	}
}

static void reached(struct x1_report *r)
{
	if (r->failures >= OUTAGE_AFTER) { // it was the ADMF, not the messages
		struct report_subject *s = report_queue_first(r->queue);
		for (; s != NULL; s = TAILQ_NEXT(s, turn)) {
			s->not_before_ms = 0;
		}
	}
	if (!r->counters.reachable) {
		log_kind(NOTICE, ADMF_ANSWERS, "ADMF %s answers the reports of %s",
			r->o.ne->admf_identifier, r->o.ne->ne_identifier);
	}
	r->counters.reachable = true;
	r->failures = 0;
	r->not_before_ms = 0;
}

static void on_result(void *context, void *request, const struct x1_client_result *result)
{
	struct x1_report *r = context;
	struct request *q = request;
	bool any = false;
	const char *why = read_answers(r, q, result, &any);

	r->under_way--;
	if (any) {
		reached(r);
	}
	if (q->n != 0) {
		log_kind(WARNING, ADMF_SILENT,
			"ADMF %s did not answer %u report(s) of %s: %s (HTTP %ld); will try again",
			r->o.ne->admf_identifier, q->n, r->o.ne->ne_identifier, why,
			result->status);
		r->counters.failed++;
		r->counters.denied += result->outcome == X1_CLIENT_DENIED;
		r->counters.reachable = any;
		not_exchanged(r, q, result->sent, why);
		request_failed(r, q,
			result->outcome == X1_CLIENT_UNREACHED ||
				result->outcome == X1_CLIENT_DENIED);
	}
	pump(-1, 0, r);
}

// --- the caller's side

static int put(struct x1_report *r, const struct issue *i, uint64_t token)
{
	struct report_item *other;
	bool coalesced;
	int error = report_queue_put(r->queue, i, token, &other, &coalesced);

	if (error != 0) {
		r->counters.refused += error == POI_ERR_LIMIT;
		return error;
	}
	r->counters.queued++;
	r->counters.waiting = report_queue_length(r->queue);
	if (other != NULL) {
		r->counters.dropped += !coalesced;
		r->counters.coalesced += coalesced;
		TAILQ_INSERT_TAIL(&r->given_up, other, of_subject);
	}
	// from the loop, so that what is queued together travels together
	sleep_until(r, 0, 0);
	return 0;
}

void x1_report_begin(struct x1_report *r)
{
	if (r->o.wait) {
		r->o.wait = false;
		sleep_until(r, 0, 0);
	}
}

int x1_report_issue(struct x1_report *r, const struct issue *i, uint64_t token)
{
	if (i->scope > ISSUE_DESTINATION || x1_report_type(i, minor_of(r)) == NULL) {
		return POI_ERR_INVALID;
	}
	return put(r, i, token);
}

int x1_report_ping(struct x1_report *r, uint64_t token)
{
	struct issue ping = {.scope = REPORT_PING, .type = ISSUE_DONE};

	if (report_queue_has(r->queue, REPORT_PING, &ping.id)) {
		return POI_ERR_EXISTS;
	}
	return put(r, &ping, token);
}

const struct x1_report_counters *x1_report_counters(const struct x1_report *r)
{
	return &r->counters;
}

static uint32_t given_or(uint32_t value, uint32_t otherwise, uint32_t largest)
{
	value = value != 0 ? value : otherwise;
	return value < largest ? value : largest;
}

struct x1_report *x1_report_new(const struct x1_report_options *o, char *why, size_t why_size)
{
	struct x1_report *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	r->o = *o;
	r->o.queue_max = given_or(o->queue_max, 10000, UINT32_MAX);
	r->o.container_max = given_or(o->container_max, CONTAINER_MAX, CONTAINER_MAX);
	r->o.rate = given_or(o->rate, 10, 1000);
	r->o.parallel = given_or(o->parallel, 4, PARALLEL_MAX);
	r->o.backoff_ms = given_or(o->backoff_ms, 1000, UINT32_MAX);
	r->o.backoff_max_ms = given_or(o->backoff_max_ms, 60000, UINT32_MAX);
	TAILQ_INIT(&r->given_up);
	r->credited_at_ms = now_monotonic_ms();
	r->credit_ms = 1000;
	r->client = x1_client_new(o->base, o->ne, on_result, r, why, why_size);
	if (r->client == NULL) {
		goto fail;
	}
	r->queue = report_queue_new(r->o.queue_max);
	r->wake = evtimer_new(o->base, pump, r);
	if (r->queue == NULL || r->wake == NULL) {
		snprintf(why, why_size, "out of memory");
		goto fail;
	}
	return r;
fail:
	x1_report_free(r);
	return NULL;
}

void x1_report_free(struct x1_report *r)
{
	if (r == NULL) {
		return;
	}
	for (uint32_t n = 0; n < PARALLEL_MAX; n++) {
		not_exchanged(r, &r->requests[n], true, "poi-control stops");
	}
	x1_client_free(r->client);
	for (struct report_item *item; (item = TAILQ_FIRST(&r->given_up)) != NULL;) {
		TAILQ_REMOVE(&r->given_up, item, of_subject);
		free(item);
	}
	report_queue_free(r->queue);
	if (r->wake != NULL) {
		event_free(r->wake);
	}
	free(r);
}
