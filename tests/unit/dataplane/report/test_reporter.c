#include "dataplane/report/reporter.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#define WORKERS 2
#define PACKETS 60000u
#define PORTS 50
#define TASKS 2

struct bed {
	struct task_counters_worker slots;
	struct report_ring *rings[WORKERS];
	struct capture *capture;
	struct copy_ring *ring;
	struct reporter *reporter;
	struct x2_task *task[TASKS];
	uint32_t segment, copy; // read so far
	uint64_t packets[TASKS], bytes[TASKS];
	uint64_t ends;
	uint64_t next; // sequence number of the one context
};

static struct bed bed;

static void begin(void)
{
	struct bed *b = &bed;
	struct capture_settings s = {
		.pool_octets = 64u << 20, .n_deliver = 1, .slots = &b->slots, .x2_only = true};
	struct copy_ring_settings rs = {.quota = 64u << 20, .minor = 5};

	b->slots.counters[0] = calloc(SLOT_CHUNK, sizeof(struct slot_counters));
	b->slots.sequence[0] = calloc(SLOT_CHUNK, sizeof(uint32_t));
	cr_assert_eq(pdu_origin_make(&s.origin, "nf", "poi-1.a.0"), 0);
	b->capture = capture_new(&s);
	b->ring = copy_ring_new(b->capture, &rs);
	capture_attach(b->capture, 3, COPY_X2, b->ring);
	for (int i = 0; i < WORKERS; i++)
		b->rings[i] = report_ring_new(1024);
	struct reporter_settings r = {.rings = b->rings,
		.n_rings = WORKERS,
		.capture = b->capture,
		.flows = 1024,
		.idle_ns = 30000000000};
	b->reporter = reporter_new(&r);
	cr_assert_not_null(b->reporter);
	cr_assert_eq(reporter_start(b->reporter), 0);
	for (uint32_t i = 0; i < TASKS; i++) {
		b->task[i] = calloc(1, sizeof(struct x2_task));
		*b->task[i] = (struct x2_task){.version = i,
			.slot = i,
			.report = REPORT_PDSR,
			.n_destinations = 1,
			.destination = {3},
			.triggers = {.packets = 40}};
		reporter_join(b->reporter);
	}
}

static void end(void)
{
	struct bed *b = &bed;

	reporter_stop(b->reporter);
	reporter_free(b->reporter);
	copy_ring_free(b->ring);
	capture_free(b->capture);
	for (int i = 0; i < WORKERS; i++)
		report_ring_free(b->rings[i]);
	for (int i = 0; i < TASKS; i++)
		free(b->task[i]);
	free(b->slots.counters[0]);
	free(b->slots.sequence[0]);
}

TestSuite(reporter, .init = begin, .fini = end);

// Reads the PDUs that deliver would send by now; numbers without a gap.
static void read_reports(struct bed *b)
{
	struct segment *s;

	while ((s = copy_ring_segment(b->ring, b->segment))) {
		bool closed = atomic_load_explicit(&s->closed, memory_order_acquire);
		uint32_t pushed = atomic_load_explicit(&s->pushed, memory_order_acquire);
		for (; b->copy < pushed; b->copy++) {
			uint32_t at = b->copy ? s->copy[b->copy - 1].end : 0;
			struct pdu p;
			struct xiri x;
			const char *why;
			cr_assert_gt(pdu_decode(s->octets + at, s->copy[b->copy].end - at, 8192, &p,
					     &why),
				0);
			cr_assert_eq(p.sequence, b->next++);
			cr_assert_eq(xiri_decode(p.payload, p.payload_length, &x), 0);
			uint32_t t = s->copy[b->copy].slot;
			b->packets[t] += x.packets;
			b->bytes[t] += x.bytes;
			b->ends += x.trigger == SUMMARY_END;
		}
		if (!closed)
			break;
		b->segment++;
		b->copy = 0;
	}
}

struct source {
	struct report_ring *ring;
	struct x2_task *const *task;
	uint32_t number;
	uint64_t packets[TASKS], bytes[TASKS];
};

