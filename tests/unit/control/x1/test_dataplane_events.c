// Reactions of control to the dataplane's events, to its loss, and to its return.
#include "tests/unit/control/x1/dispatch_world.h"

TestSuite(dataplane_events, .init = setup, .fini = teardown, .timeout = 30);

Test(dataplane_events, control_restarts_and_takes_everything_back)
{
	provision();
	expect(request_task(X1_MODIFY_TASK, 7), "begin\nModifyTask a0 completed\nend\n");
	uint32_t puts = w.dataplane.puts;
	control_down();
	control_up();
	struct http_exchange *ping = request(X1_PING);
	expect(request(X1_GET_NE_STATUS), "begin\nGetNEStatus a0 answer\nstatus 1\nend\n");
	expect(ping, "begin\nPing a0 completed\nend\n");
	expect(request(X1_LIST_ALL_DETAILS), "begin\nListAllDetails a0 answer\nListOfXIDs\nxId 07\n"
					     "ListOfDIDs\ndId 01\nend\n");
	run_until_ready();
	expect(request(X1_GET_NE_STATUS), "begin\nGetNEStatus a0 answer\nstatus 0\nend\n");
	expect(request_id(X1_GET_TASK_DETAILS, 7), "begin\nGetTaskDetails a0 answer\ntask <t/> "
						   "complete x3=4711 modifications=1\nend\n");
	cr_assert_eq(w.dataplane.puts, puts, "nothing is put anew that is there");
	expect(request_id(X1_REMOVE_DESTINATION, 1),
		"begin\nRemoveDestination a0 7010 00000000-0000-4000-8000-000000000007\nend\n");
}

// poi-control was killed while it gave a restarted dataplane its tasks back, and there is no store:
// the report is repeated until the ADMF has acknowledged it.
Test(dataplane_events, an_incomplete_recovery_is_reported_until_the_admf_has_answered)
{
	struct issue i;

	provision();
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 completed\nend\n");
	fake_stop(&w.dataplane);
	run(50);
	fake_start(&w.dataplane, w.c.base, w.folder);
	w.dataplane.tasks_taken = 1;
	for (unsigned n = 0; n < 300 && !fake_count(w.dataplane.task); n++)
		run(10);
	w.dataplane.tasks_taken = 0;
	w.config.nes[0].admf_url = (char *)"https://admf.example";
	for (unsigned n = 0; n < 2; n++) {
		restart_control();
		cr_assert_eq(registry_task_count(w.c.registry, 0), 1);
		cr_assert(issues_take(w.c.issues, &i));
		cr_assert_eq(i.type, ISSUE_FAULT);
		cr_assert_eq(i.code, X1_STATUS_FAULT);
		cr_assert_not_null(strstr(i.text, "1 are taken over, others may be missing"));
		cr_assert(!issues_take(w.c.issues, &i), "nothing says that all is well");
	}
	restart_control();
	cr_assert(issues_take(w.c.issues, &i));
	dataplane_reported(&w.c, &i);
	run(50);
	restart_control();
	cr_assert(issues_take(w.c.issues, &i));
	cr_assert_not_null(strstr(i.text, "1 tasks were taken over"));
	w.config.nes[0].admf_url = NULL;
}

Test(dataplane_events, fail_safe_event)
{
	provision();
	struct channel_event e = {.kind = EVENT_FAIL_SAFE, .ne = *registry_ne_id(w.c.registry, 0)};
	fake_event(&w.dataplane, &e);
	run(50);
	cr_assert_eq(registry_task_count(w.c.registry, 0), 0);
	cr_assert(fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_FAIL_SAFE));
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	cr_assert(!fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_FAIL_SAFE));
}

// The last request counts for the ADMF: the rest of TIME_P2 goes to the next dataplane.
Test(dataplane_events, its_silence_goes_on_over_a_restart_of_the_dataplane)
{
	provision();
	run(1200);
	fake_stop(&w.dataplane);
	run(300);
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	cr_assert_leq(w.dataplane.remaining_ms[0], 3600200 - 1500);
	cr_assert_geq(w.dataplane.remaining_ms[0], 3600200 - 9000);
	cr_assert_eq(w.dataplane.heards, 1, "and with what came before the element was defined");
}

