// Long work on all tasks: the objects that a turn of the loop takes, and what becomes of changes
// that come between two slices.
#include "tests/unit/control/x1/dispatch_world.h"

#include "control/state/fail_safe.h"
#include "control/state/task_walk.h"

#define TASKS 400u
#define OBJECTS 7u // of a turn

static void one_turn(void)
{
	event_base_loop(w.c.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static struct slices *slices(void)
{
	return publish_slices(w.c.publish);
}

static struct id16 task_id(unsigned i)
{
	struct id16 xid = id((uint8_t)i);

	xid.b[14] = (uint8_t)(0x10 + (i >> 8));
	return xid;
}

static struct registry_task *find_task(unsigned i)
{
	struct id16 xid = task_id(i);

	return registry_task_find(w.c.registry, 0, &xid);
}

static struct registry_task *add_task(unsigned i)
{
	struct channel_task c = {.xid = task_id(i),
		.header_xid = task_id(i),
		.delivery = DELIVERY_X3,
		.n_destinations = 1,
		.did = {id(1)}};

	c.filter.kinds = FILTER_ADDRESS;
	c.filter.n_address = 1;
	c.filter.address[0] = (struct ip_prefix){
		.family = 4, .length = 32, .b = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}};
	struct registry_task *t = registry_task_new(0, &c, "<t/>", 4);
	t->state = TASK_COMPLETE;
	cr_assert_eq(registry_task_add(w.c.registry, t), 0);
	return t;
}

static void setup_tasks(void)
{
	setup();
	w.config.limits.tasks = 1000;
	expect(request_destination(X1_CREATE_DESTINATION, 1),
		"begin\nCreateDestination a0 completed\nend\n");
	for (unsigned i = 0; i < TASKS; i++)
		add_task(i);
	slices_limit(slices(), OBJECTS);
	slices_forget_busiest(slices());
}

static void bounded(void)
{
	cr_assert_leq(slices_busiest(slices()), OBJECTS);
	cr_assert_gt(slices_busiest(slices()), 0);
}

static unsigned stopped(unsigned *all)
{
	struct issue i;
	unsigned n = 0;

	*all = 0;
	while (issues_take(w.c.issues, &i)) {
		n += i.scope == ISSUE_TASK && i.type == ISSUE_TERMINATING;
		++*all;
	}
	return n;
}

TestSuite(slices, .init = setup_tasks, .fini = teardown, .timeout = 60);

// Runs until the fail-safe's walks are over, and counts its reports: the queue of this world is short.
static unsigned run_fail_safe(void)
{
	unsigned n = 0, all;

	for (unsigned turns = 0; !LIST_EMPTY(&w.c.fail_safes); turns++) {
		cr_assert_lt(turns, 10 * TASKS);
		one_turn();
		n += stopped(&all);
	}
	return n;
}

Test(slices, the_fail_safe_is_over_at_once_and_reported_bit_by_bit)
{
	fail_safe_fire(&w.c, 0, true);
	cr_assert_eq(registry_task_count(w.c.registry, 0), 0);
	cr_assert_null(find_task(TASKS - 1));
	one_turn();
	cr_assert(!LIST_EMPTY(&w.c.fail_safes), "one turn is not all");
	expect(request_id(X1_GET_TASK_DETAILS, 7), "begin\nGetTaskDetails a0 2020 "
		"00000000-0000-4000-8000-000000000007\nend\n");
	(void)run_fail_safe();
	bounded();
	struct id16 did = id(1);
	cr_assert_eq(registry_destination_find(w.c.registry, 0, &did)->references, 0);
}

// Activated again behind the fail-safe, with an XID that the walk has not come to.
Test(slices, a_task_activated_behind_the_fail_safe_stays)
{
	fail_safe_fire(&w.c, 0, true);
	one_turn();
	struct registry_task *mine = add_task(TASKS - 1);
	unsigned all, before = stopped(&all);
	cr_assert_eq(find_task(TASKS - 1), mine);
	cr_assert_eq(before + run_fail_safe(), TASKS, "each is reported once");
	cr_assert_eq(registry_task_count(w.c.registry, 0), 1);
	cr_assert_eq(find_task(TASKS - 1), mine);
}

Test(slices, a_second_fail_safe_within_the_first_leaves_nothing)
{
	publish_heard(w.c.publish, 0);
	registry_task_set_state(w.c.registry, find_task(3), TASK_AWAITING);
	fail_safe_fire(&w.c, 0, true);
	cr_assert_not_null(find_task(3), "its request is answered by its own result");
	(void)add_task(TASKS);
	// The ADMF sent nothing this time: none is spared, of the first walk neither.
	w.config.nes[0].x1.keepalive.time_p2 = 0;
	fail_safe_fire(&w.c, 0, false);
	cr_assert_null(find_task(3));
	cr_assert_null(find_task(TASKS));
	cr_assert_eq(run_fail_safe(), TASKS + 1);
	cr_assert_eq(registry_task_count(w.c.registry, 0), 0);
	w.config.nes[0].x1.keepalive.time_p2 = 3600;
}

Test(slices, a_task_that_comes_into_force_behind_the_fail_safe_stays)
{
	publish_heard(w.c.publish, 0);
	registry_task_set_state(w.c.registry, find_task(3), TASK_AWAITING);
	registry_task_set_state(w.c.registry, find_task(TASKS - 1), TASK_AWAITING);
	fail_safe_fire(&w.c, 0, true);
	registry_task_set_state(w.c.registry, find_task(TASKS - 1), TASK_COMPLETE);
	cr_assert_eq(run_fail_safe(), TASKS - 2);
	cr_assert_eq(registry_task_count(w.c.registry, 0), 2);
	cr_assert_eq(registry_tasks_awaiting(w.c.registry, 0), 1);
	cr_assert_eq(find_task(3)->state, TASK_AWAITING);
	cr_assert_eq(find_task(TASKS - 1)->state, TASK_COMPLETE);
}

static void fill_losses(void)
{
	for (unsigned i = 0; i < TASKS; i++)
		cr_assert_eq(fault_raise(&find_task(i)->faults, FAULT_LOSS, 1, "lost"), 1);
}

static void destination_up(void)
{
	struct channel_event e = {.kind = EVENT_DESTINATION_UP,
		.ne = *registry_ne_id(w.c.registry, 0),
		.id = id(1),
		.text = "delivering again"};

	dataplane_hooks()->event(&w.c, &e);
}

static void run_loss_walks(void)
{
	for (unsigned turns = 0; !LIST_EMPTY(&w.c.loss_walks); turns++) {
		cr_assert_lt(turns, 10 * TASKS);
		one_turn();
	}
}

static unsigned losses(void)
{
	unsigned n = 0;

	for (struct registry_task *t = registry_task_first(w.c.registry, 0); t;
		t = registry_task_next(t))
		n += fault_has(t->faults, FAULT_LOSS);
	return n;
}

Test(slices, a_destinations_return_ends_the_losses_before_it)
{
	fill_losses();
	destination_up();
	one_turn();
	cr_assert_gt(losses(), TASKS / 2);
	// New losses, of a task that the walk has met and of one that it has not.
	(void)!fault_raise(&find_task(0)->faults, FAULT_LOSS, 1, "lost anew");
	(void)!fault_raise(&find_task(TASKS - 1)->faults, FAULT_LOSS, 1, "lost anew");
	registry_task_remove(w.c.registry, find_task(200));
	run_loss_walks();
	cr_assert_eq(losses(), 2);
	bounded();
}

Test(slices, a_second_return_within_the_first_begins_anew)
{
	fill_losses();
	destination_up();
	one_turn();
	(void)!fault_raise(&find_task(0)->faults, FAULT_LOSS, 1, "lost anew");
	destination_up();
	fail_safe_fire(&w.c, 0, false); // both walks hold what it takes away
	struct registry_task *mine = add_task(TASKS);
	(void)!fault_raise(&mine->faults, FAULT_LOSS, 1, "lost by a later task");
	run_loss_walks();
	run_fail_safe();
	cr_assert_eq(losses(), 1);
}

static void new_dataplane(void)
{
	fake_stop(&w.dataplane);
	run(20);
	fake_start(&w.dataplane, w.c.base, w.folder);
}

static bool turns_until(uint32_t tasks)
{
	for (unsigned turns = 0; turns < 100 * TASKS; turns++) {
		one_turn();
		if (fake_count(w.dataplane.task) >= tasks)
			return true;
		if (turns % 64 == 0)
			run(1);
	}
	return false;
}

Test(slices, a_new_dataplane_has_each_task_once_and_no_old_loss)
{
	fill_losses();
	new_dataplane();
	cr_assert(turns_until(TASKS / 4));
	cr_assert_neq(publish_state(w.c.publish), PUBLISH_READY);
	cr_assert_gt(losses(), 0);
	// Cut short: the same dataplane is reached again.
	fake_disconnect(&w.dataplane);
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), TASKS);
	cr_assert_eq(losses(), 0, "none of an earlier dataplane stands");
	bounded();
}

