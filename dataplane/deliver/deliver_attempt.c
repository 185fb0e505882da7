// Attempts to connect: a destination's addresses are tried in turn, and race each other when one
// does not answer soon (RFC 8305).

#include "dataplane/deliver/deliver_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "shared/log.h"

#define ATTEMPT_NS (4 * NS_PER_S) // connect and handshake
#define RACE_NS (250 * NS_PER_MS) // RFC 8305 clause 8: Connection Attempt Delay

// The fault is reported once every address has failed. One that fails sooner than the others is
// tried again meanwhile.
static void fail(struct mdf_connection *c, struct mdf_attempt *a, uint64_t now, const char *reason)
{
	char copy[sizeof(c->reason)]; // the attempt's own goes with it

	snprintf(copy, sizeof(copy), "%s", reason);
	mdf_close(a->mdf);
	a->mdf = NULL;
	a->failed = true;
	a->again_at = now + mdf_connection_backoff(c);
	c->race_at = now;
	if (!mdf_connection_all_failed(c))
		return;
	if (c->n_attempts > 1)
		mdf_connection_down(c, now, "%u addresses failed: %s", c->n_attempts, copy);
	else
		mdf_connection_down(c, now, "%s", copy);
}

static bool begin(struct mdf_connection *c, struct mdf_attempt *a, char *reason, size_t reason_size)
{
	struct deliver *d = c->deliver;
	struct mdf_peer peer = {.address = a->address,
		.port = c->dest.port,
		.host = c->dest.host[0] ? c->dest.host : NULL,
		.identity = c->settings.identity,
		.probe_timeout = d->config->delivery.probe_timeout,
		// What TCP acknowledges proves nothing of PDUs then.
		.kernel_tls =
			d->config->delivery.kernel_tls && mdf_connection_settles_by_keepalive(c)};

	pthread_mutex_lock(&d->lock); // the credentials may be exchanged meanwhile
	a->credentials = atomic_load_explicit(&d->credentials, memory_order_relaxed);
	a->mdf = mdf_connect(d->tls, &peer, reason, reason_size);
	pthread_mutex_unlock(&d->lock);
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
	if (a->mdf && epoll_ctl(c->thread->epoll, EPOLL_CTL_ADD, mdf_fd(a->mdf), &e) != 0) {
		snprintf(reason, reason_size, "cannot watch the socket");
		return false;
	}
	return a->mdf != NULL;
}

void mdf_connection_race(struct mdf_connection *c, uint64_t now)
{
	char reason[96] = "";

	if (now < c->race_at && mdf_connection_is_racing(c))
		return;
	struct mdf_attempt *a = mdf_connection_next_attempt(c, now);
	if (!a)
		return;
	c->tried = a->address;
	c->race_at = now + RACE_NS;
	c->attempted_at = now;
	mdf_connection_set_state(c, DESTINATION_CONNECTING);
	if (!begin(c, a, reason, sizeof(reason))) {
		fail(c, a, now, reason);
		return;
	}
	a->until = now + ATTEMPT_NS;
	mdf_connection_continue(c, now);
}

// Said once: the next connections will not fare better.
static void say_records(struct deliver *d, enum mdf_records who)
{
	if (who == MDF_RECORDS_REFUSED &&
		!atomic_exchange_explicit(&d->kernel_refused, true, memory_order_relaxed))
		log_notice("delivery.kernel-tls: the kernel did not take a connection's keys, so "
			   "this program makes the records; is its module tls loaded?");
}

static void win(struct mdf_connection *c, struct mdf_attempt *a, uint64_t now)
{
	c->mdf = a->mdf;
	a->mdf = NULL;
	say_records(c->deliver, mdf_records(c->mdf));
	mdf_connection_close_attempts(c);
	c->peer = a->address;
	c->moved = false;
	c->credentials = a->credentials;
	c->renew_until = 0;
	c->renew_paused = false;
	mdf_connection_up(c, now);
}

void mdf_connection_continue(struct mdf_connection *c, uint64_t now)
{
	for (uint32_t i = 0; i < c->n_attempts && !c->mdf; i++) {
		struct mdf_attempt *a = &c->attempt[i];
		int error = a->mdf ? mdf_progress(a->mdf, now) : POI_ERR_AGAIN;
		if (error == 0)
			win(c, a, now);
		else if (error != POI_ERR_AGAIN)
			fail(c, a, now, mdf_reason(a->mdf));
		else if (a->mdf && now >= a->until)
			fail(c, a, now, "connect: no answer within 4 s");
	}
}
