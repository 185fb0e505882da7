#include "dataplane/builder/server.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "dataplane/builder/client.h"
#include "dataplane/builder/clock_sync.h"
#include "shared/log.h"
#include "shared/version.h"

#define CLIENTS_MAX 32
#define BATCH 1024
#define EVENTS_KEPT 256
#define HELLO_MS 5000
#define DRAIN_MS 20
#define LINKS_MS 500
#define CHECK_MS 1000
#define READY_MS 10	  // until the workers poll
#define RECONCILE_MS 5000 // between two walks through the tasks
#define WALK_MS 10	  // between two parts of a walk
#define WALK_TASKS 2048	  // of one part
#define TASK_EVENTS 64	  // of losses, per second
#define GENERATION_LOOKS 3u
#define WALK_LOOKS 2u
#define STREAM_BURST 256 // messages of a state stream per turn

static const char text_differs[] = "the sums of the ledger differ; see poi status",
		  text_balances[] = "the ledger balances again",
		  text_old_table[] = "a worker matches with an old table",
		  text_wrong_table[] = "the match table is not what the tasks say",
		  text_right[] = "what is matched is what the tasks say again";

struct pending_ack {
	uint32_t request;
	int32_t result;
};

struct server {
	struct server_settings with;
	int listener;
	uint64_t started_ms, links_ms, check_ms, check_every_ms, drain_ms;
	uint64_t control_incarnation; // of the last controller
	uint32_t n_clients;
	struct client *clients[CLIENTS_MAX];
	uint32_t n_acks;
	struct pending_ack acks[BATCH];
	uint32_t n_events, first_event; // kept while no controller is connected
	struct channel_event events[EVENTS_KEPT];
	struct debounce ledger;		  // of the ledger
	struct debounce generation, walk; // what the workers match
	struct clock_sync clock;	  // at the last look
	bool clock_bad;			  // not synchronised, then
	bool clock_retell;		  // a new controller has not heard how it is
	bool ready;
	uint8_t whole; // as the controller said last; not at the start
	uint64_t walk_ms, losses_ms;
	uint64_t copies_lost;
	uint32_t task_events; // that may still be sent in this second
	uint8_t in[CHANNEL_MESSAGE_MAX];
	uint8_t out[CHANNEL_MESSAGE_MAX];
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

struct server *server_new(const struct server_settings *with, char *why, size_t why_size)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	s->with = *with;
	s->started_ms = now_ms();
	s->check_every_ms = CHECK_MS;
	s->listener = channel_listen(with->path);
	if (s->listener < 0) {
		snprintf(why, why_size,
			"cannot listen on %s: %s; is runtime-dir writable, or another "
			"poi-dataplane "
			"running?",
			with->path, poi_error_text(s->listener));
		free(s);
		return NULL;
	}
	return s;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n_clients; i++)
		client_free(s->clients[i]);
	close(s->listener);
	(void)unlink(s->with.path);
	free(s);
}

static struct client *controller(const struct server *s)
{
	for (uint32_t i = 0; i < s->n_clients; i++)
		if (s->clients[i]->role == CHANNEL_ROLE_CONTROL && !s->clients[i]->dead)
			return s->clients[i];
	return NULL;
}

static void event_send(struct server *s, struct client *c, const struct channel_event *e)
{
	client_send(c, s->out, channel_encode_event(s->out, sizeof(s->out), CHANNEL_EVENT, 0, e));
}

// To the controller once it has the state it asked for, or kept; the oldest goes first when too
// many are kept.
static void event(struct server *s, const struct channel_event *e)
{
	struct client *c = controller(s);

	if (c && (c->informed || e->kind == EVENT_FAIL_SAFE)) {
		event_send(s, c, e);
		return;
	}
	s->events[(s->first_event + s->n_events) % EVENTS_KEPT] = *e;
	if (s->n_events < EVENTS_KEPT)
		s->n_events++;
	else
		s->first_event = (s->first_event + 1) % EVENTS_KEPT;
}

