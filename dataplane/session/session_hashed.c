// Keeps the contexts of hashed targets, and hashes the identities of sessions under them.

#include "dataplane/session/session_hashed_internal.h"

#include <ctype.h>
#include <string.h>

#include "dataplane/session/session_key_internal.h"

#define DIGITS_MAX 16u
#define IMEI_DIGITS 14u

// ---- which text is hashed ----

struct texts {
	char text[HASHED_TEXTS_MAX][SESSION_NAI_MAX];
	size_t length[HASHED_TEXTS_MAX];
	unsigned n;
};

static size_t digits(uint64_t packed, char *out)
{
	size_t n = 0;

	for (; n < DIGITS_MAX; n++) {
		uint8_t nibble = (uint8_t)(packed >> (60 - 4 * n) & 0xf);
		if (nibble > 9)
			break;
		out[n] = (char)('0' + nibble);
	}
	return n;
}

static void add_number(struct texts *t, uint64_t packed)
{
	t->length[0] = packed == SESSION_ABSENT ? 0 : digits(packed, t->text[0]);
	t->n = t->length[0] > 0;
}

// Whichever form of the equipment's identity signalling shows.
static void add_imei(struct texts *t, uint64_t packed, uint8_t form)
{
	size_t least = form == HASHED_IMEISV ? DIGITS_MAX : IMEI_DIGITS;

	add_number(t, packed);
	if (t->n == 0 || t->length[0] < least) {
		t->n = 0;
		return;
	}
	t->length[0] = least;
	if (form == HASHED_IMEI_CHECKED) {
		t->text[0][IMEI_DIGITS] = session_imei_check_digit(t->text[0]);
		t->length[0]++;
	}
}

// As it is shown, and with its realm in lower case: the realm's case does not count.
static void add_nai(struct texts *t, const struct rules *r)
{
	const size_t n = r->nai_length;

	if (n == 0)
		return;
	memcpy(t->text[0], r->nai, n);
	memcpy(t->text[1], r->nai, n);
	const char *realm = memchr(t->text[1], '@', n);
	for (size_t i = realm ? (size_t)(realm - t->text[1]) : n; i < n; i++)
		t->text[1][i] = (char)tolower((unsigned char)t->text[1][i]);
	t->length[0] = t->length[1] = n;
	t->n = memcmp(t->text[0], t->text[1], n) == 0 ? 1 : 2;
}

static void texts_of(uint8_t identity, const struct rules *r, struct texts *out)
{
	out->n = 0;
	switch (identity) {
	case HASHED_IMSI:
		add_number(out, r->imsi);
		break;
	case HASHED_MSISDN:
		add_number(out, r->msisdn);
		break;
	case HASHED_NAI:
		add_nai(out, r);
		break;
	default:
		add_imei(out, r->imei, identity);
		break;
	}
}

// ---- digests ----

struct digests {
	uint8_t digest[HASHED_TEXTS_MAX][IDENTITY_DIGEST_MAX];
	unsigned n;
};

// A digest that the library refuses is none: the context is not complete without it.
static void digests_of(struct hash_context *c, const struct rules *r, struct digests *out)
{
	struct texts t;

	out->n = 0;
	texts_of(c->of.identity, r, &t);
	for (unsigned i = 0; i < t.n; i++) {
		if (identity_hash_of(c->hash, t.text[i], t.length[i], out->digest[out->n])) {
			c->missed = true;
			c->complete = false;
		} else {
			out->n++;
		}
	}
}

bool hashed_matches(struct hash_context *c, const struct session_hashed *h, const struct rules *r)
{
	struct digests d;

	digests_of(c, r, &d);
	for (unsigned i = 0; i < d.n; i++)
		if (memcmp(d.digest[i], h->digest, identity_hash_size(h->algorithm)) == 0)
			return true;
	return false;
}

uint64_t hashed_key(const struct sessions *st, const struct hash_context *c, const uint8_t *digest)
{
	uint8_t octets[8 + 16]; // of a digest 16 are enough to index by

	memcpy(octets, &c->number, 8);
	memcpy(octets + 8, digest, 16);
	return session_hash(st->s.seed, KEY_HASHED, octets, sizeof(octets));
}

unsigned hashed_keys_under(const struct sessions *st, struct hash_context *c, const struct rules *r,
	uint64_t out[HASHED_TEXTS_MAX])
{
	struct digests d;

	digests_of(c, r, &d);
	for (unsigned i = 0; i < d.n; i++)
		out[i] = hashed_key(st, c, d.digest[i]);
	return d.n;
}

unsigned hashed_keys(struct sessions *st, const struct rules *r, uint64_t *out)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < st->hashes->n; i++)
		n += hashed_keys_under(st, st->hashes->context[i], r, out + n);
	return n;
}

// ---- contexts ----

static bool same_context(const struct session_hashed *a, const struct session_hashed *b)
{
	return a->identity == b->identity && a->algorithm == b->algorithm &&
	       a->salt_length == b->salt_length && memcmp(a->salt, b->salt, a->salt_length) == 0;
}

struct hash_context *hash_context_take(struct sessions *st, const struct session_hashed *h)
{
	struct hash_contexts *all = st->hashes;

	for (uint32_t i = 0; i < all->n; i++)
		if (same_context(&all->context[i]->of, h)) {
			all->context[i]->refs++;
			return all->context[i];
		}
	if (all->n == HASH_CONTEXTS_MAX)
		return NULL;
	struct hash_context *c = session_alloc(&st->memory, sizeof(*c));
	if (!c)
		return NULL;
	c->hash = identity_hash_new(h->algorithm, h->salt, h->salt_length);
	if (!c->hash) {
		session_release(&st->memory, c);
		return NULL;
	}
	c->of = *h;
	memset(c->of.digest, 0, sizeof(c->of.digest));
	c->number = ++all->numbers;
	c->refs = 1;
	c->complete = session_table_end(&st->sessions) == 0;
	all->context[all->n++] = c;
	return c;
}

static void context_free(struct sessions *st, struct hash_context *c)
{
	session_index_free(&c->index, &st->memory);
	identity_hash_free(c->hash);
	explicit_bzero(&c->of, sizeof(c->of));
	session_release(&st->memory, c);
}

void hash_context_drop(struct sessions *st, struct hash_context *c)
{
	struct hash_contexts *all = st->hashes;
	uint32_t at = 0;

	if (!c || --c->refs > 0)
		return;
	while (all->context[at] != c)
		at++;
	all->context[at] = all->context[--all->n];
	context_free(st, c);
}

struct hash_contexts *hash_contexts_new(struct sessions *st)
{
	return session_alloc(&st->memory, sizeof(struct hash_contexts));
}

void hash_contexts_free(struct sessions *st)
{
	struct hash_contexts *all = st->hashes;

	if (!all)
		return;
	for (uint32_t i = 0; i < all->n; i++)
		context_free(st, all->context[i]);
	session_release(&st->memory, all);
}
