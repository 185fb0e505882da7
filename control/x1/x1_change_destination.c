// CreateDestination, ModifyDestination, RemoveDestination, RemoveAllDestinations (TS 103 221-1
// clause 6.3). Operations keep keys, not pointers.
#include "control/x1/x1_change_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/x1/x1_destination.h"
#include "shared/log.h"

#define IN_USE_TEXT 4096 // size of the refusal text of RemoveAllDestinations
#define IN_USE_SEARCHED 4

struct unwanted { // a destination that was refused
	struct x1_dispatch *dispatch;
	uint16_t ne;
	struct id16 did;
	bool again; // this is the second attempt
};

static void take_back(struct unwanted *w);

static void taken_back(void *context, int result, const struct channel_task_status *status)
{
	struct unwanted *w = context;
	const struct registry *r = w->dispatch->control->registry;

	// Its tasks were refused too and are removed after it: try once more.
	if (result == POI_ERR_IN_USE && !w->again &&
		!registry_destination_find(r, w->ne, &w->did)) {
		w->again = true;
		take_back(w);
		return;
	}
	free(w);
}

static void take_back(struct unwanted *w)
{
	struct publish *p = w->dispatch->control->publish;
	int rc = publish_destination_remove(p, w->ne, &w->did, taken_back, w);

	if (!rc)
		return;
	free(w);
	if (rc != POI_ERR_CLOSED)
		log_error("channel: a destination could not be taken back: %s", poi_error_text(rc));
}

// Removes a refused destination from the dataplane. A refusal for lack of memory leaves the change
// there, pending until the next publication.
static void not_wanted(struct x1_operation *op)
{
	struct unwanted *w = malloc(sizeof(*w));

	if (!w) {
		log_error("channel: a destination could not be taken back: out of memory");
		return;
	}
	*w = (struct unwanted){.dispatch = op->dispatch, .ne = op->ne, .did = op->id};
	take_back(w);
}

static void put_back(struct x1_operation *op, const struct registry_destination *d)
{
	if (d->removing) // a removal is in flight and must be the last request
		return;
	int rc = publish_destination_put(publish_of(op), d, x1_put_back, NULL);
	if (rc && rc != POI_ERR_CLOSED)
		log_error("channel: a destination could not be put back: %s", poi_error_text(rc));
}

static void created(void *context, int result, const struct channel_task_status *status)
{
	struct x1_operation *op = context;
	struct registry_destination *d =
		registry_destination_find(registry_of(op), op->ne, &op->id);

	bool later = result == POI_ERR_CLOSED && !op->exchange && !op->dispatch->stopping;
	if (later && d && !d->removing) {
		x1_operation_cancel(op); // the replay completes it
		return;
	}
	if (later && d)
		d->pending = false;
	if (!d || later) {
		x1_operation_finish(
			op, X1_ERR_DESTINATION, "the destination was removed meanwhile");
		return;
	}
	if (!result && !persistence_kept(control_of(op), &op->position))
		result = POI_ERR_IO;
	if (result) {
		// Tasks in flight to it will be refused after it, since it does not exist.
		if (result != POI_ERR_CLOSED)
			not_wanted(op);
		registry_destination_remove(registry_of(op), d);
		persistence_destination_gone(control_of(op), op->ne, &op->id);
		x1_operation_finish(op, X1_ERR_DESTINATION, x1_publish_error_text(result));
		return;
	}
	d->ready = true;
	if (d->pending) {
		d->pending = false;
		publish_destination_memo(publish_of(op), d);
	}
	x1_operation_finish(op, 0, NULL);
}

// Creates the destination and its operation. Returns false, with the request answered, if memory is
// exhausted.
static bool make_destination(struct exchange *x, const struct x1_message *m,
	const struct channel_destination *channel, struct registry_destination **d,
	struct x1_operation **op)
{
	const struct x1_destination_details *details = m->destination;

