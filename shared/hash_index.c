// Makes, grows and frees the buckets of a hash index, as hash_table.c does for objects anywhere.
#include "shared/hash_index.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>

static bool allocate(struct hash_index *x, uint32_t buckets)
{
	x->bucket = calloc(buckets, sizeof(uint32_t));
	if (!x->bucket)
		return false;
	x->room = x->buckets = buckets;
	x->mask = hash_mask_for(buckets);
	return true;
}

int hash_index_init(struct hash_index *x, uint32_t limit)
{
	uint64_t seed[2];

	*x = (struct hash_index){0};
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return POI_ERR_IO;
	return hash_index_init_seeded(x, limit, seed);
}

int hash_index_init_seeded(struct hash_index *x, uint32_t limit, const uint64_t seed[2])
{
	// The second word is a factor of every hash: never 0.
	*x = (struct hash_index){.limit = limit, .seed = {seed[0], seed[1] | 1}};
	return allocate(x, hash_first_buckets(limit)) ? POI_OK : POI_ERR_NOMEM;
}

int hash_index_reserve(struct hash_index *x)
{
	uint32_t *old = x->bucket;

	if (x->room == hash_most_buckets(x->limit))
		return POI_OK;
	if (!allocate(x, hash_most_buckets(x->limit))) {
		x->bucket = old;
		return POI_ERR_NOMEM;
	}
	free(old);
	return POI_OK;
}

void hash_index_free(struct hash_index *x)
{
	free(x->bucket);
	x->bucket = NULL;
	x->buckets = x->room = x->mask = x->n = 0;
}

static bool enlarge(struct hash_index *x)
{
	uint64_t room = x->room * UINT64_C(2), most = hash_most_buckets(x->limit);

	room = room < most ? room : most;
	uint32_t *bucket = realloc(x->bucket, room * sizeof(uint32_t));
	if (!bucket)
		return false;
	x->bucket = bucket;
	x->room = (uint32_t)room;
	return true;
}

// Makes bucket number `x->buckets` from its half of the one that held its objects.
static void split(struct hash_index *x)
{
	uint32_t new = x->buckets++;

	x->mask = hash_mask_for(x->buckets);
	uint32_t *from = &x->bucket[new & x->mask >> 1], *to = &x->bucket[new];
	while (*from) {
		struct hash_number *l = hash_index_link(x, *from - 1);
		if ((l->hash & x->mask) != new) {
			from = &l->next;
			continue;
		}
		*to = *from;
		*from = l->next;
		to = &l->next;
	}
	*to = 0;
}

void hash_index_grow(struct hash_index *x)
{
	for (int i = 0; i < 2 && x->buckets < hash_buckets_for(x->n + 1); i++) {
		if (x->buckets == x->room &&
			(x->room == hash_most_buckets(x->limit) || !enlarge(x)))
			return;
		split(x);
	}
}
