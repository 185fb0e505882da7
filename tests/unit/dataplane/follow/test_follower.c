// The follower with its thread: what workers hand over, what the builder asks for and gets.

#include "dataplane/follow/follower.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "shared/wire.h"
#include "tests/unit/dataplane/session/session_events.h"
#include "tests/unit/dataplane/session/signalling_lab.h"

#define WORKERS 2
#define ROUNDS 300u
#define SMF 0x0a000001u
#define UPF 0x0a000002u
#define N3 0x0a010002u
#define TARGET "001010000000001"

static struct signalling_ring *rings[WORKERS];
static struct follower *follower;
static struct signalling_gap *gap;

// Memory of the empty store.
static uint64_t store_memory(void)
{
	const struct sessions_settings s = {SESSIONS_DEFAULTS, .seed = {1, 2}};
	struct sessions *store = sessions_new(&s);
	struct session_counts counts;

	cr_assert_not_null(store);
	sessions_counts(store, &counts);
	sessions_free(store);
	return counts.octets;
}

// `memory`: beside what the store takes by itself; 0: the default.
static void up_with(uint32_t octets, uint64_t memory)
{
	struct follower_settings s = {.rings = rings,
		.n_rings = WORKERS,
		.gap = gap,
		.sessions = {SESSIONS_DEFAULTS, .seed = {1, 2}}};

	if (memory)
		s.sessions.memory_max = store_memory() + memory;
	for (int i = 0; i < WORKERS; i++)
		rings[i] = signalling_ring_new(octets);
	follower = follower_new(&s);
	cr_assert_not_null(follower);
}

static void up(uint32_t octets)
{
	up_with(octets, 0);
}

static void down(void)
{
	follower_stop(follower);
	follower_free(follower);
	for (int i = 0; i < WORKERS; i++)
		signalling_ring_free(rings[i]);
	signalling_gap_free(gap);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct signalling_end end_of(uint32_t address)
{
	struct signalling_end e = {.address = {.family = 4}, .port = 8805};

	wire_store32(e.address.b, address);
	return e;
}

static bool push(struct signalling_ring *r, struct lab *l, bool from_smf)
{
	struct signalling_packet p = {.time_ns = now_ns(),
		.protocol = SIGNALLING_PFCP,
		.source = end_of(from_smf ? SMF : UPF),
		.destination = end_of(from_smf ? UPF : SMF),
		.octets = l->octets,
		.length = l->n};

	return signalling_ring_push(r, &p);
}

static void push_surely(struct signalling_ring *r, struct lab *l, bool from_smf)
{
	while (!push(r, l, from_smf))
		sched_yield();
}

static void establish(struct lab *l, uint64_t seid, uint32_t sequence, const char *imsi)
{
	lab_pfcp_session(l, PFCP_ESTABLISHMENT_REQUEST, 0, sequence);
	lab_node(l, SMF);
	lab_f_seid(l, seid, SMF);
	lab_open(l, 1);
	lab_ie16(l, 56, 1);
	lab_ie32(l, 29, 100);
	lab_open(l, 2);
	lab_ie8(l, 20, 0);
	lab_f_teid(l, (uint32_t)seid, N3);
	lab_text(l, 22, "internet");
	lab_close(l);
	lab_ie32(l, 108, 1);
	lab_close(l);
	lab_open(l, 3);
	lab_ie32(l, 108, 1);
	lab_ie8(l, 44, 2);
	lab_close(l);
	lab_user(l, imsi);
	lab_end(l);
}

static void answer(struct lab *l, uint8_t type, uint64_t seid, uint32_t sequence)
{
	lab_pfcp_session(l, type, seid, sequence);
	lab_node(l, UPF);
	lab_ie8(l, 19, 1);
	if (type == PFCP_ESTABLISHMENT_RESPONSE)
		lab_f_seid(l, seid + 0x100000, UPF);
	lab_end(l);
}

static const struct session_target target = {.kinds = SESSION_IMSI, .imsi = TARGET};

struct seen {
	uint64_t binds, unbinds, states, losses;
	uint32_t sessions;
	bool unsure, doubted;
};

static void look(struct seen *s)
{
	struct follower_changes changes = STAILQ_HEAD_INITIALIZER(changes);

	follower_changes(follower, &changes);
	for (struct follower_change *c; (c = STAILQ_FIRST(&changes));) {
		STAILQ_REMOVE_HEAD(&changes, link);
		s->binds += c->kind == FOLLOWER_BIND;
		s->unbinds += c->kind == FOLLOWER_UNBIND;
		s->losses += c->kind == FOLLOWER_LOSS;
		if (c->kind == FOLLOWER_STATE) {
			s->states++;
			s->sessions = c->state.sessions;
			s->doubted = c->state.unsure;
		}
		if (c->kind == FOLLOWER_LOSS)
			s->unsure = c->state.unsure;
		follower_change_free(c);
	}
}

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

// Sessions of one IMSI and of another, set up and torn down; each worker has its own.
static void *worker(void *argument)
{
	uint32_t w = (uint32_t)(uintptr_t)argument;
	static _Thread_local struct lab l;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint64_t seid = w * 0x10000 + i + 1;
		uint32_t sequence = (uint32_t)seid * 4;
		establish(&l, seid, sequence, i % 2 ? TARGET : "001010000000002");
		push_surely(rings[w], &l, true);
		answer(&l, PFCP_ESTABLISHMENT_RESPONSE, seid, sequence);
		push_surely(rings[w], &l, false);
		lab_pfcp_session(&l, PFCP_DELETION_REQUEST, seid + 0x100000, sequence + 1);
		lab_end(&l);
		push_surely(rings[w], &l, true);
		answer(&l, PFCP_DELETION_RESPONSE, seid, sequence + 1);
		push_surely(rings[w], &l, false);
	}
	return NULL;
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

// ---- events of network functions ----

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

Test(follower, an_event_without_rings, .timeout = 20)
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
Test(follower, events_in_order_with_tasks, .timeout = 20)
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

Test(follower, a_silent_function, .timeout = 20)
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
Test(follower, an_event_has_its_own_time, .timeout = 20)
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
Test(follower, events_beside_workers, .timeout = 60)
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
