// Packets that are held for sessions about to be bound: bounded, given back, and matched again only
// against what came since.

#include "tests/unit/dataplane/worker/holdback_bed.h"

TestSuite(holdback, .init = up, .fini = down);

Test(holdback, matched_again_when_the_rule_comes)
{
	hold(7, 10 * MS);
	hold(8, 11 * MS);
	tend(12 * MS, false);
	cr_assert_eq(got.n, 0);
	bind(1, 7, 9 * MS);
	tend(13 * MS, false);
	cr_assert_eq(got.n, 1);
	cr_assert_eq(got.time_ns[0], 10 * MS, "with the time it was received");
	tend(13 * MS, false);
	bind(2, 7, 9 * MS);
	tend(14 * MS, false);
	cr_assert_eq(got.n, 1, "once");
	cr_assert_eq(counters.held_matched, 1);
}

// Two tasks want one session, and the rule of one comes later.
Test(holdback, another_tasks_rule_comes_later)
{
	put(5, 1, 7, 0);
	commit();
	hold(7, 10 * MS);
	hold(8, 10 * MS);
	put(6, 2, 7, 9 * MS);
	commit();
	tend(11 * MS, false);
	cr_assert_eq(got.n, 1);
	cr_assert_eq(got.slot[0], 6);
	put(5, 3, 8, 9 * MS);
	commit();
	tend(12 * MS, false);
	put(6, 4, 8, 9 * MS);
	commit();
	tend(13 * MS, false);
	cr_assert_eq(got.n, 3);
	cr_assert_eq(got.slot[1], 5);
	cr_assert_eq(got.slot[2], 6);
	cr_assert_eq(counters.held_matched, 2, "counts packets");
}

// The same task's next rules: of a session that changes.
Test(holdback, a_rule_that_replaces_another_takes_nothing_twice)
{
	put(5, 1, 7, 0);
	commit();
	hold(7, 10 * MS);
	hold(8, 10 * MS);
	put(5, 2, 7, 9 * MS);
	put(5, 3, 8, 9 * MS);
	commit();
	tend(11 * MS, false);
	cr_assert_eq(got.n, 1, "the one that was not taken at once");
	cr_assert_eq(table_remove(builder, rule_key_bound(2)), 0);
	put(5, 3, 8, 8 * MS);
	put(5, 4, 7, 8 * MS);
	commit();
	tend(12 * MS, false);
	cr_assert_eq(got.n, 1);
}

// Its criteria took the packet while the builder made the rules of its session.
Test(holdback, a_modified_task_takes_nothing_twice)
{
	struct rule own = {.slot = 5};

	own.filter.kinds = FILTER_ADDRESS;
	own.filter.n_address = 1;
	own.filter.address[0] = (struct ip_prefix){.family = 4, .length = 32};
	wire_store32(own.filter.address[0].b, 0x0a2d0001);
	cr_assert_eq(table_put(builder, &own), 0);
	commit();
	hold(7, 10 * MS);
	cr_assert_eq(table_remove(builder, rule_key_own(5)), 0);
	put(5, 1, 7, 9 * MS); // by session now
	commit();
	tend(11 * MS, false);
	cr_assert_eq(got.n, 0);
	cr_assert_eq(table_remove(builder, rule_key_bound(1)), 0);
	put(5, 2, 7, 9 * MS);
	put(6, 3, 7, 9 * MS);
	commit();
	tend(12 * MS, false);
	cr_assert_eq(got.n, 1);
	cr_assert_eq(got.slot[0], 6);
}

// So many tasks that have a packet are remembered; then it is held no longer.
Test(holdback, more_tasks_than_are_kept_apart)
{
	for (uint32_t i = 0; i <= HOLDBACK_TASKS; i++) {
		put(10 + i, 1 + i, 7, 0);
		if (i < HOLDBACK_TASKS)
			put(20 + i, 11 + i, 8, 0);
	}
	commit();
	hold(7, 10 * MS);
	cr_assert_eq(counters.held, 0);
	hold(8, 10 * MS);
	put(30, 21, 8, 9 * MS);
	put(31, 22, 8, 9 * MS);
	commit();
	tend(11 * MS, false);
	cr_assert_eq(got.n, 2, "all that come at once have it");
	for (uint32_t i = 0; i < HOLDBACK_TASKS; i++)
		put(20 + i, 31 + i, 8, 9 * MS);
	put(30, 41, 8, 9 * MS);
	commit();
	tend(12 * MS, false);
	cr_assert_eq(got.n, 2);
	cr_assert_eq(rte_mempool_avail_count(pool), 127, "it is not kept");
}

