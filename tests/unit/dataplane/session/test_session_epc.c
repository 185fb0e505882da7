// GTPv2-C.

#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/dataplane/session/gtpv2_play.h"

TestSuite(session_epc, .init = begin, .fini = end);

Test(session_epc, life)
{
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	cr_expect(s1(UP, 0x105, SGW_U));
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N9, UP, 0x205, PGW_U));
	cr_expect(world_address(&w, 1, 0x0a2d0002));
	modify(5, 2, 0x501, ENB_A);
	cr_expect(s1(DOWN, 0x501, ENB_A), "on the request");
	answer(35, 2, 16);
	cr_expect_eq(world_bound_by(&w, 1), 4);
	modify(5, 3, 0x601, ENB_B);
	answer(35, 3, 16);
	cr_expect(s1(DOWN, 0x501, ENB_A) && s1(DOWN, 0x601, ENB_B), "the old one for a while");
	world_pass(&w, 1100000000ull);
	cr_expect(!s1(DOWN, 0x501, ENB_A) && s1(DOWN, 0x601, ENB_B));
	delete (5, 4);
	cr_expect_eq(world_bound_by(&w, 1), 4);
	answer(37, 4, 16);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect_eq(world_counts(&w).sessions, 0);
}

Test(session_epc, release_access_bearers)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	create(6, 2);
	created(6, 2, 16, 0x0a2d0003);
	modify(5, 3, 0x501, ENB_A);
	answer(35, 3, 16);
	modify(6, 4, 0x502, ENB_A);
	answer(35, 4, 16);
	cr_expect_eq(world_bound_by(&w, 1), 8);
	lab_gtpv2(&l, 170, 0x72, 5);
	send(&l, true);
	cr_expect_eq(world_bound_by(&w, 1), 8);
	answer(171, 5, 16);
	cr_expect_eq(world_bound_by(&w, 1), 6, "of all the user's connections");
	cr_expect_eq(world_counts(&w).sessions, 2);
}

Test(session_epc, one_of_two_connections_ends)
{
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	create(6, 2);
	created(6, 2, 16, 0x0a2d0003);
	cr_expect_eq(w.state[1].sessions, 2);
	delete (6, 3);
	answer(37, 3, 16);
	cr_expect_eq(w.state[1].sessions, 1);
	cr_expect(world_address(&w, 1, 0x0a2d0002) && !world_address(&w, 1, 0x0a2d0003));
}

Test(session_epc, dedicated_bearer)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	lab_gtpv2(&l, 95, 0x71, 7);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 0);
	lab_gtpv2_f_teid(&l, 0, 1, 0x177, SGW_U);
	lab_gtpv2_close(&l);
	send(&l, false);
	cr_expect(s1(UP, 0x177, SGW_U), "what the request names");
	lab_gtpv2(&l, 96, 0x72, 7);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 7);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 0, 0x577, ENB_A);
	lab_gtpv2_f_teid(&l, 1, 1, 0x177, SGW_U);
	lab_gtpv2_close(&l);
	send(&l, true);
	cr_expect(s1(UP, 0x177, SGW_U) && s1(DOWN, 0x577, ENB_A));
	modify(7, 8, 0x578, ENB_B);
	answer(35, 8, 16);
	cr_expect(s1(DOWN, 0x578, ENB_B), "the client gave it an EBI");
}

static void echo_from(uint32_t node, uint32_t sequence, uint8_t recovery)
{
	struct lab l;

	lab_gtpv2(&l, 1, 0, sequence);
	lab_gtpv2_ie8(&l, 3, recovery);
	take(&l, node, SGW);
}

