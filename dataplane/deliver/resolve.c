// Resolves host names on a thread of its own.

#include "dataplane/deliver/resolve.h"

#include <ares.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <sys/queue.h>

#include "shared/error.h"
#include "shared/now.h"
#include "shared/sandbox.h"

#define QUESTION_MS 4000u // then it has failed, whatever the name servers still do
#define SERVER_MS 1000	  // for one name server; twice as long each next time
// c-ares 1.32 and later replaces SERVER_MS by five times the latency it measured, at least 250 ms,
// and shortens each next time by up to a half: five tries then take at least QUESTION_MS.
#define TRIES 5
// A batch takes questions for so long, and each within it ends within QUESTION_MS: so this many
// batches are enough.
#define BATCH_MS 2000u
#define BATCHES_MAX 4u
// Sockets of a batch: TCP, and for each of three name servers one UDP socket for each 250 ms of a
// question's time, since c-ares 1.34.7 leaves a socket at a time-out.
#define SOCKETS_MAX 64u

struct question {
	STAILQ_ENTRY(question) next;
	struct resolver *resolver;
	uint64_t token;
	uint64_t until; // ms
	bool answered;
	bool over; // c-ares has let go of it
	char host[RESOLVE_NAME_MAX];
};

STAILQ_HEAD(questions, question);

// Questions that share a channel of c-ares. It has read the system's configuration when it was
// made, and is not used for long, so that a new configuration is followed.
struct batch {
	ares_channel channel;
	struct questions questions;
	uint64_t opened;    // ms
	uint32_t n_sockets; // that c-ares waits for
	struct pollfd socket[SOCKETS_MAX];
};

struct resolver {
	struct resolver_settings settings;
	pthread_t thread;
	int wake; // eventfd

	pthread_mutex_t lock; // below
	struct questions questions;
	bool stop;

	// The thread's own.
	uint32_t n_batches;
	struct batch *batches[BATCHES_MAX]; // the last one takes questions
};

// --- answers ---

static void take_address(const struct ares_addrinfo_node *i, struct resolve_answer *a)
{
	struct ip_address *to = &a->address[a->n];

	*to = (struct ip_address){0};
	if (i->ai_family == AF_INET) {
		to->family = 4;
		memcpy(to->b, &((const struct sockaddr_in *)i->ai_addr)->sin_addr, 4);
	} else if (i->ai_family == AF_INET6) {
		to->family = 6;
		memcpy(to->b, &((const struct sockaddr_in6 *)i->ai_addr)->sin6_addr, 16);
	} else {
		return;
	}
	a->n++;
}

// A time with its highest bit set means 0 (RFC 2181 clause 8). c-ares returns it as a negative
// number, and since 1.34.9 as INT_MAX.
static void take_ttl(int ttl, struct resolve_answer *a)
{
	uint32_t seconds = ttl > 0 && ttl < INT_MAX ? (uint32_t)ttl : 0;

	a->ttl = seconds < a->ttl ? seconds : a->ttl;
	a->ttl = a->ttl > RESOLVE_TTL_MIN ? a->ttl : RESOLVE_TTL_MIN;
}

static void take_all(const struct ares_addrinfo *info, struct resolve_answer *a)
{
	for (const struct ares_addrinfo_node *i = info->nodes; i; i = i->ai_next) {
		if (a->n < RESOLVE_ADDRESSES_MAX)
			take_address(i, a);
		take_ttl(i->ai_ttl, a);
	}
	for (const struct ares_addrinfo_cname *c = info->cnames; c; c = c->next)
		take_ttl(c->ttl, a);
}

static void answer(struct question *q, const struct resolve_answer *a)
{
	q->answered = true;
	q->resolver->settings.answer(q->resolver->settings.context, a);
}

// c-ares calls this once for each question, at the latest when its channel is destroyed.
static void done(void *context, int status, int timeouts, struct ares_addrinfo *info)
{
	struct question *q = context;
	struct resolve_answer a = {
		.token = q->token, .ttl = RESOLVE_TTL_MAX, .reason = "host name has no address"};

	(void)timeouts;
	q->over = true;
	if (status == ARES_SUCCESS && info)
		take_all(info, &a);
	else
		a.reason = ares_strerror(status);
	if (info)
		ares_freeaddrinfo(info);
	if (!q->answered && status != ARES_EDESTRUCTION)
		answer(q, &a);
}

