#pragma once

// Receive times: TSC ticks to nanoseconds of CLOCK_REALTIME without a system call. A thread that is
// no worker samples both clocks a few times a second and publishes a new mapping; workers only
// multiply. A mapping is anchored behind the moment it was sampled, so a converted time is never
// ahead of CLOCK_REALTIME by more than the rate error times the interval (a few microseconds).

#include <stdatomic.h>
#include <stdint.h>

#include "shared/error.h"

// ns(tsc) = base_ns + ((tsc - base_tsc) * rate) >> CLOCK_SHIFT
#define CLOCK_SHIFT 32

struct clock_map { // relaxed atomics: a reader may look while the writer is two versions ahead
	_Atomic uint64_t base_tsc;
	_Atomic uint64_t base_ns;
	_Atomic uint64_t rate; // nanoseconds per tick << CLOCK_SHIFT
};

struct clock {
	_Alignas(64) _Atomic uint64_t
		version; // map[version & 1] is valid; writer release, reader acquire
	struct clock_map map[2];
	// the writer's own
	_Alignas(64) uint64_t nominal; // rate from the stated TSC frequency
	uint64_t last_tsc, last_ns;
};

// Starts from one sample and the TSC's stated frequency. INVALID when the frequency is 0.
[[nodiscard]] int clock_init(struct clock *c, uint64_t tsc_hz, uint64_t tsc, uint64_t realtime_ns);

// One new sample, taken as (realtime, then tsc). Returns by how much the mapping was off, in
// nanoseconds (positive: CLOCK_REALTIME is ahead). A step of the clock leaves the rate as it was.
int64_t clock_calibrate(struct clock *c, uint64_t tsc, uint64_t realtime_ns);

// Any thread. Nanoseconds since the epoch.
uint64_t clock_convert(const struct clock *c, uint64_t tsc);

// As clock_convert, but never before `*last`, which is kept by the caller (one per worker). When
// CLOCK_REALTIME is set back, times stand still until it has caught up.
static inline uint64_t clock_forward(const struct clock *c, uint64_t tsc, uint64_t *last)
{
	uint64_t now = clock_convert(c, tsc);

	if (now > *last)
		*last = now;
	return *last;
}

// The thread that calibrates against the real clocks, five times a second.
struct clock_thread;
[[nodiscard]] int clock_thread_start(struct clock *c, uint64_t tsc_hz, struct clock_thread **out);
void clock_thread_stop(struct clock_thread *t); // joins; NULL allowed
