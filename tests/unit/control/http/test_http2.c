// The HTTP/2 session against nghttp2's client in memory.
#include "tests/unit/control/http/http2_world.h"

TestSuite(http2, .init = start, .fini = stop, .timeout = 60);

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
		{400, "POST", "/X1/NE", {"", "a"}, 10},
		{400, "POST", "/X1/NE", {"a b", "c"}, 10},
		{400, "POST", "/X1/NE", {"a", "b\nc"}, 10},
		{400, "POST", "/X1/NE", {"a", " folded"}, 10},
		{415, "POST", "/X1/NE", {"content-type", "text/xml; charset=utf-7"}, 10},
		{415, "POST", "/X1/NE", {"content-type", "text/xml; charset=utf-16"}, 10},
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

static void refused_with(nghttp2_nv *fields, size_t n, unsigned status)
{
	int32_t id = nghttp2_submit_request(client, NULL, fields, n, NULL, NULL);
	struct http2_request r;

	pump();
	cr_assert_not(http2_request(server, &r));
	cr_assert_eq(answer_of(id)->status, status);
	cr_assert(http2_idle(server));
}

// nghttp2 1.64 and later resets such a stream before our own check sees the field.
static void reset_or_refused(nghttp2_nv *fields, size_t n)
{
	struct http2_request r;

	if (nghttp2_version(0)->version_num < 0x014000) {
		refused_with(fields, n, 400);
		return;
	}
	int32_t id = nghttp2_submit_request(client, NULL, fields, n, NULL, NULL);
	pump();
	cr_assert_not(http2_request(server, &r));
	cr_assert_eq(answer_of(id)->closed, NGHTTP2_PROTOCOL_ERROR + 1);
	cr_assert_eq(answer_of(id)->status, 0);
	cr_assert(http2_idle(server));
	cr_assert_eq(goaway, 0);
}

Test(http2, another_scheme_or_a_user_is_malformed)
{
	struct upload body = {.left = 5};
	struct http2_request r;
	nghttp2_nv scheme[] = {NV(":method", "POST"), NV(":scheme", "http"), NV(":path", "/X1/NE"),
		NV(":authority", "a")};
	nghttp2_nv user[] = {NV(":method", "POST"), NV(":scheme", "https"), NV(":path", "/X1/NE"),
		NV(":authority", "admf@a")};

	refused_with(scheme, 4, 400);
	reset_or_refused(user, 4);
	cr_assert_gt(post(&body), 0);
	pump();
	cr_assert(http2_request(server, &r), "the session goes on");
	respond(server, r.stream, 200, "", 0, now);
}

Test(http2, a_trailer_that_is_none_is_malformed)
{
	nghttp2_nv trailer[] = {NV("", "tea")};
	struct upload body = {.left = 5, .pause = true};
	struct http2_request r;
	int32_t id = post(&body);

	pump();
	nghttp2_submit_trailer(client, id, trailer, 1);
	body.pause = false;
	nghttp2_session_resume_data(client, id);
	pump();
	cr_assert_not(http2_request(server, &r));
	cr_assert_eq(answer_of(id)->status, 400);
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
