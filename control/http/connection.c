// One TLS connection: its handshake, the protocol that was agreed on, and the events of its socket.
#include "control/http/listener_internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <openssl/err.h>

#include "shared/error.h"
#include "shared/log.h"
#include "shared/tls.h"

void connection_finish(struct connection *c)
{
	c->last_request = true;
	if (c->state != CONNECTION_HTTP2)
		return;
	http2_finish(c->http2);
	event_active(c->writable, EV_WRITE, 0);
}

static void start_http(struct connection *c)
{
	const unsigned char *protocol = NULL;
	unsigned length = 0;

	SSL_get0_alpn_selected(c->tls, &protocol, &length);
	bool two = length == 2 && memcmp(protocol, "h2", 2) == 0;
	if ((two ? connection_http2_start(c) : connection_http1_start(c)) != 0)
		connection_close(c);
	else if (two)
		connection_http2_step(c);
	else
		connection_http1_read(c);
}

// Why the handshake failed, in `out`; empties OpenSSL's queue. `error` is of SSL_get_error.
static void handshake_reason(const struct connection *c, int error, char *out, size_t size)
{
	const char *certificate = tls_verify_text(c->tls);

	if (certificate != NULL)
		snprintf(out, size, "the peer's certificate: %s", certificate);
	else if (error == SSL_ERROR_SSL)
		(void)tls_error_text(out, size);
	else
		snprintf(out, size, "the peer closed the connection");
	ERR_clear_error();
}

// OpenSSL has sent its alert in all but a few cases. Where nothing at all was sent, a plain one is
// legal; behind a ServerHello it would not be.
static void alert_if_silent(struct connection *c)
{
	// record of TLS 1.2, type alert: fatal, handshake_failure
	static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 40};

	if (BIO_number_written(SSL_get_wbio(c->tls)) == 0)
		(void)send(c->fd, alert, sizeof(alert), MSG_NOSIGNAL | MSG_DONTWAIT);
}

// The peer reads the alert only when the connection ends without a reset.
static void handshake_failed(struct connection *c, int error)
{
	char reason[160];
	bool silent = BIO_number_read(SSL_get_rbio(c->tls)) == 0;

	handshake_reason(c, error, reason, sizeof(reason));
	connection_counters(c)->handshake_failed++;
	if (silent) { // a probe of the port, not a peer of X1
		log_info("X1: %s connected and closed without TLS", c->peer_address);
		connection_close(c);
		return;
	}
	log_kind(WARNING, HANDSHAKE, "X1: TLS handshake with %s failed: %s", c->peer_address,
		reason);
	alert_if_silent(c);
	connection_drain(c);
}

static void on_handshake(struct connection *c)
{
	ERR_clear_error();
	int n = SSL_accept(c->tls);
	if (n != 1) {
		int error = SSL_get_error(c->tls, n);
		if (error == SSL_ERROR_WANT_WRITE)
			event_add(c->writable, NULL);
		else if (error != SSL_ERROR_WANT_READ)
			handshake_failed(c, error);
		ERR_clear_error();
		return;
	}
	c->peer_by_san = tls_peer_uid(c->tls, c->peer_uid, sizeof(c->peer_uid));
	start_http(c);
}

// On an address of its own a network element is meant whatever the name; on a shared one the name
// decides.
static int element_of(const struct server *s, const char *name)
{
	const struct listener *l = s->listener;

	for (uint16_t ne = 0; ne < l->n_elements; ne++) {
		const char *own = l->config->nes[ne].server_name;
		if (l->elements[ne].server != s)
			continue;
		if (s->n_elements == 1 ||
			(name != NULL && own != NULL && strcasecmp(name, own) == 0))
			return ne;
	}
	return POI_ERR_NOT_FOUND;
}

// The name that the peer asks for decides whose certificate it sees; before its own is verified.
int connection_choose(SSL *tls, int *alert, void *context)
{
	struct connection *c = SSL_get_app_data(tls);
	int ne = element_of(c->server, SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name));

	if (ne < 0 || SSL_set_SSL_CTX(tls, c->server->listener->elements[ne].tls) == NULL) {
		connection_counters(c)->unknown_name++;
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
		connection_http1_read(c);
		break;
	case CONNECTION_WRITE:
		connection_http1_write(c);
		break;
	case CONNECTION_HTTP2:
		connection_http2_step(c);
		break;
	case CONNECTION_LINGER:
		connection_linger_read(c);
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

	switch (c->state) {
	case CONNECTION_HANDSHAKE:
		connection_counters(c)->handshake_timeout++;
		log_kind(WARNING, HANDSHAKE, "X1: TLS handshake with %s failed: not done in %u s",
			c->peer_address, connection_limits(c)->handshake_timeout);
		alert_if_silent(c);
		connection_drain(c);
		break;
	case CONNECTION_HTTP2:
		connection_http2_deadline(c);
		break;
	case CONNECTION_LINGER:
		connection_close(c);
		break;
	default:
		connection_http1_deadline(c);
		break;
	}
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
	// The first network element behind the address; connection_choose may change it.
	for (c->ne = 0; l->elements[c->ne].server != s;)
		c->ne++;
	c->tls = SSL_new(l->elements[c->ne].tls);
	c->readable = event_new(l->base, fd, EV_READ | EV_PERSIST, on_socket, c);
	c->writable = event_new(l->base, fd, EV_WRITE, on_writable, c);
	c->deadline = evtimer_new(l->base, on_deadline, c);
	if (c->tls == NULL || c->readable == NULL || c->writable == NULL || c->deadline == NULL ||
		SSL_set_fd(c->tls, fd) != 1 || event_add(c->readable, NULL) != 0) {
		connection_release(c);
		return POI_ERR_NOMEM;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	SSL_set_app_data(c->tls, c);
	SSL_set_accept_state(c->tls);
	SSL_set_mode(c->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				     SSL_MODE_RELEASE_BUFFERS);
	LIST_INSERT_HEAD(&l->connections, c, entry);
	l->n_connections++;
	connection_deadline(c, max->handshake_timeout);
	return 0;
}
