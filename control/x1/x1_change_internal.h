#pragma once

// State changes: x1_change_task.c, x1_change_destination.c and x1_change_object.c, then x1_modify_object.c and
// x1_sets_follow.c above x1_change.c, which all use.

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
// A state change that waits for the dataplane. NULL: no memory.
struct x1_operation *x1_change_new(
	struct exchange *x, const struct x1_message *m, const struct id16 *id);
// For a put of what was in force: a refusal is logged, the next connection compares.
void x1_put_back(void *context, int result, const struct channel_task_status *status);
// `rc`: whether that is on its way. Without a dataplane it need not be.
void x1_put_back_begun(int rc);
// The redundant set's new ends are in force: takes `set` into the registry and the store.
void x1_keep_set(struct control *c, struct registry_destination *set);
// Keeps what a ModifyDestination goes back to where a set refuses to follow: `old`, in op->destination. 0 or NOMEM.
[[nodiscard]] int x1_sets_remember(struct x1_operation *op, const struct registry_destination *old);
// `d` has new details in force: redundant sets that it is a member of follow, and `op` is answered behind them. Where one
// cannot, it goes back to what x1_sets_remember kept, with all its sets, and the request is refused.
void x1_sets_follow(struct x1_operation *op, struct registry_destination *d);
// A bulk request met objects whose removal others asked for: one more answer, which
// x1_bulk_recheck gives.
void x1_bulk_wait(struct x1_operation *op);
// The task has left the dataplane, or stays there: the removal failed.
void x1_task_gone(struct x1_operation *op, const struct id16 *xid);
void x1_task_stays(struct x1_operation *op, const struct id16 *xid);
// One answer of a bulk request is in.
void x1_bulk_step(struct x1_operation *op);