// Another MME has the user: its control end is where the server's requests go, and the old one is
// given away.
Test(session_epc, the_client_is_another)
{
	const uint32_t mme_2 = 0x0a000013;
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	create(6, 2);
	created(6, 2, 16, 0x0a2d0003);
	echo_from(MME, 100, 1);
	lab_gtpv2(&l, 34, 0x72, 3);
	lab_gtpv2_f_teid(&l, 0, 10, 0x91, mme_2);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_f_teid(&l, 0, 0, 0x501, ENB_A);
	lab_gtpv2_close(&l);
	take(&l, mme_2, SGW);
	bearer_asked(mme_2, 0x91, 7, 0x170);
	cr_expect(!s1(UP, 0x170, SGW_U), "not accepted yet");
	lab_gtpv2(&l, 35, 0x91, 3);
	lab_gtpv2_ie8(&l, 2, 16);
	take(&l, SGW, mme_2);
	bearer_asked(mme_2, 0x91, 8, 0x177);
	cr_expect(s1(UP, 0x177, SGW_U));
	bearer_asked(MME, 0x71, 9, 0x178);
	cr_expect(!s1(UP, 0x178, SGW_U), "somebody else's by now");
	echo_from(MME, 101, 2);
	cr_expect_eq(w.state[1].sessions, 2, "the restart of a node that has them no more");
	lab_gtpv2(&l, 32, 0, 10);
	lab_gtpv2_imsi(&l, "001010000000002");
	lab_gtpv2_f_teid(&l, 0, 10, 0x71, MME);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_close(&l);
	send(&l, true);
	lab_gtpv2(&l, 33, 0x71, 10);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 11, 0x74, SGW);
	send(&l, false);
	cr_expect_eq(w.state[1].sessions, 2, "the old end with another user");
	echo_from(mme_2, 102, 1);
	echo_from(mme_2, 103, 2);
	cr_expect_eq(w.state[1].sessions, 0);
}

// A relocation sets the connection up at the new gateway before it leaves the old one.
Test(session_epc, two_gateways_for_a_while)
{
	const uint32_t sgw_2 = 0x0a000014;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	create_of(sgw_2, 0x71, 5, 2);
	created_at(sgw_2, 0x71, 0x75, 2, 0x305, -1);
	cr_expect(s1(UP, 0x105, SGW_U), "the base station may send there still");
	cr_expect(s1(UP, 0x305, SGW_U));
	delete (5, 3);
	answer(37, 3, 16);
	cr_expect(!s1(UP, 0x105, SGW_U) && s1(UP, 0x305, SGW_U));
}

Test(session_epc, address_in_the_request_alone)
{
	struct lab l;

	lab_gtpv2(&l, 32, 0, 1);
	lab_gtpv2_imsi(&l, imsi);
	lab_gtpv2_f_teid(&l, 0, 10, 0x71, MME);
	lab_gtpv2_paa(&l, 0x0a2d0007);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_close(&l);
	send(&l, true);
	lab_gtpv2(&l, 33, 0x71, 1);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 11, 0x72, SGW);
	send(&l, false);
	cr_expect(world_address(&w, 1, 0x0a2d0007));
}

Test(session_epc, failures)
{
	create(5, 1);
	created(5, 1, 73, 0);
	cr_expect_eq(world_counts(&w).sessions, 0);
	created(5, 2, 16, 0x0a2d0002); // before its request
	create(5, 2);
	cr_expect_eq(world_bound_by(&w, 1), 3);
	modify(5, 3, 0x501, ENB_A);
	answer(35, 3, 72);
	cr_expect_eq(world_bound_by(&w, 1), 3);
	modify(5, 4, 0x501, ENB_A);
	answer(35, 4, 64); // the context is not there
	cr_expect_eq(world_bound_by(&w, 1), 0);
}

Test(session_epc, lost_creation_response)
{
	create(5, 1);
	modify(5, 2, 0x501, ENB_A);
	answer(35, 2, 16);
	cr_expect(s1(DOWN, 0x501, ENB_A));
	cr_expect(w.state[1].unsure);
	delete (5, 3);
	answer(37, 3, 16);
	cr_expect_eq(world_counts(&w).sessions, 0);
}

static void echo(uint32_t sequence, uint8_t recovery)
{
	struct lab l;

	lab_gtpv2(&l, 1, 0, sequence);
	lab_gtpv2_ie8(&l, 3, recovery);
	send(&l, false);
}

Test(session_epc, restart_of_the_gateway)
{
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	echo(2, 7);
	echo(3, 7);
	cr_expect_eq(world_bound_by(&w, 1), 3);
	echo(4, 8);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect(w.state[1].unsure, "its view was lost");
	cr_expect_eq(world_counts(&w).restarts, 1);
}

