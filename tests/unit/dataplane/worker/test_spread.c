// Tests which worker a tunnelled packet belongs to: both directions the same, evenly, and nothing
// that is not plain.

#include "dataplane/worker/spread.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "dataplane/packet/parse.h"
#include "shared/wire.h"
#include "tests/unit/dataplane/packet/frames.h"

#define GNB 0xcb007101u
#define UPF 0xc6336401u
#define PEER 0xc6120001u
#define UE 0x0a2d0000u

static const struct port_traits blind = {.tunnel = CONFIG_TUNNEL_GTPU};
static const struct port_traits knowing = {.tunnel = CONFIG_TUNNEL_GTPU,
	.n_endpoints = 1,
	.endpoint = {{.family = 4, .length = 32, .b = {0xc6, 0x33, 0x64, 0x01}}}};

static struct spread by(uint32_t n_workers)
{
	return (struct spread){
		.seed = {0x9d2c5680aa3b1f77u, 0xb5026f5aa96619e9u}, .n_workers = n_workers};
}

struct how {
	bool up, container, six, outer_six;
	unsigned tags;
	uint32_t ue, peer;
};

static void user(struct frame *f, const struct how *h)
{
	uint32_t from = h->up ? h->ue : h->peer, to = h->up ? h->peer : h->ue;

	if (h->six)
		frame_ipv6(f, from, to, 17);
	else
		frame_ipv4(f, from, to, 17);
	frame_udp(f, 4000, 443);
	frame_zero(f, 16);
}

static void carrier(struct frame *f, const struct how *h)
{
	uint32_t from = h->up ? GNB : UPF, to = h->up ? UPF : GNB;

	frame_ethernet(f, h->tags ? 0x8100 : h->outer_six ? 0x86dd : 0x0800);
	for (unsigned i = 0; i < h->tags; i++)
		frame_vlan(f, i + 1 < h->tags ? 0x8100 : h->outer_six ? 0x86dd : 0x0800);
	if (h->outer_six)
		frame_ipv6(f, from, to, 17);
	else
		frame_ipv4(f, from, to, 17);
	frame_udp(f, 2152, 2152);
	if (h->container)
		frame_gtpu_session(f, 7, h->up, 9);
	else
		frame_gtpu(f, 255, 7);
}

static struct frame frame_of(const struct how *h)
{
	struct frame f = {0};

	carrier(&f, h);
	user(&f, h);
	frame_finish(&f);
	return f;
}

static uint32_t owner_of(
	const struct spread *s, const struct port_traits *port, const struct frame *f)
{
	uint8_t *exact = malloc(f->n); // so that a sanitizer sees what is read beyond it

	memcpy(exact, f->b, f->n);
	uint32_t owner = spread_owner(s, port, exact, f->n);
	free(exact);
	return owner;
}

// Every form of carrier and content.
Test(spread, both_directions_of_a_user_go_to_one_worker)
{
	const struct spread s = by(7);
	struct rng random = {.s = 5};

	for (unsigned i = 0; i < 4096; i++) {
		struct how h = {.up = true,
			.container = i & 1,
			.six = i & 2,
			.outer_six = i & 4,
			.tags = i / 8 % 3,
			.ue = UE + rng_below(&random, 65536),
			.peer = rng_next(&random)};
		const struct port_traits *port = i / 32 % 2 ? &knowing : &blind;
		struct frame up = frame_of(&h);
		h.up = false;
		struct frame down = frame_of(&h);
		uint32_t owner = owner_of(&s, port, &up);
		cr_assert_lt(owner, 7, "%u", i);
		cr_assert_eq(owner, owner_of(&s, port, &down), "%u", i);
		// Where the user's end is known, the other end does not matter.
		h.peer = rng_next(&random);
		struct frame other = frame_of(&h);
		if (h.container || (port == &knowing && !h.outer_six))
			cr_assert_eq(owner, owner_of(&s, port, &other), "%u", i);
	}
}

// The container gives it on one direction alone: the endpoints give the same for the other.
Test(spread, a_container_on_one_direction)
{
	const struct spread s = by(16);

	for (uint32_t i = 0; i < 256; i++) {
		struct frame up = frame_of(&(struct how){.up = true, .ue = UE + i, .peer = PEER});
		struct frame down =
			frame_of(&(struct how){.container = true, .ue = UE + i, .peer = PEER});
		cr_assert_eq(owner_of(&s, &knowing, &up), owner_of(&s, &knowing, &down));
	}
}

static void evenly(const char *what, const uint32_t *n, uint32_t workers, uint32_t of)
{
	uint32_t even = of / workers;

	for (uint32_t w = 0; w < workers; w++)
		cr_expect(n[w] > even * 9 / 10 && n[w] < even * 11 / 10,
			"%s: worker %u of %u: %u of %u", what, w, workers, n[w], of);
}

