// One session's life as PFCP shows it, and each hazard on its way.

#include <criterion/criterion.h>

#include "tests/unit/dataplane/session/pfcp_bed.h"

TestSuite(session, .init = begin_subscribed, .fini = end);

Test(session, life)
{
	play_establish(&w, &one, 1);
	cr_expect(world_address(&w, 1, one.ue), "the request adds what it names");
	cr_expect_eq(world_bound_by(&w, 1), 1);
	play_established(&w, &one, 1, 1);
	cr_expect(uplink(&one, 1));
	cr_expect_eq(w.state[1].sessions, 1);
	cr_expect(w.state[1].bound_once && !w.state[1].unsure);
	play_modify(&w, &one, 2, FORW, 0x501, GNB_A);
	cr_expect(downlink(1, 0x501, GNB_A), "on the request");
	play_modified(&w, &one, 2, 1);
	cr_expect_eq(world_bound_by(&w, 1), 3);
	play_delete(&w, &one, 3);
	cr_expect_eq(world_bound_by(&w, 1), 3, "a deletion may be refused");
	play_deleted(&w, &one, 3, 1);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect_eq(w.state[1].sessions, 0);
	cr_expect(!w.state[1].unsure);
	cr_expect_eq(world_counts(&w).sessions, 0);
}

Test(session, subscription_comes_later)
{
	play_up(&w, &two, 1, 0x502, GNB_A);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect_eq(world_subscribe_imsi(&w, 2, two.imsi), 0);
	cr_expect_eq(world_bound_by(&w, 2), 3);
	cr_expect_eq(world_subscribe_seid(&w, 3, two.up, UPF), 0);
	cr_expect_eq(world_bound_by(&w, 3), 3);
	cr_expect_eq(world_subscribe_seid(&w, 4, two.cp, SMF), 0);
	cr_expect_eq(world_bound_by(&w, 4), 3);
	cr_expect_eq(world_subscribe_seid(&w, 5, two.cp, 0), 0, "any address");
	cr_expect_eq(world_bound_by(&w, 5), 3);
	cr_expect_eq(world_subscribe_seid(&w, 6, two.cp, GNB_A), 0);
	cr_expect_eq(world_bound_by(&w, 6), 0);
	cr_expect_eq(world_subscribe_seid(&w, 6, two.cp, GNB_A), POI_ERR_EXISTS);
	cr_expect_eq(sessions_unsubscribe(w.store, 2), 0);
	cr_expect_eq(w.unbinds, 0, "the caller drops them itself");
	cr_expect_eq(sessions_unsubscribe(w.store, 2), POI_ERR_NOT_FOUND);
}

Test(session, rejected_establishment)
{
	play_establish(&w, &one, 1);
	play_established(&w, &one, 1, 75);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect_eq(world_counts(&w).sessions, 0);
	cr_expect_eq(world_counts(&w).rejected, 1);
}

Test(session, rejected_modification_is_taken_back)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modify(&w, &one, 3, FORW, 0x601, GNB_B);
	cr_expect(downlink(1, 0x501, GNB_A) && downlink(1, 0x601, GNB_B));
	play_modified(&w, &one, 3, 69);
	cr_expect(downlink(1, 0x501, GNB_A) && !downlink(1, 0x601, GNB_B));
}

Test(session, handover)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modify(&w, &one, 3, FORW, 0x601, GNB_B);
	play_modified(&w, &one, 3, 1);
	cr_expect(downlink(1, 0x601, GNB_B));
	cr_expect(downlink(1, 0x501, GNB_A), "for a while");
	world_pass(&w, 1100000000ull);
	cr_expect(!downlink(1, 0x501, GNB_A));
	cr_expect(downlink(1, 0x601, GNB_B));
	cr_expect_eq(world_bound_by(&w, 1), 3);
}

Test(session, handover_back)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modify(&w, &one, 3, FORW, 0x601, GNB_B);
	play_modified(&w, &one, 3, 1);
	play_modify(&w, &one, 4, FORW, 0x501, GNB_A);
	play_modified(&w, &one, 4, 1);
	world_pass(&w, 1100000000ull);
	cr_expect(downlink(1, 0x501, GNB_A) && !downlink(1, 0x601, GNB_B));
}

