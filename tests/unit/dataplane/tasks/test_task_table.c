#include "dataplane/tasks/state.h"
#include "dataplane/tasks/task_table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct task_table *s;
static int dropped;

static void drop(struct task_resources *resources)
{
	dropped++;
	free(resources);
}

static struct id16 id(uint32_t n)
{
	struct id16 i = {{0xaa}};

	memcpy(i.b + 8, &n, sizeof(n));
	return i;
}

static struct channel_ne element(uint32_t n, uint64_t fail_safe_ms)
{
	struct channel_ne ne = {.ne = id(n), .fail_safe_ms = fail_safe_ms};

	snprintf(ne.identifier, sizeof(ne.identifier), "ne-%u", n);
	return ne;
}

static struct channel_destination destination(uint32_t ne, uint32_t did)
{
	return (struct channel_destination){.ne = id(ne),
		.did = id(did),
		.delivery = DELIVERY_X3,
		.address = {.family = 4, .b = {192, 0, 2, 1}},
		.port = 4000,
		.memo = (const uint8_t *)"memo of d",
		.memo_length = 9};
}

static struct channel_task task(uint32_t ne, uint32_t xid, uint32_t did)
{
	struct channel_task t = {.ne = id(ne),
		.xid = id(xid),
		.header_xid = id(xid),
		.delivery = DELIVERY_X3,
		.n_destinations = 1,
		.did = {id(did)},
		.triggers = {1, 2, 3, 1, 0},
		.matched = (const uint8_t *)"\0\x11\0\4attr",
		.matched_length = 8,
		.memo = (const uint8_t *)"memo of t",
		.memo_length = 9};

	t.filter.kinds = FILTER_ADDRESS;
	t.filter.n_address = 1;
	t.filter.address[0] = (struct ip_prefix){.family = 4, .length = 32, .b = {10, 0, 0, 1}};
	return t;
}

static void setup(void)
{
	s = task_table_new();
	cr_assert(s);
	struct channel_ne ne = element(1, 1000);
	cr_assert_eq(ne_entry_put(s, &ne, 100), 0);
	struct channel_destination d = destination(1, 50);
	struct destination_entry *out;
	cr_assert_eq(destination_entry_put(s, &d, &out), 0);
}

static void teardown(void)
{
	task_table_free(s, drop);
}

TestSuite(task_table, .init = setup, .fini = teardown);

static struct task_entry *insert(uint32_t ne, uint32_t xid, uint32_t did)
{
	struct channel_task t = task(ne, xid, did);
	struct task_entry *made = task_entry_make(&t);

	cr_assert(made);
	made->resources = malloc(8); // the builder's; here only given back
	cr_assert_eq(task_entry_insert(s, made, task_entry_find(s, &t.ne, &t.xid)), 0);
	return made;
}

Test(task_table, deadline_moves_only_when_the_admf_is_heard)
{
	struct id16 ne = id(1);
	struct ne_entry *n = ne_entry_find(s, &ne);

	cr_expect_eq(ne_entry_remaining(n, 100), 1000);
	cr_expect_eq(ne_entry_remaining(n, 1099), 1);
	struct channel_ne again = element(1, 1000);
	cr_assert_eq(ne_entry_put(s, &again, 900), 0); // a restarted control defines it again
	cr_expect_eq(ne_entry_remaining(n, 900), 200, "inherits the deadline");
	cr_assert_eq(ne_entry_heard(s, &ne, 900), 0);
	cr_expect_eq(ne_entry_remaining(n, 900), 1000);
	cr_expect_null(ne_entry_fire(s, 1899));
	cr_expect_not(ne_entry_is_silent(n, 1898));
	cr_expect(ne_entry_is_silent(n, 1899),
		"a millisecond is left where it was past on the other side");
	cr_expect_eq(ne_entry_fire(s, 1900), n);
	cr_expect(n->expired);
	cr_expect(ne_entry_is_silent(n, 1900), "and stays so once it has fired");
	cr_expect_null(ne_entry_fire(s, 5000), "fires once");
	cr_expect_eq(ne_entry_remaining(n, 5000), UINT64_MAX);
	cr_assert_eq(ne_entry_heard(s, &ne, 6000), 0);
	cr_expect_not(n->expired);
	cr_expect_not(ne_entry_is_silent(n, 6000));
	cr_expect_eq(ne_entry_fire(s, 7000), n);
	cr_expect_eq(ne_entry_heard(s, &ne, 5999), 0, "what was on its way for long moves nothing");
	cr_expect_not(n->armed);
	struct id16 stranger = id(2);
	cr_expect_eq(ne_entry_heard(s, &stranger, 0), POI_ERR_NOT_FOUND);
}

