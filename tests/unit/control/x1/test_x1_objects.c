// Generic objects and destination sets: requests of X1 from V1.9 on, and what the dataplane is
// given.
#include "tests/unit/control/x1/objects_world.h"

Test(x1_objects, come_and_go, .init = setup, .fini = teardown)
{
	DONE(request_object(X1_CREATE_OBJECT, context(7)), "CreateObject");
	cr_assert_eq(fake_count(w.dataplane.object), 1);
	expect(request_object(X1_CREATE_OBJECT, context(7)),
		"begin\nCreateObject a0 2050 00000000-0000-4000-8000-000000000007\nend\n");
	expect(request_later(X1_GET_OBJECT, 7), "begin\nGetObject a0 answer\nobject <h/>\nend\n");
	expect(request_later(X1_GET_OBJECT, 6),
		"begin\nGetObject a0 2060 00000000-0000-4000-8000-000000000006\nend\n");
	expect(request_object(X1_MODIFY_OBJECT, context(6)),
		"begin\nModifyObject a0 2060 00000000-0000-4000-8000-000000000006\nend\n");
	struct x1_object_details *o = context(7);
	o->xml = "<new/>";
	o->xml_length = 6;
	DONE(request_object(X1_MODIFY_OBJECT, o), "ModifyObject");
	expect(request_later(X1_GET_OBJECT, 7), "begin\nGetObject a0 answer\nobject <new/>\nend\n");
	DONE(request_later(X1_DELETE_OBJECT, 7), "DeleteObject");
	cr_assert_eq(fake_count(w.dataplane.object), 0);
	expect(request_later(X1_DELETE_OBJECT, 7),
		"begin\nDeleteObject a0 2060 00000000-0000-4000-8000-000000000007\nend\n");
}

Test(x1_objects, requesters_of_earlier_minors_see_nothing, .init = setup, .fini = teardown)
{
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, context(7)), "CreateObject");
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\1\2")), "CreateObject");
	DONE(request_destination(X1_CREATE_DESTINATION, 5), "CreateDestination");
	version = "v1.8.1";
	expect(request_object(X1_CREATE_OBJECT, NULL),
		"begin\nCreateObject a0 1000 generic objects are not supported\nend\n");
	expect(request_later(X1_GET_OBJECT, 7),
		"begin\nGetObject a0 1000 generic objects are not supported\nend\n");
	expect(request_later(X1_DELETE_ALL_OBJECTS, 0),
		"begin\nDeleteAllObjects a0 1000 generic objects are not supported\nend\n");
	const char *ids =
		"begin\nListAllDetails a0 answer\nListOfXIDs\nListOfDIDs\ndId 01\ndId 02\n"
		"dId 03\ndId 04\ndId 05\n";
	char body[512];
	snprintf(body, sizeof(body), "%send\n", ids);
	expect(request_later(X1_LIST_ALL_DETAILS, 0), body);
	version = "v1.9.1";
	snprintf(body, sizeof(body), "%sListOfGenericObjectIDs\nobjectId 07\nobjectId 06\nend\n",
		ids);
	expect(request_later(X1_LIST_ALL_DETAILS, 0), body);
	// A set is no destination of X1.
	expect(request_later(X1_GET_DESTINATION_DETAILS, 6),
		"begin\nGetDestinationDetails a0 2040 00000000-0000-4000-8000-000000000006\nend\n");
	expect(request_later(X1_REMOVE_DESTINATION, 6),
		"begin\nRemoveDestination a0 2040 00000000-0000-4000-8000-000000000006\nend\n");
	expect(request_destination(X1_MODIFY_DESTINATION, 6),
		"begin\nModifyDestination a0 2040 00000000-0000-4000-8000-000000000006\nend\n");
}

