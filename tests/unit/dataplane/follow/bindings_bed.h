#pragma once

// Start of the tests of bindings: a follower that the test plays, tasks, a table. Of each
// file that includes this.

#include "dataplane/follow/bindings.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/match/match.h"
#include "dataplane/packet/parse.h"
#include "shared/pdu.h"
#include "shared/wire.h"
#include "tests/unit/dataplane/packet/frames.h"

#define N3_UPF 0xc6336401u
#define GNB 0xcb007101u
#define UE 0x0a2d0002u
#define SERVER 0xc6120001u

// ---- memory that can run out ----

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
static unsigned until_none; // this allocation from now on fails, once; 0: none does

void *__wrap_calloc(size_t n, size_t size)
{
	return until_none && --until_none == 0 ? NULL : __real_calloc(n, size);
}

// ---- the played follower ----

struct follower {
	uint64_t subscribed, unsubscribed, subscription; // the last one
	uint32_t waited, in_force, n_targets;
	struct session_target target[ALTERNATIVES_MAX];
	uint8_t direction;
	struct follower_changes changes;
};
static struct follower played;

int follower_subscribe(struct follower *f, uint64_t subscription,
	const struct session_target *targets, uint32_t n, uint8_t direction)
{
	f->subscribed++;
	f->n_targets = n;
	memcpy(f->target, targets, n * sizeof(*targets));
	f->subscription = subscription;
	f->direction = direction;
	return POI_OK;
}

void follower_unsubscribe(struct follower *f, uint64_t subscription)
{
	f->unsubscribed++;
}

void follower_wait_done(struct follower *f)
{
	f->waited++;
}

void follower_changes(struct follower *f, struct follower_changes *out)
{
	STAILQ_CONCAT(out, &f->changes);
}

void follower_in_force(struct follower *f)
{
	f->in_force++;
}

void follower_change_free(struct follower_change *c)
{
	pdr_select_drop(c->binding.select);
	free(c);
}

int follower_fd(const struct follower *f)
{
	return 7;
}

static struct follower_change *says(uint64_t subscription, uint8_t kind)
{
	struct follower_change *c = calloc(1, sizeof(*c));

	c->subscription = subscription;
	c->kind = kind;
	STAILQ_INSERT_TAIL(&played.changes, c, link);
	return c;
}

static struct follower_change *tunnel(
	uint64_t subscription, uint64_t id, uint32_t address, uint32_t teid, uint8_t direction)
{
	struct follower_change *c = says(subscription, FOLLOWER_BIND);

	c->binding = (struct binding){.id = id,
		.from_ns = 1000,
		.kind = BINDING_TUNNEL,
		.link = CONFIG_LINK_N3,
		.direction = direction,
		.teid = teid,
		.prefix = {.family = 4, .length = 32}};
	wire_store32(c->binding.prefix.b, address);
	return c;
}

static inline void address(uint64_t subscription, uint64_t id, uint8_t direction)
{
	struct follower_change *c = says(subscription, FOLLOWER_BIND);

	c->binding = (struct binding){.id = id,
		.kind = BINDING_ADDRESS,
		.link = CONFIG_LINK_N6,
		.direction = direction,
		.prefix = {.family = 4, .length = 32}};
	wire_store32(c->binding.prefix.b, UE);
}

static void gone(uint64_t id)
{
	says(0, FOLLOWER_UNBIND)->binding.id = id;
}

static inline void gone_at(uint64_t id, uint64_t ns)
{
	struct follower_change *c = says(0, FOLLOWER_UNBIND);

	c->binding.id = id;
	c->binding.from_ns = ns;
}

static inline void state(uint64_t subscription, uint32_t sessions, bool once, bool unsure)
{
	says(subscription, FOLLOWER_STATE)->state =
		(struct subscription_state){sessions, once, unsure, .ended = once && sessions == 0};
}

// ---- the bed ----

static const struct id16 ne = {{1}}, did = {{2}};
static struct task_table *task_table;
static struct table_builder *builder;
static const struct table *table;
static struct link_classes links;
static struct reconcile scan;
static struct bindings *bindings;

static void drop(struct task_resources *hold)
{
	bindings_drop(hold->bound);
	free(hold);
}