// TIME_P2 and TIME_P3 of later minors: the first only reports.
Test(task_table, silence_is_reported_once_and_ahead_of_the_deadline)
{
	struct channel_ne m = element(2, 1000);
	struct id16 ne = id(2);

	m.silence_ms = 400;
	cr_assert_eq(ne_entry_put(s, &m, 0), 0);
	struct ne_entry *n = ne_entry_find(s, &ne);
	struct id16 first = id(1); // its silence is none to report
	cr_assert_eq(ne_entry_heard(s, &first, 0), 0);
	cr_expect_eq(ne_entry_silence_remaining(n, 100), 300);
	cr_expect_null(ne_entry_fall_silent(s, 399));
	cr_expect_eq(ne_entry_fall_silent(s, 402), n);
	cr_expect(n->silent);
	cr_expect_null(ne_entry_fall_silent(s, 403), "once");
	cr_expect_eq(ne_entry_silence_remaining(n, 403), UINT64_MAX);
	cr_expect_eq(ne_entry_remaining(n, 403), 597, "the deadline stays where it is");
	// Control comes back: it defines the element anew, and repeats its own time of the last
	// contact.
	cr_assert_eq(ne_entry_put(s, &m, 500), 0);
	cr_assert_eq(ne_entry_heard(s, &ne, 7), 0);
	cr_expect(n->silent);
	cr_expect_null(ne_entry_fall_silent(s, 501));
	// A contact that was on its way when it was reported.
	cr_assert_eq(ne_entry_heard(s, &ne, 401), 0);
	cr_expect_not(n->silent);
	cr_expect_null(ne_entry_fall_silent(s, 800));
	cr_expect_eq(ne_entry_fall_silent(s, 801), n);
	cr_assert_eq(ne_entry_heard(s, &ne, 900), 0);
	cr_expect_not(n->silent);
	// Both have passed at the next check.
	cr_expect_eq(ne_entry_fall_silent(s, 5000), n);
	cr_assert_eq(ne_entry_heard(s, &first, 5000), 0);
	cr_expect_eq(ne_entry_fire(s, 5000), n);
	cr_expect_null(ne_entry_fall_silent(s, 6000), "nothing is left to be announced");
	m.silence_ms = 0; // the other model
	cr_assert_eq(ne_entry_put(s, &m, 6000), 0);
	cr_expect_not(n->silent);
}

Test(task_table, the_silence_of_a_restored_element_is_reported_when_it_is_due)
{
	struct channel_ne m = element(2, 1000);

	m.silence_ms = 400;
	m.remaining_ms = 700;
	cr_assert_eq(ne_entry_put(s, &m, 50), 0);
	struct ne_entry *n = ne_entry_find(s, &m.ne);
	cr_expect_eq(ne_entry_silence_remaining(n, 50), 100);
	cr_expect_eq(ne_entry_remaining(n, 50), 700);
}

Test(task_table, no_deadline_where_keepalives_are_disabled)
{
	struct channel_ne ne = element(2, 0);

	cr_assert_eq(ne_entry_put(s, &ne, 0), 0);
	cr_expect_eq(ne_entry_remaining(ne_entry_find(s, &ne.ne), UINT64_MAX - 1), UINT64_MAX);
}

Test(task_table, a_deadline_that_is_switched_on_begins_then)
{
	struct channel_ne m = {.ne = {{9}}};

	cr_assert_eq(ne_entry_put(s, &m, 50), 0);
	m.fail_safe_ms = 1000;
	cr_assert_eq(ne_entry_put(s, &m, 5000), 0);
	struct ne_entry *n = ne_entry_find(s, &m.ne);
	cr_expect_eq(ne_entry_remaining(n, 5000), 1000);
	cr_expect_eq(ne_entry_remaining(n, 5900), 100);
	cr_assert_eq(ne_entry_put(s, &m, 5900), 0);
	cr_expect_eq(ne_entry_remaining(n, 5900), 100, "and by no other definition");
}

