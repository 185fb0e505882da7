// Serves the metrics over HTTP: doors, connections, and the picture that is shown.
#include "control/observe/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/observe/certificate.h"
#include "control/http/http1.h"
#include "control/observe/metrics_text.h"
#include "shared/now.h"
#include "shared/socket.h"

#define CLIENTS_MAX 8
#define HEADER_MAX 2048
#define STEP_S 5 // for the request, and as long for the answer
#define FRESH_MS 500
#define CERTIFICATES_MS 10000
#define CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct client {
	struct metrics *metrics;
	struct event *event, *deadline;
	struct http1 *http;
	char *out;
	size_t length, done;
	int fd;		 // -1: free
	bool waiting;	 // for the picture
	uint64_t number; // of the connection
};

struct door {
	struct event *event;
	int fd;
};

struct metrics {
	struct control *control;
	const struct listener *listener;
	struct status_client *observe;
	char *path;
	struct door unix_door, tcp_door;
	struct client client[CLIENTS_MAX];
	struct metrics_picture picture;
	uint64_t seen_ms, certificates_ms; // 0: never
	uint64_t accepted;
	bool held; // the ledger, at the look before
};

// --- the picture ---

static void look_at_certificates(struct metrics *m, uint64_t now)
{
	const struct config *c = m->control->config;
	struct metrics_picture *p = &m->picture;
	bool read = !m->certificates_ms || now - m->certificates_ms >= CERTIFICATES_MS ||
		    p->n_certificates != c->n_nes + 1;

	// The names every time: they are the configuration's, which a reload exchanges.
	p->n_certificates = c->n_nes + 1;
	for (uint32_t i = 0; i < p->n_certificates; i++) {
		struct metrics_certificate *to = &p->certificate[i];
		const struct config_tls *tls = i < c->n_nes ? &c->nes[i].tls : &c->delivery.tls;
		const char *file = tls->certificate;
		to->use = i < c->n_nes ? "x1" : "delivery";
		to->element = i < c->n_nes ? c->nes[i].ne_identifier : "";
		if (read && (!file || certificate_not_after(file, &to->not_after)))
			to->not_after = 0;
		if (read && (!tls->ca || certificate_ca_end(tls->ca, &to->ca_not_after)))
			to->ca_not_after = 0;
		if (read && (!tls->crl || certificate_crl_next(tls->crl, &to->crl_next_update)))
			to->crl_next_update = 0;
	}
	if (read)
		m->certificates_ms = now;
}

// This process's own side, at the moment of the answer.
static void look_at_control(struct metrics *m)
{
	struct control *c = m->control;
	struct metrics_picture *p = &m->picture;

	p->x1 = &c->counters;
	p->http = m->listener ? listener_counters(m->listener) : NULL;
	p->uptime_ms = now_monotonic_ms() - c->started_ms;
	p->connected = publish_state(c->publish) > PUBLISH_HELLO;
	p->unanswered_ms = publish_unanswered_ms(c->publish);
	p->recovered = publish_recovered(c->publish);
	memset(p->faults, 0, sizeof(p->faults));
	p->late_admfs = 0;
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++) {
		p->late_admfs += publish_admf_late(c->publish, ne);
		fault_count_kinds(*registry_ne_faults(c->registry, ne), p->faults);
		const struct registry_destination *d = registry_destination_first(c->registry, ne);
		for (; d; d = registry_destination_next(d))
			fault_count_kinds(d->faults, p->faults);
	}
	p->reports_waiting = issues_waiting(c->issues);
	p->reports_dropped = issues_dropped(c->issues);
	p->audit_lost = audit_lost(c->audit);
	p->audit_left_out = audit_left_out(c->audit);
	look_at_certificates(m, now_monotonic_ms());
}

// --- connections ---

static void client_close(struct client *c)
{
	if (c->fd < 0)
		return;
	if (c->event)
		event_free(c->event);
	if (c->deadline)
		event_free(c->deadline);
	http1_free(c->http);
	free(c->out);
	close(c->fd);
	*c = (struct client){.metrics = c->metrics, .fd = -1};
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	client_close(arg);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	ssize_t n = send(fd, c->out + c->done, c->length - c->done, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		c->done += (size_t)n;
	if (n > 0 && c->done < c->length)
		return;
	shutdown(fd, SHUT_WR);
	client_close(c);
}

// Owns `text` from now on (NULL: none, and `status` is the reason).
static void client_answer(struct client *c, unsigned status, char *text, size_t length)
{
	const struct timeval limit = {.tv_sec = STEP_S};
	char head[256];

	c->waiting = false;
	size_t n = http1_response_head_of(&(struct http1_head){.status = status,
						  .length = length,
						  .type = text ? CONTENT_TYPE : NULL,
						  .allow = "GET"},
		head, sizeof(head));
	c->out = malloc(n + length);
	if (c->out) {
		memcpy(c->out, head, n);
		if (length)
			memcpy(c->out + n, text, length);
		c->length = n + length;
	}
	free(text);
	event_free(c->event);
	c->event =
		event_new(c->metrics->control->base, c->fd, EV_WRITE | EV_PERSIST, on_writable, c);
	if (!c->out || !c->event || event_add(c->event, NULL) || event_add(c->deadline, &limit))
		client_close(c);
}

static void client_serve(struct client *c)
{
	size_t length = 0;
	char *text = metrics_text(&c->metrics->picture, &length);

	client_answer(c, text ? 200 : 503, text, text ? length : 0);
}

static void on_observed(void *context, const struct observation *o)
{
	struct metrics *m = context;

	m->picture.seen = *o;
	// In motion a sum may not hold for a moment: only a difference that stays is one.
	m->picture.seen.status.balanced = o->status.balanced || (o->reached && m->held);
	m->held = o->status.balanced;
	m->seen_ms = now_monotonic_ms();
	look_at_control(m);
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		if (m->client[i].fd >= 0 && m->client[i].waiting)
			client_serve(&m->client[i]);
	}
}

