#pragma once

// Shared by the tests of delivery: one worker, its PDUs, and the expected books of delivery and of
// an MDF.

#include "dataplane/deliver/deliver.h"

#include <dirent.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <rte_mbuf.h>

#include "tests/unit/dataplane/deliver/lab_mdf.h"

#define PAYLOAD 700u // of the largest packet
#define HEAD 89u
#define SLOTS 4u

struct bed {
	struct lab_pki pki;
	struct config config;
	struct task_counters_worker slots;
	struct capture *capture;
	struct deliver *deliver;
	struct rule rule[SLOTS];
	uint32_t pushed;
	uint8_t frame[2048];
};

static inline struct bed *bed_new(void)
{
	struct bed *b = calloc(1, sizeof(*b));
	char why[200] = "";

	signal(SIGPIPE, SIG_IGN); // of the lab MDF; delivery protects itself
	lab_pki_make(&b->pki);
	struct config_delivery *d = &b->config.delivery;
	d->drain = 5;
	d->tls = (struct config_tls){
		.certificate = b->pki.certificate, .key = b->pki.key, .ca = b->pki.ca};
	d->keepalive = (struct config_keepalive){
		.enabled = true, .time_p1 = 60, .time_p2 = 180, .require_ack = true};
	d->buffer = 16 << 20;
	d->resend_in_doubt = true;
	d->flush_us = 50;
	d->threads = 1;
	d->probe_timeout = 3;
	d->stall_report = 3;
	b->slots.counters[0] = calloc(SLOT_CHUNK, sizeof(struct slot_counters));
	b->slots.sequence[0] = calloc(SLOT_CHUNK, sizeof(uint32_t));
	struct capture_settings s = {.pool_octets = 32 << 20, .n_deliver = 4, .slots = &b->slots};
	cr_assert_eq(pdu_origin_make(&s.origin, "upf-1.example.org", "CC-1"), 0);
	b->capture = capture_new(&s);
	for (size_t i = 0; i < sizeof(b->frame); i++)
		b->frame[i] = (uint8_t)(i * 31 + i / 200);
	for (uint32_t i = 0; i < SLOTS; i++) {
		b->rule[i] = (struct rule){
			.slot = i, .context_x3 = i, .delivery = DELIVERY_X3, .n_destinations = 1};
		b->rule[i].header_xid.b[15] = (uint8_t)i;
	}
	(void)why;
	return b;
}

static inline void bed_start(struct bed *b)
{
	char why[200] = "";

	b->deliver = deliver_new(&b->config, &b->capture, 1, why, sizeof(why));
	cr_assert_not_null(b->deliver, "%s", why);
	cr_assert_eq(deliver_start(b->deliver), 0);
}

static inline void bed_free(struct bed *b)
{
	deliver_stop(b->deliver);
	deliver_free(b->deliver);
	capture_free(b->capture);
	free(b->slots.counters[0]);
	free(b->slots.sequence[0]);
	lab_pki_free(&b->pki);
	free(b);
}

static inline uint16_t add(struct bed *b, uint16_t port, uint8_t did)
{
	struct channel_destination dest = {.delivery = DELIVERY_X3,
		.address = {.family = 4, .b = {127, 0, 0, 1}},
		.port = port};
	uint16_t index = 0;

	dest.did.b[0] = did;
	cr_assert_eq(deliver_add(b->deliver, &dest, &index), 0);
	return index;
}

static inline uint32_t payload_length(uint32_t number)
{
	return 40 + number * 37 % (PAYLOAD - 40);
}

// One packet of this rule; its length follows from its number. `slot` doubles as the rule's place.
static inline void push(struct bed *b, uint32_t slot)
{
	uint32_t number = b->slots.sequence[0][slot];
	struct packet_view v = {.data = b->frame,
		.length = 1500,
		.total = 1500,
		.n_layers = 1,
		.layer[0] = {.l3 = 14, .length = (uint16_t)payload_length(number), .family = 4}};
	struct hit h = {.rule = &b->rule[slot], .direction = PDU_DIRECTION_FROM_TARGET};
	void *mbufs[1] = {NULL};

	capture_burst(b->capture, &h, 1, &v, mbufs, 1767225600000000000ull + b->pushed);
	b->pushed++;
}

static inline void push_many(struct bed *b, uint32_t slot, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		push(b, slot);
		if (i % 64 == 63)
			usleep(100);
	}
}

static inline struct channel_destination_status status_of(struct bed *b, uint16_t index)
{
	struct channel_destination_status s;
	cr_assert_eq(deliver_status(b->deliver, index, &s), 0);
	return s;
}

