#pragma once

// Hashed identities. A hash context is what targets of one algorithm, salt and kind of identity
// share; while a target names it, every session is indexed by its identity's digests under it. The
// clear value is never learnt: a target is found as its digest, as a clear one is by its value.

#include "dataplane/session/session_subscription_internal.h"

// A subscription that needs another waits for one to end; X1 refuses its task before.
#define HASH_CONTEXTS_MAX ((uint32_t)IDENTITY_CONTEXTS_MAX)
#define HASHED_TEXTS_MAX 2u   // forms of one identity: an NAI whose realm is written in capitals

struct hash_context {
	struct session_hashed of; // without a digest
	struct identity_hash *hash;
	uint64_t number; // never used twice
	uint32_t refs;
	// All sessions are in `index`; else sessions_walk has to look at all of them for a new target.
	bool complete;
	bool missed; // there was no memory for one of them
	struct session_index index;
};
struct hash_contexts {
	struct hash_context *context[HASH_CONTEXTS_MAX];
	uint32_t n;
	uint64_t numbers; // given
};
struct hash_contexts *hash_contexts_new(struct sessions *st);
void hash_contexts_free(struct sessions *st);

// The context of a target, with one more reference; NULL without memory or room for another.
struct hash_context *hash_context_take(struct sessions *st, const struct session_hashed *h);
void hash_context_drop(struct sessions *st, struct hash_context *c); // NULL allowed

bool hashed_matches(struct hash_context *c, const struct session_hashed *h, const struct rules *r);
uint64_t hashed_key(
	const struct sessions *st, const struct hash_context *c, const uint8_t *digest);
// The keys of a session under one context; how many.
unsigned hashed_keys_under(const struct sessions *st, struct hash_context *c, const struct rules *r,
	uint64_t out[HASHED_TEXTS_MAX]);
// The keys of a session under all contexts. Out has HASHED_KEYS_MAX.
#define HASHED_KEYS_MAX (HASH_CONTEXTS_MAX * HASHED_TEXTS_MAX)
unsigned hashed_keys(struct sessions *st, const struct rules *r, uint64_t *out);

// The indexes (session_hashed_index.c).
// The session begins (`old` NULL), changes or ends (`new` NULL): the contexts' indexes follow. Flags
// it where a target has its digest.
void hashed_change(
	struct sessions *st, struct session *s, const struct rules *old, const struct rules *new);
// sessions_walk looks at the session for contexts that are not complete: indexes it, and marks it
// where a target has its digest.
void hashed_look(struct sessions *st, struct session *s);
void hashed_looked_at_all(struct sessions *st);
