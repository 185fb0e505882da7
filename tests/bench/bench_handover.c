// Measures what it costs a worker to hand a burst of tunnelled packets to others, and them to take
// it: the owner found, rings filled, published and emptied. All on one thread: how long a line
// takes from one core to another is not in it.
//   bench_handover [BURSTS [ROUNDS]]
// Prints TSC cycles per packet of a burst; those that stay with their worker are in it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include "dataplane/worker/handover.h"
#include "tests/bench/match_lab.h"

#define FRAMES 2048u
#define STRIDE 2304u // of the lab's frames

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "bench_handover: %s\n", what);
	exit(1);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static struct rte_mbuf *frame[FRAMES];
static struct lane lanes[2];

struct cost {
	uint64_t hand, take, handed;
};

static void pass(struct handover *h, uint32_t workers, uint64_t bursts, struct cost *cost)
{
	struct handover_worker *from = handover_of(h, 0);
	struct rte_mbuf *mbufs[PACKET_BURST], *taken[PACKET_BURST];
	uint64_t received_ns[PACKET_BURST];
	struct worker_counters counters = {0};

	for (uint64_t b = 0; b < bursts; b++) {
		memcpy(mbufs, &frame[b * PACKET_BURST % FRAMES], sizeof(mbufs));
		uint64_t start = __rdtsc();
		uint16_t stay =
			handover_burst(from, &lanes[0], 0, mbufs, PACKET_BURST, b, &counters);
		handover_publish(from);
		uint64_t between = __rdtsc();
		for (uint32_t w = 1; w < workers; w++)
			(void)handover_ring_take(
				handover_of(h, w)->in[0].ring, taken, received_ns, PACKET_BURST);
		cost->take += __rdtsc() - between;
		cost->hand += between - start;
		cost->handed += PACKET_BURST - (unsigned)stay;
	}
	must(counters.received == 0, "a ring was full");
}

static void run(uint32_t workers, uint64_t bursts, unsigned rounds)
{
	struct handover_settings s = {.n_workers = workers,
		.mbufs = 1u << 20,
		.seed = {0x9d2c5680aa3b1f77u, 0xb5026f5aa96619e9u}};
	double *hand = calloc(rounds, sizeof(*hand)), *take = calloc(rounds, sizeof(*take));
	struct handover *h;
	uint64_t handed = 0;

	for (uint32_t w = 0; w < workers; w++) {
		s.lanes[w] = lanes;
		s.n_lanes[w] = w == 0;
		s.n_handed[w] = w > 0;
	}
	must(hand && take && handover_new(&s, &h) == POI_OK, "memory");
	for (unsigned i = 0; i < rounds; i++) {
		struct cost c = {0};
		pass(h, workers, bursts, &c);
		hand[i] = (double)c.hand / (double)(bursts * PACKET_BURST);
		take[i] = (double)c.take / (double)(bursts * PACKET_BURST);
		handed += c.handed;
	}
	qsort(hand, rounds, sizeof(*hand), by_value);
	qsort(take, rounds, sizeof(*take), by_value);
	printf("  %7u %9.1f %9.1f %9.1f %9.1f %8.0f%%\n", workers, hand[rounds / 10],
		hand[rounds / 2], take[rounds / 10], take[rounds / 2],
		100.0 * (double)handed / (double)(rounds * bursts * PACKET_BURST));
	handover_free(h);
	free(hand);
	free(take);
}

int main(int argc, char **argv)
{
	static char *eal[] = {"bench", "--no-huge", "--no-pci", "-m", "64", "--no-telemetry",
		"--no-shconf", "--log-level", "error", "-l", "0", NULL};
	uint64_t bursts = argc > 1 ? strtoull(argv[1], NULL, 10) : 256;
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 500;
	struct lab *lab = lab_new(LAB_GTPU);

	must(lab && bursts > 0 && rounds > 0, "usage: bench_handover [BURSTS [ROUNDS]]");
	must(rte_eal_init(11, eal) >= 0, "EAL");
	struct rte_mempool *pool = rte_pktmbuf_pool_create("p", FRAMES, 0, 0, 2304, SOCKET_ID_ANY);
	must(pool && rte_pktmbuf_alloc_bulk(pool, frame, FRAMES) == 0, "buffers");
	for (uint32_t i = 0; i < FRAMES; i++)
		memcpy(rte_pktmbuf_append(frame[i], (uint16_t)lab->length),
			lab->octets + (size_t)i * STRIDE + 128, lab->length);
	lanes[0].traits = lanes[1].traits = lab->port;
	printf("TSC cycles per packet, %u rounds of %lu bursts\n", rounds, (unsigned long)bursts);
	printf("  workers  hand p10    median  take p10    median    handed\n");
	for (uint32_t workers = 2; workers <= 16; workers *= 2)
		run(workers, bursts, rounds);
	lab_free(lab);
	return 0;
}
