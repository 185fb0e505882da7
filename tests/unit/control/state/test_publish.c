// The channel client against a dataplane that the test plays: adoption, differences, refusals.
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/state/publish.h"
#include "tests/unit/control/state/fake_dataplane.h"

static struct event_base *base;
static struct config config;
static struct registry *registry;
static struct publish *publish;
static struct fake_dataplane dataplane;
static char folder[64];
static unsigned ready, lost, wiped, replayed, parts, fresh;
static int refused; // what a replay is answered
static bool adopted;

static void on_ready(void *context, bool a)
{
	ready++;
	adopted = a;
}

static void on_lost(void *context)
{
	lost++;
}

static void on_event(void *context, const struct channel_event *e)
{
}

static void on_wiped(void *context, uint16_t ne, const struct id16 *xid)
{
	struct registry_task *t = registry_task_find(registry, ne, xid);

	wiped++;
	if (t)
		registry_task_remove(registry, t);
}

static void on_replayed(
	void *context, bool destination, uint16_t ne, const struct id16 *id, int result)
{
	cr_assert_eq(result, refused);
	replayed += !destination;
}

static void on_fresh(void *context)
{
	fresh++;
}

static bool on_incomplete(void *context)
{
	parts++;
	return false;
}

static const struct publish_hooks hooks = {.ready = on_ready,
	.lost = on_lost,
	.event = on_event,
	.wiped = on_wiped,
	.replayed = on_replayed,
	.fresh = on_fresh,
	.incomplete = on_incomplete};

