// Outer fragments of tunnels: fragments in, whole datagrams out, and every packet buffer comes
// back.

#include <criterion/criterion.h>
#include <string.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include "dataplane/packet/parse.h"
#include "dataplane/worker/reassembly.h"
#include "dataplane/signalling/signalling_tap.h"
#include "shared/wire.h"
#include "tests/unit/dataplane/packet/frames.h"

#define MS 1000000ull
#define NOW (10000 * MS)
// Criterion writes a message for every assertion that holds: too many for a loop.
#define MUST(condition)                                   \
	do {                                              \
		if (!(condition))                         \
			cr_assert_fail("%s", #condition); \
	} while (0)

static const struct port_traits n3 = {.tunnel = CONFIG_TUNNEL_GTPU};

struct bench {
	struct rte_mempool *frames, *pieces, *wholes;
	struct reassembly *r;
};

struct content { // of the datagram's IP layer
	uint8_t b[65536];
	uint32_t n;
};

static struct content content;
static bool gtpu = true;
static struct signalling_shown shown; // nothing

static struct bench bench_new(uint32_t datagrams, uint32_t pieces)
{
	static char *arguments[] = {"test", "--no-huge", "--no-pci", "-m", "64", "--no-telemetry",
		"--no-shconf", "--log-level", "error", "-l", "0", NULL};
	struct bench b;

	cr_assert(rte_eal_init(11, arguments) >= 0);
	b.frames = rte_pktmbuf_pool_create("frames", 255, 0, 0, 2304, SOCKET_ID_ANY);
	b.pieces = rte_pktmbuf_pool_create("pieces", pieces, 0, 0, 2304, SOCKET_ID_ANY);
	b.wholes = rte_pktmbuf_pool_create(
		"wholes", 7, 0, 0, REASSEMBLY_WHOLE_ROOM + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	cr_assert(b.frames && b.pieces && b.wholes);
	const struct reassembly_settings s = {.gtpu = gtpu,
		.signalling = &shown,
		.datagrams = datagrams,
		.timeout_ns = 2000 * MS,
		.seed = {0x9e3779b97f4a7c15, 0xd6e8feb86659fd93},
		.pieces = b.pieces,
		.wholes = b.wholes,
		.socket = SOCKET_ID_ANY};
	b.r = reassembly_new(&s);
	cr_assert(b.r);
	return b;
}

static void bench_end(struct bench *b)
{
	reassembly_free(b->r);
	cr_assert_eq(rte_mempool_in_use_count(b->frames), 0);
	cr_assert_eq(rte_mempool_in_use_count(b->pieces), 0);
	cr_assert_eq(rte_mempool_in_use_count(b->wholes), 0);
	rte_eal_cleanup();
}

// UDP of `n` octets of content towards `port`; GTP-U with an IPv4 packet inside on 2152.
static void make_content(uint16_t port, uint32_t n)
{
	static struct frame f;

	memset(&f, 0, sizeof(f));
	frame_udp(&f, 2152, port);
	frame_gtpu(&f, 255, 0x11223344);
	frame_ipv4(&f, 0xc0000201, 0xc6336401, 17);
	frame_udp(&f, 5000, 53);
	frame_finish(&f);
	memcpy(content.b, f.b, f.n);
	content.n = f.n + n;
	for (uint32_t i = 0; i < n; i++)
		content.b[f.n + i] = (uint8_t)(i * 7 + i / 256);
	wire_store16(content.b + 4, (uint16_t)content.n);
	wire_store16(content.b + 10, (uint16_t)(content.n - 16));
	wire_store16(content.b + 18, (uint16_t)(content.n - 16));
	wire_store16(content.b + 40, (uint16_t)(content.n - 36));
}

struct fragment {
	bool v6, options; // options: IPv4 options, or an IPv6 header before the fragment header
	uint32_t source, id;
	uint32_t first, end; // octets of `content`; end 0: its end
	int more;	     // -1: as it should be
	uint32_t padding;
};

static struct fragment part(uint32_t id, uint32_t first, uint32_t end)
{
	return (struct fragment){
		.source = 0x0a000001, .id = id, .first = first, .end = end, .more = -1};
}

static uint32_t put_v4(struct frame *f, const struct fragment *d, bool more)
{
	static const uint8_t options[4] = {1, 1, 1, 0};
	uint32_t at = f->n;

	frame_ipv4(f, d->source, 0x0a000002, 17);
	wire_store16(f->b + at + 4, (uint16_t)d->id);
	wire_store16(f->b + at + 6, (uint16_t)(d->first / 8 | (more ? 0x2000 : 0)));
	if (d->options) {
		f->b[at] = 0x46;
		frame_raw(f, options, 4);
	}
	return at + 2;
}

static uint32_t put_v6(struct frame *f, const struct fragment *d, bool more)
{
	uint8_t b[8] = {17, 0};
	uint32_t at = f->n;

	frame_ipv6(f, d->source, 2, d->options ? 0 : 44);
	if (d->options) {
		static const uint8_t hop[8] = {44, 0, 1, 4};
		frame_raw(f, hop, 8);
	}
	wire_store16(b + 2, (uint16_t)(d->first | more));
	wire_store32(b + 4, d->id);
	frame_raw(f, b, 8);
	return at + 4;
}

static struct rte_mbuf *frame_of(const struct bench *b, struct fragment d)
{
	static struct frame f;
	struct rte_mbuf *m = rte_pktmbuf_alloc(b->frames);
	uint32_t end = d.end ? d.end : content.n;
	bool more = d.more < 0 ? end < content.n : d.more;

	MUST(m);
	memset(&f, 0, sizeof(f));
	frame_ethernet(&f, d.v6 ? 0x86dd : 0x0800);
	(void)(d.v6 ? put_v6(&f, &d, more) : put_v4(&f, &d, more));
	frame_raw(&f, content.b + d.first, end - d.first);
	frame_finish(&f);
	frame_zero(&f, d.padding);
	memcpy(rte_pktmbuf_append(m, (uint16_t)f.n), f.b, f.n);
	return m;
}

static enum reassembly_verdict put(
	struct bench *b, struct fragment d, uint64_t now, struct reassembly_whole *whole)
{
	struct rte_mbuf *m = frame_of(b, d);
	struct packet_view v = {.data = rte_pktmbuf_mtod(m, const uint8_t *),
		.length = m->data_len,
		.total = m->pkt_len};

	MUST(parse_burst(&n3, &v, 1) == 1);
	enum reassembly_verdict verdict = reassembly_put(b->r, &v, m, true, now, whole);
	rte_pktmbuf_free(m); // what came in is not kept
	return verdict;
}

static enum reassembly_verdict put_at(struct bench *b, struct fragment d, uint64_t now)
{
	struct reassembly_whole whole = {0};
	enum reassembly_verdict verdict = put(b, d, now, &whole);

	MUST(verdict == REASSEMBLY_WHOLE || !whole.mbuf);
	rte_pktmbuf_free(whole.mbuf);
	return verdict;
}

static void check_whole(const struct reassembly_whole *whole, uint32_t header)
{
	struct packet_view v = {
		.data = whole->data, .length = whole->length, .total = whole->length};

	cr_assert_eq(whole->length, 14 + header + content.n);
	cr_assert_eq(memcmp(whole->data + 14 + header, content.b, content.n), 0);
	cr_assert_eq(parse_burst(&n3, &v, 1), 0);
	cr_assert_eq(v.outcome, PACKET_GTPU);
	cr_assert_eq(v.teid, 0x11223344);
	cr_assert_eq(v.n_layers, 2);
	cr_assert_eq(v.gtp_length, content.n - 8);
}

static void in_order(bool v6, bool options, const unsigned order[4])
{
	static const uint32_t edge[] = {0, 800, 1600, 2400, 0};
	struct bench b = bench_new(16, 63);
	struct reassembly_whole whole;
	uint32_t header = v6 ? 40 : 20;

	make_content(2152, 2800);
	for (unsigned i = 0; i < 4; i++) {
		struct fragment d = part(7, edge[order[i]], edge[order[i] + 1]);
		d.v6 = v6;
		d.options = options;
		d.padding = 3;
		cr_assert_eq(
			put(&b, d, NOW, &whole), i < 3 ? REASSEMBLY_ABSORBED : REASSEMBLY_WHOLE);
	}
	cr_assert(whole.mbuf);
	check_whole(&whole, !v6 && options ? 24 : header);
	rte_pktmbuf_free(whole.mbuf);
	cr_assert_eq(reassembly_waiting(b.r), 0);
	bench_end(&b);
}

Test(reassembly, ipv4)
{
	in_order(false, false, (const unsigned[]){0, 1, 2, 3});
}

Test(reassembly, ipv4_reversed_with_options)
{
	in_order(false, true, (const unsigned[]){3, 2, 1, 0});
}

Test(reassembly, ipv6)
{
	in_order(true, false, (const unsigned[]){0, 1, 2, 3});
}

Test(reassembly, ipv6_mixed_with_headers_before)
{
	in_order(true, true, (const unsigned[]){2, 0, 3, 1});
}

Test(reassembly, ipv4_header_is_right_again)
{
	struct bench b = bench_new(16, 63);
	struct reassembly_whole whole;
	uint32_t sum = 0;

	make_content(2152, 1000);
	cr_assert_eq(put_at(&b, part(7, 0, 512), NOW), REASSEMBLY_ABSORBED);
	cr_assert_eq(put(&b, part(7, 512, 0), NOW, &whole), REASSEMBLY_WHOLE);
	for (unsigned i = 0; i < 20; i += 2)
		sum += wire_load16(whole.data + 14 + i);
	cr_expect_eq((sum & 0xffff) + (sum >> 16), 0xffff);
	rte_pktmbuf_free(whole.mbuf);
	bench_end(&b);
}

Test(reassembly, large_ones_have_no_buffer_of_their_own)
{
	struct bench b = bench_new(16, 63);
	struct reassembly_whole whole;

	make_content(2152, 11000);
	for (uint32_t at = 0; at < 7 * 1600; at += 1600)
		cr_assert_eq(
			put(&b, part(7, at, at + 1600 < content.n ? at + 1600 : 0), NOW, &whole),
			at < 6 * 1600 ? REASSEMBLY_ABSORBED : REASSEMBLY_WHOLE);
	cr_assert_null(whole.mbuf);
	check_whole(&whole, 20);
	bench_end(&b);
}

Test(reassembly, duplicate_is_harmless)
{
	struct bench b = bench_new(16, 63);
	struct reassembly_whole whole;

	make_content(2152, 2000);
	cr_expect_eq(put_at(&b, part(7, 800, 1600), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(7, 800, 1600), NOW), REASSEMBLY_INVALID);
	cr_expect_eq(put_at(&b, part(7, 1600, 0), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(7, 1600, 0), NOW), REASSEMBLY_INVALID);
	cr_expect_eq(put(&b, part(7, 0, 800), NOW, &whole), REASSEMBLY_WHOLE);
	check_whole(&whole, 20);
	rte_pktmbuf_free(whole.mbuf);
	bench_end(&b);
}

static void poisoned_by(struct fragment bad)
{
	struct bench b = bench_new(16, 63);

	make_content(2152, 2000);
	cr_expect_eq(put_at(&b, part(7, 800, 1600), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, bad, NOW), REASSEMBLY_INVALID);
	cr_expect_eq(put_at(&b, part(7, 0, 800), NOW), REASSEMBLY_INVALID);
	cr_expect_eq(put_at(&b, part(7, 1600, 0), NOW + 2000 * MS), REASSEMBLY_INVALID);
	reassembly_expire(b.r, NOW + 2000 * MS + 1, false);
	cr_expect_eq(reassembly_moves(b.r).expired, 1);
	cr_expect_eq(rte_mempool_in_use_count(b.pieces), 0);
	// And then it begins anew.
	cr_expect_eq(put_at(&b, part(7, 800, 1600), NOW + 2001 * MS), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(7, 0, 800), NOW + 2001 * MS), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(7, 1600, 0), NOW + 2001 * MS), REASSEMBLY_WHOLE);
	bench_end(&b);
}

