// Tests what workers hand to each other: whole loops of workers on threads of their own, with
// queues that the test fills, judged by the numbers that it wrote into the packets.

#include "dataplane/worker/worker.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <x86intrin.h>

#include <criterion/criterion.h>

#include "shared/wire.h"
#include "tests/unit/dataplane/packet/frames.h"

#define WORKERS 3u
#define GNB 0xcb007101u
#define UPF 0xc6336401u
#define UE 0x0a2d0000u
#define PEER 0xc6120001u
#define USERS 97u
#define FRAMES 20000u
#define BUFFERS 4095u

static struct rte_mempool *pool;

// ---- what was captured, by each worker ----

static struct seen {
	uint32_t n, user[FRAMES], number[FRAMES];
	uint64_t last_ns;
	bool back; // a time was before the one before it
} seen[WORKERS];
static _Atomic uint32_t captured;

struct match_many *capture_many(const struct capture *c)
{
	return NULL;
}

void capture_burst(struct capture *c, const struct hit *hits, unsigned n_hits,
	const struct packet_view *views, void *const *mbufs, uint64_t time_ns)
{
	struct seen *s = (struct seen *)(void *)c;

	s->back |= time_ns < s->last_ns;
	s->last_ns = time_ns;
	for (unsigned i = 0; i < n_hits; i++) {
		const struct packet_view *v = &views[hits[i].packet];
		const uint8_t *mark = v->data + v->length - 8;
		s->user[s->n] = wire_load32(mark);
		s->number[s->n++] = wire_load32(mark + 4);
	}
	atomic_fetch_add(&captured, n_hits);
}

// ---- what comes in ----

static struct {
	uint32_t sent, number[USERS];
	uint32_t limit; // most packets under way; 0: as fast as they are taken
	uint32_t frames;
	bool blind; // no PDU session containers
	_Atomic bool stop, started;
} feed;

// Both directions of all users between one gNB and one UPF; every 16th frame is in no tunnel, every
// 16th has a fragment of a user.
static struct rte_mbuf *next_frame(void)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct frame f = {0};
	uint32_t user = feed.sent * 2654435769u >> 8;
	bool up = user & 1, alone = feed.sent % 16 == 3, part = feed.sent % 16 == 7;

	if (!m)
		return NULL;
	user %= USERS;
	frame_ethernet(&f, 0x0800);
	if (!alone) {
		frame_ipv4(&f, up ? GNB : UPF, up ? UPF : GNB, 17);
		frame_udp(&f, 2152, 2152);
		if (feed.blind)
			frame_gtpu(&f, 255, user + 1);
		else
			frame_gtpu_session(&f, user + 1, up, 9);
	}
	uint32_t ip = f.n;
	frame_ipv4(&f, up ? UE + user : PEER, up ? PEER : UE + user, 17);
	if (part)
		frame_zero(&f, 8);
	else
		frame_udp(&f, 4000, 443);
	frame_u16(&f, 0);
	frame_u16(&f, (uint16_t)user);
	frame_u16(&f, (uint16_t)(feed.number[user] >> 16));
	frame_u16(&f, (uint16_t)feed.number[user]);
	frame_finish(&f);
	if (part) {
		wire_store16(f.b + ip + 4, (uint16_t)feed.sent);
		wire_store16(f.b + ip + 6, 100);
	}
	// Only what belongs to a session, whole, has an order that is kept.
	if (!alone && !part)
		feed.number[user]++;
	else
		wire_store32(f.b + f.n - 8, USERS + part);
	memcpy(rte_pktmbuf_append(m, (uint16_t)f.n), f.b, f.n);
	feed.sent++;
	return m;
}

static uint16_t receive(void *queue, struct rte_mbuf **mbufs, uint16_t n)
{
	uint16_t got = 0;

	if (!atomic_load(&feed.started))
		return 0;
	while (got < n && feed.sent < feed.frames) {
		if (feed.limit && feed.sent - atomic_load(&captured) >= feed.limit)
			break;
		mbufs[got] = next_frame();
		if (!mbufs[got])
			break;
		got++;
	}
	if (got == 0)
		sched_yield();
	if (feed.sent == feed.frames)
		atomic_store(&feed.stop, true); // what is under way must not be lost
	return got;
}

// ---- the workers ----

static struct lane lanes[WORKERS][2];
static struct clock the_clock;
static struct stats *stats;
static struct table_rcu *rcu;
static struct table_builder *builder;
static const struct table *first_table;
static struct handover *handover;
static struct worker workers[WORKERS];

