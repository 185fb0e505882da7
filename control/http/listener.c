// X1 servers: listening sockets, certificates, caps on connections, and a change of configuration.
#include "control/http/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/http/listener_internal.h"
#include "shared/log.h"
#include "shared/socket.h"
#include "shared/tls.h"

#define BACKLOG 512
#define ACCEPTS_PER_TURN 64
#define ACCEPT_RETRY_MS 100

static const uint8_t protocols[] = "\x02h2\x08http/1.1";

static void close_server(struct server *s)
{
	if (s->accept != NULL)
		event_free(s->accept);
	if (s->retry != NULL)
		event_free(s->retry);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

// The connection to give up for a new one: longest in its handshake, else idle for longest. A
// stranger may push out a stranger, never a peer that has proved itself while a stranger is left to
// go. `peer` NULL: any.
static struct connection *victim(struct listener *l, const char *peer)
{
	struct connection *c, *idle = NULL, *shaking = NULL;

	LIST_FOREACH(c, &l->connections, entry)
	{
		if (peer != NULL && strcmp(peer, c->peer_address) != 0)
			continue;
		if (connection_is_idle(c))
			idle = c;
		else if (c->http == NULL && c->http2 == NULL) // also one whose handshake failed
			shaking = c;
	}
	return shaking != NULL ? shaking : idle;
}

static uint32_t count_peer(const struct listener *l, const char *peer)
{
	const struct connection *c;
	uint32_t n = 0;

	LIST_FOREACH(c, &l->connections, entry)
	n += strcmp(peer, c->peer_address) == 0;
	return n;
}

static bool give_way(struct listener *l, const char *peer)
{
	struct connection *c = victim(l, peer);

	if (c == NULL)
		return false;
	l->counters.idle_closed++;
	connection_close(c);
	return true;
}

// Makes room under both caps; false when the newcomer is the one to go.
static bool make_room(struct listener *l, const char *peer)
{
	const struct config_limits *limits = &l->config->limits;

	if (count_peer(l, peer) >= limits->connections_per_peer && !give_way(l, peer))
		return false;
	return l->n_connections < limits->connections || give_way(l, NULL);
}

static void address_text(const struct sockaddr_storage *a, char *out, socklen_t size)
{
	const void *octets = a->ss_family == AF_INET6
				     ? (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr
				     : (const void *)&((const struct sockaddr_in *)a)->sin_addr;

	if (inet_ntop(a->ss_family, octets, out, size) == NULL)
		out[0] = '\0';
}

// Out of descriptors: an idle connection gives one back; without any, wait instead of spinning.
static void out_of_descriptors(struct server *s)
{
	struct timeval later = {.tv_usec = ACCEPT_RETRY_MS * 1000};

	if (give_way(s->listener, NULL))
		return;
	event_del(s->accept);
	evtimer_add(s->retry, &later);
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
	struct server *s = context;

	event_add(s->accept, NULL);
}

static void on_accept(evutil_socket_t listening, short what, void *context)
{
	struct server *s = context;
	struct listener *l = s->listener;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage from = {0};
		socklen_t length = sizeof(from);
		char peer[INET6_ADDRSTRLEN];
		int fd = accept4(
			listening, (struct sockaddr *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS)
				out_of_descriptors(s);
			return;
		}
		address_text(&from, peer, sizeof(peer));
		if (!make_room(l, peer) || connection_start(s, fd, peer) != 0) {
			l->counters.refused_limit++;
			close(fd);
			continue;
		}
		l->counters.accepted++;
	}
}

static SSL_CTX *make_context(const struct config_ne *ne, char *why, size_t why_size)
{
	struct tls_files files = {.certificate = ne->tls.certificate,
		.key = ne->tls.key,
		.ca = ne->tls.ca,
		.crl = ne->tls.crl};
	SSL_CTX *context = tls_server_context(&files, why, why_size);

	if (context == NULL)
		return NULL;
	tls_server_alpn(context, protocols, sizeof(protocols) - 1);
	SSL_CTX_set_tlsext_servername_callback(context, connection_choose);
	return context;
}

static bool same_endpoint(const struct config_endpoint *a, const struct config_endpoint *b)
{
	return a->port == b->port && a->address.family == b->address.family &&
	       memcmp(a->address.b, b->address.b, sizeof(a->address.b)) == 0;
}

static struct server *find_server(const struct servers *list, const struct config_endpoint *at)
{
	struct server *s;

	SLIST_FOREACH(s, list, entry)
	{
		if (same_endpoint(&s->at, at))
			return s;
	}
	return NULL;
}

static void close_servers(struct servers *list)
{
	struct server *s;

	while ((s = SLIST_FIRST(list)) != NULL) {
		SLIST_REMOVE_HEAD(list, entry);
		close_server(s);
	}
}

// Open, but not accepting yet.
static int open_server(struct listener *l, const struct config_endpoint *at, struct servers *list,
	char *why, size_t why_size)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		goto no_memory;
	s->listener = l;
	s->at = *at;
	s->fd = socket_listen(&at->address, at->port, SOCKET_NONBLOCKING | SOCKET_REUSE, BACKLOG);
	SLIST_INSERT_HEAD(list, s, entry);
	if (s->fd < 0) {
		char address[INET6_ADDRSTRLEN];
		ip_address_format(&at->address, address, sizeof(address));
		snprintf(why, why_size, "cannot listen on %s port %u: %s", address, at->port,
			strerror(errno));
		return POI_ERR_IO;
	}
	s->accept = event_new(l->base, s->fd, EV_READ | EV_PERSIST, on_accept, s);
	s->retry = evtimer_new(l->base, on_retry, s);
	if (s->accept != NULL && s->retry != NULL && event_add(s->accept, NULL) == 0)
		return 0;
no_memory:
	snprintf(why, why_size, "out of memory");
	return POI_ERR_NOMEM;
}

