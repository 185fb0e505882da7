// The follower's changes as rules of the table. The follower is played by the test.

#include "tests/unit/dataplane/follow/bindings_bed.h"

TestSuite(bindings, .init = up, .fini = down);

Test(bindings, a_tunnel_comes_and_goes)
{
	struct hit h[8];
	struct task_entry *t = begin(5, NULL);

	cr_assert_eq(played.subscribed, 1);
	bindings_wait_done(bindings);
	bindings_wait_done(bindings);
	cr_assert_eq(played.waited, 1);
	commit();
	cr_assert(table_expects(table));
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 0);
	tunnel(played.subscription, 1, N3_UPF, 7, PDU_DIRECTION_FROM_TARGET);
	commit();
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 1);
	cr_assert_eq(h[0].rule->slot, 5);
	cr_assert_eq(h[0].direction, PDU_DIRECTION_FROM_TARGET);
	cr_assert_eq(h[0].rule->from_ns, 1000);
	cr_assert_eq(hits(&n3, N3_UPF, 8, 80, h), 0, "another tunnel");
	cr_assert_eq(hits(&n3, GNB, 7, 80, h), 0, "of another endpoint");
	cr_assert(agrees());
	gone(1);
	commit();
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 0);
	cr_assert(agrees());
	tunnel(played.subscription, 2, N3_UPF, 9, PDU_DIRECTION_FROM_TARGET);
	commit();
	end(t);
	commit();
	cr_assert_eq(played.unsubscribed, 1);
	cr_assert_eq(table_rules(table), 0);
	cr_assert_not(table_expects(table));
	tunnel(played.subscription, 3, N3_UPF, 9, PDU_DIRECTION_FROM_TARGET);
	commit(); // reported before the end was processed
	cr_assert_eq(table_rules(table), 0);
}

// A modification of what is delivered goes on with the sessions as they are.
Test(bindings, a_successor_takes_over)
{
	struct hit h[8];
	struct task_entry *old = begin(5, NULL);
	struct bound_report r;

	tunnel(played.subscription, 1, N3_UPF, 7, PDU_DIRECTION_FROM_TARGET);
	commit();
	while (bindings_next_report(bindings, &r))
		;
	tunnel(played.subscription, 2, N3_UPF, 8, PDU_DIRECTION_FROM_TARGET); // on its way
	struct channel_task t = {.ne = ne,
		.xid = old->link.id,
		.delivery = DELIVERY_X3,
		.n_destinations = 1,
		.did = {did},
		.correlation = 77,
		.session = {.kinds = SESSION_IMSI, .imsi = "001010000000001"}};
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
	cr_assert(played.subscribed == 1 && played.unsubscribed == 0);
	for (uint32_t teid = 7; teid <= 8; teid++) {
		cr_assert_eq(hits(&n3, N3_UPF, teid, 80, h), 1);
		cr_assert_eq(h[0].rule->correlation, 77);
		cr_assert_eq(h[0].rule->from_ns, 1000);
	}
	cr_assert(agrees());
	cr_assert(bindings_next_report(bindings, &r), "how it is is told again");
	struct task_entry other = *task;
	struct session_target another = *task->session;
	strcpy(another.imsi, "001010000000002");
	other.session = &another;
	cr_assert_not(bindings_take_over(bindings, task->resources->bound, &other));
	end(task);
	commit();
	cr_assert_eq(table_rules(table), 0);
}

// A session that came and went before any table had it: for what is held from its time, once.
Test(bindings, shown_and_gone_within_a_turn)
{
	struct hit h[8];

	begin(5, NULL);
	commit();
	tunnel(played.subscription, 1, N3_UPF, 7, PDU_DIRECTION_FROM_TARGET); // from 1000
	gone_at(1, 1500);
	tunnel(played.subscription, 2, N3_UPF, 8, PDU_DIRECTION_FROM_TARGET);
	gone_at(2, 999); // a message that came earlier, and behind it
	commit();
	cr_assert(bindings_need_commit(bindings));
	cr_assert_eq(table_rules(table), 1);
	cr_assert(agrees());
	cr_expect_eq(hits(&n3, N3_UPF, 7, 80, h), 0, "what comes now is not its");
	held_ns = 1200;
	cr_expect_eq(hits(&n3, N3_UPF, 7, 80, h), 1);
	held_ns = 999;
	cr_expect_eq(hits(&n3, N3_UPF, 7, 80, h), 0, "before it");
	held_ns = 1500;
	cr_expect_eq(hits(&n3, N3_UPF, 7, 80, h), 1, "of the same burst as its end");
	held_ns = 1501;
	cr_expect_eq(hits(&n3, N3_UPF, 7, 80, h), 0, "after it");
	commit();
	cr_assert(bindings_need_commit(bindings));
	cr_assert_eq(table_rules(table), 1, "a worker may have passed over its first table");
	held_ns = 1200;
	cr_expect_eq(hits(&n3, N3_UPF, 7, 80, h), 1);
	held_ns = 0;
	commit();
	cr_assert_not(bindings_need_commit(bindings));
	cr_assert_eq(table_rules(table), 0);
	cr_assert(agrees());
	tunnel(played.subscription, 3, N3_UPF, 9, PDU_DIRECTION_FROM_TARGET);
	commit();
	gone_at(3, 3000);
	commit();
	cr_assert_eq(table_rules(table), 1, "a worker may have passed over the table before");
	cr_expect_eq(hits(&n3, N3_UPF, 9, 80, h), 0, "what comes now is not its");
	held_ns = 2000;
	cr_expect_eq(hits(&n3, N3_UPF, 9, 80, h), 1);
	held_ns = 0;
	commit();
	cr_assert_eq(table_rules(table), 0);
	cr_assert(agrees());
	tunnel(played.subscription, 4, N3_UPF, 10, PDU_DIRECTION_FROM_TARGET);
	commit();
	tunnel(played.subscription, 5, N3_UPF, 11, PDU_DIRECTION_FROM_TARGET);
	commit();
	gone_at(4, 4000);
	commit();
	cr_assert_eq(table_rules(table), 1, "one that two tables had leaves at once");
}

