// Tests that slots of removed tasks are given back, and what it costs while none can be.

#include "dataplane/builder/builder_internal.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define MANY 100000u
#define BUDGET 2048u

// Delivery and the workers' counters are the test's.
static uint8_t at_rest[MANY], given[MANY];
static uint32_t looks, n_given;

void __wrap_task_counters_read(
	const struct task_counters_owner *o, uint32_t slot, struct slot_counters *sum);
void __wrap_deliver_slot_balance(const struct deliver *d, uint32_t slot, struct copy_balance *add);
void __wrap_deliver_slot_reset(struct deliver *d, uint32_t slot);
void __wrap_task_counters_give(struct task_counters_owner *o, uint32_t slot);

void __wrap_task_counters_read(
	const struct task_counters_owner *o, uint32_t slot, struct slot_counters *sum)
{
	*sum = (struct slot_counters){.offered = 1};
	looks++;
}

void __wrap_deliver_slot_balance(const struct deliver *d, uint32_t slot, struct copy_balance *add)
{
	add->acknowledged += at_rest[slot];
}

void __wrap_deliver_slot_reset(struct deliver *d, uint32_t slot)
{
	cr_assert(!given[slot]);
}

void __wrap_task_counters_give(struct task_counters_owner *o, uint32_t slot)
{
	given[slot]++;
	n_given++;
}

static void add(struct builder *b, uint32_t slot)
{
	struct task_resources *own = calloc(1, sizeof(*own));

	cr_assert_not_null(own);
	own->slot = slot;
	builder_drain_add(b, own);
}

Test(drain, stalled_slots_cost_their_budget_alone)
{
	struct builder b = {0};

	for (uint32_t i = 0; i < MANY; i++)
		add(&b, i);
	for (unsigned call = 0; call < 200; call++) {
		uint32_t before = looks;
		cr_assert(!builder_drain(&b, BUDGET));
		cr_assert_leq(looks - before, BUDGET);
	}
	cr_expect_eq(n_given, 0);
	// Each has had its turn.
	for (uint32_t i = 0; i < MANY; i++)
		at_rest[i] = 1;
	unsigned calls = 0;
	while (n_given < MANY && ++calls < 1000)
		(void)builder_drain(&b, BUDGET);
	cr_expect_eq(n_given, MANY);
	cr_expect_leq(calls, MANY / BUDGET + 3);
}

// A task that is removed while many wait for a silent mediation function does not wait with them.
Test(drain, new_ones_come_first)
{
	struct builder b = {0};

	for (uint32_t i = 1; i < MANY; i++)
		add(&b, i);
	for (unsigned call = 0; call < 10; call++)
		(void)builder_drain(&b, BUDGET);
	at_rest[0] = 1;
	add(&b, 0);
	(void)builder_drain(&b, BUDGET);
	cr_expect_eq(given[0], 1);
}

Test(drain, many_at_rest_are_worth_another_call)
{
	struct builder b = {0};

	for (uint32_t i = 0; i < 3 * BUDGET; i++) {
		at_rest[i] = 1;
		add(&b, i);
	}
	unsigned calls = 1;
	while (builder_drain(&b, BUDGET))
		calls++;
	cr_expect_eq(n_given, 3 * BUDGET);
	cr_expect_eq(calls, 4);
	cr_expect(!builder_drain(&b, BUDGET));
}
