#include "shared/latency.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(latency, edges_rise_by_an_eighth_or_so)
{
	for (unsigned i = 1; i < LATENCY_EDGES; i++) {
		uint64_t before = latency_edge(i - 1), edge = latency_edge(i);
		cr_assert_gt(edge * 100, before * 110);
		cr_assert_lt(edge * 100, before * 115);
	}
	cr_assert_eq(latency_edge(0), 1000);
	cr_assert_eq(latency_edge(LATENCY_EDGES - 1), 3550000000000);
}

Test(latency, a_time_falls_below_the_edge_that_holds_it)
{
	for (unsigned i = 0; i < LATENCY_EDGES; i++) {
		cr_assert_eq(latency_bucket(latency_edge(i)), i);
		cr_assert_eq(latency_bucket(latency_edge(i) + 1), i + 1);
	}
	cr_assert_eq(latency_bucket(0), 0);
	cr_assert_eq(latency_bucket(UINT64_MAX), LATENCY_EDGES);
}

// The bounds of the metrics, against counting one by one.
Test(latency, the_number_within_a_round_bound_is_exact)
{
	static const uint64_t bounds[] = {1000000, 2500000, 5000000, 10000000, 20000000, 50000000,
		100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000};
	enum { BOUNDS = sizeof(bounds) / sizeof(*bounds), TIMES = 20000 };
	struct latency l = {0};
	uint64_t within[BOUNDS] = {0}, sum = 0, most = 0;

	srand(1);
	for (unsigned i = 0; i < TIMES; i++) {
		uint64_t bound = bounds[rand() % BOUNDS];
		uint64_t ns = i % 3 == 0   ? bound
			      : i % 3 == 1 ? bound + 1
					   : (uint64_t)rand() % bound;
		latency_note(&l, ns);
		sum += ns;
		most = ns > most ? ns : most;
		for (unsigned b = 0; b < BOUNDS; b++)
			within[b] += ns <= bounds[b];
	}
	for (unsigned b = 0; b < BOUNDS; b++)
		cr_assert_eq(latency_within(&l, bounds[b]), within[b], "bound %u", b);
	cr_assert_eq(l.n, TIMES);
	cr_assert_eq(l.sum_ns, sum);
	cr_assert_eq(l.most_ns, most);
	cr_assert_eq(latency_within(&l, UINT64_MAX), TIMES);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

Test(latency, percentiles_are_exact_to_a_bucket)
{
	static uint64_t all[10001];
	struct latency l = {0};

	cr_assert_eq(latency_percentile(&l, 99), 0);
	srand(2);
	for (unsigned i = 0; i < 10001; i++) {
		all[i] = 2000ull << rand() % 20;
		all[i] += (uint64_t)rand() % all[i];
		latency_note(&l, all[i]);
	}
	qsort(all, 10001, sizeof(*all), compare);
	for (unsigned percent = 1; percent < 100; percent += 7) {
		uint64_t exact = all[(10001ull * percent + 99) / 100 - 1];
		uint64_t said = latency_percentile(&l, percent);
		cr_assert_geq(said, exact);
		cr_assert_leq(said * 100, exact * 115);
	}
	cr_assert_eq(latency_percentile(&l, 100), all[10000]);
}

Test(latency, beyond_the_last_edge_the_longest_is_the_percentile)
{
	struct latency l = {0};

	latency_note(&l, 4000000000000);
	cr_assert_eq(latency_percentile(&l, 50), 4000000000000);
	cr_assert_eq(latency_within(&l, latency_edge(LATENCY_EDGES - 1)), 0);
}
