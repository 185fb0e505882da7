#pragma once

// A histogram of times from a microsecond to an hour. Twenty buckets a decade, each about an eighth
// wider than the one before; 1, 2, 2.5, 5 and 10 of each decade are bucket edges, so that the
// number of times within such a bound is exact. Pure; one thread at a time.

#include <stdint.h>

#define LATENCY_EDGES 192 // the last is 3550 s; one more bucket holds what is beyond

struct latency {
	uint64_t n, sum_ns, most_ns;
	uint64_t bucket[LATENCY_EDGES + 1]; // [i]: times above edge i - 1 and up to edge i
};

// Returns the upper edge of a bucket in nanoseconds.
static inline uint64_t latency_edge(unsigned at)
{
	static const uint16_t hundredths[20] = {100, 112, 125, 140, 160, 180, 200, 224, 250, 280,
		315, 355, 400, 450, 500, 560, 630, 710, 800, 900};
	static const uint64_t tens[10] = {10, 100, 1000, 10000, 100000, 1000000, 10000000,
		100000000, 1000000000, 10000000000};

	return hundredths[at % 20] * tens[at / 20];
}

// Returns the first bucket whose edge is not below `ns`; LATENCY_EDGES beyond the last edge.
static inline unsigned latency_bucket(uint64_t ns)
{
	unsigned low = 0, high = LATENCY_EDGES;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (latency_edge(middle) < ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static inline void latency_note(struct latency *l, uint64_t ns)
{
	l->n++;
	l->sum_ns += ns;
	l->bucket[latency_bucket(ns)]++;
	if (ns > l->most_ns)
		l->most_ns = ns;
}

// Returns how many times were at most `ns`: exact where `ns` is an edge, else up to the edge below.
static inline uint64_t latency_within(const struct latency *l, uint64_t ns)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < LATENCY_EDGES && latency_edge(i) <= ns; i++)
		sum += l->bucket[i];
	return sum;
}

// Returns the time that `percent` of all stay within, to the edge of a bucket; 0 without any.
static inline uint64_t latency_percentile(const struct latency *l, unsigned percent)
{
	uint64_t upto = (l->n * percent + 99) / 100, sum = 0;

	for (unsigned i = 0; i < LATENCY_EDGES && l->n > 0; i++) {
		sum += l->bucket[i];
		if (sum >= upto)
			return latency_edge(i) < l->most_ns ? latency_edge(i) : l->most_ns;
	}
	return l->most_ns;
}