Test(reassembly, overlap_poisons)
{
	poisoned_by(part(7, 1592, 0));
}

Test(reassembly, overlap_in_the_middle_poisons)
{
	poisoned_by(part(7, 400, 808));
}

Test(reassembly, end_before_what_is_there_poisons)
{
	struct fragment bad = part(7, 400, 800);

	bad.more = 0;
	poisoned_by(bad);
}

Test(reassembly, too_many_pieces)
{
	struct bench b = bench_new(16, 63);

	make_content(2152, 2000);
	enum reassembly_verdict verdict = REASSEMBLY_ABSORBED;
	unsigned n = 0;
	for (; verdict == REASSEMBLY_ABSORBED && n < 32; n++)
		verdict = put_at(&b, part(7, n * 8, n * 8 + 8), NOW);
	cr_expect_eq(verdict, REASSEMBLY_LIMIT);
	cr_expect_geq(n, 7);
	cr_expect_leq(n, REASSEMBLY_PIECES + 1);
	cr_expect_eq(put_at(&b, part(7, 1600, 0), NOW), REASSEMBLY_INVALID);
	bench_end(&b);
}

Test(reassembly, longer_than_a_datagram)
{
	struct bench b = bench_new(16, 63);
	struct fragment d = part(7, 0, 800);

	make_content(2152, 2000);
	content.n = 65536; // at the largest offset
	d.first = 65528;
	d.end = 65536;
	d.more = 1;
	cr_expect_eq(put_at(&b, d, NOW), REASSEMBLY_INVALID);
	cr_expect_eq(reassembly_waiting(b.r), 0);
	bench_end(&b);
}