	*d = registry_destination_new(x->ne, channel, details->xml, details->xml_length);
	*op = *d ? x1_change_new(x, m, &details->did) : NULL;
	if (*op)
		return true;
	registry_destination_free(*d);
	x1_answer(x, m, x1_generic_error(m->type), poi_error_text(POI_ERR_NOMEM));
	return false;
}

// Reads the details. Returns false, with the request answered, if they are refused.
static bool may_create(
	struct exchange *x, const struct x1_message *m, struct channel_destination *channel)
{
	struct control *c = x->dispatch->control;
	const struct x1_destination_details *details = m->destination;
	struct x1_refusal why;

	const struct registry_destination *there =
		registry_destination_find(c->registry, x->ne, &details->did);

	if (objects_find(registry_objects(c->registry), x->ne, &details->did))
		x1_answer(x, m, X1_ERR_DID_EXISTS, "a generic object has this identifier");
	else if (there && there->removing)
		x1_answer_removing(x, m, X1_ERR_DID_EXISTS, &details->did);
	else if (there)
		x1_answer_id(x, m, X1_ERR_DID_EXISTS, &details->did);
	else if (x1_destination_build(c->registry, x->ne, details, false, channel, &why))
		x1_refused(x, m, &why);
	else if (registry_destination_count(c->registry, x->ne) >= c->config->limits.destinations)
		x1_answer(x, m, X1_ERR_DESTINATION,
			"the configured number of destinations is reached");
	else if (publish_state(c->publish) != PUBLISH_READY)
		x1_answer(x, m, X1_ERR_DESTINATION, x1_no_dataplane);
	else
		return true;
	return false;
}

void x1_create_destination(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct channel_destination channel;
	struct registry_destination *d;
	struct x1_operation *op;

	if (!may_create(x, m, &channel))
		return;
	channel.creation = registry_creation();
	if (!make_destination(x, m, &channel, &d, &op))
		return;
	int rc = registry_destination_add(c->registry, d);
	if (rc) {
		registry_destination_free(d);
	} else {
		rc = persistence_destination(c, d, &op->position);
		if (!rc)
			rc = publish_destination_put(c->publish, d, created, op);
		if (rc) {
			persistence_destination_gone(c, x->ne, &m->destination->did);
			registry_destination_remove(c->registry, d);
		}
	}
	if (rc)
		x1_operation_finish(op, X1_ERR_DESTINATION, x1_publish_error_text(rc));
}

static int keep_modified_destination(
	struct x1_operation *op, const struct registry_destination *new)
{
	struct control *c = control_of(op);
	int rc = persistence_kept(c, &op->position) ? 0 : POI_ERR_IO;

	if (!rc && persistence_rewritten(c, &op->position))
		rc = persistence_destination(c, new, NULL);
	return rc ? POI_ERR_IO : 0;
}

static void destination_modified(
	void *context, int result, const struct channel_task_status *status)
{
	struct x1_operation *op = context;
	struct registry_destination *new = op->destination;
	struct registry_destination *old =
		registry_destination_find(registry_of(op), op->ne, &op->id);

	op->destination = NULL;
	if (old)
		old->modifying = false;
	if (old && !result)
		result = keep_modified_destination(op, new);
	if (old && !result)
		result = x1_sets_remember(op, old);
	if (old && result) { // keep the old details
		(void)persistence_destination(control_of(op), old, NULL);
		if (result != POI_ERR_CLOSED)
			put_back(op, old);
	}
	bool memo = old && (old->memo_pending || old->faults || old->down || new->pending);
	new->pending = false;
	if (!result) {
		new->ready = true;
		result = registry_destination_replace(registry_of(op), new);
	}
	if (!result)
		(void)fault_request_over(
			control_of(op), ISSUE_DESTINATION, op->ne, &op->id, &new->faults);
	if (memo)
		publish_destination_memo(publish_of(op), result ? old : new);
	if (result) {
		registry_destination_free(new);
		registry_destination_free(op->destination);
		op->destination = NULL;
		x1_operation_finish(op, X1_ERR_DESTINATION_MODIFY, x1_publish_error_text(result));
		return;
	}
	x1_sets_follow(op, new);
}

