// One destination's connection without its thread: the test sets the time and the order of events.

#include "dataplane/deliver/deliver_internal.h"

#include <fcntl.h>

#include "tests/unit/dataplane/deliver/deliver_bed.h"

#define SECOND 1000000000ull

static void bed_make(struct bed *b)
{
	char why[200] = "";

	b->deliver = deliver_new(&b->config, &b->capture, 1, why, sizeof(why));
	cr_assert_not_null(b->deliver, "%s", why);
}

static void take_ready(struct bed *b)
{
	struct copy_ring *r;

	while ((r = capture_ready(b->capture, 0)))
		stream_wake(copy_ring_owner(r), 0);
}

// --- the spool ---

struct spool_bed {
	char folder[64], key[96];
};

static void use_spool(struct bed *b, struct spool_bed *s)
{
	strcpy(s->folder, "/tmp/poi-spool-XXXXXX");
	cr_assert_not_null(mkdtemp(s->folder));
	snprintf(s->key, sizeof(s->key), "%s/key", s->folder);
	FILE *f = fopen(s->key, "w");
	fputs("0123456789abcdef0123456789abcdef", f);
	fclose(f);
	cr_assert_eq(chmod(s->key, 0600), 0);
	b->config.delivery.buffer = 1 << 20;
	b->config.delivery.spool =
		(struct config_spool){.folder = s->folder, .key = s->key, .size = 8 << 20};
}

static uint32_t spool_files(struct spool_bed *s, bool and_remove)
{
	char path[400];
	uint32_t n = 0;
	struct dirent *e;
	DIR *d = opendir(s->folder);

	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", s->folder, e->d_name);
		n += strcmp(path, s->key) != 0;
		if (and_remove)
			unlink(path);
	}
	closedir(d);
	if (and_remove)
		rmdir(s->folder);
	return n;
}

// All that can go to the spool does.
static void store_all(struct mdf_connection *c)
{
	for (int i = 0; i < 8; i++) {
		mdf_connection_spool_work(c, 1);
		mdf_connection_spool_wait(c);
	}
}

// Sends the next block of the spool, and has it acknowledged up to `acknowledged` of its octets.
static uint32_t deliver_block(struct mdf_connection *c, uint64_t *written, bool acknowledged)
{
	struct spool_block block;
	struct stream_piece p;
	cr_assert_eq(spool_load(c->spool[COPY_X3].spool, &block), 0);
	uint32_t copies = block.segment->pushed, octets = block.segment->copy[copies - 1].end;

	stream_spool_loaded(c->stream, COPY_X3, &block, 0);
	for (uint32_t sent = 0; sent < octets; sent += p.length) {
		cr_assert(stream_next(c->stream, 1, 0, false, &p));
		*written += p.length;
		cr_assert_eq(stream_sent(c->stream, &p, *written), 0);
	}
	if (acknowledged)
		stream_acked(c->stream, *written);
	return copies;
}

// A block acknowledged just before the process ends is not owed by the next one.
Test(deliver_connection, blocks_acknowledged_last_are_not_sent_again)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	uint64_t written = 0;

	use_spool(b, &s);
	bed_make(b);
	uint16_t index = add(b, 1, 1);
	b->rule[0].destination[0] = index;
	for (int i = 0; i < 2000; i++)
		push(b, 0);
	take_ready(b);
	struct mdf_connection *c = b->deliver->connection[index];
	store_all(c);
	uint32_t first = deliver_block(c, &written, true);
	first += deliver_block(c, &written, true);
	deliver_block(c, &written, false);
	mdf_connection_close(c, LOSS_STOPPED);
	cr_assert_eq(acknowledged(b, index), first);
	deliver_free(b->deliver);

	bed_make(b);
	c = b->deliver->connection[add(b, 1, 1)];
	struct spool_block block;
	struct pdu p;
	const char *why;
	cr_assert_eq(spool_load(c->spool[COPY_X3].spool, &block), 0);
	cr_assert_gt(pdu_decode(block.segment->octets, SEGMENT_SIZE, 1 << 20, &p, &why), 0);
	cr_assert_eq(p.sequence, first);
	spool_block_free(&block);
	bed_free(b);
	spool_files(&s, true);
}

