// Tasks with alternatives: rules of their own beside those of sessions, and each packet once.

#include "tests/unit/dataplane/follow/bindings_bed.h"

TestSuite(bindings_any, .init = up, .fini = down);

static struct alternative fteid(uint32_t address, uint32_t teid)
{
	struct alternative a = {
		.filter = {.kinds = FILTER_FTEID, .teid = teid, .fteid_v4 = {.family = 4}}};

	wire_store32(a.filter.fteid_v4.b, address);
	return a;
}

static struct alternative user(void)
{
	struct alternative a = {.filter = {.kinds = FILTER_ADDRESS,
					.n_address = 1,
					.address = {{.family = 4, .length = 32}}}};

	wire_store32(a.filter.address[0].b, UE);
	return a;
}

static struct alternative fseid(uint64_t seid)
{
	return (struct alternative){.session = {.kinds = SESSION_FSEID, .seid = seid}};
}

static uint8_t octets[ALTERNATIVES_OCTETS_MAX];

static struct channel_task task_of(uint32_t n, const struct alternative *of, unsigned count)
{
	struct wire_writer w = wire_writer_of(octets, sizeof(octets));
	struct channel_task t = {.ne = ne,
		.xid = {{3}},
		.delivery = DELIVERY_X3,
		.n_destinations = 1,
		.did = {did},
		.alternatives = octets};

	memcpy(t.xid.b + 8, &n, sizeof(n));
	t.header_xid = t.xid;
	for (unsigned i = 0; i < count; i++)
		alternative_encode(&w, &of[i]);
	cr_assert_eq(w.error, 0);
	t.alternatives_length = (uint16_t)wire_written(&w);
	cr_assert_eq(channel_task_check(&t, &(const char *){NULL}), 0);
	return t;
}

static struct task_entry *enter(uint32_t slot, const struct channel_task *t)
{
	struct task_entry *task = task_entry_make(t);

	task->resources = calloc(1, sizeof(*task->resources));
	task->resources->slot = slot;
	cr_assert_eq(task_entry_insert(task_table, task, NULL), POI_OK);
	return task;
}

static struct task_entry *begin_any(uint32_t slot, const struct alternative *of, unsigned count)
{
	struct channel_task t = task_of(slot, of, count);
	struct task_entry *task = enter(slot, &t);

	cr_assert_eq(bindings_begin(bindings, task, 500, &task->resources->bound), POI_OK);
	reconcile_enters(&scan, task);
	return task;
}

// Uplink and downlink tunnel, and the address within: any is enough, and a packet that several
// show is delivered once.
Test(bindings_any, a_packet_is_delivered_once)
{
	const struct alternative of[] = {fteid(N3_UPF, 7), fteid(GNB, 8), user()};
	struct hit h[8];
	struct task_entry *t = begin_any(5, of, 3);

	commit();
	cr_assert_eq(played.subscribed, 0, "nothing of it needs signalling");
	cr_assert_not(table_expects(table));
	cr_assert_not(bindings_follows(t->resources->bound));
	cr_assert_eq(table_rules(table), 3);
	cr_assert(agrees());
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 1, "by tunnel and address");
	cr_assert(h[0].rule->slot == 5 && h[0].tunnelled && h[0].rule->alternative == 1);
	cr_assert_eq(h[0].direction, PDU_DIRECTION_FROM_TARGET);
	cr_assert_eq(hits(&n3, N3_UPF, 9, 80, h), 1, "by the address alone");
	cr_assert_eq(h[0].rule->alternative, 3);
	held_ns = 600;
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 0, "nothing is held for it");
	held_ns = 0;
	begin_any(6, of, 2);
	commit();
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 2, "another task has its own");
	cr_assert_eq(hits(&n3, N3_UPF, 9, 80, h), 1);
	end(t);
	commit();
	cr_assert(agrees());
	cr_assert_eq(table_rules(table), 2);
	cr_assert_eq(played.unsubscribed, 0);
	struct bound_report r;
	cr_assert_not(bindings_next_report(bindings, &r), "no session is waited for");
}

// All criteria look at one class of links: behind the UPF the same packet would be seen again.
Test(bindings_any, on_one_class_of_links)
{
	const struct alternative addresses[] = {user(),
		{.filter = {.kinds = FILTER_ADDRESS, .n_address = 1, .address = {{4, 32, {1}}}}}};
	const struct alternative both[] = {user(), fteid(N3_UPF, 7)};
	struct hit h[8];

	links.classes |= 1u << CONFIG_LINK_N6;
	begin_any(1, addresses, 2);
	commit();
	cr_assert_eq(hits(&n6, 0, 0, 80, h), 1);
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 0);
	begin_any(2, both, 2);
	commit();
	cr_assert_eq(hits(&n6, 0, 0, 80, h), 1, "not the second task");
	cr_assert_eq(h[0].rule->slot, 1);
	cr_assert_eq(hits(&n3, N3_UPF, 9, 80, h), 1, "its address is seen in the tunnels");
	cr_assert_eq(h[0].rule->slot, 2);
}

