#pragma once

// Shared by the tests of a stream: two workers, one destination, and books that must balance.

#include "dataplane/deliver/stream.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "shared/channel.h"

#define FLUSH 50000u
#define HEAD 89u
#define MS 1000000ull

// Two workers, one destination, both kinds; TLS adds nothing, so its offsets are ours.
struct bed {
	struct capture *capture[2];
	struct task_counters_worker slots[2];
	struct copy_outcomes book;
	struct stream *stream;
	struct rule rule;
	uint8_t frame[20000];
	uint64_t written; // offset in the stream
	uint64_t now;
	uint64_t received; // of the packets pushed
};

static inline struct bed *bed_new(void)
{
	struct bed *b = calloc(1, sizeof(*b));

	b->now = 1000 * MS;
	b->stream = stream_new(2, &b->book, NULL);
	for (uint32_t w = 0; w < 2; w++) {
		struct capture_settings s = {
			.worker = w, .pool_octets = 8 << 20, .n_deliver = 1, .slots = &b->slots[w]};
		cr_assert_eq(pdu_origin_make(&s.origin, "upf-1.example.org", "CC-1"), 0);
		b->slots[w].counters[0] = calloc(SLOT_CHUNK, sizeof(struct slot_counters));
		b->slots[w].sequence[0] = calloc(SLOT_CHUNK, sizeof(uint32_t));
		b->capture[w] = capture_new(&s);
		for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
			struct stream_line *l = stream_line(b->stream, w, k);
			struct copy_ring_settings r = {.quota = 8 << 20, .minor = 5, .owner = l};
			struct copy_ring *ring = copy_ring_new(b->capture[w], &r);
			stream_attach(b->stream, l, ring);
			capture_attach(b->capture[w], 0, COPY_X3, ring);
			if (k == COPY_X2) // its own number: the rule decides below
				capture_attach(b->capture[w], 1, COPY_X3, ring);
		}
	}
	b->rule = (struct rule){.slot = 3, .delivery = DELIVERY_X3, .n_destinations = 1};
	return b;
}

static inline void bed_free(struct bed *b)
{
	stream_free(b->stream);
	for (int w = 0; w < 2; w++) {
		capture_free(b->capture[w]);
		free(b->slots[w].counters[0]);
		free(b->slots[w].sequence[0]);
	}
	copy_outcomes_clear(&b->book);
	free(b);
}

// Destination 0 is the worker's X3 line; 1 its X2 line (filled the same way).
static inline void push(
	struct bed *b, uint32_t worker, uint16_t destination, uint32_t n, uint16_t length)
{
	struct copy_ring *r;

	b->rule.destination[0] = destination;
	for (uint32_t i = 0; i < n; i++) {
		struct packet_view v = {.data = b->frame,
			.length = sizeof(b->frame),
			.total = sizeof(b->frame),
			.n_layers = 1,
			.layer[0] = {.length = length, .family = 4}};
		struct hit h = {.rule = &b->rule, .direction = 3};
		void *mbufs[1] = {NULL};
		capture_burst(b->capture[worker], &h, 1, &v, mbufs, b->received);
	}
	while ((r = capture_ready(b->capture[worker], 0)))
		stream_wake(copy_ring_owner(r), b->now);
}

static inline uint32_t send_one(struct bed *b, struct stream_piece *p)
{
	if (!stream_next(b->stream, b->now, FLUSH, false, p))
		return 0;
	b->written += p->length;
	cr_assert_eq(stream_sent(b->stream, p, b->written), 0);
	return p->length;
}

static inline struct copy_balance balance(struct bed *b)
{
	struct copy_balance n = {0};
	uint64_t octets = 0;

	stream_balance(b->stream, &n, &octets);
	uint64_t sum = n.acknowledged + n.in_doubt + n.queued;
	for (int i = 0; i < LOSS_COUNT; i++)
		sum += n.lost[i];
	cr_assert_eq(sum, n.offered);
	struct copy_balance slot = {0};
	copy_outcomes_read(&b->book, 3, &slot);
	cr_assert_eq(slot.acknowledged, n.acknowledged);
	cr_assert_eq(slot.in_doubt, n.in_doubt - n.unsettled);
	cr_assert_eq(slot.octets, n.octets);
	return n;
}
