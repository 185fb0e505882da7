#include "dataplane/capture/header_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "shared/pdu.h"
#include "shared/wire.h"

static const uint8_t pdhr_vector[] = {0x30, 0x31, 0x81, 0x05, 0x04, 0x13, 0x12, 0x0f, 0x01, 0xa2,
	0x28, 0xae, 0x26, 0x81, 0x02, 0x00, 0xff, 0xa2, 0x06, 0x81, 0x04, 0x0a, 0x2d, 0x00, 0x02,
	0x83, 0x03, 0x00, 0xc7, 0x38, 0xa4, 0x06, 0x81, 0x04, 0xc6, 0x33, 0x64, 0x50, 0x85, 0x02,
	0x01, 0xbb, 0x86, 0x01, 0x06, 0x88, 0x01, 0x01, 0x89, 0x01, 0x3c};

static const uint8_t pdsr_vector[] = {0x30, 0x81, 0x83, 0x81, 0x05, 0x04, 0x13, 0x12, 0x0f, 0x01,
	0xa2, 0x7a, 0xaf, 0x78, 0x81, 0x02, 0x00, 0xff, 0xa2, 0x12, 0x82, 0x10, 0x20, 0x01, 0x0d,
	0xb8, 0x00, 0x45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x83, 0x03, 0x00, 0x9c, 0x41, 0xa4, 0x12,
	0x82, 0x10, 0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53, 0x85, 0x01,
	0x35, 0x86, 0x01, 0x11, 0x87, 0x03, 0x0a, 0xbc, 0xde, 0x88, 0x01, 0x01, 0x89, 0x01, 0x01,
	0x8a, 0x16, '2', '0', '2', '6', '0', '1', '0', '1', '0', '0', '0', '0', '0', '0', '.', '1',
	'2', '3', '4', '5', '6', 'Z', 0x8b, 0x11, '2', '0', '2', '6', '0', '1', '0', '1', '0', '0',
	'0', '0', '1', '0', '.', '5', 'Z', 0x8c, 0x01, 0x2a, 0x8d, 0x03, 0x00, 0xf0, 0x00, 0x8e,
	0x01, 0x00};

static struct xiri sample_pdhr(void)
{
	return (struct xiri){.facts = {.address = {10, 45, 0, 2, 198, 51, 100, 80},
				     .sport = 51000,
				     .dport = 443,
				     .size = 60,
				     .family = 4,
				     .protocol = 6,
				     .direction = PDU_DIRECTION_FROM_TARGET,
				     .flags = HEADER_PORTS}};
}

static struct xiri sample_pdsr(void)
{
	struct xiri x = {.facts = {.address = {0x20, 1, 0x0d, 0xb8, 0, 0x45},
				 .sport = 40001,
				 .dport = 53,
				 .flow_label = 0xabcde,
				 .family = 6,
				 .protocol = 17,
				 .direction = PDU_DIRECTION_FROM_TARGET,
				 .flags = HEADER_PORTS},
		.trigger = SUMMARY_TIMER,
		.first_ns = 1767225600123456000u,
		.last_ns = 1767225610500000000u,
		.packets = 42,
		.bytes = 61440};
	static const uint8_t to[] = {0x20, 1, 0x0d, 0xb8, 0xff, 0xff};

	x.facts.address[15] = 2;
	memcpy(x.facts.address + 16, to, sizeof(to));
	x.facts.address[31] = 0x53;
	return x;
}

static void expect_octets(const struct xiri *x, const uint8_t *octets, size_t n)
{
	uint8_t out[XIRI_MAX];
	const uint8_t *at = xiri_write(out, x);
	struct xiri back;

	cr_assert_eq((size_t)(out + XIRI_MAX - at), n);
	cr_assert_arr_eq(at, octets, n);
	cr_assert_eq(xiri_decode(octets, n, &back), 0);
	cr_assert_arr_eq(xiri_write(out, &back), octets, n);
}

Test(header_report, worked_packet_report)
{
	struct xiri x = sample_pdhr(), back;

	expect_octets(&x, pdhr_vector, sizeof(pdhr_vector));
	cr_assert_eq(xiri_decode(pdhr_vector, sizeof(pdhr_vector), &back), 0);
	cr_expect_eq(back.facts.sport, 51000);
	cr_expect_eq(back.facts.size, 60);
	cr_expect_eq(back.facts.direction, PDU_DIRECTION_FROM_TARGET);
	cr_expect_eq(back.trigger, SUMMARY_NONE);
}

