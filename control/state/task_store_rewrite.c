// Writes the sealed store anew, an object at a time: the file stays the truth, and what changes
// meanwhile is put to both, until the new one takes its place.
#include "control/state/task_store_internal.h"

#define SYNC_OCTETS (4u << 20) // written between two syncs: none of them waits long

static void end_walks(struct task_store *v)
{
	struct task_store_rewriting *w = &v->rewriting;

	if (w->in_reports)
		kept_reports_cursor_end(&w->reports);
	if (w->in_objects)
		objects_cursor_end(&w->objects);
	if (w->in_element)
		registry_cursor_end(&w->cursor);
	*w = (struct task_store_rewriting){0};
}

void task_store_rewrite_stop(struct task_store *v)
{
	if (!v->aside)
		return;
	end_walks(v);
	task_store_abandon(v);
}

bool task_store_rewriting(const struct task_store *v)
{
	return v->aside != NULL;
}

int task_store_rewrite_begin(struct task_store *v, const struct registry *r)
{
	struct task_store_rewriting *w = &v->rewriting;
	int rc = 0;

	task_store_rewrite_stop(v);
	v->aside = sealed_file_aside(v->sealed);
	if (!v->aside) {
		v->failed = true;
		return POI_ERR_IO;
	}
	v->rewrites++;
	v->puts = v->put_octets = 0;
	kept_reports_cursor_begin(registry_reports(r), &w->reports);
	w->in_reports = true;
	v->only_aside = true;
	if (v->restoring_here && v->loaded) { // the restoration is not over yet
		v->record[0] = RESTORING;
		rc = task_store_append(v, 1);
	}
	for (uint16_t ne = 0; ne < registry_nes(r) && !rc; ne++) {
		if (v->element[ne].contact_s)
			rc = task_store_write_contact(
				v, registry_ne_id(r, ne), v->element[ne].contact_s);
		if (!rc && v->element[ne].memo)
			rc = task_store_write_element(v, r, ne);
	}
	v->only_aside = false;
	if (!rc)
		return 0;
	task_store_rewrite_stop(v);
	v->failed = true;
	return POI_ERR_IO;
}

// Writes the next object. 1: there is none; 0, or why it could not be.
static int write_next(struct task_store *v, struct registry *r)
{
	struct task_store_rewriting *w = &v->rewriting;
	const struct kept_report *report =
		w->in_reports ? kept_reports_cursor_next(&w->reports) : NULL;

	if (report)
		return task_store_write_report(v, r, report, false);
	if (w->in_reports)
		kept_reports_cursor_end(&w->reports);
	w->in_reports = false;
	if (!w->in_element && w->ne >= registry_nes(r))
		return 1;
	if (!w->in_element) {
		objects_cursor_begin(registry_objects(r), w->ne, &w->objects);
		registry_cursor_begin(r, w->ne, &w->cursor);
		w->in_objects = w->in_element = true;
	}
	const struct object *o = w->in_objects ? objects_cursor_next(&w->objects) : NULL;
	if (o) // ahead of what names it
		return task_store_write_object(v, r, o);
	if (w->in_objects)
		objects_cursor_end(&w->objects);
	w->in_objects = false;
	const struct registry_destination *d = registry_cursor_destination(&w->cursor);
	if (d)
		return d->gone ? 0 : task_store_write_destination(v, r, d);
	const struct registry_task *t = registry_cursor_task(&w->cursor);
	if (t)
		return t->removing ? 0 : task_store_write_task(v, r, t);
	registry_cursor_end(&w->cursor);
	w->in_element = false;
	w->ne++;
	return 0;
}

// The new file takes the old one's place.
static int finish(struct task_store *v)
{
	struct sealed_file *aside = v->aside;

	end_walks(v);
	v->aside = NULL;
	v->rewrites++;
	v->failed = sealed_file_replace(v->sealed, aside) != 0;
	v->dirty = false;
	if (v->failed)
		return POI_ERR_IO;
	v->durable = v->position;
	return 0;
}

int task_store_rewrite_step(struct task_store *v, struct registry *r)
{
	struct task_store_rewriting *w = &v->rewriting;
	int rc = POI_ERR_IO;

	if (v->aside) { // else a change could not be put to it
		v->only_aside = true;
		rc = write_next(v, r);
		v->only_aside = false;
	}
	if (rc == 1)
		return finish(v);
	if (!rc && w->unsynced >= SYNC_OCTETS) {
		w->unsynced = 0;
		rc = sealed_file_sync(v->aside);
	}
	if (!rc)
		return POI_ERR_AGAIN;
	end_walks(v);
	task_store_abandon(v);
	v->failed = true;
	return POI_ERR_IO;
}

int task_store_rewrite(struct task_store *v, struct registry *r)
{
	int rc = task_store_rewrite_begin(v, r);

	while (!rc || rc == POI_ERR_AGAIN) {
		rc = task_store_rewrite_step(v, r);
		if (!rc)
			return 0;
	}
	return rc;
}
