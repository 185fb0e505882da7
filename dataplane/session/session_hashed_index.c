// Indexes sessions by the digests of their identities, and marks those that hashed targets want.

#include "dataplane/session/session_hashed_internal.h"
#include "dataplane/session/session_unpack_internal.h"

#include <string.h>

static bool same_identity(uint8_t identity, const struct rules *a, const struct rules *b)
{
	switch (identity) {
	case HASHED_IMSI:
		return a->imsi == b->imsi;
	case HASHED_MSISDN:
		return a->msisdn == b->msisdn;
	case HASHED_NAI:
		return a->nai_length == b->nai_length && memcmp(a->nai, b->nai, a->nai_length) == 0;
	default:
		return a->imei == b->imei;
	}
}

static void enter(struct sessions *st, struct hash_context *c, struct session *s, uint64_t key)
{
	if (subscription_index_find(st, key))
		s->flags |= SESSION_HASHED_WANTED;
	if (!c->complete && session_index_has(&c->index, key, s->index))
		return;
	if (session_index_add(&c->index, &st->memory, key, s->index) != INDEX_NO_MEMORY)
		return;
	c->missed = true;
	c->complete = false;
}

void hashed_change(
	struct sessions *st, struct session *s, const struct rules *old, const struct rules *new)
{
	uint64_t key[HASHED_TEXTS_MAX];

	for (uint32_t i = 0; i < st->hashes->n; i++) {
		struct hash_context *c = st->hashes->context[i];
		if (old && new &&same_identity(c->of.identity, old, new))
			continue;
		unsigned n = old ? hashed_keys_under(st, c, old, key) : 0;
		for (unsigned k = 0; k < n; k++)
			session_index_remove(&c->index, &st->memory, key[k], s->index);
		n = new ? hashed_keys_under(st, c, new, key) : 0;
		for (unsigned k = 0; k < n; k++)
			enter(st, c, s, key[k]);
	}
}

static bool all_complete(const struct hash_contexts *all)
{
	bool complete = true;

	for (uint32_t i = 0; i < all->n; i++)
		complete = complete && all->context[i]->complete;
	return complete;
}

void hashed_look(struct sessions *st, struct session *s)
{
	uint64_t key[HASHED_TEXTS_MAX];

	if (all_complete(st->hashes))
		return;
	struct unpacked *u = unpack_open(st, s);
	for (uint32_t i = 0; i < st->hashes->n; i++) {
		struct hash_context *c = st->hashes->context[i];
		unsigned n = c->complete ? 0 : hashed_keys_under(st, c, &u->rules, key);
		for (unsigned k = 0; k < n; k++)
			enter(st, c, s, key[k]);
	}
	unpack_close(st, u);
	if (s->flags & SESSION_HASHED_WANTED)
		session_mark(st, s);
}

void hashed_looked_at_all(struct sessions *st)
{
	for (uint32_t i = 0; i < st->hashes->n; i++)
		st->hashes->context[i]->complete = !st->hashes->context[i]->missed;
}
