// How long it takes until what a signalling message changed is in force: from the moment a worker
// hands it over, over ring, follower, rules and table, to the end of the grace period. One thread
// plays the signalling at a given pace, one the worker that reads the tables; the rest is the
// product's, but for delivery.
//   bench_follow [changes a second [seconds]]

#include <pthread.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/follow/bindings.h"
#include "dataplane/match/table_rcu.h"
#include "shared/wire.h"
#include "tests/unit/dataplane/session/signalling_lab.h"

#define SMF 0x0a000001u
#define UPF 0x0a000002u
#define N3 0x0a010002u
#define TASKS 1000u   // by IMSI; all sessions are theirs
#define OTHERS 10000u // tasks with rules of their own

static struct signalling_ring *ring;
static struct follower *follower;
static struct bindings *bindings;
static struct table_builder *builder;
static struct table_rcu *table_rcu;
static uint64_t rate = 10000, seconds = 10, sent;
static _Atomic bool stop, done;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench_follow: %s\n", what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void push(struct lab *l, bool from_smf)
{
	struct signalling_packet p = {.time_ns = now_ns(),
		.protocol = SIGNALLING_PFCP,
		.source = {.address = {.family = 4}, .port = 8805},
		.destination = {.address = {.family = 4}, .port = 8805},
		.octets = l->octets,
		.length = l->n};

	wire_store32(p.source.address.b, from_smf ? SMF : UPF);
	wire_store32(p.destination.address.b, from_smf ? UPF : SMF);
	must(signalling_ring_push(ring, &p), "the ring is full");
}

static void imsi_of(char out[16], uint32_t task)
{
	snprintf(out, 16, "00101%010u", task % TASKS);
}

// A change: a session that comes, with its tunnel in the request, or one that goes.
static void change(struct lab *l, uint32_t n)
{
	uint32_t seid = n / 2 + 1, sequence = n + 1;
	char imsi[16];

	if (n % 2 == 0) {
		imsi_of(imsi, seid);
		lab_pfcp_session(l, PFCP_ESTABLISHMENT_REQUEST, 0, sequence);
		lab_node(l, SMF);
		lab_f_seid(l, seid, SMF);
		lab_open(l, 1);
		lab_ie16(l, 56, 1);
		lab_ie32(l, 29, 100);
		lab_open(l, 2);
		lab_ie8(l, 20, 0);
		lab_f_teid(l, seid, N3);
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
		push(l, true);
		lab_pfcp_session(l, PFCP_ESTABLISHMENT_RESPONSE, seid, sequence);
	} else {
		lab_pfcp_session(l, PFCP_DELETION_REQUEST, seid + 0x1000000ull, sequence);
		lab_end(l);
		push(l, true);
		lab_pfcp_session(l, PFCP_DELETION_RESPONSE, seid, sequence);
	}
	lab_node(l, UPF);
	lab_ie8(l, 19, 1);
	if (n % 2 == 0)
		lab_f_seid(l, seid + 0x1000000ull, UPF);
	lab_end(l);
	push(l, false);
}

static void *player(void *argument)
{
	static struct lab l;
	uint64_t start = now_ns();

	for (uint64_t due = 0; due < rate * seconds;) {
		due = (now_ns() - start) * rate / 1000000000u;
		for (; sent < due && sent < rate * seconds; sent++)
			change(&l, (uint32_t)sent);
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	}
	atomic_store_explicit(&done, true, memory_order_release);
	return argument;
}

// Reads tables without a pause but for a short sleep now and then, as a worker with idle-sleep-us:
// what runs with a real-time priority must leave the machine some time.
static void *worker(void *argument)
{
	const struct timespec doze = {.tv_nsec = 60000};

	table_rcu_reader_enter(table_rcu);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (uint64_t until = now_ns() + 400000; now_ns() < until;)
			table_rcu_quiescent(table_rcu);
		table_rcu_offline(table_rcu);
		nanosleep(&doze, NULL);
		table_rcu_online(table_rcu);
	}
	table_rcu_reader_leave(table_rcu);
	return argument;
}