// Neither had more than the process before it.
Test(dataplane_events, its_silence_goes_on_over_restarts_of_both_in_turn)
{
	provision();
	w.dataplane.ne_silent_ms = 100000;
	restart_control();
	fake_stop(&w.dataplane);
	run(50);
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	cr_assert_leq(w.dataplane.remaining_ms[0], 3500200);
	cr_assert_geq(w.dataplane.remaining_ms[0], 3490000);
}

Test(dataplane_events, without_a_dataplane_the_fail_safe_stops_the_tasks_too)
{
	struct issue i;
	unsigned stopped = 0, known = 0;

	w.config.nes[0].x1.keepalive.time_p2 = 1;
	provision();
	struct id16 seven = id(7);
	fake_stop(&w.dataplane);
	run(50);
	// One that no dataplane has taken yet ends as well.
	registry_task_set_state(
		w.c.registry, registry_task_find(w.c.registry, 0, &seven), TASK_AWAITING);
	run(700);
	cr_assert_eq(registry_task_count(w.c.registry, 0), 1, "TIME_P2 is not over");
	run(1000);
	cr_assert_eq(registry_task_count(w.c.registry, 0), 0);
	cr_assert(fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_FAIL_SAFE));
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	run(300);
	cr_assert_eq(fake_count(w.dataplane.task), 0);
	while (issues_take(w.c.issues, &i)) {
		cr_assert_null(strstr(i.text, "all tasks are in force"));
		stopped += i.scope == ISSUE_TASK && i.type == ISSUE_TERMINATING;
		known += i.scope == ISSUE_NE && i.type == ISSUE_FAULT && strstr(i.text, "TIME_P2");
	}
	cr_assert_eq(stopped, 1);
	cr_assert_eq(known, 1, "told once");
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	cr_assert(!fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_FAIL_SAFE));
}

static unsigned silences(enum issue_type type, uint32_t code)
{
	struct issue i;
	unsigned n = 0;

	while (issues_take(w.c.issues, &i))
		n += i.scope == ISSUE_NE && i.type == type && i.code == code &&
		     (type != ISSUE_FAULT || strstr(i.text, "TIME_P2"));
	return n;
}

static void later(uint32_t time_p2, uint32_t time_p3)
{
	struct config_keepalive *k = &w.config.nes[0].x1.keepalive;

	k->model = CONFIG_KEEPALIVE_LATER;
	k->time_p2 = time_p2;
	k->time_p3 = time_p3;
}

static bool is_silent(void)
{
	return fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_ADMF_SILENT);
}

Test(dataplane_events, the_later_model_gives_the_dataplane_both_deadlines)
{
	later(600, 900);
	provision();
	fake_stop(&w.dataplane);
	run(50);
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	cr_assert_eq(w.dataplane.silence_ms[0], 600200);
	cr_assert_eq(w.dataplane.fail_safe_ms[0], 900200);
}

Test(dataplane_events, v1_8_1_has_one_deadline)
{
	provision();
	cr_assert_eq(w.dataplane.silence_ms[0], 0);
	cr_assert_eq(w.dataplane.fail_safe_ms[0], 3600200);
}

Test(dataplane_events, a_silent_admf_is_a_fault_until_it_is_heard)
{
	struct channel_event e = {
		.kind = EVENT_ADMF_SILENT, .ne = *registry_ne_id(w.c.registry, 0)};

	later(1, 900);
	provision();
	silences(ISSUE_FAULT, 0);
	run(1100);
	for (unsigned n = 0; n < 2; n++) { // a connection that was lost repeats it
		fake_event(&w.dataplane, &e);
		run(50);
	}
	cr_assert(is_silent());
	cr_assert_eq(registry_task_count(w.c.registry, 0), 1, "its tasks go on");
	cr_assert_eq(silences(ISSUE_FAULT, X1_STATUS_KEEPALIVES), 1);
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	cr_assert(!is_silent());
	cr_assert_eq(silences(ISSUE_CLEAR, X1_STATUS_CLEARED), 1);
}

