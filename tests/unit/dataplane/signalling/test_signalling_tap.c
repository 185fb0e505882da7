// Datagrams that a worker hands to the follower, each whole.

#include "dataplane/signalling/signalling_tap.h"

#include <string.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include <criterion/criterion.h>

#include "dataplane/packet/parse.h"
#include "tests/unit/dataplane/packet/frames.h"

#define ALL 7u

static const struct port_traits port = {.tunnel = CONFIG_TUNNEL_GTPU, .gre = true};
static struct signalling_ring *ring;
static struct signalling_tap *tap;
static struct signalling_shown shown;

static void up(void)
{
	ring = signalling_ring_new(65536);
	tap = signalling_tap_new(ring);
	cr_assert(ring && tap);
}

static void down(void)
{
	signalling_tap_free(tap);
	signalling_ring_free(ring);
}

TestSuite(signalling_tap, .init = up, .fini = down);

static void datagram(struct frame *f, uint16_t sport, uint16_t dport)
{
	frame_ipv4(f, 0x0a000001, 0x0a000002, 17);
	frame_udp(f, sport, dport);
	for (uint8_t i = 0; i < 20; i++)
		f->b[f->n++] = i;
}

static void tap_frame(struct frame *f, uint8_t wanted, uint32_t length)
{
	struct packet_view v = {.data = f->b, .length = length, .total = length};
	void *none = NULL;

	parse_burst(&port, &v, 1);
	shown.protocols = wanted;
	signalling_tap_burst(tap, &shown, &v, &none, 1, 77);
}

// The protocol of what is in the ring, or -1; its octets must be those sent.
static int taken(void)
{
	struct signalling_packet p;

	if (!signalling_ring_peek(ring, &p))
		return -1;
	cr_assert_eq(p.length, 20);
	for (uint8_t i = 0; i < 20; i++)
		cr_assert_eq(p.octets[i], i);
	cr_assert_eq(p.time_ns, 77);
	int protocol = p.protocol;
	signalling_ring_pop(ring);
	return protocol;
}

Test(signalling_tap, requests_and_responses_of_what_is_wanted)
{
	static const struct {
		uint16_t sport, dport;
		int protocol;
	} cases[] = {{9, 8805, SIGNALLING_PFCP}, {8805, 9, SIGNALLING_PFCP},
		{2123, 2123, SIGNALLING_GTPV2C}, {2123, 40000, SIGNALLING_GTPV2C},
		{40000, 1813, SIGNALLING_RADIUS}, {1646, 40000, SIGNALLING_RADIUS}, {9, 1812, -1},
		{53, 53, -1}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame f = {0};
		frame_ethernet(&f, 0x0800);
		datagram(&f, cases[i].sport, cases[i].dport);
		frame_finish(&f);
		f.n += 6; // Ethernet padding is no part of it
		tap_frame(&f, ALL, f.n);
		cr_assert_eq(taken(), cases[i].protocol, "%u", i);
		if (cases[i].protocol < 0)
			continue;
		tap_frame(&f, (uint8_t)(ALL & ~(1u << cases[i].protocol)), f.n);
		cr_assert_eq(taken(), -1, "%u is not wanted", i);
	}
}

Test(signalling_tap, what_users_send_in_tunnels_is_none)
{
	struct frame f = {0};

	frame_ethernet(&f, 0x0800);
	frame_ipv4(&f, 1, 2, 17);
	frame_udp(&f, 2152, 2152);
	frame_gtpu_session(&f, 7, 1, 9);
	datagram(&f, 8805, 8805);
	frame_finish(&f);
	tap_frame(&f, ALL, f.n);
	cr_assert_eq(taken(), -1);
}

// Both ends are nodes that the port names: a sender that forges one end is a stranger still.
Test(signalling_tap, only_peers_are_believed)
{
	static const struct {
		uint32_t peer[2];
		bool believed;
	} cases[] = {
		{{0x0a000001, 0x0a000002}, true},
		{{0x0a000001, 0x0a000003}, false},
		{{0x0a000003, 0x0a000002}, false},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame f = {0};
		shown.n_peers = 2;
		for (unsigned k = 0; k < 2; k++) {
			shown.peer[k] = (struct ip_prefix){.family = 4, .length = 32};
			wire_store32(shown.peer[k].b, cases[i].peer[k]);
		}
		frame_ethernet(&f, 0x0800);
		datagram(&f, 8805, 8805);
		frame_finish(&f);
		tap_frame(&f, ALL, f.n);
		cr_expect_eq(taken(), cases[i].believed ? SIGNALLING_PFCP : -1);
		cr_expect_eq(signalling_tap_strangers(tap), i);
	}
	cr_expect_eq(signalling_tap_cut(tap), 0, "nothing of the network's is missing");
	shown.n_peers = 0;
}