static void publish(bool measure)
{
	static uint64_t generation = 1;
	const struct table *next = table_commit(builder, ++generation);

	must(next != NULL, "no memory");
	table_retire(builder, table_rcu_publish(table_rcu, next));
	bindings_in_force(bindings, measure, now_ns());
}

// As the builder does it, but that the base is folded here: on a thread of its own it costs less.
static void fold(void)
{
	struct table_fold *f = table_fold_begin(builder);

	if (!f)
		return;
	table_fold_run(f);
	table_fold_finish(builder, f);
}

static struct task_table *store_with_tasks(struct reconcile *walk)
{
	struct task_table *s = task_table_new();
	struct channel_ne ne = {.ne = {{1}}};

	must(s && !ne_entry_put(s, &ne, 0), "store");
	walk->task_table = s;
	for (uint32_t i = 0; i < TASKS; i++) {
		struct channel_task t = {.ne = ne.ne,
			.xid = {{2}},
			.delivery = DELIVERY_X3,
			.session = {.kinds = SESSION_IMSI}};
		memcpy(t.xid.b + 8, &i, sizeof(i));
		imsi_of(t.session.imsi, i);
		struct task_entry *task = task_entry_make(&t);
		must(task && (task->resources = calloc(1, sizeof(*task->resources))), "task");
		task->resources->slot = OTHERS + i;
		must(!task_entry_insert(s, task, NULL) &&
				!bindings_begin(bindings, task, 0, &task->resources->bound),
			"task");
	}
	return s;
}

int main(int argc, char **argv)
{
	const uint64_t seed[2] = {1, 2};
	static struct config_dataplane config = {.n_ports = 1};
	static struct reconcile walk;
	struct link_classes links;
	pthread_t thread[2];
	uint64_t commits = 0;

	if (argc > 1)
		rate = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		seconds = strtoull(argv[2], NULL, 10);
	config.ports[0].tunnel = CONFIG_TUNNEL_GTPU;
	config.ports[0].link = CONFIG_LINK_N3;
	links = link_classes_of(&config);
	walk.links = &links;
	ring = signalling_ring_new(4 << 20);
	const struct follower_settings s = {
		.rings = &ring, .n_rings = 1, .sessions = {SESSIONS_DEFAULTS, .seed = {1, 2}}};
	follower = follower_new(&s);
	builder = table_builder_new(seed);
	bindings = bindings_new(builder, &walk);
	must(follower && bindings && !follower_start(follower), "start");
	bindings_follower(bindings, follower);
	for (uint32_t i = 0; i < OTHERS; i++) {
		struct rule rule = {.slot = i,
			.filter = {.kinds = FILTER_ADDRESS,
				.n_address = 1,
				.address = {{.family = 4, .length = 32}}}};
		wire_store32(rule.filter.address[0].b, 0x2d000000u + i * 7);
		must(!table_put(builder, &rule), "rules");
	}
	table_rcu = table_rcu_new(table_commit(builder, 1));
	fold();
	store_with_tasks(&walk);
	bindings_wait_done(bindings);
	publish(false);
	must(!pthread_create(&thread[0], NULL, worker, NULL) &&
			!pthread_create(&thread[1], NULL, player, NULL),
		"threads");
	while (!atomic_load_explicit(&done, memory_order_acquire)) {
		struct pollfd fd = {.fd = follower_fd(follower), .events = POLLIN};
		if (poll(&fd, 1, 100) <= 0)
			continue;
		int changes = bindings_apply(bindings);
		must(changes >= 0, "no memory");
		if (changes == 0)
			continue;
		publish(true);
		commits++;
		fold();
	}
	atomic_store_explicit(&stop, true, memory_order_relaxed);
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	follower_stop(follower);
	struct bindings_counts c;
	bindings_counts(bindings, &c);
	printf("%llu session changes in %llu s, %llu rules measured, %llu tables: in force after "
	       "p50 %.3f ms, p99 %.3f ms, at most %.3f ms\n",
		(unsigned long long)sent, (unsigned long long)seconds,
		(unsigned long long)c.measured, (unsigned long long)commits, (double)c.p50_ns / 1e6,
		(double)c.p99_ns / 1e6, (double)c.most_ns / 1e6);
	return 0;
}
