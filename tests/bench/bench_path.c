// Delivery from the ring to a peer that takes, over loopback TCP and TLS 1.3, the peer in a process
// of its own.
//
// End to end: 1,400-octet packets as fast as they go, beside a bulk sender of 16 KiB writes, in
// turn; settled by acknowledged keepalives and by TCP, in turn too.
//
// Latency: a tenth of that rate; how old a PDU is when the peer has read its last octet. That is
// more than "last octet written", by the peer's own work.
//
// Many: 1,000 destinations at a hundredth of it, then 100 of them flapping; the others' latency,
// and memory.
//
// Arguments: seconds for each figure (default 2), rounds (default 5).

#include <arpa/inet.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/deliver/deliver.h"
#include "tests/bench/sink.h"

#define LENGTH 1400u
#define DESTINATIONS 1000u
#define FLAPPING 100u
#define ROUNDS_MAX 32
#define SLOTS 1024u

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "bench_path: %s\n", what);
	exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double seconds(void)
{
	return (double)clock_ns(CLOCK_MONOTONIC) * 1e-9;
}

// CPU seconds of the delivery threads of this process so far.
static double delivery_cpu(void)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned long long sum = 0, ns;

	must(tasks != NULL, "/proc/self/task");
	for (struct dirent *e; (e = readdir(tasks));) {
		char path[300], name[32] = "";
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		FILE *f = fopen(path, "r");
		bool is_one =
			f && fgets(name, sizeof(name), f) && !strncmp(name, "poi-deliver", 11);
		if (f)
			fclose(f);
		snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", e->d_name);
		f = is_one ? fopen(path, "r") : NULL;
		if (f && fscanf(f, "%llu", &ns) == 1)
			sum += ns;
		if (f)
			fclose(f);
	}
	closedir(tasks);
	return (double)sum * 1e-9;
}

struct bench {
	struct lab_pki pki;
	struct sink sink;
	struct config config;
	struct task_counters_worker slots;
	struct capture *capture;
	struct deliver *deliver;
	struct rule rule[SLOTS];
	uint8_t frame[2048];
	uint64_t pushed;
	enum config_settle settle;
	double of_cpu; // octets a second of the sender's CPU time, of the last figure
};

static uint16_t add(struct bench *b, enum sink_port port, uint32_t number)
{
	struct channel_destination d = {.delivery = DELIVERY_X3,
		.address = {.family = 4, .b = {127, 0, 0, 1}},
		.port = b->sink.port[port]};
	uint16_t index = 0;

	d.did.b[0] = 1;
	d.did.b[14] = (uint8_t)(number >> 8);
	d.did.b[15] = (uint8_t)number;
	must(deliver_add(b->deliver, &d, &index) == 0, "destination");
	b->rule[number] = (struct rule){.slot = number,
		.context_x3 = number,
		.delivery = DELIVERY_X3,
		.n_destinations = 1,
		.destination = {index}};
	return index;
}

static void bench_open(struct bench *b)
{
	struct config_delivery *d = &b->config.delivery;
	char why[200] = "";

	d->tls = (struct config_tls){
		.certificate = b->pki.certificate, .key = b->pki.key, .ca = b->pki.ca};
	d->keepalive = (struct config_keepalive){
		.enabled = true, .time_p1 = 60, .time_p2 = 180, .require_ack = true};
	d->settle = b->settle;
	atomic_store(&b->sink.shared->answers, b->settle == CONFIG_SETTLE_KEEPALIVE);
	d->probe_timeout = 3;
	d->stall_report = 3;
	d->buffer = 64 << 20;
	d->resend_in_doubt = true;
	d->flush_us = 50;
	d->threads = 1;
	struct capture_settings s = {.pool_octets = 256 << 20, .n_deliver = 1, .slots = &b->slots};
	must(pdu_origin_make(&s.origin, "upf-1.example.org", "poi-1.0.0123abcd") == 0, "origin");
	b->slots.counters[0] = calloc(SLOT_CHUNK, sizeof(struct slot_counters));
	b->slots.sequence[0] = calloc(SLOT_CHUNK, sizeof(uint32_t));
	b->capture = capture_new(&s);
	must(b->capture != NULL, "memory");
	b->deliver = deliver_new(&b->config, &b->capture, 1, why, sizeof(why));
	must(b->deliver && deliver_start(b->deliver) == 0, why);
	b->pushed = 0;
}

static void bench_close(struct bench *b)
{
	deliver_stop(b->deliver);
	deliver_free(b->deliver);
	capture_free(b->capture);
	free(b->slots.counters[0]);
	free(b->slots.sequence[0]);
}

