#include "dataplane/worker/stats.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

#include "dataplane/builder/status.h"

struct fake_worker { // does what a worker does at its quiescent point
	struct stats *stats;
	uint32_t number;
	_Atomic bool stop, stuck;
};

static uint64_t generation_read(const void *of)
{
	return *(const _Atomic uint64_t *)of;
}

static void *work(void *argument)
{
	struct fake_worker *w = argument;
	struct worker_stats *c = &w->stats->worker[w->number];

	while (!w->stop) {
		if (w->stuck) {
			sched_yield();
			continue;
		}
		c->now.received += 2; // a snapshot between these lines would not balance
		c->now.outcome[PACKET_IP] += 1;
		c->now.outcome[PACKET_NOT_IP] += 1;
		stats_answer(w->stats, c);
		sched_yield();
	}
	return NULL;
}

Test(stats, snapshots_of_moving_workers_belong_together)
{
	struct stats *s = stats_new(2);
	struct fake_worker w[2] = {{.stats = s, .number = 0}, {.stats = s, .number = 1}};
	_Atomic uint64_t generation[2] = {4, 4};
	pthread_t t[2];

	for (int i = 0; i < 2; i++) {
		s->worker[i].generation_of = &generation[i];
		s->worker[i].read_generation = generation_read;
		cr_assert_eq(pthread_create(&t[i], NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < 50; i++) {
		struct packet_balance b = {0};
		if (stats_snapshot(s, true, &b)) {
			cr_assert(packet_balance_holds(&b));
			cr_assert(stats_generation_is(s, 4));
		}
	}
	struct packet_balance b = {0};
	atomic_store(&generation[1], 3); // one worker that reads an old table
	while (!stats_snapshot(s, true, &b))
		b = (struct packet_balance){0};
	cr_assert_not(stats_generation_is(s, 4));
	w[1].stuck = true;
	bool fresh = true;
	for (int i = 0; i < 3; i++) // the answer to the request before may still have come
		fresh = stats_snapshot(s, true, &b);
	cr_assert_not(fresh, "a worker that does not move is noticed");
	for (int i = 0; i < 2; i++) {
		w[i].stop = true;
		pthread_join(t[i], NULL);
	}
	stats_free(s);
}

Test(stats, a_worker_is_seen_as_its_last_snapshot)
{
	struct stats *s = stats_new(1);
	struct packet_balance b = {0};

	s->worker[0].now.hits = 3;
	s->worker[0].now.busy_cycles = 7;
	(void)stats_snapshot(s, false, &b); // the request
	cr_assert_eq(stats_worker(s, 0)->hits, 0);
	stats_answer(s, &s->worker[0]);
	cr_assert_eq(stats_worker(s, 0)->hits, 3);
	cr_assert_eq(stats_worker(s, 0)->busy_cycles, 7);
	stats_free(s);
}

// A planted difference: a frame that was received and came to no outcome.
Test(ledger, a_frame_without_an_outcome_is_a_fault_and_clears)
{
	struct packet_balance b = {.received = 10};
	struct debounce w = {0};
	int said = 0, looks = 0;

	b.outcome[PACKET_IP] = 9;
	while (said == 0 && looks++ < 20)
		said = ledger_debounce(&w, packet_balance_holds(&b));
	cr_assert_eq(said, EVENT_LEDGER_FAULT);
	cr_assert_gt(looks, 1, "a difference for a moment is none");
	for (int i = 0; i < 10; i++)
		cr_assert_eq(ledger_debounce(&w, packet_balance_holds(&b)), 0, "said once");
	b.outcome[PACKET_NOT_IP] = 1;
	said = looks = 0;
	while (said == 0 && looks++ < 20)
		said = ledger_debounce(&w, packet_balance_holds(&b));
	cr_assert_eq(said, EVENT_LEDGER_CLEAR);
}
