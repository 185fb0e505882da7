#pragma once

// An append-only file of sealed records (AES-256-GCM), for data that may be put on disk only
// encrypted: the optional store of tasks and the optional spool. Each opening starts a session with
// a key of its own (derived from the root key and a fresh salt), so no nonce is ever used twice,
// whatever a crash left behind. Records are bound to their place: one that was changed, moved or
// removed from the middle does not open. A cut tail looks like a crash.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

#define SEALED_FILE_KEY_SIZE 32
#define SEALED_FILE_RECORD_MAX (1024 * 1024)

struct sealed_file;

// A root key from a file of mode 0600 or stricter (at least 16 octets; hashed). 0, IO or DENIED.
[[nodiscard]] int sealed_file_key_read(const char *file, uint8_t root[SEALED_FILE_KEY_SIZE]);

// Called for each record, in order; a negative result ends the reading with that error.
typedef int (*sealed_file_each)(void *context, const uint8_t *record, size_t length);

// Opens or creates `file` (mode 0600), hands every whole record to `each`, cuts off a torn tail and
// begins a new session. On failure NULL and *error: IO; DENIED when the first record of the file
// does not open with this key; SYNTAX when the file is none of ours; INVALID when a record in the
// middle was tampered with; or the error of `each`. `root` may be wiped afterwards.
struct sealed_file *sealed_file_open(const char *file, const uint8_t root[SEALED_FILE_KEY_SIZE], sealed_file_each each,
	void *context, int *error);
// Syncs and closes.
void sealed_file_close(struct sealed_file *s);

// Appends one record (1 to SEALED_FILE_RECORD_MAX octets). 0, TOO_LARGE, or IO: then nothing of it is in
// the file, and earlier records are unharmed.
[[nodiscard]] int sealed_file_append(struct sealed_file *s, const uint8_t *record, size_t length);
// Everything appended is on disk. 0 or IO.
[[nodiscard]] int sealed_file_sync(struct sealed_file *s);
uint64_t sealed_file_size(const struct sealed_file *s); // octets of the file

// Replaces the whole content: a new empty file aside, which is appended to and synced like the other, and is
// removed with sealed_file_close; NULL: it cannot be made. `replace` makes it the file (fsync, rename, fsync of
// the folder) and frees `aside`. On failure the old file stays as it was.
struct sealed_file *sealed_file_aside(const struct sealed_file *s);
[[nodiscard]] int sealed_file_replace(struct sealed_file *s, struct sealed_file *aside);