Test(dataplane_events, a_silence_that_is_over_is_reported_with_its_end)
{
	struct channel_event e = {
		.kind = EVENT_ADMF_SILENT, .ne = *registry_ne_id(w.c.registry, 0)};
	struct issue i;
	uint8_t types[2] = {0};
	unsigned n = 0;

	later(600, 900);
	provision();
	silences(ISSUE_FAULT, 0);
	fake_event(&w.dataplane, &e);
	run(50);
	cr_assert(!is_silent());
	while (issues_take(w.c.issues, &i))
		types[n++ % 2] = i.type;
	cr_assert(n == 2 && types[0] == ISSUE_FAULT && types[1] == ISSUE_CLEAR);
}

Test(dataplane_events, a_silence_is_known_to_the_next_control)
{
	later(600, 900);
	provision();
	w.dataplane.ne_silent_ms = 700000;
	w.dataplane.ne_silent = true;
	silences(ISSUE_FAULT, 0);
	restart_control();
	cr_assert(is_silent());
	cr_assert_eq(silences(ISSUE_FAULT, X1_STATUS_KEEPALIVES), 1);
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	cr_assert(!is_silent());
}

// Control alone keeps the time then: first the report, then the end.
Test(dataplane_events, without_a_dataplane_silence_is_reported_and_then_ends_the_tasks)
{
	later(1, 2);
	provision();
	silences(ISSUE_FAULT, 0);
	fake_stop(&w.dataplane);
	run(900);
	cr_assert(!is_silent(), "TIME_P2 is not over");
	run(600);
	cr_assert(is_silent());
	cr_assert_eq(registry_task_count(w.c.registry, 0), 1);
	cr_assert_eq(silences(ISSUE_FAULT, X1_STATUS_KEEPALIVES), 1);
	run(1000);
	cr_assert_eq(registry_task_count(w.c.registry, 0), 0);
	cr_assert(fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_FAIL_SAFE));
	cr_assert(is_silent(), "until it is heard");
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	cr_assert(!is_silent());
	cr_assert(!fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_FAIL_SAFE));
}

// TIME_P1 and half of it: one Keepalive did not come.
Test(dataplane_events, an_admf_that_is_late_is_seen_before_time_p2)
{
	w.config.nes[0].x1.keepalive.time_p1 = 1;
	provision();
	run(1200);
	cr_assert(!publish_admf_late(w.c.publish, 0));
	run(500);
	cr_assert(publish_admf_late(w.c.publish, 0));
	cr_assert_eq(registry_task_count(w.c.registry, 0), 1);
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	cr_assert(!publish_admf_late(w.c.publish, 0));
	w.config.nes[0].x1.keepalive.enabled = false;
	run(1700);
	cr_assert(!publish_admf_late(w.c.publish, 0), "nobody agreed to any");
}

Test(dataplane_events, a_fail_safe_that_stands_is_known_to_the_next_control)
{
	provision();
	w.dataplane.ne_silent_ms = UINT64_MAX;
	restart_control();
	cr_assert(fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_FAIL_SAFE));
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	cr_assert(!fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_FAIL_SAFE));
}

Test(dataplane_events, a_hung_dataplane_is_a_fault)
{
	struct fault **faults = registry_ne_faults(w.c.registry, 0);
	struct issue i;
	unsigned clear = 0;

	provision();
	w.dataplane.silent = w.dataplane.no_status = true;
	run(4000);
	cr_assert(!fault_has(*faults, FAULT_DATAPLANE_LOST), "it is slow");
	cr_assert_gt(publish_unanswered_ms(w.c.publish), 1000);
	run(3000);
	cr_assert(fault_has(*faults, FAULT_DATAPLANE_LOST));
	cr_assert_eq(publish_state(w.c.publish), PUBLISH_READY, "what it has in force may go on");
	struct channel_event e = {.kind = EVENT_CLOCK_SURE};
	fake_event(&w.dataplane, &e); // with any content
	run(50);
	cr_assert(!fault_has(*faults, FAULT_DATAPLANE_LOST));
	while (issues_take(w.c.issues, &i))
		clear += i.type == ISSUE_CLEAR && strstr(i.text, "did not answer from");
	cr_assert_eq(clear, 1);
	w.dataplane.silent = w.dataplane.no_status = false;
	run(2500);
	cr_assert_eq(publish_unanswered_ms(w.c.publish), 0);
}

