#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

// A 16-octet identifier: XID, DID, ProductID, X1TransactionID (UUIDs, octets in textual order), or
// the fingerprint that stands for a network element's identifier on the channel.
struct id16 {
	uint8_t b[16];
};

#define ID_TEXT_SIZE 37 // 36 characters and the terminating zero

// Parses the lower-case 8-4-4-4-12 form (TS 103 280 UUID pattern). `length` octets of `text` must be
// exactly the UUID. Version and variant are not looked at: see id_is_v4.
[[nodiscard]] int id_parse(const char *text, size_t length, struct id16 *out);

// Writes the canonical text and a terminating zero into `out`.
void id_format(const struct id16 *id, char out[ID_TEXT_SIZE]);

bool id_equal(const struct id16 *a, const struct id16 *b);
bool id_is_zero(const struct id16 *id);
bool id_is_v4(const struct id16 *id); // RFC 4122 version 4, variant 1

// A fresh random version 4 UUID. Aborts if the system has no randomness (start-up only matter).
struct id16 id_random(void);

// First 16 octets of SHA-256 over the network element's identifier: the same in both processes
// without any agreement, so a recovery needs no table of handles.
struct id16 id_of_ne(const char *ne_identifier);
