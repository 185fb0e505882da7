// A process that captures and delivers is killed between any two instructions; another reads its
// box and must find every copy that was captured and not acknowledged, each once, in order, whole.

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/capture/ring_kept.h"
#include "dataplane/capture/task_kept.h"
#include "dataplane/deliver/stream.h"
#include "shared/channel.h"

#define ROUNDS 60
#define POOL (8u << 20)
#define SLOT 5u
#define NEW_SLOT 9u
#define FLUSH 50000u

struct progress {		   // shared with the killed process
	_Atomic uint64_t captured; // copies below are captured: release
	_Atomic uint64_t acked;	   // copies below may be acknowledged: stored before they are
	_Atomic uint32_t acking;   // not 0: `acked` is a bound, else it is exact
};

struct process {
	struct box *box;
	struct task_counters_owner *slots;
	struct capture *capture;
	struct copy_outcomes book;
	struct stream *stream;
	struct copy_ring *ring;
	struct rule rule;
	struct progress *progress;
	uint8_t frame[2000];
};

TestSuite(kept, .timeout = 120);

static struct box *new_box(uint64_t incarnation)
{
	struct box_plan p = {0};

	task_counters_plan(&p, 1);
	copy_outcomes_plan(&p, 1);
	capture_plan(&p, 0, POOL);
	return box_new(&p, incarnation);
}

static void process_open(struct process *p, struct box *box)
{
	struct id16 id = {{1}};
	uint32_t context;

	p->box = box;
	p->slots = task_counters_new(1);
	task_counters_box(p->slots, box);
	for (uint32_t i = 0, slot; i <= NEW_SLOT; i++) {
		cr_assert_eq(task_counters_take(p->slots, &slot), 0);
		task_counters_name(p->slots, slot, &id, &(struct id16){{(uint8_t)i}});
	}
	cr_assert_eq(task_counters_context_take(p->slots, COPY_X3, &id, 7, &context), 0);
	struct capture_settings s = {.pool_octets = POOL,
		.n_deliver = 1,
		.slots = task_counters_of(p->slots)->worker[0],
		.box = box};
	cr_assert_eq(pdu_origin_make(&s.origin, "upf-1.example.org", "CC-1"), 0);
	p->capture = capture_new(&s);
	copy_outcomes_box(&p->book, box, 0);
	p->stream = stream_new(1, &p->book, NULL);
	p->rule = (struct rule){
		.slot = SLOT, .context_x3 = context, .delivery = DELIVERY_X3, .n_destinations = 1};
}

static void process_ring(struct process *p)
{
	struct stream_line *l = stream_line(p->stream, 0, COPY_X3);
	struct copy_ring_settings r = {
		.quota = POOL, .minor = 5, .owner = l, .kept = 3, .kind = COPY_X3};

	p->ring = copy_ring_new(p->capture, &r);
	cr_assert_not_null(p->ring);
	stream_attach(p->stream, l, p->ring);
	capture_attach(p->capture, 0, COPY_X3, p->ring);
}

static void process_close(struct process *p)
{
	stream_free(p->stream);
	capture_free(p->capture);
	copy_outcomes_clear(&p->book);
	task_counters_free(p->slots);
	box_free(p->box);
}

// Bursts of 1 to 4 packets, each of which begins with its number.
static void capture_some(struct process *p, uint64_t number)
{
	struct packet_view views[4];
	struct hit hits[4];
	void *mbufs[4] = {0};
	unsigned n = 1 + number % 4;
	static uint8_t frames[4][1000];

	for (unsigned i = 0; i < n; i++) {
		uint64_t value = number + i;
		memcpy(frames[i], &value, sizeof(value));
		memset(frames[i] + 8, (int)value, sizeof(frames[i]) - 8);
		views[i] = (struct packet_view){.data = frames[i],
			.length = sizeof(frames[i]),
			.total = sizeof(frames[i]),
			.n_layers = 1,
			.layer[0] = {.length = (uint16_t)(100 + value % 900), .family = 4}};
		hits[i] = (struct hit){.rule = &p->rule, .packet = (uint16_t)i, .direction = 3};
	}
	capture_burst(p->capture, hits, n, views, mbufs, 0);
	atomic_store_explicit(&p->progress->captured, number + n, memory_order_release);
}

