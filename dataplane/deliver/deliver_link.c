#include "dataplane/deliver/deliver_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#define BURST 16u		  // records of one destination before the next has its turn
#define ATTEMPT_NS (4 * NS_PER_S) // connect and handshake
#define ANSWER_NS (6 * NS_PER_S)  // the resolver gives one within 5 s
#define RENEW_NS (5 * NS_PER_S)	  // for what is sent to be acknowledged
#define STABLE_NS (5 * NS_PER_S)  // a connection that stood so long resets the back-off
// A connection that took PDUs before it was cut is tried again within 2.5 s: the longer the pause,
// the more is lost of what comes meanwhile.
#define DELIVERED_FAILURES 2u
#define BACKOFF_FIRST_NS (500 * NS_PER_MS)
#define BACKOFF_MAX_NS (30 * NS_PER_S)
#define ACK_OCTETS (128 * 1024u) // written since the last look at TCP's acknowledgements
#define ACK_MIN_NS (NS_PER_MS / 2)
#define ACK_MAX_NS (20 * NS_PER_MS)
#define PAUSE_NS NS_PER_S // without a loss
#define READS 16u	  // inbound reads of one visit

static void set_state(struct link *l, enum destination_state s)
{
	if (s == DESTINATION_UP && l->remove_until)
		s = DESTINATION_DRAINING;
	atomic_store_explicit(&l->state, (uint32_t)s, memory_order_relaxed);
}

uint64_t link_lost(const struct link *l)
{
	struct copy_balance b = {0};
	uint64_t octets = 0, sum = 0;

	stream_balance(l->stream, &b, &octets);
	for (int i = 0; i < LOSS_COUNT; i++)
		sum += b.lost[i];
	return sum;
}

void link_post(struct link *l, uint8_t kind, uint64_t copies, const char *text)
{
	// Nobody asks any more for one that was removed, and its DID may be another's already.
	if (l->remove_until)
		return;
	struct channel_event e = {.kind = kind,
		.ne = l->dest.ne,
		.id = l->dest.did,
		.copies = copies,
		.time_ns = deliver_realtime()};

	snprintf(e.text, sizeof(e.text), "%s", text);
	deliver_post(l->deliver, &e);
}

// 0.5, 1, 2, 4 ... 30 s, and up to a quarter more, so that many links do not come back at once.
static uint64_t backoff(struct link *l)
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

// Forgets the connection; what it carried and was not acknowledged is sent again or in doubt.
static void drop(struct link *l)
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

static void down(struct link *l, uint64_t now, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void down(struct link *l, uint64_t now, const char *format, ...)
{
	char reason[sizeof(l->reason)];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	drop(l);
	stream_cut(l->stream, l->deliver->config->delivery.resend_in_doubt);
	if (l->up_at && now - l->up_at >= STABLE_NS)
		l->failures = 0;
	else if (l->up_at && l->delivered && l->failures > DELIVERED_FAILURES)
		l->failures = DELIVERED_FAILURES;
	l->up_at = 0;
	l->failures++;
	l->attempt_at = now + backoff(l);
	set_state(l, DESTINATION_DOWN);
	pthread_mutex_lock(&l->deliver->lock);
	if (!l->reported_down)
		l->down_since_ns = deliver_realtime();
	snprintf(l->reason, sizeof(l->reason), "%s", reason);
	pthread_mutex_unlock(&l->deliver->lock);
	if (l->reported_down)
		return;
	l->reported_down = true;
	l->down_at = now;
	l->lost_at_down = l->lost_before;
	if (!l->twin || !l->twin->reported_down)
		link_post(l, EVENT_DESTINATION_DOWN, 0, reason);
}

// How long, and exactly what it cost. Of what is lost each copy is told at most once.
static void say_up(struct link *l, uint64_t now)
{
	uint64_t lost = link_lost(l) - l->lost_at_down;

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
	time_t since = (time_t)((deliver_realtime() - outage * NS_PER_MS) / NS_PER_S);
	char text[128], when[32];
	struct tm utc;

	gmtime_r(&since, &utc);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	snprintf(text, sizeof(text),
		"delivering again; outage of %llu.%03llu s since %s, %llu PDUs lost",
		(unsigned long long)(outage / 1000), (unsigned long long)(outage % 1000), when,
		(unsigned long long)lost);
	link_post(l, EVENT_DESTINATION_UP, lost, text);
}

static void up(struct link *l, uint64_t now)
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
	set_state(l, DESTINATION_UP);
	pthread_mutex_lock(&l->deliver->lock);
	l->connects++;
	l->down_since_ns = 0;
	l->reason[0] = 0;
	pthread_mutex_unlock(&l->deliver->lock);
	if (l->reported_down)
		say_up(l, now);
}

