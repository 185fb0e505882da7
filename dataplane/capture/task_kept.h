#pragma once

// Tasks of a box: slots, and the owners of sequence contexts. Read from an earlier process's box
// before this one has any.

#include <stdatomic.h>
#include <stdint.h>

#include "dataplane/capture/box.h"
#include "dataplane/capture/task_counters.h"

struct box_task {		// by slot
	_Atomic uint32_t state; // enum box_state; release, when the rest is written
	struct id16 ne, xid;
};

struct box_context { // by context
	_Atomic uint32_t state;
	uint8_t kind;
	struct id16 xid;
	uint64_t correlation;
};

// The counters of an old slot, as the new slot's of the same writers, or of the last one where
// there are fewer. INVALID when the box has none such.
[[nodiscard]] int task_kept_counters(
	struct task_counters_owner *o, const struct box *old, uint32_t from, uint32_t to);
// Sequence contexts go on where they stood: each is taken once, to be given back when all tasks
// have been put again. `numbers`: room for box_part's count. 0, or the error of the first that
// failed.
[[nodiscard]] int task_kept_contexts(
	struct task_counters_owner *o, const struct box *old, uint32_t *numbers, uint32_t *n);
