#pragma once

// Inside this folder, from top to bottom: listener.c (sockets, certificates, caps), connection.c
// (TLS and events of one socket), connection_http1.c and connection_http2.c (octets of one
// protocol), connection_exchange.c (what the handler holds) and connection_close.c (the end).

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/queue.h>

#include "control/http/http1.h"
#include "control/http/http2.h"
#include "control/http/listener.h"

#define READ_SIZE 16384
#define READS_PER_TURN 8
#define WRITES_PER_TURN 64 // TLS records; a long response leaves others their turns

enum connection_state {
	CONNECTION_HANDSHAKE,
	CONNECTION_READ,   // a request is awaited or arriving
	CONNECTION_WAIT,   // the handler has it
	CONNECTION_WRITE,  // the response is leaving
	CONNECTION_HTTP2,  // all of these at once
	CONNECTION_LINGER, // our side is shut; the peer's last octets are thrown away
};

struct server { // a listening socket
	SLIST_ENTRY(server) entry;
	struct listener *listener;
	struct event *accept, *retry;
	struct config_endpoint at;
	int fd;
	uint16_t n_elements;
};

SLIST_HEAD(servers, server);

struct element { // a network element
	struct server *server;
	SSL_CTX *tls;
};

struct connection;

// `body` comes from malloc and is the callee's from here on.
typedef void (*connection_respond)(
	struct connection *c, int32_t stream, unsigned status, char *body, size_t length);

// Owned by the handler until it answers; holds the TLS object so that the peer's identity can be
// asked for after the connection is gone.
struct http_exchange {
	TAILQ_ENTRY(http_exchange) entry; // while there is a connection
	struct connection *connection;	  // NULL when the peer has gone
	const struct listener *listener;
	SSL *tls;
	int32_t stream; // HTTP/2 only
	connection_respond respond;
};

struct connection {
	LIST_ENTRY(connection) entry;
	struct server *server;
	struct event *readable, *writable, *deadline;
	SSL *tls;
	struct http1 *http; // one of them, once the handshake is over
	struct http2 *http2;
	TAILQ_HEAD(, http_exchange) exchanges; // under way
	char *out;			       // HTTP/1.1: being written
	size_t out_length, out_done, out_mark;
	char *body; // HTTP/1.1: follows `out`
	size_t body_length;
	int64_t armed;	 // HTTP/2: when `deadline` fires, in milliseconds
	int64_t stalled; // HTTP/2: since when the socket takes no more; 0: it does
	int fd;
	enum connection_state state;
	enum http1_phase timed; // the phase that the deadline is for
	uint16_t ne;
	bool last_request; // close behind the next response
	bool read_closed;  // the peer sends no more
	bool stepping;	   // HTTP/2: what is answered now is written below
	char peer_address[INET6_ADDRSTRLEN];
	char peer_uid[256];
	bool peer_by_san;
};

struct listener {
	struct event_base *base;
	const struct config *config;
	http_handler handler;
	void *context;
	struct servers servers;
	struct element elements[CONFIG_NES_MAX]; // by index in the configuration
	uint16_t n_elements;
	LIST_HEAD(, connection) connections; // newest first; one that goes idle moves to the front
	uint32_t n_connections;
	size_t bodies;	// octets of HTTP/2 request bodies held
	size_t leaving; // octets of responses that have not left yet
	struct listener_counters counters;
};

static inline const struct config_limits *connection_limits(const struct connection *c)
{
	return &c->server->listener->config->limits;
}

static inline struct listener_counters *connection_counters(const struct connection *c)
{
	return &c->server->listener->counters;
}

// connection.c
// Takes `fd` on success only.
[[nodiscard]] int connection_start(struct server *s, int fd, const char *peer);
// OpenSSL's callback for the name that a peer asks for.
int connection_choose(SSL *tls, int *alert, void *context);
// Ends it as soon as no request is under way.
void connection_finish(struct connection *c);

// connection_http1.c and connection_http2.c. Each may free `c`.
[[nodiscard]] int connection_http1_start(struct connection *c);
void connection_http1_read(struct connection *c);
void connection_http1_write(struct connection *c);
void connection_http1_deadline(struct connection *c);
[[nodiscard]] int connection_http2_start(struct connection *c);
void connection_http2_step(struct connection *c);
void connection_http2_deadline(struct connection *c);

// connection_exchange.c
// Opens an exchange that is answered with `respond` as long as `c` lives. NULL: no memory.
struct http_exchange *connection_exchange(
	struct connection *c, int32_t stream, connection_respond respond);

// connection_close.c
void connection_deadline(struct connection *c, uint32_t seconds);
void connection_move_first(struct connection *c);
void connection_count_refusal(struct connection *c, unsigned status);
// Wipes and frees octets of a response of which `done` have left, which were wiped then.
void connection_drop_part(struct connection *c, char *octets, size_t done, size_t length);
void connection_drop_output(struct connection *c);
// Detaches pending exchanges; their responses are dropped.
void connection_abandon(struct connection *c);
bool connection_is_idle(const struct connection *c);
// Frees one that is in no list.
void connection_release(struct connection *c);
// Ends it at once; exchanges under way live on without it.
void connection_close(struct connection *c);
// Our octets have left: shuts our side and throws the peer's away for a while.
void connection_linger(struct connection *c);
// The same without TLS's own farewell.
void connection_drain(struct connection *c);
void connection_linger_read(struct connection *c);
