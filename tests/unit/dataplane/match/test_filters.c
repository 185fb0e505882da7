// The filters that sifting asks first: they let through what some rule wants, little else, and take
// no more memory than is promised.

#include <criterion/criterion.h>
#include <string.h>

#include "dataplane/match/table_index.h"
#include "shared/wire.h"
#include "tests/unit/dataplane/packet/frames.h"

static const struct seeds seeds = {.a = 0x9d2c5680aa3b1f77u, .b = 0xb5026f5aa96619e9u};

static struct rule rule_of(struct ip_prefix p)
{
	struct rule rule = {.filter = {.kinds = FILTER_ADDRESS, .n_address = 1, .address = {p}}};

	cr_assert_eq(filter_normalise(&rule.filter), 0);
	return rule;
}

static struct ip_prefix prefix4(uint32_t address, unsigned length)
{
	struct ip_prefix p = {.family = 4, .length = (uint8_t)length};

	wire_store32(p.b, mask_v4(address, length));
	return p;
}

static struct ip_prefix prefix6(struct rng *r, unsigned length)
{
	struct ip_prefix p = {.family = 6, .length = (uint8_t)length};
	uint8_t whole[16] = {0x20, 1, 0x0d, 0xb8};

	for (unsigned i = 4; i < 16; i++)
		whole[i] = (uint8_t)rng_next(r);
	mask_v6(whole, length, p.b);
	return p;
}

// As sifting asks; it does without `six` where no prefix is shorter than near_length.
static bool passes(const struct filters *f, const uint8_t *address, uint8_t family, bool shorter)
{
	if (family == 4)
		return near_has(f, &seeds, wire_load32(address)) ||
		       cover_has(f, wire_load32(address));
	return near_has(f, &seeds, load64(address)) ||
	       (shorter && six_has(f, &seeds, load64(address)));
}

// Any address of the prefix.
static void address_in(struct rng *r, const struct ip_prefix *p, uint8_t address[16])
{
	memcpy(address, p->b, 16);
	for (unsigned bit = p->length; bit < (p->family == 4 ? 32u : 128u); bit++)
		address[bit / 8] |= (uint8_t)((rng_next(r) & 0x80u) >> bit % 8);
}

#define RULES 3000u

// Prefixes of any length, those that the filters were made for and those that came later.
Test(filters, let_through_what_rules_want)
{
	static struct rule rule[RULES];
	struct rng r = {.s = 3};

	for (unsigned round = 0; round < 20; round++) {
		struct filter_needs needs = {0};
		unsigned least4 = rng_below(&r, 33), least6 = rng_below(&r, 129),
			 made = rng_below(&r, RULES);
		for (unsigned i = 0; i < RULES; i++) {
			unsigned length4 =
				i < made ? least4 + rng_below(&r, 33 - least4) : rng_below(&r, 33);
			unsigned length6 = i < made ? least6 + rng_below(&r, 129 - least6)
						    : rng_below(&r, 129);
			rule[i] = rule_of(
				i & 1 ? prefix4(rng_next(&r), length4) : prefix6(&r, length6));
			if (i < made)
				filters_count(&needs, &rule[i], 1);
		}
		struct filters *f = filters_new(&needs);
		cr_assert(f);
		cr_assert(filters_fit(f, &needs),
			"made for these, and too small: it would be made for ever");
		for (unsigned i = 0; i < RULES; i++)
			filters_set(f, &seeds, &rule[i]);
		for (unsigned i = 0; i < RULES; i++) {
			const struct ip_prefix *p = &rule[i].filter.address[0];
			uint8_t address[16];
			address_in(&r, p, address);
			cr_assert(passes(f, address, p->family, true), "IPv%u, length %u",
				p->family, p->length);
		}
		filters_free(f);
	}
}

#define STRANGERS 1000000u

static struct filters *full_of(unsigned n, unsigned length4, unsigned length6)
{
	struct filter_needs needs = {0};
	struct filters *f = NULL;

	for (unsigned pass = 0; pass < 2; pass++) {
		struct rng r = {.s = 5};
		if (pass)
			cr_assert(f = filters_new(&needs));
		for (unsigned i = 0; i < n; i++) {
			struct rule rule =
				rule_of(i & 1 ? prefix6(&r, length6)
					      : prefix4(rng_next(&r) | 0x80000000u, length4));
			if (pass)
				filters_set(f, &seeds, &rule);
			else
				filters_count(&needs, &rule, 1);
		}
	}
	return f;
}

// Share of a million addresses beside those of tasks that pass. Their networks are others, or they
// are in the same ones.
static double strangers(const struct filters *f, uint8_t family)
{
	struct rng r = {.s = 77};
	unsigned n = 0;

	for (unsigned i = 0; i < STRANGERS; i++) {
		uint8_t address[16] = {0x20, 1, 0x0d, 0xb9};
		if (family == 4)
			wire_store32(address, rng_next(&r) & 0x7fffffff);
		else
			wire_store32(address + 4, rng_next(&r));
		n += passes(f, address, family, f->six_length < 64);
	}
	return (double)n / STRANGERS;
}

Test(filters, keep_strangers_out)
{
	static const struct {
		unsigned rules, length4, length6;
		double most;
	} tables[] = {{1000, 32, 64, 0.001}, {100000, 32, 64, 0.004}, {100000, 32, 128, 0.004},
		{100000, 32, 56, 0.004}, {1000, 28, 56, 0.006}, {200, 24, 48, 0.006}};

	for (unsigned i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		struct filters *f = full_of(tables[i].rules, tables[i].length4, tables[i].length6);
		double four = strangers(f, 4), six = strangers(f, 6);
		cr_assert(four < tables[i].most && six < tables[i].most,
			"table %u: %.4f of IPv4, %.4f of IPv6 pass", i, four, six);
		// a few octets a rule, beside what any table has
		cr_assert_lt(f->octets, 256u * 1024 + 12u * tables[i].rules, "table %u: %zu octets",
			i, f->octets);
		filters_free(f);
	}
}

// One probe an address where no prefix is short: the others are asked for only then.
Test(filters, write_prefixes_out)
{
	struct filters *f = full_of(14, 24, 48);

	cr_assert_eq(f->fine, 24);
	cr_assert_eq(f->near_length, 48);
	cr_assert_eq(f->six_length, 64);
	filters_free(f);
	f = full_of(20000, 24, 64); // too many to write out
	cr_assert_gt(f->fine, 24);
	cr_assert_eq(f->near_length, 64);
	filters_free(f);
	f = full_of(64, 23, 47);
	cr_assert_eq(f->near_length, 64);
	cr_assert_eq(f->six_length, 40);
	filters_free(f);
}