Test(holdback, more_hits_than_one_call_finds)
{
	uint32_t times[10] = {0};

	for (uint32_t i = 0; i < ROOM; i++)
		hold(7, 10 * MS);
	for (uint32_t i = 0; i < 10; i++)
		put(i, 1 + i, 7, 9 * MS);
	commit();
	tend(11 * MS, false);
	cr_assert_eq(got.n, 10 * ROOM);
	for (uint32_t i = 0; i < got.n; i++)
		times[got.slot[i]]++;
	for (uint32_t i = 0; i < 10; i++)
		cr_expect_eq(times[i], ROOM, "%u: %u", i, times[i]);
	cr_assert_eq(counters.held_matched, ROOM);
}

// A user's later fragment is judged by the ports of its first, as when it was received.
Test(holdback, ports_of_the_first_fragment_are_kept)
{
	// The first of two rules wants UDP port 53, the second all the rest: tasks on each.
	const struct pdr_flow to_53 = {
		.protocol = 17, .destination_ports = {.n = 1, .range = {{53, 53}}}};
	const struct pdr_choice of_53[] = {{.wanted = true, .n_flows = 1, .flow = {to_53}}, {0}},
				of_rest[] = {{.n_flows = 1, .flow = {to_53}}, {.wanted = true}};
	const struct pdr_select *select[2] = {pdr_select_new(of_53, 2), pdr_select_new(of_rest, 2)};
	const struct fragment_settings settings = {FRAGMENT_DEFAULTS, .seed = {1, 2}};
	struct fragment_table *fragments = fragment_table_new(&settings);
	const struct fragment_burst b = {.origin = &lanes[0].traits, .now_ns = 10 * MS};
	struct packet_view v;

	cr_assert(fragments && select[0] && select[1]);
	for (int k = 0; k < 2; k++) {
		struct rte_mbuf *m = fragment_of_user(7, &v, k == 0);
		void *p = m;
		uint32_t mask = parse_burst(&lanes[0].traits, &v, 1);
		cr_assert_eq(mask, 1);
		cr_assert_eq(fragment_resolve(fragments, &v, &p, mask, &b), 0);
		receive(m, &v, 10 * MS);
	}
	for (uint32_t i = 0; i < 2; i++)
		put_rule(&(struct rule){.slot = 5 + i,
			.binding = 1 + i,
			.from_ns = 9 * MS,
			.select = select[i],
			.filter = tunnel_end(7)});
	commit();
	tend(11 * MS, false);
	cr_assert_eq(got.n, 2);
	cr_assert_eq(got.slot[0], 5);
	cr_assert_eq(got.slot[1], 5);
	fragment_table_free(fragments);
	pdr_select_drop(select[0]);
	pdr_select_drop(select[1]);
}

Test(holdback, not_before_the_message_that_showed_it)
{
	hold(7, 10 * MS);
	hold(7, 12 * MS);
	bind(1, 7, 11 * MS);
	tend(13 * MS, false);
	cr_assert_eq(got.n, 1);
	cr_assert_eq(got.time_ns[0], 12 * MS);
}

Test(holdback, not_by_what_was_in_force)
{
	bind(1, 7, 0);
	hold(7, 10 * MS); // did not match then: it would not now
	bind(2, 9, 0);
	tend(11 * MS, false);
	cr_assert_eq(got.n, 0);
}

Test(holdback, given_up_in_time)
{
	hold(7, 10 * MS);
	hold(7, 12 * MS);
	tend(10 * MS + AGE - 1, false);
	cr_assert_eq(counters.held_expired, 0);
	tend(10 * MS + AGE, false);
	cr_assert_eq(counters.held_expired, 1);
	cr_assert(holdback_waiting(holdback));
	tend(12 * MS + AGE, false);
	cr_assert_not(holdback_waiting(holdback));
}

Test(holdback, never_more_than_there_is_room)
{
	for (uint32_t i = 0; i < 3 * ROOM; i++) {
		hold(i + 1, 10 * MS);
		cr_assert_geq(rte_mempool_avail_count(pool), 127 - ROOM);
	}
	cr_assert_eq(counters.held_full, 2 * ROOM);
	bind(1, 3 * ROOM, 0);
	bind(2, 1, 0); // that one has given way
	tend(11 * MS, false);
	cr_assert_eq(got.n, 1);
}

