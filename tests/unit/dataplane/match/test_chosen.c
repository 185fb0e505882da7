// Keys chosen to fall together: under hashes that any sender can compute (DPDK's CRC and jhash),
// and under arithmetic whose secret cancels out. None of it makes a list long.

#include <criterion/criterion.h>
#include <rte_hash_crc.h>
#include <rte_jhash.h>
#include <stdlib.h>
#include <string.h>

#include "shared/keyed_hash.h"
#include "dataplane/match/table_index.h"
#include "shared/wire.h"

#define KEYS 4096u
#define LONGEST 16u // of 4,096 keys thrown into 4,096 lists at random: 14 once in 10 million times
#define SEEDS 20u

static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void spread(const char *name, const uint64_t (*words)[6])
{
	static uint32_t list[KEYS];
	uint64_t state = 1;

	for (unsigned s = 0; s < SEEDS; s++) {
		uint64_t seed[2] = {next(&state), next(&state)};
		memset(list, 0, sizeof(list));
		for (unsigned i = 0; i < KEYS; i++) {
			uint32_t at = (uint32_t)(keyed_hash(seed, words[i], 6) >> 32) % KEYS;
			cr_assert_lt(++list[at], LONGEST, "%s, seed %u", name, s);
		}
	}
}

Test(chosen, flows)
{
	static uint64_t words[KEYS][6];
	static const uint64_t constants[] = {
		0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u, 0xff51afd7ed558ccdu, 31, 0x100000001b3u};

	for (unsigned shift = 0; shift <= 48; shift += 16) {
		for (unsigned w = 0; w < 6; w++) {
			memset(words, 0, sizeof(words));
			for (unsigned i = 0; i < KEYS; i++)
				words[i][w] = (uint64_t)i << shift;
			spread("counted", words);
			for (unsigned i = 0; i < KEYS; i++) // both ends at once
				words[i][w ^ 1] = (uint64_t)i << shift;
			spread("counted twice", words);
			for (unsigned i = 0; i < KEYS; i++) // a sum that stays
				words[i][w ^ 1] = ~words[i][w];
			spread("complement", words);
		}
	}
	// Each word undoes what a known factor makes of the word before.
	for (unsigned c = 0; c < sizeof(constants) / sizeof(*constants); c++) {
		for (unsigned w = 0; w < 5; w++) {
			memset(words, 0, sizeof(words));
			for (unsigned i = 0; i < KEYS; i++) {
				words[i][w] = 0x20010db800000000u + i;
				words[i][w + 1] = keyed_fold(words[i][w], constants[c]);
			}
			spread("undone", words);
			for (unsigned i = 0; i < KEYS; i++)
				words[i][w + 1] = words[i][w] * constants[c];
			spread("multiplied", words);
		}
	}
}

static void index_spread(const char *name, const struct rule *all)
{
	uint64_t state = 2;

	for (unsigned s = 0; s < SEEDS; s++) {
		struct seeds seeds = {next(&state), next(&state) | 1};
		const struct rule **rules = malloc(KEYS * sizeof(*rules));
		for (unsigned i = 0; i < KEYS; i++)
			rules[i] = &all[i];
		struct index *x = index_build(&seeds, rules, KEYS);
		cr_assert_not_null(x);
		for (uint32_t b = 0; b < 1u << (64 - x->shift); b++)
			cr_assert_lt(
				x->start[b + 1] - x->start[b], LONGEST, "%s, seed %u", name, s);
		index_free(x);
	}
}

enum adversary { CRC, JHASH, NETWORK, GUESS, ADVERSARIES };

// The index's own key, with a guess at the secret.
static uint64_t guess(enum anchor kind, const uint8_t *key)
{
	static const struct seeds s = {0, 1};

	switch (kind) {
	case ANCHOR_PREFIX6:
		return key_finish(&s, hash_v6(&s, key), kind, 128);
	case ANCHOR_MAC:
		return key_finish(&s, hash_mix(&s, load_mac(key), 0), kind, 0);
	default:
		return key_finish(
			&s, hash_v4(&s, wire_load32(key)), kind, kind == ANCHOR_TEID ? 0 : 32);
	}
}

static bool falls_together(enum adversary who, enum anchor kind, const uint8_t *key)
{
	size_t n = kind == ANCHOR_PREFIX6 ? 16 : kind == ANCHOR_MAC ? 6 : 4;

	switch (who) {
	case GUESS:
		return guess(kind, key) >> 52 == 0;
	case CRC:
		return (rte_hash_crc(key, (uint32_t)n, 0) & (KEYS - 1)) == 0;
	case JHASH:
		return (rte_jhash(key, (uint32_t)n, 0) & (KEYS - 1)) == 0;
	default:
		return (key[n - 1] | (key[n - 2] & 15)) == 0; // one octet of the host part, ever
	}
}

Test(chosen, targets, .timeout = 60)
{
	static struct rule v4[KEYS], v6[KEYS], teid[KEYS], mac[KEYS];
	static const char *const names[] = {"CRC", "jhash", "networks", "a guess"};

	for (enum adversary who = 0; who < ADVERSARIES; who++) {
		uint64_t state = who;
		memset(v4, 0, sizeof(v4));
		memset(v6, 0, sizeof(v6));
		memset(teid, 0, sizeof(teid));
		memset(mac, 0, sizeof(mac));
		for (uint32_t i = 0, value = 0; i < KEYS; value++) {
			uint8_t key[4];
			wire_store32(key, value);
			if (!falls_together(who, ANCHOR_PREFIX4, key))
				continue;
			v4[i].filter = (struct filter){.kinds = FILTER_ADDRESS, .n_address = 1};
			v4[i].filter.address[0] = (struct ip_prefix){.family = 4, .length = 32};
			memcpy(v4[i].filter.address[0].b, key, 4);
			i++;
		}
		for (uint32_t i = 0, value = 0; i < KEYS; value++) {
			uint8_t key[4];
			wire_store32(key, value);
			if (falls_together(who, ANCHOR_TEID, key))
				teid[i++].filter =
					(struct filter){.kinds = FILTER_TEID, .teid = value};
		}
		for (uint32_t i = 0; i < KEYS;) {
			uint64_t key[2] = {next(&state), next(&state)};
			if (!falls_together(who, ANCHOR_PREFIX6, (const uint8_t *)key))
				continue;
			v6[i].filter = (struct filter){.kinds = FILTER_ADDRESS, .n_address = 1};
			v6[i].filter.address[0] = (struct ip_prefix){.family = 6, .length = 128};
			memcpy(v6[i].filter.address[0].b, key, 16);
			i++;
		}
		for (uint32_t i = 0; i < KEYS;) {
			uint64_t key = next(&state);
			if (!falls_together(who, ANCHOR_MAC, (const uint8_t *)&key))
				continue;
			mac[i].filter = (struct filter){.kinds = FILTER_MAC, .n_mac = 1};
			memcpy(mac[i].filter.mac[0], &key, 6);
			i++;
		}
		index_spread(names[who], v4);
		index_spread(names[who], v6);
		index_spread(names[who], teid);
		index_spread(names[who], mac);
	}
}
