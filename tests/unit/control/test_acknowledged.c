// Requests that were answered `Acknowledged`, and what the ADMF hears of their end.
#include "tests/unit/control/dispatch_world.h"

TestSuite(acknowledged, .init = setup, .fini = teardown, .timeout = 30);

// Whether a report of `n`'s request a0 waits, and of which kind: -1 for none.
static int reported(uint8_t n)
{
	struct id16 of = id(n), transaction = id(0xA0);
	struct issue i;
	int type = -1;

	while (issues_take(w.c.issues, &i)) {
		if (i.type != ISSUE_DONE && i.type != ISSUE_NOT_DONE)
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
