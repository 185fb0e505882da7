// The loop of a delivery thread: rings that have something become TLS records of their
// destinations' connections.

#include "dataplane/deliver/deliver_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shared/now.h"
#include "shared/sandbox.h"

#define TIMERS_NS (20 * NS_PER_MS) // granularity of connects, keepalives and drains
#define IDLE_NS (100 * NS_PER_MS)  // sleep of a thread without destinations
#define POLL_EVERY 32u		   // busy iterations between two looks at the sockets
#define STOP_NS (2 * NS_PER_S)
#define SOCKETS 64
#define BURST 16u		 // records of one destination before the next has its turn
#define ACK_OCTETS (128 * 1024u) // written since the last look at TCP's acknowledgements
#define ACK_MAX_NS (20 * NS_PER_MS)

static void take_acknowledged(struct mdf_connection *l, uint64_t now)
{
	uint64_t written = mdf_written(l->mdf);

	if (!stream_outstanding(l->stream) ||
		(now < l->ack_at && written - l->ack_written < ACK_OCTETS))
		return;
	l->ack_written = written;
	if (stream_acked(l->stream, mdf_acknowledged(l->mdf))) {
		l->ack_pause = ACK_MIN_NS;
		l->delivered = true;
	} else if (l->ack_pause < ACK_MAX_NS) {
		l->ack_pause *= 2;
	}
	l->ack_at = now + l->ack_pause;
}

static bool next_piece(struct mdf_connection *l, uint64_t now)
{
	if (l->piece.length > 0)
		return true;
	bool due = mdf_connection_keepalive_due(l, now) || l->renew_until > 0;
	uint64_t flush = l->remove_until ? 0 : l->deliver->flush_ns;
	l->piece_is_control = false;
	if (l->renew_until && stream_at_edge(l->stream))
		return false;
	if (due && stream_at_edge(l->stream)) {
		mdf_connection_make_keepalive(l, now);
		return true;
	}
	return stream_next(l->stream, now, flush, due, &l->piece);
}

// Takes `n` octets off the piece in hand. 0 or NOMEM.
static int advance(struct mdf_connection *l, uint32_t n)
{
	struct stream_piece sent = l->piece;
	int error = 0;

	sent.length = n;
	if (!l->piece_is_control)
		error = stream_sent(l->stream, &sent, mdf_written(l->mdf));
	l->piece.octets += n;
	l->piece.length -= n;
	return error;
}

static unsigned mdf_connection_pump(struct mdf_connection *l, uint64_t now)
{
	unsigned records = 0;

	mdf_connection_spool_work(l, now);
	if (!l->mdf || !l->up_at)
		return 0;
	take_acknowledged(l, now);
	while (l->writable && records < BURST && next_piece(l, now)) {
		int64_t n = mdf_write(l->mdf, l->piece.octets, l->piece.length);
		if (n == POI_ERR_AGAIN) {
			l->writable = false;
			break;
		}
		if (n < 0) {
			mdf_connection_down(l, now, "%s", mdf_reason(l->mdf));
			return records;
		}
		if (advance(l, (uint32_t)n)) {
			mdf_connection_down(l, now, "out of memory");
			return records;
		}
		records++;
	}
	return records;
}

static bool mdf_connection_quiet(const struct mdf_connection *l)
{
	if (mdf_connection_spool_busy(l))
		return false;
	if (!l->mdf || !l->up_at)
		return true;
	return l->piece.length == 0 && !stream_active(l->stream) && !stream_outstanding(l->stream);
}

static void make_busy(struct deliver_thread *t, struct mdf_connection *l)
{
	if (l->busy)
		return;
	l->busy = true;
	LIST_INSERT_HEAD(&t->busy, l, next_busy);
}

// Rings that have something new. `since`: the last time we looked, so nothing is older.
static void take_ready(struct deliver_thread *t, uint64_t since)
{
	struct copy_ring *r;

	for (uint32_t w = 0; w < t->deliver->n_workers; w++)
		while ((r = capture_ready(t->deliver->captures[w], t->number)))
			make_busy(t, stream_owner(stream_wake(copy_ring_owner(r), since)));
}

static void unlink_busy(struct mdf_connection *l)
{
	if (l->busy)
		LIST_REMOVE(l, next_busy);
	l->busy = false;
}

