#pragma once

// The session store: sessions that signalling shows, and the tasks that they concern (decision 27).
// Every session of the link is kept, not only targets': a task may come long after its session.
// Pure code: no socket, no clock, no lock; one thread (the follower's). Bounded memory.
//
// A subscription is one task's session_target. For each session that satisfies it, the store calls
// bind once for every selector in which the session's packets are seen on the links (a tunnel end,
// or a user address), and unbind when that selector is gone; all within the call that showed it. A
// request adds, its response accepts (3GPP TS 29.244; see signalling.h for the messages).

#include "dataplane/match/link_class.h"
#include "dataplane/match/pdr_select.h"
#include "dataplane/signalling/signalling.h"
#include "shared/config.h"
#include "shared/session_target.h"

struct sessions;

enum binding_kind { BINDING_TUNNEL, BINDING_ADDRESS };

struct binding {
	uint64_t id;	  // never used twice
	uint64_t from_ns; // receive time of the message that showed it
	uint8_t kind;	  // enum binding_kind
	// PDU_DIRECTION_FROM_TARGET (uplink) or _TO_TARGET. BINDING_ADDRESS: 0 for both; else only
	// packets from the address, or to it, are meant (rules of one direction).
	uint8_t direction;
	uint8_t link;  // enum config_link on which it can be seen: N3, N9 or N6
	bool tunnels;  // as link_class_bind_session has it: N6 is not looked at
	uint32_t teid; // BINDING_TUNNEL: with `prefix` as the outer destination, full length
	struct ip_prefix prefix; // network order
	// The sessions of one path of the user plane share it; 0: settings without `correlate`.
	uint64_t correlation;
	// The packets of it that are wanted: NULL all; else evaluated on the user's packet.
	// Reference-counted; the sink takes its own reference.
	const struct pdr_select *select;
};

struct subscription_state { // reported at the beginning, and whenever it changes
	uint32_t sessions;  // accepted ones that satisfy it now, also while idle
	bool bound_once;    // there was one at least once
	// Its view was lost: association gone, memory bound reached, message loss seen. Or packets
	// of a session of it cannot be distinguished on these links.
	bool unsure;
	bool unseen; // that is all: no port shows the tunnels of a session of it
	bool ended; // reported once: the last one was released
};

struct sessions_sink {
	// 0 or NOMEM: then the store calls it again with the next message.
	int (*bind)(void *context, uint64_t subscription, const struct binding *b);
	void (*unbind)(void *context, uint64_t subscription, uint64_t binding);
	void (*state)(void *context, uint64_t subscription, const struct subscription_state *state);
	void *context;
	// Every session of a correlation ID that was bound, or may have been, is over: it never
	// comes again. Among what the message binds and unbinds; may be NULL.
	void (*over)(void *context, uint64_t correlation);
};

struct sessions_settings {
	uint32_t sessions_max;
	uint64_t memory_max;  // bytes, all of the store, with what it takes by itself (0.7 MiB)
	uint64_t answered_ns; // how long answered transactions are remembered (60 s)
	uint64_t waiting_ns;  // how long a request waits for its response, and a response for its
			      // request
	uint64_t handover_ns; // how long the old tunnel goes on after a handover's response (1 s)
	uint64_t age_ns;      // partial sessions silent for so long are forgotten
	bool correlate;		// bindings have their session's correlation ID
	const struct link_classes *links; // the caller's; NULL: every selector of a session is seen
	uint64_t seed[2];		  // of the hashes
	struct sessions_sink sink;
};
#define SESSIONS_DEFAULTS                                                                    \
	.sessions_max = 1048576, .memory_max = 1536ull << 20, .answered_ns = 60000000000ull, \
	.waiting_ns = 180000000000ull, .handover_ns = 1000000000ull, .age_ns = 86400000000000ull

// Counters since the start; one writer (the owner), relaxed readers. Strangers: the follower's, of
// what the taps left out. Accounts_late: messages of RADIUS accounting that came behind what had
// overtaken them, and changed nothing; stops_forgotten: Stops that had no room to be remembered.
#define SESSION_COUNTS(X)      \
	X(messages)            \
	X(requests)            \
	X(responses)           \
	X(retransmissions)     \
	X(established)         \
	X(modified)            \
	X(released)            \
	X(restarts)            \
	X(partial)             \
	X(unanswered)          \
	X(unmatched_responses) \
	X(rejected)            \
	X(evicted)             \
	X(refused)             \
	X(identity_unseen)     \
	X(ambiguous)           \
	X(accounts_late)       \
	X(stops_forgotten)     \
	X(binds)               \
	X(unbinds)             \
	X(strangers)

