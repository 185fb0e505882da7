// What tasks have lost, and how one task stands.

#include "dataplane/builder/builder_internal.h"

// Fills what `t` has lost so far and by which reason most of it.
static uint64_t losses_of(const struct builder *e, const struct task_entry *t, uint8_t *reason)
{
	struct copy_balance b = {0};
	struct slot_counters c;

	deliver_slot_balance(e->deliver, t->hold->slot, &b);
	task_counters_read(e->slots, t->hold->slot, &c);
	*reason = 0;
	for (unsigned i = 0; i < LOSS_COUNT; i++) {
		b.lost[i] += c.lost[i];
		if (b.lost[i] > b.lost[*reason])
			*reason = (uint8_t)i;
	}
	return copy_balance_lost(&b);
}

static bool loss_event(
	struct builder *e, struct task_entry *t, const struct builder_losses *l, bool may_report)
{
	struct loss_debounce *w = &t->hold->loss;
	struct channel_event event = {.ne = t->link.ne, .id = t->link.id};
	bool was = w->active;
	uint64_t total = losses_of(e, t, &event.loss);
	enum loss_change change = loss_debounce_look(w, total, l->now_ms, may_report);

	e->losing += (uint32_t)w->active - (uint32_t)was;
	if (change == LOSS_SAME)
		return false;
	event.kind = change == LOSS_OVER ? EVENT_TASK_CLEAR : EVENT_TASK_LOSS;
	event.copies = total - w->before;
	l->report(l->context, &event);
	return true;
}

bool builder_losses(struct builder *e, const struct builder_losses *l)
{
	struct task_entry **at = task_table_cursor(e->task_table, TASK_TABLE_CURSOR_LOSSES);
	uint32_t events = 0;

	if (!e->losses_scanning) {
		if (l->copies_lost == e->copies_lost && e->losing == 0)
			return true;
		e->losses_scanning = true;
		e->copies_lost = l->copies_lost;
		*at = task_entry_first(e->task_table);
	}
	for (uint32_t n = 0; *at && n < l->tasks; n++) {
		struct task_entry *t = *at;
		*at = task_entry_next(t);
		if (t->hold)
			events += loss_event(e, t, l, events < l->events);
	}
	e->losses_scanning = *at != NULL;
	return !e->losses_scanning;
}

void builder_task_status(
	const struct builder *e, const struct channel_object *of, struct channel_task_status *out)
{
	const struct task_entry *t = task_entry_find(e->task_table, &of->ne, &of->id);
	struct slot_counters c;

	*out = (struct channel_task_status){.ne = of->ne, .xid = of->id};
	if (!t || !t->hold) {
		out->result = POI_ERR_NOT_FOUND;
		return;
	}
	struct copy_balance *b = &out->copies;
	// Copies that ended first: offered grows before any ends, so queued is never negative.
	deliver_slot_balance(e->deliver, t->hold->slot, b);
	task_counters_read(e->slots, t->hold->slot, &c);
	b->matched = c.matched;
	b->offered = c.offered;
	for (int i = 0; i < LOSS_COUNT; i++)
		b->lost[i] += c.lost[i];
	uint64_t gone = b->acknowledged + b->in_doubt + copy_balance_lost(b);
	b->queued = gone < b->offered ? b->offered - gone : 0;
	out->x2_octets = c.x2_octets;
	out->x3_octets = c.x3_octets;
	out->last_intercept_ns = c.last_ns;
	out->follows = t->hold->bound != NULL;
	out->sessions = t->hold->bound ? bindings_sessions(t->hold->bound) : 0;
}
