// HTTP/2 on a connection: octets between its socket and its session.
#include "control/http/listener_internal.h"

#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>

#include "shared/error.h"
#include "shared/log.h"
#include "shared/now.h"

#define BODIES_MAX ((size_t)32 << 20) // of all connections together

static void on_refused(void *context, unsigned status)
{
	connection_count_refusal(context, status);
}

int connection_http2_start(struct connection *c)
{
	struct listener *l = c->server->listener;
	const struct config_limits *limits = &l->config->limits;
	struct http2_settings s = {.path = l->config->nes[c->ne].path,
		.limits = limits,
		.bodies = &l->bodies,
		.leaving = &l->leaving,
		.bodies_max = limits->body > BODIES_MAX / 2 ? (size_t)limits->body * 2 : BODIES_MAX,
		.refused = on_refused,
		.context = c};

	c->http2 = http2_new(&s, (int64_t)now_coarse_ms());
	if (c->http2 == NULL)
		return POI_ERR_NOMEM;
	c->state = CONNECTION_HTTP2;
	c->armed = INT64_MAX;
	evtimer_del(c->deadline);
	if (c->last_request)
		http2_finish(c->http2);
	return 0;
}

static int64_t stall_deadline(const struct connection *c)
{
	return c->stalled == 0
		       ? INT64_MAX
		       : c->stalled +
				 (int64_t)c->server->listener->config->limits.body_timeout * 1000;
}

// The timer is only ever moved forward here: one that fires early finds nothing to do.
static void arm(struct connection *c)
{
	int64_t session = http2_deadline(c->http2), stall = stall_deadline(c);
	int64_t first = session < stall ? session : stall;

	if (first >= c->armed)
		return;
	int64_t wait = first - (int64_t)now_coarse_ms();
	if (wait < 0)
		wait = 0;
	struct timeval t = {.tv_sec = wait / 1000, .tv_usec = wait % 1000 * 1000};
	c->armed = first;
	evtimer_add(c->deadline, &t);
}

static void note_flood(struct connection *c)
{
	connection_counters(c)->http2_flood++;
	log_kind(WARNING, FLOOD, "HTTP/2 flood from %s", c->peer_address);
}

static void on_response(
	struct connection *c, int32_t stream, unsigned status, char *body, size_t length)
{
	connection_counters(c)->responses++;
	http2_respond(c->http2, stream, status, body, length, (int64_t)now_coarse_ms());
	// From the loop: a handler that answers at once must not free what its caller uses.
	if (!c->stepping && c->stalled == 0)
		event_active(c->writable, EV_WRITE, 0);
}

static void take_requests(struct connection *c)
{
	struct listener *l = c->server->listener;
	struct http2_request taken;

	while (http2_request(c->http2, &taken)) {
		struct http_exchange *x = connection_exchange(c, taken.stream, on_response);
		struct http_request r = {.body = taken.body,
			.body_length = taken.length,
			.ne = c->ne,
			.peer_uid = c->peer_uid,
			.peer_by_san = c->peer_by_san,
			.peer_address = c->peer_address};
		if (x == NULL)
			http2_respond(
				c->http2, taken.stream, 503, NULL, 0, (int64_t)now_coarse_ms());
		else
			l->handler(l->context, x, &r);
	}
}

// False when the connection is gone.
static bool read_in(struct connection *c)
{
	char octets[READ_SIZE];

	for (int i = 0; i < READS_PER_TURN && !http2_ended(c->http2); i++) {
		ERR_clear_error();
		int n = SSL_read(c->tls, octets, sizeof(octets));
		if (n <= 0) {
			int error = SSL_get_error(c->tls, n);
			ERR_clear_error();
			if (error == SSL_ERROR_WANT_READ)
				return true;
			if (error == SSL_ERROR_WANT_WRITE) {
				event_add(c->writable, NULL);
				return true;
			}
			connection_close(c); // without the peer there is no receiver of an answer
			return false;
		}
		bool flooded = http2_flooded(c->http2);
		int rc = http2_feed(c->http2, octets, (size_t)n, (int64_t)now_coarse_ms());
		explicit_bzero(octets, (size_t)n);
		if (rc == POI_ERR_LIMIT && !flooded)
			note_flood(c);
		else if (rc == POI_ERR_INVALID)
			connection_counters(c)->bad_request++;
		take_requests(c);
		if (SSL_pending(c->tls) == 0 && n < READ_SIZE)
			return true; // the socket becomes readable when there is more
	}
	if (!http2_ended(c->http2))
		event_active(c->readable, EV_READ, 0); // others first; OpenSSL may hold octets
	return true;
}

// False when the connection is gone.
static bool write_out(struct connection *c)
{
	for (int i = 0; i < WRITES_PER_TURN; i++) {
		size_t length;
		bool flooded = http2_flooded(c->http2);
		const char *octets = http2_output(c->http2, &length, (int64_t)now_coarse_ms());
		if (http2_flooded(c->http2) && !flooded)
			note_flood(c);
		if (length == 0) {
			c->stalled = 0;
			return true;
		}
		ERR_clear_error();
		int n = SSL_write(c->tls, octets, (int)length);
		if (n <= 0) {
			int error = SSL_get_error(c->tls, n);
			ERR_clear_error();
			if (error == SSL_ERROR_WANT_WRITE) {
				if (c->stalled == 0)
					c->stalled = (int64_t)now_coarse_ms();
				// A peer that sends without reading gets no turns from it.
				event_del(c->readable);
				event_add(c->writable, NULL);
				return true;
			}
			if (error == SSL_ERROR_WANT_READ)
				return true;
			connection_close(c);
			return false;
		}
		http2_sent(c->http2, (size_t)n);
		if ((size_t)n == length)
			c->stalled = 0;
	}
	event_active(c->writable, EV_WRITE, 0); // others first
	return true;
}

static void after_step(struct connection *c, bool was_idle)
{
	size_t left;

	(void)http2_output(c->http2, &left, (int64_t)now_coarse_ms());
	if (left == 0 && http2_ended(c->http2)) {
		c->armed = INT64_MAX;
		connection_linger(c);
		return;
	}
	if (!was_idle && http2_idle(c->http2))
		connection_move_first(c);
	arm(c);
}

void connection_http2_step(struct connection *c)
{
	bool was_idle = http2_idle(c->http2);

	c->stepping = true;
	if (!write_out(c))
		return;
	if (c->stalled == 0 && (!read_in(c) || !write_out(c)))
		return;
	c->stepping = false;
	after_step(c, was_idle);
}

void connection_http2_deadline(struct connection *c)
{
	struct listener_counters *n = connection_counters(c);
	int64_t now = (int64_t)now_coarse_ms();

	c->armed = INT64_MAX;
	if (stall_deadline(c) <= now) {
		n->body_timeout++;
		connection_close(c);
		return;
	}
	switch (http2_expire(c->http2, now)) {
	case HTTP2_ON_TIME:
		break;
	case HTTP2_LATE_HEADER:
		n->header_timeout++;
		break;
	case HTTP2_LATE_BODY:
		n->body_timeout++;
		break;
	case HTTP2_LATE_IDLE:
		n->idle_closed++;
		break;
	}
	connection_http2_step(c);
}
