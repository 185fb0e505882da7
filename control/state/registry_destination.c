// Keeps destinations, and finds them by network element and identifier.
#include "control/state/registry_internal.h"

#include <stdlib.h>

static void move_destination(struct registry *r, const struct registry_destination *from,
	struct registry_destination *to)
{
	struct registry_cursor *c;

	LIST_FOREACH (c, &r->cursors, entry)
		c->destination = c->destination == from ? to : c->destination;
}

uint64_t registry_creation(void)
{
	struct id16 id = id_random();
	uint64_t creation;

	memcpy(&creation, id.b + 8, sizeof(creation)); // the variant's bit is always set
	return creation;
}

struct registry_destination *registry_destination_new(
	uint16_t ne, const struct channel_destination *c, const char *xml, size_t xml_length)
{
	if (xml_length > CHANNEL_MEMO_MAX)
		return NULL;
	struct registry_destination *d = calloc(1, sizeof(*d) + xml_length + 1);
	if (!d)
		return NULL;
	d->ne = ne;
	d->did = c->did;
	d->creation = c->creation;
	d->delivery = c->delivery;
	d->address = c->address;
	d->port = c->port;
	if (c->host[0]) {
		d->host = strdup(c->host);
		if (!d->host) {
			free(d);
			return NULL;
		}
	}
	if (c->n_ends) {
		d->ends = malloc(c->n_ends * sizeof(*d->ends));
		if (!d->ends) {
			registry_destination_free(d);
			return NULL;
		}
		d->n_ends = c->n_ends;
		memcpy(d->ends, c->end, c->n_ends * sizeof(*d->ends));
	}
	d->xml_length = (uint32_t)xml_length;
	memcpy(d->xml, xml, xml_length);
	return d;
}

void registry_destination_free(struct registry_destination *d)
{
	if (!d)
		return;
	fault_free_all(&d->faults);
	free(d->host);
	free(d->ends);
	free(d);
}

struct registry_destination *registry_destination_find(
	const struct registry *r, uint16_t ne, const struct id16 *did)
{
	struct hash_link *l =
		hash_table_first(&r->destinations, registry_hash(&r->destinations, ne, did));

	for (; l; l = hash_table_next(l)) {
		struct registry_destination *d = HASH_OBJECT(l, struct registry_destination, link);
		if (d->ne == ne && id_equal(&d->did, did))
			return d;
	}
	return NULL;
}

int registry_destination_add(struct registry *r, struct registry_destination *d)
{
	if (registry_destination_find(r, d->ne, &d->did))
		return POI_ERR_EXISTS;
	int rc = hash_table_add(
		&r->destinations, &d->link, registry_hash(&r->destinations, d->ne, &d->did));
	if (rc)
		return rc;
	struct ne *n = &r->ne[d->ne];
	TAILQ_INSERT_TAIL(&n->destination_list, d, entry);
	n->destinations++;
	for (const struct object *o = objects_first(r->objects, d->ne); o; o = objects_next(o))
		d->references += object_has_member(o, &d->did);
	return 0;
}

bool registry_end_note(struct registry_destination *set, const struct id16 *did, bool down)
{
	for (uint8_t i = 0; i < set->n_ends; i++) {
		uint8_t bit = (uint8_t)(1u << i);
		if (!id_equal(&set->ends[i].did, did))
			continue;
		set->ends_down = (uint8_t)(down ? set->ends_down | bit : set->ends_down & ~bit);
		return true;
	}
	return false;
}

int registry_destination_replace(struct registry *r, struct registry_destination *d)
{
	struct registry_destination *old = registry_destination_find(r, d->ne, &d->did);

	if (!old)
		return POI_ERR_NOT_FOUND;
	struct ne *n = &r->ne[d->ne];
	hash_table_replace(&r->destinations, &old->link, &d->link);
	TAILQ_INSERT_AFTER(&n->destination_list, old, d, entry);
	TAILQ_REMOVE(&n->destination_list, old, entry);
	d->references = old->references;
	d->removing = old->removing;
	d->down = old->down;
	for (uint8_t i = 0; i < old->n_ends; i++) {
		if (old->ends_down & 1u << i)
			(void)registry_end_note(d, &old->ends[i].did, true);
	}
	fault_free_all(&d->faults);
	d->faults = old->faults;
	old->faults = NULL;
	move_destination(r, old, d);
	registry_destination_free(old);
	return 0;
}

static void take(struct registry *r, struct registry_destination *d)
{
	struct ne *n = &r->ne[d->ne];

	move_destination(r, d, registry_destination_next(d));
	hash_table_remove(&r->destinations, &d->link);
	TAILQ_REMOVE(&n->destination_list, d, entry);
	n->destinations--;
}

void registry_destination_remove(struct registry *r, struct registry_destination *d)
{
	take(r, d);
	registry_destination_free(d);
}

struct registry_destination *registry_destination_take(struct registry *from, uint16_t ne)
{
	struct registry_destination *d = registry_destination_first(from, ne);

	if (!d)
		return NULL;
	take(from, d);
	d->references = 0; // its tasks follow
	return d;
}

void registry_end_removals(struct registry *r)
{
	for (uint16_t i = 0; i < r->n_nes; i++) {
		struct registry_destination *d = TAILQ_FIRST(&r->ne[i].destination_list), *next;
		for (; d; d = next) {
			next = TAILQ_NEXT(d, entry);
			if (d->gone)
				d->gone(d->gone_context, 0, NULL);
		}
	}
}

struct registry_destination *registry_destination_first(const struct registry *r, uint16_t ne)
{
	return TAILQ_FIRST(&r->ne[ne].destination_list);
}

uint32_t registry_destination_count(const struct registry *r, uint16_t ne)
{
	return r->ne[ne].destinations;
}

void registry_destination_channel(const struct registry *r, const struct registry_destination *d,
	struct channel_destination *out)
{
	*out = (struct channel_destination){
		.ne = r->ne[d->ne].id,
		.did = d->did,
		.delivery = d->delivery,
		.address = d->address,
		.port = d->port,
		.creation = d->creation,
	};
	if (d->host)
		memcpy(out->host, d->host, strlen(d->host) + 1);
	out->n_ends = d->n_ends;
	if (d->n_ends)
		memcpy(out->end, d->ends, d->n_ends * sizeof(*d->ends));
}
