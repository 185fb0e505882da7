// Requests that were answered `Acknowledged`, and the reports of their end to the ADMF.
#include "tests/unit/control/x1/dispatch_world.h"

TestSuite(acknowledged, .init = setup, .fini = teardown, .timeout = 30);

// Returns the kind of the report of `n`'s request a0 (0: the network element's) that waits: -1 for
// none.
static int reported(uint8_t n)
{
	struct id16 of = n ? id(n) : (struct id16){0}, transaction = id(0xA0);
	struct issue i;
	int type = -1;

	while (issues_take(w.c.issues, &i)) {
		if (id_is_zero(&i.transaction))
			continue;
		cr_assert_eq(type, -1, "one report");
		cr_assert(id_equal(&i.id, &of) && id_equal(&i.transaction, &transaction));
		type = i.type;
	}
	return type;
}

Test(acknowledged, acknowledged_and_stopped_while_the_dataplane_is_away)
{
	provision();
	w.dataplane.silent = true;
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 acknowledged\nend\n");
	fake_stop(&w.dataplane);
	run(50);
	cr_assert_eq(reported(6), -1, "the next one may complete it");
	expect(request_id(X1_DEACTIVATE_TASK, 6), "begin\nDeactivateTask a0 completed\nend\n");
	cr_assert_eq(reported(6), ISSUE_NOT_DONE);
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	cr_assert_eq(reported(6), -1);
	cr_assert_eq(fake_count(w.dataplane.task), 1);
}

// Both were asked when it went: the first is over with the second.
Test(acknowledged, acknowledged_and_stopped_when_the_dataplane_goes)
{
	provision();
	w.dataplane.silent = true;
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 acknowledged\nend\n");
	struct http_exchange *x = request_id(X1_DEACTIVATE_TASK, 6);
	run(50);
	fake_stop(&w.dataplane);
	expect(x, "begin\nDeactivateTask a0 completed\nend\n");
	cr_assert_eq(reported(6), ISSUE_NOT_DONE);
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
}

Test(acknowledged, acknowledged_destination_removed_while_the_dataplane_is_away)
{
	provision();
	w.dataplane.silent = true;
	expect(request_destination(X1_CREATE_DESTINATION, 2),
		"begin\nCreateDestination a0 acknowledged\nend\n");
	fake_stop(&w.dataplane);
	run(50);
	expect(request_id(X1_REMOVE_DESTINATION, 2),
		"begin\nRemoveDestination a0 completed\nend\n");
	cr_assert_eq(reported(2), ISSUE_NOT_DONE);
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
}

Test(acknowledged, acknowledged_and_refused_by_the_next_dataplane)
{
	struct id16 six = id(6);

	provision();
	w.dataplane.silent = true;
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 acknowledged\nend\n");
	fake_stop(&w.dataplane);
	run(50);
	fake_start(&w.dataplane, w.c.base, w.folder);
	w.dataplane.commit = POI_ERR_NOMEM;
	run_until_ready();
	run(50);
	w.dataplane.commit = 0;
	cr_assert_null(registry_task_find(w.c.registry, 0, &six), "it never comes into force");
	cr_assert_null(fake_find(w.dataplane.task, &six));
	cr_assert_eq(reported(6), ISSUE_NOT_DONE);
}

Test(acknowledged, an_acknowledged_modification_of_a_destination_is_reported)
{
	struct id16 one = id(1);

	for (unsigned i = 0; i < 2; i++) {
		if (!i)
			provision();
		w.dataplane.hold = true;
		expect(request_destination(X1_MODIFY_DESTINATION, 1),
			"begin\nModifyDestination a0 acknowledged\nend\n");
		run(50);
		if (i) { // by the process that comes next
			w.dataplane.hold = false;
			restart_control();
		} else {
			fake_release(&w.dataplane);
			run(50);
		}
		cr_assert_eq(reported(1), ISSUE_DONE);
		cr_assert(!registry_destination_find(w.c.registry, 0, &one)->pending);
	}
	restart_control();
	cr_assert_eq(reported(1), -1);
}

// Sends a request, done or not (the dataplane swallows it then); a report by either process comes
// next.
static void asked_before_a_kill(bool done)
{
	w.dataplane.hold = done;
	w.dataplane.silent = !done;
}

static void killed(void)
{
	run(50);
	w.dataplane.hold = w.dataplane.silent = false;
	w.dataplane.n_held = 0;
	restart_control();
}

Test(acknowledged, a_removal_is_reported_by_the_next_control)
{
	provision();
	expect(request_destination(X1_CREATE_DESTINATION, 2),
		"begin\nCreateDestination a0 completed\nend\n");
	for (unsigned done = 0; done < 2; done++) {
		int kind = done ? ISSUE_DONE : ISSUE_FAULT;

		asked_before_a_kill(done);
		expect(request_id(X1_DEACTIVATE_TASK, 7),
			"begin\nDeactivateTask a0 acknowledged\nend\n");
		killed();
		cr_assert_eq(reported(7), kind);
		asked_before_a_kill(done);
		expect(request_id(X1_REMOVE_DESTINATION, 2),
			"begin\nRemoveDestination a0 acknowledged\nend\n");
		killed();
		cr_assert_eq(reported(2), kind);
	}
	run(50);
	restart_control();
	run(50);
	cr_assert_eq(reported(7), -1, "once");
}

Test(acknowledged, a_bulk_request_is_reported_by_the_next_control)
{
	provision();
	for (unsigned done = 0; done < 2; done++) {
		asked_before_a_kill(done);
		expect(request(X1_DEACTIVATE_ALL_TASKS),
			"begin\nDeactivateAllTasks a0 acknowledged\nend\n");
		killed();
		cr_assert_eq(reported(0), done ? ISSUE_DONE : ISSUE_NOT_DONE);
	}
	for (unsigned done = 0; done < 2; done++) {
		asked_before_a_kill(done);
		expect(request(X1_REMOVE_ALL_DESTINATIONS),
			"begin\nRemoveAllDestinations a0 acknowledged\nend\n");
		killed();
		cr_assert_eq(reported(0), done ? ISSUE_DONE : ISSUE_NOT_DONE);
	}
}

// A task that was activated behind it is not one that it left.
Test(acknowledged, all_means_those_of_the_time)
{
	provision();
	asked_before_a_kill(true);
	struct http_exchange *x = request(X1_DEACTIVATE_ALL_TASKS);
	run(50);
	struct http_exchange *y = request_task(X1_ACTIVATE_TASK, 6);
	expect(x, "begin\nDeactivateAllTasks a0 acknowledged\nend\n");
	expect(y, "begin\nActivateTask a0 acknowledged\nend\n");
	killed();
	unsigned done = 0;
	for (struct issue i; issues_take(w.c.issues, &i);)
		done += i.type == ISSUE_DONE;
	cr_assert_eq(done, 2);
}

Test(acknowledged, what_was_reported_is_not_reported_again)
{
	provision();
	w.dataplane.hold = true;
	expect(request_id(X1_DEACTIVATE_TASK, 7), "begin\nDeactivateTask a0 acknowledged\nend\n");
	run(50);
	cr_assert_gt(w.dataplane.ne_memo_length, 4);
	fake_release(&w.dataplane);
	run(50);
	cr_assert_eq(reported(7), ISSUE_DONE);
	cr_assert_eq(w.dataplane.ne_memo_length, 4, "none is owed");
	restart_control();
	cr_assert_eq(reported(7), -1);
}