static void run(unsigned ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

static void run_until_ready(void)
{
	unsigned before = ready;

	for (unsigned i = 0; i < 300 && ready == before; i++)
		run(10);
	cr_assert_eq(ready, before + 1);
}

static void control_up(void)
{
	const char *name = "ne-1";

	registry = registry_new(1, &name);
	publish = publish_new(base, &config, registry, &hooks, NULL);
}

static void control_down(void)
{
	publish_free(publish);
	registry_free(registry);
}

static void setup(void)
{
	strcpy(folder, "/tmp/test_publish.XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	config.runtime_dir = folder;
	config.n_nes = 1;
	config.nes[0].ne_identifier = (char *)"ne-1";
	base = event_base_new();
	fake_start(&dataplane, base, folder);
	control_up();
}

static void teardown(void)
{
	control_down();
	fake_stop(&dataplane);
	event_base_free(base);
	cr_assert_eq(rmdir(folder), 0);
}

static struct id16 id(uint32_t n)
{
	struct id16 i = {0};

	memcpy(i.b, &n, sizeof(n));
	return i;
}

static void on_put(void *context, int result, const struct channel_task_status *status)
{
	*(int *)context = result;
}

static void provision(uint32_t tasks)
{
	struct channel_destination d = {.ne = *registry_ne_id(registry, 0),
		.did = id(1),
		.delivery = DELIVERY_X3,
		.port = 9};
	int result = 1;

	strcpy(d.host, "mdf.example.org");
	struct registry_destination *destination = registry_destination_new(0, &d, "<d/>", 4);
	cr_assert_eq(registry_destination_add(registry, destination), 0);
	cr_assert_eq(publish_destination_put(publish, destination, on_put, &result), 0);
	for (uint32_t n = 100; n < 100 + tasks; n++) {
		struct channel_task c = {.xid = id(n),
			.header_xid = id(n),
			.delivery = DELIVERY_X3,
			.n_destinations = 1};
		c.did[0] = id(1);
		c.filter.kinds = FILTER_ADDRESS;
		c.filter.n_address = 1;
		c.filter.address[0] = (struct ip_prefix){
			.family = 4, .length = 32, .b = {10, 0, (uint8_t)(n >> 8), (uint8_t)n}};
		struct registry_task *t = registry_task_new(0, &c, "<t/>", 4);
		cr_assert_eq(registry_task_add(registry, t), 0);
		result = 1;
		cr_assert_eq(publish_task_put(publish, t, on_put, &result), 0);
		cr_assert_eq(result, 1, "never from inside the call");
		t->state = TASK_COMPLETE;
	}
	run(50);
	cr_assert_eq(result, 0);
	cr_assert_eq(fake_count(dataplane.task), tasks);
}

TestSuite(publish, .init = setup, .fini = teardown, .timeout = 30);

Test(publish, control_restart_adopts)
{
	run_until_ready();
	cr_assert(adopted);
	cr_assert_eq(dataplane.nes, 1);
	provision(100);
	uint32_t puts = dataplane.puts;
	control_down();
	control_up();
	run_until_ready();
	cr_assert(adopted);
	cr_assert_eq(registry_task_count(registry, 0), 100);
	cr_assert_eq(registry_destination_first(registry, 0)->references, 100);
	cr_assert_eq(dataplane.puts, puts);
}

Test(publish, dataplane_restart_replays)
{
	run_until_ready();
	provision(100);
	fake_stop(&dataplane);
	run(50);
	cr_assert_eq(lost, 1);
	struct registry_task *t = registry_task_first(registry, 0);
	cr_assert_eq(publish_task_put(publish, t, NULL, NULL), POI_ERR_CLOSED);
	fake_start(&dataplane, base, folder);
	run_until_ready();
	cr_assert(!adopted);
	cr_assert_eq(fake_count(dataplane.task), 100);
	cr_assert_eq(fake_count(dataplane.destination), 1);
	cr_assert_eq(replayed, 100);
}

Test(publish, reconnect_puts_only_differences)
{
	run_until_ready();
	provision(10);
	uint32_t puts = dataplane.puts;
	fake_disconnect(&dataplane);
	run(20);
	// The dataplane lacks one, holds one beyond, and one has changed on our side.
	struct id16 lacking = id(100), surplus = id(101), changed = id(102);
	struct fake_object *o = fake_find(dataplane.task, &lacking);
	free(o->body);
	o->body = NULL;
	registry_task_remove(registry, registry_task_find(registry, 0, &surplus));
	registry_task_find(registry, 0, &changed)->modifications++;
	run_until_ready();
	cr_assert_eq(dataplane.puts, puts + 2);
	cr_assert_eq(dataplane.removes, 1);
	cr_assert_eq(fake_count(dataplane.task), 9);
	cr_assert_null(fake_find(dataplane.task, &surplus));
}

Test(publish, incomplete_state_is_not_adopted)
{
	run_until_ready();
	provision(3);
	for (unsigned i = 0; i < 2; i++) {
		control_down();
		dataplane.wrong_digest = i == 0;
		dataplane.wrong_count = i == 1;
		control_up();
		run(400);
		cr_assert(!publish_recovered(publish));
		cr_assert_eq(registry_task_count(registry, 0), 0);
	}
	dataplane.wrong_count = false;
	run_until_ready();
	cr_assert(publish_recovered(publish));
	cr_assert_eq(registry_task_count(registry, 0), 3);
}

// The one before was cut off while it gave two of three tasks back.
Test(publish, an_incomplete_state_is_not_taken_for_complete)
{
	run_until_ready();
	provision(3);
	cr_assert(dataplane.complete);
	fake_stop(&dataplane);
	run(50);
	fake_start(&dataplane, base, folder);
	dataplane.tasks_taken = 2;
	for (unsigned i = 0; i < 300 && fake_count(dataplane.task) < 2; i++)
		run(10);
	cr_assert_eq(fake_count(dataplane.task), 2);
	cr_assert(!dataplane.complete);
	dataplane.tasks_taken = 0;
	for (unsigned i = 0; i < 2; i++) { // and it stays one
		control_down();
		control_up();
		run_until_ready();
		cr_assert_eq(registry_task_count(registry, 0), 2);
		cr_assert_eq(parts, i + 1);
		cr_assert(!dataplane.complete);
	}
	publish_incomplete_reported(publish);
	run(50);
	cr_assert(dataplane.complete);
	control_down();
	control_up();
	run_until_ready();
	cr_assert_eq(parts, 2);
}

static void forget(struct fake_object *list, uint32_t n)
{
	struct id16 key = id(n);
	struct fake_object *o = fake_find(list, &key);

	if (o) {
		free(o->body);
		o->body = NULL;
	}
}

// The one before came as far as the network element.
Test(publish, nothing_is_incomplete_too)
{
	run_until_ready();
	provision(1);
	fake_stop(&dataplane);
	run(50);
	fake_start(&dataplane, base, folder);
	dataplane.peer = 4711;
	dataplane.hold = true;
	for (unsigned i = 0; i < 300 && !dataplane.nes; i++)
		run(10);
	control_down();
	dataplane.hold = false;
	forget(dataplane.destination, 1);
	forget(dataplane.task, 100);
	control_up();
	fresh = 0;
	run_until_ready();
	cr_assert_eq(fresh, 1);
}

Test(publish, what_is_refused_is_not_complete)
{
	run_until_ready();
	provision(2);
	fake_stop(&dataplane);
	run(50);
	fake_start(&dataplane, base, folder);
	dataplane.result = refused = POI_ERR_NOMEM;
	run_until_ready();
	cr_assert(!dataplane.complete);
	fake_disconnect(&dataplane);
	dataplane.result = refused = 0;
	run_until_ready();
	cr_assert(dataplane.complete);
	// Nor is what has it while a difference is on its way.
	fake_disconnect(&dataplane);
	run(20);
	registry_task_first(registry, 0)->modifications++;
	dataplane.hold = true;
	uint32_t puts = dataplane.puts;
	for (unsigned i = 0; i < 300 && dataplane.puts == puts; i++)
		run(10);
	cr_assert(!dataplane.complete);
	fake_release(&dataplane);
	run_until_ready();
	run(50);
	cr_assert(dataplane.complete);
}

Test(publish, tombstones_are_not_tasks)
{
	run_until_ready();
	provision(3);
	struct id16 dead = id(101);
	struct fake_object *o = fake_find(dataplane.task, &dead);
	struct channel_task t;
	static uint8_t octets[4096];
	cr_assert_eq(channel_decode_task(o->body, o->length, &t), 0);
	t.tombstone = 1;
	int n = channel_encode_task(octets, sizeof(octets), CHANNEL_TASK_STATE, 0, &t);
	uint8_t *body = malloc((size_t)n - 8);
	memcpy(body, octets + 8, (size_t)n - 8);
	free(o->body);
	o->body = body;
	fake_disconnect(&dataplane);
	run_until_ready();
	cr_assert_eq(wiped, 1);
	cr_assert_eq(registry_task_count(registry, 0), 2);
}

Test(publish, surplus_of_a_foreign_network_element_is_removed)
{
	run_until_ready();
	provision(2);
	control_down();
	config.nes[0].ne_identifier = (char *)"ne-9";
	const char *name = "ne-9";
	registry = registry_new(1, &name);
	publish = publish_new(base, &config, registry, &hooks, NULL);
	run_until_ready();
	cr_assert_eq(fake_count(dataplane.task), 0);
	cr_assert_eq(fake_count(dataplane.destination), 0);
}

Test(publish, version_refused)
{
	dataplane.refuse_version = true;
	run(200);
	cr_assert_eq(ready, 0);
	cr_assert_eq(publish_state(publish), PUBLISH_DOWN);
	cr_assert(!publish_recovered(publish));
}

Test(publish, waiting_requests_are_called_back_when_it_dies)
{
	int result = 1;

	run_until_ready();
	provision(1);
	dataplane.silent = true;
	struct id16 key = id(100);
	cr_assert_eq(publish_task_remove(publish, 0, &key, on_put, &result), 0);
	run(50);
	cr_assert_eq(result, 1);
	fake_stop(&dataplane);
	run(50);
	cr_assert_eq(result, POI_ERR_CLOSED);
	fake_start(&dataplane, base, folder);
}