Test(bindings_any, sessions_beside_own_rules)
{
	const struct alternative of[] = {fseid(1), fteid(N3_UPF, 9), fseid(2)};
	struct hit h[8];
	struct bound_report r;
	struct task_entry *t = begin_any(5, of, 3);

	cr_assert_eq(played.subscribed, 1, "one watch for all");
	cr_assert_eq(played.n_targets, 2);
	cr_assert(played.target[0].seid == 1 && played.target[1].seid == 2);
	cr_assert_eq(played.direction, SUBSCRIPTION_TUNNELS);
	commit();
	cr_assert(table_expects(table));
	cr_assert(bindings_next_report(bindings, &r) && r.condition == BOUND_WAITING);
	cr_assert_eq(hits(&n3, N3_UPF, 9, 80, h), 1, "waits for no session");
	tunnel(played.subscription, 1, N3_UPF, 7, PDU_DIRECTION_FROM_TARGET);
	tunnel(played.subscription, 2, N3_UPF, 9, PDU_DIRECTION_FROM_TARGET);
	state(played.subscription, 2, true, false);
	commit();
	cr_assert_eq(table_rules(table), 3);
	cr_assert(agrees());
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 1);
	cr_assert_eq(hits(&n3, N3_UPF, 9, 80, h), 1);
	cr_assert_eq(h[0].rule->alternative, 0, "the session knows whose it is");
	cr_assert_eq(hits(&n3, N3_UPF, 8, 80, h), 0);
	gone(2);
	commit();
	cr_assert_eq(hits(&n3, N3_UPF, 9, 80, h), 1);
	cr_assert_eq(h[0].rule->alternative, 2);
	cr_assert(bindings_next_report(bindings, &r) && r.condition == BOUND_FOLLOWED);
	state(played.subscription, 0, true, false);
	gone(1);
	commit();
	cr_assert_not(bindings_next_report(bindings, &r), "what a packet shows is not over");
	cr_assert_eq(table_rules(table), 1);
	end(t);
	commit();
	cr_assert_eq(played.unsubscribed, 1);
	cr_assert_eq(table_rules(table), 0);
	cr_assert(agrees());
}

// A modification of what is delivered, then one of what is asked for.
Test(bindings_any, a_successor_takes_over)
{
	const struct alternative of[] = {user(), fseid(1)}, others[] = {user(), fseid(2)};
	struct hit h[8];
	struct task_entry *old = begin_any(5, of, 2);

	commit();
	struct channel_task t = task_of(5, of, 2);
	t.correlation = 77;
	struct task_entry *task = task_entry_make(&t);
	task->resources = calloc(1, sizeof(*task->resources));
	task->resources->slot = 5;
	reconcile_leaves(&scan, old);
	cr_assert_eq(task_entry_insert(task_table, task, old), POI_OK);
	cr_assert(bindings_take_over(bindings, old->resources->bound, task));
	task->resources->bound = old->resources->bound;
	old->resources->bound = NULL;
	reconcile_enters(&scan, task);
	drop(old->resources);
	task_entry_free(old);
	commit();
	cr_assert_eq(played.subscribed, 1);
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 1);
	cr_assert_eq(h[0].rule->correlation, 77);
	cr_assert(agrees());
	t = task_of(5, others, 2);
	struct task_entry *other = task_entry_make(&t);
	cr_assert_not(bindings_take_over(bindings, task->resources->bound, other));
	task_entry_free(other);
	struct task_entry single = *task;
	single.alternatives_length = 0;
	cr_assert_not(bindings_take_over(bindings, task->resources->bound, &single));
	end(task);
	commit();
	cr_assert_eq(table_rules(table), 0);
}

// Whichever allocation fails: all of it is there, or nothing.
Test(bindings_any, out_of_memory)
{
	const struct alternative of[] = {user(), fteid(N3_UPF, 7), fseid(1)};
	struct channel_task t = task_of(5, of, 3);
	struct task_entry *task = enter(5, &t);
	unsigned failed = 0;

	for (unsigned n = 1; n < 50; n++) {
		until_none = n;
		int r = bindings_begin(bindings, task, 500, &task->resources->bound);
		bool all = until_none != 0;
		until_none = 0;
		commit();
		cr_assert_eq(r, all ? POI_OK : POI_ERR_NOMEM, "%u", n);
		cr_assert_eq(table_rules(table), all ? 2 : 0);
		if (all)
			break;
		failed++;
	}
	cr_assert_geq(failed, 4);
	cr_assert_eq(played.subscribed, 1);
	reconcile_enters(&scan, task);
	cr_assert(agrees());
	end(task);
	commit();
}

// Without any signalling there is no follower.
Test(bindings_any, without_a_follower)
{
	const struct alternative of[] = {user(), fteid(N3_UPF, 7)};
	struct hit h[8];

	bindings_follower(bindings, NULL);
	struct task_entry *t = begin_any(5, of, 2);
	bindings_wait_done(bindings);
	commit();
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 1);
	end(t);
	commit();
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 0);
}
