// Finds the subscriptions that a session may satisfy, by the keys of their targets.

#include "dataplane/session/session_hashed_internal.h"
#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_string_internal.h"
#include "dataplane/session/session_subscription_internal.h"

#include <ctype.h>
#include <string.h>

#define IMEI14 0xffffffffffffff00ull

static bool address_in(const struct f_seid *f, const struct ip_address *a)
{
	const struct ip_address *own = a->family == 6 ? &f->v6 : &f->v4;

	return a->family && own->family && memcmp(own->b, a->b, sizeof(a->b)) == 0;
}

static bool seid_matches(const struct session_target *t, const struct f_seid *f)
{
	if (!f->present || f->seid != t->seid)
		return false;
	return (!t->seid_v4.family && !t->seid_v6.family) || address_in(f, &t->seid_v4) ||
	       address_in(f, &t->seid_v6);
}

static bool nai_matches(const char *nai, const struct rules *r)
{
	bool realm = false;

	if (strlen(nai) != r->nai_length)
		return false;
	for (unsigned i = 0; i < r->nai_length; i++) {
		uint8_t a = (uint8_t)nai[i], b = r->nai[i];
		realm = realm || a == '@';
		if (realm ? tolower(a) != tolower(b) : a != b)
			return false;
	}
	return true;
}

static bool way_matches(const struct subscription_way *w, const struct rules *r)
{
	const struct session_target *t = &w->target;

	if (t->kinds & (SESSION_PDR | SESSION_QER | SESSION_NI) && r->kind != KIND_PFCP)
		return false;
	if (t->kinds & SESSION_FSEID && r->kind != KIND_PFCP && r->kind != KIND_EVENT)
		return false;
	if (t->kinds & SESSION_FSEID && !seid_matches(t, &r->cp) && !seid_matches(t, &r->up))
		return false;
	if (t->kinds & SESSION_IMSI && r->imsi != w->imsi)
		return false;
	if (t->kinds & SESSION_MSISDN && r->msisdn != w->msisdn)
		return false;
	if (t->kinds & SESSION_IMEI &&
		(r->imei == SESSION_ABSENT || (r->imei & IMEI14) != (w->imei & IMEI14)))
		return false;
	if (t->kinds & SESSION_IMEISV && r->imei != w->imeisv)
		return false;
	if (t->kinds & SESSION_NAI && !nai_matches(t->nai, r))
		return false;
	return !(t->kinds & SESSION_HASHED) || hashed_matches(w->hashed, &t->hashed, r);
}

bool subscription_matches(const struct subscription *w, const struct rules *r)
{
	for (uint32_t i = 0; i < w->n_ways; i++)
		if (way_matches(&w->way[i], r))
			return true;
	return false;
}

void subscription_had(struct subscription *w, const struct rules *r)
{
	for (uint32_t i = 0; i < w->n_ways; i++)
		w->way[i].had = w->way[i].had || way_matches(&w->way[i], r);
}

bool subscription_had_all(const struct subscription *w)
{
	bool all = true;

	for (uint32_t i = 0; i < w->n_ways; i++)
		all = all && w->way[i].had;
	return all || w->n_ways == 1;
}

bool subscription_of_user(const struct subscription *w)
{
	bool all = true;

	for (uint32_t i = 0; i < w->n_ways; i++)
		all = all && (w->way[i].target.kinds & ~SESSION_SUBSCRIBER) == 0;
	return all;
}

bool subscription_wants_all(const struct subscription *w)
{
	return !(w->way[0].target.kinds & (SESSION_PDR | SESSION_QER | SESSION_NI));
}

static bool has_qer(const struct rule_pdr *p, uint32_t qer)
{
	for (unsigned i = 0; i < p->n_qers; i++)
		if (p->qer[i] == qer)
			return true;
	return false;
}

uint64_t subscription_wants(const struct subscription *w, const struct rules *r)
{
	const struct session_target *t = &w->way[0].target;
	uint64_t wanted = 0;

	for (unsigned i = 0; i < r->n_pdrs; i++) {
		const struct rule_pdr *p = &r->pdr[i];
		if ((t->kinds & SESSION_PDR && p->id != t->pdr) ||
			(t->kinds & SESSION_QER && !has_qer(p, t->qer)) ||
			(t->kinds & SESSION_NI && pdr_pdi(r, p)->ni != w->ni))
			continue;
		wanted |= 1ull << i;
	}
	return wanted;
}

static unsigned seid_keys(const struct sessions *st, const struct session_target *t,
	const struct ip_address *a, uint64_t *key)
{
	enum key_kind cp = a ? KEY_CP : KEY_CP_SEID, up = a ? KEY_UP : KEY_UP_SEID;

	if (a && !a->family)
		return 0;
	key[0] = key_seid(st, cp, 0, a, t->seid);
	key[1] = key_seid(st, up, 0, a, t->seid);
	return 2;
}

