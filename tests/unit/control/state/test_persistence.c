// State changes with the sealed store: what is on disk when, and what comes back.
#include "control/state/fault_raise.h"
#include "control/state/report_keeper.h"
#include "tests/unit/control/x1/dispatch_world.h"

#include <sys/wait.h>

static char store_file[128], store_key[128];

static void setup_store(void)
{
	setup();
	control_down();
	fake_stop(&w.dataplane);
	fake_start(&w.dataplane, w.c.base, w.folder);
	snprintf(store_file, sizeof(store_file), "%s/store", w.folder);
	snprintf(store_key, sizeof(store_key), "%s/key", w.folder);
	umask(077);
	FILE *f = fopen(store_key, "w");
	fputs("sixteen octets at least", f);
	fclose(f);
	w.config.store.file = store_file;
	w.config.store.key = store_key;
	control_up();
	run_until_ready();
}

static void restart_both(void)
{
	control_down();
	fake_stop(&w.dataplane);
	fake_start(&w.dataplane, w.c.base, w.folder);
	control_up();
	run_until_ready();
}

static bool told(enum issue_type type, const char *part)
{
	struct issue i;
	bool found = false;

	while (issues_take(w.c.issues, &i))
		found = found || (i.type == type && strstr(i.text, part));
	return found;
}

