// Writes lists of tasks, destinations and objects in portions over many event-loop iterations.
#include "control/x1/x1_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/x1/x1_internal.h"
#include "shared/now.h"

#define WINDOW 256 // tasks whose status is requested and which are written together

enum phase { BEGIN, TASKS, DESTINATIONS, OBJECTS, END };
enum outcome { WAITING, UNFINISHED, COMPLETE, TOO_LARGE };

struct question { // context of one status request
	struct x1_list *list;
	uint32_t index;
};

struct x1_list {
	TAILQ_ENTRY(x1_list) entry; // in the dispatcher's queue
	struct x1_operation *op;    // NULL: abandoned, freed after the dataplane's last answer
	struct registry_cursor cursor;
	struct objects_cursor objects;
	enum phase phase;
	bool begun;
	bool asks;	       // statistics of tasks are requested from the dataplane
	size_t start;	       // of its message in the exchange's output
	uint32_t n, in_flight; // tasks of the window
	struct id16 xid[WINDOW];
	struct x1_asked asked[WINDOW];
	struct question question[WINDOW];
};

static const struct timeval at_once;

static bool ids_only(const struct x1_list *l)
{
	return l->op->type == X1_LIST_ALL_DETAILS || l->op->type == X1_LIST_OBJECTS_OF_TYPE;
}

static bool objects_only(const struct x1_list *l)
{
	return l->op->type == X1_LIST_OBJECTS_OF_TYPE ||
	       l->op->type == X1_GET_ALL_GENERIC_OBJECT_DETAILS;
}

// Returns the bytes that this list may still use.
static size_t room(const struct x1_list *l)
{
	const struct exchange *x = l->op->exchange;
	size_t limit = x->dispatch->control->config->limits.response;
	size_t used = x->dispatch->held + http_leaving(x->http) + (x->out.length - l->start);

	return used < limit ? limit - used : 0;
}

static void go_on(struct x1_dispatch *d)
{
	// Other events of the loop come first.
	if (!evtimer_pending(d->list, NULL))
		evtimer_add(d->list, &at_once);
}

// Tasks.

static void on_status(void *context, int result, const struct channel_task_status *status)
{
	struct question *q = context;
	struct x1_list *l = q->list;

	l->in_flight--;
	if (!l->op) {
		if (!l->in_flight)
			free(l);
		return;
	}
	if (!l->asks) // late answer: the window holds other tasks now
		return;
	if (!result && status)
		x1_asked_set(&l->asked[q->index], status);
	l->asked[q->index].follows = false; // lists are of V1.8.1
	if (!l->in_flight)
		go_on(l->op->dispatch);
}

static void ask(struct x1_list *l)
{
	struct publish *p = l->op->dispatch->control->publish;

	for (uint32_t i = 0; i < l->n && l->asks; i++) {
		l->question[i] = (struct question){l, i};
		if (publish_task_status(p, l->op->ne, &l->xid[i], on_status, &l->question[i]))
			l->asks = false; // no dataplane: no more answers
		else
			l->in_flight++;
	}
}

static bool fill_window(struct x1_list *l)
{
	const struct registry_task *t;

	for (l->n = 0; l->n < WINDOW && (t = registry_cursor_task(&l->cursor)); l->n++) {
		l->xid[l->n] = t->xid;
		l->asked[l->n] = (struct x1_asked){0};
	}
	if (l->n && l->asks)
		ask(l);
	return l->n > 0;
}

static enum outcome write_window(struct x1_list *l, struct x1_buffer *b)
{
	const struct registry *r = l->op->dispatch->control->registry;

	for (uint32_t i = 0; i < l->n; i++) {
		const struct registry_task *t = registry_task_find(r, l->op->ne, &l->xid[i]);
		if (!t) // deactivated since the request
			continue;
		if (ids_only(l))
			x1_put_id(b, "xId", &t->xid);
		else
			x1_query_put_task(
				b, r, x1_version_minor(l->op->message->version), t, &l->asked[i]);
		if (!room(l))
			return TOO_LARGE;
	}
	l->n = 0;
	return UNFINISHED;
}