Test(task_table, a_destination_in_use_stays)
{
	struct id16 ne = id(1), did = id(50);
	struct destination_entry *d = destination_entry_find(s, &ne, &did), *out = NULL;
	struct task_entry *t = insert(1, 7, 50);

	cr_expect_eq(d->references, 1);
	cr_expect_eq(destination_entry_take(s, &ne, &did, &out), POI_ERR_IN_USE);
	task_entry_take(s, t);
	drop(t->resources);
	task_entry_free(t);
	cr_expect_eq(d->references, 0);
	cr_expect_eq(destination_entry_take(s, &ne, &did, &out), 0);
	cr_expect_eq(out, d);
	cr_expect_eq(destination_entry_take(s, &ne, &did, &out), POI_ERR_NOT_FOUND);
	destination_entry_free(d);
}

Test(task_table, replacing_a_task_moves_its_references)
{
	struct id16 ne = id(1), did = id(50), other = id(51), xid = id(7);
	struct channel_destination d = destination(1, 51);
	struct destination_entry *second;

	cr_assert_eq(destination_entry_put(s, &d, &second), 0);
	struct task_entry *old = insert(1, 7, 50);
	insert(1, 8, 50);
	struct task_entry *new = insert(1, 7, 51);
	cr_expect_eq(task_entry_find(s, &ne, &xid), new);
	cr_expect_eq(task_table_tasks(s), 2);
	cr_expect_eq(task_entry_first(s), new, "keeps its place in the order");
	cr_expect_eq(destination_entry_find(s, &ne, &did)->references, 1);
	cr_expect_eq(destination_entry_find(s, &ne, &other)->references, 1);
	drop(old->resources);
	task_entry_free(old);
}

Test(task_table, changing_a_destination_keeps_index_and_references)
{
	struct id16 ne = id(1), did = id(50);
	struct channel_destination d = destination(1, 50);
	struct destination_entry *out;

	insert(1, 7, 50);
	destination_entry_find(s, &ne, &did)->index = 33;
	d.port = 5000;
	d.memo_length = 4;
	cr_assert_eq(destination_entry_put(s, &d, &out), 0);
	cr_expect_eq(out->index, 33);
	cr_expect_eq(out->references, 1);
	cr_expect_eq(out->d.port, 5000);
	cr_expect_eq(out->d.memo_length, 4);
	cr_expect_neq(out->d.memo, d.memo, "a copy");
	cr_expect_eq(task_table_destinations(s), 1);
}

Test(task_table, memos_are_bounded_and_replaced)
{
	static uint8_t big[CHANNEL_MEMO_MAX + 1];
	struct channel_memo m = {
		.ne = id(1), .id = id(7), .memo = (const uint8_t *)"new", .memo_length = 3};

	cr_expect_eq(task_table_memo_put(s, &m), POI_ERR_NOT_FOUND);
	struct task_entry *t = insert(1, 7, 50);
	cr_assert_eq(task_table_memo_put(s, &m), 0);
	cr_expect_eq(t->memo_length, 3);
	cr_expect_arr_eq(t->memo, "new", 3);
	m.memo = big;
	m.memo_length = sizeof(big);
	cr_expect_eq(task_table_memo_put(s, &m), POI_ERR_TOO_LARGE);
	cr_expect_arr_eq(t->memo, "new", 3);
	m = (struct channel_memo){.ne = id(1), .id = id(50), .of = MEMO_DESTINATION};
	cr_assert_eq(task_table_memo_put(s, &m), 0);
	cr_expect_eq(destination_entry_first(s)->d.memo_length, 0);
}

