// Makes, grows and frees the buckets of a hash table. Growth is linear hashing: bucket by bucket,
// each new one split off the one whose objects share all but the highest bit of its number.
#include "shared/hash_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>

static bool allocate(struct hash_table *t, uint32_t buckets)
{
	t->bucket = calloc(buckets, sizeof(struct hash_link *));
	if (!t->bucket)
		return false;
	t->room = t->buckets = buckets;
	t->mask = hash_mask_for(buckets);
	return true;
}

int hash_table_init(struct hash_table *t, uint32_t limit)
{
	*t = (struct hash_table){.limit = limit};
	if (getrandom(t->seed, sizeof(t->seed), 0) != sizeof(t->seed))
		return POI_ERR_IO;
	t->seed[1] |= 1; // a factor of every hash: never 0
	return allocate(t, hash_first_buckets(limit)) ? POI_OK : POI_ERR_NOMEM;
}

void hash_table_free(struct hash_table *t)
{
	free(t->bucket);
	t->bucket = NULL;
	t->buckets = t->room = t->mask = t->n = 0;
}

static bool enlarge(struct hash_table *t)
{
	uint64_t room = t->room * UINT64_C(2), most = hash_most_buckets(t->limit);

	room = room < most ? room : most;
	// NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI): a table has a limit above 0
	struct hash_link **bucket = realloc(t->bucket, room * sizeof(struct hash_link *));
	if (!bucket)
		return false;
	t->bucket = bucket;
	t->room = (uint32_t)room;
	return true;
}

// Makes bucket number `t->buckets` from its half of the one that held its objects.
static void split(struct hash_table *t)
{
	uint32_t new = t->buckets++;

	t->mask = hash_mask_for(t->buckets);
	struct hash_link **from = &t->bucket[new & t->mask >> 1], **to = &t->bucket[new];
	while (*from) {
		struct hash_link *l = *from;
		if (((uint32_t)(l->hash >> 32) & t->mask) != new) {
			from = &l->next;
			continue;
		}
		*from = l->next;
		*to = l;
		to = &l->next;
	}
	*to = NULL;
}

void hash_table_grow(struct hash_table *t)
{
	for (int i = 0; i < 2 && t->buckets < hash_buckets_for(t->n + 1); i++) {
		if (t->buckets == t->room &&
			(t->room == hash_most_buckets(t->limit) || !enlarge(t)))
			return;
		split(t);
	}
}
