// CreateObject, DeleteObject, DeleteAllObjects (TS 103 221-1 V1.9 and later). A redundant set is a
// destination of the dataplane beside its object. Operations keep keys, not pointers.
#include "control/x1/x1_change_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/state/dataplane_events.h"
#include "control/x1/x1_object.h"

static struct object *object_of(const struct x1_operation *op, const struct id16 *id)
{
	return objects_find(registry_objects(registry_of(op)), op->ne, id);
}

// Returns the redundant set with this identifier as a destination, or NULL.
static struct registry_destination *set_of(const struct x1_operation *op, const struct id16 *id)
{
	struct registry_destination *d = registry_destination_find(registry_of(op), op->ne, id);

	return d && d->n_ends ? d : NULL;
}

// CreateObject.

// Removes object and destination, at the dataplane too: a refused change may be pending there until
// the next publication.
static void not_created(struct x1_operation *op)
{
	struct registry_destination *set = set_of(op, &op->id);
	struct object *o = object_of(op, &op->id);
	struct publish *p = publish_of(op);

	if (set) {
		x1_put_back_begun(publish_destination_remove(p, op->ne, &op->id, NULL, NULL));
		registry_destination_remove(registry_of(op), set);
		persistence_destination_gone(control_of(op), op->ne, &op->id);
	}
	x1_put_back_begun(publish_object_gone(p, op->ne, &op->id, NULL, NULL));
	persistence_object_gone(control_of(op), op->ne, &op->id);
	if (o)
		registry_object_remove(registry_of(op), o);
}

static void create_step(struct x1_operation *op, int result)
{
	struct registry_destination *set;
	struct object *o;

	op->result = op->result ? op->result : result;
	if (--op->remaining)
		return;
	o = object_of(op, &op->id);
	if (!op->result && !o)
		op->result = POI_ERR_NOT_FOUND;
	if (!op->result && !persistence_kept(control_of(op), &op->position))
		op->result = POI_ERR_IO;
	if (op->result) {
		not_created(op);
		x1_operation_finish(op, X1_ERR_GENERIC, x1_publish_error_text(op->result));
		return;
	}
	o->modifying = false;
	set = set_of(op, &op->id);
	if (set)
		set->ready = true;
	x1_operation_finish(op, 0, NULL);
}

static void created(void *context, int result, const struct channel_task_status *status)
{
	create_step(context, result);
}

// Creates the set's destination in the registry, the store and the dataplane.
static int create_set(struct x1_operation *op, const struct object *o)
{
	struct control *c = control_of(op);
	struct channel_destination channel;

	registry_set_destination(c->registry, op->ne, &o->details, &channel);
	channel.creation = registry_creation();
	struct registry_destination *d = registry_destination_new(op->ne, &channel, "", 0);
	int rc = d ? registry_destination_add(c->registry, d) : POI_ERR_NOMEM;
	if (rc) {
		registry_destination_free(d);
		return rc;
	}
	rc = persistence_destination(c, d, &op->position);
	if (!rc)
		rc = publish_destination_put(c->publish, d, created, op);
	op->remaining += !rc;
	return rc;
}

// Reads the details. Returns false, with the request answered, if they are refused.
static bool may_create(
	struct exchange *x, const struct x1_message *m, struct object_details *details)
{
	struct control *c = x->dispatch->control;
	struct x1_refusal why;
	char text[ID_TEXT_SIZE + 64], id[ID_TEXT_SIZE];

	if (objects_find(registry_objects(c->registry), x->ne, &m->object->id)) {
		x1_answer_id(x, m, X1_ERR_OBJECT_EXISTS, &m->object->id);
	} else if (registry_destination_find(c->registry, x->ne, &m->object->id)) {
		id_format(&m->object->id, id);
		snprintf(text, sizeof(text), "%s is the identifier of a destination", id);
		x1_answer(x, m, X1_ERR_OBJECT_EXISTS, text);
	} else if (x1_object_build(c->registry, x->ne, m->object, NULL, details, &why)) {
		x1_refused(x, m, &why);
	} else if (details->set == OBJECT_SET_REDUNDANT &&
		   registry_destination_count(c->registry, x->ne) >=
			   c->config->limits.destinations) {
		x1_answer(x, m, X1_ERR_GENERIC, "the configured number of destinations is reached");
	} else if (publish_state(c->publish) != PUBLISH_READY) {
		x1_answer(x, m, X1_ERR_GENERIC, x1_no_dataplane);
	} else {
		return true;
	}
	return false;
}

void x1_create_object(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct object_details details;

	if (!may_create(x, m, &details))
		return;
	struct object *o = object_new(x->ne, &details);
	int rc = o ? registry_object_add(c->registry, o) : POI_ERR_NOMEM;
	struct x1_operation *op = rc ? NULL : x1_change_new(x, m, &details.id);
	if (!op) {
		if (o && !rc)
			registry_object_remove(c->registry, o);
		else
			object_free(o);
		x1_answer(x, m, X1_ERR_GENERIC,
			rc == POI_ERR_LIMIT ? "no more generic objects are kept"
					    : poi_error_text(POI_ERR_NOMEM));
		return;
	}
	o->modifying = true; // until the dataplane has the set
	op->remaining = 1;   // held by this function
	rc = persistence_object(c, o, &op->position);
	if (!rc)
		rc = publish_object_put(c->publish, o, created, op);
	op->remaining += !rc;
	if (!rc && details.set == OBJECT_SET_REDUNDANT)
		rc = create_set(op, o);
	create_step(op, rc);
}

// DeleteObject, DeleteAllObjects: a redundant set is removed when its queue has drained, and its
// object after it.

