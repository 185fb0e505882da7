// The cost of a record of a network function: record_encode over the mandatory members and some
// others of each kind, by kind and release, against one microsecond. One thread; the median of
// ROUNDS, each of at least 50 ms. Argument: rounds (default 5).

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/shared/record_lab.h"

#define SEEDS 8u // records of a kind
#define ROUNDS_MAX 99
#define LIMIT_NS 1000.0

static struct record_lab lab[SEEDS];
static uint8_t room[65536];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

// Nanoseconds a record, and the mean of their octets.
static double one_round(unsigned kind, enum config_xiri_release release, double *octets)
{
	struct record_fault fault;
	uint64_t n = 0, sum = 0;
	double begin = now(), took;

	do {
		for (unsigned i = 0; i < 64 * SEEDS; i++) {
			const struct record_lab *l = &lab[i % SEEDS];
			struct ber_writer w = ber_writer_of(room, sizeof(room));
			if (record_encode(&w, kind, release, l->nodes, l->count, &fault)) {
				fprintf(stderr, "bench_record: a record was refused\n");
				exit(1);
			}
			sum += ber_written(&w);
		}
		n += 64 * SEEDS;
		took = now() - begin;
	} while (took < 50e6);
	*octets = (double)sum / (double)n;
	return took / (double)n;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 5;
	double ns[ROUNDS_MAX], octets = 0, worst = 0;

	if (rounds < 1 || rounds > ROUNDS_MAX)
		return 2;
	printf("%-32s %-4s %8s %8s %18s\n", "record", "", "octets", "ns", "lowest to highest");
	for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
		for (unsigned r = CONFIG_XIRI_R18; r <= CONFIG_XIRI_R19; r++) {
			for (unsigned i = 0; i < SEEDS; i++)
				record_lab_make(&lab[i], kind, r, false, i + 1);
			for (int i = 0; i < rounds; i++)
				ns[i] = one_round(kind, r, &octets);
			qsort(ns, (size_t)rounds, sizeof(ns[0]), by_value);
			double median = ns[rounds / 2];
			worst = median > worst ? median : worst;
			printf("%-32s %-4s %8.0f %8.0f %8.0f to %6.0f\n", record_name(kind),
				r == CONFIG_XIRI_R18 ? "r18" : "r19", octets, median, ns[0],
				ns[rounds - 1]);
		}
	printf("the dearest record: %.0f ns, %.2f of the limit of %.0f ns\n", worst,
		worst / LIMIT_NS, LIMIT_NS);
	return 0;
}
