#pragma once

// Header reporting of a task: TS 33.128 clause 6.2.3.9 and X1Extensions/HeaderReporting, or the
// network element's own default where the task asks for X2 without it (decision 6).

#include "control/x1/x1_task.h"

// True for an extension that x1_task_report reads.
bool x1_task_extension_read(const struct x1_task_extension *e);
// True if X2 of the task is records of network functions and nothing else is asked for: no packet
// has to be seen for it.
bool x1_task_records_only(const struct config_ne *ne, const struct x1_task_details *d);
// Fills report, triggers and records of `out`, whose delivery, network element and targets are set.
// Returns 0, or INVALID with `why` set to the code `generic`.
[[nodiscard]] int x1_task_report(const struct config_ne *ne, const struct x1_task_details *d,
	int generic, struct channel_task *out, struct x1_refusal *why);
// Fills the attributes 17 of `out`, which points to `matched` for them. Returns 0, or INVALID with
// `why` set to the code `generic`.
[[nodiscard]] int x1_task_matched(const struct x1_task_details *d, int generic,
	struct channel_task *out, uint8_t matched[static CHANNEL_MATCHED_MAX],
	struct x1_refusal *why);

// Returns true for urn:3GPP:ns:li:3GPPX1Extensions:rN:vM with any N and M: each publication has its
// own.
bool x1_task_3gpp_namespace(const char *space);
