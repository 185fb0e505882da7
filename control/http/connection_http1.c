// HTTP/1.1 on a connection: requests are read one after the other, responses written in turns.
#include "control/http/listener_internal.h"

#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>

#include "shared/error.h"

#define PROGRESS 65536 // octets of a response that renew its deadline
#define COPIED 16000   // octets of a body that goes behind its head in one record

static void await_request(struct connection *c)
{
	c->state = CONNECTION_READ;
	c->timed = HTTP1_IDLE;
	connection_move_first(c); // what is idle for longest comes last
	connection_deadline(c, connection_limits(c)->idle_timeout);
}

// `body` comes from malloc and is kept or freed here.
static void start_response(struct connection *c, unsigned status, char *body, size_t length)
{
	bool keep = status == 200 || status == 503, apart = length > COPIED;
	char head[256];

	keep = keep && http1_keep_alive(c->http) && !c->last_request && !c->read_closed;
	c->last_request = !keep;
	size_t head_length = http1_response_head(status, length, keep, head, sizeof(head));
	connection_drop_output(c);
	c->out = malloc(head_length + (apart ? 0 : length));
	if (c->out != NULL) {
		memcpy(c->out, head, head_length);
		c->out_length = head_length;
		if (apart) {
			c->body = body;
			c->body_length = length;
		} else if (length > 0) { // head and body in one record
			memcpy(c->out + head_length, body, length);
			c->out_length += length;
		}
		c->server->listener->leaving += c->out_length + c->body_length;
	} else {
		c->last_request = true; // no memory: closed from the loop without an answer
	}
	if (body != NULL && body != c->body) {
		explicit_bzero(body, length);
		free(body);
	}
	c->state = CONNECTION_WRITE;
	connection_counters(c)->responses++;
	connection_deadline(c, connection_limits(c)->body_timeout);
	// Written from the loop: a handler that answers at once must not free what its caller uses.
	event_add(c->writable, NULL);
}

static void on_response(
	struct connection *c, int32_t stream, unsigned status, char *body, size_t length)
{
	start_response(c, status, body, length);
}

static void refuse(struct connection *c, unsigned status)
{
	connection_count_refusal(c, status);
	connection_abandon(c);
	c->last_request = true;
	start_response(c, status, NULL, 0);
}

static void hand_over(struct connection *c)
{
	struct listener *l = c->server->listener;
	struct http_exchange *x = connection_exchange(c, 0, on_response);
	struct http_request r = {
		.ne = c->ne,
		.peer_uid = c->peer_uid,
		.peer_by_san = c->peer_by_san,
		.peer_address = c->peer_address};

	if (x == NULL) {
		start_response(c, 503, NULL, 0);
		return;
	}
	c->state = CONNECTION_WAIT;
	evtimer_del(c->deadline);
	r.body = http1_body(c->http, &r.body_length);
	l->handler(l->context, x, &r);
}

// "100 Continue" is short; if the socket does not take it whole, the peer goes on by itself (RFC
// 9110 section 10.1.1).
static void send_continue(struct connection *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	ERR_clear_error();
	if (SSL_write(c->tls, text, sizeof(text) - 1) <= 0)
		ERR_clear_error();
}

static void watch_phase(struct connection *c)
{
	enum http1_phase phase = http1_phase(c->http);

	if (phase == c->timed || c->state != CONNECTION_READ)
		return;
	c->timed = phase;
	if (phase == HTTP1_HEADER)
		connection_deadline(c, connection_limits(c)->header_timeout);
	else if (phase == HTTP1_BODY)
		connection_deadline(c, connection_limits(c)->body_timeout);
}

static void take_octets(struct connection *c, const char *octets, size_t length)
{
	switch (http1_feed(c->http, octets, length)) {
	case HTTP1_MORE:
		watch_phase(c);
		break;
	case HTTP1_CONTINUE:
		watch_phase(c);
		send_continue(c);
		break;
	case HTTP1_REQUEST:
		hand_over(c);
		break;
	case HTTP1_REFUSED:
		refuse(c, http1_status(c->http));
		break;
	}
}

static void peer_finished(struct connection *c)
{
	event_del(c->readable);
	c->read_closed = true;
	// A request that is complete is answered even if the peer sends no more.
	if (c->state == CONNECTION_READ)
		connection_close(c);
}

void connection_http1_read(struct connection *c)
{
	char octets[READ_SIZE];

	for (int i = 0; i < READS_PER_TURN; i++) {
		ERR_clear_error();
		int n = SSL_read(c->tls, octets, sizeof(octets));
		if (n <= 0) {
			int error = SSL_get_error(c->tls, n);
			ERR_clear_error();
			if (error == SSL_ERROR_WANT_WRITE)
				event_add(c->writable, NULL);
			else if (error == SSL_ERROR_ZERO_RETURN)
				peer_finished(c);
			else if (error != SSL_ERROR_WANT_READ)
				connection_close(c);
			return;
		}
		take_octets(c, octets, (size_t)n);
		explicit_bzero(octets, (size_t)n);
		if (c->state != CONNECTION_READ && c->state != CONNECTION_WAIT)
			return;
	}
	event_active(c->readable, EV_READ, 0); // others first; OpenSSL may hold octets
}

// There is something to be written: of the head, then of the body.
static bool writes_on(struct connection *c)
{
	if (c->out_done < c->out_length)
		return true;
	if (c->body == NULL)
		return false;
	connection_drop_part(c, c->out, c->out_done, c->out_length);
	c->out = c->body;
	c->out_length = c->body_length;
	c->out_done = c->out_mark = c->body_length = 0;
	c->body = NULL;
	return true;
}

void connection_http1_write(struct connection *c)
{
	for (int i = 0; writes_on(c); i++) {
		if (i == WRITES_PER_TURN) {
			event_active(c->writable, EV_WRITE, 0);
			return;
		}
		size_t left = c->out_length - c->out_done;
		ERR_clear_error();
		int n = SSL_write(
			c->tls, c->out + c->out_done, left > 1 << 20 ? 1 << 20 : (int)left);
		if (n <= 0) {
			int error = SSL_get_error(c->tls, n);
			ERR_clear_error();
			if (error == SSL_ERROR_WANT_WRITE)
				event_add(c->writable, NULL);
			else if (error != SSL_ERROR_WANT_READ)
				connection_close(c);
			return;
		}
		explicit_bzero(c->out + c->out_done, (size_t)n);
		c->out_done += (size_t)n;
		if (c->out_done - c->out_mark >= PROGRESS) {
			c->out_mark = c->out_done;
			connection_deadline(c, connection_limits(c)->body_timeout);
		}
	}
	connection_drop_output(c);
	if (c->last_request) {
		connection_linger(c);
		return;
	}
	http1_next(c->http);
	await_request(c);
	connection_http1_read(c);
}

int connection_http1_start(struct connection *c)
{
	const struct config_limits *max = connection_limits(c);

	c->http = http1_new(c->server->listener->config->nes[c->ne].path, max->header, max->body);
	if (c->http == NULL)
		return POI_ERR_NOMEM;
	await_request(c);
	return 0;
}

void connection_http1_deadline(struct connection *c)
{
	struct listener_counters *n = connection_counters(c);

	if (c->state == CONNECTION_READ && c->timed == HTTP1_IDLE)
		n->idle_closed++;
	else if (c->state == CONNECTION_READ && c->timed == HTTP1_HEADER)
		n->header_timeout++;
	else
		n->body_timeout++;
	connection_close(c);
}