static void go_on_connecting(struct link *l, uint64_t now)
{
	int error = mdf_progress(l->mdf, now);

	if (error == 0)
		up(l, now);
	else if (error != POI_ERR_AGAIN)
		down(l, now, "%s", mdf_reason(l->mdf));
	else if (now >= l->attempt_until)
		down(l, now, "connect: no answer within %llu s", ATTEMPT_NS / NS_PER_S);
}

static void attempt(struct link *l, uint64_t now)
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
		down(l, now, "%s", reason);
		return;
	}
	l->attempt_until = now + ATTEMPT_NS;
	set_state(l, DESTINATION_CONNECTING);
	go_on_connecting(l, now);
}

// --- host names ---

static uint64_t token_of(const struct link *l)
{
	return l->serial << 16 | l->questions;
}

uint64_t link_of_token(uint64_t token)
{
	return token >> 16;
}

static bool ask_name(struct link *l, uint64_t now)
{
	l->questions++;
	l->answer_until = now + ANSWER_NS;
	l->resolving = resolver_ask(l->deliver->resolver, l->dest.host, token_of(l)) == 0;
	return l->resolving;
}

static bool has_address(const struct resolve_answer *a, const struct ip_address *address)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (memcmp(&a->address[i], address, sizeof(*address)) == 0)
			return true;
	return false;
}

// A failure counts where an attempt waits for the name; else what is known stays good.
static void name_failed(struct link *l, const char *reason, uint64_t now)
{
	l->resolved_until = now + RESOLVE_TTL_MIN * NS_PER_S;
	if (l->mdf || now < l->attempt_at)
		return;
	l->n_addresses = 0;
	down(l, now, "host name: %s", reason);
}

// An answer that is lost, for want of memory on its way here, must not hold the destination up.
static void look_for_answer(struct link *l, uint64_t now)
{
	if (!l->resolving || now < l->answer_until)
		return;
	l->resolving = false;
	name_failed(l, "the resolver has not answered", now);
}

void link_resolved(struct link *l, const struct resolve_answer *a, uint64_t now)
{
	if (a->token != token_of(l) || !l->resolving)
		return; // the answer to a name that was exchanged
	l->resolving = false;
	if (a->n == 0) {
		name_failed(l, a->reason, now);
		return;
	}
	l->resolved_until = now + a->ttl * NS_PER_S;
	l->n_addresses = a->n;
	l->address_at = 0;
	memcpy(l->address, a->address, sizeof(l->address));
	l->moved = l->mdf && !has_address(a, &l->peer);
	if (!l->mdf && now >= l->attempt_at)
		attempt(l, now);
}

// Names are resolved anew when all their addresses have been tried or the answer's time is over.
static void start(struct link *l, uint64_t now)
{
	bool fresh = l->address_at < l->n_addresses && now < l->resolved_until;

	if (!l->dest.host[0] || fresh)
		attempt(l, now);
	else if (!ask_name(l, now))
		down(l, now, "out of memory");
	else if (!l->reported_down)
		set_state(l, DESTINATION_CONNECTING);
}

static void check_liveness(struct link *l, uint64_t now)
{
	const struct config_keepalive *k = &l->deliver->config->delivery.keepalive;
	uint64_t patience = k->time_p2 * NS_PER_S;

	if (l->settings.keepalive && l->settings.require_ack &&
		l->keepalive_next != l->keepalive_acked && now - l->alive_at >= patience)
		down(l, now, "no keepalive acknowledged within %u s", k->time_p2);
}

// On the way out a destination gets its first attempt, and no second one.
static bool leaving(const struct link *l)
{
	return l->remove_until || atomic_load_explicit(&l->deliver->stopping, memory_order_relaxed);
}

// With a connection that works a name is looked up when its answer's time is over.
static void look_again(struct link *l, uint64_t now)
{
	if (l->dest.host[0] && !l->resolving && now >= l->resolved_until && !leaving(l) &&
		!ask_name(l, now))
		l->resolved_until = now + RESOLVE_TTL_MIN * NS_PER_S;
}

