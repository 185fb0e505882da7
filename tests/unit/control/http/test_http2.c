#include "control/http/http2.h"

#include <criterion/criterion.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "shared/error.h"

// The session against nghttp2's client in memory, and against octets that no client library writes.

#define LARGE (100u << 20)

// The session wipes and frees what it is given.
static void respond(struct http2 *h, int32_t stream, unsigned status, const char *body,
	size_t length, int64_t at)
{
	char *copy = length > 0 ? malloc(length) : NULL;

	if (copy != NULL)
		memcpy(copy, body, length);
	http2_respond(h, stream, status, copy, length, at);
}

struct answer { // by (stream - 1) / 2
	unsigned status;
	size_t length;
	uint32_t sum; // of the octets
	uint32_t closed;
	bool ended;
};

static struct http2 *server;
static nghttp2_session *client;
static struct answer answers[4096];
static size_t bodies, leaving;
static unsigned refusals[600];
static int64_t now = 1000;
static int fed;		// last result of http2_feed
static uint32_t goaway; // code + 1
static bool by_hand;	// the test writes the frames
static struct config_limits limits;

static void refused(void *context, unsigned status)
{
	refusals[status]++;
}

static struct answer *answer_of(int32_t stream)
{
	return &answers[(stream - 1) / 2];
}

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_length, const uint8_t *value, size_t length, uint8_t flags, void *context)
{
	if (name_length == 7 && memcmp(name, ":status", 7) == 0)
		answer_of(frame->hd.stream_id)->status = (unsigned)atoi((const char *)value);
	return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *octets,
	size_t length, void *context)
{
	struct answer *a = answer_of(id);
	a->length += length;
	for (size_t i = 0; i < length; i++)
		a->sum = a->sum * 31 + octets[i];
	return 0;
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *frame, void *context)
{
	if (frame->hd.type == NGHTTP2_GOAWAY)
		goaway = frame->goaway.error_code + 1;
	if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)
		answer_of(frame->hd.stream_id)->ended |=
			(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	return 0;
}

static int on_close(nghttp2_session *s, int32_t id, uint32_t code, void *context)
{
	answer_of(id)->closed = code + 1;
	return 0;
}

static struct http2 *new_server(void)
{
	struct http2_settings s = {.path = "/X1/NE",
		.limits = &limits,
		.bodies = &bodies,
		.bodies_max = 4 << 20,
		.leaving = &leaving,
		.refused = refused};
	return http2_new(&s, now);
}

