// Tasks of an earlier process: their slots, counters and sequence contexts wait for them to be put
// again.

#include "dataplane/builder/builder_internal.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/capture/task_kept.h"
#include "shared/log.h"

struct inherited_task {
	struct hash_link link;
	struct id16 ne, xid;
	uint32_t slot;
	uint64_t lost; // by the earlier process, and reported by it
};

static uint64_t key_hash(const struct builder *b, const struct id16 *ne, const struct id16 *xid)
{
	uint64_t words[4];

	memcpy(words, ne->b, sizeof(ne->b));
	memcpy(words + 2, xid->b, sizeof(xid->b));
	return hash_table_hash(&b->inherited_by_key, words, 4);
}

static struct inherited_task *find(
	const struct builder *b, const struct id16 *ne, const struct id16 *xid)
{
	struct hash_link *l = hash_table_first(&b->inherited_by_key, key_hash(b, ne, xid));

	for (; l; l = hash_table_next(l)) {
		struct inherited_task *t = HASH_OBJECT(l, struct inherited_task, link);
		if (id_equal(&t->ne, ne) && id_equal(&t->xid, xid))
			return t;
	}
	return NULL;
}

static uint64_t sum(const uint64_t *lost)
{
	uint64_t n = 0;

	for (int i = 0; i < LOSS_COUNT; i++)
		n += lost[i];
	return n;
}

void builder_slot_drain(struct builder *b, uint32_t slot)
{
	struct task_resources *l = calloc(1, sizeof(*l));

	task_counters_leaves(b->counters, slot);
	if (!l)
		return; // it stays taken, which costs a slot
	l->slot = slot;
	builder_drain_add(b, l);
}

int builder_slot_take(struct builder *b, const struct channel_task *t, struct task_resources *own)
{
	struct inherited_task *old = b->inherited ? find(b, &t->ne, &t->xid) : NULL;
	int r = POI_OK;

	if (!old) {
		r = task_counters_take(b->counters, &own->slot);
	} else {
		own->slot = old->slot;
		own->loss = (struct loss_debounce){.seen = old->lost, .before = old->lost};
		hash_table_remove(&b->inherited_by_key, &old->link);
		old->slot = UINT32_MAX;
	}
	if (r == POI_OK)
		task_counters_name(b->counters, own->slot, &t->ne, &t->xid);
	return r;
}

// --- what an earlier process left

struct inheriting {
	struct builder *b;
	const struct box *old;
	const struct box_task *task;
	struct deliver_inheritance i;
	uint32_t *slot; // i.slot, to be written
};

static int inherit_task(struct inheriting *x, uint32_t from)
{
	struct builder *b = x->b;
	const struct box_task *o = &x->task[from];
	uint32_t state = atomic_load_explicit(&o->state, memory_order_acquire);
	struct slot_counters c;
	struct copy_balance copies = {0};

	x->slot[from] = UINT32_MAX;
	if (state == BOX_FREE)
		return POI_OK;
	int e = task_counters_take(b->counters, &x->slot[from]);
	if (e != POI_OK)
		return e;
	uint32_t slot = x->slot[from];
	task_counters_name(b->counters, slot, &o->ne, &o->xid);
	e = task_kept_counters(b->counters, x->old, from, slot);
	deliver_inherit_slot(b->deliver, x->old, from, slot);
	if (state == BOX_LEAVING) {
		builder_slot_drain(b, slot);
		return e;
	}
	task_counters_read(b->counters, slot, &c);
	deliver_slot_balance(b->deliver, slot, &copies);
	struct inherited_task *t = &b->inherited[b->n_inherited++];
	*t = (struct inherited_task){.ne = o->ne,
		.xid = o->xid,
		.slot = slot,
		.lost = sum(c.lost) + copy_balance_lost(&copies)};
	// There is room for as many as there can be tasks.
	(void)!hash_table_add(&b->inherited_by_key, &t->link, key_hash(b, &t->ne, &t->xid));
	return e;
}

