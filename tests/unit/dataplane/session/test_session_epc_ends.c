// GTPv2-C: ends, bearers and numbers that are another user's by now, and content of a message
// beside its usual one.

#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/dataplane/session/gtpv2_play.h"

TestSuite(session_epc_ends, .init = begin, .fini = end);

#define OTHER 2 // the subscription of another user
#define MME_2 0x0a000013u
static const char other[] = "001010000000002";

struct who {
	const char *imsi;
	uint32_t mme, client, server;
	uint8_t ebi;
	uint8_t interface; // of the client's control end
};

static const struct who stranger = {other, MME, 0x81, 0x72, 5, 10};

static void subscribe(uint64_t subscription, const struct session_target *t)
{
	cr_assert_eq(sessions_subscribe(w.store, subscription, t, FILTER_ANY_DIRECTION), 0);
}

static void ask(const struct who *x, uint32_t sequence)
{
	struct lab l;

	lab_gtpv2(&l, 32, 0, sequence);
	lab_gtpv2_imsi(&l, x->imsi);
	lab_gtpv2_f_teid(&l, 0, x->interface, x->client, x->mme);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, x->ebi);
	lab_gtpv2_close(&l);
	take(&l, x->mme, SGW);
}

// The user's tunnel at the gateway has the TEID.
static void connected(const struct who *x, uint32_t sequence, uint32_t teid)
{
	struct lab l;

	ask(x, sequence);
	lab_gtpv2(&l, 33, x->client, sequence);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 11, x->server, SGW);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, x->ebi);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 1, teid, SGW_U);
	lab_gtpv2_close(&l);
	take(&l, SGW, x->mme);
}

static bool theirs(uint8_t direction, uint32_t teid, uint32_t address)
{
	return world_tunnel(&w, OTHER, CONFIG_LINK_N3, direction, teid, address);
}

static void modified(uint32_t client, uint32_t sequence, uint8_t ebi)
{
	struct lab l;

	lab_gtpv2(&l, 35, client, sequence);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, ebi);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_close(&l);
	send(&l, false);
}

// That the first session ended was not seen, and its gateway gives the control TEID to another
// user: what is asked there now is not the first one's.
Test(session_epc_ends, server_end_of_another_user)
{
	cr_assert_eq(world_subscribe_imsi(&w, OTHER, other), 0);
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	connected(&stranger, 2, 0x305);
	modify(5, 3, 0x601, ENB_B);
	cr_expect(theirs(DOWN, 0x601, ENB_B) && !s1(DOWN, 0x601, ENB_B), "on the request");
	modified(0x81, 3, 5);
	cr_expect(theirs(DOWN, 0x601, ENB_B) && !s1(DOWN, 0x601, ENB_B));
	cr_expect(w.state[1].unsure, "its end was missed");
	cr_expect(!w.state[OTHER].unsure);
	delete (5, 4);
	answer(37, 4, 16);
	cr_expect_eq(w.state[OTHER].sessions, 0);
}

// The same of the client's end, which another user takes with it when it moves there.
Test(session_epc_ends, client_end_of_another_user_that_moves)
{
	struct who moving = stranger;
	struct lab l;

	cr_assert_eq(world_subscribe_imsi(&w, OTHER, other), 0);
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	moving.mme = MME_2;
	moving.client = 0x91;
	moving.server = 0x74;
	connected(&moving, 2, 0x305);
	lab_gtpv2(&l, 34, 0x74, 3);
	lab_gtpv2_f_teid(&l, 0, 10, 0x71, MME);
	take(&l, MME, SGW);
	lab_gtpv2(&l, 35, 0x71, 3);
	lab_gtpv2_ie8(&l, 2, 16);
	take(&l, SGW, MME);
	bearer_asked(MME, 0x71, 7, 0x177);
	cr_expect(theirs(UP, 0x177, SGW_U) && !s1(UP, 0x177, SGW_U));
	lab_gtpv2(&l, 96, 0x74, 7);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 7);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 0, 0x577, ENB_A);
	lab_gtpv2_f_teid(&l, 1, 1, 0x177, SGW_U);
	lab_gtpv2_close(&l);
	send(&l, true);
	cr_expect(theirs(DOWN, 0x577, ENB_A) && !s1(DOWN, 0x577, ENB_A));
	cr_expect(w.state[1].unsure);
	cr_expect(s1(UP, 0x105, SGW_U), "its own until somebody else is given it");
}

