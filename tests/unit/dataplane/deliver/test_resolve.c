#include "dataplane/deliver/resolve.h"

// Against a name server of a few lines on the loopback interface: what a name means follows from
// its first label.

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TYPE_A 1
#define TYPE_CNAME 5
#define TYPE_AAAA 28
#define NXDOMAIN 3
#define SERVFAIL 2
#define SLOW 2.0 // s that an answer for "slow" takes

struct reply {
	uint8_t b[512];
	size_t n;
	uint16_t answers;
	struct sockaddr_in to;
};

struct lab_dns {
	int socket;
	char address[40];
	pthread_t thread;
	_Atomic bool stop;
	_Atomic uint32_t questions;
	double slow_since;    // 0: nothing is held
	struct reply held[2]; // the answers to the newest questions for "slow": A, AAAA
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void put16(struct reply *r, uint32_t v)
{
	r->b[r->n++] = (uint8_t)(v >> 8);
	r->b[r->n++] = (uint8_t)v;
}

// `owner`: an offset of a name in the reply. Without octets: a CNAME to x.target.test, whose place
// is returned.
static size_t record(struct reply *r, size_t owner, uint16_t type, uint32_t ttl, const void *data)
{
	static const uint8_t target[] = "\001x\006target\004test";
	const void *octets = type == TYPE_CNAME ? target : data;
	uint16_t length = type == TYPE_A ? 4 : type == TYPE_AAAA ? 16 : sizeof(target);

	put16(r, 0xc000 | (uint32_t)owner);
	put16(r, type);
	put16(r, 1);
	put16(r, ttl >> 16);
	put16(r, ttl & 0xffff);
	put16(r, length);
	memcpy(r->b + r->n, octets, length);
	r->n += length;
	r->answers++;
	return r->n - length;
}

static bool is(const char *label, const char *want)
{
	return strcmp(label, want) == 0;
}

static int answer(struct reply *r, const char *label, uint16_t type)
{
	static const uint8_t one[4] = {192, 0, 2, 1}, two[4] = {192, 0, 2, 2};
	static const uint8_t six[16] = {0x20, 1, 0xd, 0xb8, [15] = 6};

	if (is(label, "absent"))
		return NXDOMAIN;
	if (is(label, "broken"))
		return SERVFAIL;
	if ((is(label, "plain") || is(label, "slow")) && type == TYPE_A)
		(void)record(r, 12, TYPE_A, 77, one);
	if (is(label, "zero") && type == TYPE_A)
		(void)record(r, 12, TYPE_A, 0, one);
	if (is(label, "huge") && type == TYPE_A)
		(void)record(r, 12, TYPE_A, 0x7ffffffe, one);
	if (is(label, "largest") && type == TYPE_A)
		(void)record(r, 12, TYPE_A, 0x7fffffff, one);
	if (is(label, "negative") && type == TYPE_A)
		(void)record(r, 12, TYPE_A, 0xffffffff, one);
	if (is(label, "both"))
		(void)record(r, 12, type, type == TYPE_A ? 200 : 100,
			type == TYPE_A ? (const void *)two : six);
	if (is(label, "alias") && type == TYPE_A)
		(void)record(r, record(r, 12, TYPE_CNAME, 33, NULL), TYPE_A, 300, one);
	for (uint8_t i = 0; is(label, "many") && type == TYPE_A && i < 20; i++)
		(void)record(r, 12, TYPE_A, (uint32_t)(i == 19 ? 44 : 55),
			(const uint8_t[]){192, 0, 2, i});
	return 0;
}

static void reply_send(struct lab_dns *d, const struct reply *r)
{
	(void)!sendto(d->socket, r->b, r->n, 0, (const struct sockaddr *)&r->to, sizeof(r->to));
}

static void send_held(struct lab_dns *d)
{
	if (d->slow_since == 0 || seconds() - d->slow_since < SLOW)
		return;
	for (int i = 0; i < 2; i++)
		reply_send(d, &d->held[i]);
	d->slow_since = 0;
}

static void *serve(void *context)
{
	struct lab_dns *d = context;

	for (; !atomic_load(&d->stop); send_held(d)) {
		struct reply r = {0};
		socklen_t to_size = sizeof(r.to);
		char label[64] = "";
		ssize_t n = recvfrom(d->socket, r.b, 300, 0, (struct sockaddr *)&r.to, &to_size);
		if (n < 17)
			continue;
		atomic_fetch_add(&d->questions, 1);
		memcpy(label, r.b + 13, r.b[12] & 63);
		size_t end = 12;
		while (r.b[end])
			end += r.b[end] + 1u;
		uint16_t type = (uint16_t)(r.b[end + 1] << 8 | r.b[end + 2]);
		if (is(label, "silent"))
			continue;
		r.n = end + 5;
		int code = answer(&r, label, type);
		r.b[2] = 0x81;
		r.b[3] = (uint8_t)(0x80 | code);
		r.b[7] = (uint8_t)r.answers;
		memset(r.b + 8, 0, 4);
		if (!is(label, "slow")) {
			reply_send(d, &r);
			continue;
		}
		d->held[type == TYPE_AAAA] = r;
		if (d->slow_since == 0)
			d->slow_since = seconds();
	}
	return NULL;
}

static void lab_dns_start(struct lab_dns *d)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	struct timeval patience = {.tv_usec = 50000};