static void up(void)
{
	static char *arguments[] = {"test", "--no-huge", "--no-pci", "-m", "256", "--no-telemetry",
		"--no-shconf", "--log-level", "error", "-l", "0", NULL};
	const uint64_t seed[2] = {1, 2};
	static void *data[1] = {&feed}, *callbacks[1];

	cr_assert_geq(rte_eal_init(11, arguments), 0);
	pool = rte_pktmbuf_pool_create("p", BUFFERS, 0, 0, 512, SOCKET_ID_ANY);
	builder = table_builder_new(seed);
	cr_assert(pool && builder);
	rte_eth_fp_ops[0].rxq.data = data;
	rte_eth_fp_ops[0].rxq.clbk = callbacks;
	rte_eth_fp_ops[0].rx_pkt_burst = receive;
	cr_assert_eq(clock_init(&the_clock, 2000000000, __rdtsc(), 1767225600000000000ull), 0);
}

// All users of 10.45.0.0/16.
static void rule_of_all(void)
{
	struct rule r = {.slot = 1, .delivery = DELIVERY_X3, .n_destinations = 1};

	r.filter.kinds = FILTER_ADDRESS;
	r.filter.n_address = 1;
	r.filter.address[0] = (struct ip_prefix){.family = 4, .length = 16, .b = {10, 45}};
	cr_assert_eq(filter_normalise(&r.filter), 0);
	cr_assert_eq(table_put(builder, &r), 0);
}

// Worker 0 polls the one queue.
static void make(uint32_t n, bool spread, uint32_t mbufs)
{
	struct handover_settings s = {
		.n_workers = n, .mbufs = mbufs, .seed = {0x9d2c5680aa3b1f77u, 0xb5026f5aa96619e9u}};

	first_table = table_commit(builder, 1);
	rcu = table_rcu_new(first_table);
	stats = stats_new(n);
	cr_assert(rcu && stats);
	for (uint32_t i = 0; i < n; i++) {
		struct lane l = {.traits = {.tunnel = CONFIG_TUNNEL_GTPU}};
		lanes[i][0] = l;
		lanes[i][0].spread = i == 0 && spread;
		s.lanes[i] = lanes[i];
		s.n_lanes[i] = i == 0;
		s.n_handed[i] = i > 0 && spread;
	}
	cr_assert_eq(handover_new(&s, &handover), 0);
	for (uint32_t i = 0; i < n; i++) {
		const struct worker_fragments_settings f = {.lanes = lanes[i],
			.n_lanes = s.n_lanes[i],
			.n_handed = s.n_handed[i],
			.worker = i,
			.reassembly = {.timeout_ms = 50, .rate = 1000},
			.seed = {1, 2}};
		workers[i] = (struct worker){.lanes = lanes[i],
			.n_lanes = s.n_lanes[i],
			.table_rcu = rcu,
			.clock = &the_clock,
			.capture = (struct capture *)(void *)&seen[i],
			.fragments = worker_fragments_new(&f),
			.handover = handover_of(handover, i),
			.stats = stats,
			.counters = &stats->worker[i],
			.stop = &feed.stop};
		cr_assert(workers[i].fragments);
		cr_assert_eq(workers[i].handover != NULL, spread);
	}
}

static void *run(void *worker)
{
	worker_run(worker);
	return NULL;
}

static void run_all(uint32_t n)
{
	pthread_t thread[WORKERS];

	for (uint32_t i = 0; i < n; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, run, &workers[i]), 0);
	while (!stats_all_polling(stats))
		sched_yield();
	atomic_store(&feed.started, true);
	for (uint32_t i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
}

static void down(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		worker_fragments_free(workers[i].fragments);
	handover_free(handover);
	stats_free(stats);
	table_rcu_free(rcu);
	cr_assert_eq(rte_mempool_avail_count(pool), BUFFERS, "every buffer is back");
	memset(seen, 0, sizeof(seen));
	memset(&feed, 0, sizeof(feed));
	atomic_store(&captured, 0);
}

static uint64_t sum(uint32_t n, enum packet_outcome o)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < n; i++)
		all += stats->worker[i].now.outcome[o];
	return all;
}