static void *work(void *context)
{
	struct process *p = context;

	for (uint64_t number = 0;; number += 1 + number % 4) {
		struct copy_ring_counts n = {0};
		do {
			n = (struct copy_ring_counts){0};
			copy_ring_counts(p->ring, &n);
		} while (n.queued_octets > POOL / 2);
		capture_some(p, number);
	}
	return NULL;
}

// Sends, and acknowledges a record at a time, some behind.
static void deliver(struct process *p)
{
	struct {
		uint64_t end, copies;
	} sent[64];
	uint64_t written = 0, now = 1000000000ull;
	unsigned head = 0, tail = 0;
	struct copy_ring *r;

	for (;; now += 20000) {
		struct stream_piece piece;
		while ((r = capture_ready(p->capture, 0)))
			stream_wake(copy_ring_owner(r), now);
		bool any = head - tail < 64 && stream_next(p->stream, now, FLUSH, false, &piece);
		if (any) {
			written += piece.length;
			(void)!stream_sent(p->stream, &piece, written);
			sent[head++ % 64].end = written;
		}
		if (head == tail || (any && head - tail < 16 + now / 20000 % 40))
			continue;
		// The number captured by now bounds the acknowledgements.
		atomic_store_explicit(&p->progress->acking, 1, memory_order_release);
		atomic_store_explicit(&p->progress->acked,
			atomic_load_explicit(&p->progress->captured, memory_order_acquire) + 4,
			memory_order_release);
		(void)stream_acked(p->stream, sent[tail++ % 64].end);
		struct copy_balance b = {0};
		uint64_t octets = 0;
		stream_balance(p->stream, &b, &octets);
		atomic_store_explicit(&p->progress->acked, b.acknowledged, memory_order_release);
		atomic_store_explicit(&p->progress->acking, 0, memory_order_release);
	}
}

struct found {
	uint64_t first, next, n, making, offered, lost;
	uint32_t slot;
	struct copy_ring *ring; // NULL, or taken over into it
	const uint32_t *slots;
};

static void check_pdu(struct found *f, const uint8_t *octets, uint32_t length)
{
	struct pdu p;
	const char *why = "";
	uint64_t number;

	cr_assert_eq(pdu_decode(octets, length, SEGMENT_SIZE, &p, &why), length, "%s", why);
	memcpy(&number, p.payload, sizeof(number));
	cr_assert_eq(p.sequence, (uint32_t)number, "its number is its content's");
	cr_assert_eq(p.payload_length, 100 + number % 900);
	for (uint32_t i = 8; i < p.payload_length; i++)
		cr_assert_eq(p.payload[i], (uint8_t)number, "torn at %u", i);
	if (f->n == 0)
		f->first = number;
	else
		cr_assert_eq(number, f->next, "each once and in order");
	f->next = number + 1;
	f->n++;
}

static void each(void *context, const struct kept_ring *r)
{
	struct found *f = context;

	cr_assert_eq(r->kept, 3);
	cr_assert_eq(r->kind, COPY_X3);
	f->making = r->making;
	f->offered = r->offered;
	for (uint32_t i = 0; i < r->n; i++) {
		const struct kept_segment *k = &r->segment[i];
		const struct copy_descriptor *d = k->segment->copy;
		for (uint32_t c = k->from; c < k->to; c++) {
			uint32_t start = c ? d[c - 1].end : 0;
			cr_assert_eq(d[c].slot, f->slot);
			check_pdu(f, k->octets + start, d[c].end - start);
		}
		if (f->ring)
			cr_assert_eq(copy_ring_take_over(f->ring, k, f->slots), 0);
	}
}

static struct found read_box(const struct box *b, uint32_t slot, struct copy_ring *into)
{
	uint32_t slots[NEW_SLOT + 1] = {[SLOT] = NEW_SLOT};
	struct found f = {.slot = slot, .ring = into, .slots = slots};
	struct box *old = box_open(fcntl(box_fd(b), F_DUPFD_CLOEXEC, 0));

	cr_assert_not_null(old);
	cr_assert_eq(kept_rings(old, 0, each, &f), 0);
	box_free(old);
	return f;
}

// The numbers of the context: where the next process goes on.
static uint32_t next_number(const struct box *b)
{
	const uint32_t *s = box_part(b, BOX_SEQUENCES, 0, sizeof(*s), NULL);

	return s[0];
}