// A caller without a SIM, at the end that a subscriber had.
Test(session_epc_ends, client_end_of_a_user_without_imsi)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	lab_gtpv2(&l, 32, 0, 2);
	lab_gtpv2_open(&l, 75, 0);
	lab_octets(&l, (const uint8_t[]){0x53, 0, 0, 0, 0, 0, 0x10, 0xf2}, 8);
	lab_gtpv2_close(&l);
	lab_gtpv2_f_teid(&l, 0, 10, 0x71, MME);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 6);
	lab_gtpv2_close(&l);
	send(&l, true);
	lab_gtpv2(&l, 33, 0x71, 2);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 11, 0x73, SGW);
	send(&l, false);
	bearer_asked(MME, 0x71, 7, 0x177);
	cr_expect(!s1(UP, 0x177, SGW_U) && w.state[1].unsure);
}

// A server that names no control TEID: two users are not one by that.
Test(session_epc_ends, no_server_end)
{
	struct who x = stranger;

	cr_assert_eq(world_subscribe_imsi(&w, OTHER, other), 0);
	x.server = 0;
	connected(&x, 1, 0x305);
	x.imsi = imsi;
	x.client = 0x71;
	connected(&x, 2, 0x105);
	cr_expect(theirs(UP, 0x305, SGW_U) && s1(UP, 0x105, SGW_U));
	cr_expect(w.state[1].unsure && w.state[OTHER].unsure, "requests do not find them");
}

// On S4 one control tunnel has all of a user's connections, as on S11.
Test(session_epc_ends, two_connections_over_s4)
{
	struct who x = {imsi, MME, 0x71, 0x72, 5, 17};

	connected(&x, 1, 0x105);
	x.ebi = 6;
	connected(&x, 2, 0x106);
	cr_expect_eq(w.state[1].sessions, 2);
	cr_expect(s1(UP, 0x105, SGW_U) && s1(UP, 0x106, SGW_U));
}

// A refusal that goes to another end is of another request with the same number.
Test(session_epc_ends, refusal_of_another_creation)
{
	struct lab l;

	create(5, 1);
	lab_gtpv2(&l, 33, 0x81, 1);
	lab_gtpv2_ie8(&l, 2, 73);
	send(&l, false);
	created(5, 1, 16, 0x0a2d0002);
	cr_expect(s1(UP, 0x105, SGW_U));
	create(6, 2);
	lab_gtpv2(&l, 33, 0, 2);
	lab_gtpv2_ie8(&l, 2, 73);
	send(&l, false);
	cr_expect_eq(world_counts(&w).sessions, 1, "one that names no end");
}

// ---- identities ----

static void mei(struct lab *l, uint8_t last)
{
	lab_gtpv2_open(l, 75, 0);
	lab_octets(l, (const uint8_t[]){0x53, 0, 0, 0, 0, 0, last, 0xf2}, 8);
	lab_gtpv2_close(l);
}

// The equipment is reported, or is another one, while the session lives (TS 29.274 clause 7.2.7).
Test(session_epc_ends, equipment_told_later)
{
	struct lab l;

	subscribe(3, &(struct session_target){.kinds = SESSION_IMEI, .imei = "35000000000001"});
	subscribe(4, &(struct session_target){.kinds = SESSION_IMEI, .imei = "35000000000002"});
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	lab_gtpv2(&l, 34, 0x72, 2);
	mei(&l, 0x10);
	send(&l, true);
	cr_expect_eq(world_bound_by(&w, 3), 0, "not accepted yet");
	answer(35, 2, 16);
	cr_expect_eq(w.state[3].sessions, 1);
	cr_expect_gt(world_bound_by(&w, 3), 0);
	lab_gtpv2(&l, 34, 0x72, 3);
	mei(&l, 0x20);
	send(&l, true);
	answer(35, 3, 16);
	cr_expect_eq(world_bound_by(&w, 3), 0, "it is another one's now");
	cr_expect_eq(w.state[4].sessions, 1);
	cr_expect(s1(UP, 0x105, SGW_U) && !w.state[1].unsure);
	lab_gtpv2(&l, 34, 0x72, 4);
	lab_gtpv2_open(&l, 75, 0);
	lab_u8(&l, 0xaa);
	lab_gtpv2_close(&l);
	send(&l, true);
	answer(35, 4, 16);
	cr_expect(w.state[3].unsure && w.state[4].unsure && !w.state[1].unsure, "unreadable");
}

