#pragma once

// Bindings of subscriptions, shared by the sessions that show them, and references to them.

#include "dataplane/session/session_selector_internal.h"
#include "dataplane/session/session_subscription_internal.h"

struct membership { // a session that satisfies a subscription
	SLIST_ENTRY(membership) of_session;
	LIST_ENTRY(membership) of_subscription;
	struct subscription *subscription;
	uint32_t session;
	uint32_t n;
	struct binding_ref { // a binding, and on which link this session shows it
		uint32_t index;
		bool n9;
	} * ref;
	bool unsure;
	bool ambiguous;
	bool unseen;	// no port shows any of it
	bool on_n6;	// bound by its user's address
	bool on_first;	// bound by tunnels of the link that comes first
	bool counts; // its session was accepted, and no other session has all of it
};

struct shared_binding { // one binding of one subscription, shared by all sessions that show it
	struct subscription *subscription;
	uint32_t index;
	uint32_t refs[2]; // on N3 or N6, on N9
	uint8_t kind, direction, link;
	bool tunnels, reported;
	uint64_t id, hash, correlation;
	uint32_t teid;
	struct ip_prefix prefix;
	const struct pdr_select *select;
	SLIST_ENTRY(shared_binding) of_unreported;
	bool queued;
};

struct wanted_binding { // a binding that the session at hand shows
	struct subscription *subscription;
	uint32_t next; // of the same subscription
	bool foreign, tunnels;
	uint64_t correlation;
	struct selector selector;
	uint8_t direction;
	const struct pdr_select *select;
};

struct binding_set {
	struct session_table table;
	struct session_index index;
	uint64_t binding_id;
	SLIST_HEAD(, shared_binding) unreported;
	struct binding_ref *release; // to let go at the end of the message
	uint32_t n_release, release_size;
};
struct binding_set *binding_set_new(struct sessions *st);
void binding_set_free(struct sessions *st);
uint32_t binding_take(
	struct sessions *st, struct wanted_binding *d); // keeps d's select; SESSION_NONE
void binding_drop(struct sessions *st, uint32_t index, bool silent, bool n9);
void bindings_retry(struct sessions *st);

struct membership *membership_new(struct sessions *st, struct session *s, struct subscription *w);
void membership_unlink(struct sessions *st, struct session *s, struct membership *b);
void membership_drop(struct sessions *st, struct membership *b); // its subscription ends: silently
void membership_release(
	struct sessions *st, const struct membership *b); // its refs, at the end of the message
void memberships_released(struct sessions *st);		  // the message has ended
// Ends all memberships of the session: `lost`: its view was lost, `released`: it was released.
void memberships_end(struct sessions *st, struct session *s, bool lost, bool released);

// The other sessions of its path (session_path.c). Whether they are bound for the subscription by
// the user's address, or by tunnels of the link that comes first.
bool path_on_n6(const struct sessions *st, const struct session *s, const struct subscription *w);
bool path_on_first(const struct sessions *st, const struct session *s, const struct subscription *w);
// The link of a tunnel: N9 where its session or another of the path names it N9, for a function may
// name either N3.
uint8_t path_link(struct sessions *st, const struct session *s, const struct selector *w);
void path_mark(struct sessions *st, const struct session *s); // they are bound anew

struct binding_round *binding_round_new(struct sessions *st);
void binding_round_free(struct sessions *st);
void bind_flush(struct sessions *st);
