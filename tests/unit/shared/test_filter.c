#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "shared/filter.h"

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	cr_assert_eq(ip_prefix_parse(text, &p), POI_OK, "%s", text);
	return p;
}

static struct filter one_address(const char *text)
{
	return (struct filter){.kinds = FILTER_ADDRESS, .n_address = 1, .address = {prefix(text)}};
}

static struct filter two_addresses(const char *a, const char *b)
{
	return (struct filter){
		.kinds = FILTER_ADDRESS, .n_address = 2, .address = {prefix(a), prefix(b)}};
}

static struct port_set ports(uint16_t first, uint16_t last)
{
	return (struct port_set){.n = 1, .range = {{first, last}}};
}

Test(filter, ranges_are_sorted_and_merged)
{
	struct filter f = {.kinds = FILTER_PORT,
		.n_port = 1,
		.protocol = 6,
		.port = {{.n = 5,
			.range = {{80, 90}, {10, 20}, {85, 99}, {21, 21}, {65535, 65535}}}}};

	cr_assert_eq(filter_normalise(&f), POI_OK);
	cr_assert_eq(f.port[0].n, 3);
	cr_assert_eq(f.port[0].range[0].first, 10);
	cr_assert_eq(f.port[0].range[0].last, 21, "adjacent ranges are one");
	cr_assert_eq(f.port[0].range[1].first, 80);
	cr_assert_eq(f.port[0].range[1].last, 99);
	cr_assert_eq(f.port[0].range[2].first, 65535);
	cr_assert_eq(f.port[0].range[3].first, 0, "what is beyond is zero");
}

Test(filter, order_of_two_ends_does_not_matter)
{
	struct filter a = two_addresses("192.0.2.1", "198.51.100.0/24");
	struct filter b = two_addresses("198.51.100.0/24", "192.0.2.1");

	cr_assert_eq(filter_normalise(&a), POI_OK);
	cr_assert_eq(filter_normalise(&b), POI_OK);
	cr_assert(filter_equal(&a, &b));
}

Test(filter, two_pairs_move_together)
{
	struct filter a = two_addresses("198.51.100.1", "192.0.2.1"), b, c;

	a.kinds |= FILTER_PORT;
	a.protocol = 6;
	a.n_port = 2;
	a.port[0] = ports(1, 1);
	a.port[1] = ports(2, 2);
	b = two_addresses("192.0.2.1", "198.51.100.1");
	b.kinds = a.kinds;
	b.protocol = 6;
	b.n_port = 2;
	c = b;
	b.port[0] = ports(2, 2);
	b.port[1] = ports(1, 1);
	c.port[0] = ports(1, 1);
	c.port[1] = ports(2, 2);
	cr_assert_eq(filter_normalise(&a), POI_OK);
	cr_assert_eq(filter_normalise(&b), POI_OK);
	cr_assert_eq(filter_normalise(&c), POI_OK);
	cr_assert(filter_equal(&a, &b));
	cr_assert_not(filter_equal(&a, &c), "192.0.2.1 has another port there");
}

Test(filter, normalise_refuses)
{
	struct filter f = one_address("192.0.2.0/24");

	f.address[0].b[3] = 1;
	cr_expect_eq(filter_normalise(&f), POI_ERR_INVALID, "host bits");
	f = one_address("192.0.2.1");
	f.address[0].b[4] = 1;
	cr_expect_eq(filter_normalise(&f), POI_ERR_INVALID, "octets beyond IPv4");
	f = one_address("192.0.2.1");
	f.address[0].family = 5;
	cr_expect_eq(filter_normalise(&f), POI_ERR_INVALID, "family");
	f = one_address("192.0.2.1");
	f.address[0].length = 33;
	cr_expect_eq(filter_normalise(&f), POI_ERR_INVALID, "length");
	f = one_address("192.0.2.1");
	f.n_address = 3;
	cr_expect_eq(filter_normalise(&f), POI_ERR_INVALID, "three addresses");
	f = (struct filter){
		.kinds = FILTER_PORT, .n_port = 1, .protocol = 6, .port = {ports(5, 4)}};
	cr_expect_eq(filter_normalise(&f), POI_ERR_INVALID, "reversed");
	f.port[0] = ports(4, 5);
	f.protocol = 1;
	cr_expect_eq(filter_normalise(&f), POI_ERR_INVALID, "protocol");
	f.protocol = 17;
	f.port[0].n = FILTER_RANGES_MAX + 1;
	cr_expect_eq(filter_normalise(&f), POI_ERR_TOO_LARGE);
	f = (struct filter){.kinds = 0x40};
	cr_expect_eq(filter_normalise(&f), POI_ERR_INVALID, "unknown kind");
	f = (struct filter){.kinds = FILTER_FTEID, .teid = 1};
	cr_expect_eq(filter_normalise(&f), POI_ERR_INVALID, "F-TEID without an address");
	f = one_address("192.0.2.1");
	f.kinds |= FILTER_DIRECTION;
	f.direction = 1;
	cr_expect_eq(filter_normalise(&f), POI_ERR_INVALID, "direction");
}

