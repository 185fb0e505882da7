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
	for (uint32_t w = 0; w < n_workers; w++)
		d->n_content += capture_takes(captures[w], COPY_X3);
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

void deliver_place(struct deliver *d, uint32_t thread, uint16_t cpu)
{
	d->thread[thread].cpu = cpu;
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
		struct mdf_connection *c = d->connection[i], *next;
		struct mdf_destination *m = c ? c->destination : NULL;
		for (; c; c = next) {
			next = c->sibling;
			dispose(c);
		}
		free(m); // their spools share its room
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
	c->settings = deliver_settings_of(&d->config->delivery, &dest->did, &dest->address);
	mdf_connection_begin_ends(c, dest);
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

// The destination's connections, of which this is the first, without what they were given.
static void give_up(struct mdf_connection *c)
{
	struct mdf_connection *next;

	deliver_kept_free(c);
	free(c->destination);
	for (; c; c = next) {
		next = c->sibling;
		stream_free(c->stream);
		free(c);
	}
}

// Returns the number of connections: as configured, or as many as inherited rings belong to, and at
// least one for each spool file of a larger number.
static uint32_t count(struct mdf_connection *first)
{
	struct mdf_destination *m = first->destination;
	uint32_t left = deliver_spools_left(first->deliver, &first->dest);

	m->n = first->settings.connections;
	if (first->kept && first->kept->connections > 0)
		m->n = first->kept->connections;
	if (first->kept)
		first->kept->connections = m->n;
	return left > m->n ? left : m->n;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

// Makes the connection whole but for its rings. 0 or NOMEM.
static int equip(struct mdf_connection *c, struct mdf_connection *first, uint32_t number)
{
	const struct deliver *d = c->deliver;

	c->index = first->index;
	c->kept = first->kept;
	c->destination = first->destination;
	c->number = (uint16_t)number;
	c->thread = &c->deliver->thread[(c->index + number) % d->n_threads];
	deliver_rings_divide(c);
	c->stream = stream_new(d->n_workers, &c->thread->book, c);
	if (!c->stream)
		return POI_ERR_NOMEM;
	stream_times(c->stream, c->thread->times);
	stream_share(c->stream, lesser(c->destination->n, d->n_content));
	if (c->kept)
		deliver_count_in(c);
	return 0;
}

static int fill(struct mdf_connection *first)
{
	struct copy_ring **rings[CONFIG_CONNECTIONS_MAX];
	uint32_t n = first->deliver->n_workers * COPY_KINDS;

	if (deliver_rings_make(first->destination, first->dest.delivery, rings))
		return POI_ERR_NOMEM;
	for (struct mdf_connection *c = first; c; c = c->sibling) {
		for (uint32_t i = 0; i < n; i++)
			stream_attach(c->stream,
				stream_line(c->stream, i / COPY_KINDS, i % COPY_KINDS),
				rings[c->number][i]);
		free(rings[c->number]);
	}
	return 0;
}

// Creates the destination's connections, not yet visible to other threads, and returns the first.
// NULL when out of memory.
static struct mdf_connection *mdf_connections_new(
	struct deliver *d, const struct channel_destination *dest, int at)
{
	struct mdf_connection *first = mdf_connection_new(d, dest), *last = first;

	if (!first)
		return NULL;
	first->index = (uint16_t)at;
	first->kept = deliver_keep(d, dest);
	first->destination = calloc(1, sizeof(*first->destination));
	if (!first->destination)
		goto fail;
	first->destination->first = first;
	uint32_t n = count(first);
	first->destination->made = first->destination->alive = n;
	for (uint32_t i = 0; i < n; i++) {
		struct mdf_connection *c = i > 0 ? mdf_connection_new(d, dest) : first;
		if (!c)
			goto fail;
		if (i > 0)
			last->sibling = c;
		last = c;
		if (equip(c, first, i))
			goto fail;
	}
	if (fill(first))
		goto fail;
	deliver_keep_rest(first, true);
	return first;
fail:
	give_up(first);
	return NULL;
}

static void start(struct mdf_connection *c)
{
	struct command order = {.kind = COMMAND_ADD, .waited = true, .connection = c};

	deliver_thread_send(c->thread, &order);
	deliver_rings_attach(c, c->dest.delivery);
}

int deliver_add(struct deliver *d, const struct channel_destination *dest, uint16_t *index)
{
	pthread_mutex_lock(&d->lock);
	int at = find_index(d, dest);
	uint64_t serial = d->serial + 1;
	d->serial += CONFIG_CONNECTIONS_MAX;
	pthread_mutex_unlock(&d->lock);
	if (at < 0)
		return at;
	struct mdf_connection *first = mdf_connections_new(d, dest, at);
	if (!first)
		return POI_ERR_NOMEM;
	pthread_mutex_lock(&d->spool_lock); // no sweep finds a file of one that is not known yet
	for (struct mdf_connection *c = first; c; c = c->sibling) {
		c->serial = serial++;
		mdf_connection_spool_open(c);
	}
	pthread_mutex_lock(&d->lock);
	d->connection[at] = first;
	pthread_mutex_unlock(&d->lock);
	pthread_mutex_unlock(&d->spool_lock);
	for (struct mdf_connection *c = first; c; c = c->sibling)
		start(c);
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

static void modify_one(
	struct mdf_connection *c, const struct channel_destination *dest, struct copy_ring **rings)
{
	struct command order = {.kind = COMMAND_MODIFY,
		.waited = true,
		.connection = c,
		.dest = *dest,
		.rings = rings};

	order.dest.memo = NULL;
	order.dest.memo_length = 0;
	deliver_thread_send(c->thread, &order);
	free(rings);
}

int deliver_modify(struct deliver *d, uint16_t index, const struct channel_destination *dest)
{
	struct mdf_connection *first = connection_at(d, index);
	struct copy_ring **rings[CONFIG_CONNECTIONS_MAX];

	if (!first)
		return POI_ERR_NOT_FOUND;
	deliver_keep_rest(first, false);
	int error = deliver_rings_make(first->destination, dest->delivery, rings);
	deliver_keep_rest(first, true);
	if (error)
		return error;
	deliver_keep_modified(first, dest);
	for (struct mdf_connection *c = first; c; c = c->sibling) {
		modify_one(c, dest, rings[c->number]);
		deliver_rings_attach(c, dest->delivery);
	}
	return 0;
}

// Once commanded, a connection may be gone at any time.
void deliver_remove(struct deliver *d, uint16_t index)
{
	struct mdf_connection *c = connection_at(d, index), *all[CONFIG_CONNECTIONS_MAX];
	uint32_t n = 0;

	if (!c)
		return;
	if (c->kept)
		atomic_store_explicit(&c->kept->state, BOX_LEAVING, memory_order_release);
	for (; c; c = c->sibling) {
		all[n++] = c;
		deliver_rings_attach(c, 0);
		atomic_store_explicit(&c->removing, true, memory_order_relaxed);
	}
	for (uint32_t i = 0; i < n; i++) {
		struct command order = {
			.kind = COMMAND_REMOVE, .waited = true, .connection = all[i]};
		deliver_thread_send(all[i]->thread, &order);
	}
}

void deliver_stopped(
	struct deliver *d, void (*report)(void *context, struct channel_event *e), void *context)
{
	for (uint32_t i = 0; i < COPY_DESTINATIONS_MAX; i++) {
		const struct mdf_connection *c = d->connection[i];
		struct copy_balance ended = {0};
		if (!c)
			continue;
		for (const struct mdf_connection *one = c; one; one = one->sibling)
			mdf_connection_ended(one, &ended);
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
