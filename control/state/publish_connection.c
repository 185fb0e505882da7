// The connection to the dataplane: kept up, greeted, and read; each message is dispatched to its
// consumer.
#include "control/state/publish_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/version.h"

#define RETRY_FIRST_MS 50
#define RETRY_MAX_MS 1000
#define RETRY_REFUSED_MS 5000
#define DATAGRAMS_PER_TURN 256

static void connect_now(struct publish *p);

static void retry_later(struct publish *p, uint32_t ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	event_add(p->retry, &tv);
}

static void disconnect(struct publish *p, const char *why)
{
	if (p->state == PUBLISH_DOWN)
		return;
	if (!p->stopping)
		log_kind(WARNING, CHANNEL_DOWN, "channel: the dataplane is gone: %s", why);
	p->state = PUBLISH_DOWN;
	event_del(p->readable);
	event_del(p->writable);
	event_free(p->readable);
	event_free(p->writable);
	p->readable = p->writable = NULL;
	close(p->fd);
	p->fd = -1;
	p->failure = NULL;
	publish_drop_outgoing(p);
	publish_recover_stop(p);
	publish_replay_stop(p);
	publish_close_pending(p);
	if (p->stopping)
		return;
	p->hooks.lost(p->context);
	retry_later(p, p->retry_ms);
}

static void on_hello_ok(struct publish *p, const uint8_t *body, size_t length)
{
	struct channel_hello_ok ok;

	if (channel_decode_hello_ok(body, length, &ok)) {
		disconnect(p, "its hello cannot be read");
		return;
	}
	log_kind(NOTICE, CHANNEL_UP,
		"channel: dataplane %016" PRIx64
		" holds %u tasks, %u destinations, generation %" PRIu64,
		ok.incarnation, ok.tasks, ok.destinations, ok.generation);
	// The same process goes on with its removals, but its messages about them may have been
	// lost.
	if (p->peer_incarnation == ok.incarnation)
		registry_end_removals(p->registry);
	if (p->peer_incarnation && p->peer_incarnation != ok.incarnation) {
		log_kind(WARNING, DATAPLANE_RESTARTED, "channel: the dataplane was restarted");
		registry_dataplane_changed(p->registry);
		if (p->hooks.restarted)
			p->hooks.restarted(p->context);
	}
	p->peer_incarnation = ok.incarnation;
	p->state = PUBLISH_RECOVERY;
	publish_watch_connected(p);
	int rc = publish_recover_start(p);
	if (rc)
		disconnect(p, poi_error_text(rc));
}

static void on_hello_refused(struct publish *p, const uint8_t *body, size_t length)
{
	struct channel_hello_refused r;

	p->retry_ms = RETRY_REFUSED_MS;
	if (channel_decode_hello_refused(body, length, &r)) {
		disconnect(p, "it refused, in words we cannot read");
		return;
	}
	if (r.reason == POI_ERR_VERSION)
		log_kind(ERROR, CHANNEL_VERSION,
			"channel: version refused: the dataplane (%s) speaks channel version %u, "
			"this "
			"poi-control (%s) speaks %u; install both programs from one build",
			r.software, r.version, POI_VERSION, CHANNEL_VERSION);
	else
		log_kind(ERROR, CHANNEL_REFUSED, "channel: refused by the dataplane: %s",
			poi_error_text(r.reason));
	disconnect(p, "it refused the hello");
}

static void on_ack(struct publish *p, uint32_t request, const uint8_t *body, size_t length)
{
	struct channel_ack ack;
	struct pending pending;

	if (channel_decode_ack(body, length, &ack) || !publish_answered(p, request, &pending)) {
		log_warning("channel: unexpected ACK for request %u", request);
		return;
	}
	if (pending.done)
		pending.done(pending.context, ack.result, NULL);
}

