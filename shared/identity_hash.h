#pragma once

// Salted digests of identities, as a HashContext of TS 103 221-1 asks for them: H(salt || text).

#include <stddef.h>
#include <stdint.h>

// Octets. A salt of the standard has 8 at least.
#define IDENTITY_SALT_MIN 8
#define IDENTITY_SALT_MAX 64
#define IDENTITY_TEXT_MAX 256
#define IDENTITY_DIGEST_MAX 64
// Hash contexts that sessions are looked up under at a time: an algorithm, a salt and a kind of identity.
#define IDENTITY_CONTEXTS_MAX 16

// The numbers are those of the encoded session target.
enum identity_hash_algorithm { IDENTITY_SHA_256 = 1, IDENTITY_SHA_512, IDENTITY_SHA3_512 };

struct identity_hash;

// Octets of a digest; 0 for an algorithm that is none.
size_t identity_hash_size(uint8_t algorithm);
// The algorithm of that name ("sha-256", "sha-512", "sha3-512"); 0 when there is none.
uint8_t identity_hash_algorithm(const char *name);

// The caller's to free with identity_hash_free; one thread's. NULL when out of memory, or for an
// algorithm or a salt out of bounds.
struct identity_hash *identity_hash_new(uint8_t algorithm, const void *salt, size_t salt_length);
void identity_hash_free(struct identity_hash *h); // clears the salt
// Writes the digest, with zeros behind it. 0, TOO_LARGE for a text beyond IDENTITY_TEXT_MAX, or NOMEM
// when the library fails; then `out` is all zeros.
[[nodiscard]] int identity_hash_of(struct identity_hash *h, const void *text, size_t length,
	uint8_t out[IDENTITY_DIGEST_MAX]);
