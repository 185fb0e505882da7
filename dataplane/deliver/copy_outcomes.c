// Counts how copies ended, by task.

#include "dataplane/deliver/copy_outcomes.h"

#include <stdlib.h>
#include <string.h>

static void add_to(uint64_t *to, uint64_t n)
{
	__atomic_store_n(to, *to + n, __ATOMIC_RELAXED); // one writer
}

static uint64_t load(const uint64_t *from)
{
	return __atomic_load_n(from, __ATOMIC_RELAXED);
}

void copy_outcomes_count(struct copy_outcome_counts *c, int as, uint32_t payload)
{
	if (as == COPY_ACKNOWLEDGED) {
		add_to(&c->acknowledged, 1);
		add_to(&c->octets, payload);
	} else if (as == COPY_IN_DOUBT) {
		add_to(&c->in_doubt, 1);
	} else {
		add_to(&c->lost[as], 1);
	}
}

void copy_outcomes_plan(struct box_plan *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		box_plan_add(p, BOX_OUTCOMES, i, sizeof(struct copy_outcome_counts),
			SLOT_CHUNK * SLOT_CHUNKS_MAX);
}

void copy_outcomes_box(struct copy_outcomes *s, const struct box *b, uint32_t number)
{
	s->kept = box_part(b, BOX_OUTCOMES, number, sizeof(*s->kept), NULL);
}

// The slot's place, made at its first use. NULL when out of memory.
static struct copy_outcome_counts *place(struct copy_outcomes *s, uint32_t slot)
{
	uint32_t at = slot >> SLOT_CHUNK_BITS;

	if (at >= SLOT_CHUNKS_MAX)
		return NULL;
	struct copy_outcome_counts *chunk =
		atomic_load_explicit(&s->chunk[at], memory_order_relaxed);
	if (!chunk) {
		chunk = s->kept ? s->kept + (size_t)at * SLOT_CHUNK
				: calloc(SLOT_CHUNK, sizeof(*chunk));
		if (!chunk)
			return NULL;
		atomic_store_explicit(&s->chunk[at], chunk, memory_order_release);
	}
	return &chunk[slot & (SLOT_CHUNK - 1)];
}

void copy_outcomes_add(struct copy_outcomes *s, uint32_t slot, int as, uint32_t payload)
{
	struct copy_outcome_counts *c = place(s, slot);

	if (c)
		copy_outcomes_count(c, as, payload);
}

void copy_outcomes_take_back(struct copy_outcomes *s, uint32_t slot, uint64_t n)
{
	struct copy_outcome_counts *c = place(s, slot);

	if (c)
		add_to(&c->acknowledged, -n);
}

void copy_outcomes_merge(struct copy_outcome_counts *to, const struct copy_outcome_counts *from)
{
	add_to(&to->acknowledged, load(&from->acknowledged));
	add_to(&to->in_doubt, load(&from->in_doubt));
	add_to(&to->octets, load(&from->octets));
	for (int i = 0; i < LOSS_COUNT; i++)
		add_to(&to->lost[i], load(&from->lost[i]));
}

void copy_outcomes_inherit(
	struct copy_outcomes *s, uint32_t slot, const struct copy_outcome_counts *c)
{
	struct copy_outcome_counts *to = place(s, slot);

	if (to)
		copy_outcomes_merge(to, c);
}

void copy_outcomes_sum(const struct copy_outcome_counts *c, struct copy_balance *add)
{
	add->acknowledged += load(&c->acknowledged);
	add->in_doubt += load(&c->in_doubt);
	add->octets += load(&c->octets);
	for (int i = 0; i < LOSS_COUNT; i++)
		add->lost[i] += load(&c->lost[i]);
}

static struct copy_outcome_counts *find(const struct copy_outcomes *s, uint32_t slot)
{
	uint32_t at = slot >> SLOT_CHUNK_BITS;
	struct copy_outcome_counts *chunk =
		at < SLOT_CHUNKS_MAX ? atomic_load_explicit(&s->chunk[at], memory_order_acquire)
				     : NULL;

	return chunk ? &chunk[slot & (SLOT_CHUNK - 1)] : NULL;
}

void copy_outcomes_read(const struct copy_outcomes *s, uint32_t slot, struct copy_balance *add)
{
	const struct copy_outcome_counts *c = find(s, slot);

	if (c)
		copy_outcomes_sum(c, add);
}

void copy_outcomes_reset(struct copy_outcomes *s, uint32_t slot)
{
	struct copy_outcome_counts *c = find(s, slot);

	if (!c)
		return;
	__atomic_store_n(&c->acknowledged, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&c->in_doubt, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&c->octets, 0, __ATOMIC_RELAXED);
	for (int i = 0; i < LOSS_COUNT; i++)
		__atomic_store_n(&c->lost[i], 0, __ATOMIC_RELAXED);
}

void copy_outcomes_clear(struct copy_outcomes *s)
{
	for (unsigned i = 0; i < SLOT_CHUNKS_MAX && !s->kept; i++)
		free(s->chunk[i]);
	memset(s, 0, sizeof(*s));
}
