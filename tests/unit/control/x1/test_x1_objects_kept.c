// Generic objects and destination sets over restarts of either process, and from the store.
#include "tests/unit/control/x1/objects_world.h"

Test(x1_objects_kept, a_set_follows_a_member_that_was_changed_before_a_kill, .init = setup,
	.fini = teardown)
{
	uint8_t out[8192];

	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\2\1")), "CreateObject");
	struct channel_destination d = put_set(6);
	struct id16 did = id(6);
	struct fake_object *o = fake_find(w.dataplane.destination, &did);
	d.end[1].port = 9;
	int n = channel_encode_destination(out, sizeof(out), CHANNEL_DESTINATION_PUT, 0, &d);
	cr_assert_eq((size_t)n - 8, o->length);
	memcpy(o->body, out + 8, o->length);
	restart_control();
	run(50);
	cr_assert_eq(put_set(6).end[1].port, 42001);
	cr_assert_eq(put_set(6).creation, d.creation);
}

// Takes what the dataplane holds under this identifier away, as if it had never come there.
static void lose(struct fake_object *list, uint8_t n)
{
	struct id16 key = id(n);
	struct fake_object *o = fake_find(list, &key);

	cr_assert_not_null(o);
	free(o->body);
	*o = (struct fake_object){0};
}

// A kill behind the object of a set, ahead of its queue.
Test(x1_objects_kept, a_set_without_its_queue_gets_one, .init = setup, .fini = teardown)
{
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\2\1")), "CreateObject");
	DONE(request_object(X1_CREATE_OBJECT, set(5, true, "\3\4")), "CreateObject");
	control_down();
	lose(w.dataplane.destination, 6);
	control_up();
	run_until_ready();
	run(50);
	has_ends(6, "\2\1");
	cr_assert_neq(put_set(6).creation, 0);
	cr_assert_eq(fake_count(w.dataplane.destination), 5, "a Duplicate set has none");
	DONE(request_set_task(X1_ACTIVATE_TASK, 8, 6, 0), "ActivateTask");
	goes_to(8, "\6");
	uint64_t creation = put_set(6).creation;
	restart_control();
	run(50);
	cr_assert_eq(put_set(6).creation, creation, "it has what it needs");
	DONE(request_id(X1_DEACTIVATE_TASK, 8), "DeactivateTask");
	DONE(request_later(X1_DELETE_OBJECT, 6), "DeleteObject");
	cr_assert_eq(fake_count(w.dataplane.destination), 4);
}

// A queue whose set is gone blocks nothing, and its members are free.
Test(x1_objects_kept, a_queue_without_its_set_leaves, .init = setup, .fini = teardown)
{
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\2\1")), "CreateObject");
	control_down();
	lose(w.dataplane.object, 6);
	control_up();
	run_until_ready();
	run(50);
	cr_assert_eq(fake_count(w.dataplane.destination), 4);
	DONE(request_id(X1_REMOVE_DESTINATION, 1), "RemoveDestination");
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\2\3")), "CreateObject");
	has_ends(6, "\2\3");
}

static void provision_all(void)
{
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, context(7)), "CreateObject");
	DONE(request_object(X1_CREATE_OBJECT, set(6, false, "\2\1")), "CreateObject");
	DONE(request_object(X1_CREATE_OBJECT, set(5, true, "\3\4")), "CreateObject");
	DONE(request_set_task(X1_ACTIVATE_TASK, 8, 6, 0), "ActivateTask");
	DONE(request_set_task(X1_ACTIVATE_TASK, 9, 5, 1), "ActivateTask");
}

// All is known as it was, and counts.
static void all_is_there(void)
{
	expect(request_later(X1_GET_ALL_GENERIC_OBJECT_DETAILS, 0),
		"begin\nGetAllGenericObjectDetails a0 answer\nlistOfGenericObjectResponseDetails\n"
		"object <h/>\nobject <s/>\nobject <s/>\nend\n");
	cr_assert_eq(fake_count(w.dataplane.object), 3);
	cr_assert_eq(fake_count(w.dataplane.destination), 5);
	has_ends(6, "\2\1");
	goes_to(8, "\6");
	goes_to(9, "\1\3\4");
	expect(request_later(X1_DELETE_OBJECT, 5), "begin\nDeleteObject a0 1000 in use by 1 tasks: "
						   "00000000-0000-4000-8000-000000000009\nend\n");
	expect(request_id(X1_REMOVE_DESTINATION, 2),
		"begin\nRemoveDestination a0 7010 set 00000000-0000-4000-8000-000000000006\nend\n");
	DONE(request_object(X1_MODIFY_OBJECT, set(5, true, "\2")), "ModifyObject");
	goes_to(9, "\1\2");
	DONE(request_object(X1_MODIFY_OBJECT, set(5, true, "\3\4")), "ModifyObject");
	goes_to(9, "\1\3\4");
}