// Returns true if every task of `d` would still have a destination for all that it sends, were the
// deliveryType of `d` `delivery`. The new details of a task that is being modified are not in the
// registry yet: such a task counts as one that loses its delivery.
static bool still_serves(
	const struct registry *r, const struct registry_destination *d, uint8_t delivery)
{
	uint32_t users = registry_sets_of(r, d->ne, &d->did, 0);

	for (const struct registry_task *t = registry_task_first(r, d->ne);
		t && users < d->references; t = registry_task_next(t)) {
		uint8_t covered = 0;
		bool uses = false;

		for (uint8_t i = 0; i < t->n_destinations; i++) {
			const struct id16 *did = &registry_task_dids(t)[i];
			if (id_equal(did, &d->did)) {
				uses = true;
				covered |= delivery;
				continue;
			}
			const struct registry_destination *other =
				registry_destination_find(r, d->ne, did);
			covered |= other ? other->delivery : 0;
		}
		if (!uses)
			continue;
		users++;
		bool loses = (d->delivery & t->delivery) && !(delivery & t->delivery);
		if (loses || (covered & t->delivery) != t->delivery)
			return false;
	}
	return users == d->references;
}

// Reads the details. Returns false, with the request answered, if they are refused.
static bool may_modify(struct exchange *x, const struct x1_message *m,
	const struct registry_destination *old, struct channel_destination *channel)
{
	struct control *c = x->dispatch->control;
	const struct x1_destination_details *details = m->destination;
	struct x1_refusal why;

	if (!old || old->n_ends)
		x1_answer_id(x, m, X1_ERR_DID_UNKNOWN, &details->did);
	else if (old->removing)
		x1_answer_removing(x, m, X1_ERR_DESTINATION_MODIFY, &details->did);
	else if (x1_destination_build(c->registry, x->ne, details, true, channel, &why))
		x1_refused(x, m, &why);
	else if ((old->delivery & ~channel->delivery) &&
		 !still_serves(c->registry, old, channel->delivery))
		x1_answer(x, m, X1_ERR_DESTINATION_MODIFY,
			"deliveryType: tasks that use the destination would lose it");
	else if (old->delivery != channel->delivery &&
		 registry_sets_of(c->registry, x->ne, &details->did, OBJECT_SET_REDUNDANT))
		x1_answer(x, m, X1_ERR_DESTINATION_MODIFY,
			"deliveryType: the destinations of a Redundant set must have the same");
	else if (old->modifying || !old->ready ||
		 registry_set_joins(c->registry, x->ne, &details->did))
		x1_answer(x, m, X1_ERR_DESTINATION_MODIFY,
			"another request for this destination is not completed yet");
	else if (publish_state(c->publish) != PUBLISH_READY)
		x1_answer(x, m, X1_ERR_DESTINATION_MODIFY, x1_no_dataplane);
	else
		return true;
	return false;
}

void x1_modify_destination(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct channel_destination channel;
	struct registry_destination *new,
		*old = registry_destination_find(c->registry, x->ne, &m->destination->did);
	struct x1_operation *op;

	if (!may_modify(x, m, old, &channel))
		return;
	channel.creation = old->creation;
	if (!make_destination(x, m, &channel, &new, &op))
		return;
	op->destination = new;
	int rc = persistence_destination(c, new, &op->position);
	if (!rc)
		rc = publish_destination_put(c->publish, new, destination_modified, op);
	if (rc) {
		(void)persistence_destination(c, old, NULL);
		op->destination = NULL;
		registry_destination_free(new);
		x1_operation_finish(op, X1_ERR_DESTINATION_MODIFY, x1_publish_error_text(rc));
		return;
	}
	old->modifying = true;
	old->next_delivery = new->delivery;
}

