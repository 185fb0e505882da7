// Messages of which a part cannot be read: the rest is used, and a task that may miss something by
// it is unsure for as long as the session lives.

#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/dataplane/session/gtpv2_play.h"
#include "tests/unit/dataplane/session/pfcp_play.h"

TestSuite(session_broken, .init = begin, .fini = end);

static const struct play one = {
	.cp = 0x11, .up = 0x21, .uplink = 0x1001, .ue = 0x0a2d0002, .imsi = "001010000000001"};

#define BY_MSISDN 2
#define BY_IMEI 3
#define BY_NAI 4
#define BY_RULE 5
#define BY_NAME 6

static void subscribe(uint64_t subscription, const struct session_target *t)
{
	cr_assert_eq(sessions_subscribe(w.store, subscription, t, FILTER_ANY_DIRECTION), 0);
}

// Subscriptions to other users; only their keys differ.
static void subscribe_others(void)
{
	subscribe(BY_MSISDN, &(struct session_target){.kinds = SESSION_MSISDN, .msisdn = "499"});
	subscribe(
		BY_IMEI, &(struct session_target){.kinds = SESSION_IMEI, .imei = "35000000000001"});
	subscribe(BY_NAI, &(struct session_target){.kinds = SESSION_NAI, .nai = "x@example.org"});
}

static bool unsure(uint64_t subscription)
{
	return w.state[subscription].unsure;
}

// An MME that names its own end by nothing in each request.
Test(session_broken, sender_without_address_and_teid)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	lab_gtpv2(&l, 34, 0x72, 2);
	lab_gtpv2_open(&l, 87, 0);
	lab_u8(&l, 10);
	lab_u32(&l, 0);
	lab_gtpv2_close(&l);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_f_teid(&l, 0, 0, 0x501, ENB_A);
	lab_gtpv2_close(&l);
	send(&l, true);
	answer(35, 2, 16);
	cr_expect(s1(DOWN, 0x501, ENB_A) && !unsure(1));
	cr_expect_eq(world_counts(&w).reason[SIGNALLING_GTPV2C][SIGNALLING_ODD], 1);
	bearer_asked(MME, 0x71, 7, 0x177);
	cr_expect(s1(UP, 0x177, SGW_U), "its end is where it was");
}

// One that names a TEID means its own address.
Test(session_broken, sender_without_address)
{
	struct lab l;

	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	lab_gtpv2(&l, 34, 0x72, 2);
	lab_gtpv2_open(&l, 87, 0);
	lab_u8(&l, 10);
	lab_u32(&l, 0x91);
	lab_gtpv2_close(&l);
	send(&l, true);
	answer(35, 2, 16);
	bearer_asked(MME, 0x91, 7, 0x177);
	cr_expect(s1(UP, 0x177, SGW_U) && !unsure(1));
}

static void create_with(uint8_t type, const uint8_t *octets, unsigned n)
{
	struct lab l;

	lab_gtpv2(&l, 32, 0, 1);
	lab_gtpv2_imsi(&l, imsi);
	lab_gtpv2_open(&l, type, 0);
	lab_octets(&l, octets, n);
	lab_gtpv2_close(&l);
	lab_gtpv2_f_teid(&l, 0, 10, 0x71, MME);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_close(&l);
	send(&l, true);
	created(5, 1, 16, 0x0a2d0002);
}

// A number that cannot be: the session is followed, and only tasks by such numbers may miss it,
// until it ends.
Test(session_broken, msisdn)
{
	subscribe_others();
	create_with(76, (const uint8_t[]){0x91, 1, 2, 3, 4, 5, 6, 7, 8}, 9);
	cr_expect(s1(UP, 0x105, SGW_U) && !unsure(1));
	cr_expect(unsure(BY_MSISDN) && !unsure(BY_IMEI) && !unsure(BY_NAI));
	subscribe(7, &(struct session_target){.kinds = SESSION_MSISDN, .msisdn = "498"});
	cr_expect(unsure(7), "one that comes later too");
	delete (5, 2);
	answer(37, 2, 16);
	cr_expect(!unsure(BY_MSISDN) && !unsure(7));
}

Test(session_broken, user_address)
{
	subscribe_others();
	create_with(79, (const uint8_t[]){1, 10, 0}, 3);
	cr_expect(s1(UP, 0x105, SGW_U) && unsure(1));
	cr_expect(!unsure(BY_MSISDN) && !unsure(BY_IMEI) && !unsure(BY_NAI));
}

