#include "dataplane/deliver.h"

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

#include "tests/unit/dataplane/lab_mdf.h"

#define PAYLOAD 700u // of the largest packet
#define HEAD 89u
#define SLOTS 4u

struct bed {
	struct lab_pki pki;
	struct config config;
	struct slots_worker slots;
	struct capture *capture;
	struct deliver *deliver;
	struct rule rule[SLOTS];
	uint32_t pushed;
	uint8_t frame[2048];
};

static struct bed *bed_new(void)
{
	struct bed *b = calloc(1, sizeof(*b));
	char why[200] = "";

	signal(SIGPIPE, SIG_IGN); // of the lab MDF; delivery protects itself
	lab_pki_make(&b->pki);
	struct config_delivery *d = &b->config.delivery;
	d->tls = (struct config_tls){
		.certificate = b->pki.certificate, .key = b->pki.key, .ca = b->pki.ca};
	d->keepalive = (struct config_keepalive){true, 60, 180, true};
	d->buffer = 16 << 20;
	d->resend_in_doubt = true;
	d->flush_us = 50;
	d->threads = 1;
	b->slots.counters[0] = calloc(SLOT_CHUNK, sizeof(struct slot_counters));
	b->slots.sequence[0] = calloc(SLOT_CHUNK, sizeof(uint32_t));
	struct capture_settings s = {.pool_octets = 32 << 20, .n_deliver = 1, .slots = &b->slots};
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

static void bed_start(struct bed *b)
{
	char why[200] = "";

	b->deliver = deliver_new(&b->config, &b->capture, 1, NULL, why, sizeof(why));
	cr_assert_not_null(b->deliver, "%s", why);
	cr_assert_eq(deliver_start(b->deliver), 0);
}

static void bed_free(struct bed *b)
{
	deliver_stop(b->deliver);
	deliver_free(b->deliver);
	capture_free(b->capture);
	free(b->slots.counters[0]);
	free(b->slots.sequence[0]);
	lab_pki_free(&b->pki);
	free(b);
}

static uint16_t add(struct bed *b, uint16_t port, uint8_t did)
{
	struct channel_destination dest = {.delivery = DELIVERY_X3,
		.address = {.family = 4, .b = {127, 0, 0, 1}},
		.port = port};
	uint16_t index = 0;

	dest.did.b[0] = did;
	cr_assert_eq(deliver_add(b->deliver, &dest, &index), 0);
	return index;
}

static uint32_t payload_length(uint32_t number)
{
	return 40 + number * 37 % (PAYLOAD - 40);
}

// One packet of this rule; its length follows from its number. `slot` doubles as the rule's place.
static void push(struct bed *b, uint32_t slot)
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

static void push_many(struct bed *b, uint32_t slot, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		push(b, slot);
		if (i % 64 == 63)
			usleep(100);
	}
}

static struct channel_destination_status status_of(struct bed *b, uint16_t index)
{
	struct channel_destination_status s;
	cr_assert_eq(deliver_status(b->deliver, index, &s), 0);
	return s;
}

