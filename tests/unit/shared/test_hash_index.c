#include "shared/hash_index.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct thing {
	uint64_t key;
	struct hash_number link;
	bool in;
};

static uint64_t hash_of(const struct hash_index *x, uint64_t key)
{
	uint64_t words[2] = {key, 0};

	return hash_index_hash(x, words, 2);
}

static uint32_t find(const struct hash_index *x, const struct thing *o, uint64_t key)
{
	uint32_t i = hash_index_first(x, hash_of(x, key));

	while (i != HASH_NONE && o[i].key != key)
		i = hash_index_next(x, i);
	return i;
}

Test(hash_index, an_empty_one_finds_nothing_and_frees)
{
	struct hash_index x;
	struct thing o[1];

	cr_assert_eq(hash_index_init(&x, 10), POI_OK);
	hash_index_links(&x, &o[0].link, sizeof(o[0]));
	cr_assert_eq(find(&x, o, 1), HASH_NONE);
	hash_index_free(&x);
}

Test(hash_index, the_limit_holds)
{
	struct hash_index x;
	struct thing o[4] = {{.key = 1}, {.key = 2}, {.key = 3}, {.key = 4}};

	cr_assert_eq(hash_index_init(&x, 3), POI_OK);
	hash_index_links(&x, &o[0].link, sizeof(o[0]));
	for (uint32_t i = 0; i < 3; i++)
		cr_assert_eq(hash_index_add(&x, i, hash_of(&x, o[i].key)), POI_OK);
	cr_assert_eq(hash_index_add(&x, 3, hash_of(&x, 4)), POI_ERR_LIMIT);
	cr_assert_leq(x.room, hash_most_buckets(3));
	hash_index_remove(&x, 1);
	cr_assert_eq(hash_index_add(&x, 3, hash_of(&x, 4)), POI_OK);
	cr_assert_eq(find(&x, o, 2), HASH_NONE);
	cr_assert_eq(find(&x, o, 4), 3);
	hash_index_free(&x);
}

Test(hash_index, a_reserved_one_allocates_nothing_more)
{
	struct hash_index x;
	const uint64_t seed[2] = {3, 4};
	static struct thing o[1000];

	cr_assert_eq(hash_index_init_seeded(&x, 1000, seed), POI_OK);
	cr_assert_eq(hash_index_reserve(&x), POI_OK);
	hash_index_links(&x, &o[0].link, sizeof(o[0]));
	const uint32_t *bucket = x.bucket;
	cr_assert_eq(x.room * sizeof(*bucket), hash_index_bytes(1000));
	for (uint32_t i = 0; i < 1000; i++) {
		o[i].key = i;
		cr_assert_eq(hash_index_add(&x, i, hash_of(&x, i)), POI_OK);
	}
	cr_assert_eq(x.bucket, bucket);
	cr_assert_eq(x.room, 1500);
	for (uint32_t i = 0; i < 1000; i++)
		cr_assert_eq(find(&x, o, i), i);
	hash_index_free(&x);
}

#define THINGS 3000

// Against a naive list, the flags of the things themselves; the array moves now and then.
Test(hash_index, agrees_with_a_list_under_random_changes)
{
	for (unsigned round = 0; round < 20; round++) {
		struct thing *o = calloc(THINGS, sizeof(*o));
		struct hash_index x;
		uint32_t limit = round % 4 ? THINGS : 1 + (uint32_t)rand() % THINGS;

		srand(round);
		cr_assert_eq(hash_index_init(&x, limit), POI_OK);
		if (round % 3 == 1)
			cr_assert_eq(hash_index_reserve(&x), POI_OK);
		hash_index_links(&x, &o[0].link, sizeof(o[0]));
		for (unsigned i = 0; i < THINGS; i++)
			o[i].key = i * 65536u;
		for (unsigned step = 0, in = 0; step < 30000; step++) {
			uint32_t i = (uint32_t)rand() % THINGS;
			bool grow = rand() % 100 < (step / 6000 % 2 ? 30 : 70);
			if (step % 5000 == 4999) {
				struct thing *moved = malloc(THINGS * sizeof(*moved));
				memcpy(moved, o, THINGS * sizeof(*o));
				memset(o, 0xee, THINGS * sizeof(*o));
				free(o);
				o = moved;
				hash_index_links(&x, &o[0].link, sizeof(o[0]));
			}
			cr_assert_eq(find(&x, o, o[i].key), o[i].in ? i : HASH_NONE);
			if (!o[i].in && grow) {
				int rc = hash_index_add(&x, i, hash_of(&x, o[i].key));
				cr_assert_eq(rc, in < limit ? POI_OK : POI_ERR_LIMIT);
				o[i].in = rc == POI_OK;
				in += o[i].in;
			} else if (o[i].in && !grow) {
				hash_index_remove(&x, i);
				o[i].in = false;
				in--;
			}
			cr_assert_eq(x.n, in);
			cr_assert_leq(x.room, hash_most_buckets(limit));
		}
		for (unsigned i = 0; i < THINGS; i++)
			cr_assert_eq(find(&x, o, o[i].key), o[i].in ? i : HASH_NONE);
		hash_index_free(&x);
		free(o);
	}
}
