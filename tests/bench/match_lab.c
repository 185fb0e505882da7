#include "tests/bench/match_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include "shared/wire.h"
#include "tests/unit/dataplane/packet/frames.h"

#define WARM 3u	     // passes that bring frames and tables into the caches
#define STRIDE 2304u // as mbufs of a pool lie

static void put_udp4(struct frame *f, struct rng *r, bool target)
{
	uint32_t source = 0x2d000000u + (rng_next(r) & 0x007fffff);
	uint32_t destination = 0x2e000000u + (rng_next(r) & 0x00ffffff);
	uint16_t port = (uint16_t)(20000 + rng_below(r, 40000));

	frame_ethernet(f, 0x0800);
	frame_ipv4(f, target ? 0x2fffff01u : source, destination, 17);
	frame_udp(f, port, (uint16_t)(port ^ 1));
	frame_zero(f, 60 - f->n);
	frame_finish(f);
}

static void put_udp6(struct frame *f, struct rng *r)
{
	uint16_t port = (uint16_t)(20000 + rng_below(r, 40000));

	frame_ethernet(f, 0x86dd);
	frame_ipv6(f, rng_next(r), rng_next(r), 17);
	for (unsigned at = f->n - 32; at < f->n; at += 16) { // networks beside those of tasks
		f->b[at + 3] = 0xb9;
		for (unsigned i = 5; i < 8; i++)
			f->b[at + i] = (uint8_t)rng_next(r);
	}
	frame_udp(f, port, (uint16_t)(port ^ 1));
	frame_finish(f);
}

#define USER 58u // offset of the user's packet in a tunnel
#define ONE_TUNNEL 0x80000001u

static void put_gtpu(struct frame *f, struct rng *r, enum lab_frames kind)
{
	uint32_t node = kind == LAB_MANY_NODES ? rng_below(r, 4096) : 0;

	frame_ethernet(f, 0x0800);
	frame_ipv4(f, 0xc6336402u + (node << 8), 0xc6336401u, 17);
	frame_udp(f, 2152, 2152);
	frame_gtpu_session(
		f, kind == LAB_ONE_TUNNEL ? ONE_TUNNEL : rng_next(r) | 0x80000000u, 1, 9);
	if (kind == LAB_GTPU6) {
		struct frame user = {0};
		put_udp6(&user, r);
		frame_raw(f, user.b + 14, user.n - 14);
		frame_zero(f, 186 - f->n);
		wire_store16(f->b + USER + 4, 186 - USER - 40);
		wire_store16(f->b + USER + 44, 186 - USER - 40);
		frame_finish(f);
		return;
	}
	frame_ipv4(f, 0x2d000000u + (rng_next(r) & 0x007fffff),
		0x2e000000u + (rng_next(r) & 0x00ffffff), 17);
	frame_udp(f, (uint16_t)(20000 + rng_below(r, 40000)), 443);
	frame_zero(f, 166 - f->n);
	frame_finish(f);
}

static void put_frame(struct frame *f, struct rng *r, enum lab_frames kind)
{
	switch (kind) {
	case LAB_UDP4:
		put_udp4(f, r, false);
		break;
	case LAB_UDP4_ONE_IN_100:
		put_udp4(f, r, rng_below(r, 100) == 0);
		break;
	case LAB_UDP6:
		put_udp6(f, r);
		break;
	default:
		put_gtpu(f, r, kind);
		break;
	}
}

struct lab *lab_new(enum lab_frames kind)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct rng r = {.s = 7};

	if (!lab || !(lab->octets = aligned_alloc(64, (size_t)LAB_FRAMES * STRIDE))) {
		free(lab);
		return NULL;
	}
	lab->port.tunnel = CONFIG_TUNNEL_GTPU;
	lab->port.n_endpoints = 1;
	lab->port.endpoint[0] =
		(struct ip_prefix){.family = 4, .length = 24, .b = {198, 51, 100, 0}};
	for (unsigned i = 0; i < LAB_FRAMES; i++) {
		struct frame f = {0};
		put_frame(&f, &r, kind);
		memcpy(lab->octets + (size_t)i * STRIDE + 128, f.b, f.n);
		lab->length = f.n;
	}
	return lab;
}

void lab_free(struct lab *lab)
{
	if (lab)
		free(lab->octets);
	free(lab);
}