static void destination_gone(struct x1_operation *op, const struct id16 *did)
{
	struct registry_destination *d = registry_destination_find(registry_of(op), op->ne, did);

	if (d) {
		if (!op->dispatch->stopping)
			issue_destination_leaves(control_of(op), d);
		registry_destination_remove(registry_of(op), d);
	}
	persistence_destination_gone(control_of(op), op->ne, did);
}

// Warns of copies lost by a removal that is answered OK, so that no late report names them.
static void tell_lost(const struct x1_operation *op, const struct id16 *did, const char *text)
{
	char warning[FAULT_TEXT_MAX], id[ID_TEXT_SIZE];

	id_format(did, id);
	snprintf(warning, sizeof(warning), "%.110s (%s)", text, id);
	fault_warn(control_of(op), op->ne, warning);
}

static void drained(void *context, uint64_t lost, const char *text)
{
	struct x1_operation *op = context;

	if (lost && op->exchange)
		tell_lost(op, &op->id, text);
	destination_gone(op, &op->id);
	x1_operation_finish(op, 0, text);
}

static void destination_removed(void *context, int result, const struct channel_task_status *status)
{
	struct x1_operation *op = context;
	struct registry_destination *d =
		registry_destination_find(registry_of(op), op->ne, &op->id);

	if (!result && d && !op->dispatch->stopping) { // let its queue drain first
		persistence_destination_gone(control_of(op), op->ne, &op->id);
		d->gone = drained;
		d->gone_context = op;
		return;
	}
	if (removed_there(result)) {
		destination_gone(op, &op->id);
		x1_operation_finish(op, 0, NULL);
		return;
	}
	if (d) {
		d->removing = false;
		if (result != POI_ERR_IN_USE)
			put_back(op, d);
	}
	x1_operation_finish(op, X1_ERR_DESTINATION_REMOVE, x1_publish_error_text(result));
}