static void limit_files(rlim_t octets)
{
	struct rlimit limit = {octets, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

TestSuite(persistence, .init = setup_store, .fini = teardown, .timeout = 30);

Test(persistence, tasks_come_back_when_both_were_gone)
{
	provision();
	cr_assert(told(ISSUE_FAULT, "database cleared"), "it began empty");
	restart_both();
	struct id16 xid = id(7);
	cr_assert_eq(fake_count(w.dataplane.task), 1);
	cr_assert_eq(fake_count(w.dataplane.destination), 1);
	cr_assert_eq(registry_task_find(w.c.registry, 0, &xid)->state, TASK_COMPLETE);
	cr_assert(!told(ISSUE_FAULT, "database cleared"));
	// A removal, and a modification.
	expect(request_task(X1_MODIFY_TASK, 7), "begin\nModifyTask a0 completed\nend\n");
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 completed\nend\n");
	expect(request_id(X1_DEACTIVATE_TASK, 6), "begin\nDeactivateTask a0 completed\nend\n");
	restart_both();
	cr_assert_eq(fake_count(w.dataplane.task), 1);
	cr_assert_eq(registry_task_find(w.c.registry, 0, &xid)->modifications, 1);
	expect(request(X1_DEACTIVATE_ALL_TASKS), "begin\nDeactivateAllTasks a0 completed\nend\n");
	restart_both();
	cr_assert_eq(fake_count(w.dataplane.task), 0);
	cr_assert_eq(fake_count(w.dataplane.destination), 1);
}

static void event(enum channel_event_kind kind, uint8_t n)
{
	struct channel_event e = {
		.kind = (uint8_t)kind, .ne = *registry_ne_id(w.c.registry, 0), .id = id(n)};

	fake_event(&w.dataplane, &e);
	for (unsigned i = 0; i < 100 && w.dataplane.events_done != w.dataplane.events_sent; i++)
		event_base_loop(w.c.base, EVLOOP_ONCE);
	cr_assert_eq(w.dataplane.events_done, w.dataplane.events_sent);
}

static bool told_of(enum issue_scope scope, enum issue_type type)
{
	struct issue i;
	bool found = false;

	while (issues_take(w.c.issues, &i))
		found = found || (i.scope == scope && i.type == type);
	return found;
}

Test(persistence, faults_end_with_the_dataplane_also_where_both_were_gone)
{
	struct id16 did = id(1);

	provision();
	event(EVENT_DESTINATION_DOWN, 1);
	cr_assert(told_of(ISSUE_DESTINATION, ISSUE_FAULT));
	// New details on their way do not take it along.
	expect(request_destination(X1_MODIFY_DESTINATION, 1),
		"begin\nModifyDestination a0 completed\nend\n");
	fault_raise_ne(&w.c, 0, FAULT_LEDGER, "it differs");
	pending_reports_flush(w.c.pending_reports);
	cr_assert(told_of(ISSUE_NE, ISSUE_FAULT));
	restart_both();
	bool destination = false, element = false;
	for (struct issue i; issues_take(w.c.issues, &i);) {
		destination |= i.scope == ISSUE_DESTINATION && i.type == ISSUE_CLEAR;
		element |= i.scope == ISSUE_NE && i.type == ISSUE_CLEAR;
	}
	cr_assert(destination && element);
	cr_assert_null(registry_destination_find(w.c.registry, 0, &did)->faults);
	restart_both();
	cr_assert(!told_of(ISSUE_DESTINATION, ISSUE_CLEAR), "it is over");
}

Test(persistence, a_removal_under_way_ends_where_both_were_gone)
{
	const struct pending_report r = {
		.kind = PENDING_REPORT_REMOVE, .id = id(9), .transaction = id(77)};

	provision();
	pending_reports_add(w.c.pending_reports, &r);
	pending_reports_flush(w.c.pending_reports);
	restart_both();
	cr_assert(told_of(ISSUE_DESTINATION, ISSUE_DONE));
	restart_both();
	cr_assert(!told_of(ISSUE_DESTINATION, ISSUE_DONE), "once");
}

Test(persistence, a_removal_whose_end_is_kept_ends_once)
{
	const struct pending_report r = {
		.kind = PENDING_REPORT_REMOVE, .id = id(9), .transaction = id(77)};
	struct issue done = {.scope = ISSUE_DESTINATION,
		.type = ISSUE_DONE,
		.id = id(9),
		.transaction = id(77),
		.text = "its end"};

	provision();
	pending_reports_add(w.c.pending_reports, &r);
	pending_reports_flush(w.c.pending_reports);
	cr_assert_not_null(report_keep(&w.c, &done)); // and killed before the memo has gone out
	restart_both();
	unsigned n = 0;
	for (struct issue i; issues_take(w.c.issues, &i);)
		n += i.scope == ISSUE_DESTINATION && i.type == ISSUE_DONE;
	cr_assert_eq(n, 1);
}

Test(persistence, a_late_end_is_told_once)
{
	unsigned n = 0;

	provision();
	w.dataplane.hold = true;
	expect(request_task(X1_ACTIVATE_TASK, 8), "begin\nActivateTask a0 acknowledged\nend\n");
	w.dataplane.hold = false;
	fake_release(&w.dataplane);
	for (unsigned i = 0; i < 50; i++)
		event_base_loop(w.c.base, EVLOOP_NONBLOCK);
	for (unsigned i = 0; i < 2; i++) {
		for (struct issue at; issues_take(w.c.issues, &at);)
			n += at.scope == ISSUE_TASK && at.type == ISSUE_DONE;
		cr_assert_eq(n, 1);
		restart_both();
	}
}

Test(persistence, an_ok_is_preceded_by_the_record)
{
	provision();
	// As a crash leaves it: a copy of the file at the moment of the OK.
	char command[300];
	snprintf(command, sizeof(command), "cp -p %s %s.copy", store_file, store_file);
	cr_assert_eq(system(command), 0);
	control_down();
	fake_stop(&w.dataplane);
	snprintf(command, sizeof(command), "mv %s.copy %s", store_file, store_file);
	cr_assert_eq(system(command), 0);
	fake_start(&w.dataplane, w.c.base, w.folder);
	control_up();
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 1);
}

// Lets a loop run until the dataplane holds `n` tasks, and stops the control there.
static void kill_control_at(unsigned n)
{
	for (unsigned i = 0; i < 500 && fake_count(w.dataplane.task) < n; i++)
		event_base_loop(w.c.base, EVLOOP_ONCE);
	cr_assert_eq(fake_count(w.dataplane.task), n);
	cr_assert_neq(publish_state(w.c.publish), PUBLISH_READY);
	control_down();
}

Test(persistence, a_restoration_that_was_cut_off_is_done_again)
{
	provision();
	for (uint8_t n = 2; n < 6; n++)
		expect(request_task(X1_ACTIVATE_TASK, n),
			"begin\nActivateTask a0 completed\nend\n");
	control_down();
	fake_stop(&w.dataplane);
	fake_start(&w.dataplane, w.c.base, w.folder);
	// The dataplane has taken two of five when the control goes.
	w.dataplane.tasks_taken = 2;
	control_up();
	kill_control_at(2);
	w.dataplane.tasks_taken = 0;
	control_up();
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 5);
	cr_assert_eq(registry_task_count(w.c.registry, 0), 5);
	for (struct registry_task *t = registry_task_first(w.c.registry, 0); t; t = registry_task_next(t))
		cr_assert_eq(t->state, TASK_COMPLETE, "also what was there already");
	// It is over: the dataplane is the newer truth again.
	control_down();
	control_up();
	cr_assert_not(w.c.fresh);
	run_until_ready();
	cr_assert_not(w.c.fresh);
	cr_assert_eq(fake_count(w.dataplane.task), 5);
}

