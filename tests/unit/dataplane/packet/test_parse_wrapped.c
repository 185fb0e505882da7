// Wrappings of mirrors and providers: opened where the port is set so and the content shows itself,
// and named where not.

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/packet/parse.h"
#include "shared/wire.h"
#include "tests/unit/dataplane/packet/frames.h"
#include "tests/unit/dataplane/packet/opens_all.h"

#define SOURCE 0xc000020au // 192.0.2.10
#define DESTINATION 0xc6336401u

static const struct port_traits none = {.tunnel = CONFIG_TUNNEL_NONE};

static struct packet_view parse_one(const struct port_traits *port, const struct frame *f)
{
	struct packet_view v;
	uint8_t *copy = malloc(f->n);

	memset(&v, 0x5a, sizeof(v));
	memcpy(copy, f->b, f->n);
	v.data = copy;
	v.length = v.total = f->n;
	parse_burst(port, &v, 1);
	free(copy);
	return v;
}

static uint32_t unopened(const struct port_traits *port, const struct frame *f)
{
	struct packet_view v = {.data = f->b, .length = f->n, .total = f->n};

	return parse_unopened(port, &v);
}

static struct frame start(uint16_t type)
{
	struct frame f = {0};

	frame_ethernet(&f, type);
	return f;
}

static void octets(struct frame *f, const char *hex)
{
	for (; hex[0]; hex += 2) {
		char pair[3] = {hex[0], hex[1], 0};
		uint8_t octet = (uint8_t)strtoul(pair, NULL, 16);
		frame_raw(f, &octet, 1);
	}
}

static void user(struct frame *f)
{
	frame_ipv4(f, SOURCE, DESTINATION, 17);
	frame_udp(f, 1111, 53);
	frame_zero(f, 18);
	frame_finish(f);
}

static void user_ethernet(struct frame *f)
{
	frame_ethernet(f, 0x0800);
	user(f);
}

// The user's packet is the last of `layers`, and its ports are a user's.
static bool sees_user(const struct port_traits *port, const struct frame *f, unsigned layers)
{
	struct packet_view v = parse_one(port, f);

	if (v.n_layers != layers)
		return false;
	const struct packet_layer *l = &v.layer[layers - 1];
	return wire_load32(f->b + l->l3 + 12) == SOURCE && l->dport == 53 && layer_user_ports(l) &&
	       packet_outcome_classified((enum packet_outcome)v.outcome);
}

Test(wrapped, tags_of_links)
{
	static const struct {
		uint16_t type;
		const char *rest;
	} tags[] = {
		{0x9200, "00640800"},
		{0x9200, "0064910000c80800"},
		{0x8926, "000100020800"},
		{0x8926, "000100028100000a0800"},
		{0x893f, "0000000000010800"},
		{0x893f, "0000000000018100000a0800"},
		{0x8909, "0101000100640800"},
		{0x88e7, "00000123020000000001020000000002"
			 "0800"},
		{0x88a8, "000a88e700000123020000000001020000000002"
			 "8100000a0800"},
		{0x894f, "0fc2"
			 "0201"
			 "000001ff"},
		{0x894f, "0fc2"
			 "0203"
			 "000001ff020000000001020000000002"
			 "0800"},
		{0x894f, "0fc6"
			 "0103"
			 "000001ff00000000000000000000000000000000"
			 "020000000001020000000002"
			 "0800"},
		{44 + 8, "aaaa030000000800"},
		{44 + 8, "aaaa030000f80800"},
		{44 + 3, "060603"},
		{0x8100, "000a0034aaaa030000000800"},
	};

	for (unsigned i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		struct frame f = start(tags[i].type);
		octets(&f, tags[i].rest);
		user(&f);
		cr_expect(sees_user(&none, &f, 1), "%u", i);
		cr_expect_eq(unopened(&none, &f), 0, "%u", i);
	}
}

Test(wrapped, link_headers_that_are_not_known)
{
	static const struct {
		uint16_t type;
		const char *rest;
		uint32_t what;
	} closed[] = {
		{0x8909, "0201000100640800", UNOPENED(UNOPENED_ETHERTYPE, 0x8909)},
		{0x894f, "4fc20201000001ff", UNOPENED(UNOPENED_ETHERTYPE, 0x894f)},
		{0x894f, "0fc20206000001ff", UNOPENED(UNOPENED_NSH, 6)},
		{0x88e5, "00000000", UNOPENED(UNOPENED_ETHERTYPE, 0x88e5)},
		{0x8100, "000a1234", UNOPENED(UNOPENED_ETHERTYPE, 0x1234)},
		{60, "e0e003", UNOPENED(UNOPENED_LLC, 0xe0)},
		{60, "424203", 0},
		{0x0806, "0001", 0},
		{0x8847, "00003140", UNOPENED(UNOPENED_MPLS, 0)},
	};

	for (unsigned i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		struct frame f = start(closed[i].type);
		octets(&f, closed[i].rest);
		frame_zero(&f, 2);
		user(&f);
		cr_expect_eq(parse_one(&none, &f).n_layers, 0, "%u", i);
		cr_expect_eq(unopened(&none, &f), closed[i].what, "%u: %x", i, unopened(&none, &f));
	}
}

