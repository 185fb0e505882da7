#include "control/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/listener_private.h"
#include "shared/log.h"
#include "shared/tls.h"

#define BACKLOG 512
#define ACCEPTS_PER_TURN 64
#define ACCEPT_RETRY_MS 100

// h2 is offered once http2 is there: put "\x02h2" first and look at the result in connection_start.
static const uint8_t protocols[] = "\x08http/1.1";

static void close_server(struct server *s)
{
	if (s->accept != NULL)
		event_free(s->accept);
	if (s->retry != NULL)
		event_free(s->retry);
	if (s->fd >= 0)
		close(s->fd);
	SSL_CTX_free(s->tls);
}

// The connection to give up for a new one: idle for longest, else longest in its handshake. `peer`
// NULL: any. Connections are listed newest first, and one that goes idle moves to the front.
static struct connection *victim(struct listener *l, const char *peer)
{
	struct connection *idle = NULL, *shaking = NULL;

	for (struct connection *c = l->connections; c != NULL; c = c->next) {
		if (peer != NULL && strcmp(peer, c->peer_address) != 0)
			continue;
		if (connection_is_idle(c))
			idle = c;
		else if (c->state == CONNECTION_HANDSHAKE)
			shaking = c;
	}
	return idle != NULL ? idle : shaking;
}

static uint32_t count_peer(const struct listener *l, const char *peer)
{
	uint32_t n = 0;

	for (const struct connection *c = l->connections; c != NULL; c = c->next)
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
		struct sockaddr_storage from;
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

static int open_socket(const struct config_endpoint *at)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(at->port)};
	bool six = at->address.family == 6;
	int on = 1;

	memcpy(&v6.sin6_addr, at->address.b, 16);
	memcpy(&v4.sin_addr, at->address.b, 4);
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (six)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, six ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4,
		    six ? sizeof(v6) : sizeof(v4)) == 0 &&
		listen(fd, BACKLOG) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static SSL_CTX *make_context(const struct config_ne *ne, char *why, size_t why_size)
{
	struct tls_files files = {.certificate = ne->tls.certificate,
		.key = ne->tls.key,
		.ca = ne->tls.ca,
		.crl = ne->tls.crl};
	SSL_CTX *context = tls_server_context(&files, why, why_size);

	if (context != NULL)
		tls_server_alpn(context, protocols, sizeof(protocols) - 1);
	return context;
}

static int open_server(struct listener *l, uint16_t ne, char *why, size_t why_size)
{
	struct server *s = &l->servers[ne];
	const struct config_ne *c = &l->config->nes[ne];

	s->listener = l;
	s->ne = ne;
	s->fd = -1;
	s->tls = make_context(c, why, why_size);
	if (s->tls == NULL)
		return POI_ERR_TLS;
	s->fd = open_socket(&c->listen);
	if (s->fd < 0) {
		char address[INET6_ADDRSTRLEN];
		ip_address_format(&c->listen.address, address, sizeof(address));
		snprintf(why, why_size, "cannot listen on %s port %u: %s", address, c->listen.port,
			strerror(errno));
		return POI_ERR_IO;
	}
	s->accept = event_new(l->base, s->fd, EV_READ | EV_PERSIST, on_accept, s);
	s->retry = evtimer_new(l->base, on_retry, s);
	if (s->accept == NULL || s->retry == NULL || event_add(s->accept, NULL) != 0) {
		snprintf(why, why_size, "out of memory");
		return POI_ERR_NOMEM;
	}
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
	l->config = config;
	l->handler = handler;
	l->context = context;
	l->servers = calloc(config->n_nes, sizeof(*l->servers));
	if (l->servers == NULL)
		goto failed;
	for (uint16_t ne = 0; ne < config->n_nes; ne++) {
		l->n_servers = (uint16_t)(ne + 1);
		if (open_server(l, ne, why, why_size) != 0)
			goto failed;
	}
	return l;
failed:
	listener_free(l);
	return NULL;
}

int listener_reload(struct listener *l, char *why, size_t why_size)
{
	SSL_CTX *fresh[CONFIG_NES_MAX];

	for (uint16_t ne = 0; ne < l->n_servers; ne++) {
		fresh[ne] = make_context(&l->config->nes[ne], why, why_size);
		if (fresh[ne] != NULL)
			continue;
		while (ne > 0)
			SSL_CTX_free(fresh[--ne]);
		return POI_ERR_TLS;
	}
	for (uint16_t ne = 0; ne < l->n_servers; ne++) {
		SSL_CTX_free(l->servers[ne].tls); // open connections hold their own reference
		l->servers[ne].tls = fresh[ne];
	}
	// Peers come back under the new certificates and revocation lists.
	for (struct connection *c = l->connections, *next; c != NULL; c = next) {
		next = c->next;
		if (connection_is_idle(c))
			connection_close(c);
		else
			c->last_request = true;
	}
	return 0;
}

const struct listener_counters *listener_counters(const struct listener *l)
{
	return &l->counters;
}

void listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	while (l->connections != NULL)
		connection_close(l->connections);
	for (uint16_t ne = 0; ne < l->n_servers; ne++)
		close_server(&l->servers[ne]);
	free(l->servers);
	free(l);
}
