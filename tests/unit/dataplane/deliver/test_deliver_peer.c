// MDFs that are slow, dead or talkative, and connections that are made anew.

#include "tests/unit/dataplane/deliver/deliver_bed.h"

// A reader that pauses answers TCP's probes: it is reported, and never cut.
Test(deliver_peer, a_pause_is_no_death, .timeout = 40)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	struct channel_event e;

	b->config.delivery.stall_report = 1;
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	lab_mdf_window(&m, 4096);
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
	m.stalled = true;
	push_many(b, 0, 16000); // more than the sockets hold
	WAIT_FOR(status_of(b, index).state == DESTINATION_DOWN, 5000);
	cr_assert_not_null(strstr(status_of(b, index).reason, "reads nothing"));
	cr_assert(event_comes(b, EVENT_DESTINATION_DOWN, &e));
	usleep(6000000);
	m.stalled = false;
	WAIT_FOR(all_accounted(b, index), 10000);
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 1000);
	cr_assert(event_comes(b, EVENT_DESTINATION_UP, &e));
	cr_assert_eq(status_of(b, index).connects, 1);
	cr_assert_eq(acknowledged(b, index), 16000);
	WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == 16000, 2000);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

// One that does not read for keepalive.time-p2 is tried anew.
Test(deliver_peer, a_pause_without_end_is_cut, .timeout = 40)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	b->config.delivery.stall_report = 1;
	b->config.delivery.keepalive.time_p2 = 4;
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	lab_mdf_window(&m, 4096);
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
	m.stalled = true;
	push_many(b, 0, 16000);
	WAIT_FOR(strstr(status_of(b, index).reason, "has read nothing for 4 s"), 9000);
	m.stalled = false;
	WAIT_FOR(all_accounted(b, index), 10000);
	cr_assert_eq(status_of(b, index).connects, 2);
	bed_free(b);
	lab_mdf_stop(&m);
}

// A host that is gone answers no repeat of what is in flight, and no probe of a closed window.
static void expect_death(bool window_closed)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	b->config.delivery.probe_timeout = 2;
	b->config.delivery.stall_report = 100;
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	lab_mdf_window(&m, 4096);
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
	m.stalled = window_closed;
	if (window_closed)
		push_many(b, 0, 16000);
	usleep(500000);
	m.deaf = true;
	usleep(100000);
	push_many(b, 0, 100);
	WAIT_FOR(status_of(b, index).state == DESTINATION_DOWN, 9000);
	cr_assert_not_null(strstr(status_of(b, index).reason, "answers nothing"), "%s",
		status_of(b, index).reason);
	bed_free(b);
	lab_mdf_stop(&m);
}

Test(deliver_peer, a_dead_peer_is_found_by_unanswered_repeats, .timeout = 40)
{
	expect_death(false);
}

Test(deliver_peer, a_dead_peer_is_found_behind_a_closed_window, .timeout = 40)
{
	expect_death(true);
}

// Each keepalive of a burst is answered, however many TLS records they come in.
Test(deliver_peer, a_burst_of_keepalives_is_answered, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.talk_keepalives = 300;
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	WAIT_FOR(m.acks == 300, 5000);
	cr_assert_eq(m.connections, 1);
	cr_assert_eq(status_of(b, index).state, DESTINATION_UP);
	bed_free(b);
	lab_mdf_stop(&m);
}

