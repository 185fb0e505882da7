#pragma once

// Between dataplane_events.c (the connection's state) and dataplane_event.c (single events).

#include "control/state/dataplane_events.h"

// Reacts to one event.
void dataplane_event(void *context, const struct channel_event *e);
// Ends the walks that events have begun.
void dataplane_event_stop(struct control *c);
