#pragma once

// Memory with a bound, tables from indexes to pointers, and the index from keyed hashes to indexes.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSION_NONE UINT32_MAX

struct session_memory {
	uint64_t used, max;
	uint64_t fixed; // of used: what the store itself takes
	uint64_t kept;	// of max: for what tasks need, however much is signalled
	bool for_tasks;
};
void *session_alloc(struct session_memory *m, size_t size); // zeroed; NULL beyond the bound
void session_release(struct session_memory *m, void *p);

// Indexes for pointers, the lowest free last used first.
struct session_table {
	void ***chunk;
	uint32_t n_chunks, fresh, live, free; // free: list through the chunks
};
uint32_t session_table_add(struct session_table *t, struct session_memory *m, void *p);
void *session_table_get(const struct session_table *t, uint32_t i); // NULL when not there
void session_table_remove(struct session_table *t, struct session_memory *m, uint32_t i);
void session_table_free(struct session_table *t, struct session_memory *m);
#define session_table_end(t) ((t)->fresh)

// From keyed hashes to indexes; the same hash may stand for many. It grows by segments, so that no
// message waits for a large table to be copied. Callers verify what they find.
#define INDEX_SEGMENTS 1024u
#define INDEX_RUN_MAX 256u // indexes of one hash; beyond that the hash is `crowded`

struct index_segment {
	struct index_slot {
		uint32_t tag, value; // value SESSION_NONE: empty
	} * slot;
	uint32_t capacity, n;
};
struct session_index {
	struct index_segment segment[INDEX_SEGMENTS];
	uint64_t *crowded; // hashes that stand for more than are indexed; for ever
	uint32_t n_crowded;
	bool all_crowded;
};
struct index_cursor {
	const struct index_segment *segment;
	uint32_t at, tag;
};
enum index_added { INDEX_ADDED, INDEX_CROWDED, INDEX_NO_MEMORY };
enum index_added session_index_add(
	struct session_index *x, struct session_memory *m, uint64_t hash, uint32_t value);
bool session_index_remove(
	struct session_index *x, struct session_memory *m, uint64_t hash, uint32_t value);
struct index_cursor session_index_find(const struct session_index *x, uint64_t hash);
uint32_t session_index_next(struct index_cursor *c); // SESSION_NONE at the end
bool session_index_has(const struct session_index *x, uint64_t hash, uint32_t value);
bool session_index_crowded(const struct session_index *x, uint64_t hash);
void session_index_free(struct session_index *x, struct session_memory *m);

uint64_t session_hash(const uint64_t seed[2], uint8_t kind, const void *octets, size_t length);

// Makes room for `n` entries of `size` bytes, out of what is kept for tasks. False without memory.
bool array_room(struct session_memory *m, void **array, uint32_t *have, uint32_t n, size_t size);