static void new_client(bool automatic)
{
	nghttp2_session_callbacks *c;
	nghttp2_option *o;
	nghttp2_option_new(&o);
	nghttp2_option_set_no_auto_window_update(o, !automatic);
	nghttp2_session_callbacks_new(&c);
	nghttp2_session_callbacks_set_on_header_callback(c, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
	nghttp2_session_client_new2(&client, c, NULL, o);
	nghttp2_session_callbacks_del(c);
	nghttp2_option_del(o);
	nghttp2_submit_settings(client, 0, NULL, 0);
}

static void start(void)
{
	limits = (struct config_limits){.header_timeout = 10,
		.body_timeout = 30,
		.idle_timeout = 300,
		.body = 1 << 20,
		.header = 16384,
		.streams = 100,
		.resets = 100,
		.settings = 10,
		.pings = 10};
	server = new_server();
	new_client(true);
}

static void stop(void)
{
	http2_free(server);
	nghttp2_session_del(client);
	cr_expect_eq(bodies, 0, "%zu octets are still counted", bodies);
}

TestSuite(http2, .init = start, .fini = stop, .timeout = 60);

static void feed(const void *octets, size_t length)
{
	char *exact = malloc(length);
	memcpy(exact, octets, length);
	int rc = http2_feed(server, exact, length, now);
	if (fed == 0)
		fed = rc;
	free(exact);
}

// Finds GOAWAY frames without a client library.
static void scan(const char *octets, size_t length)
{
	static uint8_t text[1 << 20];
	static size_t used;
	memcpy(text + used, octets, length);
	used += length;
	size_t at = 0, n;
	while (used - at >= 9 && used - at >= (n = 9 + ((size_t)text[at] << 16 | text[at + 1] << 8 |
							       text[at + 2]))) {
		if (text[at + 3] == NGHTTP2_GOAWAY)
			goaway = (uint32_t)text[at + 16] + 1;
		at += n;
	}
	memmove(text, text + at, used - at);
	used -= at;
}

static size_t drain(void)
{
	size_t length, total = 0;
	const char *octets;
	while (octets = http2_output(server, &length, now), length > 0) {
		size_t portion = length > 999 ? 999 : length;
		if (by_hand)
			scan(octets, portion);
		else
			cr_assert_eq(
				nghttp2_session_mem_recv(client, (const uint8_t *)octets, portion),
				(ssize_t)portion);
		http2_sent(server, portion);
		total += portion;
	}
	return total;
}

// Until both have nothing more to say.
static void pump(void)
{
	const uint8_t *octets;
	ssize_t n;
	bool any = true;
	while (any) {
		any = false;
		while ((n = nghttp2_session_mem_send(client, &octets)) > 0) {
			feed(octets, (size_t)n);
			any = true;
		}
		any = drain() > 0 || any;
	}
}

struct upload {
	size_t left;
	bool pause;
};

static ssize_t on_read(nghttp2_session *s, int32_t id, uint8_t *buffer, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *context)
{
	struct upload *u = source->ptr;
	size_t n = length < u->left ? length : u->left;
	if (u->pause && n == 0)
		return NGHTTP2_ERR_DEFERRED;
	memset(buffer, 'x', n);
	u->left -= n;
	if (u->left == 0 && !u->pause)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

#define NV(n, v)                                                        \
	{                                                               \
		(uint8_t *)(n), (uint8_t *)(v), strlen(n), strlen(v), 0 \
	}

static int32_t request(
	const char *method, const char *path, const char *const extra[2], struct upload *body)
{
	nghttp2_nv fields[] = {NV(":method", method), NV(":scheme", "https"), NV(":path", path),
		NV(":authority", "a"), NV(extra ? extra[0] : "", extra ? extra[1] : "")};
	nghttp2_data_provider p = {.source.ptr = body, .read_callback = on_read};
	return nghttp2_submit_request(client, NULL, fields, extra ? 5 : 4, body ? &p : NULL, NULL);
}

static int32_t post(struct upload *body)
{
	return request("POST", "/X1/NE", NULL, body);
}

Test(http2, answers_in_any_order)
{
	struct http2_request taken[100];
	struct upload bodies_sent[100];
	int n = 0;
	for (int i = 0; i < 100; i++) {
		bodies_sent[i] = (struct upload){.left = (size_t)i * 50};
		cr_assert_gt(post(&bodies_sent[i]), 0);
	}
	pump();
	while (http2_request(server, &taken[n])) {
		size_t expected = (size_t)(taken[n].stream - 1) / 2 * 50;
		cr_assert_eq(taken[n].length, expected);
		for (size_t i = 0; i < expected; i++)
			cr_assert_eq(taken[n].body[i], 'x');
		n++;
	}
	cr_assert_eq(n, 100);
	cr_assert_not(http2_idle(server));
	while (n-- > 0)
		respond(server, taken[n].stream, 200, "answer", (size_t)n % 7, now);
	pump();
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(answers[i].status, 200);
		cr_assert(answers[i].ended);
		cr_assert_eq(answers[i].closed, 1);
	}
	cr_assert(http2_idle(server));
	cr_assert_not(http2_ended(server));
}

Test(http2, refusals)
{
	static const struct {
		unsigned status;
		const char *method, *path;
		const char *extra[2];
		size_t body;
	} cases[] = {
		{405, "GET", "/X1/NE", {0}, 0},
		{405, "PUT", "/X1/NE", {0}, 10},
		{404, "POST", "/X1/NE/", {0}, 10},
		{415, "POST", "/X1/NE", {"content-type", "text/plain"}, 10},
		{415, "POST", "/X1/NE", {"content-encoding", "gzip"}, 10},
		{417, "POST", "/X1/NE", {"expect", "tea"}, 10},
		{413, "POST", "/X1/NE", {"content-length", "1048577"}, 1048577},
		{413, "POST", "/X1/NE", {0}, 1048577},
		{431, "POST", "/X1/NE", {"large", NULL}, 10},
	};
	char large[17000];
	memset(large, 'a', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct upload body = {.left = cases[i].body};
		struct http2_request r;
		const char *extra[2] = {
			cases[i].extra[0], cases[i].extra[1] ? cases[i].extra[1] : large};
		unsigned before = refusals[cases[i].status];
		int32_t id = request(cases[i].method, cases[i].path,
			cases[i].extra[0] ? extra : NULL, body.left ? &body : NULL);
		pump();
		cr_assert_eq(answer_of(id)->status, cases[i].status, "case %zu: %u", i,
			answer_of(id)->status);
		cr_assert_eq(refusals[cases[i].status], before + 1, "case %zu", i);
		cr_assert_not(http2_request(server, &r), "case %zu", i);
		cr_assert(http2_idle(server), "case %zu", i);
		cr_assert_eq(bodies, 0);
	}
	cr_assert_eq(goaway, 0);
}

Test(http2, the_rest_of_what_is_refused)
{
	struct upload body = {.left = 5u << 20};
	int32_t id = post(&body);
	pump();
	cr_assert_eq(answer_of(id)->status, 413);
	cr_assert(answer_of(id)->ended);
	cr_assert_eq(answer_of(id)->closed, NGHTTP2_NO_ERROR + 1);
	cr_assert_gt(body.left, 2u << 20);
	body = (struct upload){.left = 5, .pause = true};
	id = request("POST", "/", NULL, &body);
	pump();
	cr_assert_eq(answer_of(id)->status, 404);
	cr_assert_not(http2_idle(server));
	now += 30000;
	cr_assert_eq(http2_expire(server, now), HTTP2_LATE_BODY);
	pump();
	cr_assert(http2_idle(server));
}

Test(http2, content_types_and_length_that_are_fine)
{
	static const char *const extra[][2] = {{"content-type", "application/xml; charset=utf-8"},
		{"content-type", "TEXT/XML"}, {"content-length", "7"},
		{"content-encoding", "identity"}, {"expect", "100-continue"}};
	for (size_t i = 0; i < 5; i++) {
		struct upload body = {.left = 7};
		struct http2_request r;
		int32_t id = request("POST", "/X1/NE", extra[i], &body);
		pump();
		cr_assert(http2_request(server, &r), "case %zu", i);
		cr_assert_eq(r.length, 7);
		respond(server, r.stream, 200, NULL, 0, now);
		pump();
		cr_assert_eq(answer_of(id)->status, 200);
	}
}

Test(http2, content_length_that_lies)
{
	static const char *const extra[] = {"content-length", "9"};
	struct upload body = {.left = 7};
	struct http2_request r;
	int32_t id = request("POST", "/X1/NE", extra, &body);
	pump();
	cr_assert_not(http2_request(server, &r));
	cr_assert_eq(answer_of(id)->closed, NGHTTP2_PROTOCOL_ERROR + 1);
}

Test(http2, trailers_are_ignored)
{
	nghttp2_nv trailer[] = {NV("expect", "tea")};
	struct upload body = {.left = 5, .pause = true};
	struct http2_request r;
	int32_t id = post(&body);
	pump();
	cr_assert_not(http2_request(server, &r));
	nghttp2_submit_trailer(client, id, trailer, 1);
	body.pause = false;
	nghttp2_session_resume_data(client, id);
	pump();
	cr_assert(http2_request(server, &r));
	cr_assert_eq(r.length, 5);
	respond(server, r.stream, 200, "a", 1, now);
	pump();
	cr_assert_eq(answer_of(id)->status, 200);
}

Test(http2, a_large_response_and_small_ones_take_turns)
{
	struct http2_request large, small;
	char *text = malloc(LARGE);
	uint32_t sum = 0;
	for (size_t i = 0; i < LARGE; i++) {
		text[i] = (char)(i * 7 >> 3);
		sum = sum * 31 + (uint8_t)text[i];
	}
	post(NULL);
	pump();
	cr_assert(http2_request(server, &large));
	respond(server, large.stream, 200, text, LARGE, now);
	free(text);
	post(NULL);
	const uint8_t *octets;
	ssize_t n;
	while ((n = nghttp2_session_mem_send(client, &octets)) > 0)
		feed(octets, (size_t)n);
	cr_assert(http2_request(server, &small));
	respond(server, small.stream, 200, "small", 5, now);
	drain(); // one window of the large one
	cr_assert_eq(leaving, LARGE);
	cr_assert(answer_of(small.stream)->ended);
	cr_assert_not(answer_of(large.stream)->ended);
	pump();
	cr_assert_eq(answer_of(large.stream)->length, LARGE);
	cr_assert_eq(answer_of(large.stream)->sum, sum);
	cr_assert_eq(leaving, 0);
	cr_assert_eq(goaway, 0); // none of its window updates was one too many
}

Test(http2, peer_resets_what_is_under_way)
{
	struct http2_request taken[50];
	for (int i = 0; i < 50; i++)
		post(NULL);
	pump();
	for (int i = 0; i < 50; i++)
		cr_assert(http2_request(server, &taken[i]));
	for (int i = 0; i < 50; i++)
		nghttp2_submit_rst_stream(client, 0, taken[i].stream, NGHTTP2_CANCEL);
	pump();
	cr_assert_not(http2_idle(server)); // they still cost us
	for (int i = 0; i < 50; i++)
		post(NULL);
	post(NULL); // one more than is allowed beside them
	pump();
	cr_assert_eq(answers[100].closed, NGHTTP2_REFUSED_STREAM + 1);
	for (int i = 0; i < 50; i++)
		respond(server, taken[i].stream, 200, "late", 4, now);
	pump();
	cr_assert_eq(answers[0].status, 0);
	cr_assert_eq(fed, 0);
}

Test(http2, bodies_have_a_budget_for_all)
{
	static struct upload body[6];
	struct http2_request r;
	for (int i = 0; i < 6; i++) {
		body[i] = (struct upload){.left = 900000, .pause = true};
		post(&body[i]);
	}
	pump();
	cr_assert_leq(bodies, 4u << 20);
	cr_assert_eq(refusals[503], 2);
	for (int i = 0; i < 6; i++) {
		body[i].pause = false;
		nghttp2_session_resume_data(client, 2 * i + 1);
	}
	pump();
	for (int i = 0; i < 4; i++)
		cr_assert(http2_request(server, &r));
	cr_assert_not(http2_request(server, &r));
	cr_assert_eq(bodies, 0);
}

Test(http2, finish_ends_behind_what_is_under_way)
{
	struct http2_request r;
	int32_t id = post(NULL);
	pump();
	cr_assert(http2_request(server, &r));
	http2_finish(server);
	pump();
	cr_assert_eq(goaway, 1); // NO_ERROR
	cr_assert_not(http2_ended(server));
	respond(server, r.stream, 200, "a", 1, now);
	pump();
	cr_assert_eq(answer_of(id)->status, 200);
	cr_assert(http2_ended(server));
}

Test(http2, deadlines)
{
	struct upload body = {.left = 5, .pause = true};
	struct http2_request r;
	cr_assert_eq(http2_deadline(server), 11000); // the preface
	int32_t id = post(&body);
	pump();
	cr_assert_eq(http2_deadline(server), 31000);
	now = 30999;
	cr_assert_eq(http2_expire(server, now), HTTP2_ON_TIME);
	now = 31000;
	cr_assert_eq(http2_expire(server, now), HTTP2_LATE_BODY);
	pump();
	cr_assert_eq(answer_of(id)->closed, NGHTTP2_CANCEL + 1);
	cr_assert_eq(bodies, 0);
	cr_assert_eq(http2_deadline(server), 331000); // idle
	post(NULL);
	pump();
	cr_assert(http2_request(server, &r));
	cr_assert_eq(http2_deadline(server), INT64_MAX); // ours to answer
	respond(server, r.stream, 200, NULL, 0, now);
	now = 40000;
	pump();
	now = 340000;
	cr_assert_eq(http2_expire(server, now), HTTP2_LATE_IDLE);
	pump();
	cr_assert(http2_ended(server));
	cr_assert_eq(goaway, 1);
}

Test(http2, a_response_that_is_not_read)
{
	struct http2_request r;
	char *text = calloc(1, 200000);
	nghttp2_session_del(client);
	new_client(false);
	nghttp2_settings_entry tiny = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1};
	nghttp2_submit_settings(client, 0, &tiny, 1);
	int32_t id = post(NULL);
	pump();
	cr_assert(http2_request(server, &r));
	respond(server, r.stream, 200, text, 200000, now);
	pump();
	cr_assert_eq(answer_of(id)->length, 1);
	now = 29000;
	tiny.value = 2; // an octet is no progress
	nghttp2_submit_settings(client, 0, &tiny, 1);
	pump();
	cr_assert_eq(answer_of(id)->length, 2);
	now = 31000;
	cr_assert_eq(http2_deadline(server), 31000);
	cr_assert_eq(http2_expire(server, now), HTTP2_LATE_BODY);
	pump();
	cr_assert_eq(answer_of(id)->closed, NGHTTP2_CANCEL + 1);
	cr_assert(http2_idle(server));
	free(text);
}

