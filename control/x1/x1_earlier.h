#pragma once

// Writes details of tasks for requesters of older minors than the one that made the task: each gets
// what its own schema has (docs/minors.md).

#include <stdbool.h>

#include "control/state/registry.h"
#include "control/xml/x1_encode.h"

// Writes the taskDetails element of `t` in the form of `minor`: elements of later minors are left
// out, or replaced by those that stand for them. Returns false, `out` empty, if the element has
// none of those. `out` begins as {0}; the caller frees it, and looks at out->error (NOMEM).
bool x1_earlier_task(struct x1_buffer *out, const struct registry *r, const struct registry_task *t,
	unsigned minor);
