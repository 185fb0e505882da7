#pragma once

// The channel's controlling end (shared/channel.h): connects to the dataplane and keeps connecting,
// brings both sides to the same truth before anything new is accepted, and matches acknowledgements
// to what was asked. Single-threaded on the event loop.
//
// Two ways to the same truth, one mechanism (STATE_GET, then differences):
// - this process is new: the dataplane's tasks and destinations are adopted, when counts and digest
//   show that all of them came, and its complete flag that there are no others (decision 11);
// - this process has the truth: what the dataplane lacks or holds differently is put, what it holds
//   beyond is removed. A dataplane that was restarted lacks everything.
// The complete flag of the dataplane is set after a replay whose every object was accepted, and
// cleared while we send differences. A new dataplane starts with it cleared.

#include <event2/event.h>

#include "control/state/registry.h"
#include "control/state/slice.h"
#include "shared/channel.h"
#include "shared/config.h"

struct publish;

struct publish_hooks { // every one must be set, unless its comment allows NULL
	// Where the state was adopted since `ready` was called last: each task, before it is called.
	void (*adopted)(void *context, struct registry_task *t);
	// A task that an earlier dataplane had, before it is put to this one: its conditions ended.
	void (*revived)(void *context, struct registry_task *t);
	// publish_free was called: walks over tasks (publish_slices) must end.
	void (*stopping)(void *context);
	// Both sides hold the same; state changes are accepted from now on.
	void (*ready)(void *context, bool adopted);
	// The dataplane is gone. What was waiting has been called back with CLOSED before this.
	void (*lost)(void *context);
	void (*event)(void *context, const struct channel_event *e);
	// The dataplane holds `xid` as a tombstone of the fail-safe.
	void (*wiped)(void *context, uint16_t ne, const struct id16 *xid);
	// A task or destination that this side had was put again: 0 when it is in force.
	void (*replayed)(
		void *context, bool destination, uint16_t ne, const struct id16 *id, int result);
	// The dataplane's whole state is read; called ahead of what follows from it. May be NULL.
	void (*stated)(void *context);
	// This process is new, and the dataplane holds nothing, its complete flag cleared: what the
	// hook puts into the registry now is replayed. May be NULL.
	void (*fresh)(void *context);
	// Behind `fresh`, until it returns 0 and not AGAIN: fills the registry bit by bit. Until then
	// publish_recovered is false. May be NULL.
	int (*restore)(void *context);
	// This process is new, and what the dataplane holds is in the registry, but its complete flag
	// is cleared: an earlier poi-control ended within a replay. True: the hook has put something
	// better into the registry in its place. False: the incomplete state is adopted, and
	// publish_incomplete_reported must follow `ready`. May be NULL.
	bool (*incomplete)(void *context);
	// A dataplane process other than before answers; the old one's conditions are gone. May be
	// NULL.
	void (*restarted)(void *context);
	// Asked when this process is new: does it have the truth all the same? What the hook puts
	// into the registry then wins over what the dataplane holds. May be NULL.
	bool (*resume)(void *context);
	// The dataplane is connected and has not answered for 5 s, or answers again. Not called where
	// `lost` is: that ends it. May be NULL.
	void (*hung)(void *context, bool hung);
	// This process is new: the memo of `ne`, ahead of its tasks. May be NULL.
	void (*element)(void *context, uint16_t ne, const uint8_t *memo, uint32_t length);
	// The ADMF of `ne` was silent for TIME_P2, and no dataplane is there that stops its tasks; or
	// this process is new, and the dataplane has stopped them. Called once per silence. May be
	// NULL.
	void (*silent)(void *context, uint16_t ne);
	// The model of later minors: the ADMF of `ne` was silent for TIME_P2 and its tasks go on
	// until TIME_P3. Called without a dataplane to report it, and by a process that is new,
	// behind `element`. May be NULL.
	void (*fell_silent)(void *context, uint16_t ne);
};

enum publish_state {
	PUBLISH_DOWN,	  // no dataplane: it captures nothing
	PUBLISH_HELLO,	  // connected, not yet answered
	PUBLISH_RECOVERY, // its state is streaming in
	PUBLISH_REPLAY,	  // differences are being put
	PUBLISH_READY,
};