// Not a restoration: the dataplane alone was restarted, and the control goes while it gives back.
Test(persistence, a_replay_that_was_cut_off_is_done_from_the_store)
{
	provision();
	for (uint8_t n = 2; n < 6; n++)
		expect(request_task(X1_ACTIVATE_TASK, n),
			"begin\nActivateTask a0 completed\nend\n");
	fake_stop(&w.dataplane);
	run(50);
	fake_start(&w.dataplane, w.c.base, w.folder);
	w.dataplane.tasks_taken = 2;
	kill_control_at(2);
	w.dataplane.tasks_taken = 0;
	control_up();
	run_until_ready();
	cr_assert_eq(registry_task_count(w.c.registry, 0), 5);
	cr_assert_eq(fake_count(w.dataplane.task), 5);
	cr_assert(!told(ISSUE_FAULT, "database cleared"));
	for (struct registry_task *t = registry_task_first(w.c.registry, 0); t; t = registry_task_next(t))
		cr_assert_eq(t->state, TASK_COMPLETE);
	restart_both();
	cr_assert_eq(fake_count(w.dataplane.task), 5, "nor was the store written from a part");
}

// As where a store is configured anew: what is in force is not given up for nothing.
Test(persistence, an_incomplete_state_is_kept_where_the_store_has_nothing)
{
	provision();
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 completed\nend\n");
	fake_stop(&w.dataplane);
	run(50);
	fake_start(&w.dataplane, w.c.base, w.folder);
	w.dataplane.tasks_taken = 1;
	kill_control_at(1);
	w.dataplane.tasks_taken = 0;
	unlink(store_file);
	control_up();
	run_until_ready();
	cr_assert_eq(registry_task_count(w.c.registry, 0), 1);
	cr_assert(told(ISSUE_FAULT, "others may be missing"));
}

Test(persistence, the_admfs_silence_goes_on_over_a_restoration)
{
	provision();
	cr_assert_eq(w.dataplane.remaining_ms[0], 0);
	control_down();
	fake_stop(&w.dataplane);
	sleep(2);
	fake_start(&w.dataplane, w.c.base, w.folder);
	w.dataplane.nes = 0;
	control_up();
	run_until_ready();
	cr_assert_leq(w.dataplane.remaining_ms[0], 3598200);
	cr_assert_geq(w.dataplane.remaining_ms[0], 3580000);
}

// Both processes go, and the ADMF is silent for longer than TIME_P2.
static void long_silence(void)
{
	w.config.nes[0].x1.keepalive.time_p2 = 1;
	provision();
	told(ISSUE_FAULT, "");
	control_down();
	fake_stop(&w.dataplane);
	sleep(2);
}