static void fail(struct question *q, const char *reason)
{
	struct resolve_answer a = {.token = q->token, .reason = reason};

	answer(q, &a);
}

// --- batches ---

static struct question *first_of(struct questions *from)
{
	struct question *q = STAILQ_FIRST(from);

	if (q)
		STAILQ_REMOVE_HEAD(from, next);
	return q;
}

static void free_questions(struct questions *all)
{
	struct question *q;

	while ((q = first_of(all)))
		free(q);
}

// c-ares says which of its sockets it waits for now, and for what. One beyond the bound is not
// waited for: its questions fail by their time.
static void watch_socket(void *context, ares_socket_t fd, int readable, int writable)
{
	struct batch *r = context;
	short events = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
	uint32_t i = 0;

	while (i < r->n_sockets && r->socket[i].fd != fd)
		i++;
	if (i == SOCKETS_MAX)
		return;
	r->socket[i] = (struct pollfd){.fd = fd, .events = events};
	if (i == r->n_sockets)
		r->n_sockets++;
	if (!events)
		r->socket[i] = r->socket[--r->n_sockets];
}

static void batch_free(struct batch *r)
{
	ares_destroy(r->channel);
	free_questions(&r->questions);
	free(r);
}

static struct batch *batch_new(const char *servers, uint64_t now)
{
	struct batch *r = calloc(1, sizeof(*r));
	struct ares_options o = {.timeout = SERVER_MS,
		.tries = TRIES,
		.sock_state_cb = watch_socket,
		.sock_state_cb_data = r};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;

#ifdef ARES_OPT_QUERY_CACHE
	mask |= ARES_OPT_QUERY_CACHE; // with 0: a name is asked again when its addresses failed
#endif
	if (!r)
		return NULL;
	STAILQ_INIT(&r->questions);
	r->opened = now;
	if (ares_init_options(&r->channel, &o, mask) != ARES_SUCCESS) {
		free(r);
		return NULL;
	}
	if (servers && ares_set_servers_ports_csv(r->channel, servers) != ARES_SUCCESS) {
		batch_free(r);
		return NULL;
	}
	return r;
}

// The batch that takes questions now; NULL when there can be none.
static struct batch *open_batch(struct resolver *r, uint64_t now)
{
	struct batch *last = r->n_batches ? r->batches[r->n_batches - 1] : NULL;

	if (last && (now - last->opened < BATCH_MS || r->n_batches == BATCHES_MAX))
		return last;
	struct batch *fresh = batch_new(r->settings.servers, now);
	if (!fresh)
		return last;
	r->batches[r->n_batches++] = fresh;
	return fresh;
}

static void ask(struct resolver *r, struct question *q, uint64_t now)
{
	struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct batch *batch = open_batch(r, now);

	q->until = now + QUESTION_MS;
	if (!batch) {
		fail(q, "out of memory or file descriptors");
		free(q);
		return;
	}
	STAILQ_INSERT_HEAD(&batch->questions, q, next);
	ares_getaddrinfo(batch->channel, q->host, NULL, &hints, done, q);
}

// Lets go of what is over and gives up what is too late. Whether any question waits.
static bool sweep_questions(struct batch *r, uint64_t now)
{
	bool waiting = false;

	for (struct question *q = STAILQ_FIRST(&r->questions), *next; q; q = next) {
		next = STAILQ_NEXT(q, next);
		if (q->over) {
			STAILQ_REMOVE(&r->questions, q, question, next);
			free(q);
			continue;
		}
		if (!q->answered && now >= q->until)
			fail(q, "no name server has answered in time");
		waiting |= !q->answered;
	}
	return waiting;
}

static void sweep(struct resolver *r, uint64_t now)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < r->n_batches; i++) {
		if (sweep_questions(r->batches[i], now))
			r->batches[kept++] = r->batches[i];
		else
			batch_free(r->batches[i]);
	}
	r->n_batches = kept;
}

// --- the thread ---

struct sockets {
	nfds_t n;
	struct pollfd fd[1 + BATCHES_MAX * SOCKETS_MAX];
	ares_channel channel[1 + BATCHES_MAX * SOCKETS_MAX];
};

static void add_sockets(struct sockets *s, const struct batch *r)
{
	for (uint32_t i = 0; i < r->n_sockets; i++) {
		s->channel[s->n] = r->channel;
		s->fd[s->n++] = r->socket[i];
	}
}

