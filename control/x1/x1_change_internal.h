#pragma once

// State changes. x1_change_task.c, x1_change_destination.c and x1_change_object.c, with
// x1_modify_object.c and x1_sets_follow.c above them, use x1_change.c.

#include "control/state/fault_raise.h"
#include "control/x1/x1_internal.h"

static inline struct control *control_of(const struct x1_operation *op)
{
	return op->dispatch->control;
}

static inline struct registry *registry_of(const struct x1_operation *op)
{
	return op->dispatch->control->registry;
}

static inline struct publish *publish_of(const struct x1_operation *op)
{
	return op->dispatch->control->publish;
}

static inline bool removed_there(int result)
{
	return !result || result == POI_ERR_NOT_FOUND || result == POI_ERR_CLOSED;
}

struct bulk_object { // one object of a bulk request
	struct x1_operation *op;
	struct id16 id;
};

static const char x1_no_dataplane[] = "the dataplane is not available";

const char *x1_publish_error_text(int rc);
// Creates the operation of a state change. Returns NULL if memory is exhausted.
struct x1_operation *x1_change_new(
	struct exchange *x, const struct x1_message *m, const struct id16 *id);
// Callback for a put that restores the details in force: logs a refusal, after which the next
// connection compares.
void x1_put_back(void *context, int result, const struct channel_task_status *status);
// Logs `rc`, the result of sending such a put; without a dataplane it is no error.
void x1_put_back_begun(int rc);
// Stores `set`, whose new ends are in force, in the registry and the store.
void x1_keep_set(struct control *c, struct registry_destination *set);
// Keeps a copy of `old` in op->destination, to be restored if a set refuses the new details.
// Returns 0 or NOMEM.
[[nodiscard]] int x1_sets_remember(struct x1_operation *op, const struct registry_destination *old);
// Updates the redundant sets that contain `d`, whose new details are in force, and answers `op`
// after them. If one set cannot follow, destination and sets go back to the copy of
// x1_sets_remember, and the request is refused.
void x1_sets_follow(struct x1_operation *op, struct registry_destination *d);
// Adds an answer to the bulk request for objects that other requests are removing. x1_bulk_recheck
// gives that answer.
void x1_bulk_wait(struct x1_operation *op);
// x1_task_gone removes the task from registry and store. x1_task_stays restores it after a failed
// removal.
void x1_task_gone(struct x1_operation *op, const struct id16 *xid);
void x1_task_stays(struct x1_operation *op, const struct id16 *xid);
// Counts one answer of a bulk request; the last one answers the request.
void x1_bulk_step(struct x1_operation *op);
