// Translates header reporting and matched target identifiers of a task.
#include "control/x1/x1_task_report.h"

#include <string.h>

#include "shared/pdu.h"

bool x1_task_3gpp_namespace(const char *s)
{
	static const char prefix[] = "urn:3GPP:ns:li:3GPPX1Extensions:r";

	if (!s || strncmp(s, prefix, sizeof(prefix) - 1) != 0)
		return false;
	s += sizeof(prefix) - 1;
	size_t n = strspn(s, "0123456789");
	if (!n || strncmp(s + n, ":v", 2) != 0)
		return false;
	s += n + 2;
	n = strspn(s, "0123456789");
	return n && !s[n];
}

enum wanted { HEADER_REPORTING, ASSOCIATION, SMS };

static bool is_of(const struct x1_task_extension *e, enum wanted wanted)
{
	return wanted == HEADER_REPORTING ? e->header_reporting
	       : wanted == ASSOCIATION	  ? e->association != 0
					  : e->sms;
}

// Finds the single extension of that kind; NULL if there is none. INVALID if there are several.
static int find(
	const struct x1_task_details *d, enum wanted wanted, const struct x1_task_extension **found)
{
	*found = NULL;
	for (uint32_t i = 0; i < d->n_extensions; i++) {
		const struct x1_task_extension *e = &d->extensions[i];
		if (!is_of(e, wanted) || !x1_task_3gpp_namespace(e->space))
			continue;
		if (*found)
			return POI_ERR_INVALID;
		*found = e;
	}
	return 0;
}

bool x1_task_extension_read(const struct x1_task_extension *e)
{
	return (e->header_reporting || e->association || e->sms) &&
	       x1_task_3gpp_namespace(e->space);
}

bool x1_task_records_only(const struct config_ne *ne, const struct x1_task_details *d)
{
	const struct x1_task_extension *asked;

	return d->delivery == X1_X2_ONLY && ne->n_records > 0 && ne->x2_report == CONFIG_X2_NONE &&
	       !find(d, HEADER_REPORTING, &asked) && !asked;
}

// Targets that an event can name. No record shows what packets or rules of a session are like: a
// criterion of those beside the subscriber leaves none (dataplane/functions).
static bool has_subjects(const struct channel_task *t)
{
	if (t->filter.kinds & ~FILTER_DIRECTION ||
		t->session.kinds & (SESSION_PDR | SESSION_QER | SESSION_NI))
		return false;
	return t->session.kinds ||
	       alternatives_sum(t->alternatives, t->alternatives_length).n_sessions;
}

// Records of network functions, made from events.
static void read_records(
	const struct config_ne *ne, const struct x1_task_details *d, struct channel_task *out)
{
	if (!(out->delivery & DELIVERY_X2) || !has_subjects(out))
		return;
	out->records = config_records_set(ne->records, ne->n_records);
	// A list of service types narrows the task to them.
	if (d->has_service_types && !d->has_service_messaging)
		out->records &= (uint8_t)~RECORDS_SMSF;
	if (d->has_service_types && !d->has_service_data)
		out->records &= RECORDS_SMSF;
}

// NULL, or why it cannot be as asked.
static const char *read_association(const struct x1_task_details *d, struct channel_task *out)
{
	const struct x1_task_extension *asked;

	if (find(d, ASSOCIATION, &asked))
		return "IdentifierAssociation: more than one";
	if (!asked)
		return NULL;
	if (!(out->records & RECORDS_AMF))
		return "IdentifierAssociation: X2 of this task carries no records of an AMF";
	out->records |= asked->association == 1 ? TASK_ASSOCIATION_ONLY : TASK_ASSOCIATION_ALL;
	return NULL;
}

// The same of SMSFExtensions: content of messages that is not authorised must not be delivered.
static const char *read_sms(const struct x1_task_details *d, struct channel_task *out)
{
	const struct x1_task_extension *asked;

	if (find(d, SMS, &asked))
		return "SMSFExtensions: more than one";
	if (!asked || !asked->truncate)
		return NULL;
	if (!(out->records & RECORDS_SMSF))
		return "TruncateTPUserData: X2 of this task carries no records of an SMSF";
	out->records |= TASK_TRUNCATE;
	return NULL;
}

