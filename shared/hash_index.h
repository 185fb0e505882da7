#pragma once

// A hash table, as hash_table.h, for at most `limit` objects in one array: it names them by their
// numbers. Links and buckets take four bytes each, all memory is allocated at once, and adding
// never allocates: for tables whose size is fixed and whose look-ups are many. The same rules hold.
//
//	for (i = hash_index_first(x, hash); i != HASH_NONE; i = array[i].link.next)
//		if (same_key(&array[i], key)) ...
//
// The loop meets every object of the bucket, other hashes included.

#include <stddef.h>
#include <stdint.h>

#include "shared/keyed_hash.h"

#define HASH_NONE UINT32_MAX

struct hash_number { // in each object
	uint32_t next;
};

struct hash_index {
	uint32_t *bucket;
	uint32_t mask;
	uint64_t seed[2];
	char *links; // that of object 0
	size_t stride;
};

// Makes an empty index for `limit` objects of `stride` bytes, the link of the first of which is
// `first`. `seed` is the secret key. 0 or NOMEM.
struct hash_index_settings {
	uint32_t limit;
	struct hash_number *first;
	size_t stride;
	const uint64_t *seed; // two words
};
[[nodiscard]] int hash_index_init(struct hash_index *x, const struct hash_index_settings *s);
void hash_index_free(struct hash_index *x);

// Returns the bytes of the buckets, for a caller that plans its memory.
size_t hash_index_bytes(uint32_t limit);

// `n` words, an even number.
static inline uint64_t hash_index_hash(const struct hash_index *x, const uint64_t *words, size_t n)
{
	return keyed_hash(x->seed, words, n);
}

static inline uint32_t *hash_index_bucket(const struct hash_index *x, uint64_t hash)
{
	return &x->bucket[(uint32_t)(hash >> 32) & x->mask];
}

// Returns the first object of the bucket, or HASH_NONE.
static inline uint32_t hash_index_first(const struct hash_index *x, uint64_t hash)
{
	return *hash_index_bucket(x, hash);
}

static inline struct hash_number *hash_index_link(const struct hash_index *x, uint32_t i)
{
	return (struct hash_number *)(void *)(x->links + i * x->stride);
}

// Adds object `i`, which is not in the index; nor is its key.
static inline void hash_index_add(struct hash_index *x, uint32_t i, uint64_t hash)
{
	uint32_t *bucket = hash_index_bucket(x, hash);

	hash_index_link(x, i)->next = *bucket;
	*bucket = i;
}

// Removes object `i`, which was added with the same hash.
static inline void hash_index_remove(struct hash_index *x, uint32_t i, uint64_t hash)
{
	uint32_t *at = hash_index_bucket(x, hash);

	while (*at != i)
		at = &hash_index_link(x, *at)->next;
	*at = hash_index_link(x, i)->next;
}