// Sessions of one control TEID are as many as are asked for, and a message names all EBIs there
// are.
Test(session_epc, more_connections_and_bearers_named_than_a_user_has)
{
	struct lab l;

	for (uint32_t i = 0; i < 240; i++)
		create((uint8_t)(1 + i / 16), 1 + i);
	cr_expect(!w.state[1].unsure);
	lab_gtpv2(&l, 99, 0x71, 1000);
	for (uint8_t e = 1; e <= 11; e++) {
		lab_gtpv2_open(&l, 73, 1);
		lab_u8(&l, e);
		lab_gtpv2_close(&l);
	}
	for (uint8_t e = 12; e <= 15; e++) {
		lab_gtpv2_open(&l, 93, 0);
		lab_gtpv2_ie8(&l, 73, e);
		lab_gtpv2_close(&l);
	}
	send(&l, false);
	cr_expect(w.state[1].unsure, "not all of them are followed");
	answer(100, 1000, 16);
}

Test(session_epc, restart_told_by_the_answer_to_a_creation)
{
	create_of(SGW, 0x71, 5, 1);
	created_at(SGW, 0x71, 0x72, 1, 0x105, 7);
	echo(2, 7);
	cr_expect(s1(UP, 0x105, SGW_U));
	create_of(SGW, 0x81, 5, 3);
	create_of(SGW, 0x91, 5, 4);
	created_at(SGW, 0x81, 0x72, 3, 0x106, 8);
	cr_expect(!s1(UP, 0x105, SGW_U), "of before the restart");
	cr_expect(s1(UP, 0x106, SGW_U), "of after it");
	cr_expect_eq(world_counts(&w).restarts, 1);
	cr_expect_eq(world_counts(&w).sessions, 2);
	create_of(SGW, 0x81, 5, 3);
	cr_expect_eq(world_counts(&w).retransmissions, 1);
	create_of(SGW, 0x91, 5, 4);
	cr_expect_eq(world_counts(&w).retransmissions, 2, "asked of the gateway as it is now");
	created_at(SGW, 0x91, 0x73, 4, 0x107, 8);
	cr_expect(s1(UP, 0x107, SGW_U));
	echo(5, 9);
	cr_expect_eq(world_counts(&w).sessions, 0);
	cr_expect_eq(world_counts(&w).restarts, 2);
}

// The echo comes between a creation and its answer; that of a client that forgets what it asked.
Test(session_epc, restart_told_while_a_creation_waits)
{
	create_of(SGW, 0x71, 5, 1);
	created_at(SGW, 0x71, 0x72, 1, 0x105, 7);
	create_of(SGW, 0x81, 5, 3);
	echo(4, 8);
	cr_expect(!s1(UP, 0x105, SGW_U));
	created_at(SGW, 0x81, 0x72, 3, 0x106, -1);
	cr_expect(s1(UP, 0x106, SGW_U));
	echo_from(MME, 100, 1);
	create_of(SGW, 0x91, 5, 5);
	cr_expect_eq(world_counts(&w).sessions, 2);
	echo_from(MME, 101, 2);
	cr_expect_eq(world_counts(&w).sessions, 0);
}

Test(session_epc, restart_told_by_other_messages)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	echo(2, 7);
	modify(5, 3, 0x501, ENB_A);
	lab_gtpv2(&l, 35, 0x71, 3);
	lab_gtpv2_ie8(&l, 2, 64);
	lab_gtpv2_ie8(&l, 3, 8);
	send(&l, false);
	cr_expect_eq(world_counts(&w).sessions, 0);
	create(5, 4);
	created(5, 4, 16, 0x0a2d0002);
	modify(5, 5, 0x501, ENB_A);
	lab_gtpv2(&l, 35, 0x71, 5);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_ie8(&l, 3, 9);
	send(&l, false);
	cr_expect(s1(DOWN, 0x501, ENB_A), "the gateway has it");
	cr_expect_eq(world_counts(&w).restarts, 2);
	lab_gtpv2(&l, 95, 0x71, 6);
	lab_gtpv2_ie8(&l, 3, 10);
	lab_gtpv2_ie8(&l, 73, 5);
	send(&l, false);
	cr_expect_eq(world_counts(&w).sessions, 0, "told by a request");
}

