#include "control/state/registry.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

// Keyed, because identifiers are chosen by a peer.
struct key {
	uint64_t a, b;
};

struct ne {
	struct id16 id;
	struct fault *faults;
	struct registry_task *task_first, *task_last;
	struct registry_destination *destination_first, *destination_last;
	uint32_t tasks, destinations;
};

struct registry {
	struct key key;
	uint16_t n_nes;
	uint32_t tasks, task_buckets; // buckets are a power of two
	uint32_t destinations, destination_buckets;
	struct registry_task **task;
	struct registry_destination **destination;
	struct registry_cursor *cursors;
	struct ne ne[REGISTRY_NES_MAX];
};

static void move_task(
	struct registry *r, const struct registry_task *from, struct registry_task *to)
{
	for (struct registry_cursor *c = r->cursors; c; c = c->other)
		c->task = c->task == from ? to : c->task;
}

static void move_destination(struct registry *r, const struct registry_destination *from,
	struct registry_destination *to)
{
	for (struct registry_cursor *c = r->cursors; c; c = c->other)
		c->destination = c->destination == from ? to : c->destination;
}

void registry_cursor_begin(struct registry *r, uint16_t ne, struct registry_cursor *c)
{
	*c = (struct registry_cursor){
		r->cursors, r->ne[ne].task_first, r->ne[ne].destination_first};
	r->cursors = c;
}

struct registry_task *registry_cursor_task(struct registry_cursor *c)
{
	struct registry_task *t = c->task;

	c->task = t ? t->next : NULL;
	return t;
}

struct registry_destination *registry_cursor_destination(struct registry_cursor *c)
{
	struct registry_destination *d = c->destination;

	c->destination = d ? d->next : NULL;
	return d;
}

void registry_cursor_end(struct registry *r, struct registry_cursor *c)
{
	struct registry_cursor **at = &r->cursors;

	while (*at && *at != c)
		at = &(*at)->other;
	if (*at)
		*at = c->other;
}

static uint32_t hash(const struct key *k, uint16_t ne, const struct id16 *id)
{
	uint64_t lo, hi;

	memcpy(&lo, id->b, 8);
	memcpy(&hi, id->b + 8, 8);
	unsigned __int128 p =
		(unsigned __int128)(lo ^ k->a) * ((hi ^ k->b ^ (uint64_t)ne << 48) | 1);
	uint64_t h = ((uint64_t)p ^ (uint64_t)(p >> 64)) * 0x9E3779B97F4A7C15u;
	return (uint32_t)(h >> 32);
}

struct registry *registry_new(uint16_t n_nes, const char *const *identifiers)
{
	struct registry *r = calloc(1, sizeof(*r));

	if (!r || n_nes > REGISTRY_NES_MAX) {
		free(r);
		return NULL;
	}
	r->n_nes = n_nes;
	r->task_buckets = 1024;
	r->destination_buckets = 64;
	r->task = calloc(r->task_buckets, sizeof(struct registry_task *));
	r->destination = calloc(r->destination_buckets, sizeof(struct registry_destination *));
	if (!r->task || !r->destination || getrandom(&r->key, sizeof(r->key), 0) != sizeof(r->key))
		goto fail;
	for (uint16_t i = 0; i < n_nes; i++)
		r->ne[i].id = id_of_ne(identifiers[i]);
	return r;
fail:
	registry_free(r);
	return NULL;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	if (r->task && r->destination)
		registry_clear(r);
	for (uint16_t i = 0; i < r->n_nes; i++)
		fault_free_all(&r->ne[i].faults);
	free(r->task);
	free(r->destination);
	free(r);
}

void registry_clear(struct registry *r)
{
	for (uint16_t i = 0; i < r->n_nes; i++) {
		while (r->ne[i].task_first)
			registry_task_remove(r, r->ne[i].task_first);
		while (r->ne[i].destination_first)
			registry_destination_remove(r, r->ne[i].destination_first);
	}
}

