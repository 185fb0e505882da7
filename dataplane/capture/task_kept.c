// Takes over the counters and sequence numbers of an earlier process's tasks.

#include "dataplane/capture/task_kept.h"

#include <stddef.h>

// But for the amounts of data: poi-control adds those up over all dataplanes.
static void add(struct slot_counters *to, const struct slot_counters *from)
{
	to->matched += from->matched;
	to->offered += from->offered;
	for (int i = 0; i < LOSS_COUNT; i++)
		to->lost[i] += from->lost[i];
	if (from->last_ns > to->last_ns)
		to->last_ns = from->last_ns;
}

int task_kept_counters(
	struct task_counters_owner *o, const struct box *old, uint32_t from, uint32_t to)
{
	struct task_counters *t = task_counters_of(o);

	for (uint32_t w = 0; w < box_parts(old, BOX_COUNTERS); w++) {
		const struct slot_counters *c = box_part(old, BOX_COUNTERS, w, sizeof(*c), NULL);
		if (!c)
			return POI_ERR_INVALID;
		uint32_t at = w < t->n_workers ? w : t->n_workers - 1;
		add(slot_counters_of(t->worker[at], to), &c[from]);
	}
	return POI_OK;
}

static int numbers_of(
	struct task_counters_owner *o, const struct box *old, uint32_t from, uint32_t to)
{
	struct task_counters *t = task_counters_of(o);

	for (uint32_t w = 0; w < t->n_workers; w++) {
		const uint32_t *s = box_part(old, BOX_SEQUENCES, w, sizeof(*s), NULL);
		if (!s)
			return POI_ERR_INVALID;
		*slot_sequence_of(t->worker[w], to) = s[from];
	}
	return POI_OK;
}

int task_kept_contexts(
	struct task_counters_owner *o, const struct box *old, uint32_t *numbers, uint32_t *n)
{
	uint64_t used = 0;
	const struct box_context *c = box_part(old, BOX_CONTEXTS, 0, sizeof(*c), &used);

	*n = 0;
	if (!c)
		return POI_ERR_INVALID;
	for (uint32_t i = 0; i < used; i++) {
		uint32_t number;
		if (atomic_load_explicit(&c[i].state, memory_order_acquire) == BOX_FREE)
			continue;
		int e = task_counters_context_take(
			o, c[i].kind, &c[i].xid, c[i].correlation, &number);
		if (e == POI_OK) {
			numbers[(*n)++] = number;
			e = numbers_of(o, old, i, number);
		}
		if (e != POI_OK)
			return e;
	}
	return POI_OK;
}