Test(task_table, an_element_keeps_its_memo_over_a_definition)
{
	struct channel_memo m = {
		.ne = id(1), .of = MEMO_NE, .memo = (const uint8_t *)"new", .memo_length = 3};
	static uint8_t message[CHANNEL_MESSAGE_MAX];
	struct channel_ne ne = element(1, 1000);
	struct state_stream st;
	struct channel_header h;
	const uint8_t *body;
	size_t n_body;

	cr_assert_eq(task_table_memo_put(s, &m), 0);
	cr_assert_eq(ne_entry_put(s, &ne, 100), 0);
	cr_assert_eq(state_begin(&st, s, 1), 0);
	int n = state_next(&st, 150, message, sizeof(message));
	cr_assert_eq(channel_split(message, (size_t)n, &h, &body, &n_body), 0);
	cr_assert_eq(channel_decode_ne(body, n_body, &ne), 0);
	cr_assert_eq(ne.memo_length, 3);
	cr_expect_arr_eq(ne.memo, "new", 3);
	state_end(&st);
	m.ne = id(2);
	cr_expect_eq(task_table_memo_put(s, &m), POI_ERR_NOT_FOUND);
}

Test(task_table, tombstones_release_destinations_and_stay_until_cleared)
{
	struct id16 ne = id(1), did = id(50), a = id(7), b = id(8);
	struct ne_entry *n = ne_entry_find(s, &ne);

	insert(1, 7, 50);
	insert(1, 8, 50);
	cr_assert_eq(ne_entry_fire(s, 99999), n);
	for (struct task_entry *t = task_entry_first(s); t; t = task_entry_next(t))
		drop(task_entry_bury(s, t));
	cr_expect_eq(task_table_live_tasks(s), 0);
	cr_expect_eq(task_table_tasks(s), 2, "still streamed");
	cr_expect_eq(destination_entry_find(s, &ne, &did)->references, 0);
	cr_assert_eq(ne_entry_heard(s, &ne, 100000), 0);
	cr_expect(n->expired, "until reported");
	cr_assert_eq(task_table_tombstone_clear(s, &ne, &a), 0);
	cr_expect_eq(task_table_tombstone_clear(s, &ne, &a), POI_ERR_NOT_FOUND);
	cr_expect(n->expired);
	struct task_entry *old = task_entry_find(s, &ne, &b);
	insert(1, 8, 50); // activated again
	task_entry_free(old);
	cr_expect_not(n->expired);
	cr_expect_eq(task_table_live_tasks(s), 1);
	cr_expect_eq(task_table_tombstone_clear(s, &ne, &b), POI_ERR_NOT_FOUND,
		"a live task is no tombstone");
}

Test(task_table, the_same_xid_in_two_elements_is_two_tasks)
{
	struct channel_ne ne = element(2, 0);
	struct id16 one = id(1), two = id(2), xid = id(7);

	cr_assert_eq(ne_entry_put(s, &ne, 0), 0);
	struct task_entry *a = insert(1, 7, 50), *b = insert(2, 7, 50);
	cr_expect_neq(a, b);
	cr_expect_eq(task_entry_find(s, &one, &xid), a);
	cr_expect_eq(task_entry_find(s, &two, &xid), b);
}

Test(task_table, frees_what_tasks_hold)
{
	for (uint32_t i = 0; i < 1000; i++)
		insert(1, 1000 + i, 50);
	dropped = 0;
	task_table_free(s, drop);
	s = NULL; // the suite's own teardown frees what is left
	cr_expect_eq(dropped, 1000);
}

Test(task_table, finds_each_of_many_after_removing_every_third)
{
	struct id16 ne = id(1);

	for (uint32_t i = 0; i < 5000; i++)
		insert(1, i, 50);
	for (uint32_t i = 0; i < 5000; i += 3) {
		struct id16 xid = id(i);
		struct task_entry *t = task_entry_find(s, &ne, &xid);
		task_entry_take(s, t);
		drop(t->resources);
		task_entry_free(t);
	}
	uint32_t n = 0;
	for (struct task_entry *t = task_entry_first(s); t; t = task_entry_next(t))
		n++;
	cr_expect_eq(n, task_table_tasks(s));
	for (uint32_t i = 0; i < 5000; i++) {
		struct id16 xid = id(i);
		cr_assert_eq(task_entry_find(s, &ne, &xid) == NULL, i % 3 == 0, "%u", i);
	}
}

static struct channel_memo object(uint8_t number, const char *memo)
{
	return (struct channel_memo){.ne = id(1),
		.id = id(number),
		.of = MEMO_OBJECT,
		.memo = (const uint8_t *)memo,
		.memo_length = (uint32_t)strlen(memo)};
}

