#include "dataplane/functions/subjects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#define NAMES 200

static uint32_t state = 1;

static uint32_t any(uint32_t below)
{
	state = state * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(state >> 8) * below >> 24);
}

struct model { // of one name
	struct subject *o;
	char imsi[16];
	uint32_t tree_length;
	uint8_t tree[64];
};

static struct subject_name name_of(unsigned i, char *text)
{
	sprintf(text, "name-%u", i / 4);
	return (struct subject_name){.function = (uint16_t)(i & 1),
		.records = i & 2 ? RECORDS_SMF : RECORDS_AMF,
		.length = (uint16_t)strlen(text),
		.text = text};
}

static struct identities identities_of(struct model *m)
{
	struct identities of = {0};

	sprintf(m->imsi, "00101%010u", any(20)); // many of one user
	identities_add(&of, IDENTITY_IMSI, m->imsi, 15);
	identities_add(&of, IDENTITY_NAI, "same@example.org", 16);
	if (any(2))
		of.cp = (struct nf_seid){.seid = any(20), .v4 = {4, {192, 0, 2, 1}}};
	return of;
}

static void put(struct subjects *s, unsigned i, struct model *m)
{
	char text[32];
	const struct subject_name name = name_of(i, text);
	const struct identities of = identities_of(m);

	m->tree_length = any(sizeof(m->tree));
	for (uint32_t k = 0; k < m->tree_length; k++)
		m->tree[k] = (uint8_t)any(256);
	const struct subject_content c = {&of, m->tree, m->tree_length};
	cr_assert_eq(subjects_find(s, &name), m->o);
	if (m->o)
		cr_assert_eq(subjects_change(s, m->o, &c), POI_OK);
	else
		cr_assert_eq(subjects_add(s, &name, &c, &m->o), POI_OK);
}

static bool found_by_imsi(const struct subjects *s, const struct subject *o, const char *imsi)
{
	struct identities of = {0};
	struct subject_cursor c = {0};
	uint64_t keys[KEYS_MAX];

	identities_add(&of, IDENTITY_IMSI, imsi, 15);
	cr_assert_eq(identity_keys(subjects_seed(s), &of, keys), 1);
	for (struct subject *found; (found = subjects_next(s, keys[0], &c)) != NULL;)
		if (found == o)
			return true;
	return false;
}

static void check(const struct subjects *s, const struct model *m)
{
	struct identities of = {0};
	uint32_t length;
	const uint8_t *tree = subject_tree(m->o, &length);

	cr_assert_eq(length, m->tree_length);
	cr_assert(memcmp(tree, m->tree, length) == 0);
	subject_identities(m->o, &of);
	cr_assert_eq(of.n, 2);
	cr_assert(memcmp(of.at[0].text, m->imsi, 15) == 0);
	cr_assert(found_by_imsi(s, m->o, m->imsi));
	cr_assert_not(found_by_imsi(s, m->o, "001019999999999"));
}

Test(subjects, a_table_agrees_with_its_model)
{
	struct subjects *s = subjects_new(&(struct subjects_settings){1 << 20, 2});
	static struct model m[NAMES];
	uint32_t sessions, registrations, n = 0;
	uint64_t octets;

	for (unsigned turn = 0; turn < 20000; turn++) {
		const unsigned i = any(NAMES);
		if (any(3) == 0 && m[i].o) {
			subjects_remove(s, m[i].o);
			m[i].o = NULL;
		} else {
			put(s, i, &m[i]);
		}
		const unsigned k = any(NAMES);
		if (m[k].o)
			check(s, &m[k]);
	}
	// All have the same NAI.
	struct identities shared = {0};
	struct subject_cursor c = {0};
	uint64_t keys[KEYS_MAX];
	uint32_t of_nai = 0;
	identities_add(&shared, IDENTITY_NAI, "same@EXAMPLE.org", 16);
	(void)identity_keys(subjects_seed(s), &shared, keys);
	while (subjects_next(s, keys[0], &c))
		of_nai++;
	struct hash_cursor all = subjects_all(s);
	while (subjects_all_next(&all))
		n++;
	cr_assert_eq(of_nai, n);
	subjects_counts(s, &sessions, &registrations, &octets);
	cr_assert_eq(sessions + registrations, n);
	uint32_t of_lists = 0;
	for (uint16_t f = 0; f < 2; f++)
		for (struct subject *o = subjects_first(s, f); o; o = subject_after(o))
			of_lists++;
	cr_assert_eq(of_lists, n);
	for (unsigned i = 0; i < NAMES; i++)
		if (m[i].o)
			subjects_remove(s, m[i].o);
	subjects_counts(s, &sessions, &registrations, &octets);
	cr_assert_eq(sessions + registrations, 0);
	cr_assert_eq(octets, 0);
	subjects_free(s);
}

