// The builder's side of delivery: destinations come, change and go.

#include "dataplane/deliver/deliver_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/now.h"

static int open_threads(struct deliver *d)
{
	for (uint32_t i = 0; i < d->n_threads; i++) {
		int error = deliver_thread_open(d, i);
		if (error)
			return error;
	}
	return 0;
}

static void resolved(void *context, const struct resolve_answer *a)
{
	deliver_thread_resolved(context, a);
}

struct deliver *deliver_new(const struct config *config, struct capture *const *captures,
	uint32_t n_workers, char *why, size_t why_size)
{
	struct deliver *d = calloc(1, sizeof(*d));
	if (!d) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&d->lock, NULL);
	pthread_mutex_init(&d->spool_lock, NULL);
	d->started_ns = now_monotonic_ns();
	d->config = config;
	d->captures = captures;
	d->n_workers = n_workers;
	d->n_threads = config->delivery.threads ? config->delivery.threads : 1;
	d->flush_ns = config->delivery.flush_us * 1000ull;
	d->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->n_threads > CAPTURE_DELIVER_MAX) {
		snprintf(why, why_size, "delivery.threads: at most %u", CAPTURE_DELIVER_MAX);
		d->n_threads = 0;
		goto fail;
	}
	d->tls = mdf_tls_new(&config->delivery.tls, why, why_size);
	if (!d->tls)
		goto fail;
	if (deliver_spool_setup(d, why, why_size))
		goto fail;
	d->resolver = resolver_new(&(struct resolver_settings){.answer = resolved, .context = d});
	if (!d->resolver || d->event_fd < 0 || open_threads(d)) {
		snprintf(why, why_size, "out of memory or file descriptors");
		goto fail;
	}
	return d;
fail:
	deliver_free(d);
	return NULL;
}

int deliver_start(struct deliver *d)
{
	for (uint32_t i = 0; i < d->n_threads; i++) {
		int error = deliver_thread_start(&d->thread[i]);
		if (error) {
			deliver_stop(d);
			return error;
		}
	}
	return 0;
}

void deliver_stop(struct deliver *d)
{
	if (!d)
		return;
	atomic_store_explicit(&d->stopping, true, memory_order_release);
	for (uint32_t i = 0; i < d->n_threads; i++)
		deliver_thread_join(&d->thread[i]);
}

static void dispose(struct mdf_connection *l)
{
	mdf_connection_spool_wait(l);
	mdf_connection_spool_close(l, true);
	mdf_close(l->mdf);
	stream_free(l->stream);
	free(l);
}