	memset(d, 0, sizeof(*d));
	d->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(d->socket, (struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(getsockname(d->socket, (struct sockaddr *)&a, &size), 0);
	cr_assert_eq(
		setsockopt(d->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	snprintf(d->address, sizeof(d->address), "127.0.0.1:%u", ntohs(a.sin_port));
	cr_assert_eq(pthread_create(&d->thread, NULL, serve, d), 0);
}

static void lab_dns_stop(struct lab_dns *d)
{
	atomic_store(&d->stop, true);
	pthread_join(d->thread, NULL);
	close(d->socket);
}

#define ANSWERS 64u

struct bed {
	struct lab_dns dns;
	struct resolver *resolver;
	pthread_mutex_t lock;
	uint32_t n;
	struct resolve_answer answer[ANSWERS];
	double at[ANSWERS]; // seconds since the bed was made
	double began;
};

static void take(void *context, const struct resolve_answer *a)
{
	struct bed *b = context;

	pthread_mutex_lock(&b->lock);
	cr_assert_lt(b->n, ANSWERS);
	b->at[b->n] = seconds() - b->began;
	b->answer[b->n++] = *a;
	pthread_mutex_unlock(&b->lock);
}

static void bed_start(struct bed *b)
{
	memset(b, 0, sizeof(*b));
	pthread_mutex_init(&b->lock, NULL);
	b->began = seconds();
	lab_dns_start(&b->dns);
	b->resolver = resolver_new(&(struct resolver_settings){
		.answer = take, .context = b, .servers = b->dns.address});
	cr_assert_not_null(b->resolver);
}

static void bed_stop(struct bed *b)
{
	resolver_free(b->resolver);
	lab_dns_stop(&b->dns);
	pthread_mutex_destroy(&b->lock);
}

static uint32_t answers(struct bed *b)
{
	pthread_mutex_lock(&b->lock);
	uint32_t n = b->n;
	pthread_mutex_unlock(&b->lock);
	return n;
}

static void wait_answers(struct bed *b, uint32_t n)
{
	for (int i = 0; i < 8000 && answers(b) < n; i++)
		usleep(1000);
	cr_assert_eq(answers(b), n);
}

static struct resolve_answer one(struct bed *b, const char *host)
{
	static uint64_t token = 1000;
	uint32_t before = answers(b);

	cr_assert_eq(resolver_ask(b->resolver, host, ++token), 0);
	wait_answers(b, before + 1);
	cr_assert_eq(b->answer[before].token, token);
	return b->answer[before];
}

Test(resolve, addresses_and_how_long_they_hold, .timeout = 30)
{
	static const struct {
		const char *host;
		uint32_t n, ttl;
	} cases[] = {{"plain.test", 1, 77}, {"zero.test", 1, RESOLVE_TTL_MIN},
		{"huge.test", 1, RESOLVE_TTL_MAX}, {"negative.test", 1, RESOLVE_TTL_MIN},
		{"largest.test", 1, RESOLVE_TTL_MIN}, {"both.test", 2, 100}, {"alias.test", 1, 33},
		{"many.test", RESOLVE_ADDRESSES_MAX, 44}};
	struct bed b;

	bed_start(&b);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct resolve_answer a = one(&b, cases[i].host);
		cr_assert_eq(a.n, cases[i].n, "%s: %u addresses, %s", cases[i].host, a.n, a.reason);
		cr_assert_eq(a.ttl, cases[i].ttl, "%s: %u s", cases[i].host, a.ttl);
	}
	struct resolve_answer a = one(&b, "plain.test");
	cr_assert_eq(a.address[0].family, 4);
	cr_assert_eq(memcmp(a.address[0].b, (const uint8_t[16]){192, 0, 2, 1}, 16), 0);
	a = one(&b, "both.test");
	cr_assert_eq(a.address[0].family + a.address[1].family, 10);
	bed_stop(&b);
}

// Lines of the hosts file come first, and no name server is asked for them.
Test(resolve, the_hosts_file, .timeout = 30)
{
	struct bed b;

	bed_start(&b);
	struct resolve_answer a = one(&b, "localhost");
	cr_assert_gt(a.n, 0, "%s", a.reason);
	cr_assert_eq(a.ttl, RESOLVE_TTL_MIN);
	cr_assert_eq(atomic_load(&b.dns.questions), 0);
	bed_stop(&b);
}

Test(resolve, failures_have_reasons, .timeout = 30)
{
	static const char *const hosts[] = {"absent.test", "broken.test", "nothing.test"};
	struct bed b;

	bed_start(&b);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct resolve_answer a = one(&b, hosts[i]);
		cr_assert_eq(a.n, 0, "%s", hosts[i]);
		cr_assert_gt(strlen(a.reason), 5);
	}
	bed_stop(&b);
}

// Questions that never get an answer fail in time, and hold up none of the others.
Test(resolve, silence_delays_nobody, .timeout = 30)
{
	struct bed b;

	bed_start(&b);
	for (uint32_t i = 0; i < 20; i++)
		cr_assert_eq(resolver_ask(b.resolver, "silent.test", i), 0);
	for (uint32_t i = 20; i < 40; i++)
		cr_assert_eq(resolver_ask(b.resolver, "plain.test", i), 0);
	wait_answers(&b, 40);
	for (uint32_t i = 0; i < 40; i++) {
		bool silent = b.answer[i].token < 20;
		cr_assert_eq(b.answer[i].n, silent ? 0 : 1);
		cr_assert(silent ? b.at[i] > 3 && b.at[i] < 5 : b.at[i] < 2, "%g s", b.at[i]);
	}
	bed_stop(&b);
}

// A question without an answer keeps the batch open, and with it what c-ares has measured and kept.
static void open_batch(struct bed *b)
{
	cr_assert_eq(resolver_ask(b->resolver, "silent.test", 0), 0);
}

// Quick answers shorten the time of no slow one.
Test(resolve, a_slow_answer_after_quick_ones, .timeout = 30)
{
	struct bed b;

	bed_start(&b);
	open_batch(&b);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(one(&b, "plain.test").n, 1);
	struct resolve_answer a = one(&b, "slow.test");
	cr_assert_eq(a.n, 1, "%s", a.reason);
	cr_assert_gt(b.at[5], SLOW);
	cr_assert_eq(answers(&b), 6, "the batch is open until now");
	bed_stop(&b);
}

// Each question reaches the name server, whatever the TTL of the answer before.
Test(resolve, no_answer_is_kept, .timeout = 30)
{
	static const char *const hosts[] = {"plain.test", "absent.test"};
	struct bed b;

	bed_start(&b);
	open_batch(&b);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		(void)one(&b, hosts[i]);
		uint32_t before = atomic_load(&b.dns.questions);
		(void)one(&b, hosts[i]);
		cr_assert_geq(atomic_load(&b.dns.questions), before + 2, "%s", hosts[i]);
	}
	bed_stop(&b);
}

// Questions asked while others still wait are taken by rounds of their own; all end.
Test(resolve, questions_keep_coming, .timeout = 30)
{
	struct bed b;

	bed_start(&b);
	for (uint32_t i = 0; i < 60; i++) {
		cr_assert_eq(resolver_ask(b.resolver, i % 2 ? "plain.test" : "silent.test", i), 0);
		usleep(100000);
	}
	wait_answers(&b, 60);
	for (uint32_t i = 0; i < 60; i++)
		cr_assert_eq(b.answer[i].n, b.answer[i].token % 2);
	bed_stop(&b);
}

Test(resolve, the_end_waits_for_no_answer, .timeout = 30)
{
	struct bed b;

	bed_start(&b);
	for (uint32_t i = 0; i < 10; i++)
		cr_assert_eq(resolver_ask(b.resolver, "silent.test", i), 0);
	for (int i = 0; i < 1000 && !atomic_load(&b.dns.questions); i++)
		usleep(1000);
	double before = seconds();
	resolver_free(b.resolver);
	cr_assert_lt(seconds() - before, 0.5);
	uint32_t n = answers(&b);
	usleep(200000);
	cr_assert_eq(answers(&b), n);
	lab_dns_stop(&b.dns);
}