static void on_task_status(struct publish *p, uint32_t request, const uint8_t *body, size_t length)
{
	struct channel_task_status status;
	struct pending pending;

	if (channel_decode_task_status(body, length, &status) ||
		!publish_answered(p, request, &pending))
		return;
	if (!status.result)
		publish_amounts_note(p, &status);
	if (pending.done)
		pending.done(pending.context, status.result, status.result ? NULL : &status);
}

static void on_state_end(struct publish *p, uint32_t request, const uint8_t *body, size_t length)
{
	struct pending pending;

	if (p->state != PUBLISH_RECOVERY || request != p->recover.request ||
		!publish_answered(p, request, &pending))
		return;
	if (publish_recover_end(p, body, length))
		publish_replay_start(p);
}

static void on_message(
	struct publish *p, const struct channel_header *h, const uint8_t *body, size_t length)
{
	struct channel_event event;

	if (p->state == PUBLISH_HELLO) {
		if (h->id == CHANNEL_HELLO_OK)
			on_hello_ok(p, body, length);
		else if (h->id == CHANNEL_HELLO_REFUSED)
			on_hello_refused(p, body, length);
		else
			disconnect(p, "it spoke before its hello");
		return;
	}
	publish_watch_answered(p);
	switch (h->id) {
	case CHANNEL_ACK:
		on_ack(p, h->request, body, length);
		return;
	case CHANNEL_TASK_STATUS:
		on_task_status(p, h->request, body, length);
		return;
	case CHANNEL_NE_STATE:
	case CHANNEL_REPORT_STATE:
	case CHANNEL_OBJECT_STATE:
	case CHANNEL_DESTINATION_STATE:
	case CHANNEL_TASK_STATE:
		if (p->state == PUBLISH_RECOVERY && h->request == p->recover.request)
			publish_recover_message(p, h->id, body, length);
		return;
	case CHANNEL_STATE_END:
		on_state_end(p, h->request, body, length);
		return;
	case CHANNEL_EVENT:
		if (!channel_decode_event(body, length, &event)) {
			publish_recover_event(p, h->request, &event);
			return;
		}
		break;
	default:
		break;
	}
	log_warning("channel: message %u was not understood", h->id);
}

// Replaces the box of the last dataplane, which the one that answered has taken over.
static void keep_box(struct publish *p, int box)
{
	if (p->box >= 0)
		close(p->box);
	p->box = box;
}

// Behind the reports and memos that follow from the events: what this process does not finish the
// next one is sent again.
static void send_events_done(struct publish *p)
{
	uint32_t number = p->events_done;

	p->events_done = 0;
	if (number && p->state > PUBLISH_HELLO &&
		publish_post(p, channel_encode_empty(p->scratch, sizeof(p->scratch),
					CHANNEL_EVENTS_DONE, number)))
		log_warning("channel: events stay with the dataplane");
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct publish *p = arg;
	uint8_t *datagram = malloc(CHANNEL_MESSAGE_MAX);

	if (!datagram)
		return;
	for (unsigned i = 0; i < DATAGRAMS_PER_TURN && p->state != PUBLISH_DOWN; i++) {
		struct channel_header h;
		const uint8_t *body;
		size_t body_length;
		int box = -1, *with = p->state == PUBLISH_HELLO ? &box : NULL;
		int64_t n = channel_receive_with(p->fd, datagram, CHANNEL_MESSAGE_MAX, with);

		if (n == POI_ERR_AGAIN)
			break;
		if (n < 0) {
			disconnect(p, poi_error_text((int)n));
			break;
		}
		if (channel_split(datagram, (size_t)n, &h, &body, &body_length)) {
			disconnect(p, "a message without a header");
			break;
		}
		on_message(p, &h, body, body_length);
		if (with && p->state == PUBLISH_RECOVERY)
			keep_box(p, box);
		else if (with && box >= 0)
			close(box);
		if (p->failure)
			disconnect(p, p->failure);
	}
	send_events_done(p);
	explicit_bzero(datagram, CHANNEL_MESSAGE_MAX);
	free(datagram);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct publish *p = arg;

	int rc = p->state > PUBLISH_HELLO ? publish_flush(p) : 0;

	if (rc)
		disconnect(p, poi_error_text(rc));
	else if (p->failure)
		disconnect(p, p->failure);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	connect_now(arg);
}

