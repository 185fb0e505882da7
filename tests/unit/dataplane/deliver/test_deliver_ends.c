// A redundant set: one queue whose content goes to the first of several MDFs that is up.

#include "tests/unit/dataplane/deliver/ends_bed.h"

#include "shared/now.h"

// The most preferred end has all, and the other one is not even connected.
Test(deliver_ends, the_best_end_has_the_stream, .timeout = 30)
{
	struct pair p;

	pair_open(&p, 1);
	uint16_t set = pair_add(&p);
	WAIT_FOR(status_of(p.b, set).state == DESTINATION_UP, 3000);
	push_many(p.b, 0, 1000);
	WAIT_FOR(all_accounted(p.b, set), 5000);
	struct channel_destination_status s = status_of(p.b, set);
	cr_assert_eq(s.n_ends, 2);
	cr_assert_eq(s.used, 0);
	cr_assert_eq(s.end[0].did.b[0], 100);
	cr_assert_eq(s.end[0].state, DESTINATION_UP);
	cr_assert_eq(s.end[1].did.b[0], 101);
	cr_assert_eq(s.end[1].state, DESTINATION_IDLE);
	WAIT_FOR(check_stream(p.b, &p.m[0], 0, 0, NULL) == 1000, 2000);
	cr_assert_eq(p.m[1].connections, 0);
	expect_balance(p.b, set);
	pair_close(&p);
}

// Each PDU is at one of both; those at both are the ones that the first had not acknowledged.
Test(deliver_ends, a_cut_end_hands_over_to_the_next, .timeout = 40)
{
	struct pair p;
	struct channel_event e;

	pair_open(&p, 1);
	p.m[0].cut_after = 100000;
	uint16_t set = pair_add(&p);
	WAIT_FOR(status_of(p.b, set).state == DESTINATION_UP, 3000);
	push_many(p.b, 0, 600);
	WAIT_FOR(p.m[1].connections > 0, 3000);
	p.m[0].refuse = true;
	push_many(p.b, 0, 600);
	WAIT_FOR(all_accounted(p.b, set), 5000);
	cr_assert_eq(acknowledged(p.b, set), 1200);
	struct tally t = pair_tally(&p, 1200);
	cr_assert_eq(t.missing, 0);
	cr_assert_gt(t.at[0], 0);
	cr_assert_gt(t.at[1], 600);
	cr_assert_leq(t.twice, t.at[0]);
	struct channel_destination_status s = status_of(p.b, set);
	cr_assert_eq(s.used, 1);
	cr_assert_eq(s.state, DESTINATION_UP);
	cr_assert_eq(s.end[0].state, DESTINATION_DOWN);
	cr_assert_neq(s.end[0].down_since_ns, 0);
	cr_assert_neq(s.end[0].reason[0], 0);
	cr_assert(event_comes(p.b, EVENT_END_DOWN, &e));
	cr_assert_eq(e.id.b[0], 1);
	cr_assert_eq(e.end.b[0], 100);
	cr_assert_neq(e.text[0], 0);
	// An end that is tried again and again is reported once, and the set not at all.
	while (deliver_next_event(p.b->deliver, &e))
		cr_assert(e.kind != EVENT_END_DOWN && e.kind != EVENT_DESTINATION_DOWN);
	expect_balance(p.b, set);
	pair_close(&p);
}

// A peer whose TCP answers nothing any more is left for the next one, with what it had not
// acknowledged.
Test(deliver_ends, a_dead_end_hands_over_to_the_next, .timeout = 40)
{
	struct pair p;

	pair_open(&p, 1);
	p.b->config.delivery.probe_timeout = 1;
	uint16_t set = pair_add(&p);
	WAIT_FOR(status_of(p.b, set).state == DESTINATION_UP, 3000);
	push_many(p.b, 0, 100);
	WAIT_FOR(all_accounted(p.b, set), 3000);
	p.m[0].deaf = true;
	usleep(100000);
	push_many(p.b, 0, 400);
	WAIT_FOR(all_accounted(p.b, set), 12000);
	struct tally t = pair_tally(&p, 500);
	cr_assert_eq(t.missing, 0);
	cr_assert_eq(t.twice, 0, "nothing of the second part was read by the first");
	cr_assert_eq(t.at[0], 100);
	cr_assert_eq(status_of(p.b, set).used, 1);
	pair_close(&p);
}