// New content does not wait until all of the spool was read back: the disk has room for it.
Test(deliver_connection, reading_back_and_storing_take_turns)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	uint32_t jobs[SPOOL_RUN + 1] = {0};

	use_spool(b, &s);
	bed_make(b);
	uint16_t index = add(b, 1, 1);
	b->rule[0].destination[0] = index;
	struct mdf_connection *c = b->deliver->connection[index];
	for (int i = 0; i < 4000; i++) {
		push(b, 0);
		take_ready(b);
		if (i == 1999)
			store_all(c);
	}
	c->mdf = (struct mdf *)b; // only asked whether it is there
	c->up_at = 1;
	for (int i = 0; i < 4; i++) {
		mdf_connection_spool_work(c, 1);
		jobs[c->spool[COPY_X3].job.work]++;
		mdf_connection_spool_wait(c);
	}
	c->mdf = NULL;
	cr_assert_eq(jobs[SPOOL_LOAD], 2);
	cr_assert_eq(jobs[SPOOL_STORE], 2);
	bed_free(b);
	spool_files(&s, true);
}

// A segment goes to the disk before it is old, even if memory has room.
Test(deliver_connection, a_segment_does_not_wait_in_memory)
{
	struct bed *b = bed_new();
	struct spool_bed s;

	use_spool(b, &s);
	b->config.delivery.buffer = 16 << 20; // far from the eighth from where on all goes to disk
	bed_make(b);
	uint16_t index = add(b, 1, 1);
	b->rule[0].destination[0] = index;
	struct mdf_connection *c = b->deliver->connection[index];
	for (int i = 0; i < 500; i++)
		push(b, 0);
	take_ready(b);
	mdf_connection_spool_work(c, 1);
	mdf_connection_spool_work(c, SECOND);
	mdf_connection_spool_wait(c);
	cr_assert_eq(spool_octets(c->spool[COPY_X3].spool), 0);
	mdf_connection_spool_work(c, 3 * SECOND);
	mdf_connection_spool_wait(c);
	cr_assert_gt(spool_octets(c->spool[COPY_X3].spool), SEGMENT_SIZE / 2);
	bed_free(b);
	spool_files(&s, true);
}

// The workers' pools can be smaller than any quota.
Test(deliver_connection, a_small_pool_reaches_the_spool)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct capture_settings small = {
		.pool_octets = 2 * SEGMENT_SIZE, .n_deliver = 4, .slots = &b->slots};

	capture_free(b->capture);
	cr_assert_eq(pdu_origin_make(&small.origin, "upf-1.example.org", "CC-1"), 0);
	b->capture = capture_new(&small);
	use_spool(b, &s);
	bed_make(b);
	uint16_t index = add(b, 1, 1);
	b->rule[0].destination[0] = index;
	for (int i = 0; i < 2000; i++) {
		push(b, 0);
		take_ready(b);
		if (i % 64 == 63)
			store_all(b->deliver->connection[index]);
	}
	struct channel_destination_status now = status_of(b, index);
	cr_assert_eq(now.copies.queued, 2000);
	bed_free(b);
	spool_files(&s, true);
}

// --- host names ---

static uint16_t add_named(struct bed *b, uint8_t delivery, uint16_t port)
{
	struct channel_destination dest = {
		.delivery = delivery, .host = "localhost", .port = port, .did.b[0] = 1};
	uint16_t index = 0;

	cr_assert_eq(deliver_add(b->deliver, &dest, &index), 0);
	return index;
}

static struct resolve_answer answer_to(const struct mdf_connection *c)
{
	return (struct resolve_answer){.token = c->serial << 16 | c->questions,
		.n = 1,
		.ttl = 60,
		.address[0] = {.family = 4, .b = {127, 0, 0, 1}}};
}

