// Answers, the requests that they match, and their content for the rules that were asked for.

#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/dataplane/session/pfcp_bed.h"

TestSuite(session_answers, .init = begin_subscribed, .fini = end);

// An answer whose request was missed, and the same number of an SMF that has restarted.
Test(session_answers, answer_to_another_establishment_of_the_same_number)
{
	play_setup(&w, 1, 100);
	play_setup_done(&w, 1, 200);
	play_established(&w, &two, 5, 1);
	play_setup(&w, 1, 101);
	play_setup_done(&w, 1, 200);
	play_establish(&w, &one, 5);
	cr_expect(!uplink(&two, 1), "another subscriber's tunnel");
	play_established(&w, &two, 5, 1); // nor while the request waits
	cr_expect(!uplink(&two, 1));
	play_established(&w, &one, 5, 1);
	cr_expect(!uplink(&two, 1) && uplink(&one, 1));
	cr_expect_eq(world_bound_by(&w, 1), 2);
}

Test(session_answers, answer_to_a_modification_of_another_session)
{
	cr_assert_eq(world_subscribe_imsi(&w, 2, two.imsi), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_up(&w, &two, 4, 0x502, GNB_A);
	play_modify(&w, &one, 8, FORW, 0x601, GNB_B);
	play_modified(&w, &two, 8, 75);
	cr_expect(downlink(1, 0x601, GNB_B), "it was not refused");
	play_delete(&w, &one, 9);
	play_deleted(&w, &two, 9, 1);
	cr_expect_eq(world_bound_by(&w, 1), 4);
	cr_expect_eq(world_bound_by(&w, 2), 0, "the other one's deletion was not seen");
}

static void refused_without_seid(uint8_t type, uint32_t sequence, uint8_t cause)
{
	struct lab l;

	lab_pfcp_session(&l, type, 0, sequence);
	if (type == 51)
		lab_node(&l, UPF);
	lab_ie8(&l, 19, cause);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, UPF, SMF);
}

Test(session_answers, refusal_without_seid)
{
	play_establish(&w, &one, 1);
	refused_without_seid(51, 1, 72);
	cr_expect_eq(world_counts(&w).sessions, 0);
	play_up(&w, &one, 2, 0x501, GNB_A);
	play_modify(&w, &one, 4, FORW, 0x601, GNB_B);
	refused_without_seid(53, 4, 65);
	cr_expect_eq(world_counts(&w).sessions, 0);
}

Test(session_answers, early_answer_waits_for_a_mirrors_delay_only)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modified(&w, &one, 4, 1);
	world_pass(&w, 9000000000ull);
	play_modify(&w, &one, 4, BUFF, 0, 0);
	cr_expect(!downlink(1, 0x501, GNB_A), "it was answered");
	play_modified(&w, &one, 5, 1);
	world_pass(&w, 11000000000ull);
	play_modify(&w, &one, 5, FORW, 0x601, GNB_B);
	play_modified(&w, &one, 5, 75);
	cr_expect(!downlink(1, 0x601, GNB_B), "its own answer counts");
}

// Another node takes over twice; the first answer is lost.
Test(session_answers, answer_comes_to_the_seid_of_a_takeover_that_waits)
{
	struct lab l;

	play_up(&w, &one, 1, 0x501, GNB_A);
	lab_pfcp_session(&l, 52, one.up, 5);
	lab_node(&l, SMF);
	lab_f_seid(&l, 0x99, SMF);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	struct play taken = one;
	taken.cp = 0x99;
	world_pass(&w, 6000000000ull);
	play_modify(&w, &taken, 6, BUFF, 0, 0);
	play_modified(&w, &taken, 6, 1);
	cr_expect(!downlink(1, 0x501, GNB_A));
	play_modify(&w, &taken, 7, FORW, 0x601, GNB_B);
	play_modified(&w, &taken, 7, 1);
	cr_expect_eq(world_bound_by(&w, 1), 3);
	cr_assert_eq(world_subscribe_seid(&w, 2, 0x99, SMF), 0);
	cr_expect_eq(world_bound_by(&w, 2), 3);
}