// Content that the kernel held for the old place is not sent there once the change is answered: the
// old MDF can read what its TCP had acknowledged, and the new one has the rest.
Test(deliver_peer, a_change_leaves_nothing_behind_in_the_kernel, .timeout = 40)
{
	struct bed *b = bed_new();
	struct lab_mdf old, new;
	struct channel_destination dest = {
		.delivery = DELIVERY_X3, .address = {.family = 4, .b = {127, 0, 0, 1}}};

	b->config.delivery.settle =
		CONFIG_SETTLE_TCP; // what TCP has acknowledged is what `old` can read
	lab_mdf_start(&old, &b->pki, "IP:127.0.0.1", NULL, 0);
	lab_mdf_start(&new, &b->pki, "IP:127.0.0.1", NULL, 0);
	lab_mdf_window(&old, 4096);
	bed_start(b);
	uint16_t index = add(b, old.port, 1);
	b->rule[0].destination[0] = index;
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
	old.stalled = true;
	push_many(b, 0, 4000);
	usleep(300000);
	uint64_t before = acknowledged(b, index);
	dest.did.b[0] = 1;
	dest.port = new.port;
	cr_assert_eq(deliver_modify(b->deliver, index, &dest), 0);
	old.stalled = false;
	WAIT_FOR(acknowledged(b, index) == 4000, 5000);
	usleep(500000);
	uint32_t held = check_stream(b, &old, 0, 0, NULL);
	cr_assert_leq(held, before + 1, "%u, %lu acknowledged", held, before);
	cr_assert_eq(first_number(&new, 0), held);
	WAIT_FOR(check_stream(b, &new, 0, held, NULL) == 4000, 2000);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&old);
	lab_mdf_stop(&new);
}

// New credentials: a slow MDF goes on to receive, and nothing is sent twice.
Test(deliver_peer, new_credentials_wait_for_a_slow_reader, .timeout = 60)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	char why[200];

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	lab_mdf_window(&m, 65536);
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
	m.pause_us = 50000; // 320 KiB a second
	push_many(b, 0, 5000);
	cr_assert_eq(deliver_reload(b->deliver, why, sizeof(why)), 0, "%s", why);
	uint64_t last = m.octets, quiet = 0, longest = 0;
	for (int i = 0; i < 30000 && !all_accounted(b, index); i++, usleep(1000)) {
		quiet = m.octets == last ? quiet + 1 : 0;
		longest = quiet > longest ? quiet : longest;
		last = m.octets;
	}
	cr_assert(all_accounted(b, index), "%lu of %lu, %lu octets, longest %lu",
		acknowledged(b, index), 5000UL, m.octets, longest);
	cr_assert_lt(longest, 1500, "%lu", longest);
	WAIT_FOR(m.connections == 2 && status_of(b, index).connects == 2, 10000);
	uint32_t next = check_stream(b, &m, 0, 0, NULL);
	WAIT_FOR(check_stream(b, &m, 1, next, NULL) == 5000, 2000);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

// RFC 8446 clause 5.5: keys are renewed, and no octet is lost by it.
Test(deliver_peer, keys_are_renewed, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	b->config.delivery.key_records = 16;
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
	push_many(b, 0, 5000);
	WAIT_FOR(acknowledged(b, index) == 5000, 5000);
	WAIT_FOR(check_stream(b, &m, 0, 0, NULL) == 5000, 1000);
	cr_assert_gt(m.key_updates, 3);
	cr_assert_eq(m.connections, 1);
	expect_balance(b, index);
	bed_free(b);
	lab_mdf_stop(&m);
}

// The kernel may have TLS or not: all arrives, and where it has not, that is logged once. Worn keys
// mean new ones without it, and a new connection with it.
Test(deliver_peer, the_kernels_tls_is_an_offer, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	FILE *log = tmpfile();
	char line[512];
	unsigned said = 0;
	int before = dup(STDERR_FILENO);

	b->config.delivery.kernel_tls = true;
	b->config.delivery.key_records = 16;
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	m.cut_after = 300000;
	fflush(stderr);
	dup2(fileno(log), STDERR_FILENO);
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
	push_many(b, 0, 1500);
	WAIT_FOR(m.connections > 1, 5000);
	m.cut_after = 0;
	WAIT_FOR(acknowledged(b, index) == 1500, 8000);
	dup2(before, STDERR_FILENO);
	close(before);
	expect_balance(b, index);
	rewind(log);
	while (fgets(line, sizeof(line), log))
		said += strstr(line, "delivery.kernel-tls") != NULL;
	fclose(log);
	FILE *ulp = fopen("/proc/sys/net/ipv4/tcp_available_ulp", "r");
	cr_assert_not_null(ulp);
	cr_assert_not_null(fgets(line, sizeof(line), ulp));
	fclose(ulp);
	fprintf(stderr, "# %u connections, %u key updates\n", m.connections, m.key_updates);
	cr_assert_eq(said, strstr(line, "tls") ? 0 : 1);
	cr_assert_eq(m.key_updates > 0, said == 1);
	bed_free(b);
	lab_mdf_stop(&m);
}

