// Each outcome of the parser, every truncation of sample frames, hostile frames.

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/packet/parse.h"
#include "shared/wire.h"
#include "tests/unit/dataplane/packet/frames.h"

static const struct port_traits everything = {
	.tunnel = CONFIG_TUNNEL_GTPU, .gre = true, .ipip = true, .vxlan = true};
static const struct port_traits plain = {.tunnel = CONFIG_TUNNEL_NONE};

// Parses `length` octets of the frame from a heap copy of exactly that size. The view's data is
// gone.
static struct packet_view parse_part(
	const struct port_traits *port, const struct frame *f, uint32_t length)
{
	struct packet_view v;
	uint8_t *copy = malloc(length ? length : 1);

	memset(&v, 0x5a, sizeof(v));
	memcpy(copy, f->b, length);
	v.data = copy;
	v.length = v.total = length;
	parse_burst(port, &v, 1);
	free(copy);
	return v;
}

#define expect(f, port, what, layers)                                                           \
	do {                                                                                    \
		frame_finish(f);                                                                \
		struct packet_view seen = parse_part(port, f, (f)->n);                          \
		cr_assert_eq(seen.outcome, PACKET_##what, "%s, not %s",                         \
			packet_outcome_name(seen.outcome), packet_outcome_name(PACKET_##what)); \
		cr_assert_eq(seen.n_layers, layers, "%u layers", seen.n_layers);                \
	} while (0)

static struct frame start(uint16_t type)
{
	struct frame f = {0};
	frame_ethernet(&f, type);
	return f;
}

static struct frame start_v4(uint8_t protocol)
{
	struct frame f = start(0x0800);
	frame_ipv4(&f, 0x0a000001, 0x0a000002, protocol);
	return f;
}

static struct frame start_v6(uint8_t next)
{
	struct frame f = start(0x86dd);
	frame_ipv6(&f, 1, 2, next);
	return f;
}

static struct frame start_gtpu(void)
{
	struct frame f = start_v4(17);
	frame_udp(&f, 2152, 2152);
	return f;
}

Test(parse, plain_ip)
{
	struct frame f = start_v4(17);
	frame_udp(&f, 1000, 53);
	frame_zero(&f, 30);
	expect(&f, &everything, IP, 1);
	struct packet_view v = parse_part(&everything, &f, f.n);
	cr_assert(v.layer[0].sport == 1000 && v.layer[0].dport == 53);
	cr_assert(v.layer[0].l3 == 14 && v.layer[0].l4 == 34 && v.layer[0].length == 58);
	cr_assert_eq(v.layer[0].flags, LAYER_PORTS);
	f = start_v6(6);
	frame_tcp(&f, 1, 2);
	expect(&f, &everything, IP, 1);
	f = start_v4(132);
	frame_zero(&f, 12);
	expect(&f, &plain, IP, 1);
	f = start_v4(1);
	frame_zero(&f, 8);
	expect(&f, &plain, IP, 1);
	f = start(0x0806);
	frame_zero(&f, 28);
	expect(&f, &plain, NOT_IP, 0);
	f = start_gtpu(); // UDP 2152 is payload like any other without a tunnel
	frame_zero(&f, 4);
	expect(&f, &plain, IP, 1);
}

Test(parse, link_layer)
{
	struct frame f = start(0x88a8);
	frame_vlan(&f, 0x8100);
	frame_vlan(&f, 0x9100);
	frame_vlan(&f, 0x8100);
	frame_vlan(&f, 0x0800);
	frame_ipv4(&f, 1, 2, 6);
	frame_tcp(&f, 1, 2);
	expect(&f, &plain, IP, 1);
	f.n = 16;
	expect(&f, &plain, VLAN_TRUNCATED, 0);
	f.n = 13;
	expect(&f, &plain, ETH_TRUNCATED, 0);
	f = start(0x8100);
	for (int i = 0; i < 4; i++)
		frame_vlan(&f, 0x8100);
	frame_vlan(&f, 0x0800);
	expect(&f, &plain, VLAN_DEPTH, 0);
	f = start(0x8847);
	for (int i = 0; i < 7; i++)
		frame_mpls(&f, 0);
	struct frame deep = f;
	frame_mpls(&f, 1);
	expect(&f, &plain, MPLS_TRUNCATED, 0);
	frame_ipv6(&f, 1, 2, 59);
	expect(&f, &plain, IP, 1);
	frame_mpls(&deep, 0);
	frame_mpls(&deep, 1);
	expect(&deep, &plain, MPLS_DEPTH, 0);
	f = start(0x8864);
	frame_pppoe(&f, 0x21);
	frame_ipv4(&f, 1, 2, 17);
	frame_udp(&f, 1, 2);
	expect(&f, &plain, IP, 1);
	wire_store16(f.b + 18, 200);
	expect(&f, &plain, PPPOE_CLAMPED, 1);
	wire_store16(f.b + 18, 1);
	expect(&f, &plain, PPPOE_LENGTH, 0);
	f.n = 20;
	expect(&f, &plain, PPPOE_TRUNCATED, 0);
}

// Ethernet over MPLS: a MAC address may begin as IP does.
Test(parse, labels_are_left_for_ip_that_shows_itself)
{
	struct frame f = start(0x8847);
	frame_mpls(&f, 1);
	frame_ipv4(&f, 1, 2, 6);
	frame_tcp(&f, 1, 2);
	frame_zero(&f, 40);
	expect(&f, &plain, IP, 1);
	struct frame g = f;
	g.b[29]++; // another checksum
	expect(&g, &plain, NOT_IP, 0);
	g = f;
	g.n -= 20;
	expect(&g, &plain, MPLS_TRUNCATED, 0);
	frame_zero(&f, 30);
	expect(&f, &plain, IP, 1);
	f = start(0x8847);
	frame_mpls(&f, 1);
	frame_ipv6(&f, 1, 2, 6);
	frame_tcp(&f, 1, 2);
	expect(&f, &plain, IP, 1);
	frame_zero(&f, 4); // a check sequence
	expect(&f, &plain, IP, 1);
	frame_zero(&f, 1);
	expect(&f, &plain, NOT_IP, 0);
	f.n -= 6;
	expect(&f, &plain, NOT_IP, 0);
	static const uint8_t starts[] = {0x45, 0x46, 0x60, 0x64, 0x00};
	for (unsigned i = 0; i < sizeof(starts); i++) {
		f = start(0x8847);
		frame_mpls(&f, 1);
		frame_ethernet(&f, 0x0800);
		f.b[18] = starts[i];
		frame_ipv4(&f, 1, 2, 6);
		frame_tcp(&f, 1, 2);
		expect(&f, &plain, NOT_IP, 0);
	}
}

Test(parse, ip_faults)
{
	struct frame f = start_v4(6);
	frame_tcp(&f, 1, 2);
	frame_finish(&f);
	struct frame g = f;
	g.b[14] = 0x55;
	expect(&g, &plain, IPV4_VERSION, 0);
	g.b[14] = 0x44;
	expect(&g, &plain, IPV4_HEADER_LENGTH, 0);
	g = f;
	g.b[17] = 19;
	expect(&g, &plain, IPV4_TOTAL_LENGTH, 0);
	g = f;
	g.n = 33;
	expect(&g, &plain, IPV4_TRUNCATED, 0);
	g.n = 36;
	expect(&g, &plain, L4_TRUNCATED, 1);
	g = f;
	g.b[46] = 0x40;
	expect(&g, &plain, TCP_OFFSET, 1);
	g.b[46] = 0x60;
	expect(&g, &plain, TCP_OFFSET, 1);
	f = start_v4(17);
	frame_udp(&f, 1, 2);
	frame_finish(&f);
	f.b[39] = 9;
	expect(&f, &plain, UDP_LENGTH, 1);
	f.b[39] = 7;
	expect(&f, &plain, UDP_LENGTH, 1);
	f = start_v6(6);
	frame_tcp(&f, 1, 2);
	frame_finish(&f);
	g = f;
	g.b[14] = 0x40;
	expect(&g, &plain, IPV6_VERSION, 0);
	g = f;
	g.b[19] = 0;
	expect(&g, &plain, IP_NO_LENGTH, 1);
	g.n = 54;
	expect(&g, &plain, IPV6_PAYLOAD_LENGTH, 1);
	g.n = 53;
	expect(&g, &plain, IPV6_TRUNCATED, 0);
}

Test(parse, extension_headers)
{
	struct frame f = start_v6(0);
	uint8_t option[8] = {60, 0}, last[8] = {17, 0};
	for (int i = 0; i < 7; i++)
		frame_raw(&f, option, 8);
	struct frame deep = f, cut = f;
	frame_raw(&f, last, 8);
	frame_udp(&f, 5, 6);
	expect(&f, &plain, IP, 1);
	cr_assert_eq(parse_part(&plain, &f, f.n).layer[0].dport, 6);
	frame_raw(&deep, option, 8);
	frame_raw(&deep, last, 8);
	expect(&deep, &plain, IPV6_EXT_DEPTH, 1);
	uint8_t longer[8] = {17, 9};
	frame_raw(&cut, longer, 8);
	expect(&cut, &plain, IPV6_EXT_TRUNCATED, 1);
}

// Their ports are what TS 33.128 tables 6.2.3.9.3-1 and .4-1 ask for.
Test(parse, dccp)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct frame f = v6 ? start_v6(33) : start_v4(33);
		frame_u16(&f, 5001);
		frame_u16(&f, 5002);
		frame_zero(&f, 12);
		expect(&f, &plain, IP, 1);
		struct packet_view v = parse_part(&plain, &f, f.n);
		cr_assert(v.layer[0].flags & LAYER_PORTS && v.layer[0].protocol == 33);
		cr_assert(v.layer[0].sport == 5001 && v.layer[0].dport == 5002);
		f.n -= 5;
		v = parse_part(&plain, &f, f.n);
		cr_assert_eq(v.outcome, PACKET_L4_TRUNCATED);
	}
}

