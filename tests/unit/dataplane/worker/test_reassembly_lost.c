// Signalling in fragments that never become whole is known as lost.

#include "tests/unit/dataplane/worker/reassembly_bed.h"

static struct bench signalling_bench(bool tunnels, unsigned n_peers)
{
	gtpu = tunnels;
	shown = (struct signalling_shown){.protocols = 1u << SIGNALLING_PFCP};
	shown.n_peers = (uint8_t)n_peers;
	shown.peer[0] = (struct ip_prefix){.family = 4, .length = 24};
	wire_store32(shown.peer[0].b, 0x0a000000);
	return bench_new(16, 63);
}

// Losses since the last call, and those of all that waits and is given up.
static uint64_t lost(const struct bench *b, bool all)
{
	if (all)
		reassembly_expire(b->r, 0, true);
	return reassembly_moves(b->r).signalling;
}

Test(reassembly_lost, lost_signalling_is_known_by_its_first_fragment)
{
	struct bench b = signalling_bench(true, 0);

	make_content(8805, 2000);
	cr_expect_eq(put_at(&b, part(1, 0, 800), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(2, 800, 0), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(lost(&b, false), 0);
	cr_expect_eq(lost(&b, true), 1, "a tunnel's it could be, without its first");
	cr_expect_eq(put_at(&b, part(1, 800, 0), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(1, 0, 800), NOW), REASSEMBLY_DONE);
	make_content(2152, 2000);
	cr_expect_eq(put_at(&b, part(3, 0, 800), NOW), REASSEMBLY_ABSORBED);
	make_content(53, 2000);
	cr_expect_eq(put_at(&b, part(4, 0, 800), NOW), REASSEMBLY_PASSED);
	cr_expect_eq(put_at(&b, part(4, 800, 1600), NOW), REASSEMBLY_PASSED);
	cr_expect_eq(lost(&b, true), 0, "users'");
	bench_end(&b);
}

Test(reassembly_lost, lost_signalling_counts_once)
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
	cr_expect_eq(put_at(&b, part(3, 0, 800), NOW), REASSEMBLY_PASSED);
	cr_expect_eq(lost(&b, false), 1, "another datagram has begun");
	cr_expect_eq(lost(&b, true), 0);
	bench_end(&b);
}

Test(reassembly_lost, lost_signalling_without_room)
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
	for (uint32_t id = 0; id < 20; id++) { // one source: its own oldest give way
		struct fragment d = part(id, 0, 800);
		d.source += id > 0;
		cr_expect_eq(put_at(&b, d, NOW + id), REASSEMBLY_ABSORBED);
	}
	cr_expect_eq(lost(&b, false), 4, "gave way");
	cr_expect_eq(lost(&b, true), 16);
	bench_end(&b);
}

Test(reassembly_lost, lost_signalling_is_known_by_peers)
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

Test(reassembly_lost, lost_signalling_on_a_port_without_tunnels)
{
	struct bench b = signalling_bench(false, 0);

	make_content(8805, 2000);
	cr_expect_eq(put_at(&b, part(1, 800, 0), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(lost(&b, true), 1);
	bench_end(&b);
}

// A mirror that shows frames twice: the second of the last fragment begins anew and waits in vain.
Test(reassembly_lost, doubled_signalling_is_not_lost)
{
	struct bench b = signalling_bench(false, 0);

	make_content(8805, 2000);
	for (unsigned id = 1; id <= 2; id++) {
		bool turned = id == 2;
		struct fragment one = part(id, 0, 800), two = part(id, 800, 0);
		cr_expect_eq(put_at(&b, turned ? two : one, NOW), REASSEMBLY_ABSORBED);
		cr_expect_eq(put_at(&b, turned ? two : one, NOW), REASSEMBLY_INVALID);
		cr_expect_eq(put_at(&b, turned ? one : two, NOW), REASSEMBLY_DONE);
		cr_expect_eq(put_at(&b, turned ? one : two, NOW), REASSEMBLY_ABSORBED);
	}
	cr_expect_eq(lost(&b, true), 0);
	// Another datagram that has the number of one that came whole.
	cr_expect_eq(put_at(&b, part(3, 0, 800), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(3, 800, 0), NOW), REASSEMBLY_DONE);
	cr_expect_eq(put_at(&b, part(3, 0, 1600), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(lost(&b, true), 1);
	cr_expect_eq(put_at(&b, part(3, 0, 800), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(3, 800, 0), NOW), REASSEMBLY_DONE);
	cr_expect_eq(put_at(&b, part(3, 800, 0), NOW), REASSEMBLY_ABSORBED);
	cr_expect_eq(put_at(&b, part(3, 0, 800), NOW), REASSEMBLY_DONE, "as ever");
	cr_expect_eq(lost(&b, true), 0);
	bench_end(&b);
}
