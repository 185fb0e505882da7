// Packets that are held for sessions about to be bound: bounded, given back, and matched again only
// against what came since.

#include "dataplane/worker/holdback.h"

#include <string.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include <criterion/criterion.h>

#include "dataplane/worker/fragment.h"
#include "dataplane/match/match.h"
#include "dataplane/packet/parse.h"
#include "dataplane/match/pdr_select.h"
#include "shared/wire.h"
#include "tests/unit/dataplane/packet/frames.h"

#define ROOM 8u
#define AGE 5000000ull
#define UPF 0xc6336401u
#define GNB 0xcb007101u
#define MS 1000000ull

static struct rte_mempool *pool;
static struct signalling_ring *ring;
static struct signalling_tap *tap;
static struct holdback *holdback;
static struct signalling_gap *gap;
static struct table_builder *builder;
static const struct table *table;
static struct worker_counters counters;
static const struct lane lanes[] = {{.traits = {.tunnel = CONFIG_TUNNEL_GTPU}},
	{.traits = {.tunnel = CONFIG_TUNNEL_GTPU, .link = CONFIG_LINK_N6}}};

// ---- what was captured ----

static struct {
	unsigned n;
	uint64_t time_ns[256];
	uint32_t slot[256];
} got;

struct match_many *capture_many(const struct capture *c)
{
	return NULL;
}

void capture_burst(struct capture *c, const struct hit *hits, unsigned n_hits,
	const struct packet_view *views, void *const *mbufs, uint64_t time_ns)
{
	for (unsigned i = 0; i < n_hits; i++) {
		cr_assert_eq(views[hits[i].packet].data,
			rte_pktmbuf_mtod((struct rte_mbuf *)mbufs[hits[i].packet], uint8_t *));
		got.slot[got.n] = hits[i].rule->slot;
		got.time_ns[got.n++] = time_ns;
	}
}

static void up(void)
{
	static char *arguments[] = {"test", "--no-huge", "--no-pci", "-m", "64", "--no-telemetry",
		"--no-shconf", "--log-level", "error", "-l", "0", NULL};
	const uint64_t seed[2] = {1, 2};

	cr_assert_geq(rte_eal_init(11, arguments), 0);
	pool = rte_pktmbuf_pool_create("p", 127, 0, 0, 2304, SOCKET_ID_ANY);
	ring = signalling_ring_new(4096);
	tap = signalling_tap_new(ring);
	builder = table_builder_new(seed);
	table_expect(builder, true);
	table = table_commit(builder, 1);
	const struct holdback_settings s = {
		.lanes = lanes, .taps = &tap, .n_taps = 1, .packets = ROOM, .age_ns = AGE};
	holdback = holdback_new(&s);
	cr_assert(pool && holdback);
}

static struct worker_scene scene(uint64_t now_ns)
{
	return (struct worker_scene){.table = table, .counters = &counters, .now_ns = now_ns};
}

static struct rte_mbuf *packet(uint32_t teid, struct packet_view *v)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct frame f = {0};

	frame_ethernet(&f, 0x0800);
	frame_ipv4(&f, GNB, UPF, 17);
	frame_udp(&f, 2152, 2152);
	frame_gtpu_session(&f, teid, 1, 9);
	frame_ipv4(&f, 0x0a2d0001, 0xc6120001, 17);
	frame_udp(&f, 4000, 80);
	frame_finish(&f);
	memcpy(rte_pktmbuf_append(m, (uint16_t)f.n), f.b, f.n);
	*v = (struct packet_view){
		.data = rte_pktmbuf_mtod(m, const uint8_t *), .length = f.n, .total = f.n};
	parse_burst(&lanes[0].traits, v, 1);
	return m;
}

// As the worker does: matched, held, and its own reference given back.
static void receive(struct rte_mbuf *m, const struct packet_view *v, uint64_t now_ns)
{
	const struct worker_scene s = scene(now_ns);
	struct holdback_taken taken = {0};
	const struct holdback_burst b = {.n = 1, .views = v, .mbufs = &m, .taken = &taken};
	struct match_cursor cursor = {0};
	struct hit hits[8];

	do
		holdback_note(
			&taken, hits, match_burst(table, &lanes[0].traits, v, 1, &cursor, hits, 8));
	while (!cursor.done);
	holdback_hold(holdback, &s, &b);
	rte_pktmbuf_free(m);
}

