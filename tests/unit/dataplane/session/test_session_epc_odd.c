// Unusual messages of a core's nodes about bearers and identities.

#include "tests/unit/dataplane/session/gtpv2_play.h"

#include <string.h>

TestSuite(session_epc_odd, .init = begin, .fini = end, .timeout = 20);

#define ASKED(ebi) (0x170u + (ebi))

// The session has bearers 5 and 7 with ends at ENB_A.
static void with_two_bearers(void)
{
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	bearer_asked(MME, 0x71, 2, ASKED(7));
	bearer_answered(2, 7, ASKED(7), 0x577);
	modify(5, 3, 0x555, ENB_A);
	answer(35, 3, 16);
	cr_assert(s1(UP, ASKED(7), SGW_U) && s1(DOWN, 0x577, ENB_A) && s1(DOWN, 0x555, ENB_A));
	cr_assert(!w.state[1].unsure);
}

// A modification of bearer 5, answered with bearer 7 in that instance and with that cause.
static void modified_with(uint8_t instance, uint8_t cause)
{
	struct lab l;

	modify(5, 4, 0x556, ENB_B);
	lab_gtpv2(&l, 35, 0x71, 4);
	lab_gtpv2_ie8(&l, 2, 17);
	lab_gtpv2_open(&l, 93, instance);
	lab_gtpv2_ie8(&l, 73, 7);
	lab_gtpv2_ie8(&l, 2, cause);
	lab_gtpv2_close(&l);
	send(&l, false);
}

Test(session_epc_odd, server_removes_a_bearer)
{
	with_two_bearers();
	modified_with(1, 64);
	cr_expect(!s1(UP, ASKED(7), SGW_U) && !s1(DOWN, 0x577, ENB_A), "it is gone");
	cr_expect(s1(DOWN, 0x556, ENB_B) && s1(UP, 0x105, SGW_U));
	cr_expect(!w.state[1].unsure);
}

Test(session_epc_odd, server_does_not_know_a_bearer)
{
	struct lab l;

	with_two_bearers();
	modify(7, 4, 0x578, ENB_B);
	lab_gtpv2(&l, 35, 0x71, 4);
	lab_gtpv2_ie8(&l, 2, 17);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 7);
	lab_gtpv2_ie8(&l, 2, 64);
	lab_gtpv2_close(&l);
	send(&l, false);
	cr_expect(!s1(UP, ASKED(7), SGW_U) && !s1(DOWN, 0x577, ENB_A), "it is gone");
	cr_expect(!s1(DOWN, 0x578, ENB_B));
	cr_expect(s1(DOWN, 0x555, ENB_A) && s1(UP, 0x105, SGW_U));
	cr_expect(!w.state[1].unsure);
}

static void ask_two(uint32_t sequence)
{
	struct lab l;

	lab_gtpv2(&l, 95, 0x71, sequence);
	lab_gtpv2_ie8(&l, 73, 5);
	for (uint32_t i = 0; i < 2; i++) {
		lab_gtpv2_open(&l, 93, 0);
		lab_gtpv2_ie8(&l, 73, 0);
		lab_gtpv2_f_teid(&l, 0, 1, 0x177 + i, SGW_U);
		lab_gtpv2_f_teid(&l, 1, 5, 0x277 + i, PGW_U);
		lab_gtpv2_close(&l);
	}
	send(&l, false);
}

// The refused one comes first and has no ends.
Test(session_epc_odd, one_of_two_bearers_refused_out_of_order)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	ask_two(2);
	lab_gtpv2(&l, 96, 0x72, 2);
	lab_gtpv2_ie8(&l, 2, 17);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 0);
	lab_gtpv2_ie8(&l, 2, 88);
	lab_gtpv2_close(&l);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 7);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 0, 0x577, ENB_A);
	lab_gtpv2_f_teid(&l, 1, 1, 0x177, SGW_U);
	lab_gtpv2_close(&l);
	send(&l, true);
	cr_expect(s1(UP, 0x177, SGW_U) && s1(DOWN, 0x577, ENB_A));
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N9, UP, 0x277, PGW_U), "its own");
	cr_expect(!s1(UP, 0x178, SGW_U) && !world_tunnel(&w, 1, CONFIG_LINK_N9, UP, 0x278, PGW_U),
		"nobody was given it");
}

