#pragma once

// SHA-256 over a stream of bytes, which both ends of the channel compare after a STATE_GET, and
// over bytes at hand.

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32

struct digest;

struct digest *digest_new(void); // started and empty; NULL when out of memory
void digest_add(struct digest *d, const void *octets, size_t length);
// The digest of everything added; afterwards `d` is empty again and can be used once more. A
// library failure anywhere on the way yields all zeros, which equals no digest of the other side.
void digest_end(struct digest *d, uint8_t out[DIGEST_SIZE]);
void digest_free(struct digest *d);

// The digest of bytes at hand. 0 or NOMEM.
[[nodiscard]] int digest_of(const void *octets, size_t length, uint8_t out[DIGEST_SIZE]);
