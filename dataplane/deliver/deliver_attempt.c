// Attempts to connect: an end's addresses are tried in turn, and race each other when one
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
static void fail(struct mdf_connection *c, struct mdf_end *e, struct mdf_attempt *a, uint64_t now,
	const char *reason)
{
	char copy[sizeof(c->reason)]; // the attempt's own goes with it

	snprintf(copy, sizeof(copy), "%s", reason);
	mdf_close(a->mdf);
	a->mdf = NULL;
	a->failed = true;
	a->again_at = now + mdf_end_backoff(c, e);
	e->race_at = now;
	if (!mdf_end_all_failed(e))
		return;
	if (e->n_attempts > 1)
		mdf_end_failed(c, e, now, "%u addresses failed: %s", e->n_attempts, copy);
	else
		mdf_end_failed(c, e, now, "%s", copy);
}

static bool begin(struct mdf_connection *c, const struct mdf_end *e, struct mdf_attempt *a,
	char *reason, size_t reason_size)
{
	struct deliver *d = c->deliver;
	struct mdf_peer peer = {.address = a->address,
		.port = e->place.port,
		.host = e->place.host[0] ? e->place.host : NULL,
		.identity = e->settings.identity,
		.probe_timeout = d->config->delivery.probe_timeout,
		// The kernel's TLS offers no proof by TCP acknowledgement.
		.kernel_tls = d->config->delivery.kernel_tls &&
			      e->settings.settle == CONFIG_SETTLE_KEEPALIVE};

	pthread_mutex_lock(&d->lock); // the credentials may be exchanged meanwhile
	a->credentials = atomic_load_explicit(&d->credentials, memory_order_relaxed);
	a->mdf = mdf_connect(d->tls, &peer, reason, reason_size);
	pthread_mutex_unlock(&d->lock);
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
	if (a->mdf && epoll_ctl(c->thread->epoll, EPOLL_CTL_ADD, mdf_fd(a->mdf), &event) != 0) {
		snprintf(reason, reason_size, "cannot watch the socket");
		return false;
	}
	return a->mdf != NULL;
}

static void continue_end(struct mdf_connection *c, struct mdf_end *e, uint64_t now);

void mdf_end_race(struct mdf_connection *c, struct mdf_end *e, uint64_t now)
{
	char reason[96] = "";

	if (now < e->race_at && mdf_end_is_racing(e))
		return;
	struct mdf_attempt *a = mdf_end_next_attempt(e, now);
	if (!a)
		return;
	e->tried = a->address;
	e->race_at = now + RACE_NS;
	e->attempted_at = now;
	mdf_end_set_connecting(c, e);
	if (!c->mdf)
		mdf_connection_set_state(c, DESTINATION_CONNECTING);
	if (!begin(c, e, a, reason, sizeof(reason))) {
		fail(c, e, a, now, reason);
		return;
	}
	a->until = now + ATTEMPT_NS;
	continue_end(c, e, now);
}

// Logged once: later connections will have the same result.
static void say_records(struct deliver *d, enum mdf_records who)
{
	if (who == MDF_RECORDS_REFUSED &&
		!atomic_exchange_explicit(&d->kernel_refused, true, memory_order_relaxed))
		log_notice("delivery.kernel-tls: the kernel did not take a connection's keys, so "
			   "this program makes the records; is its module tls loaded?");
}

// An end that would be preferred stands by for the hold time. Another one is known to be up, and
// that is all that was wanted of it. Where the one in use reads nothing, any gets the stream.
static void win(struct mdf_connection *c, struct mdf_end *e, struct mdf_attempt *a, uint64_t now)
{
	struct mdf *m = a->mdf;

	a->mdf = NULL;
	say_records(c->deliver, mdf_records(m));
	mdf_end_close_attempts(e);
	e->peer = a->address;
	e->moved = false;
	e->credentials = a->credentials;
	if (!c->mdf) {
		mdf_connection_use(c, e, m, now);
		return;
	}
	mdf_end_set_up(c, e);
	if (c->stalled) {
		mdf_connection_leave_stalled(c, now);
		mdf_connection_use(c, e, m, now);
		return;
	}
	if (c->deliver->config->delivery.failback == 0 || e > &c->end[c->used]) {
		mdf_close(m);
		return;
	}
	e->standby = m;
	e->stood_at = now;
}

static void continue_end(struct mdf_connection *c, struct mdf_end *e, uint64_t now)
{
	for (uint32_t i = 0; i < e->n_attempts; i++) {
		struct mdf_attempt *a = &e->attempt[i];
		int error = a->mdf ? mdf_progress(a->mdf, now) : POI_ERR_AGAIN;
		if (error == 0)
			win(c, e, a, now);
		else if (error != POI_ERR_AGAIN)
			fail(c, e, a, now, mdf_reason(a->mdf));
		else if (a->mdf && now >= a->until)
			fail(c, e, a, now, "connect: no answer within 4 s");
	}
}

void mdf_connection_continue(struct mdf_connection *c, uint64_t now)
{
	for (uint32_t i = 0; i < c->n_ends; i++)
		continue_end(c, &c->end[i], now);
}
