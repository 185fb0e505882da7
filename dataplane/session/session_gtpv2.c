// Requests of GTPv2-C on S11 and S5/S8. Responses: session_gtpv2_answer.c.

#include "dataplane/session/session_gtpv2_internal.h"

#include <string.h>

#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_rules_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_unpack_internal.h"

// TS 29.274 clause 4.1: on S11 and S4 all PDN connections of a user share one pair of TEIDs.
#define S11_MME 10
#define S4_SGSN 17
#define PIGGYBACKING 0x10u // octet 1 of the header

static uint32_t ebis_named(const struct gtpv2_message *m)
{
	uint32_t ebis = m->type == GTPV2_RELEASE_ACCESS_REQUEST ? 0 : gtpv2_ebi_bit(m->linked_ebi);

	if (ebis)
		return ebis;
	for (unsigned i = 0; i < m->n_ebis; i++)
		ebis |= gtpv2_ebi_bit(m->ebi[i]);
	for (unsigned i = 0; i < m->n_bearers; i++)
		if (m->bearer[i].has_ebi)
			ebis |= gtpv2_ebi_bit(m->bearer[i].ebi);
	return ebis;
}

// To which sessions the request belongs: those whose bearers it names; all of the user's when it
// names none.
static void attach_all(struct sessions *st, const struct gtpv2_arrival *in, struct transaction *t)
{
	const struct gtpv2_end end = {.up = !gtpv2_from_server(in->m->type),
		.address = &in->packet->destination.address,
		.teid = in->m->teid};
	const uint8_t linked = in->m->type == GTPV2_RELEASE_ACCESS_REQUEST ? 0 : in->m->linked_ebi;
	uint32_t of[OF_A_USER_MAX];
	unsigned n = gtpv2_sessions_of(st, &end, ebis_named(in->m), of);

	for (unsigned i = 0; i < n; i++)
		if (gtpv2_is_connection(st, session_at(st, of[i]), linked))
			gtpv2_attach(st, t, of[i], in->m->broken);
}

// Applies the content of the request to the rules of a session that begins.
static void ask_rules(struct sessions *st, const struct gtpv2_message *m, struct unpacked *u)
{
	struct rules *r = &u->rules;

	rules_user(r, &m->user);
	r->default_ebi = m->linked_ebi;
	for (unsigned i = 0; i < m->n_bearers && !r->default_ebi; i++)
		if (!m->bearer[i].removed)
			r->default_ebi = m->bearer[i].ebi;
	rules_dnn(st, u, &m->apn);
	rules_csids(st, u, m->csid, m->n_csids);
}

static void ask_session(struct sessions *st, const struct gtpv2_arrival *in, struct transaction *t)
{
	const struct signalling_packet *p = in->packet;
	const struct gtpv2_fteid *sender = gtpv2_control(in->m, 0);
	struct pair *pair = pair_of(st, gtpv2_node(st, &p->source.address, true),
		gtpv2_node(st, &p->destination.address, true), true);

	if (!sender || !pair) {
		sessions_refuse(st);
		return;
	}
	gtpv2_heartbeat(st, in, NULL);
	sessions_room(st);
	const bool shared = sender->interface == S11_MME || sender->interface == S4_SGSN;
	struct unpacked *u = unpack_new(st, shared ? KIND_S11 : KIND_S5);
	u->rules.cp = gtpv2_control_of(sender, &p->source.address);
	ask_rules(st, in->m, u);
	struct session *s = session_create(st, &u->rules, pair->index);
	unpack_close(st, u);
	if (!s)
		return;
	struct selectors *before = selectors_open(st); // none
	transaction_attach(st, t, s);
	session_missed(st, s, in->m->broken);
	session_after(st, s, before, CAUSE_MESSAGE);
}

static bool is_asker(struct sessions *st, const struct transaction *t, uint32_t teid)
{
	const struct session *s = transaction_session(st, t);
	struct f_seid cp = {}, up = {};

	if (s)
		record_seids(s, &cp, &up);
	const struct f_seid *asker = gtpv2_from_server(t->type) ? &up : &cp;
	return !asker->present || asker->seid == teid;
}

// The answer to a creation is addressed to the client's end that asked for it; anything else is of
// another request with the same number. So is an answer to the usual port (`key` is not the
// request's own: only the number pairs them) that is addressed to another end than the asker's. A
// refusal may name no end.
static bool answers(struct sessions *st, const struct transaction *t, const struct gtpv2_message *m,
	uint64_t key)
{
	const bool creation = t->type == GTPV2_CREATE_SESSION_REQUEST;

	if (t->state == TRANSACTION_ANSWERED || (!creation && key == t->key) ||
		(m->teid == 0 && !(creation && gtpv2_accepted(m))))
		return true;
	struct decoded *d = decoded_open_request(st, t);
	const struct gtpv2_fteid *sender = gtpv2_control(&d->gtpv2, 0);
	bool same = sender ? sender->end.teid == m->teid : creation;
	decoded_close(d);
	return same || (!creation && is_asker(st, t, m->teid));
}

