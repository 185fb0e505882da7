#include "tests/bench/sink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "shared/pdu.h"
#include "shared/wire.h"

#define HELD (64u * 1024u)

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "sink: %s: %s\n", what, strerror(errno));
	exit(1);
}

struct taker { // one connection
	struct taker *next;
	int fd;
	enum sink_port port;
	SSL *ssl;
	bool up;
	uint64_t since_ns;
	uint32_t skip; // octets of a PDU that are still to come
	uint32_t held; // octets of a PDU that has come in part
	uint8_t octets[HELD];
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int listener(uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	must(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 1024) == 0 &&
			getsockname(fd, (struct sockaddr *)&a, &n) == 0,
		"listen");
	*port = ntohs(a.sin_port);
	return fd;
}

static void age(struct sink_shared *s, const struct taker *t, const struct pdu *p, uint64_t now)
{
	uint64_t us = now > p->time_ns ? (now - p->time_ns) / 1000 : 0;

	if (us > SINK_MICROSECONDS)
		us = SINK_MICROSECONDS;
	atomic_fetch_add_explicit(&s->ages[t->port][us], 1, memory_order_relaxed);
}

static void acknowledge(const struct taker *t, const uint8_t *keepalive)
{
	uint8_t ack[PDU_KEEPALIVE_SIZE];

	pdu_keepalive_write(ack, 5, wire_load32(keepalive + PDU_KEEPALIVE_SIZE - 4));
	ack[3] = PDU_KEEPALIVE_ACK;
	(void)SSL_write(t->ssl, ack, sizeof(ack));
}

// Steps over PDUs by their lengths and acknowledges keepalives. A head that came in part is kept.
static void answer(struct taker *t, const uint8_t *octets, uint32_t n)
{
	uint32_t at = 0;

	while (at < n) {
		if (t->skip > 0) {
			uint32_t step = n - at < t->skip ? n - at : t->skip;
			t->skip -= step;
			at += step;
			continue;
		}
		uint32_t part = PDU_KEEPALIVE_SIZE - t->held;
		part = n - at < part ? n - at : part;
		memcpy(t->octets + t->held, octets + at, part);
		t->held += part;
		at += part;
		if (t->held < PDU_KEEPALIVE_SIZE)
			return;
		t->held = 0;
		if (t->octets[3] == PDU_KEEPALIVE)
			acknowledge(t, t->octets);
		t->skip = wire_load32(t->octets + 4) + wire_load32(t->octets + 8) -
			  PDU_KEEPALIVE_SIZE;
	}
}

// Whole PDUs in what is held; what is left moves to the front.
static void take_pdus(struct sink_shared *s, struct taker *t, uint64_t now)
{
	uint32_t at = 0;
	const char *why;
	struct pdu p;

	while (at < t->held) {
		int64_t n = pdu_decode(t->octets + at, t->held - at, HELD, &p, &why);
		if (n <= 0)
			break;
		if (p.type == PDU_X2 || p.type == PDU_X3)
			age(s, t, &p, now);
		else if (p.type == PDU_KEEPALIVE)
			acknowledge(t, t->octets + at);
		at += (uint32_t)n;
	}
	t->held -= at;
	memmove(t->octets, t->octets + at, t->held);
}

static void drop(struct sink_shared *s, struct taker *t)
{
	if (t->up)
		atomic_fetch_sub_explicit(&s->open[t->port], 1, memory_order_relaxed);
	SSL_free(t->ssl);
	close(t->fd);
	t->fd = -1;
}

static bool handshake(struct sink_shared *s, struct taker *t)
{
	int r = SSL_accept(t->ssl);

	if (r == 1) {
		t->up = true;
		t->since_ns = now_ns(CLOCK_MONOTONIC);
		atomic_fetch_add_explicit(&s->accepted[t->port], 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&s->open[t->port], 1, memory_order_relaxed);
		return true;
	}
	int e = SSL_get_error(t->ssl, r);
	if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
		drop(s, t);
	return false;
}

static void take_raw(struct sink_shared *s, struct taker *t)
{
	static uint8_t waste[1 << 20];
	ssize_t n = recv(t->fd, waste, sizeof(waste), 0);

	if (n > 0)
		atomic_fetch_add_explicit(&s->octets[t->port], (uint64_t)n, memory_order_relaxed);
	else if (n == 0 || errno != EAGAIN)
		drop(s, t);
}

