// Measures this matcher beside DPDK's own ways of looking both addresses of a packet up, rte_hash
// and rte_fib in bulk, and beside rte_acl, by number of keys. Same frames, same loop, in turn.
//   bench_match_dpdk [--quick]
// --quick: fewer runs.

#include <rte_acl.h>
#include <rte_byteorder.h>
#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/wire.h"
#include "tests/bench/figures.h"
#include "tests/bench/match_lab.h"

#define ENDS (2 * PACKET_BURST)

static const uint8_t *address(const struct packet_view *v, unsigned end)
{
	return v->data + v->layer[0].l3 + v->layer[0].source + 4 * end;
}

// Both addresses of the burst in two bulk lookups of 32.
static void burst_hash(struct lab *lab, const void *arg, const struct packet_view *views)
{
	uint32_t keys[ENDS];
	const void *at[ENDS];
	int32_t positions[PACKET_BURST];

	for (unsigned i = 0; i < PACKET_BURST; i++)
		for (unsigned end = 0; end < 2; end++) {
			unsigned k = end * PACKET_BURST + i;
			memcpy(&keys[k], address(&views[i], end), 4);
			at[k] = &keys[k];
		}
	for (unsigned end = 0; end < 2; end++) {
		if (rte_hash_lookup_bulk(arg, at + end * PACKET_BURST, PACKET_BURST, positions))
			continue;
		for (unsigned i = 0; i < PACKET_BURST; i++)
			lab->hits += positions[i] >= 0;
	}
}

// Both addresses of the burst in one bulk lookup.
static void burst_fib(struct lab *lab, const void *arg, const struct packet_view *views)
{
	uint32_t addresses[ENDS];
	uint64_t hops[ENDS];

	for (unsigned i = 0; i < PACKET_BURST; i++)
		for (unsigned end = 0; end < 2; end++)
			addresses[2 * i + end] = wire_load32(address(&views[i], end));
	if (rte_fib_lookup_bulk((struct rte_fib *)(uintptr_t)arg, addresses, hops, ENDS))
		exit(1);
	for (unsigned i = 0; i < ENDS; i++)
		lab->hits += hops[i] != 0;
}

enum { FIELD_PROTOCOL, FIELD_SOURCE, FIELD_DESTINATION, FIELD_PORTS };

// Octets of an IPv4 header from its protocol on, as l3fwd-acl has them.
struct acl_key {
	uint8_t protocol;
	uint8_t pad[3];
	uint32_t source, destination;
	uint16_t sport, dport;
};

RTE_ACL_RULE_DEF(acl_rule, 5);

static const struct rte_acl_field_def fields[5] = {
	{RTE_ACL_FIELD_TYPE_BITMASK, 1, 0, 0, offsetof(struct acl_key, protocol)},
	{RTE_ACL_FIELD_TYPE_MASK, 4, 1, 1, offsetof(struct acl_key, source)},
	{RTE_ACL_FIELD_TYPE_MASK, 4, 2, 2, offsetof(struct acl_key, destination)},
	{RTE_ACL_FIELD_TYPE_RANGE, 2, 3, 3, offsetof(struct acl_key, sport)},
	{RTE_ACL_FIELD_TYPE_RANGE, 2, 4, 3, offsetof(struct acl_key, dport)},
};

static void burst_acl(struct lab *lab, const void *arg, const struct packet_view *views)
{
	struct acl_key keys[PACKET_BURST];
	const uint8_t *at[PACKET_BURST];
	uint32_t results[PACKET_BURST];

	for (unsigned i = 0; i < PACKET_BURST; i++) {
		const struct packet_layer *l = &views[i].layer[0];
		keys[i].protocol = l->protocol;
		memcpy(&keys[i].source, address(&views[i], 0), 8);
		memcpy(&keys[i].sport, views[i].data + l->l4, 4);
		at[i] = (const uint8_t *)&keys[i];
	}
	if (rte_acl_classify(arg, at, results, PACKET_BURST, 1))
		exit(1);
	for (unsigned i = 0; i < PACKET_BURST; i++)
		lab->hits += results[i] != 0;
}