static int check_same_elements(
	const struct listener *l, const struct config *config, char *why, size_t why_size)
{
	for (uint16_t ne = 0; ne < l->n_elements; ne++) {
		const struct config_ne *old = &l->config->nes[ne], *new = &config->nes[ne];
		if (ne >= config->n_nes || strcmp(old->ne_identifier, new->ne_identifier) != 0) {
			snprintf(why, why_size,
				"network element %s is missing; restart to remove it",
				old->ne_identifier);
			return POI_ERR_INVALID;
		}
		if (!same_endpoint(&old->listen, &new->listen)) {
			snprintf(why, why_size,
				"network element %s listens elsewhere; restart to move it",
				old->ne_identifier);
			return POI_ERR_INVALID;
		}
	}
	return 0;
}

// Contexts of every network element, sockets of the new ones; all of it or nothing.
static int prepare(struct listener *l, const struct config *config, SSL_CTX **contexts,
	struct servers *opened, char *why, size_t why_size)
{
	int rc = 0;

	for (uint32_t ne = 0; ne < config->n_nes && rc == 0; ne++) {
		const struct config_endpoint *at = &config->nes[ne].listen;
		contexts[ne] = make_context(&config->nes[ne], why, why_size);
		if (contexts[ne] == NULL)
			rc = POI_ERR_TLS;
		else if (find_server(&l->servers, at) == NULL && find_server(opened, at) == NULL)
			rc = open_server(l, at, opened, why, why_size);
	}
	if (rc == 0)
		return 0;
	for (uint32_t ne = 0; ne < config->n_nes; ne++)
		SSL_CTX_free(contexts[ne]);
	close_servers(opened);
	return rc;
}

// Peers come back under the new certificates, revocation lists and limits.
static void finish_connections(struct listener *l)
{
	for (struct connection *c = LIST_FIRST(&l->connections), *next; c != NULL; c = next) {
		next = LIST_NEXT(c, entry);
		if (connection_is_idle(c) && c->state != CONNECTION_HTTP2)
			connection_close(c);
		else
			connection_finish(c);
	}
}

int listener_configure(struct listener *l, const struct config *config, char *why, size_t why_size)
{
	SSL_CTX *contexts[CONFIG_NES_MAX] = {NULL};
	struct servers opened = SLIST_HEAD_INITIALIZER(opened);
	struct server *s;
	int rc = check_same_elements(l, config, why, why_size);

	if (rc == 0)
		rc = prepare(l, config, contexts, &opened, why, why_size);
	if (rc != 0)
		return rc;
	while ((s = SLIST_FIRST(&opened)) != NULL) {
		SLIST_REMOVE_HEAD(&opened, entry);
		SLIST_INSERT_HEAD(&l->servers, s, entry);
	}
	for (uint16_t ne = 0; ne < config->n_nes; ne++) {
		struct element *e = &l->elements[ne];
		SSL_CTX_free(e->tls); // open connections hold their own reference
		e->tls = contexts[ne];
		if (e->server == NULL) {
			e->server = find_server(&l->servers, &config->nes[ne].listen);
			e->server->n_elements++;
		}
	}
	l->n_elements = (uint16_t)config->n_nes;
	l->config = config;
	finish_connections(l);
	return 0;
}

struct listener *listener_new(struct event_base *base, const struct config *config,
	http_handler handler, void *context, char *why, size_t why_size)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	// A peer that goes while it is written to is an error of that write, not the process's end.
	signal(SIGPIPE, SIG_IGN);
	l->base = base;
	l->handler = handler;
	l->context = context;
	if (listener_configure(l, config, why, why_size) != 0) {
		listener_free(l);
		return NULL;
	}
	return l;
}

const struct listener_counters *listener_counters(const struct listener *l)
{
	return &l->counters;
}

void listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	while (!LIST_EMPTY(&l->connections))
		connection_close(LIST_FIRST(&l->connections));
	for (uint16_t ne = 0; ne < l->n_elements; ne++)
		SSL_CTX_free(l->elements[ne].tls);
	close_servers(&l->servers);
	free(l);
}
