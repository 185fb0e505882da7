// ModifyObject. The tasks of a Duplicate set are replaced one by one with new destinations. A
// Redundant set is a destination whose ends change.
#include "control/x1/x1_change_internal.h"

#include <stdlib.h>
#include <string.h>

#include "control/state/dataplane_events.h"
#include "control/state/task_walk.h"
#include "control/x1/x1_object.h"

struct x1_plan { // of the tasks of a Duplicate set
	LIST_ENTRY(x1_plan) entry;
	struct task_walk walk;
	struct x1_operation *op;
	bool back; // restores the details in force; the request is refused after it
	struct control *control;
	struct id16 id;
};

struct planned { // one task in replacement
	struct x1_operation *op;
	struct registry_task *task;
	struct persistence_position position;
};

static struct object *object_of(const struct x1_operation *op)
{
	return objects_find(registry_objects(registry_of(op)), op->ne, &op->id);
}

static void step(struct x1_operation *op, int result);

static void put_back(struct control *c, const struct registry_task *t)
{
	x1_put_back_begun(t->removing ? 0 : publish_task_put(c->publish, t, x1_put_back, NULL));
}

static void gone_back(struct x1_operation *op)
{
	struct object *o = object_of(op);

	if (--op->remaining)
		return;
	if (o)
		o->modifying = false;
	x1_operation_finish(op, X1_ERR_GENERIC, x1_publish_error_text(op->result));
}

static void task_back(void *context, int result, const struct channel_task_status *status)
{
	x1_put_back(NULL, result, status);
	gone_back(context);
}

static void task_planned(void *context, int result, const struct channel_task_status *status)
{
	struct planned *p = context;
	struct x1_operation *op = p->op;
	struct registry_task *new = p->task;
	struct registry *r = registry_of(op);
	struct registry_task *old = registry_task_find(r, new->ne, &new->xid);
	bool rewritten = persistence_rewritten(control_of(op), &p->position);

	free(p);
	registry_refer(r, new, -1);
	if (old)
		old->modifying = false;
	if (!old) { // stopped during the modification
		if (result != POI_ERR_CLOSED)
			x1_put_back_begun(publish_task_remove(
				publish_of(op), new->ne, &new->xid, NULL, NULL));
		registry_task_free(new);
		step(op, 0);
		return;
	}
	bool memo = old->memo_pending || old->faults;
	if (!result)
		result = registry_task_replace(r, new);
	if (result) { // keep the old details
		registry_task_free(new);
		(void)persistence_task(control_of(op), old, NULL);
		if (result != POI_ERR_CLOSED)
			put_back(control_of(op), old);
	} else {
		if (rewritten)
			(void)persistence_task(control_of(op), new, NULL);
		if (memo)
			publish_task_memo(publish_of(op), new);
	}
	step(op, result);
}

static void plan_task(void *context, struct registry_task *t)
{
	struct x1_plan *p = context;
	struct x1_operation *op = p->op;
	int rc = 0;

	if (op->result || !registry_task_names(t, &p->id))
		return;
	if (t->modifying || t->removing) // another request changes it
		rc = POI_ERR_AGAIN;
	struct registry_task *new =
		rc ? NULL : registry_task_planned(registry_of(op), t, &op->object->details, &rc);
	struct planned *one = new ? malloc(sizeof(*one)) : NULL;
	if (new && !one)
		rc = POI_ERR_NOMEM;
	if (one) {
		*one = (struct planned){.op = op, .task = new};
		rc = persistence_task(p->control, new, &one->position);
		if (!rc)
			op->position = one->position;
		if (!rc)
			rc = publish_task_put(p->control->publish, new, task_planned, one);
		if (!rc) {
			t->modifying = true;
			registry_refer(p->control->registry, new, 1);
			op->remaining++;
			return;
		}
		(void)persistence_task(p->control, t, NULL);
		free(one);
	}
	registry_task_free(new);
	op->result = op->result ? op->result : rc;
}

static void planning_over(void *context)
{
	struct x1_plan *p = context;
	struct x1_operation *op = p->op;

	LIST_REMOVE(p, entry);
	free(p);
	step(op, 0);
}

