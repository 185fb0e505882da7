// The queue of reports alone: order, what is given up when it is full, and what is kept.
#include "control/report/x1_report_queue.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

static struct issue issue(
	enum issue_scope scope, enum issue_type type, uint8_t id, const char *text)
{
	struct issue i = {.scope = (uint8_t)scope, .type = (uint8_t)type, .id = {.b = {id, id}}};

	i.id.b[6] = 0x40;
	i.id.b[8] = 0x80;
	snprintf(i.text, sizeof(i.text), "%s", text);
	return i;
}

static struct report_item *given_up;
static bool coalesced;

static int put(struct report_queue *q, enum issue_scope scope, enum issue_type type, uint8_t id,
	uint64_t token)
{
	struct issue i = issue(scope, type, id, "");

	if (id == 0)
		i.id = (struct id16){0};
	return report_queue_put(q, &i, token, &given_up, &coalesced);
}

static void expect_given_up(uint64_t token, bool newer_state)
{
	cr_assert_not_null(given_up);
	cr_assert_eq(given_up->token, token);
	cr_assert_eq(coalesced, newer_state);
	free(given_up);
}

Test(x1_report_queue, the_oldest_warning_goes_first)
{
	struct report_queue *q = report_queue_new(4);

	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_FAULT, 1, 1), 0);
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_WARNING, 1, 2), 0);
	cr_assert_eq(put(q, ISSUE_NE, ISSUE_WARNING, 0, 3), 0);
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_CLEAR, 1, 4), 0);
	cr_assert_null(given_up);
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_FAULT, 2, 5), 0);
	expect_given_up(2, false);
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_FAULT, 3, 6), 0);
	expect_given_up(3, false);
	// now the fault of 1, which has a newer state behind it
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_FAULT, 4, 7), 0);
	expect_given_up(1, true);
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_FAULT, 5, 8), POI_ERR_LIMIT);
	cr_assert_null(given_up);
	// the subject's own older state
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_CLEAR, 3, 9), 0);
	expect_given_up(6, true);
	cr_assert_eq(report_queue_length(q), 4);
	report_queue_free(q);
}

Test(x1_report_queue, events_are_not_states)
{
	struct report_queue *q = report_queue_new(2);

	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_TERMINATING, 1, 1), 0);
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_DONE, 2, 2), 0);
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_FAULT, 1, 3), POI_ERR_LIMIT);
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_FAULT, 2, 4), POI_ERR_LIMIT);
	report_queue_free(q);
}

Test(x1_report_queue, completion_does_not_void_a_fault)
{
	struct report_queue *q = report_queue_new(1);

	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_FAULT, 1, 1), 0);
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_DONE, 1, 2), POI_ERR_LIMIT);
	report_queue_free(q);
}

static void put_of_before(struct report_queue *q, enum issue_type type, uint8_t id, uint64_t token)
{
	struct issue i = issue(ISSUE_TASK, type, id, "");

	i.kept = (struct kept_report *)(uintptr_t)token; // only whether there is one counts
	cr_assert_eq(report_queue_put(q, &i, token, &given_up, &coalesced), 0);
}

Test(x1_report_queue, what_an_earlier_process_has_left_goes_first)
{
	struct report_queue *q = report_queue_new(16);

	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_CLEAR, 1, 3), 0);
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_FAULT, 1, 4), 0);
	put_of_before(q, ISSUE_FAULT, 1, 1);
	put_of_before(q, ISSUE_WARNING, 1, 2);
	for (uint64_t token = 1; token <= 4; token++) {
		struct report_item *item = report_queue_take(q, report_queue_first(q));
		cr_assert_eq(item->token, token);
		report_queue_remove(q, item);
		free(item);
	}
	// But not ahead of what is under way.
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_CLEAR, 2, 5), 0);
	struct report_item *under_way = report_queue_take(q, report_queue_first(q));
	put_of_before(q, ISSUE_FAULT, 2, 6);
	cr_assert_eq(under_way->token, 5);
	report_queue_remove(q, under_way);
	free(under_way);
	cr_assert_eq(report_queue_take(q, report_queue_first(q))->token, 6);
	report_queue_free(q);
}

Test(x1_report_queue, unnamed_faults_of_the_element_are_kept_apart)
{
	struct report_queue *q = report_queue_new(2);

	cr_assert_eq(put(q, ISSUE_NE, ISSUE_FAULT, 0, 1), 0);
	cr_assert_eq(put(q, ISSUE_NE, ISSUE_FAULT, 7, 2), 0);
	cr_assert_eq(put(q, ISSUE_NE, ISSUE_CLEAR, 0, 3), POI_ERR_LIMIT);
	cr_assert_eq(put(q, ISSUE_NE, ISSUE_CLEAR, 7, 4), 0);
	expect_given_up(2, true);
	report_queue_free(q);
}

Test(x1_report_queue, what_is_under_way_is_never_given_up)
{
	struct report_queue *q = report_queue_new(2);

	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_WARNING, 1, 1), 0);
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_FAULT, 2, 2), 0);
	struct report_item *warning = report_queue_take(q, report_queue_first(q));
	struct report_item *fault = report_queue_take(q, report_queue_first(q));
	cr_assert_null(report_queue_first(q));
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_CLEAR, 2, 3), POI_ERR_LIMIT);
	report_queue_return(q, warning);
	cr_assert_eq(put(q, ISSUE_TASK, ISSUE_CLEAR, 2, 4), 0);
	expect_given_up(1, false);
	// the clear waits behind the fault
	cr_assert_null(report_queue_first(q));
	report_queue_remove(q, fault);
	free(fault);
	struct report_item *clear = report_queue_take(q, report_queue_first(q));
	cr_assert_eq(clear->token, 4);
	report_queue_remove(q, clear);
	free(clear);
	cr_assert_eq(report_queue_length(q), 0);
	report_queue_free(q);
}

// Random use against the sums.
Test(x1_report_queue, stays_whole_under_random_use)
{
	struct report_queue *q = report_queue_new(50);
	struct report_item *busy[20];
	unsigned n_busy = 0, in = 0, out = 0;
	unsigned seed = 20261122;

	for (unsigned round = 0; round < 200000; round++) {
		unsigned act = (unsigned)rand_r(&seed) % 4;

		if (act < 2) {
			int error = put(q, (unsigned)rand_r(&seed) % 3, (unsigned)rand_r(&seed) % 7,
				(uint8_t)(rand_r(&seed) % 30), round);
			cr_assert(error == 0 || error == POI_ERR_LIMIT);
			in += error == 0;
			out += given_up != NULL;
			free(given_up);
		} else if (act == 2 && n_busy < 20 && report_queue_first(q) != NULL) {
			busy[n_busy++] = report_queue_take(q, report_queue_first(q));
		} else if (n_busy != 0) {
			unsigned which = (unsigned)rand_r(&seed) % n_busy;
			struct report_item *item = busy[which];

			busy[which] = busy[--n_busy];
			if (rand_r(&seed) % 2 == 0) {
				report_queue_return(q, item);
			} else {
				report_queue_remove(q, item);
				free(item);
				out++;
			}
		}
		cr_assert_eq(report_queue_length(q), in - out);
		cr_assert_leq(report_queue_length(q), 50);
	}
	report_queue_free(q);
}
