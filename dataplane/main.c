// poi-dataplane: starts in order, stops in reverse. The header of each part describes it.

#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "dataplane/worker/clock.h"
#include "dataplane/arguments.h"
#include "dataplane/port/eal.h"
#include "dataplane/builder/builder.h"
#include "dataplane/follow/follower.h"
#include "dataplane/match/cpu_dispatch.h"
#include "dataplane/builder/legacy.h"
#include "dataplane/builder/reload.h"
#include "dataplane/builder/server.h"
#include "dataplane/writers.h"
#include "dataplane/worker/worker.h"
#include "shared/harden.h"
#include "shared/log.h"
#include "shared/now.h"
#include "shared/packet_buffers.h"
#include "shared/sandbox.h"

#define SOCKET_NAME "dataplane.sock"
#define EXIT_RESTART 75 // sysexits: EX_TEMPFAIL; a service manager starts it again

struct app {
	struct config *config;
	char socket[4096];
	char why[1024];
	char state[128]; // as last sent to the service manager
	uint64_t incarnation;
	int signal_fd;
	bool eal_up;
	bool confined;
	struct placement placed;
	struct clock clock;
	struct clock_thread *clock_thread;
	struct ports *ports;
	struct box *box; // what outlives kill -9; NULL: nothing
	struct task_counters_owner *counters;
	struct builder *builder;
	struct stats *stats;
	struct writers writers;
	struct reporter *reporter;
	struct functions *functions; // NULL: no events are configured
	struct signalling_ring *signalling[CONFIG_WORKERS_MAX];
	struct signalling_tap *taps[CONFIG_WORKERS_MAX];
	struct handover *handover;
	struct follower *follower;  // NULL: neither signalling nor events
	struct signalling_gap *gap; // likewise
	struct deliver *deliver;
	bool delivering;
	struct server *server;
	struct last_known *last_known;
	_Alignas(WORKER_LINES) _Atomic bool stop; // read in every loop, written once
	uint64_t started_ns;			  // CLOCK_MONOTONIC
	uint32_t launched;			  // workers
	bool ended;				  // orderly: losses are reported or on disk
	struct worker workers[CONFIG_WORKERS_MAX];
};

// Settings of the whole process: no cores, no broken pipe, and signals only through the descriptor.
static int process_settings(struct app *a)
{
	sigset_t set;
	int e = harden_process();

	if (e != POI_OK)
		return e;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return POI_ERR_IO;
	a->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (a->signal_fd < 0 || getrandom(&a->incarnation, sizeof(a->incarnation), 0) !=
					(ssize_t)sizeof(a->incarnation)) {
		snprintf(a->why, sizeof(a->why), "no signal descriptor or no randomness: %s",
			strerror(errno));
		return POI_ERR_IO;
	}
	return POI_OK;
}

static int load(struct app *a, const char *file)
{
	a->config = config_load(file, a->why, sizeof(a->why));
	if (!a->config)
		return POI_ERR_INVALID;
	log_set_level(log_level_of(a->config->log.level));
	log_set_target(a->config->log.target);
	int n = snprintf(a->socket, sizeof(a->socket), "%s/" SOCKET_NAME, a->config->runtime_dir);
	if (n < 0 || (size_t)n >= sizeof(a->socket))
		return POI_ERR_TOO_LARGE;
	if (mkdir(a->config->runtime_dir, 0700) != 0 && errno != EEXIST) {
		snprintf(a->why, sizeof(a->why), "runtime-dir %s: %s", a->config->runtime_dir,
			strerror(errno));
		return POI_ERR_IO;
	}
	// Paths inside dataplane.eal are relative to the file, like all others.
	char folder[4096];
	snprintf(folder, sizeof(folder), "%s", a->config->file);
	return chdir(dirname(folder)) == 0 ? POI_OK : POI_ERR_IO;
}

static int devices(struct app *a)
{
	int e = eal_start(a->config, &a->placed, a->why, sizeof(a->why));

	if (e != POI_OK)
		return e;
	a->eal_up = true;
	harden_lock_memory();
	e = clock_thread_start(&a->clock, rte_get_tsc_hz(), &a->clock_thread);
	if (e != POI_OK)
		return e;
	a->ports = ports_open(
		&a->config->dataplane, packet_buffers_held(a->config), a->why, sizeof(a->why));
	if (!a->ports)
		return POI_ERR_IO;
	// From here on there will be targets in memory. Before, the EAL and drivers (net_af_xdp)
	// read their own entries of /proc, which a process without dumps no longer may.
	return harden_no_dump();
}