Test(reassembly, others_pass)
{
	struct bench b = bench_new(16, 63);

	make_content(53, 2000);
	cr_expect_eq(put_at(&b, part(7, 800, 1600), NOW), REASSEMBLY_ABSORBED, "not known yet");
	cr_expect_eq(put_at(&b, part(7, 0, 800), NOW), REASSEMBLY_PASSED);
	cr_expect_eq(put_at(&b, part(7, 1600, 0), NOW), REASSEMBLY_PASSED);
	cr_expect_eq(reassembly_moves(b.r).passed, 1);
	cr_expect_eq(put_at(&b, part(8, 0, 800), NOW), REASSEMBLY_PASSED);
	cr_expect_eq(put_at(&b, part(8, 800, 1600), NOW), REASSEMBLY_PASSED);
	make_content(2152, 2000); // the same identification, now of a tunnel
	cr_expect_eq(put_at(&b, part(8, 0, 800), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(8, 800, 0), NOW), REASSEMBLY_WHOLE);
	bench_end(&b);
}

Test(reassembly, time_out)
{
	struct bench b = bench_new(16, 63);

	make_content(2152, 2000);
	for (uint32_t id = 0; id < 12; id++) {
		struct fragment d = part(id, 0, 800);
		d.source += id;
		cr_expect_eq(put_at(&b, d, NOW + id), REASSEMBLY_ABSORBED);
	}
	reassembly_expire(b.r, NOW + 2000 * MS + 6, false);
	cr_expect_eq(reassembly_moves(b.r).expired, 6);
	cr_expect_eq(reassembly_waiting(b.r), 6);
	cr_expect_eq(rte_mempool_in_use_count(b.pieces), 6);
	reassembly_expire(b.r, NOW + 2000 * MS + 6, true);
	cr_expect_eq(reassembly_moves(b.r).expired, 6);
	cr_expect_eq(rte_mempool_in_use_count(b.pieces), 0);
	bench_end(&b);
}

