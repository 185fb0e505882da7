// One destination's connection: when it is made, renewed, moved and closed.

#include "dataplane/deliver/deliver_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "shared/now.h"

#define ATTEMPT_NS (4 * NS_PER_S) // connect and handshake
#define RENEW_NS (5 * NS_PER_S)	  // for what is sent to be acknowledged

static void go_on_connecting(struct mdf_connection *c, uint64_t now)
{
	int error = mdf_progress(c->mdf, now);

	if (error == 0)
		mdf_connection_up(c, now);
	else if (error != POI_ERR_AGAIN)
		mdf_connection_down(c, now, "%s", mdf_reason(c->mdf));
	else if (now >= c->attempt_until)
		mdf_connection_down(
			c, now, "connect: no answer within %llu s", ATTEMPT_NS / NS_PER_S);
}

static void attempt(struct mdf_connection *c, uint64_t now)
{
	const char *host = c->dest.host[0] ? c->dest.host : NULL;
	struct mdf_peer peer = {.address = c->dest.address,
		.port = c->dest.port,
		.host = host,
		.identity = c->settings.identity};
	char reason[96] = "";

	if (host)
		peer.address = c->address[c->address_at++ % c->n_addresses];
	c->peer = peer.address;
	c->moved = false;
	pthread_mutex_lock(&c->deliver->lock); // the credentials may be exchanged meanwhile
	c->credentials = atomic_load_explicit(&c->deliver->credentials, memory_order_relaxed);
	c->renew_until = 0;
	c->mdf = mdf_connect(c->deliver->tls, &peer, reason, sizeof(reason));
	pthread_mutex_unlock(&c->deliver->lock);
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
	if (c->mdf && epoll_ctl(c->thread->epoll, EPOLL_CTL_ADD, mdf_fd(c->mdf), &e) != 0)
		snprintf(reason, sizeof(reason), "cannot watch the socket");
	if (reason[0]) {
		mdf_connection_down(c, now, "%s", reason);
		return;
	}
	c->attempt_until = now + ATTEMPT_NS;
	mdf_connection_set_state(c, DESTINATION_CONNECTING);
	go_on_connecting(c, now);
}

void mdf_connection_resolved(struct mdf_connection *c, const struct resolve_answer *a, uint64_t now)
{
	if (mdf_connection_name_answered(c, a, now))
		attempt(c, now);
}

// Names are resolved anew when all their addresses have been tried or the answer's time is over.
static void start(struct mdf_connection *c, uint64_t now)
{
	bool fresh = c->address_at < c->n_addresses && now < c->resolved_until;

	if (!c->dest.host[0] || fresh)
		attempt(c, now);
	else if (!mdf_connection_ask_name(c, now))
		mdf_connection_down(c, now, "out of memory");
	else if (!c->reported_down)
		mdf_connection_set_state(c, DESTINATION_CONNECTING);
}

// New credentials, or a name that has moved: no fault, and nothing is sent twice when the MDF
// acknowledges in time.
static void renew(struct mdf_connection *c, uint64_t now)
{
	bool finished =
		stream_at_edge(c->stream) && c->piece.length == 0 && !stream_outstanding(c->stream);
	bool same = c->credentials ==
		    atomic_load_explicit(&c->deliver->credentials, memory_order_relaxed);

	// The name came back; or it only drains, which a connection that works does best.
	if ((same && !c->moved) || c->remove_until || mdf_connection_is_leaving(c)) {
		c->renew_until = 0;
		return;
	}
	if (!c->renew_until)
		c->renew_until = now + RENEW_NS;
	if (!finished && now < c->renew_until)
		return;
	mdf_connection_drop(c);
	stream_cut(c->stream, c->deliver->config->delivery.resend_in_doubt);
	c->up_at = 0;
	c->attempt_at = now;
	mdf_connection_set_state(c, DESTINATION_CONNECTING);
}

// One of two connections whose kind is not delivered, or not any more, is not made or kept.
static bool is_needed(const struct mdf_connection *c)
{
	return !c->twin || (c->dest.delivery & c->kinds) || !stream_empty(c->stream);
}

void mdf_connection_timers(struct mdf_connection *c, uint64_t now)
{
	mdf_connection_spool_work(c, now);
	if (!c->reported_down)
		mdf_connection_check_losses(c, now);
	mdf_connection_check_answer(c, now);
	if (!is_needed(c)) {
		if (c->state != DESTINATION_IDLE)
			mdf_connection_rest(c, now);
	} else if (c->mdf && c->up_at) {
		c->writable = true; // a try costs little; no lost wake-up may hold a queue
		mdf_connection_check_alive(c, now);
		if (!c->mdf)
			return;
		mdf_connection_refresh_name(c, now);
		renew(c, now);
	} else if (!c->mdf && !c->resolving && now >= c->attempt_at &&
		   (c->failures == 0 || !mdf_connection_is_leaving(c))) {
		start(c, now); // a handshake goes on in mdf_connection_ready, when it is its turn
	}
}

void mdf_connection_modified(struct mdf_connection *c, const struct channel_destination *dest)
{
	uint64_t now = now_monotonic_ns();
	bool moved = memcmp(&c->dest.address, &dest->address, sizeof(dest->address)) != 0 ||
		     strcmp(c->dest.host, dest->host) != 0 || c->dest.port != dest->port;

	pthread_mutex_lock(&c->deliver->lock);
	c->dest = *dest;
	pthread_mutex_unlock(&c->deliver->lock);
	if (!moved)
		return;
	// Who the new place has to be, and what it does, is the configuration's word on that place.
	// The rings keep their version and largest PDU.
	struct connection_settings fresh = deliver_settings_of(&c->deliver->config->delivery, dest);
	c->settings.identity = fresh.identity;
	c->settings.keepalive = fresh.keepalive;
	c->settings.require_ack = fresh.require_ack;
	// Ours to close, so no fault: the queue goes to the new place.
	mdf_connection_drop(c);
	stream_cut(c->stream, c->deliver->config->delivery.resend_in_doubt);
	c->n_addresses = 0;
	c->resolving = false; // the old name's answer is nobody's
	c->failures = 0;
	c->up_at = 0;
	c->attempt_at = now;
	if (!c->reported_down)
		mdf_connection_set_state(c, DESTINATION_CONNECTING);
}

void mdf_connection_close(struct mdf_connection *c, enum copy_loss why)
{
	mdf_connection_drop(c);
	mdf_connection_spool_wait(c);
	if (why == LOSS_STOPPED)
		mdf_connection_spool_keep(c);
	stream_discard(c->stream, why);
	mdf_connection_spool_close(c, why == LOSS_STOPPED);
	c->up_at = 0;
	mdf_connection_set_state(c, DESTINATION_IDLE);
}

void mdf_connection_ready(struct mdf_connection *c, uint32_t epoll_events, uint64_t now)
{
	if (!c->mdf)
		return;
	if (!c->up_at) {
		go_on_connecting(c, now);
		if (!c->mdf || !c->up_at)
			return;
	}
	if (epoll_events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		c->writable = true;
	if (epoll_events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
		mdf_connection_receive(c, now);
}
