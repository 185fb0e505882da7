#pragma once

// How the builder looks inside. Its files, from the top: builder.c takes messages, builder_tasks.c
// changes tasks, builder_commit.c publishes, builder_resources.c has what tasks use.
// builder_inherit.c keeps what an earlier process left; builder_losses.c only reads. None calls one
// above it.

#include <pthread.h>
#include <sys/queue.h>

#include "dataplane/builder/builder.h"
#include "dataplane/follow/bindings.h"
#include "dataplane/match/link_class.h"
#include "dataplane/tasks/reconcile.h"

struct builder {
	struct link_classes links;
	struct task_table *task_table;
	struct reconcile reconcile;
	uint64_t copies_lost; // by all tasks, when their scan for losses began
	uint32_t losing;      // tasks that are losing copies
	bool losses_scanning;
	struct table_builder *tables;
	struct bindings *bindings;
	bool measure; // the next commit is of signalling received just now
	struct table_rcu *table_rcu;
	struct task_counters_owner *counters;
	struct deliver *deliver;
	struct reporter *reporter;
	struct functions *functions; // NULL: no events are configured
	uint64_t x2_version; // of X2 tasks
	uint64_t generation;
	bool dirty;
	LIST_HEAD(, task_resources) pending;	 // until the next grace period
	// Until delivery has accounted for their copies: those of [turn] are looked at next.
	LIST_HEAD(, task_resources) draining[2];
	unsigned turn;
	SLIST_HEAD(, destination_entry) removed; // until the next grace period
	struct table_fold *fold;
	pthread_t fold_thread;
	int fold_fd;
	// Tasks and contexts of an earlier process, until control has put all of its state again.
	struct inherited_task *inherited; // NULL: nothing
	uint32_t n_inherited;
	struct hash_table inherited_by_key;
	uint32_t *kept_contexts, n_kept_contexts;
};

// The slot waits for delivery; it is looked at before those that have waited already.
static inline void builder_drain_add(struct builder *b, struct task_resources *own)
{
	LIST_INSERT_HEAD(&b->draining[b->turn], own, next);
}

// builder_tasks.c
[[nodiscard]] int builder_task_put(
	struct builder *b, const struct channel_task *t, uint64_t now_ms);
[[nodiscard]] int builder_task_remove(struct builder *b, const struct channel_object *o);

// builder_inherit.c
// The slot of a new task: a new one, or that of the same task of an earlier process.
[[nodiscard]] int builder_slot_take(
	struct builder *b, const struct channel_task *t, struct task_resources *own);
// The slot is given back when delivery has accounted for its copies.
void builder_slot_drain(struct builder *b, uint32_t slot);
void builder_inherit_free(struct builder *b);

// builder_resources.c
// Slot and contexts for a task; `slot` is the predecessor's, or NULL for a new one.
[[nodiscard]] int task_resources_take(struct builder *b, const struct channel_task *t,
	const uint32_t *slot, struct task_resources **out);
// They go after the next grace period; with `keeps_slot` the slot is the successor's.
void task_resources_leave(struct builder *b, struct task_resources *own, bool keeps_slot);
void task_resources_give_contexts(struct builder *b, const struct task_resources *own);
void task_resources_drop(struct task_resources *own); // frees it; slot and contexts were given back
