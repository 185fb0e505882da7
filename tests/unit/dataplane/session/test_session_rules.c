// Rules of a session: which of its packets a subscription means.

#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/dataplane/session/pfcp_bed.h"

static const struct link_classes n3_and_n6 = {.classes =
						      1u << CONFIG_LINK_N3 | 1u << CONFIG_LINK_N6,
					 .tunnel = 1u << CONFIG_LINK_N3},
				 n6_alone = {.classes = 1u << CONFIG_LINK_N6};

// The world anew, with ports of these classes.
static void see(const struct link_classes *links)
{
	struct sessions_settings s = world_settings(&w);

	world_end(&w);
	s.links = links;
	world_make(&w, &s);
}

TestSuite(session_rules, .init = begin, .fini = end);

static int subscription(uint64_t number, uint16_t kinds, uint32_t rule)
{
	struct session_target t = {
		.kinds = SESSION_FSEID | kinds, .seid = one.up, .pdr = (uint16_t)rule, .qer = rule};

	return sessions_subscribe(w.store, number, &t, FILTER_ANY_DIRECTION);
}

static int subscription_ni(uint64_t number, const void *ni, uint8_t length)
{
	struct session_target t = {.kinds = SESSION_NI, .ni_length = length};

	memcpy(t.ni, ni, length);
	return sessions_subscribe(w.store, number, &t, FILTER_ANY_DIRECTION);
}

struct rule { // of the session under test
	uint16_t id;
	uint32_t precedence, far, qer;
	uint8_t source;
	const char *sdf; // NULL: none
	int choose;	 // CHOOSE ID; -1: none asked
};

static void create_pdr(struct lab *l, const struct rule *r)
{
	lab_open(l, 1);
	lab_ie16(l, 56, r->id);
	lab_ie32(l, 29, r->precedence);
	lab_open(l, 2);
	lab_ie8(l, 20, r->source);
	if (r->choose >= 0)
		lab_choose(l, r->choose);
	lab_text(l, 22, r->source ? "internet" : "access");
	if (r->source)
		lab_ue(l, one.ue);
	if (r->sdf) {
		lab_open(l, 23);
		lab_u16(l, 0x0100);
		lab_u16(l, (uint16_t)strlen(r->sdf));
		lab_octets(l, r->sdf, (uint32_t)strlen(r->sdf));
		lab_close(l);
	}
	lab_close(l);
	lab_ie32(l, 108, r->far);
	if (r->qer)
		lab_ie32(l, 109, r->qer);
	lab_close(l);
}

static void create_far(struct lab *l, uint32_t id, uint32_t teid)
{
	lab_open(l, 3);
	lab_ie32(l, 108, id);
	lab_ie8(l, 44, FORW);
	lab_open(l, 4);
	lab_ie8(l, 42, teid ? 0 : 1);
	if (teid)
		lab_outer(l, teid, GNB_A);
	lab_close(l);
	lab_close(l);
}

// Two uplink rules share a CHOOSE ID, of which only one is answered; two downlink ones share a FAR.
static void session_of_four(const char *sdf)
{
	const struct rule rules[] = {
		{.id = 1, .precedence = 255, .far = 1, .qer = 7, .source = 0, .choose = 3},
		{.id = 2, .precedence = 255, .far = 2, .qer = 7, .source = 1, .choose = -1},
		{.id = 3,
			.precedence = 10,
			.far = 1,
			.qer = 8,
			.source = 0,
			.choose = 3,
			.sdf = sdf},
		{.id = 4,
			.precedence = 10,
			.far = 2,
			.qer = 8,
			.source = 1,
			.choose = -1,
			.sdf = sdf},
	};
	struct lab l;

	lab_pfcp_session(&l, 50, 0, 1);
	lab_node(&l, SMF);
	lab_f_seid(&l, one.cp, SMF);
	for (unsigned i = 0; i < 4; i++)
		create_pdr(&l, &rules[i]);
	create_far(&l, 1, 0);
	create_far(&l, 2, 0x501);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	play_established(&w, &one, 1, 1);
}

static const struct binding *tunnel(uint64_t number, uint32_t teid)
{
	for (uint32_t i = 0; i < w.n_bound; i++)
		if (w.bound[i].subscription == number && w.bound[i].b.kind == BINDING_TUNNEL &&
			w.bound[i].b.teid == teid)
			return &w.bound[i].b;
	return NULL;
}

