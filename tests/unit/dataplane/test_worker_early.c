// Packets that are held for sessions about to be bound: bounded, given back, and matched again only
// against what came since.

#include "dataplane/worker_early.h"

#include <string.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include <criterion/criterion.h>

#include "dataplane/parse.h"
#include "shared/wire.h"
#include "tests/unit/dataplane/frames.h"

#define ROOM 8u
#define AGE 5000000ull
#define UPF 0xc6336401u
#define GNB 0xcb007101u
#define MS 1000000ull

static struct rte_mempool *pool;
static struct signalling_ring *ring;
static struct signalling_tap *tap;
static struct worker_early *early;
static struct table_builder *builder;
static const struct table *table;
static struct worker_counters counters;
static const struct lane lane = {.traits = {.tunnel = CONFIG_TUNNEL_GTPU}};

// ---- what was captured ----

static struct {
	unsigned n;
	uint64_t time_ns[64];
	uint32_t slot[64];
} got;

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
	const struct worker_early_settings s = {
		.lanes = &lane, .taps = &tap, .n_taps = 1, .packets = ROOM, .age_ns = AGE};
	early = worker_early_new(&s);
	cr_assert(pool && early);
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
	parse_burst(&lane.traits, v, 1);
	return m;
}

// As the worker does: held, and its own reference given back.
static void hold(uint32_t teid, uint64_t now_ns, bool taken)
{
	const struct worker_scene s = scene(now_ns);
	struct packet_view v;
	struct rte_mbuf *m = packet(teid, &v);

	worker_early_hold(early, 0, &s, &v, &m, 1, taken);
	rte_pktmbuf_free(m);
}

static void bind(uint32_t binding, uint32_t teid, uint64_t from_ns)
{
	struct rule r = {.slot = 5, .binding = binding, .from_ns = from_ns};

	r.filter.kinds = FILTER_FTEID;
	r.filter.teid = teid;
	r.filter.fteid_v4.family = 4;
	wire_store32(r.filter.fteid_v4.b, UPF);
	cr_assert_eq(table_put(builder, &r), 0);
	table = table_commit(builder, 1);
}

static void tend(uint64_t now_ns, bool all)
{
	const struct worker_scene s = scene(now_ns);

	worker_early_tend(early, &s, all);
}

static void down(void)
{
	tend(0, true);
	cr_assert_not(worker_early_waiting(early));
	cr_assert_eq(rte_mempool_avail_count(pool), 127, "every buffer is back");
	cr_assert_eq(
		counters.early_held, counters.early_matched + counters.early + counters.early_full);
	worker_early_free(early);
	signalling_tap_free(tap);
	signalling_ring_free(ring);
	table_builder_free(builder);
}

TestSuite(worker_early, .init = up, .fini = down);

Test(worker_early, matched_again_when_the_rule_comes)
{
	hold(7, 10 * MS, false);
	hold(8, 11 * MS, false);
	hold(7, 12 * MS, true); // a bound rule took it
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
	cr_assert_eq(counters.early_matched, 1);
}

Test(worker_early, not_before_the_message_that_showed_it)
{
	hold(7, 10 * MS, false);
	hold(7, 12 * MS, false);
	bind(1, 7, 11 * MS);
	tend(13 * MS, false);
	cr_assert_eq(got.n, 1);
	cr_assert_eq(got.time_ns[0], 12 * MS);
}

Test(worker_early, not_by_what_was_in_force)
{
	bind(1, 7, 0);
	hold(7, 10 * MS, false); // did not match then: it would not now
	bind(2, 9, 0);
	tend(11 * MS, false);
	cr_assert_eq(got.n, 0);
}

Test(worker_early, given_up_in_time)
{
	hold(7, 10 * MS, false);
	hold(7, 12 * MS, false);
	tend(10 * MS + AGE - 1, false);
	cr_assert_eq(counters.early, 0);
	tend(10 * MS + AGE, false);
	cr_assert_eq(counters.early, 1);
	cr_assert(worker_early_waiting(early));
	tend(12 * MS + AGE, false);
	cr_assert_not(worker_early_waiting(early));
}

Test(worker_early, never_more_than_there_is_room)
{
	for (uint32_t i = 0; i < 3 * ROOM; i++) {
		hold(i + 1, 10 * MS, false);
		cr_assert_geq(rte_mempool_avail_count(pool), 127 - ROOM);
	}
	cr_assert_eq(counters.early_full, 2 * ROOM);
	bind(1, 3 * ROOM, 0);
	bind(2, 1, 0); // that one has given way
	tend(11 * MS, false);
	cr_assert_eq(got.n, 1);
}

Test(worker_early, open_only_behind_signalling_and_with_such_tasks)
{
	struct packet_view v = {0};
	struct frame f = {0};
	void *none = NULL;
	const struct signalling_shown pfcp = {.protocols = 1u << SIGNALLING_PFCP},
				      gtpv2c = {.protocols = 1u << SIGNALLING_GTPV2C};

	cr_assert_not(worker_early_open(early, table, 10 * MS));
	frame_ethernet(&f, 0x0800);
	frame_ipv4(&f, 0x0a000001, 0x0a000002, 17);
	frame_udp(&f, 8805, 8805);
	frame_zero(&f, 8);
	frame_finish(&f);
	v.data = f.b;
	v.length = v.total = f.n;
	parse_burst(&lane.traits, &v, 1);
	signalling_tap_burst(tap, &gtpv2c, &v, &none, 1, 10 * MS);
	cr_assert_not(worker_early_open(early, table, 10 * MS), "not of this protocol");
	signalling_tap_burst(tap, &pfcp, &v, &none, 1, 10 * MS);
	cr_assert(worker_early_open(early, table, 10 * MS));
	cr_assert(worker_early_open(early, table, 10 * MS + AGE - 1));
	cr_assert_not(worker_early_open(early, table, 10 * MS + AGE));
	struct signalling_packet p;
	cr_assert(signalling_ring_peek(ring, &p));
	cr_assert_eq(p.length, 8);
	cr_assert_eq(p.source.port, 8805);
	cr_assert_eq(p.destination.address.b[3], 2);
	table_expect(builder, false);
	bind(1, 7, 0);
	cr_assert_not(worker_early_open(early, table, 10 * MS));
}
