// Rules that come into force too late for packets of their session: counted, and their tasks
// unsure.

#include "tests/unit/dataplane/follow/bindings_bed.h"

#define MS 1000000ull
#define EARLY (20 * MS)
#define UNSURE (60000 * MS)
#define MESSAGE (1000 * MS) // when the message was received that shows the session

static struct signalling_gap *gap;

static void up_late(void)
{
	up();
	gap = signalling_gap_new(2);
	cr_assert_not_null(gap);
	bindings_patience(bindings, &(struct bindings_patience){gap, true, EARLY, UNSURE});
}

static void down_late(void)
{
	down();
	signalling_gap_free(gap);
}

TestSuite(bindings_late, .init = up_late, .fini = down_late);

static uint64_t late(void)
{
	struct bindings_counts c;

	bindings_counts(bindings, &c);
	return c.late;
}

// The condition that is reported next; BOUND_ENDED, which no test here brings about: none is.
static enum bound_condition reported(void)
{
	struct bound_report r;

	return bindings_next_report(bindings, &r) ? r.condition : BOUND_ENDED;
}

static void begin_settled(uint32_t n)
{
	begin(n, NULL);
	in_force_ns = MESSAGE - MS;
	commit();
	cr_assert_eq(reported(), BOUND_WAITING);
}

static void bound(uint64_t id, uint32_t teid, uint64_t in_force)
{
	tunnel(played.subscription, id, N3_UPF, teid, 0)->binding.from_ns = MESSAGE;
	state(played.subscription, 1, true, false);
	in_force_ns = in_force;
	commit();
}

Test(bindings_late, a_tunnel_whose_packets_were_let_go)
{
	begin_settled(1);
	signalling_gap_let_go(gap, 1, 7, MESSAGE + 5 * MS, false);
	signalling_gap_let_go(gap, 0, 7, MESSAGE - 5 * MS, false);
	bound(1, 7, MESSAGE + 10 * MS);
	cr_assert_eq(late(), 1);
	cr_assert_eq(reported(), BOUND_UNSURE);
	bindings_late_tick(bindings, MESSAGE + 10 * MS + UNSURE - 1);
	cr_assert_eq(reported(), BOUND_ENDED, "still unsure");
	bindings_late_tick(bindings, MESSAGE + 10 * MS + UNSURE);
	cr_assert_eq(reported(), BOUND_FOLLOWED);
	bindings_late_tick(bindings, MESSAGE + 11 * MS + UNSURE);
	cr_assert_eq(late(), 1);
}

// However late it is: the workers held its packets.
Test(bindings_late, a_tunnel_whose_packets_waited)
{
	begin_settled(1);
	signalling_gap_let_go(gap, 0, 7, MESSAGE - 1, false); // another session's then
	bound(1, 7, MESSAGE + 3000 * MS);
	cr_assert_eq(late(), 0);
	cr_assert_eq(reported(), BOUND_FOLLOWED);
	cr_assert_eq(played.in_force, 2);
}

// A packet that one task has is missed by another that had no rule of the tunnel yet.
Test(bindings_late, a_tunnel_whose_packets_another_task_has)
{
	begin_settled(1);
	bound(1, 7, MESSAGE + MS);
	cr_assert_eq(reported(), BOUND_FOLLOWED);
	signalling_gap_let_go(gap, 0, 7, MESSAGE + 5 * MS, true);
	bound(2, 7, MESSAGE + 10 * MS); // of the same task, as after a modification
	cr_assert_eq(late(), 0);
	gone(2);
	bound(3, 7, MESSAGE + 11 * MS); // in its place
	cr_assert_eq(late(), 0);
	begin_settled(2);
	bound(4, 7, MESSAGE + 12 * MS);
	cr_assert_eq(late(), 1);
	cr_assert_eq(reported(), BOUND_UNSURE);
	cr_assert_eq(reported(), BOUND_ENDED, "not the first task");
}

// The first bindings of a task are in force before its activation is answered.
Test(bindings_late, the_sessions_of_a_new_task)
{
	begin(1, NULL);
	signalling_gap_let_go(gap, 0, 7, MESSAGE + 5 * MS, false);
	bound(1, 7, MESSAGE + 500 * MS);
	cr_assert_eq(late(), 0);
	cr_assert_eq(reported(), BOUND_FOLLOWED);
}

// Nothing is held there: a rule is late when it takes longer than is allowed for.
Test(bindings_late, where_nothing_is_held)
{
	bindings_patience(bindings, &(struct bindings_patience){gap, false, EARLY, UNSURE});
	begin_settled(1);
	bound(1, 7, MESSAGE + EARLY);
	cr_assert_eq(late(), 0);
	cr_assert_eq(reported(), BOUND_FOLLOWED);
	bound(2, 8, MESSAGE + EARLY + 1);
	cr_assert_eq(late(), 1);
	cr_assert_eq(reported(), BOUND_UNSURE);
}

Test(bindings_late, a_task_in_doubt_can_end)
{
	struct task_entry *t = begin(1, NULL);

	in_force_ns = MESSAGE - MS;
	commit();
	signalling_gap_let_go(gap, 0, 7, MESSAGE, false);
	bound(1, 7, MESSAGE + MS);
	cr_assert_eq(late(), 1);
	end(t);
	end(begin(2, NULL)); // and one that was never in force
	commit();
	bindings_late_tick(bindings, MESSAGE + 2 * UNSURE);
	cr_assert_eq(reported(), BOUND_ENDED);
}