static struct frame start_pseudowire(bool control_word, uint8_t first)
{
	struct frame f = start(0x8847);

	frame_mpls(&f, 0);
	frame_mpls(&f, 1);
	if (control_word)
		frame_zero(&f, 4);
	uint32_t at = f.n;
	user_ethernet(&f);
	f.b[at] = first;
	return f;
}

Test(wrapped, pseudowires)
{
	static const uint8_t firsts[] = {0x00, 0x02, 0x45, 0x46, 0x60, 0x6e, 0xfe};
	struct port_traits port = none;

	port.mpls_pseudowire = true;
	for (unsigned i = 0; i < sizeof(firsts); i++) {
		for (unsigned word = 0; word < 2; word++) {
			struct frame f = start_pseudowire(word, firsts[i]);
			cr_expect(sees_user(&port, &f, 1), "%x", firsts[i]);
			cr_expect_eq(parse_one(&none, &f).n_layers, 0, "%x", firsts[i]);
			cr_expect_eq(unopened(&none, &f), UNOPENED(UNOPENED_MPLS, 0));
			f.b[f.n - 26 - 16]++; // of the IP header: the checksum is wrong
			cr_expect_eq(parse_one(&port, &f).n_layers, 0, "%x", firsts[i]);
		}
	}
	struct frame f = start(0x8847); // IP is left for IP there too
	frame_mpls(&f, 1);
	user(&f);
	cr_assert(sees_user(&port, &f, 1));
}

// Octets 12 and 13 of an IPv6 header are of its source: what looks like a type there is none.
Test(wrapped, ipv6_behind_labels_is_never_ipv4)
{
	struct port_traits port = none;

	port.mpls_pseudowire = true;
	for (unsigned word = 0; word < 2; word++) {
		struct frame f = start(0x8847);
		frame_mpls(&f, 1);
		uint32_t at = f.n;
		frame_ipv6(&f, 1, 2, 59);
		wire_store16(f.b + at + 12 + word * 4, 0x0800);
		f.b[at + 14 + word * 4] = 0x45;
		frame_zero(&f, 60);
		frame_finish(&f);
		struct packet_view v = parse_one(&port, &f);
		cr_assert(v.n_layers == 1 && v.layer[0].family == 6);
		frame_zero(&f, 9); // its length is wrong now, and nothing shows itself
		cr_assert_eq(parse_one(&port, &f).n_layers, 0);
	}
}

struct udp_case {
	uint16_t port;
	const char *header;
	bool ethernet; // else IP
};

static const struct udp_case tunnels[] = {
	{4789, "0800000000000100", true},
	{4789, "8800000000000100", true}, // group policy
	{4789, "0800000000000101", true}, // what is reserved is not looked at
	{6081, "0001655800000101", true},
	{8472, "0800000000000100", true},
	{4790, "0c00000100000100", false},
	{4790, "0c00000300000100", true},
	{4790, "0800000000000100", true},
	{4790,
		"0c00000500000100"
		"00003140",
		false},
	{4790,
		"0c00000400000100"
		"0fc20201000001ff",
		false},
	{6081, "0000655800000100", true},
	{6081,
		"0200655800000100"
		"0102030405060708",
		true}, // options
	{6081, "0000080000000100", false},
	{6081,
		"0000884700000100"
		"00003140",
		false},
	{37008, "0100000101", true},
	{37008, "0100000128041122334401", true},
	{37008, "010000010000000d01ff01", true},
	{6635, "0000304000003140", false},
};

static struct frame start_udp(const struct udp_case *c, const char *header)
{
	struct frame f = start(0x0800);

	frame_ipv4(&f, 0xcb007101, 0xcb007102, 17);
	frame_udp(&f, 1, c->port);
	octets(&f, header);
	if (c->ethernet)
		user_ethernet(&f);
	else
		user(&f);
	return f;
}