// TLS 1.2 cannot renew keys: the connection is made anew, without loss and without repeats.
Test(deliver_peer, a_connection_with_worn_keys_is_made_anew, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	b->config.delivery.key_records = 100;
	b->config.delivery.cipher_suites = (char *)"ECDHE-ECDSA-AES128-GCM-SHA256";
	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	bed_start(b);
	uint16_t index = add(b, m.port, 1);
	b->rule[0].destination[0] = index;
	WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
	uint32_t pushed = 0;
	for (; m.connections < 2 && pushed < 5000; pushed++) { // a record each, mostly
		push(b, 0);
		usleep(300);
	}
	WAIT_FOR(acknowledged(b, index) == pushed, 8000);
	cr_assert(m.connections > 1 && m.connections < 60, "%u", m.connections);
	cr_assert_eq(m.key_updates, 0);
	uint32_t next = 0;
	usleep(100000);
	for (uint32_t i = 0; i < m.connections; i++)
		next = check_stream(b, &m, i, next, NULL);
	cr_assert_eq(next, pushed);
	bed_free(b);
	lab_mdf_stop(&m);
}

#define AES_128_GCM 0x1301
#define CHACHA20 0x1303
#define ECDSA_AES_256_GCM 0xc02c

// AES-128-GCM where the MDF has no wish of its own; else the first of the list.
Test(deliver_peer, cipher_suites_are_the_configured_ones, .timeout = 30)
{
	static const struct {
		const char *suites;
		uint16_t cipher;
	} cases[] = {{NULL, AES_128_GCM},
		{"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", CHACHA20},
		{"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384", ECDSA_AES_256_GCM}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bed *b = bed_new();
		struct lab_mdf m;
		b->config.delivery.cipher_suites = (char *)cases[i].suites;
		lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
		bed_start(b);
		uint16_t index = add(b, m.port, 1);
		WAIT_FOR(status_of(b, index).state == DESTINATION_UP, 3000);
		WAIT_FOR(m.connections == 1, 1000);
		cr_assert_eq(m.cipher, cases[i].cipher, "%x", m.cipher);
		bed_free(b);
		lab_mdf_stop(&m);
	}
}

// As many threads as the configuration allows.
Test(deliver_peer, sixteen_threads_deliver, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m[SLOTS];
	uint16_t index[SLOTS];
	struct capture_settings s = {.pool_octets = 32 << 20,
		.n_deliver = CONFIG_DELIVERY_THREADS_MAX,
		.slots = &b->slots};

	capture_free(b->capture);
	cr_assert_eq(pdu_origin_make(&s.origin, "upf-1.example.org", "CC-1"), 0);
	b->capture = capture_new(&s);
	cr_assert_not_null(b->capture);
	b->config.delivery.threads = CONFIG_DELIVERY_THREADS_MAX;
	bed_start(b);
	for (uint32_t i = 0; i < CONFIG_DELIVERY_THREADS_MAX - SLOTS; i++)
		add(b, 1, (uint8_t)(100 + i)); // so that the last threads have one
	for (uint32_t i = 0; i < SLOTS; i++) {
		lab_mdf_start(&m[i], &b->pki, "IP:127.0.0.1", NULL, 0);
		index[i] = add(b, m[i].port, (uint8_t)i);
		b->rule[i].destination[0] = index[i];
	}
	for (uint32_t i = 0; i < SLOTS; i++)
		push_many(b, i, 500);
	for (uint32_t i = 0; i < SLOTS; i++) {
		WAIT_FOR(acknowledged(b, index[i]) == 500, 5000);
		WAIT_FOR(check_stream(b, &m[i], 0, 0, NULL) == 500, 1000);
	}
	bed_free(b);
	for (uint32_t i = 0; i < SLOTS; i++)
		lab_mdf_stop(&m[i]);
}
