// Identifiers repeat: fragments of two datagrams never become one.

#include "tests/unit/dataplane/worker/reassembly_bed.h"

// Internet checksum over 16-bit words, added to `sum`.
static uint32_t add_words(uint32_t sum, const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i + 1 < n; i += 2)
		sum += wire_load16(p + i);
	return n % 2 ? sum + p[n - 1] * 256u : sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

// Sets the checksum of the outer UDP between the ends that `part` has.
static void outer_checksum(void)
{
	static const uint8_t ends[] = {10, 0, 0, 1, 10, 0, 0, 2};

	wire_store16(content.b + 6, 0);
	uint32_t sum = add_words(17 + content.n, ends, sizeof(ends));
	wire_store16(content.b + 6, fold(add_words(sum, content.b, content.n)));
}

// Sets the checksum of the UDP in the inner IPv4 packet.
static void inner_checksum(void)
{
	uint32_t n = content.n - 36;

	wire_store16(content.b + 42, 0);
	uint32_t sum = add_words(17 + n, content.b + 28, 8);
	wire_store16(content.b + 42, fold(add_words(sum, content.b + 36, n)));
}

// The same lengths, another user and other octets; checksums stay.
static void stranger(void)
{
	content.b[15] ^= 0x5a;
	for (uint32_t i = 24; i < content.n; i++)
		content.b[i] ^= i > 43 || (i >= 28 && i < 36) ? 0x5a : 0;
}

static void expect_whole(const struct reassembly_datagram *d)
{
	cr_expect_eq(d->length, 34 + content.n);
	cr_expect_eq(memcmp(d->data + 34, content.b, content.n), 0);
	rte_pktmbuf_free(d->mbuf);
}

Test(reassembly_mixed, another_first_begins_anew)
{
	struct bench b = bench_new(16, 63);
	struct reassembly_datagram d = {0};

	make_content(2152, 1000);
	cr_expect_eq(put_at(&b, part(7, 0, 512), NOW), REASSEMBLY_ABSORBED);
	stranger();
	cr_expect_eq(put_at(&b, part(7, 0, 512), NOW + 20 * MS), REASSEMBLY_ABSORBED);
	struct reassembly_moves m = reassembly_moves(b.r);
	cr_expect_eq(m.mixed, 1);
	cr_expect_eq(m.tunnels, 1);
	cr_expect_eq(put_at(&b, part(7, 0, 512), NOW + 21 * MS), REASSEMBLY_INVALID, "a copy");
	cr_expect_eq(put(&b, part(7, 512, 0), NOW + 22 * MS, &d), REASSEMBLY_DONE);
	expect_whole(&d);
	cr_expect_eq(reassembly_moves(b.r).tunnels, 0);
	bench_end(&b);
}