static int tables(struct app *a)
{
	uint32_t n = a->config->dataplane.n_workers;

	cpu_dispatch_use(cpu_dispatch_best());
	log_info("parsing and matching: %s", cpu_dispatch_name());
	a->counters = task_counters_new(legacy_writers(a->config));
	a->stats = stats_new(n);
	if (a->counters)
		a->builder = builder_new(&a->config->dataplane, a->counters);
	return a->stats && a->builder ? POI_OK : POI_ERR_NOMEM;
}

static int reporting(struct app *a)
{
	uint32_t n = a->config->dataplane.n_workers;
	const struct reporter_settings s = {
		.rings = a->writers.report_ring,
		.n_rings = n,
		.capture = a->writers.capture[n],
		.flows = a->config->delivery.flows,
		.idle_ns = a->config->delivery.flow_idle * 1000000000ull,
	};

	a->reporter = reporter_new(&s);
	if (!a->reporter)
		return POI_ERR_NOMEM;
	builder_reporter(a->builder, a->reporter);
	return reporter_start(a->reporter);
}

static uint32_t held_packets(const struct config *c)
{
	const struct config_dataplane *d = &c->dataplane;

	if (d->mbufs == 0)
		return c->signalling.early_packets; // the pools have room for them
	return holdback_room(c->signalling.early_packets, d->mbufs, d->n_workers);
}

// How long packets and rules wait for each other.
static int patience(struct app *a)
{
	const struct config_signalling *c = &a->config->signalling;
	struct bindings_patience p = {
		.early_ns = c->early_ms * 1000000ull, .unsure_ns = c->answered * 1000000000ull};

	a->gap = signalling_gap_new(a->config->dataplane.n_workers);
	if (!a->gap)
		return POI_ERR_NOMEM;
	p.gap = a->gap;
	p.held = held_packets(a->config) > 0;
	builder_patience(a->builder, &p);
	return POI_OK;
}

// Rings of signalling, one a worker, where a port shows any.
static int signalling_rings(struct app *a, struct follower_settings *s)
{
	if (!config_shows_signalling(&a->config->dataplane))
		return POI_OK;
	s->n_rings = a->config->dataplane.n_workers;
	for (uint32_t i = 0; i < s->n_rings; i++) {
		a->signalling[i] = signalling_ring_new((uint32_t)a->config->signalling.ring);
		if (a->signalling[i])
			a->taps[i] = signalling_tap_new(a->signalling[i]);
		if (!a->taps[i])
			return POI_ERR_NOMEM;
	}
	return POI_OK;
}

// Events of network functions, and their records.
static int events(struct app *a)
{
	const struct functions_settings s = {
		.config = a->config,
		.follower = a->follower,
		.capture = a->writers.capture[a->config->dataplane.n_workers + 1],
		.counters = a->counters,
	};

	if (a->config->events.n_functions == 0)
		return POI_OK;
	a->functions = functions_new(&s, a->why, sizeof(a->why));
	if (!a->functions)
		return a->why[0] ? POI_ERR_INVALID : POI_ERR_NOMEM;
	builder_functions(a->builder, a->functions);
	return POI_OK;
}

static int following(struct app *a)
{
	const struct config_signalling *c = &a->config->signalling;
	const uint64_t second = 1000000000ull;
	struct follower_settings s = {
		.rings = a->signalling,
		.taps = a->taps,
		.sessions = {.sessions_max = c->sessions,
			.memory_max = c->memory,
			.answered_ns = c->answered * second,
			.waiting_ns = c->waiting * second,
			.handover_ns = c->handover_ms * 1000000ull,
			.age_ns = c->age * second,
			.correlate = c->correlation == CONFIG_CORRELATION_SESSION,
			.links = builder_link_classes(a->builder)},
	};

	if (!config_follows_sessions(a->config))
		return POI_OK;
	if (signalling_rings(a, &s) != POI_OK)
		return POI_ERR_NOMEM;
	if (getrandom(s.sessions.seed, sizeof(s.sessions.seed), 0) !=
		(ssize_t)sizeof(s.sessions.seed))
		return POI_ERR_IO;
	if (patience(a))
		return POI_ERR_NOMEM;
	s.gap = a->gap;
	a->follower = follower_new(&s);
	if (!a->follower)
		return POI_ERR_NOMEM;
	builder_follower(a->builder, a->follower);
	return follower_start(a->follower);
}

static int delivery(struct app *a)
{
	uint32_t n = legacy_writers(a->config);

	if (writers_budget(&a->writers, a->config) != POI_OK)
		return POI_ERR_NOMEM;
	a->box = legacy_new(a->config, writers_pool(&a->writers),
		writers_other_pool(&a->config->delivery), a->incarnation);
	if (a->box)
		task_counters_box(a->counters, a->box);
	const struct writers_settings w = {.config = a->config,
		.box = a->box,
		.slots = task_counters_of(a->counters),
		.incarnation = a->incarnation};
	int e = writers_open(&a->writers, &w, a->why, sizeof(a->why));
	if (e != POI_OK)
		return e;
	a->deliver = deliver_new(a->config, a->writers.capture, n, a->why, sizeof(a->why));
	if (!a->deliver)
		return POI_ERR_TLS;
	if (a->box)
		deliver_box(a->deliver, a->box);
	builder_deliver(a->builder, a->deliver);
	for (uint32_t i = 0; i < a->placed.plan.n_delivery; i++)
		deliver_place(a->deliver, i, a->placed.plan.delivery[i]);
	e = deliver_start(a->deliver);
	a->delivering = e == POI_OK;
	return e == POI_OK ? reporting(a) : e;
}

