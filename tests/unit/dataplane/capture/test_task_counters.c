#include "dataplane/capture/task_counters.h"

#include <criterion/criterion.h>
#include <string.h>

static struct task_counters_owner *o;

static void setup(void)
{
	o = task_counters_new(2);
	cr_assert(o);
}

static void teardown(void)
{
	task_counters_free(o);
}

TestSuite(task_counters, .init = setup, .fini = teardown);

Test(task_counters, refuses_impossible_numbers_of_workers, .init = NULL, .fini = NULL)
{
	cr_expect_null(task_counters_new(0));
	cr_expect_null(task_counters_new(SLOT_WRITERS_MAX + 1));
	task_counters_free(NULL);
}

Test(task_counters, are_distinct_and_zero_across_chunks)
{
	enum { N = SLOT_CHUNK + 10 };
	static uint8_t seen[N];

	for (uint32_t i = 0; i < N; i++) {
		uint32_t s;
		cr_assert_eq(task_counters_take(o, &s), 0);
		cr_assert_lt(s, N);
		cr_assert_not(seen[s]);
		seen[s] = 1;
		for (uint32_t w = 0; w < 2; w++) {
			struct slot_counters *c =
				slot_counters_of(task_counters_of(o)->worker[w], s);
			cr_assert_eq(c->matched, 0);
			c->matched = w + 1; // each its own line: a shared one would show as 2 or 1
		}
	}
	struct slot_counters sum;
	task_counters_totals(o, &sum);
	cr_expect_eq(sum.matched, 3 * N);
	cr_expect_eq(task_counters_taken(o), N);
}

Test(task_counters, growing_moves_nothing)
{
	uint32_t first, s;

	cr_assert_eq(task_counters_take(o, &first), 0);
	struct slot_counters *at = slot_counters_of(task_counters_of(o)->worker[1], first);
	at->offered = 77;
	for (uint32_t i = 0; i < 2 * SLOT_CHUNK; i++)
		cr_assert_eq(task_counters_take(o, &s), 0);
	cr_expect_eq(slot_counters_of(task_counters_of(o)->worker[1], first), at);
	cr_expect_eq(at->offered, 77);
}

Test(task_counters, a_slot_taken_again_is_zero_and_the_totals_stay)
{
	uint32_t a, b;
	struct slot_counters sum;

	cr_assert_eq(task_counters_take(o, &a), 0);
	for (uint32_t w = 0; w < 2; w++) {
		struct slot_counters *c = slot_counters_of(task_counters_of(o)->worker[w], a);
		c->matched = 5;
		c->offered = 6;
		c->lost[LOSS_BUFFER_FULL] = 7;
		c->x3_octets = 8;
		c->last_ns = 100 - w;
	}
	task_counters_read(o, a, &sum);
	cr_expect_eq(sum.offered, 12);
	cr_expect_eq(sum.last_ns, 100);
	task_counters_give(o, a);
	task_counters_give(o, a); // once only
	task_counters_read(o, a, &sum);
	cr_expect_eq(sum.offered, 0, "a slot that is nobody's has no numbers");
	cr_assert_eq(task_counters_take(o, &b), 0);
	cr_assert_eq(a, b);
	task_counters_read(o, b, &sum);
	cr_expect_eq(sum.matched + sum.offered + sum.lost[LOSS_BUFFER_FULL] + sum.last_ns, 0);
	slot_counters_of(task_counters_of(o)->worker[0], b)->offered = 1;
	task_counters_totals(o, &sum);
	cr_expect_eq(sum.offered, 13);
	cr_expect_eq(sum.lost[LOSS_BUFFER_FULL], 14);
	cr_expect_eq(sum.x3_octets, 16);
}

Test(task_counters, has_a_limit, .timeout = 60)
{
	struct task_counters_owner *one = task_counters_new(1);
	uint32_t s;
	int e = 0;
	uint32_t n = 0;

	// 2,097,152 slots of counters would take a while to clear: the contexts stand for both.
	struct id16 xid = {0};
	for (; n < SLOT_CHUNK * 8 && e == 0; n++) {
		memcpy(xid.b, &n, sizeof(n));
		e = task_counters_context_take(one, 1, &xid, 0, &s);
	}
	cr_expect_eq(e, 0);
	cr_expect_eq(s, SLOT_CHUNK * 8 - 1);
	task_counters_free(one);
}

Test(task_counters, tasks_of_one_session_share_a_context)
{
	struct id16 x = {{1}}, y = {{2}};
	uint32_t a, b, c[4];

	cr_assert_eq(task_counters_context_take(o, 1, &x, 9, &a), 0);
	*slot_sequence_of(task_counters_of(o)->worker[0], a) = 41;
	cr_assert_eq(task_counters_context_take(o, 1, &x, 9, &b), 0);
	cr_expect_eq(a, b);
	cr_expect_eq(*slot_sequence_of(task_counters_of(o)->worker[0], b), 41);
	cr_expect_eq(*slot_sequence_of(task_counters_of(o)->worker[1], b), 0);
	cr_assert_eq(task_counters_context_take(o, 0, &x, 9, &c[0]), 0); // another kind
	cr_assert_eq(task_counters_context_take(o, 1, &x, 8, &c[1]), 0); // another correlation
	cr_assert_eq(task_counters_context_take(o, 1, &y, 9, &c[2]), 0); // another identifier
	for (int i = 0; i < 3; i++) {
		cr_expect_neq(c[i], a);
		for (int k = 0; k < i; k++)
			cr_expect_neq(c[i], c[k]);
	}
}

Test(task_counters, a_context_lives_until_its_last_task)
{
	struct id16 x = {{1}}, y = {{2}};
	uint32_t a, b, c;

	cr_assert_eq(task_counters_context_take(o, 1, &x, 0, &a), 0);
	cr_assert_eq(task_counters_context_take(o, 1, &x, 0, &a), 0);
	*slot_sequence_of(task_counters_of(o)->worker[1], a) = 7;
	task_counters_context_give(o, a);
	cr_assert_eq(task_counters_context_take(o, 1, &x, 0, &b), 0);
	cr_expect_eq(*slot_sequence_of(task_counters_of(o)->worker[1], b), 7);
	task_counters_context_give(o, b);
	task_counters_context_give(o, b);
	task_counters_context_give(o, b); // without an owner now
	cr_assert_eq(task_counters_context_take(o, 1, &y, 0, &c), 0);
	cr_expect_eq(c, a, "the place is used again");
	cr_expect_eq(*slot_sequence_of(task_counters_of(o)->worker[1], c), 0, "from 0");
	cr_assert_eq(task_counters_context_take(o, 1, &x, 0, &b), 0);
	cr_expect_neq(b, c);
}

Test(task_counters, many_contexts_come_and_go)
{
	enum { N = 20000 };
	static uint32_t at[N];
	struct id16 xid = {0};

	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < N; i++) {
			memcpy(xid.b + 4, &i, sizeof(i));
			cr_assert_eq(task_counters_context_take(o, 1, &xid, 0, &at[i]), 0);
			cr_assert_lt(at[i], N, "round %d leaks", round);
		}
		for (uint32_t i = 0; i < N; i += 7) {
			uint32_t again;
			memcpy(xid.b + 4, &i, sizeof(i));
			cr_assert_eq(task_counters_context_take(o, 1, &xid, 0, &again), 0);
			cr_assert_eq(again, at[i]);
			task_counters_context_give(o, again);
		}
		for (uint32_t i = 0; i < N; i++)
			task_counters_context_give(o, at[(i * 7919ull) % N]);
	}
}
