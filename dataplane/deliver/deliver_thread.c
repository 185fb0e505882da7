// A delivery thread as the builder and the resolver see it: commands to it wait in its queue.

#include "dataplane/deliver/deliver_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/now.h"

int deliver_thread_open(struct deliver *d, uint32_t number)
{
	struct deliver_thread *t = &d->thread[number];

	t->deliver = d;
	t->number = number;
	t->cpu = -1;
	t->random = now_wall_ns() | 1;
	LIST_INIT(&t->connections);
	LIST_INIT(&t->busy);
	TAILQ_INIT(&t->due);
	STAILQ_INIT(&t->commands);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->taken, NULL);
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event e = {.events = EPOLLIN};
	if (t->epoll < 0 || t->wake < 0 || epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->wake, &e) != 0)
		return POI_ERR_IO;
	return 0;
}

void deliver_thread_close(struct deliver_thread *t)
{
	if (!t->deliver)
		return;
	while (!STAILQ_EMPTY(&t->commands)) {
		struct command *order = STAILQ_FIRST(&t->commands);
		STAILQ_REMOVE_HEAD(&t->commands, next);
		free(order); // answers of the resolver, which no thread waits for
	}
	if (t->epoll >= 0)
		close(t->epoll);
	if (t->wake >= 0)
		close(t->wake);
	copy_outcomes_clear(&t->book);
	pthread_cond_destroy(&t->taken);
	pthread_mutex_destroy(&t->lock);
}

static void apply_rings(struct mdf_connection *c, struct copy_ring **rings)
{
	for (uint32_t i = 0; i < c->deliver->n_workers * COPY_KINDS; i++)
		if (rings[i])
			stream_attach(c->stream,
				stream_line(c->stream, i / COPY_KINDS, i % COPY_KINDS), rings[i]);
}

static struct mdf_connection *connection_of(const struct deliver_thread *t, uint64_t serial)
{
	struct mdf_connection *c;

	LIST_FOREACH (c, &t->connections, next)
		if (c->serial == serial)
			return c;
	return NULL;
}

static void apply(struct deliver_thread *t, struct command *order)
{
	struct mdf_connection *c = order->connection;

	switch (order->kind) {
	case COMMAND_ADD:
		LIST_INSERT_HEAD(&t->connections, c, next);
		break;
	case COMMAND_MODIFY:
		pthread_mutex_lock(&c->deliver->lock); // readers walk the rings
		apply_rings(c, order->rings);
		pthread_mutex_unlock(&c->deliver->lock);
		if (c->dest.creation != order->dest.creation)
			mdf_connection_begin_anew(c, order->dest.creation);
		mdf_connection_modified(c, &order->dest);
		c->look_at = 0;
		break;
	case COMMAND_REMOVE:
		c->remove_until =
			now_monotonic_ns() + c->deliver->config->delivery.drain * NS_PER_S;
		mdf_connection_ended(c, &c->removed);
		c->look_at = 0;
		break;
	case COMMAND_RESOLVED:
		c = connection_of(t, mdf_connection_of_token(order->answer.token));
		if (!c)
			break;
		c->look_at = 0;
		mdf_connection_resolved(c, &order->answer, now_monotonic_ns());
		break;
	}
}

void deliver_thread_wake(struct deliver_thread *t)
{
	uint64_t one = 1;

	(void)!write(t->wake, &one, sizeof(one));
}

static void enqueue(struct deliver_thread *t, struct command *order)
{
	STAILQ_INSERT_TAIL(&t->commands, order, next);
	atomic_store_explicit(&t->pending, true, memory_order_release);
}

void deliver_thread_send(struct deliver_thread *t, struct command *order)
{
	pthread_mutex_lock(&t->lock);
	if (!t->running) {
		pthread_mutex_unlock(&t->lock);
		apply(t, order);
		if (!order->waited)
			free(order);
		return;
	}
	enqueue(t, order);
	deliver_thread_wake(t);
	while (order->waited && !order->done)
		pthread_cond_wait(&t->taken, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

void deliver_thread_resolved(struct deliver *d, const struct resolve_answer *a)
{
	// The token does not name the thread: the one that has the connection takes it.
	for (uint32_t i = 0; i < d->n_threads; i++) {
		struct command *order = calloc(1, sizeof(*order));
		if (!order)
			continue;
		order->kind = COMMAND_RESOLVED;
		order->answer = *a;
		struct deliver_thread *t = &d->thread[i];
		pthread_mutex_lock(&t->lock);
		enqueue(t, order);
		pthread_mutex_unlock(&t->lock);
		deliver_thread_wake(t);
	}
}

void deliver_thread_work(struct deliver_thread *t)
{
	if (!atomic_load_explicit(&t->pending, memory_order_acquire))
		return;
	pthread_mutex_lock(&t->lock);
	atomic_store_explicit(&t->pending, false, memory_order_relaxed);
	while (!STAILQ_EMPTY(&t->commands)) {
		struct command *order = STAILQ_FIRST(&t->commands);
		STAILQ_REMOVE_HEAD(&t->commands, next);
		pthread_mutex_unlock(&t->lock);
		apply(t, order);
		pthread_mutex_lock(&t->lock);
		if (order->waited)
			order->done = true;
		else
			free(order);
	}
	pthread_cond_broadcast(&t->taken);
	pthread_mutex_unlock(&t->lock);
}
