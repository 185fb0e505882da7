#pragma once

// How control reacts to the dataplane: to the state of its connection and to the events it sends.

#include "control/state/control.h"

// The hooks of publish; their context is the struct control.
const struct publish_hooks *dataplane_hooks(void);
// The destination `did` is an end of a set no more: a fault that it had as one ends with that.
void dataplane_end_left(struct control *c, uint16_t ne, const struct id16 *did);
// Notes that the ADMF has answered the report of `i`.
void dataplane_reported(struct control *c, const struct issue *i);
