// Allocates and frees the buckets of a hash index.
#include "shared/hash_index.h"

#include <stdlib.h>
#include <string.h>

#include "shared/error.h"

// Returns the number of buckets: a power of two, as many as objects or more.
static uint32_t buckets_for(uint32_t limit)
{
	uint32_t buckets = 4;

	while (buckets < limit && buckets < 1u << 31)
		buckets *= 2;
	return buckets;
}

size_t hash_index_bytes(uint32_t limit)
{
	return buckets_for(limit) * sizeof(uint32_t);
}

int hash_index_init(struct hash_index *x, const struct hash_index_settings *s)
{
	*x = (struct hash_index){
		.bucket = malloc(hash_index_bytes(s->limit)),
		.mask = buckets_for(s->limit) - 1,
		// The second word is a factor of every hash: never 0.
		.seed = {s->seed[0], s->seed[1] | 1},
		.links = (char *)s->first,
		.stride = s->stride,
	};
	if (!x->bucket)
		return POI_ERR_NOMEM;
	memset(x->bucket, 0xff, hash_index_bytes(s->limit)); // HASH_NONE
	return POI_OK;
}

void hash_index_free(struct hash_index *x)
{
	free(x->bucket);
	x->bucket = NULL;
}
