// x1_dispatch, x1_change, x1_query, events, publish and audit together.
#include "control/state/fault_raise.h"
#include "tests/unit/control/x1/dispatch_world.h"

TestSuite(dispatch, .init = setup, .fini = teardown, .timeout = 30);

Test(dispatch, ping)
{
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
}

Test(dispatch, identity_before_version_before_schema)
{
	struct x1_container *c = container(6);

	c->messages[0].admf_identifier = "other";
	c->messages[1].ne_identifier = "ne-2";
	c->messages[2].version = "v2.8.1";
	c->messages[3].version = "v1.8.1x";
	c->messages[4].schema_error = X1_ERR_SCHEMA;
	c->messages[4].why = "taskDetails is missing";
	c->messages[5].schema_error = X1_ERR_SCHEMA;
	c->messages[5].version = "v1.\xd9\xa3.1";
	c->messages[5].ne_identifier = "ne-2";
	expect(submit(c),
		"begin\nPing a0 1030 \nPing a1 1060 \nPing a2 1020 v1.8.1\nPing a3 1020 v1.8.1\n"
		"Ping a4 1010 taskDetails is missing\nPing a5 1060 \nend\n");
	certificate_of = "other";
	c = container(1);
	c->messages[0].admf_identifier = "other";
	expect(submit(c), "begin\nPing a0 1040 \nend\n");
}

static const char *announced_to(const char *version, enum x1_request_type type)
{
	struct x1_container *c = container(1);

	c->messages[0].type = type;
	c->messages[0].version = version;
	announced = NULL;
	struct http_exchange *x = submit(c);
	for (unsigned i = 0; i < 100 && !x->responded; i++)
		run(10);
	cr_assert(x->responded);
	free(x);
	return announced ? announced : "v1.8.1"; // what the encoder takes for none
}

// Announced only to peers of that minor or a later one, with any answer.
Test(dispatch, version_announced)
{
	static const enum x1_request_type types[] = {
		X1_PING, X1_GET_NE_STATUS, X1_LIST_ALL_DETAILS, X1_REPORT_NE_ISSUE};
	static const char *const asked[] = {"v1.13.1", "v1.22.1", "v1.8.1", "v1.12.9", "v2.13.0"};

	for (unsigned i = 0; i < 20; i++) {
		w.config.nes[0].x1.version = CONFIG_X1_V1_8_1;
		cr_expect_str_eq(announced_to(asked[i % 5], types[i / 5]), "v1.8.1");
		w.config.nes[0].x1.version = CONFIG_X1_V1_13_1;
		cr_expect_str_eq(
			announced_to(asked[i % 5], types[i / 5]), i % 5 < 2 ? "v1.13.1" : "v1.8.1");
	}
	struct x1_container *c = container(1);
	c->messages[0].version = "";
	expect(submit(c), "begin\nPing a0 1020 v1.13.1\nend\n");
}

Test(dispatch, top_level_error)
{
	struct x1_container *c = container(0);

	c->top_level_error = true;
	expect(submit(c), "top admf-1 ne-1\n");
}

Test(dispatch, wrong_direction_and_objects)
{
	struct x1_container *c = container(3);

	c->messages[0].type = X1_REPORT_NE_ISSUE;
	c->messages[1].type = X1_CREATE_OBJECT;
	c->messages[2].type = X1_GET_OBJECT;
	c->messages[2].version = "v1.19.1";
	expect(submit(c),
		"begin\nReportNEIssue a0 1000 a network element sends this request, it does not "
		"receive it\nCreateObject a1 1000 generic objects are not supported\n"
		"GetObject a2 2060 00000000-0000-0000-0000-000000000000\nend\n");
}

Test(dispatch, later_minors_have_a_code_for_the_wrong_direction)
{
	struct x1_container *c = container(1);

	c->messages[0].type = X1_REPORT_NE_ISSUE;
	c->messages[0].version = "v1.9.1";
	expect(submit(c),
		"begin\nReportNEIssue a0 1080 a network element sends this request, it does not "
		"receive it\nend\n");
}