struct deletion { // deletion of one object
	struct x1_operation *op;
	struct id16 id;
};

static void over(struct deletion *d, int result)
{
	struct x1_operation *op = d->op;
	struct object *o = object_of(op, &d->id);

	if (result && o)
		o->removing = false;
	op->result = op->result ? op->result : result;
	if (!result && op->type == X1_DELETE_ALL_OBJECTS)
		x1_audit_object(op, "removed", &d->id);
	free(d);
	x1_bulk_step(op);
}

static void forget(struct deletion *d)
{
	struct x1_operation *op = d->op;
	struct object *o = object_of(op, &d->id);

	persistence_object_gone(control_of(op), op->ne, &d->id);
	for (uint8_t i = 0; o && i < o->details.n_members; i++)
		dataplane_end_left(control_of(op), op->ne, &o->details.member[i]);
	if (o)
		registry_object_remove(registry_of(op), o);
	over(d, 0);
}

static void object_removed(void *context, int result, const struct channel_task_status *status)
{
	struct deletion *d = context;

	if (removed_there(result))
		forget(d);
	else
		over(d, result);
}

static void remove_object(struct deletion *d)
{
	struct x1_operation *op = d->op;
	int rc = publish_object_gone(publish_of(op), op->ne, &d->id, object_removed, d);

	if (rc == POI_ERR_CLOSED)
		forget(d);
	else if (rc)
		over(d, rc);
}

static void set_gone(struct deletion *d)
{
	struct x1_operation *op = d->op;
	struct registry_destination *set = set_of(op, &d->id);

	if (set)
		registry_destination_remove(registry_of(op), set);
	persistence_destination_gone(control_of(op), op->ne, &d->id);
	remove_object(d);
}

static void drained(void *context, uint64_t lost, const char *text)
{
	struct deletion *d = context;
	char warning[FAULT_TEXT_MAX], id[ID_TEXT_SIZE];

	if (lost) {
		id_format(&d->id, id);
		snprintf(warning, sizeof(warning), "%.110s (%s)", text, id);
		fault_warn(control_of(d->op), d->op->ne, warning);
	}
	set_gone(d);
}

static void set_removed(void *context, int result, const struct channel_task_status *status)
{
	struct deletion *d = context;
	struct x1_operation *op = d->op;
	struct registry_destination *set = set_of(op, &d->id);

	if (!result && set && !op->dispatch->stopping) { // let its queue drain first
		persistence_destination_gone(control_of(op), op->ne, &d->id);
		set->gone = drained;
		set->gone_context = d;
		return;
	}
	if (removed_there(result)) {
		set_gone(d);
		return;
	}
	if (set) {
		set->removing = false;
		if (result != POI_ERR_IN_USE)
			x1_put_back_begun(
				publish_destination_put(publish_of(op), set, x1_put_back, NULL));
	}
	over(d, result);
}

static void begin_deletion(struct x1_operation *op, struct object *o)
{
	struct registry_destination *set = set_of(op, &o->details.id);
	struct deletion *d = malloc(sizeof(*d));

	op->remaining++;
	if (!d) {
		op->result = POI_ERR_NOMEM;
		x1_bulk_step(op);
		return;
	}
	*d = (struct deletion){op, o->details.id};
	o->removing = true;
	if (!set || publish_state(publish_of(op)) == PUBLISH_DOWN) {
		if (set)
			set_gone(d);
		else
			remove_object(d);
		return;
	}
	int rc = publish_destination_remove(publish_of(op), op->ne, &d->id, set_removed, d);
	if (rc)
		over(d, rc);
	else
		set->removing = true;
}

// Returns false, with the request answered, if the object is in use or changing.
static bool may_delete(struct exchange *x, const struct x1_message *m, const struct object *o)
{
	char text[200];

	if (o->references) {
		x1_object_users(x->dispatch->control->registry, o, text, sizeof(text));
		x1_answer(x, m, X1_ERR_GENERIC, text);
		return false;
	}
	if (o->modifying) {
		x1_answer(x, m, X1_ERR_GENERIC,
			"another request for this object is not completed yet");
		return false;
	}
	return true;
}

void x1_delete_object(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct object *o = objects_find(registry_objects(c->registry), x->ne, &m->id);

	if (!o && x->joined) { // deleted by another request, which this one waited for
		x1_answer(x, m, 0, NULL);
		return;
	}
	if (!o || o->removing) {
		x1_answer_id(x, m, X1_ERR_OBJECT_UNKNOWN, &m->id);
		return;
	}
	if (!may_delete(x, m, o))
		return;
	struct x1_operation *op = x1_change_new(x, m, &m->id);
	if (!op) {
		x1_answer(x, m, X1_ERR_GENERIC, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	op->remaining = 1; // held by this function
	begin_deletion(op, o);
	x1_bulk_step(op);
}

void x1_delete_all_objects(struct exchange *x, const struct x1_message *m)
{
	struct objects *all = registry_objects(x->dispatch->control->registry);
	struct objects_cursor cursor;
	struct object *o;

	for (o = objects_first(all, x->ne); o; o = objects_next(o)) {
		if (!o->removing && !may_delete(x, m, o))
			return;
	}
	struct x1_operation *op = x1_change_new(x, m, NULL);
	if (!op) {
		x1_answer(x, m, X1_ERR_GENERIC, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	op->remaining = 1; // held by this loop
	objects_cursor_begin(all, x->ne, &cursor);
	while ((o = objects_cursor_next(&cursor)) != NULL) {
		if (!o->removing)
			begin_deletion(op, o);
	}
	objects_cursor_end(&cursor);
	x1_bulk_step(op);
}