// Restores the destinations of a task from the object's details in force. No other request modifies
// tasks that name the object: the object itself is being modified.
static void unplan_task(void *context, struct registry_task *t)
{
	struct x1_plan *p = context;
	struct registry *r = p->control->registry;
	int rc = 0;
	struct registry_task *old =
		registry_task_names(t, &p->id) ? registry_task_planned(r, t, NULL, &rc) : NULL;

	x1_put_back_begun(rc);
	if (!old)
		return;
	bool memo = t->memo_pending || t->faults;
	(void)persistence_task(p->control, old, NULL);
	if (!t->removing) {
		rc = publish_task_put(p->control->publish, old, task_back, p->op);
		p->op->remaining += !rc;
		x1_put_back_begun(rc);
	}
	if (registry_task_replace(r, old))
		registry_task_free(old);
	else if (memo)
		publish_task_memo(p->control->publish, old);
}

static void unplanning_over(void *context)
{
	struct x1_plan *p = context;
	struct x1_operation *op = p->op;

	LIST_REMOVE(p, entry);
	free(p);
	gone_back(op);
}

static int walk(struct x1_operation *op, const struct task_walk_use *use, bool back)
{
	struct x1_plan *p = calloc(1, sizeof(*p));

	if (!p)
		return POI_ERR_NOMEM;
	*p = (struct x1_plan){.op = op, .back = back, .control = control_of(op), .id = op->id};
	op->remaining++;
	LIST_INSERT_HEAD(&op->dispatch->plans, p, entry);
	task_walk_begin(&p->walk, publish_slices(publish_of(op)), registry_of(op), op->ne, use, p);
	return 0;
}

static void not_modified(struct x1_operation *op)
{
	static const struct task_walk_use use = {.each = unplan_task, .done = unplanning_over};
	struct control *c = control_of(op);
	struct object *o = object_of(op);
	struct registry_destination *set = registry_destination_find(c->registry, op->ne, &op->id);

	registry_object_stays(c->registry, op->object);
	object_free(op->object);
	registry_destination_free(op->destination);
	if (o) {
		(void)persistence_object(c, o, NULL);
		x1_put_back_begun(publish_object_put(c->publish, o, x1_put_back, NULL));
		o->modifying = false;
	}
	if (set) {
		set->modifying = false;
		(void)persistence_destination(c, set, NULL);
		x1_put_back_begun(publish_destination_put(c->publish, set, x1_put_back, NULL));
	}
	op->object = NULL;
	op->destination = NULL;
	op->remaining = 1; // held by this function
	if (o && o->details.set == OBJECT_SET_DUPLICATE && !op->dispatch->stopping) {
		int rc = walk(op, &use, true);
		o->modifying = !rc;
		x1_put_back_begun(rc);
	}
	gone_back(op);
}

static void step(struct x1_operation *op, int result)
{
	struct control *c = control_of(op);

	op->result = op->result ? op->result : result;
	if (--op->remaining)
		return;
	struct object *old = object_of(op);
	if (!op->result && !old)
		op->result = POI_ERR_NOT_FOUND;
	persistence_sync(c); // tasks were replaced in separate turns
	if (!op->result && !persistence_kept(c, &op->position))
		op->result = POI_ERR_IO;
	if (op->result) {
		not_modified(op);
		return;
	}
	struct object_details was = old->details;      // only its members are read
	(void)persistence_object(c, op->object, NULL); // a rewrite has stored the old one
	if (registry_object_replace(c->registry, op->object)) {
		registry_object_stays(c->registry, op->object);
		object_free(op->object);
	}
	op->object = NULL;
	if (op->destination)
		x1_keep_set(c, op->destination);
	op->destination = NULL;
	for (uint8_t i = 0; i < was.n_members; i++)
		dataplane_end_left(c, op->ne, &was.member[i]);
	x1_operation_finish(op, 0, NULL);
}

static void put(void *context, int result, const struct channel_task_status *status)
{
	step(context, result);
}