Test(x1_objects, lists_are_of_the_type_asked_for, .init = setup, .fini = teardown)
{
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, context(7)), "CreateObject");
	DONE(request_object(X1_CREATE_OBJECT, set(6, true, "\1\2")), "CreateObject");
	static const struct {
		enum x1_request_type type;
		const char *wanted, *answer;
	} of[] = {
		{X1_LIST_OBJECTS_OF_TYPE,
			"Q{http://uri.etsi.org/03221/X1/2017/10/HashedID}HashContext",
			"begin\nListObjectsOfType a0 answer\nlistOfObjects\nobjectId 07\nend\n"},
		{X1_LIST_OBJECTS_OF_TYPE, "Q{exampleGenericObject}FooObject",
			"begin\nListObjectsOfType a0 answer\nlistOfObjects\nend\n"},
		{X1_GET_ALL_GENERIC_OBJECT_DETAILS, NULL,
			"begin\nGetAllGenericObjectDetails a0 answer\n"
			"listOfGenericObjectResponseDetails\nobject <h/>\nobject <s/>\nend\n"},
		{X1_GET_ALL_GENERIC_OBJECT_DETAILS,
			"Q{http://uri.etsi.org/03221/X1/2017/10/DestinationSet}"
			"DestinationSetDetails",
			"begin\nGetAllGenericObjectDetails a0 answer\n"
			"listOfGenericObjectResponseDetails\nobject <s/>\nend\n"},
	};
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct x1_container *c = container(1);
		c->messages[0].type = of[i].type;
		c->messages[0].version = version;
		c->messages[0].object_type = of[i].wanted;
		expect(submit(c), of[i].answer);
	}
}

Test(x1_objects, what_cannot_be_honoured_is_refused_by_name, .init = setup, .fini = teardown)
{
	destinations();
	DONE(request_delivery(X1_CREATE_DESTINATION, 5, X1_X2_AND_X3), "CreateDestination");
	struct x1_object_details foo = {
		.id = id(6), .type_name = "Q{exampleGenericObject}FooObject"};
	expect(request_object(X1_CREATE_OBJECT, &foo),
		"begin\nCreateObject a0 1080 generic objects of type "
		"Q{exampleGenericObject}FooObject are not supported\nend\n");
	expect(request_object(X1_CREATE_OBJECT, set(6, false, "\1\11")),
		"begin\nCreateObject a0 2040 00000000-0000-4000-8000-000000000009\nend\n");
	expect(request_object(X1_CREATE_OBJECT, set(6, false, "\1\5")),
		"begin\nCreateObject a0 1000 the destinations of a Redundant set must have the "
		"same deliveryType\nend\n");
	expect(request_object(X1_CREATE_OBJECT, set(6, true, "\1\1")),
		"begin\nCreateObject a0 1000 listOfAssociatedDIDs: a destination is named "
		"twice\nend\n");
	expect(request_object(X1_CREATE_OBJECT, set(6, true, "")),
		"begin\nCreateObject a0 1000 listOfAssociatedDIDs: a set of no destination\nend\n");
	expect(request_object(X1_CREATE_OBJECT, set(6, false, "\1\2\3\1\2\3\1\2\3")),
		"begin\nCreateObject a0 1000 listOfAssociatedDIDs: a Redundant set of more than 8 "
		"destinations is not supported\nend\n");
	struct x1_object_details *o = set(6, false, "\1\2");
	o->n_extensions = 1;
	expect(request_object(X1_CREATE_OBJECT, o),
		"begin\nCreateObject a0 1000 destinationSetDetailsExtension is not "
		"supported\nend\n");
	// One space of identifiers.
	expect(request_object(X1_CREATE_OBJECT, context(1)),
		"begin\nCreateObject a0 2050 00000000-0000-4000-8000-000000000001 is the "
		"identifier of a destination\nend\n");
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\1\2")), "CreateObject");
	DONE(request_object(X1_CREATE_OBJECT, context(7)), "CreateObject");
	expect(request_destination(X1_CREATE_DESTINATION, 7),
		"begin\nCreateDestination a0 2030 a generic object has this identifier\nend\n");
	expect(request_object(X1_MODIFY_OBJECT, set(6, true, "\1\2")),
		"begin\nModifyObject a0 1000 destinationSetType cannot be modified\nend\n");
	expect(request_object(X1_MODIFY_OBJECT, context(6)),
		"begin\nModifyObject a0 1000 the type of an object cannot be modified\nend\n");
	expect(request_set_task(X1_ACTIVATE_TASK, 8, 7, 0),
		"begin\nActivateTask a0 3000 dSId 00000000-0000-4000-8000-000000000007: the object "
		"is no destination set\nend\n");
	expect(request_set_task(X1_ACTIVATE_TASK, 8, 9, 0),
		"begin\nActivateTask a0 2060 00000000-0000-4000-8000-000000000009\nend\n");
	expect(request_set_task(X1_ACTIVATE_TASK, 8, 6, 6),
		"begin\nActivateTask a0 2040 00000000-0000-4000-8000-000000000006\nend\n");
}