static uint32_t key_of(uint32_t i)
{
	return 0x0b000000u + i * 3000u;
}

static const struct rte_hash *new_hash(uint32_t keys)
{
	char name[32];
	struct rte_hash_parameters p = {.name = name,
		.entries = keys * 2,
		.key_len = 4,
		.hash_func = rte_hash_crc,
		.hash_func_init_val = 0x5bd1e995};

	snprintf(name, sizeof(name), "addresses%u", keys);
	struct rte_hash *h = rte_hash_create(&p);
	if (!h)
		exit(1);
	for (uint32_t i = 0; i < keys; i++) {
		uint32_t key = rte_cpu_to_be_32(key_of(i));
		if (rte_hash_add_key(h, &key) < 0)
			exit(1);
	}
	return h;
}

static const struct rte_fib *new_fib(uint32_t keys)
{
	char name[32];
	struct rte_fib_conf c = {.type = RTE_FIB_DIR24_8,
		.max_routes = (int)keys,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = keys + 1}};

	snprintf(name, sizeof(name), "routes%u", keys);
	struct rte_fib *f = rte_fib_create(name, SOCKET_ID_ANY, &c);
	if (!f)
		exit(1);
	for (uint32_t i = 0; i < keys; i++)
		if (rte_fib_add(f, key_of(i), 32, 1))
			exit(1);
	return f;
}

// Puts the criteria of lab_table that an access list can express, each for both directions.
static int put_rule(struct rte_acl_ctx *c, const struct filter *f, bool back, int32_t id)
{
	struct acl_rule r = {.data = {.category_mask = 1, .priority = 1, .userdata = (uint32_t)id}};
	unsigned a = back ? FIELD_DESTINATION : FIELD_SOURCE, p = back ? 4 : FIELD_PORTS;

	r.field[FIELD_PORTS].mask_range.u16 = r.field[4].mask_range.u16 = 65535;
	if (f->n_address && f->address[0].family == 4) {
		r.field[a].value.u32 = wire_load32(f->address[0].b);
		r.field[a].mask_range.u32 = f->address[0].length;
	} else if (!f->n_port) {
		return 0;
	}
	if (f->n_port) {
		r.field[0].value.u8 = f->protocol;
		r.field[0].mask_range.u8 = 0xff;
		r.field[p].value.u16 = f->port[0].range[0].first;
		r.field[p].mask_range.u16 = f->port[0].range[0].last;
	}
	return rte_acl_add_rules(c, (const struct rte_acl_rule *)&r, 1) ? -1 : 1;
}

static const struct rte_acl_ctx *new_acl(uint32_t rules)
{
	char name[32];
	struct rte_acl_param p = {
		.name = name, .rule_size = RTE_ACL_RULE_SZ(5), .max_rule_num = 4 * rules};
	struct rte_acl_config c = {.num_categories = 1, .num_fields = 5};

	snprintf(name, sizeof(name), "rules%u", rules);
	struct rte_acl_ctx *ctx = rte_acl_create(&p);
	uint64_t random = 11;
	unsigned n = 0;

	for (uint32_t slot = 0; ctx && n < rules; slot++) {
		struct rule rule;
		lab_rule(&rule, &random, slot % 1000);
		int added = put_rule(ctx, &rule.filter, false, (int32_t)slot + 1);
		if (added < 0 || put_rule(ctx, &rule.filter, true, (int32_t)slot + 1) < 0)
			exit(1);
		n += (unsigned)added;
	}
	memcpy(c.defs, fields, sizeof(fields));
	if (!ctx || rte_acl_build(ctx, &c) != 0)
		exit(1);
	return ctx;
}

