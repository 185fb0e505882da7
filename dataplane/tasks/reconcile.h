#pragma once

// Compares the stored tasks with the match table. The tasks are scanned a part at a time, on the
// builder thread, and their rules' digests summed; tasks that change meanwhile are put right in the
// sum. At the end of a scan the sum must be the table's.

#include <stdbool.h>

#include "dataplane/tasks/rules.h"

struct reconcile {
	struct task_table *task_table;
	const struct link_classes *links;
	// Digests of the rules of a session task, summed; how many there are. Unused without such.
	uint32_t (*bound)(const void *bindings, const struct bound_task *t, uint64_t *sum);
	const void *bindings;
	bool scanning;
	uint32_t scan; // number of this scan
	uint64_t sum;  // digests of the rules of the tasks counted so far
	uint32_t n;    // rules
};

void reconcile_begin(struct reconcile *r); // starts a scan unless one is under way
// Counts at most `budget` more tasks. True when the scan is over: sum and n are of all live tasks.
bool reconcile_step(struct reconcile *r, uint32_t budget);
// Before a task leaves the store, is buried or replaced: as long as it still is what it was.
void reconcile_leaves(struct reconcile *r, const struct task_entry *t);
// After a task has taken the place of another one.
void reconcile_enters(struct reconcile *r, struct task_entry *t);
// A rule of a session task came (step 1) or went (-1) while the task stays.
void reconcile_rule(
	struct reconcile *r, const struct task_entry *t, const struct rule *rule, int step);
// True if a finished scan agrees with this table.
bool reconcile_agrees(const struct reconcile *r, const struct table *t);