static bool join_early(struct sessions *st, uint64_t time_ns, struct transaction *t,
	const struct early_response *e)
{
	const struct signalling_packet response = early_response_packet(e, time_ns);
	struct decoded *d = decoded_open(st);
	uint32_t used;
	bool more;

	enum signalling_reason why = gtpv2_decode(e->octets, e->length, &d->gtpv2, &used, &more);
	const struct gtpv2_arrival in = {&response, &d->gtpv2};
	bool joined = signalling_usable(why) && answers(st, t, &d->gtpv2, e->key);
	if (joined)
		gtpv2_take_response(st, &in, t);
	decoded_close(d);
	return joined;
}

// The message is noted as it is without another one behind it: a retransmission may come alone.
static struct transaction *ask(struct sessions *st, const struct gtpv2_arrival *in, uint64_t key)
{
	struct span raw = in->m->raw;
	uint8_t alone[RECORD_MAX];

	if (raw.octets[0] & PIGGYBACKING && raw.length <= sizeof(alone)) {
		memcpy(alone, raw.octets, raw.length);
		alone[0] &= (uint8_t)~PIGGYBACKING;
		raw.octets = alone;
	}
	struct transaction *t = transaction_ask(st, in->packet->protocol, key, &raw);
	if (!t)
		return NULL;
	t->type = in->m->type;
	transaction_alias(st, t, in->packet, in->m->sequence);
	return t;
}

static void take_request(struct sessions *st, const struct gtpv2_arrival *in)
{
	const struct gtpv2_message *m = in->m;
	struct transaction *t =
		ask(st, in, transaction_key(st, in->packet, m->sequence, m->type, false));

	if (!t)
		return;
	st->counts.requests++;
	if (m->type == GTPV2_CREATE_SESSION_REQUEST) {
		ask_session(st, in, t);
	} else {
		gtpv2_heartbeat(st, in, NULL);
		if (m->type != GTPV2_DELETE_PDN_SET_REQUEST)
			attach_all(st, in, t);
	}
	early_response_join(st, in->packet->time_ns, t, join_early);
}

static void take_message(struct sessions *st, const struct gtpv2_arrival *in)
{
	const struct gtpv2_message *m = in->m;

	st->counts.messages++;
	switch (m->type) {
	case GTPV2_ECHO_REQUEST:
	case GTPV2_ECHO_RESPONSE:
		gtpv2_heartbeat(st, in, NULL);
		return;
	case GTPV2_CREATE_SESSION_REQUEST:
	case GTPV2_MODIFY_BEARER_REQUEST:
	case GTPV2_DELETE_SESSION_REQUEST:
	case GTPV2_CREATE_BEARER_REQUEST:
	case GTPV2_UPDATE_BEARER_REQUEST:
	case GTPV2_DELETE_BEARER_REQUEST:
	case GTPV2_DELETE_PDN_SET_REQUEST:
	case GTPV2_RELEASE_ACCESS_REQUEST:
	case GTPV2_MODIFY_ACCESS_REQUEST:
		take_request(st, in);
		return;
	default:
		break;
	}
	uint64_t key = transaction_key(st, in->packet, m->sequence, (uint8_t)(m->type - 1), true);
	struct transaction *t = transaction_of_answer(st, key);
	if (t && answers(st, t, m, key))
		gtpv2_take_response(st, in, t);
	else
		early_response_keep(st, in->packet, key, &m->raw);
}

void gtpv2_take(struct sessions *st, const struct signalling_packet *p)
{
	const uint8_t *at = p->octets;
	uint32_t left = p->length, used = 0;
	struct decoded *d = decoded_open(st);

	for (bool more = true; more && left > 0; at += used, left -= used) {
		enum signalling_reason why = gtpv2_decode(at, left, &d->gtpv2, &used, &more);
		const struct gtpv2_arrival in = {p, &d->gtpv2};
		st->counts.reason[SIGNALLING_GTPV2C][why]++;
		if (signalling_usable(why))
			take_message(st, &in);
		else if (why != SIGNALLING_TYPE)
			gtpv2_take_unread(st, &in);
		if (more && (used == 0 || used == left))
			sessions_unread(st); // what follows is lost with it
		if (used == 0 || used > left)
			break;
	}
	decoded_close(d);
}
