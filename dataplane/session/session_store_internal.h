#pragma once

// The session store. Every concern keeps its own part, which its own header shows.

#include "dataplane/session/session.h"
#include "dataplane/session/session_table_internal.h"

struct binding_round;
struct binding_set;
struct departures;
struct early_responses;
struct hash_contexts;
struct marks;
struct nodes;
struct session_strings;
struct stopped_sessions;
struct subscriptions;
struct transactions;
struct workspace;

struct sessions {
	struct sessions_settings s;
	struct session_memory memory;
	uint64_t now_ns;
	uint64_t message_ns; // when the message at hand was received; not the time of a tick before
			     // it
	struct session_counts counts;
	struct session_table sessions;
	struct session_index index; // from keys and selectors to sessions
	uint32_t generations;	    // given
	uint32_t n_events;	    // sessions of events
	struct session_strings *strings;
	struct nodes *nodes;
	struct departures *departures;
	struct transactions *transactions;
	struct early_responses *early_responses;
	struct stopped_sessions *stopped; // of RADIUS
	struct marks *marks;
	struct subscriptions *subscriptions;
	struct hash_contexts *hashes;
	struct binding_set *bindings;
	struct binding_round *round;
	struct workspace *work;
};
