// Messages that wait: for earlier ones of their container, for a removal under way, for a recovery,
// and beyond TIME1.
#include "tests/unit/control/x1/dispatch_world.h"

TestSuite(waiting, .init = setup, .fini = teardown, .timeout = 30);

static struct x1_destination_details destination_details;

static void ask(struct x1_container *c, uint32_t i, enum x1_request_type type, uint8_t n)
{
	struct x1_message *m = &c->messages[i];

	m->type = type;
	if (type == X1_ACTIVATE_TASK || type == X1_MODIFY_TASK) {
		m->task = task(n);
	} else if (type == X1_CREATE_DESTINATION || type == X1_MODIFY_DESTINATION) {
		destination_details = (struct x1_destination_details){.did = id(n),
			.delivery = X1_X3_ONLY,
			.address_kind = X1_ADDRESS_IP_PORT,
			.address = "192.0.2.50",
			.port = 42001,
			.xml = "<d/>",
			.xml_length = 4};
		m->destination = &destination_details;
	} else {
		m->id = id(n);
		m->has_id = n != 0;
	}
}

static bool task_there(uint8_t n)
{
	struct id16 xid = id(n);

	return registry_task_find(w.c.registry, 0, &xid) != NULL;
}

static bool destination_there(uint8_t n)
{
	struct id16 did = id(n);

	return registry_destination_find(w.c.registry, 0, &did) != NULL;
}

// The kinds of the reports of requests, in their order: "D" done, "N" not done, "F" goes on.
static const char *reports(void)
{
	static char out[64];
	size_t n = 0;

	for (struct issue i; issues_take(w.c.issues, &i) && n < sizeof(out) - 1;)
		if (!id_is_zero(&i.transaction))
			out[n++] = i.type == ISSUE_DONE	      ? 'D'
				   : i.type == ISSUE_NOT_DONE ? 'N'
							      : 'F';
	out[n] = 0;
	return out;
}

Test(waiting, a_teardown_in_one_container)
{
	struct x1_container *c = container(2);

	provision();
	ask(c, 0, X1_DEACTIVATE_TASK, 7);
	ask(c, 1, X1_REMOVE_DESTINATION, 1);
	expect(submit(c),
		"begin\nDeactivateTask a0 completed\nRemoveDestination a1 completed\nend\n");
	provision();
	c = container(3);
	ask(c, 0, X1_DEACTIVATE_ALL_TASKS, 0);
	ask(c, 1, X1_REMOVE_ALL_DESTINATIONS, 0);
	ask(c, 2, X1_LIST_ALL_DETAILS, 0);
	expect(submit(c), "begin\nDeactivateAllTasks a0 completed\nRemoveAllDestinations a1 "
			  "completed\nListAllDetails a2 answer\nListOfXIDs\nListOfDIDs\nend\n");
}

Test(waiting, changes_of_one_task_in_one_container)
{
	struct x1_container *c = container(7);

	provision();
	ask(c, 0, X1_ACTIVATE_TASK, 6);
	ask(c, 1, X1_MODIFY_TASK, 6);
	ask(c, 2, X1_MODIFY_TASK, 6);
	ask(c, 3, X1_GET_TASK_DETAILS, 6);
	ask(c, 4, X1_DEACTIVATE_TASK, 6);
	ask(c, 5, X1_ACTIVATE_TASK, 6);
	ask(c, 6, X1_GET_TASK_DETAILS, 6);
	expect(submit(c), "begin\nActivateTask a0 completed\nModifyTask a1 completed\nModifyTask a2 "
			  "completed\nGetTaskDetails a3 answer\ntask <t/> complete x3=4711 "
			  "modifications=2\nDeactivateTask a4 completed\nActivateTask a5 "
			  "completed\nGetTaskDetails a6 answer\ntask <t/> complete x3=4711 "
			  "modifications=0\nend\n");
	c = container(3);
	ask(c, 0, X1_CREATE_DESTINATION, 2);
	ask(c, 1, X1_REMOVE_DESTINATION, 2);
	ask(c, 2, X1_CREATE_DESTINATION, 2);
	expect(submit(c), "begin\nCreateDestination a0 completed\nRemoveDestination a1 "
			  "completed\nCreateDestination a2 completed\nend\n");
}

