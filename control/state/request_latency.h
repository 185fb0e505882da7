#pragma once

// How long exchanges took, in buckets with fixed bounds: a histogram as OpenMetrics has it.

#include <stddef.h>
#include <stdint.h>

// X(upper bound in microseconds, the same in seconds as it is printed)
#define REQUEST_LATENCY_BOUNDS(X)                                                                    \
	X(1000, "0.001") X(2500, "0.0025") X(5000, "0.005") X(10000, "0.01") X(20000, "0.02") \
	X(50000, "0.05") X(100000, "0.1") X(250000, "0.25") X(500000, "0.5")                  \
	X(1000000, "1.0") X(2500000, "2.5") X(5000000, "5.0")

#define X(us, text) +1
enum { REQUEST_LATENCY_BUCKETS = 0 REQUEST_LATENCY_BOUNDS(X) };
#undef X

struct request_latency {
	uint64_t bucket[REQUEST_LATENCY_BUCKETS + 1]; // not cumulated; the last one is beyond every bound
	uint64_t sum_us;
};

static inline void request_latency_count(struct request_latency *l, uint64_t us)
{
#define X(bound, text) bound,
	static const uint64_t bounds[] = {REQUEST_LATENCY_BOUNDS(X)};
#undef X
	size_t i = 0;

	while (i < REQUEST_LATENCY_BUCKETS && us > bounds[i])
		i++;
	l->bucket[i]++;
	l->sum_us += us;
}
