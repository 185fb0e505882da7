#pragma once

// Ends the tasks of a network element whose ADMF was silent for TIME_P2 (TS 103 221-1 clause
// 6.6.2; TIME_P3 in the model of later minors): they are over at once, in one record of the store too, and are logged and reported in
// slices.

#include "control/state/control.h"

// The fail-safe of `ne` has fired. `there`: the dataplane has stopped the tasks itself and keeps a
// tombstone of each, from which the next control reports it.
void fail_safe_fire(struct control *c, uint16_t ne, bool there);
// The model of later minors: the ADMF was silent for TIME_P2, which is a fault of the network
// element (9050) until its next message. Does nothing where the fault stands.
void fail_safe_announce(struct control *c, uint16_t ne);
// The ADMF sent a message: ends the faults of its silence.
void fail_safe_heard(struct control *c, uint16_t ne);
// The dataplane holds a tombstone of a task: the fail-safe stopped it. The tombstone stays until
// the ADMF has answered the report; without an admf-url it is cleared at once. A hook of publish.
void fail_safe_wiped(void *context, uint16_t ne, const struct id16 *xid);
// Before a task comes into force: it was put behind the fail-safe, which leaves it alone.
void fail_safe_spare(struct control *c, struct registry_task *t);
// Orderly stop: does what is left, for some seconds at most.
void fail_safe_stop(struct control *c);
