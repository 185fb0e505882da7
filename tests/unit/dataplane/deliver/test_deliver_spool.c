// The spool behind a connection: what memory cannot hold goes to disk and comes back in order.

#include "dataplane/deliver/deliver_internal.h"
#include "dataplane/deliver/stream_internal.h"

#include "tests/unit/dataplane/deliver/deliver_bed.h"

struct spool_bed {
	char folder[64], key[96];
	uint16_t index;
};

// A memory of this size and a spool; the destination's port is closed until the test listens there.
static void spool_open_with(
	struct bed *b, struct spool_bed *s, uint64_t buffer, uint64_t size, uint16_t port)
{
	strcpy(s->folder, "/tmp/poi-spool-XXXXXX");
	cr_assert_not_null(mkdtemp(s->folder));
	snprintf(s->key, sizeof(s->key), "%s/key", s->folder);
	FILE *f = fopen(s->key, "w");
	fputs("0123456789abcdef0123456789abcdef", f);
	fclose(f);
	cr_assert_eq(chmod(s->key, 0600), 0);
	b->config.delivery.buffer = buffer;
	b->config.delivery.spool =
		(struct config_spool){.folder = s->folder, .key = s->key, .size = size};
	bed_start(b);
	s->index = add(b, port, 1);
	b->rule[0].destination[0] = s->index;
}

static void spool_open_bed(struct bed *b, struct spool_bed *s, uint64_t size, uint16_t port)
{
	spool_open_with(b, s, 4 << 20, size, port);
}

static uint64_t on_disk(struct spool_bed *s, bool and_remove)
{
	char path[400];
	uint64_t sum = 0;
	struct stat st;
	struct dirent *e;
	DIR *d = opendir(s->folder);

	while ((e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", s->folder, e->d_name);
		if (stat(path, &st) || !S_ISREG(st.st_mode))
			continue;
		if (strcmp(path, s->key) != 0)
			sum += (uint64_t)st.st_size;
		if (and_remove)
			unlink(path);
	}
	closedir(d);
	if (and_remove)
		rmdir(s->folder);
	return sum;
}

static void push_slowly(struct bed *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		push(b, 0);
		if (i % 64 == 63)
			usleep(1000);
	}
}

// As fast as the spool takes it, however slow disk and machine are: what is not on disk stays below
// the 4 MB of memory, so that nothing need be lost.
static void push_at_disk_speed(struct bed *b, struct spool_bed *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += 64) {
		push_slowly(b, n - i < 64 ? n - i : 64);
		for (uint32_t waited = 0; waited < 20000; waited++) {
			if (status_of(b, s->index).queued_octets < on_disk(s, false) + (5 << 19))
				break;
			usleep(1000);
		}
	}
}

// However slow the machine: fails when nothing was accounted for 20 s (a reconnection may wait for
// 8).
static void wait_all_accounted(struct bed *b, uint16_t index)
{
	uint64_t before = 0;

	for (uint32_t still = 0; !all_accounted(b, index); still++) {
		struct channel_destination_status now = status_of(b, index);
		if (accounted(&now.copies) != before)
			still = 0;
		before = accounted(&now.copies);
		cr_assert_lt(still, 20000, "nothing moves, %llu queued",
			(unsigned long long)now.copies.queued);
		usleep(1000);
	}
}

static uint16_t closed_port(struct bed *b)
{
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	lab_mdf_stop(&m);
	return m.port;
}

Test(deliver_spool, what_memory_cannot_hold_waits_on_disk_and_comes_in_order, .timeout = 150)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct lab_mdf m;
	uint16_t port = closed_port(b);

	spool_open_bed(b, &s, 64 << 20, port);
	push_at_disk_speed(b, &s, 30000); // 13 MB
	usleep(100000);
	expect_balance(b, s.index);
	cr_assert_eq(status_of(b, s.index).copies.queued, 30000);
	cr_assert_gt(on_disk(&s, false), 8 << 20);
	cr_assert_gt(status_of(b, s.index).queued_octets, 12 << 20);
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, port);
	WAIT_FOR(m.connections > 0, 5000);
	for (uint32_t i = 0; i < 5000; i += 50) { // newer ones wait for the older
		push_slowly(b, 50);
		usleep(20000); // memory is for them alone, however slow the machine
	}
	wait_all_accounted(b, s.index);
	cr_assert_eq(acknowledged(b, s.index), 35000);
	WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == 35000, 2000);
	expect_balance(b, s.index);
	WAIT_FOR(on_disk(&s, false) < 1000, 2000);
	bed_free(b);
	cr_assert_eq(on_disk(&s, true), 0);
	lab_mdf_stop(&m);
}

