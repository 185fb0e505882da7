// Compares identities of records with targets of tasks, and makes the keys that they are found by.

#include "dataplane/functions/identity.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "shared/keyed_hash.h"

#define IMEI_DIGITS 14u
#define KEY_SEID 0x100u
#define KEY_DIGEST 0x200u
#define KEY_WORDS (2 + (SESSION_NAI_MAX + 8) / 8)

static bool same(const struct identity *a, const struct identity *b)
{
	return a->kind == b->kind && a->length == b->length &&
	       memcmp(a->text, b->text, a->length) == 0;
}

static void add(struct identities *to, const struct identity *i)
{
	const uint32_t most = i->kind == IDENTITY_NAI ? SESSION_NAI_MAX : SESSION_DIGITS_MAX;

	if (i->length == 0 || i->length > most)
		return;
	for (unsigned k = 0; k < to->n; k++)
		if (same(&to->at[k], i)) {
			to->at[k].supi |= i->supi;
			return;
		}
	if (to->n < IDENTITIES_MAX)
		to->at[to->n++] = *i;
}

void identities_add(
	struct identities *to, enum identity_kind kind, const char *text, uint32_t length)
{
	if (length <= SESSION_NAI_MAX)
		add(to, &(struct identity){.kind = (uint8_t)kind,
				.length = (uint8_t)length,
				.supi = kind == IDENTITY_IMSI,
				.text = text});
}

void identities_add_supi(
	struct identities *to, enum identity_kind kind, const char *text, uint32_t length)
{
	if (length <= SESSION_NAI_MAX)
		add(to, &(struct identity){.kind = (uint8_t)kind,
				.length = (uint8_t)length,
				.supi = true,
				.text = text});
}

void identities_join(struct identities *to, const struct identities *from)
{
	for (unsigned i = 0; i < from->n; i++)
		add(to, &from->at[i]);
	if (!to->cp.v4.family && !to->cp.v6.family)
		to->cp = from->cp;
	if (!to->up.v4.family && !to->up.v6.family)
		to->up = from->up;
}

static bool has_supi(const struct identities *of)
{
	for (unsigned i = 0; i < of->n; i++)
		if (of->at[i].supi)
			return true;
	return false;
}

static bool is_device(const struct identity *i)
{
	return i->kind == IDENTITY_IMEI || i->kind == IDENTITY_IMEISV;
}

static bool same_kind(const struct identity *a, const struct identity *b)
{
	return a->kind == b->kind || (is_device(a) && is_device(b));
}

// A new version of a device's software is no other device.
static bool same_owner(const struct identity *a, const struct identity *b)
{
	if (is_device(a) && is_device(b))
		return a->length >= IMEI_DIGITS && b->length >= IMEI_DIGITS &&
		       memcmp(a->text, b->text, IMEI_DIGITS) == 0;
	return same(a, b);
}

bool identities_differ(const struct identities *a, const struct identities *b)
{
	const bool by_supi = has_supi(a) && has_supi(b);

	for (unsigned i = 0; i < a->n; i++)
		for (unsigned k = 0; k < b->n; k++)
			if (same_owner(&a->at[i], &b->at[k]) &&
				(!by_supi || (a->at[i].supi && b->at[k].supi)))
				return false;
	return a->n > 0 && b->n > 0;
}

bool identities_contradict(const struct identities *a, const struct identities *b)
{
	if (!identities_differ(a, b))
		return false;
	if (has_supi(a) && has_supi(b))
		return true;
	for (unsigned i = 0; i < a->n; i++)
		for (unsigned k = 0; k < b->n; k++)
			if (same_kind(&a->at[i], &b->at[k]))
				return true;
	return false;
}

// ---- targets ----

// The realm of a NAI has no case.
static bool same_nai(const char *a, const char *b, size_t length)
{
	const char *at = memchr(a, '@', length);
	size_t user = at ? (size_t)(at - a) : length;

	return memcmp(a, b, user) == 0 && strncasecmp(a + user, b + user, length - user) == 0;
}