void lab_rule(struct rule *rule, uint64_t *random, uint32_t slot)
{
	static const uint8_t lengths[8] = {12, 16, 18, 20, 22, 24, 28, 30};
	struct filter *f = &rule->filter;
	struct rng r = {.s = *random};
	uint32_t value = rng_next(&r), kind = slot % 10;

	*random = r.s;
	*rule = (struct rule){.slot = slot};
	f->kinds = FILTER_ADDRESS;
	f->n_address = 1;
	f->address[0] = (struct ip_prefix){.family = 4, .length = 32};
	memcpy(f->address[0].b + 1, &value, 3);
	f->address[0].b[0] = 45; // beside the frames: what only compares first octets gains nothing
	f->address[0].b[1] |= 0x80;
	if (kind == 5 && slot / 10 < 1000) { // ten thousand tasks hold a thousand prefixes
		f->address[0].length = lengths[slot / 10 % 8];
		value = __builtin_bswap32(
			wire_load32(f->address[0].b) & ~(0xffffffffu >> lengths[slot / 10 % 8]));
		memcpy(f->address[0].b, &value, 4);
	} else if (kind == 6 || kind == 7) {
		f->address[0] = (struct ip_prefix){.family = 6, .length = kind == 6 ? 128 : 64};
		memcpy(f->address[0].b, "\x20\x01\x0d\xb8", 4);
		memcpy(f->address[0].b + 4, &value, 4);
		f->address[0].b[15] = kind == 6;
	} else if (kind == 8) {
		f->kinds = FILTER_FTEID;
		f->n_address = 0;
		f->teid = value & 0x7fffffff;
		f->fteid_v4 = (struct ip_address){.family = 4, .b = {198, 51, 100, 1}};
		memset(&f->address[0], 0, sizeof(f->address[0]));
	} else if (kind == 9) {
		f->kinds = slot < 1000 ? FILTER_PORT : FILTER_PORT | FILTER_ADDRESS;
		f->n_port = 1;
		f->protocol = 17;
		f->port[0].n = 1;
		f->port[0].range[0] =
			(struct port_range){(uint16_t)(value % 20000), (uint16_t)(value % 20000)};
		if (slot < 1000) {
			f->n_address = 0;
			memset(&f->address[0], 0, sizeof(f->address[0]));
		}
	}
}

static struct table_builder *new_builder(void)
{
	static const uint64_t seed[2] = {0x9d2c5680aa3b1f77u, 0xb5026f5aa96619e9u};
	struct table_builder *b = table_builder_new(seed);

	if (!b)
		exit(1);
	return b;
}

static void put(struct table_builder *b, struct rule *rule)
{
	if (filter_normalise(&rule->filter) || table_put(b, rule))
		exit(1);
}

static const struct table *finish(struct table_builder *b, uint32_t tasks)
{
	const struct table *t = table_commit(b, 1);
	struct table_fold *f = t ? table_fold_begin(b) : NULL;

	if (f) {
		table_fold_run(f);
		table_fold_finish(b, f);
		t = table_commit(b, 2);
	}
	if (!t || table_rules(t) != tasks)
		exit(1);
	return t;
}

const struct table *lab_table(uint32_t tasks, size_t *octets)
{
	struct table_builder *b = new_builder();
	uint64_t random = 11;
	struct rule rule = {.slot = tasks - 1};

	for (uint32_t i = 0; i < tasks - 1; i++) {
		lab_rule(&rule, &random, i);
		put(b, &rule);
	}
	rule = (struct rule){.slot = tasks - 1};
	rule.filter.kinds = FILTER_ADDRESS;
	rule.filter.n_address = 1;
	rule.filter.address[0] =
		(struct ip_prefix){.family = 4, .length = 32, .b = {47, 255, 255, 1}};
	put(b, &rule);
	const struct table *t = finish(b, tasks);
	*octets = table_octets(t);
	return t;
}

const struct table *lab_table_gtpu(uint32_t tasks)
{
	struct table_builder *b = new_builder();
	uint64_t random = 11;

	for (uint32_t i = 0; i < tasks; i++) {
		struct rule rule;
		lab_rule(&rule, &random, i & 1 ? 8 : i & 2 ? 6 + (i >> 2 & 1) : 0);
		rule.slot = i;
		put(b, &rule);
	}
	return finish(b, tasks);
}

const struct table *lab_table_bound(uint32_t tasks)
{
	struct table_builder *b = new_builder();

	for (uint32_t i = 0; i < 2 * tasks; i++) {
		struct rule rule = {.slot = i / 2, .binding = i + 1, .from_ns = i % 2};
		rule.filter.kinds = FILTER_FTEID;
		rule.filter.teid = ONE_TUNNEL;
		rule.filter.fteid_v4 = (struct ip_address){.family = 4, .b = {198, 51, 100, 1}};
		put(b, &rule);
	}
	return finish(b, 2 * tasks);
}

