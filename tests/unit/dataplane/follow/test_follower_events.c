// The follower and events of network functions.

#include "tests/unit/dataplane/follow/follower_bed.h"
#include "tests/unit/dataplane/session/session_events.h"

static struct session_event session(const char *name, const char *imsi)
{
	struct session_event e = event_is(name, imsi, 0x0a2d0002);

	event_tunnel(&e, true, 0x1001, N3);
	e.time_ns = now_ns();
	return e;
}

// Without a ring, as on ports that show no signalling.
static void up_without_rings(void)
{
	const struct follower_settings s = {
		.sessions = {SESSIONS_DEFAULTS, .seed = {1, 2}, .correlate = true}};

	follower = follower_new(&s);
	cr_assert_not_null(follower);
}

static void down_without_rings(void)
{
	follower_stop(follower);
	follower_free(follower);
}

Test(follower_events, an_event_without_rings, .timeout = 20)
{
	struct session_event e = session("a", TARGET), end = event_ends("a"), none = end;
	struct session_counts counts;
	struct seen s = {0};
	uint64_t lost;

	up_without_rings();
	cr_assert_eq(follower_start(follower), POI_OK);
	cr_assert_eq(follower_subscribe(follower, 1, &target, 1, FILTER_ANY_DIRECTION), POI_OK);
	follower_event(follower, &e);
	follower_wait_done(follower);
	cr_expect_eq(e.result, POI_OK);
	cr_expect_neq(e.correlation, 0);
	look(&s);
	cr_expect_eq(s.binds, 2);
	cr_expect_eq(s.sessions, 1);
	end.time_ns = none.time_ns = now_ns();
	follower_event(follower, &end);
	follower_event(follower, &none);
	follower_wait_done(follower);
	cr_expect_eq(end.result, POI_OK);
	cr_expect_eq(end.correlation, e.correlation);
	cr_expect_eq(none.result, POI_ERR_NOT_FOUND);
	look(&s);
	cr_expect_eq(s.unbinds, 2);
	cr_expect_eq(s.sessions, 0);
	follower_counts(follower, &counts, &lost);
	cr_expect_eq(counts.established, 1);
	cr_expect_eq(counts.released, 1);
	cr_expect_eq(lost, 0);
	down_without_rings();
}

// In the order of the calls: nothing of the first task, all of the second.
Test(follower_events, events_in_order_with_tasks, .timeout = 20)
{
	struct session_event e = session("a", TARGET), end = event_ends("a");
	struct session_event again = session("b", TARGET);
	struct seen s = {0};

	up_without_rings();
	follower_event(follower, &e); // before the thread is there
	cr_assert_eq(e.result, POI_ERR_NOMEM);
	cr_assert_eq(follower_start(follower), POI_OK);
	end.time_ns = now_ns();
	follower_event(follower, &end);
	cr_assert_eq(follower_subscribe(follower, 1, &target, 1, FILTER_ANY_DIRECTION), POI_OK);
	follower_wait_done(follower);
	look(&s);
	cr_expect_eq(s.binds, 0);
	cr_expect_eq(e.result, POI_OK);
	follower_unsubscribe(follower, 1);
	follower_event(follower, &again);
	cr_assert_eq(follower_subscribe(follower, 2, &target, 1, FILTER_ANY_DIRECTION), POI_OK);
	follower_wait_done(follower);
	look(&s);
	cr_expect_eq(s.binds, 2);
	down_without_rings();
}

Test(follower_events, a_silent_function, .timeout = 20)
{
	struct session_event e = {.kind = SESSION_EVENT_FUNCTION_LOST, .time_ns = now_ns()};
	struct seen s = {0};

	up_without_rings();
	cr_assert_eq(follower_start(follower), POI_OK);
	cr_assert_eq(follower_subscribe(follower, 1, &target, 1, FILTER_ANY_DIRECTION), POI_OK);
	follower_event(follower, &e);
	follower_wait_done(follower);
	look(&s);
	cr_expect(s.doubted);
	e.kind = SESSION_EVENT_FUNCTION_BACK;
	e.time_ns = now_ns();
	follower_event(follower, &e);
	follower_wait_done(follower);
	look(&s);
	cr_expect_not(s.doubted);
	down_without_rings();
}

// A binding ends at its event's time, not at that of the last tick.
Test(follower_events, an_event_has_its_own_time, .timeout = 20)
{
	struct session_event e = session("a", TARGET), end = event_ends("a");
	struct follower_changes changes = STAILQ_HEAD_INITIALIZER(changes);
	uint64_t from = 0, until = 0;

	up_without_rings();
	cr_assert_eq(follower_subscribe(follower, 1, &target, 1, FILTER_ANY_DIRECTION), POI_OK);
	follower_event(follower, &e);
	cr_assert_eq(follower_start(follower), POI_OK);
	follower_wait_done(follower);
	end.time_ns = now_ns();
	follower_event(follower, &end);
	follower_wait_done(follower);
	follower_changes(follower, &changes);
	for (struct follower_change *c; (c = STAILQ_FIRST(&changes));) {
		STAILQ_REMOVE_HEAD(&changes, link);
		if (c->kind == FOLLOWER_BIND)
			from = c->binding.from_ns;
		if (c->kind == FOLLOWER_UNBIND)
			until = c->binding.from_ns;
		follower_change_free(c);
	}
	cr_expect_eq(from, e.time_ns);
	cr_expect_eq(until, end.time_ns);
	down_without_rings();
}

// Signalling of the same sessions comes from the workers meanwhile.
Test(follower_events, events_beside_workers, .timeout = 60)
{
	pthread_t thread[WORKERS];
	struct seen s = {0};
	struct session_counts counts;
	uint64_t lost;

	up(1 << 14);
	cr_assert_eq(follower_start(follower), POI_OK);
	cr_assert_eq(follower_subscribe(follower, 1, &target, 1, FILTER_ANY_DIRECTION), POI_OK);
	follower_wait_done(follower);
	for (uintptr_t i = 0; i < WORKERS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, worker, (void *)i), 0);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct session_event e[2] = {session("a", TARGET), event_ends("a")};
		event_tunnel(&e[0], true, i + 1, N3); // the first worker's
		e[1].time_ns = now_ns();
		follower_event(follower, &e[0]);
		if (i % 2)
			follower_wait_done(follower);
		follower_event(follower, &e[1]);
		follower_wait_done(follower);
		cr_assert(e[0].result == POI_OK && e[1].result == POI_OK);
		look(&s);
	}
	for (int i = 0; i < WORKERS; i++)
		pthread_join(thread[i], NULL);
	follower_wait_done(follower);
	look(&s);
	follower_counts(follower, &counts, &lost);
	cr_expect_eq(counts.sessions, 0);
	cr_expect_eq(counts.established, (WORKERS + 1) * ROUNDS);
	cr_expect_eq(counts.released, (WORKERS + 1) * ROUNDS);
	cr_expect_eq(s.sessions, 0);
	down();
}
