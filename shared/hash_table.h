#pragma once

// A hash table of the caller's objects. Each object holds a struct hash_link; the table owns only
// its buckets. Every table has a secret key, so a stranger cannot choose buckets, and a limit, so
// its memory is bounded. Buckets are added one at a time as objects come: no call takes long. A
// table belongs to one thread at a time. Where the number of objects is fixed and they lie in one
// array, hash_index.h is smaller and faster.
//
// The caller hashes with hash_table_hash, looks through the objects of that hash, and compares
// keys:
//
//	for (l = hash_table_first(t, hash); l; l = hash_table_next(l))
//		if (same_key(HASH_OBJECT(l, struct thing, link), key)) ...

#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/keyed_hash.h"

struct hash_link {
	struct hash_link *next;
	uint64_t hash;
};

struct hash_table {
	struct hash_link **bucket;
	uint32_t buckets; // in use
	uint32_t mask;	  // hash_mask_for(buckets)
	uint32_t n;	  // objects
	uint32_t limit;
	uint32_t room; // buckets allocated
	uint64_t seed[2];
};

#define HASH_OBJECT(link_, type, member) ((type *)(void *)((char *)(link_)-offsetof(type, member)))

// Makes an empty table of at most `limit` objects with a key of its own. 0, NOMEM, or IO without
// randomness.
[[nodiscard]] int hash_table_init(struct hash_table *t, uint32_t limit);
// Frees the buckets; the objects are the caller's.
void hash_table_free(struct hash_table *t);

// Returns how many buckets `n` objects want: half as many again, so that chains stay short.
static inline uint64_t hash_buckets_for(uint32_t n)
{
	return n + (uint64_t)n / 2;
}

// Returns the most buckets that a table of `limit` objects may have, and how many it begins with.
static inline uint32_t hash_most_buckets(uint32_t limit)
{
	uint64_t most = hash_buckets_for(limit);

	return most == 0 ? 1 : most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
}

static inline uint32_t hash_first_buckets(uint32_t limit)
{
	return hash_most_buckets(limit) < 16 ? hash_most_buckets(limit) : 16;
}

// Returns the number of a bucket. One that is not there yet: its objects are still in the bucket
// that it will be split from. Without a branch, which no processor could foresee.
static inline uint32_t hash_bucket_number(uint64_t hash, uint32_t mask, uint32_t buckets)
{
	uint32_t b = (uint32_t)(hash >> 32) & mask;

	return b & mask >> (b >= buckets);
}

// Returns the mask of so many buckets: (mask + 1) / 2 < buckets <= mask + 1.
static inline uint32_t hash_mask_for(uint32_t buckets)
{
	return buckets < 2 ? 0 : UINT32_MAX >> __builtin_clz(buckets - 1);
}

// `n` words, an even number.
static inline uint64_t hash_table_hash(const struct hash_table *t, const uint64_t *words, size_t n)
{
	return keyed_hash(t->seed, words, n);
}

static inline struct hash_link **hash_table_bucket(const struct hash_table *t, uint64_t hash)
{
	return &t->bucket[hash_bucket_number(hash, t->mask, t->buckets)];
}

static inline struct hash_link *hash_link_skip(struct hash_link *l, uint64_t hash)
{
	while (l && l->hash != hash)
		l = l->next;
	return l;
}

// Returns the first object of that hash, or NULL.
static inline struct hash_link *hash_table_first(const struct hash_table *t, uint64_t hash)
{
	return hash_link_skip(*hash_table_bucket(t, hash), hash);
}

// Returns the next object of the same hash, or NULL.
static inline struct hash_link *hash_table_next(const struct hash_link *l)
{
	return hash_link_skip(l->next, l->hash);
}

// Adds one or two buckets; without memory chains grow longer instead. Called by hash_table_add.
void hash_table_grow(struct hash_table *t);

// Adds an object; the caller has made sure that its key is absent. 0, or LIMIT when the table is
// full.
[[nodiscard]] static inline int hash_table_add(
	struct hash_table *t, struct hash_link *l, uint64_t hash)
{
	if (t->n >= t->limit)
		return POI_ERR_LIMIT;
	if (hash_buckets_for(t->n + 1) > t->buckets)
		hash_table_grow(t);
	struct hash_link **bucket = hash_table_bucket(t, hash);
	*l = (struct hash_link){.next = *bucket, .hash = hash};
	*bucket = l;
	t->n++;
	return POI_OK;
}

static inline struct hash_link **hash_table_place(
	const struct hash_table *t, const struct hash_link *l)
{
	struct hash_link **at = hash_table_bucket(t, l->hash);

	while (*at != l)
		at = &(*at)->next;
	return at;
}

// Removes an object that is in the table.
static inline void hash_table_remove(struct hash_table *t, struct hash_link *l)
{
	*hash_table_place(t, l) = l->next;
	t->n--;
}

// Puts `new`, which has the same key, in the place of `old`.
static inline void hash_table_replace(
	struct hash_table *t, struct hash_link *old, struct hash_link *new)
{
	*new = *old;
	*hash_table_place(t, old) = new;
}

// Visits every object once, in no order. The object just returned may be removed; nothing else may
// be added or removed meanwhile.
struct hash_cursor {
	const struct hash_table *table;
	struct hash_link *next;
	uint32_t bucket; // the one behind that of `next`
};

static inline struct hash_cursor hash_table_all(const struct hash_table *t)
{
	return (struct hash_cursor){.table = t};
}

static inline struct hash_link *hash_cursor_next(struct hash_cursor *c)
{
	while (!c->next && c->bucket < c->table->buckets)
		c->next = c->table->bucket[c->bucket++];
	struct hash_link *l = c->next;
	c->next = l ? l->next : NULL;
	return l;
}
