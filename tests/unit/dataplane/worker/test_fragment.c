// Users' fragments: parsed frames in, ports and held packets out.

#include <criterion/criterion.h>
#include <string.h>

#include "dataplane/worker/datagram.h"
#include "dataplane/worker/fragment.h"
#include "dataplane/packet/parse.h"
#include "shared/wire.h"
#include "tests/unit/dataplane/packet/frames.h"

#define FRAGMENTS_MAX 1024
#define MS 1000000ull
// Criterion writes a message for every assertion that holds: too many for a loop.
#define MUST(condition)                                   \
	do {                                              \
		if (!(condition))                         \
			cr_assert_fail("%s", #condition); \
	} while (0)

static const struct port_traits n6 = {.tunnel = CONFIG_TUNNEL_NONE};
static const struct port_traits n3 = {.tunnel = CONFIG_TUNNEL_GTPU};

struct fragment { // a test's description of one
	uint32_t source;
	uint32_t id;
	uint16_t offset; // octets
	uint16_t sport, dport;
	uint8_t protocol;
	uint32_t teid; // 0: no tunnel
	bool v6;
};

static struct frame frames[FRAGMENTS_MAX];

static void put_ip(struct frame *f, const struct fragment *d)
{
	uint32_t at = f->n;
	uint16_t word = (uint16_t)(d->offset / 8);

	if (d->v6) {
		uint8_t b[8] = {d->protocol, 0};
		frame_ipv6(f, d->source, 9, 44);
		wire_store16(b + 2, (uint16_t)(d->offset | 1));
		wire_store32(b + 4, d->id);
		frame_raw(f, b, 8);
	} else {
		frame_ipv4(f, d->source, 0xc6336409, d->protocol);
		wire_store16(f->b + at + 4, (uint16_t)d->id);
		wire_store16(f->b + at + 6, word | 0x2000);
	}
	if (d->offset == 0 && d->protocol == 6)
		frame_tcp(f, d->sport, d->dport);
	else if (d->offset == 0)
		frame_udp(f, d->sport, d->dport);
	frame_zero(f, 24);
}

static struct packet_view view_of(unsigned slot, struct fragment d)
{
	struct frame *f = &frames[slot];

	if (!d.source)
		d.source = 0xc0000201;
	if (!d.protocol)
		d.protocol = 17;
	memset(f, 0, sizeof(*f));
	frame_ethernet(f, d.v6 && !d.teid ? 0x86dd : 0x0800);
	if (d.teid) {
		frame_ipv4(f, 0x0a000001, 0x0a000002, 17);
		frame_udp(f, 2152, 2152);
		frame_gtpu(f, 255, d.teid);
	}
	put_ip(f, &d);
	frame_finish(f);
	struct packet_view v = {.data = f->b, .length = f->n, .total = f->n};
	MUST(parse_burst(d.teid ? &n3 : &n6, &v, 1) == 1);
	return v;
}

static struct fragment_table *table(uint32_t datagrams, uint32_t holds)
{
	struct fragment_settings s = {FRAGMENT_DEFAULTS, .seed = {3, 5}};

	s.datagrams = datagrams;
	s.holds = holds;
	struct fragment_table *t = fragment_table_new(&s);
	cr_assert(t);
	return t;
}

// One packet through the table; its handle is its frame.
static uint32_t pass(
	struct fragment_table *t, struct packet_view *v, unsigned slot, uint64_t now_ns)
{
	void *packet = &frames[slot];

	return fragment_resolve(t, v, &packet, 1, &(struct fragment_burst){true, &n6, 7, now_ns});
}

static struct fragment_counts counts(const struct fragment_table *t)
{
	struct fragment_counts c;

	fragment_counts(t, &c);
	cr_assert(c.held == c.resolved + c.expired + c.limit + fragment_held(t) || fragment_held(t),
		"what was held comes back");
	return c;
}

Test(fragment, later_follows_first)
{
	struct fragment_table *t = table(16, 8);
	struct packet_view first =
		view_of(0, (struct fragment){.id = 7, .sport = 53, .dport = 4000});
	struct packet_view later = view_of(1, (struct fragment){.id = 7, .offset = 32});
	struct packet_view other = view_of(2, (struct fragment){.id = 8, .offset = 32});

	cr_expect(!pass(t, &first, 0, MS));
	cr_expect(!pass(t, &later, 1, 2 * MS));
	const struct packet_layer *l = &later.layer[0];
	cr_expect(l->sport == 53 && l->dport == 4000 && l->flags & LAYER_PORTS_FOLLOWED);
	cr_expect(!(l->flags & LAYER_PORTS), "no ports lie within it");
	cr_expect(later.outcome == PACKET_IP);
	cr_expect(pass(t, &other, 2, 3 * MS) == 1, "another datagram waits for its own first");
	cr_expect(!(other.layer[0].flags & LAYER_PORTS_FOLLOWED));
	fragment_table_free(t);
}

Test(fragment, ipv6_takes_the_protocol_of_the_first)
{
	struct fragment_table *t = table(16, 8);
	struct packet_view first = view_of(
		0, (struct fragment){
			   .v6 = true, .id = 1u << 20, .protocol = 6, .sport = 443, .dport = 9});
	struct packet_view later = view_of(
		1, (struct fragment){.v6 = true, .id = 1u << 20, .protocol = 60, .offset = 64});

	pass(t, &first, 0, MS);
	pass(t, &later, 1, MS);
	cr_expect(later.layer[0].flags & LAYER_PORTS_FOLLOWED && later.layer[0].protocol == 6 &&
		  later.layer[0].sport == 443);
	fragment_table_free(t);
}

Test(fragment, tunnels_keep_equal_addresses_apart)
{
	struct fragment_table *t = table(16, 8);
	struct packet_view first =
		view_of(0, (struct fragment){.teid = 1, .id = 7, .sport = 53, .dport = 4000});
	struct packet_view stranger =
		view_of(1, (struct fragment){.teid = 2, .id = 7, .offset = 32});
	struct packet_view own = view_of(2, (struct fragment){.teid = 1, .id = 7, .offset = 32});

	pass(t, &first, 0, MS);
	cr_expect(pass(t, &stranger, 1, MS) == 1);
	cr_expect(!pass(t, &own, 2, MS));
	cr_expect(own.layer[1].flags & LAYER_PORTS_FOLLOWED && own.layer[1].dport == 4000);
	fragment_table_free(t);
}

Test(fragment, early_ones_come_back_in_order_with_their_own_time)
{
	struct fragment_table *t = table(16, 16);

	for (unsigned i = 0; i < 3; i++) {
		struct packet_view v =
			view_of(i, (struct fragment){.id = 7, .offset = (uint16_t)(320 - 32 * i)});
		cr_expect(pass(t, &v, i, (i + 1) * MS) == 1);
		cr_expect(v.outcome == PACKET_FRAGMENT_HELD);
		cr_expect_null(fragment_take(t), "nothing is settled yet");
	}
	struct packet_view first =
		view_of(3, (struct fragment){.id = 7, .sport = 53, .dport = 4000});
	cr_expect(!pass(t, &first, 3, 9 * MS));
	for (unsigned i = 0; i < 3; i++) {
		const struct fragment_release *r = fragment_take(t);
		cr_assert(r);
		cr_expect(
			r->packet == &frames[i] && r->origin == &n6 && r->time_ns == (i + 1) * MS);
		cr_expect(r->outcome == PACKET_FRAGMENT_HELD && r->view.layer[0].sport == 53 &&
			  r->view.layer[0].flags & LAYER_PORTS_FOLLOWED);
	}
	cr_expect_null(fragment_take(t));
	cr_expect(fragment_held(t) == 0 && counts(t).resolved == 3);
	fragment_table_free(t);
}

Test(fragment, without_port_rules_nothing_is_held_but_ports_are_remembered)
{
	struct fragment_table *t = table(16, 8);
	struct packet_view early = view_of(0, (struct fragment){.id = 7, .offset = 32});
	struct packet_view first =
		view_of(1, (struct fragment){.id = 7, .sport = 53, .dport = 4000});
	struct packet_view later = view_of(2, (struct fragment){.id = 7, .offset = 64});
	void *packet[] = {&frames[0]};

	cr_expect(!fragment_resolve(
		t, &early, packet, 1, &(struct fragment_burst){false, &n6, 7, MS}));
	cr_expect(early.outcome == PACKET_IP && fragment_held(t) == 0);
	fragment_resolve(t, &first, packet, 1, &(struct fragment_burst){false, &n6, 7, MS});
	fragment_resolve(t, &later, packet, 1, &(struct fragment_burst){true, &n6, 7, MS});
	cr_expect(later.layer[0].dport == 4000);
	fragment_table_free(t);
}

Test(fragment, held_too_long_is_given_up_and_counted)
{
	struct fragment_table *t = table(16, 8);
	struct packet_view v = view_of(0, (struct fragment){.id = 7, .offset = 32});

	pass(t, &v, 0, MS);
	fragment_expire(t, MS + 2000 * MS, false);
	cr_expect_null(fragment_take(t), "two seconds are allowed");
	fragment_expire(t, 2 * MS + 2000 * MS, false);
	const struct fragment_release *r = fragment_take(t);
	cr_assert(r);
	cr_expect(r->outcome == PACKET_FRAGMENT_EXPIRED && r->packet == &frames[0]);
	cr_expect(!(r->view.layer[0].flags & LAYER_PORTS_FOLLOWED));
	cr_expect_null(fragment_take(t));
	cr_expect(counts(t).expired == 1);
	fragment_table_free(t);
}

Test(fragment, ports_are_forgotten_after_the_time_out)
{
	struct fragment_table *t = table(16, 8);
	struct packet_view first =
		view_of(0, (struct fragment){.id = 7, .sport = 53, .dport = 4000});
	struct packet_view later = view_of(1, (struct fragment){.id = 7, .offset = 32});

	pass(t, &first, 0, MS);
	pass(t, &later, 1, MS + 30001 * MS);
	cr_expect(!(later.layer[0].flags & LAYER_PORTS_FOLLOWED));
	fragment_table_free(t);
}

Test(fragment, a_repeated_identification_takes_the_newest_ports)
{
	struct fragment_table *t = table(16, 8);
	struct packet_view a = view_of(0, (struct fragment){.id = 7, .sport = 53, .dport = 4000});
	struct packet_view b = view_of(1, (struct fragment){.id = 7, .sport = 54, .dport = 4000});
	struct packet_view later = view_of(2, (struct fragment){.id = 7, .offset = 32});

	pass(t, &a, 0, MS);
	pass(t, &b, 1, MS);
	pass(t, &later, 2, MS);
	cr_expect(later.layer[0].sport == 54 && counts(t).replaced == 1);
	fragment_table_free(t);
}

Test(fragment, holds_of_a_datagram_are_bounded)
{
	struct fragment_table *t = table(64, 256);

	for (unsigned i = 0; i < 12; i++) {
		struct packet_view v =
			view_of(i, (struct fragment){.id = 7, .offset = (uint16_t)(32 + 32 * i)});
		cr_expect(pass(t, &v, i, MS) == (i < 8));
		cr_expect(v.outcome == (i < 8 ? PACKET_FRAGMENT_HELD : PACKET_FRAGMENT_LIMIT));
	}
	cr_expect(fragment_held(t) == 8);
	fragment_table_free(t);
}

Test(fragment, one_source_has_a_quarter_of_the_holds)
{
	struct fragment_table *t = table(1024, 64);
	struct packet_view victim =
		view_of(0, (struct fragment){.source = 0xc0000299, .id = 1, .offset = 32});

	pass(t, &victim, 0, MS);
	for (unsigned i = 1; i < 600; i++) {
		struct packet_view v = view_of(i, (struct fragment){.id = i, .offset = 32});
		cr_expect(pass(t, &v, i, MS) == 1, "the newest of a flood is held");
		const struct fragment_release *r = fragment_take(t);
		cr_expect((r != NULL) == (i > 16));
		cr_expect(!r ||
			  (r->packet == &frames[i - 16] && r->outcome == PACKET_FRAGMENT_LIMIT));
		cr_expect(fragment_held(t) <= 17);
	}
	struct packet_view first = view_of(
		700, (struct fragment){.source = 0xc0000299, .id = 1, .sport = 1, .dport = 2});
	pass(t, &first, 700, MS);
	const struct fragment_release *r = fragment_take(t);
	cr_assert(r && r->packet == &frames[0] && r->outcome == PACKET_FRAGMENT_HELD,
		"the other source's packet has not been pushed out");
	cr_expect_null(fragment_take(t));
	fragment_table_free(t);
}

Test(fragment, a_flood_of_datagrams_leaves_other_sources_their_ports)
{
	struct fragment_table *t = table(64, 8);
	struct packet_view quiet = view_of(
		0, (struct fragment){.source = 0xc0000299, .id = 1, .sport = 80, .dport = 81});

	pass(t, &quiet, 0, MS);
	for (unsigned i = 1; i < 1000; i++) {
		struct packet_view v =
			view_of(1, (struct fragment){.id = i, .sport = 9, .dport = 9});
		pass(t, &v, 1, MS);
	}
	struct packet_view later =
		view_of(2, (struct fragment){.source = 0xc0000299, .id = 1, .offset = 32});
	pass(t, &later, 2, MS);
	cr_expect(later.layer[0].dport == 81);
	struct packet_view newest = view_of(3, (struct fragment){.id = 999, .offset = 32});
	struct packet_view oldest = view_of(4, (struct fragment){.id = 1, .offset = 32});
	pass(t, &newest, 3, MS);
	pass(t, &oldest, 4, MS);
	cr_expect(newest.layer[0].dport == 9 && oldest.outcome == PACKET_FRAGMENT_HELD);
	cr_expect(counts(t).evicted > 900);
	fragment_table_free(t);
}

Test(fragment, everything_comes_back_at_the_end)
{
	struct fragment_table *t = table(1024, 64);
	unsigned held = 0, back = 0;

	for (unsigned i = 0; i < 500; i++) {
		struct packet_view v = view_of(
			i, (struct fragment){.source = 0xc0000200 + i % 90, .id = i, .offset = 32});
		held += pass(t, &v, i, i * MS);
		if (i % 7 == 0)
			while (fragment_take(t))
				back++;
	}
	fragment_expire(t, 500 * MS, true);
	while (fragment_take(t))
		back++;
	cr_expect(held == back && held > 400);
	struct fragment_counts c = counts(t);
	cr_expect(c.held == held && c.held == c.expired + c.limit && fragment_held(t) == 0);
	fragment_table_free(t);
}

// Any order of calls: no handle comes back twice or never, bounds hold. (Sanitizers watch.)
Test(fragment, random_traffic_keeps_the_books)
{
	static uint8_t out[FRAGMENTS_MAX];
	struct rng r = {42};
	struct fragment_table *t = table(32, 16);
	uint64_t now = MS;

	for (unsigned step = 0; step < 200000; step++) {
		now += rng_below(&r, 50) * MS;
		unsigned slot = rng_below(&r, FRAGMENTS_MAX);
		if (out[slot])
			continue;
		struct packet_view v =
			view_of(slot, (struct fragment){.source = 0xc0000200 + rng_below(&r, 6),
					      .id = rng_below(&r, 40),
					      .offset = rng_below(&r, 4) ? 32 : 0,
					      .protocol = rng_below(&r, 3) ? 17 : 6,
					      .v6 = rng_below(&r, 2)});
		if (pass(t, &v, slot, now))
			out[slot] = 1;
		MUST(fragment_held(t) <= 16 + PACKET_BURST);
		if (rng_below(&r, 8))
			continue;
		for (const struct fragment_release *b; (b = fragment_take(t));) {
			size_t at = (size_t)((struct frame *)b->packet - frames);
			MUST(out[at]);
			out[at] = 0;
			bool ports = b->view.layer[0].flags & LAYER_PORTS_FOLLOWED;
			MUST(ports == (b->outcome == PACKET_FRAGMENT_HELD));
		}
	}
	fragment_expire(t, now, true);
	for (const struct fragment_release *b; (b = fragment_take(t));)
		out[(struct frame *)b->packet - frames] = 0;
	for (unsigned i = 0; i < FRAGMENTS_MAX; i++)
		MUST(!out[i]);
	fragment_table_free(t);
}
