// Reports the losses of tasks, and one task's state.

#include "dataplane/builder/builder_internal.h"

// Fills what `t` has lost so far and by which reason most of it.
static uint64_t losses_of(const struct builder *b, const struct task_entry *t, uint8_t *reason)
{
	struct copy_balance copies = {0};
	struct slot_counters c;

	deliver_slot_balance(b->deliver, t->resources->slot, &copies);
	task_counters_read(b->counters, t->resources->slot, &c);
	*reason = 0;
	for (unsigned i = 0; i < LOSS_COUNT; i++) {
		copies.lost[i] += c.lost[i];
		if (copies.lost[i] > copies.lost[*reason])
			*reason = (uint8_t)i;
	}
	return copy_balance_lost(&copies);
}

static bool loss_event(
	struct builder *b, struct task_entry *t, const struct builder_losses *l, bool may_report)
{
	struct loss_debounce *w = &t->resources->loss;
	struct channel_event event = {.ne = t->link.ne, .id = t->link.id};
	bool was = w->active;
	uint64_t total = losses_of(b, t, &event.loss);
	enum loss_change change = loss_debounce_look(w, total, l->now_ms, may_report);

	b->losing += (uint32_t)w->active - (uint32_t)was;
	if (change == LOSS_SAME)
		return false;
	event.kind = change == LOSS_OVER ? EVENT_TASK_CLEAR : EVENT_TASK_LOSS;
	event.copies = total - w->before;
	l->report(l->context, &event);
	return true;
}

bool builder_losses(struct builder *b, const struct builder_losses *l)
{
	struct task_entry **at = task_table_cursor(b->task_table, TASK_TABLE_CURSOR_LOSSES);
	uint32_t events = 0;

	if (!b->losses_scanning) {
		if (l->copies_lost == b->copies_lost && b->losing == 0)
			return true;
		b->losses_scanning = true;
		b->copies_lost = l->copies_lost;
		*at = task_entry_first(b->task_table);
	}
	for (uint32_t n = 0; *at && n < l->tasks; n++) {
		struct task_entry *t = *at;
		*at = task_entry_next(t);
		if (t->resources)
			events += loss_event(b, t, l, events < l->events);
	}
	b->losses_scanning = *at != NULL;
	return !b->losses_scanning;
}

static void task_stopped(const struct builder *b, const struct task_entry *t,
	void (*report)(void *context, struct channel_event *e), void *context)
{
	struct channel_event e = {
		.kind = EVENT_TASK_LOSS, .ne = t->link.ne, .id = t->link.id, .loss = LOSS_STOPPED};
	struct copy_balance copies = {0};

	deliver_slot_balance(b->deliver, t->resources->slot, &copies);
	e.copies = copies.lost[LOSS_STOPPED];
	if (e.copies == 0)
		return;
	report(context, &e);
	e.kind = EVENT_TASK_CLEAR; // it ended with the process
	report(context, &e);
}

void builder_stopped(struct builder *b,
	void (*report)(void *context, struct channel_event *e), void *context)
{
	for (const struct task_entry *t = task_entry_first(b->task_table); t; t = task_entry_next(t))
		if (t->resources)
			task_stopped(b, t, report, context);
	deliver_stopped(b->deliver, report, context);
}

void builder_task_status(
	const struct builder *b, const struct channel_object *of, struct channel_task_status *out)
{
	const struct task_entry *t = task_entry_find(b->task_table, &of->ne, &of->id);
	struct slot_counters c;

	*out = (struct channel_task_status){.ne = of->ne, .xid = of->id};
	if (!t || !t->resources) {
		out->result = POI_ERR_NOT_FOUND;
		return;
	}
	struct copy_balance *copies = &out->copies;
	// Copies that ended first: offered grows before any ends, so queued is never negative.
	deliver_slot_balance(b->deliver, t->resources->slot, copies);
	task_counters_read(b->counters, t->resources->slot, &c);
	copies->matched = c.matched;
	copies->offered = c.offered;
	copies->cut = c.cut;
	for (int i = 0; i < LOSS_COUNT; i++)
		copies->lost[i] += c.lost[i];
	uint64_t gone = copies->acknowledged + copies->in_doubt + copy_balance_lost(copies);
	copies->queued = gone < copies->offered ? copies->offered - gone : 0;
	out->x2_octets = c.x2_octets;
	out->x3_octets = c.x3_octets;
	out->last_intercept_ns = c.last_ns;
	out->follows = t->resources->bound && bindings_follows(t->resources->bound);
	out->sessions = t->resources->bound ? bindings_sessions(t->resources->bound) : 0;
}
