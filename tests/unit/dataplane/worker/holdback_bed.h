#pragma once

// Start of the tests of the holdback: a pool of buffers, a table, and a port that shows tunnels.
// Each file that includes this has its own.

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

static inline void up(void)
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

static inline struct worker_scene scene(uint64_t now_ns)
{
	return (struct worker_scene){.table = table, .counters = &counters, .now_ns = now_ns};
}

static inline struct rte_mbuf *packet(uint32_t teid, struct packet_view *v)
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
static inline void receive(struct rte_mbuf *m, const struct packet_view *v, uint64_t now_ns)
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

static inline void hold(uint32_t teid, uint64_t now_ns)
{
	struct packet_view v;

	receive(packet(teid, &v), &v, now_ns);
}

static inline struct rte_mbuf *fragment_of_user(uint32_t teid, struct packet_view *v, bool first)
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

static inline struct filter tunnel_end(uint32_t teid)
{
	struct filter f = {.kinds = FILTER_FTEID, .teid = teid, .fteid_v4 = {.family = 4}};

	wire_store32(f.fteid_v4.b, UPF);
	return f;
}

static inline void put_rule(const struct rule *r)
{
	cr_assert_eq(table_put(builder, r), 0);
}

static inline void put(uint32_t slot, uint32_t binding, uint32_t teid, uint64_t from_ns)
{
	put_rule(&(struct rule){
		.slot = slot, .binding = binding, .from_ns = from_ns, .filter = tunnel_end(teid)});
}

static inline void commit(void)
{
	table = table_commit(builder, 1);
}

static inline void bind(uint32_t binding, uint32_t teid, uint64_t from_ns)
{
	put(5, binding, teid, from_ns);
	commit();
}

static inline void tend(uint64_t now_ns, bool all)
{
	const struct worker_scene s = scene(now_ns);

	holdback_tend(holdback, &s, all);
}

static inline void down(void)
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