// A user can wrap what he forges: the ends of each layer count.
Test(signalling_tap, what_strangers_wrap_is_none)
{
	static const struct {
		uint32_t source, destination; // of the wrapping
		bool believed;
	} cases[] = {
		{0x0a2d0001, 0xc6120001, false}, // a user to his server
		{0x0a2d0001, 0x0a000002, false}, {0x0a000007, 0xc6120001, false},
		{0x0a000007, 0x0a000008, true}, // a mirror's ends, named too
	};

	shown.n_peers = 1;
	shown.peer[0] = (struct ip_prefix){.family = 4, .length = 24};
	wire_store32(shown.peer[0].b, 0x0a000000);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame f = {0};
		frame_ethernet(&f, 0x0800);
		frame_ipv4(&f, cases[i].source, cases[i].destination, 47);
		frame_u16(&f, 0);
		frame_u16(&f, 0x0800);
		datagram(&f, 8805, 8805);
		frame_finish(&f);
		tap_frame(&f, ALL, f.n);
		cr_expect_eq(taken(), cases[i].believed ? SIGNALLING_PFCP : -1, "%u", i);
	}
	cr_expect_eq(signalling_tap_strangers(tap), 3);
	shown.n_peers = 0;
}

Test(signalling_tap, cut_ones_are_counted)
{
	struct frame f = {0};

	frame_ethernet(&f, 0x0800);
	datagram(&f, 8805, 8805);
	frame_finish(&f);
	tap_frame(&f, ALL, f.n - 1);
	cr_assert_eq(taken(), -1);
	cr_assert_eq(signalling_tap_cut(tap), 1);
}

// Fragments inside a wrapping are not reassembled; outermost ones are reassembly's.
Test(signalling_tap, wrapped_fragments_are_counted)
{
	for (unsigned wrapped = 0; wrapped < 2; wrapped++)
		for (int later = 0; later < 2; later++) {
			struct frame f = {0};
			frame_ethernet(&f, 0x0800);
			if (wrapped) {
				frame_ipv4(&f, 0x0a000007, 0x0a000008, 47);
				frame_u16(&f, 0);
				frame_u16(&f, 0x0800);
			}
			uint32_t at = f.n + 6;
			datagram(&f, 8805, 8805);
			frame_finish(&f);
			wire_store16(f.b + at, later ? 5 : 0x2000);
			tap_frame(&f, ALL, f.n);
			cr_expect_eq(taken(), -1);
			cr_expect_eq(signalling_tap_cut(tap), wrapped);
		}
}

Test(signalling_tap, several_segments)
{
	static char *arguments[] = {"test", "--no-huge", "--no-pci", "-m", "64", "--no-telemetry",
		"--no-shconf", "--log-level", "error", "-l", "0", NULL};
	struct frame f = {0};

	cr_assert_geq(rte_eal_init(11, arguments), 0);
	struct rte_mempool *pool = rte_pktmbuf_pool_create("p", 15, 0, 0, 256, SOCKET_ID_ANY);
	struct rte_mbuf *first = rte_pktmbuf_alloc(pool), *second = rte_pktmbuf_alloc(pool);
	frame_ethernet(&f, 0x0800);
	datagram(&f, 8805, 8805);
	frame_finish(&f);
	uint32_t cut = f.n - 12;
	memcpy(rte_pktmbuf_append(first, (uint16_t)cut), f.b, cut);
	memcpy(rte_pktmbuf_append(second, 12), f.b + cut, 12);
	cr_assert_eq(rte_pktmbuf_chain(first, second), 0);
	struct packet_view v = {
		.data = rte_pktmbuf_mtod(first, const uint8_t *), .length = cut, .total = f.n};
	void *mbuf = first;
	parse_burst(&port, &v, 1);
	shown.protocols = ALL;
	signalling_tap_burst(tap, &shown, &v, &mbuf, 1, 77);
	cr_assert_eq(taken(), SIGNALLING_PFCP);
	rte_pktmbuf_free(first);
}
