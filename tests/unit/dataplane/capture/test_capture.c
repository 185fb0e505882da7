#include "capture_bed.h"

static void expect_payload(
	struct bed *b, struct copy_ring *r, uint16_t format, uint32_t start, uint32_t length)
{
	struct pdu p;
	copy_at(r, 0, &p);
	cr_assert_eq(p.format, format);
	cr_assert_eq(p.payload_length, length);
	cr_assert_eq(memcmp(p.payload, b->frame + start, length), 0);
}

Test(capture, datagram_with_every_field)
{
	struct bed *b = bed_new(1 << 20);
	struct copy_ring *r = ring(b, 0, 1 << 20, 5);
	struct pdu p;

	hit_times(b, 2);
	expect_payload(b, r, PDU_FORMAT_IPV4, 14, 1000);
	copy_at(r, 1, &p);
	cr_assert_eq(p.type, PDU_X3);
	cr_assert_eq(p.minor, 5);
	cr_assert_eq(p.sequence, 1);
	cr_assert_eq(p.time_ns, TIME_NS);
	cr_assert_eq(p.correlation, 77);
	cr_assert_eq(p.direction, PDU_DIRECTION_TO_TARGET);
	cr_assert(id_equal(&p.xid, &b->rule.header_xid));
	cr_assert_eq(p.header_length, 89);
	cr_assert_eq(copy_ring_segment(r, 0)->copy[1].slot, 5);
	cr_assert_eq(counters(b)->matched, 2);
	cr_assert_eq(counters(b)->offered, 2);
	cr_assert_eq(counters(b)->x3_octets, 2000);
	cr_assert_eq(counters(b)->last_ns, TIME_NS);
	bed_free(b, r, NULL);
}

struct format_row {
	uint8_t wanted, layer, tunnelled, view_flags;
	uint16_t format;
	uint32_t start, length;
};

// Frame: outer IPv4 at 14 (600 octets), GTP-U at 42 (572), its header 16, inner IPv6 at 58 (556).
static const struct format_row format_rows[] = {
	{0, 1, 1, VIEW_GTPU, 12, 42, 572},
	{12, 1, 1, VIEW_GTPU, 12, 42, 572},
	{5, 1, 1, VIEW_GTPU, 6, 58, 556},
	{6, 1, 1, VIEW_GTPU, 6, 58, 556},
	{7, 1, 1, VIEW_GTPU, 7, 0, 1014},
	{0, 0, 0, VIEW_GTPU, 5, 14, 600},
	{12, 0, 0, VIEW_GTPU, 5, 14, 600},
	{0, HIT_WHOLE_FRAME, 0, 0, 7, 0, 1014},
	{12, HIT_WHOLE_FRAME, 0, 0, 7, 0, 1014},
	{0, 0, 1, VIEW_GTPU | VIEW_UNSTRUCTURED, 12, 42, 572},
	{6, 0, 1, VIEW_GTPU | VIEW_UNSTRUCTURED, 16, 58, 556},
	{5, 0, 1, VIEW_GTPU | VIEW_UNSTRUCTURED, 16, 58, 556},
	{7, 0, 1, VIEW_GTPU | VIEW_UNSTRUCTURED, 7, 0, 1014},
	{CONFIG_FORMAT_AUTOMATIC, 1, 1, VIEW_GTPU, 12, 42, 572},
	{CONFIG_FORMAT_AUTOMATIC, 0, 0, VIEW_GTPU, 5, 14, 600},
	// An Ethernet PDU session: with an IP packet in it, without, and its MAC address the
	// target.
	{0, 1, 1, VIEW_GTPU | VIEW_ETHERNET, 12, 42, 572},
	{6, 1, 1, VIEW_GTPU | VIEW_ETHERNET, 6, 58, 556},
	{7, 1, 1, VIEW_GTPU | VIEW_ETHERNET, 7, 58, 556},
	{7, 0, 0, VIEW_GTPU | VIEW_ETHERNET, 7, 0, 1014},
	{5, 0, 1, VIEW_GTPU | VIEW_ETHERNET | VIEW_UNSTRUCTURED, 7, 58, 556},
	{0, HIT_WHOLE_FRAME, 1, VIEW_GTPU | VIEW_ETHERNET, 7, 58, 556},
	{5, HIT_WHOLE_FRAME, 1, VIEW_GTPU | VIEW_ETHERNET, 7, 58, 556},
	{12, HIT_WHOLE_FRAME, 1, VIEW_GTPU | VIEW_ETHERNET, 12, 42, 572},
};