// One that reads nothing is left as soon as that is known and another end stands, long before it
// would be connected anew.
Test(deliver_ends, a_stalled_end_hands_over_to_the_next, .timeout = 40)
{
	struct pair p;
	struct channel_event e;

	pair_open(&p, 60);
	p.b->config.delivery.stall_report = 1;
	p.b->config.delivery.keepalive.time_p2 = 300;
	lab_mdf_window(&p.m[0], 4096);
	uint16_t set = pair_add(&p);
	WAIT_FOR(status_of(p.b, set).state == DESTINATION_UP, 3000);
	p.m[0].stalled = true;
	push_many(p.b, 0, 16000);
	cr_assert(event_comes(p.b, EVENT_END_DOWN, &e));
	cr_assert_eq(e.end.b[0], 100);
	cr_assert_not_null(strstr(e.text, "reads nothing"), "%s", e.text);
	WAIT_FOR(all_accounted(p.b, set), 6000);
	cr_assert_eq(acknowledged(p.b, set), 16000);
	struct channel_destination_status s = status_of(p.b, set);
	cr_assert_eq(s.used, 1);
	cr_assert_eq(s.state, DESTINATION_UP);
	cr_assert_eq(s.connects, 2);
	struct tally t = pair_tally(&p, 16000);
	cr_assert_eq(t.missing, 0);
	cr_assert(!next_event(p.b, EVENT_DESTINATION_DOWN, &e));
	expect_balance(p.b, set);
	pair_close(&p);
}

// With no other end up it is kept: a cut would win nothing. One that comes up then gets the stream
// at once, which the hold time does not delay.
Test(deliver_ends, a_stalled_end_is_kept_until_another_stands, .timeout = 40)
{
	struct pair p;
	struct channel_event e;

	pair_open(&p, 60);
	p.b->config.delivery.stall_report = 1;
	p.b->config.delivery.keepalive.time_p2 = 300;
	lab_mdf_window(&p.m[0], 4096);
	p.m[1].refuse = true;
	uint16_t set = pair_add(&p);
	WAIT_FOR(status_of(p.b, set).state == DESTINATION_UP, 3000);
	p.m[0].stalled = true;
	push_many(p.b, 0, 16000);
	cr_assert(event_comes(p.b, EVENT_DESTINATION_DOWN, &e));
	usleep(1500000);
	cr_assert_eq(status_of(p.b, set).used, 0, "it may read again");
	cr_assert_eq(status_of(p.b, set).connects, 1);
	p.m[1].refuse = false;
	cr_assert(event_comes(p.b, EVENT_DESTINATION_UP, &e));
	cr_assert_eq(e.copies, 0);
	WAIT_FOR(all_accounted(p.b, set), 6000);
	cr_assert_eq(acknowledged(p.b, set), 16000);
	cr_assert_eq(status_of(p.b, set).used, 1);
	struct tally t = pair_tally(&p, 16000);
	cr_assert_eq(t.missing, 0);
	expect_balance(p.b, set);
	pair_close(&p);
}

