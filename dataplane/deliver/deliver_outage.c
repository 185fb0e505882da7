// When a connection is up and when it is down: how long until the next attempt, and what an outage
// cost.

#include "dataplane/deliver/deliver_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "shared/now.h"

#define STABLE_NS (5 * NS_PER_S) // a connection that stood so long resets the back-off
// A connection that took PDUs before it was cut is tried again within 2.5 s: the longer the pause,
// the more is lost of what comes meanwhile.
#define DELIVERED_FAILURES 2u
#define BACKOFF_FIRST_NS (500 * NS_PER_MS)
#define BACKOFF_MAX_NS (30 * NS_PER_S)
#define BACKOFF_WAITING_NS (1600 * NS_PER_MS) // while copies wait: at most 2 s with the quarter
#define PAUSE_NS NS_PER_S		      // without a loss
#define PATH_NS (200 * NS_PER_MS)	      // between two looks at what the peer answers

void mdf_connection_set_state(struct mdf_connection *c, enum destination_state s)
{
	if (s == DESTINATION_UP && c->remove_until)
		s = DESTINATION_DRAINING;
	atomic_store_explicit(&c->state, (uint32_t)s, memory_order_relaxed);
}

// 0.5, 1, 2, 4 ... 30 s, at most 1.6 s while copies wait, and up to a quarter more, so that many
// connections do not come back at once.
uint64_t mdf_end_backoff(struct mdf_connection *c, const struct mdf_end *e)
{
	struct deliver_thread *t = c->thread;
	bool waits = !c->mdf && !stream_empty(c->stream);
	uint64_t most = waits ? BACKOFF_WAITING_NS : BACKOFF_MAX_NS;
	uint64_t pause = BACKOFF_FIRST_NS;

	for (uint32_t i = 1; i < e->failures && pause < most; i++)
		pause *= 2;
	if (pause > most)
		pause = most;
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return pause + t->random % (pause / 4);
}

void mdf_end_hurry(struct mdf_connection *c, struct mdf_end *e, uint64_t now)
{
	if (e->attempt_at > now + 2 * NS_PER_S && !stream_empty(c->stream))
		e->attempt_at = now + mdf_end_backoff(c, e);
}

void mdf_connection_lose(struct mdf_connection *c)
{
	if (!c->mdf)
		return;
	if (!mdf_connection_settles_by_keepalive(c) && mdf_records(c->mdf) != MDF_RECORDS_KERNEL)
		c->delivered |= stream_acked_at(c->stream, mdf_acknowledged(c->mdf), now_wall_ns());
	mdf_connection_settle_end(c);
	// Its copies are sent again, or are in doubt or lost: the kernel must not send them later.
	if (stream_outstanding(c->stream))
		mdf_abort(c->mdf);
	else
		mdf_close(c->mdf);
	c->mdf = NULL;
	c->piece.length = 0;
	c->writable = false;
	c->inbound_length = 0;
	c->n_answers = 0;
	c->readable = false;
	pthread_mutex_lock(&c->deliver->lock);
	c->used = c->n_ends;
	pthread_mutex_unlock(&c->deliver->lock);
}

void mdf_connection_drop(struct mdf_connection *c)
{
	mdf_connection_lose(c);
	for (uint32_t i = 0; i < c->n_ends; i++)
		mdf_end_close_attempts(&c->end[i]);
}

// Chooses the next attempt after an established connection has ended. Returns true if it goes to
// another address of the same end at once. After a stable connection the other ends are tried at
// once too; in a series of losses that would alternate between them without a pause.
static bool stood(struct mdf_connection *c, struct mdf_end *e, uint64_t now)
{
	bool stable = now - c->up_at >= STABLE_NS;

	if (stable) {
		e->failures = 0;
		e->good = e->peer;
		mdf_end_forget_failures(e);
	} else if (c->delivered) {
		e->good = e->peer;
		if (e->failures > DELIVERED_FAILURES)
			e->failures = DELIVERED_FAILURES;
	}
	for (uint32_t i = 0; stable && i < c->n_ends; i++)
		if (c->end[i].attempt_at > now)
			c->end[i].attempt_at = now;
	c->up_at = 0;
	e->attempted_at = now;
	e->race_at = now;
	return mdf_end_has_other_address(e, now + mdf_end_backoff(c, e));
}

static void set_down(struct mdf_connection *c, const char *reason, uint64_t age)
{
	pthread_mutex_lock(&c->deliver->lock); // no reader sees a state with another's reason
	mdf_connection_set_state(c, DESTINATION_DOWN);
	if (!c->reported_down)
		c->down_since_ns = now_wall_ns() - age;
	snprintf(c->reason, sizeof(c->reason), "%s", reason);
	pthread_mutex_unlock(&c->deliver->lock);
}

