#pragma once

// The builder thread's work: channel messages become store entries, rules, slots, contexts and
// destinations; a commit publishes them all at once and waits for the grace period. One thread.
//
// A removed task leaves in this order: a table without it is published and its grace period is
// over, then its last summary reports are queued, then its contexts are given back, then its slot
// waits until delivery has accounted for every copy. A destination is handed to deliver_remove
// after the grace period as well.

#include "dataplane/follow/bindings.h"
#include "dataplane/functions/functions.h"
#include "dataplane/deliver/deliver.h"
#include "dataplane/match/table_rcu.h"
#include "dataplane/report/reporter.h"
#include "dataplane/capture/task_counters.h"
#include "dataplane/tasks/task_table.h"
#include "dataplane/match/table.h"
#include "shared/channel.h"
#include "shared/config.h"

struct builder;

// Keeps references to `counters` only; owns its table builder. `deliver` comes later because it needs
// the workers' captures. NULL when out of memory.
struct builder *builder_new(
	const struct config_dataplane *config, struct task_counters_owner *counters);
void builder_free(struct builder *b); // workers and deliver have stopped

struct table_rcu *builder_table_rcu(struct builder *b);
void builder_deliver(struct builder *b, struct deliver *d);   // before the first message
void builder_reporter(struct builder *b, struct reporter *r); // before the first message
void builder_functions(struct builder *b, struct functions *f); // before the first message
// Without one, tasks by session are refused (UNSUPPORTED).
const struct link_classes *builder_link_classes(
	const struct builder *b); // the classes of its ports; lives as long
void builder_follower(struct builder *b, struct follower *f); // before the first message
// As bindings_patience; likewise before the first message.
void builder_patience(struct builder *b, const struct bindings_patience *p);

// Takes one message of the controller (NE_PUT ... TOMBSTONE_CLEAR). 0 or the error for its ACK.
// What changed is in force after the next builder_commit. UNSUPPORTED for another message.
[[nodiscard]] int builder_apply(
	struct builder *b, uint16_t id, const uint8_t *body, size_t length, uint64_t now_ms);
// Publishes what changed and returns after the grace period. NOMEM: nothing was published, the
// changes wait for the next commit.
[[nodiscard]] int builder_commit(struct builder *b);
uint64_t builder_generation(const struct builder *b);

// Decision 13: stops every task of one element whose deadline is past and commits. False when there
// is none; otherwise `ne` is that element.
bool builder_fail_safe(struct builder *b, uint64_t now_ms, struct id16 *ne);
// An element whose ADMF has just been silent for its silence_ms; its tasks go on. False when there is none.
bool builder_silence(struct builder *b, uint64_t now_ms, struct id16 *ne);
// Milliseconds to the next deadline of either, UINT64_MAX when there is none.
uint64_t builder_next_deadline(const struct builder *b, uint64_t now_ms);

// Takes over from an earlier process's box: PDUs that were not acknowledged, counters and, where the
// IPIDs are the same, sequence numbers. They wait until control puts their tasks and destinations.
// Call only while builder_is_new. Returns 0, NOMEM, or INVALID when the box cannot be read; what
// `out` does not count is lost then.
struct builder_inherited {
	uint32_t tasks;
	uint64_t waiting, lost; // copies
};
bool builder_is_new(const struct builder *b);
[[nodiscard]] int builder_inherit(
	struct builder *b, const struct box *old, bool same_origin, struct builder_inherited *out);
// Every object of the replay has been put: the rest is lost, and reported.
void builder_inherit_end(struct builder *b);

// Gives back slots whose copies are accounted for, of at most `budget` that are scanned in turn.
// Returns true if most of these were, so that another call at once is worth its time: slots whose
// mediation function is silent wake no thread.
bool builder_drain(struct builder *b, uint32_t budget);

// A base is rebuilt on a thread of its own; the descriptor becomes readable when it is done, and
// then builder_folded takes it in.
int builder_fold_fd(const struct builder *b);
void builder_folded(struct builder *b);

// Readable when signalling has changed what is to be matched; then builder_follow puts it in force.
// -1 without a follower.
int builder_follow_fd(const struct builder *b);
void builder_follow(struct builder *b);
// Readable when poi-events has sent something; then builder_events puts in force what follows from
// it, queues its records and answers. -1 while there is no connection. The tick connects where all
// tasks are there (`complete`), else the connection is given up.
int builder_events_fd(const struct builder *b);
void builder_events(struct builder *b);
void builder_events_tick(struct builder *b, uint64_t now_ms, bool complete);
// Looks at tunnels without packets. Once a second or so; `now_ns`: wall clock.
void builder_watch(struct builder *b, uint64_t now_ns);
// The next change of a task by session, each once. False: no more. `now_ns`: wall clock.
bool builder_next_report(struct builder *b, uint64_t now_ns, struct bound_report *out);
void builder_report_again(struct builder *b); // everything again
void builder_followed(const struct builder *b, struct bindings_counts *out);

// One more part of the scan that compares the stored tasks with the live table (reconcile.h), at
// most `budget` tasks. True at the end of a scan, with `agrees`; the next call begins a new one.
bool builder_reconcile(struct builder *b, uint32_t budget, bool *agrees);

// One part of a scan for tasks that lost copies.
struct builder_losses {
	uint64_t copies_lost; // by all tasks: without growth nothing is scanned
	uint64_t now_ms;
	uint32_t tasks;	 // at most so many looked at
	uint32_t events; // at most so many reported; the rest by a later scan
	void (*report)(
		void *context, struct channel_event *b); // TASK_LOSS or TASK_CLEAR, without time
	void *context;
};
// True when there is nothing (more) to look at until the next second.
bool builder_losses(struct builder *b, const struct builder_losses *l);

// Delivery has stopped: reports what every task and destination lost with that (TASK_LOSS and
// TASK_CLEAR, DISCARDED), without time.
void builder_stopped(struct builder *b,
	void (*report)(void *context, struct channel_event *e), void *context);

const struct task_table *builder_task_table(const struct builder *b);
void builder_task_status(
	const struct builder *b, const struct channel_object *of, struct channel_task_status *out);