// By number of keys; access lists of more rules than the second take minutes to build.
static const uint32_t sizes[] = {100, 1000, 10000, 100000};
#define SIZES (sizeof(sizes) / sizeof(*sizes))
#define ACL_SIZES 2u
enum { PARSE, OURS, HASH, FIB, ACL, KINDS };

static const struct {
	const char *name;
	void (*burst)(struct lab *, const void *, const struct packet_view *);
} kinds[KINDS] = {[PARSE] = {"parsing alone", NULL},
	[OURS] = {"our tasks", lab_match},
	[HASH] = {"rte_hash, both addresses", burst_hash},
	[FIB] = {"rte_fib, both addresses", burst_fib},
	[ACL] = {"rte_acl", burst_acl}};

static const void *new_table(unsigned kind, uint32_t keys)
{
	size_t octets;

	switch (kind) {
	case OURS:
		return lab_table(keys, &octets);
	case HASH:
		return new_hash(keys);
	case FIB:
		return new_fib(keys);
	case ACL:
		return new_acl(keys);
	default:
		return NULL;
	}
}

static struct lab_way ways[KINDS * SIZES];
static unsigned n_ways, way_of[KINDS][SIZES];

static void make_ways(struct lab *lab)
{
	static char names[KINDS * SIZES][64];

	for (unsigned kind = 0; kind < KINDS; kind++)
		for (unsigned i = 0; i < (kind == ACL ? ACL_SIZES : SIZES); i++) {
			if (kind == PARSE && i > 0)
				continue; // the same for all
			snprintf(names[n_ways], sizeof(names[0]), "%s, %u", kinds[kind].name,
				kind == PARSE ? 0 : sizes[i]);
			way_of[kind][i] = n_ways;
			ways[n_ways] = (struct lab_way){.name = names[n_ways],
				.lab = lab,
				.burst = kinds[kind].burst,
				.arg = new_table(kind, sizes[i])};
			n_ways++;
		}
}

static void plot(void)
{
	struct figures *f =
		figures_open("match_dpdk", "tasks, keys or rules", "TSC cycles a packet");

	for (unsigned kind = 0; kind < KINDS; kind++)
		for (unsigned i = 0; i < (kind == ACL ? ACL_SIZES : SIZES); i++) {
			const struct lab_way *w = &ways[way_of[kind][i]];
			figures_point(f, "64-octet frames over IPv4", kinds[kind].name, sizes[i],
				w->low, w->median, w->high);
		}
	figures_close(f);
}

static void compare(unsigned kind, unsigned size, double goal, unsigned rounds)
{
	char name[96];

	snprintf(name, sizeof(name), "%s, of our %u", ways[way_of[kind][size]].name, sizes[size]);
	(void)lab_compare(name, goal, &ways[way_of[kind][size]], &ways[way_of[OURS][size]],
		&ways[PARSE], rounds);
}

int main(int argc, char **argv)
{
	char *eal[] = {argv[0], "--no-huge", "-m", "1536", "--no-pci", "--log-level=4",
		"--no-telemetry", "-l", "0", "--no-shconf", NULL};
	unsigned rounds = argc > 1 && !strcmp(argv[1], "--quick") ? 100 : 1000;

	if (rte_eal_init(10, eal) < 0)
		return 1;
	struct lab *lab = lab_new(LAB_UDP4);
	if (!lab)
		return 1;
	make_ways(lab);
	lab_time("64-octet frames, nothing matches", ways, n_ways, rounds);
	printf("beyond the parse, of the same round, median (p10 to p90):\n");
	compare(HASH, 3, 3.5, rounds);
	compare(FIB, 3, 0, rounds);
	compare(ACL, 1, 8, rounds);
	plot();
	bool found = lab->hits != 0;
	if (found)
		printf("%lu packets matched: not what this measures\n", (unsigned long)lab->hits);
	lab_free(lab);
	return found;
}