// A slot's counters after its copies were taken over: what was offered is delivered, lost or waits.
// A copy that was counted as delivered and waits all the same will be counted again; what was in
// the making is lost; and what the spool holds is counted when the spool gives it back.
static void settle_slot(struct inheriting *x, uint32_t from)
{
	struct builder *b = x->b;
	uint32_t slot = x->slot[from];
	struct copy_balance copies = {0};
	struct slot_counters c;

	if (slot == UINT32_MAX)
		return;
	task_counters_read(b->counters, slot, &c);
	deliver_slot_balance(b->deliver, slot, &copies);
	uint64_t known = copies.acknowledged + copies.in_doubt + copy_balance_lost(&copies) +
			 sum(c.lost) + x->i.waiting[from] + x->i.lost[from];
	struct slot_counters *own =
		slot_counters_of(task_counters_of(b->counters)->worker[0], slot);
	own->lost[LOSS_KILLED] += x->i.lost[from];
	if (known > c.offered && known - c.offered <= copies.acknowledged)
		deliver_inherit_again(b->deliver, slot, known - c.offered);
	if (known >= c.offered)
		return;
	uint64_t rest = c.offered - known;
	uint64_t making = rest < x->i.making ? rest : x->i.making;
	x->i.making -= making;
	if (!x->i.spools)
		making = rest;
	own->lost[LOSS_KILLED] += making;
	own->offered -= rest - making;
}

static int inherit_begin(struct inheriting *x)
{
	struct builder *b = x->b;
	uint64_t n = 0;

	x->task = box_part(x->old, BOX_TASKS, 0, sizeof(*x->task), &n);
	if (!x->task)
		return POI_ERR_INVALID;
	x->i.n_slots = (uint32_t)n;
	x->i.slot = x->slot = calloc(n + 1, sizeof(*x->slot));
	x->i.waiting = calloc(n + 1, sizeof(uint64_t));
	x->i.lost = calloc(n + 1, sizeof(uint64_t));
	b->inherited = calloc(n + 1, sizeof(*b->inherited));
	if (!x->slot || !x->i.waiting || !x->i.lost || !b->inherited)
		return POI_ERR_NOMEM;
	return hash_table_init(&b->inherited_by_key, (uint32_t)n + 1);
}

static int inherit_contexts(struct inheriting *x)
{
	struct builder *b = x->b;
	uint64_t n = 0;

	if (!box_part(x->old, BOX_CONTEXTS, 0, sizeof(struct box_context), &n))
		return POI_ERR_INVALID;
	b->kept_contexts = calloc(n + 1, sizeof(*b->kept_contexts));
	if (!b->kept_contexts)
		return POI_ERR_NOMEM;
	return task_kept_contexts(b->counters, x->old, b->kept_contexts, &b->n_kept_contexts);
}

// The sums of both sides are the same from here on, whatever was counted on one side alone when the
// process was killed.
static void settle_sums(struct builder *b)
{
	struct copy_balance all = {0};
	struct slot_counters c;

	deliver_totals(b->deliver, &all);
	task_counters_totals(b->counters, &c);
	task_counters_correct(b->counters, copy_balance_accounted(&all) - c.offered);
}

bool builder_is_new(const struct builder *b)
{
	return task_table_tasks(b->task_table) == 0 &&
	       task_table_destinations(b->task_table) == 0 && !b->inherited &&
	       task_counters_taken(b->counters) == 0;
}

int builder_inherit(
	struct builder *b, const struct box *old, bool same_origin, struct builder_inherited *out)
{
	struct inheriting x = {.b = b, .old = old};
	int e = inherit_begin(&x);

	for (uint32_t n = 0; n < x.i.n_slots && e == POI_OK; n++)
		e = inherit_task(&x, n);
	if (e == POI_OK)
		e = deliver_inherit(b->deliver, old, &x.i);
	for (uint32_t n = 0; n < x.i.n_slots && e == POI_OK; n++)
		settle_slot(&x, n);
	if (e == POI_OK && same_origin)
		e = inherit_contexts(&x);
	settle_sums(b);
	*out = (struct builder_inherited){
		.tasks = b->n_inherited, .waiting = x.i.all_waiting, .lost = x.i.all_lost};
	free(x.slot);
	free(x.i.waiting);
	free(x.i.lost);
	return e;
}

void builder_inherit_end(struct builder *b)
{
	deliver_inherit_end(b->deliver);
	for (uint32_t i = 0; i < b->n_inherited; i++)
		if (b->inherited[i].slot != UINT32_MAX)
			builder_slot_drain(b, b->inherited[i].slot);
	for (uint32_t i = 0; i < b->n_kept_contexts; i++)
		task_counters_context_give(b->counters, b->kept_contexts[i]);
	builder_inherit_free(b);
}

void builder_inherit_free(struct builder *b)
{
	if (b->inherited)
		hash_table_free(&b->inherited_by_key);
	free(b->inherited);
	free(b->kept_contexts);
	b->inherited = NULL;
	b->kept_contexts = NULL;
	b->n_inherited = b->n_kept_contexts = 0;
}
