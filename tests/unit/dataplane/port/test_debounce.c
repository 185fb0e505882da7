#include "dataplane/port/debounce.h"

#include <criterion/criterion.h>

Test(watch, only_what_stays_wrong_is_a_fault)
{
	struct watch w = {0};

	for (int i = 0; i < 10; i++) { // never three in a row
		cr_assert_eq(watch_look(&w, false, 3, 2), WATCH_SAME);
		cr_assert_eq(watch_look(&w, false, 3, 2), WATCH_SAME);
		cr_assert_eq(watch_look(&w, true, 3, 2), WATCH_SAME);
	}
	cr_assert_eq(watch_look(&w, false, 3, 2), WATCH_SAME);
	cr_assert_eq(watch_look(&w, false, 3, 2), WATCH_SAME);
	cr_assert_eq(watch_look(&w, false, 3, 2), WATCH_FAULT);
	cr_assert_eq(watch_look(&w, false, 3, 2), WATCH_SAME, "said once");
	cr_assert_eq(watch_look(&w, true, 3, 2), WATCH_SAME);
	cr_assert_eq(watch_look(&w, false, 3, 2), WATCH_SAME);
	cr_assert_eq(watch_look(&w, true, 3, 2), WATCH_SAME);
	cr_assert_eq(watch_look(&w, true, 3, 2), WATCH_CLEAR);
	cr_assert_eq(watch_look(&w, true, 3, 2), WATCH_SAME);
}

Test(loss, begins_at_once_then_once_a_second_then_over)
{
	struct loss_watch w = {.seen = 7};

	cr_assert_eq(loss_watch_look(&w, 7, 1000, true), LOSS_SAME);
	cr_assert_eq(loss_watch_look(&w, 10, 1100, true), LOSS_BEGINS);
	cr_assert_eq(w.before, 7u);
	cr_assert_eq(loss_watch_look(&w, 20, 1200, true), LOSS_SAME);
	cr_assert_eq(loss_watch_look(&w, 20, 2099, true), LOSS_SAME);
	cr_assert_eq(loss_watch_look(&w, 20, 2100, true), LOSS_GROWS, "kept for its second");
	cr_assert_eq(loss_watch_look(&w, 20, 3200, true), LOSS_SAME, "nothing new");
	cr_assert_eq(loss_watch_look(&w, 21, 6000, true), LOSS_GROWS);
	cr_assert_eq(w.before, 7u, "one outage");
	cr_assert_eq(loss_watch_look(&w, 21, 10999, true), LOSS_SAME);
	cr_assert_eq(loss_watch_look(&w, 21, 11000, true), LOSS_OVER);
	cr_assert_eq(loss_watch_look(&w, 21, 20000, true), LOSS_SAME);
	cr_assert_eq(loss_watch_look(&w, 22, 21000, true), LOSS_BEGINS);
	cr_assert_eq(w.before, 21u, "a new outage counts anew");
}

Test(loss, what_may_not_be_told_now_is_told_later)
{
	struct loss_watch w = {0};

	cr_assert_eq(loss_watch_look(&w, 5, 1000, false), LOSS_SAME);
	cr_assert(w.active);
	cr_assert_eq(loss_watch_look(&w, 5, 9000, false), LOSS_SAME);
	cr_assert_eq(loss_watch_look(&w, 5, 9001, true), LOSS_BEGINS, "even when it is long past");
	cr_assert_eq(loss_watch_look(&w, 5, 9002, false), LOSS_SAME);
	cr_assert_eq(loss_watch_look(&w, 5, 9003, true), LOSS_OVER);
}