// The destination has a fault from its first connection's on.
static void post_down(struct mdf_connection *c, uint64_t since, const char *reason)
{
	struct mdf_destination *m = c->destination;
	char text[128];

	if (m->made > 1)
		snprintf(text, sizeof(text), "connection %u of %u: %s", c->number + 1u, m->made,
			reason);
	else
		snprintf(text, sizeof(text), "%s", reason);
	pthread_mutex_lock(&c->deliver->lock);
	if (m->down == 0 || since < m->down_at)
		m->down_at = since;
	if (m->down++ == 0)
		mdf_connection_post_locked(c, EVENT_DESTINATION_DOWN, 0, text);
	pthread_mutex_unlock(&c->deliver->lock);
}

// Sets the state; the fault is reported once.
static void report_down(struct mdf_connection *c, uint64_t now, uint64_t since, const char *reason)
{
	set_down(c, reason, now - since);
	if (c->reported_down)
		return;
	c->reported_down = true;
	c->down_at = since;
	c->lost_at_down = c->lost_before;
	post_down(c, since, reason);
}

static void end_failed(
	struct mdf_connection *c, struct mdf_end *e, uint64_t now, const char *reason)
{
	uint64_t since = c->cut_at && e == &c->end[c->last] ? c->cut_at : now;
	char all[sizeof(c->reason)];

	e->failures++;
	mdf_end_forget_failures(e);
	e->resolved_until = 0; // the name may have moved
	// An attempt that took long has been part of the pause.
	uint64_t pause = mdf_end_backoff(c, e);
	e->attempt_at = e->attempted_at + pause > now ? e->attempted_at + pause : now;
	if (e == &c->end[c->last])
		c->again = false;
	mdf_end_set_down(c, e, now, since, reason);
	if (c->mdf && !c->stalled)
		return;
	if (!mdf_connection_all_down(c)) {
		if (!c->mdf)
			mdf_connection_set_state(c, DESTINATION_CONNECTING);
		return;
	}
	snprintf(all, sizeof(all), "all %u ends are down: %.60s", c->n_ends, reason);
	report_down(c, now, c->cut_at ? c->cut_at : now, c->n_ends > 1 ? all : reason);
	c->cut_at = 0;
}

void mdf_end_failed(
	struct mdf_connection *c, struct mdf_end *e, uint64_t now, const char *format, ...)
{
	char reason[sizeof(c->reason)];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	end_failed(c, e, now, reason);
}

void mdf_connection_down(struct mdf_connection *c, uint64_t now, const char *format, ...)
{
	struct mdf_end *e = &c->end[c->last];
	char reason[sizeof(c->reason)];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	mdf_connection_lose(c);
	stream_cut(c->stream, c->deliver->config->delivery.resend_in_doubt);
	c->stalled = false;
	c->cut_at = now;
	if (stood(c, e, now)) {
		e->attempt_at = now;
		mdf_connection_set_state(c, DESTINATION_CONNECTING);
		return;
	}
	end_failed(c, e, now, reason);
}

void mdf_connection_leave_stalled(struct mdf_connection *c, uint64_t now)
{
	mdf_connection_down(c, now, "the MDF reads nothing, and another end is up");
}

// How long, and exactly what it cost. Under the lock.
static void post_up(struct mdf_connection *c, uint64_t now, uint64_t lost)
{
	uint64_t outage = (now - c->destination->down_at) / NS_PER_MS;
	time_t since = (time_t)((now_wall_ns() - outage * NS_PER_MS) / NS_PER_S);
	char text[128], when[32];
	struct tm utc;

	gmtime_r(&since, &utc);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	snprintf(text, sizeof(text),
		"delivering again; outage of %llu.%03llu s since %s, %llu PDUs lost",
		(unsigned long long)(outage / 1000), (unsigned long long)(outage % 1000), when,
		(unsigned long long)lost);
	mdf_connection_post_locked(c, EVENT_DESTINATION_UP, lost, text);
}

// Reports each lost copy at most once. The destination's fault ends with the fault of its last
// connection, whose report covers all.
static void say_up(struct mdf_connection *c, uint64_t now)
{
	struct mdf_destination *m = c->destination;
	uint64_t lost = mdf_connection_lost(c) - c->lost_at_down;

	c->lost_before = c->lost_seen = c->lost_at_down + lost;
	c->lost_seen_at = now;
	c->reported_down = false;
	pthread_mutex_lock(&c->deliver->lock);
	m->lost += lost;
	if (--m->down == 0) {
		post_up(c, now, m->lost);
		m->lost = 0;
	}
	pthread_mutex_unlock(&c->deliver->lock);
}