#define WAIT_FOR(condition, milliseconds)                                                  \
	do {                                                                               \
		for (int waited_ = 0; !(condition) && waited_ < (milliseconds); waited_++) \
			usleep(1000);                                                      \
		cr_assert(condition, "not within %d ms: %s", milliseconds, #condition);    \
	} while (0)

static uint64_t settled(const struct copy_balance *c)
{
	uint64_t sum = c->acknowledged + c->in_doubt;
	for (int i = 0; i < LOSS_COUNT; i++)
		sum += c->lost[i];
	return sum;
}

static bool all_settled(struct bed *b, uint16_t index)
{
	struct channel_destination_status s = status_of(b, index);
	return s.copies.queued == 0 && settled(&s.copies) == s.copies.offered;
}

static uint64_t acknowledged(struct bed *b, uint16_t index)
{
	return status_of(b, index).copies.acknowledged;
}

// offered = acknowledged + lost + queued + in doubt, for the destination, for the whole, and the
// slots' two books together. At rest only.
static void expect_balance(struct bed *b, uint16_t index)
{
	struct channel_destination_status s = status_of(b, index);
	struct copy_balance total, slots = {0};
	uint64_t offered = 0;

	cr_assert_eq(s.copies.offered, settled(&s.copies) + s.copies.queued);
	deliver_totals(b->deliver, &total);
	cr_assert_eq(total.offered, settled(&total) + total.queued);
	for (uint32_t i = 0; i < SLOTS; i++) {
		const struct slot_counters *n = slot_counters_of(&b->slots, i);
		offered += n->offered;
		for (int k = 0; k < LOSS_COUNT; k++)
			slots.lost[k] += n->lost[k];
		deliver_slot_balance(b->deliver, i, &slots);
	}
	cr_assert_eq(offered, total.offered);
	cr_assert_eq(settled(&slots) + total.queued, offered);
	cr_assert_eq(slots.acknowledged, total.acknowledged);
	cr_assert_eq(slots.octets, total.octets);
}

// Walks one connection's octets: exact payloads, each number once and ascending (`gaps`: how many
// numbers may be missing). Octets of a PDU that was cut off may follow. Returns the next number.
static uint32_t check_stream(
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

static uint32_t first_number(struct lab_mdf *m, uint32_t connection)
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

static bool next_event(struct bed *b, uint8_t kind, struct channel_event *e)
{
	while (deliver_next_event(b->deliver, e))
		if (e->kind == kind)
			return true;
	return false;
}

Test(deliver, order_and_exact_octets, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	struct channel_event e;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	push_many(b, 0, 20000);
	WAIT_FOR(acknowledged(b, index) == 20000, 10000);
	cr_assert_eq(status_of(b, index).state, DESTINATION_UP);
	cr_assert_eq(status_of(b, index).queued_octets, 0);
	WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == 20000, 2000);
	expect_balance(b, index);
	cr_assert_not(next_event(b, EVENT_DESTINATION_DOWN, &e));
	cr_assert_eq(m.connections, 1);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(deliver, cut_in_mid_stream_goes_on_at_a_pdu, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	struct channel_event e;
	uint32_t gaps = 0;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.cut_after = 1500000;
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	push_many(b, 0, 8000);
	WAIT_FOR(m.connections >= 2, 5000);
	m.cut_after = 0;
	WAIT_FOR(acknowledged(b, index) == 8000, 10000);
	cr_assert(next_event(b, EVENT_DESTINATION_DOWN, &e));
	cr_assert_neq(e.text[0], 0);
	cr_assert(next_event(b, EVENT_DESTINATION_UP, &e));
	expect_balance(b, index);
	cr_assert_eq(status_of(b, index).copies.in_doubt, 0);
	// What the MDF had acknowledged but not read when it reset the connection is its own loss;
	// nothing else is missing, and the last number arrives.
	uint32_t next = check_stream(b, &m, 0, 0, NULL);
	uint32_t again = first_number(&m, 1);
	for (uint32_t i = 1; i < m.connections; i++)
		next = check_stream(b, &m, i, first_number(&m, i), NULL);
	WAIT_FOR((next = check_stream(b, &m, m.connections - 1, first_number(&m, m.connections - 1),
			  &gaps)) == 8000,
		2000);
	cr_assert_eq(gaps, 0);
	cr_assert_gt(again, 1000);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(deliver, without_resend_a_cut_leaves_copies_in_doubt, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	b->config.delivery.resend_in_doubt = false;
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.stalled = true;
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
	push_many(b, 0, 16000); // more than the sockets hold
	usleep(200000);
	uint64_t before = acknowledged(b, index);
	cr_assert_lt(before, 16000);
	m.cut_after = 1; // as soon as it reads
	m.stalled = false;
	WAIT_FOR(status_of(b, index).connects >= 2 || status_of(b, index).state == DESTINATION_DOWN,
		5000);
	m.cut_after = 0;
	WAIT_FOR(all_settled(b, index), 10000);
	expect_balance(b, index);
	struct copy_balance c = status_of(b, index).copies;
	cr_assert_gt(c.in_doubt, 0);
	cr_assert_eq(c.acknowledged + c.in_doubt, 16000 - c.lost[LOSS_BUFFER_FULL]);
	cr_assert_geq(c.acknowledged, before);
	// After the cut: a whole PDU first, then every number to the end.
	uint32_t last = m.connections - 1;
	WAIT_FOR(check_stream(b, &m, last, first_number(&m, last), NULL) == 16000, 2000);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(deliver, wrong_certificate_never_gets_an_octet, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	struct channel_event e;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.2,DNS:localhost", "mdf-7", 0);
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	push_many(b, 0, 100);
	WAIT_FOR(status_of(b, index).state == DESTINATION_DOWN, 3000);
	usleep(700000); // one more attempt
	cr_assert_eq(m.octets, 0);
	cr_assert_eq(acknowledged(b, index), 0);
	cr_assert_eq(status_of(b, index).copies.queued, 100);
	cr_assert_eq(status_of(b, index).connects, 0);
	cr_assert_not_null(strstr(status_of(b, index).reason, "certificate"), "%s",
		status_of(b, index).reason);
	cr_assert(next_event(b, EVENT_DESTINATION_DOWN, &e));
	cr_assert_not(next_event(b, EVENT_DESTINATION_DOWN, &e), "reported once");
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(deliver, pinned_identity_replaces_the_address, .timeout = 30)
{
	static const char *const identities[] = {"mdf-7", "mdf.example", "127.0.0.2", "mdf-8"};

	for (size_t i = 0; i < 4; i++) {
		struct bed *b = bed_new();
		struct lab_mdf m;
		lab_mdf_start(&m, &b->pki, "IP:127.0.0.2,DNS:mdf.example", "mdf-7", 0);
		b->config.delivery.n_overrides = 1;
		b->config.delivery.overrides[0] =
			(struct config_override){.match = (char *)"127.0.0.0/8",
				.version_minor = 6,
				.require_ack = -1,
				.keepalive = -1,
				.max_pdu = -1,
				.buffer = -1,
				.spool = -1,
				.peer_identity = (char *)identities[i]};
		bed_start(b);
		uint16_t index = add(b, m.port, 1);
		b->rule[0].destination[0] = index;
		push_many(b, 0, 10);
		if (i < 3) {
			WAIT_FOR(acknowledged(b, index) == 10, 3000);
			WAIT_FOR(m.octets >= 40, 1000);
			cr_assert_eq(lab_mdf_octet(&m, 1), 6, "version minor of the override");
		} else {
			WAIT_FOR(status_of(b, index).state == DESTINATION_DOWN, 3000);
			cr_assert_eq(m.octets, 0);
		}
		bed_free(b);
		lab_mdf_stop(&m);
	}
}

Test(deliver, slow_reader_blocks_nobody_else, .timeout = 40)
{
	struct bed *b = bed_new();
	struct lab_mdf slow, quick;

	b->config.delivery.buffer = 1 << 20;
	lab_mdf_start(&slow, &b->pki, "IP:127.0.0.1", NULL, 0);
	lab_mdf_start(&quick, &b->pki, "IP:127.0.0.1", NULL, 0);
	slow.stalled = true;
	bed_start(b);
	uint16_t at_slow = add(b, slow.port, 1), at_quick = add(b, quick.port, 2);
	b->rule[0].n_destinations = 2;
	b->rule[0].destination[0] = at_slow;
	b->rule[0].destination[1] = at_quick;
	WAIT_FOR(status_of(b, at_slow).state == DESTINATION_UP, 3000);
	for (uint32_t i = 0; i < 300; i++) { // at a pace that the quick one keeps up with
		push_many(b, 0, 100);
		while (status_of(b, at_quick).queued_octets > 400000)
			usleep(100);
	}
	WAIT_FOR(acknowledged(b, at_quick) == 30000, 5000);
	struct channel_destination_status s = status_of(b, at_slow);
	cr_assert_gt(s.copies.lost[LOSS_BUFFER_FULL], 0);
	cr_assert_leq(s.queued_octets, 1 << 20);
	WAIT_FOR(check_stream(b, &quick, 0, 0, NULL) == 30000, 2000);
	expect_balance(b, at_quick);
	expect_balance(b, at_slow);
	// It reads again: what was kept arrives, the gap is the loss that was counted.
	uint32_t gaps = 0;
	slow.stalled = false;
	WAIT_FOR(all_settled(b, at_slow), 8000);
	s = status_of(b, at_slow);
	cr_assert_eq(s.copies.acknowledged + s.copies.lost[LOSS_BUFFER_FULL], 30000);
	usleep(50000);
	uint32_t next = check_stream(b, &slow, 0, 0, &gaps);
	cr_assert_eq(next - gaps, s.copies.acknowledged);
	expect_balance(b, at_slow);
	bed_free(b);
	lab_mdf_stop(&slow);
	lab_mdf_stop(&quick);
}

Test(deliver, keepalives_and_an_mdf_that_never_acknowledges, .timeout = 30)
{
	for (int acks = 1; acks >= 0; acks--) {
		struct bed *b = bed_new();
		struct lab_mdf m;
		struct channel_event e;
		b->config.delivery.keepalive.time_p1 = 1;
		b->config.delivery.keepalive.time_p2 = 2;
		lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
		m.acknowledge = acks;
		bed_start(b);
		uint16_t index = add(b, m.port, 1);
		WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
		if (acks) {
			usleep(4200000);
			cr_assert_eq(m.connections, 1);
			cr_assert_eq(m.octets, 4 * PDU_KEEPALIVE_SIZE);
			for (uint32_t i = 0; i < 4; i++)
				cr_assert_eq(lab_mdf_octet(&m, i * PDU_KEEPALIVE_SIZE + 47), i);
		} else {
			WAIT_FOR(m.connections == 2, 5500);
			cr_assert(next_event(b, EVENT_DESTINATION_DOWN, &e));
			cr_assert_not_null(strstr(e.text, "keepalive"), "%s", e.text);
		}
		bed_free(b);
		lab_mdf_stop(&m);
	}
}

Test(deliver, acknowledgements_can_be_switched_off, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	b->config.delivery.keepalive = (struct config_keepalive){true, 1, 1, false};
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.acknowledge = false;
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	WAIT_FOR(m.octets >= 3 * PDU_KEEPALIVE_SIZE, 5000);
	cr_assert_eq(m.connections, 1);
	cr_assert_eq(status_of(b, index).state, DESTINATION_UP);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(deliver, garbage_ends_the_connection, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.talk_garbage = true;
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	WAIT_FOR(status_of(b, index).state == DESTINATION_DOWN, 3000);
	cr_assert_not_null(
		strstr(status_of(b, index).reason, "version"), "%s", status_of(b, index).reason);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(deliver, refused_then_there, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	struct channel_event e;

	b->config.delivery.buffer = SEGMENT_SIZE;
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	uint16_t port = m.port;
	lab_mdf_stop(&m);
	bed_start(b);
	uint16_t index = add(b, port, 1);
	b->rule[0].destination[0] = index;
	WAIT_FOR(status_of(b, index).state == DESTINATION_DOWN, 1000);
	cr_assert(next_event(b, EVENT_DESTINATION_DOWN, &e));
	cr_assert_str_eq(e.text, "connect: Connection refused");
	push_many(b, 0, 1000);
	uint64_t lost = status_of(b, index).copies.lost[LOSS_BUFFER_FULL];
	cr_assert_gt(lost, 0);
	expect_balance(b, index);
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, port);
	WAIT_FOR(all_settled(b, index), 6000);
	cr_assert(next_event(b, EVENT_DESTINATION_UP, &e));
	cr_assert_eq(e.copies, lost);
	cr_assert_eq(acknowledged(b, index), 1000 - lost);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(deliver, remove_drains_and_totals_stay, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	struct channel_destination_status s;
	struct copy_balance total;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	bed_start(b);
	uint16_t index = add(b, m.port, 1), dead = add(b, 1, 2);
	b->rule[0].destination[0] = index;
	b->rule[1].destination[0] = dead;
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
	for (uint32_t i = 0; i < 3000; i++)
		push(b, 0);
	for (uint32_t i = 0; i < 50; i++)
		push(b, 1);
	struct channel_destination twice = {.port = 1};
	uint16_t unused;
	twice.did.b[0] = 1;
	cr_assert_eq(deliver_add(b->deliver, &twice, &unused), POI_ERR_EXISTS);
	deliver_remove(b->deliver, index);
	deliver_remove(b->deliver, dead);
	WAIT_FOR(deliver_status(b->deliver, index, &s) == POI_ERR_NOT_FOUND, 6000);
	WAIT_FOR(deliver_status(b->deliver, dead, &s) == POI_ERR_NOT_FOUND, 6000);
	WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == 3000, 2000);
	deliver_totals(b->deliver, &total);
	cr_assert_eq(total.offered, 3050);
	cr_assert_eq(total.acknowledged, 3000);
	cr_assert_eq(total.lost[LOSS_REMOVED], 50);
	cr_assert_eq(total.queued, 0);
	struct copy_balance slot = {0};
	deliver_slot_balance(b->deliver, 1, &slot);
	cr_assert_eq(slot.lost[LOSS_REMOVED], 50);
	deliver_slot_reset(b->deliver, 1);
	slot = (struct copy_balance){0};
	deliver_slot_balance(b->deliver, 1, &slot);
	cr_assert_eq(settled(&slot), 0);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(deliver, stop_drains_and_counts_the_rest, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	bed_start(b);
	uint16_t index = add(b, m.port, 1), dead = add(b, 1, 2);
	b->rule[0].destination[0] = index;
	b->rule[1].destination[0] = dead;
	for (uint32_t i = 0; i < 3000; i++)
		push(b, 0);
	push(b, 1);
	deliver_stop(b->deliver); // still connecting, perhaps
	cr_assert_eq(acknowledged(b, index), 3000);
	cr_assert_eq(status_of(b, dead).copies.lost[LOSS_STOPPED], 1);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(deliver, modify_moves_the_queue, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "DNS:localhost", NULL, 0);
	bed_start(b);
	uint16_t index = add(b, 1, 1);
	b->rule[0].destination[0] = index;
	push_many(b, 0, 500);
	// By host name, and now for both kinds.
	struct channel_destination dest = {
		.delivery = DELIVERY_X2 | DELIVERY_X3, .host = "localhost", .port = m.port};
	dest.did.b[0] = 1;
	cr_assert_eq(deliver_modify(b->deliver, index, &dest), 0);
	WAIT_FOR(acknowledged(b, index) == 500, 5000);
	WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == 500, 1000);
	// X2 only: nothing is owed any more.
	dest.delivery = DELIVERY_X2;
	cr_assert_eq(deliver_modify(b->deliver, index, &dest), 0);
	push_many(b, 0, 10);
	cr_assert_eq(status_of(b, index).copies.offered, 500);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

struct spool_bed {
	char folder[64], key[96];
	uint16_t index;
};

// A small memory and a spool; the destination's port is closed until somebody listens there.
static void spool_open_bed(struct bed *b, struct spool_bed *s, uint64_t size, uint16_t port)
{
	strcpy(s->folder, "/tmp/poi-spool-XXXXXX");
	cr_assert_not_null(mkdtemp(s->folder));
	snprintf(s->key, sizeof(s->key), "%s/key", s->folder);
	FILE *f = fopen(s->key, "w");
	fputs("0123456789abcdef0123456789abcdef", f);
	fclose(f);
	cr_assert_eq(chmod(s->key, 0600), 0);
	b->config.delivery.buffer = 4 << 20;
	b->config.delivery.spool =
		(struct config_spool){.folder = s->folder, .key = s->key, .size = size};
	bed_start(b);
	s->index = add(b, port, 1);
	b->rule[0].destination[0] = s->index;
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

static uint16_t closed_port(struct bed *b)
{
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	lab_mdf_stop(&m);
	return m.port;
}

Test(deliver, what_memory_cannot_hold_waits_on_disk_and_comes_in_order, .timeout = 40)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct lab_mdf m;
	uint16_t port = closed_port(b);

	spool_open_bed(b, &s, 64 << 20, port);
	push_slowly(b, 30000); // 13 MB
	usleep(100000);
	expect_balance(b, s.index);
	cr_assert_eq(status_of(b, s.index).copies.queued, 30000);
	cr_assert_gt(on_disk(&s, false), 8 << 20);
	cr_assert_gt(status_of(b, s.index).queued_octets, 12 << 20);
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, port);
	WAIT_FOR(m.connections > 0, 5000);
	push_slowly(b, 5000); // newer ones wait for the older
	WAIT_FOR(acknowledged(b, s.index) == 35000, 10000);
	WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == 35000, 2000);
	expect_balance(b, s.index);
	WAIT_FOR(on_disk(&s, false) < 1000, 2000);
	bed_free(b);
	cr_assert_eq(on_disk(&s, true), 0);
	lab_mdf_stop(&m);
}

Test(deliver, cuts_while_the_spool_is_replayed, .timeout = 40)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct lab_mdf m;
	uint16_t port = closed_port(b);
	uint32_t next = 0, gaps = 0;

	spool_open_bed(b, &s, 64 << 20, port);
	push_slowly(b, 30000);
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, port);
	m.cut_after = 2500000;
	WAIT_FOR(m.connections >= 3, 15000);
	push_slowly(b, 5000);
	m.cut_after = 0;
	WAIT_FOR(acknowledged(b, s.index) == 35000, 15000);
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

Test(deliver, a_stalled_reader_fills_the_spool_too, .timeout = 40)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.stalled = true;
	spool_open_bed(b, &s, 64 << 20, m.port);
	WAIT_FOR(status_of(b, s.index).state == DESTINATION_UP, 3000);
	push_slowly(b, 30000);
	cr_assert_eq(status_of(b, s.index).state, DESTINATION_UP);
	cr_assert_gt(on_disk(&s, false), 1 << 20);
	m.stalled = false;
	push_slowly(b, 1000);
	WAIT_FOR(acknowledged(b, s.index) == 31000, 10000);
	WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == 31000, 2000);
	expect_balance(b, s.index);
	bed_free(b);
	on_disk(&s, true);
	lab_mdf_stop(&m);
}

Test(deliver, a_full_spool_drops_the_newest_and_counts, .timeout = 40)
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
	WAIT_FOR(acknowledged(b, s.index) == 30000 - lost, 10000);
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

Test(deliver, a_removed_destination_leaves_no_spool, .timeout = 40)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct channel_destination_status gone;

	spool_open_bed(b, &s, 64 << 20, closed_port(b));
	push_slowly(b, 30000);
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

Test(deliver, the_spool_survives_a_restart, .timeout = 40)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct lab_mdf m;
	uint16_t port = closed_port(b);

	spool_open_bed(b, &s, 64 << 20, port);
	push_slowly(b, 30000);
	usleep(100000);
	deliver_stop(b->deliver);
	deliver_free(b->deliver);
	cr_assert_gt(on_disk(&s, false), 8 << 20);
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, port);
	bed_start(b);
	uint16_t index = add(b, port, 1);
	WAIT_FOR(deliver_recovered(b->deliver) > 0 && on_disk(&s, false) < 1000, 10000);
	uint64_t recovered = deliver_recovered(b->deliver);
	cr_assert_gt(recovered, 15000);
	WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == recovered, 2000);
	cr_assert_eq(status_of(b, index).copies.offered, 0); // not ours: in no sum
	cr_assert_eq(acknowledged(b, index), 0);
	bed_free(b);
	on_disk(&s, true);
	lab_mdf_stop(&m);
}