Test(bindings, two_ways_deliver_once)
{
	struct hit h[8];

	begin(1, NULL);
	tunnel(played.subscription, 1, N3_UPF, 7, PDU_DIRECTION_FROM_TARGET);
	tunnel(played.subscription, 2, N3_UPF, 7, PDU_DIRECTION_TO_TARGET);
	commit();
	cr_assert_eq(table_rules(table), 2);
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 1);
	cr_assert_eq(h[0].direction, PDU_DIRECTION_BOTH);
	begin(2, NULL);
	tunnel(played.subscription, 3, N3_UPF, 7, PDU_DIRECTION_FROM_TARGET);
	commit();
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 2, "another task has its own");
}

Test(bindings, what_else_the_task_asks_for)
{
	const struct filter port = {.kinds = FILTER_PORT,
		.n_port = 1,
		.protocol = 17,
		.port = {{.n = 1, .range = {{443, 443}}}}};
	const struct filter direction = {.kinds = FILTER_DIRECTION, .direction = FILTER_TO_TARGET};
	struct hit h[8];

	begin(1, &port);
	cr_assert_eq(played.direction, FILTER_ANY_DIRECTION);
	tunnel(played.subscription, 1, N3_UPF, 7, PDU_DIRECTION_FROM_TARGET);
	begin(2, &direction);
	cr_assert_eq(played.direction, FILTER_TO_TARGET);
	const struct filter fteid = {.kinds = FILTER_FTEID, .teid = 7, .fteid_v4 = {.family = 4}};
	begin(3, &fteid);
	cr_assert_eq(played.direction, SUBSCRIPTION_TUNNELS);
	commit();
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 0);
	cr_assert_eq(hits(&n3, N3_UPF, 7, 443, h), 1);
	cr_assert(table_wants_ports(table));
	cr_assert(agrees());
}

Test(bindings, on_n6_addresses_are_what_counts)
{
	struct hit h[8];

	links.classes |= 1u << CONFIG_LINK_N6;
	begin(1, NULL);
	tunnel(played.subscription, 1, N3_UPF, 7, PDU_DIRECTION_FROM_TARGET);
	address(played.subscription, 2, 0);
	commit();
	cr_assert_eq(table_rules(table), 1);
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 0, "the same packet is on N6");
	cr_assert_eq(hits(&n6, 0, 0, 80, h), 1);
	cr_assert_eq(h[0].direction, PDU_DIRECTION_FROM_TARGET);
}

// Rules of one direction mean packets that go that way.
Test(bindings, an_address_has_its_direction)
{
	struct hit h[8];

	links.classes = 1u << CONFIG_LINK_N6;
	links.tunnel = 0;
	begin_rules(1, NULL, SESSION_PDR);
	address(played.subscription, 1, PDU_DIRECTION_TO_TARGET);
	commit();
	cr_assert_eq(table_rules(table), 1);
	cr_assert_eq(hits(&n6, 0, 0, 80, h), 0, "the packet comes from the user");
	address(played.subscription, 2, PDU_DIRECTION_FROM_TARGET);
	commit();
	cr_assert_eq(hits(&n6, 0, 0, 80, h), 1);
	cr_assert_eq(h[0].direction, PDU_DIRECTION_FROM_TARGET);
	cr_assert(agrees());
	gone(2);
	commit();
	cr_assert_eq(hits(&n6, 0, 0, 80, h), 0);
}