// Reports have the last version of the responsible ADMF, over a restart too.
Test(dispatch, the_minor_of_the_admf_is_known)
{
	struct x1_container *c = container(3);

	cr_assert_eq(w.c.admf_minor[0], 0);
	for (unsigned n = 0; n < 100 && !w.dataplane.ne_memo_length; n++)
		run(20);
	uint32_t length = w.dataplane.ne_memo_length;
	c->messages[0].version = "v1.13.1";
	c->messages[1].version = "v1.19.1";
	c->messages[1].admf_identifier = "admf-2";
	c->messages[2].version = "v2.19.1";
	for (unsigned i = 0; i < 3; i++)
		c->messages[i].type = X1_PING;
	submit(c);
	for (unsigned n = 0; n < 100 && w.dataplane.ne_memo_length == length; n++)
		run(20);
	cr_assert_eq(w.c.admf_minor[0], 13);
	restart_control();
	cr_assert_eq(w.c.admf_minor[0], 13);
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n"); // of v1.8.1
	cr_assert_eq(w.c.admf_minor[0], 0);
	for (unsigned n = 0; n < 100 && w.dataplane.ne_memo_length != length; n++)
		run(20);
	cr_assert_eq(w.dataplane.ne_memo_length, length, "and what is kept is what it was");
	restart_control();
	cr_assert_eq(w.c.admf_minor[0], 0);
}

Test(dispatch, keepalive_disabled)
{
	expect(request(X1_KEEPALIVE), "begin\nKeepalive a0 completed\nend\n");
	w.config.nes[0].x1.keepalive.enabled = false;
	expect(request(X1_KEEPALIVE), "begin\nKeepalive a0 1070 keepalives are disabled\nend\n");
}

Test(dispatch, life_of_a_task)
{
	provision();
	cr_assert_eq(fake_count(w.dataplane.task), 1);
	expect(request_task(X1_ACTIVATE_TASK, 7),
		"begin\nActivateTask a0 2010 00000000-0000-4000-8000-000000000007\nend\n");
	expect(request_task(X1_MODIFY_TASK, 7), "begin\nModifyTask a0 completed\nend\n");
	expect(request_task(X1_MODIFY_TASK, 8),
		"begin\nModifyTask a0 2020 00000000-0000-4000-8000-000000000008\nend\n");
	expect(request_id(X1_GET_TASK_DETAILS, 7), "begin\nGetTaskDetails a0 answer\ntask <t/> "
						   "complete x3=4711 modifications=1\nend\n");
	expect(request_id(X1_REMOVE_DESTINATION, 1),
		"begin\nRemoveDestination a0 7010 00000000-0000-4000-8000-000000000007\nend\n");
	expect(request(X1_REMOVE_ALL_DESTINATIONS),
		"begin\nRemoveAllDestinations a0 8010 00000000-0000-4000-8000-000000000001 is used "
		"by "
		"00000000-0000-4000-8000-000000000007\nend\n");
	expect(request(X1_LIST_ALL_DETAILS),
		"begin\nListAllDetails a0 answer\nListOfXIDs\nxId 07\nListOfDIDs\ndId 01\nend\n");
	expect(request_destination(X1_CREATE_DESTINATION, 2),
		"begin\nCreateDestination a0 completed\nend\n");
	struct x1_container *c = container(1);
	struct x1_task_details *both = &task_details[6];
	const struct id16 dids[] = {id(1), id(2)};
	(void)task(6);
	both->n_dids = 2;
	both->dids = dids;
	c->messages[0].type = X1_ACTIVATE_TASK;
	c->messages[0].task = both;
	expect(submit(c), "begin\nActivateTask a0 completed\nend\n");
	expect(request(X1_REMOVE_ALL_DESTINATIONS),
		"begin\nRemoveAllDestinations a0 8010 00000000-0000-4000-8000-000000000001 is used "
		"by 00000000-0000-4000-8000-000000000007 00000000-0000-4000-8000-000000000006; "
		"00000000-0000-4000-8000-000000000002 is used by "
		"00000000-0000-4000-8000-000000000006\nend\n");
	expect(request_id(X1_DEACTIVATE_TASK, 6), "begin\nDeactivateTask a0 completed\nend\n");
	expect(request_id(X1_REMOVE_DESTINATION, 2),
		"begin\nRemoveDestination a0 completed\nend\n");
	expect(request_id(X1_DEACTIVATE_TASK, 7), "begin\nDeactivateTask a0 completed\nend\n");
	cr_assert_eq(fake_count(w.dataplane.task), 0);
	expect(request_id(X1_DEACTIVATE_TASK, 7),
		"begin\nDeactivateTask a0 2020 00000000-0000-4000-8000-000000000007\nend\n");
	expect(request_id(X1_REMOVE_DESTINATION, 1),
		"begin\nRemoveDestination a0 completed\nend\n");
	cr_assert_eq(fake_count(w.dataplane.destination), 0);
}

