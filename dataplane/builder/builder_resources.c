// Takes and returns the resources of a task: slot, sequence contexts, X2 task, bindings. They are
// given back in steps, behind a grace period and behind delivery.

#include "dataplane/builder/builder_internal.h"

#include <stdlib.h>

void task_resources_drop(struct task_resources *own)
{
	if (!own)
		return;
	free(own->x2);
	bindings_drop(own->bound);
	bindings_unpark(own->kept);
	free(own);
}

void task_resources_give_contexts(struct builder *b, const struct task_resources *own)
{
	if (own->kinds & DELIVERY_X2)
		task_counters_context_give(b->counters, own->context[COPY_X2]);
	if (own->kinds & DELIVERY_X3)
		task_counters_context_give(b->counters, own->context[COPY_X3]);
}

int task_resources_take(struct builder *b, const struct channel_task *t, const uint32_t *slot,
	struct task_resources **out)
{
	struct task_resources *own = calloc(1, sizeof(*own));
	int r = POI_OK;

	if (!own)
		return POI_ERR_NOMEM;
	for (uint8_t k = 0; k < COPY_KINDS && r == POI_OK; k++) {
		uint8_t bit = k == COPY_X2 ? DELIVERY_X2 : DELIVERY_X3;
		if (!(t->delivery & bit))
			continue;
		r = task_counters_context_take(
			b->counters, k, &t->header_xid, t->correlation, &own->context[k]);
		if (r == POI_OK)
			own->kinds |= bit;
	}
	if (r == POI_OK && (t->delivery & DELIVERY_X2 || t->matched_length > 0)) {
		own->x2 = x2_task_new(t, ++b->x2_version);
		r = own->x2 ? POI_OK : POI_ERR_NOMEM;
	}
	if (r == POI_OK && slot)
		own->slot = *slot;
	else if (r == POI_OK)
		r = builder_slot_take(b, t, own);
	if (r != POI_OK) {
		task_resources_give_contexts(b, own);
		task_resources_drop(own);
		return r;
	}
	*out = own;
	return POI_OK;
}

void task_resources_leave(struct builder *b, struct task_resources *own, bool keeps_slot)
{
	own->keeps_slot = keeps_slot;
	if (own->x2)
		own->x2->leaving = true;
	LIST_INSERT_HEAD(&b->pending, own, next);
}

static uint64_t lost(const uint64_t *by_reason)
{
	uint64_t sum = 0;

	for (int i = 0; i < LOSS_COUNT; i++)
		sum += by_reason[i];
	return sum;
}

// Every copy of the slot has been delivered or counted.
static bool is_at_rest(const struct builder *b, uint32_t slot)
{
	struct slot_counters c;
	struct copy_balance copies = {0};

	task_counters_read(b->counters, slot, &c);
	deliver_slot_balance(b->deliver, slot, &copies);
	return copies.acknowledged + copies.in_doubt + copy_balance_lost(&copies) >=
	       c.offered - lost(c.lost);
}

bool builder_drain(struct builder *b, uint32_t budget)
{
	uint32_t looked = 0, given = 0;
	struct task_resources *own;

	while (looked < budget && (own = LIST_FIRST(&b->draining[b->turn]))) {
		LIST_REMOVE(own, next);
		looked++;
		if (!is_at_rest(b, own->slot)) {
			LIST_INSERT_HEAD(&b->draining[!b->turn], own, next);
			continue;
		}
		deliver_slot_reset(b->deliver, own->slot);
		task_counters_give(b->counters, own->slot);
		free(own);
		given++;
	}
	// The others have their turn at the next call, and then these again.
	if (LIST_EMPTY(&b->draining[b->turn]))
		b->turn = !b->turn;
	return looked == budget && given >= budget / 2;
}
