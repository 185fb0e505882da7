#pragma once

// Reads one JSON object (RFC 8259) into the tree that shared/record.h walks. Strict and bounded:
// UTF-8, no null, no fraction, no sign, nothing behind the object. No allocation.

#include <stddef.h>
#include <stdint.h>

#include "shared/nf_event.h"

// In place: escapes are decoded in `text`, which names and texts of the nodes point into. Returns
// the number of nodes, at least 1; INVALID for what is no such object; TOO_LARGE for more than
// `most` nodes or deeper than NF_DEPTH.
[[nodiscard]] int json_read(char *text, size_t length, struct record_node *nodes, uint32_t most);
