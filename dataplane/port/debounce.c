#include "dataplane/port/debounce.h"

enum debounce_change debounce_look(
	struct debounce *w, bool right, unsigned patience, unsigned relief)
{
	w->wrong = right ? 0 : w->wrong + 1;
	w->right = right ? w->right + 1 : 0;
	if (!w->fault && w->wrong >= patience) {
		w->fault = true;
		return DEBOUNCE_FAULT;
	}
	if (w->fault && w->right >= relief) {
		w->fault = false;
		return DEBOUNCE_CLEAR;
	}
	return DEBOUNCE_SAME;
}

enum loss_change loss_debounce_look(
	struct loss_debounce *w, uint64_t total, uint64_t now_ms, bool may_report)
{
	if (total > w->seen) {
		if (!w->active)
			w->before = w->seen;
		w->active = w->pending = true;
		w->last_ms = now_ms;
		w->seen = total;
	}
	if (!w->active || !may_report)
		return LOSS_SAME;
	if (w->pending && (!w->reported || now_ms - w->event_ms >= LOSS_EVENT_MS)) {
		bool first = !w->reported;
		w->reported = true;
		w->pending = false;
		w->event_ms = now_ms;
		return first ? LOSS_BEGINS : LOSS_GROWS;
	}
	if (!w->pending && now_ms - w->last_ms >= LOSS_QUIET_MS) {
		w->active = w->reported = false;
		return LOSS_OVER;
	}
	return LOSS_SAME;
}
