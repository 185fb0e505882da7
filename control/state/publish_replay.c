// Brings a dataplane whose state was streamed to the truth: looks at each object, in slices, and
// puts what differs, a window of requests at a time. The complete flag is cleared before the first
// difference of tasks and destinations, and set again after the last.
#include "control/state/publish_internal.h"

#include <stdlib.h>

#include "shared/log.h"

#define REPLAY_WINDOW 512 // requests under way during a replay

struct replayed { // context of one request of the replay
	struct publish *p;
	struct publish_todo todo;
	uint32_t round;
};

static bool removes(const struct publish_todo *t)
{
	return t->id == CHANNEL_TASK_REMOVE || t->id == CHANNEL_DESTINATION_REMOVE ||
	       t->id == CHANNEL_MEMO_PUT;
}

static void note_destination(struct publish *p, const struct publish_todo *t, int result)
{
	struct registry_destination *d = NULL;

	if (t->ne != UINT16_MAX)
		d = registry_destination_find(p->registry, t->ne, &t->object);
	if (t->id == CHANNEL_DESTINATION_PUT && !result && d)
		d->ready = true;
	else if (t->id == CHANNEL_DESTINATION_REMOVE && result && d && d->gone)
		d->gone(d->gone_context, 0, NULL); // no event will report it
}

static void on_replayed(void *context, int result, const struct channel_task_status *status)
{
	struct replayed *done = context;
	struct publish *p = done->p;
	const struct publish_todo *t = &done->todo;

	if (result == POI_ERR_CLOSED || done->round != p->recover.round) {
		free(done);
		return;
	}
	p->replay.in_flight--;
	bool gone = result == POI_ERR_NOT_FOUND && removes(t);
	if (result && !gone)
		log_error("channel: message %u of the replay failed: %s", t->id,
			poi_error_text(result));
	note_destination(p, t, result);
	if (t->id == CHANNEL_TASK_PUT || t->id == CHANNEL_DESTINATION_PUT)
		p->hooks.replayed(
			p->context, t->id == CHANNEL_DESTINATION_PUT, t->ne, &t->object, result);
	// A task that was given up for it is not missing.
	p->replay.failed |=
		result && !gone &&
		(t->id != CHANNEL_TASK_PUT || registry_task_find(p->registry, t->ne, &t->object));
	free(done);
	slice_wake(p->slices, &p->replay.slice);
}

// As it is now: what is not there any more is gone there too.
static int put_memo(struct publish *p, const struct publish_todo *t, void *context)
{
	struct publish_memo m = {.ne = &t->ne_id, .id = &t->object, .of = t->of};

	if (t->ne != UINT16_MAX && t->of == MEMO_OBJECT)
		m.object = objects_find(registry_objects(p->registry), t->ne, &t->object);
	else if (t->ne != UINT16_MAX)
		m.report = kept_reports_find(registry_reports(p->registry), t->ne, &t->object);
	return publish_memo(p, &m, on_replayed, context);
}

// NOT_FOUND: nothing is left to do for this entry.
static int put_one(struct publish *p, const struct publish_todo *t, void *context)
{
	struct channel_object o = {.ne = t->ne_id, .id = t->object};
	const struct registry_destination *d;
	const struct registry_task *task;

	switch (t->id) {
	case CHANNEL_NE_PUT:
		return publish_ne_put(p, t->ne, on_replayed, context);
	case CHANNEL_DESTINATION_PUT:
		d = registry_destination_find(p->registry, t->ne, &t->object);
		if (!d || (d->removing && !d->gone))
			return POI_ERR_NOT_FOUND;
		return publish_destination_put(p, d, on_replayed, context);
	case CHANNEL_TASK_PUT:
		task = registry_task_find(p->registry, t->ne, &t->object);
		if (!task || task->removing)
			return POI_ERR_NOT_FOUND;
		return publish_task_put(p, task, on_replayed, context);
	case CHANNEL_MEMO_PUT:
		return put_memo(p, t, context);
	default:
		return publish_submit(p,
			channel_encode_object(
				p->scratch, sizeof(p->scratch), t->id, publish_next(p), &o),
			on_replayed, context);
	}
}

static bool concerns_tasks(const struct publish_todo *t)
{
	bool report = t->id == CHANNEL_MEMO_PUT && t->of == MEMO_REPORT;

	return t->id != CHANNEL_NE_PUT && !report && t->ne != UINT16_MAX;
}

// 0, or what ends the connection.
static int put(struct publish *p, const struct publish_todo *todo)
{
	int rc = p->peer_complete && concerns_tasks(todo) ? publish_set_complete(p, false) : 0;
	struct replayed *context = rc ? NULL : malloc(sizeof(*context));

	if (!context)
		return rc ? rc : POI_ERR_NOMEM;
	*context = (struct replayed){p, *todo, p->recover.round};
	rc = put_one(p, &context->todo, context);
	if (!rc) {
		p->replay.in_flight++;
		return 0;
	}
	free(context);
	return rc == POI_ERR_NOT_FOUND ? 0 : rc;
}

