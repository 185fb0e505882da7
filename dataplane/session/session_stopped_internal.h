#pragma once

// Sessions of RADIUS accounting that have stopped: remembered for minutes, so that what UDP brings
// behind the Stop does not open them again.

#include "dataplane/session/session_record_internal.h"

struct stopped {
	TAILQ_ENTRY(stopped) by_age;
	uint64_t key, since_ns;
	struct account_time when; // of the Stop; the latest that it can have been
	uint32_t index;
	// It was not stopped: its address was given to another session, and its Stop was not seen.
	bool superseded;
};
TAILQ_HEAD(stopped_list, stopped);

struct stopped_sessions {
	struct session_table table;
	struct session_index index; // from keys to places in the table
	struct stopped_list list;   // oldest first
};
struct stopped_sessions *stopped_sessions_new(struct sessions *st);
void stopped_sessions_free(struct sessions *st);

// A NAS that restarts uses its names anew: `epoch` counts its restarts.
uint64_t stopped_key(const struct sessions *st, const struct rules *r, uint32_t epoch);
struct stopped *stopped_find(const struct sessions *st, uint64_t key); // NULL: not remembered
// The oldest gives way where there is no room (counted as `stops_forgotten`).
void stopped_remember(
	struct sessions *st, uint64_t key, const struct account_time *when, bool superseded);
void stopped_forget(struct sessions *st, struct stopped *s);
void stopped_expire(struct sessions *st); // what was remembered long enough