// Addresses as pools give them out: in a row, every second, every 256th, prefixes of IPv6.
Test(spread, users_of_a_pool_are_dealt_evenly)
{
	static const uint32_t workers[] = {2, 3, 8, 16};
	static const uint32_t steps[] = {1, 2, 256, 65536};

	for (unsigned k = 0; k < 4; k++)
		for (unsigned j = 0; j < 4; j++)
			for (unsigned pairs = 0; pairs < 2; pairs++) {
				const struct spread s = by(workers[k]);
				uint32_t n[16] = {0};
				for (uint32_t i = 0; i < 20000; i++) {
					struct frame f = frame_of(&(struct how){.up = true,
						.container = !pairs,
						.ue = UE + i * steps[j],
						.peer = PEER});
					n[owner_of(&s, &blind, &f)]++;
				}
				evenly(pairs ? "pairs" : "users", n, workers[k], 20000);
			}
	for (unsigned k = 0; k < 4; k++) {
		const struct spread s = by(workers[k]);
		uint32_t n[16] = {0};
		for (uint32_t i = 0; i < 20000; i++) {
			struct frame f = frame_of(&(struct how){
				.up = true, .container = true, .six = true, .ue = 1, .peer = PEER});
			wire_store32(f.b + f.n - 24 - 40 + 12, i); // the last word of the prefix
			n[owner_of(&s, &blind, &f)]++;
		}
		evenly("prefixes", n, workers[k], 20000);
	}
}

// A user of IPv6 has many addresses of one prefix.
Test(spread, a_prefix_is_one_user)
{
	const struct spread s = by(32);
	struct frame f = frame_of(
		&(struct how){.up = true, .container = true, .six = true, .ue = 1, .peer = PEER});
	uint32_t owner = owner_of(&s, &blind, &f);

	for (uint32_t i = 0; i < 100; i++) {
		wire_store32(f.b + f.n - 24 - 40 + 20, i * 2654435769u);
		cr_assert_eq(owner_of(&s, &blind, &f), owner);
	}
}

static void stays(const struct frame *f, const char *what)
{
	const struct spread s = by(2);

	cr_expect_eq(owner_of(&s, &knowing, f), SPREAD_STAYS, "%s", what);
}

Test(spread, what_is_not_plain_stays)
{
	const struct how plain = {.up = true, .container = true, .ue = UE, .peer = PEER};
	const uint32_t outer = 14, gtp = 14 + 28, inner = gtp + 16;
	struct frame f = {0};

	frame_ethernet(&f, 0x0800);
	frame_ipv4(&f, UE, PEER, 17);
	frame_udp(&f, 4000, 443);
	frame_zero(&f, 64);
	frame_finish(&f);
	stays(&f, "no tunnel");
	static const struct {
		const char *what;
		uint32_t at;
		uint8_t value;
	} changes[] = {
		{"an outer fragment, the first", outer + 6, 0x20},
		{"a later one", outer + 7, 5},
		{"outer options", outer, 0x46},
		{"outer TCP", outer + 9, 6},
		{"another port", gtp - 8 + 3, 0x69},
		{"GTP version 2", gtp, 0x54},
		{"an echo", gtp + 1, 1},
		{"an end marker", gtp + 1, 254},
		{"a length beyond the frame", gtp + 2, 0x40},
		{"an unreadable extension", gtp + 12, 0},
		{"a user's fragment, the first", inner + 6, 0x20},
		{"a user's later fragment", inner + 7, 5},
		{"IP in IP inside", inner + 9, 4},
		{"GRE inside", inner + 9, 47},
		{"content that is no IP", inner, 0x15},
		{"a length that is not the tunnel's", inner + 3, 0x20},
	};
	for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		f = frame_of(&plain);
		f.b[changes[i].at] = changes[i].value;
		stays(&f, changes[i].what);
	}
	f = frame_of(&plain);
	wire_store16(f.b + inner + 22, 2152);
	stays(&f, "a tunnel inside");
	struct how six = plain;
	six.six = true;
	f = frame_of(&six);
	f.b[inner + 6] = 44;
	stays(&f, "a user's fragment of IPv6");
	f = frame_of(&(struct how){.up = true, .container = true, .tags = 3, .ue = UE});
	stays(&f, "three tags");
}

// Only a user's packet that the parser takes whole leaves, and no octet beyond it is read.
Test(spread, only_what_the_parser_takes_leaves)
{
	const struct spread s = by(3);
	struct rng random = {.s = 77};
	unsigned left = 0;

	for (unsigned i = 0; i < 200000; i++) {
		struct how h = {.up = i & 1,
			.container = i & 2,
			.six = i & 4,
			.outer_six = i & 8,
			.tags = i / 16 % 3,
			.ue = UE + i,
			.peer = PEER};
		struct frame f = {0};
		if (i % 4)
			f = frame_of(&h);
		else
			frame_random(&f, &random);
		for (uint32_t k = rng_below(&random, 3); k > 0; k--)
			f.b[rng_below(&random, f.n < 100 ? f.n : 100)] = (uint8_t)rng_next(&random);
		f.n -= rng_below(&random, 4) ? 0 : rng_below(&random, f.n);
		uint32_t owner = owner_of(&s, &knowing, &f);
		if (owner == SPREAD_STAYS)
			continue;
		struct packet_view v = {.data = f.b, .length = f.n, .total = f.n};
		cr_assert_eq(parse_burst(&knowing, &v, 1), 0, "a fragment left");
		cr_assert_neq(v.outcome, PACKET_GTPU_SIGNALLING);
		cr_assert_neq(v.outcome, PACKET_IP);
		cr_assert_leq(v.n_layers, 2);
		left++;
	}
	cr_assert_gt(left, 50000);
}
