// Keeps tasks, destinations and network elements, and finds them by network element and identifier.
#include "control/state/registry_internal.h"

#include <stdlib.h>
#include <string.h>

static void move_task(
	struct registry *r, const struct registry_task *from, struct registry_task *to)
{
	struct registry_cursor *c;

	LIST_FOREACH (c, &r->cursors, entry)
		c->task = c->task == from ? to : c->task;
}

void registry_cursor_begin(struct registry *r, uint16_t ne, struct registry_cursor *c)
{
	*c = (struct registry_cursor){.ne = ne,
		.task = registry_task_first(r, ne),
		.destination = registry_destination_first(r, ne)};
	LIST_INSERT_HEAD(&r->cursors, c, entry);
}

struct registry_task *registry_cursor_task(struct registry_cursor *c)
{
	struct registry_task *t = c->task;

	c->task = t ? registry_task_next(t) : NULL;
	return t;
}

struct registry_destination *registry_cursor_destination(struct registry_cursor *c)
{
	struct registry_destination *d = c->destination;

	c->destination = d ? registry_destination_next(d) : NULL;
	return d;
}

void registry_cursor_end(struct registry_cursor *c)
{
	LIST_REMOVE(c, entry);
}

static void begin_element(struct ne *n, const char *identifier)
{
	*n = (struct ne){.id = id_of_ne(identifier)};
	TAILQ_INIT(&n->task_list);
	TAILQ_INIT(&n->destination_list);
	TAILQ_INIT(&n->batches);
}

struct registry *registry_new(uint16_t n_nes, const char *const *identifiers)
{
	struct registry *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->reports = kept_reports_new();
	r->objects = objects_new();
	if (n_nes > REGISTRY_NES_MAX || !r->reports || !r->objects ||
		hash_table_init(&r->tasks, UINT32_MAX) ||
		hash_table_init(&r->destinations, UINT32_MAX)) {
		registry_free(r);
		return NULL;
	}
	r->n_nes = n_nes;
	for (uint16_t i = 0; i < n_nes; i++)
		begin_element(&r->ne[i], identifiers[i]);
	return r;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	registry_clear(r);
	for (uint16_t i = 0; i < r->n_nes; i++)
		fault_free_all(&r->ne[i].faults);
	hash_table_free(&r->tasks);
	hash_table_free(&r->destinations);
	kept_reports_free(r->reports);
	objects_free(r->objects);
	free(r);
}

static void remove_tasks(struct registry *r, const struct registry_tasks *list)
{
	struct registry_task *t = TAILQ_FIRST(list), *next;

	for (; t; t = next) {
		next = TAILQ_NEXT(t, entry);
		registry_task_remove(r, t);
	}
}

void registry_clear(struct registry *r)
{
	for (uint16_t i = 0; i < r->n_nes; i++) {
		struct ne *n = &r->ne[i];
		struct registry_batch *b;
		TAILQ_FOREACH (b, &n->batches, entry)
			remove_tasks(r, &b->tasks);
		remove_tasks(r, &n->task_list);
		while (!TAILQ_EMPTY(&n->destination_list))
			registry_destination_remove(r, TAILQ_FIRST(&n->destination_list));
	}
	objects_clear(r->objects);
}

int32_t registry_ne_add(struct registry *r, const char *identifier)
{
	if (r->n_nes == REGISTRY_NES_MAX)
		return POI_ERR_LIMIT;
	begin_element(&r->ne[r->n_nes], identifier);
	return r->n_nes++;
}

uint16_t registry_nes(const struct registry *r)
{
	return r->n_nes;
}

const struct id16 *registry_ne_id(const struct registry *r, uint16_t ne)
{
	return &r->ne[ne].id;
}

int32_t registry_ne_index(const struct registry *r, const struct id16 *id)
{
	for (uint16_t i = 0; i < r->n_nes; i++) {
		if (id_equal(&r->ne[i].id, id))
			return i;
	}
	return POI_ERR_NOT_FOUND;
}

struct fault **registry_ne_faults(struct registry *r, uint16_t ne)
{
	return &r->ne[ne].faults;
}

struct kept_reports *registry_reports(const struct registry *r)
{
	return r->reports;
}

struct objects *registry_objects(const struct registry *r)
{
	return r->objects;
}

uint32_t registry_fault_count(const struct registry *r)
{
	uint32_t n = 0;

	for (uint16_t i = 0; i < r->n_nes; i++) {
		n += fault_count(r->ne[i].faults);
		for (const struct registry_task *t = registry_task_first(r, i); t;
			t = registry_task_next(t))
			n += fault_count(t->faults);
		for (const struct registry_destination *d = registry_destination_first(r, i); d;
			d = registry_destination_next(d))
			n += fault_count(d->faults);
	}
	return n;
}

