#pragma once

// Counts how copies ended, per task slot: the delivery side of the ledger. Each delivery thread has
// one book and is its only writer; every thread may read it (relaxed: sums are compared at rest).
// Chunks never move.

#include <stdatomic.h>
#include <stdint.h>

#include "dataplane/capture/box.h"
#include "dataplane/capture/task_counters.h"
#include "shared/ledger.h"

struct copy_outcome_counts {
	uint64_t acknowledged;
	uint64_t in_doubt;
	uint64_t lost[LOSS_COUNT];
	uint64_t octets; // payload octets of acknowledged copies
};

struct copy_outcomes {
	struct copy_outcome_counts
		*_Atomic chunk[SLOT_CHUNKS_MAX]; // writer release, readers acquire
	struct copy_outcome_counts *kept;	 // in the box, by slot; NULL: chunks are allocated
};

// copy_outcomes_plan reserves room in a box for the books of `n` writers. copy_outcomes_box places
// this book there, before its first count.
void copy_outcomes_plan(struct box_plan *p, uint32_t n);
void copy_outcomes_box(struct copy_outcomes *s, const struct box *b, uint32_t number);

// The end of a copy: acknowledged, in doubt, or lost for a reason.
enum copy_outcome { COPY_ACKNOWLEDGED = -1, COPY_IN_DOUBT = -2 /* or enum copy_loss */ };

// Counts one copy. The writer's own; allocates a chunk at the first copy of its slots, and counts
// nothing when that fails (the sums then differ, which the self-check reports).
void copy_outcomes_add(struct copy_outcomes *s, uint32_t slot, int as, uint32_t payload);
// Takes back `n` copies counted as acknowledged. Called by the writer.
void copy_outcomes_take_back(struct copy_outcomes *s, uint32_t slot, uint64_t n);
// Adds counts of an earlier process. Called by the writer.
void copy_outcomes_inherit(
	struct copy_outcomes *s, uint32_t slot, const struct copy_outcome_counts *c);
void copy_outcomes_merge(struct copy_outcome_counts *to, const struct copy_outcome_counts *from);
void copy_outcomes_count(struct copy_outcome_counts *c, int as, uint32_t payload);
// Adds the slot's counts to `add`.
void copy_outcomes_read(const struct copy_outcomes *s, uint32_t slot, struct copy_balance *add);
void copy_outcomes_sum(const struct copy_outcome_counts *c, struct copy_balance *add);
void copy_outcomes_reset(struct copy_outcomes *s, uint32_t slot); // the slot is at rest
void copy_outcomes_clear(struct copy_outcomes *s);		  // frees the chunks
