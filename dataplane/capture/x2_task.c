// Makes what the X2 side of a task needs.

#include "dataplane/capture/x2_task.h"

#include <stdlib.h>
#include <string.h>

struct x2_task *x2_task_new(const struct channel_task *t, uint64_t version)
{
	struct x2_task *x = calloc(1, sizeof(*x) + t->matched_length);

	if (!x)
		return NULL;
	x->version = version;
	x->header_xid = t->header_xid;
	x->correlation = t->correlation;
	x->report = t->report;
	x->triggers = t->triggers;
	x->matched_length = t->matched_length;
	if (t->matched_length)
		memcpy(x->matched, t->matched, t->matched_length);
	return x;
}

bool x2_task_valid(const struct channel_task *t)
{
	const struct channel_triggers *g = &t->triggers;

	if (t->matched_length == 0)
		return false;
	return (t->report == REPORT_NONE && t->records) || t->report == REPORT_PDHR ||
	       (t->report == REPORT_PDSR && (g->timer_s > 0 || g->packets > 0 || g->bytes > 0));
}