// Where memory runs out an answer never comes; it may come late, too.
Test(deliver_connection, a_look_up_without_an_answer_has_failed)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	uint64_t now = 1000 * SECOND;

	lab_mdf_start(&m, &b->pki, "DNS:localhost", NULL, 0);
	bed_make(b);
	struct mdf_connection *c = b->deliver->connection[add_named(b, DELIVERY_X3, m.port)];
	mdf_connection_timers(c, now);
	cr_assert(c->end[0].resolving);
	struct resolve_answer late = answer_to(c);
	mdf_connection_timers(c, now + 5 * SECOND);
	cr_assert_eq(c->state, DESTINATION_CONNECTING);
	now += 10 * SECOND;
	mdf_connection_timers(c, now);
	cr_assert_eq(c->state, DESTINATION_DOWN);
	cr_assert_not_null(strstr(c->reason, "host name"), "%s", c->reason);
	mdf_connection_resolved(c, &late, now);
	cr_assert_null(c->mdf);
	mdf_connection_timers(c, now + SECOND); // it asks again
	cr_assert(c->end[0].resolving);
	struct resolve_answer a = answer_to(c);
	mdf_connection_resolved(c, &a, now + SECOND);
	cr_assert(c->mdf || mdf_connection_is_racing(c)); // a quick MDF has answered already
	bed_free(b);
	lab_mdf_stop(&m);
}

// Also while a connection stands: a name that has moved is noticed later.
Test(deliver_connection, a_look_up_without_an_answer_is_asked_again)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	uint64_t now = 1000 * SECOND;

	lab_mdf_start(&m, &b->pki, "DNS:localhost", NULL, 0);
	bed_make(b);
	struct mdf_connection *c = b->deliver->connection[add_named(b, DELIVERY_X3, m.port)];
	mdf_connection_timers(c, now);
	struct resolve_answer a = answer_to(c);
	mdf_connection_resolved(c, &a, now);
	for (int i = 0; i < 5000 && !c->up_at; i++, usleep(1000))
		mdf_connection_ready(c, 0, now);
	cr_assert_eq(c->state, DESTINATION_UP);
	now += 60 * SECOND;
	mdf_connection_timers(c, now);
	cr_assert(c->end[0].resolving);
	uint16_t asked = c->questions;
	for (int i = 0; i < 20; i++)
		mdf_connection_timers(c, now += SECOND);
	cr_assert_eq(c->questions, asked + 1);
	cr_assert_eq(c->state, DESTINATION_UP);
	bed_free(b);
	lab_mdf_stop(&m);
}

// One of two connections whose kind is not delivered any more while its name is looked up.
Test(deliver_connection, a_resting_link_waits_for_no_answer)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	uint64_t now = 1000 * SECOND;

	b->config.delivery.connections = 2;
	lab_mdf_start(&m, &b->pki, "DNS:localhost", NULL, 0);
	bed_make(b);
	struct mdf_connection *c =
		b->deliver->connection[add_named(b, DELIVERY_X2 | DELIVERY_X3, m.port)]->sibling;
	mdf_connection_timers(c, now);
	cr_assert(c->end[0].resolving);
	struct resolve_answer a = answer_to(c);
	c->dest.delivery = DELIVERY_X2;
	mdf_connection_timers(c, now);
	cr_assert_eq(c->state, DESTINATION_IDLE);
	mdf_connection_resolved(c, &a, now);
	cr_assert_null(c->mdf);
	cr_assert_eq(c->state, DESTINATION_IDLE);
	c->dest.delivery = DELIVERY_X3;
	mdf_connection_timers(c, now);
	cr_assert_eq(c->questions, 2);
	cr_assert_eq(c->state, DESTINATION_CONNECTING);
	bed_free(b);
	lab_mdf_stop(&m);
}

// --- the spool's fault: one for a destination, whatever parts of it fail ---

static uint16_t add_both(struct bed *b)
{
	struct channel_destination dest = {.delivery = DELIVERY_X2 | DELIVERY_X3,
		.address = {.family = 4, .b = {127, 0, 0, 1}},
		.port = 1,
		.did.b[0] = 1};
	uint16_t index = 0;

	cr_assert_eq(deliver_add(b->deliver, &dest, &index), 0);
	b->rule[0].destination[0] = index;
	return index;
}

static uint32_t events(struct bed *b, uint8_t kind, struct channel_event *last)
{
	struct channel_event e;
	uint32_t n = 0;

	while (deliver_next_event(b->deliver, &e)) {
		n += e.kind == kind;
		if (e.kind == kind)
			*last = e;
	}
	return n;
}

// A kind without a file: something else is there.
static void spoil(struct spool_bed *s, const char *kind, bool undo)
{
	char path[300];

	snprintf(path, sizeof(path),
		"%s/00000000-0000-0000-0000-000000000000.01000000-0000-0000-0000-000000000000."
		"0000000000000000.%s",
		s->folder, kind);
	cr_assert_eq(undo ? rmdir(path) : mkdir(path, 0700), 0);
}