Test(filter, absent_kinds_leave_no_trace)
{
	struct filter a = one_address("192.0.2.1"), b = a;

	b.teid = 77;
	b.protocol = 6;
	b.direction = FILTER_TO_TARGET;
	b.mac[1][3] = 1;
	b.fteid_v4.b[0] = 1;
	b.port[0] = ports(1, 1);
	cr_assert_eq(filter_normalise(&a), POI_OK);
	cr_assert_eq(filter_normalise(&b), POI_OK);
	cr_assert_eq(memcmp(&a, &b, sizeof(a)), 0);
}

Test(filter, what_no_packet_satisfies_is_a_conflict)
{
	const char *why = NULL;
	struct filter f = two_addresses("192.0.2.1", "2001:db8::1");

	cr_expect_eq(filter_check(&f, &why), POI_ERR_CONFLICT, "v4 with v6");
	cr_assert_not_null(why);
	cr_expect_null(strstr(why, "192"), "no target value in the text");
	f = two_addresses("192.0.2.1", "192.0.2.1");
	cr_expect_eq(filter_check(&f, &why), POI_ERR_CONFLICT, "the same exact address twice");
	f = two_addresses("192.0.2.0/24", "192.0.2.0/24");
	cr_expect_eq(filter_check(&f, &why), POI_OK, "two ends in one network");
	f = two_addresses("192.0.2.1", "192.0.2.2");
	cr_expect_eq(filter_check(&f, &why), POI_OK);
	f = (struct filter){.kinds = FILTER_MAC, .n_mac = 2};
	cr_expect_eq(filter_check(&f, &why), POI_ERR_CONFLICT, "the same MAC twice");
	f = (struct filter){.kinds = FILTER_PORT | FILTER_DIRECTION,
		.n_port = 1,
		.protocol = 6,
		.port = {ports(1, 1)},
		.direction = FILTER_TO_TARGET};
	cr_expect_eq(filter_check(&f, &why), POI_ERR_CONFLICT, "ports have no direction");
	f = (struct filter){.kinds = FILTER_DIRECTION, .direction = FILTER_TO_TARGET};
	cr_expect_eq(filter_check(&f, &why), POI_ERR_INVALID, "direction alone");
	f = (struct filter){0};
	cr_expect_eq(filter_check(&f, &why), POI_ERR_INVALID, "empty");
	f = (struct filter){.kinds = FILTER_TEID | FILTER_DIRECTION,
		.teid = 1,
		.direction = FILTER_FROM_TARGET};
	cr_expect_eq(filter_check(&f, NULL), POI_OK);
}

static uint32_t draw(uint32_t *state, uint32_t below)
{
	*state = *state * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)*state * below) >> 32);
}

// Values in a small domain, so that merging, adjacency and equal ends come up often.
static struct filter random_filter(uint32_t *state)
{
	struct filter f = {.kinds = draw(state, 64)};

	if (f.kinds & FILTER_ADDRESS)
		f.n_address = (uint8_t)(1 + draw(state, 2));
	for (unsigned i = 0; i < f.n_address; i++) {
		f.address[i].family = draw(state, 2) ? 4 : 6;
		f.address[i].length = (uint8_t)(8 * draw(state, 4));
		for (unsigned k = 0; k < f.address[i].length / 8u; k++)
			f.address[i].b[k] = (uint8_t)draw(state, 3);
	}
	if (f.kinds & FILTER_PORT) {
		f.n_port = (uint8_t)(1 + draw(state, 2));
		f.protocol = draw(state, 2) ? 6 : 17;
	}
	for (unsigned i = 0; i < f.n_port; i++) {
		f.port[i].n = (uint8_t)(1 + draw(state, FILTER_RANGES_MAX));
		for (unsigned k = 0; k < f.port[i].n; k++) {
			uint16_t first = (uint16_t)draw(state, 100);
			f.port[i].range[k] =
				(struct port_range){first, (uint16_t)(first + draw(state, 5))};
		}
	}
	f.teid = draw(state, 1000);
	if (f.kinds & FILTER_FTEID) {
		uint32_t which = 1 + draw(state, 3);
		if (which & 1)
			f.fteid_v4 = (struct ip_address){.family = 4, .b = {1, 2, 3, 4}};
		if (which & 2)
			f.fteid_v6 = (struct ip_address){.family = 6, .b = {[15] = 9}};
	}
	if (f.kinds & FILTER_MAC) {
		f.n_mac = (uint8_t)(1 + draw(state, 2));
		f.mac[0][5] = (uint8_t)draw(state, 3);
		f.mac[1][5] = f.n_mac == 2 ? (uint8_t)draw(state, 3) : 0;
	}
	if (f.kinds & FILTER_DIRECTION)
		f.direction = draw(state, 2) ? FILTER_TO_TARGET : FILTER_FROM_TARGET;
	return f;
}

static bool has_port(const struct port_set *s, uint32_t port)
{
	for (unsigned i = 0; i < s->n; i++)
		if (port >= s->range[i].first && port <= s->range[i].last)
			return true;
	return false;
}