static const struct binding *address(uint64_t number, uint8_t direction)
{
	for (uint32_t i = 0; i < w.n_bound; i++)
		if (w.bound[i].subscription == number && w.bound[i].b.kind == BINDING_ADDRESS &&
			w.bound[i].b.direction == direction)
			return &w.bound[i].b;
	return NULL;
}

Test(session_rules, one_rule_of_those_that_share_a_tunnel)
{
	cr_assert_eq(subscription(1, SESSION_PDR, 1), 0);
	cr_assert_eq(subscription(2, SESSION_PDR, 4), 0);
	cr_assert_eq(subscription(3, SESSION_PDR, 9), 0);
	cr_assert_eq(subscription(4, 0, 0), 0);
	session_of_four("permit out 17 from 192.0.2.0/24 53 to assigned");
	cr_expect_eq(world_bound_by(&w, 1), 2, "its uplink alone");
	cr_assert(address(1, UP), "what comes from the user behind the UPF is of its rule too");
	cr_expect(address(1, UP)->select);
	cr_assert(tunnel(1, one.uplink));
	cr_expect(tunnel(1, one.uplink)->select, "rule 3 comes first");
	cr_expect_eq(world_bound_by(&w, 2), 2, "the downlink and the address");
	cr_assert(tunnel(2, 0x501));
	cr_expect(tunnel(2, 0x501)->select);
	cr_expect_eq(world_bound_by(&w, 3), 0);
	cr_expect_eq(w.state[3].sessions, 0);
	cr_expect_eq(world_bound_by(&w, 4), 3);
	cr_expect(!tunnel(4, 0x501)->select, "all of the session");
	cr_expect(address(2, DOWN) && address(2, DOWN)->select);
	cr_expect(!address(2, UP), "another rule's");
	cr_expect(address(4, 0) && !address(4, 0)->select);
}

Test(session_rules, where_tunnels_are_seen_rules_are_told_by_them)
{
	see(&n3_and_n6);
	cr_assert_eq(subscription(1, SESSION_QER, 8), 0);
	cr_assert_eq(subscription(4, 0, 0), 0);
	session_of_four("permit out 17 from 192.0.2.0/24 53 to assigned");
	cr_expect_eq(world_bound_by(&w, 1), 2);
	cr_expect(tunnel(1, one.uplink) && tunnel(1, 0x501));
	cr_expect(tunnel(1, 0x501)->tunnels && !w.state[1].unsure);
	cr_expect_eq(world_bound_by(&w, 4), 1);
	cr_expect(address(4, 0) && !address(4, 0)->tunnels, "a whole session: behind the UPF");
}

