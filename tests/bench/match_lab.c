#include "tests/bench/match_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include "shared/wire.h"
#include "tests/unit/dataplane/packet/frames.h"

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

#define ONE_TUNNEL 0x80000001u

static void put_gtpu(struct frame *f, struct rng *r, bool one_tunnel)
{
	frame_ethernet(f, 0x0800);
	frame_ipv4(f, 0xc6336402u, 0xc6336401u, 17);
	frame_udp(f, 2152, 2152);
	frame_gtpu_session(f, one_tunnel ? ONE_TUNNEL : rng_next(r) | 0x80000000u, 1, 9);
	frame_ipv4(f, 0x2d000000u + (rng_next(r) & 0x007fffff),
		0x2e000000u + (rng_next(r) & 0x00ffffff), 17);
	frame_udp(f, (uint16_t)(20000 + rng_below(r, 40000)), 443);
	frame_zero(f, 166 - f->n);
	frame_finish(f);
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
		if (kind == LAB_GTPU || kind == LAB_ONE_TUNNEL)
			put_gtpu(&f, &r, kind == LAB_ONE_TUNNEL);
		else
			put_udp4(&f, &r, kind == LAB_UDP4_ONE_IN_100 && rng_below(&r, 100) == 0);
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
		lab_rule(&rule, &random, i & 1 ? 8 : 0);
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

static __attribute__((noinline)) double once(struct lab *lab, const struct lab_way *way)
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

void lab_time(struct lab *lab, const char *title, struct lab_way *ways, unsigned n, unsigned rounds)
{
	double *all = calloc((size_t)n * rounds, sizeof(*all));

	if (!all)
		exit(1);
	for (unsigned k = 0; k < rounds; k++)
		for (unsigned i = 0; i < n; i++) {
			once(lab, &ways[i]); // its own tables into the caches first
			all[(size_t)i * rounds + k] = once(lab, &ways[i]);
		}
	printf("%s: TSC cycles per packet, %u runs of each in turn\n", title, rounds);
	printf("  %-28s %8s %8s %8s %8s %7s\n", "", "lowest", "p10", "median", "p90", "ratio");
	for (unsigned i = 0; i < n; i++) {
		double *own = all + (size_t)i * rounds;
		qsort(own, rounds, sizeof(*own), by_value);
		ways[i].low = own[rounds / 10];
		ways[i].median = own[rounds / 2];
		printf("  %-28s %8.1f %8.1f %8.1f %8.1f %7.2f\n", ways[i].name, own[0], ways[i].low,
			ways[i].median, own[rounds * 9 / 10], ways[i].low / ways[0].low);
	}
	free(all);
}
