#pragma once

// Surroundings of a worker's capture in a test.

#include "dataplane/capture/capture.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <rte_mbuf.h>

#include "shared/channel.h"

#define TIME_NS 1767225600123456789ull

// A worker's capture with one rule and frames of its own; the results of parser and matcher are
// written by hand.
struct bed {
	struct task_counters_worker *slots;
	struct capture *capture;
	struct rule rule;
	struct packet_view view;
	struct hit hit;
	uint8_t frame[4096];
	struct rte_mbuf mbuf[3];
	struct pdu_origin origin;
};

static inline struct bed *bed_new(uint64_t pool)
{
	struct bed *b =
		aligned_alloc(alignof(struct bed), sizeof(*b)); // mbufs stand on cache lines
	memset(b, 0, sizeof(*b));
	b->slots = calloc(1, sizeof(*b->slots));
	b->slots->counters[0] = calloc(SLOT_CHUNK, sizeof(struct slot_counters));
	b->slots->sequence[0] = calloc(SLOT_CHUNK, sizeof(uint32_t));
	cr_assert_eq(pdu_origin_make(&b->origin, "upf-1.example.org", "CC-1"), 0);
	struct capture_settings s = {
		.origin = b->origin, .pool_octets = pool, .n_deliver = 1, .slots = b->slots};
	b->capture = capture_new(&s);
	cr_assert_not_null(b->capture);
	for (size_t i = 0; i < sizeof(b->frame); i++)
		b->frame[i] = (uint8_t)(i * 7 + i / 256);
	b->rule = (struct rule){
		.slot = 5, .context_x3 = 9, .delivery = DELIVERY_X3, .n_destinations = 1};
	memset(b->rule.header_xid.b, 0xab, 16);
	b->rule.correlation = 77;
	b->view = (struct packet_view){.data = b->frame,
		.length = 1014,
		.total = 1014,
		.n_layers = 1,
		.layer[0] = {.l3 = 14, .length = 1000, .family = 4}};
	b->hit = (struct hit){.rule = &b->rule, .direction = PDU_DIRECTION_TO_TARGET};
	b->mbuf[0] = (struct rte_mbuf){
		.buf_addr = b->frame, .data_len = 1014, .pkt_len = 1014, .nb_segs = 1};
	return b;
}

static inline void bed_free(struct bed *b, struct copy_ring *r, struct copy_ring *other)
{
	copy_ring_free(r);
	copy_ring_free(other);
	capture_free(b->capture);
	free(b->slots->counters[0]);
	free(b->slots->sequence[0]);
	free(b->slots);
	free(b);
}

static inline struct slot_counters *counters(struct bed *b)
{
	return slot_counters_of(b->slots, b->rule.slot);
}

static inline struct copy_ring *ring(
	struct bed *b, uint16_t destination, uint64_t quota, uint8_t minor)
{
	struct copy_ring_settings s = {.quota = quota, .minor = minor};
	struct copy_ring *r = copy_ring_new(b->capture, &s);
	cr_assert_not_null(r);
	capture_attach(b->capture, destination, COPY_X3, r);
	return r;
}

static inline void hit_times(struct bed *b, unsigned n)
{
	void *mbufs[1] = {&b->mbuf[0]};
	for (unsigned i = 0; i < n; i++)
		capture_burst(b->capture, &b->hit, 1, &b->view, mbufs, TIME_NS);
}

// The PDU with this index in the first segment, decoded.
static inline const uint8_t *copy_at(struct copy_ring *r, uint32_t index, struct pdu *p)
{
	struct segment *s = copy_ring_segment(r, 0);
	const char *why;

	cr_assert_not_null(s);
	cr_assert_lt(index, s->pushed);
	uint32_t start = index ? s->copy[index - 1].end : 0;
	int64_t n =
		pdu_decode(s->octets + start, s->copy[index].end - start, SEGMENT_SIZE, p, &why);
	cr_assert_eq(n, s->copy[index].end - start, "%s", why);
	cr_assert_eq(s->copy[index].payload, p->payload_length);
	return s->octets + start;
}

// The task's attributes 17: `n` of them, `size` octets of text each.
static inline struct x2_task *x2_of(struct bed *b, uint8_t report, unsigned n, uint16_t size)
{
	struct x2_task *t = calloc(1, sizeof(*t) + n * (size + 4u));

	*t = (struct x2_task){.slot = b->rule.slot,
		.context = 11,
		.header_xid = b->rule.header_xid,
		.correlation = 78,
		.report = report,
		.n_destinations = 1,
		.matched_length = (uint16_t)(n * (size + 4u))};
	for (unsigned i = 0; i < n; i++) {
		uint8_t *at = t->matched + i * (size + 4u);
		at[1] = PDU_ATTR_MATCHED_TARGET;
		at[2] = (uint8_t)(size >> 8);
		at[3] = (uint8_t)size;
		memset(at + 4, 'a' + (int)i, size);
	}
	b->rule.x2 = t;
	b->rule.delivery = DELIVERY_X2;
	b->view.layer[0].protocol = 17;
	b->view.layer[0].flags = LAYER_PORTS;
	b->view.layer[0].sport = 1000;
	b->view.layer[0].dport = 53;
	b->view.layer[0].source = 12;
	b->view.layer[0].address_length = 4;
	return t;
}

static inline struct copy_ring *x2_ring(struct bed *b, uint16_t destination)
{
	struct copy_ring_settings s = {.quota = 1 << 20, .minor = 5};
	struct copy_ring *r = copy_ring_new(b->capture, &s);

	cr_assert_not_null(r);
	capture_attach(b->capture, destination, COPY_X2, r);
	return r;
}