Test(dataplane_events, destination_fault_is_listed_and_cleared)
{
	provision();
	struct channel_event e = {.kind = EVENT_DESTINATION_DOWN,
		.ne = *registry_ne_id(w.c.registry, 0),
		.id = id(1)};
	fake_event(&w.dataplane, &e);
	run(50);
	expect(request_id(X1_GET_DESTINATION_DETAILS, 1),
		"begin\nGetDestinationDetails a0 answer\ndestination <d/> fault\nend\n");
	e.kind = EVENT_DESTINATION_UP;
	fake_event(&w.dataplane, &e);
	run(50);
	expect(request_id(X1_GET_DESTINATION_DETAILS, 1),
		"begin\nGetDestinationDetails a0 answer\ndestination <d/>\nend\n");
}

Test(dataplane_events, a_task_that_was_not_taken_back_is_cleared_when_it_is)
{
	struct issue i = {0};

	provision();
	fake_stop(&w.dataplane);
	run(50);
	fake_start(&w.dataplane, w.c.base, w.folder);
	w.dataplane.result = POI_ERR_NOMEM;
	run_until_ready();
	struct id16 seven = id(7);
	const struct registry_task *t = registry_task_find(w.c.registry, 0, &seven);
	cr_assert(fault_has(t->faults, FAULT_DATAPLANE_LOST));
	expect(request_id(X1_GET_TASK_DETAILS, 7),
		"begin\nGetTaskDetails a0 answer\ntask <t/> failed modifications=0 "
		"fault=9020\nend\n");
	fake_stop(&w.dataplane);
	run(50);
	while (issues_take(w.c.issues, &i))
		;
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	cr_assert(!fault_has(t->faults, FAULT_DATAPLANE_LOST));
	while (issues_take(w.c.issues, &i) && i.scope != ISSUE_TASK)
		;
	cr_assert_eq(i.type, ISSUE_CLEAR);
	cr_assert(id_equal(&i.id, &seven));
}

Test(dataplane_events, a_fail_safe_during_a_replay_leaves_nothing_in_force)
{
	struct channel_event e = {.kind = EVENT_FAIL_SAFE, .ne = *registry_ne_id(w.c.registry, 0)};

	provision();
	fake_stop(&w.dataplane);
	run(50);
	fake_start(&w.dataplane, w.c.base, w.folder);
	w.dataplane.hold = true;
	for (unsigned i = 0; i < 300 && !fake_count(w.dataplane.task); i++)
		run(10);
	cr_assert_eq(publish_state(w.c.publish), PUBLISH_REPLAY);
	fake_event(&w.dataplane, &e);
	run(50);
	cr_assert_eq(registry_task_count(w.c.registry, 0), 0);
	fake_release(&w.dataplane);
	run_until_ready();
	run(50);
	cr_assert_eq(fake_count(w.dataplane.task), 0, "nobody asked for it any more");
}