Test(dispatch, destination_gives_up_what_no_task_uses)
{
	expect(request_delivery(X1_CREATE_DESTINATION, 1, X1_X2_AND_X3),
		"begin\nCreateDestination a0 completed\nend\n");
	expect(request_task(X1_ACTIVATE_TASK, 7), "begin\nActivateTask a0 completed\nend\n");
	expect(request_delivery(X1_MODIFY_DESTINATION, 1, X1_X2_ONLY),
		"begin\nModifyDestination a0 6001 deliveryType: tasks that use the destination "
		"would lose it\nend\n");
	expect(request_delivery(X1_MODIFY_DESTINATION, 1, X1_X3_ONLY),
		"begin\nModifyDestination a0 completed\nend\n");
	struct id16 one = id(1);
	cr_assert_eq(registry_destination_find(w.c.registry, 0, &one)->delivery, DELIVERY_X3);
}

Test(dispatch, answered_means_acknowledged_by_the_dataplane)
{
	provision();
	w.dataplane.hold = true;
	struct http_exchange *x = request_task(X1_ACTIVATE_TASK, 6);
	run(200);
	cr_assert(!x->responded);
	fake_release(&w.dataplane);
	expect(x, "begin\nActivateTask a0 completed\nend\n");
}

Test(dispatch, container_answers_each)
{
	struct x1_container *c;

	provision();
	c = container(3);
	c->messages[0].type = X1_ACTIVATE_TASK;
	c->messages[0].task = task(2);
	c->messages[1].type = X1_ACTIVATE_TASK;
	c->messages[1].task = task(7);
	expect(submit(c), "begin\nActivateTask a1 2010 00000000-0000-4000-8000-000000000007\nPing "
			  "a2 completed\n"
			  "ActivateTask a0 completed\nend\n");
}

Test(dispatch, dataplane_refuses)
{
	provision();
	w.dataplane.result = POI_ERR_NOMEM;
	expect(request_task(X1_ACTIVATE_TASK, 6),
		"begin\nActivateTask a0 3000 out of memory\nend\n");
	cr_assert_null(registry_task_find(w.c.registry, 0, &(struct id16){{0}}));
	cr_assert_eq(registry_task_count(w.c.registry, 0), 1);
}

