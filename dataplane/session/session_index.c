// The index of the store: from keyed hashes to indexes, within a bound of memory.
//
// Not the shared hash table: an entry is 8 bytes and no link in an object, for a session is in it
// under some 20 keys; one hash may stand for many sessions; a segment grows by itself, so that no
// message waits for a million entries; and its memory is the store's.

#include "dataplane/session/session_table_internal.h"

#include <string.h>

#define CAPACITY_MIN 8u
#define CROWDED_MAX 4096u

// ---- SipHash-1-3 (Aumasson and Bernstein): any sender of signalling can choose keys ----

static inline uint64_t rotate(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t session_hash(const uint64_t seed[2], uint8_t kind, const void *octets, size_t length)
{
	const uint8_t *at = octets;
	uint64_t k1 = seed[1] ^ kind * 0x9e3779b97f4a7c15ull; // kinds are hashed apart
	uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575ull, k1 ^ 0x646f72616e646f6dull,
		seed[0] ^ 0x6c7967656e657261ull, k1 ^ 0x7465646279746573ull};
	uint64_t word, last = (uint64_t)length << 56;

	for (; length >= 8; length -= 8, at += 8) {
		memcpy(&word, at, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < length; i++)
		last |= (uint64_t)at[i] << 8 * i;
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

// ---- the index: open addressing in each segment, removal without marks ----

static uint32_t home(const struct index_segment *g, uint32_t tag)
{
	return tag & (g->capacity - 1);
}

static struct index_segment *segment_of(const struct session_index *x, uint64_t hash)
{
	return (struct index_segment *)&x->segment[hash >> 54];
}

static void put(struct index_segment *g, struct index_slot s)
{
	uint32_t at = home(g, s.tag);

	while (g->slot[at].value != SESSION_NONE)
		at = (at + 1) & (g->capacity - 1);
	g->slot[at] = s;
	g->n++;
}

static bool resize(struct index_segment *g, struct session_memory *m, uint32_t capacity)
{
	struct index_segment old = *g;

	g->slot = session_alloc(m, capacity * sizeof(*g->slot));
	if (!g->slot) {
		*g = old;
		return false;
	}
	memset(g->slot, 0xff, capacity * sizeof(*g->slot));
	g->capacity = capacity;
	g->n = 0;
	for (uint32_t i = 0; i < old.capacity; i++)
		if (old.slot[i].value != SESSION_NONE)
			put(g, old.slot[i]);
	session_release(m, old.slot);
	return true;
}

bool session_index_crowded(const struct session_index *x, uint64_t hash)
{
	for (uint32_t i = 0; i < x->n_crowded; i++)
		if (x->crowded[i] == hash)
			return true;
	return x->all_crowded;
}

static void note_crowded(struct session_index *x, struct session_memory *m, uint64_t hash)
{
	if (session_index_crowded(x, hash))
		return;
	if (!x->crowded)
		x->crowded = session_alloc(m, CROWDED_MAX * sizeof(*x->crowded));
	if (!x->crowded || x->n_crowded == CROWDED_MAX)
		x->all_crowded = true;
	else
		x->crowded[x->n_crowded++] = hash;
}

enum index_added session_index_add(
	struct session_index *x, struct session_memory *m, uint64_t hash, uint32_t value)
{
	struct index_segment *g = segment_of(x, hash);
	uint32_t n = 0;

	for (struct index_cursor c = session_index_find(x, hash);
		session_index_next(&c) != SESSION_NONE;)
		n++;
	if (n >= INDEX_RUN_MAX) {
		note_crowded(x, m, hash);
		return INDEX_CROWDED;
	}
	if (g->n * 4 >= g->capacity * 3 &&
		!resize(g, m, g->capacity ? g->capacity * 2 : CAPACITY_MIN))
		return INDEX_NO_MEMORY;
	put(g, (struct index_slot){(uint32_t)hash, value});
	return INDEX_ADDED;
}

bool session_index_remove(
	struct session_index *x, struct session_memory *m, uint64_t hash, uint32_t value)
{
	struct index_segment *g = segment_of(x, hash);
	struct index_cursor c = session_index_find(x, hash);

	for (uint32_t found; (found = session_index_next(&c)) != value;)
		if (found == SESSION_NONE)
			return false;
	uint32_t mask = g->capacity - 1, hole = (c.at - 1) & mask;
	for (uint32_t at = (hole + 1) & mask; g->slot[at].value != SESSION_NONE;
		at = (at + 1) & mask) {
		// what lies between its home and here must not be parted by the hole
		if (((at - home(g, g->slot[at].tag)) & mask) >= ((at - hole) & mask)) {
			g->slot[hole] = g->slot[at];
			hole = at;
		}
	}
	g->slot[hole].value = SESSION_NONE;
	if (--g->n == 0) {
		session_release(m, g->slot);
		*g = (struct index_segment){};
	}
	return true;
}

struct index_cursor session_index_find(const struct session_index *x, uint64_t hash)
{
	const struct index_segment *g = segment_of(x, hash);
	uint32_t tag = (uint32_t)hash;

	return (struct index_cursor){
		.segment = g, .tag = tag, .at = g->capacity ? home(g, tag) : 0};
}

uint32_t session_index_next(struct index_cursor *c)
{
	const struct index_segment *g = c->segment;

	if (g->capacity == 0)
		return SESSION_NONE;
	for (;;) {
		const struct index_slot *s = &g->slot[c->at];
		if (s->value == SESSION_NONE)
			return SESSION_NONE;
		c->at = (c->at + 1) & (g->capacity - 1);
		if (s->tag == c->tag)
			return s->value;
	}
}

bool session_index_has(const struct session_index *x, uint64_t hash, uint32_t value)
{
	struct index_cursor c = session_index_find(x, hash);

	for (uint32_t found; (found = session_index_next(&c)) != SESSION_NONE;)
		if (found == value)
			return true;
	return false;
}

void session_index_free(struct session_index *x, struct session_memory *m)
{
	for (uint32_t i = 0; i < INDEX_SEGMENTS; i++)
		session_release(m, x->segment[i].slot);
	session_release(m, x->crowded);
	memset(x, 0, sizeof(*x));
}
