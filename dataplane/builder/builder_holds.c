// What a task holds for its life: slot, sequence contexts, X2 task, bindings. They are given back
// in steps, behind a grace period and behind delivery.

#include "dataplane/builder/builder_internal.h"

#include <stdlib.h>

void task_hold_drop(struct task_hold *l)
{
	if (!l)
		return;
	free(l->x2);
	bindings_drop(l->bound);
	free(l);
}

void task_hold_give_contexts(struct builder *b, const struct task_hold *l)
{
	if (l->kinds & DELIVERY_X2)
		task_counters_context_give(b->slots, l->context[COPY_X2]);
	if (l->kinds & DELIVERY_X3)
		task_counters_context_give(b->slots, l->context[COPY_X3]);
}

int task_hold_take(struct builder *b, const struct channel_task *t, const uint32_t *slot,
	struct task_hold **out)
{
	struct task_hold *l = calloc(1, sizeof(*l));
	int r = POI_OK;

	if (!l)
		return POI_ERR_NOMEM;
	for (uint8_t k = 0; k < COPY_KINDS && r == POI_OK; k++) {
		uint8_t bit = k == COPY_X2 ? DELIVERY_X2 : DELIVERY_X3;
		if (!(t->delivery & bit))
			continue;
		r = task_counters_context_take(
			b->slots, k, &t->header_xid, t->correlation, &l->context[k]);
		if (r == POI_OK)
			l->kinds |= bit;
	}
	if (r == POI_OK && (t->delivery & DELIVERY_X2 || t->matched_length > 0)) {
		l->x2 = x2_task_new(t, ++b->serial);
		r = l->x2 ? POI_OK : POI_ERR_NOMEM;
	}
	if (r == POI_OK && slot)
		l->slot = *slot;
	else if (r == POI_OK)
		r = builder_slot_take(b, t, l);
	if (r != POI_OK) {
		task_hold_give_contexts(b, l);
		task_hold_drop(l);
		return r;
	}
	*out = l;
	return POI_OK;
}

void task_hold_leave(struct builder *b, struct task_hold *l, bool keeps_slot)
{
	l->keeps_slot = keeps_slot;
	if (l->x2)
		l->x2->leaving = true;
	LIST_INSERT_HEAD(&b->pending, l, next);
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

	task_counters_read(b->slots, slot, &c);
	deliver_slot_balance(b->deliver, slot, &copies);
	return copies.acknowledged + copies.in_doubt + copy_balance_lost(&copies) >=
	       c.offered - lost(c.lost);
}

uint32_t builder_drain(struct builder *b)
{
	for (struct task_hold *l = LIST_FIRST(&b->draining), *next; l; l = next) {
		next = LIST_NEXT(l, next);
		if (!is_at_rest(b, l->slot))
			continue;
		LIST_REMOVE(l, next);
		deliver_slot_reset(b->deliver, l->slot);
		task_counters_give(b->slots, l->slot);
		free(l);
		b->n_draining--;
	}
	return b->n_draining;
}
