#pragma once

// Shared by the parts of the bindings: tasks by session, and the rules bound for them.

#include <sys/queue.h>

#include "dataplane/follow/bindings.h"
#include "dataplane/tasks/rules.h"
#include "shared/hash_table.h"
#include "shared/latency.h"

// A session of a task whose PDUs have the session's correlation ID: what they need for it. It stays
// until the session is over, for it may be without any rule for a while.
struct bound_session {
	struct hash_link by_correlation; // of all tasks
	LIST_ENTRY(bound_session) of_task;
	struct bound_task *task;
	uint64_t correlation;
	uint32_t context[COPY_KINDS];
	uint8_t kinds; // bit per enum copy_kind whose context is held
	bool over;
	uint32_t rules;	    // that name it
	struct x2_task *x2; // own allocation; NULL without DELIVERY_X2
	struct bound_session *successor; // while its task is modified
};
LIST_HEAD(bound_sessions, bound_session);

struct bound_rule {		// one rule
	struct hash_link by_id; // of its binding, never used twice
	LIST_ENTRY(bound_rule) of_task;
	struct bound_task *task;
	struct bound_session *session; // NULL: its PDUs have the task's correlation ID
	struct binding binding; // holds its select
	uint32_t number;	// of the rule
	uint8_t links;
	// Set for an alternative that a packet shows by itself: the rule has no binding then, and no place
	// in the hash by id. Own allocation, and its place among the task's alternatives, from 1.
	struct filter *own;
	uint8_t alternative;
	uint64_t put;	   // before that many publications
	uint64_t until_ns; // of the rule
	TAILQ_ENTRY(bound_rule) of_quiet;
	bool watched, quiet, elsewhere; // of_quiet; both counted
	uint64_t gone_ns;  // when it was put: newest packet let go that another task has
};
LIST_HEAD(bound_rules, bound_rule);

struct bound_task {
	struct hash_link by_subscription; // while `follows`
	uint64_t subscription; // its number, never used twice
	struct bindings *of;
	struct task_entry *task; // in the store until bindings_end
	struct bound_rules rules;
	struct bound_rules left; // out of the table; until the grace period is over
	struct bound_sessions sessions;
	struct filter also;	 // what the task asks for beside its session
	bool has_also, ended;
	bool follows; // has a subscription: signalling resolves it, or one of its alternatives
	bool owns;    // has alternatives that a packet shows
	uint64_t from_ns;
	struct subscription_state state;
	bool queued, reported;
	bool settled;	  // in force once: what it begins with is in force with it
	uint64_t late_ns; // when a rule of it last came too late; 0: long ago
	LIST_ENTRY(bound_task) of_late; // of new_tasks, then of late_tasks with late_ns
	bool over, ends; // the last session was released, and no other came; a report is due
	enum bound_condition last; // reported
	TAILQ_ENTRY(bound_task) of_pending;
	bool stale; // its rules are still its predecessor's
	LIST_ENTRY(bound_task) of_stale;
};

struct bindings {
	struct table_builder *builder;
	struct reconcile *reconcile;
	struct follower *follower;
	struct task_counters_owner *counters; // NULL: no correlation
	struct reporter *reporter;	       // NULL: none
	struct hash_table tasks, rules, sessions;
	uint64_t subscriptions; // numbers given
	bool unfinished, losing;
	uint32_t *spare; // numbers of rules that are free again
	uint32_t n_spare, max_spare, numbers;
	struct follower_changes waiting; // not applied yet
	struct follower_changes done;	 // applied; until they are in force
	struct follower_changes later;	 // what is gone before it was in force
	uint64_t published;
	int changed;		 // since the last report; not lost by a failure
	struct bound_rules left; // of tasks that go on
	struct bound_sessions left_sessions;
	TAILQ_HEAD(, bound_task) pending;
	LIST_HEAD(, bound_task) stale;
	struct bindings_patience patience;
	LIST_HEAD(, bound_task) new_tasks; // not settled
	LIST_HEAD(, bound_task) late_tasks;
	uint64_t late; // rules
	TAILQ_HEAD(bound_quiet, bound_rule) no_packet; // bound tunnels that none was seen of
	uint64_t quiet, elsewhere, quiet_logged_ns;
	struct latency latency;
};

static inline uint64_t bindings_hash(const struct hash_table *t, uint64_t number)
{
	return hash_table_hash(t, (const uint64_t[]){number, 0}, 2);
}

// Reports that wait (bindings_report.c).
void bindings_note(struct bindings *b, struct bound_task *t);
void bindings_note_all(struct bindings *b);
void bindings_forget_note(struct bindings *b, struct bound_task *t);

// Sessions (bindings_session.c). Of a binding with that correlation ID; NULL where the task names its
// own. NOMEM.
[[nodiscard]] int bindings_session_of(struct bindings *b, struct bound_task *t, uint64_t correlation,
	struct bound_session **out);
void bindings_session_ref(struct bound_session *s); // one rule more; NULL allowed
void bindings_session_unref(struct bindings *b, struct bound_session *s);
void bindings_session_over(struct bindings *b, uint64_t correlation);
// The task is another version: its sessions' contexts and X2 sides are too, its rules name them.
// NOMEM: nothing has changed.
[[nodiscard]] int bindings_sessions_renew(struct bindings *b, struct bound_task *t);
void bindings_sessions_end(struct bindings *b, struct bound_task *t);	 // of a task that ends
void bindings_sessions_forget(struct bindings *b, struct bound_task *t); // the process ends
void bindings_sessions_give(struct bindings *b); // what those that left held

// Rules that come too late (bindings_late.c).
uint64_t bindings_late_mark(const struct bindings *b, const struct bound_task *t,
	const struct binding *by); // of a rule that is put: bound_rule.gone_ns
void bindings_late_judge(struct bindings *b, struct bound_rule *o, uint64_t now_ns); // in force since now
void bindings_late_settle(struct bindings *b); // after a grace period: tasks that began before it
void bindings_late_forget(struct bound_task *t);
static inline uint64_t bindings_since(const struct bound_task *t, const struct binding *by)
{
	return by->from_ns > t->from_ns ? by->from_ns : t->from_ns;
}

// Tunnels without packets (bindings_quiet.c).
void bindings_quiet_watch(struct bindings *b, struct bound_rule *o);
void bindings_quiet_forget(struct bindings *b, struct bound_rule *o);

// Rules (bindings_rule.c). NOMEM, or how many were put or removed.
struct bound_rule *bindings_find(const struct bindings *b, uint64_t binding);
int bindings_bind(struct bindings *b, struct bound_task *t, const struct binding *binding);
int bindings_unbind(struct bindings *b, struct bound_rule *o, uint64_t until_ns);
// The rules of those alternatives of a new task that a packet shows. NOMEM: some are there.
[[nodiscard]] int bindings_own(struct bindings *b, struct bound_task *t);
// Out of the table; what it names stays until the grace period is over, in `left`.
void bindings_remove(struct bindings *b, struct bound_rule *o, struct bound_rules *left);
void bindings_free_rules(struct bound_rules *rules);
// The rules of tasks that took over from their predecessors; NOMEM.
int bindings_renew(struct bindings *b);
void bindings_forget_stale(struct bound_task *t);