// `registry` and `config` are kept by reference. Connecting starts with the loop. NULL: no memory.
struct publish *publish_new(struct event_base *base, const struct config *config,
	struct registry *registry, const struct publish_hooks *hooks, void *context);
// Sends queued messages to the dataplane for up to 500 ms; calls waiting requests back with CLOSED.
void publish_free(struct publish *p);
enum publish_state publish_state(const struct publish *p);
struct slices *publish_slices(const struct publish *p); // the budget of all long work
// The registry has been the whole truth at least once since the start (decision 11).
bool publish_recovered(const struct publish *p);
uint64_t publish_incarnation(const struct publish *p); // our own
// How long the dataplane that is connected owes an answer, in milliseconds; 0: it answers within a
// second.
uint64_t publish_unanswered_ms(const struct publish *p);

// Called exactly once, never from inside the call that asked. `result` is 0, what the dataplane
// answered, or CLOSED; `status` only for publish_task_status and only when result is 0.
typedef void (*publish_done)(void *context, int result, const struct channel_task_status *status);

// Each returns 0 when the request is on its way, CLOSED when there is no dataplane (`done` is not
// called then), TOO_LARGE when the memo is beyond CHANNEL_MEMO_MAX, or NOMEM. `done` may be NULL.
[[nodiscard]] int publish_task_put(
	struct publish *p, const struct registry_task *t, publish_done done, void *context);
[[nodiscard]] int publish_task_remove(
	struct publish *p, uint16_t ne, const struct id16 *xid, publish_done done, void *context);
[[nodiscard]] int publish_task_status(
	struct publish *p, uint16_t ne, const struct id16 *xid, publish_done done, void *context);
[[nodiscard]] int publish_destination_put(
	struct publish *p, const struct registry_destination *d, publish_done done, void *context);
[[nodiscard]] int publish_destination_remove(
	struct publish *p, uint16_t ne, const struct id16 *did, publish_done done, void *context);
[[nodiscard]] int publish_tombstone_clear(struct publish *p, uint16_t ne, const struct id16 *xid);
// Sends a task whose memo alone changed. Without a dataplane nothing is lost: it is put with the
// replay. While a modification is pending it is kept back (memo_pending), and the end of the
// modification sends the memo of what is kept: the old details would overtake the new ones there.
void publish_task_memo(struct publish *p, struct registry_task *t);
void publish_destination_memo(struct publish *p, struct registry_destination *d);
// A report that is kept, or that is answered. Without a connection nothing is lost: the next one makes
// both sides hold the same.
void publish_report(struct publish *p, struct kept_report *r);
void publish_report_gone(struct publish *p, const struct kept_report *r);
// A generic object, or that it is gone: as the puts above.
[[nodiscard]] int publish_object_put(
	struct publish *p, const struct object *o, publish_done done, void *context);
[[nodiscard]] int publish_object_gone(
	struct publish *p, uint16_t ne, const struct id16 *id, publish_done done, void *context);
// The memo of a network element. CLOSED until both sides hold the same.
[[nodiscard]] int publish_ne_memo(
	struct publish *p, uint16_t ne, const uint8_t *memo, uint32_t length);
// Returns the amounts of a task since its activation, as of the last status that the dataplane sent.
struct task_amounts publish_amounts_of(const struct registry_task *t);
// Call once every ADMF has acknowledged that recovery was incomplete; the recovered state then counts
// as complete.
void publish_incomplete_reported(struct publish *p);
// Defines a network element anew from the configuration; every connection does so by itself.
[[nodiscard]] int publish_ne(struct publish *p, uint16_t ne);
// The responsible ADMF sent a message; sent at most once per 200 ms and network element.
void publish_heard(struct publish *p, uint16_t ne);
// Milliseconds since its last message, to this process or one before; UINT64_MAX: not known.
uint64_t publish_silence_ms(const struct publish *p, uint16_t ne);
// Returns true if the ADMF of `ne` is late: it has sent nothing for TIME_P1 and half of it (clause
// 6.6.2), or for TIME_P1 and half of what is left to TIME_P2 where that is less. False where
// keepalives are off, or the ADMF has never sent a message.
bool publish_admf_late(const struct publish *p, uint16_t ne);
// Sets the silence that an earlier process recorded. A later contact that is recorded already stays.
void publish_silence_known(struct publish *p, uint16_t ne, uint64_t silent_ms);
