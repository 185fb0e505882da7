#include "control/state/publish_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/version.h"

#define RETRY_FIRST_MS 50
#define RETRY_MAX_MS 1000
#define RETRY_REFUSED_MS 5000
#define DATAGRAMS_PER_TURN 256

static void connect_now(struct publish *p);

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void retry_later(struct publish *p, uint32_t ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	event_add(p->retry, &tv);
}

// Requests and their answers.

uint32_t publish_next(struct publish *p)
{
	if (!++p->request)
		p->request = 1; // 0 is for events
	return p->request;
}

static int pending_grow(struct publish *p)
{
	uint32_t slots = p->pending_slots * 2;

	if (slots > 1u << 24)
		return POI_ERR_LIMIT;
again:;
	struct pending *table = calloc(slots, sizeof(*table));
	if (!table)
		return POI_ERR_NOMEM;
	for (uint32_t i = 0; i < p->pending_slots; i++) {
		const struct pending *from = &p->pending[i];
		if (!from->used)
			continue;
		struct pending *to = &table[from->request & (slots - 1)];
		if (to->used) { // two requests further apart than the table is long
			free(table);
			slots *= 2;
			if (slots > 1u << 24)
				return POI_ERR_LIMIT;
			goto again;
		}
		*to = *from;
	}
	free(p->pending);
	p->pending = table;
	p->pending_slots = slots;
	return 0;
}

static int pending_add(struct publish *p, uint32_t request, publish_done done, void *context)
{
	while (p->pending[request & (p->pending_slots - 1)].used) {
		int rc = pending_grow(p);
		if (rc)
			return rc;
	}
	p->pending[request & (p->pending_slots - 1)] = (struct pending){
		.done = done, .context = context, .request = request, .used = true};
	p->pending_used++;
	return 0;
}

static bool pending_take(struct publish *p, uint32_t request, struct pending *out)
{
	struct pending *at = &p->pending[request & (p->pending_slots - 1)];

	if (!at->used || at->request != request)
		return false;
	*out = *at;
	at->used = false;
	p->pending_used--;
	return true;
}

static void pending_close_all(struct publish *p)
{
	// The callbacks may look at the publisher: it is down already and takes nothing new.
	struct pending *table = p->pending;
	uint32_t slots = p->pending_slots, newest = p->request;

	if (!p->pending_used)
		return;
	p->pending = calloc(64, sizeof(*p->pending));
	if (!p->pending)
		abort(); // 1.5 KiB: nothing reasonable is left to do
	p->pending_slots = 64;
	p->pending_used = 0;
	// Oldest first, as they were asked.
	for (uint32_t i = 1; i <= slots; i++) {
		const struct pending *at = &table[(newest + i) & (slots - 1)];
		if (at->used && at->done)
			at->done(at->context, POI_ERR_CLOSED, NULL);
	}
	free(table);
}

static void flush(struct publish *p)
{
	while (p->out_first) {
		struct outgoing *o = p->out_first;
		int rc = channel_send(p->fd, o->octets, o->length);
		if (rc == POI_ERR_AGAIN) {
			event_add(p->writable, NULL);
			return;
		}
		if (rc) {
			publish_disconnect(p, poi_error_text(rc));
			return;
		}
		p->counters.sent++;
		p->out_first = o->next;
		p->out_queued--;
		free(o);
	}
	p->out_last = NULL;
}

// Always by way of the queue and the loop: an answer to a caller never comes out of its own call.
int publish_submit(struct publish *p, int length, publish_done done, void *context)
{
	if (length < 0)
		return length;
	if (p->state == PUBLISH_DOWN)
		return POI_ERR_CLOSED;
	struct outgoing *o = malloc(sizeof(*o) + (size_t)length);
	if (!o)
		return POI_ERR_NOMEM;
	int rc = pending_add(p, p->request, done, context);
	if (rc) {
		free(o);
		return rc;
	}
	o->next = NULL;
	o->length = (uint32_t)length;
	memcpy(o->octets, p->scratch, (size_t)length);
	if (p->out_last)
		p->out_last->next = o;
	else
		p->out_first = o;
	p->out_last = o;
	if (++p->out_queued > p->counters.queued_peak)
		p->counters.queued_peak = p->out_queued;
	if (p->state != PUBLISH_HELLO) // nothing may overtake the hello
		event_active(p->writable, EV_WRITE, 0);
	return 0;
}

int publish_task_put(
	struct publish *p, const struct registry_task *t, publish_done done, void *context)
{
	struct channel_task c;
	int memo = registry_task_memo(t, p->memo, sizeof(p->memo));

	if (memo < 0)
		return memo;
	int rc = registry_task_channel(p->registry, t, &c);
	if (rc)
		return rc;
	c.memo = p->memo;
	c.memo_length = (uint32_t)memo;
	return publish_submit(p,
		channel_encode_task(
			p->scratch, sizeof(p->scratch), CHANNEL_TASK_PUT, publish_next(p), &c),
		done, context);
}

