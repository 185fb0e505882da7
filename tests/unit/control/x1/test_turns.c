// Bounds of one iteration of the loop: slices of containers, lists in portions, their cap, and the
// number of waits for the disk.
#include "tests/unit/control/x1/dispatch_world.h"

static unsigned syncs;

// Stands in for the system's: the order and number of calls is what is tested.
int fdatasync(int fd)
{
	syncs++;
	return fsync(fd);
}

TestSuite(turns, .init = setup, .fini = teardown, .timeout = 30);

static void one_turn(void)
{
	event_base_loop(w.c.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static struct http_exchange *pings(uint32_t n)
{
	return submit(container(n));
}

static void add_tasks(unsigned n)
{
	struct channel_task c = {.delivery = DELIVERY_X3, .n_destinations = 1, .did = {id(1)}};

	for (unsigned i = 0; i < n; i++) {
		c.xid = id((uint8_t)i);
		c.xid.b[14] = (uint8_t)(0x10 + (i >> 8));
		struct registry_task *t = registry_task_new(0, &c, "<t/>", 4);
		t->state = TASK_COMPLETE;
		cr_assert_eq(registry_task_add(w.c.registry, t), 0);
	}
}

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

static void wait_for(struct http_exchange *x)
{
	for (unsigned i = 0; i < 300 && !x->responded; i++)
		run(10);
	cr_assert(x->responded);
}

Test(turns, a_large_container_lets_others_in_between)
{
	struct http_exchange *large = pings(2000), *small = pings(1);

	for (unsigned i = 0; i < 5 && !small->responded; i++)
		one_turn();
	cr_assert(small->responded);
	cr_assert_not(large->responded, "two thousand messages in a handful of turns");
	wait_for(large);
	cr_assert_eq(count(large->body, "completed\n"), 2000);
	const char *at = large->body + strlen("begin\n");
	for (unsigned i = 0; i < 2000; i++) {
		unsigned number;
		cr_assert_eq(sscanf(at, "Ping %x", &number), 1);
		cr_assert_eq(number, (0xA0 + i) & 0xFF, "answer %u is not in order", i);
		at = strchr(at, '\n') + 1;
	}
	free(large);
	free(small);
}

Test(turns, changes_of_a_large_container_are_on_disk_slice_by_slice)
{
	struct x1_container *c = container(150);

	provision();
	for (unsigned i = 0; i < 150; i++) {
		c->messages[i].type = X1_MODIFY_TASK;
		c->messages[i].task = task(7);
	}
	unsigned before = syncs;
	struct http_exchange *x = submit(c);
	one_turn();
	cr_assert_eq(syncs, before + 1);
	cr_assert_lt(audit_records(w.c.audit), 150 + 100 + 8, "more than one slice was accepted");
	wait_for(x);
	cr_assert_eq(count(x->body, "ModifyTask"), 150);
	free(x);
}

Test(turns, one_change_waits_for_the_disk_once)
{
	provision();
	run(1200);
	unsigned before = syncs;
	struct http_exchange *x = request_task(X1_ACTIVATE_TASK, 6);
	wait_for(x);
	cr_assert_eq(syncs, before + 1, "%u", syncs - before);
	run(1500);
	cr_assert_eq(syncs, before + 2, "its result follows by itself");
	run(1200);
	cr_assert_eq(syncs, before + 2);
	free(x);
}

Test(turns, a_list_meets_removals_on_its_way)
{
	provision();
	add_tasks(500);
	w.dataplane.no_status = true;
	struct http_exchange *x = request(X1_GET_ALL_TASK_DETAILS);
	run(50);
	cr_assert_not(x->responded);
	// The window's first and last, the one that comes next, and the last of all.
	static const unsigned gone[] = {0, 254, 255, 256, 499};
	for (unsigned i = 0; i < 5; i++) {
		struct id16 xid = id((uint8_t)gone[i]);
		xid.b[14] = (uint8_t)(0x10 + (gone[i] >> 8));
		registry_task_remove(w.c.registry, registry_task_find(w.c.registry, 0, &xid));
	}
	wait_for(x);
	cr_assert_eq(count(x->body, "task <t/>"), 1 + 500 - 5);
	cr_assert_eq(count(x->body, "GetAllTaskDetails a0 answer"), 1);
	free(x);
}

Test(turns, amounts_are_asked_for_every_window)
{
	provision();
	add_tasks(499);
	uint32_t before = w.dataplane.statuses; // control asks on its own, too, for 512 tasks a second
	struct http_exchange *x = request(X1_GET_ALL_DETAILS);
	wait_for(x);
	uint32_t asked = w.dataplane.statuses - before;
	cr_assert(asked >= 500 && asked <= 500 + 2 * 512, "%u", asked);
	cr_assert_eq(count(x->body, "x3=4711"), 1, "the one that the dataplane has");
	cr_assert_eq(count(x->body, "destination <d/>"), 1);
	free(x);
}

Test(turns, answers_that_come_while_a_list_is_written)
{
	struct x1_container *c = container(4);

	provision();
	w.dataplane.no_status = true;
	c->messages[0].type = X1_GET_ALL_TASK_DETAILS;
	c->messages[1].type = X1_ACTIVATE_TASK;
	c->messages[1].task = task(6);
	c->messages[3].type = X1_LIST_ALL_DETAILS;
	// Requests behind the list are answered at TIME1, while it is written, and done afterwards.
	expect(submit(c), "begin\nGetAllTaskDetails a0 answer\nlistOfTaskResponseDetails\n"
			  "task <t/> complete modifications=0\n"
			  "ActivateTask a1 acknowledged\nPing a2 completed\nListAllDetails a3 "
			  "answer\nListOfXIDs\nxId 07\nListOfDIDs\ndId 01\nend\n");
	run(100);
	struct id16 six = id(6);
	cr_assert_not_null(registry_task_find(w.c.registry, 0, &six));
}

Test(turns, lists_beyond_the_cap)
{
	struct x1_container *c = container(4);
	struct http_exchange *x;

	provision();
	add_tasks(300);
	w.config.limits.response = 4000; // one list of identifiers has 3 KB
	c->messages[0].type = c->messages[1].type = X1_LIST_ALL_DETAILS;
	c->messages[3].type = X1_GET_ALL_DESTINATION_DETAILS;
	x = submit(c);
	wait_for(x);
	cr_assert_eq(count(x->body, "ListAllDetails a0 answer"), 1);
	cr_assert_eq(count(x->body, "xId"), 301);
	cr_assert_not_null(strstr(x->body,
		"ListAllDetails a1 1000 the list does not fit in limits.response (4000 octets of "
		"lists at a time)\nPing a2 completed\nGetAllDestinationDetails a3 answer\n"));
	free(x);
	// Answers still being sent count; those sent do not.
	leaving = 3900;
	x = request(X1_LIST_ALL_DETAILS);
	wait_for(x);
	cr_assert_not_null(strstr(x->body, "limits.response"));
	free(x);
	leaving = 0;
	x = request(X1_LIST_ALL_DETAILS);
	wait_for(x);
	cr_assert_eq(count(x->body, "xId"), 301);
	free(x);
}
