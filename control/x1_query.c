#include "control/x1_query.h"

#include <stdlib.h>
#include <string.h>

#define QUERY_WINDOW 256
#define QUERY_FAULTS_MAX 16

struct asked {
	struct id16 xid;
	bool known;
	uint64_t x2_octets, x3_octets, last_intercept_ns;
};

struct x1_query {
	struct control *control;
	enum x1_request_type type;
	uint16_t ne;
	struct id16 id;
	void (*done)(void *context); // NULL once abandoned
	void *context;
	uint32_t n, next, in_flight;
	struct asked asked[];
};

struct question { // context of one status request
	struct x1_query *query;
	uint32_t index;
};

static bool finished(const struct x1_query *q)
{
	return q->next == q->n && !q->in_flight;
}

static void ask(struct x1_query *q);

static void on_status(void *context, int result, const struct channel_task_status *status)
{
	struct question *question = context;
	struct x1_query *q = question->query;

	if (!result && status) {
		struct asked *a = &q->asked[question->index];
		a->known = true;
		a->x2_octets = status->x2_octets;
		a->x3_octets = status->x3_octets;
		a->last_intercept_ns = status->last_intercept_ns;
	}
	free(question);
	q->in_flight--;
	if (!q->done) {
		if (!q->in_flight)
			free(q);
		return;
	}
	ask(q);
	if (finished(q))
		q->done(q->context);
}

static void ask(struct x1_query *q)
{
	while (q->next < q->n && q->in_flight < QUERY_WINDOW) {
		struct question *question = malloc(sizeof(*question));
		if (!question) {
			q->next = q->n;
			return;
		}
		*question = (struct question){q, q->next};
		if (publish_task_status(q->control->publish, q->ne, &q->asked[q->next].xid,
			    on_status, question)) {
			free(question);
			q->next = q->n; // no dataplane: nothing more will be known
			return;
		}
		q->next++;
		q->in_flight++;
	}
}

struct x1_query *x1_query_start(struct control *c, enum x1_request_type type, uint16_t ne,
	const struct id16 *id, void (*done)(void *context), void *context, bool *ready)
{
	bool all = type == X1_GET_ALL_DETAILS || type == X1_GET_ALL_TASK_DETAILS;
	uint32_t n = all ? registry_task_count(c->registry, ne) : type == X1_GET_TASK_DETAILS;
	struct x1_query *q = calloc(1, sizeof(*q) + n * sizeof(struct asked));

	if (!q)
		return NULL;
	q->control = c;
	q->type = type;
	q->ne = ne;
	q->done = done;
	q->context = context;
	q->n = n;
	if (id)
		q->id = *id;
	if (all) {
		uint32_t i = 0;
		for (struct registry_task *t = registry_task_first(c->registry, ne); t; t = t->next)
			q->asked[i++].xid = t->xid;
	} else if (n) {
		q->asked[0].xid = q->id;
	}
	ask(q);
	*ready = finished(q);
	return q;
}

void x1_query_free(struct x1_query *q)
{
	if (!q)
		return;
	q->done = NULL;
	q->next = q->n;
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

static void put_task(struct x1_buffer *b, const struct registry_task *t, const struct asked *a)
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
	}
	x1_put_task(b, registry_task_xml(t), t->xml_length, &s);
}

static void put_destination(struct x1_buffer *b, const struct registry_destination *d)
{
	struct x1_fault faults[QUERY_FAULTS_MAX];
	struct x1_destination_status s = {
		.fault = d->down,
		.n_faults = collect_faults(d->faults, faults),
		.faults = faults,
	};

	x1_put_destination(b, d->xml, d->xml_length, &s);
}

static void put_ne_status(const struct x1_query *q, struct x1_buffer *b)
{
	struct x1_fault faults[QUERY_FAULTS_MAX];
	uint32_t n = collect_faults(*registry_ne_faults(q->control->registry, q->ne), faults);

	x1_put_ne_status(b, n, faults);
}

static void put_all_tasks(const struct x1_query *q, struct x1_buffer *b)
{
	x1_list_open(b, "listOfTaskResponseDetails");
	for (uint32_t i = 0; i < q->n; i++) {
		const struct registry_task *t =
			registry_task_find(q->control->registry, q->ne, &q->asked[i].xid);
		if (t) // else it was deactivated while we asked
			put_task(b, t, &q->asked[i]);
	}
	x1_list_close(b);
}

static void put_all_destinations(const struct x1_query *q, struct x1_buffer *b)
{
	x1_list_open(b, "listOfDestinationResponseDetails");
	for (const struct registry_destination *d =
			registry_destination_first(q->control->registry, q->ne);
		d; d = d->next)
		put_destination(b, d);
	x1_list_close(b);
}

static void put_ids(const struct x1_query *q, struct x1_buffer *b)
{
	struct registry *r = q->control->registry;

	x1_list_open(b, "ListOfXIDs");
	for (const struct registry_task *t = registry_task_first(r, q->ne); t; t = t->next)
		x1_put_id(b, "xId", &t->xid);
	x1_list_close(b);
	x1_list_open(b, "ListOfDIDs");
	for (const struct registry_destination *d = registry_destination_first(r, q->ne); d;
		d = d->next)
		x1_put_id(b, "dId", &d->did);
	x1_list_close(b);
}

int x1_query_write(struct x1_query *q, struct x1_buffer *b, const struct x1_envelope *e)
{
	const struct registry_task *t = NULL;
	const struct registry_destination *d = NULL;

	if (q->type == X1_GET_TASK_DETAILS) {
		t = registry_task_find(q->control->registry, q->ne, &q->id);
		if (!t)
			return X1_ERR_XID_UNKNOWN;
	}
	if (q->type == X1_GET_DESTINATION_DETAILS) {
		d = registry_destination_find(q->control->registry, q->ne, &q->id);
		if (!d)
			return X1_ERR_DID_UNKNOWN;
	}
	x1_message_open(b, e, q->type);
	if (t)
		put_task(b, t, &q->asked[0]);
	if (d)
		put_destination(b, d);
	if (q->type == X1_GET_NE_STATUS || q->type == X1_GET_ALL_DETAILS)
		put_ne_status(q, b);
	if (q->type == X1_GET_ALL_TASK_DETAILS || q->type == X1_GET_ALL_DETAILS)
		put_all_tasks(q, b);
	if (q->type == X1_GET_ALL_DESTINATION_DETAILS || q->type == X1_GET_ALL_DETAILS)
		put_all_destinations(q, b);
	if (q->type == X1_LIST_ALL_DETAILS)
		put_ids(q, b);
	x1_message_close(b);
	return 0;
}