// Memory runs out when it is published there: what was refused would come into force later.
Test(dispatch, a_refused_change_does_not_stay)
{
	struct id16 one = id(1), two = id(2), six = id(6), seven = id(7);

	provision();
	details_xml = "<new/>";
	w.dataplane.commit = POI_ERR_NOMEM;
	expect(request_task(X1_ACTIVATE_TASK, 6),
		"begin\nActivateTask a0 3000 out of memory\nend\n");
	expect(request_destination(X1_CREATE_DESTINATION, 2),
		"begin\nCreateDestination a0 6000 out of memory\nend\n");
	expect(request_task(X1_MODIFY_TASK, 7), "begin\nModifyTask a0 3001 out of memory\nend\n");
	expect(request_destination(X1_MODIFY_DESTINATION, 1),
		"begin\nModifyDestination a0 6001 out of memory\nend\n");
	run(50);
	cr_assert_null(fake_find(w.dataplane.task, &six));
	cr_assert_null(fake_find(w.dataplane.destination, &two));
	expect(request_id(X1_DEACTIVATE_TASK, 7),
		"begin\nDeactivateTask a0 4000 out of memory\nend\n");
	run(50);
	cr_assert_not_null(fake_find(w.dataplane.task, &seven));
	w.dataplane.commit = 0;
	cr_assert_not_null(fake_find(w.dataplane.destination, &one));
	// The dataplane's state equals this side's now.
	uint32_t puts = w.dataplane.puts, removes = w.dataplane.removes;
	fake_disconnect(&w.dataplane);
	run(20);
	run_until_ready();
	cr_assert_eq(w.dataplane.puts, puts);
	cr_assert_eq(w.dataplane.removes, removes);
}

// The task holds the destination until it is taken back behind it.
Test(dispatch, a_refused_destination_and_its_task_do_not_stay)
{
	struct x1_destination_details d = {.did = id(1),
		.delivery = X1_X3_ONLY,
		.address_kind = X1_ADDRESS_IP_PORT,
		.address = "192.0.2.50",
		.port = 42001,
		.xml = "<d/>",
		.xml_length = 4};
	struct x1_container *c = container(2);

	c->messages[0].type = X1_CREATE_DESTINATION;
	c->messages[0].destination = &d;
	c->messages[1].type = X1_ACTIVATE_TASK;
	c->messages[1].task = task(6);
	w.dataplane.commit = POI_ERR_NOMEM;
	expect(submit(c), "begin\nCreateDestination a0 6000 out of memory\n"
			  "ActivateTask a1 3000 out of memory\nend\n");
	run(50);
	w.dataplane.commit = 0;
	cr_assert_eq(fake_count(w.dataplane.task), 0);
	cr_assert_eq(fake_count(w.dataplane.destination), 0);
}

Test(dispatch, time1_acknowledged_then_reported)
{
	struct issue i;

	provision();
	w.dataplane.hold = true;
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 acknowledged\nend\n");
	struct id16 six = id(6), transaction = id(0xA0);
	const struct registry_task *t = registry_task_find(w.c.registry, 0, &six);
	cr_assert_not_null(t);
	cr_assert_eq(t->state, TASK_AWAITING);
	cr_assert_eq(t->pending, PENDING_ACTIVATE);
	while (issues_take(w.c.issues, &i))
		;
	fake_release(&w.dataplane);
	run(100);
	cr_assert_eq(t->state, TASK_COMPLETE);
	cr_assert_eq(t->pending, PENDING_NONE);
	cr_assert(issues_take(w.c.issues, &i));
	cr_assert_eq(i.type, ISSUE_DONE);
	cr_assert_eq(i.code, X1_STATUS_ACTIONED);
	cr_assert(id_equal(&i.transaction, &transaction));
}

Test(dispatch, queries_are_never_acknowledged)
{
	provision();
	w.dataplane.no_status = true;
	expect(request_id(X1_GET_TASK_DETAILS, 7),
		"begin\nGetTaskDetails a0 answer\ntask <t/> complete modifications=0\nend\n");
}