Test(waiting, a_removal_is_joined)
{
	provision();
	expect(request_destination(X1_CREATE_DESTINATION, 2),
		"begin\nCreateDestination a0 completed\nend\n");
	w.dataplane.hold = true;
	struct http_exchange *x = request_id(X1_DEACTIVATE_TASK, 7);
	run(50);
	struct http_exchange *y = request_id(X1_DEACTIVATE_TASK, 7);
	struct http_exchange *all = request(X1_DEACTIVATE_ALL_TASKS);
	run(50);
	expect(request_id(X1_GET_TASK_DETAILS, 7),
		"begin\nGetTaskDetails a0 answer\ntask <t/> complete modifications=0\nend\n");
	fake_release(&w.dataplane);
	expect(x, "begin\nDeactivateTask a0 completed\nend\n");
	expect(y, "begin\nDeactivateTask a0 completed\nend\n");
	expect(all, "begin\nDeactivateAllTasks a0 completed\nend\n");
	w.dataplane.hold = true;
	x = request_id(X1_REMOVE_DESTINATION, 2);
	run(50);
	y = request_id(X1_REMOVE_DESTINATION, 2);
	all = request(X1_REMOVE_ALL_DESTINATIONS);
	run(50);
	fake_release(&w.dataplane);
	expect(x, "begin\nRemoveDestination a0 completed\nend\n");
	expect(y, "begin\nRemoveDestination a0 completed\nend\n");
	expect(all, "begin\nRemoveAllDestinations a0 completed\nend\n");
	expect(request_id(X1_REMOVE_DESTINATION, 2),
		"begin\nRemoveDestination a0 2040 00000000-0000-4000-8000-000000000002\nend\n");
}

// An object that is put back must not be behind a second removal.
Test(waiting, a_joined_removal_fails_with_the_first)
{
	provision();
	w.dataplane.hold = true;
	struct http_exchange *x = request_id(X1_DEACTIVATE_TASK, 7);
	run(50);
	struct http_exchange *all = request(X1_DEACTIVATE_ALL_TASKS);
	run(50);
	uint32_t removes = w.dataplane.removes;
	w.dataplane.result = POI_ERR_NOMEM;
	fake_release(&w.dataplane);
	w.dataplane.result = 0;
	expect(x, "begin\nDeactivateTask a0 4000 out of memory\nend\n");
	for (unsigned i = 0; i < 300 && !all->responded; i++)
		run(10);
	cr_assert(strstr(all->body, "DeactivateAllTasks a0 5000"), "%s", all->body);
	free(all);
	cr_assert_eq(w.dataplane.removes, removes);
	cr_assert(task_there(7));
	cr_assert_eq(fake_count(w.dataplane.task), 1);
}

Test(waiting, a_joined_removal_is_acknowledged_and_reported)
{
	provision();
	w.dataplane.hold = true;
	struct http_exchange *x = request_id(X1_DEACTIVATE_TASK, 7);
	run(50);
	struct http_exchange *y = request_id(X1_DEACTIVATE_TASK, 7);
	struct http_exchange *all = request(X1_DEACTIVATE_ALL_TASKS);
	expect(x, "begin\nDeactivateTask a0 acknowledged\nend\n");
	expect(y, "begin\nDeactivateTask a0 acknowledged\nend\n");
	expect(all, "begin\nDeactivateAllTasks a0 acknowledged\nend\n");
	fake_release(&w.dataplane);
	run(100);
	cr_assert_str_eq(reports(), "DDD");
	run(50);
	cr_assert_eq(w.dataplane.ne_memo_length, 4, "none is owed");
}

