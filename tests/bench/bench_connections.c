// Delivery to one MDF over one connection and over two, each on a delivery thread with a CPU of its
// own. Rings of two workers are filled while the peer reads nothing; then the time is taken until
// TCP has acknowledged all. The peer reads without decrypting, so that it takes as little as it can
// of the CPUs; where there are but two, it takes its share of the second one's all the same.
// Arguments: MiB a worker (default 64), rounds (default 5).

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/deliver/deliver.h"
#include "tests/bench/sink.h"

#define LENGTH 1400u
#define WORKERS 2u
#define THREADS 2u
#define ROUNDS_MAX 32

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "bench_connections: %s\n", what);
	exit(1);
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct bench {
	struct lab_pki pki;
	struct sink sink;
	struct config config;
	struct task_counters_worker slots[WORKERS];
	struct capture *capture[WORKERS];
	struct deliver *deliver;
	struct rule rule;
	uint8_t frame[2048];
	uint16_t cpu[THREADS];
};

// The first two CPUs that this process may use.
static void find_cpus(struct bench *b)
{
	cpu_set_t mine;
	unsigned n = 0;

	must(sched_getaffinity(0, sizeof(mine), &mine) == 0, "affinity");
	for (uint16_t i = 0; i < CPU_SETSIZE && n < THREADS; i++)
		if (CPU_ISSET(i, &mine))
			b->cpu[n++] = i;
	must(n == THREADS, "two CPUs are wanted");
}

static void open_capture(struct bench *b, uint32_t worker)
{
	struct capture_settings s = {.worker = worker,
		.pool_octets = 512 << 20,
		.n_deliver = THREADS,
		.slots = &b->slots[worker]};
	char ipid[16];

	snprintf(ipid, sizeof(ipid), "poi-1.%u", worker);
	must(pdu_origin_make(&s.origin, "upf-1.example.org", ipid) == 0, "origin");
	b->slots[worker].counters[0] = calloc(SLOT_CHUNK, sizeof(struct slot_counters));
	b->slots[worker].sequence[0] = calloc(SLOT_CHUNK, sizeof(uint32_t));
	b->capture[worker] = capture_new(&s);
	must(b->capture[worker] != NULL, "memory");
}

static uint16_t bench_open(struct bench *b, uint32_t connections)
{
	struct config_delivery *d = &b->config.delivery;
	struct channel_destination to = {.delivery = DELIVERY_X3,
		.address = {.family = 4, .b = {127, 0, 0, 1}},
		.port = b->sink.port[SINK_STEADY]};
	char why[200] = "";
	uint16_t index = 0;

	*d = (struct config_delivery){
		.tls = {.certificate = b->pki.certificate, .key = b->pki.key, .ca = b->pki.ca},
		.keepalive = {.enabled = true, .time_p1 = 60, .time_p2 = 180, .require_ack = true},
		.settle = CONFIG_SETTLE_TCP,
		.resend_in_doubt = true,
		.probe_timeout = 10,
		.stall_report = 10,
		.buffer = 1024u << 20,
		.flush_us = 50,
		.threads = THREADS,
		.connections = connections};
	for (uint32_t w = 0; w < WORKERS; w++)
		open_capture(b, w);
	b->deliver = deliver_new(&b->config, b->capture, WORKERS, why, sizeof(why));
	must(b->deliver != NULL, why);
	for (uint32_t i = 0; i < THREADS; i++)
		deliver_place(b->deliver, i, b->cpu[i]);
	must(deliver_start(b->deliver) == 0, "threads");
	atomic_store(&b->sink.shared->held, true);
	must(deliver_add(b->deliver, &to, &index) == 0, "destination");
	b->rule =
		(struct rule){.delivery = DELIVERY_X3, .n_destinations = 1, .destination = {index}};
	for (int i = 0; i < 10000 && atomic_load(&b->sink.shared->open[SINK_STEADY]) < connections;
		i++)
		usleep(1000);
	must(atomic_load(&b->sink.shared->open[SINK_STEADY]) == connections, "not connected");
	return index;
}

