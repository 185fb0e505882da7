// Walks over the tasks of one network element or of all, a slice a turn.
#include "control/state/task_walk.h"

static void leave_element(struct task_walk *w)
{
	if (w->walking)
		registry_cursor_end(&w->cursor);
	w->walking = false;
}

static enum slice_result step(void *context)
{
	struct task_walk *w = context;

	if (w->ne >= w->n_nes)
		return SLICE_DONE;
	if (!w->walking)
		registry_cursor_begin(w->registry, w->ne, &w->cursor);
	w->walking = true;
	struct registry_task *t = registry_cursor_task(&w->cursor);
	if (t && t->order <= w->last) {
		w->use->each(w->context, t);
		return SLICE_MORE;
	}
	leave_element(w);
	w->ne++;
	return SLICE_MORE;
}

static void done(void *context)
{
	struct task_walk *w = context;

	if (w->use->done)
		w->use->done(w->context);
}

void task_walk_begin(struct task_walk *w, struct slices *s, struct registry *r, uint16_t ne,
	const struct task_walk_use *use, void *context)
{
	bool all = ne == TASK_WALK_ALL;

	*w = (struct task_walk){.slices = s,
		.registry = r,
		.use = use,
		.context = context,
		.last = registry_order(r),
		.ne = all ? 0 : ne,
		.n_nes = all ? registry_nes(r) : (uint16_t)(ne + 1)};
	slice_begin(s, &w->slice, step, done, w);
}

void task_walk_stop(struct task_walk *w)
{
	leave_element(w);
	if (w->slices)
		slice_end(w->slices, &w->slice);
}
