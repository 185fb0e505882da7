// The loop of a delivery thread: rings that have something become TLS records of their
// destinations' connections.

#include "dataplane/deliver/deliver_internal.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shared/now.h"
#include "shared/sandbox.h"

#define TIMERS_NS (20 * NS_PER_MS) // granularity of connects, keepalives and drains
#define IDLE_NS (100 * NS_PER_MS)  // sleep of a thread without destinations
// A worker makes no system call, so nothing wakes a thread when a ring fills up. One that has had
// nothing to do for a while looks less often: a stream that begins waits that long for its first
// record.
#define DOZE_AFTER_NS (50 * NS_PER_MS)
#define DOZE_NS (5 * NS_PER_MS)
#define POLL_EVERY 32u // busy iterations between two looks at the sockets
#define STOP_NS (2 * NS_PER_S)
#define SOCKETS 64
#define BURST 16u		 // records of one destination before the next has its turn
#define ACK_OCTETS (128 * 1024u) // written since the last look at TCP's acknowledgements
#define ACK_MAX_NS (20 * NS_PER_MS)
#define ACK_READ (1024 * 1024u) // written since the last look for the MDF's

static void take_acknowledged(struct mdf_connection *c, uint64_t now)
{
	uint64_t written = mdf_written(c->mdf);

	if (mdf_connection_settles_by_keepalive(c)) {
		// A busy thread looks at its sockets now and then only.
		uint64_t often = c->settle.octets < ACK_READ ? c->settle.octets : ACK_READ;
		if (c->settle.sent == c->keepalive_acked || written - c->ack_written < often)
			return;
		c->ack_written = written;
		mdf_connection_receive(c, now);
		return;
	}
	if (!stream_outstanding(c->stream) ||
		(now < c->ack_at && written - c->ack_written < ACK_OCTETS))
		return;
	c->ack_written = written;
	if (stream_acked_at(c->stream, mdf_acknowledged(c->mdf), now_wall_ns())) {
		c->ack_pause = ACK_MIN_NS;
		c->delivered = true;
	} else if (c->ack_pause < ACK_MAX_NS) {
		c->ack_pause *= 2;
	}
	c->ack_at = now + c->ack_pause;
}

static bool next_piece(struct mdf_connection *c, uint64_t now)
{
	if (c->piece.length > 0)
		return true;
	bool keepalive = mdf_connection_keepalive_due(c, now) ||
			 mdf_connection_settle_due(c, now, SETTLE_BUSY);
	bool edge = keepalive || c->renew_paused;
	enum settle_when idle = c->renew_paused || c->remove_until || mdf_connection_is_leaving(c)
					? SETTLE_LAST
					: SETTLE_IDLE;
	uint64_t flush = c->remove_until ? 0 : c->deliver->flush_ns;
	c->piece_is_control = false;
	if (!stream_at_edge(c->stream) || !edge) {
		if (stream_next(c->stream, now, flush, edge, &c->piece))
			return true;
		keepalive |= mdf_connection_settle_due(c, now, idle);
	} else if (c->renew_paused) {
		keepalive = mdf_connection_settle_due(c, now, idle);
	}
	if (!keepalive || !stream_at_edge(c->stream))
		return false;
	mdf_connection_make_keepalive(c, now);
	return true;
}

// Takes `n` octets off the piece in hand. 0 or NOMEM.
static int advance(struct mdf_connection *c, uint32_t n, uint64_t now)
{
	struct stream_piece sent = c->piece;
	int error = 0;

	sent.length = n;
	if (!c->piece_is_control)
		error = stream_sent(c->stream, &sent, mdf_written(c->mdf));
	c->piece.octets += n;
	c->piece.length -= n;
	if (!c->piece_is_control)
		mdf_connection_settle_sent(c, now);
	else if (c->piece.length == 0 && c->keepalive_in_hand)
		mdf_connection_settle_mark(c, now);
	return error;
}

static unsigned mdf_connection_pump(struct mdf_connection *c, uint64_t now)
{
	unsigned records = 0;

	mdf_connection_spool_work(c, now);
	if (!c->mdf || !c->up_at)
		return 0;
	take_acknowledged(c, now);
	while (c->mdf && c->writable && records < BURST && next_piece(c, now)) {
		int64_t n = mdf_write(c->mdf, c->piece.octets, c->piece.length);
		if (n == POI_ERR_AGAIN) {
			c->writable = false;
			break;
		}
		if (n < 0) {
			mdf_connection_down(c, now, "%s", mdf_reason(c->mdf));
			return records;
		}
		if (advance(c, (uint32_t)n, now)) {
			mdf_connection_down(c, now, "out of memory");
			return records;
		}
		records++;
	}
	int error = c->mdf && c->writable ? mdf_flush(c->mdf) : 0;
	if (error == POI_ERR_AGAIN)
		c->writable = false;
	else if (error)
		mdf_connection_down(c, now, "%s", mdf_reason(c->mdf));
	return records;
}

