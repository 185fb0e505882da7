// The thread that counts header digests and reports summaries.

#include "dataplane/report/reporter.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "shared/log.h"
#include "shared/now.h"

#define PAUSE_NS 500000 // between two looks at empty rings
#define LOG_NS 60000000000ull
#define CHUNK 256 // digests taken from one ring in a row

STAILQ_HEAD(leaving_tasks, x2_task);

struct reporter {
	struct reporter_settings s;
	struct report_flows *flows;
	pthread_t thread;
	bool running;

	pthread_mutex_t lock; // below: between the builder and the thread
	pthread_cond_t wake;  // to the thread
	pthread_cond_t served;
	struct leaving_tasks leave; // since the last iteration
	struct leaving_tasks now_leaving;
	uint32_t tasks;
	bool stop;
	struct report_flow_counts counts;

	uint64_t logged_evicted, logged_ns; // the thread's own
};

static void sink(void *context, const struct x2_task *t, const struct xiri *x, uint64_t time_ns)
{
	capture_report(context, t, x, time_ns);
}

struct reporter *reporter_new(const struct reporter_settings *s)
{
	struct reporter *r = calloc(1, sizeof(*r));
	struct report_flow_settings flows = {
		.flows = s->flows, .idle_ns = s->idle_ns, .sink = sink, .context = s->capture};
	pthread_condattr_t attributes;

	if (!r)
		return NULL;
	r->s = *s;
	STAILQ_INIT(&r->leave);
	STAILQ_INIT(&r->now_leaving);
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &attributes);
	pthread_cond_init(&r->served, NULL);
	pthread_condattr_destroy(&attributes);
	if (getrandom(flows.seed, sizeof(flows.seed), 0) == sizeof(flows.seed))
		r->flows = report_flows_new(&flows);
	if (!r->flows) {
		reporter_free(r);
		return NULL;
	}
	return r;
}

void reporter_free(struct reporter *r)
{
	if (!r)
		return;
	report_flows_free(r->flows);
	pthread_cond_destroy(&r->wake);
	pthread_cond_destroy(&r->served);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static struct moment moment_now(void)
{
	return (struct moment){.mono_ns = now_monotonic_ns(), .real_ns = now_wall_ns()};
}

static uint32_t take_chunk(struct reporter *r, struct report_ring *ring, uint32_t until)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed), n = until - tail;
	struct moment now = moment_now();

	if (n > CHUNK)
		n = CHUNK;
	for (uint32_t i = 0; i < n; i++) {
		const struct header_digest *d = &ring->at[(tail + i) & ring->mask];
		if (report_flows_packet(r->flows, d, &now) != POI_OK)
			capture_report_lost(r->s.capture, d->task);
	}
	atomic_store_explicit(&ring->tail, tail + n, memory_order_release);
	return n;
}

// Everything that was in the rings when it was called; from each in turn, so that times of
// different workers stay close.
static uint32_t drain(struct reporter *r)
{
	uint32_t until[CONFIG_WORKERS_MAX], sum = 0, n;

	for (uint32_t i = 0; i < r->s.n_rings; i++)
		until[i] = atomic_load_explicit(&r->s.rings[i]->head, memory_order_acquire);
	do {
		n = 0;
		// NOLINTBEGIN(clang-analyzer-core.CallAndMessage): n_rings stays
		for (uint32_t i = 0; i < r->s.n_rings; i++)
			n += take_chunk(r, r->s.rings[i], until[i]);
		// NOLINTEND(clang-analyzer-core.CallAndMessage)
		sum += n;
		if (n > 0)
			capture_publish(r->s.capture);
	} while (n > 0);
	return sum;
}

// Its version that stays: one that left in the same batch is passed over.
static const struct x2_task *heir(const struct x2_task *t)
{
	const struct x2_task *s = t->successor;

	while (s && s->leaving)
		s = s->successor;
	return s && s->report == REPORT_PDSR ? s : NULL;
}

