#pragma once

// A histogram of times: eight buckets an octave, from a microsecond to an hour. Pure.

#include <stdint.h>

#define LATENCY_BUCKETS 256

struct latency {
	uint64_t n, most_ns;
	uint64_t bucket[LATENCY_BUCKETS];
};

static inline unsigned latency_bucket(uint64_t ns)
{
	uint64_t v = ns / 128; // the first buckets are of 128 ns

	if (v < 8)
		return (unsigned)v;
	unsigned octave = 60u - (unsigned)__builtin_clzll(v); // v >> octave is 8..15
	unsigned at = octave * 8 + (unsigned)(v >> octave);
	return at < LATENCY_BUCKETS ? at : LATENCY_BUCKETS - 1;
}

static inline uint64_t latency_bucket_end(unsigned at)
{
	unsigned octave = at < 8 ? 0 : at / 8 - 1;
	uint64_t v = at < 8 ? at : 8 + at % 8;

	return ((v + 1) << octave) * 128;
}

static inline void latency_note(struct latency *l, uint64_t ns)
{
	l->n++;
	l->bucket[latency_bucket(ns)]++;
	if (ns > l->most_ns)
		l->most_ns = ns;
}

// The time that `percent` of all stay below, to the end of a bucket; 0 without any.
static inline uint64_t latency_percentile(const struct latency *l, unsigned percent)
{
	uint64_t upto = (l->n * percent + 99) / 100, sum = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS && l->n > 0; i++) {
		sum += l->bucket[i];
		if (sum >= upto)
			return latency_bucket_end(i) < l->most_ns ? latency_bucket_end(i)
								  : l->most_ns;
	}
	return l->most_ns;
}
