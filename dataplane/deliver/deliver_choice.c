// Chooses the end of a destination that has the stream: the first by preference that is up. A less
// preferred one has it until a better one has stood for delivery.failback.

#include "dataplane/deliver/deliver_internal.h"

#include <stdio.h>
#include <string.h>

#include "shared/now.h"

#define HEAD_START_NS NS_PER_S	// of an end before the next one is tried beside it
#define STOOD_NS (5 * NS_PER_S) // one that stood so long, nothing sent, begins a new back-off

static void place(const struct mdf_connection *c, struct mdf_end *e, const struct channel_end *at)
{
	*e = (struct mdf_end){.place = *at};
	e->settings = deliver_settings_of(&c->deliver->config->delivery, &at->did, &at->address);
}

static struct channel_end end_of(const struct channel_destination *dest, uint32_t i)
{
	if (dest->n_ends > 0)
		return dest->end[i];
	struct channel_end e = {.did = dest->did, .address = dest->address, .port = dest->port};
	memcpy(e.host, dest->host, sizeof(e.host));
	return e;
}

static uint8_t count_ends(const struct channel_destination *dest)
{
	return dest->n_ends > 0 ? dest->n_ends : 1;
}

void mdf_connection_begin_ends(struct mdf_connection *c, const struct channel_destination *dest)
{
	c->n_ends = c->used = count_ends(dest);
	for (uint32_t i = 0; i < c->n_ends; i++) {
		struct channel_end at = end_of(dest, i);
		place(c, &c->end[i], &at);
	}
}

static bool same_place(const struct channel_end *a, const struct channel_end *b)
{
	return id_equal(&a->did, &b->did) && a->port == b->port &&
	       memcmp(&a->address, &b->address, sizeof(a->address)) == 0 &&
	       strcmp(a->host, b->host) == 0;
}

static struct mdf_end *find(struct mdf_end *end, uint32_t n, const struct id16 *did)
{
	for (uint32_t i = 0; i < n; i++)
		if (id_equal(&end[i].place.did, did))
			return &end[i];
	return NULL;
}

// Copies the state of an old end to the new one. A down end that moves to another address stays
// down until a connection to it stands.
static void take_over(struct mdf_end *e, struct mdf_end *old, uint64_t now)
{
	if (!old)
		return;
	if (same_place(&e->place, &old->place)) {
		*e = *old;
		memset(old->attempt, 0,
			sizeof(old->attempt)); // their connections are the new one's
		old->standby = NULL;
		return;
	}
	e->attempt_at = now;
	e->down = old->down;
	e->state = old->down ? (uint8_t)DESTINATION_DOWN : (uint8_t)DESTINATION_IDLE;
	e->down_since_ns = old->down_since_ns;
	memcpy(e->reason, old->reason, sizeof(e->reason));
}

// The ends of `dest`, as far as the old ones are known.
static void make_ends(struct mdf_connection *c, const struct channel_destination *dest,
	struct mdf_end *old, uint32_t n_old, uint64_t now)
{
	for (uint32_t i = 0; i < count_ends(dest); i++) {
		struct channel_end at = end_of(dest, i);
		place(c, &c->end[i], &at);
		take_over(&c->end[i], find(old, n_old, &at.did), now);
	}
}

bool mdf_connection_change_ends(struct mdf_connection *c, const struct channel_destination *dest)
{
	struct mdf_end old[CHANNEL_ENDS_MAX];
	uint32_t n_old = c->n_ends, n = count_ends(dest);
	struct channel_end last = c->end[c->last].place;
	uint64_t now = now_monotonic_ns();
	bool stays = false;

	for (uint32_t i = 0; i < n; i++) {
		struct channel_end at = end_of(dest, i);
		stays |= same_place(&at, &last);
	}
	if (!stays)
		mdf_connection_lose(c);
	for (uint32_t i = 0; i < n_old; i++) { // before the set is another one: they are its own
		bool found = false;
		for (uint32_t k = 0; k < n; k++) {
			struct channel_end at = end_of(dest, k);
			found |= id_equal(&at.did, &c->end[i].place.did);
		}
		if (!found)
			mdf_end_set_idle(c, &c->end[i], "no member of the set any more");
	}
	pthread_mutex_lock(&c->deliver->lock);
	memcpy(old, c->end, sizeof(old));
	c->dest = *dest;
	make_ends(c, dest, old, n_old, now);
	c->n_ends = (uint8_t)n;
	c->last = 0;
	for (uint32_t i = 0; i < n; i++)
		if (same_place(&c->end[i].place, &last))
			c->last = (uint8_t)i;
	c->used = c->mdf ? c->last : c->n_ends;
	pthread_mutex_unlock(&c->deliver->lock);
	for (uint32_t i = 0; i < n_old; i++)
		mdf_end_close_attempts(&old[i]);
	if (!stays)
		mdf_connection_try_now(c, now);
	return stays;
}

static bool is_trying(const struct mdf_end *e)
{
	return e->resolving || mdf_end_is_racing(e);
}