// Firsts that never go on, from everywhere: the oldest give way, a whole datagram still gets
// through.
Test(reassembly, flood)
{
	struct bench b = bench_new(32, 63);
	uint64_t absorbed = 0, given_up = 0;

	make_content(2152, 1000);
	for (uint32_t n = 0; n < 20000; n++) {
		struct fragment d = part(n, 0, 512);
		d.source = 0x0b000000 + n * 77;
		enum reassembly_verdict verdict = put_at(&b, d, NOW + n * 1000);
		MUST(verdict == REASSEMBLY_ABSORBED || verdict == REASSEMBLY_LIMIT);
		absorbed += verdict == REASSEMBLY_ABSORBED;
		MUST(rte_mempool_in_use_count(b.pieces) <= 32);
		struct reassembly_moves m = reassembly_moves(b.r);
		given_up += m.limit + m.expired;
		MUST(absorbed == given_up + reassembly_waiting(b.r));
		if (n % 1000 != 0)
			continue;
		MUST(put_at(&b, part(n, 0, 512), NOW + n * 1000 + 1) == REASSEMBLY_ABSORBED);
		MUST(put_at(&b, part(n, 512, 0), NOW + n * 1000 + 2) == REASSEMBLY_WHOLE);
		given_up += reassembly_moves(b.r).limit;
	}
	cr_expect_gt(given_up, 10000);
	bench_end(&b);
}

