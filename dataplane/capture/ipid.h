#pragma once

// The interception point's identifier of one worker (decision 15): every sequence context has one
// writer, and a restart begins new ones.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

struct ipid_parts {
	const char *point; // delivery.interception-point
	uint32_t worker;
	const char *writer; // when not NULL: instead of the worker's number
	bool several_workers; // a format without {worker} then gets ".{worker}" at its end
	uint64_t incarnation;
};

// Replaces {point}, {worker} and {incarnation} (16 hexadecimal digits) in `format`. INVALID for
// another word in braces or an open brace, TOO_LARGE when the text does not fit.
[[nodiscard]] int ipid_make(
	char *out, size_t capacity, const char *format, const struct ipid_parts *parts);
