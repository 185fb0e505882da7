#pragma once

// Subscriptions of tasks, where they are found, and the sessions that satisfy them.

#include "dataplane/session/session_record_internal.h"

// All subscriptions that are looked up by one key; any number of tasks may have it.
struct subscription_index {
	uint64_t key;
	uint32_t index;
	LIST_HEAD(, subscription_index_entry) entries;
};
struct subscription_index_entry { // a subscription, where it is found
	struct subscription_index *of;
	struct subscription *subscription;
	LIST_ENTRY(subscription_index_entry) of_index;
};
#define SUBSCRIPTION_KEYS_MAX 4

struct hash_context;
struct membership;

struct subscription_way { // a target; of several any is enough, and each wants all of a session
	struct session_target target;
	uint64_t imsi, msisdn, imei, imeisv;
	struct hash_context *hashed; // SESSION_HASHED
	struct subscription_index_entry entry[SUBSCRIPTION_KEYS_MAX];
	uint8_t n_entries;
	bool had; // a session that was accepted
};

struct subscription {
	uint64_t id;
	uint32_t ni; // string, SESSION_NONE when there is none
	uint32_t index;
	uint8_t direction;
	bool tunnels;
	bool dirty, lost, ended;
	bool walking; // sessions of it may not have been scanned: its state is reported then
	uint32_t sessions, n_unsure; // memberships that count; memberships in doubt
	uint32_t n_unseen;	     // of those in doubt: no port shows any of it
	struct subscription_state reported;
	bool reported_once, bound_once;
	LIST_HEAD(, membership) memberships;
	SLIST_ENTRY(subscription) of_dirty;
	LIST_ENTRY(subscription) of_walk; // while `walking`
	// While a session is bound anew (`round`): its place among the candidates, and the
	// membership of both.
	uint64_t round;
	uint32_t candidate;
	struct membership *membership;
	uint32_t n_ways;
	struct subscription_way way[];
};
struct subscriptions {
	struct session_table table;
	struct session_index index; // by id
	struct session_table indexes;
	struct session_index key_index;
	uint32_t by_name; // those found by their network instance
	// The look at all sessions, for those that no index leads to theirs: round and round up to
	// `walk_end`, for `walk_left` more.
	LIST_HEAD(, subscription) walking;
	uint32_t walk_at, walk_end, walk_left;
	bool walk_binds; // all of them are bound anew, not only looked at for hash contexts
};
struct subscriptions *subscriptions_new(struct sessions *st);
void subscriptions_free(struct sessions *st);

bool subscription_matches(const struct subscription *w, const struct rules *r);
// An accepted session has these rules: notes which of its targets have had one.
void subscription_had(struct subscription *w, const struct rules *r);
bool subscription_had_all(const struct subscription *w);
bool subscription_of_user(const struct subscription *w); // names subscribers only
uint64_t subscription_wants(const struct subscription *w, const struct rules *r); // PDRs, by place
bool subscription_wants_all(const struct subscription *w); // nothing less than the session
bool subscription_by_name(const struct subscription *w);   // found by its network instance
bool subscription_by_digest(const struct subscription_way *w); // found by its hashed identity
struct subscription_index *subscription_index_find(const struct sessions *st, uint64_t key);
int subscription_enter(struct sessions *st, struct subscription *w); // 0 or NOMEM
void subscription_leave(struct sessions *st, struct subscription *w);

// Changes of a message, for its end.
struct marks {
	uint32_t *dirty, n_dirty, dirty_size;
	SLIST_HEAD(, subscription) subscriptions;
	bool blind, blind_reported; // a session was refused, or a message of an unknown one not read
	uint64_t blind_until_ns;
	// How many sessions there are of whose identity a kind could not be read (by the bits of
	// SIGNALLING_BROKEN_); which there are, and which were when it was reported.
	uint32_t n_broken[8];
	uint8_t broken, broken_reported;
	// Network functions that are silent; any number of them has one effect.
	uint32_t functions_lost;
	bool lost_reported;
};
struct marks *marks_new(struct sessions *st);
void marks_free(struct sessions *st);
void session_mark(struct sessions *st, struct session *s);	     // bind anew
void subscription_mark(struct sessions *st, struct subscription *w); // its state may have changed
void subscriptions_mark_all(struct sessions *st);
void bind_refused(struct sessions *st);
// A message that could not be used names no session that is known: every subscription may miss
// something, for as long as answered requests are remembered.
void sessions_unread(struct sessions *st);
// Something of a message of the session was not read. `missed`: SIGNALLING_BROKEN_ bits. Lasts as
// long as the session.
void session_missed(struct sessions *st, struct session *s, uint8_t missed);
void session_missed_end(struct sessions *st, const struct session *s); // the session ends
// True if sessions may be hidden from it by a kind of identity that could not be read.
bool subscription_blind(const struct sessions *st, const struct subscription *w);
// Something was refused for want of room: counted, and known to every subscription.
void sessions_refuse(struct sessions *st);