static unsigned pump(struct deliver_thread *t, uint64_t now)
{
	unsigned records = 0;

	for (struct mdf_connection *l = LIST_FIRST(&t->busy), *next; l; l = next) {
		next = LIST_NEXT(l, next_busy);
		records += mdf_connection_pump(l, now);
		if (mdf_connection_quiet(l))
			unlink_busy(l);
	}
	return records;
}

static bool is_connecting(const struct mdf_connection *l)
{
	return l->mdf && !l->up_at;
}

static void make_due(struct deliver_thread *t, struct mdf_connection *l, uint32_t events)
{
	l->due_events |= events;
	if (l->due)
		return;
	l->due = true;
	TAILQ_INSERT_TAIL(&t->due, l, next_due);
}

static void unlink_due(struct deliver_thread *t, struct mdf_connection *l)
{
	if (l->due)
		TAILQ_REMOVE(&t->due, l, next_due);
	l->due = false;
	l->due_events = 0;
}

// A step of a handshake is up to a millisecond's work: one a turn, so that a hundred destinations
// that come back at once hold nobody else up.
static void connect_one(struct deliver_thread *t, uint64_t now)
{
	struct mdf_connection *l = TAILQ_FIRST(&t->due);

	if (!l)
		return;
	uint32_t events = l->due_events;
	unlink_due(t, l);
	mdf_connection_ready(l, events, now);
	make_busy(t, l);
}

// Frees the connection; its numbers stay in the totals.
static void retire(struct deliver_thread *t, struct mdf_connection *l)
{
	struct deliver *d = t->deliver;
	uint64_t octets = 0;

	mdf_connection_close(l, LOSS_REMOVED);
	take_ready(t, 0); // the workers have let go of its rings; none stays in a queue
	unlink_busy(l);
	unlink_due(t, l);
	pthread_mutex_lock(&d->lock);
	stream_balance(l->stream, &d->past, &octets);
	d->past_recovered += stream_spool_recovered(l->stream);
	d->connection[l->index] = l->twin;
	if (l->twin)
		l->twin->twin = NULL;
	pthread_mutex_unlock(&d->lock);
	stream_free(l->stream);
	free(l);
}

static bool is_drained(struct mdf_connection *l, uint64_t now, uint64_t until)
{
	bool hopeless = !l->mdf && l->failures > 0;

	return now >= until || hopeless || stream_empty(l->stream);
}

static void timers(struct deliver_thread *t, uint64_t now)
{
	for (struct mdf_connection *l = LIST_FIRST(&t->connections), *next; l; l = next) {
		next = LIST_NEXT(l, next);
		mdf_connection_timers(l, now);
		if (is_connecting(l))
			make_due(t, l, 0);
		if (l->mdf || stream_active(l->stream))
			make_busy(t, l);
		if (l->remove_until && is_drained(l, now, l->remove_until)) {
			LIST_REMOVE(l, next);
			retire(t, l);
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
		struct mdf_connection *l = events[i].data.ptr;
		uint64_t count;
		if (!l) {
			(void)!read(t->wake, &count, sizeof(count));
			continue;
		}
		if (is_connecting(l)) {
			make_due(t, l, events[i].events);
			continue;
		}
		mdf_connection_ready(l, events[i].events, now_monotonic_ns());
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
	struct mdf_connection *l;
	LIST_FOREACH(l, &t->connections, next)
	if (!is_drained(l, now, t->stop_until))
		return false;
	LIST_FOREACH(l, &t->connections, next)
	mdf_connection_close(l, LOSS_STOPPED);
	return true;
}

static uint64_t sleep_ns(const struct deliver_thread *t)
{
	if (!TAILQ_EMPTY(&t->due))
		return 0;
	return LIST_EMPTY(&t->connections) ? IDLE_NS : t->deliver->flush_ns;
}

static void *run(void *context)
{
	struct deliver_thread *t = context;
	uint64_t polled = now_monotonic_ns(), timers_at = 0;
	unsigned iteration = 0;

	prctl(PR_SET_TIMERSLACK, 1);
	for (;;) {
		uint64_t now = now_monotonic_ns();
		deliver_thread_work(t);
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
			wait_sockets(t, sleep_ns(t));
		else if (++iteration % POLL_EVERY == 0)
			wait_sockets(t, 0);
	}
	pthread_mutex_lock(&t->lock);
	t->running = false;
	pthread_mutex_unlock(&t->lock);
	deliver_thread_work(t); // whoever waits is answered
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
	deliver_thread_wake(t);
	pthread_join(t->id, NULL);
	t->id = 0;
}
