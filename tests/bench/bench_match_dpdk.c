// What this matcher costs beside DPDK's own ways of looking both addresses of a packet up: rte_hash
// with 100,000 keys (bulk lookups), rte_acl with 1,000 rules. Same frames, same loop, in turn.
//   bench_match_dpdk [--quick] [--json FILE]
// --quick: fewer runs. --json: writes the figures to FILE too.

#include <rte_acl.h>
#include <rte_byteorder.h>
#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/wire.h"
#include "tests/bench/match_lab.h"

#define KEYS 100000u
#define RULES 1000u
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

static struct rte_hash *new_hash(void)
{
	struct rte_hash_parameters p = {.name = "addresses",
		.entries = KEYS * 2,
		.key_len = 4,
		.hash_func = rte_hash_crc,
		.hash_func_init_val = 0x5bd1e995};
	struct rte_hash *h = rte_hash_create(&p);

	for (uint32_t i = 0; h && i < KEYS; i++) {
		uint32_t key = rte_cpu_to_be_32(0x0b000000u + i * 3000u);
		if (rte_hash_add_key(h, &key) < 0)
			exit(1);
	}
	return h;
}

// The criteria of lab_table that an access list can say, each for both directions.
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

static struct rte_acl_ctx *new_acl(void)
{
	struct rte_acl_param p = {
		.name = "rules", .rule_size = RTE_ACL_RULE_SZ(5), .max_rule_num = 4 * RULES};
	struct rte_acl_config c = {.num_categories = 1, .num_fields = 5};
	struct rte_acl_ctx *ctx = rte_acl_create(&p);
	uint64_t random = 11;
	unsigned n = 0;

	for (uint32_t slot = 0; ctx && n < RULES; slot++) {
		struct rule rule;
		lab_rule(&rule, &random, slot % 1000);
		int added = put_rule(ctx, &rule.filter, false, (int32_t)slot + 1);
		if (added < 0 || put_rule(ctx, &rule.filter, true, (int32_t)slot + 1) < 0)
			exit(1);
		n += (unsigned)added;
	}
	memcpy(c.defs, fields, sizeof(fields));
	return ctx && rte_acl_build(ctx, &c) == 0 ? ctx : NULL;
}

int main(int argc, char **argv)
{
	char *eal[] = {argv[0], "--no-huge", "-m", "512", "--no-pci", "--log-level=4",
		"--no-telemetry", "-l", "0", "--no-shconf", NULL};
	unsigned rounds = argc > 1 && !strcmp(argv[1], "--quick") ? 100 : 1000;
	const char *json = argc > 2 && !strcmp(argv[argc - 2], "--json") ? argv[argc - 1] : NULL;
	size_t octets;

	if (rte_eal_init(10, eal) < 0)
		return 1;
	struct rte_hash *hash = new_hash();
	struct rte_acl_ctx *acl = new_acl();
	struct lab *lab = lab_new(LAB_UDP4);
	if (!hash || !acl || !lab)
		return 1;
	struct lab_way ways[] = {{.name = "parse alone", .lab = lab},
		{.name = "1,000 tasks",
			.lab = lab,
			.burst = lab_match,
			.arg = lab_table(1000, &octets)},
		{.name = "rte_acl, 1,000 rules", .lab = lab, .burst = burst_acl, .arg = acl},
		{.name = "100,000 tasks",
			.lab = lab,
			.burst = lab_match,
			.arg = lab_table(100000, &octets)},
		{.name = "rte_hash bulk, 100,000 keys",
			.lab = lab,
			.burst = burst_hash,
			.arg = hash}};
	lab_time("64-octet frames, nothing matches", ways, 5, rounds);
	printf("beyond the parse, of the same round, median (p10 to p90):\n");
	const struct lab_ratio ratios[] = {lab_compare("rte_hash bulk, of 100,000 tasks", 3.5,
						   &ways[4], &ways[3], &ways[0], rounds),
		lab_compare("rte_acl, of 1,000 tasks", 8, &ways[2], &ways[1], &ways[0], rounds)};
	if (json && !lab_write(json, "as built for one machine", ways, 5, ratios, 2)) {
		perror(json);
		return 1;
	}
	bool found = lab->hits != 0;
	if (found)
		printf("%lu packets matched: not what this measures\n", (unsigned long)lab->hits);
	lab_free(lab);
	rte_acl_free(acl);
	rte_hash_free(hash);
	return found;
}
