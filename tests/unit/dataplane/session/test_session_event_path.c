// Sessions of events beside those of signalling: one path, one correlation ID.

#include "tests/unit/dataplane/session/event_bed.h"

TestSuite(session_event_path, .init = begin_correlating, .fini = end);

Test(session_event_path, n4_then_the_event)
{
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	uint32_t bound = world_bound_by(&w, 1);
	struct session_event e = alice();
	cr_assert_eq(take(&e), 0);
	cr_expect(all(e.correlation));
	cr_expect_eq(world_bound_by(&w, 1), bound, "the same selectors");
	play_delete(&w, &one, 4);
	play_deleted(&w, &one, 4, 1);
	cr_expect_eq(w.n_over, 0);
	cr_expect(bound_to_all(1) && !w.state[1].ended);
	cr_assert_eq(ends("smf-1/imsi-1-5"), 0);
	cr_expect_eq(w.n_over, 1);
	cr_expect(w.state[1].ended);
}

Test(session_event_path, the_event_then_n4)
{
	struct session_event e = alice();

	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	cr_assert_eq(take(&e), 0);
	play_establish(&w, &one, 1);
	cr_expect(all(e.correlation), "the request already");
	play_established(&w, &one, 1, 1);
	play_modify(&w, &one, 2, FORW, 0x501, GNB_A);
	play_modified(&w, &one, 2, 1);
	cr_expect(all(e.correlation));
	cr_expect(bound_to_all(1));
	play_modify(&w, &one, 3, FORW, 0x502, GNB_B);
	play_modified(&w, &one, 3, 1);
	cr_expect(downlink(1, 0x502, GNB_B), "N4 is first with it");
	cr_expect(all(e.correlation));
	cr_assert_eq(ends("smf-1/imsi-1-5"), 0);
	cr_expect_eq(w.n_over, 0);
	cr_expect(!w.state[1].ended);
	play_delete(&w, &one, 4);
	play_deleted(&w, &one, 4, 1);
	cr_expect_eq(w.n_over, 1);
	cr_expect_eq(w.over[0], e.correlation);
}

// No task asked for it; its ID has left with a record all the same.
Test(session_event_path, an_id_that_was_given_stays)
{
	struct session_event e = event_is("a", one.imsi, 0);

	cr_assert_eq(take(&e), 0);
	uint64_t first = e.correlation;
	play_up(&w, &one, 1, 0x501, GNB_A);
	e = alice();
	e.name = "a";
	e.name_length = 1;
	cr_assert_eq(take(&e), 0);
	cr_expect_eq(e.correlation, first);
	cr_assert_eq(ends("a"), 0);
	cr_expect_eq(w.n_over, 1);
}

// N4 without the user's identity: the F-SEID is the session's.
static struct play anonymous(void)
{
	struct play p = one;

	p.imsi = NULL;
	return p;
}

Test(session_event_path, n4_without_the_user_first)
{
	const struct play p = anonymous();
	struct session_target t = {.kinds = SESSION_FSEID, .seid = one.up};
	struct session_event e = known_by_all();

	subscribe(1, &t);
	play_up(&w, &p, 1, 0x501, GNB_A);
	cr_assert_eq(take(&e), 0);
	cr_expect(all(e.correlation));
	cr_assert_eq(world_subscribe_imsi(&w, 2, one.imsi), 0);
	cr_expect(bound_to_all(2));
	cr_expect(all(e.correlation));
}

Test(session_event_path, n4_without_the_user_last)
{
	const struct play p = anonymous();
	struct session_target t = {.kinds = SESSION_FSEID, .seid = one.cp};
	struct session_event e = known_by_all();

	subscribe(1, &t);
	cr_assert_eq(take(&e), 0);
	play_up(&w, &p, 1, 0x501, GNB_A);
	cr_expect(all(e.correlation));
}

// An event that has neither tunnel nor address yet, in both orders.
Test(session_event_path, an_f_seid_alone)
{
	const struct play p = anonymous();
	struct session_target t = {.kinds = SESSION_FSEID, .seid = one.up};
	struct session_event e = event_is("a", one.imsi, 0);

	e.cp = event_seid(one.cp, SMF);
	subscribe(1, &t);
	cr_assert_eq(take(&e), 0);
	play_up(&w, &p, 1, 0x501, GNB_A);
	cr_expect(all(e.correlation));
	play_delete(&w, &p, 4);
	play_deleted(&w, &p, 4, 1);
	cr_assert_eq(ends("a"), 0);
	cr_expect_eq(w.n_over, 1);
	play_up(&w, &p, 5, 0x501, GNB_A);
	e.cp = (struct f_seid){};
	e.up = event_seid(one.up, UPF);
	cr_assert_eq(take(&e), 0);
	cr_expect(all(e.correlation));
}

Test(session_event_path, an_f_seid_of_another_user)
{
	struct session_target t = {.kinds = SESSION_FSEID, .seid = one.cp};
	struct session_event e = known_by_all();
	struct play p = two;

	p.cp = one.cp;
	p.up = one.up;
	subscribe(1, &t);
	cr_assert_eq(take(&e), 0);
	play_up(&w, &p, 1, 0x509, GNB_A);
	cr_expect(world_address(&w, 1, two.ue) && world_address(&w, 1, one.ue));
	cr_expect_not(all(e.correlation), "not of one path");
}

Test(session_event_path, a_tunnel_of_another_user)
{
	struct session_event e = alice();

	strcpy(e.user.imsi.text, two.imsi);
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	cr_assert_eq(take(&e), 0);
	cr_expect_not(all(e.correlation));
	cr_expect(uplink(&one, 1), "sources do not compete");
}

Test(session_event_path, without_correlation)
{
	world_end(&w);
	begin();
	struct session_event e = alice();
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	cr_assert_eq(take(&e), 0);
	cr_expect_eq(e.correlation, 0);
	cr_expect(bound_to_all(1));
	cr_assert_eq(ends("smf-1/imsi-1-5"), 0);
	cr_expect_eq(w.n_over, 0);
}