// The ledger of each worker, and of all.
static void check_sums(uint32_t n)
{
	uint64_t received = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct worker_counters *c = &stats->worker[i].now;
		uint64_t outcomes = 0;
		for (unsigned k = 0; k < PACKET_OUTCOME_COUNT; k++)
			outcomes += c->outcome[k];
		cr_expect_eq(outcomes, c->received, "worker %u", i);
		cr_expect_eq(c->hits, seen[i].n);
		cr_expect(!seen[i].back, "numbers follow time at each worker");
		received += c->received;
	}
	cr_expect_eq(received, feed.sent);
}

// Each session at one worker and in its order; returns how many of its packets are there. What has
// no session is where it was received.
static uint32_t check_order(uint32_t n, bool all)
{
	static uint32_t next[USERS], at[USERS];
	uint32_t there = 0;

	memset(next, 0, sizeof(next));
	for (uint32_t u = 0; u < USERS; u++)
		at[u] = UINT32_MAX;
	for (uint32_t w = 0; w < n; w++)
		for (uint32_t i = 0; i < seen[w].n; i++) {
			uint32_t user = seen[w].user[i], number = seen[w].number[i];
			if (user >= USERS) {
				cr_assert_eq(w, 0, "what is plain or a fragment stays");
				continue;
			}
			if (at[user] == UINT32_MAX)
				at[user] = w;
			cr_assert_eq(at[user], w, "user %u at two workers", user);
			if (all)
				cr_assert_eq(number, next[user], "user %u", user);
			else
				cr_assert_geq(number, next[user], "user %u", user);
			next[user] = number + 1;
			there++;
		}
	return there;
}

static void deliver_all(uint32_t n, bool spread, bool blind)
{
	uint32_t whole = 0;

	feed.frames = FRAMES;
	feed.limit = 512; // less than a ring: nothing is lost
	feed.blind = blind;
	make(n, spread, BUFFERS * 4);
	run_all(n);
	check_sums(n);
	for (uint32_t u = 0; u < USERS; u++)
		whole += feed.number[u];
	cr_expect_eq(check_order(n, true), whole);
	cr_expect_eq(captured, FRAMES);
	for (uint32_t i = 0; spread && i < n; i++) {
		const struct worker_counters *c = &stats->worker[i].now;
		cr_expect(c->received > FRAMES / n / 2, "worker %u has %lu", i, c->received);
		cr_expect_gt(c->busy_cycles, 0);
	}
	down(n);
}

// The same packets of each session, in the same order, by one worker, by two and by three.
Test(handover, the_same_in_the_same_order)
{
	up();
	rule_of_all();
	deliver_all(1, false, false);
	for (uint32_t n = 2; n <= WORKERS; n++)
		for (unsigned blind = 0; blind < 2; blind++)
			deliver_all(n, true, blind);
	table_builder_free(builder);
}

// As fast as they can, over rings of 32: what finds no room is counted where it was received, and
// the rest is in order.
Test(handover, full_rings_are_counted)
{
	up();
	rule_of_all();
	feed.frames = FRAMES;
	make(2, true, HANDOVER_SLOTS_MIN * 4);
	run_all(2);
	check_sums(2);
	uint64_t lost = sum(2, PACKET_HANDOVER_FULL);
	cr_expect_eq(stats->worker[0].now.handover_full[0], lost);
	cr_expect_eq(captured, FRAMES - lost);
	(void)check_order(2, false);
	cr_expect_eq(stats->worker[1].now.outcome[PACKET_HANDOVER_FULL], 0);
	down(2);
	table_builder_free(builder);
}

// No consumer takes anything: exactly the ring's size is kept.
Test(handover, a_ring_holds_what_it_says)
{
	struct rte_mbuf *mbufs[PACKET_BURST];
	struct worker_counters c = {0};
	uint32_t staying = 0, received = 0;

	up();
	feed.frames = 640;
	make(2, true, HANDOVER_SLOTS_MIN * 4);
	atomic_store(&feed.started, true);
	while (feed.sent < feed.frames) {
		uint16_t n = receive(NULL, mbufs, PACKET_BURST);
		received += n;
		n = handover_burst(workers[0].handover, lanes[0], 0, mbufs, n, 1, &c);
		handover_publish(workers[0].handover);
		staying += n;
		rte_pktmbuf_free_bulk(mbufs, n);
	}
	cr_expect_eq(c.received, c.outcome[PACKET_HANDOVER_FULL]);
	cr_expect_eq(c.handover_full[0], c.received);
	cr_expect_eq(received, staying + HANDOVER_SLOTS_MIN + c.received);
	cr_expect_gt(c.received, 200);
	cr_expect_eq(rte_mempool_avail_count(pool), BUFFERS - HANDOVER_SLOTS_MIN);
	down(2); // gives back what lies in rings
	table_builder_free(builder);
}

