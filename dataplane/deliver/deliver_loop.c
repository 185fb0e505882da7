#include "dataplane/deliver/deliver_internal.h"
#include "shared/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define TIMERS_NS (20 * NS_PER_MS) // granularity of connects, keepalives and drains
#define IDLE_NS (100 * NS_PER_MS)  // sleep of a thread without destinations
#define POLL_EVERY 32u		   // busy rounds between two looks at the sockets
#define STOP_NS (2 * NS_PER_S)
#define REMOVE_NS (5 * NS_PER_S)
#define SOCKETS 64

static uint64_t clock_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t deliver_now(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

uint64_t deliver_realtime(void)
{
	return clock_of(CLOCK_REALTIME);
}

int deliver_thread_open(struct deliver *d, uint32_t number)
{
	struct deliver_thread *t = &d->thread[number];

	t->deliver = d;
	t->number = number;
	t->random = deliver_realtime() | 1;
	t->last = &t->first;
	t->due_last = &t->due;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->taken, NULL);
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event e = {.events = EPOLLIN};
	if (t->epoll < 0 || t->wake < 0 || epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->wake, &e) != 0)
		return POI_ERR_IO;
	return 0;
}

void deliver_thread_close(struct deliver_thread *t)
{
	if (!t->deliver)
		return;
	while (t->first) {
		struct command *c = t->first;
		t->first = c->next;
		free(c); // answers of the resolver: nobody waits for a thread that has ended
	}
	if (t->epoll >= 0)
		close(t->epoll);
	if (t->wake >= 0)
		close(t->wake);
	copy_outcomes_clear(&t->book);
	pthread_cond_destroy(&t->taken);
	pthread_mutex_destroy(&t->lock);
}

static void apply_rings(struct link *l, struct copy_ring **rings)
{
	for (uint32_t i = 0; i < l->deliver->n_workers * COPY_KINDS; i++)
		if (rings[i])
			stream_attach(l->stream,
				stream_line(l->stream, i / COPY_KINDS, i % COPY_KINDS), rings[i]);
}

static void apply(struct deliver_thread *t, struct command *c)
{
	struct link *l = c->link;

	switch (c->kind) {
	case COMMAND_ADD:
		l->next = t->links;
		t->links = l;
		break;
	case COMMAND_MODIFY:
		pthread_mutex_lock(&l->deliver->lock); // readers walk the rings
		apply_rings(l, c->rings);
		pthread_mutex_unlock(&l->deliver->lock);
		link_modified(l, &c->dest);
		break;
	case COMMAND_REMOVE:
		l->remove_until = deliver_now() + REMOVE_NS;
		break;
	case COMMAND_RESOLVED:
		for (l = t->links; l && l->serial != link_of_token(c->answer.token); l = l->next)
			;
		if (l)
			link_resolved(l, &c->answer, deliver_now());
		break;
	}
}

static void wake(struct deliver_thread *t)
{
	uint64_t one = 1;

	(void)!write(t->wake, &one, sizeof(one));
}

