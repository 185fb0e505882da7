// What matching costs on top of parsing, for packets that match nothing: cycles per packet, medians
// of alternating runs in one process. --quick: fewer packets and runs.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include "dataplane/match.h"
#include "dataplane/parse.h"
#include "tests/unit/dataplane/frames.h"

#define FRAMES 8192u // 64 octets each: 512 KiB touched, in L2 and L3 as behind a NIC
#define STRIDE 2304u // as mbufs of a pool lie
#define RUNS_MAX 15

struct bench {
	uint8_t *octets;
	uint32_t bursts; // per run
	unsigned runs;
	struct port_traits port;
	uint64_t hits;
};

static void put_frames(struct bench *b)
{
	struct rng r = {.s = 7};

	for (unsigned i = 0; i < FRAMES; i++) {
		struct frame f = {0};
		uint32_t source = 0x2d000000u + (rng_next(&r) & 0x00ffffff);
		uint32_t destination = 0x2e000000u + (rng_next(&r) & 0x00ffffff);
		uint16_t port = (uint16_t)(20000 + rng_below(&r, 40000));
		frame_ethernet(&f, 0x0800);
		frame_ipv4(&f, source, destination, 17);
		frame_udp(&f, port, (uint16_t)(port ^ 1));
		frame_zero(&f, 60 - f.n);
		frame_finish(&f);
		memcpy(b->octets + (size_t)i * STRIDE + 128, f.b, f.n);
	}
}

// One address in two, then prefixes, IPv6, F-TEIDs, ports and pairs; nothing that the frames carry.
static void mixed_rule(struct rule *rule, struct rng *r, uint32_t slot)
{
	struct filter *f = &rule->filter;
	uint32_t random = rng_next(r), kind = slot % 10;

	*rule = (struct rule){.slot = slot};
	f->kinds = FILTER_ADDRESS;
	f->n_address = 1;
	f->address[0] = (struct ip_prefix){.family = 4, .length = 32};
	f->address[0].b[0] = (uint8_t)(11 + random % 20);
	memcpy(f->address[0].b + 1, &random, 3);
	if (kind == 5 && slot / 10 < 1000) { // ten thousand tasks hold a thousand prefixes
		f->address[0].length = 24;
		f->address[0].b[3] = 0;
	} else if (kind == 6 || kind == 7) {
		f->address[0] = (struct ip_prefix){.family = 6, .length = kind == 6 ? 128 : 64};
		memcpy(f->address[0].b, "\x20\x01\x0d\xb8", 4);
		memcpy(f->address[0].b + 4, &random, 4);
		f->address[0].b[15] = kind == 6;
	} else if (kind == 8) {
		f->kinds = FILTER_FTEID;
		f->n_address = 0;
		f->teid = random;
		f->fteid_v4 = (struct ip_address){.family = 4, .b = {198, 51, 100, 1}};
		memset(&f->address[0], 0, sizeof(f->address[0]));
	} else if (kind == 9) {
		f->kinds = slot < 1000 ? FILTER_PORT : FILTER_PORT | FILTER_ADDRESS;
		f->n_port = 1;
		f->protocol = 17;
		f->port[0].n = 1;
		f->port[0].range[0] =
			(struct port_range){(uint16_t)(random % 20000), (uint16_t)(random % 20000)};
		if (slot < 1000) {
			f->n_address = 0;
			memset(&f->address[0], 0, sizeof(f->address[0]));
		}
	}
}

static const struct table *table_of(uint32_t tasks, size_t *octets)
{
	static const uint64_t seed[2] = {0x9d2c5680aa3b1f77u, 0xb5026f5aa96619e9u};
	struct table_builder *b = table_builder_new(seed);
	struct rng r = {.s = 11};

	for (uint32_t i = 0; b && i < tasks; i++) {
		struct rule rule;
		mixed_rule(&rule, &r, i);
		if (filter_normalise(&rule.filter) || table_put(b, &rule))
			exit(1);
	}
	const struct table *t = b ? table_commit(b, 1) : NULL;
	struct table_fold *f = t ? table_fold_begin(b) : NULL;
	if (f) {
		table_fold_run(f);
		table_fold_finish(b, f);
		t = table_commit(b, 2);
	}
	if (!t || table_rules(t) != tasks)
		exit(1);
	*octets = table_octets(t);
	return t; // kept until the process ends
}

static double run(struct bench *b, const struct table *t)
{
	struct packet_view views[PACKET_BURST];
	struct hit hits[64];
	uint32_t at = 0;
	uint64_t start = __rdtsc();

	for (uint32_t n = 0; n < b->bursts; n++) {
		for (unsigned i = 0; i < PACKET_BURST; i++) {
			views[i].data = b->octets + (size_t)at * STRIDE + 128;
			views[i].length = views[i].total = 60;
			at = (at + 1) % FRAMES;
		}
		parse_burst(&b->port, views, PACKET_BURST);
		struct match_cursor cursor = {0};
		while (t && !cursor.done)
			b->hits += match_burst(t, &b->port, views, PACKET_BURST, &cursor, hits, 64);
		__asm__ volatile("" : : "r"(views) : "memory");
	}
	return (double)(__rdtsc() - start) / b->bursts / PACKET_BURST;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	static const uint32_t tasks[] = {0, 10, 1000, 100000, 1000000};
	bool quick = argc > 1 && !strcmp(argv[1], "--quick");
	unsigned ways = quick ? 4 : 5;
	const struct table *t[5] = {0};
	size_t octets[5] = {0};
	double cycles[5][RUNS_MAX], alone = 0;
	struct bench b = {.bursts = quick ? 8000 : 40000, .runs = quick ? 5 : RUNS_MAX};

	b.port.tunnel = CONFIG_TUNNEL_GTPU;
	b.octets = aligned_alloc(64, (size_t)FRAMES * STRIDE);
	if (!b.octets)
		return 1;
	put_frames(&b);
	for (unsigned i = 1; i < ways; i++)
		t[i] = table_of(tasks[i], &octets[i]);
	for (unsigned i = 0; i < ways; i++)
		run(&b, t[i]); // warm
	for (unsigned k = 0; k < b.runs; k++)
		for (unsigned i = 0; i < ways; i++)
			cycles[i][k] = run(&b, t[i]);
	printf("64-octet frames, nothing matches, TSC cycles per packet (%u runs)\n", b.runs);
	printf("%-18s %8s %8s %8s %7s %12s\n", "", "median", "lowest", "highest", "ratio",
		"octets/task");
	for (unsigned i = 0; i < ways; i++) {
		qsort(cycles[i], b.runs, sizeof(double), by_value);
		double median = cycles[i][b.runs / 2];
		char name[32] = "parse alone";
		if (i)
			snprintf(name, sizeof(name), "%u tasks", tasks[i]);
		else
			alone = median;
		printf("%-18s %8.1f %8.1f %8.1f %7.2f %12.0f\n", name, median, cycles[i][0],
			cycles[i][b.runs - 1], median / alone,
			i ? (double)octets[i] / tasks[i] : 0.0);
	}
	if (b.hits)
		printf("%llu packets matched: not what this measures\n",
			(unsigned long long)b.hits);
	return b.hits != 0;
}