static void establish_with(const uint8_t *octets, unsigned n)
{
	struct lab l;

	lab_pfcp_session(&l, 50, 0, 1);
	lab_f_seid(&l, one.cp, SMF);
	lab_user(&l, one.imsi);
	lab_open(&l, 1);
	lab_ie16(&l, 56, 1);
	lab_ie32(&l, 108, 1);
	lab_open(&l, 2);
	lab_ie8(&l, 20, 0);
	lab_f_teid(&l, one.uplink, N3_UPF);
	lab_close(&l);
	lab_close(&l);
	lab_octets(&l, octets, n);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	play_established(&w, &one, 1, 1);
}

static bool uplink(void)
{
	return world_tunnel(&w, 1, CONFIG_LINK_N3, UP, one.uplink, N3_UPF);
}

Test(session_broken, pfcp_harmless)
{
	subscribe_others();
	establish_with((const uint8_t[]){0, 113, 0, 0, 0, 96, 0, 2, 1, 2}, 10);
	cr_expect(uplink() && !unsure(1) && !unsure(BY_MSISDN) && !unsure(BY_NAI));
	cr_expect_eq(world_counts(&w).reason[SIGNALLING_PFCP][SIGNALLING_ODD], 1);
}

// A rule without its number: tasks by one that is not there may miss it.
Test(session_broken, pfcp_rule)
{
	struct session_target t = {.kinds = SESSION_FSEID | SESSION_PDR, .seid = one.cp, .pdr = 7};

	subscribe(BY_RULE, &t);
	subscribe(BY_NAME,
		&(struct session_target){.kinds = SESSION_NI, .ni = "\3ims", .ni_length = 4});
	establish_with((const uint8_t[]){0, 1, 0, 8, 0, 29, 0, 4, 0, 0, 0, 1}, 12);
	cr_expect(uplink() && unsure(1));
	cr_expect(unsure(BY_RULE) && w.state[BY_RULE].sessions == 0);
	cr_expect(unsure(BY_NAME), "it may be of any network instance");
	play_delete(&w, &one, 2);
	play_deleted(&w, &one, 2, 1);
	cr_expect(!unsure(BY_RULE) && !unsure(BY_NAME));
}

// An F-SEID without address is of its sender.
Test(session_broken, pfcp_f_seid_without_address)
{
	struct lab l;

	lab_pfcp_session(&l, 50, 0, 1);
	lab_open(&l, 57);
	lab_u8(&l, 0);
	lab_u64(&l, one.cp);
	lab_close(&l);
	lab_user(&l, one.imsi);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	lab_pfcp_session(&l, 51, one.cp, 1);
	lab_ie8(&l, 19, 1);
	lab_open(&l, 57);
	lab_u8(&l, 0);
	lab_u64(&l, one.up);
	lab_close(&l);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, UPF, SMF);
	play_modify(&w, &one, 2, FORW, 0x501, GNB_A);
	play_modified(&w, &one, 2, 1);
	cr_expect_eq(world_counts(&w).partial, 0, "it is the session of that SEID");
	cr_expect(!unsure(1) && w.state[1].sessions == 1);
}

static void account(uint8_t status, const uint8_t *octets, uint8_t n)
{
	static uint8_t identifier;
	struct lab l;

	lab_radius(&l, 4, identifier++);
	lab_attribute(&l, 40, (const uint8_t[]){0, 0, 0, status}, 4);
	lab_attribute(&l, 44, "s1", 2);
	lab_attribute(&l, 1, "x@example.org", 13);
	lab_attribute(&l, 8, (const uint8_t[]){10, 46, 0, 8}, 4);
	lab_octets(&l, octets, n);
	lab_radius_end(&l);
	world_take(&w, &l, SIGNALLING_RADIUS, NAS, SERVER);
}

Test(session_broken, radius)
{
	subscribe_others();
	account(1, (const uint8_t[]){26, 9, 0, 0, 0x28, 0xaf, 5, 1, 0}, 9);
	cr_expect(world_address(&w, BY_NAI, 0x0a2e0008) && !unsure(BY_NAI));
	cr_expect(unsure(1) && unsure(BY_IMEI) && !unsure(BY_MSISDN));
	account(2, NULL, 0);
	cr_expect(!unsure(1) && !unsure(BY_IMEI));
	account(1, (const uint8_t[]){168, 4, 1, 2}, 4);
	cr_expect(world_address(&w, BY_NAI, 0x0a2e0008) && unsure(BY_NAI), "an address more");
}