static void bench_close(struct bench *b)
{
	deliver_stop(b->deliver);
	deliver_free(b->deliver);
	for (uint32_t w = 0; w < WORKERS; w++) {
		capture_free(b->capture[w]);
		free(b->slots[w].counters[0]);
		free(b->slots[w].sequence[0]);
	}
	for (int i = 0; i < 10000 && atomic_load(&b->sink.shared->open[SINK_STEADY]) > 0; i++)
		usleep(1000);
}

static uint64_t fill(struct bench *b, uint64_t octets)
{
	struct packet_view views[PACKET_BURST];
	struct hit hits[PACKET_BURST];
	void *mbufs[PACKET_BURST] = {0};
	uint64_t pushed = 0;

	for (uint16_t i = 0; i < PACKET_BURST; i++) {
		views[i] = (struct packet_view){.data = b->frame,
			.length = 14u + LENGTH,
			.total = 14u + LENGTH,
			.n_layers = 1,
			.layer[0] = {.l3 = 14, .length = LENGTH, .family = 4}};
		hits[i] = (struct hit){.rule = &b->rule, .packet = i, .direction = 3};
	}
	for (; pushed * LENGTH < octets * WORKERS; pushed += PACKET_BURST)
		capture_burst(b->capture[pushed / PACKET_BURST % WORKERS], hits, PACKET_BURST,
			views, mbufs, (uint64_t)(seconds(CLOCK_REALTIME) * 1e9));
	return pushed;
}

// Gigabytes of packets a second.
static double run(struct bench *b, uint32_t connections, uint64_t octets, double *of_cpu)
{
	struct channel_destination_status s = {0};
	uint16_t index = bench_open(b, connections);
	uint64_t pushed = fill(b, octets);

	usleep(200000); // what TCP takes without a reader is gone
	double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), start = seconds(CLOCK_MONOTONIC);
	atomic_store(&b->sink.shared->held, false);
	do {
		usleep(1000);
		must(deliver_status(b->deliver, index, &s) == 0, "status");
		must(copy_balance_lost(&s.copies) == 0, "copies were lost");
	} while (s.copies.acknowledged < pushed);
	double took = seconds(CLOCK_MONOTONIC) - start;
	*of_cpu = (double)(pushed * LENGTH) * 1e-9 / (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	bench_close(b);
	return (double)(pushed * LENGTH) * 1e-9 / took;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void figure(const char *name, double *v, int n, const char *unit)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	printf("%-40s median %7.3f %s (%.3f to %.3f)\n", name, v[n / 2], unit, v[0], v[n - 1]);
}

int main(int argc, char **argv)
{
	uint64_t octets = (argc > 1 ? strtoull(argv[1], NULL, 10) : 64) << 20;
	int rounds = argc > 2 ? atoi(argv[2]) : 5;
	double rate[2][ROUNDS_MAX], cpu[2][ROUNDS_MAX], ratio[ROUNDS_MAX];
	struct bench *b = calloc(1, sizeof(*b));

	must(b && octets > 0 && rounds > 0 && rounds <= ROUNDS_MAX, "MiB and rounds (1 to 32)");
	signal(SIGPIPE, SIG_IGN);
	find_cpus(b);
	lab_pki_make(&b->pki);
	sink_start(&b->sink, &b->pki);
	atomic_store(&b->sink.shared->raw, true);
	for (int i = 0; i < rounds; i++) {
		for (int k = 0; k < 2; k++) { // in turn, each first as often
			int n = (i + k) % 2;
			rate[n][i] = run(b, (uint32_t)n + 1, octets, &cpu[n][i]);
		}
		ratio[i] = rate[1][i] / rate[0][i];
	}
	figure("one connection", rate[0], rounds, "GB/s");
	figure("two, on a thread and CPU each", rate[1], rounds, "GB/s");
	figure("ratio, in pairs", ratio, rounds, "");
	figure("one, by this process's CPU time", cpu[0], rounds, "GB/CPU s");
	figure("two, by this process's CPU time", cpu[1], rounds, "GB/CPU s");
	sink_stop(&b->sink);
	lab_pki_free(&b->pki);
	free(b);
	return 0;
}
