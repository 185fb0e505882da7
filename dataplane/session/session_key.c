// Makes the keys by which sessions and selectors are indexed.

#include "dataplane/session/session_key_internal.h"

#include <ctype.h>
#include <string.h>

#define IMEI14 0xffffffffffffff00ull // the first 14 digits

uint8_t protocol_of(enum session_kind kind)
{
	return kind == KIND_PFCP ? 0 : kind == KIND_RADIUS ? 2 : kind == KIND_EVENT ? 3 : 1;
}

uint64_t key_seid(const struct sessions *st, enum key_kind kind, uint8_t protocol,
	const struct ip_address *address, uint64_t seid)
{
	uint8_t octets[26] = {protocol};

	memcpy(octets + 1, &seid, 8);
	if (address) {
		octets[9] = address->family;
		memcpy(octets + 10, address->b, 16);
	}
	return session_hash(st->s.seed, (uint8_t)kind, octets, address ? 26 : 9);
}

uint64_t key_number(const struct sessions *st, enum key_kind kind, uint64_t value)
{
	if (kind == KEY_IMEI)
		value &= IMEI14;
	return session_hash(st->s.seed, (uint8_t)kind, &value, sizeof(value));
}

// NAI: the realm without case.
uint64_t key_text(const struct sessions *st, enum key_kind kind, const void *octets, size_t length)
{
	uint8_t folded[SESSION_NAI_MAX];

	if (kind != KEY_NAI || length > sizeof(folded))
		return session_hash(st->s.seed, (uint8_t)kind, octets, length);
	memcpy(folded, octets, length);
	const uint8_t *realm = memchr(folded, '@', length);
	for (size_t i = realm ? (size_t)(realm - folded) : length; i < length; i++)
		folded[i] = (uint8_t)tolower(folded[i]);
	return session_hash(st->s.seed, (uint8_t)kind, folded, length);
}

static unsigned seid_keys(
	const struct sessions *st, const struct f_seid *f, uint8_t protocol, bool up, uint64_t *out)
{
	enum key_kind at = up ? KEY_UP : KEY_CP, alone = up ? KEY_UP_SEID : KEY_CP_SEID;
	unsigned n = 0;

	if (!f->present)
		return 0;
	if (f->v4.family)
		out[n++] = key_seid(st, at, protocol, &f->v4, f->seid);
	if (f->v6.family)
		out[n++] = key_seid(st, at, protocol, &f->v6, f->seid);
	if (protocol == 0)
		out[n++] = key_seid(st, alone, protocol, NULL, f->seid);
	return n;
}

unsigned session_keys(const struct sessions *st, const struct rules *r, uint64_t *out)
{
	// F-SEIDs of events are those of N4: a task by F-SEID finds them under the same key.
	uint8_t protocol = protocol_of(r->kind == KIND_EVENT ? KIND_PFCP : r->kind);
	unsigned n = seid_keys(st, &r->cp, protocol, false, out);

	n += seid_keys(st, &r->up, protocol, true, out + n);
	if (r->imsi != SESSION_ABSENT)
		out[n++] = key_number(st, KEY_IMSI, r->imsi);
	if (r->msisdn != SESSION_ABSENT)
		out[n++] = key_number(st, KEY_MSISDN, r->msisdn);
	if (r->imei != SESSION_ABSENT)
		out[n++] = key_number(st, KEY_IMEI, r->imei);
	if (r->nai_length)
		out[n++] = key_text(st, KEY_NAI, r->nai, r->nai_length);
	if (r->name_length)
		out[n++] = key_text(st, KEY_NAME, r->name, r->name_length);
	return n;
}

uint64_t selector_hash(const struct sessions *st, enum session_kind kind, const struct selector *w)
{
	uint8_t octets[28] = {kind, w->kind, w->role, w->prefix.family, w->prefix.length};

	memcpy(octets + 8, &w->teid, 4);
	memcpy(octets + 12, w->prefix.b, 16);
	return session_hash(st->s.seed, KEY_SELECTOR, octets, sizeof(octets));
}

static bool same_address(const struct ip_address *a, const struct ip_address *b)
{
	return a->family == b->family && memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool seid_at(const struct f_seid *f, const struct ip_address *a, uint64_t seid)
{
	return f->present && f->seid == seid &&
	       (same_address(&f->v4, a) || same_address(&f->v6, a));
}

uint32_t session_candidates(
	const struct session_index *x, uint64_t hash, uint32_t out[INDEX_RUN_MAX])
{
	struct index_cursor c = session_index_find(x, hash);
	uint32_t n = 0;

	for (uint32_t v; n < INDEX_RUN_MAX && (v = session_index_next(&c)) != SESSION_NONE;)
		out[n++] = v;
	return n;
}