// Every worker polls: from now on nothing that arrives is missed for want of a start.
static void ready(void *context)
{
	const struct app *a = context;

	log_kind(NOTICE, STARTED, "running; workers poll %llu ms after the start",
		(unsigned long long)(now_monotonic_ns() - a->started_ns) / 1000000);
	(void)sd_notify(0, "READY=1");
}

static void alive(void *context, const char *state)
{
	struct app *a = context;

	(void)sd_notify(0, "WATCHDOG=1");
	if (!strcmp(state, a->state))
		return;
	snprintf(a->state, sizeof(a->state), "%s", state);
	(void)sd_notifyf(0, "STATUS=%u ports, %u workers; %s", a->config->dataplane.n_ports,
		a->config->dataplane.n_workers, state);
}

static void reload(void *context)
{
	struct app *a = context;

	reload_configuration(a->config);
}

static bool take_origin(void *context, const struct box *old)
{
	struct app *a = context;

	return legacy_origin(a->config, a->box, old, a->writers.capture);
}

static int channel(struct app *a)
{
	a->last_known = last_known_open(a->config->runtime_dir);
	if (!a->last_known)
		log_warning("%s: queued content cannot be counted for the next process: %s",
			a->config->runtime_dir, strerror(errno));
	const struct server_settings s = {
		.path = a->socket,
		.incarnation = a->incarnation,
		.builder = a->builder,
		.deliver = a->deliver,
		.ports = a->ports,
		.last_known = a->last_known,
		.box = a->box,
		.origin = take_origin,
		.sources = {.stats = a->stats,
			.ports = a->ports,
			.counters = a->counters,
			.deliver = a->deliver,
			.follower = a->follower,
			.functions = a->functions,
			.cpus = &a->placed.plan,
			.cycles_hz = rte_get_tsc_hz()},
		.ready = ready,
		.alive = alive,
		.reload = reload,
		.context = a,
	};

	a->server = server_new(&s, a->why, sizeof(a->why));
	return a->server ? POI_OK : POI_ERR_IO;
}

static uint64_t read_generation(const void *table_rcu)
{
	return table_generation(table_rcu_table(table_rcu));
}

static int fragments_of(struct app *a, struct worker *w, uint32_t number)
{
	struct worker_fragments_settings s = {.lanes = w->lanes,
		.n_lanes = w->n_lanes,
		.n_handed = ports_lanes_handed(a->ports, number),
		.worker = number,
		.reassembly = a->config->dataplane.reassembly};

	if (getrandom(s.seed, sizeof(s.seed), 0) != (ssize_t)sizeof(s.seed))
		return POI_ERR_IO;
	w->fragments = worker_fragments_new(&s);
	if (w->fragments)
		return POI_OK;
	snprintf(a->why, sizeof(a->why),
		"no memory for fragments: give the EAL more memory (hugepages, or -m with "
		"--no-huge)");
	return POI_ERR_NOMEM;
}

static int early_of(struct app *a, struct worker *w, uint32_t number)
{
	const struct config_signalling *c = &a->config->signalling;
	const struct config_dataplane *d = &a->config->dataplane;
	const struct holdback_settings s = {
		.lanes = w->lanes,
		.taps = a->taps,
		.n_taps = d->n_workers,
		.packets = held_packets(a->config),
		.age_ns = c->early_ms * 1000000ull,
		.gap = a->gap,
		.worker = number,
	};

	if (!w->tap)
		return POI_OK;
	w->holdback = holdback_new(&s);
	return w->holdback ? POI_OK : POI_ERR_NOMEM;
}

static int run_worker(void *argument)
{
	eal_name_worker();
	return worker_run(argument);
}

static int workers(struct app *a)
{
	for (uint32_t i = 0; i < a->config->dataplane.n_workers; i++) {
		struct worker *w = &a->workers[i];
		*w = (struct worker){
			.idle_sleep_us = a->config->dataplane.idle_sleep_us,
			.table_rcu = builder_table_rcu(a->builder),
			.clock = &a->clock,
			.capture = a->writers.capture[i],
			.handover = handover_of(a->handover, i),
			.tap = a->taps[i],
			.stats = a->stats,
			.counters = &a->stats->worker[i],
			.stop = &a->stop,
		};
		w->counters->generation_of = w->table_rcu;
		w->counters->read_generation = read_generation;
		w->lanes = ports_lanes(a->ports, i, &w->n_lanes);
		int e = fragments_of(a, w, i);
		if (e == POI_OK)
			e = early_of(a, w, i);
		if (e != POI_OK)
			return e;
		if (rte_eal_remote_launch(run_worker, w, (unsigned)eal_worker_lcore(i)) != 0)
			return POI_ERR_IO;
		a->launched++;
	}
	return POI_OK;
}

