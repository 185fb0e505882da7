// One request and its one response: what the handler holds, with or without its connection.
#include "control/http/listener_internal.h"

#include <stdlib.h>
#include <string.h>

#include "shared/tls.h"

struct http_exchange *connection_exchange(
	struct connection *c, int32_t stream, connection_respond respond)
{
	struct http_exchange *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	SSL_up_ref(c->tls);
	x->tls = c->tls;
	x->listener = c->server->listener;
	x->connection = c;
	x->stream = stream;
	x->respond = respond;
	TAILQ_INSERT_TAIL(&c->exchanges, x, entry);
	connection_counters(c)->requests++;
	return x;
}

static bool is_same(void *context, const char *id)
{
	return strcmp(context, id) == 0;
}

bool http_peer_is(const struct http_exchange *x, const char *admf_identifier)
{
	return tls_peer_identifier(x->tls, TLS_BINDING_ADMF, is_same, (void *)admf_identifier);
}

static void end_exchange(struct http_exchange *x, unsigned status, char *body, size_t length)
{
	struct connection *c = x->connection;
	const struct http_exchange ended = *x;

	if (c != NULL)
		TAILQ_REMOVE(&c->exchanges, x, entry);
	SSL_free(x->tls);
	free(x);
	if (c == NULL) {
		if (body != NULL)
			explicit_bzero(body, length);
		free(body);
		return;
	}
	ended.respond(c, ended.stream, status, body, length);
}

void http_respond(struct http_exchange *x, char *body, size_t length)
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