Test(reassembly, one_source_leaves_room)
{
	struct bench b = bench_new(32, 63);

	make_content(2152, 1000);
	for (uint32_t n = 0; n < 32; n++) {
		struct fragment d = part(n, 0, 512);
		d.source = 0x0b000001;
		(void)put_at(&b, d, NOW + n);
	}
	cr_expect_eq(reassembly_waiting(b.r), 8);
	bench_end(&b);
}

// Two extension headers of 2,048 octets, in one buffer of the port, which a copy has in two.
Test(reassembly, headers_longer_than_a_copy)
{
	struct bench b = bench_new(16, 63);
	struct rte_mempool *jumbo = rte_pktmbuf_pool_create("jumbo", 7, 0, 0, 8192, SOCKET_ID_ANY);
	struct reassembly_whole whole = {0};
	struct frame f = {0};

	make_content(2152, 2800);
	frame_ethernet(&f, 0x86dd);
	frame_ipv6(&f, 0x0a000001, 2, 0);
	wire_store16(f.b + 18, 2 * 2048 + 8 + 80);
	struct rte_mbuf *m = rte_pktmbuf_alloc(jumbo);
	cr_assert_not_null(m);
	memcpy(rte_pktmbuf_append(m, 54), f.b, 54);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *header = (uint8_t *)rte_pktmbuf_append(m, 2048);
		memset(header, 0, 2048);
		header[0] = i ? 44 : 60;
		header[1] = 255;
	}
	memcpy(rte_pktmbuf_append(m, 8), (const uint8_t[]){17, 0, 0, 1, 0, 0, 0, 9}, 8);
	memcpy(rte_pktmbuf_append(m, 80), content.b, 80);
	struct packet_view v = {.data = rte_pktmbuf_mtod(m, const uint8_t *),
		.length = m->data_len,
		.total = m->pkt_len};
	cr_assert_eq(parse_burst(&n3, &v, 1), 1);
	cr_assert_eq(reassembly_put(b.r, &v, m, true, NOW, &whole), REASSEMBLY_LIMIT);
	rte_pktmbuf_free(m);
	rte_mempool_free(jumbo);
	bench_end(&b);
}

Test(reassembly, empty_pool)
{
	struct bench b = bench_new(32, 7);
	unsigned limit = 0;

	make_content(2152, 1000);
	for (uint32_t n = 0; n < 12; n++) {
		struct fragment d = part(n, 0, 512);
		d.source = 0x0b000000 + n * 77;
		limit += put_at(&b, d, NOW) == REASSEMBLY_LIMIT;
	}
	cr_expect_eq(limit, 5);
	cr_expect_eq(reassembly_waiting(b.r), 7);
	bench_end(&b);
}