void lab_match(struct lab *lab, const void *table, const struct packet_view *views)
{
	static struct match_many *many;
	struct match_cursor cursor = {.many = many = many ? many : match_many_new()};
	struct hit hits[256];

	do
		lab->hits +=
			match_burst(table, &lab->port, views, PACKET_BURST, &cursor, hits, 256);
	while (!cursor.done);
}

// Extern and never inlined: valgrind counts the instructions of what it calls.
double lab_pass(struct lab *lab, const struct lab_way *way);

__attribute__((noinline)) double lab_pass(struct lab *lab, const struct lab_way *way)
{
	struct packet_view views[PACKET_BURST];
	uint64_t start = __rdtsc();

	for (uint32_t at = 0; at < LAB_FRAMES; at += PACKET_BURST) {
		for (unsigned i = 0; i < PACKET_BURST; i++) {
			views[i].data = lab->octets + (size_t)(at + i) * STRIDE + 128;
			views[i].length = views[i].total = lab->length;
		}
		parse_burst(&lab->port, views, PACKET_BURST);
		if (way->burst)
			way->burst(lab, way->arg, views);
		__asm__ volatile("" : : "r"(views) : "memory");
	}
	return (double)(__rdtsc() - start) / LAB_FRAMES;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

void lab_time(const char *title, struct lab_way *ways, unsigned n, unsigned rounds)
{
	double *sorted = calloc(rounds, sizeof(*sorted));

	if (!sorted)
		exit(1);
	for (unsigned i = 0; i < n; i++)
		if (!(ways[i].cycles = calloc(rounds, sizeof(*sorted))))
			exit(1);
	for (unsigned k = 0; k < rounds; k++)
		for (unsigned i = 0; i < n; i++) {
			for (unsigned warm = 0; warm < WARM; warm++) // its own frames and tables
				lab_pass(ways[i].lab, &ways[i]);
			ways[i].cycles[k] = lab_pass(ways[i].lab, &ways[i]);
		}
	printf("%s: TSC cycles per packet, %u runs of each in turn\n", title, rounds);
	printf("  %-28s %8s %8s %8s %8s\n", "", "lowest", "p10", "median", "p90");
	for (unsigned i = 0; i < n; i++) {
		struct lab_way *w = &ways[i];
		memcpy(sorted, w->cycles, rounds * sizeof(*sorted));
		qsort(sorted, rounds, sizeof(*sorted), by_value);
		w->lowest = sorted[0];
		w->low = sorted[rounds / 10];
		w->median = sorted[rounds / 2];
		w->high = sorted[rounds * 9 / 10];
		printf("  %-28s %8.1f %8.1f %8.1f %8.1f\n", w->name, w->lowest, w->low, w->median,
			w->high);
	}
	free(sorted);
}

struct lab_ratio lab_compare(const char *name, double goal, const struct lab_way *over,
	const struct lab_way *under, const struct lab_way *parse, unsigned rounds)
{
	struct lab_ratio r = {.name = name, .goal = goal, .at_least = parse != NULL};
	double *all = calloc(rounds, sizeof(*all));

	if (!all)
		exit(1);
	for (unsigned k = 0; k < rounds; k++) {
		double less = parse ? parse->cycles[k] : 0;
		all[k] = (over->cycles[k] - less) / (under->cycles[k] - less);
	}
	qsort(all, rounds, sizeof(*all), by_value);
	r.low = all[rounds / 10];
	r.median = all[rounds / 2];
	r.high = all[rounds * 9 / 10];
	printf("  %-52s %5.2f (%.2f to %.2f)", name, r.median, r.low, r.high);
	if (goal > 0)
		printf(", goal: at %s %.2f", r.at_least ? "least" : "most", goal);
	printf("\n");
	free(all);
	return r;
}

const char *lab_cpu(void)
{
	static char cpu[256];
	char line[256], name[128] = "", family[16] = "", model[16] = "";
	FILE *f = fopen("/proc/cpuinfo", "r");

	while (f && fgets(line, sizeof(line), f) && line[0] != '\n') {
		sscanf(line, "model name : %127[^\n]", name);
		sscanf(line, "cpu family : %15[0-9]", family);
		sscanf(line, "model : %15[0-9]", model);
	}
	if (f)
		fclose(f);
	snprintf(cpu, sizeof(cpu), "%s, family %s, model %s", name, family, model);
	return cpu;
}
