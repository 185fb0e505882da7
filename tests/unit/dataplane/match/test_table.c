// The table's books: generations, counts, digests, replacement, folding, a million addresses.

#include <criterion/criterion.h>
#include <string.h>

#include "dataplane/match/match.h"
#include "dataplane/packet/parse.h"
#include "shared/wire.h"
#include "tests/unit/dataplane/packet/frames.h"

static const uint64_t seed[2] = {1, 2};
static const struct port_traits port = {.tunnel = CONFIG_TUNNEL_GTPU};

static struct rule rule_v4(uint32_t slot, uint32_t address, uint8_t length)
{
	struct rule r = {.slot = slot};

	r.filter.kinds = FILTER_ADDRESS;
	r.filter.n_address = 1;
	r.filter.address[0] = (struct ip_prefix){.family = 4, .length = length};
	wire_store32(r.filter.address[0].b, address);
	return r;
}

static void put(struct table_builder *b, struct rule r)
{
	cr_assert_eq(table_put(b, &r), 0);
}

// Number of rules that a packet between these addresses hits.
static unsigned hits_of(const struct table *t, uint32_t source, uint32_t destination)
{
	struct frame f = {0};
	struct packet_view v = {0};
	struct match_cursor cursor = {0};
	struct hit hits[64];
	unsigned n = 0;

	frame_ethernet(&f, 0x0800);
	frame_ipv4(&f, source, destination, 17);
	frame_udp(&f, 1, 2);
	frame_finish(&f);
	v.data = f.b;
	v.length = v.total = f.n;
	parse_burst(&port, &v, 1);
	while (!cursor.done)
		n += match_burst(t, &port, &v, 1, &cursor, hits, 64);
	return n;
}

Test(table, put_replace_remove)
{
	struct table_builder *b = table_builder_new(seed);
	const struct table *none = table_commit(b, 1);
	put(b, rule_v4(5, 0x0a000001, 32));
	put(b, rule_v4(6, 0x0a000000, 24));
	const struct table *two = table_commit(b, 2);
	put(b, rule_v4(5, 0x0b000001, 32));
	cr_assert_eq(table_remove(b, rule_key_own(6)), 0);
	cr_assert_eq(table_remove(b, rule_key_own(6)), POI_ERR_NOT_FOUND);
	cr_assert_eq(table_remove(b, rule_key_own(1000000)), POI_ERR_NOT_FOUND);
	const struct table *one = table_commit(b, 3);
	// Every published table goes on showing what it showed.
	cr_assert_eq(hits_of(none, 0x0a000001, 1), 0);
	cr_assert_eq(hits_of(two, 0x0a000001, 1), 2);
	cr_assert_eq(hits_of(two, 0x0a000001, 0x0a000001), 2);
	cr_assert_eq(hits_of(one, 0x0a000001, 1), 0);
	cr_assert_eq(hits_of(one, 1, 0x0b000001), 1);
	cr_assert(table_rules(none) == 0 && table_rules(two) == 2 && table_rules(one) == 1);
	cr_assert(table_generation(two) == 2);
	table_retire(b, two); // out of order: waits for its elder
	cr_assert_eq(hits_of(none, 0x0a000001, 1), 0);
	table_retire(b, none);
	cr_assert_eq(hits_of(one, 1, 0x0b000001), 1);
	table_builder_free(b);
}

Test(table, digest_is_of_the_content)
{
	struct table_builder *a = table_builder_new(seed), *b = table_builder_new(seed);

	for (uint32_t i = 0; i < 100; i++)
		put(a, rule_v4(i, i, 32));
	for (uint32_t i = 100; i > 0; i--)
		put(b, rule_v4(i - 1, i - 1, 32));
	put(b, rule_v4(100, 1, 32));
	const struct table *ta = table_commit(a, 1);
	cr_assert_neq(table_digest(ta), table_digest(table_commit(b, 1)));
	cr_assert_eq(table_remove(b, rule_key_own(100)), 0);
	cr_assert_eq(table_digest(ta), table_digest(table_commit(b, 2)));
	put(b, rule_v4(7, 7, 31));
	cr_assert_neq(table_digest(ta), table_digest(table_commit(b, 3)));
	table_builder_free(a);
	table_builder_free(b);
}

// Short IPv6 and IPv4 prefixes after long ones, and more keys than the first filters hold.
Test(table, filters_grow)
{
	struct table_builder *b = table_builder_new(seed);
	const struct table *last = NULL;

	for (uint32_t i = 0; i < 3000; i++) {
		put(b, rule_v4(i, 0x14000000 + i * 256, i % 3 ? 32 : 24));
		if (i % 100 == 0 || i == 2999) {
			const struct table *next = table_commit(b, i + 1);
			if (last)
				table_retire(b, last);
			last = next;
			for (uint32_t k = 0; k <= i; k += 37)
				cr_assert_eq(hits_of(last, 0x14000000 + k * 256, 1), 1, "%u of %u",
					k, i);
		}
	}
	cr_assert_eq(hits_of(last, 0x13ffffff, 1), 0);
	put(b, rule_v4(4000, 0, 0));
	last = table_commit(b, 9999);
	cr_assert_eq(hits_of(last, 0x13ffffff, 1), 1);
	table_builder_free(b);
}

Test(table, a_million_addresses, .timeout = 100)
{
	struct table_builder *b = table_builder_new(seed);

	for (uint32_t i = 0; i < 1000000; i++)
		put(b, rule_v4(i, 0x20000000 + i * 7, 32));
	for (uint32_t i = 0; i < 10000; i++)
		put(b, rule_v4(1000000 + i, 0x60000000 + i * 4096, 20 + i % 12));
	const struct table *t = table_commit(b, 1);
	struct table_fold *f = table_fold_begin(b);
	cr_assert_not_null(f);
	cr_assert_null(table_fold_begin(b), "one fold at a time");
	cr_assert_eq(table_remove(b, rule_key_own(3)), 0);
	put(b, rule_v4(4, 0x50000000, 32));
	table_fold_run(f);
	table_fold_finish(b, f);
	const struct table *next = table_commit(b, 2);
	table_retire(b, t);
	cr_assert_eq(table_rules(next), 1009999u);
	cr_assert_leq(table_octets(next) / table_rules(next), 512u);
	for (uint32_t i = 0; i < 1000000; i += 997)
		cr_assert_eq(hits_of(next, 1, 0x20000000 + i * 7), 1u);
	for (uint32_t i = 0; i < 10000; i += 97)
		cr_assert_eq(hits_of(next, 0x60000000 + i * 4096, 1), 1u);
	cr_assert_eq(hits_of(next, 1, 0x20000000 + 3 * 7), 0u);
	cr_assert_eq(hits_of(next, 1, 0x20000000 + 4 * 7), 0u);
	cr_assert_eq(hits_of(next, 1, 0x50000000), 1u);
	table_builder_free(b);
}
