#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/channel.h"
#include "shared/config.h"

static const uint8_t memo[] = "canonical";

static struct id16 id(uint8_t seed)
{
	struct id16 v;

	memset(v.b, seed, sizeof(v.b));
	return v;
}

static struct copy_balance copies(void)
{
	struct copy_balance b = {.matched = 1,
		.offered = 2,
		.acknowledged = 3,
		.in_doubt = 4,
		.unsettled = 3,
		.cut = 1,
		.queued = 5,
		.octets = 6};

	for (int i = 0; i < LOSS_COUNT; i++)
		b.lost[i] = 100 + (uint64_t)i;
	return b;
}

static const uint8_t matched[] = {0, 17, 0, 3, '<', 'a', '>', 0, 17, 0, 1, 'b'};

static struct channel_task sample_task(void)
{
	struct channel_task m = {.ne = id(1),
		.xid = id(2),
		.header_xid = id(3),
		.correlation = 4,
		.delivery = DELIVERY_X2 | DELIVERY_X3,
		.report = REPORT_PDSR,
		.tombstone = 1,
		.n_destinations = 2,
		.did = {id(5), id(6)},
		.triggers = {7, 8, 9, 1, 1},
		.matched = matched,
		.matched_length = sizeof(matched),
		.memo = memo,
		.memo_length = sizeof(memo)};

	m.filter = (struct filter){.kinds = FILTER_ADDRESS | FILTER_PORT,
		.n_address = 1,
		.n_port = 1,
		.protocol = 17,
		.address = {{.family = 4, .length = 32, .b = {192, 0, 2, 1}}},
		.port = {{.n = 1, .range = {{53, 53}}}}};
	return m;
}

static struct channel_status sample_status(void)
{
	struct channel_status m = {.copies = copies(),
		.balanced = 1,
		.control_connected = 1,
		.clock_known = 1,
		.clock_synchronised = 1,
		.clock_offset_ns = -1234567,
		.clock_error_ns = 7654321,
		.incarnation = 2,
		.generation = 3,
		.uptime_ms = 4,
		.tasks = 5,
		.destinations = 6,
		.workers = 7,
		.ports = 2};

	m.packets =
		(struct packet_balance){.received = 9, .imissed = 10, .nombuf = 11, .ierrors = 15};
	for (int i = 0; i < PACKET_OUTCOME_COUNT; i++)
		m.packets.outcome[i] = 200 + (uint64_t)i;
	m.packets.forward[FORWARD_TX_FULL] = 12;
	for (unsigned i = 0; i <= DELIVERY_BOUNDS; i++)
		m.times[i % 2].within[i] = 300 + i;
	m.times[0].sum_ns = 400;
	m.times[1].sum_ns = 500;
	strcpy(m.port[1].name, "net_pcap0");
	m.port[1].link_up = 1;
	m.port[1].counts_losses = 1;
	m.port[1].received = 13;
	m.port[1].transmitted = 14;
	m.port[1].ierrors = 16;
	return m;
}

static struct channel_workers sample_workers(void)
{
	struct channel_workers m = {.workers = 2, .ports = 2};

	m.worker[1].cpu = 1;
	m.worker[1].node = 2;
	m.worker[1].queues = 3;
	m.worker[1].received = 4;
	m.worker[1].classified = 5;
	m.worker[1].hits = 6;
	m.worker[1].not_sent = 7;
	m.worker[1].loops = 8;
	m.worker[1].busy_loops = 9;
	m.worker[1].busy_ns = 10;
	m.worker[1].running_ns = 11;
	m.delivery_threads = 2;
	m.delivery_cpu[1] = 20;
	strcpy(m.control_cpus, "0,3-4");
	strcpy(m.port[1].driver, "net_null");
	m.port[1].node = -1;
	m.port[1].queues = 12;
	m.port[1].spread = SPREAD_LAST;
	m.port[1].deaf = 1;
	m.port[1].descriptors = 18;
	m.port[1].share = (struct unopened_share){.sampled = 13,
		.unopened = 14,
		.wrapped = 15,
		.n = 2,
		.most = {{UNOPENED(UNOPENED_UDP, 4789), 16}, {UNOPENED(UNOPENED_MPLS, 0), 17}}};
	return m;
}

