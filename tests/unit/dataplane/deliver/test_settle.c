// When a copy counts as delivered: the MDF has acknowledged a keepalive behind it.

#include "tests/unit/dataplane/deliver/deliver_bed.h"

// Each number that the MDF read at least once, over all its connections, and how many connections
// there were; a PDU that was read in part is none.
static uint32_t read_by(struct lab_mdf *m, bool *seen, uint32_t n)
{
	uint32_t different = 0;

	pthread_mutex_lock(&m->lock);
	for (uint32_t c = 0; c < m->connections; c++) {
		size_t at = m->start[c];
		size_t end = c + 1 < m->connections ? m->start[c + 1] : m->n_kept;
		struct pdu p;
		const char *why;
		int64_t length;
		while (at < end && (length = pdu_decode(m->kept + at, end - at, 1 << 20, &p, &why)) > 0) {
			at += (size_t)length;
			if (p.type != PDU_X3)
				continue;
			cr_assert_lt(p.sequence, n);
			different += !seen[p.sequence];
			seen[p.sequence] = true;
		}
	}
	pthread_mutex_unlock(&m->lock);
	return different;
}

static uint16_t begin(struct bed *b, struct lab_mdf *m)
{
	bed_start(b);
	uint16_t index = add(b, m->port, 1);
	b->rule[0].destination[0] = index;
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 5000);
	return index;
}

// As a proxy does: it takes and acknowledges what no MDF ever reads.
Test(settle, taken_without_an_acknowledgement_is_not_delivered, .timeout = 60)
{
	struct bed *b = bed_new();
	struct lab_mdf proxy, m;

	lab_mdf_start(&proxy, &b->pki, "IP:127.0.0.1", NULL, 0);
	proxy.acknowledge = false;
	uint16_t index = begin(b, &proxy), port = proxy.port;
	push_many(b, 0, 8000);
	WAIT_FOR(check_stream(b, &proxy, 0, 0, NULL) == 8000, 10000);
	usleep(300000);
	struct copy_balance c = status_of(b, index).copies;
	cr_assert_eq(c.acknowledged, 0, "%lu", c.acknowledged);
	cr_assert_eq(c.in_doubt, 8000, "%lu", c.in_doubt);
	lab_mdf_stop(&proxy);
	WAIT_FOR(status_of(b, index).state == DESTINATION_DOWN, 5000);
	cr_assert_eq(acknowledged(b, index), 0);
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, port);
	WAIT_FOR(acknowledged(b, index) == 8000, 20000);
	cr_assert_eq(check_stream(b, &m, 0, 0, NULL), 8000);
	cr_assert_eq(status_of(b, index).copies.in_doubt, 0);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