struct session_counts {
#define X(name) uint64_t name;
	SESSION_COUNTS(X)
#undef X
	uint64_t reason[SIGNALLING_PROTOCOLS][SIGNALLING_REASON_COUNT];
	uint32_t sessions, partial_now, nodes;
	uint64_t octets;   // memory in use
	uint64_t since_ns; // followed since: first message
};

// NULL when out of memory.
struct sessions *sessions_new(const struct sessions_settings *s);
void sessions_free(struct sessions *s); // calls no sink

// One datagram: decoded, matched with its transaction, applied, bound. One that is older than the
// last tick keeps its own time for what it binds.
void sessions_take(struct sessions *s, const struct signalling_packet *p);
// Time passes: transactions, handovers and partial sessions end. At least every 100 ms.
void sessions_tick(struct sessions *s, uint64_t now_ns);

// A task begins to wait (binds what is there at once, but see sessions_walk), or ends (unbinds nothing: the caller drops
// all of the subscription's bindings itself). `direction`: FILTER_ANY_DIRECTION, or the one that
// GTPTunnelDirection asks for; with SUBSCRIPTION_TUNNELS for a task that also names a tunnel.
// A hashed identity (SESSION_HASHED) is compared with the digest of what signalling shows, under the
// target's algorithm and salt. The first target of a hash context has all sessions hashed
// (sessions_walk); there is room for 16 contexts.
// 0, EXISTS or NOMEM (also for a 17th context); NOT_FOUND.
#define SUBSCRIPTION_TUNNELS 0x80u
[[nodiscard]] int sessions_subscribe(struct sessions *s, uint64_t subscription,
	const struct session_target *t, uint8_t direction);
// The same of `n` targets, of which any is enough: a session that satisfies several counts and is
// bound once. With more than one each wants all of a session (no PDR, QER or network instance); its
// sessions have ended only when each target has had one.
[[nodiscard]] int sessions_subscribe_any(struct sessions *s, uint64_t subscription,
	const struct session_target *targets, uint32_t n, uint8_t direction);
[[nodiscard]] int sessions_unsubscribe(struct sessions *s, uint64_t subscription);
// Scans all sessions where no index leads to a subscription's sessions (hundreds share its IMEI,
// for example; its hash context is new): up to `n` of them with each call, so that signalling need
// not wait for a million. True while some are left: no state of such a subscription has been
// reported then.
bool sessions_walk(struct sessions *s, uint32_t n);

// A session that a network function shows by its events instead of signalling. It competes with
// those of signalling as sessions of RADIUS do, and shares their path and correlation ID where both
// show the same tunnels or addresses.
enum session_event_kind {
	SESSION_EVENT_IS,   // it begins, or changed: all that follows is how it is now
	SESSION_EVENT_ENDS, // released
	SESSION_EVENT_FUNCTION_LOST, // a function is silent: every subscription is unsure
	SESSION_EVENT_FUNCTION_BACK, // as often as LOST: none is for that reason any more
};
#define SESSION_EVENT_TUNNELS 16u
struct session_event {
	uint8_t kind;	    // enum session_event_kind
	const char *name;   // unique among all of them; at most SESSION_EVENT_NAME octets
	uint16_t name_length;
	uint64_t time_ns;   // receive time of the event here
	struct signalling_identity user;
	struct span dnn;    // length 0: none
	struct f_seid cp, up; // without address: not given
	uint8_t n_addresses, n_uplink, n_downlink;
	struct ip_prefix address[RADIUS_ADDRESSES_MAX]; // of the user
	struct tunnel_end uplink[SESSION_EVENT_TUNNELS];   // F-TEIDs of the UPF: N3 from the user
	struct tunnel_end downlink[SESSION_EVENT_TUNNELS]; // F-TEIDs of the access network
	// Set by the call.
	uint64_t correlation; // of its path; 0: none
	int result;	      // 0, NOMEM when the store is full, NOT_FOUND of ENDS
};
#define SESSION_EVENT_NAME 200u
void sessions_event(struct sessions *s, struct session_event *e);

void sessions_counts(const struct sessions *s, struct session_counts *out);
