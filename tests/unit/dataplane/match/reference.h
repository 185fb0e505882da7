#pragma once

// A second, naive statement of what a frame holds and which task it belongs to, written from
// decisions 1, 3, 4 and 5 alone. It shares no code with dataplane/: its own recursive parser on the
// raw frame, no index, no filter. Slow on purpose.

#include "dataplane/packet/packet.h"
#include "dataplane/match/table.h"

// Matches a frame against a rule, bound or not; a select means UDP there. True when the frame
// belongs to the rule; then `layer`, `direction` and `tunnelled` of `hit` are set.
bool reference_match(const struct rule *rule, const struct port_traits *port, const uint8_t *frame,
	uint32_t length, struct hit *hit);