Test(deliver_spool, cuts_while_the_spool_is_replayed, .timeout = 150)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct lab_mdf m;
	uint16_t port = closed_port(b);
	uint32_t next = 0, gaps = 0;

	spool_open_bed(b, &s, 64 << 20, port);
	push_at_disk_speed(b, &s, 30000);
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, port);
	m.cut_after = 2500000;
	WAIT_FOR(m.connections >= 1, 40000);
	WAIT_FOR(m.connections >= 3, 12000); // one that took PDUs is made again within 2.5 s
	push_slowly(b, 5000);
	m.cut_after = 0;
	wait_all_accounted(b, s.index);
	cr_assert_eq(acknowledged(b, s.index), 35000);
	expect_balance(b, s.index);
	usleep(100000);
	for (uint32_t i = 0; i < m.connections; i++) {
		uint32_t first = first_number(&m, i);
		cr_assert_geq(first, i == 0 ? 0 : 100);
		next = check_stream(b, &m, i, first, NULL);
	}
	cr_assert_eq(next, 35000);
	cr_assert_eq(gaps, 0);
	bed_free(b);
	on_disk(&s, true);
	lab_mdf_stop(&m);
}

Test(deliver_spool, a_stalled_reader_fills_the_spool_too, .timeout = 150)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.stalled = true;
	spool_open_bed(b, &s, 64 << 20, m.port);
	WAIT_FOR(status_of(b, s.index).state == DESTINATION_UP, 3000);
	push_at_disk_speed(b, &s, 30000);
	cr_assert_eq(status_of(b, s.index).state, DESTINATION_UP);
	cr_assert_gt(on_disk(&s, false), 1 << 20);
	m.stalled = false;
	push_at_disk_speed(b, &s, 1000);
	wait_all_accounted(b, s.index);
	cr_assert_eq(status_of(b, s.index).copies.lost[LOSS_BUFFER_FULL], 0);
	cr_assert_eq(acknowledged(b, s.index), 31000);
	WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == 31000, 2000);
	expect_balance(b, s.index);
	bed_free(b);
	on_disk(&s, true);
	lab_mdf_stop(&m);
}

// More than the ring has slots for, twice: the spool serves every stall, not only the first.
Test(deliver_spool, every_stall_has_the_whole_spool, .timeout = 150)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	spool_open_bed(b, &s, 64 << 20, m.port);
	WAIT_FOR(status_of(b, s.index).state == DESTINATION_UP, 3000);
	for (uint32_t round = 1; round <= 2; round++) {
		m.stalled = true;
		push_at_disk_speed(b, &s, 60000); // 27 MB, 210 segments
		cr_assert_gt(on_disk(&s, false), 8 << 20,
			"round %u: %llu on disk, %llu queued, %llu lost", round,
			(unsigned long long)on_disk(&s, false),
			(unsigned long long)status_of(b, s.index).queued_octets,
			(unsigned long long)status_of(b, s.index).copies.lost[LOSS_BUFFER_FULL]);
		m.stalled = false;
		wait_all_accounted(b, s.index);
		cr_assert_eq(acknowledged(b, s.index), 60000 * round);
		WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == 60000 * round, 2000);
	}
	expect_balance(b, s.index);
	bed_free(b);
	on_disk(&s, true);
	lab_mdf_stop(&m);
}

Test(deliver_spool, a_full_spool_drops_the_newest_and_counts, .timeout = 150)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct lab_mdf m;
	uint16_t port = closed_port(b);

	spool_open_bed(b, &s, 4 << 20, port);
	push_slowly(b, 30000);
	usleep(100000);
	expect_balance(b, s.index);
	uint64_t lost = status_of(b, s.index).copies.lost[LOSS_BUFFER_FULL];
	cr_assert_gt(lost, 5000);
	cr_assert_leq(on_disk(&s, false), 4 << 20);
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, port);
	wait_all_accounted(b, s.index);
	cr_assert_eq(acknowledged(b, s.index), 30000 - lost);
	usleep(100000);
	uint32_t gaps = 0, next = check_stream(b, &m, 0, 0, &gaps);
	cr_assert_eq(next - gaps, 30000 - lost);
	// The oldest are whole; where memory ended, a short one still found room now and then.
	cr_assert_lt(next, 30000 - lost + 500);
	expect_balance(b, s.index);
	bed_free(b);
	on_disk(&s, true);
	lab_mdf_stop(&m);
}