// The next dataplane reaches the MDF at once and has nothing to clear.
Test(dataplane_events, faults_end_with_the_dataplane_that_reported_them)
{
	provision();
	struct channel_event e = {.kind = EVENT_DESTINATION_DOWN,
		.ne = *registry_ne_id(w.c.registry, 0),
		.id = id(1)};
	fake_event(&w.dataplane, &e);
	e.kind = EVENT_TASK_LOSS;
	e.id = id(7);
	fake_event(&w.dataplane, &e);
	e = (struct channel_event){.kind = EVENT_LEDGER_FAULT, .text = "differs"};
	fake_event(&w.dataplane, &e);
	run(50);
	expect(request_id(X1_GET_DESTINATION_DETAILS, 1),
		"begin\nGetDestinationDetails a0 answer\ndestination <d/> fault\nend\n");
	fake_stop(&w.dataplane);
	run(50);
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	for (unsigned i = 0; i < 2; i++) { // a new control finds none in the memos either
		expect(request_id(X1_GET_DESTINATION_DETAILS, 1),
			"begin\nGetDestinationDetails a0 answer\ndestination <d/>\nend\n");
		expect(request_id(X1_GET_TASK_DETAILS, 7),
			"begin\nGetTaskDetails a0 answer\ntask <t/> complete x3=4711 "
			"modifications=0\nend\n");
		expect(request(X1_GET_NE_STATUS), "begin\nGetNEStatus a0 answer\nstatus 0\nend\n");
		restart_control();
	}
}

Test(dataplane_events, a_spool_fault_is_no_delivery_fault)
{
	provision();
	struct channel_event e = {.kind = EVENT_SPOOL_FAULT,
		.ne = *registry_ne_id(w.c.registry, 0),
		.id = id(1),
		.text = "the spool is full; memory only"};
	fake_event(&w.dataplane, &e);
	run(50);
	struct registry_destination *d = registry_destination_find(w.c.registry, 0, &e.id);
	cr_assert(fault_has(d->faults, FAULT_SPOOL));
	cr_assert(!fault_has(d->faults, FAULT_DELIVERY));
	cr_assert(!d->down);
	e.kind = EVENT_SPOOL_CLEAR;
	fake_event(&w.dataplane, &e);
	run(50);
	cr_assert(!fault_has(d->faults, FAULT_SPOOL));
}

static bool fault_at(int kind)
{
	return fault_has(*registry_ne_faults(w.c.registry, 0), (enum fault_kind)kind);
}

static void port_event(int kind, const char *port)
{
	struct channel_event e = {.kind = (uint8_t)kind};

	snprintf(e.subject, sizeof(e.subject), "%s", port);
	snprintf(e.text, sizeof(e.text), "port %s", port);
	fake_event(&w.dataplane, &e);
	run(50);
}

Test(dataplane_events, each_port_has_its_own_faults)
{
	provision();
	w.config.dataplane.n_ports = 2;
	w.config.dataplane.ports[0].device = (char *)"p0";
	w.config.dataplane.ports[1].device = (char *)"p1";
	port_event(EVENT_LINK_DOWN, "p0");
	port_event(EVENT_LINK_DOWN, "p1");
	port_event(EVENT_PORT_LOSS, "p1");
	port_event(EVENT_LINK_UP, "p1");
	port_event(EVENT_LINK_DOWN, "p2"); // no port of ours: only logged
	cr_assert(fault_at(FAULT_LINK));
	cr_assert(!fault_at(FAULT_LINK + 1));
	cr_assert(fault_at(FAULT_PORT_LOSS + 1));
	port_event(EVENT_PORT_CLEAR, "p1");
	port_event(EVENT_LINK_UP, "p0");
	port_event(EVENT_SECURITY_FAULT, "");
	cr_assert(!fault_at(FAULT_LINK));
	cr_assert(!fault_at(FAULT_PORT_LOSS + 1));
	cr_assert(fault_at(FAULT_SECURITY));
	port_event(EVENT_SECURITY_CLEAR, "");
	cr_assert(!fault_at(FAULT_SECURITY));
	port_event(EVENT_PORT_DEAF, "p1");
	cr_assert(fault_at(FAULT_PORT_DEAF + 1));
	cr_assert(!fault_at(FAULT_PORT_DEAF));
	port_event(EVENT_FRAGMENTS_LOST, "");
	cr_assert(fault_at(FAULT_FRAGMENTS));
	port_event(EVENT_FRAGMENTS_CLEAR, "");
	cr_assert(!fault_at(FAULT_FRAGMENTS));
	w.config.dataplane.n_ports = 0;
}

