// Outer fragments of tunnels: fragments in, whole datagrams out, and every packet buffer comes
// back.

#include "tests/unit/dataplane/worker/reassembly_bed.h"

static void check_datagram(const struct reassembly_datagram *datagram, uint32_t header)
{
	struct packet_view v = {
		.data = datagram->data, .length = datagram->length, .total = datagram->length};

	cr_assert_eq(datagram->length, 14 + header + content.n);
	cr_assert_eq(memcmp(datagram->data + 14 + header, content.b, content.n), 0);
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
	struct reassembly_datagram datagram;
	uint32_t header = v6 ? 40 : 20;

	make_content(2152, 2800);
	for (unsigned i = 0; i < 4; i++) {
		struct fragment d = part(7, edge[order[i]], edge[order[i] + 1]);
		d.v6 = v6;
		d.options = options;
		d.padding = 3;
		cr_assert_eq(
			put(&b, d, NOW, &datagram), i < 3 ? REASSEMBLY_ABSORBED : REASSEMBLY_DONE);
	}
	cr_assert(datagram.mbuf);
	check_datagram(&datagram, !v6 && options ? 24 : header);
	rte_pktmbuf_free(datagram.mbuf);
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
	struct reassembly_datagram datagram;
	uint32_t sum = 0;

	make_content(2152, 1000);
	cr_assert_eq(put_at(&b, part(7, 0, 512), NOW), REASSEMBLY_ABSORBED);
	cr_assert_eq(put(&b, part(7, 512, 0), NOW, &datagram), REASSEMBLY_DONE);
	for (unsigned i = 0; i < 20; i += 2)
		sum += wire_load16(datagram.data + 14 + i);
	cr_expect_eq((sum & 0xffff) + (sum >> 16), 0xffff);
	rte_pktmbuf_free(datagram.mbuf);
	bench_end(&b);
}

Test(reassembly, large_ones_have_no_buffer_of_their_own)
{
	struct bench b = bench_new(16, 63);
	struct reassembly_datagram datagram;

	make_content(2152, 11000);
	for (uint32_t at = 0; at < 7 * 1600; at += 1600)
		cr_assert_eq(
			put(&b, part(7, at, at + 1600 < content.n ? at + 1600 : 0), NOW, &datagram),
			at < 6 * 1600 ? REASSEMBLY_ABSORBED : REASSEMBLY_DONE);
	cr_assert_null(datagram.mbuf);
	check_datagram(&datagram, 20);
	bench_end(&b);
}

Test(reassembly, duplicate_is_harmless)
{
	struct bench b = bench_new(16, 63);
	struct reassembly_datagram datagram;

	make_content(2152, 2000);
	cr_expect_eq(put_at(&b, part(7, 800, 1600), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(7, 800, 1600), NOW), REASSEMBLY_INVALID);
	cr_expect_eq(put_at(&b, part(7, 1600, 0), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(7, 1600, 0), NOW), REASSEMBLY_INVALID);
	cr_expect_eq(put(&b, part(7, 0, 800), NOW, &datagram), REASSEMBLY_DONE);
	check_datagram(&datagram, 20);
	rte_pktmbuf_free(datagram.mbuf);
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
	cr_expect_eq(put_at(&b, part(7, 1600, 0), NOW + 2001 * MS), REASSEMBLY_DONE);
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
	cr_expect_eq(put_at(&b, part(8, 800, 0), NOW), REASSEMBLY_DONE);
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
		MUST(put_at(&b, part(n, 512, 0), NOW + n * 1000 + 2) == REASSEMBLY_DONE);
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
	cr_expect_eq(reassembly_waiting(b.r), 32);
	cr_expect_eq(reassembly_moves(b.r).limit, 0);
	for (uint32_t n = 0; n < 8; n++) // others get what is beyond its share
		cr_expect_eq(put_at(&b, part(n, 0, 512), NOW + 100), REASSEMBLY_ABSORBED);
	cr_expect_eq(reassembly_moves(b.r).limit, 8);
	for (uint32_t n = 0; n < 8; n++)
		cr_expect_eq(put_at(&b, part(n, 512, 0), NOW + 200), REASSEMBLY_DONE);
	bench_end(&b);
}

// Strays of one source never stop that source's own datagrams.
Test(reassembly, own_oldest_gives_way)
{
	struct bench b = bench_new(16, 63);
	unsigned done = 0;

	make_content(2152, 1000);
	for (uint32_t n = 0; n < 128; n++)
		MUST(put_at(&b, part(n, n % 2 ? 512 : 0, n % 2 ? 0 : 512), NOW + n) ==
			REASSEMBLY_ABSORBED);
	for (uint32_t n = 1000; n < 1100; n++) {
		MUST(put_at(&b, part(n, 0, 512), NOW + n) == REASSEMBLY_ABSORBED);
		done += put_at(&b, part(n, 512, 0), NOW + n) == REASSEMBLY_DONE;
	}
	cr_expect_eq(done, 100);
	struct reassembly_moves m = reassembly_moves(b.r);
	cr_expect_eq(m.limit, 128 - 15);
	cr_expect_eq(m.tunnels, 128 - 15);
	bench_end(&b);
}

// Two extension headers of 2,048 octets, in one buffer of the port, which a copy has in two.
Test(reassembly, headers_longer_than_a_copy)
{
	struct bench b = bench_new(16, 63);
	struct rte_mempool *jumbo = rte_pktmbuf_pool_create("jumbo", 7, 0, 0, 8192, SOCKET_ID_ANY);
	struct reassembly_datagram datagram = {0};
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
	cr_assert_eq(reassembly_put(b.r, &v, m, true, NOW, &datagram), REASSEMBLY_ABSORBED);
	rte_pktmbuf_free(m);
	reassembly_expire(b.r, NOW, true);
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
	cr_expect_eq(limit, 0, "the oldest give way");
	cr_expect_eq(reassembly_moves(b.r).limit, 5);
	cr_expect_eq(reassembly_waiting(b.r), 7);
	bench_end(&b);
}

// Any order, sizes, ends and times: no buffer is lost, and what comes out is what went in.
Test(reassembly, random)
{
	struct bench b = bench_new(16, 63);
	struct rng g = {.s = 7};
	struct reassembly_datagram datagram;
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
		datagram = (struct reassembly_datagram){0};
		if (put(&b, d, now, &datagram) == REASSEMBLY_DONE) {
			uint32_t at = datagram.length - content.n;
			if (d.more < 0 && datagram.length > content.n)
				MUST(memcmp(datagram.data + at, content.b, content.n) == 0);
			rte_pktmbuf_free(datagram.mbuf);
		}
		MUST(rte_mempool_in_use_count(b.datagram_pool) == 0);
	}
	bench_end(&b);
}
