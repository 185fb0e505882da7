#pragma once

// TaskDetails (TS 103 221-1 clause 6.2.1.2, table 5; TS 33.128 tables 6.2.3-6 and 6.2.3-7) to what
// the dataplane is told. What this network element cannot do is refused, never ignored (decision
// 7).

#include "control/state/registry.h"
#include "control/x1/x1_refusal.h"
#include "control/xml/x1_types.h"
#include "shared/config.h"

// Holds what a built task points to; the caller's.
struct x1_task_room {
	uint8_t matched[CHANNEL_MATCHED_MAX];
	uint8_t alternatives[ALTERNATIVES_OCTETS_MAX];
};

// Fills `out` (memo excepted) from `d` for network element `ne`. `old`: the task that is modified
// (the generic code is 3001 then), NULL when one is activated (3000). `out` points
// into `room`. Destinations are looked up in `r`. 0, or INVALID with `why` set.
// Readings: an address or port names either end; GTPTunnelDirection Outbound is the tunnel that
// leads to the target, Inbound the one that leads from it.
[[nodiscard]] int x1_task_build(const struct config *config, const struct registry *r, uint16_t ne,
	const struct x1_task_details *d, const struct registry_task *old, struct channel_task *out,
	struct x1_task_room *room, struct x1_refusal *why);