// One burst: packets of as many tasks as there are destinations, in turn.
static void push(struct bench *b, unsigned n, uint32_t tasks)
{
	struct packet_view views[PACKET_BURST];
	struct hit hits[PACKET_BURST];
	void *mbufs[PACKET_BURST] = {0};

	for (uint16_t i = 0; i < n; i++) {
		views[i] = (struct packet_view){.data = b->frame,
			.length = 14u + LENGTH,
			.total = 14u + LENGTH,
			.n_layers = 1,
			.layer[0] = {.l3 = 14, .length = LENGTH, .family = 4}};
		hits[i] = (struct hit){
			.rule = &b->rule[(b->pushed + i) % tasks], .packet = i, .direction = 3};
	}
	capture_burst(b->capture, hits, n, views, mbufs, clock_ns(CLOCK_REALTIME));
	b->pushed += n;
}

static struct channel_destination_status status_of(struct bench *b, uint16_t index)
{
	struct channel_destination_status s = {0};

	must(deliver_status(b->deliver, index, &s) == 0, "status");
	return s;
}

static void wait_open(struct bench *b, uint32_t steady)
{
	for (int i = 0; i < 30000 && atomic_load(&b->sink.shared->open[SINK_STEADY]) < steady; i++)
		usleep(1000);
	must(atomic_load(&b->sink.shared->open[SINK_STEADY]) >= steady, "the peer was not reached");
}

static double bulk(struct bench *b, double time)
{
	static uint8_t block[16384];
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons(b->sink.port[SINK_STEADY]),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	SSL_CTX_use_certificate_chain_file(context, b->pki.certificate);
	SSL_CTX_use_PrivateKey_file(context, b->pki.key, SSL_FILETYPE_PEM);
	SSL *ssl = SSL_new(context);
	must(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "connect");
	SSL_set_fd(ssl, fd);
	must(SSL_connect(ssl) == 1, "handshake");
	atomic_store(&b->sink.shared->answers, false); // there are no PDUs in it
	uint64_t before = atomic_load(&b->sink.shared->octets[SINK_STEADY]);
	double start = seconds(), end = start + time;
	double cpu = (double)clock_ns(CLOCK_THREAD_CPUTIME_ID) * 1e-9;
	uint64_t written = 0;
	for (; seconds() < end; written += sizeof(block))
		must(SSL_write(ssl, block, sizeof(block)) == sizeof(block), "write");
	b->of_cpu = (double)written / ((double)clock_ns(CLOCK_THREAD_CPUTIME_ID) * 1e-9 - cpu);
	double rate = (double)(atomic_load(&b->sink.shared->octets[SINK_STEADY]) - before) /
		      (seconds() - start);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd);
	SSL_CTX_free(context);
	return rate;
}

// Pushes as long as less than `ahead` octets wait, for `time`. Octets a second at the peer.
static double end_to_end(struct bench *b, double time)
{
	bench_open(b);
	uint16_t index = add(b, SINK_STEADY, 0);
	push(b, 1, 1);
	wait_open(b, 1);
	uint64_t before = atomic_load(&b->sink.shared->octets[SINK_STEADY]);
	double start = seconds(), end = start + time, cpu = delivery_cpu();
	while (seconds() < end) {
		// A worker has its own core and never waits; this thread shares two with its reader
		// and the peer, so it steps aside when it is 4 MiB ahead.
		if (status_of(b, index).copies.queued * (LENGTH + 89) > 4 << 20) {
			usleep(200);
			continue;
		}
		for (int i = 0; i < 16; i++)
			push(b, PACKET_BURST, 1);
	}
	double octets = (double)(atomic_load(&b->sink.shared->octets[SINK_STEADY]) - before);
	double rate = octets / (seconds() - start);
	b->of_cpu = octets / (delivery_cpu() - cpu);
	bench_close(b);
	return rate;
}

// Paced packets to `tasks` destinations.
static void paced(struct bench *b, double rate, double time, uint32_t tasks)
{
	double start = seconds(), now;
	uint64_t from = b->pushed;

	while ((now = seconds()) < start + time) {
		uint64_t due = (uint64_t)((now - start) * rate) - (b->pushed - from);
		if (due > 0)
			push(b, due < PACKET_BURST ? (unsigned)due : PACKET_BURST, tasks);
	}
	usleep(300000);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void figure(const char *name, double *v, int n, const char *unit)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	printf("%-44s median %8.3f %s (%.3f to %.3f)\n", name, v[n / 2], unit, v[0], v[n - 1]);
}

