#pragma once

// Faults and issues of one control: raised and cleared in the registry, logged, and queued for the
// ADMFs. Local acts go to the audit log.

#include "control/state/control.h"

// Raises or clears a fault of every network element and queues the report.
void fault_raise_all(struct control *c, enum fault_kind kind, const char *text);
void fault_clear_all(struct control *c, enum fault_kind kind, const char *text);
// The same for one of them.
void fault_raise_ne(struct control *c, uint16_t ne, enum fault_kind kind, const char *text);
// With a code of table 46 of its own.
void fault_raise_ne_code(struct control *c, uint16_t ne, enum fault_kind kind, uint32_t code,
	const char *text);
void fault_clear_ne(struct control *c, uint16_t ne, enum fault_kind kind, const char *text);
// Queues a warning: reported to the ADMF of `ne` once, listed by no status answer (clause 5.3).
void fault_warn(struct control *c, uint16_t ne, const char *text);
// Queues an issue as it is, without a fault and without a log line. `id` may be NULL.
void issue_queue(struct control *c, enum issue_scope scope, enum issue_type type, uint16_t ne,
	const struct id16 *id, uint32_t code, const char *text);
// Queues the end of a request that was answered `Acknowledged` (clause 5.2.2) and audits it. `code`
// is 0 for one that was actioned (9040), else the most specific code of table 46: then what it asked
// for has ended or never began, for FullyActionedAndUnsuccessful is a terminating fault (clause
// 6.5.2.2). `text` may be NULL.
void issue_actioned(struct control *c, enum issue_scope scope, uint16_t ne, const struct id16 *id,
	const struct id16 *transaction, int code, const char *text);
// The same for a request that failed while the task or destination `id` goes on as it was: raises a
// non-terminating fault of it with `code` (clause 5.3). fault_request_over ends it.
void issue_not_actioned(struct control *c, enum issue_scope scope, uint16_t ne,
	const struct id16 *id, const struct id16 *transaction, int code, const char *text);
// A later request for the object of `list` was actioned. Returns whether that cleared a fault.
bool fault_request_over(struct control *c, enum issue_scope scope, uint16_t ne,
	const struct id16 *id, struct fault **list);
// Reports the pending `Acknowledged` request of a task or destination that is about to leave the
// registry, where no operation waits for it. `own`: the transaction that takes it away and reports
// itself, or NULL.
void issue_task_leaves(struct control *c, const struct registry_task *t, const struct id16 *own);
void issue_destination_leaves(struct control *c, const struct registry_destination *d);
// Writes a local act concerning `ne` (beyond the last: all of them) to the audit log. `id` may be
// NULL.
void audit_act(struct control *c, const char *act, uint16_t ne, const struct id16 *id, int32_t code,
	const char *note);
