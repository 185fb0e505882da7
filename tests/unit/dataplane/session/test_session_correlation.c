// Correlation IDs: one for each path of the user plane, as long as it lives.

#include "tests/unit/dataplane/session/gtpv2_play.h"
#include "tests/unit/dataplane/session/pfcp_play.h"

static const struct play one = {
	.cp = 0x11, .up = 0x21, .uplink = 0x1001, .ue = 0x0a2d0002, .imsi = imsi};

static void begin_correlating(void)
{
	struct sessions_settings s = world_settings(&w);

	s.correlate = true;
	world_make(&w, &s);
	cr_assert_eq(world_subscribe_imsi(&w, 1, imsi), 0);
}

TestSuite(session_correlation, .init = begin_correlating, .fini = end);

// That of the tunnel end with this TEID; 0: it is not bound.
static uint64_t of(uint32_t teid)
{
	uint64_t found = 0;

	for (uint32_t i = 0; i < w.n_bound; i++) {
		const struct binding *b = &w.bound[i].b;
		if (b->kind != BINDING_TUNNEL || b->teid != teid)
			continue;
		cr_expect(found == 0 || found == b->correlation, "one of each tunnel");
		found = b->correlation;
	}
	return found;
}

// True if all bindings have this one throughout.
static bool all(uint64_t correlation)
{
	for (uint32_t i = 0; i < w.n_bound; i++)
		if (w.bound[i].b.correlation != correlation)
			return false;
	return w.n_bound > 0;
}

Test(session_correlation, through_its_life)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	uint64_t first = of(0x1001);
	cr_assert_neq(first, 0);
	cr_expect(all(first), "both tunnels and the address");
	play_modify(&w, &one, 4, FORW, 0x502, GNB_B);
	play_modified(&w, &one, 4, 1);
	cr_expect_eq(of(0x502), first, "handed over");
	cr_expect_eq(of(0x501), first, "what is left behind");
	world_pass(&w, 2000000000ull);
	play_modify(&w, &one, 5, BUFF, 0, 0);
	play_modified(&w, &one, 5, 1);
	cr_expect(all(first), "idle");
	play_modify(&w, &one, 6, FORW, 0x503, GNB_A);
	play_modified(&w, &one, 6, 1);
	cr_expect_eq(of(0x503), first);
	cr_expect_eq(w.n_over, 0);
	play_delete(&w, &one, 7);
	play_deleted(&w, &one, 7, 1);
	cr_assert_eq(w.n_over, 1);
	cr_expect_eq(w.over[0], first);
	play_up(&w, &one, 8, 0x501, GNB_A);
	cr_expect(of(0x1001) != 0 && of(0x1001) != first, "set up anew");
}

Test(session_correlation, two_sessions)
{
	struct play other = one;

	other.cp = 0x12;
	other.up = 0x22;
	other.uplink = 0x1002;
	other.ue = 0x0a2d0003;
	play_up(&w, &one, 1, 0x501, GNB_A);
	play_up(&w, &other, 4, 0x502, GNB_A);
	cr_expect(of(0x1001) != 0 && of(0x1002) != 0 && of(0x1001) != of(0x1002));
	cr_expect_eq(of(0x501), of(0x1001));
	cr_expect_eq(of(0x502), of(0x1002));
}

Test(session_correlation, who_asks_later_gets_the_same)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	uint64_t first = of(0x1001);
	cr_assert_eq(sessions_unsubscribe(w.store, 1), 0);
	w.n_bound = 0; // the caller drops them
	cr_assert_eq(world_subscribe_imsi(&w, 2, imsi), 0);
	cr_expect(all(first));
}

Test(session_correlation, nobody_asked_for_it)
{
	struct play stranger = one;

	stranger.imsi = "001010000000002";
	play_up(&w, &stranger, 1, 0x501, GNB_A);
	play_delete(&w, &stranger, 4);
	play_deleted(&w, &stranger, 4, 1);
	cr_expect_eq(w.n_over, 0);
}

Test(session_correlation, without)
{
	world_end(&w);
	begin();
	play_up(&w, &one, 1, 0x501, GNB_A);
	cr_expect(all(0));
	play_delete(&w, &one, 4);
	play_deleted(&w, &one, 4, 1);
	cr_expect_eq(w.n_over, 0);
}