static bool mdf_connection_quiet(const struct mdf_connection *c)
{
	if (mdf_connection_spool_busy(c))
		return false;
	if (!c->mdf || !c->up_at)
		return true;
	// An acknowledgement of the MDF wakes us up, TCP's does not.
	return c->piece.length == 0 && !stream_active(c->stream) &&
	       (mdf_connection_settles_by_keepalive(c) || !stream_outstanding(c->stream));
}

static void make_busy(struct deliver_thread *t, struct mdf_connection *c)
{
	c->look_at = 0;
	if (c->busy)
		return;
	c->busy = true;
	LIST_INSERT_HEAD(&t->busy, c, next_busy);
}

// Rings that have something new. `since`: the last time we looked, so nothing is older.
static void take_ready(struct deliver_thread *t, uint64_t since)
{
	struct copy_ring *r;

	for (uint32_t w = 0; w < t->deliver->n_workers; w++)
		while ((r = capture_ready(t->deliver->captures[w], t->number)))
			make_busy(t, stream_owner(stream_wake(copy_ring_owner(r), since)));
}

static void unlink_busy(struct mdf_connection *c)
{
	if (c->busy)
		LIST_REMOVE(c, next_busy);
	c->busy = false;
}

static unsigned pump(struct deliver_thread *t, uint64_t now)
{
	unsigned records = 0;

	for (struct mdf_connection *c = LIST_FIRST(&t->busy), *next; c; c = next) {
		next = LIST_NEXT(c, next_busy);
		records += mdf_connection_pump(c, now);
		if (mdf_connection_quiet(c))
			unlink_busy(c);
	}
	return records;
}

static bool is_connecting(const struct mdf_connection *c)
{
	return mdf_connection_is_racing(c);
}

static void make_due(struct deliver_thread *t, struct mdf_connection *c, uint32_t events)
{
	c->due_events |= events;
	if (c->due)
		return;
	c->due = true;
	TAILQ_INSERT_TAIL(&t->due, c, next_due);
}

static void unlink_due(struct deliver_thread *t, struct mdf_connection *c)
{
	if (c->due)
		TAILQ_REMOVE(&t->due, c, next_due);
	c->due = false;
	c->due_events = 0;
}

// Continues one handshake per turn. A step takes up to a millisecond, so a hundred destinations
// that return at once do not delay others.
static void connect_one(struct deliver_thread *t, uint64_t now)
{
	struct mdf_connection *c = TAILQ_FIRST(&t->due);

	if (!c)
		return;
	uint32_t events = c->due_events;
	unlink_due(t, c);
	mdf_connection_ready(c, events, now);
	make_busy(t, c);
}

// Frees the connection; its numbers stay in the totals. The last of its destination says that this
// is gone.
static void retire(struct deliver_thread *t, struct mdf_connection *c)
{
	struct deliver *d = t->deliver;
	struct mdf_destination *m = c->destination;
	struct mdf_connection **at = &m->first;
	uint64_t octets = 0;

	mdf_connection_close(c, LOSS_REMOVED);
	take_ready(t, 0); // the workers have let go of its rings; none stays in a queue
	unlink_busy(c);
	unlink_due(t, c);
	pthread_mutex_lock(&d->lock);
	stream_balance(c->stream, &d->past, &octets);
	d->past_found += stream_spool_found(c->stream);
	m->lost_retired += mdf_connection_lost(c);
	mdf_connection_leave(c);
	while (*at != c)
		at = &(*at)->sibling;
	*at = c->sibling;
	if (!m->first)
		mdf_connection_post_gone(c);
	d->connection[c->index] = m->first;
	pthread_mutex_unlock(&d->lock);
	stream_free(c->stream);
	pthread_mutex_lock(&d->lock);
	bool last = --m->alive == 0;
	if (last)
		deliver_kept_free(c);
	pthread_mutex_unlock(&d->lock);
	if (last)
		free(m);
	free(c);
}

// Removed: all is delivered, or the time for that is over, and the disk is not at work for it.
static bool is_removed(struct mdf_connection *c, uint64_t now)
{
	return (now >= c->remove_until || stream_empty(c->stream)) &&
	       mdf_connection_spool_at_rest(c, now);
}