static bool is_better(const struct mdf_connection *c, const struct mdf_end *e)
{
	return c->deliver->config->delivery.failback > 0 && e < &c->end[c->used];
}

// With a connection: an end that is down is tried until it stands, and one that would be preferred.
// Where the one in use reads nothing any other end is wanted.
static bool wants(const struct mdf_connection *c, const struct mdf_end *e)
{
	if (e->standby || (c->mdf && e == &c->end[c->used]))
		return false;
	if (!c->mdf)
		return true;
	return c->stalled ||
	       (!c->remove_until && !mdf_connection_is_leaving(c) && (e->down || is_better(c, e)));
}

static void give_up(struct mdf_connection *c, struct mdf_end *e)
{
	if (e == &c->end[c->used] || e->standby || !is_trying(e))
		return;
	mdf_end_close_attempts(e);
	e->resolving = false;
	if (!e->down && e->state == DESTINATION_CONNECTING)
		mdf_end_set_idle(c, e, "");
}

// A name is resolved again when all its addresses have failed or the answer's time is over.
static void start(struct mdf_connection *c, struct mdf_end *e, uint64_t now)
{
	if (!is_trying(e))
		e->began_at = now;
	if (!e->place.host[0] && e->n_attempts == 0)
		mdf_end_set_addresses(e, &e->place.address, 1);
	if (e->n_attempts > 0 && (!e->place.host[0] || now < e->resolved_until)) {
		mdf_end_race(c, e, now);
	} else if (!mdf_end_ask_name(c, e, now)) {
		e->attempted_at = now;
		mdf_end_failed(c, e, now, "out of memory");
	} else {
		mdf_end_set_connecting(c, e);
		if (!c->mdf && !c->reported_down)
			mdf_connection_set_state(c, DESTINATION_CONNECTING);
	}
}

// An end that stood by and does not any more is down; other credentials are no fault.
static void check_standby(struct mdf_connection *c, struct mdf_end *e, uint64_t now)
{
	char reason[sizeof(e->reason)];
	uint32_t credentials = atomic_load_explicit(&c->deliver->credentials, memory_order_relaxed);
	bool drains = c->mdf && (c->remove_until || mdf_connection_is_leaving(c));

	if (!e->standby)
		return;
	bool gone = mdf_stand_by(e->standby, now) != 0;
	if (!gone && e->credentials == credentials && !drains)
		return;
	snprintf(reason, sizeof(reason), "%s", mdf_reason(e->standby));
	mdf_end_close_attempts(e);
	e->attempt_at = e->attempted_at = now;
	if (now - e->stood_at >= STOOD_NS)
		e->failures = 0;
	if (gone)
		mdf_end_failed(c, e, now, "%s", reason);
}

// In the order in which they are tried.
static struct mdf_end *in_turn(struct mdf_connection *c, uint32_t i)
{
	if (!c->again)
		return &c->end[i];
	return &c->end[i == 0 ? c->last : i <= c->last ? i - 1 : i];
}

void mdf_connection_choose(struct mdf_connection *c, uint64_t now)
{
	if (c->n_ends == 1 && c->mdf)
		return;
	for (uint32_t i = 0; i < c->n_ends; i++) {
		check_standby(c, &c->end[i], now);
		if (c->stalled && c->end[i].standby)
			mdf_connection_leave_stalled(c, now);
		if (!c->mdf && c->end[i].standby)
			mdf_connection_promote(c, &c->end[i], now);
	}
	for (uint32_t i = 0; i < c->n_ends; i++) {
		struct mdf_end *e = in_turn(c, i);
		if (!wants(c, e)) {
			give_up(c, e);
			continue;
		}
		if (!c->mdf)
			mdf_end_hurry(c, e, now);
		if (!e->resolving && now >= e->attempt_at &&
			(e->failures == 0 || !mdf_connection_is_leaving(c)))
			start(c, e, now);
		if (!c->mdf && is_trying(e) && now - e->began_at < HEAD_START_NS)
			break;
	}
}

struct mdf_end *mdf_connection_better_end(struct mdf_connection *c, uint64_t now)
{
	uint64_t hold = c->deliver->config->delivery.failback * NS_PER_S;

	for (struct mdf_end *e = c->end; e < &c->end[c->used]; e++)
		if (is_better(c, e) && e->standby && now - e->stood_at >= hold)
			return e;
	return NULL;
}

void mdf_connection_promote(struct mdf_connection *c, struct mdf_end *e, uint64_t now)
{
	struct mdf *m = e->standby;

	e->standby = NULL;
	mdf_connection_use(c, e, m, now);
	c->readable = true; // what came meanwhile was not read, and is no event any more
}

uint64_t mdf_connection_choose_at(const struct mdf_connection *c, uint64_t at)
{
	const struct mdf_end *used = &c->end[c->used];

	if (used->place.host[0] && used->resolved_until < at)
		at = used->resolved_until;
	for (uint32_t i = 0; i < c->n_ends; i++) {
		const struct mdf_end *e = &c->end[i];
		if (is_trying(e) || e->standby)
			return 0;
		if (wants(c, e) && e->attempt_at < at)
			at = e->attempt_at;
	}
	return at;
}