Test(x1_objects, a_duplicate_set_stands_for_its_members, .init = setup, .fini = teardown)
{
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(6, true, "\1\2")), "CreateObject");
	cr_assert_eq(fake_count(w.dataplane.destination), 4, "it is no destination");
	DONE(request_set_task(X1_ACTIVATE_TASK, 8, 6, 2), "ActivateTask");
	goes_to(8, "\2\1");
	DONE(request_set_task(X1_ACTIVATE_TASK, 9, 6, 0), "ActivateTask");
	goes_to(9, "\1\2");
	DONE(request_object(X1_MODIFY_OBJECT, set(6, true, "\3\4")), "ModifyObject");
	goes_to(8, "\2\3\4");
	goes_to(9, "\3\4");
	// A former member that is not named otherwise can go.
	DONE(request_id(X1_REMOVE_DESTINATION, 1), "RemoveDestination");
	expect(request_id(X1_REMOVE_DESTINATION, 3),
		"begin\nRemoveDestination a0 7010 set 00000000-0000-4000-8000-000000000006 "
		"00000000-0000-4000-8000-000000000008 00000000-0000-4000-8000-000000000009\nend\n");
	expect(request_later(X1_DELETE_OBJECT, 6),
		"begin\nDeleteObject a0 1000 in use by 2 tasks: "
		"00000000-0000-4000-8000-000000000008 00000000-0000-4000-8000-000000000009\nend\n");
	expect(request_later(X1_DELETE_ALL_OBJECTS, 0),
		"begin\nDeleteAllObjects a0 1000 in use by 2 tasks: "
		"00000000-0000-4000-8000-000000000008 00000000-0000-4000-8000-000000000009\nend\n");
	DONE(request_id(X1_DEACTIVATE_TASK, 8), "DeactivateTask");
	DONE(request_task(X1_DEACTIVATE_ALL_TASKS, 0), "DeactivateAllTasks");
	DONE(request_later(X1_DELETE_OBJECT, 6), "DeleteObject");
	DONE(request_id(X1_REMOVE_DESTINATION, 3), "RemoveDestination");
}

Test(x1_objects, a_set_that_its_tasks_cannot_follow_stays, .init = setup, .fini = teardown)
{
	destinations();
	DONE(request_delivery(X1_CREATE_DESTINATION, 5, X1_X2_ONLY), "CreateDestination");
	DONE(request_object(X1_CREATE_OBJECT, set(6, true, "\1\2")), "CreateObject");
	DONE(request_set_task(X1_ACTIVATE_TASK, 8, 6, 0), "ActivateTask");
	expect(request_object(X1_MODIFY_OBJECT, set(6, true, "\5")),
		"begin\nModifyObject a0 1000 task 00000000-0000-4000-8000-000000000008, which "
		"names "
		"the set, would have no destination for a part of its deliveryType\nend\n");
	// The dataplane refuses a task: all is as it was.
	w.dataplane.result = POI_ERR_NOMEM;
	expect(request_object(X1_MODIFY_OBJECT, set(6, true, "\3")),
		"begin\nModifyObject a0 1000 out of memory\nend\n");
	w.dataplane.result = 0;
	run(50);
	goes_to(8, "\1\2");
	DONE(request_object(X1_MODIFY_OBJECT, set(6, true, "\3")), "ModifyObject");
	goes_to(8, "\3");
}

