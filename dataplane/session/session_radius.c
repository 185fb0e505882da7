// Takes messages of RADIUS accounting.

#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_message_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_rules_internal.h"
#include "dataplane/session/session_stopped_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_unpack_internal.h"

#include <string.h>

// RADIUS accounting. What a NAS reports has happened: nothing waits for an answer. A session is its
// NAS and its Acct-Session-Id; User-Name may change on the way.

#define ACCOUNTING_REQUEST 4
#define ACCOUNTING_RESPONSE 5
#define NAS_MAX 256

// How late a message can be: beyond it a time before another's is a clock that was set back.
#define LATE_NS (600 * NS_PER_S)
#define REORDER_NS (5 * NS_PER_S) // by how much UDP alone changes the order

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

// ---- times ----

// A message and all that its handling needs beside it.
struct account {
	const struct radius_message *m;
	const struct nas *nas;
	uint64_t key; // by which a Stop is remembered
	// The NAS reports an event between the two: its delay is in whole seconds.
	struct account_time early, late;
};

static struct account account_of(
	const struct sessions *st, const struct radius_message *m, const struct nas *nas)
{
	uint64_t delay = m->delay_s * NS_PER_S;

	if (delay > LATE_NS || delay + NS_PER_S >= st->message_ns)
		delay = 0;
	struct account a = {.m = m,
		.nas = nas,
		.early = {st->message_ns - (delay ? delay + NS_PER_S : 0), m->event_s},
		.late = {st->message_ns - delay, m->event_s}};
	return a;
}

// Compares the NAS's own clock where both messages have its time.
static bool is_before(const struct account_time *a, const struct account_time *b)
{
	if (a->event_s && b->event_s && a->sent_ns < b->sent_ns + LATE_NS)
		return a->event_s < b->event_s;
	return a->sent_ns < b->sent_ns;
}

// ---- the life of a session ----

static bool shows(struct sessions *st, const struct session *s, const struct selector *w)
{
	struct selectors *selectors = session_selectors(st, s);
	bool found = selectors_find(selectors, w) != NULL;

	selectors_close(st, selectors);
	return found;
}

// Its Stop was not seen: what of it was on its way by now does not take the address back.
static void supersede(struct sessions *st, struct session *o, const struct account *a)
{
	struct unpacked *u = unpack_open(st, o);
	uint64_t key = stopped_key(st, &u->rules, pair_at(st, o->pair)->restart_epoch);

	unpack_close(st, u);
	session_end(st, o, END_SUPERSEDED);
	stopped_remember(st, key, &(struct account_time){.sent_ns = a->late.sent_ns}, true);
}