static enum outcome write_tasks(struct x1_list *l, struct x1_buffer *b)
{
	if (l->asks && l->in_flight)
		return WAITING;
	if (write_window(l, b) == TOO_LARGE)
		return TOO_LARGE;
	if (fill_window(l))
		return UNFINISHED;
	x1_list_close(b);
	if (l->op->type == X1_GET_ALL_TASK_DETAILS) {
		l->phase = END;
		return UNFINISHED;
	}
	x1_list_open(b, ids_only(l) ? "ListOfDIDs" : "listOfDestinationResponseDetails");
	l->phase = DESTINATIONS;
	return UNFINISHED;
}

// Begins the list of objects. GetAllDetails and ListAllDetails have one if objects exist and the
// requester's minor has them.
static void begin_objects(struct x1_list *l, struct x1_buffer *b)
{
	const struct x1_operation *op = l->op;
	const struct registry *r = op->dispatch->control->registry;
	bool all = op->type == X1_GET_ALL_DETAILS || op->type == X1_LIST_ALL_DETAILS;

	l->phase = END;
	if (!objects_only(l) &&
		(!all || x1_version_minor(op->message->version) < X1_OBJECTS_MINOR ||
			!objects_first(registry_objects(r), op->ne)))
		return;
	l->phase = OBJECTS;
	x1_list_open(b, op->type == X1_LIST_OBJECTS_OF_TYPE ? "listOfObjects"
			: ids_only(l)			    ? "ListOfGenericObjectIDs"
							    : "listOfGenericObjectResponseDetails");
}

static const char *type_name(const struct object *o)
{
	return o->details.type == OBJECT_HASH_CONTEXT
		       ? "Q{http://uri.etsi.org/03221/X1/2017/10/HashedID}HashContext"
		       : "Q{http://uri.etsi.org/03221/X1/2017/10/DestinationSet}"
			 "DestinationSetDetails";
}

static enum outcome write_objects(struct x1_list *l, struct x1_buffer *b)
{
	const char *wanted = l->op->message->object_type;

	for (uint32_t i = 0; i < WINDOW; i++) {
		const struct object *o = objects_cursor_next(&l->objects);
		if (!o) {
			x1_list_close(b);
			l->phase = END;
			return UNFINISHED;
		}
		if (wanted && strcmp(wanted, type_name(o)) != 0)
			continue;
		if (ids_only(l))
			x1_put_id(b, "objectId", &o->details.id);
		else
			x1_put_object(b, o->details.xml, o->details.xml_length);
		if (!room(l))
			return TOO_LARGE;
	}
	return UNFINISHED;
}

static enum outcome write_destinations(struct x1_list *l, struct x1_buffer *b)
{
	for (uint32_t i = 0; i < WINDOW; i++) {
		const struct registry_destination *d = registry_cursor_destination(&l->cursor);
		if (!d) {
			x1_list_close(b);
			begin_objects(l, b);
			return UNFINISHED;
		}
		if (d->n_ends) // sets are listed as objects
			continue;
		if (ids_only(l))
			x1_put_id(b, "dId", &d->did);
		else
			x1_query_put_destination(b, &l->op->dispatch->control->config->delivery, d);
		if (!room(l))
			return TOO_LARGE;
	}
	return UNFINISHED;
}

static void begin(struct x1_list *l, struct x1_buffer *b)
{
	struct x1_operation *op = l->op;
	struct exchange *x = op->exchange;
	struct registry *r = op->dispatch->control->registry;
	struct x1_envelope e = x1_envelope_of(x, op->message);

	l->begun = x->writing = true;
	l->start = b->length;
	registry_cursor_begin(r, op->ne, &l->cursor);
	objects_cursor_begin(registry_objects(r), op->ne, &l->objects);
	x1_message_open(b, &e, op->type);
	if (op->type == X1_GET_ALL_DETAILS)
		x1_query_put_ne(b, op->dispatch->control, op->ne);
	if (objects_only(l)) {
		begin_objects(l, b);
		return;
	}
	if (op->type == X1_GET_ALL_DESTINATION_DETAILS)
		x1_list_open(b, "listOfDestinationResponseDetails");
	else
		x1_list_open(b, ids_only(l) ? "ListOfXIDs" : "listOfTaskResponseDetails");
	l->phase = op->type == X1_GET_ALL_DESTINATION_DETAILS ? DESTINATIONS : TASKS;
}

