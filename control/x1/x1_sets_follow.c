// Updates redundant sets after a ModifyDestination of their members. The request is answered when
// each set has its new ends; if one is refused, all are restored.
#include "control/x1/x1_change_internal.h"

#include <stdlib.h>

struct following { // a redundant set to update
	struct x1_operation *op;
	struct registry_destination *set;
};

void x1_keep_set(struct control *c, struct registry_destination *set)
{
	struct registry_destination *old =
		registry_destination_find(c->registry, set->ne, &set->did);
	bool memo = old && (old->faults || old->down || old->ends_down || old->memo_pending);

	set->ready = true;
	if (registry_destination_replace(c->registry, set)) {
		registry_destination_free(set);
		return;
	}
	if (memo)
		publish_destination_memo(c->publish, set);
	(void)persistence_destination(c, set, NULL);
}

int x1_sets_remember(struct x1_operation *op, const struct registry_destination *old)
{
	struct registry *r = registry_of(op);
	struct channel_destination channel;

	if (!registry_sets_of(r, op->ne, &op->id, OBJECT_SET_REDUNDANT))
		return 0;
	registry_destination_channel(r, old, &channel);
	op->destination = registry_destination_new(op->ne, &channel, old->xml, old->xml_length);
	if (!op->destination)
		return POI_ERR_NOMEM;
	op->destination->ready = true;
	return 0;
}

// Returns the set with the current addresses of its members as ends, or NULL if memory is
// exhausted.
static struct registry_destination *set_now(
	const struct registry *r, const struct object *o, const struct registry_destination *old)
{
	struct channel_destination channel;

	registry_set_destination(r, o->ne, &o->details, &channel);
	channel.creation = old->creation;
	return registry_destination_new(o->ne, &channel, "", 0);
}

// Restores the ends of a set. Not if its object is being modified: that request sets them, and its
// new members cannot include the destination at hand.
static void set_goes_back(struct control *c, const struct object *o)
{
	struct registry_destination *old =
		registry_destination_find(c->registry, o->ne, &o->details.id);

	if (!old || old->removing || o->modifying)
		return;
	struct registry_destination *set = set_now(c->registry, o, old);
	int rc = set ? publish_destination_put(c->publish, set, x1_put_back, NULL) : POI_ERR_NOMEM;
	x1_put_back_begun(rc);
	if (set)
		x1_keep_set(c, set);
}

static void go_back(struct x1_operation *op)
{
	struct control *c = control_of(op);
	struct registry_destination *was = op->destination;
	const struct objects *all = registry_objects(c->registry);
	struct registry_destination *now = registry_destination_find(c->registry, op->ne, &op->id);
	bool memo = now && (now->faults || now->down || now->memo_pending);

	op->destination = NULL;
	if (!was || registry_destination_replace(c->registry, was)) { // removed since
		registry_destination_free(was);
		return;
	}
	(void)persistence_destination(c, was, NULL);
	if (!was->removing) // a removal is in flight and must be the last request
		x1_put_back_begun(publish_destination_put(c->publish, was, x1_put_back, NULL));
	if (memo)
		publish_destination_memo(c->publish, was);
	for (const struct object *o = objects_first(all, op->ne); o; o = objects_next(o)) {
		if (o->details.set == OBJECT_SET_REDUNDANT && object_has_member(o, &op->id))
			set_goes_back(c, o);
	}
}

static void step(struct x1_operation *op)
{
	if (op->remaining > 1) {
		op->remaining--;
		return;
	}
	struct registry_destination *d =
		registry_destination_find(registry_of(op), op->ne, &op->id);
	if (d)
		d->modifying = false;
	if (op->result)
		go_back(op);
	registry_destination_free(op->destination);
	op->destination = NULL;
	x1_bulk_step(op);
}

static void followed(void *context, int result, const struct channel_task_status *status)
{
	struct following *f = context;
	struct x1_operation *op = f->op;
	struct registry_destination *set = f->set;
	struct registry_destination *old =
		registry_destination_find(registry_of(op), set->ne, &set->did);

	free(f);
	if (old)
		old->modifying = false;
	// If the dataplane is gone, the next one gets the registry's state.
	if (old && (!result || result == POI_ERR_CLOSED))
		x1_keep_set(control_of(op), set);
	else
		registry_destination_free(set);
	if (result != POI_ERR_CLOSED)
		op->result = op->result ? op->result : result;
	step(op);
}

static void follow(struct x1_operation *op, const struct object *o)
{
	struct control *c = control_of(op);
	struct registry_destination *old =
		registry_destination_find(c->registry, op->ne, &o->details.id);

	if (!old || old->removing)
		return;
	struct following *f = malloc(sizeof(*f));
	struct registry_destination *set = f ? set_now(c->registry, o, old) : NULL;
	int rc = POI_ERR_NOMEM;
	if (set) {
		*f = (struct following){op, set};
		rc = publish_destination_put(c->publish, set, followed, f);
	}
	if (!rc) {
		old->modifying = true;
		op->remaining++;
		return;
	}
	free(f);
	if (rc == POI_ERR_CLOSED) {
		x1_keep_set(c, set);
		return;
	}
	registry_destination_free(set);
	op->result = rc;
}

void x1_sets_follow(struct x1_operation *op, struct registry_destination *d)
{
	const struct objects *all = registry_objects(registry_of(op));

	op->remaining = 1; // held by this loop
	d->modifying = op->destination != NULL;
	d->next_delivery = d->delivery;
	for (const struct object *o = objects_first(all, op->ne); o; o = objects_next(o)) {
		if (o->details.set == OBJECT_SET_REDUNDANT && object_has_member(o, &d->did))
			follow(op, o);
	}
	step(op);
}