static int submit_object(struct publish *p, uint16_t message, uint16_t ne, const struct id16 *id,
	publish_done done, void *context)
{
	struct channel_object o = {.ne = *registry_ne_id(p->registry, ne), .id = *id};

	return publish_submit(p,
		channel_encode_object(p->scratch, sizeof(p->scratch), message, publish_next(p), &o),
		done, context);
}

int publish_task_remove(
	struct publish *p, uint16_t ne, const struct id16 *xid, publish_done done, void *context)
{
	return submit_object(p, CHANNEL_TASK_REMOVE, ne, xid, done, context);
}

int publish_task_status(
	struct publish *p, uint16_t ne, const struct id16 *xid, publish_done done, void *context)
{
	return submit_object(p, CHANNEL_TASK_STATUS_GET, ne, xid, done, context);
}

int publish_destination_remove(
	struct publish *p, uint16_t ne, const struct id16 *did, publish_done done, void *context)
{
	return submit_object(p, CHANNEL_DESTINATION_REMOVE, ne, did, done, context);
}

int publish_tombstone_clear(struct publish *p, uint16_t ne, const struct id16 *xid)
{
	return submit_object(p, CHANNEL_TOMBSTONE_CLEAR, ne, xid, NULL, NULL);
}

int publish_destination_put(
	struct publish *p, const struct registry_destination *d, publish_done done, void *context)
{
	struct channel_destination c;
	int memo = registry_destination_memo(d, p->memo, sizeof(p->memo));

	if (memo < 0)
		return memo;
	registry_destination_channel(p->registry, d, &c);
	c.memo = p->memo;
	c.memo_length = (uint32_t)memo;
	return publish_submit(p,
		channel_encode_destination(p->scratch, sizeof(p->scratch), CHANNEL_DESTINATION_PUT,
			publish_next(p), &c),
		done, context);
}

static void submit_memo(struct publish *p, struct channel_memo *m, int length)
{
	if (length < 0 || p->state == PUBLISH_DOWN)
		return;
	m->memo = p->memo;
	m->memo_length = (uint32_t)length;
	int rc = publish_submit(p,
		channel_encode_memo(
			p->scratch, sizeof(p->scratch), CHANNEL_MEMO_PUT, publish_next(p), m),
		NULL, NULL);
	if (rc && rc != POI_ERR_CLOSED)
		log_warning("channel: a memo could not be sent: %s", poi_error_text(rc));
}

void publish_task_memo(struct publish *p, struct registry_task *t)
{
	struct channel_memo m = {.ne = *registry_ne_id(p->registry, t->ne), .id = t->xid};

	t->memo_owed = t->modifying;
	if (t->modifying)
		return;
	submit_memo(p, &m, registry_task_memo(t, p->memo, sizeof(p->memo)));
}

void publish_destination_memo(struct publish *p, struct registry_destination *d)
{
	struct channel_memo m = {
		.ne = *registry_ne_id(p->registry, d->ne), .id = d->did, .of = MEMO_DESTINATION};

	d->memo_owed = d->modifying;
	if (d->modifying)
		return;
	submit_memo(p, &m, registry_destination_memo(d, p->memo, sizeof(p->memo)));
}

int publish_whole(struct publish *p, bool whole)
{
	struct channel_whole m = {.whole = whole};
	int rc = publish_submit(p,
		channel_encode_whole(
			p->scratch, sizeof(p->scratch), CHANNEL_WHOLE_PUT, publish_next(p), &m),
		NULL, NULL);

	if (!rc)
		p->peer_whole = whole;
	return rc;
}

void publish_part_told(struct publish *p)
{
	p->partial = false;
	if (p->state != PUBLISH_READY || p->failed)
		return;
	int rc = publish_whole(p, true);
	if (rc)
		log_warning("channel: the next poi-control will take this one's tasks for a part: "
			    "%s",
			poi_error_text(rc));
}

int publish_ne_memo(struct publish *p, uint16_t ne, const uint8_t *memo, uint32_t length)
{
	struct channel_memo m = {.ne = *registry_ne_id(p->registry, ne),
		.of = MEMO_NE,
		.memo = memo,
		.memo_length = length};

	if (p->state != PUBLISH_READY)
		return POI_ERR_CLOSED;
	return publish_submit(p,
		channel_encode_memo(
			p->scratch, sizeof(p->scratch), CHANNEL_MEMO_PUT, publish_next(p), &m),
		NULL, NULL);
}

void publish_heard(struct publish *p, uint16_t ne)
{
	struct channel_heard h = {.ne = *registry_ne_id(p->registry, ne)};
	uint64_t now = now_ms();

	if (p->state < PUBLISH_RECOVERY || now - p->heard_ms[ne] < HEARD_INTERVAL_MS)
		return;
	int rc = publish_submit(p,
		channel_encode_heard(
			p->scratch, sizeof(p->scratch), CHANNEL_NE_HEARD, publish_next(p), &h),
		NULL, NULL);
	if (rc)
		log_warning("channel: the fail-safe could not be moved: %s", poi_error_text(rc));
	else
		p->heard_ms[ne] = now;
}

// The connection.

