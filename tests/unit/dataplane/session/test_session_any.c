// Watches of several targets of which any is enough.

#include "tests/unit/dataplane/session/pfcp_bed.h"

TestSuite(session_any, .init = begin, .fini = end);

static struct session_target seid_of(const struct play *s)
{
	return (struct session_target){.kinds = SESSION_FSEID, .seid = s->up};
}

static struct session_target imsi_of(const struct play *s)
{
	struct session_target t = {.kinds = SESSION_IMSI};

	strcpy(t.imsi, s->imsi);
	return t;
}

static void watch(uint64_t subscription, struct session_target a, struct session_target b)
{
	const struct session_target both[] = {a, b};

	cr_assert_eq(
		sessions_subscribe_any(w.store, subscription, both, 2, FILTER_ANY_DIRECTION), 0);
}

static void release(const struct play *s, uint32_t sequence)
{
	play_delete(&w, s, sequence);
	play_deleted(&w, s, sequence, 1);
}

Test(session_any, both_sessions_are_bound)
{
	watch(1, seid_of(&one), seid_of(&two));
	cr_assert_eq(w.state[1].sessions, 0);
	cr_assert_not(w.state[1].bound_once);
	play_up(&w, &one, 1, 0x2001, GNB_A);
	cr_expect(uplink(&one, 1) && downlink(1, 0x2001, GNB_A));
	cr_expect_eq(w.state[1].sessions, 1);
	play_up(&w, &two, 11, 0x2002, GNB_A);
	cr_expect(uplink(&one, 1) && uplink(&two, 1) && downlink(1, 0x2002, GNB_A));
	cr_expect_eq(w.state[1].sessions, 2);
	cr_expect_not(w.state[1].unsure);
	watch(2, seid_of(&two), imsi_of(&one)); // they are there already
	cr_expect(uplink(&one, 2) && uplink(&two, 2));
	cr_expect_eq(w.state[2].sessions, 2);
	const struct play three = {.cp = 0x13,
		.up = 0x23,
		.uplink = 0x1003,
		.ue = 0x0a2d0004,
		.imsi = "001010000000003"};
	play_up(&w, &three, 21, 0x2003, GNB_A);
	cr_expect_not(uplink(&three, 1) || uplink(&three, 2));
}

// A session that several targets name counts once, and is bound once.
Test(session_any, one_session_by_two_names)
{
	watch(1, imsi_of(&one), seid_of(&one));
	cr_assert_eq(world_subscribe_imsi(&w, 2, one.imsi), 0);
	play_up(&w, &one, 1, 0x2001, GNB_A);
	cr_expect_eq(world_bound_by(&w, 1), world_bound_by(&w, 2));
	cr_expect_gt(world_bound_by(&w, 1), 0);
	cr_expect_eq(w.state[1].sessions, 1);
	release(&one, 9);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect(w.state[1].ended);
}

// Each target has had a session, and all of these are over. One that has had none may still come.
Test(session_any, the_last_session_of_all)
{
	watch(1, seid_of(&one), seid_of(&two));
	cr_assert_eq(world_subscribe_seid(&w, 2, one.up, 0), 0);
	play_up(&w, &one, 1, 0x2001, GNB_A);
	release(&one, 9);
	cr_expect(w.state[2].ended);
	cr_expect_not(w.state[1].ended);
	cr_expect_eq(w.state[1].sessions, 0);
	play_up(&w, &two, 11, 0x2002, GNB_A);
	cr_expect(uplink(&two, 1), "not lost");
	release(&two, 19);
	cr_expect(w.state[1].ended);
}

Test(session_any, an_end_takes_all_names_back)
{
	watch(1, seid_of(&one), imsi_of(&two));
	play_up(&w, &one, 1, 0x2001, GNB_A);
	uint64_t binds = w.binds;
	cr_assert_eq(sessions_unsubscribe(w.store, 1), 0);
	cr_assert_eq(sessions_unsubscribe(w.store, 1), POI_ERR_NOT_FOUND);
	play_up(&w, &two, 11, 0x2002, GNB_A);
	cr_expect_eq(w.binds, binds, "nobody asks for it");
	w.n_bound = 0; // the caller has let go of them
	watch(1, seid_of(&two), seid_of(&one));
	cr_expect(uplink(&one, 1) && uplink(&two, 1));
}

// Without memory, at any allocation, nothing of it stays.
Test(session_any, without_memory)
{
	struct sessions_settings s = world_settings(&w);
	struct session_target targets[32];
	struct session_counts before, after;

	world_end(&w);
	s.memory_max = 900 << 10;
	world_make(&w, &s);
	for (uint32_t i = 0; i < 32; i++)
		targets[i] = (struct session_target){.kinds = SESSION_FSEID, .seid = i + 1};
	uint32_t n = 0;
	for (;; n++) {
		sessions_counts(w.store, &before);
		if (sessions_subscribe_any(w.store, 100 + n, targets, 32, FILTER_ANY_DIRECTION))
			break;
	}
	sessions_counts(w.store, &after);
	cr_assert_gt(n, 0);
	cr_assert_leq(after.octets, before.octets + 65536); // tables may have grown
	for (uint32_t i = 0; i < n; i++)
		cr_assert_eq(sessions_unsubscribe(w.store, 100 + i), 0);
	cr_assert_eq(sessions_subscribe_any(w.store, 1, targets, 32, FILTER_ANY_DIRECTION), 0);
}
