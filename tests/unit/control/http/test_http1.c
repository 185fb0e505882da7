#include "control/http/http1.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POST "POST /X1/NE HTTP/1.1\r\nHost: a\r\n"

static unsigned status_of(const char *text)
{
	struct http1 *h = http1_new("/X1/NE", 1024, 100);
	enum http1_event e = http1_feed(h, text, strlen(text));
	unsigned status = e == HTTP1_REFUSED ? http1_status(h) : e == HTTP1_REQUEST ? 200 : 0;
	http1_free(h);
	return status;
}

Test(http1, verdicts)
{
	char *large = calloc(1, 4000);
	cr_assert_eq(status_of(POST "Content-Length: 3\r\n\r\nabc"), 200);
	cr_assert_eq(status_of(POST "Content-Length: 0\r\n\r\n"), 200);
	cr_assert_eq(status_of(POST "Content-Length: 3\r\n\r\nabcd"), 400);
	cr_assert_eq(status_of(POST "Content-Length: 3\r\n\r\nabcPOST"), 400);
	cr_assert_eq(status_of(POST "Content-Length: 0\r\n\r\nP"), 400);
	cr_assert_eq(status_of(POST "\r\n"), 411);
	cr_assert_eq(status_of(POST "Content-Length: 101\r\n\r\n"), 413);
	cr_assert_eq(status_of(POST "Content-Length: 99999999999999999999\r\n\r\n"), 400);
	cr_assert_eq(status_of(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"), 400);
	cr_assert_eq(status_of(POST "Transfer-Encoding: chunked\r\n\r\n"), 501);
	cr_assert_neq(
		status_of(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc"), 200);
	cr_assert_eq(status_of("GET /X1/NE HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
	cr_assert_eq(status_of("HEAD /X1/NE HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
	cr_assert_eq(status_of("POST /X1/NE/ HTTP/1.1\r\nHost: a\r\n\r\n"), 404);
	cr_assert_eq(status_of("POST /X1/NE?a HTTP/1.1\r\nHost: a\r\n\r\n"), 404);
	cr_assert_eq(status_of("POST /X1/NE HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), 400);
	// The absolute form (RFC 9112 clause 3.2.2).
	cr_assert_eq(status_of("POST https://ne.example:443/X1/NE HTTP/1.1\r\nHost: a\r\n"
			       "Content-Length: 0\r\n\r\n"),
		200);
	cr_assert_eq(status_of("POST HTTPS://[2001:db8::1]/X1/NE HTTP/1.1\r\nHost: a\r\n"
			       "Content-Length: 0\r\n\r\n"),
		200);
	cr_assert_eq(status_of("POST https://ne.example/X1 HTTP/1.1\r\nHost: a\r\n\r\n"), 404);
	cr_assert_neq(status_of("POST https:///X1/NE HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
	cr_assert_eq(status_of("POST http://ne.example/X1/NE HTTP/1.1\r\nHost: a\r\n\r\n"), 404);
	cr_assert_eq(status_of("POST https://ne.example HTTP/1.1\r\nHost: a\r\n\r\n"), 404);
	cr_assert_eq(status_of("nonsense\r\n\r\n"), 400);
	cr_assert_eq(status_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") / 100, 4);
	cr_assert_eq(status_of(POST "Content-Type: text/html\r\nContent-Length: 0\r\n\r\n"), 415);
	cr_assert_eq(status_of(POST "Content-Type: application/xml; charset=utf-8\r\n"
				    "Content-Length: 0\r\n\r\n"),
		200);
	cr_assert_eq(status_of(POST "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"), 415);
	cr_assert_eq(status_of(POST "Expect: tea\r\nContent-Length: 0\r\n\r\n"), 417);
	cr_assert_eq(status_of(POST "Content-Type: text/xml\r\nContent-Length: 0\r\n\r\n"), 200);
	cr_assert_eq(
		status_of(POST "Content-Encoding: identity\r\nContent-Length: 0\r\n\r\n"), 200);
	cr_assert_eq(status_of(POST "Host: b\r\nContent-Length: 0\r\n\r\n"), 400);
	sprintf(large, "%sA: %02000d", POST, 1);
	cr_assert_eq(status_of(large), 431);
	free(large);
}

// Whole, and octet by octet.
static void expect_status(const char *text, unsigned status)
{
	struct http1 *h = http1_new("/X1/NE", 1024, 100);
	enum http1_event e = HTTP1_MORE;

	cr_expect_eq(status_of(text), status, "%u: %s", status_of(text), text);
	for (size_t i = 0; text[i] != '\0' && e == HTTP1_MORE; i++)
		e = http1_feed(h, text + i, 1);
	cr_expect_eq(e == HTTP1_REFUSED ? http1_status(h) : e == HTTP1_REQUEST ? 200 : 0, status,
		"octet by octet: %s", text);
	http1_free(h);
}

#define EMPTY "Content-Length: 0\r\n\r\n"

Test(http1, fields_that_are_none)
{
	expect_status(POST ": a\r\n" EMPTY, 400);
	expect_status(POST ":\r\n" EMPTY, 400);
	expect_status("POST /X1/NE HTTP/1.1\r\n: a\r\nHost: a\r\n" EMPTY, 400);
	expect_status(POST "A: b\r\n c\r\n" EMPTY, 400);
	expect_status(POST "A: b\r\n\tc\r\n" EMPTY, 400);
	expect_status(POST "A:\r\n b\r\n" EMPTY, 400);
	expect_status("POST /X1/NE HTTP/1.1\r\n Host: a\r\n" EMPTY, 400);
	expect_status(POST "Content-Length: 0\r\n \r\n\r\n", 400);
	expect_status(POST "A : b\r\n" EMPTY, 400);
	// A body may begin as it likes.
	expect_status(POST "Content-Length: 4\r\n\r\n\r\n :", 200);
	expect_status(POST "A: :b\r\nB:\r\nC:  c \r\n" EMPTY, 200);
}

Test(http1, blank_lines_before_a_request_end)
{
	struct http1 *h = http1_new("/X1/NE", 1024, 100);

	expect_status("\r\n" POST EMPTY, 200);
	expect_status("\r\n\r\n" POST EMPTY, 200);
	expect_status("\r\n\r\n\r\n" POST EMPTY, 400);
	for (int round = 0; round < 2; round++) { // anew with each request
		cr_assert_eq(http1_feed(h, "\r\n\r\n", 4), HTTP1_MORE);
		cr_assert_eq(http1_feed(h, POST EMPTY, strlen(POST EMPTY)), HTTP1_REQUEST);
		http1_next(h);
	}
	http1_free(h);
}

Test(http1, targets_in_absolute_form)
{
	expect_status("POST https://poi.example/X1/NE HTTP/1.1\r\nHost: a\r\n" EMPTY, 200);
	expect_status("POST HTTPS://192.0.2.1:8443/X1/NE HTTP/1.1\r\nHost: a\r\n" EMPTY, 200);
	expect_status("POST https://[2001:db8::1]:443/X1/NE HTTP/1.1\r\nHost: a\r\n" EMPTY, 200);
	expect_status("POST https://poi.example HTTP/1.1\r\nHost: a\r\n" EMPTY, 404);
	expect_status("POST https://poi.example/X1/NE?a HTTP/1.1\r\nHost: a\r\n" EMPTY, 404);
	expect_status("POST http://poi.example/X1/NE HTTP/1.1\r\nHost: a\r\n" EMPTY, 404);
	expect_status("POST https:///X1/NE HTTP/1.1\r\nHost: a\r\n" EMPTY, 400);
	expect_status("POST https://a@poi.example/X1/NE HTTP/1.1\r\nHost: a\r\n" EMPTY, 400);
	expect_status("POST https://poi.example/X1/NE HTTP/1.1\r\n" EMPTY, 400);
	expect_status("GET https://poi.example/X1/NE HTTP/1.1\r\nHost: a\r\n" EMPTY, 405);
	char text[900], host[600];
	memset(host, 'a', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	snprintf(text, sizeof(text), "POST https://%s/X1/NE HTTP/1.1\r\nHost: a\r\n" EMPTY, host);
	expect_status(text, 200);
}

Test(http1, charsets)
{
#define TYPE(t) POST "Content-Type: " t "\r\nContent-Length: 2\r\n\r\n"
	expect_status(TYPE("application/xml") "<>", 200);
	expect_status(TYPE("application/xml;charset=\"UTF-8\"") "<>", 200);
	expect_status(TYPE("text/xml ; x=y; Charset=utf-8 ;") "<>", 200);
	expect_status(TYPE("text/xml; charset=us-ascii") "<>", 200);
	expect_status(TYPE("text/xml; charset=utf-16") "\xfe\xff", 200);
	expect_status(TYPE("text/xml; charset=utf-16") "\xff\xfe", 200);
	expect_status(TYPE("text/xml; charset=utf-16") "<>", 415);
	expect_status(TYPE("text/xml; charset=utf-7") "<>", 415);
	expect_status(TYPE("application/xml; charset=iso-8859-1") "<>", 415);
	expect_status(TYPE("application/xml; charset=") "<>", 415);
	expect_status(TYPE("application/xml; charset=\"utf-8") "<>", 415);
	expect_status(TYPE("application/xml; charset=utf-8; charset=utf-7") "<>", 415);
	expect_status(TYPE("application/xml utf-8") "<>", 415);
	expect_status(TYPE("application/xmlx") "<>", 415);
	char text[400];
	snprintf(text, sizeof(text), TYPE("application/xml; %0200d=; charset=utf-7") "<>", 1);
	expect_status(text, 415);
}

Test(http1, octet_by_octet_and_again)
{
	static const char text[] = POST "Content-Length: 3\r\n\r\nabc";
	struct http1 *h = http1_new("/X1/NE", 1024, 100);
	for (int round = 0; round < 3; round++) {
		size_t length;
		for (size_t i = 0; i + 2 < sizeof(text); i++)
			cr_assert_eq(http1_feed(h, text + i, 1), HTTP1_MORE, "octet %zu", i);
		cr_assert_eq(http1_feed(h, "c", 1), HTTP1_REQUEST);
		cr_assert(http1_keep_alive(h));
		const char *body = http1_body(h, &length);
		cr_assert_eq(length, 3);
		cr_assert_eq(memcmp(body, "abc", 3), 0);
		http1_next(h);
		cr_assert_eq(http1_phase(h), HTTP1_IDLE);
	}
	http1_free(h);
}

Test(http1, octets_before_the_response_are_pipelining)
{
	static const char text[] = POST "Content-Length: 1\r\n\r\na";
	struct http1 *h = http1_new("/X1/NE", 1024, 100);
	cr_assert_eq(http1_feed(h, text, sizeof(text) - 1), HTTP1_REQUEST);
	cr_assert_eq(http1_feed(h, "P", 1), HTTP1_REFUSED);
	cr_assert_eq(http1_status(h), 400);
	cr_assert(!http1_keep_alive(h));
	http1_free(h);
}

Test(http1, expect_continue)
{
	static const char text[] = POST "Content-Length: 1\r\nExpect: 100-continue\r\n\r\n";
	struct http1 *h = http1_new("/X1/NE", 1024, 100);
	cr_assert_eq(http1_feed(h, text, sizeof(text) - 1), HTTP1_CONTINUE);
	cr_assert_eq(http1_phase(h), HTTP1_BODY);
	cr_assert_eq(http1_feed(h, "a", 1), HTTP1_REQUEST);
	http1_free(h);
}

Test(http1, reading_one_path)
{
	static const struct {
		const char *text;
		enum http1_event event;
		unsigned status;
	} rows[] = {
		{"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", HTTP1_REQUEST, 0},
		{"GET /metrics HTTP/1.0\r\n\r\n", HTTP1_REQUEST, 0},
		{"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", HTTP1_REFUSED, 405},
		{"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", HTTP1_REFUSED, 405},
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", HTTP1_REFUSED, 404},
		{"GET /metrics HTTP/1.1\r\n\r\n", HTTP1_REFUSED, 400},
		{"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", HTTP1_REFUSED, 413},
		{"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
			HTTP1_REFUSED, 501},
		{"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /", HTTP1_REFUSED, 400},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http1 *h = http1_new_get("/metrics", 1024);
		cr_expect_eq(http1_feed(h, rows[i].text, strlen(rows[i].text)), rows[i].event,
			"row %zu", i);
		cr_expect_eq(http1_status(h), rows[i].status, "row %zu", i);
		http1_free(h);
	}
}

Test(http1, response_head)
{
	char out[256];
	size_t n = http1_response_head(405, 0, false, out, sizeof(out));
	cr_assert_eq(n, strlen(out));
	cr_assert_not_null(strstr(out, "Allow: POST\r\n"));
	cr_assert_not_null(strstr(out, "Connection: close\r\n"));
	n = http1_response_head(200, 5, true, out, sizeof(out));
	cr_assert_not_null(
		strstr(out, "Content-Type: application/xml\r\nContent-Length: 5\r\n\r\n"));
}

Test(http1, every_status_has_its_reason)
{
	static const struct {
		unsigned status;
		const char *reason;
	} all[] = {{200, "OK"}, {400, "Bad Request"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {408, "Request Timeout"}, {411, "Length Required"},
		{413, "Content Too Large"}, {415, "Unsupported Media Type"},
		{417, "Expectation Failed"}, {431, "Request Header Fields Too Large"},
		{501, "Not Implemented"}, {503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"}, {599, "Error"}};
	char head[512], line[128];

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		size_t n = http1_response_head(all[i].status, 0, false, head, sizeof(head));
		snprintf(line, sizeof(line), "HTTP/1.1 %u %s\r\n", all[i].status, all[i].reason);
		cr_assert_gt(n, strlen(line));
		cr_assert_eq(memcmp(head, line, strlen(line)), 0, "%s", line);
	}
}
