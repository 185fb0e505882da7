// Bounds shared by the workers of a process: the quota of a destination, and the cap on segments of
// all.

#include "capture_bed.h"

#define WORKERS 8

struct crew { // workers with rules and frames alike, one destination
	struct segment_budget *budget;
	struct bed *of[WORKERS];
	struct copy_quota quota;
	struct copy_ring *ring[WORKERS];
};

static struct crew *crew_new(uint64_t cap, uint64_t quota)
{
	struct crew *c = calloc(1, sizeof(*c));

	c->budget = segment_budget_new(cap, WORKERS, 1);
	cr_assert_not_null(c->budget);
	c->quota.octets = quota;
	for (uint32_t w = 0; w < WORKERS; w++) {
		struct bed *b = c->of[w] = bed_new(cap);
		capture_free(b->capture);
		struct capture_settings s = {.worker = w,
			.origin = b->origin,
			.pool_octets = cap,
			.budget = c->budget,
			.n_deliver = 1,
			.slots = b->slots};
		b->capture = capture_new(&s);
		struct copy_ring_settings r = {.quota = quota, .shared = &c->quota, .minor = 5};
		c->ring[w] = copy_ring_new(b->capture, &r);
		cr_assert_not_null(c->ring[w]);
		capture_attach(b->capture, 0, COPY_X3, c->ring[w]);
	}
	return c;
}

static void crew_free(struct crew *c)
{
	for (uint32_t w = 0; w < WORKERS; w++)
		bed_free(c->of[w], c->ring[w], NULL);
	segment_budget_free(c->budget);
	free(c);
}

static uint64_t lost(const struct crew *c, uint32_t w, int why)
{
	return counters(c->of[w])->lost[why];
}

static uint64_t queued(const struct crew *c)
{
	struct copy_ring_counts n = {0};

	for (uint32_t w = 0; w < WORKERS; w++)
		copy_ring_counts(c->ring[w], &n);
	return n.queued_octets;
}

// As deliver does when all of the segment is acknowledged.
static void release_oldest(struct copy_ring *r, uint32_t *sequence)
{
	struct segment *s = copy_ring_segment(r, (*sequence)++);

	cr_assert_not_null(s);
	cr_assert_eq(s->closed, 1);
	copy_ring_release(r, s->copy[s->pushed - 1].end, s->pushed);
	copy_ring_release_segment(r);
}

Test(segment_budget, one_flow_has_the_whole_quota)
{
	struct crew *c = crew_new(64 << 20, 16 << 20);
	const unsigned n = (16 << 20) / 1089;

	hit_times(c->of[3], n);
	cr_assert_eq(lost(c, 3, LOSS_BUFFER_FULL), 0);
	hit_times(c->of[3], 1);
	cr_assert_eq(lost(c, 3, LOSS_BUFFER_FULL), 1);
	hit_times(c->of[5], 1); // it has none open, and may open none
	cr_assert_eq(lost(c, 5, LOSS_BUFFER_FULL), 1);
	crew_free(c);
}

Test(segment_budget, all_together_stay_within_the_quota)
{
	struct crew *c = crew_new(64 << 20, 4 << 20);

	for (unsigned i = 0; i < 2000; i++)
		for (uint32_t w = 0; w < WORKERS; w++)
			hit_times(c->of[w], 1);
	cr_assert_leq(queued(c), (4 << 20) + WORKERS * SEGMENT_SIZE);
	cr_assert_gt(queued(c), (4 << 20) - WORKERS * SEGMENT_SIZE);
	crew_free(c);
}

Test(segment_budget, one_worker_may_hold_all_segments)
{
	struct crew *c = crew_new(32 * SEGMENT_SIZE, 1 << 30);
	const unsigned in_one = SEGMENT_SIZE / 1089;

	hit_times(c->of[0], 32 * in_one);
	cr_assert_eq(lost(c, 0, LOSS_NO_MEMORY), 0);
	hit_times(c->of[0], 1);
	cr_assert_eq(lost(c, 0, LOSS_NO_MEMORY), 1);
	hit_times(c->of[1], 1);
	cr_assert_eq(lost(c, 1, LOSS_NO_MEMORY), 1);
	uint32_t sequence = 0;
	release_oldest(c->ring[0], &sequence);
	hit_times(c->of[1], 1); // lent by the other
	cr_assert_eq(lost(c, 1, LOSS_NO_MEMORY), 1);
	crew_free(c);
}

Test(segment_budget, the_cap_holds_for_all_workers_in_turn)
{
	struct crew *c = crew_new(64 * SEGMENT_SIZE, 1 << 30);

	for (unsigned i = 0; i < 64 * SEGMENT_SIZE / 1089; i++)
		for (uint32_t w = 0; w < WORKERS; w++)
			hit_times(c->of[w], 1);
	cr_assert_leq(queued(c), (64 + WORKERS) * SEGMENT_SIZE);
	cr_assert_gt(queued(c), 62 * SEGMENT_SIZE);
	crew_free(c);
}

// Segments lent to a worker go back with their memory; its share stays warm.
Test(segment_budget, lent_segments_give_their_memory_back)
{
	struct crew *c = crew_new(64 * SEGMENT_SIZE, 1 << 30);
	uint32_t sequence = 0, warm = 0;

	hit_times(c->of[0], 64 * (SEGMENT_SIZE / 1089));
	for (uint32_t i = 0; i < 63; i++) {
		struct segment *s = copy_ring_segment(c->ring[0], sequence);
		release_oldest(c->ring[0], &sequence);
		warm += s->warm;
	}
	cr_assert_eq(warm + 1, 64 / WORKERS);		 // and the one still open
	hit_times(c->of[0], 63 * (SEGMENT_SIZE / 1089)); // a cold one is as good
	cr_assert_eq(lost(c, 0, LOSS_NO_MEMORY), 0);
	struct pdu p;
	const char *why;
	const struct segment *s = copy_ring_segment(c->ring[0], 64);
	cr_assert_eq(pdu_decode(s->octets, SEGMENT_SIZE, SEGMENT_SIZE, &p, &why), 1089, "%s", why);
	crew_free(c);
}

// Open segments of destinations that have gone quiet are not kept from the other workers.
Test(segment_budget, idle_open_segments_are_closed_for_the_others)
{
	struct crew *c = crew_new(64 * SEGMENT_SIZE, 1 << 30);
	struct copy_ring *quiet[32];

	for (uint16_t d = 1; d <= 32; d++) {
		quiet[d - 1] = ring(c->of[0], d, 1 << 30, 5);
		c->of[0]->rule.destination[0] = d;
		hit_times(c->of[0], 1);
		copy_ring_release(quiet[d - 1], 1089, 1);
	}
	uint32_t open = 0;
	for (unsigned d = 0; d < 32; d++)
		open += !copy_ring_segment(quiet[d], 0)->closed;
	cr_assert_leq(open, 64 / WORKERS / 2 + 1);
	for (unsigned d = 0; d < 32; d++)
		copy_ring_free(quiet[d]);
	crew_free(c);
}
