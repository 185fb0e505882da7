#include "dataplane/tasks/reconcile.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define TASKS 1000u

static const struct id16 ne = {{1}}, did = {{2}};
static struct task_table *task_table;
static struct table_builder *builder;
static const struct table *table;
static struct link_classes links;
static struct reconcile scan;
static uint32_t next_slot;

static void drop(struct task_resources *resources)
{
	free(resources);
}

static struct id16 xid(uint32_t n)
{
	struct id16 i = {{3}};

	memcpy(i.b + 8, &n, sizeof(n));
	return i;
}

static struct task_entry *task_make(uint32_t n, uint32_t address)
{
	struct channel_task t = {.ne = ne,
		.xid = xid(n),
		.header_xid = xid(n),
		.delivery = DELIVERY_X3,
		.n_destinations = 1,
		.did = {did},
		.filter = {.kinds = FILTER_ADDRESS, .n_address = 1}};

	t.filter.address[0] = (struct ip_prefix){.family = 4, .length = 32, .b = {10}};
	memcpy(t.filter.address[0].b + 1, &address, 3);
	struct task_entry *made = task_entry_make(&t);
	made->resources = calloc(1, sizeof(*made->resources));
	return made;
}

// Both sides, as the builder does it; with `only_task_table` the table is forgotten.
static void put(uint32_t n, uint32_t address, bool only_task_table)
{
	struct id16 id = xid(n);
	struct task_entry *old = task_entry_find(task_table, &ne, &id), *t = task_make(n, address);
	struct rule rule;

	t->resources->slot = old ? old->resources->slot : next_slot++;
	if (old)
		reconcile_leaves(&scan, old);
	cr_assert_eq(task_entry_insert(task_table, t, old), POI_OK);
	if (old) {
		reconcile_enters(&scan, t);
		free(old->resources);
		task_entry_free(old);
	}
	rule_make(task_table, &links, t, &rule);
	if (!only_task_table)
		cr_assert_eq(table_put(builder, &rule), POI_OK);
}

static void take(uint32_t n)
{
	struct id16 id = xid(n);
	struct task_entry *t = task_entry_find(task_table, &ne, &id);

	reconcile_leaves(&scan, t);
	cr_assert_eq(table_remove(builder, rule_key_own(t->resources->slot)), POI_OK);
	task_entry_take(task_table, t);
	free(t->resources);
	task_entry_free(t);
}

static void commit(void)
{
	const struct table *next = table_commit(builder, 1);

	table_retire(builder, table);
	table = next;
}

static bool agrees(void)
{
	reconcile_begin(&scan);
	while (!reconcile_step(&scan, 100))
		;
	return reconcile_agrees(&scan, table);
}

static void up(void)
{
	const uint64_t seed[2] = {1, 2};
	struct channel_ne n = {.ne = ne};
	struct channel_destination d = {.ne = ne, .did = did, .delivery = DELIVERY_X3};
	struct destination_entry *o;

	task_table = task_table_new();
	builder = table_builder_new(seed);
	scan = (struct reconcile){.task_table = task_table, .links = &links};
	cr_assert_eq(ne_entry_put(task_table, &n, 0), POI_OK);
	cr_assert_eq(destination_entry_put(task_table, &d, &o), POI_OK);
	o->index = 5;
	for (uint32_t i = 0; i < TASKS; i++)
		put(i, i, false);
	commit();
}

static void down(void)
{
	table_builder_free(builder);
	task_table_free(task_table, drop);
}

TestSuite(reconcile, .init = up, .fini = down);

Test(reconcile, equal_tables_agree)
{
	cr_assert(agrees());
	cr_assert(agrees(), "scan after scan");
	cr_assert_eq(scan.n, TASKS);
}

Test(reconcile, a_walk_is_no_longer_than_its_budget)
{
	reconcile_begin(&scan);
	for (uint32_t i = 1; i < TASKS / 100; i++)
		cr_assert_not(reconcile_step(&scan, 100));
	cr_assert(reconcile_step(&scan, 100));
}

Test(reconcile, planted_differences_are_found)
{
	struct id16 id = xid(77);
	struct task_entry *t = task_entry_find(task_table, &ne, &id);
	struct rule rule;

	put(TASKS, 5000, true); // a task that never came to the table
	cr_assert_not(agrees());
	id = xid(TASKS);
	struct task_entry *missing = task_entry_find(task_table, &ne, &id);
	rule_make(task_table, &links, missing, &rule);
	cr_assert_eq(table_put(builder, &rule), POI_OK);
	commit();
	cr_assert(agrees());

	rule_make(task_table, &links, t, &rule); // one wrong bit in what the workers match
	rule.filter.address[0].b[3] ^= 1;
	cr_assert_eq(table_put(builder, &rule), POI_OK);
	commit();
	cr_assert_not(agrees());
	rule.filter.address[0].b[3] ^= 1;
	rule.destination[0] = 6; // to another destination
	cr_assert_eq(table_put(builder, &rule), POI_OK);
	commit();
	cr_assert_not(agrees());
	rule.destination[0] = 5;
	cr_assert_eq(table_put(builder, &rule), POI_OK);
	commit();
	cr_assert(agrees());

	cr_assert_eq(table_remove(builder, rule_key_own(t->resources->slot)),
		POI_OK); // a task that left the table
	commit();
	cr_assert_not(agrees());
}

// Changes between two parts of a scan, before, at and behind its cursor.
Test(reconcile, changes_during_a_walk)
{
	uint32_t last = TASKS;

	srand(1);
	for (int round = 0; round < 200; round++) {
		reconcile_begin(&scan);
		do {
			for (int i = 0; i < 5; i++) {
				uint32_t n = (uint32_t)rand() % last;
				struct id16 id = xid(n);
				bool there = task_entry_find(task_table, &ne, &id) != NULL;
				if (there && rand() % 2)
					take(n);
				else if (there)
					put(n, (uint32_t)rand() & 0xffffff, false);
				else
					put(last++, (uint32_t)rand() & 0xffffff, false);
			}
			// and just where it stands
			const struct task_entry *at =
				*task_table_cursor(task_table, TASK_TABLE_CURSOR_RECONCILE);
			uint32_t n;
			if (at) {
				memcpy(&n, at->link.id.b + 8, sizeof(n));
				if (rand() % 2)
					take(n);
				else
					put(n, (uint32_t)rand() & 0xffffff, false);
			}
		} while (!reconcile_step(&scan, 97));
		commit();
		cr_assert(reconcile_agrees(&scan, table), "round %d", round);
	}
}