// A copy that is lost before it reaches a ring's octets.
static void lose(struct bed *b)
{
	struct packet_view v = {.data = b->frame,
		.length = 100,
		.total = 100,
		.n_layers = 1,
		.layer[0] = {.l3 = 14, .length = 500, .family = 4}};
	struct hit h = {.rule = &b->rule[0], .direction = PDU_DIRECTION_FROM_TARGET};
	void *mbufs[1] = {NULL};

	capture_burst(b->capture, &h, 1, &v, mbufs, 0);
}

// Nothing is owed: what failed in this part is over.
static void recover(struct mdf_connection *c)
{
	c->up_at = 1;
	mdf_connection_spool_work(c, 1);
	mdf_connection_spool_wait(c);
	c->up_at = 0;
}

Test(deliver_connection, a_kind_without_a_spool_stays_a_fault)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct channel_event e;

	use_spool(b, &s);
	spoil(&s, "x3", false);
	bed_make(b);
	struct mdf_connection *c = b->deliver->connection[add_both(b)];
	cr_assert_eq(events(b, EVENT_SPOOL_FAULT, &e), 1);
	c->spool[COPY_X2].failing = true;
	recover(c);
	cr_assert_not(c->spool[COPY_X2].failing);
	cr_assert_eq(events(b, EVENT_SPOOL_CLEAR, &e), 0);
	bed_free(b);
	spoil(&s, "x3", true);
	spool_files(&s, true);
}

Test(deliver_connection, a_discarded_spool_ends_no_fault)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	char path[300];
	struct channel_event e;

	use_spool(b, &s);
	spoil(&s, "x2", false);
	snprintf(path, sizeof(path),
		"%s/00000000-0000-0000-0000-000000000000.01000000-0000-0000-0000-000000000000."
		"0000000000000000.x3",
		s.folder);
	FILE *f = fopen(path, "w");
	fprintf(f, "%200s", "no spool of ours");
	fclose(f);
	bed_make(b);
	add_both(b);
	cr_assert_eq(b->deliver->event_head, 2); // the fault, and what was discarded
	cr_assert_eq(events(b, EVENT_SPOOL_CLEAR, &e), 0);
	bed_free(b);
	spoil(&s, "x2", true);
	spool_files(&s, true);
}

Test(deliver_connection, the_fault_ends_when_both_connections_spool_again)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct channel_event e;

	b->config.delivery.connections = 2;
	use_spool(b, &s);
	bed_make(b);
	struct mdf_connection *c = b->deliver->connection[add_both(b)];
	c->spool[COPY_X2].failing = true;
	c->sibling->spool[COPY_X3].failing = true;
	for (int i = 0; i < 3; i++)
		lose(b); // content: the twin's
	recover(c->sibling);
	cr_assert_eq(events(b, EVENT_SPOOL_CLEAR, &e), 0);
	recover(c);
	cr_assert_eq(events(b, EVENT_SPOOL_CLEAR, &e), 1);
	cr_assert_eq(e.copies, 3);
	bed_free(b);
	spool_files(&s, true);
}

// A kind that is not delivered any more keeps no fault.
Test(deliver_connection, a_resting_link_has_no_fault_of_its_spool)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	struct channel_event e;

	b->config.delivery.connections = 2;
	use_spool(b, &s);
	bed_make(b);
	struct mdf_connection *c = b->deliver->connection[add_both(b)]->sibling;
	c->spool[COPY_X3].failing = true;
	c->state = DESTINATION_DOWN;
	mdf_connection_spool_work(c, 1);
	cr_assert_eq(events(b, EVENT_SPOOL_CLEAR, &e), 0);
	c->dest.delivery = DELIVERY_X2;
	mdf_connection_timers(c, 1);
	mdf_connection_timers(c, 2);
	cr_assert_eq(events(b, EVENT_SPOOL_CLEAR, &e), 1);
	bed_free(b);
	spool_files(&s, true);
}

// --- files without an owner ---

struct left {			    // a file that an earlier process left behind
	const char *element, *rest; // of its name
	bool goes;
};