Test(capture, formats)
{
	for (size_t i = 0; i < sizeof(format_rows) / sizeof(format_rows[0]); i++) {
		const struct format_row *f = &format_rows[i];
		struct bed *b = bed_new(1 << 20);
		struct copy_ring *r = ring(b, 0, 1 << 20, 5);

		b->rule.payload_format = f->wanted;
		b->hit.layer = f->layer;
		b->hit.tunnelled = f->tunnelled;
		b->view.flags = f->view_flags;
		b->view.n_layers = 2;
		b->view.layer[0].length = 600;
		b->view.layer[1] = (struct packet_layer){.l3 = 58, .length = 556, .family = 6};
		b->view.gtp = 42;
		b->view.gtp_length = 572;
		b->view.gtp_header = 16;
		hit_times(b, 1);
		expect_payload(b, r, f->format, f->start, f->length);
		bed_free(b, r, NULL);
	}
}

Test(capture, cut_frames_are_lost_by_name_and_leave_a_gap)
{
	struct bed *b = bed_new(1 << 20);
	struct copy_ring *r = ring(b, 0, 1 << 20, 5);
	struct pdu p;

	b->view.layer[0].flags = LAYER_CUT;
	hit_times(b, 1);
	b->view.layer[0].flags = 0;
	b->view.layer[0].length = 1001; // one octet more than there is
	hit_times(b, 1);
	cr_assert_null(copy_ring_segment(r, 0));
	b->view.layer[0].length = 1000;
	hit_times(b, 1);
	copy_at(r, 0, &p);
	cr_assert_eq(p.sequence, 2);
	cr_assert_eq(counters(b)->lost[LOSS_TRUNCATED_FRAME], 2);
	cr_assert_eq(counters(b)->offered, 3);
	bed_free(b, r, NULL);
}

// deliver-cut: what there is of the packet, and a count of its own.
Test(capture, cut_frames_go_out_with_what_there_is_where_asked)
{
	struct bed *b = bed_new(1 << 20);
	struct copy_ring *r = ring(b, 0, 1 << 20, 5);

	b->view.layer[0].flags = LAYER_CUT | LAYER_CUT_TAKEN;
	b->view.layer[0].length = 1400; // the frame holds 1,000 of them
	hit_times(b, 1);
	expect_payload(b, r, PDU_FORMAT_IPV4, 14, 1000);
	cr_assert_eq(counters(b)->cut, 1);
	cr_assert_eq(counters(b)->lost[LOSS_TRUNCATED_FRAME], 0);
	cr_assert_eq(counters(b)->x3_octets, 1000);
	bed_free(b, r, NULL);
}

Test(capture, octets_beyond_the_first_segment)
{
	struct bed *b = bed_new(1 << 20);
	struct copy_ring *r = ring(b, 0, 1 << 20, 5);

	// The same frame in three mbufs of 100, 1 and 913 octets.
	b->mbuf[0].data_len = 100;
	b->mbuf[0].nb_segs = 3;
	b->mbuf[0].next = &b->mbuf[1];
	b->mbuf[1] =
		(struct rte_mbuf){.buf_addr = b->frame + 100, .data_len = 1, .next = &b->mbuf[2]};
	b->mbuf[2] = (struct rte_mbuf){.buf_addr = b->frame + 101, .data_len = 913};
	b->view.length = 100;
	hit_times(b, 1);
	expect_payload(b, r, PDU_FORMAT_IPV4, 14, 1000);
	// A view that promises what the mbufs do not hold loses the copy, and nothing else happens.
	b->mbuf[0].pkt_len = 1013;
	hit_times(b, 1);
	cr_assert_eq(counters(b)->lost[LOSS_TRUNCATED_FRAME], 1);
	cr_assert_eq(copy_ring_segment(r, 0)->pushed, 1);
	bed_free(b, r, NULL);
}