// New credentials, or a name that has moved: no fault, and nothing is sent twice when the MDF
// acknowledges in time.
static void renew(struct link *l, uint64_t now)
{
	bool finished =
		stream_at_edge(l->stream) && l->piece.length == 0 && !stream_outstanding(l->stream);
	bool same = l->credentials ==
		    atomic_load_explicit(&l->deliver->credentials, memory_order_relaxed);

	// The name came back; or it only drains, and might get no second connection.
	if ((same && !l->moved) || leaving(l)) {
		l->renew_until = 0;
		return;
	}
	if (!l->renew_until)
		l->renew_until = now + RENEW_NS;
	if (!finished && now < l->renew_until)
		return;
	drop(l);
	stream_cut(l->stream, l->deliver->config->delivery.resend_in_doubt);
	l->up_at = 0;
	l->attempt_at = now;
	set_state(l, DESTINATION_CONNECTING);
}

// An outage is known seconds after it began: what is lost without a pause before that belongs to
// it.
static void look_at_losses(struct link *l, uint64_t now)
{
	uint64_t lost = link_lost(l);

	if (lost != l->lost_seen) {
		l->lost_seen = lost;
		l->lost_seen_at = now;
	} else if (now - l->lost_seen_at >= PAUSE_NS) {
		l->lost_before = lost;
	}
}

// One of two connections whose kind is not delivered, or not any more, is not made or kept.
static bool is_needed(const struct link *l)
{
	return !l->twin || (l->dest.delivery & l->kinds) || !stream_empty(l->stream);
}

static void rest(struct link *l, uint64_t now)
{
	drop(l);
	l->resolving = false; // its answer would connect what is not needed
	l->up_at = 0;
	l->failures = 0;
	if (l->reported_down)
		say_up(l, now);
	set_state(l, DESTINATION_IDLE);
	pthread_mutex_lock(&l->deliver->lock);
	l->down_since_ns = 0;
	l->reason[0] = 0;
	pthread_mutex_unlock(&l->deliver->lock);
}

void link_timers(struct link *l, uint64_t now)
{
	link_spool_work(l, now);
	if (!l->reported_down)
		look_at_losses(l, now);
	look_for_answer(l, now);
	if (!is_needed(l)) {
		if (l->state != DESTINATION_IDLE)
			rest(l, now);
	} else if (l->mdf && l->up_at) {
		l->writable = true; // a try costs little; no lost wake-up may hold a queue
		check_liveness(l, now);
		if (!l->mdf)
			return;
		look_again(l, now);
		renew(l, now);
	} else if (!l->mdf && !l->resolving && now >= l->attempt_at &&
		   (l->failures == 0 || !leaving(l))) {
		start(l, now); // a handshake goes on in link_ready, when it is its turn
	}
}

void link_modified(struct link *l, const struct channel_destination *dest)
{
	uint64_t now = deliver_now();
	bool moved = memcmp(&l->dest.address, &dest->address, sizeof(dest->address)) != 0 ||
		     strcmp(l->dest.host, dest->host) != 0 || l->dest.port != dest->port;

	pthread_mutex_lock(&l->deliver->lock);
	l->dest = *dest;
	pthread_mutex_unlock(&l->deliver->lock);
	if (!moved)
		return;
	// Who the new place has to be, and what it does, is the configuration's word on that place. The
	// rings keep their version and largest PDU.
	struct link_settings fresh = deliver_settings_of(&l->deliver->config->delivery, dest);
	l->settings.identity = fresh.identity;
	l->settings.keepalive = fresh.keepalive;
	l->settings.require_ack = fresh.require_ack;
	// Ours to close, so no fault: the queue goes to the new place.
	drop(l);
	stream_cut(l->stream, l->deliver->config->delivery.resend_in_doubt);
	l->n_addresses = 0;
	l->resolving = false; // the old name's answer is nobody's
	l->failures = 0;
	l->up_at = 0;
	l->attempt_at = now;
	if (!l->reported_down)
		set_state(l, DESTINATION_CONNECTING);
}

void link_close(struct link *l, enum copy_loss why)
{
	drop(l);
	link_spool_wait(l);
	stream_discard(l->stream, why);
	link_spool_close(l, why == LOSS_STOPPED);
	l->up_at = 0;
	set_state(l, DESTINATION_IDLE);
}