static bool shows_text(const struct identities *by, enum identity_kind kind, const char *text)
{
	size_t length = strlen(text);

	for (unsigned i = 0; i < by->n; i++) {
		const struct identity *o = &by->at[i];
		if (o->kind != kind || o->length != length)
			continue;
		if (kind == IDENTITY_NAI ? same_nai(o->text, text, length)
					 : memcmp(o->text, text, length) == 0)
			return true;
	}
	return false;
}

// An IMEISV names the same equipment by its first 14 digits.
static bool shows_imei(const struct identities *by, const char *imei)
{
	for (unsigned i = 0; i < by->n; i++)
		if ((by->at[i].kind == IDENTITY_IMEI || by->at[i].kind == IDENTITY_IMEISV) &&
			memcmp(by->at[i].text, imei, IMEI_DIGITS) == 0)
			return true;
	return false;
}

static bool at_address(const struct ip_address *target, const struct ip_address *shown)
{
	return target->family && target->family == shown->family &&
	       memcmp(target->b, shown->b, sizeof(target->b)) == 0;
}

static bool shows_seid(const struct nf_seid *s, const struct session_target *t)
{
	if ((!s->v4.family && !s->v6.family) || s->seid != t->seid)
		return false;
	return (!t->seid_v4.family && !t->seid_v6.family) || at_address(&t->seid_v4, &s->v4) ||
	       at_address(&t->seid_v6, &s->v6);
}

static bool shows_digest(
	const struct identities *by, const struct session_hashed *h, struct identity_hash *digests)
{
	struct hashed_text text[HASHED_FORMS];
	uint8_t digest[IDENTITY_DIGEST_MAX];

	for (unsigned i = 0; digests && i < by->n; i++) {
		unsigned n = hashed_texts(h->identity, &by->at[i], text);
		for (unsigned k = 0; k < n; k++)
			if (identity_hash_of(digests, text[k].text, text[k].length, digest) == 0 &&
				memcmp(digest, h->digest, identity_hash_size(h->algorithm)) == 0)
				return true;
	}
	return false;
}

bool target_recordable(const struct session_target *t)
{
	return t->kinds && !(t->kinds & (SESSION_PDR | SESSION_QER | SESSION_NI));
}

bool target_shown(
	const struct session_target *t, const struct identities *by, struct identity_hash *digests)
{
	const uint16_t k = t->kinds;

	return (!(k & SESSION_FSEID) || shows_seid(&by->cp, t) || shows_seid(&by->up, t)) &&
	       (!(k & SESSION_IMSI) || shows_text(by, IDENTITY_IMSI, t->imsi)) &&
	       (!(k & SESSION_MSISDN) || shows_text(by, IDENTITY_MSISDN, t->msisdn)) &&
	       (!(k & SESSION_IMEI) || shows_imei(by, t->imei)) &&
	       (!(k & SESSION_IMEISV) || shows_text(by, IDENTITY_IMEISV, t->imeisv)) &&
	       (!(k & SESSION_NAI) || shows_text(by, IDENTITY_NAI, t->nai)) &&
	       (!(k & SESSION_HASHED) || shows_digest(by, &t->hashed, digests));
}

// ---- keys ----

static uint64_t key_of_text(
	const uint64_t seed[2], enum identity_kind kind, const char *text, size_t length)
{
	uint64_t words[KEY_WORDS] = {0};
	char folded[SESSION_NAI_MAX];

	if (kind == IDENTITY_IMEISV)
		kind = IDENTITY_IMEI;
	if (kind == IDENTITY_IMEI)
		length = IMEI_DIGITS;
	memcpy(folded, text, length);
	const char *realm = kind == IDENTITY_NAI ? memchr(text, '@', length) : NULL;
	for (size_t i = realm ? (size_t)(realm - text) : length; i < length; i++)
		folded[i] = (char)tolower((unsigned char)text[i]);
	words[0] = (uint64_t)kind << 16 | length;
	memcpy(words + 1, folded, length);
	size_t n = 1 + (length + 7) / 8;
	return keyed_hash(seed, words, n + n % 2);
}