Test(filter, properties_of_20000_random_filters)
{
	uint32_t state = 1;

	for (int round = 0; round < 20000; round++) {
		struct filter f = random_filter(&state), original = f, again, decoded;
		uint8_t octets[FILTER_ENCODED_MAX];
		cr_assert_eq(filter_normalise(&f), POI_OK);
		again = f;
		cr_assert_eq(filter_normalise(&again), POI_OK);
		cr_assert_eq(memcmp(&f, &again, sizeof(f)), 0, "normalising twice changes nothing");
		if (f.n_port == 1)
			for (uint32_t p = 0; p < 110; p++)
				cr_assert_eq(
					has_port(&f.port[0], p), has_port(&original.port[0], p));

		struct wire_writer w = wire_writer_of(octets, sizeof(octets));
		filter_encode(&w, &f);
		cr_assert_eq(w.error, 0);
		struct wire_reader r = wire_reader_of(octets, wire_written(&w));
		filter_decode(&r, &decoded);
		cr_assert_eq(wire_finish(&r), POI_OK);
		cr_assert_eq(memcmp(&f, &decoded, sizeof(f)), 0);
		for (size_t cut = 0; cut < wire_written(&w); cut++) {
			r = wire_reader_of(octets, cut);
			filter_decode(&r, &decoded);
			cr_assert_neq(wire_finish(&r), POI_OK);
		}
	}
}

Test(filter, decode_takes_only_the_canonical_form)
{
	static const uint8_t host_bits[] = {0, 0, 0, 1, 1, 4, 24, 192, 0, 2, 1};
	static const uint8_t unsorted[] = {0, 0, 0, 1, 2, 4, 32, 192, 0, 2, 2, 4, 32, 192, 0, 2, 1};
	static const uint8_t adjacent[] = {0, 0, 0, 2, 6, 1, 2, 0, 1, 0, 2, 0, 3, 0, 4};
	static const uint8_t none[] = {0, 0, 0, 1, 0};
	static const struct {
		const uint8_t *octets;
		size_t length;
	} cases[] = {{host_bits, sizeof(host_bits)}, {unsorted, sizeof(unsorted)},
		{adjacent, sizeof(adjacent)}, {none, sizeof(none)}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter f;
		struct wire_reader r = wire_reader_of(cases[i].octets, cases[i].length);
		filter_decode(&r, &f);
		cr_expect_eq(r.error, POI_ERR_INVALID, "case %zu", i);
		cr_expect_eq(f.kinds, 0);
	}
}

Test(filter, addresses_as_text)
{
	struct ip_address a;
	struct ip_prefix p;
	char out[46];
	static const char *const bad[] = {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.0004",
		"1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "0x1.2.3.4", "1..2.3", "::g",
		"1:2:3:4:5:6:7:8:9", "fe80::1%eth0", "host"};
	static const char *const bad_prefix[] = {"192.0.2.0/33", "192.0.2.0/", "192.0.2.0/ 24",
		"192.0.2.0/24x", "::/129", "192.0.2.0/-1", "/24", "192.0.2.0/0024"};

	cr_assert_eq(ip_address_parse("010.001.0.08", &a), POI_OK);
	ip_address_format(&a, out, sizeof(out));
	cr_assert_str_eq(out, "10.1.0.8", "leading zeros are decimal");
	cr_assert_eq(ip_address_parse("2001:DB8:0:0:0:0:0:1", &a), POI_OK);
	ip_address_format(&a, out, sizeof(out));
	cr_assert_str_eq(out, "2001:db8::1");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(ip_address_parse(bad[i], &a), POI_ERR_SYNTAX, "%s", bad[i]);
	for (size_t i = 0; i < sizeof(bad_prefix) / sizeof(bad_prefix[0]); i++)
		cr_expect_eq(
			ip_prefix_parse(bad_prefix[i], &p), POI_ERR_SYNTAX, "%s", bad_prefix[i]);
	cr_expect_eq(ip_prefix_parse("192.0.2.1/24", &p), POI_ERR_INVALID);
	cr_assert_eq(prefix("192.0.2.1").length, 32);
	cr_assert_eq(prefix("::/0").length, 0);
}

Test(filter, prefix_covers)
{
	struct ip_prefix p = prefix("198.51.100.128/25"), all = prefix("0.0.0.0/0");
	struct ip_prefix six = prefix("2001:db8::/33");
	const uint8_t in[4] = {198, 51, 100, 128}, out[4] = {198, 51, 100, 127};
	uint8_t a6[16] = {0x20, 0x01, 0x0d, 0xb8, 0x7f};

	cr_assert(ip_prefix_covers(&p, 4, in));
	cr_assert_not(ip_prefix_covers(&p, 4, out));
	cr_assert(ip_prefix_covers(&all, 4, out));
	cr_assert_not(ip_prefix_covers(&all, 6, a6));
	cr_assert(ip_prefix_covers(&six, 6, a6));
	a6[4] = 0x80;
	cr_assert_not(ip_prefix_covers(&six, 6, a6));
}
