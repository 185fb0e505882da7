#pragma once

// Generic objects as X1 gives them to what is kept, and to what the dataplane is told of them. What this
// network element cannot do is refused by name.

#include "control/state/registry.h"
#include "control/x1/x1_refusal.h"
#include "control/xml/x1_types.h"

// Fills `out`, which points into `d`. `old`: the object that is modified, NULL when one is created. 0, or
// INVALID with `why` set.
[[nodiscard]] int x1_object_build(const struct registry *r, uint16_t ne,
	const struct x1_object_details *d, const struct object *old, struct object_details *out,
	struct x1_refusal *why);
// Returns true if all tasks that name the set can be planned anew with the details to come. False with `why` set.
bool x1_object_plannable(const struct registry *r, const struct object *old,
	const struct object_details *d, struct x1_refusal *why);
// The tasks that name `o`, as the text of a refusal.
void x1_object_users(
	const struct registry *r, const struct object *o, char *out, size_t capacity);
