// Measures a worker's loop from the receive call to the ring. The queue is this program's own; the
// frames lie in packet buffers, and table, ring and counters are the product's. Rings are drained
// in place.
//   bench_worker [BURSTS [ROUNDS [WHICH]]]
// Prints TSC cycles per packet. WHICH is one of plain, gtpu, some, all; without it all are run.
//   plain  64-byte frames, 10,000 tasks, no match
//   gtpu   the same in tunnels, a port that looks into them
//   some   one frame in a hundred matches
//   all    every frame matches

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/worker/worker.h"
#include "tests/bench/match_lab.h"

#define POOL (64u << 20)
#define FRAMES 2048u
#define STRIDE 2304u // of the lab's frames
#define TASKS 10000u
#define CHUNKS (TASKS / SLOT_CHUNK + 1)

static struct {
	struct rte_mbuf *frame[FRAMES];
	uint32_t at;
	uint64_t polls;
	_Atomic bool stop;
	struct copy_ring *ring;
	uint32_t segment, taken, end; // how far it was drained
	uint64_t drained;
} bed;

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "bench_worker: %s\n", what);
	exit(1);
}

// Gives everything back, as delivery does once the other side has it.
static void drain(void)
{
	struct segment *s;

	while ((s = copy_ring_segment(bed.ring, bed.segment))) {
		bool closed = atomic_load_explicit(&s->closed, memory_order_acquire);
		uint32_t n = atomic_load_explicit(&s->pushed, memory_order_acquire);
		if (n > bed.taken) {
			copy_ring_release(bed.ring, s->copy[n - 1].end - bed.end, n - bed.taken);
			bed.drained += n - bed.taken;
			bed.taken = n;
			bed.end = s->copy[n - 1].end;
		}
		if (!closed)
			return;
		copy_ring_release_segment(bed.ring);
		bed.segment++;
		bed.taken = bed.end = 0;
	}
}

static uint16_t receive(void *queue, struct rte_mbuf **mbufs, uint16_t n)
{
	if (bed.polls == 0) {
		atomic_store(&bed.stop, true);
		return 0;
	}
	if (--bed.polls % 64 == 0)
		drain();
	for (uint16_t i = 0; i < n; i++) {
		mbufs[i] = bed.frame[bed.at++ % FRAMES];
		rte_mbuf_refcnt_update(mbufs[i], 1); // the worker frees its own reference
	}
	return n;
}

static void queue_open(const struct lab *lab)
{
	static void *data[1] = {&bed}, *callbacks[1];

	for (uint32_t i = 0; i < FRAMES; i++) {
		rte_pktmbuf_reset(bed.frame[i]);
		memcpy(rte_pktmbuf_append(bed.frame[i], (uint16_t)lab->length),
			lab->octets + (size_t)i * STRIDE + 128, lab->length);
	}
	rte_eth_fp_ops[0].rxq.data = data;
	rte_eth_fp_ops[0].rxq.clbk = callbacks;
	rte_eth_fp_ops[0].rx_pkt_burst = receive;
}

static struct capture *capture_open(struct task_counters_worker *slots)
{
	struct capture_settings s = {.pool_octets = POOL, .n_deliver = 1, .slots = slots};
	struct copy_ring_settings r = {.quota = POOL, .minor = 5};

	must(pdu_origin_make(&s.origin, "upf-1.example.org", "poi-1.0.0123abcd") == 0, "origin");
	for (unsigned i = 0; i < CHUNKS; i++) {
		slots->counters[i] = calloc(SLOT_CHUNK, sizeof(struct slot_counters));
		slots->sequence[i] = calloc(SLOT_CHUNK, sizeof(uint32_t));
		must(slots->counters[i] && slots->sequence[i], "memory");
	}
	struct capture *c = capture_new(&s);
	must(c != NULL, "memory");
	bed.ring = copy_ring_new(c, &r);
	must(bed.ring != NULL, "memory");
	capture_attach(c, 0, COPY_X3, bed.ring);
	return c;
}

