// Computes SHA-256 with OpenSSL.
#include "shared/digest.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>

#include "shared/error.h"

struct digest {
	EVP_MD_CTX *context;
	bool failed;
};

struct digest *digest_new(void)
{
	struct digest *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->context = EVP_MD_CTX_new();
	if (!d->context) {
		free(d);
		return NULL;
	}
	d->failed = EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) != 1;
	return d;
}

void digest_add(struct digest *d, const void *octets, size_t length)
{
	if (EVP_DigestUpdate(d->context, octets, length) != 1)
		d->failed = true;
}

void digest_end(struct digest *d, uint8_t out[DIGEST_SIZE])
{
	unsigned size = DIGEST_SIZE;

	if (d->failed || EVP_DigestFinal_ex(d->context, out, &size) != 1 || size != DIGEST_SIZE)
		memset(out, 0, DIGEST_SIZE);
	d->failed = EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) != 1;
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->context);
	free(d);
}

int digest_of(const void *octets, size_t length, uint8_t out[DIGEST_SIZE])
{
	unsigned size = DIGEST_SIZE;

	return EVP_Digest(octets, length, out, &size, EVP_sha256(), NULL) == 1 ? POI_OK
									       : POI_ERR_NOMEM;
}