Test(x1_objects_kept, outlive_either_process, .init = setup, .fini = teardown)
{
	provision_all();
	restart_control();
	uint32_t puts = w.dataplane.puts;
	all_is_there();
	cr_assert_eq(w.dataplane.puts, puts + 2, "only what ModifyObject has planned anew");
	new_dataplane();
	all_is_there();
	// Objects that only the dataplane has are removed.
	struct id16 stray = id(99);
	struct channel_memo m = {.ne = id_of_ne("ne-1"),
		.id = stray,
		.of = MEMO_OBJECT,
		.memo = (const uint8_t *)"x",
		.memo_length = 1};
	uint8_t out[256];
	int n = channel_encode_memo(out, sizeof(out), CHANNEL_OBJECT_STATE, 0, &m);
	struct fake_object *o = &w.dataplane.object[FAKE_OBJECTS - 1];
	o->ne = m.ne;
	o->id = stray;
	o->length = (size_t)n - 8;
	o->body = malloc(o->length);
	memcpy(o->body, out + 8, o->length);
	fake_disconnect(&w.dataplane);
	run(50);
	run_until_ready();
	all_is_there();
}

Test(x1_objects_kept, come_back_from_the_store, .init = setup, .fini = teardown)
{
	static char file[128], key[128];

	control_down();
	fake_stop(&w.dataplane);
	fake_start(&w.dataplane, w.c.base, w.folder);
	snprintf(file, sizeof(file), "%s/store", w.folder);
	snprintf(key, sizeof(key), "%s/key", w.folder);
	umask(077);
	FILE *f = fopen(key, "w");
	fputs("sixteen octets at least", f);
	fclose(f);
	w.config.store.file = file;
	w.config.store.key = key;
	control_up();
	run_until_ready();
	provision_all();
	DONE(request_object(X1_CREATE_OBJECT, context(0x12)), "CreateObject");
	DONE(request_later(X1_DELETE_OBJECT, 0x12), "DeleteObject");
	for (unsigned round = 0; round < 2; round++) { // the second from a file written anew
		control_down();
		fake_stop(&w.dataplane);
		fake_start(&w.dataplane, w.c.base, w.folder);
		control_up();
		run_until_ready();
		run(100);
		all_is_there();
	}
	w.config.store.file = w.config.store.key = NULL;
}

// Killed between two tasks of a Duplicate set that was modified: the object is the new one already.
Test(x1_objects_kept, a_task_that_was_not_planned_anew_follows, .init = setup, .fini = teardown)
{
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(6, true, "\1\2")), "CreateObject");
	DONE(request_set_task(X1_ACTIVATE_TASK, 8, 6, 0), "ActivateTask");
	DONE(request_set_task(X1_ACTIVATE_TASK, 9, 6, 0), "ActivateTask");
	struct id16 xid = id(9);
	struct fake_object *o = fake_find(w.dataplane.task, &xid);
	size_t n = o->length;
	uint8_t *kept = malloc(n);
	memcpy(kept, o->body, n);
	DONE(request_object(X1_MODIFY_OBJECT, set(6, true, "\3\4")), "ModifyObject");
	o = fake_find(w.dataplane.task, &xid);
	cr_assert_eq(o->length, n);
	memcpy(o->body, kept, n);
	free(kept);
	restart_control();
	run(100);
	for (uint8_t task = 8; task <= 9; task++) {
		struct channel_task t = put_task(task);
		cr_expect_eq(t.n_destinations, 2);
		cr_expect(t.did[0].b[15] == 3 && t.did[1].b[15] == 4, "task %u: %u, %u", task,
			t.did[0].b[15], t.did[1].b[15]);
	}
}

// Killed in its replay, behind the objects: the store has all, the dataplane a part.
Test(x1_objects_kept, a_store_wins_over_objects_alone, .init = setup, .fini = teardown)
{
	static char file[128], key[128];
	static struct fake_object kept[FAKE_OBJECTS];

	control_down();
	fake_stop(&w.dataplane);
	fake_start(&w.dataplane, w.c.base, w.folder);
	snprintf(file, sizeof(file), "%s/store", w.folder);
	snprintf(key, sizeof(key), "%s/key", w.folder);
	umask(077);
	FILE *f = fopen(key, "w");
	cr_assert_not_null(f);
	fputs("sixteen octets at least", f);
	fclose(f);
	w.config.store.file = file;
	w.config.store.key = key;
	control_up();
	run_until_ready();
	destinations();
	DONE(request_object(X1_CREATE_OBJECT, set(5, true, "\3\4")), "CreateObject");
	DONE(request_set_task(X1_ACTIVATE_TASK, 9, 5, 1), "ActivateTask");
	for (unsigned i = 0; i < FAKE_OBJECTS; i++) {
		kept[i] = w.dataplane.object[i];
		if (!kept[i].body)
			continue;
		kept[i].body = malloc(kept[i].length);
		memcpy(kept[i].body, w.dataplane.object[i].body, kept[i].length);
	}
	control_down();
	fake_stop(&w.dataplane);
	fake_start(&w.dataplane, w.c.base, w.folder);
	memcpy(w.dataplane.object, kept, sizeof(kept));
	w.dataplane.complete = false;
	control_up();
	run_until_ready();
	run(200);
	cr_expect_eq(fake_count(w.dataplane.task), 1);
	cr_expect_eq(fake_count(w.dataplane.destination), 4);
	cr_expect_eq(fake_count(w.dataplane.object), 1);
	w.config.store.file = w.config.store.key = NULL;
}