static struct box *kill_one(struct progress *progress, unsigned us)
{
	struct box *box = new_box(1);

	cr_assert_not_null(box);
	memset(progress, 0, sizeof(*progress));
	pid_t child = fork();
	if (child == 0) {
		struct process *p = calloc(1, sizeof(*p));
		pthread_t worker;
		p->progress = progress;
		process_open(p, box);
		process_ring(p);
		pthread_create(&worker, NULL, work, p);
		deliver(p);
	}
	while (atomic_load_explicit(&progress->captured, memory_order_acquire) == 0)
		usleep(100);
	usleep(us);
	kill(child, SIGKILL);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	return box;
}

// Sends the content taken over, and then nothing is held.
static void go_on(struct process *p, const struct found *old)
{
	struct stream_piece piece;
	uint64_t written = 0;

	process_ring(p);
	while (stream_next(p->stream, 1000000000, 0, false, &piece)) {
		written += piece.length;
		cr_assert_eq(stream_sent(p->stream, &piece, written), 0);
		(void)stream_acked(p->stream, written);
	}
	struct copy_balance slot = {0};
	copy_outcomes_read(&p->book, NEW_SLOT, &slot);
	cr_assert_eq(slot.acknowledged, old->n);
	cr_assert_eq(read_box(p->box, NEW_SLOT, NULL).n, 0);
}