// Sets the state and ends a fault. `connects`: connections more.
static void set_up(struct mdf_connection *c, uint64_t now, unsigned connects)
{
	c->stalled = false;
	c->cut_at = 0;
	pthread_mutex_lock(&c->deliver->lock); // no reader sees a state with another's reason
	mdf_connection_set_state(c, DESTINATION_UP);
	c->connects += connects;
	c->down_since_ns = 0;
	c->reason[0] = 0;
	pthread_mutex_unlock(&c->deliver->lock);
	mdf_end_set_up(c, &c->end[c->used]);
	if (c->reported_down)
		say_up(c, now);
}

static void up(struct mdf_connection *c, uint64_t now)
{
	const struct config_keepalive *k = &c->deliver->config->delivery.keepalive;

	c->up_at = now;
	c->writable = true;
	c->delivered = false;
	c->keepalive_at = now + k->time_p1 * NS_PER_S;
	c->alive_at = now;
	c->keepalive_next = 0;
	c->keepalive_acked = 0;
	c->ack_at = now + ACK_MIN_NS;
	c->ack_pause = ACK_MIN_NS;
	c->ack_written = mdf_written(c->mdf);
	mdf_connection_settle_begin(c, now);
	c->keepalive_floor = c->keepalive_last = 0;
	set_up(c, now, 1);
}

void mdf_connection_use(struct mdf_connection *c, struct mdf_end *e, struct mdf *m, uint64_t now)
{
	pthread_mutex_lock(&c->deliver->lock);
	c->used = c->last = (uint8_t)(e - c->end);
	c->settings.identity = e->settings.identity;
	c->settings.keepalive = e->settings.keepalive;
	c->settings.require_ack = e->settings.require_ack;
	c->settings.settle = e->settings.settle;
	pthread_mutex_unlock(&c->deliver->lock);
	c->mdf = m;
	c->again = false;
	c->renew_until = 0;
	c->renew_paused = false;
	up(c, now);
}

// An end that reads nothing is down, and the destination with it where the others are.
static void set_stalled(struct mdf_connection *c, uint64_t now, uint64_t since, const char *reason)
{
	c->stalled = true;
	mdf_end_set_down(c, &c->end[c->used], now, since, reason);
	if (mdf_connection_all_down(c))
		report_down(c, now, since, reason);
}

void mdf_connection_check_path(struct mdf_connection *c, uint64_t now)
{
	const struct config_delivery *d = &c->deliver->config->delivery;
	char reason[sizeof(c->reason)];

	if (now < c->path_at)
		return;
	c->path_at = now + PATH_NS;
	if (mdf_check(c->mdf, now)) {
		mdf_connection_down(c, now, "%s", mdf_reason(c->mdf));
		return;
	}
	uint64_t since = mdf_stalled_since(c->mdf), stalled = now - since;
	if (stalled >= d->keepalive.time_p2 * NS_PER_S) {
		mdf_connection_down(
			c, now, "the MDF has read nothing for %u s", d->keepalive.time_p2);
	} else if (stalled >= d->stall_report * NS_PER_S && !c->stalled) {
		snprintf(reason, sizeof(reason), "the MDF reads nothing, for %u s by now",
			d->stall_report);
		set_stalled(c, now, since, reason);
	} else if (stalled < d->stall_report * NS_PER_S && c->stalled) {
		set_up(c, now, 0);
	}
}

// An outage is known seconds after it began: what is lost without a pause before that belongs to
// it.
void mdf_connection_check_losses(struct mdf_connection *c, uint64_t now)
{
	uint64_t lost = mdf_connection_lost(c);

	if (lost != c->lost_seen) {
		c->lost_seen = lost;
		c->lost_seen_at = now;
	} else if (now - c->lost_seen_at >= PAUSE_NS) {
		c->lost_before = lost;
	}
}

void mdf_connection_rest(struct mdf_connection *c, uint64_t now)
{
	mdf_connection_drop(c);
	c->up_at = 0;
	c->stalled = false;
	for (uint32_t i = 0; i < c->n_ends; i++) {
		struct mdf_end *e = &c->end[i];
		e->resolving = false; // its answer would connect what is not needed
		e->failures = 0;
		mdf_end_forget_failures(e);
		mdf_end_set_idle(c, e, "not needed any more");
	}
	if (c->reported_down)
		say_up(c, now);
	pthread_mutex_lock(&c->deliver->lock); // no reader sees a state with another's reason
	mdf_connection_set_state(c, DESTINATION_IDLE);
	c->down_since_ns = 0;
	c->reason[0] = 0;
	pthread_mutex_unlock(&c->deliver->lock);
}
