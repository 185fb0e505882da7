#pragma once

// Seals and opens octets with AES-256-GCM, draws random octets and derives keys: all that files on
// disk need of a cipher. The one place for it; no other file of the sealed store and the spool uses
// OpenSSL.

#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

#define AEAD_KEY_SIZE 32
#define AEAD_SALT_SIZE 16
#define AEAD_TAG_SIZE 16

struct aead; // one thread at a time

// The key and number that seal a piece of text. The same `key` must never meet the same `number`
// twice.
struct aead_record {
	const uint8_t *key; // AEAD_KEY_SIZE bytes
	uint64_t number;    // the nonce
	const void *bound;  // authenticated with the text, not part of it
	size_t bound_size;
	size_t size; // bytes of the text
};

// Returns NULL without memory, or where the system's OpenSSL has no AES-256-GCM.
struct aead *aead_new(void);
void aead_free(struct aead *a); // NULL allowed

// Writes r->size bytes of ciphertext and the tag behind them. 0 or INVALID.
[[nodiscard]] int aead_seal(
	struct aead *a, const struct aead_record *r, const uint8_t *text, uint8_t *sealed);
// Reads what aead_seal wrote. 0, or INVALID when anything of it was changed: `text` is then of no
// use.
[[nodiscard]] int aead_open(
	struct aead *a, const struct aead_record *r, const uint8_t *sealed, uint8_t *text);

// Fills `out` with random bytes. 0 or IO.
[[nodiscard]] int aead_random(void *out, size_t size);
// Reads a root key from an open file: the digest of 16 to 4096 bytes. 0 or IO.
[[nodiscard]] int aead_read_root(int fd, uint8_t root[AEAD_KEY_SIZE]);
// Derives the key of one use (`label`, at most 15 characters) and one salt from a root key. 0 or
// INVALID.
[[nodiscard]] int aead_derive(const uint8_t root[AEAD_KEY_SIZE], const char *label,
	const uint8_t salt[AEAD_SALT_SIZE], uint8_t key[AEAD_KEY_SIZE]);