void x1_remove_destination(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct registry_destination *d = registry_destination_find(c->registry, x->ne, &m->id);
	char users[200];

	if (!d && x->joined) { // removed by another request, which this one waited for
		x1_answer(x, m, 0, NULL);
		return;
	}
	if (!d || d->removing || d->n_ends) {
		x1_answer_id(x, m, X1_ERR_DID_UNKNOWN, &m->id);
		return;
	}
	if (d->references) {
		x1_destination_users(c->registry, d, users, sizeof(users));
		x1_answer(x, m, X1_ERR_DESTINATION_IN_USE, users);
		return;
	}
	if (publish_state(c->publish) == PUBLISH_DOWN) {
		issue_destination_leaves(c, d);
		registry_destination_remove(c->registry, d);
		persistence_destination_gone(c, x->ne, &m->id);
		x1_answer(x, m, 0, NULL);
		return;
	}
	struct x1_operation *op = x1_change_new(x, m, &m->id);
	if (!op) {
		x1_answer(x, m, X1_ERR_DESTINATION_REMOVE, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	int rc = publish_destination_remove(c->publish, x->ne, &m->id, destination_removed, op);
	if (rc)
		x1_operation_finish(op, X1_ERR_DESTINATION_REMOVE, x1_publish_error_text(rc));
	else
		d->removing = true;
}

static void object_drained(void *context, uint64_t lost, const char *text)
{
	struct bulk_object *object = context;
	struct x1_operation *op = object->op;

	if (lost)
		tell_lost(op, &object->id, text);
	destination_gone(op, &object->id);
	x1_audit_object(op, "removed", &object->id);
	free(object);
	x1_bulk_step(op);
}

static void object_removed(void *context, int result, const struct channel_task_status *status)
{
	struct bulk_object *object = context;
	struct x1_operation *op = object->op;
	struct registry_destination *d =
		registry_destination_find(registry_of(op), op->ne, &object->id);

	if (!result && d && !op->dispatch->stopping) {
		persistence_destination_gone(control_of(op), op->ne, &object->id);
		d->gone = object_drained;
		d->gone_context = object;
		return;
	}
	if (removed_there(result)) {
		destination_gone(op, &object->id);
		x1_audit_object(op, "removed", &object->id);
	} else {
		if (d) {
			d->removing = false;
			if (result != POI_ERR_IN_USE)
				put_back(op, d);
		}
		op->result = op->result ? op->result : result;
	}
	free(object);
	x1_bulk_step(op);
}

// Removes the destination from the registry, without a dataplane to ask.
static void remove_destination(struct control *c, struct registry_destination *d)
{
	persistence_destination_gone(c, d->ne, &d->did);
	issue_destination_leaves(c, d);
	registry_destination_remove(c->registry, d);
}

// Asks the dataplane to remove one destination of a bulk request.
static void remove_object(struct x1_operation *op, struct registry_destination *d)
{
	struct bulk_object *object = malloc(sizeof(*object));

	if (object)
		*object = (struct bulk_object){op, d->did};
	int rc = object ? publish_destination_remove(
				  publish_of(op), op->ne, &d->did, object_removed, object)
			: POI_ERR_NOMEM;
	if (rc) {
		free(object);
		op->result = rc;
		return;
	}
	d->removing = true;
	op->remaining++;
}

// Writes which destinations from `d` on are in use and, for the first IN_USE_SEARCHED, by which
// tasks (table 46). Each search scans all tasks.
static void write_in_use(
	const struct registry *r, const struct registry_destination *d, char *out, size_t capacity)
{
	char did[ID_TEXT_SIZE], users[180];
	size_t used = 0;
	uint32_t written = 0, more = 0;

	for (; d; d = registry_destination_next(d)) {
		if (!d->references || d->n_ends)
			continue;
		if (used + ID_TEXT_SIZE + sizeof(users) + 64 > capacity) {
			more++;
			continue;
		}
		id_format(&d->did, did);
		used += (size_t)snprintf(
			out + used, capacity - used, "%s%s", used ? "; " : "", did);
		if (written++ >= IN_USE_SEARCHED)
			continue;
		x1_destination_users(r, d, users, sizeof(users));
		used += (size_t)snprintf(out + used, capacity - used, " is used by %s", users);
	}
	if (more)
		snprintf(out + used, capacity - used, "; and %u more", more);
}

// Returns false, with the request answered, if it is not enabled or a task uses a destination.
static bool may_remove_all(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct registry_destination *d = registry_destination_first(c->registry, x->ne);
	char text[IN_USE_TEXT];

	if (!c->config->nes[x->ne].x1.remove_all_destinations) {
		x1_answer(x, m, X1_ERR_REMOVE_ALL_DISABLED,
			"RemoveAllDestinations request is not enabled");
		return false;
	}
	while (d && (!d->references || d->n_ends))
		d = registry_destination_next(d);
	if (!d)
		return true;
	write_in_use(c->registry, d, text, sizeof(text));
	x1_answer(x, m, X1_ERR_REMOVE_ALL_IN_USE, text);
	return false;
}

void x1_remove_all_destinations(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct registry_destination *d = registry_destination_first(c->registry, x->ne), *next;

	if (!may_remove_all(x, m))
		return;
	struct x1_operation *op = x1_change_new(x, m, NULL);
	if (!op) {
		x1_answer(x, m, X1_ERR_REMOVE_ALL, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	bool down = publish_state(c->publish) == PUBLISH_DOWN, others = false;
	op->remaining = 1; // held by this loop
	for (; d; d = next) {
		next = registry_destination_next(d);
		if (d->n_ends) // DeleteObject removes sets
			continue;
		if (down) {
			x1_audit_object(op, "removed", &d->did);
			remove_destination(c, d);
		} else if (d->removing) {
			others = true;
		} else {
			remove_object(op, d);
		}
	}
	if (others)
		x1_bulk_wait(op);
	x1_bulk_step(op);
}