static void on_request(struct client *c)
{
	struct metrics *m = c->metrics;

	event_del(c->event);
	if (m->seen_ms && now_monotonic_ms() - m->seen_ms < FRESH_MS) {
		look_at_control(m);
		client_serve(c);
		return;
	}
	c->waiting = true;
	status_client_ask(m->observe);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	char octets[HEADER_MAX];
	ssize_t n = recv(fd, octets, sizeof(octets), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(c);
		return;
	}
	switch (http1_feed(c->http, octets, (size_t)n)) {
	case HTTP1_MORE:
	case HTTP1_CONTINUE:
		return;
	case HTTP1_REQUEST:
		on_request(c);
		return;
	case HTTP1_REFUSED:
		client_answer(c, http1_status(c->http), NULL, 0);
		return;
	}
}

static struct client *place(struct metrics *m)
{
	struct client *oldest = &m->client[0];

	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		if (m->client[i].fd < 0)
			return &m->client[i];
		if (m->client[i].number < oldest->number)
			oldest = &m->client[i];
	}
	client_close(oldest);
	return oldest;
}

static void on_accept(evutil_socket_t listening, short what, void *arg)
{
	const struct timeval limit = {.tv_sec = STEP_S};
	struct metrics *m = arg;
	int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	struct client *c = place(m);
	c->fd = fd;
	c->number = ++m->accepted;
	c->http = http1_new_get("/metrics", HEADER_MAX);
	c->event = event_new(m->control->base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->deadline = evtimer_new(m->control->base, on_deadline, c);
	if (!c->http || !c->event || !c->deadline || event_add(c->event, NULL) ||
		event_add(c->deadline, &limit))
		client_close(c);
}

// --- doors ---

static int open_door(struct metrics *m, struct door *d)
{
	d->event = event_new(m->control->base, d->fd, EV_READ | EV_PERSIST, on_accept, m);
	return d->event && !event_add(d->event, NULL) ? POI_OK : POI_ERR_NOMEM;
}

static int open_unix(struct metrics *m)
{
	struct stat st;

	if (!lstat(m->path, &st) && (!S_ISSOCK(st.st_mode) || unlink(m->path)))
		return POI_ERR_EXISTS;
	m->unix_door.fd = socket_listen_path(m->path, SOCK_STREAM, CLIENTS_MAX);
	if (m->unix_door.fd < 0)
		return errno == ENAMETOOLONG ? POI_ERR_TOO_LARGE : POI_ERR_IO;
	return open_door(m, &m->unix_door);
}

static int open_tcp(struct metrics *m, const struct config_endpoint *at)
{
	m->tcp_door.fd = socket_listen(
		&at->address, at->port, SOCKET_NONBLOCKING | SOCKET_REUSE, CLIENTS_MAX);
	if (m->tcp_door.fd < 0)
		return POI_ERR_IO;
	return open_door(m, &m->tcp_door);
}

struct metrics *metrics_new(struct control *c, const struct listener *l, char *why, size_t why_size)
{
	struct metrics *m = calloc(1, sizeof(*m));

	snprintf(why, why_size, "out of memory");
	if (!m)
		return NULL;
	m->control = c;
	m->listener = l;
	m->unix_door.fd = m->tcp_door.fd = -1;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		m->client[i] = (struct client){.metrics = m, .fd = -1};
	m->observe = status_client_new(c->base, c->config->runtime_dir, on_observed, m);
	if (asprintf(&m->path, "%s/metrics.sock", c->config->runtime_dir) < 0)
		m->path = NULL;
	if (!m->observe || !m->path)
		goto fail;
	int rc = open_unix(m);
	if (rc) {
		snprintf(why, why_size, "%s: %s", m->path, poi_error_text(rc));
		goto fail;
	}
	if (c->config->metrics.listen.address.family && open_tcp(m, &c->config->metrics.listen)) {
		snprintf(why, why_size, "metrics.listen, port %u: %s; write a free one",
			c->config->metrics.listen.port, strerror(errno));
		goto fail;
	}
	return m;
fail:
	metrics_free(m);
	return NULL;
}

static void close_door(struct door *d)
{
	if (d->event)
		event_free(d->event);
	if (d->fd >= 0)
		close(d->fd);
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		client_close(&m->client[i]);
	if (m->unix_door.fd >= 0)
		unlink(m->path);
	close_door(&m->unix_door);
	close_door(&m->tcp_door);
	status_client_free(m->observe);
	free(m->path);
	free(m);
}
