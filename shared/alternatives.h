#pragma once

// The criteria of a task of which any one is enough (targets: alternatives). Each is one target
// identifier: what a packet shows by itself, or what only signalling resolves. They are kept as
// octets, back to back, in the order in which the task has them. Values are target data: they never
// reach a log, a metric or an error text.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/filter.h"
#include "shared/session_target.h"

#define ALTERNATIVES_MAX 32	      // of one task
#define ALTERNATIVES_OCTETS_MAX 16384 // of all of one task; as many as there may be have room

struct alternative { // one of the two has kinds
	struct filter filter;
	struct session_target session;
};

// 0; INVALID or CONFLICT for one that is not one criterion that names a target by itself: an
// address, a tunnel, a MAC address, an F-SEID, a subscriber. `why` is static text, never a value.
[[nodiscard]] int alternative_check(const struct alternative *a, const char **why);

// Canonical octets. Decoding fails (sticky in `r`) on anything that the encoder would not have
// produced. The filter must be normalised.
void alternative_encode(struct wire_writer *w, const struct alternative *a);
void alternative_decode(struct wire_reader *r, struct alternative *a);

// Checks that the octets are two alternatives at least, ALTERNATIVES_MAX at most, all different and
// each as alternative_check wants it: 0 or INVALID.
[[nodiscard]] int alternatives_check(const uint8_t *octets, size_t length);

// Summary of valid octets: the number of alternatives, the number that only signalling resolves,
// and true if one names a tunnel by its identifier.
struct alternatives_summary {
	uint8_t n, n_sessions;
	bool tunnels;
};
struct alternatives_summary alternatives_sum(const uint8_t *octets, size_t length);