Test(kept, a_killed_process_leaves_every_copy)
{
	struct progress *progress = mmap(
		NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t copies = 0, making = 0, segments = 0;

	srand(20261201);
	for (int round = 0; round < ROUNDS; round++) {
		struct process *heir = calloc(1, sizeof(*heir));
		struct box *box = kill_one(progress, (unsigned)rand() % 20000);
		process_open(heir, new_box(2));
		struct copy_ring *r = capture_wait(heir->capture, 3, COPY_X3);
		struct found f = read_box(box, SLOT, r);
		uint64_t captured = atomic_load(&progress->captured);
		uint64_t acked = atomic_load(&progress->acked);
		if (f.n > 0)
			cr_assert_leq(f.first, acked, "round %d: what was not acknowledged", round);
		if (f.n > 0 && !atomic_load(&progress->acking))
			cr_assert_eq(f.first, acked, "round %d: that alone", round);
		cr_assert_geq(
			f.n > 0 ? f.next : acked, captured, "round %d: what was captured", round);
		cr_assert_leq(f.making, 1);
		cr_assert_geq(next_number(box), captured);
		if (f.n > 0)
			cr_assert_geq(next_number(box), f.next, "no number is given twice");
		struct found again = read_box(heir->box, NEW_SLOT, NULL);
		cr_assert_eq(again.n, f.n, "and what is taken over is there again");
		if (f.n > 0)
			cr_assert(again.first == f.first && again.next == f.next);
		copies += f.n;
		making += f.making;
		segments += f.n > 200;
		go_on(heir, &f);
		process_close(heir);
		free(heir);
		box_free(box);
	}
	printf("# %llu copies found in %d rounds, %llu in the making, %llu rounds with more than a "
	       "segment\n",
		(unsigned long long)copies, ROUNDS, (unsigned long long)making,
		(unsigned long long)segments);
	cr_assert_gt(copies, ROUNDS, "it was worth it");
	munmap(progress, sizeof(*progress));
}

Test(kept, sequence_numbers_and_counters_go_on)
{
	struct process *p = calloc(1, sizeof(*p)), *heir = calloc(1, sizeof(*heir));
	struct progress progress = {0};
	uint32_t numbers[16], n = 0, context;
	struct id16 id = {{1}};
	struct slot_counters c;

	p->progress = &progress;
	process_open(p, new_box(1));
	process_ring(p);
	for (uint64_t i = 0; i < 10; i += 1 + i % 4)
		capture_some(p, i);
	struct box *old = box_open(fcntl(box_fd(p->box), F_DUPFD_CLOEXEC, 0));
	heir->slots = task_counters_new(1);
	heir->box = new_box(2);
	task_counters_box(heir->slots, heir->box);
	cr_assert_eq(task_counters_take(heir->slots, &context), 0);
	cr_assert_eq(task_kept_counters(heir->slots, old, SLOT, context), 0);
	task_counters_read(heir->slots, context, &c);
	cr_assert_eq(c.matched, progress.captured);
	cr_assert_eq(c.offered, progress.captured);
	cr_assert_eq(task_kept_contexts(heir->slots, old, numbers, &n), 0);
	cr_assert_eq(n, 1);
	cr_assert_eq(task_counters_context_take(heir->slots, COPY_X3, &id, 7, &context), 0);
	cr_assert_eq(context, numbers[0], "the same context");
	cr_assert_eq(*slot_sequence_of(task_counters_of(heir->slots)->worker[0], context),
		(uint32_t)progress.captured);
	task_counters_free(heir->slots);
	box_free(heir->box);
	box_free(old);
	process_close(p);
	free(p);
	free(heir);
}

static struct box *open_changed(size_t at, uint8_t octet)
{
	struct box *b = new_box(1);
	int fd = fcntl(box_fd(b), F_DUPFD_CLOEXEC, 0);

	cr_assert_eq(pwrite(fd, &octet, 1, (off_t)at), 1);
	struct box *opened = box_open(fd);
	box_free(b);
	return opened;
}

Test(kept, a_box_of_another_layout_is_not_opened)
{
	cr_assert_null(open_changed(0, 'X'), "another kind of file");
	cr_assert_null(open_changed(8, BOX_VERSION + 1), "another version");
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	cr_assert_eq(ftruncate(fd, 1 << 20), 0);
	cr_assert_null(box_open(fd), "one that can shrink");
	struct box *b = new_box(1), *old = box_open(fcntl(box_fd(b), F_DUPFD_CLOEXEC, 0));
	cr_assert_not_null(old);
	cr_assert_null(box_part(old, BOX_RINGS, 0, 8, NULL), "elements of another size");
	cr_assert_null(box_part(old, BOX_RINGS, 1, 8, NULL), "another writer");
	cr_assert_eq(kept_rings(old, 1, each, NULL), POI_ERR_INVALID);
	box_free(old);
	box_free(b);
}

Test(kept, memory_is_given_back_and_reads_as_zero)
{
	struct box *b = new_box(1);
	uint8_t *octets = box_part(b, BOX_OCTETS, 0, SEGMENT_SIZE, NULL);

	memset(octets, 7, 2 * SEGMENT_SIZE);
	cr_assert_eq(box_punch(b, octets, SEGMENT_SIZE), 0);
	cr_assert_eq(octets[100], 0);
	cr_assert_eq(octets[SEGMENT_SIZE], 7);
	box_free(b);
}

struct numbers {
	uint32_t n, sequence[16];
};

static void each_segment(void *context, const struct kept_ring *r)
{
	struct numbers *f = context;

	for (uint32_t i = 0; i < r->n && f->n < 16; i++)
		f->sequence[f->n++] = r->segment[i].sequence;
}

// Segment 0 is sent and not acknowledged, segment 1 is in the spool: memory owes 0, 2 and 3.
Test(kept, what_went_to_the_spool_is_not_in_memory_too)
{
	struct process *p = calloc(1, sizeof(*p));
	struct progress progress = {0};
	struct stream_piece piece;
	struct spool_job job = {0};
	struct numbers f = {0};
	uint64_t number = 0;

	p->progress = &progress;
	process_open(p, new_box(1));
	process_ring(p);
	stream_spool_use(p->stream);
	while (!copy_ring_segment(p->ring, 3)) {
		capture_some(p, number);
		number += 1 + number % 4;
	}
	while (capture_ready(p->capture, 0))
		stream_wake(stream_line(p->stream, 0, COPY_X3), 1);
	cr_assert(stream_next(p->stream, 1000000000, FLUSH, false, &piece));
	cr_assert_eq(stream_sent(p->stream, &piece, piece.length), 0);
	cr_assert(stream_spool_take(p->stream, COPY_X3, true, 0, &job));
	cr_assert_eq(job.segment, copy_ring_segment(p->ring, 1));
	cr_assert(stream_spool_stored(p->stream, COPY_X3, true));
	struct box *old = box_open(fcntl(box_fd(p->box), F_DUPFD_CLOEXEC, 0));
	cr_assert_eq(kept_rings(old, 0, each_segment, &f), 0);
	cr_assert_eq(f.n, 3);
	cr_assert(f.sequence[0] == 0 && f.sequence[1] == 2 && f.sequence[2] == 3);
	box_free(old);
	process_close(p);
	free(p);
}
