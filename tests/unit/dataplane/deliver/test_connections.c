// A destination with several connections: each context of sequence numbers stays on one of them.

#include "tests/unit/dataplane/deliver/deliver_bed.h"

#define WORKERS 3u
#define EACH 400u // PDUs of one context

struct many {
	struct bed *b;
	struct task_counters_worker slots[WORKERS];
	struct capture *capture[WORKERS];
	char spool[64], key[96];
};

static struct many *many_new(uint32_t connections, uint32_t threads)
{
	struct many *m = calloc(1, sizeof(*m));

	m->b = bed_new();
	m->b->config.delivery.connections = connections;
	m->b->config.delivery.threads = threads;
	for (uint32_t w = 0; w < WORKERS; w++) {
		char ipid[8];
		struct capture_settings s = {.worker = w,
			.pool_octets = 16 << 20,
			.n_deliver = 4,
			.slots = &m->slots[w]};
		m->slots[w].counters[0] = calloc(SLOT_CHUNK, sizeof(struct slot_counters));
		m->slots[w].sequence[0] = calloc(SLOT_CHUNK, sizeof(uint32_t));
		snprintf(ipid, sizeof(ipid), "CC-%u", w);
		cr_assert_eq(pdu_origin_make(&s.origin, "upf-1.example.org", ipid), 0);
		m->capture[w] = capture_new(&s);
	}
	return m;
}

static void many_start(struct many *m)
{
	char why[200] = "";

	m->b->deliver = deliver_new(&m->b->config, m->capture, WORKERS, why, sizeof(why));
	cr_assert_not_null(m->b->deliver, "%s", why);
	cr_assert_eq(deliver_start(m->b->deliver), 0);
}

static void many_free(struct many *m)
{
	struct bed *b = m->b;

	deliver_stop(b->deliver);
	deliver_free(b->deliver);
	for (uint32_t w = 0; w < WORKERS; w++) {
		capture_free(m->capture[w]);
		free(m->slots[w].counters[0]);
		free(m->slots[w].sequence[0]);
	}
	capture_free(b->capture);
	free(b->slots.counters[0]);
	free(b->slots.sequence[0]);
	lab_pki_free(&b->pki);
	free(b);
	free(m);
}

// `n` more PDUs of each of two contexts of each worker.
static void push_all(struct many *m, uint32_t n)
{
	struct bed *b = m->b;

	for (uint32_t i = 0; i < n * WORKERS * 2; i++) {
		uint32_t w = i % WORKERS, slot = i / WORKERS % 2;
		struct packet_view v = {.data = b->frame,
			.length = 1500,
			.total = 1500,
			.n_layers = 1,
			.layer[0] = {.l3 = 14,
				.length = (uint16_t)payload_length(m->slots[w].sequence[0][slot]),
				.family = 4}};
		struct hit h = {.rule = &b->rule[slot], .direction = PDU_DIRECTION_FROM_TARGET};
		void *mbufs[1] = {NULL};
		capture_burst(m->capture[w], &h, 1, &v, mbufs, 1767225600000000000ull + i);
		if (i % 64 == 63)
			usleep(200);
	}
}

struct context {
	uint32_t next;	   // number expected
	uint32_t lives;	   // connections that had it
	uint32_t last;	   // of them, and one more than it; 0: none
	uint32_t repeated; // PDUs that had come before
};

// Reads the MDF's part of each context, connection by connection in the order in which they were
// made: numbers ascend by one on each, and a later one goes back at most, and leaves nothing out.
static void read_contexts(struct lab_mdf *m, struct context out[WORKERS][2])
{
	memset(out, 0, WORKERS * sizeof(out[0]));
	pthread_mutex_lock(&m->lock);
	for (uint32_t n = 0; n < m->connections; n++) {
		const struct lab_kept *k = &m->apart[n];
		uint32_t here[WORKERS][2] = {0};
		for (size_t at = 0; at < k->n;) {
			struct pdu p;
			const char *why;
			int64_t size = pdu_decode(k->octets + at, k->n - at, 1 << 20, &p, &why);
			if (size == POI_ERR_AGAIN)
				break;
			cr_assert_gt(size, 0, "%s", why);
			at += (size_t)size;
			if (p.type != PDU_X3)
				continue;
			uint32_t w = (uint32_t)(p.ipid[3] - '0'), slot = p.xid.b[15];
			cr_assert(w < WORKERS && slot < 2);
			struct context *c = &out[w][slot];
			if (c->last != n + 1) {
				c->lives++;
				c->last = n + 1;
				cr_assert_leq(p.sequence, c->next, "a gap");
			} else {
				cr_assert_eq(p.sequence, here[w][slot]);
			}
			cr_assert_eq(p.payload_length, payload_length(p.sequence));
			here[w][slot] = p.sequence + 1;
			c->repeated += p.sequence < c->next;
			c->next = p.sequence < c->next ? c->next : p.sequence + 1;
		}
	}
	pthread_mutex_unlock(&m->lock);
}

