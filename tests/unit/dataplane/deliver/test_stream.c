#include "tests/unit/dataplane/deliver/stream_bed.h"

Test(stream, full_records_leave_at_once_and_others_when_old)
{
	struct bed *b = bed_new();
	struct stream_piece p;

	push(b, 0, 0, 20, 1000); // 21780 octets
	cr_assert_eq(send_one(b, &p), STREAM_RECORD);
	cr_assert_not(stream_at_edge(b->stream));
	cr_assert_eq(send_one(b, &p), 0); // the rest is too young
	b->now += FLUSH - 1;
	cr_assert_eq(send_one(b, &p), 0);
	b->now += 1;
	cr_assert_eq(send_one(b, &p), 20 * 1089 - STREAM_RECORD);
	cr_assert(stream_at_edge(b->stream));
	cr_assert_eq(send_one(b, &p), 0);
	cr_assert_not(stream_active(b->stream));
	cr_assert(stream_outstanding(b->stream));
	bed_free(b);
}

// Each copy once, at its own acknowledgement, by the receive time in its PDU.
Test(stream, the_time_to_the_acknowledgement_is_counted)
{
	struct bed *b = bed_new();
	struct delivery_times times[COPY_KINDS] = {0};
	struct stream_piece p;
	uint64_t sum = 0;

	stream_times(b->stream, times);
	b->received = 1767225600000000000ull;
	push(b, 0, 0, 3, 1000); // X3
	push(b, 1, 1, 2, 100);	// X2
	b->received += 2 * MS;
	push(b, 1, 0, 4, 1000);
	b->now += FLUSH;
	while (send_one(b, &p) > 0)
		b->now += FLUSH;
	uint64_t wall = b->received + 1 * MS; // 3 ms and 1 ms after they were received
	cr_assert(stream_acked_at(b->stream, b->written, wall));
	cr_assert_eq(balance(b).acknowledged, 9);
	cr_assert_eq(times[COPY_X3].within[3], 4, "1 ms is within 1 ms");
	cr_assert_eq(times[COPY_X3].within[5], 3, "above 2.5 and up to 5 ms");
	cr_assert_eq(times[COPY_X2].within[5], 2);
	cr_assert_eq(times[COPY_X3].sum_ns, (3 * 3 + 4) * MS);
	cr_assert_eq(times[COPY_X2].sum_ns, 2 * 3 * MS);
	b->received += 700000 * MS; // what a clock that was set back makes of the future is no time
	push(b, 0, 0, 1, 1000);
	b->now += FLUSH;
	send_one(b, &p);
	stream_acked_at(b->stream, b->written, wall);
	for (unsigned i = 0; i <= DELIVERY_BOUNDS; i++)
		sum += times[COPY_X3].within[i];
	cr_assert_eq(sum, 8);
	cr_assert_eq(times[COPY_X3].within[0], 1);
	push(b, 0, 0, 1, 1000);
	b->now += FLUSH;
	send_one(b, &p);
	stream_acked_at(b->stream, b->written, b->received + 700000 * MS);
	cr_assert_eq(times[COPY_X3].within[DELIVERY_BOUNDS], 1, "beyond 10 minutes");
	stream_cut(b->stream, true);
	bed_free(b);
}

// Each copy of a run that is acknowledged together is in its place, though few of them are sampled.
Test(stream, the_times_of_a_long_run_are_each_in_their_place)
{
	struct bed *b = bed_new();
	struct delivery_times times[COPY_KINDS] = {0}, expected = {0};
	const uint64_t start = 1767225600000000000ull, wall = start + 60 * MS;
	struct stream_piece p;

	stream_times(b->stream, times);
	for (uint64_t i = 0; i < 600; i++) {
		b->received = start + i * i * 150; // up to 54 ms, closer and closer
		push(b, 0, 0, 1, 100);
		uint64_t took = wall - b->received;
		delivery_times_note(&expected, delivery_place(took, 0), 1, took);
	}
	b->now += FLUSH;
	while (send_one(b, &p) > 0)
		b->now += FLUSH;
	stream_acked_at(b->stream, b->written, wall);
	for (unsigned i = 0; i <= DELIVERY_BOUNDS; i++)
		cr_assert_eq(times[COPY_X3].within[i], expected.within[i], "%u", i);
	cr_assert_gt(times[COPY_X3].sum_ns, expected.sum_ns / 100 * 80);
	cr_assert_lt(times[COPY_X3].sum_ns, expected.sum_ns / 100 * 120);
	bed_free(b);
}

Test(stream, acknowledgement_ends_whole_copies_only)
{
	struct bed *b = bed_new();
	struct stream_piece p;

	push(b, 0, 0, 20, 1000);
	send_one(b, &p);
	b->now += FLUSH;
	send_one(b, &p);
	cr_assert_not(stream_acked(b->stream, STREAM_RECORD - 1));
	cr_assert_eq(balance(b).acknowledged, 0);
	cr_assert(stream_acked(b->stream, STREAM_RECORD));
	cr_assert_eq(balance(b).acknowledged, STREAM_RECORD / 1089); // the one cut in two waits
	cr_assert_eq(balance(b).octets, STREAM_RECORD / 1089 * 1000);
	cr_assert(stream_acked(b->stream, 20 * 1089));
	cr_assert_eq(balance(b).acknowledged, 20);
	cr_assert(stream_empty(b->stream));
	bed_free(b);
}