// Any order, sizes, ends and times: no buffer is lost, and what comes out is what went in.
Test(reassembly, random)
{
	struct bench b = bench_new(16, 63);
	struct rng g = {.s = 7};
	struct reassembly_whole whole;
	uint64_t now = NOW;

	make_content(2152, 900);
	for (unsigned n = 0; n < 50000; n++) {
		uint32_t first = rng_below(&g, 4) * 240, k = 1 + rng_below(&g, 4);
		struct fragment d = part(rng_below(&g, 6), first, first + k * 240);
		d.source += rng_below(&g, 3);
		d.v6 = rng_below(&g, 2);
		d.options = rng_below(&g, 2);
		if (d.end > content.n)
			d.end = 0;
		d.more = rng_below(&g, 50) == 0 ? (int)rng_below(&g, 2) : -1;
		if (d.first == 0 && d.end == 0)
			continue;
		if (d.first == 0 && d.more == 0)
			d.more = 1;
		now += rng_below(&g, 100) * MS;
		whole = (struct reassembly_whole){0};
		if (put(&b, d, now, &whole) == REASSEMBLY_WHOLE) {
			uint32_t at = whole.length - content.n;
			if (d.more < 0 && whole.length > content.n)
				MUST(memcmp(whole.data + at, content.b, content.n) == 0);
			rte_pktmbuf_free(whole.mbuf);
		}
		MUST(rte_mempool_in_use_count(b.wholes) == 0);
	}
	bench_end(&b);
}

// ---- signalling that never becomes whole ----

static struct bench signalling_bench(bool tunnels, unsigned n_peers)
{
	gtpu = tunnels;
	shown = (struct signalling_shown){.protocols = 1u << SIGNALLING_PFCP};
	shown.n_peers = (uint8_t)n_peers;
	shown.peer[0] = (struct ip_prefix){.family = 4, .length = 24};
	wire_store32(shown.peer[0].b, 0x0a000000);
	return bench_new(16, 63);
}

// What was lost since the last call, and with all that waits given up.
static uint64_t lost(const struct bench *b, bool all)
{
	if (all)
		reassembly_expire(b->r, 0, true);
	return reassembly_moves(b->r).signalling;
}

