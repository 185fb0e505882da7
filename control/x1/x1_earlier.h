#pragma once

// Details of tasks for requesters of earlier minors than that which made them: each reads what its own schema has
// (docs/minors.md).

#include <stdbool.h>

#include "control/state/registry.h"
#include "control/xml/x1_encode.h"

// Writes the taskDetails element of `t` as a requester of `minor` knows it: what a later minor brought is left out, or
// said in words of that schema. False, and `out` (from {0}; the caller frees it) is empty: all of the element is of that minor
// or earlier. Out of memory out->error says so.
bool x1_earlier_task(struct x1_buffer *out, const struct registry *r, const struct registry_task *t,
	unsigned minor);