void deliver_free(struct deliver *d)
{
	if (!d)
		return;
	resolver_free(d->resolver); // first: it answers into the threads
	for (uint32_t i = 0; i < d->n_threads; i++)
		deliver_thread_close(&d->thread[i]);
	deliver_sweep_wait(d);
	for (uint32_t i = 0; i < COPY_DESTINATIONS_MAX; i++) {
		if (d->connection[i] && d->connection[i]->twin)
			dispose(d->connection[i]->twin);
		if (d->connection[i])
			dispose(d->connection[i]);
	}
	spooler_free(d->spooler);
	explicit_bzero(d->spool_root, sizeof(d->spool_root));
	mdf_tls_free(d->tls);
	if (d->event_fd >= 0)
		close(d->event_fd);
	pthread_mutex_destroy(&d->spool_lock);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static bool takes(uint8_t delivery, enum copy_kind k)
{
	return delivery & (k == COPY_X2 ? DELIVERY_X2 : DELIVERY_X3);
}

// With a spool a ring has room for a segment that can go there, beside one that is sent in part,
// one that is being filled, and what TCP holds.
static uint64_t least_quota(const struct mdf_connection *l)
{
	bool spool = l->deliver->spooler && l->settings.spool > 0;

	return (spool ? SPOOL_SEGMENTS_MIN : 1) * (uint64_t)SEGMENT_SIZE;
}

// A ring for this worker and kind. The destination's quota is shared evenly by those who write the
// kind; where both are delivered an eighth is kept for X2, so that content never crowds it out.
static struct copy_ring *make_ring(
	struct mdf_connection *l, uint32_t worker, enum copy_kind k, uint8_t delivery)
{
	uint64_t quota = l->settings.buffer;
	uint64_t least = least_quota(l);
	uint32_t writers = 0;

	for (uint32_t w = 0; w < l->deliver->n_workers; w++)
		writers += capture_takes(l->deliver->captures[w], k);
	if (takes(delivery, COPY_X2) && takes(delivery, COPY_X3))
		quota = k == COPY_X2 ? quota / 8 : quota - quota / 8;
	quota /= writers;
	struct copy_ring_settings s = {.quota = quota > least ? quota : least,
		.max_pdu = l->settings.max_pdu,
		.deliver = l->thread->number,
		.minor = l->settings.minor,
		.owner = stream_line(l->stream, worker, k)};
	return copy_ring_new(l->deliver->captures[worker], &s);
}

// Rings that `delivery` needs and the stream does not have, by line; NULL when out of memory.
static struct copy_ring **make_rings(struct mdf_connection *l, uint8_t delivery)
{
	uint32_t n = l->deliver->n_workers;
	struct copy_ring **rings = calloc((size_t)n * COPY_KINDS, sizeof(struct copy_ring *));

	for (uint32_t i = 0; rings && i < n * COPY_KINDS; i++) {
		if (!takes(delivery & l->kinds, i % COPY_KINDS) ||
			!capture_takes(l->deliver->captures[i / COPY_KINDS], i % COPY_KINDS) ||
			stream_ring(stream_line(l->stream, i / COPY_KINDS, i % COPY_KINDS)))
			continue;
		rings[i] = make_ring(l, i / COPY_KINDS, i % COPY_KINDS, delivery);
		if (rings[i])
			continue;
		while (i-- > 0)
			copy_ring_free(rings[i]);
		free(rings);
		return NULL;
	}
	return rings;
}

// Workers push to exactly the kinds in `delivery` from now on.
static void attach(struct mdf_connection *l, uint8_t delivery)
{
	for (uint32_t w = 0; w < l->deliver->n_workers; w++) {
		for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
			struct copy_ring *r = stream_ring(stream_line(l->stream, w, k));
			if (r && takes(delivery, k))
				capture_attach(l->deliver->captures[w], l->index, k, r);
			else if (r)
				capture_detach(l->deliver->captures[w], l->index, k);
		}
	}
}

static struct mdf_connection *mdf_connection_new(
	struct deliver *d, const struct channel_destination *dest)
{
	struct mdf_connection *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->deliver = d;
	l->dest = *dest;
	l->dest.memo = NULL;
	l->dest.memo_length = 0;
	l->settings = deliver_settings_of(&d->config->delivery, dest);
	l->state = DESTINATION_IDLE;
	return l;
}

// A free index, or LIMIT; EXISTS when the destination is here. Under the lock.
static int find_index(struct deliver *d, const struct channel_destination *dest)
{
	int index = POI_ERR_LIMIT;

	for (int i = COPY_DESTINATIONS_MAX - 1; i >= 0; i--) {
		const struct mdf_connection *l = d->connection[i];
		if (!l)
			index = i;
		else if (id_equal(&l->dest.did, &dest->did) && id_equal(&l->dest.ne, &dest->ne) &&
			 !atomic_load_explicit(&l->removing, memory_order_relaxed))
			return POI_ERR_EXISTS;
	}
	return index;
}

// Fills stream and rings. 0 or NOMEM.
static int mdf_connection_fill(struct mdf_connection *l)
{
	struct deliver *d = l->deliver;

	l->thread = &d->thread[l->index % d->n_threads];
	l->stream = stream_new(d->n_workers, &l->thread->book, l);
	struct copy_ring **rings = l->stream ? make_rings(l, l->dest.delivery) : NULL;
	if (!rings)
		return POI_ERR_NOMEM;
	for (uint32_t i = 0; i < d->n_workers * COPY_KINDS; i++)
		stream_attach(l->stream, stream_line(l->stream, i / COPY_KINDS, i % COPY_KINDS),
			rings[i]);
	free(rings);
	return 0;
}