Test(capture, destinations_get_one_number_and_the_same_octets)
{
	struct bed *b = bed_new(1 << 20);
	struct copy_ring *first = ring(b, 3, 1 << 20, 5), *second = ring(b, 4000, 1 << 20, 6);
	struct pdu p, q;

	b->rule.n_destinations = 3;
	b->rule.destination[0] = 3;
	b->rule.destination[1] = 17; // takes no X3: nothing is owed to it
	b->rule.destination[2] = 4000;
	hit_times(b, 3);
	for (uint32_t i = 0; i < 3; i++) {
		const uint8_t *a = copy_at(first, i, &p), *c = copy_at(second, i, &q);
		cr_assert_eq(p.sequence, i);
		cr_assert_eq(p.minor, 5);
		cr_assert_eq(q.minor, 6);
		cr_assert_eq(a[0], c[0]);
		cr_assert_eq(memcmp(a + 2, c + 2, p.header_length + p.payload_length - 2), 0);
	}
	cr_assert_eq(counters(b)->matched, 3);
	cr_assert_eq(counters(b)->offered, 6);
	bed_free(b, first, second);
}

Test(capture, quota_drops_the_newest_and_counts_it)
{
	struct bed *b = bed_new(1 << 20);
	struct copy_ring *r = ring(b, 0, 3 * 1089 + 1088, 5);
	struct copy_ring_counts n = {0};

	hit_times(b, 10);
	cr_assert_eq(copy_ring_segment(r, 0)->pushed, 3);
	cr_assert_eq(counters(b)->lost[LOSS_BUFFER_FULL], 7);
	copy_ring_release(r, 1089, 1);
	hit_times(b, 2);
	copy_ring_counts(r, &n);
	cr_assert_eq(n.offered, 12);
	cr_assert_eq(n.pushed, 4);
	cr_assert_eq(n.released, 1);
	cr_assert_eq(n.lost[LOSS_BUFFER_FULL], 8);
	cr_assert_eq(n.queued_octets, 3 * 1089);
	struct pdu p;
	copy_at(r, 3, &p);
	cr_assert_eq(p.sequence, 10); // 3 to 9 are the gap
	bed_free(b, r, NULL);
}

Test(capture, too_large)
{
	struct bed *b = bed_new(1 << 20);
	struct copy_ring_settings s = {.quota = 1 << 20, .minor = 5, .max_pdu = 1088};
	struct copy_ring *r = copy_ring_new(b->capture, &s);

	capture_attach(b->capture, 0, COPY_X3, r);
	hit_times(b, 1);
	cr_assert_eq(counters(b)->lost[LOSS_PDU_TOO_LARGE], 1);
	b->view.layer[0].length = 999;
	hit_times(b, 1);
	cr_assert_eq(copy_ring_segment(r, 0)->pushed, 1);
	bed_free(b, r, NULL);
}

Test(capture, many_segments_and_reuse)
{
	struct bed *b = bed_new(4 * SEGMENT_SIZE);
	struct copy_ring *r = ring(b, 0, 1 << 30, 5);
	uint32_t expected = 0;
	const char *why;

	for (uint32_t sequence = 0; sequence < 200; sequence++) {
		// Two segments ahead of the reader, over and over.
		while (!copy_ring_segment(r, sequence + 2))
			hit_times(b, 1);
		struct segment *s = copy_ring_segment(r, sequence);
		cr_assert_eq(s->closed, 1);
		cr_assert_eq(s->pushed, SEGMENT_SIZE / 1089);
		for (uint32_t i = 0; i < s->pushed; i++) {
			struct pdu p;
			uint32_t start = i ? s->copy[i - 1].end : 0;
			cr_assert_gt(pdu_decode(s->octets + start, s->copy[i].end - start,
					     SEGMENT_SIZE, &p, &why),
				0);
			cr_assert_eq(p.sequence, expected++);
		}
		copy_ring_release(r, s->copy[s->pushed - 1].end, s->pushed);
		copy_ring_release_segment(r);
	}
	cr_assert_eq(counters(b)->lost[LOSS_NO_MEMORY], 0);
	bed_free(b, r, NULL);
}

