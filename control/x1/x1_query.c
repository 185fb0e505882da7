// Answers requests for information about one object, after asking the dataplane for its part.
#include "control/x1/x1_query.h"

#include <stdlib.h>

#include "control/state/publish.h"
#include "control/x1/x1_earlier.h"
#include "control/x1/x1_internal.h"

struct x1_query {
	struct x1_operation *op; // NULL once abandoned; freed after the dataplane's answer
	bool in_flight;
	bool extended; // the requester's minor has TaskStatusExtensions (V1.14 on)
	struct x1_asked asked;
};

void x1_asked_set(struct x1_asked *a, const struct channel_task_status *status)
{
	*a = (struct x1_asked){.known = true,
		.x2_octets = status->x2_octets,
		.x3_octets = status->x3_octets,
		.last_intercept_ns = status->last_intercept_ns,
		.follows = status->follows,
		.sessions = status->sessions};
}

struct collected { // faults of one object; the caller frees `at`
	struct x1_fault *at;
	uint32_t n;
};

// Returns the faults, with room for one more. Out of memory the list is empty and b->error is set.
static struct collected collect_faults(struct x1_buffer *b, const struct fault *list)
{
	struct collected c = {.at = calloc(fault_count(list) + 1, sizeof(*c.at))};

	if (!c.at)
		b->error = POI_ERR_NOMEM;
	for (; list && c.at; list = list->next)
		c.at[c.n++] = (struct x1_fault){(int)list->code, list->text};
	return c;
}

static void add_fault(struct collected *c, int code, const char *text)
{
	if (c->at)
		c->at[c->n++] = (struct x1_fault){code, text};
}

static const char *provisioning(const struct registry_task *t)
{
	return t->state == TASK_COMPLETE		    ? "complete"
	       : fault_has(t->faults, FAULT_DATAPLANE_LOST) ? "failed" // refused by the dataplane
							    : "awaitingProvisioning";
}

void x1_query_put_task(struct x1_buffer *b, const struct registry *r, unsigned minor,
	const struct registry_task *t, const struct x1_asked *a)
{
	struct x1_buffer earlier = {0};
	struct collected faults = collect_faults(b, t->faults);
	struct x1_task_status s = {
		.provisioning = provisioning(t),
		.n_faults = faults.n,
		.faults = faults.at,
		.last_modification_ns = t->modified_ns,
		.modifications = t->modifications,
	};

	if (a && a->known) {
		s.has_amounts = true;
		s.x2_octets = a->x2_octets;
		s.x3_octets = a->x3_octets;
		s.last_intercept_ns = a->last_intercept_ns;
		s.has_sessions = a->follows;
		s.sessions = a->sessions;
	} else {
		struct task_amounts known = publish_amounts_of(t);
		s.has_amounts = known.last_intercept_ns > 0;
		s.x2_octets = known.x2_octets;
		s.x3_octets = known.x3_octets;
		s.last_intercept_ns = known.last_intercept_ns;
	}
	if (x1_earlier_task(&earlier, r, t, minor))
		x1_put_task(b, earlier.text, earlier.length, &s);
	else
		x1_put_task(b, registry_task_xml(t), t->xml_length, &s);
	b->error = earlier.error ? earlier.error : b->error;
	x1_buffer_free(&earlier);
	free(faults.at);
}

void x1_query_put_destination(
	struct x1_buffer *b, const struct config_delivery *c, const struct registry_destination *d)
{
	struct collected faults = collect_faults(b, d->faults);

	// The status has no other field for it.
	if (config_settle_of(c, &d->did, &d->address) == CONFIG_SETTLE_TCP)
		add_fault(&faults, X1_STATUS_WARNING,
			"settle: tcp: delivered is what the MDF's TCP has taken");
	struct x1_destination_status s = {.fault = d->down || fault_has(d->faults, FAULT_END),
		.n_faults = faults.n,
		.faults = faults.at};
	x1_put_destination(b, d->xml, d->xml_length, &s);
	free(faults.at);
}