static enum outcome portion(struct x1_list *l, struct x1_buffer *b)
{
	uint64_t until = now_monotonic_us() + X1_TURN_US;
	enum outcome o = UNFINISHED;

	while (o == UNFINISHED) {
		if (l->phase == BEGIN)
			begin(l, b);
		else if (l->phase == TASKS)
			o = write_tasks(l, b);
		else if (l->phase == DESTINATIONS)
			o = write_destinations(l, b);
		else if (l->phase == OBJECTS)
			o = write_objects(l, b);
		else
			o = COMPLETE;
		if (b->error)
			return COMPLETE; // the exchange is refused
		if (o == UNFINISHED && now_monotonic_us() >= until)
			return o;
	}
	return o;
}

// Answers the list and continues its exchange.
static void finish(struct x1_list *l, bool too_large)
{
	struct x1_operation *op = l->op;
	struct exchange *x = op->exchange;
	struct x1_dispatch *d = op->dispatch;
	int code = 0;
	char text[96];

	if (too_large) {
		struct x1_envelope e = x1_envelope_of(x, op->message);
		code = X1_ERR_GENERIC;
		snprintf(text, sizeof(text),
			"the list does not fit in limits.response (%u octets of lists at a time)",
			d->control->config->limits.response);
		x1_buffer_cut(&x->out, l->start);
		x1_response_error(&x->out, &e, op->type, code, text);
	} else {
		x1_message_close(&x->out);
		x->held += x->out.length - l->start;
		d->held += x->out.length - l->start;
	}
	x->writing = x->listing = false;
	if (x->aside.length)
		x1_append(&x->out, x->aside.text, x->aside.length);
	x->out.error = x->out.error ? x->out.error : x->aside.error;
	x1_buffer_free(&x->aside);
	x1_audit_answer(x, op->message, code, code ? text : NULL);
	x1_operation_cancel(op);
	if (!x->waiting)
		x1_respond(x);
	else if (!x->late && x->done < x->container->n_messages)
		x1_run_soon(x);
}

void x1_on_list(evutil_socket_t fd, short what, void *arg)
{
	struct x1_dispatch *d = arg;
	struct x1_list *l = TAILQ_FIRST(&d->lists);

	if (!l || d->stopping)
		return;
	enum outcome o = portion(l, &l->op->exchange->out);
	if (o == COMPLETE || o == TOO_LARGE)
		finish(l, o == TOO_LARGE);
	if (o != WAITING && !TAILQ_EMPTY(&d->lists))
		go_on(d);
}

// Stops requests to the dataplane at TIME1.
static void hurry(struct x1_operation *op)
{
	struct x1_list *l = op->list;

	l->asks = false;
	if (l == TAILQ_FIRST(&op->dispatch->lists))
		go_on(op->dispatch);
}

static void release(struct x1_operation *op)
{
	struct x1_list *l = op->list;

	if (!l)
		return;
	TAILQ_REMOVE(&op->dispatch->lists, l, entry);
	if (l->begun) {
		registry_cursor_end(&l->cursor);
		objects_cursor_end(&l->objects);
	}
	l->op = NULL;
	if (!l->in_flight)
		free(l);
}

void x1_list_request(struct exchange *x, const struct x1_message *m)
{
	static const struct x1_operation_kind kind = {.time_up = hurry, .release = release};
	struct x1_dispatch *d = x->dispatch;
	struct x1_list *l = calloc(1, sizeof(*l));
	struct x1_operation *op = l ? x1_operation_new(x, m, NULL, &kind) : NULL;

	if (!op) {
		free(l);
		x1_answer(x, m, X1_ERR_GENERIC, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	op->list = l;
	l->op = op;
	l->asks = op->type == X1_GET_ALL_DETAILS || op->type == X1_GET_ALL_TASK_DETAILS;
	x->listing = true;
	TAILQ_INSERT_TAIL(&d->lists, l, entry);
	go_on(d);
}
