#include "shared/hash_table.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct thing {
	uint64_t key;
	struct hash_link link; // not first: HASH_OBJECT has something to do
	bool in;
	unsigned visits;
};

static uint64_t hash_of(const struct hash_table *t, uint64_t key)
{
	uint64_t words[2] = {key, 0};

	return hash_table_hash(t, words, 2);
}

static struct thing *find(const struct hash_table *t, uint64_t key)
{
	for (struct hash_link *l = hash_table_first(t, hash_of(t, key)); l;
		l = hash_table_next(l)) {
		struct thing *o = HASH_OBJECT(l, struct thing, link);
		if (o->key == key)
			return o;
	}
	return NULL;
}

static void add(struct hash_table *t, struct thing *o)
{
	cr_assert_eq(hash_table_add(t, &o->link, hash_of(t, o->key)), POI_OK);
	o->in = true;
}

Test(hash_table, an_empty_one_finds_nothing_and_frees)
{
	struct hash_table t;

	cr_assert_eq(hash_table_init(&t, 10), POI_OK);
	cr_assert_null(find(&t, 1));
	struct hash_cursor c = hash_table_all(&t);
	cr_assert_null(hash_cursor_next(&c));
	hash_table_free(&t);
}

Test(hash_table, two_have_different_keys)
{
	struct hash_table a, b;

	cr_assert_eq(hash_table_init(&a, 10), POI_OK);
	cr_assert_eq(hash_table_init(&b, 10), POI_OK);
	cr_assert_neq(hash_of(&a, 1), hash_of(&b, 1));
	hash_table_free(&a);
	hash_table_free(&b);
}

Test(hash_table, the_limit_holds)
{
	struct hash_table t;
	struct thing o[4] = {{.key = 1}, {.key = 2}, {.key = 3}, {.key = 4}};

	cr_assert_eq(hash_table_init(&t, 3), POI_OK);
	for (int i = 0; i < 3; i++)
		add(&t, &o[i]);
	cr_assert_eq(hash_table_add(&t, &o[3].link, hash_of(&t, 4)), POI_ERR_LIMIT);
	cr_assert_leq(t.room, hash_most_buckets(3));
	hash_table_remove(&t, &o[1].link);
	add(&t, &o[3]);
	cr_assert_null(find(&t, 2));
	cr_assert_eq(find(&t, 4), &o[3]);
	hash_table_free(&t);

	cr_assert_eq(hash_table_init(&t, 0), POI_OK);
	cr_assert_eq(hash_table_add(&t, &o[0].link, 1), POI_ERR_LIMIT);
	hash_table_free(&t);
}

Test(hash_table, objects_of_one_hash_are_told_apart)
{
	struct hash_table t;
	struct thing o[5] = {{.key = 1}, {.key = 2}, {.key = 3}, {.key = 4}, {.key = 5}};
	unsigned found = 0;

	cr_assert_eq(hash_table_init(&t, 10), POI_OK);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(hash_table_add(&t, &o[i].link, i < 4 ? 7 : 8), POI_OK);
	for (struct hash_link *l = hash_table_first(&t, 7); l; l = hash_table_next(l))
		found |= 1u << HASH_OBJECT(l, struct thing, link)->key;
	cr_assert_eq(found, 0x1e);
	hash_table_remove(&t, &o[2].link);
	found = 0;
	for (struct hash_link *l = hash_table_first(&t, 7); l; l = hash_table_next(l))
		found |= 1u << HASH_OBJECT(l, struct thing, link)->key;
	cr_assert_eq(found, 0x16);
	hash_table_free(&t);
}

Test(hash_table, one_takes_the_place_of_another)
{
	struct hash_table t;
	struct thing o[2] = {{.key = 1}, {.key = 1}};

	cr_assert_eq(hash_table_init(&t, 10), POI_OK);
	add(&t, &o[0]);
	hash_table_replace(&t, &o[0].link, &o[1].link);
	cr_assert_eq(find(&t, 1), &o[1]);
	cr_assert_eq(t.n, 1);
	hash_table_remove(&t, &o[1].link);
	cr_assert_null(find(&t, 1));
	hash_table_free(&t);
}

// Chains stay short whatever the keys' pattern: what an ADMF's or a stranger's counter gives.
Test(hash_table, chains_are_short_for_keys_that_follow_each_other)
{
	struct hash_table t;
	static struct thing o[100000];
	uint32_t longest = 0;

	cr_assert_eq(hash_table_init(&t, 100000), POI_OK);
	for (uint64_t i = 0; i < 100000; i++) {
		o[i].key = i << 32;
		add(&t, &o[i]);
	}
	for (uint32_t b = 0; b < t.buckets; b++) {
		uint32_t n = 0;
		for (const struct hash_link *l = t.bucket[b]; l; l = l->next)
			n++;
		longest = n > longest ? n : longest;
	}
	cr_assert_eq(t.buckets, 150000);
	cr_assert_leq(longest, 14);
	hash_table_free(&t);
}

#define THINGS 3000

// Every object once, those removed while walking included.
static void check_walk(struct hash_table *t, struct thing *o, bool remove)
{
	struct hash_cursor c = hash_table_all(t);
	uint32_t n = t->n, seen = 0;

	for (unsigned i = 0; i < THINGS; i++)
		o[i].visits = 0;
	for (struct hash_link *l; (l = hash_cursor_next(&c)); seen++) {
		struct thing *at = HASH_OBJECT(l, struct thing, link);
		cr_assert(at->in);
		at->visits++;
		if (remove && at->key / 65536 % 2) {
			hash_table_remove(t, l);
			memset(l, 0xee, sizeof(*l)); // as if it were freed
			at->in = false;
		}
	}
	cr_assert_eq(seen, n);
	for (unsigned i = 0; i < THINGS; i++)
		cr_assert_leq(o[i].visits, 1);
}

// Against a naive list: the flags of the things themselves.
Test(hash_table, agrees_with_a_list_under_random_changes)
{
	static struct thing o[THINGS];

	for (unsigned round = 0; round < 20; round++) {
		struct hash_table t;
		uint32_t limit = round % 4 ? THINGS : 1 + (uint32_t)rand() % THINGS, in = 0;

		srand(round);
		cr_assert_eq(hash_table_init(&t, limit), POI_OK);
		memset(o, 0, sizeof(o));
		for (unsigned i = 0; i < THINGS; i++)
			o[i].key = i * 65536u;
		for (unsigned step = 0; step < 30000; step++) {
			struct thing *at = &o[rand() % THINGS];
			bool grow = rand() % 100 < (step / 6000 % 2 ? 30 : 70);
			cr_assert_eq(find(&t, at->key), at->in ? at : NULL);
			if (!at->in && grow) {
				int rc = hash_table_add(&t, &at->link, hash_of(&t, at->key));
				cr_assert_eq(rc, in < limit ? POI_OK : POI_ERR_LIMIT);
				at->in = rc == POI_OK;
				in += at->in;
			} else if (at->in && !grow) {
				hash_table_remove(&t, &at->link);
				at->in = false;
				in--;
			}
			cr_assert_eq(t.n, in);
			cr_assert_leq(t.room, hash_most_buckets(limit));
		}
		check_walk(&t, o, false);
		check_walk(&t, o, true);
		for (unsigned i = 0; i < THINGS; i++)
			cr_assert_eq(find(&t, o[i].key), o[i].in ? &o[i] : NULL);
		hash_table_free(&t);
	}
}
