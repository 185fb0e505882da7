#include "capture_bed.h"
#include "record_lab.h"

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

#define RELEASE "{\"sUPI\":{\"nAI\":\"a@b\"},\"pDUSessionID\":5"
#define CAUSE ",\"cause\":\"a cause of thirty octets or more\""
#define RULES ",\"pCCRuleIDs\":[\"one\",\"two\",\"three\",\"four\"]"

static struct ber_writer release_of(uint8_t *room, size_t size, const char *json)
{
	static struct record_lab lab;
	struct ber_writer w = ber_writer_of(room, size);
	struct record_fault fault;

	record_lab_read(&lab, json);
	cr_assert_eq(record_encode(
			     &w, RECORD_SMF_RELEASE, CONFIG_XIRI_R18, lab.nodes, lab.count, &fault),
		0);
	return w;
}

static void is_release(const struct pdu *p, const char *json)
{
	uint8_t room[RECORD_OCTETS];
	const struct ber_writer w = release_of(room, sizeof(room), json);

	cr_assert_eq(p->payload_length, ber_written(&w), "%u octets, wanted %zu", p->payload_length,
		ber_written(&w));
	cr_assert(memcmp(p->payload, w.at, p->payload_length) == 0);
}

// Each destination has what it takes, with a descriptor of that length.
Test(capture, a_record_is_shortened_for_the_destination_that_takes_less)
{
	struct x2_task *task;
	struct copy_ring *r;
	struct bed *b = record_bed(0, &task, &r);
	uint8_t room[RECORD_OCTETS];
	const struct ber_writer w = release_of(room, sizeof(room), RELEASE CAUSE RULES "}");
	struct capture_record record = record_of(w.at, (uint32_t)ber_written(&w));
	struct copy_ring_settings small = {.quota = 1 << 20, .minor = 5};
	struct copy_ring *other;
	struct copy_ring_counts counts = {0};
	struct pdu p;

	record.kind = RECORD_SMF_RELEASE;
	capture_record(b->capture, task, &record);
	capture_publish(b->capture);
	copy_at(r, 0, &p);
	small.max_pdu = p.header_length + p.payload_length - 1;
	other = copy_ring_new(b->capture, &small);
	capture_attach(b->capture, 1, COPY_X2, other);
	task->n_destinations = 2;
	task->destination[1] = 1;
	cr_assert_eq(capture_record(b->capture, task, &record), 1);
	capture_publish(b->capture);
	copy_at(r, 1, &p);
	is_release(&p, RELEASE CAUSE RULES "}");
	cr_assert_eq(p.sequence, 1);
	copy_at(other, 0, &p);
	is_release(&p, RELEASE CAUSE "}");
	cr_assert_eq(p.sequence, 1);
	cr_assert_eq(p.correlation, 4711);
	cr_assert_leq(p.header_length + p.payload_length, small.max_pdu);
	cr_assert_eq(copy_ring_segment(other, 0)->copy[0].payload, p.payload_length);
	cr_assert_eq(copy_ring_segment(other, 0)->copy[0].end, p.header_length + p.payload_length);
	copy_ring_counts(other, &counts);
	cr_assert_eq(counts.pushed, 1);
	cr_assert_eq(counts.lost[LOSS_PDU_TOO_LARGE], 0);
	cr_assert_eq(counters(b)->lost[LOSS_PDU_TOO_LARGE], 0);
	cr_assert_eq(counters(b)->offered, 3);
	free(task);
	bed_free(b, r, other);
}

// From one that takes all down to one that does not even take the header.
Test(capture, a_record_is_lost_where_what_must_stay_is_too_large)
{
	struct x2_task *task;
	struct copy_ring *r;
	struct bed *b = record_bed(0, &task, &r);
	uint8_t room[RECORD_OCTETS];
	const struct ber_writer w = release_of(room, sizeof(room), RELEASE CAUSE RULES "}");
	struct capture_record record = record_of(w.at, (uint32_t)ber_written(&w));
	struct pdu p;

	record.kind = RECORD_SMF_RELEASE;
	capture_record(b->capture, task, &record);
	capture_publish(b->capture);
	copy_at(r, 0, &p);
	const uint32_t header = p.header_length;
	const struct ber_writer least = release_of(room, sizeof(room), RELEASE "}");
	const uint32_t fits = header + (uint32_t)ber_written(&least);
	(void)release_of(room, sizeof(room), RELEASE CAUSE RULES "}");
	for (uint32_t most = header + p.payload_length; most > 0; most--) {
		const struct copy_ring_settings s = {.quota = 1 << 20, .minor = 5, .max_pdu = most};
		struct copy_ring *other = copy_ring_new(b->capture, &s);
		struct copy_ring_counts counts = {0};
		uint64_t lost = counters(b)->lost[LOSS_PDU_TOO_LARGE];

		capture_attach(b->capture, 0, COPY_X2, other);
		unsigned n = capture_record(b->capture, task, &record);
		capture_publish(b->capture);
		copy_ring_counts(other, &counts);
		cr_assert_eq(counts.lost[LOSS_PDU_TOO_LARGE], most < fits, "%u", most);
		cr_assert_eq(counters(b)->lost[LOSS_PDU_TOO_LARGE], lost + (most < fits));
		cr_assert_eq(counts.pushed, most >= fits);
		cr_assert_eq(n, most >= fits && most < header + p.payload_length);
		if (most >= fits) {
			struct pdu q;
			copy_at(other, 0, &q);
			cr_assert_leq(q.header_length + q.payload_length, most);
		}
		capture_detach(b->capture, 0, COPY_X2);
		struct copy_ring *gone;
		while ((gone = capture_ready(b->capture, 0)) != NULL)
			cr_assert(gone == r || gone == other);
		copy_ring_free(other);
	}
	free(task);
	bed_free(b, r, NULL);
}

// A copy without room in its ring is lost, not shortened.
Test(capture, a_shortened_record_without_room_does_not_count_as_shortened)
{
	struct x2_task *task;
	struct copy_ring *r;
	struct bed *b = record_bed(0, &task, &r);
	const struct copy_ring_settings small = {.quota = 10, .minor = 5, .max_pdu = 250};
	struct copy_ring *other = copy_ring_new(b->capture, &small);
	struct copy_ring_counts counts = {0};
	uint8_t room[2 * RECORD_OCTETS];
	char json[500];

	sprintf(json, RELEASE ",\"cause\":\"%0300d\"}", 0);
	const struct ber_writer w = release_of(room, sizeof(room), json);
	struct capture_record record = record_of(w.at, (uint32_t)ber_written(&w));
	record.kind = RECORD_SMF_RELEASE;
	capture_attach(b->capture, 0, COPY_X2, other);
	cr_assert_eq(capture_record(b->capture, task, &record), 0);
	copy_ring_counts(other, &counts);
	cr_assert_eq(counts.lost[LOSS_BUFFER_FULL], 1);
	free(task);
	bed_free(b, r, other);
}
