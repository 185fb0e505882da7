// Queues records for tasks, with the session's correlation ID and numbers.

#include "dataplane/functions/records.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shared/log.h"
#include "shared/now.h"

#define LOG_NS 60000000000ull

bool task_has_records(const struct function_task *t, unsigned kind)
{
	const uint8_t of = nf_records_of(kind);

	if (!(t->records & of))
		return false;
	if (of != RECORDS_AMF)
		return true;
	if (kind == RECORD_AMF_ASSOCIATION)
		return t->records & (TASK_ASSOCIATION_ALL | TASK_ASSOCIATION_ONLY);
	return !(t->records & TASK_ASSOCIATION_ONLY) || kind == RECORD_AMF_LOCATION_UPDATE;
}

// ---- numbers ----

static void give(struct records *r, struct record_context *c)
{
	task_counters_context_give(r->counters, c->context);
	LIST_REMOVE(c, of_task);
	LIST_REMOVE(c, of_subject);
	free(c);
}

static struct record_context *take(
	struct records *r, struct function_task *t, struct subject *o, uint64_t correlation)
{
	struct record_context *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->task = t;
	c->subject = o;
	c->correlation = correlation;
	if (task_counters_context_take(
		    r->counters, COPY_X2, &t->x2->header_xid, correlation, &c->context)) {
		free(c);
		return NULL;
	}
	LIST_INSERT_HEAD(&t->contexts, c, of_task);
	LIST_INSERT_HEAD(&o->contexts, c, of_subject);
	return c;
}

// The one of the subject's correlation ID, taken where there is none yet. NULL: the task's own.
static const struct record_context *context_of(
	struct records *r, struct function_task *t, struct subject *o)
{
	struct record_context *c, *next;

	// A task that names a correlation ID has it in every PDU (TS 33.128 table 6.2.3-6).
	if (!o || o->correlation == 0 || t->x2->correlation != 0)
		return NULL;
	for (c = LIST_FIRST(&o->contexts); c; c = next) {
		next = LIST_NEXT(c, of_subject);
		if (c->task != t)
			continue;
		if (c->correlation == o->correlation)
			return c;
		give(r, c); // the session is on another path now
	}
	return take(r, t, o, o->correlation);
}

void records_follow(struct records *r, struct function_task *t, const struct function_task *before)
{
	const struct record_context *c;

	LIST_FOREACH (c, &before->contexts, of_task)
		(void)take(r, t, c->subject, c->correlation);
}

void records_task_ends(struct records *r, struct function_task *t)
{
	while (!LIST_EMPTY(&t->contexts))
		give(r, LIST_FIRST(&t->contexts));
}

void records_subject_ends(struct records *r, struct subject *o)
{
	while (!LIST_EMPTY(&o->contexts))
		give(r, LIST_FIRST(&o->contexts));
}

// ---- records ----

// Logs the PDUs that were shortened since the line before, once a minute at most.
static void log_shortened(struct records *r)
{
	const uint64_t now = now_monotonic_ns();

	if (r->logged_ns && now < r->logged_ns + LOG_NS)
		return;
	log_warning("events: optional members left out of %" PRIu64
		    " PDUs: larger than a destination's max-pdu",
		r->shortened - r->logged_shortened);
	r->logged_shortened = r->shortened;
	r->logged_ns = now;
}

void records_queue(struct records *r, struct function_task *t, struct subject *o,
	const struct record_pdu *record)
{
	const struct record_context *c =
		o && o->records == RECORDS_SMF ? context_of(r, t, o) : NULL;
	const struct capture_record out = {
		.octets = record->octets,
		.length = record->length,
		.kind = (uint8_t)record->kind,
		.direction = record->direction,
		.context = c ? c->context : t->x2->context,
		.correlation = c ? c->correlation : t->x2->correlation,
		.time_ns = record->time_ns,
	};

	r->owed++;
	r->shortened += capture_record(r->capture, t->x2, &out);
	if (r->shortened != r->logged_shortened)
		log_shortened(r);
}

void records_start(struct records *r, struct function_task *t, struct subject *o)
{
	const bool registration = o->records == RECORDS_AMF;
	struct record_fault fault;
	struct start_record start;
	uint32_t length;

	if (!(o->records & (RECORDS_SMF | RECORDS_AMF)) ||
		!task_has_records(t, registration ? RECORD_AMF_START : RECORD_SMF_START))
		return;
	const uint8_t *tree = subject_tree(o, &length);
	if (nf_decode_nodes(tree, length, r->kept, KEPT_NODES_MAX) <= 0) {
		r->start_refused[RECORD_TREE]++;
		return;
	}
	start_record_make(
		&start, r->kept, registration, o->since_ns, r->release, r->start, KEPT_NODES_MAX);
	struct ber_writer w = ber_writer_of(r->octets, sizeof(r->octets));
	if (record_encode(&w, start.kind, r->release, r->start, start.n, &fault)) {
		r->start_refused[fault.reason]++;
		return;
	}
	records_queue(r, t, o,
		&(struct record_pdu){.kind = start.kind,
			.octets = w.at,
			.length = (uint32_t)(r->octets + sizeof(r->octets) - w.at),
			.direction = PDU_DIRECTION_NOT_APPLICABLE,
			.time_ns = now_wall_ns()});
}