static double compare(struct bench *b, double time, int rounds)
{
	double rate[2][ROUNDS_MAX], theirs[ROUNDS_MAX], ratio[ROUNDS_MAX], settle[ROUNDS_MAX];
	double of_cpu[2][ROUNDS_MAX], their_cpu[ROUNDS_MAX], cpu_ratio[ROUNDS_MAX];
	double *mine = rate[CONFIG_SETTLE_KEEPALIVE];

	for (int i = 0; i < rounds; i++) {
		theirs[i] = bulk(b, time) * 1e-9;
		their_cpu[i] = b->of_cpu * 1e-9;
		// In turn, each first as often.
		for (int k = 0; k < 2; k++) {
			b->settle = (enum config_settle)(i % 2 ? 1 - k : k);
			rate[b->settle][i] = end_to_end(b, time) * 1e-9;
			of_cpu[b->settle][i] = b->of_cpu * 1e-9;
		}
		cpu_ratio[i] = of_cpu[CONFIG_SETTLE_KEEPALIVE][i] / their_cpu[i];
		ratio[i] = rate[CONFIG_SETTLE_KEEPALIVE][i] / theirs[i];
		settle[i] = rate[CONFIG_SETTLE_KEEPALIVE][i] / rate[CONFIG_SETTLE_TCP][i];
	}
	b->settle = CONFIG_SETTLE_KEEPALIVE;
	figure("bulk sender, 16 KiB writes", theirs, rounds, "GB/s");
	figure("ring to peer, 1,400 B packets, settled by keepalive", mine, rounds, "GB/s");
	figure("the same, settled by TCP", rate[CONFIG_SETTLE_TCP], rounds, "GB/s");
	figure("ratio to the bulk sender", ratio, rounds, "");
	figure("ratio of keepalive to TCP, in pairs", settle, rounds, "");
	figure("bulk sender, by its CPU time", their_cpu, rounds, "GB/CPU s");
	figure("ring to peer, by the delivery thread's", of_cpu[CONFIG_SETTLE_KEEPALIVE], rounds,
		"GB/CPU s");
	figure("ratio to the bulk sender, by CPU time", cpu_ratio, rounds, "");
	return mine[rounds / 2] * 1e9;
}

static void latency(struct bench *b, double rate, double time, int rounds)
{
	double p50[ROUNDS_MAX], p99[ROUNDS_MAX];

	bench_open(b);
	atomic_store(&b->sink.shared->ages_wanted, true);
	add(b, SINK_STEADY, 0);
	push(b, 1, 1);
	wait_open(b, 1);
	for (int i = 0; i < rounds; i++) {
		usleep(100000);
		sink_forget(&b->sink);
		paced(b, rate, time, 1);
		p50[i] = sink_age(&b->sink, SINK_STEADY, 0.50);
		p99[i] = sink_age(&b->sink, SINK_STEADY, 0.99);
	}
	printf("%.0f packets a second\n", rate);
	figure("latency, 10 % load, p50", p50, rounds, "us");
	figure("latency, 10 % load, p99", p99, rounds, "us");
	bench_close(b);
}

static long resident_kib(void)
{
	char line[256];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static void many(struct bench *b, double rate, double time, int rounds)
{
	double quiet[ROUNDS_MAX], storm[ROUNDS_MAX];

	bench_open(b);
	long before = resident_kib();
	for (uint32_t i = 0; i < DESTINATIONS; i++)
		add(b, i < DESTINATIONS - FLAPPING ? SINK_STEADY : SINK_FLAPPING, i);
	paced(b, rate, 0.5, DESTINATIONS);
	wait_open(b, DESTINATIONS - FLAPPING);
	for (int i = 0; i < rounds; i++) {
		for (int flapping = 0; flapping < 2; flapping++) {
			atomic_store(&b->sink.shared->flap_ms, flapping ? 100 : 0);
			usleep(500000);
			sink_forget(&b->sink);
			paced(b, rate, time, DESTINATIONS);
			(flapping ? storm : quiet)[i] = sink_age(&b->sink, SINK_STEADY, 0.99);
		}
	}
	printf("%u destinations, %.0f packets a second\n", DESTINATIONS, rate);
	figure("steady ones' p99, nobody flapping", quiet, rounds, "us");
	figure("steady ones' p99, 100 flapping", storm, rounds, "us");
	printf("%-44s %ld MiB, %llu handshakes of the flapping ones\n",
		"memory of 1,000 destinations", (resident_kib() - before) / 1024,
		(unsigned long long)atomic_load(&b->sink.shared->accepted[SINK_FLAPPING]));
	bench_close(b);
}

int main(int argc, char **argv)
{
	double time = argc > 1 ? atof(argv[1]) : 2;
	int rounds = argc > 2 ? atoi(argv[2]) : 5;
	struct bench *b = calloc(1, sizeof(*b));

	must(b && time > 0 && rounds > 0 && rounds <= ROUNDS_MAX, "seconds and rounds (1 to 32)");
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	lab_pki_make(&b->pki);
	struct rlimit files = {8192, 8192}; // the peer has one for each destination too
	(void)setrlimit(RLIMIT_NOFILE, &files);
	sink_start(&b->sink, &b->pki);
	double octets = compare(b, time, rounds);
	latency(b, octets / (LENGTH + 89) / 10, time, rounds);
	many(b, octets / (LENGTH + 89) / 100, time, rounds);
	sink_stop(&b->sink);
	lab_pki_free(&b->pki);
	free(b);
	return 0;
}