Test(session_epc_odd, a_bearer_that_was_not_seen)
{
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	modify(5, 2, 0x555, ENB_A);
	answer(35, 2, 16);
	cr_assert(!w.state[1].unsure);
	struct lab l;
	modify_ask(&l, 0, 5, 3, 0x556, ENB_B);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 6);
	lab_gtpv2_f_teid(&l, 0, 0, 0x566, ENB_B);
	lab_gtpv2_close(&l);
	send(&l, true);
	answer(35, 3, 16);
	cr_expect(s1(DOWN, 0x556, ENB_B));
	cr_expect(w.state[1].unsure, "there is a bearer 6");
}

Test(session_epc_odd, a_connection_that_was_not_seen)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	lab_gtpv2(&l, 95, 0x71, 2);
	lab_gtpv2_ie8(&l, 73, 6);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 0);
	lab_gtpv2_f_teid(&l, 0, 1, ASKED(7), SGW_U);
	lab_gtpv2_close(&l);
	send(&l, false);
	bearer_answered(2, 7, ASKED(7), 0x577);
	cr_expect(w.state[1].unsure, "the user has another connection");
}

// A removed bearer that is not known hides nothing.
Test(session_epc_odd, an_unknown_bearer_that_goes)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	modify_ask(&l, 0, 5, 3, 0x556, ENB_B);
	lab_gtpv2_open(&l, 93, 1);
	lab_gtpv2_ie8(&l, 73, 6);
	lab_gtpv2_close(&l);
	send(&l, true);
	answer(35, 3, 16);
	cr_expect(!w.state[1].unsure && s1(DOWN, 0x556, ENB_B));
}

// `with`: the gateway's end on S1.
static void created_with(bool end, uint8_t interface)
{
	struct lab l;

	create(5, 1);
	lab_gtpv2(&l, 33, 0x71, 1);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 11, 0x72, SGW);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_ie8(&l, 2, 16);
	if (end)
		lab_gtpv2_f_teid(&l, 0, interface, 0x105, SGW_U);
	lab_gtpv2_f_teid(&l, 2, 5, 0x205, PGW_U);
	lab_gtpv2_close(&l);
	send(&l, false);
}

Test(session_epc_odd, no_end_of_the_gateway)
{
	created_with(false, 0);
	cr_expect(w.state[1].unsure, "the uplink is not known");
}

Test(session_epc_odd, end_of_the_gateway_without_s1)
{
	created_with(true, 39);
	cr_expect(!w.state[1].unsure);
}

Test(session_epc_odd, end_of_an_interface_that_cannot_be)
{
	created_with(true, 1);
	cr_assert(!w.state[1].unsure);
	modify_of(62, 5, 2, 0x555, ENB_A);
	answer(35, 2, 16);
	cr_expect(w.state[1].unsure);
}

static void watch_imei(const char *imei)
{
	struct session_target t = {.kinds = SESSION_IMEI};

	memcpy(t.imei, imei, strlen(imei) + 1);
	cr_assert_eq(sessions_subscribe(w.store, 2, &t, FILTER_ANY_DIRECTION), 0);
}

static void modify_with_mei(const uint8_t *octets, uint32_t n)
{
	struct lab l;

	modify_ask(&l, 0, 5, 2, 0x555, ENB_A);
	lab_gtpv2_open(&l, 75, 0);
	lab_octets(&l, octets, n);
	lab_gtpv2_close(&l);
	send(&l, true);
}

static const uint8_t mei[] = {0x53, 0x29, 0x35, 0x80, 0x21, 0x43, 0x65, 0xf7}; // 35925308123456 7

Test(session_epc_odd, device_told_later)
{
	watch_imei("35925308123456");
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	cr_assert(!world_tunnel(&w, 2, CONFIG_LINK_N3, UP, 0x105, SGW_U));
	modify_with_mei(mei, sizeof(mei));
	answer(35, 2, 16);
	cr_expect(world_tunnel(&w, 2, CONFIG_LINK_N3, UP, 0x105, SGW_U), "its device is known");
	cr_expect(world_tunnel(&w, 2, CONFIG_LINK_N3, DOWN, 0x555, ENB_A));
	cr_expect(!w.state[2].unsure && !w.state[1].unsure);
}

Test(session_epc_odd, device_told_later_and_refused)
{
	watch_imei("35925308123456");
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	modify_with_mei(mei, sizeof(mei));
	answer(35, 2, 72);
	cr_expect_eq(world_bound_by(&w, 2), 0);
}

Test(session_epc_odd, device_told_later_and_broken)
{
	watch_imei("35925308123456");
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	modify_with_mei((const uint8_t[]){0xaa}, 1);
	answer(35, 2, 16);
	cr_expect(w.state[2].unsure, "it may be that one's");
	cr_expect(!w.state[1].unsure, "whose the session is was known before");
}