Test(capture, small_pdus_close_a_segment_by_count)
{
	struct bed *b = bed_new(4 * SEGMENT_SIZE);
	struct copy_ring *r = ring(b, 0, 1 << 30, 5);

	b->view.layer[0].length = 20;
	hit_times(b, SEGMENT_COPIES + 1);
	cr_assert_eq(copy_ring_segment(r, 0)->pushed, SEGMENT_COPIES);
	cr_assert_eq(copy_ring_segment(r, 0)->closed, 1);
	cr_assert_eq(copy_ring_segment(r, 1)->pushed, 1);
	bed_free(b, r, NULL);
}

Test(capture, exhausted_pool_takes_back_idle_segments)
{
	struct bed *b = bed_new(2 * SEGMENT_SIZE);
	struct copy_ring *idle = ring(b, 0, 1 << 30, 5), *busy = ring(b, 1, 1 << 30, 5);

	hit_times(b, 1);
	b->rule.destination[0] = 1;
	hit_times(b, 1);
	cr_assert_eq(capture_ready(b->capture, 0), idle);
	cr_assert_eq(capture_ready(b->capture, 0), busy);
	cr_assert_null(capture_ready(b->capture, 0));
	// The idle one is wholly delivered, asked for news, and holds the segment the other one
	// needs.
	copy_ring_release(idle, copy_ring_segment(idle, 0)->copy[0].end, 1);
	cr_assert(copy_ring_arm(idle, 0, 1));
	hit_times(b, SEGMENT_SIZE / 1089);
	cr_assert_eq(counters(b)->lost[LOSS_NO_MEMORY], 1);
	struct copy_ring *r = NULL;
	for (int i = 0; i < 128 && !r; i++) {
		hit_times(b, 1);
		r = capture_ready(b->capture, 0);
	}
	uint64_t lost = counters(b)->lost[LOSS_NO_MEMORY];
	cr_assert_gt(lost, 0);
	cr_assert_eq(copy_ring_segment(idle, 0)->closed, 1);
	copy_ring_release_segment(idle);
	hit_times(b, 5);
	cr_assert_eq(counters(b)->lost[LOSS_NO_MEMORY], lost);
	cr_assert_eq(copy_ring_segment(busy, 1)->pushed, 5);
	cr_assert_eq(counters(b)->offered, lost + 1 + SEGMENT_SIZE / 1089 + 5);
	bed_free(b, idle, busy);
}

// A pool of one segment: full, wholly delivered, and its reader waits for news.
Test(capture, a_full_segment_comes_back_when_there_is_no_other)
{
	struct bed *b = bed_new(SEGMENT_SIZE);
	struct copy_ring *r = ring(b, 0, 1 << 30, 5);
	const unsigned full = SEGMENT_SIZE / 1089;

	hit_times(b, full);
	cr_assert_eq(capture_ready(b->capture, 0), r);
	copy_ring_release(r, full * 1089, full);
	cr_assert(copy_ring_arm(r, 0, full));
	hit_times(b, 1);
	cr_assert_eq(counters(b)->lost[LOSS_NO_MEMORY], 1);
	cr_assert_eq(copy_ring_segment(r, 0)->closed, 1);
	cr_assert_eq(capture_ready(b->capture, 0), r, "or nobody gives it back");
	copy_ring_release_segment(r);
	hit_times(b, 5);
	cr_assert_eq(counters(b)->lost[LOSS_NO_MEMORY], 1);
	cr_assert_eq(copy_ring_segment(r, 1)->pushed, 5);
	bed_free(b, r, NULL);
}