// What follows is written by hand.

static void frame(uint8_t type, uint8_t flags, uint32_t stream, const void *payload, size_t length)
{
	uint8_t octets[20000] = {(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length,
		type, flags, (uint8_t)(stream >> 24), (uint8_t)(stream >> 16),
		(uint8_t)(stream >> 8), (uint8_t)stream};
	if (length > 0)
		memcpy(octets + 9, payload, length);
	feed(octets, 9 + length);
}

// POST, https, /X1/NE, authority a.
static const uint8_t header[] = {0x83, 0x87, 0x04, 6, '/', 'X', '1', '/', 'N', 'E', 0x01, 1, 'a'};

static void greet(void)
{
	feed(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
	frame(NGHTTP2_SETTINGS, 0, 0, NULL, 0);
	by_hand = true;
}

static void expect_flood(uint32_t code)
{
	drain();
	cr_assert_eq(goaway, code + 1, "%u", goaway);
	cr_assert(http2_ended(server));
	feed(header, sizeof(header)); // thrown away
	cr_assert_eq(drain(), 0);
}

// Sends the frame until the session ends; the number it took.
static int until_flooded(uint8_t type, uint8_t flags, uint32_t stream, const void *p, size_t n)
{
	int sent = 0;
	while (fed == 0 && sent < 100000) {
		frame(type, flags, stream, p, n);
		sent++;
		if (sent % 10 == 0)
			drain();
		if (http2_flooded(server))
			break;
	}
	return sent;
}

Test(http2, pings)
{
	greet();
	cr_assert_eq(until_flooded(NGHTTP2_PING, 0, 0, "12345678", 8), 11);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2, pings_at_a_decent_pace)
{
	greet();
	for (int i = 0; i < 100; i++) {
		now += 7000;
		frame(NGHTTP2_PING, 0, 0, "12345678", 8);
		drain();
	}
	cr_assert_eq(fed, 0);
}

Test(http2, settings)
{
	greet();
	cr_assert_eq(until_flooded(NGHTTP2_SETTINGS, 0, 0, NULL, 0), 10);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2, acknowledgements_that_nobody_reads)
{
	limits.pings = 100000;
	http2_free(server);
	server = new_server();
	greet();
	int sent = 0;
	for (; fed == 0 && sent < 1000; sent++)
		frame(NGHTTP2_PING, 0, 0, "12345678", 8);
	cr_assert_lt(sent, 200);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2, priority_and_unknown_frames)
{
	greet();
	cr_assert_eq(until_flooded(NGHTTP2_PRIORITY, 0, 1, "\0\0\0\0\1", 5), 101);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2, unknown_frames)
{
	greet();
	cr_assert_eq(until_flooded(0x42, 0, 0, "a", 1), 101);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2, window_updates)
{
	greet();
	cr_assert_eq(until_flooded(NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4), 201);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2, empty_data)
{
	greet();
	frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, header, sizeof(header));
	cr_assert_eq(until_flooded(NGHTTP2_DATA, 0, 1, NULL, 0), 101);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2, padding_is_empty_data_too)
{
	static const uint8_t padding[6] = {5};
	greet();
	frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, header, sizeof(header));
	cr_assert_eq(until_flooded(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, padding, 6), 101);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2, rapid_reset)
{
	int n = 0;
	greet();
	while (fed == 0 && n < 1000) {
		frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, (uint32_t)(2 * n + 1), header,
			sizeof(header));
		frame(NGHTTP2_RST_STREAM, 0, (uint32_t)(2 * n + 1), "\0\0\0\10", 4);
		n++;
	}
	cr_assert_eq(n, 101);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