static bool read_triggers(const struct x1_task_extension *e, struct channel_triggers *out)
{
	for (uint32_t i = 0; i < e->n_triggers; i++) {
		uint64_t value = e->triggers[i].value;
		switch (e->triggers[i].kind) {
		case 1:
			if (!value || value > UINT32_MAX || out->timer_s)
				return false;
			out->timer_s = (uint32_t)value;
			break;
		case 2:
			if (!value || out->packets)
				return false;
			out->packets = value;
			break;
		default:
			if (!value || out->bytes)
				return false;
			out->bytes = value;
			break;
		}
	}
	out->session = e->session_triggers;
	return e->n_triggers > 0;
}

// Writes attribute 17 (TS 103 221-2 clause 5.3.18) of every target identifier.
static bool write_matched(
	const struct x1_task_details *d, struct channel_task *out, uint8_t *matched)
{
	size_t used = 0;

	for (uint32_t i = 0; i < d->n_targets; i++) {
		const char *xml = d->targets[i].xml;
		size_t n = xml ? strlen(xml) : 0;
		if (!n || n > CHANNEL_MATCHED_MAX - 4 || used > CHANNEL_MATCHED_MAX - 4 - n)
			return false;
		matched[used++] = 0;
		matched[used++] = PDU_ATTR_MATCHED_TARGET;
		matched[used++] = (uint8_t)(n >> 8);
		matched[used++] = (uint8_t)n;
		memcpy(matched + used, xml, n);
		used += n;
	}
	out->matched = matched;
	out->matched_length = (uint16_t)used;
	return used > 0;
}

int x1_task_matched(const struct x1_task_details *d, int generic, struct channel_task *out,
	uint8_t matched[static CHANNEL_MATCHED_MAX], struct x1_refusal *why)
{
	if (write_matched(d, out, matched))
		return 0;
	x1_refuse(why, generic,
		"targetIdentifiers: too long for the matched target identifiers of a PDU (1024 "
		"octets)");
	return POI_ERR_INVALID;
}

int x1_task_report(const struct config_ne *ne, const struct x1_task_details *d, int generic,
	struct channel_task *out, struct x1_refusal *why)
{
	const struct x1_task_extension *asked;
	const char *text = NULL;

	read_records(ne, d, out);
	if (find(d, HEADER_REPORTING, &asked)) {
		text = "HeaderReporting: more than one";
	} else if (!(out->delivery & DELIVERY_X2)) {
		if (asked)
			text = "HeaderReporting: this deliveryType sends no X2";
	} else if (asked) {
		out->report = asked->pdsr ? REPORT_PDSR : REPORT_PDHR;
		if (asked->pdsr && !read_triggers(asked, &out->triggers))
			text = "HeaderReporting: each trigger of PDSR once, above zero, the timer "
			       "below 2^32";
	} else if (ne->x2_report == CONFIG_X2_PDHR) {
		out->report = REPORT_PDHR;
	} else if (ne->x2_report == CONFIG_X2_PDSR) {
		out->report = REPORT_PDSR;
		out->triggers = (struct channel_triggers){.timer_s = ne->x2_summary.timer,
			.packets = ne->x2_summary.packets,
			.bytes = ne->x2_summary.bytes,
			.session = ne->x2_summary.session};
	} else if (!out->records) {
		text = ne->n_records
			       ? "deliveryType: X2 of these targets needs HeaderReporting, or "
				 "x2-report in the configuration"
			       : "deliveryType: X2 needs HeaderReporting, or x2-report in the "
				 "configuration";
	}
	if (!text)
		text = read_association(d, out);
	if (!text)
		text = read_sms(d, out);
	out->triggers.skip_empty = out->report == REPORT_PDSR && !ne->x2_summary.empty;
	if (!text)
		return 0;
	x1_refuse(why, generic, "%s", text);
	return POI_ERR_INVALID;
}