Test(capture, ready_once_until_armed)
{
	struct bed *b = bed_new(1 << 20);
	struct copy_ring *r = ring(b, 0, 1 << 30, 5);

	hit_times(b, 3);
	cr_assert_eq(capture_ready(b->capture, 0), r);
	cr_assert_null(capture_ready(b->capture, 0));
	cr_assert_not(copy_ring_arm(r, 0, 2)); // the third has been missed
	hit_times(b, 1);
	cr_assert_null(capture_ready(b->capture, 0));
	cr_assert(copy_ring_arm(r, 0, 4));
	hit_times(b, 1);
	cr_assert_eq(capture_ready(b->capture, 0), r);
	bed_free(b, r, NULL);
}

Test(capture, one_burst_many_rings)
{
	struct bed *b = bed_new(64 * SEGMENT_SIZE);
	struct copy_ring *rings[32];
	struct rule rules[32];
	struct hit hits[PACKET_BURST * 4];
	void *mbufs[1] = {&b->mbuf[0]};

	for (uint16_t i = 0; i < 32; i++) {
		rings[i] = ring(b, i, 1 << 30, 5);
		rules[i] = b->rule;
		rules[i].n_destinations = 16;
		for (uint16_t k = 0; k < 16; k++)
			rules[i].destination[k] = (uint16_t)((i + k) % 32);
	}
	for (unsigned i = 0; i < sizeof(hits) / sizeof(hits[0]); i++) {
		hits[i] = b->hit;
		hits[i].rule = &rules[i % 32];
	}
	capture_burst(b->capture, hits, sizeof(hits) / sizeof(hits[0]), &b->view, mbufs, TIME_NS);
	for (unsigned i = 0; i < 32; i++) {
		cr_assert_eq(copy_ring_segment(rings[i], 0)->pushed, 64);
		cr_assert_not_null(capture_ready(b->capture, 0));
	}
	cr_assert_null(capture_ready(b->capture, 0));
	for (unsigned i = 0; i < 32; i++)
		copy_ring_free(rings[i]);
	bed_free(b, NULL, NULL);
}

// --- X2 ---

Test(capture, packet_report)
{
	struct bed *b = bed_new(1 << 20);
	struct x2_task *t = x2_of(b, REPORT_PDHR, 1, 20);
	struct copy_ring *r = x2_ring(b, 0);
	struct pdu p;
	struct xiri x;

	hit_times(b, 2);
	copy_at(r, 1, &p);
	cr_expect_eq(p.type, PDU_X2);
	cr_expect_eq(p.format, PDU_FORMAT_33128);
	cr_expect_eq(p.sequence, 1);
	cr_expect_eq(p.correlation, 78);
	cr_expect_eq(p.time_ns, TIME_NS);
	cr_expect_eq(p.direction, PDU_DIRECTION_TO_TARGET);
	cr_expect(p.present & 1u << PDU_ATTR_MATCHED_TARGET);
	cr_expect_eq(p.header_length, 89 + 24);
	cr_assert_eq(xiri_decode(p.payload, p.payload_length, &x), 0);
	cr_expect_arr_eq(x.facts.address, b->frame + 26, 8);
	cr_expect_eq(x.facts.sport, 1000);
	cr_expect_eq(x.facts.size, 1000);
	cr_expect_eq(x.facts.direction, PDU_DIRECTION_TO_TARGET);
	cr_expect_eq(counters(b)->matched, 2);
	cr_expect_eq(counters(b)->offered, 2);
	cr_expect_eq(counters(b)->x2_octets, 2 * p.payload_length);
	cr_expect_eq(counters(b)->x3_octets, 0);
	bed_free(b, r, NULL);
	free(t);
}

