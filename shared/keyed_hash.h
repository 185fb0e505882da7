#pragma once

// Hashes keys that strangers choose: flows, datagrams, identifiers of a peer. Both factors of each
// product hold a secret, so a stranger cannot choose where keys fall, and no pair of keys always
// falls together.

#include <stddef.h>
#include <stdint.h>

static inline uint64_t keyed_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

// Hashes `n` words, an even number. The upper half is the better one.
static inline uint64_t keyed_hash(const uint64_t seed[2], const uint64_t *words, size_t n)
{
	uint64_t h = seed[0];

	for (size_t i = 0; i < n; i += 2)
		h = keyed_fold(words[i] ^ seed[1], words[i + 1] ^ h) + seed[0];
	return keyed_fold(h ^ seed[0], seed[1]);
}