static unsigned keys_of(const struct sessions *st, const struct subscription_way *w, uint32_t ni,
	uint64_t key[SUBSCRIPTION_KEYS_MAX])
{
	const struct session_target *t = &w->target;
	unsigned n = 0;

	if (t->kinds & SESSION_FSEID) {
		if (!t->seid_v4.family && !t->seid_v6.family)
			n = seid_keys(st, t, NULL, key);
		n += seid_keys(st, t, &t->seid_v4, key + n);
		return n + seid_keys(st, t, &t->seid_v6, key + n);
	}
	if (t->kinds & SESSION_IMSI)
		*key = key_number(st, KEY_IMSI, w->imsi);
	else if (t->kinds & SESSION_MSISDN)
		*key = key_number(st, KEY_MSISDN, w->msisdn);
	else if (t->kinds & (SESSION_IMEI | SESSION_IMEISV))
		*key = key_number(st, KEY_IMEI, t->kinds & SESSION_IMEISV ? w->imeisv : w->imei);
	else if (t->kinds & SESSION_NAI)
		*key = key_text(st, KEY_NAI, t->nai, strlen(t->nai));
	else if (t->kinds & SESSION_HASHED)
		*key = hashed_key(st, w->hashed, t->hashed.digest);
	else
		*key = key_number(st, KEY_NI, ni);
	return 1;
}

struct subscription_index *subscription_index_find(const struct sessions *st, uint64_t key)
{
	struct index_cursor c = session_index_find(&st->subscriptions->key_index, key);

	for (uint32_t i; (i = session_index_next(&c)) != SESSION_NONE;) {
		struct subscription_index *a = session_table_get(&st->subscriptions->indexes, i);
		if (a->key == key)
			return a;
	}
	return NULL;
}

static struct subscription_index *index_take(struct sessions *st, uint64_t key)
{
	struct subscription_index *a = subscription_index_find(st, key);

	if (a)
		return a;
	a = session_alloc(&st->memory, sizeof(*a));
	if (!a)
		return NULL;
	a->key = key;
	a->index = session_table_add(&st->subscriptions->indexes, &st->memory, a);
	if (a->index == SESSION_NONE)
		goto no_number;
	if (session_index_add(&st->subscriptions->key_index, &st->memory, key, a->index) ==
		INDEX_ADDED)
		return a;
	session_table_remove(&st->subscriptions->indexes, &st->memory, a->index);
no_number:
	session_release(&st->memory, a);
	return NULL;
}

static int index_join(
	struct sessions *st, struct subscription *w, struct subscription_way *way, uint64_t key)
{
	struct subscription_index *a = index_take(st, key);
	struct subscription_index_entry *x = &way->entry[way->n_entries];

	if (!a)
		return POI_ERR_NOMEM;
	way->n_entries++;
	*x = (struct subscription_index_entry){.of = a, .subscription = w};
	LIST_INSERT_HEAD(&a->entries, x, of_index);
	return POI_OK;
}

static void index_leave(struct sessions *st, struct subscription_index_entry *x)
{
	struct subscription_index *a = x->of;

	LIST_REMOVE(x, of_index);
	if (!LIST_EMPTY(&a->entries))
		return;
	session_index_remove(&st->subscriptions->key_index, &st->memory, a->key, a->index);
	session_table_remove(&st->subscriptions->indexes, &st->memory, a->index);
	session_release(&st->memory, a);
}

bool subscription_by_name(const struct subscription *w)
{
	return !(w->way[0].target.kinds & (SESSION_FSEID | SESSION_SUBSCRIBER));
}

bool subscription_by_digest(const struct subscription_way *w)
{
	return w->target.kinds & SESSION_HASHED &&
	       !(w->target.kinds & (SESSION_FSEID | SESSION_CLEAR_SUBSCRIBER));
}

static int way_enter(struct sessions *st, struct subscription *w, struct subscription_way *way)
{
	uint64_t key[SUBSCRIPTION_KEYS_MAX];
	unsigned n = keys_of(st, way, w->ni, key);
	int r = POI_OK;

	for (unsigned i = 0; i < n && r == POI_OK; i++)
		r = index_join(st, w, way, key[i]);
	return r;
}

int subscription_enter(struct sessions *st, struct subscription *w)
{
	int r = session_index_add(&st->subscriptions->index, &st->memory,
			key_number(st, KEY_SUBSCRIPTION, w->id), w->index) == INDEX_ADDED
			? POI_OK
			: POI_ERR_NOMEM;

	for (uint32_t i = 0; i < w->n_ways && r == POI_OK; i++)
		r = way_enter(st, w, &w->way[i]);
	return r;
}

void subscription_leave(struct sessions *st, struct subscription *w)
{
	session_index_remove(&st->subscriptions->index, &st->memory,
		key_number(st, KEY_SUBSCRIPTION, w->id), w->index);
	for (uint32_t i = 0; i < w->n_ways; i++)
		while (w->way[i].n_entries > 0)
			index_leave(st, &w->way[i].entry[--w->way[i].n_entries]);
}
