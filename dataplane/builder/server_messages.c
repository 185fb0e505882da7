// Messages of clients: greetings, queries, and changes that are applied in batches.

#include "dataplane/builder/server_internal.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/now.h"
#include "shared/version.h"

#define STREAM_BURST 256 // messages of a state stream per turn

static void refuse(struct server *s, struct client *c, uint32_t request, int reason)
{
	struct channel_hello_refused m = {.version = CHANNEL_VERSION, .reason = reason};

	snprintf(m.software, sizeof(m.software), "%s", POI_VERSION);
	if (reason != POI_ERR_VERSION) // which has logged more
		log_kind(NOTICE, CHANNEL_REFUSED, "channel: a client was refused: %s",
			poi_error_text(reason));
	client_send(c, s->out,
		channel_encode_hello_refused(
			s->out, sizeof(s->out), CHANNEL_HELLO_REFUSED, request, &m));
	c->closing = true;
}

// A controller that died leaves a socket at its end; a restarted one takes its place at once.
static bool controller_alive(const struct server *s)
{
	struct client *old = server_controller(s);
	uint8_t octet;

	if (!old)
		return false;
	if (recv(old->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
		return true;
	old->dead = true;
	return false;
}

// 0, or why the client is refused.
static int hello_check(const struct server *s, const struct channel_hello *m)
{
	if (m->version != CHANNEL_VERSION) {
		log_kind(ERROR, CHANNEL_VERSION,
			"channel: version refused: the peer (%s) speaks channel version %u, this "
			"poi-dataplane (%s) speaks %u; install both programs from one build",
			m->software, m->version, POI_VERSION, CHANNEL_VERSION);
		return POI_ERR_VERSION;
	}
	if (m->role != CHANNEL_ROLE_CONTROL && m->role != CHANNEL_ROLE_OBSERVER)
		return POI_ERR_DENIED;
	return m->role == CHANNEL_ROLE_CONTROL && controller_alive(s) ? POI_ERR_IN_USE : POI_OK;
}

static void hello_answer(struct server *s, struct client *c, uint32_t request)
{
	const struct task_table *task_table = builder_task_table(s->with.builder);
	struct channel_hello_ok ok = {
		.incarnation = s->with.incarnation,
		.peer_incarnation = s->control_incarnation,
		.generation = builder_generation(s->with.builder),
		.tasks = task_table_tasks(task_table),
		.destinations = task_table_destinations(task_table),
		.first_burst = stats_all_polling(s->with.sources.stats),
	};

	int n = channel_encode_hello_ok(s->out, sizeof(s->out), CHANNEL_HELLO_OK, request, &ok);
	if (c->role != CHANNEL_ROLE_CONTROL || !s->with.box)
		client_send(c, s->out, n);
	else if (n < 0 || channel_send_with(c->fd, s->out, (size_t)n, box_fd(s->with.box)))
		c->dead = true; // the first message on this connection: there is room for it
}

// Takes over the content of the process before, as far as it can be read.
static bool inherit(struct server *s, const struct box *old)
{
	struct builder_inherited got = {0};
	int e = builder_inherit(s->with.builder, old, s->with.origin(s->with.context, old), &got);

	log_notice("box: %u tasks of an earlier process taken over, %llu PDUs to deliver; %llu lost",
		got.tasks, (unsigned long long)got.waiting, (unsigned long long)got.lost);
	if (e != POI_OK)
		log_error("box: the earlier process's content was not taken over completely: %s",
			poi_error_text(e));
	return e == POI_OK || got.waiting > 0;
}

// Takes the descriptor over.
static void inherit_from(struct server *s, int fd)
{
	struct box *old = fd >= 0 ? box_open(fd) : NULL;

	if (fd >= 0 && !old)
		log_error("box: the earlier process's is of another version");
	if (old && s->with.box && builder_is_new(s->with.builder) &&
		box_incarnation(old) != s->with.incarnation && !box_ended(old) && inherit(s, old) &&
		s->with.last_known)
		last_known_forget(s->with.last_known);
	box_free(old);
}

// The content of the process before is lost. The first controller is notified, once it has the
// destinations.
static void killed(struct server *s)
{
	struct channel_event e;

	while (s->with.last_known && last_known_next(s->with.last_known, &e)) {
		e.time_ns = now_wall_ns();
		log_warning("%s", e.text);
		server_event(s, &e);
	}
}

static void hello(struct server *s, struct client *c, const struct channel_header *h,
	const uint8_t *body, size_t length)
{
	int fd = c->box;

	c->box = -1;
	struct channel_hello m;
	int e = POI_ERR_DENIED;

	if (h->id == CHANNEL_HELLO && channel_decode_hello(body, length, &m) == POI_OK)
		e = hello_check(s, &m);
	if (e != POI_OK || m.role != CHANNEL_ROLE_CONTROL) {
		if (fd >= 0)
			close(fd);
	} else {
		inherit_from(s, fd);
	}
	if (e != POI_OK) {
		refuse(s, c, h->request, e);
		return;
	}
	c->role = m.role;
	hello_answer(s, c, h->request);
	if (m.role != CHANNEL_ROLE_CONTROL)
		return;
	s->control_incarnation = m.incarnation;
	log_kind(NOTICE, CHANNEL_UP, "channel: control is connected");
	killed(s);
	server_events_unsent(s);
	// A fail-safe's tasks are gone before the state is sent. Other events name objects that a
	// new controller has only after the whole state.
	server_replay(s, c, EVENT_FAIL_SAFE);
}

// Everything applied since the last call is published, then answered.
static void batch_end(struct server *s, struct client *c)
{
	int e = builder_commit(s->with.builder);

	for (uint32_t i = 0; i < s->n_acks; i++) {
		int32_t result = s->acks[i].result;
		struct channel_ack ack = {
			// "Not there" holds only once the table without it is in force.
			.result = e && result == POI_ERR_NOT_FOUND ? e
				  : result			   ? result
								   : e,
			.generation = builder_generation(s->with.builder),
		};
		client_send(c, s->out,
			channel_encode_ack(
				s->out, sizeof(s->out), CHANNEL_ACK, s->acks[i].request, &ack));
	}
	s->n_acks = 0;
}

static void status(struct server *s, struct client *c, uint32_t request)
{
	const struct task_table *task_table = builder_task_table(s->with.builder);
	struct channel_status m = {0};

	status_collect(&s->with.sources, &m);
	m.balanced = m.balanced && !s->ledger.fault;
	m.control_connected = server_controller(s) != NULL;
	m.clock_known = s->clock.known;
	m.clock_synchronised = s->clock.synchronised;
	m.clock_offset_ns = s->clock.offset_ns;
	m.clock_error_ns = s->clock.error_ns;
	m.incarnation = s->with.incarnation;
	m.generation = builder_generation(s->with.builder);
	m.uptime_ms = now_monotonic_ms() - s->started_ms;
	m.tasks = task_table_live_tasks(task_table);
	m.destinations = task_table_destinations(task_table);
	client_send(c, s->out,
		channel_encode_status(s->out, sizeof(s->out), CHANNEL_STATUS, request, &m));
}

static void workers(struct server *s, struct client *c, uint32_t request)
{
	struct channel_workers m = {0};

	status_workers(&s->with.sources, (now_monotonic_ms() - s->started_ms) * 1000000, &m);
	client_send(c, s->out,
		channel_encode_workers(s->out, sizeof(s->out), CHANNEL_WORKERS, request, &m));
}

static void signalling(struct server *s, struct client *c, uint32_t request)
{
	struct channel_signalling m;

	status_signalling(&s->with.sources, s->with.builder, &m);
	client_send(c, s->out,
		channel_encode_signalling(s->out, sizeof(s->out), CHANNEL_SIGNALLING, request, &m));
}

static void functions(struct server *s, struct client *c, uint32_t request)
{
	struct channel_functions m = {0};

	if (s->with.sources.functions)
		functions_counts(s->with.sources.functions, &m);
	client_send(c, s->out,
		channel_encode_functions(s->out, sizeof(s->out), CHANNEL_FUNCTIONS, request, &m));
}

// False: it is gone.
static bool send_status(struct server *s, struct client *c, uint32_t request, uint32_t index,
	struct channel_destination_status *m)
{
	if (deliver_status(s->with.deliver, (uint16_t)index, m) != POI_OK)
		return false;
	client_send(c, s->out,
		channel_encode_destination_status(
			s->out, sizeof(s->out), CHANNEL_DESTINATION_STATUS, request, m));
	return true;
}

// Sends the state of each destination; removed ones that still drain come last.
static void destination_status(struct server *s, struct client *c, uint32_t request)
{
	const struct task_table *task_table = builder_task_table(s->with.builder);
	struct channel_state_end end = {0};
	const struct destination_entry *d = destination_entry_first(task_table);

	for (; d && !c->dead; d = destination_entry_next(d)) {
		struct channel_destination_status m = {.ne = d->link.ne, .did = d->link.id};
		end.destinations += send_status(s, c, request, d->index, &m);
	}
	struct channel_destination_status m = {0};
	for (uint32_t i = 0; !c->dead; i++) {
		i = deliver_leaving(s->with.deliver, i, &m);
		if (i == UINT32_MAX)
			break;
		end.destinations += send_status(s, c, request, i, &m);
	}
	client_send(c, s->out,
		channel_encode_state_end(s->out, sizeof(s->out), CHANNEL_STATE_END, request, &end));
}

static void task_status(
	struct server *s, struct client *c, uint32_t request, const uint8_t *body, size_t length)
{
	struct channel_object of;
	struct channel_task_status m;

	if (channel_decode_object(body, length, &of) != POI_OK) {
		c->dead = true;
		return;
	}
	builder_task_status(s->with.builder, &of, &m);
	client_send(c, s->out,
		channel_encode_task_status(
			s->out, sizeof(s->out), CHANNEL_TASK_STATUS, request, &m));
}

static void state_get(struct server *s, struct client *c, uint32_t request)
{
	if (state_begin(&c->stream, builder_task_table(s->with.builder), request) != POI_OK)
		c->dead = true; // it connects again and asks again
	else
		c->streaming = true;
	c->stream.end.complete = s->complete;
}

static bool is_query(const struct client *c, uint16_t id)
{
	switch (id) {
	case CHANNEL_STATUS_GET:
	case CHANNEL_WORKERS_GET:
	case CHANNEL_SIGNALLING_GET:
	case CHANNEL_FUNCTIONS_GET:
	case CHANNEL_TASK_STATUS_GET:
	case CHANNEL_DESTINATION_STATUS_GET:
		return true;
	case CHANNEL_STATE_GET:
		return c->role == CHANNEL_ROLE_CONTROL;
	default:
		return false;
	}
}

// Queries see everything that was sent before them.
static bool query(struct server *s, struct client *c, const struct channel_header *h,
	const uint8_t *body, size_t length)
{
	if (!is_query(c, h->id))
		return false;
	if (s->n_acks > 0)
		batch_end(s, c);
	if (h->id == CHANNEL_STATUS_GET)
		status(s, c, h->request);
	else if (h->id == CHANNEL_WORKERS_GET)
		workers(s, c, h->request);
	else if (h->id == CHANNEL_SIGNALLING_GET)
		signalling(s, c, h->request);
	else if (h->id == CHANNEL_FUNCTIONS_GET)
		functions(s, c, h->request);
	else if (h->id == CHANNEL_TASK_STATUS_GET)
		task_status(s, c, h->request, body, length);
	else if (h->id == CHANNEL_DESTINATION_STATUS_GET)
		destination_status(s, c, h->request);
	else
		state_get(s, c, h->request);
	return true;
}

static int complete_put(struct server *s, const uint8_t *body, size_t length)
{
	struct channel_complete m;
	int e = channel_decode_complete(body, length, &m);

	if (e != POI_OK)
		return e;
	s->complete = m.complete;
	builder_events_tick(s->with.builder, now_monotonic_ms(), m.complete);
	if (m.complete)
		builder_inherit_end(s->with.builder);
	deliver_complete(s->with.deliver, m.complete);
	return POI_OK;
}

static void take(struct server *s, struct client *c, size_t length)
{
	struct channel_header h;
	const uint8_t *body;
	size_t body_length;

	if (channel_split(s->in, length, &h, &body, &body_length) != POI_OK) {
		c->dead = true;
		return;
	}
	if (c->role == 0) {
		hello(s, c, &h, body, body_length);
		return;
	}
	if (query(s, c, &h, body, body_length))
		return;
	if (c->role == CHANNEL_ROLE_CONTROL && h.id == CHANNEL_EVENTS_DONE) {
		if (server_events_done(s, h.request))
			server_left_done(s);
		return;
	}
	int result = POI_ERR_DENIED; // observers only look
	if (c->role == CHANNEL_ROLE_CONTROL && h.id == CHANNEL_ANSWER)
		result = POI_OK;
	else if (c->role == CHANNEL_ROLE_CONTROL)
		result = h.id == CHANNEL_COMPLETE_PUT ? complete_put(s, body, body_length)
						      : builder_apply(s->with.builder, h.id, body,
								body_length, now_monotonic_ms());
	s->acks[s->n_acks++] = (struct pending_ack){.request = h.request, .result = result};
}

void server_read(struct server *s, struct client *c)
{
	while (!c->dead && !c->closing && !c->streaming && !client_waits(c) && s->n_acks < BATCH) {
		int *with = c->role == 0 && c->box < 0 ? &c->box : NULL;
		int64_t n = channel_receive_with(c->fd, s->in, sizeof(s->in), with);
		if (n == POI_ERR_AGAIN)
			break;
		if (n <= 0)
			c->dead = true;
		else
			take(s, c, (size_t)n);
	}
	if (s->n_acks > 0)
		batch_end(s, c);
}

void server_stream(struct server *s, struct client *c)
{
	for (int i = 0; i < STREAM_BURST && c->streaming && !client_waits(c) && !c->dead; i++) {
		int n = state_next(&c->stream, now_monotonic_ms(), s->out, sizeof(s->out));
		if (n == 0) {
			state_end(&c->stream);
			c->streaming = false;
			c->informed = true;
			// Now it has the tasks.
			if (c == server_controller(s)) {
				server_replay(s, c, 0);
				server_conditions(s);
				s->clock_pending = true;
			}
			builder_report_again(s->with.builder);
		} else {
			client_send(c, s->out, n);
		}
	}
}