Test(parse, authentication_header_in_ipv4)
{
	struct frame f = start_v4(51);
	uint8_t header[24] = {6, 4};

	frame_raw(&f, header, 24);
	frame_tcp(&f, 5, 80);
	expect(&f, &plain, IP, 1);
	struct packet_view v = parse_part(&plain, &f, f.n);
	cr_assert(v.layer[0].protocol == 6 && v.layer[0].dport == 80 && v.layer[0].l4 == 58);
	f.b[35] = 200;
	expect(&f, &plain, AH_TRUNCATED, 1);
	f = start_v4(51);
	header[0] = 17;
	frame_raw(&f, header, 24);
	frame_udp(&f, 2152, 2152);
	frame_gtpu(&f, 255, 7);
	frame_ipv4(&f, 1, 2, 59);
	expect(&f, &everything, GTPU, 2);
	wire_store16(f.b + 20, 0x2000); // a first fragment
	v = parse_part(&everything, &f, f.n);
	cr_assert(v.layer[0].flags & LAYER_FRAGMENT_FIRST && v.layer[0].protocol == 17);
	f = start_v4(51);
	uint8_t next[8] = {51, 0};
	for (unsigned i = 0; i < 8; i++)
		frame_raw(&f, next, 8);
	f.b[f.n - 8] = 59;
	struct frame deep = f;
	expect(&f, &plain, IP, 1);
	deep.b[deep.n - 8] = 51;
	frame_raw(&deep, next, 8);
	expect(&deep, &plain, AH_DEPTH, 1);
}

