// Tests the links on which the tunnels of a path are bound: each packet once, whatever links
// messages name.

#include "tests/unit/dataplane/session/pfcp_bed.h"

#define N3 (1u << CONFIG_LINK_N3)
#define N9 (1u << CONFIG_LINK_N9)
#define N6 (1u << CONFIG_LINK_N6)
#define OTHER (1u << CONFIG_LINK_OTHER)

static const struct link_classes n9_alone = {.classes = N9, .tunnel = N9},
				 other_alone = {.classes = OTHER, .tunnel = OTHER},
				 n3_and_n9 = {.classes = N3 | N9, .tunnel = N3 | N9},
				 n3_and_n6 = {.classes = N3 | N6, .tunnel = N3},
				 n6_alone = {.classes = N6};

// An intermediate UPF (or SGW-U) in front of `one`'s anchor, with an end on either side.
static const struct play middle = {.cp = 0x31, .up = 0x41, .uplink = 0x3001, .upf = 0x0a000003u};
#define MIDDLE GNB_A // its address towards the anchor

TestSuite(session_path, .init = begin, .fini = end);

// The world anew, with ports of these classes; 1 asks for the subscriber, 2 for the anchor's
// session and 3 for that of the other one.
static void see(const struct link_classes *links)
{
	struct sessions_settings s = world_settings(&w);

	world_end(&w);
	s.links = links;
	world_make(&w, &s);
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	cr_assert_eq(world_subscribe_seid(&w, 2, one.up, UPF), 0);
	cr_assert_eq(world_subscribe_seid(&w, 3, middle.up, middle.upf), 0);
}

static bool bound(uint64_t subscription, uint32_t teid)
{
	for (uint32_t i = 0; i < w.n_bound; i++)
		if (w.bound[i].subscription == subscription &&
			w.bound[i].b.kind == BINDING_TUNNEL && w.bound[i].b.teid == teid)
			return true;
	return false;
}

static void far(struct lab *l, uint32_t id, uint8_t to, uint32_t teid, uint32_t address)
{
	lab_open(l, 3);
	lab_ie32(l, 108, id);
	lab_ie8(l, 44, teid ? FORW : BUFF);
	if (teid) {
		lab_open(l, 4);
		lab_ie8(l, 42, to);
		lab_outer(l, teid, address);
		lab_close(l);
	}
	lab_close(l);
}

static void pdr(struct lab *l, uint16_t id, uint8_t source, uint32_t teid, uint32_t address)
{
	lab_open(l, 1);
	lab_ie16(l, 56, id);
	lab_open(l, 2);
	lab_ie8(l, 20, source);
	lab_f_teid(l, teid, address);
	lab_close(l);
	lab_ie32(l, 108, id);
	lab_close(l);
}

// `access`: its end towards the base station is known.
static void middle_comes(uint32_t sequence, bool access)
{
	struct lab l;

	lab_pfcp_session(&l, 50, 0, sequence);
	lab_node(&l, SMF);
	lab_f_seid(&l, middle.cp, SMF);
	if (access)
		pdr(&l, 1, 0, middle.uplink, GNB_B);
	pdr(&l, 2, 1, 0x501, MIDDLE);
	if (access)
		far(&l, 1, 1, one.uplink, N3_UPF);
	far(&l, 2, 0, 0, 0);
	lab_user(&l, one.imsi);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, middle.upf);
	lab_pfcp_session(&l, 51, middle.cp, sequence);
	lab_node(&l, middle.upf);
	lab_ie8(&l, 19, 1);
	lab_f_seid(&l, middle.up, middle.upf);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, middle.upf, SMF);
}

// A gateway that names N3 for its tunnels on S5.
Test(session_path, a_link_that_no_port_has)
{
	see(&n9_alone);
	play_up(&w, &one, 1, 0x501, GNB_A);
	cr_expect(bound(1, 0x1001) && bound(1, 0x501) && bound(2, 0x1001) && bound(2, 0x501));
	cr_expect(!w.state[1].unsure && !w.state[2].unsure);
	see(&other_alone);
	middle_comes(1, false);
	cr_expect(bound(1, 0x501), "N9 alone, on a port without a class");
	cr_expect(!w.state[1].unsure);
}

