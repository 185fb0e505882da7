#pragma once

// The target identifiers of TaskDetails: their values, and whether one packet or one session can
// satisfy all of them.

#include "control/x1/x1_task.h"

// Fills the filter and the session target of `task`, whose identifiers and delivery are set. 0;
// INVALID with `why` set. `generic`: the code for a value that cannot be read, 3000 or 3001.
[[nodiscard]] int x1_task_criteria(const struct config *config, const struct x1_task_details *d,
	int generic, struct channel_task *task, struct x1_refusal *why);
