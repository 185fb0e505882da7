#include "capture_bed.h"

// --- several tasks in one PDU ---

#define TASKS 20

// Tasks of one packet: slots 20 and up, contexts 40 and up.
struct tasks {
	struct rule rule[TASKS];
	struct hit hit[TASKS];
	void *mbuf[1];
};

static void tasks_init(struct tasks *t, struct bed *b)
{
	for (unsigned i = 0; i < TASKS; i++) {
		t->rule[i] = b->rule;
		t->rule[i].axri = 1;
		t->rule[i].slot = 20 + i;
		t->rule[i].context_x3 = 40 + i;
		t->rule[i].correlation = 1000 + i;
		memset(t->rule[i].header_xid.b, (int)(0x10 + i), 16);
		t->hit[i] = b->hit;
		t->hit[i].rule = &t->rule[i];
	}
	t->mbuf[0] = &b->mbuf[0];
}

// The attributes 21 of a PDU: XID octet, correlation ID and number of each. Returns how many.
static unsigned axri_of(const struct pdu *p, uint64_t (*out)[3])
{
	struct pdu_axri a;
	unsigned n = 0;

	for (uint32_t at = 0; pdu_axri_next(p, &at, &a); n++) {
		cr_assert(a.numbered);
		out[n][0] = a.xid.b[0];
		out[n][1] = a.correlation;
		out[n][2] = a.sequence;
	}
	return n;
}

static struct slot_counters *task_counters(struct bed *b, unsigned task)
{
	return slot_counters_of(b->slots, 20 + task);
}

Test(capture_tasks, tasks_of_one_packet_share_its_pdu)
{
	struct bed *b = bed_new(1 << 20);
	struct copy_ring *r = ring(b, 0, 1 << 20, 5);
	struct tasks t;
	struct pdu p;
	uint64_t named[TASKS][3];

	tasks_init(&t, b);
	for (unsigned round = 0; round < 3; round++)
		capture_burst(b->capture, t.hit, 4, &b->view, t.mbuf, TIME_NS);
	struct segment *s = copy_ring_segment(r, 0);
	cr_assert_eq(s->pushed, 12); // copies: a descriptor for each task, octets once
	for (unsigned round = 0; round < 3; round++) {
		copy_at(r, 4 * round, &p);
		cr_expect_eq(p.header_length, 89 + 3 * 32);
		cr_expect_eq(p.xid.b[0], 0x10);
		cr_expect_eq(p.sequence, round);
		cr_assert_eq(axri_of(&p, named), 3);
		for (unsigned i = 0; i < 3; i++) {
			cr_expect_eq(named[i][0], 0x11 + i);
			cr_expect_eq(named[i][1], 1001 + i);
			cr_expect_eq(named[i][2], round);
		}
		for (unsigned i = 0; i < 4; i++) {
			cr_expect_eq(s->copy[4 * round + i].end, s->copy[4 * round].end);
			cr_expect_eq(s->copy[4 * round + i].slot, 20 + i);
			cr_expect_eq(s->copy[4 * round + i].payload, 1000);
		}
	}
	for (unsigned i = 0; i < 4; i++) {
		cr_expect_eq(task_counters(b, i)->matched, 3);
		cr_expect_eq(task_counters(b, i)->offered, 3);
		cr_expect_eq(task_counters(b, i)->x3_octets, 3000);
	}
	struct copy_ring_counts n = {0};
	copy_ring_counts(r, &n);
	cr_expect_eq(n.offered, 12);
	cr_expect_eq(n.pushed, 12);
	cr_expect_eq(n.queued_octets, 3 * (89 + 96 + 1000));
	bed_free(b, r, NULL);
}