// Each frame is wrong for its stream alone, so that the server resets it.
Test(http2, made_you_reset)
{
	int n = 0;
	greet();
	while (fed == 0 && !http2_flooded(server) && n < 1000) {
		frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, (uint32_t)(2 * n + 1), header,
			sizeof(header));
		frame(NGHTTP2_WINDOW_UPDATE, 0, (uint32_t)(2 * n + 1), "\x7f\xff\xff\xff", 4);
		drain();
		n++;
	}
	cr_assert_eq(n, 101);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2, continuations)
{
	greet();
	frame(NGHTTP2_HEADERS, 0, 1, header, sizeof(header));
	cr_assert_lt(until_flooded(NGHTTP2_CONTINUATION, 0, 1, "\x82", 1), 12);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

// One octet names a field of 4000 octets each time.
Test(http2, header_bomb)
{
	uint8_t block[16000];
	greet();
	memcpy(block, header, sizeof(header));
	size_t n = sizeof(header);
	memcpy(block + n, "\x40\x01z\x7f\xa1\x1e", 6); // literal, indexed, 4000 octets
	n += 6;
	memset(block + n, 'a', 4000);
	n += 4000;
	memset(block + n, 0xbe, sizeof(block) - n);
	frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block, sizeof(block));
	cr_assert_eq(fed, POI_ERR_LIMIT);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2, a_header_that_never_ends)
{
	greet();
	frame(NGHTTP2_HEADERS, 0, 1, header, sizeof(header));
	now += 10000;
	cr_assert_leq(http2_deadline(server), now);
	cr_assert_eq(http2_expire(server, now), HTTP2_LATE_HEADER);
	expect_flood(NGHTTP2_NO_ERROR);
}

Test(http2, not_http2)
{
	by_hand = true;
	feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
	cr_assert_eq(fed, POI_ERR_INVALID);
	expect_flood(NGHTTP2_PROTOCOL_ERROR);
}

Test(http2, any_portions)
{
	uint8_t all[24 + 9 + 9 + sizeof(header)];
	struct http2_request r;
	memcpy(all, NGHTTP2_CLIENT_MAGIC, 24);
	memcpy(all + 24, "\0\0\0\4\0\0\0\0\0", 9);
	memcpy(all + 33, "\0\0\15\1\5\0\0\0\1", 9);
	memcpy(all + 42, header, sizeof(header));
	for (size_t i = 0; i < sizeof(all); i++) {
		cr_assert_not(http2_request(server, &r));
		feed(all + i, 1);
		cr_assert_eq(fed, 0);
	}
	cr_assert(http2_request(server, &r));
	cr_assert_eq(r.length, 0);
}
