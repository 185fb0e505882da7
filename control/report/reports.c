// Hands issues to the reports of their network element.
#include "control/report/reports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/audit/audit.h"
#include "control/state/dataplane_events.h"
#include "control/state/fault_raise.h"
#include "control/report/x1_report_form.h"
#include "control/state/report_keeper.h"
#include "shared/log.h"

// Beside a report for each task that the fail-safe may stop at once. A report is smaller than the
// task in whose place it comes.
#define OTHER_REPORTS 10000

struct reporter { // context of one network element's reports
	struct reports *reports;
	struct x1_report *report; // NULL without an admf-url
	uint16_t ne;
};

struct reports {
	struct control *control;
	struct x1_decoder *decoder;
	uint32_t n;
	struct reporter reporter[CONFIG_NES_MAX];
};

static void on_done(void *context, const struct x1_report_outcome *outcome)
{
	const struct reporter *r = context;
	const struct issue *i = outcome->issue;
	struct control *c = r->reports->control;

	if (outcome->ping)
		return;
	report_forget(c, (struct kept_report *)(uintptr_t)outcome->token);
	if (outcome->result == X1_REPORT_DROPPED)
		return;
	dataplane_reported(c, i);
	if (i->scope != ISSUE_TASK || i->type != ISSUE_TERMINATING)
		return;
	int rc = c->publish ? publish_tombstone_clear(c->publish, r->ne, &i->id) : POI_ERR_CLOSED;
	if (rc && rc != POI_ERR_CLOSED)
		log_warning("channel: a tombstone stays: %s", poi_error_text(rc));
}

// One line a message: what was reported and how that was answered. The texts hold no values.
static void on_exchanged(void *context, const struct x1_report_exchange *e)
{
	const struct reporter *r = context;
	struct control *c = r->reports->control;
	const struct config_ne *ne = &c->config->nes[r->ne];
	char note[FAULT_TEXT_MAX + 128] = "";
	struct audit_record record = {.act = e->answered ? "reported" : "unanswered",
		.ne = ne->ne_identifier,
		.peer_uid = e->request ? ne->admf_identifier : NULL,
		.request = e->request,
		.transaction = e->request ? &e->transaction : NULL,
		.code = e->error_code,
		.note = note};

	if (e->issue && e->issue->scope != ISSUE_NE)
		record.id = &e->issue->id;
	if (!e->request)
		snprintf(note, sizeof(note), "%u messages: %s", e->n, e->why);
	else if (e->issue)
		snprintf(note, sizeof(note), "%s %s%s%s",
			x1_report_type(e->issue, c->admf_minor[r->ne]), e->issue->text,
			e->why ? ": " : "", e->why ? e->why : "");
	else
		snprintf(note, sizeof(note), "%s", e->why ? e->why : "");
	if (audit_write(c->audit, &record))
		fault_raise_all(c, FAULT_AUDIT, "the audit log cannot be written");
}

// A bulk request has no XID of its own: its late end is reported as one of the NE (clause 6.5.4),
// with the request's name and its result.
static void bulk_end(struct issue *i)
{
	char transaction[ID_TEXT_SIZE], text[sizeof(i->text)];
	const char *reason =
		strlen(i->text) > strlen(": ") + ID_TEXT_SIZE - 1 ? i->text + ID_TEXT_SIZE - 1 : "";

	id_format(&i->transaction, transaction);
	snprintf(text, sizeof(text),
		"request for all with X1TransactionID %s, which was answered "
		"Acknowledged, is %s%.60s",
		transaction, i->type == ISSUE_DONE ? "completed" : "not completed", reason);
	memcpy(i->text, text, sizeof(text));
	i->type = ISSUE_WARNING;
}

static void begin(struct reports *r)
{
	for (uint32_t n = 0; n < r->n; n++) {
		if (r->reporter[n].report)
			x1_report_begin(r->reporter[n].report);
	}
}

static void on_issues(void *context)
{
	struct reports *r = context;
	struct issue i;

	if (issues_released(r->control->issues))
		begin(r);
	while (issues_take(r->control->issues, &i)) {
		// Clause 5.3: whether or not there is an ADMF to report to.
		if (i.type == ISSUE_WARNING)
			audit_act(r->control, "warning", i.ne, i.scope == ISSUE_NE ? NULL : &i.id,
				(int32_t)i.code, i.text);
		if (i.ne >= r->n || !r->reporter[i.ne].report) {
			report_forget(r->control, i.kept);
			continue;
		}
		struct kept_report *kept = i.kept ? i.kept : report_keep(r->control, &i);
		if (i.scope == ISSUE_NE && (i.type == ISSUE_DONE || i.type == ISSUE_NOT_DONE))
			bulk_end(&i);
		int rc = x1_report_issue(r->reporter[i.ne].report, &i, (uintptr_t)kept);
		if (rc)
			report_forget(r->control, kept);
		if (rc)
			log_error("X1: an issue is not reported, the status answers carry it: %s",
				poi_error_text(rc));
	}
}

int reports_add(struct reports *r, char *why, size_t why_size)
{
	struct control *c = r->control;

	for (; r->n < c->config->n_nes; r->n++) {
		struct reporter *each = &r->reporter[r->n];
		struct x1_report_options o = {
			.base = c->base,
			.decoder = r->decoder,
			.ne = &c->config->nes[r->n],
			.done = on_done,
			.exchanged = on_exchanged,
			.context = each,
			.minor = &c->admf_minor[r->n],
			.wait = !issues_released(c->issues),
			.queue_max = OTHER_REPORTS + c->config->limits.tasks,
		};

		each->reports = r;
		each->ne = (uint16_t)r->n;
		if (!o.ne->admf_url)
			continue;
		each->report = x1_report_new(&o, why, why_size);
		if (!each->report)
			return POI_ERR_TLS;
	}
	return 0;
}

struct reports *reports_new(
	struct control *c, struct x1_decoder *decoder, char *why, size_t why_size)
{
	struct reports *r = calloc(1, sizeof(*r));

	snprintf(why, why_size, "out of memory");
	if (!r)
		return NULL;
	r->control = c;
	r->decoder = decoder;
	if (reports_add(r, why, why_size)) {
		reports_free(r);
		return NULL;
	}
	issues_on_ready(c->issues, on_issues, r);
	return r;
}

void reports_free(struct reports *r)
{
	if (!r)
		return;
	issues_on_ready(r->control->issues, NULL, NULL);
	for (uint32_t i = 0; i < r->n; i++) {
		if (r->reporter[i].report)
			x1_report_free(r->reporter[i].report);
	}
	free(r);
}