static struct channel_signalling sample_signalling(void)
{
	struct channel_signalling m = {.followed = 1,
		.since_ns = 1,
		.sessions = 2,
		.partial = 3,
		.octets = 4,
		.lost = 5,
		.tasks = 6,
		.waiting = 7,
		.unsure = 8,
		.rules = 9,
		.measured = 10,
		.p50_ns = 11,
		.p99_ns = 12,
		.most_ns = 13,
		.holdback_held = 14,
		.holdback_full = 15,
		.n = 2};

	strcpy(m.counter[0].name, "established");
	m.counter[0].value = 16;
	strcpy(m.counter[1].name, "pfcp.short");
	m.counter[1].value = 17;
	return m;
}

// Encodes, splits, decodes back to the same octets, then refuses every truncation, an octet more,
// and every encoding buffer that is too small.
#define CHECK(name, sample)                                                                      \
	do {                                                                                     \
		static uint8_t out[CHANNEL_MESSAGE_MAX], again[CHANNEL_MESSAGE_MAX];             \
		static struct channel_##name m, back;                                            \
		struct channel_header h;                                                         \
		const uint8_t *body;                                                             \
		size_t length;                                                                   \
		m = (struct channel_##name)sample;                                               \
		int n = channel_encode_##name(out, sizeof(out), 7, 99, &m);                      \
		cr_assert_gt(n, 8);                                                              \
		cr_assert_eq(channel_split(out, (size_t)n, &h, &body, &length), POI_OK);         \
		cr_assert_eq(h.id, 7);                                                           \
		cr_assert_eq(h.request, 99);                                                     \
		cr_assert_eq(length, (size_t)n - 8);                                             \
		cr_assert_eq(channel_decode_##name(body, length, &back), POI_OK, #name);         \
		cr_assert_eq(channel_encode_##name(again, sizeof(again), 7, 99, &back), n);      \
		cr_assert_arr_eq(out, again, (size_t)n);                                         \
		for (size_t cut = 0; cut < length; cut++) {                                      \
			uint8_t *exact = malloc(cut ? cut : 1);                                  \
			memcpy(exact, body, cut);                                                \
			cr_expect_lt(                                                            \
				channel_decode_##name(exact, cut, &back), 0, #name " %zu", cut); \
			free(exact);                                                             \
		}                                                                                \
		out[n] = 0;                                                                      \
		cr_expect_eq(channel_decode_##name(body, length + 1, &back), POI_ERR_INVALID);   \
		for (int room = 0; room < n; room++)                                             \
			cr_expect_eq(channel_encode_##name(again, (size_t)room, 7, 99, &m),      \
				POI_ERR_TOO_LARGE);                                              \
	} while (0)

#define S(...)              \
	{                   \
		__VA_ARGS__ \
	}

Test(channel, hello_round_trips)
{
	CHECK(hello,
		S(.version = 1, .role = CHANNEL_ROLE_OBSERVER, .incarnation = 3, .software = "x"));
	CHECK(hello_ok, S(1, 2, 3, 4, 5, 1));
	CHECK(hello_refused, S(2, POI_ERR_IN_USE, "0.1"));
}

Test(channel, a_foreign_version_is_still_read)
{
	struct channel_hello m = {.version = CHANNEL_VERSION + 1, .role = 1}, back;
	uint8_t out[128];
	int n = channel_encode_hello(out, sizeof(out), CHANNEL_HELLO, 1, &m);

	cr_assert_eq(channel_decode_hello(out + 8, (size_t)n - 8, &back), POI_OK);
	cr_assert_eq(back.version, CHANNEL_VERSION + 1);
}

Test(channel, provisioning_round_trips)
{
	CHECK(ne, S(.ne = id(1), .identifier = "poi-01", .fail_safe_ms = 2, .silence_ms = 1,
			  .silent = 1, .remaining_ms = UINT64_MAX, .expired = 1, .memo = memo,
			  .memo_length = 3));
	CHECK(heard, S(id(1), .at_ms = 4711));
	CHECK(destination,
		S(.ne = id(1), .did = id(2), .delivery = DELIVERY_X3, .port = 1,
			.address = {.family = 6, .b = {[15] = 1}}, .memo = memo, .memo_length = 3));
	CHECK(destination, S(.delivery = DELIVERY_X2, .port = 65535, .host = "mdf.example"));
	CHECK(destination, S(.delivery = DELIVERY_X3, .did = id(9), .memo = memo, .memo_length = 3,
				   .creation = 5, .n_ends = 2,
				   .end = {{id(1), {.family = 4, .b = {192, 0, 2, 1}}, "", 1},
					   {id(2), .host = "mdf.example", .port = 2}}));
	CHECK(task, sample_task());
	CHECK(object, S(id(1), id(2)));
	CHECK(memo, S(.ne = id(1), .id = id(2), .of = MEMO_NE, .memo = memo, .memo_length = 4));
}

Test(channel, answers_round_trip)
{
	CHECK(ack, S(POI_ERR_CONFLICT, 77));
	CHECK(state_end, S(1, 2, 3, {[31] = 4}, 1));
	CHECK(complete, S(1));
	CHECK(event,
		S(EVENT_LAST, id(1), id(2), id(3), LOSS_STOPPED, 3, 4, "net_null0", "port down"));
	CHECK(status, sample_status());
	CHECK(task_status, S(id(1), id(2), POI_ERR_NOT_FOUND, copies(), 1, 2, 3, 1, 4));
	CHECK(destination_status,
		S(id(1), id(2), DESTINATION_DRAINING, CONFIG_SETTLE_TCP, 3, 2, copies(), 1, 2, 3, 4,
			"refused", 2, 1,
			{{id(3), DESTINATION_DOWN, 5, "cut"}, {id(4), DESTINATION_UP, 0, ""}}));
	CHECK(control_status, S(1, 2, 1, 10, 1, 3, 4, 5, 6, 11, 7, 8, 9));
	CHECK(workers, sample_workers());
	CHECK(signalling, sample_signalling());
	CHECK(functions, S(1, 2, 3, 4, 5, 6, 1, {{"smf-1", 1, 9, 6, 2, 1}}, 1, {{"missing", 7}}));
}

Test(channel, workers_are_bounded_and_their_values_arrive)
{
	struct channel_workers m = sample_workers(), back;
	uint8_t out[1024];
	int n = channel_encode_workers(out, sizeof(out), CHANNEL_WORKERS, 1, &m);

	cr_assert_eq(channel_decode_workers(out + 8, (size_t)n - 8, &back), POI_OK);
	cr_assert_eq(back.worker[1].busy_ns, 10);
	cr_assert_eq(back.delivery_cpu[1], 20);
	cr_assert_str_eq(back.control_cpus, "0,3-4");
	cr_assert_eq(back.port[1].node, -1);
	cr_assert_eq(back.port[1].descriptors, 18);
	cr_assert_str_eq(back.port[1].driver, "net_null");
	m.port[1].spread = SPREAD_LAST + 1;
	n = channel_encode_workers(out, sizeof(out), CHANNEL_WORKERS, 1, &m);
	cr_assert_eq(channel_decode_workers(out + 8, (size_t)n - 8, &back), POI_ERR_INVALID);
	m.workers = CHANNEL_WORKERS_MAX + 1;
	cr_assert_lt(channel_encode_workers(out, sizeof(out), CHANNEL_WORKERS, 1, &m), 0);
	static const uint8_t many[8] = {0, 0, 0, CHANNEL_WORKERS_MAX + 1};
	cr_assert_lt(channel_decode_workers(many, sizeof(many), &back), 0);
	m.workers = 0;
	m.delivery_threads = CHANNEL_DELIVERY_THREADS_MAX + 1;
	cr_assert_lt(channel_encode_workers(out, sizeof(out), CHANNEL_WORKERS, 1, &m), 0);
}

Test(channel, decoded_values_are_the_encoded_ones)
{
	struct channel_task m = sample_task(), back;
	uint8_t out[1024];
	int n = channel_encode_task(out, sizeof(out), CHANNEL_TASK_PUT, 1, &m);

	cr_assert_eq(channel_decode_task(out + 8, (size_t)n - 8, &back), POI_OK);
	cr_assert(id_equal(&back.did[1], &m.did[1]));
	cr_assert_eq(back.correlation, 4);
	cr_assert_eq(back.report, REPORT_PDSR);
	cr_assert_eq(back.triggers.timer_s, 7);
	cr_assert_eq(back.triggers.packets, 8);
	cr_assert_eq(back.triggers.bytes, 9);
	cr_assert_eq(back.triggers.session, 1);
	cr_assert_eq(back.triggers.skip_empty, 1);
	cr_assert_eq(back.matched_length, sizeof(matched));
	cr_assert_arr_eq(back.matched, matched, sizeof(matched));
	cr_assert(back.matched > out && back.matched < out + n, "points into the message");
	cr_assert(filter_equal(&back.filter, &m.filter));
	cr_assert_eq(back.memo_length, sizeof(memo));
	cr_assert_str_eq((const char *)back.memo, (const char *)memo);
	cr_assert(back.memo > out && back.memo < out + n, "points into the message");
}

Test(channel, a_task_by_session)
{
	static uint8_t out[CHANNEL_MESSAGE_MAX];
	struct channel_task m = sample_task(), back;

	m.filter = (struct filter){.kinds = FILTER_DIRECTION, .direction = FILTER_TO_TARGET};
	m.session = (struct session_target){.kinds = SESSION_FSEID | SESSION_IMSI,
		.seid = 0x1122334455667788,
		.seid_v4 = {.family = 4, .b = {192, 0, 2, 7}},
		.imsi = "001010123456789"};
	int n = channel_encode_task(out, sizeof(out), CHANNEL_TASK_PUT, 1, &m);
	cr_assert_gt(n, 8);
	cr_assert_eq(channel_decode_task(out + 8, (size_t)n - 8, &back), 0);
	cr_assert(session_target_equal(&m.session, &back.session));
	cr_assert(filter_equal(&m.filter, &back.filter));
	for (int cut = 8; cut < n; cut++)
		cr_assert_neq(channel_decode_task(out + 8, (size_t)cut - 8, &back), 0, "%d", cut);
}

static void expect_task_refused(struct channel_task m, int error, const char *what)
{
	static uint8_t out[CHANNEL_MESSAGE_MAX];
	struct channel_task back;
	int n = channel_encode_task(out, sizeof(out), CHANNEL_TASK_PUT, 1, &m);

	if (n > 0)
		n = channel_decode_task(out + 8, (size_t)n - 8, &back);
	cr_expect_eq(n, error, "%s: %d", what, n);
}

Test(channel, task_domains)
{
	static uint8_t large[CHANNEL_MEMO_MAX + 1];
	struct channel_task m = sample_task();

	m.delivery = 0;
	expect_task_refused(m, POI_ERR_INVALID, "delivery 0");
	m.delivery = 4;
	expect_task_refused(m, POI_ERR_INVALID, "delivery 4");
	m = sample_task();
	m.report = 3;
	expect_task_refused(m, POI_ERR_INVALID, "report");
	m = sample_task();
	m.tombstone = 2;
	expect_task_refused(m, POI_ERR_INVALID, "flag");
	m = sample_task();
	m.n_destinations = CHANNEL_TASK_DESTINATIONS_MAX + 1;
	expect_task_refused(m, POI_ERR_TOO_LARGE, "destinations");
	m = sample_task();
	m.filter = (struct filter){0};
	expect_task_refused(m, POI_ERR_INVALID, "an empty filter is everybody");
	m.session = (struct session_target){.kinds = SESSION_PDR, .pdr = 3};
	expect_task_refused(m, POI_ERR_INVALID, "a rule of no session");
	m.session = (struct session_target){0};
	m = sample_task();
	m.filter.address[0].b[5] = 1;
	expect_task_refused(m, 0, "what IPv4 does not carry is not sent");
	m = sample_task();
	m.memo = large;
	m.memo_length = CHANNEL_MEMO_MAX;
	expect_task_refused(m, 0, "the largest memo fits");
	m.memo_length++;
	expect_task_refused(m, POI_ERR_TOO_LARGE, "memo");
}

Test(channel, matched_attributes_are_whole)
{
	static uint8_t large[CHANNEL_MATCHED_MAX + 1] = {0, 17, 0x03, 0xfc};
	static const uint8_t other[] = {0, 18, 0, 1, 'a'}, empty[] = {0, 17, 0, 0};
	struct channel_task m = sample_task();

	m.matched_length = 0;
	expect_task_refused(m, 0, "none: X3 needs none");
	m.matched_length = sizeof(matched) - 1;
	expect_task_refused(m, POI_ERR_INVALID, "the last one is cut");
	m.matched_length = 3;
	expect_task_refused(m, POI_ERR_INVALID, "no length");
	m.matched = other;
	m.matched_length = sizeof(other);
	expect_task_refused(m, POI_ERR_INVALID, "another type");
	m.matched = empty;
	m.matched_length = sizeof(empty);
	expect_task_refused(m, POI_ERR_INVALID, "an empty value");
	m.matched = large;
	m.matched_length = CHANNEL_MATCHED_MAX;
	expect_task_refused(m, 0, "the largest fits");
	m.matched_length++;
	expect_task_refused(m, POI_ERR_TOO_LARGE, "beyond it");
}

// The octet behind the three numbers has two flags; another is another version's.
Test(channel, triggers_have_two_flags)
{
	static uint8_t out[CHANNEL_MESSAGE_MAX];
	static const uint8_t found[] = {
		0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9, 3};
	struct channel_task m = sample_task(), back;
	int n = channel_encode_task(out, sizeof(out), CHANNEL_TASK_PUT, 1, &m);

	cr_assert_gt(n, 8);
	uint8_t *at = memmem(out, (size_t)n, found, sizeof(found));
	cr_assert_not_null(at);
	at[sizeof(found) - 1] = 4;
	cr_assert_eq(channel_decode_task(out + 8, (size_t)n - 8, &back), POI_ERR_INVALID);
	at[sizeof(found) - 1] = 2;
	cr_assert_eq(channel_decode_task(out + 8, (size_t)n - 8, &back), 0);
	cr_assert(!back.triggers.session && back.triggers.skip_empty);
}

Test(channel, other_domains)
{
	uint8_t out[1024];
	struct channel_destination d = {.delivery = 1, .port = 1, .host = "h"}, d2;
	struct channel_ack a = {.result = 1}, a2;
	struct channel_event e = {.kind = EVENT_LAST + 1}, e2;
	struct channel_ne unterminated;
	int n;

	d.address.family = 4; // both
	n = channel_encode_destination(out, sizeof(out), 1, 1, &d);
	cr_expect_eq(channel_decode_destination(out + 8, (size_t)n - 8, &d2), POI_ERR_INVALID);
	d.address.family = 0;
	d.host[0] = 0; // neither
	n = channel_encode_destination(out, sizeof(out), 1, 1, &d);
	cr_expect_eq(channel_decode_destination(out + 8, (size_t)n - 8, &d2), POI_ERR_INVALID);
	d.host[0] = 'h';
	d.port = 0;
	n = channel_encode_destination(out, sizeof(out), 1, 1, &d);
	cr_expect_eq(channel_decode_destination(out + 8, (size_t)n - 8, &d2), POI_ERR_INVALID);
	d = (struct channel_destination){
		.delivery = 1, .n_ends = 2, .end = {{.host = "a", .port = 1}, {id(1), .port = 1}}};
	n = channel_encode_destination(out, sizeof(out), 1, 1, &d); // the second: nowhere
	cr_expect_eq(channel_decode_destination(out + 8, (size_t)n - 8, &d2), POI_ERR_INVALID);
	strcpy(d.end[1].host, "b");
	n = channel_encode_destination(out, sizeof(out), 1, 1, &d);
	cr_expect_eq(channel_decode_destination(out + 8, (size_t)n - 8, &d2), POI_OK);
	d.end[1].did = d.end[0].did;
	n = channel_encode_destination(out, sizeof(out), 1, 1, &d);
	cr_expect_eq(channel_decode_destination(out + 8, (size_t)n - 8, &d2), POI_ERR_INVALID);
	d = (struct channel_destination){.delivery = 1,
		.host = "c",
		.port = 1,
		.n_ends = 1,
		.end = {{.host = "a", .port = 1}}};
	n = channel_encode_destination(out, sizeof(out), 1, 1, &d); // both
	cr_expect_eq(channel_decode_destination(out + 8, (size_t)n - 8, &d2), POI_ERR_INVALID);
	d.n_ends = CHANNEL_ENDS_MAX + 1;
	cr_expect_eq(channel_encode_destination(out, sizeof(out), 1, 1, &d), POI_ERR_TOO_LARGE);
	n = channel_encode_ack(out, sizeof(out), 1, 1, &a);
	cr_expect_eq(channel_decode_ack(out + 8, (size_t)n - 8, &a2), POI_ERR_INVALID);
	n = channel_encode_event(out, sizeof(out), 1, 1, &e);
	cr_expect_eq(channel_decode_event(out + 8, (size_t)n - 8, &e2), POI_ERR_INVALID);
	memset(&unterminated, 'x', sizeof(unterminated));
	cr_expect_eq(channel_encode_ne(out, sizeof(out), 1, 1, &unterminated), POI_ERR_INVALID);
}

Test(channel, split)
{
	struct channel_header h;
	const uint8_t *body;
	size_t length;
	uint8_t out[8];

	cr_assert_eq(channel_encode_empty(out, 8, CHANNEL_STATE_GET, 5), 8);
	for (size_t cut = 0; cut < 8; cut++)
		cr_expect_eq(channel_split(out, cut, &h, &body, &length), POI_ERR_SYNTAX);
	cr_assert_eq(channel_split(out, 8, &h, &body, &length), POI_OK);
	cr_assert_eq(h.id, CHANNEL_STATE_GET);
	cr_assert_eq(length, 0);
	out[3] = 1;
	cr_assert_eq(channel_split(out, 8, &h, &body, &length), POI_ERR_SYNTAX);
}

static char folder[] = "/tmp/poi-channel-XXXXXX", path[64];

static void make_folder(void)
{
	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/dataplane.sock", folder);
}

static void remove_folder(void)
{
	unlink(path);
	rmdir(folder);
}

Test(channel_socket, messages_keep_their_edges, .init = make_folder, .fini = remove_folder)
{
	static uint8_t large[CHANNEL_MESSAGE_MAX], back[CHANNEL_MESSAGE_MAX];
	struct stat st;
	int listener = channel_listen(path), a, b;

	cr_assert_geq(listener, 0);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	cr_assert_eq(channel_accept(listener), POI_ERR_AGAIN);
	a = channel_connect(path);
	b = channel_accept(listener);
	cr_assert_geq(a, 0);
	cr_assert_geq(b, 0);
	cr_assert(fcntl(b, F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(channel_receive(b, back, sizeof(back)), POI_ERR_AGAIN);

	memset(large, 0x5a, sizeof(large));
	cr_assert_eq(channel_send(a, (const uint8_t *)"ab", 2), POI_OK);
	cr_assert_eq(channel_send(a, large, sizeof(large)), POI_OK);
	cr_assert_eq(channel_receive(b, back, sizeof(back)), 2);
	cr_assert_eq(channel_receive(b, back, sizeof(back)), CHANNEL_MESSAGE_MAX);
	cr_assert_arr_eq(large, back, sizeof(back));
	cr_assert_eq(channel_send(a, large, 10), POI_OK);
	cr_assert_eq(channel_receive(b, back, 9), POI_ERR_TOO_LARGE);
	cr_assert_eq(channel_send(a, large, sizeof(large) + 1), POI_ERR_TOO_LARGE);

	int rc;
	unsigned sent = 0;
	while ((rc = channel_send(a, large, sizeof(large))) == POI_OK && sent < 1000)
		sent++;
	cr_assert_eq(rc, POI_ERR_AGAIN, "a full socket is no failure");
	close(a);
	while ((rc = (int)channel_receive(b, back, sizeof(back))) > 0)
		sent--;
	cr_assert_eq(sent, 0);
	cr_assert_eq(rc, POI_ERR_CLOSED);
	cr_assert_eq(channel_send(b, large, 1), POI_ERR_CLOSED, "without a signal");
}

Test(channel_socket, a_descriptor_goes_with_a_message, .init = make_folder, .fini = remove_folder)
{
	int listener = channel_listen(path), got = 7, ends[2];
	uint8_t back[16];
	int a = channel_connect(path), b = channel_accept(listener);

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	cr_assert_eq(channel_send_with(a, (const uint8_t *)"ab", 2, ends[1]), POI_OK);
	cr_assert_eq(channel_receive_with(b, back, sizeof(back), &got), 2);
	cr_assert_geq(got, 0);
	cr_assert(fcntl(got, F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(write(got, "x", 1), 1);
	cr_assert_eq(read(ends[0], back, sizeof(back)), 1, "it is that one");
	close(got);
	cr_assert_eq(channel_send_with(a, (const uint8_t *)"ab", 2, -1), POI_OK);
	cr_assert_eq(channel_receive_with(b, back, sizeof(back), &got), 2);
	cr_assert_eq(got, -1, "none came");
	cr_assert_eq(channel_send_with(a, (const uint8_t *)"ab", 2, ends[1]), POI_OK);
	close(ends[1]);
	cr_assert_eq(channel_receive(b, back, sizeof(back)), 2);
	cr_assert_eq(read(ends[0], back, sizeof(back)), 0, "nobody has one that was not asked for");
	close(ends[0]);
	close(a);
	close(b);
	close(listener);
}

Test(channel_socket, stale_file_is_replaced_a_live_one_is_not, .init = make_folder,
	.fini = remove_folder)
{
	cr_assert_eq(channel_connect(path), POI_ERR_CLOSED, "no file");
	int listener = channel_listen(path);
	cr_assert_geq(listener, 0);
	cr_assert_eq(channel_listen(path), POI_ERR_IN_USE);
	close(listener);
	cr_assert_eq(channel_connect(path), POI_ERR_CLOSED, "nobody listens");
	listener = channel_listen(path);
	cr_assert_geq(listener, 0, "replaced");
	close(listener);
	unlink(path);
	int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(file);
	cr_assert_eq(channel_listen(path), POI_ERR_EXISTS, "not a socket: not ours");
	cr_assert_eq(access(path, F_OK), 0);
	cr_assert_eq(channel_listen(""), POI_ERR_INVALID);
}

Test(channel, states_have_names)
{
	static const char *const states[] = {[DESTINATION_IDLE] = "idle",
		[DESTINATION_CONNECTING] = "connecting",
		[DESTINATION_UP] = "up",
		[DESTINATION_DOWN] = "down",
		[DESTINATION_DRAINING] = "draining"};
	static const char *const spreads[] = {[SPREAD_NONE] = "one_queue",
		[SPREAD_ADDRESSES] = "addresses",
		[SPREAD_ONE_SIDED] = "one_sided",
		[SPREAD_DEVICE] = "device",
		[SPREAD_IMPOSSIBLE] = "impossible",
		[SPREAD_PORTS] = "ports",
		[SPREAD_SOFTWARE] = "software",
		[SPREAD_TUNNEL] = "tunnel"};

	for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		cr_assert_str_eq(destination_state_name(i), states[i]);
	for (unsigned i = 0; i < sizeof(spreads) / sizeof(spreads[0]); i++)
		cr_assert_str_eq(port_spread_name(i), spreads[i]);
	cr_assert_str_eq(destination_state_name(200), "unknown");
	cr_assert_str_eq(port_spread_name(200), "unknown");
}
