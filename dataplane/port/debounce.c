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
	struct loss_debounce *w, uint64_t total, uint64_t now_ms, bool may_tell)
{
	if (total > w->seen) {
		if (!w->active)
			w->before = w->seen;
		w->active = w->news = true;
		w->last_ms = now_ms;
		w->seen = total;
	}
	if (!w->active || !may_tell)
		return LOSS_SAME;
	if (w->news && (!w->told || now_ms - w->event_ms >= LOSS_EVENT_MS)) {
		bool first = !w->told;
		w->told = true;
		w->news = false;
		w->event_ms = now_ms;
		return first ? LOSS_BEGINS : LOSS_GROWS;
	}
	if (!w->news && now_ms - w->last_ms >= LOSS_QUIET_MS) {
		w->active = w->told = false;
		return LOSS_OVER;
	}
	return LOSS_SAME;
}