// To which rule a packet belongs is seen where the tunnels are.
Test(bindings, rules_are_looked_at_in_tunnels)
{
	struct hit h[8];

	links.classes |= 1u << CONFIG_LINK_N6;
	begin_rules(1, NULL, SESSION_QER);
	tunnel(played.subscription, 1, N3_UPF, 7, PDU_DIRECTION_FROM_TARGET);
	struct follower_change *c;
	STAILQ_FOREACH (c, &played.changes, link)
		c->binding.tunnels = true;
	commit();
	cr_assert_eq(hits(&n3, N3_UPF, 7, 80, h), 1);
	begin(2, NULL);
	tunnel(played.subscription, 2, N3_UPF, 8, PDU_DIRECTION_FROM_TARGET);
	commit();
	cr_assert_eq(hits(&n3, N3_UPF, 8, 80, h), 0, "a whole session: on N6");
}

// The tunnel's own container names the flow of a packet, not that of a tunnel around it.
Test(bindings, a_tunnel_in_a_tunnel_has_its_own_qfi)
{
	const struct pdr_choice qfi5 = {.wanted = true, .qfis = 1ull << 5};
	struct frame f = {0};
	struct packet_view v = {0};
	struct match_cursor cursor = {0};
	struct hit h[8];

	begin(1, NULL);
	struct follower_change *c = says(played.subscription, FOLLOWER_BIND);
	c->binding = (struct binding){.id = 2,
		.kind = BINDING_TUNNEL,
		.link = CONFIG_LINK_N3,
		.teid = 8,
		.prefix = {.family = 4, .length = 32},
		.select = pdr_select_new(&qfi5, 1)};
	wire_store32(c->binding.prefix.b, N3_UPF);
	commit();
	frame_ethernet(&f, 0x0800);
	frame_ipv4(&f, 1, 2, 17);
	frame_udp(&f, 2152, 2152);
	frame_gtpu_session(&f, 99, 1, 9);
	frame_ipv4(&f, GNB, N3_UPF, 17);
	frame_udp(&f, 2152, 2152);
	frame_gtpu_session(&f, 8, 1, 5);
	frame_ipv4(&f, UE, SERVER, 17);
	frame_udp(&f, 4000, 80);
	frame_finish(&f);
	v.data = f.b;
	v.length = v.total = f.n;
	parse_burst(&n3, &v, 1);
	cr_assert_eq(match_burst(table, &n3, &v, 1, &cursor, h, 8), 1);
}

// Changes made before memory ran out come into force with the rest.
Test(bindings, a_failure_half_way)
{
	struct hit h[8];
	unsigned failed = 0;
	int done;

	begin(1, NULL);
	do {
		uint32_t teid = 100 + 2 * failed;
		uint64_t id = 1 + 2 * failed;
		tunnel(played.subscription, id, N3_UPF, teid, PDU_DIRECTION_FROM_TARGET);
		tunnel(played.subscription, id + 1, N3_UPF, teid + 1, PDU_DIRECTION_FROM_TARGET);
		until_none = ++failed;
		done = bindings_apply(bindings);
		until_none = 0;
		if (done < 0)
			cr_assert_eq(bindings_apply(bindings), 2, "allocation %u", failed);
		commit();
		cr_assert_eq(hits(&n3, N3_UPF, teid, 80, h), 1);
		cr_assert_eq(hits(&n3, N3_UPF, teid + 1, 80, h), 1);
		cr_assert(agrees());
	} while (done < 0);
	cr_assert_gt(failed, 2, "some failed");
}

Test(bindings, a_select_decides)
{
	const struct pdr_choice http = {.wanted = true,
		.n_flows = 1,
		.flow = {{.protocol = 17, .destination_ports = {.n = 1, .range = {{80, 80}}}}}};
	struct hit h[8];

	begin(1, NULL);
	tunnel(played.subscription, 1, N3_UPF, 7, PDU_DIRECTION_FROM_TARGET);
	struct follower_change *c = says(played.subscription, FOLLOWER_BIND);
	c->binding = (struct binding){.id = 2,
		.kind = BINDING_TUNNEL,
		.link = CONFIG_LINK_N3,
		.teid = 8,
		.prefix = {.family = 4, .length = 32},
		.select = pdr_select_new(&http, 1)};
	wire_store32(c->binding.prefix.b, N3_UPF);
	commit();
	cr_assert_eq(hits(&n3, N3_UPF, 8, 80, h), 1);
	cr_assert_eq(hits(&n3, N3_UPF, 8, 81, h), 0);
	cr_assert(agrees());
	gone(2);
	commit();
	cr_assert_eq(hits(&n3, N3_UPF, 8, 80, h), 0);
}

