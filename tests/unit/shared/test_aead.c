#include "shared/aead.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const uint8_t zero[64];

static int unhex(const char *text, uint8_t *out)
{
	int n = 0;

	for (unsigned v; sscanf(text, "%2x", &v) == 1; text += 2)
		out[n++] = (uint8_t)v;
	return n;
}

// Test cases 13 and 14 of the GCM specification (McGrew and Viega): key, nonce and text of zeros.
Test(aead, seals_as_the_published_test_vectors_say)
{
	struct aead *a = aead_new();
	struct aead_record r = {.key = zero, .number = 0};
	uint8_t sealed[16 + AEAD_TAG_SIZE], expected[16 + AEAD_TAG_SIZE];

	cr_assert_not_null(a);
	cr_assert_eq(unhex("530f8afbc74536b9a963b4f1c4cb738b", expected), AEAD_TAG_SIZE);
	cr_assert_eq(aead_seal(a, &r, zero, sealed), POI_OK);
	cr_assert_arr_eq(sealed, expected, AEAD_TAG_SIZE);
	r.size = 16;
	cr_assert_eq(unhex("cea7403d4d606b6e074ec5d3baf39d18"
			   "d0d1c8a799996bf0265b98b5d48ab919",
			     expected),
		32);
	cr_assert_eq(aead_seal(a, &r, zero, sealed), POI_OK);
	cr_assert_arr_eq(sealed, expected, sizeof(expected));
	aead_free(a);
}

Test(aead, opens_only_what_was_sealed_that_way)
{
	uint8_t key[AEAD_KEY_SIZE], other[AEAD_KEY_SIZE], sealed[100 + AEAD_TAG_SIZE], text[100],
		back[100];
	struct aead *a = aead_new();
	struct aead_record r = {
		.key = key, .number = 7, .bound = "place", .bound_size = 5, .size = sizeof(text)};

	cr_assert_eq(aead_random(key, sizeof(key)), POI_OK);
	cr_assert_eq(aead_random(other, sizeof(other)), POI_OK);
	cr_assert_arr_neq(key, other, sizeof(key));
	memset(text, 'x', sizeof(text));
	cr_assert_eq(aead_seal(a, &r, text, sealed), POI_OK);
	cr_assert_eq(aead_open(a, &r, sealed, back), POI_OK);
	cr_assert_arr_eq(back, text, sizeof(text));
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 1;
		cr_assert_eq(aead_open(a, &r, sealed, back), POI_ERR_INVALID, "byte %zu", i);
		sealed[i] ^= 1;
	}
	r.number = 8;
	cr_assert_eq(aead_open(a, &r, sealed, back), POI_ERR_INVALID);
	r.number = 7;
	r.bound = "plane";
	cr_assert_eq(aead_open(a, &r, sealed, back), POI_ERR_INVALID);
	r.bound = "place";
	r.key = other;
	cr_assert_eq(aead_open(a, &r, sealed, back), POI_ERR_INVALID);
	r.key = key;
	cr_assert_eq(aead_open(a, &r, sealed, back), POI_OK);
	aead_free(a);
}

// The file formats of store and spool rest on it: `openssl dgst -sha256 -mac HMAC` over label and
// salt.
Test(aead, derives_keys_by_hmac_of_label_and_salt)
{
	uint8_t key[AEAD_KEY_SIZE], expected[AEAD_KEY_SIZE], root[AEAD_KEY_SIZE],
		salt[AEAD_SALT_SIZE];

	memset(root, 0x0b, sizeof(root));
	memset(salt, 0x53, sizeof(salt));
	unhex("d66a53f92a2fc8301f7be52ec569a36a769f427682e45b75008b4daa4f770467", expected);
	cr_assert_eq(aead_derive(root, "spool", salt, key), POI_OK);
	cr_assert_arr_eq(key, expected, sizeof(key));
	cr_assert_eq(aead_derive(root, "sealed", salt, key), POI_OK);
	cr_assert_arr_neq(key, expected, sizeof(key));
	cr_assert_eq(aead_derive(root, "a label that is far too long", salt, key), POI_ERR_INVALID);
}

static int root_of(const char *text, uint8_t root[AEAD_KEY_SIZE])
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
	close(ends[1]);
	int rc = aead_read_root(ends[0], root);
	close(ends[0]);
	return rc;
}

Test(aead, a_root_key_is_the_digest_of_at_least_16_bytes)
{
	uint8_t root[AEAD_KEY_SIZE], expected[AEAD_KEY_SIZE];

	unhex("9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f", expected);
	cr_assert_eq(root_of("0123456789abcdef", root), POI_OK);
	cr_assert_arr_eq(root, expected, sizeof(root));
	cr_assert_eq(root_of("0123456789abcde", root), POI_ERR_IO);
}
