#pragma once

// The hash table of hash_table.h for objects in one array: it names them by their numbers, so links
// and buckets take four bytes instead of eight, and the array may move. The same rules hold.
//
//	for (i = hash_index_first(x, hash); i != HASH_NONE; i = hash_index_next(x, i))
//		if (same_key(&array[i], key)) ...

#include "shared/hash_table.h"

#define HASH_NONE UINT32_MAX

struct hash_number {   // in each object
	uint32_t next; // plus 1; 0: none
	uint32_t hash; // the upper half, which chooses the bucket
};

struct hash_index {
	uint32_t *bucket; // numbers plus 1; 0: empty
	char *links;	  // that of number 0
	size_t stride;
	uint32_t buckets; // in use
	uint32_t mask;	  // hash_mask_for(buckets)
	uint32_t n;	  // objects
	uint32_t limit;
	uint32_t room; // buckets allocated
	uint64_t seed[2];
};

// As hash_table_init and the like. 0, NOMEM, or IO without randomness.
[[nodiscard]] int hash_index_init(struct hash_index *x, uint32_t limit);
[[nodiscard]] int hash_index_init_seeded(
	struct hash_index *x, uint32_t limit, const uint64_t seed[2]);
[[nodiscard]] int hash_index_reserve(struct hash_index *x);
void hash_index_free(struct hash_index *x);

// Says where the links are: before the first object is added, and each time the array has moved.
static inline void hash_index_links(struct hash_index *x, struct hash_number *first, size_t stride)
{
	x->links = (char *)first;
	x->stride = stride;
}

// Returns the bytes of the buckets that `limit` objects want, for a caller that plans its memory.
static inline size_t hash_index_bytes(uint32_t limit)
{
	return hash_most_buckets(limit) * sizeof(uint32_t);
}

// `n` words, an even number.
static inline uint64_t hash_index_hash(const struct hash_index *x, const uint64_t *words, size_t n)
{
	return keyed_hash(x->seed, words, n);
}

static inline struct hash_number *hash_index_link(const struct hash_index *x, uint32_t i)
{
	return (struct hash_number *)(void *)(x->links + i * x->stride);
}

static inline uint32_t *hash_index_bucket(const struct hash_index *x, uint64_t hash)
{
	return &x->bucket[hash_bucket_number(hash, x->mask, x->buckets)];
}

static inline uint32_t hash_index_skip(const struct hash_index *x, uint32_t i, uint32_t hash)
{
	while (i != HASH_NONE && hash_index_link(x, i)->hash != hash)
		i = hash_index_link(x, i)->next - 1;
	return i;
}

// Returns the first object of that hash, or HASH_NONE.
static inline uint32_t hash_index_first(const struct hash_index *x, uint64_t hash)
{
	return hash_index_skip(x, *hash_index_bucket(x, hash) - 1, (uint32_t)(hash >> 32));
}

// Returns the next object of the same hash, or HASH_NONE.
static inline uint32_t hash_index_next(const struct hash_index *x, uint32_t i)
{
	const struct hash_number *l = hash_index_link(x, i);

	return hash_index_skip(x, l->next - 1, l->hash);
}

// Adds one or two buckets; without memory chains grow longer instead. Called by hash_index_add.
void hash_index_grow(struct hash_index *x);

// Adds object `i`; the caller knows that its key is not there yet. 0, or LIMIT when the index is
// full.
[[nodiscard]] static inline int hash_index_add(struct hash_index *x, uint32_t i, uint64_t hash)
{
	if (x->n >= x->limit)
		return POI_ERR_LIMIT;
	if (hash_buckets_for(x->n + 1) > x->buckets)
		hash_index_grow(x);
	uint32_t *bucket = hash_index_bucket(x, hash);
	*hash_index_link(x, i) =
		(struct hash_number){.next = *bucket, .hash = (uint32_t)(hash >> 32)};
	*bucket = i + 1;
	x->n++;
	return POI_OK;
}

// Removes an object that is in the index.
static inline void hash_index_remove(struct hash_index *x, uint32_t i)
{
	const struct hash_number *l = hash_index_link(x, i);
	uint32_t *at = hash_index_bucket(x, (uint64_t)l->hash << 32);

	while (*at != i + 1)
		at = &hash_index_link(x, *at - 1)->next;
	*at = l->next;
	x->n--;
}
