#pragma once

// A walk over tasks in slices (slice.h). It meets each task that was there when it began and still
// is: what is removed meanwhile is passed over, what came later is left alone, and a modified task
// is met as it is now. A batch of the registry (the fail-safe's) ends it for that network element:
// its tasks are gone.

#include "control/state/registry.h"
#include "control/state/slice.h"

#define TASK_WALK_ALL UINT16_MAX // network elements

struct task_walk_use {
	void (*each)(void *context, struct registry_task *t); // may remove or replace it
	void (*done)(void *context); // may free the walk; not called by task_walk_stop
};

struct task_walk { // a member of its owner's object
	struct slice slice;
	struct slices *slices;
	struct registry *registry;
	const struct task_walk_use *use;
	void *context;
	struct registry_cursor cursor; // while `walking`
	uint64_t last;		       // order of the last task that was there
	uint16_t ne, n_nes;
	bool walking;
};

void task_walk_begin(struct task_walk *w, struct slices *s, struct registry *r, uint16_t ne,
	const struct task_walk_use *use, void *context);
void task_walk_stop(struct task_walk *w); // legal when it is over