Test(subjects, one_that_is_held_lives_on_without_its_name)
{
	struct subjects *s = subjects_new(&(struct subjects_settings){1 << 20, 1});
	const struct subject_name name = {.records = RECORDS_SMF, .length = 1, .text = "a"};
	struct identities of = {0}, again = {0};
	struct subject *o, *other;
	uint32_t sessions, registrations;
	uint64_t octets;

	identities_add(&of, IDENTITY_MSISDN, "15550001", 8);
	const struct subject_content c = {.identities = &of};
	cr_assert_eq(subjects_add(s, &name, &c, &o), POI_OK);
	(void)subject_hold(o);
	cr_assert_not(subject_last(o));
	subjects_remove(s, o);
	subjects_remove(s, o); // once is enough
	cr_assert(subject_last(o));
	cr_assert_null(subjects_find(s, &name));
	subject_identities(o, &again);
	cr_assert_eq(again.n, 1);
	cr_assert_eq(subjects_add(s, &name, &c, &other), POI_OK);
	cr_assert_neq(o, other);
	subject_drop(s, o);
	subjects_remove(s, other);
	subjects_counts(s, &sessions, &registrations, &octets);
	cr_assert_eq(octets, 0);
	subject_drop(s, NULL);
	cr_assert_not(subject_last(NULL));
	subjects_free(s);
}

Test(subjects, memory_is_bounded)
{
	struct subjects *s = subjects_new(&(struct subjects_settings){2000, 1});
	const struct identities none = {0};
	static const uint8_t tree[1500];
	struct subject_name name = {.records = RECORDS_SMSF, .length = 1, .text = "a"};
	struct subject *o, *more;
	uint32_t sessions, registrations;
	uint64_t octets;

	cr_assert_eq(
		subjects_add(s, &name, &(struct subject_content){&none, tree, 800}, &o), POI_OK);
	cr_assert_eq(subjects_first_message(s), o);
	cr_assert_null(subjects_first(s, 0));
	name.text = "b";
	cr_assert_eq(subjects_add(s, &name, &(struct subject_content){&none, tree, 1500}, &more),
		POI_ERR_LIMIT);
	cr_assert_null(subjects_find(s, &name));
	cr_assert_eq(
		subjects_change(s, o, &(struct subject_content){&none, tree, 1500}), POI_ERR_LIMIT);
	uint32_t length;
	(void)subject_tree(o, &length);
	cr_assert_eq(length, 800);
	subjects_counts(s, &sessions, &registrations, &octets);
	cr_assert_leq(octets, 2000);
	subjects_free(s);
}

#define SERIES 200000u

// A series of devices that share an IMEI makes nothing slow: with a list in the index this takes
// minutes.
Test(subjects, many_of_one_identity_take_no_time, .timeout = 20)
{
	struct subjects *s = subjects_new(&(struct subjects_settings){1ull << 30, 1});
	struct subject **o = calloc(SERIES, sizeof(struct subject *));
	struct identities of = {0};
	uint32_t sessions, registrations;
	uint64_t octets;
	char text[32], imsi[16];

	for (uint32_t i = 0; i < SERIES; i++) {
		sprintf(text, "s%u", i);
		sprintf(imsi, "00101%010u", i);
		of.n = 0;
		identities_add(&of, IDENTITY_IMEI, "35349006987331", 14);
		identities_add(&of, IDENTITY_IMSI, imsi, 15);
		const struct subject_name name = {
			.records = RECORDS_SMF, .length = (uint16_t)strlen(text), .text = text};
		cr_assert_eq(
			subjects_add(s, &name, &(struct subject_content){.identities = &of}, &o[i]),
			POI_OK);
	}
	for (uint32_t i = 0; i < SERIES; i++)
		subjects_remove(s, o[(i * 7919u) % SERIES]);
	subjects_counts(s, &sessions, &registrations, &octets);
	cr_assert_eq(octets, 0);
	free(o);
	subjects_free(s);
}

// Adds sessions of one function until there is no room; how many.
static unsigned fill(struct subjects *s, uint16_t function)
{
	static const uint8_t tree[64];
	struct model m;
	unsigned n = 0;

	for (;; n++) {
		char text[32];
		sprintf(text, "full-%u", n);
		const struct subject_name name = {.function = function,
			.records = RECORDS_SMF,
			.length = (uint16_t)strlen(text),
			.text = text};
		const struct identities of = identities_of(&m);
		const struct subject_content c = {&of, tree, sizeof(tree)};
		struct subject *o;
		if (subjects_add(s, &name, &c, &o) != POI_OK)
			return n;
	}
}

Test(subjects, one_function_leaves_room_for_the_others)
{
	struct subjects *s =
		subjects_new(&(struct subjects_settings){.memory = 1 << 20, .n_functions = 2});
	unsigned first = fill(s, 0), second = fill(s, 1);

	cr_assert_gt(second, 500, "%u and %u", first, second);
	cr_assert_gt(first, 2 * second, "what is not kept for the others is anybody's");
	while (subjects_first(s, 0))
		subjects_remove(s, subjects_first(s, 0));
	cr_assert_gt(fill(s, 1), second);
	subjects_free(s);
}