Test(session_path, both_links_of_one_session)
{
	see(&n3_and_n9);
	middle_comes(1, true);
	cr_expect(bound(1, 0x3001) && bound(3, 0x3001));
	cr_expect(!bound(1, 0x1001) && !bound(1, 0x501), "they are seen on N3");
	cr_expect(!w.state[1].unsure && !w.state[3].unsure);
	see(&n3_and_n9);
	middle_comes(1, false);
	cr_expect(bound(1, 0x501), "nothing of it is on N3");
	see(&n9_alone);
	middle_comes(1, true);
	cr_expect(bound(1, 0x1001) && bound(1, 0x501) && !bound(1, 0x3001));
}

Test(session_path, both_links_of_one_path)
{
	for (int anchor_first = 0; anchor_first < 2; anchor_first++) {
		see(&n3_and_n9);
		if (anchor_first)
			play_up(&w, &one, 1, 0x501, MIDDLE);
		middle_comes(10, true);
		if (!anchor_first)
			play_up(&w, &one, 1, 0x501, MIDDLE);
		cr_expect(bound(1, 0x3001));
		cr_expect(!bound(1, 0x1001) && !bound(1, 0x501), "of N9, whatever the anchor says");
		cr_expect(bound(2, 0x1001) && bound(2, 0x501), "who asks for the anchor's alone");
		cr_expect(bound(3, 0x3001) && !bound(3, 0x1001));
		for (uint64_t i = 1; i <= 3; i++)
			cr_expect(!w.state[i].unsure);
		struct lab l;
		lab_pfcp_session(&l, 54, middle.up, 20);
		lab_end(&l);
		world_take(&w, &l, SIGNALLING_PFCP, SMF, middle.upf);
		lab_pfcp_session(&l, 55, middle.cp, 20);
		lab_ie8(&l, 19, 1);
		lab_end(&l);
		world_take(&w, &l, SIGNALLING_PFCP, middle.upf, SMF);
		cr_expect(bound(1, 0x1001) && bound(1, 0x501), "it is left");
	}
}

// The exception for what the anchor shows on N6 needs an anchor that does.
Test(session_path, an_intermediate_upf_beside_n6)
{
	see(&n3_and_n6);
	middle_comes(1, true);
	cr_expect(bound(1, 0x3001) && bound(3, 0x3001));
	cr_expect(!w.state[1].unsure && !w.state[3].unsure);
	play_up(&w, &one, 10, 0x501, MIDDLE);
	cr_expect(world_address(&w, 1, one.ue) && world_bound_by(&w, 1) == 1);
	cr_expect(bound(3, 0x3001), "who asks for it alone");
	cr_expect(!w.state[1].unsure && !w.state[3].unsure);
	play_delete(&w, &one, 20);
	play_deleted(&w, &one, 20, 1);
	cr_expect(bound(1, 0x3001));
}

Test(session_path, another_connection_on_n6)
{
	struct play elsewhere = one;

	see(&n3_and_n6);
	elsewhere.uplink = 0x7001;
	play_up(&w, &elsewhere, 1, 0x701, GNB_B);
	middle_comes(10, true);
	cr_expect(bound(1, 0x3001), "its packets are not among those of the other");
	cr_expect(world_address(&w, 1, one.ue));
	cr_expect(!w.state[1].unsure);
}

Test(session_path, nobody_shows_it)
{
	see(&n6_alone);
	middle_comes(1, true);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect(w.state[1].unsure && w.state[1].unseen);
	cr_expect(w.state[3].unsure && w.state[3].unseen);
	play_up(&w, &one, 10, 0x501, MIDDLE);
	cr_expect(w.state[2].sessions == 1 && !w.state[2].unsure && !w.state[2].unseen);
	cr_expect(!w.state[1].unsure, "the anchor's side shows it");
	cr_expect(w.state[3].unseen);
}