// The better end gets the stream back when it has stood for the hold time, and no PDU twice.
Test(deliver_ends, a_better_end_gets_the_stream_back, .timeout = 40)
{
	struct pair p;
	struct channel_event e;

	pair_open(&p, 2);
	p.m[0].refuse = true;
	uint16_t set = pair_add(&p);
	WAIT_FOR(status_of(p.b, set).used == 1, 3000);
	push_many(p.b, 0, 500);
	cr_assert(event_comes(p.b, EVENT_END_DOWN, &e));
	cr_assert_eq(e.end.b[0], 100);
	p.m[0].refuse = false;
	cr_assert(event_comes(p.b, EVENT_END_UP, &e));
	cr_assert_eq(e.end.b[0], 100);
	uint64_t stood = now_monotonic_ns();
	cr_assert_eq(p.m[0].octets, 0, "connection and handshake only");
	for (int i = 0; i < 40 && status_of(p.b, set).used != 0; i++) {
		push_many(p.b, 0, 50);
		usleep(100000);
	}
	uint64_t took = now_monotonic_ns() - stood;
	cr_assert_eq(status_of(p.b, set).used, 0);
	cr_assert_geq(took, 1900000000ull, "%lu", took);
	cr_assert_leq(took, 4000000000ull, "%lu", took);
	push_many(p.b, 0, 500);
	WAIT_FOR(all_accounted(p.b, set), 5000);
	struct tally t = pair_tally(&p, p.b->pushed);
	cr_assert_eq(t.missing, 0);
	cr_assert_eq(t.twice, 0);
	cr_assert_eq(t.turns, 1, "all that is at the first is behind all that is at the second");
	cr_assert_eq(p.m[0].connections, 1);
	cr_assert(!next_event(p.b, EVENT_DESTINATION_DOWN, &e));
	expect_balance(p.b, set);
	pair_close(&p);
}

// Without a hold time the better end is reported, and used when the other one fails.
Test(deliver_ends, a_fail_back_can_be_switched_off, .timeout = 40)
{
	struct pair p;
	struct channel_event e;

	pair_open(&p, 0);
	p.m[0].refuse = true;
	uint16_t set = pair_add(&p);
	WAIT_FOR(status_of(p.b, set).used == 1, 3000);
	p.m[0].refuse = false;
	cr_assert(event_comes(p.b, EVENT_END_UP, &e));
	usleep(1500000);
	cr_assert_eq(status_of(p.b, set).used, 1);
	cr_assert_eq(status_of(p.b, set).end[0].state, DESTINATION_UP);
	p.m[1].refuse = true;
	p.m[1].cut_after = 1;
	push_many(p.b, 0, 100);
	WAIT_FOR(status_of(p.b, set).used == 0, 3000);
	WAIT_FOR(all_accounted(p.b, set), 3000);
	cr_assert_eq(pair_tally(&p, 100).missing, 0);
	pair_close(&p);
}

// A better end that goes away while it is on trial does not get the stream.
Test(deliver_ends, a_trial_that_fails_begins_again, .timeout = 40)
{
	struct pair p;
	struct channel_event e;

	pair_open(&p, 3);
	p.m[0].refuse = true;
	uint16_t set = pair_add(&p);
	WAIT_FOR(status_of(p.b, set).used == 1, 3000);
	p.m[0].refuse = false;
	cr_assert(event_comes(p.b, EVENT_END_UP, &e));
	uint16_t port = p.m[0].port;
	lab_mdf_stop(&p.m[0]);
	cr_assert(event_comes(p.b, EVENT_END_DOWN, &e));
	cr_assert_eq(e.end.b[0], 100);
	usleep(3200000);
	cr_assert_eq(status_of(p.b, set).used, 1);
	cr_assert_eq(status_of(p.b, set).state, DESTINATION_UP);
	cr_assert_eq(status_of(p.b, set).connects, 1);
	lab_mdf_start(&p.m[0], &p.b->pki, "IP:127.0.0.1", NULL, port);
	WAIT_FOR(status_of(p.b, set).used == 0, 15000);
	pair_close(&p);
}

