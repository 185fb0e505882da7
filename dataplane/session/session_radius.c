#include "dataplane/session/session_internal.h"

#include <string.h>

// RADIUS accounting. What a NAS reports has happened: nothing waits for an answer. A session is its
// NAS and its Acct-Session-Id; User-Name may change on the way.

#define ACCOUNTING_REQUEST 4
#define NAS_MAX 256

struct nas {
	uint16_t length;
	uint8_t octets[NAS_MAX];
};

static void nas_of(
	const struct signalling_packet *p, const struct radius_message *m, struct nas *out)
{
	const struct ip_address *a = m->nas4.family   ? &m->nas4
				     : m->nas6.family ? &m->nas6
						      : &p->source.address;

	out->length = 17;
	if (!m->nas4.family && !m->nas6.family && m->nas_identifier.length &&
		m->nas_identifier.length < NAS_MAX) {
		out->octets[0] = 0;
		memcpy(out->octets + 1, m->nas_identifier.octets, m->nas_identifier.length);
		out->length = m->nas_identifier.length + 1;
		return;
	}
	out->octets[0] = a->family;
	memcpy(out->octets + 1, a->b, 16);
}

static struct pair *pair_of_nas(struct sessions *st, const struct nas *nas, bool create)
{
	uint32_t node = node_by_octets(st, NODE_RADIUS, nas->octets, nas->length, create);

	return pair_of(st, node, node, create);
}

static struct session *find(struct sessions *st, const struct rules *r)
{
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(
		&st->index, key_text(st, KEY_NAME, r->name, r->name_length), found);

	for (uint32_t i = 0; i < n; i++) {
		struct session *s = session_at(st, found[i]);
		if (!s || s->kind != KIND_RADIUS)
			continue;
		record_unpack(s, st->rules[1]);
		if (st->rules[1]->name_length == r->name_length &&
			memcmp(st->rules[1]->name, r->name, r->name_length) == 0)
			return s;
	}
	return NULL;
}

// A Start for an address in use: the Stop of the session that had it was lost.
static void end_users(struct sessions *st, const struct rules *r, uint32_t but)
{
	for (unsigned i = 0; i < r->n_ue; i++) {
		struct way w = {.way = BINDING_ADDRESS, .prefix = r->ue[i]};
		uint32_t found[INDEX_RUN_MAX];
		uint32_t n = session_candidates(&st->index, way_hash(st, KIND_RADIUS, &w), found);
		for (uint32_t j = 0; j < n; j++) {
			struct session *o = found[j] == but ? NULL : session_at(st, found[j]);
			if (!o || o->kind != KIND_RADIUS)
				continue;
			session_selectors(st, o, 1, st->probe, NULL, NULL);
			if (ways_find(st->probe, &w))
				session_end(st, o, END_SUPERSEDED);
		}
	}
}

static void live(struct sessions *st, const struct radius_message *m, const struct nas *nas)
{
	struct rules *r = st->rules[2];
	struct session *s = find(st, r);
	struct pair *pair = s ? NULL : pair_of_nas(st, nas, true);

	if (!s && !pair) {
		st->counts.refused++;
		bind_refused(st);
		return;
	}
	if (s) {
		session_before(st, s, st->before);
		record_unpack(s, r);
	}
	rules_user(r, &m->user);
	if (m->n_addresses)
		r->n_ue = 0;
	for (unsigned i = 0; i < m->n_addresses && r->n_ue < RADIUS_ADDRESSES_MAX; i++)
		r->ue[r->n_ue++] = m->address[i];
	struct session *new = s ? session_replace(st, s, r) : session_create(st, r, pair->number);
	if (!new)
		return;
	if (!s)
		st->before->n = 0; // what made room for it used that
	st->counts.established += !s;
	st->counts.modified += s != NULL;
	new->flags |= SESSION_SETTLED;
	session_heard(st, new);
	if (m->status == RADIUS_START) {
		record_unpack(new, r);
		end_users(st, r, new->number);
	}
	session_after(st, new, st->before);
}

static void take_request(
	struct sessions *st, const struct signalling_packet *p, const struct radius_message *m)
{
	struct rules *r = st->rules[2];
	struct nas nas;

	nas_of(p, m, &nas);
	if (m->status == RADIUS_ON || m->status == RADIUS_OFF) {
		struct pair *pair = pair_of_nas(st, &nas, false);
		if (pair && pair->n > 0)
			st->counts.restarts += pair_restart(st, pair);
		return;
	}
	if (m->session.length == 0)
		return;
	rules_clear(r, KIND_RADIUS);
	memcpy(r->name, nas.octets, nas.length);
	memcpy(r->name + nas.length, m->session.octets, m->session.length);
	r->name_length = (uint16_t)(nas.length + m->session.length);
	if (m->status == RADIUS_START || m->status == RADIUS_INTERIM) {
		live(st, m, &nas);
	} else if (m->status == RADIUS_STOP) {
		struct session *s = find(st, r);
		if (s)
			session_end(st, s, END_RELEASED);
	}
}

void radius_take(struct sessions *st, const struct signalling_packet *p)
{
	const struct radius_message *m = st->radius;
	enum signalling_reason why = radius_decode(p->octets, p->length, st->radius);

	st->counts.reason[SIGNALLING_RADIUS][why]++;
	if (why != SIGNALLING_OK && why != SIGNALLING_LIMIT)
		return;
	st->counts.messages++;
	bool request = m->code == ACCOUNTING_REQUEST;
	uint64_t key = transaction_key(st, p, m->identifier, ACCOUNTING_REQUEST, !request);
	if (!request) {
		st->counts.responses += transaction_find(st, key) != NULL;
		return;
	}
	struct transaction *t = transaction_ask(st, p, key, ACCOUNTING_REQUEST, &m->whole);
	if (!t)
		return;
	st->counts.requests++;
	transaction_answered(st, t, &m->whole);
	take_request(st, p, m);
}
