// Asks poi-dataplane for its status from the event loop, as an observer.
#include "control/observe/status_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "shared/version.h"

#define ANSWER_S 2
#define DATAGRAMS_PER_TURN 64

enum waiting {
	IDLE,
	FOR_CONNECTION,
	FOR_HELLO,
	FOR_STATUS,
	FOR_WORKERS,
	FOR_SIGNALLING,
	FOR_FUNCTIONS,
	FOR_DESTINATIONS
};

struct status_client {
	struct event_base *base;
	struct event *readable, *deadline;
	status_client_done done;
	void *context;
	char *path;
	int fd;
	enum waiting waiting;
	uint32_t request;
	struct observation seen;
	uint8_t in[CHANNEL_MESSAGE_MAX];
};

static void hang_up(struct status_client *o)
{
	if (o->readable)
		event_free(o->readable);
	o->readable = NULL;
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}

static void finish(struct status_client *o, bool reached)
{
	hang_up(o);
	event_del(o->deadline);
	o->waiting = IDLE;
	if (!reached)
		o->seen = (struct observation){0};
	o->seen.reached = reached;
	o->done(o->context, &o->seen);
}

static bool ask(struct status_client *o, uint16_t id, enum waiting next)
{
	uint8_t out[16];
	int n = channel_encode_empty(out, sizeof(out), id, ++o->request);

	o->waiting = next;
	return n > 0 && !channel_send(o->fd, out, (size_t)n);
}

static bool add_destination(struct status_client *o, const uint8_t *body, size_t length)
{
	struct channel_destination_status d;

	if (channel_decode_destination_status(body, length, &d))
		return false;
	o->seen.destination[d.state].n++;
	o->seen.destination[d.state].queued += d.copies.queued;
	o->seen.destination[d.state].queued_octets += d.queued_octets;
	o->seen.settle[d.settle]++;
	o->seen.odd_acks += d.odd_acks;
	o->seen.connections += d.connections;
	o->seen.connected += d.connected;
	for (uint8_t i = 0; i < d.n_ends; i++)
		o->seen.ends[d.end[i].state]++;
	return true;
}

// One answer. False: it is not what was asked for, or nothing more can be asked.
static bool take(struct status_client *o, uint16_t id, const uint8_t *body, size_t length)
{
	switch (o->waiting) {
	case FOR_HELLO:
		return id == CHANNEL_HELLO_OK && ask(o, CHANNEL_STATUS_GET, FOR_STATUS);
	case FOR_STATUS:
		return id == CHANNEL_STATUS &&
		       !channel_decode_status(body, length, &o->seen.status) &&
		       ask(o, CHANNEL_WORKERS_GET, FOR_WORKERS);
	case FOR_WORKERS:
		return id == CHANNEL_WORKERS &&
		       !channel_decode_workers(body, length, &o->seen.workers) &&
		       ask(o, CHANNEL_SIGNALLING_GET, FOR_SIGNALLING);
	case FOR_SIGNALLING:
		return id == CHANNEL_SIGNALLING &&
		       !channel_decode_signalling(body, length, &o->seen.signalling) &&
		       ask(o, CHANNEL_FUNCTIONS_GET, FOR_FUNCTIONS);
	case FOR_FUNCTIONS:
		return id == CHANNEL_FUNCTIONS &&
		       !channel_decode_functions(body, length, &o->seen.functions) &&
		       ask(o, CHANNEL_DESTINATION_STATUS_GET, FOR_DESTINATIONS);
	case FOR_DESTINATIONS:
		return id == CHANNEL_DESTINATION_STATUS && add_destination(o, body, length);
	default:
		return false;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct status_client *o = arg;

	for (unsigned i = 0; i < DATAGRAMS_PER_TURN; i++) {
		struct channel_header h;
		const uint8_t *body;
		size_t length;
		int64_t n = channel_receive(fd, o->in, sizeof(o->in));
		if (n == POI_ERR_AGAIN)
			return;
		if (n <= 0 || channel_split(o->in, (size_t)n, &h, &body, &length)) {
			finish(o, false);
			return;
		}
		if (h.id == CHANNEL_STATE_END && o->waiting == FOR_DESTINATIONS) {
			finish(o, true);
			return;
		}
		if (!take(o, h.id, body, length)) {
			finish(o, false);
			return;
		}
	}
}

static bool greet(struct status_client *o)
{
	struct channel_hello hello = {
		.version = CHANNEL_VERSION, .role = CHANNEL_ROLE_OBSERVER, .software = POI_VERSION};
	uint8_t out[256];

	if (getrandom(&hello.incarnation, sizeof(hello.incarnation), 0) < 0)
		return false;
	int n = channel_encode_hello(out, sizeof(out), CHANNEL_HELLO, ++o->request, &hello);
	o->waiting = FOR_HELLO;
	return n > 0 && !channel_send(o->fd, out, (size_t)n);
}

static bool call(struct status_client *o)
{
	o->fd = channel_connect(o->path);
	if (o->fd < 0)
		return false;
	o->readable = event_new(o->base, o->fd, EV_READ | EV_PERSIST, on_readable, o);
	return o->readable && !event_add(o->readable, NULL) && greet(o);
}

// The start of a look comes by the loop too, so that its end never comes out of status_client_ask.
static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval limit = {.tv_sec = ANSWER_S};
	struct status_client *o = arg;

	if (o->waiting != FOR_CONNECTION || event_add(o->deadline, &limit) || !call(o))
		finish(o, false);
}

void status_client_ask(struct status_client *o)
{
	static const struct timeval at_once;

	if (o->waiting != IDLE)
		return;
	o->seen = (struct observation){0};
	o->waiting = FOR_CONNECTION;
	if (event_add(o->deadline, &at_once))
		event_active(o->deadline, EV_TIMEOUT, 0);
}

struct status_client *status_client_new(
	struct event_base *base, const char *runtime_dir, status_client_done done, void *context)
{
	struct status_client *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->base = base;
	o->done = done;
	o->context = context;
	o->fd = -1;
	o->deadline = evtimer_new(base, on_deadline, o);
	if (asprintf(&o->path, "%s/dataplane.sock", runtime_dir) < 0)
		o->path = NULL;
	if (!o->deadline || !o->path) {
		status_client_free(o);
		return NULL;
	}
	return o;
}

void status_client_free(struct status_client *o)
{
	if (!o)
		return;
	hang_up(o);
	if (o->deadline)
		event_free(o->deadline);
	free(o->path);
	free(o);
}
