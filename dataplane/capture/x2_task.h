#pragma once

// The X2 side of one task, beside its rule. Made by the builder thread before the rule is published
// and freed after the grace period and after the reporter has released it; read-only for all other
// threads meanwhile.

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "dataplane/match/table.h"
#include "shared/channel.h"
#include "shared/ids.h"

struct x2_task {
	uint64_t version; // a later version of the same slot has a greater one
	uint32_t slot;
	uint32_t context; // sequence context
	struct id16 header_xid;
	uint64_t correlation;
	uint8_t report; // enum channel_report
	uint8_t n_destinations;
	uint16_t destination[RULE_DESTINATIONS_MAX];
	struct channel_triggers triggers;
	// The builder's own, while the task leaves: see reporter.h.
	STAILQ_ENTRY(x2_task) next;
	struct x2_task *successor; // NULL: the task ends
	bool leaving;

	uint16_t matched_length;
	uint8_t matched[]; // attributes 17, whole TLVs
};

// From a task that x2_task_valid takes; slot, context and destinations are the caller's to fill.
// NULL when out of memory. free() it.
struct x2_task *x2_task_new(const struct channel_task *t, uint64_t version);
// X2 needs a kind of report or records, attribute 17, and for summaries at least one trigger.
bool x2_task_valid(const struct channel_task *t);
