#pragma once

// The only user of liburcu (QSBR flavour): workers are the readers, one quiescent state a burst
// loop.

#include "dataplane/match/table.h"

struct table_rcu;

struct table_rcu *table_rcu_new(const struct table *first);
void table_rcu_free(struct table_rcu *rcu); // after all readers have left

// Reader side; each worker thread registers itself, and leaves before it ends.
void table_rcu_reader_enter(struct table_rcu *rcu);
void table_rcu_reader_leave(struct table_rcu *rcu);
const struct table *table_rcu_table(
	const struct table_rcu *rcu); // valid until the next quiescent state
void table_rcu_quiescent(struct table_rcu *rcu);
void table_rcu_offline(struct table_rcu *rcu); // around a sleep: does not hold up a grace period
void table_rcu_online(struct table_rcu *rcu);

// Writer side (one thread): swaps the table and returns the old one after every reader has passed a
// quiescent state; from then on no reader uses it.
const struct table *table_rcu_publish(struct table_rcu *rcu, const struct table *next);