// A task that names a tunnel besides is about that tunnel.
Test(session_rules, a_tunnel_beside_the_session)
{
	const struct session_target t = {.kinds = SESSION_FSEID, .seid = one.up};

	see(&n3_and_n6);
	cr_assert_eq(sessions_subscribe(w.store, 1, &t, SUBSCRIPTION_TUNNELS), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	cr_expect(tunnel(1, one.uplink) && tunnel(1, 0x501) && world_bound_by(&w, 1) == 2);
}

// A session that leaves the UPF by no address of a user is followed by its tunnels; one that no
// port shows is reported so.
Test(session_rules, a_session_without_an_address)
{
	const struct play other = {.cp = one.cp, .up = one.up, .uplink = 0x1001, .imsi = one.imsi};

	see(&n3_and_n6);
	cr_assert_eq(subscription(1, 0, 0), 0);
	play_up(&w, &other, 1, 0x501, GNB_A);
	cr_expect(tunnel(1, 0x1001) && tunnel(1, 0x501) && world_bound_by(&w, 1) == 2);
	cr_expect(!w.state[1].unsure && w.state[1].sessions == 1);
	see(&n6_alone);
	cr_assert_eq(subscription(1, 0, 0), 0);
	play_up(&w, &other, 1, 0x501, GNB_A);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect(w.state[1].unsure, "nothing of it can be seen");
}

static bool ended[8];

static void note_end(void *context, uint64_t number, const struct subscription_state *s)
{
	w.state[number] = *s;
	ended[number] |= s->ended;
}

// Only a release ends a session for its tasks; idle, refused or lost it is none.
Test(session_rules, what_is_an_end)
{
	struct sessions_settings s = world_settings(&w);
	const struct session_target t = {.kinds = SESSION_FSEID, .seid = one.up};

	world_end(&w);
	s.sink.state = note_end;
	world_make(&w, &s);
	cr_assert_eq(sessions_subscribe(w.store, 1, &t, FILTER_TO_TARGET), 0);
	cr_assert_eq(world_subscribe_imsi(&w, 2, one.imsi), 0);
	play_establish(&w, &one, 1);
	cr_expect(!w.state[2].bound_once, "not accepted yet");
	play_established(&w, &one, 1, 75);
	cr_expect(!ended[2] && !w.state[2].bound_once);
	play_setup(&w, 2, 100);
	play_setup_done(&w, 2, 100);
	play_up(&w, &one, 3, 0x501, GNB_A);
	cr_expect(w.state[1].bound_once && w.state[2].bound_once);
	play_modify(&w, &one, 6, BUFF, 0, 0);
	play_modified(&w, &one, 6, 1);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect(w.state[1].sessions == 1 && !ended[1], "idle");
	play_setup(&w, 7, 200);
	play_setup_done(&w, 7, 100);
	cr_expect(w.state[2].sessions == 0 && w.state[2].unsure && !ended[2], "lost");
	play_up(&w, &one, 8, 0x501, GNB_A);
	play_delete(&w, &one, 11);
	play_deleted(&w, &one, 11, 1);
	cr_expect(ended[1] && ended[2]);
}

// The uplink rules differ in what a packet has lost behind the UPF.
static void session_of_two_uplinks(bool by_qfi)
{
	struct lab l;

	lab_pfcp_session(&l, 50, 0, 1);
	lab_node(&l, SMF);
	lab_f_seid(&l, one.cp, SMF);
	for (uint16_t id = 1; id <= 3; id++) {
		lab_open(&l, 1);
		lab_ie16(&l, 56, id);
		lab_ie32(&l, 29, id);
		lab_open(&l, 2);
		lab_ie8(&l, 20, id == 3);
		if (id == 3)
			lab_ue(&l, one.ue);
		else
			lab_f_teid(&l, by_qfi ? 0x1001 : 0x1000u + id, N3_UPF);
		if (id < 3 && by_qfi)
			lab_ie8(&l, 124, (uint8_t)id);
		lab_close(&l);
		lab_ie32(&l, 108, id == 3 ? 2 : 1);
		lab_close(&l);
	}
	create_far(&l, 1, 0);
	create_far(&l, 2, 0x501);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	play_established(&w, &one, 1, 1);
}

Test(session_rules, what_is_lost_behind_the_upf)
{
	for (int by_qfi = 0; by_qfi < 2; by_qfi++) {
		cr_assert_eq(subscription(1, SESSION_PDR, 1), 0);
		cr_assert_eq(subscription(2, SESSION_PDR, 3), 0);
		session_of_two_uplinks(by_qfi);
		cr_expect(tunnel(1, 0x1001));
		cr_expect(!address(1, UP));
		cr_expect(w.state[1].unsure, "some of its packets cannot be told on N6");
		cr_expect(address(2, DOWN) && !w.state[2].unsure);
		world_end(&w);
		world_make(&w, NULL);
	}
}

Test(session_rules, rules_of_a_qer)
{
	cr_assert_eq(subscription(1, SESSION_QER, 8), 0);
	session_of_four("permit out ip from any to assigned");
	cr_expect_eq(world_bound_by(&w, 1), 4);
	cr_assert(tunnel(1, one.uplink) && tunnel(1, 0x501));
	cr_assert(address(1, UP) && address(1, DOWN));
	cr_expect(address(1, UP)->select && address(1, DOWN)->select);
	cr_expect(tunnel(1, one.uplink)->select && tunnel(1, 0x501)->select);
	cr_expect(!w.state[1].unsure);
}

Test(session_rules, rule_that_cannot_be_told)
{
	cr_assert_eq(subscription(1, SESSION_PDR, 1), 0);
	cr_assert_eq(subscription(2, 0, 0), 0);
	session_of_four("permit out what is this");
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect(w.state[1].unsure);
	cr_expect_eq(world_bound_by(&w, 2), 3, "the whole session can");
	cr_expect(!w.state[2].unsure);
}

Test(session_rules, choose_id_answered_once)
{
	cr_assert_eq(subscription(1, SESSION_PDR, 3), 0);
	session_of_four(NULL);
	cr_assert(tunnel(1, one.uplink), "rule 3 has the F-TEID that rule 1 was given");
	cr_expect(tunnel(1, one.uplink)->select);
}

Test(session_rules, network_instance)
{
	static const uint8_t labels[] = "\x08internet\x06mnc001\x06mcc001\x04gprs";

	cr_assert_eq(subscription_ni(1, "INTERNET", 8), 0);
	cr_assert_eq(subscription_ni(2, labels, sizeof(labels) - 1), 0);
	session_of_four(NULL);
	play_up(&w, &two, 4, 0x502, GNB_A);
	cr_expect_eq(
		world_bound_by(&w, 1), 2 + 4, "rules of the core side; all of the other session");
	cr_expect_eq(world_bound_by(&w, 2), 6);
	cr_expect_eq(w.state[1].sessions, 2);
	cr_assert_eq(subscription_ni(3, "access", 6), 0);
	cr_expect_eq(world_bound_by(&w, 3), 2);
	cr_expect(address(3, UP) && address(1, DOWN));
	cr_assert_eq(subscription_ni(4, "nowhere", 7), 0);
	cr_expect_eq(world_bound_by(&w, 4), 0);
}

// A name that a whole network has is the most selective criterion of each of them.
Test(session_rules, many_tasks_by_one_name)
{
	const uint64_t many = 600;

	for (uint64_t i = 1; i <= many / 2; i++)
		cr_assert_eq(subscription_ni(i, "internet", 8), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	for (uint64_t i = many / 2 + 1; i <= many; i++)
		cr_assert_eq(subscription_ni(i, "internet", 8), 0, "%u", (unsigned)i);
	for (uint64_t i = 1; i <= many; i++)
		cr_assert_eq(world_bound_by(&w, i), 4, "%u", (unsigned)i);
	for (uint64_t i = 1; i <= many; i += 2)
		cr_assert_eq(sessions_unsubscribe(w.store, i), 0);
	play_up(&w, &two, 4, 0x502, GNB_A);
	for (uint64_t i = 2; i <= many; i += 2)
		cr_assert_eq(world_bound_by(&w, i), 8, "%u", (unsigned)i);
	play_delete(&w, &one, 8);
	play_deleted(&w, &one, 8, 1);
	for (uint64_t i = 2; i <= many; i += 2)
		cr_assert_eq(world_bound_by(&w, i), 4);
	for (uint64_t i = 2; i <= many; i += 2)
		cr_assert_eq(sessions_unsubscribe(w.store, i), 0);
	cr_assert_eq(subscription_ni(many + 1, "internet", 8), 0, "and again");
	cr_assert_eq(world_bound_by(&w, many + 1), 4);
}

Test(session_rules, direction)
{
	struct session_target t = {.kinds = SESSION_FSEID, .seid = one.up};

	cr_assert_eq(sessions_subscribe(w.store, 1, &t, FILTER_TO_TARGET), 0);
	cr_assert_eq(sessions_subscribe(w.store, 2, &t, FILTER_FROM_TARGET), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	cr_expect(tunnel(1, 0x501) && world_bound_by(&w, 1) == 1);
	cr_expect(tunnel(2, one.uplink) && world_bound_by(&w, 2) == 1);
}

Test(session_rules, all_criteria_must_hold)
{
	struct session_target t = {.kinds = SESSION_FSEID | SESSION_IMSI, .seid = one.up};

	strcpy(t.imsi, one.imsi);
	cr_assert_eq(sessions_subscribe(w.store, 1, &t, FILTER_ANY_DIRECTION), 0);
	strcpy(t.imsi, two.imsi);
	cr_assert_eq(sessions_subscribe(w.store, 2, &t, FILTER_ANY_DIRECTION), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	cr_expect_eq(world_bound_by(&w, 1), 3);
	cr_expect_eq(world_bound_by(&w, 2), 0);
}

// ---- Traffic Endpoints, an intermediate UPF, dual stack ----

Test(session_rules, traffic_endpoint)
{
	struct lab l;

	cr_assert_eq(subscription(1, 0, 0), 0);
	lab_pfcp_session(&l, 50, 0, 1);
	lab_node(&l, SMF);
	lab_f_seid(&l, one.cp, SMF);
	lab_open(&l, 127);
	lab_ie8(&l, 131, 9);
	lab_choose(&l, -1);
	lab_text(&l, 22, "access");
	lab_close(&l);
	lab_open(&l, 1);
	lab_ie16(&l, 56, 1);
	lab_ie32(&l, 29, 1);
	lab_open(&l, 2);
	lab_ie8(&l, 20, 0);
	lab_ie8(&l, 131, 9);
	lab_close(&l);
	lab_ie32(&l, 108, 1);
	lab_close(&l);
	create_far(&l, 1, 0);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	lab_pfcp_session(&l, 51, one.cp, 1);
	lab_node(&l, UPF);
	lab_ie8(&l, 19, 1);
	lab_f_seid(&l, one.up, UPF);
	lab_open(&l, 128);
	lab_ie8(&l, 131, 9);
	lab_f_teid(&l, 0x1234, N3_UPF);
	lab_close(&l);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, UPF, SMF);
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N3, UP, 0x1234, N3_UPF));
	lab_pfcp_session(&l, 52, one.up, 2); // its removal takes the rule with it
	lab_open(&l, 130);
	lab_ie8(&l, 131, 9);
	lab_close(&l);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	play_modified(&w, &one, 2, 1);
	cr_expect_eq(world_bound_by(&w, 1), 0);
}

Test(session_rules, intermediate_upf)
{
	struct lab l;

	cr_assert_eq(subscription(1, 0, 0), 0);
	lab_pfcp_session(&l, 50, 0, 1);
	lab_node(&l, SMF);
	lab_f_seid(&l, one.cp, SMF);
	for (uint16_t id = 1; id <= 2; id++) {
		lab_open(&l, 1);
		lab_ie16(&l, 56, id);
		lab_ie32(&l, 29, 1);
		lab_open(&l, 2);
		lab_ie8(&l, 20, id - 1);
		lab_open(&l, 21); // both families
		lab_u8(&l, 3);
		lab_u32(&l, 0x3000u + id);
		lab_u32(&l, N3_UPF);
		lab_u64(&l, 0x20010db800000000);
		lab_u64(&l, 1);
		lab_close(&l);
		lab_close(&l);
		lab_ie32(&l, 108, id);
		lab_close(&l);
	}
	lab_open(&l, 3); // towards the anchor
	lab_ie32(&l, 108, 1);
	lab_ie8(&l, 44, FORW);
	lab_open(&l, 4);
	lab_ie8(&l, 42, 1);
	lab_outer(&l, 0x4001, 0x0a030001);
	lab_close(&l);
	lab_close(&l);
	create_far(&l, 2, 0x501);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	struct play given = one;
	given.given = true;
	play_established(&w, &given, 1, 1);
	cr_expect_eq(world_bound_by(&w, 1), 6, "each address of a dual stack end");
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N3, UP, 0x3001, N3_UPF));
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N9, DOWN, 0x3002, N3_UPF));
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N9, UP, 0x4001, 0x0a030001));
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N3, DOWN, 0x501, GNB_A));
}