static void expect_all(struct lab_mdf *m, uint32_t each, uint32_t lives)
{
	struct context c[WORKERS][2];

	read_contexts(m, c);
	for (uint32_t w = 0; w < WORKERS; w++)
		for (uint32_t s = 0; s < 2; s++) {
			cr_assert_eq(
				c[w][s].next, each, "worker %u, task %u: %u", w, s, c[w][s].next);
			cr_assert_leq(c[w][s].lives, lives);
			cr_assert(lives > 1 || c[w][s].repeated == 0);
		}
}

static void start_mdf(struct lab_mdf *m, struct many *a)
{
	lab_mdf_start(m, &a->b->pki, "IP:127.0.0.1", NULL, 0);
	m->parallel = true;
}

// Three workers over one to four connections, by one or two threads: a fourth has no ring and is
// not made.
static void stay(uint32_t connections, uint32_t threads)
{
	struct many *a = many_new(connections, threads);
	struct lab_mdf m;
	uint32_t made = connections < WORKERS ? connections : WORKERS;

	start_mdf(&m, a);
	many_start(a);
	uint16_t index = add(a->b, m.port, 1);
	a->b->rule[0].destination[0] = a->b->rule[1].destination[0] = index;
	WAIT_FOR(status_of(a->b, index).connected == made, 5000);
	cr_assert_eq(status_of(a->b, index).connections, made);
	push_all(a, EACH);
	WAIT_FOR(acknowledged(a->b, index) == WORKERS * 2 * EACH, 10000);
	cr_assert_eq(m.connections, made);
	expect_all(&m, EACH, 1);
	struct channel_destination_status s = status_of(a->b, index);
	cr_assert_eq(s.copies.offered, WORKERS * 2 * EACH);
	cr_assert_eq(s.copies.queued + s.copies.in_doubt, 0);
	cr_assert_eq(s.connects, made);
	many_free(a);
	lab_mdf_stop(&m);
}

Test(connections, a_context_stays, .timeout = 60)
{
	stay(1, 2);
	stay(2, 2);
	stay(3, 1);
	stay(4, 2);
}

// Half of what was pushed has arrived when one of them is cut, and cannot come back for a while.
Test(connections, one_is_cut_and_the_others_go_on, .timeout = 60)
{
	struct many *a = many_new(3, 2);
	struct lab_mdf m;
	struct context c[WORKERS][2];
	struct channel_event e;

	start_mdf(&m, a);
	many_start(a);
	uint16_t index = add(a->b, m.port, 1);
	a->b->rule[0].destination[0] = a->b->rule[1].destination[0] = index;
	WAIT_FOR(status_of(a->b, index).connected == 3, 5000);
	push_all(a, EACH);
	m.refuse = true;
	m.cut_one = 2;
	WAIT_FOR(status_of(a->b, index).connected == 2, 5000);
	WAIT_FOR(status_of(a->b, index).state == DESTINATION_DOWN, 5000);
	cr_assert(event_comes(a->b, EVENT_DESTINATION_DOWN, &e));
	cr_assert_not_null(strstr(e.text, " of 3: "), "%s", e.text);
	push_all(a, EACH);
	WAIT_FOR((read_contexts(&m, c), c[0][0].next + c[1][0].next + c[2][0].next >= 4 * EACH),
		5000);
	cr_assert_eq(status_of(a->b, index).connections, 3);
	cr_assert_gt(status_of(a->b, index).copies.queued, 0);
	m.cut_one = 0;
	m.refuse = false;
	WAIT_FOR(acknowledged(a->b, index) == WORKERS * 4 * EACH, 10000);
	cr_assert_eq(m.connections, 4);
	expect_all(&m, 2 * EACH, 2);
	WAIT_FOR(status_of(a->b, index).state == DESTINATION_UP, 1000);
	cr_assert(event_comes(a->b, EVENT_DESTINATION_UP, &e));
	cr_assert_eq(e.copies, 0);
	many_free(a);
	lab_mdf_stop(&m);
}

