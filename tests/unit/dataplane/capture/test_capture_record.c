#include "capture_bed.h"

#define RECORD_OCTETS 300

// A record of a network function is a copy like another: counted, numbered in the context that the
// caller names, under the correlation ID that it names, without addresses of a packet.
static struct bed *record_bed(uint16_t max_header, struct x2_task **task, struct copy_ring **r)
{
	struct bed *b = bed_new(4 << 20);
	struct capture_settings s = {.origin = b->origin,
		.pool_octets = 4 << 20,
		.n_deliver = 1,
		.max_header = max_header,
		.attributes = CAPTURE_ADDRESSES,
		.slots = b->slots};

	capture_free(b->capture);
	b->capture = capture_new(&s);
	*task = x2_of(b, REPORT_NONE, 3, 20);
	*r = x2_ring(b, 0);
	return b;
}

static struct capture_record record_of(const uint8_t *octets, uint32_t length)
{
	return (struct capture_record){.octets = octets,
		.length = length,
		.direction = PDU_DIRECTION_NOT_APPLICABLE,
		.context = 19,
		.correlation = 4711,
		.time_ns = TIME_NS};
}

static unsigned matched_of(const struct pdu *p)
{
	const uint8_t *at = p->attributes, *end = at + p->header_length - PDU_HEADER_MIN;
	unsigned n = 0;

	for (; at < end; at += 4 + wire_load16(at + 2))
		n += wire_load16(at) == PDU_ATTR_MATCHED_TARGET;
	return n;
}

Test(capture, a_record_is_a_pdu_of_its_context)
{
	struct x2_task *task;
	struct copy_ring *r;
	struct bed *b = record_bed(0, &task, &r);
	uint8_t octets[RECORD_OCTETS];
	struct pdu p;

	memset(octets, 0x5a, sizeof(octets));
	struct capture_record record = record_of(octets, sizeof(octets));
	capture_record(b->capture, task, &record);
	capture_record(b->capture, task, &record);
	capture_publish(b->capture);
	copy_at(r, 1, &p);
	cr_assert_eq(p.type, PDU_X2);
	cr_assert_eq(p.minor, 5);
	cr_assert_eq(p.format, PDU_FORMAT_33128);
	cr_assert_eq(p.direction, PDU_DIRECTION_NOT_APPLICABLE);
	cr_assert_eq(p.correlation, 4711);
	cr_assert_eq(p.sequence, 1);
	cr_assert_eq(p.time_ns, TIME_NS);
	cr_assert(memcmp(p.xid.b, task->header_xid.b, 16) == 0);
	cr_assert_eq(p.payload_length, sizeof(octets));
	cr_assert(memcmp(p.payload, octets, sizeof(octets)) == 0);
	cr_assert_eq(matched_of(&p), 3);
	cr_assert_eq(p.present & (1u << PDU_ATTR_SOURCE_IPV4 | 1u << PDU_ATTR_SOURCE_IPV6), 0);
	cr_assert_eq(*slot_sequence_of(b->slots, 19), 2);
	cr_assert_eq(*slot_sequence_of(b->slots, task->context), 0);
	cr_assert_eq(counters(b)->offered, 2);
	cr_assert_eq(counters(b)->x2_octets, 2 * sizeof(octets));
	free(task);
	bed_free(b, r, NULL);
}

Test(capture, headers_of_records_stay_within_their_bound)
{
	struct x2_task *task;
	struct copy_ring *r;
	// The origin's attributes and two of the three of the task.
	struct bed *b = record_bed(PDU_HEADER_MIN + 100, &task, &r);
	const uint8_t octets[4] = {0};
	const struct capture_record record = record_of(octets, sizeof(octets));
	struct pdu p;

	capture_record(b->capture, task, &record);
	capture_publish(b->capture);
	copy_at(r, 0, &p);
	cr_assert_leq(p.header_length, PDU_HEADER_MIN + 100);
	cr_assert_lt(matched_of(&p), 3);
	cr_assert_geq(matched_of(&p), 1);
	free(task);
	bed_free(b, r, NULL);
}

Test(capture, a_record_that_a_destination_does_not_take_is_lost_there_alone)
{
	struct x2_task *task;
	struct copy_ring *r;
	struct bed *b = record_bed(0, &task, &r);
	const struct copy_ring_settings small = {.quota = 1 << 20, .minor = 5, .max_pdu = 200};
	struct copy_ring *other = copy_ring_new(b->capture, &small);
	struct copy_ring_counts counts = {0};
	uint8_t octets[RECORD_OCTETS] = {0};
	const struct capture_record record = record_of(octets, sizeof(octets));
	struct pdu p;

	capture_attach(b->capture, 1, COPY_X2, other);
	task->n_destinations = 2;
	task->destination[1] = 1;
	capture_record(b->capture, task, &record);
	capture_publish(b->capture);
	copy_at(r, 0, &p);
	cr_assert_null(copy_ring_segment(other, 0));
	copy_ring_counts(other, &counts);
	cr_assert_eq(counts.lost[LOSS_PDU_TOO_LARGE], 1);
	cr_assert_eq(counters(b)->offered, 2);
	cr_assert_eq(counters(b)->lost[LOSS_PDU_TOO_LARGE], 1);
	free(task);
	bed_free(b, r, other);
}
