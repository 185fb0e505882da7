// The builder's side of delivery: destinations come, change and go.

#include "dataplane/deliver/deliver_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/now.h"

static_assert(CONFIG_DELIVERY_THREADS_MAX <= CAPTURE_DELIVER_MAX);

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
	d->tls = mdf_tls_new(&config->delivery, why, why_size);
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

static void dispose(struct mdf_connection *c)
{
	mdf_connection_spool_wait(c);
	mdf_connection_spool_close(c, true);
	mdf_connection_drop(c);
	stream_free(c->stream);
	free(c);
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
	copy_outcomes_clear(&d->inherited);
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
static uint64_t least_quota(const struct mdf_connection *c)
{
	bool spool = c->deliver->spooler && c->settings.spool > 0;

	return (spool ? SPOOL_SEGMENTS_MIN : 1) * (uint64_t)SEGMENT_SIZE;
}

// What the rings of a kind may hold together, whichever worker fills them; where both kinds are
// delivered an eighth is kept for X2, so that content never crowds it out. The first ring of the
// kind begins it anew.
static void begin_quota(struct mdf_connection *c, enum copy_kind k, uint8_t delivery)
{
	uint64_t quota = c->settings.buffer, least = 0;

	for (uint32_t w = 0; w < c->deliver->n_workers; w++)
		least += capture_takes(c->deliver->captures[w], k) ? least_quota(c) : 0;
	if (takes(delivery, COPY_X2) && takes(delivery, COPY_X3))
		quota = k == COPY_X2 ? quota / 8 : quota - quota / 8;
	c->quota[k] = (struct copy_quota){.octets = quota > least ? quota : least};
}

static struct copy_ring *make_ring(struct mdf_connection *c, uint32_t worker, enum copy_kind k)
{
	struct copy_ring_settings s = {.quota = c->quota[k].octets,
		.shared = &c->quota[k],
		.max_pdu = c->settings.max_pdu,
		.deliver = c->thread->number,
		.minor = c->settings.minor,
		.owner = stream_line(c->stream, worker, k),
		.kept = deliver_kept_number(c),
		.kind = k};
	return copy_ring_new(c->deliver->captures[worker], &s);
}

static bool has_rings(struct mdf_connection *c, enum copy_kind k)
{
	for (uint32_t w = 0; w < c->deliver->n_workers; w++)
		if (stream_ring(stream_line(c->stream, w, k)))
			return true;
	return false;
}

// Rings that `delivery` needs and the stream does not have, by line; NULL when out of memory.
static struct copy_ring **make_rings(struct mdf_connection *c, uint8_t delivery)
{
	uint32_t n = c->deliver->n_workers;
	struct copy_ring **rings = calloc((size_t)n * COPY_KINDS, sizeof(struct copy_ring *));

	for (enum copy_kind k = 0; k < COPY_KINDS; k++)
		if (!has_rings(c, k))
			begin_quota(c, k, delivery);
	for (uint32_t i = 0; rings && i < n * COPY_KINDS; i++) {
		if (!takes(delivery & c->kinds, i % COPY_KINDS) ||
			!capture_takes(c->deliver->captures[i / COPY_KINDS], i % COPY_KINDS) ||
			stream_ring(stream_line(c->stream, i / COPY_KINDS, i % COPY_KINDS)))
			continue;
		rings[i] = make_ring(c, i / COPY_KINDS, i % COPY_KINDS);
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
static void attach(struct mdf_connection *c, uint8_t delivery)
{
	for (uint32_t w = 0; w < c->deliver->n_workers; w++) {
		for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
			struct copy_ring *r = stream_ring(stream_line(c->stream, w, k));
			if (r && takes(delivery, k))
				capture_attach(c->deliver->captures[w], c->index, k, r);
			else if (r)
				capture_detach(c->deliver->captures[w], c->index, k);
		}
	}
}

static struct mdf_connection *mdf_connection_new(
	struct deliver *d, const struct channel_destination *dest)
{
	struct mdf_connection *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->deliver = d;
	c->dest = *dest;
	c->dest.memo = NULL;
	c->dest.memo_length = 0;
	c->settings = deliver_settings_of(&d->config->delivery, dest);
	c->state = DESTINATION_IDLE;
	return c;
}

// A free index, or LIMIT; EXISTS when the destination is here. Under the lock.
static int find_index(struct deliver *d, const struct channel_destination *dest)
{
	int index = POI_ERR_LIMIT;

	for (int i = COPY_DESTINATIONS_MAX - 1; i >= 0; i--) {
		const struct mdf_connection *c = d->connection[i];
		if (!c)
			index = i;
		else if (id_equal(&c->dest.did, &dest->did) && id_equal(&c->dest.ne, &dest->ne) &&
			 !atomic_load_explicit(&c->removing, memory_order_relaxed))
			return POI_ERR_EXISTS;
	}
	return index;
}

// Fills stream and rings. 0 or NOMEM.
static int mdf_connection_fill(struct mdf_connection *c)
{
	struct deliver *d = c->deliver;

	c->thread = &d->thread[c->index % d->n_threads];
	c->stream = stream_new(d->n_workers, &c->thread->book, c);
	if (c->stream && c->kept)
		deliver_count_in(c);
	struct copy_ring **rings = c->stream ? make_rings(c, c->dest.delivery) : NULL;
	if (!rings)
		return POI_ERR_NOMEM;
	for (uint32_t i = 0; i < d->n_workers * COPY_KINDS; i++)
		stream_attach(c->stream, stream_line(c->stream, i / COPY_KINDS, i % COPY_KINDS),
			rings[i]);
	free(rings);
	return 0;
}

static void mdf_connection_free(struct mdf_connection *c)
{
	if (!c)
		return;
	stream_free(c->stream);
	free(c);
}

// The destination's connections, not yet known to anyone. NULL when out of memory.
static struct mdf_connection *mdf_connections_new(
	struct deliver *d, const struct channel_destination *dest, int at)
{
	struct mdf_connection *c = mdf_connection_new(d, dest), *twin = NULL;

	if (!c)
		return NULL;
	c->index = (uint16_t)at;
	c->kept = deliver_keep(d, dest);
	c->kinds = DELIVERY_X2 | DELIVERY_X3;
	if (c->settings.connections == 2) {
		twin = mdf_connection_new(d, dest);
		if (!twin)
			goto fail;
		c->kinds = DELIVERY_X2;
		twin->kinds = DELIVERY_X3;
		twin->index = c->index;
		twin->kept = c->kept;
		twin->twin = c;
		c->twin = twin;
	}
	if (mdf_connection_fill(c) || (twin && mdf_connection_fill(twin)))
		goto fail;
	deliver_keep_rest(c, true);
	return c;
fail:
	mdf_connection_free(twin);
	c->twin = NULL;
	deliver_kept_free(c);
	mdf_connection_free(c);
	return NULL;
}

static void start(struct mdf_connection *c)
{
	struct command order = {.kind = COMMAND_ADD, .waited = true, .connection = c};

	deliver_thread_send(c->thread, &order);
	attach(c, c->dest.delivery);
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
	struct mdf_connection *c = mdf_connections_new(d, dest, at);
	if (!c)
		return POI_ERR_NOMEM;
	struct mdf_connection *twin = c->twin;
	c->serial = serial;
	pthread_mutex_lock(&d->spool_lock); // no sweep finds a file of one that is not known yet
	mdf_connection_spool_open(c);
	if (twin) {
		twin->serial = serial + 1;
		mdf_connection_spool_open(twin);
	}
	pthread_mutex_lock(&d->lock);
	d->connection[at] = c;
	pthread_mutex_unlock(&d->lock);
	pthread_mutex_unlock(&d->spool_lock);
	start(c);
	if (twin)
		start(twin);
	*index = (uint16_t)at;
	return 0;
}

static struct mdf_connection *connection_at(struct deliver *d, uint16_t index)
{
	pthread_mutex_lock(&d->lock);
	struct mdf_connection *c = index < COPY_DESTINATIONS_MAX ? d->connection[index] : NULL;
	if (c && atomic_load_explicit(&c->removing, memory_order_relaxed))
		c = NULL;
	pthread_mutex_unlock(&d->lock);
	return c;
}

static int modify_one(struct mdf_connection *c, const struct channel_destination *dest)
{
	struct command order = {
		.kind = COMMAND_MODIFY, .waited = true, .connection = c, .dest = *dest};
	order.dest.memo = NULL;
	order.dest.memo_length = 0;
	deliver_keep_rest(c, false);
	order.rings = make_rings(c, dest->delivery);
	deliver_keep_rest(c, true);
	if (!order.rings)
		return POI_ERR_NOMEM;
	deliver_keep_modified(c, dest);
	deliver_thread_send(c->thread, &order);
	free(order.rings);
	attach(c, dest->delivery);
	return 0;
}

int deliver_modify(struct deliver *d, uint16_t index, const struct channel_destination *dest)
{
	struct mdf_connection *c = connection_at(d, index);

	if (!c)
		return POI_ERR_NOT_FOUND;
	int error = modify_one(c, dest);
	return error || !c->twin ? error : modify_one(c->twin, dest);
}

static void remove_one(struct mdf_connection *c)
{
	attach(c, 0);
	if (c->kept)
		atomic_store_explicit(&c->kept->state, BOX_LEAVING, memory_order_release);
	atomic_store_explicit(&c->removing, true, memory_order_relaxed);
	struct command order = {.kind = COMMAND_REMOVE, .waited = true, .connection = c};
	deliver_thread_send(c->thread, &order);
}

void deliver_remove(struct deliver *d, uint16_t index)
{
	struct mdf_connection *c = connection_at(d, index);

	if (!c)
		return;
	struct mdf_connection *twin =
		c->twin; // before: once commanded, the first may be gone at any time
	if (twin)
		atomic_store_explicit(&twin->removing, true, memory_order_relaxed);
	remove_one(c);
	if (twin)
		remove_one(twin);
}

void deliver_stopped(
	struct deliver *d, void (*report)(void *context, struct channel_event *e), void *context)
{
	for (uint32_t i = 0; i < COPY_DESTINATIONS_MAX; i++) {
		const struct mdf_connection *c = d->connection[i];
		struct copy_balance ended = {0};
		if (!c)
			continue;
		mdf_connection_ended(c, &ended);
		if (c->twin)
			mdf_connection_ended(c->twin, &ended);
		struct channel_event e = {.kind = EVENT_DISCARDED,
			.ne = c->dest.ne,
			.id = c->dest.did,
			.loss = LOSS_STOPPED,
			.copies = ended.lost[LOSS_STOPPED]};
		if (atomic_load_explicit(&c->removing, memory_order_relaxed))
			snprintf(e.subject, sizeof(e.subject), "removed");
		snprintf(e.text, sizeof(e.text),
			"%llu PDUs lost: queued when poi-dataplane stopped",
			(unsigned long long)e.copies);
		if (e.copies > 0)
			report(context, &e);
	}
}

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

static void add_status(const struct mdf_connection *c, struct channel_destination_status *out)
{
	uint8_t state = (uint8_t)atomic_load_explicit(&c->state, memory_order_relaxed);

	if (badness(state) >= badness(out->state)) {
		out->state = state;
		snprintf(out->reason, sizeof(out->reason), "%s", c->reason);
	}
	if (c->down_since_ns && (!out->down_since_ns || c->down_since_ns < out->down_since_ns))
		out->down_since_ns = c->down_since_ns;
	out->connects += c->connects;
	out->odd_acks += c->odd_acks;
	out->settle = (uint8_t)c->settings.settle;
	stream_balance(c->stream, &out->copies, &out->queued_octets);
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
		add_status(c, out);
		if (c->twin)
			add_status(c->twin, out);
		error = 0;
	}
	pthread_mutex_unlock(lock);
	return error;
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
		if (c)
			stream_balance(c->stream, out, &octets);
		if (c && c->twin)
			stream_balance(c->twin->stream, out, &octets);
	}
	pthread_mutex_unlock(lock);
}

uint64_t deliver_found(const struct deliver *d)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&d->lock;

	pthread_mutex_lock(lock);
	uint64_t sum = d->past_found;
	for (uint32_t i = 0; i < COPY_DESTINATIONS_MAX; i++) {
		const struct mdf_connection *c = d->connection[i];
		if (c)
			sum += stream_spool_found(c->stream);
		if (c && c->twin)
			sum += stream_spool_found(c->twin->stream);
	}
	pthread_mutex_unlock(lock);
	return sum;
}

int deliver_reload(struct deliver *d, char *why, size_t why_size)
{
	struct mdf_tls *fresh = mdf_tls_new(&d->config->delivery, why, why_size);

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