Test(header_report, worked_summary)
{
	struct xiri x = sample_pdsr(), back;

	expect_octets(&x, pdsr_vector, sizeof(pdsr_vector));
	cr_assert_eq(xiri_decode(pdsr_vector, sizeof(pdsr_vector), &back), 0);
	cr_expect_eq(back.packets, 42);
	cr_expect_eq(back.first_ns, x.first_ns);
	cr_expect_eq(back.last_ns, x.last_ns);
	cr_expect(!back.session);
}

Test(header_report, the_release_is_told)
{
	uint8_t out[XIRI_MAX];
	struct xiri x = sample_pdhr();

	x.release = CONFIG_XIRI_R19;
	const uint8_t *at = xiri_write(out, &x);
	cr_expect_arr_eq(at + 2, "\x81\5\4\x13\x13\3\1", 7);
}

Test(header_report, the_longest_fits)
{
	uint8_t out[XIRI_MAX];
	struct xiri x = sample_pdsr(), back;

	x.facts.sport = x.facts.dport = UINT16_MAX;
	x.facts.flow_label = 0xfffff;
	x.facts.protocol = 132;
	x.first_ns = x.last_ns = 1767225600123456789u;
	x.packets = x.bytes = UINT64_MAX;
	x.session = true;
	const uint8_t *at = xiri_write(out, &x);
	cr_assert_gt(at, out);
	cr_assert_eq(xiri_decode(at, (size_t)(out + XIRI_MAX - at), &back), 0);
	cr_expect_eq(back.bytes, UINT64_MAX);
	cr_expect(back.session);
}

Test(header_report, every_cut_and_every_octet_more_is_refused)
{
	uint8_t longer[sizeof(pdsr_vector) + 1] = {0};
	struct xiri x;

	for (size_t n = 0; n < sizeof(pdsr_vector); n++)
		cr_assert_lt(xiri_decode(pdsr_vector, n, &x), 0, "%zu", n);
	memcpy(longer, pdsr_vector, sizeof(pdsr_vector));
	cr_assert_lt(xiri_decode(longer, sizeof(longer), &x), 0);
}

// A frame: Ethernet, IPv4 with TCP; the view is the parser's.
static uint8_t frame[128];

