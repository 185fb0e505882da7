// PDUs with the correlation ID of their session: rules, sequence contexts and X2 sides of their
// own.

#include "tests/unit/dataplane/follow/bindings_bed.h"

#include "dataplane/capture/x2_task.h"
#include "dataplane/tasks/rules.h"

static struct task_counters_owner *counters;

static void up_correlating(void)
{
	up();
	counters = task_counters_new(1);
	bindings_counters(bindings, counters);
}

static void down_correlating(void)
{
	down();
	task_counters_free(counters);
}

TestSuite(bindings_session, .init = up_correlating, .fini = down_correlating);

static void tunnel_of(uint64_t id, uint32_t teid, uint64_t correlation)
{
	tunnel(played.subscription, id, N3_UPF, teid, PDU_DIRECTION_FROM_TARGET)
		->binding.correlation = correlation;
}

static void over(uint64_t correlation)
{
	says(0, FOLLOWER_OVER)->binding.correlation = correlation;
}

static const struct rule *rule_at(uint32_t teid)
{
	static struct hit h[8];

	return hits(&n3, N3_UPF, teid, 80, h) == 1 ? h[0].rule : NULL;
}

static uint32_t *number(const struct rule *r)
{
	return slot_sequence_of(task_counters_of(counters)->worker[0], r->context_x3);
}

// The next number that a PDU of this task and correlation ID would have.
static uint32_t next_number(const struct task_entry *t, uint64_t correlation)
{
	uint32_t context;

	cr_assert_eq(task_counters_context_take(
			     counters, COPY_X3, &t->header_xid, correlation, &context),
		POI_OK);
	uint32_t n = *slot_sequence_of(task_counters_of(counters)->worker[0], context);
	task_counters_context_give(counters, context);
	return n;
}

Test(bindings_session, each_has_its_own)
{
	struct task_entry *t = begin(5, NULL);

	tunnel_of(1, 7, 77);
	tunnel_of(2, 8, 77);
	tunnel_of(3, 9, 99);
	commit();
	cr_expect_eq(rule_at(7)->correlation, 77);
	cr_expect_eq(rule_at(8)->context_x3, rule_at(7)->context_x3, "one session, one context");
	cr_expect_eq(rule_at(9)->correlation, 99);
	cr_expect_neq(rule_at(9)->context_x3, rule_at(7)->context_x3);
	cr_assert(agrees());
	*number(rule_at(7)) = 41;
	gone(1);
	gone(2);
	commit();
	tunnel_of(4, 10, 77);
	commit();
	cr_expect_eq(*number(rule_at(10)), 41, "idle in between");
	cr_expect_eq(next_number(t, 77), 41);
	gone(4);
	over(77);
	commit();
	cr_expect_eq(next_number(t, 77), 0, "it is over");
	cr_expect_eq(rule_at(9)->correlation, 99);
	over(99);
	commit();
	*number(rule_at(9)) = 43;
	cr_expect_eq(rule_at(9)->correlation, 99, "until its last rule has gone");
	cr_expect_eq(next_number(t, 99), 43);
	gone(3);
	commit();
	cr_expect_eq(next_number(t, 99), 0);
	cr_assert(agrees());
}

Test(bindings_session, tasks_apart)
{
	struct task_entry *one = begin(1, NULL);

	tunnel_of(1, 7, 77);
	commit();
	*number(rule_at(7)) = 41;
	struct task_entry *two = begin(2, NULL);
	tunnel_of(2, 7, 77);
	commit();
	cr_expect_eq(next_number(two, 77), 0);
	const struct task_entry gone = *one;
	end(one);
	commit();
	cr_expect_eq(next_number(&gone, 77), 0, "it ended with its task");
	cr_expect_eq(rule_at(7)->slot, 2);
	cr_assert(agrees());
}

static struct task_entry *made(uint32_t n, uint64_t correlation, const char *imsi, uint8_t delivery)
{
	struct channel_task t = {.ne = ne,
		.xid = {{3}},
		.header_xid = {{3}},
		.delivery = delivery,
		.n_destinations = 1,
		.did = {did},
		.correlation = correlation,
		.session = {.kinds = SESSION_IMSI}};

	strcpy(t.session.imsi, imsi);
	struct task_entry *task = task_entry_make(&t);
	task->resources = calloc(1, sizeof(*task->resources));
	task->resources->slot = n;
	return task;
}

static void first(struct task_entry *task)
{
	cr_assert_eq(task_entry_insert(task_table, task, NULL), POI_OK);
	cr_assert_eq(bindings_begin(bindings, task, 500, &task->resources->bound), POI_OK);
	reconcile_enters(&scan, task);
}

