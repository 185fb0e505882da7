// Ends a connection: at once, or behind its last octets; keeps its place in the list and its
// deadline.
#include "control/http/listener_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>

#define LINGER_SECONDS 2

void connection_deadline(struct connection *c, uint32_t seconds)
{
	struct timeval t = {.tv_sec = seconds};

	evtimer_add(c->deadline, &t);
}

void connection_move_first(struct connection *c)
{
	LIST_REMOVE(c, entry);
	LIST_INSERT_HEAD(&c->server->listener->connections, c, entry);
}

void connection_drop_part(struct connection *c, char *octets, size_t done, size_t length)
{
	// Sent octets were wiped then: tens of mebibytes are not wiped in one iteration.
	if (octets != NULL)
		explicit_bzero(octets + done, length - done);
	free(octets);
	c->server->listener->leaving -= length;
}

void connection_drop_output(struct connection *c)
{
	connection_drop_part(c, c->out, c->out_done, c->out_length);
	connection_drop_part(c, c->body, 0, c->body_length);
	c->out = c->body = NULL;
	c->out_length = c->out_done = c->out_mark = c->body_length = 0;
}

// The exchanges under way answer into the void.
void connection_abandon(struct connection *c)
{
	for (struct http_exchange *x; (x = TAILQ_FIRST(&c->exchanges)) != NULL;) {
		TAILQ_REMOVE(&c->exchanges, x, entry);
		x->connection = NULL;
	}
}

void connection_release(struct connection *c)
{
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	if (c->deadline != NULL)
		event_free(c->deadline);
	connection_abandon(c);
	SSL_free(c->tls);
	http1_free(c->http);
	http2_free(c->http2);
	connection_drop_output(c);
	free(c);
}

void connection_close(struct connection *c)
{
	int fd = c->fd;

	// Distinguishes an end that the peer did not ask for from a cut, where that costs no
	// waiting.
	if (connection_is_idle(c)) {
		SSL_shutdown(c->tls);
		ERR_clear_error();
	}
	LIST_REMOVE(c, entry);
	c->server->listener->n_connections--;
	connection_release(c);
	close(fd);
}

bool connection_is_idle(const struct connection *c)
{
	if (c->state == CONNECTION_HTTP2)
		return http2_idle(c->http2);
	return c->state == CONNECTION_READ && http1_phase(c->http) == HTTP1_IDLE;
}

// Our octets have left. Closing with the peer's octets unread would reset the connection and take
// our answer with it, so they are read and thrown away for a while.
void connection_linger(struct connection *c)
{
	ERR_clear_error();
	(void)SSL_shutdown(c->tls);
	ERR_clear_error();
	connection_drain(c);
}

void connection_drain(struct connection *c)
{
	shutdown(c->fd, SHUT_WR);
	c->state = CONNECTION_LINGER;
	event_del(c->writable);
	if (c->read_closed) {
		connection_close(c);
		return;
	}
	event_add(c->readable, NULL);
	connection_deadline(c, LINGER_SECONDS);
}

void connection_linger_read(struct connection *c)
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

void connection_count_refusal(struct connection *c, unsigned status)
{
	struct listener_counters *n = connection_counters(c);

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
