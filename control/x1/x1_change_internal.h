#pragma once

// Between x1_change.c (tasks) and x1_change_destination.c.

#include "control/state/dataplane_events.h"
#include "control/x1/x1_dispatch_internal.h"

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

struct part { // one object of a bulk request
	struct x1_operation *op;
	struct id16 id;
};

static const char x1_no_dataplane[] = "the dataplane is not available";

const char *x1_publish_error_text(int rc);
// Answers with an identifier as the text.
void x1_answer_id(struct exchange *x, const struct x1_message *m, int code, const struct id16 *id);
// For a put of what was in force: a refusal is logged, the next connection compares.
void x1_put_back(void *context, int result, const struct channel_task_status *status);
// One answer of a bulk request is in.
void x1_bulk_step(struct x1_operation *op);

void x1_create_destination(struct exchange *x, const struct x1_message *m);
void x1_modify_destination(struct exchange *x, const struct x1_message *m);
void x1_remove_destination(struct exchange *x, const struct x1_message *m);
void x1_remove_all_destinations(struct exchange *x, const struct x1_message *m);