Test(session_epc_ends, number_told_later)
{
	struct lab l;

	subscribe(3, &(struct session_target){.kinds = SESSION_MSISDN, .msisdn = "4912"});
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	modify(5, 2, 0x501, ENB_A);
	lab_gtpv2(&l, 35, 0x71, 2);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_open(&l, 76, 0);
	lab_octets(&l, (const uint8_t[]){0x94, 0x21}, 2);
	lab_gtpv2_close(&l);
	send(&l, false);
	cr_expect_eq(w.state[3].sessions, 1);
	cr_expect(world_tunnel(&w, 3, CONFIG_LINK_N3, DOWN, 0x501, ENB_A));
}

// ---- bearers ----

// Both ends have a bearer whose creation was not seen.
Test(session_epc_ends, bearer_that_was_missed)
{
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	modify(7, 2, 0x507, ENB_A);
	answer(35, 2, 64 + 9);
	modify(5, 3, 0x501, ENB_A);
	answer(35, 3, 16);
	cr_expect(!w.state[1].unsure, "one that the gateway has not");
	struct lab l;
	lab_gtpv2(&l, 34, 0x72, 4);
	for (uint8_t ebi = 5; ebi <= 7; ebi += 2) {
		lab_gtpv2_open(&l, 93, 0);
		lab_gtpv2_ie8(&l, 73, ebi);
		lab_gtpv2_f_teid(&l, 0, 0, 0x600u + ebi, ENB_B);
		lab_gtpv2_close(&l);
	}
	send(&l, true);
	answer(35, 4, 16);
	cr_expect(s1(DOWN, 0x605, ENB_B) && w.state[1].unsure);
}

// A dedicated bearer of a connection whose creation was not seen.
Test(session_epc_ends, connection_that_was_missed)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	lab_gtpv2(&l, 95, 0x71, 7);
	lab_gtpv2_ie8(&l, 73, 6);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 0);
	lab_gtpv2_f_teid(&l, 0, 1, 0x177, SGW_U);
	lab_gtpv2_close(&l);
	send(&l, false);
	bearer_answered(7, 7, 0x177, 0x577);
	cr_expect(w.state[1].unsure);
}

// Removed by the answer, which names the bearers that are left.
Test(session_epc_ends, bearers_removed_by_the_answer)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	bearer_asked(MME, 0x71, 7, 0x177);
	bearer_answered(7, 7, 0x177, 0x577);
	lab_gtpv2(&l, 34, 0x72, 2);
	for (uint8_t ebi = 5; ebi <= 7; ebi += 2) {
		lab_gtpv2_open(&l, 93, 0);
		lab_gtpv2_ie8(&l, 73, ebi);
		lab_gtpv2_f_teid(&l, 0, 0, 0x600u + ebi, ENB_B);
		lab_gtpv2_close(&l);
	}
	send(&l, true);
	lab_gtpv2(&l, 35, 0x71, 2);
	lab_gtpv2_ie8(&l, 2, 17);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_close(&l);
	lab_gtpv2_open(&l, 93, 1);
	lab_gtpv2_ie8(&l, 73, 7);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_close(&l);
	send(&l, false);
	cr_expect(s1(DOWN, 0x605, ENB_B) && s1(UP, 0x105, SGW_U));
	cr_expect(!s1(DOWN, 0x607, ENB_B) && !s1(UP, 0x177, SGW_U));
}

Test(session_epc_ends, bearer_not_created)
{
	struct lab l;

	lab_gtpv2(&l, 32, 0, 1);
	lab_gtpv2_imsi(&l, imsi);
	lab_gtpv2_f_teid(&l, 0, 10, 0x71, MME);
	for (uint8_t ebi = 5; ebi <= 7; ebi += 2) {
		lab_gtpv2_open(&l, 93, 0);
		lab_gtpv2_ie8(&l, 73, ebi);
		lab_gtpv2_f_teid(&l, 0, 0, 0x600u + ebi, ENB_B);
		lab_gtpv2_close(&l);
	}
	send(&l, true);
	lab_gtpv2(&l, 33, 0x71, 1);
	lab_gtpv2_ie8(&l, 2, 17);
	lab_gtpv2_f_teid(&l, 0, 11, 0x72, SGW);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 1, 0x105, SGW_U);
	lab_gtpv2_close(&l);
	lab_gtpv2_open(&l, 93, 1);
	lab_gtpv2_ie8(&l, 73, 7);
	lab_gtpv2_ie8(&l, 2, 73);
	lab_gtpv2_close(&l);
	send(&l, false);
	cr_expect(s1(DOWN, 0x605, ENB_B) && s1(UP, 0x105, SGW_U));
	cr_expect(!s1(DOWN, 0x607, ENB_B), "it never was");
}

