// Measures one worker's cost of copies: 100 % of the packets match and go into the capture ring,
// which is drained in place (no delivery, no encryption), against memcpy of the same octets into
// memory of the same kind: mapped alike, as large, used in the same order. Both in turn, a
// MiB each, on one thread; the median of ROUNDS, each of at least a quarter of a second.
// Arguments: rounds (default 5), and "box": the ring lies where another process could read it, as
// it does in poi-dataplane.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/mman.h>

#include "dataplane/capture/capture.h"

#define POOL (64u << 20)
#define BATCH (1u << 20)
#define FRAMES 512u // sources, apart as packet buffers are
#define STRIDE 2432u
#define ROUNDS_MAX 99

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "bench_capture: %s\n", what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct bench {
	struct box *box; // NULL: memory of its own
	struct capture *capture;
	struct copy_ring *ring;
	struct task_counters_worker slots;
	struct rule rule;
	uint8_t *frames, *plain; // packets; where memcpy writes
	size_t plain_at;
	uint32_t frame, segment, taken, end; // next frame; how far the ring was drained
	uint64_t drained;
};

static bool in_box;

static struct box *new_box(void)
{
	struct box_plan p = {0};

	capture_plan(&p, 0, POOL);
	struct box *box = box_new(&p, 1);
	must(box != NULL, "a box");
	return box;
}

static void bench_open(struct bench *b)
{
	b->box = in_box ? new_box() : NULL;
	struct capture_settings s = {
		.pool_octets = POOL, .n_deliver = 1, .slots = &b->slots, .box = b->box};

	must(pdu_origin_make(&s.origin, "upf-1.example.org", "poi-1.0.0123abcd") == 0, "origin");
	b->slots.counters[0] = calloc(SLOT_CHUNK, sizeof(struct slot_counters));
	b->slots.sequence[0] = calloc(SLOT_CHUNK, sizeof(uint32_t));
	b->frames = aligned_alloc(64, (size_t)FRAMES * STRIDE);
	b->plain = mmap(NULL, POOL, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	b->capture = capture_new(&s);
	must(b->slots.counters[0] && b->slots.sequence[0] && b->frames && b->capture &&
			b->plain != MAP_FAILED,
		"memory");
	(void)madvise(b->plain, POOL, MADV_DONTDUMP); // as capture_new maps its pool
	memset(b->frames, 0x5a, (size_t)FRAMES * STRIDE);
	struct copy_ring_settings r = {.quota = POOL, .minor = 5};
	b->ring = copy_ring_new(b->capture, &r);
	must(b->ring != NULL, "memory");
	capture_attach(b->capture, 0, COPY_X3, b->ring);
	b->rule = (struct rule){.delivery = DELIVERY_X3, .n_destinations = 1};
}

static void bench_close(struct bench *b)
{
	capture_detach(b->capture, 0, COPY_X3);
	copy_ring_free(b->ring);
	capture_free(b->capture);
	box_free(b->box);
	munmap(b->plain, POOL);
	free(b->frames);
	free(b->slots.counters[0]);
	free(b->slots.sequence[0]);
}

static uint8_t *frame_next(struct bench *b)
{
	return b->frames + (size_t)(b->frame++ % FRAMES) * STRIDE + 128;
}

static double push(struct bench *b, uint16_t length, uint64_t copies)
{
	struct packet_view views[PACKET_BURST];
	struct hit hits[PACKET_BURST];
	void *mbufs[PACKET_BURST] = {0};
	double start = now();

	for (uint64_t done = 0; done < copies; done += PACKET_BURST) {
		for (uint16_t i = 0; i < PACKET_BURST; i++) {
			struct packet_view *v = &views[i];
			v->data = frame_next(b);
			v->length = v->total = 14u + length;
			v->flags = 0;
			v->n_layers = 1;
			v->layer[0] =
				(struct packet_layer){.l3 = 14, .length = length, .family = 4};
			hits[i] = (struct hit){.rule = &b->rule, .packet = i, .direction = 3};
		}
		capture_burst(b->capture, hits, PACKET_BURST, views, mbufs, 1767225600000000000ull);
	}
	return now() - start;
}

// Gives everything back, as delivery does once the other side has it.
static void drain(struct bench *b)
{
	for (;;) {
		struct segment *s = copy_ring_segment(b->ring, b->segment);
		if (!s)
			return;
		bool closed = atomic_load_explicit(&s->closed, memory_order_acquire);
		uint32_t n = atomic_load_explicit(&s->pushed, memory_order_acquire);
		if (n > b->taken) {
			uint32_t end = s->copy[n - 1].end;
			copy_ring_release(b->ring, end - b->end, n - b->taken);
			b->drained += n - b->taken;
			b->taken = n;
			b->end = end;
		}
		if (!closed)
			return;
		copy_ring_release_segment(b->ring);
		b->segment++;
		b->taken = b->end = 0;
	}
}

static double copy(struct bench *b, uint16_t length, uint64_t copies)
{
	double start = now();

	for (uint64_t done = 0; done < copies; done++) {
		if (b->plain_at + length > POOL)
			b->plain_at = 0;
		memcpy(b->plain + b->plain_at, frame_next(b) + 14, length);
		b->plain_at += length;
	}
	double seconds = now() - start;
	__asm__ volatile("" ::"r"(b->plain) : "memory");
	return seconds;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void run(uint16_t length, unsigned rounds)
{
	struct bench *b = calloc(1, sizeof(*b));
	double ratio[ROUNDS_MAX], ours[ROUNDS_MAX], theirs[ROUNDS_MAX];
	uint64_t batch = (BATCH / length + PACKET_BURST - 1) / PACKET_BURST * PACKET_BURST;
	uint64_t pushed = 0;

	must(b != NULL, "memory");
	bench_open(b);
	for (uint64_t n = 0; n < 2 * POOL; n += BATCH, pushed += batch) { // every page once
		push(b, length, batch);
		drain(b);
		copy(b, length, batch);
	}
	for (unsigned i = 0; i < rounds; i++) {
		double capture = 0, plain = 0;
		uint64_t n = 0;
		for (; capture + plain < 0.25; n += batch) {
			capture += push(b, length, batch);
			drain(b);
			plain += copy(b, length, batch);
		}
		pushed += n;
		ours[i] = capture * 1e9 / (double)n;
		theirs[i] = plain * 1e9 / (double)n;
		ratio[i] = plain / capture;
	}
	must(b->drained == pushed, "copies were lost");
	qsort(ratio, rounds, sizeof(double), ascending);
	qsort(ours, rounds, sizeof(double), ascending);
	qsort(theirs, rounds, sizeof(double), ascending);
	printf("%8u %12.1f %12.2f %12.1f %12.2f %10.2f (%.2f to %.2f)\n", length, ours[rounds / 2],
		length / ours[rounds / 2], theirs[rounds / 2], length / theirs[rounds / 2],
		ratio[rounds / 2], ratio[0], ratio[rounds - 1]);
	bench_close(b);
	free(b);
}

int main(int argc, char **argv)
{
	static const uint16_t lengths[] = {64, 256, 700, 1400};
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 5;

	in_box = argc > 2 && strcmp(argv[2], "box") == 0;
	must(rounds > 0 && rounds <= ROUNDS_MAX, "rounds");
	printf("%8s %12s %12s %12s %12s %10s\n", "payload", "ring ns/PDU", "ring GB/s", "memcpy ns",
		"memcpy GB/s", "of memcpy");
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		run(lengths[i], rounds);
	return 0;
}
