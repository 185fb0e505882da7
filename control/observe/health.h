#pragma once

// Checks by the clock rather than on an event (TS 103 221-1 clause 5.3):
// - warnings, reported once and never listed: our certificates and authorities 30, 14, 7 and 1 days
//   before their end, revocation lists when a quarter of their life is left, file systems that
//   are written to at 95 %, tasks or destinations at 90 % of their limit;
// - faults, listed until they are over: an expired certificate, authority or
//   revocation list, an audit log or a store that cannot be written (tried again every second),
//   a dataplane that was not reached within 10 s of the start;
// - the head of the audit chain goes to the log every minute, and the service manager's watchdog is
//   fed from the loop itself, so that a hung loop is seen.

#include "control/state/control.h"

struct health;

// Starts with the loop. NULL when out of memory.
struct health *health_new(struct control *c);
void health_free(struct health *w);
// Certificates may be other ones now: they are looked at with the next second.
void health_reloaded(struct health *w);
// One second's work at `now_s` seconds of monotonic time: for tests.
void health_tick(struct health *w, uint64_t now_s);