Test(handover, too_few_buffers_are_refused)
{
	struct lane two[2] = {{.spread = true}};
	struct handover_settings s = {.n_workers = 2,
		.lanes = {two, two},
		.n_lanes = {1},
		.n_handed = {0, 1},
		.mbufs = HANDOVER_SLOTS_MIN * 4 - 1};
	struct handover *h;

	cr_expect_eq(handover_new(&s, &h), POI_ERR_INVALID);
	cr_expect_null(h);
	s.mbufs++;
	cr_expect_eq(handover_new(&s, &h), POI_OK);
	cr_expect_not_null(handover_of(h, 1));
	handover_free(h);
	cr_expect_null(handover_of(NULL, 0));
}

// ---- tables and times ----

static struct handover_ring *into_second(void)
{
	return workers[1].handover->in[0].ring;
}

static void hand(uint32_t n, uint64_t received_ns)
{
	for (uint32_t i = 0; i < n; i++)
		cr_assert(handover_ring_put(into_second(), next_frame(), received_ns));
	handover_ring_publish(into_second());
}

static void *publish(void *table)
{
	(void)table_rcu_publish(rcu, table);
	return NULL;
}

static struct {
	const struct table *next;
	pthread_t thread;
	uint32_t polls;
} swap;

// At the second poll 100 packets lie in the ring, and then there is another table.
static uint16_t swap_tables(void *queue, struct rte_mbuf **mbufs, uint16_t n)
{
	if (++swap.polls == 2) {
		hand(100, 1);
		cr_assert_eq(pthread_create(&swap.thread, NULL, publish, (void *)swap.next), 0);
		while (table_rcu_table(rcu) == first_table)
			sched_yield();
	} else if (swap.polls == 3) {
		hand(100, 1);
	} else if (swap.polls == 4) {
		atomic_store(&feed.stop, true);
	}
	return 0;
}

// Received while a rule was in force: it meets that rule, how ever long the ring is. What came
// behind the other table does not.
Test(handover, what_waits_meets_the_table_of_its_time)
{
	up();
	rule_of_all();
	feed.frames = 200;
	make(2, true, BUFFERS * 4);
	cr_assert_eq(table_remove(builder, rule_key_own(1)), 0);
	swap.next = table_commit(builder, 2);
	lanes[1][1] = lanes[1][0]; // the ring's
	workers[1].handover->in[0].lane = &lanes[1][1];
	workers[1].n_lanes = 1;
	rte_eth_fp_ops[0].rx_pkt_burst = swap_tables;
	handover_leave(workers[0].handover);
	worker_run(&workers[1]);
	pthread_join(swap.thread, NULL);
	cr_expect_eq(seen[1].n, 100, "%u", seen[1].n);
	cr_expect_eq(stats->worker[1].now.received, 200);
	down(2);
	table_builder_free(builder);
}

// A tunnel's rule of a younger message takes no packet that was received before it.
Test(handover, what_is_older_than_a_message_is_not_for_its_rule)
{
	up();
	for (uint32_t i = 1; i <= USERS; i++) {
		struct rule r = {.slot = 5,
			.binding = i,
			.from_ns = 1000,
			.filter = {.kinds = FILTER_FTEID, .teid = i, .fteid_v4 = {.family = 4}}};
		wire_store32(r.filter.fteid_v4.b, UPF);
		cr_assert_eq(table_put(builder, &r), 0);
	}
	feed.frames = 3000;
	make(2, true, BUFFERS * 4);
	hand(150, 999);
	hand(150, 1000);
	handover_leave(workers[0].handover);
	atomic_store(&feed.stop, true);
	uint32_t uplink = 0; // of the second half, in tunnels towards the UPF
	const struct handover_ring *ring = into_second();
	for (uint32_t i = 150; i < 300; i++) {
		const uint8_t *ip = rte_pktmbuf_mtod(ring->slot[i].mbuf, const uint8_t *) + 14;
		uplink += wire_load32(ip + 16) == UPF;
	}
	worker_run(&workers[1]);
	cr_expect_gt(uplink, 40);
	cr_expect_eq(seen[1].n, uplink);
	cr_expect_eq(stats->worker[1].now.received, 300);
	down(2);
	table_builder_free(builder);
}
