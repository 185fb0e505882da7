// How long a change takes to be in force: put, commit, publication and grace period, with 100,000
// tasks present, 1,000 changes a second, folds on a thread of their own as in the dataplane, and a
// reader that matches bursts all the while. Arguments: seconds (4), changes a second (1000).

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dataplane/match/table_rcu.h"
#include "tests/bench/figures.h"
#include "tests/bench/match_lab.h"

#define TASKS 100000u

struct bench {
	struct table_rcu *table_rcu;
	struct table_builder *builder;
	struct table_fold *fold;
	pthread_t folder;
	_Atomic bool folded, stop;
	unsigned folds;
	uint64_t generation;
	double *commit_us, *force_us;
};

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void *read_on(void *argument)
{
	struct bench *b = argument;
	struct lab *lab = lab_new(LAB_UDP4);
	struct packet_view views[PACKET_BURST];

	table_rcu_reader_enter(b->table_rcu);
	while (lab && !atomic_load_explicit(&b->stop, memory_order_relaxed)) {
		for (unsigned i = 0; i < PACKET_BURST; i++) {
			views[i].data = lab->octets + i * 2304 + 128;
			views[i].length = views[i].total = lab->length;
		}
		(void)parse_burst(&lab->port, views, PACKET_BURST);
		lab_match(lab, table_rcu_table(b->table_rcu), views);
		table_rcu_quiescent(b->table_rcu);
	}
	table_rcu_reader_leave(b->table_rcu);
	lab_free(lab);
	return NULL;
}

static void *fold_run(void *argument)
{
	struct bench *b = argument;

	table_fold_run(b->fold);
	atomic_store(&b->folded, true);
	return NULL;
}

static double commit(struct bench *b)
{
	double start = now_us();
	const struct table *next = table_commit(b->builder, ++b->generation);
	double us = now_us() - start;

	if (!next)
		exit(1);
	table_retire(b->builder, table_rcu_publish(b->table_rcu, next));
	if (!b->fold && (b->fold = table_fold_begin(b->builder)))
		if (pthread_create(&b->folder, NULL, fold_run, b))
			exit(1);
	return us;
}

static void fold_end(struct bench *b)
{
	pthread_join(b->folder, NULL);
	table_fold_finish(b->builder, b->fold);
	b->fold = NULL;
	atomic_store(&b->folded, false);
	b->folds++;
}

static void put(struct bench *b, uint64_t *random, uint32_t slot)
{
	struct rule rule;

	lab_rule(&rule, random, slot);
	if (filter_normalise(&rule.filter) || table_put(b->builder, &rule))
		exit(1);
}

static void change(struct bench *b, uint32_t n, uint32_t rate)
{
	uint64_t random = 5;
	double start = now_us();

	for (uint32_t i = 0; i < n; i++) {
		double due = start + i * 1e6 / rate;
		for (double wait; (wait = due - now_us()) > 0;) {
			struct timespec t = {.tv_nsec = (long)(wait * 1000)};
			nanosleep(&t, NULL);
		}
		double begun = now_us();
		if (b->fold && atomic_load(&b->folded))
			fold_end(b);
		if (i % 2) // new ones, and old ones go
			put(b, &random, TASKS + i);
		else
			(void)table_remove(b->builder, rule_key_own(i));
		b->commit_us[i] = commit(b);
		b->force_us[i] = now_us() - begun;
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

// The distribution, finer where it is rarer: the share of changes that took longer than x.
static void plot(struct figures *f, const char *name, const double *us, uint32_t n)
{
	for (uint32_t left = n; left > 0; left = left > 20 ? left - left / 20 : left - 1) {
		double share = 100.0 * left / n;
		figures_point(f, "", name, us[n - left] / 1e3, share, share, share);
	}
}

static void tell(struct figures *f, const char *name, double *us, uint32_t n)
{
	qsort(us, n, sizeof(*us), by_value);
	plot(f, name, us, n);
	printf("  %-28s %9.3f %9.3f %9.3f %9.3f\n", name, us[n / 2] / 1e3, us[n * 99 / 100] / 1e3,
		us[n * 999 / 1000] / 1e3, us[n - 1] / 1e3);
}

int main(int argc, char **argv)
{
	static const uint64_t seed[2] = {0x9d2c5680aa3b1f77u, 0xb5026f5aa96619e9u};
	uint32_t seconds = argc > 1 ? (uint32_t)atoi(argv[1]) : 4;
	uint32_t rate = argc > 2 ? (uint32_t)atoi(argv[2]) : 1000, n = seconds * rate;
	struct bench b = {.builder = table_builder_new(seed), .generation = 1};
	uint64_t random = 11;
	pthread_t reader;

	b.commit_us = calloc(n, sizeof(double));
	b.force_us = calloc(n, sizeof(double));
	if (n == 0 || !b.builder || !b.commit_us || !b.force_us)
		return 1;
	b.table_rcu = table_rcu_new(table_commit(b.builder, 1));
	for (uint32_t i = 0; i < TASKS; i++)
		put(&b, &random, i);
	if (pthread_create(&reader, NULL, read_on, &b))
		return 1;
	commit(&b);
	if (b.fold)
		fold_end(&b);
	commit(&b);
	change(&b, n, rate);
	atomic_store(&b.stop, true);
	pthread_join(reader, NULL);
	if (b.fold)
		fold_end(&b);
	printf("%u changes, %u a second, %u tasks, %u folds: milliseconds\n", n, rate, TASKS,
		b.folds);
	printf("  %-28s %9s %9s %9s %9s\n", "", "p50", "p99", "p99.9", "highest");
	struct figures *f = figures_open("commit", "milliseconds", "% of changes that took longer");
	tell(f, "commit", b.commit_us, n);
	tell(f, "in force (grace period over)", b.force_us, n);
	figures_close(f);
	table_rcu_free(b.table_rcu);
	table_builder_free(b.builder);
	free(b.commit_us);
	free(b.force_us);
	return 0;
}