Test(persistence, silence_of_time_p2_discards)
{
	long_silence();
	fake_start(&w.dataplane, w.c.base, w.folder);
	control_up();
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 0);
	cr_assert(told(ISSUE_FAULT, "discarded"));
	w.config.nes[0].x1.keepalive.time_p2 = 3600;
	restart_both();
	cr_assert_eq(fake_count(w.dataplane.task), 0, "discarded for good");
	cr_assert(fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_DATABASE), "nobody provisioned");
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	cr_assert(fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_DATABASE));
	told(ISSUE_CLEAR, "");
	expect(request_destination(X1_CREATE_DESTINATION, 1), "begin\nCreateDestination a0 completed\nend\n");
	cr_assert(!fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_DATABASE));
	cr_assert(told(ISSUE_CLEAR, "provisions"));
}

// Tasks that the ADMF removed itself are not lost.
Test(persistence, an_element_that_had_no_task_has_lost_none)
{
	provision();
	cr_assert(!fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_DATABASE), "provisioned");
	expect(request_id(X1_DEACTIVATE_TASK, 7), "begin\nDeactivateTask a0 completed\nend\n");
	expect(request_id(X1_REMOVE_DESTINATION, 1),
		"begin\nRemoveDestination a0 completed\nend\n");
	told(ISSUE_FAULT, "");
	restart_both();
	cr_assert(!told(ISSUE_FAULT, "database cleared"));
	cr_assert(!fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_DATABASE));
}

// poi-control is there before poi-dataplane, and the ADMF before both: its request does not end the
// silence that was before.
Test(persistence, a_ping_before_the_dataplane_does_not_end_the_silence)
{
	long_silence();
	control_up();
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 0);
	cr_assert(told(ISSUE_FAULT, "discarded"));
}

// The ADMF was never silent for TIME_P2, however long poi-dataplane was away.
Test(persistence, the_admf_is_heard_while_the_dataplane_is_away)
{
	w.config.nes[0].x1.keepalive.time_p2 = 6;
	provision();
	control_down();
	fake_stop(&w.dataplane);
	control_up();
	for (unsigned i = 0; i < 4; i++) {
		run(2000);
		expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	}
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 1);
}

// A controller that was cut off after HELLO, before it had put anything, leaves no history.
Test(persistence, a_hello_alone_is_no_history)
{
	provision();
	control_down();
	fake_stop(&w.dataplane);
	fake_start(&w.dataplane, w.c.base, w.folder);
	w.dataplane.peer = 4711;
	control_up();
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 1);
}

Test(persistence, a_deactivation_that_a_restoration_undid_is_not_done)
{
	provision();
	w.dataplane.silent = true;
	expect(request_id(X1_DEACTIVATE_TASK, 7), "begin\nDeactivateTask a0 acknowledged\nend\n");
	// A crash of the host: what the end of a process writes is not there.
	char kept[140], *const copy[] = {"cp", store_file, kept, NULL};
	snprintf(kept, sizeof(kept), "%s.kept", store_file);
	pid_t child = fork();
	if (!child)
		_exit(execvp(copy[0], copy));
	cr_assert_eq(waitpid(child, NULL, 0), child);
	control_down();
	fake_stop(&w.dataplane);
	cr_assert_eq(rename(kept, store_file), 0);
	fake_start(&w.dataplane, w.c.base, w.folder);
	control_up();
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 1);
	cr_assert(told(ISSUE_FAULT, "still active"));
}

// The store takes what is written, and fails when it is to be on disk, as a device does.
static void break_sync(void)
{
	char link[32], name[200];
	int null = open("/dev/null", O_RDWR);

	cr_assert_geq(null, 0);
	for (int fd = 3; fd < 64; fd++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(link, name, sizeof(name));
		if (n == (ssize_t)strlen(store_file) && !strncmp(name, store_file, (size_t)n))
			cr_assert_eq(dup2(null, fd), fd);
	}
}

