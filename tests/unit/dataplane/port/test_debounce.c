#include "dataplane/port/debounce.h"

#include <criterion/criterion.h>

Test(debounce, only_what_stays_wrong_is_a_fault)
{
	struct debounce w = {0};

	for (int i = 0; i < 10; i++) { // never three in a row
		cr_assert_eq(debounce_look(&w, false, 3, 2), DEBOUNCE_SAME);
		cr_assert_eq(debounce_look(&w, false, 3, 2), DEBOUNCE_SAME);
		cr_assert_eq(debounce_look(&w, true, 3, 2), DEBOUNCE_SAME);
	}
	cr_assert_eq(debounce_look(&w, false, 3, 2), DEBOUNCE_SAME);
	cr_assert_eq(debounce_look(&w, false, 3, 2), DEBOUNCE_SAME);
	cr_assert_eq(debounce_look(&w, false, 3, 2), DEBOUNCE_FAULT);
	cr_assert_eq(debounce_look(&w, false, 3, 2), DEBOUNCE_SAME, "said once");
	cr_assert_eq(debounce_look(&w, true, 3, 2), DEBOUNCE_SAME);
	cr_assert_eq(debounce_look(&w, false, 3, 2), DEBOUNCE_SAME);
	cr_assert_eq(debounce_look(&w, true, 3, 2), DEBOUNCE_SAME);
	cr_assert_eq(debounce_look(&w, true, 3, 2), DEBOUNCE_CLEAR);
	cr_assert_eq(debounce_look(&w, true, 3, 2), DEBOUNCE_SAME);
}

Test(loss, begins_at_once_then_once_a_second_then_over)
{
	struct loss_debounce w = {.seen = 7};

	cr_assert_eq(loss_debounce_look(&w, 7, 1000, true), LOSS_SAME);
	cr_assert_eq(loss_debounce_look(&w, 10, 1100, true), LOSS_BEGINS);
	cr_assert_eq(w.before, 7u);
	cr_assert_eq(loss_debounce_look(&w, 20, 1200, true), LOSS_SAME);
	cr_assert_eq(loss_debounce_look(&w, 20, 2099, true), LOSS_SAME);
	cr_assert_eq(loss_debounce_look(&w, 20, 2100, true), LOSS_GROWS, "kept for its second");
	cr_assert_eq(loss_debounce_look(&w, 20, 3200, true), LOSS_SAME, "nothing new");
	cr_assert_eq(loss_debounce_look(&w, 21, 6000, true), LOSS_GROWS);
	cr_assert_eq(w.before, 7u, "one outage");
	cr_assert_eq(loss_debounce_look(&w, 21, 10999, true), LOSS_SAME);
	cr_assert_eq(loss_debounce_look(&w, 21, 11000, true), LOSS_OVER);
	cr_assert_eq(loss_debounce_look(&w, 21, 20000, true), LOSS_SAME);
	cr_assert_eq(loss_debounce_look(&w, 22, 21000, true), LOSS_BEGINS);
	cr_assert_eq(w.before, 21u, "a new outage counts anew");
}

Test(loss, what_may_not_be_told_now_is_told_later)
{
	struct loss_debounce w = {0};

	cr_assert_eq(loss_debounce_look(&w, 5, 1000, false), LOSS_SAME);
	cr_assert(w.active);
	cr_assert_eq(loss_debounce_look(&w, 5, 9000, false), LOSS_SAME);
	cr_assert_eq(
		loss_debounce_look(&w, 5, 9001, true), LOSS_BEGINS, "even when it is long past");
	cr_assert_eq(loss_debounce_look(&w, 5, 9002, false), LOSS_SAME);
	cr_assert_eq(loss_debounce_look(&w, 5, 9003, true), LOSS_OVER);
}