// The gateway deletes what it has of the user's bearer when the user comes anew.
Test(session_epc, same_user_and_bearer_at_one_gateway)
{
	const uint32_t sgw_2 = 0x0a000014;

	create_of(SGW, 0x71, 5, 1);
	created_at(SGW, 0x71, 0x72, 1, 0x105, -1);
	create_of(sgw_2, 0x91, 5, 2);
	created_at(sgw_2, 0x91, 0x72, 2, 0x305, -1);
	cr_expect_eq(w.state[1].sessions, 2, "a relocation");
	create_of(SGW, 0x81, 5, 3);
	cr_expect(s1(UP, 0x105, SGW_U), "not accepted yet");
	created_at(SGW, 0x81, 0x82, 3, 0x106, -1);
	cr_expect_eq(w.state[1].sessions, 2);
	cr_expect(!s1(UP, 0x105, SGW_U), "the gateway deleted it");
	cr_expect(s1(UP, 0x106, SGW_U) && s1(UP, 0x305, SGW_U));
	cr_expect(!w.state[1].unsure);
}

Test(session_epc, same_user_and_bearer_with_the_answer_lost)
{
	struct lab l;

	create_of(SGW, 0x81, 5, 1);
	created_at(SGW, 0x81, 0x82, 1, 0x106, -1);
	create(5, 2);
	modify(5, 3, 0x501, ENB_A);
	cr_expect(s1(UP, 0x106, SGW_U), "not known to be accepted yet");
	answer(35, 3, 16);
	cr_expect(!s1(UP, 0x106, SGW_U) && s1(DOWN, 0x501, ENB_A));
	lab_gtpv2(&l, 36, 0x82, 4); // the old one's
	send(&l, true);
	answer(37, 4, 64);
	cr_expect_eq(w.state[1].sessions, 1);
}

static void connect_pgw(uint32_t client, uint32_t client_teid, uint32_t sequence, uint8_t access)
{
	struct lab l;
	bool wlan = access == 31; // S2b

	lab_gtpv2(&l, 32, 0, sequence);
	lab_gtpv2_imsi(&l, imsi);
	lab_gtpv2_f_teid(&l, 0, wlan ? 30 : 6, client_teid, client);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_f_teid(&l, wlan ? 5 : 2, access, 0x800 + sequence, client);
	lab_gtpv2_close(&l);
	take(&l, client, PGW_U);
	lab_gtpv2(&l, 33, client_teid, sequence);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 1, wlan ? 32 : 7, 0x900 + sequence, PGW_U);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, wlan ? 4 : 2, wlan ? 33 : 5, 0xa00 + sequence, PGW_U);
	lab_gtpv2_close(&l);
	take(&l, PGW_U, client);
}

Test(session_epc, same_user_and_bearer_over_another_access)
{
	connect_pgw(SGW, 0x71, 1, 4);
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N9, UP, 0xa01, PGW_U));
	connect_pgw(0x0a000017, 0x71, 2, 31);
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N9, UP, 0xa01, PGW_U), "a handover has both");
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N9, UP, 0xa02, PGW_U));
	connect_pgw(SGW, 0x81, 3, 4);
	cr_expect(!world_tunnel(&w, 1, CONFIG_LINK_N9, UP, 0xa01, PGW_U));
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N9, UP, 0xa02, PGW_U));
	cr_expect_eq(w.state[1].sessions, 2);
}

Test(session_epc, all_connections_of_a_user_end)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	create(6, 2);
	created(6, 2, 16, 0x0a2d0003);
	lab_gtpv2(&l, 36, 0x72, 3); // it names none: the gateway is left
	send(&l, true);
	cr_expect_eq(world_counts(&w).sessions, 2);
	answer(37, 3, 16);
	cr_expect_eq(world_counts(&w).sessions, 0);
	cr_expect_eq(world_counts(&w).released, 2);
}

Test(session_epc, access_of_two_connections_is_modified)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	create(6, 2);
	created(6, 2, 16, 0x0a2d0003);
	lab_gtpv2(&l, 211, 0x72, 3);
	for (uint8_t ebi = 5; ebi <= 6; ebi++) {
		lab_gtpv2_open(&l, 93, 0);
		lab_gtpv2_ie8(&l, 73, ebi);
		lab_gtpv2_f_teid(&l, 0, 0, 0x500u + ebi, ENB_A);
		lab_gtpv2_close(&l);
	}
	send(&l, true);
	cr_expect(s1(DOWN, 0x505, ENB_A) && s1(DOWN, 0x506, ENB_A));
	lab_gtpv2(&l, 212, 0x71, 3);
	lab_gtpv2_ie8(&l, 2, 17); // partially
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_close(&l);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 6);
	lab_gtpv2_ie8(&l, 2, 73);
	lab_gtpv2_close(&l);
	send(&l, false);
	cr_expect(s1(DOWN, 0x505, ENB_A));
	cr_expect(!s1(DOWN, 0x506, ENB_A), "of that bearer it was refused");
}