static void mdf_connection_free(struct mdf_connection *l)
{
	if (!l)
		return;
	stream_free(l->stream);
	free(l);
}

// The destination's connections, not yet known to anyone. NULL when out of memory.
static struct mdf_connection *mdf_connections_new(
	struct deliver *d, const struct channel_destination *dest, int at)
{
	struct mdf_connection *l = mdf_connection_new(d, dest), *twin = NULL;

	if (!l)
		return NULL;
	l->index = (uint16_t)at;
	l->kinds = DELIVERY_X2 | DELIVERY_X3;
	if (l->settings.connections == 2) {
		twin = mdf_connection_new(d, dest);
		if (!twin)
			goto fail;
		l->kinds = DELIVERY_X2;
		twin->kinds = DELIVERY_X3;
		twin->index = l->index;
		twin->twin = l;
		l->twin = twin;
	}
	if (mdf_connection_fill(l) || (twin && mdf_connection_fill(twin)))
		goto fail;
	return l;
fail:
	mdf_connection_free(twin);
	mdf_connection_free(l);
	return NULL;
}

static void start(struct mdf_connection *l)
{
	struct command c = {.kind = COMMAND_ADD, .waited = true, .connection = l};

	deliver_thread_send(l->thread, &c);
	attach(l, l->dest.delivery);
}

int deliver_add(struct deliver *d, const struct channel_destination *dest, uint16_t *index)
{
	pthread_mutex_lock(&d->lock);
	int at = find_index(d, dest);
	d->serial += 2;
	uint64_t serial = d->serial;
	pthread_mutex_unlock(&d->lock);
	if (at < 0)
		return at;
	struct mdf_connection *l = mdf_connections_new(d, dest, at);
	if (!l)
		return POI_ERR_NOMEM;
	struct mdf_connection *twin = l->twin;
	l->serial = serial;
	mdf_connection_spool_open(l);
	if (twin) {
		twin->serial = serial + 1;
		mdf_connection_spool_open(twin);
	}
	pthread_mutex_lock(&d->lock);
	d->connection[at] = l;
	pthread_mutex_unlock(&d->lock);
	start(l);
	if (twin)
		start(twin);
	*index = (uint16_t)at;
	return 0;
}

static struct mdf_connection *connection_at(struct deliver *d, uint16_t index)
{
	pthread_mutex_lock(&d->lock);
	struct mdf_connection *l = index < COPY_DESTINATIONS_MAX ? d->connection[index] : NULL;
	if (l && atomic_load_explicit(&l->removing, memory_order_relaxed))
		l = NULL;
	pthread_mutex_unlock(&d->lock);
	return l;
}

static int modify_one(struct mdf_connection *l, const struct channel_destination *dest)
{
	struct command c = {.kind = COMMAND_MODIFY, .waited = true, .connection = l, .dest = *dest};
	c.dest.memo = NULL;
	c.dest.memo_length = 0;
	c.rings = make_rings(l, dest->delivery);
	if (!c.rings)
		return POI_ERR_NOMEM;
	deliver_thread_send(l->thread, &c);
	free(c.rings);
	attach(l, dest->delivery);
	return 0;
}

int deliver_modify(struct deliver *d, uint16_t index, const struct channel_destination *dest)
{
	struct mdf_connection *l = connection_at(d, index);

	if (!l)
		return POI_ERR_NOT_FOUND;
	int error = modify_one(l, dest);
	return error || !l->twin ? error : modify_one(l->twin, dest);
}

static void remove_one(struct mdf_connection *l)
{
	attach(l, 0);
	atomic_store_explicit(&l->removing, true, memory_order_relaxed);
	struct command c = {.kind = COMMAND_REMOVE, .waited = true, .connection = l};
	deliver_thread_send(l->thread, &c);
}

