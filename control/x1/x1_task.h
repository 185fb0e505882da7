#pragma once

// TaskDetails (TS 103 221-1 clause 6.2.1.2, table 5; TS 33.128 tables 6.2.3-6 and 6.2.3-7) to what
// the dataplane is told. What this network element cannot do is refused, never ignored (decision
// 7).

#include "control/state/registry.h"
#include "control/xml/x1_types.h"
#include "shared/config.h"

// Why a request is refused: the code of table 46 and its description. The description goes to the
// ADMF only and may name values.
struct x1_refusal {
	int code; // enum x1_error
	char text[256];
};

void x1_refuse(struct x1_refusal *why, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// Fills `out` (memo excepted) from `d` for network element `ne`. `old`: the task that is modified
// (the generic code is 3001 then), NULL when one is activated (3000). `matched` is what
// out->matched points to. Destinations are looked up in `r`. 0, or INVALID with `why` set.
// Readings: an address or port names either end; GTPTunnelDirection Outbound is the tunnel that
// leads to the target, Inbound the one that leads from it.
[[nodiscard]] int x1_task_build(const struct config *config, const struct registry *r, uint16_t ne,
	const struct x1_task_details *d, const struct registry_task *old, struct channel_task *out,
	uint8_t matched[static CHANNEL_MATCHED_MAX], struct x1_refusal *why);