Test(slices, a_fail_safe_within_a_replay)
{
	new_dataplane();
	cr_assert(turns_until(TASKS / 4));
	fail_safe_fire(&w.c, 0, true);
	struct id16 gone = task_id(TASKS - 1);
	run_fail_safe();
	run_until_ready();
	cr_assert_null(fake_find(w.dataplane.task, &gone), "it is not put any more");
	cr_assert_eq(registry_task_count(w.c.registry, 0), 0);
}

Test(slices, all_are_deactivated_and_nothing_slips_in_between)
{
	new_dataplane();
	run_until_ready();
	slices_forget_busiest(slices());
	struct http_exchange *all = request(X1_DEACTIVATE_ALL_TASKS);
	one_turn();
	one_turn();
	cr_assert_not(all->responded);
	struct http_exchange *late = request_task(X1_ACTIVATE_TASK, 7);
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	expect(all, "begin\nDeactivateAllTasks a0 completed\nend\n");
	expect(late, "begin\nActivateTask a0 completed\nend\n");
	cr_assert_eq(registry_task_count(w.c.registry, 0), 1);
	cr_assert_eq(fake_count(w.dataplane.task), 1);
	bounded();
}

Test(slices, the_dataplane_goes_away_while_all_are_deactivated)
{
	new_dataplane();
	run_until_ready();
	struct http_exchange *all = request(X1_DEACTIVATE_ALL_TASKS);
	for (unsigned i = 0; i < 8; i++)
		one_turn();
	cr_assert_not(all->responded);
	fake_stop(&w.dataplane);
	expect(all, "begin\nDeactivateAllTasks a0 completed\nend\n");
	cr_assert_eq(registry_task_count(w.c.registry, 0), 0);
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 0);
}

// An orderly stop within each of them: what is left is done, or given up, and nothing is freed twice.
Test(slices, a_stop_within_everything)
{
	fill_losses();
	destination_up();
	struct http_exchange *all = request(X1_DEACTIVATE_ALL_TASKS);
	for (unsigned i = 0; i < 4; i++)
		one_turn();
	fail_safe_fire(&w.c, 0, false);
	one_turn();
	restart_control();
	free(all);
	cr_assert(LIST_EMPTY(&w.c.fail_safes));
	cr_assert_eq(registry_task_count(w.c.registry, 0), 0);
}
