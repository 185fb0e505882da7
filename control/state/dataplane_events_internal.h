#pragma once

// Between dataplane_events.c (the connection's state) and dataplane_event.c (single events).

#include "control/state/dataplane_events.h"

// Reacts to one event.
void dataplane_event(void *context, const struct channel_event *e);
// The fail-safe of `ne` has fired: its tasks are gone, those that wait for the dataplane too.
void dataplane_fail_safe(struct control *c, uint16_t ne);
// Removes a task that the fail-safe stopped. The tombstone stays with the dataplane until the ADMF
// has answered the report; without an admf-url it is cleared at once.
void dataplane_task_wiped(void *context, uint16_t ne, const struct id16 *xid);
