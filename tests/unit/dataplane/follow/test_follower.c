// The follower with its thread: what workers hand over, what the builder asks for and gets.

#include <poll.h>
#include <unistd.h>

#include "tests/unit/dataplane/follow/follower_bed.h"

Test(follower, what_is_known_is_bound_when_settled)
{
	static struct lab l;
	struct seen s = {0};
	struct session_counts counts;
	uint64_t lost;

	up(1 << 16);
	cr_assert_eq(follower_start(follower), POI_OK);
	establish(&l, 7, 1, TARGET);
	push_surely(rings[0], &l, true);
	answer(&l, PFCP_ESTABLISHMENT_RESPONSE, 7, 1);
	push_surely(rings[0], &l, false);
	cr_assert_eq(follower_subscribe(follower, 1, &target, 1, FILTER_ANY_DIRECTION), POI_OK);
	follower_wait_done(follower);
	struct pollfd fd = {.fd = follower_fd(follower), .events = POLLIN};
	cr_assert_eq(poll(&fd, 1, 0), 1, "the changes wait");
	look(&s);
	cr_assert_geq(s.binds, 1);
	cr_assert_eq(s.sessions, 1);
	cr_assert_eq(poll(&fd, 1, 0), 0, "taken");
	follower_unsubscribe(follower, 1);
	follower_wait_done(follower);
	s = (struct seen){0};
	look(&s);
	cr_assert_eq(s.unbinds, 0, "the builder drops them itself");
	follower_counts(follower, &counts, &lost);
	cr_assert_eq(counts.sessions, 1);
	cr_assert_eq(counts.messages, 2);
	cr_assert_eq(lost, 0);
	down();
}

Test(follower, workers_and_builder_at_once, .timeout = 60)
{
	pthread_t thread[WORKERS];
	struct seen s = {0}, other = {0};
	uint64_t subscription = 1;

	up(1 << 14);
	cr_assert_eq(follower_start(follower), POI_OK);
	cr_assert_eq(follower_subscribe(follower, subscription, &target, 1, FILTER_ANY_DIRECTION),
		POI_OK);
	follower_wait_done(follower); // else sessions come and go before it is waited for
	for (uintptr_t i = 0; i < WORKERS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, worker, (void *)i), 0);
	for (int i = 0; i < 50; i++) { // tasks that come and go meanwhile
		struct session_target t = {.kinds = SESSION_FSEID, .seid = (uint64_t)i + 1};
		cr_assert_eq(follower_subscribe(follower, 100 + (uint64_t)i, &t, 1, 0), POI_OK);
		follower_wait_done(follower);
		look(&s);
		follower_unsubscribe(follower, 100 + (uint64_t)i);
	}
	for (int i = 0; i < WORKERS; i++)
		pthread_join(thread[i], NULL);
	follower_wait_done(follower);
	look(&s);
	cr_assert_geq(s.binds, WORKERS * ROUNDS / 2);
	cr_assert_geq(s.unbinds, WORKERS * ROUNDS / 2);
	struct session_counts counts;
	uint64_t lost;
	follower_counts(follower, &counts, &lost);
	cr_assert_eq(counts.sessions, 0);
	cr_assert_eq(counts.established, WORKERS * ROUNDS);
	cr_assert_eq(counts.released, WORKERS * ROUNDS);
	follower_unsubscribe(follower, subscription);
	follower_wait_done(follower);
	look(&other);
	down();
}

Test(follower, a_full_ring_makes_views_unsure)
{
	static struct lab l;
	struct seen s = {0};
	struct session_counts counts;
	uint64_t lost;

	up(4096);
	establish(&l, 7, 1, TARGET);
	while (push(rings[1], &l, true))
		;
	cr_assert_eq(follower_start(follower), POI_OK);
	cr_assert_eq(follower_subscribe(follower, 1, &target, 1, FILTER_ANY_DIRECTION), POI_OK);
	follower_wait_done(follower);
	look(&s);
	cr_assert_eq(s.losses, 1);
	cr_assert(s.unsure);
	follower_counts(follower, &counts, &lost);
	cr_assert_eq(lost, 1);
	down();
}

// No thread waits for memory: a task that found none is in doubt until some is there.
Test(follower, a_subscription_without_memory, .timeout = 20)
{
	struct seen s = {0};

	up_with(1 << 14, 30000); // for some subscriptions, not for all
	cr_assert_eq(follower_start(follower), POI_OK);
	for (uint64_t i = 1; i <= 20; i++) {
		struct session_target t = {.kinds = SESSION_FSEID, .seid = i};
		cr_assert_eq(follower_subscribe(follower, i, &t, 1, FILTER_ANY_DIRECTION), POI_OK);
	}
	follower_wait_done(follower);
	look(&s);
	cr_assert(s.states >= 20 && s.doubted, "the last one at least");
	for (uint64_t i = 1; i < 20; i++)
		follower_unsubscribe(follower, i);
	follower_wait_done(follower);
	for (int i = 0; i < 500 && s.doubted; i++) {
		usleep(10000);
		look(&s);
	}
	cr_assert_not(s.doubted, "the others gave it room");
	follower_unsubscribe(follower, 20);
	follower_wait_done(follower);
	down();
}