// The fault is the destination's: one, from the first that is down to the last.
Test(connections, all_are_cut_and_it_is_one_outage, .timeout = 60)
{
	struct many *a = many_new(3, 2);
	struct lab_mdf m;
	struct channel_event e;
	uint32_t down = 0, up = 0;

	start_mdf(&m, a);
	many_start(a);
	uint16_t index = add(a->b, m.port, 1);
	a->b->rule[0].destination[0] = a->b->rule[1].destination[0] = index;
	WAIT_FOR(status_of(a->b, index).connected == 3, 5000);
	m.refuse = true;
	for (uint32_t n = 1; n <= 3; n++) {
		m.cut_one = n;
		WAIT_FOR(status_of(a->b, index).connected == 3 - n, 5000);
	}
	m.cut_one = 0;
	push_all(a, 10);
	m.refuse = false;
	WAIT_FOR(acknowledged(a->b, index) == WORKERS * 2 * 10, 10000);
	WAIT_FOR(status_of(a->b, index).connected == 3, 5000);
	usleep(10000); // the event follows the state
	while (deliver_next_event(a->b->deliver, &e)) {
		down += e.kind == EVENT_DESTINATION_DOWN;
		up += e.kind == EVENT_DESTINATION_UP;
	}
	cr_assert_eq(down, 1);
	cr_assert_eq(up, 1);
	expect_all(&m, 10, 2);
	many_free(a);
	lab_mdf_stop(&m);
}

// It is gone once, when the last of them has sent what it owes.
Test(connections, a_removal_drains_each, .timeout = 60)
{
	struct many *a = many_new(3, 2);
	struct lab_mdf m;
	struct channel_event e;

	start_mdf(&m, a);
	m.refuse = true;
	many_start(a);
	uint16_t index = add(a->b, m.port, 1);
	a->b->rule[0].destination[0] = a->b->rule[1].destination[0] = index;
	push_all(a, EACH);
	deliver_remove(a->b->deliver, index);
	m.refuse = false;
	cr_assert(event_comes(a->b, EVENT_DESTINATION_GONE, &e));
	cr_assert_eq(e.copies, 0);
	cr_assert_eq(strncmp(e.text, "2400 PDUs delivered after the removal, 0 PDUs lost", 50), 0,
		"%s", e.text);
	cr_assert_not(next_event(a->b, EVENT_DESTINATION_GONE, &e));
	expect_all(&m, EACH, 1);
	struct copy_balance total;
	deliver_totals(a->b->deliver, &total);
	cr_assert_eq(total.offered, WORKERS * 2 * EACH);
	cr_assert_eq(total.acknowledged, WORKERS * 2 * EACH);
	many_free(a);
	lab_mdf_stop(&m);
}

static uint32_t files_in(const char *folder)
{
	DIR *d = opendir(folder);
	uint32_t n = 0;

	for (const struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.' && strcmp(e->d_name, "key") != 0;
	closedir(d);
	return n;
}

static void use_spool(struct many *a, const char *folder, const char *key)
{
	a->b->config.delivery.spool = (struct config_spool){
		.folder = (char *)folder, .key = (char *)key, .size = 64 << 20};
}

// The spool of three connections comes back over as many, and over one or five: a spool that has no
// ring any more has a connection until it is empty.
static void survive(uint32_t later)
{
	char folder[] = "/tmp/poi-manyXXXXXX", key[64];
	struct many *a = many_new(3, 2);
	struct lab_mdf m;

	cr_assert_not_null(mkdtemp(folder));
	snprintf(key, sizeof(key), "%s/key", folder);
	FILE *f = fopen(key, "w");
	fchmod(fileno(f), 0600);
	for (int i = 0; i < 32; i++)
		fputc(i, f);
	fclose(f);
	use_spool(a, folder, key);
	many_start(a);
	uint16_t index = add(a->b, 1, 1); // without a listener
	a->b->rule[0].destination[0] = a->b->rule[1].destination[0] = index;
	push_all(a, EACH);
	deliver_stop(a->b->deliver);
	struct channel_destination_status s = status_of(a->b, index);
	cr_assert_eq(s.copies.queued, WORKERS * 2 * EACH);
	many_free(a);
	cr_assert_eq(files_in(folder), 3);

	a = many_new(later, 2);
	use_spool(a, folder, key);
	start_mdf(&m, a);
	many_start(a);
	index = add(a->b, m.port, 1);
	WAIT_FOR(acknowledged(a->b, index) == WORKERS * 2 * EACH, 10000);
	expect_all(&m, EACH, 1);
	uint32_t stay_up = later < WORKERS ? later : WORKERS;
	WAIT_FOR(status_of(a->b, index).connected == stay_up, 5000);
	cr_assert_eq(status_of(a->b, index).connections, stay_up);
	many_free(a);
	lab_mdf_stop(&m);
	cr_assert_eq(files_in(folder), 0);
	unlink(key);
	rmdir(folder);
}

Test(connections, a_spool_outlives_another_number_of_them, .timeout = 60)
{
	survive(3);
	survive(1);
	survive(5);
}