// Another MME sends its end when it asks for the access of all connections.
Test(session_epc_odd, access_is_modified_by_another_client)
{
	const uint32_t mme_2 = 0x0a000013;
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	lab_gtpv2(&l, 211, 0x72, 2);
	lab_gtpv2_f_teid(&l, 0, 10, 0x81, mme_2);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_f_teid(&l, 0, 0, 0x555, ENB_A);
	lab_gtpv2_close(&l);
	take(&l, mme_2, SGW);
	lab_gtpv2(&l, 212, 0x81, 2);
	lab_gtpv2_ie8(&l, 2, 16);
	take(&l, SGW, mme_2);
	cr_assert(s1(DOWN, 0x555, ENB_A));
	bearer_asked(mme_2, 0x81, 3, ASKED(7));
	cr_expect(s1(UP, ASKED(7), SGW_U), "the gateway asks there");
	cr_expect(!w.state[1].unsure);
}

Test(session_epc_odd, announced_message_is_not_there)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	cr_assert(!w.state[1].unsure);
	modify_ask(&l, 0, 5, 2, 0x555, ENB_A);
	l.octets[0] |= 0x10;
	send(&l, true);
	cr_expect(w.state[1].unsure);
}

static void take_ports(struct lab *l, uint32_t from, uint16_t source, uint32_t to, uint16_t port)
{
	lab_gtpv2_end(l);
	w.now_ns += 100000;
	struct signalling_packet p = {.time_ns = w.now_ns,
		.protocol = SIGNALLING_GTPV2C,
		.source = {.address = {.family = 4}, .port = source},
		.destination = {.address = {.family = 4}, .port = port},
		.octets = l->octets,
		.length = l->n};
	for (unsigned i = 0; i < 4; i++) {
		p.source.address.b[i] = (uint8_t)(from >> (24 - 8 * i));
		p.destination.address.b[i] = (uint8_t)(to >> (24 - 8 * i));
	}
	sessions_take(w.store, &p);
}

// Another process of the same MME used the same number, and its request was not seen: only the end
// that the answer goes to shows it.
Test(session_epc_odd, answer_to_the_usual_port_of_another_user)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	lab_gtpv2(&l, 36, 0x72, 2);
	lab_gtpv2_ie8(&l, 73, 5);
	take_ports(&l, MME, 40000, SGW, 2123);
	lab_gtpv2(&l, 37, 0x91, 2);
	lab_gtpv2_ie8(&l, 2, 16);
	take_ports(&l, SGW, 2123, MME, 2123);
	cr_expect(s1(UP, 0x105, SGW_U), "it goes on");
	lab_gtpv2(&l, 37, 0x71, 2);
	lab_gtpv2_ie8(&l, 2, 16);
	take_ports(&l, SGW, 2123, MME, 2123);
	cr_expect(!s1(UP, 0x105, SGW_U), "its own answer");
}

// An answer of both families: a prefix of that length, and an IPv4 address.
static void created_with_address(uint8_t length, uint32_t v4)
{
	static const uint8_t prefix[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2};
	struct lab l;

	create(5, 1);
	lab_gtpv2(&l, 33, 0x71, 1);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 11, 0x72, SGW);
	lab_gtpv2_open(&l, 79, 0);
	lab_u8(&l, 3);
	lab_u8(&l, length);
	lab_octets(&l, prefix, sizeof(prefix));
	lab_u32(&l, v4);
	lab_gtpv2_close(&l);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 1, 0x105, SGW_U);
	lab_gtpv2_close(&l);
	send(&l, false);
}

// 0: no address of IPv6 is bound.
static unsigned prefix_bound(void)
{
	for (uint32_t i = 0; i < w.n_bound; i++)
		if (w.bound[i].b.kind == BINDING_ADDRESS && w.bound[i].b.prefix.family == 6)
			return w.bound[i].b.prefix.length;
	return 0;
}

Test(session_epc_odd, addresses_of_both_families)
{
	created_with_address(64, 0x0a2d0002);
	cr_expect(world_address(&w, 1, 0x0a2d0002));
	cr_expect_eq(prefix_bound(), 64);
	cr_expect(!w.state[1].unsure);
}

Test(session_epc_odd, address_that_is_given_later)
{
	created_with_address(64, 0);
	cr_expect_eq(prefix_bound(), 64);
	cr_expect(w.state[1].unsure, "its IPv4 address is not known");
}

Test(session_epc_odd, prefix_of_many_users)
{
	created_with_address(1, 0x0a2d0002);
	cr_expect_eq(prefix_bound(), 0, "others' packets are not delivered");
	cr_expect(w.state[1].unsure && s1(UP, 0x105, SGW_U));
}