static void named_within(uint16_t max_header, unsigned most)
{
	struct bed *b = bed_new(1 << 20);
	struct capture_settings s = {.origin = b->origin,
		.pool_octets = 1 << 20,
		.n_deliver = 1,
		.max_header = max_header,
		.slots = b->slots};
	capture_free(b->capture);
	b->capture = capture_new(&s);
	cr_assert_not_null(b->capture);
	struct copy_ring *r = ring(b, 0, 1 << 20, 5);
	struct tasks t;
	struct pdu p;
	uint64_t named[TASKS][3];
	unsigned at = 0, seen = 0;

	tasks_init(&t, b);
	capture_burst(b->capture, t.hit, TASKS, &b->view, t.mbuf, TIME_NS);
	cr_assert_eq(copy_ring_segment(r, 0)->pushed, TASKS);
	while (at < TASKS) {
		copy_at(r, at, &p);
		cr_expect_leq(p.header_length, max_header ? max_header : 320);
		cr_expect_eq(p.xid.b[0], 0x10 + seen);
		unsigned n = axri_of(&p, named);
		cr_expect_eq(n, TASKS - seen - 1 < most ? TASKS - seen - 1 : most);
		for (unsigned i = 0; i < n; i++)
			cr_expect_eq(named[i][0], 0x11 + seen + i);
		seen += 1 + n;
		at += 1 + n;
	}
	cr_expect_eq(seen, TASKS);
	bed_free(b, r, NULL);
}

Test(capture_tasks, what_a_header_cannot_name_goes_into_a_further_pdu)
{
	named_within(0, 7); // 89 octets and 7 of 32 are 313
	named_within(120, 0);
	named_within(121, 1);
	named_within(CONFIG_HEADER_MAX, TASKS);
}

// A task that another PDU would distinguish keeps its own one; so does a task without the option.
Test(capture_tasks, what_differs_is_not_put_together)
{
	for (unsigned what = 0; what < 9; what++) {
		struct bed *b = bed_new(1 << 20);
		struct copy_ring *r = ring(b, 0, 1 << 20, 5), *other = ring(b, 1, 1 << 20, 5);
		struct packet_view views[2] = {b->view, b->view};
		struct tasks t;
		void *mbufs[2];
		struct pdu p;

		tasks_init(&t, b);
		mbufs[0] = mbufs[1] = t.mbuf[0];
		views[0].n_layers = views[1].n_layers = 2;
		views[0].layer[1] = views[1].layer[1] = b->view.layer[0];
		switch (what) {
		case 0:
			t.hit[1].direction = PDU_DIRECTION_FROM_TARGET;
			break;
		case 1:
			t.rule[1].destination[0] = 1;
			break;
		case 2:
			t.rule[1].n_destinations = 2;
			t.rule[1].destination[1] = 1;
			break;
		case 3:
			t.rule[1].delivery |= DELIVERY_X2;
			break;
		case 4:
			t.rule[1].payload_format = 7;
			break;
		case 5:
			t.hit[1].layer = 1;
			break;
		case 6:
			t.rule[1].axri = 0;
			break;
		case 7:
			t.rule[0].axri = 0;
			break;
		case 8:
			t.hit[1].packet = 1;
			break;
		}
		capture_burst(b->capture, t.hit, 2, views, mbufs, TIME_NS);
		copy_at(r, 0, &p);
		cr_expect_eq(p.header_length, 89, "case %u", what);
		for (unsigned i = 0; i < 2; i++)
			cr_expect_eq(task_counters(b, i)->matched, 1, "case %u", what);
		bed_free(b, r, other);
	}
}

Test(capture_tasks, a_shared_pdu_without_room_is_lost_for_each_of_its_tasks)
{
	struct bed *b = bed_new(1 << 20);
	struct copy_ring *r = ring(b, 0, 3000, 5), *other = ring(b, 1, 1 << 20, 5);
	struct tasks t;
	struct pdu p;
	uint64_t named[TASKS][3];

	tasks_init(&t, b);
	for (unsigned i = 0; i < 3; i++) {
		t.rule[i].n_destinations = 2;
		t.rule[i].destination[1] = 1;
	}
	for (unsigned round = 0; round < 5; round++)
		capture_burst(b->capture, t.hit, 3, &b->view, t.mbuf, TIME_NS);
	for (unsigned i = 0; i < 3; i++) {
		cr_expect_eq(task_counters(b, i)->offered, 10);
		cr_expect_eq(task_counters(b, i)->lost[LOSS_BUFFER_FULL], 3);
	}
	struct copy_ring_counts n = {0};
	copy_ring_counts(r, &n);
	cr_expect_eq(n.offered, 15);
	cr_expect_eq(n.pushed, 6);
	cr_expect_eq(n.lost[LOSS_BUFFER_FULL], 9);
	copy_at(other, 12, &p); // the gap is visible to each of them
	axri_of(&p, named);
	cr_expect_eq(p.sequence, 4);
	cr_expect_eq(named[1][2], 4);
	bed_free(b, r, other);
}

