#include "shared/hash_index.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shared/error.h"

#define THINGS 3000

struct thing {
	uint64_t key;
	struct hash_number link;
	bool in;
};

static struct thing o[THINGS];
static struct hash_index x;

static void make(uint32_t limit)
{
	const uint64_t seed[2] = {0x0123456789abcdef, 0xfedcba9876543210};
	const struct hash_index_settings s = {
		.limit = limit, .first = &o[0].link, .stride = sizeof(o[0]), .seed = seed};

	cr_assert_eq(hash_index_init(&x, &s), POI_OK);
}

static uint64_t hash_of(uint64_t key)
{
	uint64_t words[2] = {key, 0};

	return hash_index_hash(&x, words, 2);
}

static uint32_t find(uint64_t key)
{
	uint32_t i = hash_index_first(&x, hash_of(key));

	while (i != HASH_NONE && o[i].key != key)
		i = o[i].link.next;
	return i;
}

Test(hash_index, an_empty_one_finds_nothing_and_frees)
{
	make(1);
	cr_assert_eq(find(0), HASH_NONE);
	hash_index_free(&x);
}

Test(hash_index, buckets_are_as_many_as_objects_or_up_to_twice)
{
	for (uint32_t limit = 4; limit < 3000000; limit = limit * 3 / 2) {
		cr_assert_geq(hash_index_bytes(limit), limit * sizeof(uint32_t));
		cr_assert_lt(hash_index_bytes(limit), 2 * limit * sizeof(uint32_t));
	}
}

Test(hash_index, chains_are_short_for_keys_that_follow_each_other)
{
	uint32_t longest = 0;

	make(THINGS);
	for (uint32_t i = 0; i < THINGS; i++) {
		o[i].key = (uint64_t)i << 32;
		hash_index_add(&x, i, hash_of(o[i].key));
	}
	for (uint32_t b = 0; b <= x.mask; b++) {
		uint32_t n = 0;
		for (uint32_t i = x.bucket[b]; i != HASH_NONE; i = o[i].link.next)
			n++;
		longest = n > longest ? n : longest;
	}
	cr_assert_leq(longest, 10);
	hash_index_free(&x);
}

// Against a naive list: the flags of the things themselves.
Test(hash_index, agrees_with_a_list_under_random_changes)
{
	for (unsigned round = 0; round < 20; round++) {
		srand(round);
		make(THINGS);
		memset(o, 0, sizeof(o));
		for (unsigned i = 0; i < THINGS; i++)
			o[i].key = i * 65536u;
		for (unsigned step = 0; step < 30000; step++) {
			uint32_t i = (uint32_t)rand() % THINGS;
			bool grow = rand() % 100 < (step / 6000 % 2 ? 30 : 70);
			cr_assert_eq(find(o[i].key), o[i].in ? i : HASH_NONE);
			if (o[i].in != grow && grow)
				hash_index_add(&x, i, hash_of(o[i].key));
			else if (o[i].in != grow)
				hash_index_remove(&x, i, hash_of(o[i].key));
			o[i].in = grow;
		}
		for (unsigned i = 0; i < THINGS; i++)
			cr_assert_eq(find(o[i].key), o[i].in ? i : HASH_NONE);
		hash_index_free(&x);
	}
}