// Octets that the MDF's kernel had when it was killed come again, all of them.
Test(settle, what_a_killed_mdf_did_not_read_is_sent_again, .timeout = 120)
{
	static bool seen[20000];
	struct bed *b = bed_new();
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.cut_after = 300000;
	uint16_t index = begin(b, &m);
	for (uint32_t i = 0; i < 20; i++) {
		push_many(b, 0, 1000);
		usleep(20000);
		uint64_t delivered = acknowledged(b, index);
		cr_assert_leq(delivered, read_by(&m, memset(seen, 0, sizeof(seen)), 20000));
	}
	WAIT_FOR(m.connections >= 3, 20000);
	m.cut_after = 0;
	WAIT_FOR(acknowledged(b, index) == 20000, 30000);
	cr_assert_eq(read_by(&m, memset(seen, 0, sizeof(seen)), 20000), 20000);
	cr_assert_gt(m.unread, 0, "nothing was under way at a cut");
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(settle, a_removal_does_not_wait_for_the_next_keepalive, .timeout = 60)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	struct copy_balance total;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	uint16_t index = begin(b, &m);
	push_many(b, 0, 500);
	deliver_remove(b->deliver, index);
	struct channel_destination_status s;
	WAIT_FOR(deliver_status(b->deliver, index, &s) == POI_ERR_NOT_FOUND, 4000);
	deliver_totals(b->deliver, &total);
	cr_assert_eq(total.acknowledged, 500, "%lu", total.acknowledged);
	cr_assert_eq(check_stream(b, &m, 0, 0, NULL), 500);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(settle, a_stop_waits_for_the_acknowledgement, .timeout = 60)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	uint16_t index = begin(b, &m);
	push_many(b, 0, 500);
	deliver_stop(b->deliver);
	cr_assert_eq(acknowledged(b, index), 500);
	cr_assert_eq(check_stream(b, &m, 0, 0, NULL), 500);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

// A number that was not sent settles nothing; one that comes twice settles once; each is counted.
Test(settle, a_wrong_acknowledgement_settles_nothing, .timeout = 60)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.ack_offset = 1000;
	uint16_t index = begin(b, &m);
	push_many(b, 0, 1000);
	WAIT_FOR(status_of(b, index).odd_acks > 0, 5000);
	cr_assert_eq(acknowledged(b, index), 0);
	cr_assert_eq(status_of(b, index).state, DESTINATION_UP);
	m.ack_offset = 0;
	m.ack_again = 2;
	push_many(b, 0, 1000);
	WAIT_FOR(acknowledged(b, index) == 2000, 5000);
	uint64_t odd = status_of(b, index).odd_acks;
	WAIT_FOR(status_of(b, index).odd_acks >= 3, 5000);
	cr_assert_gt(odd, 0);
	cr_assert_eq(m.connections, 1);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

// The MDF has read what lies before the one it acknowledges, whatever it left out.
Test(settle, acknowledgements_may_skip_numbers_and_be_late, .timeout = 60)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.ack_every = 3;
	m.ack_delay_ms = 30;
	uint16_t index = begin(b, &m);
	for (uint32_t i = 0; i < 20; i++) {
		push_many(b, 0, 1000);
		cr_assert_leq(acknowledged(b, index), check_stream(b, &m, 0, 0, NULL));
	}
	WAIT_FOR(acknowledged(b, index) >= 15000, 20000);
	m.ack_every = 1;
	push_many(b, 0, 1);
	WAIT_FOR(acknowledged(b, index) == 20001, 5000);
	cr_assert_eq(m.connections, 1);
	cr_assert_eq(status_of(b, index).odd_acks, 0);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

// The smallest quota, used up many times over by an MDF that acknowledges late: what is sent asks for
// its acknowledgement before the quota is full, and goes on each time.
Test(settle, a_full_quota_is_never_a_deadlock, .timeout = 60)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	b->config.delivery.buffer = 256 << 10;
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.ack_delay_ms = 20;
	uint16_t index = begin(b, &m);
	for (uint32_t i = 0; i < 5000; i++) {
		push(b, 0);
		if (i % 64 == 63)
			WAIT_FOR(status_of(b, index).queued_octets < 100000, 10000);
	}
	push_many(b, 0, 3000); // more than the quota
	WAIT_FOR(all_accounted(b, index), 10000);
	struct copy_balance c = status_of(b, index).copies;
	cr_assert_eq(c.acknowledged + c.lost[LOSS_BUFFER_FULL], 8000);
	cr_assert_geq(c.acknowledged, 5000);
	push_many(b, 0, 100);
	WAIT_FOR(acknowledged(b, index) == c.acknowledged + 100, 10000);
	cr_assert_eq(m.connections, 1);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

// It would get the same PDUs for ever if the first keepalive came behind the end of each connection.
Test(settle, an_mdf_that_closes_after_little_is_not_stuck, .timeout = 120)
{
	static bool seen[4000];
	struct bed *b = bed_new();
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.cut_after = 60000; // before the first that a connection has at first
	uint16_t index = begin(b, &m);
	push_many(b, 0, 4000);
	WAIT_FOR(acknowledged(b, index) > 0, 40000);
	cr_assert_gt(m.connections, 1);
	m.cut_after = 0;
	WAIT_FOR(acknowledged(b, index) == 4000, 40000);
	cr_assert_eq(read_by(&m, seen, 4000), 4000);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(settle, no_acknowledgement_takes_the_connection_down, .timeout = 60)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	b->config.delivery.keepalive.time_p2 = 2;
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.acknowledge = false;
	uint16_t index = begin(b, &m);
	push_many(b, 0, 100);
	WAIT_FOR(strstr(status_of(b, index).reason, "delivery.settle") != NULL, 10000);
	struct copy_balance c = status_of(b, index).copies;
	cr_assert_eq(c.acknowledged, 0);
	cr_assert_eq(c.unsettled, 100, "kept, and sent again");
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(settle, by_tcp_no_acknowledgement_is_waited_for, .timeout = 60)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	b->config.delivery.settle = CONFIG_SETTLE_TCP;
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.acknowledge = false;
	uint16_t index = begin(b, &m);
	push_many(b, 0, 8000);
	WAIT_FOR(acknowledged(b, index) == 8000, 10000);
	cr_assert_eq(status_of(b, index).settle, CONFIG_SETTLE_TCP);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

// Without keepalives that need an acknowledgement, whatever is configured.
Test(settle, nothing_waits_for_what_is_not_asked_for, .timeout = 60)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	b->config.delivery.keepalive.require_ack = false;
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.acknowledge = false;
	uint16_t index = begin(b, &m);
	push_many(b, 0, 100);
	WAIT_FOR(acknowledged(b, index) == 100, 10000);
	cr_assert_eq(status_of(b, index).settle, CONFIG_SETTLE_TCP);
	bed_free(b);
	lab_mdf_stop(&m);
}