Test(deliver_spool, a_removed_destination_leaves_no_spool, .timeout = 150)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct channel_destination_status gone;

	spool_open_bed(b, &s, 64 << 20, closed_port(b));
	push_at_disk_speed(b, &s, 30000);
	usleep(100000);
	deliver_remove(b->deliver, s.index);
	WAIT_FOR(deliver_status(b->deliver, s.index, &gone) == POI_ERR_NOT_FOUND, 8000);
	struct copy_balance total;
	deliver_totals(b->deliver, &total);
	cr_assert_eq(total.lost[LOSS_REMOVED], 30000);
	cr_assert_eq(total.queued, 0);
	cr_assert_eq(on_disk(&s, false), 0);
	bed_free(b);
	on_disk(&s, true);
}

// Created again with the same DID while the old one still drains: each has a file of its own.
Test(deliver_spool, a_successor_begins_with_nothing, .timeout = 150)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct lab_mdf m;
	struct channel_destination_status gone;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.stalled = true;
	spool_open_bed(b, &s, 64 << 20, m.port);
	WAIT_FOR(m.connections == 1, 5000);
	push_at_disk_speed(b, &s, 30000);
	uint16_t old = s.index;
	deliver_remove(b->deliver, old);
	struct channel_destination dest = {.delivery = DELIVERY_X3,
		.address = {.family = 4, .b = {127, 0, 0, 1}},
		.port = closed_port(b),
		.did.b[0] = 1,
		.creation = 2};
	cr_assert_eq(deliver_add(b->deliver, &dest, &s.index), 0);
	b->rule[0].destination[0] = s.index;
	cr_assert_eq(deliver_found(b->deliver), 0);
	m.stalled = false;
	WAIT_FOR(deliver_status(b->deliver, old, &gone) == POI_ERR_NOT_FOUND, 8000);
	cr_assert_eq(deliver_found(b->deliver), 0);
	push_at_disk_speed(b, &s, 20000);
	cr_assert_eq(status_of(b, s.index).copies.queued, 20000);
	cr_assert_gt(on_disk(&s, false), 4 << 20, "the file is there, with its name");
	bed_free(b);
	on_disk(&s, true);
	lab_mdf_stop(&m);
}

Test(deliver_spool, the_spool_survives_a_restart, .timeout = 150)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct lab_mdf m;
	uint16_t port = closed_port(b);

	spool_open_bed(b, &s, 64 << 20, port);
	push_at_disk_speed(b, &s, 30000);
	usleep(100000);
	deliver_stop(b->deliver);
	deliver_free(b->deliver);
	cr_assert_gt(on_disk(&s, false), 8 << 20);
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, port);
	bed_start(b);
	uint16_t index = add(b, port, 1);
	cr_assert_eq(deliver_found(b->deliver), 30000);
	cr_assert_eq(status_of(b, index).copies.offered, 30000); // in its sums
	WAIT_FOR(status_of(b, index).copies.queued == 0 && on_disk(&s, false) < 1000, 10000);
	WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == 30000, 2000);
	cr_assert_eq(status_of(b, index).copies.offered, 30000);
	cr_assert_eq(acknowledged(b, index), 30000);
	struct copy_balance slot = {0};
	deliver_slot_balance(b->deliver, 0, &slot);
	cr_assert_eq(accounted(&slot), 0); // in no task's
	bed_free(b);
	on_disk(&s, true);
	lab_mdf_stop(&m);
}

// Returns the octets that memory holds, or more. The file's size runs ahead of it: delivery frees a
// segment only after the spool's thread has reported the write.
static uint64_t in_memory(struct bed *b, uint16_t index)
{
	const struct spooled *p = &b->deliver->connection[index]->stream->spooled[COPY_X3];
	uint64_t stored = atomic_load_explicit(&p->octets, memory_order_relaxed); // read first

	return status_of(b, index).queued_octets - stored;
}

// The smallest memory that may be configured: at the pace of the disk nothing is lost. `ahead`:
// octets that may be in memory.
static void push_at_small_pace(struct bed *b, const struct spool_bed *s, uint32_t n, uint64_t ahead)
{
	for (uint32_t i = 0; i < n; i += 64) {
		push_slowly(b, 64);
		WAIT_FOR(in_memory(b, s->index) < ahead, 20000); // a disk may be slow
	}
	cr_assert_eq(status_of(b, s->index).copies.lost[LOSS_BUFFER_FULL], 0);
}