// ---- messages that cannot be used ----

#define ANSWERED_NS 60000000000ull

static void send_octets(const struct lab *l, uint8_t protocol, bool up)
{
	const uint32_t client = protocol == SIGNALLING_PFCP	? SMF
				: protocol == SIGNALLING_GTPV2C ? MME
								: NAS;
	const uint32_t server = protocol == SIGNALLING_PFCP	? UPF
				: protocol == SIGNALLING_GTPV2C ? SGW
								: SERVER;

	world_take(&w, l, protocol, up ? client : server, up ? server : client);
}

// Every task by session is unsure for as long as answers are remembered.
static void unread(const struct lab *l, uint8_t protocol, bool up)
{
	send_octets(l, protocol, up);
	cr_expect(unsure(1) && unsure(BY_MSISDN), "at once");
	world_pass(&w, ANSWERED_NS - 1000000000ull);
	cr_expect(unsure(1) && unsure(BY_MSISDN), "for as long");
	world_pass(&w, 2000000000ull);
	cr_expect(!unsure(1) && !unsure(BY_MSISDN), "not longer");
}

Test(session_broken, unusable_of_nobody)
{
	struct lab l;

	subscribe_others();
	lab_pfcp_session(&l, 50, 0, 1); // without F-SEID
	lab_user(&l, one.imsi);
	lab_end(&l);
	unread(&l, SIGNALLING_PFCP, true);
	lab_pfcp_session(&l, 52, 0x999, 2); // of a session that is not known, cut short
	lab_end(&l);
	l.n--;
	unread(&l, SIGNALLING_PFCP, true);
	l.n = 2; // not even a header
	unread(&l, SIGNALLING_PFCP, true);
	lab_pfcp_session(&l, 54, 0, 3);
	lab_end(&l);
	l.octets[0] = 0x41; // of another version
	unread(&l, SIGNALLING_PFCP, true);
	lab_gtpv2(&l, 32, 0, 1); // without the sender's end
	lab_gtpv2_imsi(&l, imsi);
	lab_gtpv2_end(&l);
	unread(&l, SIGNALLING_GTPV2C, true);
	lab_gtpv2(&l, 32, 0, 1);
	lab_gtpv2_end(&l);
	l.octets[0] = 0x32; // GTPv1-C
	l.octets[1] = 16;   // Create PDP Context Request
	unread(&l, SIGNALLING_GTPV2C, true);
	lab_radius(&l, 4, 1); // without Acct-Session-Id
	lab_attribute(&l, 40, (const uint8_t[]){0, 0, 0, 1}, 4);
	lab_radius_end(&l);
	unread(&l, SIGNALLING_RADIUS, true);
}

// Messages between nodes, or of a kind that is not followed, hide no session.
Test(session_broken, unusable_and_of_no_session)
{
	struct lab l;

	lab_pfcp(&l, 1, 1); // a heartbeat without stamp
	lab_end(&l);
	send_octets(&l, SIGNALLING_PFCP, true);
	lab_pfcp(&l, 12, 2); // Node Report Request
	lab_end(&l);
	send_octets(&l, SIGNALLING_PFCP, true);
	lab_gtpv2(&l, 1, 0, 1); // an echo without Recovery
	lab_gtpv2_end(&l);
	send_octets(&l, SIGNALLING_GTPV2C, true);
	lab_gtpv2(&l, 176, 0x71, 2); // Downlink Data Notification
	lab_gtpv2_end(&l);
	send_octets(&l, SIGNALLING_GTPV2C, false);
	l.octets[0] = 0x32; // an echo of GTPv1-C
	l.octets[1] = 1;
	send_octets(&l, SIGNALLING_GTPV2C, true);
	lab_radius(&l, 1, 1); // Access-Request
	lab_radius_end(&l);
	send_octets(&l, SIGNALLING_RADIUS, true);
	cr_expect(!unsure(1));
}

