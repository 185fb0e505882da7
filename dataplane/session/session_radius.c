// Takes messages of RADIUS accounting.

#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_message_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_rules_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_unpack_internal.h"

#include <string.h>

// RADIUS accounting. What a NAS reports has happened: nothing waits for an answer. A session is its
// NAS and its Acct-Session-Id; User-Name may change on the way.

#define ACCOUNTING_REQUEST 4
#define ACCOUNTING_RESPONSE 5
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

// The NAS and its name for the session stand for it.
static void set_name(struct rules *r, const struct nas *nas, const struct span *session)
{
	memcpy(r->name, nas->octets, nas->length);
	memcpy(r->name + nas->length, session->octets, session->length);
	r->name_length = (uint16_t)(nas->length + session->length);
}

static bool has_name(struct sessions *st, const struct session *s, const struct rules *r)
{
	struct unpacked *u = unpack_open(st, s);
	bool same = u->rules.name_length == r->name_length &&
		    memcmp(u->rules.name, r->name, r->name_length) == 0;

	unpack_close(st, u);
	return same;
}

static struct session *find(struct sessions *st, const struct rules *r)
{
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(
		&st->index, key_text(st, KEY_NAME, r->name, r->name_length), found);

	for (uint32_t i = 0; i < n; i++) {
		struct session *s = session_at(st, found[i]);
		if (s && s->kind == KIND_RADIUS && has_name(st, s, r))
			return s;
	}
	return NULL;
}

static bool shows(struct sessions *st, const struct session *s, const struct selector *w)
{
	struct selectors *selectors = session_selectors(st, s);
	bool found = selectors_find(selectors, w) != NULL;

	selectors_close(st, selectors);
	return found;
}

// A Start for an address in use: the Stop of the session that had it was lost.
static void end_users(struct sessions *st, const struct rules *r, uint32_t but)
{
	for (unsigned i = 0; i < r->n_ue; i++) {
		struct selector w = {.kind = BINDING_ADDRESS, .prefix = r->ue[i]};
		uint32_t found[INDEX_RUN_MAX];
		uint32_t n =
			session_candidates(&st->index, selector_hash(st, KIND_RADIUS, &w), found);
		for (uint32_t j = 0; j < n; j++) {
			struct session *o = found[j] == but ? NULL : session_at(st, found[j]);
			if (o && o->kind == KIND_RADIUS && shows(st, o, &w))
				session_end(st, o, END_SUPERSEDED);
		}
	}
}

static void set_user(struct rules *r, const struct radius_message *m)
{
	rules_user(r, &m->user);
	if (m->n_addresses)
		r->n_ue = 0;
	for (unsigned i = 0; i < m->n_addresses && r->n_ue < RADIUS_ADDRESSES_MAX; i++)
		r->ue[r->n_ue++] = m->address[i];
}

// The session is as the message says; `before`: opened, what it showed.
static void lives(struct sessions *st, struct session *s, const struct radius_message *m,
	struct selectors *before)
{
	s->flags |= SESSION_ACCEPTED;
	session_missed(st, s, m->broken);
	session_heard(st, s);
	if (m->status == RADIUS_START) {
		struct unpacked *u = unpack_open(st, s);
		end_users(st, &u->rules, s->index);
		unpack_close(st, u);
	}
	session_after(st, s, before, CAUSE_MESSAGE);
}

static void go_on(struct sessions *st, struct session *s, const struct radius_message *m)
{
	struct selectors *before = session_before(st, s);
	struct unpacked *u = unpack_open(st, s);

	set_user(&u->rules, m);
	s = session_replace(st, s, &u->rules);
	unpack_close(st, u);
	if (!s) {
		selectors_close(st, before);
		return;
	}
	st->counts.modified++;
	lives(st, s, m, before);
}

// `u`: opened, with the name.
static void begin(struct sessions *st, struct unpacked *u, const struct radius_message *m,
	const struct nas *nas)
{
	struct pair *pair = pair_of_nas(st, nas, true);

	if (!pair) {
		sessions_refuse(st);
		return;
	}
	sessions_room(st);
	set_user(&u->rules, m);
	struct session *s = session_create(st, &u->rules, pair->index);
	if (!s)
		return;
	st->counts.established++;
	lives(st, s, m, selectors_open(st));
}

static void take_session(struct sessions *st, const struct radius_message *m, const struct nas *nas)
{
	struct unpacked *u = unpack_new(st, KIND_RADIUS);

	set_name(&u->rules, nas, &m->session);
	struct session *s = find(st, &u->rules);
	bool is_there = m->status == RADIUS_START || m->status == RADIUS_INTERIM;
	if (is_there && s)
		go_on(st, s, m);
	else if (is_there)
		begin(st, u, m, nas);
	else if (m->status == RADIUS_STOP && s)
		session_end(st, s, END_RELEASED);
	unpack_close(st, u);
}

static void take_request(
	struct sessions *st, const struct signalling_packet *p, const struct radius_message *m)
{
	struct nas nas;

	nas_of(p, m, &nas);
	if (m->status == RADIUS_ON || m->status == RADIUS_OFF) {
		struct pair *pair = pair_of_nas(st, &nas, false);
		if (pair && pair->n > 0)
			st->counts.restarts += pair_restart(st, pair);
		return;
	}
	if (m->session.length > 0)
		take_session(st, m, &nas);
}

static void take_message(
	struct sessions *st, const struct signalling_packet *p, const struct radius_message *m)
{
	st->counts.messages++;
	bool request = m->code == ACCOUNTING_REQUEST;
	uint64_t key = transaction_key(st, p, m->identifier, ACCOUNTING_REQUEST, !request);
	if (!request) {
		st->counts.responses += transaction_find(st, key) != NULL;
		return;
	}
	struct transaction *t = transaction_ask(st, p->protocol, key, &m->raw);
	if (!t)
		return;
	t->type = ACCOUNTING_REQUEST;
	st->counts.requests++;
	transaction_answered(st, t, &m->raw);
	take_request(st, p, m);
}

void radius_take(struct sessions *st, const struct signalling_packet *p)
{
	struct decoded *d = decoded_open(st);
	enum signalling_reason why = radius_decode(p->octets, p->length, &d->radius);

	st->counts.reason[SIGNALLING_RADIUS][why]++;
	if (signalling_usable(why))
		take_message(st, p, &d->radius);
	else if (why != SIGNALLING_TYPE && d->radius.code != ACCOUNTING_RESPONSE)
		sessions_unread(st);
	decoded_close(d);
}
