// Keeps generic objects, and finds them by network element and identifier.
#include "control/state/objects.h"

#include <stdlib.h>
#include <string.h>

#include "shared/wire.h"

#define MEMO_VERSION 1
#define SALT_MIN 8 // octets, of the type Salt

struct element {
	TAILQ_HEAD(, object) list;
	uint32_t n;
};

struct objects {
	struct hash_table by_id;
	LIST_HEAD(, objects_cursor) cursors;
	struct element element[OBJECTS_NES_MAX];
};

struct objects *objects_new(void)
{
	struct objects *o = calloc(1, sizeof(*o));

	if (!o || hash_table_init(&o->by_id, OBJECTS_MAX)) {
		free(o);
		return NULL;
	}
	for (size_t i = 0; i < OBJECTS_NES_MAX; i++)
		TAILQ_INIT(&o->element[i].list);
	return o;
}

void objects_clear(struct objects *o)
{
	for (size_t i = 0; i < OBJECTS_NES_MAX; i++) {
		for (struct object *n; (n = TAILQ_FIRST(&o->element[i].list)) != NULL;)
			objects_remove(o, n);
	}
}

void objects_free(struct objects *o)
{
	if (!o)
		return;
	objects_clear(o);
	hash_table_free(&o->by_id);
	free(o);
}

struct object *object_new(uint16_t ne, const struct object_details *d)
{
	size_t octets = (size_t)d->salt_length + d->xml_length;
	struct object *o = calloc(1, sizeof(*o) + octets + 1);

	if (!o)
		return NULL;
	o->ne = ne;
	o->details = *d;
	o->details.salt = o->data;
	o->details.xml = (const char *)o->data + d->salt_length;
	if (d->salt_length)
		memcpy(o->data, d->salt, d->salt_length);
	if (d->xml_length)
		memcpy(o->data + d->salt_length, d->xml, d->xml_length);
	return o;
}

void object_free(struct object *o)
{
	if (!o)
		return;
	// With its salt the identities behind digests could be searched for.
	explicit_bzero(o->data, (size_t)o->details.salt_length + o->details.xml_length);
	free(o);
}

static uint64_t hash_of(const struct objects *o, uint16_t ne, const struct id16 *id)
{
	uint64_t words[4] = {0, 0, ne, 0};

	memcpy(words, id->b, sizeof(id->b));
	return hash_table_hash(&o->by_id, words, 4);
}

struct object *objects_find(const struct objects *o, uint16_t ne, const struct id16 *id)
{
	struct hash_link *l = hash_table_first(&o->by_id, hash_of(o, ne, id));

	for (; l; l = hash_table_next(l)) {
		struct object *n = HASH_OBJECT(l, struct object, link);
		if (n->ne == ne && id_equal(&n->details.id, id))
			return n;
	}
	return NULL;
}

int objects_add(struct objects *o, struct object *n)
{
	struct element *e = &o->element[n->ne];

	if (objects_find(o, n->ne, &n->details.id))
		return POI_ERR_EXISTS;
	int rc = hash_table_add(&o->by_id, &n->link, hash_of(o, n->ne, &n->details.id));
	if (rc)
		return rc;
	TAILQ_INSERT_TAIL(&e->list, n, entry);
	e->n++;
	return 0;
}

static void move_cursors(struct objects *o, const struct object *from, struct object *to)
{
	struct objects_cursor *c;

	LIST_FOREACH (c, &o->cursors, entry)
		c->next = c->next == from ? to : c->next;
}

int objects_replace(struct objects *o, struct object *n)
{
	struct object *old = objects_find(o, n->ne, &n->details.id);
	struct element *e = &o->element[n->ne];

	if (!old)
		return POI_ERR_NOT_FOUND;
	hash_table_replace(&o->by_id, &old->link, &n->link);
	TAILQ_INSERT_AFTER(&e->list, old, n, entry);
	TAILQ_REMOVE(&e->list, old, entry);
	n->references = old->references;
	memcpy(n->hashed, old->hashed, sizeof(n->hashed));
	n->removing = old->removing;
	move_cursors(o, old, n);
	object_free(old);
	return 0;
}

static void unlist(struct objects *o, struct object *n)
{
	struct element *e = &o->element[n->ne];

	move_cursors(o, n, objects_next(n));
	hash_table_remove(&o->by_id, &n->link);
	TAILQ_REMOVE(&e->list, n, entry);
	e->n--;
}

void objects_remove(struct objects *o, struct object *n)
{
	unlist(o, n);
	object_free(n);
}