void publish_disconnect(struct publish *p, const char *why)
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
	while (p->out_first) {
		struct outgoing *o = p->out_first;
		p->out_first = o->next;
		free(o);
	}
	p->out_last = NULL;
	p->out_queued = 0;
	publish_recover_stop(p);
	pending_close_all(p);
	if (p->stopping)
		return;
	p->hooks.lost(p->context);
	retry_later(p, p->retry_ms);
}

static void on_hello_ok(struct publish *p, const uint8_t *body, size_t length)
{
	struct channel_hello_ok ok;

	if (channel_decode_hello_ok(body, length, &ok)) {
		p->counters.protocol_errors++;
		publish_disconnect(p, "its hello cannot be read");
		return;
	}
	log_kind(NOTICE, CHANNEL_UP,
		"channel: dataplane %016" PRIx64
		" holds %u tasks, %u destinations, generation %" PRIu64,
		ok.incarnation, ok.tasks, ok.destinations, ok.generation);
	if (p->peer_incarnation && p->peer_incarnation != ok.incarnation) {
		log_kind(WARNING, DATAPLANE_RESTARTED, "channel: the dataplane was restarted");
		if (p->hooks.restarted)
			p->hooks.restarted(p->context);
	}
	p->peer_incarnation = ok.incarnation;
	p->state = PUBLISH_RECOVERY;
	memset(p->heard_ms, 0, registry_nes(p->registry) * sizeof(*p->heard_ms));
	int rc = publish_recover_start(p);
	if (rc)
		publish_disconnect(p, poi_error_text(rc));
}

static void on_hello_refused(struct publish *p, const uint8_t *body, size_t length)
{
	struct channel_hello_refused r;

	p->retry_ms = RETRY_REFUSED_MS;
	if (channel_decode_hello_refused(body, length, &r)) {
		publish_disconnect(p, "it refused, in words we cannot read");
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
	publish_disconnect(p, "it refused the hello");
}

static void on_ack(struct publish *p, uint32_t request, const uint8_t *body, size_t length)
{
	struct channel_ack ack;
	struct pending pending;

	if (channel_decode_ack(body, length, &ack) || !pending_take(p, request, &pending)) {
		p->counters.protocol_errors++;
		log_warning("channel: an acknowledgement that nobody waits for");
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
		!pending_take(p, request, &pending)) {
		p->counters.protocol_errors++;
		return;
	}
	if (pending.done)
		pending.done(pending.context, status.result, status.result ? NULL : &status);
}

static void on_state_end(struct publish *p, uint32_t request, const uint8_t *body, size_t length)
{
	struct pending pending;

	if (p->state != PUBLISH_RECOVERY || request != p->recover.request ||
		!pending_take(p, request, &pending)) {
		p->counters.protocol_errors++;
		return;
	}
	publish_recover_end(p, body, length);
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
			publish_disconnect(p, "it spoke before its hello");
		return;
	}
	switch (h->id) {
	case CHANNEL_ACK:
		on_ack(p, h->request, body, length);
		return;
	case CHANNEL_TASK_STATUS:
		on_task_status(p, h->request, body, length);
		return;
	case CHANNEL_NE_STATE:
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
			p->hooks.event(p->context, &event);
			return;
		}
		break;
	default:
		break;
	}
	p->counters.protocol_errors++;
	log_warning("channel: message %u was not understood", h->id);
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
		int64_t n = channel_receive(p->fd, datagram, CHANNEL_MESSAGE_MAX);

		if (n == POI_ERR_AGAIN)
			break;
		if (n < 0) {
			publish_disconnect(p, poi_error_text((int)n));
			break;
		}
		p->counters.received++;
		if (channel_split(datagram, (size_t)n, &h, &body, &body_length)) {
			publish_disconnect(p, "a message without a header");
			break;
		}
		on_message(p, &h, body, body_length);
	}
	explicit_bzero(datagram, CHANNEL_MESSAGE_MAX);
	free(datagram);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct publish *p = arg;

	if (p->state > PUBLISH_HELLO)
		flush(p);
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
	if (n < 0 || channel_send(fd, p->scratch, (size_t)n)) {
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
	p->counters.connects++;
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
	p->fd = -1;
	p->retry_ms = RETRY_FIRST_MS;
	p->pending_slots = 1024;
	p->pending = calloc(p->pending_slots, sizeof(*p->pending));
	p->heard_ms = calloc(REGISTRY_NES_MAX, sizeof(*p->heard_ms));
	p->retry = evtimer_new(base, on_retry, p);
	if (!p->pending || !p->heard_ms || !p->retry ||
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
	publish_disconnect(p, "stopping");
	publish_recover_stop(p);
	if (p->retry)
		event_free(p->retry);
	free(p->pending);
	free(p->heard_ms);
	free(p->path);
	explicit_bzero(p->scratch, sizeof(p->scratch));
	explicit_bzero(p->memo, sizeof(p->memo));
	free(p);
}

enum publish_state publish_state(const struct publish *p)
{
	return p->state;
}

bool publish_recovered(const struct publish *p)
{
	return p->recovered;
}

uint64_t publish_incarnation(const struct publish *p)
{
	return p->incarnation;
}

const struct publish_counters *publish_counters(const struct publish *p)
{
	return &p->counters;
}
