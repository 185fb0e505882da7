#pragma once

// Records of network functions for tasks: events that poi-events hands over (shared/nf_event.h)
// become xIRI of the tasks whose identities they carry, and sessions of the store, so that content
// is bound with the same correlation ID. Builder thread; one writer of its own capture.
//
// An event is checked first, by encoding it, whether a task wants it or not: nothing of the answer
// depends on tasks. Its session is handed to the follower. When the builder has committed, its
// xIRI are queued and its answer is sent, in the order of the events.

#include "dataplane/capture/capture.h"
#include "dataplane/follow/follower.h"
#include "shared/channel.h"
#include "shared/config.h"
#include "shared/nf_event.h"

struct functions;

struct functions_settings {
	const struct config *config; // the caller's
	struct follower *follower;   // likewise; not NULL where events are configured
	struct capture *capture;     // its own
	struct task_counters_owner *counters;
};

// NULL when out of memory, or with `why` set for a user that the system does not have.
struct functions *functions_new(const struct functions_settings *s, char *why, size_t why_size);
void functions_free(struct functions *f);

// ---- tasks ----

// A task whose X2 has records: its targets, of which any is enough, copied; `x2` is the caller's,
// complete before the next call of functions_task_start or functions_take, and there until
// functions_task_leave. 0 or NOMEM.
struct function_task;
[[nodiscard]] int functions_task_enter(struct functions *f, const struct x2_task *x2,
	uint8_t records, const struct session_target *targets, uint32_t n,
	struct function_task **out);
// It is in force: queues start of interception records of the sessions and registrations that are
// known and that `before` (NULL: none), the version that it replaces, does not have.
void functions_task_start(
	struct functions *f, struct function_task *t, const struct function_task *before);
void functions_task_leave(struct functions *f, struct function_task *t); // NULL allowed

// ---- the link to poi-events ----

// Connects where it is not connected; once a second or so. Returns the descriptor to wait for, -1:
// none.
int functions_tick(struct functions *f, uint64_t now_ms);
int functions_fd(const struct functions *f);
// The tasks are not all there: an event that is taken now would be lost. Gives the connection up
// until the next tick.
void functions_rest(struct functions *f);
// Takes what waits, at most a batch. True when functions_finish is due behind a commit.
bool functions_take(struct functions *f);
// Queues the xIRI of events that are in force now, and sends the answers. `in_force`: the commit
// succeeded; else the events are answered LATER.
void functions_finish(struct functions *f, bool in_force);

void functions_counts(const struct functions *f, struct channel_functions *out);