// The lab's tasks, and one of content whose address frames carry: all of them or one in a hundred.
static const struct table *table_of(bool all)
{
	const uint64_t seed[2] = {0x9d2c5680aa3b1f77u, 0xb5026f5aa96619e9u};
	struct table_builder *b = table_builder_new(seed);
	uint64_t random = 11;
	struct rule rule;

	must(b != NULL, "memory");
	for (uint32_t i = 0; i < TASKS - 1; i++) {
		lab_rule(&rule, &random, i);
		must(!filter_normalise(&rule.filter) && !table_put(b, &rule), "rules");
	}
	rule = (struct rule){.slot = TASKS - 1, .delivery = DELIVERY_X3, .n_destinations = 1};
	rule.filter.kinds = FILTER_ADDRESS;
	rule.filter.n_address = 1;
	rule.filter.address[0] =
		all ? (struct ip_prefix){.family = 4, .length = 8, .b = {45}}
		    : (struct ip_prefix){.family = 4, .length = 32, .b = {47, 255, 255, 1}};
	must(!filter_normalise(&rule.filter) && !table_put(b, &rule), "rules");
	must(table_commit(b, 1) != NULL, "memory");
	struct table_fold *f = table_fold_begin(b);
	must(f != NULL, "memory");
	table_fold_run(f);
	table_fold_finish(b, f);
	return table_commit(b, 2);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static void time_it(struct worker *w, const char *name, uint64_t bursts, unsigned rounds)
{
	double *cycles = calloc(rounds, sizeof(*cycles));

	must(cycles != NULL, "memory");
	for (unsigned i = 0; i < rounds; i++) {
		bed.polls = bursts;
		atomic_store(&bed.stop, false);
		uint64_t start = __rdtsc();
		worker_run(w);
		cycles[i] = (double)(__rdtsc() - start) / (double)(bursts * PACKET_BURST);
	}
	drain();
	qsort(cycles, rounds, sizeof(*cycles), by_value);
	printf("  %-6s %10.1f %10.1f %10.1f %12lu\n", name, cycles[0], cycles[rounds / 10],
		cycles[rounds / 2], (unsigned long)w->counters->now.hits);
	free(cycles);
}

enum which { PLAIN, GTPU, SOME, ALL, WHICH };
static const char *const names[] = {"plain", "gtpu", "some", "all"};

static void run(enum which which, uint64_t bursts, unsigned rounds)
{
	static const enum lab_frames frames[] = {LAB_UDP4, LAB_GTPU, LAB_UDP4_ONE_IN_100, LAB_UDP4};
	static struct task_counters_worker slots;
	static struct clock clock;
	struct lab *lab = lab_new(frames[which]);
	struct lane lane = {.traits = lab->port};
	const struct table *t = which == GTPU ? lab_table_gtpu(TASKS) : table_of(which == ALL);
	struct stats *stats = stats_new(1);
	const struct worker_fragments_settings f = {.lanes = &lane, .n_lanes = 1, .seed = {1, 2}};

	must(t && stats, "memory");
	lane.traits.tunnel = which == GTPU ? CONFIG_TUNNEL_GTPU : CONFIG_TUNNEL_NONE;
	must(clock_init(&clock, 2000000000, __rdtsc(), 1767225600000000000ull) == 0, "clock");
	struct worker w = {.lanes = &lane,
		.n_lanes = 1,
		.table_rcu = table_rcu_new(t),
		.clock = &clock,
		.capture = capture_open(&slots),
		.fragments = worker_fragments_new(&f),
		.stats = stats,
		.counters = &stats->worker[0],
		.stop = &bed.stop};
	must(w.table_rcu && w.fragments, "memory");
	queue_open(lab);
	bed.segment = bed.taken = bed.end = 0;
	bed.drained = 0;
	time_it(&w, names[which], bursts, rounds);
	const struct worker_counters *c = &stats->worker[0].now;
	must(c->received == rounds * bursts * PACKET_BURST, "frames are missing");
	must(which == ALL	? c->hits == c->received
		: which == SOME ? c->hits > 0
				: c->hits == 0,
		"other packets match than should");
	must(bed.drained == c->hits, "copies were lost");
	lab_free(lab);
}

int main(int argc, char **argv)
{
	static char *eal[] = {"bench_worker", "--no-huge", "--no-pci", "-m", "64", "--no-telemetry",
		"--no-shconf", "--log-level", "error", "-l", "0", NULL};
	uint64_t bursts = argc > 1 ? strtoull(argv[1], NULL, 10) : 256;
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 500;

	must(bursts > 0 && rounds > 0, "usage: bench_worker [BURSTS [ROUNDS [WHICH]]]");
	must(rte_eal_init(11, eal) >= 0, "EAL");
	struct rte_mempool *pool = rte_pktmbuf_pool_create("p", FRAMES, 0, 0, 2304, SOCKET_ID_ANY);
	must(pool && rte_pktmbuf_alloc_bulk(pool, bed.frame, FRAMES) == 0, "buffers");
	printf("TSC cycles per packet from receive to ring, %u rounds of %lu bursts\n", rounds,
		(unsigned long)bursts);
	printf("  %-6s %10s %10s %10s %12s\n", "", "lowest", "p10", "median", "hits");
	for (enum which i = 0; i < WHICH; i++)
		if (argc <= 3 || !strcmp(argv[3], names[i]))
			run(i, bursts, rounds);
	return 0;
}
