// Criteria of which any is enough: as octets, and within a task's message.
#include <criterion/criterion.h>
#include <string.h>

#include "shared/channel.h"

static uint8_t octets[ALTERNATIVES_OCTETS_MAX];
static struct wire_writer w;

static void add(const struct alternative *a)
{
	alternative_encode(&w, a);
	cr_assert_eq(w.error, 0);
}

static struct alternative address(uint8_t last)
{
	return (struct alternative){.filter = {.kinds = FILTER_ADDRESS,
					    .n_address = 1,
					    .address = {{4, 32, {10, 0, 0, last}}}}};
}

static struct alternative fseid(uint64_t seid)
{
	return (struct alternative){.session = {.kinds = SESSION_FSEID, .seid = seid}};
}

static struct alternative fteid(uint32_t teid)
{
	return (struct alternative){
		.filter = {.kinds = FILTER_FTEID, .teid = teid, .fteid_v4 = {4, {192, 0, 2, 1}}}};
}

static int check(void)
{
	return alternatives_check(octets, wire_written(&w));
}

static void setup(void)
{
	w = wire_writer_of(octets, sizeof(octets));
}

TestSuite(alternatives, .init = setup);

Test(alternatives, of_every_sort)
{
	const struct alternative in[] = {address(1), fteid(7), fseid(UINT64_MAX),
		{.session = {.kinds = SESSION_NAI, .nai = "user@realm.example"}},
		{.filter = {.kinds = FILTER_MAC, .n_mac = 1, .mac = {{2, 0, 0, 0, 0, 1}}}}};

	cr_assert_eq(check(), POI_ERR_INVALID, "none");
	add(&in[0]);
	cr_assert_eq(check(), POI_ERR_INVALID, "one is no choice");
	for (unsigned i = 1; i < 5; i++)
		add(&in[i]);
	cr_assert_eq(check(), POI_OK);
	struct alternatives_summary sum = alternatives_sum(octets, wire_written(&w));
	cr_assert(sum.n == 5 && sum.n_sessions == 2 && sum.tunnels);
	struct wire_reader r = wire_reader_of(octets, wire_written(&w));
	for (unsigned i = 0; i < 5; i++) {
		struct alternative a;
		alternative_decode(&r, &a);
		cr_assert_eq(r.error, 0);
		cr_assert(filter_equal(&a.filter, &in[i].filter));
		cr_assert(session_target_equal(&a.session, &in[i].session));
	}
	cr_assert_eq(wire_finish(&r), 0);
	for (size_t cut = 1; cut < wire_written(&w); cut++) {
		struct wire_reader part = wire_reader_of(octets, cut);
		struct alternative a;
		while (!part.error && wire_left(&part) > 0)
			alternative_decode(&part, &a);
		cr_assert(part.error || alternatives_sum(octets, cut).n < 5, "%zu", cut);
	}
}

Test(alternatives, each_names_somebody_once)
{
	static const struct alternative none[] = {
		{.filter = {.kinds = 0}},
		{.filter = {.kinds = FILTER_PORT,
			 .n_port = 1,
			 .protocol = 6,
			 .port = {{1, {{80, 80}}}}}},
		{.filter = {.kinds = FILTER_DIRECTION, .direction = FILTER_TO_TARGET}},
		{.filter = {.kinds = FILTER_ADDRESS,
			 .n_address = 2,
			 .address = {{4, 32, {10, 0, 0, 1}}, {4, 32, {10, 0, 0, 2}}}}},
		{.session = {.kinds = SESSION_NI, .ni_length = 1, .ni = {1}}},
		{.session = {.kinds = SESSION_FSEID | SESSION_PDR, .seid = 1}},
		{.session = {.kinds = SESSION_FSEID | SESSION_IMSI,
			 .seid = 1,
			 .imsi = "001010000000001"}},
		{.filter = {.kinds = FILTER_ADDRESS,
			 .n_address = 1,
			 .address = {{4, 32, {10, 0, 0, 1}}}},
			.session = {.kinds = SESSION_FSEID, .seid = 1}},
	};
	const char *why = NULL;

	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		cr_expect_neq(alternative_check(&none[i], &why), 0, "%u", i);
		setup();
		add(&(struct alternative){.session = {.kinds = SESSION_FSEID, .seid = 9}});
		add(&none[i]);
		cr_expect_eq(check(), POI_ERR_INVALID, "%u", i);
	}
	setup();
	const struct alternative same = fseid(1), other = fseid(2);
	add(&same);
	add(&other);
	cr_assert_eq(check(), POI_OK);
	add(&same);
	cr_assert_eq(check(), POI_ERR_INVALID, "twice");
}

Test(alternatives, as_many_as_there_may_be_have_room)
{
	char nai[SESSION_NAI_MAX + 1];

	memset(nai, 'a', SESSION_NAI_MAX);
	nai[SESSION_NAI_MAX] = 0;
	for (unsigned i = 0; i < ALTERNATIVES_MAX; i++) {
		struct alternative a = {.session = {.kinds = SESSION_NAI}};
		nai[0] = (char)('A' + i);
		memcpy(a.session.nai, nai, sizeof(nai));
		add(&a);
	}
	cr_assert_eq(check(), POI_OK);
	const struct alternative more = fseid(1);
	add(&more);
	cr_assert_eq(check(), POI_ERR_INVALID);
}

Test(alternatives, in_a_message)
{
	static uint8_t out[CHANNEL_MESSAGE_MAX], again[CHANNEL_MESSAGE_MAX];
	const struct alternative a = address(1), b = fseid(5);
	struct channel_task m = {.delivery = DELIVERY_X3, .alternatives = octets}, back;
	const char *why = NULL;

	add(&a);
	add(&b);
	m.alternatives_length = (uint16_t)wire_written(&w);
	cr_assert_eq(channel_task_check(&m, &why), POI_OK);
	int n = channel_encode_task(out, sizeof(out), CHANNEL_TASK_PUT, 1, &m);
	cr_assert_gt(n, 8);
	size_t length = (size_t)n - 8;
	cr_assert_eq(channel_decode_task(out + 8, length, &back), POI_OK);
	cr_assert_eq(back.alternatives_length, m.alternatives_length);
	cr_assert_arr_eq(back.alternatives, octets, m.alternatives_length);
	cr_assert(!back.filter.kinds && !back.session.kinds);
	cr_assert_eq(channel_encode_task(again, sizeof(again), CHANNEL_TASK_PUT, 1, &back), n);
	cr_assert_arr_eq(out, again, (size_t)n);
	for (size_t cut = 0; cut < length; cut++)
		cr_expect_lt(channel_decode_task(out + 8, cut, &back), 0, "%zu", cut);
	out[n] = 0;
	cr_expect_eq(channel_decode_task(out + 8, length + 1, &back), POI_ERR_INVALID);
	m.filter = a.filter;
	cr_expect_eq(
		channel_task_check(&m, &why), POI_ERR_INVALID, "beside a criterion of its own");
	m.filter = (struct filter){0};
	m.alternatives_length--;
	cr_expect_eq(channel_task_check(&m, &why), POI_ERR_INVALID);
	m.alternatives_length = 0;
	cr_expect_eq(channel_task_check(&m, &why), POI_ERR_INVALID, "nothing asked for");
}