// One event of the set, when the last end is down; what waited comes in order at the one that
// returns.
Test(deliver_ends, all_down_is_an_outage, .timeout = 40)
{
	struct pair p;
	struct channel_event e;
	uint32_t downs = 0, ends = 0;

	pair_open(&p, 1);
	p.m[0].refuse = p.m[1].refuse = true;
	uint16_t set = pair_add(&p);
	WAIT_FOR(status_of(p.b, set).state == DESTINATION_DOWN, 3000);
	cr_assert_eq(status_of(p.b, set).used, 2, "none");
	cr_assert_not_null(strstr(status_of(p.b, set).reason, "all 2 ends"));
	push_many(p.b, 0, 2000);
	usleep(2000000);
	while (deliver_next_event(p.b->deliver, &e)) {
		downs += e.kind == EVENT_DESTINATION_DOWN;
		ends += e.kind == EVENT_END_DOWN;
		cr_assert_neq(e.kind, EVENT_END_UP);
	}
	cr_assert_eq(downs, 1);
	cr_assert_eq(ends, 2);
	p.m[1].refuse = false;
	cr_assert(event_comes(p.b, EVENT_DESTINATION_UP, &e));
	cr_assert_eq(e.copies, 0);
	WAIT_FOR(all_accounted(p.b, set), 5000);
	cr_assert_eq(check_stream(p.b, &p.m[1], 0, 0, NULL), 2000);
	cr_assert_eq(status_of(p.b, set).used, 1);
	expect_balance(p.b, set);
	pair_close(&p);
}

// A host name of which every address is dead is an end that is down.
Test(deliver_ends, a_name_with_dead_addresses_is_passed_over, .timeout = 40)
{
	struct pair p;

	pair_open(&p, 1);
	struct channel_destination d = pair_set(&p);
	d.end[0].address = (struct ip_address){0};
	strcpy(d.end[0].host, "localhost");
	d.end[0].port = 1;
	uint16_t set = ends_add(p.b, &d);
	WAIT_FOR(status_of(p.b, set).used == 1, 8000);
	push_many(p.b, 0, 100);
	WAIT_FOR(all_accounted(p.b, set), 3000);
	WAIT_FOR(check_stream(p.b, &p.m[1], 0, 0, NULL) == 100, 2000);
	cr_assert_eq(status_of(p.b, set).end[0].state, DESTINATION_DOWN);
	pair_close(&p);
}

// A certificate is judged by the end's own place, or by the override of the member's identifier.
Test(deliver_ends, each_end_has_its_own_identity, .timeout = 40)
{
	struct pair p;

	pair_open(&p, 1);
	struct channel_destination d = pair_set(&p);
	struct config_override *o = &p.b->config.delivery.overrides[0];
	p.b->config.delivery.n_overrides = 1;
	*o = (struct config_override){.match = "64000000-0000-0000-0000-000000000000",
		.buffer = -1,
		.spool = -1,
		.max_pdu = -1,
		.version_minor = -1,
		.keepalive = -1,
		.require_ack = -1,
		.settle = -1,
		.peer_identity = "another"};
	uint16_t set = ends_add(p.b, &d);
	WAIT_FOR(status_of(p.b, set).used == 1, 3000);
	cr_assert_not_null(strstr(status_of(p.b, set).end[0].reason, "pinned"), "%s",
		status_of(p.b, set).end[0].reason);
	pair_close(&p);
}