// The session is established anew before the answer to its deletion is seen.
Test(session_answers, late_answer_to_a_deletion)
{
	struct play again = one;

	again.up = 0x91;
	again.uplink = 0x9001;
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_delete(&w, &one, 3);
	play_establish(&w, &again, 4);
	play_established(&w, &again, 4, 1);
	play_deleted(&w, &one, 3, 1);
	cr_expect_eq(w.state[1].sessions, 1);
	cr_expect(uplink(&again, 1) && !uplink(&one, 1));
}

Test(session_answers, late_answer_to_a_deletion_that_seemed_refused)
{
	struct play again = one;

	again.up = 0x91;
	again.uplink = 0x9001;
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_delete(&w, &one, 3);
	world_pass(&w, 6000000000ull);
	play_modify(&w, &one, 4, FORW, 0x601, GNB_B);
	play_modified(&w, &one, 4, 1);
	cr_expect(downlink(1, 0x601, GNB_B), "it lives");
	play_establish(&w, &again, 5); // under the same CP SEID, not answered yet
	play_deleted(&w, &one, 3, 1);
	cr_expect(!uplink(&one, 1), "it was this one's");
	play_established(&w, &again, 5, 1);
	cr_expect(uplink(&again, 1));
}

static void pdr(struct lab *l, uint16_t group, uint16_t id, bool pdi, uint16_t extra)
{
	lab_open(l, group);
	lab_ie16(l, 56, id);
	lab_ie32(l, 29, id);
	if (pdi) {
		lab_open(l, 2);
		lab_ie8(l, 20, 0);
		lab_f_teid(l, one.uplink, N3_UPF);
		lab_text(l, 22, "internet");
		lab_close(l);
	}
	if (extra)
		lab_text(l, extra, "1234"); // a rule's name, or a time
	lab_ie32(l, 108, 1);
	lab_close(l);
}

// Two rules of one tunnel; `extra`: an IE of the first.
static void two_rules(uint16_t extra)
{
	struct lab l;

	lab_pfcp_session(&l, 50, 0, 1);
	lab_node(&l, SMF);
	lab_f_seid(&l, one.cp, SMF);
	pdr(&l, 1, 1, true, extra);
	pdr(&l, 1, 2, true, 0);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	play_established(&w, &one, 1, 1);
}

static void change_rule(uint32_t sequence, uint16_t group, bool pdi, uint16_t extra)
{
	struct lab l;

	lab_pfcp_session(&l, 52, one.up, sequence);
	pdr(&l, group, 1, pdi, extra);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	play_modified(&w, &one, sequence, 1);
}

// Packets of a rule with filters of the UPF's own, or times, cannot be selected.
Test(session_answers, rules_of_the_upf)
{
	const struct session_target rule = {
		.kinds = SESSION_FSEID | SESSION_PDR, .seid = one.up, .pdr = 1};
	static const uint16_t of_up[] = {106, 163, 164};

	for (unsigned i = 0; i < 3; i++) {
		world_end(&w);
		world_make(&w, NULL);
		cr_assert_eq(sessions_subscribe(w.store, 2, &rule, FILTER_ANY_DIRECTION), 0);
		two_rules(of_up[i]);
		cr_expect_eq(world_bound_by(&w, 2), 0, "IE %u", of_up[i]);
		cr_expect(w.state[2].unsure);
	}
	change_rule(10, 9, false, 0);
	cr_expect_eq(world_bound_by(&w, 2), 0);
	change_rule(11, 9, true, 0);
	cr_expect_eq(world_bound_by(&w, 2), 0, "another PDI deactivates nothing");
	change_rule(12, 9, false, 107);
	cr_expect_eq(world_bound_by(&w, 2), 0, "another one may be active");
	change_rule(13, 1, true, 0);
	cr_expect_eq(world_bound_by(&w, 2), 1, "created anew");
	cr_expect(!w.state[2].unsure);
	change_rule(14, 9, false, 106);
	cr_expect_eq(world_bound_by(&w, 2), 0, "activated by an update");
}