// The session that a SEID or TEID names is unsure until it ends, and no other one.
Test(session_broken, unusable_of_a_session)
{
	struct lab l;

	subscribe_others();
	play_up(&w, &one, 1, 0x501, GNB_A);
	lab_pfcp_session(&l, 53, one.cp, 9); // without Cause
	lab_end(&l);
	send_octets(&l, SIGNALLING_PFCP, false);
	cr_expect(unsure(1) && !unsure(BY_MSISDN));
	play_delete(&w, &one, 10);
	play_deleted(&w, &one, 10, 1);
	cr_expect(!unsure(1));
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	lab_gtpv2(&l, 34, 0x72, 2); // cut short
	lab_gtpv2_end(&l);
	l.n--;
	send_octets(&l, SIGNALLING_GTPV2C, true);
	cr_expect(unsure(1) && !unsure(BY_MSISDN));
}

// The user plane's F-SEID is not known: tasks by one may miss the session.
Test(session_broken, unusable_answer_to_an_establishment)
{
	struct lab l;

	subscribe_others();
	cr_assert_eq(world_subscribe_seid(&w, BY_RULE, one.up, UPF), 0);
	play_establish(&w, &one, 1);
	lab_pfcp_session(&l, 51, one.cp, 1);
	lab_open(&l, 19);
	lab_close(&l);
	lab_f_seid(&l, one.up, UPF);
	lab_end(&l);
	send_octets(&l, SIGNALLING_PFCP, false);
	cr_expect(unsure(1) && unsure(BY_RULE) && unsure(BY_MSISDN));
	world_pass(&w, ANSWERED_NS + 1000000000ull);
	cr_expect(unsure(1) && unsure(BY_RULE) && !unsure(BY_MSISDN));
}

// A new tunnel that cannot be read: the one that the rule remembers may be another's by now.
Test(session_broken, remembered_tunnel)
{
	struct lab l;

	play_up(&w, &one, 1, 0x501, GNB_A);
	play_modify(&w, &one, 4, BUFF, 0, 0);
	play_modified(&w, &one, 4, 1);
	cr_expect(!s1(DOWN, 0x501, GNB_A));
	lab_pfcp_session(&l, 52, one.up, 5);
	lab_open(&l, 10);
	lab_ie32(&l, 108, 2);
	lab_ie8(&l, 44, FORW);
	lab_open(&l, 11);
	lab_ie16(&l, 84, 0x100);
	lab_close(&l);
	lab_close(&l);
	lab_end(&l);
	send_octets(&l, SIGNALLING_PFCP, true);
	play_modified(&w, &one, 5, 1);
	cr_expect(!s1(DOWN, 0x501, GNB_A) && unsure(1));
}

// Without the server's own end the gateway behind it is not taken for it.
Test(session_broken, server_of_a_creation)
{
	struct lab l;

	create(5, 1);
	lab_gtpv2(&l, 33, 0x71, 1);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_open(&l, 87, 0);
	lab_gtpv2_close(&l);
	lab_gtpv2_f_teid(&l, 1, 7, 0x99, 0x0a000015);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_f_teid(&l, 0, 1, 0x105, SGW_U);
	lab_gtpv2_close(&l);
	send(&l, false);
	cr_expect(s1(UP, 0x105, SGW_U) && unsure(1));
	lab_gtpv2(&l, 36, 0x99, 2); // between the gateways, of another session
	lab_gtpv2_ie8(&l, 73, 5);
	take(&l, SGW, 0x0a000015);
	lab_gtpv2(&l, 37, 0x98, 2);
	lab_gtpv2_ie8(&l, 2, 16);
	take(&l, 0x0a000015, SGW);
	cr_expect(s1(UP, 0x105, SGW_U) && w.state[1].sessions == 1);
}

// Answers that show a session whose request was not seen: whose it is is not known.
Test(session_broken, creation_not_seen)
{
	subscribe_others();
	created(5, 1, 16, 0x0a2d0002);
	world_pass(&w, 11000000000ull);
	cr_expect(unsure(1) && unsure(BY_MSISDN));
	world_pass(&w, ANSWERED_NS + 1000000000ull);
	cr_expect(!unsure(1));
	play_established(&w, &one, 1, 1);
	cr_expect(!unsure(1), "the request may come behind it");
	world_pass(&w, 11000000000ull);
	cr_expect(unsure(1) && unsure(BY_NAI));
	world_pass(&w, ANSWERED_NS + 1000000000ull);
	cr_expect(!unsure(1) && !unsure(BY_NAI));
}

