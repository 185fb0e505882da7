#include "tests/unit/dataplane/deliver/deliver_bed.h"

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
	// A copy is counted as acknowledged before its octets are given back.
	WAIT_FOR(status_of(b, index).queued_octets == 0, 1000);
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

	b->config.delivery.settle = CONFIG_SETTLE_TCP;
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.cut_after = 1500000;
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	push_many(b, 0, 8000);
	WAIT_FOR(m.connections >= 2, 5000);
	m.cut_after = 0;
	WAIT_FOR(acknowledged(b, index) == 8000, 10000);
	cr_assert(event_comes(b, EVENT_DESTINATION_DOWN, &e));
	cr_assert_neq(e.text[0], 0);
	cr_assert(event_comes(b, EVENT_DESTINATION_UP, &e));
	expect_balance(b, index);
	cr_assert_eq(status_of(b, index).copies.in_doubt, 0);
	// Octets that the MDF's TCP had acknowledged and the MDF had not read when it reset the
	// connection are its own loss, no copy more; and the last number arrives.
	uint32_t next = check_stream(b, &m, 0, 0, NULL);
	uint32_t again = first_number(&m, 1), read_before = next;
	for (uint32_t i = 1; i < m.connections; i++)
		next = check_stream(b, &m, i, first_number(&m, i), NULL);
	WAIT_FOR((next = check_stream(b, &m, m.connections - 1, first_number(&m, m.connections - 1),
			  &gaps)) == 8000,
		2000);
	cr_assert_eq(gaps, 0);
	cr_assert_gt(again, 1000);
	cr_assert_leq(again, read_before + m.unread / (HEAD + 40) + 1);
	bed_free(b);
	lab_mdf_stop(&m);
}

// The sum that everything rests on: the copies that are acknowledged when a connection is cut are
// the copies that the MDF can read on it, to the last one, wherever in a record the window closed.
Test(deliver, acknowledged_at_a_cut_is_what_can_be_read, .timeout = 60)
{
	static const int windows[SLOTS] = {4096, 9001, 30011, 65537};
	struct bed *b = bed_new();
	struct lab_mdf m[SLOTS];
	uint16_t index[SLOTS];
	uint64_t at_cut[SLOTS];

	b->config.delivery.settle = CONFIG_SETTLE_TCP;
	b->config.delivery.keepalive.time_p1 = 1; // their octets are in the stream too
	b->config.delivery.keepalive.time_p2 = 4; // cut after that
	b->config.delivery.stall_report = 100;
	bed_start(b);
	for (uint32_t i = 0; i < SLOTS; i++) {
		lab_mdf_start(&m[i], &b->pki, "IP:127.0.0.1", NULL, 0);
		lab_mdf_window(&m[i], windows[i]);
		m[i].stall_after = 20000 * i + 1;
		index[i] = add(b, m[i].port, (uint8_t)i);
		b->rule[i].destination[0] = index[i];
		WAIT_FOR(status_of(b, index[i]).state == DESTINATION_UP, 3000);
	}
	for (uint32_t n = 0; n < 8000 * SLOTS; n++) { // 3.5 MB for each
		push(b, n % SLOTS);
		if (n % 64 == 63)
			usleep(100);
	}
	for (uint32_t i = 0; i < SLOTS; i++)
		WAIT_FOR(status_of(b, index[i]).state == DESTINATION_DOWN, 15000);
	for (uint32_t i = 0; i < SLOTS; i++) {
		at_cut[i] = acknowledged(b, index[i]);
		cr_assert_gt(at_cut[i], 0);
		cr_assert_lt(at_cut[i], 8000);
		m[i].stalled = false;
	}
	for (uint32_t i = 0; i < SLOTS; i++)
		WAIT_FOR(acknowledged(b, index[i]) == 8000, 15000);
	for (uint32_t i = 0; i < SLOTS; i++) {
		cr_assert_eq(check_stream(b, &m[i], 0, 0, NULL), at_cut[i]);
		uint32_t again = 1; // a handshake that took too long was given up, and is empty
		while (again + 1 < m[i].connections && m[i].start[again] == m[i].start[again + 1])
			again++;
		cr_assert_eq(first_number(&m[i], again), at_cut[i]);
		WAIT_FOR(check_stream(b, &m[i], again, (uint32_t)at_cut[i], NULL) == 8000, 2000);
		expect_balance(b, index[i]);
	}
	bed_free(b);
	for (uint32_t i = 0; i < SLOTS; i++)
		lab_mdf_stop(&m[i]);
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
	WAIT_FOR(all_accounted(b, index), 10000);
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
	cr_assert(event_comes(b, EVENT_DESTINATION_DOWN, &e));
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
	WAIT_FOR(all_accounted(b, at_slow), 8000);
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
			cr_assert(event_comes(b, EVENT_DESTINATION_DOWN, &e));
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

	b->config.delivery.keepalive =
		(struct config_keepalive){.enabled = true, .time_p1 = 1, .time_p2 = 1};
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
	cr_assert(event_comes(b, EVENT_DESTINATION_DOWN, &e));
	cr_assert_str_eq(e.text, "connect: Connection refused");
	push_many(b, 0, 1000);
	uint64_t lost = status_of(b, index).copies.lost[LOSS_BUFFER_FULL];
	cr_assert_gt(lost, 0);
	expect_balance(b, index);
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, port);
	WAIT_FOR(all_accounted(b, index), 6000);
	cr_assert(event_comes(b, EVENT_DESTINATION_UP, &e));
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
	cr_assert_eq(accounted(&slot), 0);
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