static bool is_drained(struct mdf_connection *c, uint64_t now, uint64_t until)
{
	bool hopeless = !c->mdf && !mdf_connection_is_racing(c);

	for (uint32_t i = 0; i < c->n_ends; i++)
		hopeless &= c->end[i].failures > 0;
	return now >= until || hopeless || stream_empty(c->stream);
}

static void timers(struct deliver_thread *t, uint64_t now)
{
	for (struct mdf_connection *c = LIST_FIRST(&t->connections), *next; c; c = next) {
		next = LIST_NEXT(c, next);
		if (now < c->look_at && !c->remove_until && !mdf_connection_is_leaving(c))
			continue;
		mdf_connection_timers(c, now);
		if (is_connecting(c))
			make_due(t, c, 0);
		if (c->mdf || stream_active(c->stream))
			make_busy(t, c);
		c->look_at = mdf_connection_look_at(c);
		if (c->remove_until && is_removed(c, now)) {
			LIST_REMOVE(c, next);
			retire(t, c);
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
		struct mdf_connection *c = events[i].data.ptr;
		uint64_t count;
		if (!c) {
			(void)!read(t->wake, &count, sizeof(count));
			continue;
		}
		if (is_connecting(c)) {
			make_due(t, c, events[i].events);
			continue;
		}
		mdf_connection_ready(c, events[i].events, now_monotonic_ns());
		make_busy(t, c);
	}
}

// All that was captured is sent, or time is up: then it is counted.
static bool stopped(struct deliver_thread *t, uint64_t now)
{
	if (!atomic_load_explicit(&t->deliver->stopping, memory_order_acquire))
		return false;
	if (!t->stop_until)
		t->stop_until = now + STOP_NS;
	struct mdf_connection *c;
	LIST_FOREACH (c, &t->connections, next)
		if (!is_drained(c, now, t->stop_until))
			return false;
	LIST_FOREACH (c, &t->connections, next)
		mdf_connection_close(c, LOSS_STOPPED);
	return true;
}

static uint64_t sleep_ns(const struct deliver_thread *t, uint64_t quiet_ns)
{
	uint64_t flush_ns = t->deliver->flush_ns;

	if (!TAILQ_EMPTY(&t->due))
		return 0;
	if (LIST_EMPTY(&t->connections))
		return IDLE_NS;
	return quiet_ns > DOZE_AFTER_NS && flush_ns < DOZE_NS ? DOZE_NS : flush_ns;
}

static void *run(void *context)
{
	struct deliver_thread *t = context;
	uint64_t polled = now_monotonic_ns(), timers_at = 0, active_at = polled;
	unsigned iteration = 0;
	char name[16];

	snprintf(name, sizeof(name), "poi-deliver-%u", t->number);
	(void)pthread_setname_np(pthread_self(), name);
	prctl(PR_SET_TIMERSLACK, 1);
	for (;;) {
		uint64_t now = now_monotonic_ns();
		deliver_thread_work(t);
		take_ready(t, polled);
		polled = now;
		unsigned records = pump(t, now);
		if (records > 0 || !LIST_EMPTY(&t->busy) || !TAILQ_EMPTY(&t->due))
			active_at = now;
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
			wait_sockets(t, sleep_ns(t, now - active_at));
		else if (++iteration % POLL_EVERY == 0)
			wait_sockets(t, 0);
	}
	pthread_mutex_lock(&t->lock);
	t->running = false;
	pthread_mutex_unlock(&t->lock);
	deliver_thread_work(t); // complete the commands that other threads wait for
	return NULL;
}

static int place(const struct deliver_thread *t, pthread_attr_t *a)
{
	cpu_set_t cpu;

	if (t->cpu < 0)
		return 0;
	CPU_ZERO(&cpu);
	CPU_SET((size_t)t->cpu, &cpu);
	return pthread_attr_setaffinity_np(a, sizeof(cpu), &cpu);
}

int deliver_thread_start(struct deliver_thread *t)
{
	sigset_t all, old;
	pthread_attr_t attributes;

	// A peer that closed must not raise SIGPIPE here, and signals belong to the main thread.
	sigfillset(&all);
	sigdelset(&all, sandbox_signal());
	pthread_sigmask(SIG_SETMASK, &all, &old);
	t->running = true;
	int error = pthread_attr_init(&attributes);
	if (!error) {
		error = place(t, &attributes);
		error = error ? error : pthread_create(&t->id, &attributes, run, t);
		(void)pthread_attr_destroy(&attributes);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error) {
		t->running = false;
		t->id = 0;
		return POI_ERR_NOMEM;
	}
	return 0;
}

void deliver_thread_join(struct deliver_thread *t)
{
	if (!t->id)
		return;
	deliver_thread_wake(t);
	pthread_join(t->id, NULL);
	t->id = 0;
}
