// Reports between this process, the dataplane and the sealed store.
#include "control/state/report_keeper.h"

#include <string.h>

#include "control/state/fault_raise.h"
#include "control/state/persistence.h"
#include "control/xml/x1_types.h"
#include "shared/log.h"

struct kept_report *report_keep(struct control *c, const struct issue *i)
{
	struct kept_report *r = kept_reports_add(registry_reports(c->registry), i);

	if (!r) {
		log_error("a report is not kept: no memory");
		return NULL;
	}
	// A store that cannot be written is a fault by itself.
	(void)persistence_report(c, r);
	if (c->publish)
		publish_report(c->publish, r);
	return r;
}

void report_forget(struct control *c, struct kept_report *r)
{
	if (!r)
		return;
	persistence_report_gone(c, r);
	if (c->publish)
		publish_report_gone(c->publish, r);
	kept_reports_remove(registry_reports(c->registry), r);
}

static struct fault *find(struct fault *list, const char *text)
{
	while (list && strcmp(list->text, text) != 0)
		list = list->next;
	return list;
}

// A fault whose report is still due is not reported twice.
static void mark(struct control *c, const struct kept_report *r)
{
	struct fault *f = NULL;

	if (r->type != ISSUE_FAULT)
		return;
	if (r->scope == ISSUE_TASK) {
		const struct registry_task *t = registry_task_find(c->registry, r->ne, &r->id);
		f = t ? find(t->faults, r->text) : NULL;
	} else if (r->scope == ISSUE_DESTINATION) {
		const struct registry_destination *d =
			registry_destination_find(c->registry, r->ne, &r->id);
		f = d ? find(d->faults, r->text) : NULL;
	} else {
		f = find(*registry_ne_faults(c->registry, r->ne), r->text);
	}
	if (f)
		f->told = true;
}

static void tell_again(struct control *c, enum issue_scope scope, uint16_t ne,
	const struct id16 *id, struct fault *list)
{
	for (; list; list = list->next) {
		if (!list->told)
			issue_queue(c, scope, ISSUE_FAULT, ne, id, list->code, list->text);
		list->told = true;
	}
}

static void tell_standing(struct control *c, uint16_t ne)
{
	struct registry_destination *d = registry_destination_first(c->registry, ne);

	tell_again(c, ISSUE_NE, ne, NULL, *registry_ne_faults(c->registry, ne));
	for (; d; d = registry_destination_next(d))
		tell_again(c, ISSUE_DESTINATION, ne, &d->did, d->faults);
}

void report_standing_task(struct control *c, struct registry_task *t)
{
	tell_again(c, ISSUE_TASK, t->ne, &t->xid, t->faults);
}

void report_take_over(struct control *c)
{
	struct kept_reports *k = registry_reports(c->registry);
	struct kept_report *r, *next;

	if (!c->reports_taken)
		persistence_take_reports(c);
	c->reports_taken = true;
	for (r = kept_reports_first(k); r; r = next) {
		struct issue i;
		next = kept_reports_next(r);
		mark(c, r);
		if (r->queued)
			continue;
		r->queued = true;
		publish_report(c->publish, r);
		kept_report_issue(r, &i);
		i.kept = r;
		issues_put(c->issues, &i); // may end `r` at once
	}
	issues_release(c->issues);
}

void report_standing(struct control *c)
{
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++)
		tell_standing(c, ne);
}
