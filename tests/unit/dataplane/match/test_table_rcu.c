#include "dataplane/match/table_rcu.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define READERS 2
#define ROUNDS 300

// A table is opaque here: its content shows if it was still whole.
struct fake {
	_Atomic uint32_t state; // ALIVE until its grace period is over
	uint32_t number;
};
#define ALIVE 0x600dcafe
#define GONE 0xdeadbeef

static struct table_rcu *l;
static struct fake fakes[ROUNDS + 1];
static _Atomic bool stop;
static _Atomic uint32_t bad, ready, sleeping;
static _Atomic uint32_t seen[READERS];

static const struct table *as_table(struct fake *f)
{
	return (const struct table *)f;
}

static void *reader(void *argument)
{
	uint32_t me = (uint32_t)(uintptr_t)argument;

	table_rcu_reader_enter(l);
	atomic_fetch_add(&ready, 1);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		struct fake *f = (struct fake *)table_rcu_table(l);
		for (int i = 0; i < 20; i++)
			if (atomic_load_explicit(&f->state, memory_order_relaxed) != ALIVE)
				atomic_fetch_add(&bad, 1);
		atomic_store_explicit(&seen[me], f->number, memory_order_relaxed);
		table_rcu_quiescent(l);
	}
	table_rcu_reader_leave(l);
	return NULL;
}

static void start(void *(*run)(void *), pthread_t *threads)
{
	for (uint32_t i = 0; i <= ROUNDS; i++) {
		atomic_store(&fakes[i].state, ALIVE);
		fakes[i].number = i;
	}
	l = table_rcu_new(as_table(&fakes[0]));
	cr_assert(l);
	for (uintptr_t i = 0; i < READERS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, run, (void *)i), 0);
	while (atomic_load(&ready) < READERS)
		;
}

static void finish(pthread_t *threads)
{
	atomic_store(&stop, true);
	for (int i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	table_rcu_free(l);
}

Test(table_rcu, after_a_publication_nobody_reads_the_old_table, .timeout = 60)
{
	pthread_t threads[READERS];

	start(reader, threads);
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		struct fake *old = (struct fake *)table_rcu_publish(l, as_table(&fakes[i]));
		cr_assert_eq(old->number, i - 1);
		atomic_store_explicit(&old->state, GONE, memory_order_relaxed);
	}
	finish(threads);
	cr_expect_eq(atomic_load(&bad), 0);
}

// The promise behind every OK: when publish returns, what a reader looks at next is the new table.
Test(table_rcu, after_a_publication_every_reader_sees_the_new_table, .timeout = 60)
{
	pthread_t threads[READERS];

	start(reader, threads);
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		table_rcu_publish(l, as_table(&fakes[i]));
		for (int r = 0; r < READERS; r++)
			cr_assert_geq(atomic_load(&seen[r]) + 1, i);
		cr_assert_eq((struct fake *)table_rcu_table(l), &fakes[i]);
	}
	finish(threads);
}

static void *sleeper(void *argument)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	table_rcu_reader_enter(l);
	atomic_fetch_add(&ready, 1);
	table_rcu_offline(l);
	atomic_fetch_add(&sleeping, 1);
	while (!atomic_load(&stop))
		nanosleep(&pause, NULL);
	table_rcu_online(l);
	if (((struct fake *)table_rcu_table(l))->number != ROUNDS)
		atomic_fetch_add(&bad, 1);
	table_rcu_reader_leave(l);
	return argument;
}

Test(table_rcu, a_sleeping_reader_does_not_hold_up_a_publication, .timeout = 20)
{
	pthread_t threads[READERS];

	start(sleeper, threads);
	while (atomic_load(&sleeping) < READERS)
		;
	for (uint32_t i = 1; i <= ROUNDS; i++)
		table_rcu_publish(l, as_table(&fakes[i]));
	finish(threads);
	cr_expect_eq(atomic_load(&bad), 0);
}

static _Atomic bool hold, published;

static void *holder(void *argument)
{
	table_rcu_reader_enter(l);
	(void)table_rcu_table(l);
	atomic_fetch_add(&ready, 1);
	while (atomic_load(&hold))
		;
	while (!atomic_load(&stop))
		table_rcu_quiescent(l);
	table_rcu_reader_leave(l);
	return argument;
}

static void *publisher(void *argument)
{
	table_rcu_publish(l, as_table(&fakes[1]));
	atomic_store(&published, true);
	return argument;
}

Test(table_rcu, a_publication_waits_for_a_reader_inside_its_loop, .timeout = 20)
{
	pthread_t threads[READERS], p;

	atomic_store(&hold, true);
	start(holder, threads);
	cr_assert_eq(pthread_create(&p, NULL, publisher, NULL), 0);
	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	cr_expect_not(atomic_load(&published));
	atomic_store(&hold, false);
	pthread_join(p, NULL);
	cr_expect(atomic_load(&published));
	finish(threads);
}
