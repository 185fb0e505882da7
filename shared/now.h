#pragma once

// Reads the system's clocks: one function for each clock and unit. Any thread; nothing is kept.
// Monotonic time is for waiting and measuring, wall time for what leaves the machine. Receive times
// of packets come from dataplane/clock.h, which converts the TSC.

#include <stdint.h>
#include <time.h>

#define NOW_NS_PER_S UINT64_C(1000000000)

static inline uint64_t now_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NOW_NS_PER_S + (uint64_t)t.tv_nsec;
}

static inline uint64_t now_monotonic_ns(void)
{
	return now_of(CLOCK_MONOTONIC);
}

static inline uint64_t now_monotonic_us(void)
{
	return now_monotonic_ns() / 1000;
}

static inline uint64_t now_monotonic_ms(void)
{
	return now_monotonic_ns() / 1000000;
}

static inline uint64_t now_monotonic_s(void)
{
	return now_monotonic_ns() / NOW_NS_PER_S;
}

// As now_monotonic_ms, a few milliseconds late and cheaper.
static inline uint64_t now_coarse_ms(void)
{
	return now_of(CLOCK_MONOTONIC_COARSE) / 1000000;
}

static inline uint64_t now_wall_ns(void)
{
	return now_of(CLOCK_REALTIME);
}

static inline uint64_t now_wall_s(void)
{
	return now_wall_ns() / NOW_NS_PER_S;
}

// CPU time that the calling thread has used.
static inline uint64_t now_thread_ns(void)
{
	return now_of(CLOCK_THREAD_CPUTIME_ID);
}

// The monotonic moment `ns` from now, as a timed wait wants it.
static inline struct timespec now_monotonic_after(uint64_t ns)
{
	uint64_t at = now_monotonic_ns() + ns;

	return (struct timespec){
		.tv_sec = (time_t)(at / NOW_NS_PER_S), .tv_nsec = (long)(at % NOW_NS_PER_S)};
}
