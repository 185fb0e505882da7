#pragma once

// Sessions from their first message to their end.

#include "dataplane/session/session_selector_internal.h"

struct pair;
struct unpacked;
struct transaction;

// Look-ups: none of them ends anything.
// NULL: none, or one of a past restart epoch, which the reaper ends.
struct session *session_at(const struct sessions *st, uint32_t index);
// Its nodes have restarted since: it waits for the reaper.
bool session_is_over(const struct sessions *st, const struct session *s);
// The session of that F-SEID: `up` for the UP (server) side.
struct session *session_by_seid(const struct sessions *st, bool up, enum session_kind kind,
	const struct ip_address *address, uint64_t seid, const struct session *but);
// The only PFCP session between those nodes whose UP has the SEID, at whatever address.
struct session *session_by_up_seid(
	const struct sessions *st, uint32_t node, uint32_t other, uint64_t seid);
// The session of the kind and the name that the rules have: of RADIUS, or of events.
struct session *session_by_name(struct sessions *st, const struct rules *r);

// Every stage of the session: the record, then each waiting request on top of the one before.
// `each` (may be NULL) sees the rules of each stage with its selectors. All selectors are united in
// `all`.
typedef void stage_each(
	void *context, const struct rules *r, const struct selectors *selectors, uint32_t order);
struct stages {
	struct selectors *all;
	stage_each *each;
	void *context;
};
// `u`: opened of the session; it is the last stage afterwards.
void session_stages(
	struct sessions *st, const struct session *s, struct unpacked *u, const struct stages *out);
struct selectors *session_selectors(
	struct sessions *st, const struct session *s); // opened: to be closed

// Brackets a change of what a session shows, or of what waits of it: afterwards the index follows,
// and what is to be bound anew is marked. The first opens the selectors, the second closes them.
struct selectors *session_before(struct sessions *st, const struct session *s);
// TIME: no message arrived.
enum session_cause { CAUSE_MESSAGE, CAUSE_TIME };
void session_after(
	struct sessions *st, struct session *s, struct selectors *before, enum session_cause cause);
// The session ends: nothing is found by its selectors any more.
void session_leave(struct sessions *st, const struct session *s);

// Ownership of a selector. OWN_OF_USER: another session of the same subscriber has the address in
// another network.
enum owner { OWN_NOT, OWN_AMBIGUOUS, OWN_OF_USER, OWN };
struct claimant {
	const struct session *session;
	const struct rules *rules; // its own
};
enum owner session_owns(struct sessions *st, const struct claimant *c, const struct selector *w);
void holders_mark(struct sessions *st, uint64_t hash, uint32_t but);

// Life.
struct session *session_create(struct sessions *st, const struct rules *r, uint32_t pair);
// The accepted state becomes `r`; selectors, indexes and bindings follow. The session may move: its
// new place, or NULL without memory (then nothing has changed).
struct session *session_replace(struct sessions *st, struct session *s, const struct rules *r);
enum session_end { END_RELEASED, END_LOST, END_FORGOTTEN, END_SUPERSEDED };
void session_end(struct sessions *st, struct session *s, enum session_end why);
void session_heard(struct sessions *st, struct session *s);
void session_move(struct sessions *st, struct session *s, struct pair *to); // other nodes have it
void session_set_partial(struct sessions *st, struct session *s, bool partial);

// Correlation IDs (3GPP TS 33.128 clause 6.2.3.3.2): one for each user plane path. A session has its
// own from its first message to its end; sessions of one subscriber that meet in a tunnel share one.
uint64_t session_correlation(const struct sessions *st, const struct session *s); // never 0
// It was reported with a task, or another session has it as well: its end will be reported (sink
// `over`).
void correlation_used(struct sessions *st, struct session *s);
void correlation_share(struct sessions *st, struct session *s, struct session *with);
void correlation_end(struct sessions *st, const struct session *s); // its session ends

// Objects that wait for their end.
struct reaping { // sessions of a past restart epoch
	STAILQ_ENTRY(reaping) link;
	uint32_t session;
};
struct lingering { // a tunnel left by a handover
	STAILQ_ENTRY(lingering) link;
	uint64_t until_ns;
	uint32_t session;
};
struct departures {
	STAILQ_HEAD(, reaping) reap;
	uint32_t reap_turn;
	STAILQ_HEAD(, lingering) linger; // the first to end first
	uint32_t oldest_partial, newest_partial;
};
struct departures *departures_new(struct sessions *st);
void departures_free(struct sessions *st);
void sessions_reap(struct sessions *st, uint32_t most);
void sessions_linger(struct sessions *st, uint32_t session, uint64_t until_ns);
void sessions_expire(struct sessions *st);

// Room.
// For one session more: what a restart left goes, then what was never answered, then partial
// sessions. False: there is none.
bool sessions_room(struct sessions *st);
bool sessions_have_room(const struct sessions *st);
// NULL: a retransmission, or no memory.
struct transaction *transaction_ask(
	struct sessions *st, uint8_t protocol, uint64_t key, const struct span *raw);
void transactions_expire(struct sessions *st);

// Restarts. The sender's stamp: another one than before is a restart.
void pair_heartbeat(struct sessions *st, uint32_t sender, uint32_t other, uint32_t recovery);
// Forgets the sessions of the nodes; false: they had no sessions. The restart is the caller's to
// count.
bool pair_restart(struct sessions *st, struct pair *p);
void nodes_set_deletion(struct sessions *st, const struct span *csids, unsigned n);
