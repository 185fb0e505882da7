#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "control/state/registry.h"

static struct registry *registry;

static void setup(void)
{
	static const char *const names[] = {"ne-1", "ne-2"};

	registry = registry_new(2, names);
}

static void teardown(void)
{
	registry_free(registry);
}

static struct id16 id(uint32_t n)
{
	struct id16 i = {0};

	memcpy(i.b, &n, sizeof(n));
	return i;
}

static void add_destination(uint16_t ne, uint32_t n)
{
	struct channel_destination c = {.did = id(n), .delivery = DELIVERY_X3, .port = 9};

	strcpy(c.host, "mdf.example.org");
	cr_assert_eq(
		registry_destination_add(registry, registry_destination_new(ne, &c, "<d/>", 4)), 0);
}

static struct channel_task channel_task(uint32_t n, uint32_t did)
{
	struct channel_task c = {.xid = id(n),
		.header_xid = id(n + 1),
		.correlation = 99,
		.delivery = DELIVERY_X3,
		.n_destinations = 1};

	c.did[0] = id(did);
	c.filter.kinds = FILTER_ADDRESS;
	c.filter.n_address = 1;
	c.filter.address[0] = (struct ip_prefix){.family = 4, .length = 32, .b = {192, 0, 2, 1}};
	cr_assert_eq(filter_normalise(&c.filter), 0);
	return c;
}

static struct registry_task *task(uint16_t ne, uint32_t n, uint32_t did, const char *xml)
{
	struct channel_task c = channel_task(n, did);

	return registry_task_new(ne, &c, xml, strlen(xml));
}

TestSuite(registry, .init = setup, .fini = teardown);

Test(registry, keys_are_per_network_element)
{
	struct id16 seven = id(7);

	add_destination(0, 1);
	add_destination(1, 1);
	cr_assert_eq(registry_task_add(registry, task(0, 7, 1, "a")), 0);
	cr_assert_eq(registry_task_add(registry, task(1, 7, 1, "b")), 0);
	cr_assert_str_eq(registry_task_xml(registry_task_find(registry, 0, &seven)), "a");
	cr_assert_str_eq(registry_task_xml(registry_task_find(registry, 1, &seven)), "b");
	struct registry_task *again = task(0, 7, 1, "c");
	cr_assert_eq(registry_task_add(registry, again), POI_ERR_EXISTS);
	registry_task_free(again);
}

Test(registry, references)
{
	struct id16 one = id(1), two = id(2), seven = id(7);
	struct registry_task *homeless = task(0, 7, 1, "a");

	cr_assert_eq(registry_task_add(registry, homeless), POI_ERR_NOT_FOUND);
	add_destination(0, 1);
	add_destination(0, 2);
	cr_assert_eq(registry_task_add(registry, homeless), 0);
	cr_assert_eq(registry_destination_find(registry, 0, &one)->references, 1);
	cr_assert_eq(registry_task_replace(registry, task(0, 7, 2, "b")), 0);
	cr_assert_eq(registry_destination_find(registry, 0, &one)->references, 0);
	cr_assert_eq(registry_destination_find(registry, 0, &two)->references, 1);
	cr_assert_eq(registry_task_count(registry, 0), 1);
	registry_task_remove(registry, registry_task_find(registry, 0, &seven));
	cr_assert_eq(registry_destination_find(registry, 0, &two)->references, 0);
	cr_assert_null(registry_task_first(registry, 0));
}

Test(registry, replace_keeps_faults_and_place)
{
	add_destination(0, 1);
	for (uint32_t n = 10; n < 13; n++)
		cr_assert_eq(registry_task_add(registry, task(0, n, 1, "a")), 0);
	struct registry_task *middle = registry_task_next(registry_task_first(registry, 0));
	cr_assert_eq(fault_raise(&middle->faults, FAULT_LOSS, 9020, "x"), 1);
	cr_assert_eq(registry_task_replace(registry, task(0, 11, 1, "b")), 0);
	middle = registry_task_next(registry_task_first(registry, 0));
	cr_assert_str_eq(registry_task_xml(middle), "b");
	cr_assert(fault_has(middle->faults, FAULT_LOSS));
	cr_assert_null(registry_task_next(registry_task_next(middle)));
	cr_assert_eq(TAILQ_PREV(registry_task_next(middle), registry_tasks, entry), middle);
}