struct object *objects_take(struct objects *o, uint16_t ne)
{
	struct object *n = objects_first(o, ne);

	if (!n)
		return NULL;
	unlist(o, n);
	n->references = 0;
	memset(n->hashed, 0, sizeof(n->hashed));
	return n;
}

struct object *objects_first(const struct objects *o, uint16_t ne)
{
	return TAILQ_FIRST(&o->element[ne].list);
}

uint32_t objects_count(const struct objects *o, uint16_t ne)
{
	return o->element[ne].n;
}

void objects_cursor_begin(struct objects *o, uint16_t ne, struct objects_cursor *c)
{
	*c = (struct objects_cursor){.next = objects_first(o, ne)};
	LIST_INSERT_HEAD(&o->cursors, c, entry);
}

struct object *objects_cursor_next(struct objects_cursor *c)
{
	struct object *o = c->next;

	c->next = o ? objects_next(o) : NULL;
	return o;
}

void objects_cursor_end(struct objects_cursor *c)
{
	LIST_REMOVE(c, entry);
}

bool object_hash_context(const struct object *o, struct object_hash_context *out)
{
	if (o->details.type != OBJECT_HASH_CONTEXT)
		return false;
	*out = (struct object_hash_context){
		.algorithm = (enum object_hash)o->details.algorithm,
		.salt = o->details.salt,
		.salt_length = o->details.salt_length,
	};
	return true;
}

bool object_has_member(const struct object *o, const struct id16 *did)
{
	for (uint8_t i = 0; i < o->details.n_members; i++) {
		if (id_equal(&o->details.member[i], did))
			return true;
	}
	return false;
}

int object_memo(const struct object *o, uint8_t *out, size_t capacity)
{
	const struct object_details *d = &o->details;
	struct wire_writer w =
		wire_writer_of(out, capacity > CHANNEL_MEMO_MAX ? CHANNEL_MEMO_MAX : capacity);

	wire_put_u8(&w, MEMO_VERSION);
	wire_put_u8(&w, d->type);
	wire_put_u8(&w, d->algorithm);
	wire_put_u16(&w, d->salt_length);
	wire_put_octets(&w, d->salt, d->salt_length);
	wire_put_u8(&w, d->set);
	wire_put_u8(&w, d->n_members);
	for (uint8_t i = 0; i < d->n_members; i++)
		wire_put_octets(&w, d->member[i].b, sizeof(d->member[i].b));
	wire_put_u32(&w, d->xml_length);
	wire_put_octets(&w, d->xml, d->xml_length);
	return w.error ? POI_ERR_TOO_LARGE : (int)wire_written(&w);
}

static bool valid(const struct object_details *d)
{
	if (d->type == OBJECT_HASH_CONTEXT)
		return d->algorithm >= OBJECT_SHA_256 && d->algorithm <= OBJECT_HASH_LAST &&
		       d->salt_length >= SALT_MIN && d->salt_length <= OBJECT_SALT_MAX && !d->set &&
		       !d->n_members;
	return d->type == OBJECT_DESTINATION_SET && !d->algorithm && !d->salt_length &&
	       d->set >= OBJECT_SET_REDUNDANT && d->set <= OBJECT_SET_LAST && d->n_members;
}

int object_from_memo(
	uint16_t ne, const struct id16 *id, const uint8_t *memo, size_t length, struct object **out)
{
	struct wire_reader r = wire_reader_of(memo, length);
	struct object_details d = {.id = *id};

	uint8_t version = wire_get_u8(&r);
	if (version != MEMO_VERSION)
		return r.error ? POI_ERR_SYNTAX : POI_ERR_VERSION;
	d.type = wire_get_u8(&r);
	d.algorithm = wire_get_u8(&r);
	d.salt_length = wire_get_u16(&r);
	d.salt = wire_take(&r, d.salt_length);
	d.set = wire_get_u8(&r);
	d.n_members = wire_get_u8(&r);
	if (!r.error && d.n_members > OBJECT_MEMBERS_MAX)
		return POI_ERR_INVALID;
	for (uint8_t i = 0; i < d.n_members; i++)
		wire_get_octets(&r, d.member[i].b, sizeof(d.member[i].b));
	d.xml_length = wire_get_u32(&r);
	d.xml = (const char *)wire_take(&r, d.xml_length);
	int rc = wire_finish(&r);
	if (rc)
		return rc;
	if (!valid(&d))
		return POI_ERR_INVALID;
	*out = object_new(ne, &d);
	return *out ? 0 : POI_ERR_NOMEM;
}
