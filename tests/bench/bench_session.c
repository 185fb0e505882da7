// Measures following the signalling: octets a session, session changes a second on one core, the
// time until a new watch is bound, and the storm after a restart. Sessions as most are: 4 PDRs,
// 3 FARs, a User ID, CHOOSE. A change is a request with its response. Argument: sessions (default
// 1,000,000).

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/dataplane/session/pfcp_play.h"

static uint64_t binds;

static int on_bind(void *context, uint64_t subscription, const struct binding *b)
{
	binds++;
	return 0;
}

static void on_unbind(void *context, uint64_t subscription, uint64_t binding)
{
}

static void on_state(void *context, uint64_t subscription, const struct subscription_state *s)
{
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#define BLOCK 64u // messages that are timed together: the clock itself costs as much as one

struct bench {
	struct sessions *st;
	uint64_t time_ns;
	double spent; // in the store only
	uint32_t sequence;
	uint32_t n; // in the block
	struct signalling_packet packet[BLOCK];
	uint8_t octets[BLOCK][1024];
};

static void set_end(struct signalling_end *e, uint32_t a)
{
	*e = (struct signalling_end){.address.family = 4, .port = 8805};
	for (unsigned i = 0; i < 4; i++)
		e->address.b[i] = (uint8_t)(a >> (24 - 8 * i));
}

static void take_block(struct bench *b)
{
	double start = now();

	for (uint32_t i = 0; i < b->n; i++)
		sessions_take(b->st, &b->packet[i]);
	b->spent += now() - start;
	b->n = 0;
}

static void take(struct bench *b, struct lab *l, bool to_upf)
{
	struct signalling_packet *p = &b->packet[b->n];
	uint8_t *octets = b->octets[b->n];

	lab_end(l);
	if (l->n > sizeof(b->octets[0]))
		abort();
	memcpy(octets, l->octets, l->n);
	*p = (struct signalling_packet){.time_ns = b->time_ns += 5000,
		.protocol = SIGNALLING_PFCP,
		.octets = octets,
		.length = l->n};
	set_end(&p->source, to_upf ? SMF : UPF);
	set_end(&p->destination, to_upf ? UPF : SMF);
	if (++b->n == BLOCK)
		take_block(b);
}

static void pdr(struct lab *l, uint16_t id, uint32_t i)
{
	bool uplink = id & 1;

	lab_open(l, 1);
	lab_ie16(l, 56, id);
	lab_ie32(l, 29, id < 3 ? 255 : 100);
	lab_open(l, 2);
	lab_ie8(l, 20, uplink ? 0 : 1);
	if (uplink)
		lab_choose(l, 1);
	lab_text(l, 22, uplink ? "access" : "internet");
	if (!uplink)
		lab_ue(l, 0x0a000000u + i);
	lab_close(l);
	lab_ie32(l, 108, uplink ? 1 : 2);
	lab_ie32(l, 109, 1);
	lab_close(l);
}

static void far(struct lab *l, uint32_t id, uint8_t action)
{
	lab_open(l, 3);
	lab_ie32(l, 108, id);
	lab_ie8(l, 44, action);
	if (action == FORW) {
		lab_open(l, 4);
		lab_ie8(l, 42, 1);
		lab_close(l);
	}
	lab_close(l);
}

static void imsi_of(uint32_t i, char *out)
{
	snprintf(out, 16, "00101%010u", i);
}

#define SHARED 0x10000000u // the first of the sessions of one subscriber, and his number

static void establish_as(struct bench *b, uint32_t i, uint32_t generation, const char *imsi)
{
	struct lab l;
	uint32_t sequence = b->sequence++ & 0xffffff;

	lab_pfcp_session(&l, 50, 0, sequence);
	lab_node(&l, SMF);
	lab_f_seid(&l, i + 1ull + ((uint64_t)generation << 32), SMF);
	for (uint16_t id = 1; id <= 4; id++)
		pdr(&l, id, i);
	far(&l, 1, FORW);
	far(&l, 2, BUFF);
	far(&l, 3, FORW);
	lab_user(&l, imsi);
	take(b, &l, true);
	lab_pfcp_session(&l, 51, i + 1ull + ((uint64_t)generation << 32), sequence);
	lab_node(&l, UPF);
	lab_ie8(&l, 19, 1);
	lab_f_seid(&l, i + 1ull + ((uint64_t)generation << 32), UPF);
	for (uint16_t id = 1; id <= 3; id += 2) {
		lab_open(&l, 8);
		lab_ie16(&l, 56, id);
		lab_f_teid(&l, i + 1, N3_UPF);
		lab_close(&l);
	}
	take(b, &l, false);
}

static void establish(struct bench *b, uint32_t i, uint32_t generation)
{
	char imsi[16];

	imsi_of(i, imsi);
	establish_as(b, i, generation, imsi);
}

static void modify(struct bench *b, uint32_t i, uint32_t generation, uint32_t teid)
{
	struct lab l;
	uint32_t sequence = b->sequence++ & 0xffffff;

	lab_pfcp_session(&l, 52, i + 1ull + ((uint64_t)generation << 32), sequence);
	lab_open(&l, 10);
	lab_ie32(&l, 108, 2);
	lab_ie8(&l, 44, FORW);
	lab_open(&l, 11);
	lab_ie8(&l, 42, 0);
	lab_outer(&l, teid, GNB_A + i % 1000);
	lab_close(&l);
	lab_close(&l);
	take(b, &l, true);
	lab_pfcp_session(&l, 53, i + 1ull + ((uint64_t)generation << 32), sequence);
	lab_ie8(&l, 19, 1);
	take(b, &l, false);
}

static void delete (struct bench *b, uint32_t i, uint32_t generation)
{
	struct lab l;
	uint32_t sequence = b->sequence++ & 0xffffff;

	lab_pfcp_session(&l, 54, i + 1ull + ((uint64_t)generation << 32), sequence);
	take(b, &l, true);
	lab_pfcp_session(&l, 55, i + 1ull + ((uint64_t)generation << 32), sequence);
	lab_ie8(&l, 19, 1);
	take(b, &l, false);
}

static void heartbeat(struct bench *b, uint32_t recovery, bool smf)
{
	struct lab l;

	lab_pfcp(&l, 1, b->sequence++ & 0xffffff);
	lab_ie32(&l, 96, recovery);
	take(b, &l, smf);
	take_block(b);
}

static void show(const char *what, uint32_t changes, double spent, double goal)
{
	double rate = changes / spent;

	printf("%-44s %10.0f/s  %6.2f us  ratio %.2f of the goal\n", what, rate,
		spent / changes * 1e6, rate / goal);
}

static void subscriptions(struct bench *b, uint32_t n)
{
	double worst = 0, sum = 0;
	const uint32_t count = n < 10000 ? n : 10000;

	binds = 0;
	for (uint32_t k = 0; k < count; k++) {
		struct session_target t = {.kinds = SESSION_IMSI};
		imsi_of((uint32_t)((uint64_t)k * n / count), t.imsi);
		double start = now();
		if (sessions_subscribe(b->st, k, &t, FILTER_ANY_DIRECTION) != 0)
			exit(1);
		double took = now() - start;
		sum += took;
		worst = took > worst ? took : worst;
	}
	printf("%-44s %10.2f us mean, %.0f us worst, %.1f bindings each\n",
		"a new watch by IMSI, until it is bound", sum / count * 1e6, worst * 1e6,
		(double)binds / count);
	for (uint32_t k = 0; k < count; k++)
		if (sessions_unsubscribe(b->st, k) != 0)
			exit(1);
}

// A watch that no index leads to its sessions, in the follower's steps of 512.
static void shared(struct bench *b)
{
	struct session_target t = {.kinds = SESSION_IMSI};
	double worst = 0, sum = 0;
	bool more = true;

	imsi_of(SHARED, t.imsi);
	for (uint32_t i = 0; i < 300; i++)
		establish_as(b, SHARED + i, 0, t.imsi);
	take_block(b);
	if (sessions_subscribe(b->st, 1u << 30, &t, FILTER_ANY_DIRECTION) != 0)
		exit(1);
	while (more) {
		double start = now();
		more = sessions_walk(b->st, 512);
		double took = now() - start;
		sum += took;
		worst = took > worst ? took : worst;
	}
	printf("%-44s %10.2f ms, in steps of %.2f ms at most\n",
		"a new watch that hundreds of sessions share", sum * 1e3, worst * 1e3);
	if (sessions_unsubscribe(b->st, 1u << 30) != 0)
		exit(1);
}

// Sessions that come up, in changes: what hash contexts cost most, for each is a new identity.
static void coming_up(struct bench *b, uint32_t n, const char *what)
{
	const uint32_t rounds = n / 4 < 100000 ? n / 4 : 100000; // as many as there is room for

	b->spent = 0;
	for (uint32_t i = 0; i < rounds; i++) {
		establish(b, n + i, 0);
		modify(b, n + i, 0, i);
	}
	take_block(b);
	show(what, rounds * 2, b->spent, 100000);
	for (uint32_t i = 0; i < rounds; i++)
		delete (b, n + i, 0);
	take_block(b);
}

static void mix(struct bench *b, uint32_t n, const char *what)
{
	const uint32_t rounds = n < 200000 ? n : 200000;

	b->spent = 0;
	for (uint32_t i = 0; i < rounds; i++) { // one each: a new session, a handover, an end
		establish(b, n + i, 0);
		modify(b, n + i, 0, i);
		modify(b, (uint32_t)((uint64_t)i * 2654435761u % n), 0, 0x80000000u + i);
		delete (b, n + i, 0);
	}
	take_block(b);
	show(what, rounds * 4, b->spent, 100000);
}

#define HASHED 0x20000000u // the first watch of a hashed identity

// Hashed targets under `contexts` contexts: until all sessions are hashed for a new one, and what
// signalling costs then. None of the targets is found.
static void hashed(struct bench *b, uint32_t n)
{
	static const uint8_t algorithm[] = {IDENTITY_SHA_256, IDENTITY_SHA_512};
	char what[64];

	coming_up(b, n, "sessions coming up, no hash context");
	mix(b, n, "mix, no hash context");
	for (uint32_t contexts = 1; contexts <= 2; contexts++) {
		struct session_target t = {.kinds = SESSION_HASHED,
			.hashed = {.identity = HASHED_IMSI,
				.algorithm = algorithm[contexts - 1],
				.salt_length = 8}};
		struct session_counts before, after;
		sessions_counts(b->st, &before);
		double worst = 0, sum = 0, start = now();
		bool more = true;
		if (sessions_subscribe(b->st, HASHED * contexts, &t, FILTER_ANY_DIRECTION) != 0)
			exit(1);
		sum = now() - start;
		while (more) {
			start = now();
			more = sessions_walk(b->st, 512);
			double took = now() - start;
			sum += took;
			worst = took > worst ? took : worst;
		}
		sessions_counts(b->st, &after);
		printf("%-44s %10.2f ms, in steps of %.2f ms at most, %.1f octets a session\n",
			contexts == 1 ? "a new hash context (sha-256)" : "a second one (sha-512)",
			sum * 1e3, worst * 1e3,
			(double)(after.octets - before.octets) / after.sessions);
		for (uint32_t k = 1; k < 1000; k++) {
			t.hashed.digest[0] = (uint8_t)k;
			t.hashed.digest[1] = (uint8_t)(k >> 8);
			if (sessions_subscribe(
				    b->st, HASHED * contexts + k, &t, FILTER_ANY_DIRECTION) != 0)
				exit(1);
		}
		snprintf(what, sizeof(what), "sessions coming up, %u hash context%s", contexts,
			contexts == 1 ? "" : "s");
		coming_up(b, n, what);
		snprintf(what, sizeof(what), "mix, %u hash context%s", contexts,
			contexts == 1 ? "" : "s");
		mix(b, n, what);
	}
	for (uint32_t contexts = 1; contexts <= 2; contexts++)
		for (uint32_t k = 0; k < 1000; k++)
			if (sessions_unsubscribe(b->st, HASHED * contexts + k) != 0)
				exit(1);
}

int main(int argc, char **argv)
{
	uint32_t n = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000000;
	struct sessions_settings s = {SESSIONS_DEFAULTS, .correlate = true, .seed = {1, 2},
		.sink = {.bind = on_bind, .unbind = on_unbind, .state = on_state}};
	static struct bench b = {.time_ns = 1000000000, .sequence = 1};
	struct session_counts c;

	s.sessions_max = n + n / 4 + 1000;
	b.st = sessions_new(&s);
	if (!b.st)
		return 1;
	heartbeat(&b, 1, true);
	for (uint32_t i = 0; i < n; i++) {
		establish(&b, i, 0);
		modify(&b, i, 0, i);
	}
	heartbeat(&b, 1, true); // ends the block
	show("sessions coming up (2 changes each)", n * 2, b.spent, 100000);
	sessions_counts(b.st, &c);
	uint64_t with = c.octets;
	b.time_ns += 61000000000ull; // answered transactions are forgotten
	sessions_tick(b.st, b.time_ns);
	sessions_counts(b.st, &c);
	printf("%-44s %10.1f octets a session (goal 1024), %.2f GiB of 1.5; %.1f with what was "
	       "answered\n",
		"memory", (double)c.octets / c.sessions, (double)c.octets / (1 << 30),
		(double)with / c.sessions);
	subscriptions(&b, n);
	shared(&b);
	mix(&b, n, "mix of new, handover, end");
	struct session_target t = {.kinds = SESSION_IMSI};
	for (uint32_t k = 0; k < 10000; k++) {
		imsi_of(n + k * 20, t.imsi);
		if (sessions_subscribe(b.st, k, &t, FILTER_ANY_DIRECTION) != 0)
			return 1;
	}
	mix(&b, n, "the same with 10,000 watches");
	hashed(&b, n);
	b.spent = 0;
	heartbeat(&b, 2, true);
	printf("%-44s %10.2f ms\n", "a restart of the SMF, until all is let go", b.spent * 1e3);
	b.spent = 0;
	for (uint32_t i = 0; i < n / 2; i++)
		establish(&b, i, 1);
	take_block(&b);
	show("storm after it", n / 2, b.spent, 100000);
	sessions_counts(b.st, &c);
	printf("sessions %u, restarts %llu, refused %llu\n", c.sessions,
		(unsigned long long)c.restarts, (unsigned long long)c.refused);
	sessions_free(b.st);
	return 0;
}