Test(parse, fragments)
{
	struct frame f = start_v4(17);
	frame_udp(&f, 5, 2152);
	frame_zero(&f, 24);
	frame_finish(&f);
	wire_store16(f.b + 20, 0x2000);
	struct packet_view v = parse_part(&everything, &f, f.n);
	cr_assert(v.outcome == PACKET_IP &&
		  v.layer[0].flags == (LAYER_PORTS | LAYER_FRAGMENT_FIRST | LAYER_CARRIER));
	cr_assert_eq(v.layer[0].fragment_id, 0x1234u);
	wire_store16(f.b + 20, 0x0003);
	v = parse_part(&everything, &f, f.n);
	cr_assert(v.outcome == PACKET_IP && v.layer[0].flags == LAYER_FRAGMENT_LATER &&
		  v.layer[0].l4 == 0);
	f = start_v6(44);
	uint8_t header[8] = {17, 0, 0, 8, 1, 2, 3, 4};
	frame_raw(&f, header, 8);
	frame_zero(&f, 16);
	frame_finish(&f);
	v = parse_part(&everything, &f, f.n);
	cr_assert(v.layer[0].flags == LAYER_FRAGMENT_LATER && v.layer[0].fragment_id == 0x01020304);
	cr_assert_eq(v.layer[0].protocol, 17);
}

