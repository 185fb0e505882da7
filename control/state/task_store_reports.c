// Reports that are kept until they are answered, in the sealed store.
#include "control/state/task_store_internal.h"

// Without a memo it is gone.
void task_store_read_report(struct task_store *v, const uint8_t *body, size_t length)
{
	struct kept_reports *k = registry_reports(v->loaded);
	struct kept_report *r;
	struct channel_memo m;

	int32_t ne = channel_decode_memo(body, length, &m) ? POI_ERR_SYNTAX
							   : registry_ne_index(v->loaded, &m.ne);
	if (ne < 0)
		return;
	r = kept_reports_find(k, (uint16_t)ne, &m.id);
	if (m.memo_length)
		(void)!kept_reports_adopt(k, (uint16_t)ne, &m.id, m.memo, m.memo_length, &r);
	else if (r)
		kept_reports_remove(k, r);
}

int task_store_write_report(struct task_store *v, const struct registry *r,
	const struct kept_report *report, bool gone)
{
	struct channel_memo m = {.ne = *registry_ne_id(r, report->ne),
		.id = report->key,
		.of = MEMO_REPORT,
		.memo = v->memo};
	int n = gone ? 0 : kept_report_memo(report, v->memo);

	if (n < 0)
		return n;
	m.memo_length = (uint32_t)n;
	return task_store_append_body(v, REPORT,
		channel_encode_memo(v->record, sizeof(v->record), CHANNEL_REPORT_STATE, 0, &m));
}

int task_store_put_report(
	struct task_store *v, const struct registry *r, const struct kept_report *report)
{
	return v->failed ? POI_ERR_IO : task_store_write_report(v, r, report, false);
}

int task_store_remove_report(
	struct task_store *v, const struct registry *r, const struct kept_report *report)
{
	return v->failed ? POI_ERR_IO : task_store_write_report(v, r, report, true);
}

int task_store_take_reports(struct task_store *v, struct registry *r)
{
	struct kept_report *report, *mine;
	int first = 0;

	if (!v->loaded)
		return 0;
	report = kept_reports_first(registry_reports(v->loaded));
	for (; report; report = kept_reports_next(report)) {
		int n = kept_report_memo(report, v->memo);
		int rc = n < 0 ? n
			       : kept_reports_adopt(registry_reports(r), report->ne, &report->key,
					 v->memo, (size_t)n, &mine);
		first = first ? first : rc;
	}
	return first;
}