Test(dispatch, modify_that_fails_late_leaves_the_old_details)
{
	struct issue i;

	provision();
	w.dataplane.hold = true;
	expect(request_task(X1_MODIFY_TASK, 7), "begin\nModifyTask a0 acknowledged\nend\n");
	while (issues_take(w.c.issues, &i))
		;
	w.dataplane.result = POI_ERR_NOMEM;
	fake_release(&w.dataplane);
	run(100);
	struct id16 seven = id(7);
	cr_assert_eq(registry_task_find(w.c.registry, 0, &seven)->modifications, 0);
	cr_assert(issues_take(w.c.issues, &i));
	// FullyActionedAndUnsuccessful would mean that the task has ended (clause 6.5.2.2).
	cr_assert_eq(i.type, ISSUE_FAULT);
	cr_assert_eq(i.code, X1_ERR_MODIFY);
	cr_assert(strstr(i.text, "the earlier details are in force"), "%s", i.text);
	cr_assert(strstr(i.text, "0000000000a0 failed"), "%s", i.text);
	struct id16 one = id(1);
	cr_assert_eq(registry_destination_find(w.c.registry, 0, &one)->references, 1);
	w.dataplane.result = 0;
	expect(request_id(X1_GET_TASK_DETAILS, 7),
		"begin\nGetTaskDetails a0 answer\ntask <t/> complete x3=4711 modifications=0 "
		"fault=3001\nend\n");
	restart_control();
	while (issues_take(w.c.issues, &i))
		;
	cr_assert(fault_has(registry_task_find(w.c.registry, 0, &seven)->faults, FAULT_REQUEST),
		"it is listed until it is over");
	expect(request_task(X1_MODIFY_TASK, 7), "begin\nModifyTask a0 completed\nend\n");
	cr_assert(issues_take(w.c.issues, &i));
	cr_assert_eq(i.type, ISSUE_CLEAR);
	cr_assert_null(registry_task_find(w.c.registry, 0, &seven)->faults);
	restart_control();
	cr_assert_null(registry_task_find(w.c.registry, 0, &seven)->faults);
}

// A task reported as terminated is terminated, and the code is the most specific one.
Test(dispatch, a_late_failure_says_what_is_left)
{
	static const struct {
		enum x1_request_type type;
		uint8_t object;
		uint32_t code;
		enum issue_type end;
	} of[] = {
		{X1_CREATE_DESTINATION, 2, X1_ERR_DESTINATION, ISSUE_NOT_DONE},
		{X1_ACTIVATE_TASK, 6, X1_ERR_ACTIVATE, ISSUE_NOT_DONE},
		{X1_MODIFY_DESTINATION, 1, X1_ERR_DESTINATION_MODIFY, ISSUE_FAULT},
		{X1_DEACTIVATE_TASK, 7, X1_ERR_DEACTIVATE, ISSUE_FAULT},
		{X1_REMOVE_DESTINATION, 3, X1_ERR_DESTINATION_REMOVE, ISSUE_FAULT},
	};
	struct issue i;

	provision();
	expect(request_destination(X1_CREATE_DESTINATION, 3),
		"begin\nCreateDestination a0 completed\nend\n");
	for (size_t n = 0; n < sizeof(of) / sizeof(*of); n++) {
		char answer[80];

		w.dataplane.hold = true;
		snprintf(answer, sizeof(answer), "begin\n%s a0 acknowledged\nend\n",
			x1_request_name(of[n].type));
		expect(of[n].type == X1_ACTIVATE_TASK ? request_task(of[n].type, of[n].object)
			: of[n].type == X1_DEACTIVATE_TASK || of[n].type == X1_REMOVE_DESTINATION
				? request_id(of[n].type, of[n].object)
				: request_destination(of[n].type, of[n].object),
			answer);
		while (issues_take(w.c.issues, &i))
			;
		w.dataplane.result = POI_ERR_NOMEM;
		fake_release(&w.dataplane);
		run(100);
		w.dataplane.result = 0;
		struct id16 object = id(of[n].object), transaction = id(0xA0);
		bool task = of[n].type == X1_ACTIVATE_TASK || of[n].type == X1_DEACTIVATE_TASK;
		bool left = task ? registry_task_find(w.c.registry, 0, &object) != NULL
				 : registry_destination_find(w.c.registry, 0, &object) != NULL;
		cr_assert_eq(left, of[n].end == ISSUE_FAULT, "%s", answer);
		cr_assert(issues_take(w.c.issues, &i));
		cr_assert_eq(i.type, of[n].end, "%s", answer);
		cr_assert_eq(i.code, of[n].code, "%s", answer);
		cr_assert(id_equal(&i.transaction, &transaction));
		cr_assert_not(issues_take(w.c.issues, &i));
	}
}

