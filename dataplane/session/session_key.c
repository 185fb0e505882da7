#include "dataplane/session/session_internal.h"

#include <ctype.h>
#include <string.h>

#define IMEI14 0xffffffffffffff00ull // the first 14 digits

static uint8_t protocol_of(enum session_kind kind)
{
	return kind == KIND_PFCP ? 0 : kind == KIND_RADIUS ? 2 : 1;
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
	uint8_t protocol = protocol_of(r->kind);
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

uint64_t way_hash(const struct sessions *st, enum session_kind kind, const struct way *w)
{
	uint8_t octets[28] = {kind, w->way, w->role, w->prefix.family, w->prefix.length};

	memcpy(octets + 8, &w->teid, 4);
	memcpy(octets + 12, w->prefix.b, 16);
	return session_hash(st->s.seed, KEY_WAY, octets, sizeof(octets));
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

struct session *session_by_seid(struct sessions *st, bool up, enum session_kind kind,
	const struct ip_address *address, uint64_t seid, const struct session *but)
{
	struct session *waiting = NULL; // whose establishment may never have been accepted
	uint32_t found[INDEX_RUN_MAX], except = but ? but->number : SESSION_NONE;
	uint32_t n = session_candidates(&st->index,
		key_seid(st, up ? KEY_UP : KEY_CP, protocol_of(kind), address, seid), found);

	for (uint32_t i = 0; i < n; i++) {
		struct session *s = found[i] == except ? NULL : session_at(st, found[i]);
		if (!s || protocol_of(s->kind) != protocol_of(kind))
			continue;
		record_unpack(s, st->rules[1]);
		if (!seid_at(up ? &st->rules[1]->up : &st->rules[1]->cp, address, seid))
			continue;
		if (s->flags & (SESSION_SETTLED | SESSION_PARTIAL))
			return s;
		waiting = waiting && session_is_newer(waiting, s) ? waiting : s;
	}
	return waiting;
}

// What a node is known as by now: it may have been joined with another since the session came.
static bool is_node(const struct sessions *st, uint32_t number, uint32_t node)
{
	for (const struct session_string *s;
		number != node && (s = string_get(st, number)) && s->value != SESSION_NONE;)
		number = s->value;
	return number == node;
}

static bool between(
	const struct sessions *st, const struct session *s, uint32_t node, uint32_t other)
{
	const struct pair *p = pair_at(st, s->pair);

	return (is_node(st, p->node[0], node) && is_node(st, p->node[1], other)) ||
	       (is_node(st, p->node[0], other) && is_node(st, p->node[1], node));
}

struct session *session_by_up_seid(
	struct sessions *st, uint32_t node, uint32_t other, uint64_t seid)
{
	uint64_t key = key_seid(st, KEY_UP_SEID, protocol_of(KIND_PFCP), NULL, seid);
	uint32_t found[INDEX_RUN_MAX], only = SESSION_NONE;
	uint32_t n = session_candidates(&st->index, key, found);

	if (node == SESSION_NONE || other == SESSION_NONE || session_index_crowded(&st->index, key))
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		struct session *s = session_at(st, found[i]);
		if (!s || s->kind != KIND_PFCP || !between(st, s, node, other))
			continue;
		record_unpack(s, st->rules[1]);
		if (!st->rules[1]->up.present || st->rules[1]->up.seid != seid)
			continue;
		if (only != SESSION_NONE)
			return NULL;
		only = s->number;
	}
	return session_at(st, only);
}