Test(session, tunnel_left_by_a_handover_is_given_to_another)
{
	cr_assert_eq(world_subscribe_imsi(&w, 2, two.imsi), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modify(&w, &one, 3, FORW, 0x601, GNB_B);
	play_modified(&w, &one, 3, 1);
	play_establish(&w, &two, 4);
	play_established(&w, &two, 4, 1);
	play_modify(&w, &two, 5, FORW, 0x501, GNB_A);
	cr_expect(!downlink(1, 0x501, GNB_A), "the new owner wins at once");
	cr_expect(downlink(2, 0x501, GNB_A));
	play_modified(&w, &two, 5, 1);
	cr_expect(!downlink(1, 0x501, GNB_A) && downlink(2, 0x501, GNB_A));
}

Test(session, taken_tunnel_comes_back_when_the_taker_is_refused)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_establish(&w, &two, 4);
	play_established(&w, &two, 4, 1);
	play_modify(&w, &two, 5, FORW, 0x501, GNB_A);
	cr_expect(!downlink(1, 0x501, GNB_A));
	play_modified(&w, &two, 5, 69);
	cr_expect(downlink(1, 0x501, GNB_A));
}

Test(session, idle)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modify(&w, &one, 3, BUFF, 0, 0);
	cr_expect(downlink(1, 0x501, GNB_A), "until it is settled");
	play_modified(&w, &one, 3, 1);
	cr_expect(!downlink(1, 0x501, GNB_A), "the header that the FAR remembers is nobody's");
	play_modify(&w, &one, 4, FORW, 0x701, GNB_A);
	play_modified(&w, &one, 4, 1);
	cr_expect(downlink(1, 0x701, GNB_A) && !downlink(1, 0x501, GNB_A));
}

Test(session, retransmissions_change_nothing)
{
	play_establish(&w, &one, 1);
	play_establish(&w, &one, 1);
	play_established(&w, &one, 1, 1);
	play_establish(&w, &one, 1);
	play_established(&w, &one, 1, 1);
	play_modify(&w, &one, 2, FORW, 0x501, GNB_A);
	play_modified(&w, &one, 2, 1);
	play_modify(&w, &one, 3, FORW, 0x601, GNB_B);
	play_modified(&w, &one, 3, 1);
	world_pass(&w, 2000000000ull);
	play_modify(&w, &one, 2, FORW, 0x501, GNB_A); // late
	cr_expect(!downlink(1, 0x501, GNB_A) && downlink(1, 0x601, GNB_B));
	cr_expect_eq(world_counts(&w).sessions, 1);
	cr_expect_eq(world_counts(&w).retransmissions, 4);
}

Test(session, number_used_again)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modify(&w, &one, 2, FORW, 0x601, GNB_B); // other octets under the same number
	play_modified(&w, &one, 2, 1);
	cr_expect(downlink(1, 0x601, GNB_B));
}

Test(session, response_before_request)
{
	play_established(&w, &one, 1, 1);
	cr_expect_eq(world_counts(&w).partial_now, 1);
	play_establish(&w, &one, 1);
	cr_expect(uplink(&one, 1) && world_address(&w, 1, one.ue));
	cr_expect_eq(world_counts(&w).sessions, 1);
	cr_expect_eq(world_counts(&w).partial_now, 0);
	play_modified(&w, &one, 2, 1);
	play_modify(&w, &one, 2, FORW, 0x501, GNB_A);
	cr_expect(downlink(1, 0x501, GNB_A));
	play_modify(&w, &one, 3, BUFF, 0, 0);
	cr_expect(downlink(1, 0x501, GNB_A), "it was settled");
	play_deleted(&w, &one, 4, 1);
	play_delete(&w, &one, 4);
	cr_expect_eq(world_counts(&w).sessions, 0);
}

Test(session, modification_before_the_establishments_response)
{
	play_establish(&w, &one, 1);
	play_modify(&w, &one, 2, FORW, 0x501, GNB_A);
	play_established(&w, &one, 1, 1);
	cr_expect(downlink(1, 0x501, GNB_A), "it belongs to the session");
	cr_expect_eq(world_counts(&w).sessions, 1);
	play_modified(&w, &one, 2, 1);
	cr_expect_eq(world_bound_by(&w, 1), 3);
}

