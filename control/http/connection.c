#include "control/http/listener_internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>

#include "shared/error.h"
#include "shared/tls.h"

#define LINGER_SECONDS 2
#define PROGRESS 65536 // octets of a response that renew its deadline
#define COPIED 16000   // octets of a body that goes behind its head in one record

static const struct config_limits *limits(const struct connection *c)
{
	return &c->server->listener->config->limits;
}

static struct listener_counters *counters(struct connection *c)
{
	return &c->server->listener->counters;
}

static void set_deadline(struct connection *c, uint32_t seconds)
{
	struct timeval t = {.tv_sec = seconds};

	evtimer_add(c->deadline, &t);
}

static void unlink_connection(struct connection *c)
{
	struct listener *l = c->server->listener;

	if (c->previous != NULL)
		c->previous->next = c->next;
	else
		l->connections = c->next;
	if (c->next != NULL)
		c->next->previous = c->previous;
}

static void link_first(struct connection *c)
{
	struct listener *l = c->server->listener;

	c->previous = NULL;
	c->next = l->connections;
	if (c->next != NULL)
		c->next->previous = c;
	l->connections = c;
}

static void drop_part(struct connection *c, char *octets, size_t done, size_t length)
{
	// What has left was wiped then: tens of mebibytes are not wiped in one turn.
	if (octets != NULL)
		explicit_bzero(octets + done, length - done);
	free(octets);
	c->server->listener->leaving -= length;
}

static void drop_output(struct connection *c)
{
	drop_part(c, c->out, c->out_done, c->out_length);
	drop_part(c, c->body, 0, c->body_length);
	c->out = c->body = NULL;
	c->out_length = c->out_done = c->out_mark = c->body_length = 0;
}

// The exchanges under way answer into the void.
static void abandon(struct connection *c)
{
	for (struct http_exchange *x; (x = TAILQ_FIRST(&c->exchanges)) != NULL;) {
		TAILQ_REMOVE(&c->exchanges, x, entry);
		x->connection = NULL;
	}
}

static void release(struct connection *c)
{
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	if (c->deadline != NULL)
		event_free(c->deadline);
	abandon(c);
	SSL_free(c->tls);
	http1_free(c->http);
	http2_free(c->http2);
	drop_output(c);
	free(c);
}

void connection_close(struct connection *c)
{
	int fd = c->fd;

	// An end that the peer did not ask for is told from a cut, where that costs no waiting.
	if (connection_is_idle(c)) {
		SSL_shutdown(c->tls);
		ERR_clear_error();
	}
	unlink_connection(c);
	c->server->listener->n_connections--;
	release(c);
	close(fd);
}

bool connection_is_idle(const struct connection *c)
{
	if (c->state == CONNECTION_HTTP2)
		return http2_idle(c->http2);
	return c->state == CONNECTION_READ && http1_phase(c->http) == HTTP1_IDLE;
}

void connection_finish(struct connection *c)
{
	c->last_request = true;
	if (c->state != CONNECTION_HTTP2)
		return;
	http2_finish(c->http2);
	event_active(c->writable, EV_WRITE, 0);
}

// Our octets have left. Closing with the peer's octets unread would reset the connection and take
// our answer with it, so they are read and thrown away for a while.
void connection_linger(struct connection *c)
{
	ERR_clear_error();
	(void)SSL_shutdown(c->tls);
	ERR_clear_error();
	shutdown(c->fd, SHUT_WR);
	c->state = CONNECTION_LINGER;
	event_del(c->writable);
	if (c->read_closed) {
		connection_close(c);
		return;
	}
	event_add(c->readable, NULL);
	set_deadline(c, LINGER_SECONDS);
}

static void on_lingering(struct connection *c)
{
	char scratch[4096];

	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = read(c->fd, scratch, sizeof(scratch));
		if (n > 0 || (n < 0 && errno == EINTR))
			continue;
		if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
			connection_close(c);
		return;
	}
}

void connection_move_first(struct connection *c)
{
	unlink_connection(c);
	link_first(c);
}

static void await_request(struct connection *c)
{
	c->state = CONNECTION_READ;
	c->timed = HTTP1_IDLE;
	connection_move_first(c); // what is idle for longest comes last
	set_deadline(c, limits(c)->idle_timeout);
}