Test(x1_objects, a_redundant_set_is_one_destination_with_ends, .init = setup, .fini = teardown)
{
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\2\1")), "CreateObject");
	has_ends(6, "\2\1");
	struct channel_destination d = put_set(6);
	cr_assert_neq(d.creation, 0);
	cr_assert_eq(d.delivery, DELIVERY_X3);
	cr_assert_eq(d.end[0].port, 42001);
	cr_assert_eq(d.end[0].address.family, 4);
	DONE(request_set_task(X1_ACTIVATE_TASK, 8, 6, 0), "ActivateTask");
	goes_to(8, "\6");
	DONE(request_object(X1_MODIFY_OBJECT, set(6, false, "\1\3")), "ModifyObject");
	has_ends(6, "\1\3");
	cr_assert_eq(put_set(6).creation, d.creation, "what outlives a process is its own still");
	goes_to(8, "\6");
	DONE(request_id(X1_REMOVE_DESTINATION, 2), "RemoveDestination");
	expect(request_id(X1_REMOVE_DESTINATION, 1),
		"begin\nRemoveDestination a0 7010 set 00000000-0000-4000-8000-000000000006\nend\n");
	expect(request_later(X1_REMOVE_ALL_DESTINATIONS, 0),
		"begin\nRemoveAllDestinations a0 8010 00000000-0000-4000-8000-000000000001 is used "
		"by set 00000000-0000-4000-8000-000000000006; "
		"00000000-0000-4000-8000-000000000003 is used by set "
		"00000000-0000-4000-8000-000000000006\nend\n");
	expect(request_delivery(X1_MODIFY_DESTINATION, 1, X1_X2_AND_X3),
		"begin\nModifyDestination a0 6001 deliveryType: the destinations of a Redundant "
		"set must have the same\nend\n");
	DONE(request_id(X1_DEACTIVATE_TASK, 8), "DeactivateTask");
	w.dataplane.draining = true;
	struct http_exchange *x = request_later(X1_DELETE_OBJECT, 6);
	run(50);
	cr_assert(!x->responded, "what is owed to it goes out first");
	fake_drained(&w.dataplane, 0);
	DONE(x, "DeleteObject");
	cr_assert_eq(fake_count(w.dataplane.object), 0);
	cr_assert_eq(fake_count(w.dataplane.destination), 3);
	DONE(request_id(X1_REMOVE_DESTINATION, 1), "RemoveDestination");
}

Test(x1_objects, a_set_follows_its_member, .init = setup, .fini = teardown)
{
	static const struct x1_destination_details moved = {
		.delivery = X1_X3_ONLY,
		.address_kind = X1_ADDRESS_URI,
		.address = "tls://mdf.example.org:7",
		.xml = "<d/>",
		.xml_length = 4,
	};
	struct x1_destination_details d = moved;

	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\2\1")), "CreateObject");
	struct x1_container *c = container(1);
	d.did = id(1);
	c->messages[0].type = X1_MODIFY_DESTINATION;
	c->messages[0].destination = &d;
	DONE(submit(c), "ModifyDestination");
	struct channel_destination now = put_set(6);
	cr_assert_eq(now.n_ends, 2);
	cr_assert_str_eq(now.end[0].host, "");
	cr_assert_str_eq(now.end[1].host, "mdf.example.org");
	cr_assert_eq(now.end[1].port, 7);
}

Test(x1_objects, one_container_creates_and_names, .init = setup, .fini = teardown)
{
	static struct x1_destination_details d[2];
	static struct id16 dsid;
	struct x1_container *c = container(4);
	struct x1_task_details *t = (struct x1_task_details *)task(8);

	for (uint8_t i = 0; i < 2; i++) {
		d[i] = (struct x1_destination_details){.did = id((uint8_t)(i + 1)),
			.delivery = X1_X3_ONLY,
			.address_kind = X1_ADDRESS_IP_PORT,
			.address = "192.0.2.50",
			.port = 42001,
			.xml = "<d/>",
			.xml_length = 4};
		c->messages[i].type = X1_CREATE_DESTINATION;
		c->messages[i].destination = &d[i];
	}
	c->messages[2].type = X1_CREATE_OBJECT;
	c->messages[2].object = set(6, false, "\1\2");
	dsid = id(6);
	t->n_dids = 0;
	t->n_dsids = 1;
	t->dsids = &dsid;
	c->messages[3].type = X1_ACTIVATE_TASK;
	c->messages[3].task = t;
	for (unsigned i = 0; i < 4; i++)
		c->messages[i].version = version;
	expect(submit(c), "begin\nCreateDestination a0 completed\nCreateDestination a1 completed\n"
			  "CreateObject a2 completed\nActivateTask a3 completed\nend\n");
	has_ends(6, "\1\2");
	goes_to(8, "\6");
}