static inline struct task_entry *begin_rules(uint32_t n, const struct filter *also, uint16_t rules)
{
	struct channel_task t = {.ne = ne,
		.xid = {{3}},
		.delivery = DELIVERY_X3,
		.n_destinations = 1,
		.did = {did},
		.session = {.kinds = SESSION_IMSI | rules, .imsi = "001010000000001"}};

	memcpy(t.xid.b + 8, &n, sizeof(n));
	t.header_xid = t.xid;
	if (also)
		t.filter = *also;
	struct task_entry *task = task_entry_make(&t);
	task->resources = calloc(1, sizeof(*task->resources));
	task->resources->slot = n;
	cr_assert_eq(task_entry_insert(task_table, task, NULL), POI_OK);
	cr_assert_eq(bindings_begin(bindings, task, 500, &task->resources->bound), POI_OK);
	reconcile_enters(&scan, task);
	return task;
}

static inline struct task_entry *begin(uint32_t n, const struct filter *also)
{
	return begin_rules(n, also, 0);
}

static void end(struct task_entry *t)
{
	reconcile_leaves(&scan, t);
	bindings_end(bindings, t->resources->bound);
	task_entry_take(task_table, t);
	drop(t->resources);
	task_entry_free(t);
}

static uint64_t in_force_ns = 2000; // when what is committed is in force

static void commit(void)
{
	cr_assert_geq(bindings_apply(bindings), 0);
	const struct table *next = table_commit(builder, 1);
	table_retire(builder, table);
	table = next;
	bindings_in_force(bindings, true, in_force_ns);
}

static void up(void)
{
	static struct config_dataplane config = {.n_ports = 1};
	const uint64_t seed[2] = {1, 2};
	struct channel_ne n = {.ne = ne};
	struct channel_destination d = {.ne = ne, .did = did, .delivery = DELIVERY_X3};
	struct destination_entry *o;

	config.ports[0].tunnel = CONFIG_TUNNEL_GTPU;
	config.ports[0].link = CONFIG_LINK_N3;
	links = link_classes_of(&config);
	STAILQ_INIT(&played.changes);
	task_table = task_table_new();
	builder = table_builder_new(seed);
	scan = (struct reconcile){
		.task_table = task_table, .links = &links, .bound = bindings_digest};
	bindings = bindings_new(builder, &scan);
	scan.bindings = bindings;
	bindings_follower(bindings, &played);
	cr_assert_eq(ne_entry_put(task_table, &n, 0), POI_OK);
	cr_assert_eq(destination_entry_put(task_table, &d, &o), POI_OK);
	table = table_commit(builder, 1);
}

static void down(void)
{
	table_builder_free(builder);
	task_table_free(task_table, drop);
	bindings_free(bindings);
}

static const struct port_traits n3 = {.tunnel = CONFIG_TUNNEL_GTPU, .link = CONFIG_LINK_N3};
static const struct port_traits n6 = {.link = CONFIG_LINK_N6};

// Hits of an uplink packet in a tunnel to `endpoint`, or of a plain one (teid 0).
static uint64_t held_ns; // not 0: it was held since then

static inline unsigned hits(const struct port_traits *port, uint32_t endpoint, uint32_t teid,
	uint16_t dport, struct hit *out)
{
	struct frame f = {0};
	struct packet_view v = {0};
	struct match_cursor cursor = {0};

	frame_ethernet(&f, 0x0800);
	if (teid) {
		frame_ipv4(&f, GNB, endpoint, 17);
		frame_udp(&f, 2152, 2152);
		frame_gtpu_session(&f, teid, 1, 9);
	}
	frame_ipv4(&f, UE, SERVER, 17);
	frame_udp(&f, 4000, dport);
	frame_finish(&f);
	v.data = f.b;
	v.length = v.total = f.n;
	parse_burst(port, &v, 1);
	v.flags |= held_ns ? VIEW_HELD : 0;
	v.held_ns = held_ns;
	return match_burst(table, port, &v, 1, &cursor, out, 8);
}

static inline bool agrees(void)
{
	reconcile_begin(&scan);
	while (!reconcile_step(&scan, 100))
		;
	return reconcile_agrees(&scan, table);
}