Test(deliver_spool, a_small_memory_reaches_the_spool, .timeout = 150)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct lab_mdf m;
	uint16_t port = closed_port(b);

	spool_open_with(b, &s, 64 << 10, 64 << 20, port);
	push_at_small_pace(b, &s, 6400, 300000);
	cr_assert_gt(on_disk(&s, false), 2 << 20);
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, port);
	wait_all_accounted(b, s.index);
	cr_assert_eq(acknowledged(b, s.index), 6400);
	WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == 6400, 2000);
	expect_balance(b, s.index);
	bed_free(b);
	on_disk(&s, true);
	lab_mdf_stop(&m);
}

// `n`: more than what may be sent and not acknowledged holds, by TCP the sockets too.
static void small_memory_while_a_reader_stalls(
	enum config_settle settle, uint32_t n, uint64_t ahead)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct lab_mdf m;

	b->config.delivery.settle = settle;
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.stalled = true;
	spool_open_with(b, &s, 64 << 10, 64 << 20, m.port);
	WAIT_FOR(status_of(b, s.index).state == DESTINATION_UP, 3000);
	push_at_small_pace(b, &s, n, ahead);
	cr_assert_gt(on_disk(&s, false), 1 << 20);
	m.stalled = false;
	wait_all_accounted(b, s.index);
	cr_assert_eq(acknowledged(b, s.index), n);
	WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == n, 2000);
	expect_balance(b, s.index);
	bed_free(b);
	on_disk(&s, true);
	lab_mdf_stop(&m);
}

Test(deliver_spool, a_small_memory_reaches_the_spool_while_a_reader_stalls, .timeout = 150)
{
	// Where in a segment the kernel stops taking differs from run to run. Memory holds what may
	// be in flight (a segment and one send of 64 KiB), the rest of the segment sent in part,
	// and one that fills: 458,752 octets of its 524,288.
	small_memory_while_a_reader_stalls(CONFIG_SETTLE_TCP, 12800, 470000);
}

Test(deliver_spool, a_small_memory_reaches_the_spool_while_no_keepalive_is_answered, .timeout = 150)
{
	// Memory holds a segment that was sent, one sent in part, and one that can go to disk.
	small_memory_while_a_reader_stalls(CONFIG_SETTLE_KEEPALIVE, 4480, 430000);
}

static void push_reports(struct bed *b, uint16_t index, uint32_t n)
{
	struct x2_task *t = calloc(1, sizeof(*t));
	const struct xiri x = {.trigger = SUMMARY_NONE};

	*t = (struct x2_task){.slot = 1, .context = 1, .n_destinations = 1};
	t->destination[0] = index;
	for (uint32_t i = 0; i < n; i++)
		capture_report(b->capture, t, &x, 1767225600000000000ull);
	capture_publish(b->capture);
	free(t);
}

static void reports_while_a_reader_stalls(enum config_settle settle, uint32_t n)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct lab_mdf m;
	struct channel_destination dest = {.delivery = DELIVERY_X2 | DELIVERY_X3,
		.address = {.family = 4, .b = {127, 0, 0, 1}}};
	uint16_t index;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.stalled = true;
	b->config.delivery.settle = settle;
	spool_open_with(b, &s, 8 << 20, 64 << 20, 1); // without a listener
	dest.port = m.port;
	cr_assert_eq(deliver_add(b->deliver, &dest, &index), 0);
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
	for (uint32_t i = 0; i < n; i += 60) {
		push_reports(b, index, 60);
		usleep(300); // what is pushed is queued only when the thread has taken it
		WAIT_FOR(status_of(b, index).queued_octets < on_disk(&s, false) + 800000, 4000);
	}
	cr_assert_eq(status_of(b, index).copies.lost[LOSS_BUFFER_FULL], 0);
	m.stalled = false;
	wait_all_accounted(b, index);
	cr_assert_eq(acknowledged(b, index), n);
	expect_balance(b, index);
	bed_free(b);
	on_disk(&s, true);
	lab_mdf_stop(&m);
}

// X2's own share bounds its octets sent and not acknowledged: a reader that stalls does not keep it
// from the spool, however much of X3 it could hold.
Test(deliver_spool, reports_reach_the_spool_while_a_reader_stalls, .timeout = 150)
{
	reports_while_a_reader_stalls(CONFIG_SETTLE_TCP, 30000);
}

Test(deliver_spool, reports_reach_the_spool_while_no_keepalive_is_answered, .timeout = 150)
{
	reports_while_a_reader_stalls(CONFIG_SETTLE_KEEPALIVE, 12000);
}