Test(parse, gtpu)
{
	struct frame f = start_gtpu();
	frame_gtpu_session(&f, 0x11223344, 1, 9);
	frame_ipv6(&f, 7, 8, 17);
	frame_udp(&f, 100, 200);
	expect(&f, &everything, GTPU, 2);
	struct packet_view v = parse_part(&everything, &f, f.n);
	cr_assert_eq(v.flags, VIEW_GTPU | VIEW_PDU_SESSION);
	cr_assert(v.teid == 0x11223344 && v.pdu_type == 1 && v.qfi == 9 && v.gtp == 42);
	cr_assert(v.gtp_header == 16 && v.gtp_length == 16 + 48 && v.gtp_outer == 0);
	cr_assert(v.layer[0].flags & LAYER_CARRIER && v.layer[1].wrap == WRAP_GTPU);
	cr_assert(v.layer[1].dport == 200 && v.layer[1].l3 == 58);
	f.b[45]++; // as Pktgen counts it
	expect(&f, &everything, GTPU_CLAMPED, 2);
	f.b[45]--;
	frame_zero(&f, 7); // padding behind the message
	f.b[17] += 7;
	f.b[39] += 7;
	expect(&f, &everything, GTPU, 2);
	v = parse_part(&everything, &f, f.n);
	cr_assert(v.gtp_length == 16 + 48 && v.layer[1].dport == 200);
	f.n -= 7;
	f.b[17] -= 7;
	f.b[39] -= 7;
	f.b[42] = 0x54;
	expect(&f, &everything, GTPU_VERSION, 1);
	f.b[42] = 0x34;
	f.b[54] = 0;
	expect(&f, &everything, GTPU_EXT_LENGTH, 1);
	f.b[54] = 40;
	expect(&f, &everything, GTPU_EXT_TRUNCATED, 1);
	f = start_gtpu();
	frame_zero(&f, 7);
	expect(&f, &everything, GTPU_TRUNCATED, 1);
	static const uint8_t types[] = {1, 2, 26, 31, 254};
	for (unsigned i = 0; i < sizeof(types); i++) {
		f = start_gtpu();
		frame_gtpu(&f, types[i], 5);
		frame_zero(&f, 6);
		expect(&f, &everything, GTPU_SIGNALLING, 1);
	}
}

Test(parse, gtpu_content)
{
	struct frame f = start_gtpu();
	frame_gtpu(&f, 255, 1);
	frame_zero(&f, 40);
	expect(&f, &everything, GTPU_UNSTRUCTURED, 1);
	cr_assert(parse_part(&everything, &f, f.n).flags & VIEW_UNSTRUCTURED);
	f = start_gtpu();
	frame_gtpu(&f, 255, 1);
	frame_ethernet(&f, 0x0800);
	f.b[f.n - 14] = 0x46; // a MAC address that looks like IPv4
	frame_ipv4(&f, 1, 2, 6);
	frame_tcp(&f, 3, 4);
	expect(&f, &everything, GTPU, 2);
	cr_assert(parse_part(&everything, &f, f.n).flags & VIEW_ETHERNET);
	f = start_gtpu();
	frame_gtpu(&f, 255, 1);
	frame_ipv4(&f, 0x08000001, 2, 6); // an address that looks like an Ethertype
	frame_tcp(&f, 3, 4);
	expect(&f, &everything, GTPU, 2);
	cr_assert_not(parse_part(&everything, &f, f.n).flags & VIEW_ETHERNET);
	f = start_gtpu();
	frame_gtpu(&f, 255, 1);
	f.b[42] = 0x34;
	uint8_t option[4] = {0, 0, 0, 0x40}, more[4] = {1, 0, 0, 0x40}, none[4] = {1};
	frame_raw(&f, option, 4);
	for (int i = 0; i < 7; i++)
		frame_raw(&f, more, 4);
	struct frame deep = f;
	frame_raw(&f, none, 4);
	frame_ipv4(&f, 1, 2, 59);
	expect(&f, &everything, GTPU, 2);
	frame_raw(&deep, more, 4);
	frame_raw(&deep, none, 4);
	expect(&deep, &everything, GTPU_EXT_DEPTH, 1);
}