// A fault of the old details comes between the new details and their acknowledgement.
Test(dispatch, a_fault_during_a_modification_keeps_the_new_details)
{
	struct channel_event e = {.ne = *registry_ne_id(w.c.registry, 0)};

	provision();
	run(50);
	w.dataplane.memos = 0; // of what the network element began with
	w.dataplane.hold = true;
	details_xml = "<new/>";
	struct http_exchange *x = request_destination(X1_MODIFY_DESTINATION, 1);
	struct http_exchange *y = request_task(X1_MODIFY_TASK, 7);
	run(50);
	cr_assert_eq(w.dataplane.n_held, 2);
	e.kind = EVENT_DESTINATION_DOWN;
	e.id = id(1);
	fake_event(&w.dataplane, &e);
	e.kind = EVENT_TASK_LOSS;
	e.id = id(7);
	fake_event(&w.dataplane, &e);
	run(50);
	cr_assert_eq(w.dataplane.memos, 0, "the old details after the new ones");
	fake_release(&w.dataplane);
	expect(x, "begin\nModifyDestination a0 completed\nend\n");
	expect(y, "begin\nModifyTask a0 completed\nend\n");
	run(50);
	restart_control();
	expect(request_id(X1_GET_DESTINATION_DETAILS, 1),
		"begin\nGetDestinationDetails a0 answer\ndestination <new/> fault\nend\n");
	expect(request_id(X1_GET_TASK_DETAILS, 7),
		"begin\nGetTaskDetails a0 answer\ntask <new/> complete x3=4711 modifications=1 "
		"fault=9020\nend\n");
}

// A restarted control does not find a modification that was pending and then failed.
Test(dispatch, a_modification_that_failed_late_is_not_adopted)
{
	provision();
	w.dataplane.hold = true;
	details_xml = "<new/>";
	expect(request_task(X1_MODIFY_TASK, 7), "begin\nModifyTask a0 acknowledged\nend\n");
	w.dataplane.result = POI_ERR_NOMEM;
	fake_release(&w.dataplane);
	run(100);
	w.dataplane.result = 0;
	restart_control();
	expect(request_id(X1_GET_TASK_DETAILS, 7),
		"begin\nGetTaskDetails a0 answer\ntask <t/> "
		"complete x3=4711 modifications=0 fault=3001\nend\n");
}

Test(dispatch, dataplane_dead)
{
	provision();
	fake_stop(&w.dataplane);
	run(50);
	cr_assert_eq(publish_state(w.c.publish), PUBLISH_DOWN);
	expect(request_task(X1_ACTIVATE_TASK, 6),
		"begin\nActivateTask a0 3000 the dataplane is not available\nend\n");
	expect(request_task(X1_MODIFY_TASK, 7),
		"begin\nModifyTask a0 3001 the dataplane is not available\nend\n");
	expect(request(X1_GET_NE_STATUS), "begin\nGetNEStatus a0 answer\nstatus 1\nend\n");
	expect(request_id(X1_DEACTIVATE_TASK, 7), "begin\nDeactivateTask a0 completed\nend\n");
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 0);
	cr_assert_eq(fake_count(w.dataplane.destination), 1);
	expect(request(X1_GET_NE_STATUS), "begin\nGetNEStatus a0 answer\nstatus 0\nend\n");
}

Test(dispatch, dataplane_dies_under_a_request)
{
	provision();
	w.dataplane.silent = true;
	struct http_exchange *x = request_task(X1_ACTIVATE_TASK, 6);
	run(100);
	cr_assert(!x->responded);
	fake_stop(&w.dataplane);
	expect(x, "begin\nActivateTask a0 3000 the dataplane is not available\nend\n");
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 1, "the old task, not the refused one");
}

Test(dispatch, acknowledged_survives_the_dataplane)
{
	struct issue i = {0};

	provision();
	w.dataplane.silent = true;
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 acknowledged\nend\n");
	fake_stop(&w.dataplane);
	run(50);
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 2);
	while (issues_take(w.c.issues, &i) && i.type != ISSUE_DONE)
		;
	cr_assert_eq(i.type, ISSUE_DONE);
}