static void stream(uint8_t *all, size_t *length, struct channel_state_end *end)
{
	static uint8_t message[CHANNEL_MESSAGE_MAX];
	struct state_stream st;
	uint16_t last = 0;
	int n;

	*length = 0;
	cr_assert_eq(state_begin(&st, s, 77), 0);
	while ((n = state_next(&st, 150, message, sizeof(message))) > 0) {
		struct channel_header h;
		const uint8_t *body;
		size_t body_length;
		cr_assert_eq(channel_split(message, (size_t)n, &h, &body, &body_length), 0);
		cr_expect_eq(h.request, 77);
		cr_expect_geq(h.id, last == CHANNEL_STATE_END ? 9999 : 0);
		last = h.id;
		if (h.id == CHANNEL_STATE_END) {
			cr_assert_eq(channel_decode_state_end(body, body_length, end), 0);
			continue;
		}
		memcpy(all + *length, body, body_length);
		*length += body_length;
	}
	cr_assert_eq(n, 0);
	cr_expect_eq(last, CHANNEL_STATE_END);
	state_end(&st);
}

Test(task_table, the_state_is_streamed_whole_with_counts_and_digest)
{
	static uint8_t all[65536];
	size_t length;
	struct channel_state_end end;
	uint8_t expected[DIGEST_SIZE];

	struct channel_memo m = object(60, "set");

	cr_assert_eq(task_table_memo_put(s, &m), 0);
	insert(1, 7, 50);
	drop(task_entry_bury(s, insert(1, 8, 50)));
	stream(all, &length, &end);
	cr_expect_eq(end.network_elements, 1);
	cr_expect_eq(end.destinations, 1);
	cr_expect_eq(end.tasks, 2);
	struct digest *d = digest_new();
	digest_add(d, all, length);
	digest_end(d, expected);
	digest_free(d);
	cr_expect_arr_eq(end.digest, expected, DIGEST_SIZE);
}

// Objects of the stream as "number=memo;", and the messages' order as letters.
static void streamed(char *objects, char *order)
{
	static uint8_t message[CHANNEL_MESSAGE_MAX];
	struct state_stream st;
	struct id16 ne = id(1);
	int n;

	*objects = *order = 0;
	cr_assert_eq(state_begin(&st, s, 1), 0);
	while ((n = state_next(&st, 150, message, sizeof(message))) > 0) {
		struct channel_header h;
		const uint8_t *body;
		size_t length;
		struct channel_memo m;
		cr_assert_eq(channel_split(message, (size_t)n, &h, &body, &length), 0);
		strcat(order, h.id == CHANNEL_NE_STATE		  ? "n"
			      : h.id == CHANNEL_REPORT_STATE	  ? "r"
			      : h.id == CHANNEL_OBJECT_STATE	  ? "o"
			      : h.id == CHANNEL_DESTINATION_STATE ? "d"
			      : h.id == CHANNEL_TASK_STATE	  ? "t"
								  : "e");
		if (h.id != CHANNEL_OBJECT_STATE)
			continue;
		cr_assert_eq(channel_decode_memo(body, length, &m), 0);
		cr_expect_eq(m.of, MEMO_OBJECT);
		cr_expect(id_equal(&m.ne, &ne));
		sprintf(objects + strlen(objects), "%u=%.*s;", m.id.b[8], (int)m.memo_length,
			(const char *)m.memo);
	}
	state_end(&st);
}