Test(reassembly, lost_signalling_is_known_by_its_first_fragment)
{
	struct bench b = signalling_bench(true, 0);

	make_content(8805, 2000);
	cr_expect_eq(put_at(&b, part(1, 0, 800), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(2, 800, 0), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(lost(&b, false), 0);
	cr_expect_eq(lost(&b, true), 1, "a tunnel's it could be, without its first");
	cr_expect_eq(put_at(&b, part(1, 800, 0), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(1, 0, 800), NOW), REASSEMBLY_WHOLE);
	make_content(2152, 2000);
	cr_expect_eq(put_at(&b, part(3, 0, 800), NOW), REASSEMBLY_ABSORBED);
	make_content(53, 2000);
	cr_expect_eq(put_at(&b, part(4, 0, 800), NOW), REASSEMBLY_PASSED);
	cr_expect_eq(put_at(&b, part(4, 800, 1600), NOW), REASSEMBLY_PASSED);
	cr_expect_eq(lost(&b, true), 0, "users'");
	bench_end(&b);
}

Test(reassembly, lost_signalling_counts_once)
{
	struct bench b = signalling_bench(true, 0);
	unsigned n = 0;

	make_content(8805, 2000);
	cr_expect_eq(put_at(&b, part(1, 0, 800), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(1, 792, 1600), NOW), REASSEMBLY_INVALID);
	cr_expect_eq(lost(&b, false), 1, "an overlap");
	cr_expect_eq(put_at(&b, part(1, 800, 0), NOW), REASSEMBLY_INVALID);
	while (put_at(&b, part(2, n * 8, n * 8 + 8), NOW) == REASSEMBLY_ABSORBED)
		n++;
	cr_expect_eq(lost(&b, false), 1, "too many pieces");
	cr_expect_eq(put_at(&b, part(3, 0, 800), NOW), REASSEMBLY_ABSORBED);
	make_content(53, 2000);
	cr_expect_eq(put_at(&b, part(3, 0, 800), NOW), REASSEMBLY_INVALID);
	cr_expect_eq(lost(&b, false), 1, "two firsts");
	cr_expect_eq(lost(&b, true), 0);
	bench_end(&b);
}

Test(reassembly, lost_signalling_without_room)
{
	struct bench b = signalling_bench(true, 0);
	uint64_t sum = 0;

	make_content(8805, 2000);
	for (uint32_t id = 0; id < 40; id++) {
		struct fragment d = part(id, 0, 800);
		d.source += id * 77;
		(void)put_at(&b, d, NOW + id);
		sum += lost(&b, false);
	}
	cr_expect_gt(sum, 20, "given up or refused: %u", (unsigned)sum);
	cr_expect_eq(sum + lost(&b, true), 40);
	for (uint32_t id = 0; id < 12; id++) { // one source, not the oldest, takes its share only
		struct fragment d = part(id, 0, 800);
		d.source += id > 0;
		cr_expect_eq(
			put_at(&b, d, NOW + id), id <= 4 ? REASSEMBLY_ABSORBED : REASSEMBLY_LIMIT);
	}
	cr_expect_eq(lost(&b, false), 7, "refused");
	cr_expect_eq(lost(&b, true), 5);
	bench_end(&b);
}

Test(reassembly, lost_signalling_is_known_by_peers)
{
	struct bench b = signalling_bench(true, 1);
	struct fragment stranger = part(3, 0, 800);

	make_content(8805, 2000);
	cr_expect_eq(put_at(&b, part(1, 800, 0), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(lost(&b, true), 1);
	stranger.source = 0x0b000001;
	cr_expect_eq(put_at(&b, stranger, NOW), REASSEMBLY_ABSORBED);
	stranger = part(4, 800, 0);
	stranger.source = 0x0b000001;
	cr_expect_eq(put_at(&b, stranger, NOW), REASSEMBLY_ABSORBED);
	make_content(2152, 2000);
	cr_expect_eq(put_at(&b, part(5, 800, 1600), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(5, 0, 800), NOW), REASSEMBLY_ABSORBED);
	make_content(53, 2000);
	cr_expect_eq(put_at(&b, part(6, 800, 1600), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(6, 0, 800), NOW), REASSEMBLY_PASSED);
	cr_expect_eq(lost(&b, true), 0, "strangers', a tunnel's, and neither");
	bench_end(&b);
}

Test(reassembly, lost_signalling_on_a_port_without_tunnels)
{
	struct bench b = signalling_bench(false, 0);

	make_content(8805, 2000);
	cr_expect_eq(put_at(&b, part(1, 800, 0), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(lost(&b, true), 1);
	bench_end(&b);
}

// A mirror that shows frames twice: the second of the last fragment begins anew and waits in vain.
Test(reassembly, doubled_signalling_is_not_lost)
{
	struct bench b = signalling_bench(false, 0);

	make_content(8805, 2000);
	for (unsigned id = 1; id <= 2; id++) {
		bool turned = id == 2;
		struct fragment one = part(id, 0, 800), two = part(id, 800, 0);
		cr_expect_eq(put_at(&b, turned ? two : one, NOW), REASSEMBLY_ABSORBED);
		cr_expect_eq(put_at(&b, turned ? two : one, NOW), REASSEMBLY_INVALID);
		cr_expect_eq(put_at(&b, turned ? one : two, NOW), REASSEMBLY_WHOLE);
		cr_expect_eq(put_at(&b, turned ? one : two, NOW), REASSEMBLY_ABSORBED);
	}
	cr_expect_eq(lost(&b, true), 0);
	// Another datagram that has the number of one that came whole.
	cr_expect_eq(put_at(&b, part(3, 0, 800), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(3, 800, 0), NOW), REASSEMBLY_WHOLE);
	cr_expect_eq(put_at(&b, part(3, 0, 1600), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(lost(&b, true), 1);
	cr_expect_eq(put_at(&b, part(3, 0, 800), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(3, 800, 0), NOW), REASSEMBLY_WHOLE);
	cr_expect_eq(put_at(&b, part(3, 800, 0), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(3, 0, 800), NOW), REASSEMBLY_WHOLE, "as ever");
	cr_expect_eq(lost(&b, true), 0);
	bench_end(&b);
}
