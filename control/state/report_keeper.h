#pragma once

// Keeps every report until its ADMF has answered (TS 103 221-1 clauses 5.3 and 6.5): here, with the
// dataplane, and in the sealed store. What a process before has kept is taken over and reported again;
// so is a fault of a task or destination that stands.

#include "control/state/control.h"
#include "control/state/kept_reports.h"

// Keeps a copy from now on. NULL, which is logged: no memory; it is lost with this process.
struct kept_report *report_keep(struct control *c, const struct issue *i);
// It was answered, or is given up. NULL is legal.
void report_forget(struct control *c, struct kept_report *r);
// The dataplane's state is read: queues what a process before has left, ahead of what this one
// reports.
void report_take_over(struct control *c);
// Queues the faults that came with the state of the dataplane, stand, and whose reports are not kept.
void report_standing(struct control *c); // but of tasks
void report_standing_task(struct control *c, struct registry_task *t);