static int put_object(struct publish *p, uint16_t id, uint16_t ne, const struct id16 *object)
{
	struct publish_todo todo = {
		.id = id, .ne = ne, .ne_id = *registry_ne_id(p->registry, ne), .of = MEMO_REPORT};

	if (object)
		todo.object = *object;
	return put(p, &todo);
}

// Phases: each step does one object. AGAIN: the phase goes on; 0: it is over.

static int restoring(struct publish *p)
{
	int rc = p->restoring ? p->hooks.restore(p->context) : 0;

	p->restoring = rc == POI_ERR_AGAIN;
	if (!p->restoring)
		publish_recover_events(p);
	return rc;
}

static int elements(struct publish *p)
{
	struct publish_replay *r = &p->replay;

	if (r->ne >= registry_nes(p->registry))
		return 0;
	int rc = put_object(p, CHANNEL_NE_PUT, r->ne++, NULL);
	return rc ? rc : POI_ERR_AGAIN;
}

// Removes surplus objects, left on the list by the stream: tasks, reports and tombstones first,
// destinations after the tasks.
static int surplus(struct publish *p)
{
	struct publish_replay *r = &p->replay;

	if (r->index >= p->recover.n_todo)
		return 0;
	const struct publish_todo *s = &p->recover.todo[r->index++];
	int rc = 0;
	if (s->id == CHANNEL_TOMBSTONE_CLEAR)
		p->hooks.wiped(p->context, s->ne, &s->object);
	else if (s->id == CHANNEL_TASK_REMOVE || s->id == CHANNEL_MEMO_PUT)
		rc = put(p, s);
	return rc ? rc : POI_ERR_AGAIN;
}

static int surplus_destinations(struct publish *p)
{
	struct publish_replay *r = &p->replay;

	if (r->index >= p->recover.n_todo)
		return 0;
	const struct publish_todo *s = &p->recover.todo[r->index++];
	int rc = s->id == CHANNEL_DESTINATION_REMOVE ? put(p, s) : 0;
	return rc ? rc : POI_ERR_AGAIN;
}

static int reports(struct publish *p)
{
	struct publish_replay *r = &p->replay;

	if (!r->walking)
		kept_reports_cursor_begin(registry_reports(p->registry), &r->reports);
	r->walking = true;
	struct kept_report *report = kept_reports_cursor_next(&r->reports);
	if (!report) {
		kept_reports_cursor_end(&r->reports);
		r->walking = false;
		p->reports_dataplane = registry_dataplane(p->registry);
		return 0;
	}
	if (p->reports_dataplane != registry_dataplane(p->registry))
		report->held = false; // the tombstone went with its dataplane
	if (report->held || report->seen == p->recover.round)
		return POI_ERR_AGAIN;
	report->seen = p->recover.round;
	int rc = put_object(p, CHANNEL_MEMO_PUT, report->ne, &report->key);
	return rc ? rc : POI_ERR_AGAIN;
}

// Before what names them.
static int objects(struct publish *p)
{
	struct publish_replay *r = &p->replay;

	if (!r->walking && r->ne >= registry_nes(p->registry))
		return 0;
	if (!r->walking)
		objects_cursor_begin(registry_objects(p->registry), r->ne, &r->objects);
	r->walking = true;
	struct object *o = objects_cursor_next(&r->objects);
	if (!o) {
		objects_cursor_end(&r->objects);
		r->walking = false;
		r->ne++;
		return POI_ERR_AGAIN;
	}
	if (o->seen == p->recover.round)
		return POI_ERR_AGAIN;
	struct publish_todo todo = {.id = CHANNEL_MEMO_PUT,
		.ne = o->ne,
		.ne_id = *registry_ne_id(p->registry, o->ne),
		.object = o->details.id,
		.of = MEMO_OBJECT};
	o->seen = p->recover.round;
	int rc = put(p, &todo);
	return rc ? rc : POI_ERR_AGAIN;
}

// The walk over network elements. False: it is over.
static bool walk(struct publish *p)
{
	struct publish_replay *r = &p->replay;

	if (!r->walking && r->ne >= registry_nes(p->registry))
		return false;
	if (!r->walking)
		registry_cursor_begin(p->registry, r->ne, &r->cursor);
	r->walking = true;
	return true;
}

static void next_element(struct publish *p)
{
	struct publish_replay *r = &p->replay;

	registry_cursor_end(&r->cursor);
	r->walking = false;
	r->ne++;
}

