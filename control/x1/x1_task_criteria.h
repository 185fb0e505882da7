#pragma once

// Translates the target identifiers of TaskDetails, and checks that one packet or one session can
// satisfy all of them.

#include "control/x1/x1_task.h"

struct x1_criteria_of {
	const struct config *config;
	const struct config_ne *ne; // the network element of the task
	const struct registry *registry; // generic objects that the task may name
	uint16_t number;		 // number of the network element
	struct x1_task_room *room;	 // receives the objects that it names
	bool records_only;		 // see x1_task_records_only
	int generic;		    // code for an unreadable value, 3000 or 3001
	struct x1_refusal *why;
};

// Fills the filter and the session target of `task`, whose identifiers and delivery are set. If the
// network element reads lists as alternatives and there are several, fills `alternatives` instead,
// to which task->alternatives then points. Returns 0, or INVALID with `why` set.
[[nodiscard]] int x1_task_criteria(const struct x1_criteria_of *of, const struct x1_task_details *d,
	struct channel_task *task, uint8_t alternatives[static ALTERNATIVES_OCTETS_MAX]);