// A request without bearer, or with one that cannot be read: what the answer gives is the
// session's.
Test(session_epc_ends, bearer_in_the_answer_alone)
{
	struct lab l;

	lab_gtpv2(&l, 32, 0, 1);
	lab_gtpv2_imsi(&l, imsi);
	lab_gtpv2_f_teid(&l, 0, 10, 0x71, MME);
	send(&l, true);
	created(5, 1, 16, 0x0a2d0002);
	cr_expect(s1(UP, 0x105, SGW_U));
	lab_gtpv2(&l, 34, 0x72, 2);
	send(&l, true);
	lab_gtpv2(&l, 35, 0x71, 2);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 1, 0x115, SGW_U);
	lab_gtpv2_close(&l);
	send(&l, false);
	cr_expect(s1(UP, 0x115, SGW_U));
}

// On S4 the answer to an update may name the client's end (TS 29.274 clause 7.2.16).
Test(session_epc_ends, bearer_updated)
{
	struct who x = {imsi, MME, 0x71, 0x72, 5, 17};
	struct lab l;

	connected(&x, 1, 0x105);
	lab_gtpv2(&l, 97, 0x71, 2);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_close(&l);
	send(&l, false);
	lab_gtpv2(&l, 98, 0x72, 2);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 1, 2, 0x701, ENB_A);
	lab_gtpv2_close(&l);
	send(&l, true);
	cr_expect(s1(DOWN, 0x701, ENB_A));
}

// A tunnel end of a type that is not known, and one of GRE: no port shows its packets.
Test(session_epc_ends, end_of_another_type)
{
	for (unsigned i = 0; i < 2; i++) {
		create(5, 1 + 4 * i);
		created(5, 1 + 4 * i, 16, 0x0a2d0002);
		cr_expect(!w.state[1].unsure);
		modify_of(i ? 8 : 50, 5, 2 + 4 * i, 0x501, ENB_A);
		answer(35, 2 + 4 * i, 16);
		cr_expect(w.state[1].unsure);
		delete (5, 3 + 4 * i);
		answer(37, 3 + 4 * i, 16);
	}
}

// A new connection has the number of another one's dedicated bearer: the gateway deletes that (TS
// 29.274 clause 7.2.1).
Test(session_epc_ends, number_of_a_dedicated_bearer)
{
	create_of(SGW, 0x71, 5, 1);
	created_at(SGW, 0x71, 0x72, 1, 0x105, -1);
	bearer_asked(MME, 0x71, 7, 0x177);
	bearer_answered(7, 6, 0x177, 0x577);
	create_of(SGW, 0x81, 6, 2);
	struct lab l;
	lab_gtpv2(&l, 33, 0x81, 2);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 11, 0x82, SGW);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 6);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 1, 0x206, SGW_U);
	lab_gtpv2_close(&l);
	send(&l, false);
	cr_expect(s1(UP, 0x105, SGW_U) && s1(UP, 0x206, SGW_U));
	cr_expect(!s1(UP, 0x177, SGW_U) && !s1(DOWN, 0x577, ENB_A));
	cr_expect_eq(w.state[1].sessions, 2);
}

// The server's set of sessions, which it names in its answer, is deleted.
Test(session_epc_ends, set_of_the_server)
{
	static const uint8_t set[] = {0x01, 10, 0, 0, 18, 0, 7};
	struct lab l;

	create(5, 1);
	lab_gtpv2(&l, 33, 0x71, 1);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 11, 0x72, SGW);
	lab_gtpv2_open(&l, 132, 1);
	lab_octets(&l, set, sizeof(set));
	lab_gtpv2_close(&l);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_f_teid(&l, 0, 1, 0x105, SGW_U);
	lab_gtpv2_close(&l);
	send(&l, false);
	cr_expect(s1(UP, 0x105, SGW_U));
	lab_gtpv2(&l, 101, 0, 2);
	lab_gtpv2_open(&l, 132, 1);
	lab_octets(&l, set, sizeof(set));
	lab_gtpv2_close(&l);
	send(&l, false);
	lab_gtpv2(&l, 102, 0, 2);
	lab_gtpv2_ie8(&l, 2, 16);
	send(&l, true);
	cr_expect(!s1(UP, 0x105, SGW_U));
	cr_expect_eq(world_counts(&w).sessions, 0);
}