Test(wrapped, tunnels_over_udp)
{
	for (unsigned i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		const struct udp_case *c = &tunnels[i];
		struct frame f = start_udp(c, c->header);
		cr_expect(sees_user(&all, &f, 2), "%u", i);
		struct packet_view v = parse_one(&all, &f);
		cr_expect(v.layer[0].flags & LAYER_CARRIER, "%u", i);
		cr_expect_eq(v.outcome, PACKET_TUNNEL);
		v = parse_one(&none, &f); // a user's datagram where the port does not open it
		cr_expect(v.n_layers == 1 && layer_user_ports(&v.layer[0]), "%u", i);
		cr_expect_eq(unopened(&none, &f), UNOPENED(UNOPENED_UDP, c->port), "%u", i);
		cr_expect_eq(unopened(&all, &f), 0, "%u", i);
	}
}

// Each is a user's datagram, with ports, not a tunnel.
Test(wrapped, content_has_to_show_itself)
{
	static const struct udp_case lies[] = {
		{4789, "0000000000000100", true}, // no valid network identifier
		{4789, "08000000000001", true},
		{4789, "0800000000000100", false},
		{4790, "1c00000100000100", false},
		{4790, "0d00000100000100", false},
		{4790, "0c00000200000100", false},
		{6081, "4000655800000100", true},
		{6081, "0100655800000100", true},
		{6081, "000086dd00000100", false},
		{37008, "0200000101", true},
		{37008, "0100000100", true},
		{37008, "0100001201", true},
		{6635, "00003040", false},
		{6635,
			"00003140"
			"00",
			false},
	};

	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct frame f = start_udp(&lies[i], lies[i].header);
		struct packet_view v = parse_one(&all, &f);
		cr_expect(
			v.n_layers == 1 && v.outcome == PACKET_IP, "%u: %u layers", i, v.n_layers);
		cr_expect(layer_user_ports(&v.layer[0]), "%u", i);
		cr_expect_eq(unopened(&all, &f), 0);
	}
	for (unsigned i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		struct frame f = start_udp(&tunnels[i], "08");
		struct packet_view v = parse_one(&all, &f);
		cr_expect(v.n_layers == 1 && layer_user_ports(&v.layer[0]), "%u", i);
		f.b[20] = 0x20; // a first fragment: what is behind it is not there
		v = parse_one(&all, &f);
		cr_expect(v.n_layers == 1 && layer_user_ports(&v.layer[0]), "%u", i);
	}
}

Test(wrapped, first_fragments_are_no_carriers)
{
	for (unsigned i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		struct frame f = start_udp(&tunnels[i], tunnels[i].header);
		f.b[20] = 0x20;
		struct packet_view v = parse_one(&all, &f);
		cr_expect(
			v.n_layers == 1 && v.layer[0].flags == (LAYER_PORTS | LAYER_FRAGMENT_FIRST),
			"%u", i);
	}
}

static struct frame start_gre(const char *header)
{
	struct frame f = start(0x0800);

	frame_ipv4(&f, 0xcb007101, 0xcb007102, 47);
	octets(&f, header);
	return f;
}

Test(wrapped, generic_routing)
{
	static const struct {
		const char *header;
		bool ethernet;
	} opened[] = {
		{"000088be", true},
		{"100088be000000011001000100000000", true},
		{"100022eb00000001"
		 "200100010000000000000000",
			true},
		{"100022eb00000001"
		 "200100010000000000000001"
		 "0000000000000000",
			true},
		{"100022eb00000001"
		 "200100010000000000000800",
			false},
		{"00008847"
		 "00003140",
			false},
		{"0000880b"
		 "0021",
			false},
		{"0000880b"
		 "21",
			false},
		{"0000880b"
		 "ff030021",
			false},
		{"0000880b"
		 "ff0321",
			false},
		{"0000880b"
		 "028100003140",
			false},
		{"3001880b"
		 "0030000700000001"
		 "ff030021",
			false},
		{"3081880b"
		 "003000070000000100000000"
		 "0021",
			false},
		{"0000894f"
		 "0fc20201000001ff",
			false},
	};

	for (unsigned i = 0; i < sizeof(opened) / sizeof(opened[0]); i++) {
		struct frame f = start_gre(opened[i].header);
		if (opened[i].ethernet)
			user_ethernet(&f);
		else
			user(&f);
		cr_expect(sees_user(&all, &f, 2), "%u", i);
		cr_expect_eq(parse_one(&none, &f).n_layers, 1);
		cr_expect_eq(unopened(&none, &f), UNOPENED(UNOPENED_PROTOCOL, 47));
	}
}