// The queue and its numbers go on; the end that stays keeps its connection, wherever it is in the
// list.
Test(deliver_ends, ends_are_changed_in_place, .timeout = 40)
{
	struct pair p;
	struct lab_mdf third;
	struct channel_event e;

	pair_open(&p, 1);
	lab_mdf_start(&third, &p.b->pki, "IP:127.0.0.1", NULL, 0);
	p.m[0].refuse = true;
	uint16_t set = pair_add(&p);
	WAIT_FOR(status_of(p.b, set).used == 1, 3000);
	push_many(p.b, 0, 300);
	WAIT_FOR(all_accounted(p.b, set), 3000);
	cr_assert(event_comes(p.b, EVENT_END_DOWN, &e));
	struct channel_destination d = pair_set(&p);
	d.end[0] = d.end[1]; // the first one is a member no more
	d.end[1] = end_at(102, third.port);
	cr_assert_eq(deliver_modify(p.b->deliver, set, &d), 0);
	cr_assert(event_comes(p.b, EVENT_END_UP, &e));
	cr_assert_eq(e.end.b[0], 100);
	struct channel_destination_status s = status_of(p.b, set);
	cr_assert_eq(s.used, 0);
	cr_assert_eq(s.end[0].did.b[0], 101);
	cr_assert_eq(s.end[1].did.b[0], 102);
	push_many(p.b, 0, 300);
	WAIT_FOR(all_accounted(p.b, set), 3000);
	cr_assert_eq(p.m[1].connections, 1, "it stayed");
	d.end[0] = d.end[1];
	d.n_ends = 1;
	cr_assert_eq(deliver_modify(p.b->deliver, set, &d), 0);
	push_many(p.b, 0, 300);
	WAIT_FOR(all_accounted(p.b, set), 5000);
	cr_assert_eq(check_stream(p.b, &p.m[1], 0, 0, NULL), 600);
	cr_assert_eq(check_stream(p.b, &third, 0, 600, NULL), 900);
	cr_assert(!next_event(p.b, EVENT_DESTINATION_DOWN, &e));
	expect_balance(p.b, set);
	pair_close(&p);
	lab_mdf_stop(&third);
}

// Content owed to a set that is removed comes to any end that is up, and the set is over then.
Test(deliver_ends, a_removed_set_drains_to_what_is_up, .timeout = 40)
{
	struct pair p;
	struct channel_event e;

	pair_open(&p, 1);
	p.m[0].refuse = p.m[1].refuse = true;
	uint16_t set = pair_add(&p);
	WAIT_FOR(status_of(p.b, set).state == DESTINATION_DOWN, 3000);
	push_many(p.b, 0, 500);
	deliver_remove(p.b->deliver, set);
	p.m[1].refuse = false;
	cr_assert(event_comes(p.b, EVENT_DESTINATION_GONE, &e));
	cr_assert_eq(e.copies, 0, "%s", e.text);
	WAIT_FOR(check_stream(p.b, &p.m[1], 0, 0, NULL) == 500, 1000);
	pair_close(&p);
}

// Each connection chooses for itself; an end is reported once, whatever they see.
Test(deliver_ends, several_connections_choose_alike, .timeout = 40)
{
	struct pair p;
	struct channel_event e;
	uint32_t downs = 0;

	pair_open(&p, 1);
	p.b->config.delivery.connections = 2;
	p.m[0].parallel = p.m[1].parallel = true;
	struct channel_destination d = pair_set(&p);
	d.delivery = DELIVERY_X2 | DELIVERY_X3;
	p.m[0].refuse = true;
	uint16_t set = ends_add(p.b, &d);
	WAIT_FOR(status_of(p.b, set).connected == 2, 5000);
	cr_assert_eq(status_of(p.b, set).used, 1);
	usleep(500000);
	while (deliver_next_event(p.b->deliver, &e)) {
		downs += e.kind == EVENT_END_DOWN;
		cr_assert_neq(e.kind, EVENT_END_UP);
	}
	cr_assert_eq(downs, 1);
	p.m[0].refuse = false;
	cr_assert(event_comes(p.b, EVENT_END_UP, &e));
	WAIT_FOR(status_of(p.b, set).used == 0 && p.m[0].connections == 2, 8000);
	cr_assert(!next_event(p.b, EVENT_END_UP, &e), "one of both");
	pair_close(&p);
}