// One PDU of the MDF. Only acknowledgements of what this connection issued count as life.
static const char *take_pdu(struct link *l, const struct pdu *p, uint64_t now)
{
	if (p->type == PDU_KEEPALIVE_ACK) {
		if (p->sequence >= l->keepalive_acked && p->sequence < l->keepalive_next) {
			l->keepalive_acked = p->sequence + 1;
			l->alive_at = now;
		}
		return NULL;
	}
	if (p->type == PDU_KEEPALIVE) {
		l->answer_due = true;
		l->answer_sequence = p->sequence;
		return NULL;
	}
	return "content from an MDF";
}

static const char *take_inbound(struct link *l, uint64_t now)
{
	uint32_t at = 0;
	const char *why = NULL;

	while (!why && at < l->inbound_length) {
		struct pdu p;
		int64_t n = pdu_decode(
			l->inbound + at, l->inbound_length - at, sizeof(l->inbound), &p, &why);
		if (n == POI_ERR_AGAIN) {
			why = NULL;
			break;
		}
		if (n > 0) {
			why = take_pdu(l, &p, now);
			at += (uint32_t)n;
		}
	}
	l->inbound_length -= at;
	memmove(l->inbound, l->inbound + at, l->inbound_length);
	return why;
}

static void receive(struct link *l, uint64_t now)
{
	for (unsigned i = 0; l->mdf && i < READS; i++) {
		int64_t n = mdf_read(l->mdf, l->inbound + l->inbound_length,
			sizeof(l->inbound) - l->inbound_length);
		if (n == POI_ERR_AGAIN)
			return;
		if (n < 0) {
			down(l, now, "%s", mdf_reason(l->mdf));
			return;
		}
		l->inbound_length += (uint32_t)n;
		const char *why = take_inbound(l, now);
		if (why) {
			down(l, now, "the MDF sent what is no keepalive: %s", why);
			return;
		}
	}
	// A peer that talks without end is no MDF: what it may say fits a few reads.
	if (l->mdf)
		down(l, now, "the MDF sends too much");
}

void link_ready(struct link *l, uint32_t epoll_events, uint64_t now)
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
		receive(l, now);
}

static void settle(struct link *l, uint64_t now)
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

static bool keepalive_due(const struct link *l, uint64_t now)
{
	return l->answer_due || (l->settings.keepalive && now >= l->keepalive_at);
}

static void make_keepalive(struct link *l, uint64_t now)
{
	if (l->answer_due) {
		pdu_keepalive_write(l->control, l->settings.minor, l->answer_sequence);
		l->control[3] = PDU_KEEPALIVE_ACK;
		l->answer_due = false;
	} else {
		// The wait for an answer begins with the first one that lacks it.
		if (l->keepalive_next == l->keepalive_acked)
			l->alive_at = now;
		pdu_keepalive_write(l->control, l->settings.minor, l->keepalive_next++);
		l->keepalive_at = now + l->deliver->config->delivery.keepalive.time_p1 * NS_PER_S;
	}
	l->piece = (struct stream_piece){.octets = l->control, .length = sizeof(l->control)};
	l->piece_is_control = true;
}

static bool next_piece(struct link *l, uint64_t now)
{
	if (l->piece.length > 0)
		return true;
	bool due = keepalive_due(l, now) || l->renew_until > 0;
	uint64_t flush = l->remove_until ? 0 : l->deliver->flush_ns;
	l->piece_is_control = false;
	if (l->renew_until && stream_at_edge(l->stream))
		return false;
	if (due && stream_at_edge(l->stream)) {
		make_keepalive(l, now);
		return true;
	}
	return stream_next(l->stream, now, flush, due, &l->piece);
}

// Takes `n` octets off the piece in hand. 0 or NOMEM.
static int advance(struct link *l, uint32_t n)
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

unsigned link_pump(struct link *l, uint64_t now)
{
	unsigned records = 0;

	link_spool_work(l, now);
	if (!l->mdf || !l->up_at)
		return 0;
	settle(l, now);
	while (l->writable && records < BURST && next_piece(l, now)) {
		int64_t n = mdf_write(l->mdf, l->piece.octets, l->piece.length);
		if (n == POI_ERR_AGAIN) {
			l->writable = false;
			break;
		}
		if (n < 0) {
			down(l, now, "%s", mdf_reason(l->mdf));
			return records;
		}
		if (advance(l, (uint32_t)n)) {
			down(l, now, "out of memory");
			return records;
		}
		records++;
	}
	return records;
}

bool link_quiet(const struct link *l)
{
	if (link_spool_busy(l))
		return false;
	if (!l->mdf || !l->up_at)
		return true;
	return l->piece.length == 0 && !stream_active(l->stream) && !stream_outstanding(l->stream);
}
