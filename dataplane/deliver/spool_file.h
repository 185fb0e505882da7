#pragma once

// The format of a spool's file, and what can be told of one without its key: spool.c above
// spool_file.c.

#include "dataplane/deliver/spool.h"
#include "shared/aead.h"

// File: magic, the destination's creation, where reading goes on (struct places), then entries. An
// entry is a u32 and what follows it: SESSION and a salt, or the length of the sealed text, the
// block's number in its session, its copies, the sealed text and its tag. What seals a block is
// bound to the head of its entry and to the creation.
#define HEAD_SIZE 80u
#define PLACES_AT 16u
#define SESSION 0xffffffffu
#define SESSION_SIZE (4u + AEAD_SALT_SIZE)
#define BLOCK_HEAD 16u
#define BOUND_SIZE (BLOCK_HEAD + 8u)
#define COPY_SIZE 12u
#define TEXT_MIN (8u + COPY_SIZE)
#define TEXT_MAX (8u + SEGMENT_COPIES * COPY_SIZE + SEGMENT_SIZE)

struct place { // of an entry, and of the session whose key it has
	uint64_t at, session;
};

// As the file's head has them. [front_from, front_end) was written at a stop and belongs before
// what had been written before it: reading goes through it first, then from `main` to front_from,
// then on behind front_end. Both edges begin with a session's entry. front_end 0: no such part.
struct places {
	struct place head; // oldest block owed
	uint64_t front_from, front_end;
	struct place main;
	uint64_t skip_at; // of the block at this place `skip` copies are not owed any more
	uint32_t skip;
};

// All `n` octets at that offset. 0, IO, or AGAIN where the file ends before.
[[nodiscard]] int spool_file_read(int fd, uint8_t *octets, size_t n, uint64_t at);
// Writes what an empty file begins with. 0 or IO.
[[nodiscard]] int spool_file_begin(int fd, uint64_t creation);
[[nodiscard]] int spool_file_places_write(int fd, const struct places *p); // 0 or IO
// Reads the head of a file of `size` octets that was left behind. False: it is none of this version,
// or broken.
bool spool_file_head(int fd, uint64_t size, struct places *p, uint64_t *creation);
// Counts the copies that it owes, and where its last whole entry ends.
uint64_t spool_file_owed(int fd, const struct places *p, uint64_t size, uint64_t *end);
// The oldest block owed is of the part that was written at a stop.
bool spool_file_in_front(const struct places *p);
