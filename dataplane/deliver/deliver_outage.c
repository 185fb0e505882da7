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
#define PAUSE_NS NS_PER_S // without a loss

void mdf_connection_set_state(struct mdf_connection *l, enum destination_state s)
{
	if (s == DESTINATION_UP && l->remove_until)
		s = DESTINATION_DRAINING;
	atomic_store_explicit(&l->state, (uint32_t)s, memory_order_relaxed);
}

// 0.5, 1, 2, 4 ... 30 s, and up to a quarter more, so that many connections do not come back at
// once.
static uint64_t backoff(struct mdf_connection *l)
{
	struct deliver_thread *t = l->thread;
	uint64_t pause = BACKOFF_FIRST_NS;

	for (uint32_t i = 1; i < l->failures && pause < BACKOFF_MAX_NS; i++)
		pause *= 2;
	if (pause > BACKOFF_MAX_NS)
		pause = BACKOFF_MAX_NS;
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return pause + t->random % (pause / 4);
}

void mdf_connection_drop(struct mdf_connection *l)
{
	if (!l->mdf)
		return;
	l->delivered |= stream_acked(l->stream, mdf_acknowledged(l->mdf));
	mdf_close(l->mdf);
	l->mdf = NULL;
	l->piece.length = 0;
	l->writable = false;
	l->inbound_length = 0;
	l->answer_due = false;
}

void mdf_connection_down(struct mdf_connection *l, uint64_t now, const char *format, ...)
{
	char reason[sizeof(l->reason)];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	mdf_connection_drop(l);
	stream_cut(l->stream, l->deliver->config->delivery.resend_in_doubt);
	if (l->up_at && now - l->up_at >= STABLE_NS)
		l->failures = 0;
	else if (l->up_at && l->delivered && l->failures > DELIVERED_FAILURES)
		l->failures = DELIVERED_FAILURES;
	l->up_at = 0;
	l->failures++;
	l->attempt_at = now + backoff(l);
	pthread_mutex_lock(&l->deliver->lock); // no reader sees a state with another's reason
	mdf_connection_set_state(l, DESTINATION_DOWN);
	if (!l->reported_down)
		l->down_since_ns = now_wall_ns();
	snprintf(l->reason, sizeof(l->reason), "%s", reason);
	pthread_mutex_unlock(&l->deliver->lock);
	if (l->reported_down)
		return;
	l->reported_down = true;
	l->down_at = now;
	l->lost_at_down = l->lost_before;
	if (!l->twin || !l->twin->reported_down)
		mdf_connection_post(l, EVENT_DESTINATION_DOWN, 0, reason);
}

// How long, and exactly what it cost. Each lost copy is reported at most once.
static void say_up(struct mdf_connection *l, uint64_t now)
{
	uint64_t lost = mdf_connection_lost(l) - l->lost_at_down;

	l->lost_before = l->lost_seen = l->lost_at_down + lost;
	l->lost_seen_at = now;
	l->reported_down = false;
	lost += l->lost_twin;
	l->lost_twin = 0;
	if (l->twin && l->twin->reported_down) { // it will say so for both
		l->twin->lost_twin += lost;
		l->twin->down_at = l->down_at < l->twin->down_at ? l->down_at : l->twin->down_at;
		return;
	}
	uint64_t outage = (now - l->down_at) / NS_PER_MS;
	time_t since = (time_t)((now_wall_ns() - outage * NS_PER_MS) / NS_PER_S);
	char text[128], when[32];
	struct tm utc;

	gmtime_r(&since, &utc);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	snprintf(text, sizeof(text),
		"delivering again; outage of %llu.%03llu s since %s, %llu PDUs lost",
		(unsigned long long)(outage / 1000), (unsigned long long)(outage % 1000), when,
		(unsigned long long)lost);
	mdf_connection_post(l, EVENT_DESTINATION_UP, lost, text);
}

void mdf_connection_up(struct mdf_connection *l, uint64_t now)
{
	const struct config_keepalive *k = &l->deliver->config->delivery.keepalive;

	l->up_at = now;
	l->writable = true;
	l->delivered = false;
	l->keepalive_at = now + k->time_p1 * NS_PER_S;
	l->alive_at = now;
	l->keepalive_next = 0;
	l->keepalive_acked = 0;
	l->ack_at = now + ACK_MIN_NS;
	l->ack_pause = ACK_MIN_NS;
	l->ack_written = mdf_written(l->mdf);
	pthread_mutex_lock(&l->deliver->lock); // no reader sees a state with another's reason
	mdf_connection_set_state(l, DESTINATION_UP);
	l->connects++;
	l->down_since_ns = 0;
	l->reason[0] = 0;
	pthread_mutex_unlock(&l->deliver->lock);
	if (l->reported_down)
		say_up(l, now);
}

// An outage is known seconds after it began: what is lost without a pause before that belongs to
// it.
void mdf_connection_check_losses(struct mdf_connection *l, uint64_t now)
{
	uint64_t lost = mdf_connection_lost(l);

	if (lost != l->lost_seen) {
		l->lost_seen = lost;
		l->lost_seen_at = now;
	} else if (now - l->lost_seen_at >= PAUSE_NS) {
		l->lost_before = lost;
	}
}

void mdf_connection_rest(struct mdf_connection *l, uint64_t now)
{
	mdf_connection_drop(l);
	l->resolving = false; // its answer would connect what is not needed
	l->up_at = 0;
	l->failures = 0;
	if (l->reported_down)
		say_up(l, now);
	pthread_mutex_lock(&l->deliver->lock); // no reader sees a state with another's reason
	mdf_connection_set_state(l, DESTINATION_IDLE);
	l->down_since_ns = 0;
	l->reason[0] = 0;
	pthread_mutex_unlock(&l->deliver->lock);
}