static uint32_t work(struct reporter *r)
{
	uint32_t n = drain(r); // what the leaving ones are owed is in the rings by now
	struct moment now = moment_now();

	struct x2_task *t;
	STAILQ_FOREACH(t, &r->now_leaving, next)
	report_flows_leave(r->flows, t, heir(t), &now);
	report_flows_tick(r->flows, &now);
	capture_publish(r->s.capture);
	return n;
}

// Flows that ended for want of room are no loss, but more of them are wanted.
static void log_evicted(struct reporter *r)
{
	uint64_t evicted = report_flows_counts(r->flows).evicted, now = moment_now().mono_ns;

	if (evicted == r->logged_evicted || now - r->logged_ns < LOG_NS)
		return;
	log_warning("summary reports: %llu flows ended early, more than delivery.flows at a time",
		(unsigned long long)(evicted - r->logged_evicted));
	r->logged_evicted = evicted;
	r->logged_ns = now;
}

static void serve(struct reporter *r)
{
	uint32_t left = 0;

	const struct x2_task *t;
	STAILQ_FOREACH(t, &r->now_leaving, next)
	left++;
	pthread_mutex_lock(&r->lock);
	STAILQ_INIT(&r->now_leaving);
	r->tasks -= left;
	r->counts = report_flows_counts(r->flows);
	pthread_cond_broadcast(&r->served);
	pthread_mutex_unlock(&r->lock);
	log_evicted(r);
}

// Waits for something to do: until woken while no task wants summaries, else for a moment.
static bool rest(struct reporter *r, bool idle)
{
	pthread_mutex_lock(&r->lock);
	while (!r->stop && STAILQ_EMPTY(&r->leave) && r->tasks == 0)
		pthread_cond_wait(&r->wake, &r->lock);
	if (!r->stop && STAILQ_EMPTY(&r->leave) && idle) {
		struct timespec until = now_monotonic_after(PAUSE_NS);
		pthread_cond_timedwait(&r->wake, &r->lock, &until);
	}
	STAILQ_CONCAT(&r->now_leaving, &r->leave);
	bool stop = r->stop;
	pthread_mutex_unlock(&r->lock);
	return !stop;
}

static void *run(void *argument)
{
	struct reporter *r = argument;
	bool idle = true, on = true;

	(void)pthread_setname_np(pthread_self(), "poi-report");
	while (on) {
		on = rest(r, idle);
		idle = work(r) == 0;
		serve(r);
	}
	struct moment now = moment_now();
	report_flows_end(r->flows, &now);
	capture_publish(r->s.capture);
	return NULL;
}

int reporter_start(struct reporter *r)
{
	if (pthread_create(&r->thread, NULL, run, r) != 0)
		return POI_ERR_NOMEM;
	r->running = true;
	return POI_OK;
}

void reporter_stop(struct reporter *r)
{
	if (!r || !r->running)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	r->running = false;
}

void reporter_join(struct reporter *r)
{
	pthread_mutex_lock(&r->lock);
	if (r->tasks++ == 0)
		pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

void reporter_leave(struct reporter *r, struct x2_task *t)
{
	pthread_mutex_lock(&r->lock);
	STAILQ_INSERT_TAIL(&r->leave, t, next);
	pthread_mutex_unlock(&r->lock);
}

void reporter_wait(struct reporter *r)
{
	pthread_mutex_lock(&r->lock);
	pthread_cond_signal(&r->wake);
	while (r->running && (!STAILQ_EMPTY(&r->leave) || !STAILQ_EMPTY(&r->now_leaving)))
		pthread_cond_wait(&r->served, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

struct report_flow_counts reporter_counts(struct reporter *r)
{
	pthread_mutex_lock(&r->lock);
	struct report_flow_counts c = r->counts;
	pthread_mutex_unlock(&r->lock);
	return c;
}