// From here on only what the steady state needs. Drivers have their devices, the EAL its memory.
static int confine(struct app *a)
{
	const struct config *c = a->config;

	if (!c->sandbox) {
		log_kind(
			WARNING, NOT_CONFINED, "not confined: sandbox is off in the configuration");
		return POI_OK;
	}
	// It may be made later, by the first destination: only what is there can be allowed.
	if (c->delivery.spool.folder)
		(void)mkdir(c->delivery.spool.folder, 0700);
	struct sandbox *s = sandbox_new(SANDBOX_DATAPLANE);
	int e = s ? sandbox_config(s, c) : POI_ERR_NOMEM;
	if (e == POI_OK)
		e = sandbox_write(s, eal_runtime_dir());
	if (e == POI_OK) {
		a->confined = true; // in part, if it fails
		e = sandbox_enter(s, a->why, sizeof(a->why));
	}
	sandbox_free(s);
	return e;
}

static void stop(struct app *a)
{
	atomic_store_explicit(&a->stop, true, memory_order_relaxed);
	handover_leave_from(a->handover, a->launched);
	if (a->launched)
		rte_eal_mp_wait_lcore();
	handover_free(a->handover);
	for (uint32_t i = 0; i < CONFIG_WORKERS_MAX; i++)
		worker_fragments_free(a->workers[i].fragments);
	for (uint32_t i = 0; i < CONFIG_WORKERS_MAX; i++)
		holdback_free(a->workers[i].holdback);
	follower_stop(a->follower);
	reporter_stop(a->reporter);
	if (a->delivering)
		deliver_stop(a->deliver);
	if (a->delivering && a->server)
		server_stopped(a->server);
	server_free(a->server);
	last_known_close(a->last_known, a->ended);
	deliver_free(a->deliver);
	reporter_free(a->reporter);
	writers_close(&a->writers);
	builder_free(a->builder);
	functions_free(a->functions);
	follower_free(a->follower);
	for (uint32_t i = 0; i < CONFIG_WORKERS_MAX; i++) {
		signalling_tap_free(a->taps[i]);
		signalling_ring_free(a->signalling[i]);
	}
	signalling_gap_free(a->gap);
	stats_free(a->stats);
	task_counters_free(a->counters);
	if (a->box && a->ended)
		box_end(a->box);
	box_free(a->box);
	bool left = a->confined && ports_close_forbidden(a->ports);
	if (!left)
		ports_close(a->ports);
	clock_thread_stop(a->clock_thread);
	if (a->eal_up && !left)
		eal_stop();
	config_free(a->config);
	if (a->signal_fd >= 0)
		close(a->signal_fd);
}

int main(int argc, char **argv)
{
	int code;
	const char *file = arguments_read(argc, argv, &code);

	if (!file)
		return code;
	struct app *a = aligned_alloc(_Alignof(struct app), sizeof(*a));
	if (!a)
		return EXIT_FAILURE;
	memset(a, 0, sizeof(*a));
	a->signal_fd = -1;
	a->started_ns = now_monotonic_ns();
	log_open("poi-dataplane", LOG_LEVEL_NOTICE);
	int e = process_settings(a);
	if (e == POI_OK)
		e = load(a, file);
	if (e == POI_OK)
		e = devices(a);
	if (e == POI_OK)
		e = tables(a);
	if (e == POI_OK)
		e = delivery(a);
	if (e == POI_OK)
		e = following(a);
	if (e == POI_OK)
		e = events(a);
	if (e == POI_OK)
		e = channel(a);
	if (e == POI_OK)
		e = handover_open(
			a->ports, &a->config->dataplane, &a->handover, a->why, sizeof(a->why));
	if (e == POI_OK)
		e = workers(a);
	if (e == POI_OK)
		e = confine(a);
	if (e == POI_OK) {
		e = server_run(a->server, a->signal_fd);
		a->ended = true;
		(void)sd_notify(0, "STOPPING=1");
		log_kind(NOTICE, STOPPING, "stopping");
	} else {
		log_kind(ERROR, START_FAILED, "%s", a->why[0] ? a->why : poi_error_text(e));
	}
	stop(a);
	free(a);
	if (e == POI_ERR_AGAIN)
		return EXIT_RESTART;
	return e == POI_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