// The configuration pins the certificate at the new place: another peer there gets no octet.
Test(deliver, modify_heeds_the_overrides_of_the_new_place, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", "mdf-7", 0);
	b->config.delivery.n_overrides = 1;
	b->config.delivery.overrides[0] = (struct config_override){.match = (char *)"127.0.0.0/8",
		.version_minor = -1,
		.require_ack = -1,
		.keepalive = -1,
		.max_pdu = -1,
		.buffer = -1,
		.spool = -1,
		.peer_identity = (char *)"mdf-8"};
	bed_start(b);
	struct channel_destination dest = {.delivery = DELIVERY_X3, .host = "localhost", .port = 1};
	uint16_t index;
	dest.did.b[0] = 1;
	cr_assert_eq(deliver_add(b->deliver, &dest, &index), 0);
	b->rule[0].destination[0] = index;
	push_many(b, 0, 10);
	dest.host[0] = 0;
	dest.address = (struct ip_address){.family = 4, .b = {127, 0, 0, 1}};
	dest.port = m.port;
	cr_assert_eq(deliver_modify(b->deliver, index, &dest), 0);
	WAIT_FOR(strstr(status_of(b, index).reason, "certificate"), 5000);
	cr_assert_eq(m.octets, 0);
	cr_assert_eq(status_of(b, index).connects, 0);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(deliver, new_credentials_reach_live_connections, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	struct channel_event e;
	char why[200];

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
	push_many(b, 0, 3000);
	cr_assert_eq(deliver_reload(b->deliver, why, sizeof(why)), 0, "%s", why);
	push_many(b, 0, 6000);
	WAIT_FOR(m.connections == 2, 6000);
	push_many(b, 0, 3000);
	WAIT_FOR(acknowledged(b, index) == 12000, 5000);
	uint32_t next = check_stream(b, &m, 0, 0, NULL);
	cr_assert_gt(next, 0);
	cr_assert_eq(first_number(&m, 1), next, "nothing twice, nothing missing");
	WAIT_FOR(check_stream(b, &m, 1, next, NULL) == 12000, 2000);
	expect_balance(b, index);
	cr_assert_not(next_event(b, EVENT_DESTINATION_DOWN, &e));
	usleep(300000);
	cr_assert_eq(m.connections, 2);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(deliver, numbers_wrap, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	b->slots.sequence[0][0] = UINT32_MAX - 499;
	push_many(b, 0, 1000);
	WAIT_FOR(acknowledged(b, index) == 1000, 5000);
	WAIT_FOR(check_stream(b, &m, 0, UINT32_MAX - 499, NULL) == 500, 2000);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(deliver, several_threads_share_the_destinations, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m[SLOTS];
	uint16_t index[SLOTS];

	b->config.delivery.threads = 3;
	bed_start(b);
	for (uint32_t i = 0; i < SLOTS; i++) {
		lab_mdf_start(&m[i], &b->pki, "IP:127.0.0.1", NULL, 0);
		index[i] = add(b, m[i].port, (uint8_t)i);
		b->rule[i].destination[0] = index[i];
	}
	for (uint32_t n = 0; n < 5000; n++) {
		push(b, n % SLOTS);
		if (n % 64 == 63)
			usleep(100);
	}
	for (uint32_t i = 0; i < SLOTS; i++)
		WAIT_FOR(acknowledged(b, index[i]) == 5000 / SLOTS, 5000);
	for (uint32_t i = 0; i < SLOTS; i++) {
		WAIT_FOR(check_stream(b, &m[i], 0, 0, NULL) == 5000 / SLOTS, 2000);
		expect_balance(b, index[i]);
	}
	bed_free(b);
	for (uint32_t i = 0; i < SLOTS; i++)
		lab_mdf_stop(&m[i]);
}

// New credentials are for connections that go on: one that only drains keeps what it has, and what
// it holds is delivered.
Test(deliver, new_credentials_do_not_cut_one_that_leaves, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	struct channel_destination_status gone;
	struct copy_balance total;
	char why[200];

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	lab_mdf_window(&m, 4096);
	m.stall_after = 1;
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
	push_many(b, 0, 16000); // more than the sockets hold
	cr_assert_eq(deliver_reload(b->deliver, why, sizeof(why)), 0, "%s", why);
	usleep(100000);
	deliver_remove(b->deliver, index);
	usleep(100000);
	m.stalled = false;
	WAIT_FOR(deliver_status(b->deliver, index, &gone) == POI_ERR_NOT_FOUND, 8000);
	cr_assert_eq(m.connections, 1);
	deliver_totals(b->deliver, &total);
	cr_assert_eq(total.acknowledged, 16000);
	WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == 16000, 2000);
	bed_free(b);
	lab_mdf_stop(&m);
}
