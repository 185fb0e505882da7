#pragma once

// Tasks with several rules. For tasks that name a session or a subscriber, the follower's changes
// become bound rules of the match table. For tasks with alternatives, each criterion that a packet
// shows by itself is a rule, and the others are sessions of which any is the task's. Builder
// thread; nothing is published here.

#include "dataplane/capture/task_counters.h"
#include "dataplane/follow/follower.h"
#include "dataplane/report/reporter.h"
#include "dataplane/tasks/reconcile.h"

struct bindings;
struct bound_task; // one such task; its hold's

// Both stay the caller's; `reconcile` has store and links. NULL when out of memory.
struct bindings *bindings_new(struct table_builder *builder, struct reconcile *reconcile);
void bindings_free(struct bindings *b);				// its tasks have been dropped
void bindings_follower(struct bindings *b, struct follower *f); // before the first task
// Sets the source of sessions' sequence contexts, and the maker of their summaries: the caller's,
// before the first task. Without counters every PDU has its task's correlation ID.
void bindings_counters(struct bindings *b, struct task_counters_owner *counters);
void bindings_reporter(struct bindings *b, struct reporter *r);
// By what is judged whether a rule of a session came too late for packets of it, or has none.
struct bindings_patience {
	const struct signalling_gap *gap; // the caller's; NULL: workers share nothing
	bool held; // workers hold packets of tunnels
	uint64_t early_ns;  // what may pass from message to rule where nothing is held
	uint64_t unsure_ns; // so long its task is unsure
};
// Before the first task. Without it no rule is late.
void bindings_patience(struct bindings *b, const struct bindings_patience *p);
int bindings_follow_fd(const struct bindings *b);		// -1 without a follower
bool bindings_followed(const struct bindings *b);

// The task begins to wait for its sessions, and its own alternatives go into the table; it is in the
// store and holds its slot. In force for packets received since `from_ns`. 0 or NOMEM. Sessions need
// a follower.
[[nodiscard]] int bindings_begin(
	struct bindings *b, struct task_entry *task, uint64_t from_ns, struct bound_task **out);
// A modification that asks for the same sessions: `task` goes on with what its predecessor has, and
// its rules take the place of the others with the next commit. False when it asks for others.
bool bindings_take_over(struct bindings *b, struct bound_task *t, struct task_entry *task);
// A modification that asks for others: `t` goes on with the sequence numbers of those sessions of
// `from`, its predecessor's, that it asks for as well. Before bindings_end of that.
void bindings_sessions_keep(
	struct bindings *b, struct bound_task *t, const struct bound_task *from);
// The same for one that names no session now: what is returned holds them until bindings_unpark.
// NULL without memory: they begin anew.
struct bound_task *bindings_sessions_park(
	struct bindings *b, struct task_entry *task, const struct bound_task *from);
void bindings_unpark(struct bound_task *parked); // NULL allowed
// Its rules leave the table (with the next commit), and no request waits for it any more.
void bindings_end(struct bindings *b, struct bound_task *t);
// After the grace period of the table without its rules.
void bindings_drop(struct bound_task *t);

// Returns when the follower has done all that was begun or ended, and its changes wait.
void bindings_wait_done(struct bindings *b);
// Changes of the table from all that waits. The number of rules put or removed, or NOMEM: the rest
// waits for the next call, which counts what was done before as well.
int bindings_apply(struct bindings *b);
// After the grace period, and before the reporter is waited for: it lets go of the sessions that left.
void bindings_reports_leave(struct bindings *b);
// After the grace period of the table with what was applied: gives back what rules that left named.
// `measure`: notes how long ago the messages behind the new rules were received.
void bindings_in_force(struct bindings *b, bool measure, uint64_t now_ns);

// True when rules that were applied end with another commit, which is due at once.
bool bindings_need_commit(const struct bindings *b);

// Digests of the task's rules, summed; returns how many there are.
uint32_t bindings_digest(const void *b, const struct bound_task *t, uint64_t *sum);

// Conditions of a task for the controller, each reported once. UNSEEN: no port shows the tunnels of
// a session of it.
enum bound_condition { BOUND_WAITING, BOUND_UNSURE, BOUND_UNSEEN, BOUND_FOLLOWED, BOUND_ENDED };
struct bound_report {
	struct id16 ne, xid;
	enum bound_condition condition;
	uint32_t sessions;
};
bool bindings_next_report(struct bindings *b, struct bound_report *out); // false: no more
// Ends the doubt of tasks that had a late rule long enough ago.
void bindings_late_tick(struct bindings *b, uint64_t now_ns);
// Looks at some of the tunnels that have shown no packet since they were bound. Once a second or so.
void bindings_quiet_tick(struct bindings *b, uint64_t now_ns);
// Reports everything again, to a controller that may have missed some of it.
void bindings_report_again(struct bindings *b);
uint32_t bindings_sessions(const struct bound_task *t);
bool bindings_follows(const struct bound_task *t); // signalling resolves it, or some of it

struct bindings_counts {
	uint32_t tasks, waiting, unsure; // now
	uint32_t rules;
	uint64_t late; // rules that came too late for packets of their session, so far
	uint64_t quiet;     // tunnels that had no packet for long while others had, so far
	uint64_t elsewhere; // tunnels whose TEID arrived at another address instead
	uint64_t measured;		  // rules whose latency was noted
	uint64_t p50_ns, p99_ns, most_ns; // from the message's receive time to in force
};
void bindings_counts(const struct bindings *b, struct bindings_counts *out);
