// Takes messages that cannot be used: whose sessions they name are unsure, or all that is followed.

#include "dataplane/session/session_gtpv2_internal.h"
#include "dataplane/session/session_message_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_rules_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_unpack_internal.h"

// One session that may be meant. False: there is none.
static bool missed(struct sessions *st, struct session *s, uint8_t broken)
{
	if (s)
		session_missed(st, s, broken);
	return s != NULL;
}

// By the receiver's SEID, whichever side it is of.
static bool pfcp_missed(struct sessions *st, const struct pfcp_arrival *in)
{
	const struct ip_address *to = &in->packet->destination.address;
	const uint64_t seid = in->m->seid;
	const uint32_t from = node_of(st, &in->packet->source.address, NULL, false);
	// it may have given the session another F-SEID, or rules of another network instance
	const uint8_t broken =
		SIGNALLING_BROKEN_SESSION | SIGNALLING_BROKEN_SEID | SIGNALLING_BROKEN_NI;
	bool any = false;

	if (!in->m->has_seid || seid == 0)
		return false;
	any |= missed(st, session_by_seid(st, true, KIND_PFCP, to, seid, NULL), broken);
	any |= missed(st, session_by_seid(st, false, KIND_PFCP, to, seid, NULL), broken);
	if (any)
		return true;
	const uint32_t at = node_of(st, to, NULL, false);
	return missed(st, session_by_up_seid(st, from, at, seid), broken);
}

void pfcp_take_unread(struct sessions *st, const struct pfcp_arrival *in)
{
	if (in->m->type == PFCP_HEARTBEAT_REQUEST || in->m->type == PFCP_HEARTBEAT_RESPONSE)
		return; // of no session
	// an answer to an establishment may show another session than the one that waits
	if (!pfcp_missed(st, in) || in->m->type == PFCP_ESTABLISHMENT_RESPONSE)
		sessions_unread(st);
}

// Finds sessions by the receiver's TEID, of either side. A modification may carry the user's
// identity.
static bool gtpv2_missed(struct sessions *st, const struct gtpv2_arrival *in)
{
	const uint8_t broken =
		SIGNALLING_BROKEN_SESSION |
		(in->m->type == GTPV2_MODIFY_BEARER_REQUEST	      ? SIGNALLING_BROKEN_IMEI
			: in->m->type == GTPV2_MODIFY_BEARER_RESPONSE ? SIGNALLING_BROKEN_MSISDN
								      : 0u);
	uint32_t of[OF_A_USER_MAX];
	bool any = false;

	for (unsigned up = 0; up < 2 && in->m->has_teid && in->m->teid; up++) {
		const struct gtpv2_end end = {
			.up = up, .address = &in->packet->destination.address, .teid = in->m->teid};
		unsigned n = gtpv2_sessions_of(st, &end, 0, of);
		for (unsigned i = 0; i < n; i++)
			any |= missed(st, session_at(st, of[i]), broken);
	}
	return any;
}

void gtpv2_take_unread(struct sessions *st, const struct gtpv2_arrival *in)
{
	if (in->m->type == GTPV2_ECHO_REQUEST || in->m->type == GTPV2_ECHO_RESPONSE)
		return; // of no session
	// a creation may show another session, or another user, than those that the end had before
	if (!gtpv2_missed(st, in) || in->m->type == GTPV2_CREATE_SESSION_REQUEST ||
		in->m->type == GTPV2_CREATE_SESSION_RESPONSE)
		sessions_unread(st);
}

// The request of an accepted answer was not seen.
void gtpv2_early_response_lost(struct sessions *st, const struct early_response *e)
{
	const struct signalling_packet p = early_response_packet(e, st->now_ns);
	struct decoded *d = decoded_open(st);
	const struct gtpv2_arrival in = {&p, &d->gtpv2};
	uint32_t used;
	bool more;

	if (signalling_usable(gtpv2_decode(e->octets, e->length, &d->gtpv2, &used, &more)) &&
		gtpv2_accepted(&d->gtpv2)) {
		(void)gtpv2_missed(st, &in);
		if (d->gtpv2.type == GTPV2_CREATE_SESSION_RESPONSE)
			sessions_unread(st); // whose session it is is not known
	}
	decoded_close(d);
}