int32_t registry_ne_add(struct registry *r, const char *identifier)
{
	if (r->n_nes == REGISTRY_NES_MAX)
		return POI_ERR_LIMIT;
	r->ne[r->n_nes] = (struct ne){.id = id_of_ne(identifier)};
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

uint32_t registry_fault_count(const struct registry *r)
{
	uint32_t n = 0;

	for (uint16_t i = 0; i < r->n_nes; i++) {
		n += fault_count(r->ne[i].faults);
		for (const struct registry_task *t = r->ne[i].task_first; t; t = t->next)
			n += fault_count(t->faults);
		for (const struct registry_destination *d = r->ne[i].destination_first; d;
			d = d->next)
			n += fault_count(d->faults);
	}
	return n;
}

// Tasks.

const struct id16 *registry_task_dids(const struct registry_task *t)
{
	return (const struct id16 *)(const void *)t->data;
}

const uint8_t *registry_task_filter(const struct registry_task *t)
{
	return t->data + t->n_destinations * sizeof(struct id16);
}

const char *registry_task_xml(const struct registry_task *t)
{
	return (const char *)registry_task_filter(t) + t->filter_length;
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
	struct registry_task *t = r->task[hash(&r->key, ne, xid) & (r->task_buckets - 1)];

	while (t && (t->ne != ne || !id_equal(&t->xid, xid)))
		t = t->hash_next;
	return t;
}

static void grow_tasks(struct registry *r)
{
	uint32_t buckets = r->task_buckets * 2;
	struct registry_task **table = calloc(buckets, sizeof(*table));

	if (!table)
		return; // longer chains, still correct
	for (uint32_t i = 0; i < r->task_buckets; i++) {
		while (r->task[i]) {
			struct registry_task *t = r->task[i];
			r->task[i] = t->hash_next;
			uint32_t b = hash(&r->key, t->ne, &t->xid) & (buckets - 1);
			t->hash_next = table[b];
			table[b] = t;
		}
	}
	free(r->task);
	r->task = table;
	r->task_buckets = buckets;
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
	if (r->tasks >= r->task_buckets)
		grow_tasks(r);
	struct ne *n = &r->ne[t->ne];
	uint32_t b = hash(&r->key, t->ne, &t->xid) & (r->task_buckets - 1);
	t->hash_next = r->task[b];
	r->task[b] = t;
	t->next = NULL;
	t->previous = n->task_last;
	if (n->task_last)
		n->task_last->next = t;
	else
		n->task_first = t;
	n->task_last = t;
	n->tasks++;
	r->tasks++;
	registry_refer(r, t, 1);
	return 0;
}

static void unhash_task(struct registry *r, struct registry_task *t)
{
	struct registry_task **at = &r->task[hash(&r->key, t->ne, &t->xid) & (r->task_buckets - 1)];

	while (*at != t)
		at = &(*at)->hash_next;
	*at = t->hash_next;
}

int registry_task_replace(struct registry *r, struct registry_task *t)
{
	struct registry_task *old = registry_task_find(r, t->ne, &t->xid);

	if (!old || !registry_destinations_known(r, t))
		return POI_ERR_NOT_FOUND;
	struct ne *n = &r->ne[t->ne];
	registry_refer(r, t, 1);
	registry_refer(r, old, -1);
	unhash_task(r, old);
	uint32_t b = hash(&r->key, t->ne, &t->xid) & (r->task_buckets - 1);
	t->hash_next = r->task[b];
	r->task[b] = t;
	t->previous = old->previous;
	t->next = old->next;
	*(t->previous ? &t->previous->next : &n->task_first) = t;
	*(t->next ? &t->next->previous : &n->task_last) = t;
	fault_free_all(&t->faults);
	t->faults = old->faults;
	old->faults = NULL;
	t->removing = old->removing;
	move_task(r, old, t);
	registry_task_free(old);
	return 0;
}

void registry_task_remove(struct registry *r, struct registry_task *t)
{
	struct ne *n = &r->ne[t->ne];

	registry_refer(r, t, -1);
	move_task(r, t, t->next);
	unhash_task(r, t);
	*(t->previous ? &t->previous->next : &n->task_first) = t->next;
	*(t->next ? &t->next->previous : &n->task_last) = t->previous;
	n->tasks--;
	r->tasks--;
	registry_task_free(t);
}

struct registry_task *registry_task_first(const struct registry *r, uint16_t ne)
{
	return r->ne[ne].task_first;
}

uint32_t registry_task_count(const struct registry *r, uint16_t ne)
{
	return r->ne[ne].tasks;
}

int registry_task_channel(
	const struct registry *r, const struct registry_task *t, struct channel_task *out)
{
	struct wire_reader reader = wire_reader_of(registry_task_filter(t), t->filter_length);

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

static struct registry_destination **destination_bucket(
	const struct registry *r, uint16_t ne, const struct id16 *did)
{
	return &r->destination[hash(&r->key, ne, did) & (r->destination_buckets - 1)];
}

struct registry_destination *registry_destination_find(
	const struct registry *r, uint16_t ne, const struct id16 *did)
{
	struct registry_destination *d = *destination_bucket(r, ne, did);

	while (d && (d->ne != ne || !id_equal(&d->did, did)))
		d = d->hash_next;
	return d;
}

static void grow_destinations(struct registry *r)
{
	uint32_t buckets = r->destination_buckets * 2;
	struct registry_destination **table = calloc(buckets, sizeof(*table));

	if (!table)
		return;
	for (uint32_t i = 0; i < r->destination_buckets; i++) {
		while (r->destination[i]) {
			struct registry_destination *d = r->destination[i];
			r->destination[i] = d->hash_next;
			uint32_t b = hash(&r->key, d->ne, &d->did) & (buckets - 1);
			d->hash_next = table[b];
			table[b] = d;
		}
	}
	free(r->destination);
	r->destination = table;
	r->destination_buckets = buckets;
}

int registry_destination_add(struct registry *r, struct registry_destination *d)
{
	if (registry_destination_find(r, d->ne, &d->did))
		return POI_ERR_EXISTS;
	if (r->destinations >= r->destination_buckets)
		grow_destinations(r);
	struct ne *n = &r->ne[d->ne];
	struct registry_destination **bucket = destination_bucket(r, d->ne, &d->did);
	d->hash_next = *bucket;
	*bucket = d;
	d->next = NULL;
	d->previous = n->destination_last;
	*(n->destination_last ? &n->destination_last->next : &n->destination_first) = d;
	n->destination_last = d;
	n->destinations++;
	r->destinations++;
	return 0;
}

static void unhash_destination(struct registry *r, struct registry_destination *d)
{
	struct registry_destination **at = destination_bucket(r, d->ne, &d->did);

	while (*at != d)
		at = &(*at)->hash_next;
	*at = d->hash_next;
}

int registry_destination_replace(struct registry *r, struct registry_destination *d)
{
	struct registry_destination *old = registry_destination_find(r, d->ne, &d->did);

	if (!old)
		return POI_ERR_NOT_FOUND;
	struct ne *n = &r->ne[d->ne];
	unhash_destination(r, old);
	struct registry_destination **bucket = destination_bucket(r, d->ne, &d->did);
	d->hash_next = *bucket;
	*bucket = d;
	d->previous = old->previous;
	d->next = old->next;
	*(d->previous ? &d->previous->next : &n->destination_first) = d;
	*(d->next ? &d->next->previous : &n->destination_last) = d;
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

	move_destination(r, d, d->next);
	unhash_destination(r, d);
	*(d->previous ? &d->previous->next : &n->destination_first) = d->next;
	*(d->next ? &d->next->previous : &n->destination_last) = d->previous;
	n->destinations--;
	r->destinations--;
	registry_destination_free(d);
}

struct registry_destination *registry_destination_first(const struct registry *r, uint16_t ne)
{
	return r->ne[ne].destination_first;
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
	};
	if (d->host)
		memcpy(out->host, d->host, strlen(d->host) + 1);
}
