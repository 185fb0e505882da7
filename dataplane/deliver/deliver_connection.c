// One destination's connection: when it is made, renewed, moved and closed.

#include "dataplane/deliver/deliver_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "shared/now.h"

// For what is sent to be acknowledged. A slow MDF reads all that time what the kernel holds; one
// that has read nothing for RENEW_STUCK_NS is sent to as before.
#define RENEW_NS (60 * NS_PER_S)
#define RENEW_STUCK_NS (2 * NS_PER_S)
// Beyond the next look at its path: the end of a connection that owes nothing is an event.
#define STEADY_NS (800 * NS_PER_MS)

void mdf_connection_resolved(struct mdf_connection *c, const struct resolve_answer *a, uint64_t now)
{
	struct mdf_end *e = mdf_connection_name_answered(c, a, now);

	if (e)
		mdf_end_race(c, e, now);
}

// New credentials, a name that has moved, or a better end: no fault, and nothing is sent twice when
// the MDF acknowledges in time.
static void renew(struct mdf_connection *c, uint64_t now)
{
	struct mdf_end *e = &c->end[c->used], *better = mdf_connection_better_end(c, now);
	bool finished =
		stream_at_edge(c->stream) && c->piece.length == 0 && !stream_outstanding(c->stream);
	bool same = e->credentials ==
		    atomic_load_explicit(&c->deliver->credentials, memory_order_relaxed);

	// The name came back; or it only drains, which a connection that works does best.
	if ((same && !e->moved && !mdf_is_worn(c->mdf) && !better) || c->remove_until ||
		mdf_connection_is_leaving(c)) {
		c->renew_until = 0;
		c->renew_paused = false;
		return;
	}
	if (!c->renew_until) {
		c->renew_until = now + RENEW_NS;
		mdf_limit_queue(c->mdf);
	}
	c->renew_paused = now - mdf_stalled_since(c->mdf) < RENEW_STUCK_NS;
	if (!finished && now < c->renew_until)
		return;
	mdf_connection_lose(c);
	stream_cut(c->stream, c->deliver->config->delivery.resend_in_doubt);
	c->up_at = 0;
	if (better) {
		mdf_connection_promote(c, better, now);
		return;
	}
	e->attempt_at = now;
	c->again = true;
	mdf_connection_set_state(c, DESTINATION_CONNECTING);
}

// One of several connections whose rings are of a kind that is not delivered, or not any more, is
// not made or kept; nor is one without a ring, whose spool was left by more connections than there
// are.
static bool is_needed(const struct mdf_connection *c)
{
	bool only = c->destination->n == 1 && c->number == 0;

	return only || (c->dest.delivery & c->kinds) || !stream_empty(c->stream);
}

// The connection stands: what is to be read, its path, its name, and whether it is to be renewed.
static void look_after(struct mdf_connection *c, uint64_t now)
{
	if (c->readable)
		mdf_connection_receive(c, now);
	if (!c->mdf)
		return;
	c->writable = true; // a try costs little; no lost wake-up may hold a queue
	bool look = now >= c->path_at;
	mdf_connection_check_path(c, now);
	if (c->mdf && look) // it asks the kernel, and waits for seconds
		mdf_connection_check_alive(c, now);
	if (!c->mdf)
		return;
	mdf_connection_refresh_name(c, now);
	renew(c, now);
}

void mdf_connection_timers(struct mdf_connection *c, uint64_t now)
{
	mdf_connection_spool_work(c, now);
	if (!c->reported_down)
		mdf_connection_check_losses(c, now);
	mdf_connection_check_answers(c, now);
	if (!is_needed(c)) {
		if (c->state != DESTINATION_IDLE)
			mdf_connection_rest(c, now);
		return;
	}
	if (c->mdf)
		look_after(c, now);
	mdf_connection_choose(c, now); // a handshake goes on in mdf_connection_ready, in its turn
}

static bool is_steady(const struct mdf_connection *c)
{
	bool answered = !c->settings.require_ack || c->keepalive_next == c->keepalive_acked;

	return c->mdf && c->up_at && answered && !mdf_is_unanswered(c->mdf) && !c->readable &&
	       c->n_answers == 0 && c->piece.length == 0 && !stream_active(c->stream) &&
	       !stream_outstanding(c->stream) && !mdf_connection_spool_busy(c) &&
	       !c->reported_down && !c->stalled && !c->renew_until && !c->remove_until;
}

uint64_t mdf_connection_look_at(const struct mdf_connection *c)
{
	uint64_t at = c->path_at + STEADY_NS;

	if (!is_steady(c))
		return 0;
	if (c->settings.keepalive && c->keepalive_at < at)
		at = c->keepalive_at;
	return mdf_connection_choose_at(c, at);
}

void mdf_connection_modified(struct mdf_connection *c, const struct channel_destination *dest)
{
	// The configuration decides identity and settings of a new address. The rings keep their
	// version and largest PDU. A connection that we close is no fault: the queue goes to the
	// new address.
	bool had = c->mdf != NULL;

	if (mdf_connection_change_ends(c, dest))
		return;
	if (had)
		stream_cut(c->stream, c->deliver->config->delivery.resend_in_doubt);
	c->up_at = 0;
	c->stalled = false;
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
	mdf_connection_continue(c, now);
	if (!c->mdf)
		return;
	if (epoll_events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		c->writable = true;
	if (epoll_events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
		mdf_connection_receive(c, now);
}