Test(x1_objects, a_member_has_a_fault_of_its_own_as_an_end, .init = setup, .fini = teardown)
{
	struct channel_event e = {
		.kind = EVENT_END_DOWN, .ne = id_of_ne("ne-1"), .id = id(6), .end = id(1)};

	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\2\1")), "CreateObject");
	DONE(request_object(X1_CREATE_OBJECT, set(5, false, "\1\3")), "CreateObject");
	snprintf(e.text, sizeof(e.text), "connection refused");
	fake_event(&w.dataplane, &e);
	run(50);
	cr_assert(told(1, ISSUE_FAULT,
		"not reachable as an end of set 00000000-0000-4000-8000-000000000006: connection "
		"refused"));
	expect(request_id(X1_GET_DESTINATION_DETAILS, 1),
		"begin\nGetDestinationDetails a0 answer\ndestination <d/> fault\nend\n");
	// Its own connection, and another set, go and come by themselves.
	struct channel_event own = {
		.kind = EVENT_DESTINATION_DOWN, .ne = e.ne, .id = id(1), .text = "gone"};
	fake_event(&w.dataplane, &own);
	e.id = id(5);
	fake_event(&w.dataplane, &e);
	own.kind = EVENT_DESTINATION_UP;
	fake_event(&w.dataplane, &own);
	run(50);
	cr_assert(told(1, ISSUE_CLEAR, "gone"));
	struct id16 one = id(1);
	const struct registry_destination *d = registry_destination_find(w.c.registry, 0, &one);
	cr_assert(fault_has(d->faults, FAULT_END));
	restart_control(); // which set it is, is known still
	e.kind = EVENT_END_UP;
	snprintf(e.text, sizeof(e.text), "delivering again");
	fake_event(&w.dataplane, &e);
	run(50);
	cr_assert(!told(1, ISSUE_CLEAR, "delivering again"), "the other set has it down");
	e.id = id(6);
	fake_event(&w.dataplane, &e);
	run(50);
	cr_assert(told(1, ISSUE_CLEAR, "delivering again"));
	expect(request_id(X1_GET_DESTINATION_DETAILS, 1),
		"begin\nGetDestinationDetails a0 answer\ndestination <d/>\nend\n");
	// A fault ends with what made it one.
	e.kind = EVENT_END_DOWN;
	fake_event(&w.dataplane, &e);
	run(50);
	cr_assert(told(1, ISSUE_FAULT, "end of set"));
	DONE(request_object(X1_MODIFY_OBJECT, set(6, false, "\2\4")), "ModifyObject");
	cr_assert(told(1, ISSUE_CLEAR, "any more"));
}

Test(x1_objects, nothing_is_left_of_what_was_refused, .init = setup, .fini = teardown)
{
	destinations();
	w.dataplane.commit = POI_ERR_NOMEM;
	expect(request_object(X1_CREATE_OBJECT, set(6, false, "\2\1")),
		"begin\nCreateObject a0 1000 out of memory\nend\n");
	w.dataplane.commit = 0;
	run(50);
	cr_assert_eq(fake_count(w.dataplane.object), 0);
	cr_assert_eq(fake_count(w.dataplane.destination), 4);
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\2\1")), "CreateObject");
	has_ends(6, "\2\1");
}

Test(x1_objects, all_are_deleted_at_once, .init = setup, .fini = teardown)
{
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, context(7)), "CreateObject");
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\2\1")), "CreateObject");
	DONE(request_object(X1_CREATE_OBJECT, set(5, true, "\2\1")), "CreateObject");
	DONE(request_later(X1_DELETE_ALL_OBJECTS, 0), "DeleteAllObjects");
	cr_assert_eq(fake_count(w.dataplane.object), 0);
	cr_assert_eq(fake_count(w.dataplane.destination), 4);
	DONE(request_later(X1_REMOVE_ALL_DESTINATIONS, 0), "RemoveAllDestinations");
}

// Both requests are on their way: what the set is about to become is in use already.
static void removed_while_it_joins(bool duplicate)
{
	struct http_exchange *removal;

	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(6, duplicate, "\1")), "CreateObject");
	w.dataplane.hold = true;
	struct http_exchange *change = request_object(X1_MODIFY_OBJECT, set(6, duplicate, "\1\3"));
	removal = request_id(X1_REMOVE_DESTINATION, 3);
	run(50);
	w.dataplane.hold = false;
	fake_release(&w.dataplane);
	DONE(change, "ModifyObject");
	run(50);
	cr_assert(removal->responded);
	cr_expect(strstr(removal->body, "7010"), "%s", removal->body);
}

