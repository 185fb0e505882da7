#pragma once

// What the dataplane tells and what becomes of it: faults, issues for the ADMF, audit lines, and
// the end of tasks that the fail-safe stopped.

#include "control/state/control.h"

// The hooks of publish; its context is the struct control.
const struct publish_hooks *events_hooks(void);

// Raises or clears a fault of every network element and queues the report.
void events_ne_fault(struct control *c, enum fault_kind kind, const char *text);
void events_ne_clear(struct control *c, enum fault_kind kind, const char *text);
// The same for one of them.
void events_fault_of(struct control *c, uint16_t ne, enum fault_kind kind, const char *text);
void events_clear_of(struct control *c, uint16_t ne, enum fault_kind kind, const char *text);
// Something the ADMF of `ne` is told once and that no status answer lists (clause 5.3: warnings).
void events_warning(struct control *c, uint16_t ne, const char *text);
// The ADMF has answered this report.
void events_told(struct control *c, const struct issue *i);
// A local act concerning `ne` (beyond the last: all of them) goes to the audit log.
void events_audit(struct control *c, const char *act, uint16_t ne, int32_t code, const char *note);
// A task or destination is about to leave the registry: what was answered `Acknowledged` of it, and
// nothing waits for any more, is over. `own`: the transaction that takes it away and reports
// itself, or NULL.
void events_task_leaves(struct control *c, const struct registry_task *t, const struct id16 *own);
void events_destination_leaves(struct control *c, const struct registry_destination *d);
// A request that was answered `Acknowledged` has come to its end (clause 5.2.2, code 9040).
void events_actioned(struct control *c, enum issue_scope scope, uint16_t ne, const struct id16 *id,
	const struct id16 *transaction, bool done, const char *text);
