// Takes responses of PFCP whose request was not seen, or had another answer already.

#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_message_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_rules_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_unpack_internal.h"

static struct session *session_of_cp(const struct sessions *st, const struct pfcp_arrival *in)
{
	return session_by_seid(
		st, false, KIND_PFCP, &in->packet->destination.address, in->m->seid, NULL);
}

// The session of the UP F-SEID that the response gives.
static struct session *session_of_up(const struct sessions *st, const struct pfcp_message *m)
{
	const struct ip_address *a = m->f_seid.v4.family ? &m->f_seid.v4 : &m->f_seid.v6;

	return session_by_seid(st, true, KIND_PFCP, a, m->f_seid.seid, NULL);
}

// Begins a session from a response without a known request, with the UP F-SEID when it has one.
static struct session *begin(struct sessions *st, const struct pfcp_arrival *in)
{
	struct unpacked *u = unpack_new(st, KIND_PFCP);
	struct rules *r = &u->rules;

	r->cp = (struct f_seid){.present = true, .seid = in->m->seid};
	pfcp_set_address(&r->cp, &in->packet->destination.address);
	if (in->m->type == PFCP_ESTABLISHMENT_RESPONSE) {
		r->up = in->m->f_seid;
		rules_answer(st, r, NULL, in->m);
	}
	struct session *s = pfcp_partial(st, r, in->packet);
	unpack_close(st, u);
	return s;
}

static void alone_establishment(struct sessions *st, const struct pfcp_arrival *in)
{
	const struct pfcp_message *m = in->m;

	if (!pfcp_accepted(m) || !m->f_seid.present || session_of_up(st, m))
		return;
	struct session *s = begin(st, in);
	if (!s)
		return;
	s->flags |= SESSION_ACCEPTED;
	session_missed(st, s, in->m->broken);
	session_after(st, s, selectors_open(st), CAUSE_MESSAGE);
}

static void alone_modification(struct sessions *st, const struct pfcp_arrival *in)
{
	const struct pfcp_message *m = in->m;
	struct session *s = session_of_cp(st, in);

	if (s && m->cause == PFCP_NO_SESSION) {
		session_end(st, s, END_LOST);
		return;
	}
	if (s && pfcp_accepted(m))
		session_missed(st, s, in->m->broken);
	if (!pfcp_accepted(m) || (s && m->n_pdrs == 0))
		return;
	if (!s)
		s = begin(st, in);
	if (!s)
		return;
	struct selectors *before = session_before(st, s);
	struct unpacked *u = unpack_open(st, s);
	rules_answer(st, &u->rules, NULL, m);
	struct session *new = session_replace(st, s, &u->rules);
	unpack_close(st, u);
	session_after(st, new ? new : s, before, CAUSE_MESSAGE);
}

void pfcp_alone_deletion(struct sessions *st, const struct pfcp_arrival *in)
{
	if (!pfcp_deleted(in->m)) {
		st->counts.rejected++;
		return;
	}
	struct session *s = session_of_cp(st, in);
	if (s)
		session_end(st, s, END_RELEASED);
}

void pfcp_take_alone(struct sessions *st, const struct pfcp_arrival *in)
{
	const struct pfcp_message *m = in->m;

	early_response_keep(st, in->packet,
		transaction_key(st, in->packet, m->sequence, (uint8_t)(m->type - 1), true),
		&m->raw);
	if (m->type == PFCP_ESTABLISHMENT_RESPONSE)
		alone_establishment(st, in);
	else if (m->type == PFCP_MODIFICATION_RESPONSE)
		alone_modification(st, in);
	else if (m->type == PFCP_DELETION_RESPONSE)
		pfcp_alone_deletion(st, in);
}

// The session is there, and more of it is known than the response alone shows.
static bool is_followed(const struct sessions *st, const struct pfcp_message *m)
{
	const struct session *s = session_of_up(st, m);

	return s && !(s->flags & SESSION_PARTIAL);
}

// Its changes are unknown.
void pfcp_early_response_lost(struct sessions *st, const struct early_response *e)
{
	const struct signalling_packet p = early_response_packet(e, st->now_ns);
	struct decoded *d = decoded_open(st);
	const struct pfcp_arrival in = {.packet = &p, .m = &d->pfcp};
	uint32_t used;
	bool more;
	struct session *s = NULL;

	if (!signalling_usable(pfcp_decode(e->octets, e->length, &d->pfcp, &used, &more)))
		d->pfcp.type = 0;
	pfcp_own_address(&d->pfcp.f_seid, &p.source.address);
	if (d->pfcp.type == PFCP_MODIFICATION_RESPONSE && pfcp_accepted(&d->pfcp))
		s = session_of_cp(st, &in);
	else if (d->pfcp.type == PFCP_ESTABLISHMENT_RESPONSE && pfcp_accepted(&d->pfcp) &&
		 !is_followed(st, &d->pfcp))
		sessions_unread(st); // whose session it is is not known
	decoded_close(d);
	if (!s)
		return;
	s->flags |= SESSION_LOSS;
	session_mark(st, s);
}

static void rules_without_tunnels(struct rules *r)
{
	for (unsigned i = 0; i < r->n_pdrs; i++)
		r->pdr[i].pdi.has_local = false;
	for (unsigned i = 0; i < r->n_endpoints; i++)
		r->endpoint[i].pdi.has_local = false;
}

// One more session like `s`, under the UP F-SEID of the second answer.
static struct session *twin_of(
	struct sessions *st, const struct session *s, const struct pfcp_message *m)
{
	struct unpacked *u = unpack_open(st, s);
	const uint32_t pair = s->pair;

	u->rules.up = m->f_seid;
	u->rules.n_lingers = 0;
	if (m->broken & SIGNALLING_BROKEN_SESSION) // the first one's tunnels are not its
		rules_without_tunnels(&u->rules);
	rules_answer(st, &u->rules, NULL, m);
	rules_strings(st, &u->rules, true); // the session itself may have to make room
	sessions_room(st);
	struct session *twin = session_create(st, &u->rules, pair);
	rules_strings(st, &u->rules, false);
	unpack_close(st, u);
	return twin;
}

// Two different answers to one establishment: the UPF did not see that it was asked twice, and has
// two sessions until they are deleted.
void pfcp_second_answer(struct sessions *st, const struct pfcp_arrival *in)
{
	const struct pfcp_message *m = in->m;
	struct f_seid cp, up;

	if (m->type != PFCP_ESTABLISHMENT_RESPONSE || !pfcp_accepted(m) || !m->f_seid.present)
		return;
	const struct session *s = session_of_cp(st, in);
	if (!s)
		return;
	record_seids(s, &cp, &up);
	const struct ip_address *a = m->f_seid.v4.family ? &m->f_seid.v4 : &m->f_seid.v6;
	if (seid_at(&up, a, m->f_seid.seid) || session_of_up(st, m))
		return;
	struct session *twin = twin_of(st, s, m);
	if (!twin)
		return;
	twin->flags |= SESSION_ACCEPTED;
	session_missed(st, twin, m->broken);
	session_after(st, twin, selectors_open(st), CAUSE_MESSAGE);
}