// Its fragments were matched on the outer addresses, each by itself.
Test(holdback, the_outermost_layer_of_a_whole_datagram_was_matched)
{
	const struct worker_scene s = scene(10 * MS);
	const struct holdback_taken none = {0};
	struct rule by_outer = {.slot = 6, .binding = 2, .from_ns = 9 * MS};

	by_outer.filter.kinds = FILTER_ADDRESS;
	by_outer.filter.n_address = 1;
	by_outer.filter.address[0] = (struct ip_prefix){.family = 4, .length = 32};
	wire_store32(by_outer.filter.address[0].b, GNB);
	for (int reassembled = 0; reassembled < 2; reassembled++) {
		struct packet_view v;
		struct rte_mbuf *m = packet(7, &v);
		holdback_hold(holdback, &s,
			&(struct holdback_burst){.lane = 1,
				.n = 1,
				.views = &v,
				.mbufs = &m,
				.taken = &none,
				.reassembled = reassembled});
		rte_pktmbuf_free(m);
	}
	put(5, 1, 7, 9 * MS);
	put_rule(&by_outer);
	commit();
	tend(11 * MS, false);
	cr_assert_eq(got.n, 3);
	cr_assert_eq(got.slot[0] + got.slot[1], 11);
	cr_assert_eq(got.slot[2], 5, "the whole one");
}

// All workers hold from the same buffers.
Test(holdback, a_port_keeps_buffers_to_receive_with, .init = NULL, .fini = NULL)
{
	static const struct {
		uint32_t wanted, mbufs, workers, room;
	} cases[] = {{512, 16384, 1, 512}, {4096, 16384, 1, 2048}, {4096, 16384, 4, 512},
		{512, 16384, 32, 64}, {0, 16384, 1, 0}, {512, 1024, 128, 1}, {512, 512, 128, 0}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(holdback_room(cases[i].wanted, cases[i].mbufs, cases[i].workers),
			cases[i].room, "%u", i);
}

// Reassembly needs buffers too.
Test(holdback, whole_datagrams_held_are_bounded)
{
	const struct holdback_settings more = {
		.lanes = lanes, .taps = &tap, .n_taps = 1, .packets = 1024, .age_ns = AGE};
	const struct worker_scene s = scene(10 * MS), later = scene(10 * MS + AGE);
	const struct holdback_taken none = {0};
	struct packet_view v;
	struct rte_mbuf *m = packet(7, &v);
	const struct holdback_burst b = {
		.n = 1, .views = &v, .mbufs = &m, .taken = &none, .reassembled = true};

	holdback_free(holdback);
	holdback = holdback_new(&more);
	for (int round = 1; round <= 2; round++) {
		for (uint32_t i = 0; i < HOLDBACK_REASSEMBLED + 5; i++)
			holdback_hold(holdback, &s, &b);
		cr_assert_eq(rte_mbuf_refcnt_read(m), 1 + HOLDBACK_REASSEMBLED);
		cr_assert_eq(counters.held_full, 5u * round);
		holdback_tend(holdback, &later, false);
		cr_assert_eq(rte_mbuf_refcnt_read(m), 1);
	}
	rte_pktmbuf_free(m);
}

Test(holdback, open_only_behind_signalling_and_with_such_tasks)
{
	struct packet_view v = {0};
	struct frame f = {0};
	void *none = NULL;
	const struct signalling_shown pfcp = {.protocols = 1u << SIGNALLING_PFCP},
				      gtpv2c = {.protocols = 1u << SIGNALLING_GTPV2C};

	cr_assert_not(holdback_open(holdback, table, 10 * MS));
	frame_ethernet(&f, 0x0800);
	frame_ipv4(&f, 0x0a000001, 0x0a000002, 17);
	frame_udp(&f, 8805, 8805);
	frame_zero(&f, 8);
	frame_finish(&f);
	v.data = f.b;
	v.length = v.total = f.n;
	parse_burst(&lanes[0].traits, &v, 1);
	signalling_tap_burst(tap, &gtpv2c, &v, &none, 1, 10 * MS);
	cr_assert_not(holdback_open(holdback, table, 10 * MS), "not of this protocol");
	signalling_tap_burst(tap, &pfcp, &v, &none, 1, 10 * MS);
	cr_assert(holdback_open(holdback, table, 10 * MS));
	cr_assert(holdback_open(holdback, table, 10 * MS + AGE - 1));
	cr_assert_not(holdback_open(holdback, table, 10 * MS + AGE));
	struct signalling_packet p;
	cr_assert(signalling_ring_peek(ring, &p));
	cr_assert_eq(p.length, 8);
	cr_assert_eq(p.source.port, 8805);
	cr_assert_eq(p.destination.address.b[3], 2);
	table_expect(builder, false);
	bind(1, 7, 0);
	cr_assert_not(holdback_open(holdback, table, 10 * MS));
}