// The access side of an anchor behind another UPF is N9: only the interface type shows it.
Test(session_rules, anchor_behind_another_upf)
{
	struct lab l;
	struct play given = one;

	given.given = true;
	cr_assert_eq(subscription(1, 0, 0), 0);
	lab_pfcp_session(&l, 50, 0, 1);
	lab_node(&l, SMF);
	lab_f_seid(&l, one.cp, SMF);
	for (uint16_t id = 1; id <= 2; id++) {
		lab_open(&l, 1);
		lab_ie16(&l, 56, id);
		lab_ie32(&l, 29, 1);
		lab_open(&l, 2);
		lab_ie8(&l, 20, id - 1);
		if (id == 1) {
			lab_f_teid(&l, 0x3001, N3_UPF);
			lab_ie8(&l, 160, 15);
		}
		lab_close(&l);
		lab_ie32(&l, 108, id);
		lab_close(&l);
	}
	create_far(&l, 1, 0);
	lab_open(&l, 3);
	lab_ie32(&l, 108, 2);
	lab_ie8(&l, 44, FORW);
	lab_open(&l, 4);
	lab_ie8(&l, 42, 0);
	lab_ie8(&l, 160, 15);
	lab_outer(&l, 0x4001, 0x0a030001);
	lab_close(&l);
	lab_close(&l);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	play_established(&w, &given, 1, 1);
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N9, UP, 0x3001, N3_UPF));
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N9, DOWN, 0x4001, 0x0a030001));
	play_modify(&w, &given, 2, FORW, 0x4002, 0x0a030001); // it keeps its interface type
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N9, DOWN, 0x4002, 0x0a030001));
}

// ---- associations ----
