// Computes salted digests of identities with OpenSSL.
#include "shared/identity_hash.h"

#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "shared/error.h"

// The digest is fetched once. Salt and text are hashed in one piece: both fit one block or two, so
// a copied context with the salt in it would cost more than it saves.
struct identity_hash {
	EVP_MD *digest;
	EVP_MD_CTX *context;
	size_t salt_length;
	uint8_t octets[IDENTITY_SALT_MAX + IDENTITY_TEXT_MAX]; // the salt, then the text at hand
};

static const struct {
	const char *name, *library;
	uint8_t algorithm;
	uint8_t size;
} algorithms[] = {
	{"sha-256", "SHA256", IDENTITY_SHA_256, 32},
	{"sha-512", "SHA512", IDENTITY_SHA_512, 64},
	{"sha3-512", "SHA3-512", IDENTITY_SHA3_512, 64},
};
#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

size_t identity_hash_size(uint8_t algorithm)
{
	for (size_t i = 0; i < ALGORITHMS; i++)
		if (algorithms[i].algorithm == algorithm)
			return algorithms[i].size;
	return 0;
}

uint8_t identity_hash_algorithm(const char *name)
{
	for (size_t i = 0; name && i < ALGORITHMS; i++)
		if (!strcmp(algorithms[i].name, name))
			return algorithms[i].algorithm;
	return 0;
}

static EVP_MD *fetch(uint8_t algorithm)
{
	for (size_t i = 0; i < ALGORITHMS; i++)
		if (algorithms[i].algorithm == algorithm)
			return EVP_MD_fetch(NULL, algorithms[i].library, NULL);
	return NULL;
}

struct identity_hash *identity_hash_new(uint8_t algorithm, const void *salt, size_t salt_length)
{
	if (!identity_hash_size(algorithm) || salt_length < IDENTITY_SALT_MIN ||
		salt_length > IDENTITY_SALT_MAX)
		return NULL;
	struct identity_hash *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	memcpy(h->octets, salt, salt_length);
	h->salt_length = salt_length;
	h->digest = fetch(algorithm);
	h->context = EVP_MD_CTX_new();
	if (!h->digest || !h->context || EVP_DigestInit_ex2(h->context, h->digest, NULL) != 1) {
		identity_hash_free(h);
		return NULL;
	}
	return h;
}

void identity_hash_free(struct identity_hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->context);
	EVP_MD_free(h->digest);
	OPENSSL_cleanse(h, sizeof(*h));
	free(h);
}

int identity_hash_of(
	struct identity_hash *h, const void *text, size_t length, uint8_t out[IDENTITY_DIGEST_MAX])
{
	memset(out, 0, IDENTITY_DIGEST_MAX);
	if (length > IDENTITY_TEXT_MAX)
		return POI_ERR_TOO_LARGE;
	memcpy(h->octets + h->salt_length, text, length);
	if (EVP_DigestInit_ex2(h->context, NULL, NULL) == 1 &&
		EVP_DigestUpdate(h->context, h->octets, h->salt_length + length) == 1 &&
		EVP_DigestFinal_ex(h->context, out, NULL) == 1)
		return POI_OK;
	memset(out, 0, IDENTITY_DIGEST_MAX);
	return POI_ERR_NOMEM;
}
