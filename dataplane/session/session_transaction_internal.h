#pragma once

// Requests that wait for their responses, those that were answered, and responses whose request was
// not seen yet.

#include "dataplane/session/session_record_internal.h"

enum transaction_state { TRANSACTION_ASKED, TRANSACTION_ASSUMED, TRANSACTION_ANSWERED };

struct transaction {
	uint64_t key;	   // keyed hash of both ends, sequence number and type
	uint64_t alias;	   // the key of an answer to the protocol's own port; 0: it asked from there
	uint64_t octets;   // keyed hash of the request
	uint64_t response; // keyed hash of the response
	uint64_t time_ns;
	TAILQ_ENTRY(transaction) by_age; // of the same state
	SLIST_ENTRY(transaction) of_session;
	// Those behind it: GTPv2-C the same request for another session, PFCP copies of later ones
	// that are accepted already, in the order in which they were asked.
	SLIST_ENTRY(transaction) sibling;
	uint32_t index, session, generation, pair;
	uint32_t restart_epoch; // of the pair, when it was asked of a session
	uint32_t order;
	uint32_t copy_of; // order
	uint32_t length;  // of raw
	uint8_t protocol, type, state;
	bool of_restart_epoch;
	bool attached;		  // waits, in the list of its session
	bool keyless;		  // a sibling
	uint8_t *raw;		  // until it is answered
	uint32_t *names, n_names; // strings of the network instances in it: they keep their numbers
};

struct transaction_list {
	TAILQ_HEAD(, transaction) list; // oldest first
	uint32_t n;
	uint64_t octets;
};

#define EARLY_SLOTS 65536u
struct early_response { // a response whose request was not seen yet
	uint64_t key, time_ns;
	struct signalling_end source, destination;
	uint32_t length;
	uint8_t protocol;
	TAILQ_ENTRY(early_response) by_age;
	uint8_t octets[];
};

// A session's requests that wait: more at a time, and the oldest is given up, and its selectors go.
// With each of them, as many that came later and are accepted already.
#define ASKED_OF_SESSION_MAX 8u
#define LATER_KEPT_MAX 4u

struct transactions {
	struct session_table table;
	struct session_index index;
	struct transaction_list asked, answered;
	uint32_t order;
};
struct transactions *transactions_new(struct sessions *st);
void transactions_free(struct sessions *st);

uint64_t transaction_key(const struct sessions *st, const struct signalling_packet *p,
	uint32_t sequence, uint8_t type, bool response);
uint64_t transaction_octets(const struct sessions *st, const struct span *raw);
struct transaction *transaction_find(const struct sessions *st, uint64_t key);
// The request of an answer: also one from another port than the answer goes to, where a peer sends
// all answers to the protocol's own port. NULL: none, or no single one.
struct transaction *transaction_of_answer(const struct sessions *st, uint64_t key);
// Lets `t`, whose type is set, be found by an answer to the protocol's own port. `p`: the request.
void transaction_alias(struct sessions *st, struct transaction *t,
	const struct signalling_packet *p, uint32_t sequence);
// One that waits, of no session. NULL without memory.
struct transaction *transaction_new(struct sessions *st, const struct span *raw);
void transaction_free(struct sessions *st, struct transaction *t); // it is detached
void transaction_attach(struct sessions *st, struct transaction *t, struct session *s);
// After the pair's sessions were forgotten, identical octets are a new request, not a
// retransmission.
void transaction_of_pair(struct sessions *st, struct transaction *t, uint32_t pair);
struct session *transaction_session(struct sessions *st, const struct transaction *t); // NULL: over
void transaction_detach(struct sessions *st, struct transaction *t); // from its session
// Keeps the names while the request waits: sessions are compared by their numbers.
void transaction_names(struct sessions *st, struct transaction *t, const struct pfcp_message *m);
void transaction_answered(struct sessions *st, struct transaction *t, const struct span *response);
void transaction_assume(struct sessions *st, struct transaction *t);
// `later` is accepted before `t`: it holds over what `t` asked, whenever that is accepted. False
// when it cannot be kept for that.
bool transaction_keep_later(
	struct sessions *st, struct transaction *t, const struct transaction *later);
void transaction_siblings_free(struct sessions *st, struct transaction *t);
struct transaction *transaction_sibling(
	struct sessions *st, struct transaction *t, struct session *s);
void transactions_forget(struct sessions *st, struct session *s); // the session ends

struct early_responses {
	TAILQ_HEAD(, early_response) list; // oldest first
	uint16_t *at;			   // how many, by a part of the key
	uint32_t n;
	uint64_t octets;
};
struct early_responses *early_responses_new(struct sessions *st);
void early_responses_free(struct sessions *st);
// The oldest, taken out, when it has waited in vain. NULL: none.
struct early_response *early_response_expired(struct sessions *st);
void early_response_keep(struct sessions *st, const struct signalling_packet *p, uint64_t key,
	const struct span *raw);
// Joins a request with the response that came before it. `join` applies a response; it returns
// false when that belongs to another request of the same number, which counts as unmatched.
void early_response_join(struct sessions *st, uint64_t time_ns, struct transaction *t,
	bool (*join)(struct sessions *st, uint64_t time_ns, struct transaction *t,
		const struct early_response *e));
void early_response_free(struct sessions *st, struct early_response *e);
struct signalling_packet early_response_packet(const struct early_response *e, uint64_t time_ns);
bool transaction_repeats(
	const struct sessions *st, const struct transaction *t, const struct span *response);