Test(bindings_session, one_that_the_task_names)
{
	first(made(5, 4711, "001010000000001", DELIVERY_X3));
	tunnel_of(1, 7, 77);
	commit();
	cr_expect_eq(rule_at(7)->correlation, 4711);
	cr_assert(agrees());
}

static void succeed(struct task_entry *old, struct task_entry *task, bool takes_over)
{
	reconcile_leaves(&scan, old);
	cr_assert_eq(task_entry_insert(task_table, task, old), POI_OK);
	cr_assert_eq(bindings_take_over(bindings, old->resources->bound, task), takes_over);
	if (takes_over) {
		task->resources->bound = old->resources->bound;
		old->resources->bound = NULL;
	} else {
		cr_assert_eq(bindings_begin(bindings, task, 500, &task->resources->bound), POI_OK);
		bindings_sessions_keep(bindings, task->resources->bound, old->resources->bound);
		bindings_end(bindings, old->resources->bound);
	}
	reconcile_enters(&scan, task);
}

static void leave(struct task_entry *old)
{
	free(old->resources->x2);
	drop(old->resources);
	task_entry_free(old);
}

Test(bindings_session, a_modification_goes_on)
{
	struct task_entry *old = made(5, 0, "001010000000001", DELIVERY_X3);

	first(old);
	tunnel_of(1, 7, 77);
	tunnel_of(2, 8, 99);
	commit();
	*number(rule_at(7)) = 41;
	*number(rule_at(8)) = 43;
	gone(2);
	commit();
	struct task_entry *same = made(5, 0, "001010000000001", DELIVERY_X3);
	succeed(old, same, true);
	commit();
	leave(old);
	cr_expect_eq(rule_at(7)->correlation, 77);
	cr_expect_eq(*number(rule_at(7)), 41);
	cr_expect_eq(next_number(same, 99), 43, "without a rule now");
	cr_assert(agrees());
	struct task_entry *other = made(5, 0, "001010000000002", DELIVERY_X3);
	succeed(same, other, false);
	tunnel_of(3, 9, 77);
	commit();
	leave(same);
	cr_expect_eq(*number(rule_at(9)), 41, "it asks for the session by another name");
	cr_expect_eq(next_number(other, 99), 43);
	over(99);
	commit();
	cr_expect_eq(next_number(other, 99), 0);
	cr_assert(agrees());
}

// The X2 side of a task, as its resources have it.
static void with_x2(struct task_entry *t, uint64_t version)
{
	struct channel_task c = {.header_xid = t->header_xid, .report = REPORT_PDHR};

	t->resources->x2 = x2_task_new(&c, version);
	t->resources->x2->slot = t->resources->slot;
	t->resources->x2->context = 4000;
}

Test(bindings_session, its_x2_side)
{
	struct task_entry *old = made(5, 0, "001010000000001", DELIVERY_X2 | DELIVERY_X3);

	with_x2(old, 1);
	first(old);
	tunnel_of(1, 7, 77);
	commit();
	const struct x2_task *x = rule_at(7)->x2;
	cr_assert(x && x != old->resources->x2);
	cr_expect(x->correlation == 77 && x->slot == 5 && x->version == 1);
	cr_expect_eq(x->context, rule_at(7)->context_x2);
	cr_expect_neq(rule_at(7)->context_x2, rule_at(7)->context_x3);
	struct task_entry *same = made(5, 0, "001010000000001", DELIVERY_X2 | DELIVERY_X3);
	with_x2(same, 2);
	succeed(old, same, true);
	cr_expect(x->leaving && x->successor, "until the grace period is over");
	cr_expect_eq(x->successor->context, x->context);
	commit();
	leave(old);
	cr_expect_eq(rule_at(7)->x2->version, 2);
	cr_expect_eq(rule_at(7)->x2->correlation, 77);
	cr_assert(agrees());
	free(same->resources->x2);
	same->resources->x2 = NULL;
}

Test(bindings_session, without_memory)
{
	struct task_entry *t = begin(5, NULL);

	for (unsigned n = 1; n < 6; n++) {
		tunnel_of(n, 7, 77);
		until_none = n;
		int r = bindings_apply(bindings);
		until_none = 0;
		cr_expect(r >= 0 || r == POI_ERR_NOMEM);
		commit();
		cr_assert_eq(rule_at(7)->correlation, 77, "told again");
		cr_assert(agrees());
		gone(n);
		over(77);
		commit();
		cr_expect_eq(next_number(t, 77), 0);
	}
}