// `body` comes from malloc and is kept or freed here.
static void start_response(struct connection *c, unsigned status, char *body, size_t length)
{
	bool keep = status == 200 || status == 503, apart = length > COPIED;
	char head[256];

	keep = keep && http1_keep_alive(c->http) && !c->last_request && !c->read_closed;
	c->last_request = !keep;
	size_t head_length = http1_response_head(status, length, keep, head, sizeof(head));
	drop_output(c);
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
	if (body != c->body) {
		explicit_bzero(body, length);
		free(body);
	}
	c->state = CONNECTION_WRITE;
	counters(c)->responses++;
	set_deadline(c, limits(c)->body_timeout);
	// Written from the loop: a handler that answers at once must not free what its caller uses.
	event_add(c->writable, NULL);
}

void connection_count_refusal(struct connection *c, unsigned status)
{
	struct listener_counters *n = counters(c);

	if (status == 405)
		n->wrong_method++;
	else if (status == 404)
		n->wrong_path++;
	else if (status == 413)
		n->body_too_large++;
	else if (status == 431)
		n->header_too_large++;
	else
		n->bad_request++;
}

static void refuse(struct connection *c, unsigned status)
{
	connection_count_refusal(c, status);
	abandon(c);
	c->last_request = true;
	start_response(c, status, NULL, 0);
}

struct http_exchange *connection_exchange(struct connection *c, int32_t stream)
{
	struct http_exchange *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	SSL_up_ref(c->tls);
	x->tls = c->tls;
	x->listener = c->server->listener;
	x->connection = c;
	x->stream = stream;
	TAILQ_INSERT_TAIL(&c->exchanges, x, entry);
	counters(c)->requests++;
	return x;
}

static void hand_over(struct connection *c)
{
	struct listener *l = c->server->listener;
	struct http_exchange *x = connection_exchange(c, 0);
	struct http_request r = {
		.ne = c->ne, .peer_uid = c->peer_uid, .peer_address = c->peer_address};

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
		set_deadline(c, limits(c)->header_timeout);
	else if (phase == HTTP1_BODY)
		set_deadline(c, limits(c)->body_timeout);
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

static void on_reading(struct connection *c)
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
	drop_part(c, c->out, c->out_done, c->out_length);
	c->out = c->body;
	c->out_length = c->body_length;
	c->out_done = c->out_mark = c->body_length = 0;
	c->body = NULL;
	return true;
}

static void on_writing(struct connection *c)
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
			set_deadline(c, limits(c)->body_timeout);
		}
	}
	drop_output(c);
	if (c->last_request) {
		connection_linger(c);
		return;
	}
	http1_next(c->http);
	await_request(c);
	on_reading(c);
}

static void start_http(struct connection *c)
{
	const struct config_limits *max = limits(c);
	const unsigned char *protocol = NULL;
	unsigned length = 0;

	SSL_get0_alpn_selected(c->tls, &protocol, &length);
	if (length == 2 && memcmp(protocol, "h2", 2) == 0) {
		if (connection_http2_start(c) != 0)
			connection_close(c);
		else
			connection_http2_step(c);
		return;
	}
	c->http = http1_new(c->server->listener->config->nes[c->ne].path, max->header, max->body);
	if (c->http == NULL) {
		connection_close(c);
		return;
	}
	await_request(c);
	on_reading(c);
}

static void on_handshake(struct connection *c)
{
	ERR_clear_error();
	int n = SSL_accept(c->tls);
	if (n != 1) {
		int error = SSL_get_error(c->tls, n);
		ERR_clear_error();
		if (error == SSL_ERROR_WANT_WRITE) {
			event_add(c->writable, NULL);
		} else if (error != SSL_ERROR_WANT_READ) {
			counters(c)->handshake_failed++;
			connection_close(c);
		}
		return;
	}
	tls_peer_uid(c->tls, c->peer_uid, sizeof(c->peer_uid));
	start_http(c);
}

// The name that the peer asks for decides whose certificate it sees; before its own is verified.
int connection_choose(SSL *tls, int *alert, void *context)
{
	struct connection *c = SSL_get_app_data(tls);
	int ne = listener_element(c->server, SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name));

	if (ne < 0 || SSL_set_SSL_CTX(tls, c->server->listener->elements[ne].tls) == NULL) {
		counters(c)->unknown_name++;
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	c->ne = (uint16_t)ne;
	return SSL_TLSEXT_ERR_OK;
}

