#pragma once

// How control reacts to the dataplane: to the state of its connection and to the events it sends.

#include "control/state/control.h"

// The hooks of publish; their context is the struct control.
const struct publish_hooks *dataplane_hooks(void);
// Notes that the ADMF has answered the report of `i`.
void dataplane_reported(struct control *c, const struct issue *i);