void deliver_thread_send(struct deliver_thread *t, struct command *c)
{
	pthread_mutex_lock(&t->lock);
	if (!t->running) {
		pthread_mutex_unlock(&t->lock);
		apply(t, c);
		if (!c->waited)
			free(c);
		return;
	}
	c->next = NULL;
	*t->last = c;
	t->last = &c->next;
	atomic_store_explicit(&t->pending, true, memory_order_release);
	wake(t);
	while (c->waited && !c->done)
		pthread_cond_wait(&t->taken, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

void deliver_thread_resolved(struct deliver *d, const struct resolve_answer *a)
{
	// The token does not tell the thread: the one that has the link takes it.
	for (uint32_t i = 0; i < d->n_threads; i++) {
		struct command *c = calloc(1, sizeof(*c));
		if (!c)
			continue;
		c->kind = COMMAND_RESOLVED;
		c->answer = *a;
		struct deliver_thread *t = &d->thread[i];
		pthread_mutex_lock(&t->lock);
		*t->last = c;
		t->last = &c->next;
		atomic_store_explicit(&t->pending, true, memory_order_release);
		pthread_mutex_unlock(&t->lock);
		wake(t);
	}
}

static void take_commands(struct deliver_thread *t)
{
	if (!atomic_load_explicit(&t->pending, memory_order_acquire))
		return;
	pthread_mutex_lock(&t->lock);
	atomic_store_explicit(&t->pending, false, memory_order_relaxed);
	while (t->first) {
		struct command *c = t->first;
		t->first = c->next;
		if (!t->first)
			t->last = &t->first;
		pthread_mutex_unlock(&t->lock);
		apply(t, c);
		pthread_mutex_lock(&t->lock);
		if (c->waited)
			c->done = true;
		else
			free(c);
	}
	pthread_cond_broadcast(&t->taken);
	pthread_mutex_unlock(&t->lock);
}

static void make_busy(struct deliver_thread *t, struct link *l)
{
	if (l->busy)
		return;
	l->busy = true;
	l->next_busy = t->busy;
	t->busy = l;
}

// Rings that have something new. `since`: the last time we looked, so nothing is older.
static void take_ready(struct deliver_thread *t, uint64_t since)
{
	struct copy_ring *r;

	for (uint32_t w = 0; w < t->deliver->n_workers; w++)
		while ((r = capture_ready(t->deliver->captures[w], t->number)))
			make_busy(t, stream_owner(stream_wake(copy_ring_owner(r), since)));
}

static unsigned pump(struct deliver_thread *t, uint64_t now)
{
	unsigned records = 0;

	for (struct link **at = &t->busy; *at;) {
		struct link *l = *at;
		records += link_pump(l, now);
		if (link_quiet(l)) {
			*at = l->next_busy;
			l->busy = false;
		} else {
			at = &l->next_busy;
		}
	}
	return records;
}

static void unlink_busy(struct deliver_thread *t, const struct link *l)
{
	for (struct link **at = &t->busy; *at; at = &(*at)->next_busy) {
		if (*at == l) {
			*at = l->next_busy;
			return;
		}
	}
}

static bool is_connecting(const struct link *l)
{
	return l->mdf && !l->up_at;
}

static void make_due(struct deliver_thread *t, struct link *l, uint32_t events)
{
	l->due_events |= events;
	if (l->due)
		return;
	l->due = true;
	l->next_due = NULL;
	*t->due_last = l;
	t->due_last = &l->next_due;
}

static void unlink_due(struct deliver_thread *t, struct link *l)
{
	struct link **at = &t->due;

	while (*at && *at != l)
		at = &(*at)->next_due;
	if (!*at)
		return;
	*at = l->next_due;
	if (!*at)
		t->due_last = at;
	l->due = false;
	l->due_events = 0;
}

// A step of a handshake is up to a millisecond's work: one a turn, so that a hundred destinations
// that come back at once hold nobody else up.
static void connect_one(struct deliver_thread *t, uint64_t now)
{
	struct link *l = t->due;

	if (!l)
		return;
	uint32_t events = l->due_events;
	unlink_due(t, l);
	link_ready(l, events, now);
	make_busy(t, l);
}

// Frees the link; its numbers stay in the totals.
static void retire(struct deliver_thread *t, struct link *l)
{
	struct deliver *d = t->deliver;
	uint64_t octets = 0;

	link_close(l, LOSS_REMOVED);
	take_ready(t, 0); // the workers have let go of its rings; none stays in a queue
	unlink_busy(t, l);
	unlink_due(t, l);
	pthread_mutex_lock(&d->lock);
	stream_balance(l->stream, &d->past, &octets);
	d->past_recovered += stream_spool_recovered(l->stream);
	d->link[l->index] = l->twin;
	if (l->twin)
		l->twin->twin = NULL;
	pthread_mutex_unlock(&d->lock);
	stream_free(l->stream);
	free(l);
}

static bool is_drained(struct link *l, uint64_t now, uint64_t until)
{
	bool hopeless = !l->mdf && l->failures > 0;

	return now >= until || hopeless || stream_empty(l->stream);
}

static void timers(struct deliver_thread *t, uint64_t now)
{
	for (struct link **at = &t->links; *at;) {
		struct link *l = *at;
		link_timers(l, now);
		if (is_connecting(l))
			make_due(t, l, 0);
		if (l->mdf || stream_active(l->stream))
			make_busy(t, l);
		if (l->remove_until && is_drained(l, now, l->remove_until)) {
			*at = l->next;
			retire(t, l);
		} else {
			at = &l->next;
		}
	}
}

static void wait_sockets(struct deliver_thread *t, uint64_t sleep_ns)
{
	struct epoll_event events[SOCKETS];
	struct timespec timeout = {
		.tv_sec = (time_t)(sleep_ns / NS_PER_S), .tv_nsec = (long)(sleep_ns % NS_PER_S)};
	int n = epoll_pwait2(t->epoll, events, SOCKETS, &timeout, NULL);

	for (int i = 0; i < n; i++) {
		struct link *l = events[i].data.ptr;
		uint64_t count;
		if (!l) {
			(void)!read(t->wake, &count, sizeof(count));
			continue;
		}
		if (is_connecting(l)) {
			make_due(t, l, events[i].events);
			continue;
		}
		link_ready(l, events[i].events, deliver_now());
		make_busy(t, l);
	}
}

// All that was captured is sent, or time is up: then it is counted.
static bool stopped(struct deliver_thread *t, uint64_t now)
{
	if (!atomic_load_explicit(&t->deliver->stopping, memory_order_acquire))
		return false;
	if (!t->stop_until)
		t->stop_until = now + STOP_NS;
	for (struct link *l = t->links; l; l = l->next)
		if (!is_drained(l, now, t->stop_until))
			return false;
	for (struct link *l = t->links; l; l = l->next)
		link_close(l, LOSS_STOPPED);
	return true;
}

static void *run(void *context)
{
	struct deliver_thread *t = context;
	uint64_t polled = deliver_now(), timers_at = 0;
	unsigned round = 0;

	prctl(PR_SET_TIMERSLACK, 1);
	for (;;) {
		uint64_t now = deliver_now();
		take_commands(t);
		take_ready(t, polled);
		polled = now;
		unsigned records = pump(t, now);
		connect_one(t, now);
		if (now >= timers_at) {
			timers(t, now);
			if (t->number == 0)
				deliver_sweep_timer(t->deliver, now);
			timers_at = now + TIMERS_NS;
			if (stopped(t, now))
				break;
		}
		if (records == 0)
			wait_sockets(t, t->due ? 0 : t->links ? t->deliver->flush_ns : IDLE_NS);
		else if (++round % POLL_EVERY == 0)
			wait_sockets(t, 0);
	}
	pthread_mutex_lock(&t->lock);
	t->running = false;
	pthread_mutex_unlock(&t->lock);
	take_commands(t); // whoever waits is answered
	return NULL;
}

int deliver_thread_start(struct deliver_thread *t)
{
	sigset_t all, old;

	// A peer that closed must not raise SIGPIPE here, and signals belong to the main thread.
	sigfillset(&all);
	sigdelset(&all, sandbox_signal());
	pthread_sigmask(SIG_SETMASK, &all, &old);
	t->running = true;
	int error = pthread_create(&t->id, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error) {
		t->running = false;
		t->id = 0;
		return POI_ERR_NOMEM;
	}
	(void)pthread_setname_np(t->id, "poi-deliver");
	return 0;
}

void deliver_thread_join(struct deliver_thread *t)
{
	if (!t->id)
		return;
	wake(t);
	pthread_join(t->id, NULL);
	t->id = 0;
}