Test(x1_objects, a_redundant_set_keeps_who_joins_it, .init = setup, .fini = teardown)
{
	removed_while_it_joins(false);
	cr_expect_eq(put_set(6).n_ends, 2);
}

Test(x1_objects, a_duplicate_set_keeps_who_joins_it, .init = setup, .fini = teardown)
{
	removed_while_it_joins(true);
	DONE(request_set_task(X1_ACTIVATE_TASK, 8, 6, 0), "ActivateTask");
	cr_expect_eq(put_task(8).n_destinations, 2);
}

Test(x1_objects, who_joins_a_redundant_set_keeps_its_delivery, .init = setup, .fini = teardown)
{
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\1")), "CreateObject");
	DONE(request_set_task(X1_ACTIVATE_TASK, 8, 6, 0), "ActivateTask");
	w.dataplane.hold = true;
	struct http_exchange *change = request_object(X1_MODIFY_OBJECT, set(6, false, "\1\3"));
	struct http_exchange *other = request_delivery(X1_MODIFY_DESTINATION, 3, X1_X2_ONLY);
	run(50);
	w.dataplane.hold = false;
	fake_release(&w.dataplane);
	DONE(change, "ModifyObject");
	run(50);
	cr_assert(other->responded);
	cr_expect(strstr(other->body, "6001"), "%s", other->body);
	cr_expect_eq(put_set(6).delivery & put_task(8).delivery, put_task(8).delivery);
}

Test(x1_objects, who_did_not_join_can_leave, .init = setup, .fini = teardown)
{
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\1")), "CreateObject");
	w.dataplane.result = POI_ERR_NOMEM;
	struct http_exchange *change = request_object(X1_MODIFY_OBJECT, set(6, false, "\1\3"));
	run(100);
	expect(change, "begin\nModifyObject a0 1000 out of memory\nend\n");
	w.dataplane.result = 0;
	DONE(request_id(X1_REMOVE_DESTINATION, 3), "RemoveDestination");
	DONE(request_object(X1_MODIFY_OBJECT, set(6, false, "\1\2")), "ModifyObject");
	cr_expect_eq(put_set(6).n_ends, 2);
}

// Requests of one container are executed in their order, whatever takes long.
Test(x1_objects, one_container_deletes_a_set_and_its_members, .init = setup, .fini = teardown)
{
	struct x1_container *c = container(3);

	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\1\2")), "CreateObject");
	w.dataplane.draining = true;
	c->messages[0].type = X1_DELETE_OBJECT;
	c->messages[1].type = c->messages[2].type = X1_REMOVE_DESTINATION;
	for (uint8_t i = 0; i < 3; i++) {
		c->messages[i].version = version;
		c->messages[i].id = id(i ? i : 6);
		c->messages[i].has_id = true;
	}
	struct http_exchange *x = submit(c);
	run(50);
	cr_assert(!x->responded);
	w.dataplane.draining = false;
	fake_drained(&w.dataplane, 0);
	expect(x, "begin\nDeleteObject a0 completed\nRemoveDestination a1 completed\n"
		  "RemoveDestination a2 completed\nend\n");
	cr_assert_eq(fake_count(w.dataplane.destination), 2);
}

static struct http_exchange *move_member(uint8_t n)
{
	static struct x1_destination_details d;
	struct x1_container *c = container(1);

	d = (struct x1_destination_details){.did = id(n),
		.delivery = X1_X3_ONLY,
		.address_kind = X1_ADDRESS_URI,
		.address = "tls://mdf.example.org:7",
		.xml = "<d/>",
		.xml_length = 4};
	c->messages[0].type = X1_MODIFY_DESTINATION;
	c->messages[0].destination = &d;
	return submit(c);
}