Test(registry, many)
{
	add_destination(0, 1);
	for (uint32_t n = 1; n <= 20000; n++)
		cr_assert_eq(registry_task_add(registry, task(0, n, 1, "a")), 0);
	for (uint32_t n = 1; n <= 20000; n += 2) {
		struct id16 key = id(n);
		registry_task_remove(registry, registry_task_find(registry, 0, &key));
	}
	for (uint32_t n = 1; n <= 20000; n++) {
		struct id16 key = id(n);
		cr_assert_eq(registry_task_find(registry, 0, &key) != NULL, n % 2 == 0);
	}
	cr_assert_eq(registry_task_count(registry, 0), 10000);
	cr_assert_lt(sizeof(struct registry_task), 300);
}

Test(registry, memo_round_trip)
{
	uint8_t memo[CHANNEL_MEMO_MAX];
	struct registry_task *t = task(0, 7, 1, "<taskDetails/>"), *back;

	t->implicit = true;
	t->pending = PENDING_MODIFY;
	t->pending_transaction = id(77);
	t->modifications = 3;
	t->activated_ns = 1;
	t->modified_ns = 2;
	t->before = (struct task_amounts){11, 12, 13};
	cr_assert_eq(fault_raise(&t->faults, FAULT_LOSS, 9020, "lost"), 1);
	cr_assert_eq(fault_raise(&t->faults, FAULT_DELIVERY, 9030, "down"), 1);
	int n = registry_task_memo(t, memo, sizeof(memo));
	cr_assert_gt(n, 0);
	struct channel_task c;
	cr_assert_eq(registry_task_channel(registry, t, &c), 0);
	c.memo = memo;
	c.memo_length = (uint32_t)n;
	cr_assert_eq(registry_task_from_memo(0, &c, &back), 0);
	cr_assert_eq(back->implicit, true);
	cr_assert_eq(back->pending, PENDING_MODIFY);
	cr_assert(id_equal(&back->pending_transaction, &t->pending_transaction));
	cr_assert_eq(back->modifications, 3);
	cr_assert_eq(back->modified_ns, 2);
	cr_assert_eq(fault_count(back->faults), 2);
	cr_assert_str_eq(back->faults->text, "lost");
	cr_assert_str_eq(registry_task_xml(back), "<taskDetails/>");
	cr_assert_eq(back->before.x3_octets, 12);
	cr_assert_eq(back->before.last_intercept_ns, 13);
	cr_assert_eq(back->correlation, 99);
	uint8_t again[CHANNEL_MEMO_MAX];
	cr_assert_eq(registry_task_memo(back, again, sizeof(again)), n);
	cr_assert_arr_eq(memo, again, (size_t)n);
	registry_task_free(back);
	for (int cut = 0; cut < n; cut++) { // on exact-size copies, for the sanitizer
		uint8_t *copy = malloc((size_t)cut + 1);
		memcpy(copy, memo, (size_t)cut);
		c.memo = copy;
		c.memo_length = (uint32_t)cut;
		cr_assert_lt(registry_task_from_memo(0, &c, &back), 0);
		free(copy);
	}
	memo[0] = 4;
	c.memo = memo;
	c.memo_length = (uint32_t)n;
	cr_assert_eq(registry_task_from_memo(0, &c, &back), POI_ERR_VERSION);
	registry_task_free(t);
}

Test(registry, a_session_target_is_kept)
{
	uint8_t memo[CHANNEL_MEMO_MAX];
	struct registry_task *t = task(0, 7, 1, "<taskDetails/>"), *by_session, *back;
	struct channel_task c, again;

	cr_assert_eq(registry_task_channel(registry, t, &c), 0);
	c.filter = (struct filter){0};
	c.session = (struct session_target){.kinds = SESSION_IMSI, .imsi = "001010123456789"};
	by_session = registry_task_new(0, &c, "<taskDetails/>", 14);
	cr_assert_eq(registry_task_channel(registry, by_session, &again), 0);
	cr_assert(session_target_equal(&c.session, &again.session));
	cr_assert_eq(again.filter.kinds, 0);
	int n = registry_task_memo(by_session, memo, sizeof(memo));
	again.memo = memo;
	again.memo_length = (uint32_t)n;
	cr_assert_eq(registry_task_from_memo(0, &again, &back), 0);
	cr_assert_eq(registry_task_channel(registry, back, &again), 0);
	cr_assert(session_target_equal(&c.session, &again.session));
	cr_assert_str_eq(registry_task_xml(back), "<taskDetails/>");
	registry_task_free(t);
	registry_task_free(by_session);
	registry_task_free(back);
}

