#pragma once

// A stored task as a rule of the match table, and what a task holds beside the tables.

#include <stdbool.h>
#include <sys/queue.h>

#include "dataplane/capture/capture.h"
#include "dataplane/match/link_class.h"
#include "dataplane/tasks/task_table.h"
#include "dataplane/match/table.h"
#include "dataplane/port/debounce.h"

// Allocated with the task, so that letting go cannot fail. The builder's.
struct task_resources {
	LIST_ENTRY(task_resources) next;
	uint32_t slot;
	uint32_t context[COPY_KINDS];
	uint32_t scan;	    // of the last reconciliation that counted this task
	uint8_t kinds;	    // DELIVERY_* bits whose context is held
	bool keeps_slot;    // a modified task: its successor has the slot
	struct bound_task *bound; // of a session task; it has no rule of its own
	struct bound_task *kept; // of one that was: its sessions' sequence numbers
	struct x2_task *x2; // own allocation; NULL without DELIVERY_X2
	struct function_task *function; // its records of network functions; NULL: none
	struct loss_debounce loss;
};

// The rule of a live task in the store. Its destinations are there, because it names them.
void rule_make(const struct task_table *s, const struct link_classes *links, const struct task_entry *t,
	struct rule *out);
