#pragma once

// How copies ended, per task slot: the delivery side of the ledger. One book per delivery thread,
// its only writer; anyone may read (relaxed: sums are compared at rest). Chunks never move.

#include <stdatomic.h>
#include <stdint.h>

#include "dataplane/capture/task_counters.h"
#include "shared/ledger.h"

struct settled_counts {
	uint64_t acknowledged;
	uint64_t in_doubt;
	uint64_t lost[LOSS_COUNT];
	uint64_t octets; // payload octets of acknowledged copies
};

struct settled {
	struct settled_counts *_Atomic chunk[SLOT_CHUNKS_MAX]; // writer release, readers acquire
};

// What became of a copy: acknowledged, in doubt, or lost for a reason.
enum settled_as { SETTLED_ACKNOWLEDGED = -1, SETTLED_IN_DOUBT = -2 /* or enum copy_loss */ };

// Counts one copy. The writer's own; allocates a chunk at the first copy of its slots, and counts
// nothing when that fails (the sums then differ, which the self-check reports).
void settled_add(struct settled *s, uint32_t slot, int as, uint32_t payload);
void settled_count(struct settled_counts *c, int as, uint32_t payload);
// Adds the slot's counts to `add`.
void settled_read(const struct settled *s, uint32_t slot, struct copy_balance *add);
void settled_sum(const struct settled_counts *c, struct copy_balance *add);
void settled_reset(struct settled *s, uint32_t slot); // the slot is at rest
void settled_clear(struct settled *s);		      // frees the chunks