static uint64_t key_of_seid(const uint64_t seed[2], uint64_t seid)
{
	const uint64_t words[2] = {KEY_SEID << 16, seid};

	return keyed_hash(seed, words, 2);
}

uint64_t key_of_digest(const uint64_t seed[2], uint32_t context, const uint8_t *digest)
{
	uint64_t words[4] = {KEY_DIGEST << 16, context};

	memcpy(words + 2, digest, 16); // of a digest 16 octets are enough to be found by
	return keyed_hash(seed, words, 4);
}

unsigned identity_keys(const uint64_t seed[2], const struct identities *of, uint64_t out[KEYS_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < of->n; i++)
		out[n++] = key_of_text(seed, of->at[i].kind, of->at[i].text, of->at[i].length);
	if (of->cp.v4.family || of->cp.v6.family)
		out[n++] = key_of_seid(seed, of->cp.seid);
	if (of->up.v4.family || of->up.v6.family)
		out[n++] = key_of_seid(seed, of->up.seid);
	return n;
}

bool target_key(const uint64_t seed[2], const struct session_target *t, uint64_t *out)
{
	if (t->kinds & SESSION_FSEID)
		*out = key_of_seid(seed, t->seid);
	else if (t->kinds & SESSION_IMSI)
		*out = key_of_text(seed, IDENTITY_IMSI, t->imsi, strlen(t->imsi));
	else if (t->kinds & SESSION_MSISDN)
		*out = key_of_text(seed, IDENTITY_MSISDN, t->msisdn, strlen(t->msisdn));
	else if (t->kinds & SESSION_NAI)
		*out = key_of_text(seed, IDENTITY_NAI, t->nai, strlen(t->nai));
	else if (t->kinds & SESSION_IMEISV)
		*out = key_of_text(seed, IDENTITY_IMEISV, t->imeisv, strlen(t->imeisv));
	else if (t->kinds & SESSION_IMEI)
		*out = key_of_text(seed, IDENTITY_IMEI, t->imei, strlen(t->imei));
	else
		return false;
	return true;
}

// ---- hashed identities ----

static bool has_form(uint8_t hashed_identity, uint8_t kind)
{
	switch (hashed_identity) {
	case HASHED_IMSI:
		return kind == IDENTITY_IMSI;
	case HASHED_MSISDN:
		return kind == IDENTITY_MSISDN;
	case HASHED_NAI:
		return kind == IDENTITY_NAI;
	case HASHED_IMEISV:
		return kind == IDENTITY_IMEISV;
	default:
		return kind == IDENTITY_IMEI || kind == IDENTITY_IMEISV;
	}
}

unsigned hashed_texts(
	uint8_t hashed_identity, const struct identity *of, struct hashed_text out[HASHED_FORMS])
{
	if (!has_form(hashed_identity, of->kind))
		return 0;
	for (unsigned i = 0; i < HASHED_FORMS; i++) {
		out[i].length = of->length;
		memcpy(out[i].text, of->text, of->length);
	}
	if (hashed_identity == HASHED_IMEI || hashed_identity == HASHED_IMEI_CHECKED)
		out[0].length = IMEI_DIGITS;
	if (hashed_identity == HASHED_IMEI_CHECKED)
		out[0].text[out[0].length++] = session_imei_check_digit(of->text);
	const char *realm = of->kind == IDENTITY_NAI ? memchr(of->text, '@', of->length) : NULL;
	if (!realm)
		return 1;
	for (size_t i = (size_t)(realm - of->text); i < of->length; i++)
		out[1].text[i] = (char)tolower((unsigned char)of->text[i]);
	return memcmp(out[0].text, out[1].text, of->length) == 0 ? 1 : 2;
}