Test(reassembly_mixed, another_first_of_another_length_begins_anew)
{
	struct bench b = bench_new(16, 63);
	struct reassembly_datagram d = {0};

	make_content(2152, 1000);
	cr_expect_eq(put_at(&b, part(7, 0, 512), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(7, 512, 600), NOW), REASSEMBLY_ABSORBED);
	make_content(2152, 1200);
	cr_expect_eq(put_at(&b, part(7, 0, 800), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(reassembly_moves(b.r).mixed, 2);
	cr_expect_eq(put(&b, part(7, 800, 0), NOW, &d), REASSEMBLY_DONE);
	expect_whole(&d);
	bench_end(&b);
}

// The poison of one datagram is not that of the next.
Test(reassembly_mixed, a_later_piece_with_other_content_poisons)
{
	struct bench b = bench_new(16, 63);

	make_content(2152, 2000);
	cr_expect_eq(put_at(&b, part(7, 0, 800), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(7, 800, 1600), NOW), REASSEMBLY_ABSORBED);
	stranger();
	cr_expect_eq(put_at(&b, part(7, 800, 1600), NOW), REASSEMBLY_INVALID);
	cr_expect_eq(put_at(&b, part(7, 1600, 0), NOW), REASSEMBLY_INVALID);
	cr_expect_eq(rte_mempool_in_use_count(b.pieces), 1);
	cr_expect_eq(reassembly_moves(b.r).tunnels, 1);
	cr_expect_eq(put_at(&b, part(7, 0, 800), NOW), REASSEMBLY_ABSORBED, "anew");
	cr_expect_eq(put_at(&b, part(7, 800, 1600), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(7, 1600, 0), NOW), REASSEMBLY_DONE);
	bench_end(&b);
}

// The first of one datagram and the last of another, of another length.
Test(reassembly_mixed, the_udp_length_tells)
{
	struct bench b = bench_new(16, 63);

	make_content(2152, 1000);
	cr_expect_eq(put_at(&b, part(7, 0, 512), NOW), REASSEMBLY_ABSORBED);
	content.n -= 8;
	cr_expect_eq(put_at(&b, part(7, 512, 0), NOW), REASSEMBLY_MIXED);
	struct reassembly_moves m = reassembly_moves(b.r);
	cr_expect_eq(m.mixed, 1);
	cr_expect_eq(m.tunnels, 1);
	cr_expect_eq(reassembly_waiting(b.r), 0);
	content.n += 40;
	cr_expect_eq(put_at(&b, part(7, 512, 0), NOW), REASSEMBLY_ABSORBED, "in any order");
	cr_expect_eq(put_at(&b, part(7, 0, 512), NOW), REASSEMBLY_MIXED);
	bench_end(&b);
}

static enum reassembly_verdict in_two(struct bench *b, void (*before_last)(void))
{
	cr_expect_eq(put_at(b, part(7, 0, 512), NOW), REASSEMBLY_ABSORBED);
	if (before_last)
		before_last();
	return put_at(b, part(7, 512, 0), NOW);
}

Test(reassembly_mixed, the_udp_checksum_tells)
{
	struct bench b = bench_new(16, 63);

	for (uint32_t n = 1000; n < 1002; n++) { // even and odd
		make_content(2152, n);
		outer_checksum();
		cr_expect_eq(in_two(&b, NULL), REASSEMBLY_DONE);
		cr_expect_eq(in_two(&b, stranger), REASSEMBLY_MIXED);
	}
	make_content(2152, 1000);
	content.b[6] = 1;
	cr_expect_eq(in_two(&b, NULL), REASSEMBLY_MIXED);
	bench_end(&b);
}

Test(reassembly_mixed, without_a_udp_checksum_the_inner_one_tells)
{
	struct bench b = bench_new(16, 63);

	for (uint32_t n = 1000; n < 1002; n++) {
		make_content(2152, n);
		inner_checksum();
		cr_expect_eq(in_two(&b, NULL), REASSEMBLY_DONE);
		cr_expect_eq(in_two(&b, stranger), REASSEMBLY_MIXED);
	}
	bench_end(&b);
}

Test(reassembly_mixed, the_gtpu_length_tells)
{
	static const struct {
		int by;
		enum reassembly_verdict verdict;
	} lengths[] = {{0, REASSEMBLY_DONE}, {8, REASSEMBLY_DONE}, {-1, REASSEMBLY_MIXED},
		{1, REASSEMBLY_MIXED}, {9, REASSEMBLY_MIXED}, {-8, REASSEMBLY_MIXED}};
	struct bench b = bench_new(16, 63);

	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		make_content(2152, 1000);
		wire_store16(content.b + 10,
			(uint16_t)(wire_load16(content.b + 10) + lengths[i].by));
		cr_expect_eq(in_two(&b, NULL), lengths[i].verdict, "%d", lengths[i].by);
	}
	bench_end(&b);
}

// A datagram put together under PPPoE is longer than the length there.
Test(reassembly_mixed, nothing_of_the_link_stays)
{
	struct bench b = bench_new(16, 63);
	struct reassembly_datagram d = {0};

	make_content(2152, 1000);
	for (unsigned k = 0; k < 2; k++) {
		struct rte_mbuf *m = frame_of(&b, part(7, k ? 512 : 0, k ? 0 : 512));
		uint32_t ip = m->pkt_len - 14;
		uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, 8);
		cr_assert_not_null(p);
		memmove(p, rte_pktmbuf_mtod_offset(m, uint8_t *, 8), 12);
		memcpy(p + 12, (const uint8_t[]){0x88, 0x64, 0x11, 0, 0, 1, 0, 0, 0, 0x21}, 10);
		wire_store16(p + 18, (uint16_t)(ip + 2));
		struct packet_view v = {.data = p, .length = m->data_len, .total = m->pkt_len};
		cr_assert_eq(parse_burst(&n3, &v, 1), 1);
		cr_expect_eq(reassembly_put(b.r, &v, m, true, NOW, &d),
			k ? REASSEMBLY_DONE : REASSEMBLY_ABSORBED);
		rte_pktmbuf_free(m);
	}
	expect_whole(&d);
	bench_end(&b);
}