// Milliseconds until something is due; -1: never.
static int patience(const struct resolver *r, uint64_t now)
{
	uint64_t until = UINT64_MAX;

	for (uint32_t i = 0; i < r->n_batches; i++) {
		struct timeval tv, *t = ares_timeout(r->batches[i]->channel, NULL, &tv);
		if (t && now + (uint64_t)t->tv_sec * 1000 + (uint64_t)t->tv_usec / 1000 + 1 < until)
			until = now + (uint64_t)t->tv_sec * 1000 + (uint64_t)t->tv_usec / 1000 + 1;
		const struct question *q;
		STAILQ_FOREACH (q, &r->batches[i]->questions, next)
			if (!q->answered && q->until < until)
				until = q->until;
	}
	if (until == UINT64_MAX)
		return -1;
	return until > now ? (int)(until - now) : 0;
}

static void serve(struct resolver *r)
{
	struct sockets s = {.n = 1, .fd[0] = {.fd = r->wake, .events = POLLIN}};
	uint64_t count;

	for (uint32_t i = 0; i < r->n_batches; i++)
		add_sockets(&s, r->batches[i]);
	if (poll(s.fd, s.n, patience(r, now_monotonic_ms())) < 0)
		return;
	if (s.fd[0].revents)
		(void)!read(r->wake, &count, sizeof(count));
	for (nfds_t i = 1; i < s.n; i++)
		ares_process_fd(s.channel[i],
			s.fd[i].revents & (POLLIN | POLLERR | POLLHUP) ? s.fd[i].fd
								       : ARES_SOCKET_BAD,
			s.fd[i].revents & POLLOUT ? s.fd[i].fd : ARES_SOCKET_BAD);
	for (uint32_t i = 0; i < r->n_batches; i++) // what has no socket may have a time
		ares_process_fd(r->batches[i]->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

// Moves what waits to `to`. False when the thread shall end.
static bool take(struct resolver *r, struct questions *to)
{
	pthread_mutex_lock(&r->lock);
	STAILQ_CONCAT(to, &r->questions);
	bool stop = r->stop;
	pthread_mutex_unlock(&r->lock);
	return !stop;
}

static void *run(void *context)
{
	struct resolver *r = context;
	struct questions fresh = STAILQ_HEAD_INITIALIZER(fresh);
	struct question *q;

	(void)pthread_setname_np(pthread_self(), "poi-resolve");
	while (take(r, &fresh)) {
		while ((q = first_of(&fresh)))
			ask(r, q, now_monotonic_ms());
		sweep(r, now_monotonic_ms());
		serve(r);
	}
	free_questions(&fresh);
	while (r->n_batches > 0)
		batch_free(r->batches[--r->n_batches]);
	return NULL;
}

static void discard(struct resolver *r)
{
	free_questions(&r->questions);
	if (r->wake >= 0)
		close(r->wake);
	pthread_mutex_destroy(&r->lock);
	ares_library_cleanup();
	free(r);
}

static int start(struct resolver *r)
{
	sigset_t all, old;

	sigfillset(&all);
	sigdelset(&all, sandbox_signal());
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int error = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

struct resolver *resolver_new(const struct resolver_settings *s)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r || ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(r);
		return NULL;
	}
	r->settings = *s;
	pthread_mutex_init(&r->lock, NULL);
	STAILQ_INIT(&r->questions);
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->wake >= 0 && start(r) == 0)
		return r;
	discard(r);
	return NULL;
}

static void wake(struct resolver *r)
{
	uint64_t one = 1;

	(void)!write(r->wake, &one, sizeof(one));
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_mutex_unlock(&r->lock);
	wake(r);
	pthread_join(r->thread, NULL);
	discard(r);
}

int resolver_ask(struct resolver *r, const char *host, uint64_t token)
{
	struct question *q = calloc(1, sizeof(*q));

	if (!q)
		return POI_ERR_NOMEM;
	q->resolver = r;
	q->token = token;
	snprintf(q->host, sizeof(q->host), "%s", host);
	pthread_mutex_lock(&r->lock);
	STAILQ_INSERT_TAIL(&r->questions, q, next);
	pthread_mutex_unlock(&r->lock);
	wake(r);
	return 0;
}