static void user_rule(struct lab *l, const char *route, bool given_v6)
{
	static const uint8_t v6[18] = {0x10 | 1, 0x20, 0x01, 0x0d, 0xb8}; // V6, CHV4

	lab_open(l, 1);
	lab_ie16(l, 56, 2);
	lab_ie32(l, 29, 1);
	lab_open(l, 2);
	lab_ie8(l, 20, 1);
	if (given_v6) {
		lab_open(l, 93);
		lab_octets(l, v6, 17);
		lab_close(l);
	} else {
		lab_ie8(l, 93, 0x10); // CHV4
	}
	if (route)
		lab_text(l, 153, route);
	lab_close(l);
	lab_ie32(l, 108, 1);
	lab_close(l);
}

static void chosen(uint8_t type, uint32_t sequence, uint32_t ue)
{
	struct lab l;

	lab_pfcp_session(&l, type, one.cp, sequence);
	if (type == 51)
		lab_node(&l, UPF);
	lab_ie8(&l, 19, 1);
	if (type == 51)
		lab_f_seid(&l, one.up, UPF);
	lab_open(&l, 8);
	lab_ie16(&l, 56, 2);
	lab_ue(&l, ue);
	lab_close(&l);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, UPF, SMF);
}

static void choose(uint8_t type, uint32_t sequence, const char *route, bool given_v6)
{
	struct lab l;

	lab_pfcp_session(&l, type, type == 50 ? 0 : one.up, sequence);
	if (type == 50) {
		lab_node(&l, SMF);
		lab_f_seid(&l, one.cp, SMF);
		lab_user(&l, one.imsi);
	}
	user_rule(&l, route, given_v6);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
}

Test(session_answers, framed_route_beside_a_chosen_address)
{
	choose(50, 1, "192.0.2.1/32", false);
	cr_expect(world_address(&w, 1, 0xc0000201));
	chosen(51, 1, one.ue);
	cr_expect(world_address(&w, 1, one.ue));
	cr_expect(world_address(&w, 1, 0xc0000201), "the network behind the user");
	choose(52, 2, "192.0.2.1/32", false);
	chosen(53, 2, two.ue);
	cr_expect(world_address(&w, 1, two.ue) && !world_address(&w, 1, one.ue), "chosen anew");
	cr_expect(world_address(&w, 1, 0xc0000201));
	cr_expect_eq(world_bound_by(&w, 1), 2);
	for (uint32_t i = 0; i < 20; i++)
		choose(52, 3 + i, "192.0.2.1/32", false);
	chosen(53, 22, one.ue);
	cr_expect(world_address(&w, 1, one.ue), "asked for as often as ever");
}

Test(session_answers, given_address_beside_a_chosen_one_of_the_other_family)
{
	choose(50, 1, NULL, true);
	cr_expect_eq(world_bound_by(&w, 1), 1);
	chosen(51, 1, one.ue);
	cr_expect(world_address(&w, 1, one.ue));
	cr_expect_eq(world_bound_by(&w, 1), 2, "the IPv6 prefix stays");
	choose(52, 2, NULL, true);
	chosen(53, 2, two.ue);
	cr_expect(world_address(&w, 1, two.ue) && !world_address(&w, 1, one.ue));
	cr_expect_eq(world_bound_by(&w, 1), 2);
}

static void established_at(uint32_t address)
{
	struct lab l;

	lab_pfcp_session(&l, 51, one.cp, 1);
	lab_open(&l, 60);
	lab_octets(&l, "\x02\x03upf", 5); // its name is not known before
	lab_close(&l);
	lab_ie8(&l, 19, 1);
	lab_f_seid(&l, one.up, address);
	lab_open(&l, 8);
	lab_ie16(&l, 56, 1);
	lab_f_teid(&l, one.uplink, N3_UPF);
	lab_close(&l);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, UPF, SMF);
}

// The UPF has another address than it is reached at: NAT, or several N4 interfaces.
Test(session_answers, f_seid_at_another_address)
{
	struct play other = two;

	other.up = one.up; // of another UPF
	other.upf = 0x0a000003;
	play_up(&w, &other, 1, 0x502, GNB_A);
	play_establish(&w, &one, 1);
	established_at(0x0a0000f0);
	play_modify(&w, &one, 2, FORW, 0x501, GNB_A);
	cr_expect(downlink(1, 0x501, GNB_A));
	play_modified(&w, &one, 2, 1);
	cr_expect(downlink(1, 0x501, GNB_A));
	cr_expect_eq(world_counts(&w).sessions, 2);
	play_delete(&w, &one, 3);
	play_deleted(&w, &one, 3, 1);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect_eq(world_counts(&w).sessions, 1);
}

