// Wraps OpenSSL's AES-256-GCM, random numbers and HMAC for what is kept on disk.
#include "shared/aead.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "shared/digest.h"
#include "shared/wire.h"

#define NONCE_SIZE 12
#define LABEL_MAX 15
#define ROOT_MIN 16
#define ROOT_MAX 4096

struct aead {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *context;
};

struct aead *aead_new(void)
{
	struct aead *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	a->context = EVP_CIPHER_CTX_new();
	if (a->cipher && a->context)
		return a;
	aead_free(a);
	return NULL;
}

void aead_free(struct aead *a)
{
	if (!a)
		return;
	EVP_CIPHER_CTX_free(a->context); // wipes the key
	EVP_CIPHER_free(a->cipher);
	free(a);
}

// Begins a record: key and nonce are set, what is bound is read.
static bool begin(struct aead *a, const struct aead_record *r, bool seal)
{
	uint8_t nonce[NONCE_SIZE] = {0};
	int n;

	if (r->size > INT_MAX || r->bound_size > INT_MAX)
		return false;
	wire_store64(nonce + NONCE_SIZE - sizeof(uint64_t), r->number);
	return EVP_CipherInit_ex2(a->context, a->cipher, r->key, nonce, seal, NULL) == 1 &&
	       EVP_CipherUpdate(a->context, NULL, &n, r->bound, (int)r->bound_size) == 1;
}

int aead_seal(struct aead *a, const struct aead_record *r, const uint8_t *text, uint8_t *sealed)
{
	int n;
	bool ok = begin(a, r, true) &&
		  EVP_CipherUpdate(a->context, sealed, &n, text, (int)r->size) == 1 &&
		  EVP_CipherFinal_ex(a->context, sealed + r->size, &n) == 1 &&
		  EVP_CIPHER_CTX_ctrl(
			  a->context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_SIZE, sealed + r->size) == 1;

	return ok ? POI_OK : POI_ERR_INVALID;
}

int aead_open(struct aead *a, const struct aead_record *r, const uint8_t *sealed, uint8_t *text)
{
	uint8_t tag[AEAD_TAG_SIZE];
	int n;

	if (!begin(a, r, false))
		return POI_ERR_INVALID;
	memcpy(tag, sealed + r->size, sizeof(tag));
	bool ok = EVP_CipherUpdate(a->context, text, &n, sealed, (int)r->size) == 1 &&
		  EVP_CIPHER_CTX_ctrl(a->context, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_SIZE, tag) == 1 &&
		  EVP_CipherFinal_ex(a->context, text + r->size, &n) == 1;

	return ok ? POI_OK : POI_ERR_INVALID;
}

int aead_random(void *out, size_t size)
{
	return size <= INT_MAX && RAND_bytes(out, (int)size) == 1 ? POI_OK : POI_ERR_IO;
}

int aead_read_root(int fd, uint8_t root[AEAD_KEY_SIZE])
{
	uint8_t octets[ROOT_MAX];
	ssize_t got = read(fd, octets, sizeof(octets));
	bool ok = got >= ROOT_MIN && digest_of(octets, (size_t)got, root) == POI_OK;

	explicit_bzero(octets, sizeof(octets));
	return ok ? POI_OK : POI_ERR_IO;
}

int aead_derive(const uint8_t root[AEAD_KEY_SIZE], const char *label,
	const uint8_t salt[AEAD_SALT_SIZE], uint8_t key[AEAD_KEY_SIZE])
{
	uint8_t input[LABEL_MAX + AEAD_SALT_SIZE];
	size_t length = strlen(label);
	unsigned n = AEAD_KEY_SIZE;

	if (length > LABEL_MAX)
		return POI_ERR_INVALID;
	memcpy(input, label, length); // NOLINT(bugprone-not-null-terminated-result): no string
	memcpy(input + length, salt, AEAD_SALT_SIZE);
	return HMAC(EVP_sha256(), root, AEAD_KEY_SIZE, input, length + AEAD_SALT_SIZE, key, &n)
		       ? POI_OK
		       : POI_ERR_INVALID;
}