Test(waiting, what_a_removal_holds_up_is_done_after_it)
{
	provision();
	w.dataplane.hold = true;
	struct http_exchange *x = request_id(X1_DEACTIVATE_TASK, 7);
	run(50);
	struct http_exchange *y = request_task(X1_ACTIVATE_TASK, 7);
	run(50);
	cr_assert_not(y->responded);
	fake_release(&w.dataplane);
	expect(x, "begin\nDeactivateTask a0 completed\nend\n");
	expect(y, "begin\nActivateTask a0 completed\nend\n");
	cr_assert_eq(fake_count(w.dataplane.task), 1);
}

Test(waiting, a_removal_under_way_is_the_reason_to_refuse)
{
	provision();
	expect(request_destination(X1_CREATE_DESTINATION, 2),
		"begin\nCreateDestination a0 completed\nend\n");
	w.dataplane.hold = true;
	expect(request_id(X1_DEACTIVATE_TASK, 7), "begin\nDeactivateTask a0 acknowledged\nend\n");
	expect(request_id(X1_REMOVE_DESTINATION, 2),
		"begin\nRemoveDestination a0 acknowledged\nend\n");
	struct http_exchange *x = request_task(X1_MODIFY_TASK, 7),
			     *y = request_destination(X1_CREATE_DESTINATION, 2),
			     *z = request_destination(X1_MODIFY_DESTINATION, 2);
	expect(request_task(X1_ACTIVATE_TASK, 7),
		"begin\nActivateTask a0 2010 00000000-0000-4000-8000-000000000007: its removal is "
		"not completed yet\nend\n");
	expect(x, "begin\nModifyTask a0 3001 00000000-0000-4000-8000-000000000007: its removal is "
		  "not completed yet\nend\n");
	expect(y, "begin\nCreateDestination a0 2030 00000000-0000-4000-8000-000000000002: its "
		  "removal is not completed yet\nend\n");
	expect(z, "begin\nModifyDestination a0 6001 00000000-0000-4000-8000-000000000002: its "
		  "removal is not completed yet\nend\n");
	fake_release(&w.dataplane);
	run(100);
	cr_assert_str_eq(reports(), "DD");
}

Test(waiting, what_is_not_executed_at_time1_is_acknowledged)
{
	struct x1_container *c = container(6);

	provision();
	w.dataplane.hold = true;
	ask(c, 0, X1_DEACTIVATE_TASK, 7);
	ask(c, 1, X1_REMOVE_DESTINATION, 1);
	ask(c, 2, X1_PING, 0);
	ask(c, 3, X1_CREATE_DESTINATION, 1);
	ask(c, 4, X1_ACTIVATE_TASK, 7);
	ask(c, 5, X1_GET_TASK_DETAILS, 7);
	expect(submit(c),
		"begin\nDeactivateTask a0 acknowledged\nRemoveDestination a1 acknowledged\nPing a2 "
		"completed\nCreateDestination a3 acknowledged\nActivateTask a4 acknowledged\n"
		"GetTaskDetails a5 answer\ntask <t/> complete modifications=0\nend\n");
	cr_assert(destination_there(1));
	fake_release(&w.dataplane);
	run(200);
	cr_assert_str_eq(reports(), "DDDD");
	cr_assert(task_there(7) && destination_there(1));
	cr_assert_eq(fake_count(w.dataplane.task), 1);
	cr_assert_eq(w.dataplane.ne_memo_length, 4, "none is owed");
}