// Copies of one PDU never lie in two segments.
Test(capture_tasks, shared_pdus_stay_whole_where_segments_end)
{
	struct bed *b = bed_new(4 << 20);
	struct copy_ring *r = ring(b, 0, 4 << 20, 5);
	struct tasks t;

	tasks_init(&t, b);
	b->view.layer[0].length = 10;
	for (unsigned round = 0; round < 500; round++)
		capture_burst(b->capture, t.hit, 7, &b->view, t.mbuf, TIME_NS);
	uint32_t copies = 0;
	for (uint32_t k = 0; copies < 3500; k++) {
		struct segment *s = copy_ring_segment(r, k);
		cr_assert_not_null(s);
		cr_assert_eq(s->pushed % 7, 0);
		for (uint32_t i = 0; i < s->pushed; i++)
			cr_assert_eq(s->copy[i].end == (i ? s->copy[i - 1].end : 0), i % 7 != 0);
		copies += s->pushed;
	}
	cr_expect_eq(copies, 3500);
	bed_free(b, r, NULL);
}

// --- optional attributes ---

Test(capture_tasks, optional_attributes)
{
	struct bed *b = bed_new(1 << 20);
	struct x2_task *x = x2_of(b, REPORT_PDHR, 2, 20);
	struct pdu_origin origin = b->origin;
	struct capture_settings s = {.origin = origin,
		.pool_octets = 1 << 20,
		.n_deliver = 1,
		.slots = b->slots,
		.attributes = CAPTURE_MATCHED | CAPTURE_ADDRESSES};
	struct tasks t;
	struct pdu p;
	uint64_t named[TASKS][3];

	capture_free(b->capture);
	b->capture = capture_new(&s);
	struct copy_ring *r = ring(b, 0, 1 << 20, 5), *r2 = x2_ring(b, 0);
	b->rule.delivery = DELIVERY_X2 | DELIVERY_X3;
	hit_times(b, 1);
	copy_at(r, 0, &p); // 89, addresses and protocol 21, ports 12, two of 24
	cr_expect_eq(p.header_length, 89 + 8 + 8 + 6 + 6 + 5 + 48);
	uint32_t all = 1u << PDU_ATTR_SOURCE_IPV4 | 1u << PDU_ATTR_DESTINATION_IPV4 |
		       1u << PDU_ATTR_SOURCE_PORT | 1u << PDU_ATTR_DESTINATION_PORT |
		       1u << PDU_ATTR_IP_PROTOCOL | 1u << PDU_ATTR_MATCHED_TARGET;
	cr_expect_eq(p.present & all, all);
	cr_expect_eq(memcmp(p.attributes + 49, "\0\x0a\0\4", 4), 0);
	cr_expect_eq(memcmp(p.attributes + 53, b->frame + 14 + 12, 4), 0);
	cr_expect_eq(
		memcmp(p.attributes + 65, "\0\x0e\0\2\x03\xe8\0\x0f\0\2\0\x35\0\x10\0\1\x11", 17),
		0);
	copy_at(r2, 0, &p);
	cr_expect_eq(p.present & all, all);
	cr_expect_eq(p.header_length, 89 + 33 + 48);
	// A PDU for several tasks has what matched of each.
	b->rule.delivery = DELIVERY_X3;
	tasks_init(&t, b);
	capture_burst(b->capture, t.hit, 4, &b->view, t.mbuf, TIME_NS);
	copy_at(r, 1, &p);
	cr_expect_eq(axri_of(&p, named), 1); // 170, and 80 for each further task
	cr_expect_eq(p.header_length, 250);
	bed_free(b, r, r2);
	free(x);
}
