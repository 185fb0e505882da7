// When the silence of a network element's ADMF is reported, and when it ends the tasks (decision
// 13).

#include "dataplane/tasks/task_table.h"

int ne_entry_heard(struct task_table *s, const struct id16 *ne, uint64_t at_ms)
{
	struct ne_entry *n = ne_entry_find(s, ne);

	if (!n)
		return POI_ERR_NOT_FOUND;
	if (at_ms + n->spent_ms < n->heard_ms) // it was on its way for long
		return POI_OK;
	n->heard_ms = at_ms;
	n->spent_ms = 0;
	n->armed = true;
	// A new controller repeats what the silence began with, a little late: only a contact that
	// came after it ends it, or one that was on its way when it was reported.
	if (at_ms + n->silence_ms / 2 >= n->silent_at_ms)
		n->silent = false;
	if (n->tombstones == 0)
		n->expired = false;
	return POI_OK;
}

static uint64_t remaining(const struct ne_entry *n, uint64_t limit_ms, uint64_t now_ms)
{
	uint64_t silent = n->spent_ms + (now_ms > n->heard_ms ? now_ms - n->heard_ms : 0);

	return silent >= limit_ms ? 0 : limit_ms - silent;
}

uint64_t ne_entry_remaining(const struct ne_entry *n, uint64_t now_ms)
{
	if (n->fail_safe_ms == 0 || !n->armed)
		return UINT64_MAX;
	return remaining(n, n->fail_safe_ms, now_ms);
}

bool ne_entry_is_silent(const struct ne_entry *n, uint64_t now_ms)
{
	return n->fail_safe_ms > 0 && (!n->armed || remaining(n, n->fail_safe_ms, now_ms) <= 1);
}

uint64_t ne_entry_silence_remaining(const struct ne_entry *n, uint64_t now_ms)
{
	if (n->silence_ms == 0 || n->silent || !n->armed)
		return UINT64_MAX;
	return remaining(n, n->silence_ms, now_ms);
}

struct ne_entry *ne_entry_fall_silent(struct task_table *s, uint64_t now_ms)
{
	struct ne_entry *n;

	for (n = ne_entry_first(s); n; n = ne_entry_next(n)) {
		if (ne_entry_silence_remaining(n, now_ms) > 0)
			continue;
		n->silent = true;
		n->silent_at_ms = now_ms;
		return n;
	}
	return NULL;
}

struct ne_entry *ne_entry_fire(struct task_table *s, uint64_t now_ms)
{
	struct ne_entry *n;

	for (n = ne_entry_first(s); n; n = ne_entry_next(n)) {
		if (ne_entry_remaining(n, now_ms) > 0)
			continue;
		n->armed = false;
		n->expired = true;
		return n;
	}
	return NULL;
}