static struct packet_view view4(void)
{
	memset(frame, 0, sizeof(frame));
	frame[14] = 0x45;
	memcpy(frame + 26, (uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
	frame[34 + 13] = TCP_FIN | 0x10;
	return (struct packet_view){.data = frame,
		.length = 74,
		.total = 74,
		.n_layers = 1,
		.layer[0] = {.l3 = 14,
			.l4 = 34,
			.length = 60,
			.sport = 1000,
			.dport = 2000,
			.family = 4,
			.protocol = 6,
			.flags = LAYER_PORTS,
			.source = 12,
			.address_length = 4}};
}

Test(header_report, facts_of_ipv4)
{
	struct packet_view v = view4();
	struct hit h = {.direction = PDU_DIRECTION_TO_TARGET};
	struct header_facts f;

	cr_assert(header_facts_of(&f, &h, &v));
	cr_expect_arr_eq(f.address, ((uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2, 0}), 9);
	cr_expect_eq(f.size, 60, "Total Length");
	cr_expect_eq(f.sport, 1000);
	cr_expect_eq(f.dport, 2000);
	cr_expect_eq(f.flags, HEADER_PORTS);
	cr_expect_eq(f.direction, PDU_DIRECTION_TO_TARGET);
	cr_expect_eq(f.tcp, TCP_FIN | 0x10);
	v.length = 34 + 13; // the flags are not in this segment
	cr_assert(header_facts_of(&f, &h, &v));
	cr_expect_eq(f.tcp, 0);
}

struct ports_row {
	uint8_t protocol, flags;
	bool ports;
};

static const struct ports_row ports_rows[] = {
	{6, LAYER_PORTS, true},
	{17, LAYER_PORTS, true},
	{33, LAYER_PORTS, true},
	{132, LAYER_PORTS, true},
	{136, LAYER_PORTS, false}, // UDP-Lite has ports, the clause does not name it
	{17, LAYER_PORTS | LAYER_FRAGMENT_FIRST, true},
	{17, LAYER_FRAGMENT_FIRST, false}, // too short for them
	{17, LAYER_FRAGMENT_LATER, false},
	{17, LAYER_FRAGMENT_LATER | LAYER_PORTS_FOLLOWED, false}, // those of the first fragment
	{17, LAYER_FRAGMENT_LATER | LAYER_PORTS_FOLLOWED | LAYER_PORTS, false},
	{1, 0, false},
};

Test(header_report, ports_only_where_they_lie_in_this_fragment)
{
	for (size_t i = 0; i < sizeof(ports_rows) / sizeof(ports_rows[0]); i++) {
		struct packet_view v = view4();
		struct hit h = {.direction = PDU_DIRECTION_TO_TARGET};
		struct xiri x = {0}, back;
		uint8_t out[XIRI_MAX];
		v.layer[0].protocol = ports_rows[i].protocol;
		v.layer[0].flags = ports_rows[i].flags;
		cr_assert(header_facts_of(&x.facts, &h, &v));
		cr_expect_eq(x.facts.flags == HEADER_PORTS, ports_rows[i].ports, "row %zu", i);
		const uint8_t *at = xiri_write(out, &x);
		cr_assert_eq(xiri_decode(at, (size_t)(out + XIRI_MAX - at), &back), 0);
		cr_expect_eq(back.facts.flags, x.facts.flags);
		cr_expect_eq(back.facts.sport, ports_rows[i].ports ? 1000 : 0);
		cr_expect_eq(back.facts.direction, PDU_DIRECTION_TO_TARGET);
	}
}

Test(header_report, facts_of_ipv6)
{
	struct packet_view v = view4();
	struct hit h = {.direction = PDU_DIRECTION_FROM_TARGET};
	struct header_facts f;

	wire_store32(frame + 14, 0x60012345 | 0x0ff00000);
	memset(frame + 22, 0xaa, 16);
	memset(frame + 38, 0xbb, 16);
	v.layer[0] = (struct packet_layer){.l3 = 14,
		.length = 60,
		.family = 6,
		.protocol = 58,
		.source = 8,
		.address_length = 16};
	cr_assert(header_facts_of(&f, &h, &v));
	cr_expect_eq(f.size, 20, "Payload Length");
	cr_expect_eq(f.flow_label, 0x12345, "without the traffic class");
	cr_expect_eq(f.address[15], 0xaa);
	cr_expect_eq(f.address[16], 0xbb);
	cr_expect_eq(f.flags, 0);
}

Test(header_report, hits_without_an_ip_packet)
{
	struct packet_view v = view4();
	struct hit h = {.layer = HIT_WHOLE_FRAME};
	struct header_facts f;

	cr_expect(header_facts_of(&f, &h, &v), "a MAC address: the outermost packet");
	v.n_layers = 0;
	cr_expect(!header_facts_of(&f, &h, &v), "no IP in the frame");
	v = view4();
	v.flags = VIEW_GTPU | VIEW_UNSTRUCTURED;
	h = (struct hit){.tunnelled = 1};
	cr_expect(!header_facts_of(&f, &h, &v), "a tunnel's content that is no IP");
}

Test(header_report, random_records_come_back)
{
	srand(20260101);
	for (int i = 0; i < 20000; i++) {
		struct xiri x = {0}, back;
		uint8_t out[XIRI_MAX];
		x.facts.family = rand() % 2 ? 4 : 6;
		for (int k = 0; k < (x.facts.family == 4 ? 8 : 32); k++)
			x.facts.address[k] = (uint8_t)rand();
		x.facts.protocol = rand() % 2 ? 17 : (uint8_t)rand();
		if (x.facts.protocol == 17 && rand() % 2) {
			x.facts.flags = HEADER_PORTS;
			x.facts.sport = (uint16_t)rand();
			x.facts.dport = (uint16_t)rand();
		}
		x.facts.flow_label = x.facts.family == 6 ? (uint32_t)rand() & 0xfffff : 0;
		x.facts.direction = (uint8_t)(2 + rand() % 2);
		x.release = (uint8_t)(rand() % 2);
		x.trigger = (uint8_t)(rand() % 6);
		if (x.trigger == SUMMARY_NONE) {
			x.facts.size = (uint16_t)rand();
		} else {
			x.session = rand() % 2;
			x.first_ns = (uint64_t)rand() * (uint64_t)rand();
			x.last_ns = (uint64_t)rand() * 1000;
			x.packets = (uint64_t)rand() << rand() % 33;
			x.bytes = (uint64_t)rand() << rand() % 33;
		}
		const uint8_t *at = xiri_write(out, &x);
		cr_assert_eq(xiri_decode(at, (size_t)(out + XIRI_MAX - at), &back), 0);
		cr_assert_eq(memcmp(&back.facts, &x.facts, sizeof(x.facts)), 0);
		cr_assert_eq(back.release, x.release);
		cr_assert_eq(back.trigger, x.trigger);
		cr_assert_eq(back.session, x.session);
		cr_assert_eq(back.first_ns, x.first_ns);
		cr_assert_eq(back.last_ns, x.last_ns);
		cr_assert_eq(back.packets, x.packets);
		cr_assert_eq(back.bytes, x.bytes);
	}
}