static void hold(uint32_t teid, uint64_t now_ns)
{
	struct packet_view v;

	receive(packet(teid, &v), &v, now_ns);
}

static struct rte_mbuf *fragment_of_user(uint32_t teid, struct packet_view *v, bool first)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct frame f = {0};

	frame_ethernet(&f, 0x0800);
	frame_ipv4(&f, GNB, UPF, 17);
	frame_udp(&f, 2152, 2152);
	frame_gtpu_session(&f, teid, 1, 9);
	uint32_t at = f.n + 6;
	frame_ipv4(&f, 0x0a2d0001, 0xc6120001, 17);
	if (first)
		frame_udp(&f, 4000, 53);
	frame_zero(&f, 32);
	frame_finish(&f);
	wire_store16(f.b + at, first ? 0x2000 : 5);
	memcpy(rte_pktmbuf_append(m, (uint16_t)f.n), f.b, f.n);
	*v = (struct packet_view){
		.data = rte_pktmbuf_mtod(m, const uint8_t *), .length = f.n, .total = f.n};
	return m;
}

static struct filter tunnel_end(uint32_t teid)
{
	struct filter f = {.kinds = FILTER_FTEID, .teid = teid, .fteid_v4 = {.family = 4}};

	wire_store32(f.fteid_v4.b, UPF);
	return f;
}

static void put_rule(const struct rule *r)
{
	cr_assert_eq(table_put(builder, r), 0);
}

static void put(uint32_t slot, uint32_t binding, uint32_t teid, uint64_t from_ns)
{
	put_rule(&(struct rule){
		.slot = slot, .binding = binding, .from_ns = from_ns, .filter = tunnel_end(teid)});
}

static void commit(void)
{
	table = table_commit(builder, 1);
}

static void bind(uint32_t binding, uint32_t teid, uint64_t from_ns)
{
	put(5, binding, teid, from_ns);
	commit();
}

static void tend(uint64_t now_ns, bool all)
{
	const struct worker_scene s = scene(now_ns);

	holdback_tend(holdback, &s, all);
}

static void down(void)
{
	tend(0, true);
	cr_assert_not(holdback_waiting(holdback));
	cr_assert_eq(rte_mempool_avail_count(pool), 127, "every buffer is back");
	cr_assert_eq(
		counters.held, counters.held_matched + counters.held_expired + counters.held_full);
	holdback_free(holdback);
	signalling_gap_free(gap);
	signalling_tap_free(tap);
	signalling_ring_free(ring);
	table_builder_free(builder);
}

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

// Whose packet it is is remembered of so many tasks; then it is held no longer.
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
	// Of two rules the first wants UDP port 53, the second all the rest: tasks on each.
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

// ---- until signalling has been followed ----

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

Test(holdback, what_waits_is_held_until_its_time_has_been_followed)
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
Test(holdback, what_waits_is_held_for_its_time_at_least)
{
	with_gap();
	signalling_gap_pass(gap, 3000 * MS);
	hold(7, 10 * MS);
	tend(10 * MS + AGE - 1, false);
	cr_assert(holdback_waiting(holdback));
	tend(10 * MS + AGE, false);
	cr_assert_not(holdback_waiting(holdback));
}

Test(holdback, what_gives_way_early_is_remembered)
{
	with_gap();
	for (uint32_t i = 0; i < ROOM + 2; i++)
		hold(100 + i, (10 + i) * MS);
	cr_assert_eq(counters.held_full, 2);
	cr_assert_eq(signalling_gap_gone(gap, 100, false), 10 * MS);
	cr_assert_eq(signalling_gap_gone(gap, 101, false), 11 * MS);
	cr_assert_eq(signalling_gap_gone(gap, 102, false), 0);
}

Test(holdback, open_until_what_was_heard_has_been_followed)
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