void deliver_remove(struct deliver *d, uint16_t index)
{
	struct mdf_connection *l = connection_at(d, index);

	if (!l)
		return;
	struct mdf_connection *twin =
		l->twin; // before: once commanded, the first may be gone at any time
	if (twin)
		atomic_store_explicit(&twin->removing, true, memory_order_relaxed);
	remove_one(l);
	if (twin)
		remove_one(twin);
}

void deliver_slot_balance(const struct deliver *d, uint32_t slot, struct copy_balance *add)
{
	for (uint32_t i = 0; i < d->n_threads; i++)
		copy_outcomes_read(&d->thread[i].book, slot, add);
}

void deliver_slot_reset(struct deliver *d, uint32_t slot)
{
	for (uint32_t i = 0; i < d->n_threads; i++)
		copy_outcomes_reset(&d->thread[i].book, slot);
}

// The worse of two connections is the destination's state.
static unsigned badness(uint8_t state)
{
	static const uint8_t order[] = {[DESTINATION_IDLE] = 0,
		[DESTINATION_UP] = 1,
		[DESTINATION_DRAINING] = 2,
		[DESTINATION_CONNECTING] = 3,
		[DESTINATION_DOWN] = 4};

	return order[state];
}

static void add_status(const struct mdf_connection *l, struct channel_destination_status *out)
{
	uint8_t state = (uint8_t)atomic_load_explicit(&l->state, memory_order_relaxed);

	if (badness(state) >= badness(out->state)) {
		out->state = state;
		snprintf(out->reason, sizeof(out->reason), "%s", l->reason);
	}
	if (l->down_since_ns && (!out->down_since_ns || l->down_since_ns < out->down_since_ns))
		out->down_since_ns = l->down_since_ns;
	out->connects += l->connects;
	stream_balance(l->stream, &out->copies, &out->queued_octets);
}

int deliver_status(const struct deliver *d, uint16_t index, struct channel_destination_status *out)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&d->lock; // the lock is no part of the value
	int error = POI_ERR_NOT_FOUND;

	pthread_mutex_lock(lock);
	const struct mdf_connection *l =
		index < COPY_DESTINATIONS_MAX ? d->connection[index] : NULL;
	if (l) {
		struct id16 ne = out->ne, did = out->did;
		*out = (struct channel_destination_status){.ne = ne, .did = did};
		add_status(l, out);
		if (l->twin)
			add_status(l->twin, out);
		error = 0;
	}
	pthread_mutex_unlock(lock);
	return error;
}

void deliver_totals(const struct deliver *d, struct copy_balance *out)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&d->lock;
	uint64_t octets = 0;

	pthread_mutex_lock(lock);
	*out = d->past;
	for (uint32_t i = 0; i < COPY_DESTINATIONS_MAX; i++) {
		const struct mdf_connection *l = d->connection[i];
		if (l)
			stream_balance(l->stream, out, &octets);
		if (l && l->twin)
			stream_balance(l->twin->stream, out, &octets);
	}
	pthread_mutex_unlock(lock);
}

uint64_t deliver_recovered(const struct deliver *d)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&d->lock;

	pthread_mutex_lock(lock);
	uint64_t sum = d->past_recovered;
	for (uint32_t i = 0; i < COPY_DESTINATIONS_MAX; i++) {
		const struct mdf_connection *l = d->connection[i];
		if (l)
			sum += stream_spool_recovered(l->stream);
		if (l && l->twin)
			sum += stream_spool_recovered(l->twin->stream);
	}
	pthread_mutex_unlock(lock);
	return sum;
}

int deliver_reload(struct deliver *d, char *why, size_t why_size)
{
	struct mdf_tls *fresh = mdf_tls_new(&d->config->delivery.tls, why, why_size);

	if (!fresh)
		return POI_ERR_TLS;
	pthread_mutex_lock(&d->lock);
	struct mdf_tls *old = d->tls;
	d->tls = fresh;
	atomic_fetch_add_explicit(&d->credentials, 1, memory_order_relaxed);
	pthread_mutex_unlock(&d->lock);
	mdf_tls_free(old); // connections hold their own reference to what they use
	return 0;
}
