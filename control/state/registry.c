// Keeps tasks, destinations and network elements, and finds them by network element and identifier.
#include "control/state/registry.h"

#include <stdlib.h>
#include <string.h>

struct ne {
	struct id16 id;
	struct fault *faults;
	struct registry_tasks task_list;
	struct registry_destinations destination_list;
	uint32_t tasks, destinations;
};

struct registry {
	uint16_t n_nes;
	struct hash_table tasks, destinations; // by network element and identifier
	LIST_HEAD(, registry_cursor) cursors;
	struct kept_reports *reports;
	struct ne ne[REGISTRY_NES_MAX];
};

static void move_task(
	struct registry *r, const struct registry_task *from, struct registry_task *to)
{
	struct registry_cursor *c;

	LIST_FOREACH(c, &r->cursors, entry)
	c->task = c->task == from ? to : c->task;
}

static void move_destination(struct registry *r, const struct registry_destination *from,
	struct registry_destination *to)
{
	struct registry_cursor *c;

	LIST_FOREACH(c, &r->cursors, entry)
	c->destination = c->destination == from ? to : c->destination;
}

void registry_cursor_begin(struct registry *r, uint16_t ne, struct registry_cursor *c)
{
	*c = (struct registry_cursor){.task = registry_task_first(r, ne),
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

static uint64_t hash_of(const struct hash_table *t, uint16_t ne, const struct id16 *id)
{
	uint64_t words[4] = {0, 0, ne, 0};

	memcpy(words, id->b, sizeof(id->b));
	return hash_table_hash(t, words, 4);
}

static void begin_element(struct ne *n, const char *identifier)
{
	*n = (struct ne){.id = id_of_ne(identifier)};
	TAILQ_INIT(&n->task_list);
	TAILQ_INIT(&n->destination_list);
}

struct registry *registry_new(uint16_t n_nes, const char *const *identifiers)
{
	struct registry *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->reports = kept_reports_new();
	if (n_nes > REGISTRY_NES_MAX || !r->reports || hash_table_init(&r->tasks, UINT32_MAX) ||
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
	free(r);
}

void registry_clear(struct registry *r)
{
	for (uint16_t i = 0; i < r->n_nes; i++) {
		struct ne *n = &r->ne[i];
		while (!TAILQ_EMPTY(&n->task_list))
			registry_task_remove(r, TAILQ_FIRST(&n->task_list));
		while (!TAILQ_EMPTY(&n->destination_list))
			registry_destination_remove(r, TAILQ_FIRST(&n->destination_list));
	}
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
	uint8_t filter[1024];
	struct wire_writer w = wire_writer_of(filter, sizeof(filter));

	filter_encode(&w, &c->filter);
	if (c->session.kinds)
		session_target_encode(&w, &c->session);
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
	t->n_destinations = c->n_destinations;
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
	// Target data does not stay behind in freed memory.
	explicit_bzero(t->data, t->n_destinations * sizeof(struct id16) + t->filter_length +
					t->xml_length + t->matched_length);
	free(t);
}

struct registry_task *registry_task_find(
	const struct registry *r, uint16_t ne, const struct id16 *xid)
{
	struct hash_link *l = hash_table_first(&r->tasks, hash_of(&r->tasks, ne, xid));

	for (; l; l = hash_table_next(l)) {
		struct registry_task *t = HASH_OBJECT(l, struct registry_task, link);
		if (t->ne == ne && id_equal(&t->xid, xid))
			return t;
	}
	return NULL;
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
}

bool registry_destinations_known(const struct registry *r, const struct registry_task *t)
{
	const struct id16 *did = registry_task_dids(t);

	for (uint8_t i = 0; i < t->n_destinations; i++) {
		if (!registry_destination_find(r, t->ne, &did[i]))
			return false;
	}
	return true;
}

int registry_task_add(struct registry *r, struct registry_task *t)
{
	if (registry_task_find(r, t->ne, &t->xid))
		return POI_ERR_EXISTS;
	if (!registry_destinations_known(r, t))
		return POI_ERR_NOT_FOUND;
	int rc = hash_table_add(&r->tasks, &t->link, hash_of(&r->tasks, t->ne, &t->xid));
	if (rc)
		return rc;
	struct ne *n = &r->ne[t->ne];
	TAILQ_INSERT_TAIL(&n->task_list, t, entry);
	n->tasks++;
	registry_refer(r, t, 1);
	return 0;
}

int registry_task_replace(struct registry *r, struct registry_task *t)
{
	struct registry_task *old = registry_task_find(r, t->ne, &t->xid);

	if (!old || !registry_destinations_known(r, t))
		return POI_ERR_NOT_FOUND;
	struct ne *n = &r->ne[t->ne];
	registry_refer(r, t, 1);
	registry_refer(r, old, -1);
	hash_table_replace(&r->tasks, &old->link, &t->link);
	TAILQ_INSERT_AFTER(&n->task_list, old, t, entry);
	TAILQ_REMOVE(&n->task_list, old, entry);
	fault_free_all(&t->faults);
	t->faults = old->faults;
	old->faults = NULL;
	t->removing = old->removing;
	t->before = old->before;
	t->counted = old->counted;
	move_task(r, old, t);
	registry_task_free(old);
	return 0;
}

void registry_task_remove(struct registry *r, struct registry_task *t)
{
	struct ne *n = &r->ne[t->ne];

	registry_refer(r, t, -1);
	move_task(r, t, registry_task_next(t));
	hash_table_remove(&r->tasks, &t->link);
	TAILQ_REMOVE(&n->task_list, t, entry);
	n->tasks--;
	registry_task_free(t);
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
	return wire_finish(&reader);
}

// Destinations.

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
	free(d);
}

struct registry_destination *registry_destination_find(
	const struct registry *r, uint16_t ne, const struct id16 *did)
{
	struct hash_link *l =
		hash_table_first(&r->destinations, hash_of(&r->destinations, ne, did));

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
		&r->destinations, &d->link, hash_of(&r->destinations, d->ne, &d->did));
	if (rc)
		return rc;
	struct ne *n = &r->ne[d->ne];
	TAILQ_INSERT_TAIL(&n->destination_list, d, entry);
	n->destinations++;
	return 0;
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
	fault_free_all(&d->faults);
	d->faults = old->faults;
	old->faults = NULL;
	move_destination(r, old, d);
	registry_destination_free(old);
	return 0;
}

void registry_destination_remove(struct registry *r, struct registry_destination *d)
{
	struct ne *n = &r->ne[d->ne];

	move_destination(r, d, registry_destination_next(d));
	hash_table_remove(&r->destinations, &d->link);
	TAILQ_REMOVE(&n->destination_list, d, entry);
	n->destinations--;
	registry_destination_free(d);
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
}
