// Converts TSC ticks to wall time and keeps the mapping calibrated.

#include "dataplane/worker/clock.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#include "shared/log.h"
#include "shared/now.h"

#define CALIBRATE_NS 200000000L
#define NS_PER_S 1000000000ull
#define SAMPLES 8
#define RATE_TOLERANCE 1000 // 1/1000 of the nominal rate: more is a step of the clock, not drift
#define STEP_REPORTED_NS 1000000000ll

struct clock_thread {
	struct clock *clock;
	pthread_t thread;
	_Atomic bool stop;
};

static void map_store(struct clock *c, uint64_t tsc, uint64_t ns, uint64_t rate)
{
	uint64_t version = atomic_load_explicit(&c->version, memory_order_relaxed) + 1;
	struct clock_map *m = &c->map[version & 1];

	// Readers of the version before last must not see the new values under the old number:
	// their second look at `version` is ordered behind their loads, and ours is ordered before
	// our stores.
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&m->base_tsc, tsc, memory_order_relaxed);
	atomic_store_explicit(&m->base_ns, ns, memory_order_relaxed);
	atomic_store_explicit(&m->rate, rate, memory_order_relaxed);
	// Partner: the acquire in clock_convert.
	atomic_store_explicit(&c->version, version, memory_order_release);
}

int clock_init(struct clock *c, uint64_t tsc_hz, uint64_t tsc, uint64_t realtime_ns)
{
	if (tsc_hz == 0)
		return POI_ERR_INVALID;
	*c = (struct clock){
		.nominal = (uint64_t)(((unsigned __int128)NS_PER_S << CLOCK_SHIFT) / tsc_hz),
		.last_tsc = tsc,
		.last_ns = realtime_ns,
	};
	map_store(c, tsc, realtime_ns, c->nominal);
	return POI_OK;
}

uint64_t clock_convert(const struct clock *c, uint64_t tsc)
{
	uint64_t version, again, base_tsc, base_ns, rate;

	do {
		version = atomic_load_explicit(&c->version, memory_order_acquire);
		const struct clock_map *m = &c->map[version & 1];
		base_tsc = atomic_load_explicit(&m->base_tsc, memory_order_relaxed);
		base_ns = atomic_load_explicit(&m->base_ns, memory_order_relaxed);
		rate = atomic_load_explicit(&m->rate, memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		again = atomic_load_explicit(&c->version, memory_order_relaxed);
	} while (version != again);

	// A worker may have read its TSC before the mapping was anchored.
	if (tsc < base_tsc)
		return base_ns -
		       (uint64_t)(((unsigned __int128)(base_tsc - tsc) * rate) >> CLOCK_SHIFT);
	return base_ns + (uint64_t)(((unsigned __int128)(tsc - base_tsc) * rate) >> CLOCK_SHIFT);
}

int64_t clock_calibrate(struct clock *c, uint64_t tsc, uint64_t realtime_ns)
{
	int64_t off = (int64_t)(realtime_ns - clock_convert(c, tsc));
	uint64_t version = atomic_load_explicit(&c->version, memory_order_relaxed);
	uint64_t rate = atomic_load_explicit(&c->map[version & 1].rate, memory_order_relaxed);
	uint64_t tolerance = c->nominal / RATE_TOLERANCE;

	if (tsc > c->last_tsc && realtime_ns > c->last_ns) {
		unsigned __int128 measured =
			((unsigned __int128)(realtime_ns - c->last_ns) << CLOCK_SHIFT) /
			(tsc - c->last_tsc);
		if (measured >= c->nominal - tolerance && measured <= c->nominal + tolerance)
			rate = (uint64_t)measured;
	}
	c->last_tsc = tsc;
	c->last_ns = realtime_ns;
	map_store(c, tsc, realtime_ns, rate);
	return off;
}

// The tightest of a few samples. The TSC is taken behind the clock, so that a mapping through the
// pair is late by the time between the two, never early.
static void sample(uint64_t *tsc, uint64_t *ns)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < SAMPLES; i++) {
		uint64_t before = __rdtsc();
		uint64_t wall_ns = now_wall_ns();
		_mm_lfence();
		uint64_t after = __rdtsc();
		if (after - before >= best)
			continue;
		best = after - before;
		*tsc = after;
		*ns = wall_ns;
	}
}

static void *calibrate_loop(void *argument)
{
	struct clock_thread *t = argument;
	const struct timespec pause = {.tv_nsec = CALIBRATE_NS};
	uint64_t tsc = 0, ns = 0;

	(void)pthread_setname_np(pthread_self(), "poi-clock");
	while (!atomic_load_explicit(&t->stop, memory_order_relaxed)) {
		nanosleep(&pause, NULL);
		sample(&tsc, &ns);
		int64_t off = clock_calibrate(t->clock, tsc, ns);
		if (off >= STEP_REPORTED_NS || off <= -STEP_REPORTED_NS)
			log_kind(WARNING, CLOCK_STEP, "the system clock was stepped by %lld ms",
				(long long)(off / 1000000));
	}
	return NULL;
}

int clock_thread_start(struct clock *c, uint64_t tsc_hz, struct clock_thread **out)
{
	struct clock_thread *t = calloc(1, sizeof(*t));
	uint64_t tsc = 0, ns = 0;
	int e;

	if (!t)
		return POI_ERR_NOMEM;
	t->clock = c;
	sample(&tsc, &ns);
	e = clock_init(c, tsc_hz, tsc, ns);
	if (e == POI_OK && pthread_create(&t->thread, NULL, calibrate_loop, t) != 0)
		e = POI_ERR_NOMEM;
	if (e != POI_OK) {
		free(t);
		return e;
	}
	*out = t;
	return POI_OK;
}

void clock_thread_stop(struct clock_thread *t)
{
	if (!t)
		return;
	atomic_store_explicit(&t->stop, true, memory_order_relaxed);
	pthread_join(t->thread, NULL);
	free(t);
}