Test(session_answers, f_seid_at_another_address_after_a_modification)
{
	play_establish(&w, &one, 1);
	play_modify(&w, &one, 2, FORW, 0x501, GNB_A);
	established_at(0x0a0000f0);
	play_modified(&w, &one, 2, 1);
	cr_expect(downlink(1, 0x501, GNB_A));
	cr_expect_eq(world_counts(&w).sessions, 1);
	cr_expect_eq(world_counts(&w).partial_now, 0);
}

Test(session_answers, equal_seids_at_two_addresses_of_one_upf)
{
	struct play second = two;

	cr_assert_eq(world_subscribe_imsi(&w, 2, two.imsi), 0);
	second.up = one.up;
	play_establish(&w, &one, 1);
	established_at(0x0a0000f0);
	play_up(&w, &second, 4, 0x502, GNB_A); // at the address that messages go to
	play_modify(&w, &second, 7, FORW, 0x601, GNB_B);
	play_modified(&w, &second, 7, 1);
	cr_expect(downlink(2, 0x601, GNB_B) && !downlink(1, 0x601, GNB_B));
}

static void modify_nothing(uint32_t sequence)
{
	struct lab l;

	lab_pfcp_session(&l, 52, one.up, sequence);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
}

Test(session_answers, refusal_after_the_answer_to_a_later_one)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modify(&w, &one, 3, FORW, 0x601, GNB_B);
	modify_nothing(4);
	play_modified(&w, &one, 4, 1);
	cr_expect(downlink(1, 0x601, GNB_B) && downlink(1, 0x501, GNB_A), "either may be");
	play_modified(&w, &one, 3, 73);
	world_pass(&w, 2000000000ull);
	cr_expect(downlink(1, 0x501, GNB_A), "the UPF still sends there");
	cr_expect(!downlink(1, 0x601, GNB_B));
	cr_expect(!w.state[1].unsure);
}

// The order in which they were asked counts, not that of the answers.
Test(session_answers, accepted_after_the_answer_to_a_later_one)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modify(&w, &one, 3, FORW, 0x601, GNB_B);
	play_modify(&w, &one, 4, BUFF, 0, 0);
	play_modify(&w, &one, 5, FORW, 0x701, GNB_B);
	play_modified(&w, &one, 5, 1);
	play_modified(&w, &one, 4, 1);
	play_modified(&w, &one, 3, 1);
	world_pass(&w, 2000000000ull);
	cr_expect(downlink(1, 0x701, GNB_B));
	cr_expect_eq(world_bound_by(&w, 1), 3);
	cr_expect(!w.state[1].unsure);
}

// However many are answered before it.
Test(session_answers, the_first_of_many_is_never_answered)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modify(&w, &one, 3, FORW, 0x601, GNB_B);
	for (uint32_t i = 0; i < 40; i++) {
		play_modify(&w, &one, 4 + i, FORW, 0x700 + i, GNB_B);
		play_modified(&w, &one, 4 + i, 1);
	}
	world_pass(&w, 2000000000ull);
	cr_expect(downlink(1, 0x727, GNB_B));
	cr_expect_eq(world_bound_by(&w, 1), 3);
	cr_expect(w.state[1].unsure);
}

// Its tunnel was asked for again by another one: the deletion does not make it newer.
Test(session_answers, deletion_gives_nothing_back)
{
	cr_assert_eq(world_subscribe_imsi(&w, 2, two.imsi), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_up(&w, &two, 4, 0x502, GNB_A);
	play_modify(&w, &one, 7, FORW, 0x601, GNB_B);
	play_modify(&w, &two, 8, FORW, 0x601, GNB_B);
	cr_assert(!downlink(1, 0x601, GNB_B) && downlink(2, 0x601, GNB_B));
	play_delete(&w, &one, 9);
	cr_assert_eq(world_subscribe_imsi(&w, 3, one.imsi), 0);
	world_pass(&w, 1000000);
	cr_expect(!downlink(1, 0x601, GNB_B) && !downlink(3, 0x601, GNB_B));
	cr_expect(downlink(2, 0x601, GNB_B));
}

Test(session_answers, deletion_beside_many_that_wait)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_delete(&w, &one, 3);
	for (uint32_t i = 0; i < 20; i++)
		play_modify(&w, &one, 4 + i, FORW, 0x700 + i, GNB_B);
	play_deleted(&w, &one, 3, 1);
	cr_expect_eq(world_counts(&w).sessions, 0);
}