// A worker that waits where a real one would count a loss, so that every packet must be reported.
static void *produce(void *argument)
{
	struct source *s = argument;

	for (uint32_t i = 0; i < PACKETS; i++) {
		struct header_digest *d;
		while (!(d = report_ring_next(s->ring))) {
			report_ring_publish(s->ring);
			sched_yield();
		}
		uint32_t t = i % TASKS;
		*d = (struct header_digest){.task = s->task[t],
			.time_ns = 1767225600000000000u + i,
			.facts = {.address = {10, 0, 0, (uint8_t)s->number},
				.sport = (uint16_t)(i / TASKS % PORTS),
				.size = (uint16_t)i,
				.family = 4,
				.protocol = 17,
				.direction = PDU_DIRECTION_TO_TARGET,
				.flags = HEADER_PORTS}};
		s->packets[t]++;
		s->bytes[t] += (uint16_t)i;
		if (i % 32 == 31)
			report_ring_publish(s->ring);
	}
	report_ring_publish(s->ring);
	return NULL;
}

Test(reporter, every_packet_of_every_worker_is_reported_when_its_task_has_left)
{
	struct bed *b = &bed;
	struct source source[WORKERS];
	pthread_t thread[WORKERS];
	uint64_t packets[TASKS] = {0}, bytes[TASKS] = {0};

	for (uint32_t i = 0; i < WORKERS; i++) {
		source[i] = (struct source){.ring = b->rings[i], .task = b->task, .number = i};
		cr_assert_eq(pthread_create(&thread[i], NULL, produce, &source[i]), 0);
	}
	for (uint32_t i = 0; i < WORKERS; i++) {
		pthread_join(thread[i], NULL);
		for (int t = 0; t < TASKS; t++) {
			packets[t] += source[i].packets[t];
			bytes[t] += source[i].bytes[t];
		}
	}
	for (int t = 0; t < TASKS; t++)
		reporter_leave(b->reporter, b->task[t]);
	reporter_wait(b->reporter);
	read_reports(b); // no waiting: they are queued
	for (int t = 0; t < TASKS; t++) {
		cr_expect_eq(b->packets[t], packets[t], "%lu of %lu", b->packets[t], packets[t]);
		cr_expect_eq(b->bytes[t], bytes[t]);
	}
	cr_expect_eq(b->ends, TASKS * WORKERS * PORTS);
	cr_expect_eq(reporter_counts(b->reporter).live, 0);
	cr_expect_eq(reporter_counts(b->reporter).evicted, 0);
}

static void put(struct report_ring *r, const struct x2_task *t)
{
	*report_ring_next(r) = (struct header_digest){.task = t,
		.time_ns = 1767225600000000000u,
		.facts = {.size = 100, .family = 4, .protocol = 1, .direction = 2}};
	report_ring_publish(r);
}

Test(reporter, versions_that_left_together_are_passed_over)
{
	struct bed *b = &bed;
	struct x2_task second = *b->task[0], third = *b->task[0];

	put(b->rings[0], b->task[0]);
	second.version = 10;
	third.version = 11;
	reporter_join(b->reporter);
	reporter_join(b->reporter);
	b->task[0]->successor = &second;
	second.successor = &third;
	b->task[0]->leaving = second.leaving = true;
	reporter_leave(b->reporter, &second);
	reporter_leave(b->reporter, b->task[0]);
	reporter_wait(b->reporter);
	read_reports(b);
	cr_expect_eq(b->packets[0], 1);
	cr_expect_eq(b->ends, 0, "the flow goes on");
	put(b->rings[1], &third);
	third.leaving = true;
	reporter_leave(b->reporter, &third);
	reporter_wait(b->reporter);
	read_reports(b);
	cr_expect_eq(b->packets[0], 2);
	cr_expect_eq(b->ends, 1);
}

Test(reporter, stopping_ends_what_is_open)
{
	struct bed *b = &bed;

	put(b->rings[0], b->task[0]);
	put(b->rings[1], b->task[1]);
	reporter_stop(b->reporter);
	read_reports(b);
	cr_expect_eq(b->packets[0] + b->packets[1], 2);
	cr_expect_eq(b->ends, 2);
}
