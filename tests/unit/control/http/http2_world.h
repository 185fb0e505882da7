#pragma once

// An HTTP/2 session with its client in memory: nghttp2's, or frames written by hand. For one test
// program each.

#include "control/http/http2.h"

#include <criterion/criterion.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "shared/error.h"

#define LARGE (100u << 20)

// The session wipes and frees what it is given.
static inline void respond(struct http2 *h, int32_t stream, unsigned status, const char *body,
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

static inline void refused(void *context, unsigned status)
{
	refusals[status]++;
}

static inline struct answer *answer_of(int32_t stream)
{
	return &answers[(stream - 1) / 2];
}

static inline int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_length, const uint8_t *value, size_t length, uint8_t flags, void *context)
{
	if (name_length == 7 && memcmp(name, ":status", 7) == 0)
		answer_of(frame->hd.stream_id)->status = (unsigned)atoi((const char *)value);
	return 0;
}

static inline int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *octets,
	size_t length, void *context)
{
	struct answer *a = answer_of(id);
	a->length += length;
	for (size_t i = 0; i < length; i++)
		a->sum = a->sum * 31 + octets[i];
	return 0;
}

static inline int on_frame(nghttp2_session *s, const nghttp2_frame *frame, void *context)
{
	if (frame->hd.type == NGHTTP2_GOAWAY)
		goaway = frame->goaway.error_code + 1;
	if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)
		answer_of(frame->hd.stream_id)->ended |=
			(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	return 0;
}

static inline int on_close(nghttp2_session *s, int32_t id, uint32_t code, void *context)
{
	answer_of(id)->closed = code + 1;
	return 0;
}

static inline struct http2 *new_server(void)
{
	struct http2_settings s = {.path = "/X1/NE",
		.limits = &limits,
		.bodies = &bodies,
		.bodies_max = 4 << 20,
		.leaving = &leaving,
		.refused = refused};
	return http2_new(&s, now);
}

static inline void new_client(bool automatic)
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

static inline void start(void)
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

static inline void stop(void)
{
	http2_free(server);
	nghttp2_session_del(client);
	cr_expect_eq(bodies, 0, "%zu octets are still counted", bodies);
}

static inline void feed(const void *octets, size_t length)
{
	char *exact = malloc(length);
	memcpy(exact, octets, length);
	int rc = http2_feed(server, exact, length, now);
	if (fed == 0)
		fed = rc;
	free(exact);
}

// Finds GOAWAY frames without a client library.
static inline void scan(const char *octets, size_t length)
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

static inline size_t drain(void)
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

// Until both have nothing more to send.
static inline void pump(void)
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

static inline ssize_t on_read(nghttp2_session *s, int32_t id, uint8_t *buffer, size_t length,
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

static inline int32_t request(
	const char *method, const char *path, const char *const extra[2], struct upload *body)
{
	nghttp2_nv fields[] = {NV(":method", method), NV(":scheme", "https"), NV(":path", path),
		NV(":authority", "a"), NV(extra ? extra[0] : "", extra ? extra[1] : "")};
	nghttp2_data_provider p = {.source.ptr = body, .read_callback = on_read};
	return nghttp2_submit_request(client, NULL, fields, extra ? 5 : 4, body ? &p : NULL, NULL);
}

static inline int32_t post(struct upload *body)
{
	return request("POST", "/X1/NE", NULL, body);
}