#define WAIT_FOR(condition, milliseconds)                                             \
	do {                                                                          \
		bool met_ = (condition);                                              \
		for (int waited_ = 0; !met_ && waited_ < (milliseconds); waited_++) { \
			usleep(1000);                                                 \
			met_ = (condition);                                           \
		}                                                                     \
		cr_assert(met_, "not within %d ms: %s", milliseconds, #condition);    \
	} while (0)

static inline uint64_t accounted(const struct copy_balance *c)
{
	uint64_t sum = c->acknowledged + c->in_doubt - c->unsettled;
	for (int i = 0; i < LOSS_COUNT; i++)
		sum += c->lost[i];
	return sum;
}

// Copies that wait or were sent, and have no end yet.
static inline uint64_t kept(const struct copy_balance *c)
{
	return c->queued + c->unsettled;
}

static inline bool all_accounted(struct bed *b, uint16_t index)
{
	struct channel_destination_status s = status_of(b, index);
	return kept(&s.copies) == 0 && accounted(&s.copies) == s.copies.offered;
}

static inline uint64_t acknowledged(struct bed *b, uint16_t index)
{
	return status_of(b, index).copies.acknowledged;
}

// The destination's book is written before the task's: whether both have the last copy.
static inline bool books_agree(struct bed *b)
{
	struct copy_balance total, slots = {0};

	deliver_totals(b->deliver, &total);
	for (uint32_t i = 0; i < SLOTS; i++)
		deliver_slot_balance(b->deliver, i, &slots);
	return slots.acknowledged == total.acknowledged &&
	       total.offered == accounted(&total) + kept(&total);
}

// offered = acknowledged + lost + queued + in doubt, for the destination, for the whole, and the
// slots' two books together. At rest only: every destination has what was pushed.
static inline void expect_balance(struct bed *b, uint16_t index)
{
	struct copy_balance total, slots = {0};
	uint64_t offered = 0;

	WAIT_FOR(books_agree(b), 1000);
	struct channel_destination_status s = status_of(b, index);
	cr_assert_eq(s.copies.offered, accounted(&s.copies) + kept(&s.copies));
	deliver_totals(b->deliver, &total);
	cr_assert_eq(total.offered, accounted(&total) + kept(&total));
	for (uint32_t i = 0; i < SLOTS; i++) {
		const struct slot_counters *n = slot_counters_of(&b->slots, i);
		offered += n->offered;
		for (int k = 0; k < LOSS_COUNT; k++)
			slots.lost[k] += n->lost[k];
		deliver_slot_balance(b->deliver, i, &slots);
	}
	cr_assert_eq(offered, total.offered);
	cr_assert_eq(accounted(&slots) + kept(&total), offered);
	cr_assert_eq(slots.acknowledged, total.acknowledged);
	cr_assert_eq(slots.octets, total.octets);
}

// Walks one connection's octets: exact payloads, each number once and ascending (`gaps`: how many
// numbers may be missing). Octets of a PDU that was cut off may follow. Returns the next number.
static inline uint32_t check_stream(
	struct bed *b, struct lab_mdf *m, uint32_t connection, uint32_t next, uint32_t *gaps)
{
	pthread_mutex_lock(&m->lock);
	size_t at = m->start[connection];
	size_t end = connection + 1 < m->connections ? m->start[connection + 1] : m->n_kept;
	while (at < end) {
		struct pdu p;
		const char *why;
		int64_t n = pdu_decode(m->kept + at, end - at, 1 << 20, &p, &why);
		if (n == POI_ERR_AGAIN)
			break;
		cr_assert_gt(n, 0, "%s", why);
		at += (size_t)n;
		if (p.type != PDU_X3)
			continue;
		if (gaps && p.sequence > next)
			*gaps += p.sequence - next;
		else
			cr_assert_eq(p.sequence, next);
		cr_assert_eq(p.payload_length, payload_length(p.sequence));
		cr_assert_eq(memcmp(p.payload, b->frame + 14, p.payload_length), 0);
		next = p.sequence + 1;
	}
	pthread_mutex_unlock(&m->lock);
	return next;
}

static inline uint32_t first_number(struct lab_mdf *m, uint32_t connection)
{
	struct pdu p;
	const char *why;

	pthread_mutex_lock(&m->lock);
	int64_t n = pdu_decode(m->kept + m->start[connection], m->n_kept - m->start[connection],
		1 << 20, &p, &why);
	pthread_mutex_unlock(&m->lock);
	cr_assert_gt(n, 0, "connection %u does not begin with a PDU: %s", connection, why);
	return p.sequence;
}

static inline bool next_event(struct bed *b, uint8_t kind, struct channel_event *e)
{
	while (deliver_next_event(b->deliver, e))
		if (e->kind == kind)
			return true;
	return false;
}

// The status has it first, the event follows.
static inline bool event_comes(struct bed *b, uint8_t kind, struct channel_event *e)
{
	for (unsigned ms = 0; ms < 3000; ms++, usleep(1000))
		if (next_event(b, kind, e))
			return true;
	return false;
}