Test(wrapped, generic_routing_that_is_not_known)
{
	static const struct {
		const char *header;
		uint32_t what;
	} closed[] = {
		{"100088be000000012001000100000000", UNOPENED(UNOPENED_GRE, 0x88be)},
		{"100022eb00000001100100010000000000000000", UNOPENED(UNOPENED_GRE, 0x22eb)},
		{"100022eb00000001200100010000000000001000", UNOPENED(UNOPENED_GRE, 0x22eb)},
		{"40000800", UNOPENED(UNOPENED_GRE, 0x0800)},
		{"0000883e", UNOPENED(UNOPENED_GRE, 0x883e)},
		{"3001880b0030000700000001"
		 "00fd",
			UNOPENED(UNOPENED_PPP, 0xfd)},
		{"3001880b0030000700000001"
		 "c021",
			0},
		{"2081880b0000000700000001", 0},
	};

	for (unsigned i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		struct frame f = start_gre(closed[i].header);
		user(&f);
		cr_expect_eq(parse_one(&all, &f).n_layers, 1, "%u", i);
		cr_expect_eq(unopened(&all, &f), closed[i].what, "%u: %x", i, unopened(&all, &f));
	}
}

Test(wrapped, ethernet_in_ip)
{
	struct frame f = start(0x0800);

	frame_ipv4(&f, 1, 2, 97);
	frame_u16(&f, 0x3000);
	user_ethernet(&f);
	cr_assert(sees_user(&all, &f, 2));
	cr_assert_eq(unopened(&none, &f), UNOPENED(UNOPENED_PROTOCOL, 97));
	f.b[34] = 0x40;
	cr_assert_eq(parse_one(&all, &f).n_layers, 1);
	cr_assert_eq(unopened(&all, &f), UNOPENED(UNOPENED_PROTOCOL, 97));
}

static struct frame start_gpdu(void)
{
	struct frame f = start(0x0800);

	frame_ipv4(&f, 0xc6336405, 0xc6336406, 17);
	frame_udp(&f, 2152, 2152);
	frame_gtpu(&f, 255, 7);
	return f;
}

// A user could forge the packets of another: the user's own packet is the last that is seen.
Test(wrapped, nothing_of_a_mirror_is_opened_in_a_gpdu)
{
	static const char *const gre[] = {"000088be", "100088be000000011001000100000000",
		"100022eb00000001200100010000000000000000"};

	for (unsigned i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		struct frame f = start_gpdu();
		frame_ipv4(&f, 7, 8, 17);
		frame_udp(&f, 1, tunnels[i].port);
		octets(&f, tunnels[i].header);
		if (tunnels[i].ethernet)
			user_ethernet(&f);
		else
			user(&f);
		struct packet_view v = parse_one(&all, &f);
		cr_expect(v.n_layers == 2 && layer_user_ports(&v.layer[1]), "%u", i);
		cr_expect_eq(unopened(&all, &f), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		struct frame f = start_gpdu();
		frame_ipv4(&f, 7, 8, i < 3 ? 47 : 97);
		octets(&f, i < 3 ? gre[i] : "3000");
		user_ethernet(&f);
		cr_expect_eq(parse_one(&all, &f).n_layers, 2, "%u", i);
	}
}

// Half of an address may look like an ethertype: 146.0 is that of a tag.
Test(wrapped, addresses_of_users_are_no_ethertypes)
{
	static const uint16_t types[] = {0x9200, 0x9100, 0x8100, 0x88a8, 0x0800, 0x0806, 0x8847,
		0x8864, 0x8926, 0x894f, 0x0030, 0xaaaa};

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (unsigned lie = 0; lie < 2; lie++) {
			struct frame f = start_gpdu();
			uint32_t address = (uint32_t)types[i] << 16 | 0x4500;
			uint32_t at = f.n;
			frame_ipv4(&f, address, address, 17);
			frame_udp(&f, 9, 53);
			frame_zero(&f, 40);
			frame_finish(&f);
			if (lie) { // the datagram has more than the packet
				frame_zero(&f, 5);
				wire_store16(f.b + 16, wire_load16(f.b + 16) + 5);
				wire_store16(f.b + 38, wire_load16(f.b + 38) + 5);
				wire_store16(f.b + 44, wire_load16(f.b + 44) + 5);
			}
			struct packet_view v = parse_one(&all, &f);
			cr_expect(v.n_layers == 2 && v.layer[1].l3 == at && v.layer[1].dport == 53,
				"%x", types[i]);
		}
	}
}

Test(wrapped, ends)
{
	struct frame f = start(0x0800);

	f.n = 12; // Ethernet in Ethernet without end
	for (unsigned i = 0; i < 20; i++)
		octets(&f, "88e700000000020000000001020000000002");
	frame_u16(&f, 0x0800);
	user(&f);
	cr_assert_eq(parse_one(&all, &f).outcome, PACKET_VLAN_DEPTH);
	for (unsigned n = 0; n < f.n; n++) { // nothing is read behind the end
		struct frame cut = f;
		cut.n = n ? n : 1;
		(void)parse_one(&all, &cut);
	}
}
