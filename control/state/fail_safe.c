// Stops the tasks of a network element whose ADMF was silent: at once for all look-ups, and one
// after the other for the audit log and the reports.
#include "control/state/fail_safe.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/state/fault_raise.h"
#include "control/state/persistence.h"
#include "control/xml/x1_types.h"
#include "shared/log.h"
#include "shared/now.h"

#define STOP_WITHIN_MS 5000 // of an orderly stop, for what is left

struct fail_safe { // one that fired, until its last task is reported
	LIST_ENTRY(fail_safe) entry;
	struct registry_batch batch;
	struct slice slice;
	struct control *control;
	bool there;
};

// Reports the end of a task that has left the registry. `held`: by a tombstone too.
static void report_stopped(struct control *c, uint16_t ne, const struct id16 *xid, bool held)
{
	struct issue i = {.scope = ISSUE_TASK,
		.type = ISSUE_TERMINATING,
		.ne = ne,
		.code = X1_STATUS_TERMINATING,
		.id = *xid,
		.held = held};

	snprintf(i.text, sizeof(i.text), "stopped by the fail-safe: the ADMF was silent for %s",
		config_fail_safe_name(&c->config->nes[ne].x1.keepalive));
	audit_act(c, "fail-safe", ne, xid, X1_STATUS_TERMINATING,
		"task stopped: the ADMF was silent");
	// A report of an earlier task with its XID covers both.
	if (!held || !kept_reports_find(registry_reports(c->registry), ne, xid))
		issues_put(c->issues, &i);
}

static void clear_tombstone(struct control *c, uint16_t ne, const struct id16 *xid)
{
	int rc = c->config->nes[ne].admf_url ? 0 : publish_tombstone_clear(c->publish, ne, xid);

	if (rc)
		log_warning("channel: a tombstone stays until the next connection");
}

static void stop_task(struct control *c, struct registry_task *t, bool there)
{
	const struct id16 xid = t->xid;
	uint16_t ne = t->ne;

	issue_task_leaves(c, t, NULL);
	registry_task_remove(c->registry, t);
	report_stopped(c, ne, &xid, there);
	if (there)
		clear_tombstone(c, ne, &xid);
}

void fail_safe_wiped(void *context, uint16_t ne, const struct id16 *xid)
{
	struct control *c = context;
	struct id16 key = *xid;

	registry_batch_leave(c->registry, ne, &key);
	// A connection that was lost shows it again.
	if (!kept_reports_find(registry_reports(c->registry), ne, &key)) {
		struct registry_task *t = registry_task_find(c->registry, ne, &key);
		if (t)
			issue_task_leaves(c, t, NULL);
		if (t)
			registry_task_remove(c->registry, t);
		persistence_task_gone(c, ne, &key);
		report_stopped(c, ne, &key, true);
	}
	clear_tombstone(c, ne, &key);
}

static struct fail_safe *fail_safe_of(struct registry_batch *b)
{
	return (struct fail_safe *)(void *)((char *)b - offsetof(struct fail_safe, batch));
}

// A task of a tombstone is held by it only if it was in force.
static void leave(struct registry_batch *b, struct registry_task *t)
{
	struct fail_safe *f = fail_safe_of(b);

	stop_task(f->control, t, f->there && t->state == TASK_COMPLETE);
}

void fail_safe_spare(struct control *c, struct registry_task *t)
{
	if (!registry_task_in_batch(c->registry, t))
		return;
	registry_task_keep(c->registry, t);
	(void)persistence_task(c, t, NULL); // behind the record that ended all
}

static enum slice_result step(void *context)
{
	struct fail_safe *f = context;
	bool kept;
	struct registry_task *t = registry_batch_next(&f->batch, &kept);

	if (!t)
		return SLICE_DONE;
	if (kept)
		fail_safe_spare(f->control, t);
	else
		leave(&f->batch, t);
	return SLICE_MORE;
}

static void over(void *context)
{
	struct fail_safe *f = context;

	registry_batch_end(f->control->registry, &f->batch);
	LIST_REMOVE(f, entry);
	if (audit_sync(f->control->audit))
		log_error("audit: the fail-safe's record is not on disk");
	free(f);
}

static void begin(struct control *c, uint16_t ne, bool there)
{
	struct fail_safe *f = malloc(sizeof(*f));

	if (!f)
		abort(); // less than a task, and no task may outlive it
	*f = (struct fail_safe){.control = c, .there = there, .batch = {.leave = leave}};
	// A request that arrived after the ADMF's next message is answered by its own result.
	f->batch.spares_awaiting =
		publish_silence_ms(c->publish, ne) <
		(uint64_t)config_fail_safe_s(&c->config->nes[ne].x1.keepalive) * 1000;
	registry_batch_begin(c->registry, ne, &f->batch);
	persistence_tasks_stopped(c, ne);
	LIST_INSERT_HEAD(&c->fail_safes, f, entry);
	slice_begin(publish_slices(c->publish), &f->slice, step, over, f);
}

void fail_safe_fire(struct control *c, uint16_t ne, bool there)
{
	char text[FAULT_TEXT_MAX];

	snprintf(text, sizeof(text), "no X1 request for %s: all tasks were stopped",
		config_fail_safe_name(&c->config->nes[ne].x1.keepalive));
	log_kind(ERROR, FAIL_SAFE, "fail-safe: %s (network element %s)", text,
		c->config->nes[ne].ne_identifier);
	fault_raise_ne(c, ne, FAULT_FAIL_SAFE, text);
	begin(c, ne, there);
}

void fail_safe_announce(struct control *c, uint16_t ne)
{
	const struct config_keepalive *k = &c->config->nes[ne].x1.keepalive;
	char text[FAULT_TEXT_MAX];

	if (fault_has(*registry_ne_faults(c->registry, ne), FAULT_ADMF_SILENT))
		return;
	snprintf(text, sizeof(text),
		"keepalives not received: no X1 request for TIME_P2 (%u s); at TIME_P3 (%u s) all "
		"tasks are stopped",
		k->time_p2, k->time_p3);
	audit_act(c, "admf-silent", ne, NULL, X1_STATUS_KEEPALIVES, NULL);
	fault_raise_ne_code(c, ne, FAULT_ADMF_SILENT, X1_STATUS_KEEPALIVES, text);
	// a message arrived meanwhile
	if (publish_silence_ms(c->publish, ne) < (uint64_t)k->time_p2 * 1000)
		fail_safe_heard(c, ne);
}

void fail_safe_heard(struct control *c, uint16_t ne)
{
	static const char text[] = "the ADMF sends messages again";

	fault_clear_ne(c, ne, FAULT_FAIL_SAFE, text);
	fault_clear_ne(c, ne, FAULT_ADMF_SILENT, text);
}

void fail_safe_stop(struct control *c)
{
	uint64_t until = now_monotonic_ms() + STOP_WITHIN_MS;
	struct fail_safe *f, *next;

	for (f = LIST_FIRST(&c->fail_safes); f; f = next) {
		next = LIST_NEXT(f, entry);
		slice_finish(publish_slices(c->publish), &f->slice, until);
	}
	for (f = LIST_FIRST(&c->fail_safes); f; f = next) {
		next = LIST_NEXT(f, entry);
		log_error("fail-safe: stopped before every task was reported; none is in force");
		slice_end(publish_slices(c->publish), &f->slice);
		over(f);
	}
}