// Receivers take the datagram, so no user hides behind the length.
Test(parse, gtpu_length_that_lies)
{
	static const int by[] = {8, 1, 60000, -1, -8, -28, -29, -36, -44};

	for (unsigned i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
		struct frame f = start_gtpu();
		frame_gtpu_session(&f, 0x11223344, 1, 9);
		frame_ipv4(&f, 7, 8, 17);
		frame_udp(&f, 100, 200);
		frame_finish(&f);
		wire_store16(f.b + 44, (uint16_t)(36 + by[i]));
		expect(&f, &everything, GTPU_CLAMPED, 2);
		struct packet_view v = parse_part(&everything, &f, f.n);
		cr_assert_eq(v.layer[1].dport, 200, "%d", by[i]);
		cr_assert_eq(v.gtp_length - v.gtp_header, 28);
		cr_assert_not(v.layer[1].flags & LAYER_CUT);
	}
	struct frame f = start_gtpu();
	frame_gtpu(&f, 255, 1);
	frame_zero(&f, 40); // no IP: the header's length is the message, the rest is padding
	frame_finish(&f);
	wire_store16(f.b + 44, 20);
	expect(&f, &everything, GTPU_UNSTRUCTURED, 1);
	struct packet_view v = parse_part(&everything, &f, f.n);
	cr_assert_eq(v.gtp_length - v.gtp_header, 20);
	wire_store16(f.b + 44, 41);
	expect(&f, &everything, GTPU_CLAMPED, 1);
	v = parse_part(&everything, &f, f.n);
	cr_assert_eq(v.gtp_length - v.gtp_header, 40);
	f.b[43] = 1; // an echo
	expect(&f, &everything, GTPU_SIGNALLING, 1);
}

Test(parse, ip_without_a_length)
{
	struct frame f = start_v4(6);
	frame_tcp(&f, 1, 443);
	frame_zero(&f, 200);
	frame_finish(&f);
	wire_store16(f.b + 16, 0);
	expect(&f, &plain, IP_NO_LENGTH, 1);
	struct packet_view v = parse_part(&plain, &f, f.n);
	cr_assert(v.layer[0].length == 240 && v.layer[0].dport == 443);
	f = start_v6(6);
	frame_tcp(&f, 1, 443);
	frame_zero(&f, 200);
	frame_finish(&f);
	wire_store16(f.b + 18, 0);
	expect(&f, &plain, IP_NO_LENGTH, 1);
	v = parse_part(&plain, &f, f.n);
	cr_assert(v.layer[0].length == 260 && v.layer[0].dport == 443);
	f = start_v6(59);
	expect(&f, &plain, IP, 1);
	f = start_gtpu(); // inside a tunnel it ends with that
	frame_gtpu(&f, 255, 1);
	frame_ipv4(&f, 1, 2, 6);
	frame_tcp(&f, 1, 443);
	frame_finish(&f);
	wire_store16(f.b + 52, 0);
	frame_zero(&f, 6);
	expect(&f, &everything, IP_NO_LENGTH, 2);
	v = parse_part(&everything, &f, f.n);
	cr_assert_eq(v.layer[1].length, 40);
}

// More than the offsets of a view reach is not the whole packet.
Test(parse, ip_without_a_length_in_a_very_long_frame)
{
	struct frame f = start_v4(6);
	frame_tcp(&f, 1, 443);
	frame_finish(&f);
	wire_store16(f.b + 16, 0);
	struct packet_view v = {.data = f.b, .length = f.n, .total = 100000};
	parse_burst(&plain, &v, 1);
	cr_assert(v.layer[0].flags & LAYER_CUT);
}

Test(parse, jumbograms)
{
	uint8_t option[8] = {6, 0, 0xc2, 4};
	struct frame f = start_v6(0);

	wire_store32(option + 4, 8 + 20 + 100);
	frame_raw(&f, option, 8);
	frame_tcp(&f, 1, 443);
	frame_zero(&f, 100);
	frame_finish(&f);
	wire_store16(f.b + 18, 0);
	frame_zero(&f, 3); // behind it
	expect(&f, &plain, IP_NO_LENGTH, 1);
	struct packet_view v = parse_part(&plain, &f, f.n);
	cr_assert(v.layer[0].length == 168 && v.layer[0].dport == 443);
	cr_assert_not(v.layer[0].flags & LAYER_CUT);
	wire_store32(f.b + 58, 0xffffffff);
	v = parse_part(&plain, &f, f.n);
	cr_assert(v.layer[0].flags & LAYER_CUT && v.layer[0].dport == 443);
}

