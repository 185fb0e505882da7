#pragma once

// Between listener.c (sockets, caps) and connection.c (one TLS connection: deadlines, octets).

#include <netinet/in.h>
#include <openssl/ssl.h>

#include "control/http1.h"
#include "control/listener.h"

enum connection_state {
	CONNECTION_HANDSHAKE,
	CONNECTION_READ,   // a request is awaited or arriving
	CONNECTION_WAIT,   // the handler has it
	CONNECTION_WRITE,  // the response is leaving
	CONNECTION_LINGER, // our side is shut; the peer's last octets are thrown away
};

struct server {
	struct listener *listener;
	struct event *accept, *retry;
	SSL_CTX *tls;
	int fd;
	uint16_t ne;
};

struct connection {
	struct connection *previous, *next;
	struct server *server;
	struct event *readable, *writable, *deadline;
	SSL *tls;
	struct http1 *http;
	struct http_exchange *exchange; // while CONNECTION_WAIT
	char *out;			// being written
	size_t out_length, out_done;
	int fd;
	enum connection_state state;
	enum http1_phase timed; // the phase that the deadline is for
	bool last_request;	// close behind the next response
	bool read_closed;	// the peer sends no more
	char peer_address[INET6_ADDRSTRLEN];
	char peer_uid[256];
};

struct listener {
	struct event_base *base;
	const struct config *config;
	http_handler handler;
	void *context;
	struct server *servers;
	uint16_t n_servers;
	struct connection *connections;
	uint32_t n_connections;
	struct listener_counters counters;
};

// Takes `fd` on success only.
[[nodiscard]] int connection_start(struct server *s, int fd, const char *peer);
// Ends it at once; an exchange under way lives on without it.
void connection_close(struct connection *c);
bool connection_is_idle(const struct connection *c);
