// Ends what time ends: requests, responses, tunnels left by handovers, partial sessions.

#include "dataplane/session/session_message_internal.h"
#include "dataplane/session/session_rules_internal.h"
#include "dataplane/session/session_stopped_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_unpack_internal.h"

static void end_lingering(struct sessions *st, uint32_t index)
{
	struct session *s = session_at(st, index);

	if (!s)
		return;
	struct unpacked *u = unpack_open(st, s);
	if (rules_end_lingers(&u->rules, st->now_ns)) {
		struct selectors *before = session_before(st, s);
		struct session *new = session_replace(st, s, &u->rules);
		session_after(st, new ? new : s, before, CAUSE_TIME);
	}
	unpack_close(st, u);
}

static void lingers_expire(struct sessions *st)
{
	for (struct lingering *l;
		(l = STAILQ_FIRST(&st->departures->linger)) && l->until_ns <= st->now_ns;) {
		STAILQ_REMOVE_HEAD(&st->departures->linger, link);
		end_lingering(st, l->session);
		session_release(&st->memory, l);
	}
}

static void early_responses_expire(struct sessions *st)
{
	for (struct early_response *e; (e = early_response_expired(st));
		early_response_free(st, e)) {
		st->counts.unmatched_responses++;
		if (e->protocol == SIGNALLING_PFCP)
			pfcp_early_response_lost(st, e);
		else
			gtpv2_early_response_lost(st, e);
	}
}

void sessions_expire(struct sessions *st)
{
	transactions_expire(st);
	early_responses_expire(st);
	lingers_expire(st);
	stopped_expire(st);
	for (struct session *s;
		(s = session_table_get(&st->sessions, st->departures->oldest_partial)) &&
		(s->heard_s + 1) * NS_PER_S + st->s.age_ns < st->now_ns;)
		session_end(st, s, END_FORGOTTEN);
	if (st->marks->blind && st->marks->blind_until_ns < st->now_ns)
		st->marks->blind = false;
}