// However much waits before it, a binding holds from its message's own time on.
Test(follower, a_binding_counts_from_its_message_on, .timeout = 20)
{
	static struct lab l;
	uint64_t then, from = 0;

	up(1 << 20);
	cr_assert_eq(follower_start(follower), POI_OK);
	cr_assert_eq(follower_subscribe(follower, 1, &target, 1, FILTER_ANY_DIRECTION), POI_OK);
	follower_wait_done(follower);
	for (uint32_t i = 0; i < 2000; i++) {
		establish(&l, 1000 + i, 2 * i + 1, "001010000000002");
		push_surely(rings[0], &l, true);
	}
	establish(&l, 7, 100001, TARGET);
	do {
		then = now_ns();
	} while (!push(rings[0], &l, true));
	uint64_t pushed = now_ns();
	for (int i = 0; i < 5000 && !from; i++) {
		usleep(1000);
		struct follower_changes changes = STAILQ_HEAD_INITIALIZER(changes);
		follower_changes(follower, &changes);
		for (struct follower_change *c; (c = STAILQ_FIRST(&changes));) {
			STAILQ_REMOVE_HEAD(&changes, link);
			if (c->kind == FOLLOWER_BIND)
				from = c->binding.from_ns;
			follower_change_free(c);
		}
	}
	cr_assert(from >= then && from <= pushed, "%llu ns late",
		(unsigned long long)(from - pushed));
	down();
}

Test(follower, ends_with_work_undone)
{
	static struct lab l;

	up(1 << 14);
	establish(&l, 7, 1, TARGET);
	push_surely(rings[0], &l, true);
	cr_assert_eq(follower_subscribe(follower, 1, &target, 1, FILTER_ANY_DIRECTION), POI_OK);
	down();
}

static bool passes(uint64_t ns, int times)
{
	for (int i = 0; i < times && signalling_gap_passed(gap) <= ns; i++)
		usleep(1000);
	return signalling_gap_passed(gap) > ns;
}

// Workers hold packets until what signalling before them means is in force, not only followed.
Test(follower, time_passes_when_changes_are_in_force, .timeout = 20)
{
	static struct lab l;
	struct seen s = {0};

	gap = signalling_gap_new(WORKERS);
	cr_assert_not_null(gap);
	up(1 << 16);
	cr_assert_eq(follower_start(follower), POI_OK);
	cr_assert(passes(now_ns(), 5000), "without signalling");
	cr_assert_eq(follower_subscribe(follower, 1, &target, 1, FILTER_ANY_DIRECTION), POI_OK);
	follower_wait_done(follower);
	look(&s);
	follower_in_force(follower);
	cr_assert(passes(now_ns(), 5000), "none wait");
	uint64_t before = now_ns();
	establish(&l, 7, 1, TARGET);
	push_surely(rings[1], &l, true);
	answer(&l, PFCP_ESTABLISHMENT_RESPONSE, 7, 1);
	push_surely(rings[1], &l, false);
	follower_wait_done(follower);
	uint64_t followed = now_ns();
	cr_assert_not(passes(followed, 50), "they wait to be taken");
	s = (struct seen){0};
	look(&s);
	cr_assert_geq(s.binds, 1);
	cr_assert_not(passes(followed, 50), "they are taken");
	follower_in_force(follower);
	cr_assert(passes(followed, 5000));
	cr_assert_gt(followed, before);
	down();
}

// As long as datagrams wait, the time does not pass theirs.
Test(follower, time_does_not_pass_what_waits, .timeout = 20)
{
	static struct lab l;
	struct session_counts counts = {0};
	uint64_t then, lost, passed = 0;

	gap = signalling_gap_new(WORKERS);
	cr_assert_not_null(gap);
	up(1 << 20);
	for (uint32_t i = 0; i < 2000; i++) {
		establish(&l, 1000 + i, i + 1, "001010000000002");
		push_surely(rings[i % WORKERS], &l, true);
	}
	then = now_ns();
	usleep(20000); // no worker is about to push
	cr_assert_eq(follower_start(follower), POI_OK);
	for (uint64_t until = now_ns() + 10000000000u; passed <= then && now_ns() < until;)
		passed = signalling_gap_passed(gap);
	follower_counts(follower, &counts, &lost);
	cr_assert_gt(passed, then);
	cr_assert_eq(counts.messages, 2000);
	down();
}

// So many share the subscriber that no index leads to them, and more stand between: a task that
// waits gets all.
Test(follower, a_task_of_hundreds_of_sessions, .timeout = 20)
{
	static struct lab l;
	struct seen s = {0};
	const uint32_t shared = 300, others = 3000;

	up(1 << 16);
	cr_assert_eq(follower_start(follower), POI_OK);
	for (uint32_t i = 1; i <= shared + others; i++) {
		establish(&l, i, i, i <= shared ? TARGET : "001010000000009");
		push_surely(rings[0], &l, true);
		answer(&l, PFCP_ESTABLISHMENT_RESPONSE, i, i);
		push_surely(rings[0], &l, false);
	}
	follower_wait_done(follower);
	cr_assert_eq(follower_subscribe(follower, 1, &target, 1, FILTER_ANY_DIRECTION), POI_OK);
	follower_wait_done(follower);
	look(&s);
	cr_expect_eq(s.binds, shared);
	down();
}
