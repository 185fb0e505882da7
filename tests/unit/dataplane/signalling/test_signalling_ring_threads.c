// One thread writes, one reads: what was pushed comes out, in order, whole.

#include "dataplane/signalling/signalling_ring.h"

#include <criterion/criterion.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>

#define DATAGRAMS 200000u

static uint8_t pattern[1500 + 256];

static struct signalling_packet packet(uint32_t n)
{
	return (struct signalling_packet){.time_ns = n,
		.protocol = (uint8_t)(n % 3),
		.source = {.address = {.family = 4, .b = {10, 0, 0, (uint8_t)n}},
			.port = (uint16_t)n},
		.destination = {.address = {.family = 6, .b = {(uint8_t)n}}, .port = 8805},
		.octets = pattern + n % 256,
		.length = n * 7919u % 1500};
}

static bool same(const struct signalling_packet *a, const struct signalling_packet *b)
{
	return a->time_ns == b->time_ns && a->protocol == b->protocol && a->length == b->length &&
	       a->source.port == b->source.port && a->destination.port == b->destination.port &&
	       !memcmp(a->source.address.b, b->source.address.b, 16) &&
	       !memcmp(a->destination.address.b, b->destination.address.b, 16) &&
	       !memcmp(a->octets, b->octets, a->length);
}

static void *write_all(void *ring)
{
	for (uint32_t n = 0; n < DATAGRAMS;) {
		struct signalling_packet p = packet(n);
		if (signalling_ring_push(ring, &p))
			n++;
		else
			sched_yield();
	}
	return NULL;
}

static void fill_pattern(void)
{
	for (unsigned i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 31 >> 3);
}

Test(signalling_ring, between_threads)
{
	struct signalling_ring *r = signalling_ring_new(16384);
	struct signalling_packet got;
	pthread_t writer;

	fill_pattern();
	cr_assert(r != NULL);
	cr_assert_eq(pthread_create(&writer, NULL, write_all, r), 0);
	for (uint32_t n = 0; n < DATAGRAMS;) {
		if (!signalling_ring_peek(r, &got)) {
			sched_yield();
			continue;
		}
		struct signalling_packet expected = packet(n);
		cr_assert(same(&got, &expected), "datagram %u", n);
		signalling_ring_pop(r);
		n++;
	}
	pthread_join(writer, NULL);
	cr_expect(!signalling_ring_peek(r, &got));
	signalling_ring_free(r);
}

Test(signalling_ring, full_is_counted)
{
	struct signalling_ring *r = signalling_ring_new(1);
	struct signalling_packet p = packet(1), got;
	uint32_t n = 0;

	fill_pattern();
	p.length = 900;
	while (signalling_ring_push(r, &p))
		n++;
	cr_expect(n >= 3 && n <= 4, "%u", n);
	cr_expect_eq(signalling_ring_full(r), 1);
	for (unsigned i = 0; i < 100; i++) { // round and round
		cr_assert(signalling_ring_peek(r, &got) && got.length == 900);
		signalling_ring_pop(r);
		cr_assert(signalling_ring_push(r, &p));
	}
	p.length = 5000; // never fits
	cr_expect(!signalling_ring_push(r, &p));
	cr_expect_eq(signalling_ring_full(r), 2);
	while (n--) {
		cr_assert(signalling_ring_peek(r, &got));
		signalling_ring_pop(r);
	}
	cr_expect(!signalling_ring_peek(r, &got));
	signalling_ring_pop(r); // of nothing: nothing
	p.length = 0;
	cr_expect(signalling_ring_push(r, &p) && signalling_ring_peek(r, &got) && !got.length);
	signalling_ring_free(r);
	signalling_ring_free(NULL);
}