// A Start for an address in use: the Stop of the session that had it was lost.
static void end_users(
	struct sessions *st, const struct rules *r, uint32_t but, const struct account *a)
{
	for (unsigned i = 0; i < r->n_ue; i++) {
		struct selector w = {.kind = BINDING_ADDRESS, .prefix = r->ue[i]};
		uint32_t found[INDEX_RUN_MAX];
		uint32_t n =
			session_candidates(&st->index, selector_hash(st, KIND_RADIUS, &w), found);
		for (uint32_t j = 0; j < n; j++) {
			struct session *o = found[j] == but ? NULL : session_at(st, found[j]);
			if (o && o->kind == KIND_RADIUS && shows(st, o, &w))
				supersede(st, o, a);
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

// Updates the session from the message; `before`: opened, with its former selectors.
static void lives(
	struct sessions *st, struct session *s, const struct account *a, struct selectors *before)
{
	s->flags |= SESSION_ACCEPTED;
	session_missed(st, s, a->m->broken);
	session_heard(st, s);
	if (a->m->status == RADIUS_START) {
		struct unpacked *u = unpack_open(st, s);
		end_users(st, &u->rules, s->index, a);
		unpack_close(st, u);
	}
	session_after(st, s, before, CAUSE_MESSAGE);
}

static void go_on(struct sessions *st, struct session *s, const struct account *a)
{
	struct selectors *before = session_before(st, s);
	struct unpacked *u = unpack_open(st, s);

	set_user(&u->rules, a->m);
	u->rules.last = a->early;
	if (a->m->status == RADIUS_START)
		u->rules.again = a->early;
	s = session_replace(st, s, &u->rules);
	unpack_close(st, u);
	if (!s) {
		selectors_close(st, before);
		return;
	}
	st->counts.modified++;
	lives(st, s, a, before);
}

// `u`: opened, with the name; `again`: it was used before.
static void begin(struct sessions *st, struct unpacked *u, const struct account *a, bool again)
{
	struct pair *pair = pair_of_nas(st, a->nas, true);

	if (!pair) {
		sessions_refuse(st);
		return;
	}
	sessions_room(st);
	set_user(&u->rules, a->m);
	u->rules.last = a->early;
	if (again)
		u->rules.again = a->early;
	struct session *s = session_create(st, &u->rules, pair->index);
	if (!s)
		return;
	st->counts.established++;
	lives(st, s, a, selectors_open(st));
}

// The Stop came before it, and it is not of a later use of the name.
static bool has_stopped(const struct stopped *o, const struct account *a)
{
	if (o->superseded)
		return a->early.sent_ns < o->when.sent_ns + REORDER_NS;
	if (a->m->status != RADIUS_START)
		return true; // only a Start begins anew
	return !is_before(&o->when, &a->early);
}

// `u`: opened, with the name.
static void begin_unless_stopped(struct sessions *st, struct unpacked *u, const struct account *a)
{
	struct stopped *o = stopped_find(st, a->key);

	if (o && has_stopped(o, a)) {
		st->counts.accounts_late++;
		return;
	}
	if (o)
		stopped_forget(st, o);
	begin(st, u, a, o != NULL);
}

// A message of its life, or a Stop. `last`, `again`: as in its rules.
static void take_known(struct sessions *st, struct session *s, const struct account *a,
	const struct account_time *last, const struct account_time *again)
{
	bool stop = a->m->status == RADIUS_STOP;

	// In doubt a Stop is one: only of a name that was used twice it may be the former
	// session's.
	if (stop ? again->sent_ns && is_before(&a->late, again) : is_before(&a->late, last)) {
		st->counts.accounts_late++;
	} else if (stop) {
		session_end(st, s, END_RELEASED);
		stopped_remember(st, a->key, &a->late, false);
	} else {
		go_on(st, s, a);
	}
}

// Takes the Stop of a session that is not known: it may have overtaken its Start.
static void take_stop(struct sessions *st, const struct account *a)
{
	const struct stopped *o = stopped_find(st, a->key);

	if (!o || o->superseded || !is_before(&a->late, &o->when))
		stopped_remember(st, a->key, &a->late, false);
}

static void take_session(struct sessions *st, struct account *a)
{
	const struct pair *pair = pair_of_nas(st, a->nas, false);
	struct unpacked *u = unpack_new(st, KIND_RADIUS);

	set_name(&u->rules, a->nas, &a->m->session);
	a->key = stopped_key(st, &u->rules, pair ? pair->restart_epoch : 0);
	struct session *s = session_by_name(st, &u->rules);
	if (s) {
		record_unpack(s, &u->rules);
		const struct account_time last = u->rules.last, again = u->rules.again;
		take_known(st, s, a, &last, &again);
	} else if (a->m->status == RADIUS_STOP) {
		take_stop(st, a);
	} else {
		begin_unless_stopped(st, u, a);
	}
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
		else if (pair)
			pair->restart_epoch++; // what it stopped is over as well
		return;
	}
	if (m->session.length == 0 || (m->status != RADIUS_START && m->status != RADIUS_INTERIM &&
					      m->status != RADIUS_STOP))
		return;
	struct account a = account_of(st, m, &nas);
	take_session(st, &a);
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