// ---- odd answers ----

// The UPF is to choose an F-TEID, and a user's address where `chv4`.
static void establish_choose(bool chv4)
{
	struct lab l;

	lab_pfcp_session(&l, 50, 0, 1);
	lab_f_seid(&l, one.cp, SMF);
	lab_user(&l, one.imsi);
	lab_open(&l, 1);
	lab_ie16(&l, 56, 1);
	lab_ie32(&l, 108, 1);
	lab_open(&l, 2);
	lab_ie8(&l, 20, 0);
	lab_choose(&l, 5);
	if (chv4)
		lab_ie8(&l, 93, 0x10);
	lab_close(&l);
	lab_close(&l);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
}

// `ie`: the IE with the rule's F-TEID, 0 for none.
static void established_choose(uint16_t ie, bool ue)
{
	struct lab l;

	lab_pfcp_session(&l, 51, one.cp, 1);
	lab_ie8(&l, 19, 1);
	lab_f_seid(&l, one.up, UPF);
	if (ie) {
		lab_open(&l, ie);
		lab_ie16(&l, 56, 1);
		lab_f_teid(&l, one.uplink, N3_UPF);
		if (ue)
			lab_ue(&l, one.ue);
		lab_close(&l);
	}
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, UPF, SMF);
}

Test(session_broken, created_rule_in_another_ie)
{
	establish_choose(false);
	established_choose(1, false); // Create PDR
	cr_expect(uplink() && !unsure(1));
}

Test(session_broken, chosen_tunnel_is_not_told)
{
	establish_choose(false);
	established_choose(0, false);
	cr_expect(!uplink() && unsure(1) && w.state[1].sessions == 1);
}

Test(session_broken, chosen_address_is_not_told)
{
	establish_choose(true);
	established_choose(8, false);
	cr_expect(uplink() && unsure(1));
}

Test(session_broken, chosen_address_is_told)
{
	establish_choose(true);
	established_choose(8, true);
	cr_expect(uplink() && !unsure(1));
}

static void take_ports(struct lab *l, bool up, uint16_t from_port, uint16_t to_port)
{
	struct signalling_packet p = {.time_ns = w.now_ns += 100000,
		.protocol = SIGNALLING_GTPV2C,
		.source = {.address = {.family = 4}, .port = from_port},
		.destination = {.address = {.family = 4}, .port = to_port},
		.octets = l->octets};

	lab_gtpv2_end(l);
	p.length = l->n;
	wire_store32(p.source.address.b, up ? MME : SGW);
	wire_store32(p.destination.address.b, up ? SGW : MME);
	sessions_take(w.store, &p);
}

static void modify_from(uint16_t port, uint32_t teid)
{
	struct lab l;

	modify_ask(&l, 0, 5, 2, teid, ENB_A);
	take_ports(&l, true, port, 2123);
}

static void modified_to(uint16_t port)
{
	struct lab l;

	lab_gtpv2(&l, 35, 0x71, 2);
	lab_gtpv2_ie8(&l, 2, 16);
	take_ports(&l, false, 2123, port);
}

// An answer to the protocol's port, and not to the one that asked.
Test(session_broken, answer_to_another_port)
{
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	modify_from(40001, 0x501);
	modified_to(2123);
	cr_expect(s1(DOWN, 0x501, ENB_A) && world_counts(&w).modified == 1);
	modified_to(2123);
	cr_expect_eq(world_counts(&w).retransmissions, 1);
	world_pass(&w, 200000000000ull);
	cr_expect(!unsure(1), "it does not wait");
	cr_expect(s1(DOWN, 0x501, ENB_A));
}

Test(session_broken, answer_to_another_port_comes_first)
{
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	modified_to(2123);
	modify_from(40001, 0x501);
	cr_expect(s1(DOWN, 0x501, ENB_A) && world_counts(&w).modified == 1);
}

// Two that ask with one number are ambiguous: neither is taken for answered.
Test(session_broken, answer_to_another_port_of_two)
{
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	modify_from(40001, 0x501);
	modify_from(40002, 0x502);
	modified_to(2123);
	cr_expect_eq(world_counts(&w).modified, 0);
	modified_to(40002);
	cr_expect_eq(world_counts(&w).modified, 1);
}