static void take(struct sink_shared *s, struct taker *t)
{
	static uint8_t waste[HELD];
	bool aged = atomic_load_explicit(&s->ages_wanted, memory_order_relaxed);

	if (!t->up && !handshake(s, t))
		return;
	if (atomic_load_explicit(&s->held, memory_order_relaxed)) {
		usleep(1000);
		return;
	}
	if (atomic_load_explicit(&s->raw, memory_order_relaxed)) {
		take_raw(s, t);
		return;
	}
	for (int i = 0; i < 32; i++) {
		int n = aged ? SSL_read(t->ssl, t->octets + t->held, (int)(HELD - t->held))
			     : SSL_read(t->ssl, waste, sizeof(waste));
		if (n <= 0) {
			int e = SSL_get_error(t->ssl, n);
			if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
				drop(s, t);
			return;
		}
		atomic_fetch_add_explicit(&s->octets[t->port], (uint64_t)n, memory_order_relaxed);
		if (!aged) {
			if (atomic_load_explicit(&s->answers, memory_order_relaxed))
				answer(t, waste, (uint32_t)n);
			continue;
		}
		t->held += (uint32_t)n;
		take_pdus(s, t, now_ns(CLOCK_REALTIME));
	}
}

static void flap(struct sink_shared *s, struct taker *first)
{
	uint32_t ms = atomic_load_explicit(&s->flap_ms, memory_order_relaxed);
	uint64_t now = now_ns(CLOCK_MONOTONIC);

	for (struct taker *t = first; ms && t; t = t->next)
		if (t->fd >= 0 && t->up && t->port == SINK_FLAPPING &&
			now - t->since_ns > ms * 1000000ull)
			drop(s, t);
}

static void greet(struct taker **first, int epoll, int from, SSL_CTX *context, enum sink_port port)
{
	int fd;

	while ((fd = accept4(from, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct taker *t = *first;
		while (t && t->fd >= 0)
			t = t->next;
		if (!t) {
			t = calloc(1, sizeof(*t));
			must(t != NULL, "memory");
			t->next = *first;
			*first = t;
		}
		t->fd = fd;
		t->port = port;
		t->up = false;
		t->held = t->skip = 0;
		t->ssl = SSL_new(context);
		SSL_set_fd(t->ssl, fd);
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = t};
		must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0, "epoll");
	}
}

static void serve(struct sink *s, SSL_CTX *context, int from, enum sink_port port)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ready[64], e = {.events = EPOLLIN};
	struct taker *first = NULL;
	uint64_t flapped = 0;

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, from, &e) == 0, "epoll");
	for (;;) {
		int n = epoll_wait(epoll, ready, 64, 20);
		for (int i = 0; i < n; i++) {
			struct taker *t = ready[i].data.ptr;
			if (!t)
				greet(&first, epoll, from, context, port);
			else if (t->fd >= 0)
				take(s->shared, t);
		}
		uint64_t now = now_ns(CLOCK_MONOTONIC);
		if (now - flapped > 10000000) {
			flap(s->shared, first);
			flapped = now;
		}
	}
}

void sink_start(struct sink *s, struct lab_pki *p)
{
	struct lab_mdf identity; // for its certificate only
	int listeners[SINK_PORTS];

	lab_mdf_start(&identity, p, "IP:127.0.0.1", NULL, 0);
	SSL_CTX *context = identity.context;
	SSL_CTX_up_ref(context);
	lab_mdf_stop(&identity);
	for (int i = 0; i < SINK_PORTS; i++)
		listeners[i] = listener(&s->port[i]);
	s->shared = mmap(NULL, sizeof(*s->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(s->shared != MAP_FAILED, "memory");
	// A process each, so that handshakes of the flapping ones take nothing from the steady
	// ones' reader.
	for (int i = 0; i < SINK_PORTS; i++) {
		s->process[i] = fork();
		must(s->process[i] >= 0, "fork");
		if (s->process[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			signal(SIGPIPE, SIG_IGN);
			serve(s, context, listeners[i], (enum sink_port)i);
		}
	}
	for (int i = 0; i < SINK_PORTS; i++)
		close(listeners[i]);
	SSL_CTX_free(context);
}

void sink_stop(struct sink *s)
{
	for (int i = 0; i < SINK_PORTS; i++) {
		kill(s->process[i], SIGKILL);
		waitpid(s->process[i], NULL, 0);
	}
	munmap(s->shared, sizeof(*s->shared));
}

void sink_forget(struct sink *s)
{
	for (int port = 0; port < SINK_PORTS; port++)
		for (uint32_t i = 0; i <= SINK_MICROSECONDS; i++)
			atomic_store_explicit(&s->shared->ages[port][i], 0, memory_order_relaxed);
}

uint64_t sink_aged(const struct sink *s, enum sink_port port)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i <= SINK_MICROSECONDS; i++)
		sum += atomic_load_explicit(&s->shared->ages[port][i], memory_order_relaxed);
	return sum;
}

uint32_t sink_age(const struct sink *s, enum sink_port port, double share)
{
	double wanted = share * (double)sink_aged(s, port), sum = 0;

	for (uint32_t i = 0; i <= SINK_MICROSECONDS; i++) {
		sum += atomic_load_explicit(&s->shared->ages[port][i], memory_order_relaxed);
		if (sum > 0 && sum >= wanted)
			return i;
	}
	return UINT32_MAX;
}