// Two sets have the member; one of them cannot follow: the member and the other set go back with
// it.
Test(x1_objects, a_member_stays_where_one_of_its_sets_stays, .init = setup, .fini = teardown)
{
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(5, false, "\1\3")), "CreateObject");
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\2\1")), "CreateObject");
	struct channel_destination was = put_set(1);
	w.dataplane.refuses = 6;
	expect(move_member(1), "begin\nModifyDestination a0 6001 out of memory\nend\n");
	run(50);
	cr_expect_eq(put_set(1).port, was.port);
	cr_expect_str_eq(put_set(1).host, "");
	cr_expect_eq(put_set(5).end[0].port, was.port);
	cr_expect_str_eq(put_set(5).end[0].host, "");
	cr_expect_str_eq(put_set(6).end[1].host, "");
	w.dataplane.refuses = 0;
	DONE(move_member(1), "ModifyDestination");
	cr_expect_str_eq(put_set(1).host, "mdf.example.org");
	cr_expect_str_eq(put_set(5).end[0].host, "mdf.example.org");
	cr_expect_str_eq(put_set(6).end[1].host, "mdf.example.org");
}

// The first task has the new members when the second is refused them. A request that takes the set
// from the first meanwhile is done behind that, and where it is refused the task has what it had
// before both.
Test(x1_objects, a_refused_plan_is_answered_when_all_is_as_it_was, .init = setup, .fini = teardown)
{
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(5, true, "\1\2")), "CreateObject");
	DONE(request_set_task(X1_ACTIVATE_TASK, 6, 5, 0), "ActivateTask");
	DONE(request_set_task(X1_ACTIVATE_TASK, 7, 5, 0), "ActivateTask");
	w.dataplane.refuses = 7;
	struct http_exchange *change = request_object(X1_MODIFY_OBJECT, set(5, true, "\3"));
	struct http_exchange *other = request_task(X1_MODIFY_TASK, 6);
	for (unsigned i = 0; i < 3000 && !change->responded; i++)
		run(0);
	cr_assert(!other->responded);
	w.dataplane.refuses = 6;
	expect(change, "begin\nModifyObject a0 1000 out of memory\nend\n");
	expect(other, "begin\nModifyTask a0 3001 out of memory\nend\n");
	w.dataplane.refuses = 0;
	goes_to(6, "\1\2");
	goes_to(7, "\1\2");
}

// Elements that came later than the requester's minor are replaced, all others stay.
Test(x1_objects, tasks_of_later_minors_are_told_in_the_words_of_earlier_ones, .init = setup,
	.fini = teardown)
{
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\2\1\3")), "CreateObject");
	details_xml = "<x1:taskDetails><x1:targetIdentifiers><x1:targetIdentifier>"
		      "<x1:hashedIdentifier><x1:hashDigest>77</x1:hashDigest></x1:hashedIdentifier>"
		      "</x1:targetIdentifier></x1:targetIdentifiers><x1:listOfDIDs><x1:dId>"
		      "00000000-0000-4000-8000-000000000001</x1:dId><x1:dSId>"
		      "00000000-0000-4000-8000-000000000006</x1:dSId></x1:listOfDIDs>"
		      "<x1:listOfServiceTypes/></x1:taskDetails>";
	DONE(request_set_task(X1_ACTIVATE_TASK, 7, 6, 1), "ActivateTask");
	struct http_exchange *x = request_later(X1_GET_TASK_DETAILS, 7);
	run(50);
	cr_assert(x->responded);
	cr_expect(strstr(x->body, details_xml), "%s", x->body);
	free(x);
	version = "v1.8.1";
	for (unsigned i = 0; i < 2; i++) {
		x = i ? request_later(X1_GET_ALL_TASK_DETAILS, 0)
		      : request_later(X1_GET_TASK_DETAILS, 7);
		run(50);
		cr_assert(x->responded);
		cr_expect(strstr(x->body,
				  "task <x1:taskDetails><x1:targetIdentifiers><x1:targetIdentifier>"
				  "<x1:targetIdentifierExtension><x1:Owner>poi: hashedIdentifier"
				  "</x1:Owner></x1:targetIdentifierExtension>"
				  "</x1:targetIdentifier></x1:targetIdentifiers><x1:listOfDIDs>"
				  "<x1:dId>00000000-0000-4000-8000-000000000001</x1:dId>"
				  "<x1:dId>00000000-0000-4000-8000-000000000002</x1:dId>"
				  "<x1:dId>00000000-0000-4000-8000-000000000003</x1:dId>"
				  "</x1:listOfDIDs></x1:taskDetails> "),
			"%s", x->body);
		free(x);
	}
	version = "v1.13.1";
	details_xml = NULL;
}
