// A delivery thread as the builder and the resolver see it: commands to it wait in its queue.

#include "dataplane/deliver/deliver_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/now.h"

#define REMOVE_NS (5 * NS_PER_S)

int deliver_thread_open(struct deliver *d, uint32_t number)
{
	struct deliver_thread *t = &d->thread[number];

	t->deliver = d;
	t->number = number;
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
		struct command *c = STAILQ_FIRST(&t->commands);
		STAILQ_REMOVE_HEAD(&t->commands, next);
		free(c); // answers of the resolver: nobody waits for a thread that has ended
	}
	if (t->epoll >= 0)
		close(t->epoll);
	if (t->wake >= 0)
		close(t->wake);
	copy_outcomes_clear(&t->book);
	pthread_cond_destroy(&t->taken);
	pthread_mutex_destroy(&t->lock);
}

static void apply_rings(struct mdf_connection *l, struct copy_ring **rings)
{
	for (uint32_t i = 0; i < l->deliver->n_workers * COPY_KINDS; i++)
		if (rings[i])
			stream_attach(l->stream,
				stream_line(l->stream, i / COPY_KINDS, i % COPY_KINDS), rings[i]);
}

static struct mdf_connection *connection_of(const struct deliver_thread *t, uint64_t serial)
{
	struct mdf_connection *l;

	LIST_FOREACH(l, &t->connections, next)
	if (l->serial == serial)
		return l;
	return NULL;
}

static void apply(struct deliver_thread *t, struct command *c)
{
	struct mdf_connection *l = c->connection;

	switch (c->kind) {
	case COMMAND_ADD:
		LIST_INSERT_HEAD(&t->connections, l, next);
		break;
	case COMMAND_MODIFY:
		pthread_mutex_lock(&l->deliver->lock); // readers walk the rings
		apply_rings(l, c->rings);
		pthread_mutex_unlock(&l->deliver->lock);
		mdf_connection_modified(l, &c->dest);
		break;
	case COMMAND_REMOVE:
		l->remove_until = now_monotonic_ns() + REMOVE_NS;
		break;
	case COMMAND_RESOLVED:
		l = connection_of(t, mdf_connection_of_token(c->answer.token));
		if (l)
			mdf_connection_resolved(l, &c->answer, now_monotonic_ns());
		break;
	}
}

void deliver_thread_wake(struct deliver_thread *t)
{
	uint64_t one = 1;

	(void)!write(t->wake, &one, sizeof(one));
}

static void enqueue(struct deliver_thread *t, struct command *c)
{
	STAILQ_INSERT_TAIL(&t->commands, c, next);
	atomic_store_explicit(&t->pending, true, memory_order_release);
}

void deliver_thread_send(struct deliver_thread *t, struct command *c)
{
	pthread_mutex_lock(&t->lock);
	if (!t->running) {
		pthread_mutex_unlock(&t->lock);
		apply(t, c);
		if (!c->waited)
			free(c);
		return;
	}
	enqueue(t, c);
	deliver_thread_wake(t);
	while (c->waited && !c->done)
		pthread_cond_wait(&t->taken, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

void deliver_thread_resolved(struct deliver *d, const struct resolve_answer *a)
{
	// The token does not name the thread: the one that has the connection takes it.
	for (uint32_t i = 0; i < d->n_threads; i++) {
		struct command *c = calloc(1, sizeof(*c));
		if (!c)
			continue;
		c->kind = COMMAND_RESOLVED;
		c->answer = *a;
		struct deliver_thread *t = &d->thread[i];
		pthread_mutex_lock(&t->lock);
		enqueue(t, c);
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
		struct command *c = STAILQ_FIRST(&t->commands);
		STAILQ_REMOVE_HEAD(&t->commands, next);
		pthread_mutex_unlock(&t->lock);
		apply(t, c);
		pthread_mutex_lock(&t->lock);
		if (c->waited)
			c->done = true;
		else
			free(c);
	}
	pthread_cond_broadcast(&t->taken);
	pthread_mutex_unlock(&t->lock);
}
