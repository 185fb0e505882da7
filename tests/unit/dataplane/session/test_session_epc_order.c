// GTPv2-C whose answers come out of order: both ends ask at the same time.

#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/dataplane/session/gtpv2_play.h"

TestSuite(session_epc_order, .init = begin, .fini = end);

static void connection_with_a_bearer_asked(void)
{
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	bearer_asked(MME, 0x71, 7, 0x177);
	modify(5, 2, 0x501, ENB_A);
	answer(35, 2, 16);
	cr_expect(!w.state[1].unsure, "nothing was lost");
	cr_expect(s1(UP, 0x177, SGW_U));
}

Test(session_epc_order, bearer_refused_beside_a_modification)
{
	connection_with_a_bearer_asked();
	bearer_answered(7, 0, 0, 0);
	cr_expect(!s1(UP, 0x177, SGW_U), "it never was");
	cr_expect(s1(DOWN, 0x501, ENB_A) && !w.state[1].unsure);
}

Test(session_epc_order, bearer_accepted_beside_a_modification)
{
	connection_with_a_bearer_asked();
	bearer_answered(7, 7, 0x177, 0x577);
	cr_expect(s1(UP, 0x177, SGW_U) && s1(DOWN, 0x577, ENB_A));
	delete_bearer(8, 7, 16);
	cr_expect(!s1(DOWN, 0x577, ENB_A));
	cr_expect(!s1(UP, 0x177, SGW_U), "the bearer is gone");
	cr_expect(s1(UP, 0x105, SGW_U) && !w.state[1].unsure);
}

// Two bearers are asked for, and a later one is answered first.
Test(session_epc_order, bearers_answered_out_of_order)
{
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	bearer_asked(MME, 0x71, 7, 0x177);
	bearer_asked(MME, 0x71, 8, 0x178);
	bearer_asked(MME, 0x71, 9, 0x179);
	bearer_answered(9, 9, 0x179, 0x579);
	cr_expect(s1(UP, 0x177, SGW_U) && s1(UP, 0x178, SGW_U) && s1(UP, 0x179, SGW_U));
	bearer_answered(8, 0, 0, 0);
	cr_expect(s1(UP, 0x177, SGW_U) && !s1(UP, 0x178, SGW_U) && s1(UP, 0x179, SGW_U));
	bearer_answered(7, 7, 0x177, 0x577);
	cr_expect(s1(UP, 0x177, SGW_U) && s1(DOWN, 0x577, ENB_A));
	delete_bearer(10, 7, 16);
	cr_expect(!s1(UP, 0x177, SGW_U) && !s1(DOWN, 0x577, ENB_A));
	cr_expect(s1(UP, 0x179, SGW_U) && s1(DOWN, 0x579, ENB_A));
}

Test(session_epc_order, bearers_let_go_out_of_order)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	bearer_asked(MME, 0x71, 7, 0x177);
	bearer_answered(7, 7, 0x177, 0x577);
	lab_gtpv2(&l, 99, 0x71, 8);
	lab_gtpv2_open(&l, 73, 1);
	lab_u8(&l, 7);
	lab_gtpv2_close(&l);
	send(&l, false);
	bearer_asked(MME, 0x71, 9, 0x178);
	bearer_answered(9, 8, 0x178, 0x578);
	cr_expect(s1(UP, 0x177, SGW_U) && s1(DOWN, 0x578, ENB_A));
	lab_gtpv2(&l, 100, 0x72, 8);
	lab_gtpv2_ie8(&l, 2, 16);
	send(&l, true);
	cr_expect(!s1(UP, 0x177, SGW_U) && s1(UP, 0x178, SGW_U));
	cr_expect(!w.state[1].unsure, "nothing was lost");
}

Test(session_epc_order, modifications_answered_out_of_order)
{
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	modify(5, 2, 0x501, ENB_A);
	modify(5, 3, 0x601, ENB_B);
	answer(35, 3, 16);
	answer(35, 2, 16);
	world_pass(&w, 2000000000ull);
	cr_expect(s1(DOWN, 0x601, ENB_B) && !s1(DOWN, 0x501, ENB_A));
}

// The answer to the creation comes after all, and after the user moved.
Test(session_epc_order, creation_answered_after_a_modification)
{
	struct lab l;

	lab_gtpv2(&l, 32, 0, 1);
	lab_gtpv2_imsi(&l, imsi);
	lab_gtpv2_f_teid(&l, 0, 10, 0x71, MME);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_f_teid(&l, 0, 0, 0x501, ENB_A);
	lab_gtpv2_close(&l);
	send(&l, true);
	modify(5, 2, 0x601, ENB_B);
	answer(35, 2, 16);
	created(5, 1, 16, 0x0a2d0002);
	world_pass(&w, 2000000000ull);
	cr_expect(s1(UP, 0x105, SGW_U) && world_address(&w, 1, 0x0a2d0002));
	cr_expect(s1(DOWN, 0x601, ENB_B) && !s1(DOWN, 0x501, ENB_A));
}

// User data over the MME (S11-U), then over S1-U.
Test(session_epc_order, access_end_of_another_type)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	modify_of(38, 5, 2, 0x601, MME);
	answer(35, 2, 16);
	cr_expect(s1(DOWN, 0x601, MME));
	modify(5, 3, 0x501, ENB_A);
	cr_expect(s1(DOWN, 0x601, MME) && s1(DOWN, 0x501, ENB_A), "not accepted yet");
	answer(35, 3, 16);
	cr_expect(s1(DOWN, 0x601, MME) && s1(DOWN, 0x501, ENB_A), "the old one for a while");
	world_pass(&w, 2000000000ull);
	cr_expect(s1(DOWN, 0x501, ENB_A));
	cr_expect(!s1(DOWN, 0x601, MME), "a bearer has one access end");
	lab_gtpv2(&l, 170, 0x72, 4);
	send(&l, true);
	answer(171, 4, 16);
	cr_expect(!s1(DOWN, 0x501, ENB_A) && s1(UP, 0x105, SGW_U));
}

// The number of an answer whose request was missed comes again: it is addressed to another client's
// end.
Test(session_epc_order, answer_to_another_creation_of_the_same_number)
{
	created_at(SGW, 0x81, 0x82, 5, 0x305, -1); // another client's
	create_of(SGW, 0x71, 5, 5);
	cr_expect(!s1(UP, 0x305, SGW_U));
	created_at(SGW, 0x81, 0x82, 5, 0x305, -1);
	cr_expect(!s1(UP, 0x305, SGW_U), "while it waits, too");
	created_at(SGW, 0x71, 0x72, 5, 0x105, -1);
	cr_expect(s1(UP, 0x105, SGW_U) && !s1(UP, 0x305, SGW_U));
}