Test(registry, alternatives_are_kept)
{
	uint8_t memo[CHANNEL_MEMO_MAX], octets[ALTERNATIVES_OCTETS_MAX];
	struct registry_task *t = task(0, 7, 1, "<taskDetails/>"), *any, *back;
	struct wire_writer w = wire_writer_of(octets, sizeof(octets));
	struct channel_task c, again;

	cr_assert_eq(registry_task_channel(registry, t, &c), 0);
	const struct alternative one = {.filter = c.filter};
	alternative_encode(&w, &one);
	for (uint64_t seid = 1; seid <= 2; seid++) {
		const struct alternative a = {.session = {.kinds = SESSION_FSEID, .seid = seid}};
		alternative_encode(&w, &a);
	}
	c.filter = (struct filter){0};
	c.alternatives = octets;
	c.alternatives_length = (uint16_t)wire_written(&w);
	any = registry_task_new(0, &c, "<taskDetails/>", 14);
	cr_assert_eq(registry_task_channel(registry, any, &again), 0);
	cr_assert(again.filter.kinds == 0 && again.session.kinds == 0);
	cr_assert_eq(again.alternatives_length, c.alternatives_length);
	cr_assert_arr_eq(again.alternatives, octets, c.alternatives_length);
	int n = registry_task_memo(any, memo, sizeof(memo));
	again.memo = memo;
	again.memo_length = (uint32_t)n;
	cr_assert_eq(registry_task_from_memo(0, &again, &back), 0);
	registry_task_free(any);
	cr_assert_eq(registry_task_channel(registry, back, &again), 0);
	cr_assert_eq(again.alternatives_length, c.alternatives_length);
	cr_assert_arr_eq(again.alternatives, octets, c.alternatives_length);
	cr_assert_str_eq(registry_task_xml(back), "<taskDetails/>");
	registry_task_free(t);
	registry_task_free(back);
}

Test(registry, memo_bound)
{
	static char xml[CHANNEL_MEMO_MAX];
	static uint8_t memo[CHANNEL_MEMO_MAX + 1024];

	memset(xml, 'x', sizeof(xml) - 1);
	struct registry_task *t = task(0, 7, 1, xml);
	cr_assert_eq(registry_task_memo(t, memo, sizeof(memo)), POI_ERR_TOO_LARGE);
	registry_task_free(t);
}

Test(registry, issues_drop_the_oldest)
{
	struct issues *q = issues_new(2);
	struct issue i = {.code = 1};

	for (; i.code <= 3; i.code++)
		issues_put(q, &i);
	cr_assert_eq(issues_dropped(q), 1);
	cr_assert(issues_take(q, &i));
	cr_assert_eq(i.code, 2);
	cr_assert(issues_take(q, &i));
	cr_assert(!issues_take(q, &i));
	issues_free(q);
}

Test(registry, a_destination_keeps_its_pending_acknowledgement)
{
	static const char *const name = "ne-1";
	struct registry *r = registry_new(1, &name);
	struct channel_destination c = {.port = 9, .host = "mdf", .delivery = DELIVERY_X3};
	struct registry_destination *d = registry_destination_new(0, &c, "<d/>", 4), *back;
	uint8_t memo[1024];

	d->pending = true;
	d->pending_transaction.b[3] = 0x77;
	int n = registry_destination_memo(d, memo, sizeof(memo));
	cr_assert_gt(n, 0);
	c.memo = memo;
	c.memo_length = (uint32_t)n;
	cr_assert_eq(registry_destination_from_memo(0, &c, &back), 0);
	cr_assert(back->pending);
	cr_assert_eq(back->pending_transaction.b[3], 0x77);
	registry_destination_free(back);
	// As an earlier version left it: without what is pending.
	uint8_t first[] = {1, 0, 0, 0, 0, 0, 4, '<', 'd', '/', '>'};
	c.memo = first;
	c.memo_length = sizeof(first);
	cr_assert_eq(registry_destination_from_memo(0, &c, &back), 0);
	cr_assert(!back->pending);
	registry_destination_free(back);
	registry_destination_free(d);
	registry_free(r);
}

Test(registry, elements_are_added)
{
	static const char *const name = "ne-1";
	struct registry *r = registry_new(1, &name);
	struct id16 id = id_of_ne("ne-9");

	cr_assert_eq(registry_ne_add(r, "ne-9"), 1);
	cr_assert_eq(registry_nes(r), 2);
	cr_assert_eq(registry_ne_index(r, &id), 1);
	while (registry_nes(r) < REGISTRY_NES_MAX)
		cr_assert_geq(registry_ne_add(r, "more"), 2);
	cr_assert_eq(registry_ne_add(r, "more"), POI_ERR_LIMIT);
	registry_free(r);
}