void x1_query_put_ne(struct x1_buffer *b, struct control *c, uint16_t ne)
{
	struct collected faults = collect_faults(b, *registry_ne_faults(c->registry, ne));

	if (!publish_recovered(c->publish))
		add_fault(&faults, X1_STATUS_FAULT,
			"starting: the tasks of the dataplane are not recovered yet");
	x1_put_ne_status(b, faults.n, faults.at);
	free(faults.at);
}

// Writes the whole message from the information at hand. Returns 0, or the error code (2020, 2040,
// 2060) with nothing written if the object no longer exists.
static int put_answer(struct x1_query *q, struct x1_buffer *b, const struct x1_envelope *e)
{
	const struct x1_operation *op = q->op;
	struct registry *r = op->dispatch->control->registry;
	const struct registry_task *t = NULL;
	const struct registry_destination *d = NULL;
	const struct object *o = NULL;

	if (op->type == X1_GET_TASK_DETAILS) {
		t = registry_task_find(r, op->ne, &op->id);
		if (!t)
			return X1_ERR_XID_UNKNOWN;
	}
	if (op->type == X1_GET_DESTINATION_DETAILS) {
		d = registry_destination_find(r, op->ne, &op->id);
		if (!d || d->n_ends)
			return X1_ERR_DID_UNKNOWN;
	}
	if (op->type == X1_GET_OBJECT) {
		o = objects_find(registry_objects(r), op->ne, &op->id);
		if (!o)
			return X1_ERR_OBJECT_UNKNOWN;
	}
	q->asked.follows &= q->extended;
	x1_message_open(b, e, op->type);
	if (t)
		x1_query_put_task(b, r, x1_version_minor(op->message->version), t, &q->asked);
	if (d)
		x1_query_put_destination(b, &op->dispatch->control->config->delivery, d);
	if (o)
		x1_put_object(b, o->details.xml, o->details.xml_length);
	if (op->type == X1_GET_NE_STATUS)
		x1_query_put_ne(b, op->dispatch->control, op->ne);
	x1_message_close(b);
	return 0;
}

// Only requests of clauses 6.2 and 6.3 may be `Acknowledged`: at TIME1 a query is answered with the
// information at hand.
static void answer(struct x1_operation *op)
{
	struct exchange *x = op->exchange;
	struct x1_envelope e = x1_envelope_of(x, op->message);
	int code = put_answer(op->query, x1_out(x), &e);
	char text[ID_TEXT_SIZE];

	if (code) {
		id_format(&op->id, text);
		x1_response_error(x1_out(x), &e, op->type, code, text);
	}
	x1_audit_answer(x, op->message, code, code ? text : NULL);
	x1_operation_cancel(op);
	if (!x->waiting)
		x1_respond(x);
}

static void release(struct x1_operation *op)
{
	struct x1_query *q = op->query;

	if (!q)
		return;
	q->op = NULL;
	if (!q->in_flight)
		free(q);
}

static void on_status(void *context, int result, const struct channel_task_status *status)
{
	struct x1_query *q = context;

	q->in_flight = false;
	if (!q->op) {
		free(q);
		return;
	}
	if (!result && status)
		x1_asked_set(&q->asked, status);
	answer(q->op);
}

void x1_query_request(struct exchange *x, const struct x1_message *m)
{
	static const struct x1_operation_kind kind = {.time_up = answer, .release = release};
	struct control *c = x->dispatch->control;

	if (m->type == X1_GET_TASK_DETAILS && !registry_task_find(c->registry, x->ne, &m->id)) {
		x1_answer_id(x, m, X1_ERR_XID_UNKNOWN, &m->id);
		return;
	}
	struct x1_query *q = calloc(1, sizeof(*q));
	struct x1_operation *op =
		q ? x1_operation_new(x, m, m->has_id ? &m->id : NULL, &kind) : NULL;
	if (!op) {
		free(q);
		x1_answer(x, m, X1_ERR_GENERIC, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	op->query = q;
	q->op = op;
	q->extended = x1_version_minor(m->version) >= 14;
	q->in_flight = op->type == X1_GET_TASK_DETAILS &&
		       !publish_task_status(c->publish, op->ne, &op->id, on_status, q);
	if (!q->in_flight)
		answer(op);
}
