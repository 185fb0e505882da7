#pragma once

// Messages, and the functions that handle them.

#include "dataplane/session/session_life_internal.h"
#include "dataplane/session/session_transaction_internal.h"

void pfcp_take(struct sessions *st, const struct signalling_packet *p);
void gtpv2_take(struct sessions *st, const struct signalling_packet *p);
void radius_take(struct sessions *st, const struct signalling_packet *p);
void event_take(struct sessions *st, struct session_event *e);

// A message of PFCP, and the datagram that it came in.
struct pfcp_arrival {
	const struct signalling_packet *packet;
	const struct pfcp_message *m;
};
#define PFCP_NO_SESSION 65 // the cause Session context not found
static inline bool pfcp_accepted(const struct pfcp_message *m)
{
	return m->cause > 0 && m->cause < 64;
}

// As the answer to a deletion: the session is there no more.
static inline bool pfcp_deleted(const struct pfcp_message *m)
{
	return pfcp_accepted(m) || m->cause == PFCP_NO_SESSION;
}

static inline void pfcp_set_address(struct f_seid *f, const struct ip_address *a)
{
	*(a->family == 6 ? &f->v6 : &f->v4) = *a;
}

// An F-SEID without an address is of the sender at `a`.
static inline void pfcp_own_address(struct f_seid *f, const struct ip_address *a)
{
	if (f->present && !f->v4.family && !f->v6.family)
		pfcp_set_address(f, a);
}

// True if the response's header has the CP SEID of the session the request was for.
bool pfcp_answers(struct sessions *st, const struct transaction *t, const struct pfcp_message *m);
void pfcp_take_response(struct sessions *st, const struct pfcp_arrival *in, struct transaction *t);
// A message that cannot be used: the session that it names is unsure, or all that is followed.
void pfcp_take_unread(struct sessions *st, const struct pfcp_arrival *in);
// Responses whose request was not seen: what they show of a session is known in part.
void pfcp_take_alone(struct sessions *st, const struct pfcp_arrival *in);
void pfcp_alone_deletion(struct sessions *st, const struct pfcp_arrival *in);
void pfcp_second_answer(struct sessions *st, const struct pfcp_arrival *in);
// The request of a response that came early did not come later either.
void pfcp_early_response_lost(struct sessions *st, const struct early_response *e);
void gtpv2_early_response_lost(struct sessions *st, const struct early_response *e);
// A session whose establishment was missed: what is known of it is in `r`, which names no string.
struct session *pfcp_partial(
	struct sessions *st, const struct rules *r, const struct signalling_packet *p);
