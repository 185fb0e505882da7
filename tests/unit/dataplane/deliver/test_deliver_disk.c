// A disk that stands still. The spooler's thread waits in the test's hands.

#include "dataplane/deliver/deliver_internal.h"

#include <semaphore.h>

#include "tests/unit/dataplane/deliver/deliver_bed.h"

struct disk {
	char folder[64], key[96];
	uint16_t index, port;
	struct spool_job job;
	sem_t stands, go_on;
};

static void stand_still(void *context)
{
	struct disk *s = context;

	sem_post(&s->stands);
	sem_wait(&s->go_on);
}

// The disk does nothing from here on until the semaphore `go_on`.
static void stop_disk(struct bed *b, struct disk *s)
{
	sem_init(&s->stands, 0, 0);
	sem_init(&s->go_on, 0, 0);
	s->job = (struct spool_job){.work = SPOOL_RUN, .run = stand_still, .context = s};
	spooler_submit(b->deliver->spooler, &s->job);
	sem_wait(&s->stands);
}

// A memory of 4 MB, and no listener at the destination's port.
static struct bed *disk_bed_new(struct disk *s, uint64_t size)
{
	struct bed *b = bed_new();
	struct lab_mdf m;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	lab_mdf_stop(&m);
	s->port = m.port;
	strcpy(s->folder, "/tmp/poi-disk-XXXXXX");
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
	s->index = add(b, s->port, 1);
	b->rule[0].destination[0] = s->index;
	return b;
}

static void disk_bed_free(struct bed *b, struct disk *s)
{
	bed_free(b);
	cr_assert_eq(unlink(s->key), 0);
	cr_assert_eq(rmdir(s->folder), 0, "an empty spool leaves no file");
}

static uint64_t lost(struct bed *b, struct disk *s)
{
	return status_of(b, s->index).copies.lost[LOSS_BUFFER_FULL];
}

static bool is_at_work(struct bed *b, struct disk *s)
{
	const struct mdf_connection *c = b->deliver->connection[s->index];

	return atomic_load_explicit(&c->spool[COPY_X3].job.state, memory_order_acquire) ==
	       SPOOL_QUEUED;
}

static uint64_t on_disk(struct disk *s)
{
	char path[400];
	uint64_t sum = 0;
	struct stat st;
	struct dirent *e;
	DIR *d = opendir(s->folder);

	while ((e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", s->folder, e->d_name);
		if (!stat(path, &st) && S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_size;
	}
	closedir(d);
	return sum;
}

// Copies that the clears of the spool's faults name.
static uint64_t told(struct bed *b)
{
	struct channel_event e;
	uint64_t sum = 0;

	while (deliver_next_event(b->deliver, &e))
		if (e.kind == EVENT_SPOOL_CLEAR)
			sum += e.copies;
	return sum;
}

static void delivered(struct bed *b, struct disk *s, struct lab_mdf *m)
{
	lab_mdf_start(m, &b->pki, "IP:127.0.0.1", NULL, s->port);
	WAIT_FOR(all_accounted(b, s->index), 60000);
	usleep(200000);
}

// It stands still for longer than memory lasts, and then has no room: losses meanwhile are reported
// when the fault is over.
Test(deliver_disk, what_a_failure_costs_begins_with_its_job, .timeout = 110)
{
	struct disk s;
	struct bed *b = disk_bed_new(&s, 100 << 10); // less than a segment
	struct lab_mdf m;

	stop_disk(b, &s);
	push_many(b, 0, 20000); // 9 MB
	cr_assert(is_at_work(b, &s));
	cr_assert_gt(lost(b, &s), 1000);
	sem_post(&s.go_on);
	WAIT_FOR(!is_at_work(b, &s), 10000);
	usleep(100000);
	push_many(b, 0, 1000);
	delivered(b, &s, &m);
	expect_balance(b, s.index);
	cr_assert_eq(told(b), lost(b, &s));
	disk_bed_free(b, &s);
	lab_mdf_stop(&m);
}

// While the MDF is away the disk gets work long before memory is half full, and before anything in it
// is old: the rest is for a disk that stands still.
Test(deliver_disk, most_of_memory_is_left_while_the_mdf_is_away, .timeout = 110)
{
	struct disk s;
	struct bed *b = disk_bed_new(&s, 64 << 20);
	struct lab_mdf m;

	stop_disk(b, &s);
	push_many(b, 0, 1500); // 0.7 MB of 4
	WAIT_FOR(is_at_work(b, &s), 1500);
	sem_post(&s.go_on);
	delivered(b, &s, &m);
	cr_assert_eq(acknowledged(b, s.index), 1500);
	disk_bed_free(b, &s);
	lab_mdf_stop(&m);
}

// A disk that stands still while the MDF is away costs what memory cannot hold, from the end; it is
// counted, and what comes later arrives.
Test(deliver_disk, what_is_lost_lies_in_the_middle_and_is_counted, .timeout = 110)
{
	struct disk s;
	struct bed *b = disk_bed_new(&s, 64 << 20);
	struct lab_mdf m;

	push_many(b, 0, 2000); // 0.9 MB: more than an eighth
	WAIT_FOR(!is_at_work(b, &s) && status_of(b, s.index).queued_octets > 0, 10000);
	stop_disk(b, &s);
	push_many(b, 0, 1500);
	WAIT_FOR(is_at_work(b, &s), 10000);
	push_many(b, 0, 3000); // 2 MB since it stands still
	cr_assert_eq(lost(b, &s), 0);
	push_many(b, 0, 5000);
	uint64_t gone = lost(b, &s);
	cr_assert_gt(gone, 100);
	sem_post(&s.go_on);
	WAIT_FOR(on_disk(&s) + (2 << 20) > status_of(b, s.index).queued_octets, 20000);
	push_many(b, 0, 500);
	delivered(b, &s, &m);
	cr_assert_eq(lost(b, &s), gone);
	uint32_t gaps = 0;
	cr_assert_eq(check_stream(b, &m, 0, 0, &gaps), b->pushed);
	cr_assert_eq(gaps, gone);
	expect_balance(b, s.index);
	disk_bed_free(b, &s);
	lab_mdf_stop(&m);
}