Test(capture, both_kinds_have_numbers_of_their_own)
{
	struct bed *b = bed_new(1 << 20);
	struct x2_task *t = x2_of(b, REPORT_PDHR, 1, 20);
	struct copy_ring *r2 = x2_ring(b, 0), *r3 = ring(b, 0, 1 << 20, 5);
	struct pdu p;

	b->rule.delivery = DELIVERY_X3;
	hit_times(b, 3);
	b->rule.delivery = DELIVERY_X2 | DELIVERY_X3;
	hit_times(b, 1);
	copy_at(r2, 0, &p);
	cr_expect_eq(p.type, PDU_X2);
	cr_expect_eq(p.sequence, 0);
	copy_at(r3, 3, &p);
	cr_expect_eq(p.type, PDU_X3);
	cr_expect_eq(p.sequence, 3);
	cr_expect_eq(counters(b)->matched, 4);
	cr_expect_eq(counters(b)->offered, 5);
	bed_free(b, r2, r3);
	free(t);
}

Test(capture, a_cut_frame_has_its_header_report)
{
	struct bed *b = bed_new(1 << 20);
	struct x2_task *t = x2_of(b, REPORT_PDHR, 1, 20);
	struct copy_ring *r = x2_ring(b, 0);
	struct pdu p;

	b->view.layer[0].flags |= LAYER_CUT;
	hit_times(b, 1);
	copy_at(r, 0, &p);
	b->view.n_layers = 0; // no IP: nothing to report
	b->hit.layer = HIT_WHOLE_FRAME;
	hit_times(b, 1);
	cr_expect_eq(copy_ring_segment(r, 0)->pushed, 1);
	cr_expect_eq(counters(b)->matched, 2);
	cr_expect_eq(counters(b)->offered, 1);
	bed_free(b, r, NULL);
	free(t);
}

Test(capture, header_stays_within_320_octets)
{
	// 89 octets without: 3 attributes of 75 are 314; a fourth one is left out.
	static const struct {
		unsigned n;
		uint16_t size;
		uint32_t header;
	} rows[] = {
		{1, 1, 94}, {3, 71, 314}, {4, 71, 314}, {3, 73, 320}, {3, 74, 245}, {1, 500, 593}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bed *b = bed_new(1 << 20);
		struct x2_task *t = x2_of(b, REPORT_PDHR, rows[i].n, rows[i].size);
		struct copy_ring *r = x2_ring(b, 0);
		struct pdu p;
		hit_times(b, 1);
		copy_at(r, 0, &p);
		cr_expect_eq(p.header_length, rows[i].header, "row %zu: %u", i, p.header_length);
		bed_free(b, r, NULL);
		free(t);
	}
}

Test(capture, digests_go_to_the_reporter_and_a_full_ring_is_a_named_loss)
{
	struct bed *b = bed_new(1 << 20);
	struct report_ring *digests = report_ring_new(4);
	struct x2_task *t = x2_of(b, REPORT_PDSR, 1, 20);
	struct capture_settings s = {.origin = b->origin,
		.pool_octets = 1 << 20,
		.n_deliver = 1,
		.slots = b->slots,
		.reports = digests};
	struct copy_ring_counts n = {0};

	capture_free(b->capture);
	b->capture = capture_new(&s);
	struct copy_ring *r = x2_ring(b, 0);
	hit_times(b, 6);
	cr_expect_eq(digests->head, 4);
	cr_expect_eq(digests->at[3].task, t);
	cr_expect_eq(digests->at[3].time_ns, TIME_NS);
	cr_expect_eq(digests->at[3].facts.dport, 53);
	cr_expect_eq(counters(b)->matched, 6);
	cr_expect_eq(counters(b)->offered, 2);
	cr_expect_eq(counters(b)->lost[LOSS_REPORT_FULL], 2);
	copy_ring_counts(r, &n);
	cr_expect_eq(n.offered, 2);
	cr_expect_eq(n.lost[LOSS_REPORT_FULL], 2);
	digests->tail = 3; // the reporter has taken them
	hit_times(b, 3);
	cr_expect_eq(digests->head, 7);
	cr_expect_eq(counters(b)->offered, 2);
	bed_free(b, r, NULL);
	report_ring_free(digests);
	free(t);
}