Test(waiting, what_fails_after_time1_is_reported)
{
	struct x1_container *c = container(3);
	struct issue i;

	provision();
	w.dataplane.hold = true;
	ask(c, 0, X1_DEACTIVATE_TASK, 7);
	ask(c, 1, X1_REMOVE_DESTINATION, 1);
	ask(c, 2, X1_ACTIVATE_TASK, 7);
	expect(submit(c), "begin\nDeactivateTask a0 acknowledged\nRemoveDestination a1 "
			  "acknowledged\nActivateTask a2 acknowledged\nend\n");
	w.dataplane.result = POI_ERR_NOMEM;
	fake_release(&w.dataplane);
	w.dataplane.result = 0;
	run(200);
	static const uint32_t codes[] = {
		X1_ERR_DEACTIVATE, X1_ERR_DESTINATION_IN_USE, X1_ERR_XID_EXISTS};
	for (unsigned n = 0; n < 3; n++) {
		while (issues_take(w.c.issues, &i) && id_is_zero(&i.transaction))
			;
		cr_assert_eq(i.code, codes[n]);
	}
	cr_assert(task_there(7) && destination_there(1));
}

// An orderly stop reports requests that it will not execute; the next process judges a removal.
Test(waiting, a_stop_reports_what_was_not_executed)
{
	struct x1_container *c = container(3);

	provision();
	w.dataplane.hold = true;
	ask(c, 0, X1_DEACTIVATE_TASK, 7);
	ask(c, 1, X1_REMOVE_DESTINATION, 1);
	ask(c, 2, X1_ACTIVATE_TASK, 7);
	expect(submit(c), "begin\nDeactivateTask a0 acknowledged\nRemoveDestination a1 "
			  "acknowledged\nActivateTask a2 acknowledged\nend\n");
	run(50);
	x1_dispatch_stop(w.dispatch);
	cr_assert_str_eq(reports(), "N");
	w.dataplane.hold = false;
	w.dataplane.n_held = 0;
	restart_control();
	run(50);
	const char *rest = reports();
	cr_assert(!strcmp(rest, "DF") || !strcmp(rest, "FD"), "%s", rest);
	cr_assert(destination_there(1));
}

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define WITHIN_S 4.0 // what is written at TIME1 takes its own time
#else
#define WITHIN_S 2.0
#endif

static void starve(evutil_socket_t fd, short what, void *arg)
{
	usleep(15000);
}

Test(waiting, a_large_container_on_a_starved_host)
{
	static const struct timeval often = {.tv_usec = 1000};
	struct x1_container *c = container(2500);
	struct timespec begin, end;
	struct http_exchange *x;

	provision();
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 completed\nend\n");
	w.config.nes[0].x1.time1 = 2;
	for (uint32_t i = 0; i < 2500; i++)
		ask(c, i, X1_MODIFY_DESTINATION, 1);
	ask(c, 2499, X1_DEACTIVATE_TASK, 6);
	struct event *slow = event_new(w.c.base, -1, EV_PERSIST, starve, NULL);
	event_add(slow, &often);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	x = submit(c);
	while (!x->responded)
		event_base_loop(w.c.base, EVLOOP_ONCE);
	clock_gettime(CLOCK_MONOTONIC, &end);
	event_free(slow);
	double s = (double)(end.tv_sec - begin.tv_sec) +
		   (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
	cr_assert_lt(s, WITHIN_S, "%.3f s", s);
	cr_assert(strstr(x->body, "ModifyDestination a0 completed"));
	cr_assert(strstr(x->body, "DeactivateTask 63 acknowledged"), "%s",
		x->body + strlen(x->body) - 100);
	free(x);
	cr_assert(task_there(6));
	for (unsigned i = 0; i < 2000 && task_there(6); i++)
		run(10);
	cr_assert_not(task_there(6), "it is done all the same");
}

Test(waiting, what_comes_within_a_recovery_is_queued)
{
	control_down();
	control_up();
	cr_assert_not(publish_recovered(w.c.publish));
	struct http_exchange *x = request_destination(X1_CREATE_DESTINATION, 2);
	expect(x, "begin\nCreateDestination a0 completed\nend\n");
	// Without a dataplane it is refused at TIME1.
	control_down();
	fake_stop(&w.dataplane);
	control_up();
	expect(request_destination(X1_CREATE_DESTINATION, 3),
		"begin\nCreateDestination a0 1000 starting: the tasks of the dataplane are not "
		"recovered yet\nend\n");
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
}
