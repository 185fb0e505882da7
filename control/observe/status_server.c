// Answers observers of poi-control on its socket.
#include "control/observe/status_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/now.h"
#include "shared/version.h"

#define OBSERVERS_MAX 16

struct observer {
	struct status_server *status;
	struct event *event;
	int fd; // -1 when free
	bool greeted;
};

struct status_server {
	struct control *control;
	const struct listener *listener;
	char *path;
	int fd;
	struct event *event;
	struct observer observer[OBSERVERS_MAX];
};

int status_server_make_runtime_dir(const char *path, char *why, size_t why_size)
{
	struct stat s;

	if (mkdir(path, 0700) && errno != EEXIST) {
		snprintf(why, why_size, "%s: %s", path, strerror(errno));
		return POI_ERR_IO;
	}
	if (stat(path, &s) || !S_ISDIR(s.st_mode)) {
		snprintf(why, why_size, "%s: not a folder", path);
		return POI_ERR_IO;
	}
	if ((s.st_uid != geteuid() && s.st_uid != 0) || (s.st_mode & 022)) {
		snprintf(why, why_size, "%s: must belong to this user and be writable by no other",
			path);
		return POI_ERR_DENIED;
	}
	if (s.st_mode & 077)
		log_warning("%s: others can look into it; mode 0700 is meant", path);
	return 0;
}

static void fill(
	const struct control *c, const struct listener *l, struct channel_control_status *out)
{
	*out = (struct channel_control_status){
		.incarnation = c->incarnation,
		.uptime_ms = now_monotonic_ms() - c->started_ms,
		.dataplane_connected = publish_state(c->publish) > PUBLISH_HELLO,
		.dataplane_silent_ms = publish_unanswered_ms(c->publish),
		.recovered = publish_recovered(c->publish),
		.network_elements = registry_nes(c->registry),
		.faults = registry_fault_count(c->registry),
		.requests = c->counters.requests,
		.errors = c->counters.errors,
		.refused = c->counters.top_level_errors,
	};
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++) {
		out->late_admfs += publish_admf_late(c->publish, ne);
		out->tasks += registry_task_count(c->registry, ne);
		out->destinations += registry_destination_count(c->registry, ne);
	}
	if (!l)
		return;
	const struct listener_counters *n = listener_counters(l);
	out->refused += n->refused_limit + n->handshake_failed + n->handshake_timeout +
			n->header_timeout + n->body_timeout + n->body_too_large +
			n->header_too_large + n->bad_request + n->wrong_method + n->wrong_path +
			n->http2_flood;
}

static void observer_close(struct observer *o)
{
	if (o->fd < 0)
		return;
	event_free(o->event);
	close(o->fd);
	*o = (struct observer){.status = o->status, .fd = -1};
}

// Returns the answer's length, or 0 when there is none and the observer must go.
static int answer(struct observer *o, const struct channel_header *h, const uint8_t *body,
	size_t length, uint8_t *out, size_t capacity)
{
	const struct control *c = o->status->control;
	struct channel_hello hello;

	if (!o->greeted) {
		if (h->id != CHANNEL_HELLO || channel_decode_hello(body, length, &hello))
			return 0;
		if (hello.version != CHANNEL_VERSION || hello.role != CHANNEL_ROLE_OBSERVER) {
			struct channel_hello_refused r = {.version = CHANNEL_VERSION,
				.reason = hello.version != CHANNEL_VERSION ? POI_ERR_VERSION
									   : POI_ERR_DENIED,
				.software = POI_VERSION};
			return channel_encode_hello_refused(
				out, capacity, CHANNEL_HELLO_REFUSED, h->request, &r);
		}
		struct channel_hello_ok ok = {.incarnation = c->incarnation};
		o->greeted = true;
		return channel_encode_hello_ok(out, capacity, CHANNEL_HELLO_OK, h->request, &ok);
	}
	if (h->id != CHANNEL_CONTROL_STATUS_GET || length)
		return 0;
	struct channel_control_status s;
	fill(c, o->status->listener, &s);
	return channel_encode_control_status(out, capacity, CHANNEL_CONTROL_STATUS, h->request, &s);
}

static void on_observer(evutil_socket_t fd, short what, void *arg)
{
	struct observer *o = arg;
	uint8_t in[512], out[512];
	struct channel_header h;
	const uint8_t *body;
	size_t length;
	int64_t n = channel_receive(fd, in, sizeof(in));

	if (n == POI_ERR_AGAIN)
		return;
	if (n <= 0 || channel_split(in, (size_t)n, &h, &body, &length)) {
		observer_close(o);
		return;
	}
	int size = answer(o, &h, body, length, out, sizeof(out));
	// An observer that does not read its answers is not worth a queue.
	if (size <= 0 || channel_send(fd, out, (size_t)size) || !o->greeted)
		observer_close(o);
}

static void on_connection(evutil_socket_t listener, short what, void *arg)
{
	struct status_server *s = arg;
	struct observer *free_one = NULL;
	int fd = channel_accept(listener);

	if (fd < 0)
		return;
	for (unsigned i = 0; i < OBSERVERS_MAX && !free_one; i++) {
		if (s->observer[i].fd < 0)
			free_one = &s->observer[i];
	}
	if (!free_one) {
		close(fd);
		return;
	}
	free_one->event =
		event_new(s->control->base, fd, EV_READ | EV_PERSIST, on_observer, free_one);
	if (!free_one->event || event_add(free_one->event, NULL)) {
		if (free_one->event)
			event_free(free_one->event);
		free_one->event = NULL;
		close(fd);
		return;
	}
	free_one->fd = fd;
}

struct status_server *status_server_new(
	struct control *c, const struct listener *l, char *why, size_t why_size)
{
	struct status_server *s = calloc(1, sizeof(*s));

	snprintf(why, why_size, "out of memory");
	if (!s)
		return NULL;
	s->control = c;
	s->listener = l;
	s->fd = -1;
	for (unsigned i = 0; i < OBSERVERS_MAX; i++)
		s->observer[i] = (struct observer){.status = s, .fd = -1};
	if (asprintf(&s->path, "%s/control.sock", c->config->runtime_dir) < 0) {
		s->path = NULL;
		goto fail;
	}
	s->fd = channel_listen(s->path);
	if (s->fd < 0) {
		snprintf(why, why_size, "%s: %s", s->path, poi_error_text(s->fd));
		goto fail;
	}
	s->event = event_new(c->base, s->fd, EV_READ | EV_PERSIST, on_connection, s);
	if (!s->event || event_add(s->event, NULL))
		goto fail;
	return s;
fail:
	status_server_free(s);
	return NULL;
}

void status_server_free(struct status_server *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < OBSERVERS_MAX; i++)
		observer_close(&s->observer[i]);
	if (s->event)
		event_free(s->event);
	if (s->fd >= 0) {
		close(s->fd);
		unlink(s->path);
	}
	free(s->path);
	free(s);
}