static void step(struct connection *c)
{
	switch (c->state) {
	case CONNECTION_HANDSHAKE:
		on_handshake(c);
		break;
	case CONNECTION_READ:
	case CONNECTION_WAIT:
		on_reading(c);
		break;
	case CONNECTION_WRITE:
		on_writing(c);
		break;
	case CONNECTION_HTTP2:
		connection_http2_step(c);
		break;
	case CONNECTION_LINGER:
		on_lingering(c);
		break;
	}
}

static void on_socket(evutil_socket_t fd, short what, void *context)
{
	struct connection *c = context;

	// While a response leaves, octets of the peer stay where they are: a peer that writes
	// without reading gets no turns from it.
	if (c->state == CONNECTION_WRITE && (what & EV_READ) && !(what & EV_WRITE)) {
		event_del(c->readable);
		return;
	}
	step(c);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
	struct connection *c = context;

	if (!c->read_closed)
		event_add(c->readable, NULL);
	step(c);
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
	struct connection *c = context;
	struct listener_counters *n = counters(c);

	if (c->state == CONNECTION_HTTP2) {
		connection_http2_deadline(c);
		return;
	}
	if (c->state == CONNECTION_HANDSHAKE)
		n->handshake_timeout++;
	else if (c->state == CONNECTION_READ && c->timed == HTTP1_IDLE)
		n->idle_closed++;
	else if (c->state == CONNECTION_READ && c->timed == HTTP1_HEADER)
		n->header_timeout++;
	else if (c->state != CONNECTION_LINGER)
		n->body_timeout++;
	connection_close(c);
}

int connection_start(struct server *s, int fd, const char *peer)
{
	struct listener *l = s->listener;
	const struct config_limits *max = &l->config->limits;
	struct connection *c = calloc(1, sizeof(*c));
	int on = 1;

	if (c == NULL)
		return POI_ERR_NOMEM;
	c->server = s;
	c->fd = fd;
	strncpy(c->peer_address, peer, sizeof(c->peer_address) - 1);
	TAILQ_INIT(&c->exchanges);
	// Of one network element behind the address; connection_choose may change it.
	for (c->ne = 0; l->elements[c->ne].server != s;)
		c->ne++;
	c->tls = SSL_new(l->elements[c->ne].tls);
	c->readable = event_new(l->base, fd, EV_READ | EV_PERSIST, on_socket, c);
	c->writable = event_new(l->base, fd, EV_WRITE, on_writable, c);
	c->deadline = evtimer_new(l->base, on_deadline, c);
	if (c->tls == NULL || c->readable == NULL || c->writable == NULL || c->deadline == NULL ||
		SSL_set_fd(c->tls, fd) != 1 || event_add(c->readable, NULL) != 0) {
		release(c);
		return POI_ERR_NOMEM;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	SSL_set_app_data(c->tls, c);
	SSL_set_accept_state(c->tls);
	SSL_set_mode(c->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				     SSL_MODE_RELEASE_BUFFERS);
	link_first(c);
	l->n_connections++;
	set_deadline(c, max->handshake_timeout);
	return 0;
}

static bool is_same(void *context, const char *id)
{
	return strcmp(context, id) == 0;
}

bool http_peer_is(const struct http_exchange *x, const char *admf_identifier)
{
	return tls_peer_identifier(x->tls, is_same, (void *)admf_identifier);
}

static void end_exchange(struct http_exchange *x, unsigned status, char *body, size_t length)
{
	struct connection *c = x->connection;
	int32_t stream = x->stream;

	if (c != NULL)
		TAILQ_REMOVE(&c->exchanges, x, entry);
	SSL_free(x->tls);
	free(x);
	if (c == NULL) {
		free(body);
		return;
	}
	if (c->http2 != NULL)
		connection_http2_respond(c, stream, status, body, length);
	else
		start_response(c, status, body, length);
}

void http_respond(struct http_exchange *x, const char *body, size_t length)
{
	char *copy = malloc(length + 1);

	if (copy == NULL) {
		end_exchange(x, 503, NULL, 0);
		return;
	}
	memcpy(copy, body, length);
	end_exchange(x, 200, copy, length);
}

void http_respond_take(struct http_exchange *x, char *body, size_t length)
{
	end_exchange(x, 200, body, length);
}

size_t http_leaving(const struct http_exchange *x)
{
	return x->listener->leaving;
}

void http_refuse(struct http_exchange *x, unsigned status)
{
	end_exchange(x, status, NULL, 0);
}
