// Finds datagrams whose fragments a worker holds: by key, by age, by source.
#include "dataplane/worker/datagram.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "shared/hash_index.h"

struct entry {
	struct datagram_key key;
	struct hash_number link;
	uint64_t start_ns;
	uint32_t next_free;
	uint32_t source;
};

struct datagram_index {
	uint32_t capacity, share;
	uint32_t free;
	uint64_t timeout_ns;
	struct hash_index table;
	struct entry *entry;
	struct index_link *by_age, *by_source;
	struct index_list age;
	struct index_list source[DATAGRAM_SOURCES];
};

void index_list_push(struct index_list *l, struct index_link *links, uint32_t i)
{
	links[i] = (struct index_link){.next = DATAGRAM_NONE, .previous = l->tail};
	if (l->tail == DATAGRAM_NONE)
		l->head = i;
	else
		links[l->tail].next = i;
	l->tail = i;
	l->n++;
}

void index_list_remove(struct index_list *l, struct index_link *links, uint32_t i)
{
	struct index_link k = links[i];

	if (k.previous == DATAGRAM_NONE)
		l->head = k.next;
	else
		links[k.previous].next = k.next;
	if (k.next == DATAGRAM_NONE)
		l->tail = k.previous;
	else
		links[k.next].previous = k.previous;
	l->n--;
}

static_assert(HASH_NONE == DATAGRAM_NONE, "no entry is the same to both");

struct datagram_index *datagram_index_new(
	uint32_t capacity, uint64_t timeout_ns, const uint64_t seed[2])
{
	_Static_assert(sizeof(struct datagram_key) == 48, "whole pairs of words are hashed");
	struct datagram_index *x = calloc(1, sizeof(*x));

	if (!x || capacity < 4)
		goto fail;
	x->capacity = capacity;
	x->share = capacity / 4;
	x->timeout_ns = timeout_ns;
	x->entry = calloc(capacity, sizeof(*x->entry));
	x->by_age = calloc(capacity, sizeof(*x->by_age));
	x->by_source = calloc(capacity, sizeof(*x->by_source));
	if (!x->entry || !x->by_age || !x->by_source)
		goto fail;
	const struct hash_index_settings table = {.limit = capacity,
		.first = &x->entry[0].link,
		.stride = sizeof(*x->entry),
		.seed = seed};
	if (hash_index_init(&x->table, &table))
		goto fail;
	for (uint32_t i = 0; i < capacity; i++)
		x->entry[i].next_free = i + 1 < capacity ? i + 1 : DATAGRAM_NONE;
	index_list_init(&x->age);
	for (unsigned i = 0; i < DATAGRAM_SOURCES; i++)
		index_list_init(&x->source[i]);
	return x;
fail:
	datagram_index_free(x);
	return NULL;
}

void datagram_index_free(struct datagram_index *x)
{
	if (!x)
		return;
	hash_index_free(&x->table);
	free(x->entry);
	free(x->by_age);
	free(x->by_source);
	free(x);
}

void datagram_key_of(struct datagram_key *key, const struct packet_view *v)
{
	const struct packet_layer *l = &v->layer[v->n_layers - 1];

	*key = (struct datagram_key){.id = l->fragment_id, .family = l->family, .wrap = l->wrap};
	memcpy(key->address, v->data + l->l3 + l->source, l->address_length * 2u);
	if (l->family == 4) // of the header, which all fragments have
		key->protocol = v->data[l->l3 + 9];
	if (v->flags & VIEW_GTPU)
		key->teid = v->n_nested ? v->nested[v->n_nested - 1].teid : v->teid;
}

// IPv6 sources by their /64: that much belongs to one subscriber.
static uint32_t source_of(const struct datagram_index *x, const struct datagram_key *key)
{
	uint64_t words[2] = {0, key->family};

	memcpy(words, key->address, key->family == 4 ? 4 : 8);
	return (uint32_t)(hash_index_hash(&x->table, words, 2) >> 32) % DATAGRAM_SOURCES;
}

static uint64_t hash_of(const struct datagram_index *x, const struct datagram_key *key)
{
	uint64_t words[sizeof(*key) / sizeof(uint64_t)];

	memcpy(words, key, sizeof(words));
	return hash_index_hash(&x->table, words, sizeof(words) / sizeof(*words));
}

uint32_t datagram_find(const struct datagram_index *x, const struct datagram_key *key)
{
	uint32_t i = hash_index_first(&x->table, hash_of(x, key));

	while (i != HASH_NONE && memcmp(&x->entry[i].key, key, sizeof(*key)) != 0)
		i = x->entry[i].link.next;
	return i;
}

uint32_t datagram_heaviest(const struct datagram_index *x)
{
	const struct index_list *most = &x->source[0];

	for (unsigned i = 1; i < DATAGRAM_SOURCES; i++)
		if (x->source[i].n > most->n)
			most = &x->source[i];
	return most->head;
}

uint32_t datagram_victim(const struct datagram_index *x, const struct datagram_key *key)
{
	const struct index_list *own = &x->source[source_of(x, key)];

	if (x->age.n < x->capacity)
		return DATAGRAM_NONE;
	return own->n >= x->share ? own->head : datagram_heaviest(x);
}

uint32_t datagram_add(struct datagram_index *x, const struct datagram_key *key, uint64_t now_ns)
{
	uint32_t i = x->free;
	struct entry *e = &x->entry[i];

	x->free = e->next_free;
	e->key = *key;
	e->start_ns = now_ns;
	hash_index_add(&x->table, i, hash_of(x, key));
	e->source = source_of(x, key);
	index_list_push(&x->age, x->by_age, i);
	index_list_push(&x->source[e->source], x->by_source, i);
	return i;
}

void datagram_remove(struct datagram_index *x, uint32_t i)
{
	struct entry *e = &x->entry[i];

	hash_index_remove(&x->table, i, hash_of(x, &e->key));
	index_list_remove(&x->age, x->by_age, i);
	index_list_remove(&x->source[e->source], x->by_source, i);
	e->next_free = x->free;
	x->free = i;
}

void datagram_touch(struct datagram_index *x, uint32_t i, uint64_t now_ns)
{
	struct entry *e = &x->entry[i];

	e->start_ns = now_ns;
	index_list_remove(&x->age, x->by_age, i);
	index_list_push(&x->age, x->by_age, i);
	index_list_remove(&x->source[e->source], x->by_source, i);
	index_list_push(&x->source[e->source], x->by_source, i);
}

uint32_t datagram_oldest(const struct datagram_index *x)
{
	return x->age.head;
}

uint32_t datagram_expired(const struct datagram_index *x, uint64_t now_ns)
{
	uint32_t i = x->age.head;

	return i != DATAGRAM_NONE && x->entry[i].start_ns + x->timeout_ns < now_ns ? i
										   : DATAGRAM_NONE;
}

uint32_t datagram_source(const struct datagram_index *x, uint32_t i)
{
	return x->entry[i].source;
}

uint32_t datagram_count(const struct datagram_index *x)
{
	return x->age.n;
}
