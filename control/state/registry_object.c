// Generic objects beside destinations and tasks: references to them, and members of sets.
#include "control/state/registry_internal.h"

static void refer_members(struct registry *r, const struct object *o, int delta)
{
	for (uint8_t i = 0; i < o->details.n_members; i++) {
		struct registry_destination *d =
			registry_destination_find(r, o->ne, &o->details.member[i]);
		if (d && (delta > 0 || d->references))
			d->references += (uint32_t)delta;
	}
}

int registry_object_add(struct registry *r, struct object *o)
{
	int rc = objects_add(r->objects, o);

	if (!rc)
		refer_members(r, o, 1);
	return rc;
}

void registry_object_begin(struct registry *r, struct object *old, const struct object *new)
{
	refer_members(r, new, 1);
	old->next = new;
}

void registry_object_stays(struct registry *r, const struct object *new)
{
	struct object *old = objects_find(r->objects, new->ne, &new->details.id);

	refer_members(r, new, -1);
	if (old && old->next == new)
		old->next = NULL;
}

int registry_object_replace(struct registry *r, struct object *o)
{
	const struct object *old = objects_find(r->objects, o->ne, &o->details.id);

	if (!old)
		return POI_ERR_NOT_FOUND;
	if (old->next != o)
		refer_members(r, o, 1);
	refer_members(r, old, -1);
	return objects_replace(r->objects, o);
}

void registry_object_remove(struct registry *r, struct object *o)
{
	refer_members(r, o, -1);
	objects_remove(r->objects, o);
}

uint32_t registry_sets_of(
	const struct registry *r, uint16_t ne, const struct id16 *did, uint8_t type)
{
	uint32_t n = 0;

	for (const struct object *o = objects_first(r->objects, ne); o; o = objects_next(o)) {
		if (!type || o->details.set == type)
			n += object_has_member(o, did) +
			     (o->next && object_has_member(o->next, did));
	}
	return n;
}

bool registry_set_joins(const struct registry *r, uint16_t ne, const struct id16 *did)
{
	for (const struct object *o = objects_first(r->objects, ne); o; o = objects_next(o)) {
		if (o->next && o->details.set == OBJECT_SET_REDUNDANT &&
			object_has_member(o->next, did) && !object_has_member(o, did))
			return true;
	}
	return false;
}

static bool down_in(const struct registry_destination *set, const struct id16 *did)
{
	for (uint8_t i = 0; set && i < set->n_ends; i++) {
		if (id_equal(&set->ends[i].did, did))
			return set->ends_down & 1u << i;
	}
	return false;
}

bool registry_end_down(const struct registry *r, uint16_t ne, const struct id16 *did)
{
	for (const struct object *o = objects_first(r->objects, ne); o; o = objects_next(o)) {
		if (o->details.set == OBJECT_SET_REDUNDANT && object_has_member(o, did) &&
			down_in(registry_destination_find(r, ne, &o->details.id), did))
			return true;
	}
	return false;
}

void registry_set_destination(const struct registry *r, uint16_t ne, const struct object_details *d,
	struct channel_destination *out)
{
	*out = (struct channel_destination){.ne = *registry_ne_id(r, ne), .did = d->id};
	for (uint8_t i = 0; i < d->n_members; i++) {
		const struct registry_destination *m =
			registry_destination_find(r, ne, &d->member[i]);
		struct channel_end *e = &out->end[out->n_ends];
		if (!m || out->n_ends == CHANNEL_ENDS_MAX)
			continue;
		*e = (struct channel_end){.did = m->did, .address = m->address, .port = m->port};
		if (m->host)
			memcpy(e->host, m->host, strlen(m->host) + 1);
		out->delivery = m->delivery;
		out->n_ends++;
	}
}

bool registry_set_current(const struct registry *r, const struct registry_destination *set,
	const struct object_details *d)
{
	struct channel_destination now;

	registry_set_destination(r, set->ne, d, &now);
	bool same = now.n_ends == set->n_ends && now.delivery == set->delivery;
	for (uint8_t i = 0; same && i < now.n_ends; i++) {
		const struct channel_end *a = &now.end[i], *b = &set->ends[i];
		same = id_equal(&a->did, &b->did) && a->port == b->port &&
		       a->address.family == b->address.family &&
		       !memcmp(a->address.b, b->address.b, sizeof(a->address.b)) &&
		       !strcmp(a->host, b->host);
	}
	return same;
}

static int add_destination(struct channel_task *c, const struct id16 *did)
{
	for (uint8_t i = 0; i < c->n_destinations; i++) {
		if (id_equal(&c->did[i], did))
			return 0;
	}
	if (c->n_destinations == CHANNEL_TASK_DESTINATIONS_MAX)
		return POI_ERR_LIMIT;
	c->did[c->n_destinations++] = *did;
	return 0;
}

int registry_set_add(const struct object_details *set, struct channel_task *c)
{
	int rc = 0;

	if (set->set == OBJECT_SET_REDUNDANT)
		return add_destination(c, &set->id);
	for (uint8_t i = 0; i < set->n_members && !rc; i++)
		rc = add_destination(c, &set->member[i]);
	return rc;
}

int registry_task_plan(const struct registry *r, const struct registry_task *t,
	const struct object_details *instead, struct channel_task *c)
{
	c->n_destinations = t->n_named;
	for (uint8_t i = 0; i < t->n_objects; i++) {
		const struct object *o = objects_find(r->objects, t->ne, &t->objects[i]);
		const struct object_details *d = o ? &o->details : NULL;
		if (instead && id_equal(&t->objects[i], &instead->id))
			d = instead;
		if (!d)
			return POI_ERR_NOT_FOUND;
		int rc = d->type == OBJECT_DESTINATION_SET ? registry_set_add(d, c) : 0;
		if (rc)
			return rc;
	}
	return 0;
}

struct registry_task *registry_task_planned(const struct registry *r, const struct registry_task *t,
	const struct object_details *instead, int *rc)
{
	struct channel_task c;

	*rc = registry_task_channel(r, t, &c);
	if (!*rc)
		*rc = registry_task_plan(r, t, instead, &c);
	if (*rc || (c.n_destinations == t->n_destinations &&
			   !memcmp(c.did, registry_task_dids(t),
				   c.n_destinations * sizeof(struct id16))))
		return NULL;
	struct registry_task *new =
		registry_task_new(t->ne, &c, registry_task_xml(t), t->xml_length);
	if (!new || registry_task_set_objects(new, t->objects, t->n_objects)) {
		registry_task_free(new);
		*rc = POI_ERR_NOMEM;
		return NULL;
	}
	new->n_named = t->n_named;
	new->activated_ns = t->activated_ns;
	new->modified_ns = t->modified_ns;
	new->modifications = t->modifications;
	new->before = t->before;
	new->implicit = t->implicit;
	new->pending = t->pending;
	new->pending_transaction = t->pending_transaction;
	new->state = t->state;
	return new;
}
