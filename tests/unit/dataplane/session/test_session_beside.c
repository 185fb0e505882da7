// Sessions beside each other: of one user at two nodes, of many that ask for the same, of a store
// that is full.

#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/dataplane/session/pfcp_bed.h"

TestSuite(session_beside, .init = begin, .fini = end);

// A sender of requests cannot use up the room that tasks and later sessions need.
Test(session_beside, unanswered_requests_do_not_fill_the_store)
{
	struct sessions_settings s = world_settings(&w);
	struct session_counts c;

	world_end(&w);
	s.memory_max = 4 << 20;
	world_make(&w, &s);
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		struct play p = {.cp = 0x1000 + i, .uplink = i, .ue = 0x0b000000 + i};
		play_establish(&w, &p, 10 + i);
	}
	c = world_counts(&w);
	cr_expect(c.octets <= s.memory_max, "%u", (unsigned)c.octets);
	cr_expect_gt(c.unanswered, 10000);
	for (uint64_t i = 2; i < 200; i++)
		cr_assert_eq(world_subscribe_imsi(&w, i, two.imsi), 0, "a task can always come");
	world_pass(&w, 31000000000ull);
	play_up(&w, &one, 1, 0x501, GNB_A);
	cr_expect_eq(world_bound_by(&w, 1), 3, "and a session be followed");
}

static const struct play second = {.cp = 0x31,
	.up = 0x41,
	.uplink = 0x3001,
	.ue = 0x0a2d0002,
	.imsi = "001010000000001",
	.upf = 0x0a000003};

// A second anchor of the same address takes nothing from the first.
Test(session_beside, second_anchor_removed)
{
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_up(&w, &second, 10, 0x601, GNB_B);
	play_delete(&w, &second, 20);
	play_deleted(&w, &second, 20, 1);
	cr_expect_eq(w.state[1].sessions, 1);
	cr_expect(world_address(&w, 1, one.ue) && uplink(&one, 1) && !uplink(&second, 1));
}

// In two networks the address is the user's in either; a session of them is not seen apart on N6.
Test(session_beside, two_anchors_in_two_networks)
{
	struct play edge = second;

	edge.ni = "edge";
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	cr_assert_eq(world_subscribe_seid(&w, 2, one.up, 0), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_up(&w, &edge, 10, 0x601, GNB_B);
	cr_expect(world_address(&w, 1, one.ue) && !w.state[1].unsure);
	cr_expect(!world_address(&w, 2, one.ue) && w.state[2].unsure);
}

Test(session_beside, another_users_anchor_takes_it)
{
	struct play other = second;

	other.imsi = two.imsi;
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_up(&w, &other, 10, 0x601, GNB_B);
	cr_expect(!world_address(&w, 1, one.ue));
}

// Selectors that a waiting request would narrow stay as they are until that is accepted.
Test(session_beside, a_request_takes_nothing_away)
{
	struct play given = one;
	struct lab l;
	bool all = false;

	given.given = true;
	const struct session_target t = {
		.kinds = SESSION_FSEID | SESSION_PDR, .seid = one.up, .pdr = 1};
	cr_assert_eq(sessions_subscribe(w.store, 2, &t, FILTER_ANY_DIRECTION), 0);
	play_up(&w, &given, 1, 0x501, GNB_A);
	lab_pfcp_session(&l, 52, one.up, 3);
	lab_open(&l, 1);
	lab_ie16(&l, 56, 3);
	lab_ie32(&l, 29, 1); // before PDR 1, all packets
	lab_open(&l, 2);
	lab_ie8(&l, 20, 0);
	lab_f_teid(&l, one.uplink, N3_UPF);
	lab_close(&l);
	lab_ie32(&l, 108, 1);
	lab_close(&l);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	for (uint32_t i = 0; i < w.n_bound; i++)
		all |= w.bound[i].subscription == 2 && w.bound[i].b.kind == BINDING_TUNNEL &&
		       !w.bound[i].b.select;
	cr_expect(all, "if it is refused rule 1 has them");
	play_modified(&w, &one, 3, 1);
	for (uint32_t i = 0; i < w.n_bound; i++)
		cr_expect(w.bound[i].subscription != 2 || w.bound[i].b.kind != BINDING_TUNNEL ||
				  w.bound[i].b.select,
			"then it has not");
}

// However many claim one selector, each message reads few, and the session that is given it has it.
Test(session_beside, many_ask_for_one_way)
{
	struct play given = one;

	given.given = true;
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	for (uint32_t i = 0; i < 200; i++) {
		struct play p = {
			.cp = 0x1000 + i, .uplink = one.uplink, .ue = one.ue, .given = true};
		play_establish(&w, &p, 100 + i);
	}
	play_up(&w, &given, 1, 0x501, GNB_A);
	cr_expect_eq(world_bound_by(&w, 1), 3);
	cr_expect(uplink(&one, 1) && world_address(&w, 1, one.ue));
}

// The session that claimed last has it, also when it claimed before; refused, it is behind the
// other again.
Test(session_beside, asked_for_again)
{
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	cr_assert_eq(world_subscribe_imsi(&w, 2, two.imsi), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_up(&w, &two, 10, 0x502, GNB_A);
	play_modify(&w, &one, 20, FORW, 0x503, GNB_B);
	play_modify(&w, &two, 21, FORW, 0x503, GNB_B);
	cr_expect(!downlink(1, 0x503, GNB_B) && downlink(2, 0x503, GNB_B));
	play_modify(&w, &one, 22, FORW, 0x503, GNB_B);
	cr_expect(downlink(1, 0x503, GNB_B) && !downlink(2, 0x503, GNB_B));
	play_modified(&w, &one, 22, 75);
	cr_expect(!downlink(1, 0x503, GNB_B) && downlink(2, 0x503, GNB_B));
}
