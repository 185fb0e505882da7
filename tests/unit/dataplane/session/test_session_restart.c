// Ends of sessions without messages of their own: restarts, associations, takeovers, the bounds of
// a store.

#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/dataplane/session/pfcp_bed.h"

TestSuite(session_restart, .init = begin, .fini = end);

static void heartbeat(uint32_t sequence, uint32_t recovery, bool smf)
{
	struct lab l;

	lab_pfcp(&l, 1, sequence);
	lab_ie32(&l, 96, recovery);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, smf ? SMF : UPF, smf ? UPF : SMF);
}

Test(session_restart, restart_by_heartbeat)
{
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	play_setup(&w, 1, 100);
	play_setup_done(&w, 1, 200);
	play_up(&w, &one, 2, 0x501, GNB_A);
	heartbeat(5, 200, false);
	heartbeat(6, 100, true);
	cr_expect_eq(world_bound_by(&w, 1), 3);
	heartbeat(7, 199, false); // any other stamp
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect_eq(world_counts(&w).sessions, 0);
	cr_expect(w.state[1].unsure, "its view was lost");
	play_up(&w, &one, 8, 0x501, GNB_A);
	cr_expect_eq(world_bound_by(&w, 1), 3);
	cr_expect(!w.state[1].unsure);
}

Test(session_restart, association_set_up_again)
{
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	play_setup(&w, 1, 100);
	play_setup_done(&w, 1, 200);
	play_up(&w, &one, 2, 0x501, GNB_A);
	play_setup(&w, 5, 100); // the stamp does not matter
	cr_expect_eq(world_bound_by(&w, 1), 3);
	play_setup_done(&w, 5, 200);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	play_up(&w, &one, 6, 0x501, GNB_A);
	play_setup(&w, 9, 100); // its answer is lost, but the next session shows that it was set up
	play_up(&w, &two, 10, 0x502, GNB_A);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect_eq(world_counts(&w).sessions, 1);
}

Test(session_restart, association_released)
{
	struct lab l;

	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	play_setup(&w, 1, 100);
	play_setup_done(&w, 1, 200);
	play_up(&w, &one, 2, 0x501, GNB_A);
	lab_pfcp(&l, 9, 5);
	lab_node(&l, SMF);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	cr_expect_eq(world_bound_by(&w, 1), 3);
	lab_pfcp(&l, 10, 5);
	lab_node(&l, UPF);
	lab_ie8(&l, 19, 1);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, UPF, SMF);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect(w.state[1].unsure);
}

static void report(uint8_t flags, bool request, uint64_t seid)
{
	struct lab l;

	lab_pfcp_session(&l, request ? 56 : 57, seid, 77);
	if (request) {
		lab_ie8(&l, 39, 1);
		lab_ie8(&l, 161, flags);
	} else {
		lab_ie8(&l, 19, 1);
		lab_f_seid(&l, 0x99, SMF + 8);
	}
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, request ? UPF : SMF, request ? SMF : UPF);
}

Test(session_restart, session_deleted_by_the_upf)
{
	cr_assert_eq(world_subscribe_seid(&w, 1, one.up, UPF), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	report(0, true, one.cp);
	cr_expect_eq(world_bound_by(&w, 1), 3);
	report(1, true, one.cp);
	cr_expect_eq(world_bound_by(&w, 1), 0);
}

Test(session_restart, another_smf_takes_over)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	cr_assert_eq(world_subscribe_seid(&w, 1, one.cp, SMF), 0);
	cr_expect_eq(world_bound_by(&w, 1), 3);
	report(0, false, one.up);
	cr_expect_eq(world_bound_by(&w, 1), 0, "the old F-SEID lapses");
	cr_assert_eq(world_subscribe_seid(&w, 2, 0x99, SMF + 8), 0);
	cr_expect_eq(world_bound_by(&w, 2), 3);
}

// ---- bounds ----

Test(session_restart, partial_sessions_go_first, .init = NULL)
{
	struct sessions_settings s = world_settings(&w);
	struct play many = one;

	s.sessions_max = 4;
	world_make(&w, &s);
	for (unsigned i = 0; i < 3; i++) {
		many.up = 0x300 + i;
		play_modify(&w, &many, 10 + i, FORW, 0x501 + i, GNB_A);
		many.cp = 0x400 + i;
		play_modified(&w, &many, 10 + i, 1);
	}
	play_up(&w, &one, 20, 0x501, GNB_B);
	cr_expect_eq(world_counts(&w).sessions, 4);
	cr_expect_eq(world_counts(&w).evicted, 0);
	play_up(&w, &two, 30, 0x502, GNB_B);
	cr_expect_eq(world_counts(&w).evicted, 1);
	cr_expect_eq(world_counts(&w).partial_now, 2);
	cr_assert_eq(world_subscribe_seid(&w, 1, 0x300, UPF), 0);
	cr_assert_eq(world_subscribe_seid(&w, 2, 0x301, UPF), 0);
	cr_expect(world_bound_by(&w, 1) == 0 && world_bound_by(&w, 2) == 1, "the oldest");
	for (unsigned i = 0; i < 3; i++) {
		many.cp = 0x500 + i;
		many.up = 0x600 + i;
		many.uplink = 0x2000 + i;
		play_up(&w, &many, 40 + 4 * i, 0x600 + i, GNB_B);
	}
	cr_expect_eq(world_counts(&w).refused > 0, true);
	cr_expect_eq(world_counts(&w).sessions, 4);
	cr_expect(w.state[2].unsure, "whose session was refused is not known");
}

Test(session_restart, nothing_is_left)
{
	struct play many = one;
	char imsi[16];

	many.imsi = imsi;
	const uint64_t empty = world_counts(&w).octets;
	uint64_t before = 0;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 2000; i++) {
			snprintf(imsi, sizeof(imsi), "00102%010u", i);
			many.cp = 0x1000 + i;
			many.up = 0x9000 + i;
			many.uplink = 0x100 + i;
			many.ue = 0x0a000000 + i;
			play_up(&w, &many, 1 + 8 * i, 0x501 + i, GNB_A);
			play_modify(&w, &many, 4 + 8 * i, FORW, 0x100501 + i, GNB_B);
			play_modified(&w, &many, 4 + 8 * i, 1);
			play_delete(&w, &many, 5 + 8 * i);
			play_deleted(&w, &many, 5 + 8 * i, 1);
		}
		world_pass(&w, 61000000000ull);
		world_pass(&w, 61000000000ull);
		struct session_counts c = world_counts(&w);
		cr_expect_eq(c.sessions, 0);
		if (round == 0)
			before = c.octets;
		cr_expect_eq(c.octets, before);
		cr_expect(c.octets - empty < 32768, "%llu octets: the nodes and their pair",
			(unsigned long long)(c.octets - empty));
	}
}
