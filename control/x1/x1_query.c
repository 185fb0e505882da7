#include "control/x1/x1_query.h"

#include <stdlib.h>
#include <string.h>

#define QUERY_FAULTS_MAX 16

struct x1_query {
	struct control *control;
	enum x1_request_type type;
	uint16_t ne;
	struct id16 id;
	void (*done)(void *context); // NULL once abandoned
	void *context;
	bool in_flight, extended;
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

static void on_status(void *context, int result, const struct channel_task_status *status)
{
	struct x1_query *q = context;

	q->in_flight = false;
	if (!q->done) {
		free(q);
		return;
	}
	if (!result && status)
		x1_asked_set(&q->asked, status);
	q->done(q->context);
}

struct x1_query *x1_query_start(struct control *c, enum x1_request_type type, uint16_t ne,
	const struct id16 *id, void (*done)(void *context), void *context, bool *ready)
{
	struct x1_query *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->control = c;
	q->type = type;
	q->ne = ne;
	q->done = done;
	q->context = context;
	if (id)
		q->id = *id;
	q->in_flight = type == X1_GET_TASK_DETAILS &&
		       !publish_task_status(c->publish, ne, &q->id, on_status, q);
	*ready = !q->in_flight;
	return q;
}

void x1_query_extended(struct x1_query *q)
{
	q->extended = true;
}

void x1_query_free(struct x1_query *q)
{
	if (!q)
		return;
	q->done = NULL;
	if (!q->in_flight)
		free(q);
}

static uint32_t collect_faults(const struct fault *list, struct x1_fault out[QUERY_FAULTS_MAX])
{
	uint32_t n = 0;

	for (; list && n < QUERY_FAULTS_MAX; list = list->next)
		out[n++] = (struct x1_fault){(int)list->code, list->text};
	return n;
}

void x1_query_put_task(struct x1_buffer *b, const struct registry_task *t, const struct x1_asked *a)
{
	struct x1_fault faults[QUERY_FAULTS_MAX];
	struct x1_task_status s = {
		.provisioning = t->state == TASK_COMPLETE ? "complete" : "awaitingProvisioning",
		.n_faults = collect_faults(t->faults, faults),
		.faults = faults,
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
	}
	x1_put_task(b, registry_task_xml(t), t->xml_length, &s);
}

void x1_query_put_destination(struct x1_buffer *b, const struct registry_destination *d)
{
	struct x1_fault faults[QUERY_FAULTS_MAX];
	struct x1_destination_status s = {
		.fault = d->down,
		.n_faults = collect_faults(d->faults, faults),
		.faults = faults,
	};

	x1_put_destination(b, d->xml, d->xml_length, &s);
}

void x1_query_put_ne(struct x1_buffer *b, struct registry *r, uint16_t ne)
{
	struct x1_fault faults[QUERY_FAULTS_MAX];
	uint32_t n = collect_faults(*registry_ne_faults(r, ne), faults);

	x1_put_ne_status(b, n, faults);
}

int x1_query_write(struct x1_query *q, struct x1_buffer *b, const struct x1_envelope *e)
{
	struct registry *r = q->control->registry;
	const struct registry_task *t = NULL;
	const struct registry_destination *d = NULL;

	if (q->type == X1_GET_TASK_DETAILS) {
		t = registry_task_find(r, q->ne, &q->id);
		if (!t)
			return X1_ERR_XID_UNKNOWN;
	}
	if (q->type == X1_GET_DESTINATION_DETAILS) {
		d = registry_destination_find(r, q->ne, &q->id);
		if (!d)
			return X1_ERR_DID_UNKNOWN;
	}
	q->asked.follows &= q->extended;
	x1_message_open(b, e, q->type);
	if (t)
		x1_query_put_task(b, t, &q->asked);
	if (d)
		x1_query_put_destination(b, d);
	if (q->type == X1_GET_NE_STATUS)
		x1_query_put_ne(b, r, q->ne);
	x1_message_close(b);
	return 0;
}