// Tasks.

const struct id16 *registry_task_dids(const struct registry_task *t)
{
	return (const struct id16 *)(const void *)t->data;
}

static const uint8_t *task_filter(const struct registry_task *t)
{
	return t->data + t->n_destinations * sizeof(struct id16);
}

const char *registry_task_xml(const struct registry_task *t)
{
	return (const char *)task_filter(t) + t->filter_length;
}

struct registry_task *registry_task_new(
	uint16_t ne, const struct channel_task *c, const char *xml, size_t xml_length)
{
	uint8_t filter[1024 + ALTERNATIVES_OCTETS_MAX];
	struct wire_writer w = wire_writer_of(filter, sizeof(filter));

	filter_encode(&w, &c->filter);
	if (c->session.kinds || c->alternatives_length)
		session_target_encode(&w, &c->session);
	wire_put_octets(&w, c->alternatives, c->alternatives_length);
	if (w.error || xml_length > CHANNEL_MEMO_MAX)
		return NULL;
	size_t filter_length = wire_written(&w);
	size_t dids = c->n_destinations * sizeof(struct id16);
	size_t triggers = c->report == REPORT_PDSR ? sizeof(c->triggers) : 0;
	struct registry_task *t = calloc(1,
		sizeof(*t) + dids + filter_length + xml_length + c->matched_length + triggers + 1);
	if (!t)
		return NULL;
	t->ne = ne;
	t->xid = c->xid;
	t->header_xid = c->header_xid;
	t->correlation = c->correlation;
	t->delivery = c->delivery;
	t->report = c->report;
	t->records = c->records;
	t->n_destinations = t->n_named = c->n_destinations;
	t->filter_length = (uint16_t)filter_length;
	t->xml_length = (uint32_t)xml_length;
	memcpy(t->data, c->did, dids);
	memcpy(t->data + dids, filter, filter_length);
	memcpy(t->data + dids + filter_length, xml, xml_length);
	uint8_t *behind = t->data + dids + filter_length + xml_length;
	t->matched_length = c->matched_length;
	if (c->matched_length)
		memcpy(behind, c->matched, c->matched_length);
	memcpy(behind + c->matched_length, &c->triggers, triggers);
	return t;
}

void registry_task_free(struct registry_task *t)
{
	if (!t)
		return;
	fault_free_all(&t->faults);
	free(t->objects);
	// Target data does not stay behind in freed memory.
	explicit_bzero(t->data, t->n_destinations * sizeof(struct id16) + t->filter_length +
					t->xml_length + t->matched_length);
	free(t);
}

// The batch that holds `t`, or NULL.
static struct registry_batch *batch_of(const struct registry *r, const struct registry_task *t)
{
	struct registry_batch *b = TAILQ_FIRST(&r->ne[t->ne].batches);

	while (b && t->order > b->last)
		b = TAILQ_NEXT(b, entry);
	return b;
}

static bool spared(const struct registry_batch *b, const struct registry_task *t)
{
	return b->spares_awaiting && t->state == TASK_AWAITING;
}

static struct registry_task *find(const struct registry *r, uint16_t ne, const struct id16 *xid)
{
	struct hash_link *l = hash_table_first(&r->tasks, registry_hash(&r->tasks, ne, xid));

	for (; l; l = hash_table_next(l)) {
		struct registry_task *t = HASH_OBJECT(l, struct registry_task, link);
		if (t->ne == ne && id_equal(&t->xid, xid))
			return t;
	}
	return NULL;
}

struct registry_task *registry_task_find(
	const struct registry *r, uint16_t ne, const struct id16 *xid)
{
	struct registry_task *t = find(r, ne, xid);
	const struct registry_batch *b = t ? batch_of(r, t) : NULL;

	return b && !spared(b, t) ? NULL : t;
}

void registry_refer(struct registry *r, const struct registry_task *t, int delta)
{
	const struct id16 *did = registry_task_dids(t);

	for (uint8_t i = 0; i < t->n_destinations; i++) {
		struct registry_destination *d = registry_destination_find(r, t->ne, &did[i]);
		// A destination that came anew in between does not owe what the old one did.
		if (d && (delta > 0 || d->references))
			d->references += (uint32_t)delta;
	}
	for (uint8_t i = 0; i < t->n_objects; i++) {
		struct object *o = objects_find(r->objects, t->ne, &t->objects[i]);
		if (o && (delta > 0 || o->references))
			o->references += (uint32_t)delta;
	}
	struct channel_task c;
	if (t->n_objects && !registry_task_channel(r, t, &c))
		registry_hashed_refer(r, t, &c, delta);
}

