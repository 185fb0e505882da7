// Octets into an HTTP/2 session without TLS. The first octet sets the portions in which they
// arrive, the second the server's acts between them; unless the third is odd, the greeting is put
// before them.

#include <stdlib.h>
#include <string.h>

#include "control/http/http2.h"

#define OUTPUT_PORTION 5000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The session wipes and frees what it is given.
static void respond(struct http2 *h, int32_t stream, unsigned status, const char *body,
	size_t length, int64_t at)
{
	char *copy = length > 0 ? malloc(length) : NULL;

	if (copy != NULL)
		memcpy(copy, body, length);
	http2_respond(h, stream, status, copy, length, at);
}

struct run {
	struct http2 *h;
	int64_t now;
	int32_t late[64]; // streams that are answered at the end
	int n_late;
	uint8_t habits;
};

static void take(struct run *r)
{
	struct http2_request q;

	while (http2_request(r->h, &q)) {
		uint32_t sum = 0;
		for (size_t i = 0; i < q.length; i++)
			sum += (uint8_t)q.body[i];
		if ((r->habits & 1) && r->n_late < 64)
			r->late[r->n_late++] = q.stream;
		else
			respond(r->h, q.stream, sum % 2 ? 200 : 503, "answer", sum % 7, r->now);
	}
}

static void turn(struct run *r)
{
	const char *octets;
	size_t length;

	take(r);
	if (r->habits & 4)
		r->now += 900;
	if (http2_deadline(r->h) <= r->now)
		(void)http2_expire(r->h, r->now);
	if (r->habits & 2)
		return; // a peer that does not read
	while (octets = http2_output(r->h, &length, r->now), length > 0) {
		char copy[OUTPUT_PORTION];
		size_t n = length > sizeof(copy) ? sizeof(copy) : length;
		memcpy(copy, octets, n);
		http2_sent(r->h, n);
	}
	if (http2_ended(r->h) && !http2_idle(r->h) && http2_deadline(r->h) < r->now)
		abort();
}

static void feed(struct run *r, const uint8_t *octets, size_t length)
{
	char *exact = malloc(length);

	memcpy(exact, octets, length);
	(void)http2_feed(r->h, exact, length, r->now);
	free(exact);
	turn(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct config_limits limits = {.header_timeout = 2,
		.body_timeout = 3,
		.idle_timeout = 5,
		.body = 2000,
		.header = 1024,
		.streams = 10,
		.resets = 10,
		.settings = 5,
		.pings = 5};
	static const char greeting[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	size_t bodies = 0;
	struct http2_settings s = {
		.path = "/X1/NE", .limits = &limits, .bodies = &bodies, .bodies_max = 5000};
	struct run r = {.now = 1000};

	if (size < 3)
		return 0;
	size_t portion = (size_t)data[0] % 200 + 1;
	r.h = http2_new(&s, r.now);
	r.habits = data[1];
	if (!(data[2] & 1))
		feed(&r, (const uint8_t *)greeting, sizeof(greeting) - 1);
	for (size_t at = 3; at < size; at += portion) {
		feed(&r, data + at, size - at < portion ? size - at : portion);
		if ((r.habits & 8) && at > size / 2)
			http2_finish(r.h);
	}
	for (int i = 0; i < r.n_late; i++)
		respond(r.h, r.late[i], 200, "late", 4, r.now);
	r.habits = 0;
	turn(&r);
	http2_free(r.h);
	if (bodies != 0)
		abort();
	return 0;
}
