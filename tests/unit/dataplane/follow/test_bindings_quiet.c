// Bound tunnels that show no packet: counted once each, and whether their TEID arrives elsewhere.

#include "tests/unit/dataplane/follow/bindings_bed.h"

#define SECOND 1000000000ull
#define MESSAGE (1000 * SECOND) // when the message was received that shows the session
#define FAR (MESSAGE + 10000 * SECOND)

static struct signalling_gap *gap;
static struct task_counters_owner *counters;
static const uint8_t own[4] = {0xc6, 0x33, 0x64, 1}, other[4] = {10, 0, 0, 1};

static void up_quiet(void)
{
	up();
	gap = signalling_gap_new(2);
	counters = task_counters_new(2);
	cr_assert(gap && counters);
	bindings_counters(bindings, counters);
	bindings_patience(bindings, &(struct bindings_patience){.gap = gap, .held = true});
}

static void down_quiet(void)
{
	down();
	signalling_gap_free(gap);
	task_counters_free(counters);
}

TestSuite(bindings_quiet, .init = up_quiet, .fini = down_quiet);

static void bound(uint64_t id, uint32_t teid)
{
	tunnel(played.subscription, id, N3_UPF, teid, 0)->binding.from_ns = MESSAGE;
	commit();
}

static void expect(uint64_t now_ns, uint64_t quiet, uint64_t elsewhere)
{
	struct bindings_counts c;

	bindings_quiet_tick(bindings, now_ns);
	bindings_counts(bindings, &c);
	cr_assert_eq(c.quiet, quiet, "%zu of %zu", (size_t)c.quiet, (size_t)quiet);
	cr_assert_eq(c.elsewhere, elsewhere, "%zu of %zu", (size_t)c.elsewhere, (size_t)elsewhere);
}

// The rule that a packet in the tunnel hits, as a worker notes it.
static void hit(uint32_t teid, uint64_t ns)
{
	struct hit h[8];

	cr_assert_eq(hits(&n3, N3_UPF, teid, 80, h), 1);
	slot_bound_hit(task_counters_of(counters)->worker[1], h[0].rule->binding, ns);
}

Test(bindings_quiet, a_tunnel_without_packets_while_others_have_some)
{
	begin(1, NULL);
	bound(1, 7);
	bound(2, 8);
	hit(8, MESSAGE);
	expect(MESSAGE + 700 * SECOND, 0, 0); // no other had any either
	signalling_gap_sample(gap, 0, 99, 4, own, MESSAGE + 700 * SECOND);
	expect(MESSAGE + 599 * SECOND, 0, 0);
	expect(MESSAGE + 700 * SECOND, 1, 0);
	expect(MESSAGE + 701 * SECOND, 1, 0); // once
}

Test(bindings_quiet, a_tunnel_whose_number_had_packets_before)
{
	begin(1, NULL);
	bound(1, 7);
	hit(7, MESSAGE - 1);
	signalling_gap_sample(gap, 0, 99, 4, own, FAR);
	expect(FAR, 1, 0);
}

Test(bindings_quiet, a_tunnel_whose_teid_arrives_at_another_address)
{
	begin(1, NULL);
	bound(1, 7);
	bound(2, 8);
	signalling_gap_sample(gap, 1, 7, 4, other, MESSAGE - 1); // before
	expect(MESSAGE + 6 * SECOND, 0, 0);
	signalling_gap_sample(gap, 1, 7, 4, own, MESSAGE + 5 * SECOND);
	expect(MESSAGE + 6 * SECOND, 0, 0);
	signalling_gap_sample(gap, 1, 7, 4, other, MESSAGE + 5 * SECOND);
	expect(MESSAGE + 5 * SECOND - 1, 0, 0);
	expect(MESSAGE + 6 * SECOND, 0, 1);
	expect(MESSAGE + 7 * SECOND, 0, 1);
	signalling_gap_sample(gap, 0, 8, 4, other, MESSAGE + 5 * SECOND);
	hit(8, MESSAGE + 6 * SECOND); // another gateway has the same number
	expect(MESSAGE + 8 * SECOND, 0, 1);
}

Test(bindings_quiet, tunnels_that_leave_are_not_looked_at)
{
	struct task_entry *t = begin(1, NULL);

	bound(1, 7);
	bound(2, 8);
	signalling_gap_sample(gap, 0, 99, 4, own, FAR);
	gone(1);
	commit();
	expect(FAR, 1, 0);
	end(t);
	expect(FAR + SECOND, 1, 0);
}