static int destinations(struct publish *p)
{
	if (!walk(p))
		return 0;
	struct registry_destination *d = registry_cursor_destination(&p->replay.cursor);
	int rc = 0;
	if (!d) {
		next_element(p);
	} else if (d->seen != p->recover.round) {
		rc = put_object(p, CHANNEL_DESTINATION_PUT, d->ne, &d->did);
	} else if (!d->ready) { // put before, its acknowledgement never came
		d->ready = true;
		p->hooks.replayed(p->context, true, d->ne, &d->did, 0);
	}
	return rc ? rc : POI_ERR_AGAIN;
}

// Its conditions and what it counted were of an earlier dataplane.
static void revive(struct publish *p, struct registry_task *t)
{
	if (t->dataplane == registry_dataplane(p->registry))
		return;
	publish_amounts_restarted(t);
	t->dataplane = registry_dataplane(p->registry);
	if (p->hooks.revived)
		p->hooks.revived(p->context, t);
}

static int task(struct publish *p, struct registry_task *t)
{
	int rc = 0;

	revive(p, t);
	if (t->seen != p->recover.round) {
		t->seen = p->recover.round;
		t->put = true;
		rc = put_object(p, CHANNEL_TASK_PUT, t->ne, &t->xid);
	} else if (t->state == TASK_AWAITING && !t->put) {
		const struct id16 xid = t->xid;
		p->hooks.replayed(p->context, false, t->ne, &xid, 0);
	}
	return rc;
}

// Where the fail-safe comes between, what it spares is back in the list when it is done.
static int tasks(struct publish *p)
{
	struct publish_replay *r = &p->replay;

	if (!walk(p))
		return 0;
	struct registry_task *t = registry_cursor_task(&r->cursor);
	int rc = t ? task(p, t) : 0;
	if (t || registry_batches(p->registry, r->ne))
		return rc ? rc : POI_ERR_AGAIN;
	bool cut = r->cursor.cut;
	next_element(p);
	r->ne -= cut; // once more
	return POI_ERR_AGAIN;
}

// Destinations that are removed and still owed something: put for their spool, removed again at the
// end, so that a new dataplane goes on draining them.
static int drained(struct publish *p)
{
	if (!walk(p))
		return 0;
	const struct registry_destination *d = registry_cursor_destination(&p->replay.cursor);
	int rc = 0;
	if (!d)
		next_element(p);
	else if (d->gone)
		rc = put_object(p, CHANNEL_DESTINATION_REMOVE, d->ne, &d->did);
	return rc ? rc : POI_ERR_AGAIN;
}

static int adopted(struct publish *p)
{
	if (!p->unsettled || !p->hooks.adopted || !walk(p))
		return 0;
	struct registry_task *t = registry_cursor_task(&p->replay.cursor);
	if (t)
		p->hooks.adopted(p->context, t);
	else
		next_element(p);
	return POI_ERR_AGAIN;
}

static int (*const phases[])(struct publish *p) = {restoring, elements, surplus, reports, objects,
	destinations, tasks, surplus_destinations, drained, NULL, adopted};

#define PHASES (sizeof(phases) / sizeof(phases[0]))

// Called when its last request was answered. 0, or what ends the connection.
static int finish(struct publish *p)
{
	bool adopting = p->recover.adopting;

	p->failed = p->replay.failed;
	// Before all that is accepted from now on.
	int rc = p->incomplete || p->failed || p->peer_complete ? 0 : publish_set_complete(p, true);
	if (rc)
		return rc;
	p->state = PUBLISH_READY;
	p->settled = true;
	p->unsettled = false;
	p->retry_ms = 50;
	publish_recover_stop(p);
	p->hooks.ready(p->context, adopting);
	return 0;
}

static enum slice_result step(void *context)
{
	struct publish *p = context;
	struct publish_replay *r = &p->replay;
	int (*phase)(struct publish *) = r->phase < PHASES ? phases[r->phase] : finish;

	if (r->in_flight >= REPLAY_WINDOW || (!phase && r->in_flight))
		return SLICE_WAIT;
	int rc = phase ? phase(p) : 0;
	if (rc == POI_ERR_AGAIN)
		return SLICE_MORE;
	if (rc) {
		publish_fail(p, poi_error_text(rc));
		event_active(p->writable, EV_WRITE, 0);
		return SLICE_DONE;
	}
	r->index = 0;
	r->ne = 0;
	return r->phase++ < PHASES ? SLICE_MORE : SLICE_DONE;
}

void publish_replay_start(struct publish *p)
{
	publish_replay_stop(p);
	p->state = PUBLISH_REPLAY;
	slice_begin(p->slices, &p->replay.slice, step, NULL, p);
}

void publish_replay_stop(struct publish *p)
{
	struct publish_replay *r = &p->replay;

	if (r->walking && phases[r->phase] == reports)
		kept_reports_cursor_end(&r->reports);
	else if (r->walking && phases[r->phase] == objects)
		objects_cursor_end(&r->objects);
	else if (r->walking)
		registry_cursor_end(&r->cursor);
	if (p->slices)
		slice_end(p->slices, &r->slice);
	*r = (struct publish_replay){0};
}
