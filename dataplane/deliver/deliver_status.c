// Reports state and sums of destinations to the builder.

#include "dataplane/deliver/deliver_internal.h"

#include <stdio.h>
#include <string.h>

void deliver_slot_balance(const struct deliver *d, uint32_t slot, struct copy_balance *add)
{
	for (uint32_t i = 0; i < d->n_threads; i++)
		copy_outcomes_read(&d->thread[i].book, slot, add);
	copy_outcomes_read(&d->inherited, slot, add);
}

void deliver_slot_reset(struct deliver *d, uint32_t slot)
{
	for (uint32_t i = 0; i < d->n_threads; i++)
		copy_outcomes_reset(&d->thread[i].book, slot);
	copy_outcomes_reset(&d->inherited, slot);
}

// The worst of its connections is the destination's state.
static unsigned badness(uint8_t state)
{
	static const uint8_t order[] = {[DESTINATION_IDLE] = 0,
		[DESTINATION_UP] = 1,
		[DESTINATION_DRAINING] = 2,
		[DESTINATION_CONNECTING] = 3,
		[DESTINATION_DOWN] = 4};

	return order[state];
}

static void add_status(const struct mdf_connection *c, struct channel_destination_status *out)
{
	uint8_t state = (uint8_t)atomic_load_explicit(&c->state, memory_order_relaxed);

	if (badness(state) >= badness(out->state)) {
		out->state = state;
		snprintf(out->reason, sizeof(out->reason), "%s", c->reason);
	}
	if (c->down_since_ns && (!out->down_since_ns || c->down_since_ns < out->down_since_ns))
		out->down_since_ns = c->down_since_ns;
	out->connections += state != DESTINATION_IDLE;
	out->connected += state == DESTINATION_UP || state == DESTINATION_DRAINING;
	out->connects += c->connects;
	out->odd_acks += c->odd_acks;
	out->settle = (uint8_t)c->settings.settle;
	stream_balance(c->stream, &out->copies, &out->queued_octets);
}

static unsigned end_badness(uint8_t state)
{
	static const uint8_t order[] = {[DESTINATION_IDLE] = 0,
		[DESTINATION_CONNECTING] = 1,
		[DESTINATION_UP] = 2,
		[DESTINATION_DOWN] = 3};

	return order[state];
}

static void begin_ends(const struct mdf_connection *c, struct channel_destination_status *out)
{
	if (c->dest.n_ends == 0)
		return;
	out->n_ends = out->used = c->n_ends;
	for (uint32_t i = 0; i < c->n_ends; i++)
		out->end[i].did = c->end[i].place.did;
}

// The end in use is that of the first connection that has one, and the state of an end is what the
// connections say of it: down where one of them says so.
static void add_ends(const struct mdf_connection *c, struct channel_destination_status *out)
{
	if (c->dest.n_ends == 0)
		return;
	for (uint32_t i = 0; i < c->n_ends; i++) {
		const struct mdf_end *e = &c->end[i];
		uint8_t at = 0;
		while (at < out->n_ends && !id_equal(&out->end[at].did, &e->place.did))
			at++;
		if (at == out->n_ends)
			continue; // of the ends before a change that is under way
		if (c->used == i && out->used == out->n_ends)
			out->used = at;
		if (end_badness(e->state) < end_badness(out->end[at].state))
			continue;
		out->end[at].state = e->state;
		out->end[at].down_since_ns = e->down_since_ns;
		memcpy(out->end[at].reason, e->reason, sizeof(e->reason));
	}
}

int deliver_status(const struct deliver *d, uint16_t index, struct channel_destination_status *out)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&d->lock; // the lock is no part of the value
	int error = POI_ERR_NOT_FOUND;

	pthread_mutex_lock(lock);
	const struct mdf_connection *c =
		index < COPY_DESTINATIONS_MAX ? d->connection[index] : NULL;
	if (c) {
		struct id16 ne = out->ne, did = out->did;
		*out = (struct channel_destination_status){.ne = ne, .did = did};
		begin_ends(c, out);
		for (; c; c = c->sibling) {
			add_status(c, out);
			add_ends(c, out);
		}
		error = 0;
	}
	pthread_mutex_unlock(lock);
	return error;
}

static uint64_t held(const struct mdf_connection *c)
{
	uint64_t spooled = stream_spool_holds(c->stream), octets = 0;
	struct copy_balance b = {0};

	stream_balance(c->stream, &b, &octets);
	return b.queued + b.unsettled > spooled ? b.queued + b.unsettled - spooled : 0;
}

uint64_t deliver_held(const struct deliver *d, uint16_t index)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&d->lock;
	uint64_t sum = 0;

	pthread_mutex_lock(lock);
	const struct mdf_connection *c =
		index < COPY_DESTINATIONS_MAX ? d->connection[index] : NULL;
	for (; c; c = c->sibling)
		sum += held(c);
	pthread_mutex_unlock(lock);
	return sum;
}

uint32_t deliver_leaving(
	const struct deliver *d, uint32_t from, struct channel_destination_status *out)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&d->lock;
	uint32_t found = UINT32_MAX;

	pthread_mutex_lock(lock);
	for (uint32_t i = from; i < COPY_DESTINATIONS_MAX && found == UINT32_MAX; i++) {
		const struct mdf_connection *c = d->connection[i];
		if (!c || !atomic_load_explicit(&c->removing, memory_order_relaxed))
			continue;
		out->ne = c->dest.ne;
		out->did = c->dest.did;
		found = i;
	}
	pthread_mutex_unlock(lock);
	return found;
}

void deliver_totals(const struct deliver *d, struct copy_balance *out)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&d->lock;
	uint64_t octets = 0;

	pthread_mutex_lock(lock);
	*out = d->past;
	for (uint32_t i = 0; i < COPY_DESTINATIONS_MAX; i++) {
		const struct mdf_connection *c = d->connection[i];
		for (; c; c = c->sibling)
			stream_balance(c->stream, out, &octets);
	}
	pthread_mutex_unlock(lock);
}

void deliver_times(const struct deliver *d, struct delivery_times out[DELIVERY_KINDS])
{
	static_assert(COPY_KINDS == DELIVERY_KINDS);

	for (unsigned k = 0; k < DELIVERY_KINDS; k++) {
		out[k] = (struct delivery_times){0};
		for (uint32_t i = 0; i < d->n_threads; i++)
			delivery_times_add(&out[k], &d->thread[i].times[k]);
	}
}

uint64_t deliver_found(const struct deliver *d)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&d->lock;

	pthread_mutex_lock(lock);
	uint64_t sum = d->past_found;
	for (uint32_t i = 0; i < COPY_DESTINATIONS_MAX; i++) {
		const struct mdf_connection *c = d->connection[i];
		for (; c; c = c->sibling)
			sum += stream_spool_found(c->stream);
	}
	pthread_mutex_unlock(lock);
	return sum;
}