// The details of before are not put back behind the removal that is on its way.
Test(persistence, a_record_that_fails_undoes_no_removal)
{
	struct id16 seven = id(7);

	provision();
	break_sync();
	w.dataplane.hold = true;
	struct http_exchange *x = request_task(X1_MODIFY_TASK, 7);
	struct http_exchange *y = request_id(X1_DEACTIVATE_TASK, 7);
	run(50);
	cr_assert_null(fake_find(w.dataplane.task, &seven));
	fake_release(&w.dataplane);
	expect(x, "begin\nModifyTask a0 3001 the sealed store cannot be written\nend\n");
	expect(y, "begin\nDeactivateTask a0 completed\nend\n");
	run(50);
	cr_assert_null(fake_find(w.dataplane.task, &seven), "captured after its OK");
}

Test(persistence, the_dataplane_wins)
{
	provision();
	// The store is set back to a time without the task; the dataplane holds it.
	control_down();
	unlink(store_file);
	control_up();
	run_until_ready();
	cr_assert_eq(registry_task_count(w.c.registry, 0), 1);
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	restart_both();
	cr_assert_eq(fake_count(w.dataplane.task), 1, "it was written from the dataplane's state");
}

Test(persistence, a_refused_task_does_not_come_back)
{
	provision();
	w.dataplane.result = POI_ERR_LIMIT;
	expect(request_task(X1_ACTIVATE_TASK, 5),
		"begin\nActivateTask a0 3000 configured limit reached\nend\n");
	expect(request_task(X1_MODIFY_TASK, 7),
		"begin\nModifyTask a0 3001 configured limit reached\nend\n");
	w.dataplane.result = 0;
	restart_both();
	struct id16 xid = id(7);
	cr_assert_eq(fake_count(w.dataplane.task), 1);
	cr_assert_eq(registry_task_find(w.c.registry, 0, &xid)->modifications, 0);
}

Test(persistence, full_disk_refuses_and_removals_are_done)
{
	static char xml[40000];
	struct x1_container *c = container(1);
	struct x1_task_details big;
	struct stat s;

	provision();
	memset(xml, ' ', sizeof(xml));
	big = *task(4); // the store is the larger file of the two that are written
	big.xml = xml;
	big.xml_length = sizeof(xml);
	c->messages[0].type = X1_ACTIVATE_TASK;
	c->messages[0].task = &big;
	expect(submit(c), "begin\nActivateTask a0 completed\nend\n");
	cr_assert_eq(stat(store_file, &s), 0);
	cr_assert_gt(s.st_size, 40000);
	limit_files((rlim_t)s.st_size + 10);
	expect(request_task(X1_ACTIVATE_TASK, 5),
		"begin\nActivateTask a0 3000 the sealed store cannot be written\nend\n");
	expect(request_task(X1_MODIFY_TASK, 7),
		"begin\nModifyTask a0 3001 the sealed store cannot be written\nend\n");
	expect(request_destination(X1_CREATE_DESTINATION, 2),
		"begin\nCreateDestination a0 6000 the sealed store cannot be written\nend\n");
	cr_assert_eq(fake_count(w.dataplane.task), 2);
	cr_assert_eq(registry_task_count(w.c.registry, 0), 2);
	cr_assert_eq(registry_destination_count(w.c.registry, 0), 1);
	cr_assert(told(ISSUE_FAULT, "sealed store"));
	expect(request_id(X1_DEACTIVATE_TASK, 7), "begin\nDeactivateTask a0 completed\nend\n");
	cr_assert_eq(fake_count(w.dataplane.task), 1);
	cr_assert(fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_STORE));
	limit_files(RLIM_INFINITY);
	persistence_tick(&w.c);
	run(50); // it is written anew in slices
	cr_assert(told(ISSUE_CLEAR, "sealed store"));
	expect(request_task(X1_ACTIVATE_TASK, 5), "begin\nActivateTask a0 completed\nend\n");
	restart_both();
	cr_assert_eq(fake_count(w.dataplane.task), 2);
}