// Those of one kind, or all (0), in their order; the others stay.
static void events_replay(struct server *s, struct client *c, uint8_t kind)
{
	uint32_t n = s->n_events;

	s->n_events = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct channel_event e = s->events[(s->first_event + i) % EVENTS_KEPT];
		if (!kind || e.kind == kind)
			event_send(s, c, &e);
		else
			s->events[(s->first_event + s->n_events++) % EVENTS_KEPT] = e;
	}
}

static void refuse(struct server *s, struct client *c, uint32_t request, int reason)
{
	struct channel_hello_refused m = {.version = CHANNEL_VERSION, .reason = reason};

	snprintf(m.software, sizeof(m.software), "%s", POI_VERSION);
	if (reason != POI_ERR_VERSION) // which has said more
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
	struct client *old = controller(s);
	uint8_t octet;

	if (!old)
		return false;
	if (recv(old->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
		return true;
	old->dead = true;
	return false;
}

static void hello(struct server *s, struct client *c, const struct channel_header *h,
	const uint8_t *body, size_t length)
{
	struct channel_hello m;

	if (h->id != CHANNEL_HELLO || channel_decode_hello(body, length, &m) != POI_OK) {
		refuse(s, c, h->request, POI_ERR_DENIED);
		return;
	}
	if (m.version != CHANNEL_VERSION) {
		log_kind(ERROR, CHANNEL_VERSION,
			"channel: version refused: the peer (%s) speaks channel version %u, this "
			"poi-dataplane (%s) speaks %u; install both programs from one build",
			m.software, m.version, POI_VERSION, CHANNEL_VERSION);
		refuse(s, c, h->request, POI_ERR_VERSION);
		return;
	}
	if (m.role != CHANNEL_ROLE_CONTROL && m.role != CHANNEL_ROLE_OBSERVER) {
		refuse(s, c, h->request, POI_ERR_DENIED);
		return;
	}
	if (m.role == CHANNEL_ROLE_CONTROL && controller_alive(s)) {
		refuse(s, c, h->request, POI_ERR_IN_USE);
		return;
	}
	const struct task_table *task_table = builder_task_table(s->with.builder);
	struct channel_hello_ok ok = {
		.incarnation = s->with.incarnation,
		.peer_incarnation = s->control_incarnation,
		.generation = builder_generation(s->with.builder),
		.tasks = task_table_tasks(task_table),
		.destinations = task_table_destinations(task_table),
		.first_burst = stats_all_polling(s->with.sources.stats),
	};
	c->role = m.role;
	client_send(c, s->out,
		channel_encode_hello_ok(s->out, sizeof(s->out), CHANNEL_HELLO_OK, h->request, &ok));
	if (m.role != CHANNEL_ROLE_CONTROL)
		return;
	s->control_incarnation = m.incarnation;
	log_kind(NOTICE, CHANNEL_UP, "channel: control is connected");
	// A fail-safe's tasks are gone before it looks at what is there. Of the rest a new
	// controller would not know what they speak of before it has the whole state.
	events_replay(s, c, EVENT_FAIL_SAFE);
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
	m.control_connected = controller(s) != NULL;
	m.clock_known = s->clock.known;
	m.clock_synchronised = s->clock.synchronised;
	m.clock_offset_ns = s->clock.offset_ns;
	m.clock_error_ns = s->clock.error_ns;
	m.incarnation = s->with.incarnation;
	m.generation = builder_generation(s->with.builder);
	m.uptime_ms = now_ms() - s->started_ms;
	m.tasks = task_table_live_tasks(task_table);
	m.destinations = task_table_destinations(task_table);
	client_send(c, s->out,
		channel_encode_status(s->out, sizeof(s->out), CHANNEL_STATUS, request, &m));
}

static void workers(struct server *s, struct client *c, uint32_t request)
{
	struct channel_workers m = {0};

	status_workers(&s->with.sources, (now_ms() - s->started_ms) * 1000000, &m);
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

static void destination_status(struct server *s, struct client *c, uint32_t request)
{
	const struct task_table *task_table = builder_task_table(s->with.builder);
	struct channel_state_end end = {0};
	const struct destination_entry *d = destination_entry_first(task_table);

	for (; d && !c->dead; d = destination_entry_next(d)) {
		struct channel_destination_status m = {0};
		if (deliver_status(s->with.deliver, d->index, &m) != POI_OK)
			continue;
		m.ne = d->link.ne;
		m.did = d->link.id;
		end.destinations++;
		client_send(c, s->out,
			channel_encode_destination_status(
				s->out, sizeof(s->out), CHANNEL_DESTINATION_STATUS, request, &m));
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
	c->stream.end.whole = s->whole;
}

// Queries see everything that was sent before them.
static bool query(struct server *s, struct client *c, const struct channel_header *h,
	const uint8_t *body, size_t length)
{
	switch (h->id) {
	case CHANNEL_STATUS_GET:
	case CHANNEL_WORKERS_GET:
	case CHANNEL_SIGNALLING_GET:
	case CHANNEL_TASK_STATUS_GET:
	case CHANNEL_DESTINATION_STATUS_GET:
		break;
	case CHANNEL_STATE_GET:
		if (c->role == CHANNEL_ROLE_CONTROL)
			break;
		return false;
	default:
		return false;
	}
	if (s->n_acks > 0)
		batch_end(s, c);
	if (h->id == CHANNEL_STATUS_GET)
		status(s, c, h->request);
	else if (h->id == CHANNEL_WORKERS_GET)
		workers(s, c, h->request);
	else if (h->id == CHANNEL_SIGNALLING_GET)
		signalling(s, c, h->request);
	else if (h->id == CHANNEL_TASK_STATUS_GET)
		task_status(s, c, h->request, body, length);
	else if (h->id == CHANNEL_DESTINATION_STATUS_GET)
		destination_status(s, c, h->request);
	else
		state_get(s, c, h->request);
	return true;
}

static int whole_put(struct server *s, const uint8_t *body, size_t length)
{
	struct channel_whole m;
	int e = channel_decode_whole(body, length, &m);

	if (e == POI_OK)
		s->whole = m.whole;
	return e;
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
	int result = POI_ERR_DENIED; // observers only look
	if (c->role == CHANNEL_ROLE_CONTROL)
		result = h.id == CHANNEL_WHOLE_PUT ? whole_put(s, body, body_length)
						   : builder_apply(s->with.builder, h.id, body,
							     body_length, now_ms());
	s->acks[s->n_acks++] = (struct pending_ack){.request = h.request, .result = result};
}

static void client_read(struct server *s, struct client *c)
{
	while (!c->dead && !c->closing && !c->streaming && !c->first && s->n_acks < BATCH) {
		int64_t n = channel_receive(c->fd, s->in, sizeof(s->in));
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

static void tell_now(void *context, struct channel_event *e)
{
	struct server *s = context;
	struct client *c = controller(s);

	e->time_ns = now_ns();
	if (c)
		event_send(s, c, e);
}

// The process's conditions are in no memo: a new controller hears how they are now, good or bad,
// for what was kept for it is bounded. It goes past what is kept, and fills nothing of it.
static void conditions(struct server *s)
{
	struct channel_event ledger = {
		.kind = s->ledger.fault ? EVENT_LEDGER_FAULT : EVENT_LEDGER_CLEAR};
	bool wrong = s->generation.fault || s->walk.fault;
	struct channel_event matching = {
		.kind = wrong ? EVENT_SECURITY_FAULT : EVENT_SECURITY_CLEAR};

	snprintf(ledger.text, sizeof(ledger.text), "%s",
		s->ledger.fault ? text_differs : text_balances);
	snprintf(matching.text, sizeof(matching.text), "%s",
		s->generation.fault ? text_old_table
		: wrong		    ? text_wrong_table
				    : text_right);
	tell_now(s, &ledger);
	tell_now(s, &matching);
	ports_conditions(s->with.ports, tell_now, s);
}

static void client_stream(struct server *s, struct client *c)
{
	for (int i = 0; i < STREAM_BURST && c->streaming && !c->first && !c->dead; i++) {
		int n = state_next(&c->stream, now_ms(), s->out, sizeof(s->out));
		if (n == 0) {
			state_end(&c->stream);
			c->streaming = false;
			c->informed = true;
			// Now it knows the tasks; what was told before it came may be lost.
			if (c == controller(s)) {
				events_replay(s, c, 0);
				conditions(s);
				s->clock_retell = true;
			}
			builder_retell(s->with.builder);
		} else {
			client_send(c, s->out, n);
		}
	}
}

static void client_turn(struct server *s, struct client *c, short revents)
{
	if (revents & POLLOUT)
		client_flush(c);
	if (c->streaming)
		client_stream(s, c);
	if (revents & (POLLIN | POLLHUP | POLLERR))
		client_read(s, c);
	if ((revents & (POLLHUP | POLLERR)) && !(revents & POLLIN))
		c->dead = true;
	if (c->closing && !c->first)
		c->dead = true;
}

static void clients_bury(struct server *s)
{
	uint32_t kept = 0;
	uint64_t now = now_ms();

	for (uint32_t i = 0; i < s->n_clients; i++) {
		struct client *c = s->clients[i];
		if (c->role == 0 && now - c->opened_ms > HELLO_MS)
			c->dead = true;
		if (!c->dead) {
			s->clients[kept++] = c;
			continue;
		}
		if (c->role == CHANNEL_ROLE_CONTROL)
			log_kind(NOTICE, CHANNEL_DOWN,
				"channel: control has gone; interception goes on");
		client_free(c);
	}
	s->n_clients = kept;
}

static void client_accept(struct server *s)
{
	int fd = channel_accept(s->listener);

	if (fd < 0)
		return;
	if (s->n_clients == CLIENTS_MAX) {
		close(fd);
		return;
	}
	struct client *c = client_new(fd, now_ms());
	if (c)
		s->clients[s->n_clients++] = c;
}

static void port_changed(void *context, struct channel_event *e)
{
	e->time_ns = now_ns();
	if (e->kind == EVENT_LINK_UP)
		log_kind(NOTICE, LINK_UP, "%s", e->text);
	else if (e->kind == EVENT_LINK_DOWN)
		log_kind(WARNING, LINK_DOWN, "%s", e->text);
	else
		log_kind(WARNING, PORT_LOSS, "%s", e->text);
	event(context, e);
}

static void event_text(struct server *s, int kind, const char *text)
{
	struct channel_event e = {.kind = (uint8_t)kind, .time_ns = now_ns()};

	snprintf(e.text, sizeof(e.text), "%s", text);
	log_kind(WARNING, SELF_CHECK, "%s", e.text);
	event(s, &e);
}

static void security(struct server *s, enum debounce_change change, const char *fault)
{
	if (change == DEBOUNCE_FAULT)
		event_text(s, EVENT_SECURITY_FAULT, fault);
	else if (change == DEBOUNCE_CLEAR && !s->generation.fault && !s->walk.fault)
		event_text(s, EVENT_SECURITY_CLEAR, text_right);
}

// What systemctl status shows. How many tasks there are is nobody's business there.
static void tell_alive(struct server *s)
{
	char state[128];

	snprintf(state, sizeof(state), "poi-control %s; the ledger %s%s",
		controller(s) ? "connected" : "away", s->ledger.fault ? "DIFFERS" : "balances",
		s->generation.fault || s->walk.fault ? "; MATCHING IS WRONG" : "");
	s->with.alive(s->with.context, state);
}

static void look_at_clock(struct server *s)
{
	clock_sync_read(&s->clock);
	bool bad = s->clock.known && !s->clock.synchronised, changed = bad != s->clock_bad;

	if (!changed && !s->clock_retell)
		return;
	s->clock_bad = bad;
	s->clock_retell = false;
	struct channel_event e = {
		.kind = bad ? EVENT_CLOCK_UNSURE : EVENT_CLOCK_SURE, .time_ns = now_ns()};
	snprintf(e.text, sizeof(e.text), "%s",
		bad ? "the clock is not synchronised: the times of PDUs may be wrong"
		    : "the clock is synchronised again");
	if (changed)
		log_warning("%s", e.text);
	event(s, &e);
}

static void self_check(struct server *s)
{
	struct channel_status m = {0};
	uint64_t before = now_ms();
	bool moved = status_collect(&s->with.sources, &m);
	int kind = ledger_debounce(&s->ledger, m.balanced);

	if (kind != 0)
		event_text(s, kind, kind == EVENT_LEDGER_FAULT ? text_differs : text_balances);
	s->copies_lost = copy_balance_lost(&m.copies);
	s->task_events = TASK_EVENTS;
	if (moved) {
		// A commit waits for every worker, and none is under way: they must all be there.
		bool right = stats_generation_is(
			s->with.sources.stats, builder_generation(s->with.builder));
		security(s, debounce_look(&s->generation, right, GENERATION_LOOKS, 1),
			text_old_table);
		tell_alive(s);
	}
	// With very many tasks the sums take long: never more than a tenth of the time.
	uint64_t took = now_ms() - before;
	s->check_every_ms = took * 10 > CHECK_MS ? took * 10 : CHECK_MS;
}

static void task_losing(void *context, struct channel_event *e)
{
	struct server *s = context;

	e->time_ns = now_ns();
	s->task_events--;
	event(s, e);
}

static void losses(struct server *s, uint64_t now)
{
	const struct builder_losses l = {
		.copies_lost = s->copies_lost,
		.now_ms = now,
		.tasks = WALK_TASKS,
		.events = s->task_events,
		.tell = task_losing,
		.context = s,
	};

	if (now >= s->losses_ms)
		s->losses_ms = now + (builder_losses(s->with.builder, &l) ? CHECK_MS : WALK_MS);
}

static void walk(struct server *s, uint64_t now)
{
	bool agrees;

	if (now < s->walk_ms)
		return;
	s->walk_ms = now + WALK_MS;
	if (!builder_reconcile(s->with.builder, WALK_TASKS, &agrees))
		return;
	s->walk_ms = now + RECONCILE_MS;
	security(s, debounce_look(&s->walk, agrees, WALK_LOOKS, 1), text_wrong_table);
}

// No value of a target is in it, and nothing of it goes into the log.
static void tell_followed(struct server *s)
{
	static const uint8_t kinds[] = {[BOUND_WAITING] = EVENT_TASK_WAITING,
		[BOUND_UNSURE] = EVENT_TASK_UNSURE,
		[BOUND_FOLLOWED] = EVENT_TASK_FOLLOWED,
		[BOUND_ENDED] = EVENT_TASK_ENDED};
	const struct client *c = controller(s);
	struct bound_report r;

	// A new controller hears how each is then, not what was said while nobody listened.
	if (!c || !c->informed)
		return;
	while (builder_news(s->with.builder, &r)) {
		struct channel_event e = {.kind = kinds[r.condition],
			.ne = r.ne,
			.id = r.xid,
			.copies = r.sessions,
			.time_ns = now_ns()};
		event(s, &e);
	}
}

static void chores(struct server *s)
{
	uint64_t now = now_ms();
	struct channel_event e;
	struct id16 ne;

	while (builder_fail_safe(s->with.builder, now, &ne)) {
		e = (struct channel_event){.kind = EVENT_FAIL_SAFE, .ne = ne, .time_ns = now_ns()};
		snprintf(e.text, sizeof(e.text), "the ADMF was silent for TIME_P2");
		log_kind(WARNING, FAIL_SAFE,
			"the ADMF of a network element was silent for TIME_P2: its tasks are "
			"stopped");
		event(s, &e);
	}
	if (now >= s->drain_ms) {
		// A publication that found no memory is tried again.
		(void)builder_commit(s->with.builder);
		s->drain_ms = builder_drain(s->with.builder) > 0 ? now + DRAIN_MS : now + LINKS_MS;
	}
	if (now >= s->links_ms) {
		ports_links(s->with.ports, port_changed, s);
		ports_losses(s->with.ports, now, port_changed, s);
		s->links_ms = now + LINKS_MS;
	}
	if (!s->ready && stats_all_polling(s->with.sources.stats)) {
		s->ready = true;
		s->with.ready(s->with.context);
	}
	if (now >= s->check_ms) {
		self_check(s);
		look_at_clock(s);
		log_tick();
		s->check_ms = now_ms() + s->check_every_ms;
	}
	losses(s, now);
	walk(s, now);
	tell_followed(s);
	while (deliver_next_event(s->with.deliver, &e))
		event(s, &e);
}

static int wait_ms(const struct server *s)
{
	uint64_t now = now_ms();
	uint64_t least = builder_next_deadline(s->with.builder, now);
	const uint64_t times[] = {s->links_ms, s->check_ms, s->drain_ms, s->losses_ms, s->walk_ms,
		s->ready ? UINT64_MAX : now + READY_MS};

	for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		uint64_t left = times[i] > now ? times[i] - now : 0;
		if (left < least)
			least = left;
	}
	return (int)least;
}

// False when the process shall end.
static bool signals(struct server *s, int signal_fd)
{
	struct signalfd_siginfo si;
	char why[256];

	while (read(signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo != SIGHUP)
			return false;
		s->with.reload(s->with.context);
		if (deliver_reload(s->with.deliver, why, sizeof(why)) == POI_OK)
			log_kind(NOTICE, RELOADED, "delivery certificates were read again");
		else
			log_kind(ERROR, RELOAD_REFUSED, "delivery keeps its old certificates: %s",
				why);
	}
	return true;
}

void server_run(struct server *s, int signal_fd)
{
	enum { FD_SIGNAL, FD_LISTENER, FD_FOLD, FD_DELIVER, FD_FOLLOW, FD_CLIENTS };
	struct pollfd fds[FD_CLIENTS + CLIENTS_MAX];

	for (;;) {
		uint32_t n = s->n_clients;
		fds[FD_SIGNAL] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
		fds[FD_LISTENER] = (struct pollfd){.fd = s->listener, .events = POLLIN};
		fds[FD_FOLD] =
			(struct pollfd){.fd = builder_fold_fd(s->with.builder), .events = POLLIN};
		fds[FD_DELIVER] =
			(struct pollfd){.fd = deliver_event_fd(s->with.deliver), .events = POLLIN};
		fds[FD_FOLLOW] =
			(struct pollfd){.fd = builder_follow_fd(s->with.builder), .events = POLLIN};
		for (uint32_t i = 0; i < n; i++) {
			const struct client *c = s->clients[i];
			bool busy = c->first || c->streaming;
			fds[FD_CLIENTS + i] =
				(struct pollfd){.fd = c->fd, .events = busy ? POLLOUT : POLLIN};
		}
		(void)poll(fds, FD_CLIENTS + n, wait_ms(s));
		if ((fds[FD_SIGNAL].revents & POLLIN) && !signals(s, signal_fd))
			return;
		if (fds[FD_FOLLOW].revents & POLLIN)
			builder_follow(s->with.builder);
		for (uint32_t i = 0; i < n; i++)
			client_turn(s, s->clients[i], fds[FD_CLIENTS + i].revents);
		clients_bury(s);
		if (fds[FD_LISTENER].revents & POLLIN)
			client_accept(s);
		if (fds[FD_FOLD].revents & POLLIN)
			builder_folded(s->with.builder);
		chores(s);
	}
}