Test(parse, pppoe)
{
	for (unsigned octets = 1; octets <= 2; octets++) { // of the PPP protocol
		struct frame f = start(0x8864);
		uint32_t content = octets + 40;
		frame_raw(&f, (const uint8_t[]){0x11, 0, 0, 1, 0, 0, 0, 0x21}, 6);
		wire_store16(f.b + 18, (uint16_t)content);
		frame_raw(&f, (const uint8_t[]){0, 0x21} + (2 - octets), octets);
		frame_ipv4(&f, 1, 2, 6);
		frame_tcp(&f, 1, 443);
		expect(&f, &plain, IP, 1);
		frame_zero(&f, 9);
		expect(&f, &plain, IP, 1);
		wire_store16(f.b + 18, (uint16_t)(content - 12)); // cuts the IP packet
		expect(&f, &plain, PPPOE_CLAMPED, 1);
		cr_assert_not(parse_part(&plain, &f, f.n).layer[0].flags & LAYER_CUT);
		wire_store16(f.b + 18, (uint16_t)(content + 10)); // beyond the frame
		expect(&f, &plain, PPPOE_CLAMPED, 1);
		f.n -= 10; // as the packet is then
		cr_assert(parse_part(&plain, &f, f.n).layer[0].flags & LAYER_CUT);
		wire_store16(f.b + 18, (uint16_t)(octets - 1));
		expect(&f, &plain, PPPOE_LENGTH, 0);
	}
}

Test(parse, other_tunnels)
{
	struct frame f = start_v4(41);
	frame_ipv6(&f, 1, 2, 4);
	frame_ipv4(&f, 1, 2, 4);
	frame_ipv4(&f, 1, 2, 4);
	struct frame deep = f;
	frame_zero(&f, 4);
	expect(&f, &everything, TUNNEL_DEPTH, 4);
	expect(&f, &plain, IP, 1);
	deep.b[deep.n - 11] = 59;
	expect(&deep, &everything, TUNNEL, 4);
	f = start_v4(47);
	frame_u16(&f, 0x2000);
	frame_u16(&f, 0x0800);
	frame_zero(&f, 4);
	struct frame cut = f;
	frame_ipv4(&f, 1, 2, 59);
	expect(&f, &everything, TUNNEL, 2);
	cut.n -= 2;
	expect(&cut, &everything, GRE_TRUNCATED, 1);
	f = start_v4(17);
	frame_udp(&f, 1, 4789);
	frame_zero(&f, 7);
	expect(&f, &everything, IP, 1);
	f = start_v4(17);
	frame_udp(&f, 1, 4789);
	frame_u16(&f, 0x0800);
	frame_zero(&f, 6);
	frame_ethernet(&f, 0x86dd);
	frame_ipv6(&f, 1, 2, 59);
	expect(&f, &everything, TUNNEL, 2);
}

Test(parse, padding_and_cut)
{
	struct frame f = start_v4(17);
	frame_zero(&f, 6);
	frame_finish(&f);
	frame_zero(&f, 20); // padding holds no UDP header
	expect(&f, &plain, L4_TRUNCATED, 1);
	f = start_v4(17);
	frame_udp(&f, 3, 4);
	frame_zero(&f, 100);
	frame_finish(&f);
	struct packet_view v = parse_part(&plain, &f, f.n - 60);
	cr_assert(v.outcome == PACKET_IP && v.layer[0].flags == (LAYER_PORTS | LAYER_CUT));
	cr_assert_eq(v.layer[0].length, 128);
}

// A shorter frame never yields a layer that the longer one does not have at the same place.
Test(parse, every_truncation)
{
	struct rng r = {.s = 3};
	struct frame f;

	for (int n = 0; n < 400; n++) {
		frame_random(&f, &r);
		struct packet_view whole = parse_part(&everything, &f, f.n);
		for (uint32_t length = 0; length < f.n; length++) {
			struct packet_view v = parse_part(&everything, &f, length);
			cr_assert_lt(v.outcome, PACKET_OUTCOME_COUNT);
			cr_assert_leq(v.n_layers, PACKET_LAYERS_MAX);
			for (unsigned i = 0; i < v.n_layers; i++) {
				const struct packet_layer *l = &v.layer[i];
				cr_assert_leq(l->l3 + l->source + 2u * l->address_length, length);
				cr_assert(!(l->flags & LAYER_PORTS) || l->l4 + 4u <= length);
				if (i < whole.n_layers && !(v.flags & VIEW_ETHERNET) &&
					!(whole.flags & VIEW_ETHERNET))
					cr_assert_eq(l->l3, whole.layer[i].l3);
			}
			if (v.flags & VIEW_GTPU)
				cr_assert_leq(v.gtp + v.gtp_length, length);
		}
	}
}