// When no node can be noted any more.
Test(session_answers, sessions_of_unknown_nodes_are_counted)
{
	struct lab l;

	for (uint32_t i = 0; i < 33000; i++) {
		lab_pfcp(&l, 5, 1); // Association Setup Request
		lab_node(&l, 0x0b000000 + i);
		lab_ie32(&l, 96, 1);
		lab_end(&l);
		world_take(&w, &l, SIGNALLING_PFCP, 0x0b000000 + i, 0x0c000000 + i);
	}
	uint64_t before = world_counts(&w).refused;
	play_establish(&w, &one, 1);
	cr_expect_gt(world_counts(&w).refused, before);
	cr_expect(w.state[1].unsure);
	before = world_counts(&w).refused;
	play_modify(&w, &two, 2, FORW, 0x501, GNB_A);
	cr_expect_gt(world_counts(&w).refused, before);
}

// The names of its rules are still needed.
Test(session_answers, second_answer_takes_the_room_of_the_first_ones_session)
{
	struct sessions_settings s = world_settings(&w);
	struct session_target ni = {
		.kinds = SESSION_FSEID | SESSION_NI, .seid = 0x99, .ni = "other", .ni_length = 5};
	struct play twin = one;
	struct lab l;

	twin.up = ni.seid;
	twin.uplink = 0x1099;
	world_end(&w);
	s.sessions_max = 1;
	world_make(&w, &s);
	cr_assert_eq(world_subscribe_seid(&w, 2, twin.up, UPF), 0);
	play_establish(&w, &one, 1);
	play_established(&w, &one, 1, 1);
	play_delete(&w, &one, 2);
	play_deleted(&w, &one, 2, 1);
	lab_pfcp_session(&l, 52, one.up, 3); // of one whose establishment was missed
	pdr(&l, 1, 1, true, 0);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	play_modified(&w, &one, 3, 1);
	cr_assert_eq(world_counts(&w).partial_now, 1);
	play_established(&w, &twin, 1, 1);
	cr_expect_eq(world_counts(&w).evicted, 1);
	cr_expect(uplink(&twin, 2));
	cr_assert_eq(sessions_subscribe(w.store, 3, &ni, FILTER_ANY_DIRECTION), 0);
	cr_expect_eq(world_bound_by(&w, 3), 0, "another name");
	memcpy(ni.ni, "internet", 8);
	ni.ni_length = 8;
	cr_assert_eq(sessions_subscribe(w.store, 4, &ni, FILTER_ANY_DIRECTION), 0);
	cr_expect(uplink(&twin, 4));
}

// A control plane that was refused asks anew under its own SEID; that its first request was refused
// was not seen. What comes then is of the session that lives.
Test(session_answers, deletion_answer_beside_a_request_that_was_refused)
{
	struct play again = one;

	again.ue = 0x0a2d0007;
	play_establish(&w, &one, 1);
	play_establish(&w, &again, 2);
	play_established(&w, &again, 2, 1);
	play_deleted(&w, &one, 3, 1); // its request was missed
	cr_expect(!uplink(&one, 1) && !world_address(&w, 1, again.ue));
}

Test(session_answers, modification_before_the_answer_to_the_second_request)
{
	play_establish(&w, &one, 1);
	play_establish(&w, &one, 2);
	play_modify(&w, &one, 3, FORW, 0x501, GNB_A);
	play_modified(&w, &one, 3, 1);
	play_established(&w, &one, 2, 1);
	cr_expect(uplink(&one, 1) && downlink(1, 0x501, GNB_A));
	cr_expect_eq(w.state[1].sessions, 1);
}