Test(session, lost_establishment_response)
{
	play_establish(&w, &one, 1);
	play_modify(&w, &one, 2, FORW, 0x501, GNB_A);
	play_modified(&w, &one, 2, 1);
	cr_expect(downlink(1, 0x501, GNB_A));
	cr_expect(world_address(&w, 1, one.ue));
	cr_expect_eq(world_counts(&w).sessions, 1);
	cr_expect(w.state[1].unsure, "the F-TEID is not known");
	play_established(&w, &one, 1, 1); // it was only late
	cr_expect(uplink(&one, 1));
	play_delete(&w, &one, 3);
	play_deleted(&w, &one, 3, 1);
	cr_expect_eq(world_counts(&w).sessions, 0);
}

Test(session, lost_establishment_request)
{
	cr_assert_eq(world_subscribe_seid(&w, 2, one.up, UPF), 0);
	play_established(&w, &one, 1, 1);
	cr_expect(uplink(&one, 2), "what the response gives can be used");
	play_modify(&w, &one, 2, FORW, 0x501, GNB_A);
	play_modified(&w, &one, 2, 1);
	cr_expect(downlink(2, 0x501, GNB_A));
	cr_expect(w.state[2].unsure);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	play_delete(&w, &one, 3);
	play_deleted(&w, &one, 3, 1);
	cr_expect_eq(world_bound_by(&w, 2), 0);
}

Test(session, started_late)
{
	cr_assert_eq(world_subscribe_seid(&w, 2, one.up, UPF), 0);
	play_modify(&w, &one, 2, FORW, 0x501, GNB_A);
	cr_expect(downlink(2, 0x501, GNB_A));
	play_modified(&w, &one, 2, 1);
	cr_expect_eq(world_subscribe_seid(&w, 3, one.cp, SMF), 0);
	cr_expect(downlink(3, 0x501, GNB_A), "the response told the other side's SEID");
	cr_expect_eq(world_counts(&w).partial_now, 1);
	cr_expect(w.state[2].unsure);
}

Test(session, lost_modification_request)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modified(&w, &one, 3, 1);
	cr_expect(!w.state[1].unsure, "it may still come");
	world_pass(&w, 181000000000ull);
	cr_expect(w.state[1].unsure);
	cr_expect_eq(world_counts(&w).unmatched_responses, 1);
}

Test(session, lost_modification_response)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modify(&w, &one, 3, FORW, 0x601, GNB_B);
	play_modify(&w, &one, 4, FORW, 0x701, GNB_B);
	play_modified(&w, &one, 4, 1);
	cr_expect(downlink(1, 0x701, GNB_B));
	cr_expect(downlink(1, 0x601, GNB_B) && !w.state[1].unsure, "it may still be answered");
	world_pass(&w, 6000000000ull);
	play_modify(&w, &one, 5, FORW, 0x801, GNB_B);
	play_modified(&w, &one, 5, 1);
	cr_expect(w.state[1].unsure);
	world_pass(&w, 1100000000ull);
	cr_expect(downlink(1, 0x801, GNB_B));
	cr_expect_eq(world_bound_by(&w, 1), 3);
}

Test(session, never_answered)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modify(&w, &one, 3, FORW, 0x601, GNB_B);
	play_establish(&w, &two, 4);
	world_pass(&w, 181000000000ull);
	cr_expect(!downlink(1, 0x601, GNB_B), "taken back");
	cr_expect_eq(world_counts(&w).sessions, 1);
	cr_expect_eq(world_counts(&w).unanswered, 2);
}

Test(session, lost_deletion_response_then_reuse)
{
	cr_assert_eq(world_subscribe_imsi(&w, 2, two.imsi), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_delete(&w, &one, 3);
	struct play next = two;
	next.uplink = one.uplink; // all the same again
	next.ue = one.ue;
	next.up = one.up;
	play_up(&w, &next, 4, 0x501, GNB_A);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect_eq(world_bound_by(&w, 2), 3);
	cr_expect_eq(world_counts(&w).sessions, 1, "the UPF gave its SEID anew");
}

Test(session, lost_deletion_request)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_deleted(&w, &one, 3, 1);
	cr_expect_eq(world_bound_by(&w, 1), 0);
}

