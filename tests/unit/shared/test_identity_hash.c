// Salted digests; `openssl dgst` is the judge.

#include "shared/identity_hash.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/error.h"

static void judge(const char *option, const void *octets, size_t length, char *out, size_t size)
{
	char file[] = "/tmp/identity-hash-XXXXXX", command[128];
	int fd = mkstemp(file);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, octets, length), (ssize_t)length);
	close(fd);
	snprintf(command, sizeof(command), "openssl dgst -r -%s %s", option, file);
	FILE *p = popen(command, "r");
	cr_assert_not_null(p);
	cr_assert_not_null(fgets(out, (int)size, p));
	cr_assert_eq(pclose(p), 0);
	unlink(file);
	out[strcspn(out, " ")] = 0;
}

static void hex(const uint8_t *octets, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", octets[i]);
}

static const struct {
	const char *name, *option;
	size_t size;
} algorithms[] = {
	{"sha-256", "sha256", 32}, {"sha-512", "sha512", 64}, {"sha3-512", "sha3-512", 64}};

Test(identity_hash, is_what_openssl_says)
{
	static const char *const texts[] = {
		"001010000021309", "491725670014", "user@example.org", ""};
	static const size_t salts[] = {8, 9, 55, IDENTITY_SALT_MAX};

	for (unsigned i = 0; i < 3; i++)
		for (unsigned j = 0; j < 4; j++) {
			uint8_t octets[512], digest[IDENTITY_DIGEST_MAX];
			char judged[256], ours[2 * IDENTITY_DIGEST_MAX + 1];
			for (unsigned k = 0; k < salts[j]; k++)
				octets[k] = (uint8_t)(k * 37 + i); // zeros and line ends among them
			uint8_t algorithm = identity_hash_algorithm(algorithms[i].name);
			cr_assert_eq(identity_hash_size(algorithm), algorithms[i].size);
			struct identity_hash *h = identity_hash_new(algorithm, octets, salts[j]);
			cr_assert_not_null(h);
			for (unsigned t = 0; t < 4; t++) { // one after the other with the same
				size_t n = strlen(texts[t]);
				memcpy(octets + salts[j], texts[t], n);
				judge(algorithms[i].option, octets, salts[j] + n, judged,
					sizeof(judged));
				cr_assert_eq(identity_hash_of(h, texts[t], n, digest), 0);
				hex(digest, algorithms[i].size, ours);
				cr_expect_str_eq(ours, judged);
				for (size_t k = algorithms[i].size; k < sizeof(digest); k++)
					cr_expect_eq(digest[k], 0);
			}
			identity_hash_free(h);
		}
}

Test(identity_hash, refuses_what_is_out_of_bounds)
{
	uint8_t octets[512] = {0}, digest[IDENTITY_DIGEST_MAX];

	cr_expect_eq(identity_hash_algorithm("sha-1"), 0);
	cr_expect_eq(identity_hash_algorithm("SHA-256"), 0);
	cr_expect_eq(identity_hash_algorithm(NULL), 0);
	cr_expect_eq(identity_hash_size(0), 0);
	cr_expect_eq(identity_hash_size(4), 0);
	cr_expect_null(identity_hash_new(0, octets, 8));
	cr_expect_null(identity_hash_new(IDENTITY_SHA_256, octets, IDENTITY_SALT_MIN - 1));
	cr_expect_null(identity_hash_new(IDENTITY_SHA_256, octets, IDENTITY_SALT_MAX + 1));
	struct identity_hash *h = identity_hash_new(IDENTITY_SHA_256, octets, 8);
	cr_assert_not_null(h);
	cr_expect_eq(identity_hash_of(h, octets, IDENTITY_TEXT_MAX + 1, digest), POI_ERR_TOO_LARGE);
	cr_expect_eq(identity_hash_of(h, octets, IDENTITY_TEXT_MAX, digest), 0);
	identity_hash_free(h);
	identity_hash_free(NULL);
}