Test(dispatch, deactivate_all)
{
	provision();
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 completed\nend\n");
	expect(request(X1_DEACTIVATE_ALL_TASKS), "begin\nDeactivateAllTasks a0 completed\nend\n");
	cr_assert_eq(fake_count(w.dataplane.task), 0);
	expect(request(X1_DEACTIVATE_ALL_TASKS), "begin\nDeactivateAllTasks a0 completed\nend\n");
	expect(request(X1_REMOVE_ALL_DESTINATIONS),
		"begin\nRemoveAllDestinations a0 completed\nend\n");
	w.config.nes[0].x1.deactivate_all_tasks = false;
	w.config.nes[0].x1.remove_all_destinations = false;
	expect(request(X1_DEACTIVATE_ALL_TASKS),
		"begin\nDeactivateAllTasks a0 5010 DeactivateAllTasks message is not "
		"enabled\nend\n");
	expect(request(X1_REMOVE_ALL_DESTINATIONS),
		"begin\nRemoveAllDestinations a0 8020 RemoveAllDestinations request is not "
		"enabled\nend\n");
}

Test(dispatch, audit_that_cannot_be_written)
{
	provision();
	// A folder in the file's place: it cannot be opened, even by root.
	cr_assert_eq(unlink(w.audit), 0);
	cr_assert_eq(mkdir(w.audit, 0700), 0);
	audit_reopen(w.c.audit);
	expect(request_task(X1_ACTIVATE_TASK, 6),
		"begin\nActivateTask a0 3000 the audit log cannot be written\nend\n");
	expect(request_task(X1_MODIFY_TASK, 7),
		"begin\nModifyTask a0 3001 the audit log cannot be written\nend\n");
	expect(request_destination(X1_CREATE_DESTINATION, 2),
		"begin\nCreateDestination a0 6000 the audit log cannot be written\nend\n");
	expect(request_id(X1_DEACTIVATE_TASK, 7), "begin\nDeactivateTask a0 completed\nend\n");
	cr_assert(fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_AUDIT));
	cr_assert_eq(rmdir(w.audit), 0);
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 completed\nend\n");
	cr_assert(!fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_AUDIT));
}

Test(dispatch, heard_is_limited)
{
	uint32_t before = w.dataplane.heards;
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (unsigned i = 0; i < 10; i++)
		expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	run(50);
	clock_gettime(CLOCK_MONOTONIC, &to);
	int64_t ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	cr_assert_gt(w.dataplane.heards, before);
	cr_assert_leq(w.dataplane.heards, before + 1 + ms / 200);
}

Test(dispatch, stranger_does_not_move_the_fail_safe)
{
	struct x1_container *c = container(1);

	c->messages[0].admf_identifier = "other";
	expect(submit(c), "begin\nPing a0 1030 \nend\n");
	run(50);
	cr_assert_eq(w.dataplane.heards, 0);
}

Test(dispatch, a_list_of_faults_is_not_cut)
{
	provision();
	for (unsigned i = 0; i < 40; i++)
		fault_raise_ne(&w.c, 0, (enum fault_kind)(FAULT_LINK + i), "down");
	expect(request(X1_GET_NE_STATUS), "begin\nGetNEStatus a0 answer\nstatus 40\nend\n");
}

Test(dispatch, a_task_that_the_dataplane_refused_has_failed)
{
	provision();
	fake_stop(&w.dataplane);
	run(50);
	fake_start(&w.dataplane, w.c.base, w.folder);
	w.dataplane.commit = POI_ERR_NOMEM;
	run_until_ready();
	run(50);
	w.dataplane.no_status = true;
	expect(request_id(X1_GET_TASK_DETAILS, 7), "begin\nGetTaskDetails a0 answer\ntask <t/> "
						   "failed modifications=0 fault=9020\nend\n");
}