Test(session, context_not_found)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modify(&w, &one, 3, FORW, 0x601, GNB_B);
	play_modified(&w, &one, 3, 65);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	play_up(&w, &one, 4, 0x501, GNB_A);
	cr_expect_eq(world_bound_by(&w, 1), 3);
	play_delete(&w, &one, 7);
	play_deleted(&w, &one, 7, 65);
	cr_expect_eq(world_bound_by(&w, 1), 0);
}

Test(session, refused_deletion)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_delete(&w, &one, 3);
	play_deleted(&w, &one, 3, 64);
	cr_expect_eq(world_bound_by(&w, 1), 3);
}

Test(session, address_used_again)
{
	cr_assert_eq(world_subscribe_imsi(&w, 2, two.imsi), 0);
	struct play next = two;
	next.ue = one.ue;
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_up(&w, &next, 3, 0x502, GNB_A);
	cr_expect(!world_address(&w, 1, one.ue), "the new owner has it");
	cr_expect(world_address(&w, 2, one.ue));
	cr_expect(uplink(&one, 1), "what is its own stays");
}

Test(session, same_address_in_two_network_instances)
{
	cr_assert_eq(world_subscribe_imsi(&w, 2, two.imsi), 0);
	struct play other = two;
	other.ue = one.ue;
	other.ni = "corporate";
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_up(&w, &other, 3, 0x502, GNB_A);
	cr_expect(!world_address(&w, 1, one.ue) && !world_address(&w, 2, one.ue), "ambiguous");
	cr_expect(w.state[1].unsure && w.state[2].unsure);
	cr_expect(world_counts(&w).ambiguous > 0);
	cr_expect(uplink(&one, 1) && uplink(&other, 2));
	play_delete(&w, &other, 6);
	play_deleted(&w, &other, 6, 1);
	cr_expect(world_address(&w, 1, one.ue));
	cr_expect(!w.state[1].unsure);
}

Test(session, equal_seids_of_two_smfs)
{
	struct play other = two;
	other.cp = one.cp;
	other.smf = 0x0a000009;
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_up(&w, &other, 1, 0x502, GNB_A); // the same sequence numbers, too
	cr_expect_eq(world_counts(&w).sessions, 2);
	cr_assert_eq(world_subscribe_seid(&w, 2, one.cp, SMF), 0);
	cr_expect(uplink(&one, 2) && !uplink(&other, 2));
	cr_assert_eq(world_subscribe_seid(&w, 3, one.cp, 0), 0);
	cr_expect(uplink(&one, 3) && uplink(&other, 3));
	cr_expect_eq(w.state[3].sessions, 2);
}

Test(session, second_response)
{
	struct play twin = one;
	twin.up = 0x99;
	twin.uplink = 0x1099;
	play_establish(&w, &one, 1);
	play_established(&w, &one, 1, 1);
	play_established(&w, &twin, 1, 1);
	cr_expect(uplink(&one, 1) && uplink(&twin, 1));
	cr_expect_eq(world_counts(&w).sessions, 2);
	play_delete(&w, &twin, 2);
	play_deleted(&w, &twin, 2, 1);
	cr_expect(uplink(&one, 1) && !uplink(&twin, 1));
}

Test(session, restored)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	uint64_t unbinds = w.unbinds;
	struct play again = one;
	again.up = 0x77;
	again.given = true;
	play_establish(&w, &again, 5);
	play_established(&w, &again, 5, 1);
	cr_expect(uplink(&one, 1) && world_address(&w, 1, one.ue));
	cr_expect_eq(w.unbinds - unbinds, 1, "only the tunnel to the base station is gone");
	cr_expect_eq(world_counts(&w).sessions, 1);
}

Test(session, binding_without_memory_is_told_again)
{
	w.refuse = 1;
	play_establish(&w, &one, 1);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	world_pass(&w, 1000000);
	cr_expect(world_address(&w, 1, one.ue));
}

// A session's number is given again; requests that still wait for the one before do not concern it.
Test(session, late_answer_to_a_session_that_is_over)
{
	const struct play other = {.cp = 0x31,
		.up = 0x41,
		.uplink = 0x1009,
		.ue = 0x0a2d0009,
		.imsi = "001010000000009"};

	play_establish(&w, &one, 1);
	play_established(&w, &one, 1, 1);
	play_modify(&w, &one, 2, FORW, 0x501, GNB_A);
	world_pass(&w, 6000000000ull);
	play_modify(&w, &one, 3, FORW, 0x502, GNB_A);
	play_modified(&w, &one, 3, 1); // the one before must have been accepted
	play_delete(&w, &one, 4);
	play_deleted(&w, &one, 4, 1);
	cr_assert_eq(world_subscribe_imsi(&w, 9, other.imsi), 0);
	play_up(&w, &other, 10, 0x601, GNB_B);
	cr_assert_eq(world_bound_by(&w, 9), 3);
	play_modified(&w, &one, 2, 65);
	cr_expect_eq(world_bound_by(&w, 9), 3, "another session's");
}

