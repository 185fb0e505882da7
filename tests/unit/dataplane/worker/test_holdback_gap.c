// Packets are held until signalling before them has been followed, and what is let go is
// remembered.

#include "tests/unit/dataplane/worker/holdback_bed.h"

TestSuite(holdback_gap, .init = up, .fini = down);

static void with_gap(void)
{
	struct holdback_settings s = {.lanes = lanes,
		.taps = &tap,
		.n_taps = 1,
		.packets = ROOM,
		.age_ns = AGE,
		.worker = 1};

	gap = s.gap = signalling_gap_new(2);
	holdback_free(holdback);
	holdback = holdback_new(&s);
	cr_assert(gap && holdback);
}

Test(holdback_gap, what_waits_is_held_until_its_time_has_been_followed)
{
	with_gap();
	hold(7, 10 * MS);
	hold(8, 11 * MS);
	signalling_gap_pass(gap, 10 * MS); // not what was received at the same time
	tend(3000 * MS, false);
	cr_assert_eq(counters.held_expired, 0);
	bind(1, 7, 9 * MS);
	tend(3001 * MS, false);
	cr_assert_eq(got.n, 1, "seconds later");
	cr_assert_eq(got.time_ns[0], 10 * MS);
	signalling_gap_pass(gap, 11 * MS + 1);
	tend(3002 * MS, false);
	cr_assert_eq(counters.held_expired, 1);
	cr_assert_not(holdback_waiting(holdback));
	cr_assert_eq(signalling_gap_gone(gap, 7, true), 10 * MS);
	cr_assert_eq(signalling_gap_gone(gap, 7, false), 0);
	cr_assert_eq(signalling_gap_gone(gap, 8, false), 11 * MS);
}

// Its time has been followed already; early-ms is a floor.
Test(holdback_gap, what_waits_is_held_for_its_time_at_least)
{
	with_gap();
	signalling_gap_pass(gap, 3000 * MS);
	hold(7, 10 * MS);
	tend(10 * MS + AGE - 1, false);
	cr_assert(holdback_waiting(holdback));
	tend(10 * MS + AGE, false);
	cr_assert_not(holdback_waiting(holdback));
}

Test(holdback_gap, what_gives_way_early_is_remembered)
{
	with_gap();
	for (uint32_t i = 0; i < ROOM + 2; i++)
		hold(100 + i, (10 + i) * MS);
	cr_assert_eq(counters.held_full, 2);
	cr_assert_eq(signalling_gap_gone(gap, 100, false), 10 * MS);
	cr_assert_eq(signalling_gap_gone(gap, 101, false), 11 * MS);
	cr_assert_eq(signalling_gap_gone(gap, 102, false), 0);
}

Test(holdback_gap, open_until_what_was_heard_has_been_followed)
{
	struct packet_view v = {0};
	struct frame f = {0};
	void *none = NULL;
	const struct signalling_shown pfcp = {.protocols = 1u << SIGNALLING_PFCP};

	with_gap();
	frame_ethernet(&f, 0x0800);
	frame_ipv4(&f, 0x0a000001, 0x0a000002, 17);
	frame_udp(&f, 8805, 8805);
	frame_zero(&f, 8);
	frame_finish(&f);
	v.data = f.b;
	v.length = v.total = f.n;
	parse_burst(&lanes[0].traits, &v, 1);
	cr_assert_not(holdback_open(holdback, table, 10 * MS), "none was heard");
	signalling_tap_burst(tap, &pfcp, &v, &none, 1, 10 * MS);
	cr_assert(holdback_open(holdback, table, 3000 * MS));
	signalling_gap_pass(gap, 10 * MS);
	cr_assert(holdback_open(holdback, table, 3000 * MS));
	signalling_gap_pass(gap, 10 * MS + 1);
	cr_assert_not(holdback_open(holdback, table, 3000 * MS));
	cr_assert(holdback_open(holdback, table, 10 * MS + AGE - 1));
}

// By the address in signalling, where the port has a translation.
Test(holdback_gap, where_tunnels_go_is_sampled)
{
	static const uint8_t upf[4] = {0xc6, 0x33, 0x64, 1}, inside[4] = {10, 9, 8, 7};
	struct port_traits translated = lanes[0].traits;
	struct packet_view v;
	struct rte_mbuf *m = packet(7, &v);

	with_gap();
	translated.n_aliases = 1;
	translated.alias[0].seen.family = translated.alias[0].advertised.family = 4;
	memcpy(translated.alias[0].seen.b, upf, 4);
	memcpy(translated.alias[0].advertised.b, inside, 4);
	holdback_sample(holdback, &lanes[0].traits, &v, 10 * MS);
	cr_assert_not(signalling_gap_elsewhere(gap, 7, 4, upf, 10 * MS));
	cr_assert(signalling_gap_elsewhere(gap, 7, 4, inside, 10 * MS));
	cr_assert_not(signalling_gap_elsewhere(gap, 7, 4, inside, 10 * MS + 1));
	cr_assert_not(signalling_gap_elsewhere(gap, 8, 4, inside, 10 * MS));
	holdback_sample(holdback, &translated, &v, 11 * MS);
	cr_assert(signalling_gap_elsewhere(gap, 7, 4, upf, 10 * MS));
	cr_assert_not(signalling_gap_elsewhere(gap, 7, 4, inside, 10 * MS));
	cr_assert_eq(signalling_gap_carried(gap), 11 * MS);
	rte_pktmbuf_free(m);
}