bool registry_destinations_known(const struct registry *r, const struct registry_task *t)
{
	const struct id16 *did = registry_task_dids(t);

	for (uint8_t i = 0; i < t->n_destinations; i++) {
		if (!registry_destination_find(r, t->ne, &did[i]))
			return false;
	}
	for (uint8_t i = 0; i < t->n_objects; i++) {
		if (!objects_find(r->objects, t->ne, &t->objects[i]))
			return false;
	}
	return true;
}

int registry_task_set_objects(struct registry_task *t, const struct id16 *ids, uint8_t n)
{
	struct id16 *copy = n ? malloc(n * sizeof(*copy)) : NULL;

	if (n && !copy)
		return POI_ERR_NOMEM;
	if (n)
		memcpy(copy, ids, n * sizeof(*copy));
	free(t->objects);
	t->objects = copy;
	t->n_objects = n;
	return 0;
}

bool registry_task_names(const struct registry_task *t, const struct id16 *object)
{
	for (uint8_t i = 0; i < t->n_objects; i++) {
		if (id_equal(&t->objects[i], object))
			return true;
	}
	return false;
}

bool registry_task_objects_change(const struct registry *r, const struct registry_task *t)
{
	for (uint8_t i = 0; i < t->n_objects; i++) {
		const struct object *o = objects_find(r->objects, t->ne, &t->objects[i]);
		if (o && o->modifying)
			return true;
	}
	return false;
}

static void append(struct registry *r, struct registry_task *t)
{
	struct ne *n = &r->ne[t->ne];

	t->order = ++r->order;
	t->dataplane = r->dataplane;
	TAILQ_INSERT_TAIL(&n->task_list, t, entry);
	n->tasks++;
	n->awaiting += t->state == TASK_AWAITING;
}

void registry_batch_leave(struct registry *r, uint16_t ne, const struct id16 *xid)
{
	struct registry_task *old = find(r, ne, xid);
	struct registry_batch *b = old ? batch_of(r, old) : NULL;

	if (b && !spared(b, old))
		b->leave(b, old);
}

int registry_task_add(struct registry *r, struct registry_task *t)
{
	registry_batch_leave(r, t->ne, &t->xid);
	if (find(r, t->ne, &t->xid))
		return POI_ERR_EXISTS;
	if (!registry_destinations_known(r, t))
		return POI_ERR_NOT_FOUND;
	int rc = hash_table_add(&r->tasks, &t->link, registry_hash(&r->tasks, t->ne, &t->xid));
	if (rc)
		return rc;
	append(r, t);
	registry_refer(r, t, 1);
	return 0;
}

int registry_task_replace(struct registry *r, struct registry_task *t)
{
	struct registry_task *old = registry_task_find(r, t->ne, &t->xid);

	if (!old || !registry_destinations_known(r, t))
		return POI_ERR_NOT_FOUND;
	struct ne *n = &r->ne[t->ne];
	registry_task_keep(r, old);
	registry_refer(r, t, 1);
	registry_refer(r, old, -1);
	hash_table_replace(&r->tasks, &old->link, &t->link);
	TAILQ_INSERT_AFTER(&n->task_list, old, t, entry);
	TAILQ_REMOVE(&n->task_list, old, entry);
	t->order = old->order;
	n->awaiting += (t->state == TASK_AWAITING) - (old->state == TASK_AWAITING);
	fault_free_all(&t->faults);
	t->faults = old->faults;
	old->faults = NULL;
	t->removing = old->removing;
	t->dataplane = old->dataplane;
	t->before = old->before;
	t->counted = old->counted;
	move_task(r, old, t);
	registry_task_free(old);
	return 0;
}

// Takes `t` out of its network element's list, or out of the batch that holds it.
static void unlist(struct registry *r, struct registry_task *t)
{
	struct registry_batch *b = batch_of(r, t);
	struct ne *n = &r->ne[t->ne];

	if (b) {
		TAILQ_REMOVE(&b->tasks, t, entry);
		return;
	}
	move_task(r, t, registry_task_next(t));
	TAILQ_REMOVE(&n->task_list, t, entry);
	n->tasks--;
	n->awaiting -= t->state == TASK_AWAITING;
}