// A generic object is kept by (network element, identifier), replaced in its place, and gone
// without octets; the controller that comes next gets it before the destinations.
Test(task_table, objects_are_kept_for_control)
{
	struct channel_memo a = object(60, "set"), b = object(61, "hash"), none = object(60, "");
	struct channel_memo report = {.ne = id(1),
		.id = id(60),
		.of = MEMO_REPORT,
		.memo = (const uint8_t *)"r",
		.memo_length = 1};
	static uint8_t big[CHANNEL_MEMO_MAX + 1];
	static char objects[4096], order[64];

	insert(1, 7, 50);
	cr_expect_eq(task_table_memo_put(s, &none), POI_ERR_NOT_FOUND);
	cr_assert_eq(task_table_memo_put(s, &a), 0);
	cr_assert_eq(task_table_memo_put(s, &b), 0);
	cr_assert_eq(task_table_memo_put(s, &report), 0);
	streamed(objects, order);
	cr_expect_str_eq(order, "nroodte");
	cr_expect_str_eq(objects, "60=set;61=hash;");
	a = object(60, "another set");
	cr_assert_eq(task_table_memo_put(s, &a), 0);
	a.memo = big;
	a.memo_length = sizeof(big);
	cr_expect_eq(task_table_memo_put(s, &a), POI_ERR_TOO_LARGE);
	streamed(objects, order);
	cr_expect_str_eq(objects, "60=another set;61=hash;");
	cr_assert_eq(task_table_memo_put(s, &none), 0);
	streamed(objects, order);
	cr_expect_str_eq(order, "nrodte", "a report of the same identifier is another thing");
	cr_expect_str_eq(objects, "61=hash;");
}

Test(task_table, the_first_deadline_of_a_restored_element)
{
	struct channel_ne m = {.ne = {{9}}, .fail_safe_ms = 1000, .remaining_ms = 300};

	cr_assert_eq(ne_entry_put(s, &m, 50), 0);
	struct ne_entry *n = ne_entry_find(s, &m.ne);
	cr_expect_eq(ne_entry_remaining(n, 50), 300);
	cr_assert_eq(ne_entry_put(s, &m, 150), 0);
	cr_expect_eq(ne_entry_remaining(n, 150), 200, "only when it is defined");
	cr_assert_eq(ne_entry_heard(s, &m.ne, 200), 0);
	cr_expect_eq(ne_entry_remaining(n, 200), 1000);
	cr_expect_eq(ne_entry_remaining(n, 1200), 0);
}

Test(task_table, a_streamed_task_says_what_was_put)
{
	static uint8_t message[CHANNEL_MESSAGE_MAX];
	struct state_stream st;
	struct channel_header h;
	const uint8_t *body;
	size_t n_body;
	struct channel_ne ne;
	struct channel_task t, put = task(1, 8, 50);

	drop(task_entry_bury(s, insert(1, 8, 50)));
	cr_assert_eq(state_begin(&st, s, 1), 0);
	int n = state_next(&st, 150, message, sizeof(message));
	cr_assert_eq(channel_split(message, (size_t)n, &h, &body, &n_body), 0);
	cr_assert_eq(h.id, CHANNEL_NE_STATE);
	cr_assert_eq(channel_decode_ne(body, n_body, &ne), 0);
	cr_expect_eq(ne.remaining_ms, 950);
	cr_assert_gt(state_next(&st, 150, message, sizeof(message)), 0);
	n = state_next(&st, 150, message, sizeof(message));
	cr_assert_eq(channel_split(message, (size_t)n, &h, &body, &n_body), 0);
	cr_assert_eq(h.id, CHANNEL_TASK_STATE);
	cr_assert_eq(channel_decode_task(body, n_body, &t), 0);
	cr_expect(id_equal(&t.xid, &put.xid));
	cr_expect(id_equal(&t.did[0], &put.did[0]));
	cr_expect(filter_equal(&t.filter, &put.filter));
	cr_expect_eq(t.tombstone, 1);
	cr_expect_eq(t.memo_length, 9);
	cr_expect_arr_eq(t.memo, "memo of t", 9);
	cr_expect_eq(t.triggers.bytes, 3);
	cr_assert_eq(t.matched_length, 8);
	cr_expect_arr_eq(t.matched, "\0\x11\0\4attr", 8);
	state_end(&st);
}

Test(task_table, alternatives_lie_behind_all_else)
{
	static const uint8_t matched[] = {0, 17, 0, 1, 'a'}, octets[] = {1, 2, 3};
	struct channel_task t = task(1, 9, 1);

	t.matched = matched;
	t.matched_length = sizeof(matched);
	t.alternatives = octets;
	t.alternatives_length = sizeof(octets);
	struct task_entry *made = task_entry_make(&t);
	cr_assert_eq(made->alternatives_length, sizeof(octets));
	cr_assert_arr_eq(task_entry_matched(made), matched, sizeof(matched));
	cr_assert_arr_eq(task_entry_alternatives(made), octets, sizeof(octets));
	task_entry_free(made);
}
