// One destination's connection: when it is made, renewed, moved and closed.

#include "dataplane/deliver/deliver_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "shared/now.h"

#define ATTEMPT_NS (4 * NS_PER_S) // connect and handshake
#define RENEW_NS (5 * NS_PER_S)	  // for what is sent to be acknowledged

static void go_on_connecting(struct mdf_connection *l, uint64_t now)
{
	int error = mdf_progress(l->mdf, now);

	if (error == 0)
		mdf_connection_up(l, now);
	else if (error != POI_ERR_AGAIN)
		mdf_connection_down(l, now, "%s", mdf_reason(l->mdf));
	else if (now >= l->attempt_until)
		mdf_connection_down(
			l, now, "connect: no answer within %llu s", ATTEMPT_NS / NS_PER_S);
}

static void attempt(struct mdf_connection *l, uint64_t now)
{
	const char *host = l->dest.host[0] ? l->dest.host : NULL;
	struct mdf_peer peer = {.address = l->dest.address,
		.port = l->dest.port,
		.host = host,
		.identity = l->settings.identity};
	char reason[96] = "";

	if (host)
		peer.address = l->address[l->address_at++ % l->n_addresses];
	l->peer = peer.address;
	l->moved = false;
	pthread_mutex_lock(&l->deliver->lock); // the credentials may be exchanged meanwhile
	l->credentials = atomic_load_explicit(&l->deliver->credentials, memory_order_relaxed);
	l->renew_until = 0;
	l->mdf = mdf_connect(l->deliver->tls, &peer, reason, sizeof(reason));
	pthread_mutex_unlock(&l->deliver->lock);
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = l};
	if (l->mdf && epoll_ctl(l->thread->epoll, EPOLL_CTL_ADD, mdf_fd(l->mdf), &e) != 0)
		snprintf(reason, sizeof(reason), "cannot watch the socket");
	if (reason[0]) {
		mdf_connection_down(l, now, "%s", reason);
		return;
	}
	l->attempt_until = now + ATTEMPT_NS;
	mdf_connection_set_state(l, DESTINATION_CONNECTING);
	go_on_connecting(l, now);
}

void mdf_connection_resolved(struct mdf_connection *l, const struct resolve_answer *a, uint64_t now)
{
	if (mdf_connection_name_answered(l, a, now))
		attempt(l, now);
}

// Names are resolved anew when all their addresses have been tried or the answer's time is over.
static void start(struct mdf_connection *l, uint64_t now)
{
	bool fresh = l->address_at < l->n_addresses && now < l->resolved_until;

	if (!l->dest.host[0] || fresh)
		attempt(l, now);
	else if (!mdf_connection_ask_name(l, now))
		mdf_connection_down(l, now, "out of memory");
	else if (!l->reported_down)
		mdf_connection_set_state(l, DESTINATION_CONNECTING);
}

// New credentials, or a name that has moved: no fault, and nothing is sent twice when the MDF
// acknowledges in time.
static void renew(struct mdf_connection *l, uint64_t now)
{
	bool finished =
		stream_at_edge(l->stream) && l->piece.length == 0 && !stream_outstanding(l->stream);
	bool same = l->credentials ==
		    atomic_load_explicit(&l->deliver->credentials, memory_order_relaxed);

	// The name came back; or it only drains, and might get no second connection.
	if ((same && !l->moved) || mdf_connection_is_leaving(l)) {
		l->renew_until = 0;
		return;
	}
	if (!l->renew_until)
		l->renew_until = now + RENEW_NS;
	if (!finished && now < l->renew_until)
		return;
	mdf_connection_drop(l);
	stream_cut(l->stream, l->deliver->config->delivery.resend_in_doubt);
	l->up_at = 0;
	l->attempt_at = now;
	mdf_connection_set_state(l, DESTINATION_CONNECTING);
}

// One of two connections whose kind is not delivered, or not any more, is not made or kept.
static bool is_needed(const struct mdf_connection *l)
{
	return !l->twin || (l->dest.delivery & l->kinds) || !stream_empty(l->stream);
}

void mdf_connection_timers(struct mdf_connection *l, uint64_t now)
{
	mdf_connection_spool_work(l, now);
	if (!l->reported_down)
		mdf_connection_check_losses(l, now);
	mdf_connection_check_answer(l, now);
	if (!is_needed(l)) {
		if (l->state != DESTINATION_IDLE)
			mdf_connection_rest(l, now);
	} else if (l->mdf && l->up_at) {
		l->writable = true; // a try costs little; no lost wake-up may hold a queue
		mdf_connection_check_alive(l, now);
		if (!l->mdf)
			return;
		mdf_connection_refresh_name(l, now);
		renew(l, now);
	} else if (!l->mdf && !l->resolving && now >= l->attempt_at &&
		   (l->failures == 0 || !mdf_connection_is_leaving(l))) {
		start(l, now); // a handshake goes on in mdf_connection_ready, when it is its turn
	}
}

void mdf_connection_modified(struct mdf_connection *l, const struct channel_destination *dest)
{
	uint64_t now = now_monotonic_ns();
	bool moved = memcmp(&l->dest.address, &dest->address, sizeof(dest->address)) != 0 ||
		     strcmp(l->dest.host, dest->host) != 0 || l->dest.port != dest->port;

	pthread_mutex_lock(&l->deliver->lock);
	l->dest = *dest;
	pthread_mutex_unlock(&l->deliver->lock);
	if (!moved)
		return;
	// Who the new place has to be, and what it does, is the configuration's word on that place.
	// The rings keep their version and largest PDU.
	struct connection_settings fresh = deliver_settings_of(&l->deliver->config->delivery, dest);
	l->settings.identity = fresh.identity;
	l->settings.keepalive = fresh.keepalive;
	l->settings.require_ack = fresh.require_ack;
	// Ours to close, so no fault: the queue goes to the new place.
	mdf_connection_drop(l);
	stream_cut(l->stream, l->deliver->config->delivery.resend_in_doubt);
	l->n_addresses = 0;
	l->resolving = false; // the old name's answer is nobody's
	l->failures = 0;
	l->up_at = 0;
	l->attempt_at = now;
	if (!l->reported_down)
		mdf_connection_set_state(l, DESTINATION_CONNECTING);
}

void mdf_connection_close(struct mdf_connection *l, enum copy_loss why)
{
	mdf_connection_drop(l);
	mdf_connection_spool_wait(l);
	stream_discard(l->stream, why);
	mdf_connection_spool_close(l, why == LOSS_STOPPED);
	l->up_at = 0;
	mdf_connection_set_state(l, DESTINATION_IDLE);
}

void mdf_connection_ready(struct mdf_connection *l, uint32_t epoll_events, uint64_t now)
{
	if (!l->mdf)
		return;
	if (!l->up_at) {
		go_on_connecting(l, now);
		if (!l->mdf || !l->up_at)
			return;
	}
	if (epoll_events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		l->writable = true;
	if (epoll_events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
		mdf_connection_receive(l, now);
}