// ---- messages that cannot be used ----

// An answer to a creation may be another user's than the one that had the end before.
Test(session_epc_ends, unreadable_answer_to_a_creation)
{
	struct lab l;

	cr_assert_eq(world_subscribe_imsi(&w, OTHER, other), 0);
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	lab_gtpv2(&l, 33, 0x71, 2); // without Cause
	send(&l, false);
	cr_expect(w.state[1].unsure && w.state[OTHER].unsure);
}

Test(session_epc_ends, answer_to_a_creation_that_was_missed)
{
	cr_assert_eq(world_subscribe_imsi(&w, OTHER, other), 0);
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	created(5, 2, 16, 0x0a2d0003);
	world_pass(&w, 30000000000ull);
	cr_expect(w.state[1].unsure && w.state[OTHER].unsure);
}

// A second connection, asked for at the user's own end: that it has an IMEI is not known either.
Test(session_epc_ends, unreadable_creation_at_a_known_end)
{
	struct lab l;

	subscribe(3, &(struct session_target){.kinds = SESSION_IMEI, .imei = "35000000000001"});
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	lab_gtpv2(&l, 32, 0x72, 2); // without the sender's end
	send(&l, true);
	cr_expect(w.state[1].unsure && w.state[3].unsure);
}

Test(session_epc_ends, unreadable_modification)
{
	struct lab l;

	subscribe(3, &(struct session_target){.kinds = SESSION_IMEI, .imei = "35000000000001"});
	subscribe(4, &(struct session_target){.kinds = SESSION_MSISDN, .msisdn = "4912"});
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	lab_gtpv2(&l, 34, 0x72, 2);
	lab_octets(&l, (const uint8_t[]){73, 0, 0, 0}, 4); // for whose bearers
	send(&l, true);
	cr_expect(w.state[1].unsure && w.state[3].unsure && !w.state[4].unsure);
	lab_gtpv2(&l, 35, 0x71, 2); // without Cause
	send(&l, false);
	cr_expect(w.state[4].unsure);
	delete (5, 3);
	answer(37, 3, 16);
	cr_expect(!w.state[3].unsure && !w.state[4].unsure);
}

// Cut before it names the connection: not all of them end.
Test(session_epc_ends, deletion_cut_before_its_bearer)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	create(6, 2);
	created(6, 2, 16, 0x0a2d0003);
	lab_gtpv2(&l, 36, 0x72, 3);
	lab_octets(&l, (const uint8_t[]){255, 255, 255, 255}, 4);
	send(&l, true);
	answer(37, 3, 16);
	cr_expect(w.state[1].unsure && w.state[1].sessions == 2);
	cr_expect(s1(UP, 0x105, SGW_U) && s1(UP, 0x106, SGW_U));
}

// A bearer of another connection has the number of the connection that ends, whose creation was
// missed.
Test(session_epc_ends, deletion_of_a_connection_that_was_missed)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	bearer_asked(MME, 0x71, 7, 0x177);
	bearer_answered(7, 6, 0x177, 0x577);
	delete (6, 2);
	answer(37, 2, 16);
	cr_expect(w.state[1].sessions == 1 && s1(UP, 0x105, SGW_U));
	bearer_ask(&l, 0x71, 8, 0x178);
	l.octets[16] = 6; // of the connection that was missed
	send(&l, false);
	bearer_answered(8, 8, 0x178, 0x578);
	cr_expect(!s1(UP, 0x178, SGW_U) && w.state[1].unsure);
}

// The address that was asked for is perhaps not the one that was given.
Test(session_epc_ends, address_given_that_cannot_be_read)
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
	lab_gtpv2_open(&l, 79, 0);
	lab_octets(&l, (const uint8_t[]){1, 10, 45, 0}, 4);
	lab_gtpv2_close(&l);
	send(&l, false);
	cr_expect(!world_address(&w, 1, 0x0a2d0007) && w.state[1].unsure);
}