Test(stream, a_cut_resends_from_the_first_pdu_not_acknowledged)
{
	struct bed *b = bed_new();
	struct stream_piece p;
	struct pdu d;
	const char *why;

	push(b, 0, 0, 40, 1000);
	send_one(b, &p);
	send_one(b, &p);
	stream_acked(b->stream, STREAM_RECORD);
	stream_cut(b->stream, true);
	cr_assert(stream_at_edge(b->stream));
	cr_assert_not(stream_outstanding(b->stream));
	// One of them left in part only: its number is not in doubt yet.
	cr_assert_eq(balance(b).in_doubt, 15);
	cr_assert_eq(balance(b).unsettled, 15);
	cr_assert_eq(balance(b).queued, 10);
	b->written = 0; // a new connection
	cr_assert_eq(send_one(b, &p), STREAM_RECORD);
	cr_assert_gt(pdu_decode(p.octets, p.length, 1 << 20, &d, &why), 0);
	cr_assert_eq(d.sequence, 15); // 15 * 1089 = 16335 were whole in the first record
	bed_free(b);
}

Test(stream, without_resending_what_was_sent_whole_is_in_doubt)
{
	struct bed *b = bed_new();
	struct stream_piece p;
	struct pdu d;
	const char *why;

	push(b, 0, 0, 40, 1000);
	send_one(b, &p);
	send_one(b, &p); // 32768 octets: 30 whole, the 31st in part
	stream_acked(b->stream, STREAM_RECORD);
	stream_cut(b->stream, false);
	cr_assert_eq(balance(b).acknowledged, 15);
	cr_assert_eq(balance(b).in_doubt, 15);
	cr_assert_eq(balance(b).queued, 10);
	b->now += FLUSH;
	cr_assert_gt(send_one(b, &p), 0);
	cr_assert_gt(pdu_decode(p.octets, p.length, 1 << 20, &d, &why), 0);
	cr_assert_eq(d.sequence, 30);
	bed_free(b);
}

Test(stream, discard_counts_every_copy)
{
	struct bed *b = bed_new();
	struct stream_piece p;

	push(b, 0, 0, 2000, 100);
	push(b, 1, 0, 3000, 1400); // over many segments
	for (int i = 0; i < 10; i++)
		cr_assert_gt(send_one(b, &p), 0);
	stream_acked(b->stream, 3 * STREAM_RECORD);
	stream_discard(b->stream, LOSS_REMOVED);
	struct copy_balance n = balance(b);
	cr_assert_eq(n.queued, 0);
	cr_assert_gt(n.acknowledged, 0);
	cr_assert_gt(n.in_doubt, 0);
	cr_assert_eq(n.acknowledged + n.in_doubt + n.lost[LOSS_REMOVED], 5000);
	cr_assert(stream_empty(b->stream));
	bed_free(b);
}

// Follows the octets as a receiver does: every line's PDUs in order, nothing torn.
Test(stream, lines_mix_only_at_pdu_edges_and_x2_goes_first)
{
	struct bed *b = bed_new();
	struct stream_piece p;
	uint8_t *wire = malloc(4 << 20);
	size_t n = 0, at = 0;
	uint32_t next[2] = {0, 0}, lengths[2] = {900, 1300}, turns = 0, before = 9;

	push(b, 0, 0, 1000, 900);
	push(b, 1, 0, 1000, 1300);
	for (int i = 0; i < 3; i++, n += p.length) {
		cr_assert_gt(send_one(b, &p), 0);
		memcpy(wire + n, p.octets, p.length);
	}
	push(b, 1, 1, 20, 1300); // X2: it comes as soon as the PDU in hand is finished
	b->now += FLUSH;
	size_t x2_seen = 0;
	for (; send_one(b, &p) > 0; n += p.length, b->now += FLUSH) {
		memcpy(wire + n, p.octets, p.length);
		if (p.line == 1 && !x2_seen)
			x2_seen = n;
	}
	cr_assert_gt(x2_seen, 0);
	cr_assert_leq(x2_seen, 3 * STREAM_RECORD + 1300 + HEAD);
	stream_acked(b->stream, b->written);
	cr_assert(stream_empty(b->stream));
	cr_assert_eq(balance(b).acknowledged, 2020);
	while (at < n) {
		struct pdu d;
		const char *why;
		int64_t size = pdu_decode(wire + at, n - at, 1 << 20, &d, &why);
		cr_assert_gt(size, 0, "%s", why);
		at += (size_t)size;
		uint32_t line = d.payload_length == lengths[1];
		if (line == 1 && d.sequence >= 1000)
			continue; // X2
		cr_assert_eq(d.sequence, next[line]++);
		turns += line != before;
		before = line;
	}
	cr_assert_eq(next[0], 1000);
	cr_assert_eq(next[1], 1000);
	cr_assert_gt(turns, 3); // neither waits for the other's end
	free(wire);
	bed_free(b);
}

