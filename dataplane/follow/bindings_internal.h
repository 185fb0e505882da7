#pragma once

// What the parts of the bindings share: tasks by session, and the rules bound for them.

#include <sys/queue.h>

#include "dataplane/follow/bindings.h"
#include "shared/hash_table.h"
#include "shared/latency.h"

struct bound_rule {		// one rule
	struct hash_link by_id; // of its binding, never used twice
	LIST_ENTRY(bound_rule) of_task;
	struct bound_task *task;
	struct binding binding; // holds its select
	uint32_t number;	// of the rule
	uint8_t links;
	uint64_t put;	   // before that many publications
	uint64_t until_ns; // of the rule
};
LIST_HEAD(bound_rules, bound_rule);

struct bound_task {
	struct hash_link by_subscription;
	uint64_t subscription; // its number, never used twice
	struct bindings *of;
	struct task_entry *task; // in the store until bindings_end
	struct bound_rules rules;
	struct bound_rules left; // out of the table; until the grace period is over
	struct filter also;	 // what the task asks for beside its session
	bool has_also, ended;
	uint64_t from_ns;
	struct subscription_state state;
	bool queued, reported;
	bool over, ends; // the last session was released, and no other came; that is to be told
	enum bound_condition last; // reported
	TAILQ_ENTRY(bound_task) of_pending;
	bool stale; // its rules are still its predecessor's
	LIST_ENTRY(bound_task) of_stale;
};

struct bindings {
	struct table_builder *builder;
	struct reconcile *reconcile;
	struct follower *follower;
	struct hash_table tasks, rules;
	uint64_t subscriptions; // numbers given
	bool unfinished, losing;
	uint32_t *spare; // numbers of rules that are free again
	uint32_t n_spare, max_spare, numbers;
	struct follower_changes waiting; // not applied yet
	struct follower_changes done;	 // applied; until they are in force
	struct follower_changes later;	 // what is gone before it was in force
	uint64_t published;
	int changed;		 // since it was last told; not lost by a failure
	struct bound_rules left; // of tasks that go on
	TAILQ_HEAD(, bound_task) pending;
	LIST_HEAD(, bound_task) stale;
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

// Rules (bindings_rule.c). NOMEM, or how many were put or removed.
struct bound_rule *bindings_find(const struct bindings *b, uint64_t binding);
int bindings_bind(struct bindings *b, struct bound_task *t, const struct binding *binding);
int bindings_unbind(struct bindings *b, struct bound_rule *o, uint64_t until_ns);
// Out of the table; what it names stays until the grace period is over, in `left`.
void bindings_remove(struct bindings *b, struct bound_rule *o, struct bound_rules *left);
void bindings_free_rules(struct bound_rules *rules);
// The rules of tasks that took over from their predecessors; NOMEM.
int bindings_renew(struct bindings *b);
void bindings_forget_stale(struct bound_task *t);