// The queue is the set's: the process that comes next has it, whatever the order of its ends is
// then.
Test(deliver_ends, the_queue_outlives_a_restart, .timeout = 60)
{
	struct pair p;
	char folder[64] = "/tmp/poi-spool-XXXXXX", key[96], command[128];

	pair_open(&p, 1);
	cr_assert_not_null(mkdtemp(folder));
	snprintf(key, sizeof(key), "%s/key", folder);
	FILE *f = fopen(key, "w");
	fputs("0123456789abcdef0123456789abcdef", f);
	fclose(f);
	cr_assert_eq(chmod(key, 0600), 0);
	p.b->config.delivery.spool =
		(struct config_spool){.folder = folder, .key = key, .size = 64 << 20};
	p.m[0].refuse = p.m[1].refuse = true;
	uint16_t set = pair_add(&p);
	push_many(p.b, 0, 1000);
	WAIT_FOR(status_of(p.b, set).copies.queued == 1000, 1000);
	deliver_stop(p.b->deliver);
	deliver_free(p.b->deliver);
	struct channel_destination d = pair_set(&p);
	struct channel_end first = d.end[0];
	d.end[0] = d.end[1];
	d.end[1] = first;
	p.m[0].refuse = false;
	set = ends_add(p.b, &d);
	cr_assert_eq(deliver_found(p.b->deliver), 1000);
	WAIT_FOR(status_of(p.b, set).copies.acknowledged == 1000, 8000);
	cr_assert_eq(check_stream(p.b, &p.m[0], 0, 0, NULL), 1000);
	pair_close(&p);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	cr_assert_eq(system(command), 0);
}

// --- random turns ---

// Changes one of both: killed, at rest, or well, and well most often.
static void turn(struct pair *p, unsigned *seed)
{
	struct lab_mdf *m = &p->m[(unsigned)rand_r(seed) % 2];
	unsigned what = (unsigned)rand_r(seed) % 5;

	m->refuse = what == 0;
	m->cut_after = what == 0; // its connection ends with the next octets
	m->stalled = what == 1;
}

// Some seconds in random turns, then rest: every number is at one of them, each connection goes on
// where those before it were or further back, and the sums hold.
static void random_turns(unsigned seed, unsigned seconds)
{
	struct pair p;

	pair_open(&p, 1);
	struct config_delivery *c = &p.b->config.delivery;
	c->buffer = 64 << 20;
	c->stall_report = 1;
	c->keepalive.time_p2 = 1;
	lab_mdf_window(&p.m[1], 16384); // its TCP is full soon, the other's late
	uint16_t set = pair_add(&p);
	uint64_t end = now_monotonic_ns() + seconds * 1000000000ull, next = 0;
	while (now_monotonic_ns() < end) {
		if (now_monotonic_ns() >= next) {
			turn(&p, &seed);
			next = now_monotonic_ns() +
			       (50 + (unsigned)rand_r(&seed) % 500) * 1000000ull;
		}
		push_many(p.b, 0, 10);
		usleep(2000);
	}
	for (unsigned i = 0; i < 2; i++) {
		p.m[i].stalled = p.m[i].refuse = false;
		p.m[i].cut_after = 0;
	}
	WAIT_FOR(all_accounted(p.b, set), 20000);
	struct channel_destination_status s = status_of(p.b, set);
	cr_assert_eq(s.copies.acknowledged, p.b->pushed);
	struct tally t = pair_tally(&p, p.b->pushed);
	fprintf(stderr, "%u PDUs, %u at the first, %u at the second, %u again, %u connections\n",
		p.b->pushed, t.at[0], t.at[1], t.twice, p.m[0].connections + p.m[1].connections);
	cr_assert_eq(t.missing, 0);
	expect_balance(p.b, set);
	pair_close(&p);
}

// POI_ENDS_SECONDS: how long; 600 for a change of what chooses. POI_ENDS_SEED: the first round's.
Test(deliver_ends, ends_in_random_turns, .timeout = 1500)
{
	const char *length = getenv("POI_ENDS_SECONDS"), *first = getenv("POI_ENDS_SEED");
	unsigned left = length ? (unsigned)strtoul(length, NULL, 10) : 8;
	unsigned seed = first ? (unsigned)strtoul(first, NULL, 10) : (unsigned)now_wall_ns();

	for (; left > 0; seed++) {
		unsigned round = left < 10 ? left : 10;
		fprintf(stderr, "seed %u\n", seed);
		random_turns(seed, round);
		left -= round;
	}
}