static void connect_now(struct publish *p)
{
	struct channel_hello hello = {.version = CHANNEL_VERSION,
		.role = CHANNEL_ROLE_CONTROL,
		.incarnation = p->incarnation};
	int fd = channel_connect(p->path);

	if (fd < 0)
		goto later;
	memcpy(hello.software, POI_VERSION, sizeof(POI_VERSION));
	int n = channel_encode_hello(
		p->scratch, sizeof(p->scratch), CHANNEL_HELLO, publish_next(p), &hello);
	if (n < 0 || channel_send_with(fd, p->scratch, (size_t)n, p->box)) {
		close(fd);
		goto later;
	}
	p->readable = event_new(p->base, fd, EV_READ | EV_PERSIST, on_readable, p);
	p->writable = event_new(p->base, fd, EV_WRITE, on_writable, p);
	if (!p->readable || !p->writable || event_add(p->readable, NULL)) {
		if (p->readable)
			event_free(p->readable);
		if (p->writable)
			event_free(p->writable);
		p->readable = p->writable = NULL;
		close(fd);
		goto later;
	}
	p->fd = fd;
	p->state = PUBLISH_HELLO;
	return;
later:
	p->retry_ms = p->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : p->retry_ms * 2;
	retry_later(p, p->retry_ms);
}

struct publish *publish_new(struct event_base *base, const struct config *config,
	struct registry *registry, const struct publish_hooks *hooks, void *context)
{
	struct publish *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->base = base;
	p->config = config;
	p->registry = registry;
	p->hooks = *hooks;
	p->context = context;
	p->fd = p->box = -1;
	STAILQ_INIT(&p->outgoing);
	STAILQ_INIT(&p->held);
	p->retry_ms = RETRY_FIRST_MS;
	p->pending_slots = 1024;
	p->pending = calloc(p->pending_slots, sizeof(*p->pending));
	p->contact = calloc(REGISTRY_NES_MAX, sizeof(*p->contact));
	p->retry = evtimer_new(base, on_retry, p);
	p->slices = slices_new(base);
	if (!p->pending || !p->contact || !p->retry || !p->slices || publish_amounts_start(p) ||
		publish_watch_start(p) ||
		asprintf(&p->path, "%s/dataplane.sock", config->runtime_dir) < 0 ||
		getrandom(&p->incarnation, sizeof(p->incarnation), 0) != sizeof(p->incarnation)) {
		publish_free(p);
		return NULL;
	}
	p->incarnation |= 1; // never 0, which means "none"
	retry_later(p, 0);
	return p;
}

void publish_free(struct publish *p)
{
	if (!p)
		return;
	p->stopping = true;
	if (p->slices && p->hooks.stopping)
		p->hooks.stopping(p->context);
	publish_flush_last(p);
	disconnect(p, "stopping");
	publish_recover_stop(p);
	publish_replay_stop(p);
	publish_amounts_stop(p);
	publish_watch_stop(p);
	if (p->retry)
		event_free(p->retry);
	keep_box(p, -1);
	slices_free(p->slices);
	free(p->pending);
	free(p->contact);
	free(p->path);
	explicit_bzero(p->scratch, sizeof(p->scratch));
	explicit_bzero(p->memo, sizeof(p->memo));
	free(p);
}

enum publish_state publish_state(const struct publish *p)
{
	return p->state;
}

struct slices *publish_slices(const struct publish *p)
{
	return p->slices;
}

bool publish_recovered(const struct publish *p)
{
	return p->recovered && !p->restoring;
}

uint64_t publish_incarnation(const struct publish *p)
{
	return p->incarnation;
}