Test(stream, an_edge_is_reached_on_request)
{
	struct bed *b = bed_new();
	struct stream_piece p;

	push(b, 0, 0, 20, 1000);
	send_one(b, &p);
	cr_assert(stream_next(b->stream, b->now, FLUSH, true, &p));
	cr_assert_eq(p.length, 16 * 1089 - STREAM_RECORD);
	b->written += p.length;
	cr_assert_eq(stream_sent(b->stream, &p, b->written), 0);
	cr_assert(stream_at_edge(b->stream));
	cr_assert_not(stream_next(b->stream, b->now, FLUSH, true, &p));
	bed_free(b);
}

Test(stream, a_pdu_larger_than_a_record)
{
	struct bed *b = bed_new();
	struct stream_piece p;
	uint32_t sum = 0;

	push(b, 0, 0, 2, 20000);
	b->now += FLUSH;
	for (uint32_t n; (n = send_one(b, &p)) > 0; b->now += FLUSH)
		sum += n;
	cr_assert_eq(sum, 2 * (20000 + HEAD));
	stream_acked(b->stream, b->written);
	cr_assert_eq(balance(b).acknowledged, 2);
	bed_free(b);
}

// --- PDUs that are a copy for several tasks ---

#define TASKS 6u

// Bursts of up to TASKS tasks that may share a PDU; acknowledgements, cuts and a discard at random
// places. Each task's copies are accounted exactly, whatever happens to the PDUs they share.
static void push_tasks(struct bed *b, uint32_t worker, uint32_t n, uint64_t *pushed)
{
	struct rule rules[TASKS];
	struct hit hits[TASKS];
	struct packet_view v = {.data = b->frame,
		.length = sizeof(b->frame),
		.total = sizeof(b->frame),
		.n_layers = 1,
		.layer[0] = {.length = (uint16_t)(20 + rand() % 3000), .family = 4}};
	void *mbufs[1] = {NULL};
	struct copy_ring *r;

	for (uint32_t i = 0; i < n; i++) {
		rules[i] = b->rule;
		rules[i].slot = 10 + i;
		rules[i].context_x3 = i;
		rules[i].axri = 1;
		hits[i] = (struct hit){.rule = &rules[i], .direction = 3};
		pushed[i]++;
	}
	capture_burst(b->capture[worker], hits, n, &v, mbufs, 0);
	while ((r = capture_ready(b->capture[worker], 0)))
		stream_wake(copy_ring_owner(r), b->now);
}

static void check_tasks(struct bed *b, const uint64_t *pushed, bool at_rest)
{
	struct copy_balance all = {0};
	uint64_t octets = 0, accounted = 0;

	stream_balance(b->stream, &all, &octets);
	for (uint32_t i = 0; i < TASKS; i++) {
		struct copy_balance n = {0};
		copy_outcomes_read(&b->book, 10 + i, &n);
		uint64_t done = n.acknowledged + n.in_doubt + n.lost[LOSS_REMOVED];
		cr_assert_leq(done, pushed[i]);
		if (at_rest)
			cr_assert_eq(done, pushed[i], "task %u", i);
		accounted += done;
	}
	cr_assert_eq(accounted,
		all.acknowledged + all.in_doubt - all.unsettled + all.lost[LOSS_REMOVED]);
	cr_assert_eq(all.offered, accounted + all.queued + all.unsettled);
	if (at_rest)
		cr_assert_eq(octets, 0);
}

Test(stream, shared_pdus_end_for_each_of_their_tasks)
{
	for (unsigned seed = 1; seed <= 60; seed++) {
		struct bed *b = bed_new();
		uint64_t pushed[TASKS] = {0}, acked = 0;
		struct stream_piece p;
		srand(seed);
		b->rule.destination[0] = 0;
		for (int i = 0; i < 400; i++) {
			push_tasks(b, (uint32_t)rand() % 2, 1 + (uint32_t)rand() % TASKS, pushed);
			b->now += FLUSH / 3;
			while (rand() % 4 && send_one(b, &p))
				;
			if (rand() % 3 == 0 && b->written > acked)
				acked += (uint64_t)rand() % (b->written - acked + 1);
			stream_acked(b->stream, acked);
			if (rand() % 50 == 0)
				stream_cut(b->stream, rand() % 2);
			check_tasks(b, pushed, false);
		}
		if (seed % 2 == 0)
			stream_discard(b->stream, LOSS_REMOVED);
		for (int i = 0; i < 10000 && !stream_empty(b->stream); i++) {
			b->now += FLUSH;
			send_one(b, &p);
			stream_acked(b->stream, b->written);
		}
		check_tasks(b, pushed, true);
		bed_free(b);
	}
}
