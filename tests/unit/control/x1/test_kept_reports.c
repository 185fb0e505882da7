// Reports owed to the ADMF stay owed over a restart of either process, until it has answered.
#include "tests/unit/control/x1/dispatch_world.h"

#include "control/state/fault_raise.h"
#include "control/state/report_keeper.h"

TestSuite(kept_reports, .init = setup, .fini = teardown, .timeout = 30);

// The reports of a network element whose ADMF is away: takes what was queued. Returns how many of
// those are of this kind.
static unsigned taken(enum issue_scope scope, enum issue_type type)
{
	struct issue i;
	unsigned n = 0;

	while (issues_take(w.c.issues, &i)) {
		n += i.scope == scope && i.type == type;
		if (!i.kept)
			cr_assert_not_null(report_keep(&w.c, &i));
	}
	run(50);
	return n;
}

// It is back, and answers all.
static void answered(void)
{
	struct kept_reports *k = registry_reports(w.c.registry);

	while (kept_reports_first(k))
		report_forget(&w.c, kept_reports_first(k));
	run(50);
}

static void restart_dataplane(void)
{
	fake_stop(&w.dataplane);
	run(50);
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
}

static void destination_is(enum channel_event_kind kind)
{
	struct channel_event e = {
		.kind = kind, .ne = *registry_ne_id(w.c.registry, 0), .id = id(1)};

	fake_event(&w.dataplane, &e);
	run(50);
}

Test(kept_reports, a_fault_is_told_by_the_next_control)
{
	provision();
	destination_is(EVENT_DESTINATION_DOWN);
	cr_assert_eq(taken(ISSUE_DESTINATION, ISSUE_FAULT), 1);
	for (unsigned n = 0; n < 2; n++) {
		restart_control();
		cr_assert_eq(taken(ISSUE_DESTINATION, ISSUE_FAULT), 1, "once, as it is kept");
	}
	answered();
	restart_control();
	cr_assert_eq(taken(ISSUE_DESTINATION, ISSUE_FAULT), 1, "it stands, and is told again");
	answered();
	destination_is(EVENT_DESTINATION_UP);
	cr_assert_eq(taken(ISSUE_DESTINATION, ISSUE_CLEAR), 1);
	restart_control();
	cr_assert_eq(taken(ISSUE_DESTINATION, ISSUE_CLEAR), 1);
	answered();
	restart_control();
	cr_assert_eq(taken(ISSUE_DESTINATION, ISSUE_CLEAR), 0, "it was answered");
}

Test(kept_reports, the_end_of_an_acknowledged_request_is_told_by_the_next_control)
{
	struct issue i;

	provision();
	taken(ISSUE_NE, ISSUE_WARNING);
	answered();
	w.dataplane.hold = true;
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 acknowledged\nend\n");
	fake_release(&w.dataplane);
	run(50);
	cr_assert_eq(taken(ISSUE_TASK, ISSUE_DONE), 1);
	struct kept_report *r = kept_reports_first(registry_reports(w.c.registry));
	uint64_t event_ns = r->time_ns;
	run(20);
	restart_control();
	do
		cr_assert(issues_take(w.c.issues, &i));
	while (i.type != ISSUE_DONE);
	cr_assert_eq(i.time_ns, event_ns, "the event's time, not that of the restart");
	cr_assert(id_equal(&i.transaction, &(struct id16){{0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, [15] = 0xA0}}));
}

Test(kept_reports, the_next_dataplane_holds_them)
{
	provision();
	destination_is(EVENT_DESTINATION_DOWN);
	taken(ISSUE_DESTINATION, ISSUE_FAULT);
	fake_stop(&w.dataplane);
	run(50);
	taken(ISSUE_NE, ISSUE_FAULT); // what comes while there is no dataplane too
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	taken(ISSUE_NE, ISSUE_CLEAR);
	uint32_t n = kept_reports_count(registry_reports(w.c.registry));
	cr_assert_gt(n, 2);
	cr_assert_eq(fake_count(w.dataplane.report), n);
	fake_disconnect(&w.dataplane);
	run(50);
	answered(); // there is no receiver of a report
	run_until_ready();
	taken(ISSUE_NE, ISSUE_CLEAR);
	answered();
	cr_assert_eq(fake_count(w.dataplane.report), 0);
}

Test(kept_reports, a_task_that_the_fail_safe_stopped_is_told_once)
{
	struct channel_event e = {.kind = EVENT_FAIL_SAFE, .ne = *registry_ne_id(w.c.registry, 0)};

	provision();
	taken(ISSUE_NE, ISSUE_WARNING);
	answered();
	fake_event(&w.dataplane, &e);
	run(50);
	cr_assert_eq(taken(ISSUE_TASK, ISSUE_TERMINATING), 1);
	cr_assert_eq(fake_count(w.dataplane.report), 1, "that of the network element: tombstones "
							"say the rest");
	restart_dataplane(); // without tombstones
	cr_assert_geq(fake_count(w.dataplane.report), 2);
	restart_control();
	cr_assert_eq(taken(ISSUE_TASK, ISSUE_TERMINATING), 1);
}

Test(kept_reports, a_fault_of_the_network_element_ends_in_the_next_control)
{
	provision();
	cr_assert_eq(taken(ISSUE_NE, ISSUE_FAULT), 1, "it began empty");
	answered();
	fault_raise_all(&w.c, FAULT_AUDIT, "the audit log cannot be written");
	cr_assert_eq(taken(ISSUE_NE, ISSUE_FAULT), 1);
	answered();
	restart_control();
	cr_assert_eq(taken(ISSUE_NE, ISSUE_FAULT), 1);
	fault_clear_all(&w.c, FAULT_AUDIT, "the audit log is written again");
	cr_assert_eq(taken(ISSUE_NE, ISSUE_CLEAR), 1);
	answered();
	restart_control();
	cr_assert_eq(taken(ISSUE_NE, ISSUE_FAULT), 0);
}

// The sealed store has them when both processes were gone.
Test(kept_reports, the_store_holds_them)
{
	char file[128], key[128];

	snprintf(file, sizeof(file), "%s/tasks.store", w.folder);
	snprintf(key, sizeof(key), "%s/root.key", w.folder);
	int fd = open(key, O_CREAT | O_WRONLY, 0600);
	cr_assert_eq(write(fd, "0123456789abcdef0123456789abcdef", 32), 32);
	close(fd);
	w.config.store.file = file;
	w.config.store.key = key;
	control_down();
	control_up();
	run_until_ready();
	provision();
	destination_is(EVENT_DESTINATION_DOWN);
	destination_is(EVENT_DESTINATION_UP);
	cr_assert_eq(taken(ISSUE_DESTINATION, ISSUE_CLEAR), 1);
	for (unsigned n = 0; n < 2; n++) {
		control_down();
		fake_stop(&w.dataplane);
		fake_start(&w.dataplane, w.c.base, w.folder);
		control_up();
		run_until_ready();
		cr_assert_geq(fake_count(w.dataplane.report), 2);
		cr_assert_eq(taken(ISSUE_DESTINATION, ISSUE_CLEAR), 1);
	}
	answered();
	control_down();
	fake_stop(&w.dataplane);
	fake_start(&w.dataplane, w.c.base, w.folder);
	control_up();
	run_until_ready();
	cr_assert_eq(taken(ISSUE_DESTINATION, ISSUE_CLEAR), 0);
}
