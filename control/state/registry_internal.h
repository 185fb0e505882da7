#pragma once

// Inside the registry: registry.c (network elements and tasks), registry_destination.c, registry_hashed.c and
// registry_memo.c.

#include <string.h>

#include "control/state/registry.h"

struct ne {
	struct id16 id;
	struct fault *faults;
	struct registry_tasks task_list;
	struct registry_destinations destination_list;
	TAILQ_HEAD(, registry_batch) batches; // oldest first
	uint32_t tasks, destinations;
	uint32_t awaiting; // tasks that are not in force
};

struct registry {
	uint16_t n_nes;
	uint64_t order; // last one given
	uint32_t dataplane;
	struct hash_table tasks, destinations; // by network element and identifier
	LIST_HEAD(, registry_cursor) cursors;
	struct kept_reports *reports;
	struct objects *objects;
	struct ne ne[REGISTRY_NES_MAX];
};

// Counts the digests of a task at the hash contexts that it names (registry_hashed.c).
// `c` is the task's channel form.
void registry_hashed_refer(const struct registry *r, const struct registry_task *t,
	const struct channel_task *c, int delta);

static inline uint64_t registry_hash(const struct hash_table *t, uint16_t ne, const struct id16 *id)
{
	uint64_t words[4] = {0, 0, ne, 0};

	memcpy(words, id->b, sizeof(id->b));
	return hash_table_hash(t, words, 4);
}
