#include "dataplane/resolve.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/error.h"
#include "shared/sandbox.h"

struct question {
	struct question *next;
	uint64_t token;
	char host[RESOLVE_NAME_MAX];
};

struct resolver {
	pthread_mutex_t lock; // all below, and held while answering
	pthread_cond_t asked;
	struct question *first, **last;
	bool stop; // the thread frees everything when it sees this
	void (*answer)(void *context, const struct resolve_answer *a);
	void *context;
};

static void take_addresses(const struct addrinfo *list, struct resolve_answer *a)
{
	for (const struct addrinfo *i = list; i && a->n < RESOLVE_ADDRESSES_MAX; i = i->ai_next) {
		struct ip_address *to = &a->address[a->n];
		*to = (struct ip_address){0};
		if (i->ai_family == AF_INET) {
			to->family = 4;
			memcpy(to->b, &((const struct sockaddr_in *)i->ai_addr)->sin_addr, 4);
		} else if (i->ai_family == AF_INET6) {
			to->family = 6;
			memcpy(to->b, &((const struct sockaddr_in6 *)i->ai_addr)->sin6_addr, 16);
		} else {
			continue;
		}
		a->n++;
	}
}

static struct resolve_answer resolve(const struct question *q)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *list = NULL;
	struct resolve_answer a = {.token = q->token, .reason = "host name has no address"};
	int error = getaddrinfo(q->host, NULL, &hints, &list);

	if (error)
		a.reason = gai_strerror(error);
	else
		take_addresses(list, &a);
	if (list)
		freeaddrinfo(list);
	return a;
}

static void discard(struct resolver *r)
{
	while (r->first) {
		struct question *q = r->first;
		r->first = q->next;
		free(q);
	}
	pthread_cond_destroy(&r->asked);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void *run(void *context)
{
	struct resolver *r = context;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		struct question *q = r->first;
		if (!q) {
			pthread_cond_wait(&r->asked, &r->lock);
			continue;
		}
		r->first = q->next;
		if (!r->first)
			r->last = &r->first;
		pthread_mutex_unlock(&r->lock);
		struct resolve_answer a = resolve(q);
		free(q);
		pthread_mutex_lock(&r->lock);
		if (!r->stop)
			r->answer(r->context, &a);
	}
	pthread_mutex_unlock(&r->lock);
	discard(r);
	return NULL;
}

struct resolver *resolver_new(
	void (*answer)(void *context, const struct resolve_answer *a), void *context)
{
	struct resolver *r = calloc(1, sizeof(*r));
	pthread_t thread;
	sigset_t all, old;

	if (!r)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->asked, NULL);
	r->last = &r->first;
	r->answer = answer;
	r->context = context;
	sigfillset(&all);
	sigdelset(&all, sandbox_signal());
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int error = pthread_create(&thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error) {
		discard(r);
		return NULL;
	}
	pthread_detach(thread);
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->asked);
	pthread_mutex_unlock(&r->lock);
}

int resolver_ask(struct resolver *r, const char *host, uint64_t token)
{
	struct question *q = calloc(1, sizeof(*q));

	if (!q)
		return POI_ERR_NOMEM;
	q->token = token;
	snprintf(q->host, sizeof(q->host), "%s", host);
	pthread_mutex_lock(&r->lock);
	*r->last = q;
	r->last = &q->next;
	pthread_cond_signal(&r->asked);
	pthread_mutex_unlock(&r->lock);
	return 0;
}