// Counters begin anew with the nodes: the same octets are another request.
Test(session, equal_requests_after_a_restart)
{
	play_setup(&w, 1, 100);
	play_setup_done(&w, 1, 100);
	play_establish(&w, &one, 10);
	play_established(&w, &one, 10, 1);
	play_setup(&w, 2, 200);
	play_setup_done(&w, 2, 100);
	cr_assert_eq(world_bound_by(&w, 1), 0);
	play_establish(&w, &one, 10);
	play_established(&w, &one, 10, 1);
	cr_expect_eq(world_bound_by(&w, 1), 2);
	play_delete(&w, &one, 11);
	play_deleted(&w, &one, 11, 1);
	play_setup(&w, 3, 300);
	play_setup_done(&w, 3, 100);
	play_establish(&w, &one, 10);
	play_established(&w, &one, 10, 1);
	cr_expect_eq(world_bound_by(&w, 1), 2, "with nothing left of before");
	play_establish(&w, &one, 10);
	play_established(&w, &one, 10, 1);
	cr_expect_eq(world_bound_by(&w, 1), 2, "a retransmission");
	cr_expect_eq(world_counts(&w).sessions, 1);
	play_setup(&w, 3, 300); // as well
	play_setup_done(&w, 3, 100);
	cr_expect_eq(world_bound_by(&w, 1), 2);
}

static void csids(struct lab *l, unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++) {
		lab_open(l, 65); // FQ-CSID of an IPv4 node
		lab_u8(l, 1);
		lab_u32(l, SMF);
		lab_u16(l, (uint16_t)i);
		lab_close(l);
	}
}

// One message ends the sessions of several sets, also those that wait for something.
Test(session, sets_are_deleted)
{
	struct lab l;

	for (uint32_t i = 0; i < 4; i++) {
		struct play p = {
			.cp = 0x50 + i, .up = 0x60 + i, .uplink = 0x2000 + i, .imsi = one.imsi};
		lab_pfcp_session(&l, 50, 0, 100 + i);
		lab_node(&l, SMF);
		lab_f_seid(&l, p.cp, SMF);
		csids(&l, i, 1);
		lab_user(&l, p.imsi);
		lab_end(&l);
		world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
		play_established(&w, &p, 100 + i, 1);
		play_modify(&w, &p, 200 + i, FORW, 0x700 + i, GNB_A);
	}
	cr_assert_eq(world_counts(&w).sessions, 4);
	lab_pfcp(&l, 14, 300);
	lab_node(&l, SMF);
	csids(&l, 0, 3);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	cr_assert_eq(world_counts(&w).sessions, 4, "not accepted yet");
	lab_pfcp(&l, 15, 300);
	lab_node(&l, UPF);
	lab_ie8(&l, 19, 1);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, UPF, SMF);
	cr_expect_eq(world_counts(&w).sessions, 1);
}

// An SMF of a set takes over, and goes on when the one before restarts.
Test(session, taken_over_by_another_node)
{
	const uint32_t smf_2 = 0x0a000007;
	struct lab l;

	play_setup(&w, 1, 100);
	play_setup_done(&w, 1, 100);
	play_up(&w, &one, 2, 0x501, GNB_A);
	lab_pfcp_session(&l, 52, one.up, 1);
	lab_node(&l, smf_2);
	lab_f_seid(&l, 0x99, smf_2);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, smf_2, UPF);
	lab_pfcp_session(&l, 53, 0x99, 1);
	lab_ie8(&l, 19, 1);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, UPF, smf_2);
	play_setup(&w, 9, 200);
	play_setup_done(&w, 9, 100);
	cr_expect_eq(world_bound_by(&w, 1), 3, "its sessions are another's");
	cr_expect_eq(world_counts(&w).sessions, 1);
}
