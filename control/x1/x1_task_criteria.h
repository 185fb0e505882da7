#pragma once

// The target identifiers of TaskDetails: their values, and whether one packet or one session can
// satisfy all of them.

#include "control/x1/x1_task.h"

struct x1_criteria_of {
	const struct config *config;
	const struct config_ne *ne; // whose task it is
	const struct registry *registry; // the generic objects that it may name
	uint16_t number;		 // of the network element
	struct x1_task_room *room;	 // receives those that it names
	int generic;		    // code for a value that cannot be read, 3000 or 3001
	struct x1_refusal *why;
};

// Fills the filter and the session target of `task`, whose identifiers and delivery are set; or, where
// the element reads a list as alternatives and there are several, those, which `alternatives` receives
// and task->alternatives points to. 0; INVALID with `why` set.
[[nodiscard]] int x1_task_criteria(const struct x1_criteria_of *of, const struct x1_task_details *d,
	struct channel_task *task, uint8_t alternatives[static ALTERNATIVES_OCTETS_MAX]);