static void take(struct registry *r, struct registry_task *t)
{
	registry_refer(r, t, -1);
	hash_table_remove(&r->tasks, &t->link);
	unlist(r, t);
}

void registry_task_remove(struct registry *r, struct registry_task *t)
{
	take(r, t);
	registry_task_free(t);
}

struct registry_task *registry_task_take(struct registry *from, uint16_t ne)
{
	struct registry_task *t = registry_task_first(from, ne);

	if (t)
		take(from, t);
	return t;
}

void registry_task_keep(struct registry *r, struct registry_task *t)
{
	if (!batch_of(r, t))
		return;
	uint32_t dataplane = t->dataplane;
	unlist(r, t);
	append(r, t);
	t->dataplane = dataplane;
}

bool registry_task_in_batch(const struct registry *r, const struct registry_task *t)
{
	return batch_of(r, t) != NULL;
}

void registry_task_set_state(struct registry *r, struct registry_task *t, enum task_state state)
{
	if (t->state == state)
		return;
	registry_task_keep(r, t);
	t->state = state;
	if (state == TASK_AWAITING)
		r->ne[t->ne].awaiting++;
	else
		r->ne[t->ne].awaiting--;
}

uint32_t registry_tasks_awaiting(const struct registry *r, uint16_t ne)
{
	return r->ne[ne].awaiting;
}

uint32_t registry_dataplane(const struct registry *r)
{
	return r->dataplane;
}

void registry_dataplane_changed(struct registry *r)
{
	r->dataplane++;
}

uint64_t registry_order(const struct registry *r)
{
	return r->order;
}

void registry_batch_begin(struct registry *r, uint16_t ne, struct registry_batch *b)
{
	struct ne *n = &r->ne[ne];
	struct registry_batch *earlier;
	struct registry_cursor *c;

	b->ne = ne;
	b->last = r->order;
	TAILQ_INIT(&b->tasks);
	TAILQ_CONCAT(&b->tasks, &n->task_list, entry);
	n->tasks = n->awaiting = 0;
	TAILQ_FOREACH (earlier, &n->batches, entry)
		earlier->spares_awaiting = earlier->spares_awaiting && b->spares_awaiting;
	TAILQ_INSERT_TAIL(&n->batches, b, entry);
	LIST_FOREACH (c, &r->cursors, entry) {
		if (c->ne != ne)
			continue;
		c->task = NULL;
		c->cut = true;
	}
}

struct registry_task *registry_batch_next(const struct registry_batch *b, bool *kept)
{
	struct registry_task *t = TAILQ_FIRST(&b->tasks);

	*kept = t && spared(b, t);
	return t;
}

void registry_batch_end(struct registry *r, struct registry_batch *b)
{
	remove_tasks(r, &b->tasks);
	TAILQ_REMOVE(&r->ne[b->ne].batches, b, entry);
}

bool registry_batches(const struct registry *r, uint16_t ne)
{
	return !TAILQ_EMPTY(&r->ne[ne].batches);
}

struct registry_task *registry_task_first(const struct registry *r, uint16_t ne)
{
	return TAILQ_FIRST(&r->ne[ne].task_list);
}

uint32_t registry_task_count(const struct registry *r, uint16_t ne)
{
	return r->ne[ne].tasks;
}

int registry_task_channel(
	const struct registry *r, const struct registry_task *t, struct channel_task *out)
{
	struct wire_reader reader = wire_reader_of(task_filter(t), t->filter_length);

	*out = (struct channel_task){
		.ne = r->ne[t->ne].id,
		.xid = t->xid,
		.header_xid = t->header_xid,
		.correlation = t->correlation,
		.delivery = t->delivery,
		.report = t->report,
		.records = t->records,
		.n_destinations = t->n_destinations,
	};
	memcpy(out->did, registry_task_dids(t), t->n_destinations * sizeof(struct id16));
	const uint8_t *behind = (const uint8_t *)registry_task_xml(t) + t->xml_length;
	if (t->matched_length) {
		out->matched = behind;
		out->matched_length = t->matched_length;
	}
	if (t->report == REPORT_PDSR)
		memcpy(&out->triggers, behind + t->matched_length, sizeof(out->triggers));
	filter_decode(&reader, &out->filter);
	if (!reader.error && wire_left(&reader) > 0)
		session_target_decode(&reader, &out->session);
	if (!reader.error && wire_left(&reader) > 0) {
		out->alternatives_length = (uint16_t)wire_left(&reader);
		out->alternatives = wire_take(&reader, out->alternatives_length);
	}
	return wire_finish(&reader);
}