static void left_path(struct spool_bed *s, const struct left *f, char path[400])
{
	struct id16 id = id_of_ne(f->element);
	char ne[ID_TEXT_SIZE];

	id_format(&id, ne);
	snprintf(path, 400, "%s/%s.%s", s->folder, ne, f->rest);
}

static void leave(struct spool_bed *s, const struct left *f)
{
	char path[400];

	left_path(s, f, path);
	FILE *out = fopen(path, "w");
	fprintf(out, "%100s", "sealed");
	fclose(out);
}

#define DID(n) "0" n "000000-0000-0000-0000-000000000000"
#define CREATION(n) ".000000000000000" n

static const struct left all_left[] = {
	{"poi-01", DID("1") CREATION("5") ".x2", false}, // of the one that is there
	{"poi-01", DID("1") CREATION("6") ".x2", true},	 // of its predecessor
	{"poi-01", DID("1") ".x3", true},		 // of an earlier version
	{"poi-01", DID("2") CREATION("5") ".x3", true},
	{"poi-02", DID("1") CREATION("5") ".x3", true},
	{"poi-03", DID("2") CREATION("5") ".x3", false}, // not our element
	{"poi-01", DID("2") CREATION("0") ".x3", false}, // no name that we would give
	{"poi-01", DID("2") CREATION("5") ".x4", false},
	{"poi-01", DID("2") CREATION("5") ".x3.old", false},
	{"poi-01", DID("1") CREATION("5") ".2.x3", false}, // of a connection more
	{"poi-01", DID("1") CREATION("6") ".2.x3", true},
	{"poi-01", DID("2") CREATION("5") ".11.x2", true},
	{"poi-01", DID("2") CREATION("5") ".1a.x2", false},
	{"poi-01", "no-did" CREATION("5") ".x3", false},
};
#define LEFT (sizeof(all_left) / sizeof(all_left[0]))

static void use_elements(struct bed *b)
{
	b->config.n_nes = 2;
	b->config.nes[0].ne_identifier = (char *)"poi-01";
	b->config.nes[0].x1.keepalive = (struct config_keepalive){
		.enabled = true, .time_p1 = 20, .time_p2 = 60, .require_ack = true};
	b->config.nes[1].ne_identifier = (char *)"poi-02";
}

Test(deliver_connection, files_of_destinations_that_are_no_more_are_removed)
{
	struct bed *b = bed_new();
	struct spool_bed s;
	char path[400];
	uint16_t index;
	struct channel_event e;

	use_elements(b);
	use_spool(b, &s);
	bed_make(b);
	struct channel_destination dest = {.ne = id_of_ne("poi-01"),
		.delivery = DELIVERY_X3,
		.port = 1,
		.did.b[0] = 1,
		.creation = 5};
	cr_assert_eq(deliver_add(b->deliver, &dest, &index), 0);
	for (size_t i = 0; i < LEFT; i++)
		leave(&s, &all_left[i]);
	uint32_t before = spool_files(&s, false);
	deliver_sweep(b->deliver);
	cr_assert_eq(spool_files(&s, false), before, "the others may not be known yet");
	deliver_complete(b->deliver, true);
	deliver_sweep(b->deliver);
	for (size_t i = 0; i < LEFT; i++) {
		left_path(&s, &all_left[i], path);
		cr_assert_eq(access(path, F_OK) != 0, all_left[i].goes, "%s", path);
	}
	cr_assert_eq(events(b, EVENT_DISCARDED, &e), 6);
	cr_assert_str_eq(e.subject, "removed");
	bed_free(b);
	spool_files(&s, true);
}

// It runs by itself, on the thread that may wait for the disk: control need not come, once its ADMF
// would have been silent for TIME_P2.
Test(deliver_connection, files_are_looked_at_while_it_runs, .timeout = 30)
{
	const struct left old = {"poi-01", DID("2") CREATION("5") ".x3", true};
	struct bed *b = bed_new();
	struct spool_bed s;

	use_elements(b);
	use_spool(b, &s);
	leave(&s, &old);
	bed_make(b);
	b->deliver->started_ns -= 61 * SECOND;
	cr_assert_eq(deliver_start(b->deliver), 0);
	WAIT_FOR(spool_files(&s, false) == 0, 5000);
	bed_free(b);
	spool_files(&s, true);
}
