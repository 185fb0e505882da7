#pragma once

// Translates generic objects of X1 into what the registry keeps and the dataplane receives. A
// refusal names what this network element cannot do.

#include "control/state/registry.h"
#include "control/x1/x1_refusal.h"
#include "control/xml/x1_types.h"

// Fills `out`, which points into `d`. `old`: the object to modify, NULL to create one. Returns 0,
// or INVALID with `why` set.
[[nodiscard]] int x1_object_build(const struct registry *r, uint16_t ne,
	const struct x1_object_details *d, const struct object *old, struct object_details *out,
	struct x1_refusal *why);
// Returns true if every task that names the set can be replaced with the new details. Returns false
// with `why` set.
bool x1_object_plannable(const struct registry *r, const struct object *old,
	const struct object_details *d, struct x1_refusal *why);
// Writes the tasks that name `o`, as the text of a refusal.
void x1_object_users(
	const struct registry *r, const struct object *o, char *out, size_t capacity);