Test(bindings, what_is_told)
{
	struct bound_report r;
	struct task_entry *t = begin(1, NULL);

	commit();
	cr_assert(bindings_next_report(bindings, &r));
	cr_assert_eq(r.condition, BOUND_WAITING);
	cr_assert(id_equal(&r.xid, &t->link.id));
	cr_assert_not(bindings_next_report(bindings, &r));
	state(played.subscription, 2, true, false);
	commit();
	cr_assert(bindings_next_report(bindings, &r));
	cr_assert(r.condition == BOUND_FOLLOWED && r.sessions == 2);
	state(played.subscription, 1, true, false);
	commit();
	cr_assert_not(bindings_next_report(bindings, &r), "one of two is over");
	says(played.subscription, FOLLOWER_STATE)->state = (struct subscription_state){
		.sessions = 1, .bound_once = true, .unsure = true, .unseen = true};
	commit();
	cr_assert(bindings_next_report(bindings, &r));
	cr_assert(r.condition == BOUND_UNSEEN && r.sessions == 1, "never all clear");
	state(played.subscription, 1, true, false);
	commit();
	cr_assert(bindings_next_report(bindings, &r));
	cr_assert_eq(r.condition, BOUND_FOLLOWED);
	says(0, FOLLOWER_LOSS)->state.unsure = true;
	commit();
	cr_assert(bindings_next_report(bindings, &r));
	cr_assert_eq(r.condition, BOUND_UNSURE);
	says(0, FOLLOWER_LOSS)->state.unsure = false;
	state(played.subscription, 0, true, false);
	commit();
	cr_assert(bindings_next_report(bindings, &r));
	cr_assert_eq(r.condition, BOUND_FOLLOWED);
	cr_assert(bindings_next_report(bindings, &r));
	cr_assert_eq(r.condition, BOUND_ENDED);
	cr_assert_not(bindings_next_report(bindings, &r));
	bindings_report_again(bindings);
	cr_assert(bindings_next_report(bindings, &r));
	cr_assert_eq(r.condition, BOUND_FOLLOWED);
	cr_assert(bindings_next_report(bindings, &r));
	cr_assert_eq(r.condition, BOUND_ENDED);
	cr_assert_not(bindings_next_report(bindings, &r));
	state(played.subscription, 1, true, false);
	state(played.subscription, 0, true, true);
	commit();
	cr_assert(bindings_next_report(bindings, &r));
	cr_assert_eq(r.condition, BOUND_UNSURE);
	cr_assert_not(bindings_next_report(bindings, &r), "in doubt it is no end");
	says(played.subscription, FOLLOWER_STATE)->state =
		(struct subscription_state){.bound_once = true};
	commit();
	cr_assert(bindings_next_report(bindings, &r));
	cr_assert_eq(r.condition, BOUND_FOLLOWED);
	cr_assert(bindings_next_report(bindings, &r));
	cr_assert_eq(r.condition, BOUND_ENDED);
	state(played.subscription, 0, true, false);
	state(played.subscription, 1, true, false);
	commit();
	cr_assert_not(bindings_next_report(bindings, &r), "another came");
	state(played.subscription, 1, true, true);
	commit();
	end(t);
	cr_assert_not(bindings_next_report(bindings, &r), "it has gone meanwhile");
	struct bindings_counts counts;
	bindings_counts(bindings, &counts);
	cr_assert_eq(counts.tasks, 0);
}

// Rules come and go between the parts of a scan.
Test(bindings, reconciliation_during_changes)
{
	uint64_t subscription[50], next = 1, live[400];
	unsigned n_live = 0;

	srand(3);
	for (uint32_t i = 0; i < 50; i++) {
		begin(i, NULL);
		subscription[i] = played.subscription;
	}
	commit();
	for (int round = 0; round < 200; round++) {
		reconcile_begin(&scan);
		do {
			for (int i = 0; i < 4; i++) {
				if (n_live > 0 && rand() % 2) {
					unsigned at = (unsigned)rand() % n_live;
					gone(live[at]);
					live[at] = live[--n_live];
				} else if (n_live < 400) {
					tunnel(subscription[rand() % 50], next, N3_UPF,
						(uint32_t)next, PDU_DIRECTION_FROM_TARGET);
					live[n_live++] = next++;
				}
			}
			cr_assert_geq(bindings_apply(bindings), 0);
		} while (!reconcile_step(&scan, 7));
		commit();
		cr_assert(reconcile_agrees(&scan, table), "round %d", round);
	}
}

Test(bindings, latency_is_measured)
{
	struct bindings_counts c;

	begin(1, NULL);
	for (uint64_t i = 1; i <= 100; i++)
		tunnel(played.subscription, i, N3_UPF, (uint32_t)i, PDU_DIRECTION_FROM_TARGET);
	commit();
	bindings_counts(bindings, &c);
	cr_assert_eq(c.measured, 100);
	cr_assert_eq(c.most_ns, 1000);
	cr_assert(c.p50_ns >= 900 && c.p50_ns <= 1000, "%llu", (unsigned long long)c.p50_ns);
}
