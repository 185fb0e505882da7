// Watches that no index leads to their sessions: all are looked at, a few with each call.

#include "tests/unit/dataplane/session/pfcp_bed.h"

#define SHARED 300u // sessions of one subscriber, more than an index leads to
#define STEP 16u
#define SUBSCRIBER "001010000000001"

TestSuite(session_walk, .init = begin, .fini = end);

static struct play session(uint32_t i)
{
	return (struct play){.cp = 0x1000 + i,
		.up = 0x2000 + i,
		.uplink = 0x3000 + i,
		.ue = 0x0a2d0100 + i,
		.imsi = SUBSCRIBER};
}

static void up(uint32_t i)
{
	const struct play s = session(i);

	play_up(&w, &s, 10 * i + 1, 0x8000 + i, GNB_A);
}

static void many(void)
{
	for (uint32_t i = 0; i < SHARED; i++)
		up(i);
}

static uint32_t walk(void)
{
	uint32_t calls = 1;

	while (sessions_walk(w.store, STEP))
		calls++;
	return calls;
}

static bool all_bound(uint64_t subscription, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct play s = session(i);
		if (!uplink(&s, subscription))
			return false;
	}
	return true;
}

Test(session_walk, all_are_found_and_then_told)
{
	many();
	cr_assert_eq(world_subscribe_imsi(&w, 1, SUBSCRIBER), 0);
	cr_expect_eq(w.state[1].sessions, 0, "nothing is told before all were looked at");
	cr_assert(sessions_walk(w.store, STEP));
	cr_expect_eq(w.state[1].sessions, 0);
	cr_expect_geq(walk(), SHARED / STEP - 1);
	cr_expect_eq(w.state[1].sessions, SHARED);
	cr_expect(all_bound(1, SHARED));
	cr_expect_not(sessions_walk(w.store, STEP), "once");
}

// Signalling has its turn between two calls, and a second watch begins in the middle.
Test(session_walk, life_goes_on_meanwhile)
{
	const struct play gone = session(SHARED - 1), stranger = two;

	many();
	cr_assert_eq(world_subscribe_imsi(&w, 1, SUBSCRIBER), 0);
	cr_assert(sessions_walk(w.store, SHARED / 2));
	up(SHARED); // behind what was looked at when it began
	play_delete(&w, &gone, 90001);
	play_deleted(&w, &gone, 90001, 1);
	play_up(&w, &stranger, 90011, 0x2002, GNB_A);
	cr_assert_eq(world_subscribe_imsi(&w, 2, SUBSCRIBER), 0);
	walk();
	for (uint64_t k = 1; k <= 2; k++) {
		cr_expect_eq(w.state[k].sessions, SHARED);
		cr_expect(all_bound(k, SHARED - 1));
		const struct play later = session(SHARED);
		cr_expect(uplink(&later, k));
		cr_expect_not(uplink(&gone, k) || uplink(&stranger, k));
	}
}

Test(session_walk, nobody_waits_any_more)
{
	many();
	cr_assert_eq(world_subscribe_imsi(&w, 1, SUBSCRIBER), 0);
	cr_assert(sessions_walk(w.store, STEP));
	cr_assert_eq(sessions_unsubscribe(w.store, 1), 0);
	cr_expect_not(sessions_walk(w.store, STEP));
	cr_assert_eq(world_subscribe_imsi(&w, 2, SUBSCRIBER), 0);
	walk();
	cr_expect_eq(w.state[2].sessions, SHARED, "it begins anew, where the other stopped");
}

Test(session_walk, a_watch_ends_in_the_middle)
{
	many();
	cr_assert_eq(world_subscribe_imsi(&w, 1, SUBSCRIBER), 0);
	cr_assert_eq(world_subscribe_imsi(&w, 2, SUBSCRIBER), 0);
	cr_assert(sessions_walk(w.store, STEP));
	cr_assert_eq(sessions_unsubscribe(w.store, 1), 0);
	walk();
	cr_expect(all_bound(2, SHARED));
	cr_expect_eq(w.state[2].sessions, SHARED);
}