static int modify_set(struct x1_operation *op, const struct object_details *details)
{
	static const struct task_walk_use use = {.each = plan_task, .done = planning_over};
	struct control *c = control_of(op);
	struct registry_destination *old =
		registry_destination_find(c->registry, op->ne, &details->id);
	struct channel_destination channel;

	if (details->set == OBJECT_SET_DUPLICATE)
		return walk(op, &use, false);
	if (details->set != OBJECT_SET_REDUNDANT || !old)
		return 0;
	registry_set_destination(c->registry, op->ne, details, &channel);
	channel.creation = old->creation;
	op->destination = registry_destination_new(op->ne, &channel, "", 0);
	int rc = op->destination ? persistence_destination(c, op->destination, &op->position)
				 : POI_ERR_NOMEM;
	if (!rc)
		rc = publish_destination_put(c->publish, op->destination, put, op);
	if (!rc)
		old->modifying = true;
	op->remaining += !rc;
	return rc;
}

// Returns false, with `why` set, if a redundant set would lose a deliveryType that it has while
// tasks use it.
static bool keeps_delivery(const struct registry *r, const struct object *old,
	const struct object_details *details, struct x1_refusal *why)
{
	const struct registry_destination *set =
		registry_destination_find(r, old->ne, &details->id);
	const struct registry_destination *member =
		registry_destination_find(r, old->ne, &details->member[0]);

	if (details->set != OBJECT_SET_REDUNDANT || !old->references || !set || !member ||
		!(set->delivery & ~member->delivery))
		return true;
	x1_refuse(why, X1_ERR_GENERIC,
		"deliveryType of its destinations: tasks that use the set would lose it");
	return false;
}

// Reads the details. Returns false, with the request answered, if they are refused.
static bool may_modify(struct exchange *x, const struct x1_message *m, const struct object *old,
	struct object_details *details)
{
	struct control *c = x->dispatch->control;
	struct x1_refusal why;

	if (!old)
		x1_answer_id(x, m, X1_ERR_OBJECT_UNKNOWN, &m->object->id);
	else if (old->removing)
		x1_answer_removing(x, m, X1_ERR_GENERIC, &m->object->id);
	else if (old->modifying)
		x1_answer(x, m, X1_ERR_GENERIC,
			"another request for this object is not completed yet");
	else if (x1_object_build(c->registry, x->ne, m->object, old, details, &why) ||
		 !keeps_delivery(c->registry, old, details, &why) ||
		 (details->set == OBJECT_SET_DUPLICATE &&
			 !x1_object_plannable(c->registry, old, details, &why)))
		x1_refused(x, m, &why);
	else if (publish_state(c->publish) != PUBLISH_READY)
		x1_answer(x, m, X1_ERR_GENERIC, x1_no_dataplane);
	else
		return true;
	return false;
}

void x1_modify_object(struct exchange *x, const struct x1_message *m)
{
	struct control *c = x->dispatch->control;
	struct object *old = objects_find(registry_objects(c->registry), x->ne, &m->object->id);
	struct object_details details;

	if (!may_modify(x, m, old, &details))
		return;
	struct object *new = object_new(x->ne, &details);
	struct x1_operation *op = new ? x1_change_new(x, m, &details.id) : NULL;
	if (!op) {
		object_free(new);
		x1_answer(x, m, X1_ERR_GENERIC, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	op->object = new;
	old->modifying = true;
	registry_object_begin(c->registry, old, new);
	op->remaining = 1; // held by this function
	int rc = persistence_object(c, new, &op->position);
	if (!rc)
		rc = publish_object_put(c->publish, new, put, op);
	op->remaining += !rc;
	if (!rc)
		rc = modify_set(op, &details);
	step(op, rc);
}

void x1_plans_stop(struct x1_dispatch *d)
{
	struct x1_plan *p;

	// NOLINTBEGIN(clang-analyzer-unix.Malloc): each leaves the list before it is freed
	while ((p = LIST_FIRST(&d->plans)) != NULL) {
		struct x1_operation *op = p->op;
		bool back = p->back;
		LIST_REMOVE(p, entry);
		task_walk_stop(&p->walk);
		free(p);
		if (back)
			gone_back(op);
		else
			step(op, POI_ERR_CLOSED);
	}
	// NOLINTEND(clang-analyzer-unix.Malloc)
}