Test(dataplane_events, a_loss_is_cleared_when_it_is_over)
{
	provision();
	struct channel_event e = {.kind = EVENT_TASK_LOSS,
		.ne = *registry_ne_id(w.c.registry, 0),
		.id = id(7),
		.copies = 3};
	fake_event(&w.dataplane, &e);
	run(50);
	struct registry_task *t = registry_task_find(w.c.registry, 0, &e.id);
	cr_assert(fault_has(t->faults, FAULT_LOSS));
	e.kind = EVENT_TASK_CLEAR;
	fake_event(&w.dataplane, &e);
	run(50);
	cr_assert(!fault_has(t->faults, FAULT_LOSS));
}

// The ADMF gets a report of the destination; and of one that is gone by its network element.
Test(dataplane_events, what_a_killed_dataplane_held_is_told)
{
	provision();
	struct issue i;
	struct channel_event e = {.kind = EVENT_KILLED,
		.ne = *registry_ne_id(w.c.registry, 0),
		.id = id(1),
		.copies = 8999,
		.text = "8999 PDUs"};
	while (issues_take(w.c.issues, &i))
		;
	fake_event(&w.dataplane, &e);
	run(50);
	cr_assert(issues_take(w.c.issues, &i));
	cr_assert_eq(i.scope, ISSUE_DESTINATION);
	cr_assert_eq(i.type, ISSUE_WARNING);
	cr_assert_str_eq(i.text, "8999 PDUs");
	e.id = id(99);
	fake_event(&w.dataplane, &e);
	run(50);
	cr_assert(issues_take(w.c.issues, &i));
	cr_assert_eq(i.scope, ISSUE_NE);
	cr_assert_str_eq(i.text, "8999 PDUs (00000000-0000-4000-8000-000000000063)");
	cr_assert(!issues_take(w.c.issues, &i), "each once");
}

static struct registry_task *followed_event(enum channel_event_kind kind, uint64_t sessions)
{
	struct channel_event e = {.kind = (uint8_t)kind,
		.ne = *registry_ne_id(w.c.registry, 0),
		.id = id(7),
		.copies = sessions};

	fake_event(&w.dataplane, &e);
	run(50);
	return registry_task_find(w.c.registry, 0, &e.id);
}

Test(dataplane_events, a_task_that_waits_for_its_session)
{
	provision();
	struct registry_task *t = followed_event(EVENT_TASK_WAITING, 0);
	cr_assert(fault_has(t->faults, FAULT_UNBOUND));
	t = followed_event(EVENT_TASK_UNSURE, 2);
	cr_assert(!fault_has(t->faults, FAULT_UNBOUND), "one of the two at a time");
	cr_assert(fault_has(t->faults, FAULT_UNSURE));
	cr_assert_not_null(strstr(t->faults->text, "2 sessions"));
	t = followed_event(EVENT_TASK_UNSEEN, 3);
	cr_assert(fault_has(t->faults, FAULT_UNSEEN) && fault_count(t->faults) == 1);
	cr_assert_not_null(strstr(t->faults->text, "no port shows the tunnels"));
	cr_assert_not_null(strstr(t->faults->text, "3 sessions"));
	uint32_t before = issues_waiting(w.c.issues);
	t = followed_event(EVENT_TASK_FOLLOWED, 2);
	cr_assert_eq(fault_count(t->faults), 0);
	cr_assert_eq(issues_waiting(w.c.issues), before + 1);
	t = followed_event(EVENT_TASK_FOLLOWED, 1);
	cr_assert_eq(issues_waiting(w.c.issues), before + 1, "nothing to clear");
	t = followed_event(EVENT_TASK_ENDED, 0);
	cr_assert_not_null(t, "it was not allowed to end");
	t->implicit = true;
	uint32_t tasks = fake_count(w.dataplane.task);
	cr_assert_null(followed_event(EVENT_TASK_ENDED, 0));
	cr_assert_eq(fake_count(w.dataplane.task), tasks - 1);
	struct issue last = {0};
	while (issues_take(w.c.issues, &last))
		;
	cr_assert_eq(last.type, ISSUE_IMPLICIT);
	cr_assert_null(followed_event(EVENT_TASK_ENDED, 0), "nor is it missed");
}