// Another of the subscriber's functions, whose uplink goes on into the first one's tunnel.
static const struct play middle = {.cp = 0x31, .up = 0x41, .uplink = 0x3001, .upf = 0x0a000003u};

static void into(const struct play *s, uint32_t sequence, uint32_t teid, const char *who)
{
	struct lab l;

	lab_pfcp_session(&l, 50, 0, sequence);
	lab_node(&l, SMF);
	lab_f_seid(&l, s->cp, SMF);
	lab_open(&l, 1);
	lab_ie16(&l, 56, 1);
	lab_open(&l, 2);
	lab_ie8(&l, 20, 0);
	lab_f_teid(&l, s->uplink, GNB_B);
	lab_close(&l);
	lab_ie32(&l, 108, 1);
	lab_close(&l);
	lab_open(&l, 3);
	lab_ie32(&l, 108, 1);
	lab_ie8(&l, 44, FORW);
	lab_open(&l, 4);
	lab_ie8(&l, 42, 1);
	lab_outer(&l, teid, N3_UPF);
	lab_close(&l);
	lab_close(&l);
	lab_user(&l, who);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, s->upf);
}

Test(session_correlation, one_path_over_two_functions)
{
	play_up(&w, &one, 1, 0x501, GNB_A);
	uint64_t first = of(0x1001);
	into(&middle, 10, 0x1001, imsi);
	cr_expect_eq(of(0x3001), first, "it goes on into the anchor's tunnel");
	cr_expect(all(first));
	play_delete(&w, &one, 11);
	play_deleted(&w, &one, 11, 1);
	cr_expect_eq(w.n_over, 0, "the other one still has it");
	cr_expect(all(first));
}

Test(session_correlation, a_tunnel_of_somebody_else)
{
	struct play again = middle;

	play_up(&w, &one, 1, 0x501, GNB_A);
	uint64_t first = of(0x1001);
	cr_assert_eq(world_subscribe_imsi(&w, 2, "001010000000002"), 0);
	into(&middle, 10, 0x1001, "001010000000002");
	cr_expect(of(0x3001) != 0 && of(0x3001) != first, "whoever shows it");
	again.upf = UPF;
	again.cp = 0x32;
	again.uplink = 0x3002;
	into(&again, 12, 0x1001, imsi);
	cr_expect(of(0x3002) != 0 && of(0x3002) != first, "between the same nodes");
}

static void anchored(uint32_t sgw, uint32_t client, uint32_t sequence, uint32_t teid)
{
	struct lab l;

	lab_gtpv2(&l, 32, 0, sequence);
	lab_gtpv2_imsi(&l, imsi);
	lab_gtpv2_f_teid(&l, 0, 10, client, MME);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_f_teid(&l, 3, 5, teid, PGW_U);
	lab_gtpv2_close(&l);
	take(&l, MME, sgw);
}

// The new gateway is asked for the connection to the same tunnel of the PGW.
Test(session_correlation, a_relocation)
{
	create(5, 1);
	created(5, 1, 16, 0x0a2d0002);
	uint64_t first = of(0x105);
	cr_assert_neq(first, 0);
	cr_expect_eq(of(0x205), first);
	anchored(0x0a000013u, 0x73, 2, 0x205);
	created_at(0x0a000013u, 0x73, 0x74, 2, 0x305, -1);
	cr_expect_eq(of(0x305), first);
	delete (5, 3);
	answer(37, 3, 16);
	cr_expect_eq(w.n_over, 0);
	cr_expect_eq(of(0x305), first);
	cr_expect_eq(of(0x105), 0);
}

// Numbers of sessions are used again, correlation IDs never.
Test(session_correlation, all_differ)
{
	uint64_t seen[200];

	for (uint32_t i = 0; i < 200; i++) {
		play_up(&w, &one, 1 + 10 * i, 0x501, GNB_A);
		seen[i] = of(0x1001);
		for (uint32_t j = 0; j < i; j++)
			cr_expect_neq(seen[i], seen[j]);
		play_delete(&w, &one, 5 + 10 * i);
		play_deleted(&w, &one, 5 + 10 * i, 1);
		cr_expect_eq(w.over[i & 63], seen[i]);
	}
	cr_expect_eq(w.n_over, 200);
}
