// Events for control: kept until the channel fetches them, the oldest go first.

#include "dataplane/deliver/deliver_internal.h"

#include <stdio.h>
#include <unistd.h>

#include "shared/now.h"

static void post_locked(struct deliver *d, const struct channel_event *e)
{
	uint64_t one = 1;

	if (d->event_head - d->event_tail == EVENTS_MAX)
		d->event_tail++;
	d->event[d->event_head++ % EVENTS_MAX] = *e;
	(void)!write(d->event_fd, &one, sizeof(one)); // full means: readable already
}

void deliver_post(struct deliver *d, const struct channel_event *e)
{
	pthread_mutex_lock(&d->lock);
	post_locked(d, e);
	pthread_mutex_unlock(&d->lock);
}

bool deliver_next_event(struct deliver *d, struct channel_event *out)
{
	uint64_t count;

	pthread_mutex_lock(&d->lock);
	bool any = d->event_head != d->event_tail;
	if (any)
		*out = d->event[d->event_tail++ % EVENTS_MAX];
	else
		(void)!read(d->event_fd, &count, sizeof(count)); // under the lock: none is missed
	pthread_mutex_unlock(&d->lock);
	return any;
}

int deliver_event_fd(const struct deliver *d)
{
	return d->event_fd;
}

uint64_t mdf_connection_lost(const struct mdf_connection *c)
{
	struct copy_balance b = {0};
	uint64_t octets = 0, sum = 0;

	stream_balance(c->stream, &b, &octets);
	for (int i = 0; i < LOSS_COUNT; i++)
		sum += b.lost[i];
	return sum;
}

void mdf_connection_ended(const struct mdf_connection *c, struct copy_balance *add)
{
	struct copy_balance b = {0};
	uint64_t octets = 0;

	stream_balance(c->stream, &b, &octets);
	add->acknowledged += b.acknowledged;
	add->in_doubt += b.in_doubt - b.unsettled; // what is under way may come back
	for (int i = 0; i < LOSS_COUNT; i++)
		add->lost[i] += b.lost[i];
}

// Less than at the removal where a cut took back what TCP had acknowledged.
static uint64_t grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

void mdf_connection_leave(const struct mdf_connection *c)
{
	struct copy_balance now = {0}, *to = &c->destination->left;

	mdf_connection_ended(c, &now);
	to->acknowledged += grown(now.acknowledged, c->removed.acknowledged);
	to->in_doubt += grown(now.in_doubt, c->removed.in_doubt);
	for (int i = 0; i < LOSS_COUNT; i++)
		to->lost[i] += now.lost[i] - c->removed.lost[i];
}

void mdf_connection_post_gone(const struct mdf_connection *c)
{
	const struct copy_balance *left = &c->destination->left;
	struct channel_event e = {.kind = EVENT_DESTINATION_GONE,
		.ne = c->dest.ne,
		.id = c->dest.did,
		.time_ns = now_wall_ns()};
	uint64_t lost = copy_balance_lost(left);

	e.copies = lost + left->in_doubt;
	snprintf(e.text, sizeof(e.text),
		"%llu PDUs delivered after the removal, %llu PDUs lost, %llu in doubt",
		(unsigned long long)left->acknowledged, (unsigned long long)lost,
		(unsigned long long)left->in_doubt);
	post_locked(c->deliver, &e);
}

static void post_about(
	struct mdf_connection *c, const struct channel_event *about, const char *text)
{
	struct channel_event e = *about;

	// A removed destination has no reports, and its DID may be in use again.
	if (c->remove_until || atomic_load_explicit(&c->removing, memory_order_relaxed))
		return;
	e.ne = c->dest.ne;
	e.id = c->dest.did;
	e.time_ns = now_wall_ns();
	snprintf(e.text, sizeof(e.text), "%s", text);
	post_locked(c->deliver, &e);
}

void mdf_connection_post_locked(
	struct mdf_connection *c, uint8_t kind, uint64_t copies, const char *text)
{
	post_about(c, &(struct channel_event){.kind = kind, .copies = copies}, text);
}

void mdf_end_post_locked(
	struct mdf_connection *c, uint8_t kind, const struct id16 *end, const char *text)
{
	post_about(c, &(struct channel_event){.kind = kind, .end = *end}, text);
}

void mdf_connection_post(struct mdf_connection *c, uint8_t kind, uint64_t copies, const char *text)
{
	pthread_mutex_lock(&c->deliver->lock);
	mdf_connection_post_locked(c, kind, copies, text);
	pthread_mutex_unlock(&c->deliver->lock);
}