Test(session_epc, access_of_some_bearers_is_released)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	create(6, 2);
	created(6, 2, 16, 0x0a2d0003);
	bearer_asked(MME, 0x71, 7, 0x177);
	bearer_answered(7, 7, 0x177, 0x577);
	modify(5, 3, 0x505, ENB_A);
	answer(35, 3, 16);
	modify(6, 4, 0x506, ENB_A);
	answer(35, 4, 16);
	lab_gtpv2(&l, 170, 0x72, 5);
	lab_gtpv2_ie8(&l, 73, 7);
	lab_gtpv2_ie8(&l, 73, 6);
	send(&l, true);
	answer(171, 5, 16);
	cr_expect(!s1(DOWN, 0x577, ENB_A) && !s1(DOWN, 0x506, ENB_A));
	cr_expect(s1(DOWN, 0x505, ENB_A), "it is not in the list");
}

Test(session_epc, the_client_has_no_such_bearer)
{
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	bearer_asked(MME, 0x71, 7, 0x177);
	bearer_answered(7, 7, 0x177, 0x577);
	delete_bearer(8, 7, 64);
	cr_expect(!s1(UP, 0x177, SGW_U) && !s1(DOWN, 0x577, ENB_A));
	cr_expect(s1(UP, 0x105, SGW_U), "the connection has its default bearer");
}

static void piggyback(struct lab *on, const struct lab *l)
{
	lab_gtpv2_end(on);
	on->octets[0] |= 0x10;
	memcpy(on->octets + on->n, l->octets, l->n);
	on->n += l->n;
}

// A bearer is asked for with the creation's answer, and answered with the first modification; both
// datagrams come twice.
Test(session_epc, piggybacked_messages_twice)
{
	struct lab l, on;

	create(5, 1);
	lab_gtpv2(&on, 33, 0x71, 1);
	lab_gtpv2_ie8(&on, 2, 16);
	lab_gtpv2_f_teid(&on, 0, 11, 0x72, SGW);
	lab_gtpv2_open(&on, 93, 0);
	lab_gtpv2_ie8(&on, 73, 5);
	lab_gtpv2_f_teid(&on, 0, 1, 0x105, SGW_U);
	lab_gtpv2_close(&on);
	bearer_ask(&l, 0x71, 7, 0x177);
	lab_gtpv2_end(&l);
	piggyback(&on, &l);
	for (int i = 0; i < 2; i++)
		world_take(&w, &on, SIGNALLING_GTPV2C, SGW, MME);
	cr_expect(s1(UP, 0x105, SGW_U) && s1(UP, 0x177, SGW_U));
	cr_expect_eq(world_counts(&w).retransmissions, 2);
	modify_ask(&on, 0, 5, 2, 0x501, ENB_A);
	bearer_answer(&l, 7, 7, 0x177, 0x577);
	lab_gtpv2_end(&l);
	piggyback(&on, &l);
	for (int i = 0; i < 2; i++)
		world_take(&w, &on, SIGNALLING_GTPV2C, MME, SGW);
	modify(5, 2, 0x501, ENB_A); // again, alone
	answer(35, 2, 16);
	world_take(&w, &on, SIGNALLING_GTPV2C, MME, SGW);
	cr_expect(s1(DOWN, 0x501, ENB_A) && s1(DOWN, 0x577, ENB_A) && s1(UP, 0x177, SGW_U));
	cr_expect_eq(world_counts(&w).retransmissions, 7);
	cr_expect(!w.state[1].unsure);
	modify(5, 3, 0x601, ENB_B);
	answer(35, 3, 16);
	world_pass(&w, 2000000000ull);
	world_take(&w, &on, SIGNALLING_GTPV2C, MME, SGW); // late
	cr_expect(!s1(DOWN, 0x501, ENB_A) && s1(DOWN, 0x601, ENB_B));
}
